"""When numbers stop being finite: which equation did it.

A step is run again by the reference, equation by equation, from the last state that was sound. The
first cell that is infinite or no number, though all that its equation reads is finite, is the one
to tell about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.algebra.parts import reads
from chainrule.errors import DomainError
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import cell_name
from chainrule.lang.printing import equation_text
from chainrule.lang.program import Program

_SHOWN = 4  # operands told of


class NonFiniteError(DomainError):
    """Training met a number that is not finite.

    `step` is the step that gave it (from 0), `values` are the parameters before that step, `run` is
    what there was of the run, for whoever called.
    """

    code = "non-finite"

    def __init__(self, message: str, hint: str, step: int,
                 values: Mapping[str, np.ndarray]) -> None:
        super().__init__(message, None, hint)
        self.step = step
        self.values = dict(values)
        self.run: Any = None


def first_fault(program: Program, values: Mapping[str, Any], dtype: str) -> str:
    """Where a program's first infinite or undefined number arises, in words.

    `values` are all its inputs, finite ones. An empty text where every number is finite.

    >>> from chainrule.lang.ranges import program
    >>> first_fault(program("input a[2]; b[i] = 10*a[i]; c[i] = exp(b[i])"),
    ...             {"a": [1.0, 300.0]}, "float64")
    'c[1] is inf, by c[i] = exp(b[i]), where b is from 10 to 3000'
    """
    tables = run(program, values, dtype=dtype, check=False)
    for equation in program.equations:
        table = tables[equation.target]
        if table.dtype.kind != "f" or np.isfinite(table).all():
            continue
        place = np.unravel_index(int(np.argmin(np.isfinite(table))), table.shape)
        where = cell_name(equation.target, list(map(int, place)))
        told = [_extent(name, tables[name]) for name in sorted(reads(equation))
                if name in tables and name != equation.target][:_SHOWN]
        text = equation_text(equation, bounds=False)
        return (f"{where} is {table[place]}, by {text}"
                + (f", where {' and '.join(told)}" if told else ""))
    return ""


def _extent(name: str, table: np.ndarray) -> str:
    if not table.size:
        return f"{name} is empty"
    if not table.ndim:
        return f"{name} is {table:.4g}"
    low, high = float(table.min()) + 0.0, float(table.max()) + 0.0  # -0 is told as 0
    return f"{name} is from {low:.4g} to {high:.4g}"
