"""A program compiled for calls on values of certain shapes.

`Direct` is code that Python calls without a detour (`calls_entry`). It holds Python's lock while it
runs, so it is for programs in one thread that are done long before Python would let another thread
have its turn (5 ms). `Waiting` is for the others: a few lines of Python point the kernels at the
arrays, and let Python's other threads run until they are done; a call waits for the one before it.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from llvmlite import ir

from chainrule.lang.program import Program
from chainrule.native.calls_bodies import Straight, Tables, is_straight
from chainrule.native.calls_entry import Body, EntryCode, Face, Tree
from chainrule.native.calls_objects import builtin, head_bytes, symbols
from chainrule.native.concrete import concrete
from chainrule.native.elementary import bind_libm
from chainrule.native.kernels import shape_of
from chainrule.native.machine import Library, c_symbols, object_code
from chainrule.native.prepare import prepared
from chainrule.native.runtime import Machinery, target

REFUSED: Final = object()
"""What code gives where it does not compute: arguments of other kinds, numbers not finite."""

_SMALL: Final = 1 << 20  # cells of all tensors together: under a millisecond or so


class Direct:
    """Code that Python calls as one of its own functions."""

    def __init__(self, code: EntryCode, module: ir.Module, extra: Mapping[str, int],
                 kept: Sequence[Any]) -> None:
        code.emit()
        objects = code.references.table()
        bind_libm()
        library = Library(object_code(str(module)), ["entry"], {
            **c_symbols(), **symbols(), **extra, "objects": objects.ctypes.data})
        self._address = library.address("entry")
        self._kept = (library, objects, code.references.objects, *kept)
        self._plain = self.function("formula", "", _refuse)

    def function(self, name: str, documentation: str, helper: Callable[..., Any]) -> Any:
        """The code as a Python function, which calls `helper` where it refuses."""
        return builtin(self._address, name, documentation, helper, self._kept)

    def run(self, values: Sequence[Any]) -> Any:
        """What the code gives for the inputs in order, or `REFUSED`."""
        return self._plain(*values)


def _refuse(*values: Any) -> Any:
    return REFUSED


class Waiting:
    """Kernels run with Python's lock let go, one call after the other."""

    def __init__(self, machinery: Machinery, inputs: Sequence[Face], outputs: Sequence[Face],
                 tree: Tree, check: bool) -> None:
        self.machinery, self.inputs, self.outputs, self.tree = machinery, inputs, outputs, tree
        module = ir.Module("looking")
        tables = _tables(module, machinery, inputs, outputs, check)
        tables.before()
        tables.after()
        self.whole = _unshared(tables.whole, machinery)
        self._library = Library(object_code(str(module)), ["before", "after"], {
            **c_symbols(), **_memory(machinery)})
        kind = ctypes.CFUNCTYPE(ctypes.c_uint8)
        self._before = kind(self._library.address("before"))
        self._after = kind(self._library.address("after"))
        self._lock = threading.Lock()
        self._once = np.zeros(1, np.int64)

    def run(self, values: Sequence[Any]) -> Any:
        """What the kernels give for the inputs in order, or `REFUSED`."""
        if not all(map(_as_it_is, self.inputs, values)):
            return REFUSED
        arrays = self.machinery.arrays
        with self._lock, np.errstate(over="ignore"):
            for face, value in zip(self.inputs, values, strict=True):
                if face.name in self.whole:
                    self.machinery.point(face.name, value)
                else:
                    arrays[face.name][1][...] = value
            found: dict[str, Any] = {}
            for face in self.outputs:
                if face.name in self.whole:
                    found[face.name] = np.empty(face.shape, face.dtype)
                    self.machinery.point(face.name, found[face.name])
            if not (self._before() & 1 and self.machinery.run(self._once) and self._after() & 1):
                return REFUSED
            for face in self.outputs:
                if not face.shape:
                    found[face.name] = arrays[face.name][1].item()
                elif face.name not in self.whole:
                    found[face.name] = arrays[face.name][1].astype(face.dtype, order="C")
        return assembled(self.tree, found)


def _as_it_is(face: Face, value: Any) -> bool:
    """Whether the kernels can read a value where it lies (or, a number, take it)."""
    if not face.shape and face.kind == "integer":
        return type(value) is int and -(2**63) <= value < 2**63
    if not face.shape:
        return type(value) is float
    return (type(value) is np.ndarray and value.dtype == face.dtype and value.shape == face.shape
            and value.flags.c_contiguous and value.flags.aligned)


def assembled(tree: Tree, found: Mapping[str, Any]) -> Any:
    """Tensors put together as a call gives them."""
    if isinstance(tree, str):
        return found[tree]
    if isinstance(tree, tuple):
        return tuple(assembled(part, found) for part in tree)
    return {label: found[name] for label, name in tree.items()}


def code_for(program: Program, sizes: Mapping[str, int], tree: Tree, dtype: str, check: bool,
             threads: int) -> Direct | Waiting:
    """The code of a program for certain sizes; its outputs are what the tree names.

    Raises `MissingExtraError`, and what `concrete` raises.
    """
    program = replace(program, updates=(), outputs=tuple(dict.fromkeys(_leaves(tree))))
    sized = concrete(program, sizes)
    inputs, outputs = (tuple(face(sized, name, dtype) for name in names)
                       for names in (program.inputs, program.outputs))
    head = head_bytes() if len(_leaves(tree)) == len(program.outputs) else None
    module = ir.Module("call")
    body: Body
    if head is not None and not any(face.shape for face in (*inputs, *outputs)):
        simple = prepared(sized)
        if is_straight(simple):
            body = Straight(module, simple, dtype, target(dtype).width, check)
            return Direct(EntryCode(module, head, inputs, outputs, tree, body), module, {}, ())
    machinery = Machinery(program, sizes, dtype, threads=threads)
    cells = sum(s.cells for s in machinery.plan.stored.values())
    if head is None or threads > 1 or cells > _SMALL:
        return Waiting(machinery, inputs, outputs, tree, check)
    start = np.zeros(1, np.int64)
    machinery.asked(start)
    body = _tables(module, machinery, inputs, outputs, check)
    return Direct(EntryCode(module, head, inputs, outputs, tree, body), module,
                  _memory(machinery), (machinery, start))


def face(program: Program, name: str, dtype: str) -> Face:
    """A tensor of a program of known sizes, as Python sees it."""
    tensor = program.tensors[name]
    shape = shape_of(program, name)
    below = None if tensor.below is None else tensor.below.constant
    return Face(name, tensor.kind, shape, "int64" if tensor.kind == "integer" else dtype, below)


def _tables(module: ir.Module, machinery: Machinery, inputs: Sequence[Face],
            outputs: Sequence[Face], check: bool) -> Tables:
    return Tables(module, inputs, outputs, machinery.plan.stored, machinery.places,
                  machinery.dtype, target(machinery.dtype).width, check)


def _memory(machinery: Machinery) -> dict[str, int]:
    arrays = {"table": machinery.table, "post": machinery.post, "flag": machinery.flag}
    return {**{name: a.ctypes.data for name, a in arrays.items()},
            "lead": machinery.library.address("lead")}


def _unshared(names: set[str], machinery: Machinery) -> set[str]:
    """Tensors of which there is one for all threads."""
    shared = machinery.plan.shared
    return names - set(shared.private) - set(shared.parts)


def _leaves(tree: Tree) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, tuple):
        return [name for part in tree for name in _leaves(part)]
    return list(tree.values())
