"""Examples and data: what a training run is given, whatever file it came from.

`Examples` holds arrays with the examples first: inputs of shape (n, 64) or (n, 1, 28, 28), and for
each example either a label (a class, by number) or targets (real numbers to be approximated).
`Data` is up to three of them: one to learn from, one to choose settings by (validation), one to
report on at the end (test). Both are frozen, and their arrays cannot be written to: what a run
trained on is what it was given, and `digest()` names it for a checkpoint.

Whatever is wrong with the numbers is found here, once, for every kind of file: a NaN, an infinite
value, a label that names no class, parts that do not fit together.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import InputError, LimitError, ShapeError, visible
from chainrule.limits import TENSOR_BYTES

if TYPE_CHECKING:
    from chainrule.train.data_scale import Scaling

PARTS = ("train", "validation", "test")
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs with labels or with targets, the examples along the first axis.

    `inputs` is float32 or float64, (n, ...); `labels` is int64, (n,), each in 0 .. K-1 where K is
    the number of `classes`; `targets` is float, (n, K). One of the two is None. `origin` says
    where they are from, for messages. Arrays are not copied where they are of the right kind.
    Raises `InputError` or `ShapeError` where they are not what this says, at the first such cell.

    >>> e = Examples(np.array([[0.0, 1.0], [1.0, 0.0]]), labels=np.array([1, 0]))
    >>> len(e), e.shape, e.classes
    (2, (2,), ('0', '1'))
    """

    inputs: Array
    labels: Array | None = None
    targets: Array | None = None
    classes: tuple[str, ...] = ()
    origin: str = "data"

    def __post_init__(self) -> None:
        inputs = _real(self.inputs, f"{self.origin}: the inputs")
        if inputs.ndim < 2:
            raise ShapeError(f"{self.origin}: inputs have an axis of examples and at least one of "
                             f"features, found {shown(inputs.shape)}", None,
                             "one feature for each example is an array (n, 1)")
        if not inputs.size:
            raise InputError(f"{self.origin}: there are no examples here: {shown(inputs.shape)}")
        if (self.labels is None) == (self.targets is None):
            raise InputError(f"{self.origin}: examples have either labels or targets")
        _finite(inputs, f"{self.origin}: inputs")
        object.__setattr__(self, "inputs", _frozen(inputs))
        if self.labels is not None:
            self._check_labels(np.asarray(self.labels))
        else:
            self._check_targets(_real(self.targets, f"{self.origin}: the targets"))

    def _check_labels(self, labels: Array) -> None:
        self._check_count(labels, "labels")
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ShapeError(f"{self.origin}: labels are one whole number for each example, found "
                             f"{labels.dtype} {shown(labels.shape)}")
        classes = self.classes or tuple(map(str, range(int(labels.max()) + 1)))
        wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
        if wrong.size:
            row = int(wrong[0])
            raise InputError(f"{self.origin}: example {row} (from 0) has the label {labels[row]}; "
                             f"there are {len(classes)} classes, 0 to {len(classes) - 1}")
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "labels", _frozen(labels.astype(np.int64, copy=False)))

    def _check_targets(self, targets: Array) -> None:
        targets = targets[:, None] if targets.ndim == 1 else targets
        self._check_count(targets, "targets")
        _finite(targets, f"{self.origin}: targets")
        if self.classes:
            raise InputError(f"{self.origin}: real targets have no classes")
        object.__setattr__(self, "targets", _frozen(targets.astype(self.inputs.dtype, copy=False)))

    def _check_count(self, answers: Array, what: str) -> None:
        count = answers.shape[0] if answers.ndim else 0
        if count != len(self.inputs):
            raise ShapeError(f"{self.origin}: {len(self.inputs)} inputs and {count} {what}: "
                             "each example needs one")

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "real targets"
        return f"<Examples {self.origin}: {len(self)} of {shown(self.shape)}, {kind}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input, such as (64,) or (1, 28, 28)."""
        return tuple(self.inputs.shape[1:])

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) if the inputs are images, else None."""
        return (self.shape[0], self.shape[1], self.shape[2]) if len(self.shape) == 3 else None

    def select(self, rows: Any) -> Examples:
        """The examples at these rows: numbers, a slice or a mask; in that order.

        >>> e = Examples(np.eye(3), labels=np.array([2, 1, 0]))
        >>> e.select([2, 0]).labels.tolist()
        [0, 2]
        """
        if not isinstance(rows, slice):
            rows = np.atleast_1d(np.asarray(rows))
        try:
            inputs = self.inputs[rows]
            labels = None if self.labels is None else self.labels[rows]
            targets = None if self.targets is None else self.targets[rows]
        except IndexError as error:
            raise InputError(f"{self.origin}: no such examples: {error}") from None
        return replace(self, inputs=inputs, labels=labels, targets=targets)

    def shaped(self, shape: Sequence[int]) -> Examples:
        """The same numbers with each input in another shape, last axis fastest.

        >>> Examples(np.zeros((5, 256)), labels=np.zeros(5, int)).shaped((1, 16, 16)).image_shape
        (1, 16, 16)
        """
        if math.prod(shape) != math.prod(self.shape) or min(shape, default=0) < 1:
            raise ShapeError(f"{self.origin}: an input of {shown(self.shape)} has "
                             f"{math.prod(self.shape)} numbers; {shown(shape)} does not hold them")
        return replace(self, inputs=self.inputs.reshape(len(self), *shape))

    def flat(self) -> Examples:
        """The same with each input as one row of features."""
        return self.shaped((math.prod(self.shape),))

    def one_hot(self) -> Array:
        """The targets (n, K): for labels, a row of zeros with a 1 at the label.

        >>> Examples(np.zeros((2, 1)), labels=np.array([1, 0])).one_hot().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        if self.labels is None:
            assert self.targets is not None  # __post_init__ holds that
            return self.targets
        return one_hot(self.labels, len(self.classes), self.inputs.dtype)

    def counts(self) -> dict[str, int]:
        """How many examples each class has; empty for real targets."""
        if self.labels is None:
            return {}
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, map(int, numbers), strict=True))

    def digest(self) -> str:
        """The SHA-256 of the content: numbers, types, shapes and classes; not of the origin."""
        total = hashlib.sha256()
        for array in (self.inputs, self.labels, self.targets):
            if array is not None:
                little = array.astype(array.dtype.newbyteorder("<"), copy=False)
                total.update(f"{little.dtype.str}{little.shape};".encode())
                total.update(little.reshape(-1).view(np.uint8).data)
        total.update(repr(self.classes).encode())
        return total.hexdigest()


@dataclass(frozen=True, eq=False)
class Data:
    """What a run is given: examples to learn from, to choose settings by, and to report on.

    `notes` says what was done to the numbers on the way, `scaling` by how much they were shifted
    and divided, if they were; `about` is the source and its licence. The parts agree in the shape
    of an input and in classes, else `ShapeError`.
    """

    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    name: str = "data"
    about: str = ""
    notes: tuple[str, ...] = ()
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        first = self.train
        for name, part in self.parts().items():
            if part.shape != first.shape:
                raise ShapeError(f"{part.origin}: the {name} part has inputs of "
                                 f"{shown(part.shape)}, the training part {shown(first.shape)}")
            if part.classes != first.classes:
                raise ShapeError(f"{part.origin}: the {name} part has the classes "
                                 f"{listed(part.classes)}, the training part "
                                 f"{listed(first.classes)}")
            if part.targets is not None and first.targets is not None and (
                    part.targets.shape[1:] != first.targets.shape[1:]):
                raise ShapeError(f"{part.origin}: the {name} part has targets of "
                                 f"{shown(part.targets.shape[1:])}, the training part "
                                 f"{shown(first.targets.shape[1:])}")

    def parts(self) -> dict[str, Examples]:
        """The parts there are, by name: train, validation, test.

        >>> e = Examples(np.zeros((2, 1)), labels=np.array([1, 0]))
        >>> list(Data(e, test=e).parts())
        ['train', 'test']
        """
        found = zip(PARTS, (self.train, self.validation, self.test), strict=True)
        return {name: part for name, part in found if part is not None}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.train.shape

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by number; empty for real targets."""
        return self.train.classes

    def with_parts(self, parts: dict[str, Examples], *notes: str) -> Data:
        """The same data with other parts, and with notes on what was done."""
        return replace(self, train=parts["train"], validation=parts.get("validation"),
                       test=parts.get("test"), notes=self.notes + notes)

    def shaped(self, shape: Sequence[int]) -> Data:
        """The same numbers with each input in another shape, in every part."""
        return self.with_parts({name: e.shaped(shape) for name, e in self.parts().items()})

    def flat(self) -> Data:
        """The same with each input as one row of features."""
        return self.shaped((math.prod(self.shape),))

    def digest(self) -> str:
        """The SHA-256 of the content of all parts, for a checkpoint to recognise its data by."""
        total = hashlib.sha256()
        for name, part in self.parts().items():
            total.update(f"{name} {part.digest()}\n".encode())
        return total.hexdigest()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(part)} {name}" for name, part in self.parts().items())
        return f"<Data {self.name}: {sizes}>"

    def __str__(self) -> str:
        kind = f"classes {listed(self.classes)}" if self.classes else (
            f"targets {shown(self.train.one_hot().shape[1:])}")
        lines = [f"{self.name}: inputs {shown(self.shape)}, {kind}"]
        for name, part in self.parts().items():
            low, high = float(part.inputs.min()), float(part.inputs.max())
            lines.append(f"  {name:10} {len(part):6,} examples, from {low:.6g} to {high:.6g}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def one_hot(labels: Array, classes: int, dtype: Any = np.float64) -> Array:
    """Rows of zeros, each with a 1 at its label; (n, classes).

    >>> one_hot(np.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(f"labels from {labels.min()} to {labels.max()} do not fit {classes} "
                         f"classes, which are 0 to {classes - 1}")
    check_cells(labels.size * classes, np.dtype(dtype).itemsize, "the one-hot targets")
    rows = np.zeros((labels.size, classes), dtype)
    rows[np.arange(labels.size), labels] = 1
    return rows


def check_cells(cells: int, itemsize: int, what: str) -> None:
    """Refuse an array that would be too large, before it is made."""
    if cells * itemsize > TENSOR_BYTES:
        raise LimitError(f"{what}: {cells:,} numbers of {itemsize} bytes are more than the "
                         f"{TENSOR_BYTES // 2**30} GiB that one array may have", None,
                         "float32 takes half the room of float64; or give fewer examples")


def shown(shape: Sequence[int]) -> str:
    """A shape as one reads it: 1 × 28 × 28."""
    return " × ".join(map(str, shape)) or "a single number"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Some names as they are shown, the many in the middle left out."""
    few = names if len(names) <= most else [*names[: most - 2], names[-1]]
    texts = [visible(name[:60]) for name in few]
    if len(names) > most:
        return f"{', '.join(texts[:-1])}, …, {texts[-1]} ({len(names)})"
    return ", ".join(texts) or "none"


def _real(array: Any, what: str) -> Array:
    """The array as float32 or float64; whole numbers and booleans become float64."""
    found = np.asarray(array)
    if found.dtype.kind not in "fiub":
        raise InputError(f"{what} are numbers; found an array of {found.dtype}")
    wide = found.dtype in (np.dtype(np.float32), np.dtype(np.float64))
    return np.ascontiguousarray(found if wide else found.astype(np.float64))


def _finite(array: Array, what: str) -> None:
    rows = array.reshape(len(array), -1) if array.size else array
    for start in range(0, len(array), 4096):  # in pieces: the mask of all of it would be large
        good = np.isfinite(rows[start : start + 4096])
        if not good.all():
            row = start + int(np.argmin(good.all(axis=1)))
            column = int(np.argmin(np.isfinite(rows[row])))
            cell = ", ".join(map(str, np.unravel_index(column, array.shape[1:])))
            raise InputError(f"{what}: example {row} (from 0) has {rows[row, column]} at [{cell}]; "
                             "every number must be finite", None,
                             "leave that example out, or put in what the missing value should be")


def _frozen(array: Array) -> Array:
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array
