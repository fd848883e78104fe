"""`chainrule check` from the command line: formats, exit codes, decisions, a class."""

import csv
import io
import json
import os
import types
from pathlib import Path

import pytest
from made_reports import report

from chainrule.check.verdicts import Marked
from chainrule.cli import FINDINGS, OK, REFUSED, UNDECIDED, USAGE, common, main

SHEET = """+++
id = "small"
title = "A small sheet"
student = "number"
+++

```program net
x = 3
y = 2*x
```

```question 1
of = "y"
points = 2
```

What is $y$?
"""
PERSONAL = """+++
id = "own"
title = "Own numbers"
student = "number"
+++

```program net
input X[4, 4]
U[i,j] = max(a<2, b<2) X[2*i+a, 2*j+b]
```

```given net
X = { digits = "student" }
```

```question 1
of = "U"
points = 4
```

Find $U$.
"""
RIGHT = "Question 1\n\n$$y = 2 x = 6$$\n"
WRONG = "Question 1\n\n$$y = 2 x = 7$$\n"
POOLED = "Question 1\n\n$$U = \\begin{bmatrix} 8 & 6 \\\\ -0.5 & -0.5 \\end{bmatrix}$$\n"


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder with two sheets."""
    monkeypatch.chdir(tmp_path)
    Path("sheet.md").write_text(SHEET, encoding="utf-8")
    Path("own.md").write_text(PERSONAL, encoding="utf-8")

    def run(*words, stdin=None):
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(stdin)))
        code = main(["check", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def wrote(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def test_a_right_paper_ends_with_0_and_a_wrong_one_with_1(call):
    code, out, err = call("sheet.md", wrote("a.md", RIGHT))
    assert (code, err) == (OK, "")
    assert "2 of 2 points" in out
    code, out, _ = call("sheet.md", wrote("b.md", WRONG))
    assert code == FINDINGS
    assert "First wrong step, line 3: 2x = 7 is wrong" in out


def test_a_paper_comes_from_standard_input(call):
    assert call("sheet.md", "-", stdin=WRONG.encode())[0] == FINDINGS


@pytest.mark.parametrize("format", common.FORMATS)
@pytest.mark.parametrize("audience", ["teacher", "student"])
def test_every_format_is_there_for_both(call, format, audience):
    paper = wrote("b.md", WRONG)
    code, out, err = call("sheet.md", paper, "--format", format, "--for", audience)
    assert (code, err) == (FINDINGS, "")
    assert out
    if format == "json":
        data = json.loads(out)
        assert data["schema"] == 1
        assert [c["verdict"] for c in data["claims"]] == ["right", "wrong"]
    if format == "html":
        assert '<mark class="wrong">' in out


def test_the_suffix_of_the_output_tells_the_format(call):
    paper = wrote("b.md", WRONG)
    assert call("sheet.md", paper, "--out", "r.html")[1] == ""
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("kind", ["gradescope", "prairielearn", "nbgrader"])
def test_exports_are_written(call, kind):
    code, out, _ = call("sheet.md", wrote("b.md", WRONG), "--export", kind)
    assert code == FINDINGS
    assert json.loads(out)
    assert call("sheet.md", "b.md", "--export", kind, "--format", "html")[0] == USAGE


def test_personal_numbers_need_to_know_whose(call):
    paper = wrote("a.md", POOLED)
    code, _, err = call("own.md", paper)
    assert code == USAGE
    assert "say whose paper" in err
    assert call("own.md", paper, "--student", "180631")[0] == OK
    assert call("own.md", paper, "--student", "204857")[0] == FINDINGS
    assert call("own.md", paper, "--student", "abc")[0] == USAGE


def test_a_decision_is_kept_by_the_next_check(call):
    paper = wrote("b.md", WRONG)
    claim = json.loads(call("sheet.md", paper, "--format", "json")[1])["claims"][1]
    assert claim["verdict"] == "wrong"
    from chainrule.check.decisions import claim_key

    wrote("d.toml", f'[[decision]]\nstudent = "s"\nclaim = "{claim_key(claim["text"])}"\n'
          'verdict = "right" # my own\n')
    kept = Path("d.toml").read_text()
    code, out, _ = call("sheet.md", paper, "--student", "s", "--decisions", "d.toml")
    assert code == OK
    assert "2 of 2 points" in out
    assert Path("d.toml").read_text() == kept


def test_what_is_undecided_is_added_to_the_decisions_and_ends_with_4(call, monkeypatch):
    made = report("c = 5", [("c = 5", "undecided", "1", {"why": "nothing says what c is"})],
                  [Marked("1", "One", 0, 2, undecided=2, claims=(1,))], student="s")
    monkeypatch.setattr("chainrule.check.checking.judge", lambda *_: made)
    words = ("sheet.md", wrote("u.md", "c = 5"), "--student", "s", "--decisions", "new.toml")
    code, out, _ = call(*words)
    assert code == UNDECIDED
    assert "nothing says what c is" in out
    text = Path("new.toml").read_text(encoding="utf-8")
    assert 'verdict = ""' in text
    wrote("new.toml", text.replace('verdict = ""', 'verdict = "right"'))
    code, out, _ = call(*words)
    assert code == OK
    assert "2 of 2 points" in out


@pytest.mark.parametrize(("words", "message", "code"), [
    (["nowhere", "a.md"], "no sheet", USAGE),
    (["sheet.md", "nowhere.md"], "nowhere.md", USAGE),
    (["sheet.md", "a.md", "--gradebook", "g.csv"], "is for a class", USAGE),
    (["sheet.md", "a.md", "--resume"], "is for a class", USAGE),
    (["sheet.md", "class", "--student", "1"], "is for one paper", USAGE),
    (["sheet.md", "class", "--resume"], "needs --gradebook", USAGE),
    (["sheet.md", "empty"], "no submissions", USAGE),
    (["sheet.md", "big.md"], "more than 5,000,000 bytes", REFUSED),
    (["sheet.md", "a.md", "--decisions", "bad.toml"], "not TOML", USAGE),
])
def test_wrong_use_is_one_paragraph(call, words, message, code):
    wrote("a.md", RIGHT)
    wrote("class/1.md", RIGHT)
    wrote("big.md", b"x" * 5_000_001)
    wrote("bad.toml", "[[decision")
    Path("empty").mkdir()
    found, out, err = call(*words)
    assert (found, out) == (code, "")
    assert message in err


def test_a_class_has_a_gradebook_pages_and_statistics(call):
    for k in range(6):
        wrote(f"class/{1000 + k}_hw.md", WRONG if k % 3 == 0 else RIGHT)
    wrote("class/2000.md", b"\x00\x01\x02\xff" * 50)
    code, out, _ = call("sheet.md", "class", "-j", "2", "--gradebook", "g.csv", "--reports", "r")
    assert code == FINDINGS
    assert "submissions checked" in out
    head, *rows = csv.reader(io.StringIO(Path("g.csv").read_text(encoding="utf-8")))
    points = {r[0]: r[head.index("points")] for r in rows}
    assert len(rows) == 7
    assert points["1001"] == "2"
    assert points["1000"] != "2"
    page = Path("r/1000_hw.md.html").read_text(encoding="utf-8")
    assert '<mark class="wrong">' in page
    first = Path("g.csv").read_bytes()
    assert call("sheet.md", "class", "--gradebook", "g.csv", "--reports", "r", "--resume")[0] == (
        FINDINGS)
    assert Path("g.csv").read_bytes() == first


def test_a_class_with_its_own_numbers_and_a_class_list(call):
    wrote("class/a.md", POOLED)
    wrote("class/b.md", POOLED)
    wrote("class/list.csv", "student,file\n180631,a.md\n204857,b.md\n")
    _, out, _ = call("own.md", "class", "--students", "class/list.csv", "--format", "json")
    rows = {r["file"]: r for r in json.loads(out)["submissions"]}
    assert set(rows) == {"a.md", "b.md"}
    assert rows["a.md"]["points"] == 4
    assert rows["b.md"]["points"] < 4


def test_a_wrong_student_is_said_in_the_row(call):
    wrote("class/a1234.md", POOLED)
    _, out, _ = call("own.md", "class", "--format", "json")
    row = json.loads(out)["submissions"][0]
    assert "index number" in row["problem"]


def test_progress_is_silent_without_a_terminal(call):
    wrote("class/1000.md", RIGHT)
    assert call("sheet.md", "class")[2] == ""
    assert not os.path.exists("class.journal")
