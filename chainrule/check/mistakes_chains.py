"""The chain rule as it is written out: v̄₁ ∂v₁/∂x + v̄₄ ∂v₄/∂x with one of its terms left out.

A table of reverse mode has names that the paper made up, so that the sheet's program does not know
them. What it does have is the pattern: an adjoint times the derivative of the same quantity.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, said
from chainrule.check.mistakes_names import other_names, summed_kind
from chainrule.check.mistakes_trees import bare, factors, plus, swapped, terms
from chainrule.check.rounding import printed
from chainrule.check.tree import Derivative, Node, Symbol, walk
from chainrule.check.values import Array
from chainrule.check.values_names import form_of, key, spelling

_TERMS: Final = 5
_NAMES: Final = 10


def chains(bench: Bench) -> Iterator[Found]:
    """A way that the chain rule does not follow, in symbols or in numbers."""
    yield from _left_out(bench)
    yield from _unfollowed(bench)


def _left_out(bench: Bench) -> Iterator[Found]:
    """The terms stand on the left, and the number on the right is the sum of only some."""
    parts = terms(bench.left)
    shown = printed(bench.right)
    if shown is None or shown.digits < 2 or not 2 <= len(parts) <= _TERMS or not all(
            any(isinstance(n, Derivative) for n in walk(t)) for _, t in parts):
        return
    values = []
    for sign, term in parts:
        value = bench.value(term)
        exact = None if value is None or isinstance(value, Array | bool) else (
            bench.numbers.exactly(value))
        if exact is None:
            return
        values.append(sign * exact)
    for n in range(len(parts) - 1, 0, -1):
        for some in itertools.combinations(range(len(parts)), n):
            total = sum((values[k] for k in some), Fraction(0))
            if abs(total - shown.value) <= shown.half:
                lost = [said(parts[k][1]) for k in range(len(parts)) if k not in some]
                yield Found(_kind(bench), f"{' and '.join(lost)} was not added", 0.75,
                            shown.digits >= 3)
                return


def _kind(bench: Bench) -> str:
    kind = summed_kind(bench)
    return kind if kind != "missing-term" else "unsummed-fan-out"


def _unfollowed(bench: Bench) -> Iterator[Found]:
    """A term of the same pattern, by another quantity, makes the sum complete."""
    parts = terms(bench.right)
    if len(parts) > _TERMS:
        return
    for _, term in parts:
        through = _through(term)
        if through is None:
            continue
        have = {key(t) for t in (_through(other) for _, other in parts) if t is not None}
        for other in other_names(through, form_of(through), bench)[:_NAMES]:
            if key(other) in have:
                continue
            more = _renamed(term, through, other)
            new = plus(bench.right, more)
            if _is_nothing(bench, more) or not bench.fits(bench.left, new):
                continue
            if bench.holds(bench.left, new) and not _whole(bench, more):
                yield Found(_kind(bench), f"the way through {said(other)} is missing: it goes "
                            f"through {said(through)} and through {said(other)}", 0.7, True)
                return


def _through(term: Node) -> Symbol | None:
    """The quantity k of a term k̄ · ∂k/∂x, or ∂y/∂k · ∂k/∂x."""
    found = factors(term)
    if len(found) != 2:
        return None
    for above, below in (found, found[::-1]):
        if not isinstance(below, Derivative) or below.top is None:
            continue
        top = bare(below.top)
        if not isinstance(top, Symbol):
            continue
        if isinstance(above, Derivative) and len(above.bottom) == 1 and key(
                bare(above.bottom[0])) == key(top):
            return top
        barred = spelling(top.name)[0], "bar"
        if isinstance(above, Symbol) and spelling(above.name) == barred and (
                [key(s) for s in above.subs] == [key(s) for s in top.subs]):
            return top
    return None


def _renamed(term: Node, old: Symbol, new: Symbol) -> Node:
    """The term by another quantity; the subscripts of the adjoint's name change with it."""
    for n in list(walk(term)):
        if isinstance(n, Symbol) and [key(s) for s in n.subs] == [key(s) for s in old.subs] and (
                spelling(n.name)[0] == spelling(old.name)[0]):
            put = Symbol(n.start, n.end, n.name, n.bold, new.subs)
            term = swapped(term, n, put if n.name != old.name else new)
    return term


def _is_nothing(bench: Bench, node: Node) -> bool:
    value = bench.value(node)
    return value is None or isinstance(value, Array | bool) or value == 0


def _whole(bench: Bench, node: Node) -> bool:
    """Whether a term is all of the left-hand side by itself."""
    return bench.same(bench.value(node), bench.value(bench.left))


__all__ = ["chains"]
