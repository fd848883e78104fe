"""What the commands share: reading a formula and its numbers, and writing a result.

A formula comes as text, from a file or from standard input; `source` makes a `Specification` of
each. A result goes to standard output or a file in one of five formats; `emit` writes it whole.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.errors import InputError, LimitError, Span, UnknownNameError, did_you_mean
from chainrule.lang.program import Program
from chainrule.limits import FORMULA_CHARACTERS, PROGRAM_CHARACTERS
from chainrule.literals import assignments, value
from chainrule.spec import Specification, read_specification, toml_tables

if TYPE_CHECKING:
    from chainrule.lang.families import Family

FORMATS: Final = ("terminal", "markdown", "latex", "html", "json")
_SUFFIXES: Final = {".html": "html", ".htm": "html", ".md": "markdown", ".tex": "latex",
                    ".json": "json", ".txt": "terminal"}
_ASSIGNS: Final = ("--at", "--seed", "--tangent")  # options that take NAME=VALUE, several of them
_ASSIGNMENT: Final = re.compile(r"\s*[^\W\d]\w*\s*=(?!=)")
_LOOKS_LIKE_TOML: Final = re.compile(r"^\s*[\"']?formula[\"']?\s*=\s*[\"']", re.MULTILINE)
_LAYERS: Final = "chainrule.layers"  # where a command's context keeps what --layers said
_TYPED: Final = "chainrule.input"  # and what came in by standard input
_WIDTH: Final = 100  # columns where no terminal says otherwise

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class FormulaCommand(click.Command):
    """A command on a formula, whose `--at` takes all the NAME=VALUE words that follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words, taken = spread(args)
        try:
            rest = super().parse_args(ctx, words)
        except click.NoSuchOption as error:
            if error.option_name.startswith("--"):
                raise
            raise click.UsageError(f"There is no option {error.option_name!r}. A formula is an "
                                   "equation, such as 'y = -x^2'.", ctx) from None
        if taken and not ctx.params.get("formula") and not ctx.resilient_parsing:
            self._formula_behind_values(ctx, taken)
        return rest

    @staticmethod
    def _formula_behind_values(ctx: click.Context, taken: list[tuple[str, str]]) -> None:
        """In `--at x=2 'y = x^2'` the last word is the formula, though it looks like a value."""
        option, word = next((t for t in taken if not _is_value(t[1])), taken[-1])
        given = list(ctx.params[option.lstrip("-")])
        given.reverse()
        given.remove(word)
        given.reverse()
        ctx.params[option.lstrip("-")] = tuple(given)
        ctx.params["formula"] = (word,)


def spread(args: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The option written before each of its values, and the (option, value) pairs that it got.

    >>> spread(["--at", "a=1", "b=2", "--mode", "both"])
    (['--at', 'a=1', '--at', 'b=2', '--mode', 'both'], [('--at', 'b=2')])
    """
    words: list[str] = []
    taken: list[tuple[str, str]] = []
    option, own = "", False  # whose values follow, and whether its own one is still to come
    for place, word in enumerate(args):
        if word == "--":
            return words + list(args[place:]), taken
        if own:
            own = False
        elif word in _ASSIGNS:
            option, own = word, True
        elif word.startswith(tuple(f"{o}=" for o in _ASSIGNS)):
            option = word.partition("=")[0]
        elif option and _ASSIGNMENT.match(word):
            words.append(option)
            taken.append((option, word))
        else:
            option = ""
        words.append(word)
    return words, taken


def _is_value(word: str) -> bool:
    try:
        value(word.partition("=")[2].strip())
    except Exception:
        return False
    return True


# --- options --------------------------------------------------------------------------------------


def formula_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """The formula, and the values of its inputs."""
    for decorator in (
        layers_option,
        click.option("--index-number", metavar="NUMBER",
                     help="Fill the input X with the numbers of an index number, such as 180631."),
        click.option("--at", multiple=True, metavar="NAME=VALUE ...",
                     help="Values of inputs: 2, 0.5, 1/3, pi/2, [[1, 2], [3, 4]]."),
        click.argument("formula", nargs=-1, metavar="FORMULA|FILE|-"),
    ):
        function = decorator(function)
    return function


def layers_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--layers`: for how many layers a family is written out. `source` finds it by itself."""

    def keep(context: click.Context, _: click.Parameter, number: int | None) -> None:
        context.meta[_LAYERS] = number

    return click.option("--layers", type=click.IntRange(min=1), metavar="NUMBER", callback=keep,
                        expose_value=False, help="Write formulas `… for l = 1..L` out, L being "
                        "this number.")(function)


def layers() -> int | None:
    """What `--layers` said."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(_LAYERS)


def family(word: str) -> Family | None:
    """The formulas for a number of layers that is a symbol; None for all others, and `--layers`."""
    if layers() is not None:
        return None
    from chainrule.lang.families import is_family, read_family

    text, name = _text(word)
    if name.endswith(".toml") or (name != "formula" and _LOOKS_LIKE_TOML.search(text)):
        formula = toml_tables(text, name).get("formula")
        text = formula if isinstance(formula, str) else ""
    if not is_family(text):
        return None
    found = read_family(text, name)
    return found if found.end is not None else None


def members(program: Program, names: Sequence[str]) -> list[str]:
    """Names of tensors; with `--layers` that of a family stands for all its layers."""
    found: list[str] = []
    for name in names:
        own = [n for n in program.tensors if n.startswith(name) and n[len(name):].isdigit()]
        found += own if layers() is not None and name not in program.tensors and own else [name]
    return found


def _written_out(text: str, name: str) -> str:
    """A text whose statements for many layers, if it has any, are written out."""
    from chainrule.lang.families import is_family, read_family

    number = layers()
    if not is_family(text):
        if number is not None:
            raise InputError("--layers is for formulas with a number of layers, and this has none",
                             None, "write h(l)[i] = tanh(h(l-1)[i]) for l = 1..L, for instance")
        return text
    from chainrule.lang.unrolling import unroll

    found = read_family(text, name)
    if found.end is None:
        number = 0 if number is None else number
    elif number is None:
        raise InputError(f"the number of layers is {found.end}, a symbol", None,
                         "say how many with --layers 3, for instance; chainrule derive takes it "
                         "as it is")
    return unroll(found, number).text


def output_options(*formats: str) -> Decorator:
    """`--format` and `--output`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        known = formats or FORMATS
        function = click.option("--output", "-o", metavar="FILE",
                                help="Write to a file; its suffix tells the format.")(function)
        return click.option("--format", "format", type=click.Choice(known),
                            help="What to write.  [default: terminal]")(function)

    return decorate


def names(words: Sequence[str]) -> list[str] | None:
    """`--wrt a,b --wrt c` as a list; None where nothing was said."""
    found = [name for word in words for name in re.split(r"[\s,]+", word.strip()) if name]
    return found or None


# --- reading --------------------------------------------------------------------------------------


def source(
    words: Sequence[str], at: Sequence[str] = (), index_number: str | None = None,
    floats: bool = False,
) -> Specification:
    """The program that the words of a command line name, with the values given beside it.

    `floats` says that the values have to be within the range of floats.

    Raises `click.UsageError` where there is no formula, `InputError` and `LimitError` for a file
    that cannot be read, and what parsing raises.
    """
    if not words:
        raise click.UsageError("Give a formula, a file, or - for standard input.")
    if len(words) > 1:
        raise click.UsageError(
            f"Found {len(words)} formulas: put a formula in quotes, as in 'y = {words[-1]:.20}'; "
            "several equations are separated by ;")
    given = assignments(at, "--at", floats)
    text, name = _text(words[0])
    found = _specification(text, name)
    if not found.program.equations:
        raise InputError(f"there is no equation in {name if name != 'formula' else 'the formula'}",
                         hint="an equation is y = 2*x, for instance")
    values = {**found.values, **given}
    if index_number is not None:
        from chainrule.personal import index_number_matrix  # lazily: few formulas need it

        matrix = index_number_matrix(index_number)
        targets = found.by_rule or ("X",)
        if targets[0] not in found.program.inputs:
            raise UnknownNameError("there is no input X for --index-number", None,
                                   'call it X, or write x = { index-number = "…" } in a file')
        values.update(dict.fromkeys(targets, matrix))
    return replace(found, values=values)


def check_names(option: str, given: Iterable[str], known: Sequence[str], what: str,
                listed: Sequence[str]) -> None:
    """Refuse values that an option gives to names which are not among the `known` ones."""
    for name in given:
        if name not in known:
            raise UnknownNameError(
                f"{option} {name:.60}: there is no {what} called {name:.60}", None,
                did_you_mean(name, list(known)) or f"its {what}s are {', '.join(listed) or 'none'}")


def check_of(program: Program, of: str | None) -> None:
    """Refuse several outputs where none of them is asked for."""
    outputs = program.outputs
    if of is None and len(outputs) > 1:
        raise InputError(f"there are {len(outputs)} outputs: say with --of which one is meant",
                         hint=f"one of {', '.join(f'--of {name}' for name in outputs[:8])}")


def _specification(text: str, name: str) -> Specification:
    from chainrule.formulas.calls import read  # lazily: `--help` parses nothing
    from chainrule.lang.latex import is_latex, translated

    if name.endswith(".toml") and re.search(r"^\s*(layers\s*=|\[\[layers\]\])", text, re.MULTILINE):
        raise InputError(f"{name} describes a network", None,
                         "chainrule size, show and trace read it; run it from Python with "
                         "chainrule.nn.spec.load")
    if name.endswith(".toml") or (name != "formula" and _LOOKS_LIKE_TOML.search(text)):
        return read_specification(text, name, lambda formula: _written_out(formula, name))
    text = _written_out(text, name)
    if is_latex(text):
        for remark in translated(text, name).remarks:
            click.echo(f"note: {remark}", err=True)
    return Specification(read(text, name), name=name, text=text, formula=text, offset=0)


def read(word: str) -> tuple[str, str]:
    """The text of a file or of standard input, and what to call it in messages."""
    return _text(word)


def _text(word: str) -> tuple[str, str]:
    """A formula's text and what to call it: a file's name, or "formula"."""
    if word == "-":
        context = click.get_current_context(silent=True)
        kept = {} if context is None else context.meta
        if _TYPED not in kept:  # it can be read once
            kept[_TYPED] = _standard_input()
        return _decoded(kept[_TYPED], "standard input")
    is_file = word.endswith((".toml", ".txt")) and "\n" not in word and len(word) < 4096
    if is_file or (len(word) < 4096 and os.path.exists(word)):
        return _file(word)
    if len(word) > FORMULA_CHARACTERS:
        raise LimitError(
            f"the formula has {len(word):,} characters; at most {FORMULA_CHARACTERS:,} are read",
            hint="put a long program into a file")
    return word, "formula"


def _standard_input() -> bytes:
    """What comes in by standard input, read no further than the limit."""
    if sys.stdin is None:
        raise click.UsageError("Standard input is closed: give a formula or a file instead of -.")
    try:
        return sys.stdin.buffer.read(PROGRAM_CHARACTERS + 1)
    except OSError as error:
        raise InputError(f"standard input cannot be read: {error.strerror}") from None


def _file(path: str) -> tuple[str, str]:
    """A file's text, read no further than the limit."""
    try:
        with open(path, "rb") as file:
            data = file.read(PROGRAM_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: {reason}") from None
    return _decoded(data, path)


def _decoded(data: bytes, name: str) -> tuple[str, str]:
    if len(data) > PROGRAM_CHARACTERS:
        raise LimitError(f"{name} has more than {PROGRAM_CHARACTERS:,} bytes")
    try:
        return data.decode("utf-8"), name
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line = before[before.rfind("\n") + 1 :]
        raise InputError(f"{name} is not UTF-8 text: byte {data[error.start]:#04x} at offset "
                         f"{error.start}", Span(line + "?", len(line), len(line) + 1, name),
                         ) from None  # fmt: skip


# --- writing --------------------------------------------------------------------------------------


def chosen_format(format: str | None, output: str | None) -> str:
    """The format asked for, else what the file's suffix says, else the terminal's.

    Raises `InputError` for a suffix that says nothing.
    """
    if format is not None:
        return format
    suffix = os.path.splitext(output or "")[1].lower()
    if suffix and suffix not in _SUFFIXES:
        raise InputError(f"the suffix {suffix[:20]!r} of {output} tells no format",
                         hint=f"give --format, or a name that ends in {', '.join(_SUFFIXES)}")
    return _SUFFIXES.get(suffix, "terminal")


def emit_document(document: Any, format: str | None, output: str | None) -> None:
    """A document, rendered whole and then written."""
    from chainrule.render import render  # lazily: plain numbers need no renderer

    kind = chosen_format(format, output)
    options: dict[str, Any] = {}
    if kind == "terminal" and output is None and sys.stdout.isatty():
        options["width"] = shutil.get_terminal_size((_WIDTH, 24)).columns
        options["color"] = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    write(render(document, kind, **options), output)


def emit_data(data: Mapping[str, Any], output: str | None) -> None:
    """Plain data as JSON, with the number of its schema in front."""
    import json  # lazily: most commands print text

    text = json.dumps({"schema": 1, **data}, ensure_ascii=False, allow_nan=False)
    write(text + "\n", output)


def write(text: str, output: str | None) -> None:
    """Text to standard output, or whole to a file."""
    if output is None or output == "-":
        if sys.stdout is None:
            raise InputError("standard output cannot be written: it is closed")
        if hasattr(sys.stdout, "reconfigure"):  # UTF-8 as in files, whatever the locale says
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        sys.stdout.write(text)
        return
    write_file(output, text.encode("utf-8"))


def write_file(path: str, data: bytes) -> None:
    """Write a file whole or not at all: beside it first, then in its place."""
    regular = not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode)
    target = f"{path}.part" if regular else path
    try:
        with open(target, "wb") as file:
            file.write(data)
        if regular:
            os.replace(target, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
