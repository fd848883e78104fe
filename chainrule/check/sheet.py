"""A sheet: what is given, what is asked, for how many points; and one student's own numbers.

A sheet is one Markdown file (`chainrule.check.sheet_reading` reads it). Its *parts* are worlds: a
program in chainrule's language, values for its inputs, and how papers write its names. Its
*questions* ask for something of a part: a value, a closed form, a table, a derivation. Values may
be personal: drawn by a declared rule from what a student is called by (an index number, a seed), so
that they can be derived again anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from chainrule.lang.program import Program

Number = int | float | Fraction


@dataclass(frozen=True, slots=True)
class Rounding:
    """What counts as the right number.

    One of `decimals` (of the printed number), `significant` (digits), `absolute`, `relative`; with
    none of them a number must be right to the digits that it shows, at least two significant ones.
    """

    decimals: int | None = None
    significant: int | None = None
    absolute: float | None = None
    relative: float | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """An input without a value: whatever is claimed has to hold for all of them.

    Values are drawn between `low` and `high`; `axis` names the axis along which they sum to 1
    (probabilities); `onehot` makes them 0 but for one 1; `integer` for labels, below the size that
    the program declares.
    """

    low: float = -2.0
    high: float = 2.0
    simplex: bool = False
    onehot: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A world: a program, values for its inputs, sizes, and notation.

    `given` has values (exact numbers, nested lists) and expressions (strings in chainrule's
    language, of tensors that come before); `free` the inputs without values; `sizes` the sizes'
    values, or the least and the greatest that are tried. `notation` are definitions as papers
    write them, in LaTeX: `P(y=j) = p_j`, `S(x)_i = …`, `\\bar z_i = z_i - \\max_k z_k`.
    `names` maps a tensor's name to other spellings that papers use for it.
    """

    name: str
    program: Program | None
    given: Mapping[str, Any] = field(default_factory=dict)
    free: Mapping[str, Free] = field(default_factory=dict)
    sizes: Mapping[str, int | tuple[int, int]] = field(default_factory=dict)
    notation: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked for.

    `ask` is value, closed, table, derivation, proof, configuration, choice or text. `of` is what is
    asked for, as a paper would write it (`U`, `\\partial L/\\partial V`, `A`); `target` a statement
    that a derivation or proof ends with, in LaTeX. `phrases` are words that name the quantity in a
    sentence ("multiplies to compute A"). `options` holds what one kind of question needs alone.
    """

    id: str
    title: str
    part: str
    ask: str
    of: str = ""
    target: str = ""
    points: float = 0.0
    path: tuple[tuple[str, str], ...] = ()
    phrases: tuple[str, ...] = ()
    rounding: Rounding | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as read; `personal` says how each student's values come about."""

    id: str
    title: str
    parts: Mapping[str, Part]
    questions: tuple[Question, ...]
    rounding: Rounding = Rounding()
    student: str = ""
    personal: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    name: str = "sheet"

    def question(self, name: str) -> Question:
        """The question of that id."""
        return next(q for q in self.questions if q.id == name)
