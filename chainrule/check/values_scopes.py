r"""How far a Σ reaches: \sum_i y_i \log h_i + (1 - y_i) \log(1 - h_i) means all of it.

Papers leave the bracket out. Where a term behind a sum has the sum's own index, which nothing else
explains, it belongs under the sum.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.check.tree import Apply, Node, Reduce, Remark, Symbol, walk
from chainrule.check.values_names import plain_letter, spread


def index_letters(node: Node) -> set[str]:
    """The letters that stand below names, or in brackets above them, and under no Σ over them."""
    if isinstance(node, Reduce):
        mine = {plain_letter(i.index) for i in node.items if i.index is not None}
        return index_letters(node.body) - mine
    found: set[str] = set()
    if isinstance(node, Symbol):
        found = {plain_letter(s) for s in spread(node.subs)} | {plain_letter(node.label)}
    elif isinstance(node, Apply | Remark):
        for part in node.args if isinstance(node, Apply) else (node.body,):
            found |= index_letters(part)
    else:
        for n in walk(node):
            if isinstance(n, Symbol):
                found |= {plain_letter(s) for s in spread(n.subs)}
    return found - {""}


def _sum_at_end(node: Node) -> Reduce | None:
    """The Σ that a term ends with."""
    if isinstance(node, Remark):
        return _sum_at_end(node.body)
    if isinstance(node, Reduce):
        return node if node.op == "sum" and len(node.items) == 1 else None
    if isinstance(node, Apply) and node.args and node.head in ("product", "neg"):
        return _sum_at_end(node.args[-1])
    return None


def _reaching(node: Node, body: Node) -> Node:
    """A term with another body below the Σ that it ends with."""
    if isinstance(node, Remark):
        return replace(node, body=_reaching(node.body, body))
    if isinstance(node, Reduce):
        return replace(node, body=body, end=body.end)
    assert isinstance(node, Apply)
    return replace(node, args=(*node.args[:-1], _reaching(node.args[-1], body)))


def with_scopes(left: Node, right: Node) -> Node | None:
    """The right side with terms under the Σ that explains their index; None where none has one."""
    taken = index_letters(left)

    def widened(node: Node) -> Node:
        if isinstance(node, Remark):
            return replace(node, body=widened(node.body))
        if isinstance(node, Apply) and node.head in ("product", "neg", "frac"):
            return replace(node, args=tuple(map(widened, node.args)))
        if not isinstance(node, Apply) or node.head != "sum":
            return node
        for k, term in enumerate(node.args[:-1]):
            over = _sum_at_end(term)
            letter = plain_letter(over.items[0].index) if over is not None else ""
            last = max((n for n, t in enumerate(node.args) if n > k
                        and letter in index_letters(t)), default=0)
            if over is None or not letter or letter in taken or not last:
                continue
            body = Apply(over.body.start, node.args[last].end, "sum",
                         (over.body, *node.args[k + 1 : last + 1]),
                         ("+", *node.signs[k + 1 : last + 1]))
            wide = _reaching(term, body)
            args = (*node.args[:k], wide, *node.args[last + 1 :])
            signs = (*node.signs[: k + 1], *node.signs[last + 1 :])
            return replace(node, args=args, signs=signs) if len(args) > 1 else (
                wide if signs[0] != "-" else Apply(node.start, node.end, "neg", (wide,)))
        return node

    found = widened(right)
    return None if found == right else found


__all__ = ["index_letters", "with_scopes"]
