"""A document as one HTML file that needs nothing else: no script, no link, no font from elsewhere.

Mathematics is MathML, which browsers set and screen readers read. Tables have captions, headed rows
and column groups; the colours follow the reader's choice of light or dark; on paper, rows and
figures are not torn apart. `fragment` gives the body in a `<div>` with the same looks, for
notebooks.
"""

from __future__ import annotations

from html import escape
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
    ListBlock,
    MathBlock,
    Note,
    Paragraph,
    Strong,
    Table,
    plain,
)
from chainrule.document.mathtree import Math, Op, Row, mathml
from chainrule.errors import visible

_LOOKS: Final = """
.chainrule { --cr-ink: #1b1f24; --cr-soft: #5b6470; --cr-rule: #d5dae1; --cr-ground: #fff;
  --cr-panel: #f5f7f9; --cr-accent: #0b57b0; --cr-adjoint: #a8321a; --cr-mark: #fff0b8;
  color-scheme: light dark; color: var(--cr-ink); background: var(--cr-ground);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
@media (prefers-color-scheme: dark) { .chainrule { --cr-ink: #e4e7eb; --cr-soft: #a2abb7;
  --cr-rule: #3a424d; --cr-ground: #14181d; --cr-panel: #1d232a; --cr-accent: #7db4f5;
  --cr-adjoint: #f3937b; --cr-mark: #4d4010; } }
.chainrule h1, .chainrule h2, .chainrule h3, .chainrule h4 { line-height: 1.25;
  margin: 2em 0 .6em; font-weight: 650; text-wrap: balance; }
.chainrule h1 { font-size: 1.75rem; margin-top: 0; }
.chainrule h2 { font-size: 1.3rem; } .chainrule h3 { font-size: 1.1rem; }
.chainrule p, .chainrule li { max-width: 42rem; }
.chainrule math { font-size: 1.08em; }
.chainrule .display, .chainrule .scroll, .chainrule .drawing { overflow: auto hidden;
  margin-block: .8em; padding-block: .3em; }
.chainrule .display math { width: max-content; margin-inline: 1.6em auto; }
.chainrule :focus-visible { outline: 2px solid var(--cr-accent); outline-offset: 2px; }
.chainrule table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.chainrule caption { text-align: left; width: max-content; max-width: 90vw;
  font-weight: 600; padding: 0 0 .6em; }
.chainrule th, .chainrule td { padding: .42em 1.1em .42em 0; text-align: left;
  vertical-align: middle; font-weight: inherit; white-space: nowrap; }
.chainrule thead th { color: var(--cr-soft); font-size: .9rem; font-weight: 600;
  vertical-align: bottom; white-space: normal; }
.chainrule thead tr:last-child > * { border-bottom: 1px solid var(--cr-soft); }
.chainrule thead th[scope=colgroup] { color: var(--cr-ink); }
.chainrule thead .titled { border-bottom: 1px solid var(--cr-rule); }
.chainrule tbody tr { border-bottom: 1px solid var(--cr-rule); }
.chainrule .from { padding-left: 1.6em; }
.chainrule .right { text-align: right; } .chainrule .center { text-align: center; }
.chainrule .prose { white-space: normal; min-width: 12rem; max-width: 34rem;
  overflow-wrap: anywhere; }
.chainrule td.strong, .chainrule th.strong { background: var(--cr-mark); font-weight: 600;
  padding-left: .6em; }
.chainrule .mark { background: var(--cr-mark); outline: 1px solid var(--cr-soft);
  border-radius: 2px; }
.chainrule mtable.cases mtd { text-align: left; }
.chainrule .chain { display: grid; padding-left: 1.6em; gap: .5em .5em;
  align-items: baseline; justify-content: start;
  grid-template-columns: max-content max-content max-content minmax(10rem, 1fr); }
.chainrule .chain .why { color: var(--cr-soft); font-size: .93rem; padding-left: 1.4em; }
.chainrule code, .chainrule pre { font: .92em/1.45 ui-monospace, "Cascadia Mono", Menlo,
  "DejaVu Sans Mono", monospace; background: var(--cr-panel); border-radius: 3px; }
.chainrule code { padding: .1em .3em; }
.chainrule pre { padding: .8em 1em; overflow-x: auto; } .chainrule pre code { padding: 0;
  font-size: 1em; }
.chainrule figure { margin-block: 1.4em; margin-inline: 0; }
.chainrule svg { max-width: 100%; height: auto; }
.chainrule figcaption { color: var(--cr-soft); font-size: .93rem; margin-top: .5em; }
.chainrule .note { border-left: 3px solid var(--cr-accent); background: var(--cr-panel);
  padding: .1em 1em; margin-block: 1.1em; max-width: 42rem; }
.chainrule .kink, .chainrule .warning { border-color: var(--cr-adjoint); }
@media print { .chainrule { --cr-ink: #000; --cr-soft: #444; --cr-rule: #bbb; --cr-ground: #fff;
  --cr-panel: #fff; --cr-accent: #000; --cr-adjoint: #8a2412; font-size: 10pt; }
  .chainrule tr, .chainrule figure, .chainrule .note, .chainrule .chain > * {
  break-inside: avoid; } .chainrule thead { display: table-header-group; }
  .chainrule h1, .chainrule h2, .chainrule h3, .chainrule caption { break-after: avoid; }
  .chainrule .display, .chainrule .scroll, .chainrule .drawing { overflow: visible; }
  .chainrule td.strong, .chainrule .mark { outline: 1px solid #000; } }
""".strip()
_PAGE: Final = """
body { margin: 0; } main.chainrule { min-height: 100vh; box-sizing: border-box;
  padding: clamp(1rem, 4vw, 3rem); } main.chainrule > *, main.chainrule > figure {
  max-width: 72rem; margin-inline: auto; }
main.chainrule p, main.chainrule ul, main.chainrule ol, main.chainrule .note { max-width: 72rem; }
@media (prefers-color-scheme: dark) { body { background: #14181d; } }
@page { margin: 18mm; } @media print { body { background: none; } main.chainrule { padding: 0; } }
""".strip()
_NOTES = {"note": "Note", "kink": "Kink", "warning": "Warning"}


def render(document: Document, fragment: bool = False, language: str = "en") -> str:
    """The document as an HTML file; with `fragment` as a `<div>` for a page that is there."""
    body = _body(document)
    if fragment:
        return f'<div class="chainrule">\n<style>{_LOOKS}</style>\n{body}\n</div>\n'
    title = escaped(document.title)
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_LOOKS}\n{_PAGE}\n</style>\n</head>\n"
        f'<body>\n<main class="chainrule">\n{body}\n</main>\n</body>\n</html>\n'
    )


def fragment(document: Document) -> str:
    """The document for a notebook's cell."""
    return render(document, fragment=True)


def _body(document: Document) -> str:
    parts = [f"<h1>{escaped(document.title)}</h1>"] if document.title else []
    depth = 1
    for block in document.blocks:
        if isinstance(block, Heading):
            # A heading is at most one level below the one before it, whatever was asked for.
            depth = min(block.level + 1, depth + 1, 6)
            parts.append(f"<h{depth}>{_large(block.inlines)}</h{depth}>")
        else:
            parts.append(_block(block))
    return "\n".join(parts)


def escaped(prose: str) -> str:
    """Prose, escaped; control characters and bidirectional overrides become visible."""
    return escape("\n".join(visible(line) for line in prose.expandtabs(4).split("\n")))


def _inlines(content: Inlines) -> str:
    return "".join(map(_inline, content))


def _large(content: Inlines) -> str:
    """Running text that stands alone, its fractions and sums at full size."""
    return "".join(
        mathml(part, large=True) if isinstance(part, Math) else _inline(part) for part in content
    )


def _inline(part: Inline) -> str:
    if isinstance(part, Math):
        return mathml(part)
    tag = {Code: "code", Strong: "strong", Emph: "em"}.get(type(part))
    return f"<{tag}>{escaped(part.text)}</{tag}>" if tag else escaped(part.text)


def _block(block: Block) -> str:
    match block:
        case Heading(level, content):
            return f"<h{level}>{_inlines(content)}</h{level}>"
        case Paragraph(content):
            return f"<p>{_inlines(content)}</p>"
        case MathBlock(math):
            return f'<div class="display" tabindex="0">{mathml(math, display=True)}</div>'
        case Chain():
            return _chain(block)
        case Table():
            return _table(block)
        case ListBlock(items, ordered):
            tag = "ol" if ordered else "ul"
            return f"<{tag}>{''.join(f'<li>{_inlines(i)}</li>' for i in items)}</{tag}>"
        case Figure():
            return _figure(block)
        case Note(kind, content):
            said = f"<strong>{_NOTES[kind]}.</strong> {_inlines(content)}"
            return f'<div class="note {kind}" role="note"><p>{said}</p></div>'
        case CodeBlock(code, _):
            return f'<pre tabindex="0"><code>{escaped(code)}</code></pre>'


def _chain(chain: Chain) -> str:
    rows = []
    for i, link in enumerate(chain.links):
        cells = (
            mathml(chain.lhs, large=True) if i == 0 else "",
            mathml(Row((Op(link.relation),))),
            mathml(link.math, large=True),
        )
        shown = "".join(f"<span>{cell}</span>" for cell in cells)
        rows.append(f'{shown}<span class="why">{_inlines(link.reason)}</span>')
    if not rows:
        rows.append(f"<span>{mathml(chain.lhs)}</span>")
    return f'<div class="scroll" tabindex="0"><div class="chain">{"".join(rows)}</div></div>'


def _table(table: Table) -> str:
    """A table with its caption, column groups and headings; wide ones scroll by themselves."""
    starts, first = set(), 0
    groups = [g for g in table.groups if g.span]
    for group in groups:
        starts.add(first)
        first += group.span
    starts.discard(0)
    columns = "".join(f'<colgroup span="{g.span}"></colgroup>' for g in groups)
    heads = "".join(
        _heading(_inlines(c.header), c.align, i in starts) for i, c in enumerate(table.columns)
    )
    over = "".join(_group_head(g.title, g.span, k > 0) for k, g in enumerate(groups))
    head = (f"<tr>{over}</tr>" if over else "") + f"<tr>{heads}</tr>"
    body = "\n".join(f"<tr>{_row(table, row, starts)}</tr>" for row in table.rows)
    caption = f"<caption>{_inlines(table.caption)}</caption>" if table.caption else ""
    label = escape(visible(plain(table.caption)).replace("\n", " ")) or "table"
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">\n<table>{caption}'
        f"{columns}\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _heading(inner: str, align: str, opens: bool) -> str:
    if not inner:
        return f"<td{_classes(align, opens=opens)}></td>"
    return f'<th scope="col"{_classes(align, opens=opens)}>{inner}</th>'


def _group_head(title: Inlines, span: int, opens: bool) -> str:
    if not title:
        return f'<td colspan="{span}"></td>'
    kind = _classes("left", "titled", opens=opens)
    return f'<th scope="colgroup" colspan="{span}"{kind}>{_inlines(title)}</th>'


def _classes(align: str, *more: str, opens: bool) -> str:
    words = [*more, *([align] if align != "left" else []), *(["from"] if opens else [])]
    return f' class="{" ".join(words)}"' if words else ""


def _row(table: Table, row: tuple[Cell, ...], starts: set[int]) -> str:
    cells = []
    for i, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
        more = ["strong"] if cell.emphasis else []
        if sum(len(part.text) for part in cell.content if not isinstance(part, Math)) > 24:
            more.append("prose")
        kind = _classes(column.align, *more, opens=i in starts)
        source = f' title="{escaped(cell.source)}"' if cell.source else ""
        inner = _large(cell.content)
        heads = i == 0 and table.row_header and inner
        tag, scope = ("th", ' scope="row"') if heads else ("td", "")
        cells.append(f"<{tag}{scope}{kind}{source}>{inner}</{tag}>")
    return "".join(cells)


def _figure(figure: Figure) -> str:
    """The picture inline; without one, the drawing in text."""
    inner = (
        f'<div class="drawing">{figure.svg}</div>'
        if figure.svg
        else f'<pre tabindex="0" role="img" aria-label="{escaped(figure.alt)}">'
        f"{escaped(figure.text or figure.alt)}</pre>"
    )
    caption = f"<figcaption>{_inlines(figure.caption)}</figcaption>" if figure.caption else ""
    return f"<figure>{inner}{caption}</figure>"
