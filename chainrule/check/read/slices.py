r"""Rows and columns in subscripts: X_{i,:}, W_{:,j}, X_{i\cdot}, Y[:, k], a[i].

A sign that says "all of them" becomes a letter of its own, the colon, among the subscripts; square
brackets behind a name that hold indices become subscripts. Both are done on the tokens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chainrule.check.read.tokens import Token

SPAN: Final = 400  # tokens that a group may have here
ALL: Final = ":"
_PAIRS: Final = {"{": "}", "open": "close", "begin": "end"}
_LETTERS: Final = frozenset("ijklmnpqrst")
_NOT_CELLS: Final = frozenset("EPVOITd")  # E[x], P[y], O[n]: no cells


def closing(tokens: list[Token], at: int) -> int:
    """Where the group that a token opens is closed; -1 where it is not, or far away."""
    opener, closer = tokens[at].kind, _PAIRS[tokens[at].kind]
    depth = 0
    for k in range(at, min(len(tokens), at + SPAN)):
        depth += (tokens[k].kind == opener) - (tokens[k].kind == closer)
        if depth == 0:
            return k
    return -1


def sliced(tokens: list[Token]) -> list[Token]:
    """The tokens with signs for whole axes as letters, and with [i, j] as subscripts."""
    found: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        group = token.kind == "{" and k > 0 and tokens[k - 1].text == "_"
        cells = token.kind == "open" and token.text == "[" and bool(found) and _is_name(
            tokens, k) and not token.gap
        if not (group or cells):
            found.append(token)
            k += 1
            continue
        end = closing(tokens, k)
        inner = _axes(tokens[k + 1 : end], cells) if 0 < end <= k + 12 else None
        if inner is None:
            found.append(token)
            k += 1
            continue
        opened, closed = (replace(t, kind=c, text=c) for t, c in
                          ((token, "{"), (tokens[end], "}")))
        script = [replace(token, kind="op", text="_", end=token.start)] if cells else []
        found += [*script, opened, *inner, closed]
        k = end + 1
    return found


def _is_name(tokens: list[Token], k: int) -> bool:
    """Whether a bracket stands behind a letter that may have cells, and has no script yet."""
    before = tokens[k - 1]
    if before.kind not in ("sym", "word") or before.text in _NOT_CELLS:
        return False
    return not (k > 1 and tokens[k - 2].text in ("_", "^"))


def _axes(inside: list[Token], cells: bool) -> list[Token] | None:
    """Subscripts with a letter for each whole axis; None where nothing is to be changed.

    `cells` says that square brackets stood there, which have to hold indices and nothing else.
    """
    texts = [t.text for t in inside]
    if not texts or len(texts) > 9:
        return None
    found: list[Token] = []
    whole = 0
    for k, token in enumerate(inside):
        before = texts[k - 1] if k else ","
        behind = texts[k + 1] if k + 1 < len(texts) else ","
        edge = (before == "," or behind == ",")
        other = behind if before == "," else before
        mark = token.kind == "colon" or (token.kind == "times" and token.text in ("dot", "*"))
        if mark and edge and (other == "," or other in _LETTERS or other.isdigit()) and (
                len(texts) > 1):
            whole += 1
            if k and before != ",":
                found.append(replace(token, kind="sep", text=",", end=token.start))
            found.append(replace(token, kind="sym", text=ALL))
            if behind != ",":
                found.append(replace(token, kind="sep", text=",", start=token.end))
            continue
        if mark:
            return None
        found.append(token)
    if not cells:
        return found if whole else None
    index = all(t.text == ALL or t.kind == "sep" or t.text in _LETTERS or (
        t.kind == "num" and t.text.isdigit()) for t in found)
    letters = any(t.text == ALL or t.text in _LETTERS for t in found)
    alone = len(found) == 1 and found[0].kind == "num"
    return found if index and (letters or alone) else None


__all__ = ["ALL", "SPAN", "closing", "sliced"]
