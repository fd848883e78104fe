"""Derivatives by central differences, each with an account of its own error.

A central stencil of 2, 4, 6 or 8 points adds up values of f on both sides of the point with weights
that cancel all powers of the step but the first:

    f'(0) ≈ (4/5 (f₁ - f₋₁) - 1/5 (f₂ - f₋₂) + 4/105 (f₃ - f₋₃) - 1/280 (f₄ - f₋₄)) / h

Two things are wrong with such a number. What the stencil leaves out (truncation) shrinks with the
step, and is estimated by the stencil with two points fewer, which uses the same values of f. What f
rounds off grows as the step shrinks. Their sum is `error`: a gradient that differs by more is
wrong, and one that differs by less is not.

At a kink no step is small enough: the slopes on both sides stay apart. That is told from the jump
of the slope, (f(h) - 2 f(0) + f(-h))/h, which halves with the step where f is smooth and stays
where it has a corner. Any value between the two slopes is then a derivative (Clarke's).

The stencils are Fornberg's, Mathematics of Computation 51 (1988), table 1. Eight points with the
step 0.01 and the tolerance 1e-5 are the check of the assignments in Hinton's course.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

WEIGHTS: Final = {
    2: (1 / 2,),
    4: (2 / 3, -1 / 12),
    6: (3 / 4, -3 / 20, 1 / 60),
    8: (4 / 5, -1 / 5, 4 / 105, -1 / 280),
}
EPSILON: Final = 2.0**-52
_FINER: Final = 8.0  # what the step is divided by where the error is too large
_TIMES: Final = 7  # how often
_NEAR: Final = 1e-4  # the share of the step at which a corner is looked for


@dataclass(frozen=True, slots=True)
class Difference:
    """A derivative by differences: `value`, up to `error`, found with `step`.

    At a kink (`kink`) it lies anywhere from `low` to `high`, the slopes on the two sides; elsewhere
    these are the value. Where f is not finite nearby, `value` is NaN and `error` infinite.
    """

    value: float
    error: float
    step: float
    low: float
    high: float
    kink: bool = False

    def allows(self, derivative: float, slack: float = 0.0) -> bool:
        """Whether a derivative is within the error, or between the slopes of a kink."""
        if not math.isfinite(derivative) or not math.isfinite(self.value):
            return False
        room = self.error + slack
        return self.low - room <= derivative <= self.high + room


def difference(f: Callable[[float], float], points: int = 8, step: float = 1e-2,
               wanted: float = 0.0) -> Difference:
    """The derivative at 0 of f, a function of how far one moves from the point.

    Where the error is above `wanted` smaller steps are tried as well, and the best is kept.

    >>> d = difference(lambda t: math.exp(t), 8, 1e-2)
    >>> abs(d.value - 1) <= d.error < 1e-9
    True
    >>> d = difference(abs, 4)
    >>> d.kink, d.low, d.high
    (True, -1.0, 1.0)
    """
    middle = float(f(0.0))
    noise = max(EPSILON * abs(middle), _noise(f, step * _NEAR))
    best = _at(f, middle, points, step, noise)
    if best.error <= wanted and not best.kink:
        return best
    best = replace(best, kink=False)
    corner = _corner(f, middle, step * _NEAR)
    if corner is not None:
        return corner
    noisy = 8 * noise / step > wanted  # then only larger steps help
    found = [best]
    for power in range(-1 if noisy else 1, 1 if noisy and wanted else _TIMES + 1):
        if power:
            now = replace(_at(f, middle, points, step / _FINER**power, noise), kink=False)
            before = found[-1]
            found.append(now)
            borne_out = abs(now.value - before.value) <= 4 * before.error + now.error
            if now.error <= wanted and (borne_out or not math.isfinite(before.value)):
                return now  # of noise a stencil may look exact by chance, but not twice
    # none is good enough: the best, as far as the next best bears it out
    best, second = sorted(found, key=lambda d: d.error)[:2]
    apart = abs(best.value - second.value)
    return replace(best, error=max(best.error, apart)) if math.isfinite(apart) else best


def _at(f: Callable[[float], float], middle: float, points: int, step: float,
        noise: float) -> Difference:
    """The stencil with one step; `kink` is only a suspicion here.

    A corner at the very point is no surprise to a central stencil: of |x| all of them say 0. But
    the slope jumps as much over two steps as over one, where it would jump twice as much.
    """
    pairs = max(points // 2, 2)  # two points alone tell nothing of their error
    right = [float(f(k * step)) for k in range(1, pairs + 1)]
    left = [float(f(-k * step)) for k in range(1, pairs + 1)]
    if not all(map(math.isfinite, (middle, *right, *left))):
        return Difference(math.nan, math.inf, step, math.nan, math.nan)
    value = _sum(WEIGHTS[points], right, left, step)
    largest = max(map(abs, (middle, *right, *left)))
    # every value of f is a sum itself: allow it a few roundings
    rounding = 8 * max(EPSILON * largest, noise) / step
    once = abs(right[0] - 2 * middle + left[0]) / step
    twice = abs(right[1] - 2 * middle + left[1]) / (2 * step)
    corner = once > 2 * rounding and twice < 1.5 * once
    error = _truncation(points, right, left, step) + rounding
    return Difference(value, error, step, value, value, corner)


def _truncation(points: int, right: list[float], left: list[float], step: float) -> float:
    """What a stencil leaves out, by the stencils with fewer points.

    Each should be much nearer than the one before. Where it is not, the step is too large for all
    of them, and what is left out is more than the last difference.
    """
    sizes = [p for p in WEIGHTS if p <= 2 * len(right) and p <= max(points, 4)]
    values = [_sum(WEIGHTS[p], right, left, step) for p in sizes]
    last = abs(values[-1] - values[-2])
    if len(values) < 3:
        return 4 * last  # nothing says how fast it shrinks
    before = abs(values[-2] - values[-3])
    ratio = last / before if before else 0.0
    return last / (1 - ratio) if ratio < 0.9 else 10 * max(last, before)


def _noise(f: Callable[[float], float], near: float) -> float:
    """What f rounds off, if that is more than we know of: how rough it is on a small scale.

    Fourth differences of a smooth function are next to nothing there. See Hamming, Numerical
    Methods for Scientists and Engineers (2nd edition, 1973), chapter 10.
    """
    near *= (math.sqrt(5) - 1) / 2  # in no simple ratio to the unit that f is rounded to
    values = [float(f(k * near)) for k in range(-4, 5)]
    if not all(map(math.isfinite, values)):
        return 0.0
    fourth = [a - 4 * b + 6 * c - 4 * d + e
              for a, b, c, d, e in zip(values, values[1:], values[2:], values[3:], values[4:],
                                       strict=False)]
    return max(map(abs, fourth)) / math.sqrt(70)


def _sum(weights: tuple[float, ...], right: list[float], left: list[float], step: float) -> float:
    return math.fsum(w * (a - b) for w, a, b in zip(weights, right, left, strict=False)) / step


def _corner(f: Callable[[float], float], middle: float, near: float) -> Difference | None:
    """The slopes on both sides if they stay apart as the step shrinks, else None."""
    jumps = []
    slopes = (0.0, 0.0)
    rounding = 0.0
    for h in (8 * near, near, near / 2):  # noise is not the same three times
        values = [float(f(k * h)) for k in (-2, -1, 1, 2)]
        if not all(map(math.isfinite, (middle, *values))):
            return None
        # one-sided differences of second order
        left = (3 * middle - 4 * values[1] + values[0]) / (2 * h)
        right = (-3 * middle + 4 * values[2] - values[3]) / (2 * h)
        rounding = 16 * EPSILON * max(map(abs, (middle, *values))) / h
        slopes = (left, right)
        jumps.append(right - left)
    size = max(map(abs, slopes))
    least, most = min(map(abs, jumps)), max(map(abs, jumps))
    if least <= 8 * rounding + 1e-6 * size or most > 1.25 * least or min(jumps) * max(jumps) < 0:
        return None
    low, high = sorted(slopes)
    return Difference((low + high) / 2, rounding, near, low, high, True)
