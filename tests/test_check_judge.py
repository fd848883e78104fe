"""Judging papers: chains, what follows from what, conditions, definitions, points."""

from __future__ import annotations

from fractions import Fraction

import pytest
from check_worlds import judged, softmax, toy, verdicts
from gold import SEEDS, agreement, load

from chainrule.check.judge import Case, Memory, judge
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Part, Question, Rounding, Sheet
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import find_sheet
from chainrule.check.verdicts import Mistake
from chainrule.formulas.calls import read

PRODUCT = Part("product", read("input a, b\nc = a*b\nd = c + a\nf = d*d"),
               {"a": Fraction(2), "b": Fraction(3)})
FRACTION = Part("fraction", read("input x1, x2\ny = 1/(x1 + x2) + x2^2 + cos(x1)"),
                {"x1": Fraction(3), "x2": Fraction(6)})


def question(of: str, ask: str = "value", **more: object) -> Question:
    return Question("1", "", "product", ask, of=of, points=4.0,
                    path=(("question", "1"),), **more)  # type: ignore[arg-type]


def test_every_link_of_a_right_chain_is_right() -> None:
    report = judged(PRODUCT, "$$c = ab = 2 \\times 3 = 6$$")
    assert verdicts(report) == ["right", "right", "right"]


def test_after_a_wrong_step_what_agrees_with_it_follows_and_what_is_true_is_right_again() -> None:
    report = judged(PRODUCT, "$$c = 2 + 3 = 5 = 2 \\times 3 = 6$$")
    assert verdicts(report) == ["wrong", "follows", "right", "right"]


def test_a_wrong_value_is_followed_through_what_is_computed_from_it() -> None:
    report = judged(PRODUCT, "$c = 5$\n\n$d = 7$\n\n$f = 49$\n\n$d = 8$\n\n$f = 50$\n")
    assert verdicts(report) == ["wrong", "follows", "follows", "right", "wrong"]
    assert report.judged[1].first == report.judged[0].number
    assert report.judged[0].expected == "6" and report.judged[0].found == "5"


def test_a_wrong_adjoint_is_followed_back_through_the_graph() -> None:
    paper = (r"$\frac{\partial L}{\partial V} = \begin{bmatrix} 2 & 4 \\ 10 & 8 \end{bmatrix}$"
             "\n\n"
             r"$\frac{\partial L}{\partial U} = \begin{bmatrix} 2 & 4 \\ 1 & 0.8 \end{bmatrix}$")
    assert verdicts(judged(toy(), paper)) == ["wrong", "follows"]


def test_a_mistake_that_makes_everything_zero_earns_nothing_further_on() -> None:
    report = judged(PRODUCT, "$a b = 0$\n\n$c = 0$\n\n$\\frac{\\partial f}{\\partial a} = 0$")
    assert "follows" not in verdicts(report)


def test_rounding_too_early_is_followed_and_named() -> None:
    paper = ("| $v_1$ | $= \\frac{1}{x_1 + x_2}$ | $= 0.1$ |\n|---|---|---|\n"
             "| $v_2$ | $= x_2^2$ | $= 36$ |\n| $v_3$ | $= v_1 + v_2$ | $= 36.1$ |\n")
    report = judged(FRACTION, paper, rounding=Rounding(decimals=4))
    assert [j.verdict for j in report.judged if j.verdict] == ["wrong", "right", "follows"]
    coarse = next(j for j in report.judged if j.verdict == "wrong")
    assert "too coarsely" in coarse.why and "0.1111" in coarse.why


def test_decimals_in_a_sum_stand_for_what_they_were_rounded_from() -> None:
    part = Part("logs", read("input x\ny = ln(x) + 5*x"), {"x": Fraction(2)})
    assert verdicts(judged(part, "$y = 0.6931 + 10 = 10.6931$")) == ["right", "right"]
    assert verdicts(judged(part, "$y = 0.6932 + 10$")) == ["wrong"]


def test_tangents_and_adjoints_of_the_papers_own_rows_are_judged() -> None:
    paper = r"""Setting $\dot{x}_1 = 1$ and $\bar{y} = 1$:

$v_1 = \frac{1}{x_1 + x_2}$

$v_2 = x_2^2$

$v_3 = \cos(x_1)$

$v_4 = v_1 + v_2$

$v_5 = v_4 + v_3$

$y = v_5$

$\dot{v}_1 = -\frac{\dot{x}_1}{(x_1 + x_2)^2}$

$\dot{v}_3 = \sin(x_1) \dot{x}_1$

$\bar{v}_4 = \bar{v}_5 \frac{\partial v_5}{\partial v_4}$

$\bar{v}_4 = 2$
"""
    report = judged(FRACTION, paper)
    found = {j.claim.left.text: j.verdict for j in report.judged if j.claim.kind == "claim"}
    assert found[r"\dot{v}_1"] == "right" and found[r"\dot{v}_3"] == "wrong"
    assert [j.verdict for j in report.judged if j.claim.left.text == r"\bar{v}_4"] == [
        "right", "wrong"]


def test_a_heading_that_names_the_wrong_case_is_what_is_wrong() -> None:
    paper = r"""Case $i \neq j$:

$\frac{\partial p_j}{\partial z_i} = p_j - p_j^2$

$\frac{\partial p_j}{\partial z_i} = p_j (1 - p_i)$
"""
    report = judged(softmax(), paper)
    heading = [j for j in report.judged if j.kind == "condition" and j.verdict == "wrong"]
    assert len(heading) == 1 and verdicts(report) == ["follows", "follows"]
    assert report.judged[-1].first == heading[0].number


def test_a_name_of_the_papers_own_is_a_definition_and_its_use_is_judged() -> None:
    report = judged(PRODUCT, "Let $q = a + b$.\n\n$q = 5$\n\n$f = (c + a)^2$\n\n$q^2 = 24$")
    kinds = [(j.kind, j.verdict) for j in report.judged]
    assert kinds[0] == ("definition", "")
    assert [v for _, v in kinds[1:]] == ["right", "right", "wrong"]


def test_what_the_sheet_does_not_know_is_left_open() -> None:
    report = judged(PRODUCT, "$a = \\lambda$\n\n$c + \\mu = 7$")
    assert verdicts(report) == ["undecided", "undecided"]


@pytest.mark.parametrize("text", ["$f = f$", "$$f = f = f$$"])
def test_a_vacuous_answer_earns_nothing(text: str) -> None:
    report = judged(PRODUCT, "Question 1\n\n" + text, question("f"))
    assert report.points == 0


@pytest.mark.parametrize("text", ["$f = \\text{NaN}$", "$f = \\infty$", "", "$f =$"])
def test_no_value_is_no_answer(text: str) -> None:
    report = judged(PRODUCT, "Question 1\n\n" + text, question("f"))
    assert report.points == 0


def test_points_are_for_the_last_answer() -> None:
    assert judged(PRODUCT, "Question 1\n\n$f = 64$", question("f")).points == 4
    assert judged(PRODUCT, "Question 1\n\n$f = 64$\n\n$f = 65$", question("f")).points == 0
    follows = judged(PRODUCT, "Question 1\n\n$d = 9$\n\n$f = 81$", question("f"))
    assert follows.points == 2 and "a mistake on the way" in follows.questions[0].why


def test_another_answer_that_the_sheet_accepts_is_right() -> None:
    asked = question("f", accept=("d*d + 1",))
    assert judged(PRODUCT, "Question 1\n\n$f = 65$", asked).points == 4


def test_words_name_a_quantity_by_its_phrases() -> None:
    asked = question("f", phrases=("final number",))
    report = judged(PRODUCT, "The final number is $60$", asked)
    assert [j.verdict for j in report.judged] == ["wrong"]


def test_a_configuration_is_judged_as_a_whole() -> None:
    asked = Question("1", "", "layer", "configuration", points=2.0, path=(("question", "1"),),
                     options={"in": 64, "out": 32, "known": {"k": 8}})
    part = Part("layer", None)
    right = judged(part, "Question 1\n\n$k = 8$, $s = 2$, $p = 3$", asked)
    wrong = judged(part, "Question 1\n\n$k = 8$, $s = 2$, $p = 1$", asked)
    assert right.points == 2 and wrong.points == 0
    assert any("30" in j.why for j in wrong.judged)


def test_whoever_says_why_gets_the_values_and_can_ask_for_more() -> None:
    seen: list[Case] = []

    def explain(case: Case) -> tuple[Mistake, ...]:
        seen.append(case)
        left, right = case.claim.left.node, case.claim.right.node
        assert left is not None and right is not None
        assert case.test(left, "=", right).verdict == "fails"
        return (Mistake("sum", "a sum for a product", "what joins a and b?"),)

    sheet = Sheet("s", "", {"product": PRODUCT}, ())
    paper = read_paper("$c = a + b$", "p.md")
    report = judge(sheet, paper, read_claims(paper), explain=explain)
    assert report.judged[0].mistakes[0].kind == "sum" and len(seen) == 1
    assert seen[0].outcome.left == 6 and seen[0].outcome.right == 5


def test_a_memory_that_is_kept_changes_no_verdict() -> None:
    memory = Memory()
    sheet = Sheet("s", "", {"softmax": softmax()}, ())
    text = "$L = -\\log p_y$\n\n$p_i = p_j$\n\n$\\frac{dL}{dz_i} = p_i - g_i$"
    paper = read_paper(text, "p.md")
    reading = read_claims(paper)
    first = judge(sheet, paper, reading, memory=memory)
    again = judge(sheet, paper, reading, memory=memory)
    fresh = judge(sheet, paper, reading)
    assert verdicts(first) == verdicts(again) == verdicts(fresh) == ["right", "wrong", "right"]


def test_deep_and_long_formulas_are_refused_or_judged_in_time() -> None:
    import time

    text = "\n\n".join([
        "$c = " + "(" * 300 + "a" + ")" * 300 + "$",
        "$c = " + " + ".join(["a"] * 5000) + "$",
        "$c = 9^{9^{9^{9}}}$",
        "$c = \\sum_{i=1}^{10^9} i$",
        "$c = \\frac{1}{0}$",
        "$f(x) = f(x) + 1$ $f(2) = 3$",
    ])
    start = time.process_time()
    report = judged(PRODUCT, text)
    assert time.process_time() - start < 3
    assert "right" not in verdicts(report)


@pytest.mark.skipif(not SEEDS.exists(), reason="../shared/seeds is not there")
@pytest.mark.parametrize("name", ["003", "004", "002"])
def test_the_three_papers_are_judged_as_a_careful_reader_does(name: str) -> None:
    gold = load(name)
    sheet = personalised(find_sheet(gold.sheet), gold.student)
    paper = read_paper(gold.paper.read_text(encoding="utf-8"), gold.paper.name)
    found = agreement(judge(sheet, paper, read_claims(paper), gold.student), gold)
    assert not found.contrary, found.shown()
    assert not found.missed, found.shown()
    assert found.share >= 0.9, found.shown()


def test_cases_have_to_hold_where_they_meet() -> None:
    part = Part("step", read("input x\nH = heaviside(x)"))
    right = r"$H = \begin{cases} 1 & x > 0 \\ \frac{1}{2} & x = 0 \\ 0 & x < 0 \end{cases}$"
    wrong = r"$H = \begin{cases} 1 & x > 0 \\ 1 & x = 0 \\ 0 & x < 0 \end{cases}$"
    assert verdicts(judged(part, right)) == ["right"]
    assert verdicts(judged(part, wrong)) == ["wrong"]


def test_a_matrix_below_what_it_is_called_is_an_answer() -> None:
    asked = Question("1", "", "toy", "value", of="U", points=3.0, path=(("question", "1"),),
                     phrases=("values of the matrix U",))
    right = "Question 1\n\n8\t6\n-0.5\t-0.5\n\n: values of the matrix U\n"
    wrong = "Question 1\n\n8\t6\n-0.5\t-1\n\n: values of the matrix U\n"
    assert judged(toy(), right, asked).points == 3
    report = judged(toy(), wrong, asked)
    assert report.points == 2.25 and verdicts(report) == ["wrong"]  # three of four entries


def test_a_line_of_a_program_is_not_judged() -> None:
    assert verdicts(judged(PRODUCT, "c = np.array([5.0])\n\n$c = 6$")) in (["", "right"], ["right"])


def test_another_students_numbers_are_wrong_and_follow() -> None:
    base = find_sheet("machine-vision")
    paper = read_paper("Question 1\n\n(b)\n\n(iii)\n\n$y = 12.5$\n", "p.md")
    report = judge(personalised(base, "180631"), paper, read_claims(paper))
    assert "wrong" in verdicts(report)


def test_what_is_true_by_accident_of_the_given_numbers_is_wrong() -> None:
    part = Part("ones", read("input a, b\nc = a*b"), {"a": Fraction(1), "b": Fraction(3)})
    report = judged(part, "$c = b$\n\n$c = a b$\n\n$c = 3$\n\n$c = 1 \\times b$")
    assert verdicts(report) == ["wrong", "right", "right", "right"]
    assert "in general" in report.judged[0].why
