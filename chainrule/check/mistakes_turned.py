"""A kernel that was not turned round, seen before anything else is made of it.

A convolution multiplies the first number of the kernel with the last one below it. Where the
numbers stand in a formula, two by two, the pairs show which way the kernel lay. A list that is the
right one from its end to its beginning is no slip of the pen if it belongs to a kernel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_program import flips, turnings
from chainrule.check.mistakes_tables import is_table
from chainrule.check.mistakes_trees import bare, factors, terms
from chainrule.check.mistakes_work import work_of
from chainrule.check.rounding import printed
from chainrule.check.tree import Node, Symbol
from chainrule.check.values import Array
from chainrule.check.values_names import form_of

_PAIRS: Final = (2, 16)
_DOUBT: Final = 0.8  # of a single digit, which much gives
_Pair = tuple[int, tuple[Fraction, ...]]  # the sign of a product, and its factors without theirs


def turned(bench: Bench) -> Iterator[Found]:
    """A kernel the other way round, in the pairs of a formula or in a whole list."""
    if is_table(bench.right):
        true, mine = bench.value(bench.left), bench.value(bench.right)
        if isinstance(true, Array) and isinstance(mine, Array) and len(true.cells) > 2 and (
                bench.near(Array(true.shape, true.cells[::-1]), mine)):
            yield from flips(bench)
        return
    if bench.room.drawn:
        return
    if printed(bench.right) is not None:
        yield from _number(bench)
        return
    own = formula_of(bench.room, bare(bench.left)) if form_of(bare(bench.left)) else None
    theirs = _pairs(bench.right, bench, False)
    for source in (bench.left, own) if theirs else ():
        mine = _pairs(source, bench, True) if source is not None else []
        if len(mine) != len(theirs) or not _PAIRS[0] <= len(mine) <= _PAIRS[1]:
            continue
        right = Counter(_plain(a, b) for a, b in mine)
        other = Counter(_plain(a, b) for (a, _), (_, b) in zip(mine, mine[::-1], strict=True))
        if Counter(_plain(a, b) for a, b in theirs) == other != right:
            yield Found("kernel-not-flipped", "the first number of the kernel stands with the "
                        "first one below it: the kernel was not turned round", 0.6, True)
            return


def _number(bench: Bench) -> Iterator[Found]:
    """One cell of a convolution that has the value of the kernel laid the other way round.

    The formula before the number may be right: then the kernel was turned in working it out.
    """
    shown, head = printed(bench.right), bench.case.head
    if shown is None or not shown.value:
        return
    work = work_of(bench)
    if work is None and head is not None and bench.near(bench.value(head), bench.value(bench.left)):
        work = work_of(replace(bench, left=head, cache={}, memo=[]))
    true = None if work is None else work.truth(0)
    if work is None or true is None or isinstance(true, Array | bool) or bench.near(
            bench.numbers.mul(Fraction(-1), true), bench.value(bench.right)):
        return
    for found in turnings(work):
        doubt = work.doubt()
        yield replace(found, cost=0.75 + doubt / 2, sure=doubt < _DOUBT)
        return


def _pairs(node: Node, bench: Bench, names: bool) -> list[tuple[Fraction, Fraction]]:
    """The products of two numbers that are added, as values; of two indexed names."""
    found: list[tuple[Fraction, Fraction]] = []
    heads = set()
    for sign, term in terms(node):
        if names and sign < 0:
            continue
        parts = factors(term)
        if len(parts) != 2:
            continue
        if names and not all(isinstance(p, Symbol) and p.subs for p in parts):
            continue
        values = [bench.value(p) for p in parts]
        first, second = (bench.numbers.exactly(v) if v is not None and not isinstance(
            v, Array | bool) else None for v in values)
        if first is None or second is None:
            return []
        heads.add(tuple(p.name for p in parts if isinstance(p, Symbol)))
        whole = bench.numbers.exactly(bench.value(term))
        turn = sign if whole is not None and whole >= 0 else -sign
        found.append((first, second) if names else (turn * abs(first), abs(second)))
    return found if not names or len(heads) == 1 else []


def _plain(a: Fraction, b: Fraction) -> _Pair:
    """A product, whichever of its factors stands first or has the minus."""
    return (1 if a * b >= 0 else -1, tuple(sorted((abs(a), abs(b)))))


__all__ = ["turned"]
