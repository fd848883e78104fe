"""Kinks that a point lies on: where a derivative jumps, what was chosen, out of which values."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.document.blocks import Note, note
from chainrule.document.mathtree import Math, Num
from chainrule.document.notation import Notation
from chainrule.errors import MissingValueError
from chainrule.evaluate.cells import CellEvaluator
from chainrule.lang.expr import Apply, Expr, Reduce, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import constant
from chainrule.lang.program import Equation

_MOST = 8  # remarks made before the rest is only counted


def kink_notes(evaluator: CellEvaluator, notation: Notation,
               equations: tuple[Equation, ...]) -> list[Note]:
    """A remark for each kink, tie or boundary of cases that the values lie exactly on."""
    found = list(dict.fromkeys(_found(evaluator, notation, equations)))
    if len(found) > _MOST:
        rest = note(f"{len(found) - _MOST} more cells lie on a kink.", kind="kink")
        return [*found[:_MOST], rest]
    return found


def _found(evaluator: CellEvaluator, notation: Notation,
           equations: tuple[Equation, ...]) -> Iterator[Note]:
    for equation in equations:
        nodes = [n for n in walk(equation.body) if _may_kink(n)]
        if not nodes:
            continue
        inner = {r.name for n in walk(equation.body) if isinstance(n, Reduce) for r in n.indices}
        for at in evaluator.loop(equation.ranges, {}):
            if not evaluator.holds(equation.condition, at):
                continue
            subscripts = tuple(constant(evaluator.integer(s, at)) for s in equation.subscripts)
            where = notation.tensor(equation.target,
                                    tuple(Num(str(s.constant)) for s in subscripts))
            for node in nodes:
                if inner and not isinstance(node, Reduce):
                    continue  # its indices are bound inside
                yield from _at(evaluator, notation, node, at, where)


def _may_kink(node: Expr) -> bool:
    if isinstance(node, Apply):
        return bool(FUNCTIONS[node.function].kinks)
    return isinstance(node, Select) or (isinstance(node, Reduce) and node.op != "sum")


def _at(evaluator: CellEvaluator, notation: Notation, node: Expr, at: dict[str, int],
        where: Math) -> Iterator[Note]:
    try:
        yield from _checked(evaluator, notation, node, at, where)
    except MissingValueError:
        return  # whether it is a kink depends on a symbol


def _checked(evaluator: CellEvaluator, notation: Notation, node: Expr, at: dict[str, int],
             where: Math) -> Iterator[Note]:
    if isinstance(node, Apply):
        for kink in FUNCTIONS[node.function].kinks:
            if evaluator.value(kink.where(*node.args), at) == 0:
                yield note("in ", where, ", ", notation.expression(node), " has a corner here: "
                           f"its derivative is chosen as {kink.chose} from "
                           f"[{kink.low}, {kink.high}]", kind="kink")
    elif isinstance(node, Select):
        test = node.condition
        if (isinstance(test, Apply) and test.function in ("lt", "le", "gt", "ge")
                and evaluator.value(test.args[0], at) == evaluator.value(test.args[1], at)):
            taken = node.then if evaluator.holds(test, at) else node.otherwise
            yield note("in ", where, ", both sides of ", notation.expression(test),
                       " are equal; the formula takes the case ", notation.expression(taken),
                       kind="kink")
    elif isinstance(node, Reduce):
        best = evaluator.winner(node, at)
        ties = [i for i in evaluator.inside(node, at)
                if evaluator.value(node.body, i) == best[1]]
        if len(ties) > 1:
            yield note("in ", where, f", {len(ties)} candidates are equal to ",
                       notation.cell(best[1]),
                       "; the first of them passes the derivative", kind="kink")
