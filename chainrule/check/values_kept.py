"""Derivatives kept while one claim is tested: Σ_a Σ_b ∂L/∂y_a ∂y_a/∂z_b asks for each many times.

What a derivative is depends on the world, on the indices that stand in it and on how it is read. A
kept one is taken only where all the choices that were made for it come out the same again; they are
asked again, in the same order, so that every reading is still met.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainrule.check.tree import Derivative, Node, Symbol, walk
from chainrule.check.values import Value
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import full_name, key

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator


@dataclass(frozen=True, slots=True)
class _Made:
    """A derivative, the choices made on the way, and what came up besides."""

    value: Value
    choices: tuple[tuple[Any, int, int], ...]
    ties: int
    invented: frozenset[str]
    functions: frozenset[str]
    approximate: bool


@dataclass(slots=True)
class Kept:
    """What is kept for one test: derivatives by where they were taken, names by their node."""

    found: dict[Any, list[_Made]] = field(default_factory=dict)
    about: dict[int, tuple[Node, Any, tuple[str, ...]]] = field(default_factory=dict)

    def of(self, node: Node) -> tuple[Any, tuple[str, ...]]:
        """A derivative without its places, and the names in it."""
        known = self.about.get(id(node))
        if known is None or known[0] is not node:
            names = sorted({full_name(n.name) for n in walk(node) if isinstance(n, Symbol)})
            known = self.about[id(node)] = node, (key(node), node.start), tuple(names)
        return known[1], known[2]


class Keeping:
    """The part of the evaluator that remembers derivatives."""

    def slope(self: Evaluator, node: Derivative, frame: Frame) -> Value:
        """The value of ∂top/∂bottom, worked out once for the same indices and choices."""
        plain = not (frame.params or frame.over or frame.match or frame.via or frame.active)
        if self.kept is None or self.student or not plain or frame.cells is not self.world.cells:
            return self.differentiated(node, frame)
        about, names = self.kept.of(node)
        bound = tuple((n, frame.bound[n]) for n in names if n in frame.bound)
        at = (about, bound, id(self.world), self.base, self.numbers.side, self.fine,
              self.by_rows, self.local)
        for made in self.kept.found.get(at, ()):
            if all(self.chooser.choose(what, options) == answer
                   for what, answer, options in made.choices):
                self.numbers.ties += made.ties
                self.invented |= made.invented
                self.functions |= made.functions
                self.approximate = self.approximate or made.approximate
                return made.value
        return self._remembered(at, node, frame)

    def _remembered(self: Evaluator, at: Any, node: Derivative, frame: Frame) -> Value:
        """A derivative worked out, and kept where nothing but its value came of it."""
        assert self.kept is not None
        outer, self.chooser.log = self.chooser.log, []
        before = (self.numbers.ties, self.invented, self.functions, self.approximate)
        self.invented, self.functions, self.approximate = set(), set(), False
        noted = sum(map(_is_noted, self.chooser.made))
        try:
            value = self.differentiated(node, frame)
            if sum(map(_is_noted, self.chooser.made)) == noted:
                self.kept.found.setdefault(at, []).append(_Made(
                    value, tuple(self.chooser.log), self.numbers.ties - before[0],
                    frozenset(self.invented), frozenset(self.functions), self.approximate))
        finally:
            if outer is not None:
                outer += self.chooser.log
            self.chooser.log = outer
            self.invented |= before[1]
            self.functions |= before[2]
            self.approximate = self.approximate or before[3]
        return value


def _is_noted(what: Any) -> bool:
    """Whether an entry among the choices only says which way a vector lies."""
    return isinstance(what, tuple) and what[0] in ("turn", "lies")


__all__ = ["Keeping", "Kept"]
