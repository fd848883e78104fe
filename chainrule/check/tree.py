r"""The tree of a formula in a paper: what stands there, before anybody knows what it means.

Numbers, symbols, operations, sums and cases are those of `chainrule.lang.latex_tree`; a paper has
more than a program needs: matrices, derivatives, limits, dots. Every node knows its place: `start`
and `end` count characters of the whole paper.

Heads of `Apply`, beyond those of `latex_tree`:

    call:f        f(a, b), of a function or of a tensor written like one (g(1), P(y = j))
    cell          S(x)_i: the first part, then its subscripts
    percent       8 %
    set           {a, b}: the parts
    dots          the … of a sum or a list; no parts
    such          a relation inside a name or a derivative: the y = w·v of ∂(y = w·v)/∂v
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.latex_tree import Apply, Choice, Item, Node, Number, Reduce, Symbol
from chainrule.lang.latex_tree import parts as _parts
from chainrule.lang.latex_tree import walk as _walk

OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """Rows of parts; a list such as [1, 2, 5] or (2, 5) is one row. `bracket` is [, ( or |."""

    rows: tuple[tuple[Node, ...], ...]
    bracket: str = "["


@dataclass(frozen=True, slots=True)
class Derivative(Node):
    r"""∂top/∂bottom. Several bottoms are a higher derivative; `total` for an upright or plain d.

    `top` is None for an operator that stands before its operand's bracket and could not take it.
    """

    top: Node | None
    bottom: tuple[Node, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Bar(Node):
    r"""A body at a point: `\frac{∂L}{∂α} |_{α_0}`, `(…)_{x=0}`."""

    body: Node
    point: Node


@dataclass(frozen=True, slots=True)
class Limit(Node):
    """The limit of the body as the variable goes to a point; `side` is +, - or empty."""

    variable: Symbol
    point: Node
    body: Node
    side: str = ""


@dataclass(frozen=True, slots=True)
class Integral(Node):
    """The integral of the body over the variable."""

    variable: Symbol
    lower: Node | None
    upper: Node | None
    body: Node


@dataclass(frozen=True, slots=True)
class Remark(Node):
    r"""A body with words or a formula about it: an underbrace's `(=0)`, a tag, an arrow's label."""

    body: Node
    said: str
    claims: Node | None = None  # what an underbrace says the body is, where that is a formula


Extra = Matrix | Derivative | Bar | Limit | Integral | Remark


def parts(node: Node) -> Iterator[Node]:
    """The nodes directly below one."""
    if isinstance(node, Matrix):
        for row in node.rows:
            yield from row
    elif isinstance(node, Derivative):
        if node.top is not None:
            yield node.top
        yield from node.bottom
    elif isinstance(node, Bar):
        yield node.body
        yield node.point
    elif isinstance(node, Limit):
        yield node.variable
        yield node.point
        yield node.body
    elif isinstance(node, Integral):
        yield node.variable
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield bound
        yield node.body
    elif isinstance(node, Remark):
        yield node.body
        if node.claims is not None:
            yield node.claims
    else:
        yield from _parts(node)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, from left to right."""
    return _walk(node, parts)


def unremarked(node: Node) -> Node:
    """A node without what is said about it."""
    while isinstance(node, Remark):
        node = node.body
    return node


def joined(args: tuple[Node, ...], signs: tuple[str, ...],
           join: Callable[[Node, Node], Node | None]) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """The factors of a product and their signs, those that `join` makes one of joined.

    It is asked for each factor that stands behind another with no sign between them.
    """
    found: list[Node] = []
    kept: list[str] = []
    for arg, sign in zip(args, signs, strict=True):
        one = join(found[-1], arg) if found and sign == "" else None
        if one is not None:
            found[-1] = one
        else:
            found.append(arg)
            kept.append(sign)
    return (args, signs) if len(found) == len(args) else (tuple(found), tuple(kept))


def opposite(condition: Node | None) -> Node | None:
    """The comparison that holds where this one does not; None for what is no comparison of two."""
    if isinstance(condition, Apply) and condition.head == "compare" and len(
            condition.signs) == 1 and condition.signs[0] in OPPOSITE:
        return replace(condition, signs=(OPPOSITE[condition.signs[0]],))
    return None


__all__ = [
    "OPPOSITE", "Apply", "Bar", "Choice", "Derivative", "Extra", "Integral", "Item", "Limit",
    "Matrix", "Node", "Number", "Reduce", "Remark", "Symbol", "joined", "opposite", "parts",
    "unremarked", "walk",
]  # fmt: skip
