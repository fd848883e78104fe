"""Mistakes in derivatives get their own names: slopes, ways, sums, maxima, softmax, powers.

The values were worked out by other programs; each claim has one mistake in it.
"""

from __future__ import annotations

import pytest
from test_check_mistakes import POOL, SHARED, SOFT, sheet, wrong
from test_check_mistakes_names import FORK, FORKF, KERN, SOFTN, TRACE

TANH = sheet("input x, q\nc = x*q\no = sigmoid(x)\nh = o*tanh(c)", "x = 0.8\nq = 1.5")
TANH2 = sheet("input x\nparameter w, u\nz = w*x\nh = tanh(z)\no = u*h\nL = exp(o)",
              "x = 0.9\nw = 1.3\nu = 0.8")
ELU = sheet("input x[3], g[3]\nv[i] = x[i] if x[i] > 0 else exp(x[i]) - 1\n"
            "L = sum(i) g[i]*v[i]", "x = [0.8, -1.2, -0.3]\ng = [1.5, -2, 0.7]")
LOG1 = sheet("input x[2], t\nparameter w[2], b\nz = sum(i) w[i]*x[i] + b\np = sigmoid(z)\n"
             "L = (p - t)^2/2", "x = [1.2, -0.7]\nw = [0.5, 1.1]\nb = 0.3\nt = 1")
CP = sheet("input X[5,5]\nparameter K[2,2]\n"
           "C[i,j] = sum(a,b) K[a,b]*X[i+a,j+b] with i<4, j<4\n"
           "U[i,j] = max(a<2,b<2) C[2*i+a,2*j+b]\nL = sum(i,j) U[i,j]^2/2",
           "X = [[1,2,0,3,1],[4,1,5,2,2],[0,3,1,4,1],[2,2,6,1,3],[1,5,2,0,4]]\n"
           "K = [[1,-1],[2,0.5]]")
MEAS = sheet("input p\nq = p/(1 - p)\nl = ln(q)", "[free]\np = {low = 0.1, high = 0.9}")
POLN = sheet("input r, a\nb = 10*log10(r)\nc = cos(a)\ny = 20*b*c", "r = 3.5\na = 0.7")

CASES = [
    ("softmax-diagonal", SOFTN, r"$\frac{\partial F}{\partial a_1} = (p_1 - t_1) p_1 (1 - p_1)$"),
    ("softmax-diagonal", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = \sum_{k=1}^3 \frac{\partial F}{\partial p_k} "
     r"\frac{\partial p_k}{\partial a_1} = (p_1 - t_1) p_1 (1 - p_1) = 0.0056$"),
    ("softmax-diagonal", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = \sum_{k=1}^3 \frac{\partial F}{\partial p_k} "
     r"\frac{\partial p_k}{\partial a_1} = 0.0056$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial E}{\partial a_3} = -t_3 (1 - p_3)$"),
    ("softmax-diagonal", SOFTN,
     r"$\frac{\partial E}{\partial a_3} = -\frac{t_3}{p_3} p_3 (1 - p_3) = -0.2579$"),
    ("softmax-diagonal", SOFT,
     r"$\frac{\partial E}{\partial a_j} = \frac{\partial E}{\partial p_j} \frac{\partial "
     r"p_j}{\partial a_j}$"),
    ("unsummed-fan-out", FORKF,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a}\frac{\partial "
     r"a}{\partial u} + \frac{\partial y}{\partial c}\frac{\partial c}{\partial u}$"),
    ("unsummed-fan-out", FORK,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a}\frac{\partial "
     r"a}{\partial u} + \frac{\partial y}{\partial c}\frac{\partial c}{\partial u}$"),
    ("unsummed-fan-out", FORK,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a} e^u + \frac{\partial "
     r"y}{\partial c} 2 u$"),
    ("unsummed-fan-out", KERN,
     r"$\frac{\partial L}{\partial K_{11}} = G_{11} X_{11} + G_{12} X_{12} + G_{22} X_{22}$"),
    ("unsummed-fan-out", KERN,
     r"$\frac{\partial L}{\partial K_{11}} = \frac{\partial L}{\partial Y_{11}} X_{11} + "
     r"\frac{\partial L}{\partial Y_{12}} X_{12} + \frac{\partial L}{\partial Y_{22}} X_{22} = "
     r"4$"),
    ("unsummed-parameter", KERN,
     r"$\frac{\partial L}{\partial K_{11}} = \frac{\partial L}{\partial Y_{11}} X_{11}$"),
    ("inner-derivative", FORK,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a} + \frac{\partial "
     r"y}{\partial c}\frac{\partial c}{\partial u} + \frac{\partial y}{\partial "
     r"d}\frac{\partial d}{\partial u}$"),
    ("inner-derivative", FORKF,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a} + \frac{\partial "
     r"y}{\partial c}\frac{\partial c}{\partial u} + \frac{\partial y}{\partial "
     r"d}\frac{\partial d}{\partial u}$"),
    ("inner-derivative", FORK, r"$\frac{\partial y}{\partial w} = \frac{\partial y}{\partial u}$"),
    ("inner-derivative", SHARED,
     r"$\frac{\partial L}{\partial a} = \sum_{i=1}^3 \frac{\partial L}{\partial v_i}$"),
    ("inner-derivative", SHARED,
     r"$\frac{\partial L}{\partial a} = \sum_{i=1}^3 \frac{\partial L}{\partial v_i} = 5$"),
    ("inner-derivative", SHARED, r"$\frac{\partial L}{\partial a} = \sum_{i=1}^3 s_i = 5$"),
    ("inner-derivative", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = \sum_{k=1}^3 \frac{\partial F}{\partial p_k}$"),
    ("wrong-point", TANH, r"$\frac{\partial h}{\partial c} = o (1 - \tanh(h)^2)$"),
    ("wrong-point", TANH, r"$\frac{\partial h}{\partial o} = \tanh(h)$"),
    ("unsummed-parameter", SHARED,
     r"$\frac{\partial L}{\partial a} = (4)(1) + (-1)(4) + (2)(9) = 4$"),
    ("unsummed-fan-out", SHARED, r"$\frac{\partial L}{\partial a} = s_1 x_1^2 + s_2 x_2^2$"),
    ("lost-bound", SHARED,
     r"$\frac{\partial L}{\partial a} = \sum_{i=1}^{3} \frac{\partial L}{\partial v_i} x_i^2 = "
     r"\sum_{i=1}^{2} s_i x_i^2 = 0$"),
    ("lost-bound", SOFT, r"$E = -\sum_k t_k a_k + \ln(\exp(a_j))$"),
    ("lost-bound", SOFT, r"$p_i = \frac{\exp(a_i)}{\exp(a_k)}$"),
    ("lost-bound", SOFT, r"$\frac{\partial E}{\partial a_i} = -t_i + \frac{\exp(a_i)}{\exp(a_k)}$"),
    ("pool-cell", POOL,
     r"$\frac{\partial y}{\partial X} = \begin{bmatrix} 3 & 0 & 0 & 0 \\ 0 & 0 & -2 & 0 \\ 5 & "
     r"0 & 0 & 4 \\ 0 & 0 & 0 & 0 \end{bmatrix}$"),
    ("pool-cell", POOL,
     r"$\frac{\partial y}{\partial X} = \begin{bmatrix} 0 & 0 & 0 & 0 \\ 3 & 0 & -2 & 0 \\ 5 & "
     r"0 & 4 & 0 \\ 0 & 0 & 0 & 0 \end{bmatrix}$"),
    ("pool-cell", CP,
     r"$\frac{\partial L}{\partial K} = \begin{bmatrix}52 & 88 \\ 130 & 70.5\end{bmatrix}$"),
    ("pool-cell", CP,
     r"$\frac{\partial L}{\partial C} = \begin{bmatrix}7.5 & 0 & 0 & 0 \\ 0 & 0 & 0 & 8.5 \\ 0 "
     r"& 0 & 9.5 & 0 \\ 9 & 0 & 0 & 0\end{bmatrix}$"),
    ("inner-derivative", ELU, r"$\frac{\partial L}{\partial x} = [1.5000, -2.0000, 0.7000]$"),
    ("wrong-point", ELU, r"$\frac{\partial L}{\partial x} = [1.2000, 1.3976, -0.1814]$"),
    ("wrong-point", ELU, r"$\frac{\partial L}{\partial x} = [1.5000, 1.3976, -0.1814]$"),
    ("wrong-point", ELU, r"$\frac{\partial L}{\partial x} = [1.5000, -0.9944, 0.5402]$"),
    ("inner-derivative", LOG1, r"$\frac{\partial L}{\partial w} = [-0.5611, 0.3273]$"),
    ("inner-derivative", LOG1, r"$\frac{\partial L}{\partial w_1} = -0.5611$"),
    ("inner-derivative", LOG1, r"$\frac{\partial L}{\partial w_1} = -0.2987$"),
    ("wrong-point", LOG1, r"$\frac{\partial L}{\partial w_1} = -0.0729$"),
    ("wrong-point", LOG1, r"$\frac{\partial L}{\partial w_1} = -0.1308$"),
    ("power-rule", LOG1, r"$\frac{\partial L}{\partial w_1} = 0.0653$"),
    ("wrong-point", TANH2, r"$\frac{\partial L}{\partial w} = 1.1476$"),
    ("wrong-point", TANH2, r"$\frac{\partial L}{\partial w} = 0.7534$"),
    ("inner-derivative", TANH2, r"$\frac{\partial L}{\partial w} = 1.3922$"),
    ("inner-derivative", TANH2,
     r"$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial o} \frac{\partial "
     r"o}{\partial h} \frac{\partial h}{\partial z}$"),
    ("inner-derivative", TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) \cdot u (1 - h^2)$"),
    ("inner-derivative", TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) \cdot u x$"),
    ("wrong-point", TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) \cdot u (1 - \tanh(h)^2) x$"),
    ("wrong-point", TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) \cdot u (1 - z^2) x$"),
    ("wrong-point", TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) \cdot u h x$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial u} = 5.5570$"),
    ("inner-derivative", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = (p_1 - t_1) - \sum_{k \neq 1} (p_k - t_k) p_k p_1$"),
    ("inner-derivative", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = (p_1 - t_1) p_1 (1 - p_1) - \sum_{k \neq 1} (p_k - "
     r"t_k)$"),
    ("inner-derivative", SOFTN,
     r"$\frac{\partial F}{\partial a_1} = (p_1 - t_1) + \frac{\partial F}{\partial "
     r"p_2}\frac{\partial p_2}{\partial a_1} + \frac{\partial F}{\partial p_3}\frac{\partial "
     r"p_3}{\partial a_1}$"),
    ("inner-derivative", SOFT, r"$\frac{\partial E}{\partial a_i} = -\sum_{k} \frac{t_k}{p_k}$"),
    ("inner-derivative", SOFT,
     r"$\frac{\partial E}{\partial a_i} = \sum_{k} \frac{\partial E}{\partial p_k}$"),
    ("inner-derivative", MEAS, r"$\frac{d l}{d p} = \frac{1}{q}$"),
    ("inner-derivative", MEAS, r"$\frac{d l}{d p} = \frac{1}{q} \frac{dq}{dp} = \frac{1-p}{p}$"),
    ("inner-derivative", POLN, r"$\frac{\partial y}{\partial a} = \frac{\partial y}{\partial c}$"),
    ("inner-derivative", POLN,
     r"$\frac{\partial y}{\partial a} = \frac{\partial y}{\partial c} \frac{\partial "
     r"c}{\partial a} = 20 b$"),
    ("inner-derivative", POLN,
     r"$\frac{\partial y}{\partial r} = \frac{\partial y}{\partial b}\frac{\partial "
     r"b}{\partial r} = 20 c$"),
    ("inner-derivative", POLN,
     r"$\frac{\partial y}{\partial a} = \frac{\partial y}{\partial c} \frac{\partial "
     r"c}{\partial a} = 108.8$"),
]


def tangents(wrong_one: str, by: str) -> str:
    """A table of forward mode with one of its formulas exchanged."""
    rows = {"v_{-1}": ("x_1", r"\dot{x}_1 = 1"), "v_0": ("x_2", r"\dot{x}_2 = 0"),
            "v_1": (r"\frac{1}{v_{-1} + v_0}",
                    r"-\frac{\dot{v}_{-1} + \dot{v}_0}{(v_{-1} + v_0)^2}"),
            "v_2": ("v_0^2", r"2 v_0 \dot{v}_0"), "v_3": ("v_1 + v_2", r"\dot{v}_1 + \dot{v}_2"),
            "v_4": (r"\cos(v_{-1})", r"-\sin(v_{-1}) \dot{v}_{-1}"),
            "v_5": ("v_3 + v_4", r"\dot{v}_3 + \dot{v}_4")}
    found = "| primal | | tangent | |\n|---|---|---|---|\n"
    for name, (value, slope) in rows.items():
        dotted = name.replace("v", r"\dot{v}")
        slope = by if name == wrong_one else slope
        found += f"| ${name}$ | $= {value}$ | ${dotted}$ | $= {slope}$ |\n"
    return found


@pytest.mark.parametrize(("kind", "text", "paper"), CASES,
                         ids=lambda v: v[:60] if isinstance(v, str) and "+++" not in v else "")
def test_a_mistake_in_a_derivative_has_its_own_name(kind: str, text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert [m.kind for m in found[0].mistakes][:1] == [kind]


@pytest.mark.parametrize(("kind", "name", "by"), [
    ("unsummed-fan-out", "v_3", r"\dot{v}_2"), ("unsummed-fan-out", "v_5", r"\dot{v}_4"),
    ("inner-derivative", "v_4", r"-\dot{v}_{-1}"), ("inner-derivative", "v_2", "2 v_0"),
    ("wrong-point", "v_4", r"-\sin(v_4) \dot{v}_{-1}"),
])
def test_a_row_of_forward_mode_has_the_name_of_its_mistake(kind: str, name: str, by: str) -> None:
    assert [j.mistakes[0].kind for j in wrong(TRACE, tangents(name, by))] == [kind]


@pytest.mark.parametrize(("text", "paper"), [
    (ELU, r"$\frac{\partial L}{\partial x} = [0.9213, -0.4411, 0.3002]$"),
    (ELU, r"$\frac{\partial L}{\partial x} = [1.5, -0.4411, 0.3002]$"),
    (LOG1, r"$\frac{\partial L}{\partial w_1} = 0.3871$"),
    (LOG1, r"$\frac{\partial L}{\partial w} = [0.1713, 0.2219]$"),
    (TANH2, r"$\frac{\partial L}{\partial w} = 1.7713$"),
    (TANH2, r"$\frac{\partial L}{\partial w} = \exp(o) + w$"),
    (CP, r"$\frac{\partial L}{\partial K} = [[17.25, 3.5], [91.75, -40.5]]$"),
    (SOFTN, r"$\frac{\partial F}{\partial a_1} = 0.0831$"),
    (SOFTN, r"$\frac{\partial F}{\partial a_1} = t_2 p_3 + a_1$"),
    (SHARED, r"$\frac{\partial L}{\partial a} = s_1 x_2 + s_3$"),
    (SOFT, r"$p_i = \frac{\exp(a_i) + 1}{\exp(a_k)}$"),
])  # fmt: skip
def test_no_slope_way_or_sum_is_made_up(text: str, paper: str) -> None:
    assert [j.mistakes for j in wrong(text, paper)] == [()]


@pytest.mark.parametrize(("text", "paper", "why"), [
    (ELU, r"$\frac{\partial L}{\partial x} = [1.5, -2, 0.7]$",
     "the slope of the function is missing in ∂v/∂x: the gradient went through v as it was"),
    (SHARED, r"$\frac{\partial L}{\partial a} = \sum_{i=1}^3 s_i$",
     "the inner derivative ∂vᵢ/∂a is missing behind sᵢ"),
    (SOFT, r"$p_i = \frac{\exp(a_i)}{\exp(a_k)}$",
     "the sum over k is missing before exp(aₖ)"),
    (TANH, r"$\frac{\partial h}{\partial c} = o (1 - \tanh(h)^2)$",
     "c, which goes into the function, belongs here, not h, which comes out"),
])
def test_the_reason_says_what_is_to_be_there(text: str, paper: str, why: str) -> None:
    assert wrong(text, paper)[0].mistakes[0].why == why
