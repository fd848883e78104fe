"""How layers are typeset: l - 1, l = L - 1, …, 1, Σ over all layers, and sums of parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from chainrule.document.blocks import Prose
from chainrule.document.mathtree import Identifier, Math, Num, Op, Under, row, separated
from chainrule.document.notation import Notation, Value, symbol
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivations import Derivation
from chainrule.explain.induction import Network
from chainrule.explain.induction_names import Window, in_program, named
from chainrule.lang.expr import ArgReduce, Reduce
from chainrule.lang.families import Level


class Layered(Notation):
    """Notation in which an index that is a layer runs from a first to a last one."""

    def __init__(self, network: Network, window: Window) -> None:
        program = in_program(network.program, named(network.homes, window),
                             named(network.found.sizes, window))
        super().__init__(program.tensors)
        self.sums = network.found.sums
        self.end = window.end
        self.letters = frozenset(network.family.variables)

    def tensor(self, name: str, subscripts: tuple[Math, ...] = ()) -> Math:
        """A symbol; the number of a layer, l(l), is l."""
        letter, _, where = name.partition("(")
        if where and letter in self.letters:
            parts = [p for p in re.split(r"([+-])", where[:-1]) if p]
            return row(*(Op(p) if p in "+-" else Num(p) if p.isdigit() else symbol(p)
                         for p in parts))
        return super().tensor(name, subscripts)

    def _over(self, e: Reduce | ArgReduce, value: Value | None, nested: bool = False) -> Math:
        size = e.indices[0].size if len(e.indices) == 1 else None
        if size is not None and size.constant and size.constant <= len(self.sums):
            letter, first, last = self.sums[size.constant - 1]
            if letter == e.indices[0].name:
                return layer_sum(letter, first, last, self.end)
        return super()._over(e, value, nested)


def level_math(level: Level, letter: str, end: str) -> Math:
    """l, L-1, 2 as mathematics."""
    if not level.anchor:
        return Num(str(level.offset))
    base: Math = symbol(letter if level.anchor == "l" else end)
    if not level.offset:
        return base
    return row(base, "-" if level.offset < 0 else "+", Num(str(abs(level.offset))))


def layer_sum(letter: str, first: Level, last: Level, end: str) -> Math:
    """Σ over l = 1, …, L."""
    below = row(symbol(letter), "=", level_math(first, letter, end))
    return Under(Op("Σ"), below, level_math(last, letter, end))


def layers(first: Level, last: Level, letter: str, end: str) -> Math:
    """l = 1, …, L - 1, or l = 1 alone."""
    ends = [level_math(x, letter, end) for x in (first, last)]
    if first == last:
        return row(symbol(letter), "=", ends[0])
    return row(symbol(letter), "=", ends[0], ",", Identifier("…"), ",", ends[1])


def part_notation(found: Derivation) -> Notation:
    """How the names of a slice are written."""
    return PartialNotation(found.tensors(), found.derivatives())


def listed(items: Sequence[Math]) -> list[Prose]:
    """a, b and c."""
    found: list[Prose] = []
    for k, item in enumerate(items):
        if k:
            found.append(" and " if k == len(items) - 1 else ", ")
        found.append(item)
    return found


def joined(items: Iterable[Math]) -> Math:
    """A sum of what may be a sum itself."""
    parts = list(items)
    return parts[0] if len(parts) == 1 else row(*separated(parts, Op("+")))
