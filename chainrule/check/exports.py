"""Reports for other people's graders: Gradescope, PrairieLearn, nbgrader.

Each gives the student's version unless asked otherwise: what these systems show, students see.
Points that hang on undecided claims are not counted as earned; the output says so.

- Gradescope reads `results.json`: `score`, `output`, and `tests`, one a question, each with its
  `score` and `max_score` ("Autograder Specifications", gradescope-autograders.readthedocs.io).
- PrairieLearn reads `results.json` of an external grader: `gradable`, a `score` from 0 to 1 and
  `tests` with `points` and `max_points` ("External grading", prairielearn.readthedocs.io).
- nbgrader keeps scores and comments in notebooks: the export is a notebook with one cell a
  question, marked as graded (metadata schema 3), its feedback as Markdown.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any, Final

from chainrule.check.report import report_document, standing
from chainrule.check.report_findings import Audience, Findings, amount, question_name
from chainrule.check.verdicts import Marked, Report
from chainrule.document.blocks import Document
from chainrule.errors import InputError, did_you_mean
from chainrule.render import render

EXPORTS: Final = ("gradescope", "prairielearn", "nbgrader")


def export(report: Report, kind: str, audience: Audience = "student") -> str:
    """The report as the text of the file that another grader reads.

    Raises `InputError` for a grader that is not one of `EXPORTS`.
    """
    makers = {"gradescope": _gradescope, "prairielearn": _prairielearn, "nbgrader": _nbgrader}
    if kind not in makers:
        raise InputError(f"there is no export to {kind!r:.40}",
                         hint=did_you_mean(kind, list(EXPORTS)) or f"one of {', '.join(EXPORTS)}")
    data = makers[kind](report, audience)
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _gradescope(report: Report, audience: Audience) -> dict[str, Any]:
    found = Findings(report)
    tests = []
    for number, q in enumerate(report.questions, 1):
        tests.append({
            "name": question_name(q), "number": str(number),
            "score": _points(q.points), "max_score": _points(q.most),
            "status": "passed" if q.points >= q.most and not q.undecided else "failed",
            "output": _feedback(report, q, audience), "output_format": "md",
            "visibility": "visible",
        })
    return {"score": _points(report.points), "output": _output(found), "output_format": "md",
            "visibility": "visible", "stdout_visibility": "hidden", "tests": tests,
            "extra_data": {"undecided": _points(found.undecided_points)}}


def _prairielearn(report: Report, audience: Audience) -> dict[str, Any]:
    found = Findings(report)
    share = report.points / report.most if report.most else 0.0
    tests = [{"name": question_name(q), "description": standing(found, q),
              "points": _points(q.points), "max_points": _points(q.most),
              "output": _feedback(report, q, audience)}
             for q in report.questions]
    return {"gradable": bool(report.judged), "score": round(min(max(share, 0.0), 1.0), 6),
            "message": _output(found), "output": "", "tests": tests}


def _nbgrader(report: Report, audience: Audience) -> dict[str, Any]:
    cells = [_cell("summary", f"# {_escaped(report.sheet)}\n\n{_output(Findings(report))}", {})]
    for q in report.questions:
        name = _identifier(q.question)
        metadata = {"nbgrader": {
            "schema_version": 3, "grade": True, "solution": False, "locked": True, "task": False,
            "cell_type": "markdown", "grade_id": name, "points": _points(q.most),
        }, "chainrule": {"score": _points(q.points), "undecided": _points(q.undecided)}}
        cells.append(_cell(name, f"## {_escaped(question_name(q))}: {amount(q.points)} of "
                           f"{amount(q.most)}\n\n{_feedback(report, q, audience)}", metadata))
    return {"cells": cells, "metadata": {"chainrule": {
        "sheet": report.sheet, "student": report.student, "score": _points(report.points),
        "max_score": _points(report.most)}}, "nbformat": 4, "nbformat_minor": 5}


def _cell(name: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": _identifier(name), "metadata": metadata,
            "source": source.splitlines(keepends=True)}


def _identifier(name: str) -> str:
    """A name of letters, digits, - and _, at most 64 long, as notebooks want it."""
    bare = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    if bare == name and 0 < len(name) <= 64:
        return name
    return f"{bare[:50]}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _output(found: Findings) -> str:
    report = found.report
    said = f"{amount(report.points)} of {amount(report.most)} points."
    if found.undecided_points:
        said += f" {amount(found.undecided_points)} more hang on steps that a person looks at."
    return said


def _feedback(report: Report, q: Marked, audience: Audience) -> str:
    """One question's part of the report, as Markdown."""
    own = Findings(report).by_question.get(q.question, ())
    part = replace(report, judged=own, questions=(q,), unread=(), remarks=(),
                   paper=replace(report.paper, remarks=()))
    blocks = report_document(part, audience).blocks[3:]  # without summary, table and heading
    return render(Document("", blocks), "markdown").strip()


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_<>#\[\]|])", r"\\\1", " ".join(text.split()))


def _points(points: float) -> float | int:
    value = round(points, 4)
    return int(value) if value == int(value) else value
