"""Checkpoints: a run's state on disk, whole or not at all, whenever the process may die.

A checkpoint is one safetensors file: the weights and the optimiser's state by tensor name, and in
its header, as JSON, where the run was and under which settings. It comes into being like this:

    1. everything is written to a temporary file in the same folder, which is then flushed (fsync)
    2. the file is renamed, which a file system does at once or not at all
    3. the folder is flushed, so that the new name outlives a loss of power
    4. only then older files are removed: the last two stay, and the best weights

So at each instant there is a whole checkpoint in the folder, once there was one. Each carries a
SHA-256 of its content. A file that was cut short or changed is recognised, the one before it is
taken, and that is said. A lock keeps a second process out of the folder; the system takes it away
when the process ends, however it ends.

Files: `step-0000000120.safetensors`, `best-0000000080.safetensors`, `lock`. The weights can be read
by whatever reads safetensors: nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from chainrule.errors import ChainruleError, InputError
from chainrule.limits import DATA_BYTES

SCHEMA: Final = 1
KEPT: Final = 2  # checkpoints that stay, beside the best weights
HEADER_BYTES: Final = 100_000_000  # as safetensors has it
_NAME: Final = re.compile(r"(step|best)-(\d{10})\.safetensors")
_KEY: Final = "chainrule"


class CheckpointError(ChainruleError):
    """A checkpoint that cannot be written, read or gone on from."""

    code = "checkpoint"
    exit_code = 3


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: arrays by name, and what was said about them.

    `meta` has the step, the settings, the digests of program and data, and the history.
    """

    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]
    path: Path | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def step(self) -> int:
        """How many steps had been done."""
        return int(self.meta["step"])


class Folder:
    """A folder of checkpoints that one run has to itself; use it in a `with` statement.

    Raises `CheckpointError` where another process has it, or it cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock: Any = None

    def __enter__(self) -> Folder:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # kept open for as long as the lock is held
            self._lock = open(self.path / "lock", "a+b")
        except OSError as error:
            raise _failed(self.path, "used", error) from None
        if not _locked(self._lock):
            self._lock.close()
            self._lock = None
            raise CheckpointError(f"another process is using the checkpoints in {self.path}", None,
                                  "wait for it, or choose another folder")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # --- reading

    def steps(self, kind: str = "step") -> list[int]:
        """The steps of which there are checkpoints, in order."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError as error:
            raise _failed(self.path, "read", error) from None
        return [int(m[2]) for name in names if (m := _NAME.fullmatch(name)) and m[1] == kind]

    def file(self, step: int, kind: str = "step") -> Path:
        """The file of a checkpoint."""
        return self.path / f"{kind}-{step:010d}.safetensors"

    def latest(self) -> Checkpoint | None:
        """The last checkpoint that is whole, with notes on those that are not; None without any.

        Raises `CheckpointError` where there are checkpoints and none of them is whole.
        """
        notes: list[str] = []
        steps = self.steps()
        for step in reversed(steps):
            try:
                found = read(self.file(step))
                best = found.meta.get("best")
                if best is not None:
                    read(self.file(int(best["step"]), "best"))
            except CheckpointError as error:
                notes.append(f"{error.message}: the one before it is taken")
                continue
            return Checkpoint(found.arrays, found.meta, found.path, tuple(notes))
        if steps:
            raise CheckpointError(f"none of the {len(steps)} checkpoints in {self.path} is whole: "
                                  f"{notes[0].removesuffix(': the one before it is taken')}", None,
                                  "begin anew in another folder")
        return None

    def best(self, step: int) -> Checkpoint:
        """The best weights, which are of that step."""
        return read(self.file(step, "best"))

    # --- writing

    def save(self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any],
             best: Mapping[str, np.ndarray] | None = None) -> Path:
        """Write a checkpoint and remove those that are no longer needed; its file.

        `meta` has the `step`; where it names a `best` step, `best` are its arrays, which are
        written before. Raises `CheckpointError` where the disk is full or the folder read-only; all
        earlier checkpoints are then as they were.
        """
        step = int(meta["step"])
        told = meta.get("best")
        if told is not None and best is not None:
            there = self.file(int(told["step"]), "best")
            # a file that is there already may be of a run that was killed: it is read, not trusted
            if not _is_same(there, best):
                self._write(there, best, {"step": int(told["step"]), "weights": True})
        path = self.file(step)
        self._write(path, arrays, meta)
        self._prune(step)
        return path

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """A file, whole or not at all."""
        data = encoded(arrays, meta)
        if len(data) > DATA_BYTES:
            raise CheckpointError(f"the checkpoint would have {len(data):,} bytes; at most "
                                  f"{DATA_BYTES:,} are read again")
        part = path.with_name(f".{path.name}.part")
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            _flush_folder(self.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise _failed(path, "written", error) from None

    def _prune(self, now: int) -> None:
        """Remove all but the last checkpoints, the best weights that they name, and leftovers.

        Files of steps after this one are what was found damaged when the run was gone on with. What
        cannot be removed stays: too many files are no reason to stop.
        """
        steps = [step for step in self.steps() if step <= now][-KEPT:]
        keep = {self.file(step) for step in steps}
        for step in steps:
            with suppress(CheckpointError):
                best = read_meta(self.file(step)).get("best")
                if best is not None:
                    keep.add(self.file(int(best["step"]), "best"))
        for name in os.listdir(self.path):
            leftover = name.startswith(".") and name.endswith(".safetensors.part")
            if leftover or (_NAME.fullmatch(name) and self.path / name not in keep):
                with suppress(OSError):
                    (self.path / name).unlink()


def encoded(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> bytes:
    """A safetensors file with `meta`, and a checksum of all, in its header."""
    from safetensors.numpy import save  # lazily: an extra

    solid = {name: np.array(array, order="C") for name, array in arrays.items()}
    text = json.dumps({"schema": SCHEMA, **meta}, sort_keys=True)
    told = {_KEY: text, "checksum": _checksum(solid, text)}
    data: bytes = save(solid, told)
    return data


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """A checkpoint from its file; raises `CheckpointError` for one that is not whole."""
    from safetensors import SafetensorError  # lazily: an extra
    from safetensors.numpy import load

    path = Path(path)
    try:
        size = path.stat().st_size
        if size > DATA_BYTES:
            raise CheckpointError(f"{path} has {size:,} bytes; at most {DATA_BYTES:,} are read")
        data = path.read_bytes()
    except OSError as error:
        raise _failed(path, "read", error) from None
    head = _header(path, data)
    kinds = {str(v.get("dtype")) for k, v in head.items()
             if k != "__metadata__" and isinstance(v, dict)}
    if not kinds <= {"F32", "F64", "I64"}:
        raise CheckpointError(f"{path} holds {', '.join(sorted(kinds))}: that is no checkpoint")
    try:
        arrays = dict(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    told = head.get("__metadata__")
    text = told.get(_KEY) if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(text, str):
        raise CheckpointError(f"{path} is a safetensors file, and no checkpoint of chainrule")
    if told.get("checksum") != _checksum(arrays, text):
        raise CheckpointError(f"{path} is damaged: its checksum does not agree with its content")
    return Checkpoint(arrays, _meta(path, text), path)


def read_meta(path: Path) -> Mapping[str, Any]:
    """What a checkpoint says of itself; its arrays are not read."""
    try:
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
            text = file.read(min(length, HEADER_BYTES))
    except OSError as error:
        raise _failed(path, "read", error) from None
    told = _header(path, struct.pack("<Q", len(text)) + text).get("__metadata__")
    if not isinstance(told, dict) or not isinstance(told.get(_KEY), str):
        raise CheckpointError(f"{path} is no checkpoint of chainrule")
    return _meta(path, told[_KEY])


def _header(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON in front of a safetensors file."""
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= min(HEADER_BYTES, len(data) - 8):
        raise CheckpointError(f"{path} is damaged: it has {len(data):,} bytes, and its header "
                              f"would have {length:,}")
    try:
        found = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is damaged: its header is not JSON")
    return found


def _meta(path: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("step"), int):
        raise CheckpointError(f"{path} does not say which step it is of")
    if found.get("schema") != SCHEMA:
        raise CheckpointError(f"{path} is of schema {found.get('schema')!s:.20}; this version "
                              f"reads {SCHEMA}")
    return found


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    """The SHA-256 of names, types, shapes and numbers, and of what is said about them."""
    total = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        total.update(f"\n{name} {array.dtype.str}{array.shape};".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _is_same(path: Path, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a file holds just these arrays."""
    if not path.exists():
        return False
    try:
        found = read(path).arrays
    except CheckpointError:
        return False
    return found.keys() == arrays.keys() and all(
        np.array_equal(found[n], arrays[n]) and found[n].dtype == arrays[n].dtype for n in arrays)


def _locked(file: Any) -> bool:
    """Whether the lock on an open file could be had; the system frees it with the process."""
    try:
        import fcntl  # lazily: Unix has it
    except ImportError:
        import msvcrt  # and Windows this

        lock: Any = msvcrt
        try:
            file.seek(0)
            lock.locking(file.fileno(), lock.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _flush_folder(path: Path) -> None:
    """Make a rename last; where folders cannot be opened (Windows) renames last by themselves."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _failed(path: Path, what: str, error: OSError) -> CheckpointError:
    return CheckpointError(f"{path} cannot be {what}: {error.strerror or error}", None,
                           "earlier checkpoints are as they were" if what == "written" else None)


def check_installed() -> None:
    """Refuse to promise checkpoints where safetensors is not installed."""
    try:
        import safetensors.numpy  # noqa: F401  lazily: an extra
    except ImportError:
        raise InputError("checkpoints need safetensors, which is not installed", None,
                         "pip install 'chainrule[train]'") from None
