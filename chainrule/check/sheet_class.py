"""A whole class: a sheet, a key and a JSON file for every student of a list.

The list is CSV. Its column is found by its heading (what the sheet calls a student, or student, id,
number); without a heading it is the first. Names of files keep letters, digits, dots and dashes of
what a student is called by, so that no name can lead out of the folder.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.check.sheet import Sheet
from chainrule.check.sheet_key import answers_json, model_answer
from chainrule.check.sheet_making import student_sheet
from chainrule.document.blocks import Block
from chainrule.errors import InputError, LimitError
from chainrule.limits import CLASS_STUDENTS
from chainrule.render import render

SUFFIXES: Final = {"markdown": ".md", "latex": ".tex", "html": ".html", "json": ".json",
                   "terminal": ".txt"}
_HEADINGS: Final = ("student", "id", "number", "index", "index number", "student number",
                    "student id", "matriculation number", "login")
_SAFE: Final = re.compile(r"[^\w.\-]+")


@dataclass(frozen=True, slots=True)
class Made:
    """One file: its name inside the folder, its text, whose it is."""

    path: str
    text: str
    student: str


def students_of(text: str, called: str = "") -> list[str]:
    """The students of a list in CSV, each once, in its order.

    Raises `InputError` for a list without students, `LimitError` over `CLASS_STUDENTS`.

    >>> students_of("name,index number\\nA. B.,180631\\nC. D.,180577\\n", "index number")
    ['180631', '180577']
    """
    text = text.removeprefix("\ufeff")
    first = text[: text.find("\n")] if "\n" in text else text
    mark = max(",;\t", key=first.count)
    try:
        rows = [[c.strip() for c in row] for row in csv.reader(io.StringIO(text), delimiter=mark)]
    except csv.Error as error:
        raise InputError(f"this is no class list: {error}",
                         hint="write a student a line, in CSV") from None
    rows = [row for row in rows if any(row)]
    if len(rows) > CLASS_STUDENTS:
        raise LimitError(f"a class of {len(rows):,} students; at most {CLASS_STUDENTS:,}")
    column = 0
    if rows:
        heads = [c.lower().replace("_", " ") for c in rows[0]]
        wanted = [called.lower(), *_HEADINGS] if called else list(_HEADINGS)
        named = next((heads.index(w) for w in wanted if w in heads), None)
        if named is not None:
            column, rows = named, rows[1:]
    found = dict.fromkeys(row[column] for row in rows if len(row) > column and row[column])
    if not found:
        raise InputError("the class list has no students", hint="write a student a line")
    return list(found)


def file_name(student: str) -> str:
    """What a student's files are called.

    >>> file_name("../180631 X"), file_name("180577X")
    ('180631-X', '180577X')
    """
    return _SAFE.sub("-", student).strip(".-") or "student"


def make_class(sheet: Sheet, students: Sequence[str], formats: Sequence[str] = ("markdown",),
               work: bool = True, sheets: bool = True) -> Iterator[Made]:
    """The files of a class, a student after the other: `sheets/…`, `keys/…`, `json/…`.

    Without `sheets` the keys and the data alone.
    Raises `InputError` where two students' files would have one name, or a student's numbers do
    not follow from what they are called by.
    """
    names: dict[str, str] = {}
    for student in students:
        name = file_name(student)
        if name.lower() in names:
            raise InputError(f"the files of {student!r:.40} and {names[name.lower()]!r:.40} would "
                             "have the same names")
        names[name.lower()] = student
    kept: dict[str, list[Block]] = {}
    for student in students:
        name = file_name(student)
        try:
            yield from _one(sheet, student, name, formats, work, kept, sheets)
        except InputError as error:
            error.message = f"{student:.60}: {error.message}"
            raise


def _one(sheet: Sheet, student: str, name: str, formats: Sequence[str], work: bool,
         kept: dict[str, list[Block]], sheets: bool) -> Iterator[Made]:
    page = student_sheet(sheet, student) if sheets else None
    key = model_answer(sheet, student, work, kept)
    for kind in formats:
        if page is not None:
            yield Made(f"sheets/{name}{SUFFIXES[kind]}", render(page, kind), student)
        yield Made(f"keys/{name}{SUFFIXES[kind]}", render(key, kind), student)
    data = json.dumps(answers_json(sheet, student), ensure_ascii=False, indent=1, allow_nan=False)
    yield Made(f"json/{name}.json", data + "\n", student)


__all__ = ["SUFFIXES", "Made", "file_name", "make_class", "students_of"]
