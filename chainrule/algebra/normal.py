"""Normal forms: two expressions are equal if the normal form of their difference is nothing.

    exp(x + c)/sum(k) exp(x[k] + c)        is exp(x)*(sum(k) exp(x[k]))^-1
    sigmoid(x)                             is exp(x)*(exp(x) + 1)^-1
    max(0, x)                              is x where x > 0

Functions are written in exponentials and logarithms, choices become conditions, brackets are
multiplied out, sums are pulled apart and deltas put in. What is left is a polynomial over what
cannot be taken apart. For polynomials and quotients of them the form does not depend on how the
expression was written; beyond those, equal forms are equal, and different ones may be.

All of it holds wherever the expressions are defined (a product x/x is 1), and says nothing where
they are not: `domain` lists where that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product as combinations
from typing import Final

from chainrule.algebra.normal_sums import Sums
from chainrule.algebra.normal_terms import Knowledge
from chainrule.algebra.partial import reads
from chainrule.algebra.polynomial import (
    UNIT,
    Mono,
    Poly,
    TooLargeError,
    atomic,
    bare,
    collected,
    constant,
    expression,
    joined,
    plus,
    scaled,
)
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
    free_indices,
    transform,
)
from chainrule.lang.integers import index

_CASES: Final = 5  # quantities whose signs are told apart at once
_SIGNS: Final = "-0+"


class Normal(Sums):
    """Makes normal forms, and says of them whether they are nothing."""

    def poly(self, e: Expr) -> Poly:
        """The normal form of an expression."""
        found = self.cache.get(e)
        if found is None:
            found = self.cache[e] = self._poly(e)
        return found

    def _poly(self, e: Expr) -> Poly:
        if isinstance(e, Number):
            return constant(Fraction(e.value))
        if isinstance(e, Ref | ArgReduce):
            return bare(e)
        if isinstance(e, IndexValue):
            return self.integer(e.value)
        if isinstance(e, Delta):
            return self._where(self.integer(e.left - e.right), "0", UNIT)
        if isinstance(e, Select):
            return self._selected(e)
        if isinstance(e, Reduce):
            return self._reduced(e)
        assert isinstance(e, Apply)
        return self._applied(e)

    # equality

    def vanishes(self, p: Poly) -> bool:
        """Whether a polynomial is 0 wherever it is defined; False says only that it is not seen."""
        for _ in range(40):
            p = self.merged(p)
            if not p:
                return True
            quantities = self.quantities(p)
            if quantities:
                return self._in_all_cases(p, quantities)
            cleared = self.cleared(p)
            if cleared == p:
                aligned = self._split(p)
                if aligned == p:
                    return False
                cleared = aligned
            p = cleared
        return False

    def _in_all_cases(self, p: Poly, quantities: Sequence[Expr]) -> bool:
        if len(quantities) > _CASES:
            raise TooLargeError(f"{len(quantities)} conditions make too many cases")
        return all(self.vanishes(self.in_case(p, dict(zip(quantities, case, strict=True))))
                   for case in combinations(_SIGNS, repeat=len(quantities))
                   if self.possible(dict(zip(quantities, case, strict=True))))

    def in_case(self, p: Poly, case: Mapping[Expr, str]) -> Poly:
        """A polynomial in one case, what is 0 there put in."""
        p = self.within(p, case)
        for quantity, signs in case.items():
            if signs == "0":
                p = self.put_in(p, quantity)
        return p

    def put_in(self, p: Poly, quantity: Expr) -> Poly:
        """A polynomial where a quantity is 0: solved for an index or a name that it holds."""
        integer = self.as_integer(quantity)
        if integer is not None:
            for name in integer.indices():
                place = self.solved(quantity, name)
                if place is not None and not name.startswith("%"):
                    return plus(*(self.again(m.opened().moved({name: place}, {})) for m in p))
            return p
        for m in self.poly(quantity):
            if len(m.factors) == 1 and m.factors[0][1] == 1 and not m.sums and isinstance(
                    m.factors[0][0], Ref):
                ref = m.factors[0][0]
                rest = tuple(o for o in self.poly(quantity) if o is not m)
                if any(reads(b, ref.tensor) for o in rest for b, _ in o.factors):
                    continue
                value = expression(scaled(rest, -1 / m.number))
                return self.poly(_substituted(expression(p), ref, value))
        return p

    def possible(self, case: Mapping[Expr, str]) -> bool:
        """Whether quantities can have these signs together, as far as is seen."""
        polys = [(self.poly(q), s) for q, s in case.items()]
        for k, (p, signs) in enumerate(polys):
            others = self.known.assuming(polys[:k] + polys[k + 1 :])
            if not set(signs) & set(others.signs(p)):
                return False
        return True

    def cleared(self, p: Poly) -> Poly:
        """The polynomial times all its denominators."""
        for m in p:
            for base, k in m.factors:
                if k < 0 and not atomic(base) and not m.bound() & set(free_indices(base)):
                    least = min(o.exponent(base) for o in p)
                    factor = (Mono(Fraction(1), ((base, -least),)),)
                    return self.times(p, self._settled(factor[0])) if least.denominator != 1 else (
                        plus(*(self._multiplied(o, base, -least) for o in p)))
        return self._common_below(p)

    def numerator(self, p: Poly) -> Poly:
        """The polynomial times its denominators, as far as these are positive."""
        for _ in range(8):
            below = self._positive_below(p)
            if below is None:
                return p
            base, least = below
            p = plus(*(self._multiplied(o, base, -least) for o in p))
        return p

    def denominator(self, p: Poly) -> Expr:
        """The product of the positive denominators of a polynomial."""
        result: Poly = UNIT
        for _ in range(8):
            below = self._positive_below(p)
            if below is None:
                break
            base, least = below
            p = plus(*(self._multiplied(o, base, -least) for o in p))
            result = (Mono(Fraction(1), (*result[0].factors, (base, -least))),)
        return expression(result)

    def _positive_below(self, p: Poly) -> tuple[Expr, Fraction] | None:
        """A denominator that is positive, and its least exponent."""
        for m in p:
            for base, k in m.factors:
                if k < 0 and not m.bound() & set(free_indices(base)) and (
                        self.known.signs(bare(base)) == "+"):
                    return base, min(o.exponent(base) for o in p)
        return None

    def _multiplied(self, m: Mono, base: Expr, k: Fraction) -> Poly:
        joint = joined(m, Mono(Fraction(1), ((base, k),)))
        return self._settled(joint)

    def _common_below(self, p: Poly) -> Poly:
        """Terms summed over the same indices are put over a common denominator under the sum."""
        for m in p:
            for base, k in m.factors:
                bound = m.bound() & set(free_indices(base))
                if k >= 0 or atomic(base) or not bound:
                    continue
                alike = {o: a for o in p if (a := _alike(o, m)) is not None}
                if len(alike) < 2:
                    continue
                least = min(o.exponent(base) for o in alike.values())
                inner = plus(*(self._multiplied(replace(o, sums=()), base, -least)
                               for o in alike.values()))
                if self.vanishes(inner):
                    return collected(o for o in p if o not in alike)
        return p

    def _split(self, p: Poly) -> Poly:
        """Terms summed with a condition, and those without: the latter told apart by it."""
        for m in p:
            inside = [(q, s) for q, s in m.guards if m.bound() & set(free_indices(q))]
            for quantity, _ in inside:
                found: list[Mono] = []
                for o in p:
                    if o.sums == m.sums and quantity not in dict(o.guards):
                        found += [replace(o, guards=(*o.guards, (quantity, s))) for s in _SIGNS]
                    elif o.sums == m.sums:
                        rest = tuple(g for g in o.guards if g[0] != quantity)
                        found += [replace(o, guards=(*rest, (quantity, s)))
                                  for s in dict(o.guards)[quantity]]
                    else:
                        found.append(o)
                done = plus(*(self.summed(o) for o in found))
                if done != p and len(done) < len(p):
                    return done
        return p


def _alike(o: Mono, m: Mono) -> Mono | None:
    """A term summed over what another is, under the same conditions, with the other's names."""
    if len(o.sums) != len(m.sums):
        return None
    sizes = [[str(r.size) for r in t.sums] for t in (o, m)]
    if sorted(sizes[0]) != sorted(sizes[1]):
        return None
    order = sorted(range(len(o.sums)), key=lambda k: sizes[0][k])
    aims = sorted(range(len(m.sums)), key=lambda k: sizes[1][k])
    names = {o.sums[a].name: m.sums[b].name for a, b in zip(order, aims, strict=True)}
    moved = o.moved({old: index(new) for old, new in names.items()}, names)
    alike = set(moved.guards) == set(m.guards) and set(moved.sums) == set(m.sums)
    return replace(moved, sums=m.sums) if alike else None


def _substituted(e: Expr, ref: Ref, value: Expr) -> Expr:
    return transform(e, lambda node: value if node == ref else None)


__all__ = ["Knowledge", "Normal"]
