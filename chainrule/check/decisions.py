"""A teacher's decisions: verdicts on what could not be decided, overrides, points. They are kept.

Decisions stand in a TOML file, and a later check of the same papers uses them again. An entry
names the student, the claim by a hash of its text (blanks do not count), and, where a paper says
the same several times, the how-manieth it is: so a decision stays with its claim when lines move,
and falls away when the claim itself is rewritten.

    [[decision]]
    student = "180631"          # "*" for whoever wrote the same
    claim = "0f3c8a1b22d4"
    verdict = "right"           # right, wrong, follows or undecided; "" is still open
    note = "the sketch shows it"

    [[points]]
    student = "180631"
    question = "1d"
    points = 1.5

Nothing in a decisions file is ever changed for the teacher: new undecided claims are added at its
end, with an empty verdict, and what is there stays as it is, remarks included.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.report_findings import Findings, amount, claim_text
from chainrule.check.report_math import quoted
from chainrule.check.verdicts import Judged, Marked, Report
from chainrule.errors import InputError, LimitError, Span, did_you_mean, visible
from chainrule.nn.positions import Source
from chainrule.spec import toml_tables

DECISIONS_CHARACTERS: Final = 5_000_000
_VERDICTS: Final = ("right", "wrong", "follows", "undecided")
_ANYONE: Final = "*"
_HEAD: Final = """\
# Decisions on what chainrule could not decide, and overrides. Write right, wrong or follows as a
# verdict; an empty one is still open. A later check with this file uses it again.
schema = 1
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """A teacher's verdict on one claim; `verdict` is empty while it is open."""

    student: str
    claim: str
    verdict: str
    note: str = ""
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Points:
    """The points that a teacher gives for a question."""

    student: str
    question: str
    points: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decisions:
    """A decisions file as read; `text` is the file itself."""

    decisions: tuple[Decision, ...] = ()
    points: tuple[Points, ...] = ()
    text: str = ""

    def digest(self) -> str:
        """A hash of all that has been decided; open entries do not count."""
        told = [[d.student, d.claim, d.nth, d.verdict, d.note] for d in self.decisions if d.verdict]
        told += [[q.student, q.question, q.points, q.note] for q in self.points]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Open:
    """A claim that waits for a decision."""

    student: str
    claim: str
    nth: int
    line: int
    text: str
    question: str
    why: str


def claim_key(text: str) -> str:
    """What a claim is called in a decisions file: a hash of its text without its blanks.

    >>> claim_key("y = 3") == claim_key("y  =3")
    True
    """
    return hashlib.sha256("".join(text.split()).encode("utf-8", "replace")).hexdigest()[:12]


def read_decisions(text: str, name: str = "decisions.toml") -> Decisions:
    """A decisions file from its text.

    Raises `InputError`, with the place, for a text that is no TOML, an unknown key or verdict, a
    missing student, claim, question or number; `LimitError` for a file that is too long.
    """
    if len(text) > DECISIONS_CHARACTERS:
        raise LimitError(f"{name} has more than {DECISIONS_CHARACTERS:,} characters")
    tables = toml_tables(text, name)
    source = Source(text, name)
    for key in tables:
        if key not in ("schema", "decision", "points"):
            raise InputError(f"a decisions file has no {key!r:.40}", source.span((key,)),
                             did_you_mean(key, ["decision", "points"]) or "it has [[decision]] and "
                             "[[points]]")
    if tables.get("schema", 1) != 1:
        raise InputError(f"{name} has schema {tables['schema']!r:.20}; this reads schema 1",
                         source.span(("schema",)))
    decided = tuple(_decision(t, source, k) for k, t in _entries(tables, "decision", source))
    points = tuple(_points(t, source, k) for k, t in _entries(tables, "points", source))
    return Decisions(decided, points, text)


def _entries(tables: Mapping[str, Any], key: str,
             source: Source) -> Iterable[tuple[int, dict[str, Any]]]:
    entries = tables.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise InputError(f"{key} is written [[{key}]], a table an entry", source.span((key,)))
    return enumerate(entries)


def _decision(entry: dict[str, Any], source: Source, k: int) -> Decision:
    _only(entry, ("student", "claim", "verdict", "note", "nth", "line", "text", "question", "why"),
          source, ("decision", k))
    verdict = _word(entry, "verdict", source, ("decision", k), may_be_empty=True)
    if verdict and verdict not in _VERDICTS:
        raise InputError(
            f"there is no verdict {verdict!r:.40}", source.span(("decision", k, "verdict")),
            did_you_mean(verdict, list(_VERDICTS)) or f"a verdict is {', '.join(_VERDICTS)}, or "
            "empty while it is open")
    nth = entry.get("nth", 1)
    if not isinstance(nth, int) or isinstance(nth, bool) or nth < 1:
        raise InputError("nth counts equal claims of a paper: 1, 2, …",
                         source.span(("decision", k, "nth")))
    at = ("decision", k)
    return Decision(_word(entry, "student", source, at), _word(entry, "claim", source, at), verdict,
                    _word(entry, "note", source, at, True) if "note" in entry else "", nth)


def _points(entry: dict[str, Any], source: Source, k: int) -> Points:
    at = ("points", k)
    _only(entry, ("student", "question", "points", "note"), source, at)
    given = entry.get("points")
    if not isinstance(given, int | Fraction) or isinstance(given, bool) or not 0 <= given < 1e6:
        raise InputError("points is a number of points, 0 or more",
                         source.span((*at, "points")) or source.span(at))
    return Points(_word(entry, "student", source, at), _word(entry, "question", source, at),
                  float(given), _word(entry, "note", source, at, True) if "note" in entry else "")


def _only(entry: dict[str, Any], known: tuple[str, ...], source: Source,
          at: tuple[str | int, ...]) -> None:
    for key in entry:
        if key not in known:
            raise InputError(f"an entry has no {key!r:.40}", source.span((*at, key)),
                             did_you_mean(key, list(known)) or f"it has {', '.join(known)}")


def _word(entry: dict[str, Any], key: str, source: Source, at: tuple[str | int, ...],
          may_be_empty: bool = False) -> str:
    value = entry.get(key)
    if isinstance(value, str) and (value or may_be_empty):
        return value
    span: Span | None = source.span((*at, key)) or source.span(at)
    what = "is missing" if value is None else "is text in quotes"
    raise InputError(f"{key} {what}", span, f'write {key} = "…"')


# --- applying -------------------------------------------------------------------------------------


def keyed(report: Report) -> dict[int, tuple[str, int]]:
    """The key of each claim of a report, and the how-manieth of its text it is."""
    met: dict[str, int] = defaultdict(int)
    found = {}
    for judged in report.judged:
        key = claim_key(claim_text(report.paper, judged.claim))
        met[key] += 1
        found[judged.number] = (key, met[key])
    return found


def decided(report: Report, decisions: Decisions) -> Report:
    """The report with a teacher's decisions in place of what was found.

    What follows from a claim that is decided right is right too. Points of a question with a
    decision are shared anew: all of them if none of its steps is wrong or undecided any more, else
    in proportion to the right ones; `[[points]]` has the last word. Decisions that fit no claim any
    more are told as remarks.
    """
    keys = keyed(report)
    claims: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, (key, nth) in keys.items():
        claims[key].append((number, nth))
    chosen: dict[int, Decision] = {}
    used: set[Decision] = set()
    own = [d for d in decisions.decisions if d.student in (report.student, _ANYONE)]
    for decision in sorted(own, key=lambda d: d.student != _ANYONE):  # the student's own comes last
        same = claims.get(decision.claim, [])
        for number, nth in same:
            if nth == decision.nth or decision.student == _ANYONE or len(same) == 1:
                used.add(decision)
                if decision.verdict:
                    chosen[number] = decision
    judged = tuple(_overridden(j, chosen) for j in report.judged)
    changed = {j.number for j, before in zip(judged, report.judged, strict=True) if j != before}
    after = replace(report, judged=judged)
    questions = tuple(_shared_anew(after, q, changed) for q in report.questions)
    given = {p.question: p for p in sorted(decisions.points, key=lambda p: p.student != _ANYONE)
             if p.student in (report.student, _ANYONE)}
    questions = tuple(_given(q, given.get(q.question)) for q in questions)
    stale = [f"A decision on claim {d.claim} fits nothing in this paper any more."
             for d in own if d not in used and d.student != _ANYONE]
    unknown = [f"Points are given for {visible(name)[:60]}, which is no question of the sheet."
               for name in given if name not in {q.question for q in questions}]
    return replace(after, questions=questions, remarks=(*report.remarks, *stale, *unknown))


def _overridden(judged: Judged, chosen: Mapping[int, Decision]) -> Judged:
    decision = chosen.get(judged.number)
    if decision is not None:
        said = f"decided by a person{': ' + visible(decision.note) if decision.note else ''}"
        mistakes = judged.mistakes if decision.verdict == "wrong" else ()
        return replace(judged, verdict=decision.verdict, why=said, mistakes=mistakes)
    earlier = None if judged.first is None else chosen.get(judged.first)
    if judged.verdict == "follows" and earlier is not None and earlier.verdict == "right":
        return replace(judged, verdict="right", why="right: what it follows from was decided right")
    return judged


def _shared_anew(report: Report, marked: Marked, changed: set[int]) -> Marked:
    """A question's points after decisions on its claims."""
    own = [j for j in Findings(report).by_question.get(marked.question, ()) if j.verdict]
    if not any(j.number in changed for j in own):
        return marked
    right = sum(j.verdict in ("right", "follows") for j in own)
    waiting = sum(j.verdict in ("undecided", "unread") for j in own)
    points, undecided = marked.most * right / len(own), marked.most * waiting / len(own)
    return replace(marked, points=points, undecided=undecided,
                   why=f"{right} of {len(own)} steps right, after a person's decisions")


def _given(marked: Marked, given: Points | None) -> Marked:
    if given is None:
        return marked
    said = f"{amount(given.points)} points given by a person"
    return replace(marked, points=given.points, undecided=0.0,
                   why=said + (f": {visible(given.note)}" if given.note else ""))


# --- what is open ---------------------------------------------------------------------------------


def undecided(report: Report) -> list[Open]:
    """The claims of a report that wait for a person."""
    found, keys = Findings(report), keyed(report)
    return [Open(report.student, *keys[j.number], found.line_of(j),
                 quoted(claim_text(report.paper, j.claim)), j.question, j.why)
            for j in report.judged if j.verdict == "undecided"]


def with_open(decisions: Decisions, waiting: Iterable[Open]) -> str:
    """The text of a decisions file with new open entries behind what is there."""
    known = {(d.student, d.claim, d.nth) for d in decisions.decisions}
    anyone = {d.claim for d in decisions.decisions if d.student == _ANYONE}
    text = decisions.text or _HEAD
    pieces = [text if text.endswith("\n") else f"{text}\n"]
    for item in waiting:
        if (item.student, item.claim, item.nth) in known or item.claim in anyone:
            continue
        known.add((item.student, item.claim, item.nth))
        lines = ["", "[[decision]]", f"student = {_toml(item.student)}",
                 f"claim = {_toml(item.claim)}"]
        lines += [f"nth = {item.nth}"] if item.nth > 1 else []
        lines += [f"line = {item.line}", f"text = {_toml(item.text)}"]
        lines += [f"question = {_toml(item.question)}"] if item.question else []
        lines += [f"why = {_toml(item.why)}"] if item.why else []
        pieces += [f"{line}\n" for line in [*lines, 'verdict = ""']]
    return "".join(pieces)


def _toml(text: str) -> str:
    return json.dumps(visible(" ".join(text.split())), ensure_ascii=False)
