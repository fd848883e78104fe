"""Limits, by the growth of an expression near the point, told apart by the signs that matter.

    lim(k -> inf) sigmoid(k*x)      0 where x < 0, 1/2 where x = 0, 1 where x > 0
    lim(h -> 0) (|h| - 0)/h         does not exist: -1 from the left, 1 from the right

`approached` answers for one side of the point and `limits` for both. A question is worked as if all
signs were known; where one is not and matters, it is worked once for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from chainrule.algebra.growth import Growth
from chainrule.algebra.growth_series import (
    EMPTY,
    ONE,
    CoarseError,
    NowhereError,
    Series,
    power_of_t,
)
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import (
    Poly,
    TooLargeError,
    bare,
    constant,
    expression,
    negative,
    plus,
    scaled,
)
from chainrule.algebra.products import mentions
from chainrule.errors import UndecidedError
from chainrule.lang.expr import (
    Apply,
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
    power,
    rebuild,
    sub,
)

INFINITE: Final = ("inf", "-inf")
_TERMS: Final = (2, 4, 7, 11)  # terms that are kept, more where they cancel
_FORKS: Final = 4  # signs that are told apart at once
_T = TypeVar("_T")

Value = Expr | str | None


@dataclass(frozen=True, slots=True)
class World:
    """A case: what is assumed in it, as quantities with signs, and the normal forms that hold."""

    normal: Normal
    signs: tuple[tuple[Poly, str], ...] = ()
    zeros: tuple[tuple[Ref, Expr], ...] = ()

    @property
    def conditions(self) -> tuple[tuple[Expr, str], ...]:
        """The case as conditions."""
        return tuple((expression(q), s) for q, s in self.signs)

    def put(self, e: Expr) -> Expr:
        """An expression with what is known to be 0 solved for and put in."""
        for ref, value in self.zeros:
            e = _substituted(e, ref, value)
        return e

    def assuming(self, quantity: Poly, sign: str) -> World:
        """The case in which a quantity has that sign too."""
        known = self.normal.known.assuming([(quantity, sign)])
        zeros = self.zeros
        if sign == "0":
            solved = _solved(quantity)
            if solved is not None:
                zeros = (*zeros, solved)
        return World(Normal(known, self.normal.sizes), (*self.signs, (quantity, sign)), zeros)

    def growth(self, variable: str, start: Series, most: int = _TERMS[0]) -> Growth:
        """The growth of expressions in this case."""
        return Growth(self.normal, variable, start, most, self.signs)

    def sign(self, p: Poly) -> str:
        """The sign of a quantity in this case; raises `ForkError`."""
        return self.growth("", EMPTY).sign(p)


def explored(world: World, question: Callable[[World], _T]) -> list[tuple[World, _T]]:
    """The answers to a question, one for each case that it hangs on.

    Raises `UndecidedError` where there are too many cases.
    """
    try:
        return [(world, question(world))]
    except ForkError as fork:
        if len(world.signs) >= _FORKS:
            raise UndecidedError("the answer depends on too many signs at once") from None
        possible = world.growth("", EMPTY).possible(fork.quantity)
        if any(q == fork.quantity for q, _ in world.signs):
            raise UndecidedError("the sign of a quantity is needed, and does not help") from None
        return [found for sign in possible
                for found in explored(world.assuming(fork.quantity, sign), question)]
    except TooLargeError as error:
        raise UndecidedError(error.message) from None


@dataclass(frozen=True, slots=True)
class Approach:
    """What an expression tends to from one side; `value` None where it has none, and why."""

    value: Value
    why: str = ""
    growth: Growth | None = None
    series: Series | None = None
    exact: bool = False  # the variable is not in it


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in one case: `value` an expression, "inf", "-inf", or None where it does not exist.

    `sides` are the approaches by which it was found: from the left and from the right, or one.
    """

    world: World
    value: Value
    why: str
    sides: tuple[tuple[str, Approach], ...]


def limits(
    body: Expr, variable: str, point: Expr | str, side: str, world: World
) -> list[Limit]:
    """The limit of `body` where the variable goes to the point, in each case that matters.

    `point` is an expression, "inf" or "-inf"; `side` is "+", "-" or "" for both. Raises
    `UndecidedError` where the growth is not known.
    """
    world = defined(world, body, variable)
    if not isinstance(point, str):
        world = defined(world, point, variable)

    def question(case: World) -> Limit:
        return _limit(case, body, variable, point, side)

    return [answer for _, answer in explored(world, question)]


def _limit(world: World, body: Expr, variable: str, point: Expr | str, side: str) -> Limit:
    if isinstance(point, str):
        found = approached(world, body, variable, point, "")
        return Limit(world, found.value, found.why, ((point, found),))
    if side:
        found = approached(world, body, variable, point, side)
        return Limit(world, found.value, found.why, ((side, found),))
    left = approached(world, body, variable, point, "-")
    right = approached(world, body, variable, point, "+")
    sides = (("-", left), ("+", right))
    if left.value is None and right.value is None:
        return Limit(world, None, left.why, sides)
    if left.value is None or right.value is None:
        one = left if left.value is None else right
        return Limit(world, None, f"it has no value on one side of the point: {one.why}", sides)
    if same(world, left.value, right.value):
        return Limit(world, right.value, "", sides)
    return Limit(world, None, "the limits from the left and from the right differ", sides)


def same(world: World, a: Expr | str, b: Expr | str) -> bool:
    """Whether two values are equal in a case."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    normal = world.normal
    difference = plus(normal.poly(a), negative(normal.poly(b)))
    if normal.vanishes(difference):
        return True
    return world.sign(difference) == "0"


def approached(
    world: World, body: Expr, variable: str, point: Expr | str, side: str
) -> Approach:
    """What an expression tends to from one side of a point, all signs told."""
    body = world.put(body)
    if not mentions(body, variable):
        return Approach(expression(world.normal.poly(body)), exact=True)
    start = starting(world, point, side)
    for most in _TERMS:
        growth = world.growth(variable, start, most)
        try:
            series = growth.of(body)
            return Approach(_tended(growth, series), "", growth, series)
        except CoarseError:
            continue
        except NowhereError as error:
            return Approach(None, f"it is not defined near the point: {error}")
    if world.normal.vanishes(world.normal.poly(body)):
        return Approach(Number(0), exact=True)
    raise UndecidedError(
        "no limit was found: what the expression does near the point is not told by its largest "
        "terms (it may oscillate)")


def starting(world: World, point: Expr | str, side: str) -> Series:
    """The variable itself near the point: a + 1/T, a - 1/T, T or -T."""
    if isinstance(point, str):
        return Series(((power_of_t(1), constant(1 if point == "inf" else -1)),))
    at = world.normal.poly(world.put(point))
    step = (power_of_t(-1), constant(1 if side == "+" else -1))
    return Series(((ONE, at), step) if at else (step,))


def _tended(growth: Growth, s: Series) -> Expr | str:
    """What a series tends to; raises `CoarseError` where its error hides that."""
    for scale, p in s.terms:
        order = growth.compare(scale, ONE)
        if order < 0:
            return Number(0)
        if order == 0:
            return expression(p)
        sign = growth.sign(p)
        if sign != "0":
            return "inf" if sign == "+" else "-inf"
    if s.error is None or growth.compare(s.error, ONE) < 0:
        return Number(0)
    raise CoarseError


# --- where an expression is defined ---------------------------------------------------------------


def defined(world: World, e: Expr, variable: str) -> World:
    """The world in which all parts of an expression that the variable is not in are defined."""
    needed: list[tuple[Poly, str]] = []
    for node in _sure(e):
        if not isinstance(node, Apply) or node.function not in ("ln", "div", "sqrt") or mentions(
                node.args[-1], variable):
            continue
        if node.function == "ln":
            needed.append((world.normal.poly(node.args[0]), "+"))
        elif node.function == "div":
            needed.append((world.normal.poly(node.args[1]), "-+"))
        elif node.function == "sqrt":
            needed.append((world.normal.poly(node.args[0]), "0+"))
    for node in _sure(e):
        if isinstance(node, Apply) and node.function == "pow" and mentions(
                node.args[1], variable) and not mentions(node.args[0], variable):
            needed.append((world.normal.poly(node.args[0]), "+"))
    kept: list[tuple[Poly, str]] = []
    for p, signs in needed:
        if not p or world.normal.quantities(p):
            continue
        if len(p) == 1 and signs == "-+" and not p[0].sums:
            kept += [(bare(b), signs)
                     for b, _ in p[0].factors]
            continue
        if len(p) == 1 and len(p[0].factors) == 1 and p[0].factors[0][1] == 1:
            m = p[0]  # the factor itself, so that its sign is found
            if m.number < 0:
                signs = signs.translate(str.maketrans("-+", "+-"))
            p = scaled(p, 1 / m.number)
        kept.append((p, signs))
    kept = [(p, s) for p, s in kept if not set(world.normal.known.signs(p)) <= set(s)]
    if not kept:
        return world
    known = world.normal.known.assuming(kept)
    return World(Normal(known, world.normal.sizes), world.signs, world.zeros)


def _sure(e: Expr) -> list[Expr]:
    """The parts of an expression that are looked at at every point, sums left out."""
    found: list[Expr] = [e]
    if isinstance(e, Select):
        return [*found, *_sure(e.condition)]
    if isinstance(e, Reduce):
        return found
    for part in children(e):
        found += _sure(part)
    return found


def _solved(quantity: Poly) -> tuple[Ref, Expr] | None:
    """A quantity that is 0 solved for a cell that it holds."""
    for m in quantity:
        if len(m.factors) == 1 and m.factors[0][1] == 1 and not m.sums and not m.guards:
            ref = m.factors[0][0]
            rest = tuple(o for o in quantity if o is not m)
            if isinstance(ref, Ref) and not any(
                    mentions(b, ref.tensor) for o in rest for b, _ in o.factors):
                return ref, expression(scaled(rest, -1 / m.number))
    return None


def _substituted(e: Expr, ref: Ref, value: Expr) -> Expr:
    """An expression with a value for a cell; sums with 0 and products with 0 and 1 are worked."""
    if e == ref:
        return value
    parts = children(e)
    new = tuple(_substituted(p, ref, value) for p in parts)
    if new == parts:
        return e
    if isinstance(e, Apply) and e.function in _FOLDED:
        return _FOLDED[e.function](*new)
    return rebuild(e, new)


_FOLDED: Final[dict[str, Callable[..., Expr]]] = {
    "add": add, "sub": sub, "mul": mul, "neg": neg, "pow": power,
    "exp": lambda a: Number(1) if a == Number(0) else Apply("exp", (a,)),
    "sqrt": lambda a: a if a in (Number(0), Number(1)) else Apply("sqrt", (a,)),
    "ln": lambda a: Number(0) if a == Number(1) else Apply("ln", (a,)),
    "div": lambda a, b: Apply("div", (a, b)) if b == Number(0) else div(a, b)}


def at_point(body: Expr, variable: str, point: Expr) -> Expr:
    """An expression with the point put in for the variable."""
    return _substituted(body, Ref(variable, ()), point)
