"""Verdicts: what was found out about each claim, and about the paper as a whole, as data.

right       holds, for everything that the sheet gives
wrong       does not hold
follows     does not hold, but would if an earlier mistake of the paper's were no mistake
undecided   neither could be shown; a person has to look
unread      could not be read; never counted against anybody
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.check.claims import Claim, Reading, Unread
from chainrule.check.paper import Paper, Place


@dataclass(frozen=True, slots=True)
class Mistake:
    """A kind of mistake as it was found: its name in the catalogue, why, and a hint.

    `why` says what happened, with the numbers; `hint` helps on without giving the answer away.
    """

    kind: str
    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with its verdict.

    `kind` is the final class. `verdict` is empty for definitions, givens, conditions and names that
    nothing contradicts. `expected` is the right value, as text; `found` what the paper has. `why`
    says how the verdict came about. `first` is the number of the claim that this one follows from,
    or of the first wrong step where this is a later one. `mistakes` are what may have happened,
    likeliest first.
    """

    number: int
    claim: Claim
    kind: str
    verdict: str
    expected: str = ""
    found: str = ""
    why: str = ""
    first: int | None = None
    mistakes: tuple[Mistake, ...] = ()
    question: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """A question with what it earned: `points` of `most`, undecided points kept apart."""

    question: str
    title: str
    points: float
    most: float
    undecided: float = 0.0
    why: str = ""
    claims: tuple[int, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that a check found: every claim in order, every question, what a person has to read."""

    sheet: str
    student: str
    paper: Paper
    reading: Reading
    judged: tuple[Judged, ...]
    questions: tuple[Marked, ...]
    unread: tuple[Unread, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """The points of all questions."""
        return sum(q.points for q in self.questions)

    @property
    def most(self) -> float:
        """The points that could be had."""
        return sum(q.most for q in self.questions)
