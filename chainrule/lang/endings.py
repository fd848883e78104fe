"""What inference does last: ranges are put in their places, and outputs are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainrule.errors import DefinitionError, did_you_mean
from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    children,
    div,
    rebuild,
    walk,
)
from chainrule.lang.integers import ONE, product
from chainrule.lang.program import Equation, Tensor


def filled(e: Expr, sizes: Iterator[Range]) -> Expr:
    """The expression with its reductions' ranges, and means written as quotients."""
    if isinstance(e, Reduce | ArgReduce):
        indices = tuple(next(sizes) for _ in e.indices)
        condition = None if e.condition is None else filled(e.condition, sizes)
        body = filled(e.body, sizes)
        if isinstance(e, ArgReduce):
            return ArgReduce(e.op, indices, condition, body, e.which, e.span)
        if e.op != "mean":
            return Reduce(e.op, indices, condition, body, e.span)
        total = Reduce("sum", indices, condition, body, e.span)
        if condition is not None:
            return div(total, Reduce("sum", indices, condition, Number(1), e.span))
        count = product(r.size or ONE for r in indices)
        number = count.constant
        return div(total, Number(number) if number is not None else IndexValue(count, e.span))
    parts = children(e)
    done = tuple(filled(part, sizes) for part in parts)
    if all(a is b for a, b in zip(parts, done, strict=True)):
        return e
    return rebuild(e, done)


def wanted(
    declared: tuple[str, ...] | None, tensors: Mapping[str, Tensor],
    equations: tuple[Equation, ...],
) -> tuple[str, ...]:
    """The outputs that a text declares, or else what is defined and never read."""
    if declared is not None:
        for name in declared:
            if name not in tensors:
                raise DefinitionError(f"the output {name} is not defined", None,
                                      did_you_mean(name, list(tensors)))
        return declared
    read = {n.tensor for e in equations for n in walk(e.body) if isinstance(n, Ref)}
    for e in equations:
        for s in e.subscripts:
            read.update(a.ref.tensor for a in s.atoms() if isinstance(a, Read))
    targets = dict.fromkeys(e.target for e in equations)
    return tuple(t for t in targets if t not in read) or tuple(targets)[-1:]
