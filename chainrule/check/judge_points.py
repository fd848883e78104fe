"""Points: what each question earned, from the verdicts on the claims that answer it.

A teacher's rules. A right answer earns all points, and so does one that is right given a mistake
that an earlier question has paid for. Where the answer is wrong, the right steps before it earn up
to half. A derivation has to reach its end, and each wrong step in it costs its share. Of a table
each entry counts, and so does what is missing of it. What only repeats the question, or says the
same on both sides, earns nothing, and neither does arithmetic behind a wrong step: it is right, but
it answers another question.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.check.judge_choices import chosen
from chainrule.check.judge_cover import covered, empty_cells, is_slope, wanted
from chainrule.check.judge_definitions import Definer
from chainrule.check.judge_homes import under
from chainrule.check.judge_rooms import Memory
from chainrule.check.paper import Paper
from chainrule.check.read import read_claims, read_paper
from chainrule.check.rounding import has_number, printed_cells
from chainrule.check.sheet import Question, Sheet
from chainrule.check.tree import Derivative, Integral, Limit, Node, Remark, Symbol, walk
from chainrule.check.values_names import full_name, key
from chainrule.check.verdicts import Judged, Marked

_STEP: Final = 4  # points are given in quarters
_BRACKETS: Final = re.compile(r"[\[\]]")
_SLIP: Final = 0.75  # of a right answer under a wrong name
_CONSTANTS: Final = frozenset({"e", "pi", "π", "exp", "max", "min", "ln", "log", "T", "infty"})
_EQUAL: Final = frozenset({"=", "≡", "is", "≈"})
Answer = tuple[Judged, str]


def marked(sheet: Sheet, paper: Paper, judged: Sequence[Judged],
           asked: Mapping[int, list[tuple[Question, str]]], memory: Memory,
           definer: Definer) -> tuple[Marked, ...]:
    """Every question of a sheet with its points."""
    by_number = {j.number: j for j in judged}
    answers: dict[str, list[Answer]] = {}
    for number, found in sorted(asked.items()):
        for question, verdict in found:
            answers.setdefault(question.id, []).append((by_number[number], verdict))
    stated = _said_by(sheet, memory)
    heads = {j.claim.chain: j.claim.left.node for j in judged if j.claim.link == 0}
    return tuple(_Marker(sheet, paper, q, memory, stated, definer, heads, judged).marked(
        answers.get(q.id, []), [j for j in judged if j.question == q.id])
        for q in sheet.questions)


def _said_by(sheet: Sheet, memory: Memory) -> frozenset[frozenset[str]]:
    """The equations that stand in a sheet's text: to copy them is no work."""
    known = memory.stated.get(sheet.id)
    if known is None:
        texts = dict.fromkeys([*(p.text for p in sheet.body), *(q.text for q in sheet.questions)])
        pairs = set()
        for claim in read_claims(read_paper("\n\n".join(texts), "sheet.md")).claims:
            sides = [s.node for s in (claim.left, claim.right)]
            if sides[0] is not None and sides[1] is not None:
                pairs.add(frozenset(_loose(n) for n in sides if n is not None))
        known = memory.stated[sheet.id] = frozenset(pairs)
    return known


def _rounded(points: float, most: float) -> float:
    """Points in quarters; less than all where not all is right, more than none where some is.

    >>> _rounded(3.87, 4), _rounded(3.99, 4), _rounded(0.05, 4), _rounded(0.4, 0.5)
    (3.75, 3.75, 0.0, 0.4)
    """
    if most < 1 or points >= most:
        return round(points, 2)
    return min(round(points * _STEP) / _STEP, most - 1 / _STEP)


@dataclass(frozen=True, slots=True)
class _Marker:
    """One question with what is needed to mark it."""

    sheet: Sheet
    paper: Paper
    question: Question
    memory: Memory
    stated: frozenset[frozenset[str]]
    definer: Definer
    heads: Mapping[int, Node | None]  # what each chain begins with
    judged: Sequence[Judged]

    def marked(self, answers: list[Answer], own: list[Judged]) -> Marked:
        """The points for the answers to a question, and for the working that belongs to it."""
        question = self.question
        own = [j for j in own if j.kind == "claim" or j.verdict == "wrong"]
        numbers = [j.number for j in own]
        place = answers[-1][0].claim.place if answers else own[0].claim.place if own else None
        made = Marked(question.id, question.title, 0.0, question.points, claims=tuple(numbers),
                      place=place)
        if question.ask == "choice" and (taken := chosen(question, self.paper)) is not None:
            good = taken == question.options.get("right")
            named = str(question.options["choices"][taken - 1])
            return self._with(made, float(good), "right" if good else f"{named} is not right")
        if question.ask in ("text", "choice"):
            return replace(made, undecided=question.points, why="for a person to read")
        real = [(j, v) for j, v in answers if "vacuous" not in j.why and j.kind != "given"
                and not self._circular(j)]
        if question.ask == "table":
            return self._table(made, own)
        if question.ask in ("derivation", "proof"):
            return self._worked(made, real, own)
        if question.options.get("count", 1) != 1:
            return self._several(made, real)
        if any(v.startswith("cell ") for _, v in real):
            return self._entries(made, real)
        return self._answer(made, self._final(real), own)

    # --- one answer

    def _final(self, answers: list[Answer]) -> list[Answer]:
        """What says that something is so, in the question's own place if there is any there."""
        equal = [a for a in answers if a[0].claim.relation in _EQUAL]
        return [a for a in equal if under(a[0], self.question)] or equal

    def _circular(self, judged: Judged) -> bool:
        """Whether what is asked for stands in its own answer: y = 1 · y."""
        right = judged.claim.right.node
        sides = self.memory.sides(self.question.of) if self.question.of else ()
        if right is None or not sides or sides[0] is None or self.question.ask in (
                "derivation", "proof", "table"):
            return False
        of = _loose(sides[0])
        return any(_loose(n) == of for n in walk(right))

    def _answer(self, made: Marked, answers: list[Answer], own: list[Judged]) -> Marked:
        """The last answer decides; for a value the last that is a number."""
        whole = [a for a in answers if self._complete(a[0].claim.right.node)]
        shown = [a for a in whole if self.question.ask == "value"
                 and printed_cells(a[0].claim.right.node) is not None]
        if not whole:
            return self._missing(made, answers, own)
        last, verdict = (shown or whole)[-1]
        bad = {j.number for j, v in answers if v in ("wrong", "coarse")}
        before = next((a for a in answers if a[0].number == last.first), None)
        if verdict == "wrong" and last.verdict == "follows" and before is not None and (
                before[1] == "follows"):
            last, verdict = before  # the number goes on from a step that follows itself
        if verdict == "follows" and last.first in bad:
            verdict = "wrong"  # its own mistake again
        if verdict == "right":
            return self._with(made, 1.0, "right")
        if verdict == "follows" and last.first in {j.number for j in own}:
            return self._with(made, 0.5, "right but for a mistake on the way to it")
        if verdict == "follows":
            return self._with(made, 1.0, "right, given an earlier mistake")
        if verdict == "coarse":
            return self._with(made, 0.5, "right, but rounded too coarsely")
        if verdict == "slip":
            return self._with(made, _SLIP, "right but for its name")
        good, of = _right_entries(last.expected, last.found)
        if last.verdict == "wrong" and 2 * good > of > 1:
            return self._with(made, good / of, f"{good} of {of} entries are right")
        return self._partly(made, answers, "wrong")

    def _entries(self, made: Marked, answers: list[Answer]) -> Marked:
        """A matrix that is given cell by cell: each counts."""
        cells = [v.split() for _, v in answers if v.startswith("cell ")]
        good, of = sum(v[1] != "wrong" for v in cells), int(cells[0][2])
        return self._with(made, good / of,
                          "right" if good == of else f"{good} of {of} entries are right")

    def _partly(self, made: Marked, answers: list[Answer], why: str) -> Marked:
        """Right steps on the way to a wrong answer, or to none: up to half of the points."""
        chain = answers[-1][0].claim.chain  # another answer, taken back, is no step to this one
        good = [j for j, v in answers if v == "right" and self._counts(j) and (
            j.claim.chain == chain or printed_cells(j.claim.right.node) is None)]
        if not good:
            return self._with(made, 0.0, why)
        of = len(good) + sum(v != "right" for _, v in answers)
        steps = "1 step on the way to it is" if len(good) == 1 else (
            f"{len(good)} steps on the way to it are")
        return self._with(made, len(good) / (2 * of), f"{why}; {steps} right")

    def _missing(self, made: Marked, answers: list[Answer], own: list[Judged]) -> Marked:
        if answers:
            return self._partly(made, answers, "not worked out to the end")
        if any(j.verdict in ("undecided", "unread") for j in own):
            return replace(made, undecided=made.most, why="undecided")
        return replace(made, why="no answer was found")

    def _complete(self, node: Node | None) -> bool:
        """Whether a side can be an answer: a value has to be a number, unless inputs are free."""
        if node is None:
            return False
        if self.question.ask != "value":
            return True
        part = self.sheet.parts.get(self.question.part)
        if part is None or part.free or any(not isinstance(s, int) for s in part.sizes.values()):
            return True
        return not any(isinstance(n, Symbol) and full_name(n.name) not in _CONSTANTS
                       for n in walk(node))

    def _counts(self, judged: Judged) -> bool:
        """Whether a right step shows any work: the sheet's own formula, copied, does not."""
        left, right = judged.claim.left.node, judged.claim.right.node
        if right is None or self._copied(left, right):
            return False
        return has_number(right) or any(isinstance(n, Derivative) for side in (left, right)
                                        if side is not None for n in walk(side))

    def _copied(self, left: Node | None, right: Node) -> bool:
        """Whether a claim stands on the sheet: in what is to be shown, or in its notation."""
        part = self.sheet.parts.get(self.question.part)
        sources = [self.question.target, *(part.notation if part is not None else ())]
        mine = frozenset(_loose(n) for n in (left, right) if n is not None)
        if mine in self.stated:
            return True
        return any(mine <= {_loose(s) for s in self.memory.sides(text) if s is not None}
                   for text in sources if text)

    # --- several answers, tables, derivations

    def _several(self, made: Marked, answers: list[Answer]) -> Marked:
        """So many different answers, of which each may have to use certain names."""
        wanted = int(self.question.options.get("count", 1))
        uses = {str(u) for u in self.question.options.get("uses", ())}
        right, wrong = set(), 0
        for j, verdict in answers:
            node = j.claim.right.node
            if node is None or j.claim.kind != "claim" or self._copied(j.claim.left.node, node):
                continue
            names = {n.name if isinstance(n, Symbol) else n.head.removeprefix("call:")
                     for n in walk(node) if isinstance(n, Symbol) or hasattr(n, "head")}
            if uses <= names and verdict in ("right", "follows"):
                right.add(key(node))
            wrong += verdict in ("wrong", "coarse")
        if not right and not wrong:
            return replace(made, why="no answer was found")
        found = min(len(right), wanted)
        return self._with(made, found / wanted,
                          "right" if found == wanted
                          else f"{found} of the {wanted} answers {'is' if found == 1 else 'are'} "
                          "right")

    def _table(self, made: Marked, own: list[Judged]) -> Marked:
        entries = [j for j in own if j.verdict in ("right", "follows", "wrong")
                   and "vacuous" not in j.why]
        if not entries:
            open_ = any(j.verdict in ("undecided", "unread") for j in own)
            return replace(made, undecided=made.most if open_ else 0.0,
                           why="undecided" if open_ else "no answer was found")
        good, of = sum(j.verdict != "wrong" for j in entries), len(entries)
        told = "right" if good == of else f"{good} of {of} entries are right"
        there, more, least = self._cover(entries, own)
        share = good / of
        if there >= least:
            return self._with(made, share, told)
        told = "what is there is right" if good == of else told
        found = self._with(made, share * there / least, (
            f"{told}; {there:.3g} of the {least} quantities asked for "
            f"{'is' if there == 1 else 'are'} there"))
        return replace(found, undecided=_rounded(made.most * more / least, made.most))

    def _cover(self, entries: list[Judged], own: list[Judged]) -> tuple[float, float, int]:
        """How many quantities of a table are there, how many more undecided, how many it has."""
        asked = wanted(self.question, self.sheet.parts.get(self.question.part))
        empty = empty_cells(self.question.template)
        if asked is None:
            return float(len(entries)), 0.0, (empty or 0) // 2
        least = asked.number if empty is None else min(asked.number, empty)
        room = self.definer.house.rooms.get(self.question.part)

        def meaning(chain: int, node: Node) -> tuple[str, str, tuple[Node, ...]] | None:
            mine = self.definer.rooms.get(chain) or room
            return None if mine is None else self.definer.signature(mine, node)

        def size(tensor: str) -> int:
            shape = room.world(0).cells.shape(tensor) if room is not None else ()
            return math.prod(shape)

        def given(found: list[Judged]) -> float:
            chains: dict[int, list[Node | None]] = {}
            for one in found:
                chain = one.claim.chain
                chains.setdefault(chain, [self.heads.get(chain)]).append(one.claim.right.node)
            return covered(asked, chains, meaning, size)

        entries = [*entries, *self._elsewhere()]
        there = given(entries)
        open_ = [j for j in own if j.verdict in ("undecided", "unread")]
        return there, given([*entries, *open_]) - there, least

    def _elsewhere(self) -> list[Judged]:
        """Values of the part that the paper gives for another question: nobody is asked twice."""
        found = []
        for one in self.judged:
            room = self.definer.rooms.get(one.claim.chain)
            head = self.heads.get(one.claim.chain)
            if one.question != self.question.id and one.kind == "claim" and one.verdict in (
                    "right", "follows", "wrong") and head is not None and not is_slope(head) and (
                    room is not None and room.part.name == self.question.part):
                found.append(one)
        return found

    def _worked(self, made: Marked, answers: list[Answer], own: list[Judged]) -> Marked:
        """The end has to be reached, and every wrong step costs its share."""
        links = [j for j in own if j.verdict and "vacuous" not in j.why]
        steps = [j for j in links if j.claim.right.node is None or not self._copied(
            j.claim.left.node, j.claim.right.node)]
        if not steps or all(self._stated(j, links) for j in steps):
            return replace(made, why="what is to be shown is only repeated" if links
                           else "no answer was found")
        good = sum(j.verdict in ("right", "follows") for j in links)
        bad = len({j.first if j.first is not None else j.number
                   for j in links if j.verdict == "wrong"})
        reached = any(v in ("right", "follows") and self._ends(j) for j, v in answers)
        if not reached:
            open_ = any(j.verdict in ("undecided", "unread") for j in links)
            share = good / (2 * len(links))
            return replace(self._with(made, share, "the end is not reached"),
                           undecided=made.most / 2 if open_ else 0.0)
        of = good + bad
        if of == 1:
            return self._with(made, 0.5, "the result without the way to it")
        why = "right" if not bad else (f"{bad} of {of} steps {'is' if bad == 1 else 'are'} wrong")
        return self._with(made, good / of if of else 1.0, why)

    def _stated(self, judged: Judged, links: list[Judged]) -> bool:
        """Whether a step only says what is to be shown: its end, at once."""
        target = self.memory.sides(self.question.target) if self.question.target else ()
        right = judged.claim.right.node
        return judged.claim.link == 0 and right is not None and bool(target) and (
            target[-1] is not None and _loose(target[-1]) == _loose(right)) and not any(
            j.claim.chain == judged.claim.chain and j is not judged for j in links)

    def _ends(self, judged: Judged) -> bool:
        """Whether a step can be the end: nothing is left to be differentiated or integrated."""
        node = judged.claim.right.node
        target = self.memory.sides(self.question.target) if self.question.target else ()
        if node is None:
            return False
        kinds = (Derivative, Integral, Limit)
        if target and target[-1] is not None and any(
                isinstance(n, kinds) for n in walk(target[-1])):
            return True
        return not any(isinstance(n, kinds) for n in walk(node))

    def _with(self, made: Marked, share: float, why: str) -> Marked:
        return replace(made, points=_rounded(made.most * share, made.most), why=why)


def _right_entries(expected: str, found: str) -> tuple[int, int]:
    """How many entries of a matrix are right, and how many there are; zeros do not count.

    >>> _right_entries("[[8, 6], [0, −0.5]]", "[[8, 6], [0, 0.5]]")
    (2, 3)
    """
    mine, theirs = _BRACKETS.sub(" ", expected).split(","), _BRACKETS.sub(" ", found).split(",")
    if expected.count("[") != found.count("[") or len(mine) != len(theirs):
        return 0, 0
    pairs = [(a.strip(), b.strip()) for a, b in zip(mine, theirs, strict=True)]
    told = [(a, b) for a, b in pairs if a != "0" or b != "0"]
    return sum(a == b for a, b in told), len(told)


def _loose(node: Node) -> str:
    """A formula whatever the case of its letters is."""
    while isinstance(node, Remark):
        node = node.body
    return repr(key(node)).lower()


__all__ = ["marked"]
