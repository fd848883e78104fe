"""The partial derivative of an expression by one cell of a tensor, with deltas where cells meet.

    ∂(sum(v) W[u,v]*x[v])/∂x[m] = sum(v) W[u,v]*δ(v,m)

The rules are the table's partial derivatives and, for a reference, that ∂x[a]/∂x[b] is δ(a,b).
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.algebra.guards import settled
from chainrule.algebra.terms import replaced
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Range,
    Reduce,
    Ref,
    Select,
    add,
    free_indices,
    mul,
    select,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import fresh


def partial(e: Expr, name: str, at: Sequence[Integer]) -> Expr:
    """The derivative of `e` by the cell `at` of the tensor `name`.

    >>> from chainrule.lang.integers import index
    >>> x = Ref("x", (index("i"),))
    >>> partial(x * x, "x", (index("m"),)) == Delta(index("i"), index("m")) * x + x * Delta(
    ...     index("i"), index("m"))
    True
    """
    if isinstance(e, Ref):
        if e.tensor != name:
            return ZERO
        result: Expr = ONE
        for here, there in zip(e.subscripts, at, strict=True):
            result = mul(result, Delta(here, there) if here != there else ONE)
        return result
    if isinstance(e, Apply):
        return _applied(e, name, at)
    if isinstance(e, Select):
        return select(e.condition, partial(e.then, name, at), partial(e.otherwise, name, at))
    if isinstance(e, Reduce):
        return _reduced(e, name, at)
    return ZERO


def reads(e: Expr, name: str) -> bool:
    """Whether an expression depends on a tensor."""
    if isinstance(e, Ref):
        return e.tensor == name
    if isinstance(e, Apply):
        return any(reads(a, name) for a in e.args)
    if isinstance(e, Select):
        return reads(e.then, name) or reads(e.otherwise, name)
    return isinstance(e, Reduce) and reads(e.body, name)


def _applied(e: Apply, name: str, at: Sequence[Integer]) -> Expr:
    total: Expr = ZERO
    for k, argument in enumerate(e.args):
        if not reads(argument, name):
            continue
        inner = partial(argument, name, at)
        factor = settled(FUNCTIONS[e.function].partials[k](*e.args, e))
        if inner == ZERO or factor == ZERO:
            continue
        first = k == 0 and len(e.args) == 2
        total = add(total, mul(inner, factor) if first else mul(factor, inner))
    return total


def _reduced(e: Reduce, name: str, at: Sequence[Integer]) -> Expr:
    """A sum's derivative is the sum of derivatives; a maximum's is its winner's."""
    if not reads(e.body, name):
        return ZERO
    outer = {n for s in at for n in s.indices()}
    clash = [r.name for r in e.indices if r.name in outer]
    if clash:
        used = outer | set(free_indices(e.body)) | {r.name for r in e.indices}
        places = {}
        for old in clash:
            new = fresh(old, used)
            used.add(new)
            places[old] = index(new)
        e = Reduce(e.op, tuple(Range(str(places.get(r.name, r.name)), r.size)
                               for r in e.indices),
                   None if e.condition is None else replaced(e.condition, places),
                   replaced(e.body, places), e.span)
    inner = partial(e.body, name, at)
    if e.op == "sum":
        return Reduce("sum", e.indices, e.condition, inner)
    won: Expr = ONE
    for r in e.indices:
        position = ArgReduce(e.op, e.indices, e.condition, e.body, r.name)
        won = mul(won, Select(Apply("eq", (IndexValue(index(r.name)), position)), ONE, ZERO))
    return Reduce("sum", e.indices, e.condition, mul(won, inner))
