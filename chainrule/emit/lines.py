"""Lines that fit: long Python statements broken inside brackets, long comments wrapped.

    >>> for line in broken("y = ", "first(a, b) + second(c, d)", 20): print(line)
    y = (
        first(a, b)
        + second(c, d)
    )
"""

from __future__ import annotations

import textwrap
from typing import Final

WIDTH: Final = 99
_TIE: Final = "\u2060"  # stands for a blank at which a line does not end
_OPENS, _CLOSES = "([{", ")]}"
# weakest first, all of Python's that may stand between blanks: a text that is cut at its weakest
# ones, and whose pieces get brackets of their own, means what it did
_OPERATORS: Final = (
    (" if ", " else "), (" or ",), (" and ",), (" < ", " <= ", " > ", " >= ", " == ", " != "),
    (" | ",), (" & ",), (" + ", " - "), (" * ", " / ", " @ ", " // ", " % "),
)


def comment(text: str, pad: str) -> list[str]:
    """A comment in as many lines as it takes."""
    return wrapped(text, f"{pad}# ", f"{pad}#     ")


def wrapped(text: str, first: str, later: str) -> list[str]:
    """A formula in lines, broken outside its brackets where that leaves them short."""
    found: list[str] = []
    for tied in (_tied(text, False), _tied(text, True)):
        found = textwrap.wrap(tied, WIDTH, initial_indent=first, subsequent_indent=later,
                              break_long_words=False, break_on_hyphens=False)
        if all(len(line) <= WIDTH for line in found):
            break
    else:
        found = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later,
                              break_on_hyphens=False)
    return [line.replace(_TIE, " ") for line in found]


def _tied(text: str, commas: bool) -> str:
    """The text with blanks inside brackets and around comparisons that hold it together.

    With `commas` those behind commas and semicolons do not.
    """
    depth = 0
    found = ""
    for c in text:
        depth += (c in _OPENS) - (c in _CLOSES)
        loose = depth == 0 or (commas and found[-1:] in (",", ";"))
        found += _TIE if c == " " and not loose else c
    head, word, tail = found.partition(" with ")
    return head + word + tail.replace(", ", ",\0").replace(" ", _TIE).replace("\0", " ")


def broken(head: str, text: str, width: int = WIDTH) -> list[str]:
    """`head` and `text` in lines of at most `width`, where brackets allow it."""
    if len(head) + len(text) <= width or len(_at_depth_zero(text, (" : ",))) > 1:
        return [head + text]
    pad = head[: len(head) - len(head.lstrip())]
    if _splits(text):
        return [f"{head}(", *_parts(text, pad + "    ", width), f"{pad})"]
    opened = _widest_bracket(text, width - len(head))
    if opened is None:
        return [head + text]
    start, end = opened
    lines = _arguments(text[start + 1 : end], pad + "    ", width)
    return [head + text[: start + 1], *lines, *broken(pad, text[end:], width)]


def filled(head: str, words: list[str], tail: str, width: int = WIDTH) -> list[str]:
    """`head(words)tail` in one line, else the words in as many as they take."""
    inner = ", ".join(words) + "," * (len(words) == 1 and not tail)
    if len(head) + len(inner) + len(tail) + 2 <= width:
        return [f"{head}({inner}){tail}"]
    pad = head[: len(head) - len(head.lstrip())]
    lines = textwrap.wrap(inner.rstrip(",") + ",", width, initial_indent=pad + "    ",
                          subsequent_indent=pad + "    ", break_long_words=False)
    return [f"{head}(", *lines, f"{pad}){tail}"]


def listed(head: str, words: list[str], tail: str, width: int = WIDTH) -> list[str]:
    """`head a, b tail` in one line, else in brackets."""
    line = f"{head}{', '.join(words)}{tail}"
    return [line] if len(line) <= width else filled(head, words, tail, width)


def placed(pad: str, name: str, items: str, sign: str, text: str, width: int = WIDTH) -> list[str]:
    """`name[items] += text`, broken in the brackets if the left side alone is long."""
    head = f"{pad}{name}[{items}]{sign}"
    found = broken(head, text, width)
    if len(head) <= width - 12 and all(len(line) <= width for line in found):
        return found
    inside = _arguments(items, pad + "    ", width)
    return [f"{pad}{name}[", *inside, *broken(f"{pad}]{sign}", text, width)]


def _parts_of(pad: str, argument: str, width: int) -> list[str]:
    """An argument in lines that each begin with an operator; it has its call's brackets."""
    return _parts(argument, pad, width)


def _parts(text: str, pad: str, width: int) -> list[str]:
    """A text without brackets around it, in lines that each begin with an operator."""
    pieces = _splits(text) or [text]
    found: list[str] = []
    for piece in pieces:
        if len(pad) + len(piece) <= width:
            found.append(pad + piece)
            continue
        sign, rest = _operator(piece)
        found += broken(pad + sign, rest, width)
    return found


def _arguments(inner: str, pad: str, width: int) -> list[str]:
    """What stands between brackets, on one line or with an argument a line."""
    if len(pad) + len(inner) <= width:
        return [pad + inner]
    pieces = _at_depth_zero(inner, (", ",))
    if len(pieces) == 1:
        return _parts(inner, pad, width)
    found: list[str] = []
    for piece in pieces:
        argument = piece.removeprefix(", ")
        alone = len(pad) + len(argument) < width or not _splits(argument)
        lines = (broken if alone else _parts_of)(pad, argument, width - 1)
        found += [*lines[:-1], lines[-1] + ","]
    return found


def _operator(piece: str) -> tuple[str, str]:
    for signs in _OPERATORS:
        for sign in signs:
            if piece.startswith(sign.lstrip()):
                return sign.lstrip(), piece[len(sign.lstrip()):]
    return "", piece


def _splits(text: str) -> list[str]:
    """The text cut before its weakest operators outside brackets; nothing without any."""
    for signs in _OPERATORS:
        pieces = _at_depth_zero(text, signs)
        if len(pieces) > 1:
            return [piece.lstrip() for piece in pieces]
    return []


def _at_depth_zero(text: str, signs: tuple[str, ...]) -> list[str]:
    """The text cut before each of some signs that stands outside brackets and quotes."""
    depth, start, at = 0, 0, 0
    quoted = False
    pieces = []
    while at < len(text):
        c = text[at]
        if c == '"':
            quoted = not quoted
        elif not quoted and c in _OPENS:
            depth += 1
        elif not quoted and c in _CLOSES:
            depth -= 1
        elif not quoted and depth == 0 and at > start and any(
                text.startswith(sign, at) for sign in signs):
            pieces.append(text[start:at])
            start = at
        at += 1
    return [*pieces, text[start:]]


def _widest_bracket(text: str, room: int) -> tuple[int, int] | None:
    """The brackets that hold most of a text, of those that begin where there is room for it."""
    best: tuple[int, int] | None = None
    depth, start = 0, 0
    for at, c in enumerate(text):
        if c in _OPENS:
            if depth == 0:
                start = at
            depth += 1
        elif c in _CLOSES:
            depth -= 1
            wider = best is None or (at - start > best[1] - best[0] and start < room)
            if depth == 0 and wider and at - start > 1:
                best = (start, at)
    return best


__all__ = ["WIDTH", "broken", "comment", "filled", "listed", "placed", "wrapped"]
