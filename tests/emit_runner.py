"""Runs emitted files and says where they disagree with given numbers.

`python emit_runner.py TARGET FOLDER` needs the target's library and NumPy, nothing of ours: so it
can be run by any Python that has PyTorch or JAX. The folder holds the files, `jobs.json` (what each
is given and what it should return) and `arrays.npz` (the numbers). It prints what is wrong as JSON,
`[[name, what], ...]`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

TOLERANCE = 1e-10


def library(target: str) -> Callable[[np.ndarray], Any]:
    """What makes a target's arrays, in double precision."""
    if target == "numpy":
        return lambda a: a
    if target == "pytorch":
        import torch

        torch.set_default_dtype(torch.float64)
        return lambda a: torch.tensor(a, dtype=torch.int64 if a.dtype.kind == "i" else None)
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray


def loaded(path: Path) -> ModuleType:
    """An emitted file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def difference(found: Any, wanted: np.ndarray) -> str:
    """How two arrays differ; nothing where they agree to rounding."""
    mine = np.asarray(found)
    if mine.shape != wanted.shape:
        return f"has shape {mine.shape}, not {wanted.shape}"
    if (mine.dtype.kind in "iu") != (wanted.dtype.kind in "iu"):
        return f"is of {mine.dtype}, not {wanted.dtype}"
    finite = np.isfinite(wanted)
    if not np.array_equal(mine[~finite], wanted[~finite]):  # infinities; a NaN never passes
        return f"is {mine}, not {wanted}"
    scale = max(1.0, float(np.abs(wanted[finite]).max(initial=0)))
    if not np.all(np.abs(mine[finite] - wanted[finite]) <= TOLERANCE * scale):
        return f"is {mine}, not {wanted}"
    return ""


def wrong(job: Mapping[str, Any], arrays: Mapping[str, np.ndarray], folder: Path,
          array: Callable[[np.ndarray], Any], jit: Callable[..., Any] | None) -> str:
    """What an emitted file gets wrong; nothing where all its numbers are right."""
    module = loaded(folder / job["file"])
    given = {name: array(arrays[key]) for name, key in job["inputs"].items()}
    seeds = [array(arrays[key]) for key in job["seeds"]]
    kept = [np.array(a) for a in (*given.values(), *seeds)]
    forward, backward = module.forward, getattr(module, "backward", None)
    if jit is not None:
        static = list(job["sizes"])
        forward = jit(forward, static_argnames=static)
        backward = backward and jit(backward, static_argnames=static)
    found = forward(**given, **job["sizes"])
    pairs = []
    if backward is not None:
        *found, cache = found
        gradients = backward(cache, *seeds, **job["sizes"])
        assert set(gradients) == set(job["gradients"]), f"derivatives by {list(gradients)}"
        pairs = [((f"the derivative by {n}", job["gradients"][n]), g)
                 for n, g in gradients.items()]  # by name, as jax.jit sorts them
    elif len(job["outputs"]) == 1:
        found = [found]
    for (what, key), mine in [*zip(job["outputs"], found, strict=True), *pairs]:
        error = difference(mine, arrays[key])
        if error:
            return f"{what} {error}"
    for before, after in zip(kept, (*given.values(), *seeds), strict=True):
        if not np.array_equal(before, np.asarray(after)):
            return "an argument was changed"
    if job["main"]:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            module.main()  # it compares its own derivatives with central differences
        if not printed.getvalue():
            return "main prints nothing"
    return ""


def main(target: str, folder: Path) -> None:
    """Run all jobs of a folder."""
    array = library(target)
    if target != "pytorch":  # PyTorch's own import warns here and there
        warnings.simplefilter("error")
    jobs = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    arrays = dict(np.load(folder / "arrays.npz"))
    found = []
    for job in jobs:
        jit = None
        if target == "jax" and job["jit"]:
            import jax

            jit = jax.jit
        try:
            error = wrong(job, arrays, folder, array, jit)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        if error:
            found.append((job["name"], error))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
