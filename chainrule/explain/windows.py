"""Sliding windows: where one tensor lies on another at each step of a sum of products.

A convolution, its input gradient and its kernel gradient are one picture: a row of cells stands
still, another slides along it, and where they touch, products are added up. `sliding` reads that
picture off an equation's subscripts. On each axis the cell `m` of the target sees, under cell `a`
of what slides, the coordinate

    step * m + turn * a + start

of what stands still. A negative `turn` is a kernel that lies there turned round. What stands still
may be spread out, a cell every `spread` coordinates with zeros between: the adjoint of a strided
convolution. Coordinates without a cell are zeros that are not data: padding, or those in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from chainrule.errors import InputError
from chainrule.lang.expr import Ref, walk
from chainrule.lang.integers import Index, Integer
from chainrule.lang.program import Equation, Program

Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """How windows lie on one axis; sizes in cells."""

    step: int
    turn: int
    start: int
    spread: int
    targets: int
    moving: int
    cells: int

    def coordinate(self, m: int, a: int) -> int:
        """Where cell `a` of what slides lies for cell `m` of the target."""
        return self.step * m + self.turn * a + self.start

    def cell(self, coordinate: int) -> int | None:
        """The cell at a coordinate; None where there is only a zero."""
        cell, beside = divmod(coordinate, self.spread)
        return cell if not beside and 0 <= cell < self.cells else None

    def last(self) -> int:
        """The coordinate of the last cell of what stands still."""
        return self.spread * (self.cells - 1)

    def first_seen(self) -> int:
        """The smallest coordinate that a window touches."""
        return min(self.coordinate(m, a) for m in (0, self.targets - 1)
                   for a in (0, self.moving - 1))

    def last_seen(self) -> int:
        """The largest coordinate that a window touches."""
        return max(self.coordinate(m, a) for m in (0, self.targets - 1)
                   for a in (0, self.moving - 1))

    def padding(self) -> tuple[int, int]:
        """How many zeros the windows need before the first cell and after the last."""
        return max(0, -self.first_seen()), max(0, self.last_seen() - self.last())

    def from_left(self) -> range:
        """The cells of what slides in the order in which they lie there."""
        order = range(self.moving)
        return order if self.turn > 0 else order[::-1]


@dataclass(frozen=True, slots=True)
class Touch:
    """A product: cell `moving` of what slides over a coordinate; `still` is its cell, or None."""

    coordinate: Place
    still: Place | None
    moving: Place


@dataclass(frozen=True, slots=True)
class Sliding:
    """All the windows of one equation: `moving` slides over `still` and makes `target`.

    >>> from chainrule.lang.ranges import program
    >>> p = program("input x[4], w[3]; y[i] = sum(a) w[a]*x[i - a; pad 2 with 0]")
    >>> s = sliding(p, p.equations[0])
    >>> s.still, s.moving, [t.moving[0] for t in s.window((0,))]
    ('x', 'w', [2, 1, 0])
    >>> [t.still for t in s.window((1,))]
    [None, (0,), (1,)]
    """

    target: str
    still: str
    moving: str
    axes: tuple[Axis, ...]

    def places(self) -> Iterator[Place]:
        """The cells of the target."""
        return itertools.product(*(range(axis.targets) for axis in self.axes))

    def window(self, place: Place) -> list[Touch]:
        """The products that make one cell of the target, from left to right, row by row."""
        found = []
        for moving in itertools.product(*(axis.from_left() for axis in self.axes)):
            at = tuple(axis.coordinate(m, a)
                       for axis, m, a in zip(self.axes, place, moving, strict=True))
            found.append(Touch(at, self.cell(at), moving))
        return found

    def cell(self, at: Place) -> Place | None:
        """The cell of what stands still at these coordinates, if there is one."""
        found = [axis.cell(c) for axis, c in zip(self.axes, at, strict=True)]
        return tuple(c for c in found if c is not None) if None not in found else None


def sliding(program: Program, equation: Equation) -> Sliding:
    """The windows of an equation `t[m] = sum(a) u[a]*v[…]` or `t[…] += u[a]*v[i]`.

    The sizes must be numbers. Raises `InputError` for an equation of another form.
    """
    refs = [node for node in walk(equation.body) if isinstance(node, Ref)]
    if len(refs) != 2:
        raise InputError(f"the equation of {equation.target} is not a sum of products of two cells")
    compound = [ref for ref in refs if any(s.plain is None for s in ref.subscripts)]
    if len(compound) == 1:
        still = compound[0]
        moving = refs[1] if still is refs[0] else refs[0]
        ways = _gathered(program, equation, still, moving)
    else:
        adjoints = [ref for ref in refs if program.tensors[ref.tensor].adjoint_of]
        still = adjoints[0] if adjoints else refs[0]
        moving = refs[1] if still is refs[0] else refs[0]
        ways = _scattered(program, equation, still, moving)
    return Sliding(equation.target, still.tensor, moving.tensor, tuple(ways))


def _gathered(program: Program, equation: Equation, still: Ref, moving: Ref) -> Iterator[Axis]:
    """The axes where what stands still is read at a sum of the other two's indices."""
    for k, subscript in enumerate(still.subscripts):
        step = _slope(subscript, equation.subscripts[k])
        turn = _slope(subscript, moving.subscripts[k])
        yield Axis(step, turn, _rest(subscript), 1, *_sizes(program, equation, still, moving, k))


def _scattered(program: Program, equation: Equation, still: Ref, moving: Ref) -> Iterator[Axis]:
    """The axes where the target is added to at a sum of the other two's indices: solved for it."""
    for k, subscript in enumerate(equation.subscripts):
        spread = _slope(subscript, still.subscripts[k])
        turn = _slope(subscript, moving.subscripts[k])
        yield Axis(1, -turn, -_rest(subscript), spread,
                   *_sizes(program, equation, still, moving, k))


def _slope(subscript: Integer, by: Integer) -> int:
    slope = subscript.coefficient(Index(by.plain or "")).constant
    if not slope:
        raise InputError(f"the subscript {subscript} does not move with {by}")
    return slope


def _rest(subscript: Integer) -> int:
    return sum(c for monomial, c in subscript.terms if not monomial)


def _sizes(program: Program, equation: Equation, still: Ref, moving: Ref,
           axis: int) -> tuple[int, int, int]:
    target, slides, stands = (program.tensors[name].shape[axis].constant or 0
                              for name in (equation.target, moving.tensor, still.tensor))
    return target, slides, stands
