"""A paper as blocks in reading order: words, formulas, tables, headings, labels of questions.

A paper is what somebody handed in: Markdown with LaTeX in it, a notebook, a filled form. Whatever
it came as, it ends as one text and a list of blocks, each with its place in that text, so that a
remark can be put into the margin where it belongs. Reading never fails on what a paper says: what
is no formula is words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` of the paper's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Words:
    """Running text between formulas; `place` covers it."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a level (1 is the highest)."""

    place: Place
    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Label:
    """What a piece of work is called: Question 01, (b), (iii), T1, Answer 4., Exercise 2.

    `kind` is question, part (a letter), item (a roman number), number (3.) or answer; `key` is the
    normalised name: "1", "b", "iii".
    """

    place: Place
    text: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Formula:
    """What stands between dollar signs, or plainly on a line of its own; `place` is its inside.

    `display` says that it stands on a line of its own.
    """

    place: Place
    source: str
    display: bool = False


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell: its inside as words and formulas."""

    place: Place
    blocks: tuple[Words | Formula, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table, with pipes or with tabs, or a bare matrix of numbers; `header` where it has one."""

    place: Place
    rows: tuple[tuple[TableCell, ...], ...]
    header: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a paragraph, of an item of a list."""

    place: Place


Block = Words | Heading | Label | Formula | Grid | Break


@dataclass(frozen=True, slots=True)
class Paper:
    """A text and its blocks in reading order; `remarks` say what was left out while reading."""

    name: str
    text: str
    blocks: tuple[Block, ...]
    remarks: tuple[str, ...] = ()
    lines: Sequence[int] = field(default=(), repr=False)  # where each line starts

    def line(self, at: int) -> int:
        """The 1-based line of a character."""
        return self.text.count("\n", 0, at) + 1

    def column(self, at: int) -> int:
        """The 1-based column of a character."""
        return at - (self.text.rfind("\n", 0, at) + 1) + 1
