"""Practice: a sheet's questions one after the other, with new numbers each time round.

An exercise asks for what a question asks for. The answer is what one would write down: a number, a
matrix, a formula, or the next step of a derivation. Any right form counts, since an answer is read
and judged as a paper is. A right step stays, and the next one goes on from it, until the question
is answered. Somebody who is stuck gets a hint: first where to look, then a piece of the result.

A `Practice` says nothing itself: it gives documents, and whoever holds the conversation shows them.
Personal numbers come from a number of six digits that hangs on the seed, so a session can be had
again. Values that all students share are drawn from the second round on, where the sheet says how.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final, Literal

from chainrule.check.judge import Memory, judge
from chainrule.check.mistakes_explain import explain
from chainrule.check.read import read_claims, read_paper
from chainrule.check.report_findings import hint as mistake_hint
from chainrule.check.report_math import claim_math
from chainrule.check.sheet import Part, Piece, Question, Sheet
from chainrule.check.sheet_key import model_answer
from chainrule.check.sheet_making import label_text, stated, title, whose
from chainrule.check.sheet_markdown import blocks as prose
from chainrule.check.sheet_personal import personalised, varied
from chainrule.check.sheet_text import Filler, value_math
from chainrule.check.sheet_typeset import typeset
from chainrule.check.sheet_values import array, known, nested, value_of
from chainrule.check.verdicts import Judged, Report
from chainrule.document.blocks import Block, Document, Heading, Prose, p
from chainrule.document.mathtree import Identifier, row
from chainrule.document.notation import Notation
from chainrule.errors import ChainruleError, InputError, did_you_mean
from chainrule.lang.expr import Ref, walk
from chainrule.lang.program import Program
from chainrule.limits import FORMULA_CHARACTERS

Outcome = Literal["solved", "step", "wrong", "undecided", "unread"]
Judge = Callable[[Sheet, str, str], Report]
_STEPS: Final = 200
_NAME: Final = re.compile(r"[^\W\d]\w*")
_BRACES: Final = re.compile(r"[{}\s]")
_SHAPES: Final = re.compile(r"the left side is (one number|a (?:list|.* matrix|.* array).*), "
                            r"the right side is (?:one number|a .*)")
_STATED: Final = re.compile(r"[^\W\d][^+*=]*=|[\\∂(][^+*=]*=")  # a name, and what it is
_ROWS: Final = re.compile(r"\[\s*(\[.*\])\s*\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of an answer: `outcome`, and what there is to say about it."""

    outcome: Outcome
    document: Document


@dataclass(frozen=True, slots=True)
class Exercise:
    """One question with numbers of its own, and the steps that have been accepted so far.

    Of a table, `given` are the rows that are filled in, `wanted` the names of those that are not.
    """

    sheet: Sheet
    question: Question
    student: str
    turn: int
    intro: tuple[Piece, ...] = ()
    given: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    hints: int = 0

    @property
    def asked(self) -> str:
        """What a bare answer is an answer for: the next row of a table, else the question's."""
        return self.wanted[0] if self.wanted else self.question.of


@dataclass
class Practice:
    """A session: the exercise that is worked on, and what comes next.

    `only` are the ids of the questions to be asked, all that can be judged if it is empty. With a
    `student` the numbers of the first round are that student's. Raises `InputError` for an id that
    the sheet does not have, or a sheet with nothing to practise.
    """

    sheet: Sheet
    seed: int = 0
    student: str = ""
    only: tuple[str, ...] = ()
    judge: Judge | None = None
    solved: int = 0
    exercise: Exercise = field(init=False)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        ids = [q.id for q in self.sheet.questions]
        for name in self.only:
            if name not in ids:
                raise InputError(f"{self.sheet.id} has no question {name:.40}",
                                 hint=did_you_mean(name, ids) or f"it has {', '.join(ids)}")
        self._asked = [q for q in self.sheet.questions if q.id in (self.only or ids)
                       and q.ask != "text"]
        if not self._asked:
            raise InputError(f"there is nothing to practise in {self.sheet.id}",
                             hint="its questions are for a person to judge")
        self._order = self._exercises()
        self.exercise = next(self._order)

    def _exercises(self) -> Iterator[Exercise]:
        turn = 0
        while True:
            student = self.student if self.student and not turn else numbers_of(self.seed, turn)
            own = personalised(varied(self.sheet) if turn else self.sheet, student)
            filler = Filler(own)
            for question in self._asked:
                asked = replace(own.question(question.id), points=1.0)
                body = tuple(piece for piece in own.body if piece.question == question.id)
                only = replace(own, questions=(asked,), body=body)
                yield Exercise(only, asked, student, turn, _intro(own, question),
                               *_rows(question, filler))
            turn += 1

    def skip(self) -> None:
        """Go on to the next exercise."""
        self.exercise = next(self._order)

    def prompt(self) -> Document:
        """What is asked: the question with its numbers, and the steps so far."""
        now = self.exercise
        filler = Filler(now.sheet)
        blocks: list[Block] = [replace(title(now.sheet, replace(now.question, points=0.0)),
                                       level=1)]
        for piece in now.intro:
            blocks += [b for b in prose(filler.fill(piece.text, piece.part, piece.start))
                       if not isinstance(b, Heading)]
        for piece in now.sheet.body:
            blocks += stated(filler, piece, now.question)
        given = self._given()
        if given:
            blocks.append(p("Given: ", *given))
        if now.wanted:
            blocks.append(self.row())
        return Document("", tuple(blocks))

    def row(self) -> Block:
        """Which row of a table is asked for."""
        return p("Next: ", typeset(self.exercise.asked), " = ?")

    def _given(self) -> list[Prose]:
        """The values of the question's part, in a line; none where they are many."""
        part = self.exercise.sheet.parts.get(self.exercise.question.part)
        said: list[Prose] = []
        if part is None or part.program is None:
            return said
        notation = Notation(part.program.tensors)
        for name in part.given:
            try:
                value = value_of(part, name)
            except ChainruleError:
                continue
            if known(value) and len(value.cells) <= 36 and name in part.program.tensors:
                said += [", "] if said else []
                said += [notation.tensor(name), " = ", value_math(value, part)]
        for top, by in part.adjoints.items():
            for name, value in by.items():
                said += [", "] if said else []
                said += [typeset(rf"\frac{{\partial {top}}}{{\partial {name}}}"), " = ",
                         value_math(array(nested(value)), part)]
        return said

    def answer(self, typed: str) -> Feedback:
        """Judge an answer, or the next step; a question that is answered makes room for the next.

        Raises `InputError` for an answer that is too long.
        """
        if len(typed) > FORMULA_CHARACTERS:
            raise InputError(f"an answer has at most {FORMULA_CHARACTERS:,} characters")
        now = self.exercise
        if now.question.ask == "choice":
            return self._chosen(typed)
        if len(now.steps) >= _STEPS:
            raise InputError(f"that makes more than {_STEPS} steps", hint="skip, or show")
        step = formula(typed, now.asked, bool(now.steps) and not now.wanted)
        steps = (*now.steps, step)
        text = paper_of(now.sheet, now.question, (*now.given, *steps))
        report = (self.judge or self._judged)(now.sheet, text, now.student)
        new = [j for j in report.judged if j.verdict]
        wrong = next((j for j in new if j.verdict == "wrong"), None)
        if wrong is not None:
            return _said("wrong", claim_math(wrong.claim), " is not right. ", _advice(wrong))
        marked = next((q for q in report.questions if q.question == now.question.id), None)
        full = marked is not None and bool(marked.most) and marked.points >= marked.most
        if full and not now.wanted:  # of a table every row is wanted
            self.solved += 1
            self.skip()
            return _said("solved", "Right.")
        if any(j.verdict == "undecided" for j in new):
            return _said("undecided", "That could not be decided. Write it another way, or in "
                         "smaller steps.")
        if not new:
            return _said("unread", "No step was found in that. Write a formula, such as ",
                         "y = 2*3 + 1.")
        wanted = now.wanted
        if wanted and _BRACES.sub("", step.split("=")[0]) == _BRACES.sub("", wanted[0]):
            wanted = wanted[1:]
            if not wanted:
                self.solved += 1
                self.skip()
                return _said("solved", "Right: the table is complete.")
        self.exercise = replace(now, steps=steps, wanted=wanted)
        if not wanted:
            return _said("step", "Right so far. Go on from there.")
        return Feedback("step", Document("", (p("Right."), self.row())))

    def _judged(self, sheet: Sheet, text: str, student: str) -> Report:
        paper = read_paper(text, "answer.md")
        return judge(sheet, paper, read_claims(paper), student, explain, self.memory)

    def _chosen(self, typed: str) -> Feedback:
        right = self.exercise.question.options.get("right")
        word = typed.strip().strip("().").lower()
        letter = ord(word) - ord("a") + 1 if len(word) == 1 and word.isalpha() else None
        if not word.isdigit() and letter is None:
            return _said("unread", "Give the number of one of the choices.")
        chosen = letter if letter is not None else int(word[:6])
        if chosen != right:
            return _said("wrong", "That is not the one.")
        self.solved += 1
        self.skip()
        return _said("solved", "Right.")

    def hint(self) -> Document:
        """The next hint: what the asked quantity is made of, then a piece of it."""
        now = self.exercise
        self.exercise = replace(now, hints=now.hints + 1)
        told = now.question.options.get("hint")
        part = now.sheet.parts.get(now.question.part)
        if isinstance(told, str) and told.strip() and now.hints == 0:
            return Document("", (p(told),))
        if part is None or part.program is None:
            return Document("", (p(_begin(now.question)),))
        if now.hints == 0:
            return Document("", (p(*_where(part, part.program, now.question)),))
        return Document("", (p(*_piece(part, now.question)),))

    def show(self) -> Document:
        """The model answer of the question; it goes on with the next one."""
        now = self.exercise
        self.skip()
        only = replace(now.sheet, questions=(replace(now.question, points=0.0),))
        told = model_answer(only, now.student)
        return replace(told, title="", blocks=told.blocks[len(whose(only, now.student)):])


def _intro(sheet: Sheet, question: Question) -> tuple[Piece, ...]:
    """The prose that leads to a question: back to the question before it."""
    found: list[Piece] = []
    for piece in sheet.body:
        if piece.question == question.id:
            break
        found = [] if piece.question else [*found, piece]
    return tuple(found)


def _rows(question: Question, filler: Filler) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rows of a table's template: those that are filled in, and the names of the others."""
    template = question.template
    if question.ask != "table" or not isinstance(template, Mapping):
        return (), ()
    columns, rows = template.get("columns", []), template.get("rows", [])
    starts = [k for k, name in enumerate(columns) if not name] or [0]  # of the names
    given: list[str] = []
    wanted: list[str] = []
    for cells in rows:
        for start, end in pairwise([*starts, len(cells)]):
            name, *rest = (filler.fill(f"${c}$", question.part).strip("$ ") if "{{" in str(c)
                           else str(c).strip() for c in cells[start:end])
            if name and rest and all(rest):
                given.append(" = ".join([name, *rest]))
            elif name and rest:
                wanted.append(name)
    return tuple(given), tuple(wanted)


def numbers_of(seed: int, turn: int) -> str:
    """A number of six digits for a round of a session.

    >>> numbers_of(0, 1) == numbers_of(0, 1), len(numbers_of(0, 1))
    (True, 6)
    """
    digest = hashlib.sha256(f"{seed}|{turn}".encode()).hexdigest()
    return f"{int(digest[:12], 16) % 10**6:06d}"


def formula(typed: str, of: str, goes_on: bool = False) -> str:
    r"""An answer as the formula of a paper: what is asked for stands before what says no name.

    >>> formula("19.3", "y"), formula("= 2", "y"), formula("z = 1", "y")
    ('y = 19.3', 'y = 2', 'z = 1')
    >>> formula("[[8, 6], [-0.5, 1]]", "U")
    'U = \\begin{bmatrix} 8 & 6 \\\\ -0.5 & 1 \\end{bmatrix}'
    """
    text = " ".join(typed.strip().strip("$").split())
    text = _matrix(text) or _indexed(text)
    if text.startswith("="):
        return text if goes_on else f"{of} {text}".strip()
    if not of or _STATED.match(text):
        return text
    return f"= {text}" if goes_on else f"{of} = {text}"


def _indexed(text: str) -> str:
    """Names as they are typed, x1 and v-1, with their indices; LaTeX is left as it is.

    >>> _indexed("z = relu(y1 + x0)"), _indexed("v-1 = x1"), _indexed("dL/dv1 = 2*w1")
    ('z = relu(y_{1} + x_{0})', 'v_{-1} = x_{1}', 'dL/dv_{1} = 2*w_{1}')
    """
    if "\\" in text:
        return text
    text = re.sub(r"(?<!\w)([A-Za-z])-1(?=\s*=)", r"\1_{-1}", text)
    return re.sub(r"(?<![\w.])(d?[A-Za-z])(\d{1,3})(?![\w.(])", r"\1_{\2}", text)


def _matrix(text: str) -> str:
    """`[[1, 2], [3, 4]]` or `1 2; 3 4` as a matrix in LaTeX; empty for anything else."""
    rows: list[list[str]] = []
    nested = _ROWS.fullmatch(text)
    if nested is not None:
        rows = [re.split(r"[,\s]\s*", r.strip(" [],")) for r in nested[1].split("]")
                if r.strip(" [],")]
    elif ";" in text and re.fullmatch(r"[-+.,;\d\s/eE]+", text):
        rows = [r.replace(",", " ").split() for r in text.split(";") if r.strip()]
    if not rows or len({len(r) for r in rows}) != 1:
        return ""
    body = r" \\ ".join(" & ".join(r) for r in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def paper_of(sheet: Sheet, question: Question, steps: tuple[str, ...]) -> str:
    """The steps of an answer as a paper, under the question's labels."""
    shown = "\n\n".join(f"$${step}$$" for step in steps)
    return f"{label_text(sheet, question)}\n\n{shown}\n"


def _advice(wrong: Judged) -> str:
    """What helps on: what kind of thing is asked for, if it is that; else the mistake's hint."""
    shapes = _SHAPES.fullmatch(wrong.why)
    if shapes is not None and not wrong.mistakes:
        return f"What is asked for is {shapes[1]}."
    return mistake_hint(wrong)


def _said(outcome: Outcome, *words: Any) -> Feedback:
    flat: list[Prose] = []
    for word in words:
        flat += list(word) if isinstance(word, tuple) else [word]
    return Feedback(outcome, Document("", (p(*flat),)))


def _begin(question: Question) -> str:
    if question.ask in ("derivation", "proof"):
        return ("Begin with the left side of what is to be shown, put in the definitions, and "
                "simplify a step at a time.")
    return "Write down what is given, and what is asked for."


def _where(part: Part, program: Program, question: Question) -> list[Prose]:
    """Which equations make up what is asked for: where a derivation begins.

    An equation of free inputs alone is the answer itself and is not told.
    """
    names = [n for n in _NAME.findall(question.quantity or question.of) if n in program.tensors
             or n.removeprefix("d") in program.tensors]
    notation = Notation(program.tensors)
    last = names[-1] if names else ""
    derivative = "/d" in question.quantity
    target = last if last in program.tensors else last.removeprefix("d")
    if derivative:
        own = [e for e in program.equations if any(
            isinstance(x, Ref) and x.tensor == target for x in walk(e.body))]
        lead = "Which equations does it enter? "
    else:
        own = [e for e in program.equations if e.target == target]
        lead = "Begin with what it is: "
    told = (set(program.tensors) - set(program.inputs)) | set(part.given)
    own = [e for e in own if any(isinstance(x, Ref) and x.tensor in told for x in walk(e.body))]
    if not own:
        return [_begin(question)]
    said: list[Prose] = [lead]
    for k, equation in enumerate(own[:4]):
        said += [", "] if k else []
        plain = [s.plain for s in equation.subscripts]
        left = notation.tensor(equation.target, tuple(Identifier(n) for n in plain if n))
        said.append(row(left, "=", notation.expression(equation.body)))
    return said


def _piece(part: Part, question: Question) -> list[Prose]:
    """A cell of the result, or the sign of a number."""
    try:
        value = value_of(part, question.quantity)
    except (ChainruleError, ValueError):
        return ["Say show for the model answer."]
    if not known(value) or not value.cells:
        return ["Say show for the model answer."]
    first = value.cells[0]
    if len(value.cells) > 1:
        return ["Its first cell is ", Notation({}).number(first), "."]
    sign = "positive" if first > 0 else "negative" if first < 0 else "zero"
    return [f"It is {sign}. Say show for the model answer."]
