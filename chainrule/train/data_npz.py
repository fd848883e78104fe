"""NumPy's .npz archives: a zip file of arrays, read without pickle and without trust.

NumPy's own reader allocates what a header promises. Here the directory of the archive and the
header of each array are read first and held against each other and against the limits; only then
is an array made. An array of Python objects is refused: only pickle reads those, and pickle runs
what it reads.

Source: the form is described in `numpy.lib.format`, and zip in PKWARE's APPNOTE.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from chainrule.errors import LimitError
from chainrule.limits import DATA_FILES, TENSOR_AXES, TENSOR_BYTES
from chainrule.train.data_arrays import array_parts
from chainrule.train.data_examples import Array, shown
from chainrule.train.data_files import (
    Found,
    Reading,
    at_end,
    broken,
    file_size,
    named,
    quoted,
    read_exactly,
)

_MAGIC = b"\x93NUMPY"
_HEADER_BYTES = 10_000
_DESCR = re.compile(r"'descr': *'([<>|=]?)([biufUS])(\d{1,9})'")
_ORDER = re.compile(r"'fortran_order': *(True|False)")
_SHAPE = re.compile(r"'shape': *\(([\d, L]{0,400})\)")
_ODD = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OverflowError,
        struct.error, zlib.error, OSError, EOFError, IndexError)  # what zipfile raises on lies


def read_npz(path: Path, reading: Reading) -> dict[str, Found]:
    """The parts of an .npz file: arrays x, y or x_train, y_train, x_test, y_test and the like."""
    reading.only("an .npz file", "inputs", "label", "task", "classes", "examples", "channels")
    file_size(path)
    try:
        archive = zipfile.ZipFile(path)
    except _ODD as error:
        raise broken(path, f"is not a zip archive: {error}", "write it with numpy.savez") from None
    with archive:
        members = archive.infolist()
        if len(members) > DATA_FILES:
            raise LimitError(f"{named(path)}: {len(members):,} members are more than "
                             f"{DATA_FILES:,}")
        arrays = {m.filename.removesuffix(".npy"): m for m in members}
        if len(arrays) < len(members):
            raise broken(path, "two members have the same name")

        def fetch(name: str) -> Array:
            return _array(path, archive, arrays[name], name)

        return array_parts(path, list(arrays), fetch, reading)


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Array:
    """One array: its place in the archive checked, then its header, then its numbers."""
    what = f"array {quoted(name)}"
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED,
                                                            zipfile.ZIP_DEFLATED):
        raise broken(path, f"{what} is encrypted or packed in a way that NumPy does not write",
                     "write it with numpy.savez or numpy.savez_compressed")
    try:
        with archive.open(member) as stream:
            found = cast(BinaryIO, stream)
            dtype, fortran, shape, start = _header(path, found, what)
            count = math.prod(shape) * dtype.itemsize
            if count > TENSOR_BYTES:
                raise LimitError(f"{named(path)}: {what} has {shown(shape)} numbers, more than "
                                 f"{TENSOR_BYTES // 2**30} GiB")
            if start + count != member.file_size:
                raise broken(path, f"{what} has {shown(shape)} numbers by its header, {count:,} "
                                   f"bytes; the archive holds {member.file_size - start:,} for it")
            numbers = read_exactly(path, found, count, what, start)
            at_end(path, found, what, start + count)
    except _ODD as error:
        raise broken(path, f"{what} cannot be unpacked: {error}",
                     "the file is damaged: copy it again") from None
    array: Array = np.ndarray(shape, dtype, numbers, order="F" if fortran else "C")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    return _text(path, array, what) if dtype.kind in "US" else array


def _text(path: Path, array: Array, what: str) -> Array:
    """Text as Unicode; numbers that are no characters are refused."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "latin-1")
    codes = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
    if codes.max(initial=0) > 0x10FFFF:
        raise broken(path, f"{what} is text with a character U+{codes.max():X} that there is not")
    return array


def _header(
    path: Path, stream: BinaryIO, what: str
) -> tuple[np.dtype[np.generic], bool, tuple[int, ...], int]:
    """Type, order, shape, and where the numbers start."""
    magic = bytes(read_exactly(path, stream, 8, what, 0))
    if magic[:6] != _MAGIC or magic[6] not in (1, 2, 3):
        raise broken(path, f"{what} starts with the bytes {magic.hex(' ')}; an array of NumPy "
                           f"starts with {_MAGIC.hex(' ')} 01 00")
    wide = 2 if magic[6] == 1 else 4
    length = int.from_bytes(read_exactly(path, stream, wide, what, 8), "little")
    if length > _HEADER_BYTES:
        raise broken(path, f"{what} has a header of {length:,} bytes; expected {_HEADER_BYTES:,} "
                           "at most")
    text = bytes(read_exactly(path, stream, length, what, 8 + wide)).decode("latin-1")
    descr, order, shape = _DESCR.search(text), _ORDER.search(text), _SHAPE.search(text)
    if "'|O'" in text or "'O'" in text:
        raise broken(path, f"{what} holds Python objects, which only pickle reads; refused",
                     "write it again as an array of numbers, or of text with dtype=str")
    if not (descr and order and shape) or len(_DESCR.findall(text)) > 1:
        raise broken(path, f"{what} has the header {quoted(text.strip(), 120)}; expected a simple "
                           "type of real numbers or text, fortran_order and shape")
    axes = tuple(int(n.strip(" L")) for n in shape[1].split(",") if n.strip(" L"))
    if len(axes) > TENSOR_AXES or any(n > 2**48 for n in axes):
        raise broken(path, f"{what} has the shape ({quoted(shape[1])}): too many or too long axes")
    order_mark = descr[1] if descr[1] != "|" else ""
    try:
        dtype = np.dtype(f"{order_mark}{descr[2]}{descr[3]}")
    except (TypeError, ValueError):
        raise broken(path, f"{what} has numbers of a type {descr[2]}{descr[3]} that there is not"
                     ) from None
    if not dtype.itemsize:
        raise broken(path, f"{what} is text of no length")
    return dtype, order[1] == "True", axes, 8 + wide + length
