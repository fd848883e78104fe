"""A document for a terminal: Unicode text in a fixed width, with no other library.

Columns are measured in terminal columns (a combining bar takes none, a wide letter two). A table
that is too wide is first broken at its equals signs, then cut into its column groups one under the
other, and only then wrapped between words. Nothing is ever cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chainrule.document.blocks import (
    Block,
    Chain,
    CodeBlock,
    Document,
    Emph,
    Figure,
    Heading,
    Inlines,
    Link,
    ListBlock,
    MathBlock,
    Note,
    Paragraph,
    Strong,
    Table,
    by_group,
    plain,
)
from chainrule.document.mathtree import (
    Math,
    Op,
    Row,
    display_width,
    tall,
    text,
    text_block,
)
from chainrule.errors import visible

_GAP = 2  # columns between the columns of a table
_NARROW = 12  # a column is not wrapped below this
_BOLD, _DIM, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_NOTES = {"note": "Note: ", "kink": "Kink: ", "warning": "Warning: "}


def render(document: Document, width: int = 100, color: bool = False) -> str:
    """The document as text at most `width` columns wide where it can be; ends in a newline.

    `color` marks headings and emphasis with terminal escapes.
    """
    page = _Page(max(width, 20), color)
    title = visible(document.title)
    parts = [[page.bold(title), "═" * min(display_width(title), page.width)]] if title else []
    parts += [page.block(block) for block in document.blocks]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


class _Page:
    """The width to fill and whether escapes are wanted; each block becomes a list of lines."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self.color = color

    def bold(self, line: str) -> str:
        return f"{_BOLD}{line}{_OFF}" if self.color and line else line

    def dim(self, line: str) -> str:
        return f"{_DIM}{line}{_OFF}" if self.color and line else line

    def block(self, block: Block) -> list[str]:
        match block:
            case Heading(level, content):
                line = _prose(content)
                rule = ["─" * min(display_width(line), self.width)] if level == 1 else []
                return [*map(self.bold, wrap(line, self.width)), *rule]
            case Paragraph(content):
                return self.styled(content)
            case MathBlock(math):
                return _indented(
                    text_block(math) if tall(math) else wrap(text(math), self.width - 2)
                )
            case Chain():
                return self.chain(block)
            case Table():
                return self.table(block)
            case ListBlock(items, ordered):
                marks = [f"{i + 1}. " if ordered else "• " for i in range(len(items))]
                return [
                    line
                    for mark, item in zip(marks, items, strict=True)
                    for line in _hung(mark, wrap(_prose(item), self.width - len(mark)))
                ]
            case Figure(_, alt, caption, drawing):
                lines = (
                    [visible(line) for line in drawing.rstrip("\n").split("\n")] if drawing else []
                )
                said = wrap(_prose(caption) or ("" if drawing else visible(alt)), self.width)
                return lines + ([""] if lines and said else []) + said
            case Note(kind, content):
                mark = _NOTES[kind]
                lines = wrap(_prose(content), self.width - len(mark))
                return [self.bold(mark) + lines[0], *(" " * len(mark) + line for line in lines[1:])]
            case CodeBlock(code, _):
                lines = code.expandtabs(4).rstrip("\n").split("\n")
                return _indented([visible(line) for line in lines], 4)

    def styled(self, content: Inlines) -> list[str]:
        """Wrapped running text; escapes go in last, word by word, so that they take no room."""
        if not self.color or not any(isinstance(part, Strong | Emph) for part in content):
            return wrap(_prose(content), self.width)
        marked = "".join(
            " ".join(f"\ue000{word}" for word in part.text.split(" "))
            if isinstance(part, Strong | Emph)
            else _prose((part,))
            for part in content
        )
        lines = wrap(marked, self.width)
        return [
            " ".join(
                self.bold(w.replace("\ue000", "")) if "\ue000" in w else w for w in line.split(" ")
            )
            for line in lines
        ]

    # --- chains ---------------------------------------------------------------------------------

    def chain(self, chain: Chain) -> list[str]:
        """The left side once, then a relation a line; reasons in a column if there is room."""
        lhs = text(chain.lhs)
        links = [(_link(link), _prose(link.reason)) for link in chain.links]
        if not links:
            return _indented([lhs])
        margin = 2 + display_width(lhs) + 1
        widest = max(display_width(line) for lines, _ in links for line in lines)
        longest = max(display_width(reason) for _, reason in links)
        aside = margin + widest + 3 + min(longest, 24) <= self.width
        found: list[str] = []
        for k, (lines, reason) in enumerate(links):
            if not aside and len(lines) == 1:
                lines = wrap(lines[0], max(self.width - margin, 20), hang=2)
            middle = (len(lines) - 1) // 2 if tall(chain.links[k].math) else 0
            said = wrap(reason, self.width - margin - widest - 3) if aside and reason else []
            while len(lines) < middle + len(said):
                lines.append("")
            for i, line in enumerate(lines):
                head = f"  {lhs} " if k == 0 and i == middle else " " * margin
                tail = ""
                if 0 <= i - middle < len(said):
                    pad = " " * (widest - display_width(line) + 3)
                    tail = pad + self.dim(said[i - middle])
                found.append(f"{head}{line}{tail}")
            if reason and not aside:
                below = wrap(f"({reason})", max(self.width - margin - 4, 20))
                found += [" " * (margin + 4) + self.dim(line) for line in below]
        return found

    # --- tables ---------------------------------------------------------------------------------

    def table(self, table: Table) -> list[str]:
        caption = [self.bold(line) for line in wrap(_prose(table.caption), self.width)]
        caption = [*caption, ""] if table.caption else []
        for stacked in (False, True):
            if _spread(table, _natural(table, stacked)) <= self.width:
                return caption + self.laid(table, stacked)
        parts = by_group(table)
        if len(parts) == 1:
            return caption + self.laid(table, stacked=True)
        lines: list[str] = []
        for part in parts:
            lines += [*([""] if lines else []), *self.table(_uncaptioned(part))]
        return caption + lines

    def laid(self, table: Table, stacked: bool) -> list[str]:
        """The table in lines, every cell wrapped to the share of the width that its column has."""
        count = len(table.columns)
        widths = _shares(_natural(table, stacked), self.width - _GAP * (count - 1))
        heads = [wrap(_prose(c.header), w) for c, w in zip(table.columns, widths, strict=True)]
        body = [
            [_cell(c.content, w, stacked) for c, w in zip(row, widths, strict=True)]
            for row in table.rows
        ]
        strong = [[c.emphasis for c in row] for row in table.rows]
        widths = [
            max((display_width(line) for row in [heads, *body] for line in row[k]), default=0)
            for k in range(count)
        ]
        groups, widths = self.groups(table, widths)
        aligns = [c.align for c in table.columns]
        lines = [*groups]
        if any(map(any, heads)):
            lines += self.row(heads, widths, aligns, [True] * count)
        lines.append("─" * (sum(widths) + _GAP * (count - 1)))
        apart = any(len(c) > 1 for row in body for c in row)
        for k, (row, bold) in enumerate(zip(body, strong, strict=True)):
            if apart and k and (len(max(row, key=len)) > 1 or len(max(body[k - 1], key=len)) > 1):
                lines.append("")
            lines += self.row(row, widths, aligns, bold)
        return lines

    def row(
        self, cells: list[list[str]], widths: list[int], aligns: Sequence[str], bold: list[bool]
    ) -> list[str]:
        if any(set("⎡⎛⎧") & set("".join(cell)) for cell in cells):
            cells = _levelled(cells)
        height = max(map(len, cells), default=0)
        lines = []
        for i in range(height):
            pieces = []
            for cell, width, align, strong in zip(cells, widths, aligns, bold, strict=True):
                block = max(map(display_width, cell), default=0)
                line = cell[i] if i < len(cell) else ""
                free = width - block
                left = {"left": 0, "right": free, "center": free // 2}[align]
                right = width - left - display_width(line)
                pieces.append(" " * left + (self.bold(line) if strong else line) + " " * right)
            lines.append((" " * _GAP).join(pieces))
        return lines

    def groups(self, table: Table, widths: list[int]) -> tuple[list[str], list[int]]:
        """The line of group titles with a light rule under each, columns widened to fit them."""
        if not table.groups:
            return [], widths
        widths = list(widths)
        titles, rules, start = [], [], 0
        for group in table.groups:
            title = _prose(group.title)
            span = range(start, start + group.span)
            start += group.span
            if not span:
                continue
            have = sum(widths[k] for k in span) + _GAP * (len(span) - 1)
            spare = max(0, self.width - sum(widths) - _GAP * (len(widths) - 1))
            said = wrap(title, have + spare)
            wider = max(0, max(map(display_width, said)) - have)
            widths[span[-1]] += wider
            titles.append(said)
            rules.append(("─" if title else " ") * (have + wider))
        spans = [len(rule) for rule in rules]
        lines = self.row(titles, spans, ["left"] * len(spans), [True] * len(spans))
        return [*lines, (" " * _GAP).join(rules)], widths


def _levelled(cells: list[list[str]]) -> list[list[str]]:
    """Cells of a row that holds matrices, moved down so that their middle lines are level."""
    middle = max((len(cell) - 1) // 2 for cell in cells)
    return [[""] * (middle - (len(cell) - 1) // 2) + cell for cell in cells]


def _uncaptioned(table: Table) -> Table:
    return Table(table.columns, table.rows, (), table.groups, table.row_header)


def _spread(table: Table, widths: list[int]) -> int:
    """How wide the whole table is with these columns, its groups' titles included."""
    total, start = sum(widths) + _GAP * (len(widths) - 1), 0
    for group in table.groups:
        have = sum(widths[start : start + group.span]) + _GAP * (group.span - 1)
        total += max(0, display_width(_prose(group.title)) - have)
        start += group.span
    return total


def _natural(table: Table, stacked: bool) -> list[int]:
    """The width that each column would like."""
    widths = [display_width(_prose(c.header)) for c in table.columns]
    for row in table.rows:
        for k, cell in enumerate(row):
            lines = _cell(cell.content, None, stacked)
            widths[k] = max(widths[k], max(map(display_width, lines), default=0))
    return widths


def _shares(wanted: list[int], room: int) -> list[int]:
    """The widths cut at the largest common cap under which they fit into the room."""
    if sum(wanted) <= room:
        return wanted
    cap = max(wanted)
    while cap > _NARROW and sum(min(w, cap) for w in wanted) > room:
        cap -= 1
    spare = max(0, room - sum(min(w, cap) for w in wanted))
    shares = []
    for w in wanted:
        extra = 1 if w > cap and spare else 0
        spare -= extra
        shares.append(min(w, cap) + extra)
    return shares


def _cell(content: Inlines, width: int | None, stacked: bool) -> list[str]:
    """The lines of a cell: matrices as blocks, equations broken at their relations if `stacked`."""
    if any(isinstance(part, Math) and tall(part) for part in content):
        math = content[0] if len(content) == 1 and isinstance(content[0], Math) else None
        pieces = _at_relations(math) if stacked and math is not None else [content]
        return [line for piece in pieces for line in _block_lines(piece)]
    line = _prose(content)
    lines = _broken(line) if stacked else [line]
    if width is None:
        return lines
    return [part for line in lines for part in _at_sums(line, width)]


def _block_lines(content: Inlines) -> list[str]:
    """Running text with tall mathematics in it: text and matrices level with one another."""
    if all(isinstance(part, Math) for part in content) and len(content) == 1:
        part = content[0]
        assert isinstance(part, Math)
        return text_block(part)
    from_text = [part if isinstance(part, Math) else Op(part.text) for part in content]
    return text_block(Row(tuple(from_text)))


def _at_relations(math: Math) -> list[Inlines]:
    """An equation cut before each relation at its top level but the first."""
    if not isinstance(math, Row):
        return [(math,)]
    rows: list[list[Math]] = [[]]
    for item in math.items:
        if isinstance(item, Op) and item.text in {"=", "≈"} and rows[-1]:
            rows.append([])
        rows[-1].append(item)
    if len(rows) > 1 and len(rows[0]) <= 3:
        rows[0:2] = [rows[0] + rows[1]]
    return [(Row(tuple(r)),) for r in rows]


def _broken(line: str) -> list[str]:
    """`a = b = c` as `a = b` and, below it, `= c`; relations that count stand outside brackets."""
    cuts, depth = [], 0
    for i, c in enumerate(line):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and c in "=≈" and line[i - 1 : i] == " " == line[i + 1 : i + 2]:
            cuts.append(i)
    if len(cuts) < 2:
        return [line]
    indent = " " * display_width(line[: cuts[0]])
    indent = indent if len(indent) <= 8 else "  "
    ends = [*cuts[1:], len(line)]
    first = line[: cuts[1]].rstrip()
    rest = (line[a:b].rstrip() for a, b in zip(cuts[1:], ends[1:], strict=True))
    return [first, *(indent + part for part in rest)]


def _at_sums(line: str, width: int) -> list[str]:
    """A line of mathematics broken before the terms of a sum; where that fails, between words."""
    if display_width(line) <= width:
        return [line]
    cuts, depth = [0], 0
    for i, c in enumerate(line):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and c in "+-" and i and line[i - 1] == " " == line[i + 1 : i + 2]:
            cuts.append(i)
    terms = [line[a:b].rstrip() for a, b in pairwise([*cuts, len(line)])]
    found = [terms[0]]
    for term in terms[1:]:
        joined = f"{found[-1]} {term}"
        if display_width(joined) <= width:
            found[-1] = joined
        else:
            found.append(f"  {term}")
    return [part for piece in found for part in wrap(piece, width, hang=2)]


def _prose(content: Inlines) -> str:
    """Running text in one line, with what cannot be shown made visible."""
    return visible(plain(content).replace("\n", " ")).replace("<U+00AD>", "")


def _link(link: Link) -> list[str]:
    relation = text(Op(link.relation))
    if tall(link.math):
        return text_block(Row((Op(link.relation), link.math)))
    return [f"{relation} {text(link.math)}"]


def _hung(mark: str, lines: list[str]) -> list[str]:
    return [(mark if i == 0 else " " * len(mark)) + line for i, line in enumerate(lines)]


def _indented(lines: list[str], by: int = 2) -> list[str]:
    return [" " * by + line for line in lines]


def wrap(line: str, width: int, hang: int = 0) -> list[str]:
    """The line broken between words to `width` columns, later lines indented by `hang`.

    A word that is longer than a line is broken where it must be.

    >>> wrap("v̄₁ follows", 7)
    ['v̄₁', 'follows']
    """
    width = max(width, 4 + hang)
    if display_width(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines, current = [], indent
    for word in line.split():
        joined = f"{current} {word}" if current.strip() else current + word
        if display_width(joined) <= width:
            current = joined
            continue
        if current.strip():
            lines.append(current)
            current = indent + " " * hang
        while display_width(current + word) > width:
            take = _fitting(word, width - len(current))
            lines.append(current + word[:take])
            word, current = word[take:], indent + " " * hang
        current += word
    return [*lines, current]


def _fitting(word: str, width: int) -> int:
    """How many characters of the word fit into `width` columns, at least one."""
    take = 1
    while take < len(word) and display_width(word[: take + 1]) <= width:
        take += 1
    return take


__all__ = ["render", "wrap"]
