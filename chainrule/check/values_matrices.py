r"""Products of matrices that can be nothing else: AB of two named ones, and all within a trace.

Papers write products of several kinds with no sign at all. Two matrices side by side are a matrix
product wherever that fits; only where one of them is a slope, a function of each cell or `1 - H`
may `∂L/∂H σ'(Z)` mean cell by cell. What a trace is taken of is square, and within it products are
matrix products: `\operatorname{tr}(AB)` is no sum of `A_{ij} B_{ij}`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Node, Number, Remark, Symbol
from chainrule.check.values import Array, Unknown, Value
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import plain_letter
from chainrule.check.values_tensors import contraction, shown_shape, squeezed

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

TRACES: Final = frozenset({"tr", "trace"})
_JOINS: Final = frozenset({"product", "juxtaposed", "sum", "neg", "transpose", "differential"})


def named_matrix(node: Node) -> bool:
    """Whether a factor is made of names by sums, products and transposes alone."""
    if isinstance(node, Remark):
        return named_matrix(node.body)
    if isinstance(node, Symbol):
        return True
    if not isinstance(node, Apply):
        return False
    if node.head == "power":
        return plain_letter(node.args[1]) == "T" and named_matrix(node.args[0])
    if node.head == "sum":
        return all(map(named_matrix, node.args))
    return node.head in _JOINS and "odot" not in node.signs and all(
        isinstance(a, Number) or named_matrix(a) for a in node.args)


class Matrices:
    """The part of the evaluator that knows where a product is one of matrices."""

    tracing: int = 0  # within how many traces this stands

    def matrix_product(self: Evaluator, node: Apply, k: int, kind: str, a: Array,
                       b: Array) -> Value | None:
        """The one thing that a product of two matrices can be; None where it may be another one."""
        first, second = squeezed(a), squeezed(b)
        if kind not in ("", "dot") or not isinstance(first, Array) or not isinstance(
                second, Array) or len(first.shape) != 2 or len(second.shape) != 2:
            return None
        fits = first.shape[1] == second.shape[0]
        if self.tracing and not fits:
            raise Unknown(f"a product of {shown_shape(first.shape)} and "
                          f"{shown_shape(second.shape)} does not fit", "shape")
        named = named_matrix(node.args[k]) and all(map(named_matrix, node.args[max(k - 1, 0) : k]))
        if not self.tracing and not (named and fits and kind == ""):
            return None
        return contraction(self.numbers, first, second, 1)

    def joint(self: Evaluator, node: Apply, k: int, kind: str, a: Array,
              b: Array) -> Any:
        """What a choice between products is called: those of one kind are taken alike at first."""
        if self.fine:
            return ("product", node.start, node.end, k)
        return ("product", kind, len(a.shape), len(b.shape), a.shape == b.shape)

    def trace(self: Evaluator, arg: Node, frame: Frame) -> Value:
        """The sum of the diagonal of a square matrix; a number is a matrix of one cell."""
        self.tracing += 1
        try:
            value = squeezed(self.value(arg, frame))
        finally:
            self.tracing -= 1
        if not isinstance(value, Array):
            return value
        if len(value.shape) != 2 or value.shape[0] != value.shape[1]:
            raise Unknown(f"the trace of {shown_shape(value.shape)} is not defined", "shape")
        total: Value = Fraction(0)
        for i in range(value.shape[0]):
            total = self.numbers.add(total, value[i, i])
        return total


__all__ = ["TRACES", "Matrices", "named_matrix"]
