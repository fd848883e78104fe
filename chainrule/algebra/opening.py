"""Brackets opened where that makes an expression shorter.

    (s - 1)*t/s*s*(1 - s) and the like: a product of brackets in which denominators cancel and most
    terms meet their negatives is written out; one that would only grow stays closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.fold import common
from chainrule.algebra.terms import Term, cancelled, collected, terms_of, written
from chainrule.lang.expr import Apply, Expr, Select, walk, weight

_MOST: Final = 64  # terms that an opened product may have before like ones are collected


def opened(t: Term, quotients: bool = False) -> list[Term] | None:
    """The term with its brackets multiplied out; None if it has none, or they are too many.

    With `quotients` only those that hold a quotient, whose denominator may meet another bracket.
    """
    brackets = [(base, k) for base, k in t.factors if k > 0 and _is_bracket(base)
                and (not quotients or _divides(base))]
    if not brackets:
        return None
    taken = t.names()
    found = [replace(t, factors=tuple(f for f in t.factors if f not in brackets))]
    for base, k in brackets:
        for _ in range(k):
            inner = terms_of(base, taken)
            if len(inner) * len(found) > _MOST or any(i.sums for i in inner):
                return None
            found = [a.times(b) for a in found for b in inner]
    return [cancelled(a) for a in found]


def shorter(terms: Sequence[Term]) -> list[Term] | None:
    """The terms with every bracket open, if they are fewer symbols then; else None."""
    best: list[Term] | None = None
    now = list(terms)
    most = length(terms)
    if not any(_divides(base) or k < 0 for t in terms for base, k in t.factors):
        most = most * 2 // 3  # a product of brackets reads better than its terms, if not by much
    for quotients in (True, False):
        found: list[Term] = []
        for t in now:
            new = opened(t, quotients)
            found += [t] if new is None else new
        if len(found) > _MOST:
            break
        now = collected(found)
        together = joined(now)
        if length(together) < (most if best is None else length(best)):
            best = together
    return best


def tidied(t: Term) -> Term:
    """The term with like terms in its brackets added up: 1 - y - y is 1 - 2*y."""
    table: dict[Expr, int] = {}
    for base, k in t.factors:
        if _is_bracket(base):
            inner = terms_of(base, t.names())
            now = collected(inner)
            base = written(now) if 1 < len(now) < len(inner) else base
        elif isinstance(base, Select):
            base = _branches(base, t.names())
        table[base] = table.get(base, 0) + k
    return replace(t, factors=tuple(table.items()))


def _branches(e: Select, taken: set[str]) -> Select:
    """A choice with like terms in its branches added up."""

    def side(branch: Expr) -> Expr:
        if isinstance(branch, Select):
            return _branches(branch, taken)
        now = written(collected(terms_of(branch, taken))) if _is_bracket(branch) else branch
        return now if weight(now) < weight(branch) else branch

    return replace(e, then=side(e.then), otherwise=side(e.otherwise))


def joined(terms: Sequence[Term]) -> list[Term]:
    """Terms that are summed over the same indices and share a factor: one sum of a bracket."""
    groups: dict[object, list[Term]] = {}
    for t in terms:
        key = (t.sums, t.guards, frozenset(t.deltas)) if t.sums or t.guards else t
        groups.setdefault(key, []).append(t)
    found: list[Term] = []
    for group in groups.values():
        bare = [replace(t, sums=(), guards=(), deltas=()) for t in group]
        shared, rest = common(bare)
        if len(group) < 2 or not shared.factors:
            found += group
            continue
        bracket = written(rest)
        found.append(replace(group[0], number=shared.number,
                             factors=((bracket, 1), *shared.factors)))
    return found


def length(terms: Sequence[Term]) -> int:
    """How many symbols some terms take to write."""
    return sum(1 + len(t.sums) + len(t.deltas) + (abs(t.number) != Fraction(1))
               + sum(map(weight, t.guards))
               + sum(weight(base) + (abs(k) > 1) for base, k in t.factors) for t in terms)


def _divides(e: Expr) -> bool:
    return any(isinstance(n, Apply) and n.function == "div" for n in walk(e))


def _is_bracket(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function in ("add", "sub", "neg")
