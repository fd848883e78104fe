"""What strangers found in the judge, continued: each case is the smallest that showed a fault."""

from __future__ import annotations

import pytest
from check_worlds import exact, holds, judged, verdicts

from chainrule.check.judge import judge
from chainrule.check.judge_shown import Case
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Part, Question, Sheet
from chainrule.check.verdicts import Mistake
from chainrule.formulas.calls import read

LEAST = Part("least", read("size m, n\ninput A[m, n], b[m]\nparameter x[n]\n"
                           "r[i] = sum(j) A[i,j]*x[j] - b[i]\nf = sum(i) r[i]^2\noutput f"),
             sizes={"m": 3, "n": 4})
QUADRATIC = Part("quadratic", read("size n\ninput A[n, n], b[n]\nparameter x[n]\n"
                                   "q = (sum(i,j) x[i]*A[i,j]*x[j]) + sum(i) b[i]*x[i]\n"
                                   "output q"), sizes={"n": 3})
TRACE = Part("trace", read("size n, m, k\ninput A[n, m], X[m, k], B[k, n]\n"
                           "f = sum(i,j,l) A[i,j]*X[j,l]*B[l,i]\noutput f"),
             sizes={"n": 2, "m": 3, "k": 4})
LINE = Part("line", read("input x, y\nparameter w, b\nJ = (w*x + b - y)^2\noutput J"),
            {"x": exact(2), "y": exact(1), "w": exact(3), "b": exact("0.5")})
BATCH = Part("batch", read("input X[2, 2]\nparameter W1[2, 2], b1[2]\n"
                           "Z[n,h] = sum(d) X[n,d]*W1[d,h] + b1[h]\nL = sum(n,h) Z[n,h]\n"
                           "output L"),
             {"X": exact([[1, 0], ["0.5", -1]]), "W1": exact([["0.5", -1], [1, "0.5"]]),
              "b1": exact([0, "0.5"])},
             names={"W1": ("W_1",), "b1": ("b_1",), "Z": ("Z^{(1)}",)})
CELL = Part("cell", read("input x, h\nparameter W, U\nf = sigmoid(W*x + U*h)\noutput f"),
            names={"x": ("x_t",), "h": ("h_{t-1}",), "W": ("W_f",), "f": ("f_t",)})
JOINED = Part("joined", read("input W[4, 5], h[3], x[2]\n"
                             "z[i] = (sum(j < 3) W[i,j]*h[j]) + sum(k < 2) W[i,k+3]*x[k]\n"
                             "L = sum(i) z[i]\noutput L"))
SPREAD = Part("spread", read("size n\ninput p[n], q[n], x[n]\nH = -sum(i) p[i]*ln(p[i])\n"
                             "C = -sum(i) p[i]*ln(q[i])\nm = (sum(i) x[i])/4\n"
                             "v = (sum(i) (x[i] - m)^2)/4\noutput H, C, v"),
              {"p": exact(["0.5", "0.25", "0.125", "0.125"]),
               "q": exact(["0.25", "0.25", "0.25", "0.25"]), "x": exact([4, 4, 10, 2])})


@pytest.mark.parametrize(("formula", "verdict"), [
    (r"\nabla f = 2A^\top(Ax - b)", "right"),
    (r"\nabla f(x) = 2A^\top(Ax - b)", "right"),
    (r"\nabla f = A^\top(Ax - b)", "wrong"),
    (r"\nabla f(x) = 2A^\top(Ax + b)", "wrong"),
])
def test_a_gradient_is_taken_by_the_one_parameter(formula: str, verdict: str) -> None:
    assert verdicts(judged(LEAST, f"${formula}$")) == [verdict]


def test_a_hessian_is_never_judged_as_a_gradient() -> None:
    assert verdicts(judged(LEAST, r"$\nabla^2 f = 2A^\top A$")) in (["right"], ["undecided"])
    assert verdicts(judged(LEAST, r"$\nabla_x^{2} f = 2A^\top A$")) in (["right"], ["undecided"])


def test_a_gradient_by_several_parameters_may_be_all_of_them_in_a_row() -> None:
    assert verdicts(judged(LINE, r"$\nabla J = (22, 11)$")) == ["right"]
    assert verdicts(judged(LINE, r"$\nabla J = 22$")) == ["right"]
    assert verdicts(judged(LINE, r"$\nabla J = (22, 12)$")) == ["undecided"]


def test_a_matrix_that_is_its_transpose_is_symmetric() -> None:
    assert verdicts(judged(QUADRATIC, r"If $A = A^\top$, $\nabla q = 2Ax + b$.")) == ["right"]
    assert verdicts(judged(QUADRATIC, r"If $A = A^\top$, $\nabla q = 3Ax + b$.")) == ["wrong"]
    assert verdicts(judged(QUADRATIC, r"$\nabla q = 2Ax + b$.")) == ["wrong"]


def test_the_search_for_a_reason_cannot_lose_a_verdict() -> None:
    def tripped(case: Case) -> tuple[Mistake, ...]:
        raise IndexError

    paper = read_paper(r"$\nabla f = A^\top(Ax - b)$", "paper.md")
    sheet = Sheet("s", "", {"least": LEAST}, ())
    report = judge(sheet, paper, read_claims(paper), explain=tripped)
    assert verdicts(report) == ["wrong"]
    assert any("IndexError" in remark for remark in report.remarks)


@pytest.mark.parametrize(("paper", "verdict"), [
    (r"$\frac{\partial f}{\partial X_{jl}} = A_{ij} B_{li}$", "undecided"),
    (r"$\frac{\partial f}{\partial X_{jl}} = 2 A_{ij} B_{li}$", "wrong"),
    (r"$\frac{\partial f}{\partial X_{jl}} = \sum_i A_{ij} B_{li}$", "right"),
])
def test_an_index_that_stands_twice_may_be_summed_over(paper: str, verdict: str) -> None:
    assert verdicts(judged(TRACE, paper)) == [verdict]


def test_where_a_paper_writes_its_sums_a_sum_that_is_missing_was_forgotten() -> None:
    both = (r"$f = \sum_i (AXB)_{ii}$" "\n\n"
            r"$\frac{\partial f}{\partial X_{jl}} = A_{ij} B_{li}$")
    assert verdicts(judged(LEAST, r"$f = r_i r_i$")) == ["wrong"]
    assert verdicts(judged(TRACE, both)) == ["right", "wrong"]
    assert verdicts(judged(TRACE, f"{both} (Einstein summation)")) == ["right", "right"]


@pytest.mark.parametrize(("formula", "right"), [
    (r"z = W [h, x]", True),
    (r"z = W \cdot [h; x]", True),
    (r"z = W [x, h]", False),
])
def test_a_list_behind_a_matrix_is_laid_end_to_end(formula: str, right: bool) -> None:
    assert holds(JOINED, formula).holds is right


def test_a_matrix_of_the_papers_own_for_two_inputs_is_not_called_wrong() -> None:
    assert verdicts(judged(CELL, r"$f_t = \sigma(W_f \cdot [h_{t-1}, x_t])$")) == ["undecided"]
    assert verdicts(judged(CELL, r"$f_t = \sigma(W_f x_t - U h_{t-1})$")) == ["wrong"]


def test_a_label_may_be_the_number_of_an_example_which_is_no_answer_for_all() -> None:
    asked = Question("1", "", "batch", "value", "Z", points=3)
    first = r"$Z^{(1)} = W_1^\top x^{(1)} + b_1 = \begin{bmatrix} 0.5 \\ -0.5 \end{bmatrix}$"
    report = judged(BATCH, first, asked)
    assert verdicts(report) == ["right", "right"]
    assert [q.points for q in report.questions] == [0]
    assert "wrong" in verdicts(judged(BATCH, first.replace("x^{(1)}", "x^{(2)}")))
    assert verdicts(judged(BATCH, r"$Z^{(1)} = X W_1 + b_1$")) == ["right"]
    alone = r"$Z^{(1)} = \begin{bmatrix} 0.5 \\ -0.5 \end{bmatrix}$"
    assert verdicts(judged(BATCH, alone)) == ["wrong"]


@pytest.mark.parametrize(("formula", "verdict"), [
    (r"v = E[x^2] - E[x]^2", "right"),
    (r"v = E[x^2] - E[x]", "undecided"),
    (r"v = \operatorname{Var}(x)", "right"),
    (r"C = H + D_{KL}(p \| q)", "right"),
    (r"C = H + KL(p||q)", "right"),
    (r"C = H - D_{KL}(p \| q)", "undecided"),
])
def test_means_and_divergences_are_known(formula: str, verdict: str) -> None:
    assert verdicts(judged(SPREAD, f"${formula}$")) == [verdict]


def test_a_change_is_a_name_of_the_papers_own() -> None:
    step = r"$\Delta w = -0.1 (2x(wx + b - y)) = -2.2$"
    assert verdicts(judged(LINE, step)) == ["right"]
    assert verdicts(judged(LINE, step.replace("2.2", "2.3"))) == ["wrong"]
