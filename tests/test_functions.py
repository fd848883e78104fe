"""The function table, entry by entry: values, derivatives of two orders, kinks and domains.

Everything here is generated from `FUNCTIONS`: a new entry is tested by being there. Points are
drawn from the intervals that the entry gives, and its edges are added. Values and derivatives are
held against mpmath at 40 digits for every entry, and against SymPy where it has the same function.
"""

import itertools
import math
import zlib
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from chainrule.diff.forward import hvp, jvp
from chainrule.diff.reverse import gradient, hessian, vjp
from chainrule.errors import ChainruleError, DomainError, KindError
from chainrule.evaluate.arithmetic import FloatArithmetic, HighPrecision
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.domains import in_domain
from chainrule.evaluate.reference import run
from chainrule.lang.expr import ONE, ZERO, Apply, Range, Ref, Select
from chainrule.lang.functions import FUNCTIONS, NAMES, Function
from chainrule.lang.integers import index, size
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.ranges import program
from chainrule.lang.verify import verify

DRAWS = 10
EXACT = HighPrecision(40)
NAMED = sorted(FUNCTIONS)
REAL = [n for n in NAMED if not FUNCTIONS[n].boolean]
BOOLEAN = [n for n in NAMED if FUNCTIONS[n].boolean]
SMOOTH = [n for n in REAL if FUNCTIONS[n].arity and not FUNCTIONS[n].jumps]
KINKED = [n for n in NAMED if FUNCTIONS[n].kinks]
LIMITED = [n for n in NAMED if FUNCTIONS[n].domain is not None]

# What SymPy calls the same function. An entry that is not here is tested by differences alone.
TWINS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
    "exp": sp.exp, "ln": sp.log, "log2": lambda a: sp.log(a) / sp.log(2),
    "log10": lambda a: sp.log(a) / sp.log(10), "log1p": lambda a: sp.log(1 + a),
    "expm1": lambda a: sp.exp(a) - 1, "xlogy": lambda a, b: a * sp.log(b), "sqrt": sp.sqrt,
    "square": lambda a: a**2, "abs": sp.Abs, "sign": sp.sign,
    "heaviside": lambda a: sp.Heaviside(a, sp.Rational(1, 2)), "floor": sp.floor,
    "ceil": sp.ceiling, "max": sp.Max, "min": sp.Min, "relu": lambda a: sp.Max(a, 0),
    "sigmoid": lambda a: 1 / (1 + sp.exp(-a)), "softplus": lambda a: sp.log(1 + sp.exp(a)),
    "tanh": sp.tanh, "erf": sp.erf, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan,
    "asin": sp.asin, "acos": sp.acos, "atan": sp.atan, "atan2": sp.atan2, "sinh": sp.sinh,
    "cosh": sp.cosh, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh,
    "pi": lambda: sp.pi,
}  # fmt: skip


def points(entry: Function) -> list[tuple[float, ...]]:
    """Random points of an entry's intervals, binary fractions so that no reader rounds them."""
    draw = np.random.default_rng(zlib.crc32(entry.name.encode()))
    inner = [tuple(round(1024 * draw.uniform(*ends)) / 1024 for ends in entry.sample)
             for _ in range(DRAWS if entry.sample else 1)]  # fmt: skip
    return inner + list(entry.edges)


def on_kink(entry: Function, at: tuple[float, ...]) -> bool:
    return any(kink.where(*map(Fraction, at)) == 0 for kink in entry.kinks)


def smooth_points(entry: Function) -> list[tuple[float, ...]]:
    """The points with a neighbourhood in which the entry is defined and has no kink."""
    h = 2.0**-20
    steps = list(itertools.product((-h, 0.0, h), repeat=entry.arity))
    float_arithmetic = FloatArithmetic()
    return [at for at in points(entry) if not on_kink(entry, at) and all(
        in_domain(float_arithmetic, entry.name, [a + d for a, d in zip(at, step, strict=True)])
        for step in steps)]  # fmt: skip


def scalar(name: str) -> Program:
    """y = f(x0, x1)."""
    names = [f"x{k}" for k in range(FUNCTIONS[name].arity)]
    tensors = {n: Tensor(n, role="data") for n in names} | {"y": Tensor("y")}
    body = Apply(name, tuple(map(Ref, names)))
    return verify(Program(tensors, tuple(names), (Equation("y", (), (), body),), ("y",)))


def vector(name: str) -> Program:
    """y[n] = f(x0[n], x1[n]), so that all points are one run."""
    names = [f"x{k}" for k in range(FUNCTIONS[name].arity)]
    shape = (size("N"),)
    tensors = {n: Tensor(n, shape, role="data") for n in names} | {"y": Tensor("y", shape)}
    here = (index("n"),)
    body = Apply(name, tuple(Ref(n, here) for n in names))
    if FUNCTIONS[name].boolean:
        body = Select(body, ONE, ZERO)
    loop = (Range("n", size("N")),)
    return verify(Program(tensors, tuple(names), (Equation("y", here, loop, body),), ("y",)))


def columns(at: list[tuple[float, ...]]) -> dict[str, np.ndarray]:
    return {f"x{k}": np.array(column) for k, column in enumerate(zip(*at, strict=True))}


def value(entry: Function, *at: object) -> object:
    """The entry's value in mpmath's numbers."""
    return entry.value(EXACT, *(EXACT.number(a) for a in at))


def difference(entry: Function, at: tuple[float, ...], orders: tuple[int, ...]) -> float:
    """A partial derivative by differences in high precision, of the order given an argument."""
    context = EXACT.context
    place = tuple(EXACT.number(Fraction(a)) for a in at)
    found = context.diff(lambda *x: entry.value(EXACT, *x), place, orders)
    return float(context.re(found))


def twin(name: str, orders: tuple[int, ...], at: tuple[float, ...]) -> float | None:
    """The same derivative from SymPy, or None if it does not know the function."""
    if name not in TWINS:
        return None
    symbols = [sp.Symbol(f"x{k}", real=True) for k in range(len(orders))]
    formula = TWINS[name](*symbols)
    for symbol, order in zip(symbols, orders, strict=True):
        formula = sp.diff(formula, symbol, order) if order else formula
    exact = {s: sp.Rational(Fraction(a)) for s, a in zip(symbols, at, strict=True)}
    return float(sp.N(formula.subs(exact).doit(), 25)) if symbols else float(formula)


def close(found: object, expected: float, tolerance: float = 1e-11) -> None:
    assert float(found) == pytest.approx(expected, rel=tolerance, abs=tolerance)


# --- what an entry says ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMED)
def test_an_entry_is_complete(name):
    entry = FUNCTIONS[name]
    assert entry.why and entry.why[0] != " " and not entry.why.endswith(".")
    assert entry.notation
    assert NAMES[name] == name and all(NAMES[alias] == name for alias in entry.aliases)
    assert len(entry.partials) == (0 if entry.boolean else entry.arity)
    assert (entry.domain is None) == (entry.needs == "")
    assert all(len(edge) == entry.arity for edge in entry.edges)
    if entry.arity and name not in ("and", "or", "not"):
        assert len(entry.sample) == entry.arity
        assert all(low < high for low, high in entry.sample)
    for kink in entry.kinks:
        assert 0 <= kink.argument < entry.arity
        assert kink.low <= kink.chose <= kink.high


def test_no_spelling_belongs_to_two_entries():
    spellings = [s for e in FUNCTIONS.values() for s in (e.name, *e.aliases)]
    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize("name", [n for n in REAL if FUNCTIONS[n].notation[0] == "call"])
def test_every_spelling_can_be_typed(name):
    entry = FUNCTIONS[name]
    args = ", ".join(f"x{k}" for k in range(entry.arity))
    for spelling in (entry.name, *entry.aliases):
        body = program(f"y = {spelling}({args})").equations[0].body
        assert isinstance(body, Apply) and body.function == name


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_values_in_numpy_and_in_cells_are_those_of_mpmath(name):
    entry = FUNCTIONS[name]
    at = points(entry)
    expected = [float(value(entry, *(Fraction(a) for a in place))) for place in at]
    if not entry.arity:
        close(run(scalar(name), {})["y"], expected[0], 1e-15)
        return
    np.testing.assert_allclose(run(vector(name), columns(at))["y"], expected, 4e-15, 4e-15)
    single = run(vector(name), columns(at), dtype="float32")["y"]
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, 2e-5, 2e-6)
    cells = evaluate_cells(vector(name), columns(at))["y"].cells
    np.testing.assert_allclose([float(c) for c in cells], expected, 1e-15, 1e-300)
    for place, y in zip(at, expected, strict=True):  # a scalar goes through floats
        close(run(scalar(name), dict(zip(columns(at), place, strict=True)))["y"], y, 4e-15)


@pytest.mark.parametrize("name", [n for n in REAL if n in TWINS])
def test_values_are_those_of_sympy(name):
    entry = FUNCTIONS[name]
    for at in points(entry):
        if name == "xlogy" and at[0] == 0:
            continue
        close(value(entry, *(Fraction(a) for a in at)), twin(name, (0,) * entry.arity, at))


# --- derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
def test_first_derivatives_both_ways(name):
    entry, p = FUNCTIONS[name], vector(name)
    at = smooth_points(entry)
    assert len(at) >= DRAWS
    given = columns(at)
    ones = np.ones(len(at))
    backward = vjp(p)
    adjoints = run(backward.program, given | {backward.seeds["y"]: ones})
    for k, x in enumerate(p.inputs):
        orders = tuple(int(j == k) for j in range(entry.arity))
        expected = [difference(entry, place, orders) for place in at]
        forward = jvp(p, wrt=[x])
        tangents = run(forward.program, given | {forward.seeds[x]: ones})
        np.testing.assert_allclose(tangents[forward.names["y"]], expected, 1e-12, 1e-12)
        np.testing.assert_allclose(adjoints[backward.names[x]], expected, 1e-12, 1e-12)
        for place, found in zip(at, expected, strict=True):
            if name in TWINS:
                close(found, twin(name, orders, place))


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives(name):
    entry, p = FUNCTIONS[name], vector(name)
    at = smooth_points(entry)
    given = columns(at)
    ones = np.ones(len(at))
    for j, k in itertools.product(range(entry.arity), repeat=2):
        orders = tuple(int(i == j) + int(i == k) for i in range(entry.arity))
        expected = [difference(entry, place, orders) for place in at]
        first = vjp(p, wrt=[f"x{j}"])
        second = jvp(first.program, [first.names[f"x{j}"]], [f"x{k}"])
        seeds = {first.seeds["y"]: ones, second.seeds[f"x{k}"]: ones}
        found = run(second.program, given | seeds)[second.names[first.names[f"x{j}"]]]
        np.testing.assert_allclose(found, expected, 1e-9, 1e-9)
        if name in TWINS:
            close(expected[0], twin(name, orders, at[0]), 1e-9)


@pytest.mark.parametrize("name", SMOOTH)
def test_hessians_and_their_products_agree_with_each_other(name):
    entry, p = FUNCTIONS[name], scalar(name)
    at = smooth_points(entry)[0]
    given = dict(zip(p.inputs, at, strict=True))
    products = hvp(p)
    directions = [0.3, -1.7][: entry.arity]
    seeds = {products.seeds[x]: v for x, v in zip(p.inputs, directions, strict=True)}
    found = run(products.program, given | seeds)
    for k, x in enumerate(p.inputs):
        row = []
        for j in range(entry.arity):
            orders = tuple(int(i == j) + int(i == k) for i in range(entry.arity))
            row.append(difference(entry, at, orders))
        close(found[products.names[x]], float(np.dot(row, directions)), 1e-9)
        square = hessian(p, "y", x)
        close(run(square.program, given)[square.names[x]], row[k], 1e-9)


@pytest.mark.parametrize("name", [n for n in REAL if FUNCTIONS[n].jumps])
def test_a_step_has_derivative_zero_everywhere(name):
    p = scalar(name)
    d = gradient(p)
    for at in points(FUNCTIONS[name]):
        found = run(d.program, dict(zip(p.inputs, at, strict=True)))
        assert [float(found[d.names[x]]) for x in p.inputs] == [0.0] * len(p.inputs)


# --- kinks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "which"), [(n, k) for n in KINKED for k in range(len(FUNCTIONS[n].kinks))]
)
def test_at_a_kink_the_choice_is_taken_and_lies_between_the_one_sided_derivatives(name, which):
    entry, p = FUNCTIONS[name], scalar(name)
    kink = entry.kinks[which]
    places = [e for e in entry.edges if kink.where(*map(Fraction, e)) == 0]
    assert places, "an entry with a kink gives a point on it among its edges"
    for at in places:
        given = dict(zip(p.inputs, at, strict=True))
        x = p.inputs[kink.argument]
        d, f = gradient(p, wrt=[x]), jvp(p, wrt=[x])
        assert run(d.program, given)[d.names[x]] == kink.chose
        assert run(f.program, given | {f.seeds[x]: 1})[f.names["y"]] == kink.chose
        h = Fraction(1, 10**12)
        sides = []
        for step in (-h, h):
            moved = [Fraction(a) + step * (k == kink.argument) for k, a in enumerate(at)]
            rise = value(entry, *moved) - value(entry, *map(Fraction, at))
            sides.append(float(rise / EXACT.number(step)))
        assert sorted(sides) == pytest.approx([float(kink.low), float(kink.high)], abs=1e-9)


# --- domains --------------------------------------------------------------------------------------

GRID = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)


@pytest.mark.parametrize("name", LIMITED)
def test_outside_its_domain_a_function_is_an_error_that_names_it(name):
    entry, p = FUNCTIONS[name], scalar(name)
    outside = 0
    for at in itertools.product(GRID, repeat=entry.arity):
        given = dict(zip(p.inputs, at, strict=True))
        if in_domain(FloatArithmetic(), name, list(at)):
            assert math.isfinite(run(p, given)["y"])
            continue
        outside += 1
        for evaluator in (run, evaluate_cells):
            with pytest.raises(DomainError) as caught:
                evaluator(p, given)
            assert "0" in caught.value.message if name == "div" else (
                entry.needs in caught.value.message)  # fmt: skip
        unchecked = run(p, given, check=False)["y"]
        assert not math.isfinite(unchecked) or (0.0 in at)
    assert outside


@pytest.mark.parametrize("name", LIMITED)
def test_one_bad_cell_of_many_is_found(name):
    entry = FUNCTIONS[name]
    bad = next(at for at in itertools.product(GRID, repeat=entry.arity)
               if not in_domain(FloatArithmetic(), name, list(at)))  # fmt: skip
    good = points(entry)[:3]
    with pytest.raises(DomainError):
        run(vector(name), columns([*good, bad]))


@pytest.mark.parametrize("formula", ["sqrt(x)", "asin(1 - x)", "acosh(1 + x)", "x^0.5"])
def test_a_derivative_that_is_infinite_is_an_error(formula):
    d = gradient(program(f"y = {formula}"))
    with pytest.raises(DomainError):
        run(d.program, {"x": 0})
    with pytest.raises(DomainError):
        evaluate_cells(d.program, {"x": 0})


# --- conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in BOOLEAN if FUNCTIONS[n].sample])
def test_a_comparison_selects_alike_in_every_arithmetic(name):
    entry = FUNCTIONS[name]
    at = points(entry)
    expected = [float(bool(value(entry, *(Fraction(a) for a in place)))) for place in at]
    found = run(vector(name), columns(at))["y"]
    cells = [float(c) for c in evaluate_cells(vector(name), columns(at))["y"].cells]
    assert found.tolist() == cells == expected


@pytest.mark.parametrize("name", BOOLEAN)
def test_a_condition_is_not_a_number(name):
    with pytest.raises(KindError):
        scalar(name)


@pytest.mark.parametrize("name", [n for n in REAL if FUNCTIONS[n].arity])
def test_a_number_is_not_a_condition(name):
    entry = FUNCTIONS[name]
    args = tuple(Ref(f"x{k}") for k in range(entry.arity))
    tensors = {f"x{k}": Tensor(f"x{k}", role="data") for k in range(entry.arity)}
    body = Select(Apply(name, args), ONE, ZERO)
    equations = (Equation("y", (), (), body),)
    p = Program(tensors | {"y": Tensor("y")}, tuple(tensors), equations, ("y",))
    with pytest.raises(KindError):
        verify(p)


@pytest.mark.parametrize("name", NAMED)
def test_the_wrong_number_of_arguments_is_refused(name):
    arity = FUNCTIONS[name].arity
    many = [] if name in ("max", "min") else [arity + 1]  # these two take any number from 2
    for count in [arity - 1, *many]:
        if count >= 0:
            args = ", ".join(["x"] * count)
            with pytest.raises(ChainruleError):
                program(f"y = {name}({args})")


def test_a_maximum_of_three_is_one_of_two_maxima():
    d = gradient(program("y = max(a, b, c) + min(a, b, c)"))
    found = run(d.program, {"a": 1, "b": 3, "c": 2})
    assert found["y"] == 4
    assert [found[d.names[n]] for n in "abc"] == [1, 1, 0]


# --- values that no rule of thumb gives -----------------------------------------------------------


def test_xlogy_is_zero_at_zero():
    p = program("y = xlogy(a, b)")
    assert run(p, {"a": 0, "b": 0})["y"] == 0
    assert evaluate_cells(p, {"a": 0, "b": 0})["y"].cells == [0]


def test_heaviside_is_a_half_at_zero_and_x_times_it_is_relu():
    p = program("y = H(x)\nr = x*H(x) - relu(x)\noutput y, r")
    assert [float(run(p, {"x": x})["y"]) for x in (-1, 0, 1)] == [0, 0.5, 1]
    assert [float(run(p, {"x": x})["r"]) for x in (-1, 0, 1)] == [0, 0, 0]


def test_the_power_rule_holds_for_a_negative_base_and_a_whole_exponent():
    d = gradient(program("y = x^p"), wrt=["x"])
    assert run(d.program, {"x": -2, "p": 3})[d.names["x"]] == 12
    assert run(d.program, {"x": 0, "p": 1})[d.names["x"]] == 1


def test_sigmoid_and_softplus_survive_large_arguments():
    d = gradient(program("y = sigmoid(x) + softplus(x)"))
    for x, slope in ((-800, 0), (800, 1)):
        found = run(d.program, {"x": x})
        assert found["y"] == (801 if x > 0 else 0) and found[d.names["x"]] == slope
