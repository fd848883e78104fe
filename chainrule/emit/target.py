"""What makes a target: its name, its imports, its printer, and how its example is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chainrule.emit.example import Example
from chainrule.emit.names import Names
from chainrule.emit.text import Printer
from chainrule.lang.program import Program


@dataclass(frozen=True, slots=True)
class Main:
    """What the example at the end of a file is written from."""

    program: Program
    names: Names
    example: Example
    outputs: Sequence[str]
    of: Sequence[str]
    seeds: Mapping[str, str]
    gradients: Mapping[str, str]
    sizes: Sequence[str]  # that are arguments
    printer: Printer


class Ending(Protocol):
    """What writes the example."""

    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A library: `windows` as for `Scope`.

    `remark` stands in the docstring of every file, with what the sizes among the arguments add.
    """

    title: str
    imports: str
    windows: str
    printer: type[Printer]
    main: Callable[[Main], Ending]
    remark: str = ""
