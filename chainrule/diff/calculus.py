"""Scalar calculus on the right-hand side of one equation.

`adjoints` and `tangent` are the chain rule in its two directions on an expression without sums;
both read the same partial derivatives, those of the function table. A conditional expression is
differentiated branch by branch and stays conditional, so the branch not taken stays unlooked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Number,
    Ref,
    Select,
    add,
    both,
    div,
    mul,
    neg,
    reduces,
    select,
)
from chainrule.lang.functions import FUNCTIONS


def terms(e: Expr) -> list[tuple[Expr, Expr]]:
    """A sum of terms as (constant coefficient, term), where that frees a reduction; else itself.

    `sum(v) W[u,v]*x[v] + b[u]` is two terms, and `-sum(i) t[i]*ln(y[i])` one with coefficient -1.

    >>> from chainrule.lang.expr import Range, Reduce
    >>> total = Reduce("sum", (Range("i"),), None, Ref("x"))
    >>> [coefficient for coefficient, _ in terms(-total + Ref("b"))]
    [Number(value=-1), Number(value=1)]
    """
    if not reduces(e):
        return [(ONE, e)]
    found: list[tuple[Expr, Expr]] = []
    stack: list[tuple[Expr, Expr]] = [(ONE, e)]
    while stack:
        coefficient, node = stack.pop()
        if type(node) is Apply and reduces(node):
            name, args = node.function, node.args
            if name in ("add", "sub"):
                sign = coefficient if name == "add" else neg(coefficient)
                stack += [(sign, args[1]), (coefficient, args[0])]
                continue
            if name == "neg":
                stack.append((neg(coefficient), args[0]))
                continue
            if name in ("mul", "div") and isinstance(args[1], Number | IndexValue):
                combine = mul if name == "mul" else div
                stack.append((combine(coefficient, args[1]), args[0]))
                continue
            if name == "mul" and isinstance(args[0], Number | IndexValue):
                stack.append((mul(coefficient, args[0]), args[1]))
                continue
        found.append((coefficient, node))
    return found


def _partial(node: Apply, argument: int, own: Expr | None) -> Expr:
    """∂f/∂argument; `own` is a name under which the node's value is already known."""
    rule = FUNCTIONS[node.function].partials[argument]
    return rule(*node.args, node if own is None else own)


def _scaled(factor: Expr, d: Expr, node: Apply, argument: int) -> Expr:
    """factor * d, in the order in which a textbook writes it.

    A plain quantity that stood behind the differentiated factor stays behind: (u v)' = u'v + uv'.
    """
    behind = argument == 0 and len(node.args) == 2 and isinstance(factor, Ref)
    reciprocal = isinstance(factor, Apply) and factor.function == "div" and factor.args[0] == ONE
    return mul(d, factor) if behind or reciprocal else mul(factor, d)


def _active(e: Expr, active: Collection[str]) -> bool:
    if type(e) is Ref:
        return e.tensor in active
    if type(e) is Apply:
        return any(_active(a, active) for a in e.args)
    if type(e) is Select:
        return _active(e.then, active) or _active(e.otherwise, active)
    return False  # numbers, index values, positions of winners


def adjoints(
    e: Expr, adjoint: Expr, active: Collection[str], own: Expr | None = None
) -> dict[Ref, Expr]:
    """What each distinct reference of `e` contributes: adjoint * ∂e/∂reference.

    `active` names the tensors that count as variables; `own` is the name of e's value.

    >>> from chainrule.lang.expr import call
    >>> x, y = Ref("x"), Ref("y_bar")
    >>> adjoints(call("sin", x), y, {"x"}) == {x: mul(y, call("cos", x))}
    True
    """
    kind = type(e)
    if kind is Ref:
        return {e: adjoint} if e.tensor in active else {}  # type: ignore[attr-defined, dict-item]
    if isinstance(e, Apply):
        total: dict[Ref, Expr] = {}
        for k, argument in enumerate(e.args):
            if not _active(argument, active):
                continue
            factor = _partial(e, k, own)
            if factor == ZERO:
                continue
            upstream = mul(factor, adjoint) if type(factor) is Number else mul(adjoint, factor)
            for ref, term in adjoints(argument, upstream, active).items():
                total[ref] = add(total[ref], term) if ref in total else term
        return total
    if isinstance(e, Select):
        then = adjoints(e.then, adjoint, active)
        otherwise = adjoints(e.otherwise, adjoint, active)
        return {
            ref: select(e.condition, then.get(ref, ZERO), otherwise.get(ref, ZERO))
            for ref in dict.fromkeys([*then, *otherwise])
        }
    return {}


def support(d: Expr) -> Expr | None:
    """The condition outside which a contribution is zero because its branch was not taken.

    A reference in a branch may leave its tensor where the branch is not taken; so must not be
    written there. None where nothing limits the contribution.
    """
    if isinstance(d, Select):
        if d.otherwise == ZERO:
            return both(d.condition, support(d.then))
        if d.then == ZERO:
            return both(Apply("not", (d.condition,)), support(d.otherwise))
    if isinstance(d, Apply) and d.function in ("add", "sub"):
        parts = [support(a) for a in d.args]
        if parts[0] is not None and parts[1] is not None:
            return Apply("or", (parts[0], parts[1]))
    return None


def tangent(
    e: Expr, dot: Callable[[Ref], Expr], active: Collection[str], own: Expr | None = None
) -> Expr:
    """The derivative of `e` along tangents: the sum of ∂e/∂reference * dot(reference)."""
    if isinstance(e, Ref):
        return dot(e) if e.tensor in active else ZERO
    if isinstance(e, Apply):
        total: Expr = ZERO
        for k, argument in enumerate(e.args):
            if not _active(argument, active):
                continue
            d = tangent(argument, dot, active)
            if d == ZERO:
                continue
            factor = _partial(e, k, own)
            if factor == ZERO:
                continue
            total = add(total, d if factor == ONE else _scaled(factor, d, e, k))
        return total
    if isinstance(e, Select):
        then, otherwise = (tangent(b, dot, active) for b in (e.then, e.otherwise))
        return select(e.condition, then, otherwise)
    return ZERO
