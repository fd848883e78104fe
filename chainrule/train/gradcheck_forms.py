"""Adjoint equations in the form in which they are told apart, and shown."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    Number,
    Ref,
    Select,
    add,
    children,
    div,
    expr,
    mul,
    neg,
    power,
    rebuild,
    select,
    sub,
)
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program

_NUMBER = re.compile(r"(?<=[^\W\d])\d+", re.ASCII)
_NAMED = re.compile(r"([^\W\d])(\d+)", re.ASCII)
_BUILD = {"add": add, "sub": sub, "mul": mul, "div": div, "pow": power}


def tidied(e: Expr, program: Program) -> Expr:
    """The expression without ones, zeros and double signs; the adjoint of the loss is one."""
    if isinstance(e, Ref):
        return ONE if _is_seed(e.tensor, program) else e
    parts = tuple(tidied(part, program) for part in children(e))
    if isinstance(e, Apply):
        if e.function == "neg":
            return neg(parts[0])
        if e.function == "mul":
            return _gathered(mul(*parts))
        if e.function in _BUILD:
            return _BUILD[e.function](*parts)
        if e.function == "square":
            return Apply("square", parts)
    if isinstance(e, Select):
        return select(*parts)
    return rebuild(e, parts) if parts else e


def _gathered(e: Expr) -> Expr:
    """A product whose numbers stand in front, as one."""
    sign, number, rest = 1, Fraction(1), []
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Apply) and node.function == "mul":
            stack += reversed(node.args)
        elif isinstance(node, Apply) and node.function == "neg":
            sign = -sign
            stack.append(node.args[0])
        elif isinstance(node, Number) and not isinstance(node.value, float):
            number *= Fraction(node.value)
        elif (isinstance(node, Apply) and node.function == "div"
              and isinstance(node.args[0], Number) and not isinstance(node.args[0].value, float)):
            number *= Fraction(node.args[0].value)
            rest.append(div(ONE, node.args[1]))
        else:
            rest.append(node)
    product: Expr = ONE
    for part in rest:
        product = mul(product, part)
    product = mul(expr(number), product)
    return neg(product) if sign < 0 else product


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
    """The form of an equation: its text, layers and steps counted from its own.

    >>> from chainrule.lang.expr import Ref
    >>> a, b = (Equation(f"h{n}_bar", (), (), Ref(f"h{n + 1}_bar")) for n in (1, 2))
    >>> fingerprint(a) == fingerprint(b)
    True
    >>> fingerprint(a) == fingerprint(replace(b, body=Ref("h2_bar")))
    False
    """
    through = equation.origin.through
    names = [equation.target, "" if through is None else through.tensor, equation.origin.of or ""]
    own = next((m for m in map(_NUMBER.search, names) if m is not None), None)
    start = 0 if own is None else int(own[0])

    def counted(match: re.Match[str]) -> str:
        return f"{match[1]}#{int(match[2]) - start}"

    text = "|".join((*names[:2], ",".join(map(str, equation.subscripts)),
                     str(equation.condition), expression_text(equation.body)))
    return _NAMED.sub(counted, text)


