"""Every example in README.md and docs/ is a test.

A ```python block is a session of Python: `>>>` and what follows it. A ```console block is a session
in a shell: `$ chainrule …` and exactly what it prints, errors included, 100 columns wide; a line
that is nothing but `...` stands for lines left out. A ```toml block that starts with `# name.toml`
is written to that file first. The examples of a page share their names, and a temporary folder
with a copy of `examples/`.
"""

from __future__ import annotations

import doctest
import io
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from chainrule.cli import main

# the same examples every time: a test that fails by luck helps nobody
settings.register_profile("chainrule", derandomize=True, deadline=None)
settings.load_profile("chainrule")

ROOT = Path(__file__).parent
FLAGS = doctest.ELLIPSIS
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}


def shell(line: str) -> str:
    """What a line such as `chainrule …` or `echo '…' | chainrule …` prints."""
    words = shlex.split(line)
    given = ""
    if "|" in words:
        bar = words.index("|")
        if words[0] != "echo":
            raise ValueError(f"only echo can stand before a pipe here: {line}")
        given, words = " ".join(words[1:bar]) + "\n", words[bar + 1 :]
    if words[0] != "chainrule":
        raise ValueError(f"only chainrule can be run here: {line}")
    printed = io.StringIO()
    typed = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    with (redirect_stdout(printed), redirect_stderr(printed), patch("sys.stdin", typed),
          patch.dict(os.environ, PLAIN)):
        main(words[1:])
    return printed.getvalue()


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output written under it."""
    for piece in ("\n" + block).split("\n$ ")[1:]:
        lines = piece.split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):  # the command goes on in the next line
            count += 1
        command = " ".join(line.removesuffix("\\") for line in lines[:count])
        yield command, "\n".join(lines[count:])


def check_console(example: Example) -> str | None:
    """The first command that prints something else than the page says; None if all agree."""
    for command, wanted in commands(example.parsed):
        found = _trimmed(shell(command))
        if not doctest.OutputChecker().check_output(_trimmed(wanted), found, FLAGS):
            return f"$ {command}\nprints\n{found}\nand the page says\n{_trimmed(wanted)}"
    return None


def _trimmed(text: str) -> str:
    """Lines without blanks at their ends, the text without empty lines around it."""
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n")) + "\n"


def write_file(example: Example) -> None:
    """A TOML block whose first line is a comment with a file's name."""
    name = example.parsed.split("\n", 1)[0].removeprefix("# ").strip()
    if name.endswith(".toml") and Path(name).name == name:
        Path(name).write_text(example.parsed, encoding="utf-8")


def enter_folder(names: dict[str, Any]) -> None:
    """Make a folder for a page's examples and go there."""
    folder = tempfile.mkdtemp(prefix="chainrule-docs-")
    shutil.copytree(ROOT / "examples", Path(folder) / "examples")
    names["_folders"] = (folder, os.getcwd())
    os.chdir(folder)


def leave_folder(names: dict[str, Any]) -> None:
    """Go back and remove it."""
    folder, back = names["_folders"]
    os.chdir(back)
    shutil.rmtree(folder)


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=FLAGS),
        CodeBlockParser("console", check_console),
        CodeBlockParser("toml", write_file),
    ],
    patterns=["README.md", "docs/*.md"],
    setup=enter_folder,
    teardown=leave_folder,
).pytest()
