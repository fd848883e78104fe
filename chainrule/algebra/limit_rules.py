"""Rules for limits: pieces chosen, the value at the point, limits of the parts, L'Hôpital's rule.

Each is given a place and an expression, and answers with a step or None where it does not apply.
"""

from __future__ import annotations

from typing import Final

from chainrule.algebra.limit_place import (
    Place,
    Step,
    form_of,
    is_determined,
    is_regular,
    quotient_of,
)
from chainrule.algebra.limits import INFINITE, at_point
from chainrule.algebra.partial import partial
from chainrule.algebra.polynomial import negative, plus
from chainrule.algebra.products import mentions
from chainrule.algebra.statements import meaning
from chainrule.algebra.tidying import (
    Why,
    inverted,
    lettered,
    listed,
    over,
    said,
    tidied,
)
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    children,
    div,
    mul,
    rebuild,
    sub,
    walk,
)

_KINKED: Final = frozenset({"abs", "relu", "max", "min", "sign", "heaviside", "xlogy"})


def put_in(place: Place, body: Expr) -> Step | None:
    """What is 0 in this case is put in."""
    new = place.world.put(body)
    if new == body:
        return None
    zeros = listed([said("{} = {}", r, v) for r, v in place.world.zeros])
    return Step(new, True, "put in", ("the case ", *zeros))


def no_variable(place: Place, body: Expr) -> Step | None:
    if mentions(body, place.variable):
        return None
    return Step(body, False, "constant", said("{} is not in it", Ref(place.variable, ())))


def chosen_pieces(place: Place, body: Expr) -> Step | None:
    """Choices are made by the signs near the point."""
    chosen: dict[Why, None] = {}
    names: dict[str, None] = {}

    def settled(e: Expr) -> Expr:
        parts = children(e)
        if isinstance(e, Reduce | ArgReduce):
            return e
        if parts:
            e = rebuild(e, tuple(map(settled, parts)))
        choice = meaning(e) if isinstance(e, Apply) and e.function in _KINKED else e
        if not isinstance(choice, Select):
            return e
        branch = _branch(place, choice, chosen)
        if branch is None:
            return e
        if isinstance(e, Apply):
            names[e.function] = None
        return settled(branch)

    new = settled(body)
    if new == body:
        return None
    which = "definition of " + " and ".join(names) if names else "the choice"
    told = (", as near the point ", *listed(list(chosen)[:3], " and ")) if chosen else ()
    why = (which, *told)
    return Step(new, True, which, why)


def _branch(place: Place, e: Select, chosen: dict[Why, None]) -> Expr | None:
    test = e.condition
    if not isinstance(test, Apply) or test.function not in _TESTS:
        return None
    sign = place.near(Apply("sub", test.args))
    if not sign:
        return None
    left, right = test.args
    if left != right:
        chosen[said("{} " + _TOLD[sign] + " {}", left, right)] = None
    return e.then if sign in _TESTS[test.function] else e.otherwise


_TESTS: Final = {"lt": "-", "le": "-0", "gt": "+", "ge": "0+", "eq": "0", "ne": "-+"}


_TOLD: Final = {"-": "<", "0": "=", "+": ">"}


def continuous(place: Place, body: Expr) -> Step | None:
    """The value at the point, where everything is continuous."""
    if place.finite is None or not is_regular(place, body):
        return None
    value = at_point(body, place.variable, place.finite)
    return Step(value, False, "continuous: the value at the point",
                said("continuous: put {} = {}", Ref(place.variable, ()), place.finite))


def from_parts(place: Place, body: Expr) -> Step | None:
    """Sums, products, quotients and functions of limits, where none is indeterminate."""
    notes: dict[Why, None] = {}
    if not is_determined(place, body, notes):
        return None
    value = place.tends(body)
    if value is None:
        return None
    telling = list(notes)
    if len(telling) > 1 and telling[-1] == said("{} → {}", body, value):
        telling.pop()  # that is what the line says
    return Step(value if isinstance(value, str) else lettered(value), False,
                "limits of the parts", listed(telling[-3:]) or said(
                    "{} → {}", Ref(place.variable, ()), place.point))


def lhopital(place: Place, body: Expr) -> Step | None:
    """L'Hôpital's rule."""
    quotient = quotient_of(place, body)
    if quotient is None:
        return None
    above, below = quotient
    form = form_of(place, above, below)
    if not form:
        return None
    new = [tidied(place.world, partial(e, place.variable, ())) for e in (above, below)]
    if place.is_zero(new[1]):
        return None
    words = f"L'Hôpital's rule, {form.replace('inf', '∞')}: differentiate above and below by {{}}"
    return Step(tidied(place.world, over(new[0], new[1])), True, f"L'Hôpital's rule: {form}",
                said(words, Ref(place.variable, ())))


def differentiated(place: Place, body: Expr) -> Step | None:
    """(g(x) - g(a))/(x - a): its limit is the derivative by definition."""
    found = quotient_of(place, body)
    if found is None or place.finite is None:
        return None
    above, below = found
    x = Ref(place.variable, ())
    normal = place.world.normal
    step = plus(normal.poly(below), negative(normal.poly(sub(x, place.finite))))
    if not normal.vanishes(step) or not place.vanishes(above):
        return None
    derivative = tidied(place.world, partial(above, place.variable, ()))
    if not is_regular(place, above) or not is_regular(place, derivative):
        return None
    value = at_point(derivative, place.variable, place.finite)
    return Step(value, False, "definition of the derivative",
                said("by definition the derivative of {} by {} at {} = {}", above, x, x,
                     place.finite))


def as_quotient(place: Place, body: Expr) -> Step | None:
    """0*inf as a quotient."""
    if not (isinstance(body, Apply) and body.function == "mul"):
        return None
    first, second = body.args
    tends = [place.tends(a) for a in body.args]
    for k, (zero, large) in enumerate(((first, second), (second, first))):
        if tends[1 - k] in INFINITE and isinstance(tends[k], Expr) and place.is_zero(tends[k]):  # type: ignore[arg-type]
            logarithm = any(isinstance(n, Apply) and n.function == "ln" for n in walk(large))
            new = div(large, inverted(zero)) if logarithm else div(zero, inverted(large))
            return Step(new, True, "0*inf written as a quotient", "0·∞ written as a quotient")
    return None


def as_exponential(place: Place, body: Expr) -> Step | None:
    """A power whose exponent varies: exp(b*ln(a))."""
    if not (isinstance(body, Apply) and body.function == "pow" and mentions(
            body.args[1], place.variable)):
        return None
    base, exponent = body.args
    if place.near(base) != "+":
        return None
    return Step(Apply("exp", (mul(exponent, Apply("ln", (base,))),)), True,
                "a^b = exp(b*ln(a))", said("a^b = exp(b·ln(a)), as {} > 0 near the point", base))


def squeezed(place: Place, body: Expr) -> Step | None:
    """Something bounded times something that tends to 0."""
    if not (isinstance(body, Apply) and body.function in ("mul", "div")):
        return None
    first = body.args[0]
    second = body.args[1] if body.function == "mul" else div(Number(1), body.args[1])
    for bounded, small in ((first, second), (second, first)):
        if isinstance(bounded, Apply) and bounded.function in ("sin", "cos") and (
                place.vanishes(small)):
            return Step(Number(0), False, "squeezed",
                        said("squeezed: -1 ≤ {} ≤ 1, and {} → 0", bounded, small))
    return None
