"""Layers joined by name: the module that a file of layers describes.

Each step is a module, the names of what it reads, and the place in the file, so that an error in
its shapes can say where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.errors import ChainruleError, InputError, Span
from chainrule.nn.module import Module
from chainrule.operators.variables import Variable


@dataclass(frozen=True, slots=True)
class Step:
    """One module of a wiring: its path, what it reads, and where it is written."""

    name: str
    module: Module
    sources: tuple[str, ...]
    span: Span | None


class Wiring(Module):
    """Steps in order, each reading inputs or earlier steps by their names."""

    def __init__(
        self, inputs: Sequence[str], steps: Sequence[Step], outputs: Sequence[str]
    ) -> None:
        self.names = tuple(inputs)
        self.steps = tuple(steps)
        self.outputs = tuple(outputs)

    def children(self) -> Iterator[tuple[str, Module]]:
        """Its modules by name."""
        return ((step.name, step.module) for step in self.steps)

    def forward(self, *inputs: Variable) -> Any:
        """The outputs, each step taken once."""
        if len(inputs) != len(self.names):
            raise InputError(f"it takes {', '.join(self.names)}: {len(self.names)} inputs, found "
                             f"{len(inputs)}")
        known: dict[str, Any] = dict(zip(self.names, inputs, strict=True))
        for step in self.steps:
            try:
                known[step.name] = step.module(*_flat([known[name] for name in step.sources]))
            except ChainruleError as error:
                error.with_span(step.span)
                raise
        found = _flat([known[name] for name in self.outputs])
        return found[0] if len(found) == 1 else tuple(found)


def _flat(values: Sequence[Any]) -> list[Any]:
    """The variables among values, some of which are tuples of them (an LSTM's two states)."""
    return [part for value in values
            for part in (value if isinstance(value, tuple) else (value,))]
