"""Matrices and lists as plain text lays them out: numbers apart by blanks, in brackets or bars.

A row of numbers may stand bare, between brackets of its own, between bars, or between commas; a
matrix that is opened on one line may be closed some lines below.
"""

from __future__ import annotations

import re
from typing import Final

_ENTRY: Final = (r"[-−]?(?:\d{1,20}(?:[.,]\d{1,20}){0,3}\.?|\d{0,9}√\d{1,9})"
                 r"(?:/(?:\d{1,20}(?:\.\d{1,20})?|√\d{1,9}))?")
_ENTRIES: Final = _ENTRY + r"(?:[ ]{1,20}" + _ENTRY
NUMBERS: Final = re.compile(
    r"[ ]{0,8}[\[(|⎡⎢⎣⎛⎝]{0,2}[ ]{0,8}" + _ENTRIES + r")+[ ]*[\])|⎤⎥⎦⎞⎠]{0,2}[ ]*\Z")
BRACKETED: Final = re.compile(
    r"=\s{0,9}(?P<row>[\[(|⎡⎛]\s{0,9}" + _ENTRIES + r"){0,60}\s{0,9}[\])|⎤⎞])\s*\Z")
ROW: Final = re.compile(
    r"\s{0,60}[\[(|⎢⎣⎜⎝]\s{0,9}" + _ENTRIES + r"){0,60}\s{0,9}[\])|⎥⎦⎟⎠]\s*\Z")
LISTED: Final = re.compile(r"\s{0,9}[-−]?\d+(?:\.\d+)?(?:\s{0,9},\s{1,9}[-−]?\d+(?:\.\d+)?)+\s*\Z")
LISTED_NAMES: Final = re.compile(r"\s{0,9}[^\W\d]\w{0,9}(?:\s{0,9},\s{1,9}[^\W\d]\w{0,9})+\s*\Z")
CELL: Final = re.compile(r"[^\s\[\]()|⎡-⎦⎛-⎠]+")
_OPENED: Final = re.compile(r"\[[-−+\d.,;\seE\[\]/]{1,300}\Z")
_GOES_ON: Final = re.compile(r"[-−+\d.,;\seE\[\]/]+")


def row_start(line: str) -> int:
    """Where the first row of a matrix begins in `Z = [ 1 2 ]`.

    >>> row_start("Z = [ 1 2 ]")
    4
    """
    found = BRACKETED.search(line)
    return found.start("row") if found is not None else len(line)


def closed(text: str, at: int, stop: int, limit: int) -> tuple[int, int]:
    """The end of the line on which a matrix is closed that the line from `at` to `stop` opens.

    `stop` where the line opens none, or where something else than numbers stands below it. The
    second place says how far it was looked for in vain, so that nobody looks there again.
    """
    if _OPENED.search(text, max(at, stop - 300), stop) is None:
        return stop, stop
    depth = text.count("[", at, stop) - text.count("]", at, stop)
    found = _GOES_ON.match(text, stop, min(limit, stop + 4_000))
    if depth <= 0 or found is None:
        return stop, stop
    for k in range(stop, found.end()):
        depth += (text[k] == "[") - (text[k] == "]")
        if depth == 0:
            line = text.find("\n", k, limit)
            return (limit if line < 0 else line), stop
    return stop, found.end()


__all__ = ["BRACKETED", "CELL", "LISTED", "LISTED_NAMES", "NUMBERS", "ROW", "closed", "row_start"]
