r"""Markdown with LaTeX in it, as a paper's blocks: words, formulas, tables, labels, headings.

The text is gone through once. Mathematics between its delimiters is found first; what is left is
read line by line: rows with pipes or tabs are tables, `#` begins a heading, `(b)` and `Question 2`
are labels, everything else is words, in which formulas may stand bare. Whatever is no formula is
words; nothing here can fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from chainrule.check.paper import (
    Block,
    Break,
    Formula,
    Grid,
    Heading,
    Label,
    Paper,
    Place,
    TableCell,
    Words,
)
from chainrule.check.read.inline import inline
from chainrule.check.read.labels import labels
from chainrule.limits import PAPER_BLOCKS, PAPER_CELLS

_OPENER: Final = re.compile(
    r"\\\[|\\\(|\$\$|\$|\\begin\{(equation\*?|align\*?|gather\*?|multline\*?|eqnarray\*?|"
    r"displaymath|math|flalign\*?|alignat\*?|aligned|split|cases|[bpvBV]?matrix|array)\}|\\\$|"
    r"```[^\n`]{0,80}\n|`[^`\n]{1,200}`")
_MARKER: Final = re.compile(r"[ \t]*(?:[-*+•—–]|>)(?=[ \t\n]|\Z)[ \t]*")
_INDENT: Final = re.compile(r"[ \t]*")
_HEADING: Final = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
_SEPARATOR: Final = re.compile(r"[ \t|:+-]+\Z")
_RULE: Final = re.compile(r"[ \t]*(?:={3,}|-{3,}|\*{3,}|_{3,})[ \t]*\Z")
_NUMBERS: Final = re.compile(r"[ ]{0,8}-?\d[\d.]*(?:[ ]{1,20}-?\d[\d.]*)+[ ]*\Z")
_TAG: Final = re.compile(r"<(/?)(?:i|b|em|strong|sub|sup|td|tr|th|span|u|p|br)\b[^<>]{0,80}>")
_NUMBER: Final = re.compile(r"[-−–+]?\s{0,3}(?:\d+(?:[.,]\d+)*|[.]\d+)%?\Z")
_CELL_FORMULA: Final = re.compile(
    r"(?:[-−+*/^_=<>≤≥≠().,\[\]{}\s\d×·²³'∂αβγδεηθλμπρστφψω]|[A-Za-z](?![A-Za-z])|"
    r"\\[A-Za-z*_]+|exp|log|ln|sin|cos|tanh|max|min|relu|ReLU|sigmoid|softmax|d[A-Za-z])+\Z")


@dataclass(frozen=True, slots=True)
class _Math:
    """A formula found between delimiters: from `start` to `end`, its inside in between."""

    start: int
    end: int
    inner: int
    inner_end: int
    display: bool


def read_markdown(text: str, name: str, remarks: tuple[str, ...] = (),
                  code: Sequence[tuple[int, int]] = ()) -> Paper:
    """A text in Markdown as a paper; `code` are the stretches of a notebook's program cells."""
    blocks = blocks_of(text, 0, len(text), code)
    if len(blocks) > PAPER_BLOCKS:
        remarks = (*remarks, f"it has more than {PAPER_BLOCKS:,} formulas and stretches of words: "
                   "the rest was not read")
    return Paper(name, text, tuple(blocks), remarks)


def blocks_of(text: str, start: int, end: int, code: Sequence[tuple[int, int]] = ()) -> list[Block]:
    """The blocks of a stretch of a text."""
    return _Blocks(text, start, end, code).all()


def _formulas(text: str, start: int, end: int) -> list[_Math]:
    """All formulas between delimiters, in order."""
    found: list[_Math] = []
    never: set[str] = set()  # delimiters that are closed nowhere behind
    paragraph = start  # where the paragraph ends that was looked at last
    at = start
    while True:
        match = _OPENER.search(text, at, end)
        if match is None or len(found) > PAPER_BLOCKS:
            return found
        token = match.group()
        at = match.end()
        if token[0] == "`" or token == "\\$":
            continue
        if token == "$":
            if paragraph < match.end():
                paragraph = text.find("\n\n", match.end(), end)
                paragraph = end if paragraph < 0 else paragraph
            closed = _dollar(text, match.end(), paragraph)
            if closed is not None:
                found.append(_Math(match.start(), closed + 1, match.end(), closed, False))
                at = closed + 1
            continue
        closer = {"\\[": "\\]", "\\(": "\\)", "$$": "$$"}.get(token, f"\\end{{{match.group(1)}}}")
        if closer in never:
            continue
        close = text.find(closer, match.end(), end)
        if close < 0:
            never.add(closer)
            continue
        if not text[match.end() : close].strip():
            at = close + len(closer)
            continue
        if token.startswith("\\begin"):
            stop = close + len(closer)
            found.append(_Math(match.start(), stop, match.start(), stop, True))
        else:
            found.append(_Math(match.start(), close + len(closer), match.end(), close,
                               token != "\\("))
        at = close + len(closer)


def _dollar(text: str, at: int, limit: int) -> int | None:
    """The dollar sign that closes one, before the paragraph's end."""
    closed = text.find("$", at, limit)
    while closed > 0 and text[closed - 1] == "\\":
        closed = text.find("$", closed + 1, limit)
    if closed <= at or not text[at:closed].strip():
        return None
    money = text[at : at + 1].isdigit() and text[closed - 1 : closed].isspace() and (
        text[closed + 1 : closed + 2].isdigit())
    return None if money else closed


def _shared(cells: list[tuple[int, int]], math: list[_Math]) -> list[list[_Math]]:
    """The formulas of each cell of a row."""
    found: list[list[_Math]] = []
    k = 0
    for start, end in cells:
        inside: list[_Math] = []
        while k < len(math) and math[k].start < end:
            if math[k].start >= start:
                inside.append(math[k])
            k += 1
        found.append(inside)
    return found


class _Blocks:
    """Goes through a text line by line, jumping over formulas."""

    def __init__(self, text: str, start: int, end: int, code: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.end = end
        self.code = list(code)
        self.math = _formulas(text, start, end)
        self.found: list[Block] = []
        self.lines = self._lines(start)

    def _lines(self, at: int) -> list[tuple[int, int, list[_Math]]]:
        """Lines as start, end and the formulas in them; a formula never ends a line."""
        lines: list[tuple[int, int, list[_Math]]] = []
        k = 0
        while at < self.end:
            inside: list[_Math] = []
            here = at
            while True:
                stop = self.text.find("\n", here, self.end)
                stop = self.end if stop < 0 else stop
                if k < len(self.math) and self.math[k].start < stop:
                    inside.append(self.math[k])
                    here = self.math[k].end
                    k += 1
                    continue
                break
            stop = max(stop, here)
            lines.append((at, stop, inside))
            at = stop + 1
        return lines

    def all(self) -> list[Block]:
        """The blocks of all lines."""
        k = 0
        while k < len(self.lines):
            k = self._line(k)
            if len(self.found) > PAPER_BLOCKS and k < len(self.lines):
                place = Place(self.lines[k][0], self.end)
                self.found.append(Words(place, self.text[place.start : place.end]))
                break
        return self.found

    def _line(self, k: int) -> int:
        start, end, math = self.lines[k]
        raw = self.text[start:end]
        if not raw.strip():
            self._break(start)
            return k + 1
        if self._is_code(start):
            self._code_line(start, end)
            return k + 1
        for is_row, cut in ((self._tabs, self._tab_cells), (self._pipes, self._pipe_cells),
                            (self._spaced, self._spaced_cells)):
            stop = k
            while stop < len(self.lines) and is_row(self.lines[stop], stop > k):
                stop += 1
            if stop > k + (is_row == self._spaced):
                self._grid(self.lines[k:stop], cut)
                return stop
        if not math and _RULE.match(raw):
            self._break(start)
            return k + 1
        self._text_line(start, end, math)
        return k + 1

    def _break(self, at: int) -> None:
        if self.found and not isinstance(self.found[-1], Break):
            self.found.append(Break(Place(at, at)))

    # lines of text

    def _text_line(self, start: int, end: int, math: list[_Math]) -> None:
        at = start
        heading = _HEADING.match(self.text, at, end)
        if heading is not None:
            self._heading(start, heading.end(), end, len(heading[1]))
            return
        marker = _MARKER.match(self.text, at, end)
        while marker is not None and marker.end() > at:
            self._break(start)
            at = marker.end()
            marker = _MARKER.match(self.text, at, end)
        limit = math[0].start if math else end
        first = True
        for begins, stops, kind, key in labels(self.text, at, limit):
            if first:
                self._break(start)
                first = False
            self.found.append(Label(Place(begins, stops), self.text[begins:stops], kind, key))
            at = stops
        whole = len(math) == 1 and not self.text[at : math[0].start].strip(" \t*_.:—-") and not (
            self.text[math[0].end : end].strip(" \t*_.,;"))
        for count, formula in enumerate(math):
            if count > PAPER_BLOCKS:
                break
            self._words(at, formula.start)
            display = formula.display or whole
            self.found.append(Formula(Place(formula.inner, formula.inner_end),
                                      self.text[formula.inner : formula.inner_end], display))
            at = formula.end
        self._words(at, end)

    def _heading(self, start: int, at: int, end: int, level: int) -> None:
        said = self.text[at:end].strip().strip("#").strip()
        self.found.append(Heading(Place(start, end), said, level))
        for begins, stops, kind, key in labels(self.text, at, end):
            self.found.append(Label(Place(begins, stops), self.text[begins:stops], kind, key))

    def _words(self, start: int, end: int) -> None:
        if start < end:
            self.found += islice(inline(self.text, start, end), PAPER_BLOCKS)

    # programs in notebooks

    def _is_code(self, at: int) -> bool:
        while self.code and self.code[0][1] <= at:
            self.code.pop(0)
        return bool(self.code) and self.code[0][0] <= at

    def _code_line(self, start: int, end: int) -> None:
        raw = self.text[start:end]
        comment = raw.find("#")
        if raw.lstrip().startswith("#"):
            self._break(start)
            self._text_line(start + comment + 1, end, [])
            return
        stop = start + comment if comment > 0 else end
        simple = re.match(r"\s{0,8}[A-Za-z_]\w*\s{0,9}=(?!=)\s{0,9}[^=]+\Z", self.text[start:stop])
        if simple and not re.search(r"['\":]|\bimport\b|\blambda\b", self.text[start:stop]):
            begin = start + len(raw) - len(raw.lstrip())
            stop = begin + len(self.text[begin:stop].rstrip())
            self.found.append(Formula(Place(begin, stop), self.text[begin:stop], True))
        elif raw.strip():
            self.found.append(Words(Place(start, end), raw))
        self._break(end)

    # tables

    def _tabs(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        raw = self._bare(line)
        return "\t" in (raw.rstrip() if goes_on else raw.strip()) and bool(raw.strip())

    def _pipes(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        raw = self._bare(line).strip()
        begins = raw.startswith("|")
        return (raw.count("|") >= 2 and begins) or (
            goes_on and "|" in raw and (begins or bool(_SEPARATOR.match(raw))))

    def _spaced(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        return not line[2] and bool(_NUMBERS.match(self.text, line[0], line[1]))

    def _bare(self, line: tuple[int, int, list[_Math]]) -> str:
        """A line with its formulas blanked out, so that places stay what they are."""
        start, end, math = line
        pieces, at = [], start
        for formula in math:
            pieces += [self.text[at : formula.start], "x" * (formula.end - formula.start)]
            at = formula.end
        pieces.append(self.text[at:end])
        return "".join(pieces)

    def _tab_cells(self, line: tuple[int, int, list[_Math]]) -> list[tuple[int, int]]:
        return self._cut(line, "\t")

    def _pipe_cells(self, line: tuple[int, int, list[_Math]]) -> list[tuple[int, int]]:
        cells = self._cut(line, "|")
        if cells and not self.text[cells[0][0] : cells[0][1]].strip():
            cells = cells[1:]
        if cells and not self.text[cells[-1][0] : cells[-1][1]].strip():
            cells = cells[:-1]
        return cells

    def _spaced_cells(self, line: tuple[int, int, list[_Math]]) -> list[tuple[int, int]]:
        return [m.span() for m in re.compile(r"\S+").finditer(self.text, line[0], line[1])]

    def _cut(self, line: tuple[int, int, list[_Math]], sign: str) -> list[tuple[int, int]]:
        raw, start = self._bare(line), line[0]
        cells: list[tuple[int, int]] = []
        at = 0
        for piece in raw.split(sign):
            cells.append((start + at, start + at + len(piece)))
            at += len(piece) + 1
        return cells

    def _grid(self, lines: list[tuple[int, int, list[_Math]]], cut: object) -> None:
        assert callable(cut)
        rows: list[tuple[TableCell, ...]] = []
        header, total = False, 0
        for line in lines:
            bare = self._bare(line)
            if cut == self._pipe_cells and _SEPARATOR.match(bare.strip()):
                header = header or len(rows) == 1
                continue
            places = cut(line)
            total += len(places)
            if total > PAPER_CELLS:
                place = Place(lines[0][0], lines[-1][1])
                self.found.append(Words(place, self.text[place.start : place.end]))
                return
            inside = _shared(places, line[2])
            rows.append(tuple(self._table_cell(a, b, math)
                              for (a, b), math in zip(places, inside, strict=True)))
        if rows:
            place = Place(lines[0][0], lines[-1][1])
            self.found.append(Grid(place, tuple(rows), header))

    def _table_cell(self, start: int, end: int, math: list[_Math]) -> TableCell:
        blocks: list[Words | Formula] = []
        at = start
        for formula in math:
            if start <= formula.start and formula.end <= end:
                blocks += self._cell_words(at, formula.start, False)
                blocks.append(Formula(Place(formula.inner, formula.inner_end),
                                      self.text[formula.inner : formula.inner_end]))
                at = formula.end
        blocks += self._cell_words(at, end, at == start)
        return TableCell(Place(start, end), tuple(blocks))

    def _cell_words(self, start: int, end: int, whole: bool) -> list[Words | Formula]:
        """A cell without dollar signs: a number or a formula as a whole, or words."""
        tags = list(_TAG.finditer(self.text, start, end))
        if tags and whole:
            start, end = tags[0].end(), tags[-1].start() if len(tags) > 1 else end
        while start < end and self.text[start] in " \t*":
            start += 1
        while end > start and self.text[end - 1] in " \t*":
            end -= 1
        if start >= end:
            return []
        said = self.text[start:end]
        formula = whole and len(said) <= 300 and _CELL_FORMULA.match(said)
        if _NUMBER.match(said) or (formula and not (
                next(labels(self.text, start, end), None))):  # fmt: skip
            return [Formula(Place(start, end), said)]
        return list(inline(self.text, start, end))
