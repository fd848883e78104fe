"""Data for training: one function that reads every form, and what comes out of it.

    >>> data = load("digits")
    >>> data
    <Data digits: 1257 train, 180 validation, 360 test>
    >>> data.train.inputs.shape, data.train.labels[:5].tolist()
    ((1257, 1, 8, 8), [0, 2, 3, 4, 5])

`load` takes the name of a data set (`digits`, `fashion-mnist`), a file (.npz, .mat, .csv, IDX) or a
folder (of IDX files, of `data_train.mat` and `data_test.mat`, of pictures sorted into classes). It
never fetches anything from a network. What was read is checked, brought to floats, split if that is
asked for, and then scaled by what the training part shows.

Pixels that are stored in bytes become numbers from 0 to 1; all other numbers stay as they are.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import InputError, did_you_mean
from chainrule.train.data_arrays import channels_first
from chainrule.train.data_digits import digits
from chainrule.train.data_examples import Array, Data, Examples, check_cells, one_hot
from chainrule.train.data_files import (
    Found,
    Reading,
    broken,
    entries,
    in_order,
    inside,
    named,
    part_of,
)
from chainrule.train.data_idx import is_idx, read_folder, read_pair
from chainrule.train.data_images import has_pictures, read_pictures
from chainrule.train.data_labels import settled
from chainrule.train.data_mat import read_mat
from chainrule.train.data_npz import read_npz
from chainrule.train.data_scale import Scaling, prepared
from chainrule.train.data_split import Split, permutation, resplit
from chainrule.train.data_tables import is_table, read_table
from chainrule.train.data_text import is_text

__all__ = ["Data", "Examples", "Scaling", "load", "one_hot", "permutation"]

NAMES = ("digits", "fashion-mnist")
FASHION = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
_GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
             "Bag", "Ankle boot")
_FASHION_ABOUT = ("H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for "
                  "Benchmarking Machine Learning Algorithms (2017), arXiv:1708.07747, MIT licence")
_FORMS = "expected an .npz, .mat, .csv or IDX file, or a folder of them or of pictures"


def load(
    what: str | os.PathLike[str],
    *,
    split: Split | None = None,
    seed: int = 0,
    standardise: str | None = None,
    scale: str | None = None,
    shape: str | Sequence[int] | None = None,
    dtype: str = "float64",
    **reading: Any,
) -> Data:
    """The data of a name, a file or a folder, ready to train on.

    - `split`: "0.8/0.1/0.1" or "rest/200/360", train/validation/test, stratified. Two numbers
      divide what there is besides the test part. None: as the data come; a single file is all
      training. `seed` draws it.
    - `standardise` or `scale`: "feature", "channel" or "one", measured on the training part.
    - `shape`: of one input, "1x16x16" or "flat". `dtype`: "float64" or "float32".
    - The others say what a file means where it does not (see `Reading`): `inputs`, `label`,
      `task`, `classes`, `header`, `delimiter`, `examples`, `channels`, `resize`.

    Raises `InputError` for what is not of its form, at the place; `LimitError` for what is too
    large, before it is read.

    >>> load("digits", split="0.5/0.5", shape="flat", standardise="feature", dtype="float32")
    <Data digits: 719 train, 718 validation, 360 test>
    """
    if dtype not in ("float32", "float64"):
        raise InputError(f"there is no dtype {dtype!r:.40} for data", None, "float32 or float64")
    if standardise is not None and scale is not None:
        raise InputError("either standardise or scale: the second would undo the first")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"a seed is a whole number, found {seed!r:.40}")
    if is_text(what):
        raise InputError(f"{named(Path(what))} is a text, which `load_text` reads", None,
                         "cr.train.load_text(…, window=64)")
    data = _read(what, _reading(reading), dtype)
    if split is not None:
        data = resplit(data, split, seed)
    if shape is not None:
        data = data.flat() if shape == "flat" else data.shaped(_shape(shape))
    if standardise is not None:
        return prepared(data, standardise, "standardise")
    return data if scale is None else prepared(data, scale, "scale")


def _reading(options: Mapping[str, Any]) -> Reading:
    """The options on how to read, with names that are none of them refused."""
    known = list(Reading.__dataclass_fields__)
    for name in options:
        if name not in known:
            raise InputError(f"load has no option {name!r:.40}", None,
                             did_you_mean(name, known) or f"one of {', '.join(known)}")
    reading = Reading(**options)
    classes = reading.classes
    if classes is not None and not isinstance(classes, int | str):
        return replace(reading, classes=tuple(map(str, classes)))
    if isinstance(classes, str):
        names = tuple(word.strip() for word in classes.split(","))
        whole = len(names) == 1 and names[0].isdecimal() and len(names[0]) < 10
        return replace(reading, classes=int(names[0]) if whole else names)
    return reading


def _shape(shape: str | Sequence[int]) -> tuple[int, ...]:
    if isinstance(shape, str):
        if not re.fullmatch(r"\d{1,9}( ?[x×,] ?\d{1,9}){0,15}", shape):
            raise InputError(f"{shape!r:.40} is not a shape", None, "write 1x28x28, or flat")
        return tuple(map(int, re.split(r" ?[x×,] ?", shape)))
    return tuple(map(int, shape))


def _read(what: str | os.PathLike[str], reading: Reading, dtype: str) -> Data:
    """What a name, a file or a folder holds."""
    if what == "digits":
        reading.only("digits")
        return _as(digits(), dtype)
    if what == "fashion-mnist":
        return _fashion(reading, dtype)
    path = Path(what)
    try:
        there, folder = path.exists(), path.is_dir()
    except (OSError, ValueError):  # a name too long, a NUL in it
        there = folder = False
    if not there:
        close = did_you_mean(str(what)[:80], list(NAMES))
        raise InputError(f"{named(path)}: there is no such file, folder or data set", None,
                         close or f"the data sets by name are {', '.join(NAMES)}")
    name = named(path.name or path.resolve().name, 60)
    if folder:
        return _folder(path, reading, dtype, name)
    found = _file(path, reading)
    return _made(found, reading, dtype, name, pixels=is_idx(path.name))


def _as(data: Data, dtype: str) -> Data:
    """The data with inputs (and real targets) of a width."""
    parts = {name: replace(e, inputs=e.inputs.astype(dtype, copy=False))
             for name, e in data.parts().items()}
    return data.with_parts(parts)


def _fashion(reading: Reading, dtype: str) -> Data:
    if not FASHION.is_dir():
        raise InputError(f"fashion-mnist is not installed: there is no folder {FASHION}", None,
                         "apt install dataset-fashion-mnist; or download its four files "
                         "(train-images-idx3-ubyte.gz, ...) and give their folder")
    return _folder(FASHION, reading, dtype, "fashion-mnist")


def _file(path: Path, reading: Reading) -> dict[str, Found]:
    """The parts of one file, by the form that its name says."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, reading)
    if suffix == ".mat":
        return read_mat(path, reading)
    if is_idx(path.name):
        return read_pair(path, reading)
    if is_table(path):
        return read_table(path, reading)
    raise broken(path, "is of no form that is known by its name", _FORMS)


def _folder(path: Path, reading: Reading, dtype: str, name: str) -> Data:
    """The data of a folder: IDX files, files of parts, or pictures in folders of classes."""
    if any(is_idx(entry.name) for entry in entries(path)):
        if path.name == "fashion-mnist" and reading.classes is None:
            reading = replace(reading, classes=_GARMENTS)
        found = read_folder(path, reading)
        data = _made(found, reading, dtype, name, pixels=True)
        return replace(data, about=_FASHION_ABOUT if path.name == "fashion-mnist" else "")
    files = _files_of_parts(path)
    if not files and has_pictures(path):
        found, classes = read_pictures(path, reading, dtype)
        return _made(found, replace(reading, classes=classes, channels="first"), dtype, name,
                     notes=("pixels scaled to 0..1",))
    if "train" not in files:
        raise broken(path, "holds no data that are known by their names",
                     "expected data_train.mat and data_test.mat (or .npz, .csv), IDX files, or a "
                     "folder of pictures for each class")
    return _made({part: _only_part(file, reading) for part, file in in_order(files).items()},
                 reading, dtype, name)


def _files_of_parts(folder: Path) -> dict[str, Path]:
    """The files of a folder whose names speak of a part, such as data_train.mat."""
    files: dict[str, Path] = {}
    for entry in entries(folder):
        part = part_of(entry.name)
        known = entry.name.lower().endswith((".npz", ".mat")) or is_table(Path(entry.name))
        if part is None or not known or entry.is_dir():
            continue
        if part in files:
            raise broken(folder, f"has two files for the {part} part: {named(files[part].name)} "
                                 f"and {named(entry.name)}",
                         "give a folder with one for each part")
        files[part] = inside(folder, entry)
    return files


def _only_part(path: Path, reading: Reading) -> Found:
    """The one part that a file of a part holds."""
    found = _file(path, reading)
    if len(found) > 1:
        raise broken(path, f"holds the parts {', '.join(found)}, and is itself one of several",
                     "give this file alone")
    return next(iter(found.values()))


def _made(
    found: Mapping[str, Found], reading: Reading, dtype: str, name: str, pixels: bool = False,
    notes: tuple[str, ...] = (),
) -> Data:
    """Data from the arrays that were found: floats, channels first, answers settled."""
    pixels = pixels or _pictures_in_bytes(found)
    parts, moved = channels_first(found, reading.channels)
    if pixels and any(f.inputs.dtype == np.uint8 for f in found.values()):
        notes += ("bytes divided by 255",)
    if moved:
        notes += ("channels moved to the front",)
    parts = {part: replace(f, inputs=_floats(f, dtype, pixels)) for part, f in parts.items()}
    examples = settled(parts, reading)
    return Data(examples["train"], examples.get("validation"), examples.get("test"), name,
                notes=notes)


def _pictures_in_bytes(found: Mapping[str, Found]) -> bool:
    """Whether arrays are pictures in bytes: of three or four axes, and not only zeros and ones."""
    arrays = [f.inputs for f in found.values()]
    return all(a.dtype == np.uint8 and a.ndim in (3, 4) for a in arrays) and any(
        a.max(initial=0) > 1 for a in arrays)


def _floats(found: Found, dtype: str, pixels: bool) -> Array:
    """The inputs as floats of a width, pixels in bytes divided by 255."""
    x = found.inputs
    if x.dtype.kind not in "fiub":
        raise broken(found.origin, f"the inputs are of the type {x.dtype}, expected numbers")
    check_cells(math.prod(x.shape), np.dtype(dtype).itemsize, f"{found.origin}: the inputs")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as that
        if pixels and x.dtype == np.uint8:
            return np.divide(x, 255, dtype=np.dtype(dtype))
        return np.ascontiguousarray(x, np.dtype(dtype))
