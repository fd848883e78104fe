"""Which tensors are shared by another axis than that of the examples.

A layer's threads may share its examples or its neurons. Where they share the examples, each reads
all of the matrix, and where the matrix is learned, others have just written most of it. Where they
share the neurons, each has some rows of the matrix for itself, step after step, and reads what all
others have handed on instead. That is better in two cases:

- the matrix is larger than the cache: nobody can keep all of it near;
- the matrix is learned, nothing but this product reads it (the first layer: no adjoint goes back
  through it), and it is larger than what the product is made from.

What belongs to such a product follows it, so that nothing has to be handed over in between: the
activation, its adjoint with the product that makes it, the gradients and the new weights.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Final

from chainrule.lang.expr import Reduce, Ref, walk
from chainrule.lang.program import Equation, Program
from chainrule.native.blas import factors
from chainrule.native.kernels import extent_of, references, shape_of

Axis = tuple[str, int]  # a tensor's axis
READ: Final = 0.25  # what reading a cell that nobody writes costs, next to one of another thread
_EACH: Final = 8  # neurons for each thread, at least, where a matrix could stay whole


def by_columns(program: Program, rows: Collection[Axis], threads: int,
               cache: int) -> dict[str, int]:
    """The tensors that threads share by an axis of their own: which.

    `rows` are the axes of the examples, `cache` is how many numbers a core's own cache holds.
    """
    return _Columns(program, rows, threads, cache).found if threads > 1 else {}


def cells(program: Program, name: str) -> int:
    """How many cells a tensor has."""
    return math.prod(shape_of(program, name))


class _Columns:
    def __init__(self, program: Program, rows: Collection[Axis], threads: int,
                 cache: int) -> None:
        self.program, self.rows, self.threads, self.cache = program, rows, threads, cache
        self.states = {old for old, _ in program.updates}
        self.writers: dict[str, list[Equation]] = defaultdict(list)
        self.readers: dict[str, list[Equation]] = defaultdict(list)
        for e in program.equations:
            self.writers[e.target].append(e)
            for name in dict.fromkeys(r.tensor for r in references(e)):
                self.readers[name].append(e)
        self.found: dict[str, int] = {}
        for e in program.equations:
            axis = self.starts(e)
            if axis is not None and self.stands(e.target, axis):
                self.found[e.target] = axis
        growing = bool(self.found)
        while growing:
            growing = False
            for target, written in self.writers.items():
                for axis in self.wanted(written) if target not in self.found else ():
                    if self.stands(target, axis):
                        self.found[target] = axis
                        growing = True
                        break

    def stands(self, target: str, axis: int) -> bool:
        """Whether all equations of a tensor go along an axis that is long enough to share."""
        def plain(e: Equation) -> bool:
            name = e.subscripts[axis].plain
            return e.plain and any(
                r.name == name and extent_of(r) >= self.threads for r in e.ranges)

        return (target, axis) not in self.rows and all(map(plain, self.writers[target]))

    def starts(self, e: Equation) -> int | None:
        """The axis of a product that its matrix asks for."""
        product = factors(e.body)
        if product is None or not e.plain:
            return None
        for matrix, other in (product[2:], product[:1:-1]):
            own = self.own(matrix, other)
            if any((matrix.tensor, k) in self.rows for k in range(len(matrix.subscripts))):
                continue
            if matrix.outside is None and (own or self.beyond(matrix, other)):
                theirs = {s.plain for s in matrix.subscripts}
                axis = next((k for k, s in enumerate(e.subscripts) if s.plain in theirs
                             and (e.target, k) not in self.rows), None)
                extent = max((extent_of(r) for r in e.ranges if axis is not None
                              and r.name == e.subscripts[axis].plain), default=0)
                if not own or extent >= _EACH * self.threads:
                    return axis
        return None

    def beyond(self, matrix: Ref, other: Ref) -> bool:
        """Whether a matrix is larger than the cache, and than what it is multiplied by."""
        return cells(self.program, matrix.tensor) > max(
            self.cache, 2 * cells(self.program, other.tensor))

    def own(self, matrix: Ref, other: Ref) -> bool:
        """Whether a matrix is learned, and only this product reads it."""
        cost = 1 if other.tensor in self.writers else READ
        return (matrix.tensor in self.states and len(self.readers[matrix.tensor]) == 1
                and cells(self.program, matrix.tensor) > cost * cells(
                    self.program, other.tensor))

    def wanted(self, written: list[Equation]) -> Iterator[int]:
        """The axes of a tensor by which it would follow what it reads, or what reads it."""
        target = written[0].target
        for axis in range(len(written[0].subscripts)):
            behind = any(self.near(e, axis) for e in written) and all(
                self.follows(e, axis) for e in written)
            before = len(written) == 1 and factors(written[0].body) is not None and bool(
                self.readers[target]) and all(
                self.leads(e, target, axis) for e in self.readers[target])
            if behind or before:
                yield axis

    def near(self, e: Equation, axis: int) -> list[Ref]:
        """What an equation reads of its own part of tensors shared so."""
        name = e.subscripts[axis].plain
        return [r for r in references(e) if r.tensor in self.found
                and r.subscripts[self.found[r.tensor]].plain == name is not None]

    def far(self, e: Equation, axis: int) -> list[Ref]:
        """What it would read of other threads' parts."""
        near, name = self.near(e, axis), e.subscripts[axis].plain
        return [r for r in references(e) if r.tensor in self.writers and r not in near
                and r.tensor != e.target and any(
                    s.plain == name or (r.tensor, k) in self.rows
                    for k, s in enumerate(r.subscripts))]

    def follows(self, e: Equation, axis: int) -> bool:
        """Whether an equation reads what it reads of its own part.

        A sum over the examples may read others' parts of something smaller.
        """
        far, near = self.far(e, axis), self.near(e, axis)
        summed = any(isinstance(n, Reduce) for n in walk(e.body)) and not any(
            (e.target, k) in self.rows for k in range(len(e.subscripts)))
        return not far or (summed and self.cells(far) <= self.cells(near))

    def leads(self, e: Equation, name: str, axis: int) -> bool:
        """Whether an equation takes a tensor cell by cell to where its part of others is."""
        if any(isinstance(n, Reduce) for n in walk(e.body)) or not e.plain:
            return False
        for r in references(e):
            if r.tensor == name:
                places = [k for k, s in enumerate(e.subscripts)
                          if s.plain is not None and s.plain == r.subscripts[axis].plain]
                if not places or not self.near(e, places[0]) or any(
                        far.tensor != name for far in self.far(e, places[0])):
                    return False
        return True

    def cells(self, refs: Collection[Ref]) -> int:
        return sum(cells(self.program, r.tensor) for r in refs)
