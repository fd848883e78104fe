"""The inverse of a layer's size: all kernels, strides, paddings and dilations that give a shape.

A convolution or a pooling takes an axis of i cells to one of

    o = floor((i + 2p - d(k-1) - 1) / s) + 1

cells. Put m = d(k-1) - 2p, what a stride of one would take off the axis. Then o depends on k, p and
d through m alone, and the floor is a remainder r that is less than the stride:

    i - 1 = m + (o-1)s + r,   0 <= r < s.

A transposed convolution runs the same equation backwards, from the small side to the large
one: its remainder is the output padding q, and o - 1 = m + (i-1)s + q. So one solver does for both.
For a stride, the wanted m form an interval; for an m, the triples (k, d, p) are counted by adding
up, over the paddings, in how many ways m + 2p is a product of d and k-1. A count takes a walk over
the strides and never visits the solutions; these are made one by one, best first, when asked for.

    >>> found = solve(64, 32, k=8, d=1)
    >>> found.count, [str(c) for c in found]
    (1, ['k=8 s=2 p=3 d=1'])
    >>> solve(1024, 512).count
    23345

What nobody bounds is bounded like this, and `Space` holds the bounds: k and s go up to the size of
the axis that the kernel slides over (the shortest of several), 2p up to
the length of the dilated kernel d(k-1)+1, so that m is at least -1, and d up to where the dilated
kernel is twice as long as that axis (the last cell of a longer one would read nothing but padding).
A padding that is given may be larger, but not in a pooling, where frameworks refuse it.
If k is 1, d does nothing, and only the smallest one is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product
from typing import Final

from chainrule.count.known import NAMES, SIZE, Bounds, Given, Kind, Layer, layer, sizes
from chainrule.count.space import Shrinks, Space
from chainrule.errors import InputError, LimitError, ShapeError

CUSTOMARY: Final = 11  # the longest kernel that networks use without a special reason


@dataclass(frozen=True, slots=True)
class Configuration:
    """One solution: a window and how it moves, between axes of the sizes `i` and `o`.

    `before` and `after` are the padding cells at the two ends of an axis.

    >>> c = next(iter(solve(64, 32, k=3)))
    >>> str(c), c.exact, c.rests
    ('k=3 s=2 p=1 d=1', False, (1,))
    """

    k: int
    s: int
    before: int
    after: int
    d: int
    i: tuple[int, ...]
    o: tuple[int, ...]
    kind: Kind

    def __str__(self) -> str:
        q = self.rests if self.kind == "transposed" else ()
        tail = f" q={'x'.join(map(str, dict.fromkeys(q)))}" if any(q) else ""
        return f"k={self.k} s={self.s} p={self.p} d={self.d}{tail}"

    @property
    def p(self) -> str:
        """The padding as it is written: `3` on both sides, `1:2` where the sides differ."""
        return str(self.before) if self.before == self.after else f"{self.before}:{self.after}"

    @property
    def extent(self) -> int:
        """The length of the dilated kernel."""
        return self.d * (self.k - 1) + 1

    @property
    def shrink(self) -> int:
        """m, what a stride of one would take off the axis."""
        return self.extent - 1 - self.before - self.after

    @property
    def rests(self) -> tuple[int, ...]:
        """What the floor drops on each axis; for a transposed convolution the output padding."""
        pairs = zip(*sides(self.i, self.o, self.kind), strict=True)
        return tuple(big - 1 - self.shrink - (small - 1) * self.s for big, small in pairs)

    @property
    def exact(self) -> bool:
        """Whether the stride divides without a rest on every axis."""
        return not any(self.rests)

    @property
    def gap(self) -> bool:
        """Whether the stride is longer than the dilated kernel, so that windows leave gaps."""
        return self.s > self.extent and not self.alone

    @property
    def alone(self) -> bool:
        """Whether the window has one place only, so that it never moves."""
        return max(sides(self.i, self.o, self.kind)[1]) == 1

    @property
    def key(self) -> tuple[int, ...]:
        """What solutions are sorted by; a chain adds up the keys of its layers."""
        return (self.d, self.gap, self.k > CUSTOMARY and not self.alone, not self.exact,
                _uneven(self.i, self.o, self.s), self.s, _usual(self.k), self.before + self.after)


def sides(i: tuple[int, ...], o: tuple[int, ...], kind: Kind
          ) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The large sides, over which the kernel slides, and the small ones, a cell for each place."""
    return (o, i) if kind == "transposed" else (i, o)


def _uneven(i: tuple[int, ...], o: tuple[int, ...], s: int) -> int:
    """How far the stride is from the ratio of the sizes, in cells; 0 if nothing moves."""
    return sum(abs(max(a, b) - s * min(a, b)) for a, b in zip(i, o, strict=True) if min(a, b) > 1)


def _usual(k: int) -> int:
    """Smaller kernels first, but 1 behind 3, which most people mean."""
    return 2 * k if k > 1 else 7


@dataclass(frozen=True, slots=True)
class Level:
    """All solutions with one m: any of `triples` choices of (k, d, p), and any stride there is."""

    shrink: int
    strides: Bounds
    triples: int


@dataclass(frozen=True, slots=True)
class Family:
    """A kernel, dilation and padding, and all the strides that go with them."""

    k: int
    d: int
    before: int
    after: int
    strides: Bounds


class Solutions:
    """All configurations of a layer that take axes of the sizes `i` to axes of the sizes `o`.

    `count` is exact and found without visiting the solutions; iteration makes them one by one, the
    preferred ones first: little dilation; no gaps between windows; a kernel of a customary size, up
    to 11; exact division before the floor; a stride close to the ratio of the sizes; then a small
    stride, a small kernel (but 3 before 1), little padding.

    >>> found = solve((64, 48), (32, 24), k="1..4")
    >>> found.count, str(found.best(1)[0])
    (174, 'k=2 s=2 p=0 d=1')
    >>> [str(f.strides) for f in solve(9, 3, k=3, p=0, d=1).families()]
    ['3']
    """

    def __init__(self, known: Layer, i: tuple[int, ...], o: tuple[int, ...],
                 shrinks: Shrinks | None = None) -> None:
        if len(i) != len(o):
            axes = "axis" if len(i) == 1 else "axes"
            raise ShapeError(f"the input has {len(i)} {axes} and the output {len(o)}",
                             hint="write as many sizes for both, as in 64x48 and 32x24")
        self.known, self.i, self.o = known, i, o
        self.large, self.small = sides(i, o, known.kind)
        self.space = Space(known, min(self.large))
        self._shrinks = shrinks

    def __iter__(self) -> Iterator[Configuration]:
        yield from islice(self._ordered(), self.count)  # stops behind the last one

    def best(self, most: int) -> list[Configuration]:
        """The first `most` solutions."""
        return list(islice(self, most))

    @cached_property
    def count(self) -> int:
        """How many solutions there are."""
        return self._number(False)

    @cached_property
    def exact_count(self) -> int:
        """How many of them divide without a rest (transposed: have no output padding)."""
        return self._number(True)

    @cached_property
    def shrinks(self) -> Shrinks:
        """How many triples (k, d, p) have each m, whatever the stride."""
        return self._shrinks or Shrinks(self.space)

    def check_fit(self) -> None:
        """Refuse one kernel with one padding that is longer than an axis with its padding."""
        space = self.space
        if self.known.kind == "transposed" or not (space.k.single and space.padding.single):
            return
        dilations = space.dilations(space.k.low)
        long, padded = dilations.low * (space.k.low - 1) + 1, space.size + space.padding.low
        if long > padded and dilations.single:
            dilated = f"d(k-1) + 1 = {dilations.low}·({space.k.low}-1) + 1 = {long:,}"
            raise ShapeError(
                f"the dilated kernel has {dilated} cells, and the padded input only "
                f"{space.size:,} + {space.padding.low:,} = {padded:,}",
                hint="take a smaller kernel or dilation, or more padding")

    @cached_property
    def attained(self) -> list[int]:
        """The m that some kernel, dilation and padding has, in order; all that fit."""
        if self.known.kind == "transposed":  # where they all do
            return Shrinks(self.space, beyond=True).attained()
        return self.shrinks.attained()

    # strides and the m that they want

    def needs(self, s: int, d: int = 1, exact: bool = False) -> Bounds:
        """The m for which a stride gives the wanted sizes; empty (low > high) if there is none.

        `d` matters to the output padding of a transposed convolution alone, which is less than the
        larger of s and d.
        """
        tops = [big - 1 - (small - 1) * s
                for big, small in zip(self.large, self.small, strict=True)]
        least, most = self.rest_bounds(s, d)
        if exact:
            most = 0
        return Bounds(max(tops) - most, min(tops) - least)

    def rest_bounds(self, s: int, d: int) -> tuple[int, int]:
        """The smallest and the largest remainder, or output padding."""
        if self.known.kind != "transposed":
            return 0, s - 1
        return self.known.q.low, min(self.known.q.high, max(s, d) - 1)

    @cached_property
    def strides(self) -> range:
        """The strides outside of which no m within the bounds will do."""
        low, high = self.space.s.low, self.space.s.high
        least, most = self.shrinks.low, self.space.size - 1
        for big, small in zip(self.large, self.small, strict=True):
            if small > 1:
                high = min(high, (big - 1 - least - self.known.q.low) // (small - 1))
            if self.known.kind != "transposed":  # big - small*s <= m
                low = max(low, -((most - big) // small))
        return range(low, high + 1)

    def strides_of(self, shrink: int, d: int = 1) -> Bounds:
        """The strides that go with an m: an interval, perhaps an empty one."""
        low, high = self.space.s.low, self.space.s.high
        for big, small in zip(self.large, self.small, strict=True):
            rest = big - 1 - shrink  # = (small - 1) s + r
            least, most = self.rest_bounds(1, max(SIZE, d))
            if self.known.kind != "transposed":
                low = max(low, rest // small + 1)  # r < s
            else:  # r < s, or r < d
                by_dilation = -((d - 1 - rest) // (small - 1)) if small > 1 else (
                    low if rest < d else high + 1)
                low = max(low, min(rest // small + 1, by_dilation))
                if small > 1:
                    low = max(low, -((most - rest) // (small - 1)))
                elif rest > most:
                    low = high + 1
            if small > 1:
                high = min(high, (rest - least) // (small - 1))
            elif rest < least:
                high = low - 1
        return Bounds(low, high)

    # counting

    def _number(self, exact: bool) -> int:
        if exact and self.known.q.low > 0:
            return 0
        if self.known.tied:
            return self._number_tied(exact)
        total = 0
        for s in self.strides:
            needs = self.needs(s, 1, exact)
            if needs.low <= needs.high:
                total += self.shrinks.number(needs.low, needs.high)
        if not exact and self.known.q.high > 0:
            total += self._number_by_dilation()
        return total

    def _number_tied(self, exact: bool) -> int:
        total = 0
        for s in range(max(self.space.s.low, self.space.k.low), self.space.k.high + 1):
            d = self.space.dilations(s)
            for d_one in range(d.low, d.high + 1):
                needs = self.needs(s, d_one, exact)
                total += len(self.space.paddings(d_one * (s - 1), needs.low, needs.high))
        return total

    def _number_by_dilation(self) -> int:
        """The solutions whose output padding is as large as the stride, or larger, but less than d.

        They are the ones that `needs` with d = 1 leaves out.
        """
        total, by_least = 0, {}
        widest = self.space.most_dilated
        if (len(self.strides) + self.space.padding.high) * min(self.known.q.high, widest) > 10**7:
            raise LimitError("there are too many output paddings to go through",
                             hint="bound the output padding, as in q = 0..1, or the dilation")
        for s in self.strides:
            all_needs, seen = self.needs(s, widest), self.needs(s, 1)
            top = max(big - 1 - (small - 1) * s
                      for big, small in zip(self.large, self.small, strict=True))
            end = min(all_needs.high, seen.low - 1) if seen.low <= seen.high else all_needs.high
            for m in range(max(all_needs.low, self.shrinks.low), end + 1):
                least = top - m + 1  # q < d
                if least not in by_least:
                    by_least[least] = Shrinks(self.space, least)
                total += by_least[least].number(m, m)
        return total

    # making

    def _ordered(self) -> Iterator[Configuration]:
        """The solutions in the order of `Configuration.key`, a criterion a loop."""
        first = self.space.dilations(1).low
        strides = sorted(self.strides, key=lambda s: (_uneven(self.i, self.o, s), s))
        moving = max(self.small) > 1
        ways = [(large, exact) for large in (False, True)[: moving + 1] for exact in (True, False)]
        for d in range(first, max(first, self.space.most_dilated) + 1):
            kernels = self.space.kernels(d)
            for gap, (large, exact) in product((False, True), ways):
                sized = kernels
                if moving:
                    sized = Bounds(max(kernels.low, CUSTOMARY + 1), kernels.high) if large else (
                        Bounds(kernels.low, min(kernels.high, CUSTOMARY)))
                if sized.low <= sized.high:
                    for s in strides:
                        yield from self._at(s, d, sized, gap, exact)

    def _at(self, s: int, d: int, kernels: Bounds, gap: bool, exact: bool
            ) -> Iterator[Configuration]:
        needs = self.needs(s, d, exact)
        if exact and self.known.q.low > 0:
            return
        if not exact and self.known.q.low == 0 and self._divides(s):
            needs = Bounds(needs.low, needs.high - 1)  # the last one is exact
        if needs.low > needs.high:
            return
        space = self.space
        touching = 1 - (1 - s) // d if max(self.small) > 1 else 1  # the least without a gap
        low = max(kernels.low, (needs.low + space.padding.low) // d, 1 if gap else touching)
        high = min(kernels.high, (needs.high + space.padding.high) // d + 1)
        if gap:
            high = min(high, touching - 1)
        if self.known.tied:
            low, high = max(low, s), min(high, s)
        order: Sequence[int] = range(low, high + 1)
        if low == 1:
            order = [*order[1:3], 1, *order[3:]] if high >= 1 else order
        for k in order:
            for padding in space.paddings(d * (k - 1), needs.low, needs.high):
                yield Configuration(k, s, *space.split(padding), d, self.i, self.o,
                                    self.known.kind)

    def _divides(self, s: int) -> bool:
        """Whether one m is exact on all axes with this stride."""
        return len({big - (small - 1) * s
                    for big, small in zip(self.large, self.small, strict=True)}) == 1

    # intervals

    def levels(self) -> Iterator[Level]:
        """The solutions as intervals of strides, one for each m = d(k-1) - 2p, smallest |m| first.

        Raises `InputError` where a solution is more than an m and a stride: where the stride is
        tied to the kernel, or the output padding may pass it.

        >>> [(v.shrink, str(v.strides), v.triples) for v in solve(64, 32, k="2..4").levels()]
        [(0, '2', 147), (1, '2', 85), (32, '1', 112)]
        """
        if self.known.tied or self.known.q.high > 0:
            raise InputError("these solutions are more than a stride for each d(k-1) - 2p")
        for m in sorted(self.shrinks.attained(), key=lambda m: (abs(m), m)):
            strides = self.strides_of(m)
            if strides.low <= strides.high:
                yield Level(m, strides, self.shrinks.number(m, m))

    def families(self) -> Iterator[Family]:
        """For each kernel, dilation and padding the interval of the strides that solve."""
        last = self.space.most_dilated
        for d in range(self.space.dilations(1).low, last + 1):
            kernels = self.space.kernels(d)
            for k in range(kernels.low, kernels.high + 1):
                extent = d * (k - 1)
                for padding in self.space.paddings(extent, extent - SIZE * 3, self.space.size - 1):
                    strides = self.strides_of(extent - padding, d)
                    if self.known.tied:
                        strides = Bounds(max(k, strides.low), min(k, strides.high))
                    if strides.low <= strides.high:
                        yield Family(k, d, *self.space.split(padding), strides)


def size(known: Layer, i: tuple[int, ...]) -> Configuration:
    """The layer itself, with the output that it gives: the question the right way round.

    What is not given is what frameworks take: no padding, no dilation, a stride of one, or in a
    pooling of the kernel's length. Raises `InputError` where something is only bounded, and
    `ShapeError` where no output is left.

    >>> size(layer(k=8, s=4), (32,)).o
    (7,)
    """
    usual = {"s": Bounds(1, 1), "p": Bounds(0, 0), "d": Bounds(1, 1)}
    given = {name: getattr(known, name) or usual.get(name) for name in "kspd"}
    if known.tied or (known.s is None and known.kind == "pooling"):
        given["s"] = given["k"]
    for name, bounds in {**given, "q": known.q}.items():
        if bounds is None or not bounds.single:
            found = f"is {bounds}" if bounds else "is not given"
            raise InputError(f"the size of the output is wanted, but the {NAMES[name]} {found}",
                             hint="give the output's size to find the layer, or one number each "
                             "to find the output's size")
    one = {name: bounds.low for name, bounds in given.items() if bounds}
    k, s, d, q = one["k"], one["s"], one["d"], known.q.low
    before, after = known.sides or (one["p"], one["p"])
    m = d * (k - 1) - before - after
    if known.kind == "transposed":
        if q >= max(s, d):
            raise InputError(f"the output padding is {q}, and has to be less than the larger of "
                             f"the stride and the dilation, {max(s, d)}")
        o = tuple((a - 1) * s + m + 1 + q for a in i)
    else:
        Solutions(replace(known, k=given["k"], p=given["p"], d=given["d"]), i, i).check_fit()
        o = tuple((a - 1 - m) // s + 1 for a in i)
    if min(o) < 1:
        raise ShapeError(f"no output is left: the size would be {min(o)}",
                         hint="take less padding, or a longer kernel")
    if known.kind == "pooling" and before + after > d * (k - 1) + 1:
        raise InputError(f"the padding is more than half of the kernel, {d * (k - 1) + 1} cells",
                         hint="poolings take no more, in PyTorch too")
    return Configuration(k, s, before, after, d, i, o, known.kind)


def solve(i: int | Sequence[int], o: int | Sequence[int], *, k: Given = None, s: Given = None,
          p: Given = None, d: Given = None, q: Given = None, kind: Kind = "convolution",
          asymmetric: bool = False) -> Solutions:
    """All integer solutions for a layer that takes an axis of `i` cells to one of `o`.

    Several axes are sequences; their solutions are those that they have in common. Each of k, s, p,
    d, q is a number, a `range`, text such as "1..4", or left to be found; `p="1:2"` pads one cell
    before and two after, `s="k"` moves the window by its own length.

    Raises `InputError` for sizes and bounds that are none, `ShapeError` for a kernel longer than
    its padded input, `LimitError` for more than can be gone through.

    >>> [str(c) for c in solve(32, 8, p=0, d=1, s="k", kind="pooling")]
    ['k=4 s=4 p=0 d=1']
    >>> [str(c) for c in solve(4, 8, k="2..4", d=1, kind="transposed")]
    ['k=2 s=2 p=0 d=1', 'k=4 s=2 p=1 d=1']
    >>> solve(64, 64, k=4, s=1, d=1).count
    0
    """
    known = layer(kind, k=k, s=s, p=p, d=d, q=q, asymmetric=asymmetric)
    found = Solutions(known, sizes(i, "input"), sizes(o, "output"))
    found.check_fit()
    return found
