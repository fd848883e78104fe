"""Printed numbers against true ones: rounded as asked, too coarsely, cut off, or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Rounding
from chainrule.check.tree import Apply, Matrix, Node, Number, Remark, walk
from chainrule.check.values import Numbers

RIGHT, COARSE, CUT, WRONG = "right", "coarse", "cut", "wrong"
_SLACK: Final = Fraction(1, 10**12)
_SURE: Final = 3  # digits, or decimals, from which a literal may be a rounded number


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed: its value, its decimals, its significant digits."""

    value: Fraction
    decimals: int
    digits: int

    @property
    def half(self) -> Fraction:
        """Half a unit of the last printed digit."""
        return Fraction(1, 2 * 10**self.decimals)


def printed(node: Node | None) -> Printed | None:
    """The number that a node prints, with its digits; None for anything but one number.

    >>> printed(Number(0, 5, "35.11"))
    Printed(value=Fraction(3511, 100), decimals=2, digits=4)
    """
    sign, scale = 1, 0
    while True:
        if isinstance(node, Remark):
            node = node.body
        elif isinstance(node, Apply) and node.head == "neg":
            sign, node = -sign, node.args[0]
        elif isinstance(node, Apply) and node.head == "sum" and len(node.args) == 1:
            sign, node = (-sign if node.signs[:1] == ("-",) else sign), node.args[0]
        elif isinstance(node, Apply) and node.head == "percent":
            scale, node = scale + 2, node.args[0]
        elif isinstance(node, Apply) and node.head == "such":
            node = node.args[-1]
            while isinstance(node, Apply) and node.head == "compare":
                node = node.args[-1]
        elif isinstance(node, Matrix) and len(node.rows) == 1 and len(node.rows[0]) == 1:
            node = node.rows[0][0]
        else:
            break
    if isinstance(node, Apply) and node.head in ("frac", "product") and len(node.args) == 2:
        return _tenths(node, sign, scale)
    if not isinstance(node, Number) or not re.fullmatch(r"\d+(\.\d*)?|\.\d+", node.text):
        return None
    whole, _, after = node.text.partition(".")
    digits = len((whole + after).lstrip("0"))
    value = sign * Fraction(node.text + ("0" if node.text.endswith(".") else ""))
    return Printed(value / 10**scale, len(after) + scale, digits)


def _tenths(node: Apply, sign: int, scale: int) -> Printed | None:
    """701/1000 is another way to print 0.701; None for any other quotient."""
    top, below = node.args
    if not isinstance(top, Number) or not isinstance(below, Number) or not (
            node.head == "frac" or node.signs[-1] == "/") or not (
            re.fullmatch(r"\d{1,30}", top.text) and re.fullmatch(r"10{1,30}", below.text)):
        return None
    decimals = len(below.text) - 1 + scale
    value = sign * Fraction(int(top.text), 10**decimals)
    return Printed(value, decimals, len(top.text.lstrip("0")))


def printed_cells(node: Node | None) -> list[Printed] | None:
    """The printed numbers of a list or a matrix, or of one number."""
    one = printed(node)
    if one is not None:
        return [one]
    while isinstance(node, Remark):
        node = node.body
    if isinstance(node, Apply) and node.head == "transpose":  # a list turned round
        turned = node.args[0]
        if isinstance(turned, Matrix) and 1 in (len(turned.rows), len(turned.rows[0])):
            node = turned
    if not isinstance(node, Matrix):
        return None
    found = []
    for row in node.rows:
        for part in row:
            cell = printed_cells(part)
            if cell is None:
                return None
            found += cell
    return found


def compared(numbers: Numbers, true: Any, shown: Printed, rule: Rounding) -> str:
    """Whether a printed number is the true one under a rule: right, coarse, cut or wrong."""
    true = numbers.exactly(true)
    if true is None:
        return WRONG
    error = abs(true - shown.value)
    size = abs(true)
    if error == 0:
        return RIGHT
    if rule.absolute is not None and error <= Fraction(str(rule.absolute)):
        return RIGHT
    if rule.relative is not None and error <= Fraction(str(rule.relative)) * size:
        return RIGHT
    asked = None
    if rule.decimals is not None:
        asked = Fraction(1, 2 * 10**rule.decimals)
    elif rule.significant is not None and size:
        asked = Fraction(10) ** (_magnitude(size) - rule.significant + 1) / 2
    if asked is not None and error <= asked + _SLACK:
        return RIGHT
    if shown.decimals > 0:
        if error <= shown.half + _SLACK:
            free = asked is None and rule.absolute is None and rule.relative is None
            return RIGHT if free and shown.digits >= 2 else COARSE
        if _cut(true, shown):
            return CUT
    return WRONG


def _magnitude(size: Any) -> int:
    """The power of ten of a number's first digit."""
    power = 0
    while size >= 10:
        size, power = size / 10, power + 1
    while size and size < 1:
        size, power = size * 10, power - 1
    return power


def _cut(true: Any, shown: Printed) -> bool:
    """Whether the printed number is the true one with its further digits cut off."""
    scaled = abs(true) * 10**shown.decimals
    return bool(int(scaled) == abs(shown.value) * 10**shown.decimals) and (
        bool(true < 0) is (shown.value < 0))


def rounded_literals(node: Node) -> list[tuple[Number, Fraction]]:
    """Decimals in a formula that may be rounded, each with half a unit of its last digit."""
    found = []
    for n in walk(node):
        if isinstance(n, Number) and "." in n.text:
            shown = printed(n)
            if shown is not None and (shown.digits >= _SURE or (
                    shown.digits > 1 and shown.decimals >= _SURE)):
                found.append((n, shown.half))
    return found


def has_number(node: Node) -> bool:
    """Whether any number stands in a formula."""
    return any(isinstance(n, Number) for n in walk(node))


__all__ = ["COARSE", "CUT", "RIGHT", "WRONG", "Printed", "compared", "has_number", "printed",
           "printed_cells", "rounded_literals"]
