"""The page `docs/checked-papers.md`: full reports on three real papers.

    python tests/checked_papers.py        # writes the page again
"""

from __future__ import annotations

import sys
from pathlib import Path

from chainrule.check.checking import Checker
from chainrule.check.report import report_document
from chainrule.check.sheet_reading import find_sheet
from chainrule.render import render

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT.parent / "shared" / "seeds"
PAGE = ROOT / "docs" / "checked-papers.md"

HEAD = """# Three checked papers

These are whole reports, as a teacher gets them, on three papers that were not written for this
program: two students' solutions and a printed model answer, scanned and read by machine, with the
slips that such reading makes. `python tests/checked_papers.py` makes this page.

What a report says about a step is one of five things ([Checking](checking.md) says more): it is
right, it is wrong, it follows from an earlier mistake, it could not be decided, or it could not be
read. Formulas are typeset again from what was read, so that one sees if a scan was misread.
"""

PAPERS = (
    ("003", "machine-vision", "180631", "A solution to the sheet of the toy network", """\
The numbers are those of the index number 180631. The answers are right but for one, the derivative
by the shared slope α, which is not summed over the cells. On the way a ReLU is written where the
leaky one is meant, a sign is lost in a cell and found again in the next matrix, and a rule that is
recalled lacks its logarithm: these are listed, and cost next to nothing.
"""),
    ("004", "pattern-recognition", "", "A solution to three tasks", """\
A copied number in a summary; counts that add border terms where there is no padding, use one
layer's size for another's, and leave out the input channels; and a case that carries the heading of
the other one. What was computed from the wrong counts follows from them. The statement is lost, so
the sizes of C and E are left to a person.
"""),
    ("002", "deep-learning", "", "Printed answers to an assignment", """\
A model answer has mistakes as well: an integral with a wrong limit, a limit that gets lost in a
chain, a name that lost its tilde, `v₁ = ln(v₁)`, and tables with fewer decimals than were asked
for.
"""),
)


def page() -> str:
    """The page as it has to be."""
    pieces = [HEAD]
    for number, sheet, student, title, about in PAPERS:
        (path,) = SEEDS.glob(f"{number}_*")
        report = Checker(find_sheet(sheet))(path.read_bytes(), f"{number}.md", student)
        shown = render(report_document(report, "teacher"), "terminal", width=100)
        lines = "\n".join(line.rstrip() for line in shown.strip("\n").split("\n"))
        of = f" --student {student}" if student else ""
        pieces.append(f"## {title}\n\n{about}\n```text\n$ chainrule check {sheet} paper.md{of}\n"
                      f"{lines}\n```\n")
    return "\n".join(pieces)


if __name__ == "__main__":
    if not SEEDS.is_dir():
        sys.exit(f"the papers are not there: {SEEDS}")
    PAGE.write_text(page(), encoding="utf-8")
