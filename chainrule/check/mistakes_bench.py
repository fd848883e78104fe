"""The bench on which a wrong claim is looked into: its values wherever it was tested, and trials.

A trial is a changed side of the claim. It counts only if the claim then holds in all worlds. Where
a sheet gives all numbers there is one world, and a change may fit by accident: 1 · x is x. Such a
trial is repeated in *shadows*, worlds whose given values are moved a little, each by its own
amount, so that signs and winners stay and coincidences go. What holds there too is sure.

Work is counted, not timed, so that the same paper always gets the same answer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any, Final

from chainrule.check.judge import Case
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_trials import HOLDS, Trials
from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_trees import outer, plain_value
from chainrule.check.report_math import typeset
from chainrule.check.rounding import (
    COARSE,
    RIGHT,
    Printed,
    compared,
    printed,
    printed_cells,
    rounded_literals,
)
from chainrule.check.sheet import Part, Rounding
from chainrule.check.tree import Apply, Integral, Matrix, Node, Number, Reduce, Symbol, walk
from chainrule.check.values import Array, Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_frames import Chooser, Need, readings
from chainrule.check.values_names import key, plain_letter, primed_apart
from chainrule.check.worlds import World, flat
from chainrule.document.mathtree import text as math_text
from chainrule.errors import ChainruleError
from chainrule.lang.expr import walk as expression_walk

OPERATIONS: Final = 6_000  # nodes visited for one claim by one detector
_ALL: Final = 16_000  # and by all together
_TESTS: Final = 12  # full tests for one claim by one detector
_SLOPE: Final = (8, 120)  # what one direction of a derivative counts for, by the program's size
_HEAVY: Final = 1_200  # a claim whose sides cost more is looked at in fewer places
_SPOTS: Final = 6  # worlds and index values that a claim's values are compared at
_READINGS: Final = 10  # readings of a side as it stands
_TRIED: Final = 5  # and of a changed one
_SHADOWS: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A possible mistake: its name, what happened, how far-fetched it is, whether it is sure."""

    kind: str
    why: str
    cost: float
    sure: bool = False
    hint: str = ""


@dataclass(slots=True)
class Spot:
    """One world at one choice of index values."""

    world: World
    place: Any


class Spent(Exception):
    """The work allowed for one claim is done."""


@dataclass(slots=True)
class Bench:
    """A wrong claim with its two sides, and what is tried on it."""

    case: Case
    left: Node
    right: Node
    spots: list[Spot] = field(default_factory=list)
    operations: int = 0
    tests: int = 0
    shadow: Trials | None = None
    shadowed: bool = False
    known: dict[int, list[Value]] = field(default_factory=dict)
    cache: dict[tuple[int, int], Value] = field(default_factory=dict)
    done: int = 0
    start: int = 0
    slope: int = _SLOPE[0]
    memo: list[Any] = field(default_factory=list)

    @property
    def conditions(self) -> tuple[Node, ...]:
        """The conditions that the paper puts on the claim."""
        if self.case.conditions:
            return self.case.conditions
        scope = self.case.claim.context.scope
        found = tuple(c.node for c in scope if c.node is not None)
        return found or primed_apart(self.left, self.right)

    @property
    def numbers(self) -> Any:
        """The arithmetic of the check."""
        return self.case.trials.numbers

    @property
    def room(self) -> Room:
        """The part that the claim is about, with what the paper has said."""
        return self.case.room

    def prepare(self) -> None:
        """Find the worlds and the index values at which the claim is looked at."""
        trials = self.case.trials
        cells = self.room.world(0).cells
        total = sum(math.prod(cells.shape(n)) for n in self.room.names.program.tensors)
        self.slope = max(_SLOPE[0], min(_SLOPE[1], total // 2))
        slow = any(isinstance(n, Integral) for n in walk(self.right))
        sides = [self.left] if slow else [self.left, self.right]
        for k in range(1 if slow else 3):
            if k and not self.room.drawn and not self.case.outcome.invented:
                break
            world = self.room.world(k)
            try:
                places = trials.places(world, sides, self.conditions, False)
            except (Unknown, Need):
                continue
            wanted = self.case.outcome.bound
            places.sort(key=lambda p: p.bound != wanted)
            self.spots += [Spot(world, p) for p in places[: 3 if k == 0 else 2]]
        del self.spots[_SPOTS:]
        if self.spots:
            self.value(self.left)
            if self.operations > _HEAVY:
                del self.spots[2:]

    def written(self, left: Node) -> Iterator[Node]:
        """The formulas that the paper has rightly given for a quantity."""
        for judged in self.case.judged:
            claim = judged.claim
            if judged.verdict == "right" and claim.right.node is not None and (
                    claim.left.node is not None and key(claim.left.node) == key(left)) and (
                    printed(claim.right.node) is None):
                yield claim.right.node

    def refill(self) -> None:
        """Allow as much work again, to the next detector, while there is any left."""
        self.done += self.operations - self.start
        self.start = self.operations = max(0, OPERATIONS + self.done - _ALL)
        self.tests = 0

    # --- values

    def value(self, node: Node, spot: Spot | None = None) -> Value:
        """The value of a formula under its likeliest reading; None where it has none."""
        spot = spot or self.spots[0]
        if node is not self.left and node is not self.right:
            return self._run(node, spot, Chooser())
        at = (id(node), id(spot))
        if at not in self.cache:
            self.cache[at] = self._run(node, spot, Chooser())
        return self.cache[at]

    def values(self, node: Node) -> list[Value]:
        """The values of a formula at all spots."""
        return [self.value(node, s) for s in self.spots]

    def _run(self, node: Node, spot: Spot, chooser: Chooser) -> Value:
        if self.operations > OPERATIONS:
            raise Spent
        e = self.case.trials.evaluator(spot.world, chooser, False)
        before = self.numbers.levels
        try:
            frame = e.frame()
            frame.bound.update(spot.place.bound)
            for target, value in spot.place.settings:
                frame = e.moved_to(target, e.value(value, frame), frame)
            return e.value(node, frame)
        except (Unknown, Need, ArithmeticError, RecursionError, ChainruleError, IndexError):
            return None
        finally:
            self.operations += e.operations + 20 + self.slope * (self.numbers.levels - before)

    def options(self, node: Node) -> Iterator[Value]:
        """The values of a formula at the first spot, under its readings."""
        if not isinstance(self.case.outcome.left, Array):
            plain = plain_value(node)
            self.operations += 5
            if plain is not None:
                yield plain
                return
        chooser = Chooser()
        most = _READINGS if node is self.left or node is self.right else _TRIED
        for _, value in readings(chooser, partial(self._once, node, chooser), most):
            if not isinstance(value, Unknown):
                yield value
                if not isinstance(value, Array) and not isinstance(self.case.outcome.left, Array):
                    return  # a number is wanted, and this is one

    def aligned(self) -> tuple[list[Value], list[Value]]:
        """Both sides' values at all spots, in the first readings that have the same shape."""
        pairs = self._readings(self.left), self._readings(self.right)
        for lmade, lv in pairs[0]:
            for rmade, rv in pairs[1]:
                if plain_shape(shape_of(lv)) == plain_shape(shape_of(rv)):
                    rest = self.spots[1:]
                    return ([lv, *(self._run(self.left, s, Chooser(lmade)) for s in rest)],
                            [rv, *(self._run(self.right, s, Chooser(rmade)) for s in rest)])
        return [], []

    def _once(self, node: Node, chooser: Chooser) -> Value:
        value = self._run(node, self.spots[0], chooser)
        if value is None:
            raise Unknown("it has no value")
        return value

    def _readings(self, node: Node) -> list[tuple[dict[Any, int], Value]]:
        chooser = Chooser()
        found = []
        for made, value in readings(chooser, partial(self._once, node, chooser), _READINGS):
            if not isinstance(value, Unknown | bool):
                found.append((made, value))
        return found

    def same(self, a: Value, b: Value) -> bool:
        """Whether two values agree, whatever their orientation."""
        if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
            return False
        left, right = cells_of(a), cells_of(b)
        return len(left) == len(right) and plain_shape(shape_of(a)) == plain_shape(
            shape_of(b)) and all(self.numbers.close(x, y) for x, y in
                                 zip(left, right, strict=True))

    def value_at(self, node: Node, spot: Spot, bound: dict[str, int | None]) -> Value:
        """The value of a formula with other index values."""
        return self._run(node, Spot(spot.world, replace(spot.place, bound=bound)), Chooser())

    def size_of(self, letter: Symbol) -> int | None:
        """How many values an index of the claim has."""
        e = self.case.trials.evaluator(self.spots[0].world, Chooser(), False)
        frame = e.frame()
        frame.bound.update(self.spots[0].place.bound)
        frame.bound.pop(plain_letter(letter), None)
        for _ in range(4):
            try:
                e.value(self.right, frame)
            except Need as need:
                if need.letter == plain_letter(letter):
                    return need.size
                frame.bound[need.letter] = 1
                continue
            except Unknown:
                pass
            return None
        return None

    def matches(self, true: Any, shown: Any, k: int) -> bool:
        """Whether an entry is right, rounded as it is printed."""
        if self.numbers.close(true, shown):
            return True
        cells = printed_cells(self.right)
        if cells is None or not k < len(cells):
            return False
        return compared(self.numbers, true, cells[k], self.case.trials.rule) in (RIGHT, COARSE)

    # --- trials

    def fits(self, left: Node, right: Node) -> bool:
        """Whether a changed claim may hold: at the first spot, under any of its readings."""
        kept = left is self.left, right is self.right
        mine = self._kept(left) if kept[0] else list(self.options(left))
        if not mine:
            return False
        theirs = self._kept(right) if kept[1] else self.options(right)
        return any(self.near(x, y) for y in theirs for x in mine)

    def _kept(self, node: Node) -> list[Value]:
        """The values of an unchanged side, worked out once."""
        if id(node) not in self.known:
            self.known[id(node)] = list(self.options(node))
        return self.known[id(node)]

    def near(self, a: Value, b: Value) -> bool:
        """Whether two values agree, as far as the right-hand side shows digits."""
        if self.same(a, b):
            return True
        if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
            return False
        printed = self.printed
        left, right = cells_of(a), cells_of(b)
        if printed is None and self.slack and len(left) == len(right):
            pairs = [(self.numbers.exactly(x), self.numbers.exactly(y))
                     for x, y in zip(left, right, strict=True)]
            return plain_shape(shape_of(a)) == plain_shape(shape_of(b)) and all(
                x is not None and y is not None and bool(abs(x - y) <= self.slack)
                for x, y in pairs)
        if printed is None or not any(p.decimals for p in printed):
            return False
        if not len(left) == len(right) == len(printed):
            return False
        finest = Fraction(1, 2 * 10 ** max(p.decimals for p in printed))
        return all(self._close(x, y, p.half if p.decimals else finest)
                   for x, y, p in zip(left, right, printed, strict=True))

    def _close(self, x: Any, y: Any, half: Fraction) -> bool:
        """Whether two entries agree; a 0 beside 0.25 is no rounded number."""
        x, y = self.numbers.exactly(x), self.numbers.exactly(y)
        return x is not None and y is not None and bool(abs(x - y) <= half * Fraction(101, 100))

    @property
    def slack(self) -> Fraction:
        """How far off a formula of rounded numbers may be: a few units of the coarsest one."""
        if not literal(self.right):
            return Fraction(0)
        halves = [half for _, half in rounded_literals(self.right)]
        return 4 * max(halves, default=Fraction(0))

    @property
    def printed(self) -> list[Printed] | None:
        """The numbers that the right-hand side prints, if it is nothing else."""
        return printed_cells(self.right)

    def holds(self, left: Node, right: Node) -> bool:
        """Whether a changed claim holds wherever the claim should have held."""
        if self.tests >= _TESTS:
            raise Spent
        self.tests += 1
        before = self.numbers.levels
        try:
            return self._held(left, right)
        finally:
            self.operations += self.slope * (self.numbers.levels - before)

    def _held(self, left: Node, right: Node) -> bool:
        relation = self.case.claim.relation
        relation = "=" if relation in ("≡", "is") else relation
        if self.printed is not None and not self.room.drawn:
            return self.fits(left, right)
        try:
            return self.case.trials.test(
                left, relation, right, self.conditions).verdict == HOLDS
        except (ChainruleError, ArithmeticError, RecursionError, IndexError):
            return False

    def sure(self, left: Node, right: Node) -> bool:
        """Whether a changed claim holds for other given values as well."""
        if self.room.drawn and (not self._given or not self._in_symbols(right)):
            return True
        if literal(self.right) and not self.room.drawn:
            return self.telling
        trials = self._shadow()
        if trials is None:
            return False
        try:
            return trials.test(left, "=", right, self.conditions).verdict == HOLDS
        except (ChainruleError, ArithmeticError, RecursionError, IndexError):
            return False

    @property
    def _given(self) -> bool:
        """Whether the part gives some numbers, where it draws others."""
        tensors = self.room.names.program.tensors
        return bool(self.room.part.adjoints) or any(
            name in tensors and tensors[name].kind == "real" and not isinstance(value, str)
            for name, value in self.room.part.given.items())

    def _in_symbols(self, node: Node) -> bool:
        """Whether a formula has no numbers of the sheet's in it; bounds are none."""
        inside = {id(n) for r in walk(node) if isinstance(r, Reduce) for i in r.items
                  for part in (i.lower, i.upper, i.condition) if part is not None
                  for n in walk(part)}
        return all(n.text in ("0", "1", "2") for n in outer(node)
                   if isinstance(n, Number) and id(n) not in inside)

    @property
    def telling(self) -> bool:
        """Whether the right value is one that hardly comes out by accident."""
        cells = {c for c in cells_of(self.case.outcome.left) if c is not None and c != 0}
        return len(cells) >= 3 or any(
            len(number_text(c).strip("−0.").replace(".", "")) >= 4 for c in cells)

    @property
    def logarithmic(self) -> bool:
        """Whether the sheet's program takes a logarithm."""
        program = self.room.part.program
        return program is not None and any(
            getattr(n, "function", "") in ("ln", "log10", "log2") for e in program.equations
            for n in expression_walk(e.body))

    @property
    def symbolic(self) -> bool:
        """Whether the right-hand side is in symbols, so that it means the same in a shadow."""
        nodes = list(outer(self.right))
        return any(isinstance(n, Symbol) for n in nodes) and all(
            n.text in ("0", "1", "2") for n in nodes if isinstance(n, Number))

    def shadows(self) -> list[Spot]:
        """The claim's first place in the worlds whose given values were moved."""
        trials = None if self.room.drawn or not self.spots else self._shadow()
        if trials is None:
            return []
        return [Spot(w, self.spots[0].place) for w in trials.room.worlds[:_SHADOWS]]

    def _shadow(self) -> Trials | None:
        if not self.shadowed:
            self.shadowed = True
            room = shadow(self.room)
            if room is not None:
                self.shadow = Trials(room, self.case.trials.place, Rounding(relative=1e-15))
        return self.shadow


def shadow(room: Room) -> Room | None:
    """A room whose worlds have given values that were moved a little."""
    part = room.part
    if part.program is None:
        return None
    made = Room(replace(part, given={}), room.made, room.memory, room.scope)
    try:
        for k in range(_SHADOWS):
            moved = replace(part, given=_moved(part, k), adjoints=_moved_adjoints(part, k))
            made.worlds.append(World(moved, room.names, room.made.graph, room.memory.numbers, k,
                                     room.memory.expression))
    except (Unknown, ChainruleError):
        return None
    return made


def _moved(part: Part, k: int) -> dict[str, Any]:
    assert part.program is not None
    found = {}
    for name, given in part.given.items():
        tensor = part.program.tensors.get(name)
        whole = tensor is None or tensor.kind != "real"
        found[name] = given if whole or isinstance(given, str) else _nudged(
            given, random.Random(f"{name}/{k}"))
    return found


def _moved_adjoints(part: Part, k: int) -> dict[str, Mapping[str, Any]]:
    return {top: {n: v if isinstance(v, str) else _nudged(v, random.Random(f"{top}/{n}/{k}"))
                  for n, v in table.items()} for top, table in part.adjoints.items()}


def _nudged(value: Any, draw: random.Random) -> Any:
    if isinstance(value, list | tuple):
        return [_nudged(v, draw) for v in value]
    exact = flat(value)[0]
    return exact * (1 + Fraction(draw.randint(1, 97), 4000))


def letters_of_place(bench: Bench) -> list[Symbol]:
    """The free index letters of a claim, as they stand in its right-hand side."""
    bound = bench.spots[0].place.bound if bench.spots else {}
    found: dict[str, Symbol] = {}
    for n in walk(bench.right):
        if isinstance(n, Symbol) and plain_letter(n) in bound:
            found.setdefault(plain_letter(n), n)
    return list(found.values())


# --- words

def said(node: Node) -> str:
    """A formula as a report writes it, in one line."""
    try:
        shown = math_text(typeset(node))
    except ValueError:
        return "the formula"
    return shown if len(shown) <= 70 else shown[:68].rstrip() + " …"


def literal(node: Node) -> bool:
    """Whether a formula is made of numbers alone."""
    return all(not isinstance(n, Apply) or not n.head.startswith("call:") for n in walk(node)) and (
        all(isinstance(n, Number | Apply | Matrix) for n in walk(node)))


ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def ordinal(k: int, of: int) -> str:
    """Which one of several: the first, the second, the last."""
    if of > 2 and k == of - 1:
        return "last"
    return ORDINALS[k] if k < len(ORDINALS) else f"{k + 1}th"


__all__ = ["Bench", "Found", "Spent", "Spot", "letters_of_place", "literal", "ordinal",
           "said", "shadow"]
