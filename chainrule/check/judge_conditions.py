"""Claims under conditions: if, where, Case i = j, branches of a drawing, words about classes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chainrule.check.claims import Claim
from chainrule.check.judge_components import by_components
from chainrule.check.judge_floors import by_floor
from chainrule.check.judge_repeated import announced, letters_of, silent, with_sums
from chainrule.check.judge_rooms import weighty_forms
from chainrule.check.judge_shapes import MISFIT, turned_matrices
from chainrule.check.judge_symmetric import SPECIAL, said_symmetric, symmetric_room
from chainrule.check.judge_trials import EMPTY, FAILS, SHAPE, UNKNOWN, Outcome, Trials
from chainrule.check.rounding import printed
from chainrule.check.tree import (
    Apply,
    Choice,
    Derivative,
    Limit,
    Matrix,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
    opposite,
    parts,
    unremarked,
    walk,
)
from chainrule.check.values_names import (
    form_of,
    key,
    names_in,
    plain_letter,
    primed_apart,
)
from chainrule.check.values_spoken import CLASS
from chainrule.check.values_subscripts import constant_index
from chainrule.check.verdicts import Judged

if TYPE_CHECKING:
    from chainrule.check.judge import Judge
    from chainrule.check.judge_shown import Chain

ASSUMED: Final = re.compile(
    r"\b(?:[Aa]ssum|[Ll]et|[Ss]uppos|[Ss]ay)\w{0,4}\b[^.\n;]{0,80}|"
    r"\b\w\s+is\s+the\s+(?:index|number|label)\s+of\s+the\s+(?:correct|true|right|target)\s+class")
_COUNTED: Final = re.compile(r"\b(?:size|shape|length|dimension\w*)\b")
_IF: Final = re.compile(r"\W{0,6}((?:if|when|where)\b[^.\n]{0,60})")
_CLOSED: Final = re.compile(r"[^$]{0,1500}?\$\$")
_SET: Final = re.compile(r"\b(?:set(?:ting|s)?|minim\w{1,5}|optim\w{1,5}|stationary|critical|"
                         r"requir\w{1,4}|condition|solv\w{1,4}|where|when|if)\b", re.IGNORECASE)
_ZEROED: Final = re.compile(
    r"\b(?:set|setting|put|putting|equat\w{1,4}|solv\w{1,4})\b[^.;=]{0,80}\b(?:zero|0)\b|"
    r"(?:gleich|zu)\s+(?:null|0)\b|nullsetzen|igual\w{0,6}\s+a\s+(?:cero|0)\b|令|"
    r"\b(?:à|a)\s+zéro\b", re.IGNORECASE)
_SO: Final = re.compile(r"[\s$.,\]]{0,6}(?:\\(?:Rightarrow|implies|iff|Leftrightarrow|"
                        r"Longrightarrow|quad\s?\\(?:Rightarrow|implies|iff))|⇒|⟹|⇔|<?=>)")


class Conditions:
    """The part of the judge that knows what has to hold for a claim."""

    def _tested(self: Judge, trials: Trials, claim: Claim, left: Node, right: Node) -> tuple[
            Outcome, tuple[Node, ...]]:
        """The claim without its conditions first: what always holds, holds under them too."""
        if claim.relation == "→":
            return self._limit(trials, claim, left, right), ()
        relation = "=" if claim.relation in ("≡", "is") else claim.relation
        bare = trials.test(left, relation, right)
        if bare.holds:
            return self._at_edges(trials, left, relation, right, bare)
        cases = self._by_cases(trials, left, relation, right) if bare.kind == "domain" else None
        if cases is not None:
            return cases
        best = bare
        met: tuple[Node, ...] = ()
        tried = False
        for nodes in self._conditions(claim):
            here = trials.test(left, relation, right, nodes)
            if here.holds:
                return here, nodes
            if not tried and here.verdict != EMPTY:
                best, tried, met = here, True, nodes
        primed = primed_apart(left, right)
        if primed:
            here = trials.test(left, relation, right, primed)
            if here.holds:
                return here, primed
        if claim.context.before == "underbrace" and (one := printed(right)) and one.value == 1:
            return replace(best, verdict=UNKNOWN, why="it is not clear what the brace is under"), ()
        if claim.context.before == "underbrace":
            others = self._not_the_class(trials, left)
            here = trials.test(left, relation, right, others)
            if here.holds:
                return here, others
        if any(isinstance(c.node, Apply) and c.node.head == "or" for c in claim.context.scope
               ) and best.verdict in (FAILS, SHAPE):
            return replace(best, verdict=UNKNOWN, why="it is not clear which of the branches "
                           "drawn above this belongs to"), ()
        if any(c.node is None for c in claim.context.scope) and best.verdict in (FAILS, SHAPE):
            spoken = self._spoken(claim)
            if spoken:
                here = trials.test(left, relation, right, spoken)
                if here.holds:
                    return here, spoken
            said = next(c.text for c in claim.context.scope if c.node is None)
            return replace(best, verdict=UNKNOWN,
                           why=f"it was not understood what “{said.strip()[:50]}” means"), ()
        if best.verdict == FAILS:
            apart = self._said_apart(best, claim)
            here = trials.test(left, relation, right, (*met, *apart)) if apart else best
            if here.holds:
                return here, (*met, *apart)
        if best.verdict == FAILS and not best.invented and trials.room.drawn and (
                matrices := said_symmetric(self.paper, left.start, right.end, trials.room)):
            other = Trials(symmetric_room(trials.room, matrices), trials.place, trials.rule)
            here = other.test(left, relation, right, met)
            if here.holds:
                return replace(here, why=SPECIAL), met
        if best.verdict in (FAILS, SHAPE) and not best.invented:
            whole = by_components(trials, best, relation, left, right)
            if whole is not None:
                return whole, met
        if best.verdict in (FAILS, SHAPE) and silent(self.paper.text):
            if announced(self.paper.text):
                for pair in (with_sums(left, right), with_sums(left, right, True)):
                    summed = trials.test(pair[0], relation, pair[1]) if pair is not None else best
                    if summed.holds:
                        return replace(summed, why="repeated indices are summed over"), ()
                if len(set(map(letters_of, (left, right)))) > 1 or with_sums(left, right):
                    return replace(best, verdict=UNKNOWN, why="an index stands on one side alone, "
                                   "and the paper sums over indices without saying where"), ()
            pair = with_sums(left, right)
            if pair is not None and trials.test(pair[0], relation, pair[1]).holds:
                return replace(best, verdict=UNKNOWN, why="an index stands twice in a product: "
                               "this holds if it is summed over"), ()
        return best, met

    def _in_another_part(self: Judge, claim: Claim, chain: Chain, left: Node, right: Node,
                         conditions: tuple[Node, ...]) -> bool:
        """Whether a claim under no question's label holds in another part with these names."""
        labelled = any(q.path[:1] == claim.context.path[:1] for q in self.sheet.questions if q.path)
        if labelled and claim.context.path:
            return False
        forms = weighty_forms([left, right])
        mine = chain.room.score(forms)
        for room in list(self.house.rooms.values()):
            if room is chain.room or not forms or room.score(forms) < mine:
                continue
            trials = Trials(room, claim.place.start)
            found = [trials.test(left, claim.relation, right, nodes)
                     for nodes in (conditions, *self._conditions(claim))]
            if any(f.holds and f.invented <= {"d"} for f in found):
                self._put(Judged(len(self.judged), claim, claim.kind, "right",
                                 why=f"as in the part {room.part.name}"))
                return True
        return False

    def _said_apart(self: Judge, outcome: Outcome, claim: Claim) -> tuple[Node, ...]:
        """i ≠ j, where the words above say so and the claim fails where they are the same."""
        at = claim.left.place.start
        text = self.paper.text[max(0, at - 700) : at]
        text = text[text.rfind("\n#") + 1 :]
        found: list[Node] = []
        letters = [x for x, k in outcome.bound.items() if len(x) == 1 and k is not None]
        for n, a in enumerate(letters):
            for b in letters[n + 1 :]:
                sign = r"\s*(?:\\neq?(?![a-z])|≠|!=|\\not\s*=)\s*"
                if outcome.bound[a] == outcome.bound[b] and (
                        re.search(rf"(?<![A-Za-z]){a}{sign}{b}(?![A-Za-z])|"
                                  rf"(?<![A-Za-z]){b}{sign}{a}(?![A-Za-z])", text)):  # fmt: skip
                    pair = Symbol(at, at, a), Symbol(at, at, b)
                    found.append(Apply(at, at, "compare", pair, ("!=",)))
        return tuple(found)

    def _supposed(self: Judge, claim: Claim, left: Node, right: Node) -> bool:
        """Whether a derivative is set to zero, to find where it is."""
        zero = printed(right)
        line = self._line(claim)
        behind = self.paper.text[claim.right.place.end :][:60]
        if zero is None or zero.value != 0:
            return False
        slope = isinstance(unremarked(left), Derivative) and (
            _SET.search(f"{claim.context.before[-80:]} {line}") or _SO.match(behind))
        if not slope and not _ZEROED.search(claim.context.before[-160:]):
            return False
        self.supposed = (*claim.context.path, ("", claim.context.heading)), claim.place.start
        return True

    def _taught(self: Judge, claim: Claim, left: Node) -> bool:
        """Whether dW is ∂L/∂W here: a question asks for it, or the paper has used it so."""
        room = self.definer.rooms.get(claim.chain)
        if room is None:
            return False
        mine = self.definer.signature(room, left)
        asked = any(self.definer.signature(room, sides[0]) == mine for q in self.sheet.questions
                    if mine and q.of and q.part == room.part.name
                    and (sides := self.memory.sides(q.of)) and sides[0] is not None)
        return asked or room in self.short

    def _conventions(self: Judge) -> None:
        """A matrix that is the other way round in several places is so by the paper's custom."""
        found: dict[tuple[str, str], dict[object, int]] = {}
        for at, j in enumerate(self.judged):
            left, right = j.claim.left.node, j.claim.right.node
            room = self.definer.rooms.get(j.claim.chain)
            if j.verdict != "wrong" or MISFIT not in j.why or left is None or right is None or (
                    room is None):
                continue
            trials = Trials(room, j.claim.place.start)
            for name, sides in turned_matrices(room, left, right):
                if trials.test(sides[0], "=", sides[1]).holds:
                    found.setdefault((room.part.name, name), {})[key(left)] = at
        for (_, name), places in found.items():
            for at in places.values() if len(places) > 1 else ():
                self.asked.pop(self.judged[at].number, None)
                self.judged[at] = replace(
                    self.judged[at], verdict="undecided", mistakes=(), first=None,
                    why=f"this holds if {name} lies the other way round than on the sheet")

    def _not_the_class(self: Judge, trials: Trials, node: Node) -> tuple[Node, ...]:
        """Numbers in subscripts are other classes than the true one: y ≠ 1 for g(1)."""
        labels = [name for name, t in trials.room.names.program.tensors.items()
                  if t.kind == "integer" and not t.shape]
        found: list[Node] = []
        for n in walk(node):
            form = form_of(n) if isinstance(n, Symbol | Apply) else None
            for sub in (*form.subs, *(form.args or ())) if form is not None else ():
                letter = plain_letter(sub)
                sized = letter and trials.room.names.size(letter) is not None
                if labels and (constant_index(sub) is not None or sized):
                    label = Symbol(sub.start, sub.end, labels[0])
                    found.append(Apply(sub.start, sub.end, "compare", (label, sub), ("!=",)))
        return tuple(found)

    def _by_accident(self: Judge, chain: Chain, claim: Claim, trials: Trials, left: Node,
                     right: Node) -> bool:
        """Whether a claim in names alone holds only for the numbers that happen to be given."""
        room = chain.room
        if claim.relation == "=" and by_floor(room, left, right, trials.rule, claim.place.start):
            return True
        if claim.relation != "=" or not (_only_names(left) and _only_names(right)):
            return False
        ends = [c.right.node for c in chain.claims if c.right.node is not None]
        if any(not names_in(n) for n in ends) and not any(
                isinstance(n, Reduce) and n.op == "sum" for n in walk(right)):
            return False  # a chain of values, which are what they are, but for a formula with a Σ
        if not room.steady(left, right) or key(left) == key(right):
            return False
        if room.part.name not in self.near:
            self.near[room.part.name] = room.nearby()
        near = self.near[room.part.name]
        if near is None:
            return False
        again = Trials(near, claim.place.start, trials.rule)
        sets = [(), *self._conditions(claim)]
        found = [again.test(left, "=", right, nodes) for nodes in sets]
        return all(o.verdict == FAILS and not o.invented for o in found)

    def _by_cases(self: Judge, trials: Trials, left: Node, relation: str,
                  right: Node) -> tuple[Outcome, tuple[Node, ...]] | None:
        """A claim by cases y = 1 and y = 0 of a y that is drawn: it has to hold in each of them."""
        found: Outcome | None = None
        for side in (left, right):
            for n in walk(side):
                for _, condition in n.rows if isinstance(n, Choice) else ():
                    if not (isinstance(condition, Apply) and condition.head == "compare" and (
                            condition.signs == ("==",) and isinstance(condition.args[0], Symbol)
                            and printed(condition.args[1]) is not None)):
                        return None
                    here = trials.test(left, relation, right, (condition,))
                    if not here.holds:
                        return here, (condition,)
                    found = here
        return (found, ()) if found is not None else None

    def _at_edges(self: Judge, trials: Trials, left: Node, relation: str, right: Node,
                  bare: Outcome) -> tuple[Outcome, tuple[Node, ...]]:
        """A claim by cases has to hold where its cases meet, too: no drawn number falls there."""
        if not trials.room.drawn:
            return bare, ()
        seen = set()
        for side in (left, right):
            for n in walk(side):
                if not isinstance(n, Choice):
                    continue
                for _, condition in n.rows:
                    if isinstance(condition, Apply) and condition.head == "compare" and (
                            len(condition.args) == 2 and isinstance(condition.args[0], Symbol)
                            and printed(condition.args[1]) is not None):
                        edge = replace(condition, signs=("==",))
                        if key(edge) in seen:
                            continue
                        seen.add(key(edge))
                        here = trials.test(left, relation, right, (edge,))
                        if here.verdict == FAILS and not here.rounding:
                            return here, (edge,)
        return bare, ()

    def _conditions(self: Judge, claim: Claim) -> list[tuple[Node, ...]]:
        """Sets of conditions to judge a claim under: all in force, the nearest, each branch."""
        scope = claim.context.scope
        nodes: list[Node] = []
        for k, c in enumerate(scope):
            node = c.node
            if c.otherwise and node is None and k:
                before = scope[k - 1].node
                node = opposite(before) if before is not None else None
            if node is not None:
                nodes.append(node)
        spoken = list(self._spoken(claim))
        if not nodes:
            return [tuple(spoken)] if spoken else []
        flat: list[list[Node]] = [[]]
        for node in nodes:
            branches = [node]
            if isinstance(node, Apply) and node.head == "or":
                branches = list(node.args)
            flat = [[*some, b] for some in flat for b in branches][:8]
        found = [tuple([*some, *spoken]) for some in flat]
        if len(nodes) > 1:
            found += [(n,) for n in reversed(nodes)]
        return found

    def _spoken(self: Judge, claim: Claim) -> tuple[Node, ...]:
        """Conditions in words that say which class is the example's."""
        said = [c.text for c in claim.context.scope if c.node is None]
        behind = _IF.match(self.paper.text[claim.right.place.end :][:80].replace("$", " "))
        closed = _CLOSED.match(self.paper.text, claim.right.place.end)
        if closed is not None:
            behind = behind or _IF.match(self.paper.text[closed.end() :][:90].replace("$", " "))
        if behind is not None:
            said.append(behind[1])
        at = claim.place.start
        start = max((p for p in self.starts if p <= at), default=0)
        said += [text for place, text in self.assumed if start <= place < at]
        return tuple(Remark(at, at, Apply(at, at, "words", ()), text) for text in said
                     if CLASS.search(text))

    def _limit(self: Judge, trials: Trials, claim: Claim, left: Node, right: Node) -> Outcome:
        """`a → b`, where a condition says what goes where."""
        others: list[Node] = []
        limit: Node | None = None
        for c in claim.context.scope:
            node = c.node
            if isinstance(node, Apply) and node.head == "compare" and node.signs == ("->",):
                if isinstance(node.args[0], Symbol):
                    limit = Limit(left.start, left.end, node.args[0], node.args[1], left)
            elif node is not None:
                others.append(node)
        for question in self.house.questions(claim.context) if limit is None else ():
            asked = next((n for n in self.memory.sides(question.of) if n is not None), None)
            if isinstance(asked, Limit):  # what the question is about
                limit = replace(asked, body=left)
                break
        if limit is None:
            return Outcome(UNKNOWN, why="it is not said what goes where")
        return trials.test(limit, "=", right, others)

    def _other_case(self: Judge, trials: Trials, claim: Claim, left: Node,
                    right: Node) -> int | None:
        """Where a heading names the wrong case: the place of it, if the other case holds."""
        headings = [c for c in claim.context.scope if c.node is not None
                    and c.origin == "heading"]
        for heading in headings:
            other = opposite(heading.node)
            if other is None:
                continue
            mine = key(heading.node)
            others = [c.node for c in claim.context.scope
                      if c.node is not None and key(c.node) != mine]
            relation = "=" if claim.relation in ("≡", "is") else claim.relation
            spoken = self._spoken(claim)
            for rest in (others, []):
                if trials.test(left, relation, right, [other, *rest, *spoken]).holds:
                    return heading.place.start
        return None


def _only_names(node: Node) -> bool:
    """Whether a formula has names in it and no number but in subscripts and exponents."""
    names = False
    stack = [node]
    while stack:
        n = stack.pop()
        if isinstance(n, Symbol):
            names = True
        elif isinstance(n, Number | Choice | Matrix):
            return False
        elif isinstance(n, Apply) and n.head == "power":
            stack.append(n.args[0])
        else:
            stack.extend(parts(n))
    return names


__all__ = ["ASSUMED", "Conditions"]
