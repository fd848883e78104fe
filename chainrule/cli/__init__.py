"""The command line: `chainrule trace`, `run`, `grad`, `show`, and what helps with them.

Each command is one small module here, imported only when it is asked for, so that `--help` is
quick. A command builds its whole output before anything is printed. Errors are one paragraph on
standard error with the place underlined; the exit code says what kind:

    0 fine   1 findings   2 wrong use   3 refused   4 undecided   70 a bug   130 interrupted
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import click

from chainrule import __version__
from chainrule.errors import ChainruleError, did_you_mean

OK, FINDINGS, USAGE, REFUSED, UNDECIDED, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

COMMANDS: Final = {
    "trace": "Work a formula by hand: values, tangents, adjoints.",
    "run": "Evaluate a formula.",
    "grad": "Differentiate a formula at a point.",
    "show": "Show a program with its shapes and ranges.",
    "plot": "Draw a function and its derivative.",
    "derive": "Derive a gradient in closed form, step by step.",
    "prove": "Prove a claim by named steps, or refute it by a counterexample.",
    "transform": "Write a network with another activation and the same outputs, with proof.",
    "size": "Size a network: shapes, parameters, operations, receptive fields.",
    "emit": "Write a formula or a network as readable NumPy, PyTorch or JAX.",
    "convolve": "Work a convolution by hand: size, windows, gradients.",
    "conv": "Find the kernels, strides, paddings and dilations that give a size.",
    "train": "Train a network on data.",
    "gradcheck": "Check gradients, and say which term is wrong.",
    "check": "Check somebody's working: the first wrong step, why, and what follows from it.",
    "practise": "Practise on a sheet: one step at a time, with hints.",
    "sheet": "Make sheets of exercises with personal numbers, and their model answers.",
    "formulas": "List the library of layers and losses, or derive one of them.",
    "functions": "List the functions of the language, with their derivatives.",
    "doctor": "Say what is installed and whether it works.",
    "completion": "Print a completion script for a shell.",
}
_DEBUG: Final = "--debug"
_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EBADF, errno.EDQUOT})


class LazyGroup(click.Group):
    """The commands by name; a module is imported when its command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"chainrule.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, from the words above: no module is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            hint = did_you_mean(word, list(COMMANDS))
            if hint is None and ("=" in word or word.endswith((".toml", ".txt"))):
                hint = f"for a formula write: chainrule trace {_quoted(word)}"
            raise click.UsageError(f"There is no command {word[:60]!r}." + (
                f" {hint[0].upper()}{hint[1:]}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)


def _quoted(word: str) -> str:
    return f"'{word[:60]}'" if any(c in word for c in " *^()[]<>;&|") else word[:60]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="chainrule %(version)s")
@click.option(_DEBUG, is_flag=True, help="Show Python's traceback of an error.")
def cli(debug: bool) -> None:
    """Backpropagation that shows its work.

    \b
    chainrule trace 'y = ln(x1) + x1*x2 - sin(x2)' --at x1=2 x2=5
    chainrule grad  'y = a*b' --at a=2 b=3 --format json
    chainrule trace network.toml --format html --output network.html

    A formula is text in quotes, a file (.toml with its numbers, .txt without), or - for standard
    input. Several equations are separated by ; or lines.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code. Nothing but this function catches errors."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = _DEBUG in words[:end]
    words = [word for word in words[:end] if word != _DEBUG] + words[end:]
    try:
        result: Any = cli.main(words, prog_name="chainrule", standalone_mode=False)
        if sys.stdout is not None:  # as it is where the caller closed it
            sys.stdout.flush()
        return result if isinstance(result, int) else OK
    except BrokenPipeError:
        _drop_output()  # whoever read our output has left
        return OK
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            import traceback  # lazily: only --debug needs it

            traceback.print_exc()
        return _report(error, debug)


def _drop_output() -> None:
    """Send what is still unwritten nowhere: Python must not complain when it flushes at exit."""
    with suppress(OSError, ValueError):  # a stream that is no file has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception, debug: bool) -> int:
    """Say what went wrong on standard error, in one paragraph; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return USAGE
    if isinstance(error, ChainruleError):
        _complain(f"error: {error.report()}")
        return error.exit_code
    if isinstance(error, MemoryError):
        _complain("error: out of memory: use smaller sizes")
        return REFUSED
    if isinstance(error, OSError) and error.filename is not None:
        _complain(f"error: {error.filename}: {error.strerror}")
        return USAGE
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        _drop_output()
        _complain(f"error: standard output cannot be written: {error.strerror}")
        return USAGE
    if not debug:
        what = f"{type(error).__name__}: {error}"
        _complain(f"error: this is a bug in chainrule: {what:.300}\n  "
                  "run the same again with --debug for the traceback, and report it")
    return BUG


def _complain(text: str) -> None:
    """A paragraph on standard error, in colour only where a person reads it."""
    if sys.stderr is None:
        return
    print(text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(
        sys.stderr.encoding or "utf-8"), file=sys.stderr)
