"""Trees with one part exchanged, and the small pieces that changed formulas are built of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from chainrule.check.tree import (
    Apply,
    Bar,
    Choice,
    Derivative,
    Integral,
    Item,
    Limit,
    Matrix,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
    parts,
)


def swapped(node: Node, old: Node, new: Node) -> Node:
    """The tree with one of its nodes, told by identity, exchanged for another.

    >>> x = Symbol(0, 1, "x")
    >>> swapped(Apply(0, 1, "neg", (x,)), x, Symbol(0, 1, "y")).args[0].name
    'y'
    """
    if node is old:
        return new
    if isinstance(node, Symbol):
        label = node.label if node.label is None else swapped(node.label, old, new)
        return _kept(node, subs=_all(node.subs, old, new), label=label)
    if isinstance(node, Apply):
        return _kept(node, args=_all(node.args, old, new))
    if isinstance(node, Reduce):
        items = tuple(_item(i, old, new) for i in node.items)
        return _kept(node, items=items, body=swapped(node.body, old, new))
    if isinstance(node, Choice):
        rows = tuple((swapped(v, old, new), c if c is None else swapped(c, old, new))
                     for v, c in node.rows)
        return _kept(node, rows=rows)
    if isinstance(node, Matrix):
        return _kept(node, rows=tuple(_all(r, old, new) for r in node.rows))
    if isinstance(node, Derivative):
        top = node.top if node.top is None else swapped(node.top, old, new)
        return _kept(node, top=top, bottom=_all(node.bottom, old, new))
    if isinstance(node, Bar):
        return _kept(node, body=swapped(node.body, old, new), point=swapped(node.point, old, new))
    if isinstance(node, Limit):
        return _kept(node, point=swapped(node.point, old, new), body=swapped(node.body, old, new))
    if isinstance(node, Integral):
        lower = node.lower if node.lower is None else swapped(node.lower, old, new)
        upper = node.upper if node.upper is None else swapped(node.upper, old, new)
        return _kept(node, lower=lower, upper=upper, body=swapped(node.body, old, new))
    if isinstance(node, Remark):
        return _kept(node, body=swapped(node.body, old, new))
    return node


def _all(nodes: tuple[Node, ...], old: Node, new: Node) -> tuple[Node, ...]:
    return tuple(swapped(n, old, new) for n in nodes)


def _item(item: Item, old: Node, new: Node) -> Item:
    lower, upper, condition = (part if part is None else swapped(part, old, new)
                               for part in (item.lower, item.upper, item.condition))
    return Item(item.index, lower, upper, condition)


def _kept(node: Node, **parts: object) -> Node:
    """The node with new parts; the same node where none is new."""
    if all(_same(getattr(node, name), part) for name, part in parts.items()):
        return node
    return replace(node, **parts)  # type: ignore[arg-type]


def _same(a: object, b: object) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return a is b


def outer(node: Node) -> Iterator[Node]:
    """A node and all below it but for what stands in subscripts and labels."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        if not isinstance(here, Symbol):
            stack.extend(reversed(list(parts(here))))


# --- building

def apply(at: Node, head: str, *args: Node, signs: tuple[str, ...] = ()) -> Apply:
    """An operation that stands where a node stood."""
    return Apply(at.start, at.end, head, args, signs)


def number(at: Node, text: str) -> Number:
    """A number that stands where a node stood."""
    return Number(at.start, at.end, text)


def negated(node: Node) -> Node:
    """The node with a minus before it, or without the one that it has."""
    if isinstance(node, Apply) and node.head == "neg":
        return node.args[0]
    return apply(node, "neg", node)


def times(a: Node, b: Node) -> Node:
    """The product of two formulas."""
    return apply(a, "product", a, b, signs=("", ""))


def over(a: Node, b: Node) -> Node:
    """The quotient of two formulas."""
    return apply(a, "frac", a, b)


def plus(a: Node, b: Node, sign: str = "+") -> Node:
    """The sum or the difference of two formulas."""
    return apply(a, "sum", a, b, signs=("+", sign))


def without(node: Apply, k: int) -> Node:
    """A sum or a product without one of its parts."""
    args = node.args[:k] + node.args[k + 1 :]
    signs = list(node.signs[:k] + node.signs[k + 1 :])
    if node.head == "sum":
        if len(args) == 1:
            return negated(args[0]) if signs[:1] == ["-"] else args[0]
        return replace(node, args=args, signs=tuple(signs))
    if len(args) == 1 and (k or node.signs[1:2] != ("/",)):
        return args[0]
    if k == 0 and node.signs[1:2] == ("/",):
        return replace(node, args=(number(node, "1"), *args), signs=("", *node.signs[1:]))
    if signs:
        signs[0] = ""
    return replace(node, args=args, signs=tuple(signs))


def plain_value(node: Node) -> Fraction | None:
    """The value of a formula of plain numbers; None for anything else.

    >>> plain_value(plus(Number(0, 1, "2"), Number(0, 1, "0.5")))
    Fraction(5, 2)
    """
    node = bare(node)
    if isinstance(node, Number):
        return Fraction(node.text) if re.fullmatch(r"\d{1,30}(\.\d{1,30})?", node.text) else None
    if not isinstance(node, Apply) or node.head not in ("sum", "product", "frac", "neg"):
        return None
    found = []
    for arg in node.args:
        value = plain_value(arg)
        if value is None:
            return None
        found.append(value)
    if node.head == "neg":
        return -found[0]
    if node.head == "frac":
        return found[0] / found[1] if found[1] else None
    if len(node.signs) != len(found):
        return None
    total = found[0] if node.head == "product" or node.signs[0] != "-" else -found[0]
    for sign, value in zip(node.signs[1:], found[1:], strict=True):
        if node.head == "sum":
            total = total - value if sign == "-" else total + value
        elif sign == "/":
            if not value:
                return None
            total /= value
        else:
            total *= value
    return total


def bare(node: Node) -> Node:
    """A formula without words about it and without brackets of its own."""
    while True:
        if isinstance(node, Remark):
            node = node.body
        elif isinstance(node, Apply) and node.head == "sum" and len(node.args) == 1 and (
                node.signs[:1] in ((), ("+",))):
            node = node.args[0]
        elif isinstance(node, Matrix) and len(node.rows) == 1 and len(node.rows[0]) == 1:
            node = node.rows[0][0]
        else:
            return node


def terms(node: Node) -> list[tuple[int, Node]]:
    """The terms of a sum with their signs, sums inside it opened."""
    node = bare(node)
    if isinstance(node, Apply) and node.head == "neg":
        return [(-s, t) for s, t in terms(node.args[0])]
    if isinstance(node, Apply) and node.head == "sum":
        found = []
        for sign, arg in zip(node.signs, node.args, strict=False):
            turn = -1 if sign == "-" else 1
            found += [(turn * s, t) for s, t in terms(arg)]
        return found
    return [(1, node)]


def factors(node: Node) -> list[Node]:
    """The factors of a product; what is divided by is not among them."""
    node = bare(node)
    if isinstance(node, Apply) and node.head in ("product", "juxtaposed"):
        signs = node.signs if len(node.signs) == len(node.args) else ("",) * len(node.args)
        return [f for s, a in zip(signs, node.args, strict=True) if s != "/" for f in factors(a)]
    if isinstance(node, Apply) and node.head == "neg":
        return factors(node.args[0])
    return [node]


__all__ = ["apply", "bare", "factors", "negated", "number", "outer", "over",
           "plain_value", "plus", "swapped", "terms", "times", "without"]
