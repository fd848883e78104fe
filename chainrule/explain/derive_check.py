"""Expressions held against each other at random points.

Sizes are drawn, inputs are drawn, assumptions are made true, and the program and its gradient are
run; then both sides of a line are run as programs of their own, at every cell.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from chainrule.algebra.fold import Given
from chainrule.diff.reverse import Derivative, gradient, jacobian
from chainrule.errors import (
    ChainruleError,
    DomainError,
    InputError,
    LimitError,
    RangeError,
    ShapeError,
)
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    rebuild,
    walk,
)
from chainrule.lang.integers import Integer, index, known
from chainrule.lang.program import Equation, Program, Shape, Tensor

_SIZES: Final = (3, 4, 2, 5, 3, 2, 4)
_SMALL_SIZES: Final = (1, 2, 2, 3, 4, 5, 6, 7, 8, 9)  # kernels, strides; and what they slide over
_DRAWS: Final = 200
_POINTS: Final = 2
_TRIES: Final = 12
_CLOSE: Final = 1e-8
_DIGITS: Final = 40
_SMALL: Final = 1e-3  # what is smaller is compared as if it were this large
_STEP: Final = 1e-5


class UnsoundStepError(ChainruleError):
    """A line of a derivation whose two sides differ: a bug, never shown."""

    code = "unsound-step"
    exit_code = 70


class Points:
    """A few random points at which lines are evaluated.

    `names` says, for each tensor that is differentiated by, what the derivative is called.
    """

    def __init__(
        self, program: Program, of: str, names: Mapping[str, str], givens: Sequence[Given],
        seed: int = 0,
    ) -> None:
        self.program = executable(program)
        self.of = of
        self.names = dict(names)
        self.derived = {derivative: name for name, derivative in self.names.items()}
        told = {str(axis) for n in program.inputs for axis in program.tensors[n].shape}
        self._untold = [n for n in program.size_names() if n not in told]  # strides, as in x[s*i]
        self.found: list[tuple[dict[str, int], dict[str, Any]]] = []
        scalar = not program.tensors[of].shape
        derivative = (gradient if scalar else jacobian)(self.program, of, list(self.names))
        for k in range(_POINTS):
            self.found.append(self._point(random.Random(seed + k), derivative, givens, k))

    def _point(
        self, rng: random.Random, derivative: Derivative, givens: Sequence[Given], k: int
    ) -> tuple[dict[str, int], dict[str, Any]]:
        refused: ChainruleError | None = None
        for attempt in range(_TRIES):
            sizes = self._sizes(rng, k, attempt)
            try:
                values = {n: _drawn(rng, self.program.tensors[n], sizes, positive=attempt % 2 == 1)
                          for n in self.program.inputs}
                values |= {n: sizes[n] for n in self._untold}
                for given in givens:
                    _satisfy(given, values)
                table = run(derivative.program, values)
            except DomainError:
                continue
            except (ShapeError, RangeError) as error:  # sizes that do not go together
                refused = error
                continue
            point = {n: table[n] for n in self.program.tensors if n in table} | values
            for name, own in self.names.items():
                point[own] = table[derivative.names[name]]
            self._ground(values, point, random.Random(k))
            return sizes, point
        if refused is not None:
            raise refused
        raise InputError("no point was found at which the program is defined", None,
                         "inputs are drawn between -1.5 and 1.5, then between 0.3 and 1.8")

    def _sizes(self, rng: random.Random, k: int, attempt: int) -> dict[str, int]:
        """Sizes to draw inputs of: small ones, then at random, the first names the larger ones."""
        names = self.program.size_names()
        if attempt < 2:
            drawn = [_SIZES[(j + k) % len(_SIZES)] for j in range(len(names))]
        else:
            drawn = sorted((rng.randrange(2, 6 + attempt) for _ in names), reverse=True)
        sizes = dict(zip(names, drawn, strict=True))
        for _ in range(_DRAWS):
            if not self._empty(sizes):
                break
            sizes = {n: rng.choice(_SMALL_SIZES) for n in names}
        return sizes

    def _empty(self, sizes: Mapping[str, int]) -> bool:
        """Whether a tensor has no cells then: lines about none of them would prove nothing."""
        found = [known(n, sizes).constant for t in self.program.tensors.values() for n in t.shape]
        return any(n is not None and n < 1 for n in found)

    def _ground(
        self, values: Mapping[str, Any], point: Mapping[str, Any], rng: random.Random
    ) -> None:
        """Hold the derivative that is run against differences of the program itself.

        Both derivatives, that which is shown and that which is run, come from one table of
        functions. This is what sees a mistake there. Near a kink, and where rounding leaves too few
        digits, it says nothing.
        """
        moved = [n for n in self.names if n in values]
        if not moved or _stops(self.program):
            return
        along = {n: _each(values[n], lambda _: rng.uniform(-1, 1)) for n in moved}
        weights = _each(_listed(point[self.of]), lambda _: rng.uniform(-1, 1))

        def total(by: float) -> float:
            at = {n: _each(values[n], lambda c, d: c + by * d, along[n]) for n in moved}
            return _inner(weights, _listed(run(self.program, {**values, **at})[self.of]))

        try:
            ends = {by: total(by) for by in (-2 * _STEP, -_STEP, 0.0, _STEP, 2 * _STEP)}
        except DomainError:
            return
        near = (ends[_STEP] - ends[-_STEP]) / (2 * _STEP)
        far = (ends[2 * _STEP] - ends[-2 * _STEP]) / (4 * _STEP)
        bend = (ends[_STEP] - 2 * ends[0.0] + ends[-_STEP]) / _STEP
        scale = max(0.01, abs(near), abs(ends[0.0]))
        if abs(near - far) > 1e-6 * scale or abs(bend) > 1e-2 * scale:
            return
        slope = sum(_slope(weights, _listed(point[self.names[n]]), along[n]) for n in moved)
        if not abs(slope - near) <= 1e-5 * scale:
            raise UnsoundStepError(
                f"the derivative of {self.of} that is run is {slope:.6g} along a random direction, "
                f"where the program's own differences are {near:.6g}")

    def extend(self, program: Program, names: Mapping[str, str] | None = None,
               shape: Shape = ()) -> None:
        """Add what another program computes from the same inputs to the points.

        `names` says what its tensors are to be called here, all of `shape`; without, it is what
        they are called there.
        """
        program = executable(program)
        tensors = dict(self.program.tensors)
        for n in names or {}:
            tensors[(names or {})[n]] = replace(program.tensors[n], shape=shape)
        table = names or {n: n for n in program.tensors if n not in tensors}
        for _, point in self.found:
            values = run(program, {n: point[n] for n in (*program.inputs, *self._untold)})
            point.update({own: values[n] for n, own in table.items() if n in values})
        self.program = replace(self.program, tensors={**program.tensors, **tensors}
                               if names is None else tensors)

    def agree(self, forms: Sequence[Expr], sizes: Mapping[str, Integer]) -> None:
        """All forms have the same value at each cell of each point.

        Raises `UnsoundStepError` for the first that differs from the last.
        """
        for own, point in self.found:
            try:
                values = [self._value(form, sizes, own, point) for form in forms]
            except LimitError:
                raise
            except ChainruleError as error:  # the program has a value here, so its lines have one
                raise UnsoundStepError(
                    f"a step of a derivation has no value: {error.message}") from error
            for form, value in zip(forms[:-1], values[:-1], strict=True):
                if not _close(value, values[-1]) and not self._close_in_digits(
                        form, forms[-1], sizes, own, point):
                    raise UnsoundStepError(
                        f"a step of a derivation does not hold at a random point: {form!r:.400}")

    def _close_in_digits(
        self, form: Expr, last: Expr, sizes: Mapping[str, Integer], own: Mapping[str, int],
        point: Mapping[str, Any],
    ) -> bool:
        """Whether two forms agree with 40 digits: (exp(-z)/s)/(exp(-z)/s) is 0/0 with 16."""
        try:
            a, b = (_flat(self._value(e, sizes, own, point, _DIGITS)) for e in (form, last))
        except ChainruleError:
            return False
        scale = max(_SMALL, *map(abs, b)) if b else _SMALL
        return all(abs(x - y) <= _CLOSE * scale for x, y in zip(a, b, strict=True))

    def _value(
        self, e: Expr, sizes: Mapping[str, Integer], own: Mapping[str, int],
        point: Mapping[str, Any], digits: int = 0,
    ) -> Any:
        tensors: dict[str, Tensor] = {}
        needed = _names(e)
        for name in needed:
            tensor = self.program.tensors.get(name)
            if tensor is None:
                tensor = Tensor(name, self.program.tensors[self.derived[name]].shape)
            front = () if name in self.program.tensors else self.program.tensors[self.of].shape
            shape = tuple(known(n, own) for n in (*front, *tensor.shape))
            tensors[name] = Tensor(name, shape, tensor.kind, "data")
        ranges = tuple(Range(n, known(size, own)) for n, size in sizes.items())
        target = "value"
        tensors[target] = Tensor(target, tuple(r.size for r in ranges if r.size is not None))
        equation = Equation(target, tuple(index(r.name) for r in ranges), ranges,
                            _runnable(e, own))
        program = Program(tensors, tuple(needed), (equation,), (target,))
        values = {n: point[n] for n in needed}
        if digits:
            return evaluate_cells(program, values, digits=digits, check=False)[target].nested()
        return run(program, values, check=False)[target]


def _stops(program: Program) -> bool:
    """Whether a derivative is cut off on purpose."""
    return any(isinstance(node, Apply) and node.function == "stop_gradient"
               for e in program.equations for node in walk(e.body))


def _listed(cells: Any) -> Any:
    """An array as nested lists."""
    return cells.tolist() if hasattr(cells, "tolist") else cells


def _flat(cells: Any) -> list[float]:
    """All cells in a row."""
    return [n for c in cells for n in _flat(c)] if isinstance(cells, list) else [float(cells)]


def _each(cells: Any, make: Callable[..., float], *others: Any) -> Any:
    """A number made of each cell, and of the same cell of others."""
    if isinstance(cells, list):
        return [_each(c, make, *rest) for c, *rest in zip(cells, *others, strict=True)]
    return make(cells, *others)


def _inner(a: Any, b: Any) -> float:
    """The sum of the products of two arrays' cells."""
    if isinstance(a, list):
        return sum(_inner(x, y) for x, y in zip(a, b, strict=True))
    return float(a) * float(b)


def _slope(weights: Any, jacobian: Any, along: Any) -> float:
    """The weighted sum of the output's changes along a direction."""
    if isinstance(weights, list):
        return sum(_slope(w, j, along) for w, j in zip(weights, jacobian, strict=True))
    return float(weights) * _inner(along, jacobian)


def _names(e: Expr) -> list[str]:
    return list(dict.fromkeys(n.tensor for n in walk(e) if isinstance(n, Ref)))


def executable(program: Program) -> Program:
    """A program whose deltas are selections."""
    if not any(isinstance(n, Delta) for e in program.equations for n in walk(e.body)):
        return program
    return replace(program, equations=tuple(
        replace(e, body=_runnable(e.body, {})) for e in program.equations))


def _runnable(e: Expr, sizes: Mapping[str, int]) -> Expr:
    """An expression with its sizes known, whose deltas are selections."""
    if isinstance(e, Delta):
        sides = tuple(_runnable(IndexValue(side), sizes) for side in (e.left, e.right))
        return Select(Apply("eq", sides), ONE, ZERO)
    if isinstance(e, IndexValue):
        value = known(e.value, sizes)
        return Number(value.constant) if value.constant is not None else IndexValue(value)
    if isinstance(e, Ref):
        return Ref(e.tensor, tuple(known(s, sizes) for s in e.subscripts), e.outside)
    parts = children(e)
    new = rebuild(e, tuple(_runnable(part, sizes) for part in parts)) if parts else e
    if isinstance(new, Reduce | ArgReduce):
        ranges = tuple(Range(r.name, known(r.size, sizes) if r.size is not None else None)
                       for r in new.indices)
        return replace(new, indices=ranges)
    return new


def _drawn(rng: random.Random, tensor: Tensor, sizes: Mapping[str, int], positive: bool) -> Any:
    shape = [known(n, sizes).constant or 0 for n in tensor.shape]
    most = known(tensor.below, sizes).constant if tensor.below is not None else 3

    def cell() -> float:
        if tensor.kind == "integer":
            return rng.randrange(most or 1)
        return rng.uniform(0.3, 1.8) if positive else rng.uniform(-1.5, 1.5)

    def cells(rest: Sequence[int]) -> Any:
        return cell() if not rest else [cells(rest[1:]) for _ in range(rest[0])]

    return cells(shape)


def _satisfy(given: Given, values: dict[str, Any]) -> None:
    """Make an assumption true: a sum over the last axis of an input is scaled to what it is."""
    body = given.left.body
    if not isinstance(body, Ref) or body.tensor not in values or given.right != ONE or (
            not body.subscripts or body.subscripts[-1].plain != given.left.indices[0].name):
        raise InputError(f"the assumption {given.text} cannot be made true by drawing", None,
                         "sums over the last axis of an input that are 1 can: sum(i) t[i] = 1")

    def scaled(cells: Any) -> Any:
        if cells and isinstance(cells[0], list):
            return [scaled(row) for row in cells]
        weights = [math.exp(c) for c in cells]
        return [w / sum(weights) for w in weights]

    values[body.tensor] = scaled(values[body.tensor])


def _close(a: Any, b: Any) -> bool:
    worst = abs(a - b).max() if getattr(a, "size", 1) else 0.0
    scale = max(_SMALL, float(abs(b).max()) if getattr(b, "size", 1) else 0.0)
    return bool(worst <= _CLOSE * scale)  # NaN is not close to anything

