"""`gradcheck`: whether somebody's gradients are right, and if not, what is wrong with them.

    >>> check = gradcheck("y = x^2 * ln(x)", {"x": 2.0}, {"x": 1.0})
    >>> check.agrees
    False
    >>> check.rows[0].ours, round(check.rows[0].check.value, 9)
    (1.0, 1.0)

The gradients are compared with those of the formula, and the formula's with differences. Where they
disagree, the formula's backward pass is changed in one place after another until it gives the same
wrong numbers: that place is the mistake (`gradcheck_diagnose`). A function and its gradient without
a formula are held against differences alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from chainrule.errors import InputError
from chainrule.formulas.calls import read as read_program
from chainrule.lang.program import Program
from chainrule.render import Page
from chainrule.train.gradcheck_numerical import NumericalCheck, check_function
from chainrule.train.gradcheck_page import page
from chainrule.train.gradcheck_program import GradientCheck, check_program
from chainrule.train.gradcheck_rows import Row
from chainrule.train.gradcheck_stencil import WEIGHTS


class HasProgram(Protocol):
    """A formula or a network."""

    program: Program


class Checked(Page):
    """A gradient check: a page that prints, and what it was made from in `result`."""

    __slots__ = ("result",)

    result: GradientCheck | NumericalCheck

    def __init__(self, result: GradientCheck | NumericalCheck) -> None:
        found = page(result)
        super().__init__(found.title, found.blocks, found.meta)
        object.__setattr__(self, "result", result)

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong with any of the gradients."""
        return self.result.agrees

    @property
    def rows(self) -> tuple[Row, ...]:
        """A row for each gradient, nearest the loss first; none without a formula."""
        return self.result.rows if isinstance(self.result, GradientCheck) else ()

    def __repr__(self) -> str:
        return f"<Checked: {self.meta['verdict']}>"


def gradcheck(
    formula: str | Program | HasProgram | Callable[..., Any], gradients: Any,
    values: Any, *, of: str | None = None, tolerance: float | None = None, stencil: int = 8,
    step: float = 1e-2, seconds: float = 20.0, sample: int | None = None,
) -> Checked:
    """Check gradients against a formula or a network, or against a function by differences.

    `gradients` are arrays by name, the path of an .npz file, or a function that is called with the
    values by name and returns arrays by name. A name is the tensor's (`W1`), perhaps with a mark of
    a gradient (`dW1`, `W1_grad`); gradients of tensors on the way (`dz1`) help to find mistakes.
    Each has the shape of its tensor. `of` names the scalar that is differentiated.

    `tolerance` is the relative error that passes: 1e-6, or 1e-4 for single precision. `stencil` is
    2, 4, 6 or 8 points, `step` their distance. `seconds` bounds the search for mistakes.

    Where `formula` is a function, so is `gradients`, or arrays; both are called with the values by
    name, or with one array. Then the tolerance is 1e-5, and `sample` cells of each array are tried.

    Raises `InputError`, `UnknownNameError`, `DerivativeError`, and what evaluation raises.
    """
    if stencil not in WEIGHTS:
        raise InputError(f"there is no stencil of {stencil!r:.20} points", None,
                         f"one of {', '.join(map(str, WEIGHTS))}")
    if not step > 0 or not np.isfinite(step):
        raise InputError(f"a step is a positive number, not {step!r:.20}")
    if tolerance is not None and not 0 < tolerance < 1:
        raise InputError(f"a tolerance is between 0 and 1, not {tolerance!r:.20}")
    program = program_of(formula)
    if program is None:
        assert callable(formula)
        return Checked(check_function(formula, gradients, values, stencil, step, tolerance, sample))
    return Checked(check_program(program, gradients, values, of, tolerance, stencil, step, seconds))


def program_of(formula: Any) -> Program | None:
    """The program of a text, a formula or a network; None for a function."""
    if isinstance(formula, str):
        return read_program(formula)
    if isinstance(formula, Program):
        return formula
    found = getattr(formula, "program", None)
    if isinstance(found, Program):
        return found
    if callable(formula):
        return None
    raise InputError(f"found a {type(formula).__name__} where a formula is wanted", None,
                     "give a text, a formula, a network, or a function")
