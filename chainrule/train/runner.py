"""Running steps: what the loop asks of a backend, and the backend that is always there.

A step is a program (`chainrule.train.step`). Its inputs are of three sorts, told apart by their
declarations:

    data       input or label with axes   the mini-batch: examples along the first axis
    scalars    input without axes         a number for each step: the learning rate
    state      parameter or constant      stays from step to step; `update`s give its new values

A `Runner` keeps the state and runs many steps a call, so that a compiled backend need not come back
to Python between them. The reference does each step by `chainrule.evaluate.reference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np

from chainrule.errors import InputError, ShapeError, did_you_mean
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program

BACKENDS: Final = ("native", "reference")
DTYPES: Final = ("float32", "float64")
_NATIVE: Final = "chainrule.native.training"
_NEEDED: Final = ("llvmlite", "scipy", "threadpoolctl")


class Runner(Protocol):
    """Runs a step again and again.

    `state` has the program's parameters and constants by tensor name, arrays of the runner's own
    that it changes in place; they may be read and written (`state[name][...] = …`) between calls.
    """

    state: dict[str, np.ndarray]

    def run(self, data: Mapping[str, np.ndarray], starts: np.ndarray,
            order: np.ndarray | None = None, scalars: Mapping[str, np.ndarray] = ...,
            ) -> dict[str, np.ndarray]:
        """Run one step for each of `starts`; the program's scalar outputs, one number a step.

        Step k takes the examples `order[starts[k] : starts[k] + batch]` of `data`, whole arrays
        with examples along the first axis; without an order, these rows themselves. `scalars` has
        one number a step for each scalar input.
        """
        ...


@dataclass(frozen=True, slots=True)
class Roles:
    """A program's inputs by what they are in training."""

    data: tuple[str, ...]
    scalars: tuple[str, ...]
    state: tuple[str, ...]

    @classmethod
    def of(cls, program: Program) -> Roles:
        """The roles of a program's inputs.

        >>> from chainrule.lang.ranges import program
        >>> Roles.of(program("input x[N], eta; parameter w; L = sum(n) eta*w*x[n]"))
        Roles(data=('x',), scalars=('eta',), state=('w',))
        """
        data: list[str] = []
        scalars: list[str] = []
        state: list[str] = []
        for name in program.inputs:
            tensor = program.tensors[name]
            if tensor.role in ("parameter", "constant"):
                state.append(name)
            else:
                (data if tensor.shape else scalars).append(name)
        return cls(tuple(data), tuple(scalars), tuple(state))


def make_runner(program: Program, batch: int, *, dtype: str = "float64",
                threads: int | None = None, backend: str = "reference") -> Runner:
    """A runner for mini-batches of `batch` examples; its state is zero.

    Raises `InputError` for a backend that there is not, or whose libraries are not installed.
    """
    if dtype not in DTYPES:
        raise InputError(f"the dtype is one of {', '.join(DTYPES)}, not {dtype!r:.40}")
    if backend == "reference":
        return ReferenceRunner(program, batch, dtype)
    check_backend(backend)
    native = import_module(_NATIVE)  # lazily: it needs libraries that may not be installed
    made: Runner = native.make_runner(program, batch, dtype=dtype, threads=threads)
    return made


def check_backend(backend: str) -> None:
    """Refuse a backend that there is not, or that cannot run here."""
    if backend not in BACKENDS:
        raise InputError(f"there is no backend {backend!r:.40}", None,
                         did_you_mean(backend, list(BACKENDS)) or f"one of {', '.join(BACKENDS)}")
    missing = [n for n in _NEEDED if find_spec(n) is None] if backend == "native" else []
    if missing:
        raise InputError(f"the native backend needs {', '.join(missing)}, which "
                         f"{'is' if len(missing) == 1 else 'are'} not installed",
                         None, "pip install 'chainrule[native]', or --backend reference")


def usual_backend() -> str:
    """Native code where its libraries are installed, else the reference."""
    ready = find_spec(_NATIVE) is not None and all(find_spec(n) is not None for n in _NEEDED)
    return "native" if ready else "reference"


class ReferenceRunner:
    """Steps by the NumPy reference: slow and readable, and there wherever NumPy is."""

    def __init__(self, program: Program, batch: int, dtype: str = "float64") -> None:
        self.roles = Roles.of(program)
        self.batch = batch
        self.dtype = dtype
        self.scalar_outputs = program.outputs
        self.updates = program.updates
        wanted = (*program.outputs, *(new for _, new in program.updates))
        self.program = replace(program, outputs=tuple(dict.fromkeys(wanted)))
        self.state = {name: np.zeros(_numbers(program, name), dtype) for name in self.roles.state}

    def run(self, data: Mapping[str, np.ndarray], starts: np.ndarray,
            order: np.ndarray | None = None, scalars: Mapping[str, np.ndarray] | None = None,
            ) -> dict[str, np.ndarray]:
        """The steps one after the other; after one that is not finite the rest are NaN."""
        found = {name: np.full(len(starts), np.nan, self.dtype) for name in self.scalar_outputs}
        given = scalars or {}
        for k, start in enumerate(starts):
            rows: Any = slice(int(start), int(start) + self.batch)
            if order is not None:
                rows = order[rows]
            values = {name: data[name][rows] for name in self.roles.data}
            values |= {name: given[name][k] for name in self.roles.scalars}
            if any(np.isnan(array).any() for array in self.state.values()):
                break
            out = run(self.program, {**values, **self.state}, dtype=self.dtype, check=False,
                      keep="outputs")
            for name in self.scalar_outputs:
                found[name][k] = out[name]
            for old, new in self.updates:
                self.state[old][...] = out[new]
        return found


def _numbers(program: Program, name: str) -> tuple[int, ...]:
    """The shape of a state tensor, which has to be known."""
    found = []
    for axis in program.tensors[name].shape:
        if axis.constant is None:
            raise ShapeError(f"{name} has {axis} cells on an axis: that size is not known", None,
                             "build the network with numbers for its sizes")
        found.append(axis.constant)
    return tuple(found)


__all__ = ["BACKENDS", "DTYPES", "ReferenceRunner", "Roles", "Runner", "check_backend",
           "make_runner", "usual_backend"]
