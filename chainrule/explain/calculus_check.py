"""Limits and integrals held against numbers: each line of each case, at points that lie in it.

A limit is approached along points that come ever nearer, an integral is summed by the
double-exponential rule (Takahasi and Mori, 1974), which bears endpoints at infinity and integrands
that grow there. Neither proves anything; both find a wrong rule.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from chainrule.algebra.plain import plain
from chainrule.algebra.products import mentions
from chainrule.algebra.terms import replaced
from chainrule.errors import ChainruleError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.explain.calculus import STARTS
from chainrule.explain.claims import Operator, Side
from chainrule.explain.points import filled
from chainrule.explain.proof import Case
from chainrule.lang.expr import Expr, Range, Ref, transform
from chainrule.lang.integers import constant, index, known
from chainrule.lang.program import Equation, Program, Tensor, fresh

_NEAR: Final = tuple(Fraction(10) ** -k for k in (1, 2, 3, 5, 8, 12, 16))
_FAR: Final = tuple(Fraction(10) ** k for k in (1, 2, 3, 4, 6, 9, 12))
_DIGITS: Final = 60
_CLOSE: Final = 1e-3  # of the last point of an approach; many approach slowly
_ROUGH: Final = 2e-2  # of an integral whose integrand may have kinks
_STEPS: Final = 60  # nodes of the double-exponential rule on each side of the middle
_TRIES: Final = 60
_VALUES: Final = tuple(Fraction(n, 4) for n in (0, 4, -4, 8, -8, 2, -2, 3, -5, 7))


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that numbers contradict: which, the point, and what was found on both sides."""

    rule: str
    values: Mapping[str, Any]
    expected: float
    found: float


def faults(
    program: Program, ranges: Sequence[Range], side: Side, cases: Sequence[Case], *,
    points: int = 2, seed: int = 0,
    settled: Callable[[dict[str, Any]], dict[str, Any] | None] = dict,
) -> list[Fault]:
    """What numbers contradict in the cases of a side, at a few points of each.

    `ranges` are the indices of the claim; a line with two or more operators is not looked at.
    `settled` makes values satisfy what is assumed, or says None.
    """
    bench = _Bench(program, ranges, settled)
    found = []
    for case in cases:
        for values, cell in bench.points(case, side, points, random.Random(seed)):
            found += list(_faults(bench, side, case, values, cell))
    return found


def _faults(
    bench: _Bench, side: Side, case: Case, values: dict[str, Any], cell: Mapping[str, int],
) -> Iterator[Fault]:
    """The lines of a case that differ from the end of their chain, at one point."""
    chains: list[tuple[list[tuple[str, Side | str]], bool]] = []
    own: list[tuple[str, Side | str]] = [("", side)]
    for line in case.lines:
        if line.rule in STARTS:
            chains.append((own, False))
            own = []
        own.append((line.rule, line.value))
    chains.append((own, case.value is not None))
    for k, (chain, _) in enumerate(chains):
        last = chain[-1][1]
        if k == len(chains) - 1 and case.value is not None:
            last = case.value if isinstance(case.value, str) else Side(case.value)
        wanted = bench.number(last, values, cell)
        if wanted is None:
            continue
        for rule, value in chain:
            if k == 0 and len(chains) > 1 and case.value is None:
                break  # what does not exist equals nothing
            got = bench.number(value, values, cell, wanted)
            if got is not None and not _same(got, wanted, value):
                yield Fault(rule or "the side itself", values, wanted, got)


def _same(a: float, b: float, value: Side | str) -> bool:
    if math.isinf(a) or math.isinf(b):  # a quadrature of what diverges ends somewhere
        whole = isinstance(value, Side) and any(o.kind == "integral" for o in value.operators)
        return a == b or whole
    rough = isinstance(value, Side) and any(o.kind == "integral" for o in value.operators)
    return abs(a - b) <= (_ROUGH if rough else _CLOSE) * max(1.0, abs(a), abs(b))


class _Bench:
    """Evaluates expressions over a program's inputs at one cell of some indices."""

    def __init__(
        self, program: Program, ranges: Sequence[Range],
        settled: Callable[[dict[str, Any]], dict[str, Any] | None] = dict,
    ) -> None:
        self.program = program
        self.ranges = tuple(ranges)
        self.settled = settled

    def points(
        self, case: Case, side: Side, count: int, rng: random.Random
    ) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
        """Values of the inputs, and a cell, for which the case's conditions hold."""
        found = 0
        bound = {o.variable for o in side.operators}
        for _ in range(_TRIES * count):
            sizes = {n: rng.choice((1, 2, 3)) for n in self.program.size_names()}
            drawn = self.settled({n: self._drawn(n, sizes, rng) for n in self.program.inputs})
            if drawn is None:
                continue
            values = drawn
            cell = {r.name: rng.randrange(max(1, _known(r, sizes))) for r in self.ranges}
            if self._holds(case, values, cell, sizes):
                found += 1
                yield {n: v for n, v in values.items() if n not in bound} | {
                    n: Fraction(1) for n in bound if n in values}, cell
            if found == count:
                return

    def _drawn(self, name: str, sizes: Mapping[str, int], rng: random.Random) -> Any:
        t = self.program.tensors[name]
        shape = [known(s, sizes).constant or 0 for s in t.shape]
        return filled(shape, lambda: rng.choice(_VALUES))

    def _holds(
        self, case: Case, values: dict[str, Any], cell: Mapping[str, int],
        sizes: Mapping[str, int],
    ) -> bool:
        for quantity, signs in case.conditions:
            try:
                value = self.cells([quantity], values, cell)[0]
            except ChainruleError:
                return False
            sign = "0" if abs(value) < 1e-12 else "+" if value > 0 else "-"
            if sign not in signs:
                return False
        return True

    def cells(
        self, bodies: Sequence[Expr], values: Mapping[str, Any], cell: Mapping[str, int]
    ) -> list[float]:
        """Expressions at a cell. Raises what evaluating raises."""
        program = self.program
        tensors = {n: program.tensors[n] for n in program.inputs}
        equations = []
        names = []
        for body in bodies:
            name = fresh("cell", tensors)
            tensors[name] = Tensor(name, ())
            here = _at(body, cell)
            equations.append(Equation(name, (), (), plain(here)))
            names.append(name)
        whole = Program(tensors, program.inputs, tuple(equations), tuple(names))
        sizes = whole.size_names()
        told = {n: v for n, v in values.items()}
        for n in sizes:
            if not any(n in s.sizes() for t in program.inputs
                       for s in program.tensors[t].shape):
                told[n] = 2
        table = evaluate_cells(whole, told, digits=_DIGITS)
        return [_real(table[n].cells[0]) for n in names]

    def number(
        self, value: Side | str, values: Mapping[str, Any], cell: Mapping[str, int],
        wanted: float | None = None,
    ) -> float | None:
        """A line as a number; None where that cannot be told."""
        if isinstance(value, str):
            return math.inf if value == "inf" else -math.inf
        if len(value.operators) > 1:
            return None
        if not value.operators:
            try:
                return self.cells([value.body], values, cell)[0]
            except ChainruleError:
                return None
        own = value.operators[0]
        if own.variable not in self.program.inputs and mentions(value.body, own.variable):
            return None
        if own.kind == "lim":
            return self._approached(value.body, own, values, cell, wanted)
        return self._integrated(value.body, own, values, cell)

    def _end(
        self, point: Expr | str, values: Mapping[str, Any], cell: Mapping[str, int]
    ) -> float:
        if isinstance(point, str):
            return math.inf if point == "inf" else -math.inf
        return self.cells([point], values, cell)[0]

    def _approached(
        self, body: Expr, own: Operator, values: Mapping[str, Any], cell: Mapping[str, int],
        wanted: float | None,
    ) -> float | None:
        """The last of the values along an approach; an infinite one is told by its growth."""
        point = own.points[0]
        sides = (own.side,) if own.side or isinstance(point, str) else ("+", "-")
        results = []
        for side in sides:
            found = []
            for step in _FAR if isinstance(point, str) else _NEAR:
                if isinstance(point, str):
                    at: Any = step if point == "inf" else -step
                else:
                    try:
                        middle = Fraction(self._end(point, values, cell))
                    except (ChainruleError, OverflowError, ValueError):
                        return None
                    at = middle + (step if side == "+" else -step)
                try:
                    found.append(self.cells([body], {**values, own.variable: at}, cell)[0])
                except (ChainruleError, OverflowError):
                    continue
            results.append(_tending(found, wanted))
        if any(r is None for r in results):
            return None
        first = results[0]
        assert first is not None
        far = [r for r in results if r is not None and wanted is not None and r != wanted]
        return max(far, key=lambda r: abs(r - wanted), default=first) if (
            wanted is not None and not math.isinf(wanted)) else far[0] if far else first

    def _integrated(
        self, body: Expr, own: Operator, values: Mapping[str, Any], cell: Mapping[str, int]
    ) -> float | None:
        try:
            low, high = (self._end(p, values, cell) for p in own.points)
            if low == high:
                return 0.0
            turned = -1.0 if low > high else 1.0
            low, high = min(low, high), max(low, high)
            if own.variable not in self.program.inputs:
                found = self.cells([body], values, cell)[0] * (high - low) * turned
                return None if math.isnan(found) else found
            total = 0.0
            for a, b in _split(low, high):
                part = self._ruled(body, own.variable, a, b, values, cell)
                if part is None:
                    return None
                total += part
            return turned * total
        except (ChainruleError, OverflowError):
            return None

    def _ruled(
        self, body: Expr, variable: str, low: float, high: float, values: Mapping[str, Any],
        cell: Mapping[str, int],
    ) -> float | None:
        """The double-exponential rule; None where the sum does not settle."""
        nodes = list(_nodes(low, high))
        at = index("node")
        shape = (constant(len(nodes)),)
        name = fresh("nodes", {**self.program.tensors})
        moved = transform(_at(body, cell), lambda n: (
            Ref(name, (at,)) if isinstance(n, Ref) and n.tensor == variable else None))
        tensors = {**{n: self.program.tensors[n] for n in self.program.inputs},
                   name: Tensor(name, shape), "cell": Tensor("cell", shape)}
        equation = Equation("cell", (at,), (Range("node", shape[0]),), plain(moved))
        whole = Program(tensors, (*self.program.inputs, name), (equation,), ("cell",))
        table = evaluate_cells(whole, {**values, name: [Fraction(u) for u, _ in nodes]},
                               digits=25)
        terms = [_real(c) * w for c, (_, w) in zip(table["cell"].cells, nodes, strict=True)]
        total = math.fsum(terms)
        edge = max(abs(t) for t in (*terms[:2], *terms[-2:]))
        if not math.isfinite(total) or edge > 1e-4 * max(1.0, abs(total)):
            return None
        return total


def _tending(found: Sequence[float], wanted: float | None) -> float | None:
    """What values along an approach tend to, an infinity where they grow and grow."""
    if len(found) < 3:
        return None
    last, before = found[-1], found[-2]
    if wanted is not None and math.isinf(wanted):
        grows = abs(last) >= abs(before) and abs(last) > abs(found[0])
        return math.copysign(math.inf, last) if grows else last
    if wanted is not None and not math.isinf(last):
        nearer = abs(last - wanted) <= 0.9 * abs(found[-3] - wanted)
        if abs(last - wanted) > _CLOSE * max(1.0, abs(wanted)) and nearer:
            return None  # on its way, too slow to tell
    return last


def _split(low: float, high: float) -> list[tuple[float, float]]:
    """The stretch cut at 0 and, where it is infinite, once more."""
    inner = [p for p in (-1.0, 0.0, 1.0) if low < p < high]
    points = [low, *inner, high]
    return list(pairwise(points))


def _nodes(low: float, high: float) -> Iterator[tuple[float, float]]:
    """Nodes and weights of the double-exponential rule."""
    h = 6.0 / (2 * _STEPS)
    for k in range(-_STEPS, _STEPS + 1):
        t = k * h
        s = math.pi / 2 * math.sinh(t)
        ds = math.pi / 2 * math.cosh(t)
        if math.isinf(low) or math.isinf(high):
            u = math.exp(s) if abs(s) < 40 else 0.0
            if not u:
                continue
            node = low + u if not math.isinf(low) else high - u
            yield node, h * u * ds
        elif abs(s) < 17:
            x = math.tanh(s)
            yield (low + high) / 2 + (high - low) / 2 * x, (
                h * (high - low) / 2 * ds / math.cosh(s) ** 2)


def _known(r: Range, sizes: Mapping[str, int]) -> int:
    return 1 if r.size is None else known(r.size, sizes).constant or 1


def _at(e: Expr, cell: Mapping[str, int]) -> Expr:
    """An expression at one cell of its free indices."""
    return replaced(e, {n: constant(k) for n, k in cell.items()})


def _real(c: Any) -> float:
    try:
        return float(c)
    except OverflowError:
        return math.copysign(math.inf, c)
