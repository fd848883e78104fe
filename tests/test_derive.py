"""Derivations: closed forms from the formula alone, each line true at random points."""

from __future__ import annotations

import time

import pytest
from formula_cases import all_cases, program

import chainrule as cr
from chainrule.algebra import terms as algebra_terms
from chainrule.algebra.terms import canonical, level
from chainrule.cli import main
from chainrule.document.mathtree import text as math_text
from chainrule.errors import ChainruleError, InputError
from chainrule.explain import derive as module
from chainrule.explain.derivation_page import page
from chainrule.explain.derive import derive
from chainrule.explain.derive_check import UnsoundStepError
from chainrule.explain.givens import given
from chainrule.explain.hessian import hessian
from chainrule.formulas.calls import read
from chainrule.lang.expr import Reduce, walk
from chainrule.lang.parse import parse_expression
from chainrule.lang.printing import expression_text, program_text
from chainrule.render import render

SOFTMAX = ("input z[K], t[K]; p[i] = exp(z[i])/sum(j) exp(z[j])\n"
           "L = -sum(i) t[i]*ln(p[i])")
MLP = """
input x[V], t[K], parameter W1[U,V], W2[K,U]
z1[u] = sum(v) W1[u,v]*x[v]
y1[u] = sigmoid(z1[u])
z2[k] = sum(u) W2[k,u]*y1[u]
y2[k] = exp(z2[k])/sum(j) exp(z2[j])
E = -sum(k) t[k]*ln(y2[k])
"""


def results(text: str, wrt: str = "", *givens: str) -> dict[str, str]:
    """The closed forms as text, of everything on the way."""
    p = read(text)
    found = derive(p, None, [n for n in wrt.split(",") if n], [given(g, p) for g in givens])
    return {name: expression_text(one.result) for name, one in found.found.items()}


def test_softmax_with_cross_entropy_gives_p_minus_t() -> None:
    assert results(SOFTMAX, "z", "sum(i) t[i] = 1") == {"p": "-t[i]/p[i]", "z": "p[i] - t[i]"}


def test_without_the_assumption_the_sum_of_the_targets_stays() -> None:
    assert results(SOFTMAX, "z")["z"] == "p[i]*sum(k<K) t[k] - t[i]"


def test_a_soft_cross_entropy_of_a_batch() -> None:
    text = ("input x[N,V], t[N,K], W[K,V]\nz[n,k] = sum(v) W[k,v]*x[n,v]\n"
            "p[n,k] = exp(z[n,k])/sum(j) exp(z[n,j])\nL = -(sum(n,k) t[n,k]*ln(p[n,k]))/N")
    found = results(text, "W", "sum(k) t[n,k] = 1")
    assert found["z"] == "1/N*(p[n,k] - t[n,k])"
    assert found["W"] == "1/N*sum(n<N) (p[n,k] - t[n,k])*x[n,v]"


def test_the_two_layer_network_of_the_course() -> None:
    assert results(MLP, "W1,W2", "sum(k) t[k] = 1") == {
        "y2": "-t[k]/y2[k]",
        "z2": "y2[k] - t[k]",
        "y1": "sum(k<K) (y2[k] - t[k])*W2[k,u]",
        "z1": "dE_dy1[u]*y1[u]*(1 - y1[u])",
        "W1": "dE_dz1[u]*x[v]",
        "W2": "(y2[k] - t[k])*y1[u]",
    }


@pytest.mark.parametrize(("text", "wrt", "form"), [
    ("input x[V], t[U], W[U,V]; y[u] = sum(v) W[u,v]*x[v]; L = 1/2*sum(u) (y[u] - t[u])^2", "W",
     "(y[u] - t[u])*x[v]"),
    ("input x[I], A[I,I]; L = sum(i,j) x[i]*A[i,j]*x[j]", "A", "x[i]*x[j]"),
    ("input z[K]; L = ln(sum(k) exp(z[k]))", "z", "exp(z[k])/sum(j<K) exp(z[j])"),
    ("input u[I], alpha, t[I]; v[i] = u[i] if u[i] >= 0 else alpha*u[i]\n"
     "L = sum(i) (v[i] - t[i])^2", "u", "2*(v[i] - t[i])*(1 if u[i] >= 0 else alpha)"),
    ("input x[I]; y[i] = tanh(x[i]); L = sum(i) y[i]", "x", "1 - y[i]^2"),
    ("input w[I], a; L = a/2*sum(i) w[i]^2", "w", "a*w[i]"),
])
def test_classics(text: str, wrt: str, form: str) -> None:
    assert results(text, wrt)[wrt] == form


@pytest.mark.parametrize(("text", "wrt", "form"), [
    ("input z[K]; p[i] = exp(z[i])/sum(j) exp(z[j])", "z", "p[i]*((1 if i == j else 0) - p[j])"),
    ("input x[I]; y[i] = sigmoid(x[i])", "x", "y[i]*(1 - y[i])*(1 if i == j else 0)"),
    ("input x[V], W[U,V]; y[u] = sum(v) W[u,v]*x[v]", "x", "W[u,v]"),
    ("input x[I]; y = sum(i) x[i]^3", "x", "3*x[i]^2"),
])
def test_jacobians(text: str, wrt: str, form: str) -> None:
    assert results(text, wrt)[wrt] == form


def test_a_jacobian_through_a_layer_is_that_of_the_chain() -> None:
    text = "input x[V], W[U,V]; z[u] = sum(v) W[u,v]*x[v]; y[u] = tanh(z[u])"
    assert results(text, "x,W") == {
        "z": "(1 - y[u]^2)*(1 if u == s else 0)", "x": "(1 - y[u]^2)*W[u,v]",
        "W": "(1 - y[u]^2)*x[v]*(1 if u == s else 0)"}


def test_a_convolutions_input_gradient_is_a_bounded_sum() -> None:
    form = results("input x[9], w[3], g[7]; y[i] = sum(a) w[a]*x[i+a]; L = sum(i) g[i]*y[i]",
                   "x,w")
    assert form["w"] == "sum(i<7) g[i]*x[i + a]"
    assert form["x"].startswith("sum(") and "0 <= " in form["x"] and "g[" in form["x"]


def _functional(case: object) -> str | None:
    """A number made of a formula's output, as text."""
    p = program(case)
    out = p.outputs[0]
    tensor = p.tensors[out]
    if tensor.kind != "real":
        return None
    lines = [line for line in program_text(p).splitlines()
             if not line.startswith(("output ", "update "))]
    if not tensor.shape:
        return "\n".join([*lines, f"output {out}"])
    names = ", ".join(f"i_{k}" for k in range(len(tensor.shape)))
    sizes = ", ".join(map(str, tensor.shape))
    return "\n".join([*lines[: len(p.inputs)], f"input weigh[{sizes}]", *lines[len(p.inputs) :],
                      f"total = sum({names}) weigh[{names}]*{out}[{names}]", "output total"])


@pytest.mark.parametrize("case", [c for c in all_cases() if c.leading < 2], ids=str)
def test_every_formula_of_the_library_is_derived_and_every_line_is_true(case: object) -> None:
    text = _functional(case)
    if text is None:
        pytest.skip("its output is no real number")
    try:
        found = derive(read(text))
    except InputError as error:
        assert "no point was found" in str(error)  # probabilities are not drawn
        pytest.skip("its domain is narrower than what is drawn")
    assert found.found


@pytest.mark.parametrize("move", ["contracted", "cancelled", "folded"])
def test_a_planted_wrong_move_is_caught(monkeypatch: pytest.MonkeyPatch, move: str) -> None:
    right = getattr(module, move)

    def wrong(t: algebra_terms.Term, *rest: object) -> object:
        found = right(t, *rest)
        if isinstance(found, algebra_terms.Term) and len(found.factors) > 1:
            base, exponent = found.factors[0]
            return algebra_terms.Term(found.number, ((base, exponent + 1), *found.factors[1:]),
                                      found.deltas, found.sums, found.guards)
        return found

    monkeypatch.setattr(module, move, wrong)
    with pytest.raises(UnsoundStepError):
        results(SOFTMAX, "z", "sum(i) t[i] = 1")


def test_renaming_what_is_summed_changes_nothing() -> None:
    a, b = (parse_expression(f"sum({i}<3) x[{i}]*sum({j}<4) y[{i},{j}]") for i, j in ("ij", "kl"))
    assert canonical(a) == canonical(b)


@pytest.mark.parametrize("text", [
    "t = 1", "sum(i) t[i]", "sum(i) t[i] = u", "sum(i) q[i] = 1", "= 1", "sum(i) t[i] = 1 = 1",
])
def test_an_assumption_that_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(ChainruleError):
        given(text, read(SOFTMAX))


def test_an_assumption_that_cannot_be_drawn_is_refused() -> None:
    p = read(SOFTMAX)
    with pytest.raises(InputError, match="made true"):
        derive(p, None, ["z"], [given("sum(i) p[i] = 1", p)])


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "html", "json"])
def test_a_derivation_renders(format: str) -> None:
    p = read(SOFTMAX)
    document = page(derive(p, None, ["z"], [given("sum(i) t[i] = 1", p)]))
    assert len(render(document, format)) > 500


def test_the_command_prints_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["derive", SOFTMAX, "--wrt", "z", "--given", "sum(i) t[i] = 1"])
    out = capsys.readouterr().out
    assert code == 0
    assert "= pᵢ - tᵢ" in out and "given that sum(i) t[i] = 1" in out
    assert main(["derive", "input x[3]; y[i] = x[i]^2", "--wrt", "q"]) == 2


def test_levels_of_detail_agree_on_the_result() -> None:
    p = read(MLP)
    found = derive(p, None, ["W1"], [given("sum(k) t[k] = 1", p)])
    pages = [render(page(found, steps), "terminal") for steps in ("all", "main", "result")]
    assert len(pages[0]) > len(pages[1]) > len(pages[2])
    assert all("y₁ᵤ" in one or "yᵤ⁽¹⁾" in one for one in pages)


def test_the_network_of_the_course_is_derived_quickly() -> None:
    p = read(MLP)
    assumption = given("sum(k) t[k] = 1", p)
    start = time.process_time()
    derive(p, None, ["W1", "W2"], [assumption])
    assert time.process_time() - start < 2


def test_closed_forms_are_gradients() -> None:
    """The last lines as programs, against the gradient of `Formula`."""
    f = cr.formula(SOFTMAX)
    z, t = [0.3, -1.0, 2.0], [0.2, 0.5, 0.3]
    p = f.run(z=z, t=t)["L"]
    assert p > 0
    closed = cr.run("input z[3], t[3]; p = softmax(z); g[i] = p[i] - t[i]; output g", z=z, t=t)
    assert closed == pytest.approx(f.gradient(z=z, t=t, wrt="z")["z"])


# --- matrices -------------------------------------------------------------------------------------


def matrices(text: str, wrt: str, *givens: str, row: bool = False) -> dict[str, str]:
    """The matrix forms, of everything on the way that has one."""
    p = read(text)
    found = derive(p, None, wrt.split(","), [given(g, p) for g in givens])
    return {name: math_text(one.matrix.row if row else one.matrix.math)
            for name, one in found.found.items() if one.matrix is not None}


def test_the_courses_nine_steps_in_both_layouts() -> None:
    """The sheet prints row vectors: (y2 - t)ᵀ, (y2 - t)ᵀ W2, and (y2 - t) y1ᵀ for the weights."""
    columns = matrices(MLP, "W1,W2", "sum(k) t[k] = 1")
    assert columns["z2"] == "y₂ - t"
    assert columns["y1"] == "W₂ᵀ (y₂ - t)"
    assert columns["W2"] == "(y₂ - t) y₁ᵀ"
    rows = matrices(MLP, "W1,W2", "sum(k) t[k] = 1", row=True)
    assert rows["z2"] == "(y₂ - t)ᵀ"
    assert rows["y1"] == "(y₂ - t)ᵀ W₂"
    assert rows["W2"] == "(y₂ - t) y₁ᵀ"


@pytest.mark.parametrize(("text", "wrt", "form"), [
    ("input x[I], A[I,I]; L = sum(i,j) x[i]*A[i,j]*x[j]", "x", "A x + Aᵀ x"),
    ("input x[I], A[I,I]; L = sum(i,j) x[i]*A[i,j]*x[j]", "A", "x xᵀ"),
    ("input a[I], b[J], X[I,J]; L = sum(i,j) a[i]*X[i,j]*b[j]", "X", "a bᵀ"),
    ("input A[I,J], x[J], b[I]; r[i] = sum(j) A[i,j]*x[j] - b[i]; L = sum(i) r[i]^2", "x",
     "2 · Aᵀ r"),
    ("input X[I,J]; L = sum(i,j) X[i,j]^2", "X", "2 · X"),
    ("input x[I], w[I]; L = sum(i) w[i]*x[i]^2", "x", "2 · w ∘ x"),
])
def test_matrix_calculus_classics(text: str, wrt: str, form: str) -> None:
    assert matrices(text, wrt)[wrt] == form


def test_what_has_no_matrix_form_keeps_its_indices() -> None:
    text = "input x[I], w[K], g[I-K+1]; y[i] = sum(a) w[a]*x[i+a]; L = sum(i) g[i]*y[i]"
    assert set(matrices(text, "x,w")) == {"y"}


@pytest.mark.parametrize(("text", "wrt", "form"), [
    ("input b[I]; L = sum(i) b[i]", "b", "𝟏"),
    ("input z[K], label y < K; p = softmax(z); L = -ln(p[y])", "z", "p - e_y"),
    ("input X[N,V]; m[v] = sum(n) X[n,v]/N; L = sum(v) m[v]^2", "X", "2/N · 𝟏 mᵀ"),
    ("input X[N,V]; L = sum(n) (sum(v) X[n,v])^2", "X", "2 · (X 𝟏) 𝟏ᵀ"),
    ("input x[I], t[I]; y[i] = max(0, x[i]); L = 1/2*sum(i) (y[i] - t[i])^2", "x",
     "(y - t) ∘ H(x)"),
    ("input x[N]; s = sum(n) x[n]/N; y[n] = x[n] - s", "x", "I - 1/N · 𝟏 𝟏ᵀ"),
    ("input x[V], W[U,V]; y[u] = sum(v) W[u,v]*x[v]", "x", "W"),
    ("input X[N,V], C[V,U], g[N,U]; L = sum(n,u,v) g[n,u]*X[n,v]*C[v,u]", "C", "Xᵀ g"),
])
def test_matrix_forms_with_ones_and_diagonals(text: str, wrt: str, form: str) -> None:
    assert matrices(text, wrt)[wrt] == form


def test_a_batch_with_weight_decay_in_matrices() -> None:
    text = ("input x[N,V], t[N,K], W[K,V], lam; z[n,k] = sum(v) W[k,v]*x[n,v]; p = softmax(z)\n"
            "L = -sum(n,k) t[n,k]*ln(p[n,k])/N + lam/2*sum(u,v) W[u,v]^2")
    assert results(text, "W", "sum(k) t[n,k] = 1")["W"] == (
        "1/N*sum(n<N) (p[n,k] - t[n,k])*x[n,v] + lam*W[k,v]")
    assert matrices(text, "W", "sum(k) t[n,k] = 1")["W"] == "1/N · (p - t)ᵀ x + λ · W"


# --- cases, guards, remarks -----------------------------------------------------------------------


def shown(text: str, *options: str) -> str:
    """What the command prints."""
    p = read(text)
    steps = options[0] if options else "all"
    return render(page(derive(p), steps), "terminal")


def test_a_labels_delta_is_told_apart_by_cases() -> None:
    out = shown("input z[K], label y < K; p = softmax(z); L = -ln(p[y])", "result")
    assert "⎧p_y - 1 if i = y" in out and "⎩pᵢ if i ≠ y" in out


def test_a_softmaxs_jacobian_has_two_cases() -> None:
    found = derive(read("input z[K]; p[i] = exp(z[i])/sum(j) exp(z[j])"))
    assert [expression_text(case.result) for case in found.found["z"].cases] == [
        "p[i]*(1 - p[i])", "-p[i]*p[j]"]


@pytest.mark.parametrize(("text", "form"), [
    ("input x[I], w[K], g[I-K+1]; y[i] = sum(a) w[a]*x[i+a]; L = sum(i) g[i]*y[i]",
     "∂L/∂xⱼ = Σ_{a,0≤j-a<I-K+1} gⱼ₋ₐ · wₐ"),
    ("input x[9], w[3], g[4]; y[i] = sum(a) w[a]*x[2*i+a]; L = sum(i) g[i]*y[i]",
     "∂L/∂xⱼ = Σ_{i,0≤j-2i<3} gᵢ · wⱼ₋₂ᵢ"),
    ("input x[9], w[3], g[9]; y[i] = sum(a) w[a]*x[i+a-1; pad 1 with 0]; L = sum(i) g[i]*y[i]",
     "∂L/∂xⱼ = Σ_{a,0≤j-a+1<9} gⱼ₋ₐ₊₁ · wₐ"),
])
def test_a_convolutions_bounds_read_like_a_books(text: str, form: str) -> None:
    assert form in shown(text, "result")


def test_corners_and_known_values_are_pointed_out() -> None:
    out = shown("input x[I]; y[i] = max(0, x[i]); L = sum(i) y[i]^2")
    assert "y is known from the forward pass." in out
    assert out.count("Where xᵢ = 0") == 1 and "H is the step" in out


def test_what_a_result_mentions_is_shown_with_it() -> None:
    p = read(MLP)
    out = render(page(derive(p, None, ["W1"]), "result"), "terminal")
    assert "∂E/∂yᵤ⁽¹⁾ = " in out


def test_a_direct_use_beside_a_chain_is_marked() -> None:
    out = shown("input x; y = x^2; L = y*exp(x)")
    assert "∂L/∂y · ∂y/∂x + (∂L/∂x)_y" in out and "x reaches L through y, and directly" in out


def test_fifty_layers_are_derived_quickly() -> None:
    names = ", ".join(f"W{k}[V,V]" for k in range(1, 51))
    lines = [f"input y0[V], t[V], {names}"]
    lines += [f"y{k}[i] = sigmoid(sum(j) W{k}[i,j]*y{k - 1}[j])" for k in range(1, 51)]
    p = read("\n".join([*lines, "L = 1/2*sum(i) (y50[i] - t[i])^2"]))
    start = time.process_time()
    page(derive(p, None, ["W1"]), "main")
    assert time.process_time() - start < 10


# --- second derivatives ---------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "wrt", "form", "whole"), [
    ("input z[K]; L = ln(sum(k) exp(z[k]))", "z", "g[k]*((1 if k == j else 0) - g[j])",
     "diag(g) - g gᵀ"),
    ("input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i])", "z",
     "p[i]*((1 if i == j else 0) - p[j])", "diag(p) - p pᵀ"),
    ("input A[I,J], x[J], b[I]; r[i] = sum(j) A[i,j]*x[j] - b[i]; L = 1/2*sum(i) r[i]^2", "x",
     "sum(i<I) A[i,j]*A[i,k]", "Aᵀ A"),
    ("input x[I], A[I,I]; L = sum(i,j) x[i]*A[i,j]*x[j]", "x", "A[i,j] + A[j,i]", "A + Aᵀ"),
    ("input X[N,V], t[N], w[V]; z[n] = sum(v) X[n,v]*w[v]; s[n] = sigmoid(z[n])\n"
     "L = -sum(n) (t[n]*ln(s[n]) + (1 - t[n])*ln(1 - s[n]))", "w",
     "sum(n<N) X[n,v]*s[n]*(1 - s[n])*X[n,r]", "Xᵀ diag(s ∘ (1 - s)) X"),
])
def test_hessians_of_the_classics(text: str, wrt: str, form: str, whole: str) -> None:
    p = read(text)
    givens = [given("sum(i) t[i] = 1", p)] if "softmax" in text else []
    block = hessian(p, None, [wrt], givens).blocks[0]
    assert block.derivation is not None
    found = block.derivation.found[wrt]
    assert expression_text(found.result) == form
    assert found.matrix is not None and math_text(found.matrix.math) == whole


def test_a_hessian_in_blocks() -> None:
    found = hessian(read("input x, w; L = x^2*w^3"), None, ["x", "w"])
    assert [(b.by, expression_text(b.derivation.found[b.by[1]].result))
            for b in found.blocks if b.derivation is not None] == [
        (("x", "x"), "2*w^3"), (("x", "w"), "6*x*w^2"), (("w", "w"), "6*x^2*w")]


@pytest.mark.parametrize("words", ["t is one-hot", "t is a distribution"])
def test_a_one_hot_target_sums_to_one(words: str) -> None:
    program = read("input z[N,K], t[N,K]; p[n,k] = exp(z[n,k])/sum(j) exp(z[n,j]); "
                   "L = -sum(n,k) t[n,k]*ln(p[n,k])")
    found = derive(program, "L", ("z",), [given(words, program)])
    assert expression_text(found.found["z"].result) == "p[n,k] - t[n,k]"


def test_the_two_parts_of_a_least_squares_hessian() -> None:
    p = read("input x[N], t[N], w; y[n] = exp(w*x[n]); L = 1/2*sum(n) (y[n] - t[n])^2")
    split = hessian(p, None, ["w"]).blocks[0].split
    assert split is not None and split.through == "y"
    assert expression_text(split.gauss_newton.result) == "sum(n<N) y[n]^2*x[n]^2"
    assert expression_text(level(split.residual.result)) == (
        "sum(n<N) (y[n] - t[n])*x[n]^2*y[n]")
    linear = read("input x[N], t[N], w; y[n] = w*x[n]; L = 1/2*sum(n) (y[n] - t[n])^2")
    assert hessian(linear, None, ["w"]).blocks[0].split is None


def test_the_command_prints_second_derivatives(capsys: pytest.CaptureFixture[str]) -> None:
    text = "input x[N], t[N], w; y[n] = exp(w*x[n]); L = 1/2*sum(n) (y[n] - t[n])^2"
    assert main(["derive", text, "--wrt", "w", "--order", "2", "--steps", "result"]) == 0
    out = capsys.readouterr().out
    assert "∂²L/∂w∂w" in out and "the Gauss-Newton part" in out and "the residual part" in out
    assert main(["derive", "input x[3]; y[i] = x[i]^2", "--order", "2"]) == 2


def test_a_batch_with_labels_is_one_sum() -> None:
    text = ("input x[N,V]; parameter W[K,V]; label y[N] < K\nz[n,k] = sum(v) W[k,v]*x[n,v]\n"
            "p = softmax(z); L = -sum(n) ln(p[n,y[n]])/N")
    assert results(text, "W")["W"] == "1/N*sum(n<N) (p[n,k] - (1 if y[n] == k else 0))*x[n,v]"


def printed(text: str, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    main(["derive", text, *options])
    return capsys.readouterr().out


def test_strides_and_dilations_may_stay_letters(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed("size s, d; input x[I], w[A]; y[i] = sum(a) w[a]*x[s*i + d*a]; "
                "L = sum(i) g[i]*y[i]", "--wrt", "x,w", capsys=capsys)
    assert "Σ_{i,a} gᵢ · wₐ · δ_{si+da,j}" in out and "Σ_i gᵢ · x_{si+da}" in out
    assert "(⌊(I + d - A d - 1)/s⌋ + 1) × 1" in out


def test_a_sum_says_how_far_it_runs_where_no_axis_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = printed("size k, s; input x[I]; y[i] = 1/k*sum(a<k) x[s*i + a]; L = sum(i) g[i]*y[i]",
                "--wrt", "x", capsys=capsys)
    assert "yᵢ = 1/k · Σ_{a<k} xₛᵢ₊ₐ" in out and "1/k · Σ_{i,0≤j-si<k} gᵢ" in out


def test_numbers_of_a_formula_are_not_rounded(capsys: pytest.CaptureFixture[str]) -> None:
    assert "0.044715" in printed("y = x + 0.044715*x^3", capsys=capsys)


def test_an_argmax_of_two_indices_says_which_is_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = printed("input x[2*I,2*J], g[I,J]; y = max_pool2d(x, kernel_size=2); L = sum(g*y)",
                "--wrt", "x", "--steps", "result", capsys=capsys)
    assert "0≤m-2i<2,0≤j-2n<2" in out and "argmax_{r<2,s<2}^r" in out


def test_in_rows_a_derivative_by_a_vector_is_a_row_wherever_it_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = printed(MLP.strip(), "--wrt", "W1", "--given", "sum(k) t[k] = 1", "--layout", "row",
                  capsys=capsys)
    assert "∂E/∂z₁ = ∂E/∂y₁ diag(y₁ ∘ (1 - y₁))" in out and "∂E/∂W₁ = (∂E/∂z₁)ᵀ xᵀ" in out


def test_a_long_derivative_is_put_in_where_that_is_shorter() -> None:
    text = "p = sigmoid(z); L = -t*ln(p) - (1 - t)*ln(1 - p)"
    assert results(text, "z")["z"] == "p - t"


def test_a_matrix_times_a_bracket_with_a_product() -> None:
    p = read("input X[N,M], W[M,K], Y[N,K]; L = ‖X @ W - Y‖_F^2")
    matrix = derive(p, None, ["W"]).found["W"].matrix
    assert matrix is not None and math_text(matrix.math) == "2 · Xᵀ (X W - Y)"


def test_no_form_is_met_twice_on_the_way() -> None:
    p = read("input x[I], g[I]; y[i] = x[i]*(1 + erf(x[i]/sqrt(2)))/2; L = sum(i) g[i]*y[i]")
    forms = [line.after for line in derive(p, None, ["x"]).found["x"].lines]
    assert all(a != b for k, a in enumerate(forms) for b in forms[:k])


@pytest.mark.parametrize("text", [
    "input X[{a},{b}], W[{b},{b}]; Y = X @ W; L = sum(Y*Y)/{a}",
    "input x[{b}], A[{b},{b}]; y = A @ A @ x; L = y.T @ y/{b}",
    "input z[{a},{b}], t[{a},{b}]; p = softmax(z); L = -1/{a}*sum(x,y) t[x,y]*ln(p[x,y])",
])
@pytest.mark.parametrize("sizes", ["mn", "kj", "ln", "jm"])
def test_no_index_is_called_like_a_size(text: str, sizes: str) -> None:
    """With m samples, 1/m · Σ_m would say two things with one letter."""
    program = read(text.format(a=sizes[0], b=sizes[1]))
    for one in derive(program, check=False).found.values():
        lines = [*one.lines, *(line for use in one.uses for line in use.lines)]
        names = {r.name for line in lines for node in walk(line.after)
                 if isinstance(node, Reduce) for r in node.indices}
        assert not names & set(program.size_names())


def test_where_cases_change_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "input u[I], s; v[i] = u[i] if u[i] >= 0 else s*u[i]; L = sum(i) v[i]",
                 "--wrt", "u", "--steps", "result"]) == 0
    assert "Where uᵢ = 0, the cases change; the derivative is" in capsys.readouterr().out
