"""Typeset mathematics as a small neutral tree, and its three spellings.

A tree says what is on the page, not what it means: a fraction, a subscript, a matrix. Whoever
decides how mathematics is written builds trees from the nodes below; `text` spells a tree in one
line of Unicode, `text_block` over several lines where it holds a matrix, `latex` for amsmath and
KaTeX, `mathml` for browsers. Each is one walk with one small function a node.

    >>> v1, v0 = (Subscript(Identifier("v"), Num(n)) for n in ("1", "-1"))
    >>> partial = Fraction(Row((Op("∂"), v1)), Row((Op("∂"), v0)))
    >>> text(Row((Accent(v0, "bar"), Op("="), Accent(v1, "bar"), Op("·"), partial)))
    'v̄₋₁ = v̄₁ · ∂v₁/∂v₋₁'
    >>> latex(partial)
    '\\\\frac{\\\\partial v_{1}}{\\\\partial v_{-1}}'
"""

from __future__ import annotations

from chainrule.document.mathlatex import latex, latex_words
from chainrule.document.mathml import mathml
from chainrule.document.mathnodes import (
    GREEK,
    Accent,
    Both,
    Cases,
    Fence,
    Fraction,
    Function,
    Identifier,
    Mark,
    Math,
    Matrix,
    Num,
    Op,
    Power,
    Root,
    Row,
    Subscript,
    Under,
    Words,
    display_width,
    row,
    separated,
)
from chainrule.document.mathtext import tall, text, text_block

__all__ = [
    "GREEK",
    "Accent",
    "Both",
    "Cases",
    "Fence",
    "Fraction",
    "Function",
    "Identifier",
    "Mark",
    "Math",
    "Matrix",
    "Num",
    "Op",
    "Power",
    "Root",
    "Row",
    "Subscript",
    "Under",
    "Words",
    "display_width",
    "latex",
    "latex_words",
    "mathml",
    "row",
    "separated",
    "tall",
    "text",
    "text_block",
]
