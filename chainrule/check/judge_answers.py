"""Answers that do not begin with the name of what is asked for.

Most answers do, `∂L/∂V = …`, and are found while they are judged. Others are found here, when all
else is judged: a matrix given cell by cell, a chain that starts from the other side of what is to
be shown, a number at the end of plain arithmetic, a formula under a name that lost its tilde. Only
what is the right answer is taken for one here: nothing is marked wrong by this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final

from chainrule.check.claims import Claim, Context, Side
from chainrule.check.judge_homes import loosely, under
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_trials import FAILS, HOLDS, UNKNOWN, Outcome, Trials
from chainrule.check.paper import Place
from chainrule.check.rounding import printed
from chainrule.check.sheet import Question
from chainrule.check.tree import (
    Apply,
    Derivative,
    Integral,
    Limit,
    Matrix,
    Node,
    Number,
    Remark,
    Symbol,
    walk,
)
from chainrule.check.values import Unknown
from chainrule.check.values_names import key, names_in
from chainrule.check.verdicts import Judged
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.check.judge import Judge
    from chainrule.check.judge_shown import Chain

_LINE: Final = re.compile(r"(?m)^[^\n]{1,300}$")
_NUMBER: Final = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:[,'’\u2009 ]\d{3})+(?![\w,'’])|"
                            r"\d+(?:\.\d+)?(?!\w))")
_WORDS: Final = 80
_PLAIN: Final = frozenset({"the", "a", "of", "number", "total", "no.", "our", "we", "get", "count"})
_UNITS: Final = frozenset({"", "parameters", "weights", "multiplications", "operations", "macs"})
_SIZE: Final = re.compile(r"\b(?:size|shape|dimension\w*|volume)\b")
_TELLING: Final = 3  # so many digits are no accident
_BUGS: Final = (ChainruleError, Unknown, ArithmeticError, TypeError, ValueError, LookupError,
                AttributeError)


class Answers:
    """The part of the judge that finds the answers which nothing announces."""

    def announced(self: Judge, claims: list[Claim], head: Node, room: Room) -> list[Question]:
        """The questions that a chain without a name answers: a matrix, or `parameters: 16*75`."""
        first, end = claims[0], claims[-1].right.place.end
        if isinstance(head, Matrix):
            return [q for q in self.house.questions(first.context)
                    if q.of and q.part == room.part.name and q.ask in ("value", "closed")]
        if names_in(head) or not isinstance(head, Apply):
            return []
        start = first.left.place.start
        line = self.paper.text[self.paper.text.rfind("\n", 0, start) + 1 : start]
        words = re.sub(r"[*_$`#>|-]+", " ", line).strip()
        behind = self.paper.text[end : end + _WORDS].partition("\n")[0].strip(" $.,;*_`)|")
        if len(words) > _WORDS or not words.endswith(":") or behind.lower() not in _UNITS:
            return []
        said = " ".join(w for w in words[:-1].lower().split() if w not in _PLAIN)
        return [q for q in self.sheet.questions if q.of and q.part == room.part.name
                and q.ask == "value" and any(said == " ".join(
                    w for w in p.lower().split() if w not in _PLAIN) for p in q.phrases if p)]

    def as_size(self: Judge, claim: Claim, chain: Chain, outcome: Outcome,
                right: Node) -> Outcome:
        """The output size is 15 × 15 × 16, where 15 is asked for and there are 16 channels."""
        sides = right.args if isinstance(right, Apply) and right.head == "product" and set(
            right.signs[1:]) == {"*"} else ()
        numbers = [printed(s) for s in sides]
        if chain.of is None or outcome.verdict != FAILS or not 2 <= len(numbers) <= 4 or not (
                _SIZE.search(claim.left.text.lower())) or type(outcome.left) is not Fraction:
            return outcome
        values = [n.value for n in numbers if n is not None]
        others = [v for v in values if v != outcome.left]
        if len(values) < len(sides) or len(others) == len(values):
            return outcome
        known = {Fraction(g) for g in chain.room.part.given.values()
                 if isinstance(g, int | Fraction)}
        if len(others) > 1 or not known.issuperset(others):
            return replace(outcome, verdict=UNKNOWN, why="it is not asked for all of these sizes")
        return replace(outcome, verdict=HOLDS, right=outcome.left)

    def _answers(self: Judge) -> None:
        """Find the answers to the questions that have none yet."""
        chains: dict[int, list[Judged]] = {}
        for j in self.judged:
            if j.claim.chain >= 0 and j.kind == "claim":
                chains.setdefault(j.claim.chain, []).append(j)
        for question in self.sheet.questions:
            self._target(question, list(chains.values()))
        for question in self._open():
            self._renamed(question, list(chains.values()))
        for question in self._open():
            if question.ask in ("value", "closed"):
                self._cells(question, list(chains.values()))
        self._misnamed()
        for question in self._open():
            self._result(question, list(chains.values()))
        for question in self._open():
            self._in_prose(question)

    def _in_prose(self: Judge, question: Question) -> None:
        """There are 2,175,626 parameters in all: a number in a sentence that says what it is.

        Only the right number is taken for the answer: a sentence may be about something else.
        """
        asked = self._of(question)
        if asked is None or question.ask != "value" or not question.phrases:
            return
        side, room = asked
        if question.quantity in room.names.program.tensors:
            side = Symbol(0, 0, question.quantity)
        phrases = [p.lower() for p in question.phrases]
        for found in _LINE.finditer(self.paper.text):
            low = " ".join(found[0].lower().split())
            numbers = list(_NUMBER.finditer(found[0]))
            if len(numbers) != 1 or not any(p in low for p in phrases):
                continue
            start = found.start() + numbers[0].start()
            place = Place(start, start + len(numbers[0][0]))
            node = Number(place.start, place.end, re.sub(r"[^\d.]", "", numbers[0][0]))
            if len(node.text) < _TELLING or not Trials(room, start).test(side, "=", node).holds:
                continue
            words = Side(Place(found.start(), start), question.title or "it", None, "words")
            claim = Claim(place, "is", words, Side(place, numbers[0][0], node), "claim",
                          Context(question.path), -1, 0)
            self.asked[len(self.judged)] = [(question, "right")]
            self._put(Judged(len(self.judged), claim, "claim", "right", question=question.id))
            return

    def _open(self: Judge) -> Iterator[Question]:
        """The questions that have no answer yet, with what is asked for."""
        for question in self.sheet.questions:
            answered = any(q is question for found in self.asked.values() for q, _ in found)
            if question.of and not answered and question.ask not in (
                    "table", "configuration", "text", "choice"):
                yield question

    def _is_answer(self: Judge, j: Judged, question: Question, verdict: str = "right") -> None:
        found = self.asked.setdefault(j.number, [])
        if all(q is not question for q, _ in found):
            found.append((question, verdict))

    def _of(self: Judge, question: Question) -> tuple[Node, Room] | None:
        sides = self.memory.sides(question.of)
        room = self.house.rooms.get(question.part)
        return None if room is None or not sides or sides[0] is None else (sides[0], room)

    def _target(self: Judge, question: Question, chains: list[list[Judged]]) -> None:
        """Derivations and proofs: what leads from one side of what is to be shown to the other."""
        sides = self.memory.sides(question.target) if question.target else ()
        if len(sides) < 2 or sides[0] is None or sides[-1] is None:
            return
        wanted = {loosely(sides[0]), loosely(sides[-1])}
        for chain in chains:
            head = chain[0].claim.left.node
            if head is None or loosely(head) not in wanted:
                continue
            ends = [j for j in chain if j.verdict == "right" and j.claim.right.node is not None
                    and loosely(j.claim.right.node) in wanted - {loosely(head)}]
            if not ends and len(chain) > 1 and all(j.verdict == "right" for j in chain) and (
                    under(chain[-1], question)):
                ends = [chain[-1]]
            for j in ends:
                self._is_answer(j, question)

    def _renamed(self: Judge, question: Question, chains: list[list[Judged]]) -> None:
        """∂L/∂h_m where ∂L/∂h_i is asked for: any free index will do."""
        asked = self._of(question)
        mine = self.definer.signature(asked[1], asked[0]) if asked is not None else None
        if asked is None or mine is None or not mine[2]:
            return
        for chain in chains:
            head, room = chain[0].claim.left.node, self.definer.rooms.get(chain[0].claim.chain)
            if head is None or room is not asked[1]:
                continue
            found = self.definer.signature(room, head)
            if found is None or found[:2] != mine[:2] or len(found[2]) != len(mine[2]) or not all(
                    key(a) == key(b) or (_free(room, a) and _free(room, b))
                    for a, b in zip(found[2], mine[2], strict=True)):
                continue
            for j in chain:
                if j.verdict in ("right", "follows", "wrong"):
                    self._is_answer(j, question, j.verdict)

    def _cells(self: Judge, question: Question, chains: list[list[Judged]]) -> None:
        """A tensor that is given cell by cell."""
        asked = self._of(question)
        mine = self.definer.signature(asked[1], asked[0]) if asked is not None else None
        if asked is None or mine is None or mine[2]:
            return
        room = asked[1]
        last: dict[tuple[object, ...], list[Judged]] = {}
        for chain in chains:
            head = chain[0].claim.left.node
            if head is None or self.definer.rooms.get(chain[0].claim.chain) is not room:
                continue
            found = self.definer.signature(room, head)
            if found is None or found[:2] != mine[:2] or not found[2] or any(
                    _free(room, s) for s in found[2]):
                continue
            last[tuple(map(key, found[2]))] = chain
        try:
            size = prod(room.world(0).cells.shape(mine[0]))
        except _BUGS:
            return
        near = any(under(c[-1], question) or self._in_table(c[-1], question)
                   for c in last.values())
        if not near or len(last) > size:
            return
        for chain in last.values():
            j = chain[-1]
            if j.verdict in ("right", "follows", "wrong"):
                # what follows from a mistake in its own chain is no right end
                own = any(other.verdict == "wrong" for other in chain)
                self._is_answer(j, question, f"cell {'wrong' if own else j.verdict} {size}")

    def _in_table(self: Judge, judged: Judged, question: Question) -> bool:
        """Whether a claim is a cell of a table, which may answer several parts of a question."""
        return judged.claim.chain in self.cells and (
            judged.claim.context.path[:1] == question.path[:1])

    def _misnamed(self: Judge) -> None:
        """What is asked for, under the name of something else: ω ≡ … + ω where ω̃ is meant."""
        answered = {q.id for found in self.asked.values() for q, _ in found}
        for j in self.judged:
            right, room = j.claim.right.node, self.definer.rooms.get(j.claim.chain)
            if j.verdict != "wrong" or j.claim.link or right is None or room is None or (
                    "self-reference" not in [m.kind for m in j.mistakes] and j.kind == "claim"):
                continue
            for question in self.sheet.questions:
                sides = self.memory.sides(question.of) if question.of else ()
                if question.id in answered or question.part != room.part.name or not sides or (
                        sides[0] is None or question.ask != "closed"):
                    continue
                if self._equals((sides[0], room), j):
                    self._is_answer(j, question, "slip")
                    answered.add(question.id)
                    break

    def _result(self: Judge, question: Question, chains: list[list[Judged]]) -> None:
        """An answer at the end of a chain that begins with something else, below the question.

        Of a value that is the last number, `24 · 24 · 128 = 73728`, or any that is too long to be
        the same by accident; of a derivation a chain of right links that ends in what is asked for.
        """
        asked = self._of(question)
        if asked is None or not question.path:
            return
        below = [chain for chain in chains if under(chain[-1], question)
                 and chain[-1].verdict == "right" and chain[-1].claim.right.node is not None]
        if question.ask in ("value", "closed"):
            alone = sum(q.path == question.path for q in self.sheet.questions) == 1
            ends = [(c[-1], printed(c[-1].claim.right.node)) for c in below]
            numbers = [(j, n) for j, n in ends if n is not None]
            for at, (j, number) in enumerate(numbers):
                telling = number.digits >= _TELLING and question.ask == "value"
                if (telling or (alone and at == len(numbers) - 1)) and self._equals(asked, j):
                    self._is_answer(j, question)
            return
        for chain in below:
            if len(chain) > 1 and all(j.verdict == "right" for j in chain) and not any(
                    isinstance(n, Derivative | Integral | Limit)
                    for n in walk(chain[-1].claim.right.node or asked[0])) and (
                    self._equals(asked, chain[-1])):
                self._is_answer(chain[-1], question)

    def _equals(self: Judge, asked: tuple[Node, Room], j: Judged) -> bool:
        """Whether the right side of a claim is what a question asks for, or a component of it."""
        of, room = asked
        right = j.claim.right.node
        if right is None:
            return False
        letters = {n.name: n for n in walk(right) if isinstance(n, Symbol) and len(n.name) == 1
                   and _free(room, n)}
        indices = [n for n in letters.values() if n.name in "ijkmnc"][:2]
        trials = Trials(room, j.claim.place.start, self.sheet.rounding)
        for left in (of, *(Apply(of.start, of.end, "cell", (of, i)) for i in indices)):
            try:
                if trials.test(left, "=", right).holds:
                    return True
            except _BUGS:
                continue
        return False


def _free(room: Room, node: Node) -> bool:
    """Whether a subscript is a free index: a letter that is nothing on the sheet."""
    while isinstance(node, Remark):
        node = node.body
    return isinstance(node, Symbol) and not node.subs and (
        node.name not in room.names.program.tensors)


__all__ = ["Answers"]
