"""The formula's own code within a call: straight from numbers to numbers, or over arrays.

`Straight` is for programs of nothing but numbers. All equations become one function without memory,
which the optimiser pastes into the call: what the forward pass computed lies in registers when the
backward pass wants it. `Tables` is for all others: it hands the kernels of `runtime` the pointers
of this call's arrays. An array that the kernels want in another order (or with a margin) is copied
in or out.

Both look at the numbers, where that is asked for: no input is NaN, no output is NaN or infinite.
And labels are in their range, which is never left out: the kernels trust them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from llvmlite import ir

from chainrule.lang.program import Program
from chainrule.native.calls_entry import Face
from chainrule.native.elementary import Elementary
from chainrule.native.emitter import I1, I64, POINTER, REAL, Emitter, lanes
from chainrule.native.kernels import Kernel, Storage, references, storage
from chainrule.native.lower import KernelCode

_DOUBLE: Final = ir.DoubleType()
_CELL: Final = {"i64": I64, "i32": ir.IntType(32)}
_VECTORS: Final = 4  # looked at together
_PASTED: Final = 40  # calls of elementary functions that are pasted into a formula's code


def is_straight(program: Program) -> bool:
    """Whether a program in the forms of `prepare` is numbers only, each computed once."""
    targets = [e.target for e in program.equations]
    names = {*targets, *program.inputs, *program.outputs}
    names.update(r.tensor for e in program.equations for r in references(e))
    return (len(set(targets)) == len(targets)
            and not any(program.tensors[name].shape for name in names)
            and not any(e.accumulate or e.ranges or e.condition for e in program.equations))


class Straight:
    """A program of numbers as one function, with its tensors in local variables."""

    def __init__(self, module: ir.Module, program: Program, dtype: str, width: int,
                 check: bool) -> None:
        self.program, self.dtype, self.check = program, dtype, check
        kernel = Kernel(list(program.equations), [], name="formula")
        self.stored = {name: storage((), kind="i64" if program.tensors[name].kind == "integer"
                                     else "real") for name in kernel.tensors()}
        code = KernelCode(module, Elementary(module), kernel, self.stored, {}, dtype, width)
        self.function = code.emit()
        self.function.linkage = "internal"
        self.function.attributes.discard("noinline")
        self.function.attributes.add("alwaysinline")
        keep_apart(module, self.function)
        self.names = code.tensors
        self.given: Mapping[str, ir.Value] = {}

    def run(self, e: Emitter, given: Mapping[str, ir.Value],
            fresh: Mapping[str, ir.Value]) -> ir.Value:
        b = e.builder
        self.given = given
        self.places = {name: e.slot(self._kind(name)) for name in self.names}
        flag = e.slot(I64)
        b.store(e.integer(0), flag)
        for name, place in self.places.items():
            if name in given:
                b.store(self._own(e, given[name], name), place)
        b.call(self.function, [*self.places.values(), e.integer(0), e.integer(0), flag])
        well: ir.Value = b.icmp_signed("==", b.load(flag, typ=I64), e.integer(0))
        if not self.check:
            return well
        for name in self.program.inputs:
            if not isinstance(given[name].type, ir.IntType):
                well = b.and_(well, b.fcmp_ordered("ord", given[name], given[name]))
        for name in self.program.outputs:
            number = self.number(e, name)
            if not isinstance(number.type, ir.IntType):
                zero = b.fsub(number, number)  # NaN where the number is not finite
                well = b.and_(well, b.fcmp_ordered("ord", zero, zero))
        return well

    def number(self, e: Emitter, name: str) -> ir.Value:
        """A tensor's value as a double or an integer."""
        if name not in self.places:
            return self.given[name]
        number = e.builder.load(self.places[name], typ=self._kind(name))
        return number if isinstance(number.type, ir.IntType) else e.as_real(number, _DOUBLE)

    def _kind(self, name: str) -> ir.Type:
        return I64 if self.stored[name].kind != "real" else REAL[self.dtype]

    def _own(self, e: Emitter, number: ir.Value, name: str) -> ir.Value:
        return number if self._kind(name) == I64 else e.as_real(number, self._kind(name))


def keep_apart(module: ir.Module, function: ir.Function) -> None:
    """Where a function calls many elementary ones, leave these out of it.

    The time to compile a stretch of code grows with the square of its length.
    """
    calls = [i for block in function.blocks for i in block.instructions
             if isinstance(i, ir.CallInstr) and i.callee.name.startswith("chainrule.")]
    if len(calls) <= _PASTED:
        return
    for other in {i.callee for i in calls}:
        other.attributes.discard("alwaysinline")
        for attribute in ("noinline", "readnone", "nounwind"):
            other.attributes.add(attribute)


class Tables:
    """Kernels that read and write through a table of pointers."""

    def __init__(self, module: ir.Module, inputs: Sequence[Face], outputs: Sequence[Face],
                 stored: Mapping[str, Storage], places: Mapping[str, int], dtype: str,
                 width: int, check: bool) -> None:
        self.module, self.inputs, self.outputs = module, inputs, outputs
        self.stored, self.places, self.dtype = stored, places, dtype
        self.width, self.check = width, check
        self.table = ir.GlobalVariable(module, POINTER, "table")
        self.lead = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "lead")
        self.post = ir.GlobalVariable(module, POINTER, "post")
        self.flag = ir.GlobalVariable(module, POINTER, "flag")
        self.whole = direct(inputs, outputs, stored)

    def run(self, e: Emitter, given: Mapping[str, ir.Value],
            fresh: Mapping[str, ir.Value]) -> ir.Value:
        b = e.builder
        for face in self.inputs:
            if not face.shape:
                cell = e.at(self.pointer(e, face.name), self.stored[face.name].first,
                            self.cell(face.name))
                b.store(self._own(e, given[face.name], face.name), cell)
            elif face.name in self.whole:
                b.store(given[face.name], self.entry(e, face.name))
            else:
                self.copy(e, face, given[face.name], inwards=True)
        for face in self.outputs:
            if face.name in self.whole:
                b.store(fresh[face.name], self.entry(e, face.name))
        well = b.alloca(I1)
        b.store(b.call(self.before(), []), well)
        e.if_(b.load(well, typ=I1), lambda: b.store(self.computed(e, fresh), well))
        return b.load(well, typ=I1)

    def computed(self, e: Emitter, fresh: Mapping[str, ir.Value]) -> ir.Value:
        """All kernels called, the results copied out; whether all is well."""
        b = e.builder
        b.store(e.integer(0), self.flag)
        b.call(self.lead, [self.post])
        inside = b.icmp_signed("==", b.load(self.flag, typ=I64), e.integer(0))
        well = b.and_(inside, b.call(self.after(), []))
        for face in self.outputs:
            if face.shape and face.name not in self.whole:
                self.copy(e, face, fresh[face.name], inwards=False)
        return well

    def number(self, e: Emitter, name: str) -> ir.Value:
        """A scalar output as a double or an integer."""
        cell = e.at(self.pointer(e, name), self.stored[name].first, self.cell(name))
        number = e.builder.load(cell, typ=self.cell(name))
        if isinstance(number.type, ir.IntType):
            return number if number.type == I64 else e.builder.sext(number, I64)
        return e.as_real(number, _DOUBLE)

    # --- looking at the numbers

    def before(self) -> ir.Function:
        """`before`: whether the inputs are numbers, and labels in their range."""
        return self._looking("before", self.inputs, self._input_is_well)

    def after(self) -> ir.Function:
        """`after`: whether the outputs are finite."""
        return self._looking("after", self.outputs if self.check else (), self._finite)

    def _input_is_well(self, e: Emitter, face: Face, v: ir.Value) -> ir.Value | None:
        if face.kind != "integer":
            return e.builder.fcmp_ordered("ord", v, v) if self.check else None
        if face.below is None:
            return None
        return e.builder.icmp_unsigned("<", v, e.spread(e.integer(face.below), lanes(v)))

    def _finite(self, e: Emitter, face: Face, v: ir.Value) -> ir.Value | None:
        if face.kind == "integer":
            return None
        zero = e.builder.fsub(v, v)  # NaN where a number is not finite
        return e.builder.fcmp_ordered("ord", zero, zero)

    def _looking(self, name: str, faces: Sequence[Face],
                 test: Callable[[Emitter, Face, ir.Value], ir.Value | None]) -> ir.Function:
        """A function that looks at the cells of some tensors."""
        found = self.module.globals.get(name)
        if found is not None:
            return found
        function = ir.Function(self.module, ir.FunctionType(I1, []), name)
        function.attributes.add("nounwind")
        e = Emitter(self.module, function, _DOUBLE)
        well = e.slot(I1)
        e.builder.store(ir.Constant(I1, 1), well)
        for face in faces:
            stored, kind = self.stored[face.name], self.cell(face.name)
            if test(e, face, ir.Constant(kind, 0)) is None:
                continue
            pointer = self.pointer(e, face.name)
            at = 0
            for width in (self.width * _VECTORS, 1):
                whole = at + (stored.cells - at) // width * width
                if whole == at:
                    continue
                ok = e.slot(ir.VectorType(I1, width) if width > 1 else I1)
                all_on = ir.Constant(ok.allocated_type, [1] * width if width > 1 else 1)
                e.builder.store(all_on, ok)

                def look(k: ir.Value, width: int = width, ok: ir.Value = ok, face: Face = face,
                         pointer: ir.Value = pointer, kind: ir.Type = kind) -> None:
                    v = e.load(kind, e.at(pointer, k, kind), width)
                    truth = test(e, face, v)
                    old = e.builder.load(ok, typ=ok.allocated_type)
                    e.builder.store(e.builder.and_(old, truth), ok)

                e.loop(at, whole, width, look)
                truth = e.builder.load(ok, typ=ok.allocated_type)
                every = e.builder.not_(e.any(e.builder.not_(truth)))
                e.builder.store(e.builder.and_(e.builder.load(well, typ=I1), every), well)
                at = whole
        e.builder.ret(e.builder.load(well, typ=I1))
        return function

    # --- memory

    def cell(self, name: str) -> ir.Type:
        kind = self.stored[name].kind
        return REAL[self.dtype] if kind == "real" else _CELL[kind]

    def entry(self, e: Emitter, name: str) -> ir.Value:
        """A tensor's place in the table."""
        return e.builder.gep(self.table, [e.integer(self.places[name])], source_etype=POINTER)

    def pointer(self, e: Emitter, name: str) -> ir.Value:
        """Where a tensor's memory begins."""
        return e.builder.load(self.entry(e, name), typ=POINTER)

    def _own(self, e: Emitter, number: ir.Value, name: str) -> ir.Value:
        kind = self.cell(name)
        if not isinstance(kind, ir.IntType):
            return e.as_real(number, kind)
        return number if kind == I64 else e.builder.trunc(number, kind)

    def copy(self, e: Emitter, face: Face, outside: ir.Value, inwards: bool) -> None:
        """Copy between an array in Python's order and the kernels' memory, cell by cell."""
        stored, kind = self.stored[face.name], self.cell(face.name)
        theirs = storage(face.shape).strides
        whole = I64 if isinstance(kind, ir.IntType) else kind
        memory = self.pointer(e, face.name)

        def nest(axis: int, here: ir.Value, there: ir.Value) -> None:
            if axis < len(face.shape):
                e.loop(0, e.integer(face.shape[axis]), 1, lambda k: nest(
                    axis + 1, e.add(here, e.mul(k, e.integer(stored.strides[axis]))),
                    e.add(there, e.mul(k, e.integer(theirs[axis])))))
                return
            inside, other = e.at(memory, here, kind), e.at(outside, there, whole)
            if inwards:
                e.store(self._own(e, e.load(whole, other), face.name), inside)
                return
            value = e.load(kind, inside)
            e.store(value if kind == whole else e.builder.sext(value, whole), other)

        nest(0, e.integer(stored.first), e.integer(0))


def direct(inputs: Sequence[Face], outputs: Sequence[Face],
           stored: Mapping[str, Storage]) -> set[str]:
    """The arrays that the kernels read and write in Python's own order, so that none is copied."""
    def alike(face: Face) -> bool:
        s = stored[face.name]
        return (bool(face.shape) and s.kind != "i32" and s.first == 0
                and s.cells == math.prod(face.shape)
                and s.strides == storage(face.shape).strides)

    both = {face.name for face in inputs} & {face.name for face in outputs}  # copied out
    return {face.name for face in (*inputs, *outputs) if alike(face)} - both
