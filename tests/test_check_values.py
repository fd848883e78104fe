"""Values of formulas as papers write them: names, cells, products, derivatives, dots, limits."""

from __future__ import annotations

from fractions import Fraction

import pytest
from check_worlds import holds, softmax, toy, values

from chainrule.check.rounding import compared, printed, printed_cells
from chainrule.check.sheet import Free, Part, Rounding
from chainrule.check.tree import Apply, Matrix, Number
from chainrule.check.values import Array, Dual, Numbers, Unknown
from chainrule.formulas.calls import read

SCALARS = Part("scalars", read("input a, b\nc = a*b\nd = relu(c) + a"),
               {"a": Fraction(2), "b": Fraction(3)})
MATRICES = Part("matrices", read(
    "input x[N]\nparameter W[M, N]\nh[i] = sum(j) W[i,j]*x[j]\ns = sum(i) h[i]*h[i]"),
    sizes={"N": 3, "M": 4})


@pytest.mark.parametrize(("text", "value"), [
    ("u", [8, 6, -0.5, -0.5]),
    ("v_1", 8), ("v_{12}", 6), ("V_{2,1}", -0.05), ("w_3", 10),
    (r"\sum_{i=1}^4 v_i w_i", 19.3),
    (r"\sum_i v_i w_i", 19.3),
    (r"\frac{\partial L}{\partial v}", [2, 4, 20, 8]),
    (r"\frac{\partial L}{\partial v_3}", 20),
    (r"\frac{\partial L}{\partial u}", [2, 4, 2, 0.8]),
    (r"\frac{\partial L}{\partial v} \times \frac{\partial v}{\partial u}", [2, 4, 2, 0.8]),
    (r"\begin{cases} \frac{\partial L}{\partial v} & u \geq 0 \\ "
     r"0.1 \frac{\partial L}{\partial v} & \text{otherwise} \end{cases}", [2, 4, 2, 0.8]),
    (r"\max\{1, 7, 3\}", 7), (r"|{-3}|", 3), (r"2^{10}", 1024), (r"50\%", 0.5),
    ("[1, 2]^T", [1, 2]), (r"1 + 2 + \dots + 10", 55), (r"\log_{10} 1000", 3),
])
def test_a_formula_has_the_value_that_a_reader_gives_it(text: str, value: object) -> None:
    assert values(toy(), text)[0] == value


@pytest.mark.parametrize("text", [
    r"\frac{\partial d}{\partial a} = b + 1",
    r"\frac{\partial d}{\partial c} = 1",
    r"\frac{\partial d}{\partial (a b)} = 1",
    r"\frac{\partial c}{\partial c} = 1",
    r"\frac{\partial^2 c}{\partial a \partial b} = 1",
    r"\frac{d}{da}\left[ a^3 \right] = 3 a^2",
    r"\frac{d}{dt} \sin(t) = \cos(t)",
    r"\left. \frac{\partial (a^2)}{\partial a} \right|_{a=5} = 10",
    r"\lim_{t \to 0} \frac{\sin t}{t} = 1",
    r"\lim_{t \to \infty} \frac{2t + 1}{t} = 2",
    r"\int_0^1 t^2 dt = \frac{1}{3}",
    r"e^{a+b} = e^a e^b",
    r"\sigma(t) = \frac{\tanh(t/2) + 1}{2}",
])
def test_what_is_true_of_scalars_holds(text: str) -> None:
    assert holds(SCALARS, text).verdict == "holds"


@pytest.mark.parametrize("text", [
    r"\frac{\partial s}{\partial h} = 2h",
    r"\frac{\partial s}{\partial h} = 2h^T",
    r"\frac{\partial s}{\partial W} = 2 h x^T",
    r"\frac{\partial s}{\partial x} = 2 W^T h",
    r"\frac{\partial s}{\partial x} = 2 h^T W",
    r"\frac{\partial h}{\partial x} = W",
    r"\frac{\partial h_i}{\partial x_j} = W_{ij}",
    r"\frac{\partial s}{\partial W_{ij}} = 2 h_i x_j",
    r"s = h^T h", r"s = \|h\|^2", r"h = W x", r"h_i = \sum_j W_{ij} x_j",
])
def test_matrices_and_cells_say_the_same(text: str) -> None:
    assert holds(MATRICES, text).verdict == "holds"


@pytest.mark.parametrize("text", [
    r"\frac{\partial s}{\partial W} = 2 x h^T", r"\frac{\partial s}{\partial h} = h",
    r"h_i = \sum_j W_{ij}", r"\frac{\partial s}{\partial W_{ij}} = 2 h_j x_i",
])
def test_a_transpose_or_a_lost_factor_is_no_reading(text: str) -> None:
    assert holds(MATRICES, text).verdict != "holds"


@pytest.mark.parametrize("text", [
    r"p_i = \frac{\exp(Z_i)}{\sum_{j=1}^n \exp(Z_j)}",
    r"L = -\log(p_y)", r"L = -\sum_i g_i \log p_i", r"L(g, p) = -\log(P_y)",
    r"H(g, p) = -\log p_y",
    r"\frac{dL}{dz_i} = p_i - g_i", r"\frac{\partial L}{\partial z} = (p - g)^T",
    r"\frac{\partial p_i}{\partial z_j} = p_i (\delta_{ij} - p_j)",
    r"\frac{\partial p}{\partial z} = \text{diag}(p) - p p^T",
    r"\frac{dL}{dz_y} = -1 + p_y", r"\frac{\partial L}{\partial P(c=y)} = -\frac{1}{p_y}",
    r"\sum_{j=1}^K \exp(z_j) = \exp(z_1) + \exp(z_2) + \dots + \exp(z_y) + \dots + \exp(z_K)",
    r"\text{softmax}(z_i) = p_i", r"g(y) = 1",
])
def test_what_is_true_of_softmax_holds_in_all_worlds(text: str) -> None:
    assert holds(softmax(), text).verdict == "holds"


def test_a_claim_about_an_index_needs_its_condition() -> None:
    claim = r"\frac{\partial p_i}{\partial z_j} = -p_i p_j"
    assert holds(softmax(), claim).verdict == "fails"
    assert holds(softmax(), claim, r"i \neq j").verdict == "holds"
    assert holds(softmax(), claim, r"i = j").verdict == "fails"


def test_a_condition_on_a_tensor_masks_its_cells() -> None:
    claim = r"\frac{\partial L}{\partial u} = \frac{\partial L}{\partial v} \times 0.1"
    assert holds(toy(), claim, "u < 0").verdict == "holds"
    assert holds(toy(), claim, r"u \geq 0").verdict == "fails"


def test_any_slope_between_the_two_sides_of_a_kink_is_right() -> None:
    part = Part("kink", read("input x\ny = relu(x)"), {"x": Fraction(0)})
    for slope in ("0", "1", r"\frac{1}{2}", "0.3"):
        assert holds(part, rf"\frac{{dy}}{{dx}} = {slope}").verdict == "holds"
    assert holds(part, r"\frac{dy}{dx} = 2").verdict == "fails"


def test_a_letter_that_nothing_defines_leaves_a_failure_open() -> None:
    outcome = holds(SCALARS, "a = q")
    assert outcome.verdict == "fails" and outcome.invented == {"q"}


def test_a_division_by_zero_has_no_value() -> None:
    assert values(SCALARS, r"\frac{1}{a - 2}") == ["domain"]


def test_a_huge_formula_runs_out_of_budget_instead_of_time() -> None:
    big = Part("big", read("input x[N]\ny = sum(i) x[i]"), sizes={"N": 100})
    text = r"\sum_i \sum_j \sum_k \sum_l x_i x_j x_k x_l"
    assert values(big, text) == ["budget"]


def test_a_dual_takes_the_side_that_it_moves_to() -> None:
    n = Numbers()
    right = n.apply("relu", Dual(Fraction(0), Fraction(1), n.new_level(), n))
    left = n.apply("relu", Dual(Fraction(0), Fraction(-1), n.new_level(), n))
    assert n.tangent(right, 1) == 1 and n.tangent(left, 2) == 0


def test_nan_is_like_nothing() -> None:
    n = Numbers()
    assert not n.close(n.high.nan, n.high.nan)


@pytest.mark.parametrize(("true", "text", "decimals", "verdict"), [
    ("35.12111861451067", "35.1211", 4, "right"), ("35.12111861451067", "35.12", 4, "coarse"),
    ("11.987654", "11.98", 4, "cut"), ("11.987654", "11.97", 4, "wrong"),
    ("0.1111111", "0.1", None, "coarse"), ("0.1111111", "0.11", None, "right"),
    ("-0.9899924966", "0.99", 4, "wrong"), ("6.4", "6", None, "wrong"),
])
def test_printed_numbers_are_told_apart(true: str, text: str, decimals: int | None,
                                        verdict: str) -> None:
    shown = printed(Number(0, 0, text))
    assert shown is not None
    assert compared(Numbers(), Fraction(true), shown, Rounding(decimals=decimals)) == verdict


def test_a_sign_and_a_matrix_are_printed_numbers_too() -> None:
    minus = Apply(0, 0, "neg", (Number(0, 0, "0.99"),))
    found = printed_cells(Matrix(0, 0, ((minus, Number(0, 0, "2")),)))
    assert found is not None and [float(p.value) for p in found] == [-0.99, 2]


def test_an_array_is_no_number() -> None:
    with pytest.raises(Unknown):
        Numbers().apply("add", Array((1,), (Fraction(1),)), Fraction(1))


def test_free_inputs_keep_their_promises() -> None:
    part = Part("free", read("input q[K], h[K]\ns = sum(i) q[i]*h[i]"), sizes={"K": 4},
                free={"q": Free(simplex=True), "h": Free(onehot=True)})
    assert values(part, r"\sum_i q_i")[0] == 1 and values(part, r"\sum_i h_i")[0] == 1


def test_a_program_that_is_too_deep_fails_each_time_alike_and_spoils_nothing() -> None:
    lines = ["input x", "a0 = x + 1"] + [f"a{k} = a{k - 1} + 1" for k in range(1, 200)]
    part = Part("deep", read("\n".join(lines)), {"x": Fraction(1)})
    for _ in range(3):
        outcome = holds(part, "a_{199} = 201")
        assert (outcome.verdict, outcome.kind) == ("unknown", "budget")
        assert holds(part, "a_5 = 7").verdict == "holds"


def test_a_derivative_by_many_cells_is_that_of_reverse_mode() -> None:
    part = Part("many", read("input x[N]\nparameter W[M, N]\nh[i] = sum(j) W[i,j]*x[j]\n"
                             "s = sum(i) h[i]*h[i]"), sizes={"N": 5, "M": 4})
    assert holds(part, r"\frac{\partial s}{\partial W} = 2 h x^T").verdict == "holds"
    assert holds(part, r"\frac{\partial s}{\partial W_{ij}} = 2 h_i x_j").verdict == "holds"
    assert holds(part, r"\frac{\partial s}{\partial W_{ij}} = h_i x_j").verdict == "fails"


def test_euler_s_number_is_not_the_loss_e() -> None:
    part = Part("loss", read("input z\nE = z^2"))
    assert holds(part, r"\frac{d}{dz} e^z = e^z").verdict == "holds"
    assert holds(part, r"\frac{dE}{dz} = 2z").verdict == "holds"


def test_a_sum_of_vectors_of_different_lengths_is_wrong_and_not_only_unclear() -> None:
    outcome = holds(MATRICES, r"\frac{\partial s}{\partial h} = h + x")
    assert outcome.verdict == "shape" and "do not fit" in outcome.why


def test_a_size_is_not_spread_over_a_number() -> None:
    assert holds(SCALARS, r"a = 2 \times 2").verdict == "fails"
    assert holds(SCALARS, r"a b = 2 \times 3").verdict == "holds"
