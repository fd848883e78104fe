"""Proofs: a claim is proved by named steps, refuted by a point, or left undecided; never guessed.

The way of a claim: its assumptions are read and held against random points (assumptions that no
point satisfies prove nothing); the claim is tried at those points, and where it fails there the
smallest counterexample is looked for and worked exactly; if it holds, normal forms decide it, first
as it stands, then with definitions unfolded, then case by case. Only a claim that normal forms
decide is called proved. The steps that are shown are found afterwards, and each is evaluated at the
points before it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.algebra.domain import Demand, demands
from chainrule.algebra.normal import Normal
from chainrule.algebra.partial import partial
from chainrule.algebra.polynomial import TooLargeError, bare, condition, content, expression
from chainrule.algebra.products import mentions
from chainrule.algebra.terms import replaced
from chainrule.errors import InputError, UndecidedError
from chainrule.explain.assumptions import Assumed, Condition, assume
from chainrule.explain.calculus import worked
from chainrule.explain.calculus_check import faults
from chainrule.explain.claims import Claim, Side, read_claim
from chainrule.explain.deciding import FLIPPED, Decider, Part, UnsoundProofError
from chainrule.explain.derivations import Derivation
from chainrule.explain.points import Counterexample, Worlds
from chainrule.explain.proof import Case
from chainrule.lang.expr import (
    ZERO,
    Apply,
    ArgReduce,
    Expr,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    free_indices,
    sub,
    transform,
    walk,
)
from chainrule.lang.integers import atom
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Tensor, fresh

BUDGET: Final = 5.0  # seconds until a claim is called undecided

_POINTS: Final = 40

_TRIED: Final = (0, 1, -1, 2)  # where a convex function's least value is looked for

_CORNERS: Final = frozenset({"abs", "relu", "max", "min", "sign", "heaviside", "floor", "ceil",
                             "xlogy", "sqrt", "asin", "acos", "stop_gradient"})



@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a claim: `verdict` is "proved", "refuted" or "undecided".

    `demands` are conditions under which both sides are defined, beyond what is assumed; `points`
    counts the points at which the claim was tried. `lemmas` are the derivatives that it names,
    `support` the proofs of the identities that its lines use.
    """

    claim: Claim
    assumed: Assumed
    verdict: str
    parts: tuple[Part, ...] = ()
    counterexample: Counterexample | None = None
    reason: str = ""
    demands: tuple[Demand, ...] = ()
    points: int = 0
    lemmas: tuple[Derivation, ...] = ()
    support: tuple[Proof, ...] = ()


def prove(text: str, givens: Sequence[str] = (), budget: float = BUDGET) -> Proof:
    """Prove a claim, refute it, or say that it is undecided.

    Raises `InputError` for assumptions that contradict each other and claims about what is not
    defined, and what reading the claim raises.

    >>> prove("sigmoid(x) == (1 + tanh(x/2))/2").verdict
    'proved'
    >>> found = prove("sqrt(x^2) == x")
    >>> found.verdict, found.counterexample.point.values["x"]
    ('refuted', Fraction(-1, 1))
    """
    claim = read_claim(text, givens=givens)
    assumed = assume(claim.program, givens)
    return _Prover(labelled(claim, assumed), assumed, budget).run()


def labelled(claim: Claim, assumed: Assumed) -> Claim:
    """The claim where a letter that an assumption made a label, such as y, is that label."""
    names = [r.name for r in claim.ranges if r.name in assumed.program.tensors]
    if not names:
        return claim
    places = {n: atom(Read(Ref(n))) for n in names}
    sides = [None if s is None else replace(s, body=replaced(s.body, places))
             for s in (claim.left, claim.right)]
    assert sides[0] is not None
    return replace(claim, left=sides[0], right=sides[1],
                   ranges=tuple(r for r in claim.ranges if r.name not in names))


class _Prover(Decider):
    """One claim on its way to a verdict."""

    def run(self) -> Proof:
        """The verdict, by the kind of claim."""
        kind = self.kind
        if kind in ("increasing", "decreasing", "non-increasing", "non-decreasing", "constant"):
            return self.monotone()
        if kind in ("minimal", "maximal"):
            return self.extremum()
        assert self.claim.right is not None
        sides = (self.claim.left, self.claim.right)
        if any(s.operators or s.value is not None for s in sides):
            return self.calculus()
        if kind == "!=":
            return self.different()
        return self.compared(self.claim.left.body, self.claim.right.body, kind)

    def compared(self, left: Expr, right: Expr, kind: str) -> Proof:
        """Points first, then normal forms, then the steps."""
        self.defined(left, right)
        worlds = Worlds(self.assumed, (left, right), self.ranges, kind)
        refuted = self.tried(worlds)
        if refuted is not None:
            return self.proof("refuted", counterexample=refuted, demanded=(left, right))
        try:
            parts = self.decided(left, right, kind)
        except TooLargeError as error:
            return self.proof("undecided", reason=error.message)
        if parts is None:  # false in a corner that no random point hits, perhaps
            refuted = worlds.smallest(None)
            if refuted is not None:
                return self.proof("refuted", counterexample=refuted, demanded=(left, right))
        if parts is None and kind in ("<=", ">="):
            parts = self.by_convexity(left, right, kind) or self.by_tangents(left, right, kind)
        if parts is None:
            return self.proof("undecided", reason=(
                f"it holds at all {self.seen} points tried, but no proof was found"),
                demanded=(left, right))
        return self.proof("proved", parts=parts, demanded=(left, right))

    def by_convexity(self, left: Expr, right: Expr, kind: str) -> list[Part] | None:
        """A convex function is nowhere less than where its derivative is 0."""
        big, small = (right, left) if kind == "<=" else (left, right)
        f = self.unfoldings(Apply("sub", (big, small)), ZERO)[-1][0]
        if self.claim.kind in ("minimal", "maximal"):
            tried = [self.place]
        else:
            scalars = [n for n in self.program.inputs if not self.program.tensors[n].shape
                       and self.program.tensors[n].kind == "real" and mentions(f, n)]
            tried = [(n, Number(k)) for n in scalars for k in _TRIED]
        normal = self.normal(self.base)
        for name, place in tried:
            if place is None or not smooth(f) or not self.allowed(name, place, (), f) or broken(
                    f, name, normal, self.ranges, self.assumed.conditions):
                continue
            slope = partial(f, name, ())
            there = at(slope, name, place)
            if any(not normal.vanishes(normal.poly(e)) for e in (at(f, name, place), there)):
                continue
            bend = self.cases(partial(slope, name, ()), ZERO, ">=", partial(slope, name, ()),
                              ZERO, 1)
            if bend is None:
                continue
            value = self.cases(at(f, name, place), ZERO, "==", at(f, name, place), ZERO, 1)
            level = self.cases(there, ZERO, "==", there, ZERO, 1)
            if value is None or level is None:
                continue
            where = f"{name} = {expression_text(place)}"
            return [Part((), (), inner=(
                replace(value[0], note=f"The difference is 0 at {where}."),
                replace(level[0], note=f"So is its derivative by {name}."),
                *(replace(b, note="And its second derivative is never negative: it is convex, "
                          "and nowhere less than there.") for b in bend)))]
        return None

    def tried(self, worlds: Worlds) -> Counterexample | None:
        """A point at which the claim is false, the smallest that is found."""
        worlds.deadline = self.deadline
        points = worlds.drawn(_POINTS)
        self.seen = len(points)
        seems = worlds.differing([(p, t) for p, t in points])
        if seems is None and worlds.relation != "==":
            return worlds.smallest(None)
        return None if seems is None else worlds.smallest(seems)

    def proof(
        self, verdict: str, parts: Sequence[Part] = (), reason: str = "",
        counterexample: Counterexample | None = None, demanded: Sequence[Expr] = (),
    ) -> Proof:
        return Proof(self.claim, self.assumed, verdict, tuple(parts), counterexample, reason,
                     self.demanded(demanded), self.seen, self.claim.lemmas,
                     tuple(supporting(parts)))

    def different(self) -> Proof:
        """a != b says that they are not the same everywhere: one point is enough."""
        assert self.claim.right is not None
        left, right = self.claim.left.body, self.claim.right.body
        witness = self.tried(Worlds(self.assumed, (left, right), self.ranges, "=="))
        if witness is not None:
            return self.proof("proved", counterexample=witness, demanded=(left, right))
        try:
            parts = self.decided(left, right, "==")
        except TooLargeError as error:
            return self.proof("undecided", reason=error.message)
        if parts is None:
            return self.proof("undecided", reason=(
                f"they agree at all {self.seen} points tried, but no proof was found"))
        return self.proof("refuted", parts=parts, demanded=(left, right),
                          reason="the two are the same")

    def extremum(self) -> Proof:
        """f is minimal at y = t if f(y) - f(t) is never negative."""
        assert self.claim.right is not None
        name, place = self.claim.variable, self.claim.right.body
        if mentions(place, name):
            raise InputError(f"the place of the extremum depends on {name} itself", None,
                             "name a place in terms of the others")
        body = self.unfoldings(self.claim.left.body, ZERO)[-1][0]
        if not self.allowed(name, place, self.claim.letters):
            return self.proof("undecided", reason=(
                f"it is not seen that the place satisfies what is assumed of {name}"))
        if not self.claim.letters:
            self.place = (name, place)
        return self.compared(at(body, name, place, self.claim.letters), body,
                             "<=" if self.claim.kind == "minimal" else ">=")

    def allowed(
        self, name: str, place: Expr, letters: Sequence[str] = (), f: Expr = ZERO
    ) -> bool:
        """Whether a place satisfies what is assumed of a name, and f is defined there."""
        normal = self.normal(self.base)
        asked = [(c.quantity, c.signs) for c in self.assumed.conditions]
        asked += [(d.quantity, d.signs) for d in demands(f, self.ranges)]
        for quantity, signs in asked:
            if mentions(quantity, name):
                there = normal.poly(at(quantity, name, place, letters))
                if not set(normal.signs(there)) <= set(signs):
                    return False
        for total in self.assumed.totals:
            if total.pattern.tensor == name:
                whole = Reduce("sum", (Range(total.name, total.size),), None, total.pattern)
                rest = sub(at(whole, name, place, letters), expression(total.value))
                if not normal.vanishes(normal.poly(rest)):
                    return False
        return True

    def monotone(self) -> Proof:
        """f is increasing if it is continuous on an interval, and its derivative positive there."""
        name, kind = self.claim.variable, self.claim.kind
        body = self.unfoldings(self.claim.left.body, ZERO)[-1][0]
        other = fresh(f"{name}2", self.program.tensors)
        relation = {"increasing": "<", "decreasing": ">", "non-decreasing": "<=",
                    "non-increasing": ">=", "constant": "=="}[kind]
        refuted = self.tried(self.doubled(body, name, other, relation))
        if refuted is not None:
            return self.proof("refuted", counterexample=refuted, demanded=(body,))
        gap = broken(body, name, self.normal(self.assumed.facts), self.ranges,
                     self.assumed.conditions)
        if gap:
            return self.proof("undecided", reason=gap)
        self.defined(body)
        slope = partial(body, name, ())
        try:
            parts = self.decided(slope, ZERO, FLIPPED.get(relation, "=="))
            weak = {"<": ">=", ">": "<="}.get(relation)
            if parts is None and weak is not None and smooth(body) and isolated(slope, name):
                parts = self.decided(slope, ZERO, weak)
                note = "It is 0 at single points only."
                parts = None if parts is None else [replace(q, note=note) for q in parts]
        except TooLargeError as error:
            return self.proof("undecided", reason=error.message)
        if parts is None:
            return self.proof("undecided", reason="the sign of its derivative was not found")
        return self.proof("proved", parts=parts, demanded=(body,))

    def doubled(self, body: Expr, name: str, other: str, relation: str) -> Worlds:
        """Points with two values of a name, the second one greater; f at both."""

        def moved(e: Expr) -> Expr:
            return transform(e, lambda n: Ref(other) if isinstance(n, Ref) and n.tensor == name
                             else None)

        program = self.program
        tensors = {**program.tensors, other: Tensor(other, (), "real", "data")}
        wider = replace(program, tensors=tensors, inputs=(*program.inputs, other))
        both = tuple(replace(c, quantity=moved(c.quantity)) for c in self.assumed.conditions
                     if mentions(c.quantity, name))
        order = Condition(Apply("sub", (Ref(other), Ref(name))), "+", (), "")
        assumed = replace(self.assumed, program=wider,
                          conditions=(*self.assumed.conditions, *both, order))
        return Worlds(assumed, (body, moved(body)), self.ranges, relation)

    def calculus(self) -> Proof:
        """Limits and integrals are worked first, case by case; then the values are compared."""
        assert self.claim.right is not None
        if self.kind not in ("==", "!="):
            raise InputError("limits and integrals are compared with == only", None,
                             "claim what the limit is")
        sides = []
        try:
            opened = [replace(s, body=self.unfoldings(s.body, ZERO)[-1][0])
                      for s in (self.claim.left, self.claim.right)]
            asked = self.fixed(opened)
            for written, side in zip((self.claim.left, self.claim.right), opened, strict=True):
                cases = [Case((), (), written.body if written.value is None else written.value)]
                if side.operators:
                    cases = worked(side, self.normal(self.base))
                    self.against_numbers(side, cases)
                sides.append(cases)
        except (UndecidedError, TooLargeError) as error:
            return self.proof("undecided", reason=error.message)
        parts: list[Part] = []
        failed: Proof | None = None
        normal = self.normal(self.base)
        for left in sides[0]:
            for right in sides[1]:
                table: dict[Expr, str] = {}
                for q, s in (*left.conditions, *right.conditions):
                    table[q] = "".join(c for c in table.get(q, "-0+") if c in s)
                if "" in table.values() or not normal.possible(table):
                    continue
                found = self.values(left, right, tuple(table.items()))
                if isinstance(found, Proof):
                    parts += found.parts
                    failed = found if failed is None or failed.verdict == "undecided" else failed
                else:
                    parts += found
        if failed is not None:  # with all cases, those that hold too
            shown = () if failed.verdict == "undecided" else tuple(parts)
            return replace(failed, parts=shown, points=self.seen, demands=asked)
        if not parts:
            return self.proof("undecided", reason="no case of it was found to be possible")
        verdict = "proved" if self.kind == "==" else "refuted"
        return replace(self.proof(verdict, parts=parts), demands=asked)

    def against_numbers(self, side: Side, cases: Sequence[Case]) -> None:
        """The lines of limits and integrals, held against numbers before they are shown."""
        worlds = Worlds(self.assumed, (), self.ranges)
        wrong = faults(self.program, self.ranges, side, cases, settled=worlds.settled)
        if wrong:
            raise UnsoundProofError(
                f"a line of the limits and integrals of {self.claim.text!r} is not what numbers "
                f"say: by {wrong[0].rule!r}", None, "please report this")

    def fixed(self, sides: Sequence[Side]) -> tuple[Demand, ...]:
        """What limits and integrals need to be defined at all, whatever their variable is.

        k*(x - 1) under a line needs that x is not 1, for every k.
        """
        found: dict[str, Demand] = {}
        for side in sides:
            names = {o.variable for o in side.operators}
            for d in demands(side.body, self.ranges):
                normal = self.normal(self.base, d.ranges)
                p = normal.poly(d.quantity)
                parts = [(p, d.signs)]
                if any(mentions(d.quantity, n) for n in names):
                    shared, rest = content(p) if p and "0" not in d.signs else (None, ())
                    own = () if shared is None else shared.factors
                    parts = [(bare(b), "-+") for b, _ in own]
                    parts += [(rest, "-+")] if rest else []
                for q, signs in parts:
                    e = expression(q)
                    if any(mentions(e, n) for n in names) or set(normal.signs(q)) <= set(signs):
                        continue
                    demand = Demand(e, signs, d.ranges)
                    found.setdefault(expression_text(e) + signs, demand)
                    self.base = self.base.with_bounds(self.bounds(q, demand))
        return tuple(found.values())

    def values(
        self, left: Case, right: Case, given: Sequence[tuple[Expr, str]]
    ) -> list[Part] | Proof:
        """The parts that show that two values are equal in a case, or the verdict if not."""
        ends = (left.value, right.value)
        other = "refuted" if self.kind == "==" else "proved"
        if None in ends:
            case = left if left.value is None else right
            where = " and ".join(expression_text(condition(q, s)) for q, s in given)
            reason = f"where {where.replace('==', '=')}, {case.why}" if where else case.why
            return self.proof(other, reason=reason, parts=[Part(tuple(given), (), left, right)])
        if any(isinstance(e, str) for e in ends):
            if ends[0] == ends[1]:
                return [Part(tuple(given), (), left, right)]
            return self.proof(other, parts=[Part(tuple(given), (), left, right)], reason=(
                "one side is infinite and the other is not"))
        one, two = ends
        assert isinstance(one, Expr) and isinstance(two, Expr)
        inside = tuple(Condition(q, s, self.ranges, "") for q, s in given)
        assumed = replace(self.assumed, conditions=(*self.assumed.conditions, *inside))
        try:
            worlds = Worlds(assumed, (one, two), self.ranges, "==")
            points = worlds.drawn(_POINTS)
            self.seen += len(points)
            seems = worlds.differing(points)
            exactly = None if seems is None else worlds.smallest(seems)
        except InputError:
            exactly = None  # no point of this case was found; normal forms decide
        if exactly is not None:
            return self.proof(other, counterexample=exactly,
                              parts=[Part(tuple(given), (), left, right)])
        try:
            decided = None
            for count, (a, b) in enumerate(self.unfoldings(one, two)):
                decided = self.cases(a, b, "==", one, two, count, given)
                if decided is not None:
                    break
        except TooLargeError as error:
            return self.proof("undecided", reason=error.message)
        if decided is None:
            return self.proof("undecided", reason="whether the two values are the same")
        return [replace(part, left=left, right=right) for part in decided]


def supporting(parts: Sequence[Part]) -> list[Proof]:
    """The proofs of the identities between functions that the lines of some parts use."""
    used: dict[str, None] = {}
    for part in parts:
        for line in part.lines:
            if line.rule == "identity":
                used["".join(expression_text(w) if isinstance(w, Expr) else w.replace(" = ", " == ")
                             for w in line.why)] = None
            if line.rule == "tangent":
                used["ln(u) <= u - 1"] = None
    return [prove(text) for text in used]


def at(e: Expr, name: str, place: Expr, letters: Sequence[str] = ()) -> Expr:
    """An expression with a value for a name; that of a tensor has its axes called by letters."""

    def leaf(node: Expr) -> Expr | None:
        if not (isinstance(node, Ref) and node.tensor == name):
            return None
        return replaced(place, dict(zip(letters, node.subscripts, strict=True)))

    return transform(e, leaf)


def isolated(slope: Expr, name: str) -> bool:
    """Whether a derivative that is a power series is 0 at single points only.

    (a - 1)^2*x does not increase where a is 1: a derivative of more than the one name is not looked
    at, and neither is one that is 0 throughout.
    """
    return mentions(slope, name) and not free_indices(slope) and all(
        n.tensor == name for n in walk(slope) if isinstance(n, Ref))


def broken(
    body: Expr, name: str, normal: Normal, ranges: Sequence[Range],
    conditions: Sequence[Condition] = (),
) -> str:
    """Why a derivative's sign says nothing: jumps, or a domain in pieces; empty if it does."""
    for given in conditions:
        if mentions(given.quantity, name) and (
                given.signs == "-+" or mentions(partial(given.quantity, name, ()), name)):
            return f"what is assumed of {name} may fall into pieces: assume a range"
    for node in walk(body):
        if isinstance(node, ArgReduce) or (
                isinstance(node, Apply) and node.function == "stop_gradient"):
            return "its derivative does not tell how it changes"
        if isinstance(node, Apply) and node.function in ("heaviside", "sign", "floor", "ceil"):
            return f"{node.function} jumps, so a derivative's sign decides nothing"
        if isinstance(node, Select):
            return "it is defined in pieces, so a derivative's sign decides nothing"
    for d in demands(body, ranges):
        if not mentions(d.quantity, name):
            continue
        if set(normal.known.signs(normal.poly(d.quantity))) <= set(d.signs):
            continue
        slope = partial(d.quantity, name, ())
        bent = mentions(slope, name)
        if "-" in d.signs or bent:
            return "its domain may fall into pieces: assume on which one it is to be looked at"
    return ""


def smooth(e: Expr) -> bool:
    """Whether an expression is a power series around each point where it is defined."""
    return not any(isinstance(n, Select | ArgReduce) or (isinstance(n, Reduce) and n.op != "sum")
                   or (isinstance(n, Apply) and n.function in _CORNERS) for n in walk(e))


__all__ = ["BUDGET", "Part", "Proof", "UnsoundProofError", "prove"]
