r"""Commands that packages of LaTeX define, written out: \dv of physics, \num of siunitx.

A paper that says `\usepackage{physics}` does not define `\dv{f}{x}`; what it writes is
`\frac{d f}{d x}`, and a number with a unit is its number. Commands of lists (`\qty`, `\mqty`) may
take any bracket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_OPTION: Final = re.compile(r"\s?\[([^\[\]{}\n]{0,40})\]")
_BRACKET: Final = re.compile(r"\s?(?:\\(?:big|Big|bigg|Bigg)[lr]?\s?)?([(\[|{])")
_PAIRS: Final = {"(": ")", "[": "]", "|": "|", "{": "}"}
_MOST: Final = 4_000  # characters in a bracket of \mqty

# what a command with one argument writes, or with more
_SIMPLE: Final = {
    "num": (1, "#1"), "SI": (2, "#1"), "si": (1, ""), "unit": (1, ""), "ang": (1, "#1"),
    "dd": (1, "d#1"),
    "pmqty": (1, r"\begin{pmatrix}#1\end{pmatrix}"),
    "bmqty": (1, r"\begin{bmatrix}#1\end{bmatrix}"),
    "eval": (1, r"\left.#1\right|"), "grad": (0, r"\nabla "), "laplacian": (0, r"\nabla^2 "),
    "cross": (0, r"\times "), "vdot": (0, r"\cdot "), "evaluated": (1, r"\left.#1\right|"),
    "abs": (1, r"\left|#1\right|"), "norm": (1, r"\left\|#1\right\|"),
}  # fmt: skip
_SLOPES: Final = {"dv": "d", "derivative": "d", "odv": "d", "pdv": r"\partial ",
                  "partialderivative": r"\partial ", "fdv": r"\delta "}  # fmt: skip
_MATRICES: Final = {"mqty": {"(": "pmatrix", "[": "bmatrix", "|": "vmatrix", "{": "matrix"}}


def written_out(name: str, source: str, end: int,
                closing: Mapping[int, int]) -> tuple[str, int] | None:
    r"""What a package's command writes, and where it ends; `closing` pairs the braces.

    >>> from chainrule.check.read.braces import brace_pairs
    >>> written_out("pdv", r"\pdv{L}{w}", 4, brace_pairs(r"\pdv{L}{w}"))
    ('\\frac{\\partial L}{\\partial w}', 10)
    """
    if name in _SLOPES:
        return _slope(_SLOPES[name], source, end, closing)
    if name in _MATRICES:
        return _matrix(_MATRICES[name], source, end)
    if name == "qty":
        return _quantity(source, end, closing)
    if name not in _SIMPLE:
        return None
    count, body = _SIMPLE[name]
    option = _OPTION.match(source, end) if name in ("num", "SI", "ang") else None
    found, stop = _arguments(source, option.end() if option else end, closing, count)
    if len(found) < count:
        return None
    if name in ("num", "SI", "ang"):
        found[0] = re.sub(r"(?<=\d)\s{1,3}(?=\d)", "", found[0])
        found[0] = re.sub(r"[eE](-?\d{1,4})\Z", r" \\cdot 10^{\1}", found[0].strip())
    for k, argument in enumerate(found, 1):
        body = body.replace(f"#{k}", argument)
    return body, stop


def _slope(sign: str, source: str, end: int,
           closing: Mapping[int, int]) -> tuple[str, int] | None:
    option = _OPTION.match(source, end)
    order = f"^{{{option[1]}}}" if option else ""
    found, stop = _arguments(source, option.end() if option else end, closing, 3)
    if not found:
        return None
    if len(found) == 1:
        return rf"\frac{{{sign.strip()}{order}}}{{{sign}{found[0]}{order}}}", stop
    if len(found) == 2 or sign == "d":
        _, stop = _arguments(source, option.end() if option else end, closing, 2)
        return rf"\frac{{{sign.strip()}{order} {found[0]}}}{{{sign}{found[1]}{order}}}", stop
    return (rf"\frac{{{sign.strip()}^2 {found[0]}}}{{{sign}{found[1]} {sign}{found[2]}}}", stop)


def _arguments(source: str, at: int, closing: Mapping[int, int],
               most: int) -> tuple[list[str], int]:
    """The braced arguments in a row, and where they end."""
    found: list[str] = []
    while len(found) < most:
        start = at + (source[at : at + 1] == " ")
        if source[start : start + 1] != "{" or start not in closing:
            break
        found.append(source[start + 1 : closing[start]])
        at = closing[start] + 1
    return found, at


def _matrix(kinds: Mapping[str, str], source: str, end: int) -> tuple[str, int] | None:
    opened = _BRACKET.match(source, end)
    if opened is None:
        return None
    stop = _closer(source, opened.end(), opened[1])
    if stop is None:
        return None
    kind = kinds[opened[1]]
    return rf"\begin{{{kind}}}{source[opened.end() : stop]}\end{{{kind}}}", stop + 1


def _closer(source: str, at: int, opener: str) -> int | None:
    """Where a bracket is closed, within a budget."""
    depth, closer = 0, _PAIRS[opener]
    for k in range(at, min(len(source), at + _MOST)):
        if source[k] == closer and depth == 0:
            return k
        depth += source[k] == opener
        depth -= source[k] == closer
    return None


def _quantity(source: str, end: int, closing: Mapping[int, int]) -> tuple[str, int]:
    r"""\qty(a + b) of physics only sizes its bracket; \qty{3}{\metre} of siunitx is its number."""
    found, stop = _arguments(source, end, closing, 2)
    if len(found) == 2:
        return found[0], stop
    return (rf"\left({found[0]}\right)", stop) if found else ("", end)


__all__ = ["written_out"]
