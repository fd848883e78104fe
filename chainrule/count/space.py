"""The space in which configurations are looked for, and how many there are of each shrinkage.

Put m = d(k-1) - 2p: what a window with a stride of one takes off an axis. `Space` holds the bounds
of a search, those that were given and the default ones for the rest. `Shrinks` counts, for each m,
the triples (k, d, p) within those bounds. It needs no loop over paddings: it counts in how many
ways each number is a product d(k-1), takes running sums of that in steps of two, and the paddings
from p to p' are then the difference of two of these sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from chainrule.count.known import Bounds, Layer
from chainrule.errors import LimitError

PAIRS: Final = 2_000_000  # kernels times dilations, and the longest dilated kernel


@dataclass(frozen=True)
class Space:
    """The bounds of a search, all of them numbers; `size` is that of the (shortest) large side.

    `padding` is the padding of both sides together, in steps of `step`; `half` says that it is at
    most the dilated kernel's length, `fitting` that the dilated kernel is at most 2 `size` long:
    with at most half of it outside, the last cell of a longer one would read only padding.
    """

    known: Layer
    size: int
    k: Bounds = field(init=False)
    s: Bounds = field(init=False)
    padding: Bounds = field(init=False)
    step: int = field(init=False)
    half: bool = field(init=False)
    fitting: bool = field(init=False)

    def __post_init__(self) -> None:
        known, put = self.known, object.__setattr__
        put(self, "k", known.k or Bounds(1, self.size))
        put(self, "s", known.s or (self.k if known.tied else Bounds(1, self.size)))
        put(self, "fitting", known.d is None)
        free = known.p is None and known.sides is None
        put(self, "half", free or known.kind == "pooling")
        odd = known.asymmetric or known.sides is not None
        put(self, "step", 1 if odd else 2)
        # no dilated kernel is longer than this
        longest = max(2 * self.size, self.k.high) if known.d is None else (
            known.d.high * (self.k.high - 1) + 1)
        if known.sides is not None:
            put(self, "padding", Bounds(sum(known.sides), sum(known.sides)))
        elif known.p is not None:
            put(self, "padding", Bounds(2 * known.p.low, 2 * known.p.high + known.asymmetric))
        else:
            put(self, "padding", Bounds(0, longest))

    def dilations(self, k: int) -> Bounds:
        """The dilations of a kernel; one where they make no difference."""
        low = self.known.d.low if self.known.d else 1
        if k == 1:
            return Bounds(low, low)
        if self.known.d:
            return self.known.d
        return Bounds(1, max(1, (2 * self.size - 1) // (k - 1)))

    def kernels(self, d: int) -> Bounds:
        """The kernels that take a dilation; empty bounds if none does."""
        first = self.known.d.low if self.known.d else 1
        low = self.k.low if d == first else max(2, self.k.low)
        if not self.fitting or d == 1:
            return Bounds(low, self.k.high)
        return Bounds(low, min(self.k.high, (2 * self.size - 1) // d + 1))

    @property
    def most_dilated(self) -> int:
        """The largest dilation of any kernel."""
        return self.dilations(max(2, self.k.low)).high if self.k.high > 1 else (
            self.dilations(1).high)

    def split(self, padding: int) -> tuple[int, int]:
        """A padding before and after the axis; the odd cell goes after it."""
        return self.known.sides or (padding // 2, padding - padding // 2)

    def paddings(self, extent: int, low: int, high: int) -> range:
        """The total paddings for which d(k-1) = `extent` gives an m from `low` to `high`."""
        least = max(self.padding.low, extent - high)
        most = min(self.padding.high, extent - low)
        if self.half:
            most = min(most, extent + 1)
        least += (self.padding.low - least) % self.step
        return range(least, most + 1, self.step)


class Shrinks:
    """How many triples (k, d, p) have each m = d(k-1) - 2p, with d at least `least`.

    An m that is not less than the large side is of no use; `beyond` counts those too.
    """

    def __init__(self, space: Space, least: int = 1, beyond: bool = False) -> None:
        padding, step = space.padding, space.step
        most = PAIRS if beyond else space.size - 1
        ways = self._products(space, most + padding.high, least)
        last = len(ways) - 1
        # running sums in steps of two along even and odd extents: the sum over p is a difference
        run = list(ways)
        for start in range(step):
            run[start::step] = accumulate(ways[start::step])
        self.low = max(-padding.high, -1) if space.half else -padding.high
        high = min(most, last - padding.low)
        self.counts: list[int] = []
        for m in range(self.low, high + 1):
            bottom = m + padding.low
            bottom = bottom if bottom >= 0 else bottom % step
            top = min(last, m + padding.high)
            top -= (top - bottom) % step
            below = run[bottom - step] if bottom >= step else 0
            self.counts.append(run[top] - below if top >= bottom else 0)
        self.until = [0, *accumulate(self.counts)]

    @staticmethod
    def _products(space: Space, longest: int, least: int) -> list[int]:
        """In how many ways each number is d(k-1)."""
        work, spans = 0, []
        for k in range(space.k.low, space.k.high + 1):
            d = space.dilations(k)
            low, high = max(d.low, least), min(d.high, longest // (k - 1) if k > 1 else d.high)
            if low <= high:
                spans.append((k - 1, low, high))
                work += high - low + 1
            if work > PAIRS or high * (k - 1) > PAIRS:
                raise LimitError(
                    "there are too many kernels and dilations to go through: more than "
                    f"{PAIRS:,}", hint="bound them closer, as in k = 1..64 and d = 1..64")
        ways = [0] * (1 + max((e * high for e, _, high in spans), default=0))
        for e, low, high in spans:
            if e == 0:
                ways[0] += 1
            else:
                for product in range(e * low, e * high + 1, e):
                    ways[product] += 1
        return ways

    def number(self, low: int, high: int) -> int:
        """How many triples have an m from `low` to `high`."""
        top = min(high - self.low + 1, len(self.counts))
        bottom = min(max(low - self.low, 0), len(self.counts))
        return self.until[top] - self.until[bottom] if top > bottom else 0

    def attained(self) -> list[int]:
        """The m that some triple has."""
        return [self.low + place for place, n in enumerate(self.counts) if n]
