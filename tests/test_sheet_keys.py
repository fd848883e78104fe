"""Keys: how every asked value comes about, in the sheet's notation, and that all of it is right."""

from __future__ import annotations

import time
from pathlib import Path
from unicodedata import normalize

import pytest
from click.testing import CliRunner

from chainrule.check.judge import judge
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Sheet
from chainrule.check.sheet_class import make_class
from chainrule.check.sheet_key import answer_paper, model_answer
from chainrule.check.sheet_lint import lint
from chainrule.check.sheet_names import spelled
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import find_sheet, read_sheet
from chainrule.check.sheet_typeset import typeset
from chainrule.check.verdicts import Report
from chainrule.cli import cli
from chainrule.document.mathtree import latex, text
from chainrule.errors import ChainruleError
from chainrule.render import render

ROOT = Path(__file__).resolve().parents[1]
FRONT = '+++\nid = "small"\ntitle = "A small sheet"\nstudent = "number"\n+++\n'
LOGISTIC = r"""```program model
input x[2], y
parameter w[2], b
z = sum(k) w[k]*x[k] + b
p = sigmoid(z)
C = -(y*ln(p) + (1 - y)*ln(1 - p))
R = (sum(k) w[k]^2)/20
J = C + R
```
```given model
x = [1, 2]
y = 1
w = [0.5, -0.25]
b = 0.3

[names]
p = ['\hat{y}']
```
The prediction is $\hat{y}$.
"""


PRODUCT = "```program net\nk = p*q\ny = k^2\n```\n```given net\np = 2\nq = 3\n```\n"


def sheet(body: str) -> Sheet:
    return read_sheet(FRONT + body, "small.md")


def asked(id_: str, question: str) -> str:
    return f"```question {id_}\n{question}\n```\nFind it.\n"


def checked(found: Sheet, student: str = "") -> Report:
    """The sheet's own paper, judged."""
    paper = read_paper(answer_paper(found, student), "paper.md")
    return judge(personalised(found, student), paper, read_claims(paper), student)


def key(found: Sheet, student: str = "") -> str:
    """The key as one line of text."""
    return normalize("NFC", " ".join(render(model_answer(found, student), "terminal").split()))


# --- digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rounding", "wanted"), [
    ("{ decimals = 6 }", "0.002484"), ("{ decimals = 3 }", "0.002"),
    ("{ significant = 2 }", "0.0025"), ("{ significant = 6 }", "0.002484"),
])
def test_a_key_shows_as_many_digits_as_are_asked_for(rounding: str, wanted: str) -> None:
    found = sheet("```program net\nv = x/1000\n```\n```given net\nx = 2.484\n```\n" + asked(
        "1", f'of = "v"\nrounding = {rounding}'))
    assert f"v = x/1000 = 2.484/1000 {'=' if '2484' in wanted else '≈'} {wanted}" in key(found)
    assert answer_paper(found).rstrip().endswith(f"= {wanted}$$")


def test_a_fraction_is_a_decimal_where_decimals_are_asked_for() -> None:
    found = sheet("```program net\ninput x[2]\ny[i] = x[i]/3\n```\n```given net\nx = [1, 13]\n```\n"
                  + asked("1", 'of = "y"\nrounding = { decimals = 3 }'))
    assert "y = [0.333 , 4.333]" in answer_paper(found)


def test_given_numbers_are_shown_exactly() -> None:
    found = sheet("```program net\ny = x\n```\n```given net\nx = 0.1234567\n```\n"
                  "Take $x = {{x}}$.\n" + asked("1", 'of = "y"'))
    assert "x = 0.1234567" in key(found)


# --- working --------------------------------------------------------------------------------------


def test_what_no_question_asks_for_is_worked_on_the_way() -> None:
    found = sheet(LOGISTIC + asked("1", "of = 'J'\nrounding = { decimals = 4 }"))
    shown = key(found)
    for step in ("z = w₁ · x₁ + w₂ · x₂ + b = 0.5 · 1 + (-0.25) · 2 + 0.3 = 0.3",
                 "ŷ = σ(z) = σ(0.3) ≈ 0.574443", "C = -(y · ln(ŷ)", "R = (w₁² + w₂²)/20",
                 "J = C + R"):
        assert step in shown, step


def test_what_an_earlier_question_asked_for_is_not_worked_again() -> None:
    first, then = asked("1", "of = 'z'"), asked("2", r"of = '\hat{y}'")
    paper = answer_paper(sheet(LOGISTIC + first + then))
    assert paper.count("z = w_{1}") == 1
    assert "w_{1}" in answer_paper(sheet(LOGISTIC + then))


def test_derivatives_of_what_is_not_known_further_speak_of_it_by_its_name() -> None:
    found = sheet("```program net\ninput u[2]\ng[i] = u[i]^2\n```\n```given net\nu = [3, 4]\n"
                  "[adjoint.E]\ng = [1, 2]\n```\n" + asked("1", r"of = '\partial E/\partial u'"))
    shown = key(found)
    assert "∂E/∂g = [1, 2] given" in shown and "∂E/∂u₂" in shown and "∂L" not in shown


def test_names_are_written_as_the_sheets_prose_writes_them() -> None:
    found = sheet(LOGISTIC + asked("1", r"of = '\hat{y}'"))
    assert found.questions[0].quantity == "p"
    assert normalize("NFC", text(spelled(found.parts["model"], found)["p"])) == "ŷ"
    assert text(spelled(found.parts["model"], found)["z"]) == "z"


def test_an_author_who_explains_an_answer_is_left_alone_and_a_bare_value_is_worked() -> None:
    def written(answer: str) -> str:
        question = asked("1", "of = 'z'")
        return answer_paper(sheet(f"{LOGISTIC}{question}```answer 1\n{answer}\n```\n"))

    assert "w_{1}" not in written("Well: $z = {{z}}$")
    assert "w_{1}" in written("$$z = {{z}}$$")


def test_a_table_without_an_answer_is_made_row_by_row() -> None:
    found = sheet(PRODUCT + asked("1", 'ask = "table"\npoints = 3\n[options]\nmode = "reverse"'))
    assert not lint(found.text)
    paper = answer_paper(found)
    assert r"| $\bar{q}$ | $= \bar{k} \cdot p$ | $= 12 \cdot 2$ | $= 24$ |" in paper
    assert "| $k$ | $= p \\cdot q$" in paper and r"\bar{p}" in paper
    assert checked(found).points == 3


def test_a_forward_table_has_tangents() -> None:
    found = sheet(PRODUCT + asked(
        "1", 'ask = "table"\npoints = 3\n[options]\nmode = "forward"\nwrt = "p"'))
    assert r"| $\dot{y}$ |" in answer_paper(found)
    assert not [j for j in checked(found).judged if j.verdict == "wrong"]


def test_a_derivation_is_made_where_the_author_gives_none() -> None:
    found = sheet("```program gate\nsize N\ninput s[N], g\ny[i] = g*s[i]\nQ = sum(i) y[i]^2\n```\n"
                  + asked("1", "ask = 'derivation'\nof = '\\frac{\\partial Q}{\\partial g}'\n"
                          "target = '\\frac{\\partial Q}{\\partial g} = 2 \\sum_i y_i s_i'\n"
                          "points = 2"))
    assert checked(found).points == 2


# --- reading --------------------------------------------------------------------------------------


def test_a_size_of_the_part_says_how_many_numbers_are_drawn() -> None:
    found = sheet('```program net\nsize n\ninput x[n]\ny = sum(i) x[i]\n```\n```given net\n'
                  'x = { draw = "integers", low = 1, high = 9 }\n[sizes]\nn = 2\n```\n'
                  + asked("1", "of = 'y'"))
    assert len(personalised(found, "1").parts["net"].given["x"]) == 2


@pytest.mark.parametrize(("of", "quantity"), [
    (r"\hat{y}", "p"), (r"\hat y", "p"), (r"\frac{\partial J}{\partial \hat{y}}", "dJ/dp"),
    (r"\frac{\partial J}{\partial \tilde{y}}", ""),
])
def test_a_spelling_of_a_name_says_what_is_asked_for(of: str, quantity: str) -> None:
    assert sheet(LOGISTIC + asked("1", f"of = '{of}'")).questions[0].quantity == quantity


def test_a_name_that_is_a_word_is_that_name_in_notation() -> None:
    found = sheet("```program net\nCE = 2*a\n```\n```given net\na = 1\n```\n```notation net\n"
                  "H(p) = CE\n```\n" + asked("1", "of = 'H(p)'\nquantity = 'CE'\npoints = 1"))
    assert found.parts["net"].notation == (r"H(p) = \text{CE}",)
    assert checked(found).points == 1


def test_a_subscript_that_is_a_word_is_no_product_of_letters() -> None:
    assert latex(typeset("n_{conv1}")) == r"n_{\mathrm{conv1}}"
    assert latex(typeset("a_{ijk}")) == "a_{i j k}"


@pytest.mark.parametrize(("body", "words"), [
    ("```program net\ny = x\n```\n```question 1\npoints = \"two\"\n```\nA.\n", "'two' is text"),
    ("```program net\ny = x\n```\n```given nett\nx = 1\n```\n", "did you mean net"),
    ("```program net\ny = x\n```given net\nx = 1\n```\n", "not closed"),
    ("```program net\ny = x\n\n```question 1\nof = \"y\"\n```\nA.\n", "not closed"),
])
def test_what_is_wrong_with_a_block_is_said_in_its_terms(body: str, words: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        sheet(body)
    assert words in caught.value.report()


def test_a_condition_that_nothing_meets_is_told_once() -> None:
    found = lint(FRONT + '```program net\ny = x\n```\n```given net\nx = { draw = "integers", '
                 'low = 1, high = 3 }\nreject = ["y > 0"]\n```\n' + asked("1", 'of = "y"'))
    assert len(found) == 1 and "200 draws" in found[0].message


# --- whole sheets ---------------------------------------------------------------------------------


def test_the_example_of_a_sheet_is_answered_without_a_mistake() -> None:
    source = (ROOT / "examples" / "gru.md").read_text(encoding="utf-8")
    assert not lint(source, "gru.md")
    found = read_sheet(source, "gru.md")
    for student in ("", "100200"):
        report = checked(found, student)
        assert report.points == report.most == 24
        assert {j.verdict for j in report.judged} == {"right"}


def test_a_class_is_made_in_a_tenth_of_a_second_each() -> None:
    start = time.process_time()
    students = [str(100_000 + 37 * k) for k in range(20)]
    made = list(make_class(find_sheet("machine-vision"), students))
    assert len(made) == 60
    assert time.process_time() - start < 20 * 0.3  # three times what it takes


def test_keys_alone_are_made_for_a_class(tmp_path: Path) -> None:
    listed = tmp_path / "students.csv"
    listed.write_text("student number\n100200\n100201\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["sheet", "key", str(ROOT / "examples" / "gru.md"), "--class",
                                    str(listed), "-o", str(tmp_path / "made")])
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["json", "keys"]
    assert len(list((tmp_path / "made" / "keys").iterdir())) == 2
