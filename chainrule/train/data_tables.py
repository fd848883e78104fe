"""Tables of text: CSV and its relatives, an example in each line.

One column is the label (the last, unless the user says which), the others are the inputs. Whether
the first line names the columns, and what stands between them, is found out, or said by the user.
A field that is not a number is an error that names the line and the column: a program that reads
an empty field as zero has invented a measurement.

Source: Y. Shafranovich, RFC 4180, "Common Format and MIME Type for CSV Files" (2005).
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from chainrule.errors import LimitError
from chainrule.limits import TENSOR_BYTES
from chainrule.train.data_examples import listed
from chainrule.train.data_files import Found, Reading, broken, meant, named, quoted, read_all

SUFFIXES = (".csv", ".tsv", ".txt", ".data")
_MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "-", "."}
_COLUMNS = 1_000_000


@dataclass
class _Table:
    """What has been read so far."""

    path: Path
    names: list[str]
    answers: list[int]  # the columns that are labels or targets
    inputs: array[float] = field(default_factory=lambda: array("d"))
    labels: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))  # where each example stands


def is_table(path: Path) -> bool:
    """Whether a file's name is one that tables have: data.csv, data.tsv.gz."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read_table(path: Path, reading: Reading) -> dict[str, Found]:
    """The examples of a table, all for training.

    `reading.label` is the column of the labels, by name or by number (from 0, or from the end:
    -1); several names with commas between them are several real targets.
    """
    reading.only("a table", "label", "task", "classes", "header", "delimiter")
    lines = _rows(path, reading.delimiter)
    first = next(lines, None)
    if first is None:
        raise broken(path, "holds no line of numbers")
    second = next(lines, None)
    header = _names_columns(first[1], second[1] if second else None) if (
        reading.header is None) else reading.header
    width = len(first[1])
    names = [c.strip() for c in first[1]] if header else [f"column {k + 1}" for k in range(width)]
    if not 2 <= width <= _COLUMNS:
        raise broken(path, f"line {first[0]} has {width} column{'s' * (width != 1)}; expected "
                           f"inputs and a label, 2 to {_COLUMNS:,}",
                     "say what stands between columns with delimiter= (--delimiter)")
    table = _Table(path, names, _label_columns(path, names, reading.label, header))
    begin = [] if header else [first]
    for number, row in chain(begin, [second] if second else [], lines):
        _take(table, number, row)
    if not table.lines:
        raise broken(path, "has names of columns and no line of numbers below them")
    inputs = np.frombuffer(table.inputs, np.float64).reshape(len(table.lines), -1)
    return {"train": Found(inputs, _answers(table), named(path))}


def _rows(path: Path, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty and no comments, split into fields, with their numbers."""
    content = read_all(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise broken(path, f"line {line}: byte {error.start:,} is not UTF-8",
                     "save the table as UTF-8") from None
    zero = content.find(b"\0")
    if zero >= 0:
        line = content.count(b"\n", 0, zero) + 1
        raise broken(path, f"line {line}: byte {zero:,} is 0, which "
                           "no text has", "is it a table, saved as text?")
    del content
    if "\n" not in text:
        text = text.replace("\r", "\n")  # as spreadsheets on a Mac once wrote
    mark = delimiter or _delimiter(_lines(text))
    if len(mark) != 1 or mark in "\"\r\n":
        raise broken(path, f"columns cannot be divided by {quoted(mark)}; expected one character")
    blank = mark == " "
    reader = csv.reader(_lines(text), delimiter=mark, skipinitialspace=True, strict=True)
    last = 0
    try:
        for row in reader:
            start, last = last + 1, reader.line_num
            if blank:
                row = [word for word in row if word]
            if row and any(row) and not row[0].startswith("#"):
                yield start, row
    except csv.Error as error:
        raise broken(path, f"line {reader.line_num}: {error}") from None


def _lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends; the whole of them as a list would take much room."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _delimiter(lines: Iterable[str]) -> str:
    """What stands between the columns of the first line that says something."""
    line = next((text for text in lines if text.strip() and not text.startswith("#")), "")
    return next((mark for mark in ";\t|," if mark in line), " ")


def _number(text: str) -> float | None:
    """The number that a field holds, None if it holds none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _names_columns(first: list[str], second: list[str] | None) -> bool:
    """Whether the first line names columns: words, above numbers."""
    if all(_number(word) is None for word in first):
        return True
    if second is None:
        return False
    return any(_number(a) is None and a.strip().lower() not in _MISSING and _number(b) is not None
               for a, b in zip(first, second, strict=False))


def _label_columns(
    path: Path, names: list[str], label: str | int | None, header: bool
) -> list[int]:
    """The columns that are the label, or the targets."""
    if label is None:
        return [len(names) - 1]
    if isinstance(label, int) or (label.strip().removeprefix("-").isdecimal() and (
            label.strip() not in names)):
        column = int(label)
        if not -len(names) <= column < len(names):
            raise broken(path, f"there is no column {column}; there are {len(names)}, from 0")
        return [column % len(names)]
    wanted = [label] if label in names else [word.strip() for word in label.split(",")]
    for word in wanted:
        if names.count(word) != 1:
            what = "no column" if word not in names else "more than one column"
            hint = meant(word, names) or f"its columns are {listed(names)}"[:200]
            raise broken(path, f"there is {what} {quoted(word)}",
                         hint if header else "its first line does not name columns: give a number")
    if len(set(wanted)) == len(names):
        raise broken(path, "all columns are labels: there are no inputs")
    return [names.index(word) for word in dict.fromkeys(wanted)]


def _take(table: _Table, number: int, row: list[str]) -> None:
    """One line: its label kept as text, its other fields as numbers."""
    if len(row) != len(table.names):
        _ragged(table, number, row)
    table.labels += [row[column].strip() for column in table.answers]
    fields = row
    if len(table.answers) == 1:
        column = table.answers[0]
        fields = row[:column] + row[column + 1 :]
    else:
        fields = [word for column, word in enumerate(row) if column not in table.answers]
    before = len(table.inputs)
    try:
        table.inputs.extend(map(float, fields))
        sound = math.isfinite(sum(map(abs, table.inputs[before:])))
    except (ValueError, OverflowError):
        sound = False
    if not sound or "_" in "".join(fields):
        _complain(table, number, row)
    table.lines.append(number)
    if len(table.inputs) * 8 > TENSOR_BYTES:
        raise LimitError(f"{named(table.path)}, line {number}: more than "
                         f"{TENSOR_BYTES // 2**30} GiB of numbers")


def _ragged(table: _Table, number: int, row: list[str]) -> None:
    raise broken(table.path, f"line {number} has {len(row)} columns, where the first has "
                             f"{len(table.names)}",
                 "say what stands between columns with delimiter= (--delimiter)")


def _complain(table: _Table, number: int, row: list[str]) -> None:
    """Name the field of a line that is not a finite number, if there is one."""
    for column, word in enumerate(row):
        if column in table.answers:
            continue
        found = _number(word)
        if found is None or not math.isfinite(found):
            what = "is empty" if not word.strip() else f"holds {quoted(word)}"
            hint = "a decimal comma? write 5.1 for 5,1" if "," in word else (
                "leave the line out, or put in what the missing value should be"
                if word.strip().lower() in _MISSING else
                f"which column is the label? say so with label= (--label); now it is "
                f"{quoted(table.names[table.answers[0]])}")
            raise broken(table.path, f"line {number}, {quoted(table.names[column])}: the field "
                                     f"{what}, expected a finite number", hint)


def _answers(table: _Table) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """The labels as numbers if all of them are, else as text; several columns as targets."""
    width = len(table.answers)
    numbers = [_number(word) for word in table.labels]
    missing = next((k for k, word in enumerate(table.labels)
                    if word.lower() in _MISSING and (numbers[k] is None or word.lower() == "nan")),
                   None)
    if missing is not None:
        column = table.names[table.answers[missing % width]]
        raise broken(table.path, f"line {table.lines[missing // width]}, {quoted(column)}: the "
                                 f"label is missing: found {quoted(table.labels[missing])}")
    if all(n is not None for n in numbers):
        found = np.array(numbers, np.float64)
        return found.reshape(-1, width) if width > 1 else found
    if width > 1:
        wrong = next(k for k, n in enumerate(numbers) if n is None)
        raise broken(table.path, f"line {table.lines[wrong // width]}: several columns are "
                                 f"targets, and one holds {quoted(table.labels[wrong])}: expected "
                                 "numbers")
    return np.array(table.labels, dtype=np.str_)
