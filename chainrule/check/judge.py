"""The judge: every claim of a paper against its sheet, in order, with what follows from what.

A chain `q = a = b = c` is judged link by link. A link is right if its two sides agree in every
world of its part; after a wrong link, a side that agrees with the wrong one follows from it, and a
side that is what q really is, is right again. A wrong answer is remembered: the student's own value
takes the place of the right one, and what is later right with it follows. A claim that cannot be
read or decided is left to a person.

`Explain` is the place where another module says what kind of mistake was made: it gets each wrong
claim with both values, the worlds and a way to evaluate anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.claims import Claim, Context, Reading, Side
from chainrule.check.claims import Value as Shown
from chainrule.check.judge_conditions import ASSUMED, Conditions
from chainrule.check.judge_definitions import Definer
from chainrule.check.judge_generic import Generic
from chainrule.check.judge_homes import at_home
from chainrule.check.judge_labels import relabelled
from chainrule.check.judge_numbers import OwnNumbers
from chainrule.check.judge_points import marked
from chainrule.check.judge_reasons import (
    firm_change,
    general_rule,
    is_word,
    names_a_change,
    of_one_example,
    reason,
    trivial,
)
from chainrule.check.judge_rooms import House, Memory, Room, sides_of
from chainrule.check.judge_shown import Case, Chain, ShownValues
from chainrule.check.judge_symmetric import SPECIAL
from chainrule.check.judge_trials import EMPTY, FAILS, HOLDS, UNKNOWN, Outcome, Trials
from chainrule.check.judge_ways import held, one_way
from chainrule.check.judge_words import shown
from chainrule.check.paper import Label, Paper
from chainrule.check.rounding import COARSE, CUT, has_number, printed
from chainrule.check.sheet import Question, Rounding, Sheet
from chainrule.check.tree import Node, Symbol, unremarked
from chainrule.check.values import Unknown
from chainrule.check.values_frames import Chooser, Need
from chainrule.check.values_names import (
    defines_itself,
    form_of,
    full_name,
    key,
    names_in,
    plain_letter,
    spelling,
)
from chainrule.check.values_slopes import Target
from chainrule.check.verdicts import Judged, Mistake, Report
from chainrule.check.worlds import Own

_COUNTED: Final = re.compile(r"\b(?:size|shape|length|dimension\w*)\b")
_IF: Final = re.compile(r"\W{0,6}((?:if|when|where)\b[^.\n]{0,60})")


_FROM_ZERO: Final = re.compile(r"(?<!\w)([A-Za-z]\w{0,20})\[(?:0(?:, ?\d)?|\d, ?0)\]")
_CODE: Final = re.compile(r"\b(?:np|numpy|torch|tf|jnp|plt)\.\w|\bimport \w|\bdef \w+\(|\bprint\(")
_NEAR: Final = 600  # characters within which a supposition is in force
_CLAIMS: Final = 5_000  # claims of one paper that are judged
_WORK: Final = 4_000_000  # nodes and cells that are worked out for one paper
_BUGS: Final = (TypeError, ValueError, IndexError, KeyError, AttributeError, AssertionError,
                RecursionError, ArithmeticError)


Explain = Callable[[Case], tuple[Mistake, ...]]


def judge(sheet: Sheet, paper: Paper, reading: Reading, student: str = "",
          explain: Explain | None = None, memory: Memory | None = None) -> Report:
    """Judge every claim of a paper against a sheet whose personal values are filled in.

    `memory` may be kept from paper to paper: it holds what does not depend on the student.
    """
    reading = relabelled(sheet, paper, reading)
    work = Judge(sheet, paper, reading, explain, memory or Memory())
    work.run()
    judged = at_home(sheet, paper, work.judged, work.asked, work.parts(), work.memory.sides)
    questions = marked(sheet, paper, judged, work.asked, work.memory, work.definer)
    return Report(sheet.name, student or sheet.student, paper, reading, tuple(judged),
                  questions, reading.unread, tuple(work.remarks))


class Judge(Conditions, ShownValues, OwnNumbers, Generic):
    """One paper against one sheet."""

    def __init__(self, sheet: Sheet, paper: Paper, reading: Reading, explain: Explain | None,
                 memory: Memory) -> None:
        self.sheet = sheet
        self.paper = paper
        self.reading = reading
        self.explain = explain
        self.memory = memory
        self.house = House(sheet, memory)
        self.definer = Definer(self.house)
        self.judged: list[Judged] = []
        self.asked: dict[int, list[tuple[Question, str]]] = {}
        self.begun = self.memory.numbers.work
        self.remarks: list[str] = []
        self.near: dict[str, Room | None] = {}  # the parts with slightly other numbers
        self.settings: dict[str, dict[str, tuple[Fraction, int]]] = {}  # by question and letter
        self.headings: dict[int, list[int]] = {}
        self.cells: set[int] = set()  # the chains that are cells of tables
        self.moved_rows: set[int] = set()  # lines of tables whose given numbers are others
        self.short: list[Room] = []  # parts in which dW was right as ∂L/∂W
        self.anew: dict[str, str] | None = None  # headings under which a given name is another
        self.own_numbers: dict[Fraction, tuple[Fraction, int]] = {}  # wrong ones, what is right
        self.supposed: tuple[tuple[tuple[str, str], ...], int] | None = None
        self.starts = [b.place.start for b in paper.blocks
                       if isinstance(b, Label) and b.kind == "question"]
        self.assumed = [(m.start(), m[0]) for m in ASSUMED.finditer(
            paper.text.replace("$", " "))]

    def run(self) -> None:
        """Judge everything in reading order."""
        chains: dict[int, list[Claim]] = {}
        for claim in self.reading.claims:
            chains.setdefault(claim.chain, []).append(claim)
        for chain in chains.values():
            chain.sort(key=lambda c: c.link)
            self.definer.collect(chain)
        self.definer.last()
        zero = frozenset(full_name(m[1]) for m in _FROM_ZERO.finditer(self.paper.text))
        for room in self.house.rooms.values() if zero else ():
            room.scope.zero = zero
        items: list[tuple[int, list[Claim] | Shown]] = [
            (c[0].left.place.start, c) for c in chains.values()]
        items += [(v.side.place.start, v) for v in self.reading.values]
        for _, item in sorted(items, key=lambda i: i[0]):
            if isinstance(item, Shown):
                self._shown(item)
            else:
                self._chain(item)
        self._configurations()
        self._conventions()
        self._answers()
        self._headings()
        self.judged.sort(key=lambda j: (j.claim.place.start, j.number))

    def parts(self) -> dict[int, str]:
        """Of which part of the sheet each chain is."""
        return {chain: room.part.name for chain, room in self.definer.rooms.items()
                if room is not None and chain >= 0}

    # --- chains

    def _chain(self, claims: list[Claim]) -> None:
        room = self.definer.rooms.get(claims[0].chain)
        head = claims[0].left.node
        of = None
        if room is None:
            for claim in claims:
                self._plain(claim, "undecided", "the sheet has nothing to judge this by")
            return
        word = is_word(head) and claims[0].chain >= 0 and claims[0].kind == "claim"
        if word or (head is None and claims[0].left.why == "words"):
            of = self._named(claims[0].left.text, claims[0].context)
            sides = self.memory.sides(of.of) if of is not None else ()
            head = sides[0] if sides else head
            if of is not None:
                room = self.house.rooms.get(of.part, room)
        chain = Chain(claims, room, head, of)
        if claims[0].kind == "claim" and head is not None and of is None:
            self._stated(chain, self.announced(claims, head, chain.room))
        for claim in claims:
            self._claim(claim, chain)
        self._remember(chain)

    def _stated(self, chain: Chain, near: list[Question]) -> None:
        """A chain that starts with an answer: that this is what is asked for is a claim as well."""
        first = chain.claims[0]
        if len(near) != 1 or chain.head is None:
            return
        sides = self.memory.sides(near[0].of)
        if not sides or sides[0] is None:
            return
        claim = Claim(first.left.place, "is", Side(first.left.place, near[0].of, sides[0]),
                      first.left, "claim", first.context, -1, 0)
        before = len(self.judged)
        chain.of, literal, chain.head = near[0], chain.head, sides[0]
        self._decide(claim, chain, sides[0], literal)
        if self.judged[before].verdict not in ("right", "wrong", "follows"):
            del self.judged[before:]
            chain.of, chain.head, chain.broken = None, literal, None

    def _plain(self, claim: Claim, verdict: str, why: str = "", kind: str = "") -> None:
        if claim.kind in ("condition", "name"):
            verdict, why = "", ""
        self._put(Judged(len(self.judged), claim, kind or claim.kind, verdict, why=why))

    def _put(self, judged: Judged) -> Judged:
        self.judged.append(judged)
        return judged

    def _claim(self, claim: Claim, chain: Chain) -> None:
        left = claim.left.node
        if not claim.link and (left is None or (chain.of is not None and is_word(left))):
            left = chain.head
        right = claim.right.node
        if claim.kind in ("condition", "name"):
            self._plain(claim, "")
            return
        if right is None and not claim.right.text.strip():
            self._plain(claim, "", kind="claim" if claim.kind == "claim" else claim.kind)
            return
        if _CODE.search(self._line(claim)):
            self._plain(claim, "", "a line of a program")
            return
        if left is None or right is None:
            side = claim.left if left is None else claim.right
            if side.why == "words" and claim.kind == "definition":
                self._plain(claim, "")
                return
            why = ("nothing on the sheet is called that" if side.why == "words" else
                   f"this could not be read: {side.why or side.text[:40]}")
            said = claim.kind == "definition" and side.why == "words"  # what something is called
            self._plain(claim, "" if said else "undecided" if side.why == "words" else "unread",
                        why)
            return
        if claim.relation == "=" and claim.link == 0 and self._setting(
                plain_letter(left), right, claim):
            return
        definition = self.definer.defines(claim, chain.room, left, right)
        if definition and not (chain.of is not None and is_word(claim.left.node)):
            self._defined(claim, chain, left, right)
            return
        before = len(self.judged)
        if before > _CLAIMS or self.memory.numbers.work - self.begun > _WORK:
            self._plain(claim, "undecided", "the paper is too long to be judged to its end")
            return
        try:
            self._decide(claim, chain, left, right)
        except _BUGS as error:  # one claim that trips the judge must not lose the paper
            del self.judged[before:]
            self.remarks.append(f"line {self.paper.line(claim.place.start)} could not be worked "
                                f"out ({type(error).__name__})")
            self._plain(claim, "undecided", "this could not be worked out")

    def _line(self, claim: Claim) -> str:
        """The line of the paper that a claim stands on."""
        text, at = self.paper.text, claim.place.start
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        return text[start : end if end >= 0 else len(text)][:400]

    def _defined(self, claim: Claim, chain: Chain, left: Node, right: Node) -> None:
        """A definition: nothing to judge, unless its right side takes a value that is wrong."""
        self._plain(claim, "", kind="definition")

    def _decide(self, claim: Claim, chain: Chain, left: Node, right: Node) -> None:
        room = chain.room
        question = chain.of or self._question(claim, chain)
        rule = self._rule(question, claim)
        trials = Trials(room, claim.place.start, rule, question is not None)
        outcome, conditions = self._tested(trials, claim, left, right)
        if not outcome.holds and claim.kind == "claim" and outcome.verdict != HOLDS:
            outcome = self._accepted(outcome, question, chain, trials, left, right, claim)
        outcome = held(trials, claim, left, right, self.as_size(claim, chain, outcome, right))
        outcome = one_way(self.sheet, room, self.memory, outcome)
        number = len(self.judged)
        if outcome.holds and claim.kind == "claim" and self._by_accident(chain, claim, trials, left,
                                                                         right):
            outcome = Outcome(FAILS, outcome.left, outcome.right, bound=outcome.bound,
                              why="true for the given numbers alone, by accident")
        if outcome.holds:
            self._right(claim, chain, trials, left, right, outcome,
                        None if outcome.why == SPECIAL else question, conditions)
            return
        if chain.broken is not None and chain.head is not None and (
                claim.link or chain.head is not claim.left.node):
            again, _ = self._tested(trials, claim, chain.head, right)
            if again.holds:
                self._asked(number, question, chain, claim, "right")
                self._put(Judged(number, claim, claim.kind, "right", found=shown(again.right),
                                 why="right again: it is what the chain starts from"))
                chain.broken, chain.wrong = None, None
                return
        if outcome.verdict in (UNKNOWN, EMPTY) or self._unsure(outcome, claim, left, right):
            if not self.in_general(claim, outcome, left, right):
                self._undecided(claim, outcome)
            return
        itself = claim.kind == "definition" and defines_itself(left, right)
        if claim.kind in ("given", "definition") and not itself and not self._firm_given(
                left, right, chain):
            self._plain(claim, "", outcome.why)
            return
        if self._elsewhere(claim, chain, left, right):
            return
        if self._supposed(claim, left, right):
            self._plain(claim, "", "what is supposed, not claimed", "condition")
            return
        path = (*claim.context.path, ("", claim.context.heading))
        if self.supposed is not None and self.supposed[0] == path and (
                claim.place.start - self.supposed[1] < _NEAR):
            self._plain(claim, "undecided", "this holds only where the derivative is zero, as is "
                        "supposed above")
            return
        if self._in_another_part(claim, chain, left, right, conditions):
            return
        if self.in_general(claim, outcome, left, right):
            return
        if anew := self.given_anew(claim):
            self._plain(claim, "undecided", f"the paper gives {anew} another value here")
            return
        heading = self._other_case(trials, claim, left, right)
        if heading is not None:
            self._put(Judged(number, claim, claim.kind, "follows", shown(outcome.left),
                             shown(outcome.right),
                             "this holds in the other case than the one that is named above",
                             heading))
            self.headings.setdefault(heading, []).append(number)
            return
        self._wrong(claim, chain, trials, left, right, outcome, question, conditions)

    def _right(self, claim: Claim, chain: Chain, trials: Trials, left: Node, right: Node,
               outcome: Outcome, question: Question | None, conditions: tuple[Node, ...]) -> None:
        number = len(self.judged)
        verdict, why, first = "right", outcome.why, None
        if outcome.invented == {"d"}:
            self.short.append(chain.room)
        self._flattened(chain, left, outcome)
        if claim.kind == "claim" and key(unremarked(left)) == key(unremarked(right)):
            why = "vacuous: both sides say the same"
        if chain.broken is not None:
            whole = None
            if chain.head is not None and self._of_sheet(chain) and (
                    claim.link or chain.head is not claim.left.node):
                whole, _ = self._tested(trials, claim, chain.head, right)
            if whole is not None and whole.holds:
                chain.broken = None
            elif whole is not None:
                verdict, first = "follows", chain.broken
                why = "follows from the wrong step before it in this chain"
            if verdict == "follows" and whole is not None:
                self.note_own(whole.left, right, number)
        earned = "wrong" if verdict == "follows" else verdict  # what is asked for is still not it
        self._asked(number, question, chain, claim, earned)
        self._put(Judged(number, claim, claim.kind, verdict, shown(outcome.left, trials.rule),
                         shown(outcome.right), why, first,
                         question=question.id if question else ""))

    def _wrong(self, claim: Claim, chain: Chain, trials: Trials, left: Node, right: Node,
               outcome: Outcome, question: Question | None, conditions: tuple[Node, ...]) -> None:
        number = len(self.judged)
        room = chain.room
        first = chain.broken
        case = Case(claim, outcome, room, trials, conditions, chain.head, question,
                    self.sheet, self.paper, tuple(chain.claims), tuple(self.judged))
        if room.scope.own or room.scope.own_names:
            own = trials.test(left, claim.relation, right, conditions, student=True)
            if own.holds and not trivial(own):
                first = self._origin(trials, claim, left, right, conditions)
                self._asked(number, question, chain, claim, "follows")
                looked = printed(right) is not None
                self._put(Judged(number, claim, claim.kind, "follows",
                                 shown(outcome.left, trials.rule), shown(own.right),
                                 "follows from the student's own earlier value", first,
                                 self._explained(replace(case, follows=True)) if looked else (),
                                 question=question.id if question else ""))
                if chain.broken is None:
                    chain.broken, chain.wrong = number, outcome
                self.note_own(outcome.left, right, number)
                return
        earlier = self.from_own(trials, outcome, right)
        if earlier is not None:
            self._asked(number, question, chain, claim, "follows")
            self._put(Judged(number, claim, claim.kind, "follows", shown(outcome.left, trials.rule),
                             shown(outcome.right), "follows from a number that is wrong above",
                             earlier, question=question.id if question else ""))
            chain.broken, chain.wrong = chain.broken or number, chain.wrong or outcome
            self.note_own(outcome.left, right, number)
            return
        self.note_own(outcome.left, right, number)
        why = reason(outcome, printed(right) is not None, trials.rule)
        judged = Judged(number, claim, claim.kind, "wrong", shown(outcome.left, trials.rule),
                        shown(outcome.right), why, first,
                        question=question.id if question else "")
        judged = replace(judged, mistakes=self._explained(case))
        self._asked(number, question, chain, claim,
                    "coarse" if outcome.rounding in (COARSE, CUT) else "wrong")
        self._put(judged)
        if chain.broken is None:
            chain.broken, chain.wrong = number, outcome

    def _explained(self, case: Case) -> tuple[Mistake, ...]:
        """What kind of mistake it is; a search that trips must not lose the verdict."""
        if self.explain is None:
            return ()
        try:
            return self.explain(case)
        except _BUGS as error:
            self.remarks.append(f"line {self.paper.line(case.claim.place.start)}: why it is wrong "
                                f"could not be worked out ({type(error).__name__})")
            return ()

    def _undecided(self, claim: Claim, outcome: Outcome) -> None:
        why = outcome.why
        if not why and outcome.invented:
            why = f"the sheet does not say what {', '.join(sorted(outcome.invented))} is"
        if outcome.verdict == EMPTY:
            why = "the conditions that are named here are never met"
        if claim.kind in ("given", "definition"):
            self._plain(claim, "", why)
            return
        if not claim.link and outcome.invented == {"Delta"} and names_a_change(claim.left.node):
            self._plain(claim, "", why, "definition")
            return
        if self._instance(claim, outcome):
            self._plain(claim, "", "the formula with numbers put in", "definition")
            return
        self._plain(claim, "undecided", why or "neither right nor wrong could be shown")

    def _instance(self, claim: Claim, outcome: Outcome) -> bool:
        """Whether numbers are put into a formula of the paper's own: o = (256 - 8)/2 + 1."""
        left, right = claim.left.node, claim.right.node
        form = form_of(left) if isinstance(left, Symbol) else None
        room = self.definer.rooms.get(claim.chain)
        if form is None or right is None or room is None or claim.link or not outcome.invented:
            return False
        return not names_in(right) and not room.names.tensors(form) and any(
            d.names for d in room.scope.definitions.get(form.head, ()))

    def _unsure(self, outcome: Outcome, claim: Claim, left: Node, right: Node) -> bool:
        """Whether a failure may be for want of knowing what a name is."""
        if outcome.rounding:
            return False
        form = form_of(left)
        if form is not None and form.head in self.definer.doubtful:
            outcome.why = f"the paper explains {claim.left.text} in its own way"
            return True
        room = self.definer.rooms.get(claim.chain)
        if outcome.invented == {"d"} and not outcome.functions and room is not None:
            return not firm_change(left, right, room.names, self._taught(claim, left))
        if outcome.invented:
            return not general_rule(left, right, outcome)
        if outcome.functions == {"KL"} and room is not None and any(
                "KL" in spelled for found in room.part.names.values() for spelled in found):
            return False  # the sheet has it too, with its logarithm
        if outcome.functions:
            return not general_rule(left, right, outcome)
        return False

    def _firm_given(self, left: Node, right: Node, chain: Chain) -> bool:
        """Whether a given that does not hold contradicts the sheet: a number for a known name."""
        form = form_of(left)
        return form is not None and printed(right) is not None and bool(
            chain.room.names.tensors(form)) and any(
            n in chain.room.part.given for n, _ in chain.room.names.tensors(form))

    # --- questions

    def _named(self, text: str, context: Context) -> Question | None:
        """The question that words name: by its phrases, the longest first."""
        low = " ".join(text.lower().split())
        best: Question | None = None
        length = 0
        near = {q.id for q in self.house.questions(context)}
        for question in self.sheet.questions:
            for phrase in question.phrases:
                if _COUNTED.search(low) and not _COUNTED.search(phrase.lower()):
                    continue  # the size of something is another thing
                weight = len(phrase) + 100 * (question.id in near)
                if phrase.lower() in low and weight > length and question.of:
                    best, length = question, weight
        return best

    def _question(self, claim: Claim, chain: Chain) -> Question | None:
        """The question whose quantity a chain starts with."""
        if chain.head is None or of_one_example(chain.claims, chain.room.names):
            return None
        mine = key(unremarked(chain.head))
        near = self.house.questions(claim.context)
        for question in [*near, *self.sheet.questions]:
            if question.of and question.part == chain.room.part.name:
                sides = self.memory.sides(question.of)
                if sides and sides[0] is not None and self._same_name(
                        chain.room, key(unremarked(sides[0])), mine, sides[0], chain.head):
                    return question
        return None

    def _same_name(self, room: Room, a: object, b: object, left: Node, right: Node) -> bool:
        if a == b:
            return True
        return self.definer.signature(room, left) == self.definer.signature(
            room, right) is not None

    def _rule(self, question: Question | None, claim: Claim) -> Rounding:
        if question is not None and question.rounding is not None:
            return question.rounding
        for near in self.house.questions(claim.context):
            if near.rounding is not None:
                return near.rounding
        return self.sheet.rounding

    def _asked(self, number: int, question: Question | None, chain: Chain, claim: Claim,
               verdict: str) -> None:
        if (question is not None and claim.kind == "claim") or (question is not None and (
                verdict == "right")):
            self.asked.setdefault(number, []).append((question, verdict))

    def _accepted(self, outcome: Outcome, question: Question | None, chain: Chain,
                  trials: Trials, left: Node, right: Node, claim: Claim) -> Outcome:
        """Another answer that the sheet accepts for what is asked."""
        if question is None or not question.accept or chain.head is None or (claim.link and (
                chain.broken is not None)):
            return outcome
        if key(unremarked(left)) != key(unremarked(chain.head)):
            return outcome
        for text in question.accept:
            if self.definer.accepts(chain.room, trials, text, right):
                return Outcome(HOLDS, outcome.right, outcome.right, "another right answer")
        return outcome

    # --- what a wrong answer does to the rest

    def _of_sheet(self, chain: Chain) -> bool:
        return chain.head is not None and self.definer.signature(
            chain.room, chain.head) is not None

    def _remember(self, chain: Chain) -> None:
        """A wrong answer takes the place of the right one for what is computed from it."""
        head, room = chain.head, chain.room
        if head is None or chain.claims[0].kind in ("condition", "name"):
            return
        last = next((c.right.node for c in reversed(chain.claims) if c.right.node is not None),
                    None)
        if last is None:
            return
        form = form_of(head)
        if form is not None and spelling(form.head[1])[1] in room.scope.seeds:
            if chain.broken is not None:
                self.definer.own_name(room, head, last, chain.claims[-1].place.start)
            return
        if form is not None and form.head in room.scope.definitions and form.args is None and (
                not self.definer.is_sheet_name(room, form)):
            if chain.broken is not None:
                self.definer.own_name(room, head, last, chain.claims[-1].place.start)
            return
        signature = self.definer.signature(room, head)
        if signature is None:
            return
        tensor, top, subs = signature
        if chain.broken is None:
            if room.scope.own and all(c.kind == "claim" for c in chain.claims):
                room.scope.drop(tensor, top, subs)
            return
        number = chain.broken
        body = last
        for claim in chain.claims:  # a symbolic side where the end is only a number
            if not room.drawn:
                break
            if claim.right.node is not None and not has_number(claim.right.node):
                body = claim.right.node
        room.scope.put(Own(tensor, top, subs, body, number, chain.claims[-1].place.start))

    def _origin(self, trials: Trials, claim: Claim, left: Node, right: Node,
                conditions: tuple[Node, ...]) -> int | None:
        """The wrong claim that what follows hangs on: without its value it would not follow."""
        scope = trials.room.scope
        every, names = list(scope.own), dict(scope.own_names)
        ends = {j.claim.place.start: j.number for j in self.judged}
        try:
            for number, gone in [*((own.claim, own) for own in every),
                                 *((ends.get(found[0].after), found) for found in names.values())]:
                scope.own = [own for own in every if own is not gone]
                scope.own_names = {h: found for h, found in names.items() if found is not gone}
                scope.version += 1
                if not trials.test(left, claim.relation, right, conditions, student=True).holds:
                    return None if number is None else self._root(number)
        finally:
            scope.own, scope.own_names = every, names
            scope.version += 1
        return None

    def _root(self, number: int) -> int:
        """The wrong claim at the bottom of what follows from what follows."""
        by_number = {j.number: j for j in self.judged}
        for _ in range(len(by_number)):
            found = by_number.get(number)
            if found is None or found.verdict != "follows" or found.first is None:
                break
            number = found.first
        return number


__all__ = ["Case", "Chooser", "Explain", "Memory", "Need", "Target", "Unknown", "judge",
           "sides_of"]
