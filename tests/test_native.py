"""Machine code computes what the reference computes: every formula, its derivatives, odd sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from formula_cases import Case, all_cases, program, shape, values
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.lang.ranges import program as parsed
from chainrule.native.runtime import Compiled

CASES = all_cases()


def with_gradients(p: Program, v: dict[str, np.ndarray]) -> tuple[Program, dict[str, np.ndarray]]:
    """The program with the adjoints of all its inputs, for random adjoints of its outputs."""
    of = [o for o in p.outputs if p.tensors[o].kind == "real"]
    d = vjp(p, of)
    rng = np.random.default_rng(1)
    seeds = {s: rng.uniform(-1, 1, shape(d.program.tensors[s])) for s in d.seeds.values()}
    return replace(d.program, updates=()), {**v, **seeds}


def agree(p: Program, v: dict[str, np.ndarray], dtype: str = "float64",
          sizes: dict[str, int] | None = None) -> None:
    """Machine code against the reference, every output."""
    wanted = run(p, v, keep="outputs", dtype=dtype)
    found = Compiled(p, sizes or {}, dtype)(v)
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for name, b in wanted.items():
        scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0)))
        np.testing.assert_allclose(found[name], b, tolerance, tolerance * scale, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_formula_and_its_gradient_agree_with_the_reference(case: Case) -> None:
    p = stabilise(program(case))
    agree(*with_gradients(p, values(case)))


@pytest.mark.parametrize("case", CASES[::5], ids=str)
def test_formulas_agree_in_single_precision(case: Case) -> None:
    agree(*with_gradients(stabilise(program(case)), values(case)), dtype="float32")


@pytest.mark.parametrize("case", CASES[2::9], ids=str)
def test_second_derivatives_agree_with_the_reference(case: Case) -> None:
    p, v = with_gradients(stabilise(program(case)), values(case))
    agree(*with_gradients(p, v))


TEXTS = (
    "input x[N,M], W[U,M], b[U]; z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]",
    "input x[N,M]; p[n,u] = exp(x[n,u])/sum(k) exp(x[n,k])",
    "input x[N,M], w[3,3]; y[i,j] = sum(a, b) w[a,b]*x[i+a-1, j+b-1; pad 1 with 0] "
    "with i < N, j < M",
    "input x[N,M]; y[i,j] = max(a<2, b<2) x[2*i+a, 2*j+b] with i < N//2, j < M//2",
    "input x[N,M]; y[i] = sum(j <= i) x[i,j]",
    "input x[N,M]; f[i*M + j] = x[i,j]; g[i] = f[N*M - 1 - i]",
    "input x[N,M]; m = max(i, j) x[i,j]; s = sum(i, j) exp(x[i,j] - m)",
    "input x[N,M], u[M]; y[i] = (sum(j) x[i,j]*u[j])^3 - tanh(sum(j) x[i,j]^2)",
    "input x[N,M]; y[i] = sum(k) (max(j) x[i,j])*x[i,k]",
    "input x[N,M], u[M]; y[i] = sum(j) (1 if (sum(k) x[i,k]) > u[j] else 0)",
    "input x[N]; y[i] = sum(k) ((max(j < i) x[j])*x[k] if i > 0 else x[k]) with i < N",
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", TEXTS)
@given(n=st.integers(2, 40), m=st.integers(2, 40), u=st.integers(1, 20))
@settings(max_examples=6, deadline=None)
def test_odd_sizes_agree_with_the_reference(text: str, dtype: str, n: int, m: int, u: int) -> None:
    p = parsed(text)
    every = {"N": n, "M": m, "U": u}
    sizes = {name: every[name] for name in p.size_names()}
    rng = np.random.default_rng(n * 41 + m)
    d = vjp(p)
    v = {name: rng.uniform(-1, 1, tuple(
        a.evaluate(lambda atom: sizes[atom.name]) for a in d.program.tensors[name].shape))
        for name in d.program.inputs}
    agree(d.program, v, dtype, sizes)


def test_a_label_out_of_range_is_refused_with_its_place() -> None:
    p = parsed("input x[N,K]; label y[N] < K; l[n] = x[n, y[n]]")
    v = {"x": np.ones((3, 4)), "y": np.array([0, 4, 1])}
    with pytest.raises(ChainruleError, match="y"):
        Compiled(p, {"N": 3, "K": 4})(v)


def test_a_computed_subscript_outside_its_tensor_is_refused() -> None:
    p = parsed("input x[N]; label k[N]; y[i] = x[k[i] + 1]")
    good = {"x": np.arange(4.0), "k": np.array([0, 1, 2, 0])}
    code = Compiled(p, {"N": 4})
    np.testing.assert_array_equal(code(good)["y"], [1, 2, 3, 1])
    with pytest.raises(ChainruleError, match="outside"):
        code({**good, "k": np.array([0, 1, 3, 0])})
