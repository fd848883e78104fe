"""NumPy's arithmetic for the function table, and arrays whose axes are named by indices.

The table says `lambda m, x: m.exp(x)`; here `m` computes whole arrays, in float64 or float32, with
IEEE's answers outside a function's domain. A `Value` is an array together with the index variables
that its axes stand for, always in one order for the whole equation, so that two values are brought
together by broadcasting alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import LimitError


class NumpyArithmetic:
    """Elementwise arithmetic on arrays of one real width.

    >>> m = NumpyArithmetic("float32")
    >>> m.sigmoid(np.float32([-200.0, 0.0, 200.0])).tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = np.dtype(dtype)

    def number(self, value: int | float | Fraction) -> Any:
        """A constant, as a NumPy scalar of our width, so that it widens nothing."""
        return self.dtype.type(as_float(value))

    def real(self, x: Any) -> Any:
        """An integer array as reals; a real one as it is."""
        return x if x.dtype == self.dtype else x.astype(self.dtype)

    def divide(self, a: Any, b: Any) -> Any:
        return np.divide(a, b)

    def power(self, x: Any, p: Any) -> Any:
        return x * x if np.ndim(p) == 0 and p == 2 else np.power(x, p)

    def xlogy(self, x: Any, y: Any) -> Any:
        zero = (x == 0) & (y >= 0)
        return np.where(zero, self.number(0), x * np.log(np.where(zero, self.number(1), y)))

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return np.where(condition, a, b)

    def both(self, a: Any, b: Any) -> Any:
        return np.logical_and(a, b)

    def either(self, a: Any, b: Any) -> Any:
        return np.logical_or(a, b)

    def negation(self, a: Any) -> Any:
        return np.logical_not(a)

    def absolute(self, x: Any) -> Any:
        return np.abs(x)

    def heaviside(self, x: Any) -> Any:
        return np.heaviside(x, self.number(0.5))

    def sigmoid(self, x: Any) -> Any:
        e = np.exp(-np.abs(x))  # at most 1, so that nothing overflows
        return np.where(x >= 0, 1 / (1 + e), e / (1 + e))

    def softplus(self, x: Any) -> Any:
        return np.maximum(x, self.number(0)) + np.log1p(np.exp(-np.abs(x)))

    def erf(self, x: Any) -> Any:
        # NumPy has none and SciPy is not a dependency of the core
        return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(self.dtype)

    def pi(self) -> Any:
        return self.number(math.pi)

    def exp(self, x: Any) -> Any:
        return np.exp(x)

    def expm1(self, x: Any) -> Any:
        return np.expm1(x)

    def ln(self, x: Any) -> Any:
        return np.log(x)

    def log2(self, x: Any) -> Any:
        return np.log2(x)

    def log10(self, x: Any) -> Any:
        return np.log10(x)

    def log1p(self, x: Any) -> Any:
        return np.log1p(x)

    def sqrt(self, x: Any) -> Any:
        return np.sqrt(x)

    def sign(self, x: Any) -> Any:
        return np.sign(x)

    def floor(self, x: Any) -> Any:
        return np.floor(x)

    def tanh(self, x: Any) -> Any:
        return np.tanh(x)

    def sin(self, x: Any) -> Any:
        return np.sin(x)

    def cos(self, x: Any) -> Any:
        return np.cos(x)

    def tan(self, x: Any) -> Any:
        return np.tan(x)

    def asin(self, x: Any) -> Any:
        return np.arcsin(x)

    def acos(self, x: Any) -> Any:
        return np.arccos(x)

    def atan(self, x: Any) -> Any:
        return np.arctan(x)

    def atan2(self, a: Any, b: Any) -> Any:
        return np.arctan2(a, b)

    def sinh(self, x: Any) -> Any:
        return np.sinh(x)

    def cosh(self, x: Any) -> Any:
        return np.cosh(x)

    def asinh(self, x: Any) -> Any:
        return np.arcsinh(x)

    def acosh(self, x: Any) -> Any:
        return np.arccosh(x)

    def atanh(self, x: Any) -> Any:
        return np.arctanh(x)


class Value:
    """An array whose axes are index variables; `key` numbers the expression that it is of."""

    __slots__ = ("axes", "data", "key")

    def __init__(self, data: Any, axes: tuple[str, ...], key: int = -1) -> None:
        self.data = data
        self.axes = axes
        self.key = key

    def along(self, axes: Sequence[str]) -> Any:
        """The array with an axis of size 1 for each of `axes` (a longer list) that it lacks."""
        if not self.axes or self.axes == tuple(axes):
            return self.data
        own = set(self.axes)
        return self.data[tuple(slice(None) if name in own else None for name in axes)]


def contract(values: Sequence[Value], out: tuple[str, ...]) -> Any:
    """The sum of the product of some values over all indices that are not in `out`."""
    letters: dict[str, int] = {}
    operands: list[Any] = []
    for value in values:
        operands.append(value.data)
        operands.append([letters.setdefault(name, len(letters)) for name in value.axes])
    kept = [letters[name] for name in out]
    if len(values) == 1:
        gone = tuple(k for k, name in enumerate(values[0].axes) if name not in out)
        return values[0].data.sum(axis=gone) if gone else values[0].data
    return np.einsum(*operands, kept, optimize=True)


def first(bad: np.ndarray, axes: Iterable[str]) -> dict[str, int]:
    """The index values of the first cell of `bad` that is set."""
    place = np.unravel_index(int(np.argmax(bad)), bad.shape)
    return {name: int(k) for name, k in zip(axes, place, strict=True)}


def as_float(value: int | float | Fraction) -> float:
    """A constant as a double; `LimitError` beyond the largest one."""
    try:
        return float(value)
    except OverflowError:
        raise LimitError("a number beyond the largest double, 1.8e308",
                         hint="a trace works with numbers of any size") from None
