"""Training: data, optimisers as formulas, the loop, checkpoints, and the health of gradients.

    >>> import chainrule.train
    >>> run = chainrule.train("digits-mlp", "digits", epochs=1, backend="reference")
    >>> data = chainrule.train.load("digits")
    >>> run.evaluate(data.test).count
    360

The package can be called: that is `chainrule.train.api.train`. What else whoever trains wants has
its name here too, and is imported when it is first used: `load`, `load_text`, `sweep`, `Settings`,
`Data`, `Examples`, `Text`, `Run`, `continuation`, `NonFiniteError`, `Interrupted`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_WHERE = {
    "CheckpointError": "checkpoint", "Data": "data", "Examples": "data",
    "Interrupted": "interrupts", "NonFiniteError": "faults", "Run": "run", "Settings": "settings",
    "Text": "data_text", "continuation": "sampling", "load": "data", "load_text": "data_text",
    "save_plots": "plots", "save_sweep": "plots", "sweep": "study",
}  # fmt: skip


class _Training(ModuleType):
    """The package as something that can be called."""

    def __call__(self, network: Any, data: Any, **options: Any) -> Any:
        """Train a network on data; see `chainrule.train.api.train`."""
        return import_module(f"{__name__}.api").train(network, data, **options)

    def __getattr__(self, name: str) -> Any:
        if name in _WHERE:
            return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_WHERE})


sys.modules[__name__].__class__ = _Training
