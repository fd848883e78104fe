"""What every form of a report asks for: lines, texts and places of claims, hints, counts.

A `Findings` is a report with what is worked out of it once: which claims belong to which question,
in which line a claim stands, how many there are of each verdict.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from chainrule.check.claims import Claim, Unread
from chainrule.check.paper import Paper, Place
from chainrule.check.rounding import printed_cells
from chainrule.check.verdicts import Judged, Marked, Report

Audience = Literal["teacher", "student"]
AUDIENCES: Final[tuple[Audience, ...]] = ("teacher", "student")
SIGNS: Final = {"right": "✓", "wrong": "✗", "follows": "↳", "undecided": "?", "unread": "–", "": ""}
_LABEL: Final = re.compile(r"\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}")
_SIDES: Final = re.compile(r"the left side is (.{1,800}), the right side is (.{1,800})")
_ROUNDINGS: Final = frozenset({"too-few-decimals", "truncation", "rounding"})
_SAME: Final = 24  # characters that two reasons have in common if they say the same
_GENERIC: Final = "The two sides are not equal: work this step again."
_WRONG_KIND: Final = {
    "condition": "This does not hold for what stands below it: check the condition.",
    "given": "This is not what the sheet gives.",
    "definition": "This is not how the sheet defines it.",
    "name": "This is not what the sheet calls so.",
}


@dataclass(frozen=True)
class Findings:
    """A report with what every form of it asks for: lines, verdicts by question, counts."""

    report: Report

    @cached_property
    def starts(self) -> list[int]:
        """Where each line of the paper starts."""
        return line_starts(self.report.paper.text)

    def line(self, at: int) -> int:
        """The 1-based line of a character of the paper."""
        return bisect_right(self.starts, at)

    def place(self, claim: Claim) -> Place:
        """The characters from the left side's first to the right side's last."""
        return claim_place(claim, len(self.report.paper.text))

    def line_of(self, judged: Judged) -> int:
        """The line of the claim's sign, where a reader looks for it."""
        return self.line(judged.claim.place.start)

    @cached_property
    def by_number(self) -> dict[int, Judged]:
        """The claims by their numbers."""
        return {j.number: j for j in self.report.judged}

    @cached_property
    def by_question(self) -> dict[str, tuple[Judged, ...]]:
        """The claims of each question, in order; those of none under the empty name.

        A claim that several questions count, and that is no one's own, belongs to none.
        """
        homes = {j.number: j.question for j in self.report.judged}
        known = {q.question for q in self.report.questions}
        often = Counter(number for q in self.report.questions for number in q.claims)
        for q in self.report.questions:
            for number in q.claims:
                if often[number] == 1 and homes.get(number) not in known:
                    homes[number] = q.question
        found: dict[str, list[Judged]] = {q.question: [] for q in self.report.questions}
        for judged in self.report.judged:
            home = homes[judged.number]
            found.setdefault(home if home in known else "", []).append(judged)
        return {name: tuple(own) for name, own in found.items()}

    @cached_property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read, but for words that are a side of a claim which was judged."""
        sides = {_bare(j.claim.left.text) for j in self.report.judged if j.verdict}
        return tuple(u for u in self.report.unread if _bare(u.text) not in sides)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many claims got each verdict; definitions and the like count as nothing."""
        return Counter(j.verdict for j in self.report.judged if j.verdict)

    @property
    def undecided_points(self) -> float:
        """The points that hang on what could not be decided."""
        return sum(q.undecided for q in self.report.questions)


def _bare(words: str) -> str:
    """Words without the verb that leads to a value: "Size of A is" and "Size of A" are the same."""
    return re.sub(r"\s+(?:is|are|was|were)\s*:?$", "", " ".join(words.split()))


def line_starts(text: str) -> list[int]:
    """Where each line of a text starts.

    >>> line_starts("ab\\nc")
    [0, 3]
    """
    return [0, *(m.end() for m in re.finditer("\n", text))]


def claim_place(claim: Claim, length: int) -> Place:
    """A claim's characters; a left side taken from another line is left out."""
    left, right = claim.left.place, claim.right.place
    start = claim.place.start if claim.link or claim.aligned else min(left.start, claim.place.start)
    end = max(right.end, claim.place.end)
    return Place(max(0, min(start, length)), max(0, min(end, length)))


def claim_text(paper: Paper, claim: Claim) -> str:
    """A claim in the paper's own characters, with its left side, in one line.

    It is made of both sides' texts, so that the second link of a chain is told whole.
    """
    left = claim.left.text or paper.text[claim.left.place.start : claim.left.place.end]
    right = claim.right.text or paper.text[claim.right.place.start : claim.right.place.end]
    return " ".join(f"{left} {claim.relation} {right}".split())


def amount(points: float) -> str:
    """A number of points as it is written: 2, 2.5, 0.33.

    >>> amount(2.0), amount(1 / 3)
    ('2', '0.33')
    """
    shown = f"{points:.2f}".rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown


def hint(judged: Judged) -> str:
    """A hint that does not give the answer away.

    It is the likeliest mistake's, unless the expected value stands in it.
    """
    for mistake in judged.mistakes[:1]:
        said = mistake.hint.strip()
        if said and not _tells(said, judged.expected):
            return sentence(said)
    return _WRONG_KIND.get(judged.kind, _GENERIC)


def _tells(said: str, expected: str) -> bool:
    expected = expected.strip()
    return bool(expected) and re.search(
        rf"(?<![\w.,]){re.escape(expected)}(?!\w|[.,]\d)", said) is not None


def why(judged: Judged) -> str:
    """Why a claim is wrong, in a teacher's words: the verdict's reason, then the likeliest mistake.

    One of them is enough where both would say the same: how a number was rounded, which case it is.
    """
    said = judged.why.strip()
    sides = _SIDES.fullmatch(said)
    if sides is not None and sides[2] == judged.found and printed_cells(
            judged.claim.right.node) is not None:
        said = f"it is {sides[1]}"  # what the paper has stands in the claim already
    found = judged.mistakes[0].why.strip() if judged.mistakes else ""
    if not found or found in said or (said and judged.mistakes[0].kind in _ROUNDINGS):
        return sentence(said) if said else ""
    if not said or said[:_SAME] == found[:_SAME] or said in found:
        return sentence(found)
    return f"{sentence(said)} {sentence(found)}"


def sentence(words: str, capital: bool = True) -> str:
    """Words as a sentence: a capital where they begin with a word, a full stop at their end.

    >>> sentence("the sign is lost"), sentence("x is 3.")
    ('The sign is lost.', 'x is 3.')
    """
    said = words.strip()
    first = said.split(" ", 1)[0].rstrip(",:;")
    if capital and len(first) > 1 and first.isalpha() and first.islower():
        said = said[0].upper() + said[1:]
    return said if said.endswith((".", "?", "!", "…")) else f"{said}."


def number(count: int, thing: str) -> str:
    """A count with its noun.

    >>> number(1, "step"), number(3, "step")
    ('1 step', '3 steps')
    """
    return f"{count} {thing}" if count == 1 else f"{count:,} {thing}s"


def question_name(q: Marked) -> str:
    """What a question is called: its number and its title.

    >>> question_name(Marked("1.b.ii", "The activation", 0, 2))
    '1.b.ii The activation'
    >>> question_name(Marked("2.size-A", "The size of A", 0, 2))
    '2 The size of A'
    """
    if not q.title or q.title == q.question:
        return q.question
    parts = itertools.takewhile(_LABEL.fullmatch, q.question.split("."))
    return f"{'.'.join(parts)} {q.title}".strip()


def first_wrong(claims: Iterable[Judged]) -> Judged | None:
    """The first wrong one of some claims in order."""
    return next((j for j in claims if j.verdict == "wrong"), None)
