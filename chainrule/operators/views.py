"""Cells put elsewhere: indexing, transposes, reshapes, concatenation, as NumPy has them.

Each gives one `Moved` node, whose equations say for every cell where it comes from. A reshape that
merges axes writes `f[i*J + j] = x[i,j]`, one that splits them reads `x[i*J + j]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import ShapeError
from chainrule.lang.integers import ONE, ZERO, Integer, constant, product
from chainrule.operators.nodes import Gathered, Input, Moved, Node, Piece
from chainrule.operators.shapes import (
    filled,
    flat,
    groups,
    normal_axis,
    place,
    shape_text,
    slice_of,
    subscript,
)


def copy(x: Node) -> Node:
    """The same cells under another name."""
    here = tuple(map(place, range(x.ndim)))
    return Moved(x.shape, [(x, here, here, x.shape)])


def transpose(x: Node, axes: Sequence[int] | None = None) -> Node:
    """The axes in another order, reversed by default."""
    order = [normal_axis(a, x.ndim) for a in axes] if axes else list(range(x.ndim))[::-1]
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"{tuple(axes or ())} does not name each of the {x.ndim} axes once")
    right = tuple(place(order.index(k)) for k in range(x.ndim))
    shape = tuple(x.shape[k] for k in order)
    return Moved(shape, [(x, tuple(map(place, range(x.ndim))), right, shape)])


def concatenate(parts: Sequence[Node], axis: int) -> Node:
    """Arrays one behind the other along an axis; the other axes must be equal."""
    axis = normal_axis(axis, parts[0].ndim)
    shape = parts[0].shape
    pieces: list[Piece] = []
    start = ZERO
    for part in parts:
        if part.ndim != len(shape) or any(
            n != shape[k] for k, n in enumerate(part.shape) if k != axis
        ):
            raise ShapeError(f"concatenate: {shape_text(shape)} and {shape_text(part.shape)} "
                             f"differ in more than axis {axis}")
        here = tuple(map(place, range(part.ndim)))
        left = (*here[:axis], here[axis] + start, *here[axis + 1 :])
        pieces.append((part, left, here, part.shape))
        start = start + part.shape[axis]
    return Moved((*shape[:axis], start, *shape[axis + 1 :]), pieces)


def stack(parts: Sequence[Node], axis: int) -> Node:
    """Arrays of one shape beside each other along a new axis."""
    shape = parts[0].shape
    axis = normal_axis(axis, len(shape) + 1)
    pieces: list[Piece] = []
    for number, part in enumerate(parts):
        if part.shape != shape:
            raise ShapeError(f"stack: {shape_text(shape)} and {shape_text(part.shape)} differ")
        here = tuple(map(place, range(part.ndim)))
        pieces.append((part, (*here[:axis], constant(number), *here[axis:]), here, shape))
    return Moved((*shape[:axis], constant(len(parts)), *shape[axis:]), pieces)


def reshape(x: Node, shape: Sequence[Any]) -> Node:
    """The cells in row-major order under another shape; one size may be -1."""
    new = filled(x.shape, shape)
    runs = groups(x.shape, new)
    if runs is None:  # no run of axes fits another: through the list of all cells
        here = tuple(map(place, range(x.ndim)))
        every = Moved((product(iter(x.shape)),), [(x, (flat(x.shape, 0),), here, x.shape)])
        here = tuple(map(place, range(len(new))))
        return Moved(new, [(every, here, (flat(new, 0),), new)])
    left: list[Integer] = []
    right: list[Integer] = []
    sizes: list[Integer] = []
    for old, fresh in runs:
        first = len(sizes)
        if len(fresh) == 1:  # several axes become one: a subscript on the left
            left.append(flat(old, first))
            right += map(place, range(first, first + len(old)))
            sizes += old
        else:  # one axis becomes several: a subscript on the right
            right.append(flat(fresh, first))
            left += map(place, range(first, first + len(fresh)))
            sizes += fresh
    return Moved(new, [(x, tuple(left), tuple(right), tuple(sizes))])


def take(x: Node, labels: Input) -> Node:
    """Rows of an array by the numbers that an integer input holds."""
    if not x.shape:
        raise ShapeError("a scalar has no rows")
    return Gathered(x, labels)


def getitem(x: Node, key: Any) -> Node:
    """Cells of an array by whole numbers, slices, None and `...`, as in NumPy."""
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in keys)
    dots = [place for place, k in enumerate(keys) if k is Ellipsis]
    if used > x.ndim or len(dots) > 1:
        raise ShapeError(f"{len(keys)} subscripts for a variable of shape {shape_text(x.shape)}")
    at = dots[0] if dots else len(keys)
    keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    left: list[Integer] = []
    right: list[Integer] = []
    shape: list[Integer] = []
    sizes: list[Integer] = []
    for k in keys:
        if k is None:
            left.append(ZERO)
            shape.append(ONE)
        elif isinstance(k, slice):
            start, step, cells = slice_of(k, x.shape[len(right)], len(right))
            right.append(place(len(sizes)) * step + start)
            left.append(place(len(sizes)))
            sizes.append(cells)
            shape.append(cells)
        else:
            right.append(subscript(k, x.shape[len(right)], len(right)))
    return Moved(tuple(shape), [(x, tuple(left), tuple(right), tuple(sizes))])
