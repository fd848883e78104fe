"""The vectorised elementary functions: how exact they are, and what they do at the edges."""

from __future__ import annotations

import ctypes
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")
from llvmlite import binding, ir

from chainrule.errors import ArityError, KindError, UnknownNameError
from chainrule.evaluate.arithmetic import HighPrecision
from chainrule.evaluate.arrays import NumpyArithmetic
from chainrule.lang.functions import FUNCTIONS
from chainrule.native import elementary
from chainrule.native.elementary import LIBM, NAMES, Elementary, bind_libm

WIDTHS = ("float32", "float64")
LANES = (1, 4, 8, 16)
REAL = sorted(n for n, f in FUNCTIONS.items() if not f.boolean and f.arity)
BY_LANE = ("asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh")
VECTOR = ("exp", "expm1", "ln", "log1p", "log2", "log10", "sigmoid", "softplus", "tanh", "erf",
          "sin", "cos", "tan", "sqrt")
# the promise: units in the last place in float, relative in double
ULPS, RELATIVE = 4.0, 2e-15
ANY_CPU = ("x86-64", "")  # no FMA, no AVX
Compiled = Callable[..., np.ndarray]


def kernel(module: ir.Module, name: str, one: ir.Type, lanes: int) -> None:
    """A function that reads vectors from two arrays and writes the results to a third."""
    kind = ir.VectorType(one, lanes) if lanes > 1 else one
    pointer, count = ir.PointerType(), ir.IntType(64)
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [pointer] * 3 + [count]), f"run_{name}")
    before, loop, after = (function.append_basic_block(n) for n in ("before", "loop", "after"))
    builder = ir.IRBuilder(before)
    builder.branch(loop)
    builder.position_at_end(loop)
    at = builder.phi(count)
    at.add_incoming(count(0), before)
    args = [
        builder.load(builder.gep(p, [at], source_etype=one), typ=kind, align=4)
        for p in function.args[: FUNCTIONS[name].arity]
    ]
    value = Elementary(module).call(builder, name, args)
    builder.store(value, builder.gep(function.args[2], [at], source_etype=one), align=4)
    following = builder.add(at, count(lanes))
    at.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, function.args[3]), loop, after)
    builder.position_at_end(after)
    builder.ret_void()


@functools.cache
def built(width: str, lanes: int, names: tuple[str, ...], cpu: tuple[str, str] | None = None,
          ) -> tuple[Any, str]:
    """An engine with `run_exp` and so on in it, and the assembly text."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    bind_libm()
    module = ir.Module("test")
    for name in names:
        kernel(module, name, ir.FloatType() if width == "float32" else ir.DoubleType(), lanes)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    chip, features = cpu or (binding.get_host_cpu_name(),
                             binding.get_host_cpu_features().flatten())
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=chip, features=features, opt=3, codemodel="jitdefault")
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_unrolling = False
    binding.create_pass_builder(machine, options).getModulePassManager().run(
        parsed, binding.create_pass_builder(machine, options))
    text = machine.emit_assembly(parsed)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine, text


def compiled(name: str, width: str, lanes: int, names: tuple[str, ...] = tuple(REAL),
             cpu: tuple[str, str] | None = None) -> Compiled:
    """The compiled function on arrays."""
    engine, _ = built(width, lanes, names, cpu)
    pointer = ctypes.c_void_p
    call = ctypes.CFUNCTYPE(None, pointer, pointer, pointer, ctypes.c_int64)(
        engine.get_function_address(f"run_{name}"))

    def run(*args: np.ndarray) -> np.ndarray:
        count = -(-len(args[0]) // lanes) * lanes
        padded = [np.concatenate([a, np.ones(count - len(a))]).astype(width) for a in args]
        out = np.empty(count, width)
        call(padded[0].ctypes.data, padded[-1].ctypes.data, out.ctypes.data, count)
        return out[: len(args[0])]

    return run


def numbers(width: str, count: int, seed: int = 0) -> np.ndarray:
    """Finite numbers of all sizes and both signs, more of them where functions bend."""
    rng = np.random.default_rng(seed)
    info = np.finfo(width)
    low, high = math.log10(float(info.smallest_subnormal)), math.log10(float(info.max))
    sizes = np.concatenate([10 ** rng.uniform(low + 0.01, high, count),
                            10 ** rng.uniform(-9, 3, count)])
    plain = [rng.uniform(-b, b, count) for b in (3, 20, 110, 760)]
    return np.concatenate([sizes, -sizes, *plain, rng.uniform(0.4, 2, count)]).astype(width)


def allowed(name: str, x: np.ndarray) -> np.ndarray:
    """The numbers out of x at which the function is defined."""
    if name in ("ln", "log2", "log10", "sqrt"):
        return x[x > 0]
    if name == "acosh":
        return x[x >= 1]
    if name in ("asin", "acos", "atanh"):
        return x[np.abs(x) < 1]
    return x[x > -1] if name == "log1p" else x


def ulps(got: np.ndarray, true: np.ndarray, width: str) -> np.ndarray:
    """The error in units in the last place of the true values, which are float64."""
    info = np.finfo(width)
    exponent = np.maximum(np.frexp(true)[1] - 1, info.minexp)
    return np.abs(got.astype("float64") - true) / np.ldexp(1.0, exponent - info.nmant)


TRUE: dict[str, Any] = {
    "erf": np.vectorize(math.erf, otypes=["float64"]),
    "softplus": lambda x: np.logaddexp(0, x),
}


def truth(name: str, *args: np.ndarray) -> np.ndarray:
    """Float64's answers for float32's arguments."""
    with np.errstate(all="ignore"):
        wide = [a.astype("float64") for a in args]
        if name in TRUE:
            return np.asarray(TRUE[name](*wide))
        return np.asarray(FUNCTIONS[name].value(NumpyArithmetic(), *wide))


def worst_single(name: str, *args: np.ndarray, run: Compiled) -> float:
    """The largest error in ulp in float; both must agree on what overflows."""
    got, true = run(*args), truth(name, *args)
    finite = np.abs(true) < float(np.finfo("float32").max)
    assert np.isfinite(got[finite]).all()
    assert np.isinf(got[~finite & (np.abs(true) > 3.41e38)]).all()
    return float(ulps(got[finite], true[finite], "float32").max())


def exact(name: str, *args: float) -> Any:
    """The true value in 40 digits."""
    m = HighPrecision(40)
    if len(args) == 1 and abs(args[0]) > 2000:  # beyond the reach of 40 digits, or of a double
        edge = {"sigmoid": 0.5 + math.copysign(0.5, args[0]), "softplus": max(args[0], 0.0),
                "tanh": math.copysign(1.0, args[0]), "erf": math.copysign(1.0, args[0]),
                "exp": 0.0 if args[0] < 0 else math.inf,
                "expm1": -1.0 if args[0] < 0 else math.inf}
        if name in edge:
            return m.number(edge[name])
    if name in ("sin", "cos", "tan"):
        m = HighPrecision(400)  # the reduction of 1e300 by pi needs them
        x = m.number(args[0])
        return getattr(m.context, name)(x)
    return FUNCTIONS[name].value(m, *(m.number(a) for a in args))


def worst_double(name: str, *args: np.ndarray, run: Compiled) -> float:
    """The largest relative error in double; below the normal numbers half the smallest step."""
    worst, info = 0.0, np.finfo("float64")
    for *point, got in zip(*(a.tolist() for a in args), run(*args).tolist(), strict=True):
        true = exact(name, *point)
        if abs(true) > float(info.max):
            assert math.isinf(got), (name, point)
        elif abs(true) < float(info.tiny):
            assert abs(got - true) <= 2 * float(info.smallest_subnormal), (name, point)
        else:
            worst = max(worst, float(abs((got - true) / true)))
    return worst


def powers(width: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases of all sizes, and exponents that take them anywhere between 0 and infinity."""
    rng = np.random.default_rng(3)
    largest = 37 if width == "float32" else 300
    x = np.concatenate([10 ** rng.uniform(-largest, largest, count), rng.uniform(0.5, 2, count),
                        1 + rng.uniform(-1e-3, 1e-3, count)]).astype(width)
    with np.errstate(all="ignore"):
        to = rng.uniform(-1, 1, 3 * count) * (87 if width == "float32" else 708)
        p = (to / np.log(x.astype("float64"))).astype(width)
    good = np.isfinite(p)
    return x[good], p[good]


@functools.cache
def measured() -> dict[str, tuple[float, float]]:
    """The worst errors that are found with this file's samples: ulp in float, 1e-16 in double."""
    found = {}
    for name in VECTOR:
        single = allowed(name, numbers("float32", 60_000 if name != "erf" else 20_000))
        double = allowed(name, numbers("float64", 70))
        found[name] = (worst_single(name, single, run=compiled(name, "float32", 16)),
                       worst_double(name, double, run=compiled(name, "float64", 8)))
    found["pow"] = (
        worst_single("pow", *powers("float32", 60_000), run=compiled("pow", "float32", 16)),
        worst_double("pow", *powers("float64", 300), run=compiled("pow", "float64", 8)))
    return found


def test_every_real_function_of_the_table_has_machine_code() -> None:
    assert frozenset(REAL) | {"pi"} == NAMES


@pytest.mark.parametrize("name", [*VECTOR, "pow"])
def test_errors_stay_within_4_ulp_in_float_and_2e_15_in_double(name: str) -> None:
    single, double = measured()[name]
    assert single <= ULPS
    assert double <= RELATIVE


@pytest.mark.parametrize("name", [*VECTOR, "pow"])
def test_the_documented_worst_errors_are_not_exceeded(name: str) -> None:
    if not binding.get_host_cpu_features().get("fma", True):
        pytest.skip("the documented errors are those of a processor with fused multiply-add")
    assert elementary.__doc__ is not None
    row = re.search(rf"^    {name} +([\d.]+) +([\d.]+)$", elementary.__doc__, re.MULTILINE)
    assert row is not None
    single, double = measured()[name]
    assert single <= float(row[1])
    assert double <= float(row[2]) * 1e-16


@pytest.mark.parametrize("name", BY_LANE)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_rarer_functions_are_the_c_librarys(name: str, width: str) -> None:
    args = [allowed(name, numbers(width, 300, seed)) for seed in range(FUNCTIONS[name].arity)]
    got = compiled(name, width, 8)(*args)
    if width == "float32":
        true = truth(name, *args)
        fine = np.abs(true) < float(np.finfo(width).max)
        assert ulps(got[fine], true[fine], width).max() <= 0.51
        assert np.isinf(got[~fine]).all()
    else:
        with np.errstate(all="ignore"):
            reference = FUNCTIONS[name].value(NumpyArithmetic(), *args)
        np.testing.assert_allclose(got, reference, rtol=RELATIVE, atol=1e-320)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REAL)
def test_every_length_of_vector_gives_the_same_bits(name: str, width: str) -> None:
    args = [numbers(width, 30, seed) for seed in range(FUNCTIONS[name].arity)]
    first = compiled(name, width, 8)(*args)
    for lanes in LANES:
        assert compiled(name, width, lanes)(*args).tobytes() == first.tobytes()


@pytest.mark.parametrize("lanes", [2, 3, 7, 64])
def test_vectors_of_any_length_are_compiled(lanes: int) -> None:
    for width in WIDTHS:
        x = numbers(width, 20)
        for name in ("tanh", "sin", "sinh"):
            got = compiled(name, width, lanes, ("tanh", "sin", "sinh"))(x)
            assert got.tobytes() == compiled(name, width, 8)(x).tobytes()


EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 0.3, -7.5, 1e-40, -1e-40, 1e30,
         -1e30, 100.0, -100.0, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REAL)
def test_edges_are_those_of_the_reference(name: str, width: str) -> None:
    function = FUNCTIONS[name]
    edges = np.array([*EDGES, *(v for point in function.edges for v in point)], width)
    args = [a.ravel() for a in np.meshgrid(*[edges] * function.arity)]
    with np.errstate(all="ignore"):
        expected = np.asarray(function.value(NumpyArithmetic(width), *args))
    for lanes in (1, 16):
        got = compiled(name, width, lanes)(*args)
        np.testing.assert_allclose(got, expected, rtol=6e-7 if width == "float32" else 4e-15,
                                   atol=3 * float(np.finfo(width).smallest_subnormal))


@pytest.mark.parametrize("width", WIDTHS)
def test_powers_have_the_reference_signs_of_zero_and_infinity(width: str) -> None:
    x, p = (a.ravel() for a in np.meshgrid(np.array(EDGES, width), np.array(EDGES, width)))
    with np.errstate(all="ignore"):
        expected = np.power(x, p)
    got = compiled("pow", width, 8)(x, p)
    fine = ~np.isnan(expected)
    assert (np.signbit(got[fine]) == np.signbit(expected[fine])).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_whole_powers_of_two_have_whole_logarithms_to_base_2(width: str) -> None:
    low = int(math.log2(float(np.finfo(width).smallest_subnormal)))
    exponents = np.arange(low, np.finfo(width).maxexp)
    got = compiled("log2", width, 8)(np.ldexp(1.0, exponents).astype(width))
    assert (got == exponents).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_activations_saturate_exactly_and_never_leave_their_interval(width: str) -> None:
    x = np.linspace(0, 60, 20_001).astype(width)
    for name in ("tanh", "erf", "sigmoid"):
        up, down = (compiled(name, width, 16)(s * x) for s in (1, -1))
        assert up.max() == 1.0
        assert up[-1] == 1.0
        assert down.min() >= (0.0 if name == "sigmoid" else -1.0)


@pytest.mark.parametrize("width", WIDTHS)
def test_results_below_the_normal_numbers_underflow_gradually(width: str) -> None:
    x = np.linspace(*((-103.2, -87.4) if width == "float32" else (-744.4, -708.5)), 500)
    x = x.astype(width)
    got = compiled("exp", width, 8)(x)
    step = float(np.finfo(width).smallest_subnormal)
    assert (got > 0).all()
    assert (np.diff(got) >= 0).all()
    m = HighPrecision(30)
    for point, value in zip(x.tolist(), got.tolist(), strict=True):
        assert abs(value - m.exp(m.number(point))) <= 0.76 * step * max(
            1, value / float(np.finfo(width).tiny))


@pytest.mark.parametrize("width", WIDTHS)
def test_sines_keep_their_accuracy_next_to_multiples_of_pi_and_far_out(width: str) -> None:
    m = HighPrecision(400)
    quarters = np.unique(np.geomspace(1, 2e4 if width == "float32" else 5e8, 300).astype("int64"))
    near = np.array([float(m.context.pi * int(n) / 2) for n in quarters]).astype(width)
    far = numbers(width, 40)[np.abs(numbers(width, 40)) > 1e4]
    x = np.concatenate([near, far])
    limit = ULPS * 2.0**-23 if width == "float32" else RELATIVE
    for name in ("sin", "cos", "tan"):
        for point, got in zip(x.tolist(), compiled(name, width, 4)(x).tolist(), strict=True):
            true = getattr(m.context, name)(m.number(point))
            assert abs((got - true) / true) <= limit, (name, point)


def test_a_lane_out_of_reach_leaves_the_others_right() -> None:
    x = np.array([0.1, 1e20, -2.0, math.inf, math.nan, 3.0, 4.0, -1e10])
    got = compiled("sin", "float64", 8)(x)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(got, np.sin(x), rtol=RELATIVE)


@pytest.mark.parametrize("width", WIDTHS)
def test_networks_functions_contain_no_calls(width: str) -> None:
    names = ("exp", "expm1", "ln", "log1p", "log2", "log10", "xlogy", "sqrt", "sigmoid",
             "softplus", "tanh", "erf", "relu", "max", "min", "abs", "sign", "heaviside")
    # AVX2 and FMA, whatever this machine has
    _, text = built(width, 8, names, ("haswell", ""))
    assert "vfmadd" in text
    assert not re.search(r"^\s+call", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["exp", "expm1", "ln", "log1p", "sigmoid", "softplus", "tanh",
                                  "erf", "sin", "tan", "pow"])
def test_a_processor_without_fused_multiply_add_is_as_exact(name: str) -> None:
    names = (*VECTOR, "pow")
    for width, worst, limit in (("float32", worst_single, ULPS),
                                ("float64", worst_double, RELATIVE)):
        run = compiled(name, width, 4, names, ANY_CPU)
        args = powers(width, 50) if name == "pow" else (allowed(name, numbers(width, 20)),)
        assert worst(name, *args, run=run) <= limit


def test_the_c_library_has_every_function_that_code_may_call() -> None:
    bind_libm()
    for symbol in LIBM:
        assert binding.address_of_symbol(symbol)


@pytest.mark.parametrize("kind", [ir.DoubleType(), ir.VectorType(ir.FloatType(), 8)])
def test_pi_is_a_constant_of_the_type(kind: ir.Type) -> None:
    value = Elementary(ir.Module("test")).constant(kind)
    assert value.type == kind
    assert "0x400921f" in str(value).lower()


def test_wrong_names_counts_and_types_are_refused() -> None:
    module = ir.Module("test")
    double, single = ir.DoubleType(), ir.FloatType()
    function = ir.Function(module, ir.FunctionType(double, [double, single]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    e, (x, y) = Elementary(module), function.args
    with pytest.raises(UnknownNameError, match="tanhh"):
        e.call(builder, "tanhh", [x])
    with pytest.raises(ArityError, match="pow takes 2 values, not 1"):
        e.call(builder, "pow", [x])
    with pytest.raises(KindError, match="double and float"):
        e.call(builder, "max", [x, y])
    with pytest.raises(KindError, match="i64"):
        e.call(builder, "exp", [ir.Constant(ir.IntType(64), 1)])
