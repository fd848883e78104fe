"""Why no configuration gives a shape: a proof as numbers, from the same intervals as the solver.

The size that comes out depends on the stride s and on m = d(k-1) - 2p alone, and it moves one way
with each of them: a larger m makes the output of a convolution smaller, and so does a larger stride
(in a transposed convolution both make it larger). So there are few ways to fail:

- `rest`: no stride and no dilation within the bounds allows so much output padding.
- `padding`: no kernel within the bounds allows so much padding.
- `fit`: no kernel fits into the padded input.
- `most`, `least`: even the most favourable m and s stay below the wanted size, or above it.
- `cases`: each stride wants some m, and no kernel, dilation and padding has it. For a stride the
  wanted m form an interval; the attainable ones next to it on both sides give one output too many
  or too few, and whatever is further away is further off.
- `axes`: each axis has solutions of its own, but none in common.

`why` finds out which. It is to be asked only where the count is zero, and trusts that count: the
attainable m are enumerated, not guessed.

    >>> from chainrule.count.configurations import solve
    >>> none = why(solve(64, 66, k="2..5"))
    >>> none.reason, none.shrink, none.reached
    ('most', -1, 65)
    >>> none = why(solve(64, 64, k=4, s=1, d=1))
    >>> none.reason, none.modulus, none.residue, none.cases[0].needs
    ('cases', 2, 1, Bounds(low=0, high=0))
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Literal

from chainrule.count.configurations import Solutions
from chainrule.count.known import Bounds
from chainrule.errors import LimitError

Reason = Literal["rest", "padding", "fit", "most", "least", "cases", "axes"]
_CASES = 100_000  # strides that are gone through one by one


@dataclass(frozen=True, slots=True)
class Case:
    """Strides, the m that the first of them wants, and the attainable m next to it.

    Several strides share a case where all m lie on one side. `inside` are wanted m that exist, but
    only with dilations too small for the output padding that they ask for.
    """

    strides: Bounds
    needs: Bounds
    below: int | None
    above: int | None
    inside: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Impossible:
    """Why there is no solution; what the numbers mean depends on the reason.

    `axis` is the axis that has none, or None for axes that have none in common; `kernel` and
    `padding` are d(k-1) + 1 and the total padding of the shortest kernel that counts (`padding`:
    the longest); `shrink` and `stride` are the most favourable m and s, `reached` what they give
    (`rest`: the largest s or d). All attainable m leave `residue` when
    divided by `modulus` (0: nothing of the sort is known).
    """

    reason: Reason
    solutions: Solutions
    axis: int | None = None
    kernel: int = 0
    padding: int = 0
    shrink: int = 0
    stride: int = 0
    reached: int = 0
    modulus: int = 0
    residue: int = 0
    cases: tuple[Case, ...] = ()


def why(found: Solutions) -> Impossible:
    """The proof that there is no solution; to be asked where `found.count` is 0.

    Raises `ValueError` if there is a solution.
    """
    if found.count:
        raise ValueError("there is a solution")
    for axis, (i, o) in enumerate(zip(found.i, found.o, strict=True)):
        alone = found if len(found.i) == 1 else Solutions(found.known, (i,), (o,))
        if not alone.count:
            return _one_axis(alone, axis)
    return Impossible("axes", found, cases=tuple(_cases(found)))


def _one_axis(found: Solutions, axis: int) -> Impossible:
    widest = max(found.space.s.high, found.space.most_dilated)
    if found.known.kind == "transposed" and found.known.q.low >= widest:
        return Impossible("rest", found, axis, reached=widest)
    attained = found.attained
    if not attained:
        return _too_long(found, axis)
    if not found.known.tied:
        bound = _out_of_reach(found, axis, attained)
        if bound is not None:
            return bound
    cases = tuple(_cases(found))
    modulus = reduce(gcd, (b - a for a, b in pairwise(attained)), 0)
    between = [c for c in cases if c.below is not None and c.above is not None]
    if modulus < 2 or found.known.tied or any(c.inside for c in cases) or not between:
        return Impossible("cases", found, axis, cases=cases)
    return Impossible("cases", found, axis, modulus=modulus, residue=attained[0] % modulus,
                      cases=cases)


def _too_long(found: Solutions, axis: int) -> Impossible:
    """No m at all: no kernel allows the padding, or the shortest that does is too long."""
    space = found.space
    least = space.padding.low
    shortest, longest = None, 0
    for k in range(space.k.low, space.k.high + 1):
        d = space.dilations(k)
        longest = max(longest, d.high * (k - 1))
        wanted = -((1 - least) // (k - 1)) if space.half and k > 1 else d.low
        extent = max(d.low, wanted) * (k - 1)
        if max(d.low, wanted) <= d.high and (not space.half or extent + 1 >= least):
            shortest = extent if shortest is None else min(shortest, extent)
    if shortest is None:
        return Impossible("padding", found, axis, kernel=longest + 1, padding=least)
    return Impossible("fit", found, axis, kernel=shortest + 1, padding=space.padding.high)


def _out_of_reach(found: Solutions, axis: int, attained: list[int]) -> Impossible | None:
    s, wanted = found.space.s, found.o[0]
    lean, fat = attained[0], attained[-1]  # the least and the most that is taken off
    if found.known.kind == "transposed":
        low, high = size_of(found, s.low, lean)[0], size_of(found, s.high, fat)[1]
        if low > wanted:
            return Impossible("least", found, axis, shrink=lean, stride=s.low, reached=low)
        if high < wanted:
            return Impossible("most", found, axis, shrink=fat, stride=s.high, reached=high)
        return None
    most, least = size_of(found, s.low, lean)[0], size_of(found, s.high, fat)[0]
    if most < wanted:
        return Impossible("most", found, axis, shrink=lean, stride=s.low, reached=most)
    if least > wanted:
        return Impossible("least", found, axis, shrink=fat, stride=s.high, reached=least)
    return None


def size_of(found: Solutions, s: int, m: int) -> tuple[int, int]:
    """The smallest and the largest output of the first axis for a stride and an m."""
    i = found.i[0]
    if found.known.kind != "transposed":
        size = (i - 1 - m) // s + 1
        return size, size
    least, most = found.rest_bounds(s, found.space.most_dilated)
    return (i - 1) * s + m + 1 + least, (i - 1) * s + m + 1 + max(least, most)


def _cases(found: Solutions) -> list[Case]:
    """A case for each stride, neighbours joined where all attainable m lie on the same side."""
    strides = found.space.s
    if strides.high - strides.low >= _CASES:
        raise LimitError(f"there are more than {_CASES:,} strides to go through")
    cases: list[Case] = []
    for s in range(strides.low, strides.high + 1):
        case = _case(found, s)
        if case is None:
            continue
        before = cases[-1] if cases else None
        side = (case.below is None, case.above is None)
        joins = all(side) if found.known.tied else any(side)  # with s = k each has its own m
        if before and joins and side == (before.below is None, before.above is None):
            cases[-1] = Case(Bounds(before.strides.low, s), before.needs, before.below,
                             before.above)
        else:
            cases.append(case)
    return cases


def _case(found: Solutions, s: int) -> Case | None:
    attained = _attained(found, s)
    needs = found.needs(s, found.space.most_dilated)
    if found.known.tied and not found.space.k.low <= s <= found.space.k.high:
        return None
    start = bisect_left(attained, min(needs.low, needs.high + 1))
    stop = bisect_right(attained, needs.high)
    below = attained[start - 1] if start else None
    above = attained[stop] if stop < len(attained) else None
    return Case(Bounds(s, s), needs, below, above, tuple(attained[start:stop]))


def _attained(found: Solutions, s: int) -> list[int]:
    """The m that there are with a stride: all of them, or with s = k those of this kernel."""
    if not found.known.tied:
        return found.attained
    space = found.space
    d = space.dilations(s)
    return sorted({
        extent - padding
        for extent in range(d.low * (s - 1), d.high * (s - 1) + 1, max(s - 1, 1))
        for padding in space.paddings(extent, extent - space.padding.high, space.size - 1)})


def nearest(found: Solutions, within: int = 8) -> list[int]:
    """The wanted sizes next to the one that there is no solution for, both ways; one axis only.

    >>> from chainrule.count.configurations import solve
    >>> nearest(solve(64, 64, k=4, s=1, d=1))
    [63, 65]
    """
    if len(found.i) > 1:
        return []
    near = []
    for sign in (-1, 1):
        for step in range(1, within + 1):
            o = found.o[0] + sign * step
            if o >= 1 and Solutions(found.known, found.i, (o,)).count:
                near.append(o)
                break
    return near

