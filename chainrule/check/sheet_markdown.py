"""The prose of a sheet as blocks of a document: a plain subset of Markdown with LaTeX in it.

Paragraphs, headings, lists, tables with pipes, listings between fences, **strong**, *stressed*,
`typed`, $formulas$, and $$displays$$ on lines of their own. A display whose rows are aligned at
their relations becomes a chain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chainrule.check.sheet_typeset import lines, typeset
from chainrule.document.blocks import (
    Block,
    Chain,
    CodeBlock,
    Column,
    Emph,
    Heading,
    Inline,
    Link,
    ListBlock,
    MathBlock,
    Paragraph,
    Strong,
    Text,
    code,
    inlines,
    table,
)
from chainrule.document.mathnodes import Math, Op, Row, Words

_INLINE: Final = re.compile(
    r"`([^`\n]+)`|\$([^$]+)\$|\*\*([^*\n]+)\*\*|\*([^*\n]+)\*", re.DOTALL)
_ITEM: Final = re.compile(r"\s{0,3}(?:[-*+]|(\d{1,3})[.)])\s+(.*)", re.DOTALL)
_HEAD: Final = re.compile(r"(#{1,6})[ \t](.*)")
_RULE: Final = re.compile(r"\|?[\s:|-]+\|?")
_RELATIONS: Final = frozenset({"=", "≈", "≤", "≥", "<", ">", "≡", "→", "⇒", "≠", "∝"})


def blocks(text: str, level: int = 0) -> list[Block]:
    """The blocks of a text; `level` is added to its headings'.

    >>> [type(b).__name__ for b in blocks("Some *words*.\\n\\n$$y = 2$$\\n\\n- one\\n- two")]
    ['Paragraph', 'MathBlock', 'ListBlock']
    """
    return _Reader(text.replace("\r\n", "\n").split("\n"), level).read()


def running(text: str) -> tuple[Inline, ...]:
    """Running text with its marks."""
    found: list[str | Inline] = []
    at = 0
    for m in _INLINE.finditer(text):
        found.append(_flat(text[at : m.start()]))
        if m[1] is not None:
            found.append(code(m[1]))
        elif m[2] is not None:
            found.append(typeset(m[2]))
        elif m[3] is not None:
            found += _marked(m[3], Strong)
        else:
            found += _marked(m[4], Emph)
        at = m.end()
    found.append(_flat(text[at:]))
    return inlines(found)


def _marked(text: str, mark: type[Strong] | type[Emph]) -> list[str | Inline]:
    """Marked words, formulas among them as they are."""
    return [mark(part.text) if isinstance(part, Text) else part for part in running(text)]


def _flat(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text)


class _Reader:
    """Walks over the lines of one text."""

    def __init__(self, given: Sequence[str], level: int) -> None:
        self.lines = given
        self.level = level
        self.at = 0
        self.found: list[Block] = []

    def read(self) -> list[Block]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            head = _HEAD.fullmatch(line)
            if not line.strip():
                self.at += 1
            elif line.startswith("```"):
                self.listing()
            elif head:
                self.at += 1
                words = running(head[2].strip().rstrip("#").rstrip())
                self.found.append(Heading(max(len(head[1]) + self.level, 1), words))
            elif line.lstrip().startswith("$$"):
                self.display()
            elif line.lstrip().startswith("|"):
                self.table()
            elif _ITEM.fullmatch(line):
                self.items()
            else:
                self.paragraph()
        return self.found

    def listing(self) -> None:
        language = self.lines[self.at].strip("` ")
        self.at += 1
        inside = self.until(lambda line: line.startswith("```"))
        self.at += 1
        self.found.append(CodeBlock("\n".join(inside), language))

    def until(self, ends: object) -> list[str]:
        assert callable(ends)
        start = self.at
        while self.at < len(self.lines) and not ends(self.lines[self.at]):
            self.at += 1
        return list(self.lines[start : self.at])

    def display(self) -> None:
        """A formula between double dollar signs, on one line or several."""
        first = self.lines[self.at].lstrip()[2:]
        self.at += 1
        found = [first]
        if "$$" not in first:
            found += self.until(lambda line: "$$" in line)
            if self.at < len(self.lines):
                found.append(self.lines[self.at])
                self.at += 1
        source, _, rest = "\n".join(found).partition("$$")
        self.found += displayed(source)
        if rest.strip(" .,;\n"):
            self.found.append(Paragraph(running(rest.strip())))

    def table(self) -> None:
        rows = self.until(lambda line: not line.lstrip().startswith("|"))
        cells = [[running(c.strip().replace("\\|", "|")) for c in _cells(r)] for r in rows]
        if len(rows) > 1 and _RULE.fullmatch(rows[1].strip()):
            head, body = cells[0], cells[2:]
        else:
            head, body = [inlines("")] * len(cells[0]), cells
        width = max(map(len, [head, *body]))
        heads = [Column(h) for h in [*head, *[inlines("")] * (width - len(head))]]
        self.found.append(table(heads, body, row_header=False))

    def items(self) -> None:
        points: list[str] = []
        ordered = _ITEM.fullmatch(self.lines[self.at])
        assert ordered is not None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            item = _ITEM.fullmatch(line)
            if item:
                points.append(item[2])
            elif line.strip() and line.startswith(" "):
                points[-1] += "\n" + line.strip()
            else:
                break
            self.at += 1
        self.found.append(ListBlock(tuple(map(running, points)), ordered[1] is not None))

    def paragraph(self) -> None:
        text = "\n".join(self.until(_breaks))
        self.found.append(Paragraph(running(text)))


def _breaks(line: str) -> bool:
    """Whether a line ends the paragraph before it."""
    return (not line.strip() or line.lstrip().startswith(("$$", "```", "|"))
            or _HEAD.fullmatch(line) is not None or _ITEM.fullmatch(line) is not None)


def _cells(line: str) -> list[str]:
    """The cells of a row; bars inside formulas or behind a backslash do not count."""
    found, dollars = [""], False
    for k, c in enumerate(line.strip().removeprefix("|").removesuffix("|")):
        dollars ^= c == "$"
        if c == "|" and not dollars and not found[-1].endswith("\\"):
            found.append("")
        else:
            found[-1] += c
        assert k >= 0
    return found


def displayed(source: str) -> list[Block]:
    """A display: a chain where its rows are aligned at relations, else a formula a row."""
    rows = lines(source)
    found: list[Block] = []
    chain: Chain | None = None
    for row in rows:
        left, right = (row[0], _joined(row[1:])) if len(row) > 1 else (Row(()), Row(()))
        if right.items and isinstance(right.items[0], Op) and right.items[0].text in _RELATIONS:
            link = _link(right)
            if left.items or chain is None:
                chain = Chain(left, (link,))
                found.append(chain)
            else:
                chain = Chain(chain.lhs, (*chain.links, link))
                found[-1] = chain
        else:
            chain = None
            found.append(MathBlock(_joined(row)))
    return found


def _link(right: Row) -> Link:
    """A line of a chain; words at its end are the reason."""
    sign, *items = right.items
    assert isinstance(sign, Op)
    reason: list[Math] = []
    for k, item in enumerate(items):
        if isinstance(item, Words) and len(item.text) >= 3 and not item.text.strip():
            items, reason = items[:k], items[k + 1 :]
            break
    said = [m.text if isinstance(m, Words) else m for m in reason]
    return Link(Row(tuple(items)), inlines(said), sign.text)


def _joined(row: Sequence[Row]) -> Row:
    return Row(tuple(m for cell in row for m in cell.items))
