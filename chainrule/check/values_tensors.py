"""Operations on arrays as papers write them: cell by cell, and the products that a sign may mean.

Papers write `ab` for a product of whatever a and b are. `products` gives every meaning that the
shapes allow, the likeliest first; whoever evaluates a claim tries them. A vector has no
orientation here: a row, a column and a list are alike, and shapes decide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from chainrule.check.values import (
    Array,
    Numbers,
    Unknown,
    Value,
    array,
    cells_of,
    plain_shape,
    shape_of,
)

Pair = Callable[[Any, Any], Any]


def cellwise(f: Pair, a: Value, b: Value) -> Value:
    """f of each pair of cells; a number goes with every cell; shapes must agree but for ones."""
    if not isinstance(a, Array):
        return f(a, b) if not isinstance(b, Array) else b.map(lambda x: f(a, x))
    if not isinstance(b, Array):
        return a.map(lambda x: f(x, b))
    if plain_shape(a.shape) != plain_shape(b.shape):
        raise Unknown(f"shapes {shown_shape(a.shape)} and {shown_shape(b.shape)} do not fit",
                      "unequal")
    shape = a.shape if len(a.shape) >= len(b.shape) else b.shape
    return Array(shape, tuple(f(x, y) for x, y in zip(a.cells, b.cells, strict=True)))


def to_rows(a: Value, b: Value) -> tuple[Value, Value]:
    """A matrix and a vector that is added to each of its rows, or columns: both as matrices."""
    if not isinstance(a, Array) or not isinstance(b, Array) or (
            len(plain_shape(a.shape)) == len(plain_shape(b.shape))):
        return a, b
    first, second = squeezed(a), squeezed(b)
    if not isinstance(first, Array) or not isinstance(second, Array):
        return first, second  # a list of one number is that number
    if len(first.shape) == 1:
        second, first = to_rows(second, first)
        return first, second
    if len(first.shape) != 2 or len(second.shape) != 1:
        return a, b
    rows, columns = first.shape
    if len(second.cells) == columns:
        return first, Array(first.shape, second.cells * rows)
    if len(second.cells) == rows:
        return first, Array(first.shape, tuple(c for c in second.cells for _ in range(columns)))
    return a, b


def shown_shape(shape: tuple[int, ...]) -> str:
    """A shape as text: 2 × 3; a number has none."""
    return " × ".join(map(str, shape)) or "1"


def contraction(numbers: Numbers, a: Array, b: Array, axes: int) -> Value:
    """The sum of products over the last axes of a and as many first axes of b."""
    left, shared = a.shape[: len(a.shape) - axes], a.shape[len(a.shape) - axes :]
    right = b.shape[axes:]
    rows, depth, columns = map(math.prod, (left, shared, right))
    cells = []
    for i in range(rows):
        for j in range(columns):
            total: Any = Fraction(0)
            for k in range(depth):
                term = numbers.mul(a.cells[i * depth + k], b.cells[k * columns + j])
                total = numbers.add(total, term)
            cells.append(total)
    return array(left + right, tuple(cells))


def outer(numbers: Numbers, a: Array, b: Array) -> Value:
    """All products of a cell of a and a cell of b."""
    cells = tuple(numbers.mul(x, y) for x in a.cells for y in b.cells)
    return Array(a.shape + b.shape, cells)


def squeezed(a: Value) -> Value:
    """The array without axes of one cell."""
    return array(plain_shape(a.shape), a.cells) if isinstance(a, Array) else a


def products(numbers: Numbers, sign: str, a: Value, b: Value, spread: bool | None = False) -> list[
        Callable[[], Value]]:
    """What a product of two values may mean, the likeliest first; never empty without `Unknown`.

    With `spread`, a vector behind a matrix may also go with each of its rows; with None, none may.
    """
    a, b = squeezed(a), squeezed(b)
    if not isinstance(a, Array) or not isinstance(b, Array):
        return [lambda: cellwise(numbers.mul, a, b)]
    found: list[Callable[[], Value]] = []
    same = a.shape == b.shape
    flat = len(a.shape) == len(b.shape) == 1
    deepest = min(len(a.shape), len(b.shape))
    fitting = [k for k in range(deepest, 0, -1) if a.shape[len(a.shape) - k :] == b.shape[:k]]
    if same and (sign in ("odot", "times") or (flat and sign != "dot")):
        found.append(lambda: cellwise(numbers.mul, a, b))
    if sign != "odot":
        matrix = [k for k in fitting if k == 1 and not flat and (len(a.shape), len(b.shape)) in
                  ((2, 1), (1, 2), (2, 2))]
        rest = [k for k in fitting if k not in matrix]
        for k in [*matrix, *rest]:
            found.append(lambda k=k: contraction(numbers, a, b, k))  # type: ignore[misc]
        if (same and not found[:1]) or (same and not (sign == "times" or (flat and sign != "dot"))):
            found.append(lambda: cellwise(numbers.mul, a, b))
        if flat:
            found.append(lambda: outer(numbers, a, b))
    if math.prod(a.shape) == math.prod(b.shape) and not same and len(a.shape) != len(b.shape):
        c = Array((len(a.cells),), a.cells)
        d = Array((len(b.cells),), b.cells)
        found.append(lambda: contraction(numbers, c, d, 1))
    if spread is not None and {len(a.shape), len(b.shape)} == {1, 2} and (
            not found or spread or sign in ("odot", "times") or len(a.shape) == 1):
        first, second = to_rows(a, b)
        if shape_of(first) == shape_of(second) and (a.shape[-1] == b.shape[-1]):
            found.append(lambda: cellwise(numbers.mul, first, second))  # to each row
    if not found:
        raise Unknown(f"a product of {shown_shape(a.shape)} and {shown_shape(b.shape)} "
                      "does not fit", "shape")
    return found


def transposed(a: Value) -> Value:
    """The transpose of a matrix; a vector stays what it is."""
    if not isinstance(a, Array) or len(a.shape) < 2:
        return a
    if len(a.shape) != 2:
        half = len(a.shape) // 2
        order = [*range(half, len(a.shape)), *range(half)]
        return permuted(a, order)
    return permuted(a, [1, 0])


def permuted(a: Array, order: list[int]) -> Array:
    """The array with its axes in another order."""
    shape = tuple(a.shape[k] for k in order)
    cells = []
    for place in itertools.product(*map(range, shape)):
        old = [0] * len(order)
        for k, at in zip(order, place, strict=True):
            old[k] = at
        cells.append(a[tuple(old)])
    return Array(shape, tuple(cells))


def diagonal(a: Value) -> Value:
    """A vector as the diagonal of a matrix; the diagonal of a matrix."""
    if not isinstance(a, Array):
        return a
    if len(a.shape) == 2 and a.shape[0] == a.shape[1]:
        return Array((a.shape[0],), tuple(a[k, k] for k in range(a.shape[0])))
    n = len(a.cells)
    cells = tuple(a.cells[i] if i == j else Fraction(0) for i in range(n) for j in range(n))
    return Array((n, n), cells)


def stacked(values: list[Value]) -> Value:
    """Values of one shape as an array with one more axis, in front."""
    if not values:
        return Array((0,), ())
    shape = shape_of(values[0])
    if any(shape_of(v) != shape for v in values):
        raise Unknown("the parts of a list have different shapes", "shape")
    return Array((len(values), *shape), tuple(x for v in values for x in cells_of(v)))


def blocks(rows: list[list[Value]]) -> Value:
    """A matrix of numbers, or of blocks that are put together."""
    if any(isinstance(v, Array) for row in rows for v in row):
        if len(rows) == 1 and len(rows[0]) == 1:
            return rows[0][0]
        if all(len(row) == 1 for row in rows):
            return stacked([row[0] for row in rows])
        if len(rows) == 1:
            return stacked(rows[0])
        shape = (len(rows), len(rows[0]))
        if all(not isinstance(v, Array) or v.shape == shape for row in rows for v in row) and all(
                len(row) == shape[1] for row in rows):
            # each cell says what that cell is: ∂L/∂v in the corner is that of the corner's v
            return Array(shape, tuple(v[i, j] if isinstance(v, Array) else v
                                      for i, row in enumerate(rows) for j, v in enumerate(row)))
        raise Unknown("a matrix of matrices", "shape")
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise Unknown("the rows of a matrix have different lengths", "shape")
    cells = tuple(v for row in rows for v in row)
    if len(rows) == 1:
        return Array((len(cells),), cells)
    return Array((len(rows), widths.pop()), cells)


__all__ = ["blocks", "cellwise", "contraction", "diagonal", "outer", "permuted", "products",
           "shown_shape", "squeezed", "stacked", "to_rows", "transposed"]
