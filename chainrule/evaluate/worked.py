"""What a cell is made of: the terms that a worked trace writes between `=` and the value.

For `y[0] = sum(v) W[0,v]*x[v] + b[0]` a trace prints `8·1 + 6·2 + 1`: the sum written out, one
term for each value of its indices, with every subscript a number. This module takes an equation
apart like that, for each cell of its target, after `evaluate_cells` has computed the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from chainrule.errors import LimitError
from chainrule.evaluate.naive import CellEvaluator, Cells, passes, target_place
from chainrule.evaluate.symbolic import plain
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
    exact,
    neg,
)
from chainrule.lang.integers import constant
from chainrule.lang.program import Equation, Program
from chainrule.limits import WORKED_CELLS

Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One contribution to a cell.

    `expr` has numbers for all subscripts, sums inside it written out, and of selections only the
    branch taken; a read of the padding is the number found there. `indices` are the values of the
    indices of the term, those of the cell included, and `value` is what the term comes to.
    `taken` is "" for a term of a sum, "winner" or "beaten" for a candidate of a maximum or
    minimum, "then" or "otherwise" where the equation is a selection.
    """

    indices: Mapping[str, int]
    expr: Expr
    value: Any
    taken: str = field(default="")


def terms(equation: Equation, program: Program, cells: Cells) -> dict[Place, list[Term]]:
    """The terms of each cell that an equation writes, in the order of its loop.

    A sum at the root gives a term for each value of its indices (beside the other addends, as in
    `sum(v) W*x + b`), a maximum or minimum its candidates, and `+=` a term for each pass that
    hits the cell. Raises `LimitError` over `WORKED_CELLS` terms.
    """
    one = Program(program.tensors, program.inputs, (equation,), ())
    visits = passes(one, cells.sizes)
    if visits > WORKED_CELLS:
        raise LimitError(
            f"working {equation.target} out would take {visits:,} terms; at most "
            f"{WORKED_CELLS:,} are allowed", equation.origin.span,
        )
    worker = _Worker(program, cells)
    found: dict[Place, list[Term]] = {}
    for at in worker.loop(equation.ranges, {}):
        if not worker.holds(equation.condition, at):
            continue
        place = target_place(worker, equation, at)
        if place is None:
            continue
        if equation.accumulate:
            found.setdefault(place, []).append(worker.term(equation.body, at))
        else:
            found[place] = worker.addends(equation.body, at)
    return found


class _Worker(CellEvaluator):
    """Takes expressions apart at given index values."""

    def term(self, e: Expr, at: dict[str, int], taken: str = "", negative: bool = False) -> Term:
        """An expression as one term."""
        written = self.written(e, at)
        value = self.value(e, at)
        return Term(at, neg(written) if negative else written,
                    plain(-value if negative else value), taken)

    def addends(self, e: Expr, at: dict[str, int]) -> list[Term]:
        """The terms of a cell, by what stands at the root of its equation."""
        if isinstance(e, Select):
            first = self.holds(e.condition, at)
            return [self.term(e.then if first else e.otherwise, at,
                              "then" if first else "otherwise")]
        if isinstance(e, Reduce) and e.op != "sum":
            winner = self.winner(e, at)[0]
            return [self.term(e.body, inner, "winner" if inner == winner else "beaten")
                    for inner in self.inside(e, at)]
        found: list[Term] = []
        pending = [(e, False)]
        while pending:
            node, negative = pending.pop()
            if isinstance(node, Reduce) and node.op == "sum":
                found += [self.term(node.body, inner, "", negative)
                          for inner in self.inside(node, at)]
            elif isinstance(node, Apply) and node.function in _SIGNS and _sums(node):
                signs = _SIGNS[node.function]
                pending += [(part, negative != sign) for part, sign in
                            reversed(list(zip(node.args, signs, strict=True)))]
            else:
                found.append(self.term(node, at, "", negative))
        return found

    def written(self, e: Expr, at: Mapping[str, int]) -> Expr:
        """An expression with its indices replaced by numbers and everything lazy decided."""
        chain: list[Apply] = []
        while isinstance(e, Apply) and e.args:
            chain.append(e)
            e = e.args[0]
        result = self._written_leaf(e, at)
        for node in reversed(chain):
            rest = tuple(self.written(part, at) for part in node.args[1:])
            result = Apply(node.function, (result, *rest), node.span)
        return result

    def _written_leaf(self, e: Expr, at: Mapping[str, int]) -> Expr:
        if isinstance(e, Ref):
            place = self.resolve(e, at)
            if place is None:
                assert e.outside is not None
                return e.outside.fill
            return Ref(e.tensor, tuple(map(constant, place)), None, e.span)
        if isinstance(e, IndexValue):
            return exact(Fraction(self.integer(e.value, at)))
        if isinstance(e, Select):
            return self.written(e.then if self.holds(e.condition, at) else e.otherwise, at)
        if isinstance(e, ArgReduce):
            return Number(self.winner(e, at)[0][e.which])
        if isinstance(e, Reduce):
            function = "add" if e.op == "sum" else e.op
            total: Expr | None = None
            for inner in self.inside(e, at):
                part = self.written(e.body, inner)
                total = part if total is None else Apply(function, (total, part), e.span)
            return Number(0) if total is None else total
        return e


_SIGNS = {"add": (False, False), "sub": (False, True), "neg": (True,)}


def _sums(e: Expr) -> bool:
    """Whether a sum over indices is among the addends of an expression."""
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Reduce) and node.op == "sum":
            return True
        if isinstance(node, Apply) and node.function in _SIGNS:
            stack.extend(node.args)
    return False
