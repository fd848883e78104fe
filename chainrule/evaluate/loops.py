"""Expressions inside one equation's loop, evaluated to arrays whose axes are its indices.

A `Loop` gives every index of the equation a rank, so that all arrays have their axes in one order.
`scope` says which indices are set and how many values each takes; `mask` where anything is looked
at. Equal subexpressions are computed once: each is numbered by its function and the numbers of its
arguments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import DomainError, KindError
from chainrule.evaluate.arrays import Value, contract
from chainrule.evaluate.domains import in_domain, outside_domain, text_of
from chainrule.evaluate.reads import Reads, Scope
from chainrule.evaluate.values import check_bytes
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    free_indices,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.limits import LOOP_BYTES


class Loop(Reads):
    """The evaluation of one equation's expressions."""

    # --- the equation

    def condition(self) -> Value | None:
        """Where a pass of the loop writes anything; None where every pass does.

        A pass is left out where the equation's condition fails, and where its write is dropped.
        """
        guard = self.equation.condition
        mask = None if guard is None else self.value(guard, self.scope, None)
        self.landing = self._landing(mask) if self.equation.dropping else None
        return mask if self.landing is None else self._under(mask, self.landing)

    def _landing(self, mask: Value | None) -> Value | None:
        """Where a dropping write falls inside the target; None where all of them do."""
        inside: Value | None = None
        shape = self.runner.shapes[self.equation.target]
        for s, size in zip(self.equation.subscripts, shape, strict=True):
            place = self.integer(s, self.scope, mask)
            lands = (place.data >= 0) & (place.data < size)
            if not lands.all():
                key = self._number(("lands", place.key, size))
                inside = self._under(inside, Value(lands, place.axes, key))
        return inside

    def body(self, mask: Value | None) -> tuple[Value, Value | None]:
        """The body where `mask` is on, summed over indices that only `+=` loops over."""
        e = self.equation
        extra = tuple(r for r in e.ranges if r.name not in self.kept)
        if not e.accumulate or not extra:
            return self.value(e.body, self.scope, mask), mask
        total = self._sum(extra, e.condition, e.body, self.kept, self.landing)
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
            bad = np.broadcast_to(
                np.logical_not(inside), np.broadcast_shapes(*(np.shape(a) for a in arrays))
            )
            self._refuse(bad, axes, mask, lambda at: self._undefined(node, args, at))
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
        check_bytes(f"the loop of {self.equation.target}", [sizes[n] for n in axes], LOOP_BYTES)

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



    # --- reductions



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
        check_bytes(f"the loop of {self.equation.target}", [inner[n] for n in out], LOOP_BYTES)
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
        check_bytes(f"the loop of {self.equation.target}", [sizes[n] for n in axes], LOOP_BYTES)
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
        check_bytes(f"the loop of {self.equation.target}", shape, LOOP_BYTES)
        flat = (*shape[: len(outer)], -1)
        data = self._spread(value, axes, shape).reshape(flat)
        candidates: Any = True
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
