r"""A document as GitHub-flavoured Markdown, its mathematics as `$…$` and `$$…$$`.

Text is escaped so that it stays text. Some Markdown readers take `\\`, `\,` and the like for their
own escapes before they look for mathematics, so rows end in `\cr`, which TeX, KaTeX and MathJax
all know. A table has no column groups in Markdown; a group's title stands in its first heading.
"""

from __future__ import annotations

import re

from chainrule.document.blocks import (
    Block,
    Cell,
    Chain,
    Code,
    CodeBlock,
    Document,
    Emph,
    Figure,
    Heading,
    Inline,
    Inlines,
    ListBlock,
    MathBlock,
    Note,
    Paragraph,
    Strong,
    Table,
)
from chainrule.document.mathtree import Math, Op, latex, latex_words
from chainrule.errors import visible

_SPECIAL = re.compile(r"([\\`*_\[\]<>|$~#&])")
_NOTES = {"note": "Note.", "kink": "Kink.", "warning": "Warning."}


def render(document: Document) -> str:
    """The document as Markdown, ending in a newline."""
    parts = [f"# {escape(document.title)}", *map(_block, document.blocks)]
    return "\n\n".join(parts) + "\n"


def escape(prose: str) -> str:
    r"""Prose in which no character is markup; line breaks become spaces.

    >>> escape("a*b <script> $5")
    'a\\*b \\<script\\> \\$5'
    """
    return _SPECIAL.sub(r"\\\1", visible(" ".join(prose.split("\n"))))


def _opening(prose: str) -> str:
    """The start of a paragraph, where +, -, = and 1. would begin something else."""
    prose = re.sub(r"^(\s*)([-+=])", r"\1\\\2", prose)
    return re.sub(r"^(\s*\d+)([.)])", r"\1\\\2", prose).lstrip()


def _math(math: Math) -> str:
    return latex(math).replace(r"\\", r"\cr").replace(r"\,", r"\thinspace ")


def _inlines(content: Inlines) -> str:
    return "".join(map(_inline, content))


def _inline(part: Inline) -> str:
    if isinstance(part, Math):
        return f"${_math(part)}$"
    if isinstance(part, Code):
        return _code(part.text)
    inner = escape(part.text)
    if isinstance(part, Strong | Emph) and inner.strip():
        mark = "**" if isinstance(part, Strong) else "*"
        bare = inner.strip()
        return inner.replace(bare, f"{mark}{bare}{mark}", 1)
    return inner


def _code(word: str) -> str:
    """A code span, its fence longer than any run of backticks inside."""
    word = visible(word.replace("\n", " "))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", word)), default=0))
    pad = " " if word[:1] in {"`", ""} or word[-1:] == "`" else ""
    return f"{fence}{pad}{word}{pad}{fence}"


def _block(block: Block) -> str:
    match block:
        case Heading(level, content):
            return f"{'#' * min(level + 1, 6)} {_inlines(content)}"
        case Paragraph(content):
            return _opening(_inlines(content))
        case MathBlock(math):
            return f"$$\n{_math(math)}\n$$"
        case Chain():
            return _chain(block)
        case Table():
            return _table(block)
        case ListBlock(items, ordered):
            return "\n".join(
                f"{f'{i}.' if ordered else '-'} {_opening(_inlines(item))}"
                for i, item in enumerate(items, 1)
            )
        case Figure():
            return _figure(block)
        case Note(kind, content):
            return f"> **{_NOTES[kind]}** {_inlines(content)}"
        case CodeBlock(code, language):
            return _fenced(code, re.sub(r"[^\w+-]", "", language))


def _chain(chain: Chain) -> str:
    lines = []
    for i, link in enumerate(chain.links):
        lhs = _math(chain.lhs) if i == 0 else ""
        line = f"{lhs} &{latex(Op(link.relation))} {_math(link.math)}"
        lines.append(line + (f" && {_reason(link.reason)}" if link.reason else ""))
    body = " \\cr\n".join(lines) if lines else _math(chain.lhs)
    return f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$"


def _reason(content: Inlines) -> str:
    """Running text inside mathematics."""
    parts = (
        _math(part) if isinstance(part, Math) else rf"\text{{{latex_words(part.text)}}}"
        for part in content
    )
    return " ".join(parts)


def _table(table: Table) -> str:
    heads = [_cell(Cell(c.header)) for c in table.columns]
    start = 0
    for group in table.groups:
        if group.title:
            heads[start] = f"**{_inlines(group.title)}**<br>{heads[start]}"
        start += group.span
    rules = [{"left": ":--", "right": "--:", "center": ":-:"}[c.align] for c in table.columns]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rules, *rows])
    return f"{_inlines(table.caption)}\n\n{lines}" if table.caption else lines


def _cell(cell: Cell) -> str:
    # In a table even a code span must escape its bars; the table takes the backslash off again.
    inner = "".join(
        _code(part.text).replace("|", r"\|") if isinstance(part, Code) else _inline(part)
        for part in cell.content
    )
    return f"**{inner}**" if cell.emphasis and inner else inner


def _figure(figure: Figure) -> str:
    """Markdown files hold no pictures of their own: the drawing in text stands for it."""
    caption = f"\n\n{_inlines(figure.caption)}" if figure.caption else ""
    return (_fenced(figure.text, "text") if figure.text else f"*{escape(figure.alt)}*") + caption


def _fenced(code: str, language: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
    lines = (visible(line.replace("\t", "    ")) for line in code.rstrip("\n").split("\n"))
    return "\n".join([fence + language, *lines, fence])
