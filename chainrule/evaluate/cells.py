"""The naive evaluator: every equation looped over every index, one cell at a time.

It is written to be obviously right rather than fast, follows the language's semantics word for
word, and shares nothing with the NumPy reference but the function table, so that tests can hold
one against the other. Worked traces are printed from it, because its cells are exact: a `Fraction`
wherever the formula stays rational, an mpmath number of `digits` digits where it does not, and an
expression where an input was left without a value.

Laziness is part of the semantics: where a condition (of an equation, a reduction or a selection)
does not hold, nothing under it is looked at, so `ln(x) if x > 0 else 0` is no error at x = -1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

from chainrule.errors import ChainruleError, DefinitionError, KindError, LimitError
from chainrule.evaluate.domains import placed
from chainrule.evaluate.naive import CellEvaluator, Cells, passes, target_place
from chainrule.evaluate.symbolic import Symbolic, plain
from chainrule.evaluate.values import CellArray, bind, cell_name, shapes
from chainrule.lang.expr import Expr, Ref
from chainrule.lang.integers import constant
from chainrule.lang.program import Equation, Program
from chainrule.limits import WORKED_CELLS

_SMALL = 2_000  # cells times terms of a program whose doubtful cells are pursued to the end


def evaluate_cells(
    program: Program,
    values: Mapping[str, Any],
    *,
    digits: int = 30,
    symbolic: Collection[str] = (),
    check: bool = True,
    most: int = WORKED_CELLS,
) -> Cells:
    """Every tensor of the program, cell by cell.

    Inputs named in `symbolic` need no value; their cells are references (`a`, `W[0,1]`). With
    `check=False` a function outside its domain gives NaN or an infinity instead of an error.

    Raises what `bind` raises; `DomainError`, `RangeError` (a subscript outside its axis),
    `DefinitionError` (a cell written twice or never), `MissingValueError` (a decision that hangs
    on a symbol), `LimitError` where `most` cells times terms would be visited.

    A rounded cell that cancels to nothing (1/3 - 1/3 by way of logarithms) is 0, not the 1e-31 that
    rounding leaves: what is tiny is computed again with more digits, and noise does not stay.

    >>> from chainrule.lang.ranges import program
    >>> y = evaluate_cells(program("y = exp(x)*exp(-x) - 1"), {"x": 0.3})["y"]
    >>> y.nested() == 0
    True
    """
    tables = _evaluated(program, values, digits, symbolic, check, most)
    doubtful = [(name, k) for name, table in tables.items() for k, cell in enumerate(table.cells)
                if _doubtful(cell, digits)]
    small = passes(program, tables.sizes) <= _SMALL
    for finer in (2, 4, 8, 16, 32) if small else (2,):
        if not doubtful:
            break
        again = _evaluated(program, values, finer * digits, symbolic, check, most)
        unsettled = []
        for name, k in doubtful:
            old, new = tables[name].cells[k], again[name].cells[k]
            tables[name].cells[k] = new
            if isinstance(new, Fraction | Expr) or abs(new - old) <= 1e-9 * abs(new) != 0:
                continue
            unsettled.append((name, k))
        doubtful = unsettled
    for name, k in doubtful:  # what goes on shrinking with every digit is nothing
        tables[name].cells[k] *= 0
    return tables


def _doubtful(cell: Any, digits: int) -> bool:
    """Whether a rounded cell is so small that it may be only what rounding left."""
    if isinstance(cell, Fraction | Expr | int | float):
        return False
    return bool(abs(cell) < 10 ** (-digits // 2))


def _evaluated(
    program: Program,
    values: Mapping[str, Any],
    digits: int,
    symbolic: Collection[str],
    check: bool,
    most: int,
) -> Cells:
    """One evaluation in `digits` digits."""
    symbols = [name for name in program.inputs if name in symbolic and name not in values]
    sizes, given = bind(program, values, exact=True, symbolic=symbols)
    tables = Cells(sizes)
    for name, shape in shapes(program, sizes).items():
        if name in given:
            tables[name] = given[name]
        elif name in symbols:
            blank = CellArray(shape, [])
            blank.cells[:] = [
                Ref(name, tuple(map(constant, place))) for place in blank.places()
            ]
            tables[name] = blank
        else:
            tables[name] = CellArray(shape, [])
    _Run(program, tables, digits, check).all_equations(most)
    for table in tables.values():
        table.cells[:] = [plain(cell) for cell in table.cells]
    return tables


class _Run(CellEvaluator):
    """The evaluation of all equations in order."""

    def all_equations(self, most: int) -> None:
        visits = passes(self.program, self.sizes)
        if visits > most:
            raise LimitError(
                f"working this by cells would take {visits:,} steps; at most {most:,} "
                "are allowed", hint="use smaller sizes, or run it with NumPy",
            )
        last = {equation.target: k for k, equation in enumerate(self.program.equations)}
        for k, equation in enumerate(self.program.equations):
            try:
                self.equation(equation)
                if last[equation.target] == k:
                    self._complete(equation)
            except ChainruleError as error:
                raise placed(error, equation) from None

    def equation(self, equation: Equation) -> None:
        """All passes of one equation's loop."""
        table = self.tables[equation.target]
        if not table.cells:
            blank = Fraction(0) if equation.accumulate else None
            table.cells[:] = [blank] * math.prod(table.shape)
        for at in self.loop(equation.ranges, {}):
            self.where = equation.target
            if not self.holds(equation.condition, at):
                continue
            place = target_place(self, equation, at)
            if place is None:
                continue
            self.where = cell_name(equation.target, place)
            value = self.value(equation.body, at)
            value = self._kept(value, self.program.tensors[equation.target].kind)
            position = table.position(place)
            if equation.accumulate:
                table.cells[position] = self.plus(table.cells[position], value)
            elif table.cells[position] is not None:
                raise DefinitionError(f"{self.where} is written twice")
            else:
                table.cells[position] = value

    def _kept(self, value: Any, kind: str) -> Any:
        """A value as its tensor holds it: a number, and a whole one in an integer tensor."""
        if isinstance(value, bool):
            raise KindError(f"{self.where} would be a condition, not a number")
        if kind != "integer" or isinstance(value, Symbolic):
            return value
        if not isinstance(value, Fraction):
            if not self.high.context.isint(value):
                raise KindError(f"{self.where} would be no integer")
            return Fraction(int(value))
        if value.denominator != 1:
            raise KindError(f"{self.where} would be no integer")
        return value

    def _complete(self, equation: Equation) -> None:
        table = self.tables[equation.target]
        if any(cell is None for cell in table.cells):
            place = next(p for p in table.places() if table.cells[table.position(p)] is None)
            raise DefinitionError(f"{cell_name(equation.target, place)} is never written")


__all__ = [
    "CellArray",
    "CellEvaluator",
    "Cells",
    "evaluate_cells",
    "passes",
    "target_place",
]
