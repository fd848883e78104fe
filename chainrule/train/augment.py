"""Augmentation: the training pictures a little moved, turned and scaled, anew each time.

A digit that is half a pixel further left is the same digit. A network that has seen it in one place
only does not know that; so each time that a picture is taken to learn from, it is shifted, rotated
and zoomed by amounts that are drawn afresh. Pictures that are judged by are left as they are.

    shift=1       up to one pixel along each axis
    rotate=10     up to ten degrees, about the middle
    zoom=0.1      up to a tenth larger or smaller
    flip=0.5      mirrored, left to right, with chance 1/2

For each pixel of the new picture one looks up where it was in the old one, between four pixels, and
takes their mean, the nearer the heavier (bilinear interpolation). What comes from outside the
picture is background: the least value that the training part has in that channel.

Randomness is counter-based: what is drawn for a picture is a function of (seed, step, its place in
the mini-batch), so a run that is gone on with draws the same.

Source: P. Simard, D. Steinkraus and J. Platt, "Best Practices for Convolutional Neural Networks
Applied to Visual Document Analysis", ICDAR 2003, section 2 (affine distortions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from chainrule.errors import InputError, UnknownNameError, did_you_mean
from chainrule.train.data_split import keys

_MOST: Final = {"shift": 1000.0, "rotate": 180.0, "zoom": 0.9, "flip": 1.0}
_TOLD: Final = {"shift": "shifted up to {:g} pixel{s}", "rotate": "turned up to {:g}°",
                "zoom": "zoomed up to {:g}", "flip": "mirrored with chance {:g}"}


@dataclass(frozen=True, slots=True)
class Augment:
    """By how much pictures are changed at most: pixels, degrees, a share, a chance.

    >>> Augment.read("shift=1,rotate=10")
    Augment(shift=1.0, rotate=10.0, zoom=0.0, flip=0.0)
    """

    shift: float = 0.0
    rotate: float = 0.0
    zoom: float = 0.0
    flip: float = 0.0

    @classmethod
    def read(cls, text: str) -> Augment:
        """What is written, such as `shift=1,rotate=10,zoom=0.1`.

        Raises `UnknownNameError` for a name that there is not, `InputError` for a bad number.
        """
        found: dict[str, float] = {}
        for word in text.split(","):
            name, _, value = (part.strip() for part in word.partition("="))
            if name not in _MOST:
                raise UnknownNameError(f"pictures cannot be augmented by {name!r:.40}", None,
                                       did_you_mean(name, list(_MOST))
                                       or f"by {', '.join(_MOST)}: such as shift=1,rotate=10")
            if name in found:
                raise InputError(f"augmentation has {name} twice")
            found[name] = _number(name, value)
        return cls(**found)

    def __str__(self) -> str:
        """What `read` reads."""
        return ",".join(f"{name}={getattr(self, name):g}" for name in _MOST if getattr(self, name))

    def told(self) -> str:
        """The same in words.

        >>> Augment(shift=0.5, zoom=0.1).told()
        'shifted up to 0.5 pixels, zoomed up to 0.1'
        """
        return ", ".join(words.format(value, s="" if value == 1 else "s")
                         for name, words in _TOLD.items() if (value := getattr(self, name)))

    def pictures(self, images: np.ndarray, background: np.ndarray, seed: int,
                 step: int) -> np.ndarray:
        """The pictures (n, channels, height, width) of one step, each changed in its own way.

        `background` has a value for each channel.

        >>> dot = np.zeros((1, 1, 3, 3)); dot[0, 0, 1, 1] = 1
        >>> moved = Augment(shift=1).pictures(dot, np.zeros(1), seed=3, step=0)
        >>> bool(0 < moved.sum() <= 1), moved.shape
        (True, (1, 1, 3, 3))
        """
        n, channels, height, width = images.shape
        rows, columns = self._places(n, height, width, seed, step)
        # one ring of background: whatever lies further out reads there too
        framed = np.empty((n, channels, height + 2, width + 2), images.dtype)
        framed[...] = np.asarray(background, images.dtype)[:, None, None]
        framed[:, :, 1:-1, 1:-1] = images
        rows = np.clip(rows + 1, 0, height + 1)
        columns = np.clip(columns + 1, 0, width + 1)
        top = np.minimum(rows.astype(np.int64), height)
        left = np.minimum(columns.astype(np.int64), width)
        down = (rows - top)[:, None].astype(images.dtype)
        across = (columns - left)[:, None].astype(images.dtype)
        cells = framed.reshape(n, channels, -1)
        corner = (top * (width + 2) + left).reshape(n, 1, -1)

        def read(offset: int) -> np.ndarray:
            return np.take_along_axis(cells, corner + offset, axis=2).reshape(images.shape)

        upper = (1 - across) * read(0) + across * read(1)
        lower = (1 - across) * read(width + 2) + across * read(width + 3)
        found: np.ndarray = (1 - down) * upper + down * lower
        return found

    def _places(self, n: int, height: int, width: int, seed: int,
                step: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel of the new pictures was: its row and its column, (n, height, width)."""
        drawn = (keys(5 * n, seed, step) >> np.uint64(11)).reshape(5, n, 1, 1) * 2.0**-53
        centred = 2 * drawn - 1
        angle = centred[2] * math.radians(self.rotate)
        zoom = 1 + centred[3] * self.zoom
        mirrored = np.where(drawn[4] < self.flip, -1.0, 1.0)
        i = np.arange(height)[:, None] - (height - 1) / 2 - centred[0] * self.shift
        j = np.arange(width)[None, :] - (width - 1) / 2 - centred[1] * self.shift
        j = mirrored * j
        rows = (np.cos(angle) * i - np.sin(angle) * j) / zoom + (height - 1) / 2
        columns = (np.sin(angle) * i + np.cos(angle) * j) / zoom + (width - 1) / 2
        return rows, columns


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _MOST[name]:
        raise InputError(f"augmentation: {name} is a number above 0 and at most "
                         f"{_MOST[name]:g}, not {text!r:.40}", None, "such as shift=1,rotate=10")
    return value
