"""What a teacher elsewhere asks of a report: fair points, and sentences that are true and clear."""

import functools

import pytest

from chainrule.check.checking import Checker
from chainrule.check.report import report_document
from chainrule.check.sheet import Rounding
from chainrule.check.sheet_making import asked_for
from chainrule.check.sheet_reading import find_sheet, read_sheet
from chainrule.render import render


@functools.cache
def gru():
    return Checker(find_sheet("examples/gru.md"))


def points(text):
    report = gru()(f"Exercise 2\n\n{text}\n".encode(), "p.md", "3")  # p = 2, q = 3
    return next(q for q in report.questions if q.question == "2")


FORWARD = "$k = pq = 2 \\cdot 3 = 6$, $m = k + \\sin p = 6.909$, $y = m^2 = 47.738$. "
BARS = ("$\\bar y = 1$, $\\bar m = 2m = 13.819$, $\\bar k = \\bar m = 13.819$, "
        "$\\bar q = \\bar k p = 27.637$, $\\bar p = \\bar k q + \\bar m \\cos p = 35.705$")
PARTIALS = (r"$\frac{\partial y}{\partial m} = 2m = 13.819$, $\frac{\partial y}{\partial k} = "
            r"13.819$, $\frac{\partial y}{\partial q} = 27.637$, $\frac{\partial y}{\partial p} = "
            "35.705$")
COLUMNS = ("| v | value | adjoint |\n|---|---|---|\n| $p$ | 2 | 35.705 |\n| $q$ | 3 | 27.637 |\n"
           "| $k$ | 6 | 13.819 |\n| $m$ | 6.909 | 13.819 |\n| $y$ | 47.738 | 1 |\n")
OWN = ("$v_1 = p q = 6$, $v_2 = \\sin p = 0.909$, $v_3 = v_1 + v_2 = 6.909$, $y = v_3^2 = 47.738$,"
       " $\\bar v_3 = 2 v_3 = 13.819$, $\\bar v_2 = \\bar v_3 = 13.819$, $\\bar v_1 = \\bar v_3 = "
       "13.819$, $\\bar q = \\bar v_1 p = 27.637$, $\\bar p = \\bar v_1 q + \\bar v_2 \\cos p = "
       "35.705$")


@pytest.mark.parametrize("text", [FORWARD + BARS, FORWARD + PARTIALS, COLUMNS, OWN])
def test_a_whole_table_of_any_make_earns_all_its_points(text):
    assert points(text).points == 5.0


@pytest.mark.parametrize(("text", "least", "most"), [
    ("$k = 6$", 0.5, 1),  # one of seven
    ("$k = pq = 2 \\cdot 3 = 3 \\cdot 2 = 6$, and again $k = 6$", 0.5, 1),
    (FORWARD, 2, 2.5),
    (FORWARD + r"$\frac{\partial m}{\partial k} = 1$, $\frac{\partial y}{\partial m} = 13.819$",
     2.5, 3),  # a local derivative is no adjoint
    (BARS, 2.5, 3),
    (r"$\frac{\partial y}{\partial p} = 35.705$", 0.5, 1),
    ("$a = p + 1 = 3$, $b = p + 2 = 4$, $c = p + 3 = 5$, $d = p + 4 = 6$",
     0, 0),  # steps to nowhere
    (FORWARD + BARS.replace("27.637", "13.637"), 4, 4.75),
])
def test_a_table_earns_the_share_of_what_is_there_and_right(text, least, most):
    marked = points(text)
    assert least <= marked.points <= most
    assert "of the 7 quantities" in marked.why or marked.points > 3


def test_values_that_an_earlier_question_has_are_not_asked_for_again():
    report = Checker(find_sheet("deep-learning"))
    forward = "Question 4\n\n1.\n\n$v_1 = x_1 + x_2 = 9$, $y = 35.1211$\n\n"
    slopes = (r"$\frac{\partial y}{\partial x_1} = -0.1535$, "
              r"$\frac{\partial y}{\partial x_2} = 11.9877$")
    found = [next(q.points for q in report(text.encode(), "p.md").questions
                  if q.question == "4.2")
             for text in (f"{forward}2.\n\n{slopes}\n", f"Question 4\n\n2.\n\n{slopes}\n")]
    assert found[0] > found[1] > 0


SHEET = '''+++
id = "mixed"
title = "Mixed"
+++

```program bn
size N
input x[N], g[N], gamma
mu = (sum(i) x[i])/N
y[i] = gamma*(x[i] - mu)
L = sum(i) g[i]*y[i]
v = (sum(i) (x[i] - mu)^2)/N
```

```question 1
ask = "closed"
of = 'L'
points = 1
```

```question 2
ask = "configuration"
points = 2
[options]
in = 32
out = 16
known = { k = 4 }
```

```question 3
ask = "choice"
points = 1
[options]
choices = ["ReLU", "tanh", "leaky ReLU"]
right = 2
```

```question 4
of = 'n'
quantity = "n"
part = "count"
points = 1
rounding = { absolute = 0 }
```

```program count
n = (3*3*16 + 1)*32
```
'''


@functools.cache
def mixed():
    return Checker(read_sheet(SHEET, "mixed.md"))


def verdicts(text):
    report = mixed()(f"Question 1\n\n{text}\n".encode(), "p.md")
    return [j.verdict for j in report.judged if j.verdict]


@pytest.mark.parametrize("text", [
    r"$L = \sum g_i y_i$", r"$L = \sum g_j y_j$", r"$\mu = \frac{1}{N} \sum x_i$",
    r"$v = \frac{1}{N} \sum (x_i - \mu)^2$", r"$v = \frac{1}{N} \sum x_i^2 - \mu^2$",
    r"$\frac{\partial L}{\partial x_i} = \gamma (g_i - \frac{1}{N} \sum g_j)$",
    r"$\frac{\partial L}{\partial x_i} = \gamma (g_i - \frac{1}{N} \sum g_i)$",
    "L = ∑ g_i y_i", "L = Σ g_i y_i", "L = sum(g_i y_i)", "μ = sum(x_i)/N", r"$\mu = mean(x_i)$",
])
def test_a_sum_that_names_no_index_is_over_the_letter_behind_it(text):
    assert verdicts(text) == ["right"]


@pytest.mark.parametrize("text", [
    r"$L = \sum g_i$", r"$\mu = \sum x_i$", r"$v = \frac{1}{N} \sum (x_i - \mu)$",
    r"$\frac{\partial L}{\partial x_i} = \gamma (g_i + \frac{1}{N} \sum g_j)$",
    "L = Σ g_i x_i", "μ = sum(x_i)", r"$v = mean(x_i)$",
])
def test_a_wrong_sum_without_an_index_is_wrong(text):
    assert verdicts(text) == ["wrong"]


def marks(number, text):
    report = mixed()(f"Question {number}\n\n{text}\n".encode(), "p.md")
    found = next(q for q in report.questions if q.question == number)
    return found.points, found.undecided


@pytest.mark.parametrize(("text", "points"), [
    ("k=4 s=2 p=1", 2), ("s=2 p=1", 2), ("k = 4   s = 2   p = 1", 2), (r"$s=2\;p=1$", 2),
    ("stride = 2, padding = 1", 2), ("k=4 s=2 p=0", 0), ("k=4 s=3 p=1", 0),
])
def test_settings_one_after_another_are_read_one_by_one(text, points):
    assert marks("2", text) == (points, 0)


def test_a_number_a_letter_and_a_number_are_a_product_in_a_chain():
    report = mixed()(b"Question 1\n\n$a = 2 x = 6$\n", "p.md")
    assert [j.claim.right.text for j in report.judged] == ["2 x", "6"]


@pytest.mark.parametrize(("text", "points", "undecided"), [
    ("tanh", 1, 0), ("**tanh**, since $\\tanh(-x) = -\\tanh(x)$", 1, 0), ("2", 1, 0), ("b", 1, 0),
    ("leaky ReLU", 0, 0), ("ReLU", 0, 0), ("3", 0, 0),
    ("not tanh", 0, 1), ("ReLU or tanh", 0, 1), ("tanh?", 0, 1), ("the second", 0, 1), ("", 0, 1),
])
def test_a_choice_is_marked_where_it_is_plain_and_else_left_to_a_person(text, points, undecided):
    assert marks("3", text) == (points, undecided)


def test_right_arithmetic_that_is_no_answer_is_said_to_be_none():
    report = mixed()(b"Question 4\n\n$3 \\cdot 3 \\cdot 16 \\cdot 32 = 4608$\n", "p.md")
    shown = render(report_document(report, "teacher"), "terminal", width=100)
    assert "right, but not what was asked for" in shown
    assert "This is right, but it is not what was asked for." in shown


def test_a_rule_of_no_error_asks_for_exact_numbers():
    assert asked_for(Rounding(absolute=0)) == "Give exact numbers."
    assert asked_for(Rounding(absolute=0.1)) == "Numbers may be off by 0.1."
