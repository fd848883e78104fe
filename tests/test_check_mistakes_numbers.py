"""Numbers, counts and formulas as text: what their digits, brackets, bounds and indices tell.

The values were worked out by hand; each claim has one mistake in it.
"""

from __future__ import annotations

import pytest
from check_worlds import holds
from test_check_mistakes import (
    CALC,
    FREE,
    MEAN,
    NORM,
    NUMBERS,
    RESIDUAL,
    RIDGE,
    SOFT,
    VARIANCE,
    sheet,
    wrong,
)
from test_check_mistakes_names import COUNTS, LAYERS, LOSSES

from chainrule.check.mistakes_brackets import put_back
from chainrule.check.mistakes_digits import exchanged
from chainrule.check.read import read_formula, shown
from chainrule.check.sheet import Part
from chainrule.check.tree import Apply
from chainrule.formulas.calls import read

PAIR = sheet("input x1, x2, w11, w12, w21, w22, b1, b2\nz1 = w11*x1 + w12*x2 + b1\n"
             "z2 = w21*x1 + w22*x2 + b2\nE = (z1 - z2)^2/2",
             "x1 = 1.5\nx2 = -0.8\nw11 = 0.6\nw12 = 1.7\nw21 = -0.9\nw22 = 0.35\n"
             "b1 = 0.4\nb2 = -1.1")
CELLS = sheet("input A[2,2], B[2,2]\nS[i,j] = sum(k) A[i,k]*B[k,j]\n"
              "T[i,j] = A[i,j] + 2*B[i,j]\nm = (sum(i,j) A[i,j])/4",
              "A = [[3, -2], [7, 5]]\nB = [[1.25, 4], [0.5, -6]]")
GATE = sheet("input c, o, x\nt = tanh(c)\nh = o*t\nk = (o + x)^2*c", "c = 0.62\no = 0.45\nx = 1.3")
LOSS = sheet("input p, q\nl = ln(p/q)\nr = 1/p + 1/q", "[free]\np = {low = 0.2, high = 0.9}\n"
             "q = {low = 0.2, high = 0.9}")

CASES = [
    # brackets that a formula lacks
    ("brackets", FREE, r"$\frac{\partial s}{\partial z} = s 1 - s$"),
    ("brackets", FREE, r"$\frac{\partial s}{\partial w} = s 1 - s u$"),
    ("brackets", FREE, r"$\frac{\partial q}{\partial z} = 2 s + u s (1 - s)$"),
    ("brackets", GATE, r"$\frac{\partial h}{\partial c} = o 1 - \tanh(c)^2 = 0.3135$"),
    ("brackets", GATE, r"$k = o + x^2 c = 1.8988$"),
    ("brackets", MEAN, r"$C = \frac{1}{2 m} \sum_i w x_i - t_i^2$"),
    ("brackets", MEAN, r"$\frac{\partial C}{\partial w} = \frac{1}{m} \sum_i w x_i - t_i x_i$"),
    ("brackets", CELLS, r"$m = \frac{1}{4} a_{11} + a_{12} + a_{21} + a_{22}$"),
    ("brackets", COUNTS, r"$o = \frac{32 - 2 \cdot 3 - 1}{2} + 1 = 15$"),
    # sizes and counts
    ("size-plus-one", COUNTS, r"$o = \lfloor \frac{32 - 5 + 2}{2} \rfloor = 14$"),
    ("size-plus-one", LAYERS, r"$o_1 = \frac{20 - 7}{1} = 14$"),
    ("size-floor", COUNTS, r"$o = \lfloor \frac{32 - 5 + 2}{2} \rfloor + 1 = 16$"),
    ("size-floor", COUNTS, r"$o = \frac{32 - 5 + 2}{2} + 1 = 15$"),
    ("mac-flop", COUNTS, r"$M = 2 \cdot 5^2 \cdot 4 \cdot 8 \cdot 15^2 = 360000$"),
    ("mac-flop", COUNTS, r"$M = k^2 c f o^2 = 360000$"),
    ("exponent", COUNTS, r"$M = k^2 c f o^2 = 5 \cdot 4 \cdot 8 \cdot 15^2 = 36000$"),
    ("exponent", COUNTS, r"$M = k^2 c f o^2 = 5^3 \cdot 4 \cdot 8 \cdot 15^2$"),
    ("swapped-digits", LAYERS, r"$P_1 = k_1^2 c_0 f_1 + f_1 = 7^2 \cdot 4 \cdot 21 + 12$"),
    # digits
    ("swapped-digits", RESIDUAL, r"$s = \tanh(z) = -0.3634$"),
    ("swapped-digits", RESIDUAL, r"$s = -0.3346$"),
    ("decimal-point", RESIDUAL, r"$s = \tanh(z) = -3.3640$"),
    ("decimal-point", RESIDUAL, r"$s = -0.0336$"),
    ("decimal-point", CELLS, r"$T = \begin{bmatrix} 5.5 & 6 \\ 0.8 & -7 \end{bmatrix}$"),
    ("early-rounding", RESIDUAL, r"$s = \tanh(z) = -0.3400$"),
    ("early-rounding", RESIDUAL, r"$q = 4.1600$"),
    ("arithmetic", RESIDUAL, r"$q = s + 3 u = 4.7523$"),
    ("arithmetic", PAIR, r"$z_1 = w_{11} x_1 + w_{12} x_2 + b_1 = 0.37$"),
    ("arithmetic", PAIR, r"$z_1 = 0.6 \cdot 1.5 + 1.7 \cdot (-0.8) + 0.4 = 0.37$"),
    # terms, exponents, bounds
    ("extra-term", PAIR, r"$z_2 = w_{21} x_1 + w_{22} x_2 + b_2 + b_2$"),
    ("extra-term", COUNTS, r"$o = \lfloor \frac{32 - 5 - 5 + 2}{2} \rfloor + 1 = 15$"),
    ("missing-term", LOSSES, r"$C = \frac{1}{3} ((a_1 - t_1)^2 + (a_2 - t_2)^2)$"),
    ("exponent", LOSSES, r"$C = \frac{1}{3} \sum_i (a_i - t_i)$"),
    ("exponent", VARIANCE, r"$v = \frac{1}{4} \sum_{i=1}^4 (x_i - \mu)$"),
    ("lost-bound", LOSSES, r"$C = \frac{1}{3} \sum_{i=1}^2 (a_i - t_i)^2$"),
    ("lost-bound", MEAN, r"$C = \frac{1}{2 m} \sum_{i=2}^m r_i^2$"),
    ("lost-bound", NORM, r"$\mu = \frac{1}{n} \sum_{i=1}^{n-1} x_i$"),
    ("lost-bound", SOFT, r"$\frac{\partial E}{\partial a_i} = -t_i (1 - p_i) + "
                         r"\sum_k t_k p_i$"),
    ("batch-mean", CELLS, r"$m = a_{11} + a_{12} + a_{21} + a_{22}$"),
    ("batch-mean", RIDGE, r"$2 C = r_1^2 + r_2^2 + r_3^2$"),
    # places
    ("index", PAIR, r"$z_1 = w_{11} x_1 + w_{21} x_2 + b_1$"),
    ("index", PAIR, r"$z_1 = w_{11} x_1 + w_{12} x_1 + b_1$"),
    ("index", CELLS, r"$s_{12} = a_{11} b_{12} + a_{21} b_{22}$"),
    ("index", CELLS, r"$m = \frac{1}{4} (a_{11} + a_{21} + a_{21} + a_{22})$"),
    ("upside-down", LOSS, r"$l = \ln(\frac{q}{p})$"),
    ("upside-down", COUNTS, r"$o = \lfloor \frac{2}{32 - 5 + 2} \rfloor + 1 = 15$"),
    ("transpose", CELLS, r"$T = \begin{bmatrix} 5.5 & 8 \\ 6 & -7 \end{bmatrix}$"),
    ("swapped-cells", CELLS, r"$T = \begin{bmatrix} 6 & 5.5 \\ 8 & -7 \end{bmatrix}$"),
    ("swapped-cells", NUMBERS, r"$\frac{\partial E}{\partial A} = \begin{bmatrix} "
                               r"-0.9044 & -0.4522 \\ 0.1592 & 0.3183 \end{bmatrix}$"),
]


@pytest.mark.parametrize(("kind", "text", "paper"), CASES, ids=lambda v: v[:40] if "\n" not in v
                         else "")
def test_the_mark_of_a_mistake_comes_before_what_fits_by_accident(
        kind: str, text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert [m.kind for m in found[0].mistakes][:1] == [kind]


# --- what is not said

@pytest.mark.parametrize(("text", "paper"), [
    (RESIDUAL, "$s = 0.8172$"), (PAIR, "$z_1 = 7.3$"), (PAIR, "$E = 8.8431$"),
    (FREE, r"$\frac{\partial s}{\partial w} = s + u b$"),
    (CELLS, r"$T = \begin{bmatrix} 9 & 1.1 \\ 2.3 & 4.7 \end{bmatrix}$"),
    (CALC, r"$f = x + \cos(x)$"),
], ids=range(6))  # fmt: skip
def test_no_mark_is_seen_where_there_is_none(text: str, paper: str) -> None:
    assert [m.kind for j in wrong(text, paper) for m in j.mistakes] == []


def test_a_formula_of_which_nothing_was_said_has_no_slip() -> None:
    assert [m.kind for m in wrong(RESIDUAL, "$u w + b = 5.81$")[0].mistakes] == []
    assert [m.kind for m in wrong(RESIDUAL, "$z = u w + b = 5.81$")[0].mistakes] == ["arithmetic"]


def test_a_bound_that_fits_the_given_numbers_by_accident_is_no_reason() -> None:
    part = sheet("input u[4], g[4]\nparameter a\nv[i] = u[i] if u[i] >= 0 else a*u[i]\n"
                 "L = sum(i) g[i]*v[i]", "u = [3, -4, 2, -6]\ng = [2, -2.5, 1.5, 1.5]\n[free]\n"
                 "a = {low = 0.1, high = 0.9}")
    found = wrong(part, r"$\frac{\partial L}{\partial a} = \sum_{i=1}^4 g_i$")[0].mistakes
    assert "lost-bound" not in [m.kind for m in found]


# --- the pieces

def test_brackets_are_put_around_neighbouring_terms() -> None:
    tree = read_formula("x 1 - y z")[0].sides[0].node
    assert isinstance(tree, Apply)
    made = [shown(m) for _, m, _, _ in put_back(tree)]
    assert made[0] == "(· x (+ 1 (- y)) z)"
    assert len(made) == len(set(made)) == 3


def test_a_bracket_may_take_the_minus_before_it_along() -> None:
    tree = read_formula("-a + b c")[0].sides[0].node
    assert isinstance(tree, Apply)
    part = Part("p", read("input a, b, c\nq = (b - a)*c\nr = -(a + b)*c"))
    assert holds(part, "q = (-a + b) c").holds
    contents = {shown(c) for _, _, c, _ in put_back(tree)}
    assert {"(+ (- a) b)", "(+ a b)"} <= contents


@pytest.mark.parametrize(("a", "b", "same"), [("3060", "3600", True), ("12", "21", True),
                                              ("12", "13", False), ("1", "1", False),
                                              ("1234", "4321", False), ("10", "100", False)])
def test_digits_are_exchanged_where_exactly_two_changed_places(a: str, b: str,
                                                               same: bool) -> None:
    assert exchanged(a, b) is same
