"""The words of mathematics in LaTeX: functions, relations, operators, and what has no meaning."""

from __future__ import annotations

import unicodedata
from typing import Final

from chainrule.lang.calls import CALLABLE
from chainrule.lang.latex_tokens import GREEK, words

TRIGONOMETRY: Final = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})
FUNCTIONS: Final = words(
    "log ln exp sin cos tan sinh cosh tanh arcsin arccos arctan max min det tr")
SPELLED: Final = {"sgn": "sign", "Softmax": "softmax", "trace": "tr", "Tr": "tr", "lg": "log2",
                   "logit": "logit", "LogSoftmax": "log_softmax", "argmax": "argmax",
                   "argmin": "argmin", "arg max": "argmax", "arg min": "argmin"}  # fmt: skip
WHOLE: Final = frozenset({"softmax", "log_softmax", "tr", "diag", "norm"})
TYPED: Final = frozenset(CALLABLE) | FUNCTIONS | WHOLE  # known also as letters in a row
REDUCES: Final = frozenset({"sum", "max", "min", "argmax", "argmin"})
MARKS: Final = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307",
                 "ddot": "\u0308"}  # fmt: skip
RELATIONS: Final = {"=": "==", "<": "<", ">": ">", "leq": "<=", "geq": ">=", "neq": "!=",
                     "equiv": "=="}  # fmt: skip
FENCES: Final = {"lfloor": ("floor", "rfloor"), "lceil": ("ceil", "rceil"),
                  "lvert": ("abs", "rvert"), "lVert": ("norm", "rVert")}  # fmt: skip
WORDS_THAT_END: Final = words(
    "if for otherwise else when and or not where with such s.t. while unless as in is")
TIMES: Final = {"cdot": "dot", "times": "*", "odot": "odot", "*": "*", "/": "/", "div": "/"}
NO_MEANING: Final = {
    "partial": "derivatives are worked out: give the formula, and ask for them with "
               "`chainrule derive … --wrt x`",
    "nabla": "derivatives are worked out: give the formula, and ask `chainrule derive`",
    "prod": "there are no products over an index: exp(sum(i) ln(x[i])) is one for positive x",
    "int": "a claim may have one, in chainrule's own notation: integral(u, 0, x) …",
    "lim": "a claim may have one, in chainrule's own notation: lim(k -> inf) …",
    "infty": "infinity is no number to compute with",
    "pm": "write both formulas", "approx": "an equation is written with =",
    "dots": "write a sum with its limits: \\sum_{i=1}^{n}",
    "sup": "write \\max", "inf": "write \\min", "mid": "for a modulus write \\lvert x \\rvert",
    "binom": "write its factorials out", "to": "an equation is written with =",
    "mathbb": "sets stand in declarations: x \\in \\mathbb{R}^{K}",
    "gets": "give each new value a new name",
}  # fmt: skip
COMMANDS: Final = sorted(
    GREEK | FUNCTIONS | set(FENCES) | set(MARKS) | set(TIMES) - {"*", "/"} | {
        "frac", "sqrt", "sum", "leq", "geq", "neq", "left", "right", "mathbf", "mathrm", "top",
        "operatorname", "text", "begin", "end", "quad", "in", "odot", "underbrace", "boxed",
        "mathbb", "mathcal", "ell", "substack", "lVert", "rVert", "rvert", "arg", "forall"})

GREEK_CHARACTERS: Final = {
    name: unicodedata.lookup(
        f"GREEK {'CAPITAL' if name[0].isupper() else 'SMALL'} LETTER "
        + ("lamda" if name.lower() == "lambda" else name.lower()).upper())
    for name in GREEK
}
