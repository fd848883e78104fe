"""Points: what a teacher would give, and which question a step belongs to."""

import functools

import pytest

from chainrule.check.checking import Checker
from chainrule.check.report import report_document
from chainrule.check.sheet_reading import find_sheet
from chainrule.render import render


@functools.cache
def checker(sheet):
    return Checker(find_sheet(sheet))


def toy(text):
    return checker("machine-vision")(text.encode(), "paper.md", "180631")


def earned(report):
    return {q.question: q.points for q in report.questions if q.points}


def matrix(*rows):
    body = r" \\ ".join(" & ".join(map(str, row)) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def answer(label, text):
    question, part, item = label.split(".")
    return f"Question {question}\n\n({part}) ({item})\n\n{text}\n"


def test_a_matrix_with_one_wrong_entry_earns_the_share_of_the_right_ones():
    report = toy(answer("1.b.i", f"$$U = {matrix((8, 6), (-0.5, 0.5))}$$"))
    assert earned(report) == {"1.b.i": 2.25}


def test_entries_that_are_zero_earn_nothing_by_themselves():
    zeros = matrix(*[[0] * 4] * 4)
    report = toy(answer("1.c.iv", rf"$$\frac{{\partial L}}{{\partial X}} = {zeros}$$"))
    assert earned(report) == {}


def test_a_matrix_may_be_given_cell_by_cell():
    cells = r"$v_1 = 8$, $v_2 = 6$, $v_3 = -0.05$"
    assert earned(toy(answer("1.b.ii", cells))) == {"1.b.ii": 1.5}
    assert earned(toy(answer("1.b.ii", cells + ", $v_4 = -0.05$"))) == {"1.b.ii": 2.0}


def test_a_slip_on_the_way_to_a_wrong_number_leaves_less_than_half():
    report = toy(answer("1.b.iii", r"$$y = 8 \times 1 + 6 \times 2 - 0.05 \times 10 - 0.05 \times 4"
                                   r" = 8 + 12 - 0.5 - 0.2 = 20.3$$"))
    assert earned(report) == {"1.b.iii": 0.75}


def test_what_follows_from_another_questions_mistake_is_right():
    wrong = rf"$$\frac{{\partial L}}{{\partial V}} = {matrix((2, 4), (20, 80))}$$"
    next_ = rf"$$\frac{{\partial L}}{{\partial U}} = {matrix((2, 4), (2, 8))}$$"
    report = toy(f"Question 1\n\n(c)\n\n(ii)\n\n{wrong}\n\n(iii)\n\n{next_}\n")
    assert earned(report) == {"1.c.ii": 1.5, "1.c.iii": 3.0}


def test_what_follows_from_a_mistake_of_its_own_question_earns_half():
    report = checker("pattern-recognition")(
        b"T1.\n\n$y_1 = 0.6 \\cdot (-0.2) + 0.15 = 0.27$\n\n$z = 0.27 + 1 = 1.27$\n", "p.md")
    assert earned(report) == {"1.forward": 1.5}


def test_arithmetic_behind_a_wrong_count_earns_nothing():
    report = checker("pattern-recognition")(
        b"T2. The amount of parameters of A is $3 \\times 3 \\times 5 = 45$.\n", "p.md")
    assert earned(report) == {}
    assert [j.verdict for j in report.judged if j.verdict] == ["wrong", "follows"]


def test_the_last_number_below_a_question_is_its_answer_if_it_is_right():
    check = checker("deep-learning")
    right = b"Question 6\n\n1.\n\nIn the end $24 \\cdot 24 \\cdot 128 = 73728$.\n"
    other = b"Question 6\n\n1.\n\nIn the end $24 \\cdot 24 \\cdot 64 = 36864$.\n"
    assert earned(check(right, "p.md")) == {"6.1": 5.0}
    report = check(other, "p.md")
    assert earned(report) == {}
    assert all(j.verdict != "wrong" for j in report.judged)


def test_a_part_whose_label_was_lost_is_put_back_by_the_sheet():
    loss = (r"$$L(g, p) = -\sum_j g_j \log p_j = -1 \times \log p_y = -\log p_y$$")
    report = toy("Question 2\n\n(a)\n\n(i)\n\n$\\text{softmax}(z)_i = p_i$\n\n(ii)\n\nStable.\n"
                 f"\n(i)\n\n{loss}\n\n(c)\n\n(i)\n\n$\\frac{{dL}}{{dz_y}} = p_y - 1$\n")
    assert {j.question for j in report.judged if "log" in j.claim.right.text} == {"2.b.i"}
    assert earned(report)["2.b.i"] == 3.0


def test_working_belongs_to_the_answer_that_it_leads_to():
    report = checker("pattern-recognition")(
        b"T1.\n\n$x_1 = 0.6$\n\n$y_1 = 0.03$\n\n$z = 1.03$\n\n"
        b"$\\frac{\\partial z}{\\partial w_1} = x_1 = 0.6$\n", "p.md")
    assert [j.question for j in report.judged] == ["1.forward"] * 3 + ["1.w1"] * 2


def test_a_derivation_that_does_not_reach_its_end_earns_at_most_half():
    report = toy(answer("2.c.i", r"$$\frac{dL}{dz_y} = \frac{d}{dz_y} \{ -\log p_y \}$$"))
    assert earned(report) == {"2.c.i": 1.5}


def test_a_table_of_which_most_is_missing_is_not_full():
    report = checker("deep-learning")(
        b"Question 4\n\n1.\n\n"
        b"| $v_{-1}$ | $= x_1$ | $= 3$ | $\\dot v_{-1}$ | $= \\dot x_1$ | $= 1$ |\n"
        b"|---|---|---|---|---|---|\n"
        b"| $v_0$ | $= x_2$ | $= 6$ | $\\dot v_0$ | $= \\dot x_2$ | $= 0$ |\n", "p.md")
    assert earned(report) == {}  # the sheet fills these rows in itself
    two = b"Question 4\n\n1.\n\n$v_1 = x_1 + x_2 = 9$, $y = 35.1211$"
    report = checker("deep-learning")(two, "p.md")
    assert 0 < earned(report)["4.1"] <= 3


def test_a_choice_of_two_definitions_counts_each():
    one = b"Question 1\n\n2.\n\n$g(x) = x H(x)$\n\n$g(x) = x H(x)$\n"
    assert earned(checker("deep-learning")(one, "p.md")) == {"1.2": 2.0}


@pytest.mark.parametrize("audience", ["teacher", "student"])
def test_matrices_stand_on_lines_of_their_own(audience):
    report = toy(answer("1.b.i", f"$$U = {matrix((8, 6), (-0.5, 0.5))}$$"))
    shown = render(report_document(report, audience), "terminal", width=100)
    assert "  U = ⎡ 8    6  ⎤\n      ⎣-0.5  0.5⎦" in shown
    assert "[8 6; -0.5 0.5]" not in shown
    assert "[[" not in shown
    assert ("-0.5⎦" in shown) == (audience == "teacher")  # the right value


def test_a_reason_is_told_once():
    wrong = rf"$$\frac{{\partial L}}{{\partial \alpha}} = {matrix((0, 10), (-9, 0))}$$"
    report = toy(answer("1.d.ii", f"{wrong}\n\nSo\n\n{wrong}"))
    shown = render(report_document(report, "student"), "terminal", width=100)
    assert shown.count("is wrong for the same reason") == 1
