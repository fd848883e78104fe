"""Python's own objects, seen from machine code: where a float keeps its number, how a call arrives.

Calling a Python function costs more than computing a small formula. So the formula's code is made
into a function that Python calls as it calls its own ones, written in C: a *builtin*, that is a
`PyMethodDef` with the flags `METH_FASTCALL | METH_KEYWORDS`, whose code gets a pointer to the
arguments and gives back a new object. All that it needs of Python are some twenty functions of the
C interface, by their addresses in this process, and the places of a few fields: the type of an
object, the number in a float, the pointer, shape and flags of an array.

`head_bytes` looks whether these fields are where they are expected, in objects that it makes for
the purpose. Where one is not, or there is no such interface (PyPy, an interpreter without its
lock), nothing here is used, and calls take the slower way through `ctypes`.

The interface: https://docs.python.org/3/c-api/structures.html#c.PyMethodDef
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from llvmlite import ir

from chainrule.native.emitter import I32, I64, POINTER

_FASTCALL_KEYWORDS: Final = 0x0080 | 0x0002
# fields of an array behind its head, in words of eight bytes
DATA, AXES, SHAPE, KIND, FLAGS = 0, 1, 2, 5, 6
PLAIN: Final = 0x0001 | 0x0100  # flags: cells in a row, and where the processor wants them

_REAL: Final = ir.DoubleType()
FUNCTIONS: Final[dict[str, tuple[ir.Type, list[ir.Type]]]] = {
    "PyDict_New": (POINTER, []),
    "PyDict_SetItem": (I32, [POINTER, POINTER, POINTER]),
    "PyErr_Clear": (ir.VoidType(), []),
    "PyErr_Occurred": (POINTER, []),
    "PyFloat_AsDouble": (_REAL, [POINTER]),
    "PyFloat_FromDouble": (POINTER, [_REAL]),
    "PyLong_AsDouble": (_REAL, [POINTER]),
    "PyLong_AsLongLong": (I64, [POINTER]),
    "PyLong_FromLongLong": (POINTER, [I64]),
    "PyObject_Vectorcall": (POINTER, [POINTER, POINTER, I64, POINTER]),
    "PyTuple_GetItem": (POINTER, [POINTER, I64]),
    "PyTuple_New": (POINTER, [I64]),
    "PyTuple_SetItem": (I32, [POINTER, I64, POINTER]),
    "PyTuple_Size": (I64, [POINTER]),
    "Py_DecRef": (ir.VoidType(), [POINTER]),
}
"""Functions of Python's C interface that code may call, with what they give and take."""


@lru_cache(maxsize=1)
def head_bytes() -> int | None:
    """The bytes of an object before its own fields; None where objects are not as expected."""
    if (sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8
            or not getattr(sys, "_is_gil_enabled", lambda: True)()):
        return None
    if not all(hasattr(ctypes.pythonapi, name) for name in (*FUNCTIONS, "PyCFunction_NewEx")):
        return None
    head = object.__basicsize__
    number = 1.2345
    if float.__basicsize__ != head + 8 or np.ndarray.__basicsize__ < head + 8 * (FLAGS + 1):
        return None
    if _word(number, -1, head) != id(float) or _word(number, 0, head) != _bits(number):
        return None
    return head if all(_as_expected(a, head) for a in _examples()) else None


def _examples() -> Iterable[np.ndarray]:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    return array, array.T, np.zeros(3, np.int64)[1:]


def _as_expected(array: np.ndarray, head: int) -> bool:
    """Whether an array's fields are where `DATA`, `SHAPE` and the others say."""
    fields = [_word(array, k, head) for k in range(FLAGS + 1)]
    flags = fields[FLAGS] & 0xFFFF_FFFF
    plain = (flags & PLAIN) == PLAIN
    if (_word(array, -1, head) != id(np.ndarray) or fields[DATA] != array.ctypes.data
            or fields[AXES] & 0xFFFF_FFFF != array.ndim or fields[KIND] != id(array.dtype)
            or plain != array.flags.c_contiguous):
        return False
    shape = (ctypes.c_int64 * array.ndim).from_address(fields[SHAPE])
    return tuple(shape) == array.shape


def _word(thing: object, place: int, head: int) -> int:
    return ctypes.c_uint64.from_address(id(thing) + head + 8 * place).value


def _bits(number: float) -> int:
    return int(struct.unpack("=Q", struct.pack("=d", number))[0])


def symbols() -> dict[str, int]:
    """Where Python's functions are, by name."""
    return {name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
            for name in FUNCTIONS}


class References:
    """A table of Python objects for code to refer to, kept alive; code knows them by number."""

    def __init__(self) -> None:
        self.objects: list[Any] = []

    def place(self, *objects: Any) -> int:
        """The number of the first of some objects, which are put one behind the other."""
        self.objects += objects
        return len(self.objects) - len(objects)

    def table(self) -> np.ndarray:
        """Their addresses. The list has to be kept as long as the table is used."""
        return np.array([*map(id, self.objects), 0], np.uintp)


class Held(tuple[Any, ...]):
    """What a builtin's code needs while the builtin lives; what it calls for help comes first.

    A tuple, because the garbage collector never empties one: the definition in it is still read
    when the builtin goes.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<compiled formula>"


def builtin(address: int, name: str, documentation: str, helper: Callable[..., Any],
            kept: Sequence[Any]) -> Any:
    """A Python function whose code is at an address; its first argument is a `Held`.

    `helper` is what the code calls with the same arguments where it cannot go on by itself.
    """
    name_text, text = name.encode(), documentation.encode()
    definition = np.frombuffer(struct.pack(
        "@PPiP", _address(name_text), address, _FASTCALL_KEYWORDS, _address(text)),
        np.uint8).copy()  # in memory of NumPy's, which no collector touches before it is freed
    make = ctypes.pythonapi["PyCFunction_NewEx"]  # an object of its own: its types are set here
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    held = Held((helper, definition, name_text, text, *kept))
    return make(definition.ctypes.data, held, None)


def _address(text: bytes) -> int:
    """Where the characters of a text are, as C sees them."""
    return ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value or 0
