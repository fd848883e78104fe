"""Terms of normal forms: sums, products, powers, and the conditions under which they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product as combinations
from math import comb, inf, lcm
from time import monotonic
from typing import Final, Protocol

from chainrule.algebra.fold import unified
from chainrule.algebra.polynomial import (
    NOTHING,
    UNIT,
    Mono,
    Poly,
    TooLargeError,
    atomic,
    collected,
    content,
    expression,
    joined,
    mono_expression,
    negative,
    plus,
    scaled,
)
from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import (
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Ref,
    Select,
    free_indices,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.integers import atom as integer_atom
from chainrule.lang.integers import constant as integer_constant

_CASES: Final = 5  # quantities whose signs are told apart at once
_POWER: Final = 12  # the largest power of any bracket that is multiplied out
_TERMS: Final = 300  # and those beyond, where they have no more terms than that
_SIGNS: Final = "-0+"
_COMPARISONS: Final = {"lt": "-", "le": "-0", "gt": "+", "ge": "0+", "eq": "0", "ne": "-+"}


class Knowledge(Protocol):
    """What is known beside the expressions: signs and sums that assumptions give."""

    def signs(self, p: Poly) -> str:
        """The signs that a polynomial may have, out of "-0+"."""
        ...

    def summed(self, m: Mono, name: str) -> Poly | None:
        """A term summed over an index where an assumption says what that sum is."""
        ...

    def assuming(self, signs: Sequence[tuple[Poly, str]]) -> Knowledge:
        """The same and more: polynomials that have these signs, with their indices as they are."""
        ...




class Terms:
    """The arithmetic of polynomials with conditions; what makes them of expressions is above it.

    `sizes` are the ranges of free indices, of labels under @ and name; `axes` are sizes that are
    known to be at least 1, since something has them. After `deadline`, on the monotonic clock, it
    gives up with `TooLargeError`.
    """

    def __init__(
        self, knowledge: Knowledge, sizes: Mapping[str, Integer], deadline: float = inf,
        axes: Iterable[Integer] = (),
    ) -> None:
        self.known = knowledge
        self.axes = frozenset(axes)
        self.deadline = deadline
        self.sizes = dict(sizes)
        self.cache: dict[Expr, Poly] = {}

    def poly(self, e: Expr) -> Poly:
        """The normal form of an expression."""
        raise NotImplementedError

    def put_in(self, p: Poly, quantity: Expr) -> Poly:
        """A polynomial where a quantity is 0: solved for an index or a name that it holds."""
        raise NotImplementedError

    def integer(self, p: Integer) -> Poly:
        """A subscript or size as a number."""
        monos = []
        for monomial, c in p.terms:
            table: dict[Expr, Fraction] = {}
            for a in monomial:
                if isinstance(a, Read):
                    base: Expr = a.ref
                else:
                    base = IndexValue(Integer((((a,), 1),)))
                table[base] = table.get(base, Fraction(0)) + 1
            monos.append(Mono(Fraction(c), tuple(table.items())))
        return collected(monos)

    # arithmetic

    def times(self, a: Poly, b: Poly) -> Poly:
        """The product, multiplied out."""
        if monotonic() > self.deadline:
            raise TooLargeError("it takes longer than the time that was allowed")
        return collected(m for x in a for y in b for m in self._settled(joined(x, y)))

    def _settled(self, m: Mono | None) -> Poly:
        """A product with numbers to whole powers taken in, brackets to whole powers opened."""
        if m is None:
            return NOTHING
        number = m.number
        kept: list[tuple[Expr, Fraction]] = []
        opened: list[tuple[Expr, int]] = []
        for base, k in m.factors:
            whole = k.numerator // k.denominator
            if isinstance(base, Number):
                number *= Fraction(base.value) ** whole
                k -= whole
            elif not atomic(base) and whole > 0 and _opens(len(self.poly(base)), whole):
                opened.append((base, whole))
                k -= whole
            elif isinstance(base, Apply) and base.function == "sin" and k.denominator == 1 and (
                    k >= 2):
                inner = base.args[0]
                square = Apply("sub", (Number(1), Apply("pow", (Apply("cos", (inner,)),
                                                                Number(2)))))
                opened.append((square, whole // 2))
                k = Fraction(whole % 2)
            if k:
                kept.append((base, k))
        result: Poly = (replace(m, number=number, factors=tuple(kept)),)
        for base, whole in opened:
            result = self.times(result, self.power(self.poly(base), whole))
        return result

    def power(self, p: Poly, n: int) -> Poly:
        """A whole power."""
        if n < 0:
            return self.power(self.inverse(p), -n)
        if not _opens(len(p), n):
            shared, rest = content(p)
            base = expression(rest)
            return self.times(self.power((shared,), n),
                              (Mono(Fraction(1), ((base, Fraction(n)),)),))
        if len(p) == 1 and not p[0].sums:
            m = p[0]
            return self._settled(Mono(m.number ** n, tuple((b, k * n) for b, k in m.factors),
                                      m.guards)) if n else UNIT
        result = UNIT
        for _ in range(n):
            result = self.times(result, p)
        return result

    def inverse(self, p: Poly) -> Poly:
        """1/p, wherever p is not 0."""
        return self.by_cases(p, self._inverse)

    def _inverse(self, p: Poly) -> Poly:
        if not p:
            return NOTHING  # 1/0 is not defined, and nothing is claimed there
        shared, rest = content(p)
        outside = Mono(1 / shared.number, tuple((b, -k) for b, k in shared.factors))
        if rest == UNIT:
            return (outside,)
        opened = plus(*(self._settled(m) for m in rest))  # 1/b taken out leaves b in other terms
        if opened != rest:
            return self.times((outside,), self.by_cases(opened, self._inverse))
        base = expression(rest)
        return self.times((outside,), (Mono(Fraction(1), ((base, Fraction(-1)),)),))

    def taken_apart(self, p: Poly) -> tuple[Mono, Poly]:
        """What all terms share, and the rest with its brackets opened: 1 - 1/b is (b - 1)/b."""
        shared, rest = content(p)
        for _ in range(4):
            opened = plus(*(self._settled(m) for m in rest))
            if opened == rest or not opened:
                break
            more, rest = content(opened)
            both = joined(shared, more)
            assert both is not None
            shared = both
        return shared, rest

    # conditions

    def by_cases(self, p: Poly, function: object) -> Poly:
        """A function of a polynomial, worked in each case of the conditions in it."""
        quantities = self.quantities(p)
        if not quantities:
            return function(p)  # type: ignore[operator,no-any-return]
        if len(quantities) > _CASES:
            raise TooLargeError(f"{len(quantities)} conditions make too many cases")
        parts = []
        for case in combinations(_SIGNS, repeat=len(quantities)):
            table = dict(zip(quantities, case, strict=True))
            inner = function(self.within(p, table))  # type: ignore[operator]
            for quantity, signs in table.items():
                inner = self._guarded(inner, quantity, signs)
            parts.append(inner)
        return self.merged(plus(*parts))

    def merged(self, p: Poly) -> Poly:
        """Like terms that differ in their conditions alone, put together sign by sign."""
        for quantity in dict.fromkeys(q for m in p for q, _ in m.guards):
            groups: dict[object, tuple[Mono, dict[str, Fraction]]] = {}
            for m in p:
                guards = dict(m.guards)
                own = guards.pop(quantity, _SIGNS)
                rest = replace(m, number=Fraction(1), guards=tuple(guards.items()))
                _, by = groups.setdefault(rest, (rest, dict.fromkeys(_SIGNS, Fraction(0))))
                for sign in own:
                    by[sign] += m.number
            found: list[Mono] = []
            for rest, by in groups.values():
                for number in dict.fromkeys(n for n in by.values() if n):
                    signs = "".join(s for s in _SIGNS if by[s] == number)
                    extra = () if signs == _SIGNS else ((quantity, signs),)
                    whole = replace(rest, number=number, guards=(*rest.guards, *extra))
                    found += self._zeroed(whole)
            p = collected(found)
        return p

    def _zeroed(self, m: Mono) -> Poly:
        """A term where a quantity is 0, which may make it nothing: x where x = 0."""
        for quantity, signs in m.guards:
            if signs != "0":
                continue
            body = replace(m, guards=(), sums=())
            done = self.put_in((body,), quantity)
            if done != (body,):
                return tuple(replace(o, guards=_together(o.guards, m.guards),
                                     sums=m.sums) for o in done)
        return (m,)

    def quantities(self, p: Poly) -> list[Expr]:
        """What the conditions of a polynomial are about, those inside sums left out."""
        return list(dict.fromkeys(
            q for m in p for q, _ in m.guards if not m.bound() & set(free_indices(q))))

    def within(self, p: Poly, case: Mapping[Expr, str]) -> Poly:
        """A polynomial where the quantities have these signs."""
        found = []
        for m in p:
            table = dict(m.guards)
            if all(case[q] in table.pop(q) for q in list(table) if q in case):
                found.append(replace(m, guards=tuple(table.items())))
        return collected(found)

    def _guarded(self, p: Poly, quantity: Expr, signs: str) -> Poly:
        return collected(m for m in (
            joined(m, Mono(Fraction(1), (), ((quantity, signs),))) for m in p) if m is not None)

    def _where(self, p: Poly, signs: str, inner: Poly) -> Poly:
        """`inner` where a polynomial has one of these signs, else nothing."""

        def settle(q: Poly) -> Poly:
            possible = self.signs(q)
            if not set(possible) & set(signs):
                return NOTHING
            if set(possible) <= set(signs):
                return UNIT
            shared, rest = content(q)
            around = self.known.signs((replace(shared, number=Fraction(1)),))
            if around != "+":
                rest, around = (replace(q[0], number=q[0].number), *q[1:]), "+"
                lead = rest[0].number
                rest, shared = scaled(rest, 1 / lead), Mono(lead)
            whole = lcm(*(m.number.denominator for m in rest))
            rest = scaled(rest, whole)  # j - 2*i rather than j/2 - i: a condition on integers
            wanted = signs if shared.number > 0 else signs.translate(str.maketrans("-+", "+-"))
            wanted = "".join(s for s in _SIGNS if s in wanted)
            return (Mono(Fraction(1), (), ((expression(rest), wanted),)),)

        return self.times(self.by_cases(p, settle), inner)

    def signs(self, p: Poly) -> str:
        """The signs that a polynomial may have, the ranges of its indices considered."""
        possible = self.known.signs(p)
        if "-" in possible and "+" in possible:
            possible = self._under_sum(p, self._beside_term(p, possible))
        whole = self.as_integer(expression(p)) if p else None
        if whole is None or whole.constant is not None:
            return possible
        if not set(whole.indices()) <= set(self.sizes):
            return possible
        reach = extent(whole, {n: s for n, s in self.sizes.items() if not n.startswith("@")})
        if reach is None:
            return possible
        low, high = reach
        if at_most(integer_constant(0), low) is True:
            possible = possible.replace("-", "")
        if at_most(integer_constant(1), low) is True:
            possible = possible.replace("0", "")
        if at_most(high, integer_constant(0)) is True:
            possible = possible.replace("+", "")
        if at_most(high, integer_constant(-1)) is True:
            possible = possible.replace("0", "")
        return possible

    def _beside_term(self, p: Poly, possible: str) -> str:
        """sum(k) f(k) - f(i) is not negative if no f(k) is."""
        for m in p:
            body = replace(m, sums=(), number=Fraction(1))
            if len(m.sums) != 1 or m.guards or "-" in self.known.signs((body,)):
                continue
            r = m.sums[0]
            pattern = mono_expression(body)
            for o in p:
                if o.sums or o.guards or o.number * m.number >= 0 or abs(o.number) > abs(m.number):
                    continue
                own = mono_expression(replace(o, number=Fraction(1)))
                found = unified(pattern, own, {}, frozenset({r.name}))
                place = None if found is None else found.get(r.name)
                if place is None or r.size is None or not self.covers(r.size, place, ()):
                    continue
                rest = tuple(x for x in p if x is not m and x is not o)
                signs = set(self.known.signs(rest))
                allowed = {"0", "+"} if m.number > 0 else {"0", "-"}
                if signs <= allowed:
                    return "".join(s for s in possible if s in allowed)
        return possible

    def _under_sum(self, p: Poly, possible: str) -> str:
        """K*g - sum(k) f(k) is the sum of g - f(k), whose sign may be seen."""
        for m in p:
            if len(m.sums) != 1 or m.guards or m.sums[0].size is None:
                continue
            r = m.sums[0]
            count = self.integer(m.sums[0].size)
            inside: list[Mono] = []
            for o in p:
                if o.sums and not (len(o.sums) == 1 and o.sums[0].size == r.size and not o.guards):
                    break
                if o.sums:
                    inside.append(replace(o, sums=()).moved(
                        {o.sums[0].name: index(r.name)}, {}))
                    continue
                bare = joined(o, Mono(1 / count[0].number, tuple(
                    (b, -k) for b, k in count[0].factors)))
                if len(count) != 1 or bare is None or any(
                        bare.exponent(b) < 0 for b, _ in count[0].factors):
                    break
                inside.append(bare)
            else:
                body = self.known.signs(collected(inside))
                if body in ("+", "0", "-", "0+", "-0"):
                    return "".join(s for s in possible if s in (body if len(body) == 2 else
                                                                f"{body}0"))
        return possible

    def covers(self, size: Integer, place: Integer, sums: Sequence[Range]) -> bool:
        """Whether a place is surely one of the values 0, ..., size - 1."""
        raise NotImplementedError

    def _selected(self, e: Select) -> Poly:
        parts = [self._holding(case, self.poly(e.then)) for case in self.alternatives(e.condition)]
        parts += [self._holding(case, self.poly(e.otherwise))
                  for case in self.alternatives(Apply("not", (e.condition,)))]
        return self.merged(plus(*parts))

    def _holding(self, case: Sequence[tuple[Poly, str]], inner: Poly) -> Poly:
        for p, signs in case:
            inner = self._where(p, signs, inner)
        return inner

    def alternatives(self, e: Expr) -> list[list[tuple[Poly, str]]]:
        """A condition as cases that exclude each other, each a list of signs that hold together."""
        if isinstance(e, Apply) and e.function in _COMPARISONS:
            difference = plus(self.poly(e.args[0]), negative(self.poly(e.args[1])))
            return [[(difference, _COMPARISONS[e.function])]]
        if isinstance(e, Apply) and e.function == "and":
            return [a + b for a in self.alternatives(e.args[0])
                    for b in self.alternatives(e.args[1])]
        if isinstance(e, Apply) and e.function == "or":
            other = Apply("and", (Apply("not", (e.args[0],)), e.args[1]))
            return self.alternatives(e.args[0]) + self.alternatives(other)
        assert isinstance(e, Apply) and e.function == "not"
        inner = e.args[0]
        assert isinstance(inner, Apply)
        if inner.function in _COMPARISONS:
            difference = plus(self.poly(inner.args[0]), negative(self.poly(inner.args[1])))
            signs = "".join(s for s in _SIGNS if s not in _COMPARISONS[inner.function])
            return [[(difference, signs)]]
        if inner.function == "not":
            return self.alternatives(inner.args[0])
        negated = tuple(Apply("not", (a,)) for a in inner.args)
        return self.alternatives(Apply("or" if inner.function == "and" else "and", negated))

    def as_integer(self, e: Expr) -> Integer | None:
        """An expression as a polynomial of indices, labels and sizes, or None."""
        if isinstance(e, IndexValue):
            return e.value
        if isinstance(e, Number) and isinstance(e.value, int):
            return integer_constant(e.value)
        if isinstance(e, Ref) and f"@{e.tensor}" in self.sizes:
            return integer_atom(Read(e))
        if isinstance(e, Apply) and e.function in ("add", "sub", "mul", "neg"):
            parts = [p for p in map(self.as_integer, e.args) if p is not None]
            if len(parts) < len(e.args):
                return None
            if e.function == "neg":
                return -parts[0]
            first, second = parts
            return {"add": first + second, "sub": first - second,
                    "mul": first * second}[e.function]
        return None


def _opens(terms: int, n: int) -> bool:
    """Whether the n-th power of a bracket is multiplied out."""
    return terms < 2 or n <= _POWER or (n <= _TERMS and comb(n + terms - 1, n) <= _TERMS)


def _together(
    a: tuple[tuple[Expr, str], ...], b: tuple[tuple[Expr, str], ...]
) -> tuple[tuple[Expr, str], ...]:
    """Conditions that hold together."""
    return tuple({**dict(a), **dict(b)}.items())


__all__ = ["Knowledge", "Terms"]
