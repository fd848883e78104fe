"""The student's sheet: the questions with one student's numbers, points, and templates to fill in.

The prose is the sheet's own, with values put in. A question gets a heading with its labels, its
title and its points. Where it says "complete", its template follows: a matrix or a table whose
blanks are boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chainrule.check.sheet import Piece, Question, Rounding, Sheet
from chainrule.check.sheet_markdown import blocks, running
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_text import Filler
from chainrule.check.sheet_typeset import typeset
from chainrule.document.blocks import (
    Block,
    Document,
    Heading,
    ListBlock,
    MathBlock,
    cell,
    heading,
    p,
    strong,
    table,
)
from chainrule.document.mathnodes import Fence, Math, Matrix, Op, Row, separated
from chainrule.errors import InputError

BLANK: Final = Op("□")


def student_sheet(sheet: Sheet, student: str = "") -> Document:
    """The sheet that one student works on.

    Raises what `personalised` and working out the values in the prose raise.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> student_sheet(find_sheet("machine-vision"), "180631").title
    'A toy network, and the softmax'
    """
    own = personalised(sheet, student)
    filler = Filler(own)
    found: list[Block] = [*whose(own, student)]
    for piece in own.body:
        if piece.question:
            question = own.question(piece.question)
            found += [title(own, question), *stated(filler, piece, question)]
        else:
            found += blocks(filler.fill(piece.text, piece.part, piece.start))
    return Document(own.title, tuple(found), {"sheet": own.id, "student": student})


def whose(sheet: Sheet, student: str) -> list[Block]:
    """Whose numbers these are, how many points there are, how numbers are to be given."""
    said: list[Block] = []
    name = student or (sheet.example if sheet.personal else "")
    if name:
        what = sheet.student or "student"
        said.append(p(strong(f"{what[0].upper()}{what[1:]}: "), name,
                      "" if student else " (an example)"))
    most = sum(q.points for q in sheet.questions)
    words = [f"{points(most)} in all."] if most else []
    words += [asked_for(sheet.rounding)] if asked_for(sheet.rounding) else []
    return [*said, p(" ".join(words))] if words else said


def asked_for(rounding: Rounding) -> str:
    """What a rule for numbers asks for, as a sentence.

    >>> asked_for(Rounding(decimals=4))
    'Give numbers to 4 decimal places.'
    """
    if rounding.decimals is not None:
        places = "place" if rounding.decimals == 1 else "places"
        return f"Give numbers to {rounding.decimals} decimal {places}."
    if rounding.significant is not None:
        return f"Give numbers to {rounding.significant} significant digits."
    if rounding.absolute == 0 or rounding.relative == 0:
        return "Give exact numbers."
    if rounding.absolute is not None:
        return f"Numbers may be off by {rounding.absolute:g}."
    if rounding.relative is not None:
        return f"Numbers may be off by {100 * rounding.relative:g} %."
    return ""


def title(sheet: Sheet, question: Question) -> Heading:
    """The heading of a question: its labels, its title, its points."""
    labels = label_text(sheet, question)
    words = f"{labels}: {question.title}" if question.title else labels
    if question.points:
        words += f" ({points(question.points)})"
    return heading(2, *running(words))


def label_text(sheet: Sheet, question: Question) -> str:
    """The labels of a question as a paper writes them: `Question 1 (b) (ii)`.

    >>> label_text(Sheet("a", "A", {}, ()), Question("1", "", "", "value", path=(
    ...     ("question", "1"), ("part", "b"), ("item", "ii"))))
    'Question 1 (b) (ii)'
    """
    found = ""
    for kind, key in question.path:
        number = kind == "number" and found and found[-1].isdigit()
        found += f".{key}" if number else f" {label(sheet, kind, key)}"
    return found.strip() or question.id


def label(sheet: Sheet, kind: str, key: str) -> str:
    """One label."""
    if kind == "question":
        return f"{sheet.label}{key}" if len(sheet.label) == 1 else f"{sheet.label} {key}"
    return f"{key}." if kind == "number" else f"({key})"


def points(number: float) -> str:
    """`1 point`, `2.5 points`.

    >>> points(2.5)
    '2.5 points'
    """
    return f"{number:g} point{'' if number == 1 else 's'}"


def stated(filler: Filler, piece: Piece, question: Question) -> list[Block]:
    """What a question says, its choices, and what there is to fill in."""
    found = blocks(filler.fill(piece.text, piece.part, piece.start), level=2)
    if question.rounding is not None and asked_for(question.rounding):
        found.append(p(asked_for(question.rounding)))
    if question.ask == "choice":
        choices = [running(filler.fill(str(c), piece.part))
                   for c in question.options.get("choices", [])]
        found.append(ListBlock(tuple(choices), ordered=True))
    if question.template is not None:
        found.append(template(filler, question))
    return found


def template(filler: Filler, question: Question) -> Block:
    """A matrix or a table with blanks.

    `template = [["2.0", ""], ["", ""]]` is a matrix named by what is asked for; `template =
    {columns = ["v", "value"], rows = [["v_0", ""]]}` a table of formulas.

    Raises `InputError` for anything else.
    """
    given: Any = question.template
    if isinstance(given, Mapping):
        columns, rows = given.get("columns"), given.get("rows")
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise InputError(f"the template of {question.id} has no columns and rows")
        return table([running(str(c)) for c in columns],
                     [[cell(_blank(filler, v, question)) for v in r] for r in rows],
                     row_header=False)
    if not isinstance(given, list) or not given or not all(isinstance(r, list) for r in given):
        raise InputError(f"the template of {question.id} is no matrix and no table")
    rows = tuple(tuple(_blank(filler, v, question) for v in r) for r in given)
    matrix: Math = Matrix(rows)
    if len(rows) == 1:  # a vector, written as a list
        matrix = Fence(Row(tuple(separated(rows[0], Op(",")))), "[", "]")
    return MathBlock(Row((typeset(question.of), Op("="), matrix)) if question.of else matrix)


def _blank(filler: Filler, given: Any, question: Question) -> Math:
    """A cell that is filled in, or a box."""
    words = str(given).strip()
    if words in ("", "?"):
        return BLANK
    return typeset(filler.fill(f"${words}$", question.part).strip("$"))
