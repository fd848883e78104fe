"""Reading files that strangers wrote: how much there is, checked before any of it is unpacked.

A data file can lie: its header may promise more numbers than it holds, 20 kB of gzip may unpack to
20 GB, a link may lead out of its folder. So every reader goes through here. A file is an ordinary
file and no larger than `DATA_BYTES`; what is unpacked is read in pieces up to the number of bytes
that the header promised, and that number was checked first; and a file of a folder lies in it.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, cast

from chainrule.errors import InputError, LimitError, did_you_mean, visible
from chainrule.limits import DATA_BYTES
from chainrule.train.data_examples import PARTS, Array

_PIECE = 2**20
_DEFLATE_RATIO = 1032  # no deflate stream unpacks to more than this many times its length (zlib)
_PART_WORDS = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
               "validation": "validation", "dev": "validation", "test": "test", "testing": "test",
               "t10k": "test"}


@dataclass(frozen=True)
class Reading:
    """What a user may say about a file so that it is understood; None: find out.

    Each reader takes some of these; one that it has no use for is an error and not ignored.
    """

    inputs: str | None = None  # the name of the array of inputs, in .npz and .mat
    label: str | int | None = None  # the name of the labels: an array, or a column (or its number)
    task: str | None = None  # "classify" or "regress"
    classes: int | tuple[str, ...] | None = None  # how many, or their names
    header: bool | None = None  # whether the first line of a table names the columns
    delimiter: str | None = None  # what stands between the columns of a table
    examples: str | None = None  # "first" or "last": which axis of an array counts the examples
    channels: str | None = None  # "first" or "last" in arrays of images; "1" or "3" in pictures
    resize: str | None = None  # "28x28": pictures are brought to this height and width

    def only(self, form: str, *names: str) -> None:
        """Refuse what a form of file has no use for."""
        for field in fields(self):
            if getattr(self, field.name) is not None and field.name not in names:
                raise InputError(f"{form} has no use for {field.name}="
                                 f"{getattr(self, field.name)!r:.60}", None,
                                 f"it takes {', '.join(names)}" if names else None)


@dataclass(frozen=True)
class Found:
    """One part as a reader found it: inputs and answers whose meaning is still to be settled."""

    inputs: Array
    answers: Array
    origin: str


Parts = Mapping[str, Found]


def named(path: Path | str, most: int = 120) -> str:
    """A path as it is shown: without control characters, the tail of a long one."""
    text = visible(str(path))
    return text if len(text) <= most else f"…{text[-most:]}"


def quoted(text: str, most: int = 40) -> str:
    """A piece of a file as it is shown in a message."""
    text = text if len(text) <= most else f"{text[:most]}…"
    return f"'{visible(text)}'"


def broken(path: Path | str, what: str, hint: str | None = None) -> InputError:
    """The error for a file that is not of its form."""
    return InputError(f"{named(path)}: {what}", None, hint)


def meant(word: str, names: Sequence[str]) -> str | None:
    """A hint that names the closest of some names from a file, or None."""
    return did_you_mean(word[:80], [visible(name[:80]) for name in names[:1000]])


def file_size(path: Path, most: int = DATA_BYTES) -> int:
    """The bytes of an ordinary file; raises `InputError` or `LimitError`."""
    try:
        if not path.is_file():
            what = "is not an ordinary file" if path.exists() else "there is no such file"
            raise broken(path, what)
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if size > most:
        raise LimitError(f"{named(path)}: {size:,} bytes are more than the {most:,} that one such "
                         "file may have", None, "give it in parts")
    return size


def read_exactly(path: Path, stream: BinaryIO, count: int, what: str, offset: int) -> bytearray:
    """`count` bytes of a stream that is at `offset`, read in pieces so that a lie costs little."""
    found = bytearray()
    try:
        while len(found) < count:
            piece = stream.read(min(_PIECE, count - len(found)))
            if not piece:
                raise broken(path, f"ends at byte {offset + len(found):,}, where {what} should go "
                                   f"on to byte {offset + count:,}",
                             "the file is cut short: copy it again")
            found += piece
    except (OSError, EOFError, zlib.error) as error:
        raise broken(path, f"cannot be unpacked beyond byte {offset + len(found):,}: {error}",
                     "the file is damaged: copy it again") from None
    return found


def at_end(path: Path, stream: BinaryIO, what: str, offset: int) -> None:
    """Refuse a stream that goes on; reading beyond the end is where checksums are compared."""
    try:
        more = stream.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise broken(path, f"cannot be unpacked up to its end: {error}",
                     "the file is damaged: copy it again") from None
    if more:
        raise broken(path, f"goes on after {what}, at byte {offset:,}")


def opened(path: Path) -> tuple[BinaryIO, int]:
    """A data file open for reading, unpacked if it ends in .gz; and the most bytes it can hold."""
    size = file_size(path)
    try:
        if path.suffix.lower() == ".gz":
            return cast(BinaryIO, gzip.open(path, "rb")), size * _DEFLATE_RATIO
        return path.open("rb"), size
    except OSError as error:
        raise _unreadable(path, error) from None


def read_all(path: Path, most: int = DATA_BYTES) -> bytes:
    """The whole of a file, unpacked if it ends in .gz, if that is no more than `most` bytes."""
    file_size(path, most)
    stream, _ = opened(path)
    found = bytearray()
    with stream:
        try:
            while piece := stream.read(_PIECE):
                found += piece
                if len(found) > most:
                    raise LimitError(f"{named(path)}: unpacks to more than the {most:,} bytes that "
                                     "one such file may have")
        except (OSError, EOFError, zlib.error) as error:
            raise broken(path, f"cannot be unpacked beyond byte {len(found):,}: {error}",
                         "the file is damaged: copy it again") from None
    return bytes(found)


def part_of(name: str) -> str | None:
    """The part that a name speaks of, as one of its words: x_train, data-validation, t10k.

    >>> part_of("x_train"), part_of("data_validation"), part_of("trainer")
    ('train', 'validation', None)
    """
    words = name.lower().replace("-", "_").replace(".", "_").replace(" ", "_").split("_")
    found = {_PART_WORDS[word] for word in words if word in _PART_WORDS}
    return found.pop() if len(found) == 1 else None


def inside(folder: Path, entry: os.DirEntry[str]) -> Path:
    """The path of an entry of a folder; refused where it is a link that leads out of it."""
    path = Path(entry.path)
    try:
        if entry.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise broken(path, f"is a link that leads out of {named(folder)}",
                         "copy the file into the folder")
    except (OSError, RuntimeError) as error:  # a link to itself
        raise _unreadable(path, error) from None
    return path


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, by name, without hidden files."""
    try:
        with os.scandir(folder) as found:
            seen = [e for e in found if not e.name.startswith(".") and e.name != "Thumbs.db"]
    except OSError as error:
        raise _unreadable(folder, error) from None
    return sorted(seen, key=lambda entry: entry.name)


def in_order(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts in the order train, validation, test."""
    return {name: parts[name] for name in PARTS if name in parts}


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return broken(path, f"cannot be read: {reason}")
