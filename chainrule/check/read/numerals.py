r"""Numbers as papers write them: 1,323,135, 2{,}5, 0,006, 1\,000, and a scan's `1 . 4 8 6`.

A comma groups thousands, separates a list or is a decimal comma; the paper's other numbers decide,
and where they leave it open what stands around the number does. Scans of formulas put blanks
around points, and between digits; a point between blanks is a decimal point in a paper where
`0 . 6` or a like number stands, and a sign of multiplication in any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Protocol

_NUMBER: Final = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+(?![\d.^]))?", re.ASCII)
_GROUPED: Final = re.compile(r"\d{1,3}(?:(?:,|\{,\})\d{3})+(?:\.\d+)?(?![\d,])", re.ASCII)
_THIN: Final = re.compile(
    r"\d{1,3}(?:(?:\\[,;! ]|\u2009|\u202f|(?<=\d)\{,\})\d{3})+(?:\.\d+)?(?!\d)", re.ASCII)
_BRACED: Final = re.compile(r"(\d+)\{,\}(\d+)(?!\d|\{,\})", re.ASCII)
_GROUPS: Final = re.compile(r"\d{1,3}(?:(?:,|\{,\})\d{3}){2,}(?:\.\d+)?(?![\d,])", re.ASCII)
_ZERO_COMMA: Final = re.compile(r"0,\d+(?![\d,])", re.ASCII)
_COMMA: Final = re.compile(r"\d+(?:,|\{,\})\d+(?![\d,])", re.ASCII)
_BARE_POINT: Final = re.compile(r"\d+\.(?=\s*[,;\])]|\s+-?\d[\d.]*\s*[,;\])])", re.ASCII)
_HALF_GAP: Final = re.compile(r"\d+(?:\. | \.)\d+(?![\d.])", re.ASCII)
_GAPS: Final = re.compile(
    r"(?:\d(?: \d){1,18}|\d{1,18}) ?\. ?(?:\d(?: \d){1,18}|\d{1,18})(?![\d.])",
    re.ASCII)
_APART: Final = re.compile(r"[1-9]\d{0,2}(?: \d{3})+(?:\.\d+)?(?![\d,]| \d)", re.ASCII)
_POINTED: Final = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+(?![\d,])", re.ASCII)
_DIGITS: Final = re.compile(r"\d(?: \d){1,18}(?![\d.,])", re.ASCII)
SPACED: Final = re.compile(
    r"(?<![\d.])(?:0 ?\. \d|\d{1,6} \. 0\d|\d{1,6} \. \d{3,}|\d{1,6} \. \d(?: \d){2,})", re.ASCII)


class Custom(Protocol):
    """What a paper does with commas and points throughout."""

    @property
    def decimal_commas(self) -> bool:
        """Whether its commas are decimal."""

    @property
    def braced_commas(self) -> bool:
        """Whether {,} is a decimal comma."""

    @property
    def no_thousands(self) -> bool:
        """Whether no comma groups thousands."""

    @property
    def spaced_points(self) -> bool:
        """Whether blanks stand around its decimal points."""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a number: a list of numbers, a subscript that begins, a plain text."""

    listed: bool = False
    below: bool = False
    plain: bool = False


def numeral(source: str, at: int, habits: Custom, around: Around) -> tuple[str, int] | None:
    r"""The number at a place, spelled as Python spells it, and where it ends.

    >>> from chainrule.check.read.tokens import Habits
    >>> [numeral(s, 0, Habits(), Around()) for s in ("1,323,135", "0,006", r"2{,}5", "2.50")]
    [('1323135', 9), ('0.006', 5), ('2.5', 5), ('2.50', 4)]
    """
    braced = _BRACED.match(source, at)
    if braced is not None and (habits.braced_commas or habits.decimal_commas
                               or len(braced[2]) != 3 or braced[1] == "0"
                               or len(braced[1]) > 3):
        return f"{braced[1]}.{braced[2]}", braced.end()
    free = not around.listed
    for pattern, wanted in ((_GAPS, habits.spaced_points and not around.plain),
                            (_DIGITS, habits.spaced_points and not around.plain),
                            (_HALF_GAP, not around.plain),
                            (_POINTED, habits.decimal_commas and free),
                            (_APART, free), (_THIN, True), (_GROUPS, free),
                            (_ZERO_COMMA, free and not around.below),
                            (_GROUPED, free and not habits.no_thousands),
                            (_COMMA, habits.decimal_commas and not around.below),
                            (_BARE_POINT, True), (_NUMBER, True)):
        found = pattern.match(source, at) if wanted else None
        if found is not None:
            return _spelled(found.group(), pattern), found.end()
    return None


def _spelled(said: str, pattern: re.Pattern[str]) -> str:
    """A number as Python spells it."""
    text = said.replace("{,}", ",")
    if pattern is _POINTED:
        return text.replace(".", "").replace(",", ".")
    if pattern in (_GAPS, _DIGITS, _HALF_GAP, _APART):
        return re.sub(r"\s", "", text)
    if pattern is _THIN:
        text = re.sub(r"[^\d.]", "", text)
    return text.replace(",", "." if pattern in (_COMMA, _ZERO_COMMA) else "").rstrip(".")


__all__ = ["SPACED", "Around", "numeral"]
