"""Families: networks with L layers, written out for a number, and derived for all of them."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.diff.reverse import gradient
from chainrule.errors import (
    ArityError,
    ChainruleError,
    DefinitionError,
    DerivativeError,
    FormulaSyntaxError,
    InputError,
    LimitError,
    UndecidedError,
    UnknownNameError,
)
from chainrule.evaluate.reference import run
from chainrule.explain.derive_check import UnsoundStepError
from chainrule.explain.induction import Induction
from chainrule.explain.induction_check import proved, verify
from chainrule.explain.induction_page import page
from chainrule.explain.induction_recursion import product
from chainrule.formulas.calls import read
from chainrule.lang.expr import Apply
from chainrule.lang.families import is_family, read_family
from chainrule.lang.printing import expression_text
from chainrule.lang.unrolling import unroll, unrolled
from chainrule.render import render

SHEET = """
input x[n(0)], t[n(L)]
parameter W(l)[n(l), n(l-1)] for l = 1..L
y(0)[v] = x[v]
z(l)[u] = sum(v) W(l)[u,v]*y(l-1)[v]  for l = 1..L
y(l)[u] = sigmoid(z(l)[u])            for l = 1..L-1
y(L) = softmax(z(L))
E = -sum(k) t[k]*ln(y(L)[k])
"""
CHAIN = "input x; parameter w(l) for l = 1..L; h(0) = x; "
SIMPLE = CHAIN + "h(l) = tanh(w(l)*h(l-1)) for l = 1..L; E = (h(L) - 1)^2/2"
RESIDUAL = """
input x[n], g[n], parameter W(l)[n,n] for l = 1..L
h(0)[i] = x[i]
h(l)[i] = h(l-1)[i] + sum(j) W(l)[i,j]*tanh(h(l-1)[j]) for l = 1..L
E = sum(i) (h(L)[i] - g[i])^2/2
"""
RECURRENT = """
input x(t)[m] for t = 1..T
input g[n], parameter U[n,n], V[n,m]
h(0)[i] = 0 with i < n
h(t)[i] = tanh(sum(j) U[i,j]*h(t-1)[j] + sum(v) V[i,v]*x(t)[v]) for t = 1..T
E = sum(i) (h(T)[i] - g[i])^2/2
"""


def theorem(text: str, *givens: str, wrt: str = "") -> dict[str, list[str]]:
    """All formulas by the tensor that they are for."""
    found = proved(read_family(text), None, [n for n in wrt.split(",") if n], givens)
    return {one.parts[0].derived.tensor: [bare(expression_text(p.derived.result))
                                          for p in one.parts] for one in found.results}


def bare(text: str) -> str:
    """A formula without its brackets: how products are bracketed is no matter here."""
    return re.sub(r"[()]", "", text)


def shown(found: Induction, layout: str = "column") -> str:
    return render(page(found, layout=layout), "terminal")


# --- writing out ----------------------------------------------------------------------------------


def test_a_family_is_written_out_layer_by_layer() -> None:
    assert unrolled(SHEET, L=2).splitlines() == [
        "input x[n0], t[n2]",
        "parameter W1[n1, n0]",
        "parameter W2[n2, n1]",
        "y0[v] = x[v]",
        "z1[u] = sum(v) W1[u,v]*y0[v]",
        "y1[u] = sigmoid(z1[u])",
        "z2[u] = sum(v) W2[u,v]*y1[v]",
        "y2 = softmax(z2)",
        "E = -sum(k) t[k]*ln(y2[k])",
    ]


@pytest.mark.parametrize("dots", ["1..L", "1 .. L", "1...L", "1, ..., L", "1,…,L", "1 … L"])
def test_layers_are_written_with_any_dots(dots: str) -> None:
    text = f"input x; h(0) = x\nh(l) = sin(h(l-1)) for l = {dots}"
    assert unrolled(text, L=2).endswith("h1 = sin(h0)\nh2 = sin(h1)")


def test_a_sum_over_layers_is_a_sum_of_terms() -> None:
    text = CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = h(L) + a/2*sum(l) w(l)^2 + 1; input a"
    assert "E = h2 + a/2*(w1^2 + w2^2) + 1" in unrolled(text, L=2)
    assert "E = ((w1 + w2))*2" in unrolled(CHAIN + "E = (sum(k=1..L-1) w(k))*2", L=3)


def test_plain_names_among_those_of_layers_are_declared_once() -> None:
    text = "input x, g(l), c for l = 1..L; E = x + c + sum(l) g(l)"
    assert unrolled(text, L=2).splitlines() == [
        "input x, c", "input g1", "input g2", "E = x + c + (g1 + g2)"]


def test_the_number_of_layers_may_be_a_number() -> None:
    assert unrolled("input x; h(0) = x; h(l) = sin(h(l-1)) for l = 1..2").endswith("h2 = sin(h1)")


def test_only_a_run_of_layers_makes_a_family() -> None:
    assert is_family(SHEET)
    assert not is_family("y = x^2 # for l = 1..L")
    assert not is_family("f(x) = x^2; y = f(3)")


@pytest.mark.parametrize(("text", "error", "words"), [
    ("h(l) = h(l-1) for l in 1..L", FormulaSyntaxError, "cannot be read"),
    ("h(l) = h(l-1) for l = L..1", FormulaSyntaxError, "first to the last"),
    ("h(l) = w(m) for l = 1..L; w(l) = 1 for l = 1..L", FormulaSyntaxError, "no layer of w"),
    ("h(l) = h(2*l) for l = 1..L", FormulaSyntaxError, "no layer of h"),
    ("a(l) = 1 for l = 1..L; b(m) = 2 for m = 1..M", FormulaSyntaxError, "two numbers of layers"),
    ("h1(l) = 1 for l = 1..L", FormulaSyntaxError, "ends with a digit"),
    ("h(l) = 2; g(l) = 1 for l = 1..L", FormulaSyntaxError, "for which layers"),
    ("h(l) = h(l-1) for l = 1..L", UnknownNameError, "defined nowhere"),
    ("h(l) = h(l-2) for l = 1..L", DefinitionError, "no h(-1)"),
    ("h(l) = 1 for l = 1..L; L = 3", DefinitionError, "number of layers"),
    ("h(l) = 1 for l = 1..L; h1 = 3", DefinitionError, "h1 is the name"),
    ("h(l) = 1 for l = 1..L; h = 3", ArityError, "its layer is missing"),
    ("h(l) = 1 for l = 1..L; E = sum(k=1..m) h(k)", FormulaSyntaxError, "a sum over layers"),
    ("h(l) = 1 for l = 1..99999999999", FormulaSyntaxError, "cannot be read"),
])
def test_what_cannot_be_written_out_is_refused(text: str, error: type, words: str) -> None:
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        unroll(read_family(text), 2)


def test_too_many_layers_are_refused_before_they_are_written() -> None:
    with pytest.raises(LimitError):
        unrolled(SIMPLE, L=10**9)
    with pytest.raises(InputError, match="0 layers"):
        unrolled(SIMPLE, L=0)
    with pytest.raises(InputError, match="needs L"):
        unrolled(SIMPLE, M=2)


def test_random_texts_are_read_or_refused() -> None:
    rng = random.Random(7)
    words = ["h", "(", "l", ")", "-", "1", "=", "for", "..", "L", ";", "sum", "[", "i", "]", ",",
             "input", "+", "E", "\n", "h(l)", "h(l-1)", "for l = 1..L", "…"]
    for _ in range(300):
        text = " ".join(rng.choice(words) for _ in range(rng.randrange(3, 25)))
        try:
            read(unroll(read_family(text + "; g(l) = 1 for l = 1..L"), 2).text)
        except ChainruleError:
            continue


# --- the induction --------------------------------------------------------------------------------


def test_the_gradients_of_the_course_for_any_number_of_layers() -> None:
    assert theorem(SHEET, "sum(k) t[k] = 1") == {
        "y(L)": [bare("-t[i]/y(L)[i]")],
        "z(L)": [bare("y(L)[i] - t[i]")],
        "y(l)": [bare("sum(u<n(l+1)) ∂z(l+1)[u]*W(l+1)[u,v]")],
        "z(l)": [bare("∂y(l)[u]*y(l)[u]*(1 - y(l)[u])")],
        "W(l)": [bare("∂z(l)[u]*y(l-1)[v]")],
    }


def test_the_recursion_of_the_course_in_one_formula_and_as_a_product() -> None:
    found = proved(read_family(SHEET))
    assert found.together is not None
    assert bare(expression_text(found.together.parts[0].derived.result)) == bare(
        "y(l)[u]*(1 - y(l)[u])*sum(k<n(l+1)) ∂z(l+1)[k]*W(l+1)[k,u]")
    text = shown(found)
    assert "∂E/∂z⁽ˡ⁾ = y⁽ˡ⁾ ∘ (1 - y⁽ˡ⁾) ∘ ((W⁽ˡ⁺¹⁾)ᵀ ∂E/∂z⁽ˡ⁺¹⁾)" in text
    assert "∂z⁽ˡ⁺¹⁾/∂z⁽ˡ⁾ = W⁽ˡ⁺¹⁾ diag(y⁽ˡ⁾ ∘ (1 - y⁽ˡ⁾))" in text
    assert "zᵤ⁽ˡ⁾ = Σ_v Wᵤᵥ⁽ˡ⁾ · yᵥ⁽ˡ⁻¹⁾  for l = 1, …, L" in text
    assert "so they are known for l = L - 1, …, 1" in text.replace("\n", " ")
    assert "with L = 1, 2, 3 and 4 every formula" in text


def test_a_residual_chain_has_an_identity_in_its_jacobian() -> None:
    found = proved(read_family(RESIDUAL))
    factor = product(found)
    assert factor is not None and factor.beside is not None
    assert found.together is None
    text = shown(found)
    assert "∂h⁽ˡ⁺¹⁾/∂h⁽ˡ⁾ = I + W⁽ˡ⁺¹⁾ diag(1 - tanh(h⁽ˡ⁾)" in text
    assert "(I + A₂) (I + A₁) = I + A₁ + A₂ + A₂ A₁" in text


def test_a_shared_weight_has_a_term_for_each_time() -> None:
    found = proved(read_family(RECURRENT))
    assert found.checked == (1, 2, 3, 4)
    shared = next(one for one in found.step if one.family == "U")
    assert shared.parts[0].over is not None
    assert "∂E/∂Vᵢᵥ = Σ_{t=1}ᵀ ∂E/∂hᵢ⁽ᵗ⁾ · (1 - (hᵢ⁽ᵗ⁾)²) · xᵥ⁽ᵗ⁾" in shown(found)


def test_what_a_shared_weight_does_besides_has_terms_of_its_own() -> None:
    text = ("input x[n], g[n]; parameter W[n,n]; h(0)[i] = x[i]\n"
            "h(l)[i] = tanh(sum(j) W[i,j]*h(l-1)[j]) for l = 1..L\n"
            "E = sum(i) (sum(j) W[j,i]*h(L)[j] - g[i])^2 + sum(i,j) W[i,j]^2")
    assert len(theorem(text)["W"]) == 2


def test_a_shared_weight_is_summed_over_the_layers_that_reach_the_loss() -> None:
    text = ("input x; parameter u; h(0) = x; c(0) = x; c(l) = sin(h(l-1)*c(l-1)) for l = 1..L\n"
            "h(l) = u*c(l-1) for l = 1..L; E = h(L)^2")  # h(L-1) is read by c(L) alone
    found = proved(read_family(text))
    parts = next(one for one in found.step if one.family == "u").parts
    assert [part.over is None for part in parts] == [False, True]
    assert parts[0].over is not None and parts[0].over[1].offset == -2


def test_a_batch_with_biases_and_weight_decay() -> None:
    text = """
    input x[m,n(0)], t[m,n(L)], a; parameter W(l)[n(l), n(l-1)], b(l)[n(l)] for l = 1..L
    y(0)[i,v] = x[i,v]
    z(l)[i,u] = b(l)[u] + sum(v) W(l)[u,v]*y(l-1)[i,v] for l = 1..L
    y(l)[i,u] = relu(z(l)[i,u]) for l = 1..L-1
    y(L)[i,k] = exp(z(L)[i,k])/sum(j) exp(z(L)[i,j])
    E = -1/m*(sum(i,k) t[i,k]*ln(y(L)[i,k])) + a/2*sum(l) sum(u,v) W(l)[u,v]^2
    """
    found = theorem(text, "sum(k) t[i,k] = 1")
    assert found["W(l)"] == [bare("sum(i<m) ∂z(l)[i,u]*y(l-1)[i,v] + a*W(l)[u,v]")]
    assert found["b(l)"] == [bare("sum(i<m) ∂z(l)[i,u]")]
    page_text = shown(proved(read_family(text)))
    assert "Σ_{l=1}ᴸ Σ_{u,v} (Wᵤᵥ⁽ˡ⁾)²" in page_text
    assert "corner" in page_text


def test_two_tensors_that_go_from_layer_to_layer() -> None:
    text = ("input x[n], g[n]; parameter W(l)[n,n] for l=1..L; h(0)[i]=x[i]; c(0)[i]=x[i]\n"
            "c(l)[i] = c(l-1)[i]*sigmoid(h(l-1)[i]) + sum(j) W(l)[i,j]*h(l-1)[j] for l=1..L\n"
            "h(l)[i] = tanh(c(l)[i])*sigmoid(h(l-1)[i]) for l=1..L; E = sum(i) h(L)[i]*g[i]")
    found = theorem(text)
    assert bare("∂c(l+1)[i]") in found["c(l)"][0] and bare("∂h(l)[i]") in found["c(l)"][0]


def test_a_layer_that_reads_two_below_it() -> None:
    text = ("input x; parameter w(l) for l=1..L; h(0) = x; h(1) = w(1)*x\n"
            "h(l) = tanh(w(l)*h(l-1)) + h(l-2) for l = 2..L; E = (h(L) - 1)^2")
    found = theorem(text)
    assert found["h(l)"] == [bare("∂h(l+1)*(1 - tanh(w(l+1)*h(l))^2)*w(l+1) + ∂h(l+2)")]
    assert "h(L-1)" in found and found["w(1)"] == [bare("∂h(1)*x")]


@pytest.mark.parametrize(("text", "name", "form"), [
    (SIMPLE, "w(l)", "∂h(l)*(1 - h(l)^2)*h(l-1)"),
    (CHAIN + "h(l) = tanh(w(l)*h(l-1)/L) for l = 1..L; E = h(L)^2", "h(l)",
     "∂h(l+1)*(1 - h(l+1)^2)*w(l+1)/L"),
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = sum(l) h(l)^2", "h(l)",
     "∂h(l+1)*w(l+1) + 2*h(l)"),
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = h(L)*h(L-1)", "h(L-1)",
     "h(L-1)*w(L) + h(L)"),
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = h(L)*h(2)", "h(2)", "∂h(3)*w(3) + h(L)"),
    (CHAIN + "h(l) = l*w(l)*h(l-1)/2^l for l = 1..L; E = h(L)", "w(l)", "∂h(l)*l*h(l-1)/2^l"),
    (CHAIN + "E = exp(sum(l) w(l)*x)", "w(l)", "E*x"),
    # the loss that is cut down to what reads h is not the loss: 1 - tanh² is not 1 - E²
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = tanh(h(L)) + x^2", "h(L)", "1 - tanh(h(L))^2"),
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; s = sum(l) h(l); E = s^2", "h(l)",
     "∂h(l+1)*w(l+1) + 2*s"),
    (CHAIN + "h(1) = w(1)*x; c = h(1); h(l) = w(l)*h(l-1) + c for l = 2..L; E = h(L)", "h(1)",
     "∂c + ∂h(2)*w(2)"),
    ("input x; parameter w(l) for l = 0..L; h(L) = x; h(l) = w(l)*sin(h(l+1)) for l = 0..L-1\n"
     "E = h(0)", "h(l)", "∂h(l-1)*w(l-1)*cos(h(l))"),
])
def test_a_chain_of_numbers(text: str, name: str, form: str) -> None:
    assert theorem(text)[name] == [bare(form)]


def test_a_norm_in_every_layer() -> None:
    text = ("input x[n], g[n]; parameter W(l)[n,n] for l=1..L; h(0)[i]=x[i]\n"
            "a(l)[i] = sum(j) W(l)[i,j]*h(l-1)[j] for l=1..L; h(l) = layer_norm(a(l)) for l=1..L\n"
            "E = sum(i) h(L)[i]*g[i]")
    assert theorem(text)["W(l)"] == [bare("∂a(l)[i]*h(l-1)[j]")]


def test_by_the_input_the_recursion_goes_down_to_layer_0() -> None:
    found = proved(read_family(SIMPLE), wrt=["x"])
    run_of = next(one for one in found.step if one.family == "h")
    assert run_of.first is not None and run_of.first.offset == 0
    assert [p.derived.tensor for p in found.step[-1].parts] == [bare("x")]


def test_a_backward_chain_is_worked_upwards() -> None:
    text = ("input x; parameter w(l) for l = 0..L; h(L) = x\n"
            "h(l) = w(l)*sin(h(l+1)) for l = 0..L-1; E = h(0)")
    assert "for l = 1, …, L - 1" in shown(proved(read_family(text)))


def test_a_loss_of_every_time_comes_before_the_end() -> None:
    text = """
    input x(t)[m], y(t)[k] for t = 1..T
    parameter U[n,n], V[n,m], W[k,n]
    s(0)[i] = 0 with i < n
    s(t)[i] = tanh(sum(j) U[i,j]*s(t-1)[j] + sum(v) V[i,v]*x(t)[v]) for t = 1..T
    p(t)[c] = sum(i) W[c,i]*s(t)[i] for t = 1..T
    E = sum(t) sum(c) (p(t)[c] - y(t)[c])^2
    """
    text = shown(proved(read_family(text)))
    assert text.index("Each layer by itself") < text.index("The base case")


def test_what_the_loss_does_not_depend_on_is_said() -> None:
    text = CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = x^2"
    assert "E does not depend on w." in shown(proved(read_family(text)))


def test_in_rows_the_weight_stands_to_the_right() -> None:
    text = shown(proved(read_family(SHEET)), "row")
    assert "∂E/∂y⁽ˡ⁾ = ∂E/∂z⁽ˡ⁺¹⁾ W⁽ˡ⁺¹⁾" in text
    assert "∂E/∂z⁽ˡ⁾ = ∂E/∂y⁽ˡ⁾ diag(y⁽ˡ⁾ ∘ (1 - y⁽ˡ⁾))" in text
    assert "∂E/∂z⁽ˡ⁾ = ∂E/∂z⁽ˡ⁺¹⁾ W⁽ˡ⁺¹⁾ diag(y⁽ˡ⁾ ∘ (1 - y⁽ˡ⁾))" in text
    assert "∂E/∂W⁽ˡ⁾ = (∂E/∂z⁽ˡ⁾)ᵀ (y⁽ˡ⁻¹⁾)ᵀ" in text


@pytest.mark.parametrize(("text", "options", "error", "words"), [
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L", {}, InputError, "h(L) is a member of a family"),
    (SIMPLE, {"wrt": [bare("v")]}, DerivativeError, "no v"),
    (SIMPLE, {"of": "F"}, DerivativeError, "no F"),
    ("input x; h(0) = x; h(l) = sin(h(l-1)) for l = 1..2; E = h(2)", {}, InputError, "no symbol"),
    ("input x; parameter w(l) for l = 1..L; h(1) = w(1)*x\n"
     "h(l) = w(l)*h(l-1) + h(1) for l = 2..L; E = h(L)", {}, UndecidedError, "every layer, and"),
    (CHAIN + "h(1) = w(1)*x; h(l) = sin(w(l)*h(l-2)) for l = 2..L; E = h(L)", {}, UndecidedError,
     "of the networks with up to 8 layers"),
    (CHAIN + "h(l) = w(l)*h(l-1) for l = 1..L; E = (sum(l) h(l))^2", {}, UndecidedError,
     "h of every layer"),
])
def test_what_has_no_induction_is_refused(
    text: str, options: dict[str, object], error: type, words: str,
) -> None:
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        proved(read_family(text), **options)  # type: ignore[arg-type]


def test_a_wrong_formula_is_found_out() -> None:
    found = proved(read_family(SIMPLE))
    part = found.step[1].parts[0]
    wrong = replace(part.derived, result=Apply("neg", (part.derived.result,)))
    found.step[1] = replace(found.step[1], parts=(replace(part, derived=wrong),))
    with pytest.raises(UnsoundStepError, match="fails for L = 1"):
        verify(found)


# --- on the command line --------------------------------------------------------------------------


def test_the_commands_write_a_family_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", SIMPLE, "--layers", "2", "--at", "x=1", "w1=0.5", "w2=2",
                 "--format", "json"]) == 0
    assert '"E": 0.0370' in capsys.readouterr().out
    assert main(["derive", SIMPLE, "--layers", "2", "--steps", "result"]) == 0
    assert "∂E/∂w₁" in capsys.readouterr().out
    for command in ("trace", "run", "grad", "size", "show"):
        assert main([command, SIMPLE]) == 2
        assert "--layers" in capsys.readouterr().err


def test_derive_takes_the_number_of_layers_as_a_symbol(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for kind in ("terminal", "markdown", "latex", "html", "json"):
        assert main(["derive", SIMPLE, "--format", kind]) == 0
        out = capsys.readouterr().out
        if kind == "latex":
            assert "h^{(l+1)}" in out.replace(" ", "") and "W^{(" not in out
    assert main(["derive", SIMPLE, "--order", "2"]) == 2
    assert main(["run", "y = x^2", "--layers", "3", "--at", "x=1"]) == 2
    assert main(["size", "lenet5", "--layers", "3"]) == 2
    capsys.readouterr()
    assert main(["derive", SIMPLE, "--layers", "2", "--wrt", "w", "--steps", "result"]) == 0
    out = capsys.readouterr().out
    assert "∂E/∂w₁" in out and "∂E/∂w₂" in out


def test_a_file_may_hold_a_family(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "chain.toml"
    file.write_text(f'formula = "{SIMPLE}"\n[values]\nx = 1\nw1 = 0.5\nw2 = 2\n')
    assert main(["derive", str(file)]) == 0
    assert "for any number L of layers" in capsys.readouterr().out
    assert main(["run", str(file), "--layers", "2", "--format", "json"]) == 0
    assert '"E": 0.0370' in capsys.readouterr().out


def test_the_recursion_agrees_with_a_deep_network() -> None:
    rng = random.Random(3)
    depth = 6
    p = read(unrolled(SIMPLE, L=depth))
    values = {n: rng.uniform(-1, 1) for n in p.inputs}
    derivative = gradient(p, "E", [f"w{k}" for k in range(1, depth + 1)])
    table = run(derivative.program, values)
    h = [float(table[f"h{k}"]) for k in range(depth + 1)]
    delta = h[depth] - 1
    for k in range(depth, 0, -1):
        assert abs(delta*(1 - h[k]**2)*h[k - 1] - float(table[derivative.names[f"w{k}"]])) < 1e-12
        delta *= (1 - h[k]**2)*values[f"w{k}"]


def test_each_use_of_a_shared_weight_has_a_name_of_its_own() -> None:
    """∂E/∂a is the sum; one term of it is the derivative by the a of one layer."""
    family = read_family("input x; parameter a; h(0) = x; h(l) = sin(a*h(l-1)) for l = 1..L; "
                         "E = h(L)^2 + a^2")
    found = render(page(proved(family)), "terminal")
    assert "Write a⁽ˡ⁾ for the a that layer l reads." in found
    assert "Write a⁽⁰⁾ for the a that E reads." in found
    assert re.search(r"∂E/∂a⁽⁰⁾ = 2 · a ", found)
    assert not re.search(r"∂E/∂a = (?!Σ)", found)


def test_the_layer_before_the_last_says_from_which_number_of_layers_on() -> None:
    family = read_family("input x; parameter w(l) for l = 1..L; h(0) = x; h(1) = w(1)*x; "
                         "h(l) = tanh(w(l)*h(l-1)) + h(l-2) for l = 2..L; E = h(L)^2")
    found = render(page(proved(family)), "terminal")
    assert len(re.findall(r"∂E/∂h⁽ᴸ⁻¹⁾ = .*for L ≥ 2", found)) == 1
