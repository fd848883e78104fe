"""What the answers of a data set mean: classes, or real numbers.

Files write the same labels in many ways: whole numbers from 0, numbers from 1 as MATLAB counts,
-1 and 1, names of species, rows with one 1. Here they become numbers 0 .. K-1 with names, the same
in every part. What is not a whole number is a real target. Where the two cannot be told apart
(5,000 different whole numbers: classes, or prices?) the user is asked to say which.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.errors import InputError, LimitError, ShapeError, did_you_mean
from chainrule.limits import DATA_CLASSES
from chainrule.train.data_examples import Array, Examples, listed
from chainrule.train.data_files import Found, Reading, quoted

TASKS = ("classify", "regress")
_FEW = 20  # so few different whole numbers are classes, however few examples there are
_MANY = 1000  # more are not taken for classes without being told


def settled(parts: Mapping[str, Found], reading: Reading) -> dict[str, Examples]:
    """The examples of each part, with labels in common classes or with real targets."""
    task = reading.task
    if task is not None and task not in TASKS:
        raise InputError(f"there is no task {task!r:.40}", None,
                         did_you_mean(str(task), list(TASKS)) or f"one of {', '.join(TASKS)}")
    answers = {name: _column(found) for name, found in parts.items()}
    for name, found in parts.items():
        if len(answers[name]) != len(found.inputs):
            raise ShapeError(f"{found.origin}: {len(found.inputs):,} inputs and "
                             f"{len(answers[name]):,} labels")
    if task is None:
        task = _task(parts, answers, reading)
    if task == "regress":
        if reading.classes is not None:
            raise InputError("real targets have no classes", None, "leave out classes")
        return {name: Examples(found.inputs, targets=_reals(found, answers[name]),
                               origin=found.origin) for name, found in parts.items()}
    numbers = {name: _class_numbers(parts[name], a) for name, a in answers.items()}
    return _classified(parts, numbers, reading)


def _column(found: Found) -> Array:
    """The answers with a single column as (n,), reals of any width as float64."""
    a = found.answers
    a = a.astype(np.float64, copy=False) if a.dtype.kind == "f" else a
    return a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a


def _task(parts: Mapping[str, Found], answers: Mapping[str, Array], reading: Reading) -> str:
    """Whether the answers are classes or real numbers, where that can be told."""
    arrays = list(answers.values())
    if reading.classes is not None or any(a.dtype.kind in "US" for a in arrays):
        return "classify"
    if any(a.ndim > 2 for a in arrays):
        raise ShapeError(f"{parts['train'].origin}: answers are (n,) or (n, K), found "
                         f"{arrays[0].ndim} axes")
    if any(a.ndim == 2 for a in arrays):
        return "classify" if all(_only_zeros_and_ones(a) for a in arrays) else "regress"
    if not all(_whole(a) for a in arrays):
        return "regress"
    together = np.concatenate(arrays)
    different = np.unique(together).size
    if different <= _FEW or (different <= _MANY and 2 * different <= together.size):
        return "classify"
    raise InputError(f"{parts['train'].origin}: the labels are {different:,} different whole "
                     f"numbers for {together.size:,} examples: classes, or numbers to be "
                     "approximated?", None, "say task=\"classify\" or task=\"regress\" "
                     "(--task on the command line)")


def _whole(a: Array) -> bool:
    if a.dtype.kind != "f":
        return True
    with np.errstate(invalid="ignore"):
        return bool((a == np.floor(a)).all()) and bool((np.abs(a) < 2**53).all())


def _only_zeros_and_ones(a: Array) -> bool:
    return a.shape[1] > 1 and bool(((a == 0) | (a == 1)).all())


def _reals(found: Found, answers: Array) -> Array:
    if answers.dtype.kind in "US":
        raise InputError(f"{found.origin}: the label of example 0 is {quoted(str(answers[0]))}; "
                         "real targets are numbers", None, "for classes, task=\"classify\"")
    return answers


def _class_numbers(found: Found, a: Array) -> Array:
    """One whole number or one name for each example."""
    if a.dtype.kind in "US":
        return a if a.ndim == 1 else _not_labels(found, "several columns of text")
    if a.ndim == 2:
        return _positions(found, a)
    if a.ndim != 1:
        return _not_labels(found, f"an array of {a.ndim} axes")
    if not _whole(a):
        row = int(np.flatnonzero(~((a == np.floor(a)) & (np.abs(a) < 2**53)))[0])
        raise InputError(f"{found.origin}: example {row} (from 0) has the label {a[row]:g}; a "
                         "class is a whole number", None, "for real targets, task=\"regress\"")
    if a.dtype.kind == "u" and int(a.max(initial=0)) >= 2**63:
        raise InputError(f"{found.origin}: there is a label {a.max()}: it does not fit 64 bits")
    return a.astype(np.int64)


def _positions(found: Found, a: Array) -> Array:
    """Where the 1 stands in each row of one-hot targets."""
    good = ((a == 0) | (a == 1)).all(axis=1) & ((a == 1).sum(axis=1) == 1)
    if not good.all():
        row = int(np.argmin(good))
        cells = ", ".join(f"{v:g}" for v in a[row, :12].astype(float))
        raise InputError(f"{found.origin}: row {row} (from 0) of the targets is [{cells}"
                         f"{', …' if a.shape[1] > 12 else ''}]: one-hot targets have exactly one "
                         "1, and zeros", None, "for real targets, task=\"regress\"")
    positions: Array = np.argmax(a, axis=1)
    return positions


def _not_labels(found: Found, what: str) -> Array:
    raise ShapeError(f"{found.origin}: labels are one number or name for each example, found "
                     f"{what}")


def _classified(
    parts: Mapping[str, Found], numbers: Mapping[str, Array], reading: Reading
) -> dict[str, Examples]:
    """Examples whose labels are 0 .. K-1, with the names of the classes."""
    text = {a.dtype.kind in "US" for a in numbers.values()}
    if len(text) > 1:
        raise InputError(f"{parts['train'].origin}: some parts have names for labels, others "
                         "numbers")
    wide = [a.shape[1] for a in (found.answers for found in parts.values())
            if a.ndim == 2 and a.shape[1] > 1]
    names, values = _classes(numbers, reading, wide)
    order = np.argsort(values, kind="stable")
    made = {}
    for name, found in parts.items():
        place = np.searchsorted(values, numbers[name], sorter=order)
        labels = order[np.minimum(place, len(values) - 1)]
        known = values[labels] == numbers[name]
        if not known.all():
            row = int(np.argmin(known))
            value = quoted(str(numbers[name][row]))
            raise InputError(f"{found.origin}: example {row} (from 0) has the label {value}; "
                             f"there are {len(names)} classes: "
                             f"{listed([str(v) for v in values])}")
        made[name] = Examples(found.inputs, labels.astype(np.int64), None, names, found.origin)
    return made


def _classes(
    numbers: Mapping[str, Array], reading: Reading, wide: list[int]
) -> tuple[tuple[str, ...], Array]:
    """The names of the classes, and the values that stand for them in the files."""
    values = np.unique(np.concatenate(list(numbers.values())))
    given = reading.classes
    if isinstance(given, int):
        _check_class_count(given)
        if values.dtype.kind in "US":
            raise InputError(f"the labels are names; {given} classes cannot be numbered by them",
                             None, "leave out classes, or give their names")
        return tuple(map(str, range(given))), np.arange(given)
    if given is not None:
        _check_class_count(len(given))
        if len(set(given)) < len(given):
            raise InputError("two of the classes have the same name")
        if values.dtype.kind not in "US":
            return given, np.arange(len(given))
        return given, np.array(given)
    if wide:
        _check_class_count(max(wide))
        return tuple(map(str, range(max(wide)))), np.arange(max(wide))
    _check_class_count(values.size)
    if values.dtype.kind in "US":
        return tuple(map(str, values)), values
    top = int(values[-1]) + 1
    if values[0] == 0 and top <= 2 * values.size:  # numbered from 0, few of them missing here
        return tuple(map(str, range(top))), np.arange(top)
    return tuple(map(str, values)), values


def _check_class_count(count: int) -> None:
    if count < 1:
        raise InputError(f"there are {count} classes; expected at least 1")
    if count > DATA_CLASSES:
        raise LimitError(f"{count:,} classes are more than {DATA_CLASSES:,}", None,
                         "for real targets, task=\"regress\"")
