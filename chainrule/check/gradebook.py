"""A gradebook: one row a submission, as a CSV file that a spreadsheet opens without running it.

A cell that begins with = + - @, a tabulator or a carriage return is a formula to a spreadsheet, and
the cells here come from file names, class lists and papers. Such a cell gets a quotation mark (')
in front, blanks and line ends become single blanks, and every cell is quoted (OWASP, "CSV
Injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from chainrule.check.report_findings import amount
from chainrule.errors import InputError, LimitError, did_you_mean, visible

_FORMULAS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_COUNTED: Final = ("right", "wrong", "follows", "undecided", "unread")
CLASS_LIST_BYTES: Final = 5_000_000
CELL_CHARACTERS: Final = 2_000


def safe_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> safe_cell("=1+1"), safe_cell(" @x"), safe_cell(2.5), safe_cell("a\\tb")
    ("'=1+1", "'@x", '2.5', 'a b')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return amount(value)
    text = visible(" ".join(str(value).split()))
    if text.startswith(_FORMULAS):
        text = f"'{text}"
    return text if len(text) <= CELL_CHARACTERS else text[:CELL_CHARACTERS] + "…"


def gradebook_csv(rows: Iterable[Mapping[str, Any]], questions: Sequence[str]) -> str:
    """The gradebook of a class as CSV text.

    A row is a submission's summary as `chainrule.check.classroom` makes them: `student`, `file`,
    `points`, `of`, `undecided`, `questions` (points by question), `verdicts` (how many of each) and
    `problem`, the error where it could not be checked. Rows keep their order.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([safe_cell(c) for c in (
        "student", "file", "points", "of", "undecided", *(f"points {q}" for q in questions),
        *(f"steps {v}" for v in _COUNTED), "first wrong lines", "problem")])
    for row in rows:
        failed = "points" not in row
        marks = row.get("questions", {})
        cells: list[Any] = [row.get("student", ""), row.get("file", "")]
        cells += ["" if failed else row[k] for k in ("points", "of", "undecided")]
        cells += ["" if q not in marks else marks[q]["points"] for q in questions]
        cells += ["" if failed else row.get("verdicts", {}).get(v, 0) for v in _COUNTED]
        firsts = [f"{q}: {m['line']}" for q, m in marks.items() if m.get("line")]
        cells += ["; ".join(firsts), row.get("problem", "")]
        writer.writerow([safe_cell(c) for c in cells])
    return out.getvalue()


def read_class_list(data: bytes, name: str) -> dict[str, str]:
    """Which file is whose: a CSV with the columns file and student, in any order.

    Raises `InputError` where the columns or a cell are missing or a file is named twice, and
    `LimitError` for more than `CLASS_LIST_BYTES`.

    >>> read_class_list(b"file,student\\na.md,180631\\n", "class.csv")
    {'a.md': '180631'}
    """
    if len(data) > CLASS_LIST_BYTES:
        raise LimitError(f"{name} has more than {CLASS_LIST_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: byte {data[error.start]:#04x} at offset "
                         f"{error.start}") from None
    if "\0" in text:
        raise InputError(f"{name} is no CSV: it has a zero byte")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else (
        "\t" if first.count("\t") > first.count(",") else ",")
    found: dict[str, str] = {}
    try:
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        heads = [h.strip().lower() for h in next(rows, [])]
        places = {}
        for column in ("file", "student"):
            if column not in heads:
                raise InputError(f"{name} has no column {column!r}",
                                 hint=did_you_mean(column, heads) or "its first line names the "
                                 "columns: file,student")
            places[column] = heads.index(column)
        for row in rows:
            if not any(c.strip() for c in row):
                continue
            if len(row) <= max(places.values()):
                raise InputError(f"{name}, line {rows.line_num}: {len(row)} cells where the first "
                                 f"line has {len(heads)}")
            file, student = (row[places[c]].strip() for c in ("file", "student"))
            if not file or not student:
                raise InputError(f"{name}, line {rows.line_num}: the "
                                 f"{'student' if file else 'file'} is missing")
            if file in found:
                raise InputError(f"{name}, line {rows.line_num}: {file:.60} is there twice")
            found[file] = student
    except csv.Error as error:
        raise InputError(f"{name} is no CSV: {error}") from None
    return found
