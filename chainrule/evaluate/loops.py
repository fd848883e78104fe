"""Expressions inside one equation's loop, evaluated to arrays whose axes are its indices.

A `Loop` gives every index of the equation a rank, so that all arrays have their axes in one order.
`scope` says which indices are set and how many values each takes; `mask` where anything is looked
at. Equal subexpressions are computed once: each is numbered by its function and the numbers of its
arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.errors import DefinitionError, DomainError, KindError, RangeError
from chainrule.evaluate.arithmetic import in_domain, outside_domain, text_of
from chainrule.evaluate.arrays import NumpyArithmetic, Value, contract, first
from chainrule.evaluate.values import Sizes, cell_name, check_bytes
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    free_indices,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer, known
from chainrule.lang.program import Equation

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


class Loop:
    """The evaluation of one equation's expressions."""

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
        self.empty = 0 in self.scope.values()

    # --- the equation

    def condition(self) -> Value | None:
        """Where the equation's condition holds; None where it has none."""
        guard = self.equation.condition
        return None if guard is None else self.value(guard, self.scope, None)

    def body(self, mask: Value | None) -> tuple[Value, Value | None]:
        """The body where `mask` is on, summed over indices that only `+=` loops over."""
        e = self.equation
        extra = tuple(r for r in e.ranges if r.name not in self.kept)
        if not e.accumulate or not extra:
            return self.value(e.body, self.scope, mask), mask
        total = self._sum(extra, e.condition, e.body, self.kept, None)
        if mask is not None:
            gone = tuple(k for k, name in enumerate(mask.axes) if name not in self.kept)
            axes = tuple(n for n in mask.axes if n in self.kept)
            mask = Value(np.any(mask.data, axis=gone), axes, self._number(("any", mask.key)))
        return total, mask

    def whole(self, value: Value, mask: Value | None) -> Value:
        """A value as integers, refused where it has a fraction."""
        if value.data.dtype.kind != "f":
            return value
        rounded = np.rint(value.data)
        self._refuse(
            value.data != rounded, value.axes, mask,
            lambda at: KindError(f"{self.place(at)} would be no integer"),
        )
        return Value(np.where(np.isfinite(rounded), rounded, 0).astype(np.int64), value.axes)

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

    # --- expressions

    def value(self, e: Expr, scope: Scope, mask: Value | None) -> Value:
        """An expression's array, meaningful where `mask` is on."""
        chain: list[Apply] = []  # a + b + c + ... leans left: walk down it without recursion
        while isinstance(e, Apply) and e.args and e.function not in ("and", "or"):
            chain.append(e)
            e = e.args[0]
        result = self._leaf(e, scope, mask)
        for node in reversed(chain):
            rest = [self.value(part, scope, mask) for part in node.args[1:]]
            result = self._apply(node, [result, *rest], mask)
        return result

    def _leaf(self, e: Expr, scope: Scope, mask: Value | None) -> Value:
        if isinstance(e, Number):
            return Value(self.arithmetic.number(e.value), (), self._number(("n", e.value)))
        if isinstance(e, Ref):
            return self.ref(e, scope, mask)
        if isinstance(e, Apply):
            return self._logic(e, scope, mask) if e.args else self._apply(e, [], mask)
        if isinstance(e, IndexValue):
            return self.integer(e.value, scope, mask)
        key = self._number((_fingerprint(e), tuple(scope.items()), mask.key if mask else None))
        if key not in self.memo:
            result = self._compound(e, scope, mask)
            self.memo[key] = Value(result.data, result.axes, key)
        return self.memo[key]

    def _compound(self, e: Expr, scope: Scope, mask: Value | None) -> Value:
        if isinstance(e, Select):
            return self._select(e, scope, mask)
        if isinstance(e, Reduce) and e.op == "sum":
            return self._sum(e.indices, e.condition, e.body, scope, mask)
        assert isinstance(e, Reduce | ArgReduce)
        return self._winner(e, scope, mask)

    def _number(self, key: Any) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def _apply(self, node: Apply, args: list[Value], mask: Value | None) -> Value:
        entry = FUNCTIONS[node.function]
        guarded = self.runner.check and entry.domain is not None
        under = mask.key if guarded and mask is not None else None
        key = self._number((node.function, tuple(a.key for a in args), under))
        if key in self.memo:
            return self.memo[key]
        axes = self.ordered(name for a in args for name in a.axes)
        arrays = [a.along(axes) for a in args]
        if not entry.boolean or len({a.dtype.kind for a in arrays}) > 1:
            arrays = [self.arithmetic.real(a) if a.dtype.kind == "i" else a for a in arrays]
        self._fits(args, axes)
        if guarded and not self._harmless(node):
            inside = in_domain(self.arithmetic, node.function, arrays)
            self._refuse(
                np.logical_not(inside), axes, mask, lambda at: self._undefined(node, args, at)
            )
        result = Value(np.asarray(entry.value(self.arithmetic, *arrays)), axes, key)
        self.memo[key] = result
        return result

    def _harmless(self, node: Apply) -> bool:
        """A power with a whole constant exponent that is not negative, which is always defined."""
        if node.function != "pow" or not isinstance(node.args[1], Number):
            return False
        exponent = node.args[1].value
        return exponent >= 0 and exponent == math.floor(exponent)

    def _undefined(self, node: Apply, args: list[Value], at: Mapping[str, int]) -> DomainError:
        numbers = [float(a.data[tuple(at[name] for name in a.axes)]) for a in args]
        return outside_domain(node, numbers, text_of(node.args[-1]), self.place(at))

    def _fits(self, args: Sequence[Value], axes: tuple[str, ...]) -> None:
        """Refuse a broadcast that would be larger than any tensor may be."""
        if len(args) < 2 or any(a.axes == axes for a in args):
            return
        sizes = {n: k for a in args for n, k in zip(a.axes, a.data.shape, strict=True)}
        check_bytes(f"the loop of {self.equation.target}", [sizes[n] for n in axes])

    def _logic(self, e: Apply, scope: Scope, mask: Value | None) -> Value:
        """`and` and `or`, which look at the right side only where the left leaves it open."""
        left = self.value(e.args[0], scope, mask)
        right = self.value(e.args[1], scope, self._under(mask, left, e.function == "and"))
        return self._apply(e, [left, right], None)

    def _under(self, mask: Value | None, condition: Value, wanted: bool = True) -> Value:
        """The mask where `condition` has the wanted value, inside a mask."""
        if not wanted:
            key = self._number(("not", condition.key))
            condition = Value(np.logical_not(condition.data), condition.axes, key)
        if mask is None:
            return condition
        axes = self.ordered((*mask.axes, *condition.axes))
        data = np.logical_and(mask.along(axes), condition.along(axes))
        return Value(data, axes, self._number(("under", mask.key, condition.key)))

    def _select(self, e: Select, scope: Scope, mask: Value | None) -> Value:
        condition = self.value(e.condition, scope, mask)
        yes = self._under(mask, condition)
        no = self._under(mask, condition, wanted=False)
        if not yes.data.any():
            return self.value(e.otherwise, scope, mask)
        if not no.data.any():
            return self.value(e.then, scope, mask)
        parts = [self.value(e.then, scope, yes), self.value(e.otherwise, scope, no)]
        axes = self.ordered((*condition.axes, *parts[0].axes, *parts[1].axes))
        self._fits([condition, *parts], axes)
        a, b = (part.along(axes) for part in parts)
        if a.dtype != b.dtype:
            a, b = self.arithmetic.real(a), self.arithmetic.real(b)
        return Value(np.where(condition.along(axes), a, b), axes)

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

    # --- reductions

    def _extended(self, scope: Scope, ranges: tuple[Range, ...]) -> dict[str, int]:
        inner = dict(scope)
        for r in ranges:
            if r.size is None:
                raise RangeError(f"the range of the index {r.name} is not known")
            inner[r.name] = max(0, self.runner.sizes.of(r.size))
        return inner

    def _inner(self, scope: Scope, ranges: tuple[Range, ...]) -> dict[str, int]:
        inner = self._extended(scope, ranges)
        for name in inner:
            self.rank.setdefault(name, len(self.rank))
        return inner

    def _sum(
        self,
        ranges: tuple[Range, ...],
        guard: Expr | None,
        body: Expr,
        scope: Scope,
        mask: Value | None,
    ) -> Value:
        """The sum of `body` over `ranges`, as a contraction of its factors."""
        inner = self._inner(scope, ranges)
        summed = {r.name for r in ranges}
        if any(inner[name] == 0 for name in summed):
            return Value(self.arithmetic.number(0), ())
        condition = None
        if guard is not None:
            condition = self.value(guard, inner, mask)
            mask = self._under(mask, condition)
            if not mask.data.any():
                return Value(self.arithmetic.number(0), ())
        sign, factors, divisors = _factors(body, summed if guard is None else None)
        values = [self._real(self.value(f, inner, mask)) for f in factors]
        if condition is not None:
            values = self._masked(values, condition)
        present = {name for v in values for name in v.axes}
        out = self.ordered(present - summed)
        check_bytes(f"the loop of {self.equation.target}", [inner[n] for n in out])
        total = np.asarray(contract(values, out))
        for name in summed - present:  # nothing depends on it: so many equal terms
            total = total * self.arithmetic.number(inner[name])
        result = Value(-total if sign < 0 else total, out, self._number(("sum", len(self.numbers))))
        for node in divisors:
            below = self.value(node.args[1], scope, mask)
            result = self._apply(node, [result, below], mask)
        return result

    def _real(self, v: Value) -> Value:
        return v if v.data.dtype.kind == "f" else Value(self.arithmetic.real(v.data), v.axes, v.key)

    def _masked(self, values: list[Value], condition: Value) -> list[Value]:
        """Factors whose product is zero where the condition fails, whatever they hold there."""
        zero = self.arithmetic.number(0)
        if all(np.isfinite(v.data).all() for v in values):
            return [*values, Value(self.arithmetic.real(condition.data), condition.axes)]
        axes = self.ordered(name for v in (*values, condition) for name in v.axes)
        sizes = {
            n: k for v in (*values, condition) for n, k in zip(v.axes, v.data.shape, strict=True)
        }
        check_bytes(f"the loop of {self.equation.target}", [sizes[n] for n in axes])
        product = values[0].along(axes)
        for v in values[1:]:
            product = product * v.along(axes)
        return [Value(np.where(condition.along(axes), product, zero), axes)]

    def _winner(self, e: Reduce | ArgReduce, scope: Scope, mask: Value | None) -> Value:
        """A maximum or minimum, or the position of the first winner of one."""
        inner = self._inner(scope, e.indices)
        names = [r.name for r in e.indices]
        if any(inner[name] == 0 for name in names):
            if mask is None or mask.data.any():
                raise self._nothing(e, {})
            return Value(self.arithmetic.number(0), ())
        guard = None if e.condition is None else self.value(e.condition, inner, mask)
        under = mask if guard is None else self._under(mask, guard)
        value = self.value(e.body, inner, under)
        known_axes = value.axes if guard is None else (*value.axes, *guard.axes)
        outer = self.ordered(set(known_axes) - set(names))
        axes = [*outer, *names]  # the window's axes last, in the order that decides ties
        shape = [inner[name] for name in axes]
        check_bytes(f"the loop of {self.equation.target}", shape)
        flat = (*shape[: len(outer)], -1)
        data = self._spread(value, axes, shape).reshape(flat)
        candidates = np.True_
        if guard is not None:
            candidates = self._spread(guard, axes, shape).reshape(flat)
            self._refuse(
                ~candidates.any(axis=-1), outer, mask, lambda at: self._nothing(e, at)
            )
            data = np.where(candidates, data, _loser(data.dtype, e.op))
        best = data.max(axis=-1) if e.op == "max" else data.min(axis=-1)
        if isinstance(e, Reduce):
            return Value(np.asarray(best), outer)
        ties = (data == best[..., None]) & candidates
        position = np.unravel_index(ties.argmax(axis=-1), [inner[name] for name in names])
        return Value(np.asarray(position[names.index(e.which)], np.int64), outer)

    def _spread(self, value: Value, axes: Sequence[str], shape: Sequence[int]) -> np.ndarray:
        """An array over all of `axes`, in that order."""
        order = self.ordered(axes)
        full = np.broadcast_to(
            value.along(order), [shape[axes.index(name)] for name in order]
        )
        return np.transpose(full, [order.index(name) for name in axes])

    def _nothing(self, e: Reduce | ArgReduce, at: Mapping[str, int]) -> DomainError:
        names = ", ".join(r.name for r in e.indices)
        return DomainError(
            f"the {e.op} over {names} in {self.place(at)} has no terms",
            e.span, hint="an empty maximum or minimum has no value",
        )

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
        if table.dtype.kind == "i" and isinstance(e.outside.fill.value, float):
            return None  # an infinity around integers
        cells = math.prod(size + sum(r) for size, r in zip(table.shape, reach, strict=True))
        if cells > max(_SMALL, _ENLARGED * table.size):
            return None
        key = (e.tensor, reach, e.outside.fill)
        if key not in self.padded:
            self.padded[key] = np.pad(table, reach, constant_values=e.outside.fill.value)
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
        check_bytes(f"the loop of {self.equation.target}", shape)
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
            fill = np.asarray(e.outside.fill.value, dtype=float)
            kind = table.dtype if table.dtype.kind == "f" or fill.is_integer() else fill.dtype
            data = np.where(outside, fill.astype(kind), data)
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


def _loser(dtype: Any, op: str) -> Any:
    """A value that no candidate of a maximum or minimum is worse than."""
    if dtype.kind == "i":
        return np.iinfo(dtype).min if op == "max" else np.iinfo(dtype).max
    return dtype.type(-math.inf if op == "max" else math.inf)


def _factors(
    body: Expr, summed: set[str] | None
) -> tuple[int, list[Expr], list[Apply]]:
    """A product's sign, its factors, and quotients whose divisor can wait until after the sum.

    `summed` are the indices of the sum; None keeps all divisors inside.
    """
    sign, factors, divisors = 1, [], []
    stack = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, Apply) and node.function == "mul":
            stack.extend(reversed(node.args))
        elif isinstance(node, Apply) and node.function == "neg":
            sign = -sign
            stack.append(node.args[0])
        elif (
            isinstance(node, Apply) and node.function == "div" and summed is not None
            and not isinstance(node.args[0], Number)
            and summed.isdisjoint(free_indices(node.args[1]))
        ):
            divisors.append(node)
            stack.append(node.args[0])
        else:
            factors.append(node)
    return sign, factors, divisors


def _fingerprint(e: Expr) -> tuple[Any, ...]:
    """An expression's structure as a flat tuple, which hashes without recursion."""
    found: list[Any] = []
    for node in walk(e):
        if isinstance(node, Apply):
            found.append((node.function, len(node.args)))
        elif isinstance(node, Select):
            found.append("select")
        elif isinstance(node, Reduce):
            found.append((node.op, node.indices, node.condition is None))
        elif isinstance(node, ArgReduce):
            found.append((node.op, node.indices, node.condition is None, node.which))
        else:
            found.append(node)
    return tuple(found)
