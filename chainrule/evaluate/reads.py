"""What references read, as arrays: strided views, padded copies, gathers.

A reference with affine subscripts is a view of the tensor with one stride for each index, whatever
it is: a transpose, a diagonal `x[i,i]`, the windows `x[2*i+a]`. Bounds are checked beforehand by
interval arithmetic. What is no such view (a gather, a floor, a read that only a condition keeps
inside) goes through arrays of indices, where each cell is checked that is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.errors import DefinitionError, KindError, RangeError
from chainrule.evaluate.arrays import NumpyArithmetic, Value, first
from chainrule.evaluate.domains import text_of
from chainrule.evaluate.values import Sizes, cell_name, check_bytes
from chainrule.lang.expr import (
    Range,
    Read,
    Ref,
)
from chainrule.lang.integers import Index, Integer, known
from chainrule.lang.program import Equation
from chainrule.limits import LOOP_BYTES

Scope = Mapping[str, int]
Affine = tuple[int, dict[str, int]]  # the constant and the coefficient of each index
_ENLARGED = 4  # a padded copy may be this many times as large as the array, or be small
_SMALL = 1 << 20


class Runner(Protocol):
    """What a loop needs of the program's run: the tensors so far, the sizes, the policy."""

    tables: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    sizes: Sizes
    check: bool


class Reads:
    """The indices of one equation's loop, and the arrays that its references read.

    Every index has a rank, so that all arrays have their axes in one order.
    """

    def __init__(self, runner: Runner, equation: Equation, arithmetic: NumpyArithmetic) -> None:
        self.runner = runner
        self.equation = equation
        self.arithmetic = arithmetic
        self.scope = self._extended({}, equation.ranges)
        self.rank: dict[str, int] = {name: k for k, name in enumerate(self.scope)}
        self.numbers: dict[Any, int] = {}
        self.memo: dict[int, Value] = {}
        self.padded: dict[Any, np.ndarray] = {}
        inside = {i for s in equation.subscripts for i in s.indices()}
        self.kept = {n: size for n, size in self.scope.items() if n in inside}
        self.landing: Value | None = None  # where a dropping write falls inside
        self.empty = 0 in self.scope.values()

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Some indices in the order that all arrays have."""
        return tuple(sorted(set(names), key=self.rank.__getitem__))

    def place(self, at: Mapping[str, int]) -> str:
        """The target's cell at some index values, or as much of it as they tell, for messages."""
        e = self.equation
        try:
            place = [self._constant(s, at) for s in e.subscripts]
        except KeyError:
            where = ", ".join(f"{name} = {k}" for name, k in at.items())
            return f"{e.target} (where {where})" if where else e.target
        return cell_name(e.target, place)

    def _constant(self, s: Integer, at: Mapping[str, int]) -> int:
        affine = self._affine(s)
        if affine is None:
            raise KeyError
        return affine[0] + sum(c * at[name] for name, c in affine[1].items())

    def _number(self, key: Any) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def _refuse(self, bad: Any, axes: Sequence[str], mask: Value | None, error: Any) -> None:
        """Raise `error(index values)` for the first bad cell that is looked at."""
        if not np.any(bad):
            return
        seen = tuple(axes)
        if mask is not None:
            seen = self.ordered((*axes, *mask.axes))
            bad = np.logical_and(Value(bad, tuple(axes)).along(seen), mask.along(seen))
            if not bad.any():
                return
        raise error(first(np.asarray(bad), seen))

    def _extended(self, scope: Scope, ranges: tuple[Range, ...]) -> dict[str, int]:
        inner = dict(scope)
        for r in ranges:
            if r.size is None:
                raise RangeError(f"the range of the index {r.name} is not known")
            inner[r.name] = max(0, self.runner.sizes.of(r.size))
        return inner

    # --- references

    def ref(self, e: Ref, scope: Scope, mask: Value | None) -> Value:
        """The array that a reference reads, one axis for each index in its subscripts."""
        table = self.runner.tables.get(e.tensor)
        if table is None:
            raise DefinitionError(f"{e.tensor} is read before it is written", e.span)
        if not e.subscripts:
            data = np.asarray(table, self.arithmetic.dtype) if type(table) is float else table
            return Value(self._width(data), (), self._number(("r", e.tensor)))
        axes = self.ordered(i for s in e.subscripts for i in s.indices())
        sizes = tuple(scope[name] for name in axes)
        key = self._number(("r", e.tensor, e.subscripts, e.outside, sizes))
        if key in self.memo:
            return self.memo[key]
        affine = [self._affine(s) for s in e.subscripts]
        data = None
        if 0 in sizes:
            data = np.zeros(sizes, table.dtype)
        elif None not in affine:
            data = self._view(e, table, affine, axes, sizes)  # type: ignore[arg-type]
        if data is not None:
            self.memo[key] = Value(self._width(data), axes, key)
            return self.memo[key]
        key = self._number(("g", key, mask.key if mask else None))
        if key not in self.memo:
            gathered = self._gathered(e, table, axes, scope, mask)
            self.memo[key] = Value(self._width(gathered), axes, key)
        return self.memo[key]

    def _width(self, data: np.ndarray) -> np.ndarray:
        """Reals in the width that this equation computes in."""
        return self.arithmetic.real(data) if data.dtype.kind == "f" else data

    def _affine(self, s: Integer) -> Affine | None:
        """A subscript as a constant and coefficients of indices, if it is that."""
        if s.plain is not None:
            return 0, {s.plain: 1}
        start = 0
        slopes: dict[str, int] = {}
        for monomial, c in known(s, self.runner.sizes).terms:
            if not monomial:
                start = c
            elif len(monomial) == 1 and isinstance(monomial[0], Index):
                slopes[monomial[0].name] = c
            else:
                return None
        return start, slopes

    def _view(
        self,
        e: Ref,
        table: np.ndarray,
        affine: list[Affine],
        axes: tuple[str, ...],
        sizes: tuple[int, ...],
    ) -> np.ndarray | None:
        """A strided view of the array (of a padded copy where needed); None if it will not do."""
        top = dict(zip(axes, sizes, strict=True))
        reach = []
        for (start, slopes), size in zip(affine, table.shape, strict=True):
            steps = [c * (top[name] - 1) for name, c in slopes.items()]
            low = start + sum(d for d in steps if d < 0)
            high = start + sum(d for d in steps if d > 0)
            reach.append((max(0, -low), max(0, high - size + 1)))
        if any(before or after for before, after in reach):
            padded = self._pad(e, table, tuple(reach))
            if padded is None:
                return None
            table = padded
            affine = [(start + r[0], slopes)
                      for (start, slopes), r in zip(affine, reach, strict=True)]
        steps_of = {
            name: sum(slopes.get(name, 0) * stride
                      for (_, slopes), stride in zip(affine, table.strides, strict=True))
            for name in axes
        }
        corner = table[tuple(slice(start, None) for start, _ in affine)]
        strides = tuple(steps_of[name] for name in axes)
        return np.lib.stride_tricks.as_strided(corner, sizes, strides, writeable=False)

    def _pad(
        self, e: Ref, table: np.ndarray, reach: tuple[tuple[int, int], ...]
    ) -> np.ndarray | None:
        """The array padded as far as it is read; None if that is not allowed, or is wasteful."""
        if e.outside is None:
            return None
        if e.outside.pads is not None:
            allowed = [tuple(map(self.runner.sizes.of, pair)) for pair in e.outside.pads]
            if any(r[0] > a[0] or r[1] > a[1] for r, a in zip(reach, allowed, strict=True)):
                return None
        if table.dtype.kind == "i" and not isinstance(e.outside.fill.value, int):
            return None  # a fraction or an infinity around integers
        cells = math.prod(size + sum(r) for size, r in zip(table.shape, reach, strict=True))
        if cells > max(_SMALL, _ENLARGED * table.size):
            return None
        key = (e.tensor, reach, e.outside.fill)
        if key not in self.padded:
            self.padded[key] = np.pad(table, reach, constant_values=float(e.outside.fill.value))
        return self.padded[key]

    def _gathered(
        self,
        e: Ref,
        table: np.ndarray,
        axes: tuple[str, ...],
        scope: Scope,
        mask: Value | None,
    ) -> np.ndarray:
        """The cells at computed subscripts; those that are not looked at may be anywhere."""
        shape = [scope[name] for name in axes]
        check_bytes(f"the loop of {self.equation.target}", shape, LOOP_BYTES)
        outside = np.zeros(shape, bool)
        places = []
        for axis, (s, size) in enumerate(zip(e.subscripts, table.shape, strict=True)):
            place = self.integer(s, scope, mask).along(axes)
            out = (place < 0) | (place >= size)
            wrong, pads = out, None
            if e.outside is not None:
                wrong = np.zeros_like(out)
                if e.outside.pads is not None:
                    pads = tuple(map(self.runner.sizes.of, e.outside.pads[axis]))
                    wrong = (place < -pads[0]) | (place >= size + pads[1])
            self._refuse(
                np.broadcast_to(wrong, shape), axes, mask,
                lambda at, axis=axis, place=place, pads=pads: self._beyond(
                    e, axis, np.broadcast_to(place, shape), table.shape[axis], at, pads, axes
                ),
            )
            outside |= out
            places.append(np.clip(place, 0, max(0, size - 1)))
        if 0 in table.shape:
            data = np.zeros(shape, table.dtype)
        else:
            data = np.broadcast_to(table[tuple(places)], shape)
        if e.outside is not None and outside.any():
            fill = float(e.outside.fill.value)
            kind = table.dtype if table.dtype.kind == "f" or fill.is_integer() else np.float64
            data = np.where(outside, np.asarray(fill, kind), data)
        return data

    def _beyond(
        self,
        e: Ref,
        axis: int,
        place: np.ndarray,
        size: int,
        at: Mapping[str, int],
        pads: tuple[int, ...] | None,
        axes: tuple[str, ...],
    ) -> RangeError:
        subscript = e.subscripts[axis]
        found = int(place[tuple(at[name] for name in axes)])
        names = ", ".join(f"{i} = {at[i]}" for i in subscript.indices())
        pad = f" and is padded by {pads[0]} and {pads[1]}" if pads else ""
        return RangeError(
            f"{self.place(at)} reads {e.tensor} outside: its subscript {subscript} is {found}"
            + (f" where {names}" if names else "")
            + f", but axis {axis} of {e.tensor} has size {size}{pad}",
            e.span,
        )

    # --- integers

    def integer(self, p: Integer, scope: Scope, mask: Value | None) -> Value:
        """A subscript's integers, gathers included."""
        axes = self.ordered(p.indices())
        sizes = tuple(scope[name] for name in axes)
        try:
            p = known(p, self.runner.sizes)
        except ZeroDivisionError:
            raise RangeError(f"{p} divides by zero in {self.equation.target}") from None
        parts: dict[Any, Any] = {}

        def value(a: Any) -> Any:
            if isinstance(a, Index):
                check_bytes(f"the index {a.name}", [scope[a.name]], LOOP_BYTES // 8)
                counted = Value(np.arange(scope[a.name], dtype=np.int64), (a.name,))
                return counted.along(axes)
            if isinstance(a, Read):
                if a not in parts:
                    parts[a] = self._label(a.ref, scope, mask).along(axes)
                return parts[a]
            return self.runner.sizes[a.name]

        data = np.asarray(p.evaluate(value), dtype=np.int64)
        gathers = mask.key if parts and mask else None
        key = self._number(("i", p, sizes, gathers))
        if axes and data.shape != sizes:
            data = np.broadcast_to(data, sizes)
        return Value(data, axes, key)

    def _label(self, ref: Ref, scope: Scope, mask: Value | None) -> Value:
        """The integers that a gather reads."""
        value = self.ref(ref, scope, mask)
        if value.data.dtype.kind == "i":
            return value
        whole = np.rint(value.data)
        self._refuse(
            ~(np.isfinite(value.data) & (whole == value.data)), value.axes, mask,
            lambda at: KindError(f"{text_of(ref)} is no integer in {self.place(at)}", ref.span),
        )
        return Value(np.where(np.isfinite(whole), whole, 0).astype(np.int64), value.axes, value.key)
