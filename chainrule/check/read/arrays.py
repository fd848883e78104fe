r"""Tables typeset as `\begin{array}`: rows of chains between rules, which are no matrix.

A trace is often written `\begin{array}{|c|c|c|} \hline v_1 & = x_1 & = 3 \\ \hline … \end{array}`.
Its cells begin with signs, or with words in a first row, so that it is read as the table that it
is. `\begin{array}{rcl} a &=& b \\ &=& c` lines up a chain, and an array of plain cells without
rules stays a matrix.
"""

from __future__ import annotations

import re
from typing import Final

from chainrule.check.paper import Formula, Grid, Place, TableCell, Words
from chainrule.limits import PAPER_CELLS

_BEGIN: Final = re.compile(
    r"\s*\\begin\s?\{(array|tabular)\}\s?(?:\[\w\]\s?)?\{([^{}\n]{0,80})\}", re.ASCII)
_END: Final = re.compile(r"\\end\s?\{(?:array|tabular)\}\s*[.,;]?\s*\Z", re.ASCII)
_RULE: Final = re.compile(
    r"\s*(?:\\(?:hline|toprule|midrule|bottomrule|hrule)(?![A-Za-z])|\\cline\s?\{[\d -]{0,9}\}|"
    r"\[[\d.]{1,6}\s?[a-z]{2}\])")
_TEXT: Final = re.compile(
    r"\s*\\(?:text(?:bf|it|rm|sf)?|mathrm|mathbf|mbox)\s?\{([^{}]{2,80})\}\s*\Z")
_SPOKEN: Final = re.compile(r"(?<![A-Za-z])(?!exp|log|sin|cos|tan|max|min|ReLU|relu)[A-Za-z]{3}")
_SIGN: Final = re.compile(r"\s*(?:=|\\approx|\\equiv|≈|≡)\s*(?=[^\s=&]|\Z)")
_STEP: Final = re.compile(r"\\(?:begin|end)\s?\{|\\\\|\\.|[{}&]", re.DOTALL)


def aligned_of(source: str) -> tuple[int, str] | None:
    """The inside of an array that only lines up a chain, and where it begins; else None."""
    begin, end = _BEGIN.match(source), _END.search(source[-60:])
    if begin is None or end is None or "|" in begin[2] or "\\hline" in source:
        return None
    stop = len(source) - len(source[-60:]) + end.start()
    rows = _rows(source, begin.end(), stop)
    signs = sum(_SIGN.match(source[a:b]) is not None for row in rows for a, b in row)
    if not signs or _header([source[a:b] for a, b in rows[0]]):
        return None
    return begin.end(), source[begin.end() : stop]


def _header(cells: list[str]) -> bool:
    """Whether words stand in a first row."""
    return sum(bool(_TEXT.match(cell)) for cell in cells) * 2 >= len(cells)


def grid_of(source: str, start: int) -> Grid | None:
    """The table that a formula is; None where it is anything else. `start` is its place."""
    begin, end = _BEGIN.match(source), _END.search(source[-60:])
    if begin is None or end is None:
        return None
    stop = len(source) - len(source[-60:]) + end.start()
    rows = _rows(source, begin.end(), stop)
    if not rows or sum(map(len, rows)) > PAPER_CELLS or len(rows[0]) < 2:
        return None
    texts = [[source[a:b] for a, b in row] for row in rows]
    leads = sum(_SIGN.match(cell) is not None for row in texts for cell in row)
    header = _header(texts[0])
    ruled = "|" in begin[2] or "\\hline" in source
    typeset = begin[1] == "tabular"  # a table in the text, whatever its cells are
    if not leads and not header and not typeset and not (ruled and len(rows) > 1):
        return None
    cells = tuple(tuple(_cell(source, a, b, start) for a, b in row) for row in rows)
    return Grid(Place(start, start + len(source)), cells, header or (ruled and not leads))


def _cell(source: str, first: int, last: int, start: int) -> TableCell:
    while first < last and source[first].isspace():
        first += 1
    while last > first and source[last - 1].isspace():
        last -= 1
    place = Place(start + first, start + last)
    if source[first:last].count("$") == 2 and source[first] == source[last - 1] == "$":
        first, last = first + 1, last - 1
        place = Place(start + first, start + last)
    elif _SPOKEN.search(source, first, last) and "\\" not in source[first:last]:
        return TableCell(place, (Words(place, source[first:last]),))
    words = _TEXT.match(source, first, last)
    if words is not None:
        return TableCell(place, (Words(place, words[1]),))
    return TableCell(place, (Formula(place, source[first:last]),) if first < last else ())


def _rows(source: str, first: int, stop: int) -> list[list[tuple[int, int]]]:
    """The places of the cells, row by row; what stands in braces or environments is one."""
    rows: list[list[tuple[int, int]]] = []
    row: list[tuple[int, int]] = []
    at = _past_rules(source, first, stop)
    depth = 0
    for found in _STEP.finditer(source, first, stop):
        sign = found.group()
        if found.start() < at:
            continue
        if sign.startswith("\\begin") or sign == "{":
            depth += 1
        if sign.startswith("\\end") or sign == "}":
            depth -= 1
        if sign.startswith(("\\begin", "\\end")):
            depth += 1  # its own brace, which closes next
        if depth or sign not in ("&", "\\\\"):
            continue
        row.append((at, found.start()))
        at = found.end()
        if sign == "\\\\":
            rows.append(row)
            row = []
            at = _past_rules(source, at, stop)
    if source[at:stop].strip():
        row.append((at, stop))
    if row:
        rows.append(row)
    return [r for r in rows if any(source[a:b].strip() for a, b in r)]


def _past_rules(source: str, at: int, stop: int) -> int:
    while (found := _RULE.match(source, at, stop)) is not None:
        at = found.end()
    return at


__all__ = ["aligned_of", "grid_of"]
