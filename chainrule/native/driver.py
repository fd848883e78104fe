"""The driver: many steps in one call, with no Python in between.

`steps(thread, post)` runs steps as one of the threads; how many and on what stands in the `post`,
a row of numbers (`BELL`, …). In each, every kernel is called with pointers to its tensors. A
pointer is the tensor's place in the table, moved: by rows of the data set to where the step's
examples start, by the number of the step where there is a value for each step, by the number of the
thread where each thread has its own. Between phases all threads meet at a barrier: a counter that
each raises by one and then watches, spinning for a while and then letting others run. Behind the
last step all of them have met.

`lead(post)` is what the first thread does: it rings the bell and runs the steps.
`attend(post, thread, heard)` is what each other does: whenever the bell has been rung more often
than it heard, it runs the steps too; after a while in which nothing rings, it returns how often it
heard the bell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from llvmlite import ir

from chainrule.native.emitter import I32, I64, POINTER
from chainrule.native.layout import LINE
from chainrule.native.share import EACH, ONE, ROWS, Share

BELL, TABLE, FLAG, MEETING, COUNT, STARTS = 0, 8, 9, 10, 11, 12  # where what stands in the post
_POST: Final = 16
_SPINS: Final = 4000  # looks at the counter before the processor is offered to others
_OFFERS: Final = 2000  # of the processor, until a thread that is not needed goes to sleep


def new_post() -> np.ndarray:
    """A post: how often the bell was rung, in a line of its own, and what the steps are given."""
    return np.zeros(_POST, np.int64)


@dataclass(frozen=True, slots=True)
class Pointer:
    """How many cells a tensor's pointer moves by each row of its data, step, and thread.

    `part` is how many by thread where a thread writes its part of a sum; `back` how many, for each
    example before the chunk, where there is memory for one chunk only.
    """

    kind: ir.Type
    row: int = 0
    step: int = 0
    thread: int = 0
    part: int = 0
    back: int = 0


class Code(Protocol):
    """A kernel's function and the tensors whose pointers it takes."""

    function: ir.Function
    tensors: list[str]


@dataclass(frozen=True, slots=True)
class Calls:
    """Kernels called in turn; with `chunk`, for so many examples at a time."""

    calls: list[tuple[Code, Share]]
    chunk: int = 0


def drive(module: ir.Module, calls: list[list[Calls]],
          pointers: Mapping[str, Pointer], threads: int, flows: bool = False,
          lined: Collection[int] = ()) -> ir.Function:
    """Write `lead` and `attend` for phases of kernels, each with how it is shared.

    With `flows` nobody has to wait between two steps. Indices of an extent in `lined` are shared
    so that no two threads write to one line of the cache.
    """
    steps = _Driver(module, calls, pointers, threads, flows, lined).emit()
    if threads > 1:
        _attend(module, steps)
    return _lead(module, steps, threads)


class _Driver:
    def __init__(self, module: ir.Module, calls: list[list[Calls]],
                 pointers: Mapping[str, Pointer], threads: int, flows: bool,
                 lined: Collection[int]) -> None:
        self.module, self.calls, self.pointers, self.threads = module, calls, pointers, threads
        self.flows, self.lined = flows, lined
        kind = ir.FunctionType(ir.VoidType(), [I64, POINTER])
        self.function = ir.Function(module, kind, "steps")
        self.thread, post = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.table, self.flag, self.meeting, self.starts = (
            self.b.load(_slot(self.b, post, k), typ=POINTER)
            for k in (TABLE, FLAG, MEETING, STARTS))
        self.count = self.b.load(_slot(self.b, post, COUNT), typ=I64)
        self.numbers = {name: k for k, name in enumerate(pointers)}

    def emit(self) -> ir.Function:
        b = self.b
        fixed = {name: self.fixed(name) for name in self.pointers}
        bounds = {extent: self.bounds(extent) for extent in dict.fromkeys(
            share.extent for phase in self.calls for run in phase for _, share in run.calls)}
        head, body, done = (self.function.append_basic_block(n) for n in ("head", "step", "done"))
        entry = b.block
        b.branch(head)
        b.position_at_end(head)
        step = b.phi(I64)
        step.add_incoming(ir.Constant(I64, 0), entry)
        b.cbranch(b.icmp_signed("<", step, self.count), body, done)
        b.position_at_end(body)
        start = b.load(b.gep(self.starts, [step], source_etype=I64), typ=I64)
        for phase in self.calls:
            for run in phase:
                self.run(run, fixed, bounds, step, start)
            if self.threads > 1 and not (self.flows and phase is self.calls[-1]):
                b.call(self.barrier(), [self.meeting])
        step.add_incoming(b.add(step, ir.Constant(I64, 1)), b.block)
        b.branch(head)
        b.position_at_end(done)
        if self.threads > 1 and self.flows:
            b.call(self.barrier(), [self.meeting])
        b.ret_void()
        return self.function

    def fixed(self, name: str) -> ir.Value:
        """A tensor's pointer, for this thread."""
        b, p = self.b, self.pointers[name]
        place = b.gep(self.table, [ir.Constant(I64, self.numbers[name])], source_etype=POINTER)
        pointer = b.load(place, typ=POINTER)
        if p.thread:
            cells = b.mul(self.thread, ir.Constant(I64, p.thread))
            pointer = b.gep(pointer, [cells], source_etype=p.kind)
        return pointer

    def bounds(self, extent: int) -> tuple[ir.Value, ir.Value]:
        """This thread's part of an index."""
        b, size = self.b, ir.Constant(I64, extent)
        count = ir.Constant(I64, self.threads)

        def begin(thread: ir.Value) -> ir.Value:
            at = b.sdiv(b.mul(thread, size), count)
            if extent not in self.lined:
                return at
            near = b.and_(b.add(at, ir.Constant(I64, LINE // 2)), ir.Constant(I64, -LINE))
            return b.select(b.icmp_signed("<", thread, count), near, size)

        return begin(self.thread), begin(b.add(self.thread, ir.Constant(I64, 1)))

    def run(self, run: Calls, fixed: Mapping[str, ir.Value],
            bounds: Mapping[int, tuple[ir.Value, ir.Value]], step: ir.Value,
            start: ir.Value) -> None:
        """The kernels of a run, chunk after chunk of this thread's examples."""
        if not run.chunk:
            for code, share in run.calls:
                self.call(code, share, fixed, bounds, step, start)
            return
        b = self.b
        extent = run.calls[0][1].extent
        low, high = bounds[extent]
        head, body, done = (self.function.append_basic_block(n)
                            for n in ("chunks", "chunk", "chunked"))
        before = b.block
        b.branch(head)
        b.position_at_end(head)
        at = b.phi(I64)
        at.add_incoming(low, before)
        b.cbranch(b.icmp_signed("<", at, high), body, done)
        b.position_at_end(body)
        end = b.add(at, ir.Constant(I64, run.chunk))
        end = b.select(b.icmp_signed("<", end, high), end, high)
        for code, share in run.calls:
            self.call(code, share, fixed, {**bounds, extent: (at, end)}, step, start, at)
        at.add_incoming(end, b.block)
        b.branch(head)
        b.position_at_end(done)

    def call(self, code: Code, share: Share, fixed: Mapping[str, ir.Value],
             bounds: Mapping[int, tuple[ir.Value, ir.Value]], step: ir.Value,
             start: ir.Value, first: ir.Value | None = None) -> None:
        b = self.b
        pointers = []
        before = None if first is None else b.neg(first)
        for name in code.tensors:
            p, pointer = self.pointers[name], fixed[name]
            mine = p.part if share.partial else 0
            for moved, by in ((p.row, start), (p.step, step), (mine, self.thread),
                              (p.back, before)):
                if moved and by is not None:
                    cells = b.mul(by, ir.Constant(I64, moved))
                    pointer = b.gep(pointer, [cells], source_etype=p.kind)
            pointers.append(pointer)
        if share.how in (EACH, ONE):
            low, high = ir.Constant(I64, 0), ir.Constant(I64, share.extent)
        else:
            low, high = bounds[share.extent]
        if share.how == ONE and self.threads > 1:
            with b.if_then(b.icmp_signed("==", self.thread, ir.Constant(I64, 0))):
                b.call(code.function, [*pointers, low, high, self.flag])
        else:
            b.call(code.function, [*pointers, low, high, self.flag])

    def barrier(self) -> ir.Function:
        """Wait until all threads are here."""
        found = self.module.globals.get("meet")
        if found is not None:
            return found
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [POINTER]), "meet")
        function.attributes.add("noinline")
        b = ir.IRBuilder(function.append_basic_block())
        counter = function.args[0]
        many = ir.Constant(I64, self.threads)
        ticket = b.atomic_rmw("add", counter, ir.Constant(I64, 1), "acq_rel")
        all_here = b.mul(b.add(b.udiv(ticket, many), ir.Constant(I64, 1)), many)
        entry = b.block
        spin, wait, rest, done = (function.append_basic_block(n)
                                  for n in ("spin", "wait", "rest", "done"))
        b.branch(spin)
        b.position_at_end(spin)
        looks = b.phi(I64)
        looks.add_incoming(ir.Constant(I64, 0), entry)
        now = b.load_atomic(counter, "acquire", 8, typ=I64)
        b.cbranch(b.icmp_unsigned(">=", now, all_here), done, wait)
        b.position_at_end(wait)
        more = b.add(looks, ir.Constant(I64, 1))
        looks.add_incoming(more, wait)
        b.cbranch(b.icmp_unsigned("<", looks, ir.Constant(I64, _SPINS)), spin, rest)
        b.position_at_end(rest)
        b.call(_yielding(self.module), [])
        looks.add_incoming(ir.Constant(I64, 0), rest)
        b.branch(spin)
        b.position_at_end(done)
        b.ret_void()
        return function


def _slot(b: ir.IRBuilder, post: ir.Value, k: int) -> ir.Value:
    return b.gep(post, [ir.Constant(I64, k)], source_etype=I64)


def _lead(module: ir.Module, steps: ir.Function, threads: int) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "lead")
    b, post = ir.IRBuilder(function.append_basic_block()), function.args[0]
    if threads > 1:
        b.atomic_rmw("add", _slot(b, post, BELL), ir.Constant(I64, 1), "release")
    b.call(steps, [ir.Constant(I64, 0), post])
    b.ret_void()
    return function


def _attend(module: ir.Module, steps: ir.Function) -> None:
    function = ir.Function(module, ir.FunctionType(I64, [POINTER, I64, I64]), "attend")
    post, thread, before = function.args
    entry, look, work, wait, more, offer, done = (
        ir.IRBuilder(function.append_basic_block(n))
        for n in ("entry", "look", "work", "wait", "more", "offer", "done"))
    zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
    entry.branch(look.block)
    heard, looks, offers = look.phi(I64), look.phi(I64), look.phi(I64)
    rung = look.load_atomic(_slot(look, post, BELL), "acquire", 8, typ=I64)
    look.cbranch(look.icmp_signed(">", rung, heard), work.block, wait.block)
    work.call(steps, [thread, post])
    again = work.add(heard, one)
    work.branch(look.block)
    looked = wait.add(looks, one)
    wait.cbranch(wait.icmp_signed("<", looked, ir.Constant(I64, _SPINS)), look.block, more.block)
    more.cbranch(more.icmp_signed("<", offers, ir.Constant(I64, _OFFERS)), offer.block, done.block)
    offer.call(_yielding(module), [])
    offered = offer.add(offers, one)
    offer.branch(look.block)
    for values, block in (((before, zero, zero), entry), ((again, zero, zero), work),
                          ((heard, looked, offers), wait), ((heard, looks, offered), offer)):
        for phi, value in zip((heard, looks, offers), values, strict=True):
            phi.add_incoming(value, block.block)
    done.ret(heard)


def _yielding(module: ir.Module) -> ir.Function:
    found = module.globals.get("sched_yield")
    return found or ir.Function(module, ir.FunctionType(I32, []), "sched_yield")


__all__ = ["EACH", "ONE", "ROWS", "Code", "Pointer", "drive"]
