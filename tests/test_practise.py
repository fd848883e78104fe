"""Practice: what is asked, what counts as an answer, what a hint tells."""

import io
import types

import pytest
from made_reports import SIGN, report

from chainrule.check.practise import Practice, formula, numbers_of, paper_of
from chainrule.check.sheet_reading import find_sheet, read_sheet
from chainrule.check.verdicts import Marked
from chainrule.cli import main
from chainrule.document.blocks import Document
from chainrule.errors import ChainruleError, InputError
from chainrule.render import render

SHEET = """+++
id = "small"
title = "A small sheet"
student = "number"
+++

Here stands what leads to it.

```program net
input x[2]
h[i] = 2*x[i]
y = sum(i) h[i]
```

```given net
x = { draw = "integers", low = 1, high = 9 }
```

```question 1
title = "The sum"
of = "y"
points = 2
```

What is $y$ for $x = {{x}}$?

```question 2
title = "Which"
ask = "choice"
options = { choices = ["one", "two"], right = 2 }
```

Choose.

```question 3
title = "In words"
ask = "text"
```

Say why.

```question 4
title = "A trace"
ask = "table"
of = "y"
template = { columns = ["", "as", "value"], rows = [["v_0", "x_1", "3"], ["v_1", "", ""],
  ["v_2", "", ""]] }
```

Complete the table.
"""


@pytest.fixture
def sheet():
    return read_sheet(SHEET)


def judge_of(*verdicts, points=0.0):
    """A judge that finds these verdicts, whatever it is shown, and keeps what it was shown."""
    shown = []

    def judge(sheet, text, student):
        shown.append(text)
        name = sheet.questions[0].id
        claims = [("y = 3", v, name, {"mistakes": (SIGN,)} if v == "wrong" else {})
                  for v in verdicts]
        return report("y = 3", claims, [Marked(name, "", points, 1.0)])

    judge.shown = shown
    return judge


def text(document):
    return render(document, "terminal", width=200)


def test_an_exercise_has_its_prose_its_numbers_and_what_leads_to_it(sheet):
    shown = text(Practice(sheet, student="s1").prompt())
    assert "Here stands what leads to it." in shown
    assert "Question 1: The sum" in shown
    assert "Given: x = [" in shown


def test_every_round_has_new_numbers_and_a_seed_repeats_them(sheet):
    def rounds(seed):
        practice = Practice(sheet, seed, only=("1",))
        found = []
        for _ in range(6):
            found.append(text(practice.prompt()))
            practice.skip()
        return found

    assert rounds(1) == rounds(1)
    assert len(set(rounds(1))) > 3
    assert rounds(1) != rounds(2)


SHARED = '''+++
schema = 1
id = "shared"
title = "Shared numbers"
+++

```program p
input a, b
y = a*b + 1
```

```given p
a = 3
b = 4

[practise]
a = { draw = "integers", low = 5, high = 9 }
```

```question 1
ask = "table"
of = "y"
template = { columns = ["", "formula", "value"], rows = [["a", "a", "{{a}}"], ["y", "", ""]] }
points = 1
```

Find $y$ for $a = {{a}}$.

```answer 1
$$y = {{a}} \\cdot 4 + 1 = {{y}}$$
```
'''


def test_shared_numbers_are_drawn_anew_from_the_second_round_on_where_the_sheet_says_how():
    practice = Practice(read_sheet(SHARED, "shared"))
    assert "a = 3" in text(practice.prompt())
    shown = text(practice.show())
    assert "13" in shown
    assert "point" not in shown
    value = int(practice.exercise.sheet.parts["p"].given["a"])
    assert 5 <= value <= 9
    assert f"a = {value}" in text(practice.prompt())
    assert practice.exercise.given == (f"a = a = {value}",)
    assert practice.answer(f"{4*value + 1}").outcome == "solved"
    assert practice.exercise.sheet.parts["p"].given["b"] == 4


@pytest.mark.parametrize(("rule", "said"), [
    ('c = { draw = "integers", low = 1, high = 2 }', "no input called c"),
    ("a = 3", "is a table"),
    ('a = { draw = "cards" }', "no way to draw"),
    ('a = { draw = "integers", low = 3, high = 2 }', "between no two numbers"),
])
def test_a_rule_for_practice_that_means_nothing_is_refused(rule, said):
    old = 'a = { draw = "integers", low = 5, high = 9 }'
    with pytest.raises(ChainruleError, match=said):
        read_sheet(SHARED.replace(old, rule), "shared")


def test_what_a_person_has_to_judge_is_not_asked(sheet):
    practice = Practice(sheet)
    asked = []
    for _ in range(4):
        asked.append(practice.exercise.question.id)
        practice.skip()
    assert asked == ["1", "2", "4", "1"]
    with pytest.raises(InputError, match="nothing to practise"):
        Practice(sheet, only=("3",))
    with pytest.raises(InputError, match="no question 9"):
        Practice(sheet, only=("9",))


def test_a_right_answer_makes_room_for_the_next(sheet):
    judge = judge_of("right", points=1.0)
    practice = Practice(sheet, judge=judge)
    assert practice.answer("7").outcome == "solved"
    assert judge.shown == ["Question 1\n\n$$y = 7$$\n"]
    assert practice.exercise.question.id == "2"
    assert practice.solved == 1


def test_a_right_step_stays_and_the_next_goes_on_from_it(sheet):
    judge = judge_of("right")
    practice = Practice(sheet, judge=judge)
    assert practice.answer("2*3 + 2*4").outcome == "step"
    assert practice.answer("= 6 + 8").outcome == "step"
    assert judge.shown[-1] == "Question 1\n\n$$y = 2*3 + 2*4$$\n\n$$= 6 + 8$$\n"


def test_a_wrong_step_gets_a_hint_and_does_not_stay(sheet):
    practice = Practice(sheet, judge=judge_of("right", "wrong"))
    found = practice.answer("8")
    assert found.outcome == "wrong"
    assert "Look at the sign." in text(found.document)
    assert SIGN.why not in text(found.document)
    assert practice.exercise.steps == ()


def test_what_could_not_be_read_or_decided_is_not_called_wrong(sheet):
    assert Practice(sheet, judge=judge_of()).answer("???").outcome == "unread"
    assert Practice(sheet, judge=judge_of("undecided")).answer("q").outcome == "undecided"


def test_a_choice_is_a_number_or_a_letter(sheet):
    practice = Practice(sheet, only=("2",))
    assert practice.answer("1").outcome == "wrong"
    assert practice.answer("both").outcome == "unread"
    assert practice.answer("(b)").outcome == "solved"
    assert practice.answer("2.").outcome == "solved"


def test_a_table_is_asked_for_row_by_row(sheet):
    judge = judge_of("right")
    practice = Practice(sheet, only=("4",), judge=judge)
    assert "Next: v₁ = ?" in text(practice.prompt())
    found = practice.answer("2 x_1 = 6")
    assert "Next: v₂ = ?" in text(found.document)
    assert judge.shown[-1] == "Question 4\n\n$$v_0 = x_1 = 3$$\n\n$$v_1 = 2 x_1 = 6$$\n"
    assert practice.answer("v_1 = 6").outcome == "step"
    assert practice.answer("14").outcome == "solved"


def test_hints_tell_where_to_look_and_then_a_piece(sheet):
    practice = Practice(sheet, student="s1")
    assert "Begin with what it is: y = Σ" in text(practice.hint())
    assert "It is positive." in text(practice.hint())


def test_no_hint_tells_an_equation_that_is_the_answer():
    practice = Practice(find_sheet("machine-vision"), student="180631", only=("1.a",))
    shown = text(practice.hint())
    assert "(y - t)" not in shown


def test_the_model_answer_is_shown_and_the_next_exercise_follows(sheet):
    practice = Practice(sheet, student="s1")
    shown = practice.show()
    assert isinstance(shown, Document)
    assert "Answer" in text(shown)
    assert practice.exercise.question.id == "2"
    assert practice.solved == 0


def test_an_endless_answer_is_refused(sheet):
    with pytest.raises(InputError):
        Practice(sheet, judge=judge_of()).answer("1" * 100_000)


@pytest.mark.parametrize(("typed", "goes_on", "made"), [
    ("19.3", False, "y = 19.3"),
    ("$19.3$", False, "y = 19.3"),
    ("= 2", True, "= 2"),
    ("2", True, "= 2"),
    ("z = 1", True, "z = 1"),
    ("1 2; 3 4", False, r"y = \begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"),
    ("[[1, 2], [3, 4]]", False, r"y = \begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}"),
    ("[[1, 2], [3]]", False, "y = [[1, 2], [3]]"),
    ("[1, 2]", False, "y = [1, 2]"),
])
def test_an_answer_is_read_as_what_was_asked_for(typed, goes_on, made):
    assert formula(typed, "y", goes_on) == made


def test_numbers_have_six_digits():
    assert all(len(numbers_of(s, t)) == 6 and numbers_of(s, t).isdigit()
               for s in range(20) for t in range(5))


def test_the_paper_of_an_answer_stands_under_its_labels():
    sheet = find_sheet("machine-vision")
    assert paper_of(sheet, sheet.question("1.b.ii"), ("a = 1",)) == (
        "Question 1 (b) (ii)\n\n$$a = 1$$\n")


def practised(monkeypatch, capsys, typed, *words):
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(
        buffer=io.BytesIO(typed.encode()), isatty=lambda: False))
    code = main(["practise", *words])
    return code, capsys.readouterr().out


def test_a_conversation_runs_over_standard_input(monkeypatch, capsys):
    code, out = practised(monkeypatch, capsys, "hint\n8\n[[8, 6], [-0.5, -0.5]]\nshow\nquit\n",
                          "machine-vision", "--student", "180631", "-q", "1.b.i", "-q", "1.b.iii")
    assert code == 0
    assert "Begin with what it is: U" in out
    assert "Right." in out
    assert "19.3" in out
    assert "1 of 2 solved." in out


def test_the_end_of_the_input_ends_it(monkeypatch, capsys):
    code, out = practised(monkeypatch, capsys, "", "machine-vision")
    assert code == 0
    assert "0 of 0 solved." in out
