"""The signs that an expression may have, out of "-0+": by its form, and by what is assumed.

exp(x) is positive, a square is not negative, a sum of positive terms is positive; 1 - p is positive
where p < 1 is assumed. "-0+" says that nothing is known. Where something is known it holds at every
point at which the expression is defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.fold import unified
from chainrule.algebra.polynomial import Mono, Poly, bare, expression, indices_of, plus, scaled
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    free_indices,
)
from chainrule.lang.integers import Index, Integer, Size, constant, index

ANY: Final = "-0+"
_DEEP: Final = 6


@dataclass(frozen=True, slots=True)
class Bound:
    """An assumption: a quantity has one of these signs; if `free`, its indices stand for any."""

    quantity: Poly
    signs: str
    free: bool = True


@dataclass(frozen=True, slots=True)
class Total:
    """An assumption: a tensor summed over one axis of `size` is `value`, for any other indices."""

    pattern: Ref
    name: str
    value: Poly
    size: Integer | None = None


class Facts:
    """What is assumed, and what follows for signs; in `distinct` tensors no two cells are equal."""

    def __init__(
        self, bounds: Sequence[Bound] = (), totals: Sequence[Total] = (),
        distinct: Sequence[str] = (),
    ) -> None:
        self.bounds = tuple(bounds)
        self.totals = tuple(totals)
        self.distinct = tuple(distinct)
        self._deep = 0
        self._known: dict[Poly, str] = {}

    def signs(self, p: Poly) -> str:
        """The signs that a polynomial may have."""
        found = self._known.get(p)
        if found is None:
            if self._deep > _DEEP:
                return ANY
            self._deep += 1
            try:
                found = self._signs(p)
            finally:
                self._deep -= 1
            self._known[p] = found
        return found

    def assuming(self, signs: Sequence[tuple[Poly, str]]) -> Facts:
        """The same and more: polynomials that have these signs, with their indices as they are."""
        more = [Bound(p, s, free=False) for p, s in signs]
        return Facts((*self.bounds, *more), self.totals, self.distinct)

    def with_bounds(self, bounds: Sequence[Bound]) -> Facts:
        """The same and more bounds."""
        return Facts((*self.bounds, *bounds), self.totals, self.distinct)

    def _signs(self, p: Poly) -> str:
        if not p:
            return "0"
        total = "0"
        for m in p:
            total = _sum(total, self.mono(m))
        if len(p) == 1:
            return total
        for bound in self.bounds:
            total = narrowed(total, self._by(bound, p))
        total = narrowed(total, self._below_maximum(p))
        total = narrowed(total, self._rising(p))
        return narrowed(total, _count_less(p))

    def mono(self, m: Mono) -> str:
        """The signs of one term."""
        result = "+" if m.number > 0 else "-"
        for base, k in m.factors:
            own = self.base(base)
            if k.denominator == 1 and k % 2 == 0:
                own = "+" if "0" not in own else "0+"
            elif k.denominator != 1:
                # a root is defined where its base is not negative
                own = narrowed(own, "0+") or "0+"
            if k < 0:
                own = own.replace("0", "") or own
            result = multiplied(result, own)
        if m.guards and not (len(m.sums) == len(m.guards) == 1 and not m.factors
                             and greatest(m.guards[0], m.sums[0]) is not None):
            result = _join(result, "0")
        if m.sums and not filled(m.sums):
            result = _join(result, "0")
        return result

    def seen(self, e: Expr) -> str:
        """The signs that an expression is seen to have as it is written, nothing worked out."""
        return self._inside(e)

    def base(self, e: Expr) -> str:
        """The signs of a factor."""
        own = self._by_form(e)
        if self._deep > _DEEP:
            return own
        atom = bare(e)
        self._deep += 1
        try:
            for bound in self.bounds:
                own = narrowed(own, self._by(bound, atom))
        finally:
            self._deep -= 1
        return own

    def _by_form(self, e: Expr) -> str:
        if isinstance(e, Number):
            return "+" if e.value > 0 else "-" if e.value < 0 else "0"
        if isinstance(e, IndexValue):
            atoms = [a for m, _ in e.value.terms for a in m]
            if len(e.value.terms) == 1 and e.value.terms[0][1] == 1:
                if all(isinstance(a, Size) for a in atoms):
                    return "+"
                if all(isinstance(a, Size | Index) for a in atoms):
                    return "0+"
            return ANY
        if isinstance(e, ArgReduce):
            return "0+"
        if isinstance(e, Reduce):
            body = self._inside(e.body)
            if e.op == "sum":
                return body if e.condition is None and filled(e.indices) else _join(body, "0")
            return body
        if not isinstance(e, Apply):
            return ANY
        if e.function in ("exp", "pi", "cosh"):
            return "+"
        if e.function in ("sqrt", "abs", "square"):
            own = self._inside(e.args[0])
            return "+" if own and "0" not in own and (
                e.function != "sqrt" or own == "+") else "0+"
        if e.function in ("add", "sub", "mul", "div", "neg", "pow"):
            return self._inside(e)
        if e.function == "ln":
            less_one = _sum(self._inside(e.args[0]), "-")
            inner = e.args[0]
            if isinstance(inner, Number):
                return "+" if inner.value > 1 else "-" if inner.value < 1 else "0"
            difference = Apply("sub", (inner, Number(1)))
            return narrowed(ANY if less_one == ANY else less_one, self._inside(difference))
        return ANY

    def _inside(self, e: Expr) -> str:
        """The signs of an expression in canonical form, by its parts."""
        if isinstance(e, Apply) and e.function in ("add", "sub", "mul", "div", "neg", "pow"):
            if e.function == "pow":
                power = e.args[1]
                own = self._inside(e.args[0])
                if isinstance(power, Number) and isinstance(power.value, int):
                    return own if power.value % 2 else ("+" if "0" not in own else "0+")
                return "0+" if own != "+" else "+"
            parts = [self._inside(a) for a in e.args]
            if e.function == "neg":
                return _flip(parts[0])
            if e.function in ("mul", "div"):
                second = parts[1] if e.function == "mul" else parts[1].replace("0", "") or ANY
                return multiplied(parts[0], second)
            second = parts[1] if e.function == "add" else _flip(parts[1])
            total = _sum(parts[0], second)
            if total == ANY and e.function in ("add", "sub"):
                for bound in self.bounds:
                    total = narrowed(total, self._by(bound, _flat(e)))
            return total
        return self.base(e)

    def _by(self, bound: Bound, p: Poly) -> str:
        """What an assumption says of a polynomial: its own, a multiple of it, one shifted."""
        if not bound.quantity:
            return ANY
        lead = max(bound.quantity, key=lambda m: len(m.factors))
        names = frozenset(indices_of(bound.quantity)) if bound.free else frozenset()
        for m in p:
            if len(m.factors) != len(lead.factors) or m.sums or m.guards:
                continue
            found: dict[str, Integer] | None = {}
            for (a, j), (b, k) in zip(lead.factors, m.factors, strict=True):
                found = unified(a, b, found, names) if found is not None and j == k else None
            if found is None:
                continue
            places = {n: v for n, v in found.items() if n in names}
            factor = m.number / lead.number
            own = tuple(o.moved(places, {}) for o in bound.quantity)
            rest = plus(p, scaled(own, -factor))
            if len(rest) >= len(p) and len(rest) > 1:
                continue
            signs = bound.signs if factor > 0 else _flip(bound.signs)
            other = "0"
            for o in rest:
                other = _sum(other, self.mono(o))
            total = _sum(signs, other)
            if total != ANY:
                return total
        return ANY

    def _rising(self, p: Poly) -> str:
        """exp(a) - exp(b) has the sign of a - b."""
        if len(p) != 2 or p[0].number != -p[1].number:
            return ANY
        powers = []
        for m in p:
            if m.sums or m.guards or not all(
                    isinstance(b, Apply) and b.function == "exp" for b, _ in m.factors):
                return ANY
            powers.append(plus(*(scaled(_flat(b.args[0]), k) for b, k in m.factors
                                 if isinstance(b, Apply))))
        signs = self.signs(plus(powers[0], scaled(powers[1], -1)))
        return signs if p[0].number > 0 else _flip(signs)

    def _below_maximum(self, p: Poly) -> str:
        """x[i] - max(k) x[k] is not positive, and its like."""
        for m in p:
            if len(m.factors) != 1 or m.factors[0][1] != 1 or m.sums or m.guards:
                continue
            base = m.factors[0][0]
            if not isinstance(base, Reduce) or base.op == "sum" or base.condition is not None:
                continue
            rest = scaled(tuple(o for o in p if o is not m), -1 / m.number)
            pattern = base.body
            found = unified(pattern, expression(rest), {}, frozenset(r.name for r in base.indices))
            if found is not None:
                greater = (m.number > 0) == (base.op == "max")
                return "0+" if greater else "-0"
        return ANY

    def summed(self, m: Mono, name: str) -> Poly | None:
        """A term summed over an index where an assumption says what that sum is."""
        own = [(b, k) for b, k in m.factors if name in free_indices(b)]
        if not own and self.distinct:
            return self._single(m, name)
        if len(own) != 1 or own[0][1] != 1 or any(name in free_indices(q) for q, _ in m.guards):
            return None
        size = next((r.size for r in m.sums if r.name == name), None)
        for total in self.totals:
            if size != total.size:
                continue  # part of the axis
            variables = frozenset(free_indices(total.pattern))
            found = unified(total.pattern, own[0][0], {total.name: index(name)}, variables)
            if found is None:
                continue
            places = {n: v for n, v in found.items() if n != total.name}
            if any(name in v.indices() for v in places.values()):
                continue
            rest = replace(m, factors=tuple(f for f in m.factors if f != own[0]),
                           sums=tuple(r for r in m.sums if r.name != name))
            values = tuple(o.moved(places, {}) for o in total.value)
            return tuple(Mono(rest.number * v.number, (*rest.factors, *v.factors), rest.guards,
                              (*rest.sums, *v.sums)) for v in values)
        return None


    def _single(self, m: Mono, name: str) -> Poly | None:
        """Where nothing ties, one index alone has the maximum: sum(k, x[k] = max x) 1 is 1."""
        over = next(r for r in m.sums if r.name == name)
        guards = [g for g in m.guards if name in free_indices(g[0])]
        best = greatest(guards[0], over) if len(guards) == 1 else None
        if not isinstance(best, Ref) or best.tensor not in self.distinct or (
                best.subscripts[-1].plain != name):
            return None
        return (replace(m, guards=tuple(g for g in m.guards if g not in guards),
                        sums=tuple(r for r in m.sums if r is not over)),)


def _count_less(p: Poly) -> str:
    """How many indices have the greatest value is at least 1: that count less 1 is not negative."""
    if len(p) != 2:
        return ANY
    for m, o in (p, p[::-1]):
        if o.factors or o.sums or o.guards or m.factors or len(m.sums) != 1 or len(m.guards) != 1:
            continue
        if greatest(m.guards[0], m.sums[0]) is None or m.number * o.number >= 0 or (
                abs(o.number) > abs(m.number)):
            continue
        return "0+" if m.number > 0 else "-0"
    return ANY


def greatest(guard: tuple[Expr, str], over: Range) -> Expr | None:
    """What is to be the greatest over a whole range: of max(j) x[j] = x[k], x[k].

    Some index has it, so a sum over all that do is not empty.
    """
    name = over.name
    quantity, signs = guard
    if signs != "0" or not isinstance(quantity, Apply) or quantity.function != "sub":
        return None
    for top, own in (quantity.args, quantity.args[::-1]):
        if not (isinstance(top, Reduce) and top.op in ("max", "min") and len(top.indices) == 1
                and top.condition is None and top.indices[0].size == over.size) or (
                    name in free_indices(top)):
            continue
        found = unified(top.body, own, {}, frozenset({top.indices[0].name}))
        if found is not None and found.get(top.indices[0].name) == index(name):
            return own
    return None


def _flat(e: Expr) -> Poly:
    """A canonical sum as its terms; nothing is multiplied out."""
    if isinstance(e, Apply) and e.function == "add":
        return plus(_flat(e.args[0]), _flat(e.args[1]))
    if isinstance(e, Apply) and e.function == "sub":
        return plus(_flat(e.args[0]), scaled(_flat(e.args[1]), -1))
    if isinstance(e, Apply) and e.function == "neg":
        return scaled(_flat(e.args[0]), -1)
    if isinstance(e, Number):
        return (Mono(Fraction(e.value)),) if e.value else ()
    if isinstance(e, Apply) and e.function == "mul" and isinstance(e.args[0], Number):
        return scaled(_flat(e.args[1]), Fraction(e.args[0].value))
    return bare(e)


def filled(ranges: Sequence[Range]) -> bool:
    """Whether no range is empty: sum(k < K-1) exp(x[k]) is 0 where K is 1."""
    return all(r.size is not None and at_most(constant(1), r.size) is True for r in ranges)


def _flip(signs: str) -> str:
    return "".join(s for s in ANY if s.translate(str.maketrans("-+", "+-")) in signs)


def _join(a: str, b: str) -> str:
    return "".join(s for s in ANY if s in a or s in b)


def narrowed(a: str, b: str) -> str:
    """The signs that both allow."""
    return "".join(s for s in a if s in b)


def multiplied(a: str, b: str) -> str:
    """The signs of a product."""
    found = {"0" if "0" in (x, y) else "+" if x == y else "-" for x in a for y in b}
    return "".join(s for s in ANY if s in found)


def _sum(a: str, b: str) -> str:
    found: set[str] = set()
    for x in a:
        for y in b:
            if x == "0" or y == "0":
                found.add(x if y == "0" else y)
            elif x == y:
                found.add(x)
            else:
                return ANY
    return "".join(s for s in ANY if s in found)


__all__ = ["ANY", "Bound", "Facts", "Total", "multiplied", "narrowed"]
