"""Shapes of operands: broadcasting, reshapes and slices, in sizes that may be names.

Everything here is arithmetic on sizes and subscripts and knows nothing of variables. The indices of
a loop are `place(0)`, `place(1)`, ... until a program gives them letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import InputError, KindError, LimitError, ShapeError
from chainrule.lang.expr import Range
from chainrule.lang.integers import ONE, ZERO, Integer, constant, index, product, size
from chainrule.lang.program import Shape
from chainrule.lang.tokens import WORDS
from chainrule.limits import TENSOR_AXES


def place(k: int) -> Integer:
    """The index of loop number k, before it has a letter."""
    return index(f"{k}")


def shape_of(shape: Any) -> Shape:
    """A shape from integers and names of sizes: `(3, "N")`."""
    if isinstance(shape, int | str | Integer):
        shape = (shape,)
    found = []
    for n in shape:
        if isinstance(n, str):
            found.append(size(check_name(n)))
        elif isinstance(n, Integer):
            found.append(n)
        elif isinstance(n, int) and not isinstance(n, bool) and n >= 0:
            found.append(constant(n))
        else:
            raise ShapeError(f"{n!r:.60} is not a size", None, "a size is a number or a name")
    if len(found) > TENSOR_AXES:
        raise LimitError(f"{len(found)} axes; at most {TENSOR_AXES}")
    return tuple(found)


def check_name(name: str) -> str:
    """A name that the language can read; raises `InputError` for another."""
    if not isinstance(name, str) or not name.isidentifier() or name in WORDS:
        raise InputError(f"{name!r:.60} is not a name", None,
                         "a name is letters, digits and _, and starts with a letter")
    return name


def shape_text(shape: Shape) -> str:
    """`(3, N)`"""
    return f"({', '.join(map(str, shape))})"


def normal_axis(axis: int, ndim: int) -> int:
    """An axis counted from the front; raises `ShapeError` where there is none."""
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        raise ShapeError(f"there is no axis {axis}: the variable has {ndim} axes")
    return axis % ndim


def aligned(own: Shape, loops: Sequence[str], shape: Shape) -> tuple[Integer, ...]:
    """The subscripts of an operand of shape `own` in a loop over `shape`: broadcasting, as 0."""
    skip = len(shape) - len(own)
    return tuple([
        index(loops[skip + k]) if n == shape[skip + k] else ZERO for k, n in enumerate(own)
    ])


def ranges(loops: Sequence[str], shape: Shape) -> tuple[Range, ...]:
    """A range for each index."""
    return tuple([Range(name, n) for name, n in zip(loops, shape, strict=True)])


def broadcast_shapes(shapes: Sequence[Shape], what: str) -> Shape:
    """The shape that some shapes broadcast to.

    Raises `ShapeError` where two sizes differ and none is a literal 1.
    """
    first = shapes[0]
    if all(s == first for s in shapes[1:]):
        return first
    result: list[Integer] = []
    for back in range(1, max(map(len, shapes)) + 1):
        axis = ONE
        for shape in shapes:
            n = shape[-back] if back <= len(shape) else ONE
            if n != ONE and axis not in (ONE, n):
                both = " and ".join(map(shape_text, shapes))
                raise ShapeError(f"{what}: the shapes {both} do not fit together: {axis} and {n} "
                                 "differ", None, "sizes must be equal, or one of them be 1")
            axis = n if axis == ONE else axis
        result.append(axis)
    return tuple(reversed(result))


def flat(shape: Sequence[Integer], first: int) -> Integer:
    """The row-major position of a cell whose subscripts are loops `first`, `first + 1`, ..."""
    total = ZERO
    for k, n in enumerate(shape):
        total = total * n + place(first + k)
    return total


def filled(old: Shape, shape: Sequence[Any]) -> Shape:
    """The new shape with the size that was given as -1."""
    unknown = [k for k, n in enumerate(shape) if isinstance(n, int) and n == -1]
    if len(unknown) > 1:
        raise ShapeError("only one size may be -1")
    total = product(iter(old))
    new = list(shape_of([1 if k in unknown else n for k, n in enumerate(shape)]))
    known = product(iter(new))
    if unknown:
        if known.constant != 0 and (total // known) * known == total:
            new[unknown[0]] = total // known
            return tuple(new)
    elif known == total:
        return tuple(new)
    wanted = ", ".join(map(str, shape))
    raise ShapeError(f"{shape_text(old)} has {total} cells and cannot become ({wanted})")


def groups(old: Shape, new: Shape) -> list[tuple[list[Integer], list[Integer]]] | None:
    """Runs of axes with equal products, one of the two runs a single axis; None if there are none.

    >>> [(len(a), len(b)) for a, b in groups(shape_of((2, 3, 4)), shape_of((6, 2, 2)))]
    [(2, 1), (1, 2)]
    """
    found = []
    a = b = 0
    left: int | None
    right: int | None
    while a < len(old) or b < len(new):
        left, right = 1, _run(old[a : a + 1], new[b:])
        if right is None:
            left, right = _run(new[b : b + 1], old[a:]), 1
        if left is None or right is None:
            return None
        found.append((list(old[a : a + left]), list(new[b : b + right])))
        a, b = a + left, b + right
    return found


def _run(axis: Shape, others: Shape) -> int | None:
    """How many of the others multiply to the one axis, 0 for an axis of size 1; None if none do."""
    if not axis:
        return None
    for count in range(1, len(others) + 1):
        if product(iter(others[:count])) == axis[0]:
            return count
    return 0 if axis[0] == ONE else None


def subscript(k: Any, n: Integer, axis: int) -> Integer:
    """One position on an axis; negative ones count from the end."""
    if not hasattr(k, "__index__") or isinstance(k, bool):
        raise KindError(f"a {type(k).__name__} is not a subscript", None,
                        "subscripts are whole numbers, slices, None, ... or an integer input")
    at = k.__index__()
    cells = n.constant
    if cells is not None and not -cells <= at < cells:
        raise ShapeError(f"subscript {at} is outside axis {axis}, which has {cells} cells")
    return constant(at) if at >= 0 else n + at


def slice_of(s: slice, n: Integer, axis: int) -> tuple[Integer, int, Integer]:
    """A slice's first cell, its step, and how many cells it has."""
    step = 1 if s.step is None else s.step
    cells = n.constant
    if cells is not None:
        start, stop, step = s.indices(cells)
        count = constant(len(range(start, stop, step)))
        first = constant(start)
    else:
        first, last = (
            default if k is None else constant(k) if k >= 0 else n + k
            for k, default in ((s.start, ZERO if step > 0 else n - 1),
                               (s.stop, n if step > 0 else constant(-1)))
        )
        span = last - first if step > 0 else first - last
        count = (span + (abs(step) - 1)) // abs(step)
    if count.constant is not None and count.constant < 1:
        raise ShapeError(f"the slice of axis {axis} holds no cell")
    return first, step, count
