"""Programs with every size a number: what machine code is made for.

A program is written once for all sizes; machine code knows how long its loops are. `concrete` puts
numbers for the sizes everywhere they stand, so that all that follows works with integers. The same
program with other sizes is compiled again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.errors import MissingValueError, ShapeError
from chainrule.evaluate.values import Sizes, shapes
from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    children,
    rebuild,
)
from chainrule.lang.integers import Integer, Size, atom, constant, known
from chainrule.lang.program import Equation, Program


def concrete(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with numbers for all its sizes; its assumptions checked.

    Raises `MissingValueError` for a size that is not given, `ShapeError` where an assumption fails,
    `LimitError` for tensors that no machine holds.
    """
    table = Sizes(sizes)
    for name in program.size_names():
        if name not in table:
            raise MissingValueError(f"the size {name} is not known", None,
                                    f"machine code is made for given sizes: {name}=32")
    for a, b in program.assumptions:
        if table.of(a) != table.of(b):
            raise ShapeError(f"the program needs {a} = {b}, but they are "
                             f"{table.of(a)} and {table.of(b)}")
    found = shapes(program, table)
    work = _Concrete(table)
    tensors = {
        name: replace(t, shape=tuple(map(constant, found[name])),
                      below=None if t.below is None else constant(table.of(t.below)))
        for name, t in program.tensors.items()
    }
    return replace(program, tensors=tensors, assumptions=(),
                   equations=tuple(map(work.equation, program.equations)))


class _Concrete:
    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    def equation(self, e: Equation) -> Equation:
        return replace(
            e, subscripts=tuple(map(self.integer, e.subscripts)), ranges=self.ranges(e.ranges),
            body=self.expr(e.body),
            condition=None if e.condition is None else self.expr(e.condition))

    def ranges(self, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        return tuple(Range(r.name, constant(max(0, self.sizes.of(r.size))))
                     for r in ranges if r.size is not None)

    def integer(self, p: Integer) -> Integer:
        """A subscript with its sizes replaced, those inside gathers too."""
        if p.plain is not None:
            return p

        def inside(a: object) -> Integer | None:
            if isinstance(a, Read):
                return atom(Read(self.ref(a.ref)))
            if isinstance(a, Size):
                return constant(self.sizes[a.name])
            return None

        return known(p, self.sizes).substitute(inside)

    def ref(self, e: Ref) -> Ref:
        outside = e.outside
        if outside is not None and outside.pads is not None:
            pads = tuple((constant(self.sizes.of(a)), constant(self.sizes.of(b)))
                         for a, b in outside.pads)
            outside = Outside(outside.fill, pads)
        return Ref(e.tensor, tuple(map(self.integer, e.subscripts)), outside, e.span)

    def expr(self, e: Expr) -> Expr:
        if isinstance(e, Ref):
            return self.ref(e)
        if isinstance(e, IndexValue):
            value = self.integer(e.value)
            number = value.constant
            return IndexValue(value, e.span) if number is None else Number(number)
        parts = tuple(map(self.expr, children(e)))
        if isinstance(e, Reduce):
            return Reduce(e.op, self.ranges(e.indices), parts[0] if len(parts) == 2 else None,
                          parts[-1], e.span)
        if isinstance(e, ArgReduce):
            return ArgReduce(e.op, self.ranges(e.indices), parts[0] if len(parts) == 2 else None,
                             parts[-1], e.which, e.span)
        return rebuild(e, parts) if parts else e
