"""The values of a part: what its program computes from what is given, exactly where it can be.

A quantity is named in chainrule's language: `U`, `V[0,1]`, `2*y + 1`, and `dL/dV` for a derivative,
where L is a tensor of the program or one of the part's adjoints. What has no value stays a symbol:
a cell is then an expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Part
from chainrule.diff.reverse import gradient, jacobian, vjp
from chainrule.document.blocks import plain
from chainrule.document.notation import Notation
from chainrule.errors import (
    ChainruleError,
    InputError,
    LimitError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.evaluate.cells import CellEvaluator, Cells, evaluate_cells
from chainrule.evaluate.values import CellArray
from chainrule.explain.kinks import kink_notes
from chainrule.formulas.calls import read
from chainrule.lang.expr import Expr
from chainrule.lang.program import Program, fresh
from chainrule.limits import FORMULA_CHARACTERS, TENSOR_AXES
from chainrule.literals import value as literal_value

DIGITS: Final = 40
DERIVATIVE: Final = re.compile(r"\s*[d∂](\w+)\s*/\s*[d∂](\w+)\s*(\[[^\]]*\])?\s*")
_CELL: Final = re.compile(r"\s*([^\W\d]\w*)\s*(?:\[([\d\s,]*)\])?\s*")


def value_of(part: Part, quantity: str) -> CellArray:
    """The value of a quantity of a part whose given values are numbers.

    Raises `UnknownNameError` for a name that the part does not have, and what evaluation and
    differentiation raise.

    >>> from chainrule.formulas.calls import read
    >>> value_of(Part("a", read("y = x^2"), {"x": 3}), "dy/dx").nested()
    Fraction(6, 1)
    """
    return Values(part).value(quantity)


def nested(value: Any, depth: int = 0) -> Any:
    """A given value with each number as a fraction; a string is a number or a list of numbers."""
    if depth > TENSOR_AXES:
        raise LimitError(f"a value has more than {TENSOR_AXES} axes")
    if isinstance(value, list | tuple):
        return [nested(v, depth + 1) for v in value]
    if isinstance(value, str):
        return literal_value(value)
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)


class Values:
    """All values of one part; each derivative is worked out once."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._cells: Cells | None = None
        self._found: dict[str, CellArray] = {}

    @property
    def program(self) -> Program:
        """The part's program; `InputError` where it has none."""
        if self.part.program is None:
            raise InputError(f"the part {self.part.name} has no program, so nothing of it can be "
                             "computed")
        return self.part.program

    def cells(self) -> Cells:
        """All tensors of the program."""
        if self._cells is None:
            self._cells = self.run(self.program)
        return self._cells

    def run(self, program: Program, more: Mapping[str, Any] | None = None) -> Cells:
        """A program's cells at the part's values; what has none stays a symbol."""
        sizes = {n: s for n, s in self.part.sizes.items()
                 if isinstance(s, int) and n in program.size_names()}
        given = {n: v for n, v in self.part.given.items()
                 if n in program.inputs and not isinstance(v, str)}
        given = {**sizes, **given, **(more or {})}
        return evaluate_cells(program, given, digits=DIGITS,
                              symbolic=[n for n in program.inputs if n not in given])

    def value(self, text: str) -> CellArray:
        """The value of a quantity or of an expression."""
        text = text.strip()
        if text not in self._found:
            if len(text) > FORMULA_CHARACTERS:
                raise LimitError(f"an expression of {len(text):,} characters; at most "
                                 f"{FORMULA_CHARACTERS:,} are read")
            self._found[text] = self._value(text)
        return self._found[text]

    def _value(self, text: str) -> CellArray:
        derivative = DERIVATIVE.fullmatch(text)
        if derivative is not None:
            whole = self.derivative(derivative[1], derivative[2])
            return _at(whole, derivative[3], text)
        cell = _CELL.fullmatch(text)
        if cell is not None:
            name = cell[1]
            if self.part.program is None and name in self.part.given:
                return _at(array(nested(self.part.given[name])), cell[2], text)
            if name in self.program.tensors:
                return _at(self.cells()[name], cell[2], text)
            if name in self.program.size_names() and cell[2] is None:
                return CellArray((), [Fraction(self.cells().sizes[name])])
            raise UnknownNameError(f"the part {self.part.name} has no {name:.60}", None,
                                   did_you_mean(name, list(self.program.tensors)))
        return self.expression(text)

    def expression(self, text: str) -> CellArray:
        """An expression of the part's tensors."""
        name = fresh("value", {**self.program.tensors,
                               **dict.fromkeys(self.program.size_names())})
        try:
            whole = read(f"{self.part.source}\n{name} = {text}\noutput {name}", "expression")
        except ChainruleError as error:
            error.message = f"{text:.80}: {error.message}"
            error.span = None
            raise
        for new in whole.inputs:
            if new not in self.program.inputs:
                raise UnknownNameError(f"the part {self.part.name} has no {new:.60}", None,
                                       did_you_mean(new, list(self.program.tensors)))
        return self.run(whole)[name]

    def holds(self, condition: str) -> bool:
        """Whether a condition of the part's tensors holds."""
        found = self.expression(f"1 if ({condition}) else 0").cells[0]
        return bool(found == 1)

    def derivative(self, top: str, bottom: str) -> CellArray:
        """∂top/∂bottom: a gradient for a scalar, a Jacobian with top's axes first otherwise."""
        for name in (top, bottom):
            if name not in self.program.tensors and name not in self.part.adjoints:
                raise UnknownNameError(
                    f"the part {self.part.name} has no {name:.60}", None,
                    did_you_mean(name, [*self.program.tensors, *self.part.adjoints]))
        if top in self.part.adjoints:
            return self.pulled(self.part.adjoints[top], bottom)
        make = jacobian if self.program.tensors[top].shape else gradient
        d = make(self.program, top, [bottom])
        return self.run(d.program)[d.names[bottom]]

    def pulled(self, adjoints: Mapping[str, Any], bottom: str) -> CellArray:
        """Given adjoints pulled back to a tensor."""
        if bottom in adjoints and len(adjoints) == 1:
            return array(nested(adjoints[bottom]))
        d = vjp(self.program, list(adjoints), [bottom])
        seeds = {d.seeds[n]: v for n, v in adjoints.items()}
        return self.run(d.program, seeds)[d.names[bottom]]

    def kinks(self) -> list[str]:
        """Where the values lie exactly on a corner, a tie, the boundary of a case."""
        cells = self.cells()
        evaluator = CellEvaluator(self.program, cells, DIGITS, True)
        notation = Notation(self.program.tensors)
        return [plain(n.inlines) for n in kink_notes(evaluator, notation, self.program.equations)]


def array(value: Any) -> CellArray:
    """Nested lists as cells."""
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    cells = [value]
    for size in shape:
        if any(not isinstance(c, list) or len(c) != size for c in cells):
            raise InputError("the rows of a value are not of one length")
        cells = [inner for c in cells for inner in c]
    return CellArray(tuple(shape), cells)


def _at(whole: CellArray, subscripts: str | None, text: str) -> CellArray:
    """One cell, where subscripts say which."""
    if subscripts is None:
        return whole
    words = subscripts.strip("[] ").replace(",", " ").split()
    place = tuple(map(int, words))
    if len(place) != len(whole.shape) or any(
            not 0 <= p < s for p, s in zip(place, whole.shape, strict=True)):
        raise InputError(f"{text.strip():.60}: there is no such cell in a shape "
                         f"{list(whole.shape)}", hint="subscripts begin at 0")
    return CellArray((), [whole[place]])


def known(found: CellArray) -> bool:
    """Whether every cell is a number."""
    return not any(isinstance(cell, Expr) for cell in found.cells)
