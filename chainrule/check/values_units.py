r"""Unit matrices, zeros and ones with a size, inverses, determinants, Kronecker products.

The size of `I` is that of one of the part's axes: each is a way to read it, and a claim is right
if one of them makes it hold. `I_n` and `0_{n \times m}` say their sizes. What is done with a whole
matrix, such as `A^{-1}` and `A^2`, may also be meant cell by cell; both are readings.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Node, Number, Remark, Symbol, unremarked, walk
from chainrule.check.values import Array, Unknown, Value, array, cells_of
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import Form, plain_letter
from chainrule.check.values_subscripts import constant_index
from chainrule.check.values_tensors import (
    contraction,
    diagonal,
    outer,
    permuted,
    squeezed,
    stacked,
    transposed,
)

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_AXES: Final = 6  # axes that the size of a unit matrix is tried from
_ORDER: Final = 8  # rows up to which a matrix is inverted
_POWER: Final = 8
_KRONECKER: Final = 3_000  # cells


class Units:
    """The part of the evaluator that knows what goes with whole matrices."""

    def unit(self: Evaluator, form: Form, frame: Frame) -> Array | None:
        """A unit matrix; None where its subscripts are no size."""
        if not form.subs:
            if self.units and self.spot in self.units:
                return _unit(self.units[self.spot])
            sizes = self.axes(frame)
            if not sizes:
                raise Unknown("the size of the unit is not known", "name")
            return _unit(sizes[self.chooser.choose(("unit", self.spot), len(sizes))])
        shape = self.sized(form.subs, frame)
        if shape is None or len(set(shape)) != 1 or len(shape) > 2:
            return None
        return _unit(shape[0])

    def unit_vector(self: Evaluator, node: Symbol, sub: Node, one: bool, frame: Frame) -> (
            Value | None):
        """e_k, or 1_k: 1 in place k and 0 elsewhere; None for a 1 with a length below it."""
        if one and self.sized((sub,), frame) is not None:
            return None
        usual = self.common_size(frame)
        sizes = [usual, *(n for n in self.axes(frame) if n != usual)]
        at = self.index_of(sub, usual, frame)
        ways = len(sizes) + one
        chosen = self.chooser.choose(("unit", node.start), ways)
        if chosen == len(sizes):
            return None
        if not 0 <= at - self.base < sizes[chosen]:
            raise Unknown(f"there is no cell {at} on an axis of {sizes[chosen]}", "range")
        return Array((sizes[chosen],), tuple(
            Fraction(int(k + self.base == at)) for k in range(sizes[chosen])))

    def axes(self: Evaluator, frame: Frame) -> list[int]:
        """The sizes of the part's axes, each once, in the same order in every world."""
        found: dict[str, int] = {}
        for name, tensor in self.world.names.program.tensors.items():
            for axis, n in zip(tensor.shape, frame.cells.shape(name), strict=True):
                found.setdefault(str(axis), n)
        return list(found.values())[:_AXES]

    def note_units(self: Evaluator, node: Apply, frame: Frame) -> None:
        """What stands beside a unit matrix says its size: XX^T of XX^T + I, x of I x."""
        assert self.units is not None
        if node.head == "sum":
            for inner in filter(None, map(_unit_of, node.args)):
                beside = next((a for a in node.args if _unit_of(a) is None), None)
                if beside is None:
                    continue
                value = squeezed(self.value(beside, frame))
                if not isinstance(value, Array) or len(value.shape) != 2 or (
                        value.shape[0] != value.shape[1]):
                    raise Unknown("a unit matrix beside what is not square", "shape")
                self.units[inner.start] = value.shape[0]
            return
        for k, arg in enumerate(node.args):
            if not _is_unit(arg):
                continue
            for other, axis in ((node.args[k + 1 : k + 2], 0), (node.args[:k][-1:], -1)):
                value = squeezed(self.value(other[0], frame)) if other else None
                if isinstance(value, Array):
                    self.units[arg.start] = value.shape[axis]
                    break

    def sized(self: Evaluator, subs: tuple[Node, ...], frame: Frame) -> tuple[int, ...] | None:
        r"""The sizes that n, 3 or n \times m below a name are; None where they are none."""
        found = []
        for sub in subs:
            sub = unremarked(sub)
            for part in sub.args if isinstance(sub, Apply) and sub.head == "product" else (sub,):
                n = constant_index(part)
                letter = plain_letter(part)
                if n is None and letter and letter not in frame.bound:
                    size = self.world.names.size(letter)
                    n = None if size is None else int(self.world.sizes[size])
                if n is None or not 0 < n <= 1000:
                    return None
                found.append(n)
        return tuple(found) if 0 < len(found) <= 2 else None

    def filled(self: Evaluator, cell: int, subs: tuple[Node, ...], frame: Frame) -> Value | None:
        """0_{n × m} or a vector of ones 1_n; None where what stands below is no size."""
        shape = self.sized(subs, frame)
        count = 1
        for n in shape or ():
            count *= n
        return None if shape is None or count > _KRONECKER else Array(
            shape, (Fraction(cell),) * count)

    def or_size(self: Evaluator, node: Apply, frame: Frame, total: Value) -> Value:
        """98 × 98 × 5 is a number, or the size of something."""
        if isinstance(total, Array) or not 2 <= len(node.args) <= 5:
            return total
        sides = [self.value(a, frame) for a in node.args]
        if not all(type(s) is Fraction and s.denominator == 1 and s >= 1 for s in sides):
            return total
        if self.chooser.choose(("size", node.start, node.end), 2):
            return Array((len(sides),), tuple(sides))
        return total

    # --- whole matrices

    def laid_in_columns(self: Evaluator, value: Value, parts: tuple[Node, ...]) -> Value:
        """[w_1, w_2] of two vectors: they are the rows of it, or its columns."""
        if isinstance(value, Array) and len(value.shape) == 2 and parts and (
                self.chooser.choose(("columns", parts[0].start), 2)):
            return transposed(value)
        return value

    def stacked_rows(self: Evaluator, rows: list[Value]) -> Value:
        """Rows of one length as a matrix."""
        return stacked(rows)

    def matrix_power(self: Evaluator, node: Apply, below: Value, top: Value) -> Value | None:
        """A^{-1}, A^2, D^{-1/2}: of a square matrix as a whole; None where it goes cell by cell."""
        matrix = squeezed(below)
        if not isinstance(matrix, Array) or len(matrix.shape) != 2 or isinstance(top, Array) or (
                matrix.shape[0] != matrix.shape[1]) or type(top) is not Fraction:
            return None
        whole = top.denominator == 1
        if whole and not -_POWER <= top <= _POWER:
            return None
        if self.chooser.choose(("whole", node.start, node.end), 2) == int(top < 0):
            return None
        if not whole:
            return self._diagonal_power(matrix, top)
        base = matrix if top >= 0 else self.inverse(matrix)
        total: Value = _unit(matrix.shape[0])
        for _ in range(abs(int(top))):
            total = contraction(self.numbers, total, base, 1)
        return total

    def _diagonal_power(self: Evaluator, matrix: Array, top: Fraction) -> Value:
        n = matrix.shape[0]
        for k, cell in enumerate(matrix.cells):
            if k // n != k % n and not self.numbers.close(cell, Fraction(0)):
                raise Unknown("a root of a matrix that is no diagonal", "domain")
        roots = tuple(self.numbers.apply("pow", matrix[k, k], top) for k in range(n))
        return diagonal(Array((n,), roots))

    def inverse(self: Evaluator, matrix: Array) -> Array:
        """The inverse of a square matrix, by elimination."""
        n = matrix.shape[0]
        rows, _ = self._eliminated([[*matrix.cells[i * n : (i + 1) * n],
                                     *(Fraction(int(i == j)) for j in range(n))]
                                    for i in range(n)])
        return Array((n, n), tuple(c for row in rows for c in row[n:]))

    def determinant(self: Evaluator, value: Value) -> Any:
        """The determinant of a square matrix."""
        matrix = squeezed(value)
        if not isinstance(matrix, Array):
            return matrix
        if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
            raise Unknown("a determinant of what is not square", "shape")
        n = matrix.shape[0]
        _, size = self._eliminated([[*matrix.cells[i * n : (i + 1) * n]] for i in range(n)])
        return size

    def _eliminated(self: Evaluator, rows: list[list[Any]]) -> tuple[list[list[Any]], Any]:
        """Rows brought to the unit matrix, and the determinant of what stood there."""
        n, numbers = len(rows), self.numbers
        if n > _ORDER:
            raise Unknown("a matrix of so many rows is not inverted", "budget")
        size: Any = Fraction(1)
        for k in range(n):
            at = next((i for i in range(k, n) if not numbers.close(rows[i][k], Fraction(0))), None)
            if at is None:
                raise Unknown("the matrix has no inverse", "domain")
            if at != k:
                rows[k], rows[at], size = rows[at], rows[k], numbers.apply("neg", size)
            pivot = rows[k][k]
            size = numbers.mul(size, pivot)
            rows[k] = [numbers.div(c, pivot) for c in rows[k]]
            for i in range(n):
                if i != k:
                    factor = rows[i][k]
                    rows[i] = [numbers.sub(a, numbers.mul(factor, b))
                               for a, b in zip(rows[i], rows[k], strict=True)]
        return rows, size

    def kronecker(self: Evaluator, a: Value, b: Value) -> Array | None:
        """A ⊗ B of two matrices, block by block; None of anything else."""
        a, b = squeezed(a), squeezed(b)
        if not isinstance(a, Array) or not isinstance(b, Array) or (
                len(a.shape) != 2 or len(b.shape) != 2) or (
                len(a.cells) * len(b.cells) > _KRONECKER):
            return None
        wide = outer(self.numbers, a, b)
        assert isinstance(wide, Array)
        laid = permuted(wide, [0, 2, 1, 3])
        return Array((a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]), laid.cells)


def columns_first(value: Value) -> Value:
    """A matrix as one list, column after column, as vec(A) is."""
    matrix = squeezed(value)
    if isinstance(matrix, Array) and len(matrix.shape) == 2:
        return Array((len(matrix.cells),), permuted(matrix, [1, 0]).cells)
    return array((len(cells_of(value)),), cells_of(value))


def is_inverse_turned(exponent: Node) -> bool:
    r"""Whether an exponent is the -T of A^{-T}."""
    inner = exponent.args[0] if isinstance(exponent, Apply) and exponent.head == "neg" else None
    return isinstance(inner, Symbol) and plain_letter(inner) in ("T", "top")


def _is_unit(node: Node) -> bool:
    return isinstance(node, Symbol) and node.name == "I" and not node.subs and node.label is None


def _unit_of(node: Node) -> Node | None:
    """The unit matrix of a term such as 2λI; None where there is none, or a matrix beside it."""
    if isinstance(node, Remark):
        node = node.body
    if _is_unit(node):
        return node
    if isinstance(node, Apply) and node.head == "product" and node.signs.count("/") == 0:
        units = [a for a in node.args if _is_unit(a)]
        plain = all(isinstance(a, Number | Symbol) for a in node.args[:-1])
        return units[0] if len(units) == 1 and plain and units[0] is node.args[-1] else None
    return None


def has_units(node: Node) -> bool:
    """Whether a unit matrix whose size is not said stands in a formula."""
    return any(_is_unit(n) for n in walk(node))


def _unit(n: int) -> Array:
    return Array((n, n), tuple(Fraction(int(i == j)) for i in range(n) for j in range(n)))


__all__ = ["Units", "columns_first", "has_units", "is_inverse_turned"]
