"""The chain rule as it is written out: v̄₁ ∂v₁/∂x + v̄₄ ∂v₄/∂x with one of its terms left out.

A table of reverse mode has names that the paper made up, so that the sheet's program does not know
them. What it does have is the pattern: an adjoint times the derivative of the same quantity.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_links import is_slope
from chainrule.check.mistakes_names import other_names, summed_kind, variables
from chainrule.check.mistakes_trees import bare, factors, outer, plus, swapped, terms, times
from chainrule.check.rounding import printed
from chainrule.check.tree import Derivative, Node, Symbol, walk
from chainrule.check.values import Array
from chainrule.check.values_names import form_of, key, spelling

_TERMS: Final = 5
_NAMES: Final = 10


def chains(bench: Bench) -> Iterator[Found]:
    """A way that the chain rule does not follow, in symbols or in numbers."""
    yield from _left_out(bench)
    yield from _without_factor(bench)
    yield from _forward(bench)
    yield from _unfollowed(bench)


def _left_out(bench: Bench) -> Iterator[Found]:
    """The terms stand on the left, and the number on the right is the sum of only some."""
    parts = terms(bench.left)
    shown = printed(bench.right)
    if shown is None or not 2 <= len(parts) <= _TERMS or not _chained(bench, parts):
        return
    values = []
    for sign, term in parts:
        value = bench.value(term)
        exact = None if value is None or isinstance(value, Array | bool) else (
            bench.numbers.exactly(value))
        if exact is None:
            return
        values.append(sign * exact)
    half = shown.half if shown.decimals else Fraction(0)
    if abs(sum(values, Fraction(0)) + shown.value) <= half and shown.value:
        return  # only the sign is wrong
    many = len(parts)
    for n in dict.fromkeys((many - 1, 1, *range(many - 2, 1, -1))):
        for some in itertools.combinations(range(many), n):
            total = sum((values[k] for k in some), Fraction(0))
            lost = [k for k in range(many) if k not in some]
            if abs(total - shown.value) > half or all(values[k] == 0 for k in lost):
                continue
            alone = n == 1 < many - 1
            text = (f"only {said(parts[some[0]][1])} was taken" if alone else
                    f"{' and '.join(said(parts[k][1]) for k in lost)} was not added")
            yield Found(_kind(bench), text, 0.75, shown.digits >= 3)
            return
    for (_, term), value in zip(parts, values, strict=True):
        if literal(bench.left) and value and abs(abs(value) - shown.value) <= half:
            yield Found(_kind(bench), f"only {said(term)} was taken, without its sign", 1.0, False)
            return


def _without_factor(bench: Bench) -> Iterator[Found]:
    """A product of the chain rule stands on the left, and the number lacks one of its factors."""
    found = factors(bench.left)
    shown = printed(bench.right)
    if shown is None or not 2 <= len(found) <= _TERMS or not any(
            isinstance(bare(f), Derivative) for f in found):
        return
    values = [bench.value(f) for f in found]
    exact = [None if v is None or isinstance(v, Array | bool) else bench.numbers.exactly(v)
             for v in values]
    if any(v is None for v in exact):
        return
    half = shown.half if shown.decimals else Fraction(0)
    head = bench.case.head
    by = {key(bare(n)) for n in variables(head)} if head is not None else set()
    for k, lost in enumerate(found):
        rest = Fraction(1)
        for j, v in enumerate(exact):
            rest *= v if j != k and v is not None else 1
        if exact[k] in (0, 1) or abs(rest - shown.value) > half:
            continue
        slope = bare(lost)
        inner = bool(by) and is_slope(slope)
        if isinstance(slope, Derivative):
            inner = any(key(bare(b)) in by for b in slope.bottom)
        yield Found("inner-derivative" if inner else "factor",
                    f"the factor {said(lost)} was left out", 0.85, shown.digits >= 3)
        return


def _chained(bench: Bench, parts: list[tuple[int, Node]]) -> bool:
    """Whether terms are those of a chain rule: with derivatives, or numbers put in for them."""
    if all(any(isinstance(n, Derivative) for n in walk(t)) for _, t in parts):
        return True
    head = bench.case.head
    return literal(bench.left) and head is not None and isinstance(bare(head), Derivative) and all(
        len(factors(t)) > 1 for _, t in parts)


def _kind(bench: Bench) -> str:
    kind = summed_kind(bench)
    return kind if kind != "missing-term" else "unsummed-fan-out"


def _forward(bench: Bench) -> Iterator[Found]:
    """A term of v̇ₖ = Σ ∂vₖ/∂vⱼ · v̇ⱼ that is not there."""
    left = bare(bench.left)
    if not isinstance(left, Symbol) or spelling(left.name)[1] != "dot" or literal(bench.right):
        return
    own = replace(left, name=spelling(left.name)[0])
    for n in outer(bench.right):  # a way that there is not is another mistake
        if isinstance(n, Symbol) and n.name == left.name and _is_nothing(
                bench, Derivative(n.start, n.end, own, (replace(n, name=own.name),))):
            return
    for other in other_names(own, form_of(own), bench)[:_NAMES]:
        slope = Derivative(own.start, own.end, own, (other,))
        more = times(slope, replace(other, name=left.name))
        new = plus(bench.right, more)
        if _is_nothing(bench, more) or not bench.fits(bench.left, new):
            continue
        if bench.holds(bench.left, new):
            yield Found("unsummed-fan-out", f"the way through {said(other)} is missing: {said(own)}"
                        f" depends on {said(other)} as well", 0.7, True)
            return


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
