"""Training steps in machine code: the loop's `Runner` with no Python between the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError, RangeError
from chainrule.evaluate.memory import zeros
from chainrule.evaluate.naive import passes
from chainrule.evaluate.values import Sizes
from chainrule.lang.program import Program
from chainrule.native.runtime import Machinery

_WORTH: Final = 1 << 19  # products and cells that are worth a thread


def make_runner(program: Program, batch: int, *, dtype: str = "float64",
                threads: int | None = None) -> NativeRunner:
    """A runner for mini-batches of `batch` examples.

    Without `threads` it has as many as the machine, and no more than a step gives work to: where
    threads meet, each waits for the last one's writes to reach it.
    """
    if threads is None:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (
            os.cpu_count() or 1)
        work = passes(program, Sizes(_batched(program, batch)))
        threads = max(1, min(available, work // _WORTH))
    if threads < 1:
        raise InputError(f"{threads} threads cannot run anything", None, "give at least 1")
    return NativeRunner(program, batch, dtype, min(threads, batch))


def _batched(program: Program, batch: int) -> dict[str, int]:
    """The sizes that are the number of examples."""
    return {name: batch for t in map(program.tensor, program.inputs)
            if t.shape and t.role not in ("parameter", "constant") for name in t.shape[0].sizes()}


class NativeRunner:
    """Runs a training step's machine code over rows of whole data sets.

    `state` are the arrays that the code itself works on: read and written between runs.
    """

    def __init__(self, program: Program, batch: int, dtype: str, threads: int) -> None:
        self.program, self.batch, self.dtype = program, batch, dtype
        inputs = [program.tensors[n] for n in program.inputs]
        state = [t.name for t in inputs if t.role in ("parameter", "constant")]
        rest = [t for t in inputs if t.name not in state]
        self.data = [t.name for t in rest if t.shape]
        self.scalars = [t.name for t in rest if not t.shape]
        self.outputs = [n for n in program.outputs if not program.tensors[n].shape]
        clean = replace(program, outputs=tuple(self.outputs))
        self.machinery = Machinery(clean, _batched(program, batch), dtype, self.data,
                                   [*self.scalars, *self.outputs], threads)
        self.state: dict[str, np.ndarray] = {
            name: self.machinery.arrays[name][1] for name in state}

    def run(self, data: Mapping[str, np.ndarray], starts: np.ndarray,
            order: np.ndarray | None = None,
            scalars: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """A step for each start; see `chainrule.train.runner.Runner`."""
        count = len(starts)
        begin = np.ascontiguousarray(starts, np.int64)
        if order is not None:  # the rows in the order in which the steps take them
            rows = (begin[:, None] + np.arange(self.batch)).reshape(-1)
            rows = np.asarray(order)[rows]
            begin = np.arange(count, dtype=np.int64) * self.batch
        held: list[np.ndarray] = []
        for name in self.data:
            array = self._checked(name, data[name])
            if order is not None:
                array = np.take(array, rows, axis=0,
                                out=zeros((len(rows), *array.shape[1:]), array.dtype))
            if begin.size and (begin.min() < 0 or begin.max() + self.batch > len(array)):
                raise RangeError(f"a step takes rows up to {begin.max() + self.batch} of {name}, "
                                 f"which has {len(array)}")
            held.append(np.ascontiguousarray(array))
            self.machinery.point(name, held[-1])
        found = {}
        for name in (*self.scalars, *self.outputs):
            values: Any = (scalars or {}).get(name, 0.0)
            array = np.ascontiguousarray(np.broadcast_to(values, count), self.dtype).copy()
            if name in self.outputs:
                found[name] = array
            held.append(array)
            self.machinery.point(name, array)
        if not self.machinery.run(begin):
            raise RangeError("a read or a write is outside its tensor", None,
                             "are the labels in their range?")
        return found

    def _checked(self, name: str, array: np.ndarray) -> np.ndarray:
        """The data as the code reads it; labels in their range."""
        tensor = self.program.tensors[name]
        if tensor.kind != "integer":
            return np.asarray(array, self.dtype)
        labels = np.asarray(array, np.int64)
        below = None if tensor.below is None else tensor.below.constant
        if below is not None and labels.size and (labels.min() < 0 or labels.max() >= below):
            bad = int(np.argmax((labels < 0) | (labels >= below)))
            raise RangeError(f"{name}[{bad}] is {labels.reshape(-1)[bad]}, but labels are 0 to "
                             f"{below - 1}")
        return labels
