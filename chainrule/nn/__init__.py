"""Networks: layers made from the library's formulas, put together as PyTorch's are.

    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> model = nn.Sequential(
    ...     nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
    ...     nn.Linear(6 * 14 * 14, 10))
    >>> network = nn.Network(model, (1, 28, 28))
    >>> [str(axis) for axis in network.program.tensors["dense1"].shape]
    ['N', '10']

Each formula of the library is a layer here (`chainrule formulas` lists them), and a function in
`nn.functional`.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import UnknownNameError
from chainrule.formulas.library import LAYERS
from chainrule.nn import functional
from chainrule.nn.layers import constructor, names, unrolled
from chainrule.nn.module import Layer, Module, Parameter, Residual, Sequential, Unroll
from chainrule.nn.network import Network

__all__ = ["Layer", "Module", "Network", "Parameter", "Residual", "Sequential", "Unroll",
           "functional"]


def __getattr__(name: str) -> Any:
    try:
        cell = LAYERS.get(f"{name}Cell")
        return unrolled(cell) if cell is not None else constructor(name)
    except UnknownNameError as error:  # what Python expects of a module without that name
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return [*__all__, *names()]
