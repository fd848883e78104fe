"""How the loops of a kernel are arranged: the vector, the tile, the order.

For every equation: which index runs along the vector, which tile of points is computed together,
in which order the loops stand. All three are read off the addresses. An index that moves a
reference to the next cell loads a vector in one instruction, one that does not move it costs a
broadcast, and any other costs a load a lane. In a sum, references that do not move with a tile's
index are loaded once for the whole tile: a tile of f by g points needs f + g loads for f·g
multiplications.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.expr import ArgReduce, Range, Reduce, Ref, walk
from chainrule.lang.program import Equation
from chainrule.native.blas import scaled
from chainrule.native.kernels import FAR, Form, Kernel, Storage, extent_of, form, references, span

_TILE: Final = 16  # most values of one index in a tile
_SHORT: Final = 4  # values of an index whose loop is written out
_TERMS: Final = 64  # of a sum's piece, at least
_FEW: Final = 16  # where they lie anywhere, and so have to be near
_AHEAD: Final = 256  # cells: the processor itself looks ahead no further than a page
_ORDERED: Final = 4  # loops of which all orders are tried
_BUSY: Final = 8  # running sums that keep the multipliers busy


@dataclass(frozen=True, slots=True)
class Target:
    """What the schedule knows of the machine: numbers in a vector, vector registers, cache.

    `cache` is how many numbers a core's own cache holds, `near` how many the nearest to it,
    `threads` how many share a kernel.
    """

    width: int
    registers: int
    cache: int = 1 << 18
    threads: int = 1
    near: int = 1 << 13


def arranged(equations: Sequence[Equation], stored: dict[str, Storage], target: Target,
             shard: str | None, unseen: Collection[str] = (),
             below: Mapping[str, int] | None = None) -> Kernel:
    """The kernel of some equations; `below` bounds the values of integer tensors."""
    work = Arrangement(equations, stored, target, shard, unseen, below)
    outer = work.outer() if len(equations) == 1 else []
    if outer:
        e = equations[0]
        assert isinstance(e.body, Reduce)
        taken = {r.name for r in outer}
        inner = tuple(r for r in e.body.indices if r.name not in taken)
        equations = [replace(e, body=replace(e.body, indices=inner), accumulate=True)]
    equations = [replace(e, body=scaled(e.body)) for e in equations]
    tile = dict(work.tile)
    lanes = tile.pop(work.folds) if work.folds else work.lanes()
    return Kernel(equations, work.loops(), shard, work.vector or work.folds, lanes,
                  work.folds is not None, tile, unseen=frozenset(unseen),
                  outer=[(r.name, extent_of(r)) for r in outer],
                  ahead=0 if work.reductions or work.touched(()) <= target.cache else _AHEAD)


class Arrangement:
    """The choice of vector, tile and order for the equations of one loop nest."""

    def __init__(self, equations: Sequence[Equation], stored: dict[str, Storage], target: Target,
                 shard: str | None, unseen: Collection[str],
                 below: Mapping[str, int] | None = None) -> None:
        self.below = below or {}
        self.e, self.stored, self.target, self.shard = equations[0], stored, target, shard
        self.extents = {r.name: extent_of(r) for r in self.e.ranges}
        if shard in self.extents:  # a thread's part
            self.extents[shard] = max(1, self.extents[shard] // target.threads)
        written = {e.target for e in equations}
        self.refs = list(dict.fromkeys(
            r for e in equations for r in references(e) if r.tensor not in written))
        self.refs += [Ref(e.target, e.subscripts) for e in equations[1:]
                      if e.target not in unseen]
        self.forms = [form(r.subscripts, stored[r.tensor], True) for r in self.refs]
        self.jumps = any(f is not None and f.computed for f in self.forms)
        self.to = form(self.e.subscripts, stored[self.e.target], True)
        self.reductions = [n for e in equations for n in walk(e.body)
                           if isinstance(n, Reduce | ArgReduce)]
        self.terms = max([math.prod(map(extent_of, r.indices))
                          for r in self.reductions if r.op == "sum"], default=1)
        self.vector = self._vector()
        self.folds = self._folds() if self.vector is None else None
        self.tile = self._tile()
        if self.folds not in self.tile:
            self.folds = None

    def lanes(self) -> int:
        """The length of the vectors: shorter than the machine's where one holds all values."""
        if self.vector is None:
            return 0
        extent = next(extent_of(r) for r in self.e.ranges if r.name == self.vector)
        fit = 1 << (extent - 1).bit_length()
        return fit if 2 <= fit < self.target.width else 0

    def outer(self) -> list[Range]:
        """The loops of a sum to go outside, so that what each of their values reads is cached.

        A tile of points goes through all terms; so do the next ones, from memory again if the
        operands are larger than the cache.
        """
        e, sum_of = self.e, self.e.body
        if not (isinstance(sum_of, Reduce) and sum_of.op == "sum" and sum_of.condition is None
                and self.tile and e.plain and e.condition is None):
            return []
        order = sorted(sum_of.indices, key=lambda r: -sum(
            abs(f.slopes.get(r.name, 0)) for f in self.forms if f is not None))
        whole, part, least = self.target.cache // 2, self.target.cache // 32, _TERMS
        if self.jumps:
            whole, part, least = self.target.near // 2, self.target.near // 2, _FEW
        if self.touched(()) <= whole:
            return []
        chosen: list[Range] = []
        for r in order[:-1]:
            left = math.prod(extent_of(x) for x in order if x not in chosen and x is not r)
            if left < least or self.touched([x.name for x in chosen]) <= part:
                break
            chosen.append(r)
        return chosen

    def touched(self, fixed: Collection[str]) -> int:
        """How many cells are read where some indices have one value."""
        extents = {n: 1 if n in fixed else extent for n, extent in self.all_extents().items()}
        return sum(self._cells(r, extents) for r in self.refs)

    def _cells(self, r: Ref, extents: Mapping[str, int]) -> int:
        """How many cells a reference reads for some extents of the indices."""
        cells = 1
        for s, size in zip(r.subscripts, self.stored[r.tensor].shape, strict=True):
            ends = span(s, extents, self.below)
            cells *= size if ends is None else min(size, ends[1] - ends[0] + 1)
        return cells

    def all_extents(self) -> dict[str, int]:
        """The extents of all indices, those of sums too."""
        inner = {r.name: extent_of(r) for n in self.reductions for r in n.indices}
        return self.extents | inner

    def streams(self) -> bool:
        """Whether a product's factors lie as its own loops want them, in a core's cache.

        Then these need no copies of them, as BLAS makes for larger ones, and what is done to the
        product is done before it is written. Both have to be there, or the smaller one if the sum
        runs along both: then the other passes by once, row after row.
        """
        cells = [self.stored[r.tensor].cells for r in self.refs]
        near = 2 * min(cells, default=0) if self.folds else sum(cells)
        if (near > self.target.cache
                or math.prod(self.tile.values()) < self.target.registers // 4):
            return False
        vector = self.vector
        if vector is not None:
            return all(f is not None and f.slope(vector) in (0, 1)
                       for f in (*self.forms, self.to))
        return any(extent_of(r) >= 4 * self.target.width
                   and all(f is not None and f.slope(r.name) in (0, 1) for f in self.forms)
                   for n in self.reductions for r in n.indices)

    def loops(self) -> list[tuple[str, int]]:
        """The indices, those that move far in the target first, the vector last.

        Around sums along the vector they stand in another order where that loads less into the
        nearest cache. (Not around others: these read a few cells of many rows, and how many cells
        that are says little of how long it takes.)
        """
        def reach(name: str) -> tuple[bool, int]:
            return name == self.vector, -abs(self.to.slope(name)) if self.to else 0

        order = sorted((r.name for r in self.e.ranges), key=reach)
        long = [n for n in order if self.extents[n] > 1]
        if self.folds and 1 < len(long) <= _ORDERED:
            best = min(map(list, itertools.permutations(long)), key=self._loaded)
            if self._loaded(best) < 0.8 * self._loaded(long):
                order = [n for n in order if n not in long] + best
        extents = {r.name: extent_of(r) for r in self.e.ranges}
        return [(n, extents[n]) for n in order]

    def _loaded(self, order: Sequence[str]) -> float:
        """How many cells go into the nearest cache if the loops stand in an order.

        Of the inner loops, as many as leave everything that they touch in the cache load it once;
        what does not move with a loop around them stays there too.
        """
        steps = {n: min(self.extents[n], self.tile.get(n, 1) * (
            self.target.width if n == self.vector else 1)) for n in order}
        for depth in range(len(order) + 1):
            extents = self.all_extents() | {n: steps[n] for n in order[:depth]}
            cells = [self._cells(r, extents) for r in self.refs]
            if sum(cells) <= self.target.near:
                break
        else:
            return math.inf
        total = 0.0
        for f, count in zip(self.forms, cells, strict=True):
            moving = [k for k, n in enumerate(order[:depth]) if f is None or f.slope(n)]
            total += count * math.prod(
                self.extents[n] / steps[n] for n in order[: max(moving, default=-1) + 1])
        return total

    def _cost(self, name: str) -> float:
        """Loads and stores for a vector's worth of points along an index."""
        width = self.target.width
        cost = 0.0
        for ref, f in zip([*self.refs, None], [*self.forms, self.to], strict=True):
            subscripts = self.e.subscripts if ref is None else ref.subscripts
            if f is None:
                moves = any(name in s.indices() for s in subscripts)
                cost += 3 * width if moves else 0.5
            else:
                once = {0: 0.5, 1: 1.0}.get(f.slope(name), 2.0 * width)
                cost += once / self.terms if ref is None and self.jumps else once
        return cost

    def _vector(self) -> str | None:
        width = self.target.width
        if width == 1:
            return None
        best: tuple[float, str] | None = None
        for name, extent in self.extents.items():
            if extent < 2 or not self._injective(name):
                continue
            cost = (self._cost(name) + 1) * math.ceil(extent / width) * width / extent
            if best is None or cost < best[0]:
                best = cost, name
        if best is None:
            return None
        alone = (0.5 * len(self.refs) + 2) * width
        if any(r.op == "sum" for r in self.reductions):
            alone = min(alone, self._along() + 2)
        return best[1] if best[0] <= alone else None

    def _folds(self) -> str | None:
        """The index for whose neighbours sums along the vector may become one vector."""
        if self.target.width == 1 or self.to is None or not any(
                r.op == "sum" for r in self.reductions):
            return None
        return next((n for n, extent in self.extents.items()
                     if self.to.slope(n) == 1 and extent > 2 and self._injective(n)), None)

    def _along(self) -> float:
        """The cost where a sum runs along the vector instead."""
        width = self.target.width
        best = math.inf
        for reduction in self.reductions:
            for r in reduction.indices:
                extent = extent_of(r)
                if extent:
                    cost = self._cost(r.name) * math.ceil(extent / width) * width / extent
                    best = min(best, cost)
        return best

    def _injective(self, name: str) -> bool:
        """Whether different values of an index write different cells."""
        return any(s.plain == name for s in self.e.subscripts) or (
            not self.e.accumulate and self.to is not None and self.to.slope(name) != 0)

    def _tile(self) -> dict[str, int]:
        """How many values of which indices are computed together."""
        sums = [r for r in self.reductions if r.op == "sum"]
        terms = sum(math.prod(map(extent_of, r.indices)) for r in sums)
        if self.e.accumulate and not self.e.plain:
            return self._beside()
        if not sums or terms < 4:
            return self._small()
        inside = [f for f in self.forms if f is not None and any(
            f.slope(r.name) for s in sums for r in s.indices)]
        names = [n for n, extent in self.extents.items()
                 if n not in (self.vector, self.shard) and extent > 1]
        plain = all(s.plain for r in self.refs for s in r.subscripts if s.indices())
        if self.shard in self.extents and self.vector != self.shard and (plain or not names):
            names.append(self.shard)  # of a window's examples few may be given at a time
        best, chosen = self._score({}, inside), dict[str, int]()
        start: list[dict[str, int]] = [{}]
        if self.vector is None:
            start += [{n: count} for n in names for count in self._counts(n)]
        else:
            vectors = max(1, self.extents[self.vector] // self.target.width)
            start = [{self.vector: v} for v in range(1, min(4, vectors) + 1)]
        for _ in range(2):
            found = chosen
            for tile in start:
                for n in (n for n in names if n not in tile):
                    for count in self._counts(n):
                        more = {**tile, n: count}
                        score = self._score(more, inside)
                        if score > best * 1.02:
                            best, found = score, more
            if found is chosen:
                break
            chosen, start = found, [found]
        return {n: k for n, k in chosen.items() if k > 1}

    def _score(self, tile: Mapping[str, int], inside: Sequence[Form]) -> float:
        """Multiplications for each load, or so, where points are computed by tiles."""
        points = math.prod(tile.values())
        registers = self.target.registers
        # the compiler loads what lies side by side at once, into as many registers
        beside = any(k > 1 and n != self.vector and any(f.slope(n) == 1 for f in inside)
                     for n, k in tile.items())
        if points > (registers * 3 // 4 if beside else registers - 4):
            return 0.0
        pieces = []
        whole = 1
        for n, k in tile.items():
            extent = self.extents[n]
            if n == self.vector:
                extent = max(1, extent // self.target.width)
            whole *= extent
            singly = n in (self.vector, self.shard)
            pieces.append([(n, *piece) for piece in _pieces(extent, k, singly)])
        cost = 0.0
        for corner in itertools.product(*pieces):
            times = math.prod(c[2] for c in corner)
            here = math.prod(c[1] for c in corner)
            loads = sum(math.prod(k for n, k, _ in corner if f.slope(n)) for f in inside)
            cost += times * (max(here, loads) + 0.5 * loads + max(0, _BUSY - here) + 4)
            if self.folds:  # once in a sum: the steps of `reductions.fold`, and waiting for them
                each = tile.get(self.folds, 1)
                cost += times * (here * (2 + 8 / each) + 30) * self.target.width / self.terms
        return whole / cost

    def _beside(self) -> dict[str, int]:
        """Short loops around a place that is computed, which they share."""
        if self.to is None or not self.to.computed or self.vector is None:
            return {}
        vectors = max(1, self.extents[self.vector] // self.target.width)
        chosen: dict[str, int] = {}
        for n, extent in (self.extents | {self.vector: vectors}).items():
            if n != self.shard and extent > 1 and self.to.slope(n) < FAR and (
                    math.prod(chosen.values()) * extent <= self.target.registers * 3 // 4):
                chosen[n] = extent
        return chosen

    def _small(self) -> dict[str, int]:
        """Short loops that some read does not move with: that read serves all their values."""
        chosen: dict[str, int] = {}
        for n, extent in self.extents.items():
            if n in (self.vector, self.shard) or not 1 < extent <= _SHORT:
                continue
            if any(f is not None and f.slopes and not f.slope(n) for f in self.forms) and (
                    math.prod(chosen.values()) * extent <= _SHORT * 2):
                chosen[n] = extent
        return chosen

    def _counts(self, name: str) -> list[int]:
        """Tile sizes for an index: those that divide its extent, or leave little over."""
        extent = self.extents.get(name, 1)
        if name == self.folds:
            return [k for k in (2, 4, 8, 16) if k <= self.target.width and k < 2 * extent]
        return [k for k in range(1, min(_TILE, extent) + 1)
                if extent % k == 0 or (extent % k >= k // 2 and extent > 2 * k)]


def _pieces(extent: int, size: int, singly: bool = False) -> list[tuple[int, int]]:
    """A loop by tiles: each size with how often; `singly`, what is left over goes one by one."""
    left = extent % size
    rest = [(1, left)] if singly else [(left, 1)]
    return [(size, extent // size), *(rest if left else [])]
