"""Constructors of layers, made from what the library's formulas declare.

`Conv2d(3, 64, 7, stride=2)` takes the settings of the formula `conv2d` in their order or by name.
None of them is written here: a new formula brings its constructor with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chainrule.errors import InputError
from chainrule.formulas.entry import NEEDED, Entry
from chainrule.formulas.library import ALIASES, LAYERS, find
from chainrule.nn.module import Layer, Unroll
from chainrule.operators.variables import Variable


def names() -> list[str]:
    """The names of all constructors."""
    return sorted([*LAYERS, *(name for name in ALIASES if name[:1].isupper())])


def constructor(name: str) -> Callable[..., Layer]:
    """The constructor of a layer, by the layer's name or its formula's.

    Raises `UnknownNameError` for a name that the library does not have.
    """
    return _constructor(find(name))


def _constructor(entry: Entry) -> Callable[..., Layer]:
    signature = _signature(entry)

    def make(*args: Any, **named: Any) -> Layer:
        layer_name = named.pop("name", None)
        try:
            bound = signature.bind(*args, **named)
        except TypeError as error:
            known = ", ".join(p for p in signature.parameters if p != "name")
            raise InputError(f"{entry.layer}: {error}", None, f"it takes {known or 'no settings'}"
                             ) from None
        settings = {k: v for k, v in bound.arguments.items() if v is not None}
        return Layer(entry, settings, layer_name)

    make.__name__ = make.__qualname__ = entry.layer
    make.__doc__ = (f"{entry.title[0].upper()}{entry.title[1:]}: {entry.purpose}.\n\n"
                    f"{inspect.cleandoc(entry.text)}\n\nSource: {entry.source}")
    make.__signature__ = signature  # type: ignore[attr-defined]
    return make


def unrolled(entry: Entry) -> Callable[..., Unroll]:
    """The layer that repeats a recurrent cell along time: nn.LSTM of nn.LSTMCell."""
    make_cell = _constructor(entry)

    def make(*args: Any, **named: Any) -> Unroll:
        return Unroll(make_cell(*args, **named))

    make.__name__ = make.__qualname__ = entry.layer.removesuffix("Cell")
    make.__doc__ = f"{make_cell.__doc__}\n\nRepeated along the axis before the last."
    make.__signature__ = _signature(entry)  # type: ignore[attr-defined]
    return make


def _signature(entry: Entry) -> inspect.Signature:
    parameters = [
        inspect.Parameter(s.name, inspect.Parameter.POSITIONAL_OR_KEYWORD,
                          default=None if s.default in (NEEDED, None) else s.default)
        for s in entry.settings
    ]
    parameters.append(inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None))
    return inspect.Signature(parameters)


def function(name: str) -> Callable[..., Any]:
    """A formula of the library as a function of variables: `function("softmax")(z, axis=1)`.

    Inputs come first, by place; parameters are given by their names in the formula; settings by
    name.
    """
    entry = find(name)

    def call(*inputs: Variable, **named: Any) -> Any:
        settings = {k: v for k, v in named.items() if not isinstance(v, Variable)}
        given = {k: v for k, v in named.items() if isinstance(v, Variable)}
        layer = Layer(entry, settings)
        layer.anonymous = True
        return layer(*inputs, **given)

    call.__name__ = call.__qualname__ = entry.name
    call.__doc__ = f"{entry.title[0].upper()}{entry.title[1:]}: {entry.purpose}."
    return call
