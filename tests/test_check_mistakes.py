"""What is said about wrong claims: the kind of mistake, and the sentence."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from chainrule.check.judge import judge
from chainrule.check.mistakes import CATALOGUE, entry, table
from chainrule.check.mistakes_explain import explain
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import read_sheet
from chainrule.check.verdicts import Judged

DOCS = Path(__file__).parent.parent / "docs"


def sheet(program: str, given: str = "", questions: str = "") -> str:
    return f"""+++
id = "s"
title = "S"
+++
```program net
{program}
```
```given net
{given}
```
{questions}
"""


def question(of: str, title: str, more: str = "") -> str:
    return f'```question 1\ntitle = "{title}"\nof = \'{of}\'\npoints = 2\n{more}\n```\nFind it.\n'


def wrong(text: str, paper: str) -> list[Judged]:
    """The claims of a paper that are wrong, with what is said about them."""
    read = read_paper(paper.encode(), "paper.md")
    report = judge(personalised(read_sheet(text, "s.md"), ""), read, read_claims(read), "",
                   explain=explain)
    return [j for j in report.judged if j.verdict == "wrong"]


def kinds(text: str, paper: str) -> list[str]:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    return [m.kind for m in found[0].mistakes]


RESIDUAL = sheet("input u, w, b\nz = u*w + b\ns = tanh(z)\nq = s + 3*u",
                 "u = 1.5\nw = -0.4\nb = 0.25")
FREE = sheet("input u, w, b\nz = u*w + b\ns = sigmoid(z)\nq = s^2 + u*s",
             "[free]\nu = {low = 0.5, high = 2}\nw = {low = -2, high = 2}")
CALC = sheet("input x, t\nf = sin(x^2)\ng = x^3*exp(2*x)\nh = x/(1 + x^2)\nk = ln(x)*cos(t*x)",
             "[free]\nx = {low = 0.5, high = 2}\nt = {low = 0.3, high = 2}")
DENSE = sheet("size n, m, k\ninput x[n], d[k]\nparameter A[m,n], B[k,m]\n"
              "z[j] = sum(i) A[j,i]*x[i]\nh[j] = sigmoid(z[j])\no[r] = sum(j) B[r,j]*h[j]\n"
              "E = sum(r) (o[r] - d[r])^2/2",
              "[sizes]\nn = 3\nm = 4\nk = 2")
SQUARE = sheet("size n\ninput h[n], d[n]\nparameter B[n,n]\no[r] = sum(j) B[r,j]*h[j]\n"
               "E = sum(r) (o[r] - d[r])^2/2", "[sizes]\nn = 3")
SOFT = sheet("input a[K], t[K]\np = softmax(a)\nE = -sum(k) t[k]*ln(p[k])",
             "[sizes]\nK = [3, 4]\n[free]\nt = {simplex = true}")
POOL = sheet("input X[4,4]\nparameter C[2,2]\nU[i,j] = max(a<2, b<2) X[2*i+a, 2*j+b]\n"
             "y = sum(i,j) U[i,j]*C[i,j]",
             "X = [[1, 7, 2, 3], [4, 0.5, 9, 1.5], [6, 2.5, 3.5, 8], [5.5, 4.5, 0.2, 1.2]]\n"
             "C = [[3, -2], [5, 4]]")
CONV = sheet("input x[5], w[3]\nc[i] = sum(a) w[a]*x[i + 2 - a] with i < 3",
             "x = [1, 4, 2, 5, 3]\nw = [1, 2, 7]")
COUNT = sheet("input side, channels, kernel, filters\nout = floor((side - kernel)/2) + 1\n"
              "P = kernel^2*channels*filters + filters\nQ = kernel^2*channels*filters\n"
              "M = kernel^2*channels*filters*out^2",
              "side = 32\nchannels = 3\nkernel = 5\nfilters = 16")
MEAN = sheet("size m\ninput x[m], t[m]\nparameter w, lambda\nr[i] = w*x[i] - t[i]\n"
             "C = (sum(i) r[i]^2)/(2*m)\nE = C + lambda/2*w^2",
             "[sizes]\nm = [3, 5]")
SHARED = sheet("input x[3], s[3]\nparameter a\nv[i] = a*x[i]^2\nL = sum(i) s[i]*v[i]",
               "x = [1, 2, -3]\ns = [4, -1, 2]\na = 0.7")
FAN = sheet("input x, w\na = x*w\nb = sin(a)\nc = a^2\ny = b*3 + c", "x = 1.3\nw = 0.6")

NUMBERS = sheet("input x[2], d\nparameter A[2,2], B[2]\nz[j] = sum(i) A[j,i]*x[i]\n"
                "h[j] = sigmoid(z[j])\no = sum(j) B[j]*h[j]\nE = (o - d)^2/2",
                "x = [1, 2]\nd = 1\nA = [[0.5, -1], [1.5, 0.25]]\nB = [2, -1]")


def network(slope: bool = True, point: str = "z", turned: bool = False,
            sign: float = 1.0) -> list[list[float]]:
    """∂E/∂A of the small network, with a mistake if one is asked for."""
    x, d, a, b = [1.0, 2.0], 1.0, [[0.5, -1.0], [1.5, 0.25]], [2.0, -1.0]
    z = [sum(r[i] * x[i] for i in range(2)) for r in a]
    h = [1 / (1 + math.exp(-v)) for v in z]
    e = sum(b[j] * h[j] for j in range(2)) - d
    s = [h[j] * (1 - h[j]) if slope else 1.0 for j in range(2)]
    if point == "h":
        s = [1 / (1 + math.exp(-v)) * (1 - 1 / (1 + math.exp(-v))) for v in h]
    made = [[round(sign * e * b[j] * s[j] * x[i], 4) for i in range(2)] for j in range(2)]
    return [list(r) for r in zip(*made, strict=True)] if turned else made


def gradient(made: list[list[float]]) -> str:
    rows = r" \\ ".join(" & ".join(map(str, r)) for r in made)
    return rf"$$\frac{{\partial E}}{{\partial A}} = \begin{{bmatrix}} {rows} \end{{bmatrix}}$$"


NORM = sheet("size n\ninput x[n], c[n]\nparameter g, b\nmu = (sum(i) x[i])/n\n"
             "v = (sum(i) (x[i] - mu)^2)/n\nu[i] = (x[i] - mu)/sqrt(v + 0.1)\n"
             "y[i] = g*u[i] + b\nL = sum(i) c[i]*y[i]", "[sizes]\nn = [3, 4]")
CELL = sheet("input x, h, c\nparameter Wf, Wi, Wo\nf = sigmoid(Wf*x)\ni = sigmoid(Wi*h)\n"
             "k = f*c + i*tanh(x)\no = sigmoid(Wo*x)\ny = o*tanh(k)", "[free]\nc = {low = 1}")
RIDGE = sheet("size m\ninput x[m], t[m]\nparameter w, b, lambda\nr[i] = w*x[i] + b - t[i]\n"
              "C = (sum(i) r[i]^2)/(2*m)\nR = lambda/2*w^2\nJ = C + R",
              "x = [0.5, 1.25, -0.75]\nt = [1, 2.5, 0.25]\nw = 0.8\nb = 0.3\nlambda = 0.2")
VARIANCE = sheet("size n\ninput x[n]\nmu = (sum(i) x[i])/n\nv = (sum(i) (x[i] - mu)^2)/n",
                 "x = [1, 3, 5, 9]")
PRELU = sheet("input u[4]\nparameter alpha\nv[i] = u[i] if u[i] >= 0 else alpha*u[i]\n"
              "L = sum(i) v[i]^2/2", "u = [2, -3, 1, -1.5]\nalpha = 0.2")

CASES = [
    # gradients as numbers
    ("inner-derivative", NUMBERS, gradient(network(slope=False))),
    ("transpose", NUMBERS, gradient(network(turned=True))),
    ("sign", NUMBERS, gradient(network(sign=-1))),
    ("wrong-point", NUMBERS, gradient(network(point="h"))),
    ("factor", NUMBERS, gradient(network(sign=2))),
    ("entry", NUMBERS, gradient([[*network()[0]], [network()[1][0], 0.1234]])),
    ("unsummed-parameter", PRELU, r"$\frac{\partial L}{\partial \alpha} = 1.8$"),
    ("wrong-function", PRELU, "$v = [2, 0, 1, 0]$"),
    ("batch-mean", RIDGE, r"$\frac{\partial J}{\partial b} = -0.3000 - 1.2000 - 0.5500$"),
    ("weight-decay", RIDGE, r"$J = (0.0450 + 0.7200 + 0.1513)/3$"),
    ("weight-decay", RIDGE, r"$\frac{\partial J}{\partial w} = -0.4125$"),
    ("sign", RIDGE, r"$C = (0.0450 + 0.7200 - 0.1513)/3$"),
    ("wrong-number", VARIANCE, r"$v = \frac{12.25 + 2.25 + 0.25 + 20.25}{3}$"),
    # other networks, in symbols
    ("wrong-quantity", NORM, r"$\frac{\partial L}{\partial g} = \sum_i c_i x_i$"),
    ("unsummed-parameter", NORM, r"$\frac{\partial L}{\partial b} = c_j$"),
    ("biases", NORM, r"$y_i = g u_i$"),
    ("batch-mean", NORM, r"$\mu = \sum_i x_i$"),
    ("inner-derivative", CELL, r"$\frac{\partial y}{\partial k} = o$"),
    ("sign", CELL, r"$\frac{\partial y}{\partial k} = o (1 + \tanh(k)^2)$"),
    ("exponent", CELL, r"$y = o \tanh(k)^2$"),
    ("missing-term", CELL, r"$k = f c$"),
    ("unsummed-fan-out", CELL, r"$\frac{\partial y}{\partial x} = o (1 - o) W_o \tanh(k)$"),
    ("wrong-function", CELL, r"$f = \tanh(W_f x)$"),
    # signs
    ("sign", RESIDUAL, "$z = -0.6 - 0.25$"),
    ("sign", FREE, r"$\frac{\partial z}{\partial w} = -u$"),
    ("sign", CALC, r"$\frac{\partial k}{\partial t} = x \ln(x) \sin(t x)$"),
    ("sign", SOFT, r"$\frac{\partial E}{\partial a_i} = p_i + t_i$"),
    # the chain rule
    ("inner-derivative", CALC, r"$\frac{df}{dx} = \cos(x^2)$"),
    ("inner-derivative", FREE, r"$\frac{\partial s}{\partial w} = s (1 - s)$"),
    ("inner-derivative", FREE, r"$\frac{\partial s}{\partial w} = u$"),
    ("inner-derivative", DENSE, r"$\frac{\partial E}{\partial z_j} = \sum_r B_{rj} (o_r - d_r)$"),
    ("wrong-point", DENSE,
     r"$\frac{\partial E}{\partial z_j} = \sum_r B_{rj} (o_r - d_r) \sigma'(h_j)$"),
    ("wrong-point", DENSE, r"$\frac{\partial E}{\partial B_{rj}} = (o_r - d_r) z_j$"),
    # rules
    ("product-rule", CALC, r"$\frac{dg}{dx} = 3 x^2 \cdot 2 \exp(2x)$"),
    ("product-rule", CALC, r"$\frac{d}{dx} (x^3 \exp(2x)) = 3 x^2 \exp(2x)$"),
    ("inner-derivative", CALC, r"$\frac{d}{dx} (x^3 e^{2x}) = 3 x^2 e^{2x} + x^3 e^{2x}$"),
    ("sign", CALC,
     r"$\frac{d}{dx} \frac{x}{1 + x^2} = \frac{1 + x^2 + 2x^2}{(1 + x^2)^2}$"),
    ("quotient-rule", CALC,
     r"$\frac{d}{dx} \frac{x}{1 + x^2} = \frac{1 + 3 x^2}{(1 + x^2)^2}$"),
    ("quotient-rule", CALC, r"$\frac{d}{dx} \frac{x}{1 + x^2} = \frac{1 - x^2}{1 + x^2}$"),
    ("power-rule", CALC, r"$\frac{d}{dx} x^3 = 3 x^3$"),
    ("power-rule", CALC, r"$\frac{d}{dx} x^5 = x^4$"),
    # matrices
    ("transpose", SQUARE, r"$\frac{\partial E}{\partial h} = B (o - d)$"),
    ("index", SQUARE, r"$\frac{\partial E}{\partial h_j} = \sum_r B_{jr} (o_r - d_r)$"),
    ("index", DENSE, r"$\frac{\partial E}{\partial B_{rj}} = (o_j - d_j) h_j$"),
    ("index", DENSE, r"$\frac{\partial E}{\partial B_{rj}} = (o_r - d_r) h_r$"),
    ("unsummed-parameter", NORM, r"$\frac{\partial L}{\partial g} = c_j u_j$"),
    ("transpose", SQUARE, r"$\nabla_h E = B (o - d)$"),
    ("factor", CALC, r"$\nabla f = 3 x \cos(x^2)$"),
    ("softmax-diagonal", SOFT, r"$\frac{\partial E}{\partial a_i} = -t_i (1 - p_i)$"),
    ("pool-cell", POOL, r"$$\frac{\partial y}{\partial X} = \begin{bmatrix} 0 & 3 & 0 & 0 \\ "
     r"0 & 0 & -2 & 0 \\ 5 & 0 & 4 & 0 \\ 0 & 0 & 0 & 0 \end{bmatrix}$$"),
    ("transpose", POOL, r"$$U = \begin{bmatrix} 7 & 6 \\ 9 & 8 \end{bmatrix}$$"),
    ("kernel-not-flipped", CONV, "$c = [23, 43, 33]$"),
    # sums
    ("unsummed-parameter", SHARED, r"$\frac{\partial L}{\partial a} = [4, -4, 18]$"),
    ("unsummed-fan-out", FAN, r"$\frac{\partial y}{\partial x} = 3 \cos(a) w$"),
    ("unsummed-fan-out", FAN, r"$\frac{\partial y}{\partial x} = 1.2796$"),
    ("batch-mean", MEAN, r"$\frac{\partial C}{\partial w} = \sum_i r_i x_i$"),
    ("weight-decay", MEAN, r"$\frac{\partial E}{\partial w} = \frac{1}{m} \sum_i r_i x_i$"),
    # sizes and counts
    ("size-plus-one", COUNT + question("\\text{out}", "The size", 'phrases = ["size"]'),
     r"1. Size is $\lfloor \frac{32 - 5}{2} \rfloor = 13$"),
    ("size-floor", COUNT + question("\\text{out}", "The size", 'phrases = ["size"]'),
     r"1. Size is $\frac{32 - 5}{2} + 1 = 14.5$"),
    ("input-channels", COUNT + question("Q", "Parameters", 'phrases = ["parameters"]'),
     r"1. Number of parameters is $5 \times 5 \times 16 = 400$"),
    ("biases", COUNT + question("P", "Parameters", 'phrases = ["parameters"]'),
     r"1. Number of parameters is $5 \times 5 \times 3 \times 16 = 1200$"),
    ("mac-flop", COUNT + question("M", "Multiplications", 'phrases = ["multiplications"]'),
     r"1. Number of multiplications is $2 \times 25 \times 3 \times 16 \times 14^2 = 470400$"),
    # numbers
    ("truncation", RESIDUAL, "$s = -0.3363$"),
    ("degrees", CALC, r"$\sin(30) = 0.5$"),
    ("log-base", CALC, r"$\ln(50) = 1.699$"),
    ("decimal-point", RESIDUAL, "$u w + b = -3.5$"),
    ("swapped-digits", RESIDUAL, "$q = 4.1366$"),
    ("arithmetic", RESIDUAL, "$z = 1.5 (-0.4) + 0.25 = -0.6 + 0.25 = -0.45$"),
    ("copied", RESIDUAL, "$s = -0.35$"),
    ("early-rounding", RESIDUAL, "$s = -0.34$. $q = s + 3 u = 4.1600$"),
    # the rest
    ("case-labels", SOFT, r"If $i \neq j$: $\frac{\partial p_j}{\partial a_i} = p_j (1 - p_j)$"),
    ("lost-bound", CALC, r"$\sum_{j=1}^{4} j^2 = \sum_{j=2}^{4} j^2$"),
    ("upside-down", CALC, r"$h = \frac{1 + x^2}{x}$"),
    ("exponent", CALC, r"$h = \frac{x}{1 + x^3}$"),
    ("brackets", CALC, r"$x (x + t) = x^2 + t$"),
    ("wrong-function", RESIDUAL, r"$s = \sigma(z)$"),
]


@pytest.mark.parametrize(("kind", "text", "paper"), CASES, ids=lambda v: v[:40] if "\n" not in v
                         else "")
def test_a_single_mistake_is_named(kind: str, text: str, paper: str) -> None:
    assert kind in kinds(text, paper)


def test_the_catalogue_has_an_entry_for_every_kind_only_once() -> None:
    names = [e.name for e in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(e.title and e.explanation.endswith(".") and e.hint[-1] in ".?" for e in CATALOGUE)


def test_an_unknown_name_is_no_entry() -> None:
    with pytest.raises(StopIteration):
        entry("no such mistake")


def test_the_documentation_has_the_whole_catalogue() -> None:
    page = (DOCS / "mistakes.md").read_text(encoding="utf-8")
    assert page.endswith("\n\n" + table()), "write mistakes.table() to docs/mistakes.md again"


# --- what is not said

@pytest.mark.parametrize(("text", "paper"), [
    (RESIDUAL, "$q = 2.7153$"), (RESIDUAL, "$u w + b = 5.81$"), (CONV, "$c = [12, 9, 47]$"),
    (FREE, r"$\frac{\partial q}{\partial w} = 2 z b + w u$"),
    (NUMBERS, gradient([[0.7, -0.3], [2.5, 1.1]])), (FREE, "$q = u^2 w + 5 b$"),
    (COUNT + question("Q", "Parameters", 'phrases = ["parameters"]'),
     r"1. Number of parameters is $7 \times 13 \times 11 = 1001$"),
], ids=range(7))  # fmt: skip
def test_nothing_is_named_where_nothing_fits(text: str, paper: str) -> None:
    assert kinds(text, paper) == []


def test_a_hint_does_not_have_the_right_value() -> None:
    for _, text, paper in CASES:
        first = wrong(text, paper)[0]
        assert first.mistakes
        for mistake in first.mistakes:
            assert mistake.hint
            if len(first.expected) > 3:
                assert first.expected not in mistake.hint


def test_no_more_than_two_mistakes_are_named() -> None:
    assert all(len(j.mistakes) <= 2 for _, text, paper in CASES for j in wrong(text, paper))


def test_a_right_claim_has_no_mistakes() -> None:
    read = read_paper(rb"$\frac{\partial z}{\partial w} = u$", "p.md")
    report = judge(personalised(read_sheet(FREE, "s.md"), ""), read, read_claims(read), "",
                   explain=explain)
    assert [(j.verdict, j.mistakes) for j in report.judged] == [("right", ())]


def test_the_same_paper_gets_the_same_words_again() -> None:
    for _, text, paper in CASES[:20]:
        assert [j.mistakes for j in wrong(text, paper)] == [j.mistakes for j in wrong(text, paper)]


def test_a_long_wrong_formula_is_not_looked_into() -> None:
    long = " + ".join(["u w"] * 2000)
    assert kinds(RESIDUAL, f"$z = {long}$") == []


# --- the sentences

@pytest.mark.parametrize(("text", "paper", "why"), [
    (FREE, r"$z = u w - b$", "the second term, b, needs a plus"),
    (CALC, r"$\frac{df}{dx} = \cos(x^2)$",
     "the inner derivative, that of x² by x, is missing"),
    (RESIDUAL, "$s = -0.3363$",
     "the further digits of −0.336376 were cut off; rounded it is −0.3364"),
    (SHARED, r"$\frac{\partial L}{\partial a} = [4, -4, 18]$",
     "∂L/∂a is one number: the 3 entries are its terms and have to be added"),
    (DENSE, r"$\frac{\partial E}{\partial B_{rj}} = (o_r - d_r) z_j$",
     "hⱼ, the value that comes out of the function, belongs here, not zⱼ"),
    (SOFT, r"If $i \neq j$: $\frac{\partial p_j}{\partial a_i} = p_j (1 - p_j)$",
     "this holds where i = j, not where i ≠ j"),
], ids=range(6))  # fmt: skip
def test_the_sentence_names_the_place(text: str, paper: str, why: str) -> None:
    assert wrong(text, paper)[0].mistakes[0].why == why
