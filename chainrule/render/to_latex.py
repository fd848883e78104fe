r"""A document as LaTeX: an article that pdflatex compiles, or its body alone.

Only packages of a small TeX installation are used: amsmath, amssymb, graphicx, geometry, inputenc.
What might be too wide for the page (a table, a long chain) goes through `\crfit`, which measures it
and scales it down if it must. Figures are given as their drawing in text.
"""

from __future__ import annotations

import re
from typing import Final

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
    Link,
    ListBlock,
    MathBlock,
    Note,
    Paragraph,
    Strong,
    Table,
    Text,
    by_group,
    plain,
)
from chainrule.document.mathnodes import needs_tall_fence
from chainrule.document.mathtree import Math, Op, display_width, latex, latex_words, text

_PREAMBLE: Final = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage{graphicx}
\usepackage[margin=22mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em plus 0.2em}
\emergencystretch=3em
"""
# The fragment brings its own helper, so that it can be pasted into any article.
_HELPER: Final = r"""\providecommand{\crfit}[1]{\ifvmode\leavevmode\fi\begingroup\setbox0=\hbox{#1}%
  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\box0}\else\box0\fi\endgroup}
\providecommand{\crair}[1]{\begingroup\setbox0=\hbox{#1}%
  \dimen0=\ht0\advance\dimen0 3pt\ht0=\dimen0%
  \dimen0=\dp0\advance\dimen0 3pt\dp0=\dimen0\box0\endgroup}
"""
_SECTIONS = ("section", "subsection", "subsubsection", "paragraph")
_NOTES = {"note": "Note.", "kink": "Kink.", "warning": "Warning."}
_ROWS_A_PIECE = 30  # a longer table is cut, so that it can cross a page
_LINKS_A_PIECE = 20
_PROSE = 45  # a longer cell of prose is broken into lines
_LONG_CODE = 30  # characters of code in running text that may be broken
_TYPED = 84  # characters of the typewriter font in a line
_WIDE = 150  # columns of text beyond which groups go one under the other
_REASON_ROOM = 96  # a line of a chain and its reason side by side, in columns of text


def render(document: Document, fragment: bool = False) -> str:
    """The document as a LaTeX file, or with `fragment` its body without a preamble."""
    body = "\n\n".join(_block(block) for block in document.blocks)
    if fragment:
        return f"% needs amsmath, amssymb and graphicx\n{_HELPER}\n{body}\n"
    title = f"\\title{{{latex_words(document.title)}}}\n\\author{{}}\n\\date{{}}\n"
    start = "\\begin{document}\n\\maketitle\n\\thispagestyle{plain}\n"
    return f"{_PREAMBLE}{_HELPER}{title}{start}\n{body}\n\n\\end{{document}}\n"


def _inlines(content: Inlines) -> str:
    return "".join(map(_inline, content))


def _inline(part: Inline) -> str:
    if isinstance(part, Math):
        return f"${latex(part)}$"
    if isinstance(part, Code):
        return f"\\texttt{{{_breakable(part.text)}}}"
    words = latex_words(part.text)
    command = {Strong: "textbf", Emph: "emph"}.get(type(part))
    return f"\\{command}{{{words}}}" if command else words


def _breakable(code: str) -> str:
    """Code in running text: a long one may be broken after a bracket or an operator."""
    if len(code) <= _LONG_CODE:
        return _typed(code)
    return "\\allowbreak{}".join(map(_typed, re.split(r"(?<=[-+*/=<>,(_])", code)))


def _block(block: Block) -> str:
    match block:
        case Heading(level, content):
            return f"\\{_SECTIONS[min(max(level, 1), 4) - 1]}*{{{_inlines(content)}}}"
        case Paragraph(content):
            return _inlines(content)
        case MathBlock(math):
            return _display(latex(math))
        case Chain():
            return _chain(block)
        case Table():
            return _table(block)
        case ListBlock(items, ordered):
            kind = "enumerate" if ordered else "itemize"
            lines = "\n".join(f"  \\item {{}}{_inlines(item)}" for item in items)
            return f"\\begin{{{kind}}}\n{lines}\n\\end{{{kind}}}" if items else ""
        case Figure():
            return _figure(block)
        case Note(kind, content):
            note = f"\\textbf{{{_NOTES[kind]}}} {_inlines(content)}"
            return f"\\begin{{quote}}\n{note}\n\\end{{quote}}"
        case CodeBlock(code, _):
            return _typewriter(code)


def _display(math: str) -> str:
    return f"\\[\n\\crfit{{$\\displaystyle {math}$}}\n\\]"


def _chain(chain: Chain) -> str:
    """An aligned display; a reason that leaves no room beside its line stands below it."""
    lines: list[str] = []
    for i, link in enumerate(chain.links):
        lhs = latex(chain.lhs) if i == 0 else ""
        lines += _link(lhs, link, display_width(text(chain.lhs)))
    if not lines:
        return _display(latex(chain.lhs))
    pieces = (lines[i : i + _LINKS_A_PIECE] for i in range(0, len(lines), _LINKS_A_PIECE))
    return "\n".join(
        _display("\\begin{aligned}\n" + " \\\\\n".join(piece) + "\n\\end{aligned}")
        for piece in pieces
    )


def _link(lhs: str, link: Link, margin: int) -> list[str]:
    line = f"{lhs} &{latex(Op(link.relation))} {latex(link.math)}"
    if not link.reason:
        return [line]
    reason = rf"\text{{\small {_inlines(link.reason)}}}"
    width = margin + display_width(text(link.math)) + display_width(plain(link.reason))
    return [f"{line} &&{reason}"] if width <= _REASON_ROOM else [line, f"&\\qquad {reason}"]


def _table(table: Table) -> str:
    widest = max((sum(display_width(plain(c.content)) for c in r) for r in table.rows), default=0)
    parts = by_group(table) if widest > _WIDE else [table]
    pieces = []
    for part in parts:
        for start in range(0, max(len(part.rows), 1), _ROWS_A_PIECE):
            pieces.append(_tabular(part, start))
    caption = f"\\textbf{{{_inlines(table.caption)}}}\\par\\nopagebreak\n" if table.caption else ""
    body = "\n\\par\\medskip\n".join(pieces)
    return f"\\begin{{center}}\n\\small\n{caption}{body}\n\\end{{center}}"


def _tabular(table: Table, start: int) -> str:
    """Thirty rows of a table under its headings."""
    shape = "".join(c.align[0] for c in table.columns)
    lines = ["\\hline"]
    if table.groups:
        over, rules, first = [], [], 1
        for group in (g for g in table.groups if g.span):
            over.append(f"\\multicolumn{{{group.span}}}{{l}}{{{_inlines(group.title)}}}")
            if group.title:
                rules.append(f"\\cline{{{first}-{first + group.span - 1}}}")
            first += group.span
        lines.append(" & ".join(over) + " \\\\ " + "".join(rules))
    if any(c.header for c in table.columns):
        lines.append(" & ".join(_inlines(c.header) for c in table.columns) + " \\\\ \\hline")
    for row in table.rows[start : start + _ROWS_A_PIECE]:
        # Braces keep a row that starts with a bracket from being read as an option of \\.
        lines.append("{}" + " & ".join(map(_cell, row)) + " \\\\")
    body = "\n".join([*lines, "\\hline"])
    strut = "\\renewcommand{\\arraystretch}{1.35}"
    return f"\\crfit{{{strut}\\begin{{tabular}}{{{shape}}}\n{body}\n\\end{{tabular}}}}"


def _cell(cell: Cell) -> str:
    """A cell's content, its fractions at full size with a little air around them."""
    tall = any(isinstance(part, Math) and needs_tall_fence(part) for part in cell.content)
    inner = "".join(
        f"$\\displaystyle {latex(part)}$" if isinstance(part, Math) and tall else _inline(part)
        for part in cell.content
    )
    said = plain(cell.content)
    long = display_width(said) > _PROSE and max(map(len, said.split()), default=0) < _PROSE
    if long and any(isinstance(part, Text) for part in cell.content):
        inner = f"\\parbox{{0.38\\linewidth}}{{\\raggedright\\strut {inner}\\strut}}"
    inner = f"\\textbf{{\\boldmath {inner}}}" if cell.emphasis else inner
    return f"\\crair{{{inner}}}" if tall else inner


def _figure(figure: Figure) -> str:
    note = f"% figure: {latex_words(figure.alt)}\n"
    drawing = _typewriter(figure.text) if figure.text else f"\\emph{{{latex_words(figure.alt)}}}"
    caption = f"\n\n{_inlines(figure.caption)}" if figure.caption else ""
    return note + drawing + caption


def _typed(code: str) -> str:
    """Escaped for the typewriter font, which has the brackets and bars that the others lack."""
    words = latex_words(code)
    own = {"textless": "<", "textgreater": ">", "textbar": "|", "textbackslash": r"\char92{}"}
    for name, character in own.items():
        words = words.replace(f"\\{name}{{}}", character)
    return words


def _cut(lines: list[str]) -> list[str]:
    """Lines too long for the page, cut where they must be."""
    return [line[i : i + _TYPED] for line in lines for i in range(0, max(len(line), 1), _TYPED)]


def _typewriter(code: str) -> str:
    """Lines set as typed; verbatim would choke on Greek, so every character is escaped instead."""
    lines = []
    for line in _cut(code.expandtabs(4).rstrip("\n").split("\n")):
        words = _typed(line).replace("  ", "~ ").replace("  ", " ~")
        words = f"~{words[1:]}" if words.startswith(" ") else words
        lines.append(f"\\crfit{{{words or '~'}}}")
    body = "\\\\\n".join(lines)
    return f"\\begin{{quote}}\\small\\ttfamily\\raggedright\n{body}\n\\end{{quote}}"
