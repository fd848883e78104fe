"""Expressions held against each other at random points.

Sizes are drawn, inputs are drawn, assumptions are made true, and the program and its gradient are
run; then both sides of a line are run as programs of their own, at every cell.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from chainrule.algebra.fold import Given
from chainrule.diff.reverse import gradient, jacobian
from chainrule.errors import ChainruleError, DomainError, InputError
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
from chainrule.lang.program import Equation, Program, Tensor

_SIZES: Final = (3, 4, 2, 5, 3, 2, 4)
_POINTS: Final = 2
_TRIES: Final = 8
_CLOSE: Final = 1e-8


class UnsoundStepError(ChainruleError):
    """A line of a derivation whose two sides differ: a bug, never shown."""

    code = "unsound-step"
    exit_code = 70


class Points:
    """A few random points at which lines are evaluated."""

    def __init__(
        self, program: Program, of: str, wanted: Sequence[str], givens: Sequence[Given],
        seed: int = 0,
    ) -> None:
        self.program = program
        self.of = of
        self.found: list[tuple[dict[str, int], dict[str, Any]]] = []
        self.wanted = list(wanted)
        scalar = not program.tensors[of].shape
        derivative = (gradient if scalar else jacobian)(program, of, self.wanted)
        for k in range(_POINTS):
            self.found.append(self._point(random.Random(seed + k), derivative, givens, k))

    def _point(
        self, rng: random.Random, derivative: Any, givens: Sequence[Given], k: int
    ) -> tuple[dict[str, int], dict[str, Any]]:
        names = self.program.size_names()
        sizes = {n: _SIZES[(j + k) % len(_SIZES)] for j, n in enumerate(names)}
        for attempt in range(_TRIES):
            values = {n: _drawn(rng, self.program.tensors[n], sizes, positive=attempt % 2 == 1)
                      for n in self.program.inputs}
            for given in givens:
                _satisfy(given, values)
            try:
                table = run(derivative.program, values)
            except DomainError:
                continue
            point = {n: table[n] for n in self.program.tensors if n in table} | values
            for name in self.wanted:
                point[f"d{self.of}_d{name}"] = table[derivative.names[name]]
            return sizes, point
        raise InputError("no point was found at which the program is defined", None,
                         "inputs are drawn between -1.5 and 1.5, then between 0.3 and 1.8")

    def agree(self, forms: Sequence[Expr], sizes: Mapping[str, Integer]) -> None:
        """All forms have the same value at each cell of each point.

        Raises `UnsoundStepError` for the first that differs from the last.
        """
        for own, point in self.found:
            values = [self._value(form, sizes, own, point) for form in forms]
            for form, value in zip(forms[:-1], values[:-1], strict=True):
                if not _close(value, values[-1]):
                    raise UnsoundStepError(
                        f"a step of a derivation does not hold at a random point: {form!r:.400}")

    def _value(
        self, e: Expr, sizes: Mapping[str, Integer], own: Mapping[str, int],
        point: Mapping[str, Any],
    ) -> Any:
        tensors: dict[str, Tensor] = {}
        needed = _names(e)
        for name in needed:
            tensor = self.program.tensors.get(name)
            if tensor is None:
                of = self.program.tensors[name.removeprefix(f"d{self.of}_d")]
                tensor = Tensor(name, of.shape)
            front = () if name in self.program.tensors else self.program.tensors[self.of].shape
            shape = tuple(known(n, own) for n in (*front, *tensor.shape))
            tensors[name] = Tensor(name, shape, tensor.kind, "data")
        ranges = tuple(Range(n, known(size, own)) for n, size in sizes.items())
        target = "value"
        tensors[target] = Tensor(target, tuple(r.size for r in ranges if r.size is not None))
        equation = Equation(target, tuple(index(r.name) for r in ranges), ranges,
                            _runnable(e, own))
        program = Program(tensors, tuple(needed), (equation,), (target,))
        return run(program, {n: point[n] for n in needed}, check=False)[target]


def _names(e: Expr) -> list[str]:
    return list(dict.fromkeys(n.tensor for n in walk(e) if isinstance(n, Ref)))


def _runnable(e: Expr, sizes: Mapping[str, int]) -> Expr:
    """An expression with its sizes known, whose deltas are selections."""
    if isinstance(e, Delta):
        return Select(Apply("eq", (IndexValue(e.left), IndexValue(e.right))), ONE, ZERO)
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
    scale = max(1.0, float(abs(b).max()) if getattr(b, "size", 1) else 0.0)
    return bool(worst <= _CLOSE * scale)  # NaN is not close to anything

