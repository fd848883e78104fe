"""Where a limit is taken, and what the parts of an expression do there.

`Place` answers for parts: what one tends to, which sign it has near the point. From those follow
whether an expression is continuous at the point (`regular`), whether the limits of its parts tell
its own (`determined`), and whether it is 0/0 or inf/inf.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from chainrule.algebra.growth_series import CoarseError, NowhereError, Series
from chainrule.algebra.growth_signs import ForkError
from chainrule.algebra.limits import INFINITE, Value, World, approached, same, starting
from chainrule.algebra.normal import Normal
from chainrule.algebra.products import mentions
from chainrule.algebra.statements import meaning
from chainrule.algebra.tidying import Why, said
from chainrule.errors import ChainruleError
from chainrule.lang.expr import Apply, Expr, Number, Reduce, Ref, mul, neg, walk

_FAR: Final = frozenset({"exp", "ln", "sigmoid", "tanh", "softplus", "atan", "erf", "sqrt",
                         "square", "sinh", "cosh", "asinh", "log2", "log10", "log1p", "expm1"})


_SMOOTH: Final = _FAR | {"sin", "cos", "tan", "asin", "acos", "acosh", "atanh", "stop_gradient"}


@dataclass(frozen=True, slots=True)
class Step:
    """What a limit equals, by a rule: an expression that is `pending` under it, or its value.

    `side` says from where the variable comes in the chain that starts here ("-", "+"), if a new one
    starts; a chain is the steps up to the next such.
    """

    value: Expr | str
    pending: bool
    rule: str
    why: Why
    side: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a limit is taken: its variable, its point, from which sides, in which case."""

    world: World
    variable: str
    point: Expr | str
    sides: tuple[str, ...]
    memory: dict[Expr, Value] = field(default_factory=dict, compare=False, repr=False)

    def tends(self, e: Expr) -> Value:
        """What an expression tends to, None where it does not or that is not found."""
        if e not in self.memory:
            self.memory[e] = self._tends(e)
        return self.memory[e]

    def _tends(self, e: Expr) -> Value:
        found: Value = None
        for k, side in enumerate(self.sides):
            try:
                value = approached(self.world, e, self.variable, self.point, side).value
            except (ChainruleError, ForkError, NowhereError, CoarseError):
                return None
            if value is None or (k and not same(self.world, found, value)):  # type: ignore[arg-type]
                return None
            found = value
        return found

    def near(self, e: Expr) -> str:
        """The sign of an expression near the point, "" where it is not one sign."""
        found = ""
        for side in self.sides:
            growth = self.world.growth(self.variable, starting(self.world, self.point, side), 7)
            try:
                sign = growth.near(self.world.put(e))
            except (ChainruleError, ForkError, NowhereError, CoarseError):
                return ""
            if found and sign != found:
                return ""
            found = sign
        return found

    def vanishes(self, e: Expr) -> bool:
        """Whether an expression tends to 0."""
        value = self.tends(e)
        return isinstance(value, Expr) and self.is_zero(value)

    def is_zero(self, e: Expr) -> bool:
        """Whether an expression is 0 in this case."""
        try:
            return same(self.world, e, Number(0))
        except ForkError:
            return False

    @property
    def finite(self) -> Expr | None:
        """The point, where it is one."""
        return None if isinstance(self.point, str) else self.point


def is_regular(place: Place, e: Expr) -> bool:
    """Whether an expression is continuous at the point, by its parts."""
    if not mentions(e, place.variable) or isinstance(e, Ref):
        return True
    if isinstance(e, Reduce) and e.op == "sum" and e.condition is None:
        sizes = {r.name: r.size for r in e.indices if r.size is not None}
        world = place.world
        inner = World(Normal(world.normal.known, {**world.normal.sizes, **sizes}), world.signs,
                      world.zeros)
        return is_regular(replace(place, world=inner, memory={}), e.body)
    if not isinstance(e, Apply) or not all(is_regular(place, a) for a in e.args):
        return False
    if e.function in ("add", "sub", "mul", "neg", "square"):
        return True
    if e.function == "div":
        return _is_not_zero(place, e.args[1])
    if e.function == "pow":
        k = e.args[1]
        if isinstance(k, Number) and isinstance(k.value, int):
            return k.value >= 0 or _is_not_zero(place, e.args[0])
        return place.near(e.args[0]) == "+" and _is_not_zero(place, e.args[0])
    if e.function in ("ln", "log2", "log10", "sqrt"):
        return place.near(e.args[0]) == "+" and (
            e.function == "sqrt" or _is_not_zero(place, e.args[0]))
    return e.function in _SMOOTH - {"tan", "acosh", "atanh", "asin", "acos", "log1p"}


def _is_not_zero(place: Place, e: Expr) -> bool:
    value = place.tends(e)
    if value is None or isinstance(value, str):
        return False
    try:
        return place.world.sign(place.world.normal.poly(value)) != "0"
    except ForkError as fork:
        return "0" not in place.world.growth("", Series(())).possible(fork.quantity)


def is_determined(place: Place, e: Expr, notes: dict[Why, None]) -> bool:
    """Whether the limit follows from those of the parts; `notes` tells the telling ones."""
    if not mentions(e, place.variable) or isinstance(e, Ref):
        return True
    value = place.tends(e)
    if value is None:
        return False
    if isinstance(e, Reduce):
        if is_regular(place, e) or (e.op == "sum" and isinstance(value, Expr) and any(
                isinstance(n, Apply) and n.function == "exp" for n in walk(e.body))):
            words = "{} → {}" if place.finite is not None else (
                "{} → {}, as exp(c·u) tends to 0 for u < 0 and is 1 for u = 0")
            notes[said(words, e, value)] = None
            return True
        return False
    if not isinstance(e, Apply) or not all(is_determined(place, a, notes) for a in e.args):
        return False
    tends = [place.tends(a) for a in e.args]
    if any(t is None for t in tends):
        return False
    good = _combined(place, e, tends)
    if good and (isinstance(value, str) or e.function in _FAR or (
            e.function == "div" and tends[1] in INFINITE)):
        notes[said("{} → {}", e, value)] = None
    return good


def _combined(place: Place, e: Apply, tends: list[Value]) -> bool:
    """Whether the limits of the arguments tell that of the whole."""
    large = [t in INFINITE for t in tends]
    zero = [isinstance(t, Expr) and place.is_zero(t) for t in tends]
    if e.function in ("add", "sub"):
        same_way = (tends[0] == tends[1]) == (e.function == "add")
        return not all(large) or same_way
    if e.function == "neg":
        return True
    if e.function == "mul":
        return not ((large[0] and zero[1]) or (zero[0] and large[1]))
    if e.function == "div":
        if zero[1]:
            return not zero[0] and bool(place.near(e.args[1]))
        return not all(large)
    if e.function == "pow":
        if not mentions(e.args[1], place.variable):
            return True
        return not any(large) and place.near(e.args[0]) == "+" and not zero[0]
    if e.function in _FAR:
        return True
    return e.function in _SMOOTH and not any(large)


def quotient_of(place: Place, e: Expr) -> tuple[Expr, Expr] | None:
    """An expression as a quotient whose lower part varies."""
    if not isinstance(e, Apply):
        return None
    if e.function == "div" and mentions(e.args[1], place.variable):
        return e.args[0], e.args[1]
    if e.function == "div":
        inner = quotient_of(place, e.args[0])
        return None if inner is None else (inner[0], mul(inner[1], e.args[1]))
    if e.function == "neg":
        inner = quotient_of(place, e.args[0])
        return None if inner is None else (neg(inner[0]), inner[1])
    if e.function == "mul":
        for k, a in enumerate(e.args):
            inner = quotient_of(place, a)
            if inner is not None:
                other = e.args[1 - k]
                return mul(other, inner[0]), inner[1]
    if e.function in ("sigmoid", "tanh"):
        return quotient_of(place, meaning(e))
    return None


def form_of(place: Place, above: Expr, below: Expr) -> str:
    """ "0/0" or "inf/inf", or "" where the quotient is neither."""
    tends = [place.tends(e) for e in (above, below)]
    if all(t in INFINITE for t in tends):
        return "inf/inf"
    if all(isinstance(t, Expr) and place.is_zero(t) for t in tends):
        return "0/0"
    return ""
