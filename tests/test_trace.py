"""Traces: every format, symbols beside numbers, several outputs, kinks, digits, wrong options."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from chainrule.document.blocks import Note, Table, plain
from chainrule.errors import ChainruleError, DomainError, InputError
from chainrule.evaluate.reference import run
from chainrule.explain.trace import Trace, trace
from chainrule.lang.printing import expression_text
from chainrule.lang.ranges import program
from chainrule.render import FORMATS, render

FIRST = "y = ln(x1) + x1*x2 - sin(x2)"
FIELD = "input x[2]\ny[0] = x[0]*x[1]\ny[1] = x[0]^2"
POOL = "input X[2,4]\nu[j] = max(a<2, b<2) X[a, 2*j+b]\nL = sum(j) u[j]^2"


def traced(text: str, values: dict[str, Any] | None = None, **options: Any) -> Trace:
    return trace(program(text), values, **options)


def notes(t: Trace) -> list[str]:
    return [plain(b.inlines) for b in t.document.blocks if isinstance(b, Note)]


def tables(t: Trace) -> list[Table]:
    return [b for b in t.document.blocks if isinstance(b, Table)]


def said(cell: Any) -> str:
    return cell if isinstance(cell, Fraction) else expression_text(cell)


# --- documents ------------------------------------------------------------------------------------

PROGRAMS = {
    "scalars": (FIRST, {"x1": 2, "x2": 5}),
    "scalars without values": (FIRST, {}),
    "a vector of functions": (FIELD, {"x": [2, 3]}),
    "a pool": (POOL, {"X": [[1, 2, 3, 4], [4, 4, 1, 0]]}),
    "a layer with symbols": (
        "z[u] = sum(v) W[u,v]*x[v] + b[u]\ny[u] = z[u] if z[u] >= 0 else a*z[u]\nL = sum(u) y[u]",
        {"W": [[1, -2], [0.5, 3]], "x": [1, 2], "b": [0, 1]},
    ),
    "softmax with a label": (
        "label t < K\np[i] = exp(z[i])/sum(k) exp(z[k])\nL = -ln(p[t])",
        {"z": [1, 2, 3], "t": 1},
    ),
    "a batch of images": (
        "input x[N,C,H], parameter w[O,C,K]\ny[n,o,i] = sum(c,a) w[o,c,a]*x[n,c,i+a]\n"
        "L = sum(n,o,i) y[n,o,i]",
        {"x": [[[1, 2, 3], [0, 1, 0]]] * 2, "w": [[[1, -1], [2, 0]]]},
    ),
    "a scatter by labels": (
        "input x[3]\nlabel w[3] < 2\nh[w[n]] += x[n]\nL = sum(k) h[k]^2",
        {"x": [1, 2, 3], "w": [1, 0, 1]},
    ),
    "a constant": ("y = 3", {}),
    "a copy": ("y = x", {"x": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("granularity", ["elementary", "layer"])
def test_every_trace_is_shown_in_every_format(name, granularity):
    text, values = PROGRAMS[name]
    t = traced(text, values, granularity=granularity, graph=True)
    for format in FORMATS:
        shown = render(t.document, format)
        assert t.document.title in shown or format == "latex"
        assert "None" not in shown and "Fraction(" not in shown and "_bar" not in shown
    assert json.loads(render(t.document, "json"))["schema"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_values_of_a_trace_are_those_of_a_run(name):
    text, values = PROGRAMS[name]
    if name in ("scalars without values", "a layer with symbols"):
        values = {**values, **({"a": 0.5} if "symbols" in name else {"x1": 2, "x2": 5})}
    t = traced(text, values)
    found = run(program(text), values)
    for tensor in program(text).outputs:
        cells = [float(c) for c in t.values[tensor].cells]
        assert cells == pytest.approx(found[tensor].reshape(-1).tolist())


# --- seeds, symbols, outputs ----------------------------------------------------------------------


def test_a_vector_gets_a_symbol_for_each_adjoint():
    t = traced(FIELD, {"x": [2, 3]})
    first, second = (said(c) for c in t.gradient["x"].cells)
    assert "y_seed[0]" in first and "y_seed[1]" in first
    assert "y_seed[0]" in second and "y_seed[1]" not in second
    shown = render(t.document, "terminal")
    assert "∂L/∂y₀" in shown and "seed" not in shown


def test_a_given_adjoint_of_a_vector_is_put_in():
    t = traced(FIELD, {"x": [2, 3]}, seed={"y": [10, 1]})
    assert t.gradient["x"].nested() == [34, 20]


def test_a_tangent_of_a_vector_gives_the_jacobians_column():
    t = traced(FIELD, {"x": [2, 3]}, mode="forward", tangent={"x": [1, 0]})
    assert [c.nested() for d in t.tangent.values() for c in d.values()] == [[3, 4]]


def test_without_values_everything_stays_a_symbol():
    t = traced("y = x^2*w", {})
    assert said(t.gradient["w"].nested()) == "x^2"
    assert said(t.values["y"].nested()) == "w*x^2"


def test_symbols_stand_beside_numbers():
    t = traced("V[i] = U[i] if U[i] >= 0 else a*U[i]\nL = sum(i) V[i]*(i + 1)", {"U": [14, -4, -6]})
    assert [said(c) for c in t.values["V"].cells] == [14, "-4*a", "-6*a"]
    assert t.gradient["a"].nested() == -4 * 2 - 6 * 3
    assert [said(c) for c in t.gradient["U"].cells] == [1, "2*a", "3*a"]
    assert any("stays a symbol" in n for n in notes(t))


def test_several_outputs_each_have_a_reverse_trace():
    t = traced("a = x*w\nb = x + w\noutput a, b", {"x": 2, "w": 5})
    captions = [plain(b.caption) for b in tables(t)]
    assert sum(c.startswith("Reverse mode from a") for c in captions) == 1
    assert sum(c.startswith("Reverse mode from b") for c in captions) == 1
    assert t.tangent["x"]["a"].nested() == 5 and t.tangent["x"]["b"].nested() == 1
    only = traced("a = x*w\nb = x + w\noutput a, b", {"x": 2, "w": 5}, of="b", mode="reverse")
    assert only.gradient["w"].nested() == 1
    assert [plain(b.caption)[:19] for b in tables(only)] == ["Reverse mode from b"]


def test_the_seeds_of_several_outputs_add_up():
    t = traced("a = x*w\nb = x + w\noutput a, b", {"x": 2, "w": 5}, seed={"a": 10, "b": 1})
    assert (t.gradient["x"].nested(), t.gradient["w"].nested()) == (51, 21)


def test_only_what_is_asked_for_is_differentiated():
    t = traced(FIRST, {"x1": 2, "x2": 5}, wrt=["x2"])
    assert list(t.gradient) == ["x2"] and list(t.tangent) == ["x2"]
    assert not traced(FIRST, {"x1": 2, "x2": 5}, mode="forward").gradient
    assert not traced(FIRST, {"x1": 2, "x2": 5}, mode="reverse").tangent


def test_an_intermediate_can_be_differentiated_by():
    t = traced("a = x^2\nb = sin(a)\ny = a*b", {"x": 1}, wrt=["b", "x"], mode="reverse")
    assert t.gradient["b"].nested() == 1


def test_a_formula_without_inputs_has_no_derivative_tables():
    t = traced("y = 3", {})
    assert t.gradient == {} and len(tables(t)) == 1
    assert "Result" not in render(t.document, "terminal")


# --- kinks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("relu(x)", ["0", "[0, 1]"]),
        ("|x|", ["0", "[-1, 1]"]),
        ("max(x, 0)", ["1/2", "[0, 1]"]),
        ("x if x >= 0 else a*x", ["both sides", "takes the case"]),
    ],
)
def test_a_kink_says_what_was_chosen_and_out_of_what(formula, words):
    found = notes(traced(f"y = {formula}", {"x": 0, "a": 2} if "a*" in formula else {"x": 0}))
    assert len(found) == 1 and all(w in found[0] for w in words), found
    away = traced(f"y = {formula}", {"x": 1, "a": 2} if "a*" in formula else {"x": 1})
    assert notes(away) == []


def test_a_tie_of_a_pool_is_told_once():
    t = traced(POOL, {"X": [[4, 2, 3, 1], [4, 4, 1, 0]]})
    assert len(notes(t)) == 1 and "3" in notes(t)[0] and "first" in notes(t)[0]
    assert t.gradient["X"].nested() == [[8, 0, 6, 0], [0, 0, 0, 0]]


def test_many_kinks_are_counted_rather_than_listed():
    t = traced("input x[40]\ny[i] = relu(x[i])\nL = sum(i) y[i]", {"x": [0] * 40})
    assert len(notes(t)) < 15 and any("more" in n for n in notes(t))


# --- digits and order -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "text"), [(2, "11.65"), (4, "11.6521"), (10, "11.6520714552"),
                         (20, "11.65207145522308377831")],
)  # fmt: skip
def test_digits_are_decimal_places_and_only_for_printing(digits, text):
    t = traced(FIRST, {"x1": 2, "x2": 5}, digits=digits)
    assert text in render(t.document, "terminal")
    assert float(t.values["y"].nested()) == pytest.approx(11.652071455223084, rel=1e-15)


def test_exact_values_stay_exact():
    t = traced("y = 1/(x1 + x2) + x2^2", {"x1": "3", "x2": 6} | {"x1": 3}, digits=2)
    assert t.values["y"].nested() == Fraction(325, 9)
    assert "325/9 ≈ 36.11" in render(t.document, "terminal")
    assert traced("y = 0.1 + 0.2").values["y"].nested() == Fraction(3, 10)


def test_by_level_everything_that_needs_only_inputs_comes_first():
    t = traced(FIRST, {"x1": 2, "x2": 5}, order="level", mode="forward", wrt=["x1"])
    formulas = [plain(r[1].content) for r in tables(t)[0].rows]
    assert formulas[2:5] == ["= ln(v₋₁)", "= v₋₁ · v₀", "= sin(v₀)"]
    t = traced(FIRST, {"x1": 2, "x2": 5}, order="written", mode="forward", wrt=["x1"])
    formulas = [plain(r[1].content) for r in tables(t)[0].rows]
    assert formulas[2:5] == ["= ln(v₋₁)", "= v₋₁ · v₀", "= v₁ + v₂"]


def test_what_stands_twice_is_one_row():
    t = traced("y = sin(x)*sin(x) + sin(x)", {"x": 1}, mode="forward")
    formulas = [plain(r[1].content) for r in tables(t)[0].rows]
    assert sum("sin" in f for f in formulas) == 1


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"mode": "backward"}, {"order": "levels"}, {"fanout": "sums"}, {"granularity": "cell"},
     {"digits": -1}, {"digits": 31}, {"seed": {"q": 1}}, {"tangent": {"q": 1}}],
)  # fmt: skip
def test_an_option_that_is_not_there_is_refused(options):
    with pytest.raises(InputError):
        traced(FIRST, {"x1": 2, "x2": 5}, **options)


@pytest.mark.parametrize("options", [{"of": "z"}, {"wrt": ["x3"]}])
def test_a_name_that_is_not_there_is_refused(options):
    with pytest.raises(ChainruleError) as caught:
        traced(FIRST, {"x1": 2, "x2": 5}, **options)
    assert caught.value.code in ("derivative", "unknown-name")


def test_a_point_outside_the_domain_gives_no_half_of_a_document():
    with pytest.raises(DomainError):
        traced(FIRST, {"x1": -2, "x2": 5})
    with pytest.raises(DomainError):
        traced("y = sqrt(x)", {"x": 0})
    assert traced("y = sqrt(x)", {"x": 4}).gradient["x"].nested() == Fraction(1, 4)
