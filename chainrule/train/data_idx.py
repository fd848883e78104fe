"""IDX files: the form of MNIST and of those that replace it.

A file is two zero bytes, a byte for the type of the numbers, a byte for how many axes there are,
the length of each axis as four bytes, and then the numbers, last axis fastest, all with the most
significant byte first. `train-images-idx3-ubyte` has three axes of bytes: 60,000 × 28 × 28. Each
may be packed by gzip, and then its name ends in .gz.

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits" (1998), which
describes the form at its end.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from chainrule.errors import LimitError
from chainrule.limits import TENSOR_AXES, TENSOR_BYTES
from chainrule.train.data_examples import Array, shown
from chainrule.train.data_files import (
    Found,
    Reading,
    at_end,
    broken,
    entries,
    in_order,
    inside,
    named,
    opened,
    part_of,
    read_exactly,
)

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> Array:
    """The array of an IDX file, unpacked if the name ends in .gz, in the machine's byte order.

    Raises `InputError` for a file that is not of this form, at the byte where it stops to be, and
    `LimitError` for one that promises more than the limits, before it is read.
    """
    stream, most = opened(path)
    with stream:
        head = bytes(read_exactly(path, stream, 4, "the header", 0))
        if head[:2] != b"\0\0" or head[2] not in _TYPES:
            raise broken(path, f"starts with the bytes {head.hex(' ')}; an IDX file starts with "
                               f"00 00 and a type, one of {', '.join(f'{t:02x}' for t in _TYPES)}")
        axes = head[3]
        if not 1 <= axes <= TENSOR_AXES:
            raise broken(path, f"has {axes} axes (byte 3), expected 1 to {TENSOR_AXES}")
        lengths = struct.unpack(f">{axes}I", read_exactly(path, stream, 4 * axes, "the header", 4))
        start = 4 + 4 * axes
        dtype = np.dtype(_TYPES[head[2]])
        count = math.prod(lengths) * dtype.itemsize
        if count > TENSOR_BYTES:
            raise LimitError(f"{named(path)}: the header promises {shown(lengths)} numbers, more "
                             f"than {TENSOR_BYTES // 2**30} GiB")
        if count + start > most:
            raise broken(path, f"the header promises {shown(lengths)} numbers, which end at byte "
                               f"{start + count:,}; the file can hold {most:,} at most",
                         "the file is cut short: copy it again")
        numbers = read_exactly(path, stream, count, f"its {shown(lengths)} numbers", start)
        at_end(path, stream, f"its {shown(lengths)} numbers", start + count)
    array: Array = np.ndarray(lengths, dtype, numbers)
    return array.astype(dtype.newbyteorder("="), copy=False)


def is_idx(name: str) -> bool:
    """Whether a file's name is one that IDX files have: train-images-idx3-ubyte.gz."""
    return "-ubyte" in name.lower() or name.lower().removesuffix(".gz").endswith((".idx", ".idx3"))


def read_folder(folder: Path, reading: Reading) -> dict[str, Found]:
    """The parts of a folder of IDX files: (train|validation|t10k)-(images|labels)-...-ubyte."""
    reading.only("a folder of IDX files", "task", "classes")
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for entry in entries(folder):
        if not is_idx(entry.name):
            continue
        part, kind = part_of(entry.name), images if "images" in entry.name.lower() else labels
        if part is None or ("images" in entry.name.lower()) == ("labels" in entry.name.lower()):
            raise broken(Path(entry.path), "says not of which part the images or labels are",
                         "expected a name such as train-images-idx3-ubyte.gz")
        path = inside(folder, entry)
        if part not in kind or kind[part].suffix.lower() == ".gz":  # unpacked is read first
            kind[part] = path
    for part, path in [*images.items(), *labels.items()]:
        if part not in images or part not in labels:
            what = "labels" if part in images else "images"
            raise broken(path, f"the {what} that belong to it are missing in {named(folder)}")
    if "train" not in images:
        raise broken(folder, "there is no training part among its IDX files",
                     "expected train-images-idx3-ubyte and train-labels-idx1-ubyte")
    return in_order({part: _found(images[part], labels[part]) for part in images})


def read_pair(path: Path, reading: Reading) -> dict[str, Found]:
    """The images of one file, with the labels that lie beside it; all for training."""
    reading.only("an IDX file", "task", "classes")
    name = path.name
    if "images" not in name.lower():
        raise broken(path, "is not a file of images by its name",
                     "give the images (train-images-idx3-ubyte), or the folder")
    wanted = name.replace("images", "labels").replace("idx3", "idx1")
    for other in (wanted, wanted.removesuffix(".gz"), wanted + ".gz"):
        if (path.parent / other).exists():
            return {"train": _found(path, path.parent / other)}
    raise broken(path, f"the labels that belong to it are missing: {wanted}")


def _found(images: Path, labels: Path) -> Found:
    inputs, answers = read_idx(images), read_idx(labels)
    if inputs.ndim < 2:
        raise broken(images, f"has {inputs.ndim} axis, expected images: 3 axes")
    if answers.ndim != 1:
        raise broken(labels, f"has {answers.ndim} axes, expected labels: 1 axis")
    if len(inputs) != len(answers):
        raise broken(labels, f"has {len(answers):,} labels for the {len(inputs):,} images of "
                             f"{named(images.name)}")
    return Found(inputs, answers, named(images))
