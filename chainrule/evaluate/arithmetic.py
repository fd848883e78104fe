"""The arithmetics that the function table computes in: exact rationals, high precision, floats.

An entry of `chainrule.lang.functions` says `lambda m, x: m.exp(x)` and leaves open what a number
is. Here are three answers, all with the same methods:

    Exact           fractions; a value that is not rational raises `Inexact`
    HighPrecision   mpmath numbers with as many digits as asked for, in a context of its own
    FloatArithmetic Python floats, with IEEE's infinities and NaN instead of exceptions

NumPy's is in `chainrule.evaluate.arrays`, so that scalars can be worked without loading it. None
of them checks domains: outside its domain a function gives NaN or an infinity (`Exact` gives
`Inexact`), and `in_domain` says beforehand whether that is so, from the table's own condition.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from chainrule.errors import LimitError
from chainrule.limits import CONSTANT_EXPONENT

EXACT_BITS = 4096  # a fraction longer than this goes on as a rounded number
_LARGEST_EXPONENT = 64  # exp, sin and the like of numbers above 2**64 are refused: the work
#                         of mpmath grows with the size of the argument, not of the answer


class Inexact(Exception):
    """The value is not rational, or not as a fraction of bearable length."""


class Arithmetic:
    """What all arithmetics share: logic on booleans, and methods made of other methods."""

    def number(self, value: int | float | Fraction) -> Any:
        """A constant of a formula in this arithmetic."""
        raise NotImplementedError

    def both(self, a: Any, b: Any) -> Any:
        return a and b

    def either(self, a: Any, b: Any) -> Any:
        return a or b

    def negation(self, a: Any) -> Any:
        return not a

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b


class Exact(Arithmetic):
    """Rational numbers; `Inexact` where the result is not one that we know.

    >>> Exact().sqrt(Fraction(4, 9))
    Fraction(2, 3)
    """

    def number(self, value: int | float | Fraction) -> Fraction:
        if isinstance(value, float):  # a float in a formula says that it was rounded
            raise Inexact
        return Fraction(value)

    def divide(self, a: Fraction, b: Fraction) -> Fraction:
        if b == 0:
            raise Inexact
        return a / b

    def power(self, x: Fraction, p: Fraction) -> Fraction:
        """x to the p: whole exponents, and roots that come out."""
        if p.denominator != 1:
            if p.denominator == 2 and x >= 0:
                return self.power(self.sqrt(x), Fraction(p.numerator))
            raise Inexact
        n = p.numerator
        if x == 0 and n < 0:
            raise Inexact
        if x in (0, 1, -1):
            return x ** (n % 2 + 2) if n else Fraction(1)
        bits = max(x.numerator.bit_length(), x.denominator.bit_length())
        if abs(n) > CONSTANT_EXPONENT or bits * abs(n) > 4 * EXACT_BITS:
            raise Inexact
        return x**n

    def sqrt(self, x: Fraction) -> Fraction:
        if x < 0:
            raise Inexact
        top, bottom = math.isqrt(x.numerator), math.isqrt(x.denominator)
        if top * top != x.numerator or bottom * bottom != x.denominator:
            raise Inexact
        return Fraction(top, bottom)

    def absolute(self, x: Fraction) -> Fraction:
        return abs(x)

    def sign(self, x: Fraction) -> Fraction:
        return Fraction((x > 0) - (x < 0))

    def heaviside(self, x: Fraction) -> Fraction:
        return Fraction(1 + (x > 0) - (x < 0), 2)

    def floor(self, x: Fraction) -> Fraction:
        return Fraction(math.floor(x))

    def xlogy(self, x: Fraction, y: Fraction) -> Fraction:
        if x == 0 and y >= 0:
            return Fraction(0)
        return x * self.ln(y)

    def log2(self, x: Fraction) -> Fraction:
        return _whole_logarithm(x, 2)

    def log10(self, x: Fraction) -> Fraction:
        return _whole_logarithm(x, 10)

    def pi(self) -> Fraction:
        raise Inexact

    def exp(self, x: Fraction) -> Fraction:
        return _known(x, 0, 1)

    def expm1(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def ln(self, x: Fraction) -> Fraction:
        return _known(x, 1, 0)

    def log1p(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def sigmoid(self, x: Fraction) -> Fraction:
        return _known(x, 0, Fraction(1, 2))

    def softplus(self, x: Fraction) -> Fraction:
        raise Inexact

    def tanh(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def erf(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def sin(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def cos(self, x: Fraction) -> Fraction:
        return _known(x, 0, 1)

    def tan(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def asin(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def acos(self, x: Fraction) -> Fraction:
        return _known(x, 1, 0)

    def atan(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def atan2(self, a: Fraction, b: Fraction) -> Fraction:
        if a == 0 and b >= 0:
            return Fraction(0)
        raise Inexact

    def sinh(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def cosh(self, x: Fraction) -> Fraction:
        return _known(x, 0, 1)

    def asinh(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)

    def acosh(self, x: Fraction) -> Fraction:
        return _known(x, 1, 0)

    def atanh(self, x: Fraction) -> Fraction:
        return _known(x, 0, 0)


def _known(x: Fraction, point: int, value: int | Fraction) -> Fraction:
    """The one rational value at the one rational point where there is one."""
    if x != point:
        raise Inexact
    return Fraction(value)


def _whole_logarithm(x: Fraction, base: int) -> Fraction:
    if x <= 0:
        raise Inexact
    if x < 1:
        return -_whole_logarithm(1 / x, base)
    if x.denominator != 1:
        raise Inexact
    exponent = round(math.log2(x.numerator) / math.log2(base))
    if base**exponent != x.numerator:
        raise Inexact
    return Fraction(exponent)


class HighPrecision(Arithmetic):
    """mpmath numbers with `digits` decimal digits, in a context that nobody else changes.

    >>> str(HighPrecision(20).ln(HighPrecision(20).number(2)))
    '0.69314718055994530942'
    """

    def __init__(self, digits: int = 30) -> None:
        from mpmath.ctx_mp import MPContext  # lazily: loading mpmath takes a tenth of a second

        self.context = MPContext()
        self.context.dps = digits
        self.nan = self.context.nan
        self.inf = self.context.inf

    def number(self, value: Any) -> Any:
        """An mpmath number from an int, float, Fraction or another context's number."""
        if isinstance(value, Fraction):
            return self.context.mpf(value.numerator) / value.denominator
        return self.context.mpf(value)

    def _bounded(self, x: Any) -> Any:
        """`x`, refused where mpmath would need memory in proportion to its size."""
        if x and self.context.isfinite(x) and self.context.mag(x) > _LARGEST_EXPONENT:
            raise LimitError(
                f"a function of a number near 10^{self.context.mag(x) * 3 // 10} is too costly",
                hint="the formula grows too fast; try smaller values",
            )
        return x

    def divide(self, a: Any, b: Any) -> Any:
        if b == 0:
            return self.nan if a == 0 or a != a else self.inf * self.context.sign(a)
        return a / b

    def power(self, x: Any, p: Any) -> Any:
        whole = self.context.isint(p)
        if x == 0:
            if p == 0:
                return self.number(1)
            return self.number(0) if p > 0 else self.inf
        if x < 0 and not whole:
            return self.nan
        if whole and abs(p) <= CONSTANT_EXPONENT:
            return x ** int(p)
        if not self.context.isfinite(x) or not self.context.isfinite(p):
            return self.number(FloatArithmetic().power(float(x), float(p)))
        size = self.exp(p * self.context.ln(abs(x)))
        return -size if x < 0 and p % 2 else size

    def sqrt(self, x: Any) -> Any:
        return self.context.sqrt(x) if x >= 0 else self.nan

    def absolute(self, x: Any) -> Any:
        return abs(x)

    def sign(self, x: Any) -> Any:
        return self.context.sign(x)

    def heaviside(self, x: Any) -> Any:
        return (1 + self.context.sign(x)) / 2

    def floor(self, x: Any) -> Any:
        return self.context.floor(x)

    def exp(self, x: Any) -> Any:
        return self.context.exp(self._bounded(x))

    def expm1(self, x: Any) -> Any:
        return self.context.expm1(self._bounded(x))

    def ln(self, x: Any) -> Any:
        if x == 0:
            return -self.inf
        return self.context.ln(x) if x > 0 else self.nan

    def log2(self, x: Any) -> Any:
        return self.ln(x) / self.context.ln(2)

    def log10(self, x: Any) -> Any:
        return self.ln(x) / self.context.ln(10)

    def log1p(self, x: Any) -> Any:
        if x > -1:
            return self.context.log1p(x)
        return -self.inf if x == -1 else self.nan

    def xlogy(self, x: Any, y: Any) -> Any:
        return self.number(0) if x == 0 and y >= 0 else x * self.ln(y)

    def sigmoid(self, x: Any) -> Any:
        e = self.exp(-abs(x))
        return 1 / (1 + e) if x >= 0 else e / (1 + e)

    def softplus(self, x: Any) -> Any:
        return (x if x > 0 else 0) + self.context.log1p(self.exp(-abs(x)))

    def tanh(self, x: Any) -> Any:
        return self.context.tanh(self._bounded(x))

    def erf(self, x: Any) -> Any:
        return self.context.erf(self._bounded(x))

    def sin(self, x: Any) -> Any:
        return self.context.sin(self._bounded(x))

    def cos(self, x: Any) -> Any:
        return self.context.cos(self._bounded(x))

    def tan(self, x: Any) -> Any:
        return self.context.tan(self._bounded(x))

    def asin(self, x: Any) -> Any:
        return self.context.asin(x) if abs(x) <= 1 else self.nan

    def acos(self, x: Any) -> Any:
        return self.context.acos(x) if abs(x) <= 1 else self.nan

    def atan(self, x: Any) -> Any:
        return self.context.atan(x)

    def atan2(self, a: Any, b: Any) -> Any:
        return self.context.atan2(a, b)

    def sinh(self, x: Any) -> Any:
        return self.context.sinh(self._bounded(x))

    def cosh(self, x: Any) -> Any:
        return self.context.cosh(self._bounded(x))

    def asinh(self, x: Any) -> Any:
        return self.context.asinh(x)

    def acosh(self, x: Any) -> Any:
        return self.context.acosh(x) if x >= 1 else self.nan

    def atanh(self, x: Any) -> Any:
        if abs(x) < 1:
            return self.context.atanh(x)
        return self.inf * x if abs(x) == 1 else self.nan

    def pi(self) -> Any:
        return +self.context.pi


def _ieee(function: Callable[[float], float], large: float = math.nan) -> Any:
    """A function of `math` that gives `large` on overflow and NaN outside its domain."""

    def quiet(self: FloatArithmetic, x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return large
        except ValueError:
            return math.nan

    return quiet


def _logarithm(function: Callable[[float], float], at: float = 0.0) -> Any:
    def quiet(self: FloatArithmetic, x: float) -> float:
        return function(x) if x > at else -math.inf if x == at else math.nan

    return quiet


class FloatArithmetic(Arithmetic):
    """Python floats with IEEE's answers: 1/0 is an infinity, sqrt(-1) NaN, exp(1000) infinite.

    >>> FloatArithmetic().exp(1000.0), FloatArithmetic().divide(1.0, 0.0)
    (inf, inf)
    """

    def number(self, value: int | float | Fraction) -> float:
        return float(value)

    def divide(self, a: float, b: float) -> float:
        if b == 0:
            if a == 0 or a != a:
                return math.nan
            return math.copysign(math.inf, a) * math.copysign(1.0, b)
        return a / b

    def power(self, x: float, p: float) -> float:
        try:
            return math.pow(x, p)
        except OverflowError:
            return -math.inf if x < 0 and p % 2 == 1 else math.inf
        except ValueError:
            return math.inf if x == 0 else math.nan

    def xlogy(self, x: float, y: float) -> float:
        return 0.0 if x == 0 and y >= 0 else x * self.ln(y)

    def absolute(self, x: float) -> float:
        return abs(x)

    def sign(self, x: float) -> float:
        return x if x != x else float((x > 0) - (x < 0))

    def heaviside(self, x: float) -> float:
        return x if x != x else 0.5 + 0.5 * ((x > 0) - (x < 0))

    def floor(self, x: float) -> float:
        return float(math.floor(x)) if math.isfinite(x) else x

    def sigmoid(self, x: float) -> float:
        e = math.exp(-abs(x))
        return 1 / (1 + e) if x >= 0 else e / (1 + e)

    def softplus(self, x: float) -> float:
        return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x

    def sinh(self, x: float) -> float:
        try:
            return math.sinh(x)
        except OverflowError:
            return math.copysign(math.inf, x)

    def atan2(self, a: float, b: float) -> float:
        return math.atan2(a, b)

    def atanh(self, x: float) -> float:
        if abs(x) == 1:
            return math.copysign(math.inf, x)
        return math.atanh(x) if abs(x) < 1 else math.nan

    def pi(self) -> float:
        return math.pi

    exp = _ieee(math.exp, math.inf)
    expm1 = _ieee(math.expm1, math.inf)
    ln = _logarithm(math.log)
    log2 = _logarithm(math.log2)
    log10 = _logarithm(math.log10)
    log1p = _logarithm(math.log1p, -1.0)
    sqrt = _ieee(math.sqrt)
    tanh = _ieee(math.tanh)
    erf = _ieee(math.erf)
    sin = _ieee(math.sin)
    cos = _ieee(math.cos)
    tan = _ieee(math.tan)
    asin = _ieee(math.asin)
    acos = _ieee(math.acos)
    atan = _ieee(math.atan)
    cosh = _ieee(math.cosh, math.inf)
    asinh = _ieee(math.asinh)
    acosh = _ieee(math.acosh)
