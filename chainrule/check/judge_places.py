"""Where a relation is tested: the index values and surroundings that conditions leave."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chainrule.check.tree import Apply, Node, Number, Remark, Symbol, walk
from chainrule.check.values import Array, Unknown, Value
from chainrule.check.values_frames import Chooser, Need
from chainrule.check.values_names import form_of, key, plain_letter
from chainrule.check.worlds import World

if TYPE_CHECKING:
    from chainrule.check.judge_trials import Trials

_PLACES: Final = 7  # index values tried in one world
HOLDS, FAILS, SHAPE, UNKNOWN, EMPTY = "holds", "fails", "shape", "unknown", "empty"


@dataclass(slots=True)
class Outcome:
    """What came of a test.

    `verdict` is holds, fails, shape (the sides have different shapes), unknown (`why` says why) or
    empty (the conditions are never met). `left` and `right` are the values where it was decided,
    `rounding` what is the matter with a printed number: coarse or cut.
    """

    verdict: str
    left: Value = None
    right: Value = None
    why: str = ""
    rounding: str = ""
    invented: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    kind: str = ""
    bound: dict[str, int | None] = field(default_factory=dict)
    world: World | None = None
    lies: dict[str, str] = field(default_factory=dict)  # vectors that have to be rows, or columns

    @property
    def holds(self) -> bool:
        """Whether the relation holds."""
        return self.verdict == HOLDS


@dataclass(slots=True)
class Place:
    """One choice of index values, with the surroundings that conditions make."""

    bound: dict[str, int | None]
    settings: list[tuple[Node, Node]]
    mask: Array | None


class Places:
    """The part of the trials that finds index values."""

    def places(self: Trials, world: World, nodes: Sequence[Node], conditions: Sequence[Node],
               student: bool) -> list[Place]:
        """Index values under which the conditions hold."""
        said = [c for c in conditions if isinstance(c, Remark)]
        letters = self._letters(world, [*nodes, *said], student)
        settings, tests = self._split(world, conditions, letters)
        found: list[Place] = []
        sizes = [range(self.base, n + self.base) for n in letters.values()]
        for values in self._spread(sizes):
            bound: dict[str, int | None] = dict(zip(letters, values, strict=True))
            mask: Array | None = None
            keep = True
            for test in tests:
                held = self._held(world, test, bound, settings, student)
                if isinstance(held, Array):
                    mask = held
                    keep = keep and any(held.cells)
                else:
                    keep = keep and held
            if keep:
                found.append(Place(bound, settings, mask))
                if len(found) >= _PLACES:
                    break
        return found

    def _spread(self: Trials, sizes: list[range]) -> Iterator[tuple[int, ...]]:
        """All index values, those that differ from each other first."""
        everything = list(itertools.islice(itertools.product(*sizes), 200))
        everything.sort(key=lambda v: len(set(v)) != len(v))
        half = [v for v in everything if len(set(v)) == len(v)][:4]
        rest = [v for v in everything if len(set(v)) != len(v)][:3]
        more = [v for v in everything if v not in half and v not in rest]
        return iter([*half, *rest, *more])

    def _letters(self: Trials, world: World, nodes: Sequence[Node],
                 student: bool) -> dict[str, int]:
        """The free index letters of formulas and the sizes of their axes."""
        letters: dict[str, int] = {}
        for node in nodes:
            if not _has_letters(node):
                continue
            for _ in range(6):
                e = self.evaluator(world, Chooser(), student)
                frame = e.frame()
                frame.bound.update(dict.fromkeys(letters, self.base))
                try:
                    if isinstance(node, Remark) and node.claims is None:
                        e.condition(node, frame)
                    else:
                        e.value(node, frame)
                except Need as need:
                    if need.letter in letters:
                        break
                    letters[need.letter] = need.size
                    continue
                except Unknown:
                    pass
                break
        return letters

    def _split(self: Trials, world: World, conditions: Sequence[Node],
               letters: dict[str, int]) -> tuple[list[tuple[Node, Node]], list[Node]]:
        """Conditions that give something a value, and those that are tested."""
        settings: list[tuple[Node, Node]] = []
        tests: list[Node] = []
        for node in conditions:
            if isinstance(node, Apply) and node.head == "compare" and len(node.args) == 2 and (
                    node.signs == ("==",)):
                target, value = node.args
                if _is_transpose(value, target) and self._settable(world, target, letters):
                    both = Apply(value.start, value.end, "sum", (target, value), ("+", "+"))
                    half = Apply(value.start, value.end, "frac", (
                        both, Number(value.end, value.end, "2")))
                    settings.append((target, half))  # a symmetric matrix
                    continue
                if self._settable(world, target, letters):
                    settings.append((target, value))
                    continue
                if self._settable(world, value, letters):
                    settings.append((value, target))
                    continue
            tests.append(node)
        return settings, tests

    def _settable(self: Trials, world: World, node: Node, letters: dict[str, int]) -> bool:
        """Whether a condition can simply give a name its value: a real number that is drawn."""
        if not isinstance(node, Symbol) or node.subs:
            return False
        letter = plain_letter(node)
        if not letter or letter in letters or world.names.size(letter) is not None:
            return False
        form = form_of(node)
        assert form is not None
        program = world.names.program
        for name, _ in world.names.tensors(form):
            tensor = program.tensors[name]
            if tensor.kind == "integer" or name in world.part.given:
                return False
        return True

    def _held(self: Trials, world: World, test: Node, bound: dict[str, int | None],
              settings: list[tuple[Node, Node]], student: bool) -> Value:
        """Whether a condition holds: a letter that only it has runs over its axis."""
        e = self.evaluator(world, Chooser(), student)
        frame = self._frame(e, Place(bound, settings, None))
        try:
            return e.condition(test, frame)
        except Need as need:
            size, letter = need.size, need.letter
        others = {v for v in bound.values() if v is not None}
        held = []
        for k in range(self.base, size + self.base):
            e = self.evaluator(world, Chooser(), student)
            frame = self._frame(e, Place({**bound, letter: k}, settings, None))
            try:
                held.append(bool(e.condition(test, frame)))
            except Need:
                raise Unknown("a condition has too many letters", "form") from None
        if not bound:
            return Array((size,), tuple(held))
        return all(h for k, h in enumerate(held, self.base) if k not in others)


def _is_transpose(node: Node, of: Node) -> bool:
    return isinstance(node, Apply) and key(node.args[0]) == key(of) and (
        node.head == "transpose" or (node.head == "power" and plain_letter(node.args[1]) == "T"))


def _has_letters(node: Node) -> bool:
    """Whether a letter stands below a name, or in brackets behind one: it may be an index."""
    for n in walk(node):
        form = form_of(n) if isinstance(n, Symbol | Apply) else None
        if isinstance(n, Remark) and n.claims is None and n.said:
            return True
        if form is None:
            continue
        label = (n.label,) if isinstance(n, Symbol) and n.label is not None else ()
        for inside in (*form.subs, *(form.args or ()), *label):
            if any(isinstance(m, Symbol) for m in walk(inside)):
                return True
    return False


__all__ = ["EMPTY", "FAILS", "HOLDS", "SHAPE", "UNKNOWN", "Outcome", "Place", "Places"]
