"""A class: all submissions of a folder, checked by several processes, with a journal.

Each submission is checked by itself, and what goes wrong with one is said of that one. What was
found is kept in a journal, a line a submission, so that a run which was stopped, however it was
stopped, goes on where it was: a submission is checked again only if its file has changed. The
gradebook is made from the journal's entries in the order of the files' names, so it is the same
whether the run was stopped or not, and for any number of processes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from chainrule.check import class_workers
from chainrule.check.class_files import Submission, read_submission
from chainrule.check.decisions import Open, undecided
from chainrule.check.gradebook import gradebook_csv
from chainrule.check.report_findings import Findings, first_wrong
from chainrule.check.report_html import report_html
from chainrule.check.verdicts import Report
from chainrule.errors import InputError, visible

Row = dict[str, Any]
Progress = Callable[[int, int], None]
SCHEMA: Final = 1
_BATCH: Final = 50  # entries between two times that the journal is forced onto the disk
_NOT_NAMED: Final = "not named"


class Check(Protocol):
    """Checks one submission: its bytes, its name, whose it is."""

    def __call__(self, data: bytes, name: str, student: str) -> Report: ...


@dataclass(frozen=True, slots=True)
class Classroom:
    """What was found in a class: a row a submission, in the order of their names.

    A row has `file` and `student`, and either the numbers of a `summary` or a `problem`; both where
    a teacher has to look at something that was checked.
    """

    sheet: str
    questions: tuple[tuple[str, float], ...]  # names and points
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = field(default=())

    @property
    def checked(self) -> tuple[Row, ...]:
        """The rows of submissions that could be checked."""
        return tuple(r for r in self.rows if "points" in r)

    def gradebook(self) -> str:
        """The gradebook as CSV."""
        return gradebook_csv(self.rows, [name for name, _ in self.questions])

    def waiting(self) -> list[Open]:
        """The claims of all papers that wait for a person."""
        return [Open(student=r["student"], **entry) for r in self.checked
                for entry in r.get("open", ())]

    def mistakes(self) -> dict[str, Counter[str]]:
        """How many papers made each kind of mistake, by question."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self.checked:
            for name, marks in row["questions"].items():
                found[name].update(set(marks.get("mistakes", ())))
        return found


def summary(report: Report) -> Row:
    """What a class keeps of one report: points, verdicts, mistakes, what is open."""
    found = Findings(report)
    questions: dict[str, Any] = {}
    for q in report.questions:
        own = found.by_question.get(q.question, ())
        wrong = first_wrong(own)
        marks: dict[str, Any] = {"points": round(q.points, 6), "undecided": round(q.undecided, 6)}
        if wrong is not None:
            marks["line"] = found.line_of(wrong)
            marks["mistakes"] = [j.mistakes[0].kind if j.mistakes else _NOT_NAMED
                                 for j in own if j.verdict == "wrong"]
        marks["answered"] = bool(own) or q.points > 0
        questions[q.question] = marks
    counts = Counter(found.counts)
    counts["unread"] += len(report.unread)
    waiting = [{k: getattr(o, k) for k in ("claim", "nth", "line", "text", "question", "why")}
               for o in undecided(report)]
    return {"points": round(report.points, 6), "of": round(report.most, 6),
            "undecided": round(found.undecided_points, 6), "questions": questions,
            "verdicts": dict(sorted(counts.items())), "open": waiting}


# --- checking -------------------------------------------------------------------------------------


def check_class(
    folder: str | os.PathLike[str], found: Sequence[Submission], make: Callable[[], Check], *,
    sheet: str, questions: Sequence[tuple[str, float]], key: str, jobs: int = 1,
    journal: str | os.PathLike[str] | None = None, resume: bool = False,
    reports: str | os.PathLike[str] | None = None, audience: str = "student",
    seconds: float = class_workers.SECONDS, progress: Progress | None = None,
) -> Classroom:
    """Check the submissions of a folder.

    `make` gives the function that checks one (each process calls it once, so it must be found by
    name). `key` tells apart whatever changes a verdict: the sheet, the decisions. With a `journal`
    and `resume`, what it holds is not checked again. `reports` is a folder for a page a submission.

    Raises `InputError` for a journal of another sheet or other decisions, and `RuntimeError` where
    nothing can be checked at all. Anything else goes into the row of its submission.
    """
    root = Path(folder)
    rows: dict[str, Row] = {}
    ready = [s for s in found if not s.refused]
    for s in found:
        if s.refused:
            rows[s.file] = {"file": s.file, "student": s.student, "problem": s.problem}
    marks = {s.file: _mark(s) for s in ready} if journal is not None else {}
    told = {"schema": SCHEMA, "key": key, "reports": audience if reports is not None else ""}
    kept = _journalled(Path(journal), told) if journal is not None and resume else {}
    kept = {f: r for f, r in kept.items() if f in marks and r.get("mark") == marks[f]
            and (reports is None or _report_path(Path(reports), f).exists())}
    todo = [s for s in ready if s.file not in kept]
    done = len(found) - len(todo)
    with _Journal(None if journal is None else Path(journal), told, kept) as book:
        work = partial(_doer, make, str(root), None if reports is None else str(reports), audience)
        tasks = [{"path": s.path, "file": s.file, "student": s.student} for s in todo]
        for place, result in class_workers.run(tasks, work, jobs, seconds):
            one = todo[place]
            entry = {"file": one.file, "student": one.student, "mark": marks.get(one.file, ""),
                     "result": result}
            kept[one.file] = entry
            book.write(entry)
            done += 1
            if progress is not None:
                progress(done, len(found))
    for one in ready:
        rows[one.file] = _row(one, kept[one.file]["result"])
    return Classroom(sheet, tuple(questions), tuple(rows[s.file] for s in found))


def _row(one: Submission, result: Mapping[str, Any]) -> Row:
    row = {"file": one.file, "student": one.student, **result}
    problem = "; ".join(p for p in (one.problem, result.get("problem", "")) if p)
    return row if not problem else {**row, "problem": problem}


def _doer(make: Callable[[], Check], root: str, reports: str | None,
          audience: str) -> class_workers.Do:
    """The function that a process calls for each submission."""
    check = make()

    def do(job: Row) -> Row:
        data = read_submission(Path(root), job["path"])
        report = check(data, job["file"], job["student"])
        if reports is not None:
            page = report_html(report, "teacher" if audience == "teacher" else "student")
            _write(_report_path(Path(reports), job["file"]), page)
        return summary(report)

    return do


def _report_path(folder: Path, file: str) -> Path:
    """Where the page of a submission is written: its name, with what no file name should have."""
    bare = "".join(c if c.isalnum() or c in "-_." else "_" for c in visible(file).lstrip("."))
    if bare != file or len(bare) > 120:
        bare = f"{bare[:100]}-{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}"
    return folder / f"{bare}.html"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(part, path)


# --- the journal ----------------------------------------------------------------------------------


def _mark(one: Submission) -> str:
    """What tells whether a submission is still the one that was checked: whose, and its bytes."""
    try:
        digest = hashlib.sha256(one.student.encode("utf-8", "backslashreplace"))
        with open(one.path, "rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(b"\0" + piece)
        return digest.hexdigest()[:32]
    except OSError:
        return ""


def _journalled(path: Path, told: Mapping[str, Any]) -> dict[str, Row]:
    """The entries of a journal by file; a line that was not written to its end is left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    head = _line(lines[0])
    if head is None:
        return {}
    if head != told:
        raise InputError(f"{path} is the journal of another sheet, other decisions or reports",
                         hint="start anew without --resume")
    entries = [e for e in map(_line, lines[1:-1]) if e is not None and "result" in e]
    return {e["file"]: e for e in entries}


def _line(line: bytes) -> Row | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


class _Journal:
    """A journal that is being written: begun anew with what is kept, then a line at a time."""

    def __init__(self, path: Path | None, told: Mapping[str, Any], kept: Mapping[str, Row]):
        self.path, self.told, self.kept = path, told, kept
        self.count = 0

    def __enter__(self) -> _Journal:
        if self.path is None:
            return self
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            with open(part, "wb") as file:
                for entry in (self.told, *self.kept.values()):
                    file.write(json.dumps(entry).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            self.file = open(self.path, "ab")  # __exit__ closes it
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from None
        return self

    def write(self, entry: Row) -> None:
        """Add an entry; the operating system has it at once, the disk every few entries."""
        if self.path is None:
            return
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()
        self.count += 1
        if self.count % _BATCH == 0:
            os.fsync(self.file.fileno())

    def __exit__(self, *_: object) -> None:
        if self.path is not None:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()


def check_reports_folder(path: str | os.PathLike[str]) -> None:
    """Make the folder for reports. Raises `InputError` where that cannot be done."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made: {error.strerror}") from None


def key_of(*parts: str) -> str:
    """What stands for a sheet and decisions in a journal.

    >>> key_of("a", "b") == key_of("ab")
    False
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
