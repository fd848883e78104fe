"""What one paper's check leaves in a class's memory changes no verdict on the next."""

from __future__ import annotations

from mutations.mistakes import mistakes

from chainrule.check.checking import Checker
from chainrule.check.sheet_reading import find_sheet

SHEETS = ("machine-vision", "pattern-recognition")


def verdicts(check, mutant):
    report = check(mutant.text.encode(), "paper.md", mutant.student)
    return [(j.verdict, j.why, j.mistakes) for j in report.judged]


def test_a_paper_is_judged_alike_alone_and_in_a_class():
    drawn = [m for m in mistakes(200, 7) if m.sheet in SHEETS][:20]
    assert len({m.student for m in drawn}) > 2
    kept = {name: Checker(find_sheet(name)) for name in SHEETS}
    for mutant in drawn:
        alone = verdicts(Checker(find_sheet(mutant.sheet)), mutant)
        assert verdicts(kept[mutant.sheet], mutant) == alone, mutant.kind
