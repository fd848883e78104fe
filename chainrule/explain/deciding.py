"""Claims decided by normal forms, case by case, and the lines that show why.

A claim holds if the normal form of the difference of its sides is nothing, or has the sign that is
claimed, in every case of the conditions that it rests on. Then the lines are found: moves from both
sides until they meet, or, where they do not, both normal forms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product as combinations
from typing import Final

from chainrule.algebra.bounding import below_tangents, exponential
from chainrule.algebra.domain import Demand, always, demands
from chainrule.algebra.moves import Moves, Step
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import (
    Poly,
    TooLargeError,
    condition,
    expression,
    indices_of,
    negative,
    plus,
)
from chainrule.algebra.products import Why, shape
from chainrule.algebra.signs import Bound, Facts
from chainrule.algebra.squares import sum_of_squares
from chainrule.algebra.terms import letter, replaced
from chainrule.algebra.tidying import lettered
from chainrule.errors import ChainruleError, InputError
from chainrule.explain.assumptions import Assumed, labels, whole
from chainrule.explain.chains import (
    brought,
    chain,
    chains,
    met,
    normal_form,
    without_repeats,
)
from chainrule.explain.claims import Claim, Side
from chainrule.explain.points import Worlds
from chainrule.explain.proof import Case, Line
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    both,
    div,
    walk,
    weight,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.parse import parse_expression
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation

_SHOWN: Final = 3  # quantities whose signs make the cases that are shown

_WANTED: Final = {"<=": "0+", "<": "+", ">=": "-0", ">": "-", "==": "0"}

FLIPPED: Final = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}

_OPENING: Final = frozenset({"definition", "meaning", "evaluate", "choose", "put in", "write out",
                             "sum known", "pick"})



class UnsoundProofError(ChainruleError):
    """A line of a proof that fails at a point: a bug of chainrule's, never shown as a proof."""

    code = "unsound-proof"


@dataclass(frozen=True, slots=True)
class Part:
    """One case of a proof: where these signs hold, a chain of lines from the left to the right.

    `left` and `right` are how limits and integrals were worked; `closing` says what the last line
    shows, where the chain is not an equality. `inner` are parts of this part, after its `note`.
    """

    conditions: tuple[tuple[Expr, str], ...]
    lines: tuple[Line, ...]
    left: Case | None = None
    right: Case | None = None
    closing: str = ""
    note: str = ""
    inner: tuple[Part, ...] = ()


class Decider:
    """What decides one claim; it holds what is assumed, and stops when its time is up."""

    def __init__(self, claim: Claim, assumed: Assumed, budget: float) -> None:
        self.claim = claim
        self.assumed = assumed
        self.deadline = time.monotonic() + budget
        self.program = assumed.program
        self.sizes: dict[str, Integer] = {
            **{r.name: r.size for r in claim.ranges if r.size is not None},
            **labels(self.program)}
        self.axes = [s for t in self.program.tensors.values() for s in t.shape]
        self.kind = claim.kind
        self.seen = 0
        self.base = assumed.facts
        self.ranges = claim.ranges
        self.place: tuple[str, Expr | None] = ("", None)
        self.reasons = {**dict(assumed.why), **{
            n: "derived above" for lemma in claim.lemmas for n in lemma.derivatives()}}

    def normal(self, facts: Facts, ranges: Sequence[Range] = ()) -> Normal:
        """Normal forms under some facts, that stop at the deadline."""
        sizes = {**self.sizes, **{r.name: r.size for r in ranges if r.size is not None}}
        return Normal(facts, sizes, self.deadline, self.axes)

    def summed(self, side: Expr) -> frozenset[Integer]:
        """How far the sums of a side and of the definitions behind it go."""
        return frozenset(r.size for e in self.unfolded(side) for n in walk(e)
                         if isinstance(n, Reduce) for r in n.indices if r.size is not None)

    def functions(self, side: Expr) -> list[str]:
        """The functions that a side and the definitions behind it use."""
        return list(dict.fromkeys(n.function for e in self.unfolded(side) for n in walk(e)
                                  if isinstance(n, Apply)))

    def facts(self, given: Sequence[tuple[Expr, str]]) -> Facts:
        """What is assumed, and what holds in a case."""
        base = self.base
        if not given:
            return base
        normal = self.normal(base)
        return base.assuming([(normal.poly(q), s) for q, s in given])

    def decided(self, left: Expr, right: Expr, kind: str) -> list[Part] | None:
        """The parts of a proof: with as few definitions unfolded as it takes."""
        for count, (one, other) in enumerate(self.unfoldings(left, right)):
            parts = self.cases(one, other, kind, left, right, count)
            if parts is not None:
                self.faithful((left, right), (one, other))
                return parts
        return None

    def unfoldings(self, left: Expr, right: Expr) -> list[tuple[Expr, Expr]]:
        """The sides as they stand, and with one definition after the other unfolded."""
        found = [(left, right)]
        moves = Moves(self.normal(self.assumed.facts), self.definitions())
        for _ in range(3 * len(self.program.equations) + 1):
            joint = Apply("eq", (left, right))
            after = moves.definition(joint)
            if after is None or after == joint:
                break
            assert isinstance(after, Apply)
            left, right = after.args
            found.append((left, right))
        moves.sums = self.summed(left) | self.summed(right)
        for widen in (moves.spelled, moves.parted):
            wider = tuple(map(widen, found[-1]))
            if wider != found[-1]:
                found.append((wider[0], wider[1]))
        return found

    def definitions(self) -> list[Equation]:
        """The equations that may be unfolded: a tensor that is given by one."""
        found = []
        for equation in self.program.equations:
            alone = sum(e.target == equation.target for e in self.program.equations) == 1
            if not alone or equation.condition is not None:
                continue
            if equation.accumulate:
                own = {n for s in equation.subscripts for n in s.indices()}
                summed = tuple(r for r in equation.ranges if r.name not in own)
                kept = tuple(r for r in equation.ranges if r.name in own)
                body = Reduce("sum", summed, None, equation.body) if summed else equation.body
                equation = replace(equation, body=body, ranges=kept, accumulate=False)
            found.append(equation)
        return found

    def cases(
        self, one: Expr, other: Expr, kind: str, left: Expr, right: Expr, unfolded: int,
        given: Sequence[tuple[Expr, str]] = (),
    ) -> list[Part] | None:
        """A part for each combination of signs that matters; None if one is not decided."""
        normal = self.normal(self.facts(given))
        sides = (normal.poly(one), normal.poly(other))
        difference = plus(sides[0], negative(sides[1]))
        for quantity, sign in given:
            difference = normal.put_in(difference, quantity) if sign == "0" else difference
        difference = normal.merged(difference)
        quantities = normal.quantities(difference)
        if not quantities and kind == "==" and normal.vanishes(difference):
            lines = self.moved(left, right, given, unfolded)
            if lines is not None:
                return [Part(tuple(given), tuple(lines))]
            quantities = list(dict.fromkeys(q for p in sides for q in normal.quantities(p)))
            if len(quantities) > _SHOWN:
                quantities = []
        if not quantities:
            part = self.part(difference, normal, kind, left, right, given, unfolded)
            return None if part is None else [part]
        if len(quantities) > _SHOWN + 2:
            raise TooLargeError(f"{len(quantities)} conditions make too many cases")
        parts = []
        for signs in combinations("-0+", repeat=len(quantities)):
            case = dict(zip(quantities, signs, strict=True))
            if not normal.possible(case):
                continue
            inner = normal.in_case(difference, case)
            here = [*given, *case.items()]
            # signs that are known here may settle conditions of other quantities
            known = self.normal(self.facts(here))
            inner = plus(*(known.again(m.opened()) for m in inner)) if inner else inner
            if known.quantities(inner):
                return None
            part = self.part(inner, known, kind, left, right, here, unfolded)
            if part is None:
                return None
            parts.append(part)
        return parts or None

    def faithful(self, sides: Sequence[Expr], forms: Sequence[Expr]) -> None:
        """Each side's normal form is evaluated beside the side: what is decided rests on it."""
        normal = self.normal(self.base)
        for side, unfolded in zip(sides, forms, strict=True):
            form = lettered(expression(normal.poly(unfolded)))
            if shape(form) == shape(side):
                continue
            try:
                worlds = Worlds(self.assumed, (side, form), self.ranges, "==")
                bad = worlds.disagreeing(2)
            except InputError:
                continue  # the form is not defined at any point that was drawn
            if bad is not None:
                raise UnsoundProofError(
                    f"the normal form of {expression_text(side)!r} does not equal it", None,
                    "please report this")

    def part(
        self, difference: Poly, normal: Normal, kind: str, left: Expr, right: Expr,
        given: Sequence[tuple[Expr, str]], unfolded: int,
    ) -> Part | None:
        """The part of a proof in one case, if the claim is decided there."""
        if kind == "==":
            if not normal.vanishes(difference):
                return None
            return self.equal(left, right, given, unfolded)
        flipped = negative(difference)  # right - left
        wanted = _WANTED[kind]
        if kind in (">=", ">"):
            flipped, wanted = difference, _WANTED[FLIPPED[kind]]
        return self.signed(left, right, kind, flipped, wanted, normal, given, unfolded)

    def equal(
        self, left: Expr, right: Expr, given: Sequence[tuple[Expr, str]], unfolded: int
    ) -> Part:
        """The chain of an equality that is known to hold."""
        lines = self.moved(left, right, given, unfolded)
        if lines is None:
            terms = self.termwise(left, right, given, unfolded)
            if terms is not None:
                return terms
            lines = self.closed(left, right, self.normal(self.facts(given)), given)
            self.verify(lines, given)
        return Part(tuple(given), tuple(lines))

    def moved(
        self, left: Expr, right: Expr, given: Sequence[tuple[Expr, str]], unfolded: int
    ) -> list[Line] | None:
        """The chain that moves alone find; None where they do not meet."""
        moves = Moves(self.normal(self.facts(given)), self.definitions() if unfolded else (),
                      self.reasons)
        moves.because = because(given)
        moves.sums = self.summed(left) | self.summed(right)
        ways = []
        used = [self.functions(left), self.functions(right)]
        for k, side in enumerate((left, right)):
            if self.program.equations:  # else the identity may be what is to be proved
                moves.wanted = tuple(f for f in used[1 - k] if f not in used[k])
            ways.append(chains(moves, side))
        lines = met(left, ways[0], right, ways[1])
        if lines is not None:
            self.verify(lines, given)
        return lines

    def termwise(
        self, left: Expr, right: Expr, given: Sequence[tuple[Expr, str]], unfolded: int
    ) -> Part | None:
        """Two sums over the same range, equal term by term, where the terms are told by cases."""
        if not (isinstance(left, Reduce) and isinstance(right, Reduce) and left.op == right.op
                and left.condition is None and right.condition is None):
            return None
        if [r.size for r in left.indices] != [r.size for r in right.indices]:
            return None
        places = {b.name: index(a.name)
                  for a, b in zip(left.indices, right.indices, strict=True)}
        other = replaced(right.body, places)
        sizes, ranges = self.sizes, self.ranges
        self.sizes = {**sizes, **{r.name: r.size for r in left.indices if r.size is not None}}
        self.ranges = (*ranges, *left.indices)
        try:
            found = self.cases(left.body, other, "==", left.body, other, unfolded, given)
        finally:
            self.sizes, self.ranges = sizes, ranges
        if found is None or len(found) < 2:
            return None
        lines = (Line(Side(left), "", ""), Line(Side(right), "term by term", "term by term"))
        return Part(tuple(given), lines, note="Each term of the one sum is the other's.",
                    inner=tuple(replace(f, conditions=f.conditions[len(given) :]) for f in found))

    def closed(
        self, left: Expr, right: Expr, normal: Normal, given: Sequence[tuple[Expr, str]]
    ) -> list[Line]:
        """A chain that moves do not close: both ends are brought to their normal form."""
        ends = []
        for start in (left, right):
            moves = Moves(normal, self.definitions(), self.reasons)
            moves.because = because(given)
            moves.plain = tuple(m for m in moves.plain if m[0] in _OPENING)
            done = chain(moves, start)
            ends.append((done, normal_form(normal, done[-1].after if done else start)))
        (done, form), (undone, aim) = ends
        last = [steps[-1].after if steps else e for steps, e in ((done, left), (undone, right))]
        first = [*done, Step("normal form", form, brought(last[0], form))]
        second = [*undone, Step("normal form", aim, brought(last[1], aim))]
        found = met(left, [first], right, [second])
        if found is not None:
            return found
        lines = [Line(Side(left), "", "")]
        lines += [Line(Side(s.after), s.rule, s.why) for s in first]
        lines.append(Line(Side(aim), "cross-multiplied", (
            "the two fractions are equal: each numerator times the other's denominator gives the "
            "same")))
        back = [right, *(s.after for s in second)]
        for k in range(len(second) - 1, -1, -1):
            lines.append(Line(Side(back[k]), second[k].rule, second[k].why))
        return without_repeats(lines)

    def verify(self, lines: Sequence[Line], given: Sequence[tuple[Expr, str]]) -> None:
        """Every line of a chain is evaluated at points before it is shown."""
        bodies = [line.body for line in lines]
        found = [b for b in bodies if b is not None]
        if len(found) < 2:
            return
        here: Expr | None = None  # outside its case a line may not even be defined
        for quantity, signs in given:
            here = both(here, condition(quantity, signs))
        sides = found if here is None else [Select(here, b, ZERO) for b in found]
        worlds = Worlds(self.assumed, sides, self.ranges, "==")
        bad = worlds.disagreeing(len(sides))
        if bad is not None:
            raise UnsoundProofError(
                f"a line of the proof of {self.claim.text!r} does not equal the one before: "
                f"line {bad + 1} by {lines[bad].rule!r}", None, "please report this")

    def signed(
        self, left: Expr, right: Expr, kind: str, p: Poly, wanted: str, normal: Normal,
        given: Sequence[tuple[Expr, str]], unfolded: int,
    ) -> Part | None:
        """The greater side minus the smaller one has a sign that can be seen."""
        big, small = (right, left) if kind in ("<=", "<") else (left, right)
        start: Expr = Apply("sub", (big, small)) if small != ZERO else big
        if big == ZERO:  # f < 0 is said of f, not of -f
            start, p = small, negative(p)
            wanted = wanted.replace("+", "-")
            wanted = "".join(s for s in "-0+" if s in wanted)
        if isinstance(small, Reduce) and small.op == "max" and small.condition is None:
            return self.each(big, small, kind, given, unfolded)
        moves = Moves(normal, self.definitions() if unfolded else (), self.reasons)
        moves.because = because(given)
        facts = normal.known
        assert isinstance(facts, Facts)
        shown: list[tuple[int, list[Step]]] = []  # ways to a form whose sign is plain to see
        for way in chains(moves, start):
            cost = weight(start)
            for k, state in enumerate([start, *(s.after for s in way)]):
                cost += 4 + weight(state)
                if set(facts.seen(state)) <= set(wanted):
                    shown.append((cost + 3 * weight(state), way[:k]))
        if shown:
            steps = min(shown, key=lambda one: one[0])[1]
            lines = [Line(Side(s.after), s.rule, s.why) for s in steps]
            seen = facts.seen(steps[-1].after if steps else start)
            return self.with_sign(start, lines, seen, given)
        before = self.opening(start, normal) if unfolded else []
        above = normal.numerator(p)
        case: Why = (", ", *because(given)) if given else ()
        for form, signs, why in (
                (expression(p), normal.signs(p), "multiplied out, like terms added up"),
                (div(expression(above), normal.denominator(p)), normal.signs(above),
                 "over a common denominator, which is positive")):
            if set(signs) <= set(wanted):
                line = Line(Side(lettered(form)), "normal form", (why, *case))
                return self.with_sign(start, [*before, line], signs, given)
        raised = exponential(p, normal)
        if raised is not None:
            over = normal.numerator(raised)
            if set(normal.signs(over)) <= set(wanted):
                form = div(expression(over), normal.denominator(raised))
                note = "It has the sign of exp of it less 1."
                lines = [Line(Side(lettered(form)), "normal form", "worked out")]
                whole = Apply("sub", (Apply("exp", (start,)), ONE))
                return replace(self.with_sign(whole, lines, normal.signs(over), given), note=note)
        squares = sum_of_squares(p)
        if squares is not None and set(facts.seen(squares)) <= set(wanted):
            line = Line(Side(squares), "squares", ("the squares completed", *case))
            return self.with_sign(start, [*before, line], facts.seen(squares), given)
        return None

    def defined(self, *sides: Expr) -> None:
        """What is claimed is claimed where the sides are defined: there, these signs are known."""
        for d in self.demanded(sides):
            normal = self.normal(self.base, d.ranges)
            self.base = self.base.with_bounds(self.bounds(normal.poly(d.quantity), d))

    def bounds(self, p: Poly, d: Demand) -> list[Bound]:
        """What a demand says for signs: of every cell, of those that the claim is about, or none.

        What is demanded of x[k] for k < K-1 says nothing of x[K-1].
        """
        if whole(p, d.ranges, self.program):
            return [Bound(p, d.signs)]
        own = {r.name for r in d.ranges if r in self.ranges}
        return [Bound(p, d.signs, free=False)] if indices_of(p) <= own else []

    def demanded(self, sides: Sequence[Expr]) -> tuple[Demand, ...]:
        """Where the sides are defined, as far as the assumptions do not say so already."""
        found: dict[str, Demand] = {}
        for side in sides:
            for e, ranges in self.evaluated(side):
                for d in demands(e, ranges):
                    found.setdefault(shape(d.quantity) + d.signs, d)
        kept = []
        facts = self.assumed.facts
        for d in sorted(found.values(), key=lambda d: d.signs == "-+"):
            opened = self.unfoldings(d.quantity, ZERO)[-1][0]
            if any(set(facts.seen(e)) <= set(d.signs) for e in (d.quantity, opened)):
                continue
            normal = self.normal(facts, d.ranges)
            try:
                poly = normal.poly(d.quantity)
            except TooLargeError:
                kept.append(d)
                continue
            if not set(facts.signs(poly)) <= set(d.signs):
                kept.append(d)
                facts = facts.with_bounds(self.bounds(poly, d))
        return tuple(kept)

    def evaluated(self, e: Expr) -> list[tuple[Expr, tuple[Range, ...]]]:
        """The side and the definitions that are evaluated with it at every point."""
        found = [(e, self.ranges)]
        reached = {n.tensor for n in always(e) if isinstance(n, Ref)}
        for equation in reversed(self.program.equations):
            if equation.target in reached and equation.condition is None:
                found.append((equation.body, equation.ranges))
                reached |= {n.tensor for n in always(equation.body) if isinstance(n, Ref)}
        return found

    def unfolded(self, e: Expr) -> list[Expr]:
        """The side and the definitions that it rests on."""
        found, reached = [e], {n.tensor for n in walk(e) if isinstance(n, Ref)}
        for equation in reversed(self.program.equations):
            if equation.target in reached:
                found.append(equation.body)
                reached |= {n.tensor for n in walk(equation.body) if isinstance(n, Ref)}
        return found

    def by_tangents(self, left: Expr, right: Expr, kind: str) -> list[Part] | None:
        """ln(u) is at most u - 1: what is left when the logarithms are gone has a known sign."""
        big, small = (right, left) if kind == "<=" else (left, right)
        start: Expr = big if small == ZERO else Apply("sub", (big, small))
        for one, other in self.unfoldings(big, small):
            normal = self.normal(self.base)
            found = below_tangents(plus(normal.poly(one), negative(normal.poly(other))), normal)
            if found is None or not set(normal.signs(found[1])) <= {"0", "+"}:
                continue
            form, lower = (lettered(e) for e in (found[0], expression(found[1])))
            self.not_more(form, start)
            lines = [Line(Side(form), "tangent", _TANGENT, "≥")]
            if shape(form) != shape(lower):
                lines.append(Line(Side(lower), "normal form",
                                  "multiplied out, with what is assumed"))
            self.verify(lines, ())
            part = self.with_sign(start, [], normal.signs(found[1]), ())
            return [replace(part, lines=(*part.lines, *lines))]
        return None

    def each(
        self, big: Expr, greatest: Reduce, kind: str, given: Sequence[tuple[Expr, str]],
        unfolded: int,
    ) -> Part | None:
        """What is at least each of some numbers is at least the greatest of them."""
        taken = {r.name for r in self.ranges} | set(self.program.tensors)
        names = {}
        for r in greatest.indices:
            names[r.name] = letter(taken)
            taken.add(names[r.name])
        body = replaced(greatest.body, {old: index(new) for old, new in names.items()})
        own = tuple(Range(names[r.name], r.size) for r in greatest.indices)
        sizes, ranges = self.sizes, self.ranges
        self.sizes = {**sizes, **{r.name: r.size for r in own if r.size is not None}}
        self.ranges = (*ranges, *own)
        sides = (body, big) if kind in ("<=", "<") else (big, body)
        try:
            found = self.cases(*sides, kind, *sides, unfolded, given)
        finally:
            self.sizes, self.ranges = sizes, ranges
        if found is None:
            return None
        note = "It is enough to show it of each of those that the maximum is taken of."
        return Part(tuple(given), (), note=note, inner=tuple(
            replace(f, conditions=f.conditions[len(given) :]) for f in found))

    def not_more(self, less: Expr, more: Expr) -> None:
        """An inequality between two lines, held against points before it is shown."""
        worlds = Worlds(self.assumed, (less, more), self.ranges, "<=")
        seems = worlds.differing(worlds.drawn(12))
        if seems is not None and worlds.exactly(seems) is not None:
            raise UnsoundProofError("a bound is not one", None, "please report this")

    def opening(self, start: Expr, normal: Normal) -> list[Line]:
        """The definitions put in, one after the other, and nothing else."""
        moves = Moves(normal, self.definitions(), self.reasons)
        moves.plain = tuple(m for m in moves.plain if m[0] == "definition")
        return [Line(Side(s.after), s.rule, s.why) for s in chain(moves, start)]

    def with_sign(
        self, start: Expr, lines: Sequence[Line], signs: str, given: Sequence[tuple[Expr, str]]
    ) -> Part:
        """The part that ends in an expression of known sign."""
        every = without_repeats([Line(Side(start), "", ""), *lines])
        self.verify(every, given)
        return Part(tuple(given), tuple(every), closing=_sign_words(signs))


_TANGENT: Final[Why] = (
    parse_expression("ln(u)"), " ≤ ", parse_expression("u - 1"), ", so ",
    parse_expression("a*(ln(b) - ln(c))"), " ≥ ", parse_expression("a*(1 - c/b)"), " for ",
    parse_expression("a"), " ≥ 0")


def because(given: Sequence[tuple[Expr, str]]) -> Why:
    """The conditions of a case as a reason: as x < y."""
    parts: list[str | Expr] = []
    for quantity, signs in given:
        parts += [" and " if parts else "as ", condition(quantity, signs)]
    return tuple(parts)


def _sign_words(signs: str) -> str:
    return {"+": "which is positive", "0+": "which is not negative", "0": "which is 0",
            "-": "which is negative", "-0": "which is not positive",
            "-+": "which is not 0"}[signs]


__all__ = ["FLIPPED", "Decider", "Part", "UnsoundProofError"]
