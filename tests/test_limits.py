"""Limits and integrals: known answers, those that do not exist, those that stay undecided."""

from __future__ import annotations

import importlib.util
import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from chainrule.algebra.normal import Normal
from chainrule.algebra.signs import Facts
from chainrule.errors import DomainError, UndecidedError
from chainrule.explain.calculus import STARTS, worked
from chainrule.explain.calculus_check import _Bench, faults
from chainrule.explain.claims import Claim, Side, read_claim
from chainrule.explain.proof import Case
from chainrule.lang.expr import Apply, Expr, Number, Ref, walk

SOFTMAX = "input x[K]; lim(c -> {}) exp(c*x[i])/sum(k) exp(c*x[k])"

LIMITS = {
    # continuous, and cancelled
    "lim(x -> 2) x^2 + 1": "5",
    "lim(x -> a) sin(x)*exp(x)": "sin(a)*exp(a)",
    "lim(x -> 1) (x^2 - 1)/(x - 1)": "2",
    "lim(x -> 2) (x^2 - 4)/(x^2 - 3*x + 2)": "4",
    "lim(x -> a) (x^3 - a^3)/(x - a)": "3*a^2",
    "lim(x -> 0) (sqrt(1 + x) - 1)/x": "1/2",
    "lim(x -> 0) x*heaviside(x)": "0",
    "lim(x -> 3) max(x, 2*x - 3)": "3",
    # 0/0
    "lim(x -> 0) sin(x)/x": "1",
    "lim(x -> 0) (exp(x) - 1)/x": "1",
    "lim(x -> 0) (1 - cos(x))/x^2": "1/2",
    "lim(x -> 0) (sin(x) - x)/x^3": "-1/6",
    "lim(x -> 0) (exp(x) - 1 - x)/x^2": "1/2",
    "lim(x -> 0) tan(x)/x": "1",
    "lim(x -> 0) tanh(x)/x": "1",
    "lim(x -> 0) ln(1 + a*x)/x": "a",
    "lim(x -> 1) ln(x)/(x - 1)": "1",
    "lim(x -> 0) asin(x)/x": "1",
    "lim(x -> 0) (sigmoid(x) - 1/2)/x": "1/4",
    "lim(b -> 0) (x^b - 1)/b": "ln(x)",
    "lim(a -> 0) (exp(a*x) - 1)/a": "x",
    "lim(x -> 0) 1/x - 1/sin(x)": "0",
    "lim(x -> 0) 1/ln(1 + x) - 1/x": "1/2",
    # powers and logarithms
    "lim(n -> inf) (1 + x/n)^n": "exp(x)",
    "lim(x -> 0) (1 + x)^(1/x)": "exp(1)",
    "lim(x -> 0+) x*ln(x)": "0",
    "lim(x -> 0+) x^x": "1",
    "lim(x -> 0+) sqrt(x)*ln(x)": "0",
    "lim(x -> inf) x^(1/x)": "1",
    "lim(x -> 0+) ln(x)": "-inf",
    # at infinity
    "lim(x -> inf) ln(x)/x": "0",
    "lim(x -> inf) ln(x)^2/x": "0",
    "lim(x -> inf) sqrt(x^2 + x) - x": "1/2",
    "lim(x -> -inf) sqrt(x^2 + 1)/x": "-1",
    "lim(x -> inf) (x^3 + x)/(2*x^3 - 5)": "1/2",
    "lim(x -> inf) (x^2 + 1)/(x^3 - 5)": "0",
    "lim(x -> inf) (x^4 + 1)/(5 - x^3)": "-inf",
    "lim(x -> inf) x^5/exp(x)": "0",
    "lim(x -> -inf) x^3*exp(x)": "0",
    "lim(x -> inf) exp(x)/x^4": "inf",
    "lim(x -> inf) exp(-exp(x))": "0",
    "lim(x -> inf) atan(x)": "pi/2",
    "lim(x -> -inf) erf(x)": "-1",
    "lim(x -> inf) x*(exp(1/x) - 1)": "1",
    "lim(x -> inf) x*sin(1/x)": "1",
    "lim(x -> inf) (x + sin(x))/x": "1",
    "lim(x -> 0) x*sin(1/x)": "0",
    "lim(x -> inf) softplus(x) - x": "0",
    "lim(x -> -inf) x*sigmoid(x)": "0",
    "lim(x -> inf) tanh(x)": "1",
    "lim(x -> inf) x^n/exp(x)": "0",
    "lim(x -> -inf) x*(1 + erf(x/sqrt(2)))/2": "0",
    # a parameter
    "lim(k -> inf) sigmoid(k*x)": "heaviside(x)",
    "lim(k -> inf) tanh(k*x)": "sign(x)",
    "lim(k -> inf) softplus(k*x)/k": "relu(x)",
    "lim(k -> 0) sigmoid(k*x)": "1/2",
    "lim(b -> 0) sqrt(x^2 + b^2)": "abs(x)",
    # difference quotients
    "lim(h -> 0) ((x + h)^3 - x^3)/h": "3*x^2",
    "lim(h -> 0) (exp(x + h) - exp(x))/h": "exp(x)",
    "lim(h -> 0) (sin(x + h) - sin(x))/h": "cos(x)",
    "lim(h -> 0) (cos(x + h) - cos(x))/h": "-sin(x)",
    "lim(h -> 0) (ln(x + h) - ln(x))/h": "1/x",
    "lim(h -> 0) (1/(x + h) - 1/x)/h": "-1/x^2",
    "lim(h -> 0) (sigmoid(x + h) - sigmoid(x))/h": "sigmoid(x)*(1 - sigmoid(x))",
    "lim(h -> 0) (tanh(x + h) - tanh(x))/h": "1 - tanh(x)^2",
    "lim(h -> 0) (softplus(x + h) - softplus(x))/h": "sigmoid(x)",
    "lim(h -> 0) (square(x + h) - square(x))/h": "2*x",
    "lim(h -> 0) (erf(x + h) - erf(x))/h": "2*exp(-x^2)/sqrt(pi)",
    "lim(h -> 0) (atan(x + h) - atan(x))/h": "1/(1 + x^2)",
    "lim(h -> 0) ((x + h)*(1 + erf((x + h)/sqrt(2)))/2 - x*(1 + erf(x/sqrt(2)))/2)/h":
        "(1 + erf(x/sqrt(2)))/2 + x*exp(-x^2/2)/sqrt(2*pi)",
    # softmax and its kin
    SOFTMAX.format("inf"): "(1 if x[i] == (max(k) x[k]) else 0)/"
                           "sum(k) (1 if x[k] == (max(j) x[j]) else 0)",
    SOFTMAX.format("-inf"): "(1 if x[i] == (min(k) x[k]) else 0)/"
                            "sum(k) (1 if x[k] == (min(j) x[j]) else 0)",
    SOFTMAX.format("0"): "1/K + 0*x[i]",
    "input x[K]; lim(c -> inf) ln(sum(k) exp(c*x[k]))/c": "max(k) x[k]",
    "input x[K]; lim(c -> -inf) ln(sum(k) exp(c*x[k]))/c": "min(k) x[k]",
    "input x[K]; lim(t -> 0+) t*ln(sum(k) exp(x[k]/t))": "max(k) x[k]",
    "input x[K]; lim(c -> 0) (ln(sum(k) exp(c*x[k])) - ln(K))/c": "(sum(k) x[k])/K",
    "input x[K]; lim(c -> inf) sum(k) sigmoid(c*x[k])": "sum(k) heaviside(x[k])",
    "input x[K]; lim(c -> inf) (sum(k) x[k]*exp(c*x[k]))/(sum(k) exp(c*x[k]))": "max(k) x[k]",
    # limits of limits
    "lim(y -> 0) lim(x -> 0) x/(x + y)": "0",
    "lim(x -> 0) lim(y -> 0) x/(x + y)": "1",
    "lim(b -> inf) integral(u, 0, b) exp(-u)": "1",
    "lim(k -> inf) integral(u, 0, x) sigmoid(k*u)": "relu(x)",
    "lim(x -> inf) integral(u, -inf, x) heaviside(u)": "inf",
}

INTEGRALS = {
    "integral(u, -inf, x) heaviside(u)": "x*heaviside(x)",
    "integral(u, -inf, inf) heaviside(u)": "inf",
    "integral(u, 0, x) u^2": "x^3/3",
    "integral(u, a, b) u": "(b^2 - a^2)/2",
    "integral(u, 1, 0) u": "-1/2",
    "integral(u, 0, x) relu(u)": "x*relu(x)/2",
    "integral(u, 0, x) sign(u)": "abs(x)",
    "integral(u, -1, 1) abs(u)": "1",
    "integral(u, -1, 1) heaviside(u - a)": "max(0, min(2, 1 - a))",
    "integral(u, 0, x) max(0, 1 - u)": "(x - x^2/2 if x < 1 else 1/2)",
    "integral(u, -inf, inf) exp(-abs(u))": "2",
    "integral(u, 0, inf) exp(-u)": "1",
    "integral(u, a, inf) exp(-u)": "exp(-a)",
    "integral(u, 0, 1) exp(a*u)": "(1 if a == 0 else (exp(a) - 1)/a)",
    "integral(u, 0, inf) u^2*exp(-u)": "2",
    "integral(u, 0, 1) u*exp(u)": "1",
    "integral(u, 0, 1) u*ln(u)": "-1/4",
    "integral(u, 0, 1) ln(u)": "-1",
    "integral(u, 1, inf) 1/u": "inf",
    "integral(u, 1, inf) 1/u^2": "1",
    "integral(u, 0, 1) 1/u": "inf",
    "integral(u, 0, 1) 1/sqrt(u)": "2",
    "integral(u, -1, 1) 1/sqrt(abs(u))": "4",
    "integral(u, -1, 1) 1/u^2": "inf",
    "integral(u, 0, 2) 1/(u - 1)^2": "inf",
    "integral(u, -inf, inf) 1/(1 + u^2)": "pi",
    "integral(u, -inf, inf) exp(-u^2/2)/sqrt(2*pi)": "1",
    "integral(u, -inf, inf) u*exp(-u^2)": "0",
    "integral(u, 0, x) sigmoid(u)": "softplus(x) - ln(2)",
    "integral(u, 0, x) tanh(u)": "ln(cosh(x))",
    "integral(u, -inf, x) sigmoid(u)*(1 - sigmoid(u))": "sigmoid(x)",
    "integral(u, 0, pi) sin(u)": "2",
    "integral(u, 0, 2*pi) sin(3*u)": "0",
    "integral(u, 0, 1) u*sin(u)": "sin(1) - cos(1)",
    "integral(u, 0, pi) cos(u)^2": "pi/2",
    "integral(u, 0, pi) exp(u)*sin(u)": "(exp(pi) + 1)/2",
    "integral(u, 0, 1) u/(1 + u^2)": "ln(2)/2",
    "integral(u, 0, 1) (2*u + 1)^3": "10",
    "integral(u, 0, 1) 2^u": "1/ln(2)",
    "integral(u, 0, 1) erf(u)": "erf(1) + exp(-1)/sqrt(pi) - 1/sqrt(pi)",
    "input x[K]; integral(u, 0, 1) sum(k) x[k]*u": "(sum(k) x[k])/2",
}

MISSING = {
    "lim(x -> 0) 1/x": "-∞ from the left, ∞ from the right",
    "lim(x -> 0) abs(x)/x": "-1 from the left, 1 from the right",
    "lim(x -> 0) heaviside(x)": "0 from the left, 1 from the right",
    "lim(x -> 2) floor(x)": "1 from the left, 2 from the right",
    "lim(x -> 0) atan(1/x)": "-pi/2 from the left, pi/2 from the right",
    "lim(x -> 0) exp(1/x)": "0 from the left, ∞ from the right",
    "lim(x -> 0) ln(x)": "not defined near the point",
    "lim(x -> 0-) sqrt(x)": "not defined near the point",
    "integral(u, -1, 1) 1/u": "one part diverges to inf, another to -inf",
    "integral(u, -inf, inf) u": "one part diverges to inf, another to -inf",
}

UNDECIDED = (
    "lim(x -> 0) sin(1/x)",
    "lim(x -> inf) sin(x)",
    "lim(x -> inf) exp(exp(x))",
    "lim(x -> inf) cos(x)*x",
    "integral(u, 0, 1) exp(u^2)",
    "integral(u, 0, 1) sin(1/u)",
    "integral(u, 0, 2) tan(u)",
    "integral(u, 0, 1) relu(u^2 - u)",
)


def claim(text: str, right: str = "0") -> Claim:
    return read_claim(f"{text} == {right}")


def cases_of(c: Claim) -> list[Case]:
    return worked(c.left, Normal(Facts(), {r.name: r.size for r in c.ranges if r.size}))


def shown(case: Case, expected: Expr, c: Claim) -> None:
    """A case's value is the expected one, at points of the case."""
    assert isinstance(case.value, Expr), case
    bench = _Bench(c.program, c.ranges)
    points = list(bench.points(case, c.left, 3, random.Random(1)))
    for values, cell in points:
        try:
            found, wanted = bench.cells([case.value, expected], values, cell)
        except DomainError:
            continue  # ln(x) where x < 0
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12), (case, values)


@pytest.mark.parametrize("text", [*LIMITS, *INTEGRALS])
def test_a_limit_or_an_integral_is_what_is_known(text: str) -> None:
    expected = {**LIMITS, **INTEGRALS}[text]
    infinite = expected in ("inf", "-inf")
    c = claim(text, "0" if infinite else expected)
    cases = cases_of(c)
    assert cases
    for case in cases:
        assert case.lines
        if infinite:
            assert case.value == expected
        else:
            assert c.right is not None
            shown(case, c.right.body, c)


@pytest.mark.parametrize("text", list(MISSING))
def test_what_does_not_exist_says_why(text: str) -> None:
    (case,) = cases_of(claim(text))
    assert case.value is None
    assert MISSING[text] in case.why


@pytest.mark.parametrize("text", UNDECIDED)
def test_what_cannot_be_decided_is_not_guessed(text: str) -> None:
    with pytest.raises(UndecidedError):
        cases_of(claim(text))


@pytest.mark.parametrize("text", [*LIMITS, *INTEGRALS][::4])
def test_every_line_agrees_with_numbers(text: str) -> None:
    c = claim(text)
    assert not faults(c.program, c.ranges, c.left, cases_of(c), points=1)


@pytest.mark.parametrize("text", [
    "lim(x -> 0) sin(x)/x", "integral(u, 0, 1) u", "lim(x -> inf) ln(x)/x",
    "integral(u, -inf, x) heaviside(u)"])
def test_a_wrong_value_is_caught_by_numbers(text: str) -> None:
    c = claim(text)
    wrong = [replace(case, value=case.value + 1) for case in cases_of(c)
             if isinstance(case.value, Expr)]
    assert faults(c.program, c.ranges, c.left, wrong)


def test_a_wrong_line_is_caught_by_numbers() -> None:
    c = claim("lim(x -> 0) sin(x)/x")
    (case,) = cases_of(c)
    first = case.lines[0]
    assert isinstance(first.value, Side)
    planted = replace(first, value=replace(first.value, body=2 * first.value.body))
    wrong = replace(case, lines=(planted, *case.lines[1:]))
    assert [f.rule for f in faults(c.program, c.ranges, c.left, [wrong])] == [first.rule] * 2


def test_the_derivative_of_relu_exists_but_at_0() -> None:
    cases = cases_of(claim("lim(h -> 0) (max(0, x + h) - max(0, x))/h"))
    assert [(case.conditions[0][1], case.value) for case in cases] == [
        ("-", Number(0)), ("0", None), ("+", Number(1))]
    assert "0 from the left, 1 from the right" in cases[1].why
    assert [line.rule for line in cases[1].lines if line.rule in STARTS] == [
        "from the left", "from the right"]


def test_cases_with_the_same_lines_are_one() -> None:
    (case,) = cases_of(claim("lim(h -> 0) (1/(x + h) - 1/x)/h"))
    assert [signs for _, signs in case.conditions] == ["-+"]


def test_the_rules_are_called_what_books_call_them() -> None:
    (case,) = cases_of(claim("lim(x -> 0) (sin(x) - x)/x^3"))
    assert [line.rule for line in case.lines][:4] == [
        *["L'Hôpital's rule: 0/0"] * 3, "continuous: the value at the point"]


def test_a_case_of_a_division_by_a_symbol_leaves_out_0() -> None:
    cases = cases_of(claim("lim(h -> 0) (x + h)/y"))
    assert all("0" not in signs for case in cases for _, signs in case.conditions)


# --- against SymPy, and random ones ---------------------------------------------------------------

needs_sympy = pytest.mark.skipif(importlib.util.find_spec("sympy") is None,
                                 reason="SymPy is not installed")


def in_sympy(e: Expr) -> Any:
    import sympy as sp

    if isinstance(e, Number):
        value = Fraction(e.value)
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(e, Ref):
        return sp.Symbol(e.tensor, real=True)
    assert isinstance(e, Apply), e
    args = [in_sympy(a) for a in e.args]
    table = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
             "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
             "exp": sp.exp, "ln": sp.log, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan,
             "tanh": sp.tanh, "sqrt": sp.sqrt, "atan": sp.atan, "asin": sp.asin, "erf": sp.erf,
             "pi": lambda: sp.pi, "cosh": sp.cosh, "square": lambda a: a * a}
    return table[e.function](*args)


def plain_limits() -> list[str]:
    """Limits without parameters or functions that SymPy writes otherwise."""
    found = []
    for text in LIMITS:
        if not text.startswith("lim(x ->") or "integral" in text or text.count("lim(") > 1:
            continue
        c = claim(text)
        names = {n.tensor for n in walk(c.left.body) if isinstance(n, Ref)}
        known = all(n.function in ("add", "sub", "mul", "div", "neg", "pow", "exp", "ln", "sin",
                                   "cos", "tan", "sqrt", "atan", "asin", "pi")
                    for n in walk(c.left.body) if isinstance(n, Apply))
        if names == {"x"} and known and all(not isinstance(p, Expr) or isinstance(p, Number)
                                            for p in c.left.operators[0].points):
            found.append(text)
    return found


@needs_sympy
@pytest.mark.parametrize("text", plain_limits())
def test_sympy_finds_the_same_limit(text: str) -> None:
    import sympy as sp

    c = claim(text)
    own = c.left.operators[0]
    point = own.points[0]
    at = {"inf": sp.oo, "-inf": -sp.oo}[point] if isinstance(point, str) else in_sympy(point)
    x = sp.Symbol("x", real=True)
    there = sp.limit(in_sympy(c.left.body), x, at, own.side or ("+" if own.side else "+-")
                     if not isinstance(point, str) else "-" if point == "inf" else "+")
    (case,) = cases_of(c)
    same(case.value, there)


@needs_sympy
@pytest.mark.parametrize("text", [
    t for t in INTEGRALS if not any(w in t for w in (
        "heaviside", "relu", "sign", "abs", "max", "sigmoid", "input", "x)", "a", "tanh"))])
def test_sympy_finds_the_same_integral(text: str) -> None:
    import sympy as sp

    c = claim(text)
    ends = [{"inf": sp.oo, "-inf": -sp.oo}[p] if isinstance(p, str) else in_sympy(p)
            for p in c.left.operators[0].points]
    u = sp.Symbol("u", real=True)
    there = sp.integrate(in_sympy(c.left.body), (u, *ends))
    (case,) = cases_of(c)
    same(case.value, there)


def same(value: Expr | str | None, there: Any) -> None:
    import sympy as sp

    if isinstance(value, str):
        assert there == {"inf": sp.oo, "-inf": -sp.oo}[value]
    else:
        assert isinstance(value, Expr)
        assert abs(sp.N(in_sympy(value) - there, 30)) < 1e-20


def polynomial(rng: random.Random, degree: int) -> str:
    numbers = [rng.randrange(-3, 4) for _ in range(degree + 1)]
    return " + ".join(f"({n})*x^{k}" for k, n in enumerate(numbers) if n) or "1"


@pytest.mark.parametrize("seed", range(25))
def test_random_quotients_tend_where_numbers_do(seed: int) -> None:
    rng = random.Random(seed)
    point = rng.choice(["0+", "1-", "-1+", "inf", "-inf", "2+"])
    above, below = polynomial(rng, rng.randrange(4)), polynomial(rng, 1 + rng.randrange(3))
    shared = rng.choice(["", "*x", "*(x - 1)", "*(x + 1)^2"])
    text = f"lim(x -> {point}) (({above}){shared})/(({below}){shared})"
    c = claim(text)
    assert not faults(c.program, c.ranges, c.left, cases_of(c), points=1), text


@pytest.mark.parametrize("seed", range(25))
def test_random_sums_of_exponentials_tend_where_numbers_do(seed: int) -> None:
    rng = random.Random(1000 + seed)
    parts = [f"({polynomial(rng, 2)})*exp({rng.randrange(-2, 3)}*x)" for _ in range(4)]
    point = rng.choice(["inf", "-inf", "0+", "0-"])
    text = f"lim(x -> {point}) ({parts[0]} + {parts[1]})/({parts[2]} + {parts[3]} + exp(x/2))"
    c = claim(text)
    assert not faults(c.program, c.ranges, c.left, cases_of(c), points=1), text


@pytest.mark.parametrize("seed", range(15))
def test_random_pieces_integrate_to_what_numbers_sum_to(seed: int) -> None:
    rng = random.Random(2000 + seed)
    f = rng.choice(["relu", "heaviside", "abs", "sign", "exp", "sin"])
    g = f"({rng.choice([-2, -1, 1, 2])}*u + {rng.choice(['0', '1', 'a'])})"
    text = f"integral(u, -1, x) ({polynomial(rng, 2).replace('x', 'u')})*{f}({g})"
    c = claim(text)
    assert not faults(c.program, c.ranges, c.left, cases_of(c), points=1), text
