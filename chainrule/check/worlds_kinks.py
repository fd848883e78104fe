"""Which side of its kinks a world is on; and worlds that between them are on both.

`max(0, 1 - y f)` that is positive in all worlds that are drawn is no different from `1 - y f`, and
a claim that forgets the maximum would hold. So a program with kinks, jumps or cases is drawn again
where the worlds so far have not been on each side of each of them, more widely every time where
the sheet does not say how large its inputs are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from chainrule.check.values import Unknown
from chainrule.check.values_cells import Cells
from chainrule.check.worlds import World
from chainrule.lang.expr import Apply
from chainrule.lang.functions import FUNCTIONS

_DRAWS: Final = 6  # how often a world is drawn
_CELLS: Final = 3_000  # of a program that is looked at
_WORLDS: Final = 3  # worlds that a claim is tested in
_TWO: Final = frozenset({"max", "min"})
_WHOLE: Final = frozenset({"floor", "ceil"})

Side = tuple[int, int]  # a place in the program, and -1 or 1


class _Watched(Cells):
    """The cells of a world, with a note of the sides that are taken."""

    sides: set[Side]
    even: set[Side]

    def apply(self, node: Apply, args: list[Any]) -> Any:
        """A function of the table, and the side that it was taken on."""
        entry = FUNCTIONS[node.function]
        value = super().apply(node, args)
        if entry.boolean and type(value) is bool:
            self.sides.add((id(node), 1 if value else -1))
        elif node.function in _TWO or (entry.kinks and len(args) == 1):
            order = self.numbers.order(args[0], args[1] if node.function in _TWO else 0)
            self.sides.add((id(node), order))
        elif node.function in _WHOLE and type(args[0]) is Fraction:
            self.even.add((id(node), 1 if args[0].denominator == 1 else -1))
        return value


def sides_of(world: World) -> frozenset[Side]:
    """The sides of kinks and conditions that a world's program is on, in any of its cells."""
    return frozenset(s for s in _watched(world).sides if s[1])


def exact_in(world: World) -> frozenset[Side]:
    """Which floors and ceilings of a world's program have nothing to round, and which have."""
    return frozenset(_watched(world).even)


def _watched(world: World) -> _Watched:
    cells = world.cells
    watched = _Watched(cells.graph, cells.sizes, cells.inputs, cells.numbers)
    watched.sides, watched.even = set(), set()
    try:
        for equation in cells.program.equations:
            name = equation.target
            places = itertools.product(*map(range, watched.shape(name)))
            for place in itertools.islice(places, _CELLS):
                watched.cell(name, place)
            if watched.visits > 20 * _CELLS:
                break
    except Unknown:
        pass
    return watched


def drawn(draw: Callable[[int], World], before: Sequence[World], smooth: bool) -> World:
    """The world to go on with after others; `draw(k)` draws it for the k-th time."""
    first = draw(0)
    if smooth or len(before) >= _WORLDS:
        return first
    seen = frozenset[Side]().union(*map(sides_of, before))
    best, most = first, seen | sides_of(first)
    for k in range(1, _DRAWS):
        if all((at, -side) in most for at, side in most):
            break
        other = draw(k)
        found = seen | sides_of(other)
        if len(found) > len(most):
            best, most = other, found
    return best


__all__ = ["drawn", "exact_in", "sides_of"]
