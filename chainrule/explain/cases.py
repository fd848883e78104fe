"""A result by cases: δ put to 1 where its subscripts are equal, and to 0 where they differ.

    p[i]*(δ(i,j) - p[j])   is   p[j]*(1 - p[j]) where i = j, and -p[i]*p[j] where i ≠ j
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chainrule.algebra.terms import cancelled, collected, replaced, terms_of, written
from chainrule.explain.derivations import Case
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Delta,
    Expr,
    IndexValue,
    Reduce,
    Select,
    add,
    both,
    children,
    mul,
    neg,
    rebuild,
    sub,
    transform,
    walk,
)
from chainrule.lang.integers import Integer

_MOST: Final = 2  # deltas that are told apart
_MADE: Final[dict[str, Callable[..., Expr]]] = {"add": add, "sub": sub, "mul": mul, "neg": neg}


def cases_of(e: Expr) -> tuple[Case, ...]:
    """The cases of an expression; none if it has no free δ, or more than two of them.

    >>> from chainrule.lang.expr import Ref
    >>> from chainrule.lang.integers import index
    >>> i, j = index("i"), index("j")
    >>> [case.result for case in cases_of(Ref("p", (i,)) * Delta(i, j))]
    [Ref(tensor='p', subscripts=(Integer(i),), outside=None), Number(value=0)]
    """
    if isinstance(e, Delta):
        return ()
    bound = {r.name for node in walk(e) if isinstance(node, Reduce) for r in node.indices}
    deltas = list(dict.fromkeys(n for n in walk(e) if isinstance(n, Delta)))
    if any(bound & {*d.left.indices(), *d.right.indices()} for d in deltas) or not (
            1 <= len(deltas) <= _MOST):
        return ()
    found = [_case(e, tuple(deltas), ())]
    rest = [_case(e, tuple(d for d in deltas if d is not out), (out,)) for out in deltas]
    if len(deltas) > 1:
        rest = [case for case in rest if case.result != ZERO]
        last = _case(e, (), tuple(deltas))
        if not rest and last.result == ZERO:
            return (*found, last)
        return (*found, *rest, last)
    return (*found, *rest)


def _case(e: Expr, equal: tuple[Delta, ...], different: tuple[Delta, ...]) -> Case:
    """The expression where these deltas are 1 and those are 0."""

    def put(node: Expr) -> Expr | None:
        if isinstance(node, Delta):
            return ONE if node in equal else ZERO if node in different else None
        return None

    result = _worked(transform(e, put))
    for d in equal:
        name, place = (d.right.plain, d.left) if d.right.plain is not None else (
            d.left.plain, d.right)
        if name is not None:
            result = replaced(result, {name: place})
    terms = collected([cancelled(t) for t in terms_of(result)])
    return Case(_pairs(equal), _pairs(different), written(terms))


def _worked(e: Expr) -> Expr:
    """The expression without factors 1 and terms 0."""
    parts = children(e)
    new = rebuild(e, tuple(map(_worked, parts))) if parts else e
    if isinstance(new, Apply) and new.function in _MADE:
        return _MADE[new.function](*new.args)
    return new


def _pairs(deltas: tuple[Delta, ...]) -> tuple[tuple[Integer, Integer], ...]:
    return tuple((d.left, d.right) for d in deltas)


def where(case: Case, e: Expr) -> Expr:
    """The expression in its case, and 0 outside of it: two that agree there are equal."""
    condition: Expr | None = None
    for pairs, test in ((case.equal, "eq"), (case.different, "ne")):
        for left, right in pairs:
            condition = both(condition, Apply(test, (IndexValue(left), IndexValue(right))))
    return e if condition is None else Select(condition, e, ZERO)
