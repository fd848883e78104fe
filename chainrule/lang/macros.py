"""The user's own functions: `f(x) = x*sigmoid(b*x)`, written out wherever they are called.

A function's body is kept with its arguments as references whose names no text can spell. A call
puts the argument's expressions there. Indices that the body sums over get other names where the
call's surroundings use the same letter, so that nothing is captured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from chainrule.errors import KindError, LimitError, Span
from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    IndexValue,
    Read,
    Reduce,
    Ref,
    children,
    free_indices,
    move,
    rebuild,
    walk,
)
from chainrule.lang.integers import Atom, Integer, index
from chainrule.limits import NESTING

BUDGET: Final = 20_000  # nodes that the calls of one statement may write out
DEPTH: Final = 2 * NESTING  # of an expression's tree


@dataclass(frozen=True, slots=True)
class Macro:
    """A user's function; its `body` holds the argument `x` as `Ref("(x")`."""

    parameters: tuple[str, ...]
    body: Expr


def expand(
    macro: Macro, args: tuple[Expr, ...], scope: set[str], span: Span, spent: int
) -> tuple[Expr, int]:
    """The body with the arguments in place, and the nodes spent so far in this statement.

    Raises `LimitError` when they are more than `BUDGET`.
    """
    values = {f"({name}": arg for name, arg in zip(macro.parameters, args, strict=True)}
    weight = {name: sum(1 for _ in walk(arg)) for name, arg in values.items()}
    for node in walk(macro.body):
        spent += weight.get(node.tensor, 1) if type(node) is Ref else 1
        if spent > BUDGET:
            raise LimitError(
                f"the functions called here write out to more than {BUDGET:,} operations", span,
                "give parts of the formula names of their own",
            )  # fmt: skip
    taken = scope | {i for arg in args for i in free_indices(arg)}
    return _placed(macro.body, values, {}, taken, span), spent


def _placed(
    e: Expr, values: dict[str, Expr], moved: dict[str, Integer], taken: set[str], span: Span
) -> Expr:
    if isinstance(e, Ref):
        if e.tensor in values:
            return values[e.tensor]
        return replace(e, subscripts=tuple(_moved(s, values, moved, span) for s in e.subscripts))
    if isinstance(e, IndexValue):
        return replace(e, value=_moved(e.value, values, moved, span))
    if isinstance(e, Reduce | ArgReduce):
        moved = dict(moved)
        names = [_free(r.name, taken) for r in e.indices]
        moved.update({r.name: index(n) for r, n in zip(e.indices, names, strict=True)})
        ranges = tuple(replace(r, name=n) for r, n in zip(e.indices, names, strict=True))
        e = replace(e, indices=ranges)
        if isinstance(e, ArgReduce):
            e = replace(e, which=str(moved[e.which]))
    parts = tuple(_placed(part, values, moved, taken, span) for part in children(e))
    return rebuild(e, parts) if parts else e


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if it is taken."""
    number = 2
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free


def _moved(
    s: Integer, values: dict[str, Expr], moved: dict[str, Integer], span: Span
) -> Integer:
    """A subscript with indices renamed and integer arguments (`f(k) = x[k]`) in place."""

    def put(a: Atom) -> Integer | None:
        if not (isinstance(a, Read) and a.ref.tensor in values):
            return None
        value = values[a.ref.tensor]
        if not isinstance(value, IndexValue):
            raise KindError("this argument stands in a subscript: give it an index", span)
        return value.value

    return move(s, moved).substitute(put)


def check_depth(e: Expr, span: Span) -> None:
    """Refuse a tree deeper than `DEPTH`: others walk trees by recursion."""
    level = [e]
    for _ in range(DEPTH):
        level = [part for node in level for part in children(node)]
        if not level:
            return
    raise LimitError(
        f"more than {DEPTH} operations inside each other", span,
        "give parts of the formula names of their own, or write a sum over an index",
    )  # fmt: skip

