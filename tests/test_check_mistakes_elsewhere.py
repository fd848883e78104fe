"""Names of mistakes on sheets that are written in other ways than most.

Counts without names, means over cells, logarithms to other bases, functions taken for others,
weight decay that stands in the loss itself. The numbers were worked out by hand or by NumPy.
"""

from __future__ import annotations

import pytest
from test_check_mistakes import question, sheet, wrong

# counts: with names of other kinds, and with none at all
NAMED = sheet("input w, f, cin, cout, s\no = floor((w-f)/s)+1\nparams = cout*(cin*f*f + 1)\n"
              "macs = o*o*cout*cin*f*f\nflops = 2*macs",
              "w=27\nf=3\ncin=5\ncout=8\ns=2\n[names]\nparams=['P']\nmacs=['M']\nflops=['F']",
              question("P", "Parameters").replace("Find it.", "How many parameters are learned?")
              + question("M", "Multiplications").replace("question 1", "question 2")
              + question("F", "Operations").replace("question 1", "question 3"))
PLAIN = sheet("P1 = (5*5*1 + 1)*6\nP2 = (5*5*6 + 1)*16\nM2 = 10*10*5*5*6*16\n"
              "n = 5*5*16\nP3 = n*120 + 120\nF2 = 2*M2\nP = P1 + P2 + P3",
              "[names]\nP1=['N_1']\nP2=['N_2', 'N_{conv2}']\nP3=['N_3']\nM2=['M_2']\nF2=['F_2']",
              question("N_2", "Weights and biases").replace("Find it.", "How many parameters?")
              + question("M_2", "Multiplications").replace("question 1", "question 2"))
SIGNAL = sheet("P = 8*16*5 + 16\nM = 60*8*16*5", "",
               question("P", "Parameters").replace("Find it.", "8 channels go in, 16 kernels."))
# losses
LOGISTIC = sheet("size m, d\ninput x[m,d], y[m]\nparameter w[d], b0\n"
                 "z[i] = sum(j) w[j]*x[i,j] + b0\np[i] = sigmoid(z[i])\n"
                 "L = -(sum(i) (y[i]*ln(p[i]) + (1-y[i])*ln(1-p[i])))/m\n"
                 "J = L + 0.05*(sum(j) w[j]^2)",
                 "[sizes]\nm = [3,4]\nd = 2\n[free]\ny = {low=0, high=1}\n"
                 "[names]\np = ['\\hat{y}', 'a']\nb0 = ['b']")
RIDGE = sheet("size N\ninput X[N,2], y[N]\nparameter theta[2], b, lam\n"
              "z[n] = sum(j) X[n,j]*theta[j] + b\nq[n] = sigmoid(z[n])\n"
              "C = -(sum(n) (y[n]*ln(q[n]) + (1 - y[n])*ln(1 - q[n])))/N\n"
              "R = lam/2*(sum(j) theta[j]^2)\nJ = C + R",
              "X = [[1.5, -0.5], [0.2, 2.0], [-1.0, 0.7], [0.8, 1.1]]\ny = [1, 0, 0, 1]\n"
              "theta = [0.6, -0.9]\nb = 0.3\nlam = 0.2\n"
              "[names]\nq = ['\\hat{y}']\nlam = ['\\lambda']")
# means and variances
NORM = sheet("size C\ninput u[C], t[C]\nmu = (sum(i) u[i])/C\nvar = (sum(i) (u[i]-mu)^2)/C\n"
             "s = sqrt(var + 0.01)\nn[i] = (u[i]-mu)/s\nL = (sum(i) (n[i]-t[i])^2)/C",
             "u = [2.0, -1.0, 0.5, 4.0, 1.2]\nt = [0.1, 0.2, 0.3, -0.4, 0.5]\n"
             "[names]\nvar = ['\\sigma^2']\nmu = ['\\mu']\nn = ['\\hat{u}']")
# functions
GRAPH = sheet("input x, y\nz = log2(x)*tanh(y)\nq = ln(x*y)\nr = exp(q) + sin(z)",
              "x = 3.7\ny = 0.45")
FREE = sheet("input x, y\nz = log2(x)*tanh(y)\nq = ln(x*y)\nr = q^2",
             "[free]\nx = {low = 1.5, high = 4}\ny = {low = 0.3, high = 2}")
TANGENT = sheet("input x1, x2\nv1 = x1*x2\nv2 = ln(x1)\nv3 = tanh(v1)\nv4 = v2*v3\ny = v4 + v1",
                "x1 = 2.5\nx2 = 0.6")
DOTS = r"$\dot{x}_1 = 1, \dot{x}_2 = 0$, $\dot{v}_1 = 0.6$, "
RECURRENT = sheet("input x1, x2, s0, d\nparameter u, w, b\na1 = u*x1 + w*s0 + b\ns1 = tanh(a1)\n"
                  "a2 = u*x2 + w*s1 + b\ns2 = tanh(a2)\nE = (s2 - d)^2/2",
                  "x1 = 1.0\nx2 = -0.5\ns0 = 0.4\nd = 0.9\nu = 0.7\nw = -1.1\nb = 0.2\n"
                  + "[names]\n" + "\n".join(f"{n}{t} = ['{n}^{{({t})}}']" for n, t in (
                      ("x", 1), ("x", 2), ("s", 0), ("s", 1), ("s", 2), ("a", 1), ("a", 2))))
KERNEL = sheet("input x[6]\nparameter k[3], b\nz[i] = sum(a) k[a]*x[i + 2 - a] + b with i < 4\n"
               "E = sum(i) z[i]^2/2",
               "x = [1, -2, 3, 0.5, -1, 2]\nk = [0.4, -0.7, 0.2]\nb = 0.1")
LOSS = r"-\frac{1}{N} \sum_n (y_n \ln \hat{y}_n + (1 - y_n) \ln (1 - \hat{y}_n))"
TERMS = r"(\ln 0.8389 + \ln(1 - 0.2010) + \ln(1 - 0.2829) + \ln 0.4477)"

CASES = [
    # the number of channels, by a name with a subscript, or by no name at all
    ("input-channels", NAMED, r"$P = 8 \cdot (9 + 1) = 80$"),
    ("input-channels", NAMED, r"$M = 13 \cdot 13 \cdot 8 \cdot 3 \cdot 3 = 12168$"),
    ("input-channels", PLAIN, r"$N_2 = (5 \cdot 5 + 1) \cdot 16 = 416$"),
    ("input-channels", PLAIN, r"$N_{conv2} = 416$"),
    ("input-channels", PLAIN, r"$M_2 = 10 \cdot 10 \cdot 5 \cdot 5 \cdot 16 = 40000$"),
    ("input-channels", PLAIN, r"$N_2 = (5 \cdot 5 \cdot 6 + 1) \cdot 16 = 416$"),
    ("input-channels", SIGNAL, r"$P = 16 \cdot 5 + 16 = 96$"),
    # the biases
    ("biases", NAMED, "$P = 360$"),
    ("biases", PLAIN, r"$N_2 = 5 \cdot 5 \cdot 6 \cdot 16 = 2400$"),
    ("biases", PLAIN, "$N_1 = 150$"),
    ("biases", PLAIN, r"$N_3 = 400 \cdot 120 = 48000$"),
    ("biases", PLAIN, "$P = 50550$"),
    ("biases", SIGNAL, "$P = 640$"),
    # operations
    ("mac-flop", NAMED, r"$M = 2 \cdot 13^2 \cdot 8 \cdot 5 \cdot 3^2 = 121680$"),
    ("mac-flop", NAMED, "$F = 60840$"),
    ("mac-flop", PLAIN, "$M_2 = 480000$"),
    ("mac-flop", PLAIN, "$F_2 = 240000$"),
    # the base of a logarithm: in all terms at once, in a formula of rounded numbers, in a number
    ("log-base", LOGISTIC, r"$L = -\frac{1}{m} \sum_i (y_i \log_2 \hat{y}_i + (1 - y_i) \log_2 (1 "
     r"- \hat{y}_i))$"),
    ("log-base", RIDGE, rf"$C = {LOSS} = -\frac{{1}}{{4}} {TERMS} = 0.1668$"),
    ("log-base", RIDGE, rf"$C = {LOSS} = -\frac{{1}}{{4}} "
     rf"{TERMS.replace('ln', 'log_{10}')} = 0.1668$"),
    ("log-base", RIDGE, "$C = 0.5541$"),
    ("log-base", RIDGE, "$J = 0.2838$"),
    ("log-base", GRAPH, r"$q = \ln(1.665) = 0.2214$"),
    ("log-base", GRAPH, "$z = 0.5520$"),
    ("log-base", FREE, r"$z = \ln(x) \tanh(y)$"),
    ("log-base", FREE, r"$\frac{\partial r}{\partial x} = \frac{2 \log_{10}(x y)}{x}$"),
    # means
    ("batch-mean", RIDGE, rf"$C = {LOSS} = -{TERMS} = 1.5363$"),
    ("batch-mean", LOGISTIC, r"$\frac{\partial L}{\partial z_i} = \hat{y}_i - y_i$"),
    ("batch-mean", NORM, r"$\sigma^2 = 13.712$"),
    ("batch-mean", NORM, r"$\sigma^2 = \sum_i (u_i - \mu)^2 = 13.712$"),
    ("batch-mean", NORM, r"$\mu = \frac{1}{5} (2 - 1 + 0.5 + 4 + 1.2) = 6.7$"),
    # weight decay
    ("weight-decay", LOGISTIC,
     r"$\frac{\partial J}{\partial w_j} = \frac{1}{m} \sum_i (\hat{y}_i - y_i) x_{ij}$"),
    ("weight-decay", LOGISTIC, "$J = L$"),
    ("weight-decay", RIDGE, r"$J = C = 0.3841$"),
    ("weight-decay", RIDGE, r"$J = 0.3841$"),
    ("weight-decay", RIDGE, r"$\frac{\partial J}{\partial \theta} = [-0.2316, 0.0183]$"),
    ("weight-decay", RIDGE, r"$\frac{\partial J}{\partial \theta_j} = \frac{1}{N} \sum_n "
     r"(\hat{y}_n - y_n) X_{nj}$"),
    ("weight-decay", RIDGE, r"$\frac{\partial J}{\partial \theta_1} = (-0.0403) \cdot 1.5 + 0.0503 "
     r"\cdot 0.2 + 0.0707 \cdot (-1.0) + (-0.1381) \cdot 0.8 + 0.6$"),
    # functions
    ("wrong-function", RIDGE, r"$\hat{y}_2 = \sigma(z_2) = -0.8810$"),
    ("wrong-function", RIDGE, r"$\hat{y}_3 = 0.3946$"),
    ("wrong-function", RIDGE, rf"$C = {LOSS.replace('ln', 'exp')}$"),
    ("wrong-function", GRAPH, r"$q = \exp(1.665) = 5.2857$"),
    # slopes
    ("inner-derivative", TANGENT, DOTS + r"$\dot{v}_3 = 1 - v_3^2$"),
    ("inner-derivative", TANGENT, DOTS + r"$\dot{v}_3 = 0.6000$"),
    ("inner-derivative", RECURRENT, r"$\frac{dE}{da^{(2)}} = \frac{dE}{ds^{(2)}} (1 - "
     r"(s^{(2)})^2) = -1.4533$"),
    ("inner-derivative", RECURRENT, r"$\frac{dE}{ds^{(1)}} = 1.5986$"),
    # kernels
    ("kernel-not-flipped", KERNEL, r"$z_1 = k_1 x_3 + k_2 x_2 + k_3 x_1 + b = 0.4 \cdot 1 - 0.7 "
     r"\cdot (-2) + 0.2 \cdot 3 + 0.1 = 2.5$"),
    # rounded on the way
    ("early-rounding", RIDGE, rf"$C = {LOSS} = -\frac{{1}}{{4}} {TERMS} = 0.3811$"),
]


@pytest.mark.parametrize(("kind", "text", "paper"), CASES, ids=lambda v: v[:40] if "\n" not in v
                         else "")
def test_sheets_of_other_kinds_get_the_most_specific_name(kind: str, text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert [m.kind for m in found[0].mistakes][:1] == [kind]


NOTHING = [
    (NAMED, "$P = 377$"), (PLAIN, "$M_2 = 247611$"), (PLAIN, "$N_3 = 51017$"),
    (RIDGE, "$C = 0.1329$"), (RIDGE, r"$\hat{y}_2 = 0.3377$"), (GRAPH, "$z = 0.6130$"),
    (RECURRENT, r"$\frac{dE}{ds^{(1)}} = 0.9913$"), (NORM, r"$\sigma^2 = 4.1170$"),
    (TANGENT, DOTS + r"$\dot{v}_3 = 0.7719$"),
]


@pytest.mark.parametrize(("text", "paper"), NOTHING, ids=lambda v: v[:40] if "\n" not in v else "")
def test_a_number_without_a_reason_gets_none(text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert not found[0].mistakes


def test_the_channels_of_a_count_in_numbers_are_named() -> None:
    (found, *_), = (j.mistakes for j in wrong(PLAIN, r"$N_2 = (5 \cdot 5 + 1) \cdot 16$"))
    assert found.why == ("the number of input channels, 6, is missing as a factor: each kernel "
                         "reaches through all of them")
