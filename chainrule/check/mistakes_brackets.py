"""Brackets that got lost: 2(a + b) worked out as 2a + b."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_trees import bare, negated, swapped
from chainrule.check.rounding import printed
from chainrule.check.tree import Apply, Node, Number, walk
from chainrule.check.values import Array

_MOST: Final = 12
_HINT: Final = "Which parts of each bracket does the factor before or behind it multiply?"


def brackets(bench: Bench) -> Iterator[Found]:
    """A bracket on the left, or in what its name stands for, worked out as if it were not there."""
    left = bare(bench.left)
    own = formula_of(bench.room, left)
    sources = [bench.left] if own is None else [bench.left, own]
    for source in sources:
        for k, (node, without, text) in enumerate(_without(source)):
            if k >= _MOST:
                return
            new = swapped(source, node, without)
            if not bench.fits(new, bench.right) or _trifling(bench):
                continue
            shown = printed(bench.right) is not None or literal(bench.right)
            if not shown and not bench.holds(new, bench.right):
                continue
            firm = _firm(bench) if shown else bench.sure(new, bench.right)
            yield Found("brackets", text, 0.9 if firm else 1.7, firm, _HINT)
            return


def _firm(bench: Bench) -> bool:
    """Whether a number has digits enough not to come out by accident."""
    shown = printed(bench.right)
    several = sum(isinstance(n, Number) for n in walk(bench.right)) > 1
    return bench.telling or several or (shown is not None and shown.digits >= 2)


def _trifling(bench: Bench) -> bool:
    """Whether what stands on the right is 0 or 1, that much else gives as well."""
    value = bench.value(bench.right)
    return value is not None and not isinstance(value, Array | bool) and value in (0, 1, -1)


def _without(tree: Node) -> Iterator[tuple[Node, Node, str]]:
    """Each bracket that is a factor, what is left of it without, and what was done."""
    yield from _put(tree)
    for node in walk(tree):
        if not isinstance(node, Apply) or node.head not in ("product", "juxtaposed", "frac"):
            continue
        yield from _both(node)
        for k, arg in enumerate(node.args):
            inner = bare(arg)
            if not isinstance(inner, Apply) or inner.head != "sum" or len(inner.args) < 2 or (
                    len(inner.signs) != len(inner.args)):
                continue
            first = inner.args[0] if inner.signs[0] != "-" else negated(inner.args[0])
            for at, term in ((0, first), (len(inner.args) - 1, inner.args[-1])):
                if node.head == "frac" and k == 1 and at != 0:
                    continue
                args = (*node.args[:k], term, *node.args[k + 1 :])
                made = list(inner.args)
                made[at] = replace(node, args=args)
                signs = ("+", *inner.signs[1:]) if at == 0 else inner.signs
                text = (f"only {said(inner.args[at])} was "
                        + ("divided" if node.head == "frac" and k == 0 else "taken into the "
                           "product" if node.head != "frac" else "put below")
                        + f", not the whole bracket {said(inner)}")
                yield node, replace(inner, args=tuple(made), signs=signs), text


def _both(node: Apply) -> Iterator[tuple[Node, Node, str]]:
    """Two brackets, both of them lost: a + b · c + d for (a + b)(c + d)."""
    if node.head == "frac" or len(node.args) != 2 or "/" in node.signs:
        return
    first, second = (bare(a) for a in node.args)
    if not (isinstance(first, Apply) and isinstance(second, Apply)
            and first.head == second.head == "sum"
            and len(first.args) > 1 < len(second.args) and second.signs[0] != "-"):
        return
    middle = replace(node, args=(first.args[-1], second.args[0]))
    made = replace(first, args=(*first.args[:-1], middle, *second.args[1:]),
                   signs=(*first.signs, *second.signs[1:]))
    yield node, made, f"the brackets of {said(first)} and {said(second)} were lost"


def _put(tree: Node) -> Iterator[tuple[Node, Node, str]]:
    """Each product in a sum of two, and a bracket that was put where none is."""
    for node in walk(tree):
        if not isinstance(node, Apply) or node.head != "sum" or len(node.args) != 2 or (
                len(node.signs) != 2 or node.signs[0] == "-"):
            continue
        first, second = (bare(a) for a in node.args)
        if isinstance(first, Apply) and first.head == "product" and "/" not in first.signs:
            inner = replace(node, args=(first.args[-1], node.args[1]))
            yield node, replace(first, args=(*first.args[:-1], inner)), (
                f"{said(node.args[1])} is a term of its own: it is not to be multiplied with "
                f"{said(first.args[0])}")
        if isinstance(second, Apply) and second.head == "product" and "/" not in second.signs:
            inner = replace(node, args=(node.args[0], second.args[0]))
            yield node, replace(second, args=(inner, *second.args[1:])), (
                f"{said(node.args[0])} is a term of its own: it is not to be multiplied with "
                f"{said(second.args[-1])}")


__all__ = ["brackets"]
