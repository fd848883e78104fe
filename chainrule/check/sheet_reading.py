"""Reading a sheet: one Markdown file becomes parts, questions and prose.

    >>> sheet = read_sheet('''+++
    ... id = "doubling"
    ... title = "Doubling"
    ... +++
    ... ```program net
    ... y = 2*x
    ... ```
    ... ```given net
    ... x = 3
    ... ```
    ... ```question 1
    ... of = "y"
    ... points = 2
    ... ```
    ... What is $y$ for $x = {{x}}$?
    ... ''')
    >>> sheet.questions[0].quantity, sheet.parts["net"].given
    ('y', {'x': 3})
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from importlib.resources import files
from typing import Any, Final

from chainrule.check.sheet import Part, Piece, Question, Rounding, Sheet
from chainrule.check.sheet_blocks import Block, Cut, Prose, cut, tables
from chainrule.check.sheet_parts import Half, read_part
from chainrule.check.sheet_questions import read_question, read_rounding
from chainrule.errors import InputError, UnknownNameError, did_you_mean
from chainrule.limits import SHEET_CHARACTERS

SCHEMA: Final = 1
_FRONT: Final = ("schema", "id", "title", "student", "example", "label", "points", "rounding")
_SHIPPED: Final = "chainrule.sheets"


def read_sheet(text: str, name: str = "sheet") -> Sheet:
    """The sheet that a text describes; `name` says where it came from, for errors.

    Raises `InputError`, `UnknownNameError`, `LimitError` and what reading a program raises, each
    with the place in the sheet.
    """
    whole = cut(text, name)
    data, front = tables(whole, whole.front)
    for key in data:
        if key not in _FRONT:
            raise front.fail(f"the front matter has no key {key!r:.40}", key,
                             hint=did_you_mean(key, list(_FRONT)))
    if data.get("schema", SCHEMA) != SCHEMA:
        raise front.fail(f"the sheet is of schema {data['schema']!s:.20}", "schema",
                         hint=f"this version reads schema {SCHEMA}")
    words: dict[str, str] = {}
    for key in ("id", "title", "student", "example", "label"):
        value = data.get(key, "")
        if not isinstance(value, str):
            raise front.fail(f"{key} is text", key, hint="put it in quotes")
        words[key] = value
    for key in ("id", "title"):
        if not words[key].strip():
            raise front.fail(f"the sheet has no {key}", key, hint=f'add {key} = "…" to the front')
    most = data.get("points")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | Fraction)):
        raise front.fail("points is a number: how many there are in all", "points")
    parts, personal = _parts(whole)
    questions, body = _questions(whole, parts)
    return Sheet(
        words["id"], words["title"], parts, questions,
        read_rounding(data.get("rounding"), front, "rounding") or Rounding(),
        words["student"], personal, whole.text, name, words["example"],
        words["label"] or "Question", body, None if most is None else float(most))


def find_sheet(name: str) -> Sheet:
    """A sheet by its path, or a shipped one by its name.

    Raises `UnknownNameError` where there is neither, and what `read_sheet` raises.

    >>> find_sheet("pattern-recognition").label
    'T'
    """
    return read_sheet(*text_of(name))


def text_of(name: str) -> tuple[str, str]:
    """A sheet's text, by its path or its name, and what to call it in messages."""
    if os.sep in name or name.endswith(".md") or os.path.exists(name):
        return _file(name), name
    known = shipped()
    if name not in known:
        raise UnknownNameError(f"there is no sheet {name!r:.60}", None, did_you_mean(name, known)
                               or f"the sheets that come with chainrule are {', '.join(known)}; "
                               "of your own one give the path")
    text = files(_SHIPPED).joinpath(f"{name}.md").read_text(encoding="utf-8")
    return text, f"{name}.md"


def shipped() -> list[str]:
    """The names of the sheets that come with chainrule."""
    return sorted(entry.name.removesuffix(".md") for entry in files(_SHIPPED).iterdir()
                  if entry.name.endswith(".md"))


def _file(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read(SHEET_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text") from None


def _parts(whole: Cut) -> tuple[dict[str, Part], dict[str, Mapping[str, Mapping[str, Any]]]]:
    """All parts by name, and the rules of what is personal in each."""
    halves: dict[str, Half] = {}
    for piece in whole.pieces:
        if not isinstance(piece, Block) or piece.kind not in ("program", "given", "notation"):
            continue
        half = halves.setdefault(piece.name, Half(piece.name))
        if getattr(half, piece.kind) is not None:
            raise InputError(f"the part {piece.name} has two blocks of {piece.kind}",
                             whole.span(piece.head), "give one of them another name")
        setattr(half, piece.kind, piece)
    parts: dict[str, Part] = {}
    personal: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    programs = [name for name, half in halves.items() if half.program is not None]
    for name, half in halves.items():
        near = did_you_mean(name, programs) if half.program is None else None
        if half.given is not None and half.notation is None and near is not None:
            raise UnknownNameError(f"there is no program {name:.60} for these values",
                                   whole.span(half.given.head), near)
        parts[name], rules = read_part(whole, half)
        if rules:
            personal[name] = rules
    return parts, personal


def _questions(whole: Cut, parts: Mapping[str, Part],
               ) -> tuple[tuple[Question, ...], tuple[Piece, ...]]:
    """The questions in order, each with its prose and its answer; and all pieces in order."""
    found: dict[str, Question] = {}
    body: list[Piece] = []
    part = ""
    for piece, after in zip(whole.pieces, (*whole.pieces[1:], None), strict=False):
        if isinstance(piece, Prose):
            if not (body and body[-1].question and body[-1].start == piece.start):
                body.append(Piece(piece.text, piece.start, part=part))
        elif piece.kind in ("program", "given", "notation"):
            part = piece.name
        elif piece.kind == "question":
            if piece.name in found:
                raise InputError(f"there are two questions {piece.name}", whole.span(piece.head))
            own = isinstance(after, Prose) and not after.text.startswith("#")
            text = after.text if own and after is not None else ""
            start = after.start if own and isinstance(after, Prose) else piece.head
            question = read_question(whole, piece, text, part or next(iter(parts), ""), parts)
            found[piece.name] = question
            body.append(Piece(text, start, piece.name, question.part))
        else:
            if piece.name not in found:
                raise UnknownNameError(
                    f"this answers a question {piece.name}, which does not stand above it",
                    whole.span(piece.head), did_you_mean(piece.name, list(found)))
            found[piece.name] = replace(found[piece.name], answer=piece.text.strip())
    return tuple(found.values()), tuple(body)
