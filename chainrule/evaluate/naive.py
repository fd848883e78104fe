"""The value of an expression at given index values, by the language's semantics word for word.

This is the part of the naive evaluator that looks at one cell: it walks an expression with a
number for every index, reads cells, and computes exactly where that is possible, to many digits
where it is not, and symbolically where an input was left without a value. `cells` loops it over
whole programs; `explain.worked` takes single equations apart with it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from chainrule.errors import (
    DefinitionError,
    DomainError,
    KindError,
    RangeError,
)
from chainrule.evaluate.arithmetic import EXACT_BITS, Exact, HighPrecision, Inexact
from chainrule.evaluate.domains import in_domain, outside_domain, text_of
from chainrule.evaluate.symbolic import Symbolic, missing, quotient, whole_power
from chainrule.evaluate.values import CellArray, Sizes, cell_name
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer, Size
from chainrule.lang.program import Equation, Program

Indices = Mapping[str, int]


class Cells(dict[str, CellArray]):
    """Every tensor of a program, inputs included, by name; `sizes` has the sizes' values."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes


def passes(program: Program, sizes: Sizes) -> int:
    """How many cells times terms a naive evaluation visits."""
    return sum(
        _span(equation.ranges, sizes) * _terms(equation.body, sizes)
        for equation in program.equations
    )


def _span(ranges: tuple[Range, ...], sizes: Sizes) -> int:
    return math.prod(sizes.of(r.size) for r in ranges if r.size is not None)


def _terms(e: Expr, sizes: Sizes) -> int:
    """The terms of the reductions in an expression, at least 1."""
    total, pending = 1, [(e, 1)]
    while pending:
        node, times = pending.pop()
        for part in walk_to_reductions(node):
            inner = times * _span(part.indices, sizes)
            total += inner
            pending.append((part.body, inner))
            if part.condition is not None:
                pending.append((part.condition, inner))
    return total


def walk_to_reductions(e: Expr) -> Iterator[Reduce | ArgReduce]:
    """The outermost reductions in an expression."""
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Reduce | ArgReduce):
            yield node
        elif isinstance(node, Apply):
            stack.extend(node.args)
        elif isinstance(node, Select):
            stack.extend((node.condition, node.then, node.otherwise))


class CellEvaluator:
    """Values of expressions at given indices, over tables of cells.

    `where` names the cell that is being computed, for messages.
    """

    def __init__(
        self, program: Program, tables: Cells, digits: int = 30, check: bool = True
    ) -> None:
        self.program = program
        self.tables = tables
        self.sizes = tables.sizes
        self.check = check
        self.exact = Exact()
        self.high = HighPrecision(digits)
        self.where = ""

    # --- expressions

    def value(self, e: Expr, at: Indices) -> Any:
        """The value of an expression; a bool for a condition."""
        chain: list[Apply] = []  # a + b + c + ... leans left: walk down it without recursion
        while isinstance(e, Apply) and e.args and e.function not in ("and", "or"):
            chain.append(e)
            e = e.args[0]
        result = self._leaf(e, at)
        for node in reversed(chain):
            rest = [self.value(part, at) for part in node.args[1:]]
            result = self.apply(node, [result, *rest])
        return result

    def _leaf(self, e: Expr, at: Indices) -> Any:
        if isinstance(e, Number):
            return self.number(e.value)
        if isinstance(e, Ref):
            return self.read(e, at)
        if isinstance(e, Apply):
            if e.function == "and":
                return self.holds(e.args[0], at) and self.holds(e.args[1], at)
            if e.function == "or":
                return self.holds(e.args[0], at) or self.holds(e.args[1], at)
            return self.apply(e, [])
        if isinstance(e, Select):
            return self.value(e.then if self.holds(e.condition, at) else e.otherwise, at)
        if isinstance(e, IndexValue):
            return Fraction(self.integer(e.value, at))
        if isinstance(e, ArgReduce):
            winner = self.winner(e, at)
            return Fraction(winner[0][e.which])
        assert isinstance(e, Reduce)
        if e.op == "sum":
            total: Any = Fraction(0)
            for inner in self.inside(e, at):
                total = self.plus(total, self.value(e.body, inner))
            return total
        return self.winner(e, at)[1]

    def number(self, value: int | float | Fraction) -> Any:
        """A constant: exact, or rounded if it is written as a float."""
        return self.high.number(value) if isinstance(value, float) else Fraction(value)

    def holds(self, condition: Expr | None, at: Indices) -> bool:
        """Whether a condition holds; None always does."""
        return condition is None or bool(self.value(condition, at))

    def inside(self, e: Reduce | ArgReduce, at: Indices) -> Iterator[dict[str, int]]:
        """The index values of a reduction's terms, the last index fastest."""
        for inner in self.loop(e.indices, at):
            if self.holds(e.condition, inner):
                yield inner

    def loop(self, ranges: tuple[Range, ...], at: Indices) -> Iterator[dict[str, int]]:
        """All values of some indices, beside those that are set already."""
        names = [r.name for r in ranges]
        counts = [range(self.sizes.of(r.size)) for r in ranges if r.size is not None]
        for place in itertools.product(*counts):
            yield {**at, **dict(zip(names, place, strict=True))}

    def winner(self, e: Reduce | ArgReduce, at: Indices) -> tuple[dict[str, int], Any]:
        """The index values and the value of the first largest (or smallest) term."""
        best: tuple[dict[str, int], Any] | None = None
        for inner in self.inside(e, at):
            value = self.value(e.body, inner)
            if isinstance(value, Symbolic):
                raise missing(value, f"the {e.op} in {self.where}").with_span(e.span)
            if best is None or value != value or self._beats(e.op, value, best[1]):
                best = inner, value  # NaN wins, so that it is seen
        if best is None:
            raise DomainError(
                f"the {e.op} over {', '.join(r.name for r in e.indices)} in {self.where} has no "
                "terms", e.span, hint="an empty maximum or minimum has no value",
            )
        return best

    def _beats(self, op: str, a: Any, b: Any) -> bool:
        """Whether `a` wins over `b`, which stood first."""
        if type(a) is not type(b):
            a, b = self.high.number(a), self.high.number(b)
        return bool(a > b if op == "max" else a < b)

    # --- functions

    def plus(self, a: Any, b: Any) -> Any:
        """The sum of two cells."""
        if type(a) is Fraction and type(b) is Fraction:
            return self._bearable(a + b)
        if isinstance(a, Symbolic) or isinstance(b, Symbolic):
            return a + b
        return self.high.number(a) + self.high.number(b)

    def apply(self, node: Apply, args: list[Any]) -> Any:
        """A function of the table: exactly if it can be, else to the digits asked for."""
        if any(isinstance(x, Symbolic) for x in args):
            return self._symbolic(node, args)
        entry = FUNCTIONS[node.function]
        checked = not self.check or entry.domain is None
        if all(isinstance(x, Fraction | bool) for x in args):
            if not checked and not in_domain(self.exact, node.function, args):
                raise self._undefined(node, args)
            checked = True
            try:
                return self._bearable(entry.value(self.exact, *args))
            except Inexact:
                pass
        numbers = [x if isinstance(x, bool) else self.high.number(x) for x in args]
        if not checked and not in_domain(self.high, node.function, numbers):
            raise self._undefined(node, numbers)
        if _exactly_zero(node.function, args, numbers):
            return Fraction(0)
        result = entry.value(self.high, *numbers)
        if self.check and result != result:
            raise DomainError(f"{text_of(node)} is not a number in {self.where}", node.span)
        return result

    def _bearable(self, value: Any) -> Any:
        """A fraction that has become too long goes on as a rounded number."""
        if isinstance(value, Fraction):
            bits = value.numerator.bit_length() + value.denominator.bit_length()
            return self.high.number(value) if bits > EXACT_BITS else value
        return value

    def _undefined(self, node: Apply, args: list[Any]) -> DomainError:
        divisor = text_of(node.args[-1]) if node.args else ""
        return outside_domain(node, args, divisor, self.where)

    def _symbolic(self, node: Apply, args: list[Any]) -> Any:
        """A function of a cell that depends on an input without a value."""
        name = node.function
        symbol = next(x for x in args if isinstance(x, Symbolic))
        if FUNCTIONS[name].boolean:
            purpose = f"the condition {text_of(node)} in {self.where}"
            raise missing(symbol, purpose).with_span(node.span)
        if name in ("max", "min"):
            raise missing(symbol, f"the {name} in {self.where}").with_span(node.span)
        if name == "div":
            if self.check and not isinstance(args[1], Symbolic) and args[1] == 0:
                raise self._undefined(node, args)
            return quotient(*args)
        if name == "pow":
            return whole_power(*args)
        if name in ("add", "sub", "mul", "neg", "square"):
            return FUNCTIONS[name].value(self.exact, *args)
        return Symbolic.function(name, args)

    # --- subscripts

    def integer(self, p: Integer, at: Indices) -> int:
        """The value of a subscript, gathers included."""
        name = p.plain
        if name is not None:
            return at[name]
        number = p.constant
        if number is not None:
            return number

        def value(a: Any) -> int:
            if isinstance(a, Index):
                return at[a.name]
            if isinstance(a, Size):
                return self.sizes[a.name]
            assert isinstance(a, Read)
            return self.label(a.ref, at)

        try:
            return int(p.evaluate(value))
        except ZeroDivisionError:
            raise RangeError(f"{p} divides by zero in {self.where}") from None

    def label(self, ref: Ref, at: Indices) -> int:
        """The integer that a gather reads."""
        number = self.read(ref, at)
        if isinstance(number, Symbolic):
            raise missing(number, f"the subscript {text_of(ref)} in {self.where}")
        if not isinstance(number, Fraction) or number.denominator != 1:
            raise KindError(f"{text_of(ref)} is no integer in {self.where}", ref.span)
        return number.numerator

    def resolve(self, ref: Ref, at: Indices) -> tuple[int, ...] | None:
        """The cell that a reference reads; None where it reads the padding."""
        shape = self.tables[ref.tensor].shape
        place = tuple(self.integer(s, at) for s in ref.subscripts)
        padding = False
        for axis, (s, size) in enumerate(zip(place, shape, strict=True)):
            if 0 <= s < size:
                continue
            padding = True
            if ref.outside is None:
                raise self._beyond(ref, axis, s, size, at)
            if ref.outside.pads is not None:
                before, after = (self.integer(p, at) for p in ref.outside.pads[axis])
                if not -before <= s < size + after:
                    raise self._beyond(ref, axis, s, size, at, (before, after))
        return None if padding else place

    def _beyond(
        self,
        ref: Ref,
        axis: int,
        found: int,
        size: int,
        at: Indices,
        pads: tuple[int, int] | None = None,
    ) -> RangeError:
        subscript = ref.subscripts[axis]
        names = [f"{i} = {at[i]}" for i in subscript.indices()]
        pad = f" and is padded by {pads[0]} and {pads[1]}" if pads else ""
        return RangeError(
            f"{self.where} reads {ref.tensor} outside: its subscript {subscript} is {found}"
            + (f" where {', '.join(names)}" if names else "")
            + f", but axis {axis} of {ref.tensor} has size {size}{pad}",
            ref.span,
        )

    def read(self, ref: Ref, at: Indices) -> Any:
        """The cell that a reference reads, or what it reads outside."""
        table = self.tables[ref.tensor]
        place = self.resolve(ref, at)
        if place is None:
            assert ref.outside is not None
            return self.number(ref.outside.fill.value)
        cell = table.cells[table.position(place)] if table.cells else None
        if cell is None:
            raise DefinitionError(
                f"{self.where} reads {cell_name(ref.tensor, place)} before it is written", ref.span
            )
        if type(cell) is Fraction:
            return cell
        if isinstance(cell, float):
            return self.high.number(cell)
        return Symbolic.of(cell) if isinstance(cell, Expr) else cell


def target_place(
    evaluator: CellEvaluator, equation: Equation, at: Indices
) -> tuple[int, ...] | None:
    """The cell that one pass of an equation writes; None where the write is dropped."""
    shape = evaluator.tables[equation.target].shape
    place = tuple(evaluator.integer(s, at) for s in equation.subscripts)
    for axis, (s, size) in enumerate(zip(place, shape, strict=True)):
        if 0 <= s < size:
            continue
        if equation.dropping:
            return None
        names = ", ".join(f"{i} = {at[i]}" for i in equation.subscripts[axis].indices())
        raise RangeError(
            f"the equation of {equation.target} writes outside: its subscript "
            f"{equation.subscripts[axis]} is {s}" + (f" where {names}" if names else "")
            + f", but axis {axis} of {equation.target} has size {size}"
        )
    return place


def _exactly_zero(function: str, args: list[Any], numbers: list[Any]) -> bool:
    """Whether an exact zero makes a product or a quotient zero, however its partner rounds."""
    zeros = args if function == "mul" else args[:1] if function == "div" else []
    return any(type(x) is Fraction and x == 0 for x in zeros) and all(
        x - x == 0 for x in numbers)
