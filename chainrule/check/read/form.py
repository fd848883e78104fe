"""Filled answer forms as papers: TOML, JSON or CSV with an answer to each question.

The paper's text is written out from the form, question by question, so that an answer is read like
any paper's text and a remark can stand beside it; the question's name becomes the labels above it.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from typing import Any, Final

from chainrule.check.paper import Block, Break, Formula, Label, Paper, Place
from chainrule.check.read.labels import path_of
from chainrule.check.read.markdown import blocks_of
from chainrule.check.read.notebook import parsed
from chainrule.errors import InputError

_MOST: Final = 5_000  # answers of one form
_DEPTH: Final = 8  # tables in tables
_HEADS: Final = frozenset({"question", "id", "name", "key", "task", "nr", "no"})
_IDLE: Final = frozenset({"student", "name", "id", "index", "schema", "sheet", "course", "date",
                          "email", "seed"})  # fmt: skip


def read_form(text: str, name: str, kind: str) -> Paper:
    """A filled form as a paper; `kind` is toml, json or csv.

    Raises `InputError` where it is not of that format, `LimitError` where it is nested too deeply.
    """
    if kind == "toml":
        try:
            answers = _flat(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as slip:
            raise InputError(f"{name} is no TOML: {slip}") from None
    elif kind == "json":
        answers = _flat(parsed(text, name))
    else:
        answers = _rows(text, name)
    return _paper(answers, name)


def _flat(found: Any) -> list[tuple[str, Any]]:
    """The answers with the path to each."""
    answers: list[tuple[str, Any]] = []
    stack: list[tuple[str, Any, int]] = [("", found, 0)]
    while stack and len(answers) < _MOST:
        key, value, depth = stack.pop()
        if isinstance(value, dict) and depth < _DEPTH:
            for name, inner in reversed(list(value.items())):
                plain = name in ("answers", "questions") and not key
                path = key if plain else f"{key}.{name}" if key else str(name)
                if depth == 0 and str(name).lower() in _IDLE:
                    continue
                stack.append((path, inner, depth + 1))
        elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
            for inner in reversed(value):
                head = next((str(v) for k, v in inner.items() if str(k).lower() in _HEADS), key)
                rest = {k: v for k, v in inner.items() if str(k).lower() not in _HEADS}
                only = next(iter(rest.values())) if len(rest) == 1 else rest
                stack.append((f"{key}.{head}" if key else head, only, depth + 1))
        elif key:
            answers.append((key, value))
    return answers


def _rows(text: str, name: str) -> list[tuple[str, Any]]:
    try:
        rows = [r for r in csv.reader(io.StringIO(text), strict=False) if any(c.strip() for c in r)]
    except csv.Error as slip:
        raise InputError(f"{name} is no CSV: {slip}") from None
    if rows and len(rows[0]) > 1 and rows[0][0].strip().lower() in _HEADS:
        rows = rows[1:]
    return [(r[0].strip(), ",".join(r[1:]).strip()) for r in rows[:_MOST] if len(r) > 1]


def _paper(answers: list[tuple[str, Any]], name: str) -> Paper:
    pieces: list[str] = []
    places: list[tuple[int, int, int, bool]] = []
    at = 0
    for key, value in answers:
        said, plain = _said(value)
        head = f"{key}:\n"
        pieces.append(f"{head}{said}\n\n")
        places.append((at, at + len(head), at + len(head) + len(said), plain))
        at += len(pieces[-1])
    text = "".join(pieces)
    blocks: list[Block] = []
    for (key, _), (start, middle, end, plain) in zip(answers, places, strict=True):
        for kind, label in path_of(key):
            blocks.append(Label(Place(start, middle - 2), key, kind, label))
        if plain and text[middle:end].strip():
            blocks.append(Formula(Place(middle, end), text[middle:end], True))
        else:
            blocks += blocks_of(text, middle, end)
        blocks.append(Break(Place(end, end)))
    remarks = () if answers else ("the form has no answers",)
    return Paper(name, text, tuple(blocks), remarks)


def _said(value: Any) -> tuple[str, bool]:
    """An answer as text, and whether it is a bare value."""
    if isinstance(value, str):
        said = value.replace("\r\n", "\n")
        bare = said.strip().replace(" ", "")
        return said, bool(bare) and all(c in "0123456789.,-+eE[]()/*%" for c in bare) and any(
            c.isdigit() for c in bare)
    if isinstance(value, bool) or value is None:
        return str(value).lower(), False
    if isinstance(value, (int, float)):
        return str(value), True
    if isinstance(value, list):
        try:
            return json.dumps(value), True
        except (TypeError, ValueError):
            return str(value), False
    return str(value), False
