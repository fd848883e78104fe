"""What is said about the mistakes in real papers: the kind that stands on each line."""

from __future__ import annotations

import pytest
from gold import load

from chainrule.check.judge import judge
from chainrule.check.mistakes_explain import explain
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import find_sheet

LINES = {
    "002": {30: "lost-bound", 34: "lost-bound", 87: "self-reference", 99: "self-reference",
            111: "self-reference", 123: "too-few-decimals", 126: "too-few-decimals",
            134: "truncation"},
    "003": {91: "wrong-function", 149: "sign", 186: "unsummed-parameter",
            188: "unsummed-parameter", 197: "unsummed-parameter", 297: "wrong-function"},
    "004": {61: "copied", 75: "extra-term", 77: "extra-term", 79: "wrong-size",
            83: "input-channels", 85: "input-channels", 89: "input-channels"},
    "aligned": {25: "wrong-quantity"},
    "mail": {55: "kernel-not-flipped", 76: "size-floor"},
    "neat": {34: "pool-cell"},
    "terse": {4: "sign", 9: "sign", 29: "softmax-diagonal"},
    "unicode": {35: "not-differentiated", 36: "not-differentiated", 64: "sign"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LINES))
def test_each_mistake_of_a_paper_is_named_on_its_line(name: str) -> None:
    gold = load(name)
    if not gold.there:
        pytest.skip(f"{gold.paper} is not at hand")
    sheet = personalised(find_sheet(gold.sheet), gold.student)
    paper = read_paper(gold.bytes(), gold.paper.name)
    report = judge(sheet, paper, read_claims(paper), gold.student, explain=explain)
    found: dict[int, set[str]] = {}
    for judged in report.judged:
        if judged.mistakes:
            line = paper.line(judged.claim.place.start)
            found.setdefault(line, set()).update(m.kind for m in judged.mistakes)
    missing = {line: kind for line, kind in LINES[name].items()
               if kind not in found.get(line, set())}
    assert not missing, f"found {found}"
