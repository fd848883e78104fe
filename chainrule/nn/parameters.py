"""What a network knows of a parameter: its tensor, where it is used, how it begins."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.formulas.instance import Instance
from chainrule.lang.program import Tensor


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or a state of a network: its tensor, and how it begins.

    `path` is its place in the network (`layer1.0.conv1.w`), `initial` the initialiser's name.
    `instance` is the formula that it is first used in, under the name `local`; a module's own
    parameter has none.
    """

    path: str
    tensor: Tensor
    initial: str
    instance: Instance | None = None
    local: str = ""
