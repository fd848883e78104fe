"""The machine code that Python calls: arguments in, the formula, an object out.

A call goes through five steps, and only the first and the last meet Python's objects:

1. find the arguments: by their places, or by their names, which Python hands over as a tuple;
2. make the arrays of the results;
3. take each argument: the number out of a float (an int, a NumPy number), the pointer of an array;
4. run the formula's code and look at what it gives (`Body`);
5. make the result: floats, arrays, a dictionary by name, a pair.

Whatever is not as the code wants it (a list, an array of another shape, a name that is none, a
number that is not finite) is left to a helper in Python, which gets the same arguments. It
converts, or compiles for other shapes, or raises the error that says what is wrong. So there is
one place for messages, and the code here has only to be sure of what it accepts. Making an object
may set off the garbage collector, which may run anything; so from the third step to the fifth none
is made: no call meets another in the middle, and no array changes after it was looked at.

References are counted as everywhere in C: what is made is owned by a slot until it is handed on;
where making something fails (no memory), all slots are given back and the error goes up.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from llvmlite import ir

from chainrule.native.calls_objects import (
    AXES,
    DATA,
    FLAGS,
    FUNCTIONS,
    KIND,
    PLAIN,
    SHAPE,
    References,
)
from chainrule.native.emitter import I1, I32, I64, POINTER, Emitter

_REAL: Final = ir.DoubleType()
_NULL: Final = ir.Constant(POINTER, None)
_NUMBERS: Final = (np.float64, np.float32, np.int64)  # besides float and int

Tree = str | tuple["Tree", "Tree"] | Mapping[str, str]
"""What a call gives: a tensor by its name, a pair, or a dictionary of tensors by what they are
called."""


@dataclass(frozen=True, slots=True)
class Face:
    """A tensor as Python sees it: a number where the shape is empty, else an array."""

    name: str
    kind: str  # "real" or "integer"
    shape: tuple[int, ...]
    dtype: str
    below: int | None = None


class Body(Protocol):
    """The formula's code between the objects: numbers and pointers in, numbers out."""

    def run(self, e: Emitter, given: Mapping[str, ir.Value],
            fresh: Mapping[str, ir.Value]) -> ir.Value:
        """Compute, from the values of scalars and the pointers of arrays; whether all is well."""

    def number(self, e: Emitter, name: str) -> ir.Value:
        """A scalar output."""


class EntryCode:
    """The function `entry` of a module."""

    def __init__(self, module: ir.Module, head: int, inputs: Sequence[Face],
                 outputs: Sequence[Face], tree: Tree, body: Body) -> None:
        self.module, self.head, self.inputs, self.outputs = module, head, inputs, outputs
        self.tree, self.body = tree, body
        self.references = References()
        self.table = ir.GlobalVariable(module, POINTER, "objects")
        self.declared: dict[str, ir.Function] = {}
        self.slots: list[ir.Value] = []

    # --- calls of Python

    def call(self, name: str, *args: ir.Value, b: ir.IRBuilder | None = None) -> ir.Value:
        """Call a function of Python's C interface."""
        if name not in self.declared:
            gives, takes = FUNCTIONS[name]
            self.declared[name] = ir.Function(self.module, ir.FunctionType(gives, takes), name)
        return (b or self.e.builder).call(self.declared[name], list(args))

    def object(self, place: int, b: ir.IRBuilder | None = None) -> ir.Value:
        """An object of the table."""
        b = b or self.e.builder
        return b.load(self.objects(place, b), typ=POINTER)

    def objects(self, place: int, b: ir.IRBuilder | None = None) -> ir.Value:
        """Where in the table an object's address is."""
        return (b or self.e.builder).gep(self.table, [ir.Constant(I64, place)],
                                         source_etype=POINTER)

    def field(self, thing: ir.Value, place: int, kind: ir.Type,
              b: ir.IRBuilder | None = None) -> ir.Value:
        """A field of an object, counted in words from the end of its head."""
        b = b or self.e.builder
        at = b.gep(thing, [ir.Constant(I64, self.head + 8 * place)], source_etype=ir.IntType(8))
        return b.load(at, typ=kind)

    # --- the whole

    def emit(self) -> ir.Function:
        """Write the function."""
        kinds = [POINTER, POINTER, I64, POINTER]
        self.function = ir.Function(self.module, ir.FunctionType(POINTER, kinds), "entry")
        self.held, self.args, self.count, self.names = self.function.args
        self.e = Emitter(self.module, self.function, _REAL)
        self.types = self.references.place(float, int, np.ndarray, *_NUMBERS)
        self.help = self.function.append_basic_block("help")
        self.fail = self.function.append_basic_block("fail")
        arguments = self.arguments()
        made = {face.name: self.array(face) for face in self.outputs if face.shape}
        self.made = made
        given = {face.name: self.take(face, arguments, k) for k, face in enumerate(self.inputs)}
        fresh = {name: self.field(self.e.builder.load(slot, typ=POINTER), DATA, POINTER)
                 for name, slot in made.items()}
        well = self.body.run(self.e, given, fresh)
        self.unless(well, self.help)
        self.numbers = {face.name: self.body.number(self.e, face.name)
                        for face in self.outputs if not face.shape}
        result = self.give(self.tree)
        self.e.builder.ret(self.e.builder.load(result, typ=POINTER))
        self.endings()
        return self.function

    def endings(self) -> None:
        """The two other ways out: the helper, and an error that is set already."""
        b = self.e.builder
        b.position_at_end(self.help)
        self.release(list(self.made.values()))
        helper = self.call("PyTuple_GetItem", self.held, ir.Constant(I64, 0))
        b.ret(self.call("PyObject_Vectorcall", helper, self.args, self.count, self.names))
        b.position_at_end(self.fail)
        self.release(self.slots)
        b.ret(_NULL)

    def unless(self, truth: ir.Value, otherwise: ir.Block) -> None:
        """Go on where a truth holds, else to a block."""
        b = self.e.builder
        following = b.append_basic_block("on")
        b.cbranch(truth, following, otherwise).set_weights([1 << 20, 1])
        b.position_at_end(following)

    # --- what is owned

    def own(self, thing: ir.Value) -> ir.Value:
        """A new object's slot; to `fail` where there is none."""
        slot = self.e.slot(POINTER)
        entry = ir.IRBuilder(self.e.entry)
        entry.position_before(self.e.entry.terminator)
        entry.store(_NULL, slot)
        self.slots.append(slot)
        b = self.e.builder
        b.store(thing, slot)
        self.unless(b.icmp_unsigned("!=", thing, _NULL), self.fail)
        return slot

    def hand_on(self, slot: ir.Value) -> ir.Value:
        """The object of a slot, which now belongs to something else."""
        thing = self.e.builder.load(slot, typ=POINTER)
        self.e.builder.store(_NULL, slot)
        return thing

    def release(self, slots: Sequence[ir.Value]) -> None:
        for slot in slots:
            b = self.e.builder
            thing = b.load(slot, typ=POINTER)
            with b.if_then(b.icmp_unsigned("!=", thing, _NULL)):
                self.call("Py_DecRef", thing)

    # --- arguments

    def arguments(self) -> ir.Value:
        """A pointer to the arguments in the order of the inputs."""
        b = self.e.builder
        count = len(self.inputs)
        room = self.e.builder.alloca(POINTER, size=ir.Constant(I64, max(1, count)))
        named = b.append_basic_block("named")
        ready = b.append_basic_block("ready")
        placed = b.append_basic_block("placed")
        b.cbranch(b.icmp_unsigned("==", self.names, _NULL), placed, named)
        b.position_at_end(placed)
        self.unless(b.icmp_signed("==", self.count, ir.Constant(I64, count)), self.help)
        before = b.block
        b.branch(ready)
        b.position_at_end(named)
        first = self.references.place(*[sys.intern(face.name) for face in self.inputs])
        arrange = self.arranging(count)
        found = b.call(arrange, [self.args, self.count, self.names, room, self.objects(first)])
        self.unless(found, self.help)
        behind = b.block
        b.branch(ready)
        b.position_at_end(ready)
        pointer = b.phi(POINTER)
        pointer.add_incoming(self.args, before)
        pointer.add_incoming(room, behind)
        return pointer

    def arranging(self, count: int) -> ir.Function:
        """The function that puts arguments with names into their places; whether that went well.

        Names that Python's compiler wrote are the very objects that we have, so that comparing
        pointers is enough; others are left to the helper.
        """
        kinds = [POINTER, I64, POINTER, POINTER, POINTER]
        function = ir.Function(self.module, ir.FunctionType(I1, kinds), "arrange")
        function.linkage = "internal"
        args, placed, names, room, known = function.args
        e = Emitter(self.module, function, _REAL)
        b = e.builder
        wrong = function.append_basic_block("wrong")

        def unless(truth: ir.Value) -> None:
            following = b.append_basic_block("on")
            b.cbranch(truth, following, wrong)
            b.position_at_end(following)

        named = self.call("PyTuple_Size", names, b=b)
        unless(b.icmp_signed("==", b.add(placed, named), e.integer(count)))
        e.loop(0, placed, 1, lambda k: e.store(e.load(POINTER, e.at(args, k, POINTER)),
                                               e.at(room, k, POINTER)))
        e.loop(placed, count, 1, lambda k: e.store(_NULL, e.at(room, k, POINTER)))

        def put(k: ir.Value) -> None:
            name = self.call("PyTuple_GetItem", names, k, b=b)
            place = e.slot(I64)
            b.store(e.integer(-1), place)
            likely = b.add(placed, k)  # names mostly come in the inputs' order

            def look(at: ir.Value) -> None:
                same = b.icmp_unsigned("==", e.load(POINTER, e.at(known, at, POINTER)), name)
                e.if_(same, lambda: b.store(at, place))

            look(likely)
            e.if_(b.icmp_signed("<", b.load(place, typ=I64), e.integer(0)),
                  lambda: e.loop(0, e.integer(count), 1, look))
            at = b.load(place, typ=I64)
            unless(b.icmp_signed(">=", at, e.integer(0)))
            unless(b.icmp_unsigned("==", e.load(POINTER, e.at(room, at, POINTER)), _NULL))
            e.store(e.load(POINTER, e.at(args, likely, POINTER)), e.at(room, at, POINTER))

        e.loop(0, named, 1, put)
        b.ret(ir.Constant(I1, 1))
        b.position_at_end(wrong)
        b.ret(ir.Constant(I1, 0))
        return function

    def take(self, face: Face, arguments: ir.Value, k: int) -> ir.Value:
        """An argument's number, or the pointer to its cells."""
        thing = self.e.load(POINTER, self.e.at(arguments, k, POINTER))
        kind = self.field(thing, -1, POINTER)
        if face.shape:
            return self.cells(face, thing, kind)
        return self.integer(face, thing, kind) if face.kind == "integer" else self.real(thing, kind)

    def cells(self, face: Face, array: ir.Value, kind: ir.Value) -> ir.Value:
        """The pointer of an array that is just as the code reads it."""
        b = self.e.builder
        self.unless(b.icmp_unsigned("==", kind, self.object(self.types + 2)), self.help)
        dtype = self.references.place(np.dtype(face.dtype))
        axes = self.field(array, AXES, I32)
        flags = b.and_(self.field(array, FLAGS, I32), ir.Constant(I32, PLAIN))
        fits = b.icmp_unsigned("==", self.field(array, KIND, POINTER), self.object(dtype))
        fits = b.and_(fits, b.icmp_signed("==", axes, ir.Constant(I32, len(face.shape))))
        fits = b.and_(fits, b.icmp_signed("==", flags, ir.Constant(I32, PLAIN)))
        self.unless(fits, self.help)
        shape = self.field(array, SHAPE, POINTER)
        same: ir.Value = ir.Constant(I1, 1)
        for axis, size in enumerate(face.shape):
            found = self.e.load(I64, self.e.at(shape, axis, I64))
            same = b.and_(same, b.icmp_signed("==", found, self.e.integer(size)))
        self.unless(same, self.help)
        return self.field(array, DATA, POINTER)

    def integer(self, face: Face, thing: ir.Value, kind: ir.Value) -> ir.Value:
        """An int's number, in its range."""
        b = self.e.builder
        self.unless(b.icmp_unsigned("==", kind, self.object(self.types + 1)), self.help)
        number = self.call("PyLong_AsLongLong", thing)
        fails = b.icmp_signed("==", number, self.e.integer(-1))
        with b.if_then(fails, likely=False):
            self.refuse_error(self.call("PyErr_Occurred"))
        if face.below is not None:
            self.unless(b.icmp_unsigned("<", number, self.e.integer(face.below)), self.help)
        return number

    def refuse_error(self, error: ir.Value) -> None:
        """To the helper where Python could not convert; it will say why in our words."""
        b = self.e.builder
        wrong, following = b.append_basic_block("error"), b.append_basic_block("on")
        b.cbranch(b.icmp_unsigned("==", error, _NULL), following, wrong)
        b.position_at_end(wrong)
        self.call("PyErr_Clear")
        b.branch(self.help)
        b.position_at_end(following)

    def real(self, thing: ir.Value, kind: ir.Value) -> ir.Value:
        """A float's number; an int's or a NumPy number's through Python."""
        b = self.e.builder
        plain = b.append_basic_block("float")
        other = b.append_basic_block("number")
        ready = b.append_basic_block("taken")
        is_float = b.icmp_unsigned("==", kind, self.object(self.types))
        b.cbranch(is_float, plain, other).set_weights([1 << 10, 1])
        b.position_at_end(plain)
        direct = self.field(thing, 0, _REAL)
        b.branch(ready)
        b.position_at_end(other)
        place = self.e.slot(_REAL)
        self.unless(b.call(self.conversion(), [thing, kind, place]), self.help)
        through = b.load(place, typ=_REAL)
        behind = b.block
        b.branch(ready)
        b.position_at_end(ready)
        number = b.phi(_REAL)
        number.add_incoming(direct, plain)
        number.add_incoming(through, behind)
        return number

    def conversion(self) -> ir.Function:
        """The function that makes a double of an int or of a NumPy number; whether it is one."""
        found = self.module.globals.get("converted")
        if found is not None:
            return found
        function = ir.Function(self.module, ir.FunctionType(I1, [POINTER] * 3), "converted")
        function.linkage = "internal"
        function.attributes.add("noinline")
        thing, kind, place = function.args
        b = ir.IRBuilder(function.append_basic_block())
        for k in (1, *range(3, 3 + len(_NUMBERS))):
            is_int = k == 1
            with b.if_then(b.icmp_unsigned("==", kind, self.object(self.types + k, b))):
                number = self.call("PyLong_AsDouble" if is_int else "PyFloat_AsDouble", thing, b=b)
                b.store(number, place)
                doubtful = b.fcmp_ordered("==", number, ir.Constant(_REAL, -1.0))
                with b.if_then(doubtful, likely=False):
                    error = self.call("PyErr_Occurred", b=b)
                    with b.if_then(b.icmp_unsigned("!=", error, _NULL)):
                        self.call("PyErr_Clear", b=b)
                        b.ret(ir.Constant(I1, 0))
                b.ret(ir.Constant(I1, 1))
        b.ret(ir.Constant(I1, 0))
        return function

    # --- results

    def array(self, face: Face) -> ir.Value:
        """The slot of a new array for an output."""
        arguments = self.references.place(face.shape, np.dtype(face.dtype))
        maker = self.references.place(np.empty)
        return self.own(self.call("PyObject_Vectorcall", self.object(maker),
                                  self.objects(arguments), ir.Constant(I64, 2), _NULL))

    def give(self, tree: Tree) -> ir.Value:
        """The slot of the object that a call gives."""
        if isinstance(tree, str):
            return self.leaf(tree)
        b = self.e.builder
        if isinstance(tree, tuple):
            pair = self.own(self.call("PyTuple_New", ir.Constant(I64, len(tree))))
            for k, part in enumerate(tree):
                inner = self.hand_on(self.give(part))
                self.call("PyTuple_SetItem", b.load(pair, typ=POINTER), ir.Constant(I64, k), inner)
            return pair
        found = self.own(self.call("PyDict_New"))
        for label, name in tree.items():
            inner = self.leaf(name)
            thing = b.load(inner, typ=POINTER)
            label_object = self.object(self.references.place(sys.intern(label)))
            failed = self.call("PyDict_SetItem", b.load(found, typ=POINTER), label_object, thing)
            self.unless(b.icmp_signed("==", failed, ir.Constant(I32, 0)), self.fail)
            self.call("Py_DecRef", self.hand_on(inner))
        return found

    def leaf(self, name: str) -> ir.Value:
        """The slot of an output's array, or of a new float or int."""
        if name in self.made:
            return self.made[name]
        number: Any = self.numbers[name]
        if isinstance(number.type, ir.IntType):
            return self.own(self.call("PyLong_FromLongLong", number))
        return self.own(self.call("PyFloat_FromDouble", number))
