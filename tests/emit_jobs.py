"""Emitted files with the numbers that they should compute, and what runs them."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import Derivative, gradient, real_inputs, real_outputs, vjp
from chainrule.emit import emit
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program

RUNNER = Path(__file__).with_name("emit_runner.py")
MODULES = {"numpy": "numpy", "pytorch": "torch", "jax": "jax"}


@dataclass(frozen=True)
class Job:
    """A program at a point; `main`: its own example is run too; `jit`: JAX compiles it first."""

    name: str
    program: Program
    values: Mapping[str, Any]
    main: bool = True
    jit: bool = False
    forward_only: bool = False


def derivative(p: Program) -> tuple[Derivative, list[str]]:
    """The derivative that an emitted file computes, and what of."""
    outputs = real_outputs(p)
    scalars = [n for n in outputs if not p.tensors[n].shape]
    of = scalars if len(scalars) == 1 else outputs
    wrt = real_inputs(p)
    wrt = [n for n in wrt if p.tensors[n].role == "parameter"] or wrt
    stable = stabilise(p)
    alone = len(of) == 1 and not p.tensors[of[0]].shape
    return (gradient(stable, of[0], wrt) if alone else vjp(stable, of, wrt)), of


def disagreements(jobs: Iterable[Job], target: str, folder: Path) -> list[tuple[str, str]]:
    """What the emitted files of some programs get wrong, all run in one process of their own."""
    python = interpreter(target)
    described: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for number, job in enumerate(jobs):
        described.append(_described(job, number, target, folder, arrays))
    assert described, "nothing to run"
    (folder / "jobs.json").write_text(json.dumps(described), encoding="utf-8")
    np.savez(folder / "arrays.npz", **arrays)
    done = subprocess.run([python, str(RUNNER), target, str(folder)], capture_output=True,
                          text=True, timeout=3600, check=False,
                          env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert done.returncode == 0, done.stderr
    return [(name, what) for name, what in json.loads(done.stdout)]


def _described(job: Job, number: int, target: str, folder: Path,
               arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Write a job's file; what it is given and what it should return."""
    p = job.program
    (folder / f"emitted_{number}.py").write_text(
        emit(p, target, forward_only=job.forward_only), encoding="utf-8")

    def kept(key: str, array: Any) -> str:
        arrays[f"{number}/{key}"] = np.asarray(array)
        return f"{number}/{key}"

    outputs = list(dict.fromkeys([*p.outputs, *(new for _, new in p.updates)]))
    wanted = run(stabilise(p, outputs), job.values)
    found: dict[str, Any] = {"name": job.name, "file": f"emitted_{number}.py", "main": job.main,
                             "jit": job.jit, "seeds": [], "gradients": {}}
    if not job.forward_only:
        d, of = derivative(p)
        rng = np.random.default_rng(number)
        seeds = {d.seeds[n]: rng.uniform(-1, 1, wanted[n].shape) for n in of if n in d.seeds}
        found["seeds"] = [kept(name, array) for name, array in seeds.items()]
        computed = run(d.program, {**job.values, **seeds})
        words = returned(folder / found["file"])
        found["gradients"] = {word: kept(f"by {n}", computed[bar])
                              for word, (n, bar) in zip(words, d.names.items(), strict=True)}
        wanted = {**wanted, **computed}
    names = arguments(folder / found["file"])
    found["inputs"] = {}
    for word, n in zip(names, p.inputs, strict=False):
        kind = np.int64 if p.tensors[n].kind == "integer" else np.float64
        found["inputs"][word] = kept(f"input {n}", np.array(job.values[n], kind))
    sizes = names[len(p.inputs):]
    found["sizes"] = {word: int(job.values[word]) for word in sizes}
    found["outputs"] = [(n, kept(f"output {n}", wanted[n])) for n in outputs]
    return found


def function(path: Path, name: str) -> ast.FunctionDef:
    """A function of a file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise AssertionError(f"there is no {name}")


def arguments(path: Path) -> list[str]:
    """The arguments of a file's forward function."""
    return [a.arg for a in function(path, "forward").args.args]


def returned(path: Path) -> list[str]:
    """The names of the derivatives that a file's backward function returns."""
    last = function(path, "backward").body[-1]
    assert isinstance(last, ast.Return) and isinstance(last.value, ast.Dict)
    return [key.value for key in last.value.keys if isinstance(key, ast.Constant)]


def interpreter(target: str) -> str:
    """The Python that has a target's library: this one, or the one in CHAINRULE_TORCH."""
    if importlib.util.find_spec(MODULES[target]) is not None:
        return sys.executable
    other = os.environ.get("CHAINRULE_TORCH")
    if not other:
        pytest.skip(f"{MODULES[target]} is not installed; CHAINRULE_TORCH may name a Python that "
                    "has it")
    return other
