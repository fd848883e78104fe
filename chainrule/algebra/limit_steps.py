"""Limits written out as books do: pieces chosen, cancelled, derived above and below, read off.

    lim (sin(x) - x)/x^3  =  lim (cos(x) - 1)/(3*x^2)  =  ...  =  -1/6

What a limit is, `limits` has found by the growth of the expression. Here the way is told: at each
step the first rule of `_RULES` that applies rewrites the expression, until its parts tend to what
can be put together. No rule is trusted: a way that does not end in the value found is not shown,
and its place is taken by the largest terms of the expression near the point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.growth_series import Scale
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.limit_exponentials import logarithm_of_sum, shared_growth
from chainrule.algebra.limit_place import Place, Step
from chainrule.algebra.limit_polynomials import cancelled, common, expanded, leading_power, rooted
from chainrule.algebra.limit_rules import (
    as_exponential,
    as_quotient,
    chosen_pieces,
    continuous,
    differentiated,
    from_parts,
    lhopital,
    no_variable,
    put_in,
    squeezed,
)
from chainrule.algebra.limits import Limit, same
from chainrule.algebra.polynomial import expression
from chainrule.algebra.products import mentions
from chainrule.algebra.tidying import lettered, said, signed, tidied
from chainrule.lang.expr import Apply, Expr, Number, Ref, add, div, exact, mul, neg, power, sub

_MOST: Final = 9  # steps of one way


_HOSPITAL: Final = 4  # times that L'Hôpital's rule is used


def way(limit: Limit, body: Expr, variable: str, point: Expr | str) -> list[Step]:
    """The steps to a limit; where it does not exist, those from the left, then from the right."""
    sides = tuple(s if s in ("-", "+") else "" for s, _ in limit.sides)
    place = Place(limit.world, variable, point, sides)
    if limit.value is not None:
        steps = _way(place, body, limit.value)
        if steps is not None:
            return steps
        if len(sides) == 1:
            return _by_growth(place, body, limit)
    found: list[Step] = []
    for name, approach in limit.sides:
        if approach.value is None:
            continue
        own = replace(place, sides=(name if name in ("-", "+") else "",), memory={})
        one = replace(limit, value=approach.value, sides=((name, approach),))
        steps = _way(own, body, approach.value)
        if steps is None:
            steps = _by_growth(own, body, one)
        words = "from the left" if name == "-" else "from the right"
        found.append(Step(body, True, words, "one-sided limits", name))
        found += steps
    if limit.value is not None:
        found.append(Step(body, True, "together", ""))
        value = limit.value
        short = tidied(limit.world, value) if isinstance(value, Expr) else value
        found.append(Step(short, False, "both sides agree",
                          "the limits from both sides agree"))
    return found


def _way(place: Place, body: Expr, value: Expr | str) -> list[Step] | None:
    """Steps by the rules, or None if they do not lead to the value."""
    steps: list[Step] = []
    hospital = 0
    seen = {body}
    for _ in range(_MOST):
        for rule in _RULES:
            if rule is lhopital and hospital >= _HOSPITAL:
                continue
            found = rule(place, body)
            if found is not None and not (found.pending and found.value in seen):
                break
        else:
            return None
        hospital += rule is lhopital
        if isinstance(found.value, Expr) and found.pending:
            found = replace(found, value=signed(found.value))
        if found.pending and isinstance(found.value, Expr) and rule is not put_in and not mentions(
                found.value, place.variable):
            found = replace(found, pending=False)
        steps.append(found)
        if not found.pending:
            try:
                agrees = same(place.world, found.value, value)
            except ForkError:
                agrees = False
            return _ended(place, steps) if agrees else None
        assert isinstance(found.value, Expr)
        body = found.value
        seen.add(body)
    return None


def _ended(place: Place, steps: list[Step]) -> list[Step]:
    """The steps, and a last one where the value can be written shorter."""
    last = steps[-1].value
    if isinstance(last, Expr):
        short = tidied(place.world, last)
        if short != last:
            steps = [*steps, Step(short, False, "simplify", "simplify")]
    return steps


def _exponential(place: Place, body: Expr) -> Step | None:
    """exp is continuous: the limit is taken in the exponent."""
    if not (isinstance(body, Apply) and body.function == "exp"):
        return None
    inside = body.args[0]
    value = place.tends(inside)
    if value is None:
        return None
    steps = _way(replace(place), inside, value)
    by = [] if steps is None else [
        s.rule for s in steps if s.rule not in ("limits of the parts", "simplify")]
    result: Expr | str = Apply("exp", (lettered(value),)) if isinstance(value, Expr) else (
        "inf" if value == "inf" else Number(0))
    how = f" ({'; '.join(by[:4])})".replace("*inf", "·∞").replace("inf", "∞") if by else ""
    return Step(result, False, "exp is continuous",
                said("exp is continuous, and {} → {}" + how, inside, value))


def _by_growth(place: Place, body: Expr, limit: Limit) -> list[Step]:
    """The largest terms near the point, where no rule leads to the value."""
    approach = limit.sides[-1][1]
    value = limit.value
    assert value is not None
    final = Step(tidied(limit.world, value) if isinstance(value, Expr) else value, False,
                 "the largest term decides", "the largest term decides")
    if approach.series is None:
        return [replace(final, rule="constant",
                        why=said("{} is not in it", Ref(place.variable, ())))]
    terms = []
    for scale, p in approach.series.terms[:2]:
        factor = _written_scale(place, scale, limit.sides[-1][0])
        if factor is None:
            return [final]
        terms.append(mul(lettered(expression(p)), factor))
    if not terms or (not mentions(terms[0], place.variable) and len(terms) == 1):
        return [replace(final, rule="the largest term near the point",
                        why="the largest term near the point; what is left out tends to 0")]
    total = terms[0]
    for t in terms[1:]:
        total = add(total, t)
    return [Step(total, True, "the largest terms near the point",
                 "the largest terms near the point; what is left out is smaller"), final]


def _written_scale(place: Place, scale: Scale, side: str) -> Expr | None:
    """A scale as an expression of the variable."""
    x: Expr = Ref(place.variable, ())
    if isinstance(place.point, str):
        t = x if place.point == "inf" else neg(x)
    else:
        step = tidied(place.world, sub(x, place.point) if side != "-" else sub(place.point, x))
        t = div(Number(1), step)
    result: Expr = Number(1)
    for (r, s), p in scale:
        c = lettered(expression(p))
        if (r, s) == (Fraction(0), Fraction(1)):
            whole = c.value if isinstance(c, Number) else None
            if isinstance(t, Apply) and t.function == "div":
                factor = power(t.args[1], neg(c)) if whole is None or whole < 0 else div(
                    Number(1), power(t.args[1], c))
            else:
                factor = power(t, c) if whole is None or whole > 0 else div(
                    Number(1), power(t, neg(c)))
        elif (r, s) == (Fraction(0), Fraction(0)):
            factor = power(Apply("ln", (t,)), c)
        else:
            inside = mul(power(t, exact(r)), power(Apply("ln", (t,)), exact(s)))
            factor = Apply("exp", (mul(c, inside),))
        result = mul(result, factor)
    return result


_RULES: Final[tuple[Callable[[Place, Expr], Step | None], ...]] = (
    put_in, no_variable, chosen_pieces, continuous, from_parts, cancelled, expanded, common,
    rooted, squeezed, as_exponential, _exponential, leading_power, shared_growth,
    logarithm_of_sum, as_quotient, differentiated, lhopital)
