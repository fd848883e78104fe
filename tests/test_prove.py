"""Claims proved, refuted and left undecided; what is shown; what is refused."""

from __future__ import annotations

import shutil
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from chainrule.cli.prove import command
from chainrule.document.blocks import Document
from chainrule.errors import ChainruleError, InputError
from chainrule.explain.proof_page import page
from chainrule.explain.prove import Proof, prove
from chainrule.render import render

SOFTMAX = "input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i]); "
LABEL = "input z[K]; label y < K; p = softmax(z); L = -ln(p[y]); "
MLP = ("input x[D]; parameter W[M,D], b[M], V[K,M], c[K]; h = sigmoid(W @ x + b); y = V @ h + c; "
       "W2 = W/2; b2 = b/2; V2 = V/2; c2[k] = c[k] + sum(j) V[k,j]/2; g = tanh(W2 @ x + b2); "
       "y2 = V2 @ g + c2; ")
CONVOLUTION = ("input x[N], w[A], g[N - A + 1]; y[i] = sum(a < A) w[a]*x[i + a]; "
               "L = sum(i) g[i]*y[i]; "
               "T[i,j] = w[j - i] if j - i >= 0 and j - i < A else 0 with i < N - A + 1, j < N; ")

PROVED = [
    # softmax
    ("input x[K], c; softmax(x + c) == softmax(x)", ()),
    ("input x[K]; p = softmax(x); sum(i) p[i] == 1", ()),
    ("input x[K]; exp(x[i])/sum(k) exp(x[k]) == "
     "exp(x[i] - max(j) x[j])/sum(k) exp(x[k] - max(j) x[j])", ()),
    ("input x[K], c; softmax(c*x) != softmax(x)", ()),
    ("input x[K], c; softmax(c*x) == softmax(x)", ("c = 1",)),
    ("input x[K], c; softmax(c*x) == softmax(x)", ("x[i] = x[j]",)),
    ("input x[2]; p = softmax(x); p[1] == sigmoid(x[1] - x[0])", ()),
    ("input z[K]; p = softmax(z); "
     "p[i] == exp(z[i] - z[K-1])/(1 + sum(k < K-1) exp(z[k] - z[K-1]))", ()),
    ("input x[K]; p = softmax(x); p[i] > 0", ()),
    ("input x[K]; p = softmax(x); p[i] <= 1", ()),
    # limits of it, with ties
    ("input x[K], c; lim(c -> 0) softmax(c*x) == 1/K", ()),
    ("input x[K], c; lim(c -> inf) softmax(c*x) == (1 if x[i] == max(k) x[k] else 0)/"
     "sum(k) (1 if x[k] == max(j) x[j] else 0)", ()),
    # losses
    ("input t[K], p[K]; L = -sum(i) t[i]*ln(p[i]); L == -ln(p[y])", ("t is one-hot",)),
    (SOFTMAX + "∂L/∂z[i] == p[i] - t[i]", ("sum(i) t[i] = 1",)),
    (SOFTMAX + "∂L/∂z[i] == p[i] - t[i]", ("t is one-hot",)),
    (SOFTMAX + "∂L/∂z[i] == p[i] - t[i]", ("t is a distribution",)),
    (SOFTMAX + "∂p/∂z[i,j] == p[i]*((1 if i == j else 0) - p[j])", ()),
    (LABEL + "∂L/∂z[i] == p[i] - (1 if i == y else 0)", ()),
    ("-ln(p) is decreasing in p", ()),
    ("-ln(p) == 0", ("p = 1",)),
    ("-ln(p) >= 0", ("0 < p <= 1",)),
    ("(y - t)^2 is minimal at y = t", ()),
    ("input y[K], t[K]; ‖y - t‖^2 is minimal at y = t", ()),
    ("abs(y - t) is minimal at y = t", ()),
    ("-t*ln(p) - (1 - t)*ln(1 - p) is minimal at p = t", ("0 < t < 1", "0 < p < 1")),
    ("input p[K], t[K]; -sum(i) t[i]*ln(p[i]) is minimal at p = t",
     ("t is a distribution", "p is a distribution")),
    ("input p[K], t[K]; sum(i) t[i]*ln(t[i]/p[i]) >= 0",
     ("t is a distribution", "p is a distribution")),
    # steps
    ("max(0, x) == x*heaviside(x)", ()),
    ("lim(h -> 0) (max(0, x + h) - max(0, x))/h == heaviside(x)", ("x != 0",)),
    ("lim(h -> 0+) max(0, h)/h == 1", ()),
    ("lim(h -> 0-) max(0, h)/h == 0", ()),
    ("integral(u, -inf, x) heaviside(u) == x*heaviside(x)", ()),
    ("integral(u, -inf, x) heaviside(u) == max(0, x)", ()),
    ("lim(k -> inf) sigmoid(k*x) == heaviside(x)", ()),
    ("input x, alpha; (x if x >= 0 else alpha*x) == max(0, x) + alpha*min(0, x)", ()),
    ("input x[K]; sum(i) (x[i] if x[i] > 0 else 0) == sum(i) x[i]*heaviside(x[i])", ()),
    ("max(x, y) == (x + y + abs(x - y))/2", ()),
    ("abs(x*y) == abs(x)*abs(y)", ()),
    # sigmoid and tanh
    ("tanh(x) == 2*sigmoid(2*x) - 1", ()),
    ("sigmoid(-x) == 1 - sigmoid(x)", ()),
    ("sigmoid(x)*(1 - sigmoid(x)) == exp(-x)/(1 + exp(-x))^2", ()),
    ("softplus(x) - softplus(-x) == x", ()),
    (MLP + "y2 == y", ()),
    # convolution as a matrix product, and its gradient
    (CONVOLUTION + "y == T @ x", ()),
    (CONVOLUTION + "∂L/∂x[j] == sum(i) T[i,j]*g[i]", ()),
    # a single = where nothing can be defined, and claims in LaTeX
    ("tanh(x) = 2*sigmoid(2*x) - 1", ()),
    ("input z[K]; p = softmax(z); sum(i) p[i] = 1", ()),
    ("\\tanh x = 2\\sigma(2x) - 1", ()),
    ("input x[K], c; layer_norm(x + c, elementwise_affine=False) == "
     "layer_norm(x, elementwise_affine=False)", ()),
    # algebra
    ("(x^2 - y^2)/(x - y) == x + y", ()),
    ("1/(x*(x + 1)) == 1/x - 1/(x + 1)", ()),
    ("sqrt(x^2) == x", ("x >= 0",)),
    ("ln(x*y) == ln(x) + ln(y)", ("x > 0", "y > 0")),
    ("sin(x)^2 + cos(x)^2 == 1", ()),
    ("cos(3*x) == 4*cos(x)^3 - 3*cos(x)", ()),
    ("input A[N,M], B[M,N]; tr(A @ B) == tr(B @ A)", ()),
    ("input a[N], b[N]; norm(a + b)^2 == norm(a)^2 + 2*dot(a, b) + norm(b)^2", ()),
    ("input x[K]; sum(i) (x[i] - sum(k) x[k]/K)^2 == sum(i) x[i]^2 - (sum(k) x[k])^2/K", ()),
    ("input x[K]; ln(sum(i) exp(x[i])) == max(j) x[j] + ln(sum(i) exp(x[i] - max(j) x[j]))", ()),
    # inequalities and monotone functions
    ("x^2 + y^2 >= 2*x*y", ()),
    ("x + 1/x >= 2", ("x > 0",)),
    ("exp(x) >= 1 + x", ()),
    ("ln(x) <= x - 1", ()),
    ("x^3 is increasing in x", ()),
    ("sigmoid(x) is increasing in x", ()),
    ("relu(x) is non-decreasing in x", ()),
    ("1/x is decreasing in x", ("x > 0",)),
    ("input x[K]; ln(sum(i) exp(x[i])) >= max(j) x[j]", ()),
    ("input x[K]; ln(sum(i) exp(x[i])) <= max(j) x[j] + ln(K)", ()),
    ("input x[K]; max(k) x[k] >= sum(k) x[k]/K", ()),
    ("softplus(x) >= max(0, x)", ()),
    # ties
    ("input x[K]; sum(k) (1 if x[k] == max(j) x[j] else 0) == 1", ("x has no ties",)),
    ("input x[K]; sum(k) (1 if x[k] == max(j) x[j] else 0) >= 1", ()),
    ("integral(u, -inf, inf) heaviside(u) == inf", ()),
]

REFUTED = [
    ("input x[K], c; softmax(c*x) == softmax(x)", ()),
    ("sqrt(x^2) == x", ()),
    ("x^2 >= x", ()),
    ("1/x is decreasing in x", ()),
    ("relu(x) is increasing in x", ()),
    ("tanh(x) == 2*sigmoid(x) - 1", ()),
    ("input A[N,N], B[N,N]; A @ B == B @ A", ()),
    ("lim(h -> 0) (max(0, x + h) - max(0, x))/h == heaviside(x)", ()),
    ("integral(u, -inf, inf) heaviside(u) == x*heaviside(x)", ()),
    (SOFTMAX + "∂L/∂z[i] == p[i] - t[i]", ()),
    (SOFTMAX + "∂L/∂z[i] == t[i] - p[i]", ("sum(i) t[i] = 1",)),
    ("x != x", ()),
    ("input y[K], t[K]; sum(i) (y[i] - t[i]) is minimal at y = t", ()),
    ("x == x + 0*y + heaviside(0) - 1/2 + (1 if x == 3 else 0)", ()),
]

UNDECIDED = [
    ("lim(x -> 0) sin(1/x) == 0", ()),
    ("erf(x) <= x*2", ("x > 0",)),
]


@pytest.mark.parametrize(("claim", "givens"), PROVED)
def test_what_is_true_is_proved(claim: str, givens: tuple[str, ...]) -> None:
    begun = time.monotonic()
    found = prove(claim, givens)
    assert found.verdict == "proved", found.reason
    assert found.points > 0 or "inf" in claim
    assert time.monotonic() - begun < 10  # 5 s on a quiet machine
    render(page(found), "terminal")


@pytest.mark.parametrize(("claim", "givens"), REFUTED)
def test_what_is_false_is_refuted(claim: str, givens: tuple[str, ...]) -> None:
    found = prove(claim, givens)
    assert found.verdict == "refuted", found.reason
    assert found.counterexample is not None or found.reason
    render(page(found), "terminal")


@pytest.mark.parametrize(("claim", "givens"), UNDECIDED)
def test_what_is_not_known_is_left_undecided(claim: str, givens: tuple[str, ...]) -> None:
    found = prove(claim, givens)
    assert found.verdict == "undecided" and found.reason and not found.parts


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_proofs_compile_with_pdflatex(tmp_path: Path) -> None:
    pages = [page(prove(claim, givens)) for claim, givens in [*PROVED[::3], *REFUTED[::3]]]
    whole = Document("Proofs", tuple(b for one in pages for b in one.blocks))
    (tmp_path / "all.tex").write_text(render(whole, "latex"), encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
                          cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"Overfull" not in done.stdout


def lines(found: Proof) -> list[str]:
    return [line.rule for part in found.parts for line in part.lines]


def test_the_shift_of_a_softmax_step_by_step() -> None:
    found = prove("input x[K], c; softmax(x + c) == softmax(x)")
    assert lines(found) == ["", "exponentials", "pull out", "cancel"]


def test_the_smallest_counterexample() -> None:
    found = prove("input x[K], c; softmax(c*x) == softmax(x)", ("c > 0",)).counterexample
    assert found is not None
    assert found.point.values == {"x": [0, 1], "c": 2} and found.cell == {"i": 0}


def test_a_counterexample_is_exact() -> None:
    found = prove("x^2 >= x").counterexample
    assert found is not None and (found.left, found.right) == (Fraction(1, 4), Fraction(1, 2))


def test_what_is_plainly_defined_is_not_asked_for() -> None:
    assert not prove("input x[K]; sqrt(sum(i) x[i]^2 + 1)/sqrt(1 + exp(x[0])) == "
                     "sqrt(1 + sum(k) x[k]^2)/sqrt(exp(x[0]) + 1)").demands


def test_where_it_is_claimed_is_said() -> None:
    found = prove("exp(ln(x))/y == x/y")
    assert {d.signs for d in found.demands} == {"+", "-+"}


@pytest.mark.parametrize(("claim", "givens", "said"), [
    ("x == 1", ("x > 0", "x < 0"), "contradict"),
    ("x == 1", ("x > 1", "x = 0"), "contradict"),
    ("ln(-x^2) == 1", (), "not defined"),
    ("1/(x - x) == 1", (), "not defined"),
    ("x + 1", (), "claims nothing"),
    ("x = 3", (), "claims nothing"),
    ("f(x) = x^2", (), "claims nothing"),
    ("input x[K]; layer_norm(3*x) == layer_norm(x)", (), "parameters of its own"),
    ("x == y == z", (), "two relations"),
    ("x ==", (), "empty"),
    ("", (), "no claim"),
    ("x == 1", ("y > 0",), "does not have"),
    ("input x; y = x^2; y == x", ("y = 3",), "computed"),
    ("x == 1", ("x is nice",), "nothing that can be assumed"),
    ("input t[K]; sum(i) t[i] == 1", ("sum(i) t[i]^2 = 1",), "cannot be solved"),
    ("lim(x -> 0 sin(x) == 1", (), "not closed"),
    ("lim(x) sin(x) == 1", (), "lim(x -> 0)"),
])
def test_refusals(claim: str, givens: tuple[str, ...], said: str) -> None:
    with pytest.raises(ChainruleError) as error:
        prove(claim, givens)
    assert said in str(error.value)
    assert error.value.hint or error.value.span


def test_contradictions_are_no_ground_for_anything() -> None:
    with pytest.raises(InputError, match="nothing is proved"):
        prove("x == x + 1", ("x > 2", "x < 1"))


@pytest.mark.parametrize(("claim", "code"), [
    ("x*x == x^2", 0), ("x*x == x^3", 1), ("erf(x) <= 2*x + 1", 4)])
def test_exit_codes(claim: str, code: int) -> None:
    result = CliRunner().invoke(command, [claim, *(["--given", "x > 0"] if code == 4 else [])])
    assert result.exit_code == code, result.output


def test_both_sides_in_numbers() -> None:
    result = CliRunner().invoke(command, [
        "input x[K]; exp(x[i])/sum(k) exp(x[k]) == "
        "exp(x[i] - max(j) x[j])/sum(k) exp(x[k] - max(j) x[j])", "--at", "x=[1000, 1001]"])
    assert result.exit_code == 0
    assert "NaN" in result.output and "0.2689" in result.output


def test_a_claim_may_begin_with_a_minus() -> None:
    assert CliRunner().invoke(command, ["-x == -1*x"]).exit_code == 0


def test_time_that_is_up_is_undecided() -> None:
    begun = time.monotonic()
    found = prove("(a + b + c + d + e)^12 == (e + d + c + b + a)^12 + f - f", budget=0.2)
    assert found.verdict in ("undecided", "proved") and time.monotonic() - begun < 5


@pytest.mark.parametrize(("claim", "said"), [
    ("input x[2]; p = softmax(x); p[0] == sigmoid(x[0] - x[1])", "above and below divided by"),
    ("ln(1 + exp(x)) == x + ln(1 + exp(-x))", "ln(a) = ln(a · exp(b)) - b"),
    ("exp(abs(x)) >= 1", "exp increases, exp(0) = 1, as x < 0"),
    ("abs(x) <= 1 + x^2", "the squares completed, as x < 0")])
def test_a_reason_is_that_of_its_line(claim: str, said: str) -> None:
    assert said in render(page(prove(claim)), "terminal")
