"""A document as JSON, for programs: every block and inline an object with its `kind`.

Mathematics is given twice, as `text` (one line of Unicode) and as `latex`. Keys come in a fixed
order and nothing depends on time or machine, so equal documents give equal bytes. `schema` grows
by one whenever a reader of the old form could be misled.
"""

from __future__ import annotations

import json
from typing import Any, Final

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
from chainrule.document.mathtree import Math, latex, text

SCHEMA: Final = 1


def render(document: Document, indent: int | None = 2) -> str:
    """The document as JSON text, ending in a newline; `indent=None` for one line."""
    return json.dumps(as_data(document), ensure_ascii=False, indent=indent) + "\n"


def as_data(document: Document) -> dict[str, Any]:
    """The document as plain dictionaries, lists and strings."""
    return {
        "schema": SCHEMA,
        "title": document.title,
        "meta": dict(document.meta),
        "blocks": [_block(block) for block in document.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading(level, content):
            return {"kind": "heading", "level": level, "inlines": _inlines(content)}
        case Paragraph(content):
            return {"kind": "paragraph", "inlines": _inlines(content)}
        case MathBlock(math):
            return {"kind": "math-block", "math": _math(math)}
        case Chain(lhs, links):
            return {
                "kind": "chain",
                "lhs": _math(lhs),
                "links": [
                    {
                        "relation": link.relation,
                        "math": _math(link.math),
                        "reason": _inlines(link.reason),
                    }
                    for link in links
                ],
            }
        case Table():
            return _table(block)
        case ListBlock(items, ordered):
            return {"kind": "list", "ordered": ordered, "items": [_inlines(i) for i in items]}
        case Figure(svg, alt, caption, drawing):
            return {
                "kind": "figure",
                "alt": alt,
                "caption": _inlines(caption),
                "text": drawing,
                "svg": svg,
            }
        case Note(kind, content):
            return {"kind": "note", "note": kind, "inlines": _inlines(content)}
        case CodeBlock(code, language):
            return {"kind": "code-block", "language": language, "text": code}


def _table(table: Table) -> dict[str, Any]:
    return {
        "kind": "table",
        "caption": _inlines(table.caption),
        "groups": [{"title": _inlines(g.title), "span": g.span} for g in table.groups],
        "columns": [{"header": _inlines(c.header), "align": c.align} for c in table.columns],
        "row_header": table.row_header,
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    data: dict[str, Any] = {"inlines": _inlines(cell.content)}
    if cell.source is not None:
        data["source"] = cell.source
    if cell.emphasis:
        data["emphasis"] = True
    return data


def _inlines(content: Inlines) -> list[dict[str, Any]]:
    return [_inline(part) for part in content]


def _inline(part: Inline) -> dict[str, Any]:
    if isinstance(part, Math):
        return {"kind": "math"} | _math(part)
    kind = {Code: "code", Strong: "strong", Emph: "emph"}.get(type(part), "text")
    return {"kind": kind, "text": part.text}


def _math(math: Math) -> dict[str, str]:
    return {"text": text(math), "latex": latex(math)}
