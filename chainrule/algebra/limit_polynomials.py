"""Rules for limits of quotients of polynomials and roots: cancelled, or divided by a power."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.growth_series import CoarseError, NowhereError
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.limit_place import Place, Step, is_regular, quotient_of
from chainrule.algebra.limits import INFINITE, starting
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import NOTHING, Poly, expression, plus
from chainrule.algebra.products import mentions
from chainrule.algebra.tidying import cleared, lettered, over, said, signed, text_of, tidied
from chainrule.errors import ChainruleError
from chainrule.lang.expr import (
    Apply,
    Expr,
    Number,
    Ref,
    add,
    div,
    exact,
    mul,
    neg,
    power,
    sub,
    walk,
)


def cancelled(place: Place, body: Expr) -> Step | None:
    """A quotient of polynomials that are both 0 at the point loses the factor that is."""
    quotient = quotient_of(place, body)
    if quotient is None:
        return None
    above, below = quotient
    point = place.finite
    if point is None:
        return _highest(place, above, below)
    zero = place.is_zero(point)
    p, q = (_powers(place, e) for e in (above, below))
    if p is None or q is None or not place.vanishes(below) or not place.vanishes(above):
        return None
    normal = place.world.normal
    at = normal.poly(point)
    new = [_unpowered(place, _divided(normal, c, at)) for c in (p, q)]
    x = Ref(place.variable, ())
    factor = x if zero else signed(sub(x, point))
    return Step(div(new[0], new[1]), True, "cancel",
                said("{} cancels, a factor above and below", factor))


def _highest(place: Place, above: Expr, below: Expr) -> Step | None:
    """At infinity a quotient of polynomials is divided by the highest power below."""
    p, q = (_powers(place, e) for e in (above, below))
    if p is None or q is None or len(p) + len(q) < 3 or len(q) < 2:
        return None
    n = len(q) - 1
    x = Ref(place.variable, ())
    new = []
    for coefficients in (p, q):
        total: Expr = Number(0)
        for k in range(len(coefficients) - 1, -1, -1):
            c = expression(coefficients[k])
            if c == Number(0):
                continue
            term = mul(c, power(x, Number(k - n))) if k >= n else div(c, power(x, Number(n - k)))
            total = add(total, term)
        new.append(total)
    return Step(div(new[0], new[1]), True,
                f"divide above and below by {text_of(power(x, Number(n)))}",
                said("divide above and below by {}, the highest power below",
                     power(x, Number(n))))


def leading_power(place: Place, body: Expr) -> Step | None:
    """At infinity a quotient with roots is divided by the power that its lower part grows as."""
    quotient = quotient_of(place, body)
    if quotient is None or place.finite is not None or not any(
            isinstance(n, Apply) and n.function == "sqrt" for n in walk(body)):
        return None
    growth = place.world.growth(place.variable, starting(place.world, place.point, ""))
    try:
        scale = growth.lead(growth.of(place.world.put(quotient[1])))[0]
    except (ChainruleError, ForkError, CoarseError, NowhereError):
        return None
    if len(scale) != 1 or scale[0][0] != (Fraction(0), Fraction(1)) or not _plain(scale[0][1]):
        return None
    k = scale[0][1][0].number
    if k.denominator != 1 or k <= 0:
        return None
    new = [_lowered(place, e, int(k)) for e in quotient]
    if new[0] is None or new[1] is None:
        return None
    return Step(div(new[0], new[1]), True,
                f"divide above and below by {text_of(power(Ref(place.variable, ()), exact(k)))}",
                said("divide above and below by {}, as which the lower part grows",
                     power(Ref(place.variable, ()), exact(k))))


def _plain(p: Poly) -> bool:
    return len(p) == 1 and not (p[0].factors or p[0].guards or p[0].sums)


def _lowered(place: Place, e: Expr, k: int) -> Expr | None:
    """An expression over x^k, roots included."""
    x = Ref(place.variable, ())
    if isinstance(e, Apply) and e.function in ("add", "sub", "neg"):
        parts = [_lowered(place, a, k) for a in e.args]
        if any(part is None for part in parts):
            return None
        return _FOLDS[e.function](*parts)
    if isinstance(e, Apply) and e.function == "sqrt":
        inside = _lowered(place, e.args[0], 2 * k)
        if inside is None:
            return None
        root = Apply("sqrt", (inside,))
        return neg(root) if k % 2 and place.point == "-inf" else root
    if isinstance(e, Apply) and e.function == "mul" and not mentions(e.args[0], place.variable):
        inside = _lowered(place, e.args[1], k)
        return None if inside is None else mul(e.args[0], inside)
    p = _powers(place, e)
    if p is None:
        return None
    total: Expr = Number(0)
    for n in range(len(p) - 1, -1, -1):
        c = expression(p[n])
        if c != Number(0):
            total = add(total, mul(c, power(x, Number(n - k))) if n >= k else div(
                c, power(x, Number(k - n))))
    return total


_FOLDS: Final[dict[str, Callable[..., Expr]]] = {"add": add, "sub": sub, "neg": neg}


def expanded(place: Place, body: Expr) -> Step | None:
    """Brackets multiplied out and fractions put over one denominator, where that helps."""
    quotient = quotient_of(place, body)
    if quotient is None or place.finite is None:
        return None
    if not (place.vanishes(quotient[0]) and place.vanishes(quotient[1])):
        return None
    normal = place.world.normal
    p, below = cleared(normal, normal.poly(body))
    if not p:
        return Step(Number(0), False, "multiply out", "multiply out: all cancels")
    new = div(lettered(expression(p)), below)
    if not is_regular(place, new):
        return None
    return Step(new, True, "multiply out and cancel", "multiply out and cancel")


def common(place: Place, body: Expr) -> Step | None:
    """inf - inf of fractions: over a common denominator."""
    if not (isinstance(body, Apply) and body.function in ("add", "sub")):
        return None
    parts = [quotient_of(place, a) or (a, Number(1)) for a in body.args]
    (a, b), (c, d) = parts
    if b == d or not any(place.vanishes(e) for e in (b, d)):
        return None
    crossed = [mul(a, d) if d != Number(1) else a, mul(c, b) if b != Number(1) else c]
    above = (add if body.function == "add" else sub)(*crossed)
    return Step(div(tidied(place.world, above), mul(b, d)), True,
                "over a common denominator", "over a common denominator")


def rooted(place: Place, body: Expr) -> Step | None:
    """sqrt(a) - b multiplied by sqrt(a) + b above and below."""
    if not (isinstance(body, Apply) and body.function in ("sub", "div")):
        return None
    above, below = (body, Number(1)) if body.function == "sub" else body.args
    if not (isinstance(above, Apply) and above.function == "sub") or not any(
            isinstance(a, Apply) and a.function == "sqrt" for a in above.args):
        return None
    a, b = above.args
    if place.tends(a) in INFINITE or place.vanishes(above):
        squares = tidied(place.world, sub(power(a, Number(2)), power(b, Number(2))))
        normal = place.world.normal
        extra = normal.poly(squares)
        own = normal.poly(below)
        if len(extra) == 1 and len(own) == 1:  # (x + h - x)/h is 1
            ratio = normal.times(extra, normal.inverse(own))
            new = over(expression(ratio), add(a, b))
        else:
            new = div(squares, mul(below, add(a, b)))
        return Step(new, True, f"multiply above and below by {text_of(add(a, b))}",
                    said("multiply above and below by {}, as (a - b)(a + b) = a² - b²", add(a, b)))
    return None


def _powers(place: Place, e: Expr) -> list[Poly] | None:
    """The coefficients of a polynomial in the variable, the constant first; None if it is none."""
    table: dict[int, Poly] = {}
    x = Ref(place.variable, ())
    for m in place.world.normal.poly(e):
        k = m.exponent(x)
        rest = tuple(f for f in m.factors if f[0] != x)
        if k.denominator != 1 or not 0 <= k <= 40 or m.guards or any(
                mentions(b, place.variable) for b, _ in rest):
            return None
        table[int(k)] = plus(table.get(int(k), NOTHING), (replace(m, factors=rest),))
    return [table.get(k, NOTHING) for k in range(max(table, default=0) + 1)]


def _divided(normal: Normal, coefficients: list[Poly], at: Poly) -> list[Poly]:
    """A polynomial divided by x - a, a being one of its roots (Horner's scheme)."""
    result: list[Poly] = []
    carried: Poly = NOTHING
    for c in reversed(coefficients[1:]):
        carried = plus(c, normal.times(at, carried))
        result.append(carried)
    return result[::-1] or [NOTHING]


def _unpowered(place: Place, coefficients: list[Poly]) -> Expr:
    total: Expr = Number(0)
    x = Ref(place.variable, ())
    for k in range(len(coefficients) - 1, -1, -1):
        c = expression(coefficients[k])
        if c != Number(0):
            total = add(total, mul(c, power(x, Number(k))))
    return total
