"""Whether one relation holds: in all worlds of a part, for all its indices, under one reading.

`Trials.test` evaluates both sides. The readings of both are tried in the first world; those under
which the sides agree have to go on agreeing in every other world and for every value of the free
indices, as far as the conditions in force allow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_compare import Compare
from chainrule.check.judge_places import (
    EMPTY,
    FAILS,
    HOLDS,
    SHAPE,
    UNKNOWN,
    Outcome,
    Place,
    Places,
)
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_shapes import misfit
from chainrule.check.judge_signs import BothSigns, both_signs
from chainrule.check.sheet import Rounding
from chainrule.check.tree import Apply, Node, Number, Symbol, walk
from chainrule.check.values import Unknown, Value, cells_of
from chainrule.check.values_differentials import moving
from chainrule.check.values_frames import Chooser, Frame, Need, readings
from chainrule.check.values_kept import Kept
from chainrule.check.values_laid import counts_examples
from chainrule.check.values_local import ways_summed
from chainrule.check.values_names import full_name, key, label_text
from chainrule.check.values_scopes import with_scopes
from chainrule.check.values_slices import has_one_example, has_rows, loosened
from chainrule.check.values_tree import Evaluator
from chainrule.check.values_turns import ODD, at_odds, ways
from chainrule.check.values_units import has_units
from chainrule.check.worlds import World

WANTED: Final = 3  # worlds that a claim has to hold in, where anything is drawn
_TRIES: Final = 8  # worlds that are tried to find so many in which the conditions hold
_WORK: Final = 250_000  # nodes and cells worked out for one test
_READINGS: Final = 40


class Trials(Places, Compare, BothSigns):
    """Tests relations in one room; `place` is where in the paper they stand."""

    def __init__(self, room: Room, place: int = 10**9, rule: Rounding | None = None,
                 asked: bool = False) -> None:
        self.room = room
        self.asked = asked  # whether the left side is what a question asks for
        self.place = place
        self.rule = rule or Rounding()
        self.numbers = room.memory.numbers
        self.base = 1
        self.fine = False
        self.examples = False  # whether some label of the claim counts examples
        self.local: frozenset[int] = frozenset()  # where local derivatives stand
        self.kept = Kept()
        self.by_rows = False  # whether one subscript of a matrix is never a cell
        self.units = False  # whether a unit matrix stands there
        self.rows = False  # whether x may be short for any x^{(i)}
        self.moves: tuple[Node, ...] = ()  # what the claim has differentials of
        self.begun = self.numbers.work
        self.approximate = False
        self.invented: set[str] = set()
        self.functions: set[str] = set()

    def evaluator(self, world: World, chooser: Chooser, student: bool) -> Evaluator:
        """An evaluator at this place."""
        e = Evaluator(world, self.room.scope, chooser, self.base, student)
        e.place = self.place
        e.fine, e.examples, e.moves, e.rows = self.fine, self.examples, self.moves, self.rows
        e.by_rows, e.local, e.kept = self.by_rows, self.local, self.kept
        e.units = {-1: 0} if self.units else None
        return e

    def test(self, left: Node, relation: str, right: Node, conditions: Sequence[Node] = (),
             student: bool = False) -> Outcome:
        """Whether `left relation right` holds wherever the conditions do."""
        remembered = None
        said = None if student else self.room.said(self.place, left, right, *conditions)
        if said is not None:
            remembered = (self.room.made, key(left), relation, key(right),
                          tuple(map(key, conditions)), self.rule, said)
            known: Outcome | None = self.room.memory.outcomes.get(remembered)
            if known is not None:
                return replace(known, bound=dict(known.bound))
        outcome = self._tested(left, relation, right, conditions, student)
        if remembered is not None:
            self.room.memory.remember(remembered, outcome)
        return outcome

    def _tested(self, left: Node, relation: str, right: Node, conditions: Sequence[Node],
                student: bool) -> Outcome:
        """The test itself; indices count from 1, or from 0 where that does not do."""
        if both_signs(left) or both_signs(right):
            return self._with_both(left, relation, right, conditions, student)
        self.base, self.fine = 1, False
        self.examples = any(counts_examples(n, self.room.names) for s in (left, right)
                            for n in walk(s))
        self.units = has_units(left) or has_units(right)
        self.moves, self.kept = moving(left, right), Kept()
        self.begun = self.numbers.work
        outcome = self._test(left, relation, right, conditions, student)
        if not outcome.holds and any(has_one_example(s, self.room.names) for s in (left, right)):
            self.rows = True
            again = self._test(left, relation, right, conditions, student)
            unclear = outcome.verdict == UNKNOWN and again.verdict == FAILS
            outcome, self.rows = again if again.holds or unclear else outcome, False
        if not outcome.holds and any(has_rows(s, self.room.names) for s in (left, right)):
            self.by_rows = True
            again = self._test(left, relation, right, conditions, student)
            outcome, self.by_rows = again if again.holds else outcome, False
        wide = None if outcome.holds else with_scopes(left, right)
        if wide is not None:
            again = self._test(left, relation, wide, conditions, student)
            outcome = again if again.holds else outcome
        for ends in ways_summed(left, right) if outcome.verdict in (FAILS, SHAPE) else ():
            again = self.along(ends, left, relation, right, conditions, student)
            outcome = again if again.holds else outcome
        if outcome.verdict != HOLDS and (loose := loosened(left, right, self.room.names)):
            again = self._test(*loose[:1], relation, loose[1], conditions, student)
            outcome = again if again.holds else outcome
        if outcome.verdict in (UNKNOWN, FAILS) and outcome.kind == "base":
            self.base = 0
            again = self._test(left, relation, right, conditions, student)
            self.base = 1
            if again.verdict != UNKNOWN:
                return again
        elif outcome.verdict in (UNKNOWN, SHAPE) and outcome.kind == "range":
            self.base = 0
            again = self._test(left, relation, right, conditions, student)
            self.base = 1
            if again.holds:
                return again
        return outcome

    def along(self, ends: frozenset[int], left: Node, relation: str, right: Node,
              conditions: Sequence[Node] = (), student: bool = False) -> Outcome:
        """The same where the derivatives that stand at some places are local ones."""
        self.local = ends
        try:
            return self._test(left, relation, right, conditions, student)
        finally:
            self.local = frozenset()

    def _test(self, left: Node, relation: str, right: Node, conditions: Sequence[Node],
              student: bool) -> Outcome:
        self.invented, self.functions = set(), set()
        if relation == "≠":
            return self._differs(left, right, conditions, student)
        survivors: list[tuple[dict[Any, int], dict[Any, int]]] | None = None
        used = 0
        passed: list[tuple[World, Place]] = []
        problem: Outcome | None = None
        first: Outcome | None = None
        for k in range(_TRIES):
            if k and not self.room.drawn and not self.invented and not self.functions:
                break
            world = self.room.world(k)
            try:
                places = self.places(world, [left, right], conditions, student)
            except Unknown as unknown:
                problem = problem or Outcome(UNKNOWN, why=unknown.why, kind=unknown.kind)
                continue
            met = 0
            for place in places:
                if survivors is None:
                    here = self._first(world, left, relation, right, place, student)
                    if isinstance(here, Outcome):
                        if here.verdict == UNKNOWN:
                            problem = problem or here
                            if here.kind in ("domain", "words"):
                                continue
                            return self._done(here)
                        return self._done(here)
                    survivors, first = here
                    passed.append((world, place))
                else:
                    failed = self._again(world, left, relation, right, place, student, survivors,
                                         passed)
                    if not survivors and failed is not None:
                        return self._done(failed)
                    passed.append((world, place))
                met += 1
            used += met > 0
            if used >= WANTED:
                break
        if first is not None and survivors:
            first.lies = first.lies or ways(*survivors[0])
            return self._done(first)
        if problem is not None:
            return self._done(problem)
        return self._done(Outcome(EMPTY, why="the conditions are never met"))

    def _done(self, outcome: Outcome) -> Outcome:
        outcome.invented = frozenset(self.invented)
        outcome.functions = frozenset(self.functions)
        return outcome

    # --- evaluating

    def run(self, world: World, node: Node, place: Place, chooser: Chooser,
            student: bool, nudges: dict[int, Fraction] | None = None) -> Value:
        """The value of a side at one place under one reading."""
        e = self.evaluator(world, chooser, student)
        e.nudges = nudges or {}
        try:
            value = e.value(node, self._frame(e, place))
        finally:
            self.invented |= e.invented
            self.functions |= e.functions
            self.approximate = self.approximate or e.approximate
        return value

    def _frame(self, e: Evaluator, place: Place) -> Frame:
        frame = e.frame()
        frame.bound.update(place.bound)
        for target, value in place.settings:
            frame = e.moved_to(target, e.value(value, frame), frame)
        return frame

    def _all(self, world: World, node: Node, place: Place, student: bool,
             fixed: dict[Any, int] | None = None) -> list[
                 tuple[dict[Any, int], Value | Unknown]]:
        chooser = Chooser(fixed)
        found = []
        for made, value in readings(chooser, lambda: self._run_once(
                world, node, place, chooser, student), _READINGS):
            found.append((made, value))
            if isinstance(value, Unknown) and value.kind == "budget":
                break
        return found

    def all_readings(self, world: World, node: Node, place: Place) -> list[
            tuple[dict[Any, int], Value | Unknown]]:
        """The values of a side at one place, one for each way to read it."""
        return self._all(world, node, place, False)

    def _run_once(self, world: World, node: Node, place: Place, chooser: Chooser,
                  student: bool) -> Value:
        if self.numbers.work - self.begun > _WORK:
            raise Unknown("this takes too long to work out", "budget")
        try:
            return self.run(world, node, place, chooser, student)
        except Need as need:
            raise Unknown(f"the index {need.letter} has no range", "form") from None
        except (RecursionError, ArithmeticError):
            raise Unknown("the formula takes too long to work out", "budget") from None

    def _first(self, world: World, left: Node, relation: str, right: Node, place: Place,
               student: bool) -> Outcome | tuple[
                   list[tuple[dict[Any, int], dict[Any, int]]], Outcome]:
        """The readings under which the sides agree, or why there are none."""
        found = self._paired(world, left, relation, right, place, student)
        if isinstance(found, Outcome) and found.verdict in (FAILS, SHAPE) and not self.fine and (
                self._products(left) + self._products(right) > 1):
            self.fine = True
            again = self._paired(world, left, relation, right, place, student)
            if not isinstance(again, Outcome):
                return again
            self.fine = False
        return found

    def _products(self, node: Node) -> int:
        """How many products of more than numbers there may be in a formula."""
        return sum(isinstance(n, Apply) and n.head == "product" and any(
            not isinstance(a, Number) for a in n.args) for n in walk(node))

    def _paired(self, world: World, left: Node, relation: str, right: Node, place: Place,
                student: bool) -> Outcome | tuple[
                    list[tuple[dict[Any, int], dict[Any, int]]], Outcome]:
        self.approximate = False
        if not self.room.drawn and not place.bound:  # one place to hold at: the first will do
            quick = self._quick(world, left, relation, right, place, student)
            if quick is not None:
                return [({}, {})], quick
        lefts = self._all(world, left, place, student)
        rights = self._all(world, right, place, student)
        agreeing = []
        first: Outcome | None = None
        near: Outcome | None = None
        shape: Outcome | None = None
        for lmade, lv in lefts:
            for rmade, rv in rights:
                if isinstance(lv, Unknown) or isinstance(rv, Unknown):
                    continue
                if any(rmade.get(w, a) != a for w, a in lmade.items()
                       if isinstance(w, tuple) and w[0] == "name") or at_odds(lmade, rmade):
                    continue
                result, rounding = self.related(lv, relation, rv, place, (world, left, right,
                                                                          lmade, rmade, student))
                made = Outcome(result, lv, rv, rounding=rounding, bound=dict(place.bound),
                               world=world)
                if result == HOLDS:
                    agreeing.append((dict(lmade), dict(rmade)))
                    first = first or made
                    if len(agreeing) >= 6:
                        break
                elif result == FAILS and (near is None or (rounding and not near.rounding)):
                    near = made
                elif result == SHAPE:
                    shape = shape or made
        if first is not None:
            return agreeing, first
        between = self._between(lefts, relation, rights, place, world)
        if between is not None:
            return between
        if near is not None or shape is not None:
            return near or shape  # type: ignore[return-value]
        for some, other in ((lefts, right), (rights, left)):  # 7- and 10-vectors never add up
            if self._counts(other):
                continue  # W_1 + W_2 = D_x H + H D_y is said of how many there are
            kinds = {v.kind if isinstance(v, Unknown) else "" for _, v in some}
            if kinds == {"beyond"} and not self.invented and not self.room.drawn:
                return Outcome(SHAPE, why=some[0][1].why, kind="range")
            if kinds == {"unequal"} and not self.invented:
                return Outcome(SHAPE, why=some[0][1].why, world=world)
        why = self._misfit(left, lefts, rights) or self._misfit(right, rights, lefts)
        if why and not self._counts(left) and not self._counts(right):
            return Outcome(SHAPE, why=why, world=world)
        unknown = next((v for _, v in [*lefts[:1], *rights[:1]] if isinstance(v, Unknown)), None)
        if unknown is None:
            unknown = next((v for _, v in [*lefts, *rights] if isinstance(v, Unknown)),
                           Unknown(ODD, "turn"))
        return Outcome(UNKNOWN, why=unknown.why, kind=unknown.kind)

    def _counts(self, node: Node) -> bool:
        """Whether a formula is of sizes alone."""
        named = [n for n in walk(node) if isinstance(n, Symbol)]
        below = {id(sub) for n in named for sub in n.subs}
        named = [n for n in named if id(n) not in below]
        return bool(named) and all(self.room.names.size(
            full_name(n.name) + "".join(map(label_text, n.subs))) is not None for n in named)

    def _misfit(self, side: Node, mine: Sequence[tuple[Any, Value | Unknown]],
                other: Sequence[tuple[Any, Value | Unknown]]) -> str:
        """Why a side's shapes never fit, where the other side's do; nothing if they may."""
        if len(mine) >= _READINGS or not self.invented <= {"d"} or not any(
                not isinstance(v, Unknown) for _, v in other):
            return ""
        unknowns = [v for _, v in mine if isinstance(v, Unknown)]
        return misfit(self.room, side, unknowns) if len(unknowns) == len(mine) else ""

    def _quick(self, world: World, left: Node, relation: str, right: Node, place: Place,
               student: bool) -> Outcome | None:
        """What the likeliest readings say, where they agree."""
        mine, other = Chooser(), Chooser()
        try:
            lv = self._run_once(world, left, place, mine, student)
            rv = self._run_once(world, right, place, other, student)
        except Unknown:
            return None
        if at_odds(mine.made, other.made):
            return None
        result, _ = self.related(lv, relation, rv, place, (world, left, right, {}, {}, student))
        return Outcome(HOLDS, lv, rv, world=world, lies=ways(mine.made, other.made)) if (
            result == HOLDS) else None

    def _between(self, lefts: Any, relation: str, rights: Any, place: Place, world: World) -> (
            tuple[list[tuple[dict[Any, int], dict[Any, int]]], Outcome] | None):
        """At a kink any slope between the one from the left and the one from the right is right."""
        if relation not in ("=", "≡", "is"):
            return None
        for many, few in ((lefts, rights), (rights, lefts)):
            kinked = [v for made, v in many if any(
                isinstance(w, tuple) and w[0] == "side" for w in made)
                and not isinstance(v, Unknown)]
            if len(kinked) < 2 or isinstance(few[0][1], Unknown):
                continue
            low, high, mine = (cells_of(v) for v in (kinked[0], kinked[-1], few[0][1]))
            if len(low) == len(high) == len(mine) and all(
                    min(self.numbers.order(a, m), self.numbers.order(b, m)) <= 0
                    <= max(self.numbers.order(a, m), self.numbers.order(b, m))
                    for a, b, m in zip(low, high, mine, strict=True)):
                made = Outcome(HOLDS, lefts[0][1], rights[0][1], world=world,
                               why="a value that the derivative may have at the kink")
                return [({}, {})], made
        return None

    def _again(self, world: World, left: Node, relation: str, right: Node, place: Place,
               student: bool, survivors: list[tuple[dict[Any, int], dict[Any, int]]],
               passed: list[tuple[World, Place]]) -> Outcome | None:
        """Drop readings that fail at another place; the first of them that is left is tested.

        A reading that comes first only now has to pass where others passed before.
        """
        failed: Outcome | None = None
        fresh = False
        while survivors:
            spots = [*passed, (world, place)] if fresh else [(world, place)]
            problem = None
            for w, spot in spots:
                problem = self._fails(w, left, relation, right, spot, student, survivors[0])
                if problem is not None:
                    break
            if problem is None:
                return None
            failed = problem if failed is None or failed.verdict == UNKNOWN else failed
            survivors.pop(0)
            fresh = True
        return failed

    def _fails(self, world: World, left: Node, relation: str, right: Node, place: Place,
               student: bool, made: tuple[dict[Any, int], dict[Any, int]]) -> Outcome | None:
        """What a reading comes to at a place, if the relation does not hold there."""
        lmade, rmade = made
        lefts, rights = Chooser(lmade), Chooser(rmade)
        try:
            lv = self._run_once(world, left, place, lefts, student)
            rv = self._run_once(world, right, place, rights, student)
        except Unknown as unknown:
            if unknown.kind in ("domain", "words"):
                return None
            if self._extended(world, left, relation, right, place, student, made, lefts, rights):
                return None
            return Outcome(UNKNOWN, why=unknown.why, kind=unknown.kind)
        result, rounding = self.related(lv, relation, rv, place, (world, left, right, lmade,
                                                                  rmade, student))
        if result == HOLDS or self._extended(world, left, relation, right, place, student, made,
                                             lefts, rights):
            return None
        return Outcome(result, lv, rv, rounding=rounding, bound=dict(place.bound), world=world)

    def _extended(self, world: World, left: Node, relation: str, right: Node, place: Place,
                  student: bool, made: tuple[dict[Any, int], dict[Any, int]], lefts: Chooser,
                  rights: Chooser) -> bool:
        """Whether a reading holds with other answers where it first has a choice.

        Two vectors have one product where their lengths differ, and several where they are alike.
        """
        if not lefts.plan and not rights.plan:
            return False
        mine = self._all(world, left, place, student, made[0])
        other = self._all(world, right, place, student, made[1])
        for lmade, lv in mine:
            for rmade, rv in other:
                if isinstance(lv, Unknown) or isinstance(rv, Unknown) or at_odds(lmade, rmade):
                    continue
                if any(rmade.get(w, a) != a for w, a in lmade.items()
                       if isinstance(w, tuple) and w[0] == "name"):
                    continue
                result, _ = self.related(lv, relation, rv, place, (world, left, right, lmade,
                                                                   rmade, student))
                if result == HOLDS:
                    made[0].update(lmade)
                    made[1].update(rmade)
                    return True
        return False

    def _differs(self, left: Node, right: Node, conditions: Sequence[Node],
                 student: bool) -> Outcome:
        """Two sides are different if they are anywhere."""
        same = self._test(left, "=", right, conditions, student)
        if same.verdict == HOLDS:
            return Outcome(FAILS, same.left, same.right)
        if same.verdict in (FAILS, SHAPE):
            return Outcome(HOLDS, same.left, same.right)
        return same

__all__ = ["EMPTY", "FAILS", "HOLDS", "SHAPE", "UNKNOWN", "Outcome", "Trials"]
