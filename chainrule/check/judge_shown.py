"""Values that are shown without a relation, and configurations, which are judged as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from chainrule.check.claims import Claim, Condition, Context, Side
from chainrule.check.claims import Value as Shown
from chainrule.check.judge_answers import Answers
from chainrule.check.judge_configurations import LETTERS, SPOKEN, configured
from chainrule.check.judge_homes import under_path
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_tables import Tables
from chainrule.check.judge_trials import FAILS, SHAPE, Outcome, Trials
from chainrule.check.judge_words import shown
from chainrule.check.paper import Paper
from chainrule.check.rounding import printed
from chainrule.check.sheet import Question, Sheet
from chainrule.check.tree import Derivative, Node, Symbol
from chainrule.check.values_names import form_of, plain_letter
from chainrule.check.verdicts import Judged, Mistake

if TYPE_CHECKING:
    from chainrule.check.judge import Judge


_BESIDE: Final = re.compile(r"\d\s{0,3}\]\s{2,40}\S?\s{0,40}\[\s{0,3}[-−]?\d")  # rows side by side


@dataclass(slots=True)
class Chain:
    """What was found out about the chain that is being judged."""

    claims: list[Claim]
    room: Room
    head: Node | None
    of: Question | None = None
    broken: int | None = None  # the number of the first wrong claim
    wrong: Outcome | None = None
    conditions: list[Condition] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    """A wrong claim, for whoever says why it is wrong.

    `outcome` has both sides' values in one world; `test` tests another relation in the same place
    (`case.test(left, "=", right)`), `conditions` are those in force. `head` is the first side of
    the chain, `question` what is asked there, if anything. `follows` marks a claim that is right
    with the student's own values: only what was rounded too early is looked for.
    """

    claim: Claim
    outcome: Outcome
    room: Room
    trials: Trials
    conditions: tuple[Node, ...]
    head: Node | None
    question: Question | None
    sheet: Sheet
    paper: Paper
    chain: tuple[Claim, ...] = ()
    judged: tuple[Judged, ...] = ()
    follows: bool = False  # right with the student's own earlier values

    def test(self, left: Node, relation: str, right: Node) -> Outcome:
        """Whether another relation holds where the claim stands."""
        return self.trials.test(left, relation, right, self.conditions)


class ShownValues(Answers, Tables):
    """The part of the judge that knows what a lone matrix or number is for."""

    def _shown(self: Judge, value: Shown) -> None:
        node = value.side.node
        if node is None:
            return
        context = value.context
        words = " ".join((context.heading, context.before, context.after))
        claim = Claim(value.place, "is", Side(value.place, "", None, "words"), value.side,
                      "claim", context, -1, 0)
        if isinstance(node, Symbol):
            self._put(Judged(len(self.judged), claim, "name", ""))  # a lone name says nothing
            return
        tabled = context.path and context.path[-1][0] == "column"
        ends = value.spot is not None and value.spot.ends
        if tabled and not ends and self._setting(context.path[-1][1], node, claim):
            return
        if tabled and self._configuration(context) is None and self._tabled(value):
            return
        if ends:
            return
        if tabled and self._column(context.path[-1][1], value, claim):
            return
        question = self._named(words, context)
        near = [q for q in self.house.questions(context) if q.of]
        named = question is not None
        if question is None and len(near) == 1:
            question = near[0]
        if question is not None and context.path and context.path[-1][0] == "column":
            sides = self.memory.sides(question.of)
            if not sides or plain_letter(sides[0]) != context.path[-1][1]:
                question, named = None, False
        number = len(self.judged)
        failed: tuple[Outcome, Trials] | None = None
        if question is not None:
            sides = self.memory.sides(question.of)
            room = self.house.rooms.get(question.part)
            if sides and sides[0] is not None and room is not None:
                rule = self._rule(question, claim)
                trials = Trials(room, value.place.start, rule)
                outcome = trials.test(sides[0], "=", node)
                if (outcome.verdict == FAILS and not outcome.invented) or (
                        named and outcome.verdict == SHAPE and not _BESIDE.search(
                            self._line(claim))):
                    failed = outcome, trials
                if outcome.holds:
                    self.asked.setdefault(number, []).append((question, "right"))
                    self._put(Judged(number, claim, "claim", "right", shown(outcome.left),
                                     shown(outcome.right), question=question.id))
                    return
        found = self.definer.restates(self.house.room([node], context), node,
                                      value.place.start)
        if found:
            self._found(number, claim, found, context, node)
            return
        further = self._adjoint(near, value)
        if further:
            self._put(Judged(number, claim, "given", "", why=f"this is {further}"))
            return
        if failed is not None and not named and self._answered_by_another(
                value, failed[1], question):
            failed = None
        if failed is not None and question is not None and question.ask != "text":
            outcome, trials = failed
            sides = self.memory.sides(question.of)
            chain = Chain([replace(claim, left=replace(claim.left, node=sides[0]))], trials.room,
                          sides[0], question)
            assert sides[0] is not None
            self._wrong(chain.claims[0], chain, trials, sides[0], node, outcome, question, ())
            self._remember(chain)
            return
        self._put(Judged(number, claim, "claim", "undecided",
                         why="it is not said what these numbers are"))

    def _answered_by_another(self: Judge, value: Shown, trials: Trials,
                             question: Question | None) -> bool:
        """Whether another matrix of the same place is what was asked for, and this is a step."""
        sides = self.memory.sides(question.of) if question is not None else ()
        if not sides or sides[0] is None:
            return False
        others = [v for v in self.reading.values if v is not value and v.side.node is not None
                  and v.context.path == value.context.path][:20]
        return any(trials.test(sides[0], "=", v.side.node).holds for v in others
                   if v.side.node is not None)

    def _adjoint(self: Judge, near: list[Question], value: Shown) -> str:
        """Which derivative that the sheet gives these numbers are, such as ∂L/∂V."""
        node = value.side.node
        parts = dict.fromkeys(q.part for q in near or self.house.questions(value.context))
        for name in parts:
            room = self.house.rooms.get(name)
            if room is None or node is None:
                continue
            at = value.place.start
            for top, below in room.part.adjoints.items():
                for tensor in below:
                    given = Derivative(at, at, Symbol(at, at, top), (Symbol(at, at, tensor),))
                    if Trials(room, at).test(given, "=", node).holds:
                        return f"∂{top}/∂{tensor}"
        return ""

    def _column(self: Judge, letter: str, value: Shown, claim: Claim) -> bool:
        """A number in the column of something given, in a row of a table of values."""
        near = [q for q in self.house.questions(value.context) if q.path and under_path(
            value.context, q)]
        room = self.house.rooms.get(near[0].part) if len(near) == 1 else None
        node = value.side.node
        if room is None or node is None or len(letter) != 1 or printed(node) is None:
            return False
        name = Symbol(value.place.start, value.place.start, letter)
        asked = self.memory.sides(near[0].of) if near[0].of else ()
        if asked and asked[0] is not None and plain_letter(asked[0]) == letter:
            return False
        form = form_of(name)
        known = form is not None and bool(room.names.tensors(form))
        if known and not Trials(room, value.place.start).test(name, "=", node).holds:
            return False
        self._put(Judged(len(self.judged), claim, "given", "", why=f"the column of {letter}"))
        return True

    def _found(self: Judge, number: int, claim: Claim, name: str, context: Context,
               node: Node) -> None:
        """Numbers that are a tensor of the part: given again, or the answer to what asks for it."""
        room = self.house.room([node], context)
        if room is None or name in room.part.given:
            self._put(Judged(number, claim, "given", "", why=f"this is {name}"))
            return
        for question in self.sheet.questions:
            sides = self.memory.sides(question.of) if question.of else ()
            of = sides[0] if sides and question.part == room.part.name else None
            if of is not None and self.definer.signature(room, of) == (name, "", ()):
                self.asked.setdefault(number, []).append((question, "right"))
        self._put(Judged(number, claim, "claim", "right", why=f"this is {name}"))

    # --- configurations

    def _configuration(self: Judge, context: Context) -> Question | None:
        """The question for a configuration that a place belongs to, if it is one alone."""
        found = [q for q in self.house.questions(context) if q.ask == "configuration"
                 and len(q.path) <= len(context.path)]
        return found[0] if len(found) == 1 else None

    def _setting(self: Judge, letter: str, node: Node | None, claim: Claim) -> bool:
        """Take up `k = 8` as a part of a configuration."""
        question = self._configuration(claim.context)
        letter = SPOKEN.get(letter.lower(), letter)
        number = printed(node)
        if number is None or letter not in LETTERS:
            return False
        if question is None:
            near = self.house.questions(claim.context)
            said = near and all(q.ask == "configuration" or q.path != near[0].path for q in near)
            if not said or all(q.ask != "configuration" for q in near) or len(
                    claim.context.path) >= min(len(q.path) for q in near):
                return False
            self._put(Judged(len(self.judged), claim, "given", ""))  # for all that stand below
            return True
        entry = self.settings.setdefault(question.id, {})
        if letter in entry and entry[letter][0] != number.value:
            return False
        if letter in entry:  # said again: what stood there before repeats the question
            at = next(k for k, j in enumerate(self.judged) if j.number == entry[letter][1])
            self.judged[at] = replace(self.judged[at], kind="given", verdict="")
        entry[letter] = (number.value, len(self.judged))
        self._put(Judged(len(self.judged), claim, "claim", "undecided", question=question.id))
        return True

    def _configurations(self: Judge) -> None:
        """Judge what was given for each configuration as a whole."""
        for name, entry in self.settings.items():
            question = self.sheet.question(name)
            problem = configured(question, {n: v for n, (v, _) in entry.items()})
            verdict = "right" if not problem else "undecided" if problem == "incomplete" else (
                "wrong")
            numbers = [n for _, n in entry.values()]
            for number in numbers:
                at = next(k for k, j in enumerate(self.judged) if j.number == number)
                last = number == numbers[-1]
                self.judged[at] = replace(
                    self.judged[at], why=problem if last or verdict != "wrong" else "",
                    verdict=verdict if last or verdict != "wrong" else "undecided")
            if verdict != "undecided":
                self.asked.setdefault(numbers[-1], []).append((question, verdict))

    def _headings(self: Judge) -> None:
        """A heading under which all that fails holds in the other case is what is wrong."""
        for at, numbers in self.headings.items():
            first = next(c for j in self.judged if j.number in numbers
                         for c in j.claim.context.scope if c.place.start == at)
            side = Side(first.place, first.text, first.node)
            claim = Claim(first.place, "is", side, side, "condition",
                          Context(self.judged[numbers[0]].claim.context.path), -1, 0)
            number = len(self.judged)
            mistakes: tuple[Mistake, ...] = ()
            chain = next(j.claim.chain for j in self.judged if j.number in numbers)
            room = self.definer.rooms.get(chain)
            if self.explain is not None and room is not None:
                mistakes = self.explain(Case(
                    claim, Outcome(FAILS), room, Trials(room, at), (), None, None, self.sheet,
                    self.paper, (claim,), tuple(self.judged)))
            self._put(Judged(number, claim, "condition", "wrong", found=first.text,
                             why="what stands below holds in the other case", mistakes=mistakes))
            for k, j in enumerate(self.judged):
                if j.number in numbers:
                    self.judged[k] = replace(j, first=number)


__all__ = ["Case", "Chain", "ShownValues"]
