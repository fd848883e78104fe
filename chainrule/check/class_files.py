"""The submissions of a class: which files of a folder they are, whose, and their bytes.

Students' files are strangers' files. A link is followed only within the folder, a pipe or a device
is not opened, no more is read than a submission may have, and whatever is wrong with one file is
said of that file: the others are checked all the same.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from chainrule.errors import InputError, LimitError, did_you_mean
from chainrule.limits import CLASS_STUDENTS, SUBMISSION_BYTES

READ: Final = (".md", ".markdown", ".txt", ".tex", ".ipynb", ".toml", ".json", ".csv")
_JUNK: Final = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"})
_DEPTH: Final = 8
_NUMBER: Final = re.compile(r"[A-Za-z]{0,3}\d{4,}[A-Za-z]{0,2}(?![A-Za-z0-9])", re.ASCII)
_OPEN: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(
    os, "O_BINARY", 0)  # a pipe in a folder must not make us wait


@dataclass(frozen=True, slots=True)
class Submission:
    """A file of a class folder: its path, its name in the folder, whose it is.

    `problem` says why it cannot be checked, or what a teacher has to know of it; with `refused` it
    is not checked at all.
    """

    path: str
    file: str
    student: str
    problem: str = ""
    refused: bool = False


def submissions(folder: str | os.PathLike[str], students: Mapping[str, str] | None = None,
                numbered: bool = False, leave_out: Iterable[str] = ()) -> list[Submission]:
    """The submissions of a folder, in the order of their names.

    `students` says whose a file is, by its name in the folder, with or without the folders above
    it. Else it is the number in the file's name (`180631_assignment.md`), in the name of the folder
    that it stands in, or the file's name itself; with `numbered` a student is called by a number
    and a name without one is a problem. Files of `leave_out` are no submissions. Raises
    `InputError` for a folder that cannot be read or a name of `students` that is not there,
    `LimitError` for more than `CLASS_STUDENTS` files.
    """
    root = Path(folder)
    hidden = {os.path.realpath(name) for name in leave_out}
    found: list[Submission] = []
    known = dict(students or {})
    used: set[str] = set()
    for path, file in _files(root):
        if os.path.realpath(path) in hidden:
            continue
        if len(found) >= CLASS_STUDENTS:
            raise LimitError(f"{folder} has more than {CLASS_STUDENTS:,} files")
        name = next((n for n in (file, os.path.basename(file)) if n in known), None)
        if name is not None:
            used.add(name)
        found.append(_submission(root, path, file, None if name is None else known[name],
                                 numbered, listed=students is not None))
    missing = [name for name in known if name not in used]
    if missing:
        raise InputError(
            f"the class list names {missing[0]:.80}, which is not in {folder}"
            + (f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""),
            hint=did_you_mean(missing[0], [s.file for s in found]) or "its first column is the "
            "file's name in the folder")
    return _twice(found)


def _files(root: Path) -> list[tuple[str, str]]:
    """All files below a folder with their names in it; unread kinds only where they stand alone."""
    found: list[tuple[str, str]] = []
    waiting = [(str(root), "", 0)]
    while waiting:
        folder, prefix, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as error:
            if depth:
                found.append((folder, prefix.rstrip("/")))
                continue
            raise InputError(f"{folder}: {error.strerror}") from None
        files = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _JUNK:
                continue
            if entry.is_dir(follow_symlinks=False) and depth < _DEPTH:
                waiting.append((entry.path, f"{prefix}{entry.name}/", depth + 1))
            else:
                files.append((entry.path, f"{prefix}{entry.name}"))
        read = [f for f in files if f[1].lower().endswith(READ)]
        found += read if depth and read else files
        if len(found) > CLASS_STUDENTS + 1000:
            break
    return sorted(found, key=lambda f: f[1])


def _submission(root: Path, path: str, file: str, student: str | None, numbered: bool,
                listed: bool) -> Submission:
    number = _student(file)
    made = Submission(path, file, student or number or Path(file).stem)
    try:
        checked_path(root, path)
    except InputError as error:
        return replace(made, problem=error.message, refused=True)
    if not file.lower().endswith(READ):
        suffix = os.path.splitext(file)[1] or "no suffix"
        return replace(made, refused=True, problem=f"{suffix[:20]} is not read: hand in Markdown, "
                       "a notebook or an answer form")
    if student is None and listed:
        return replace(made, student="", refused=True, problem="not in the class list")
    if student is None and number is None and numbered:
        return replace(made, student="", refused=True,
                       problem="no student number in the file's name: rename it or give a class "
                       "list with --students")
    return made


def _student(file: str) -> str | None:
    """The number in a file's name, else in the name of a folder above it."""
    for part in reversed(file.split("/")):
        stem = part if part != file.split("/")[-1] else os.path.splitext(part)[0]
        met = _NUMBER.search(stem)
        if met is not None:
            return met[0]
    return None


def _twice(found: list[Submission]) -> list[Submission]:
    """The submissions, each of a student who handed in several marked."""
    often = Counter(s.student for s in found if s.student and not s.refused)
    marked = []
    for one in found:
        if often[one.student] > 1 and not one.refused:
            others = [s.file for s in found if s.student == one.student and s is not one
                      and not s.refused]
            one = replace(one, problem=f"this student also handed in {', '.join(others[:3])}")
        marked.append(one)
    return marked


def checked_path(root: Path, path: str) -> str:
    """The real path of a regular file within a folder.

    Raises `InputError` for a link that leads out of the folder or nowhere, a pipe, a device.
    """
    real = os.path.realpath(path)
    within = os.path.realpath(root)
    if os.path.commonpath([real, within]) != within:
        raise InputError("a link that leads out of the folder")
    try:
        mode = os.stat(real, follow_symlinks=False).st_mode
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise InputError("cannot be read: this is no ordinary file")
    return real


def read_submission(root: Path, path: str) -> bytes:
    """A submission's bytes.

    Raises `InputError` for what is no readable file of the folder, `LimitError` for more than
    `SUBMISSION_BYTES`.
    """
    real = checked_path(root, path)
    try:
        with open(os.open(real, _OPEN), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("cannot be read: this is no ordinary file")
            data = file.read(SUBMISSION_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    if len(data) > SUBMISSION_BYTES:
        raise LimitError(f"has more than {SUBMISSION_BYTES:,} bytes")
    return data
