"""What the zoo knows of a network: its title, where it comes from, and how to build it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import InputError, did_you_mean
from chainrule.nn.module import Module
from chainrule.nn.network import Network
from chainrule.operators.shapes import shape_of
from chainrule.operators.variables import input


def front(batch: Any) -> tuple[Any, ...]:
    """The axis of a batch; none for a single example."""
    return () if batch is None else tuple(shape_of(batch))


@dataclass(frozen=True)
class Card:
    """A network of the zoo that Python builds: `make` gives its module for some options.

    `about` is a sentence, `source` a paper or a course. Its input is called `name` and is of the
    shape `shape` unless told otherwise; `below` names the option that bounds it, where it holds
    integers. `options` and `values` are this network's own options and the numbers that its
    parameters begin with.
    """

    title: str
    source: str
    about: str
    make: Callable[..., Module]
    shape: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    name: str = "x"
    below: str | None = None

    def all_options(self) -> dict[str, Any]:
        """Its options and their usual values."""
        given = inspect.signature(self.make).parameters.values()
        return {p.name: self.options.get(p.name, p.default) for p in given}

    def network(
        self, shape: Any, batch: Any, training: bool, loss: Module | None, name: str,
        options: Mapping[str, Any],
    ) -> Network:
        """The network for an input of that shape, the usual one where it is None."""
        chosen = self.all_options()
        for key in options:
            if key not in chosen:
                raise InputError(f"{name} has no option {key}", None, did_you_mean(key, [*chosen])
                                 or f"its options are {', '.join(chosen) or 'none'}")
        chosen.update(options)
        axes = (*front(batch), *shape_of(self.shape if shape is None else shape))
        kind, below = ("real", None) if self.below is None else ("integer", chosen[self.below])
        inputs = {self.name: input(self.name, axes, kind, below)}
        network = Network(self.make(**chosen), inputs, training=training, loss=loss, name=name)
        network.values = self.values
        return network
