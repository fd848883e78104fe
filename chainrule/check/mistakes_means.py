"""A mean that was not taken: what is n times the right value, where a mean of n is on the way.

The sheet's program says where a mean is taken: a sum of n terms, divided by n. A quantity that is
computed from such a mean, or a derivative that goes back through one, has the factor 1/n. If it was
left out, the value is exactly n times the right one, in all worlds, whatever else stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, Spot
from chainrule.check.mistakes_trees import bare, swapped
from chainrule.check.mistakes_work import shown_name
from chainrule.check.tree import Apply as Formula
from chainrule.check.tree import Derivative, Node, Symbol
from chainrule.check.tree import walk as walk_tree
from chainrule.check.values import Array, Value, cells_of
from chainrule.check.values_names import form_of, spelling
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Reduce, walk

_FEW: Final = 3  # twice the right value comes from a square as well
_OF: Final = 6


def means(bench: Bench) -> Iterator[Found]:
    """A value that is as many times too large as a mean on the way has terms."""
    if bench.value(bench.left) is None or bench.value(bench.right) is None:
        return
    for tensor, counts in _on_the_way(bench):
        if min(counts) < _FEW or not all(
                _times(bench, n, s) for n, s in zip(counts, bench.spots, strict=True)):
            continue
        if not _turned_over(bench):
            yield Found("batch-mean", f"this is {counts[0]} times the right value: "
                        f"{shown_name(tensor)} is a mean of {counts[0]}, and its factor is missing",
                        0.65, True)
        return


def _turned_over(bench: Bench) -> bool:
    """Whether a fraction upside down has the same effect: 2 for 1/2 is four times as much."""
    for side in (bench.right, bench.left):
        for node in [n for n in walk_tree(side) if isinstance(n, Formula) and n.head == "frac"][
                :_OF]:
            new = swapped(side, node, replace(node, args=node.args[::-1]))
            pair = (bench.left, new) if side is bench.right else (new, bench.right)
            if bench.fits(*pair):
                return True
    return False


def _times(bench: Bench, n: int, spot: Spot) -> bool:
    """Whether the right-hand side is n times the left-hand side there."""
    left, right = bench.value(bench.left, spot), bench.value(bench.right, spot)
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return False
    more = _scaled(bench, left, n)
    return any(c != 0 for c in cells_of(left)) and bench.near(more, right)


def _scaled(bench: Bench, value: Value, n: int) -> Value:
    def times(c: object) -> object:
        return bench.numbers.mul(Fraction(n), c)

    if isinstance(value, Array):
        return Array(value.shape, tuple(times(c) for c in value.cells))
    return times(value)


def _on_the_way(bench: Bench) -> list[tuple[str, list[int]]]:
    """The means that the claim's quantity is, or that its derivative goes back through."""
    program = bench.room.part.program
    if program is None:
        return []
    ends = _ends(bench)
    if ends is None:
        return []
    top, below = ends
    graph = bench.room.made.graph
    found: list[tuple[str, list[int]]] = []
    for equation in program.equations:
        name = equation.target
        if name != top and top not in graph.dependents(frozenset([name])):
            continue
        if below and name not in graph.dependents(frozenset([below])):
            continue
        for node in walk(equation.body):
            counts = [_count(node, s) for s in bench.spots]
            if counts and all(counts):
                found.append((name, [n for n in counts if n]))
    return found[:_OF]


def _ends(bench: Bench) -> tuple[str, str] | None:
    """The quantity of the claim and nothing; or that which is differentiated, and by what."""
    for node in (bench.left, bench.case.head):
        left = bare(node) if node is not None else None
        if isinstance(left, Derivative) and left.top is not None and len(left.bottom) == 1:
            ends = _tensor(left.top, bench), _tensor(left.bottom[0], bench)
            return (ends[0], ends[1]) if all(ends) else None
        if isinstance(left, Symbol):
            name, mark = spelling(left.name)
            outputs = bench.room.part.program.outputs if bench.room.part.program else ()
            if mark == "bar" and len(outputs) == 1:
                below = _tensor(Symbol(left.start, left.end, name, left.bold, left.subs), bench)
                return (outputs[0], below) if below else None
            own = _tensor(left, bench)
            return (own, "") if own else None
    return None


def _tensor(node: Node, bench: Bench) -> str:
    form = form_of(bare(node))
    found = bench.room.names.tensors(form) if form is not None and form.args is None else []
    return found[0][0] if found else ""


# --- means of the program

def _count(node: Expr, spot: Spot) -> int | None:
    """How many numbers an expression is the mean of; None if it is none."""
    if not isinstance(node, Apply) or len(node.args) != 2:
        return None
    if node.function == "div":
        return _same(_terms(node.args[0], spot), _whole(node.args[1], spot))
    if node.function == "mul":
        for share, total in (node.args, node.args[::-1]):
            of = _share(share, spot)
            if of:
                return _same(_terms(total, spot), of)
    return None


def _same(terms: int | None, below: int | None) -> int | None:
    return below if below is not None and terms == below else None


def _share(node: Expr, spot: Spot) -> int | None:
    """The n of 1/n."""
    if isinstance(node, Number) and isinstance(node.value, Fraction) and node.value.numerator == 1:
        return node.value.denominator
    if isinstance(node, Apply) and node.function == "div" and node.args[0] == Number(1):
        return _whole(node.args[1], spot)
    return None


def _whole(node: Expr, spot: Spot) -> int | None:
    if isinstance(node, Number) and node.value == int(node.value):
        return int(node.value)
    if isinstance(node, IndexValue):
        try:
            return int(spot.world.sizes.of(node.value))
        except (KeyError, ValueError, LookupError):
            return None  # an index, which is no size
    return None


def _terms(node: Expr, spot: Spot) -> int | None:
    """How many numbers are added in an expression."""
    while isinstance(node, Apply) and node.function == "neg":
        node = node.args[0]
    if isinstance(node, Reduce):
        if node.op != "sum" or node.condition is not None:
            return None
        return prod(spot.world.sizes.of(r.size) for r in node.indices if r.size is not None)
    count = _summands(node)
    return count if count > 1 else None


def _summands(node: Expr) -> int:
    if isinstance(node, Apply) and node.function in ("add", "sub"):
        return sum(map(_summands, node.args))
    return 1


__all__ = ["means"]
