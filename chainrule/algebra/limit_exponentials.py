"""Rules for limits of sums of exponentials: the largest of them taken out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from chainrule.algebra.growth_series import ONE, CoarseError, NowhereError
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.limit_place import Place, Step, quotient_of
from chainrule.algebra.limits import starting
from chainrule.algebra.polynomial import Poly, expression, negative, plus
from chainrule.algebra.products import mentions
from chainrule.algebra.tidying import lettered, said, text_of
from chainrule.errors import ChainruleError
from chainrule.lang.expr import Apply, Expr, Number, Reduce, Ref, add, div, mul, rebuild, sub, walk


def shared_growth(place: Place, body: Expr) -> Step | None:
    """Sums of exponentials divided by the largest of them."""
    quotient = quotient_of(place, body)
    if quotient is None or place.finite is not None:
        return None
    above, below = quotient
    largest = _rate(place, below)
    if largest is None:
        return None
    new = [_shifted(place, e, largest) for e in (above, below)]
    if new[0] is None or new[1] is None:
        return None
    top = Apply("exp", (mul(Ref(place.variable, ()), lettered(expression(largest))),))
    return Step(lettered(div(new[0], new[1])), True, f"divide above and below by {text_of(top)}",
                said("divide above and below by {}, the largest exponential below", top))


def logarithm_of_sum(place: Place, body: Expr) -> Step | None:
    """ln of a sum of exponentials: the largest taken out."""
    if not (isinstance(body, Apply) and body.function == "div" and place.finite is None):
        return None
    above, below = body.args
    if not (isinstance(above, Apply) and above.function == "ln"):
        return None
    largest = _rate(place, above.args[0])
    if largest is None:
        return None
    inside = _shifted(place, above.args[0], largest)
    if inside is None:
        return None
    normal = place.world.normal
    x = normal.poly(Ref(place.variable, ()))
    front = normal.times(normal.times(x, largest), normal.inverse(normal.poly(below)))
    top = Apply("exp", (mul(Ref(place.variable, ()), lettered(expression(largest))),))
    return Step(lettered(add(expression(front), div(Apply("ln", (inside,)), below))), True,
                f"take {text_of(top)} out of the logarithm",
                said("take {} out of the logarithm: ln(a·b) = ln(a) + ln(b)", top))


def _rate(place: Place, e: Expr) -> Poly | None:
    """m where an expression grows as exp(c*m) with c the variable; None where it does not."""
    if not any(isinstance(n, Apply) and n.function == "exp" for n in walk(e)):
        return None
    growth = place.world.growth(place.variable, starting(place.world, place.point, ""))
    try:
        scale = growth.lead(growth.of(place.world.put(e)))[0]
    except (ChainruleError, ForkError, CoarseError, NowhereError):
        return None
    if scale == ONE or scale[0][0] != (Fraction(1), Fraction(0)):
        return None
    p = scale[0][1]
    return p if place.point == "inf" else negative(p)


def _shifted(place: Place, e: Expr, rate: Poly) -> Expr | None:
    """An expression times exp(-c*m), put into the exponentials that it is made of."""
    x = Ref(place.variable, ())
    normal = place.world.normal
    if isinstance(e, Apply) and e.function == "exp":
        inside = normal.poly(e.args[0])
        p = normal.times(plus(inside, negative(normal.times(normal.poly(x), rate))),
                         normal.inverse(normal.poly(x)))
        if any(mentions(b, place.variable) for m in p for b, _ in m.factors):
            return Apply("exp", (lettered(expression(normal.times(p, normal.poly(x)))),))
        try:
            equal = place.world.sign(p) == "0"
        except ForkError:
            equal = False
        return Number(1) if equal else Apply("exp", (mul(x, _positive_first(p)),))
    if isinstance(e, Apply) and e.function in ("add", "sub", "neg"):
        parts = [_shifted(place, a, rate) for a in e.args]
        if any(part is None for part in parts):
            return None
        return rebuild(e, tuple(parts))  # type: ignore[arg-type]
    if isinstance(e, Apply) and e.function == "mul":
        for k, a in enumerate(e.args):
            if any(isinstance(n, Apply) and n.function == "exp" for n in walk(a)):
                part = _shifted(place, a, rate)
                if part is not None:
                    return mul(part, e.args[1]) if k == 0 else mul(e.args[0], part)
    if isinstance(e, Reduce) and e.op == "sum":
        part = _shifted(place, e.body, rate)
        return None if part is None else Reduce("sum", e.indices, e.condition, part)
    if isinstance(e, Number) or not mentions(e, place.variable):
        inside = negative(normal.times(normal.poly(x), rate))
        return mul(e, Apply("exp", (lettered(expression(inside)),)))
    return None


def _positive_first(p: Poly) -> Expr:
    """A sum written with a positive term in front."""
    ordered = sorted(p, key=lambda m: m.number < 0)
    total: Expr = Number(0)
    for m in ordered:
        part = expression((replace(m, number=abs(m.number)),))
        total = add(total, part) if m.number > 0 else sub(total, part)
    return total
