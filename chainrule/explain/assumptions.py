"""Assumptions as they are typed, each of a kind that can be sampled and checked.

    sum(k) t[n,k] = 1          a sum over one axis of an input
    t[i] >= 0, 0 < p < 1       signs and ranges
    t is one-hot               one cell of the last axis is 1, the others 0
    t is a distribution        not negative, and of sum 1 over the last axis
    x has no ties              the cells of an axis differ
    V[k,j] = W[k,j]/2          an equality that gives one input in terms of others

Anything else is refused: an assumption that no random point satisfies would prove everything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import Mono, Poly, bare, expression, indices_of, plus, scaled
from chainrule.algebra.products import mentions
from chainrule.algebra.signs import Bound, Facts, Total
from chainrule.errors import ChainruleError, InputError, RangeError, did_you_mean
from chainrule.explain.claims import relation
from chainrule.formulas.calls import read
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Range,
    Read,
    Ref,
    Select,
    div,
    walk,
)
from chainrule.lang.integers import Integer, atom, index
from chainrule.lang.printing import program_text
from chainrule.lang.program import Equation, Program, Tensor, fresh

_HOT: Final = re.compile(
    r"^\s*(\w+)\s+is\s+(?:a\s+)?one-?hot(?:\s+vector)?(?:\s+(?:at|with class)\s+(\w+))?\s*$")
_SIMPLEX: Final = re.compile(
    r"^\s*(\w+)\s+is\s+(?:a\s+)?(?:distribution|simplex|probabilit\w+)\s*$")
_TIES: Final = re.compile(
    r"^\s*(\w+)\s+(?:has\s+no\s+ties|is\s+distinct|has\s+distinct\s+cells)\s*$")
_SIGNS: Final = {"<": "-", "<=": "-0", ">": "+", ">=": "0+", "!=": "-+"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a point has to satisfy: the sign of `quantity` for all values of `ranges`."""

    quantity: Expr
    signs: str
    ranges: tuple[Range, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Assumed:
    """A program with assumptions: what is to be drawn, what holds, what follows for signs.

    Inputs that an equality gives are equations of the program. `normalised` are tensors to be drawn
    with sum 1 over the last axis; `words` says what was made of each assumption.
    """

    program: Program
    texts: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    bounds: tuple[Bound, ...] = ()
    totals: tuple[Total, ...] = ()
    normalised: tuple[tuple[str, Fraction], ...] = ()
    distinct: tuple[str, ...] = ()
    why: tuple[tuple[str, str], ...] = ()  # a tensor that got an equation, and the reason

    @property
    def facts(self) -> Facts:
        """What follows for signs and sums."""
        return Facts(self.bounds, self.totals, self.distinct)


def assume(program: Program, texts: Sequence[str]) -> Assumed:
    """The program under assumptions.

    Raises `InputError` for an assumption of no known kind, or about what is computed.
    """
    result = Assumed(program, tuple(t.strip() for t in texts))
    for text in texts:
        result = _Reader(result, text.strip()).read()
    return result


class _Reader:
    """Reads one assumption."""

    def __init__(self, known: Assumed, text: str) -> None:
        self.known = known
        self.text = text
        self.program = known.program

    def fail(self, message: str, hint: str) -> InputError:
        return InputError(f"the assumption {self.text[:80]!r} {message}", None, hint)

    def read(self) -> Assumed:
        for pattern, make in ((_HOT, self.one_hot), (_SIMPLEX, self.distribution),
                              (_TIES, self.no_ties)):
            found = pattern.match(self.text)
            if found:
                return make(self.input(found[1]), *found.groups()[1:])
        text = re.sub(r"(?<![=<>!≤≥≠])=(?!=)", "==", self.text)
        parts, signs = [], []
        while (found_at := relation(text)) is not None:
            at, sign = found_at
            parts.append(text[:at])
            signs.append({"≤": "<=", "≥": ">=", "≠": "!="}.get(sign, sign))
            text = text[at + len(sign) :]
        parts.append(text)
        if not signs or not all(p.strip() for p in parts):
            raise self.fail("says nothing that can be assumed", _KINDS)
        result = self.known
        for left, sign, right in zip(parts, signs, parts[1:], strict=False):
            result = _Reader(result, self.text).compared(left, sign, right)
        return result

    def input(self, name: str) -> Tensor:
        """An input of the program by name."""
        tensor = self.program.tensors.get(name)
        if tensor is None:
            raise self.fail(f"is about {name}, which the claim does not have",
                            did_you_mean(name, list(self.program.tensors)) or "declare it")
        if name not in self.program.inputs:
            raise self.fail(f"is about {name}, which is computed", "assume it of inputs")
        return tensor

    # the kinds

    def one_hot(self, t: Tensor, place: str | None = None) -> Assumed:
        if not t.shape:
            raise self.fail("is about a number", "a one-hot tensor has an axis")
        label = place or fresh("y" if "y" not in self.program.tensors else f"label_{t.name}",
                               self.program.tensors)
        given = self.program.tensors.get(label)
        if given is not None and (given.kind != "integer" or given.shape != t.shape[:-1]
                                  or given.below != t.shape[-1]):
            raise self.fail(f"wants {label} to be a label of the last axis of {t.name}",
                            f"declare `label {label} < {t.shape[-1]}`, or leave the name out")
        letters = [f"{c}" for c in _letters(len(t.shape), set(self.program.tensors))]
        ranges = tuple(Range(c, s) for c, s in zip(letters, t.shape, strict=True))
        at = atom(Read(Ref(label, tuple(map(index, letters[:-1])))))
        body = Select(Apply("eq", (IndexValue(index(letters[-1])), IndexValue(at))), ONE, ZERO)
        program = self.program
        if given is None:
            new = Tensor(label, t.shape[:-1], "integer", "data", below=t.shape[-1])
            program = replace(program, tensors={**program.tensors, label: new},
                              inputs=(*program.inputs, label))
        return self.defined(program, t.name, letters, ranges, body,
                            f"{t.name} is 1 at one place, called {label}, and 0 elsewhere")

    def distribution(self, t: Tensor) -> Assumed:
        if not t.shape:
            raise self.fail("is about a number", "a distribution has an axis")
        letters = _letters(len(t.shape), set(self.program.tensors))
        ref = Ref(t.name, tuple(map(index, letters)))
        one = bare(ref)
        bound = Bound(one, "0+")
        below = Bound(plus(one, (Mono(Fraction(-1)),)), "-0")
        total = Total(ref, letters[-1], (Mono(Fraction(1)),), t.shape[-1])
        ranges = tuple(Range(c, s) for c, s in zip(letters, t.shape, strict=True))
        return replace(self.known, bounds=(*self.known.bounds, bound, below),
                       totals=(*self.known.totals, total),
                       conditions=(*self.known.conditions,
                                   Condition(ref, "0+", ranges, self.text)),
                       normalised=(*self.known.normalised, (t.name, Fraction(1))))

    def no_ties(self, t: Tensor) -> Assumed:
        if not t.shape:
            raise self.fail("is about a number", "only cells of an axis can be distinct")
        return replace(self.known, distinct=(*self.known.distinct, t.name))

    def compared(self, left: str, sign: str, right: str) -> Assumed:
        difference, ranges = self.expression(f"({left.strip()}) - ({right.strip()})")
        for node in walk(difference):
            if isinstance(node, Ref) and node.tensor not in self.program.tensors:
                raise self.fail(f"is about {node.tensor}, which the claim does not have",
                                did_you_mean(node.tensor, list(self.program.tensors))
                                or "declare it")
        sizes = {r.name: r.size for r in ranges if r.size is not None}
        normal = Normal(Facts(self.known.bounds), {**sizes, **labels(self.program)})
        if sign == "==":
            return self.equal(normal.poly(difference), ranges, normal)
        poly = normal.poly(difference)
        if len(poly) == 1 and not poly[0].factors:
            if ("+" if poly[0].number > 0 else "-") in _SIGNS[sign]:
                return self.known
            raise self.fail("is false for every point", "drop it")
        bounds = self.known.bounds
        if whole(poly, ranges, self.program):
            bounds = (*bounds, Bound(poly, _SIGNS[sign]))
        return replace(
            self.known, bounds=bounds,
            conditions=(*self.known.conditions,
                        Condition(difference, _SIGNS[sign], ranges, self.text)))

    def equal(self, p: Poly, ranges: Sequence[Range], normal: Normal) -> Assumed:
        """An equality: a sum that is known, or one input in terms of the others."""
        if not p:
            return self.known
        computed = [n.tensor for m in p for b, _ in m.factors for n in walk(b)
                    if isinstance(n, Ref) and n.tensor not in self.program.inputs
                    and not self._is_given(n.tensor)]
        if computed:
            raise self.fail(f"is about {computed[0]}, which is computed",
                            "assume equalities of inputs")
        for m in p:
            total = self._total(m, p)
            if total is not None:
                return total
        for m in sorted(p, key=lambda m: len(m.factors)):
            if len(m.factors) != 1 or m.factors[0][1] != 1 or m.sums or m.guards:
                continue
            ref = m.factors[0][0]
            if not isinstance(ref, Ref) or ref.tensor not in self.program.inputs:
                continue
            letters = [s.plain for s in ref.subscripts]
            rest = tuple(o for o in p if o is not m)
            if None in letters or len(set(letters)) != len(letters) or (
                    indices_of(rest) - set(letters)) or _mentions(rest, ref.tensor):
                continue
            if self.program.tensors[ref.tensor].kind == "integer":
                continue
            body = expression(scaled(rest, -1 / m.number))
            own = tuple(r for r in ranges if r.name in letters)
            return self.defined(self.program, ref.tensor, [c or "" for c in letters], own, body,
                                f"given that {self.text}")
        constant = self._constant(p)
        if constant is not None:
            return constant
        linear = self._linear(p, ranges)
        if linear is not None:
            return linear
        raise self.fail("cannot be solved for one input", _KINDS)

    def _constant(self, p: Poly) -> Assumed | None:
        """x[i] = x[j]: all cells of an input are the same."""
        if len(p) != 2 or p[0].number != -p[1].number:
            return None
        if len(p[0].factors) != 1 or len(p[1].factors) != 1:
            return None
        (a, j), (b, k) = p[0].factors[0], p[1].factors[0]
        if not (isinstance(a, Ref) and isinstance(b, Ref) and a.tensor == b.tensor and j == k == 1
                and len(p[0].factors) == len(p[1].factors) == 1 and len(a.subscripts) == 1):
            return None
        if a.subscripts[0].plain is None or b.subscripts[0].plain is None or (
                a.tensor not in self.program.inputs):
            return None
        name = fresh(f"{a.tensor}_all", self.program.tensors)
        new = Tensor(name, (), "real", "data")
        program = replace(self.program, tensors={**self.program.tensors, name: new},
                          inputs=(*self.program.inputs, name))
        letter = _letters(1, set(program.tensors))[0]
        return self.defined(program, a.tensor, [letter],
                            (Range(letter, program.tensors[a.tensor].shape[0]),), Ref(name),
                            f"all cells of {a.tensor} are the same number, called {name}")

    def _linear(self, p: Poly, ranges: Sequence[Range]) -> Assumed | None:
        """a*x + b = 0 with a product a that holds no x: x = -b/a."""
        for m in p:
            for base, k in m.factors:
                rest = tuple(o for o in p if o is not m)
                if k != 1 or m.sums or m.guards or not isinstance(base, Ref) or (
                        base.tensor not in self.program.inputs) or _mentions(rest, base.tensor):
                    continue
                others = replace(m, factors=tuple(f for f in m.factors if f[0] != base))
                letters = [s.plain for s in base.subscripts]
                if None in letters or len(set(letters)) != len(letters) or _mentions(
                        (others,), base.tensor) or indices_of(p) - set(letters):
                    continue
                body = div(expression(scaled(rest, -1)), expression((others,)))
                own = tuple(r for r in ranges if r.name in letters)
                return self.defined(self.program, base.tensor, [c or "" for c in letters], own,
                                    body, f"given that {self.text}")
        return None

    def _total(self, m: Mono, p: Poly) -> Assumed | None:
        if len(m.sums) != 1 or len(m.factors) != 1 or m.factors[0][1] != 1 or m.guards:
            return None
        ref = m.factors[0][0]
        if not isinstance(ref, Ref) or ref.tensor not in self.program.inputs:
            return None
        if any(s.plain is None for s in ref.subscripts):
            return None
        value = scaled(tuple(o for o in p if o is not m), -1 / m.number)
        number = value[0].number if len(value) == 1 and not value[0].factors else None
        if value and number is None:
            raise self.fail("is a sum that equals no number", "a number can be sampled: = 1")
        if ref.subscripts[-1].plain != m.sums[0].name:
            raise self.fail(f"sums over another axis than the last of {ref.tensor}",
                            "only sums over the last axis of an input can be sampled")
        name, size = m.sums[0].name, m.sums[0].size
        if size != self.program.tensors[ref.tensor].shape[-1]:
            raise self.fail(f"sums over a part of the last axis of {ref.tensor}",
                            "only sums over a whole axis can be sampled")
        return replace(self.known, totals=(*self.known.totals, Total(ref, name, value, size)),
                       normalised=(*self.known.normalised,
                                   (ref.tensor, number if number is not None else Fraction(0))))

    def defined(
        self, program: Program, name: str, letters: Sequence[str], ranges: Sequence[Range],
        body: Expr, why: str,
    ) -> Assumed:
        """An input becomes an equation, in front of all that reads it."""
        ordered = tuple(next(r for r in ranges if r.name == c) for c in letters)
        e = Equation(name, tuple(map(index, letters)), ordered, body)
        reads = {n.tensor for n in walk(body) if isinstance(n, Ref)}
        computed = {q.target for q in program.equations}
        if reads & computed and not all(self._is_given(r) for r in reads & computed):
            raise self.fail("gives an input in terms of what is computed",
                            "give it in terms of inputs")
        place = 1 + max((k for k, q in enumerate(program.equations) if q.target in reads),
                        default=-1)
        equations = (*program.equations[:place], e, *program.equations[place:])
        tensors = dict(program.tensors)
        tensors[name] = replace(tensors[name], role="computed")
        changed = replace(program, tensors=tensors, equations=equations,
                          inputs=tuple(n for n in program.inputs if n != name))
        return replace(self.known, program=changed, why=(*self.known.why, (name, why)))

    def _is_given(self, name: str) -> bool:
        return name in dict(self.known.why)

    def expression(self, text: str) -> tuple[Expr, tuple[Range, ...]]:
        """An expression over the program's tensors, with its loose indices."""
        name = fresh("given", self.program.tensors)
        lines = [line for line in program_text(self.program).splitlines()
                 if not line.startswith(("output ", "update "))]
        try:
            try:
                found = read("\n".join([*lines, f"{name} = {text}"]))
            except RangeError:
                found = read("\n".join([*lines, f"{name}[0] += {text}"]))
        except ChainruleError as error:
            raise self.fail(f"cannot be read: {error.message}", error.hint or _KINDS) from None
        own = found.equations[-1]
        return own.body, own.ranges


_KINDS: Final = ("assume a sign or range (`x > 0`), a sum (`sum(i) t[i] = 1`), `t is one-hot`, "
                 "`t is a distribution`, `x has no ties`, or an input in terms of others "
                 "(`V[i] = W[i]/2`)")


def labels(program: Program) -> dict[str, Integer]:
    """The bounds of integer tensors, under @ and their names."""
    return {f"@{n}": t.below for n, t in program.tensors.items() if t.below is not None}


def whole(p: Poly, ranges: Sequence[Range], program: Program) -> bool:
    """Whether each index of a polynomial runs over a whole axis that its leading term reads.

    Only then what holds for its range holds for every index that may stand in its place:
    x[i+1] > 0 says nothing of x[0], and x[k] > 0 for k < K-1 nothing of x[K-1].
    """
    if not p:
        return True
    sizes = {r.name: r.size for r in ranges}
    lead = max(p, key=lambda m: len(m.factors))
    reached = set()
    for base, _ in lead.factors:
        for node in walk(base):
            if not isinstance(node, Ref) or node.tensor not in program.tensors:
                continue
            for s, axis in zip(node.subscripts, program.tensors[node.tensor].shape, strict=True):
                if s.plain is not None and sizes.get(s.plain) == axis:
                    reached.add(s.plain)
    return indices_of(p) <= reached


def _mentions(p: Poly, name: str) -> bool:
    return any(mentions(b, name) for m in p for b, _ in m.factors)


def _letters(count: int, taken: set[str]) -> list[str]:
    free = [c for c in "ikjlmnuvwabcd" if c not in taken]
    return free[:count]


__all__ = ["Assumed", "Condition", "assume", "labels", "whole"]
