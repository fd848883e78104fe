"""Conditions on subscripts that hold everywhere, or nowhere, within the ranges of their indices.

    0 <= N - 1 - i   and   N - 1 - i < N   hold for every i < N, so nobody needs to read them
    0 <= i - 1       depends on i, and stays
    2 == 0           holds nowhere

A derivation puts bounds on sums when it solves a delta for an index. Most are never violated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Select, transform
from chainrule.lang.functions import OPPOSITES, TURNED
from chainrule.lang.integers import Integer, constant, index


def opposite(condition: Expr) -> Expr:
    """The condition that holds where this one does not."""
    if isinstance(condition, Apply) and condition.function in OPPOSITES:
        return Apply(OPPOSITES[condition.function], condition.args)
    if isinstance(condition, Apply) and condition.function == "not":
        return condition.args[0]
    return Apply("not", (condition,))


def conjuncts(condition: Expr) -> list[Expr]:
    """The conditions that have to hold together."""
    if isinstance(condition, Apply) and condition.function == "and":
        return [c for a in condition.args for c in conjuncts(a)]
    return [condition]


def decided(condition: Expr, ranges: Mapping[str, Integer]) -> bool | None:
    """Whether a condition holds for all values of its indices (True), or for none (False).

    `ranges` are the numbers of values of the indices; None where it depends on them, or where
    that cannot be told.

    >>> from chainrule.lang.integers import index, size
    >>> place = IndexValue(size("N") - 1 - index("i"))
    >>> decided(Apply("le", (Number(0), place)), {"i": size("N")})
    True
    >>> decided(Apply("lt", (Number(0), place)), {"i": size("N")}) is None
    True
    """
    if not isinstance(condition, Apply):
        return None
    if condition.function == "and":
        found = [decided(c, ranges) for c in condition.args]
        return False if False in found else (None if None in found else True)
    if condition.function == "not":
        inner = decided(condition.args[0], ranges)
        return None if inner is None else not inner
    if condition.function not in OPPOSITES:
        return None
    ends = [_integer(a) for a in condition.args]
    left, right = ends
    return None if left is None or right is None else _compared(
        condition.function, left, right, ranges)


def _integer(e: Expr) -> Integer | None:
    if isinstance(e, Number) and isinstance(e.value, int):
        return constant(e.value)
    return e.value if isinstance(e, IndexValue) else None


def _compared(
    function: str, left: Integer, right: Integer, ranges: Mapping[str, Integer]
) -> bool | None:
    if function in ("gt", "ge"):
        function, left, right = TURNED[function], right, left
    if function in ("eq", "ne"):
        number = (left - right).constant
        return None if number is None else (number == 0) == (function == "eq")
    if function == "lt":
        left = left + 1
    difference = left - right
    if not set(difference.indices()) <= set(ranges):
        return None
    ends = extent(difference, ranges)
    if ends is None:
        return None
    least, most = ends
    if at_most(most, constant(0)):
        return True
    return False if at_most(constant(1), least) else None


def undecided(
    guards: Iterable[Expr], ranges: Mapping[str, Integer]
) -> tuple[Expr, ...] | None:
    """The guards that are needed, each by itself; None where one holds nowhere."""
    found: list[Expr] = []
    for guard in (c for g in guards for c in conjuncts(g)):
        holds = decided(guard, ranges)
        if holds is False:
            return None
        if holds is None and guard not in found:
            found.append(guard)
    return (_plain(found[0]),) if len(found) == 1 else tuple(found)


def _plain(guard: Expr) -> Expr:
    """1 <= i rather than 0 <= i - 1."""
    if isinstance(guard, Apply) and guard.function == "le" and guard.args[0] == Number(0):
        place = _integer(guard.args[1])
        names = [] if place is None else place.indices()
        if place is not None and len(names) == 1:
            least = (index(names[0]) - place).constant
            if least is not None:
                return Apply("le", (Number(least), IndexValue(index(names[0]))))
    return guard


def settled(e: Expr) -> Expr:
    """An expression whose choices on numbers alone are made: (0 if 2 == 0 else a) is a."""

    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Select):
            holds = decided(node.condition, {})
            if holds is not None:
                return settled(node.then if holds else node.otherwise)
        return None

    return transform(e, leaf)


def in_order(place: Integer) -> Integer:
    """The same integer with its terms as one writes them: i - 1, not -1 + i."""
    return Integer(tuple(sorted(place.terms, key=lambda t: 2 if t[1] < 0 else not t[0])))
