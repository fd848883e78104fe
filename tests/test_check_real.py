"""How papers from other courses write: each case is the smallest that showed a fault."""

from __future__ import annotations

import pytest
from check_worlds import exact, judged, verdicts

from chainrule.check.claims import Reading
from chainrule.check.judge import judge
from chainrule.check.read import read_claims, read_paper
from chainrule.check.read.printing import shown
from chainrule.check.sheet import Part, Question, Rounding, Sheet
from chainrule.formulas.calls import read

NEURON = Part("neuron", read("input i_1\nparameter w_1, w_2\nnet_h1 = w_1*i_1\n"
                             "out_h1 = sigmoid(net_h1)\nE_o1 = (out_h1*w_2 - 1)^2/2\noutput E_o1"),
              {"i_1": exact("0.5"), "w_1": exact("0.8"), "w_2": exact("0.6")})
NORM = Part("norm", read("input x[N,D], G[N,D], e\nparameter gamma[D], beta[D]\n"
                         "mu[d] = (sum(n) x[n,d])/N\nvar[d] = (sum(n) (x[n,d] - mu[d])^2)/N\n"
                         "xhat[n,d] = (x[n,d] - mu[d])/sqrt(var[d] + e)\n"
                         "y[n,d] = gamma[d]*xhat[n,d] + beta[d]\nL = sum(n,d) G[n,d]*y[n,d]\n"
                         "output L"), sizes={"N": 3, "D": 4},
            names={"xhat": (r"\hat{x}",), "e": (r"\epsilon",), "var": (r"\sigma^2",)})
LINEAR = Part("linear", read("input X[n,d], y[n]\nparameter w[d]\n"
                             "J = sum(i) (sum(j) X[i,j]*w[j] - y[i])^2\noutput J"),
              sizes={"n": 4, "d": 3})
SOFTMAX = Part("softmax", read("input z[K]\nlabel y < K\np = softmax(z)\nL = -ln(p[y])\noutput L"),
               sizes={"K": 4})
WINDOW = Part("window", read("input A[3,3]\nOut[i,j] = A[i,j] + A[i+1,j+1] with i < 2, j < 2"),
              {"A": exact([[1, 2, 3], [4, 5, 6], [7, 8, 9]])})
SLOPE = Part("slope", read("input z_2\na_2 = sigmoid(z_2)\nL = a_2^2/2\noutput L"),
             {"z_2": exact("1.2")})


def claims(text: str) -> list[str]:
    """The claims of a text, each as its two sides."""
    found: Reading = read_claims(read_paper(text.encode(), "x.md"))
    return [f"{shown(c.left.node) if c.left.node else c.left.text} {c.relation} "
            f"{shown(c.right.node) if c.right.node else c.right.text}" for c in found.claims]


def test_a_bold_number_is_a_number() -> None:
    assert claims(r"$z = 0.95 + 1 = \mathbf{1.95}$") == ["z = (+ 0.95 1)", "(+ 0.95 1) = 1.95"]


@pytest.mark.parametrize(("text", "claim"), [
    (r"$\delta{_2} = s$", "delta_2 = s"),
    (r"$g = {1 \over n} s$", "g = (· (/ 1 n) s)"),
    (r"$\delta{ik} = 1$", "delta_{(· i k)} = 1"),
    (r"$x2 = w5$", "x_2 = w_5"),
    (r"$y = \frac u2$", "y = (/ u 2)"),
    (r"$\frac{\partial E}{\partial w5} = 1$", "(∂ E / w_5) = 1"),
    (r"$\text{softmax(z)}_i = q$", "(cell softmax(z) i) = q"),
    (r"$f = (e^{-u})'$", "f = (d (^ e (- u)) / u)"),
    (r"$v^{(2-1)} = v$", "(^ v (+ 2 (- 1))) = v"),
    (r"$S = X.T.dot(W)$", "S = (· (T X) dotW)"),
    ("所以y = 3x，因此", "y = (· 3 x)"),
])
def test_spellings_that_say_the_same_are_read_alike(text: str, claim: str) -> None:
    assert claims(text) == [claim]


@pytest.mark.parametrize("one", [r"\mathbb{1}(s > 0)", r"\mathbb{1}\left[ s > 0 \right]",
                                 r"\mathbf{1}_{\{s > 0\}}", r"I(s > 0)", r"1\{s > 0\}"])
def test_a_one_with_a_condition_behind_it_is_no_claim(one: str) -> None:
    assert claims(rf"$g = {one} \cdot x$") == ["g = (· 1 (truth (compare s > 0)) dotx)"]


def test_an_index_that_leaves_one_out_is_that_index_under_a_condition() -> None:
    assert "theta_i = 3" in claims(r"$\theta_{i \neq k} = 3$")


def test_letters_that_never_stand_alone_are_one_name() -> None:
    text = (r"$net_{h1} = w_1 i_1 = 0.4$ and $out_{h1} = \frac{1}{1 + e^{-net_{h1}}} = 0.5987$, so "
            r"$E_{o1} = \frac{1}{2} (w_2 out_{h1} - 1)^2$")
    assert verdicts(judged(NEURON, text)) == ["right"] * 5


def test_the_signs_of_a_quotation_are_no_relations() -> None:
    assert claims("> $$\n> a = b \\\\\n> &= 3\n> $$\n") == ["a = b", "b = 3"]


def test_list_items_are_no_chain() -> None:
    assert claims("- $h$ = 5 (height)\n- $k$ = 3 (kernel)\n") == ["h = 5", "k = 3"]


def test_lines_of_a_sum_in_a_fence_are_the_left_side_of_what_stands_below() -> None:
    text = "```\n(2×3) +\n(1×1)\n= 6 + 1\n= 7\n```\n\n```\n(1×1) + 4\n= 5\n```\n"
    assert [c.split(" = ")[1] for c in claims(text)] == ["(+ 6 1)", "7", "5"]


@pytest.mark.parametrize("listing", ["```python\nx = max(y)\n```", "<pre>\nx = max(y)\n</pre>"])
def test_a_program_is_no_working(listing: str) -> None:
    assert claims(listing) == []


def test_a_script_of_mathematics_is_a_formula() -> None:
    assert claims('<script type="math/tex; mode=display">\na = b\n</script>') == ["a = b"]


@pytest.mark.parametrize("text", [
    r"$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}$",
    r"$y = \gamma \cdot \hat{x} + \beta$",
    r"$\sigma_d^2 = \frac{1}{N} \sum_{n=1}^N (x_{nd} - \mu_d)^2$",
])
def test_a_vector_for_each_row_goes_with_the_rows_of_a_matrix(text: str) -> None:
    assert verdicts(judged(NORM, text)) == ["right"]


def test_a_gradient_that_is_set_to_zero_is_no_claim() -> None:
    text = "Set the gradient to zero:\n\n$$2 X^T X w - 2 X^T y = 0$$"
    assert verdicts(judged(LINEAR, text)) == []
    assert verdicts(judged(LINEAR, r"$\nabla_w J = 2 X^T X w - 2 X^T y = 0$"))[1] == "wrong"


def test_an_operator_may_take_all_that_stands_behind_it() -> None:
    gradient = r"\frac{\partial}{\partial z_k} z_k \log p_k"
    assert verdicts(judged(SOFTMAX, rf"${gradient} = \log p_k + z_k (1 - p_k)$")) == ["right"]
    assert verdicts(judged(SOFTMAX, rf"${gradient} = \log p_k - z_k (1 - p_k)$")) == ["wrong"]


def test_a_condition_in_the_sentence_above_holds_for_a_formula_below() -> None:
    said = "Now the other entries, where $j \\neq i$:\n\n"
    formula = r"$$\frac{\partial p_i}{\partial z_j} = -p_i p_j$$"
    assert verdicts(judged(SOFTMAX, said + formula))[-1] == "right"
    assert verdicts(judged(SOFTMAX, formula)) == ["wrong"]
    assert verdicts(judged(SOFTMAX, said + formula.replace("-", "")))[-1] == "wrong"


def test_sums_that_a_paper_says_it_leaves_out_are_made() -> None:
    both = r"We use the Einstein summation convention. $J = {} (X_{{ij}} w_j - y_i)^2$"
    known = r"We use the Einstein summation convention. $(X w)_i = X_{ij} w_j$"
    assert verdicts(judged(LINEAR, known)) == ["right"]
    assert verdicts(judged(LINEAR, both.format("2")))[-1] != "right"


def test_cells_are_counted_from_0_where_the_paper_does() -> None:
    assert verdicts(judged(WINDOW, "Out[0,0] = 6\n\nOut[1,1] = 14")) == ["right", "right"]
    assert verdicts(judged(WINDOW, "Out[0,0] = 6\n\nOut[1,1] = 6")) == ["right", "wrong"]


def test_a_number_of_several_digits_behind_an_approximate_sign_has_to_be_near() -> None:
    assert verdicts(judged(SLOPE, r"$\frac{1}{1 + e^{-1.2}} \approx 0.7685$")) == ["right"]
    assert verdicts(judged(SLOPE, r"$\frac{1}{1 + e^{-1.2}} \approx 0.7605$")) == ["wrong"]
    assert verdicts(judged(SLOPE, r"$\frac{1}{1 + e^{-1.2}} \approx 0.77$")) == ["right"]


def test_a_wrong_number_is_followed_where_the_sheet_goes_another_way() -> None:
    asked = (Question("1.a", "", "slope", "value", "a_2"),)
    sheet = Sheet("s", "", {"slope": SLOPE}, asked, rounding=Rounding(decimals=4))
    text = (r"$a_2 = 0.7805$" "\n\n"
            r"$\frac{\partial a_2}{\partial z_2} = \sigma'(z_2) = 0.7805 (1 - 0.7805)$")
    paper = read_paper(text.encode(), "x.md")
    report = judge(sheet, paper, read_claims(paper))
    assert [j.verdict for j in report.judged] == ["wrong", "right", "follows"]


def test_the_number_of_an_assignment_is_no_question_where_its_headings_are() -> None:
    text = "# Assignment 1\n\n## 2 Networks\n\n(b) $a = 3$\n"
    (claim,) = read_claims(read_paper(text.encode(), "x.md")).claims
    assert claim.context.path == (("question", "2"), ("part", "b"))


def test_a_condition_may_be_said_in_another_language() -> None:
    text = "当 $j = i$ 时:\n\n" r"$$\frac{\partial p_i}{\partial z_j} = p_i (1 - p_i)$$"
    assert verdicts(judged(SOFTMAX, text))[-1] == "right"


def test_a_component_may_be_given_by_the_whole_vector() -> None:
    residual = r"\frac{\partial J}{\partial w_k}"
    assert verdicts(judged(LINEAR, rf"${residual} = 2 X^T (X w - y)$")) == ["right"]
    assert verdicts(judged(LINEAR, rf"${residual} = X^T (X w - y)$")) == ["wrong"]
    assert verdicts(judged(LINEAR, r"$J = (X_{ij} w_j - y_i)^2$")) == ["wrong"]


def test_a_letter_may_be_another_quantity_under_another_heading() -> None:
    part = Part("cut", read("input n, k\no = n - k + 1"), {"n": exact(8), "k": exact(3)})
    text = "## Convolution\n\n$k = 3$, $o = 8 - k + 1 = 6$\n\n## Pooling\n\n$k = 2$, $o = 7$\n"
    assert verdicts(judged(part, text)) == ["right", "right", "right", "undecided", "undecided"]
    assert verdicts(judged(part, "## Convolution\n\n$k = 2$, $o = 7$\n"))[0] == "wrong"


QUOTIENT = Part("quotient", read("input x\na = 1/x\ny = a*exp(1.12)\nq = y + 1\noutput q"),
                {"x": exact("1.4")})


def test_a_name_that_a_paper_sets_itself_is_its_own_in_another_case() -> None:
    assert verdicts(judged(QUOTIENT, r"Let $Q = a + y$. $Q = 2.9035$"))[-1] == "right"
    assert verdicts(judged(QUOTIENT, r"Let $Q = a + y$. $Q = 2.9135$"))[-1] == "wrong"
    assert verdicts(judged(QUOTIENT, r"Let $Q = y + 1$. $Q = 3.1892$"))[-1] == "right"


def test_a_product_of_rounded_factors_is_not_called_cut_off() -> None:
    text = r"$y = a e^{1.12} = 0.7143 \cdot 3.0649 = 2.1892$"
    found = verdicts(judged(QUOTIENT, text, rounding=Rounding(decimals=4)))
    assert set(found) == {"right"}
    assert verdicts(judged(QUOTIENT, "$y = 2.1891$", rounding=Rounding(decimals=4))) == ["wrong"]


@pytest.mark.parametrize(("text", "verdict"), [
    (r"$\frac{1}{1 + e^{(-2.1)}} = 0.8909$", "right"),
    (r"$\frac{e^{(0.5)}}{2} = 0.8244$", "right"),
    (r"$\frac{1}{1 + e^{(2)}} = 0.1292$", "wrong"),
])
def test_an_exponent_in_brackets_is_no_layer_of_e(text: str, verdict: str) -> None:
    assert verdicts(judged(QUOTIENT, text)) == [verdict]
