"""What must not pass, and what is right beside it: each wrong formula has right neighbours.

A formula may hold by accident: of the given sizes, of worlds that are on one side of a kink, of a
product that is read as another one, of a vector that is turned round. Nothing of that is credit.
"""

from functools import cache
from pathlib import Path

import pytest

from chainrule.check.checking import Checker
from chainrule.check.report_json import report_data
from chainrule.check.sheet_reading import find_sheet

SHEET = Path(__file__).parent / "data" / "sound" / "sheet.md"


@cache
def checker():
    return Checker(find_sheet(str(SHEET)))


def report(question, text):
    return report_data(checker()(f"Question {question}\n\n(a)\n\n{text}\n".encode(), "a.md", "1"))


def verdicts(question, text):
    return [c["verdict"] for c in report(question, text)["claims"] if c["verdict"]]


def right(question, text):
    found = verdicts(question, text)
    return bool(found) and set(found) == {"right"}


def wrong(question, text):
    return "wrong" in verdicts(question, text)


@pytest.mark.parametrize("text", [
    r"$t = \operatorname{tr}(AB)$", r"$t = \operatorname{tr}(BA)$", r"$(AB)^T = B^T A^T$",
    r"$\nabla_A \operatorname{tr}(AB) = B^T$", r"$\frac{\partial t}{\partial A} = B^T$",
    r"$x^T A x = \operatorname{tr}(A x x^T)$", r"$\|A\|^2 = \operatorname{tr}(A^T A)$",
])  # fmt: skip
def test_matrices_side_by_side_are_multiplied(text):
    assert right(1, text)


@pytest.mark.parametrize("text", [
    r"$t = \operatorname{tr}(A^T B)$", r"$(AB)^T = A^T B^T$", r"$AB = BA$",
    r"$\nabla_A \operatorname{tr}(AB) = B$", r"$\|A\|^2 = \operatorname{tr}(AA)$", r"$t = AB$",
])  # fmt: skip
def test_matrices_side_by_side_are_no_product_cell_by_cell(text):
    assert wrong(1, text)


def test_a_trace_is_of_a_square_matrix():
    assert right(4, r"$L = \operatorname{tr}(G^T O)$")
    assert not right(4, r"$L = \operatorname{tr}(G O)$")
    assert not right(1, r"$\operatorname{tr}(x) = \sum_i x_i$")


def test_vectors_lie_as_they_do_on_the_sheet_and_in_the_paper():
    whole = r"$q = x^T A x + b^T x$. "
    assert right(1, whole + r"$\frac{\partial q}{\partial A} = x x^T$")
    assert verdicts(1, r"$\frac{\partial q}{\partial A} = x^T x$") == ["undecided"]
    assert verdicts(1, whole + r"$\frac{\partial q}{\partial A} = x^T x$") == ["right", "wrong"]
    assert not right(1, r"$q = x A x^T + b x^T$")


def test_a_transpose_lost_among_others_is_a_mistake():
    whole = r"$J = \frac1n (w^T X^T X w - 2 y^T X w + y^T y) + \lambda w^T w$"
    assert right(6, whole)
    assert right(6, r"$J = \frac1n (w X^T X w - 2 y X w + y y) + \lambda w w$")  # none written
    for lost in (whole.replace("w^T X^T", "w X^T"), whole.replace("2 y^T", "2 y")):
        assert wrong(6, lost)


@pytest.mark.parametrize(("question", "text"), [
    (4, r"$S = \frac{1}{\sqrt{d_k}} Q K$"), (4, r"$S = \frac{1}{\sqrt{2}} Q K$"),
    (6, r"$\nabla_w J = \frac{2}{\sqrt{4}} r X^T + 2 \lambda w$"),
    (6, r"$r = \tanh(X^T w)$"),
])  # fmt: skip
def test_shapes_are_looked_at_behind_roots_and_functions(question, text):
    assert wrong(question, text)


def test_worlds_are_on_both_sides_of_a_kink():
    slope = r"$\frac{\partial J}{\partial b} = -\frac1n \sum_i \mathbb{1}[y_i f_i < 1] y_i$"
    assert right(3, slope)
    assert wrong(3, r"$\frac{\partial J}{\partial b} = -\frac1n \sum_i y_i$")
    assert wrong(3, r"$J = \frac{\lambda}{2} \|w\|^2 + \frac1n \sum_i (1 - y_i f_i)$")


@pytest.mark.parametrize("text", [
    r"$o = \lfloor (i + 2p - k)/s \rfloor + 1$", r"$o = \lfloor (i + 2p - k + s)/s \rfloor$",
    r"$o = \lfloor (i + 2 - k)/s \rfloor + 1 = 15$",
    r"$o = \lfloor \frac{32 + 2p - k}{2} \rfloor + 1$",
    r"$o = \lceil (i + 2p - k)/s \rceil = 15$",
])  # fmt: skip
def test_a_size_may_be_written_in_several_ways(text):
    assert right(5, text)


@pytest.mark.parametrize("text", [
    r"$o = \lfloor (i + p - k)/s \rfloor + 1 = 15$", r"$o = \lfloor (i - k)/s \rfloor + 2$",
    r"$o = \lfloor (i + 2p - k)/s \rfloor + p$", r"$o = \lfloor (i - k)/s \rfloor + p + 1$",
])  # fmt: skip
def test_a_floor_hides_no_mistake(text):
    assert wrong(5, text)


@pytest.mark.parametrize("text", [
    r"$\bar L = 1$, $\bar y = \bar g \frac{\partial g}{\partial y} "
    r"+ \bar f \frac{\partial f}{\partial y}$",
    r"$\frac{\partial L}{\partial y} = \frac{\partial L}{\partial g}\frac{\partial g}{\partial y}"
    r" + \frac{\partial L}{\partial f}\frac{\partial f}{\partial y}"
    r" = \frac{\partial L}{\partial g} \cdot 1 - \frac{\partial L}{\partial f} \frac{g}{y^2}$",
    r"$\frac{\partial L}{\partial a} = \frac{\partial L}{\partial y}\frac{\partial y}{\partial a}"
    r" + \frac{\partial L}{\partial g}\frac{\partial g}{\partial a}$",
    r"$1 = \bar L$, $\bar f = 2 f \bar L$",
])  # fmt: skip
def test_the_ways_of_a_sum_are_local(text):
    assert right(2, text)


@pytest.mark.parametrize("text", [
    r"$\bar L = 1$, $\bar y = \bar g \frac{\partial g}{\partial y} "
    r"- \bar f \frac{\partial f}{\partial y}$",
    r"$\frac{\partial L}{\partial a} = \frac{\partial L}{\partial y}\frac{\partial y}{\partial a}"
    r" - \frac{\partial L}{\partial g}\frac{\partial g}{\partial a}$",
    r"$\frac{\partial L}{\partial y} = \frac{\partial L}{\partial g}\frac{\partial g}{\partial y}$",
    r"$\frac{\partial L}{\partial y} = -2 f \frac{g}{y^2}$",
    r"$\frac{df}{dy} = -\frac{g}{y^2}$",
])  # fmt: skip
def test_a_way_that_is_left_out_is_wrong(text):
    assert wrong(2, text)


def test_a_local_derivative_that_nobody_asks_for_is_left_to_a_person():
    assert verdicts(2, r"$\frac{\partial f}{\partial y} = -\frac{g}{y^2}$") == ["undecided"]
    assert wrong(2, r"$\frac{\partial f}{\partial y} = \frac{g}{y^2}$")


@pytest.mark.parametrize("text", [
    r"$\sum_k A_{ij} = 1$", r"$\frac{\partial L}{\partial V_{jc}} = \sum_k A_{ij} G_{ic}$",
    r"$A_{ij} = \frac{e^{S_{ij}}}{\sum_k e^{S_{ij}}}$",
])  # fmt: skip
def test_a_sum_over_an_index_that_its_terms_lack_is_wrong(text):
    assert wrong(4, text)


def test_a_sum_of_whole_vectors_leaves_open_what_it_runs_over():
    assert not wrong(6, r"$J = \frac1n \sum_i (Xw - y)^2 + \lambda \|w\|^2$")
    assert right(4, r"$\sum_j A_{ij} = 1$")


@pytest.mark.parametrize("text", [
    r"If $A$ is symmetric, $\nabla_x q = 2Ax + b$", r"For symmetric $A$: $\nabla_x q = 2Ax + b$.",
    r"With $A$ symmetric, $\nabla_x q = 2Ax + b$.",
    r"$$\nabla_x q = 2Ax + b,$$ if $A$ is symmetric.",
    r"Assume that $\mathbf{A}$ is symmetric. Then $\nabla_x q = 2Ax + b$.",
])  # fmt: skip
def test_a_matrix_is_symmetric_where_the_paper_says_so(text):
    assert right(1, text)


@pytest.mark.parametrize("text", [
    r"$\nabla_x q = 2Ax + b$", r"$A$ is not symmetric. $\nabla_x q = 2Ax + b$",
    r"$A$ need not be symmetric. $\nabla_x q = 2Ax + b$",
    r"If $A$ is symmetric, $\nabla_x q = Ax + b$",
    r"If $A$ is symmetric, $x^T A x = \sum_i A_{ii} x_i^2$",
])  # fmt: skip
def test_a_matrix_is_not_symmetric_by_itself(text):
    assert wrong(1, text)


@pytest.mark.parametrize("text", [
    r"Let $D = GV^T$. Then $\frac{\partial L}{\partial A} = D$",
    r"Let $T = \sum_k e^{S_{2k}}$. Then $A_{21} = e^{S_{21}}/T$",
    r"Let $s = \sum_k \exp(S_{ik})$. Then $A_{ij} = \exp(S_{ij})/s$",
    r"Let $s_i = \sum_k \exp(S_{ik})$. Then $A_{ij} = \exp(S_{ij})/s_i$",
    r"$\frac{\partial L}{\partial Q} = \frac{1}{\sqrt{d_k}} \frac{\partial L}{\partial S} K$",
])  # fmt: skip
def test_a_name_of_the_paper_is_its_own_though_a_size_or_a_quantity_is_called_nearly_so(text):
    assert right(4, text)


@pytest.mark.parametrize("text", [
    r"Let $D = GV^T$. Then $\frac{\partial L}{\partial A} = D^T$",
    r"Let $T = \sum_k e^{S_{2k}}$. Then $A_{11} = e^{S_{11}}/T$",
    r"Let $s_i = \sum_k \exp(S_{ik})$. Then $A_{ij} = \exp(S_{ij})/s_j$",
    r"$\frac{\partial L}{\partial Q} = \frac{1}{d_k} \frac{\partial L}{\partial S} K$",
])  # fmt: skip
def test_what_is_said_with_such_a_name_is_judged(text):
    assert wrong(4, text)


def test_words_with_a_colon_announce_an_answer():
    assert right(5, "parameters: 16*75 + 16 = 1216")
    assert verdicts(5, "parameters: 16*75 = 1200") == ["wrong", "follows"]
    assert right(5, "parameters without biases: 16*75 = 1200")
    assert right(5, r"parameters: $5 \cdot 5 \cdot 3 = 75$ weights per kernel")


def test_a_size_that_is_asked_for_may_be_given_for_all_axes():
    assert right(5, r"The output size is $15 \times 15 \times 16$")
    assert wrong(5, r"The output size is $14 \times 14 \times 16$")
    assert not right(5, r"The output size is $15 \times 15 \times 17$")
