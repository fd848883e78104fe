"""The Python face: formulas, operators, specifications, index numbers."""

import itertools
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import (
    ArityError,
    ChainruleError,
    DefinitionError,
    DerivativeError,
    InputError,
    KindError,
    LimitError,
    MissingValueError,
    ShapeError,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.printing import program_text
from chainrule.lang.ranges import program
from chainrule.personal import index_number_matrix

EXAMPLES = Path(__file__).parent.parent / "examples"
AD1 = "y = ln(x1) + x1*x2 - sin(x2)"


def value(variable, **values):
    """A variable's value, and the check that its program reads back from its own text."""
    f = cr.formula(variable)
    assert program_text(program(program_text(f.program))) == program_text(f.program)
    return f(values)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# --- formulas from text ---------------------------------------------------------------------------


def test_a_formula_is_called_with_its_inputs_by_name():
    assert cr.formula(AD1)(x1=2, x2=5) == pytest.approx(11.652071455223084, abs=1e-14)


def test_values_may_be_a_mapping_for_names_that_python_reserves():
    assert cr.formula("y = 2*lambda")({"lambda": 4}) == 8.0


def test_several_outputs_come_as_a_dictionary():
    assert cr.formula("y = 2*x; z = 3*x")(x=1) == {"y": 2.0, "z": 3.0}


def test_the_gradient_is_returned_by_input():
    found = cr.formula(AD1).gradient(x1=2, x2=5)
    assert found == pytest.approx({"x1": 5.5, "x2": 1.7163378145367738})


def test_all_products_agree_with_the_matrices_that_they_are_products_of():
    f = cr.formula("y[i] = x[i]^2 * x[0] + x[1]")
    x, v, w = numbers(3), numbers(3, seed=1), numbers(3, seed=2)
    jacobian = f.jacobian(x=x)["x"]
    assert f.jvp({"x": v}, x=x) == pytest.approx(jacobian @ v)
    assert f.vjp(w, x=x)["x"] == pytest.approx(w @ jacobian)
    g = cr.formula("y = sum(i) sin(x[i])*x[0]")
    hessian = g.hessian(x=x, wrt="x")
    assert hessian == pytest.approx(hessian.T)
    assert g.hvp({"x": v}, x=x)["x"] == pytest.approx(hessian @ v)


def test_the_hessian_of_several_inputs_is_a_table():
    h = cr.formula("y = a^2*b").hessian(a=3, b=5)
    assert h == {"a": {"a": 10.0, "b": 6.0}, "b": {"a": 6.0, "b": 0.0}}


def test_only_one_output_can_be_differentiated_at_a_time():
    f = cr.formula("y = 2*x; z = 3*x")
    with pytest.raises(DerivativeError, match="2 outputs"):
        f.gradient(x=1)
    assert f.gradient(x=1, of="z") == {"x": 3.0}


def test_a_missing_value_and_a_wrong_name_are_typed_errors():
    f = cr.formula(AD1)
    with pytest.raises(MissingValueError, match="x2"):
        f(x1=2)
    with pytest.raises(ChainruleError, match="x3"):
        f(x1=2, x2=5, x3=1)
    with pytest.raises(InputError):
        f([1, 2])


def test_float32_is_computed_in_float32():
    x = cr.formula("y[i] = x[i]/3", dtype="float32")(x=[1, 2])
    assert x.dtype == np.float32
    with pytest.raises(KindError):
        cr.formula("y = x", dtype="float16")


def test_one_line_does_the_whole():
    assert cr.run("y = a*b", a=2, b=3) == 6.0
    assert cr.gradient("y = a*b", a=2, b=3) == {"a": 3.0, "b": 2.0}
    assert cr.trace("y = a*b", a=2, b=3, mode="reverse").gradient["a"].nested() == 3


def test_a_formula_shows_itself_in_every_way_a_notebook_asks():
    f = cr.formula(AD1)
    assert str(f) in repr(f)
    assert f._repr_latex_().startswith("$$")
    assert "<math" in f._repr_html_()
    assert f.graph(x1=2, x2=5).blocks


# --- operators ------------------------------------------------------------------------------------


def test_operators_write_the_formula_that_text_would():
    x1, x2 = cr.inputs("x1 x2")
    f = cr.formula(cr.log(x1) + x1 * x2 - cr.sin(x2))
    assert f.program.inputs == ("x1", "x2")
    assert f.gradient(x1=2, x2=5) == pytest.approx(cr.formula(AD1).gradient(x1=2, x2=5))


def test_what_is_shared_in_python_is_shared_in_the_program():
    x = cr.input("x")
    h = cr.exp(x)
    assert len(cr.formula(h * h + h).program.equations) == 3


def test_inputs_come_in_natural_order():
    x1, x2 = cr.inputs("x1, x2")
    assert cr.formula(x2 * x1).program.inputs == ("x1", "x2")


@pytest.mark.parametrize("name", [
    n for n, e in FUNCTIONS.items() if e.arity and not e.boolean
])
def test_every_function_of_the_table_has_a_python_name(name):
    entry = FUNCTIONS[name]
    arguments = [cr.input(f"x{k}") for k in range(entry.arity)]
    point = {f"x{k}": (low + 2 * high) / 3 for k, (low, high) in enumerate(entry.sample)}
    found = value(getattr(cr, name)(*arguments), **point)
    call = {"neg": "y = -x0", "add": "y = x0+x1", "sub": "y = x0-x1", "mul": "y = x0*x1",
            "div": "y = x0/x1", "pow": "y = x0^x1"}.get(
                name, f"y = {name}({', '.join(f'x{k}' for k in range(entry.arity))})")
    assert found == cr.formula(call)(point)


def test_numpy_names_stand_for_the_functions():
    a, b = cr.inputs("a b")
    assert value(cr.maximum(a, b) + cr.minimum(a, b) + cr.arctan2(a, b), a=1, b=2) == (
        pytest.approx(3 + np.arctan2(1, 2)))
    with pytest.raises(AttributeError):
        cr.frobnicate  # noqa: B018
    with pytest.raises(ArityError, match="sin takes 1 argument, found 2"):
        cr.sin(a, b)


def test_operators_work_from_both_sides_and_with_fractions_and_numpy_scalars():
    x = cr.input("x")
    y = 2 - x + Fraction(1, 3) * x / 4 + 2**x - -x + np.float64(0.5) * x + np.int64(2) * +x
    assert value(y, x=3) == pytest.approx(2 - 3 + 1 / 4 + 8 + 3 + 1.5 + 6)


def test_a_float_means_the_decimal_that_it_prints_as():
    x = cr.input("x")
    assert "0.1*x" in str(cr.formula(0.1 * x))


SHAPES = [((3,), ()), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1), (1, 3)), ((4, 1, 3), (2, 1)),
          ((1,), (1,)), ((2, 3), (1, 1))]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_broadcasting_is_numpys(a, b):
    x, y = numbers(*a), numbers(*b, seed=1)
    found = value(cr.input("x", a) * cr.input("y", b) + 1, x=x, y=y)
    assert np.asarray(found) == pytest.approx(x * y + 1)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2\)"):
        cr.input("x", (2, 3)) + cr.input("y", (2,))
    with pytest.raises(ShapeError, match="N and M"):
        cr.input("x", "N") + cr.input("y", "M")
    with pytest.raises(ShapeError, match="columns"):
        cr.input("x", (2, 3)) @ cr.input("y", (2, 3))


@pytest.mark.parametrize(("a", "b"), [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)),
])
def test_matrix_products_are_numpys(a, b):
    x, y = numbers(*a), numbers(*b, seed=1)
    found = value(cr.input("x", a) @ cr.input("y", b), x=x, y=y)
    assert np.asarray(found) == pytest.approx(x @ y)


@pytest.mark.parametrize("op", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize(("axis", "keepdims"), list(itertools.product(
    [None, 0, -1, (0, 2), (1, -3)], [False, True])))
def test_reductions_are_numpys(op, axis, keepdims):
    x = numbers(2, 3, 4)
    found = value(getattr(cr.input("x", x.shape), op)(axis, keepdims), x=x)
    assert np.asarray(found) == pytest.approx(getattr(x, op)(axis=axis, keepdims=keepdims))


KEYS = [0, -1, (slice(None), 1), (..., 2), (None, 1), (slice(1, None), slice(None, -1)),
        (slice(None, None, -1),), (slice(None, None, 2), ..., slice(3, 0, -2)), (1, 2, 3),
        (slice(None), None, ..., None), (-1, ..., -2), np.int64(1)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_numpys(key):
    x = numbers(2, 3, 4)
    assert np.asarray(value(cr.input("x", x.shape)[key], x=x)) == pytest.approx(x[key])
    sized = cr.input("x", ("A", "B", "C"))
    f = cr.formula(sized[key])
    assert np.asarray(f(x=x)) == pytest.approx(x[key])


@pytest.mark.parametrize(("old", "new"), [
    ((2, 3), (6,)), ((6,), (2, 3)), ((2, 3, 4), (6, -1)), ((2, 3, 4), (2, 12)), ((4, 3), (3, 4)),
    ((2, 3, 4), (4, 3, 2)), ((2, 3), (2, 1, 3)), ((2, 1, 3), (2, 3)), ((4, 6), (2, 2, 3, 2)),
    ((), (1,)), ((1, 1), ()), ((12,), (-1, 3)), ((5,), (5,)), ((2, 6), (4, 3)),
    ((2, 3), (2, 3, 1)), ((1, 2, 1), (2,)),
    ((2, 3), (1, 1, 6)), ((1, 2, 3, 1, 1), (6, 1)),
])
def test_reshapes_are_numpys(old, new):
    x = numbers(*old) if old else np.float64(2.5)
    assert np.asarray(value(cr.input("x", old).reshape(new), x=x)) == pytest.approx(x.reshape(new))


def test_symbolic_sizes_reshape_where_they_can():
    x = cr.input("x", ("N", "C", 2, 3))
    f = cr.formula(x.reshape("N", -1))
    a = numbers(5, 4, 2, 3)
    assert f(x=a) == pytest.approx(a.reshape(5, -1))
    with pytest.raises(ShapeError, match="cannot become"):
        x.reshape("N", 5)


def test_transposes_stacks_and_concatenations_are_numpys():
    a, b = numbers(2, 3, 4), numbers(2, 5, 4, seed=1)
    x, y = cr.input("x", a.shape), cr.input("y", b.shape)
    assert value(x.T, x=a) == pytest.approx(a.T)
    assert value(x.transpose(1, 0, 2), x=a) == pytest.approx(a.transpose(1, 0, 2))
    assert value(cr.concatenate([x, y], axis=1), x=a, y=b) == pytest.approx(
        np.concatenate([a, b], axis=1))
    assert value(cr.stack([x, 2 * x], axis=-1), x=a) == pytest.approx(np.stack([a, 2 * a], -1))
    assert value(cr.expand_dims(x, -1), x=a) == pytest.approx(a[..., None])
    with pytest.raises(ShapeError):
        cr.concatenate([x, y], axis=0)


def test_moved_cells_have_derivatives():
    a = numbers(4, 3)
    x = cr.input("x", a.shape)
    y = (cr.concatenate([x.T.reshape(2, 6), x.reshape(2, 6)[:, ::-1]]) ** 2)[1:, ::2].sum()
    f = cr.formula(y)
    slope = f.gradient(x=a)["x"]
    for place in np.ndindex(*a.shape):
        step = np.zeros_like(a)
        step[place] = 1e-6
        assert slope[place] == pytest.approx((f(x=a + step) - f(x=a - step)) / 2e-6, abs=1e-6)


def test_rows_are_taken_by_an_integer_input():
    table, rows = numbers(5, 2), [3, 0, 3]
    x = cr.input("x", ("K", 2))
    y = cr.input("y", "N", kind="integer", below="K")
    f = cr.formula(x[y].sum())
    assert f(x=table, y=rows) == pytest.approx(table[rows].sum())
    assert f.gradient(x=table, y=rows)["x"][3] == pytest.approx([2, 2])


def test_where_looks_only_at_the_branch_taken():
    x = cr.input("x", (3,))
    f = cr.formula(cr.where(x > 0, cr.log(x) * 2, 0).sum())
    assert f(x=[-1, 0, 1]) == 0.0
    assert f.gradient(x=[-1, 0, 2])["x"] == pytest.approx([0, 0, 1])


def test_conditions_are_joined_and_have_no_truth_value():
    x = cr.input("x")
    y = cr.where(~((x > 1) & (x != 3)) | (x >= 5), 1, 0)
    assert [value(y, x=k) for k in (0, 2, 3, 5)] == [1, 0, 1, 1]
    for mistake in (lambda: bool(x), lambda: bool(x > 1), lambda: 1 < x < 2, lambda: (x > 1) * x,
                    lambda: float(x), lambda: (x > 1) & x):
        with pytest.raises(KindError):
            mistake()


def test_what_cannot_stand_in_a_formula_says_what_to_do():
    x = cr.input("x", (2,))
    for mistake in (np.ones(2), [1, 2], "2", None, float("nan"), float("inf")):
        with pytest.raises(InputError):
            x + mistake
    with pytest.raises(InputError, match="make an array an input"):
        np.ones(2) * x
    with pytest.raises(LimitError):
        x**5000
    with pytest.raises(ShapeError):
        x[2]
    with pytest.raises(ShapeError):
        x[1:1]
    with pytest.raises(KindError):
        x[0.5]
    with pytest.raises(ShapeError):
        x[0, 0]


def test_names_are_kept_apart():
    x, other = cr.input("x"), cr.input("x")
    with pytest.raises(DefinitionError, match="two inputs"):
        cr.formula(x + other)
    with pytest.raises(DefinitionError, match="size"):
        cr.formula(cr.input("N") * cr.input("y", "N"))
    t1, i = cr.input("t1"), cr.input("i", (2,))
    h = cr.exp(t1).named("h")
    f = cr.formula(y=h * i * 2, z=h, t1=t1)
    assert set(f.program.outputs) == {"y", "z", "t1"}
    assert f(t1=0, i=[1, 2])["y"] == pytest.approx([2, 4])
    assert program_text(program(str(f))) == str(f)
    with pytest.raises(InputError):
        cr.input("a b")
    with pytest.raises(InputError):
        cr.input("if")


def test_one_variable_may_be_two_outputs():
    x = cr.input("x")
    y = 2 * x
    assert cr.formula(a=y, b=y, c=x)(x=3) == {"a": 6.0, "b": 6.0, "c": 3.0}


def test_a_hundred_thousand_operations_are_built_without_recursion_and_fast():
    x = cr.input("x")
    best = 0.0
    for _ in range(3):
        y = x
        start = time.process_time()
        for k in range(20_000):
            y = cr.sin(y) if k % 2 else y * x
        f = cr.formula(y)
        best = max(best, 20_000 / (time.process_time() - start))
    assert len(f.program.equations) == 20_000
    assert best > 5_000  # a quiet machine does 80,000 a second
    for k in range(80_000):
        y = y + 1 if k % 2 else -y
    assert len(cr.formula(y).program.equations) == 100_000


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_arrays_of_operators_agree_with_numpy(data):
    shapes = [(2, 3), (3,), (2, 1), (1, 3), ()]
    env = {f"x{k}": numbers(*s, seed=k) if s else 0.7 for k, s in enumerate(shapes)}
    pool = [(cr.input(f"x{k}", s), np.asarray(env[f"x{k}"])) for k, s in enumerate(shapes)]
    for _ in range(data.draw(st.integers(1, 8))):
        (a, x), (b, y) = data.draw(st.sampled_from(pool)), data.draw(st.sampled_from(pool))
        kind = data.draw(st.sampled_from(["+", "-", "*", "sin", "where", "sum", "max", "T"]))
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:  # what NumPy refuses, we refuse
            with pytest.raises(ShapeError):
                a + b
            continue
        if kind in "+-*":
            op = {"+": lambda p, q: p + q, "-": lambda p, q: p - q, "*": lambda p, q: p * q}[kind]
            pool.append((op(a, b), op(x, y)))
        elif kind == "sin":
            pool.append((cr.sin(a), np.sin(x)))
        elif kind == "where":
            pool.append((cr.where(a > b, a, 2 * b), np.where(x > y, x, 2 * y)))
        elif kind == "T":
            pool.append((a.T, x.T) if x.shape != (2, 3) and x.shape != (2, 1) else (a * 1, x))
        elif x.ndim:
            pool.append((getattr(a, kind)(0, True), getattr(x, kind)(axis=0, keepdims=True)))
    last, want = pool[-1]
    f = cr.formula(out=last)
    used = {name: env[name] for name in f.program.inputs}
    assert np.asarray(f(used)) == pytest.approx(want)
    assert program_text(program(str(f))) == str(f)


def test_importing_the_package_imports_no_numpy_and_little_else():
    code = ("import sys, chainrule as cr; f = cr.formula('y = x'); cr.sin;"
            "assert 'numpy' not in sys.modules and 'click' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


# --- index numbers --------------------------------------------------------------------------------


def test_the_index_number_of_the_course_gives_its_matrix():
    want = [[1, 8, 0.5, 6], [3, 1.1, -1, -8], [-0.5, -6, -3, -1.1], [-1, -8, -0.5, -6]]
    assert [[float(x) for x in row] for row in index_number_matrix("180631")] == want
    example = index_number_matrix("180577X")
    assert example[0] == [1, 8, Fraction(1, 2), 5]
    assert example[1][:2] == [7, Fraction(71, 10)]


@given(st.from_regex(r"[0-9]{6}[A-Z0-9]{0,4}", fullmatch=True))
def test_every_index_number_gives_six_different_numbers(number):
    matrix = index_number_matrix(number)
    six = matrix[0] + matrix[1][:2]
    assert len(set(six)) == 6
    assert all(x > 0 for x in six)
    assert [-x for x in six] == matrix[1][2:] + matrix[2]
    assert matrix[3] == [-x for x in matrix[0]]
    assert all(int(d) <= x <= int(d) + Fraction(1, 2) or d == "0"
               for d, x in zip(number, six, strict=False))


def test_zeros_and_repetitions_go_on_counting():
    tenths = [Fraction(k, 10) for k in range(5, 11)]
    zeros = index_number_matrix("000000")
    assert zeros[0] + zeros[1][:2] == tenths
    ones = index_number_matrix("111111")
    assert ones[0] + ones[1][:2] == [1 + Fraction(k, 10) for k in range(6)]


@pytest.mark.parametrize("number", [
    "", "12345", "12a456", "X80577", "１２３４５６", "12 4567", 180631,
])
def test_an_unusable_index_number_is_refused(number):
    with pytest.raises(InputError):
        index_number_matrix(number)


# --- specifications -------------------------------------------------------------------------------


def test_a_specification_keeps_the_decimals_as_written():
    s = cr.read_specification("formula = 'y = a*b + c'\n[values]\na = 0.1\nb = '1/3'\nc = 1_000.5")
    assert s.values == {"a": Fraction(1, 10), "b": Fraction(1, 3), "c": Fraction(2001, 2)}


def cells(trace, name):
    found = trace.gradient.get(name) or trace.values[name]
    nested = found.nested()
    return np.array(nested, dtype=float)


def test_the_toy_network_comes_out_as_the_course_has_it():
    t = cr.trace(cr.load(EXAMPLES / "toy.toml"))
    assert cells(t, "U").tolist() == [[8, 6], [-0.5, -0.5]]
    assert cells(t, "V").tolist() == [[8, 6], [-0.05, -0.05]]
    assert t.values["y"].nested() == Fraction(193, 10)
    assert cells(t, "X").tolist() == [[0, 2, 0, 4], [0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0.8, 0]]
    assert cells(t, "W").tolist() == [16, 12, -0.1, -0.1]
    inner = cr.trace(cr.load(EXAMPLES / "toy.toml"), wrt=["U", "V"]).gradient
    assert np.array(inner["V"].nested(), float).tolist() == [[2, 4], [20, 8]]
    assert np.array(inner["U"].nested(), float).tolist() == [[2, 4], [2, 0.8]]


def test_a_parameter_without_a_value_stays_a_symbol():
    t = cr.trace(cr.load(EXAMPLES / "prelu.toml"))
    assert t.gradient["alpha"].nested() == 1
    v = t.values["V"].nested()
    assert (v[0][0], v[1][1]) == (14, 3)
    assert cr.formula("V = -4*alpha")(alpha=0.5) == -2


def test_the_residual_block_comes_out_as_the_course_has_it():
    t = cr.trace(cr.load(EXAMPLES / "residual.toml"))
    values = {n: float(t.values[n].nested()) for n in ("x1", "y1", "z")}
    assert values == {"x1": 0.6, "y1": 0.03, "z": 1.03}
    slopes = {n: float(c.nested()) for n, c in t.gradient.items()}
    assert slopes == {"w0": -0.2, "w1": 0.6, "b0": -0.2, "b1": 1.0, "x0": 0.9}


def test_the_perceptron_and_attention_agree_with_numpy():
    s = cr.load(EXAMPLES / "mlp.toml")
    t = cr.trace(s)
    v = {n: np.array(x, dtype=float) for n, x in s.values.items()}
    h = 1 / (1 + np.exp(-v["W1"] @ v["x"]))
    p = np.exp(v["W2"] @ h) / np.exp(v["W2"] @ h).sum()
    assert cells(t, "W2") == pytest.approx(np.outer(p - v["t"], h))
    dh = v["W2"].T @ (p - v["t"]) * h * (1 - h)
    assert cells(t, "W1") == pytest.approx(np.outer(dh, v["x"]))
    s = cr.load(EXAMPLES / "attention.toml")
    v = {n: np.array(x, dtype=float) for n, x in s.values.items()}
    e = np.tril(np.exp(v["Q"] @ v["K"].T / np.sqrt(2)))
    a = e / e.sum(1, keepdims=True)
    y = cr.formula(s.program)(s.values)
    assert y == pytest.approx(a @ v["V"])
    adjoints = cr.formula(s.program).vjp(np.array(s.seed["Y"], float), s.values)
    assert adjoints["V"] == pytest.approx(a.T @ np.array(s.seed["Y"], float))


@pytest.mark.parametrize(("text", "line", "words"), [
    ("formula = 'y=x'\n[valuse]\nx = 1", 2, "did you mean values"),
    ("formula = 'y=x'\n[trace]\nmdoe = 'both'", 3, "did you mean mode"),
    ("formula = 'y=x'\n[trace]\nmode = 'revers'", 3, "did you mean reverse"),
    ("formula = 'y=x'\n[trace]\ndigits = -1", 3, "digits"),
    ("formula = 'y=x'\n[values]\nx = true", 3, "number"),
    ("formula = 'y=x'\n[values]\nx = 'foo'", 3, "foo is not a number"),
    ("formula = 'y=x'\n[values]\nx = { index-nubmer = '1' }", 3, "index-number"),
    ("formula = 'y=x'\n[values]\nx = 1e9999", 3, "exponent"),
    ("formula = 'y=x'\n[values]\nx = nan", 3, "nan"),
    ("formula = 'y=x'\n[values]\nx = 2001-01-01", 3, "number"),
    ("formula = 'y=x'\nx = [1", 2, "TOML"),
    ('title = "a"\nformula = """\ny = x\nz = foo(x)\n"""', 4, "foo"),
    ("values = 3\nformula = 'y=x'", 1, "table"),
    ("formula = 3", 1, "not text"),
])
def test_a_mistake_in_a_specification_is_shown_on_its_line(text, line, words):
    with pytest.raises(ChainruleError) as caught:
        cr.read_specification(text, "my.toml")
    report = caught.value.report()
    assert f"my.toml, line {line}" in report
    assert words in report


def test_an_error_when_worked_points_into_the_file():
    s = cr.read_specification("# top\nformula = 'y = ln(x)'\n[values]\nx = -1", "my.toml")
    with pytest.raises(ChainruleError, match="line 2"):
        cr.trace(s)


@pytest.mark.parametrize("text", [
    "formula = 'y=x'\n[values]\nx = " + "[" * 50_000,
    "formula = 'y=x'\n[values]\nx = " + "1" * 100_000,
    "formula = 'y=x'\n[values]\nx = " + "1" * 3_000,
    "formula = 'y=x'\n[values]\nx = " + "[" * 20 + "1" + "]" * 20,
    ".".join("a" * 100_000) + " = 1",
    "formula = '" + "x" * 2_000_000 + "'",
])
def test_a_hostile_specification_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(LimitError):
        cr.read_specification(text)
    assert time.process_time() - start < 1
