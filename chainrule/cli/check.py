"""`chainrule check`: a paper, or a whole class, against a sheet."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli import FINDINGS, OK, UNDECIDED, common
from chainrule.errors import InputError, LimitError

if TYPE_CHECKING:
    from chainrule.check.classroom import Classroom
    from chainrule.check.decisions import Decisions
    from chainrule.check.sheet import Sheet
    from chainrule.check.verdicts import Report

_JOURNAL: Final = ".journal"  # what is added to the gradebook's name


@click.command("check")
@click.argument("sheet", metavar="SHEET")
@click.argument("submission", metavar="SUBMISSION")
@click.option("--student", metavar="ID", help="Whose paper it is, where numbers are personal.")
@click.option("--for", "audience", type=click.Choice(["teacher", "student"]),
              help="Values and reasons, or verdicts and hints.  [default: teacher]")
@click.option("--all", "every", is_flag=True, help="List every claim.")
@click.option("--decisions", metavar="FILE", help="A teacher's decisions; what is undecided is "
              "added there, to be decided.")
@click.option("--export", type=click.Choice(["gradescope", "prairielearn", "nbgrader"]),
              help="Write what another grader reads.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), default=1, show_default=True,
              help="A class: how many papers at a time.")
@click.option("--gradebook", metavar="FILE", help="A class: write the points as CSV.")
@click.option("--students", metavar="FILE", help="A class: a CSV with the columns file, student.")
@click.option("--resume", is_flag=True, help="A class: go on where a stopped run was.")
@click.option("--reports", metavar="FOLDER", help="A class: write a page for each paper, the "
              "students' unless --for teacher.")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=60.0, show_default=True,
              help="A class: the longest that one paper may take.")
@common.output_options()
@click.option("--out", "out", metavar="FILE", hidden=True)
@click.pass_context
def command(ctx: click.Context, /, sheet: str, submission: str, student: str | None,
            audience: str | None, every: bool, decisions: str | None, export: str | None,
            format: str | None, output: str | None, out: str | None, **group: Any) -> None:
    """Check a paper against a sheet: the first wrong step, why, and what follows from it.

    SHEET is a sheet's file or the name of one that comes with chainrule (chainrule sheet list).
    SUBMISSION is Markdown with LaTeX, plain text, a notebook or an answer form, - for standard
    input, or a folder with a file for each student of a class.

    \b
    chainrule check machine-vision paper.md --student 180631
    chainrule check machine-vision paper.md --student 180631 --for student --format html
    chainrule check machine-vision class/ -j 2 --gradebook points.csv

    The exit code is 0 if nothing is wrong, 1 if something is, 4 if nothing is wrong and something
    is undecided.
    """
    from chainrule.check.sheet_reading import find_sheet  # lazily: `check --help` reads nothing

    output = output or out
    found = find_sheet(sheet)
    if submission != "-" and os.path.isdir(submission):
        if student is not None or export is not None:
            raise InputError(f"{'--student' if student else '--export'} is for one paper, and "
                             f"{submission} is a folder")
        code = _class(found, submission, audience, every, decisions, format, output, group)
    else:
        given = [f"--{name}" for name in ("gradebook", "students", "reports") if group[name]]
        if given or group["resume"]:
            raise InputError(f"{(*given, '--resume')[0]} is for a class, and {submission:.80} is "
                             "no folder", hint="give a folder with a file for each student")
        audience = audience or ("teacher" if export is None else "student")
        code = _one(found, submission, student, audience, every, decisions, export, format, output)
    if code != OK:
        ctx.exit(code)


# --- one paper ------------------------------------------------------------------------------------


def _one(sheet: Sheet, submission: str, student: str | None, audience: str, every: bool,
         decisions: str | None, export: str | None, format: str | None,
         output: str | None) -> int:
    from chainrule.check.checking import Checker
    from chainrule.check.decisions import undecided

    data, name = _read(submission)
    if sheet.personal and not student:
        raise InputError(f"the numbers of {sheet.id} are personal: say whose paper this is",
                         hint=f"give --student {sheet.example or 'ID'}, for instance")
    settled = _decisions(decisions)
    report = Checker(sheet, settled)(data, name, student or "")
    _emit(report, audience, every, export, format, output)
    if decisions is not None:
        _keep_open(decisions, settled, undecided(report))
    verdicts = {j.verdict for j in report.judged}
    if "wrong" in verdicts:
        return FINDINGS
    return UNDECIDED if "undecided" in verdicts else OK


def _emit(report: Report, audience: Any, every: bool, export: str | None, format: str | None,
          output: str | None) -> None:
    """The report in the format asked for; as HTML with the paper below it."""
    if export is not None:
        from chainrule.check.exports import export as exported

        if format not in (None, "json"):
            raise InputError(f"--export {export} has a format of its own, and --format says "
                             f"{format}", hint="leave out --format")
        common.write(exported(report, export, audience), output)
        return
    kind = common.chosen_format(format, output)
    if kind == "json":
        from chainrule.check.report_json import report_json

        common.write(report_json(report, audience), output)
    elif kind == "html":
        from chainrule.check.report_html import report_html

        common.write(report_html(report, audience, every), output)
    else:
        from chainrule.check.report import report_document

        common.emit_document(report_document(report, audience, every), kind, output)


def _read(word: str) -> tuple[bytes, str]:
    """A submission's bytes, read no further than the limit, and what to call it."""
    from chainrule.limits import SUBMISSION_BYTES

    if word == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed: give a file instead of -")
        data, name = sys.stdin.buffer.read(SUBMISSION_BYTES + 1), "standard input"
    else:
        try:
            with open(word, "rb") as file:
                data, name = file.read(SUBMISSION_BYTES + 1), word
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{word:.200}: {reason}") from None
    if len(data) > SUBMISSION_BYTES:
        raise LimitError(f"{name} has more than {SUBMISSION_BYTES:,} bytes")
    return data, name


def _decisions(path: str | None) -> Decisions:
    """The decisions of a file; none where it is still to be made."""
    from chainrule.check.decisions import Decisions, read_decisions

    if path is None or not os.path.exists(path):
        return Decisions()
    return read_decisions(*_text(path))


def _text(path: str) -> tuple[str, str]:
    data, name = _read(path)
    try:
        return data.decode("utf-8"), name
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: byte {data[error.start]:#04x} at offset "
                         f"{error.start}") from None


def _keep_open(path: str, settled: Decisions, waiting: list[Any]) -> None:
    """Add what is undecided to the decisions file."""
    from chainrule.check.decisions import with_open

    text = with_open(settled, waiting)
    if text != settled.text and (waiting or os.path.exists(path)):
        common.write_file(path, text.encode("utf-8"))


# --- a class --------------------------------------------------------------------------------------


def _class(sheet: Sheet, folder: str, audience: str | None, every: bool, decisions: str | None,
           format: str | None, output: str | None, group: dict[str, Any]) -> int:
    from chainrule import __version__
    from chainrule.check.checking import checker
    from chainrule.check.class_files import submissions
    from chainrule.check.classroom import check_class, check_reports_folder, key_of
    from chainrule.check.gradebook import read_class_list

    gradebook, reports = group["gradebook"], group["reports"]
    if group["resume"] and gradebook is None:
        raise InputError("--resume needs --gradebook: the journal stands beside it",
                         hint="give the same --gradebook as before")
    students = None
    if group["students"] is not None:
        students = read_class_list(*_read(group["students"]))
    settled = _decisions(decisions)
    ours = [gradebook, group["students"], decisions, output,
            None if gradebook is None else gradebook + _JOURNAL]
    found = submissions(folder, students, bool(sheet.personal), [n for n in ours if n])
    if not found:
        raise InputError(f"there are no submissions in {folder}")
    if reports is not None:
        check_reports_folder(reports)
    room = check_class(
        folder, found, partial(checker, sheet.text, sheet.name, settled.text), sheet=sheet.id,
        questions=[(q.id, q.points) for q in sheet.questions],
        key=key_of(__version__, sheet.text, settled.digest()), jobs=group["jobs"],
        journal=None if gradebook is None else gradebook + _JOURNAL, resume=group["resume"],
        reports=reports, audience=audience or "student", seconds=group["seconds"],
        progress=_progress())
    if gradebook is not None:
        common.write_file(gradebook, room.gradebook().encode("utf-8", "backslashreplace"))
    _emit_class(room, every, format, output)
    if decisions is not None:
        _keep_open(decisions, settled, room.waiting())
    if any(r["verdicts"].get("wrong") for r in room.checked):
        return FINDINGS
    return UNDECIDED if room.waiting() else OK


def _progress() -> Any:
    """What counts the papers on standard error, where somebody is looking."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None

    def said(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        print(f"\rchecked {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)

    return said


def _emit_class(room: Classroom, every: bool, format: str | None, output: str | None) -> None:
    from chainrule.check.class_report import class_data, class_document

    kind = common.chosen_format(format, output)
    if kind == "json":
        common.emit_data(class_data(room), output)
    else:
        common.emit_document(class_document(room, every), kind, output)
