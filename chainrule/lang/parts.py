"""A part of an expression of whole tensors, with its shape: a number, a column, a row, a matrix."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.lang.expr import Expr
from chainrule.lang.integers import Integer


@dataclass(frozen=True, slots=True)
class Part:
    """An expression and its axes.

    A tensor with one axis is a column, unless `row` says that it was transposed. `kind` is "leaf"
    (a number), "tensor", "each" (a function of the cells of `parts`), or the matrix operation.
    `unknown` marks a name that nothing declares.
    """

    expr: Expr
    kind: str
    shape: tuple[Integer, ...] = ()
    row: bool = False
    parts: tuple[Part, ...] = ()
    unknown: bool = False

    @property
    def left_axis(self) -> Integer | None:
        """The axis that a product on the left joins; a row and a number have none."""
        return None if self.row or not self.shape else self.shape[0]

    @property
    def right_axis(self) -> Integer | None:
        """The axis that a product on the right joins; a column and a number have none."""
        if self.row:
            return self.shape[0]
        return self.shape[1] if len(self.shape) == 2 else None
