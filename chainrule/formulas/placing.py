"""A formula with its sizes known: substituted in its equations, and tidied where that is trivial.

What is left out (a bias) is replaced by what it stands for (0); an index of one cell is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    add,
    children,
    div,
    mul,
    rebuild,
    sub,
)
from chainrule.lang.integers import ONE, ZERO, Index, Integer, Size, atom, known, product
from chainrule.lang.program import Equation

_MAKE: Final = {"add": add, "sub": sub, "mul": mul, "div": div}


def resolve(p: Integer, sizes: Mapping[str, Integer]) -> Integer:
    """A polynomial with the sizes that are known put in."""
    return p.substitute(lambda a: sizes.get(a.name) if isinstance(a, Size) else None)


def _is_product(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function == "mul"


class Placing:
    """Substitutes sizes and values in equations, and tidies what becomes trivial."""

    def __init__(self, sizes: Mapping[str, Integer], values: Mapping[str, Expr]) -> None:
        self.sizes = sizes
        self.values = values

    def size(self, p: Integer) -> Integer:
        """A polynomial with its sizes known."""
        return resolve(p, self.sizes)

    def equation(self, e: Equation) -> Equation:
        """An equation with its sizes known; indices of one cell are 0."""
        sized = [Range(r.name, self.size(r.size or ONE)) for r in e.ranges]
        zero = {r.name for r in sized if r.size == ONE}
        return replace(
            e,
            subscripts=tuple(self.subscript(s, zero) for s in e.subscripts),
            ranges=tuple(r for r in sized if r.name not in zero),
            body=self.expression(e.body, zero),
            condition=None if e.condition is None else self.expression(e.condition, zero),
            origin=replace(e.origin, span=None),
        )

    def subscript(self, s: Integer, zero: set[str]) -> Integer:
        """A subscript with its sizes known and some indices 0."""
        if s.plain is not None:
            return ZERO if s.plain in zero else s

        def put(a: object) -> Integer | None:
            if isinstance(a, Size):
                return self.sizes.get(a.name)
            if isinstance(a, Index) and a.name in zero:
                return ZERO
            if isinstance(a, Read):  # a label chooses the cell
                place = self.reference(a.ref, zero)
                assert isinstance(place, Ref)
                return atom(Read(place))
            return None

        found = s.substitute(put)
        return known(found, {}) if zero else found

    def expression(self, e: Expr, zero: set[str]) -> Expr:
        """An expression with its sizes known, without what adds 0 or multiplies by 1."""
        if isinstance(e, Ref):
            return self.reference(e, zero)
        if isinstance(e, IndexValue):
            value = self.subscript(e.value, zero)
            number = value.constant
            return Number(number) if number is not None else IndexValue(value)
        if isinstance(e, Reduce):
            return self.reduction(e, zero)
        if isinstance(e, ArgReduce):
            ranges = tuple(Range(r.name, self.size(r.size or ONE)) for r in e.indices)
            condition = None if e.condition is None else self.expression(e.condition, zero)
            return ArgReduce(e.op, ranges, condition, self.expression(e.body, zero), e.which)
        parts = tuple(self.expression(part, zero) for part in children(e))
        if isinstance(e, Apply):
            make = _MAKE.get(e.function)
            return make(*parts) if make is not None else Apply(e.function, parts)
        return rebuild(e, parts)

    def reduction(self, e: Reduce, zero: set[str]) -> Expr:
        """A reduction; over one cell, without a condition, it is its body."""
        sized = tuple(Range(r.name, self.size(r.size or ONE)) for r in e.indices)
        one = {r.name for r in sized if r.size == ONE}
        zero = (zero - {r.name for r in sized}) | one
        if e.op == "sum" and len(one) == len(sized) and _is_product(e.body):
            one.discard(sized[0].name)  # a sum of one product is one still: it counts as a MAC
            zero = zero - {sized[0].name}
        rest = tuple(r for r in sized if r.name not in one)
        condition = None if e.condition is None else self.expression(e.condition, zero)
        body = self.expression(e.body, zero)
        if e.op == "sum" and condition is None and isinstance(body, Number):
            cells = product(iter([r.size or ONE for r in sized]))
            number = cells.constant
            return mul(body, IndexValue(cells) if number is None else Number(number))
        if rest:
            return Reduce(e.op, rest, condition, body)
        if condition is None:
            return body
        return Select(condition, body, Number(0)) if e.op == "sum" else Reduce(
            e.op, sized[:1], condition, body)

    def reference(self, e: Ref, zero: set[str]) -> Expr:
        """A tensor read; what is left out is the number that it stands for."""
        value = self.values.get(e.tensor)
        if value is not None:
            return value
        outside = e.outside
        if outside is not None and outside.pads is not None:
            pads = tuple((self.size(a), self.size(b)) for a, b in outside.pads)
            outside = Outside(outside.fill, pads) if any(p != (ZERO, ZERO) for p in pads) else None
        return Ref(e.tensor, tuple(self.subscript(s, zero) for s in e.subscripts), outside)
