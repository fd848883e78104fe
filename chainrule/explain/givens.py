"""Assumptions as they are typed: `sum(i) t[i] = 1`."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from chainrule.algebra.fold import Given
from chainrule.errors import (
    ChainruleError,
    InputError,
    Span,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.calls import read
from chainrule.lang.expr import Number, Reduce, Ref, exact, walk
from chainrule.lang.numerals import literal
from chainrule.lang.printing import program_text
from chainrule.lang.program import Program, fresh

_WORDS = re.compile(r"(\w+)\s+is\s+(?:a\s+)?(?:one-?hot|distribution)(?:\s+vector)?")
_SUBSCRIPTS = re.compile(r"\[([^\]]*)\]")
_NAME = re.compile(r"[^\W\d]\w*")
_BOUND = re.compile(r"\b(?:sum|∑)\s*\(([^)]*)\)")


def given(text: str, program: Program) -> Given:
    """An assumption about a program's tensors; indices that no sum binds stand for any.

    "t is one-hot" and "t is a distribution" say that sums over the last axis are 1.

    Raises `InputError` for what is no sum that equals a number.

    >>> p = read("input t[N, K], z[N, K]; L = sum(n, k) t[n,k]*z[n,k]")
    >>> given("sum(k) t[n,k] = 1", p).right
    Number(value=1)
    """
    words = _WORDS.fullmatch(text.strip())
    if words is not None and words[1] in program.tensors:
        axes = len(program.tensors[words[1]].shape)
        taken = {*program.tensors, *program.size_names()}
        letters = [c for c in "knmlijuvw" if c not in taken][:axes][::-1]
        if letters:  # what it says of sums, which is what a gradient may use
            sums = f"sum({letters[-1]}) {words[1]}[{', '.join(letters)}] = 1"
            return replace(given(sums, program), text=text.strip())
    left, equals, right = text.partition("=")
    if not equals or "=" in right or not left.strip() or not right.strip():
        raise InputError(f"--given {text[:60]!r} is no equation", None,
                         "write it as 'sum(i) t[i] = 1'")
    if not right.strip()[:1].isdigit():
        raise InputError(f"--given {text[:60]!r} has no number on its right", None,
                         "write it as 'sum(i) t[i] = 1'")
    bound = {n for part in _BOUND.findall(left) for n in _NAME.findall(part)}
    sizes = set(program.size_names())
    free = dict.fromkeys(n for part in _SUBSCRIPTS.findall(left) for n in _NAME.findall(part)
                         if n not in bound and n not in sizes)
    name = fresh("given", program.tensors)
    target = f"{name}[{', '.join(free)}]" if free else name
    lines = [line for line in program_text(program).splitlines()
             if not line.startswith(("output ", "update "))]
    try:
        found = read("\n".join([*lines, f"{target} = {left.strip()}"])).equations[-1].body
        value = literal(right.strip(), Span(right, 0, len(right), "--given"))
    except ChainruleError as error:
        raise InputError(f"--given {text[:60]!r}: {error.message}", None, error.hint) from None
    for node in walk(found):
        if isinstance(node, Ref) and node.tensor not in program.tensors:
            raise UnknownNameError(f"--given {text[:60]!r}: the program has no {node.tensor}", None,
                                   did_you_mean(node.tensor, list(program.tensors)))
    if not isinstance(found, Reduce) or found.op != "sum" or not isinstance(value, Number):
        raise InputError(f"--given {text[:60]!r} is no sum that equals a number", None,
                         "write it as 'sum(i) t[i] = 1'")
    return Given(found, exact(Fraction(value.value)), text.strip())

