"""Sums, maxima and winners in the code of a kernel: running values in registers.

A sum over many terms keeps one running sum for each point of the tile, and one in each lane where
it runs along a vector; the lanes are added up at its end. A winner keeps the best term and where it
stood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from llvmlite import ir

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.integers import Index
from chainrule.lang.program import Equation
from chainrule.native.emitter import I1, I32, I64, lanes
from chainrule.native.kernels import extent_of, references
from chainrule.native.reads import Masks, Place, Reads, Site, Values

_UNROLLED: Final = 16  # terms of a small sum times points that are written one after another
_STREAMS: Final = 4  # running sums side by side in a sum along a vector


class Reductions(Reads):
    """Reductions at the points of a kernel; `values` is what their bodies are computed by."""

    def values(self, e: Expr, sites: list[Site], under: Masks) -> Values:
        """An expression's value at each point; meaningful where its mask is on."""
        raise NotImplementedError

    def reduce(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        """A sum, a maximum or minimum, or the position of a winner, at each point."""
        key = ("reduce", e.op, e.indices, e.condition, e.body, tuple(
            tuple((n, id(p.base), p.offset, p.wide) for n, p in s.items()) for s in sites))
        found = self.known(key)
        if found is None:
            extents = self.extents
            self.extents = {**extents, **{r.name: extent_of(r) for r in e.indices}}
            if e.op == "sum":
                found = {"": self.sum(e, sites, under)}
            else:
                found = self.winner(e, sites, under)
            self.extents = extents
            if all(m is None or m is self.tail for m in under):
                self.scopes[-1][key] = found
        return found[e.which if isinstance(e, ArgReduce) else ""]  # type: ignore[no-any-return]

    def sum(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        ranges = self.ordered(e, sites)
        together = self.lanes
        along = self.along(e, ranges, sites) if together == 1 or self.kernel.folds else None
        if along is None:
            streams = self.streams(ranges, sites)
            sums = _Sums(self, len(sites), self.lanes, streams)
            self.terms(ranges, sites, lambda at, k: sums.add(self.term(e, at, under), k), streams)
            return sums.results()
        tail, live, ready = self.tail, self.live, self.ready
        if together > 1:
            self.ready = {key: [self.e.lane(v, k) for k in range(live) for v in values]
                          for key, values in ready.items()}
            sites, under = self.apart(sites, under)
            self.lanes, self.tail = 1, None
        few = len(sites) < _STREAMS and extent_of(along) >= _STREAMS * self.width
        streams = _STREAMS if few else 1
        sums = _Sums(self, len(sites), self.width, streams)
        others = [r for r in ranges if r.name != along.name]
        self.terms(others, sites, lambda at, _: self.vector_terms(e, along, at, under, sums))
        self.lanes, self.tail, self.ready = together, tail, ready
        return sums.folded(live, together) if together > 1 else sums.apart()

    def apart(self, sites: list[Site], under: Masks) -> tuple[list[Site], Masks]:
        """The points in the lanes of some points, each by itself; those of one lane together."""
        name = self.kernel.vector
        assert name is not None
        points = [{**s, name: Place(s[name].base, s[name].offset + k)}
                  for k in range(self.live) for s in sites]
        masks = [None if m is None or m is self.tail else self.e.lane(m, k)
                 for k in range(self.live) for m in under]
        return points, masks

    def term(self, e: Reduce | ArgReduce, sites: list[Site], under: Masks) -> Values:
        """The terms of a sum at some points: 0 where its condition fails."""
        if e.condition is None:
            return [self.e.as_real(v) for v in self.values(e.body, sites, under)]
        truths = self.values(e.condition, sites, under)
        on = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
        values = [self.e.as_real(v) for v in self.values(e.body, sites, on)]
        return [self.e.select(t, v, self.e.zero(v)) for t, v in zip(truths, values, strict=True)]

    def vector_terms(self, e: Reduce | ArgReduce, along: Range, sites: list[Site], under: Masks,
                     sums: _Sums) -> None:
        """One run along a vector: several vectors at once, single ones, the lanes left over."""
        extent, width = extent_of(along), self.width
        if along.name == self.kernel.shard:
            self.part_of_vectors(e, along, sites, under, sums)
            return
        at = 0
        for streams in dict.fromkeys((len(sums.slots[0]), 1)):
            step = width * streams
            whole = at + (extent - at) // step * step

            def vectors(i: ir.Value, streams: int = streams, sums: _Sums = sums) -> None:
                self.lanes = width
                self.scopes.append({})
                for k in range(streams):
                    there = [{**s, along.name: self.place(i, k * width, True)} for s in sites]
                    sums.add(self.term(e, there, under), k)
                self.scopes.pop()
                self.lanes = 1

            self.e.loop(at, whole, step, vectors)
            at = whole
        if at == extent - 1:  # one lane: LLVM 22 may take another one of what is spread from it
            self.scopes.append({})
            values = self.term(e, [{**s, along.name: Place(None, at)} for s in sites], under)
            zero = ir.Constant(ir.VectorType(self.real, width), None)
            sums.add([self.e.builder.insert_element(zero, v, ir.Constant(I32, 0))
                      for v in values])
            self.scopes.pop()
        elif at < extent:
            self.lanes = width
            self.tail = ir.Constant(ir.VectorType(I1, width),
                                    [k < extent - at for k in range(width)])
            self.scopes.append({})
            there = [{**s, along.name: Place(None, at, True)} for s in sites]
            masks = [self.e.both(m, self.tail) for m in under]
            values = self.term(e, there, masks)
            sums.add([self.e.select(self.tail, v, self.e.zero(self.e.spread(v, width)))
                      for v in values])
            self.scopes.pop()
            self.lanes, self.tail = 1, None

    def part_of_vectors(self, e: Reduce | ArgReduce, along: Range, sites: list[Site],
                        under: Masks, sums: _Sums) -> None:
        """A thread's part of a run along a vector: whole vectors, then the lanes left over."""
        b, width = self.e.builder, self.width
        left = b.srem(b.sub(self.high, self.low), self.e.integer(width))
        whole = b.sub(self.high, left)

        def vector(i: ir.Value, tail: ir.Value | None = None) -> None:
            self.lanes, self.tail = width, tail
            self.scopes.append({})
            there = [{**s, along.name: self.place(i, 0, True)} for s in sites]
            values = self.term(e, there, [self.e.both(m, tail) for m in under])
            sums.add(values if tail is None else [
                self.e.select(tail, v, self.e.zero(self.e.spread(v, width))) for v in values])
            self.scopes.pop()
            self.lanes, self.tail = 1, None

        self.e.loop(self.low, whole, width, vector)
        on = b.icmp_signed("<", self.e.counting(width), self.e.spread(left, width))
        self.e.if_(b.icmp_signed(">", left, self.e.integer(0)), lambda: vector(whole, on))

    def along(self, e: Reduce | ArgReduce, ranges: Sequence[Range],
              sites: list[Site]) -> Range | None:
        """The index of a sum whose neighbours may be added at once, if there is one."""
        if self.width == 1:
            return None
        refs = references(Equation("", (), (), e.body, condition=e.condition))
        best: tuple[float, Range] | None = None
        for r in ranges:
            extent = extent_of(r)
            if extent < 4:
                continue
            cost = 0.0
            for ref in refs:
                found = self.form(ref.tensor, ref.subscripts)
                if found is None or self.beyond(ref, self.stored[ref.tensor]):
                    moves = any(r.name in s.indices() for s in ref.subscripts)
                    cost += 2 * self.width if moves else 1
                else:
                    cost += {0: 0.5, 1: 1.0}.get(found.slope(r.name), 2.0 * self.width)
            cost = (cost + 1) * math.ceil(extent / self.width) / extent
            if best is None or cost < best[0]:
                best = (cost, r)
        plain = 1.0 + len(refs)
        return best[1] if best is not None and best[0] < plain else None

    def ordered(self, e: Reduce | ArgReduce, sites: list[Site]) -> list[Range]:
        """The indices of a sum, those that move far in memory first."""
        refs = references(Equation("", (), (), e.body))

        def reach(r: Range) -> int:
            forms = (self.form(ref.tensor, ref.subscripts) for ref in refs)
            return -sum(abs(f.slope(r.name)) for f in forms if f is not None)

        return sorted(e.indices, key=reach)

    def streams(self, ranges: Sequence[Range], sites: list[Site]) -> int:
        """How many running sums a point has: several where there are too few points to wait on."""
        if not ranges or ranges[-1].name == self.kernel.shard or self.short(ranges, sites):
            return 1
        return _STREAMS if len(sites) * 2 <= _STREAMS <= extent_of(ranges[-1]) else 1

    def short(self, ranges: Sequence[Range], sites: list[Site]) -> bool:
        """Whether all terms of a sum at some points are written one after another."""
        return math.prod(map(extent_of, ranges)) * len(sites) <= _UNROLLED and not any(
            r.name == self.kernel.shard for r in ranges)

    def terms(self, ranges: Sequence[Range], sites: list[Site],
              body: Callable[[list[Site], int], None], streams: int = 1) -> None:
        """`body(points, stream)` for all values of some indices: written out where few."""
        unrolled = self.short(ranges, sites)

        def nested(rest: Sequence[Range], at: list[Site], stream: int = 0) -> None:
            if not rest:
                body(at, stream)
                return
            name, extent = rest[0].name, extent_of(rest[0])
            if unrolled:
                for k in range(extent):
                    nested(rest[1:], [{**s, name: Place(None, k)} for s in at])
                return

            def inside(i: ir.Value, many: int = 1) -> None:
                self.scopes.append({})
                for k in range(many):
                    nested(rest[1:], [{**s, name: self.place(i, k)} for s in at], k)
                self.scopes.pop()

            if name == self.kernel.shard:
                self.e.loop(self.low, self.high, 1, inside)
                return
            many = streams if len(rest) == 1 else 1
            whole = extent - extent % many
            self.e.loop(0, whole, many, lambda i: inside(i, many))
            self.e.loop(whole, extent, 1, inside)

        nested(ranges, sites)

    def integral(self, e: Expr) -> bool:
        """Whether an expression's values are integers."""
        if isinstance(e, Ref):
            return self.stored[e.tensor].kind != "real"
        if isinstance(e, IndexValue | ArgReduce):
            return True
        if isinstance(e, Select):
            return self.integral(e.then) and self.integral(e.otherwise)
        if isinstance(e, Reduce):
            return e.op != "sum" and self.integral(e.body)
        if isinstance(e, Apply) and e.function in ("add", "sub", "mul", "neg"):
            parts = [a for a in e.args
                     if not (isinstance(a, Number) and isinstance(a.value, int))]
            return bool(parts) and all(map(self.integral, parts))
        return False

    def winner(self, e: Reduce | ArgReduce, sites: list[Site],
               under: Masks) -> dict[str, Values]:
        """The best term at each point and where it stood: the first one, the last index fastest."""
        bests = [_Best(self, e) for _ in sites]

        def candidates(at: list[Site], _: int) -> None:
            masks, truths = under, None
            if e.condition is not None:
                truths = self.values(e.condition, at, under)
                masks = [self.e.both(m, t) for m, t in zip(under, truths, strict=True)]
            values = self.values(e.body, at, masks)
            for k, best in enumerate(bests):
                best.offer(values[k], None if truths is None else truths[k], at[k])

        self.terms(e.indices, sites, candidates)
        results: dict[str, Values] = {"": [], **{r.name: [] for r in e.indices}}
        for best, mask in zip(bests, under, strict=True):
            best.finish(mask)
            results[""].append(best.value())
            for r in e.indices:
                results[r.name].append(best.position(r.name))
        return results


class _Sums:
    """Running sums, one a point and stream, in local variables that become registers."""

    def __init__(self, code: Reductions, points: int, count: int, streams: int) -> None:
        self.code = code
        self.kind = ir.VectorType(code.real, count) if count > 1 else code.real
        zero = ir.Constant(self.kind, [0.0] * count if count > 1 else 0.0)
        self.slots = [[code.e.slot(self.kind) for _ in range(streams)] for _ in range(points)]
        for slot in (s for row in self.slots for s in row):
            code.e.builder.store(zero, slot)

    def add(self, values: Values, stream: int = 0) -> None:
        """A term at each point."""
        e = self.code.e
        for row, value in zip(self.slots, values, strict=True):
            total = e.builder.load(row[stream], typ=self.kind)
            e.builder.store(e.add(total, e.spread(value, lanes(total))), row[stream])

    def results(self) -> Values:
        """The sum at each point, lane by lane."""
        e = self.code.e
        found = []
        for row in self.slots:
            total = e.builder.load(row[0], typ=self.kind)
            for slot in row[1:]:
                total = e.add(total, e.builder.load(slot, typ=self.kind))
            found.append(total)
        return found

    def apart(self) -> Values:
        """The sum of all lanes at each point."""
        totals = self.results()
        width = lanes(totals[0])
        found = []
        for at in range(0, len(totals), width):
            some = totals[at : at + width]
            value = self.fold(some)  # even one number is a vector here
            found += [self.code.e.builder.extract_element(value, ir.Constant(I32, k))
                      for k in range(len(some))]
        return found

    def folded(self, live: int, count: int) -> Values:
        """The sums of all lanes at the points of `Reductions.apart`, in lanes again."""
        totals = self.results()
        each = len(totals) // live
        found = [self.fold(totals[k::each]) for k in range(each)]
        return [self.code.e.widened(v, count) for v in found]

    def fold(self, totals: Values) -> ir.Value:
        """The sums of some vectors' lanes, side by side, for at most as many as one has lanes.

        Two vectors become one: in every other lane the first with its neighbour added, in the
        others the second; then so with neighbours two lanes apart, and so on. Lane k ends with the
        sum of vector k. So n vectors need n - 1 steps instead of the n·log(lanes) that they need
        alone, and of a step's two operands one keeps its lanes, which costs no shuffle.
        """
        e, apart = self.code.e, 1
        while len(totals) > 1:
            totals = [self.paired(totals[k], totals[min(k + 1, len(totals) - 1)], apart)
                      for k in range(0, len(totals), 2)]
            apart *= 2
        total = totals[0]
        while lanes(total) > apart:
            half = lanes(total) // 2
            total = e.add(*(e.chosen(total, total, list(range(at, at + half)))
                            for at in (0, half)))
        return total

    def paired(self, a: ir.Value, b: ir.Value, apart: int) -> ir.Value:
        """Each lane with the one so far from it: of the first vector, and of the second beside."""
        e, width = self.code.e, lanes(a)
        stay = [k + width if k & apart else k for k in range(width)]
        cross = [(k ^ apart) + (width if k & apart else 0) for k in range(width)]
        return e.add(e.chosen(a, b, stay), e.chosen(a, b, cross))


class _Best:
    """The best term so far at one point, with its place."""

    def __init__(self, code: Reductions, e: Reduce | ArgReduce) -> None:
        self.code, self.op = code, e.op
        self.names = [r.name for r in e.indices]
        self.guarded = e.condition is not None
        self.empty = any(extent_of(r) == 0 for r in e.indices)
        self.whole = code.integral(e.body)
        worst: float = -math.inf if e.op == "max" else math.inf
        if self.whole:
            worst = -(2**63) if e.op == "max" else 2**63 - 1
        self.best = self._slot(I64 if self.whole else code.real, worst)
        self.found = self._slot(I1, 0)
        self.places = {name: self._slot(I32, 0) for name in self.names}

    def _slot(self, kind: ir.Type, start: float) -> tuple[ir.Value, ir.Type]:
        count = self.code.lanes
        wide = ir.VectorType(kind, count) if count > 1 else kind
        slot = self.code.e.slot(wide)
        self.code.e.builder.store(ir.Constant(wide, [start] * count if count > 1 else start), slot)
        return slot, wide

    def _now(self, slot: tuple[ir.Value, ir.Type]) -> ir.Value:
        return self.code.e.builder.load(slot[0], typ=slot[1])

    def offer(self, value: ir.Value, truth: ir.Value | None, at: Site) -> None:
        """A term, where `truth` holds."""
        e, count = self.code.e, self.code.lanes
        value = e.spread(value if self.whole else e.as_real(value), count)
        best = self._now(self.best)
        better = e.beats(self.op, value, best)
        if truth is not None:
            found = self._now(self.found)
            truth = e.spread(truth, count)
            better = e.builder.and_(truth, e.builder.or_(better, e.builder.not_(found)))
            e.builder.store(e.builder.or_(found, truth), self.found[0])
        e.builder.store(e.builder.select(better, value, best), self.best[0])
        for name in self.names:
            place = e.narrow(e.spread(self.code.atom(Index(name), at, None), count))
            old = self._now(self.places[name])
            e.builder.store(e.builder.select(better, place, old), self.places[name][0])

    def finish(self, mask: ir.Value | None) -> None:
        """Set the flag where there was no term."""
        if self.guarded or self.empty:
            self.code.complain(self._now(self.found), mask)

    def value(self) -> ir.Value:
        return self._now(self.best)

    def position(self, name: str) -> ir.Value:
        return self.code.whole(self._now(self.places[name]))
