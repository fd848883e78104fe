"""MATLAB's .mat files (version 5 to 7), read without trust.

A file is a text of 116 bytes, a version and a byte order, and then elements: a type, a length, the
content, filled up to a multiple of 8 bytes. An element of the type *compressed* holds another one,
packed by zlib, as MATLAB writes since version 7. An array is an element of four or more: flags with
the class of the array, the lengths of its axes, its name, its numbers, first axis fastest. The
numbers may be stored in a smaller type than that of the array (a double array of zeros and ones is
stored in bytes).

SciPy reads these files too, and the tests compare with it. It allocates what an element promises,
though, so its reading cannot be capped from outside; and here no second library is needed. Cells,
structures, sparse arrays and the older version 4 are left out; version 7.3 is another form (HDF5).

Source: The MathWorks, "MAT-File Format", chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chainrule.errors import LimitError
from chainrule.limits import DATA_FILES, TENSOR_AXES, TENSOR_BYTES
from chainrule.train.data_arrays import array_parts
from chainrule.train.data_examples import Array, shown
from chainrule.train.data_files import Found, Reading, broken, named, quoted, read_all

_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
           13: "u8"}  # the types of elements that are numbers
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8",
            15: "u8"}  # the classes of arrays that are numbers
_OTHERS = {1: "a cell array", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse array",
           16: "a function", 17: "an object"}
_MATRIX, _COMPRESSED = 14, 15
_COMPLEX = 0x08
_HEADER = 128
_PIECE = 2**24
_OVERHEAD = 2**16  # bytes of an array's element besides its numbers: flags, axes, name, filling
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HINT = "in MATLAB, save('file.mat', '-v7', 'inputs', 'target')"


@dataclass(frozen=True)
class _Variable:
    """An array's header, and the element that its numbers are in: still packed, perhaps."""

    name: str
    kind: int
    flags: int
    shape: tuple[int, ...]
    start: int  # where the numbers start in the content of the element
    place: str
    element: memoryview
    packed: bool = False


def read_mat(path: Path, reading: Reading) -> dict[str, Found]:
    """The parts of a .mat file: arrays inputs and target, X and y, x_train and the like.

    Examples may lie along the first axis or the last: the axis whose length both arrays share.
    """
    reading.only("a .mat file", "inputs", "label", "task", "classes", "examples", "channels")
    content = memoryview(read_all(path))
    variables = {v.name: v for v in _variables(path, content)}
    order = _byte_order(path, content)

    def fetch(name: str) -> Array:
        return _numbers(path, variables[name], order)

    return array_parts(path, list(variables), fetch, reading)


def _byte_order(path: Path, content: memoryview) -> str:
    """"<" or ">", from the mark at the end of the header."""
    if _HDF5 in (bytes(content[:8]), bytes(content[512:520])):
        raise broken(path, "is of version 7.3, which is HDF5; versions 5 to 7 are read", _HINT)
    if len(content) < _HEADER:
        raise broken(path, f"has {len(content)} bytes; a .mat file starts with a header of "
                           f"{_HEADER}", _HINT)
    mark = bytes(content[126:128])
    if mark not in (b"IM", b"MI"):
        raise broken(path, f"has {quoted(mark.decode('latin-1'))} at byte 126; a .mat file of "
                           "version 5 to 7 has IM or MI there", _HINT)
    order = "<" if mark == b"IM" else ">"
    version = struct.unpack_from(f"{order}H", content, 124)[0]
    if version != 0x0100:
        raise broken(path, f"is of version {version:#06x}; versions 5 to 7 (0x0100) are read",
                     _HINT)
    return order


def _variables(path: Path, content: memoryview) -> Iterator[_Variable]:
    """The arrays of the file, their numbers not yet read."""
    order = _byte_order(path, content)
    at, count = _HEADER, 0
    while at < len(content):
        place = f"byte {at:,}"
        kind, body, after = _element(path, content, at, order, place)
        count += 1
        if count > DATA_FILES:
            raise LimitError(f"{named(path)}: more than {DATA_FILES:,} arrays")
        if kind == _COMPRESSED:
            head = _unpacked(path, body, _OVERHEAD, place)
            if len(head) >= 8 and struct.unpack_from(f"{order}I", head)[0] == _MATRIX:
                found = _variable(path, head[8:], order, place)
                yield replace(found, element=body, packed=True)
        elif kind == _MATRIX and len(body):
            yield _variable(path, body, order, place)
        # an element of another kind is of a newer MATLAB, or says how the file was made
        at = after


def _element(
    path: Path, content: memoryview, at: int, order: str, place: str
) -> tuple[int, memoryview, int]:
    """The type and content of the element at a place, and where the next one starts."""
    if at + 8 > len(content):
        raise broken(path, f"ends within the element at {place}",
                     "the file is cut short: copy it again")
    kind, length = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:  # a small element: type and length share four bytes, the content is the next
        kind, length = kind & 0xFFFF, kind >> 16
        if length > 4:
            raise broken(path, f"the small element at {place} has {length} bytes, at most 4 fit")
        return kind, content[at + 4 : at + 4 + length], at + 8
    if at + 8 + length > len(content):
        raise broken(path, f"the element at {place} has {length:,} bytes by its header; "
                           f"{len(content) - at - 8:,} are left",
                     "the file is cut short: copy it again")
    filled = length if kind == _COMPRESSED else -(-length // 8) * 8
    return kind, content[at + 8 : at + 8 + length], min(at + 8 + filled, len(content))


def _unpacked(path: Path, packed: memoryview, most: int, place: str) -> memoryview:
    """The first bytes of a compressed element, `most` of them if it has so many."""
    worker = zlib.decompressobj()
    body = bytearray()
    try:
        body += worker.decompress(packed, min(most, _PIECE))
        while len(body) < most and (
                piece := worker.decompress(worker.unconsumed_tail, min(most - len(body), _PIECE))):
            body += piece
    except zlib.error as error:
        raise broken(path, f"the compressed element at {place} cannot be unpacked: {error}",
                     "the file is damaged: copy it again") from None
    return memoryview(body)


def _variable(path: Path, body: memoryview, order: str, place: str) -> _Variable:
    """The header of an array: flags, lengths of axes, name."""
    what = f"the array at {place}"
    kind, flags, at = _element(path, body, 0, order, place)
    if kind != 6 or len(flags) != 8:
        raise broken(path, f"{what} does not start with its flags")
    word = struct.unpack_from(f"{order}I", flags)[0]
    kind, lengths, at = _element(path, body, at, order, place)
    if kind not in (5, 6) or len(lengths) % 4 or not 1 <= len(lengths) // 4 <= TENSOR_AXES:
        if word & 0xFF in (16, 17):  # functions and objects have no lengths
            return _Variable(f"({_OTHERS[word & 0xFF]})", word & 0xFF, 0, (), at, place, body)
        raise broken(path, f"{what} does not say the lengths of its axes, 1 to {TENSOR_AXES}")
    shape = struct.unpack(f"{order}{len(lengths) // 4}i", lengths)
    kind, name, at = _element(path, body, at, order, place)
    if min(shape) < 0:
        raise broken(path, f"{what} has an axis of {min(shape)} cells")
    if math.prod(shape) * 8 > TENSOR_BYTES:
        raise LimitError(f"{named(path)}: {what} has {shown(shape)} numbers, more than "
                         f"{TENSOR_BYTES // 2**30} GiB")
    text = bytes(name[:200]).decode("latin-1")
    return _Variable(text, word & 0xFF, word >> 8 & 0xFF, shape, at, place, body)


def _numbers(path: Path, v: _Variable, order: str) -> Array:
    """The numbers of an array."""
    what = f"the array {quoted(v.name)} at {v.place}"
    if v.kind not in _CLASSES:
        kind = _OTHERS.get(v.kind, f"of an unknown class {v.kind}")
        raise broken(path, f"{what} is {kind}, expected an array of numbers", _HINT)
    if v.flags & _COMPLEX:
        raise broken(path, f"{what} holds complex numbers, expected real ones")
    body = v.element
    if v.packed:  # a number takes eight bytes at most: nothing beyond that is unpacked
        body = _unpacked(path, v.element, math.prod(v.shape) * 8 + _OVERHEAD, v.place)[8:]
    stored, content, _ = _element(path, body, v.start, order, v.place)
    if stored not in _STORED:
        raise broken(path, f"{what} has its numbers in an element of type {stored}, expected one "
                           "of numbers")
    dtype = np.dtype(f"{order}{_STORED[stored]}")
    if len(content) != math.prod(v.shape) * dtype.itemsize:
        raise broken(path, f"{what} is {shown(v.shape)} by its header, and has "
                           f"{len(content):,} bytes of numbers where that takes "
                           f"{math.prod(v.shape) * dtype.itemsize:,}")
    array: Array = np.ndarray(v.shape, dtype, content, order="F")
    return array.astype(np.dtype(_CLASSES[v.kind]))
