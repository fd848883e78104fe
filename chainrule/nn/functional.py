"""The library's formulas as functions of variables: `functional.softmax(z, axis=1)`."""

from __future__ import annotations

from typing import Any

from chainrule.errors import UnknownNameError
from chainrule.formulas.library import LIBRARY
from chainrule.nn.layers import function


def __getattr__(name: str) -> Any:
    try:
        return function(name)
    except UnknownNameError as error:  # what Python expects of a module without that name
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return list(LIBRARY)
