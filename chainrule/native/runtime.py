"""Compiled programs: arrays in, one call, arrays out."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.errors import DomainError
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import bind
from chainrule.lang.program import Program
from chainrule.native.concrete import concrete
from chainrule.native.elementary import LIBM, Elementary, bind_libm
from chainrule.native.emitter import I64, POINTER
from chainrule.native.lower import KernelCode
from chainrule.native.machine import Library, c_symbols, host, object_code
from chainrule.native.prepare import prepared
from chainrule.native.schedule import Plan, Target, plan


def module_of(made: Plan, dtype: str, width: int) -> ir.Module:
    """The LLVM module of a plan: a function a kernel, and `step`, which calls them in order."""
    module = ir.Module("chainrule")
    elementary = Elementary(module)
    codes = [KernelCode(module, elementary, k, made.stored, made.below, dtype, width)
             for k in made.kernels]
    for code in codes:
        code.emit()
    names = list(made.stored)
    step = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER]), "step")
    builder = ir.IRBuilder(step.append_basic_block())
    table, flag = step.args
    pointers = {
        name: builder.load(builder.gep(table, [ir.Constant(I64, k)], source_etype=POINTER),
                           typ=POINTER)
        for k, name in enumerate(names)}
    for code in codes:
        extent = code.kernel.loops[0][1] if code.kernel.loops else 1
        builder.call(code.function, [*(pointers[n] for n in code.tensors),
                                     ir.Constant(I64, 0), ir.Constant(I64, extent), flag])
    builder.ret_void()
    return module


class Compiled:
    """A program's machine code for inputs of certain shapes."""

    def __init__(self, program: Program, sizes: Mapping[str, int], dtype: str = "float64") -> None:
        self.source = program
        self.dtype = dtype
        machine = host()
        width = machine.vector_bytes // (4 if dtype == "float32" else 8)
        made = plan(prepared(concrete(program, sizes)), Target(width, machine.registers))
        self.plan = made
        text = str(module_of(made, dtype, width))
        bind_libm()
        symbols = c_symbols()
        self.library = Library(object_code(text), ["step"], symbols)
        self.step = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
            self.library.address("step"))
        kinds = {"real": np.dtype(dtype), "i64": np.dtype(np.int64), "i32": np.dtype(np.int32)}
        self.arrays = {}
        for name, s in made.stored.items():
            flat = np.zeros(s.cells, kinds[s.kind])
            view = np.lib.stride_tricks.as_strided(
                flat[s.first:], s.shape, [x * flat.itemsize for x in s.strides])
            self.arrays[name] = (flat, view)
        self.table = np.array([flat.ctypes.data for flat, _ in self.arrays.values()], np.uintp)
        self.flag = np.zeros(1, np.int64)

    def __call__(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        _, given = bind(self.source, values)
        for name, value in given.items():
            self.arrays[name][1][...] = value
        self.flag[0] = 0
        self.step(self.table.ctypes.data, self.flag.ctypes.data)
        if self.flag[0]:
            run(self.source, values, dtype=self.dtype)
            raise DomainError("a read or a write is outside its tensor")
        return {name: self.arrays[name][1].copy() for name in self.source.outputs}
