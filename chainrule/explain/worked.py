"""Equations worked cell by cell: which passes of a loop write a cell, and what they look like.

`hits` finds, for each cell of a tensor, the loop passes that write it or add to it. `Worked` writes
an expression at such a pass, a sum as the sum of its terms and a maximum as the list of what it
compares, either in symbols (`W₀₁ · x₁`) or with the numbers put in (`2 · 5`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainrule.document.mathtree import Fence, Function, Mark, Math, Num, Op, Row, row, separated
from chainrule.document.notation import (
    _ATOM,
    _PRODUCT,
    _SUM,
    Notation,
    Value,
    leads_with_minus,
)
from chainrule.evaluate.cells import CellEvaluator, target_place
from chainrule.lang.expr import ArgReduce, Expr, IndexValue, Reduce, Ref, Select, walk
from chainrule.lang.program import Equation

Place = tuple[int, ...]
Pass = tuple[Equation, Mapping[str, int]]
SHOWN_TERMS = 16  # terms of one sum that are written out


def hits(evaluator: CellEvaluator, equations: Sequence[Equation]) -> dict[Place, list[Pass]]:
    """For each cell that equations of one tensor write, the loop passes that do, in order."""
    found: dict[Place, list[Pass]] = {}
    for equation in equations:
        for at in evaluator.loop(equation.ranges, {}):
            if evaluator.holds(equation.condition, at):
                place = target_place(evaluator, equation, at)
                if place is not None:
                    found.setdefault(place, []).append((equation, at))
    return found


def winners(evaluator: CellEvaluator, equation: Equation) -> dict[str, set[Place]]:
    """The cells that the maxima and minima of an equation take their values from, by tensor."""
    found: dict[str, set[Place]] = {}
    reductions = [n for n in walk(equation.body) if isinstance(n, Reduce) and n.op != "sum"]
    for reduction in reductions:
        if any(n not in {r.name for r in equation.ranges} | {r.name for r in reduction.indices}
               for ref in walk(reduction.body) if isinstance(ref, Ref)
               for s in ref.subscripts for n in s.indices()):
            continue  # inside another reduction: its winners are many
        for at in evaluator.loop(equation.ranges, {}):
            if not evaluator.holds(equation.condition, at):
                continue
            inner, _ = evaluator.winner(reduction, at)
            for ref in walk(reduction.body):
                if isinstance(ref, Ref) and ref.subscripts:
                    place = evaluator.resolve(ref, inner)
                    if place is not None:
                        found.setdefault(ref.tensor, set()).add(place)
    return found


class Worked(Notation):
    """A notation that writes expressions at one pass of a loop."""

    def __init__(self, base: Notation, evaluator: CellEvaluator) -> None:
        super().__init__(base.tensors, base.digits, base.style, base.loss, base.names)
        self.base = base  # writes formulas in symbols, at no place
        self.evaluator = evaluator
        self.place: Mapping[str, int] = {}
        self.numbers = True

    def at(self, e: Expr, place: Mapping[str, int], numbers: bool) -> Math:
        """The expression at these index values, with numbers or in symbols."""
        self.place, self.numbers = place, numbers
        return self._write(e, None)[0]

    def part(self, e: Expr, place: Mapping[str, int], numbers: bool, level: int) -> Math:
        """The same, in brackets where it binds less than `level`."""
        self.place, self.numbers = place, numbers
        return self._at(e, None, level)

    def _write(self, e: Expr, value: Value | None) -> tuple[Math, int]:
        if isinstance(e, Ref):
            return self._read(e)
        if isinstance(e, IndexValue):
            m = Num(str(self.evaluator.integer(e.value, self.place)))
            return m, _SUM if m.text.startswith("-") else _ATOM
        if isinstance(e, ArgReduce):
            return self.number(self.evaluator.value(e, self.place)), _ATOM
        if isinstance(e, Select):
            taken = self.evaluator.holds(e.condition, self.place)
            return self._write(e.then if taken else e.otherwise, value)
        if isinstance(e, Reduce):
            return self._reduction(e)
        return super()._write(e, value)

    def _read(self, e: Ref) -> tuple[Math, int]:
        place = self.evaluator.resolve(e, self.place)
        if place is None:
            assert e.outside is not None
            return self.number(e.outside.fill.value), _ATOM
        if not self.numbers:
            return self.tensor(e.tensor, tuple(Num(str(n)) for n in place)), _ATOM
        m = self.cell(self.evaluator.tables[e.tensor][place])
        return m, binding(m)

    def _reduction(self, e: Reduce) -> tuple[Math, int]:
        outer = self.place
        passes = list(self.evaluator.inside(e, outer))
        best = None if e.op == "sum" else self.evaluator.winner(e, outer)[0]
        written: list[Math] = []
        for inner in passes[:SHOWN_TERMS]:
            self.place = inner
            term = self._at(e.body, None, _PRODUCT if e.op == "sum" else 0)
            written.append(Mark(term) if inner == best else term)
        if len(passes) > SHOWN_TERMS:
            written.append(Op("…"))
        self.place = outer
        if e.op == "sum":
            return summed(written), _SUM if len(written) > 1 else _PRODUCT
        return Function(e.op, row(*separated(written, ","))), _ATOM


def binding(m: Math) -> int:
    """How tightly a written value binds."""
    from_row = isinstance(m, Row) and any(isinstance(x, Op) and x.text in "+-" for x in m.items)
    negative = isinstance(m, Num) and m.text.startswith("-")
    if from_row or negative:
        return _SUM
    return _PRODUCT if isinstance(m, Row) else _ATOM


def summed(terms: Sequence[Math]) -> Math:
    """Terms with + between them; a negative one behind the first goes into brackets."""
    if not terms:
        return Num("0")
    terms = [_bare(terms[0]), *terms[1:]]
    if len(terms) == 1:
        return terms[0]
    items: list[Math | str] = []
    for k, term in enumerate(terms):
        if k:
            items.append("+")
            if leads_with_minus(term):
                term = Fence(term)
        items += term.items if isinstance(term, Row) and not isinstance(term, Fence) else [term]
    return row(*items)


def _bare(m: Math) -> Math:
    """A first term without the brackets that a sign alone does not need there."""
    if not (isinstance(m, Fence) and isinstance(m.body, Row) and m.open == "("):
        return m
    signs = [x for x in m.body.items if isinstance(x, Op) and x.text in "+-"]
    return m.body if len(signs) == 1 and m.body.items[0] == Op("-") else m
