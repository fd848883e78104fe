"""The schedule: from equations to kernels, in which order and in how large pieces.

Equations that share a loop nest are grouped, groups on the same examples called in turn for a few
examples at a time. How each nest is arranged, `arrange` finds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.diff.calculus import terms
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Range,
    Reduce,
    Ref,
    transform,
)
from chainrule.lang.integers import constant, index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.native.arrange import Arrangement, Target, arranged
from chainrule.native.blas import Product, factors, product, rest_of
from chainrule.native.fuse import Group, grouped, inlined, unseen
from chainrule.native.kernels import Kernel, Storage, references, shape_of, storage
from chainrule.native.layout import LINE, laid_out, margins, unshared
from chainrule.native.prepare import renamed
from chainrule.native.share import EACH, ROWS, SPLIT, Share, Shared, axes_of_examples, shared

Call = tuple[Kernel | Product, Share]
_LINES: Final = 3  # for each thread, at least, where a part is to be of whole lines
_SAME: Final = 512  # cells from one line of a cache to the next one that takes its place, or half


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
    `local` are tensors of which only a chunk is ever alive: for how many examples. `lined` are
    extents of indices that threads share by whole lines of the cache.
    """

    program: Program
    phases: list[list[Run]]
    stored: dict[str, Storage]
    below: dict[str, int]
    shared: Shared
    same: dict[str, str]
    local: dict[str, int]
    lined: set[int]


def plan(program: Program, target: Target, examples: Collection[tuple[str, int]] = (),
         threads: int = 1) -> Plan:
    """The kernels of a program in the forms of `prepare`, shared among threads.

    `examples` are axes of inputs (tensor and number) that threads may take parts of.
    """
    program, same = in_place(cleared(inlined(program)))
    program = with_products(program, _storages(program, {}, {}))
    fixed = {name for name, _ in examples}
    found = shared(program, examples, threads, {*same.values()}, cache=target.cache)
    rows = axes_of_examples(found.program, examples)
    given = unshared(found.columns, found.program, rows, threads, same, found.parts)
    turned, last = laid_out(found.program, target.width, fixed, rows, same, target.cache, given)
    if turned is not found.program or last:
        found = shared(turned, examples, threads, {*same.values()}, True, target.cache, last)
    for new, old in same.items():  # one memory, one order
        if old in last or new in last:
            axis = last.get(old, last.get(new, 0))
            last[old] = last[new] = axis
    stored = _storages(found.program, last, margins(found.program, {*fixed, *same}))
    below = {name: t.below.constant for name, t in found.program.tensors.items()
             if t.kind == "integer" and t.below is not None and t.below.constant is not None}
    kept = {*program.outputs, *program.inputs, *(n for pair in program.updates for n in pair)}
    maker = _Maker(found, stored, replace(target, threads=threads), threads, below)
    maker.rejoin()
    found = maker.found
    groups = [maker.groups(phase, same) for phase in found.phases]
    unseen([g for phase in groups for g in phase], found.program, kept)
    phases = [maker.runs(phase) for phase in groups]
    lined = {shape_of(found.program, name)[axis] for name, axis in given.items()
             if (name, axis) in rows}
    return Plan(found.program, phases, stored, below, found, same,
                local(phases, stored, {*kept, *found.parts, *found.private, *same}),
                {extent for extent in lined if extent >= _LINES * LINE * threads})


def local(phases: Sequence[Sequence[Run]], stored: Mapping[str, Storage],
          kept: Collection[str]) -> dict[str, int]:
    """Tensors that one run by chunks writes and reads, each example by itself; its chunk.

    They need memory for one chunk only, which stays in the cache.
    """
    users: dict[str, list[Run]] = {}
    for run in (r for phase in phases for r in phase):
        for name in {n for call, _ in run.calls for n in call.tensors()}:
            users.setdefault(name, []).append(run)
    found = {}
    for name, runs in users.items():
        if len(runs) == 1 and runs[0].chunk and name not in kept and all(
                r.subscripts and r.subscripts[0].plain == share.index and stored[name].strides[0]
                == max(stored[name].strides)
                for call, share in runs[0].calls for r in call.references()
                if r.tensor == name):
            found[name] = runs[0].chunk
    return found


class _Maker:
    """Kernels of equations, and the runs that they are called in."""

    def __init__(self, found: Shared, stored: dict[str, Storage], target: Target,
                 threads: int, below: Mapping[str, int]) -> None:
        self.found, self.stored, self.target, self.threads = found, stored, target, threads
        self.below = below
        self.count = 0
        self.rejoined: set[int] = set()

    def groups(self, phase: list[int], same: Mapping[str, str]) -> list[Group]:
        """The equations of a phase, those together that share a loop nest."""
        equations, shares = self.found.program.equations, self.found.shares
        alone = {k for k in phase if self.product(equations[k], shares[k])}
        return grouped(phase, self.found.program, shares, self.found.needs, alone, same)

    def rejoin(self) -> None:
        """Put what a product is added to into its sum, where our own loops are to do it.

        Then nothing is written in between, and what follows is done before it is written.
        """
        equations, shares = list(self.found.program.equations), self.found.shares
        needs = list(self.found.needs)
        phases = []
        for phase in self.found.phases:
            kept = list(phase)
            for k in phase:
                e = equations[k]
                rest = [j for j in kept if j < k and equations[j].target == e.target]
                if not (e.accumulate and e.plain and len(rest) == 1 and shares[rest[0]].how
                        == shares[k].how and factors(e.body)) or self.product(e, shares[k]):
                    continue
                other = equations[rest[0]]
                between = kept[kept.index(rest[0]):kept.index(k)]
                if other.accumulate or {s.plain for s in other.subscripts} != {
                        r.name for r in other.ranges} or any(
                        rest[0] in needs[j] for j in between):
                    continue
                body = Apply("add", (renamed(other, e).body, e.body))
                equations[k] = replace(e, body=body, accumulate=False)
                kept.remove(rest[0])
                needs[k] = (needs[k] | needs[rest[0]]) - {rest[0]}
                self.rejoined.add(k)
            phases.append(kept)
        self.found = replace(self.found, phases=phases, needs=needs, program=replace(
            self.found.program, equations=tuple(equations)))

    def product(self, e: Equation, share: Share) -> Product | None:
        """The matrix product that an equation is, if it is one that BLAS does better."""
        shard = share.index if share.how in (ROWS, SPLIT) else None
        found = product(e, self.stored, shard)
        if found is None:
            return None
        work = Arrangement([e], self.stored, self.target, shard, ())
        return None if work.streams() else found

    def kernels(self, equations: Sequence[Equation], share: Share,
                unseen: Collection[str] = ()) -> list[Call]:
        """The code of some equations; zeros before a sum that is made piece by piece."""
        shard = share.index if share.how in (ROWS, SPLIT) else None
        made = self.product(equations[0], share) or arranged(
            equations, self.stored, self.target, shard, unseen, self.below)
        made.name = f"k{self.count}"
        self.count += 1
        e = equations[0]
        if isinstance(made, Kernel) and made.outer and not e.accumulate:
            alone = Share(EACH, partial=True) if share.partial else share
            return [*self.kernels([replace(e, body=ZERO)], alone), (made, share)]
        return [(made, share)]

    def runs(self, groups: list[Group]) -> list[Run]:
        """The groups of a phase in order; neighbours on the same examples by chunks."""
        runs: list[Run] = []
        waiting: list[Group] = []
        for group in groups:
            share, e = group.share, group.equations[0]
            together = share.how == ROWS and product(e, self.stored, share.index) is None and (
                not share.partial or _adds(e)) and group.numbers[0] not in self.rejoined
            if together and (not waiting or waiting[0].share.extent == share.extent):
                waiting.append(group)
                continue
            needed = set().union(*(self.found.needs[k] for k in group.numbers))
            if together or needed & {k for g in waiting for k in g.numbers}:
                runs += self.chunked(waiting)
                waiting = [group] if together else []
            if not together:
                runs.append(Run(self.kernels(group.equations, share, group.unseen)))
        return runs + self.chunked(waiting)

    def chunked(self, groups: list[Group]) -> list[Run]:
        """A run over some examples at a time, if that keeps what it hands on in the cache."""
        chunk = self.chunk(groups) if len(groups) > 1 else 0
        before: list[Call] = []
        calls: list[Call] = []
        for group in groups:
            equations, share = group.equations, group.share
            if chunk and share.partial:  # each chunk adds its part
                e = equations[0]
                clear = zeros(self.found.program, e.target)
                if e.target in self.found.parts:
                    clear = replace(clear, ranges=(Range(clear.ranges[0].name, constant(1)),
                                                   *clear.ranges[1:]))
                before += self.kernels([clear], Share(EACH, partial=True))
                equations = [replace(e, accumulate=True)]
            calls += self.kernels(equations, share, group.unseen)
        return [*([Run(before)] if before else []), *([Run(calls, chunk)] if calls else [])]

    def chunk(self, groups: list[Group]) -> int:
        """How many examples fit; 0 where there is nothing to be gained."""
        rows: dict[str, int] = {}
        other: dict[str, int] = {}
        extent = groups[0].share.extent
        for group in groups:
            for e in group.equations:
                for ref in [Ref(e.target, e.subscripts), *references(e)]:
                    cells = self.stored[ref.tensor].cells
                    if ref.tensor in group.unseen:
                        continue
                    if any(s.plain == group.share.index for s in ref.subscripts):
                        rows[ref.tensor] = cells // max(1, extent)
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
    program = owned(program)
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
        equations.append(copy_of(program, old, new))
    return replace(program, equations=tuple(equations)), same


def owned(program: Program) -> Program:
    """With a new state of its own for each state, where one is an input or another's as well."""
    tensors, equations, updates = dict(program.tensors), list(program.equations), []
    seen = set(program.inputs)
    for old, new in program.updates:
        if new in seen:
            name = fresh(f"{new}_next", tensors)
            tensors[name] = Tensor(name, tensors[new].shape, kind=tensors[new].kind)
            equations.append(copy_of(program, name, new))
            new = name
        seen.add(new)
        updates.append((old, new))
    return replace(program, tensors=tensors, equations=tuple(equations), updates=tuple(updates))


def with_products(program: Program, stored: Mapping[str, Storage]) -> Program:
    """Where matrix products stand beside other terms, these first, then the products added."""
    equations: list[Equation] = []
    for e in program.equations:
        rest: Expr | None = e.body
        parts = [] if e.accumulate or not isinstance(e.body, Apply) else [
            t for c, t in terms(e.body) if c == ONE and isinstance(t, Reduce)]
        added = []
        for part in parts:
            one = replace(e, body=part, accumulate=True)
            left = None if rest is None else rest_of(rest, part)
            if product(one, stored) is not None and (left is not None or rest is part):
                added.append(one)
                rest = left
        if not added:
            equations.append(e)
        elif rest is None:
            equations += [replace(added[0], accumulate=False), *added[1:]]
        else:
            equations += [replace(e, body=rest), *added]
    return replace(program, equations=tuple(equations))


def _storages(program: Program, last: Mapping[str, int],
              around: Mapping[str, list[tuple[int, int]]]) -> dict[str, Storage]:
    """Where the cells of all tensors are; `last` says which axis is innermost.

    Rows of a multiple of `_SAME` cells get a line's worth more: else the columns of a matrix would
    lie in the same few places of a cache, and drive each other out.
    """
    found = {}
    kept = {*program.inputs, *program.outputs, *(n for pair in program.updates for n in pair)}
    for name in program.tensors:
        shape = shape_of(program, name)
        axis = last.get(name, len(shape) - 1)
        order = [*(k for k in range(len(shape)) if k != axis), *([axis] if shape else [])]
        room = around.get(name)
        if room is None and name not in kept and len(shape) > 1 and shape[axis] % _SAME == 0:
            room = [(0, LINE if k == axis else 0) for k in range(len(shape))]
        found[name] = storage(shape, order, _kind(program, name), room)
    return found


def _kind(program: Program, name: str) -> str:
    tensor = program.tensors[name]
    if tensor.kind != "integer":
        return "real"
    if name in program.inputs or tensor.below is None or (tensor.below.constant or 0) >= 2**31:
        return "i64"
    return "i32"


def zeros(program: Program, name: str) -> Equation:
    """The equation that clears a tensor."""
    return replace(copy_of(program, name, name), body=ZERO)


def copy_of(program: Program, name: str, other: str) -> Equation:
    """The equation that copies another tensor into one of the same shape."""
    shape = program.tensors[other].shape
    letters = [f"z{k}" for k in range(len(shape))]
    here = tuple(map(index, letters))
    loops = tuple(Range(n, size) for n, size in zip(letters, shape, strict=True))
    return Equation(name, here, loops, Ref(other, here))
