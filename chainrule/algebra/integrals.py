"""Integrals of pieces: split where a condition changes, antiderivatives from a table, limits.

    integral(u, -inf, x) heaviside(u)      0 where x < 0, 0 where x = 0, x where x > 0

The table holds powers, exponentials, sines, logarithms, the logistic function and the like, of a
linear argument; products that are f(g)*g' are recognised, and powers times those are worked by
parts. Every antiderivative is differentiated again and compared with what it came from before it
is used. What the table does not give is undecided, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from chainrule.algebra.antiderivatives import antiderivative
from chainrule.algebra.factored import linear
from chainrule.algebra.growth_series import EMPTY
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.limits import World, approached, at_point, defined, explored, same
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import expression, negative, plus
from chainrule.algebra.products import mentions
from chainrule.algebra.statements import MEANINGS, meaning
from chainrule.algebra.tidying import tidied
from chainrule.errors import ChainruleError, UndecidedError
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    add,
    children,
    div,
    mul,
    neg,
    rebuild,
    sub,
    walk,
)

End = Expr | str


_KINKED: Final = frozenset({"abs", "relu", "max", "min", "sign", "heaviside"})


_SMOOTH: Final = frozenset({"sigmoid", "tanh", "sinh", "cosh", "softplus", "asinh", "square",
                            "expm1", "stop_gradient"})


_TESTS: Final = {"lt": "-", "le": "-0", "gt": "+", "ge": "0+", "eq": "0", "ne": "-+"}


_FOLDS: Final[dict[str, Callable[..., Expr]]] = {"add": add, "sub": sub, "mul": mul, "neg": neg}
_BREAKS: Final = 6  # places where an integrand may change


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch on which the integrand is `body`, its antiderivative, and that at both ends."""

    low: End
    high: End
    body: Expr
    antiderivative: Expr
    at_low: End
    at_high: End
    value: End | None


@dataclass(frozen=True, slots=True)
class Integral:
    """An integral in one case; `value` None where it does not exist, and `why` not.

    `turned` says that the bounds were exchanged, which changes the sign; `breaks` are the places
    where the integrand changes and that lie between the bounds.
    """

    world: World
    value: End | None
    why: str
    pieces: tuple[Piece, ...]
    breaks: tuple[Expr, ...] = ()
    turned: bool = False


def integrals(body: Expr, variable: str, low: End, high: End, world: World) -> list[Integral]:
    """The integral of `body` over the variable, in each case that matters.

    `low` and `high` are expressions, "inf" or "-inf". Raises `UndecidedError` for an integrand
    that is not in the table, or whose pieces are not told by linear conditions.
    """
    for e in (body, low, high):
        if isinstance(e, Expr):
            world = defined(world, e, variable)
    return [found for _, found in explored(
        world, lambda case: _integral(case, body, variable, low, high))]


def _integral(world: World, body: Expr, variable: str, low: End, high: End) -> Integral:
    body = world.put(body)
    low, high = (p if isinstance(p, str) else world.put(p) for p in (low, high))
    if not _may_turn(world, body, variable) and low != "inf" and high != "-inf":
        whole = _pieces(world, body, variable, low, high)
        value, why = _total(world, [p.value for p in whole])
        return Integral(world, value, why, tuple(whole), (Number(0),) * (len(whole) - 1))
    order = _order(world, low, high)
    if order == "0":
        return Integral(world, Number(0), "both bounds are the same", ())
    turned = order == "+"
    if turned:
        low, high = high, low
    places = _places(world, body, variable, low, high)
    points: list[End] = [low, *places, high]
    pieces = [piece for a, b in pairwise(points)
              for piece in _pieces(world, body, variable, a, b)]
    value, why = _total(world, [p.value for p in pieces])
    if value is not None and turned:
        value = _flipped(world, value)
    return Integral(world, value, why, tuple(pieces), tuple(places), turned)


def _order(world: World, a: End, b: End) -> str:
    """The sign of a - b."""
    if isinstance(a, str) or isinstance(b, str):
        if a == b:
            return "0"
        return "+" if a == "inf" or b == "-inf" else "-"
    normal = world.normal
    return world.sign(plus(normal.poly(a), negative(normal.poly(b))))


def _flipped(world: World, value: End) -> End:
    if isinstance(value, str):
        return "inf" if value == "-inf" else "-inf"
    return expression(negative(world.normal.poly(value)))


def _total(world: World, values: Sequence[End | None]) -> tuple[End | None, str]:
    """The sum of the pieces' integrals."""
    if any(v is None for v in values):
        return None, "a part of it diverges in both directions"
    large = {v for v in values if isinstance(v, str)}
    if len(large) > 1:
        return None, "one part diverges to inf, another to -inf"
    if large:
        return large.pop(), ""
    return expression(world.normal.merged(plus(*(
        world.normal.poly(v) for v in values if isinstance(v, Expr))))), ""


def _places(world: World, body: Expr, variable: str, low: End, high: End) -> list[Expr]:
    """Where the integrand may change or be unbounded, in order, those outside left out."""
    found: list[Expr] = []
    for quantity in _turning(body, variable):
        root = _root(world, quantity, variable)
        if root is None or any(_order(world, root, p) == "0" for p in found):
            continue
        if _order(world, low, root) == "-" and _order(world, root, high) == "-":
            found.append(root)
    if len(found) > _BREAKS:
        raise UndecidedError("the integrand changes at too many places")
    ordered: list[Expr] = []
    for root in found:
        at = next((k for k, p in enumerate(ordered) if _order(world, root, p) == "-"),
                  len(ordered))
        ordered.insert(at, root)
    return ordered


def _may_turn(world: World, body: Expr, variable: str) -> bool:
    """Whether the integrand changes or is unbounded anywhere."""
    return any(_root(world, q, variable) is not None for q in _turning(body, variable))


def _turning(e: Expr, variable: str) -> Iterator[Expr]:
    """The quantities whose sign changes what the integrand is, or that it divides by."""
    if isinstance(e, Apply) and (e.function in _KINKED or (
            e.function in MEANINGS and e.function not in _SMOOTH)):
        yield from _turning(meaning(e), variable)
        return
    if isinstance(e, Select):
        yield from _compared(e.condition, variable)
        for part in (e.then, e.otherwise):
            yield from _turning(part, variable)
        return
    if isinstance(e, Reduce | ArgReduce):
        if any(mentions(n, variable) for n in walk(e) if isinstance(n, Select) or (
                isinstance(n, Apply) and n.function in _KINKED)):
            raise UndecidedError("the terms of the sum change at different places")
        return
    if isinstance(e, Apply):
        if e.function == "div" and mentions(e.args[1], variable):
            yield from _zeros(e.args[1], variable)
        if e.function == "pow" and mentions(e.args[0], variable) and not _whole(e.args[1]):
            yield from _zeros(e.args[0], variable)
        if e.function in ("ln", "sqrt") and mentions(e.args[0], variable):
            yield from _zeros(e.args[0], variable)
    for part in children(e):
        yield from _turning(part, variable)


def _whole(e: Expr) -> bool:
    return isinstance(e, Number) and isinstance(e.value, int) and e.value >= 0


def _compared(e: Expr, variable: str) -> Iterator[Expr]:
    assert isinstance(e, Apply)
    if e.function in _TESTS:
        if any(mentions(a, variable) for a in e.args):
            yield Apply("sub", e.args)
        return
    for part in e.args:
        yield from _compared(part, variable)


def _zeros(e: Expr, variable: str) -> Iterator[Expr]:
    """The factors of an expression that may be 0."""
    if isinstance(e, Apply) and e.function == "mul":
        for a in e.args:
            yield from _zeros(a, variable)
    elif isinstance(e, Apply) and e.function in ("pow", "square", "sqrt", "neg", "abs"):
        yield from _zeros(e.args[0], variable)
    elif mentions(e, variable):
        yield e


def _root(world: World, quantity: Expr, variable: str) -> Expr | None:
    """Where a linear quantity is 0; None where it is never."""
    normal = world.normal
    p = normal.poly(quantity)
    signs = world.growth("", EMPTY).possible(p)
    if "0" not in signs or signs == "0":
        return None
    line = linear(normal, quantity, variable)
    if line is None:
        raise UndecidedError("where the integrand changes is not told by a linear condition")
    if world.sign(line[0]) == "0":
        return None
    return expression(normal.times(negative(line[1]), normal.inverse(line[0])))


def _pieces(world: World, body: Expr, variable: str, low: End, high: End) -> list[Piece]:
    """One stretch, or its halves where both diverge."""
    whole = _piece(world, body, variable, low, high)
    if whole.value is not None or not (isinstance(low, str) and isinstance(high, str)):
        return [whole]
    return [_piece(world, body, variable, low, Number(0)),
            _piece(world, body, variable, Number(0), high)]


def _piece(world: World, body: Expr, variable: str, low: End, high: End) -> Piece:
    """The integral over a stretch on which nothing changes."""
    own = _settled(world, body, variable, low, high)
    world = _signed_world(world, variable, low, high)
    found = antiderivative(world, own, variable, _inside(world, low, high))
    if _places(world, found, variable, low, high):
        raise UndecidedError("the antiderivative jumps between the bounds")
    at_low = _end(world, found, variable, low, "+")
    at_high = _end(world, found, variable, high, "-")
    value: End | None
    if isinstance(at_high, str) or isinstance(at_low, str):
        if at_high == at_low:
            value = None
        elif isinstance(at_high, str):
            value = at_high
        else:
            value = "inf" if at_low == "-inf" else "-inf"
    else:
        normal = world.normal
        value = expression(normal.merged(plus(
            normal.poly(at_high), negative(normal.poly(at_low)))))
    return Piece(low, high, own, found, at_low, at_high, value)


def _signed_world(world: World, variable: str, low: End, high: End) -> World:
    """The case, and the sign of the variable on a stretch where it has one."""
    growth = world.growth("", EMPTY)
    for end, signs in ((low, "0+"), (high, "-0")):
        if isinstance(end, Expr) and set(growth.possible(world.normal.poly(end))) <= set(signs):
            u = world.normal.poly(Ref(variable, ()))
            known = world.normal.known.assuming([(u, signs.replace("0", ""))])
            return replace(world, normal=Normal(known, world.normal.sizes))
    return world


def _end(world: World, e: Expr, variable: str, point: End, side: str) -> End:
    """An antiderivative at an end of its stretch, as a limit from inside."""
    found = approached(world, e, variable, point, "" if isinstance(point, str) else side).value
    if found is None:
        raise UndecidedError("the antiderivative has no limit at an end of its stretch")
    if isinstance(found, Expr) and isinstance(point, Expr):
        raw = at_point(e, variable, point)
        try:
            if same(world, raw, found):
                return tidied(world, raw)  # as it is written, rather than its normal form
        except (ForkError, ChainruleError):
            return tidied(world, found)
    return tidied(world, found) if isinstance(found, Expr) else found


def _inside(world: World, low: End, high: End) -> Expr | None:
    """A point of the stretch, to tell signs there; None for the whole line."""
    if isinstance(low, str) and isinstance(high, str):
        return None
    if isinstance(low, str):
        assert isinstance(high, Expr)
        return sub(high, Number(1))
    if isinstance(high, str):
        return add(low, Number(1))
    return div(add(low, high), Number(2))


def _settled(world: World, e: Expr, variable: str, low: End, high: End) -> Expr:
    """The integrand with its choices made, for points inside the stretch."""
    if isinstance(e, Reduce | ArgReduce):
        return e
    parts = children(e)
    if isinstance(e, Apply) and e.function in _KINKED:
        e = meaning(e)
    if isinstance(e, Select):
        holds = _holds(world, e.condition, variable, low, high)
        return _settled(world, e.then if holds else e.otherwise, variable, low, high)
    parts = children(e)
    if not parts:
        return e
    new = tuple(_settled(world, p, variable, low, high) for p in parts)
    fold = _FOLDS.get(e.function if isinstance(e, Apply) else "")
    return fold(*new) if fold is not None else rebuild(e, new)


def _holds(world: World, e: Expr, variable: str, low: End, high: End) -> bool:
    assert isinstance(e, Apply)
    if e.function == "and":
        return all(_holds(world, a, variable, low, high) for a in e.args)
    if e.function == "or":
        return any(_holds(world, a, variable, low, high) for a in e.args)
    if e.function == "not":
        return not _holds(world, e.args[0], variable, low, high)
    return _sign_inside(world, Apply("sub", e.args), variable, low, high) in _TESTS[e.function]


def _sign_inside(world: World, quantity: Expr, variable: str, low: End, high: End) -> str:
    """The sign that a quantity without zeros inside the stretch has there."""
    normal = world.normal
    signs = world.growth("", EMPTY).possible(normal.poly(quantity))
    if len(signs) == 1:
        return signs
    line = linear(normal, quantity, variable)
    if line is None:
        raise UndecidedError("where the integrand changes is not told by a linear condition")
    slope = world.sign(line[0])
    if slope == "0":
        return world.sign(line[1])
    root = expression(normal.times(negative(line[1]), normal.inverse(line[0])))
    right = _order(world, low, root) in "0+"
    return slope if right else "-" if slope == "+" else "+"
