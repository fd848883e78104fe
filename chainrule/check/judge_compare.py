"""Comparing values: exactly, to many digits, as rounded numbers, cell by cell."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.judge_places import FAILS, HOLDS, SHAPE, Place
from chainrule.check.rounding import (
    COARSE,
    CUT,
    RIGHT,
    Printed,
    compared,
    printed_cells,
    rounded_literals,
)
from chainrule.check.sheet import Rounding
from chainrule.check.tree import Node, Number, walk
from chainrule.check.values import Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_frames import Chooser, Need
from chainrule.check.values_names import names_in
from chainrule.check.worlds import World

if TYPE_CHECKING:
    from chainrule.check.judge_trials import Trials

_ROUGH: Final = Fraction(1, 10**8)


class Compare:
    """The part of the trials that compares two sides' values."""

    def related(self: Trials, a: Value, relation: str, b: Value, place: Place, about: Any) -> tuple[
            str, str]:
        """Whether two values are in a relation, and what is the matter with a rounded one."""
        if isinstance(a, bool) or isinstance(b, bool):
            return (HOLDS if a is b else FAILS), ""
        if relation in ("<", "≤", ">", "≥"):
            return self._ordered(a, relation, b), ""
        sized = any(k[0] == "size" and made[k] for made in (about[3], about[4]) for k in made)
        result = self._equal(a, b, place, sized)
        if result == HOLDS:
            return HOLDS, ""
        if place.mask is not None and result == SHAPE:
            return SHAPE, ""
        return self._rounded(a, b, relation, result, about)

    def _ordered(self: Trials, a: Value, relation: str, b: Value) -> str:
        left, right = cells_of(a), cells_of(b)
        if len(left) != len(right):
            if 1 not in (len(left), len(right)):
                return SHAPE
            left, right = left * len(right), right * len(left)
        wanted = {"<": (-1,), "≤": (-1, 0), ">": (1,), "≥": (1, 0)}[relation]
        held = all(self.numbers.order(x, y) in wanted for x, y in zip(left, right, strict=False))
        return HOLDS if held else FAILS

    def _equal(self: Trials, a: Value, b: Value, place: Place,
               sized: bool = False) -> str:
        left, right = cells_of(a), cells_of(b)
        shapes = plain_shape(shape_of(a)), plain_shape(shape_of(b))
        mask: tuple[Any, ...] | None = None
        if place.mask is not None and len(place.mask.cells) == max(len(left), len(right)):
            mask = place.mask.cells
        if shapes[0] != shapes[1] and not (
                len(left) == len(right) and 1 in (len(shapes[0]), len(shapes[1]))):
            if sized or 1 not in (len(left), len(right)):
                return SHAPE
            most = max(len(left), len(right))
            left, right = left * (most // len(left)), right * (most // len(right))
            spread = True
        else:
            spread = False
        within = _ROUGH if self.approximate else None
        for k, (x, y) in enumerate(zip(left, right, strict=True)):
            if mask is not None and not mask[k]:
                continue
            same = self.numbers.close(x, y) if within is None else self._nearly(x, y, within)
            if not same:
                return SHAPE if spread else FAILS
        return HOLDS

    def _nearly(self: Trials, x: Any, y: Any, within: Fraction) -> bool:
        if self.numbers.close(x, y, within):
            return True
        x, y = self.numbers.rounded(self.numbers.still(x)), self.numbers.rounded(
            self.numbers.still(y))
        return bool(abs(x) < 1e-9 and abs(y) < 1e-9)

    def _rounded(self: Trials, a: Value, b: Value, relation: str, result: str, about: Any) -> tuple[
            str, str]:
        """Whether one side is the other one rounded."""
        world, left, right, lmade, rmade, student = about
        lp, rp = printed_cells(left), printed_cells(right)
        true, shown = (a, rp) if rp is not None else (b, lp)
        if lp is not None and rp is not None and relation != "≈":
            return self._reprinted(lp, rp, result)
        cells = cells_of(true)
        if result == SHAPE and not (shown is not None and len(shown) == len(cells)):
            return result, ""
        rule = self.rule
        if relation == "≈":
            rule = Rounding()
        if shown is not None and len(shown) == len(cells):
            found = [compared(self.numbers, t, s, rule) for t, s in
                     zip(cells, shown, strict=True)]
            if relation == "≈":
                found = [RIGHT if f == COARSE or self._loosely(t, s) else f for f, t, s in
                         zip(found, cells, shown, strict=True)]
            if all(f == RIGHT for f in found):
                return HOLDS, ""
            kind = next((f for f in found if f not in (RIGHT, COARSE, CUT)), "")
            if not kind and COARSE not in found and self._within_literals(
                    world, left, right, a, b, lmade, rmade, student, shown):
                return HOLDS, ""  # rounded factors: nobody can tell how their product goes on
            if not kind:
                return FAILS, next(f for f in found if f != RIGHT)
        if self._within_literals(world, left, right, a, b, lmade, rmade, student, shown):
            return HOLDS, ""
        if shown is None and result == FAILS and self._many_digits(left, right, a, b):
            return HOLDS, ""
        if relation == "≈" and shown is None and not rounded_literals(right) and len(
                cells_of(a)) == len(cells_of(b)) and all(
                self.numbers.close(x, y, Fraction(1, 100)) for x, y in
                zip(cells_of(a), cells_of(b), strict=True)):
            return HOLDS, ""
        return result, ""

    def _reprinted(self: Trials, left: list[Printed], right: list[Printed], result: str) -> tuple[
            str, str]:
        """40.620080 = 40.6201: a number, and the same number rounded further."""
        if len(left) != len(right) or result != FAILS:
            return result, ""
        if sum(p.decimals for p in left) < sum(p.decimals for p in right):
            left, right = right, left
        found = {compared(self.numbers, t.value, s, self.rule) for t, s in
                 zip(left, right, strict=True)}
        if found == {RIGHT}:
            return HOLDS, ""
        return result, (found - {RIGHT}).pop() if found <= {RIGHT, COARSE, CUT} else ""

    def _loosely(self: Trials, true: Any, shown: Printed) -> bool:
        """Whether a number is near enough behind ≈: as near as its digits say, or 2 % of two."""
        exact = self.numbers.exactly(true)
        if exact is not None and shown.decimals and abs(exact - shown.value) <= 3 * shown.half:
            return True
        few = shown.digits < 3 or not shown.decimals
        return few and self.numbers.close(true, shown.value, Fraction(1, 50))

    def _many_digits(self: Trials, left: Node, right: Node, a: Value, b: Value) -> bool:
        """Whether a number of many digits is off in its last ones alone: 1.1059059067."""
        if not any(_decimal(n) and isinstance(n, Number) and len(n.text) > 7
                   for side in (left, right) for n in walk(side)):
            return False
        return len(cells_of(a)) == len(cells_of(b)) and all(
            not isinstance(x, bool) and not isinstance(y, bool)
            and self.numbers.close(x, y, Fraction(1, 10**7))
            for x, y in zip(cells_of(a), cells_of(b), strict=True))

    def _within_literals(self: Trials, world: World, left: Node, right: Node, a: Value, b: Value,
                         lmade: Any, rmade: Any, student: bool,
                         shown: list[Printed] | None) -> bool:
        """Whether the sides agree once decimals in them stand for what they were rounded from."""
        if len(cells_of(a)) != len(cells_of(b)):
            return False
        if self._as_asked(left, right, a, b):
            return True
        slack = [Fraction(0)] * len(cells_of(a))
        moved = False
        place = Place({}, [], None)
        for node, made, value, is_shown in ((left, lmade, a, shown is not None and
                                             printed_cells(left) is not None),
                                            (right, rmade, b, printed_cells(right) is not None)):
            if is_shown:
                continue
            for literal, half in rounded_literals(node)[:12]:
                try:
                    other = self._run_nudged(world, node, place, made, student,
                                             {literal.start: half})
                except Unknown:
                    return False
                for k, (x, y) in enumerate(zip(cells_of(value), cells_of(other), strict=True)):
                    gap = abs(self.numbers.rounded(self.numbers.still(x))
                              - self.numbers.rounded(self.numbers.still(y)))
                    slack[k] += gap
                    moved = moved or gap > 0
        if not moved:
            return False
        halves = [s.half if s.decimals else Fraction(0) for s in shown] if (
            shown is not None and len(shown) == len(slack)) else [Fraction(0)] * len(slack)
        for x, y, room, half in zip(cells_of(a), cells_of(b), slack, halves, strict=True):
            gap = abs(self.numbers.rounded(self.numbers.still(x))
                      - self.numbers.rounded(self.numbers.still(y)))
            if not gap <= (self.numbers.rounded(room) + self.numbers.rounded(half)) * (
                    1 + self.numbers.rounded(Fraction(1, 10**9))):
                return False
        return True

    def _as_asked(self: Trials, left: Node, right: Node, a: Value, b: Value) -> bool:
        """Whether a side with decimals in it is as close to the other one as was asked for."""
        decimals, digits = self.rule.decimals, self.rule.significant
        if decimals is None and digits is not None and 3 <= digits < 40:
            return any(_decimal(n) for side in (left, right) for n in walk(side)) and all(
                not isinstance(x, bool) and not isinstance(y, bool)
                and self.numbers.close(x, y, Fraction(1, 2 * 10**digits))
                for x, y in zip(cells_of(a), cells_of(b), strict=True))
        if decimals is None or not 0 <= decimals < 40:
            return False
        asked = Fraction(1, 2 * 10**decimals)
        if not any(_decimal(n) and printed_cells(side) is None
                   for side in (left, right) for n in walk(side)):
            names = names_in(left) | names_in(right)  # δ_2 = (0.243, 0.146), used further on
            if not any(d.after >= 0 and h[1] in names and any(map(_decimal, walk(d.body)))
                       for h, found in self.room.scope.definitions.items() for d in found):
                return False
            asked *= 5
        for x, y in zip(cells_of(a), cells_of(b), strict=True):
            if isinstance(x, bool) or isinstance(y, bool):
                return False
            p, q = (self.numbers.rounded(self.numbers.still(v)) for v in (x, y))
            if not abs(p - q) <= min(self.numbers.rounded(asked), abs(p) / 100):
                return False
        return True

    def _run_nudged(self: Trials, world: World, node: Node, place: Place, made: Any, student: bool,
                    nudges: dict[int, Fraction]) -> Value:
        try:
            return self.run(world, node, place, Chooser(made), student, nudges)
        except Need as need:
            raise Unknown(f"the index {need.letter} is free", "form") from None


def _decimal(node: Node) -> bool:
    return isinstance(node, Number) and "." in node.text


__all__ = ["Compare"]
