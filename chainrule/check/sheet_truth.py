"""Whether what a sheet says is true: its statements and its model answers, put to the judge.

A statement that is to be shown may be false, and a model answer may have a slip. Both are judged as
a student's paper is, for one student, and whatever the judge calls wrong is told.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate

from chainrule.check.judge import judge
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Question, Sheet
from chainrule.check.sheet_key import answer_pieces
from chainrule.check.sheet_making import label
from chainrule.check.sheet_personal import personalised


def wrong(sheet: Sheet, student: str = "") -> list[tuple[str, str]]:
    """The questions whose statement or model answer is wrong, each with what is.

    Raises what `personalised` raises.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> wrong(find_sheet("pattern-recognition"))
    []
    """
    own = personalised(sheet, student)
    found = [(name, f"the statement is false: {what}")
             for name, what in _judged(own, _statements(own), student)]
    written = {q.id for q in own.questions if q.answer}
    found += [(name, f"the model answer is wrong: {what}")
              for name, what in _judged(own, answer_pieces(sheet, student), student)
              if name in written]
    return list(dict.fromkeys(found))


def _statements(sheet: Sheet) -> list[tuple[str, str]]:
    """A paper that holds nothing but what is to be shown, in pieces."""
    return [(q.id, _statement(sheet, q)) for q in sheet.questions if q.target]


def _statement(sheet: Sheet, question: Question) -> str:
    labels = [f"## {label(sheet, kind, key)}" if kind == "question" else label(sheet, kind, key)
              for kind, key in question.path]
    return "".join(f"\n{text}\n" for text in (*labels, f"$${question.target}$$"))


def _judged(sheet: Sheet, pieces: Sequence[tuple[str, str]], student: str
            ) -> list[tuple[str, str]]:
    """Each wrong claim: in the piece of which question it stands, and what is wrong with it."""
    paper = read_paper("".join(text for _, text in pieces), sheet.name)
    ends = list(accumulate(len(text) for _, text in pieces))
    found = []
    for one in judge(sheet, paper, read_claims(paper), student).judged:
        if one.verdict == "wrong":
            name = pieces[min(bisect(ends, one.claim.place.start), len(pieces) - 1)][0]
            sides = f"{one.claim.left.text:.60} {one.claim.relation} {one.claim.right.text:.60}"
            found.append((name, f"{sides} ({one.why})" if one.why else sides))
    return found
