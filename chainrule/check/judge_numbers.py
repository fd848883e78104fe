"""Numbers of the paper's own that are wrong, and what is worked out from them further on.

A student who has 0.7692 where 0.7656 is right puts 0.7692 in wherever the number is used, also in
what the sheet computes another way. Such a step follows from the mistake: with the right number in
the place of the wrong one it holds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from chainrule.check.claims import Claim
from chainrule.check.judge_places import Outcome, Place
from chainrule.check.judge_trials import Trials
from chainrule.check.rounding import printed, printed_cells
from chainrule.check.tree import Node, Number, Symbol, walk
from chainrule.check.values import Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_frames import Chooser, Need
from chainrule.check.verdicts import Judged

if TYPE_CHECKING:
    from chainrule.check.judge import Judge
    from chainrule.check.judge_shown import Chain

_DIGITS: Final = 3  # significant digits from which a number is known again
_NEAR: Final = Fraction(1, 100)  # how far the rounding of numbers on the way may lead
_MOST: Final = 300  # numbers that are kept


class OwnNumbers:
    """The part of the judge that knows a wrong number where it is used again."""

    def note_own(self: Judge, true: Value, right: Node, number: int) -> None:
        """Keep the numbers that a claim gives, each with the right one."""
        shown = printed_cells(right)
        if shown is None or true is None or len(self.own_numbers) > _MOST:
            return
        cells = cells_of(true)
        if len(cells) != len(shown):
            return
        for mine, cell in zip(shown, cells, strict=True):
            exact = None if isinstance(cell, bool) else self.memory.numbers.exactly(cell)
            if exact is None or mine.digits < _DIGITS or not mine.decimals:
                continue
            correct = Fraction(str(exact))
            if abs(correct - mine.value) > mine.half:
                self.own_numbers[abs(mine.value)] = abs(correct), number
                if 0 < mine.value < 1 and 0 < correct < 1:  # p(1 - p), worked out
                    self.own_numbers.setdefault(1 - mine.value, (1 - correct, number))

    def from_own(self: Judge, trials: Trials, outcome: Outcome, right: Node) -> int | None:
        """The claim that a step follows from whose numbers are wrong there; None if from none."""
        world = outcome.world
        if not self.own_numbers or trials.room.drawn or world is None or outcome.left is None or (
                printed_cells(right) is not None):  # a number that is only given again
            return None
        nudges: dict[int, Fraction] = {}
        first: int | None = None
        for n in walk(right):
            if isinstance(n, Symbol):
                return None
            one = printed(n) if isinstance(n, Number) else None
            known = self.own_numbers.get(one.value) if one is not None else None
            if one is not None and known is not None:
                nudges[n.start] = known[0] - one.value
                first = known[1] if first is None else min(first, known[1])
        if first is None:
            return None
        try:
            again = trials.run(world, right, Place({}, [], None), Chooser(), False, nudges)
        except (Unknown, Need):
            return None
        mine, other = cells_of(outcome.left), cells_of(again)
        near = len(mine) == len(other) and all(
            trials.numbers.close(x, y, _NEAR) for x, y in zip(mine, other, strict=True))
        return first if near else None

    def given_anew(self: Judge, claim: Claim) -> str:
        """The name that a section gives another value than the sheet, as another section gives it.

        There the paper speaks of something else: the kernel of the pooling, not of the convolution.
        """
        anew = self.anew
        if anew is None:
            same: dict[str, set[str]] = {}
            other: dict[str, set[str]] = {}
            for c in self.reading.claims:
                room = self.definer.rooms.get(c.chain)
                left, right = c.left.node, c.right.node
                if c.link or c.relation != "=" or right is None or room is None or (
                        not isinstance(left, Symbol) or not c.context.heading) or (
                        printed(right) is None):
                    continue
                signature = self.definer.signature(room, left)
                if signature is None or signature[1] or signature[0] not in room.part.given:
                    continue
                holds = Trials(room, c.place.start).test(left, "=", right).holds
                (same if holds else other).setdefault(signature[0], set()).add(c.context.heading)
            self.anew = anew = {heading: name for name, headings in other.items()
                                for heading in headings if same.get(name, set()) - headings}
        return anew.get(claim.context.heading, "")

    def _elsewhere(self: Judge, claim: Claim, chain: Chain, left: Node, right: Node) -> bool:
        """A given number of another part of the same question is not wrong here."""
        signature = self.definer.signature(chain.room, left)
        if signature is None or signature[1] or printed(right) is None or (
                signature[0] not in chain.room.part.given):
            return False
        top = self.house.top(claim.context)
        for question in self.sheet.questions:
            room = self.house.rooms.get(question.part)
            if room is None or room is chain.room or (question.path[:1] != (top,) and (
                    not question.path or question.path[0][1] != top[1])):
                continue
            if Trials(room, claim.place.start).test(left, "=", right).holds:
                self._put(Judged(len(self.judged), claim, claim.kind, "right"))
                return True
        return False

    def _flattened(self: Judge, chain: Chain, left: Node, outcome: Outcome) -> None:
        """v = (1, 2, 3, 4) of a matrix: from here on the paper may write it as a vector."""
        signature = self.definer.signature(chain.room, left)
        if signature is None or signature[1] or signature[2]:
            return
        if len(plain_shape(shape_of(outcome.left))) > 1 == len(plain_shape(shape_of(
                outcome.right))):
            chain.room.scope.flat.add(signature[0])


__all__ = ["OwnNumbers"]
