r"""Formulas typed in LaTeX: what they are read as, what they come to, and where errors point.

Programs are compared by what they are in chainrule's own notation, and run against numbers worked
out here. What chainrule prints of the library's formulas is read back to the same programs, but for
what the printed line does not say.
"""

import math
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.cli import OK, REFUSED, USAGE, main
from chainrule.document.mathtree import latex
from chainrule.document.notation import Notation
from chainrule.errors import ChainruleError, LimitError
from chainrule.explain.work import equation_math
from chainrule.formulas import LIBRARY, program_of
from chainrule.formulas.calls import read
from chainrule.lang.latex import from_latex, is_latex, translated
from chainrule.lang.printing import program_text

SOFTMAX = r"p_i = \frac{e^{z_i}}{\sum_{k=1}^K e^{z_k}}, \quad L = -\sum_i t_i \log p_i"

READINGS = [  # LaTeX, and the same in chainrule's notation
    (r"y = \ln x_1 + x_1 x_2 - \sin x_2", "y = ln(x1) + x1*x2 - sin(x2)"),
    (r"f(x_1, x_2) = \ln(x_1) + x_1 x_2", "f = ln(x1) + x1*x2"),
    (r"f(x) = x^{2}, y = f(3 \cdot t)", "f(x) = x^2; y = f(3*t)"),
    (r"$y = 2x^2 + 3x - 5$.", "y = 2*x^2 + 3*x - 5"),
    (r"\[ y = |x| + \left|x - 1\right| \]", "y = abs(x) + abs(x - 1)"),
    (r"y = \sqrt[3]{x} + \sqrt x", "y = x^(1/3) + sqrt(x)"),
    (r"y = \frac12 (t - y_{\text{hat}})^2", "y = 1/2*(t - y_hat)^2"),
    (r"y = \frac{1}{1+e^{-z}}", "y = 1/(1 + exp(-z))"),
    (r"y = \sin^2 x + \sin 2x + \log_2 x + \tan^{-1} x",
     "y = sin(x)^2 + sin(2*x) + log2(x) + atan(x)"),
    (r"y = \sin x \cos y_0 + \log a b", "y = sin(x)*cos(y0) + ln(a*b)"),
    (r"s_i = \sum_{j\neq i} x_j", "s[i] = sum(j, j != i) x[j]"),
    (r"s = \sum_{i<j} x_i x_j", "s = sum(i, j, i < j) x[i]*x[j]"),
    (r"s = \sum_{i,j} a_{ij} b_{i,j}", "s = sum(i, j) a[i,j]*b[i,j]"),
    (r"y = x_1 + \sum_{i=1}^{n} x_i", "size n; y = x[0] + sum(i < n) x[i]"),
    (r"y = x_0 + \sum_{i=0}^{n-1} x_i", "size n; y = x[0] + sum(i < n) x[i]"),
    (r"E_i = i x_i, \quad i = 1, \dots, n", "size n; E[i] = (i + 1)*x[i] with i < n"),
    (r"y_i = x_{i+p}, \quad 0 \leq i < n", "size n, p; input x[p + n]; y[i] = x[i + p] with i < n"),
    (r"y_{ij} = x_i x_j, \quad i < j", "y[i,j] = x[i]*x[j] with i < j"),
    (r"y_i = \sum_{a=0}^{k-1} w_a x_{s i + a}", "size k, s; y[i] = sum(a < k) w[a]*x[s*i + a]"),
    (r"s = \sum_{i=1}^{n} \sum_{j=i+1}^{n} x_i x_j",
     "size n; s = sum(i < n) sum(j < n, j >= i + 1) x[i]*x[j]"),
    (r"J_{ij} = p_i (\delta_{ij} - p_j)", "J[i,j] = p[i]*((1 if i == j else 0) - p[j])"),
    (r"L = -\sum_i \mathbb{1}[i = y] \log p_i", "L = -sum(i) (1 if i == y else 0)*ln(p[i])"),
    (r"y \in \{1,\dots,K\}, \quad L = -\log p_y", "size K; label y < K; L = -ln(p[y])"),
    (r"y_n \in \{1,\dots,K\}, L = -\sum_{n=1}^N \log p_{n, y_n}",
     "size N, K; label y[N] < K; L = -sum(n < N) ln(p[n,y[n]])"),
    (r"f(x) = \begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}, y = f(t)",
     "y = t if t > 0 else 0"),
    (r"\begin{align} a_i &= \max\{0, x_i\} \tag{1} \\ b &= \sum_{i=1}^n a_i^2 \end{align}",
     "size n; a[i] = max(0, x[i]); b = sum(i < n) a[i]^2"),
    (r"z^{(1)}_u = \sum_v w_{uv}^{(1)} x_v + b_u^{(1)}", "z1[u] = sum(v) w1[u,v]*x[v] + b1[u]"),
    (r"m = \max_k z_k, p_i = \exp(z_i - m)", "m = max(k) z[k]; p[i] = exp(z[i] - m)"),
    (r"y_i = x_i - m, \text{ where } m = \frac{1}{n} \sum_{i=1}^n x_i",
     "size n; m = 1/n*sum(i < n) x[i]; y[i] = x[i] - m"),
    (r"y_{ij} = \max_{0 \le a < 2} x_{2i+a, j}", "y[i,j] = max(a < 2) x[2*i + a, j]"),
    (r"S(\mathbf{x})_i = \frac{e^{x_i}}{\sum_j e^{x_j}}", "S[i] = exp(x[i])/sum(j) exp(x[j])"),
    (r"w \in \mathbb{R}^n, L = \frac{\lambda}{2} ||w||^2 + |b|",
     "input w[n]; L = lambda/2*norm(w)^2 + abs(b)"),
    (r"c = \operatorname*{arg\,max}_i p_i", "c = argmax(i) p[i]"),
    (r"x̂ = ∑_{i=1}^n x_i² · \beta",
     "size n; x̂ = sum(i < n) x[i]^2*beta"),
    (r"\hat{y} = \theta_0 + \theta_1 x", "ŷ = theta0 + theta1*x"),
    (r"z \in \mathbb{R}^3, p_i = \mathrm{softmax}(z)_i", "input z[3]; p = softmax(z)"),
    (r"input W[U, V], x[V]; \mathbf{z} = \mathbf{W} \mathbf{x}, L = \lVert \mathbf{z} \rVert_2^2",
     "input W[U, V], x[V]; z = W @ x; L = norm(z)^2"),
    (r"x \in \mathbb{R}^n, A \in \mathbb{R}^{n \times n}, q = x^\top A x",
     "input x[n], A[n, n]; q = x.T @ A @ x"),
    (r"z \in \mathbb{R}^n; \mathbf{y} = \mathbf{z} \odot (1 - \mathbf{z})",
     "input z[n]; y = z*(1 - z)"),
]


@pytest.mark.parametrize(("typed", "meant"), READINGS)
def test_readings(typed: str, meant: str) -> None:
    assert is_latex(typed)
    assert str(read(from_latex(typed))) == str(read(meant))


def test_values() -> None:
    z, t = [0.5, -1.0, 2.0], [0.0, 0.0, 1.0]
    p = np.exp(z) / np.sum(np.exp(z))
    assert cr.run(SOFTMAX, z=z, t=t) == pytest.approx(-math.log(p[2]))
    assert cr.run(r"y = \sum_{i=1}^{n} i x_i", x=[10, 20, 30]) == 140
    assert cr.run(r"y = \sum_{i=2}^{n} x_i", x=[10, 20, 30]) == 50
    assert cr.run(r"y = \sum_{i=0}^{n} a_i x^i", a=[1, 2, 3], x=2) == 17
    assert cr.run(r"y = \sum_{i=1}^{n-1} (x_{i+1} - x_i)^2", x=[1, 2, 6]) == 17
    assert cr.run(r"n = 3, y = \frac{1}{n}\sum_{i=1}^n x_i", x=[1, 2, 6]) == 3
    assert cr.run(r"s = \sum_{i=1}^n \sum_{j=1}^{i} x_j", x=[1, 2, 3]) == 10
    mean = r"\bar{x} = \frac1n \sum_{i=1}^n x_i,\quad "
    assert cr.run(mean + r"v = \frac1n \sum_{i=1}^n (x_i - \bar{x})^2", x=[1, 2, 6]) == (
        pytest.approx(14 / 3))
    x, a = np.array([1.0, 2, 4]), np.arange(9.0).reshape(3, 3)
    for typed, value, inputs in [
        (r"y_i = \sum_{k=1}^{i} x_k", [1, 3, 7], {"x": x}),
        (r"y_i = x_{n+1-i}, \quad i = 1, \dots, n", x[::-1], {"x": x}),
        (r"d_i = x_{i+1} - x_i, \quad i = 1, \dots, n-1", [1, 2], {"x": x}),
        (r"y = \sum_{j=2}^{n} a_{1j}", a[0, 1:].sum(), {"a": a}),
        (r"y = \sum_{i=1}^{n} \sum_{j=1}^{i-1} a_{ij}", np.tril(a, -1).sum(), {"a": a}),
        (r"y = \sum_{i \neq j} x_i x_j", 49 - 21, {"x": x}),
        (r"x \in \mathbb{R}^n, A \in \mathbb{R}^{n\times n}, y = \frac12 x^\top A x - \|A x\|_2",
         0.5 * x @ a @ x - np.linalg.norm(a @ x), {"x": x, "A": a}),
        (r"y = \begin{cases} a & \text{if } 0 \leq x < 1 \text{ and } a \neq 2 \\"
         r" b & \text{else} \end{cases} + 1", 4, {"x": 0.5, "a": 2, "b": 3}),
        (r"y = -a^2 + (-a)^2 + 2^{-1} - (b - a) / b / 2", 0.5 + 1 / 4, {"a": 3, "b": 2}),
        (r"y = \left\lfloor \frac{x}{2} \right\rfloor + \lceil x \rceil", 7, {"x": 4.5}),
    ]:
        assert np.allclose(cr.run(typed, **inputs), value), typed
    assert cr.run(r"y \in \{1, \dots, 3\}, L = -\log p_y", y=2, p=[0.5, 0.25, 0.25]) == (
        pytest.approx(math.log(4)))


@pytest.mark.parametrize(("typed", "claim"), [
    (r"p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}, \quad \sum_i p_i = 1", "sum(i) p[i] == 1"),
    (r"L = \sum_i z_i^2, \frac{\partial L}{\partial z_i} = 2 z_i", "dL_dz[i] == 2*z[i]"),
    (r"z^{(1)} = w x, L = (z^{(1)})^2, \frac{\partial L}{\partial z^{(1)}} = 2 z^{(1)}",
     "dL_dz1 == 2*z1"),
    (r"\sigma(-x) = 1 - \sigma(x).", "sigma(-x) == 1 - sigma(x)"),
    (r"\sqrt{x^2} \geq x", "sqrt(x^2) >= x"),
])
def test_claims(typed: str, claim: str) -> None:
    assert from_latex(typed, claim=True).split("\n")[-1] == claim


def test_index_notation_is_left_alone() -> None:
    for text in ("y[i] = x[i]^{2}", "y = x_1^2 + x_2", "y = \\\n  x", "y = x  # costs $5"):
        assert not is_latex(text)


def test_remarks() -> None:
    assert translated(r"y = x_1 + \sum_{i=1}^{n} x_i").remarks == (
        "subscripts count from 1 in the text, and from 0 here: x_1 is x[0]",)
    assert "the label y counts from 0" in translated(READINGS[22][0]).remarks[0]
    assert translated(r"y = x_1 \cdot x_2").remarks == ()
    assert "a name of several letters is written \\mathrm{err}" in (
        translated(r"L = \frac12 err^2").remarks[0])


ERRORS = [
    (r"y = \prod_i x_i", r"\prod has no meaning", r"\prod"),
    (r"y = \int x dx", r"\int has no meaning", r"\int"),
    (r"\delta_i = \frac{\partial L}{\partial z_i}", r"\partial has no meaning", r"\partial"),
    (r"y = \sigmod{x}", r"\sigmod is not known here", r"\sigmod"),
    (r"y = \frac{1}{x", "`{` is never closed", "{"),
    (r"y = x^{2}}, z = \log x", "expected", "}"),
    (r"y = f'(x) + \log x", "the derivative of f", "f'"),
    (r"L = t_i \log p_i, s = \sum_i t_i", "nothing says over what i runs here", "i"),
    (r"s^2 = \frac{1}{n} x", "expected a name on the left", "s^2"),
    (r"loss = \frac12 x^2", "expected a name on the left", "loss"),
    (r"y = a(b) + \log x", "a(b) can be read in two ways", "a(b)"),
    (r"y = \phi(x)", "nothing says what phi is", r"\phi"),
    (r"y = \sum_i \sum_{j=1}^{n_i} x_{ij}", "a limit that is read from a tensor", "n_i"),
    (r"y = \sum_{i=1}^{1.5} x_i", "a limit of a sum is a whole number", "1.5"),
    (r"y = 1/2x + \log x", "can be read in two ways", "1/2x"),
    (r"y = \lim_{x} x", r"\lim has no meaning", r"\lim"),
    (r"y = \begin{pmatrix} 1 \end{pmatrix}", "the environment pmatrix", r"\begin{pmatrix}"),
    (r"a = b = \frac{1}{2}", "more than one relation", "b"),
    (r"\frac{1}{2} + x", "expected an equation", r"\frac"),
    (r"$$ $$", "there is no equation", "$"),
]


@pytest.mark.parametrize(("typed", "message", "place"), ERRORS)
def test_errors_underline_the_latex(typed: str, message: str, place: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        from_latex(typed)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == typed
    assert caught.value.span.excerpt().startswith(place)


def test_what_the_reader_refuses_says_that_it_was_latex() -> None:
    with pytest.raises(ChainruleError) as caught:
        cr.formula(r"y = \mathbf{w}^\top \mathbf{x}")
    assert "as read from LaTeX" in caught.value.report()
    assert "w.T @ x" in caught.value.report()


def test_the_command_line(capsys) -> None:
    assert main(["run", r"y = x_1 + \sum_{i=1}^{n} x_i", "--at", "x=[1, 2]"]) == OK
    out, err = capsys.readouterr()
    assert out.strip() == "y = 4.0"
    assert err.startswith("note: subscripts count from 1")
    assert main(["run", r"y = \prod_i x_i"]) == USAGE
    assert main(["show", SOFTMAX]) == OK
    assert "p[i] = exp(z[i])/sum(k) exp(z[k])" in capsys.readouterr().out
    assert main(["trace", r"$y = \ln x_1 + x_1 x_2 - \sin x_2$", "--at", "x1=2", "x2=5"]) == OK
    assert main(["show", "y = " + "(" * 300 + r"\alpha"]) == REFUSED


# --- what chainrule prints, read back -------------------------------------------------------------


def unsaid(text: str) -> str | None:
    """What a formula's typeset lines leave out, so that they cannot be read back; None if all is
    there."""
    for sign, reason in [
        ("; pad", "what stands outside an axis is not typeset"),
        (" with ", "how far indices run is not typeset"),
        ("<", "how far the index of a sum runs is not typeset"),
        ("xlogy", "a logarithm that is 0 where its factor is 0 is typeset as t ln y"),
        ("0.044715", "numbers are typeset with 4 decimal places"),
    ]:
        if sign in text:
            return reason
    return None


def lines(text: str, equations: bool) -> list[str]:
    return [line for line in text.split("\n") if ("=" in line) == equations
            and not line.startswith(("output", "update"))]


@pytest.mark.parametrize("name", LIBRARY)
def test_what_is_printed_reads_back(name: str) -> None:
    entry = LIBRARY[name]
    program = program_of(entry, leading=1 if "..." in entry.text else 0)
    written = program_text(program)
    notation = Notation(program.tensors)
    typeset = " \\\\\n".join(latex(equation_math(notation, e)) for e in program.equations)
    source = "\n".join(lines(written, False)) + "\n" + typeset
    reason = unsaid("\n".join(lines(written, True)))
    try:
        found = program_text(read(from_latex(source)))
    except ChainruleError:
        assert reason, source
        return
    assert lines(found, True) == lines(written, True) or reason, source


def test_most_of_the_library_says_everything() -> None:
    said = [e for e in LIBRARY.values()
            if unsaid("\n".join(lines(program_text(program_of(
                e, leading=1 if "..." in e.text else 0)), True))) is None]
    assert len(said) >= 55


# --- hostile input --------------------------------------------------------------------------------

PIECES = [
    "x", "y", "i", "_", "^", "{", "}", "(", ")", "[", "]", "=", "+", "-", " ", ",", "\\\\", "\n",
    "&", "|", "$", "1", "23", ".5", "'", ";", ".", r"\frac", r"\sum", r"\max", r"\sqrt", r"\log ",
    r"\sin ", r"\left", r"\right", r"\begin{cases}", r"\end{cases}", r"\begin{align}", r"\in",
    r"\text{if }", r"\text{otherwise}", r"\mathbf", r"\mathbb{R}", r"\mathbb{1}", r"\hat", r"\top",
    r"\{", r"\}", r"\dots", r"\cdot ", r"\alpha ", r"\delta", r"\lVert ", r"\rVert ", r"\|", "%",
    "input W[U, V]", "label y < K", r"\neq ", r"\leq ", r"\mathrm{softmax}", r"\operatorname",
    r"\substack", r"\arg", r"\lfloor ", r"\rfloor ", r"\langle ", r"\quad", r"\sigma(", r"_{ij}",
    "f(x)", "e^", r"^{(1)}", "^T", r"\forall ", "é", "∑", "²", "\u202e", "\x00", "#", "!", "<",
]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_nothing_but_typed_errors_comes_out(text: str) -> None:
    for claim in (False, True):
        try:
            found = from_latex(text, claim=claim)
            if not claim:
                read(found)
        except ChainruleError as error:
            assert error.report()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_readings_with_a_piece_changed(data) -> None:
    typed = data.draw(st.sampled_from([typed for typed, _ in READINGS]))
    at = data.draw(st.integers(0, len(typed)))
    piece = data.draw(st.sampled_from([*PIECES, ""]))
    try:
        read(from_latex(typed[:at] + piece + typed[at + data.draw(st.integers(0, 3)):]))
    except ChainruleError as error:
        assert error.report()


DEEP = ["(", "{", r"\frac{", r"\sqrt{", "x^{", "x_{", r"\left|", r"\sum_{i", r"\sum_i ", "-(",
        r"2 \sum_i ", r"\log ", r"\max\{", r"\begin{cases}", r"\mathbf{", r"\hat{", "|", r"\lVert ",
        "+-", r"\mathbb{1}[", r"e^{", r"x_i^", r"\sin^{", "f(", r"\text{not}", r"\lfloor "]


@pytest.mark.parametrize("piece", DEEP)
@pytest.mark.parametrize("close", ["", "}", ")", "x"])
def test_deep_nesting_is_refused_quickly(piece: str, close: str) -> None:
    start = time.process_time()
    for times in (40, 120, 4000 // len(piece) - 20):
        inside = piece * times + "x" + close * times
        try:
            read(from_latex(rf"y = {inside}"[:3999]))
        except ChainruleError as error:
            assert error.report()
    assert time.process_time() - start < 3


@pytest.mark.parametrize("typed", [
    "y = " + "".join(rf"2 \sum_{{{c}}} x_{c} + " for c in "abcdfgh" * 20) + r"\alpha",
    "y = " + " ".join(rf"2 \sum_{{{c}}} x_{c}" for c in "abcdfghijklmnopqrstuvwz"),
    "y = " + "2(" * 28 + r"\alpha" + ")" * 28,
    ", ".join(rf"x_{{{k}}} = a_i" for k in range(300)),
    ", ".join(rf"x_i^{{({k})}} = \sum_j w_{{ij}} x_j^{{({k + 1})}}" for k in range(80)),
    r"y = \alpha" + "+ x" * 990,
    r"y = \alpha" + " x" * 1900,
    "y = " + r"\frac{a}{" * 30 + "x" + "}" * 30,
    "x^" * 500 + "x",
    "$" * 3900, "\\\\" * 1000, "input x" + "[" * 2000 + r"\alpha", r"\begin{cases}" * 200,
])
def test_hostile_texts_take_no_time(typed: str) -> None:
    start = time.process_time()
    try:
        from_latex(typed)
    except ChainruleError as error:
        assert error.report()
    assert time.process_time() - start < 1


def test_long_texts_are_refused() -> None:
    with pytest.raises(LimitError):
        from_latex(r"y = \alpha" + " + x" * 2000)
