"""Who computes what: a step's kernels shared among threads, with as few meetings as will do.

The threads share memory, so nothing is ever sent. What has to be arranged is who writes which rows,
and where everybody must wait. The index of the examples runs through a network from its data to its
loss; each thread takes a part of it. Four things can happen to an equation:

- it keeps the examples apart (`z[n,u] = …`): each thread computes its own rows;
- it sums over them (`W̄[u,v] = Σ_n …`): each thread sums its own rows into a tensor with an axis t
  for the threads, and an equation `Σ_t` follows. That equation, like an optimiser's step, has no
  examples: its first index is what is shared out. So is that of W̄ itself where W̄ is larger than
  what it is made from: then everybody reads all examples and writes some rows of W̄;
- it belongs to a product with a matrix that each thread should keep a part of for itself: then each
  computes some columns for all examples (`columns`);
- it is small and the same for everybody: each thread computes it for itself.

A kernel has to wait for a meeting of all threads (a barrier) only if it reads what another thread
may have written since the last one, or writes what another may still read. Kernels that need not
wait go first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from chainrule.lang.expr import Expr, Range, Reduce, Ref, free_indices, transform, walk
from chainrule.lang.integers import Integer, constant, index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.native.columns import READ, Axis, by_columns, cells
from chainrule.native.kernels import extent_of, references

_SMALL: Final = 64  # cells that each thread may as well compute for itself

ROWS, SPLIT, EACH, ONE = "rows", "split", "each", "one"


@dataclass(slots=True)
class Share:
    """How an equation is shared: `how`, and by which index.

    `rows` and `split` give each thread a part of the index; with `partial` that index is one of a
    sum, and the target has an axis for the threads. `each` thread does all of it in memory of its
    own; `one` thread does it for all.
    """

    how: str
    index: str = ""
    extent: int = 1
    partial: bool = False


@dataclass(slots=True)
class Shared:
    """A program whose equations are shared out; `phases` has their numbers, barriers between.

    With `flows` a thread that has ended its part of a step may begin the next one at once.
    """

    program: Program
    shares: list[Share]
    phases: list[list[int]]
    private: set[str] = field(default_factory=set)  # each thread has its own
    parts: set[str] = field(default_factory=set)  # one block a thread, read by all
    needs: list[set[int]] = field(default_factory=list)  # what each equation comes after
    columns: dict[str, int] = field(default_factory=dict)  # tensors shared by an axis of their own
    flows: bool = False


def shared(program: Program, examples: Collection[Axis], threads: int,
           kept: Collection[str] = (), again: bool = False, cache: int = 1 << 18,
           last: Mapping[str, int] | None = None) -> Shared:
    """The program shared among threads; `examples` are axes along which it may be split.

    `kept` names tensors that are read from outside: they have one place for all threads. `again`
    says that its sums are in parts already; `cache` is how many numbers a core's own cache holds,
    `last` which axis of a tensor lies innermost, where that is not the last one.
    """
    rows = axes_of_examples(program, examples)
    if threads > 1 and not again:
        program = in_parts(program, rows, threads, by_columns(program, rows, threads, cache))
        rows = axes_of_examples(program, examples)
    columns = by_columns(program, rows, threads, cache)
    work = _Sharing(program, rows, threads, kept, columns, last or {})
    shares = [work.share(e) for e in program.equations]
    phases = work.phases(shares)
    flows = not any(work.conflict(k, j, shares)
                    for last in phases[-1:] for j in last for k in phases[0])
    return Shared(program, shares, phases, work.private, work.parts,
                  [work.needs(k) for k in range(len(shares))], columns, flows)


def axes_of_examples(program: Program, start: Collection[Axis]) -> set[Axis]:
    """All axes that the examples run along: those that an equation joins to one by an index."""
    found = set(start)
    growing = True
    while growing:
        growing = False
        for e in program.equations:
            names = example_indices(e, found)
            given = [r for r in references(e) if program.tensors[r.tensor].role == "seed"]
            for r in (Ref(e.target, e.subscripts), *given):
                for axis, s in enumerate(r.subscripts):
                    if s.plain in names and (r.tensor, axis) not in found:
                        found.add((r.tensor, axis))
                        growing = True
    return found


def example_indices(e: Equation, rows: Collection[Axis]) -> set[str]:
    """The indices of an equation (those of its sums too) that run along the examples."""
    return {s.plain for ref in [*references(e), Ref(e.target, e.subscripts)]
            for axis, s in enumerate(ref.subscripts)
            if (ref.tensor, axis) in rows and s.plain is not None}


def column_indices(e: Equation, columns: Mapping[str, int]) -> set[str]:
    """The indices of an equation's sums that run along what threads share by columns."""
    return {s.plain for r in references(e) if r.tensor in columns and (
        s := r.subscripts[columns[r.tensor]]).plain is not None} - {r.name for r in e.ranges}


def in_parts(program: Program, rows: Collection[Axis], threads: int,
             columns: Mapping[str, int] | None = None) -> Program:
    """Reductions over what threads share in two steps: each thread's own part, then the threads.

    That are the examples, and the axes of `columns`; not where each thread has some of the sums.
    """
    columns = columns or {}
    tensors = dict(program.tensors)
    equations: list[Equation] = []
    for e in program.equations:
        names = example_indices(e, rows)
        if any(s.plain in names for s in e.subscripts) or e.accumulate:
            names = column_indices(e, columns) if e.plain else set()
        if e.target in columns or not _fewer(e, program):
            names = set()
        sizes = {r.name: r.size for r in e.ranges}

        def part(node: Expr, e: Equation = e, names: set[str] = names,
                 sizes: Mapping[str, Integer | None] = sizes) -> Expr | None:
            if not isinstance(node, Reduce) or not names & {r.name for r in node.indices}:
                return None
            if node.op != "sum" and node.condition is not None:
                return None  # one thread's rows may have no term
            outer = [n for n in sizes if n in free_indices(node)]
            t = fresh("t", {**sizes, **{r.name: 0 for r in node.indices}})
            name = fresh(f"{e.target}_part", tensors)
            shape = (constant(threads), *(s for n in outer if (s := sizes[n]) is not None))
            tensors[name] = Tensor(name, shape)
            here = (index(t), *map(index, outer))
            loops = (Range(t, constant(1)), *(Range(n, sizes[n]) for n in outer))
            equations.append(Equation(name, here, loops, node, origin=e.origin))
            return Reduce(node.op, (Range(t, constant(threads)),), None, Ref(name, here))

        body = transform(e.body, part)
        equations.append(e if body is e.body else replace(e, body=body))
    return replace(program, tensors=tensors, equations=tuple(equations))


def _fewer(e: Equation, program: Program) -> bool:
    """Whether adding up each thread's part moves less than reading everybody's examples.

    A part is written and read, as large as the target. The other way, each thread has some rows of
    the target and reads the others' operands.
    """
    operands = sum(cells(program, r.tensor) * (
        1 if program.tensors[r.tensor].role == "computed" else READ) for r in references(e))
    return 2 * cells(program, e.target) <= operands or not any(
        extent_of(r) > 1 for r in e.ranges)


class _Sharing:
    def __init__(self, program: Program, rows: set[Axis], threads: int,
                 kept: Collection[str], columns: Mapping[str, int],
                 last: Mapping[str, int]) -> None:
        self.last, self.columns = last, columns
        self.program, self.rows, self.threads = program, rows, threads
        self.kept = {*kept, *program.outputs, *program.inputs,
                     *(new for _, new in program.updates)}
        self.private: set[str] = set()
        self.parts: set[str] = set()
        self.olds = {new: old for old, new in program.updates}
        self.reads = [references(e) for e in program.equations]
        self.writes = Counter(e.target for e in program.equations)
        self.accesses = [self.touched(k) for k in range(len(self.reads))]

    def touched(self, k: int) -> list[tuple[str, Ref, bool]]:
        """What an equation touches: the tensor's name, the cells, whether they are written."""
        e = self.program.equations[k]
        found = [(e.target, Ref(e.target, e.subscripts), True)]
        if e.target in self.olds:
            old = self.olds[e.target]
            found.append((old, Ref(old, e.subscripts), True))
        return found + [(r.tensor, r, False) for r in self.reads[k]]

    def share(self, e: Equation) -> Share:
        """How one equation is shared."""
        if e.target in self.columns:
            name = e.subscripts[self.columns[e.target]].plain
            return next(Share(SPLIT, r.name, extent_of(r)) for r in e.ranges if r.name == name)
        if self.threads > 1 and _partial(e, self.threads, self.program):
            names = column_indices(e, self.columns)
            for node in walk(e.body):
                for r in node.indices if isinstance(node, Reduce) else ():
                    if r.name in names:
                        self.parts.add(e.target)
                        return Share(SPLIT, r.name, extent_of(r), partial=True)
        names = example_indices(e, self.rows)
        for r in e.ranges:
            if r.name in names and any(s.plain == r.name for s in e.subscripts):
                return Share(ROWS, r.name, extent_of(r))
        for node in walk(e.body):
            if isinstance(node, Reduce):
                for r in node.indices:
                    if r.name in names and _partial(e, self.threads, self.program):
                        if self.threads > 1:
                            self.parts.add(e.target)
                        return Share(ROWS, r.name, extent_of(r), partial=True)
        if self.threads == 1:
            return Share(ONE)
        cells = math.prod(extent_of(r) for r in e.ranges)
        alone = (self.program.tensors[e.target].role == "computed" and e.target not in self.kept
                 and cells <= _SMALL and e.plain and self.writes[e.target] == 1)
        if alone and not any(isinstance(n, Reduce) for n in walk(e.body)):
            self.private.add(e.target)
            return Share(EACH)
        inner = self.last.get(e.target)  # is for the vector
        axes = sorted(range(len(e.subscripts)), key=lambda axis: axis == inner)
        loops = {r.name: r for r in e.ranges if extent_of(r) >= self.threads}
        first = next((loops[name] for axis in axes
                      if (name := e.subscripts[axis].plain) in loops), None)
        if first is not None and cells > _SMALL:
            return Share(SPLIT, first.name, extent_of(first))
        return Share(ONE)

    # --- order

    def phases(self, shares: list[Share]) -> list[list[int]]:
        """The equations in an order that respects what they need, and where threads meet."""
        equations = self.program.equations
        before = [self.needs(k) for k in range(len(equations))]
        done: set[int] = set()
        phases: list[list[int]] = [[]]
        while len(done) < len(equations):
            ready = [k for k in range(len(equations)) if k not in done and before[k] <= done]
            free = next((k for k in ready
                         if not any(self.conflict(k, j, shares) for j in phases[-1])), None)
            if free is None:
                phases.append([])
                continue
            phases[-1].append(free)
            done.add(free)
        return self.sunk(phases, before, shares)

    def sunk(self, phases: list[list[int]], before: list[set[int]],
             shares: list[Share]) -> list[list[int]]:
        """With some equations just before they are first needed.

        Those that read next to nothing that is computed beside them, such as zeros to add to; and
        those that are shared out like the one that needs them, such as a gradient and the
        optimiser's step, which become one.
        """
        for k in [k for phase in phases for k in phase][::-1]:
            here = next(p for p in phases if k in p)
            first = next((j for phase in phases for j in phase if k in before[j]), None)
            if first is None:
                continue
            there = next(p for p in phases if first in p)
            alike = (shares[k].how == shares[first].how == SPLIT
                     and shares[k].extent == shares[first].extent)
            loose = here is not there and all(
                len(r.subscripts) < 2 for r in self.reads[k]
                if any(self.program.equations[j].target == r.tensor for j in here))
            if not (alike or loose) or any(
                    j != k and self.conflict(j, k, shares) for j in there):
                continue
            here.remove(k)
            there.insert(there.index(first), k)
        return [p for p in phases if p]

    def needs(self, k: int) -> set[int]:
        """The earlier equations that one must come after: writes before reads, reads before
        the writes of state."""
        equations = self.program.equations
        here = equations[k]
        reads = {r.tensor for r in self.reads[k]}
        old = self.olds.get(here.target, here.target)
        return {j for j in range(k)
                if equations[j].target in reads or equations[j].target == here.target
                or any(r.tensor == old for r in self.reads[j])}

    def conflict(self, k: int, j: int, shares: list[Share]) -> bool:
        """Whether equation k, after j in one phase, might meet another thread's part of j."""
        for name, one, wrote in self.accesses[j]:
            for other, two, writes in self.accesses[k]:
                if name == other and (wrote or writes) and name not in self.private and not (
                        self.same_part(one, shares[j], two, shares[k])):
                    return True
        return False

    def same_part(self, one: Ref, first: Share, two: Ref, second: Share) -> bool:
        """Whether each thread touches the same cells by both references."""
        if first.how == ONE and second.how == ONE:
            return True
        if first.partial or second.partial:
            if one.tensor in self.parts:
                return first.partial and second.partial and one.tensor == two.tensor
            if first.how not in (ROWS, SPLIT) or second.how not in (ROWS, SPLIT):
                return False
        if not first.index or not second.index or first.extent != second.extent:
            return False
        axes_one = {axis for axis, s in enumerate(one.subscripts) if s.plain == first.index}
        axes_two = {axis for axis, s in enumerate(two.subscripts) if s.plain == second.index}
        return bool(axes_one & axes_two)


def _partial(e: Equation, threads: int, program: Program) -> bool:
    """Whether an equation is one thread's part of a sum, as `in_parts` writes them.

    A thread that is alone has all of it.
    """
    if threads == 1:
        return (e.plain and not e.accumulate and isinstance(e.body, Reduce)
                and e.body.op == "sum" and _fewer(e, program))
    shape = program.tensors[e.target].shape
    return bool(e.ranges) and bool(shape) and shape[0] == threads and (
        e.ranges[0].size == 1 and e.subscripts[0].plain == e.ranges[0].name) and sum(
        x.target == e.target for x in program.equations) == 1
