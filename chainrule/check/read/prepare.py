r"""Tokens made ready for reading: brackets paired, boxes opened, fonts put onto their letters.

What only decorates is taken away here, so that the relation in `\boxed{y = 3}` stands where any
relation stands, and `\overset{!}{=}` is an equals sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chainrule.check.read import words as w
from chainrule.check.read.rewrites import rewritten
from chainrule.check.read.tokens import Token
from chainrule.lang.latex_tokens import words

_BOXES: Final = words("boxed fbox framebox underline underbar cancel bcancel xcancel substack "
                          "mathclap smash ensuremath colorbox text@ mathstrut")
_OVER: Final = frozenset({"overset", "stackrel", "overbrace"})
_WRAPS: Final = frozenset(w.FONTS - _BOXES - {"overline"})


def prepared(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without edges, boxes, fonts and halves of split brackets."""
    found = _untagged([t for t in tokens if t.kind != "edge"])
    return _derivatives(rewritten(_undecorated(rewritten(_joined(found)))))


def _untagged(tokens: list[Token]) -> list[Token]:
    r"""Without the mark that a formula is called by, set apart at its end: \quad(*), \qquad (3)."""
    if len(tokens) < 5 or tokens[-1].text != ")" or tokens[-3].text != "(" or (
            tokens[-4].kind != "quad"):
        return tokens
    mark = tokens[-2]
    named = (mark.kind == "num" and len(mark.text) < 3) or mark.text in ("*", "dagger", "ddagger")
    return tokens[:-4] if named else tokens


def _joined(tokens: list[Token]) -> list[Token]:
    r"""Without the `\right. \\ \left.` that only carries a bracket over a line's end."""
    found: list[Token] = []
    k = 0
    while k < len(tokens):
        if tokens[k].kind == "close" and tokens[k].text == ".":
            ahead = k + 1
            while ahead < len(tokens) and tokens[ahead].kind in ("break", "amp", "quad"):
                ahead += 1
            if ahead < len(tokens) and tokens[ahead].kind == "open" and tokens[ahead].text == ".":
                k = ahead + 1
                continue
        found.append(tokens[k])
        k += 1
    return found


def paired(tokens: Sequence[Token]) -> tuple[list[int], set[int]]:
    """For each token that opens something the one that closes it, and closers without openers.

    What is never closed is closed by the end of what it stands in.
    """
    match = [-1] * len(tokens)
    strays: set[int] = set()
    stack: list[int] = []
    for k, token in enumerate(tokens):
        if token.kind in ("{", "open", "begin"):
            stack.append(k)
        elif token.kind in ("}", "close", "end"):
            kind = {"}": "{", "close": "open", "end": "begin"}[token.kind]
            depth = len(stack) - 1
            if kind == "open":
                ok = depth >= 0 and tokens[stack[depth]].kind == "open"
            else:
                lowest = max(-1, depth - 12)
                while depth > lowest and tokens[stack[depth]].kind != kind:
                    depth -= 1
                ok = depth > lowest
            if not ok:
                strays.add(k)
                continue
            for opened in stack[depth:]:
                match[opened] = k
            del stack[depth:]
    for opened in stack:
        match[opened] = len(tokens)
    return match, strays


def _undecorated(tokens: list[Token]) -> list[Token]:
    """Boxes opened, notes over signs dropped, fonts put onto the letters."""
    match, strays = paired(tokens)
    out: list[Token | None] = [None if k in strays else t for k, t in enumerate(tokens)]
    moved: list[tuple[int, int, int, int]] = []  # of \underset{a}{b}: b _ {a}
    for k, token in enumerate(tokens):
        if token.kind != "cmd":
            continue
        first = _argument(tokens, match, k + 1)
        if token.text in _BOXES:
            out[k] = None
            _dissolve(out, first, tokens)
        elif token.text in _OVER - {"overbrace"}:
            second = _argument(tokens, match, first[1])
            out[k] = None
            for at in range(first[0], first[1]):
                out[at] = None
            _dissolve(out, second, tokens)
        elif token.text == "underset":
            second = _argument(tokens, match, first[1])
            moved.append((k, first[0], first[1], second[1]))
        elif token.text in _WRAPS:
            out[k] = None
            _font(out, first, tokens, token.text in w.BOLD)
    for k, start, middle, end in moved:
        note, base = out[start:middle], out[middle:end]
        script = replace(tokens[k], kind="op", text="_")
        if base[:1] and base[0] is not None and base[0].kind == "{":
            base = base[1:-1] if len(base) > 2 else base
        if len(base) == 1 and base[0] is not None and base[0].kind in ("rel", "arrow"):
            fresh: list[Token | None] = [*base]
        else:
            fresh = [*base, script, *note]
        room = end - k
        fresh = fresh[:room] + [None] * (room - len(fresh))
        out[k:end] = fresh
    return [t for t in out if t is not None]


def _argument(tokens: list[Token], match: list[int], at: int) -> tuple[int, int]:
    """The range of the argument at a place: a braced group or one token."""
    if at < len(tokens) and tokens[at].kind == "{":
        return at, min(match[at] + 1, len(tokens))
    return min(at, len(tokens)), min(at + 1, len(tokens))


def _dissolve(out: list[Token | None], place: tuple[int, int], tokens: list[Token]) -> None:
    start, end = place
    if start < end and tokens[start].kind == "{":
        out[start] = None
        if tokens[end - 1].kind == "}":
            out[end - 1] = None


def _font(out: list[Token | None], place: tuple[int, int], tokens: list[Token],
          bold: bool) -> None:
    start, end = place
    inner = [k for k in range(start, end) if tokens[k].kind not in ("{", "}")]
    lone = len(inner) == 1
    for k in inner[:50]:
        token = out[k]
        if token is None:
            continue
        if token.kind == "num" and lone and bold and token.text in ("0", "1"):
            out[k] = replace(token, kind="sym", bold=True)
        elif token.kind in ("sym", "word"):
            out[k] = replace(token, bold=bold or token.bold)
    if lone:
        _dissolve(out, place, tokens)


def _derivatives(tokens: list[Token]) -> list[Token]:
    """Names such as dL and dz of dL/dz, and dL_dz, cut into d and the rest."""
    found: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        if _differential(token):
            ahead = _past_scripts(tokens, k + 1)
            slash = ahead < len(tokens) and tokens[ahead].text == "/"
            if slash and ahead + 1 < len(tokens) and tokens[ahead + 1].text.startswith("d"):
                found += _cut(token)
                found += tokens[k + 1 : ahead + 1]
                under = tokens[ahead + 1]
                found += _cut(under) if _differential(under) else [under]
                k = ahead + 2
                continue
            if k + 2 < len(tokens) and tokens[k + 1].text == "_" and _differential(tokens[k + 2]):
                found += [*_cut(token), replace(tokens[k + 1], kind="times", text="/"),
                          *_cut(tokens[k + 2])]
                k += 3
                continue
        below = k > 0 and tokens[k - 1].text == "/" and any(t.text == "d" for t in found[-8:])
        if below and _differential(token) and len(token.text) <= 3:  # fmt: skip
            found += _cut(token)
            k += 1
            continue
        if token.text == "d" and k + 2 < len(tokens) and tokens[k + 1].text == "/" \
                and _differential(tokens[k + 2]):
            found += [token, tokens[k + 1], *_cut(tokens[k + 2])]
            k += 3
            continue
        found.append(token)
        k += 1
    return found


def _differential(token: Token) -> bool:
    return (token.kind == "word" and token.text[0] == "d" and len(token.text) > 1
            and token.text not in w.FUNCTIONS)  # fmt: skip


def _cut(token: Token) -> list[Token]:
    rest = token.text[1:]
    kind = "sym" if len(rest) == 1 or rest in w.LETTERS else "word"
    middle = min(token.start + 1, token.end)
    return [replace(token, kind="sym", text="d", end=middle),
            replace(token, kind=kind, text=rest, start=middle, gap=False)]


def _past_scripts(tokens: list[Token], at: int) -> int:
    limit = at + 12
    while at + 1 < len(tokens) and at < limit and tokens[at].text in ("^", "_"):
        at += 2
        if tokens[at - 1].kind in ("{", "open"):
            while at < len(tokens) and at < limit and tokens[at - 1].kind not in ("}", "close"):
                at += 1
    while at < len(tokens) and tokens[at].text == "'":
        at += 1
    return at
