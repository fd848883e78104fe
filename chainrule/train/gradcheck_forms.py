"""Adjoint equations in the form in which they are told apart, and shown."""

from __future__ import annotations

import re
from dataclasses import replace

from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    Ref,
    Select,
    add,
    children,
    div,
    mul,
    neg,
    power,
    rebuild,
    select,
    sub,
)
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program

_BUILD = {"add": add, "sub": sub, "mul": mul, "div": div, "pow": power}


def tidied(e: Expr, program: Program) -> Expr:
    """The expression without ones, zeros and double signs; the adjoint of the loss is one."""
    if isinstance(e, Ref):
        return ONE if _is_seed(e.tensor, program) else e
    parts = tuple(tidied(part, program) for part in children(e))
    if isinstance(e, Apply):
        if e.function == "neg":
            return neg(parts[0])
        if e.function in _BUILD:
            return _BUILD[e.function](*parts)
        if e.function == "square":
            return Apply("square", parts)
    if isinstance(e, Select):
        return select(*parts)
    return rebuild(e, parts) if parts else e


def _is_seed(name: str, program: Program) -> bool:
    """Whether a tensor is the adjoint of the loss by itself, unless that was changed."""
    tensor = program.tensors.get(name)
    if tensor is None or tensor.adjoint_of is None or tensor.shape:
        return False
    made = [x for x in program.equations if x.target == name]
    return len(made) == 1 and made[0].origin.rule == "seed" and made[0].body == ONE


def shown(equation: Equation, program: Program) -> Equation:
    """The equation as it is put before a reader."""
    return replace(equation, body=tidied(equation.body, program))


def fingerprint(equation: Equation) -> str:
    """The form of an equation: its text without the numbers that tell layers and steps apart.

    >>> from chainrule.lang.expr import Ref
    >>> a, b = (Equation(f"h{n}_bar", (), (), Ref(f"h{n + 1}_bar")) for n in (1, 2))
    >>> fingerprint(a) == fingerprint(b)
    True
    """
    through = equation.origin.through
    parts = (equation.target, "" if through is None else through.tensor,
             ",".join(map(str, equation.subscripts)), expression_text(equation.body))
    return re.sub(r"\d+", "#", "|".join(parts))

