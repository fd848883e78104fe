"""A class: whose files, one bad script, stopping and going on, the gradebook, statistics."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from made_reports import Stub, broken, run_class, small, stub

from chainrule.check.class_files import read_submission, submissions
from chainrule.check.class_report import class_data, class_document
from chainrule.check.classroom import check_class, summary
from chainrule.check.gradebook import gradebook_csv, read_class_list, safe_cell
from chainrule.errors import InputError, LimitError
from chainrule.limits import SUBMISSION_BYTES
from chainrule.render import FORMATS, render

HERE = Path(__file__).parent


def folder_of(tmp_path, files):
    folder = tmp_path / "class"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def checked(folder, jobs=1, found=None, **more):
    return check_class(folder, found if found is not None else submissions(folder), stub,
                       sheet="a-sheet", questions=[("1", 4.0)], key="k", jobs=jobs, **more)


def by_file(room):
    return {r["file"]: r for r in room.rows}


# --- whose files ----------------------------------------------------------------------------------


def test_a_student_is_the_number_in_a_files_name_or_its_folders(tmp_path):
    folder = folder_of(tmp_path, {
        "180631_hw2.md": "x", "hw_E18123X.md": "x", "alice.md": "x", "bob 200400/paper.md": "x",
        "200500/notes.txt": "x", "200500/scan.pdf": "x", "v2.md": "x"})
    assert {s.file: s.student for s in submissions(folder)} == {
        "180631_hw2.md": "180631", "hw_E18123X.md": "E18123X", "alice.md": "alice",
        "bob 200400/paper.md": "200400", "200500/notes.txt": "200500", "v2.md": "v2"}


def test_a_class_list_says_whose_a_file_is(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "x", "sub/b.md": "x", "c.md": "x"})
    listed = read_class_list(b"student;file;name\n1;a.md;A\n2;b.md;B\n", "class.csv")
    found = {s.file: s for s in submissions(folder, listed)}
    assert (found["a.md"].student, found["sub/b.md"].student) == ("1", "2")
    assert found["c.md"].refused
    assert "not in the class list" in found["c.md"].problem
    with pytest.raises(InputError, match=r"names d\.md"):
        submissions(folder, {"d.md": "3"})


@pytest.mark.parametrize(("data", "message"), [
    (b"name,student\na,b\n", "no column 'file'"),
    (b"file,student\na.md\n", "line 2: 1 cells"),
    (b"file,student\na.md,\n", "student is missing"),
    (b"file,student\na.md,1\na.md,2\n", "twice"),
    (b"\xff\xfe", "UTF-8"),
    (b"a\0b", "zero byte"),
    (b"", "no column"),
])
def test_a_wrong_class_list_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        read_class_list(data, "class.csv")


def test_a_missing_number_is_said_in_its_row_and_the_rest_goes_on(tmp_path):
    folder = folder_of(tmp_path, {"180631.md": "x", "mine.md": "x"})
    room = checked(folder, found=submissions(folder, numbered=True))
    rows = by_file(room)
    assert "no student number" in rows["mine.md"]["problem"]
    assert "points" in rows["180631.md"]


def test_several_papers_of_one_student_are_checked_and_told(tmp_path):
    folder = folder_of(tmp_path, {"180631_a.md": "x", "180631_b.md": "y", "2000.md": "z"})
    rows = by_file(checked(folder))
    assert "also handed in 180631_b.md" in rows["180631_a.md"]["problem"]
    assert "points" in rows["180631_a.md"]
    assert "problem" not in rows["2000.md"]


def test_files_that_are_no_papers_are_named_and_not_opened(tmp_path):
    outside = tmp_path / "secret.md"
    outside.write_text("secret")
    folder = folder_of(tmp_path, {"a.md": "x", "scan.pdf": b"%PDF", ".hidden.md": "x"})
    (folder / "link.md").symlink_to(outside)
    (folder / "inside.md").symlink_to(folder / "a.md")
    (folder / "gone.md").symlink_to(folder / "nowhere.md")
    os.mkfifo(folder / "pipe.md")
    found = {s.file: s for s in submissions(folder)}
    assert set(found) == {"a.md", "scan.pdf", "link.md", "inside.md", "gone.md", "pipe.md"}
    assert "out of the folder" in found["link.md"].problem
    assert "no ordinary file" in found["pipe.md"].problem
    assert "not read" in found["scan.pdf"].problem
    assert not found["inside.md"].refused
    assert found["gone.md"].refused
    with pytest.raises(InputError, match="out of the folder"):
        read_submission(folder, str(folder / "link.md"))


def test_a_linked_folder_is_not_entered(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.md").write_text("x")
    folder = folder_of(tmp_path, {"b.md": "x"})
    (folder / "down").symlink_to(tmp_path / "other")
    found = {s.file: s for s in submissions(folder)}
    assert found["down"].refused
    assert set(found) == {"b.md", "down"}


def test_no_more_is_read_than_a_submission_may_have(tmp_path):
    folder = folder_of(tmp_path, {"big.md": b"x" * (SUBMISSION_BYTES + 1)})
    with pytest.raises(LimitError):
        read_submission(folder, str(folder / "big.md"))
    assert "limit: " in by_file(checked(folder))["big.md"]["problem"]


# --- one bad script -------------------------------------------------------------------------------


def test_one_bad_script_never_stops_the_rest(tmp_path):
    files = {f"{k}.md": f"paper {k}" for k in range(4)}
    files |= {"a.md": "error", "b.md": "bug", "c.md": "die", "d.md": b"\xff\xfe\0", "e.md": "loop"}
    rows = by_file(checked(folder_of(tmp_path, files), jobs=2, seconds=1.5))
    assert "input: this paper is no paper" in rows["a.md"]["problem"]
    assert "bug: ZeroDivisionError" in rows["b.md"]["problem"]
    assert "ended without an answer" in rows["c.md"]["problem"]
    assert "bug: UnicodeDecodeError" in rows["d.md"]["problem"]
    assert "not checked within 1.5 s" in rows["e.md"]["problem"]
    assert all("points" in rows[f"{k}.md"] for k in range(4))


def test_a_sheet_that_cannot_be_read_by_the_processes_is_an_error(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "x"})
    with pytest.raises(RuntimeError, match="no such sheet"):
        check_class(folder, submissions(folder), broken, sheet="s", questions=[], key="k")


def test_progress_is_told_for_every_paper(tmp_path):
    told = []
    folder = folder_of(tmp_path, {f"{k}.md": "x" for k in range(5)} | {"z.pdf": "x"})
    checked(folder, progress=lambda done, total: told.append((done, total)))
    assert told == [(k, 6) for k in range(2, 7)]


# --- stopping and going on ------------------------------------------------------------------------


def test_a_run_that_was_killed_goes_on_to_the_same_gradebook(tmp_path):
    folder = folder_of(tmp_path, {f"{k:04d}.md": f"slow {k}" for k in range(150)} | {
        "bad.md": "error"})
    journal, grades, whole = (str(tmp_path / n) for n in ("j", "grades.csv", "whole.csv"))
    code = (f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
            f"import made_reports\n"
            f"if __name__ == '__main__':\n"
            f"    made_reports.run_class({str(folder)!r}, {journal!r}, {grades!r}, False)\n")
    script = tmp_path / "run.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)])
    end = time.monotonic() + 30
    while time.monotonic() < end and not (
            os.path.exists(journal) and Path(journal).read_bytes().count(b"\n") > 40):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    lines = Path(journal).read_bytes().count(b"\n") - 1
    assert 40 <= lines < 151
    with open(journal, "ab") as file:  # a line that was not written to its end
        file.write(b'{"file": "0149.md", "resu')
    run_class(str(folder), journal, grades, resume=True)
    run_class(str(folder), str(tmp_path / "j2"), whole, resume=False, jobs=1)
    assert Path(grades).read_bytes() == Path(whole).read_bytes()
    assert len(Path(grades).read_text().splitlines()) == 152


def test_what_is_journalled_is_not_checked_again_unless_its_file_changed(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "one", "b.md": "two"})
    journal = tmp_path / "j"
    checked(folder, journal=journal)
    lines = journal.read_text().splitlines()
    forged = [json.loads(line) for line in lines]
    for entry in forged[1:]:
        entry["result"]["points"] = 77
    journal.write_text("".join(json.dumps(e) + "\n" for e in forged))
    (folder / "b.md").write_text("three")
    rows = by_file(checked(folder, journal=journal, resume=True))
    assert rows["a.md"]["points"] == 77
    assert rows["b.md"]["points"] != 77
    assert by_file(checked(folder, journal=journal))["a.md"]["points"] != 77


def test_a_journal_of_another_sheet_is_refused(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "one"})
    journal = tmp_path / "j"
    checked(folder, journal=journal)
    with pytest.raises(InputError, match="another sheet"):
        check_class(folder, submissions(folder), stub, sheet="a", questions=[], key="other",
                    journal=journal, resume=True)


@pytest.mark.parametrize("data", [b"", b"\n", b"nonsense\n", b"[1]\n", b'{"schema": 1'])
def test_a_journal_that_was_hardly_begun_is_begun_anew(tmp_path, data):
    folder = folder_of(tmp_path, {"a.md": "one"})
    journal = tmp_path / "j"
    journal.write_bytes(data)
    assert "points" in by_file(checked(folder, journal=journal, resume=True))["a.md"]


def test_the_same_is_found_with_any_number_of_processes(tmp_path):
    folder = folder_of(tmp_path, {f"{k}.md": f"p {k}" for k in range(20)})
    assert checked(folder, 1).gradebook() == checked(folder, 3).gradebook()


def test_a_page_is_written_for_every_paper(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "one", "sub/b c.md": "two"})
    pages = tmp_path / "pages"
    pages.mkdir()
    checked(folder, reports=pages)
    names = sorted(p.name for p in pages.iterdir())
    assert names[0] == "a.md.html"
    assert names[1].startswith("sub_b_c.md-")
    assert "<h2>The paper</h2>" in (pages / names[0]).read_text(encoding="utf-8")


# --- the gradebook --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", '=cmd|"/c calc"!A0',
    "\u202e=1", "\u00a0=1",
])
def test_no_cell_is_a_formula(text):
    made = safe_cell(text)
    assert made.startswith("'") or made.startswith("<U+")
    assert not made.lstrip("'").isspace()
    assert not {"\t", "\r", "\n"} & set(made)


def test_a_gradebook_of_hostile_names_has_one_row_a_paper_and_no_formula(tmp_path):
    names = ['=1+1", x.md', "a\nb.md", "-x,y.md", "@z.md", "\udcff.md", "<script>.md"]
    rows = [{"file": n, "student": n, **summary(small())} for n in names]
    rows.append({"file": "bad.md", "student": "+1", "problem": "=HYPERLINK(1)"})
    text = gradebook_csv(rows, ["1", "2", "3", "4"])
    read = list(csv.reader(io.StringIO(text)))
    assert len(read) == len(rows) + 1
    assert {len(r) for r in read} == {len(read[0])}
    assert not any(c.startswith(("=", "+", "-", "@", "\t", "\r")) for r in read for c in r)
    text.encode("utf-8")


def test_a_row_of_the_gradebook_has_the_points_and_the_first_wrong_lines():
    row = {"file": "a.md", "student": "s1", **summary(small())}
    head, one = csv.reader(io.StringIO(gradebook_csv([row], ["1", "2", "3", "4"])))
    cells = dict(zip(head, one, strict=True))
    assert (cells["points"], cells["of"], cells["undecided"]) == ("3", "8", "1")
    assert (cells["points 2"], cells["steps wrong"], cells["first wrong lines"]) == ("1", "1",
                                                                                    "2: 5")
    assert cells["problem"] == ""


# --- statistics -----------------------------------------------------------------------------------


def test_a_summary_has_what_a_class_keeps():
    kept = summary(small())
    assert kept["questions"]["2"]["mistakes"] == ["sign"]
    assert kept["open"][0]["line"] == 7
    assert json.loads(json.dumps(kept)) == kept


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "json"])
def test_the_report_on_a_class_counts_mistakes_and_draws_them(tmp_path, format):
    folder = folder_of(tmp_path, {f"{k}.md": f"p {k}" for k in range(10)} | {"x.md": "error",
                                                                             "<b>.md": "bug"})
    room = checked(folder, jobs=2)
    shown = render(class_document(room), format)
    assert "sign" in shown
    assert "10 submissions" in shown
    assert "2 could not be" in shown
    assert "<b>.md" not in shown or format in ("terminal", "latex")
    data = class_data(room)
    question = data["questions"][0]
    wrong = sum(r["verdicts"].get("wrong", 0) > 0 for r in room.checked)
    assert question["mistakes"] == {"sign": wrong}
    assert question["mean"] == pytest.approx(
        sum(r["points"] for r in room.checked) / 10)


def test_a_class_in_which_nothing_could_be_checked_has_a_report(tmp_path):
    room = checked(folder_of(tmp_path, {"x.md": "error"}))
    assert "0 submissions checked, 1 could not be." in render(class_document(room), "terminal")


def test_a_check_is_found_by_name_in_a_new_process(tmp_path):
    folder = folder_of(tmp_path, {"a.md": "one"})
    room = check_class(folder, submissions(folder), partial(Stub, "x"), sheet="s",
                       questions=[("1", 4.0)], key="k")
    assert len(room.checked) == 1
