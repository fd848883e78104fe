"""Names of mistakes that come in several places at once, and of those that only look alike.

A slope left out of each layer, a mean not taken on the way, a kernel laid the other way round in
one cell, one output of a softmax followed. The numbers are worked out here from their definitions.
"""

from __future__ import annotations

import math

import pytest
from test_check_mistakes import question, sheet, wrong


def d(top: str, below: str) -> str:
    return rf"\frac{{\partial {top}}}{{\partial {below}}}"


# a network that uses its weights three times
X, U, W, B, S0, AIM = (1.0, -0.5, 0.8), 0.7, -1.1, 0.2, 0.4, 0.9
STEPS = sheet("input x1, x2, x3, s0, d\nparameter u, w, b\n" + "\n".join(
    f"a{t} = u*x{t} + w*s{t - 1} + b\ns{t} = tanh(a{t})" for t in (1, 2, 3))
    + "\nE = (s3 - d)^2/2",
    f"x1 = 1.0\nx2 = -0.5\nx3 = 0.8\ns0 = {S0}\nd = {AIM}\nu = {U}\nw = {W}\nb = {B}")
S = [S0]
for _x in X:
    S.append(math.tanh(U * _x + W * S[-1] + B))
LAST = S[3] - AIM  # ∂E/∂s₃, and no slope behind it
A3 = LAST * (1 - S[3] ** 2)
S2, A2 = W * A3, W * A3 * (1 - S[2] ** 2)
S1 = W * A2
NET = sheet("size n, m, k\ninput x[n], d[k]\nparameter A[m,n], B[k,m], b[m]\n"
            "a[j] = sum(i) A[j,i]*x[i] + b[j]\ns[j] = sigmoid(a[j])\nz[r] = sum(j) B[r,j]*s[j]\n"
            "o[r] = tanh(z[r])\nE = sum(r) (o[r] - d[r])^2/2", "[sizes]\nn = 3\nm = 4\nk = 2")
# a correlation
ROW, KERNEL = (1.2, -0.7, 2.3, 0.4, -1.5, 0.8, 1.9), (0.6, -1.1, 0.35)
SLIDE = sheet("input x[7]\nparameter w[3], b\nc[i] = sum(a) w[a]*x[i+a] + b with i < 5\n"
              "E = sum(i) c[i]^2/2", f"x = {list(ROW)}\nw = {list(KERNEL)}\nb = 0.25")


def cell(i: int, turned: bool = True) -> float:
    kernel = KERNEL[::-1] if turned else KERNEL
    return sum(k * v for k, v in zip(kernel, ROW[i:], strict=False)) + 0.25


# means
MEAN = sheet("input x[3], t[3]\nparameter w, b\nz[i] = w*x[i] + b\np[i] = sigmoid(z[i])\n"
             "l[i] = -t[i]*ln(p[i]) - (1-t[i])*ln(1-p[i])\nL = (sum(i) l[i])/3",
             "x = [1.5, -0.5, 2.0]\nt = [1, 0, 1]\nw = 0.6\nb = -0.3")
FOUR = sheet("input u1, u2, u3, u4\nm = 1/4*(u1 + u2 + u3 + u4)\n"
             "v = ((u1-m)^2 + (u2-m)^2 + (u3-m)^2 + (u4-m)^2)/4",
             "u1 = 1.2\nu2 = -0.8\nu3 = 3.1\nu4 = 0.5")
# counts, with words that say what for, or with none
DEEP = sheet("A = (6*5^2 + 1)*16\nM = 6*5^2*16*10^2", "", question("A", "Size of layer 3"))
LETTERS = sheet("input k, a, b, s\nP = k*k*a*b\nV = P + b\nT = P*s^2",
                "k = 3\na = 16\nb = 24\ns = 14",
                question("V", "Trained numbers").replace("Find it.", "How many are trained?"))
BOX = sheet("input a, b, c\nv = a*a*b*c", "a = 3\nb = 5\nc = 7", question("v", "Volume"))
# softmax in one name for each output
SHARES = sheet("input s1, s2, s3, v1, v2, v3\nZ = exp(s1) + exp(s2) + exp(s3)\n"
               "p1 = exp(s1)/Z\np2 = exp(s2)/Z\np3 = exp(s3)/Z\no = p1*v1 + p2*v2 + p3*v3",
               "s1 = 0.4\ns2 = -1.1\ns3 = 0.9\nv1 = 1.5\nv2 = -0.6\nv3 = 0.8")
ROWS = sheet("input S[2,3], V[3,2], T[2,2]\nP = softmax(S)\nO[i,c] = sum(j) P[i,j]*V[j,c]\n"
             "L = sum(i,c) (O[i,c]-T[i,c])^2/2",
             "S = [[0.3, -1.2, 0.8], [1.1, 0.4, -0.5]]\n"
             "V = [[0.5, 1.4], [-0.9, 0.2], [1.3, -0.7]]\n"
             "T = [[0.1, 0.6], [-0.4, 0.9]]")
PLAIN = sheet("input x1, x2\nv1 = x1*x2\nv2 = sin(x1)\nv3 = v2 + v1", "x1 = 0.7\nx2 = 1.3")

CASES = [
    # several slopes at once
    ("inner-derivative", STEPS, f"${d('E', 'a_1')} = {W * W * A3:.5f}$"),
    ("inner-derivative", STEPS, f"${d('E', 'a_1')} = {W * W * LAST:.4f}$"),
    ("inner-derivative", STEPS, f"${d('E', 's_1')} = w^2 (s_3 - d)$"),
    ("inner-derivative", STEPS, f"${d('E', 'a_2')} = w (s_3 - d)$"),
    ("inner-derivative", NET, rf"${d('E', 'a_j')} = \sum_r (o_r - d_r) B_{{rj}}$"),
    ("inner-derivative", NET, rf"${d('E', 'A_{ji}')} = x_i \sum_r (o_r - d_r) B_{{rj}}$"),
    # ∂E/∂s for ∂E/∂a, in a sum
    ("inner-derivative", STEPS, f"${d('E', 'b')} = {S1 + S2 + LAST:.4f}$"),
    ("inner-derivative", STEPS,
     f"${d('E', 'b')} = {d('E', 's_1')} + {d('E', 's_2')} + {d('E', 's_3')}$"),
    ("inner-derivative", STEPS,
     f"${d('E', 'u')} = {d('E', 's_1')} x_1 + {d('E', 's_2')} x_2 + {d('E', 's_3')} x_3$"),
    ("inner-derivative", NET, rf"${d('E', 'x_i')} = \sum_j {d('E', 's_j')} A_{{ji}}$"),
    ("inner-derivative", STEPS, rf"${d('E', 'a_2')} = {d('E', 's_2')} (1 - s_2^2) = 0.0054$"),
    ("inner-derivative", STEPS,
     rf"${d('E', 'a_2')} = {d('E', 's_2')} (1 - \tanh(a_2)^2) = {S2:.5f}$"),
    # and what is no slope
    ("unsummed-parameter", STEPS, f"${d('E', 'b')} = {d('E', 'a_3')}$"),
    ("sign", STEPS, f"${d('E', 'a_3')} = (d - s_3)(1 - s_3^2)$"),
    ("wrong-point", STEPS, f"${d('E', 'a_3')} = (s_3 - d)(1 - a_3^2)$"),
    # kernels in one cell
    ("kernel-not-flipped", SLIDE, f"$c_3 = {cell(2):.4f}$"),
    ("kernel-not-flipped", SLIDE, f"$c_1 = w_1 x_1 + w_2 x_2 + w_3 x_3 + b = {cell(0):.4f}$"),
    ("kernel-not-flipped", SLIDE, r"$c_2 = 0.6 \cdot (-0.7) - 1.1 \cdot 2.3 + 0.35 \cdot 0.4 + 0.25"
     f" = {cell(1):.4f}$"),
    ("sign", SLIDE, f"$c_1 = w_1 x_1 + w_2 x_2 + w_3 x_3 + b = {-cell(0, False):.4f}$"),
    ("index", SLIDE, "$c_4 = w_1 x_5 + w_2 x_5 + w_3 x_6 + b$"),
    # means, in the value and in what goes back through them
    ("batch-mean", MEAN, f"${d('L', 'z_i')} = p_i - t_i$"),
    ("batch-mean", MEAN, rf"${d('L', 'p_1')} = -\frac{{1}}{{p_1}}$"),
    ("batch-mean", MEAN, f"${d('L', 'l_1')} = 1$"),
    ("batch-mean", FOUR, "$v = 7.9400$"),
    ("batch-mean", FOUR, f"${d('v', 'u_1')} = 2 (u_1 - m)$"),
    ("batch-mean", FOUR, f"${d('m', 'u_2')} = 1$"),
    ("sign", MEAN, rf"${d('L', 'z_i')} = \frac{{1}}{{3}} (t_i - p_i)$"),
    # counts
    ("input-channels", DEEP, r"$A = (5^2 + 1) \cdot 16 = 416$"),
    ("input-channels", DEEP, r"$M = 5^2 \cdot 16 \cdot 10^2 = 40000$"),
    ("biases", DEEP, "$A = 2400$"),
    ("input-channels", LETTERS, "$V = k^2 b + b = 240$"),
    ("input-channels", LETTERS, "$T = k^2 b s^2 = 42336$"),
    ("factor", LETTERS, "$T = k^2 a s^2$"),
    ("factor", BOX, "$v = a^2 c = 63$"),
    # one output of a softmax
    ("softmax-diagonal", SHARES, f"${d('o', 's_1')} = v_1 p_1 (1 - p_1)$"),
    ("softmax-diagonal", SHARES, f"${d('o', 's_1')} = {d('o', 'p_1')} {d('p_1', 's_1')}$"),
    ("softmax-diagonal", ROWS,
     f"${d('L', 'S_{12}')} = {d('L', 'P_{12}')} {d('P_{12}', 'S_{12}')}$"),
]


@pytest.mark.parametrize(("kind", "text", "paper"), CASES, ids=lambda v: v[:40] if "\n" not in v
                         else "")
def test_a_mistake_in_several_places_gets_its_own_name(kind: str, text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert [m.kind for m in found[0].mistakes][:1] == [kind]


NOTHING = [
    (STEPS, f"${d('E', 'a_2')} = 0.7731$"), (STEPS, f"${d('E', 'b')} = 0.4444$"),
    (SLIDE, f"$c_3 = {cell(2, False) + 0.7731:.4f}$"), (MEAN, "$L = 0.7531$"),
    (DEEP, "$A = 617$"), (ROWS, f"${d('L', 'S_{12}')} = 0.7772$"),
]


@pytest.mark.parametrize(("text", "paper"), NOTHING, ids=lambda v: v[:40] if "\n" not in v else "")
def test_a_number_that_no_slip_gives_gets_no_name(text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert not found[0].mistakes


def test_a_change_that_makes_a_quantity_equal_itself_is_no_reason() -> None:
    paper = (r"$\dot{x}_1 = 1$, $\dot{x}_2 = 0$, $\dot{v}_1 = x_2$, $\dot{v}_2 = \cos(x_1)$, "
             r"$\dot{v}_3 = \dot{v}_2$")
    (found, *_) = wrong(PLAIN, paper)
    assert "index" not in [m.kind for m in found.mistakes]
