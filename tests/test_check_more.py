r"""How other courses write indices, units, dots, sums and rules: what is right and what is not.

Each line is a claim of its own about a small part; the wrong ones are neighbours of right ones.
"""

from __future__ import annotations

import time

import pytest
from check_worlds import judged

from chainrule.check.read import read_claims, read_paper
from chainrule.check.read.printing import shown
from chainrule.check.sheet import Part
from chainrule.formulas.calls import read

PARTS = {
    "norm": Part("norm", read(
        "input x[N,D], G[N,D], e\nparameter gamma[D], beta[D]\nmu[d] = (sum(n) x[n,d])/N\n"
        "var[d] = (sum(n) (x[n,d] - mu[d])^2)/N\n"
        "xhat[n,d] = (x[n,d] - mu[d])/sqrt(var[d] + e)\n"
        "y[n,d] = gamma[d]*xhat[n,d] + beta[d]\nL = sum(n,d) G[n,d]*y[n,d]\noutput L"),
        sizes={"N": 3, "D": 4},
        names={"xhat": (r"\hat{x}",), "e": (r"\epsilon",), "var": (r"\sigma^2",)}),
    "ridge": Part("ridge", read(
        "input X[n,d], y[n], lambda\nparameter w[d]\n"
        "J = (sum(i) (sum(j) X[i,j]*w[j] - y[i])^2) + lambda*(sum(j) w[j]^2)\noutput J"),
        sizes={"n": 4, "d": 3}),
    "soft": Part("soft", read("input z[K]\nlabel y < K\np = softmax(z)\nL = -ln(p[y])\noutput L"),
                 sizes={"K": 4}),
    "affine": Part("affine", read(
        "input X[n,d], G[n,c]\nparameter W[d,c], b[c]\nY[i,k] = (sum(j) X[i,j]*W[j,k]) + b[k]\n"
        "L = sum(i,k) G[i,k]*Y[i,k]\noutput L"), sizes={"n": 3, "d": 2, "c": 4}),
    "matrix": Part("matrix", read(
        "input A[m,n], X[n,p], B[p,q], x[n], v[n]\n"
        "M[i,j] = sum(k,l) A[i,k]*X[k,l]*B[l,j]\nf = sum(i,j) M[i,j]^2\noutput f"),
        sizes={"m": 2, "n": 3, "p": 4, "q": 5}),
    "square": Part("square", read(
        "input A[n,n], B[n,n], x[n]\nf = sum(i,j) x[i]*A[i,j]*x[j]\noutput f"), sizes={"n": 3}),
    "logistic": Part("logistic", read(
        "input X[n,d], y[n]\nparameter theta[d]\nz[i] = sum(j) X[i,j]*theta[j]\n"
        "h[i] = sigmoid(z[i])\nJ = -(sum(i) (y[i]*ln(h[i]) + (1-y[i])*ln(1-h[i])))/n\noutput J"),
        sizes={"n": 4, "d": 3}, names={"X": ("x",), "h": (r"\hat y",)}),
    "lists": Part("lists", read(
        "input a[n], b[n]\ns = sum(i) a[i]\nq = a[0]*a[1]*a[2]*a[3]*a[4]\nd = sum(i) a[i]*b[i]\n"
        "output s, q, d"), sizes={"n": 5}),
    "scalars": Part("scalars", read("input x, y, w\nu = x*w\nf = tanh(u) + y\noutput f")),
    "hidden": Part("hidden", read(
        "input x[n]\nparameter W[h,n], b[h], V[k,h], c[k]\nlabel t < k\n"
        "z[i] = (sum(j) W[i,j]*x[j]) + b[i]\na[i] = relu(z[i])\n"
        "s[i] = (sum(j) V[i,j]*a[j]) + c[i]\np = softmax(s)\nL = -ln(p[t])\noutput L"),
        sizes={"n": 3, "h": 4, "k": 2}),
}


def found(part: str, text: str) -> list[str]:
    """The verdicts of the claims in a text; what is no claim has none."""
    report = judged(PARTS[part], text)
    assert not [u for u in report.reading.unread if u.why != "words"], report.reading.unread
    return [j.verdict for j in report.judged if j.verdict]


def table(*rows: tuple[str, list[str]]) -> list[tuple[str, str]]:
    return [(part, text) for part, texts in rows for text in texts]


def everything_right(part: str, text: str) -> bool:
    verdicts = found(part, text)
    return bool(verdicts) and set(verdicts) == {"right"}


@pytest.mark.parametrize(("part", "text"), table(
    ("norm", [r"$\hat{x}_{:,j} = (x_{:,j} - \mu_j)/\sqrt{\sigma_j^2 + \epsilon}$",
              r"$y_{i,:} = \gamma \odot \hat{x}_{i,:} + \beta$",
              r"$y_{i\cdot} = \gamma \odot \hat x_{i\cdot} + \beta$",
              r"$\hat x_{i} = (x_i - \mu)/\sqrt{\sigma^2+\epsilon}$",
              r"$\frac{\partial L}{\partial \beta} = \sum_i G_{i,:}$"]),
    ("affine", [r"$Y_{:,k} = X W_{:,k} + b_k$", r"$Y_{ik} = X_{i\cdot} W_{\cdot k} + b_k$",
                r"$Y_{i*} = X_{i*} W + b$", r"$Y_{i:} = X_{i:} W + b$",
                r"$Y_{ij} = x_i^T w_j + b_j$", r"$Y[:, k] = X W[:, k] + b[k]$",
                r"$Y[i] = X[i] W + b$", "Y[:,0] = X W[:,0] + b[0]",
                r"$\frac{\partial L}{\partial W_{:,k}} = X^T G_{:,k}$",
                r"$\frac{\partial L}{\partial W_{j,:}} = \sum_i X_{ij} G_{i,:}$",
                r"$W = \begin{bmatrix} w_1 & \cdots & w_c \end{bmatrix}$",
                r"$X = \begin{bmatrix} x_1^T \\ \vdots \\ x_n^T \end{bmatrix}$"])))
def test_a_colon_among_subscripts_is_a_whole_axis(part: str, text: str) -> None:
    assert everything_right(part, text)


@pytest.mark.parametrize(("part", "text"), table(
    ("norm", [r"$\hat{x}_{:,j} = (x_{:,j} + \mu_j)/\sqrt{\sigma_j^2 + \epsilon}$",
              r"$y_{i\cdot} = \gamma \odot x_{i\cdot} + \beta$",
              r"$\frac{\partial L}{\partial \beta} = \sum_j G_{:,j}$"]),
    ("affine", [r"$Y_{:,k} = X W_{:,k} - b_k$", r"$Y_{i,:} = 2 X_{i,:} W + b$",
                r"$Y[:, k] = 2 X W[:, k] + b[k]$",
                r"$\frac{\partial L}{\partial W_{:,k}} = 2 X^T G_{:,k}$"])))
def test_a_wrong_row_or_column_is_wrong(part: str, text: str) -> None:
    assert "wrong" in found(part, text)


@pytest.mark.parametrize("text", [
    r"$\hat{x} = \frac{x - \mu_j}{\sqrt{\sigma_j^2 + \epsilon}}$",
    r"$y = \gamma_j \hat{x} + \beta_j$"])
def test_an_index_that_stands_on_one_side_of_a_whole_matrix_may_be_left_out(text: str) -> None:
    assert everything_right("norm", text)
    assert "wrong" in found("norm", text.replace("- ", "* ").replace("+ ", "- "))


@pytest.mark.parametrize(("part", "text"), table(
    ("norm", [r"$\hat{x}^{(i)}_j = \frac{x^{(i)}_j - \mu_j}{\sqrt{\sigma_j^2 + \epsilon}}$",
              r"$\mu_j = \frac1N \sum_{i=1}^N x_j^{(i)}$"]),
    ("affine", [r"$Y^{(i)} = X^{(i)} W + b$"]),
    ("logistic", [r"$h_\theta(x) = \frac{1}{1 + e^{-\theta^T x}}$",
                  r"$h_\theta(x^{(i)}) = \sigma(\theta^T x^{(i)})$",
                  r"$h(x; \theta) = \sigma(x^T \theta)$", r"$h_\theta(X) = \sigma(X\theta)$",
                  r"$\frac{\partial J}{\partial \theta_j} = "
                  r"\frac1n \sum_i (h_\theta(x^{(i)}) - y^{(i)}) x_j^{(i)}$"])))
def test_a_label_above_a_table_counts_its_examples(part: str, text: str) -> None:
    assert everything_right(part, text)


@pytest.mark.parametrize(("part", "text"), table(
    ("norm", [r"$\hat{x}^{(i)}_j = \frac{x^{(i)}_j - \mu_j}{\sigma_j^2 + \epsilon}$"]),
    ("logistic", [r"$h_\theta(x) = \frac{1}{1 + e^{\theta^T x}}$",
                  r"$h_\theta(x^{(i)}) = \sigma(-\theta^T x^{(i)})$",
                  r"$h_\theta(X) = 2\sigma(X\theta)$",
                  r"$\frac{\partial J}{\partial \theta_j} = "
                  r"\sum_i (h_\theta(x^{(i)}) - y^{(i)}) x_j^{(i)}$"])))
def test_what_is_wrong_of_an_example_is_wrong(part: str, text: str) -> None:
    assert "wrong" in found(part, text)


@pytest.mark.parametrize("text", [
    r"$\sigma(z)_k = \frac{e^{z_k}}{\sum_j e^{z_j}}$", r"$\sigma_k(z) = p_k$",
    r"$\frac{\partial \sigma(z)_i}{\partial z_j} = \sigma(z)_i (\delta_{ij} - \sigma(z)_j)$",
    r"$S_i(z) = \frac{e^{z_i}}{\sum_j e^{z_j}}$",
    r"$p(y = k \mid z) = \frac{e^{z_k}}{\sum_j e^{z_j}}$"])
def test_sigma_of_a_vector_is_the_softmax_that_the_sheet_takes(text: str) -> None:
    assert everything_right("soft", text)


@pytest.mark.parametrize("text", [
    r"$p_k = 2\sigma(z)_k$", r"$\sigma(z)_k = \frac{e^{z_k}}{1 + \sum_j e^{z_j}}$",
    r"$\frac{\partial \sigma(z)_i}{\partial z_j} = \sigma(z)_i (\delta_{ij} + \sigma(z)_j)$"])
def test_a_wrong_softmax_is_wrong(text: str) -> None:
    assert "wrong" in found("soft", text)


@pytest.mark.parametrize(("part", "text"), table(
    ("ridge", [r"$\nabla^2 J = 2X^TX + 2\lambda I$", r"$\nabla^2_w J = 2(X^\top X + \lambda I_d)$",
               r"$\nabla J = 2(X^TX + \lambda I) w - 2X^Ty$",
               r"$\nabla_w J = 2X^T(Xw - y) + 2\lambda I w$", r"$w^T I w = w^T w$",
               r"$(X^TX + \lambda I)^{-1}(X^T X + \lambda I) = I$",
               r"$2X^TX + 2\lambda I = 2(X^TX + \lambda I)$"]),
    ("matrix", [r"$A I = A$", r"$I_m A = A$", r"$(I - v v^T) x = x - (v^T x) v$",
                r"$(I + xx^T) v = v + x (x^Tv)$", r"$\mathrm{tr}(I_n) = n$", r"$x - x = 0_n$",
                r"$A - A = 0_{m \times n}$", r"$A - A = \mathbf{0}$",
                r"$\mathbf{1}_n^T x = \sum_i x_i$", r"$\frac{\partial x}{\partial x} = I_n$",
                r"$\mathrm{vec}(AXB) = (B^T \otimes A)\mathrm{vec}(X)$"]),
    ("square", [r"$A^{-1} A = I$", r"$\nabla_A \log\det A = A^{-T}$", r"$A^2 = A A$"])))
def test_a_unit_matrix_has_the_size_of_what_it_stands_beside(part: str, text: str) -> None:
    assert everything_right(part, text)


@pytest.mark.parametrize(("part", "text"), table(
    ("ridge", [r"$\nabla^2 J = 2X^TX + \lambda I$", r"$\nabla J = 2(X^TX - \lambda I) w - 2X^Ty$",
               r"$\nabla_w J = 2X^T(Xw - y) + \lambda I w$"]),
    ("matrix", [r"$A I = 2A$", r"$(I - v v^T) x = x + (v^T x) v$", r"$\mathrm{tr}(I_n) = m$",
                r"$\frac{\partial x}{\partial x} = 2I$", r"$\mathbf{1}_n^T x = 2\sum_i x_i$"]),
    ("square", [r"$A^{-1} A = 2I$", r"$A^2 = 2A$"])))
def test_a_wrong_unit_matrix_is_wrong(part: str, text: str) -> None:
    assert "wrong" in found(part, text)


def test_a_kronecker_product_the_wrong_way_round_is_not_right() -> None:
    for factors in (r"B \otimes A", r"A \otimes B^T"):
        text = rf"$\mathrm{{vec}}(AXB) = ({factors})\mathrm{{vec}}(X)$"
        assert "right" not in found("matrix", text)


@pytest.mark.parametrize("vector", ["e_t", r"\mathbf{1}_t", r"\mathbf{e}_t"])
def test_a_unit_vector_is_as_long_as_what_it_is_taken_from(vector: str) -> None:
    assert everything_right("hidden", rf"$\frac{{\partial L}}{{\partial c}} = p - {vector}$")
    assert "wrong" in found("hidden", rf"$\frac{{\partial L}}{{\partial c}} = p + {vector}$")
    assert everything_right("hidden", rf"$\frac{{\partial L}}{{\partial V}} = (p - {vector}) a^T$")


JACOBIAN = (r"$\mathrm{diag}(a) = \begin{bmatrix} %s & 0 & \cdots & 0 \\ 0 & a_2 & \cdots & 0 \\"
            r" \vdots & & \ddots & \vdots \\ 0 & 0 & \cdots & a_n \end{bmatrix}$")


@pytest.mark.parametrize(("part", "text"), table(
    ("lists", [r"$q = a_1 a_2 \cdots a_n$", r"$\prod_{i=1}^n a_i = a_1 \cdots a_n$",
               r"$1 \cdot 2 \cdots 5 = 120$", r"$1 + 2 + 4 + \dots + 2^{n-1} = 2^n - 1$",
               r"$1 + 3 + 5 + \dots + (2n-1) = n^2$", r"$2 + 4 + 8 + \dots + 64 = 126$",
               r"$1 + \frac12 + \frac14 + \dots + \frac{1}{2^{n}} = 2 - 2^{-n}$",
               r"$a = \begin{bmatrix} a_1 \\ a_2 \\ \vdots \\ a_n \end{bmatrix}$",
               r"$\frac{\partial s}{\partial a} = (1, 1, \dots, 1)$",
               r"$\frac{\partial s}{\partial a_1} = \dots = \frac{\partial s}{\partial a_n} = 1$",
               r"$ab^T = \begin{bmatrix} a_1 b_1 & \cdots & a_1 b_n \\ \vdots & \ddots & \vdots \\"
               r" a_n b_1 & \cdots & a_n b_n \end{bmatrix}$", JACOBIAN % "a_1",
               r"$\mathrm{diag}(a) = \begin{pmatrix} a_1 & & \\ & \ddots & \\ & & a_n"
               r" \end{pmatrix}$"]),
    ("soft", [r"$\frac{\partial p}{\partial z} = \begin{bmatrix} p_1 - p_1^2 & -p_1 p_2 & \cdots &"
              r" -p_1 p_K \\ \vdots & \vdots & \ddots & \vdots \\ -p_K p_1 & -p_K p_2 & \cdots &"
              r" p_K - p_K^2 \end{bmatrix}$"]),
    ("affine", [r"$Y_{11} = X_{11} W_{11} + X_{12} W_{21} + \dots + X_{1d} W_{d1} + b_1$",
                r"$Y = \begin{bmatrix} Y_{11} & Y_{12} & ... & Y_{1c} \\ & ... & ... & \\"
                r" Y_{n1} & Y_{n2} & ... & Y_{nc}\end{bmatrix}$",
                r"$\frac{\partial L}{\partial b} = \begin{bmatrix}\sum_i G_{i1} & \cdots &"
                r" \sum_i G_{ic}\end{bmatrix}$"])))
def test_dots_stand_for_what_the_shown_terms_say(part: str, text: str) -> None:
    assert everything_right(part, text)


@pytest.mark.parametrize(("part", "text"), table(
    ("lists", [r"$\prod_{i=1}^n a_i = a_1 \cdots a_{n-1}$",
               r"$1 + 2 + 4 + \dots + 2^{n-1} = 2^n$", r"$2 + 4 + 8 + \dots + 64 = 128$",
               r"$a = \begin{bmatrix} b_1 \\ b_2 \\ \vdots \\ b_n \end{bmatrix}$",
               r"$\frac{\partial s}{\partial a} = (1, 2, \dots, n)$",
               r"$ab^T = \begin{bmatrix} a_1 b_1 & \cdots & a_n b_1 \\ \vdots & \ddots & \vdots \\"
               r" a_1 b_n & \cdots & a_n b_n \end{bmatrix}$",
               r"$\mathrm{diag}(a) = \begin{pmatrix} b_1 & & \\ & \ddots & \\ & & b_n"
               r" \end{pmatrix}$"]),
    ("affine", [r"$Y_{11} = X_{11} W_{11} + X_{12} W_{21} + \dots + X_{1d} W_{d1} - b_1$"])))
def test_wrong_terms_among_dots_are_wrong(part: str, text: str) -> None:
    assert "wrong" in found(part, text)


@pytest.mark.parametrize("text", [JACOBIAN % "a_2", r"$1 + 2 + 5 + \dots + 2^{n-1} = 2^n - 1$"])
def test_shown_terms_that_follow_no_rule_leave_the_dots_open(text: str) -> None:
    assert found("lists", text) == ["undecided"]


@pytest.mark.parametrize("text", [
    r"$J = -\frac1n \sum_i y_i \log h_i + (1-y_i) \log (1-h_i)$",
    r"$J(\theta) = -\frac1n \sum_{i=1}^n y^{(i)} \log h_\theta(x^{(i)}) + (1 - y^{(i)})"
    r" \log(1 - h_\theta(x^{(i)}))$"])
def test_a_sum_reaches_over_terms_with_its_own_index(text: str) -> None:
    assert everything_right("logistic", text)
    assert "wrong" in found("logistic", text.replace("+ (1", "- (1"))


RULES = [
    r"Note that in general $\frac{d}{dx} e^x = e^x$.",
    r"We use $\nabla_x (x^T A x) = (A + A^T)x$.", r"Rule: $\nabla_w (w^T a) = a$.",
    r"The chain rule says $\frac{dz}{dx} = \frac{dz}{dy}\frac{dy}{dx}$.",
    r"Recall $\frac{\partial (Ax)}{\partial x} = A$.", r"Recall: $\frac{d}{dx} x^n = n x^{n-1}$.",
    r"In general, if $f(x) = \max(0, x)$ then $f'(x) = 1$ for $x > 0$.",
]


@pytest.mark.parametrize("part", ["hidden", "matrix", "square", "logistic", "scalars"])
def test_a_rule_in_letters_of_its_own_is_never_wrong(part: str) -> None:
    assert "wrong" not in [v for rule in RULES for v in found(part, rule)]


def test_a_rule_that_does_not_hold_is_not_right() -> None:
    for rule in (r"Recall $\frac{d}{dx} \tanh x = 1 + \tanh^2 x$.",
                 r"Recall $\frac{d}{dx} x^2 = x$.", r"Rule: $\nabla_x (x^T A x) = 2Ax$."):
        for part in ("hidden", "matrix"):
            assert "right" not in found(part, rule)


@pytest.mark.parametrize(("text", "claim"), [
    (r"$M_{i*} = 1$", "M_{i,:} = 1"), (r"$M_{\cdot,j} = 1$", "M_{:,j} = 1"),
    (r"$\theta_* = 1$", "theta_* = 1"), (r"$2X^TX = X^TX$", "(· 2 (T X) X) = (· (T X) X)"),
    (r"$s = \mathbb{E}[x]$", "s = E(x)"), (r"$a_1 \cdots a_n = 1$", "(· a_1 … a_n) = 1"),
    (r"$a_1 + \dots + a_n = 1$", "(+ a_1 … a_n) = 1"),
])
def test_whole_axes_and_factors_with_dots_are_read(text: str, claim: str) -> None:
    claims = read_claims(read_paper(text.encode(), "x.md")).claims
    assert [f"{shown(c.left.node)} = {shown(c.right.node)}" for c in claims
            if c.left.node and c.right.node] == [claim]


def test_a_sum_over_many_derivatives_is_quick() -> None:
    text = (r"$\frac{\partial L}{\partial W_{ij}} = \sum_a \sum_b \frac{\partial L}{\partial p_a}"
            r"\frac{\partial p_a}{\partial s_b}\sum_c \frac{\partial s_b}{\partial a_c}"
            r"\frac{\partial a_c}{\partial z_i} x_j$")
    start = time.process_time()
    assert everything_right("hidden", text)
    assert time.process_time() - start < 5
