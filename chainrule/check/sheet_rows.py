"""Lines of working as they are shown: as blocks, as a table, as a student writes them down."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.check.sheet_lines import Line
from chainrule.document.blocks import Block, Chain, Link, MathBlock, cell, inlines, table
from chainrule.document.mathnodes import (
    Math,
    Row,
)
from chainrule.document.mathtree import latex, row


def blocks_of(found: Sequence[Line], rules: bool = True) -> list[Block]:
    """The lines as blocks of a document."""
    shown: list[Block] = []
    for line in found:
        why = inlines(*([line.why] if isinstance(line.why, str) else line.why)) if line.why else ()
        links = [Link(s, () if k else why, line.relation) for k, s in enumerate(line.steps)]
        if line.value is not None:
            links.append(Link(line.value, () if links else why, "=" if line.exact else "≈"))
        short = row(line.left, *(x for s in links for x in (s.relation, s.math)))
        if not any(s.reason for s in links) and line.value is not None and not line.steps:
            shown.append(MathBlock(short))
        elif rules or not line.rule:
            shown.append(Chain(line.left, tuple(links)))
    return shown


def markdown_of(found: Sequence[Line]) -> list[str]:
    """The lines as a student writes them down: a formula a line, in LaTeX; rules are left out."""
    return [f"$${latex(row(line.left, *_links(line)))}$$" for line in found if _written(line)]


def _written(line: Line) -> bool:
    """Whether a line stands in a paper: its value does, and no letter is differentiated by."""
    return not line.rule and line.letter < 2 and not (line.letter and len(line.steps) < 2)


def _links(line: Line) -> list[Math | str]:
    """= first = … = value; of a formula with a letter of its own the numbers alone."""
    items: list[Math | str] = []
    for step in (*line.steps[int(line.letter):], line.value):
        if step is not None:
            items += ["=", step]
    return items


def table_blocks(found: Sequence[Line]) -> list[Block]:
    """Rows as a table of a document: the name, the formula, the numbers, the value."""
    return [table(["quantity", "formula", "numbers", "value"],
                  [[cell(line.left), *map(cell, _three(line))] for line in found
                   if not line.rule])]


def table_markdown(found: Sequence[Line]) -> str:
    """Rows as a table in Markdown, each read from left to right."""
    rows = ["| quantity | formula | numbers | value |", "|---|---|---|---|"]
    for line in found:
        if _written(line):
            cells = [f"${latex(m)}$" if latex(m).strip() else "" for m in
                     (line.left, *_three(line))]
            rows.append("| " + " | ".join(c.replace("|", r"\vert ") for c in cells) + " |")
    return "\n".join(rows)


def _three(line: Line) -> tuple[Math, Math, Math]:
    """Formula, numbers and value, each with its sign of equality; what is missing is empty."""
    steps = [row("=", s) for s in line.steps[int(line.letter):]]
    empty = Row(())
    first = steps[0] if steps else empty
    second = steps[1] if len(steps) > 1 else empty
    sign = "=" if line.exact else "≈"
    return first, second, row(sign, line.value) if line.value is not None else empty
