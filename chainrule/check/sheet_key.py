r"""The model answer: each question answered, with full working; as document, data and paper.

The document is for whoever marks: each question, the answer as the sheet's author wrote it, the
value worked out, and chainrule's own working of it. The data is for programs. The paper is what a
careful student would hand in: Markdown with LaTeX, each answer under the labels of its question. It
holds the same values, so checking it finds everything right.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from chainrule.check.sheet import Part, Question, Sheet
from chainrule.check.sheet_chain import lines, trace_lines
from chainrule.check.sheet_making import label, stated, title, whose
from chainrule.check.sheet_markdown import blocks, running
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_rows import markdown_of, table_blocks, table_markdown
from chainrule.check.sheet_text import Filler
from chainrule.check.sheet_typeset import typeset
from chainrule.check.sheet_values import known, nested
from chainrule.check.sheet_work import derived, open_sizes, working
from chainrule.count.configurations import Solutions
from chainrule.count.known import layer, sizes
from chainrule.document.blocks import (
    Block,
    Chain,
    Document,
    MathBlock,
    Paragraph,
    code,
    note,
    p,
    strong,
)
from chainrule.document.mathnodes import Math, Op, Row
from chainrule.document.mathtree import latex, row, separated
from chainrule.errors import ChainruleError, MissingValueError
from chainrule.evaluate.values import CellArray
from chainrule.lang.expr import Expr
from chainrule.lang.printing import expression_text

SCHEMA: Final = 1
_NO_ANSWER: Final = p("(no model answer is given)")
_BARE: Final = re.compile(r"(?:\s*\$\$[^$=]+=\s*\{\{[^{}]+\}\}\s*\$\$\s*)*")  # values, no working


def model_answer(sheet: Sheet, student: str = "", work: bool = True,
                 kept: dict[str, list[Block]] | None = None) -> Document:
    """The model answer for one student; without `work` the answers alone.

    `kept`, a dictionary that begins empty, passes on to the next student of the same sheet what
    hangs on no student's numbers.

    Raises what `personalised` raises, and what the explanations raise that the sheet asks for.
    """
    own = personalised(sheet, student)
    filler = Filler(own)
    found: list[Block] = [*whose(own, student)]
    for piece in own.body:
        if not piece.question:
            found += blocks(filler.fill(piece.text, piece.part, piece.start))
            continue
        question = own.question(piece.question)
        found += [title(own, question), *stated(filler, piece, replace(question, template=None))]
        found += _answered(own, filler, question, work, kept)
    return Document(f"Model answer: {own.title}", tuple(found),
                    {"sheet": own.id, "student": student})


def _answered(sheet: Sheet, filler: Filler, question: Question, work: bool,
              kept: dict[str, list[Block]] | None = None) -> list[Block]:
    """The answer of one question: the author's, the value, the working."""
    part = sheet.parts[question.part]
    found: list[Block] = [p(strong("Answer"))]
    if question.answer:
        found += blocks(filler.fill(question.answer, question.part,
                                    asked=filler.asked(question)), level=2)
    elif question.ask == "table" and not open_sizes(part):
        found += table_blocks(trace_lines(part, question, filler.asked(question),
                                          filler.values[part.name], filler.names(part.name)))
    elif question.ask != "text":
        found += _plain_answer(filler, question)
    if question.accept:
        found.append(note("also right: ", *separated(map(code, question.accept), ", ")))
    worked = working(question, part, filler.asked(question), filler.values[part.name],
                     before(sheet, question), filler.names(question.part), kept) if work else []
    if worked and question.ask == "closed" and found[1:] == [_NO_ANSWER]:
        found[1:] = [p("See the last line of the working.")]
    if worked:
        found += [p(strong("Working")), *worked]
    if question.ask == "text":
        look = question.options.get("look_for")
        said = "a person marks this answer" + (f"; look for: {look}" if look else "")
        found.append(note(*running(said)))
    return found


def answer_value(filler: Filler, question: Question) -> CellArray | None:
    """The value of what is asked for; None where nothing can be computed."""
    if not question.quantity:
        return None
    try:
        return filler.values[question.part].value(question.quantity)
    except MissingValueError:  # it stands for all sizes, or a case hangs on what is left open
        return None


def _plain_answer(filler: Filler, question: Question) -> list[Block]:
    """An answer made from the value, the target, the first configuration or the choice."""
    source = _made(filler, question)
    if source is None:
        return [_NO_ANSWER]
    if isinstance(source, str):
        return [Paragraph(running(source))]
    return [MathBlock(source)]


def _made(filler: Filler, question: Question) -> Math | str | None:
    value = answer_value(filler, question)
    if value is not None:
        shown = filler.shown(value, filler.sheet.parts[question.part],
                             asked=filler.asked(question))
        return Row((typeset(question.of), Op("="), shown)) if question.of else shown
    if question.target:
        return typeset(question.target)
    if question.ask == "configuration":
        best = next(iter(solutions(question).best(1)), None)
        if best is None:
            return "There is no such configuration."
        return typeset(rf"k = {best.k}, \quad s = {best.s}, \quad p = {best.before}, "
                       rf"\quad d = {best.d}")
    choices = question.options.get("choices")
    right = question.options.get("right")
    if question.ask == "choice" and isinstance(choices, list) and type(right) is int:
        return str(choices[right - 1]) if 0 < right <= len(choices) else None
    return None


def solutions(question: Question) -> Solutions:
    """All configurations that a question accepts.

    Raises what `chainrule.count.known.layer` raises for what is known of the layer.
    """
    options = question.options
    kind = {"pool": "pooling", "conv": "convolution"}.get(
        str(options.get("kind", "convolution")), options.get("kind", "convolution"))
    fixed = options.get("known", {})
    found = Solutions(layer(kind, **{k: fixed.get(k) for k in "kspdq"}),
                      sizes(options["in"], "input"), sizes(options["out"], "output"))
    found.check_fit()
    return found


# --- as data --------------------------------------------------------------------------------------


def answers_json(sheet: Sheet, student: str = "") -> dict[str, Any]:
    """The model answer as plain data: what was given, and each question's value.

    Numbers stand as floats under `value` and exactly, as text, under `exact`; what hangs on an
    input without a value stands as a formula.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> answers_json(find_sheet("machine-vision"), "180631")["answers"][3]["value"]
    19.3
    """
    own = personalised(sheet, student)
    filler = Filler(own)
    given = {name: {n: _data(nested(v), float) for n, v in part.given.items()}
             for name, part in own.parts.items() if part.given}
    answers = []
    for question in own.questions:
        entry: dict[str, Any] = {"id": question.id, "title": question.title, "ask": question.ask,
                                 "points": question.points}
        if question.of:
            entry["of"] = question.of
        if question.target:
            entry["target"] = question.target
        value = answer_value(filler, question)
        if value is not None and known(value):
            entry["value"] = _data(value.nested(), float)
            entry["exact"] = _data(value.nested(), str)
        elif value is not None:
            entry["value"] = _data(value.nested(), str)
        if question.ask == "configuration":
            entry["configurations"] = [
                {"k": c.k, "s": c.s, "p": [c.before, c.after], "d": c.d, "exact": c.exact}
                for c in solutions(question).best(100)]
        if question.ask == "choice":
            entry["right"] = question.options.get("right")
        answers.append(entry)
    return {"schema": SCHEMA, "sheet": own.id, "student": student or own.example,
            "given": given, "answers": answers,
            "points": sum(q.points for q in own.questions)}


def _data(value: Any, kind: type[float] | type[str]) -> Any:
    if isinstance(value, list):
        return [_data(v, kind) for v in value]
    if isinstance(value, Expr):
        return expression_text(value)
    if kind is str:
        return str(value)
    number = float(value)
    return number if abs(number) <= 1.7e308 else str(value)


# --- as a paper -----------------------------------------------------------------------------------


def answer_paper(sheet: Sheet, student: str = "") -> str:
    """What a careful student would hand in: Markdown with LaTeX, under the questions' labels.

    Raises what `personalised` raises.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> "19.3" in answer_paper(find_sheet("machine-vision"), "180631")
    True
    """
    return "".join(text for _, text in answer_pieces(sheet, student))


def answer_pieces(sheet: Sheet, student: str = "") -> list[tuple[str, str]]:
    """The paper in pieces: the heading, then each question's name with its labels and answer."""
    own = personalised(sheet, student)
    filler = Filler(own)
    head = [f"# {own.title}"]
    if student:
        head.append(f"{(own.student or 'student').capitalize()}: {student}")
    found = [("", "\n\n".join(head) + "\n")]
    before: tuple[tuple[str, str], ...] = ()
    for question in own.questions:
        texts = [*_labels(own, before, question.path), _written(filler, question)]
        before = question.path
        found.append((question.id, "".join(f"\n{t}\n" for t in texts if t.strip())))
    return found


def _labels(sheet: Sheet, before: tuple[tuple[str, str], ...],
            path: tuple[tuple[str, str], ...]) -> list[str]:
    """The labels that are new since the question before."""
    same = 0
    while same < min(len(before), len(path)) and before[same] == path[same]:
        same += 1
    return [f"## {label(sheet, kind, key)}" if kind == "question" else label(sheet, kind, key)
            for kind, key in path[same:]]


def before(sheet: Sheet, question: Question) -> tuple[Question, ...]:
    """The questions that stand before one."""
    return sheet.questions[: [q.id for q in sheet.questions].index(question.id)]


def _written(filler: Filler, question: Question) -> str:
    """The answer as Markdown, with its working where the sheet's author shows none."""
    own = filler.fill(question.answer, question.part, asked=filler.asked(question))
    if own and not _BARE.fullmatch(question.answer.strip()):
        return own
    worked = _worked(filler, question)
    if worked and question.ask == "table":
        return worked[0]
    if not own:
        made = _made(filler, question)
        own = f"$${latex(made)}$$" if isinstance(made, Math) else made or ""
    said = own.removeprefix("$$").partition("=")[0].strip()
    if worked and not said.startswith("|") and worked[-1].startswith(f"$${said} ="):
        return "\n\n".join(worked)
    return "\n\n".join([*worked, own])


def _worked(filler: Filler, question: Question) -> list[str]:
    """The working of a value as a student writes it; nothing where there is none to be written."""
    part = filler.sheet.parts[question.part]
    if question.ask == "table":
        if open_sizes(part):
            return []
        return [table_markdown(trace_lines(part, question, filler.asked(question),
                                           filler.values[part.name], filler.names(part.name)))]
    if question.ask in ("derivation", "proof", "closed"):
        return shown_steps(question, part, filler)
    if question.ask != "value" or open_sizes(part):
        return []
    found = lines(part, question, filler.asked(question), filler.values[part.name],
                  before(filler.sheet, question), filler.names(question.part))
    whole = found and not found[-1].steps and len(found) > 1
    return markdown_of(found[:-1] if whole else found)


def shown_steps(question: Question, part: Part, filler: Filler) -> list[str]:
    """A derivation as a student writes it down; nothing where none can be made."""
    try:
        made = derived(question, part, filler.asked(question))
    except ChainruleError:  # what cannot be shown has its statement alone
        return []
    return [f"$${latex(row(b.lhs, *(x for k in b.links for x in (k.relation, k.math))))}$$"
            for b in made if isinstance(b, Chain)]


def try_answer(sheet: Sheet, question: Question, filler: Filler) -> ChainruleError | None:
    """The error that answering one question ends with, if any; for `sheet_lint`."""
    try:
        _answered(sheet, filler, question, work=True)
        _written(filler, question)
    except ChainruleError as error:
        return error
    return None


__all__ = ["answer_paper", "answer_value", "answers_json", "model_answer",
           "solutions", "try_answer"]
