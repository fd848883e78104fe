"""Sentences for the docstring: which derivative is taken where there are several."""

from __future__ import annotations

from typing import Final

from chainrule.lang.expr import Apply, ArgReduce, walk
from chainrule.lang.program import Program

_KINKS: Final = {
    "relu": "relu has the derivative 0 at 0",
    "abs": "abs has the derivative 0 at 0",
    "max": "where max(a, b) has a tie, each side gets half of the derivative",
    "min": "where min(a, b) has a tie, each side gets half of the derivative",
    "heaviside": "the step function is 1/2 at 0",
}


def kinks(program: Program) -> list[str]:
    """What is chosen at the kinks of a program's functions; nothing for a smooth one."""
    found: dict[str, None] = {}
    for equation in program.equations:
        if program.tensors[equation.target].adjoint_of is not None:
            continue
        for node in walk(equation.body):
            if isinstance(node, Apply) and node.function in _KINKS:
                found[_KINKS[node.function]] = None
            elif isinstance(node, ArgReduce) and equation.origin.rule == "winner":
                found["the derivative of a maximum or minimum over indices goes to the first "
                      "winner"] = None
    return [f"At kinks: {'; '.join(found)}."] if found else []
