"""Compiled calls give what the reference gives, take what it takes, and keep memory safe."""

from __future__ import annotations

import gc
import inspect
import math
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from formula_cases import Case, all_cases, program, shape, values
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

import chainrule as cr
from chainrule import nn
from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import vjp
from chainrule.errors import (
    ArityError,
    ChainruleError,
    DerivativeError,
    DomainError,
    FormulaSyntaxError,
    InputError,
    KindError,
    MissingValueError,
    RangeError,
    ShapeError,
    UnknownNameError,
)
from chainrule.evaluate.reference import run
from chainrule.native import calls, calls_code
from chainrule.native.calls import CompiledFormula
from chainrule.native.calls_objects import head_bytes

CASES = all_cases()
TEXT = "y = (x + 2*w)^2 / (1 + exp(-x*w))"
REGRESSION = ("input x[N,K], W[U,K]; label t[N] < U; z[n,u] = sum(k) W[u,k]*x[n,k]; "
              "l = sum(n) (ln(sum(u) exp(z[n,u])) - z[n,t[n]])")


class Number(float):
    """A float of a class of its own."""


def is_direct(f: CompiledFormula) -> bool:
    """Whether calls go to the machine code without Python."""
    return inspect.isbuiltin(f.__call__)


def regression_values() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(5, 3)),
            "t": np.array([0, 4, 2, 1])}


# --- the same results as the reference ------------------------------------------------------------


def agree(case: Case, dtype: str = "float64", **options: Any) -> CompiledFormula:
    """A formula of the library with the adjoints of its inputs: compiled and by the reference.

    It is called with values as they are, then with arrays that the code reads where they lie.
    """
    p = stabilise(program(case))
    d = vjp(p, [o for o in p.outputs if p.tensors[o].kind == "real"]).program
    d = replace(d, updates=())
    rng = np.random.default_rng(1)
    given = values(case) | {name: rng.uniform(-1, 1, shape(d.tensors[name]))
                            for name in d.inputs if d.tensors[name].role == "seed"}
    f = cr.compile(d, dtype=dtype, **options)
    wanted = run(d, given, keep="outputs", dtype=dtype)
    ready = {n: np.array(v, np.int64 if d.tensors[n].kind == "integer" else dtype, order="C")
             for n, v in given.items()}
    for call in (lambda: f(given), lambda: f(*[v if v.ndim else v.item() for v in ready.values()])):
        found = call()
        found = found if len(d.outputs) > 1 else {d.outputs[0]: found}
        tolerance = 1e-10 if dtype == "float64" else 2e-4
        for name, b in wanted.items():
            scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0)))
            np.testing.assert_allclose(found[name], b, tolerance, tolerance * scale, err_msg=name)
            if b.ndim:
                assert found[name].dtype == b.dtype and found[name].flags.c_contiguous
    return f


@pytest.mark.parametrize("case", CASES[::9], ids=str)
def test_formulas_of_the_library_agree_with_the_reference(case: Case) -> None:
    assert is_direct(agree(case)) == (head_bytes() is not None)


@pytest.mark.parametrize("case", CASES[4::30], ids=str)
def test_formulas_agree_in_single_precision(case: Case) -> None:
    agree(case, "float32")


@pytest.mark.parametrize("case", CASES[7::45], ids=str)
def test_formulas_agree_where_calls_wait_for_each_other(case: Case) -> None:
    agree(case, threads=2)


@pytest.mark.parametrize("case", CASES[11::60], ids=str)
def test_formulas_agree_where_objects_are_not_as_expected(
        case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_code, "head_bytes", lambda: None)
    assert not is_direct(agree(case))


leaves = st.sampled_from(["a", "b", "c", "2", "0.5", "v"])
texts = st.recursive(leaves, lambda inner: st.one_of(
    st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    st.tuples(st.sampled_from(["sin", "exp", "tanh", "sigmoid", "abs", "ln", "sqrt", "relu"]),
              inner).map(lambda p: f"{p[0]}({p[1]})"),
    inner.map(lambda e: f"square({e})")), max_leaves=8)
reals = st.floats(-3, 3)


@given(texts, texts, reals, reals, reals)
@settings(max_examples=40, deadline=None)
def test_random_scalar_formulas_agree_with_their_gradients(
        first: str, second: str, a: float, b: float, c: float) -> None:
    text = f"input a, b, c; v = a*b - c; u = {first}; y = u*{second} + u"
    at = {"a": a, "b": b, "c": c}
    f = cr.compile(text)
    try:
        value, slopes = cr.formula(text).value_and_gradient(at)
    except ChainruleError as error:
        try:
            value, slopes = f.value_and_gradient(a, b, c)
        except ChainruleError as found:
            assert type(found) is type(error)
        else:  # a point outside a domain that leaves no trace in the results
            assert math.isfinite(value) and all(map(math.isfinite, slopes.values()))
        return
    found, by = f.value_and_gradient(a, b, c)
    assert found == pytest.approx(value, rel=1e-9, abs=1e-9)
    size = max(1.0, *map(abs, slopes.values()))
    if math.isfinite(size):
        assert by == pytest.approx(slopes, rel=1e-9, abs=1e-9 * size)


# --- how it is called -----------------------------------------------------------------------------


def test_values_are_given_by_place_by_name_or_as_a_mapping() -> None:
    f = cr.compile(TEXT)
    wanted = cr.formula(TEXT)(x=1.5, w=-2)
    for found in (f(1.5, -2.0), f(x=1.5, w=-2.0), f(w=-2.0, x=1.5), f(1.5, w=-2.0),
                  f({"x": 1.5, "w": -2.0}), f({"w": -2.0}, x=1.5)):
        assert found == pytest.approx(wanted, rel=1e-14) and type(found) is float


def test_names_are_known_by_their_letters_and_not_by_being_the_same_object() -> None:
    f = cr.compile("y = rate*time")
    made = {"".join(["ra", "te"]): 2.0, "".join(["ti", "me"]): 3.0}
    assert f(**made) == f(2.0, **{"".join(["ti", "me"]): 3.0}) == 6.0


def test_the_three_ways_give_the_types_that_a_formula_gives() -> None:
    f = cr.compile("input x[3]; s = sum(i) x[i]^2; p[i] = x[i]/s; k = argmax(i) x[i]; "
                   "output s, p, k", of="s")
    found = f([1, 2, 3])
    assert list(found) == ["s", "p", "k"]
    assert found["s"] == 14.0 and found["k"] == 2 and type(found["k"]) is int
    assert found["p"].tolist() == pytest.approx([1 / 14, 2 / 14, 3 / 14])
    assert f.gradient([1, 2, 3])["x"].tolist() == [2, 4, 6]
    value, slopes = f.value_and_gradient([1, 2, 3])
    assert value == 14.0 and list(slopes) == ["x"]


@pytest.mark.parametrize("make", [
    float, int, Number, np.float64, np.float32, np.int64, np.int8, np.array, Fraction, Decimal,
    lambda v: Fraction(v), lambda v: np.array(v, np.float32), lambda v: np.array(v, ">f8")])
def test_a_number_may_be_of_any_kind_of_number(make: Callable[[Any], Any]) -> None:
    f = cr.compile(TEXT)
    assert f.value_and_gradient(make(2), w=make(1)) == f.value_and_gradient(2.0, 1.0)
    assert f(x=make(2), w=0.5) == f(2.0, 0.5)
    assert f(make(-1), 1.0) == f(-1.0, 1.0)  # -1 is what C's interface also gives for an error


@pytest.mark.parametrize(("args", "named", "error", "text"), [
    ((1.0,), {}, MissingValueError, "no value for the input w"),
    ((), {"w": 1.0}, MissingValueError, "no value for the input x"),
    ((1.0, 2.0, 3.0), {}, ArityError, "3 values are given, and the inputs are 2: x, w"),
    ((1.0,), {"x": 2.0}, InputError, "x is given twice"),
    ((1.0,), {"v": 2.0}, UnknownNameError, "no input called v"),
    ((1.0, 2.0), {"v": 2.0}, UnknownNameError, "no input called v"),
    (("1", 2.0), {}, InputError, "not a number: '1'"),
    ((None, 2.0), {}, KindError, "None"),
    ((True, 2.0), {}, KindError, "True"),
    ((1j, 2.0), {}, InputError, "not a number"),
    ((10**400, 2.0), {}, InputError, "too large"),
    (([1.0], 2.0), {}, ShapeError, "x has no axes"),
    ((np.ones(1), 2.0), {}, ShapeError, "x has no axes"),
    ((object(), 2.0), {}, ChainruleError, "x"),
    ((math.nan, 2.0), {}, InputError, "x is NaN"),
])
def test_wrong_values_are_refused_in_words(args: tuple[Any, ...], named: dict[str, Any],
                                           error: type[ChainruleError], text: str) -> None:
    f = cr.compile(TEXT)
    for way in (f, f.gradient, f.value_and_gradient):
        for _ in range(3):
            with pytest.raises(error, match=text):
                way(*args, **named)
    assert f(1.0, 2.0) == pytest.approx(22.019926949447058)


ODD = [
    1.0, -1.0, 0.0, 2, -1, 0, 2**70, 10**400, True, None, "a", b"x", Number(2), Fraction(1, 2),
    math.nan, math.inf, -math.inf, 1e308, 1j, [], [1.0], (1.0, 2.0), {}, object(), range(3),
    np.float64(1.5), np.float32(1.5), np.float16(1), np.int64(1), np.bool_(True), np.uint64(2**63),
    np.array(1.0), np.array([1.0]), np.array("a"), np.array(None), np.ones(2), np.arange(2),
    np.ones((2, 2)), np.ones((2, 2), "f4"), np.arange(4.0).reshape(2, 2).T, np.ones(2, bool),
    np.full(2, math.nan), np.full((2, 2), 1e200), np.ones(4)[::2], np.ones(2, complex),
    np.ones(2, object), np.ones(2, ">f8"), np.zeros(2, "i4"), np.ones(2, "u1"), np.ones(2, "f2"),
    np.array(["a", "b"]), np.ones(2, [("a", "f8")]), np.zeros(2, "M8[s]"), np.ones((2, 2, 1)),
]


@pytest.mark.parametrize(("text", "of", "usual"), [
    ("y = x*w + v", None, (1.0, 2.0, 3.0)),
    ("input x, v; label w < 3; y = x*v + w", None, (1.0, 3.0, 2)),
    ("input x[N], w[N], v; y[i] = x[i]*w[i] + v; s = sum(i) y[i]; output y, s", "s",
     (np.ones(2), np.ones(2), 3.0)),
    ("input x[N,2], v; label w[N] < 2; y[i] = v*x[i,w[i]]; s = sum(i) y[i]; output y, s", "s",
     (np.ones((2, 2)), 3.0, np.array([0, 1]))),
])
def test_any_value_has_the_outcome_that_a_formula_has(text: str, of: str | None,
                                                      usual: tuple[Any, ...]) -> None:
    f, plain = cr.compile(text, of=of), cr.formula(text)

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            return repr(call())
        except ChainruleError as error:
            return type(error), str(error)

    for place in range(3):
        for odd in ODD:
            args = (*usual[:place], odd, *usual[place + 1 :])
            named = dict(zip(f.inputs, args, strict=True))
            wanted = outcome(lambda: plain.value_and_gradient(named, of=of))  # noqa: B023
            assert outcome(lambda: f.value_and_gradient(*args)) == wanted  # noqa: B023
            assert outcome(lambda: f.value_and_gradient(**named)) == wanted  # noqa: B023


def test_an_input_without_a_python_name_is_given_in_a_mapping() -> None:
    f = cr.compile("y = 2*lambda")
    assert f({"lambda": 4}) == 8.0 and f(4) == 8.0
    assert "(values)" in str(inspect.signature(f))


def test_help_and_signature_tell_the_inputs() -> None:
    f = cr.compile(TEXT)
    assert str(inspect.signature(f)) == "(x, w)"
    assert "(x + 2*w)^2" in str(f) and "x, w" in repr(f)
    if is_direct(f):
        assert str(inspect.signature(f.value_and_gradient)) == "(x, w)"
        assert "gradient by the name" in f.gradient.__doc__


def test_a_formula_without_inputs_and_one_that_gives_its_input_back() -> None:
    assert cr.compile("y = 3")() == 3.0
    f = cr.compile("input x[2]; output x; y = x[0]")
    given = np.array([1.0, 2.0])
    assert f(given) is not given and f(given).tolist() == [1, 2]


@pytest.mark.parametrize("source", [
    cr.formula("y = a*b"), cr.formula("y = a*b").program, cr.input("a") * cr.input("b")])
def test_formulas_programs_and_variables_are_compiled(source: Any) -> None:
    assert cr.compile(source)(a=2.0, b=3.0) == 6.0


def test_a_network_is_compiled_with_its_loss() -> None:
    network = nn.Network(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), 3,
                         loss="CrossEntropyLoss")
    given = {**network.initial(), "x": np.ones((5, 3)), "y": np.array([0, 1, 1, 0, 1])}
    f = cr.compile(network, of="loss")
    value, slopes = f.value_and_gradient(given)
    wanted = cr.formula(network).value_and_gradient(given, of="loss")
    assert value == pytest.approx(wanted[0])
    for name, array in wanted[1].items():
        np.testing.assert_allclose(slopes[name], array, 1e-10, 1e-12)


@pytest.mark.parametrize(("options", "error", "text"), [
    ({"dtype": "int8"}, KindError, "dtype"), ({"threads": 0}, InputError, "threads"),
    ({"threads": True}, InputError, "threads"), ({"of": "q"}, UnknownNameError, "q"),
    ({"of": "s", "wrt": "q"}, DerivativeError, "q"),
    ({"sizes": {"q": 2}}, UnknownNameError, "no size q"), ({"sizes": {"N": 2.5}}, KindError, "N"),
    ({"of": "p"}, DerivativeError, "not a scalar")])
def test_wrong_options_are_refused_at_once(options: dict[str, Any], error: type[ChainruleError],
                                           text: str) -> None:
    with pytest.raises(error, match=text):
        cr.compile("input x[N]; s = sum(i) x[i]; p[i] = x[i]/s; output s, p", **options)
    with pytest.raises(FormulaSyntaxError):
        cr.compile("y = a*")


# --- numbers that are not finite ------------------------------------------------------------------


@pytest.mark.parametrize(("text", "at", "method", "place"), [
    ("y = ln(x)", {"x": 0.0}, "__call__", "ln"),
    ("y = 1/x + x", {"x": 0.0}, "__call__", "division by zero"),
    ("y = sqrt(x)", {"x": 0.0}, "gradient", "sqrt"),
    ("y = exp(x) - exp(x + 1)", {"x": 1000.0}, "__call__", "not a number"),
    ("input x[3]; y[i] = ln(x[i])", {"x": [1.0, -1.0, 2.0]}, "__call__", "ln"),
])
def test_a_result_that_is_not_finite_is_explained(text: str, at: dict[str, Any], method: str,
                                                  place: str) -> None:
    f = cr.compile(text)
    with pytest.raises(DomainError, match=place) as compiled:
        getattr(f, method)(at)
    with pytest.raises(DomainError) as plain:
        getattr(cr.formula(text), method)(at)
    assert str(compiled.value) == str(plain.value)


def test_an_infinity_that_the_reference_allows_is_given_back() -> None:
    assert cr.compile("y = exp(x)")(1000.0) == math.inf
    assert cr.compile("input x[2]; y[i] = exp(x[i])")(np.array([0.0, 1000.0])).tolist() == [
        1.0, math.inf]
    assert cr.compile("y = 1/x")(math.inf) == 0.0


def test_without_the_check_numbers_come_as_they_are() -> None:
    f = cr.compile("y = ln(x)", check=False)
    assert f(0.0) == -math.inf and math.isnan(f(-1.0)) and math.isnan(f(math.nan))
    assert math.isnan(f(x=np.array(math.nan))) and math.isnan(f(np.float16("nan")))
    g = cr.compile("input x[N]; y[i] = ln(x[i])", check=False)
    for x in ([0.0, math.nan], np.array([0.0, math.nan]), np.array([0.0, math.nan], "f4")):
        np.testing.assert_array_equal(g(x), [-math.inf, math.nan])


def test_nan_never_passes_the_check_even_where_it_would_leave_no_trace() -> None:
    f = cr.compile("input a, x[N]; y = 2*a + sum(i) x[i]")
    with pytest.raises(InputError, match="a is NaN"):
        f.gradient(math.nan, np.ones(3))
    with pytest.raises(InputError, match=r"x\[1\] is NaN"):
        f.gradient(1.0, np.array([1.0, math.nan, 2.0]))


def test_a_number_beyond_single_precision_is_infinite_there() -> None:
    f = cr.compile("y = 1/x", dtype="float32")
    assert f(1e300) == 0.0
    for threads in (1, 2):
        g = cr.compile("input x[2], a; y[i] = 1/x[i] + 1/a", dtype="float32", threads=threads)
        assert g(np.array([1e300, 2.0]), 1e300).tolist() == [0.0, 0.5]
        assert g(np.array([1e300, 2.0], np.longdouble), np.float64(1e300)).tolist() == [0.0, 0.5]


# --- arrays ---------------------------------------------------------------------------------------


def odd_arrays() -> list[Any]:
    plain = np.arange(24.0).reshape(4, 6)
    still = plain.copy()
    still.flags.writeable = False
    shifted = np.zeros(24 * 8 + 1, np.uint8)[1:].view(np.float64).reshape(4, 6)
    shifted[...] = plain
    apart = np.zeros((4, 12))
    apart[:, ::2] = plain
    return [plain, still, shifted, apart[:, ::2], np.asfortranarray(plain), plain.astype(">f8"),
            plain.astype(np.float32), plain.astype(np.int16), plain.astype(np.uint64),
            plain.tolist(), plain[::-1].copy()[::-1], np.ma.array(plain), plain.astype(object)]


@pytest.mark.parametrize("given", odd_arrays(), ids=lambda a: str(getattr(a, "dtype", "list")))
def test_arrays_of_any_kind_and_order_are_read(given: Any) -> None:
    f = cr.compile("input x[N,M]; y[i,j] = 2*x[i,j] + j")
    wanted = 2 * np.arange(24.0).reshape(4, 6) + np.arange(6)
    for _ in range(3):
        np.testing.assert_array_equal(f(given), wanted)


def test_results_are_arrays_of_their_own_and_inputs_are_left_alone() -> None:
    f = cr.compile("input x[N]; y[i] = 2*x[i]")
    given = np.arange(5.0)
    first, second = f(given), f(given)
    first[:] = 0
    assert second.tolist() == [0, 2, 4, 6, 8] and second.base is None and second.flags.owndata
    assert given.tolist() == [0, 1, 2, 3, 4]


def test_other_shapes_are_compiled_when_they_come_and_old_code_is_dropped(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_KEPT", 3)
    f = cr.compile("input x[N]; y = sum(i) x[i]^2")
    method = f.__call__
    for n in (*range(6), 4, 5, 4, 5, 5, 5, 0, 0):
        x = np.arange(float(n))
        assert f(x) == pytest.approx((x * x).sum())
        assert f.gradient(x)["x"].tolist() == (2 * x).tolist()
    assert len(method._codes) == 3
    assert method(np.ones(3)) == 3.0


def test_shapes_that_do_not_fit_are_refused() -> None:
    f, v = cr.compile(REGRESSION), regression_values()
    assert f(v) == pytest.approx(cr.formula(REGRESSION)(v))
    with pytest.raises(ShapeError, match="axis 1 of W"):
        f(v["x"], v["W"][:, :2], v["t"])
    with pytest.raises(ShapeError, match="x has 2 axes"):
        f(v["x"][0], v["W"], v["t"])


def test_labels_out_of_range_are_refused_with_their_place() -> None:
    for options in ({}, {"check": False}, {"threads": 2}):
        f, v = cr.compile(REGRESSION, **options), regression_values()
        for _ in range(3):
            assert f(v["x"], v["W"], v["t"]) == pytest.approx(cr.formula(REGRESSION)(v))
            with pytest.raises(RangeError, match=r"t\[2\] is 5"):
                f(v["x"], v["W"], np.array([0, 4, 5, 1]))
            with pytest.raises(RangeError, match=r"t\[0\] is -1"):
                f(v["x"], v["W"], np.array([-1, 4, 2, 1]))
            with pytest.raises(KindError, match="integer"):
                f(v["x"], v["W"], np.array([0.5, 4, 2, 1]))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_scalar_label_is_an_int_in_its_range(threads: int) -> None:
    f = cr.compile("input x[3]; label k < 3; y = x[k]", threads=threads)
    x = np.array([1.0, 2.0, 3.0])
    assert [f(x, k) for k in (0, 1, 2, np.int64(2), 1.0)] == [1, 2, 3, 3, 2]
    for k in (3, -1, 10**30, True, 0.5):
        with pytest.raises(ChainruleError, match="k"):
            f(x, k)


def test_a_computed_subscript_outside_its_tensor_is_refused() -> None:
    f = cr.compile("input x[N]; label k[N]; y[i] = x[k[i] + 1]")
    x = np.arange(4.0)
    assert f(x, np.array([0, 1, 2, 0])).tolist() == [1, 2, 3, 1]
    with pytest.raises(ChainruleError, match="outside"):
        f(x, np.array([0, 1, 3, 0]))


def test_sizes_that_no_shape_tells_come_with_the_call_or_once_for_all() -> None:
    text = "size N; input x; s = sum(i<N) x^i"
    f = cr.compile(text)
    assert [f(2.0, N=n) for n in (0, 1, 4, 4)] == [0, 1, 15, 15]
    with pytest.raises(MissingValueError, match="N"):
        f(2.0)
    g = cr.compile(text, sizes={"N": 3})
    assert g(2.0) == 7.0 and g.gradient(x=2.0) == {"x": 5.0}


def test_a_tensor_with_no_cells_is_no_trouble() -> None:
    f = cr.compile("input x[N]; y[i] = 2*x[i]; s = sum(i) x[i]; output y, s")
    assert f(np.zeros(0))["y"].shape == (0,) and f(np.zeros(0))["s"] == 0.0


# --- memory and threads ---------------------------------------------------------------------------


def exercise(f: CompiledFormula, g: CompiledFormula, v: dict[str, Any]) -> None:
    """All ways in and out: fast ones, converted ones, errors."""
    x, w, t = v["x"], v["W"], v["t"]
    f.value_and_gradient(1.0, 2.0)
    f(x=1.0, w=2)
    f(np.float64(1.0), w=2**70)
    f.gradient(Number(2), Fraction(1, 3))
    g.value_and_gradient(x, w, t)
    g(x, t=t, W=w)
    g(x.tolist(), np.asfortranarray(w), t.astype(np.int32))
    for args in ((1.0,), ("a", 1.0), (10**400, 1.0), (math.nan, 1.0), (1.0, 2.0, 3.0)):
        with pytest.raises(ChainruleError):
            f.gradient(*args)
    for args in ((x, w, t + 3), (x, w[:2], t), (x * math.nan, w, t), (x * 1e200, w * 1e200, t)):
        with pytest.raises(ChainruleError):
            g.value_and_gradient(*args)


def test_no_object_is_kept_or_given_back_once_too_often() -> None:
    f, g, v = cr.compile(TEXT), cr.compile(REGRESSION), regression_values()
    for _ in range(30):
        exercise(f, g, v)
    watched = [*v.values(), np.dtype(np.float64), np.empty, "x", 2**70]
    gc.collect()
    before = [sys.getrefcount(thing) for thing in watched]
    tracemalloc.start()
    memory = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        exercise(f, g, v)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - memory
    tracemalloc.stop()
    assert [sys.getrefcount(thing) for thing in watched] == before
    assert grown < 100_000  # an object lost by each call would be more


def test_thousands_of_calls_leak_nothing() -> None:
    f, g, v = cr.compile(TEXT), cr.compile(REGRESSION), regression_values()
    arguments = tuple(v.values())
    for way in (lambda: f.value_and_gradient(1.5, 2.5), lambda: f(x=1.5, w=2.5),
                lambda: g.value_and_gradient(*arguments)):
        way()
        gc.collect()
        blocks = sys.getallocatedblocks()
        for _ in range(5000):
            way()
        assert sys.getallocatedblocks() - blocks < 200


@pytest.mark.skipif(head_bytes() is None, reason="no direct calls here")
def test_where_memory_runs_out_what_was_made_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    empty, made = np.empty, []

    def failing(shape: Any, dtype: Any) -> Any:
        if len(made) == 2:
            raise MemoryError
        made.append(weakref.ref(found := empty(shape, dtype)))
        return found

    monkeypatch.setattr(np, "empty", failing)
    f = cr.compile("input x[4]; a[i] = x[i] + 1; b[i] = x[i] + 2; c[i] = x[i] + 3; output a, b, c")
    x = np.ones(4)
    with pytest.raises(MemoryError):
        f(x)
    for _ in range(100):
        made.clear()
        with pytest.raises(MemoryError):
            f(x)
        assert [m() for m in made] == [None, None]


def test_a_way_to_call_outlives_its_formula() -> None:
    gradient = cr.compile("y = a*b").gradient
    gc.collect()
    assert gradient(2.0, 3.0) == {"a": 3.0, "b": 2.0}
    assert gradient(Fraction(2), 3) == {"a": 3.0, "b": 2.0}
    held = cr.compile("input x[N]; y = sum(i) x[i]").gradient
    assert held(np.ones(2))["x"].tolist() == held([1, 1])["x"].tolist() == [1, 1]


def test_a_formula_goes_when_nothing_refers_to_it() -> None:
    f = cr.compile("input x[N]; y = sum(i) x[i]^2")
    f.value_and_gradient(np.ones(3))
    f(np.ones(3))
    watched = [weakref.ref(f), weakref.ref(f.__call__), weakref.ref(f.value_and_gradient)]
    gc.disable()
    try:
        del f
        assert [w() for w in watched] == [None, None, None]
    finally:
        gc.enable()


def test_cycles_through_a_compiled_formula_are_collected() -> None:
    class Model:
        pass

    gone = []
    for _ in range(5):
        model = Model()
        model.me = model
        model.formula = cr.compile("y = a*b")
        model.gradient = model.formula.gradient
        assert model.gradient(1.0, 2.0) == {"a": 2.0, "b": 1.0}
        gone.append(weakref.ref(model.gradient))
        del model
    gc.collect()
    assert all(w() is None for w in gone)


@pytest.mark.parametrize(("cells", "threads"), [(7, 1), (600_000, 1), (600_000, 2)])
def test_threads_of_python_do_not_meet_in_one_call(cells: int, threads: int) -> None:
    f = cr.compile("input x[N]; y[i] = x[i]^2 + 1; s = sum(i) y[i]; output y, s", of="s",
                   threads=threads)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=cells)
        for _ in range(200 if cells < 100 else 4):
            found = f(x)
            slopes = f.gradient(x)
            if not (np.allclose(found["y"], x * x + 1) and np.allclose(slopes["x"], 2 * x)):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


SCRIPT = """
import chainrule as cr, numpy as np, math
f = cr.compile("y = (x + 2*w)^2 / (1 + exp(-x*w))")
g = cr.compile("input x[N]; label k < N; y[i] = x[i]*x[k]; s = sum(i) y[i]; output y, s", of="s")
x = np.arange(1.0, 6.0)
for n in range(1500):
    f.value_and_gradient(n/100, w=1.0); f(n, np.float32(0.5)); f.gradient(w=1.0, x=2)
    g(x, n % 5); g.value_and_gradient(x[: 1 + n % 3].copy(), 0)
    for bad in ((), ("a", 1), (10**400, 1), (1, 2, 3), (math.nan, 1), (None, 1)):
        try:
            f(*bad)
        except cr.ChainruleError:
            continue
        raise SystemExit("no error")
print("well")
"""


def test_thousands_of_calls_are_safe_in_development_mode() -> None:
    done = subprocess.run([sys.executable, "-X", "dev", "-X", "faulthandler", "-W", "error", "-c",
                           SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.stdout == "well\n" and not done.stderr


# --- the rest -------------------------------------------------------------------------------------


def test_without_llvmlite_the_error_says_what_to_install() -> None:
    code = ("import sys; sys.modules['llvmlite'] = None\nimport chainrule as cr\n"
            "try:\n    cr.compile('y = a*b')\nexcept cr.ChainruleError as error:\n"
            "    print(error.code, error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing-extra") and "chainrule[native]" in done.stdout


def test_a_compiled_call_takes_a_tenth_of_the_reference_at_most() -> None:
    f, plain = cr.compile(TEXT), cr.formula(TEXT)

    def seconds(call: Callable[[], Any]) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(100):
                call()
            times.append(time.perf_counter() - start)
        return min(times)

    ours = seconds(lambda: f.value_and_gradient(1.0, 2.0))
    assert ours * 10 < seconds(lambda: plain.value_and_gradient(x=1.0, w=2.0))


@pytest.mark.parametrize("text", ["max(q*q - q*q, 1)", "max(1, q*q - q*q)",
                                  "min(q*q - q*q, 1)", "min(1, q*q - q*q)"])
def test_nan_wins_a_maximum_from_either_side(text: str) -> None:
    assert math.isnan(cr.compile(f"y = {text}", check=False)(1e200))
    by_cell = cr.compile(f"y[i] = {text.replace('q', 'q[i]')}", check=False)
    np.testing.assert_array_equal(np.isnan(by_cell(np.array([1e200, 2.0]))), [True, False])
