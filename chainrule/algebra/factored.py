"""Products and quotients as antiderivatives need them: factors, bases and exponents, lines."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import (
    Mono,
    Poly,
)
from chainrule.algebra.products import mentions
from chainrule.lang.expr import (
    Apply,
    Expr,
    Number,
    Ref,
    add,
    children,
    div,
    exact,
    mul,
    neg,
    power,
    rebuild,
    sub,
)


def powered(e: Apply) -> tuple[Expr, Fraction | None]:
    """A base and its exponent: 1/b is b^-1, sqrt(b) is b^(1/2)."""
    if e.function == "sqrt":
        return e.args[0], Fraction(1, 2)
    if e.function == "square":
        return e.args[0], Fraction(2)
    if e.function == "pow":
        k = e.args[1]
        return (e.args[0], Fraction(k.value)) if isinstance(k, Number) and not isinstance(
            k.value, float) else (e, None)
    if e.args[0] != Number(1):
        return e, None
    below = e.args[1]
    if isinstance(below, Apply) and below.function in ("sqrt", "square", "pow"):
        base, n = powered(below)
        return (base, -n) if n is not None else (e, None)
    return below, Fraction(-1)


def raised(base: Expr, k: Fraction) -> Expr:
    """A power as it is usually written."""
    if k < 0:
        return div(Number(1), raised(base, -k))
    return Apply("sqrt", (base,)) if k == Fraction(1, 2) else power(base, exact(k))


def over_number(e: Expr, by: Expr) -> Expr:
    """A quotient, numbers put together: e/(-1) is -e, e/4/2 is e/8."""
    number = by.value if isinstance(by, Number) else None
    if number is None or isinstance(number, float):
        return div(e, by)
    if number < 0:
        return neg(over_number(e, exact(Fraction(-number))))
    if isinstance(e, Apply) and e.function == "neg":
        return neg(over_number(e.args[0], by))
    if isinstance(e, Apply) and e.function == "div" and isinstance(e.args[1], Number) and (
            not isinstance(e.args[1].value, float)):
        return over_number(e.args[0], exact(Fraction(e.args[1].value) * number))
    share = Fraction(number)
    above = mul(exact(Fraction(share.denominator)), e)
    return div(above, exact(Fraction(share.numerator)))


def factors_of(e: Expr) -> list[Expr]:
    """The factors of a product."""
    if isinstance(e, Apply) and e.function == "mul":
        return [f for a in e.args for f in factors_of(a)]
    if isinstance(e, Apply) and e.function == "neg":
        return [Number(-1), *factors_of(e.args[0])]
    return [e]


def product_of(a: Expr, b: Expr) -> Expr:
    """A product; a number below stays below: a*(b/2) is a*b/2."""
    if isinstance(b, Apply) and b.function == "neg":
        return neg(product_of(a, b.args[0]))
    if isinstance(b, Apply) and b.function == "div" and isinstance(b.args[1], Number):
        return div(mul(a, b.args[0]), b.args[1])
    return mul(a, b)


def minus(a: Expr, b: Expr) -> Expr:
    """A difference; what is subtracted with a minus is added."""
    return add(a, b.args[0]) if isinstance(b, Apply) and b.function == "neg" else sub(a, b)


def number_of(e: Expr) -> Fraction | None:
    return Fraction(e.value) if isinstance(e, Number) and e.value else None


def is_exp(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function == "exp"


def put_at(e: Expr, u: Ref, value: Expr) -> Expr:
    if e == u:
        return value
    parts = children(e)
    return rebuild(e, tuple(put_at(p, u, value) for p in parts)) if parts else e


def _line_of(p: Poly, variable: str) -> tuple[Poly, Poly] | None:
    u = Ref(variable, ())
    slope: list[Mono] = []
    at: list[Mono] = []
    for m in p:
        rest = tuple(f for f in m.factors if f[0] != u)
        k = m.exponent(u)
        if k not in (0, 1) or any(mentions(b, variable) for b, _ in rest) or any(
                mentions(q, variable) for q, _ in m.guards):
            return None
        (slope if k else at).append(replace(m, factors=rest))
    return (tuple(slope), tuple(at))


def linear(normal: Normal, e: Expr, variable: str) -> tuple[Poly, Poly] | None:
    """a and b of a*u + b; None for what is not linear in u."""
    return _line_of(normal.poly(e), variable)
