"""Matrices whose cells stand apart by blanks: [2 -1; 0 1] of MATLAB, [[2. 1.] [0. 3.]] of NumPy.

Within square brackets a blank parts two cells where a number follows a number. A minus belongs to
the number that it touches: `2 -1` are two cells, `2 - 1` is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.check.read.cursor import Cursor
from chainrule.check.read.tokens import Token

Range = tuple[int, int]
_JOINS: Final = ("times", "op", "rel", "arrow")


def blank_cells(cursor: Cursor, start: int, end: int) -> list[list[Range]] | None:
    """The cells between two brackets, row by row, as ranges of tokens.

    None where nothing stands apart by blanks, or where the rows have different lengths.
    """
    rows: list[list[Range]] = []
    parted = any(t.kind == "break" for t in cursor.tokens[start:end])
    for first, last in _rows(cursor, start, end):
        if cursor.has(first, last, ("sep",)):
            row = [(a, b) for a, b in cursor.commas(first, last) if a < b]
        else:
            row = _row(cursor, first, last)
            if len(row) > 1 and not _numbers(cursor, row):
                return None
            parted = parted or len(row) > 1
        if row:
            rows.append(row)
    if len(rows) == 1 and len(rows[0]) > 1 and all(cursor.tokens[a].text == "[" and _closes(
            cursor, a, b) for a, b in rows[0]):  # fmt: skip
        rows = [[piece] for piece in rows[0]]
    nested = parted or len(rows) > 1
    if nested and all(len(row) == 1 and _closes(cursor, *row[0]) for row in rows):
        found = [blank_cells(cursor, row[0][0] + 1, row[0][1] - 1) or [
            cursor.commas(row[0][0] + 1, row[0][1] - 1)] for row in rows]
        if any(len(inner) != 1 for inner in found):
            return None
        rows, parted = [inner[0] for inner in found], True
    even = len({len(row) for row in rows}) == 1
    return rows if parted and even else None


def _rows(cursor: Cursor, start: int, end: int) -> list[Range]:
    """What stands between semicolons and line ends."""
    rows, first, k = [], start, start
    while k < end:
        token = cursor.tokens[k]
        if token.kind in ("{", "open", "begin"):
            k = max(k + 1, min(cursor.match[k] + 1, end))
            continue
        if token.text == ";" or token.kind == "break":
            rows.append((first, k))
            first = k + 1
        k += 1
    rows.append((first, end))
    return [(a, b) for a, b in rows if a < b]


def _row(cursor: Cursor, start: int, end: int) -> list[Range]:
    """The cells of a row, which begin behind blanks."""
    cells: list[Range] = []
    first, k = start, start
    while k < end:
        token = cursor.tokens[k]
        if k > first and token.gap and _begins(cursor, k, end) and (
                cursor.tokens[k - 1].kind not in _JOINS):  # fmt: skip
            cells.append((first, k))
            first = k
        opens = token.kind in ("{", "open", "begin")
        k = max(k + 1, min(cursor.match[k] + 1, end)) if opens else k + 1
    if first < end:
        cells.append((first, end))
    return cells


def _begins(cursor: Cursor, k: int, end: int) -> bool:
    """Whether a cell may begin at a token: a minus has to touch what follows it."""
    token = cursor.tokens[k]
    if token.kind == "op" and token.text in "+-":
        return k + 1 < end and not cursor.tokens[k + 1].gap
    return token.kind in ("num", "sym", "word", "open", "cmd", "dots", "{")


def _numbers(cursor: Cursor, row: list[Range]) -> bool:
    """Whether blanks can only part cells: numbers side by side, or anything typed plainly."""
    if cursor.plain and len(row) > 1 and any(t.text == ";" for t in cursor.tokens):
        return True
    return all(_is_number(cursor.tokens[a:b]) or _closes(cursor, a, b) for a, b in row)


def _is_number(tokens: Sequence[Token]) -> bool:
    return any(t.kind == "num" for t in tokens) and all(
        t.kind in ("num", "times", "op", "percent") or t.text in ("sqrt", "frac", "{", "}")
        for t in tokens)


def _closes(cursor: Cursor, start: int, end: int) -> bool:
    """Whether a range is one square bracket."""
    return end - start > 1 and cursor.tokens[start].text == "[" and cursor.match[start] == end - 1


__all__ = ["blank_cells"]
