"""Sine, cosine and tangent.

A whole number n of quarter turns is taken out: x = n pi/2 + r with |r| at most pi/4, and sine and
cosine of r are polynomials. Two bits of n say which of them, with which sign, is wanted. pi/2 is
subtracted in three pieces, each product rounded together with its sum, so that r keeps its
relative accuracy next to the zeros of the sine (W. J. Cody and W. Waite, Software Manual for the
Elementary Functions, 1980). This works to a size of `REACH`; `elementary` sends vectors with a
larger number to the C library.

The coefficients interpolate the functions in Chebyshev nodes, as in `elementary_exp`.
"""

from __future__ import annotations

from typing import Final

from chainrule.native.elementary_lanes import Kit, Lanes

REACH_SINGLE: Final = 2.0**16
REACH_DOUBLE: Final = 2.0**30
_TWO_OVER_PI: Final = 0.6366197723675814
_HALF_PI_SINGLE: Final = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
_HALF_PI_DOUBLE: Final = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
# (sin(r)/r - 1)/r^2 as a polynomial in r^2: 1e-8 and 2e-17
_SIN_SINGLE: Final = (-0.166666641831398, 0.008332724682986736, -0.00019582831009756774)
_SIN_DOUBLE: Final = (
    -0.16666666666666666, 0.0083333333333307, -0.00019841269836385435, 2.7557315910939e-06,
    -2.5051092308431318e-08, 1.5915309183057952e-10)
# (cos(r) - 1 + r^2/2)/r^4 as a polynomial in r^2: 1e-9 and 8e-19
_COS_SINGLE: Final = (0.0416666641831398, -0.0013888279208913445, 2.4542870960431173e-05)
_COS_DOUBLE: Final = (
    0.041666666666666664, -0.0013888888888887241, 2.480158729853226e-05,
    -2.7557317151858866e-07, 2.0876121534608454e-09, -1.1380868171449914e-11)


def reach(k: Kit) -> float:
    """The size up to which the formulas of this module hold."""
    return REACH_SINGLE if k.single else REACH_DOUBLE


def _quarter_turn(k: Kit, x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """The number of quarter turns in its last bits, sin r and cos r."""
    adder = 1.5 * 2.0**k.digits
    marked = k.muladd(x, _TWO_OVER_PI, adder)
    n = marked - adder
    r = x
    for piece in _HALF_PI_SINGLE if k.single else _HALF_PI_DOUBLE:
        r = k.fused(n, -piece, r)
    z = r * r
    sine = k.muladd(r * z, k.polynomial(z, _SIN_SINGLE if k.single else _SIN_DOUBLE), r)
    tail = k.polynomial(z, _COS_SINGLE if k.single else _COS_DOUBLE)
    cosine = k.muladd(z * z, tail, k.muladd(z, -0.5, 1.0))
    return k.bits(marked) - k.pattern(adder), sine, cosine


def _turned(k: Kit, turns: Lanes, sine: Lanes, cosine: Lanes) -> Lanes:
    """The sine after so many quarter turns: sin, cos, -sin, -cos, and again."""
    value = k.where((turns & 1).equals(0), sine, cosine)
    sign = (turns & 2) << (k.digits + (7 if k.single else 10))
    return k.reals(k.bits(value) ^ sign)


def sin(k: Kit, x: Lanes) -> Lanes:
    """The sine of a number of radians no larger than the reach."""
    return _turned(k, *_quarter_turn(k, x))


def cos(k: Kit, x: Lanes) -> Lanes:
    """The sine a quarter turn on."""
    turns, sine, cosine = _quarter_turn(k, x)
    return _turned(k, turns + 1, sine, cosine)


def tan(k: Kit, x: Lanes) -> Lanes:
    """sin r/cos r, or -cos r/sin r after an odd number of quarter turns."""
    turns, sine, cosine = _quarter_turn(k, x)
    even = (turns & 1).equals(0)
    return k.where(even, sine, -cosine) / k.where(even, cosine, sine)
