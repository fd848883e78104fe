"""Notation in which a derivative is a fraction of cells: ∂y_k/∂w_i, ∂²L/∂w_i∂w_j."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.document.mathtree import Fraction, Math, Num, Op, Power, Row
from chainrule.document.notation import Notation
from chainrule.lang.program import Tensor


class PartialNotation(Notation):
    """`derivatives` says of each tensor that is one: of which tensor, by which.

    >>> from chainrule.document.mathtree import text, Identifier
    >>> tensors = {n: Tensor(n) for n in ("y", "w", "dy_dw")}
    >>> own = PartialNotation(tensors, {"dy_dw": ("y", "w"), "second": ("dy_dw", "w")})
    >>> text(own.tensor("dy_dw")), text(own.tensor("second"))
    ('∂y/∂w', '∂²y/∂w∂w')
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], derivatives: Mapping[str, tuple[str, str]]
    ) -> None:
        super().__init__(tensors, style="partial")
        self.derivatives = derivatives

    def tensor(self, name: str, subscripts: tuple[Math, ...] = ()) -> Math:
        """A tensor's symbol; a derivative's subscripts are those of what is above, then below."""
        if name not in self.derivatives:
            return super().tensor(name, subscripts)
        top, below = name, []
        while top in self.derivatives:
            top, by = self.derivatives[top]
            below.append(by)
        bottoms: list[Math] = []
        taken = self.axes(top)
        for by in reversed(below):
            end = taken + self.axes(by)
            bottoms.append(self.tensor(by, subscripts[taken:end]))
            taken = end
        return fraction(self.tensor(top, subscripts[: self.axes(top)]), bottoms)

    def axes(self, name: str) -> int:
        """How many subscripts a tensor takes."""
        return len(self.tensors[name].shape)


def fraction(top: Math, bottoms: Sequence[Math]) -> Math:
    """∂ⁿtop over ∂a∂b…"""
    order = len(bottoms)
    sign: Math = Op("∂") if order == 1 else Power(Op("∂"), Num(str(order)))
    below = [part for bottom in bottoms for part in (Op("∂"), bottom)]
    return Fraction(Row((sign, top)), Row(tuple(below)))
