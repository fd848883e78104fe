"""From a paper to a report: reading, judging, a teacher's decisions, in this order.

    >>> from chainrule.check.sheet_reading import read_sheet
    >>> sheet = read_sheet('''+++
    ... id = "doubling"
    ... title = "Doubling"
    ... +++
    ... ```program net
    ... y = 2*x
    ... ```
    ... ```given net
    ... x = 3
    ... ```
    ... ```question 1
    ... of = "y"
    ... points = 2
    ... ```
    ... What is $y$ for $x = 3$?
    ... ''')
    >>> [j.verdict for j in Checker(sheet)(b"1. $y = 2 x = 6$").judged]
    ['right', 'right']
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.check.decisions import Decisions, decided, read_decisions
from chainrule.check.judge import Memory, judge
from chainrule.check.mistakes_explain import explain
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Sheet
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import read_sheet
from chainrule.check.verdicts import Report
from chainrule.errors import LimitError
from chainrule.limits import SUBMISSION_BYTES


class Checker:
    """Checks papers against one sheet, with a teacher's decisions.

    It keeps nothing of a paper, but what it has worked out of the sheet: one serves a whole class.
    """

    def __init__(self, sheet: Sheet, decisions: Decisions | None = None) -> None:
        self.sheet = sheet
        self.decisions = decisions or Decisions()
        self.memory = Memory()

    def __call__(self, data: bytes, name: str = "paper", student: str = "") -> Report:
        """The report on one paper, given as the bytes of its file.

        Raises `InputError` and `LimitError` for what is no paper, or no student of the sheet.
        """
        if len(data) > SUBMISSION_BYTES:
            raise LimitError(f"{name} has more than {SUBMISSION_BYTES:,} bytes")
        sheet = personalised(self.sheet, student)
        paper = read_paper(data, name)
        report = judge(sheet, paper, read_claims(paper), student, explain, self.memory)
        return decided(replace(report, sheet=self.sheet.id), self.decisions)


def checker(text: str, name: str, decisions: str = "") -> Checker:
    """A checker from the texts of a sheet and of a decisions file: what a new process begins with.

    Raises what `read_sheet` and `read_decisions` raise.
    """
    return Checker(read_sheet(text, name), read_decisions(decisions) if decisions else None)
