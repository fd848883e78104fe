"""A sum that lost its bound, or its Σ: which terms are there, and which were meant?

Where the right-hand side has an index that the left does not know, a Σ over it was forgotten. Where
it has a Σ with bounds, these may be wrong. Both are seen by putting the right ones there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, said
from chainrule.check.mistakes_edits import edits
from chainrule.check.mistakes_names import summed_kind
from chainrule.check.mistakes_trees import swapped
from chainrule.check.tree import Apply, Item, Node, Reduce, Symbol, parts, walk
from chainrule.check.values_names import key, plain_letter

_TRIED: Final = 6


def sums(bench: Bench) -> Iterator[Found]:
    """Bounds of sums, and sums over indices that stand free on the right alone."""
    if any(isinstance(n, Reduce) for n in walk(bench.right)):
        yield from _bounds(bench)
    yield from _forgotten(bench)


def _bounds(bench: Bench) -> Iterator[Found]:
    for edit in _other_bounds(bench):
        new = swapped(bench.right, edit[0], edit[1])
        if bench.fits(bench.left, new) and bench.holds(bench.left, new):
            yield Found("lost-bound", edit[2], 0.6, bench.sure(bench.left, new))
            return


def _other_bounds(bench: Bench) -> Iterator[tuple[Node, Node, str]]:
    """Each sum with other bounds: those of the same index elsewhere, and one more or one less."""
    for node in walk(bench.right):
        if not isinstance(node, Reduce):
            continue
        for other in _said_before(bench):
            if other.op == node.op and len(other.items) == len(node.items) and (
                    other.items != node.items) and all(
                    a.index is not None and b.index is not None and key(a.index) == key(b.index)
                    for a, b in zip(node.items, other.items, strict=True)):
                yield node, replace(node, items=other.items), (
                    f"the sum over {said(node.items[0].index or node)} has other bounds before")
    for edit in edits(bench.right, bench):
        if edit.kind == "lost-bound":
            yield edit.before, edit.after, edit.need


def _said_before(bench: Bench) -> list[Reduce]:
    """The sums of the left-hand side and of the claims before in the same chain."""
    nodes = [bench.left, *(c.right.node for c in bench.case.chain if c.right.node is not None)]
    return [n for node in nodes for n in walk(node) if isinstance(n, Reduce)][:_TRIED]


def _forgotten(bench: Bench) -> Iterator[Found]:
    """Σ put in front of what has an index that nothing else in the claim knows."""
    taken = {plain_letter(i) for n in walk(bench.right) if isinstance(n, Reduce)
             for i in indices(n)}
    known = {plain_letter(n) for n in _free(bench.left)}
    letters = {plain_letter(s): s for n in walk(bench.right) if isinstance(n, Symbol)
               for s in n.subs if isinstance(s, Symbol) and plain_letter(s)}
    for letter, symbol in letters.items():
        if letter in known or letter in taken & known:
            continue
        before = next((i for n in _said_before(bench) if n.op == "sum" for i in n.items
                       if i.index is not None and plain_letter(i.index) == letter), None)
        if before is None and _is_other(bench, symbol, known):
            continue
        item = before or Item(Symbol(symbol.start, symbol.end, symbol.name))
        for node in _around(bench.right, letter):
            whole = Reduce(node.start, node.end, "sum", (item,), node)
            new = swapped(bench.right, node, whole)
            if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                kind = summed_kind(bench)
                yield Found("lost-bound" if kind == "missing-term" else kind,
                            f"the sum over {said(symbol)} is missing before {said(node)}", 0.6,
                            bench.sure(bench.left, new))
                return


def _is_other(bench: Bench, symbol: Symbol, known: set[str]) -> bool:
    """Whether the letter is a slip for one that the left-hand side has."""
    for n in {plain_letter(n): n for n in _free(bench.left)}.values():
        new = bench.right
        for s in [s for s in walk(new) if isinstance(s, Symbol) and key(s) == key(symbol)]:
            new = swapped(new, s, replace(s, name=n.name))
        if plain_letter(n) in known and bench.fits(bench.left, new):
            return True
    return False


def indices(total: Reduce) -> list[Symbol]:
    """What a sum runs over: i of Σ_{i=1}^n, k of Σ_{k≠1}."""
    found = [n for i in total.items for n in (i.index, *(
        i.condition.args[:1] if isinstance(i.condition, Apply) else ()))]
    return [n for n in found if isinstance(n, Symbol)]


def _free(node: Node) -> Iterator[Symbol]:
    """The names of a formula that no sum in it binds."""
    stack: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
    while stack:
        n, inside = stack.pop()
        if isinstance(n, Reduce):
            inside |= {plain_letter(i) for i in indices(n)}
        if isinstance(n, Symbol) and plain_letter(n) and plain_letter(n) not in inside:
            yield n
        stack += [(p, inside) for p in parts(n)]


def _around(node: Node, letter: str) -> list[Node]:
    """The parts that hold all places of a letter, the smallest first; no subscripts."""
    def here(n: Node) -> bool:
        return any(plain_letter(s) == letter for s in _free(n))

    found = [node]
    while True:
        inner = [p for p in parts(found[-1]) if here(p)]
        last = found[-1]
        if len(inner) != 1 or isinstance(last, Symbol | Reduce):
            return found[::-1][:_TRIED]
        found.append(inner[0])


__all__ = ["indices", "sums"]
