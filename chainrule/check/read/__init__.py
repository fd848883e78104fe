"""Reads what somebody handed in: a paper into blocks, formulas into trees, chains into claims.

`read_paper` takes Markdown, a notebook or a filled form, and `read_claims` what the paper says.
`read_formula` reads one formula. None of them executes anything, and none decides what a name
means: that is for whoever judges the claims.
"""

from __future__ import annotations

import re
from typing import Final

from chainrule.check.claims import Reading
from chainrule.check.paper import Paper, Place
from chainrule.check.read.chains import Piece, Sign, formula_pieces
from chainrule.check.read.claims import claims_of
from chainrule.check.read.form import read_form
from chainrule.check.read.markdown import read_markdown
from chainrule.check.read.notebook import read_notebook
from chainrule.check.read.printing import shown
from chainrule.check.read.tokens import Unreadable
from chainrule.errors import InputError, LimitError
from chainrule.limits import SUBMISSION_BYTES

_KINDS: Final = {"ipynb": "notebook", "toml": "toml", "json": "json", "csv": "csv"}
_EQUALS: Final = re.compile(r"\\(?:equiv|neq?|coloneqq)(?![A-Za-z])|:=|!=|=+|≡|≠")
_BINARY: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read_paper(text: str | bytes, name: str, kind: str | None = None) -> Paper:
    r"""A submission as text and blocks.

    `kind` is markdown, notebook, toml, json or csv; by default the ending of `name` says it. Bytes
    are UTF-8, or UTF-16 with a mark, or Latin-1; a binary file becomes an empty paper with
    a remark.
    Raises `LimitError` over `SUBMISSION_BYTES`, `InputError` where a notebook or a form is none.

    >>> paper = read_paper("(a) $y = 2 \\times 3$", "paper.md")
    >>> [type(block).__name__ for block in paper.blocks]
    ['Label', 'Formula']
    """
    if len(text) > SUBMISSION_BYTES:
        raise LimitError(f"{name} has {len(text):,} bytes; at most {SUBMISSION_BYTES:,} are read")
    remarks: tuple[str, ...] = ()
    if isinstance(text, bytes):
        text, remarks = _decoded(text)
    text = text.removeprefix("\ufeff")
    if len(_BINARY.findall(text[:4000])) > 8 or "\x00" in text[:4000]:
        return Paper(name, "", (), ("it is a binary file, not text: nothing was read",))
    if not text.strip():
        return Paper(name, text, (), (*remarks, "it is empty"))
    ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    kind = kind or _KINDS.get(ending, "markdown")
    if kind == "notebook":
        return read_notebook(text, name)
    if kind == "json" and '"cells"' in text[:SUBMISSION_BYTES] and '"nbformat"' in text:
        return read_notebook(text, name)
    if kind in ("toml", "json", "csv"):
        return read_form(text, name, kind)
    if kind != "markdown":
        raise InputError(f"a paper cannot be of the kind {kind!r}",
                         hint="markdown, notebook, toml, json or csv")
    return read_markdown(text, name, remarks)


def _decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        if b"\x00" in data[:4000]:
            return "\x00", ()
        return data.decode("latin-1"), ("it is not in UTF-8: it was read as Latin-1",)


def read_claims(paper: Paper) -> Reading:
    """All that a paper says: claims in its order, values shown, and what could not be read.

    >>> reading = read_claims(read_paper("$$y = 8 + 12 = 20$$", "paper.md"))
    >>> [(shown(c.left.node), c.relation, shown(c.right.node)) for c in reading.claims]
    [('y', '=', '(+ 8 12)'), ('(+ 8 12)', '=', '20')]
    """
    return claims_of(paper)


def read_formula(source: str, offset: int = 0) -> list[Piece]:
    r"""The chains of one formula in LaTeX or Unicode; places count from `offset`.

    A side that cannot be read has no node, and says why. A formula over the limits raises
    `LimitError`.

    >>> piece = read_formula(r"y = \sum_i w_i x_i")[0]
    >>> [shown(s.node) for s in piece.sides]
    ['y', '(sum i : (· w_i x_i))']
    """
    try:
        return formula_pieces(source, offset)[1]
    except Unreadable as slip:
        raise LimitError(f"the formula was not read: {slip.why}") from None


def equals_signs(paper: Paper) -> tuple[Place, ...]:
    r"""Every equals sign of a paper's text, also ≡, ≠, :=, \equiv and \neq.

    >>> [p.start for p in equals_signs(read_paper("$a = b \\neq c$", "p.md"))]
    [3, 7]
    """
    return tuple(Place(*found.span()) for found in _EQUALS.finditer(paper.text))


__all__ = [
    "Piece", "Sign", "equals_signs", "read_claims", "read_formula", "read_paper", "shown",
]  # fmt: skip
