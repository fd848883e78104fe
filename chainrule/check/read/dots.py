r"""Factors with dots between them: a_1 a_2 \cdots a_n, with no sign on either side of the dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.check.tree import Apply, Node, Symbol

if TYPE_CHECKING:
    from chainrule.check.read.formulas import Reader


def factors_go_on(reader: Reader, first: Node) -> bool:
    """Whether dots stand behind a factor, and another factor behind them."""
    if reader.peek().kind != "dots" or not (isinstance(first, Apply) or (
            isinstance(first, Symbol) and first.subs)) or (
            isinstance(first, Apply) and first.head == "dots"):
        return False
    reader.at += 1
    goes_on = reader.starts_operand() and reader.peek().kind != "dots"
    reader.at -= 1
    return goes_on


def dotted(reader: Reader, first: Node) -> Node:
    """Factors with dots between them, as one product."""
    found = [first]
    while factors_go_on(reader, first):
        found += [reader.factor(), reader.product()]
    args = tuple(a for node in found for a in (
        node.args if isinstance(node, Apply) and node.head == "product" else (node,)))
    return Apply(first.start, found[-1].end, "product", args, ("",) * len(args))


__all__ = ["dotted", "factors_go_on"]
