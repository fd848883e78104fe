"""`chainrule practise`: a sheet's questions, one after the other, with new numbers each round."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli import common
from chainrule.errors import ChainruleError, InputError

if TYPE_CHECKING:
    from chainrule.document.blocks import Document

_HELP: Final = ("Type a number, a matrix such as [[1, 2], [3, 4]], a formula or the next step. "
                "hint, show (the answer), skip, quit.")


@click.command("practise")
@click.argument("sheet", metavar="SHEET")
@click.option("--question", "-q", "only", multiple=True, metavar="ID",
              help="Ask these questions alone.")
@click.option("--student", metavar="ID", default="", help="The numbers of the first round.")
@click.option("--rng", type=click.IntRange(0), default=0, show_default=True,
              help="The seed of the numbers.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Stop after N exercises.")
def command(sheet: str, only: tuple[str, ...], student: str, rng: int, count: int | None) -> None:
    """Practise the questions of a sheet, with new numbers each round.

    Answers come from standard input, one a line. Any right form of an answer counts, and a
    derivation may go in steps of any size. hint helps, show gives the model answer, skip goes on,
    quit ends; so does the end of the input.

    \b
    chainrule practise machine-vision
    chainrule practise machine-vision --question 1.b.i --count 3
    """
    from chainrule.check.practise import Practice  # lazily: `practise --help` reads nothing
    from chainrule.check.sheet_reading import find_sheet

    if sys.stdin is None:
        raise InputError("standard input is closed: there is nobody to answer")
    practice = Practice(find_sheet(sheet), rng, student, only)
    done, shown = 0, None
    _say(_HELP)
    while count is None or done < count:
        if practice.exercise.question is not shown:
            shown = practice.exercise.question
            _show(practice.prompt())
        line = _line()
        if line is None or line in ("quit", "exit", "q"):
            break
        if not line:
            continue
        now = practice.exercise
        try:
            if line == "hint":
                _show(practice.hint())
            elif line == "show":
                _show(practice.show())
            elif line == "skip":
                practice.skip()
            elif line in ("help", "?"):
                _say(_HELP)
            else:
                _show(practice.answer(line).document)
        except ChainruleError as error:
            _say(error.report())
        if practice.exercise.question is not now.question:
            done += 1
    _say(f"{practice.solved} of {done} solved.")


def _line() -> str | None:
    """A line that somebody types; None at the end of the input."""
    if sys.stdin.isatty():
        print("> ", end="", flush=True)
    read: Any = getattr(sys.stdin, "buffer", sys.stdin).readline(10_000)
    if not read:
        return None
    text = read.decode("utf-8", "replace") if isinstance(read, bytes) else read
    return str(text).strip()


def _show(document: Document) -> None:
    from chainrule.render import render

    options: dict[str, Any] = {}
    if sys.stdout.isatty():
        options["width"] = shutil.get_terminal_size((100, 24)).columns
        options["color"] = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    common.write(render(document, "terminal", **options) + "\n", None)
    sys.stdout.flush()


def _say(words: str) -> None:
    common.write(words + "\n\n", None)
    sys.stdout.flush()
