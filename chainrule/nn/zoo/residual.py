"""A residual block of single numbers, as a course has it worked by hand."""

from __future__ import annotations

from typing import Any, Final

import chainrule.nn as nn
from chainrule.nn.zoo.card import Card


class ResidualScalar(nn.Module):
    """x1 = relu(x0·w0 + b0), y1 = x1·w1 + b1, z = relu(y1 + x0)."""

    def __init__(self) -> None:
        self.w0 = nn.Parameter()
        self.b0 = nn.Parameter()
        self.x1 = nn.ReLU()
        self.w1 = nn.Parameter()
        self.b1 = nn.Parameter()
        self.z = nn.ReLU()

    def forward(self, *inputs: Any) -> Any:
        """The block's output."""
        (x0,) = inputs
        x1 = self.x1((x0 * self.w0 + self.b0).named("y0"))
        y1 = (x1 * self.w1 + self.b1).named("y1")
        return self.z((y1 + x0).named("s"))


CARDS: Final = {
    "residual-scalar": Card(
        "A residual block of numbers", "A homework of a course on pattern recognition, number 4, "
        "task 1", "Two affine maps of one number, with the input added before the last ReLU.",
        ResidualScalar, (), values={"w0": 0.5, "b0": 0.1, "w1": -0.2, "b1": 0.15}, name="x0"),
}
