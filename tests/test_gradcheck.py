"""Gradient checks: right gradients pass, wrong ones are told apart, and what is wrong is named."""

from __future__ import annotations

import ast
import inspect
import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backward_passes import NETWORKS, convolution, mlp, pooled
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.cli import main
from chainrule.document.blocks import inlines, plain
from chainrule.errors import DerivativeError, InputError, LimitError, UnknownNameError
from chainrule.formulas.calls import read
from chainrule.nn import zoo
from chainrule.render import FORMATS, render
from chainrule.train import gradcheck_compare as compare
from chainrule.train.gradcheck_diagnose import diagnose
from chainrule.train.gradcheck_health import health_page
from chainrule.train.gradcheck_numerical import cells, check_function
from chainrule.train.gradcheck_rerun import worked
from chainrule.train.gradcheck_stencil import WEIGHTS, difference
from chainrule.train.gradcheck_words import Words
from chainrule.train.health import health

USPS = Path(__file__).parent.parent.parent / "shared" / "data" / "usps"

# what the diagnosis says of each mistake; of several mistakes, each
NAMED: dict[tuple[str, str], tuple[str, ...]] = {
    ("mlp", "no mean"): ("5 times too large, and 5 is the number of values that n takes",),
    ("mlp", "p + t"): ("In ∂L/∂z⁽²⁾ the term through p has the wrong sign",),
    ("mlp", "softmax diagonal"): ("In ∂L/∂z⁽²⁾, each cell gets its own term alone",
                                  "Only the diagonal of the Jacobian through the sum in p"),
    ("mlp", "b2 of one example"): ("In ∂L/∂b⁽²⁾, only the first value of n is counted",),
    ("mlp", "W2 with z1"): ("In ∂L/∂W⁽²⁾, z⁽¹⁾ stands where h belongs",),
    ("mlp", "no sigmoid"): ("In ∂L/∂z⁽¹⁾, the factor hₙᵤ · (1 - hₙᵤ) is missing, the derivative of "
                            "hₙᵤ = σ(zₙᵤ⁽¹⁾)",),
    ("mlp", "sigmoid of z"): ("In ∂L/∂z⁽¹⁾, z⁽¹⁾ stands where h belongs",),
    ("mlp", "h squared"): ("In ∂L/∂z⁽¹⁾, hₙᵤ stands where 1 - hₙᵤ belongs",),
    ("mlp", "sigmoid twice"): ("In ∂L/∂z⁽¹⁾, a factor is applied twice",),
    ("mlp", "no decay"): ("In ∂L/∂W⁽¹⁾ the term that comes straight from L is missing",),
    ("mlp", "decay doubled"): ("the term that comes straight from L is twice what it should be",),
    ("mlp", "decay of another strength"): ("comes straight from L is multiplied by 0.37",),
    ("mlp", "two mistakes"): ("In ∂L/∂W⁽²⁾, z⁽¹⁾ stands where h belongs",
                              "In ∂L/∂b⁽¹⁾, only the first value of n is counted"),
    ("mlp", "nested mistakes"): ("5 times too large", "In ∂L/∂z⁽¹⁾, the factor hₙᵤ · (1 - hₙᵤ)"),
    ("convolution", "no relu"): ("In ∂L/∂z, the factor [zₙₒᵢⱼ > 0] is missing",),
    ("convolution", "kernel flipped"): ("In ∂L/∂x, the window is walked from its other end",),
    ("convolution", "gradient of the kernel flipped"): (
        "In ∂L/∂w, the window is walked from its other end along a and d",),
    ("convolution", "bias averaged"): (
        "∂L/∂b is 32 times too small, and 32 is the number of terms that are summed over n, i and "
        "j: a sum taken as a mean",),
    ("convolution", "bias of one example"): ("In ∂L/∂b, only the first value of n is counted",),
    ("convolution", "pool to all"): ("In ∂L/∂h, the gradient of a maximum is sent to every cell",),
    ("convolution", "pool averaged"): ("In ∂L/∂h, the gradient of a maximum is spread evenly",),
    ("convolution", "pool to the first"): ("In ∂L/∂h, the gradient of a maximum is sent to the "
                                           "first cell of its window",),
    ("normalisation", "no gain"): ("In ∂L/∂r, the factor gᵤ is missing",),
    ("normalisation", "no power"): ("In ∂L/∂c, the division by √(cₙ + 0.001)² is missing",),
    ("normalisation", "variance of the wrong sign"): ("the term through c has the wrong sign",),
    ("normalisation", "constant variance"): ("In ∂L/∂z the term through c is missing",),
    ("normalisation", "constant mean"): ("In ∂L/∂z the term through m is missing",),
    ("normalisation", "constant statistics"): ("In ∂L/∂z the terms through c and m are missing",),
    ("normalisation", "mean not divided"): (
        "the term through m is 6 times too large, and 6 is the number of values that u takes",),
    ("normalisation", "no two"): ("In ∂L/∂z the term through c is half of what it should be",),
    ("normalisation", "variance times deviation"): ("In ∂L/∂c, the factor √(cₙ + 0.001) is",),
    ("attention", "A not transposed"): ("In ∂L/∂v, Aⱼᵢ stands where Aᵢⱼ belongs: a transpose",),
    ("attention", "softmax diagonal"): ("In ∂L/∂s, each cell gets its own term alone",),
    ("attention", "softmax without its sum"): ("In ∂L/∂s the term through the sum in A is",),
    ("attention", "no scale"): ("is twice what it should be",),
    ("attention", "s not transposed"): ("In ∂L/∂k, ∂L/∂sⱼᵢ stands where ∂L/∂sᵢⱼ belongs",),
    ("attention", "k for q"): ("In ∂L/∂k, k stands where q belongs",),
    ("attention", "Q transposed"): ("∂L/∂Q comes out transposed",),
    ("attention", "no residual"): ("In ∂L/∂X the term through y is missing",),
    ("attention", "values only"): ("In ∂L/∂X the terms through y, k and q are missing",),
    ("residual", "no two"): ("∂L/∂h⁽³⁾ is half of what it should be",),
    ("residual", "a for r"): ("In ∂L/∂a⁽³⁾, a⁽³⁾ stands where r⁽³⁾ belongs",),
    ("residual", "not squared"): ("rₙᵤ⁽³⁾ stands where (rₙᵤ⁽³⁾)² belongs",),
    ("residual", "plus"): ("a sign is wrong: 1 + (rₙᵤ⁽³⁾)² for 1 - (rₙᵤ⁽³⁾)²",),
    ("residual", "no slope"): ("the factor 1 - (rₙᵤ⁽³⁾)² is missing, the derivative of",),
    ("residual", "slope twice"): ("In ∂L/∂a⁽³⁾, a factor is applied twice",),
    ("residual", "output for input"): ("In ∂L/∂W⁽³⁾, h⁽³⁾ stands where h⁽²⁾ belongs",
                                       "In ∂L/∂W⁽¹⁾, h⁽¹⁾ stands where x belongs"),
    ("residual", "scaled by depth"): ("the term through a⁽³⁾ is multiplied by 0.3333",
                                      "the term through a⁽²⁾ is half of what it should be"),
    ("residual", "no skip"): ("In ∂L/∂h⁽²⁾ the term through h⁽³⁾ is missing",
                              "In ∂L/∂x the term through h⁽¹⁾ is missing"),
    ("residual", "no skip in layer 2"): ("In ∂L/∂h⁽¹⁾ the term through h⁽²⁾ is missing",),
    ("residual", "skip only"): ("In ∂L/∂h⁽²⁾ the term through a⁽³⁾ is missing",),
    ("residual", "skip twice"): ("the term through h⁽³⁾ is twice what it should be",),
    ("residual", "skip weakened in layer 3"): ("through h⁽³⁾ is multiplied by 0.3.",),
    ("lstm", "cell forgotten"): ("In ∂L/∂c⁽²⁾ the term through c⁽³⁾ is missing",),
    ("lstm", "new cell"): ("In ∂L/∂f⁽³⁾, c⁽³⁾ stands where c⁽²⁾ belongs",),
    ("lstm", "no slope of i"): ("In ∂L/∂zi⁽³⁾, the factor iₙᵤ⁽³⁾ · (1 - iₙᵤ⁽³⁾) is missing",),
    ("lstm", "no way back through o"): ("In ∂L/∂h⁽²⁾ the term through zo⁽³⁾ is missing",),
    ("lstm", "cut at every step"): ("∂L/∂h⁽²⁾ is zero",),
}
# mistakes of kinds that nobody thought of: the first gradient that differs, and where the mistake
# is, which has to be among the suspects ("" where several mistakes were made at once)
UNEXPLAINED: dict[tuple[str, str], tuple[str, str]] = {
    ("mlp", "labels shifted"): ("W2", "z2"),
    ("mlp", "squared error"): ("W2", "z2"),
    ("mlp", "b2 of three examples"): ("b2", "b2"),
    ("mlp", "W2 clipped"): ("W2", "W2"),
    ("mlp", "sine"): ("W1", "z1"),
    ("mlp", "hard sigmoid"): ("W1", "z1"),
    ("mlp", "absolute"): ("W1", "z1"),
    ("mlp", "decay of signs"): ("W1", "W1"),
    ("mlp", "noise"): ("b1", "b1"),
    ("convolution", "flattened in another order"): ("w", "f"),
    ("convolution", "leaky"): ("w", "z"),
    ("convolution", "windows from the end"): ("w", "w"),
    ("convolution", "one channel"): ("x", "x"),
    ("convolution", "bias of the border"): ("b", "b"),
    ("convolution", "pool to the least"): ("w", "h"),
    ("normalisation", "over the batch"): ("W", "z"),
    ("normalisation", "square root left out"): ("W", "z"),
    ("attention", "softmax over columns"): ("K", "s"),
    ("attention", "causal in the backward pass only"): ("K", "s"),
    ("attention", "weights not transposed"): ("X", "X"),
    ("attention", "positions mixed up"): ("X", "X"),
    ("residual", "slope cubed"): ("W3", ""),
    ("residual", "cosine in layer 2"): ("W2", "a2"),
    ("lstm", "g as a gate"): ("Wg", ""),
}


def checked(network: str, mistake: str) -> Any:
    own = NETWORKS[network]
    values = own.values()
    return cr.gradcheck(own.text, own.backward(mistake, **values), values, seconds=120)


def sentences(check: Any) -> list[str]:
    found = check.result.diagnosis
    return [plain(inlines(*Words(base, check.result.loss).sentence(mistake)))
            for mistake, base in zip(found.mistakes, found.bases, strict=True)]


# --- mistakes that were planted


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_right_backward_pass_agrees_and_so_do_differences(network: str) -> None:
    check = checked(network, "")
    assert check.agrees
    for row in check.rows:
        assert row.error < 1e-12 and row.check is not None and row.check.allows(row.ours, 1e-9)


@pytest.mark.parametrize(("network", "mistake"), list(NAMED))
def test_a_mistake_is_named(network: str, mistake: str) -> None:
    check = checked(network, mistake)
    assert not check.agrees and not check.result.diagnosis.unexplained
    said = " ".join(sentences(check))
    for words in NAMED[network, mistake]:
        assert words in said
    assert "What is wrong" in str(check) or "mistakes" in str(check)


@pytest.mark.parametrize(("network", "mistake"), list(UNEXPLAINED))
def test_a_mistake_of_no_known_kind_is_placed_and_not_explained(network: str, mistake: str) -> None:
    check = checked(network, mistake)
    first, place = UNEXPLAINED[network, mistake]
    diagnosis = check.result.diagnosis
    assert not check.agrees and not diagnosis.mistakes and diagnosis.complete
    assert diagnosis.unexplained[0] == first
    assert not place or place in diagnosis.suspects
    assert "Not explained" in str(check) and "The first that differs is" in re.sub(
        r"\s+", " ", str(check))


def switches(function: Any) -> set[str]:
    """The mistakes that a backward pass asks for: what it compares with, the keys of its tables."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Compare) and getattr(node.left, "id", "") == "mistake":
            for part in ast.walk(node.comparators[0]):
                found |= {part.value} if isinstance(part, ast.Constant) else set()
        if isinstance(node, ast.Dict):
            found |= {k.value for k in node.keys if isinstance(k, ast.Constant)}
    return {w for w in found if len(w) > 3} - {"deviation", "variance", "mean"}


def test_every_mistake_that_can_be_switched_on_is_tested() -> None:
    for name, network in NETWORKS.items():
        asked = switches(network.backward)
        asked |= switches(pooled) if network.backward is convolution else set()
        assert asked == {m for n, m in (*NAMED, *UNEXPLAINED) if n == name}
    assert 2.5 * len(UNEXPLAINED) > len(NAMED)


def test_a_mistake_made_in_every_layer_is_one_mistake() -> None:
    check = checked("residual", "no slope")
    assert len(check.result.diagnosis.mistakes) == 1
    assert "It is the same in ∂L/∂a⁽²⁾ and ∂L/∂a⁽¹⁾." in str(check)


def test_what_cannot_be_told_apart_is_said_to_be_so() -> None:
    # the last example alone, or the first: with two examples that are equal both fit
    text = "input x[2,3]; parameter b[3]; z[n,i] = x[n,i] + b[i]; L = sum(n,i) z[n,i]^2"
    x = np.array([[1.0, 2, 3], [1, 2, 3]])
    check = cr.gradcheck(text, {"b": 2 * x[0]}, {"x": x, "b": np.zeros(3)})
    said = " ".join(str(check).split())
    assert "half of what it should be" in said


def test_a_hypothesis_that_breaks_what_is_right_is_no_explanation() -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    right, wrong = (own.backward(m, **values) for m in ("", "no sigmoid"))
    # b₁ right and W₁ as if the sigmoid's derivative were missing: no single equation does that
    check = cr.gradcheck(own.text, {**wrong, "b1": right["b1"]}, values)
    assert [r.tensor for r in check.rows if not r.fine] == ["W1"]
    assert not any("1 - hₙᵤ" in s and "∂L/∂z" in s for s in sentences(check))


# --- adjoints on the way


def inner(mistake: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """A backward pass of the perceptron with its adjoints on the way, and the point."""
    v = NETWORKS["mlp"].values()
    z1 = v["x"] @ v["W1"].T + v["b1"]
    h = 1 / (1 + np.exp(-z1))
    e = np.exp(h @ v["W2"].T + v["b2"])
    dz2 = (e / e.sum(1, keepdims=True) - np.eye(3)[v["y"]]) / 5
    dh = dz2 @ v["W2"]
    dz1 = dh * (np.sin(h) if mistake == "sine" else h * (1 - h))
    return {"dz2": dz2, "dh": dh, "dz1": dz1, "dW2": dz2.T @ h, "db2": dz2.sum(0),
            "dW1": dz1.T @ v["x"] + 0.1 * v["W1"], "db1": dz1.sum(0)}, v


def test_adjoints_on_the_way_tell_where_a_mistake_is_and_what_only_follows_from_it() -> None:
    gradients, values = inner("sine")
    check = cr.gradcheck(NETWORKS["mlp"].text, gradients, values)
    assert {r.tensor: r.verdict for r in check.rows} == {
        "z2": "agrees", "W2": "agrees", "b2": "agrees", "h": "agrees", "z1": "differs",
        "W1": "follows", "b1": "follows"}
    assert check.result.diagnosis.unexplained == ("z1",)
    assert check.result.diagnosis.suspects == ("z1",)


def test_two_mistakes_are_told_apart_by_the_adjoint_between_them() -> None:
    gradients, values = inner("sine")
    gradients["db1"] = gradients["dz1"][0]
    check = cr.gradcheck(NETWORKS["mlp"].text, gradients, values)
    assert sentences(check) == ["In ∂L/∂b⁽¹⁾, only the first value of n is counted: the sum over n "
                                "is missing."]
    assert check.result.diagnosis.unexplained == ("z1",)


def test_adjoints_kept_transposed_or_without_a_factor_are_no_mistake() -> None:
    gradients, values = inner()
    gradients["dz1"] = gradients["dz1"].T
    gradients["dz2"] = 5 * gradients["dz2"]  # divided by the batch size later
    check = cr.gradcheck(NETWORKS["mlp"].text, gradients, values)
    assert check.agrees
    verdicts = {r.tensor: r.verdict for r in check.rows}
    assert verdicts["z1"] == "layout" and verdicts["z2"] == "scaled"
    assert "5 times ours, and what follows from it is right" in " ".join(str(check).split())


def test_an_adjoint_that_is_too_large_with_all_that_follows_is_a_mistake() -> None:
    gradients, values = inner()
    wrong = {k: a if k == "dW1" else 5 * a for k, a in gradients.items()}
    wrong["dW1"] = 5 * (gradients["dW1"] - 0.1 * values["W1"]) + 0.1 * values["W1"]
    check = cr.gradcheck(NETWORKS["mlp"].text, wrong, values)
    assert not check.agrees and "5 times too large" in " ".join(sentences(check))


def test_a_loss_that_differs_is_told_to_be_another_function() -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    gradients = own.backward("", **values)
    check = cr.gradcheck(own.text, {**gradients, "L": 3.25}, values)
    assert not check.agrees and check.rows[0].verdict == "another value"
    assert "they are not the same function" in " ".join(str(check).split())
    loss = cr.run(own.text, values)
    assert cr.gradcheck(own.text, {**gradients, "L": loss}, values).agrees


# --- names and shapes

SQUARE = """input x[3,4]; parameter W[2,4], b[2]
y[n,u] = sum(v) W[u,v]*x[n,v] + b[u]; L = sum(n,u) y[n,u]^2"""


def square() -> tuple[dict[str, Any], Any, Any]:
    rng = np.random.default_rng(0)
    v = {"x": rng.normal(size=(3, 4)), "W": rng.normal(size=(2, 4)), "b": rng.normal(size=2)}
    y = v["x"] @ v["W"].T + v["b"]
    return v, 2 * y.T @ v["x"], 2 * y


@pytest.mark.parametrize(("key", "tensor"), [
    ("W1", "W1"), ("dW1", "W1"), ("W1_bar", "W1"), ("W1_grad", "W1"), ("grad_W1", "W1"),
    ("dL_dW1", "W1"), ("W1.grad", "W1"), ("d_W1", "W1"), ("dLdW1", "W1"), ("gradient_of_W1", "W1"),
    ("fc1.weight", "fc1_W"), ("fc1.bias", "fc1_b"), ("fc1.weight.grad", "fc1_W"), ("delta", None),
    ("dx", "dx"),  # a tensor of that name is meant before the gradient of x
])  # fmt: skip
def test_names_of_gradients_are_understood(key: str, tensor: str | None) -> None:
    found, left = compare.matched([key], ["W1", "fc1_W", "fc1_b", "dx", "x"])
    assert found == ({} if tensor is None else {key: tensor}) and (left == [key]) == (not tensor)


def test_two_names_for_one_gradient_are_not_both_taken() -> None:
    v, dW, db = square()
    check = cr.gradcheck(SQUARE, {"W": dW, "dW": dW + 1, "b": db.sum(0)}, v)
    assert check.agrees and check.result.left == ("dW",) and "dW" in str(check)


@pytest.mark.parametrize(("change", "verdict"), [
    (lambda dW, db: {"W": dW.T}, "transposed"),
    (lambda dW, db: {"W": dW.ravel()}, "shape"),
    (lambda dW, db: {"b": db}, "unsummed"),
    (lambda dW, db: {"b": db * 3}, "averaged"),
    (lambda dW, db: {"W": np.zeros((7, 7))}, "shape"),
    (lambda dW, db: {"W": dW[0]}, "shape"),
    (lambda dW, db: {"W": np.where(dW == dW.max(), np.nan, dW)}, "not finite"),
    (lambda dW, db: {"W": np.where(dW == dW.max(), np.inf, dW)}, "not finite"),
])  # fmt: skip
def test_what_is_wrong_with_a_shape_or_a_number_is_said(change: Any, verdict: str) -> None:
    v, dW, db = square()
    check = cr.gradcheck(SQUARE, change(dW, db), v)
    assert not check.agrees and [r.verdict for r in check.rows] == [verdict]
    assert "Warning" in str(check)


def test_a_transposed_gradient_that_is_wrong_beside_is_diagnosed_turned() -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    wrong = own.backward("W2 with z1", **values)
    check = cr.gradcheck(own.text, {**wrong, "W2": wrong["W2"].T}, values)
    assert sentences(check) == ["In ∂L/∂W⁽²⁾, z⁽¹⁾ stands where h belongs."]
    assert "has the shape 6 × 3, and 3 × 6 is wanted" in " ".join(str(check).split())


# --- tolerance


def test_the_error_is_relative_to_each_tensor() -> None:
    text = "input a[3], b[3]; L = 1000000*(sum(i) a[i]^2) + sum(i) b[i]^2/1000"
    v = {"a": np.ones(3), "b": np.array([1.0, 2, 3])}
    good = {"a": np.full(3, 2e6), "b": v["b"] / 500}
    assert cr.gradcheck(text, good, v).agrees
    assert not cr.gradcheck(text, {**good, "b": good["b"] * (1 + 1e-4)}, v).agrees
    assert cr.gradcheck(text, {**good, "b": good["b"] * (1 + 1e-4)}, v, tolerance=1e-3).agrees


def test_rounding_of_a_gradient_that_is_zero_passes() -> None:
    # a bias before a normalisation has no effect
    text = """input x[6,4]; parameter b[4]
    z[n,u] = x[n,u] + b[u]; m[u] = mean(n) z[n,u]; L = sum(n,u) (z[n,u] - m[u])^4"""
    v = {"x": np.random.default_rng(1).normal(size=(6, 4)), "b": np.zeros(4)}
    d = v["x"] - v["x"].mean(0)
    noise = {"b": 1e-15 * np.array([1, -2, 0.5, 1]), "x": 4 * d**3 - 4 * (d**3).mean(0)}
    assert cr.gradcheck(text, noise, v).agrees
    assert not cr.gradcheck(text, {**noise, "b": noise["b"] * 1e8}, v).agrees


def test_single_precision_is_held_to_its_own_standard() -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    single = {k: a.astype(np.float32) for k, a in own.backward("", **values).items()}
    assert cr.gradcheck(own.text, single, values).agrees
    wrong = {k: a.astype(np.float32) for k, a in own.backward("no sigmoid", **values).items()}
    assert "the factor hₙᵤ · (1 - hₙᵤ) is missing" in sentences(
        cr.gradcheck(own.text, wrong, values))[0]


@settings(max_examples=30)
@given(st.integers(0, 5), st.sampled_from(["W1", "b1", "W2", "b2"]),
       st.sampled_from([math.nan, math.inf, -math.inf, 1e-3, -1e300]))
def test_one_wrong_cell_never_passes(cell: int, name: str, wrong: float) -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    gradients = own.backward("", **values)
    flat = gradients[name].reshape(-1)
    flat[cell % flat.size] += wrong
    assert not cr.gradcheck(own.text, gradients, values, seconds=0).agrees


# --- kinks and ties


@pytest.mark.parametrize(("slope", "fine"), [(0.0, True), (0.5, True), (1.0, True), (1.5, False),
                                             (-0.1, False)])
def test_at_a_kink_any_value_between_the_slopes_is_right(slope: float, fine: bool) -> None:
    text = "input x[3]; parameter w[3]; h[i] = relu(w[i]*x[i]); L = sum(i) h[i]"
    v = {"x": np.array([1.0, 2, 3]), "w": np.array([0.0, 1, -1])}
    check = cr.gradcheck(text, {"w": np.array([slope, 2, 0])}, v)
    assert check.agrees == fine
    assert check.rows[0].verdict == ("differs" if not fine else "kink" if slope else "agrees")


def test_a_kink_is_no_excuse_for_another_cell() -> None:
    text = "input x[3]; parameter w[3]; h[i] = relu(w[i]*x[i]); L = sum(i) h[i]"
    v = {"x": np.array([1.0, 2, 3]), "w": np.array([0.0, 1, -1])}
    assert not cr.gradcheck(text, {"w": np.array([1, 2.5, 0])}, v).agrees


def test_ties_of_a_pool_may_be_shared() -> None:
    text = "input x[4]; u[i] = max(a<2) x[2*i+a] with i<2; L = sum(i) u[i]^2"
    v = {"x": [1.0, 1, 1, 2]}
    for fine in ([2, 0, 0, 4], [1, 1, 0, 4], [0, 2, 0, 4]):
        assert cr.gradcheck(text, {"x": np.array(fine, float)}, v).agrees
    assert not cr.gradcheck(text, {"x": np.array([1.0, 1, 2, 2])}, v).agrees


def test_another_choice_at_the_kinks_of_a_layer_is_recognised_behind_other_layers() -> None:
    text = """input x[3,2]; parameter W[2,2], V[2,2]
    z[n,u] = sum(v) W[u,v]*x[n,v]; h[n,u] = relu(z[n,u]); y[n,u] = sum(v) V[u,v]*h[n,v]
    L = sum(n,u) (y[n,u] - 1)^2"""
    x = np.array([[0.0, 0], [1, 2], [-1, 1]])
    W, V = np.array([[1.0, 1], [2, -1]]), np.array([[1.0, 2], [3, 4]])
    z = x @ W.T
    dy = 2 * (np.maximum(z, 0) @ V.T - 1)
    gradients = {"V": dy.T @ np.maximum(z, 0)}
    for on in (z > 0, z >= 0):
        dz = (dy @ V) * on
        check = cr.gradcheck(text, {**gradients, "W": dz.T @ x, "x": dz @ W},
                             {"x": x, "W": W, "V": V})
        assert check.agrees
    assert "kink" in {r.verdict for r in check.rows}


# --- sources of gradients


def test_gradients_come_from_a_file_or_from_a_function(tmp_path: Path) -> None:
    v, dW, db = square()
    np.savez(tmp_path / "g.npz", dW=dW, db=db.sum(0))
    assert cr.gradcheck(SQUARE, tmp_path / "g.npz", v).agrees
    assert cr.gradcheck(SQUARE, str(tmp_path / "g.npz"), v).agrees

    def backward(x: Any, W: Any, b: Any) -> Any:
        y = x @ W.T + b
        return float((y**2).sum()), {"W": 2 * y.T @ x, "b": 2 * y.sum(0)}

    assert cr.gradcheck(SQUARE, backward, v).agrees
    assert cr.gradcheck(cr.formula(SQUARE), backward, v).agrees


def test_a_network_is_checked_by_the_names_of_its_layers() -> None:
    network = zoo.load("digits-mlp", loss=nn.CrossEntropyLoss())
    values = {**network.initial(0), "x": np.random.default_rng(0).normal(size=(3, 256)),
              "y": np.array([1, 4, 9])}
    own = cr.formula(network).gradient(values, of="loss")
    given = {"z1.weight": own["z1_W"], "z2.weight": own["z2_W"]}
    assert cr.gradcheck(network, given, values).agrees
    check = cr.gradcheck(network, {**given, "z1.weight": 3 * own["z1_W"]}, values)
    assert "3 times too large, and 3 is the number of values that n takes" in sentences(check)[0]


@pytest.mark.parametrize(("gradients", "error", "words"), [
    ({}, InputError, "no gradients"),
    ({"Wx": 1.0}, UnknownNameError, "no gradient of a tensor"),
    ({"W": "abc"}, InputError, "no real numbers"),
    ({"W": [[1, 2], [3]]}, InputError, "no real numbers"),
    ({"W": 1j}, InputError, "no real numbers"),
    ("/nowhere/g.npz", InputError, "cannot be read"),
    (lambda **values: 3, InputError, "given by name"),
])  # fmt: skip
def test_what_is_no_gradient_is_refused(gradients: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cr.gradcheck(SQUARE, gradients, square()[0])


def test_hostile_files_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    np.savez(path, W=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        cr.gradcheck(SQUARE, path, square()[0])
    path.write_bytes(b"PK\x03\x04 nothing of the kind")
    with pytest.raises(InputError, match="cannot be read"):
        cr.gradcheck(SQUARE, path, square()[0])
    whole = io.BytesIO()
    np.savez(whole, W=np.zeros((2, 4)))
    path.write_bytes(whole.getvalue()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        cr.gradcheck(SQUARE, path, square()[0])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W.npy", b"\0" * 1000)
        archive.infolist()[0].file_size = 2**40
    with pytest.raises(LimitError, match="unpack"):
        cr.gradcheck(SQUARE, path, square()[0])


def test_options_out_of_range_are_refused() -> None:
    v, dW, _ = square()
    for option in ({"stencil": 3}, {"step": 0.0}, {"step": math.nan}, {"tolerance": 2.0}):
        with pytest.raises(InputError):
            cr.gradcheck(SQUARE, {"W": dW}, v, **option)
    with pytest.raises(InputError, match="formula is wanted"):
        cr.gradcheck(3, {"W": dW}, v)  # type: ignore[arg-type]
    with pytest.raises(DerivativeError, match="no scalar"):
        cr.gradcheck("input x[3]; y[i] = x[i]^2", {"x": np.ones(3)}, {"x": np.ones(3)})


def test_a_search_without_time_says_that_it_was_not_complete() -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    check = cr.gradcheck(own.text, own.backward("sine", **values), values, seconds=0)
    assert not check.agrees and not check.result.diagnosis.complete
    assert "for which there was time" in " ".join(str(check).split())


# --- differences


@pytest.mark.parametrize("points", list(WEIGHTS))
def test_a_stencil_has_its_order_and_its_error_is_no_less_than_what_is_off(points: int) -> None:
    # exact for polynomials up to its order, and not for the next odd power
    for power in range(1, points + 1):
        found = difference(lambda t, n=power: (1 + t) ** n, points, 0.1)  # type: ignore[misc]
        assert abs(found.value - power) <= 1e-10
    for f, slope in ((math.exp, 1.0), (lambda t: math.sin(1 + 20 * t), 20 * math.cos(1)),
                     (lambda t: 1 / (1 + 3 * t), -3.0),
                     (lambda t: math.tanh(5 + t), 1 - math.tanh(5) ** 2)):
        for step in (1e-1, 1e-2, 1e-3, 1e-4):
            found = difference(f, points, step, wanted=math.inf)
            assert abs(found.value - slope) <= found.error + 1e-8


def test_a_kink_at_the_point_and_one_nearby_are_told_apart() -> None:
    for slope in (0.0, 1.0, -3.0):
        found = difference(lambda t, s=slope: abs(t) + s * t + t * t, 8, 1e-2)  # type: ignore[misc]
        assert found.kink and found.low == pytest.approx(slope - 1, abs=1e-6)
        assert found.high == pytest.approx(slope + 1, abs=1e-6)
    near = difference(lambda t: max(t - 2e-3, 0.0) + math.exp(t), 8, 1e-2, 1e-9)
    assert not near.kink and abs(near.value - 1) <= near.error < 1e-8 and near.step < 1e-3
    smooth = difference(lambda t: t * t * t * t + 1e-6 * t * t, 8, 1e-2)
    assert not smooth.kink and abs(smooth.value) <= smooth.error


def test_where_a_function_is_not_finite_nothing_is_claimed() -> None:
    found = difference(lambda t: math.log(t) if t > 0 else math.nan, 8, 1e-2, 1e-9)
    assert math.isnan(found.value) and not found.allows(1.0)
    check = cr.gradcheck(lambda x: float("nan"), lambda x: np.zeros(2), np.ones(2))
    assert not check.agrees


def test_a_function_and_its_gradient_are_checked_without_a_formula() -> None:
    def f(W: Any, b: Any) -> float:
        return float((np.tanh(W @ b) ** 2).sum())

    def g(W: Any, b: Any) -> dict[str, Any]:
        y = np.tanh(W @ b)
        d = 2 * y * (1 - y**2)
        return {"W": np.outer(d, b), "b": W.T @ d}

    rng = np.random.default_rng(0)
    v = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    for points in WEIGHTS:
        assert cr.gradcheck(f, g, v, stencil=points).agrees
    wrong = cr.gradcheck(f, lambda W, b: {**g(W, b), "b": W.T @ np.tanh(W @ b)}, v)
    assert not wrong.agrees and wrong.result.worst.name == "b"
    assert {t.name for t in wrong.result.tried if t.verdict == "differs"} == {"b"}
    assert "does not agree with differences" in str(wrong)
    with pytest.raises(InputError, match="2 numbers"):
        cr.gradcheck(lambda x: x, lambda x: x, np.ones(2))
    with pytest.raises(InputError, match="shape"):
        cr.gradcheck(lambda x: float(x.sum()), np.ones(3), np.ones(2))


def test_what_differences_cannot_decide_is_neither_right_nor_wrong() -> None:
    def single(x: Any) -> float:  # computed to seven digits, with arguments that have sixteen
        return float(np.sin(x).astype(np.float32).sum())

    x = np.linspace(0.2, 1.2, 12)
    check = check_function(single, np.cos(x), x, tolerance=1e-10)
    verdicts = {t.verdict for t in check.tried}
    assert "undecided" in verdicts and "differs" not in verdicts and not check.agrees
    assert "nothing can be said" in str(cr.gradcheck(single, np.cos(x), x, tolerance=1e-10))
    assert check_function(single, np.cos(x), x, tolerance=1e-4).agrees
    assert not check_function(single, 1.01 * np.cos(x), x, tolerance=1e-4).agrees


def test_of_large_arrays_cells_are_tried_all_over() -> None:
    assert len(cells((10, 20))) == 200
    spread = cells((256, 37))
    assert len(set(spread)) == 100 and len({r // 26 for r, _ in spread}) == 10
    assert len(cells((1000,), 7)) == 7 and cells(()) == [()]


@pytest.mark.skipif(not USPS.exists(), reason="the USPS digits are not here")
def test_the_gradient_check_of_the_course_passes() -> None:
    """Eight points, step 0.01, tolerance 1e-5, on the digits, as in the course's assignment."""
    loadmat = pytest.importorskip("scipy.io").loadmat
    data = loadmat(USPS / "data_train.mat")
    x, t = data["inputs"].T[:100], data["target"].T[:100].astype(float)
    theta = 0.1 * np.cos(np.arange(256 * 7 + 70))
    W1 = theta[: 256 * 7].reshape((7, 256), order="F")
    W2 = theta[256 * 7 :].reshape((10, 7), order="F")
    decay = 0.001

    def forward(W1: Any, W2: Any) -> Any:
        h = 1 / (1 + np.exp(-x @ W1.T))
        z = h @ W2.T
        log = z - z.max(1, keepdims=True)
        log = log - np.log(np.exp(log).sum(1, keepdims=True))
        loss = -(t * log).sum() / 100 + decay / 2 * ((W1**2).sum() + (W2**2).sum())
        return h, np.exp(log), loss

    def backward(W1: Any, W2: Any) -> dict[str, Any]:
        h, p, _ = forward(W1, W2)
        dz2 = (p - t) / 100
        dz1 = dz2 @ W2 * h * (1 - h)
        return {"W1": dz1.T @ x + decay * W1, "W2": dz2.T @ h + decay * W2}

    def loss(W1: Any, W2: Any) -> float:
        return float(forward(W1, W2)[2])

    check = cr.gradcheck(loss, backward, {"W1": W1, "W2": W2}, stencil=8, step=1e-2, tolerance=1e-5)
    assert check.agrees and len(check.result.tried) == 170
    assert all(t.difference.step == 1e-2 for t in check.result.tried)
    text = """input x[N,256], t[N,10], lam; parameter W1[H,256], W2[10,H]
    h[n,u] = sigmoid(sum(v) W1[u,v]*x[n,v]); z[n,k] = sum(u) W2[k,u]*h[n,u]
    p[n,k] = exp(z[n,k])/sum(j) exp(z[n,j])
    L = -(mean(n) sum(k) t[n,k]*ln(p[n,k])) + lam/2*((sum(u,v) W1[u,v]^2) + sum(k,u) W2[k,u]^2)"""
    values = {"x": x, "t": t, "lam": decay, "W1": W1, "W2": W2}
    ours = cr.gradcheck(text, backward(W1, W2), values, tolerance=1e-5)
    assert ours.agrees and all(r.check.step == 1e-2 for r in ours.rows)


# --- health and numbers that are none


def test_the_first_number_that_is_none_is_told_with_its_operands() -> None:
    text = """input z[2,3]; label y[2] < 3
    p[n,i] = exp(z[n,i])/sum(k) exp(z[n,k]); L = -mean(n) ln(p[n,y[n]])"""
    for corner, made, causes in (
        (-812.3, "ln(0)", ("p[1, 1] = 0", "exp(-812.3) underflows to 0", "z[1, 1] = -812.3")),
        (812.3, "exp(812.3)", ("z[1, 1] = 812.3",)),
    ):
        found = health(read(text), {"z": [[1, 2, 3], [0, corner, 5]], "y": [0, 1]})
        assert found.nonfinite is not None and found.nonfinite.operation == made
        assert found.nonfinite.causes == causes
        assert found.stable and found.well  # what is run instead is finite


@pytest.mark.parametrize(("text", "values", "tensor", "made", "cause"), [
    ("input x[3]; m = mean(i) x[i]; c = mean(i) (x[i]-m)^2; h[i] = (x[i]-m)/sqrt(c); "
     "L = sum(i) h[i]^2", {"x": [2, 2, 2]}, "h", "0/0", "all 3 terms of the sum over i are 0"),
    ("input x[3]; L = sqrt(sum(i) x[i]^2)", {"x": [0, 0, 0]}, "L_sum_bar", "1/0", "L = 0"),
    ("input x[3]; L = sum(i) exp(exp(x[i]))", {"x": [0, 10, 0]}, "L", "exp(22026.5)",
     "x[1] = 10"),
    ("input x[3]; q[i] = sigmoid(x[i]); L = -sum(i) ln(1 - q[i])", {"x": [0, 50, 0]}, "L",
     "ln(0)", "sigmoid(50) = 1"),
    ("input x[2]; L = ln(x[0]) + x[1]", {"x": [-1, 2]}, "L", "ln(-1)", "x[0] = -1"),
    ("input x[2]; y[i] = x[i]*1e200; L = sum(i) y[i]*y[i]", {"x": [1e90, 2]}, "L",
     "1e+290*1e+290", "y[0] = 1e+290"),
])  # fmt: skip
def test_a_number_that_is_none_is_followed_to_where_it_came_from(
    text: str, values: Any, tensor: str, made: str, cause: str,
) -> None:
    found = health(read(text), values).nonfinite
    assert found is not None
    assert (found.tensor, found.operation) == (tensor, made) and cause in found.causes


def deep(activation: str, scale: float, layers: int = 8) -> tuple[str, dict[str, Any]]:
    lines = ["input x[20,6]"]
    before = "x"
    for k in range(1, layers + 1):
        lines += [f"parameter W{k}[6,6]", f"z{k}[n,u] = sum(v) W{k}[u,v]*{before}[n,v]",
                  f"h{k}[n,u] = {activation}(z{k}[n,u])"]
        before = f"h{k}"
    lines.append(f"L = sum(n,u) {before}[n,u]^2")
    rng = np.random.default_rng(0)
    values = {f"W{k}": scale * rng.normal(size=(6, 6)) for k in range(1, layers + 1)}
    return "\n".join(lines), {**values, "x": rng.normal(size=(20, 6))}


def told(text: str, values: Any) -> str:
    return " ".join(str(health_page(health(read(text), values))).split())


def test_gradients_that_vanish_or_explode_are_told_with_the_factor_a_layer() -> None:
    text, values = deep("sigmoid", 0.5)
    said = told(text, values)
    assert "The gradient vanishes on the way back: ∂L/∂z⁽⁸⁾ has the norm" in said
    found = health(read(text), values)
    norms = [x.gradient.rms for x in found.layers if x.tensor.startswith("z") and x.gradient]
    factor = (norms[-1] / norms[0]) ** (1 / 7)
    assert f"it shrinks by a factor of {factor:.3g} a layer" in said
    text, values = deep("relu", 3.0)
    assert "The gradient explodes on the way back" in told(text, values)
    text, values = deep("tanh", 0.4, 2)
    assert "Nothing stands out" in told(text, values)


def test_dead_and_saturated_units_are_counted() -> None:
    text, values = deep("relu", 1.0, 1)
    values["W1"][[1, 4]] = 0
    values["x"] = np.abs(values["x"])
    values["W1"][[1, 4], 0] = -1
    found = health(read(text), values).layers[1]
    assert (found.tensor, found.dead >= 2, found.units) == ("h1", True, 6)
    assert f"h⁽¹⁾: {found.dead} of 6 units are dead" in told(text, values)
    text, values = deep("tanh", 50.0, 1)
    assert "h⁽¹⁾: " in told(text, values) and "are saturated" in told(text, values)


def test_norms_are_those_of_numpy_and_ranked() -> None:
    text, values = deep("tanh", 0.8, 3)
    found = health(read(text), values)
    h = np.tanh(values["x"] @ values["W1"].T)
    layer = next(x for x in found.layers if x.tensor == "h1")
    assert layer.value.rms == pytest.approx(math.sqrt((h**2).mean()))
    assert layer.value.largest == pytest.approx(np.abs(h).max())
    gradient = cr.gradient(text, values)["W2"]
    own = next(p for p in found.parameters if p.tensor == "W2")
    assert own.gradient.rms == pytest.approx(math.sqrt((gradient**2).mean()))


# --- the page and the command


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_tells_the_mistake(format: str) -> None:
    check = checked("mlp", "W2 with z1")
    page = render(check, format)
    assert "stands where" in page and "nan" not in page.lower().replace("finance", "")
    if format == "json":
        assert json.loads(page)


def run(*words: str) -> int:
    return main(["gradcheck", *words])


def test_the_command_checks_a_file_and_says_so_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    own = NETWORKS["mlp"]
    values = own.values()
    (tmp_path / "mlp.txt").write_text(own.text, encoding="utf-8")
    np.savez(tmp_path / "point.npz", **values, unused=np.ones(2))
    np.savez(tmp_path / "right.npz", **own.backward("", **values))
    np.savez(tmp_path / "wrong.npz", **own.backward("no sigmoid", **values))
    words = [str(tmp_path / "mlp.txt"), "--values", str(tmp_path / "point.npz")]
    assert run(*words, "-g", str(tmp_path / "right.npz")) == 0
    assert "The gradients agree." in capsys.readouterr().out
    assert run(*words, "-g", str(tmp_path / "wrong.npz"), "--stencil", "4") == 1
    assert "is missing, the derivative of" in capsys.readouterr().out
    assert run(*words) == 0  # the formula's own, against differences
    assert "agrees with differences" in capsys.readouterr().out
    assert run(*words, "--health") == 0
    assert "Nothing stands out" in capsys.readouterr().out
    assert run(*words, "-g", "right.npz", "--health") == 2
    assert run(*words, "-g", str(tmp_path / "nowhere.npz")) == 2
    assert run("y = x^2", "--at", "x=3", "--loss", "MSELoss") == 2
    capsys.readouterr()


def test_the_command_finds_a_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("input x[2]; L = ln(x[0]) + x[1]", "--at", "x=[0, 1]", "--health") == 1
    assert "ln(0) is minus infinity" in capsys.readouterr().out


def test_the_command_looks_over_a_network_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("digits-mlp", "--loss", "CrossEntropyLoss", "--health", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)


# --- within


def test_the_screen_lets_every_true_explanation_through() -> None:
    own = NETWORKS["normalisation"]
    values = own.values()
    for mistake in ("no gain", "constant mean", "no power"):
        gradients = own.backward(mistake, **values)
        base = worked(read(own.text), values, None, list(gradients))
        ours = [base.tables[base.adjoints[n]] for n in gradients]
        same = compare.tolerance(None, ours, gradients.values())
        found = diagnose(base, gradients, same)
        assert found.mistakes and not found.unexplained


def test_the_perceptron_of_these_tests_has_the_gradients_of_the_formula() -> None:
    values = NETWORKS["mlp"].values()
    ours = cr.gradient(NETWORKS["mlp"].text, values)
    for name, array in mlp("", **values).items():
        np.testing.assert_allclose(array, ours[name], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("corner", [-0.01489486, 0.0252654])
def test_a_stencil_that_reaches_over_a_corner_accuses_nobody(corner):
    def f(x):
        return float(np.sin(x) + 1e-3 * np.maximum(x - corner, 0))

    def gradient(x):
        return np.cos(x) + 1e-3 * (x > corner)

    assert check_function(f, gradient, 0.0).agrees
    wrong = check_function(f, lambda x: gradient(x) + 1e-4, 0.0)
    assert wrong.worst.verdict == "differs"
