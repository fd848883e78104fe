"""Arrays on a page: all numbers where they are few, else the corners and what they come to.

An array is anything that has a shape, a size and arithmetic as NumPy's arrays do; NumPy itself is
not needed here.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

from chainrule.document.mathtree import Math, Matrix, Num, Op, Row, Subscript, row, separated
from chainrule.document.notation import rounded

WHOLE: Final = 12  # cells of an array that is shown whole
_NOISE: Final = 1e-14  # of the largest number: a mean below that is none
_ENDS: Final = 3  # rows and columns shown at each end of a larger one


def amount(value: float, digits: int) -> str:
    """A number to so many decimal places, without the zeros at the end of an exact one.

    >>> amount(0.5, 4), amount(1 / 3, 4), amount(-0.0, 4), amount(1e-7, 2)
    ('0.5', '0.3333', '0', '1.00e-07')
    """
    text = rounded(value, digits)
    if exact(value, digits) and "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text


def exact(value: float, digits: int) -> bool:
    """Whether `amount` writes the number without rounding it.

    >>> exact(0.25, 2), exact(0.1, 4)
    (True, False)
    """
    text = rounded(value, digits)
    if text.lstrip("-") in ("inf", "nan"):
        return True
    return Fraction(text) == Fraction(value)


def dimensions(array: Any) -> str:
    """6 × 28 × 28"""
    return " × ".join(f"{n:,}" for n in array.shape) or "1"


def zeros(array: Any) -> int:
    """How many cells are zero."""
    return int((array == 0).sum())


def norm(array: Any) -> float:
    """The square root of the sum of the squares, without overflow on the way."""
    largest = float(abs(array).max()) if array.size else 0.0
    if largest == 0 or largest != largest or largest == float("inf"):
        return largest
    scaled = array / largest
    squares = float((scaled * scaled).sum())
    return largest * math.sqrt(squares)


def share(part: int, whole: int) -> str:
    """A share in percent, rounded; never 100 % of what is not all.

    >>> share(1, 3), share(999, 1000)
    ('33 %', 'over 99 %')
    """
    percent = 100 * Fraction(part, whole)
    return "over 99 %" if 99 < percent < 100 else f"{round(percent)} %"


class Shown:
    """An array as mathematics; `whole` says whether all of it is there.

    Of a large array two axes are shown, the last that have more than one cell, at place 0 of the
    others.
    """

    def __init__(self, array: Any, digits: int) -> None:
        self.array = array
        self.digits = digits
        self.whole = array.size <= WHOLE
        long = [axis for axis, n in enumerate(array.shape) if n > 1]
        self.axes = list(range(array.ndim)) if self.whole else long[-2:]
        self.exact = True
        if self.whole:
            self.math = self._nested(array)
        else:
            place = tuple(slice(None) if k in self.axes else 0 for k in range(array.ndim))
            self.math = self._corners(array[place])

    @property
    def relation(self) -> str:
        """= or, where a number that is shown is rounded, ≈."""
        return "=" if self.exact else "≈"

    def left(self, name: Math) -> Math:
        """The name with the place of the slice that is shown: conv1₀,₀,·,·"""
        if len(self.axes) == self.array.ndim:
            return name
        places = [Op("·") if k in self.axes else Num("0") for k in range(self.array.ndim)]
        return Subscript(name, row(*separated(places, ",")))

    def words(self) -> str:
        """Its shape, and what its numbers come to."""
        least, most, mean, norm = (_approximate(v, self.digits) for v in self._numbers())
        said = f"{dimensions(self.array)} cells from {least} to {most}, mean {mean}, norm {norm}"
        none = zeros(self.array)
        return f"{said}; {none:,} of {self.array.size:,} are 0." if none else f"{said}."

    def summary(self) -> tuple[str, str, str, str]:
        """Smallest, largest, mean and norm."""
        least, most, mean, norm = (amount(value, self.digits) for value in self._numbers())
        return least, most, mean, norm

    def _numbers(self) -> tuple[float, float, float, float]:
        if not self.array.size:
            return 0.0, 0.0, 0.0, 0.0
        real = self.array.astype("float64")
        least, most, mean = float(real.min()), float(real.max()), float(real.mean())
        if abs(mean) < _NOISE * max(abs(least), abs(most)):
            mean = 0.0  # what rounding leaves of numbers that cancel
        return least, most, mean, norm(real)

    def _number(self, value: Any) -> Math:
        value = value.item()
        if isinstance(value, int):
            return Num(str(value))
        self.exact = self.exact and exact(value, self.digits)
        return Num(amount(value, self.digits))

    def _nested(self, part: Any) -> Math:
        """All numbers: a number, a row, a matrix, matrices in a row."""
        if part.ndim == 0:
            return self._number(part)
        if part.ndim == 1:
            return Matrix((tuple(self._number(v) for v in part),))
        if part.ndim == 2:
            return Matrix(tuple(tuple(self._number(v) for v in line) for line in part))
        return Row(tuple(separated((self._nested(slice_) for slice_ in part), Op(","))))

    def _corners(self, part: Any) -> Math:
        """The first and last rows and columns."""
        lines = [part] if part.ndim == 1 else part
        rows: list[tuple[Math, ...]] = []
        for k in _ends(len(lines)):
            if k is None:
                rows.append(tuple(Op("⋱" if j is None else "⋮") for j in _ends(len(lines[0]))))
                continue
            rows.append(tuple(Op("⋯") if j is None else self._number(lines[k][j])
                              for j in _ends(len(lines[k]))))
        return Matrix(tuple(rows))


def _approximate(value: float, digits: int) -> str:
    """A number, with ≈ before one that is rounded."""
    return amount(value, digits) if exact(value, digits) else f"≈ {amount(value, digits)}"


def _ends(count: int) -> list[int | None]:
    """The places shown of so many: all, or the first and the last, with None between."""
    if count <= 2 * _ENDS + 1:
        return list(range(count))
    return [*range(_ENDS), None, *range(count - _ENDS, count)]
