"""Compiled programs: memory for their tensors, threads that run their steps.

`Machinery` is what a program becomes: the plan, the linked code, the arrays, and the table of
pointers that the code reads. `Compiled` calls it once, arrays in and arrays out.
"""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import astuple, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.errors import DomainError
from chainrule.evaluate.memory import zeros
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import bind
from chainrule.lang.program import Program
from chainrule.native import blas
from chainrule.native.arrange import Target
from chainrule.native.concrete import concrete
from chainrule.native.crew import Crew
from chainrule.native.driver import (
    BELL,
    COUNT,
    FLAG,
    MEETING,
    STARTS,
    TABLE,
    Calls,
    Code,
    Pointer,
    drive,
    new_post,
)
from chainrule.native.elementary import Elementary, bind_libm
from chainrule.native.emitter import I32, I64, REAL
from chainrule.native.kernels import Kernel
from chainrule.native.lower import KernelCode
from chainrule.native.machine import Library, c_symbols, cached, compiled, host, version
from chainrule.native.prepare import prepared
from chainrule.native.schedule import Plan, plan
from chainrule.native.share import Share


@dataclass(frozen=True, slots=True)
class Slot:
    """A tensor's place in memory and in the table of pointers.

    `cells` are to be allocated: none where the memory is another's (`old`) or comes from outside.
    `seen` says whether it can be looked at as an array of its shape.
    """

    kind: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    first: int
    cells: int
    old: str = ""
    seen: bool = True


class Machinery:
    """A program's code and memory.

    `rows` are inputs read from whole data sets, examples first; `steps` scalars with a value for
    each step, inputs and outputs.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int], dtype: str,
                 rows: Collection[str] = (), steps: Collection[str] = (),
                 threads: int = 1) -> None:
        self.dtype, self.threads = dtype, threads
        self.request = program, dict(sizes), dtype, tuple(rows), tuple(steps), threads, target(
            dtype)
        data = cached((version(), repr(self.request)), self._made)
        head, _, code = data.partition(b"\n")
        self.slots = {name: Slot(*map(_frozen, fields))
                      for name, fields in json.loads(head).items()}
        bind_libm()
        names = ["lead", "attend"] if threads > 1 else ["lead"]
        self.library = Library(code, names, {**c_symbols(), **blas.symbols()})
        self.lead = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.library.address("lead"))
        self.crew: Crew | None = None
        self.arrays = self._memory()
        self.table = np.zeros(len(self.slots), np.uintp)
        self.places = {name: k for k, name in enumerate(self.slots)}
        for name, (flat, _) in self.arrays.items():
            self.table[self.places[name]] = flat.ctypes.data
        self.flag = np.zeros(8, np.int64)
        self.meeting = np.zeros(8, np.int64)
        self.post = new_post()
        self.post[[TABLE, FLAG, MEETING]] = [
            a.ctypes.data for a in (self.table, self.flag, self.meeting)]

    @cached_property
    def plan(self) -> Plan:
        """How the program is computed."""
        program, sizes, _, rows, _, threads, machine = self.request
        return plan(prepared(concrete(program, sizes)), machine,
                    [(name, 0) for name in rows or batches(program)], threads)

    def _made(self) -> bytes:
        """The slots and the object code."""
        _, _, dtype, rows, steps, threads, machine = self.request
        pointers = _pointers(self.plan, dtype, rows, steps)
        code = compiled(str(module_of(self.plan, pointers, dtype, machine.width, threads)), host())
        slots = {name: list(astuple(slot))
                 for name, slot in _slots(self.plan, {*rows, *steps}, threads).items()}
        return json.dumps(slots).encode() + b"\n" + code

    def _memory(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """An array for each tensor: its memory, and the tensor as it is seen from outside."""
        kinds = {"real": np.dtype(self.dtype), "i64": np.dtype(np.int64),
                 "i32": np.dtype(np.int32)}
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name, slot in self.slots.items():
            if slot.cells:
                flat = zeros((max(1, slot.cells),), kinds[slot.kind])
                found[name] = flat, _seen(flat, slot) if slot.seen else flat
        for name, slot in self.slots.items():
            if slot.old:
                found[name] = found[slot.old]
        return found

    def point(self, name: str, array: np.ndarray) -> None:
        """Let a tensor be read from, or written to, an array."""
        self.table[self.places[name]] = array.ctypes.data

    def run(self, starts: np.ndarray) -> bool:
        """Run a step for each start, by all threads; whether nothing was read outside."""
        if not len(starts):
            return True
        self.flag[0] = 0
        self.asked(starts)
        if self.threads > 1:
            self._called().call(int(self.post[BELL]) + 1)
        self.lead(self.post.ctypes.data)
        return not self.flag[0]

    def asked(self, starts: np.ndarray) -> None:
        """Put down what the next run is to do; the array has to stay until it is done."""
        self.post[[COUNT, STARTS]] = len(starts), starts.ctypes.data

    def _called(self) -> Crew:
        """The other threads; they keep what they need, and no more than that."""
        if self.crew is None or not self.crew.here:
            kinds = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
            function = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(self.library.address("attend"))
            self.post[BELL] = self.meeting[0] = 0
            self.crew = Crew(self.threads - 1, partial(
                _attend, function, self.post, self.library, self.meeting))
        return self.crew


def _attend(function: Callable[..., int], post: np.ndarray, library: object, meeting: object,
            thread: int, heard: int) -> int:
    """What a thread of the crew does; `library` has its code."""
    return function(post.ctypes.data, thread, heard)


def batches(program: Program) -> list[str]:
    """Data whose first axes are of one size: the examples, as far as can be told."""
    data = [t for name in program.inputs if (t := program.tensors[name]).role == "data"
            and t.shape]
    return [t.name for t in data if t.shape[0] == data[0].shape[0]]


def target(dtype: str) -> Target:
    """This machine, for numbers of a kind."""
    machine = host()
    width = machine.vector_bytes // (4 if dtype == "float32" else 8)
    each = machine.vector_bytes // width
    return Target(width, machine.registers, machine.cache_bytes // each,
                  near=machine.near_bytes // each)


def _slots(made: Plan, outside: Collection[str], threads: int) -> dict[str, Slot]:
    found = {}
    for name, s in made.stored.items():
        chunk = made.local.get(name)
        cells = max(1, s.cells if chunk is None else s.strides[0] * chunk)
        if name in made.shared.private or chunk is not None:
            cells *= threads
        old = made.same.get(name, "")
        found[name] = Slot(s.kind, s.shape, s.strides, s.first,
                           0 if old or name in outside else cells, old, chunk is None)
    return found


def _frozen(field: Any) -> Any:
    return tuple(field) if isinstance(field, list) else field


def module_of(made: Plan, pointers: Mapping[str, Pointer], dtype: str, width: int,
              threads: int) -> ir.Module:
    """The LLVM module of a plan: a function a kernel, and the driver."""
    module = ir.Module("chainrule")
    elementary = Elementary(module)
    phases: list[list[Calls]] = []
    for phase in made.phases:
        phases.append([])
        for run_of in phase:
            calls: list[tuple[Code, Share]] = []
            for kernel, share in run_of.calls:
                code: Code
                if isinstance(kernel, Kernel):
                    code = KernelCode(module, elementary, kernel, made.stored, made.below, dtype,
                                      width)
                else:
                    code = blas.ProductCode(module, kernel, made.stored, dtype)
                code.emit()
                calls.append((code, share))
            phases[-1].append(Calls(calls, run_of.chunk))
    drive(module, phases, pointers, threads, made.shared.flows, made.lined)
    return module


def _pointers(made: Plan, dtype: str, rows: Collection[str],
              steps: Collection[str]) -> dict[str, Pointer]:
    kinds = {"real": REAL[dtype], "i64": I64, "i32": I32}
    found = {}
    for name, s in made.stored.items():
        chunk = s.strides[0] * made.local[name] if name in made.local else 0
        found[name] = Pointer(
            kinds[s.kind],
            row=math.prod(s.shape[1:]) if name in rows else 0,
            step=1 if name in steps else 0,
            thread=s.cells if name in made.shared.private else chunk,
            back=s.strides[0] if chunk else 0,
            part=s.strides[0] if name in made.shared.parts else 0)
    return found


def _seen(flat: np.ndarray, s: Slot) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(
        flat[s.first:], s.shape, [x * flat.itemsize for x in s.strides])


class Compiled:
    """A program's machine code for inputs of certain shapes."""

    def __init__(self, program: Program, sizes: Mapping[str, int], dtype: str = "float64",
                 threads: int = 1) -> None:
        self.source, self.dtype = program, dtype
        self.machinery = Machinery(program, sizes, dtype, threads=threads)
        self._once = np.zeros(1, np.int64)

    def __call__(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        _, given = bind(self.source, values)
        arrays = self.machinery.arrays
        for name, value in given.items():
            arrays[name][1][...] = value
        if not self.machinery.run(self._once):
            run(self.source, values, dtype=self.dtype)
            raise DomainError("a read or a write is outside its tensor")
        return {name: arrays[name][1].copy() for name in self.source.outputs}
