"""Points that satisfy assumptions, and claims held against them.

Points are drawn at random to see whether a claim is false, in floating point; a point at which it
seems to be is worked again in exact fractions, or in 50 digits, before it counts. Then the smallest
one is looked for: few cells, small whole numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from time import monotonic
from typing import Any, Final

from chainrule.algebra.plain import plain
from chainrule.errors import ChainruleError, InputError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.explain.assumptions import Assumed
from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Ref,
    Select,
    walk,
)
from chainrule.lang.integers import index, known
from chainrule.lang.program import Equation, Program, Tensor, fresh

_SIZES: Final = (2, 3, 1, 4, 2, 5)
_INTERVALS: Final = ((-2.0, 2.0), (0.1, 2.0), (0.01, 0.99), (-4.0, 4.0), (1.0, 3.0), (-1.0, 0.0))
_WIDE: Final = (-30.0, 30.0)  # every so often, for what holds near 0 only
_TRIES: Final = 400
_CLOSE: Final = 1e-9
_DIGITS: Final = 50
_SMALL: Final = tuple(map(Fraction, ("0", "1", "-1", "2", "1/2", "-2", "3", "-1/2", "1/4")))
_HELD: Final = 12  # points at which the lines of a proof are held against each other
_TRIED: Final = 8  # points at which a claim seems false that are worked exactly
_TELLING: Final = 8  # numbers of a claim that are tried as values
_MOST: Final = 10**6
_SEARCHED: Final = 3_000  # small points that are looked at for the smallest counterexample


@dataclass(frozen=True, slots=True)
class Point:
    """Sizes, and values of the inputs as nested lists."""

    sizes: dict[str, int]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A point, the indices of the cell, and the values of the two sides there."""

    point: Point
    cell: dict[str, int]
    left: Any
    right: Any


class Worlds:
    """Points of a program under assumptions; `sides` are evaluated at all values of `ranges`.

    `program` has an equation for each side, called as `names` says in their order.
    """

    def __init__(
        self, assumed: Assumed, sides: Sequence[Expr], ranges: Sequence[Range],
        relation: str = "==",
    ) -> None:
        self.assumed = assumed
        self.sides = tuple(sides)
        self.ranges = tuple(ranges)
        self.relation = relation
        self.deadline = math.inf  # on the monotonic clock: when the search for a smallest one ends
        self.program, self.names, self._conditions = self._extended()

    def _extended(self) -> tuple[Program, list[str], list[str]]:
        """The program with an equation for each side and each condition."""
        program = self.assumed.program
        tensors = dict(program.tensors)
        equations = list(program.equations)
        names: list[str] = []
        conditions: list[str] = []

        def add(base: str, body: Expr, ranges: Sequence[Range], into: list[str]) -> None:
            name = fresh(base, tensors)
            shape = tuple(r.size for r in ranges if r.size is not None)
            tensors[name] = Tensor(name, shape)
            equations.append(Equation(name, tuple(index(r.name) for r in ranges), tuple(ranges),
                                      plain(body)))
            into.append(name)

        for side in self.sides:
            add("side", side, self.ranges, names)
        if len(self.sides) > 1:  # its sign is told exactly, by the evaluator's own rounding
            add("difference", Apply("sub", self.sides[:2]), self.ranges, names)
        for condition in self.assumed.conditions:
            add("assumed", condition.quantity, condition.ranges, conditions)
        for name in self.assumed.distinct:
            t = tensors[name]
            letters = [f"i{k}" for k in range(len(t.shape))] + ["j0"]
            ranges = [Range(c, s) for c, s in zip(letters, (*t.shape, t.shape[-1]), strict=True)]
            one = Ref(name, tuple(map(index, letters[:-1])))
            other = Ref(name, (*map(index, letters[:-2]), index("j0")))
            same = Apply("eq", (IndexValue(index(letters[-2])), IndexValue(index("j0"))))
            add("distinct", Select(same, ONE, Apply("sub", (one, other))), ranges, conditions)
        return (Program(tensors, program.inputs, tuple(equations), tuple(names), (),
                        program.assumptions), names, conditions)

    @property
    def _signs(self) -> list[str]:
        return [c.signs for c in self.assumed.conditions] + ["-+"] * len(self.assumed.distinct)

    # drawing

    def _telling(self) -> tuple[Fraction, ...]:
        """Numbers near which the claim may change: those that it holds, and 1 to both sides."""
        found: dict[Fraction, None] = {}
        for e in (*self.sides, *(c.quantity for c in self.assumed.conditions)):
            for node in walk(e):
                value = Fraction(node.value) if isinstance(node, Number) else Fraction(0)
                if 2 < abs(value) <= _MOST:
                    found.update(dict.fromkeys((value, value + 1, value - 1, -value)))
        return tuple(found)[:_TELLING]

    def drawn(
        self, count: int, seed: int = 0, wide: bool = True
    ) -> list[tuple[Point, dict[str, Any]]]:
        """Points at which the assumptions hold and both sides are defined, with all values.

        `wide` says whether some are drawn from far away and from the numbers that the claim holds.
        Raises `InputError` where none is found: the assumptions contradict each other, or the claim
        is about what is not defined.
        """
        rng = random.Random(seed)
        telling = self._telling() if wide else ()
        found: list[tuple[Point, dict[str, Any]]] = []
        satisfied = False
        refused: ChainruleError | None = None
        for attempt in range(_TRIES):
            sizes = self._sizes(rng, attempt)
            far = wide and attempt % 8 == 7
            point = Point(sizes, self._values(rng, sizes, attempt, far, telling))
            try:
                table = run(self.program, {**point.values, **self._loose(sizes)}, check=False)
            except ChainruleError as error:
                refused = error
                continue
            if not self._holds(table):
                continue
            satisfied = True
            if all(math.isfinite(c) for n in self.names for c in _flat(table[n])):
                found.append((point, table))
                if len(found) == count:
                    break
            if attempt > 60 and len(found) >= 4:
                break
        if found:
            return found
        if satisfied:
            raise InputError("the claim is about values that are not defined at any point tried",
                             None, "assume what makes them defined, such as `x > 0`")
        if refused is not None and not (self.assumed.conditions or self.assumed.distinct):
            raise refused
        raise InputError(
            "no point satisfies the assumptions: they contradict each other, or are too narrow to "
            "be found by drawing", None, "nothing is proved from them; look at each")

    def _loose(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Sizes that no input's shape tells."""
        told = {n for name in self.program.inputs
                for s in self.program.tensors[name].shape for n in s.sizes() if len(s.terms) == 1}
        return {n: v for n, v in sizes.items() if n not in told}

    def _sizes(self, rng: random.Random, attempt: int) -> dict[str, int]:
        names = self.program.size_names()
        if attempt < len(_SIZES):
            return {n: _SIZES[(attempt + k) % len(_SIZES)] for k, n in enumerate(names)}
        drawn = [rng.randrange(1, 4 + attempt % 4) for _ in names]
        return dict(zip(names, sorted(drawn, reverse=True), strict=True))

    def _values(
        self, rng: random.Random, sizes: Mapping[str, int], attempt: int, far: bool = False,
        telling: Sequence[Fraction] = (),
    ) -> dict[str, Any]:
        low, high = _INTERVALS[attempt % len(_INTERVALS)]
        whole = attempt % 3 == 2  # zeros and ties, which are never drawn otherwise
        numbers = [float(k) for k in (-2, -1, 0, 1, 2)]
        if attempt % 2 and telling:
            numbers += [float(k) for k in telling]
        values: dict[str, Any] = {}
        for name in self.program.inputs:
            t = self.program.tensors[name]
            shape = [known(s, sizes).constant or 0 for s in t.shape]
            if t.kind == "integer":
                most = known(t.below, sizes).constant if t.below is not None else 4
                values[name] = filled(shape, lambda m=most: rng.randrange(max(1, m or 1)))
                continue
            a, b = _INTERVALS[rng.randrange(len(_INTERVALS))] if attempt >= 12 else (low, high)
            if far:
                a, b = _WIDE
            values[name] = filled(shape, (lambda: rng.choice(numbers)) if whole else (
                lambda a=a, b=b: rng.uniform(a, b)))
        for name, total in self.assumed.normalised:
            if name in values:
                sure = any(isinstance(c.quantity, Ref) and c.quantity.tensor == name
                           for c in self.assumed.conditions)
                values[name] = _normalised(values[name], float(total), sure or attempt % 2 == 0)
        return values

    def settled(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """Values made to have the sums that are assumed; None where an assumption fails."""
        found = dict(values)
        for name, total in self.assumed.normalised:
            if name in found:
                found[name] = _normalised(found[name], float(total), True)
        if not (self.assumed.conditions or self.assumed.distinct):
            return found
        try:
            return found if self._holds(run(self.program, _floats(found), check=False)) else None
        except ChainruleError:
            return None

    def _holds(self, table: Mapping[str, Any]) -> bool:
        return all(_sign(c) in signs for n, signs in zip(self._conditions, self._signs, strict=True)
                   for c in _flat(table[n]))

    # comparing

    def differing(self, points: Sequence[tuple[Point, Mapping[str, Any]]]) -> Point | None:
        """A point at which the claim seems false in floating point: one where it is, if any is."""
        seems: list[Point] = []
        for point, table in points:
            left, right = (_flat(table[n]) for n in self.names[:2])
            if not all(_relates(float(a), float(b), self.relation)
                       for a, b in zip(left, right, strict=True)):
                seems.append(point)
        for point in seems[:_TRIED]:
            if self.exactly(point) is not None:
                return point
        return seems[0] if seems else None

    def exactly(self, point: Point) -> Counterexample | None:
        """The first cell at which the claim is false at a point, in fractions or 50 digits."""
        try:
            table = evaluate_cells(self.program, {**point.values, **self._loose(point.sizes)},
                                   digits=_DIGITS)
        except ChainruleError:
            return None
        for name, signs in zip(self._conditions, self._signs, strict=True):
            if not all(_sign(c) in signs for c in table[name].cells):
                return None
        one, other, difference = (table[n] for n in (*self.names[:2], self.names[-1]))
        for place, a, b, d in zip(
                one.places(), one.cells, other.cells, difference.cells, strict=True):
            if not _sign_relates(d, self.relation):
                cell = {r.name: k for r, k in zip(self.ranges, place, strict=True)}
                return Counterexample(point, cell, a, b)
        return None

    def disagreeing(self, count: int) -> int | None:
        """The first of `count` sides that is not what the one before it is; None if none is."""
        for point, table in self.drawn(_HELD):
            cells = [_flat(table[n]) for n in self.names[:count]]
            for k in range(1, count):
                for at, (a, b) in enumerate(zip(cells[k - 1], cells[k], strict=True)):
                    if not _relates(a, b, "==") and self._exactly_differ(point, k, at):
                        return k
        return None

    def _exactly_differ(self, point: Point, k: int, at: int) -> bool:
        """Whether two sides differ at a cell in 50 digits, not by rounding alone."""
        try:
            table = evaluate_cells(self.program, {**point.values, **self._loose(point.sizes)},
                                   digits=_DIGITS)
        except ChainruleError:
            return True
        a, b = (table[self.names[j]].cells[at] for j in (k - 1, k))
        scale = max(1.0, abs(float(a)))
        return bool(abs(float(a) - float(b)) > 1e-12 * scale)

    def smallest(self, seen: Point | None) -> Counterexample | None:
        """The smallest point at which the claim is false: few cells, then small numbers."""
        looked = 0
        for point in self._small():
            looked += 1
            if looked > _SEARCHED or monotonic() > self.deadline:
                break
            try:
                table = run(self.program, {**_floats(point.values), **self._loose(point.sizes)},
                            check=False)
            except ChainruleError:
                continue
            if not self._holds(table) or not all(
                    math.isfinite(c) for n in self.names for c in _flat(table[n])):
                continue
            left, right = (_flat(table[n]) for n in self.names[:2])
            if all(_relates(float(a), float(b), self.relation)
                   for a, b in zip(left, right, strict=True)):
                continue
            found = self.exactly(point)
            if found is not None:
                return found
        return None if seen is None else self.exactly(_rounded(seen)) or self.exactly(seen)

    def _small(self) -> Iterator[Point]:
        """Points with small sizes and small numbers, the simplest first."""
        names = self.program.size_names()
        for most in (1, 2, 3):
            for sizes in product(range(1, most + 1), repeat=len(names)):
                if names and max(sizes) != most:
                    continue
                yield from self._at_sizes(dict(zip(names, sizes, strict=True)))
            if not names:
                return

    def _at_sizes(self, sizes: dict[str, int]) -> Iterator[Point]:
        program = self.program
        shapes = {n: [known(s, sizes).constant or 0 for s in program.tensors[n].shape]
                  for n in program.inputs}
        cells = [(n, math.prod(shapes[n])) for n in program.inputs]
        count = sum(k for _, k in cells)
        if count > 12 or any(c < 0 for s in shapes.values() for c in s):
            return
        normalised = dict(self.assumed.normalised)
        # numbers are allowed in by and by, so that the simplest come first
        small = (*_SMALL, *self._telling())
        for allowed in range(1, len(small) + 1):
            if allowed ** count > 40_000:
                return
            for chosen in product(range(allowed), repeat=count):
                if chosen and max(chosen) != allowed - 1:
                    continue
                values: dict[str, Any] = {}
                numbers = iter(chosen)
                for n, k in cells:
                    own = [next(numbers) for _ in range(k)]
                    t = program.tensors[n]
                    if t.kind == "integer":
                        below = known(t.below, sizes).constant if t.below is not None else 4
                        flat: list[Any] = [v % max(1, below or 1) for v in own]
                    else:
                        flat = [small[v] for v in own]
                    if n in normalised:
                        made = _sharing(flat, shapes[n], normalised[n])
                        if made is None:
                            break
                        flat = made
                    values[n] = _nested(flat, shapes[n])
                else:
                    yield Point(sizes, values)


def filled(shape: Sequence[int], draw: Any) -> Any:
    """Nested lists of a shape, each cell drawn."""
    return draw() if not shape else [filled(shape[1:], draw) for _ in range(shape[0])]


def _flat(cells: Any) -> list[Any]:
    if hasattr(cells, "ravel"):
        return list(cells.ravel().tolist())
    return [c for part in cells for c in _flat(part)] if isinstance(cells, list) else [cells]


def _nested(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return flat[0]
    size = math.prod(shape[1:])
    return [_nested(flat[k * size : (k + 1) * size], shape[1:]) for k in range(shape[0])]


def _normalised(cells: Any, total: float, positive: bool) -> Any:
    if cells and isinstance(cells[0], list):
        return [_normalised(row, total, positive) for row in cells]
    if positive and total:
        weights = [abs(c) + 0.05 for c in cells]
        return [total * w / sum(weights) for w in weights]
    return [*cells[:-1], total - sum(cells[:-1])] if cells else cells


def _sharing(flat: Sequence[Fraction], shape: Sequence[int], total: Fraction) -> list[Any] | None:
    """Cells whose last one in each row is what is missing to the total."""
    if not shape or not shape[-1]:
        return None
    found: list[Any] = []
    for k in range(0, len(flat), shape[-1]):
        row = list(flat[k : k + shape[-1]])
        if row[-1] != 0:
            return None  # the last is not free: one choice of it is enough
        row[-1] = total - sum(row[:-1])
        found += row
    return found


def _floats(values: Mapping[str, Any]) -> dict[str, Any]:
    def each(c: Any) -> Any:
        return [each(v) for v in c] if isinstance(c, list) else (
            float(c) if isinstance(c, Fraction) else c)

    return {n: each(v) for n, v in values.items()}


def _rounded(point: Point) -> Point:
    def each(c: Any) -> Any:
        return [each(v) for v in c] if isinstance(c, list) else (
            Fraction(round(c * 4), 4) if isinstance(c, float) else c)

    return replace(point, values={n: each(v) for n, v in point.values.items()})


def _sign(c: Any) -> str:
    value = float(c)
    if abs(value) < 1e-12:
        return "0"
    return "+" if value > 0 else "-" if value < 0 else "?"  # NaN has none


def _relates(a: float, b: float, relation: str) -> bool:
    near = abs(a - b) <= _CLOSE * max(1.0, abs(a), abs(b))
    if relation == "==":
        return near
    if relation == "<=":
        return a <= b or near
    if relation == ">=":
        return a >= b or near
    return a < b if relation == "<" else a > b


def _sign_relates(difference: Any, relation: str) -> bool:
    """Whether the sign of left - right is one that the relation allows; NaN's never is."""
    if relation == "==":
        return bool(difference == 0)
    if relation == "<=":
        return bool(difference <= 0)
    if relation == ">=":
        return bool(difference >= 0)
    return bool(difference < 0) if relation == "<" else bool(difference > 0)


__all__ = ["Counterexample", "Point", "Worlds", "filled"]
