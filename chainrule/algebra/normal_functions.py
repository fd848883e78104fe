"""Functions in normal forms: exponentials of sums, logarithms of products, roots, angles."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.normal_terms import Terms
from chainrule.algebra.polynomial import (
    NOTHING,
    UNIT,
    Mono,
    Poly,
    bare,
    collected,
    constant,
    expression,
    negative,
    plus,
    scaled,
)
from chainrule.algebra.statements import MEANINGS, meaning
from chainrule.lang.expr import (
    Apply,
    Expr,
    Number,
    mul,
)

_POWER: Final = 12  # the largest multiple of an angle that is taken apart
_PRIMES: Final = 100_000  # numbers up to that are factored under roots and logarithms
_ODD: Final = frozenset({"sin", "erf", "atan", "asin"})
_EVEN: Final = frozenset({"cos"})


class Functions(Terms):
    """Polynomials of functions applied to polynomials."""

    def _applied(self, e: Apply) -> Poly:
        if e.function in MEANINGS:
            return self.poly(meaning(e))
        args = [self.poly(a) for a in e.args]
        if e.function == "add":
            return plus(*args)
        if e.function == "sub":
            return plus(args[0], negative(args[1]))
        if e.function == "neg":
            return negative(args[0])
        if e.function == "mul":
            return self.times(*args)
        if e.function == "div":
            return self.times(args[0], self.inverse(args[1]))
        if e.function == "pow":
            return self._pow(e, args[0], args[1])
        if e.function == "exp":
            return self.by_cases(args[0], self.exp)
        if e.function == "ln":
            return self.by_cases(args[0], self.ln)
        if e.function == "sqrt":
            return self.by_cases(args[0], lambda p: self.root(p, Fraction(1, 2)))
        if e.function in _ODD | _EVEN:
            return self.by_cases(args[0], lambda p: self._signed(e.function, p))
        if len(args) == 1:
            return self.by_cases(args[0], lambda p: bare(
                Apply(e.function, (expression(p),))))
        return bare(Apply(e.function, tuple(expression(a) for a in args)))

    def _pow(self, e: Apply, base: Poly, exponent: Poly) -> Poly:
        if not exponent:
            return UNIT
        if len(exponent) == 1 and not (exponent[0].factors or exponent[0].guards):
            k = exponent[0].number
            if k.denominator == 1:
                return self.by_cases(base, lambda p: self.power(p, int(k)))
            return self.by_cases(base, lambda p: self.root(p, k))
        if self.known.signs(base) == "+":
            return self.poly(Apply("exp", (mul(e.args[1], Apply("ln", (e.args[0],))),)))
        return bare(Apply("pow", (expression(base), expression(exponent))))

    def exp(self, p: Poly) -> Poly:
        """exp of a sum: a product; exp(n*ln a) is a^n."""
        result = UNIT
        for m in p:
            logs = [(b, k) for b, k in m.factors if isinstance(b, Apply) and b.function == "ln"]
            if len(logs) == 1 and len(m.factors) == 1 and logs[0][1] == 1 and not m.sums:
                inner = logs[0][0]
                assert isinstance(inner, Apply)
                part = self.root(self.poly(inner.args[0]), m.number)
            else:
                inside = expression((replace(m, number=Fraction(1)),))
                part = (Mono(Fraction(1), ((Apply("exp", (inside,)), m.number),)),)
            result = self.times(result, part)
        return result

    def ln(self, p: Poly) -> Poly:
        """ln of a product: a sum of logarithms, where all factors but one are known positive."""
        if not p:
            return bare(Apply("ln", (Number(0),)))
        shared, rest = self.taken_apart(p)
        if shared.number < 0 and len(rest) > 1:
            shared, rest = replace(shared, number=-shared.number), negative(rest)
        doubtful = [(b, k) for b, k in shared.factors
                    if self.known.signs(bare(b)) != "+"]
        whole = rest != UNIT and self.known.signs(rest) != "+"
        if len(doubtful) + whole > 1 or shared.number < 0 or any(
                k.denominator != 1 or k.numerator % 2 == 0 for _, k in doubtful):
            return bare(Apply("ln", (expression(p),)))
        parts = [self._ln_number(shared.number)]
        for base, k in shared.factors:
            if isinstance(base, Apply) and base.function == "exp":
                parts.append(scaled(self.poly(base.args[0]), k))
            else:
                parts.append(scaled(bare(Apply("ln", (base,))), k))
        if rest != UNIT:
            parts.append(bare(Apply("ln", (expression(rest),))))
        return plus(*parts)

    def _ln_number(self, number: Fraction) -> Poly:
        return collected(Mono(Fraction(k), ((Apply("ln", (Number(p),)), Fraction(1)),))
                         for p, k in _primes(number).items())

    def root(self, p: Poly, k: Fraction) -> Poly:
        """p^k with a broken exponent, for p that is not negative."""
        if k.denominator == 1:
            return self.power(p, int(k))
        if not p:
            return NOTHING
        shared, rest = self.taken_apart(p)
        if shared.number < 0:
            shared, rest = replace(shared, number=-shared.number), negative(rest)
        result: Poly = UNIT
        for prime, times in _primes(shared.number).items():
            result = self.times(result, self._settled(
                Mono(Fraction(1), ((Number(prime), times * k),))))
        inside: list[tuple[Expr, Fraction]] = []
        for base, n in shared.factors:
            if "-" not in self.known.signs(bare(base)):
                result = self.times(result, self._settled(Mono(Fraction(1), ((base, n * k),))))
            elif n.denominator == 1 and n % 2 == 0:
                size = self.poly(Apply("abs", (base,)))
                result = self.times(result, self.by_cases(
                    size, lambda q, n=n: self.root(q, n * k)))
            else:
                inside.append((base, n))
        if len(inside) == 1 and rest == UNIT and inside[0][1].numerator % 2:
            base, n = inside[0]
            return self.times(result, self._settled(Mono(Fraction(1), ((base, n * k),))))
        closed = self.times((Mono(Fraction(1), tuple(inside)),), rest)
        if closed == UNIT:
            return result
        return self.times(result, (Mono(Fraction(1), ((expression(closed), k),)),))

    def _signed(self, function: str, p: Poly) -> Poly:
        """A function that is odd or even: its argument begins with a positive term."""
        sign = 1
        if p and p[0].number < 0:
            p, sign = negative(p), -1 if function in _ODD else 1
        if not p:
            return constant({"cos": 1}.get(function, 0))
        if function in ("sin", "cos"):
            return scaled(self._angle(function, p), sign)
        return scaled(bare(Apply(function, (expression(p),))), sign)

    def _angle(self, function: str, p: Poly) -> Poly:
        """sin and cos of a sum, and of a multiple, by the addition theorem."""
        first, rest = p[:1], p[1:]
        times = first[0].number
        if first[0].rest == (((Apply("pi", ()), Fraction(1)),), (), ()) and (2 * times) % 1 == 0:
            quarter = int(2 * times) + (function == "cos")  # sin and cos of a, a quarter turn on
            value = (0, 1, 0, -1)[quarter % 4]
            if not rest:
                return constant(value)
            other = (0, 1, 0, -1)[(quarter + 1) % 4]  # of sin(a + b) and cos(a + b)
            return plus(scaled(self._signed("cos", rest), value),
                        scaled(self._signed("sin", rest), other))
        if not rest and times.denominator == 1 and 1 < times <= _POWER:
            first, rest = scaled(first, 1 / times), scaled(first, (times - 1) / times)
        if not rest:
            return bare(Apply(function, (expression(p),)))
        a, b = ((self._signed("sin", q), self._signed("cos", q)) for q in (first, rest))
        if function == "sin":
            return plus(self.times(a[0], b[1]), self.times(a[1], b[0]))
        return plus(self.times(a[1], b[1]), negative(self.times(a[0], b[0])))


def _primes(number: Fraction) -> dict[int, int]:
    """The prime factors of a positive number, those below the line with negative exponents."""
    found: dict[int, int] = {}
    for value, sign in ((number.numerator, 1), (number.denominator, -1)):
        divisor = 2
        while divisor * divisor <= value and divisor < _PRIMES:
            while value % divisor == 0:
                found[divisor] = found.get(divisor, 0) + sign
                value //= divisor
            divisor += 1
        if value > 1:
            found[value] = found.get(value, 0) + sign
    return found


__all__ = ["Functions"]
