"""Gradients as they come from a user: read, matched with names, brought to shape, compared.

A gradient is compared by the largest difference of a cell, relative to the largest cell:

    relative error = max |yours - ours| / (scale + floor),   scale = max(|yours|, |ours|)

with the scale of each tensor by itself, so that a layer whose gradients are small is held to the
same standard as one whose gradients are large. The floor is what rounding leaves of a gradient that
is exactly zero; it hangs on the largest gradient of all and on the width of the numbers. What is
not a number has an infinite error.
"""

from __future__ import annotations

import itertools
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError, LimitError
from chainrule.limits import TENSOR_BYTES

Gradients = Mapping[str, Any] | str | os.PathLike[str] | Callable[..., Any]
_ROUNDINGS: Final = 16  # of the largest gradient, that a zero may be off by
_BEFORE: Final = re.compile(r"^(grad(ient)?_(of_)?|d(L|loss|E|J|C)_?/?d_?|d_?|g_|bar_|adj_)")
_BEHIND: Final = re.compile(r"([._](bar|grad|gradient|adjoint|adj|g)|_d)$")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two gradients may be apart: relatively, and the floor that goes with it."""

    relative: float
    floor: float

    def error(self, a: np.ndarray, b: np.ndarray) -> float:
        """The relative error of two arrays of one shape.

        >>> Tolerance(1e-6, 0.0).error(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
        0.2
        >>> Tolerance(1e-6, 0.0).error(np.array([np.nan]), np.array([np.nan]))
        inf
        """
        if not a.size:
            return 0.0
        with np.errstate(all="ignore"):
            largest = np.abs(a - b).max()
            scale = max(np.abs(a).max(), np.abs(b).max())
        if not (np.isfinite(largest) and np.isfinite(scale)):
            return float("inf")
        return float(largest / (scale + self.floor)) if largest else 0.0

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two arrays agree."""
        return self.error(a, b) <= self.relative


def tolerance(relative: float | None, ours: Iterable[np.ndarray],
              yours: Iterable[np.ndarray]) -> Tolerance:
    """The tolerance for some gradients: 1e-6, or 1e-4 where single precision is given."""
    narrow = any(a.dtype.itemsize < 8 and a.dtype.kind == "f" for a in yours)
    if relative is None:
        relative = 1e-4 if narrow else 1e-6
    epsilon = float(np.finfo(np.float32 if narrow else np.float64).eps)
    largest = max((float(np.abs(a).max()) for a in ours if a.size), default=0.0)
    return Tolerance(relative, _ROUNDINGS * epsilon * largest / relative)


# --- reading --------------------------------------------------------------------------------------


def read(source: Gradients, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays by name: of a mapping, an .npz file, or a function called with the values.

    A function may return the loss and the gradients; the loss is left aside. Raises `InputError`
    for what holds no numbers, `LimitError` for a file that would unpack to too much.
    """
    found: Any = source
    if callable(source):
        found = source(**values)
        if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping):
            found = found[1]
    elif isinstance(source, str | os.PathLike):
        found = load(os.fspath(source))
    if not isinstance(found, Mapping):
        raise InputError(f"gradients are given by name, found a {type(found).__name__}", None,
                         "return a dictionary such as {'W1': dW1, 'b1': db1}")
    if not found:
        raise InputError("there are no gradients to check")
    return {str(name): _numbers(str(name), value) for name, value in found.items()}


def load(path: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, whose sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > TENSOR_BYTES:
            raise LimitError(f"{path} would unpack to {size:,} bytes; at most {TENSOR_BYTES:,} "
                             "are read")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError,
            RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path:.200} cannot be read as arrays by name: {reason:.200}", None,
                         "write it with numpy.savez(path, W1=dW1, b1=db1)") from None


def _numbers(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray("")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name:.60} holds no real numbers", None,
                         f"found {array.dtype}" if array.dtype.kind in "cbO" else None)
    narrow = array.dtype.kind == "f" and array.dtype.itemsize < 8
    return array.astype(np.float32 if narrow else np.float64)


# --- names ----------------------------------------------------------------------------------------


def matched(keys: Iterable[str], tensors: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Which tensor each name means, and the names that mean none.

    A name is the tensor's own, with dots for underscores if it comes from a module's path, or has
    one of the usual marks of a gradient.

    >>> matched(["dW1", "z1_bar", "grad_h", "fc.weight", "dL_dy"], ["W1", "z1", "h", "y"])[0]
    {'dW1': 'W1', 'z1_bar': 'z1', 'grad_h': 'h', 'dL_dy': 'y'}
    """
    known = list(tensors)
    found: dict[str, str] = {}
    strange = []
    for key in keys:
        name = next((n for n in _readings(key) if n in known), None)
        if name is None or name in found.values():
            strange.append(key)
        else:
            found[key] = name
    return found, strange


def _readings(key: str) -> Iterable[str]:
    """What a name may stand for, the likeliest first."""
    for name in dict.fromkeys((key, key.replace("/", "_").replace(".", "_"))):
        yield name
        front, behind = _BEFORE.sub("", name), _BEHIND.sub("", name)
        yield from (front, behind, _BEHIND.sub("", front))
        for there, here in (("weight", "W"), ("weight", "w"), ("bias", "b")):
            if behind.endswith(there):
                yield behind[: -len(there)] + here


# --- shapes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fitted:
    """An array brought to the shape that it should have, or None; and what was wrong with it.

    `kind` is "" (nothing), "transposed" (with the `axes` that turn it back), "unsummed" or
    "averaged" (`axes` were left in it), "flat" (another arrangement in one row) or "shape".
    """

    array: np.ndarray | None
    kind: str = ""
    axes: tuple[int, ...] = ()


def fitted(yours: np.ndarray, ours: np.ndarray, same: Tolerance) -> Fitted:
    """An array in the shape of ours."""
    if yours.shape == ours.shape:
        return Fitted(yours)
    if yours.ndim == ours.ndim and sorted(yours.shape) == sorted(ours.shape) and yours.ndim <= 6:
        turns = [t for t in itertools.permutations(range(yours.ndim))
                 if tuple(yours.shape[k] for k in t) == ours.shape]
        for turn in turns:
            if same.same(np.transpose(yours, turn), ours):
                return Fitted(np.transpose(yours, turn), "transposed", turn)
        return Fitted(np.transpose(yours, turns[0]), "transposed", turns[0])
    if ours.ndim < yours.ndim <= 6:
        for axes in itertools.combinations(range(yours.ndim), yours.ndim - ours.ndim):
            if tuple(n for k, n in enumerate(yours.shape) if k not in axes) != ours.shape:
                continue
            total = yours.sum(axis=axes)
            if same.same(total, ours):
                return Fitted(total, "unsummed", axes)
            if same.same(yours.mean(axis=axes), ours):
                return Fitted(yours.mean(axis=axes), "averaged", axes)
    if yours.size == ours.size:
        for order in ("C", "F"):
            turned = yours.ravel().reshape(ours.shape, order=order)
            if same.same(turned, ours):
                return Fitted(turned, "flat")
        if [n for n in yours.shape if n > 1] == [n for n in ours.shape if n > 1]:
            return Fitted(yours.reshape(ours.shape), "flat")
    return Fitted(None, "shape")
