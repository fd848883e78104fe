"""Emitted files are run as they stand, and agree with the reference in values and derivatives.

Each test writes many files, runs them in one process of their own that has the target's library and
nothing of ours, and compares every output and derivative to 1e-10; the files' own examples, which
compare derivatives with differences, run too. PyTorch and JAX are looked for here, or in the Python
that CHAINRULE_TORCH names; `CHAINRULE_EMIT=all` gives them the whole library.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import formula_cases as cases
import numpy as np
import pytest
import random_networks
from emit_jobs import Job, derivative, disagreements

from chainrule import nn
from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.formulas.calls import read
from chainrule.formulas.optimisers import OPTIMISERS
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.nn import zoo
from chainrule.train.step import training_step

TARGETS = ("numpy", "pytorch", "jax")
ALL = os.environ.get("CHAINRULE_EMIT") == "all"
Values = dict[str, Any]


def few(jobs: list[Job], target: str, every: int) -> list[Job]:
    """All jobs for NumPy and PyTorch; for JAX, which compiles each line, every so manieth."""
    return jobs if target != "jax" or ALL else jobs[::every]


def library() -> list[Job]:
    """Every formula at a random point."""
    return [Job(str(case), cases.program(case), cases.values(case)) for case in cases.all_cases()]


def at_kinks() -> list[Job]:
    """Every formula at whole numbers: at zeros and ties, where one derivative has to be chosen."""
    jobs = []
    for case in cases.all_cases():
        p, values = cases.program(case), cases.values(case, seed=1)
        drawn = [n for n in values if p.tensors[n].kind == "real"
                 and not case.entry.draws.get(n, "")]
        jobs.append(Job(str(case), p, {**values, **{n: np.round(values[n]) for n in drawn}},
                        main=False))
    return jobs


def random_formulas(seeds: range) -> Iterator[Job]:
    """Random formulas, at points inside their domains."""
    for seed in seeds:
        p = program(random_networks.formula_text(seed))
        values = {**random_networks.values(p, seed), **random_networks.sizes_of(p, seed)}
        try:
            run(derivative(p)[0].program, {**values, **_ones(p, values)})
        except ChainruleError:
            continue
        yield Job(f"formula {seed}", p, values)


def _ones(p: Program, values: Values) -> Values:
    d, of = derivative(p)
    found = run(stabilise(p), values)
    return {d.seeds[n]: np.ones_like(found[n]) for n in of if n in d.seeds}


def with_gradients(p: Program, values: Values) -> tuple[Program, Values]:
    """The program with the adjoints of all its inputs as further outputs."""
    d = vjp(p, [o for o in p.outputs if p.tensors[o].kind == "real"])
    rng = np.random.default_rng(1)
    seeds = {s: rng.uniform(-1, 1, cases.shape(d.program.tensors[s])) for s in d.seeds.values()}
    return replace(d.program, updates=()), {**values, **seeds}


# --- agreement ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_every_formula_and_its_gradient_agree_with_the_reference(
    target: str, tmp_path: Path
) -> None:
    assert disagreements(few(library(), target, 20), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_derivatives_at_kinks_and_ties_agree_with_the_reference(
    target: str, tmp_path: Path
) -> None:
    assert disagreements(few(at_kinks(), target, 20), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_random_formulas_agree_with_the_reference(target: str, tmp_path: Path) -> None:
    jobs = list(random_formulas(range(100)))
    assert len(jobs) > 80  # the others leave a domain
    assert disagreements(few(jobs, target, 12), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_random_networks_agree_with_the_reference(target: str, tmp_path: Path) -> None:
    jobs = []
    for seed in range(40):
        p = read(random_networks.network_text(seed))
        values = {**random_networks.values(p, seed), **random_networks.sizes_of(p, seed)}
        jobs.append(Job(f"network {seed}", p, values))
    assert disagreements(few(jobs, target, 12), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_second_derivatives_agree_with_the_reference(target: str, tmp_path: Path) -> None:
    jobs = [Job(str(case), *with_gradients(stabilise(cases.program(case)), cases.values(case)))
            for case in cases.all_cases()[2::9]]
    assert disagreements(few(jobs, target, 12), target, tmp_path) == []


def test_jax_can_compile_both_functions(tmp_path: Path) -> None:
    jobs = [replace(job, jit=True, main=False) for job in few(library(), "jax", 20)]
    p = program("label y[N] < K; input x[N]; h[y[n]] += x[n]; s = sum(k<K) h[k]^2")
    jobs.append(Job("sizes are static", p, {"y": [0, 2, 0], "x": [1.0, 2.0, 4.0], "K": 4},
                    jit=True))
    assert disagreements(jobs, "jax", tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_optimisers_steps_agree_with_the_reference(target: str, tmp_path: Path) -> None:
    body = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3, bias=False))
    network = nn.Network(body, 5, loss="CrossEntropyLoss", training=True)
    rng = np.random.default_rng(0)
    jobs = []
    for name, entry in OPTIMISERS.items():
        p = training_step(network, entry, right=False).program
        values = {}
        for n in p.inputs:
            shape = tuple(axis.evaluate(lambda _: 6) for axis in p.tensors[n].shape)
            values[n] = rng.uniform(0.1, 0.4, shape)
            if p.tensors[n].kind == "integer":
                values[n] = rng.integers(0, 3, shape)
        jobs.append(Job(name, p, values, forward_only=True))
    assert disagreements(few(jobs, target, 3), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["toy", "toy-prelu", "digits-mlp", "two-branches", "lenet5"])
def test_networks_of_the_zoo_agree_with_the_reference(
    name: str, target: str, tmp_path: Path
) -> None:
    network = zoo.load(name)
    rng = np.random.default_rng(0)
    values = dict(network.initial(0))
    for n in network.program.inputs:
        tensor = network.program.tensors[n]
        shape = tuple(axis.evaluate(lambda _: 2) for axis in tensor.shape)
        if n not in values:
            values[n] = (rng.integers(0, 10, shape) if tensor.kind == "integer"
                         else rng.normal(size=shape))
    assert disagreements([Job(name, network.program, values)], target, tmp_path) == []


WINDOWS = (
    "input x[N,H], w[K]; y[n,i] = sum(k) w[k]*x[n, 2*i + 3*k - 1; pad 1 with 0] "
    "with i < (H + 2 - 3*(K - 1) - 1)//2 + 1",
    "input x[H]; y[i] = max(k<3) x[2*i + 2*k - 2; pad 2 with -inf] with i < (H - 1)//2 + 1",
    "input x[H], W[K,K]; y[i] = sum(k, l, k <= l) W[k,l]*x[i] if i > 1 else x[H - 1 - i]",
    "input x[I,J]; f[J*i + j] = x[i,j]; y[j] = f[I*j]*2 with j < J",
)


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_file_serves_all_sizes(target: str, tmp_path: Path) -> None:
    jobs = []
    for text in WINDOWS:
        p = program(text)
        for number in (2, 3, 5):
            every = {"N": 2, "H": 4 * number, "K": number, "I": number, "J": number + 1}
            sizes = {name: every[name] for name in p.size_names()}
            rng = np.random.default_rng(number)
            values = {n: rng.normal(size=tuple(
                axis.evaluate(lambda a, s=sizes: s[a.name]) for axis in p.tensors[n].shape))
                for n in p.inputs}
            jobs.append(Job(text, p, {**values, **sizes}))
    assert disagreements(few(jobs, target, 3), target, tmp_path) == []


@pytest.mark.parametrize("target", TARGETS)
def test_kinks_have_the_derivatives_that_the_language_gives_them(
    target: str, tmp_path: Path
) -> None:
    """The numbers themselves, as the reference's are what the other tests rely on."""
    p = program("input x[N]; r[n] = relu(x[n]); a[n] = abs(x[n]); m[n] = max(x[n], 0); "
                "h[n] = heaviside(x[n]); g = max(n) x[n]; L = 1000*g + sum(n) (r[n] + 10*a[n] + "
                "100*m[n] + 7*h[n]); output L")
    zero = {"x": np.zeros(3)}
    d, _ = derivative(p)
    wanted = run(d.program, zero)[d.names["x"]]
    np.testing.assert_array_equal(wanted, [1050, 50, 50])  # 0, 0, a half; the first winner
    assert disagreements([Job("kinks", p, zero, main=False)], target, tmp_path) == []


def test_a_file_with_a_wrong_line_is_found_out(tmp_path: Path) -> None:
    import emit_jobs

    p = program("input x[N,V], W[U,V]; z[n,u] = sum(v) W[u,v]*x[n,v]; L = sum(n,u) sin(z[n,u])")
    rng = np.random.default_rng(0)
    job = Job("wrong", p, {"x": rng.normal(size=(3, 2)), "W": rng.normal(size=(3, 2))})
    right = emit_jobs.emit
    for old, new, what in (
        ("z_bar.T @ x", "x.T @ z_bar", "the derivative by W"),
        ("z = x @ W.T", "z = x @ W.T * (1 + 1e-9)", "L is"),
        ("    return {", "    x *= 2\n    return {", "an argument was changed"),
        ("z_bar.T @ x", "z_bar.T @ x * np.nan", "the derivative by W"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(emit_jobs, "emit", lambda *a, o=old, n=new, **k: right(*a, **k).replace(
                o, n))
            found = disagreements([job], "numpy", tmp_path)
        assert [name for name, _ in found] == ["wrong"] and what in found[0][1], found
