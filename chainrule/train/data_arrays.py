"""Arrays in files: which of them are the inputs, which the labels, and which way round they lie.

An .npz or a .mat file holds arrays by name. Two names are looked for: inputs (also x, images, data,
features) and labels (also y, target, targets, t), alone or with a part: x_train, test_labels. Where
a file uses other names, the user says which. MATLAB's users often keep an example in each column;
then the last axis counts the examples, and is brought to the front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from chainrule.errors import InputError
from chainrule.train.data_examples import Array, listed, shown
from chainrule.train.data_files import (
    Found,
    Reading,
    broken,
    in_order,
    meant,
    named,
    part_of,
    quoted,
)

_INPUTS = ("inputs", "input", "x", "images", "image", "data", "features")
_ANSWERS = ("labels", "label", "y", "target", "targets", "t", "class", "classes")
Fetch = Callable[[str], Array]


def array_parts(path: Path, names: list[str], fetch: Fetch, reading: Reading) -> dict[str, Found]:
    """The parts that a file of arrays holds; only the arrays that are wanted are read.

    `names` are the arrays of the file, `fetch` reads one. A file without the name of a part in its
    arrays is one part, for training.
    """
    wanted_inputs = _INPUTS if reading.inputs is None else (reading.inputs.lower(),)
    wanted_answers = _ANSWERS if reading.label is None else (str(reading.label).lower(),)
    inputs = _by_part(path, names, wanted_inputs)
    answers = _by_part(path, names, wanted_answers)
    if not inputs or not answers:
        what, wanted = ("inputs", wanted_inputs) if not inputs else ("labels", wanted_answers)
        raise broken(path, f"holds no {what} ({' or '.join(wanted)}); its arrays are "
                           f"{listed([quoted(n) for n in names])}",
                     _suggestion(what, wanted, names))
    for part, name in [*inputs.items(), *answers.items()]:
        if part not in inputs or part not in answers:
            missing = "labels" if part in inputs else "inputs"
            raise broken(path, f"holds no {missing} that go with {quoted(name)}; its arrays are "
                               f"{listed([quoted(n) for n in names])}")
    if "train" not in inputs:
        if list(inputs) != [""]:
            raise broken(path, "holds no training part", "expected names such as x_train, y_train")
        inputs, answers = {"train": inputs[""]}, {"train": answers[""]}
    inputs.pop("", None)
    found = {}
    for part, name in inputs.items():
        x, y = fetch(name), fetch(answers[part])
        found[part] = _examples_first(path, x, y, (name, answers[part]), reading)
    return in_order(found)


def _by_part(path: Path, names: list[str], wanted: tuple[str, ...]) -> dict[str, str]:
    """The names that say one of the wanted words, by the part that they speak of ("": none)."""
    found: dict[str, str] = {}
    for name in names:
        part = part_of(name)
        words = name.lower().split("_")
        rest = "_".join(w for w in words if part is None or part_of(w) is None)
        if rest in wanted or name.lower() in wanted:
            key = part or ""
            if key in found:
                raise broken(path, f"holds both {quoted(found[key])} and {quoted(name)}",
                             "say which with inputs= and label= (--inputs, --label)")
            found[key] = name
    return found


def _suggestion(what: str, wanted: tuple[str, ...], names: list[str]) -> str | None:
    option = "inputs" if what == "inputs" else "label"
    close = meant(wanted[0], names) if len(wanted) == 1 else None
    return close or f"say which array they are with {option}= (--{option})"


def _examples_first(
    path: Path, x: Array, y: Array, names: tuple[str, str], reading: Reading
) -> Found:
    """The two arrays with the examples along the first axis."""
    if y.ndim == 2 and 1 in y.shape and reading.examples is None and x.ndim > 1 and (
            max(y.shape) in (x.shape[0], x.shape[-1])):
        y = y.reshape(-1)  # MATLAB has no arrays of one axis
    if x.ndim < 1 or y.ndim < 1:
        raise broken(path, f"{quoted(names[0])} and {quoted(names[1])} are single numbers")
    at_first, at_last = x.shape[0] == y.shape[0], x.shape[-1] == y.shape[-1]
    way = reading.examples
    if way not in (None, "first", "last"):
        raise InputError(f"examples are \"first\" or \"last\", found {way!r:.40}")
    if way is None and at_first and at_last and x.ndim > 1 and path.suffix.lower() == ".mat":
        raise broken(path, f"{quoted(names[0])} is {shown(x.shape)} and {quoted(names[1])} is "
                           f"{shown(y.shape)}: either axis may count the examples",
                     "say which with examples=\"first\" or \"last\" (--examples)")
    if way == "last" or (way is None and at_last and not at_first):
        x, y = np.moveaxis(x, -1, 0), np.moveaxis(y, -1, 0)
    if x.shape[0] != y.shape[0]:
        raise broken(path, f"{quoted(names[0])} is {shown(x.shape)} and {quoted(names[1])} is "
                           f"{shown(y.shape)}: no axis counts the examples in both")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return Found(x[:, None] if x.ndim == 1 else x, y, named(path))


def channels_first(parts: Mapping[str, Found], way: str | None) -> tuple[dict[str, Found], bool]:
    """Inputs of three or four axes as images (n, channels, height, width); whether any moved.

    Three axes are images of one channel. Of four, the axis of length 1, 3 or 4 is the channels;
    where both the second and the last could be, the user says which.
    """
    if way not in (None, "first", "last"):
        raise InputError(f"channels are \"first\" or \"last\", found {way!r:.40}")
    made, moved = {}, False
    for name, found in parts.items():
        x = found.inputs
        if x.ndim == 3:
            x = x[:, None]
        elif x.ndim == 4:
            first, last = x.shape[1] in (1, 3, 4), x.shape[3] in (1, 3, 4)
            if way is None and first and last:
                raise InputError(f"{found.origin}: images of {shown(x.shape[1:])}: either axis may "
                                 "be the channels", None,
                                 "say which with channels=\"first\" or \"last\" (--channels)")
            if way == "last" or (way is None and last):
                x, moved = np.moveaxis(x, 3, 1), True
        made[name] = Found(x, found.answers, found.origin)
    return made, moved
