"""Folders of pictures: a subfolder for each class, named like the class.

`pets/cat/1.png, pets/cat/2.png, pets/dog/1.png` are three examples of the classes cat and dog. A
folder may also have parts: `pets/train/cat/1.png`, `pets/test/dog/7.png`. All pictures have the
same size (or are brought to it, if asked) and are all grey or all in colour.

PGM and PPM, the plain forms that every tool writes, are read here. The others (PNG, JPEG, BMP,
WebP) need Pillow, in the extra `data`: it is what Python reads pictures with, it is small, and it
reads the size of a picture before it unpacks it. Only these forms are let through: Pillow knows
many more, and some of them start other programs.

Source: the Netpbm manual, pages pgm(5) and ppm(5), https://netpbm.sourceforge.net/doc/.
"""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import InputError, LimitError
from chainrule.limits import DATA_CLASSES, DATA_FILES, IMAGE_PIXELS
from chainrule.train.data_examples import Array, check_cells, listed, shown
from chainrule.train.data_files import (
    Found,
    Reading,
    broken,
    entries,
    in_order,
    inside,
    named,
    part_of,
    quoted,
    read_all,
)

NETPBM = (".pgm", ".ppm", ".pnm")
OTHERS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
SUFFIXES = NETPBM + OTHERS
_FORMS = ("PNG", "JPEG", "BMP", "WEBP")
_FILE_BYTES = 16 * IMAGE_PIXELS
_HEADER_BYTES = 4096
_TEXT_PIXELS = IMAGE_PIXELS // 16  # numbers as text take much room while they are read
_HEADER = re.compile(rb"(P[2356])(?:\s|#[^\n]{0,500}\n)+" + rb"(\d{1,9})(?:\s|#[^\n]{0,500}\n)+" * 2
                     + rb"(\d{1,9})(?:#[^\n]{0,500}\n)?\s")


@dataclass(frozen=True)
class _Wish:
    """What the pictures are to be: the size if one was asked for, and 1 or 3 channels."""

    size: tuple[int, int] | None
    channels: int | None
    dtype: Any


def read_pictures(folder: Path, reading: Reading, dtype: Any) -> tuple[dict[str, Found],
                                                                       tuple[str, ...]]:
    """The parts of a folder of pictures, pixels from 0 to 1, and the names of the classes.

    `reading.channels` "1" makes them grey, "3" makes them coloured; `reading.resize` "28x28" brings
    them to that height and width (with Pillow). A link that leads out of the folder is refused.
    """
    reading.only("a folder of pictures", "channels", "resize", "classes", "task")
    if reading.task == "regress" or isinstance(reading.classes, int):
        raise InputError(f"{named(folder)}: the classes of pictures are the names of their folders",
                         None, "leave out task and the number of classes")
    wish = _Wish(height_and_width(reading.resize) if reading.resize else None,
                 _channel_count(reading.channels), dtype)
    parts = _part_folders(folder)
    pictures = {part: _classes_in(path, folder) for part, path in parts.items()}
    names = reading.classes or tuple(sorted({c for found in pictures.values() for c in found}))
    if len(names) > DATA_CLASSES:
        raise LimitError(f"{named(folder)}: {len(names):,} classes are more than {DATA_CLASSES:,}")
    found = {}
    for part, by_class in pictures.items():
        for name in by_class:
            if name not in names:
                raise broken(parts[part] / name, "is not the folder of a class; the classes are "
                                                 f"{listed(names)}")
        paths = [path for name in names for path in by_class.get(name, [])]
        answers = [k for k, name in enumerate(names) for _ in by_class.get(name, [])]
        found[part] = Found(_stacked(paths, wish), np.array(answers, np.int64), named(parts[part]))
    return in_order(found), tuple(names)


def has_pictures(folder: Path) -> bool:
    """Whether a folder has subfolders, which is how folders of pictures are told from others."""
    return any(entry.is_dir() for entry in entries(folder))


def height_and_width(text: str) -> tuple[int, int]:
    """The two numbers of "28x28", of a picture that is within the limits.

    >>> height_and_width("28x32")
    (28, 32)
    """
    match = re.fullmatch(r"(\d{1,6}) ?[x×] ?(\d{1,6})", text) if isinstance(text, str) else None
    if match is None or not 0 < int(match[1]) * int(match[2]) <= IMAGE_PIXELS:
        raise InputError(f"{text!r:.40} is not a height and a width of at most {IMAGE_PIXELS:,} "
                         "pixels", None, "write 28x28")
    return int(match[1]), int(match[2])


def _channel_count(text: str | None) -> int | None:
    if text not in (None, "1", "3", 1, 3):
        raise InputError(f"pictures have 1 or 3 channels, found channels={text!r:.40}")
    return None if text is None else int(text)


def _part_folders(folder: Path) -> dict[str, Path]:
    """The folders of parts if it has them; otherwise it is the training part itself."""
    found: dict[str, Path] = {}
    rest = []
    for entry in entries(folder):
        path = inside(folder, entry)
        part = part_of(entry.name) if entry.is_dir() else None
        if part is None:
            rest.append(path)
        elif part in found:
            raise broken(path, f"is the {part} part a second time, after {named(found[part].name)}")
        else:
            found[part] = path
    if "train" not in found or rest:
        return {"train": folder}
    return found


def _classes_in(folder: Path, root: Path) -> dict[str, list[Path]]:
    """The pictures of each class, by name."""
    classes: dict[str, list[Path]] = {}
    count = 0
    for entry in entries(folder):
        path = inside(root, entry)
        if not entry.is_dir():
            raise broken(path, "lies beside the folders of the classes",
                         "each picture lies in the folder of its class")
        found = []
        for picture in entries(path):
            if Path(picture.name).suffix.lower() not in SUFFIXES:
                raise broken(Path(picture.path), "is not a picture by its name; these are read: "
                                                 f"{', '.join(SUFFIXES)}")
            found.append(inside(root, picture))
            count += 1
            if count > DATA_FILES:
                raise LimitError(f"{named(folder)}: more than {DATA_FILES:,} pictures")
        if not found:
            raise broken(path, "is a class without a picture")
        classes[entry.name] = found
    if not classes:
        raise broken(folder, "has no folders of classes")
    return classes


def _stacked(paths: list[Path], wish: _Wish) -> Array:
    """All pictures as one array (n, channels, height, width)."""
    first = _picture(paths[0], wish)
    check_cells(first.size * len(paths), np.dtype(wish.dtype).itemsize,
                f"{named(paths[0].parent.parent)}: {len(paths):,} pictures of {shown(first.shape)}")
    stack = np.empty((len(paths), *first.shape), wish.dtype)
    stack[0] = first
    for k, path in enumerate(paths[1:], 1):
        picture = _picture(path, wish)
        if picture.shape != first.shape:
            raise broken(path, f"is {shown(picture.shape)}, and {named(paths[0])} is "
                               f"{shown(first.shape)} (channels, height, width)",
                         "bring them to one size with resize=\"32x32\" (--resize), to one kind "
                         "with channels=\"1\" (--channels)")
        stack[k] = picture
    return stack


def _picture(path: Path, wish: _Wish) -> Array:
    """One picture (channels, height, width), from 0 to 1."""
    if path.suffix.lower() in NETPBM and wish.size is None:
        picture = read_netpbm(path)
        if wish.channels == 1 and len(picture) == 3:  # the weights of ITU-R BT.601, as Pillow's
            picture = np.tensordot([[0.299, 0.587, 0.114]], picture, 1)
        return np.repeat(picture, 3, axis=0) if wish.channels == 3 and (
            len(picture) == 1) else picture
    return _with_pillow(path, wish)


def read_netpbm(path: Path) -> Array:
    """A PGM or PPM picture, in text (P2, P3) or bytes (P5, P6): (1 or 3, height, width), 0 to 1."""
    content = read_all(path, _FILE_BYTES)
    head = _HEADER.match(content[:_HEADER_BYTES])
    if head is None:
        raise broken(path, f"starts with {quoted(content[:12].decode('latin-1'))}; a PGM or PPM "
                           "picture starts with P2, P3, P5 or P6, width, height and largest value")
    width, height, top = (int(number) for number in head.groups()[1:])
    channels = 3 if head[1] in (b"P3", b"P6") else 1
    _check_pixels(path, width, height)
    if not 1 <= top <= 65535:
        raise broken(path, f"has the largest value {top}, expected 1 to 65535")
    count = width * height * channels
    if head[1] in (b"P2", b"P3"):
        if width * height > _TEXT_PIXELS:
            raise LimitError(f"{named(path)}: {width:,} × {height:,} pixels as text are more than "
                             f"{_TEXT_PIXELS:,}", None, "write it in bytes: P5 or P6")
        words = re.sub(rb"#[^\n]*", b"", content[head.end() :]).split(maxsplit=count)[:count]
        if not all(word.isdigit() and len(word) < 7 for word in words):
            wrong = next(word for word in words if not word.isdigit() or len(word) > 6)
            raise broken(path, f"holds {quoted(wrong.decode('latin-1'))} among its pixels")
        pixels = np.array([int(word) for word in words], np.int64)
    else:
        dtype = np.dtype("u1" if top < 256 else ">u2")
        whole = min(count, (len(content) - head.end()) // dtype.itemsize)
        pixels = np.ndarray((whole,), dtype, content, head.end())
    if pixels.size < count:
        raise broken(path, f"has {pixels.size:,} of the {count:,} numbers that {width} × {height} "
                           "pixels take", "the file is cut short: copy it again")
    if int(pixels.max()) > top:
        raise broken(path, f"has a pixel of {pixels.max()}, and says that {top} is the largest")
    return pixels.reshape(height, width, channels).transpose(2, 0, 1) / top


def _check_pixels(path: Path, width: int, height: int) -> None:
    if not width or not height:
        raise broken(path, f"is {width} × {height} pixels: there is nothing in it")
    if width * height > IMAGE_PIXELS:
        raise LimitError(f"{named(path)}: {width:,} × {height:,} pixels are more than "
                         f"{IMAGE_PIXELS:,}")


def _with_pillow(path: Path, wish: _Wish) -> Array:
    """A picture by way of Pillow: its size checked from its head, then unpacked."""
    try:
        pillow, ops = import_module("PIL.Image"), import_module("PIL.ImageOps")
    except ImportError:
        raise InputError(f"{named(path)}: this picture needs Pillow, which is not installed", None,
                         "pip install 'chainrule[data]'; PGM and PPM need nothing") from None
    content = read_all(path, _FILE_BYTES)
    forms = [*_FORMS, "PPM"] if path.suffix.lower() in NETPBM else list(_FORMS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that are not used
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(BytesIO(content), formats=forms) as image:
                _check_pixels(path, *image.size)
                if getattr(image, "n_frames", 1) > 1:
                    raise broken(path, f"has {image.n_frames} frames, expected one picture")
                return _pixels(path, ops.exif_transpose(image), wish, pillow)
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise LimitError(f"{named(path)}: {error}") from None
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError,
            OverflowError, ZeroDivisionError, struct.error) as error:  # on damage
        raise broken(path, f"cannot be read as a picture: {str(error)[:100]}",
                     "the file is damaged, or its name says another form") from None


def _pixels(path: Path, image: Any, wish: _Wish, pillow: Any) -> Array:
    """The pixels of an opened picture in the channels and the size that are wanted."""
    deep = image.mode.startswith("I;16")
    if image.mode not in ("1", "L", "RGB", "P", "RGBA", "LA", "CMYK", "YCbCr") and not deep:
        raise broken(path, f"has pixels of the kind {image.mode}, expected grey or colour")
    veiled = image.mode in ("RGBA", "LA") or "transparency" in image.info
    if veiled and image.convert("RGBA").getextrema()[3][0] < 255:
        raise broken(path, "has pixels that one can see through: their colour is not known",
                     "lay it on a background first")
    grey = deep or image.mode in ("1", "L", "LA")
    wanted = wish.channels or (1 if grey else 3)
    if deep and (wanted == 3 or wish.size is not None):
        raise broken(path, "has 16 bits a pixel; it is neither coloured nor resized here")
    if not deep:
        image = image.convert("L" if wanted == 1 else "RGB")
    if wish.size is not None:
        image = image.resize((wish.size[1], wish.size[0]), pillow.Resampling.BILINEAR)
    cells = np.asarray(image)
    return (cells[None] if wanted == 1 else cells.transpose(2, 0, 1)) / (65535 if deep else 255)
