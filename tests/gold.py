"""Gold lists: what a careful reader makes of every equals sign of a paper.

A list (`data/gold/*.toml`) names its paper, the sheet and the student that the paper is judged for,
and has, in the paper's order, one row for every equals sign. Counted are `=`, `==`, `!=`, `≠`, `≡`,
`\\neq`, `\\ne` and `\\equiv`, not `<=` and `>=`. A row says

    line, nth      the line, from 1, and the how-manieth sign on it; `cell` too in a notebook, where
                   lines count in the cell's source
    around         some characters of the formula about it
    class          definition, given, condition, name (P(y = j), "where s = stride"), limit (of a
                   sum), claim, layout (a sign with nothing to say, or of a program)
    also_class     other classes that a careful reader may give it
    verdict        of a claim: right, wrong, follows, undecided
    also           other verdicts that honest graders give
    mistake, why   what went wrong, and the reason where it is not obvious

`stated` are claims made without an equals sign: a matrix under "values of U", "the size of A is …".
`heading` are headings that say the wrong case. `mistake` are the paper's mistakes, each with the
lines where a report may place it: `where` says whether a formula, a heading or a sentence has it
(sentences are for people). `agreement` compares a report with a list.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
GOLD = HERE / "data" / "gold"
SEEDS = HERE.parent.parent / "shared" / "seeds"
SIGN = re.compile(r"\\neq(?![a-zA-Z])|\\ne(?![a-zA-Z])|\\equiv(?![a-zA-Z])|==|!=|≠|≡|(?<![<>])=")
CLASSES = ("definition", "given", "condition", "name", "limit", "claim", "layout")
VERDICTS = ("right", "wrong", "follows", "undecided", "unread")
FIRM = ("right", "wrong", "follows")


@dataclass(frozen=True)
class Sign:
    """A row of a list: an equals sign."""

    cell: int
    line: int
    nth: int
    around: str
    kind: str
    kinds: tuple[str, ...]
    verdict: str
    accepted: tuple[str, ...]
    mistake: str
    why: str

    @property
    def at(self) -> tuple[int, int, int]:
        return (self.cell, self.line, self.nth)


@dataclass(frozen=True)
class Stated:
    """Something claimed without an equals sign, on the lines first to last."""

    first: int
    last: int
    text: str
    verdict: str
    accepted: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Mistake:
    """A mistake of the paper, and the lines (with their cells) where it may be found."""

    lines: tuple[tuple[int, int], ...]
    where: str
    kind: str
    about: str


@dataclass(frozen=True)
class Gold:
    """A list as read."""

    name: str
    paper: Path
    sheet: str
    student: str
    signs: tuple[Sign, ...]
    stated: tuple[Stated, ...]
    headings: tuple[int, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def there(self) -> bool:
        """Whether the paper is at hand; some lie outside the repository."""
        return self.paper.exists()

    def bytes(self) -> bytes:
        return self.paper.read_bytes()


def names() -> list[str]:
    """The names of all lists."""
    return sorted(path.stem for path in GOLD.glob("*.toml"))


def load(name: str) -> Gold:
    """The list of that name."""
    data = tomllib.loads((GOLD / f"{name}.toml").read_text(encoding="utf-8"))
    where = data["paper"]
    if where.startswith("seeds/"):
        found = sorted(SEEDS.glob(f"{name}_*"))
        paper = found[0] if found else SEEDS / name
    else:
        paper = HERE / "data" / where
    return Gold(
        name, paper, data["sheet"], data.get("student", ""),
        tuple(_sign(row) for row in data["sign"]),
        tuple(
            Stated(row["lines"][0], row["lines"][-1], row["text"], row["verdict"],
                   (row["verdict"], *row.get("also", ())), row.get("why", ""))
            for row in data.get("stated", ())
        ),
        tuple(row["line"] for row in data.get("heading", ())),
        tuple(
            Mistake(tuple((row.get("cell", 0), line) for line in row["lines"]),
                    row["where"], row["kind"], row["about"])
            for row in data.get("mistake", ())
        ),
    )  # fmt: skip


def _sign(row: dict) -> Sign:
    verdict = row.get("verdict", "")
    return Sign(
        row.get("cell", 0), row["line"], row["nth"], row["around"],
        row["class"], (row["class"], *row.get("also_class", ())),
        verdict, (verdict, *row.get("also", ())) if verdict else (),
        row.get("mistake", ""), row.get("why", ""),
    )  # fmt: skip


def signs_in(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Every equals sign of a text: its line, its number on the line, where it starts and ends."""
    at = 0
    for number, line in enumerate(text.split("\n"), 1):
        for nth, match in enumerate(SIGN.finditer(line), 1):
            yield number, nth, at + match.start(), at + match.end()
        at += len(line) + 1


def signs_of(gold: Gold) -> dict[tuple[int, int, int], tuple[str, int]]:
    """Every equals sign of a list's paper: (cell, line, nth) to the line's text and the column."""
    found = {}
    for cell, text in _texts(gold):
        lines = text.split("\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        for number, nth, start, _ in signs_in(text):
            found[cell, number, nth] = (lines[number - 1], start - starts[number - 1])
    return found


def _texts(gold: Gold) -> list[tuple[int, str]]:
    """The paper's text, or its cells' sources, numbered from 1."""
    text = gold.bytes().decode("utf-8")
    if gold.paper.suffix != ".ipynb":
        return [(0, text)]
    cells = json.loads(text)["cells"]
    return [(number, "".join(cell["source"])) for number, cell in enumerate(cells, 1)]


def places(gold: Gold, text: str) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Where each sign of the list stands in a text as it was read.

    A notebook's cells are looked for line by line, in order, so that it does not matter how they
    were joined. Raises KeyError where a line of them is not there.
    """
    if gold.paper.suffix != ".ipynb":
        return {(0, line, nth): (start, end) for line, nth, start, end in signs_in(text)}
    found = {}
    cursor = 0
    for cell, source in _texts(gold):
        for number, line in enumerate(source.split("\n"), 1):
            if not line.strip():
                continue
            start = text.find(line, cursor)
            if start < 0:
                raise KeyError(f"line {number} of cell {cell} is not in the text")
            for nth, match in enumerate(SIGN.finditer(line), 1):
                found[cell, number, nth] = (start + match.start(), start + match.end())
            cursor = start + len(line)
    return found


@dataclass
class Agreement:
    """How far a report and a list agree.

    `agreed`, `contrary` and `open` share out the list's claims: the verdict is one that the list
    accepts; it is another one of right, wrong and follows; or nothing was decided. `accused` are
    signs that are no claims and were called wrong all the same. `classes` counts signs whose class
    is an accepted one. `stated_…` is the same for what was claimed without an equals sign, `missed`
    are mistakes in formulas and headings that the report does not have.
    """

    signs: int = 0
    claims: int = 0
    classes: int = 0
    agreed: int = 0
    contrary: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stated: int = 0
    stated_agreed: int = 0
    stated_contrary: list[str] = field(default_factory=list)
    stated_open: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    headings_missed: list[int] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The part of the claims that got an accepted verdict."""
        return self.agreed / self.claims if self.claims else 1.0

    def shown(self) -> str:
        """All of it, for a person to read."""
        head = (
            f"{self.agreed} of {self.claims} claims agree ({self.share:.1%}), "
            f"{len(self.contrary)} contrary, {len(self.open)} open; "
            f"{self.classes} of {self.signs} classes; "
            f"stated {self.stated_agreed} of {self.stated}; "
            f"mistakes {len(self.found)} of {len(self.found) + len(self.missed)}"
        )
        lists = {
            "contrary": self.contrary, "accused": self.accused, "open": self.open,
            "lost": self.lost, "stated, contrary": self.stated_contrary,
            "stated, open": self.stated_open, "missed": self.missed,
            "headings missed": self.headings_missed,
        }  # fmt: skip
        return "\n".join(
            [head, *(f"  {title}: {row}" for title, rows in lists.items() for row in rows)]
        )


def agreement(report, gold: Gold) -> Agreement:
    """Compare a `Report` with the list of its paper."""
    text = report.paper.text
    where = places(gold, text)
    by_place = _judged_at(report, [where[sign.at] for sign in gold.signs])
    result = Agreement(signs=len(gold.signs), stated=len(gold.stated))
    for sign in gold.signs:
        _compare(sign, by_place.get(where[sign.at], []), result)
    for row in gold.stated:
        _compare_stated(row, report, set(where.values()), result)
    wrong = {_line(text, j.claim.place.start): j for j in report.judged if j.verdict == "wrong"}
    result.headings_missed = [line for line in gold.headings if line not in wrong]
    for mistake in gold.mistakes:
        if mistake.where != "sentence":
            hit = any(_touches(j, mistake, gold, where, text) for j in report.judged)
            (result.found if hit else result.missed).append(f"{mistake.kind}: {mistake.about}")
    return result


def _judged_at(report, spans) -> dict:
    """The judged claims whose relation overlaps each span."""
    ends = {at: span for span in spans for at in range(*span)}
    found: dict = {}
    for judged in report.judged:
        place = judged.claim.place
        hits = {ends[at] for at in range(place.start, max(place.end, place.start + 1))
                if at in ends}  # fmt: skip
        for span in hits:
            found.setdefault(span, []).append(judged)
    return found


def _compare(sign: Sign, judged: list, result: Agreement) -> None:
    cell = f"cell {sign.cell} " if sign.cell else ""
    name = f"{cell}{sign.line}.{sign.nth} {sign.around}"
    verdicts = [j.verdict for j in judged if j.verdict]
    kinds = {j.kind for j in judged}
    nodes = ("name", "limit", "layout")  # signs that may stand inside a formula, or in code
    if kinds & set(sign.kinds) or (not judged and sign.kind in nodes):
        result.classes += 1
    if not judged and sign.kind not in nodes:
        result.lost.append(name)
    if sign.kind != "claim":
        if any(v in ("wrong", "follows") for v in verdicts):
            result.accused.append(f"{name}: {', '.join(verdicts)}")
        return
    result.claims += 1
    firm = [v for v in verdicts if v in FIRM]
    if any(v not in sign.accepted for v in firm):
        result.contrary.append(f"{name}: {', '.join(firm)}, not {sign.verdict}")
    elif any(v in sign.accepted for v in verdicts) or (
        judged and not verdicts and kinds & set(sign.kinds) and sign.verdict == "right"
    ):
        result.agreed += 1
    else:
        result.open.append(f"{name}: {', '.join(verdicts) or 'nothing'}, not {sign.verdict}")


def _compare_stated(row: Stated, report, signs: set, result: Agreement) -> None:
    """The claims without an equals sign on those lines; else those with one that reach there."""
    text = report.paper.text
    starts = {span[0] for span in signs}
    plain, others = [], []
    for judged in report.judged:
        claim = judged.claim
        first = _line(text, min(claim.left.place.start, claim.place.start))
        last = _line(text, max(claim.right.place.end - 1, claim.place.start, 0))
        if first <= row.last and last >= row.first and judged.verdict:
            (others if claim.place.start in starts else plain).append(judged.verdict)
    verdicts = plain or others
    name = f"{row.first} {row.text}"
    if any(v in row.accepted for v in verdicts):
        result.stated_agreed += 1
    elif any(v in FIRM for v in verdicts):
        result.stated_contrary.append(f"{name}: {', '.join(verdicts)}, not {row.verdict}")
    else:
        result.stated_open.append(f"{name}: {', '.join(verdicts) or 'nothing'}, not {row.verdict}")


def _touches(judged, mistake: Mistake, gold: Gold, where: dict, text: str) -> bool:
    """Whether a judged claim blames one of the mistake's lines."""
    if judged.verdict not in ("wrong", "follows"):
        return False
    claim = judged.claim
    if gold.paper.suffix == ".ipynb":
        starts = {where[s.at][0] for s in gold.signs if (s.cell, s.line) in mistake.lines}
        return any(claim.place.start <= at < max(claim.place.end, claim.place.start + 1)
                   for at in starts)  # fmt: skip
    first = _line(text, claim.place.start)
    last = _line(text, max(claim.right.place.end - 1, claim.place.start))
    return any(first <= line <= last for _, line in mistake.lines)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
