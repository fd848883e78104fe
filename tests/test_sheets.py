"""Sheets: reading them, personal numbers, the student's sheet, the key, looking them over."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.check.sheet import Sheet
from chainrule.check.sheet_class import file_name, make_class, students_of
from chainrule.check.sheet_key import answer_paper, answers_json, model_answer
from chainrule.check.sheet_lint import lint
from chainrule.check.sheet_making import student_sheet
from chainrule.check.sheet_markdown import blocks
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import read_sheet
from chainrule.check.sheet_typeset import typeset
from chainrule.cli import cli
from chainrule.cli import main as run_main
from chainrule.document.blocks import Chain, ListBlock, MathBlock, Table
from chainrule.document.mathtree import latex, text
from chainrule.errors import ChainruleError, InputError, LimitError, UnknownNameError
from chainrule.lang.expr import Expr
from chainrule.render import render

FRONT = '+++\nid = "small"\ntitle = "A small sheet"\nstudent = "number"\n{more}+++\n'
NET = "```program net\ny = w*x\n```\n"


def sheet(body: str, more: str = "") -> Sheet:
    return read_sheet(FRONT.replace("{more}", more) + body, "small.md")


def fails(body: str, error: type[ChainruleError], words: str, line: int | None = None) -> None:
    """Reading the body ends with this error, at this line of the file."""
    with pytest.raises(error) as caught:
        sheet(body)
    assert words in caught.value.report()
    if line is not None:
        assert caught.value.span is not None
        assert caught.value.span.line() == line, caught.value.report()


def asked(given: str, question: str = 'of = "y"', program: str = "y = w*x") -> Sheet:
    """A sheet with one part and one question."""
    return sheet(f"```program net\n{program}\n```\n```given net\n{given}\n```\n"
                 f"```question 1\n{question}\n```\nFind it.\n")


# --- reading --------------------------------------------------------------------------------------


def test_a_question_has_its_labels_from_its_name_and_its_text_from_what_follows() -> None:
    found = sheet(NET + '```question 2.c.iv\nof = "y"\n```\nWhat is $y$?\n\n# Next\n\nWords.\n')
    question = found.question("2.c.iv")
    assert question.path == (("question", "2"), ("part", "c"), ("item", "iv"))
    assert question.text == "What is $y$?"
    assert [p.question for p in found.body] == ["2.c.iv", ""]


def test_a_path_that_is_given_goes_before_the_name() -> None:
    found = sheet(NET + '```question 1.first\nof = "y"\npath = "3.a"\n```\nWhat?\n')
    assert found.questions[0].path == (("question", "3"), ("part", "a"))


@pytest.mark.parametrize(("of", "quantity"), [
    ("y", "y"), (r"\mathbf{y}", "y"), (r"\frac{\partial y}{\partial w}", "dy/dw"),
    (r"\partial y/\partial \mathbf{x}", "dy/dx"), (r"\frac{dL}{dx}", "dL/dx"), ("something", ""),
    (r"\frac{\partial y}{\partial q}", ""),
])
def test_what_is_asked_for_is_found_in_the_program_where_latex_says_it(
        of: str, quantity: str) -> None:
    found = asked("x = 2\n[adjoint.L]\ny = 1", f"of = '{of}'")
    assert found.questions[0].quantity == quantity


def test_a_listing_in_another_language_is_prose() -> None:
    found = sheet("Look:\n\n```python\nx = 1\n```\n")
    assert not found.questions and "```python" in found.body[0].text


@pytest.mark.parametrize(("body", "error", "words", "line"), [
    ("```progam net\ny = x\n```\n", InputError, "did you mean program", 6),
    ("```program net\ny = x +\n```\n", ChainruleError, "small.md, line 7", 7),
    ("```program net\ny = x\n", InputError, "not closed", 6),
    (NET + "```given net\nv = 2\n```\n", UnknownNameError, "no input called v", 10),
    (NET + "```given net\ny = 2\n```\n", UnknownNameError, "computed by the program", 10),
    (NET + "```given net\nx = = 2\n```\n", InputError, "not TOML", 10),
    (NET + "```given net\nx = {dice = 2}\n```\n", InputError, "no rule", 10),
    (NET + '```given net\nx = {draw = "integers", low = 3, high = 1}\n```\n', InputError,
     "no two numbers", 10),
    (NET + "```given net\n[free]\nx = {low = 1}\n[sizes]\nn = 3\n```\n", UnknownNameError,
     "no size n", 13),
    (NET + "```given net\n[adjoint.y]\nx = 1\n```\n", InputError, "computed by the program", 10),
    (NET + '```question 1\nof = "y"\nask = "vlaue"\n```\nWhat?\n', InputError, "it is one of", 11),
    (NET + '```question 1\noff = "y"\n```\nWhat?\n', InputError, "did you mean of", 10),
    (NET + '```question 1\npoints = -1\n```\nWhat?\n', InputError, "not negative", 10),
    (NET + '```question 1\npart = "met"\n```\nWhat?\n', InputError, "did you mean net", 10),
    (NET + '```question 1\nof = "y"\n```\nA\n```question 1\n```\nB\n', InputError, "two questions",
     13),
    (NET + "```answer 7\n2\n```\n", UnknownNameError, "question 7", 9),
    (NET + "```given net\nx = 1\n```\n```given net\nw = 1\n```\n", InputError, "two blocks", 12),
])
def test_an_error_in_a_sheet_names_its_place_in_the_file(
        body: str, error: type[ChainruleError], words: str, line: int) -> None:
    fails(body, error, words, line)


@pytest.mark.parametrize("text", ["", "words", "+++\nid = 1\n", "+++\n+++\n", '+++\nid = "a"\n+++',
                                  "\0", '+++\nschema = 9\nid = "a"\ntitle = "b"\n+++\n'])
def test_what_is_no_sheet_is_refused_with_a_typed_error(text: str) -> None:
    with pytest.raises(ChainruleError):
        read_sheet(text)


# --- values and personal numbers ------------------------------------------------------------------


def test_given_expressions_may_read_what_the_program_computes() -> None:
    found = asked('x = 3\nw = "1/3"', program="input t; y = w*x; L = (y - t)^2/2")
    own = personalised(asked('x = 3\nw = "1/3"\nt = "y - 2"', 'of = "L"',
                             "input t; y = w*x; L = (y - t)^2/2"))
    assert "t" in found.parts["net"].free
    assert own.parts["net"].given == {"w": Fraction(1, 3), "x": 3, "t": -1}
    assert answers_json(own)["answers"][0]["exact"] == "2"


def test_the_digits_of_a_student_fill_a_matrix() -> None:
    found = asked('X = {digits = "student"}', program="y = sum(i, j) X[i,j]")
    assert personalised(found, "180577X").parts["net"].given["X"][0] == [1, 8, Fraction(1, 2), 5]
    with pytest.raises(InputError, match="character 1 is no digit"):
        personalised(found, "ABCDEF")
    with pytest.raises(InputError, match="none is given"):
        personalised(found)


def test_drawn_numbers_hang_on_the_student_alone_and_are_the_same_everywhere() -> None:
    drawn = asked('x = {draw = "integers", low = -9, high = 9, nonzero = true, distinct = true}',
                  program="input x[6]; y = sum(i) x[i]")
    one, other = (personalised(drawn, s).parts["net"].given["x"] for s in ("a", "b"))
    assert one == personalised(drawn, " a ").parts["net"].given["x"] != other
    assert one == [6, 1, -7, 3, -6, -8]  # so that a change of the rule is noticed
    assert len(set(one)) == 6 and 0 not in one


def test_draws_with_a_tie_in_a_pool_or_on_a_kink_are_drawn_again() -> None:
    drawn = asked('x = {draw = "integers", low = -1, high = 1}\nreject = ["y > 1"]',
                  program="input x[4]; m = max(i) x[i]; y = relu(x[0] + x[1]) + m")
    for student in map(str, range(30)):
        x = personalised(drawn, student).parts["net"].given["x"]
        assert sum(v == max(x) for v in x) == 1
        assert x[0] + x[1] != 0
        assert max(0, x[0] + x[1]) + max(x) <= 1


def test_rules_that_allow_nothing_say_so() -> None:
    drawn = asked('x = {draw = "integers", low = 0, high = 0}', program="y = relu(x)")
    with pytest.raises(InputError, match="no numbers for 'a' were found"):
        personalised(drawn, "a")
    narrow = asked('x = {draw = "integers", low = 1, high = 2, distinct = true}',
                   program="input x[3]; y = sum(i) x[i]")
    with pytest.raises(InputError, match="3 different numbers"):
        personalised(narrow, "a")


def test_what_is_left_open_stays_a_symbol() -> None:
    own = personalised(asked("x = 3"))
    assert answers_json(own)["answers"][0]["value"] in ("w*3", "3*w")
    assert "w" in own.parts["net"].free


def test_adjoints_are_pulled_back_whatever_the_loss_is() -> None:
    found = asked("x = 3\nw = 2\n[adjoint.L]\ny = 0.5", r"of = '\partial L/\partial w'")
    assert answers_json(found)["answers"][0]["value"] == 1.5


# --- what is made of it ---------------------------------------------------------------------------


def test_values_stand_in_the_prose_and_in_formulas() -> None:
    found = sheet(NET + "```given net\nx = 3\nw = -0.5\n```\n"
                        "Here x is {{x}} and $y = {{w | ()}} \\times {{x}} = {{y | 2}}$.\n")
    shown = render(student_sheet(found), "terminal")
    assert "Here x is 3 and y = (-0.5) × 3 = -1.5." in " ".join(shown.split())


def test_a_hole_that_names_nothing_is_an_error_at_its_place() -> None:
    found = sheet(NET + "Take {{z}}.\n")
    with pytest.raises(UnknownNameError) as caught:
        student_sheet(found)
    assert caught.value.span is not None and caught.value.span.excerpt() == "{{z}}"


def test_a_template_has_boxes_where_something_is_to_be_filled_in() -> None:
    found = asked("x = [[1, 2], [3, 4]]", 'of = "y"\ntemplate = [["1", ""], ["", "?"]]',
                  "input x[2, 2]; y[i,j] = x[i,j]")
    shown = render(student_sheet(found), "terminal")
    assert shown.count("□") == 3
    table = asked("x = 1\nw = 1", 'of = "y"\ntemplate = {columns = ["a", "b"], rows = [["1", ""]]}')
    assert any(isinstance(b, Table) for b in student_sheet(table).blocks)


def test_the_key_has_the_value_and_its_working() -> None:
    found = asked("x = [1, 2]\nw = [3, 4]", "of = '\\partial y/\\partial w'",
                  "input x[2], w[2]; y = sum(i) w[i]*x[i]")
    shown = render(model_answer(found), "terminal")
    assert "∂y/∂w = [1, 2]" in shown and "Working" in shown
    assert "Working" not in render(model_answer(found, work=False), "terminal")


@pytest.mark.parametrize(("question", "wanted"), [
    ('ask = "proof"\ntarget = "y = x w"', "y = x w"),
    ('ask = "configuration"\n[options]\nin = 64\nout = 32\nknown = {k = 8, d = 1}',
     "k = 8, s = 2, p = 3, d = 1"),
    ('ask = "choice"\n[options]\nchoices = ["one", "two"]\nright = 2', "two"),
    ('ask = "text"\n[options]\nlook_for = "sense"', "look for: sense"),
])
def test_without_an_answer_of_the_author_the_key_says_what_it_knows(
        question: str, wanted: str) -> None:
    shown = " ".join(render(model_answer(asked("x = 3", question)), "terminal").split())
    assert wanted in shown


def test_the_paper_has_each_label_once_and_the_authors_answers() -> None:
    found = sheet(NET + "```given net\nx = 3\nw = 2\n```\n" + "".join(
        f'```question {q}\nof = "y"\n```\nFind.\n```answer {q}\nWell: $y = {{{{y}}}}$\n```\n'
        for q in ("1.a.i", "1.a.ii", "1.b", "2")))
    lines = [line for line in answer_paper(found).splitlines() if line]
    assert lines[1:] == ["## Question 1", "(a)", "(i)", "Well: $y = 6$", "(ii)",
                         "Well: $y = 6$", "(b)", "Well: $y = 6$", "## Question 2", "Well: $y = 6$"]


# --- looking a sheet over -------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "words"), [
    (NET + '```question 1\nof = "q"\n```\nFind.\n', "no answer that could be checked"),
    (NET + '```question 1\nask = "proof"\n```\nShow.\n', "give target"),
    (NET + '```question 1\nask = "text"\n```\nSay.\n', "nobody knows"),
    (NET + '```question 1\nof = "y"\n```\n', "says nothing"),
    (NET + '# One (3 points)\n```question 1\nof = "y"\npoints = 2\n```\nFind.\n', "heading says 3"),
    (NET + '```question 1\nof = "y"\nquantity = "q + 1"\n```\nFind.\n', "q"),
    (NET + '```question 1\nask = "proof"\ntarget = "a"\nwork = [{prove = "x == x + 1"}]\n```\nA.\n',
     "refuted"),
    (NET + '```question 1\nof = "y"\nwork = [{sing = "x"}]\n```\nA.\n', "no explanation 'sing'"),
    (NET + '```question 1\nof = "y"\n```\nTake {{nothing}}.\n', "no nothing"),
    (NET + '```question 1\nask = "configuration"\n[options]\nin = 5\nout = 50\n'
           'known = {k = 3, p = 0}\n```\nA.\n', "no configuration"),
    ("```program net\ny = max(i) x[i]\n```\n```given net\nx = [2, 2]\n```\n"
     '```question 1\nof = "y"\n```\nA.\n', "2 candidates are equal"),
    ("```program net\ny = ln(x)\n```\n```given net\nx = -1\n```\n"
     '```question 1\nof = "y"\n```\nA.\n', "ln"),
    ("```program net\ninput x[2]; y[i] = x[i]\n```\n```given net\nx = [1, 2]\n```\n"
     '```question 1\nof = "y"\ntemplate = [["", "", ""]]\n```\nA.\n', "shape"),
    ("", "asks nothing"),
])
def test_lint_finds_what_would_trouble_students(body: str, words: str) -> None:
    found = lint(FRONT.replace("{more}", "") + body, "small.md")
    assert any(words in f.message for f in found), found


def test_lint_finds_points_that_do_not_add_up() -> None:
    body = NET + '```question 1\nof = "y"\npoints = 2\n```\nFind.\n'
    assert lint(FRONT.replace("{more}", "points = 2\n") + body) == []
    found = lint(FRONT.replace("{more}", "points = 5\n") + body)
    assert "the sheet says 5" in found[0].message


def test_lint_with_check_finds_a_false_statement_and_a_slip_in_a_model_answer() -> None:
    body = NET + "```given net\nx = 3\nw = 2\n```\n" + """```question 1
ask = "proof"
target = 'y = 7'
```
Show it.
```question 2
of = 'y'
```
Find it.
```answer 2
$$y = 2 \\times 3 = 5$$
```
"""
    found = lint(FRONT.replace("{more}", "") + body, check=True)
    assert [f.question for f in found] == ["1", "2"]
    assert "the statement is false" in found[0].message
    assert "the model answer is wrong" in found[1].message


# --- a class --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "wanted"), [
    ("180631\n180577\n180631\n", ["180631", "180577"]),
    ("name;number\nA;1\nB;2\n", ["1", "2"]),
    ("\ufeffStudent,Name\n7,\"B, A.\"\n", ["7"]),
])
def test_a_class_list_is_read_by_its_heading(text: str, wanted: list[str]) -> None:
    assert students_of(text, "number") == wanted


@pytest.mark.parametrize("text", ["", "\n\n", "number\n"])
def test_a_class_list_without_students_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        students_of(text, "number")


@given(st.text(max_size=40))
def test_a_students_name_never_leads_out_of_the_folder(name: str) -> None:
    made = file_name(name)
    assert made and "/" not in made and "\\" not in made and not made.startswith(".")


def test_a_class_gets_a_sheet_a_key_and_data_each() -> None:
    found = asked('x = {draw = "integers", low = 1, high = 9}\nw = 2')
    made = {m.path: m.text for m in make_class(found, ["a", "b/../c"], ["markdown", "html"])}
    assert sorted(made) == sorted(
        f"{kind}/{name}.{end}" for name in ("a", "b-..-c")
        for kind, end in (("sheets", "md"), ("sheets", "html"), ("keys", "md"), ("keys", "html"),
                          ("json", "json")))
    assert json.loads(made["json/a.json"])["student"] == "a"
    with pytest.raises(InputError, match="same names"):
        list(make_class(found, ["a b", "a-b"]))


# --- the command ----------------------------------------------------------------------------------


def test_the_command_makes_a_class_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "class.csv").write_text("index number\n180631\n180577\n")
    done = CliRunner().invoke(cli, ["sheet", "make", "machine-vision", "--class",
                                    str(tmp_path / "class.csv"), "--no-work", "-o",
                                    str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert made == ["json/180577.json", "json/180631.json", "keys/180577.md", "keys/180631.md",
                    "sheets/180577.md", "sheets/180631.md"]
    data = json.loads((tmp_path / "out/json/180631.json").read_text())
    assert data["answers"][3]["value"] == 19.3


@pytest.mark.parametrize(("words", "code"), [
    (["sheet", "list"], 0), (["sheet", "make", "machine-vision"], 0),
    (["sheet", "key", "pattern-recognition", "--format", "json"], 0),
    (["sheet", "key", "deep-learning", "--paper"], 0), (["sheet", "lint", "machine-vision"], 0),
    (["sheet", "make", "machine-visoin"], 2), (["sheet", "make", "no/such/file.md"], 2),
    (["sheet", "make", "machine-vision", "--student", "12"], 2), (["sheet"], 2),
])
def test_the_commands_end_with_the_code_that_says_what_happened(
        words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(words) == code
    capsys.readouterr()


def test_lint_ends_with_1_where_something_was_found(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.md"
    path.write_text(FRONT.replace("{more}", "") + NET + '```question 1\nof = "q"\n```\nFind.\n')
    assert run_main(["sheet", "lint", str(path), "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["findings"][0]["line"] == 9 and data["findings"][0]["question"] == "1"


# --- formulas and prose ---------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "shown"), [
    (r"\frac{dL}{dz_y} = -1 + p_y", "dL/dz_y = -1 + p_y"),
    (r"(\mathbf{y}^{(2)} - \mathbf{t})^\top", "(y⁽²⁾ - t)ᵀ"),
    (r"\tilde{\omega}_{kj}^{(2)}", "ω̃ₖⱼ⁽²⁾"),
    (r"\left[ 1, 2 \right]", "[1, 2]"),
    (r"\|\mathbf{w}\|^2", "‖w‖²"),
    (r"1,323,135 + x", "1,323,135 + x"),
    (r"\text{softmax}(z)_i", "softmax(z)ᵢ"),
    (r"\begin{bmatrix} 1 & -2 \\ \alpha_0 & 4 \end{bmatrix}", "[1 -2; α₀ 4]"),
    (r"\unknown{x}", "unknownx"),
    (r"x_12", "x₁ 2"), ("a ( b", "a(b"), (r"\frac{a}", "a/"), ("}", ""), (r"\left( a", "(a"),
])
def test_latex_is_typeset_as_it_looks(source: str, shown: str) -> None:
    assert text(typeset(source)) == shown


@given(st.text(alphabet=r"\{}()[]^_&$|'ab12.,+-= leftrighbgncasfqm", max_size=80))
@settings(max_examples=300)
def test_no_latex_breaks_the_typesetter(source: str) -> None:
    try:
        m = typeset(source)
    except LimitError:
        return
    assert isinstance(text(m), str) and isinstance(latex(m), str)


@pytest.mark.parametrize("source", [
    "(" * 8000, r"\|" * 7000, r"\hat" * 3000, "{" * 9000, r"\left(" * 2000, "x^" * 8000,
    r"\begin{matrix}" * 1000, "a&" * 8000, r"\frac" * 3000, "[" * 4000 + "]" * 4000,
])
def test_hostile_formulas_take_no_time(source: str) -> None:
    start = time.perf_counter()
    with suppress(LimitError):
        text(typeset(source))
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("source", [
    "# " + " #" * 50_000, "$" * 100_000, "*" * 100_000, "`" * 100_000, "| " * 50_000,
    "- a\n" * 30_000, "{{" * 50_000, "$$\n" * 20_000, "+++\n" * 50_000, "```question 1\n" * 9_000,
])
def test_hostile_sheets_take_no_time(source: str) -> None:
    start = time.perf_counter()
    with suppress(ChainruleError):
        student_sheet(sheet(source))
    assert time.perf_counter() - start < 3


def test_prose_becomes_blocks() -> None:
    found = blocks("A *b*.\n\n$$\\begin{aligned} a &= b \\\\ &= c \\end{aligned}$$\n\n"
                   "1. one\n2. two\n\n| x | $|y|$ |\n|---|---|\n| 1 | 2 |\n\n$$z$$\n")
    kinds = [type(b) for b in found[1:]]
    assert kinds == [Chain, ListBlock, Table, MathBlock]
    chain: Any = found[1]
    assert len(chain.links) == 2
    table: Any = found[3]
    assert len(table.columns) == 2


def test_nothing_given_is_a_float() -> None:
    own = personalised(asked("x = 0.1\nw = 3"))
    value = own.parts["net"].given["x"]
    assert value == Fraction(1, 10) and not isinstance(value, float | Expr)
