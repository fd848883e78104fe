"""The first number that is none: which equation made it, in which cell, out of which operands.

A NaN in the loss says nothing; by then it has been through every layer. The equations run in order,
so the first tensor that holds a NaN or an infinity while all that it reads is finite is where it
arose, and within its expression there is one operation with finite operands and no finite result.
That operation is told with its operands, and where an operand is a zero or a huge number that
decided it, so is what made that: `ln(0)`, since p[3, 7] is 0, since exp(-812.3) underflows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chainrule.evaluate.arrays import NumpyArithmetic
from chainrule.evaluate.values import Sizes
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    children,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer, Size
from chainrule.lang.program import Equation, Program

_TERMS: Final = 100_000  # of a sum, or passes of a loop, that are looked through
_DEPTH: Final = 4  # definitions that a cause is followed through
_HUGE: Final = 1e100
_INFIX: Final = {"add": " + ", "sub": " - ", "mul": "*", "div": "/", "pow": "^"}

At = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NonFinite:
    """The first number that is not finite.

    `tensor[cell]` is `value`; `operation` is what made it, with its operands ("ln(0)"), `causes`
    where these come from, the nearest first. `equation` is the one that did it, `before` says that
    it was given as an input.
    """

    tensor: str
    cell: tuple[int, ...]
    value: float
    count: int
    equation: Equation | None = None
    operation: str = ""
    causes: tuple[str, ...] = ()


def first_nonfinite(program: Program, sizes: Sizes, tables: Mapping[str, np.ndarray]
                    ) -> NonFinite | None:
    """The first tensor, in the order of computation, that holds a NaN or an infinity."""
    for name in program.inputs:
        found = _cell(tables.get(name))
        if found is not None:
            return NonFinite(name, found, float(tables[name][found]), _count(tables[name]))
    for equation in program.equations:
        array = tables.get(equation.target)
        found = _cell(array)
        if found is None or array is None:
            continue
        walker = _Walker(program, sizes, tables)
        operation, causes = walker.explained(equation.target, found)
        return NonFinite(equation.target, found, float(array[found]), _count(array),
                         walker.equation or equation, operation, tuple(causes))
    return None


def _cell(array: np.ndarray | None) -> tuple[int, ...] | None:
    if array is None or array.dtype.kind != "f":
        return None
    bad = ~np.isfinite(array)
    if not bad.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(bad)), array.shape))


def _count(array: np.ndarray) -> int:
    return int((~np.isfinite(array)).sum())


def written(value: Any) -> str:
    """A number as it stands in a message.

    >>> written(-812.3456789), written(0.0), written(float("inf"))
    ('-812.346', '0', 'inf')
    """
    return f"{float(value) + 0.0:.6g}"


def cell_text(name: str, cell: tuple[int, ...]) -> str:
    """p[3, 7]"""
    return f"{name}[{', '.join(map(str, cell))}]" if cell else name


class _Stop(Exception):
    """There is more to look through than a message is worth."""


class _Walker:
    """Expressions at one cell, in floats as they were computed."""

    def __init__(self, program: Program, sizes: Sizes, tables: Mapping[str, np.ndarray]) -> None:
        self.sizes = sizes
        self.tables = tables
        self.definitions = program.definitions()
        self.arithmetic = NumpyArithmetic()
        self.equation: Equation | None = None

    def explained(self, name: str, cell: tuple[int, ...]) -> tuple[str, list[str]]:
        """The operation that made a cell, and where its operands come from."""
        try:
            with np.errstate(all="ignore"):
                for equation in self.definitions[name]:
                    for at in self.passes(equation, cell):
                        node = self.culprit(equation.body, at)
                        if node is not None:
                            self.equation = equation
                            return self.told(*node)
        except (_Stop, IndexError, KeyError):
            pass
        return "", []

    def passes(self, equation: Equation, cell: tuple[int, ...]) -> Iterator[dict[str, int]]:
        """The index values under which an equation writes a cell."""
        fixed: dict[str, int] = {}
        for s, k in zip(equation.subscripts, cell, strict=True):
            if s.plain is not None and fixed.setdefault(s.plain, k) != k:
                return
        free = [r for r in equation.ranges if r.name not in fixed]
        for at in self.loop(free, fixed):
            if equation.condition is not None and not self.value(equation.condition, at):
                continue
            if tuple(self.integer(s, at) for s in equation.subscripts) == cell:
                yield at

    def loop(self, ranges: list[Range] | tuple[Range, ...], at: At) -> Iterator[dict[str, int]]:
        sizes = [self.sizes.of(r.size) for r in ranges if r.size is not None]
        if math.prod(sizes) > _TERMS:
            raise _Stop
        names = [r.name for r in ranges]
        for place in itertools.product(*map(range, sizes)):
            yield {**at, **dict(zip(names, place, strict=True))}

    # --- values

    def integer(self, p: Integer, at: At) -> int:
        def value(a: Any) -> int:
            if isinstance(a, Index):
                return at[a.name]
            if isinstance(a, Size):
                return self.sizes[a.name]
            assert isinstance(a, Read)
            return int(self.value(a.ref, at))

        return int(p.evaluate(value))

    def cell(self, ref: Ref, at: At) -> tuple[int, ...]:
        return tuple(self.integer(s, at) for s in ref.subscripts)

    def value(self, e: Expr, at: At) -> Any:
        """What an expression comes to."""
        if isinstance(e, Number):
            return np.float64(e.value)
        if isinstance(e, Ref):
            cell = self.cell(e, at)
            table = self.tables[e.tensor]
            if any(not 0 <= k < n for k, n in zip(cell, table.shape, strict=True)):
                return np.float64(e.outside.fill.value if e.outside is not None else 0)
            return np.float64(table[cell])
        if isinstance(e, IndexValue):
            return np.float64(self.integer(e.value, at))
        if isinstance(e, Delta):
            return np.float64(self.integer(e.left, at) == self.integer(e.right, at))
        if isinstance(e, Select):
            return self.value(e.then if self.value(e.condition, at) else e.otherwise, at)
        if isinstance(e, Apply):
            args = [self.value(a, at) for a in e.args]
            return FUNCTIONS[e.function].value(self.arithmetic, *args)
        if isinstance(e, ArgReduce):
            raise _Stop
        assert isinstance(e, Reduce)
        terms = [self.value(e.body, i) for i in self.terms(e, at)]
        total = np.max(terms) if e.op == "max" else np.min(terms) if e.op == "min" else sum(terms)
        return np.float64(total)

    def terms(self, e: Reduce, at: At) -> Iterator[dict[str, int]]:
        for inner in self.loop(e.indices, at):
            if e.condition is None or self.value(e.condition, inner):
                yield inner

    # --- what made it

    def culprit(self, e: Expr, at: At) -> tuple[Expr, dict[str, int]] | None:
        """The innermost operation whose result is not finite, and the index values there."""
        if isinstance(e, Select):
            return self.culprit(e.then if self.value(e.condition, at) else e.otherwise, at)
        if np.isfinite(self.value(e, at)):
            return None
        if isinstance(e, Reduce):
            for inner in self.terms(e, at):
                found = self.culprit(e.body, inner)
                if found is not None:
                    return found
            return e, dict(at)
        for part in children(e):
            found = self.culprit(part, at)
            if found is not None:
                return found
        return e, dict(at)

    def told(self, e: Expr, at: At) -> tuple[str, list[str]]:
        """An operation with its operands, and the causes of these."""
        if isinstance(e, Reduce):
            return f"the sum over {', '.join(r.name for r in e.indices)} overflows", []
        parts = children(e)
        causes: list[str] = []
        for part in parts:
            value = self.value(part, at)
            numerator = isinstance(e, Apply) and e.function == "div" and part is parts[0]
            if numerator and value != 0 and np.isfinite(value):
                continue  # what it is divided by decides
            if value == 0 or len(parts) == 1 or abs(value) > _HUGE or isinstance(part, Ref):
                self.cause(part, at, causes, _DEPTH)
        return self.text(e, at), list(dict.fromkeys(causes))

    def text(self, e: Expr, at: At) -> str:
        """exp(-812.3), 0/0"""
        if not isinstance(e, Apply):
            return written(self.value(e, at))
        args = [written(self.value(a, at)) for a in e.args]
        if e.function in _INFIX:
            return _INFIX[e.function].join(f"({a})" if a.startswith("-") and k else a
                                           for k, a in enumerate(args))
        return f"{e.function}({', '.join(args)})"

    def cause(self, e: Expr, at: At, found: list[str], depth: int) -> None:
        """Why an operand is what it is, as far as that goes."""
        if depth == 0:
            return
        value = self.value(e, at)
        if isinstance(e, Ref):
            cell = self.cell(e, at)
            found.append(f"{cell_text(e.tensor, cell)} = {written(value)}")
            if value == 0 or abs(value) == 1 or abs(value) > _HUGE:
                for equation in self.definitions.get(e.tensor, ())[:1]:
                    for inner in itertools.islice(self.passes(equation, cell), 1):
                        self.cause(equation.body, inner, found, depth - 1)
        elif isinstance(e, Select):
            self.cause(e.then if self.value(e.condition, at) else e.otherwise, at, found, depth)
        elif isinstance(e, Reduce):
            self._of_sum(e, at, value, found, depth)
        elif isinstance(e, Apply):
            self._of_operation(e, at, value, found, depth)

    def _of_sum(self, e: Reduce, at: At, value: Any, found: list[str], depth: int) -> None:
        over = ", ".join(r.name for r in e.indices)
        terms = list(self.terms(e, at))
        values = [self.value(e.body, i) for i in terms]
        if not values:
            found.append(f"the sum over {over} has no terms")
        elif value == 0 and all(v == 0 for v in values):
            found.append(f"all {len(values)} terms of the sum over {over} are 0")
            self.cause(e.body, terms[0], found, depth)
        elif abs(value) > _HUGE:
            self.cause(e.body, terms[int(np.argmax(np.abs(values)))], found, depth)

    def _of_operation(self, e: Apply, at: At, value: Any, found: list[str], depth: int) -> None:
        args = [self.value(a, at) for a in e.args]
        if e.function == "exp":
            if value == 0:
                found.append(f"{self.text(e, at)} underflows to 0")
            else:
                found.append(f"{self.text(e, at)} = {written(value)}")
            self.cause(e.args[0], at, found, depth - 1)
            return
        if e.function in ("mul", "neg") or (e.function == "div" and args[0] == 0):
            for part, v in zip(e.args, args, strict=True):
                if (v == 0) == (value == 0) and (v == 0 or abs(v) > _HUGE):
                    self.cause(part, at, found, depth)
                    return
        found.append(f"{self.text(e, at)} = {written(value)}")
        for part, v in zip(e.args, args, strict=True):
            if isinstance(part, Ref) and (v == 0 or abs(v) > _HUGE or value == 0):
                self.cause(part, at, found, depth - 1)
