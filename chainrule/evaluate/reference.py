"""The NumPy reference: every program's tensors, computed by whole arrays.

An expression is evaluated to an array with one axis for each index that stands in it. A reference
with affine subscripts is a strided view (a window, a diagonal, a transpose: nothing is copied); a
gather goes through index arrays. A sum of products is handed to `einsum`, which finds the matrix
products; everything else is elementwise, by broadcasting. A `+=` first sums over the indices that
the left-hand side does not have, then adds into the target, through `bincount` where several
passes may hit one cell.

Conditions become masks that are handed down: where a mask is off, a reference may leave its axis
and a logarithm its domain, and what is computed there is never selected. Where it is on, both are
errors. That is the language's laziness, in arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import (
    ChainruleError,
    DefinitionError,
    DomainError,
    KindError,
    RangeError,
)
from chainrule.evaluate.arithmetic import FloatArithmetic
from chainrule.evaluate.arrays import NumpyArithmetic, Value, as_float, first
from chainrule.evaluate.domains import in_domain, outside_domain, placed, text_of
from chainrule.evaluate.loops import Loop
from chainrule.evaluate.values import Sizes, bind, cell_name, check_bytes, shapes
from chainrule.lang.expr import Apply, Expr, Number, Ref, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.program import Equation, Program
from chainrule.limits import LOOP_BYTES

_LOGARITHMS = frozenset({"ln", "log2", "log10", "log1p", "xlogy"})
# said where a NaN arises out of numbers that are none: something overflowed on the way
_NOT_A_NUMBER = ("something above it became infinite (exp of a large number, say): subtract the "
                 "maximum first, or look with `trace`, which has no largest number")


def run(
    program: Program,
    values: Mapping[str, Any],
    *,
    dtype: str = "float64",
    check: bool = True,
    keep: str = "all",
) -> dict[str, np.ndarray]:
    """The tensors of a program by name, as arrays: reals in `dtype`, integers in int64.

    `keep` is "all" (inputs included) or "outputs". With `check=False` nothing is looked at but
    bounds: logarithms of negative numbers are NaN and overflowing exponentials infinite, as IEEE
    has it; with it, a point outside a domain is a `DomainError`, and so are every NaN and, where
    logarithms are taken, a scalar output that is infinite though all inputs are finite.

    Raises what `bind` raises; `DomainError`, `RangeError`, `DefinitionError`, `LimitError`.
    """
    sizes, arrays = bind(program, values)
    runner = _Runner(program, sizes, arrays, dtype, check)
    with np.errstate(all="ignore"):
        runner.all_equations()
        if check:
            runner.refuse_infinite_results()
    names = program.outputs if keep == "outputs" else program.tensors
    return {name: runner.array(name) for name in names if name in runner.tables}


def _logs(equation: Equation) -> bool:
    """Whether an equation takes a logarithm."""
    return any(isinstance(e, Apply) and e.function in _LOGARITHMS for e in walk(equation.body))


class _NotScalar(Exception):
    """The equation needs arrays after all."""


class _Runner:
    """The tensors computed so far; scalars as Python floats, which are faster than arrays."""

    def __init__(
        self, program: Program, sizes: Sizes, arrays: Mapping[str, Any], dtype: str, check: bool
    ) -> None:
        self.program = program
        self.sizes = sizes
        self.check = check
        self.arithmetic = NumpyArithmetic(dtype)
        self.floats = FloatArithmetic()
        self.shapes = shapes(program, sizes)
        self.tables: dict[str, Any] = {}
        self.counts: dict[str, Any] = {}  # how often each cell of a piecewise `=` was written
        for name, array in arrays.items():
            if program.tensors[name].kind == "integer":
                self.tables[name] = array
            else:
                narrow = array.astype(dtype)
                self.tables[name] = narrow if array.ndim else float(narrow)

    def array(self, name: str) -> np.ndarray:
        """A tensor as an array."""
        table = self.tables[name]
        return np.asarray(table, self.arithmetic.dtype) if type(table) is float else table

    def all_equations(self) -> None:
        """Every equation in order, with errors placed."""
        equations = self.program.equations
        last = {equation.target: k for k, equation in enumerate(equations)}
        for k, equation in enumerate(equations):
            try:
                if equation.subscripts or equation.ranges or not self.scalar(equation):
                    self.loop(equation)
                if last[equation.target] == k:
                    self.complete(equation.target)
            except ChainruleError as error:
                raise placed(error, equation) from None

    def complete(self, name: str) -> None:
        """Check a tensor that is finished: every cell written, none of them NaN."""
        counts = self.counts.pop(name, None)
        if counts is not None and not counts.all():
            place = np.unravel_index(int(np.argmin(counts)), counts.shape)
            raise DefinitionError(f"{cell_name(name, list(map(int, place)))} is never written")
        table = self.tables[name]
        if not self.check:
            return
        if type(table) is float:
            if table != table:
                raise DomainError(f"{name} is not a number", hint=_NOT_A_NUMBER)
        elif table.dtype.kind == "f" and (bad := np.isnan(table)).any():
            place = np.unravel_index(int(np.argmax(bad)), table.shape)
            what = cell_name(name, list(map(int, place)))
            raise DomainError(f"{what} is not a number", hint=_NOT_A_NUMBER)

    def refuse_infinite_results(self) -> None:
        """Refuse a scalar output that is infinite where inputs are finite and logarithms are taken.

        exp(1000) is infinite as IEEE has it; but ln(exp(1000)^2) is 2000, and no rounding of that.
        """
        for name in self.program.outputs:
            table = self.tables.get(name, 0.0)
            if (not np.ndim(table) and math.isinf(table) and any(map(_logs, self.program.equations))
                    and all(np.isfinite(self.tables[x]).all() for x in self.program.inputs)):
                last = next(e for e in self.program.equations[::-1] if e.target == name)
                raise placed(DomainError(f"{name} is infinite", hint=_NOT_A_NUMBER), last)

    # --- scalars

    def scalar(self, equation: Equation) -> bool:
        """Compute a scalar equation in Python floats, unless it needs arrays."""
        name = equation.target
        if self.program.tensors[name].kind != "real" or equation.condition is not None:
            return False
        try:
            value = self.scalar_value(equation.body, name)
        except _NotScalar:
            return False
        if self.arithmetic.dtype != np.float64:
            value = float(self.arithmetic.dtype.type(value))
        if equation.accumulate:
            value += float(self.tables.get(name, 0.0))
        elif name in self.tables:
            raise DefinitionError(f"{name} is written twice")
        self.tables[name] = value
        return True

    def scalar_value(self, e: Expr, where: str) -> Any:
        """A scalar expression in floats; `_NotScalar` where that is not possible."""
        chain: list[Apply] = []
        while type(e) is Apply and e.args and e.function not in ("and", "or"):
            chain.append(e)
            e = e.args[0]
        kind = type(e)
        if kind is Ref:
            result = self.tables.get(e.tensor)  # type: ignore[attr-defined]
            if type(result) is not float:
                raise _NotScalar
        elif kind is Number:
            result = as_float(e.value)  # type: ignore[attr-defined]
        elif isinstance(e, Select):
            taken = e.then if self.scalar_value(e.condition, where) else e.otherwise
            result = self.scalar_value(taken, where)
        elif isinstance(e, Apply):
            result = self._logic(e, where) if e.args else FUNCTIONS[e.function].value(self.floats)
        else:
            raise _NotScalar
        for node in reversed(chain):
            args = [result, *(self.scalar_value(part, where) for part in node.args[1:])]
            entry = FUNCTIONS[node.function]
            guarded = self.check and entry.domain is not None
            if guarded and not in_domain(self.floats, node.function, args):
                raise outside_domain(node, args, text_of(node.args[-1]), where)
            result = entry.value(self.floats, *args)
        return result

    def _logic(self, e: Apply, where: str) -> bool:
        left = self.scalar_value(e.args[0], where)
        if e.function == "and":
            return bool(left and self.scalar_value(e.args[1], where))
        return bool(left or self.scalar_value(e.args[1], where))

    # --- tensors

    def loop(self, equation: Equation) -> None:
        """Compute an equation by arrays and write what it gives."""
        integral = self.program.tensors[equation.target].kind == "integer"
        # integers are computed in float64, whose whole numbers reach further
        arithmetic = NumpyArithmetic() if integral else self.arithmetic
        loop = Loop(self, equation, arithmetic)
        self._allocate(equation, integral)
        if loop.empty:
            return
        mask = loop.condition()
        if mask is not None and not mask.data.any():
            return
        value, mask = loop.body(mask)
        if value.data.dtype.kind == "b":
            raise KindError(f"{equation.target} would be a condition, not a number")
        if integral:
            value = loop.whole(value, mask)
        names = [s.plain or "" for s in equation.subscripts]
        shape = self.shapes[equation.target]
        fits = all(
            loop.scope.get(n, math.inf) <= size for n, size in zip(names, shape, strict=True)
        )
        if equation.plain and fits and mask is None and set(value.axes) <= set(names):
            self._write_plain(equation, value, loop, names)
        else:
            self._write_cells(equation, value, loop, mask)

    def _allocate(self, equation: Equation, integral: bool) -> None:
        name = equation.target
        if name not in self.tables:
            dtype = np.dtype(np.int64) if integral else self.arithmetic.dtype
            self.tables[name] = np.zeros(self.shapes[name], dtype)
            if not equation.accumulate:
                self.counts[name] = np.zeros(self.shapes[name], np.int64)
        elif type(self.tables[name]) is float:
            self.tables[name] = self.array(name).copy()

    def _write_plain(
        self, equation: Equation, value: Value, loop: Loop, names: list[str]
    ) -> None:
        """A write where each axis of the target has an index of its own: one block of it."""
        axes = loop.ordered(names)
        block = np.transpose(
            np.broadcast_to(value.along(axes), [loop.scope[n] for n in axes]),
            [axes.index(n) for n in names],
        )
        region = tuple(slice(loop.scope[n]) for n in names)
        table = self.tables[equation.target]
        if equation.accumulate:
            table[region] += block
            return
        self._count(equation, region, 1)
        table[region] = block

    def _count(self, equation: Equation, where: Any, times: Any) -> None:
        counts = self.counts.get(equation.target)
        if counts is None:
            raise DefinitionError(f"{equation.target} is written by both = and +=")
        counts[where] += times
        if (bad := counts > 1).any():
            place = np.unravel_index(int(np.argmax(bad)), counts.shape)
            name = cell_name(equation.target, list(map(int, place)))
            raise DefinitionError(f"{name} is written twice")

    def _write_cells(
        self, equation: Equation, value: Value, loop: Loop, mask: Value | None
    ) -> None:
        """A write at computed subscripts: each pass of the loop finds its cell by a flat index."""
        axes = loop.ordered(loop.scope if not equation.accumulate else loop.kept)
        shape = [loop.scope[n] for n in axes]
        check_bytes(f"the loop of {equation.target}", shape, LOOP_BYTES)
        active = np.ones(shape, bool)
        if mask is not None:
            active &= mask.along(axes)
        flat = np.zeros(shape, np.int64)
        for axis, (s, size) in enumerate(
            zip(equation.subscripts, self.shapes[equation.target], strict=True)
        ):
            place = np.broadcast_to(loop.integer(s, loop.scope, mask).along(axes), shape)
            out = (place < 0) | (place >= size)
            if equation.dropping:
                active &= ~out
            elif (out & active).any():
                at = first(out & active, axes)
                found = int(place[tuple(at.values())])
                where = ", ".join(f"{i} = {at[i]}" for i in s.indices() if i in at)
                raise RangeError(
                    f"the equation of {equation.target} writes outside: its subscript {s} is "
                    f"{found}" + (f" where {where}" if where else "")
                    + f", but axis {axis} of {equation.target} has size {size}"
                )
            flat = flat * size + place
        cells = flat[active]
        numbers = np.broadcast_to(value.along(axes), shape)[active]
        table = self.tables[equation.target]
        if equation.accumulate:
            _add_at(table, cells, numbers)
        else:
            times = np.bincount(cells, minlength=table.size).reshape(table.shape)
            self._count(equation, ..., times)
            table.reshape(-1)[cells] = numbers


def _add_at(table: np.ndarray, cells: np.ndarray, numbers: np.ndarray) -> None:
    """Add numbers into a table at flat positions, repeated ones too."""
    if table.dtype.kind == "f":
        total = np.bincount(cells, weights=numbers, minlength=table.size)
        table += total.reshape(table.shape).astype(table.dtype)
    else:
        np.add.at(table.reshape(-1), cells, numbers)
