"""What a person decides at a glance: Hessians, differentials, tables of one's own, ±, shapes.

Each line stands alone below a question of a sheet of another course (`data/strangers`). What is
right must never be called wrong; what stays open is open because more than one thing can be meant.
"""

from functools import cache
from pathlib import Path

import pytest

from chainrule.check.checking import Checker
from chainrule.check.report_json import report_data
from chainrule.check.sheet_reading import find_sheet

HERE = Path(__file__).parent / "data" / "strangers"

LSQ = ("calculus", "Question 1\n\n(b)")
TRACE = ("calculus", "Question 1\n\n(a)")
QUADRATIC = ("calculus", "Question 1\n\n(c)")
SOFTMAX = ("calculus", "Question 2\n\n(b)")
DIVERGENCE = ("calculus", "Question 3\n\n(c)")
TAPE = ("calculus", "Question 4\n\n(a)")
BATCH = ("logistic", "Problem 1\n\n(a)")
SINGLE = ("logistic", "Problem 2\n\n(b)")
ADAM = ("logistic", "Problem 3\n\n(c)")
NET = ("tanh-net", "Task 2\n\n(b)")
LAYER = ("tanh-net", "Task 1\n\n(a)")
LSTM = ("recurrent", "Exercise 1\n\n(a)")
ATTENTION = ("recurrent", "Exercise 2\n\n(b)")
POOLING = ("conv", "Question 1\n\n(b)")
NORM = ("conv", "Question 2\n\n(a)")
COUNTS = ("conv", "Question 3\n\n(d)")


@cache
def checker(name):
    sheet = find_sheet(str(HERE / f"{name}.md"))
    return sheet, Checker(sheet)


def report(place, text):
    name, labels = place
    sheet, check = checker(name)
    return report_data(check(f"{labels}\n\n{text}\n".encode(), "line.md", sheet.example or "1"))


def verdicts(place, text):
    """The verdicts of all claims in a line that has some."""
    return [c["verdict"] for c in report(place, text)["claims"] if c["verdict"]]


def table(*rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def all_right(place, text):
    found = verdicts(place, text)
    return bool(found) and set(found) == {"right"}


@pytest.mark.parametrize("text", [
    r"$\nabla^2 f = 2 A^T A$", r"$\nabla_x^2 f = 2A^TA$", r"$\nabla^2_x f(x) = 2A^TA$",
    "∇²f = 2AᵀA", r"$\nabla^2 f = 2\operatorname{tr}(A^TA)$",
    r"$(\nabla^2 f)_{jk} = 2 \sum_i A_{ij} A_{ik}$",
])  # fmt: skip
def test_the_square_of_nabla_is_the_hessian_or_the_sum_of_its_diagonal(text):
    assert all_right(LSQ, text)


def test_a_hessian_of_another_function_is_right_too():
    assert all_right(QUADRATIC, r"$\nabla^2 q = A + A^\top$")
    assert all_right(SOFTMAX, r"$\nabla^2 f(x) = \operatorname{diag}(p) - p p^\top$")
    assert all_right(SINGLE, r"$\nabla^2_w L = \hat y (1-\hat y) x x^\top$")


@pytest.mark.parametrize(("place", "text"), [
    (LSQ, r"$\nabla^2 f = A^TA$"), (LSQ, r"$\nabla^2 f = 2AA^\top$"),
    (QUADRATIC, r"$\nabla^2 q = 2A$"), (SOFTMAX, r"$\nabla^2 f = pp^T - diag(p)$"),
    (SINGLE, r"$\nabla_w^2 L = \hat y x x^\top$"),
])  # fmt: skip
def test_a_wrong_hessian_is_wrong(place, text):
    assert verdicts(place, text) == ["wrong"]


@pytest.mark.parametrize(("place", "text"), [
    (LSQ, r"$df = 2 r^T dr = 2 r^T A dx$"),
    (LSQ, r"$df = 2 r^T (dA x + A dx - db)$"),
    (LSQ, r"$df = 2 \sum_i r_i dr_i = 2 \sum_{i,j} r_i A_{ij} dx_j$"),
    (LSQ, r"$df = \langle \nabla f, dx \rangle = \nabla f(x)^T dx$"),
    (LSQ, r"$d(Ax-b) = A dx$"),
    (LSQ, r"$d(r^T r) = dr^T r + r^T dr = 2 r^T dr$"),
    (LSQ, r"Let $u = Ax - b$. Then $du = A dx$ and $df = 2u^T du$."),
    (TRACE, r"$df = \operatorname{tr}(A \, dX \, B) = \operatorname{tr}(BA \, dX)$"),
    (TRACE, r"$d f = \operatorname{tr}(dA X B) + \operatorname{tr}(A dX B) + tr(AX dB)$"),
    (SOFTMAX, r"$dp = (\operatorname{diag}(p) - pp^T) dx$"),
    (SOFTMAX, r"$dp_i = p_i (dx_i - \sum_j p_j dx_j)$"),
    (SOFTMAX, r"$d \ln p_i = dp_i / p_i$"),
    (SINGLE, r"$dz = w^T dx + x^T dw + db$"),
    (SINGLE, r"$dz = x^T dw + db$"),
    (SINGLE, r"$dL = (\hat y - y) dz$"),
    (ATTENTION, r"$dS = \frac{1}{\sqrt 2} (dQ K^T + Q dK^T)$"),
    (ATTENTION, r"$dO = dA V + A dV$"),
])  # fmt: skip
def test_a_differential_is_the_change_along_any_direction(place, text):
    assert all_right(place, text)


@pytest.mark.parametrize(("place", "text"), [
    (LSQ, r"$df = r^T dr$"), (LSQ, r"$df = 2 r^T (A dx + db)$"),
    (TRACE, r"$df = 2 tr(A dX B)$"), (TRACE, r"$df = \operatorname{tr}(AB \, dX)$"),
    (SINGLE, r"$dL = (y - \hat y) dz$"),
    (SINGLE, r"$dL = \frac{\partial L}{\partial w} dw + \frac{\partial L}{\partial b} dw$"),
])  # fmt: skip
def test_a_wrong_differential_of_what_comes_out_is_wrong(place, text):
    assert "wrong" in verdicts(place, text)


@pytest.mark.parametrize("text", [
    r"$dL = (\hat y - y) x_k dw_k$",  # where w_k alone moves
    r"$dL = L(w + dw) - L(w)$",  # a finite change
    r"$d^2 L = \hat y (1-\hat y) dz^2$",
    r"$dw = -\eta x$",  # a step
])  # fmt: skip
def test_a_d_that_may_be_something_else_is_never_wrong(text):
    assert "wrong" not in verdicts(SINGLE, text)


def test_the_diagonal_alone_is_no_right_differential_of_softmax():
    assert verdicts(SOFTMAX, r"$dp_i = p_i (1-p_i) dx_i$") == ["undecided"]


def test_dw_is_the_derivative_of_the_loss_and_is_wrong_where_the_sheet_asks_for_it():
    assert all_right(NET, r"$dW_2 = H^T d\hat{Y} = \begin{bmatrix} 0.020 \\ -0.180 \end{bmatrix}$")
    assert verdicts(NET, r"$dW_2 = H^T (\hat Y - T)$") == ["wrong"]
    asked = report(NET, r"$dW_2 = H^T d\hat{Y} = \begin{bmatrix} 0.020 \\ -0.180 \end{bmatrix}$")
    assert {q["question"]: q["earned"] for q in asked["points"]["questions"]}["2.b"] == 3


def test_the_derivatives_of_the_examples_own_losses_are_right_as_a_course_writes_them():
    assert all_right(NET, r"$d\hat Y = \hat Y - T$, $dW_2 = \frac{1}{m} H^\top d\hat Y$")


def test_a_wrong_backward_step_in_the_course_notation_is_wrong_once_the_paper_uses_it():
    text = r"$d\hat Y = \frac12 (\hat Y - T)$, $dH = d\hat Y W_2^T$, $dZ = dH \odot (1-Z^2)$"
    assert verdicts(NET, text) == ["right", "right", "wrong"]


@pytest.mark.parametrize(("place", "rows"), [
    (LSTM, (("f_t", "i_t", "o_t"), ("0.701", "0.870", "0.711"))),
    (LSTM, (("gate", "z", "value"), ("f", "0.85", "0.701"), ("i", "1.9", "0.870"))),
    (BATCH, (("k", "dJ/dw_k"), ("1", "0.6522"), ("2", "-0.9448"))),
    (BATCH, (("", "w_1", "w_2"), ("dJ/dw", "0.6522", "-0.9448"))),
    (BATCH, (("", "$w_1$", "$w_2$", "$b$"), ("gradient", "0.6522", "-0.9448", "-0.1396"))),
    (BATCH, (("i", "x_i1", "z_i", "ŷ_i", "y_i"), ("1", "1", "-0.3", "0.4256", "1"),
             ("2", "2", "1.7", "0.8455", "0"), ("3", "-1", "-0.8", "0.3100", "1"))),
    (BATCH, (("i", "1", "2", "3"), ("z_i", "-0.3", "1.7", "-0.8"))),
    (BATCH, (("", "example 1", "example 2", "example 3"), ("z", "-0.3", "1.7", "-0.8"))),
    (BATCH, (("i", "z", "ŷ - y"), ("1", "-0.3", "-0.5744"), ("2", "1.7", "0.8455"),
             ("3", "-0.8", "-0.6900"))),
    (LAYER, (("n", "z_1", "z_2"), ("1", "0.5", "-0.5"), ("2", "-0.75", "-0.5"))),
    (TAPE, (("v", "value", "v̄"), ("v_1", "1.6487", "0.5"), ("v_2", "3.2974", "0.25"))),
    (TAPE, (("node", "forward", "backward"), ("$x_1$", "2", "0.4122"), ("$v_1$", "1.6487", "0.5"))),
    (TAPE, (("i", "v_i", "∂y/∂v_i"), ("1", "1.6487", "0.5"), ("2", "3.2974", "0.25"))),
])  # fmt: skip
def test_a_cell_is_a_claim_about_what_its_row_and_its_column_name(place, rows):
    assert all_right(place, table(*rows))


def test_the_layers_of_a_table_are_the_sheets_phrases_and_sizes_alone_are_no_claims():
    text = table(("layer", "size", "params"), ("conv1", "32×32×64", "(3·3·3+1)·64 = 1792"),
                 ("conv2", "16×16×128", "73856"), ("total", "", "2175626"))
    found = report(COUNTS, text)
    assert {c["verdict"] or "" for c in found["claims"]} == {"right", ""}
    earned = {q["question"]: q["earned"] for q in found["points"]["questions"]}
    assert [earned[q] for q in ("3.a", "3.b", "3.d")] == [1, 1, 3]


@pytest.mark.parametrize("text", [
    "There are 2,175,626 parameters in all.", "2'175'626 parameters in total"])
def test_a_number_in_a_sentence_with_the_sheets_phrase_is_an_answer_where_it_is_right(text):
    found = report(COUNTS, text)
    assert {q["question"]: q["earned"] for q in found["points"]["questions"]}["3.d"] == 3
    assert not report(COUNTS, text.replace("626", "636"))["claims"]


@pytest.mark.parametrize(("place", "rows"), [
    (LSTM, (("f_t", "o_t"), ("0.701", "0.771"))),
    (BATCH, (("k", "dJ/dw_k"), ("1", "0.6522"), ("2", "-0.8448"))),
    (BATCH, (("parameter", "gradient"), ("w_1", "0.6522"), ("w_2", "-0.8448"))),
    (TAPE, (("v", "value", "adjoint"), ("v_1", "1.6487", "0.5"), ("v_2", "3.2974", "0.35"))),
    (COUNTS, (("Layer", "# Parameters"), ("conv1", "1792"), ("conv2", "73728"))),
])  # fmt: skip
def test_a_wrong_cell_is_wrong_and_the_others_are_right(place, rows):
    found = verdicts(place, table(*rows))
    assert found.count("wrong") == 1
    assert found[-1] == "wrong"
    assert set(found[:-1]) == {"right"}


@pytest.mark.parametrize("rows", [
    (("iteration", "w_1", "w_2", "J"), ("0", "0.5", "-0.5", "1.3227"),
     ("1", "0.4348", "-0.4055", "1.2")),
    (("epoch", "w", "J"), ("1", "0.5", "1.2"), ("2", "0.4", "1.1")),
    (("step", "J"), ("1", "1.2345")),
    (("w_1", "w_2", "J"), ("0", "0", "0.6931")),
    (("quantity", "old", "new"), ("w_1", "0.5", "0.43"), ("b", "0.2", "0.214")),
])  # fmt: skip
def test_a_table_of_steps_or_of_other_numbers_accuses_nobody(rows):
    assert "wrong" not in verdicts(BATCH, table(*rows))


@pytest.mark.parametrize(("place", "text", "shapes"), [
    (TRACE, r"$\frac{\partial f}{\partial X} = AB$", "3 × 4 and 2 × 3"),
    (TRACE, r"$\nabla_X f = B^\top A^\top$", "3 × 2 and 4 × 3"),
    (TRACE, r"$(AXB)^\top = A^\top X^\top B^\top$", "4 × 3 and 2 × 4"),
    (LSQ, r"$\nabla f = 2A(Ax-b)$", "3 × 4 and 3"),
    (LSQ, r"$\nabla f(x) = 2A(A^\top x - b)$", "4 × 3 and 4"),
    (BATCH, r"$\frac{\partial J}{\partial w} = \frac13 X (\hat y - y) + \lambda w$", "3 × 2 and 3"),
])  # fmt: skip
def test_shapes_that_never_fit_are_wrong_and_are_named(place, text, shapes):
    (claim,) = report(place, text)["claims"]
    assert claim["verdict"] == "wrong"
    assert shapes in claim["why"]


@pytest.mark.parametrize(("place", "text"), [
    (LSQ, r"$r = xA^T - b$"), (LSQ, r"$\frac{\partial f}{\partial x} = 2 (Ax-b)^\top A$"),
    (LSQ, r"$\frac{\partial f}{\partial A} = 2 (Ax-b) x^\top$"), (SINGLE, r"$z = w x^\top + b$"),
    (BATCH, r"$z = X w^T + b$"), (LAYER, r"$Z = XW_1 + b_1$"),
    (LAYER, r"$Z = XW_1 + \mathbf{1} b_1^\top$"),
])  # fmt: skip
def test_row_vectors_outer_products_and_broadcast_biases_fit(place, text):
    assert all_right(place, text)


def test_a_matrix_that_lies_the_other_way_round_all_through_is_a_custom():
    once = r"$\frac{\partial J}{\partial w} = \frac{1}{3} X (\hat y - y) + \lambda w$"
    assert verdicts(BATCH, once) == ["wrong"]
    assert verdicts(BATCH, rf"$z = w^T X + b$ and {once}") == ["undecided", "undecided"]


@pytest.mark.parametrize("text", [
    r"$\frac{-2 \pm \sqrt{4+12}}{2} = -1 \pm 2$", r"$-1 \pm 2 = (1, -3)$",
    r"$-1 \pm 2 = \{-3, 1\}$", r"$\pm\sqrt{4} = \mp 2$",
])  # fmt: skip
def test_plus_or_minus_is_both_values(text):
    assert all_right(LSTM, text)


def test_a_wrong_one_of_both_values_is_wrong():
    assert verdicts(LSTM, r"$\frac{-2 \pm \sqrt{4+12}}{2} = 1 \pm 2$") == ["wrong"]
    assert verdicts(LSTM, r"$-1 \pm 2 = (1, -2)$") == ["wrong"]


@pytest.mark.parametrize("text", [
    "f_t = 0.701 ± 0.001", "f_t=0.7005..0.7007", r"$f_t \in [0.70, 0.71]$"])
def test_a_range_is_left_to_a_person(text):
    assert set(verdicts(LSTM, text)) <= {"undecided"}


@pytest.mark.parametrize("text", [
    r"$D_{KL}(p \parallel q) = \frac{1}{4}\ln 2$", "KL(p||q) = 0.1733", "KL(p ∥ q) = 0.1733",
    r"$D_{KL}(p \| q) = 0.1733$", "D_KL(p || q) = sum_i p_i ln(p_i/q_i) = 0.1733"])
def test_a_divergence_is_read_however_its_bars_are_written(text):
    assert all_right(DIVERGENCE, text)


def test_a_wrong_divergence_is_wrong():
    text = r"$D_{KL}(p \| q) = \sum_i p_i \ln\frac{q_i}{p_i}$"
    assert verdicts(DIVERGENCE, text) == ["wrong"]


def test_a_weight_before_a_list_is_all_the_weights_that_have_its_mark():
    assert all_right(LSTM, r"$f_t = \sigma(W_f \cdot [h_{t-1}, x_t] + b_f) = 0.701$")
    other = r"$f_t = \sigma(W_i \cdot [h_{t-1}, x_t] + b_f)$"
    assert verdicts(LSTM, other) == ["undecided"]


@pytest.mark.parametrize("text", [
    r"$\sigma' = \sigma(1-\sigma)$", r"$\frac{d\sigma}{dz} = \sigma (1-\sigma)$",
    "dL/dw_k=(yhat-y)*x_k", "dL / dz = y_hat - y",
    r"$$\begin{cases} \frac{\partial L}{\partial z} = \hat y - y \\"
    r" \frac{\partial z}{\partial w_k} = x_k \end{cases}$$",
    r"$$L=-[y \ln (\hat{y})+(1-y) \ln (1-\hat{y})] \quad(*)$$",
])  # fmt: skip
def test_functions_without_arguments_accents_in_words_systems_and_marks_are_read(text):
    assert all_right(SINGLE, text)


def test_a_function_without_its_argument_can_be_wrong():
    assert verdicts(SINGLE, r"$\sigma' = \sigma(1+\sigma)$") == ["wrong"]
    assert verdicts(SINGLE, r"$\frac{d\sigma}{dz} = \sigma(z)$") == ["wrong"]


@pytest.mark.parametrize(("place", "text"), [
    (SOFTMAX, r"$f(x + c\mathbf{1}) = f(x) + c$"), (QUADRATIC, r"$q(-x) = x^T A x - b^T x$"),
    (ADAM, r"$\theta_2 = \theta_1 - \eta \frac{\hat m_2}{\sqrt{\hat v_2} + \epsilon}$"),
    (ADAM, "theta_2 ≈ 0.8911 (4 d.p.)"), (LSTM, "fₜ = 1/(1+e⁻⁰·⁸⁵) = 0.701"),
    (NORM, r"$\sigma_B^2 = 9$, $\sigma_B = 3$"), (ATTENTION, r"$S = \frac{QK^T}{\sqrt{d_k}}$"),
    (POOLING, r"$P_{ij} = \frac14 (C_{2i-1,2j-1} + C_{2i-1,2j} + C_{2i,2j-1} + C_{2i,2j})$"),
    (LSQ, "f(x) = ‖Ax − b‖²"),
])  # fmt: skip
def test_what_strangers_write_is_decided(place, text):
    assert all_right(place, text)


def test_a_function_at_another_place_is_no_product():
    assert verdicts(QUADRATIC, r"$q(-x) = q(x)$") == ["wrong"]
    assert verdicts(SOFTMAX, r"$f(2x) = 2 f(x)$") == ["wrong"]


NETWORK = r"""+++
schema = 1
id = "network"
title = "Two layers"
points = 4
+++

# Question 1

```program net
size n, h, k
input x[n], t[k]
parameter V[h, n], b[h], W[k, h], c[k]
z[i] = sum(j) V[i,j]*x[j] + b[i]
a[i] = tanh(z[i])
y[o] = sum(i) W[o,i]*a[i] + c[o]
L = (sum(o) (y[o] - t[o])^2)/2
output L
```

```given net
[sizes]
n = [2, 4]
h = [3, 5]
k = [2, 4]
```

```question 1.a
ask = "closed"
of = '\frac{\partial L}{\partial W}'
quantity = "dL/dW"
points = 4
```

Find it.
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    file = tmp_path_factory.mktemp("sheets") / "network.md"
    file.write_text(NETWORK, encoding="utf-8")
    check = Checker(find_sheet(str(file)))
    return lambda text: [c["verdict"] for c in report_data(check(
        f"Question 1\n\n(a)\n\n{text}\n".encode(), "line.md", "1"))["claims"] if c["verdict"]]


@pytest.mark.parametrize("text", [
    r"$\frac{\partial L}{\partial W} = \frac{\partial L}{\partial y} a^\top$",
    r"$\frac{\partial L}{\partial W} = \frac{\partial L}{\partial y} \otimes a$",
    r"$\frac{\partial L}{\partial V} = \frac{\partial L}{\partial z} x^\top$",
    r"$\frac{\partial L}{\partial a} = (y-t)^\top W = W^\top (y-t)$",
    r"$\frac{\partial L}{\partial z} = (y-t)^\top W \operatorname{diag}(1 - a \odot a)$",
    r"$y^\top = a^\top W^\top + c^\top$",
    r"$dL = (y-t)^T W da$", r"$dy = dW a + W da + dc$", r"$da = (1-a^2) \odot dz$",
    r"$dW = (y-t) a^T$, $dc = y - t$, $da = W^T dy$, $dz = da \odot (1-a^2)$, $dV = dz\, x^T$",
])  # fmt: skip
def test_products_of_lengths_that_are_alike_in_some_worlds_only_are_right(network, text):
    assert set(network(text)) == {"right"}


@pytest.mark.parametrize("text", [
    r"$\frac{\partial L}{\partial a} = W (y-t)$", r"$\frac{\partial L}{\partial W} = a (y-t)^\top$",
    r"$z = V^T x + b$", r"$dL = (y-t)^\top W dz$", r"$dW = a (y-t)^T$", r"$dW = (t-y) a^T$",
])  # fmt: skip
def test_a_wrong_order_a_lost_sign_and_a_lost_slope_are_wrong_in_every_notation(network, text):
    assert network(text) == ["wrong"]
