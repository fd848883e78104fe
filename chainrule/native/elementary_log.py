"""Logarithms and powers.

A positive number is 2^e m with m between sqrt(1/2) and sqrt(2); e and m are read off its bits, so
that ln x = e ln 2 + ln m, and ln m = ln(1 + f) with f = m - 1 no larger than 0.42. Near 1 the
whole part e is 0 and f is exact, so that the result is right to the last bits there as well.
In float ln(1 + f) is a polynomial; in double it is that of J. Palmer and P. McIlroy's fdlibm
(Sun Microsystems, 1993), 2 artanh(s) with s = f/(2 + f), which needs half as many terms.
"""

from __future__ import annotations

import math
from typing import Final

from chainrule.native.elementary_exp import exp_bounded, reduction, within_range
from chainrule.native.elementary_lanes import Kit, Lanes

_ROOT_HALF: Final = math.sqrt(0.5)
# (ln(1 + f) - f + f^2/2)/f^3 on [sqrt(1/2) - 1, sqrt(2) - 1]: 3e-9
_SINGLE: Final = (
    0.3333333134651184, -0.2499999701976776, 0.20000715553760529, -0.1666780263185501,
    0.14249058067798615, -0.12425687164068222, 0.11685419827699661, -0.11479733884334564,
    0.06971611827611923)
# (2 artanh(s)/s - 2)/s^2 as a polynomial in s^2 for these f: 2e-11 and 3e-20
_ARTANH_SINGLE: Final = (
    0.6666666865348816, 0.4000012278556824, 0.2855082154273987, 0.2333046793937683)
_ARTANH_DOUBLE: Final = (
    0.6666666666666666, 0.4000000000000088, 0.28571428570803614, 0.22222222391713917,
    0.18181795640132906, 0.15386239702814658, 0.13268773138656886, 0.13086626147840102)

# log10 of 2 as a short number and a rest
_LOG10_2_SINGLE: Final = (0.301025390625, 4.605038981195214e-06)
_LOG10_2_DOUBLE: Final = (0.30102999566361177, 3.694239077158931e-13)


def _parts(k: Kit, x: Lanes) -> tuple[Lanes, Lanes]:
    """e and m of a positive normal number x = 2^e m."""
    shifted = k.bits(x) + (k.pattern(1.0) - k.pattern(_ROOT_HALF))
    # a whole number put into the significand of 2^digits becomes a real without a conversion,
    # which AVX2 does not have for 64 bits
    unit = float(2**k.digits)
    e = k.reals((shifted >> k.digits) | k.pattern(unit)) - (unit + k.bias)
    m = k.reals((shifted & (2**k.digits - 1)) + k.pattern(_ROOT_HALF))
    return e, m


def _positive_parts(k: Kit, x: Lanes) -> tuple[Lanes, Lanes]:
    """The same for every positive number: subnormal ones are multiplied up first."""
    small = x < 2.0 ** (1 - k.bias)
    e, m = _parts(k, k.where(small, x * float(2**k.digits), x))
    return k.where(small, e - float(k.digits), e), m


def _log_one_plus(k: Kit, f: Lanes, e: Lanes | None = None) -> Lanes:
    """e ln 2 + ln(1 + f), or ln(1 + f) alone, the small terms first."""
    half_square = f * f * 0.5
    c = reduction(k)
    if k.single:
        small = f * f * f * k.polynomial(f, _SINGLE)
    else:
        s = f / (f + 2.0)
        z = s * s
        small = s * k.muladd(z, k.polynomial(z, _ARTANH_DOUBLE), half_square)
    if e is None:
        return f - (half_square - small)
    return k.muladd(e, c.ln2, f - (half_square - k.muladd(e, c.rest, small)))


def _at_edges(k: Kit, x: Lanes, value: Lanes) -> Lanes:
    """A logarithm's `value` for positive finite x; -inf at 0, NaN below, inf at inf."""
    below = k.where(x.equals(0.0), -math.inf, math.nan)
    return k.where(x.equals(math.inf), x, k.where(x > 0.0, value, below))


def ln(k: Kit, x: Lanes) -> Lanes:
    """e ln 2 + ln m."""
    e, m = _positive_parts(k, x)
    return _at_edges(k, x, _log_one_plus(k, m - 1.0, e))


def log2(k: Kit, x: Lanes) -> Lanes:
    """e + ln m/ln 2, so that whole powers of 2 give whole numbers."""
    e, m = _positive_parts(k, x)
    return _at_edges(k, x, k.muladd(_log_one_plus(k, m - 1.0), 1 / math.log(2), e))


def log10(k: Kit, x: Lanes) -> Lanes:
    """e log10 2 + ln m/ln 10."""
    e, m = _positive_parts(k, x)
    large, rest = _LOG10_2_SINGLE if k.single else _LOG10_2_DOUBLE
    small = k.muladd(e, rest, _log_one_plus(k, m - 1.0) * (1 / math.log(10)))
    return _at_edges(k, x, k.muladd(e, large, small))


def log1p(k: Kit, x: Lanes) -> Lanes:
    """ln u with u = 1 + x, and what rounding u lost put back into f."""
    u = x + 1.0
    lost = x - (u - 1.0)
    e, m = _parts(k, u)
    # 2^-e, from the bits of e + bias that the parts were made of
    stored = (k.bits(u) + (k.pattern(1.0) - k.pattern(_ROOT_HALF))) >> k.digits
    scale = k.reals((k.integer(2 * k.bias) - stored) << k.digits)
    f = (m - 1.0) + k.where(x < float(2**k.digits), lost * scale, 0.0)
    value = k.where(k.absolute(x) < 2.0 ** (-k.digits - 2), x, _log_one_plus(k, f, e))
    return _at_edges(k, u, value)


def xlogy(k: Kit, x: Lanes, y: Lanes) -> Lanes:
    """x ln y, and 0 where x is 0 and y is not negative."""
    return k.where(x.equals(0.0) & (y >= 0.0), 0.0, x * ln(k, y))


def _log_two_parts(k: Kit, x: Lanes) -> tuple[Lanes, Lanes]:
    """ln x as a number and a small rest: a power multiplies the error by up to 745.

    ln m = 2 artanh(s) again, but the rests of s and of its cube are carried along.
    """
    e, m = _positive_parts(k, x)
    f = m - 1.0
    below = f + 2.0
    inverse = k.number(1.0) / below
    s = f * inverse
    # s * (2 + f) misses f by so much; 2 + f was rounded too
    missing = k.fused(-s, below, f) - s * (f - (below - 2.0))
    z = s * s
    cube = s * z
    series = k.polynomial(z, _ARTANH_SINGLE if k.single else _ARTANH_DOUBLE)
    small = cube * series
    lost = k.fused(cube, series, -small) + series * (
        k.fused(s, z, -cube) + s * k.fused(s, s, -z))
    lost = k.muladd(cube, -1.987e-08 if k.single else 3.7e-17, lost)  # what rounding 2/3 lost
    lost = k.muladd(missing * inverse, k.muladd(z, 2.0, 2.0), lost)
    c = reduction(k)
    whole, part = e * c.ln2, s * 2.0
    head = whole + part
    tail = (part - (head - whole)) + (
        small + k.muladd(e, c.rest, lost))
    total = head + tail
    return total, tail - (total - head)


def _power_of_size(k: Kit, size: Lanes, p: Lanes) -> Lanes:
    """size^p = exp(p ln size) for size at least 0."""
    head, tail = _log_two_parts(k, size)
    head = k.where(size.equals(0.0), -math.inf, k.where(size < math.inf, head, size))
    product = p * head
    # the product is rounded: what it lost, and the logarithm's rest, correct the exponent
    more = k.muladd(p, tail, k.fused(p, head, -product))
    more = k.where(k.absolute(product) < 1000.0, more, 0.0)
    return exp_bounded(k, within_range(k, product), more)


def pow(k: Kit, x: Lanes, p: Lanes) -> Lanes:
    """x^p as IEEE 754 has it: 1 for p = 0 or x = 1 whatever the other is, even NaN."""
    size = k.absolute(x)
    value = _power_of_size(k, size, p)
    value = k.where(size.equals(1.0), 1.0, value)
    value = k.where(p.equals(p), value, math.nan)  # 1^NaN comes last
    whole = k.floor(p).equals(p)
    half = p * 0.5
    odd = whole & k.floor(half).differs(half)
    value = k.where(odd, k.signed(value, x), value)
    value = k.where((x < 0.0) & (x > -math.inf) & whole.opposite(), math.nan, value)
    return k.where(p.equals(0.0), 1.0, k.where(x.equals(1.0), 1.0, value))
