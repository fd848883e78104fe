"""Sums and maxima in normal forms: pulled apart, deltas put in, indices shifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Final

from chainrule.algebra.normal_functions import Functions
from chainrule.algebra.polynomial import (
    Mono,
    Poly,
    bare,
    collected,
    content,
    expression,
    height,
    indices_of,
    labelled,
    mono_key,
    plus,
)
from chainrule.algebra.terms import replaced
from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import (
    Expr,
    Range,
    Read,
    Reduce,
    Ref,
    free_indices,
    walk,
)
from chainrule.lang.integers import Index, Integer, Size, index
from chainrule.lang.integers import constant as integer_constant

_WAYS: Final = 12  # ways to write a sum that are looked at
_SHIFTED: Final = count(1_000_000)  # names of indices that take the place of others


class Sums(Functions):
    """Polynomials of reductions."""

    def _reduced(self, e: Reduce) -> Poly:
        outer = self.sizes
        self.sizes = {**outer, **{r.name: r.size for r in e.indices if r.size is not None}}
        fresh, self.cache = self.cache, {}
        try:
            inner = self.poly(e.body)
            if e.op == "sum":
                cases = [[]] if e.condition is None else self.alternatives(e.condition)
                inner = plus(*(self._holding(case, inner) for case in cases))
        finally:
            self.sizes, self.cache = outer, fresh
        if e.op == "sum":
            return self.merged(plus(*(
                self.summed(replace(m, sums=(*m.sums, *e.indices))) for m in inner)))
        return self._greatest(e, inner)

    def summed(self, m: Mono) -> Poly:
        """A term with its sums worked as far as they go: deltas put in, free factors out."""
        for r in m.sums:
            if r.size is not None and r.size.constant == 1:
                only = replace(m, sums=tuple(s for s in m.sums if s is not r)).moved(
                    {r.name: integer_constant(0)}, {})
                bare = self.again(replace(only, sums=()))
                return plus(*(self.summed(replace(o, sums=(*o.sums, *only.sums))) for o in bare))
            picked = self._picked(m, r)
            if picked is not None:
                return plus(*map(self.summed, picked))
            own = [e for e in (*(b for b, _ in m.factors), *(q for q, _ in m.guards))
                   if r.name in free_indices(e)]
            if not own and r.size is not None and all(
                    r.name not in (s.size.indices() if s.size is not None else ())
                    for s in m.sums):
                rest = replace(m, sums=tuple(s for s in m.sums if s is not r))
                return plus(*map(self.summed, self.times((rest,), self.integer(r.size)))) if (
                    rest.sums) else self.times((rest,), self.integer(r.size))
            known = self.known.summed(m, r.name)
            if known is not None:
                return plus(*(self.summed(k) if k.sums else (k,) for k in known))
        if any(self._bounds(m, r) for r in m.sums) or _backwards(m):
            m = self._reindexed(m)
        return collected([m])

    def _reindexed(self, m: Mono) -> Mono:
        """A sum over j with 0 <= j - i < A is one over a < A, with i + a for j; and the like.

        Of all the ways to write the sum, that with the fewest conditions is taken, then the first.
        """
        found = {labelled(m): None}
        for one in list(found):
            self._reached(one, found)
        for _ in range(2):
            for one in list(found):
                self._reached(one, found)
        return min(found, key=lambda o: (len(o.guards), mono_key(o)))

    def _reached(self, m: Mono, found: dict[Mono, None]) -> None:
        """The ways to write a sum that one change of an index leads to."""
        if len(found) > _WAYS:
            return
        for r in m.sums:
            if r.size is not None and _backwards(m):
                name = f"#{next(_SHIFTED)}"
                new = self._put(m, r, r.size - 1 - index(name), name, r.size, ())
                if new is not None:
                    found.setdefault(new)
            for low, high, guards in self._bounds(m, r):
                cells = high - low
                if low.constant is not None or cells.indices() or not (
                        cells in self.axes or at_most(integer_constant(1), cells) is True):
                    continue
                name = f"#{next(_SHIFTED)}"
                for place in (low + index(name), high - 1 - index(name)):
                    new = self._put(m, r, place, name, cells, guards)
                    if new is not None:
                        found.setdefault(new)

    def _bounds(
        self, m: Mono, r: Range
    ) -> list[tuple[Integer, Integer, tuple[tuple[Expr, str], ...]]]:
        """Pairs of conditions that keep an index between two places: low <= j < high."""
        lows: list[tuple[Integer, tuple[Expr, str]]] = []
        highs: list[tuple[Integer, tuple[Expr, str]]] = []
        for guard in m.guards:
            p = self.as_integer(guard[0])
            c = None if p is None else p.coefficient(Index(r.name)).constant
            if p is None or c not in (1, -1) or r.name in p.without(Index(r.name)).indices():
                continue
            signs = guard[1] if c == 1 else guard[1].translate(str.maketrans("-+", "+-"))
            rest = p.without(Index(r.name))
            bound = -rest if c == 1 else rest  # j is compared with this
            if set(signs) <= {"0", "+"} and signs != "0":
                lows.append((bound + int(signs == "+"), guard))
            elif set(signs) <= {"-", "0"} and signs != "0":
                highs.append((bound + int(signs != "-"), guard))
        return [(low, high, (one, other)) for low, one in lows for high, other in highs]

    def _put(
        self, m: Mono, r: Range, place: Integer, name: str, cells: Integer,
        guards: tuple[tuple[Expr, str], ...],
    ) -> Mono | None:
        """The sum over another index; that the old one stays in its range is a condition."""
        if r.size is None:
            return None
        rest = replace(m, guards=tuple(g for g in m.guards if g not in guards),
                       sums=tuple(s for s in m.sums if s is not r))
        before, cache = self.sizes, self.cache
        self.sizes = {**before, name: cells, **{
            s.name: s.size for s in rest.sums if s.size is not None}}
        self.cache = {}
        try:
            found = self.again(replace(rest, sums=()).moved({r.name: place}, {}))
            found = self._where(self.integer(place), "0+", found)
            found = self._where(self.integer(place - r.size), "-", found)
        finally:
            self.sizes, self.cache = before, cache
        if len(found) != 1:
            return None
        one = found[0]
        return labelled(replace(one, sums=(*one.sums, *rest.sums, Range(name, cells))))

    def _picked(self, m: Mono, r: Range) -> Poly | None:
        """A sum that a condition e = 0 picks one term out of."""
        for quantity, signs in m.guards:
            if signs != "0" or r.name not in free_indices(quantity):
                continue
            place = self.solved(quantity, r.name)
            if place is None or r.size is None:
                continue
            rest = replace(m, guards=tuple(g for g in m.guards if g[0] != quantity),
                           sums=tuple(s for s in m.sums if s is not r))
            found = self.again(rest.moved({r.name: place}, {}))
            if not self.covers(r.size, place, m.sums):
                found = self._where(self.integer(place), "0+", found)
                found = self._where(self.integer(r.size - 1 - place), "0+", found)
            return found
        return None

    def again(self, m: Mono) -> Poly:
        """A term normalised once more, after something was put into it."""
        result: Poly = (Mono(m.number, (), (), m.sums),)
        for base, k in m.factors:
            inner = self.poly(base)
            if k.denominator == 1:
                part = self.by_cases(inner, lambda p, k=k: self.power(p, int(k)))
            else:
                part = self.by_cases(inner, lambda p, k=k: self.root(p, k))
            result = self.times(part, result)
        for quantity, signs in m.guards:
            result = self._where(self.poly(quantity), signs, result)
        return result

    def solved(self, quantity: Expr, name: str) -> Integer | None:
        """What an index is where a quantity is 0; None where that is not one integer."""
        p = self.as_integer(quantity)
        if p is None:
            return None
        factor = p.coefficient(Index(name)).constant
        rest = p.without(Index(name))
        if factor not in (1, -1) or name in rest.indices():
            return None
        return -rest if factor == 1 else rest

    def covers(self, size: Integer, place: Integer, sums: Sequence[Range]) -> bool:
        """Whether a place is surely one of the values 0, ..., size - 1."""
        reach = {**self.sizes, **{r.name: r.size for r in sums if r.size is not None}}
        number = place.constant
        if number is not None:
            return number >= 0 and at_most(place + 1, size) is True
        name = place.plain
        atoms = list(place.atoms())
        if name is None and len(atoms) == 1 and isinstance(atoms[0], Read) and (
                place.coefficient(atoms[0]) == 1 and len(place.terms) == 1):
            name = f"@{atoms[0].ref.tensor}"
        own = None if name is None else reach.get(name)
        if own is not None:
            return own == size or at_most(own, size) is True
        if any(not isinstance(a, Index) or a.name not in reach for a in atoms
               if not isinstance(a, Size)):
            return False
        ends = extent(place, {n: s for n, s in reach.items() if not n.startswith("@")})
        return ends is not None and at_most(integer_constant(0), ends[0]) is True and (
            at_most(ends[1] + 1, size) is True)

    def _greatest(self, e: Reduce, inner: Poly) -> Poly:
        """A maximum or minimum: what does not depend on the index stands outside of it."""
        names = {r.name for r in e.indices}
        outside = tuple(m for m in inner if not names & indices_of((m,)))
        body = collected(m for m in inner if m not in outside)
        if not body:
            return outside
        shared, _ = content(body)
        free = Mono(abs(shared.number), tuple(
            f for f in shared.factors if not names & set(free_indices(f[0]))))
        if self.known.signs((replace(free, number=Fraction(1)),)) != "+":
            free = Mono(free.number)
        body = self.times((Mono(1 / free.number, tuple((b, -k) for b, k in free.factors)),), body)
        level = f"%{1 + _height(body)}."
        new = {r.name: f"{level}{k}" for k, r in enumerate(e.indices)}
        places = {old: index(n) for old, n in new.items()}
        condition = None if e.condition is None else replaced(e.condition, places)
        reduce = Reduce(e.op, tuple(Range(new[r.name], r.size) for r in e.indices), condition,
                        replaced(expression(body), places))
        return plus(outside, self.times((free,), bare(reduce)))


def _backwards(m: Mono) -> bool:
    """Whether a summed index is counted down in some subscript."""
    names = m.bound()
    return any(s.coefficient(Index(n)).constant == -1
               for e in (*(b for b, _ in m.factors), *(q for q, _ in m.guards))
               for node in walk(e) if isinstance(node, Ref)
               for s in node.subscripts for n in s.indices() if n in names)


def _height(p: Poly) -> int:
    return max((height(e) for m in p for e in (
        *(b for b, _ in m.factors), *(q for q, _ in m.guards))), default=0) + any(
            m.sums for m in p)


__all__ = ["Sums"]
