"""Names of summed indices, kept apart from those around them.

In `a[j]*sum(j) b[j]` the j under the sum is another j. That is well defined, and hard to read:
what is derived says `a[j]*sum(k) b[k]`.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.algebra.terms import letter, replaced
from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    Range,
    Reduce,
    children,
    free_indices,
    rebuild,
    walk,
)
from chainrule.lang.integers import Integer, index


def unshadowed(e: Expr, taken: Iterable[str], avoided: Iterable[str] = ()) -> Expr:
    """The expression with no summed index called like one of `taken`, nor like one around it.

    New names are none of `avoided`.

    >>> from chainrule.lang.parse import parse_expression as read
    >>> from chainrule.lang.printing import expression_text as text
    >>> text(unshadowed(read("sum(i<3) y[i]"), ["i"]))
    'sum(k<3) y[k]'
    """
    return _renamed(e, {*taken, *free_indices(e)}, frozenset(avoided))


def _renamed(e: Expr, taken: set[str], avoided: frozenset[str]) -> Expr:
    if not isinstance(e, Reduce | ArgReduce):
        parts = children(e)
        new = tuple(_renamed(part, taken, avoided) for part in parts)
        return e if all(a is b for a, b in zip(parts, new, strict=True)) else rebuild(e, new)
    body, condition, ranges = e.body, e.condition, e.indices
    which = e.which if isinstance(e, ArgReduce) else ""
    if any(r.name in taken for r in ranges):
        used = {*taken, *avoided, *free_indices(body), *_bound(e)}
        places: dict[str, Integer] = {}
        for r in ranges:
            if r.name in taken:
                name = letter(used)
                used.add(name)
                places[r.name] = index(name)
        body = replaced(body, places)
        condition = None if condition is None else replaced(condition, places)
        ranges = tuple(Range(str(places.get(r.name, r.name)), r.size) for r in ranges)
        which = str(places.get(which, which))
    inner = {*taken, *(r.name for r in ranges)}
    condition = None if condition is None else _renamed(condition, inner, avoided)
    body = _renamed(body, inner, avoided)
    if isinstance(e, Reduce):
        return Reduce(e.op, ranges, condition, body, e.span)
    return ArgReduce(e.op, ranges, condition, body, which)


def _bound(e: Expr) -> set[str]:
    return {r.name for node in walk(e) if isinstance(node, Reduce | ArgReduce)
            for r in node.indices}
