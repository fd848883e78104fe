"""Inequalities that take one step more: ln(u) <= u - 1, and signs of what has logarithms.

    sum(i) t[i]*(ln(t[i]) - ln(p[i]))  >=  sum(i) t[i]*(1 - p[i]/t[i])       for t >= 0

is how Gibbs' inequality is proved: the right side is sum(t) - sum(p), which is 0.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import (
    UNIT,
    Mono,
    Poly,
    expression,
    mono_expression,
    negative,
    plus,
)
from chainrule.algebra.products import total
from chainrule.lang.expr import ONE, Apply, Expr, Number, Reduce, div, mul, sub


def below_tangents(p: Poly, normal: Normal) -> tuple[Expr, Poly] | None:
    """Something that is nowhere more than a polynomial, its logarithms gone; None if not found.

    Terms g*ln(a) - g*ln(b) with g >= 0 are at least g*(1 - b/a). It comes as it is written first,
    and worked out.
    """
    rest = list(p)
    found: Poly = ()
    shown: list[tuple[int, Expr]] = []
    while True:
        pair = _pair(rest, normal)
        if pair is None:
            break
        used, outside, above, below = pair
        rest = [m for m in rest if m not in used]
        quotient = normal.times(normal.poly(below), normal.inverse(normal.poly(above)))
        bracket = plus(UNIT, negative(quotient))
        term = mul(mono_expression(replace(outside, sums=())), sub(ONE, div(below, above)))
        shown.append((1, Reduce("sum", outside.sums, None, term) if outside.sums else term))
        inside = normal.times((replace(outside, sums=()),), bracket)
        found = plus(found, *(normal.summed(replace(o, sums=(*outside.sums, *o.sums)))
                              for o in inside))
    if any(_logarithm(m) is not None for m in rest) or len(rest) == len(p):
        return None
    shown += [(1, expression(tuple(rest)))] if rest else []
    return total(shown), normal.merged(plus(found, tuple(rest)))


def _pair(
    rest: list[Mono], normal: Normal
) -> tuple[tuple[Mono, ...], Mono, Expr, Expr] | None:
    """g*ln(a) and -g*ln(b), or the one without the other: their terms, g, a and b."""
    for m in sorted(rest, key=lambda m: m.number < 0):  # what has a partner first
        own = _logarithm(m)
        if own is None:
            continue
        outside = _without(m, own)
        if "-" in normal.known.signs((replace(outside, number=abs(m.number), sums=()),)):
            continue
        for o in rest:
            other = _logarithm(o)
            if other is None or o.number != -m.number or m.number < 0:
                continue
            bare = _without(o, other)
            if (bare.factors, bare.guards, bare.sums) == (
                    outside.factors, outside.guards, outside.sums):
                return (m, o), outside, own.args[0], other.args[0]
        if m.number < 0:
            return (m,), replace(outside, number=-m.number), Number(1), own.args[0]
    return None


def _logarithm(m: Mono) -> Apply | None:
    found = [b for b, k in m.factors if k == 1 and isinstance(b, Apply) and b.function == "ln"]
    return found[0] if len(found) == 1 else None


def _without(m: Mono, log: Expr) -> Mono:
    return replace(m, factors=tuple(f for f in m.factors if f[0] != log))


def exponential(p: Poly, normal: Normal) -> Poly | None:
    """exp(p) - 1, whose sign is that of p; None where p has no logarithm to be rid of."""
    logs = [m for m in p if len(m.factors) == 1 and not m.sums and not m.guards
            and m.number.denominator == 1 and _logarithm(m) is not None]
    if not logs:
        return None
    return plus(normal.exp(p), (Mono(Fraction(-1)),))


__all__ = ["below_tangents", "exponential"]
