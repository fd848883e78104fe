"""Arrays that begin on a line of the cache, so that no vector read from them lies across two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

LINE: Final = 64  # bytes


def zeros(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Zeros of a shape, contiguous.

    >>> zeros((2, 3), "float32").ctypes.data % LINE
    0
    """
    kind = np.dtype(dtype)
    cells = 1
    for axis in shape:
        cells *= int(axis)
    room = np.zeros(cells * kind.itemsize + LINE, np.uint8)
    skip = -room.ctypes.data % LINE
    flat: np.ndarray = room[skip : skip + cells * kind.itemsize].view(kind)
    return flat.reshape(tuple(shape))


def placed(array: np.ndarray) -> np.ndarray:
    """The array itself where it is contiguous and begins on a line, else a copy that is so."""
    if array.flags.c_contiguous and array.ctypes.data % LINE == 0:
        return array
    found = zeros(array.shape, array.dtype)
    found[...] = array
    return found
