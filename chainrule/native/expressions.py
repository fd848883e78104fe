"""Expressions in the code of a kernel, for all points of a tile together.

Conditions are lazy as in the language. What a condition guards is computed in all lanes and then
selected, but its reads stay inside their tensors; a read that is outside where it is looked at sets
the error flag, and whoever called finds the place with the reference.
"""

from __future__ import annotations

import math
from typing import Any, Final

from llvmlite import ir

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.native.elementary import LONG
from chainrule.native.emitter import is_int, lanes
from chainrule.native.reads import Masks, Site, Values
from chainrule.native.reductions import Reductions

_POWER: Final = 16  # largest whole exponent that becomes multiplications
_ABREAST: Final = 4  # lone numbers that are worth a vector


class Expressions(Reductions):
    """Values of expressions at the points of a kernel."""

    def values(self, e: Expr, sites: list[Site], under: Masks) -> Values:
        """An expression's value at each point; meaningful where its mask is on."""
        if isinstance(e, Number):
            return [self.number(e)] * len(sites)
        if isinstance(e, Ref):
            ready = self.ready.get((e.tensor, e.subscripts))
            if ready is not None and len(ready) == len(sites):
                return ready
            return [self.read(e, s, m) for s, m in zip(sites, under, strict=True)]
        if isinstance(e, IndexValue):
            return [self.integer(e.value, s, m) for s, m in zip(sites, under, strict=True)]
        if isinstance(e, Apply):
            return self.apply(e, sites, under)
        if isinstance(e, Select):
            truths = self.values(e.condition, sites, under)
            on = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
            off = [self.e.both(m, self.e.builder.not_(t))
                   for m, t in zip(under, truths, strict=True)]
            then = self.values(e.then, sites, on)
            otherwise = self.values(e.otherwise, sites, off)
            return [self.e.select(t, *self.alike(a, b))
                    for t, a, b in zip(truths, then, otherwise, strict=True)]
        if isinstance(e, Delta):
            return [self.e.as_real(self.e.compare(
                "eq", self.integer(e.left, s, m), self.integer(e.right, s, m)))
                for s, m in zip(sites, under, strict=True)]
        assert isinstance(e, Reduce | ArgReduce)
        return self.reduce(e, sites, under)

    def alike(self, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Two values as the same kind of number."""
        if is_int(a) != is_int(b):
            return self.e.as_real(a), self.e.as_real(b)
        return a, b

    def apply(self, e: Apply, sites: list[Site], under: Masks) -> Values:
        """A function of the table."""
        if e.function in ("and", "or"):
            left = self.values(e.args[0], sites, under)
            first = left if e.function == "and" else [self.e.builder.not_(a) for a in left]
            inner = [self.e.both(m, a) for m, a in zip(under, first, strict=True)]
            right = self.values(e.args[1], sites, inner)
            join = self.e.builder.and_ if e.function == "and" else self.e.builder.or_
            return [join(*self.e.together(a, b)) for a, b in zip(left, right, strict=True)]
        args = [self.values(a, sites, under) for a in e.args]
        rows = [list(row) for row in (zip(*args, strict=True) if args else [()] * len(sites))]
        if e.function in LONG and args:
            few = {lanes(a) for row in rows for a in row}
            each = few.pop()
            if not few and len(rows) * each >= _ABREAST and len(rows) > 1 and (
                    2 * each <= self.width) and not any(
                    isinstance(a, ir.Constant) for row in rows for a in row):
                return self.abreast(e, rows, each)
        return [self.applied(e, row) for row in rows]

    def abreast(self, e: Apply, rows: list[Values], each: int) -> Values:
        """A long function of many numbers or short vectors: of whole ones, then taken apart."""
        found: Values = []
        count = self.width // each
        for at in range(0, len(rows), count):
            some = rows[at : at + count]
            full = some + [some[-1]] * (count - len(some))
            value = self.applied(e, [self.e.joined([self.e.as_real(a) for a in column])
                                     for column in zip(*full, strict=True)])
            found += [self.e.part(value, k, each) for k in range(len(some))]
        return found

    def applied(self, e: Apply, args: Values) -> ir.Value:
        name = e.function
        if name == "not":
            return self.e.builder.not_(args[0])
        if name in ("add", "sub", "mul", "neg") or FUNCTIONS[name].boolean:
            args = self.same_kind(e, args)
            if FUNCTIONS[name].boolean:
                return self.e.compare(name, args[0], args[1])
            operation: Any = getattr(self.e, name)
            return operation(*args)
        reals = [self.e.as_real(a) for a in args]
        if name == "div":
            return self.e.div(*reals)
        if name == "stop_gradient":
            return reals[0]
        if name == "pow" and isinstance(e.args[1], Number):
            power = e.args[1].value
            if isinstance(power, int) and 0 < abs(power) <= _POWER:
                product = self.product(reals[0], abs(power))
                return product if power > 0 else self.e.div(
                    self.e.spread(self.e.number(1), lanes(product)), product)
        if name == "pi":
            return self.e.number(math.pi)
        return self.elementary.call(self.e.builder, name, self.e.together(*reals))

    def same_kind(self, e: Apply, args: Values) -> Values:
        """Integers with integers (whole constants among them), else reals."""
        whole = [is_int(a) or (isinstance(n, Number) and isinstance(n.value, int))
                 for a, n in zip(args, e.args, strict=True)]
        if all(whole) and any(map(is_int, args)):
            return [a if is_int(a) else self.number(n, True)  # type: ignore[arg-type]
                    for a, n in zip(args, e.args, strict=True)]
        return [self.e.as_real(a) for a in args]

    def product(self, x: ir.Value, count: int) -> ir.Value:
        """x multiplied with itself, by squarings."""
        if count == 1:
            return x
        half = self.product(x, count // 2)
        whole = self.e.mul(half, half)
        return self.e.mul(whole, x) if count % 2 else whole
