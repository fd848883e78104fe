"""Right answers that were once called wrong, and wrong ones that were called right."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_worlds import exact, holds, judged, softmax, verdicts

from chainrule.check.judge import judge
from chainrule.check.read import read_claims, read_formula, read_paper, shown
from chainrule.check.sheet import Part, Rounding
from chainrule.check.sheet_key import answer_paper
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import find_sheet, read_sheet
from chainrule.check.verdicts import Report
from chainrule.formulas.calls import read

SHEETS = Path(__file__).parent / "mutations" / "sheets"
LEAST = Part("least", read("size m, n\ninput A[m, n], b[m]\nparameter x[n]\n"
                           "r[i] = sum(j) A[i,j]*x[j] - b[i]\nL = (sum(i) r[i]^2)/2\noutput L"),
             sizes={"m": 3, "n": 3})
LAYER = Part("layer", read("size n, m, k\ninput A[n,m], X[m,k], B[k,n], b[k]\n"
                           "Z[i,j] = sum(l) A[i,l]*X[l,j] + b[j]\nL = sum(i,j) Z[i,j]\noutput L"),
             sizes={"n": 2, "m": 3, "k": 4})
RECTIFIER = Part("relu", read("input x\ng = max(0, x)\nH = heaviside(x)\noutput g"))
LOGISTIC = Part("logistic", read("input z, y\np = sigmoid(z)\n"
                                 "L = -y*ln(p) - (1-y)*ln(1-p)\noutput L"))
LAYERS = Part("layers", read("size a, b, c\ninput x[a]\nparameter W1[b, a], W2[c, b]\n"
                             "z1[i] = sum(j) W1[i,j]*x[j]\nz2[i] = sum(j) W2[i,j]*z1[j]\n"
                             "E = (sum(i) z2[i]^2)/2\noutput E"),
              sizes={"a": 2, "b": 3, "c": 4},
              names={"W1": ("W^{(1)}",), "W2": ("W^{(2)}",), "z1": ("z^{(1)}",),
                     "z2": ("z^{(2)}",), "x": ("z^{(0)}",)})


def checked(sheet: str, change: tuple[str, str] = ("", "")) -> Report:
    """The report on a sheet's own model answer, with one piece of it replaced."""
    path = SHEETS / f"{sheet}.md"
    found = read_sheet(path.read_text("utf-8"), path.name) if path.exists() else find_sheet(sheet)
    student = "1" if found.personal else ""
    text = answer_paper(found, student)
    assert change[0] in text
    paper = read_paper(text.replace(*change) if change[0] else text, "paper.md")
    return judge(personalised(found, student), paper, read_claims(paper), student)


def wrong(report: Report) -> list[str]:
    return [f"{j.claim.left.text} = {j.claim.right.text}" for j in report.judged
            if j.verdict in ("wrong", "follows", "undecided")]


@pytest.mark.parametrize("sheet", ["traces", "perceptron", "matrices"])
def test_a_model_answer_is_right_all_through(sheet: str) -> None:
    assert wrong(checked(sheet)) == []


def test_a_forgotten_path_of_an_adjoint_is_no_partial_sum() -> None:
    left_out = r" + \bar{v}_3 \frac{\partial v_3}{\partial v_0}"
    assert len(wrong(checked("traces", (left_out, "")))) >= 1


def test_an_adjoint_may_be_added_up_in_several_rows() -> None:
    part = Part("ad", read("input x\nv1 = x^2\nv2 = sin(x)\ny = v1 + v2\noutput y"),
                {"x": exact(2)})
    rows = r"""$x = 2$, $\bar y = 1$

| $v_0$ | $= x$ | $= 2$ |
|---|---|---|
| $v_1$ | $= v_0^2$ | $= 4$ |
| $v_2$ | $= \sin v_0$ | $= 0.9093$ |
| $\bar v_2$ | $= \bar y$ | $= 1$ |
| $\bar v_1$ | $= \bar y$ | $= 1$ |
| $\bar v_0$ | $= \bar v_2 \cos v_0$ | $= -0.4161$ |
"""
    again = "| $\\bar v_0$ | $= \\bar v_0 + \\bar v_1 2 v_0$ | $= 3.5839$ |\n"
    assert "wrong" in verdicts(judged(part, rows, rounding=Rounding(decimals=4)))
    assert "wrong" not in verdicts(judged(part, rows + again, rounding=Rounding(decimals=4)))


@pytest.mark.parametrize(("formula", "right"), [
    (r"\frac{\partial L}{\partial A} = r x^\top", True),
    (r"L = \frac{1}{2} r^\top r", True),
    (r"L = \frac{1}{2} (A x - b)^\top (A x - b)", True),
    (r"\frac{\partial L}{\partial x} = A^\top r", True),
    (r"\frac{\partial L}{\partial x} = r^\top A", True),
    (r"L = \frac{1}{2} r^2", True),
    (r"r x^\top = (A^\top x - b) x^\top", False),
    (r"r x^\top = x^\top (A x - b)", False),
    (r"L = \frac{1}{2} (A x - b) (A x - b)^\top", False),
    (r"\frac{\partial L}{\partial x} = A r", False),
    (r"\frac{\partial L}{\partial A} = x r^\top", False),
])
def test_transposes_say_which_way_vectors_lie(formula: str, right: bool) -> None:
    assert holds(LEAST, formula).holds is right


def test_rows_are_as_good_as_columns_but_not_both_at_once() -> None:
    part = Part("rows", read("size n, m\ninput x[n], W[n, m]\nz[j] = sum(i) x[i]*W[i,j]\n"
                             "L = (sum(j) z[j]^2)/2\noutput L"), sizes={"n": 3, "m": 3})
    assert holds(part, r"L = \frac{1}{2} x W (x W)^\top").holds
    assert holds(part, r"\frac{\partial L}{\partial W} = x^\top z").holds
    assert not holds(part, r"L = \frac{1}{2} (x W)^\top (x W)").holds


@pytest.mark.parametrize(("formula", "right"), [
    (r"Z = A X + b", True),
    (r"Z = A X + \mathbf{1} b^\top", True),
    (r"Z = A X - b", False),
    (r"Z = A X", False),
    (r"\sum_i B_{li} A_{ij} = (BA)_{lj}", True),
    (r"A_{ij} B_{li} = (A^T)_{ji} (B^T)_{il}", True),
    (r"A_{ij} = (A^\top)_{ji}", True),
    (r"\sum_i B_{li} A_{ij} = (BA)_{jl}", False),
])
def test_biases_go_to_each_row_and_brackets_have_subscripts(formula: str, right: bool) -> None:
    assert holds(LAYER, formula).holds is right


def test_a_free_number_is_drawn_on_both_sides_of_zero() -> None:
    assert holds(RECTIFIER, r"g(x) = x H(x)").holds
    assert not holds(RECTIFIER, r"g(x) = -x H(x)").holds


def test_a_sum_that_leaves_out_the_first_or_the_last_class_is_wrong() -> None:
    assert holds(softmax(), r"L = -\sum_{j=1}^K g_j \log p_j").holds
    assert not holds(softmax(), r"L = -\sum_{j=2}^K g_j \log p_j").holds
    assert not holds(softmax(), r"L = -\sum_{j=1}^{K-1} g_j \log p_j").holds


def test_terms_that_cancel_come_to_zero() -> None:
    assert holds(softmax(), r"\sum_i \frac{\partial p_i}{\partial z_1} = 0").holds


def test_the_letter_of_a_label_runs_over_the_layers() -> None:
    assert holds(LAYERS, r"z^{(l)} = W^{(l)} z^{(l-1)}").holds
    assert not holds(LAYERS, r"z^{(l)} = W^{(l)} z^{(l)}").holds
    assert holds(LAYERS, r"\frac{\partial E}{\partial W^{(l)}} = "
                         r"\frac{\partial E}{\partial z^{(l)}} z^{(l-1)\top}").verdict != "fails"


def test_a_primed_quantity_is_its_derivative_by_what_stands_in_its_bracket() -> None:
    assert holds(LOGISTIC, "L'(z) = p - y").holds
    assert not holds(LOGISTIC, "L'(z) = p + y").holds


def test_cases_of_a_number_that_is_drawn_are_tried_one_by_one() -> None:
    cases = r"L = \begin{cases} -\ln p & y = 1 \\ -\ln(%s) & y = 0 \end{cases}"
    assert verdicts(judged(LOGISTIC, f"${cases % '1 - p'}$"))[0] == "right"
    assert verdicts(judged(LOGISTIC, f"${cases % 'p'}$"))[0] == "wrong"


def test_an_own_name_for_what_the_program_computes_can_be_differentiated_by() -> None:
    paper = r"Let $u = Ax - b$. Then $\frac{\partial L}{\partial u} = %s$"
    assert verdicts(judged(LEAST, paper % r"u^\top")) == ["right"]
    assert verdicts(judged(LEAST, paper % r"2 u^\top")) == ["wrong"]


def test_a_gradient_set_to_zero_is_supposed_and_nothing_behind_it_is_wrong() -> None:
    paper = (r"Setting the gradient to zero, $\nabla L = 0 \Rightarrow A^T A x = A^T b$" "\n\n"
             r"$\nabla L = A^\top (A x - b)$")
    assert verdicts(judged(LEAST, paper)) == ["undecided", "right"]
    assert verdicts(judged(LEAST, r"$\nabla L = 0$")) == ["wrong"]


def test_what_follows_from_the_sum_of_given_numbers_is_no_accident() -> None:
    part = Part("given", read("input z[3], t[3]\np = softmax(z)\n"
                              "C = -sum(i) t[i]*ln(p[i])\noutput C"),
                {"z": exact([1, 2, "0.5"]), "t": exact(["0.2", "0.5", "0.3"])})
    assert verdicts(judged(part, r"$\frac{\partial C}{\partial z_3} = p_3 - t_3$")) == ["right"]
    assert verdicts(judged(part, r"$t_1 + t_3 = t_2$")) == ["wrong"]


def test_a_number_may_be_rounded_further_down_to_what_is_asked() -> None:
    part = Part("given", read("input x\ny = exp(x)\noutput y"), {"x": exact("0.7")})
    said = judged(part, "$y = 2.01375271 = 2.0138 = 2.01$", rounding=Rounding(decimals=4))
    assert verdicts(said) == ["right", "right", "wrong"]
    assert "too coarsely" in said.judged[-1].why


def test_products_of_rounded_numbers_are_held_to_what_is_asked() -> None:
    part = Part("given", read("input x\ns = sigmoid(x)\ny = 3*s*(1 - s)\noutput y"),
                {"x": exact("0.7")})
    assert verdicts(judged(part, r"$y = 3 \cdot 0.67 \cdot 0.33$",
                           rounding=Rounding(decimals=2))) == ["right"]
    assert verdicts(judged(part, r"$y = 3 \cdot 0.67 \cdot 0.23$",
                           rounding=Rounding(decimals=2))) == ["wrong"]


def test_a_size_is_not_taken_for_a_tensor_of_the_other_case() -> None:
    part = Part("mean", read("size m\ninput y[m]\nM = (sum(i) y[i]^2)/m\noutput M"),
                sizes={"m": (3, 4)})
    assert holds(part, r"M = \frac{1}{m} \sum_{i=1}^m y_i^2").holds


def test_a_number_with_a_subscript_is_a_new_name() -> None:
    part = Part("mean", read("input a, b\nJ = (a + b)/2\noutput J"),
                {"a": exact(2), "b": exact(4)})
    paper = "$J_1 = a = 2$\n\n$J_2 = b = 4$\n\n$J = \\frac{J_1 + J_2}{2} = 3$"
    report = judged(part, paper)
    assert not {"wrong", "undecided"} & {j.verdict for j in report.judged}


def test_a_delta_with_a_number_below_it_is_no_kronecker_delta() -> None:
    part = Part("given", read("input a\nb = a\noutput b"), {"a": exact(3)})
    paper = "Let $\\delta_{2} = (1, 2)$.\n\n$b = \\delta_{2,1} + \\delta_{2,2}$"
    assert verdicts(judged(part, paper)) != ["wrong"]


def test_numbers_put_into_a_formula_of_ones_own_are_no_claim_about_the_sheet() -> None:
    part = Part("given", read("input a\nb = a\noutput b"), {"a": exact(3)})
    paper = "With $o = \\frac{i - k + 2p}{s} + 1$:\n\n$o = \\frac{256 - 8 + 0}{2} + 1 = 125$"
    assert verdicts(judged(part, paper)) == ["right"]


def sides(text: str) -> list[str]:
    reading = read_claims(read_paper(text, "paper.md"))
    return [f"{shown(c.left.node)} = {shown(c.right.node)}" for c in reading.claims
            if c.left.node is not None and c.right.node is not None]


def test_a_table_typeset_as_an_array_is_read_row_by_row() -> None:
    array = (r"$$\begin{array}{|c|c|c|} \hline \text{row} & \text{rule} & \text{value} \\ \hline "
             r"v_1 & = x_1 & = 3 \\ \hline v_2 & = v_1^2 & = 9 \\ \hline \end{array}$$")
    assert sides(array) == ["v_1 = x_1", "x_1 = 3", "v_2 = (^ v_1 2)", "(^ v_1 2) = 9"]


def test_an_array_that_lines_up_a_chain_is_a_chain() -> None:
    assert sides(r"$$\begin{array}{rcl} a &=& b \\ &=& c \end{array}$$") == ["a = b", "b = c"]
    assert shown(read_formula(r"\begin{array}{cc} 1 & 2 \\ 3 & 4 \end{array}")[0].sides[0].node
                 ) == "<1, 2; 3, 4>"


@pytest.mark.parametrize(("formula", "right"), [
    ("q = p(1-p)^2", True),
    ("q = p (1-p)^2", True),
    ("q = p^2(1-p)", False),
])
def test_what_stands_behind_a_bracket_is_the_brackets_alone(formula: str, right: bool) -> None:
    part = Part("square", read("input z\np = sigmoid(z)\nq = p*(1-p)^2\noutput q"))
    assert holds(part, formula).holds is right
    assert holds(part, r"p^2 (1-p)^2 = (p(1-p))^2").holds


@pytest.mark.parametrize("whole", ["(p(1-p))^2", "(p (1-p))^2", r"\left( p(1 - p) \right)^2",
                                   "(p( 1-p ))^2", "[p(1-p)]^2", "(p(1-p))^{2}"])
def test_a_bracket_around_a_product_is_raised_as_a_whole(whole: str) -> None:
    part = Part("square", read("input z\np = sigmoid(z)\nq = p*(1-p)^2\nr = (p*(1-p))^2"))
    assert holds(part, f"r = {whole}").holds
    assert not holds(part, f"q = {whole}").holds
    for last in ("p(1-p)^2", "p( 1-p )^2", "p (1-p)^2", r"p \left( 1 - p \right)^2"):
        assert holds(part, f"q = {last}").holds
        assert not holds(part, f"r = {last}").holds


def test_a_matrix_before_a_bracket_is_a_factor() -> None:
    part = Part("affine", read("size n\ninput W[n,n], x[n], b[n]\n"
                               "q[i] = sum(j) W[i,j]*(x[j] + b[j])\noutput q"), sizes={"n": 3})
    assert holds(part, "q = W(x + b)").holds
    assert holds(part, r"q^\top = (x + b)^\top W^\top").holds
    assert not holds(part, "q = W(x - b)").holds


@pytest.mark.parametrize("one", [r"\mathbb{1}_{i=j}", r"\mathbf{1}\{i=j\}", r"\mathbb{I}(i=j)",
                                 "I[i=j]", r"1_{\{i=j\}}", "[i=j]", r"\delta_{ij}"])
def test_an_indicator_is_one_where_its_condition_holds(one: str) -> None:
    assert holds(softmax(), rf"\frac{{\partial p_i}}{{\partial z_j}} = p_i({one} - p_j)").holds
    assert not holds(softmax(), rf"\frac{{\partial p_i}}{{\partial z_j}} = p_i({one} + p_j)").holds


@pytest.mark.parametrize(("formula", "right"), [
    (r"\frac{\partial L}{\partial b} = \mathbf{1}^\top 2 (Y - T)", True),
    (r"\frac{\partial L}{\partial b} = \mathbf{1}^\top (Y - T)", False),
    (r"L = \|Y - T\|_F^2", True),
    (r"L = \|Y - T\|_2^2", True),
    (r"L = \|Y - T\|_1", False),
    (r"dW = X^\top dY", True),
    (r"dW = 2 X^\top (Y - T)", True),
    (r"dW = X^\top (Y - T)", False),
])
def test_ones_sum_norms_have_marks_and_dw_is_a_gradient(formula: str, right: bool) -> None:
    part = Part("rows", read("size m\ninput X[m,2], T[m,1]\nparameter W[2,1], b\n"
                             "Y[i,j] = sum(k) X[i,k]*W[k,j] + b\n"
                             "L = sum(i,j) (Y[i,j] - T[i,j])^2\noutput L"), sizes={"m": 3})
    assert holds(part, formula).holds is right


def test_a_failing_dw_may_be_a_differential_and_is_not_called_wrong() -> None:
    paper = r"$\mathrm{d}r = A dx$" "\n\n$dr = A dx$"
    assert "wrong" not in verdicts(judged(LEAST, paper))


def test_a_fraction_of_thousandths_is_a_printed_number() -> None:
    part = Part("gate", read("input x\nf = sigmoid(x)\noutput f"), {"x": exact("0.85")})
    assert verdicts(judged(part, "$f = 701/1000$", rounding=Rounding(decimals=3))) == ["right"]
    assert verdicts(judged(part, r"$f = \frac{70}{100}$",
                           rounding=Rounding(decimals=3))) == ["wrong"]


def test_a_printed_list_may_be_transposed() -> None:
    part = Part("column", read("input a\nparameter W[2,1]\ny[i] = W[i,0]*a\n"
                               "L = sum(i) y[i]^2\noutput L"),
                {"a": exact("0.333333"), "W": exact([["0.1"], ["0.7"]])})
    assert verdicts(judged(part, r"$\nabla_W L = (0.022, 0.156)^\top$",
                           rounding=Rounding(decimals=3))) == ["right"]
