"""A program together with its numbers, in a TOML file.

    title = "The toy network"
    formula = '''
    u[i,j] = max(a<2, b<2) x[2*i+a, 2*j+b]
    y = sum(i, j) u[i,j]
    '''

    [values]                                  # the inputs: numbers, nested lists, or words that
    x = [[1, 8, "1/2"], [3, 1.1, "pi/2"]]     # stand for a number
    X = { index-number = "180631" }           # the matrix of an index number (chainrule.personal)

    [seed]                                    # given adjoints of outputs, dL/dy
    y = 2.0

    [tangent]                                 # given tangents of inputs

    [trace]                                   # what `chainrule trace` does unless told otherwise
    mode = "reverse"                          # also: wrt, of, digits, granularity, order, fanout

A decimal keeps the digits that were written: 0.1 is one tenth. A key that is not in this list is
refused, with its line. Nothing in a file names another file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from os import PathLike
from typing import Any, Final

from chainrule.errors import (
    ChainruleError,
    InputError,
    KindError,
    LimitError,
    Span,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.calls import read as program
from chainrule.lang.program import Program
from chainrule.limits import LITERAL_DIGITS, TENSOR_AXES
from chainrule.literals import number, value
from chainrule.personal import index_number_matrix

SPECIFICATION_CHARACTERS: Final = 1_000_000
_TABLES: Final = ("values", "seed", "tangent", "trace")
_KEYS: Final = ("title", "formula", *_TABLES)
_RULE: Final = "index-number"
_NESTING: Final = 64  # brackets inside each other; a tensor has at most TENSOR_AXES axes
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "mode": ("both", "forward", "reverse"),
    "granularity": ("elementary", "layer"),
    "order": ("written", "level"),
    "fanout": ("sum", "accumulate"),
}
TRACE_OPTIONS: Final = (*_CHOICES, "wrt", "of", "digits", "graph")


@dataclass(frozen=True)
class Specification:
    """A program, the values of its inputs, given adjoints and tangents, and options of its trace.

    `by_rule` names the inputs whose values come from an index number. `text` and `offset` say where
    the formula stands in its file, `offset` being None where that is not known.
    """

    program: Program
    values: Mapping[str, Any] = field(default_factory=dict)
    seed: Mapping[str, Any] = field(default_factory=dict)
    tangent: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None
    by_rule: tuple[str, ...] = ()
    name: str = "formula"
    text: str = ""
    formula: str = ""
    offset: int | None = None

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Errors raised inside point into the file rather than into the formula alone."""
        try:
            yield
        except ChainruleError as error:
            _move_span(error, self.formula, self.text, self.offset, self.name)
            raise


def read_specification(
    text: str, name: str = "specification", prepare: Callable[[str], str] = str,
) -> Specification:
    """The program and the numbers that a TOML text describes.

    `prepare` is what is done to the formula's text first, such as writing its layers out.

    Raises `InputError` for what is not of the form above, `LimitError` for what is too large, and
    whatever the formula itself gets wrong, each with the place in the text.

    >>> s = read_specification("formula = 'y = a*b'\\n[values]\\na = 0.1\\nb = '1/3'")
    >>> s.values["a"], s.values["b"]
    (Fraction(1, 10), Fraction(1, 3))
    """
    text = text.replace("\r\n", "\n")
    data = toml_tables(text, name)
    _check_keys(data, _KEYS, "", text, name)
    formula = data.get("formula")
    if not isinstance(formula, str):
        what = "has no formula" if formula is None else "has a formula that is not text"
        raise InputError(f"{name} {what}", _place(text, "", "formula", name),
                         'write formula = """…""" at the top of the file')
    formula = prepare(formula)
    title = data.get("title")
    if title is not None and not isinstance(title, str):
        raise InputError("a title is text", _place(text, "", "title", name))
    for table in _TABLES:
        if not isinstance(data.get(table, {}), dict):
            raise InputError(f"{table} is a table", _place(text, "", table, name),
                             f"write [{table}] on a line of its own, and a line for each name")
    numbers = {t: _numbers(data.get(t, {}), t, text, name) for t in _TABLES[:3]}
    offset = _formula_offset(text, formula)
    try:
        found = program(formula, name if offset is not None else f"the formula of {name}")
    except ChainruleError as error:
        _move_span(error, formula, text, offset, name)
        raise
    for table in _TABLES[:3]:
        _check_names(found, numbers[table], table, text, name)
    return Specification(
        found, numbers["values"], numbers["seed"], numbers["tangent"],
        _options(data.get("trace", {}), text, name), title,
        tuple(k for k, v in data.get("values", {}).items() if isinstance(v, dict)),
        name, text, formula, offset,
    )  # fmt: skip


def load(path: str | PathLike[str]) -> Specification:
    """The program and the numbers that a TOML file describes; see `read_specification`.

    Raises `InputError` for a file that cannot be read, besides.
    """
    name = str(path)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read(SPECIFICATION_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text") from None
    return read_specification(text, name)


def _move_span(
    error: ChainruleError, formula: str, text: str, offset: int | None, name: str
) -> None:
    """Let an error in the formula point at the same characters in the file."""
    span = error.span
    if span is not None and span.text == formula and offset is not None:
        error.span = Span(text, offset + span.start, offset + span.end, name)


# --- TOML -----------------------------------------------------------------------------------------


def toml_tables(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML text, with its floats as exact fractions."""
    if len(text) > SPECIFICATION_CHARACTERS:
        raise LimitError(
            f"{name} has {len(text):,} characters; at most {SPECIFICATION_CHARACTERS:,} are read"
        )
    _check_nesting(text, name)

    def decimal(written: str) -> Fraction | float:
        at = text.find(written)
        if written.lstrip("+-") in ("inf", "nan"):
            raise InputError(f"{written} is not a number that can be worked with",
                             Span(text, at, at + len(written), name))
        return number(written.replace("_", ""), Span(text, at, at + len(written), name))

    try:
        return tomllib.loads(text, parse_float=decimal)
    except tomllib.TOMLDecodeError as error:
        message, span = _decode_error(str(error), text, name)
        raise InputError(f"this is not TOML: {message}", span) from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise LimitError(f"{name}: a number has more than {LITERAL_DIGITS} digits") from None
    except RecursionError:
        raise LimitError(f"{name}: tables inside each other too deeply") from None


def _check_nesting(text: str, name: str) -> None:
    """Refuse lines of brackets, or of dots, that would take the TOML reader long or too deep."""
    # possessive quantifiers: no backtracking, so that hostile text costs linear time
    deep = re.search(
        rf"(?:[\[{{]\s*+){{{_NESTING}}}|(?<![\w.])(?:\w++\s*+\.\s*+){{{_NESTING}}}", text)
    if deep is not None:
        raise LimitError("brackets or names inside each other too deeply",
                         Span(text, deep.start(), deep.start() + 1, name),
                         f"a tensor has at most {TENSOR_AXES} axes")


def _decode_error(message: str, text: str, name: str) -> tuple[str, Span]:
    """What the TOML reader says, with its place taken out of the words."""
    found = re.search(r"\s*\(at line (\d+), column (\d+)\)", message)
    if found is None:
        end = len(text.rstrip())
        return (message.replace(" (at end of document)", ", at the end of the file"),
                Span(text, max(end - 1, 0), end, name))
    line, column = int(found[1]), int(found[2])
    start = sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1
    start = min(start, max(len(text) - 1, 0))
    return message[: found.start()], Span(text, start, start + 1, name)


def _place(text: str, table: str, key: str, name: str) -> Span | None:
    """Where a key, or a table's head, stands; strings of several lines are passed over."""
    here, inside = "", ""
    at = 0
    bare = rf"\s*(?:\"{re.escape(key)}\"|'{re.escape(key)}'|{re.escape(key)})\s*"
    for line in text.split("\n"):
        if not inside:
            head = re.match(r"\s*\[+\s*([\w\-. \"']+?)\s*\]+", line)
            if head:
                here = head[1].strip("\"'")
                if not table and here.split(".")[0] == key:
                    return Span(text, at + head.start(1), at + head.end(1), name)
            path = rf"\s*{re.escape(table)}\s*\.{bare}[=.]" if table and not here else None
            match = (re.match(bare + "[=.]", line) if here == table else None) or (
                re.match(path, line) if path else None
            )
            if match:
                start = at + line.index(key, match.start())
                return Span(text, start, start + len(key), name)
        for mark in ('"""', "'''"):
            if inside in ("", mark) and line.count(mark) % 2:
                inside = "" if inside else mark
                break
        at += len(line) + 1
    found = re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", text)
    return None if found is None else Span(text, found.start(), found.end(), name)


def _formula_offset(text: str, formula: str) -> int | None:
    """Where the formula's characters start in the file, if they stand there as they are."""
    for match in re.finditer(r"^\s*[\"']?formula[\"']?\s*=\s*(\"\"\"\n?|'''\n?|\"|')", text, re.M):
        if text.startswith(formula, match.end()):
            return match.end()
    return None


# --- what the tables may hold ---------------------------------------------------------------------


def _check_keys(
    data: Mapping[str, Any], known: tuple[str, ...], table: str, text: str, name: str
) -> None:
    for key in data:
        if key not in known:
            where = f"[{table}]" if table else "a specification"
            raise InputError(
                f"{where} has no key {key!r:.60}", _place(text, table, key, name),
                did_you_mean(key, list(known)) or f"its keys are {', '.join(known)}",
            )


def _check_names(
    program: Program, given: Mapping[str, Any], table: str, text: str, name: str
) -> None:
    """Refuse values of what the program does not have, adjoints and tangents alike."""
    known = [*program.inputs, *(program.size_names() if table == "values" else ())]
    what = "input"
    if table == "seed":
        known, what = [*program.outputs], "output"
        given = {key: v for key, v in given.items() if not _computed(program, key)}
    for key in given:
        if key in known:
            continue
        message = f"[{table}] {key:.60}: the program has no {what} called {key:.60}"
        if table == "values" and key in program.tensors:
            message = f"[{table}] {key:.60} is computed by the program; it takes no value"
        raise UnknownNameError(
            message, _place(text, table, key, name),
            did_you_mean(key, known) or f"its {what}s are {', '.join(known[:20]) or 'none'}")


def _computed(program: Program, key: str) -> bool:
    """Whether adjoints may be given for it: a tensor, or a row of the trace such as v3."""
    return key in program.tensors or re.fullmatch(r"v_?[0-9]+", key) is not None


def _numbers(data: Mapping[str, Any], table: str, text: str, name: str) -> dict[str, Any]:
    """A table of numbers, with errors placed at their names."""
    found = {}
    for key, given in data.items():
        try:
            found[key] = _value(key, given, table == "values")
        except ChainruleError as error:
            error.message = f"{key}: {error.message}"
            error.span = _value_span(error.span, _place(text, table, key, name), text, name)
            raise
    return found


def _value_span(inner: Span | None, key: Span | None, text: str, name: str) -> Span | None:
    """A place inside a value that is written in quotes, as a place in the file, else the key's."""
    if inner is None or key is None:
        return key or inner
    at = text.find(inner.text, key.end)
    if at < 0 or "\n" in text[key.end : at]:
        return key
    return Span(text, at + inner.start, at + inner.end, name)


def _value(key: str, given: Any, rule: bool) -> Any:
    """A number, a nested list of numbers, or the matrix of an index number."""
    if isinstance(given, dict):
        if not rule or set(given) != {_RULE}:
            wrong = next((k for k in given if k != _RULE), _RULE)
            raise InputError(f"a table with {wrong!r:.60} is no value",
                             hint=f'the only rule there is: {key} = {{ {_RULE} = "180631" }}')
        if not isinstance(given[_RULE], str):
            raise InputError(f"the {_RULE} is not text",
                             hint=f'put it in quotes: {_RULE} = "{given[_RULE]!s:.20}"')
        return index_number_matrix(given[_RULE])
    return _cell(given, 0)


def _cell(given: Any, depth: int) -> Any:
    if isinstance(given, list):
        if depth == TENSOR_AXES:
            raise LimitError(f"more than {TENSOR_AXES} axes")
        return [_cell(part, depth + 1) for part in given]
    if isinstance(given, str):
        return value(given)
    if isinstance(given, bool) or not isinstance(given, int | Fraction | float):
        raise KindError(f"{given!s:.60} stands where a number is wanted")
    if isinstance(given, int) and abs(given) >= 10**LITERAL_DIGITS:
        raise LimitError(f"a number of more than {LITERAL_DIGITS} digits")
    return given


def _options(data: Mapping[str, Any], text: str, name: str) -> dict[str, Any]:
    """The options of a trace, each of the kind and among the words that it may be."""
    _check_keys(data, TRACE_OPTIONS, "trace", text, name)
    options: dict[str, Any] = {}
    for key, given in data.items():
        place = _place(text, "trace", key, name)
        if key in _CHOICES and given not in _CHOICES[key]:
            hint = did_you_mean(str(given), list(_CHOICES[key]))
            raise InputError(f"{key} is {given!r:.60}", place,
                             hint or f"it is one of {', '.join(_CHOICES[key])}")
        if key == "digits" and (type(given) is not int or not 0 <= given <= 30):
            raise InputError("digits is a whole number from 0 to 30", place)
        if key == "of" and not isinstance(given, str):
            raise InputError("of is the name of one output", place)
        if key == "graph" and not isinstance(given, bool):
            raise InputError("graph is true or false", place)
        if key == "wrt":
            given = [given] if isinstance(given, str) else given
            if not isinstance(given, list) or not all(isinstance(n, str) for n in given):
                raise InputError("wrt is a list of names", place)
        options[key] = given
    return options
