"""A paper's own commands: `\\newcommand`, `\\def`, `\\DeclareMathOperator`."""

from __future__ import annotations

import re
from typing import Final

from chainrule.check.read import words as w
from chainrule.check.read.tokens import Macro

_NEW: Final = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand|DeclareMathOperator)\*?\s{0,9}"
    r"(?:\{\s{0,9}\\([A-Za-z]+)\s{0,9}\}|\\([A-Za-z]+))\s{0,9}(?:\[(\d)\])?\s{0,9}(?:\[([^\[\]\n]{0,80})\]\s{0,9})?(?=\{)")
_DEF: Final = re.compile(r"\\def\s{0,9}\\([A-Za-z]+)((?:#[1-9]){0,9})\s{0,9}(?=\{)")


def macros_of(text: str) -> dict[str, Macro]:
    r"""The macros that a paper defines.

    >>> macros_of(r"\newcommand{\half}[1]{\frac{#1}{2}} \def\x{y}")
    {'half': Macro(arguments=1, body='\\frac{#1}{2}'), 'x': Macro(arguments=0, body='y')}
    """
    found: dict[str, Macro] = {}
    for pattern in (_NEW, _DEF):
        for match in pattern.finditer(text):
            end = _balanced(text, match.end())
            if end is None or len(found) >= 500:
                continue
            body = text[match.end() + 1 : end]
            if pattern is _NEW:
                name, count = match[1] or match[2], int(match[3] or 0)
                if "DeclareMathOperator" in match[0]:
                    body = rf"\operatorname{{{body}}}"
            else:
                name, count = match[1], len(match[2]) // 2
            if name not in w.FUNCTIONS:
                found[name] = Macro(count, body, match[4] if pattern is _NEW else None)
    return found


def _balanced(text: str, at: int) -> int | None:
    """The brace that closes the one at a place, within 2,000 characters."""
    depth = 0
    for k in range(at, min(len(text), at + 2_000)):
        if text[k] == "{" and text[k - 1] != "\\":
            depth += 1
        elif text[k] == "}" and text[k - 1] != "\\":
            depth -= 1
            if depth == 0:
                return k
    return None
