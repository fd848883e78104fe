"""How many points of a box of indices satisfy some inequalities.

    0 <= 2*i + k - 1 < 7   for i < 4, k < 3

is how a convolution's padding is counted: by solving for one index and adding up over the others,
group by group of the indices that some inequality ties together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product as combinations
from math import prod
from typing import Final

from chainrule.errors import LimitError, MissingValueError
from chainrule.lang.expr import Apply, Expr, IndexValue, Number
from chainrule.lang.integers import (
    Atom,
    Floor,
    Index,
    Integer,
    Size,
    constant,
    known,
)

MOST: Final = 2_000_000  # combinations of the other indices that one group may take


@dataclass(frozen=True, slots=True)
class Constraint:
    """`value >= 0`, a polynomial in indices."""

    value: Integer

    @property
    def indices(self) -> frozenset[str]:
        """The indices that it ties together."""
        return frozenset(self.value.indices())


def inside(
    subscripts: Sequence[Integer], shape: Sequence[Integer], sizes: Mapping[str, int],
    axes: Iterable[int] | None = None,
) -> list[Constraint]:
    """That subscripts stay on their axes, on all or on some of them."""
    found = []
    chosen = range(len(shape)) if axes is None else axes
    for k in chosen:
        s, cells = subscripts[k], shape[k]
        if s.indices() and not any(_reads(a) for a in s.atoms()):
            found += [Constraint(known(s, sizes)), Constraint(known(cells - 1 - s, sizes))]
    return found


def _reads(a: Atom) -> bool:
    return not isinstance(a, Index | Size | Floor)


def conditions(e: Expr, sizes: Mapping[str, int]) -> list[Constraint] | None:
    """A condition on indices as inequalities; None if it is no conjunction of such."""
    if isinstance(e, Apply) and e.function == "and":
        parts = [conditions(arg, sizes) for arg in e.args]
        if any(part is None for part in parts):
            return None
        return [c for part in parts for c in part or ()]
    if not isinstance(e, Apply) or len(e.args) != 2:
        return None
    a, b = (_polynomial(arg) for arg in e.args)
    if a is None or b is None or any(_reads(x) for p in (a, b) for x in p.atoms()):
        return None
    less = {"lt": [b - a - 1], "le": [b - a], "gt": [a - b - 1], "ge": [a - b],
            "eq": [a - b, b - a]}.get(e.function)
    return None if less is None else [Constraint(known(p, sizes)) for p in less]


def _polynomial(e: Expr) -> Integer | None:
    if isinstance(e, IndexValue):
        return e.value
    if isinstance(e, Number) and isinstance(e.value, int):
        return constant(e.value)
    return None


def points(
    ranges: Mapping[str, int | Integer], guards: Iterable[Constraint] = (),
    within: Mapping[str, int | Integer] | None = None,
) -> int | Integer:
    """The points of the box that satisfy all guards on its indices.

    Guards on indices outside the box are left to whoever counts a larger one; but with `within`, a
    larger box, those points are counted for which some point of that box satisfies its guards.
    Raises `MissingValueError` where a guarded range is not a number.

    >>> from chainrule.lang.integers import index
    >>> i, k = index("i"), index("k")
    >>> points({"i": 4, "k": 3}, [Constraint(2*i + k - 1), Constraint(constant(7) - 2*i - k)])
    10
    """
    box_of = ranges if within is None else within
    mine = [g for g in guards if g.indices and g.indices <= box_of.keys()]
    result: int | Integer = 1
    grouped: set[str] = set()
    for names, group in _groups(mine):
        grouped |= names
        box = []
        for name in sorted(names):
            cells = box_of[name]
            if not isinstance(cells, int):
                raise MissingValueError(
                    f"counting what {name} reaches needs the number {cells}", None,
                    "give sizes as numbers, such as --input 3x224x224")
            box.append((name, cells))
        for guard in group:
            if guard.value.sizes():
                raise MissingValueError(
                    f"counting needs the size {guard.value.sizes()[0]} as a number")
        kept = frozenset(n for n in names if n in ranges)
        result = _count(tuple(box), tuple(sorted({g.value for g in group}, key=str)),
                        kept) * result
    for name, cells in ranges.items():
        if name not in grouped:
            result = result * cells if isinstance(cells, int) else cells * result
    return result


def _groups(guards: Sequence[Constraint]) -> list[tuple[set[str], list[Constraint]]]:
    """Guards that share indices, together."""
    groups: list[tuple[set[str], list[Constraint]]] = []
    for guard in guards:
        names, own = set(guard.indices), [guard]
        apart = []
        for other, members in groups:
            if other & names:
                names |= other
                own = members + own
            else:
                apart.append((other, members))
        groups = [*apart, (names, own)]
    return groups


@lru_cache(maxsize=4096)
def _count(
    box: tuple[tuple[str, int], ...], values: tuple[Integer, ...], kept: frozenset[str]
) -> int:
    """The points of a box where all values are at least 0, told apart by the indices kept."""
    if len(kept) < len(box):
        return _covered(box, values, kept)
    solved = _solvable([name for name, _ in box], dict(box), values)
    others = [(name, cells) for name, cells in box if name != solved]
    if prod(cells for _, cells in others) > MOST:
        raise LimitError(f"counting these windows takes more than {MOST:,} cases", None,
                         "count padded positions too, or take smaller sizes")
    most = dict(box)[solved] if solved is not None else 1
    total = 0
    for place in combinations(*(range(cells) for _, cells in others)):
        at = {name: k for (name, _), k in zip(others, place, strict=True)}
        low, high = 0, most - 1
        for value in values:
            low, high = _cut(value, solved, at, low, high)
            if low > high:
                break
        total += max(0, high - low + 1)
    return total


def _covered(
    box: tuple[tuple[str, int], ...], values: tuple[Integer, ...], kept: frozenset[str]
) -> int:
    """For how many values of the indices kept there are values of the others."""
    outer = [(name, cells) for name, cells in box if name in kept]
    inner = tuple((name, cells) for name, cells in box if name not in kept)
    if prod(cells for _, cells in box) > MOST:
        raise LimitError(f"counting these windows takes more than {MOST:,} cases", None,
                         "count padded positions too, or take smaller sizes")
    total = 0
    for place in combinations(*(range(cells) for _, cells in outer)):
        at = {name: constant(k) for (name, _), k in zip(outer, place, strict=True)}
        fixed = tuple(_fixed(v, at) for v in values)
        if all(v.constant is None or v.constant >= 0 for v in fixed):
            free = tuple(v for v in fixed if v.constant is None)
            total += bool(_count(inner, free, frozenset(n for n, _ in inner)))
    return total


def _fixed(value: Integer, at: Mapping[str, Integer]) -> Integer:
    """A polynomial with some of its indices known."""
    return value.substitute(lambda a: at.get(a.name) if isinstance(a, Index) else None)


def _solvable(
    names: Sequence[str], ranges: Mapping[str, int], values: Sequence[Integer]
) -> str | None:
    """The index with the longest range that stands in every value linearly."""
    for name in sorted(names, key=lambda n: -ranges[n]):
        one = Index(name)
        if all(v.coefficient(one).constant is not None
               and name not in v.without(one).indices() for v in values):
            return name
    return None


def _cut(
    value: Integer, solved: str | None, at: Mapping[str, int], low: int, high: int
) -> tuple[int, int]:
    """The interval of the solved index where a value is at least 0."""
    def number(a: Atom) -> int:
        assert isinstance(a, Index)
        return at[a.name]

    if solved is None:
        return (low, high) if value.evaluate(number) >= 0 else (1, 0)
    factor = value.coefficient(Index(solved)).constant or 0
    rest = value.without(Index(solved)).evaluate(number)
    if factor > 0:
        return max(low, -(rest // factor)), high
    if factor < 0:
        return low, min(high, rest // -factor)
    return (low, high) if rest >= 0 else (1, 0)
