"""Networks with another activation: the weights, the outputs, and the proof."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from chainrule.cli import cli
from chainrule.errors import FormulaSyntaxError, InputError
from chainrule.explain.swaps import FalseIdentityError, read_swap
from chainrule.explain.transform_proof import (
    Transformed,
    both_outputs,
    new_weights,
    transform_program,
)
from chainrule.formulas.calls import read
from chainrule.lang.printing import equation_text, expression_text

MLP = ("input x[N,D]; parameter W1[M,D], b1[M], W2[K,M], b2[K]; "
       "h[n,j] = sigmoid(sum(i) W1[j,i]*x[n,i] + b1[j]); "
       "y[n,k] = sum(j) W2[k,j]*h[n,j] + b2[k]")

PROGRAMS = {
    "deep": ("input x[D]; parameter W1[M,D], W2[K,M], V[K]; h1 = sigmoid(W1 @ x); "
             "h2 = sigmoid(W2 @ h1); y = dot(V, h2)", "sigmoid=tanh"),
    "inside": ("input x[D]; parameter W[M,D], b[M], V[M]; "
               "y = sum(j) V[j]*sigmoid(sum(i) W[j,i]*x[i] + b[j])", "sigmoid=tanh"),
    "convolution": (
        "input x[N,C,8]; parameter w[O,C,3], b[O], u[P,O,3], c[P]; "
        "z[n,o,i] = sum(c,a) w[o,c,a]*x[n,c,i+a-1; pad 1 with 0] + b[o] with i < 8; "
        "h[n,o,i] = sigmoid(z[n,o,i]); m[n,o,i] = max(a<2) h[n,o,2*i+a]; "
        "v[n,p,i] = sum(o,a) u[p,o,a]*m[n,o,i+a-1; pad 1 with 0] + c[p] with i < 4; "
        "y[n,p] = sum(i) sigmoid(v[n,p,i])/4", "sigmoid=tanh"),
    "negative": ("input x[8]; parameter w[3], b, v[2]; h[i] = sigmoid(sum(a<3) w[a]*x[i+a] + b); "
                 "m[i] = max(a<2) h[2*i+a] with i < 3; "
                 "y[i] = sum(a<2) v[a]*m[i+a-1; pad 1 with 0] with i < 3",
                 "sigmoid(z) = 1 - sigmoid(-z)"),
    "average": ("input x[8]; parameter w[3], v[3]; h[i] = sigmoid(sum(a<3) w[a]*x[i+a]); "
                "m[i] = sum(a<2) h[2*i+a]/2 with i < 3; y = sum(i) m[i]*v[i]", "sigmoid=tanh"),
    "skip": ("input x[D]; parameter W[D,D], b[D]; h = sigmoid(W @ x + b); y = h + x",
             "sigmoid=tanh"),
    "twice": ("input x[D]; parameter W[M,D], V[M]; h = sigmoid(W @ x); y = sum(j) V[j]*h[j]*h[j]",
              "sigmoid=tanh"),
    "swish": ("input x[D]; parameter W[D,D]; z = W @ x; s[i] = z[i]*sigmoid(z[i])",
              "sigmoid=tanh"),
    "loss": ("input X[N,V], t[N]; parameter w[V], b; s[n] = sigmoid(sum(v) X[n,v]*w[v] + b); "
             "L = -sum(n) (t[n]*ln(s[n]) + (1-t[n])*ln(1-s[n]))/N", "sigmoid=tanh"),
    "tied": ("input x[D]; parameter W[D,D], b[D]; h = sigmoid(W @ x + b); y = W.T @ h",
             "sigmoid=tanh"),
    "pieces": ("input x[D]; parameter W[M,D], V[2*M]; "
               "y[j] = sigmoid(sum(i) W[j,i]*x[i]) with j < M; y[j+M] = x[0]*W[j,0] with j < M; "
               "L = sum(k) V[k]*y[k]", "sigmoid=tanh"),
    "scatter": ("input x[N,D]; parameter w[D], V[D]; h[n,i] = sigmoid(w[i]*x[n,i]); "
                "s += h[n,i]*V[i]", "sigmoid=tanh"),
    "label": ("input x[N,D], label t[N] < K; parameter W[K,D]; "
              "h[n,k] = sigmoid(sum(i) W[k,i]*x[n,i]); L = -sum(n) ln(h[n,t[n]])", "sigmoid=tanh"),
    "choice": ("input x[D]; parameter W[M,D]; h = sigmoid(W @ x); "
               "y[j] = (h[j] if h[j] > 1/3 else 0)", "sigmoid=tanh"),
    "recurrent": ("input x[2,D], h0[H]; parameter W[H,D], U[H,H], b[H], V[H]; "
                  "h1[j] = tanh(sum(i) W[j,i]*x[0,i] + sum(k) U[j,k]*h0[k] + b[j]); "
                  "h2[j] = tanh(sum(i) W[j,i]*x[1,i] + sum(k) U[j,k]*h1[k] + b[j]); "
                  "y = sum(j) V[j]*h2[j]", "tanh=sigmoid"),
    "sine": ("input x[8]; parameter w[3], v[2]; h[i] = sin(sum(a<3) w[a]*x[i+a]); "
             "y[i] = sum(a<2) v[a]*h[i+a-1; pad 1 with 0] with i < 6", "sin=cos"),
    "relu": ("input x[D]; parameter W[M,D], V[K,M]; h = relu(W @ x); y = V @ h",
             "relu(z) = 2*relu(z/2)"),
}


def transformed(text: str, swap: str) -> Transformed:
    return transform_program(read(text), [swap])


@pytest.mark.parametrize(("text", "swap"), PROGRAMS.values(), ids=PROGRAMS)
def test_the_outputs_stay_and_it_is_proved(text: str, swap: str) -> None:
    found = transformed(text, swap)
    assert found.verdict == "proved"
    assert found.difference is not None and found.difference < 1e-12
    old = swap.replace("(", "=").split("=")[0]
    new = str(found.program)
    assert f"{old}(" not in new or old in swap.partition("=")[2]
    assert str(read(new)) == new


def test_the_weights_of_a_sigmoid_network_as_a_tanh_network() -> None:
    found = transformed(MLP, "sigmoid=tanh")
    assert [equation_text(e, bounds=False).split(" with")[0] for e in found.rewritten.weights] == [
        "W1_tanh[j,i] = W1[j,i]/2", "b1_tanh[j] = b1[j]/2", "W2_tanh[k,j] = W2[k,j]/2",
        "b2_tanh[k] = b2[k] + (sum(j) W2[k,j])/2"]


def test_there_and_back_are_the_same_weights() -> None:
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(5, 3)), "W1": rng.normal(size=(4, 3)),
              "b1": rng.normal(size=4), "W2": rng.normal(size=(2, 4)), "b2": rng.normal(size=2)}
    there = transformed(MLP, "sigmoid=tanh")
    weights = new_weights(there.rewritten, values)
    back = transform_program(there.program, ["tanh=sigmoid"])
    again = new_weights(back.rewritten, {"x": values["x"], **weights})
    for name, value in again.items():
        np.testing.assert_allclose(value, values[name.removesuffix("_sigmoid")], atol=1e-14)
    for _, a, _, b in both_outputs(there.rewritten, values):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_padding_becomes_what_the_map_makes_of_it() -> None:
    found = transformed(*PROGRAMS["convolution"])
    assert "pad 1 with -1" in str(found.program)


def test_a_maximum_under_a_negative_scale_becomes_a_minimum() -> None:
    assert "min(a<2)" in str(transformed(*PROGRAMS["negative"]).program)


def test_every_lemma_of_a_deep_network_is_as_short_as_the_first() -> None:
    layers = "; ".join(f"h{k}[j] = sigmoid(sum(i) W{k}[j,i]*h{k - 1}[i])" for k in range(1, 13))
    weights = ", ".join(f"W{k}[D,D]" for k in range(1, 13))
    found = transformed(f"input h0[D]; parameter {weights}, V[D]; {layers}; "
                        "y = sum(j) V[j]*h12[j]", "sigmoid=tanh")
    assert found.verdict == "proved"
    assert max(len(p.lines) for lemma in found.lemmas for p in lemma.proof.parts) < 16


@pytest.mark.parametrize("text", ["sigmoid=tanh", "tanh=sigmoid", "heaviside=sign", "sin=cos",
                                  "cos=sin", "floor=ceil", "ln=log2", "log1p=ln", "exp=expm1",
                                  "min=max", "relu(z) = max(z, 0)", "abs(z) = 2*abs(-z/2)"])
def test_identities_are_read_and_proved(text: str) -> None:
    assert read_swap(text).proof.verdict == "proved"


@pytest.mark.parametrize(("text", "error", "words"), [
    ("relu(z) = (z + abs(z))/2", InputError, "z stands outside of abs too"),
    ("relu=abs", InputError, "z stands outside of abs too"),
    ("relu=tanh", InputError, "known by name"),
    ("sigmoid(z) = tanh(z)", FalseIdentityError, "at z = 0 it is 0.5 and 0"),
    ("softplus(z) = 2*softplus(z/2)", FalseIdentityError, "does not hold"),
    ("sigmoid(z) = 1/(1 + exp(-z))", InputError, "not of the form"),
    ("z + 1 = tanh(z)", InputError, "no function of one name"),
    ("sigmoid", FormulaSyntaxError, "names no swap"),
])
def test_other_identities_are_refused(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words.replace("+", r"\+")):
        read_swap(text)


def test_an_activation_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="tanh does not occur"):
        transformed(MLP, "tanh=sigmoid")


def test_weights_are_guessed_where_nothing_declares_them_and_may_be_named() -> None:
    text = "h[j] = sigmoid(sum(i) W[j,i]*x[i]); y = sum(j) V[j]*h[j]"
    assert transformed(text, "sigmoid=tanh").rewritten.parameters == ("W", "V")
    found = transform_program(read(text), ["sigmoid=tanh"], ["V"]).rewritten
    assert expression_text(found.weights[0].body) == "V[j]/2"


def test_the_command_shows_the_weights_in_numbers() -> None:
    found = CliRunner().invoke(cli, [
        "transform", "y = v*sigmoid(w*x + b)", "--swap", "sigmoid=tanh",
        "--at", "x=1", "w=2", "b=4", "v=3", "--format", "markdown"])
    assert found.exit_code == 0, found.output
    assert "1.5" in found.output and "2.9925" in found.output


def test_a_network_of_the_zoo_is_transformed() -> None:
    found = CliRunner().invoke(cli, ["transform", "lenet5", "--swap", "tanh=sigmoid"])
    assert found.exit_code == 0, found.output
    assert "Undecided" not in found.output
