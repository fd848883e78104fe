r"""Values one after another with nothing but space between them: k=4 s=2 p=1.

`y = 2 x = 6` is a chain, with a product in its middle. `k=4 s=2 p=1` is three statements: the
equals signs are tight and the spaces are not. So a space parts two statements where it is a wide
one (two blanks, `\;`, `~`), or where there are no blanks around the equals signs and all that is
set are the letters of a layer's sizes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chainrule.check.read.tokens import Token

_WIDE: Final = re.compile(r"\s*(?:\\[ ;:]|~|\\space(?![a-z]))[\s~]*|[ \t\u00a0\u2003]{2,}")
_SIZES: Final = frozenset("kspdfKSPDF")  # kernel, stride, padding, dilation, filter


def parted(tokens: Sequence[Token], source: str, offset: int) -> list[Token]:
    """The tokens with a comma where a space parts two statements.

    >>> from chainrule.check.read.tokens import Lexer
    >>> def shown(text):
    ...     return " ".join(t.text for t in parted(Lexer(text, 0).tokens(), text, 0))
    >>> shown("k=4 s=2"), shown("y = 2 x = 6"), shown("k = 4 s = 2"), shown("a = 4  b = 2")
    ('k = 4 , s = 2', 'y = 2 x = 6', 'k = 4 s = 2', 'a = 4 , b = 2')
    """
    found: list[Token] = []
    for k, token in enumerate(tokens):
        if k > 2 and k + 2 < len(tokens) and _sets(tokens, k) and _sets(tokens, k - 3):
            between = source[tokens[k - 1].end - offset : token.start - offset]
            tight = bool(between) and not any(
                t.gap for n in (k - 2, k - 1, k + 1, k + 2) for t in (tokens[n],))
            if _WIDE.fullmatch(between) or (tight and between.isspace() and {
                    token.text, tokens[k - 3].text} <= _SIZES):
                found.append(Token("sep", ",", token.start, token.start))
        found.append(token)
    return found


def _sets(tokens: Sequence[Token], k: int) -> bool:
    """Whether a letter, an equals sign and a number stand at a place, and no more of either."""
    letter, sign, number = tokens[k : k + 3]
    before = tokens[k - 1].kind if k else "sep"
    return (letter.kind == "sym" and sign.kind == "rel" and sign.text == "="
            and number.kind == "num" and before in ("sep", "num", "break", "quad"))


__all__ = ["parted"]
