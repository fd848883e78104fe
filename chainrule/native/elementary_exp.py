"""The exponential and what is made of it: expm1, the logistic function, softplus, tanh, erf.

Every exponential starts by taking out the whole powers of two: x = n ln 2 + r with |r| at most
ln 2 / 2, so that exp x = 2^n exp r. On that short interval a polynomial gives exp r to the last
bit, and 2^n is a number whose exponent field is n. The product n ln 2 must not be rounded, or r
would be wrong in its last bits: ln 2 is kept as a short number, whose product with n is exact,
plus a small rest (W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980).

The coefficients interpolate the function in Chebyshev nodes, computed in 60 digits and then
rounded; the largest relative error of each, before rounding, is given with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chainrule.native.elementary_lanes import Kit, Lanes


@dataclass(frozen=True, slots=True)
class Reduction:
    """The constants of x = n ln 2 + r in one width."""

    log2_e: float
    ln2: float  # its trailing bits are zero, so that n times it is exact
    rest: float
    adder: float  # 1.5 * 2^digits: adding it rounds a number to a whole one
    lowest: float  # exp of less is 0
    highest: float  # exp of more is infinite
    flat: float  # expm1 of less is -1
    tiny: float  # expm1 of a smaller size is its argument
    tail: tuple[float, ...]  # (exp r - 1 - r)/r^2 on |r| <= 0.3472


_SINGLE: Final = Reduction(
    log2_e=1.4426950408889634, ln2=0.693145751953125, rest=1.428606820309417e-06,
    adder=12582912.0, lowest=-104.0, highest=89.0, flat=-18.0, tiny=2.0**-26,
    tail=(0.5, 0.16666576266288757, 0.04166655242443085, 0.00836328137665987,
          0.0013926310930401087))  # 1e-8
_DOUBLE: Final = Reduction(
    log2_e=1.4426950408889634, ln2=0.6931471803691238, rest=1.9082149292705877e-10,
    adder=6755399441055744.0, lowest=-746.0, highest=710.0, flat=-40.0, tiny=2.0**-55,
    tail=(0.5000000000000001, 0.16666666666666669, 0.041666666666623546, 0.008333333333330016,
          0.0013888888917505259, 0.00019841269863277817, 2.4801520843720836e-05,
          2.7557268112223657e-06, 2.762030318678593e-07, 2.510055063387081e-08))  # 2e-17
# (log1p(e)/e - 1)/e on [0, 1]: 2e-8
_LOG1P_SINGLE: Final = (
    -0.4999999701976776, 0.3333284258842468, -0.24986526370048523, 0.198541060090065,
    -0.15847565233707428, 0.11561845242977142, -0.06675772368907928, 0.025224054232239723,
    -0.004466211423277855)
# (2 artanh(s)/s - 2)/s^2 as a polynomial in s^2 on [0, 1/9]: 1e-19
_ARTANH_DOUBLE: Final = (
    0.6666666666666666, 0.39999999999999525, 0.285714285716001, 0.2222222219823677,
    0.18181819897962714, 0.1538454396486055, 0.13335178631449257, 0.11734279061303197,
    0.10845178394880015, 0.07492143795550767, 0.1563057780092285)
# erf(x)/x - 1 as a polynomial in x^2 on [0, 1]: 1e-9
_ERF_NEAR: Final = (0.12837916612625122, -0.3761262595653534, 0.11283594369888306,
                    -0.02685421146452427, 0.005189087241888046, -0.000801686430349946,
                    7.875874871388078e-05)
# -ln(1 - erf x) on [1, 4], where 1 - erf x is then wrong by at most 1e-9
_ERF_RATE_SINGLE: Final = (
    0.0003535984724294394, 1.1270403861999512, 0.638225257396698, 0.10303753614425659,
    -0.021805299445986748, 0.0029395779129117727, -0.00018556865688879043)
# -ln(1 - erf x)/x = P(x)/Q(x) on [0, 6]: 4e-18
_ERF_RATE_TOP: Final = (
    1.1283791670955126, 3.05883957592876, 4.083997164033571, 3.474768128293147,
    2.0690519879407243, 0.8969431752487164, 0.28629915651091403, 0.06661868260371133,
    0.010934545818790225, 0.0011857174705913974, 7.530722290590448e-05, 2.276655057234987e-06,
    2.2069325672956316e-08)
_ERF_RATE_BOTTOM: Final = (
    1.0, 2.146636409280806, 2.3171585002136394, 1.5935532121352927, 0.760112499329014,
    0.2590826096681882, 0.06306322134904753, 0.010659946568536869, 0.0011753725091048614,
    7.517372607618422e-05, 2.2765356594223416e-06, 2.206959519724161e-08)


def reduction(k: Kit) -> Reduction:
    """The constants for a kit's width."""
    return _SINGLE if k.single else _DOUBLE


def _reduced(k: Kit, x: Lanes) -> tuple[Lanes, Lanes]:
    """x = n ln 2 + r: the number whose last bits are n, and r."""
    c = reduction(k)
    marked = k.muladd(x, c.log2_e, c.adder)  # the fraction has fallen off: n stands at the end
    n = marked - c.adder
    return marked, k.muladd(n, -c.rest, k.muladd(n, -c.ln2, x))


def _powers_of_two(k: Kit, marked: Lanes) -> tuple[Lanes, Lanes]:
    """Two factors whose product is 2^n, since 2^n alone may be too small or too large a number."""
    biased = k.bits(marked) - (k.pattern(reduction(k).adder) - 2 * k.bias)
    half = biased >> 1
    return k.reals(half << k.digits), k.reals((biased - half) << k.digits)


def _power_of_two(k: Kit, marked: Lanes, less: int) -> Lanes:
    """2^(n - less), where that is a normal number."""
    stored = k.bits(marked) - (k.pattern(reduction(k).adder) - (k.bias - less))
    return k.reals(stored << k.digits)


def exp_bounded(k: Kit, x: Lanes, more: Lanes | None = None) -> Lanes:
    """exp(x + more) for x in the range where that is neither 0 nor infinite for certain.

    `more` is a correction far smaller than x. NaN gives NaN: the powers of two may then be
    anything, but the polynomial is NaN.
    """
    marked, r = _reduced(k, x)
    if more is not None:
        r = r + more
    small, large = _powers_of_two(k, marked)
    return k.polynomial(r, (1.0, 1.0, *reduction(k).tail)) * small * large


def within_range(k: Kit, x: Lanes) -> Lanes:
    """x, or the nearest number whose exponential is still neither 0 nor infinite for certain."""
    c = reduction(k)
    return k.at_least(c.lowest, k.at_most(c.highest, x))


def exp(k: Kit, x: Lanes) -> Lanes:
    """2^n exp r."""
    return exp_bounded(k, within_range(k, x))


def exp_of_minus_size(k: Kit, x: Lanes) -> Lanes:
    """exp(-|x|), which cannot overflow."""
    return exp_bounded(k, k.at_least(reduction(k).lowest, -k.absolute(x)))


def _expm1_short(k: Kit, r: Lanes) -> Lanes:
    """exp(r) - 1 on the short interval, exact near 0."""
    return k.muladd(r * r, k.polynomial(r, reduction(k).tail), r)


def _expm1_falling(k: Kit, x: Lanes) -> Lanes:
    """exp(x) - 1 for x at most 0: 2^n (exp r - 1) + (2^n - 1), whose bracket is exact."""
    marked, r = _reduced(k, k.at_least(reduction(k).flat, x))
    power = _power_of_two(k, marked, 0)
    return k.muladd(power, _expm1_short(k, r), power - 1.0)


def expm1(k: Kit, x: Lanes) -> Lanes:
    """exp(x) - 1, exact near 0.

    Half the value is computed and then doubled, because 2^n itself may be too large a number.
    """
    c = reduction(k)
    marked, r = _reduced(k, k.at_least(c.flat, k.at_most(c.highest, x)))
    half = _power_of_two(k, marked, 1)
    value = k.muladd(half, _expm1_short(k, r), half - 0.5) * 2.0
    return k.where(k.absolute(x) < c.tiny, x, value)


def sigmoid(k: Kit, x: Lanes) -> Lanes:
    """1/(1 + exp(-x)), or e/(1 + e) with e = exp x where x is negative."""
    e = exp_of_minus_size(k, x)
    return k.where(x < 0.0, e, 1.0) / (e + 1.0)


def softplus(k: Kit, x: Lanes) -> Lanes:
    """ln(1 + exp x) as max(x, 0) + log1p(exp(-|x|))."""
    e = exp_of_minus_size(k, x)
    if k.single:
        rest = k.muladd(e * e, k.polynomial(e, _LOG1P_SINGLE), e)
    else:  # ln(1 + e) = 2 artanh(s); s is at most 1/3
        s = e / (e + 2.0)
        z = s * s
        rest = k.muladd(s * z, k.polynomial(z, _ARTANH_DOUBLE), s * 2.0)
    return k.at_least(0.0, x) + rest


def tanh(k: Kit, x: Lanes) -> Lanes:
    """-e/(2 + e) with e = expm1(-2|x|), and the sign of x."""
    e = _expm1_falling(k, k.absolute(x) * -2.0)
    return k.signed(-e / (e + 2.0), x)


def erf(k: Kit, x: Lanes) -> Lanes:
    """1 - erf x = exp(-q) with a smooth q that is 0 at 0, so that erf x = -expm1(-q).

    In double q is a quotient of polynomials. In float it is a polynomial beyond 1, and erf x is
    one below.
    """
    if not k.single:
        size = k.at_most(6.0, k.absolute(x))
        rate = k.polynomial(size, _ERF_RATE_TOP) / k.polynomial(size, _ERF_RATE_BOTTOM)
        return k.signed(-_expm1_falling(k, -(size * rate)), x)
    size = k.at_most(4.0, k.absolute(x))
    near = k.muladd(size, k.polynomial(size * size, _ERF_NEAR), size)
    marked, r = _reduced(k, -k.polynomial(size, _ERF_RATE_SINGLE))
    shrunk = k.polynomial(r, (1.0, 1.0, *_SINGLE.tail)) * -_power_of_two(k, marked, 0)
    return k.signed(k.where(size < 1.0, near, shrunk + 1.0), x)
