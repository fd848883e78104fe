"""Looking a sheet over before students see it.

What is looked for: blocks that cannot be read, names that nothing declares, questions without an
answer, points that do not add up, statements to be shown that are false, templates of another shape
than the answer, and numbers that would spoil an exercise: ties, kinks, undefined values. Personal
numbers are tried for several students.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from chainrule.check.read import read_formula
from chainrule.check.sheet import Piece, Question, Sheet
from chainrule.check.sheet_key import answer_value, solutions, try_answer
from chainrule.check.sheet_making import points, stated
from chainrule.check.sheet_personal import faults, personalised, varied
from chainrule.check.sheet_reading import read_sheet
from chainrule.check.sheet_text import Filler
from chainrule.check.sheet_truth import wrong
from chainrule.document.blocks import Document, code, p, table
from chainrule.errors import ChainruleError, Span
from chainrule.evaluate.values import CellArray
from chainrule.lang.expr import Expr
from chainrule.limits import SHEET_BLOCKS

STUDENTS: Final = ("180631", "180577", "000000", "123456", "999999", "102030")
_HEAD_POINTS: Final = re.compile(r"^(#{1,6})\s[^\n]*\((\d+(?:\.\d+)?) points?\)\s*$", re.MULTILINE)
_HEAD: Final = re.compile(r"^(#{1,6})\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at: where (a line and a column, from 1), in which question, what."""

    line: int
    column: int
    question: str
    message: str


def lint(text: str, name: str = "sheet", work: bool = True, check: bool = False
         ) -> list[Finding]:
    """What is wrong with a sheet, in the order of the file; nothing if nothing was found.

    With `work` the model answer's working is made too, which proves what the sheet asks to have
    proved. With `check` the statements to be shown and the model answers are judged as a student's
    paper is.

    >>> [f.message for f in lint('+++\\nid = "a"\\ntitle = "A"\\n+++\\n')]
    ['the sheet asks nothing']
    """
    try:
        sheet = read_sheet(text, name)
    except ChainruleError as error:
        return [_of(error, "")]
    linter = _Linter(sheet, work)
    found = [*linter.findings()]
    if check and not found:
        found += linter.judged()
    return sorted(dict.fromkeys(found), key=lambda f: (f.line, f.column))


def _of(error: ChainruleError, question: str, start: int = 0, sheet: Sheet | None = None
        ) -> Finding:
    span = error.span
    if sheet is not None and (span is None or span.text != sheet.text):
        span = Span(sheet.text, start, start + 1, sheet.name)
    message = error.message + (f" ({error.hint})" if error.hint else "")
    return Finding(span.line() if span else 1, span.column() if span else 1, question,
                   message[:400])


class _Linter:
    """One sheet that could be read."""

    def __init__(self, sheet: Sheet, work: bool) -> None:
        self.sheet = sheet
        self.work = work

    def at(self, start: int, message: str, question: str = "") -> Finding:
        span = Span(self.sheet.text, start, start + 1, self.sheet.name)
        return Finding(span.line(), span.column(), question, message)

    def findings(self) -> Iterator[Finding]:
        if not self.sheet.questions:
            yield self.at(0, "the sheet asks nothing")
            return
        yield from self.points()
        yield from self.unreadable()
        for question in self.sheet.questions:
            yield from self.unanswered(question)
        students = self.students()
        told: set[str] = set()
        for k, student in enumerate(students):
            try:
                own = personalised(self.sheet, student)
            except ChainruleError as error:
                what = error.message.replace(student, "…")
                if what not in told:  # the same trouble for each of them is told once
                    told.add(what)
                    yield _of(error, "", self.parts_start(), self.sheet)
                continue
            yield from self.degenerate(own, student)
            yield from self.values(own, student, first=k == 0)
        yield from self.practice()

    def practice(self) -> Iterator[Finding]:
        """Whether numbers for practice can be drawn, and everything be worked out with them."""
        if not any(part.practise for part in self.sheet.parts.values()):
            return
        told: set[tuple[int, str]] = set()
        for student in STUDENTS:
            try:
                own = personalised(varied(self.sheet), student)
            except ChainruleError as error:
                yield _of(error, "", self.parts_start(), self.sheet)
                return
            for finding in self.values(own, student, first=False):
                if (finding.line, finding.question) not in told:
                    told.add((finding.line, finding.question))
                    yield replace(finding, message=f"in practice: {finding.message}")

    def students(self) -> list[str]:
        """Who the personal numbers are tried for."""
        if not self.sheet.personal:
            return [self.sheet.example]
        named = [self.sheet.example] if self.sheet.example else []
        return [*named, *STUDENTS]

    def parts_start(self) -> int:
        return min((p.start for p in self.sheet.parts.values()), default=0)

    # points

    def points(self) -> Iterator[Finding]:
        """Whether the points add up to what the front matter and the headings say."""
        most = sum(q.points for q in self.sheet.questions)
        if self.sheet.points is not None and abs(most - self.sheet.points) > 1e-9:
            yield self.at(0, f"the questions have {points(most)} together, the sheet says "
                             f"{self.sheet.points:g}")
        text = self.sheet.text
        if sum(1 for _ in _HEAD.finditer(text)) > SHEET_BLOCKS:
            return
        for m in _HEAD_POINTS.finditer(text):
            later = (h.start() for h in _HEAD.finditer(text, m.end()) if len(h[1]) <= len(m[1]))
            end = next(later, len(text))
            own = sum(q.points for q in self.sheet.questions if m.start() < q.start < end)
            if abs(own - float(m[2])) > 1e-9:
                yield self.at(m.start(), f"the questions under this heading have {points(own)}, "
                                         f"the heading says {m[2]}")

    # notation

    def unreadable(self) -> Iterator[Finding]:
        """LaTeX that is there to be read, and cannot be."""
        for part in self.sheet.parts.values():
            spelled = [s for names in part.names.values() for s in names]
            for source in (*part.notation, *spelled):
                why = _unread(source)
                if why:
                    yield self.at(part.start, f"part {part.name}: {source:.80} {why}")
        for question in self.sheet.questions:
            for source in (question.of, question.target):
                why = _unread(source) if source else ""
                if why:
                    yield self.at(question.start, f"{source:.80} {why}", question.id)

    # answers

    def unanswered(self, question: Question) -> Iterator[Finding]:
        """Whether there is something that an answer can be held against."""
        missing = {
            "value": not question.quantity and not question.accept,
            "closed": not question.quantity and not question.accept,
            "table": not question.quantity and "rows" not in question.options,
            "derivation": not question.target,
            "proof": not question.target,
            "configuration": not {"in", "out"} <= set(question.options),
            "choice": "right" not in question.options,
            "text": False,
        }[question.ask]
        wanted = {
            "value": "quantity, what is asked for in chainrule's language",
            "closed": "quantity, what is asked for in chainrule's language",
            "table": "quantity, the value that the table ends with",
            "derivation": "target, what is to be shown", "proof": "target, what is to be shown",
            "configuration": "in and out among its options", "choice": "right among its options",
        }
        if missing:
            yield self.at(question.start, f"the question {question.id} has no answer that could "
                          f"be checked: give {wanted[question.ask]}", question.id)
        if question.ask == "text" and not question.answer and "look_for" not in question.options:
            yield self.at(question.start, f"nobody knows what a good answer to {question.id} is: "
                          "give an answer block, or look_for among its options", question.id)
        if not question.text:
            yield self.at(question.start, f"the question {question.id} says nothing", question.id)

    def judged(self) -> Iterator[Finding]:
        """What the judge calls wrong in the statements and the model answers."""
        starts = {q.id: q.start for q in self.sheet.questions}
        for question, what in wrong(self.sheet, self.students()[0]):
            yield self.at(starts.get(question, 0), what, question)

    # numbers

    def degenerate(self, own: Sheet, student: str) -> Iterator[Finding]:
        """Numbers that spoil an exercise."""
        for name, part in own.parts.items():
            if part.program is None or any(n not in part.given for n in part.program.inputs):
                continue
            try:
                for fault in faults(part):
                    who = f"for {student}, " if name in own.personal else ""
                    yield self.at(part.start, f"{who}part {name}: {fault}")
            except ChainruleError as error:
                yield _of(error, "", part.start, self.sheet)

    def values(self, own: Sheet, student: str, first: bool) -> Iterator[Finding]:
        """Values, prose, templates, working and answers."""
        filler = Filler(own)
        for piece in own.body:
            yield from self.prose(filler, piece)
        for question in own.questions:
            try:
                value = answer_value(filler, question)
                if value is not None:
                    yield from self.value(question, value, student)
                if question.ask == "configuration" and not solutions(question).count:
                    yield self.at(question.start, "no configuration does what is asked for",
                                  question.id)
                for text in question.accept:
                    filler.values[question.part].value(text)
            except ChainruleError as error:
                yield _of(error, question.id, question.start, self.sheet)
                continue
            if first and self.work:
                failed = try_answer(own, question, filler)
                if failed is not None:
                    yield _of(failed, question.id, question.start, self.sheet)

    def prose(self, filler: Filler, piece: Piece) -> Iterator[Finding]:
        try:
            if piece.question:
                stated(filler, piece, filler.sheet.question(piece.question))
            else:
                filler.fill(piece.text, piece.part, piece.start)
        except ChainruleError as error:
            yield _of(error, piece.question, piece.start, self.sheet)

    def value(self, question: Question, value: CellArray, student: str) -> Iterator[Finding]:
        """A value that is no number, or has another shape than the template."""
        for cell in value.cells:
            if not isinstance(cell, Expr) and any(w in str(cell) for w in ("nan", "inf")):
                yield self.at(question.start, f"for {student or 'all'}, the answer is {cell!s}",
                              question.id)
        shape = _template_shape(question.template)
        if shape is not None and question.of and value.shape != shape:
            yield self.at(question.start, f"the template has the shape {list(shape)}, the answer "
                                          f"{list(value.shape)}", question.id)


def _unread(source: str) -> str:
    """Why a formula cannot be read; nothing where it can."""
    try:
        pieces = read_formula(source)
    except ChainruleError as error:
        return f"cannot be read: {error.message}"
    for piece in pieces:
        for side in piece.sides:
            if side.node is None and side.text.strip():
                return f"cannot be read: {side.why}"
    return "" if pieces else "says nothing"


def _template_shape(template: Any) -> tuple[int, ...] | None:
    """Rows and columns of a matrix to fill in."""
    if isinstance(template, list) and template and all(isinstance(r, list) for r in template):
        columns = len(template[0])
        return (len(template), columns) if len(template) > 1 else (columns,)
    return None


def page(findings: list[Finding], name: str) -> Document:
    """The findings as a document."""
    if not findings:
        return Document(f"{name}: nothing was found", (
            p("The sheet can be read, its questions can be answered, its points add up."),))
    rows = [[str(f.line), str(f.column), code(f.question) if f.question else "", f.message]
            for f in findings]
    return Document(f"{name}: {len(findings)} finding{'s' if len(findings) > 1 else ''}", (
        table(["line", "column", "question", "what"], rows, row_header=False),))
