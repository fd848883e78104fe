"""Configurations: kernels, strides, paddings and dilations that have to give a wanted size.

Many are right. What a paper gives for one question is collected, wherever it stands (in a row of a
table, in a line `k = 8, s = 2, p = 3`), and held against what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Question

LETTERS: Final = frozenset("iokspd")
SPOKEN: Final = {"kernel": "k", "filter": "k", "stride": "s", "padding": "p", "pad": "p",
                 "dilation": "d"}
_DEFAULTS: Final = {"p": Fraction(0), "d": Fraction(1)}


def configured(question: Question, given: Mapping[str, Fraction]) -> str:
    """What is wrong with a configuration; empty where it is right, "incomplete" without k or s.

    >>> q = Question("1", "", "layer", "configuration", options={
    ...     "in": 64, "out": 32, "known": {"k": 8, "d": 1}})
    >>> configured(q, {"k": Fraction(8), "s": Fraction(2), "p": Fraction(3)})
    ''
    >>> configured(q, {"k": Fraction(8), "s": Fraction(2), "p": Fraction(1)})
    'with these the size is 30, not 32'
    """
    options = question.options
    known = {n: v for n, v in dict(options.get("known", {})).items() if n in LETTERS}
    values = {**_DEFAULTS, "i": _number(options.get("in")), "o": _number(options.get("out"))}
    values |= {n: _number(v) for n, v in known.items() if not isinstance(v, str)}
    values |= given
    for name, wanted in known.items():
        if isinstance(wanted, str) and wanted in values and name in values:
            if values[name] != values[wanted]:
                return f"{name} has to be {wanted}"
        elif not isinstance(wanted, str) and values[name] != _number(wanted):
            return f"{name} is to be {wanted}"
        elif isinstance(wanted, str) and wanted in values:
            values.setdefault(name, values[wanted])
    if options.get("in") is not None and values["i"] != _number(options["in"]):
        return f"the input has the size {options['in']}"
    if options.get("out") is not None and values["o"] != _number(options["out"]):
        return f"the output is to have the size {options['out']}"
    if any(values.get(n) is None for n in "kspdio"):
        return "incomplete"
    k, s, p, d = (values[n] for n in "kspd")
    if any(x is None or x.denominator != 1 for x in (k, s, p, d)) or s < 1 or k < 1 or d < 1:
        return "these have to be whole numbers, and k, s, d at least 1"
    size = (values["i"] + 2 * p - d * (k - 1) - 1) // s + 1
    return "" if size == values["o"] else f"with these the size is {size}, not {values['o']}"


def _number(value: Any) -> Any:
    return None if value is None else Fraction(str(value))


__all__ = ["LETTERS", "SPOKEN", "configured"]
