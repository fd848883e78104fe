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

    Values are drawn between `low` and `high`; `simplex` makes them positive with sum 1 along the
    last axis (probabilities), `onehot` 0 but for one 1 along it. Labels and integers are drawn
    below the size that the program declares.
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
    `names` maps a tensor's name to other spellings that papers use for it, in LaTeX. `adjoints`
    maps the name of a quantity further on, of which nothing else is known, to its derivatives by
    tensors of the program: `{"L": {"y": 2}}` says ∂L/∂y = 2, so that ∂L/∂x is that adjoint pulled
    back to x, whatever the formula of L is. `reject` are conditions in chainrule's language under
    which drawn values are drawn again. `practise` are rules for values that are drawn anew when
    somebody practises. `source` is the program's text, `start` where the part
    begins in the sheet's file.
    """

    name: str
    program: Program | None
    given: Mapping[str, Any] = field(default_factory=dict)
    free: Mapping[str, Free] = field(default_factory=dict)
    sizes: Mapping[str, int | tuple[int, int]] = field(default_factory=dict)
    notation: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adjoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reject: tuple[str, ...] = ()
    practise: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked for.

    `ask` is value, closed, table, derivation, proof, configuration, choice or text. `of` is what is
    asked for, as a paper would write it (`U`, `\\partial L/\\partial V`, `A`); `target` a statement
    that a derivation or proof ends with, in LaTeX. `phrases` are words that name the quantity in a
    sentence ("multiplies to compute A"). `accept` are other right answers, in chainrule's language
    (a count that includes the biases, another suitable loss). `path` are the labels that a paper
    puts above the answer: (("question", "1"), ("part", "b"), ("item", "ii")).

    `quantity` is `of` in chainrule's language, such as `U`, `V[0,0]` or `dL/dV`, for the sheet's
    own use; empty where nothing can be computed. `work` says which of chainrule's explanations make
    up the model answer's working, `template` what is there to fill in, `answer` is the model answer
    as its author wrote it, in Markdown. `options` holds what one kind of question needs alone:

    configuration   `in`, `out` and `kind` of layer, `known` (k, s, p, d as texts)
    table           `mode` (forward, reverse), `wrt`
    choice          `choices` and the number of the `right` one, from 1
    text            `look_for`: what a person who marks it looks for
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
    accept: tuple[str, ...] = ()
    quantity: str = ""
    work: tuple[Mapping[str, Any], ...] = ()
    template: Any = None
    answer: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a sheet in reading order: a question by its id, or text (`question` empty)."""

    text: str
    start: int
    question: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as read.

    `personal` maps a part and an input to the rule by which each student's values come about.
    `student` says what a student is called by (an index number), `example` is one that serves where
    no student is named. `label` is what stands before a question's number in a paper: "Question",
    "Exercise", "T". `text` is the whole file, `body` its pieces in order;
    `points` how many there are to be, where the sheet says so.
    """

    id: str
    title: str
    parts: Mapping[str, Part]
    questions: tuple[Question, ...]
    rounding: Rounding = Rounding()
    student: str = ""
    personal: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    name: str = "sheet"
    example: str = ""
    label: str = "Question"
    body: tuple[Piece, ...] = ()
    points: float | None = None

    def question(self, name: str) -> Question:
        """The question of that id."""
        return next(q for q in self.questions if q.id == name)
