"""Series of what grows: coefficients at scales, the largest first, and a bound on the rest.

    exp(x*T) + 3 + T^-1 + O(T^-2)

A `Scale` is a product of powers of T, of ln T and of exponentials of them, where T goes to
infinity. Sums and products of series are series again; so are powers, logarithms and exponentials
of them, by the binomial and Taylor's series.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from math import factorial
from typing import Final

from chainrule.algebra.growth_signs import Signs, number_of
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import NOTHING, UNIT, Poly, constant, negative, plus, scaled
from chainrule.errors import UndecidedError

Element = tuple[Fraction, Fraction]  # (r, s) stands for T^r*(ln T)^s, (0, 0) for ln ln T


Scale = tuple[tuple[Element, Poly], ...]


ONE: Final[Scale] = ()


_LN: Final[Element] = (Fraction(0), Fraction(1))


_LNLN: Final[Element] = (Fraction(0), Fraction(0))


TINY: Final = 12  # what is smaller than every power of T is said to be O(T^-12)


_WHOLE: Final = 8  # powers up to that are multiplied out


class CoarseError(Exception):
    """All terms that were kept cancel: more of them are needed."""


class NowhereError(Exception):
    """The expression has no value near the point; the message says why."""


@dataclass(frozen=True, slots=True)
class Series:
    """Coefficients at scales, the largest first, and a scale that bounds the rest (None: exact)."""

    terms: tuple[tuple[Scale, Poly], ...]
    error: Scale | None = None


def power_of_t(k: Fraction | int) -> Scale:
    """T^k."""
    return ((_LN, constant(k)),) if k else ONE


class SeriesArithmetic(Signs):
    """Arithmetic of series of which `most` terms are kept."""

    def __init__(
        self, normal: Normal, most: int, assumed: Sequence[tuple[Poly, str]] = ()
    ) -> None:
        super().__init__(normal, assumed)
        self.most = most

    def compare(self, a: Scale, b: Scale) -> int:
        """1 where a grows faster than b, -1 where slower, 0 where they are the same."""
        if a == b:
            return 0
        for _, coefficient in _ratio(a, b):
            sign = self.sign(coefficient)
            if sign != "0":
                return 1 if sign == "+" else -1
        return 0

    def larger(self, *scales: Scale | None) -> Scale | None:
        """The largest of some scales."""
        best: Scale | None = None
        for s in scales:
            if s is not None and (best is None or self.compare(s, best) > 0):
                best = s
        return best

    def _larger_first(self, a: tuple[Scale, Poly], b: tuple[Scale, Poly]) -> int:
        return self.compare(b[0], a[0])

    def series(self, terms: Iterable[tuple[Scale, Poly]], error: Scale | None = None) -> Series:
        """A series in order, like terms added up, what the error hides dropped."""
        table: dict[Scale, Poly] = {}
        for scale, p in terms:
            table[scale] = plus(table.get(scale, NOTHING), p)
        found: list[tuple[Scale, Poly]] = [
            (s, q) for s, p in table.items() if (q := self.normal.merged(p))]
        found.sort(key=cmp_to_key(self._larger_first))
        kept: list[tuple[Scale, Poly]] = []
        for scale, p in found:
            if error is not None and self.compare(scale, error) <= 0:
                break
            if kept and self.compare(kept[-1][0], scale) == 0:
                p = self.normal.merged(plus(kept[-1][1], p))
                kept.pop()
                if not p:
                    continue
            if len(kept) == self.most:
                error = scale
                break
            kept.append((scale, p))
        return Series(tuple(kept), error)

    def lead(self, s: Series) -> tuple[Scale, Poly, str, Series]:
        """The largest term that is not 0, the sign of its coefficient, and what comes after it.

        Raises `CoarseError` where there may be one that was not kept, `ForkError` where a
        coefficient may be 0. An exact 0 has the sign "0".
        """
        for k, (scale, p) in enumerate(s.terms):
            sign = self.sign(p)
            if sign != "0":
                return scale, self.settled(p), sign, Series(s.terms[k + 1 :], s.error)
        if s.error is not None:
            raise CoarseError
        return ONE, NOTHING, "0", s

    def add(self, a: Series, b: Series) -> Series:
        """The sum of two series."""
        return self.series((*a.terms, *b.terms), self.larger(a.error, b.error))

    def scale(self, s: Series, scale: Scale, p: Poly) -> Series:
        """A series times one term."""
        return Series(tuple((scale_product(x, scale), self.normal.times(c, p)) for x, c in s.terms),
                      None if s.error is None else scale_product(s.error, scale))

    def mul(self, a: Series, b: Series) -> Series:
        """The product of two series."""
        tops = [s.terms[0][0] if s.terms else s.error for s in (a, b)]
        errors = []
        if b.error is not None and tops[0] is not None:
            errors.append(scale_product(tops[0], b.error))
        if a.error is not None and tops[1] is not None:
            errors.append(scale_product(tops[1], a.error))
        return self.series(((scale_product(x, y), self.normal.times(p, q))
                            for x, p in a.terms for y, q in b.terms), self.larger(*errors))

    def composed(self, small: Series, coefficients: Sequence[Poly], exact: bool = False) -> Series:
        """c0 + c1*e + c2*e^2 + ... for a series that tends to 0; `exact` where that is all."""
        result = Series(((ONE, coefficients[0]),)) if coefficients[0] else Series(())
        factor = Series(((ONE, UNIT),))
        if not small.terms and small.error is None:
            return result
        for c in coefficients[1:]:
            factor = self.mul(factor, small)
            if c:
                result = self.add(result, self.scale(factor, ONE, c))
            else:
                result = self.add(result, Series((), factor.error))
        if not exact:
            factor = self.mul(factor, small)
            top = factor.terms[0][0] if factor.terms else factor.error
            result = self.series(result.terms, self.larger(result.error, top))
        return result

    def parted(self, s: Series) -> tuple[list[tuple[Scale, Poly]], Poly, Series]:
        """The terms that grow, the constant, and what tends to 0."""
        growing, at, small = [], NOTHING, []
        for scale, p in s.terms:
            order = self.compare(scale, ONE)
            if order > 0:
                growing.append((scale, p))
            elif order == 0:
                at = plus(at, p)
            else:
                small.append((scale, p))
        if s.error is not None and self.compare(s.error, ONE) >= 0:
            raise CoarseError
        return growing, at, Series(tuple(small), s.error)

    def power(self, s: Series, k: Poly) -> Series:
        """A series to a constant power, by the binomial series."""
        number = number_of(k)
        if number is not None and number.denominator == 1 and 0 <= number <= _WHOLE:
            result = Series(((ONE, UNIT),))
            for _ in range(int(number)):
                result = self.mul(result, s)
            return result
        scale, p, sign, rest = self.lead(s)
        if sign == "0":
            if self.sign(k) == "+":
                return Series(())
            raise NowhereError("a division by 0")
        if sign == "-" and number is None:
            raise UndecidedError("a power of a negative number whose exponent is not known")
        if sign == "-" and number is not None and number.denominator != 1:
            raise NowhereError("a root of a negative number")
        front = self._front(p, k, number)
        inverse = self.normal.inverse(p)
        small = self.scale(rest, _scale_power(self.normal, scale, constant(-1)), inverse)
        table: list[Poly] = [UNIT]
        for n in range(1, self.most + 1):
            step = scaled(plus(k, constant(1 - n)), Fraction(1, n))
            table.append(self.normal.times(table[-1], step))
        return self.scale(self.composed(small, table), _scale_power(self.normal, scale, k), front)

    def _front(self, p: Poly, k: Poly, number: Fraction | None) -> Poly:
        if number is None:
            return self.normal.exp(self.normal.times(k, self.normal.ln(p)))
        if number.denominator == 1:
            return self.normal.power(p, int(number))
        return self.normal.root(p, number)

    def exp(self, s: Series) -> Series:
        """The exponential: of what grows a scale, of the constant a number, of the rest a series.
        """
        growing, at, small = self.parted(s)
        scale: dict[Element, Poly] = {}
        for place, p in growing:
            element = _pure(place)
            if element is None:
                if self.sign(growing[0][1]) == "-":
                    return Series((), power_of_t(-TINY))
                raise UndecidedError("an exponential of an exponential grows too fast to be "
                                     "followed")
            if self.possible(p) != "0":
                scale[element] = p
        table = [constant(Fraction(1, factorial(n))) for n in range(self.most + 1)]
        found = self.composed(small, table)
        return self.scale(found, scale_of(scale), self.normal.by_cases(at, self.normal.exp))

    def ln(self, s: Series) -> Series:
        """The logarithm: of the scale what it is made of, of the rest a series."""
        scale, p, sign, rest = self.lead(s)
        if sign != "+":
            raise NowhereError("a logarithm of what is not positive")
        inverse = _scale_power(self.normal, scale, constant(-1))
        small = self.scale(rest, inverse, self.normal.inverse(p))
        table = [self.normal.ln(p)] + [constant(Fraction((-1) ** (n + 1), n))
                                       for n in range(1, self.most + 1)]
        found = self.composed(small, table)
        terms = []
        for element, c in scale:
            if element == _LNLN:
                raise UndecidedError("a logarithm of a logarithm is not followed")
            r, k = element
            terms.append((scale_of({_LN: constant(r), _LNLN: constant(k)}), c))
        return self.add(Series(tuple(terms)), found)


def scale_of(table: dict[Element, Poly]) -> Scale:
    return tuple(sorted(((e, p) for e, p in table.items() if p), key=lambda f: f[0], reverse=True))


def scale_product(a: Scale, b: Scale) -> Scale:
    if not a or not b:
        return a or b
    table = dict(a)
    for element, p in b:
        table[element] = plus(table.get(element, NOTHING), p)
    return scale_of(table)


def _ratio(a: Scale, b: Scale) -> Scale:
    return scale_product(a, tuple((e, negative(p)) for e, p in b))


def _scale_power(normal: Normal, scale: Scale, k: Poly) -> Scale:
    return scale_of({e: normal.times(p, k) for e, p in scale})


def _pure(scale: Scale) -> Element | None:
    """(r, s) for T^r*(ln T)^s; None for a scale with exponentials or symbolic powers in it."""
    table = dict(scale)
    r = number_of(table.pop(_LN, NOTHING))
    s = number_of(table.pop(_LNLN, NOTHING))
    return None if table or r is None or s is None else (r, s)


EMPTY: Final = Series(())
