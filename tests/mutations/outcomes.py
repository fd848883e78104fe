"""What the checker makes of mutants and rewritings, in numbers."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from chainrule.check.checking import Checker
from chainrule.check.verdicts import Judged, Report
from mutations.mistakes import Mutant
from mutations.papers import SECOND, sheet_named
from mutations.rewritings import Rewriting

NAMES: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "names.toml").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Found:
    """Of a mistake: whether its first wrong step was marked first, its line, any; its names."""

    kind: str
    located: bool
    line: bool
    marked: bool
    named: bool
    among: bool
    said: str = ""
    sheet: str = ""


@dataclass(frozen=True)
class Kept:
    """Of a rewriting: right, undecided or wrong, and the claims that are not right."""

    kind: str
    verdict: str
    said: str = ""


@lru_cache(maxsize=64)
def checker(name: str) -> Checker:
    return Checker(sheet_named(name))


def report(sheet: str, student: str, text: str) -> Report:
    return checker(sheet)(text.encode(), "paper.md", student)


@lru_cache(maxsize=2048)
def baseline(sheet: str, student: str, text: str) -> Counter[str]:
    """How many claims of the model answer have which verdict."""
    return Counter(j.verdict for j in report(sheet, student, text).judged)


def place(judged: Judged) -> tuple[int, int]:
    return judged.claim.place.start, judged.claim.place.end


def found(mutant: Mutant) -> Found:
    """What becomes of a mistake."""
    there = report(mutant.sheet, mutant.student, mutant.text)
    wrong = sorted((j for j in there.judged if j.verdict == "wrong"), key=place)
    first = wrong[0] if wrong else None
    start, end = mutant.sign
    places = [mutant.sign, mutant.also or mutant.sign]
    located = first is not None and any(
        place(first)[0] < b and a < place(first)[1] for a, b in places
    )
    line = first is not None and there.paper.line(place(first)[0]) == mutant.line
    names = NAMES[mutant.kind]
    kinds = [m.kind for m in first.mistakes] if first is not None else []
    said = (
        ""
        if first is None
        else f"{first.claim.left.text[:40]} = {first.claim.right.text[:40]}: {first.why[:80]}"
    )
    if first is None:
        at = [j for j in there.judged if place(j)[0] < end and start < place(j)[1]]
        said = "; ".join(f"{j.kind} {j.verdict}: {j.why[:80]}" for j in at) or "no claim there"
    return Found(
        mutant.kind,
        located,
        line,
        first is not None,
        bool(kinds) and kinds[0] in names,
        any(k in names for k in kinds),
        f"{said} [{', '.join(kinds)}]",
        mutant.sheet,
    )


def region(right: str, text: str) -> tuple[int, int]:
    """The lines of the new text that differ from the old one."""
    start = 0
    while start < min(len(right), len(text)) and right[start] == text[start]:
        start += 1
    back = 0
    while back < min(len(right), len(text)) - start and right[-1 - back] == text[-1 - back]:
        back += 1
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", len(text) - back)
    return begin, len(text) if end < 0 else end


def kept(rewriting: Rewriting) -> Kept:
    """What becomes of a rewriting: wrong if anything is called wrong that was not before."""
    before = baseline(rewriting.sheet, rewriting.student, rewriting.right)
    there = report(rewriting.sheet, rewriting.student, rewriting.text)
    after = Counter(j.verdict for j in there.judged)
    start, end = region(rewriting.right, rewriting.text)
    here = [j for j in there.judged if start <= place(j)[0] < end]

    def said(*verdicts: str) -> str:
        bad = [j for j in there.judged if j.verdict in verdicts]
        return "; ".join(
            f"{j.verdict} {j.claim.left.text[:50]} {j.claim.relation} {j.claim.right.text[:50]}:"
            f" {j.why[:90]}"
            for j in bad[:2]
        )

    if after["wrong"] + after["follows"] > before["wrong"] + before["follows"]:
        return Kept(rewriting.kind, "wrong", said("wrong", "follows"))
    if any(j.verdict in ("undecided", "unread") for j in here) and (
        after["undecided"] + after["unread"] > before["undecided"] + before["unread"]
    ):
        return Kept(rewriting.kind, "undecided", said("undecided", "unread"))
    if (
        here
        and not any(j.verdict == "right" for j in here)
        and after["right"] < before["right"] - 1
    ):
        return Kept(rewriting.kind, "undecided", "nothing there is called right")
    if not here and after["right"] < before["right"]:
        return Kept(rewriting.kind, "undecided", "nothing is read there")
    return Kept(rewriting.kind, "right")


@dataclass
class Tally:
    """The numbers of a run, by kind."""

    found: list[Found] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @staticmethod
    def share(part: Iterable[bool]) -> float:
        items = list(part)
        return sum(items) / len(items) if items else 1.0

    @property
    def located(self) -> float:
        return self.share(f.located for f in self.found)

    @property
    def named(self) -> float:
        """Of the mistakes whose kind has a name, how many were called by it first."""
        return self.share(f.named for f in self.found if NAMES[f.kind])

    def kept_as(self, verdict: str) -> float:
        return self.share(k.verdict == verdict for k in self.kept)

    def mistakes_table(self) -> str:
        lines = [
            "| Kind | drawn | first wrong step | somewhere | kind named | among the names |",
            "|---|---|---|---|---|---|",
        ]
        for kind in sorted({f.kind for f in self.found}):
            rows = [f for f in self.found if f.kind == kind]
            named = [f"{sum(f.named for f in rows)}", f"{sum(f.among for f in rows)}"]
            if not NAMES[kind]:
                named = ["(no name)", "(no name)"]
            lines.append(
                f"| {kind} | {len(rows)} | {sum(f.located for f in rows)} | "
                f"{sum(f.marked for f in rows)} | {named[0]} | {named[1]} |"
            )
        rows = self.found
        with_names = [f for f in rows if NAMES[f.kind]]
        lines.append(
            f"| **all** | {len(rows)} | {sum(f.located for f in rows)} ({self.located:.1%}) | "
            f"{sum(f.marked for f in rows)} | "
            f"{sum(f.named for f in with_names)} of {len(with_names)} "
            f"({self.named:.1%}) | {sum(f.among for f in with_names)} |"
        )
        return "\n".join(lines)

    def sets_table(self) -> str:
        """The mistakes once more: those of the first set of sheets, and those of the second."""
        lines = ["| Sheets | drawn | first wrong step | kind named |", "|---|---|---|---|"]
        for name, second in (("first set", False), ("second set", True)):
            part = Tally([f for f in self.found if (f.sheet in SECOND) == second])
            if not part.found:
                continue
            with_names = [f for f in part.found if NAMES[f.kind]]
            lines.append(
                f"| {name} | {len(part.found)} | "
                f"{sum(f.located for f in part.found)} ({part.located:.1%}) | "
                f"{sum(f.named for f in with_names)} of {len(with_names)} ({part.named:.1%}) |"
            )
        return "\n".join(lines)

    def rewritings_table(self) -> str:
        lines = ["| Rewriting | drawn | right | undecided | wrong |", "|---|---|---|---|---|"]
        groups = [
            (k, [r for r in self.kept if r.kind == k]) for k in sorted({r.kind for r in self.kept})
        ]
        for kind, rows in [*groups, ("**all**", self.kept)]:
            counts = Counter(r.verdict for r in rows)
            share = f" ({counts['right'] / len(rows):.1%})" if rows and kind == "**all**" else ""
            lines.append(
                f"| {kind} | {len(rows)} | {counts['right']}{share} | {counts['undecided']} | "
                f"{counts['wrong']} |"
            )
        return "\n".join(lines)
