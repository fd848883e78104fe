"""`chainrule sheet`: a student's own sheet, the model answer, a check of the sheet itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from chainrule.cli import FINDINGS, common
from chainrule.errors import InputError

_PROGRESS: Final = 25  # students between two words on standard error


@click.group("sheet", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Make sheets of exercises with personal numbers, and their model answers.

    A sheet is a Markdown file; some come with chainrule and are found by name.

    \b
    chainrule sheet list
    chainrule sheet make machine-vision --student 180631
    chainrule sheet key machine-vision --student 180631 --format html -o key.html
    chainrule sheet lint my-sheet.md
    """


_STUDENT: Final = click.option(
    "--student", default="", metavar="ID",
    help="Whose numbers: an index number or whatever the sheet asks for.  [default: the sheet's "
         "example]")


@command.command("list")
@common.output_options()
def list_command(format: str | None, output: str | None) -> None:
    """List the sheets that come with chainrule."""
    from chainrule.check.sheet_making import points
    from chainrule.check.sheet_reading import find_sheet, shipped
    from chainrule.document.blocks import Document, Prose, code, table

    found = [(name, find_sheet(name)) for name in shipped()]
    if common.chosen_format(format, output) == "json":
        common.emit_data({"sheets": [
            {"name": name, "title": s.title, "questions": len(s.questions),
             "points": sum(q.points for q in s.questions), "student": s.student}
            for name, s in found]}, output)
        return
    rows: list[list[Prose]] = [[code(name), s.title, str(len(s.questions)),
                                points(sum(q.points for q in s.questions)),
                                s.student or "the same for all"] for name, s in found]
    document = Document("Sheets", (table(
        ["name", "title", "questions", "points", "numbers by"], rows),))
    common.emit_document(document, format, output)


@command.command("make")
@click.argument("sheet", metavar="SHEET")
@_STUDENT
@click.option("--class", "listed", metavar="LIST", help="A class list in CSV: the sheet, the key "
              "and a JSON file for every student, in the folder --output.")
@click.option("--work/--no-work", default=True, help="Whether a class's keys show the working.  "
              "[default: work]")
@common.output_options()
def make_command(sheet: str, student: str, listed: str | None, work: bool, format: str | None,
                 output: str | None) -> None:
    """Make the sheet that a student works on.

    \b
    chainrule sheet make machine-vision --student 180631
    chainrule sheet make machine-vision --class students.csv --format html -o folder
    """
    from chainrule.check.sheet_making import student_sheet
    from chainrule.check.sheet_reading import find_sheet

    found = find_sheet(sheet)
    if listed is not None:
        if student:
            raise click.UsageError("Give --student or --class, not both.")
        _class(found, listed, work, format, output, sheets=True)
        return
    common.emit_document(student_sheet(found, student), format, output)


def _class(sheet: Any, listed: str, work: bool, format: str | None, output: str | None,
           sheets: bool) -> None:
    """The files of a whole class."""
    from chainrule.check.sheet_class import make_class, students_of

    if output is None or output == "-":
        raise click.UsageError("A class needs a folder: give --output FOLDER.")
    if os.path.exists(output) and not os.path.isdir(output):
        raise InputError(f"{output} is a file, not a folder")
    text, _ = common.read(listed) if os.path.exists(listed) or listed == "-" else ("", "")
    if not text:
        raise InputError(f"{listed}: there is no class list", hint="give a file in CSV")
    students = students_of(text, sheet.student)
    done = 0
    for made in make_class(sheet, students, (format or "markdown",), work, sheets):
        path = Path(output, made.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        common.write_file(str(path), made.text.encode("utf-8"))
        if made.path.startswith("json/"):
            done += 1
            if done % _PROGRESS == 0 and sys.stderr is not None and sys.stderr.isatty():
                click.echo(f"\r{done} of {len(students)} students", nl=False, err=True)
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)
    folders = "sheets, keys and json" if sheets else "keys and json"
    click.echo(f"{len(students)} students: {output}{os.sep}{folders}")


@command.command("key")
@click.argument("sheet", metavar="SHEET")
@_STUDENT
@click.option("--work/--no-work", default=True, help="Whether to show the working.  "
              "[default: work]")
@click.option("--class", "listed", metavar="LIST", help="A class list in CSV: the key and a JSON "
              "file for every student, in the folder --output.")
@click.option("--paper", is_flag=True, help="The answers alone, as a student would hand them in: "
              "Markdown with LaTeX.")
@common.output_options()
def key_command(sheet: str, student: str, work: bool, listed: str | None, paper: bool,
                format: str | None, output: str | None) -> None:
    """Make the model answer, with full working; with --format json the values as data.

    \b
    chainrule sheet key machine-vision --student 180631
    chainrule sheet key machine-vision --student 180631 --format json
    chainrule sheet key deep-learning --paper -o answers.md
    """
    from chainrule.check.sheet_key import answer_paper, answers_json, model_answer
    from chainrule.check.sheet_reading import find_sheet

    found = find_sheet(sheet)
    if listed is not None:
        if student or paper:
            raise click.UsageError("Give --class alone, without --student or --paper.")
        _class(found, listed, work, format, output, sheets=False)
    elif paper:
        if format is not None and format != "markdown":
            raise click.UsageError("--paper is Markdown: leave --format out.")
        common.write(answer_paper(found, student), output)
    elif common.chosen_format(format, output) == "json":
        common.emit_data(answers_json(found, student), output)
    else:
        common.emit_document(model_answer(found, student, work), format, output)


@command.command("lint")
@click.argument("sheet", metavar="SHEET")
@click.option("--work/--no-work", default=True, help="Whether to make all the working too, which "
              "proves what is to be shown.  [default: work]")
@click.option("--check", is_flag=True, help="Judge the statements to be shown and the model "
              "answers, as a student's paper is.")
@common.output_options()
@click.pass_context
def lint_command(ctx: click.Context, sheet: str, work: bool, check: bool, format: str | None,
                 output: str | None) -> None:
    """Look a sheet over: names, answers, points, statements, numbers. Exit code 1 for findings."""
    from chainrule.check.sheet_lint import lint, page
    from chainrule.check.sheet_reading import text_of

    text, name = text_of(sheet)
    findings = lint(text, name, work, check)
    if common.chosen_format(format, output) == "json":
        common.emit_data({"sheet": name, "findings": [
            {"line": f.line, "column": f.column, "question": f.question, "message": f.message}
            for f in findings]}, output)
    else:
        common.emit_document(page(findings, name), format, output)
    if findings:
        ctx.exit(FINDINGS)
