r"""Formulas typed in LaTeX, as chainrule's own text.

    >>> print(from_latex(r"p_i = \frac{e^{z_i}}{\sum_{k=1}^{K} e^{z_k}}"))
    size K
    p[i] = exp(z[i])/(sum(k < K) exp(z[k]))

The text is cut into tokens (`latex_tokens`) and read into a small tree (`latex_read`, and
`latex_statements` for what stands between formulas). It is looked over as a whole for what its
names are (`latex_look`, `latex_names`), and written down (`latex_write`). What comes out is read
like any formula.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from chainrule.errors import FormulaSyntaxError, Span
from chainrule.lang.latex_look import look_over
from chainrule.lang.latex_statements import statements
from chainrule.lang.latex_write import Writer

_WORD: Final = re.compile(r"[^\W\d]\w*")
_DEFINES: Final = re.compile(r"([^\W\d]\w*)(?:\[[^=]*\]|\([^=]*\))? \+?= ")
_COMMENT: Final = re.compile(r"#[^\n]*")
# in chainrule's own notation braces are brackets too: x^{2} alone is no sign of LaTeX
_SIGNS: Final = re.compile(r"\\[A-Za-z\\,;:!\[(|{]|_\{|\$|\^\{\(|_\w\^\{")


@dataclass(frozen=True, slots=True)
class Translation:
    """A LaTeX text in chainrule's notation, and what was decided on the way, in sentences."""

    text: str
    remarks: tuple[str, ...]


def is_latex(text: str) -> bool:
    r"""Whether a text is in LaTeX: it has a command, `_{`, `x_i^{`, `^{(` or `$`.

    >>> is_latex(r"y = \frac{1}{x}"), is_latex("y_{i} = x_{i}"), is_latex("y[i] = x[i]^{2}")
    (True, True, False)
    """
    if not any(c in text for c in "\\{$"):
        return False
    return _SIGNS.search(_COMMENT.sub("", text)) is not None


def from_latex(text: str, name: str = "formula", claim: bool = False) -> str:
    r"""The program that a text in LaTeX stands for, in chainrule's own notation.

    With `claim` the last statement is a comparison, in which derivatives may be named: it becomes
    a claim such as `chainrule prove` takes.

    Raises `FormulaSyntaxError`, `UnknownNameError`, `RangeError` and `LimitError`, each with its
    place in the LaTeX.

    >>> print(from_latex(r"L = -\sum_i t_i \log p_i"))
    L = -sum(i) t[i]*ln(p[i])
    >>> print(from_latex(r"L = \sum_i z_i^2, \frac{\partial L}{\partial z_i} = 2 z_i", claim=True))
    L = sum(i) z[i]^2
    dL_dz[i] == 2*z[i]
    """
    return translated(text, name, claim).text


def translated(text: str, name: str = "formula", claim: bool = False) -> Translation:
    r"""Like `from_latex`, with remarks on what was decided.

    >>> translated(r"y = x_1 + \sum_{i=1}^{n} x_i").remarks
    ('subscripts count from 1 in the text, and from 0 here: x_1 is x[0]',)
    """
    remarks: list[str] = []
    found = statements(text, name, claim, remarks)
    if not found:
        raise FormulaSyntaxError("there is no equation in this LaTeX",
                                 Span(text, 0, len(text), name), "write y = …")
    names = look_over(text, name, found)
    for remark in remarks:
        names.remark(remark)
    writer = Writer(names)
    writer.claim = claim
    lines = _ordered(writer.lines(), claim)
    lines = [*writer.shapes_needed(), *lines]
    declared = names.undeclared_sizes(lines)
    if declared:
        lines.insert(0, f"size {', '.join(declared)}")
    return Translation("\n".join(lines), tuple(names.remarks))


def _ordered(lines: list[str], claim: bool) -> list[str]:
    """The lines with each definition above what reads it: texts say "where m is …" afterwards.

    Definitions that read each other stay where they are; the reader refuses them.
    """
    *body, last = lines if claim else [*lines, ""]
    defining: dict[str, list[int]] = {}
    for k, line in enumerate(body):
        found = _DEFINES.match(line)
        if found is not None:
            defining.setdefault(found[1], []).append(k)
    order: dict[int, None] = {}
    waiting: set[int] = set()
    for first in range(len(body)):
        stack = [first]
        while stack:
            k = stack[-1]
            waiting.add(k)
            found = _DEFINES.match(body[k])
            words = _WORD.findall(body[k][found.end() :]) if found is not None else []
            above = [n for w in dict.fromkeys(words) for n in defining.get(w, ())
                     if n not in order and n not in waiting]
            if above:
                stack += reversed(above)
            else:
                order[stack.pop()] = None
    return [body[k] for k in order] + ([last] if claim else [])
