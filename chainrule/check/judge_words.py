"""Values as text, for sentences that a student reads."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Rounding
from chainrule.check.values import Array, Dual, Value

_CELLS: Final = 36
_DIGITS: Final = 6


def shown(value: Value, rule: Rounding | None = None) -> str:
    """A value as text: exact where that is short, else rounded.

    >>> shown(Fraction(193, 10)), shown(Array((2, 2), tuple(map(Fraction, (8, 6, 0, 1)))))
    ('19.3', '[[8, 6], [0, 1]]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Array):
        if len(value.cells) > _CELLS:
            return f"an array of {' × '.join(map(str, value.shape))}"
        return _nested(list(value.cells), value.shape, rule)
    return number_text(value, rule)


def _nested(cells: list[Any], shape: tuple[int, ...], rule: Rounding | None) -> str:
    if not shape:
        return number_text(cells[0], rule)
    step = len(cells) // shape[0] if shape[0] else 0
    rows = [_nested(cells[k * step : (k + 1) * step], shape[1:], rule) for k in range(shape[0])]
    return "[" + ", ".join(rows) + "]"


def number_text(x: Any, rule: Rounding | None = None) -> str:
    """A number as text, with a true minus sign; as many decimals as were asked for."""
    while isinstance(x, Dual):
        x = x.value
    if type(x) is Fraction:
        if x.denominator == 1:
            return f"{x.numerator}".replace("-", "−")
        left, twos, fives = x.denominator, 0, 0
        while left % 2 == 0:
            left, twos = left // 2, twos + 1
        while left % 5 == 0:
            left, fives = left // 5, fives + 1
        decimals = max(twos, fives)
        if left == 1 and decimals <= 8:
            return _decimal(x, decimals)
    if x == 0:
        return "0"
    if x - x != 0:
        return str(x).replace("-", "−").replace("+inf", "∞").replace("inf", "∞")
    if rule is not None and rule.decimals is not None:
        return _decimal(x, rule.decimals)
    size = abs(float(x))
    if size and (size < 1e-4 or size >= 1e9):
        return f"{float(x):.5g}".replace("-", "−")
    whole = len(str(int(size))) if size >= 1 else 0
    return _decimal(x, max(_DIGITS - whole, 2) if size >= 0.01 else 8)


def _decimal(x: Any, decimals: int) -> str:
    """A number with some decimals, rounded half to even, without a negative zero."""
    scaled = round(x * 10**decimals) if type(x) is Fraction else int(
        abs(x) * 10**decimals + 0.5) * (1 if x >= 0 else -1)
    text = f"{abs(scaled):0{decimals + 1}d}"
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}"
    return ("−" if scaled < 0 else "") + text


__all__ = ["number_text", "shown"]
