"""Hostile and empty papers, through the command line: no crash, no credit, no code, in a second."""

import io
import json
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest

from chainrule.cli import main
from chainrule.limits import SUBMISSION_BYTES

SHEET = "machine-vision"
STUDENT = "180631"
SECONDS = 1.0  # of processor time
CODES = (0, 1, 2, 3, 4)  # 2 for what is no notebook and no form


def checked(tmp_path, data: bytes, name: str = "paper.md"):
    """The exit code, the report where there is one, and what was said."""
    path = tmp_path / name
    path.write_bytes(data)
    begun = time.process_time()
    code, out, err = run("check", SHEET, str(path), "--student", STUDENT, "--format", "json")
    taken = time.process_time() - begun
    return code, json.loads(out) if code in (0, 1, 4) else None, err, taken


def run(*words: str):
    """A command's exit code and what it said on both streams."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory):
    """What the first check of a process reads and imports is not the papers' fault."""
    checked(tmp_path_factory.mktemp("warm"), b"Question 1 (b) (iii)\n\n$y = 19.3$")


def nested_notebook(depth: int) -> bytes:
    return (b'{"cells": ' + b"[" * depth + b"]" * depth + b', "nbformat": 4}')


def notebook(*cells: dict) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4,
                       "nbformat_minor": 5}).encode()


SCRIPTED = notebook({
    "cell_type": "code", "metadata": {}, "execution_count": 1,
    "source": "open('touched', 'w').write('x')",
    "outputs": [{"output_type": "display_data", "metadata": {},
                 "data": {"text/html": "<script>document.title = 1</script>"}}]})
NAMES = [chr(98 + k) for k in range(15)]
BOMB = "\n".join([r"\newcommand{\a}{x+x+x+x+x+x+x+x+x+x}"] + [
    rf"\newcommand{{\{new}}}{{" + rf"\{old} " * 10 + "}"
    for old, new in zip(["a", *NAMES], NAMES, strict=False)] + [r"$y = \p$"])
LETTERS = "\n".join([r"\def\a{1}"] + [
    rf"\def\{new}{{" + rf"\{old}" * 10 + "}"
    for old, new in zip(["a", *NAMES], NAMES, strict=False)] + [r"$y = \p$"])
HOSTILE = {
    "JSON nested 100,000 deep": ("deep.ipynb", nested_notebook(100_000)),
    "a form nested 100,000 deep": ("deep.json", b"[" * 100_000),
    "a notebook with a script in an output": ("script.ipynb", SCRIPTED),
    "a tower of powers": ("paper.md", b"Question 1 (b) (iii)\n\n$y = 10^{10^{10}}$"),
    "a power of powers, typed": ("paper.md", b"Question 1 (b) (iii)\n\ny = 10^10^10^10"),
    "a root of a large power": ("paper.md", rb"Question 1 (b) (iii) $y = 2^{99999999} / 3^{9999}$"),
    "a sum of a billion terms": (
        "paper.md", rb"Question 1 (b) (iii) $y = \sum_{i=1}^{1000000000} i$"),
    "sums in sums": (
        "paper.md",
        rb"Question 1 (b) (iii) $y = \sum_{i=1}^{999}\sum_{j=1}^{999}\sum_{k=1}^{999}ijk$"),
    "a product of a billion factors": (
        "paper.md", rb"Question 1 (b) (iii) $y = \prod_{i=1}^{1000000000} 2$"),
    "a large factorial": ("paper.md", b"Question 1 (b) (iii) $y = 1000!$"),
    "factorials of factorials": ("paper.md", b"Question 1 (b) (iii) $y = ((1000!)!)!$"),
    "a huge number": ("paper.md", b"Question 1 (b) (iii) $y = " + b"9" * 50_000 + b"$"),
    "a huge exponent": ("paper.md", b"Question 1 (b) (iii) $y = 1e999999999$"),
    "a form with a formula for a spreadsheet": ("form.csv", b"question,answer\n1.b.iii,=1+1\n"),
    "a form that runs a command": (
        "form.csv", b"question,answer\n1.b.iii,\"=cmd|' /C calc'!A0\"\n"),
    "macros that grow": ("paper.md", BOMB.encode()),
    "macros that grow, by def": ("paper.md", LETTERS.encode()),
    "a macro that calls itself": ("paper.md", rb"\newcommand{\a}{\a\a} $y = \a$"),
    "a formula of 100 kB": ("paper.md", b"$y = " + b"1 + " * 25_000 + b"1$"),
    "brackets 20,000 deep": ("paper.md", b"$y = " + b"(" * 20_000 + b"1" + b")" * 20_000 + b"$"),
    "fractions 2,000 deep": (
        "paper.md", b"$y = " + rb"\frac{1}{" * 2_000 + b"2" + b"}" * 2_000 + b"$"),
    "a matrix of 20,000 columns": (
        "paper.md", rb"$y = \begin{bmatrix}" + b"1 & " * 20_000 + rb"1 \end{bmatrix}$"),
    "a chain of 5,000 links": ("paper.md", b"$$y " + b"= 1 " * 5_000 + b"$$"),
    "a list 10,000 deep": ("paper.md", b"> " * 10_000 + b"$y = 1$"),
    "stars without end": ("paper.md", b"*a_ " * 50_000),
    "binary": ("paper.md", bytes(range(256)) * 400),
    "zeros": ("paper.md", b"\0" * 10_000),
    "another coding": ("paper.md", "Question 1 (b) (iii)\n\n$y = 3$".encode("utf-16")),
    "turned text": ("paper.md", "Question 1 (b) (iii) \u202e$y = 3$\u202c".encode()),
    "nothing": ("paper.md", b""),
    "blanks": ("paper.md", b" \n\t\n" * 1_000),
    "an empty notebook": ("paper.ipynb", b"{}"),
    "an empty form": ("paper.toml", b""),
    "too long": ("paper.md", b"x" * (SUBMISSION_BYTES + 1)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_paper_ends_in_a_second_without_credit(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file, data = HOSTILE[name]
    code, report, said, taken = checked(tmp_path, data, file)
    assert code in CODES, said
    assert "bug in chainrule" not in said
    assert taken < SECONDS
    assert report is None or report["points"]["earned"] == 0
    assert not (tmp_path / "touched").exists()


EMPTY_ANSWERS = {
    "y is y": "$y = y$",
    "y is y, in a chain": "$y = y = y = y$",
    "y is one times y": "$y = 1 \\cdot y$",
    "y with zero added": "$y = y + 0 = 0 + y$",
    "not a number": "$y = \\text{NaN}$",
    "not a number, typed": "y = nan",
    "infinity": "$y = \\infty$",
    "zero by zero": "$y = \\frac{0}{0}$",
    "all numbers at once": "$y = 19.3 = 20 = 21$",
    "a range": "$1 \\leq y \\leq 100$",
    "not equal": "$y \\neq 7$",
    "the formula of the sheet": "$y = \\sum_{i=1}^{4} v_i w_i$",
    "nothing on the right": "$y =$",
    "a question mark": "$y = ?$",
}


@pytest.mark.parametrize("name", EMPTY_ANSWERS)
def test_an_answer_that_says_nothing_earns_nothing(name, tmp_path):
    paper = f"Question 1\n\n(b) (iii)\n\n{EMPTY_ANSWERS[name]}\n"
    code, report, said, taken = checked(tmp_path, paper.encode())
    assert code in CODES, said
    earned = {q["question"]: q["earned"] for q in report["points"]["questions"]}
    if name == "all numbers at once":  # the first is right, and what is said of it is not
        assert earned["1.b.iii"] <= 1
    else:
        assert report["points"]["earned"] == 0
    assert taken < SECONDS


RESTATED = {
    "1.c.i": r"$\frac{\partial L}{\partial v_1} = \frac{\partial L}{\partial y} w_1 = 2 \times 1$",
    "2.a.i": r"$\text{softmax}(\mathbf{z}) = \text{softmax}(\tilde{\mathbf{z}})$",
    "2.b.i": r"$L(\mathbf{g}, \mathbf{p}) = -\log p_y$",
    "2.c.i": r"$\frac{dL}{dz_y} = -1 + p_y$",
    "2.c.ii": r"$\frac{dL}{dz_{y'}} = p_{y'}$",
}


@pytest.mark.parametrize("name", RESTATED)
def test_what_is_to_be_shown_earns_nothing_by_itself(name, tmp_path):
    question, part, item = name.split(".")
    paper = f"Question {question}\n\n({part}) ({item})\n\n{RESTATED[name]}\n"
    code, report, said, _ = checked(tmp_path, paper.encode())
    assert code in CODES, said
    assert report["points"]["earned"] == 0


def test_the_sheet_handed_in_as_it_is_earns_nothing(tmp_path):
    code, made, _ = run("sheet", "make", SHEET, "--student", STUDENT, "--format", "markdown")
    assert code == 0
    _, report, _, _ = checked(tmp_path, made.encode())
    assert report["points"]["earned"] == 0
