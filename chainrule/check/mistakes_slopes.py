"""A gradient has slopes f'(u) as factors: what comes out where something else stood there?

A backward pass multiplies with the slope of each function on the way. Where the function's value
f(u) was taken for it, or its input u, or its slope at the output, or nothing at all, each cell of
the gradient comes out as something else. Here the sheet's own backward pass is run with one such
slightly wrong factor in one equation, and the result is compared with what the student has. All
functions of one number are meant, those by cases too: there each case may have its own slip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found
from chainrule.check.mistakes_work import Work, shown_name, words, work_of
from chainrule.check.values import Array, Value, cells_of
from chainrule.diff.calculus import support, terms
from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    add,
    both,
    mul,
    select,
    transform,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.program import Equation

_RUNS: Final = 60
_VISITS: Final = 20_000
_PLAIN: Final = frozenset({"neg", "abs", "sign", "heaviside", "floor", "ceil", "round"})
_INFIX: Final = frozenset({"add", "sub", "mul", "div", "pow"})


@dataclass(frozen=True, slots=True)
class Slip:
    """Something that stood where the slope of a function belongs."""

    kind: str
    text: str
    cost: float
    factor: Expr


def slopes(bench: Bench) -> Iterator[Found]:
    """The slips with a slope that give all of the right-hand side."""
    yield from _tried(bench, False)


def some_slopes(bench: Bench) -> Iterator[Found]:
    """The slips with a slope that give each wrong cell of the right-hand side."""
    if isinstance(bench.value(bench.right), Array):
        yield from _tried(bench, True)


def _tried(bench: Bench, part: bool) -> Iterator[Found]:
    work = work_of(bench)
    if work is None or not work.aim.bottom:
        return
    made = sorted(((slip, k, equation) for k in work.places
                   for slip, equation in slipped(work, k)), key=lambda m: m[0].cost)
    for slip, k, equation in made[:_RUNS]:
        if work.visits > _VISITS:
            return
        if part:
            wrong = _explained(bench, work, k, equation)
            if wrong:
                yield Found(slip.kind, f"{slip.text}, in some of the cells", slip.cost + 0.35,
                            wrong > 1)
                return
        elif work.fits(k, equation):
            doubt = _doubt(bench, work)
            yield Found(slip.kind, slip.text, slip.cost + doubt, not doubt)
            if not doubt:
                return


def _doubt(bench: Bench, work: Work) -> float:
    """How easily it fits by accident; hardly where several cells are wrong, and all explained."""
    if len(work.spots) > 1:
        return 0.0
    mine, true = (cells_of(v) for v in (work.wanted[0], bench.value(bench.left)))
    if len(mine) == len(true) and sum(not bench.numbers.close(a, b)
                                      for a, b in zip(mine, true, strict=True)) > 1:
        return 0.0
    return work.doubt()


def _explained(bench: Bench, work: Work, k: int, equation: Equation) -> int:
    """How many cells are wrong, if the slip gives them all and the others are right."""
    most = 0
    for j in range(len(work.spots)):
        made, true = work.result(k, equation, j), work.truth(j)
        mine = work.wanted[j]
        if not (isinstance(made, Array) and isinstance(true, Array) and isinstance(mine, Array)):
            return 0
        if not len(made.cells) == len(true.cells) == len(mine.cells):
            return 0
        cells, wrong = [], 0
        for a, b, c in zip(made.cells, true.cells, mine.cells, strict=True):
            other = _apart(bench, a, c) < _apart(bench, b, c)
            wrong += other
            cells.append(a if other else b)
        if not bench.near(Array(mine.shape, tuple(cells)), mine):
            return 0
        most = max(most, wrong)
    return most


def _apart(bench: Bench, a: Value, b: Value) -> Fraction:
    x, y = bench.numbers.exactly(a), bench.numbers.exactly(b)
    return Fraction(10) ** 9 if x is None or y is None else abs(x - y)


# --- slips in one equation of the backward pass

def slipped(work: Work, k: int) -> Iterator[tuple[Slip, Equation]]:
    """The adjoint equations with something else in the place of a slope."""
    equation = work.aim.program.equations[k]
    origin = equation.origin
    made = work.aim.program.definitions().get(origin.of or "", [])
    if origin.rule != "adjoint" or origin.through is None or len(made) != 1:
        return
    (forward,) = made
    bar = next((n for n, t in work.aim.program.tensors.items()
                if t.adjoint_of == forward.target), "")
    ref = origin.through
    for coefficient, term in terms(forward.body):
        loops, condition = forward.ranges, forward.condition
        if isinstance(term, Reduce):
            if term.op != "sum":
                continue
            loops, condition = loops + term.indices, both(condition, term.condition)
            term = term.body
        if not bar or ref not in walk(term):
            continue
        given = mul(coefficient, Ref(bar, forward.subscripts))
        for node in dict.fromkeys(_functions(term, ref)):
            for slip in _others(node, ref, forward, term, work):
                body = _chain(term, given, ref, node, slip.factor)
                guard = condition
                if any(s.plain is None for s in ref.subscripts):
                    guard = both(condition, support(body))
                yield slip, replace(equation, subscripts=ref.subscripts, ranges=loops, body=body,
                                    accumulate=True, condition=guard,
                                    dropping=ref.outside is not None)


def _functions(term: Expr, ref: Ref) -> Iterator[Expr]:
    """The functions of one number, in a term, that a reference stands in."""
    for node in walk(term):
        if isinstance(node, Select):
            if ref in walk(node.then) or ref in walk(node.otherwise):
                yield node
        elif isinstance(node, Apply) and ref in walk(node):
            inner = _argument(node)
            if inner is not None and ref in walk(inner):
                yield node


def _argument(node: Apply) -> Expr | None:
    """What a function of one number is taken of: u of tanh(u), max(0, u) and u²."""
    if len(node.args) == 1 and node.function not in _PLAIN:
        return node.args[0]
    if node.function in ("max", "min") and sum(isinstance(a, Number) for a in node.args) == 1:
        return next(a for a in node.args if not isinstance(a, Number))
    if node.function == "pow" and isinstance(node.args[1], Number):
        return node.args[0]
    return None


def _chain(e: Expr, adjoint: Expr, ref: Ref, at: Expr, factor: Expr) -> Expr:
    """adjoint · ∂e/∂ref, with another factor for the slope of the function `at`."""
    if e == ref:
        return adjoint
    if e == at and isinstance(e, Select):
        return mul(adjoint, factor)
    if isinstance(e, Select):
        return select(e.condition, _chain(e.then, adjoint, ref, at, factor),
                      _chain(e.otherwise, adjoint, ref, at, factor))
    total: Expr = Number(0)
    if isinstance(e, Apply):
        for k, argument in enumerate(e.args):
            if ref in walk(argument):
                own = factor if e == at else FUNCTIONS[e.function].partials[k](*e.args, e)
                total = add(total, _chain(argument, mul(adjoint, own), ref, at, factor))
    return total


def _others(node: Expr, ref: Ref, forward: Equation, term: Expr, work: Work) -> Iterator[Slip]:
    """What may stand in the place of a function's slope."""
    whole = term == node and not isinstance(forward.body, Reduce)
    value = shown_name(forward.target) if whole else words(node, work.aim)
    where = f"in ∂{shown_name(forward.target)}/∂{shown_name(ref.tensor)}"
    inner = _argument(node) if isinstance(node, Apply) else ref
    if inner is None:
        return
    if isinstance(node, Apply) and node.function in ("square", "pow"):
        yield from _powers(node, inner, where, work)
        return
    of = words(inner, work.aim)
    yield Slip("inner-derivative", f"the slope of the function is missing {where}: the gradient "
                f"went through {value} as it was", 0.7, ONE)
    slope = _slope(node, inner, ref)
    lost = isinstance(slope, Apply) and slope.function == "mul" and node in slope.args
    yield Slip("inner-derivative" if lost else "wrong-point",  # h of h(1 − h) has lost a factor
                f"{value} is the value of the function: its slope at {of} belongs {where}", 0.8,
                node)
    yield Slip("wrong-point", f"{of} goes into the function: its slope there belongs {where}",
                0.95, inner)
    outputs = [node] if forward.condition is not None or term != node else []
    if not isinstance(forward.body, Reduce):
        outputs.append(Ref(forward.target, forward.subscripts))
    for output in outputs:
        yield Slip("wrong-point", f"the slope is taken at {words(output, work.aim)}, which comes "
                    f"out of the function; it belongs at {of}, {where}", 0.9,
                    _at(node, inner, ref, output))
    if isinstance(node, Select):
        yield from _cases(node, ref, where, of)


def _slope(node: Expr, inner: Expr, ref: Ref) -> Expr:
    """The slope of a function by its own input."""
    if isinstance(node, Apply):
        k = node.args.index(inner)
        return FUNCTIONS[node.function].partials[k](*node.args, node)
    return _chain(node, ONE, ref, Number(0), ONE)


def _at(node: Expr, inner: Expr, ref: Ref, output: Expr) -> Expr:
    """The slope of a function at another point."""
    slope = _slope(node, inner, ref)
    moved = transform(slope, lambda n: output if n == inner else None)
    if isinstance(node, Apply) and moved == slope:  # σ(1 − σ): the value stands in it
        return FUNCTIONS[node.function].partials[0](output, replace(node, args=(output,)))
    return moved


def _cases(node: Select, ref: Ref, where: str, of: str) -> Iterator[Slip]:
    """The same in one of two cases."""
    branches = (node.then, node.otherwise)
    right = [_chain(b, ONE, ref, Number(0), ONE) if ref in walk(b) else Number(0)
             for b in branches]
    for k, name in ((0, "first"), (1, "second")):
        for kind, text, cost, other in (
                ("wrong-point", f"the {name} case has the value of the function: its slope at "
                 f"{of} belongs {where}", 0.82, branches[k]),
                ("wrong-point", f"the {name} case has {of}, which goes into the function: the "
                 f"slope belongs {where}", 0.97, ref),
                ("inner-derivative", f"the slope in the {name} case is missing {where}", 0.75,
                 ONE)):
            if other == right[k]:
                continue
            new = [other if j == k else r for j, r in enumerate(right)]
            yield Slip(kind, text, cost, select(node.condition, new[0], new[1]))


def _powers(node: Apply, inner: Expr, where: str, work: Work) -> Iterator[Slip]:
    """n uⁿ and uⁿ⁻¹ for n uⁿ⁻¹."""
    n = node.args[1] if node.function == "pow" else Number(2)
    if not isinstance(n, Number) or isinstance(n.value, float):
        return
    rule = f"the derivative of {words(node, work.aim)} {where}"
    less = Number(n.value - 1)
    lower = inner if less == ONE else Apply("pow", (inner, less))
    yield Slip("power-rule", f"{rule}: the exponent {n.value} comes down as a factor", 0.85, lower)
    yield Slip("power-rule", f"{rule}: the exponent goes down by one", 0.9, mul(n, node))


__all__ = ["Slip", "slipped", "slopes", "some_slopes"]
