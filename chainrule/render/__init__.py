"""Renderers: each turns the one neutral document into one format, and changes nothing else.

>>> from chainrule.document.blocks import document, p
>>> render(document("A title", p("prose")), "markdown")
'# A title\\n\\nprose\\n'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from chainrule.document.blocks import Document
from chainrule.errors import InputError, did_you_mean
from chainrule.render import to_html, to_json, to_latex, to_markdown, to_text

_RENDERERS: Final[dict[str, Callable[..., str]]] = {
    "terminal": to_text.render,
    "markdown": to_markdown.render,
    "latex": to_latex.render,
    "html": to_html.render,
    "json": to_json.render,
}
FORMATS: Final = tuple(_RENDERERS)


def render(document: Document, format: str, **options: Any) -> str:
    """The document in one of `FORMATS`.

    Options: `width` and `color` for the terminal, `fragment` for LaTeX and HTML. Raises
    `InputError` for a format that is not there.
    """
    if format not in _RENDERERS:
        known = ", ".join(FORMATS)
        hint = did_you_mean(format, list(FORMATS)) or f"formats are {known}"
        raise InputError(f"there is no format {format!r}", hint=hint)
    return _RENDERERS[format](document, **options)


class Page(Document):
    """A document that shows itself: as text when printed, typeset in a notebook.

    >>> from chainrule.document.blocks import p
    >>> print(Page("A title", (p("prose"),)))
    A title
    ═══════
    <BLANKLINE>
    prose
    <BLANKLINE>
    """

    __slots__ = ()

    def __str__(self) -> str:
        return render(self, "terminal")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return to_html.fragment(self)

    def _repr_markdown_(self) -> str:
        return render(self, "markdown")

    def _repr_latex_(self) -> str:
        return render(self, "latex", fragment=True)


__all__ = ["FORMATS", "Page", "render"]
