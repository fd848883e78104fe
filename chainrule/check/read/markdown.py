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
from chainrule.check.read import layout
from chainrule.check.read.inline import inline
from chainrule.check.read.labels import labels, titles
from chainrule.check.read.lists import Lists
from chainrule.lang.latex_tokens import words
from chainrule.limits import PAPER_BLOCKS, PAPER_CELLS

_OPENER: Final = re.compile(
    r"\\\[|\\\(|\$\$|\$|\\begin\{(equation\*?|align\*?|gather\*?|multline\*?|eqnarray\*?|"
    r"displaymath|math|flalign\*?|alignat\*?|aligned|split|cases|[bpvBV]?matrix|array|tabular)\}|\\\$|"
    r"```[^\n`]{0,80}\n|`[^`\n]{1,200}`|<(?P<tag>pre|script|style)\b[^<>\n]{0,200}>|"
    r"\\begin\{(?P<drawn>tikzpicture|tikzcd|forest|lstlisting|verbatim|minted|pgfpicture|comment|"
    r"algorithm\*?|algorithmic|thebibliography)\}")
_LANGUAGES: Final = words(
    "python python3 py ipython pycon r julia matlab octave c cpp c++ java javascript js ts bash sh "
    "shell console scala go rust ruby perl haskell sql json yaml toml html css mermaid dot "
    "cuda numpy pytorch torch")
_DRAWN: Final = re.compile(
    r"\A\s*(?:```|<(?:pre|script|style)\b)|\\begin\{(?:tikz|forest|lstlisting|verbatim|minted|pgf|comment|algo|theb)")
_MARKER: Final = re.compile(r"[ \t]*(?:[-*+•—–]|>)(?=[ \t\n]|\Z)[ \t]*")
_QUOTED: Final = re.compile(r"^[ \t]{0,9}>{1,3}", re.MULTILINE)
_INDENT: Final = re.compile(r"[ \t]*")
_HEADING: Final = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
_WHOLE: Final = re.compile(
    r"[\s*_]{0,4}(?:assignment|homework|hw|problem set|pset|worksheet|sheet|tutorial|lab|tarea|"
    r"devoir|übungsblatt|exercise sheet|series?)\b", re.IGNORECASE)
_PARTS: Final = re.compile(
    r"^#{2,4}[ \t*_]{1,6}(?:(?:question|problem|exercise|task|q|p|ex)\W{0,3})?\d{1,2}(?!\d)",
    re.IGNORECASE | re.MULTILINE)
_SECTION: Final = re.compile(
    r"[ \t]*\\(?P<what>(?:sub){0,2}section|chapter|(?:sub)?paragraph)\*?\s?"
    r"\{(?P<said>(?:[^{}\n]|\{[^{}\n]{0,80}\}){0,200})\}")
_LEVELS: Final = {"chapter": 1, "section": 1, "subsection": 2}
_PREAMBLE: Final = re.compile(
    r"[ \t]*\\(?:documentclass|usepackage|RequirePackage|newcommand|renewcommand|def|let|"
    r"providecommand|DeclareMathOperator|DeclarePairedDelimiter|newtheorem|theoremstyle|hypersetup|geometry|"
    r"graphicspath|includegraphics|caption|label|title|author|date|input|include|bibliography\w*|"
    r"lstset|tikzset|pgfplotsset|sisetup|usetikzlibrary|lhead|rhead|chead|cfoot|rfoot|lfoot|"
    r"thispagestyle|addtolength|newpage|clearpage|pagebreak|vspace\*?|hspace\*?|"
    r"(?:begin|end)\{(?:document|center|proof|solution|answer|abstract|flushleft|minipage|figure|"
    r"table|multicols)\*?\}|maketitle|setlength|pagestyle)(?![A-Za-z])")
_DEFINES: Final = re.compile(
    r"[ \t]*\\(?:(?:re)?newcommand|providecommand|def|DeclareMathOperator|title|author|lhead|rhead|"
    r"usepackage|hypersetup)(?![A-Za-z])")
_EMPHASIS: Final = re.compile(
    r"(?:[ \t]*\\(?:noindent|medskip|bigskip|smallskip|indent)(?![A-Za-z])[ \t]*)?"
    r"(?:[ \t]*\\item\b[ \t]*(?=\\textbf|\{\\b))?"
    r"[ \t]*(?:\\(?:textbf|textit|emph|underline|textsc)\s?\{|"
    r"\{\\(?:bf|bfseries|it|em)(?![A-Za-z])\s*|\\item\s?\[)")
_ITEM: Final = re.compile(r"[ \t]*\\item(?![A-Za-z\[])[ \t]*")
_MODULUS: Final = re.compile(r"\|{1,2}[^\s|][^|]{0,80}\|{1,2}(?:[_^²]|\s{0,3}[=<>+*≤≥-])")
_SEPARATOR: Final = re.compile(r"[ \t|:+-]+\Z")
_RULE: Final = re.compile(r"[ \t]*(?:={3,}|-{3,}|\*{3,}|_{3,})[ \t]*\Z")
_TAG: Final = re.compile(r"<(/?)(?:i|b|em|strong|sub|sup|td|tr|th|span|u|p|br)\b[^<>]{0,80}>")
_NUMBER: Final = re.compile(r"[-−–+]?\s{0,3}(?:\d+(?:[.,]\d+)*|[.]\d+)%?\Z")
_CELL_FORMULA: Final = re.compile(
    r"(?:[-−+*/^_=<>≤≥≠().,\[\]{}\s\d×·²³'∂αβγδεηθλμπρστφψω√]|[A-Za-z](?![A-Za-z])|"
    r"\\[A-Za-z*_]+|exp|log|ln|sin|cos|tanh|max|min|relu|ReLU|sigmoid|softmax|d[A-Za-z]|"
    r"(?<=[\d_])(?:bar|hat|tilde|dot)(?![A-Za-z]))+\Z")


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


def _formulas(text: str, start: int, end: int,
              drawn: list[tuple[int, int]]) -> list[_Math]:
    """All formulas between delimiters, in order; drawings and listings go into `drawn`."""
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
        if token[:3] == "```" and token[3:].split()[:1] and token[3:].split()[0].lower().strip(
                "{}.,") in _LANGUAGES:  # fmt: skip
            close = text.find("```", match.end(), end)
            if close > 0:
                at = close + 3
                drawn.append((match.start(), at))
            continue
        if token[0] == "`" or token == "\\$":
            continue
        typeset = match["tag"] == "script" and "math/tex" in token
        if match["drawn"] or (match["tag"] and not typeset):
            closer = f"\\end{{{match['drawn']}}}" if match["drawn"] else f"</{match['tag']}>"
            close = -1 if closer in never else text.find(closer, match.end(), end)
            if close < 0:
                never.add(closer)
            else:
                at = close + len(closer)
                drawn.append((match.start(), at))
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
        closer = "</script>" if typeset else closer
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
                               token != "\\(" and not (typeset and "display" not in token)))
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
        self.drawn: list[tuple[int, int]] = []
        self.math = _formulas(text, start, end, self.drawn)
        self.found: list[Block] = []
        self.lines = self._lines(start)
        self.lists = Lists()
        self.top = 7  # the level of the headings that name questions
        self.width = 0  # commas of the rows of a list
        self.loose = False  # in a table without outer bars

    def _lines(self, at: int) -> list[tuple[int, int, list[_Math]]]:
        """Lines as start, end and the formulas in them; a formula never ends a line."""
        lines: list[tuple[int, int, list[_Math]]] = []
        k = d = looked = 0
        while at < self.end:
            inside: list[_Math] = []
            here = at
            while True:
                stop = self.text.find("\n", here, self.end)
                stop = self.end if stop < 0 else stop
                if d < len(self.drawn) and self.drawn[d][0] < stop:
                    here = self.drawn[d][1]
                    d += 1
                    continue
                if k < len(self.math) and self.math[k].start < stop:
                    inside.append(self.math[k])
                    here = self.math[k].end
                    k += 1
                    continue
                break
            stop = max(stop, here)
            if at >= looked:
                stop, looked = layout.closed(self.text, at, stop, self.end)
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
        if "\n" in raw and not math and _DRAWN.search(raw):
            self.found.append(Words(Place(start, end), raw))
            self._break(end)
            return k + 1
        if self._is_code(start):
            self._code_line(start, end)
            return k + 1
        self.loose = "|" in raw and k + 1 < len(self.lines) and self._rules(self.lines[k + 1])
        rows = self._bracketed(k)
        if rows > k + 1:
            begins = start + layout.row_start(raw)
            self._text_line(start, begins, [])
            self._grid([(begins, end, []), *self.lines[k + 1 : rows]], self._spaced_cells)
            return rows
        for is_row, cut in ((self._tabs, self._tab_cells), (self._pipes, self._pipe_cells),
                            (self._spaced, self._spaced_cells), (self._listed, self._listed_cells)):
            stop = k
            while stop < len(self.lines) and is_row(self.lines[stop], stop > k):
                stop += 1
            if stop > k + (is_row in (self._spaced, self._listed)):
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
        section = _SECTION.match(self.text, at, end)
        if section is not None:
            at = self._section(start, section, end)
        elif _PREAMBLE.match(self.text, at, end) and (not math or _DEFINES.match(
                self.text, at, end)):  # fmt: skip
            self._break(start)
            return
        limit = math[0].start if math else end
        at = self._lists(start, at, limit)
        marker = _MARKER.match(self.text, at, end)
        while marker is not None and marker.end() > at:
            self._break(start)
            at = marker.end()
            marker = _MARKER.match(self.text, at, end)
        limit = math[0].start if math else end
        for _ in range(3):  # \textbf{Q1.} \textit{(a)}
            was, at = at, self._latex_labels(start, at, limit)
            if at == was:
                break
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
                                      self._source(start, formula), display))
            at = formula.end
        self._words(at, end)

    def _source(self, start: int, formula: _Math) -> str:
        """What stands in a formula, without the signs that a quotation begins its lines with."""
        source = self.text[formula.inner : formula.inner_end]
        if self.text[start : start + 1] == ">" and "\n" in source:
            return _QUOTED.sub(lambda m: " " * len(m.group()), source)
        return source

    def _lists(self, start: int, at: int, limit: int) -> int:
        r"""Past \\begin{enumerate} and \\item, which count; a label written behind them wins."""
        for _ in range(8):
            if "\\" not in self.text[at : at + 40]:
                return at
            step = self.lists.step(self.text, at, limit)
            if step is None:
                return at
            if at == start:
                self._break(start)
            if step[1] is not None and not any(labels(self.text, step[0], limit)) and (
                    not _EMPHASIS.match(self.text, step[0], limit)):  # fmt: skip
                self.found.append(Label(Place(at, step[0]), self.text[at : step[0]], *step[1]))
            at = step[0]
        return at

    def _latex_labels(self, start: int, at: int, limit: int) -> int:
        r"""Past what LaTeX says where a piece of work begins: \\textbf{(b)}, \\item[(a)]."""
        if "\\" not in self.text[at:limit]:
            return at
        item = _ITEM.match(self.text, at, limit)
        if item is not None:
            self._break(start)
            at = item.end()
        found = _EMPHASIS.match(self.text, at, limit)
        if found is None:
            return at
        closer = "]" if found.group().endswith("[") else "}"
        closed = self.text.find(closer, found.end(), limit)
        if closed < 0:
            return at
        for begins, stops, kind, key in labels(self.text, found.end(), closed):
            if at <= found.start():
                self._break(start)
            self.found.append(Label(Place(begins, stops), self.text[begins:stops], kind, key))
            at = stops
        return closed + 1 if at > found.start() and not self.text[at:closed].strip(" .:") else at

    def _section(self, start: int, found: re.Match[str], end: int) -> int:
        """A heading of LaTeX; where the line goes on."""
        level = _LEVELS.get(found["what"], 3)
        first, last = found.span("said")
        self.found.append(Heading(Place(max(first - level, start), last), found["said"], level))
        for begins, stops, kind, key in self._titles(first, last, level):
            self.found.append(Label(Place(begins, stops), self.text[begins:stops], kind, key))
        return found.end()

    def _heading(self, start: int, at: int, end: int, level: int) -> None:
        said = self.text[at:end].strip().strip("#").strip()
        self.found.append(Heading(Place(start, end), said, level))
        for begins, stops, kind, key in self._titles(at, end, level):
            self.found.append(Label(Place(begins, stops), self.text[begins:stops], kind, key))

    def _titles(self, at: int, end: int, level: int) -> list[tuple[int, int, str, str]]:
        """A heading's labels; a bare number below a question's heading numbers a part of it."""
        found = list(titles(self.text, at, end))
        if found and level == 1 and _WHOLE.match(self.text, at, end) and _PARTS.search(
                self.text, end):  # fmt: skip
            return []  # Assignment 1, with questions of its own
        if found and found[0][2] == "question":
            bare = self.text[found[0][0]].isdigit()
            if bare and level > self.top:
                return [(a, b, "number", key) for a, b, _, key in found[-1:]]
            self.top = level
        return found

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
        if raw.count("\t") == 1:
            tab = line[0] + raw.index("\t")
            if any(stop >= tab - 1 for _, stop, _, _ in labels(self.text, line[0], tab)):
                return False  # a) and a tab
        return "\t" in (raw.rstrip() if goes_on else raw.strip()) and bool(raw.strip())

    def _pipes(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        raw = self._bare(line).strip()
        begins = raw.startswith("|") and (raw.endswith("|") or not _MODULUS.match(raw))
        if self.loose:
            return "|" in raw
        return (raw.count("|") >= 2 and begins) or (
            goes_on and "|" in raw and (begins or bool(_SEPARATOR.match(raw))))

    def _bracketed(self, k: int) -> int:
        """Where a matrix ends whose rows stand in brackets of their own, from Z = [ 1 2 ] on."""
        start, end, math = self.lines[k]
        if math or "=" not in self.text[start:end] or not layout.BRACKETED.search(
                self.text, start, end):  # fmt: skip
            return k
        stop = k + 1
        while stop < len(self.lines) and not self.lines[stop][2] and layout.ROW.match(
                self.text, self.lines[stop][0], self.lines[stop][1]):  # fmt: skip
            stop += 1
        return stop

    def _listed(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        """Whether a line is names or numbers with commas between them, as the line before it."""
        if line[2] or line[1] - line[0] > 400:
            return False
        raw = self.text[line[0] : line[1]]
        width = raw.count(",")
        if goes_on:
            return width == self.width and layout.LISTED.match(raw) is not None
        self.width = width
        return width > 0 and bool(layout.LISTED.match(raw) or layout.LISTED_NAMES.match(raw))

    def _listed_cells(self, line: tuple[int, int, list[_Math]]) -> list[tuple[int, int]]:
        return self._cut(line, ",")

    def _rules(self, line: tuple[int, int, list[_Math]]) -> bool:
        """Whether a line is the rule below a header: --- | ---."""
        raw = self.text[line[0] : line[1]].strip()
        return "|" in raw and "-" in raw and bool(_SEPARATOR.match(raw))

    def _spaced(self, line: tuple[int, int, list[_Math]], goes_on: bool) -> bool:
        return not line[2] and bool(layout.NUMBERS.match(self.text, line[0], line[1]))

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
        if not line[2] and layout.NUMBERS.match(self.text, line[0], line[1]):
            return self._spaced_cells(line)  # | 1  2 |, a matrix between bars
        bare = self.text[line[0] : line[1]].strip()
        if bare.startswith("|"):
            cells = cells[1:]
        if cells and bare.endswith("|"):
            cells = cells[:-1]
        return cells

    def _spaced_cells(self, line: tuple[int, int, list[_Math]]) -> list[tuple[int, int]]:
        return [m.span() for m in layout.CELL.finditer(self.text, line[0], line[1])]

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
        header, total = cut == self._listed_cells and layout.LISTED_NAMES.match(
            self.text, lines[0][0], lines[0][1]) is not None, 0
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
