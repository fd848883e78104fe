"""The schedule: from equations to kernels, and how each kernel's loops are arranged.

For every equation: which index runs along the vector, which tile of points is computed together,
in which order the loops stand. All three are read off the addresses. An index that moves a
reference to the next cell loads a vector in one instruction, one that does not move it costs a
broadcast, and any other costs a load a lane. In a sum, references that do not move with a tile's
index are loaded once for the whole tile: a tile of f by g points needs f + g loads for f·g
multiplications.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from chainrule.diff.calculus import terms
from chainrule.lang.expr import ONE, ZERO, Apply, ArgReduce, Range, Reduce, Ref, transform, walk
from chainrule.lang.integers import constant, index
from chainrule.lang.program import Equation, Program
from chainrule.native.blas import Product, product, rest_of
from chainrule.native.kernels import Form, Kernel, Storage, form, references, storage
from chainrule.native.layout import laid_out, margins
from chainrule.native.share import EACH, ROWS, SPLIT, Share, Shared, axes_of_examples, shared

_TILE: Final = 16  # most values of one index in a tile


@dataclass(frozen=True, slots=True)
class Target:
    """What the schedule knows of the machine: numbers in a vector, vector registers, cache.

    `cache` is how many numbers a core's own cache holds.
    """

    width: int
    registers: int
    cache: int = 1 << 18


Call = tuple[Kernel | Product, Share]


@dataclass(slots=True)
class Run:
    """Kernels called one after the other; with `chunk`, for so many examples at a time.

    What a chunk's kernels hand on is then still in the cache when the next one reads it.
    """

    calls: list[Call]
    chunk: int = 0


@dataclass(slots=True)
class Plan:
    """A program as kernels in phases, each with how it is shared, and where each tensor lies.

    `same` says which tensors have the memory of which others: new states that of the old ones.
    """

    program: Program
    phases: list[list[Run]]
    stored: dict[str, Storage]
    below: dict[str, int]
    shared: Shared
    same: dict[str, str]


def plan(program: Program, target: Target, examples: Collection[tuple[str, int]] = (),
         threads: int = 1) -> Plan:
    """The kernels of a program in the forms of `prepare`, shared among threads.

    `examples` are axes of inputs (tensor and number) that threads may take parts of.
    """
    program, same = in_place(cleared(program))
    program = with_products(program, _storages(program, {}, {}))
    fixed = {name for name, _ in examples}
    found = shared(program, examples, threads, {*same.values()})
    rows = axes_of_examples(found.program, examples)
    turned, last = laid_out(found.program, target.width, fixed, rows)
    if turned is not found.program:
        found = shared(turned, examples, threads, {*same.values()}, again=True)
    for new, old in same.items():  # one memory, one order
        if old in last or new in last:
            axis = last.get(old, last.get(new, 0))
            last[old] = last[new] = axis
    stored = _storages(found.program, last, margins(found.program, {*fixed, *same}))
    below = {name: t.below.constant for name, t in found.program.tensors.items()
             if t.kind == "integer" and t.below is not None and t.below.constant is not None}
    maker = _Maker(found, stored, target, threads)
    phases = [maker.runs(phase) for phase in found.phases]
    return Plan(found.program, phases, stored, below, found, same)


class _Maker:
    """Kernels of equations, and the runs that they are called in."""

    def __init__(self, found: Shared, stored: dict[str, Storage], target: Target,
                 threads: int) -> None:
        self.found, self.stored, self.target, self.threads = found, stored, target, threads
        self.count = 0

    def kernel(self, e: Equation, share: Share) -> Call:
        """The code of an equation."""
        shard = share.index if share.how in (ROWS, SPLIT) else None
        made = product(e, self.stored, shard) or _arranged(e, self.stored, self.target, shard)
        made.name = f"k{self.count}"
        self.count += 1
        return made, share

    def runs(self, phase: list[int]) -> list[Run]:
        """The equations of a phase in order; neighbours on the same examples by chunks."""
        equations, shares = self.found.program.equations, self.found.shares
        runs: list[Run] = []
        waiting: list[int] = []
        for k in phase:
            share = shares[k]
            shard = share.index if share.how == ROWS else None
            if waiting and shares[waiting[0]].extent != share.extent:
                runs += self.chunked(waiting)
                waiting = []
            if shard is not None and product(equations[k], self.stored, shard) is None and (
                    not share.partial or _adds(equations[k])):
                waiting.append(k)
                continue
            runs += self.chunked(waiting)
            waiting = []
            runs.append(Run([self.kernel(equations[k], share)]))
        return runs + self.chunked(waiting)

    def chunked(self, numbers: list[int]) -> list[Run]:
        """A run over some examples at a time, if that keeps what it hands on in the cache."""
        equations, shares = self.found.program.equations, self.found.shares
        chunk = self.chunk(numbers) if len(numbers) > 1 else 0
        before: list[Call] = []
        calls: list[Call] = []
        for k in numbers:
            e, share = equations[k], shares[k]
            if chunk and share.partial:  # each chunk adds its part
                clear = zeros(self.found.program, e.target)
                if e.target in self.found.parts:
                    clear = replace(clear, ranges=(Range(clear.ranges[0].name, constant(1)),
                                                   *clear.ranges[1:]))
                before.append(self.kernel(clear, Share(EACH, partial=True)))
                e = replace(e, accumulate=True)
            calls.append(self.kernel(e, share))
        return [*([Run(before)] if before else []), *([Run(calls, chunk)] if calls else [])]

    def chunk(self, numbers: list[int]) -> int:
        """How many examples fit; 0 where there is nothing to be gained."""
        rows: dict[str, int] = {}
        other: dict[str, int] = {}
        extent = self.found.shares[numbers[0]].extent
        for k in numbers:
            e, share = self.found.program.equations[k], self.found.shares[k]
            for ref in [Ref(e.target, e.subscripts), *references(e)]:
                cells = self.stored[ref.tensor].cells
                if any(s.plain == share.index for s in ref.subscripts):
                    rows[ref.tensor] = cells // extent
                else:
                    other[ref.tensor] = cells
        room = (self.target.cache - sum(other.values())) // 2
        each = sum(rows.values())
        share_of_one = -(-extent // self.threads)
        if not each or room < each or each * share_of_one <= self.target.cache // 2:
            return 0
        return max(1, min(room // each, share_of_one))


def _adds(e: Equation) -> bool:
    """Whether an equation is a sum, so that parts of it can be added up."""
    return isinstance(e.body, Reduce) and e.body.op == "sum"


def cleared(program: Program) -> Program:
    """With an equation that clears each tensor before its first `+=`."""
    equations: list[Equation] = []
    begun: set[str] = set()
    for e in program.equations:
        if e.accumulate and e.target not in begun:
            equations.append(zeros(program, e.target))
        begun.add(e.target)
        equations.append(e)
    return replace(program, equations=tuple(equations))


def in_place(program: Program) -> tuple[Program, dict[str, str]]:
    """New states in the place of the old ones, where nothing reads those later; else copied.

    The equation of such a new state reads the old one under the new one's name.
    """
    equations = list(program.equations)
    same: dict[str, str] = {}
    for old, new in program.updates:
        places = [k for k, e in enumerate(equations) if e.target == new]
        e = equations[places[0]] if len(places) == 1 else None
        later = any(r.tensor == old for k, x in enumerate(equations)
                    for r in references(x) if not places or k > places[0])
        if e is not None and e.plain and not later and e.condition is None and all(
                r.subscripts == e.subscripts and r.outside is None
                for r in references(e) if r.tensor == old) and new not in same:
            equations[places[0]] = replace(e, body=transform(
                e.body, lambda n, old=old, new=new: (  # type: ignore[misc]
                    Ref(new, n.subscripts) if isinstance(n, Ref) and n.tensor == old else None)))
            same[new] = old
            continue
        shape = program.tensors[old].shape
        letters = [f"z{k}" for k in range(len(shape))]
        here = tuple(map(index, letters))
        loops = tuple(Range(n, size) for n, size in zip(letters, shape, strict=True))
        equations.append(Equation(old, here, loops, Ref(new, here)))
    return replace(program, equations=tuple(equations)), same


def with_products(program: Program, stored: Mapping[str, Storage]) -> Program:
    """Where a matrix product stands beside other terms, these first, then the product added."""
    equations: list[Equation] = []
    for e in program.equations:
        parts = [] if e.accumulate or not isinstance(e.body, Apply) else [
            t for c, t in terms(e.body) if c == ONE and isinstance(t, Reduce)]
        for part in parts:
            added = replace(e, body=part, accumulate=True)
            others = rest_of(e.body, part)
            if others is not None and product(added, stored) is not None:
                equations += [replace(e, body=others), added]
                break
        else:
            equations.append(e)
    return replace(program, equations=tuple(equations))


def _storages(program: Program, last: Mapping[str, int],
              around: Mapping[str, list[tuple[int, int]]]) -> dict[str, Storage]:
    """Where the cells of all tensors are; `last` says which axis is innermost."""
    found = {}
    for name in program.tensors:
        shape = _shape(program, name)
        axis = last.get(name, len(shape) - 1)
        order = [*(k for k in range(len(shape)) if k != axis), *([axis] if shape else [])]
        found[name] = storage(shape, order, _kind(program, name), around.get(name))
    return found


def _shape(program: Program, name: str) -> tuple[int, ...]:
    return tuple(axis.constant or 0 for axis in program.tensors[name].shape)


def _kind(program: Program, name: str) -> str:
    tensor = program.tensors[name]
    if tensor.kind != "integer":
        return "real"
    if name in program.inputs or tensor.below is None or (tensor.below.constant or 0) >= 2**31:
        return "i64"
    return "i32"


def zeros(program: Program, name: str) -> Equation:
    """The equation that clears a tensor."""
    shape = program.tensors[name].shape
    letters = [f"z{k}" for k in range(len(shape))]
    return Equation(name, tuple(map(index, letters)),
                    tuple(Range(n, size) for n, size in zip(letters, shape, strict=True)), ZERO)


def _arranged(e: Equation, stored: dict[str, Storage], target: Target,
              shard: str | None) -> Kernel:
    """The kernel of one equation."""
    work = _Arrangement(e, stored, target, shard)
    return Kernel([e], work.loops(), shard, work.vector, work.tile)


class _Arrangement:
    """The choice of vector, tile and order for one equation."""

    def __init__(self, e: Equation, stored: dict[str, Storage], target: Target,
                 shard: str | None) -> None:
        self.e, self.stored, self.target, self.shard = e, stored, target, shard
        self.extents = {r.name: _extent(r) for r in e.ranges}
        self.refs = references(e)
        self.forms = [form(r.subscripts, stored[r.tensor]) for r in self.refs]
        self.to = form(e.subscripts, stored[e.target])
        self.reductions = [n for n in walk(e.body) if isinstance(n, Reduce | ArgReduce)]
        self.vector = self._vector()
        self.tile = self._tile()

    def loops(self) -> list[tuple[str, int]]:
        """The indices, those that move far in the target first, the vector last."""
        def reach(name: str) -> tuple[bool, int]:
            return name == self.vector, -abs(self.to.slope(name)) if self.to else 0

        return sorted(self.extents.items(), key=lambda loop: reach(loop[0]))

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
                cost += {0: 0.5, 1: 1.0}.get(f.slope(name), 2.0 * width)
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

    def _along(self) -> float:
        """The cost where a sum runs along the vector instead."""
        width = self.target.width
        best = math.inf
        for reduction in self.reductions:
            for r in reduction.indices:
                extent = _extent(r)
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
        terms = sum(math.prod(map(_extent, r.indices)) for r in sums)
        if not sums or terms < 4 or (self.e.accumulate and not self.e.plain):
            return {}
        inside = [f for f in self.forms if f is not None and any(
            f.slope(r.name) for s in sums for r in s.indices)]
        most = self.target.registers - 4
        names = [n for n, extent in self.extents.items()
                 if n not in (self.vector, self.shard) and extent > 1]  # of a shard few are given
        if self.vector is not None:
            vectors = max(1, self.extents[self.vector] // self.target.width)
            pairs = [((self.vector, v), (n, f)) for v in range(1, min(4, vectors) + 1)
                     for n in names or [""] for f in self._counts(n)]
        else:
            pairs = [((a, f), (b, g)) for a in names for b in names if a < b
                     for f in (1, 2, 4) for g in (1, 2, 4)]
        best, chosen = 0.0, dict[str, int]()
        for (a, f), (b, g) in pairs:
            points = f * g
            if points > most:
                continue
            loads = sum(_loads(x, a, f) * _loads(x, b, g) for x in inside)
            score = points / (max(points, loads) + 0.5 * loads + 4)
            if score > best * 1.02:
                best, chosen = score, {n: k for n, k in ((a, f), (b, g)) if k > 1}
        return chosen

    def _counts(self, name: str) -> list[int]:
        """Tile sizes for an index: those that divide its extent, or leave little over."""
        extent = self.extents.get(name, 1)
        return [k for k in range(1, min(_TILE, extent) + 1)
                if extent % k == 0 or (extent % k >= k // 2 and extent > 2 * k)]


def _loads(f: Form, name: str, count: int) -> int:
    return count if f.slope(name) else 1


def _extent(r: Range) -> int:
    assert r.size is not None and r.size.constant is not None
    return r.size.constant
