"""A report as JSON, for programs: every claim with its place, its class and its verdict.

Schema 1. `claims` is in the order of the paper; `line` and `column` are counted from 1, `start` and
`end` are characters of the text from 0. `class` is definition, given, condition, name or claim;
`verdict` right, wrong, follows, undecided, unread, or null for what nothing is to be said of.
`first_wrong` is the `number` of the first wrong step that a claim hangs on: a claim for which it is
its own number is that step. `points` has what was earned, of how much, and what hangs on undecided
claims, as a whole and by question. The student's version has no `expected` and no `why` but hints.
"""

from __future__ import annotations

import json
from typing import Any, Final

from chainrule.check.report_findings import Audience, Findings, claim_text, hint, why
from chainrule.check.verdicts import Judged, Marked, Report

SCHEMA: Final = 1


def report_data(report: Report, audience: Audience = "teacher") -> dict[str, Any]:
    """The report as plain dictionaries, lists, strings and numbers."""
    found = Findings(report)
    return {
        "schema": SCHEMA,
        "sheet": report.sheet,
        "student": report.student,
        "paper": report.paper.name,
        "for": audience,
        "claims": [_claim(found, j, audience) for j in report.judged],
        "points": {
            "earned": _plain(report.points),
            "of": _plain(report.most),
            "undecided": _plain(found.undecided_points),
            "questions": [_question(found, q) for q in report.questions],
        },
        "verdicts": dict(sorted(found.counts.items())),
        "unread": [
            {"line": found.line(u.place.start), "start": u.place.start, "end": u.place.end,
             "text": u.text, "why": u.why} for u in report.unread
        ],
        "remarks": [*report.remarks, *report.paper.remarks],
    }


def report_json(report: Report, audience: Audience = "teacher") -> str:
    """The report as JSON text that ends in a newline."""
    data = report_data(report, audience)
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _claim(found: Findings, judged: Judged, audience: Audience) -> dict[str, Any]:
    teacher = audience == "teacher"
    place, line = found.place(judged.claim), found.line_of(judged)
    first = judged.first
    if first is None and judged.verdict == "wrong":
        first = judged.number
    data: dict[str, Any] = {
        "number": judged.number,
        "line": line,
        "column": judged.claim.place.start - found.starts[line - 1] + 1,
        "start": place.start,
        "end": place.end,
        "text": claim_text(found.report.paper, judged.claim),
        "class": judged.kind,
        "verdict": judged.verdict or None,
        "expected": judged.expected or None if teacher else None,
        "found": judged.found or None,
        "why": (why(judged) if judged.verdict == "wrong" else judged.why) if teacher else "",
        "first_wrong": first,
        "question": judged.question or None,
    }
    if judged.verdict == "wrong":
        data["hint"] = hint(judged)
        data["mistakes"] = [
            {"kind": m.kind, "why": m.why, "hint": m.hint} for m in judged.mistakes
        ] if teacher else []
    return data


def _question(found: Findings, q: Marked) -> dict[str, Any]:
    own = found.by_question.get(q.question, ())
    wrong = next((j for j in own if j.verdict == "wrong"), None)
    return {
        "question": q.question,
        "title": q.title,
        "earned": _plain(q.points),
        "of": _plain(q.most),
        "undecided": _plain(q.undecided),
        "first_wrong": None if wrong is None else wrong.number,
        "claims": [j.number for j in own],
    }


def _plain(points: float) -> float | int:
    """Points without a tail of binary digits."""
    value = round(points, 6)
    return int(value) if value == int(value) else value
