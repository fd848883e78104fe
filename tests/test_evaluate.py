"""Evaluation: two evaluators that share nothing agree, and the edges are as documented."""

import math
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from chainrule.diff.reverse import vjp
from chainrule.errors import (
    DefinitionError,
    DomainError,
    InputError,
    KindError,
    LimitError,
    MissingValueError,
    RangeError,
    ShapeError,
    UnknownNameError,
)
from chainrule.evaluate.arithmetic import Exact, FloatArithmetic, HighPrecision, Inexact
from chainrule.evaluate.arrays import NumpyArithmetic
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import bind
from chainrule.lang.expr import Apply, Number, Range, Ref
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import constant, index
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.ranges import program


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).round(3)


def agree(p: Program | str, values: dict, dtype: str = "float64") -> dict[str, np.ndarray]:
    """Both evaluators on one program; the reference's arrays."""
    p = program(p) if isinstance(p, str) else p
    fast = run(p, values, dtype=dtype)
    slow = evaluate_cells(p, values)
    tolerance = 1e-11 if dtype == "float64" else 2e-5
    for name, array in fast.items():
        expected = np.array([float(x) for x in slow[name].cells]).reshape(slow[name].shape)
        assert array.shape == expected.shape, name
        np.testing.assert_allclose(array, expected, tolerance, tolerance, err_msg=name)
    return fast


PROGRAMS = {
    "a scalar formula": ("y = ln(x1) + x1*x2 - sin(x2)", {"x1": 2, "x2": 5}),
    "a dense layer with softmax": (
        """input x[N,V]
        parameter W[U,V], b[U]
        z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]
        p[n,u] = exp(z[n,u])/sum(k) exp(z[n,k])""",
        {"x": numbers(3, 4), "W": numbers(2, 4), "b": numbers(2)},
    ),
    "a convolution with stride, dilation and padding, then pooling": (
        """input x[N,C,H,W]
        parameter w[O,C,K,L]
        y[n,o,i,j] = sum(c,a,b) w[o,c,a,b]*x[n,c,2*i+2*a-1,2*j+b-1; pad 1 with 0]
        u[n,o,i,j] = max(a<2,b<2) y[n,o,2*i+a,2*j+b]""",
        {"x": numbers(2, 3, 9, 8), "w": numbers(4, 3, 2, 3)},
    ),
    "padding with a fraction and with minus infinity": (
        """input x[N]
        y[i] = x[i-1; pad 1 with 0.5] with i < N
        z[i] = max(a<3) x[i+a-1; pad with -inf] with i < N""",
        {"x": numbers(4)},
    ),
    "pooling with ties": (
        """input x[N]
        u[i] = max(a<2) x[2*i+a]
        k[i] = argmax(a<2) x[2*i+a]
        s[i] = argmin(a<2) x[2*i+a]""",
        {"x": [1, 1, 2, 3, 3, 2]},
    ),
    "a gather, a one-hot vector and an argmax": (
        """input z[N,K]
        label t[N] < K
        L[n] = -ln(exp(z[n,t[n]])/sum(k) exp(z[n,k]))
        o[n,k] = 1 if k == t[n] else 0 with k < K
        m[n] = argmax(k) z[n,k]""",
        {"z": numbers(3, 4), "t": [0, 3, 2]},
    ),
    "masks, a diagonal and a logarithm in the branch not taken": (
        """input x[N,N]
        y[i] = sum(j, j<=i) x[i,j]
        c[i] = sum(j<N, j<=i) 1 with i < N
        d[i] = x[i,i]
        v[i,j] = ln(x[i,j]) if x[i,j] > 0 else 0
        w[i] = sum(j, x[i,j] > 0) ln(x[i,j])
        q[i] = sum(j, x[i,j] > 0) 1/sqrt(x[i,j])
        m[i] = max(j, j<=i) x[i,j]""",
        {"x": numbers(4, 4)},
    ),
    "a guarded neighbour": (
        """input x[N]
        y[i] = x[i] - x[i-1] if i > 0 else x[i]
        z[i] = x[i] + (x[i+1] if i > 0 and i < N - 1 else 0)""",
        {"x": numbers(5)},
    ),
    "flattening, un-flattening and a transpose": (
        """input x[C,H,W]
        f[(c*H + i)*W + j] = x[c,i,j]
        q[n] = x[n // (H*W), (n//W) % H, n % W] with n < C*H*W
        t[i,c,j] = x[c,i,j]
        r[i] = x[1, H - 1 - i, 2] with i < H""",
        {"x": numbers(2, 3, 4)},
    ),
    "scatters": (
        """input x[C,H,W]
        label k[C] < 3
        s[c,i] += x[c,i,j]
        t += x[c,i,j]^2
        u[i+j] += x[c,i,j]""",
        {"x": numbers(2, 3, 4), "k": [2, 2]},
    ),
    "upsampling and concatenation": (
        """input x[N], y[M]
        u[2*i+a] = x[i] with a < 2
        z[i] = x[i]
        z[i+N] = y[i]""",
        {"x": numbers(3), "y": numbers(2)},
    ),
    "empty sums": (
        """input x[N], y[M]
        s = sum(i) x[i]
        t[j] = y[j] + sum(i, i > 5) x[i]/y[j]""",
        {"x": [], "y": [1, 2]},
    ),
    "quotients that leave the sum": (
        """input e[N,K], v[K,D]
        o[n,d] = sum(k) exp(e[n,k])*v[k,d]/sum(j) exp(e[n,j])
        m[n] = -sum(k) e[n,k]/2""",
        {"e": numbers(3, 4), "v": numbers(4, 2)},
    ),
    "two sums that use one index over different ranges": (
        """input x[N]
        y = sum(k<3) x[k] + (sum(k<2) x[k]) * (sum(k<1) x[k])""",
        {"x": numbers(5)},
    ),
    "causal attention": (
        """input q[T,D], k[T,D], v[T,E]
        s[i,j] = sum(d) q[i,d]*k[j,d]
        m[i] = max(j, j<=i) s[i,j]
        a[i,j] = exp(s[i,j] - m[i]) if j <= i else 0
        o[i,e] = sum(j, j<=i) a[i,j]*v[j,e]/sum(l, l<=i) a[i,l]""",
        {"q": numbers(4, 2), "k": numbers(4, 2, seed=1), "v": numbers(4, 3)},
    ),
    "functions that are constant": ("y = sqrt(2)*pi*exp(1)*x", {"x": 1.5}),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_two_evaluators_agree(name: str, dtype: str) -> None:
    text, values = PROGRAMS[name]
    for array in agree(text, values, dtype).values():
        assert array.dtype in (np.dtype(dtype), np.dtype("int64"))


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.partials and f.arity])
def test_every_function_has_one_value_in_all_arithmetics(name: str) -> None:
    entry = FUNCTIONS[name]
    rng = np.random.default_rng(1)
    points = [tuple(rng.uniform(*s) for s in entry.sample) for _ in range(20)] + list(entry.edges)
    high, floats, arrays = HighPrecision(30), FloatArithmetic(), NumpyArithmetic()
    for point in points:
        truth = float(entry.value(high, *map(high.number, point)))
        assert float(entry.value(floats, *point)) == pytest.approx(truth, rel=1e-12, abs=1e-300)
        array = entry.value(arrays, *(np.array([x]) for x in point))
        assert float(array[0]) == pytest.approx(truth, rel=1e-12, abs=1e-300)
        try:
            exact = entry.value(Exact(), *map(Fraction, point))
        except Inexact:
            continue
        assert float(exact) == pytest.approx(truth, rel=1e-12, abs=1e-300)


def test_what_is_rational_stays_rational() -> None:
    c = evaluate_cells(program("y = sqrt(4/9) + log2(8) + sigmoid(0)*x^-2 + 0^0"), {"x": 0.1})
    assert c["y"].cells == [Fraction(2, 3) + 3 + 50 + 1]


def test_numbers_mean_what_they_print_as() -> None:
    p = program("input x[4]\ny[i] = x[i]*3")
    values = [0.1, Decimal("0.1"), Fraction(1, 10), np.float64(0.1)]
    assert evaluate_cells(p, {"x": values})["y"].cells == [Fraction(3, 10)] * 4
    narrow = np.full(4, 0.1, np.float32)
    assert evaluate_cells(p, {"x": narrow})["y"].cells == [Fraction(3, 10)] * 4


def test_irrational_values_have_the_digits_asked_for() -> None:
    value = evaluate_cells(program("y = ln(x)"), {"x": 2}, digits=40)["y"].cells[0]
    assert value.context.nstr(value, 39) == "0.693147180559945309417232121458176568076"


def test_a_parameter_without_a_value_stays_symbolic_beside_numbers() -> None:
    p = program("""input u[2,2]
        parameter a
        v[i,j] = u[i,j] if u[i,j] >= 0 else a*u[i,j]
        s = sum(i,j) v[i,j]
        d = 10*a - 9*a
        z = 2*(-4*a) + 8*a
        g = sin(a)*2""")
    c = evaluate_cells(p, {"u": [[14, -4], [-6, 3]]}, symbolic=["a"])
    shown = {n: [expression_text(x) if not isinstance(x, Fraction) else x for x in c[n].cells]
             for n in "vsdzg"}
    assert shown["v"] == [14, "-4*a", "-6*a", 3]
    assert shown["s"] == ["17 - 10*a"]
    assert shown["d"] == ["a"] and shown["z"] == [0] and shown["g"] == ["2*sin(a)"]


@pytest.mark.parametrize("text", ["y = 1 if a > 3 else 2", "y = max(a, 3)",
                                  "input x[2]\ny = max(i) a*x[i]"])
def test_a_decision_that_hangs_on_a_symbol_names_it(text: str) -> None:
    values = {"x": [1, 2]} if "input x" in text else {}
    with pytest.raises(MissingValueError, match="needs a value for a"):
        evaluate_cells(program(text), values, symbolic=["a"])


def test_a_symbolic_chain_that_grows_too_long_is_refused() -> None:
    lines = ["y0 = a", *(f"y{k + 1} = sin(y{k})" for k in range(300))]
    with pytest.raises(LimitError, match="too long an expression in a"):
        evaluate_cells(program("\n".join(lines)), {}, symbolic=["a"])


# --- domains and bounds, in both evaluators


def both_raise(error: type[Exception], match: str, p: Program | str, values: dict) -> None:
    p = program(p) if isinstance(p, str) else p
    for evaluate in (run, evaluate_cells):
        with pytest.raises(error, match=match):
            evaluate(p, values)


def test_a_point_outside_a_domain_is_named() -> None:
    both_raise(DomainError, r"ln is defined for a positive number; found ln\(-1\) in y",
               "y = ln(x)", {"x": -1})
    both_raise(DomainError, r"found ln\(-1\) in y\[1\]",
               "input x[N]\ny[i] = ln(x[i])", {"x": [1, -1, -2]})
    both_raise(DomainError, r"division by zero: x \- 2 is 0 in y", "y = 1/(x - 2)", {"x": 2})
    both_raise(DomainError, r"division by zero: b\[j\] is 0 in y\[0,1\]",
               "input a[N], b[M]\ny[i,j] = a[i]/b[j]", {"a": [1, 2], "b": [3, 0]})
    both_raise(DomainError, r"found \(-8\)\^\(0.5\)|found \(-8\)\^\(1/2\)", "y = x^0.5", {"x": -8})


def test_an_error_is_underlined_in_the_source() -> None:
    with pytest.raises(DomainError) as caught:
        run(program("y = 2 + ln(x)"), {"x": -1})
    assert "^^^^" in str(caught.value)


def test_reading_outside_an_axis_names_the_subscript() -> None:
    x, i = Tensor("x", (constant(3),), role="data"), Range("i", constant(3))
    equation = Equation("y", (index("i"),), (i,), Ref("x", (index("i") + 1,)))
    p = Program({"x": x, "y": Tensor("y", (constant(3),))}, ("x",), (equation,), ("y",))
    message = r"y\[2\] reads x outside: its subscript i \+ 1 is 3 where i = 2.*axis 0.*size 3"
    both_raise(RangeError, message, p, {"x": [1, 2, 3]})


def test_a_write_outside_is_an_error_unless_it_is_dropped() -> None:
    x, i = Tensor("x", (constant(3),), role="data"), Range("i", constant(3))
    equation = Equation("y", (index("i") - 1,), (i,), Ref("x", (index("i"),)), accumulate=True)
    p = Program({"x": x, "y": Tensor("y", (constant(3),))}, ("x",), (equation,), ("y",))
    both_raise(RangeError, "writes outside: its subscript i - 1 is -1 where i = 0", p,
               {"x": [1, 2, 3]})
    dropped = replace(p, equations=(replace(equation, dropping=True),))
    assert agree(dropped, {"x": [1, 2, 3]})["y"].tolist() == [2, 3, 0]


def test_cells_are_written_exactly_once() -> None:
    x, i = Tensor("x", (constant(3),), role="data"), Range("i", constant(3))
    body = Ref("x", (index("i"),))
    tensors = {"x": x, "y": Tensor("y", (constant(4),))}
    once = Equation("y", (index("i"),), (i,), body)
    p = Program(tensors, ("x",), (once,), ("y",))
    both_raise(DefinitionError, r"y\[3\] is never written", p, {"x": [1, 2, 3]})
    twice = replace(p, equations=(once, Equation("y", (index("i") + 1,), (i,), body)))
    both_raise(DefinitionError, r"y\[1\] is written twice", twice, {"x": [1, 2, 3]})


def test_gathers_out_of_range_and_labels_out_of_range() -> None:
    p = program("input z[K]\ninteger t\ny = z[t]")
    for label in (-1, 3):
        both_raise(RangeError, f"subscript t is {label}", p, {"z": [1, 2, 3], "t": label})
    p = program("input z[N,K]\nlabel t[N] < K\ny[n] = z[n,t[n]]")
    both_raise(RangeError, r"t\[1\] is 3, but t holds 0, ..., 2", p,
               {"z": np.ones((2, 3)), "t": [0, 3]})


def test_an_empty_maximum_is_an_error() -> None:
    both_raise(DomainError, "has no terms", "input x[N]\ny = max(i) x[i]", {"x": []})
    both_raise(DomainError, r"max over j in y\[0\] has no terms",
               "input x[N]\ny[i] = max(j, j < i) x[j] with i < N", {"x": [1, 2]})


def test_nan_never_passes_a_check() -> None:
    p = program("y = exp(x) - exp(x)")
    with pytest.raises(DomainError, match="y is not a number"):
        run(p, {"x": 1000.0})
    assert math.isnan(run(p, {"x": 1000.0}, check=False)["y"])
    softmax = program("input z[K]\np[i] = exp(z[i])/sum(j) exp(z[j])")
    assert np.isnan(run(softmax, {"z": [1000.0, 0.0]}, check=False)["p"][0])
    with pytest.raises(DomainError, match=r"p\[0\] is not a number"):
        run(softmax, {"z": [1000.0, 0.0]})


def test_a_tower_of_exponentials_is_refused_quickly() -> None:
    p = program("y = exp(exp(exp(exp(exp(x)))))")
    with pytest.raises(LimitError):
        evaluate_cells(p, {"x": 3})


def test_squaring_over_and_over_goes_on_as_a_rounded_number() -> None:
    lines = ["y0 = x", *(f"y{k + 1} = y{k}*y{k}/3" for k in range(60))]
    value = evaluate_cells(program("\n".join(lines)), {"x": Fraction(7, 3)})["y60"].cells[0]
    assert not isinstance(value, Fraction) or value == 0


# --- values


def test_what_is_wrong_with_a_value_is_said() -> None:
    p = program("input x[N,V], y\nlabel t[N] < 3\nparameter W[U,V]\n"
                "z[n,u] = sum(v) W[u,v]*x[n,v] + y + t[n]")
    good = {"x": np.ones((2, 4)), "W": np.ones((3, 4)), "t": [0, 1], "y": 1}
    agree(p, good)

    def wrong(error: type[Exception], match: str, **changed: object) -> None:
        for exact in (False, True):
            with pytest.raises(error, match=match):
                bind(p, {k: v for k, v in {**good, **changed}.items() if v is not Ellipsis},
                     exact=exact)

    wrong(MissingValueError, "no value for the inputs x, W", x=..., W=...)
    wrong(UnknownNameError, "no input called yy", yy=3)
    wrong(DefinitionError, "z is computed", z=3)
    wrong(ShapeError, "axis 1 of W has size 3, but V = 4 from axis 1 of x", W=np.ones((3, 3)))
    wrong(ShapeError, "x has 2 axes .* its value has 1 axis", x=[1, 2])
    wrong(ShapeError, "y has no axes", y=[1])
    wrong(KindError, r"t\[1\] is 1.5, where an integer is wanted", t=[0, 1.5])
    wrong(RangeError, r"t\[0\] is -1", t=[-1, 1])
    wrong(InputError, r"x\[0,1\] is NaN", x=[[1, math.nan, 3, 4], [1, 2, 3, 4]])
    wrong(InputError, r"rows of x differ in length", x=[[1, 2], [3]])
    wrong(InputError, "not a number", y="1")
    wrong(InputError, "not a number", x=[["a", 2, 3, 4], [1, 2, 3, 4]])
    wrong(KindError, "where a number is wanted", y=True)
    wrong(KindError, "bool", x=np.ones((2, 4), bool))


def test_sizes_follow_from_compound_axes_or_are_given() -> None:
    p = program("size s\ninput x[2*N + 1]\ny[i] = x[i] * N / s with i < N")
    sizes, _ = bind(p, {"x": np.ones(7), "s": 2})
    assert sizes == {"N": 3, "s": 2}
    assert agree(p, {"x": np.ones(7), "s": 2})["y"].tolist() == [1.5] * 3
    with pytest.raises(ShapeError, match=r"size 6, but 2\*N \+ 1 = 7|size N"):
        bind(p, {"x": np.ones(6), "N": 3, "s": 2})


def test_a_tensor_too_large_is_refused_before_it_is_allocated() -> None:
    p = program("input x[N], y[M]\nz[i,j,k] = x[i]*y[j]*x[k]")
    start = time.process_time()
    with pytest.raises(LimitError, match="bytes"):
        run(p, {"x": np.ones(10_000), "y": np.ones(10_000)})
    with pytest.raises(LimitError):
        evaluate_cells(program("input x[N]\ny[i,j] = x[i]*x[j]"), {"x": np.ones(2000)})
    assert time.process_time() - start < 1


# --- speed and size


def test_a_chain_of_100_000_scalar_equations_runs_in_seconds() -> None:
    names = [f"x{k}" for k in range(100_001)]
    tensors = {n: Tensor(n, role="data" if n == "x0" else "computed") for n in names}
    equations = tuple(
        Equation(b, (), (), Apply("sin", (Ref(a),)))
        for a, b in pairwise(names)
    )
    p = Program(tensors, ("x0",), equations, (names[-1],))
    start = time.process_time()
    result = run(p, {"x0": 1.0}, keep="outputs")
    assert time.process_time() - start < 5
    assert list(result) == [names[-1]] and 0 < result[names[-1]] < 0.01


def test_a_sum_written_with_a_thousand_signs_needs_no_recursion() -> None:
    body = Ref("x", (index("i"),))
    for k in range(3000):
        body = Apply("add", (body, Number(k % 3)))
    i = Range("i", constant(2))
    tensors = {"x": Tensor("x", (constant(2),), role="data"), "y": Tensor("y", (constant(2),))}
    p = Program(tensors, ("x",), (Equation("y", (index("i"),), (i,), body),), ("y",))
    assert agree(p, {"x": [1, 2]})["y"].tolist() == [3001, 3002]


def test_a_dropped_write_does_not_look_at_its_body() -> None:
    x, i = Tensor("x", (constant(3),), role="data"), Range("i", constant(4))
    equation = Equation("y", (index("i"),), (i,), Ref("x", (index("i"),)), True, None, True)
    p = Program({"x": x, "y": Tensor("y", (constant(3),))}, ("x",), (equation,), ("y",))
    assert agree(p, {"x": [1, 2, 3]})["y"].tolist() == [1, 2, 3]


def test_without_checks_cells_follow_ieee() -> None:
    c = evaluate_cells(program("y = 1/x\nz = ln(-1 + x)"), {"x": 0}, check=False)
    assert float(c["y"].cells[0]) == math.inf and math.isnan(float(c["z"].cells[0]))


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_two_evaluators_agree_on_adjoint_programs(name: str) -> None:
    text, values = PROGRAMS[name]
    p = program(text)
    derivative = vjp(p)
    given = dict(values)
    for output, seed in derivative.seeds.items():
        given[seed] = np.ones(run(p, values)[output].shape)
    agree(derivative.program, given)


def test_cells_are_worked_without_loading_numpy() -> None:
    code = (
        "import sys\nfrom chainrule.lang.ranges import program\n"
        "from chainrule.evaluate.cells import evaluate_cells\n"
        "evaluate_cells(program('y = ln(x)'), {'x': 2})\nassert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
