"""How good a network is on some examples: the loss, and the share of right answers.

A loss that is a mean over the examples of a batch is the mean over all, each batch weighing as many
examples as it has; one that is a sum adds up. So the numbers are those of the formula on the whole
set at once, to rounding, whatever the batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np

from chainrule.algebra.stable import stabilise
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import bind
from chainrule.lang.program import Program
from chainrule.nn.network import Network
from chainrule.train.feed import Feed
from chainrule.train.runner import Roles, Runner, make_runner
from chainrule.train.settings import Settings
from chainrule.train.step import Step, answers_of, averages, class_axis, target_of

_NATIVE: Final = "chainrule.native.runtime"
_MANY: Final = 2000  # examples: for fewer, outputs are not worth compiling for
_BATCH: Final = 1024  # examples at a time, at most
_LEAST: Final = 128  # divisors of the number of examples are looked for down to here


@dataclass(frozen=True, slots=True)
class Score:
    """What came out on `count` examples.

    `loss` is that of the data, `objective` has what weights cost added; `right` counts right
    answers, None where there are no classes.
    """

    loss: float
    objective: float
    right: int | None
    count: int
    answers: int  # how many answers there were: more than examples where each has several

    @property
    def error_rate(self) -> float | None:
        """The share of wrong answers."""
        return None if self.right is None else 1 - self.right / self.answers

    @property
    def accuracy(self) -> float | None:
        """The share of right answers."""
        return None if self.right is None else self.right / self.answers

    def data(self) -> dict[str, Any]:
        """The numbers by name, for a log."""
        found: dict[str, Any] = {"loss": _told(self.loss)}
        if self.objective != self.loss:
            found["objective"] = _told(self.objective)
        if self.right is not None:
            found |= {"accuracy": self.accuracy, "error_rate": self.error_rate}
        return {**found, "examples": self.count}


class Scorer:
    """Runs the forward pass on whole sets of examples; compiled once for each size of batch."""

    def __init__(self, network: Network, step: Step, settings: Settings) -> None:
        self.step = step
        self.settings = settings
        self.state = Roles.of(step.program).state
        self.averages = averages(network)
        self.network = network
        self._runners: dict[int, Runner] = {}
        self._compiled: dict[str, Any] = {}

    def score(self, feed: Feed, values: Mapping[str, np.ndarray]) -> Score:
        """The score on these examples with these parameters."""
        batch = _batch_for(feed.count)
        pieces = [(batch, np.arange(0, feed.count - batch + 1, batch))]
        if feed.count % batch:
            pieces.append((feed.count % batch, np.array([feed.count - feed.count % batch])))
        totals = dict.fromkeys(self.step.program.outputs, 0.0)
        for size, starts in pieces:
            runner = self._runner(size)
            for name in self.state:
                runner.state[name][...] = values[name]
            out = runner.run(feed.arrays, starts)
            for name in totals:
                counted = name == self.step.right or not self.averages
                weight = 1.0 if counted else size / feed.count
                totals[name] += weight * math.fsum(map(float, out[name]))
        extra = totals[self.step.objective] - totals[self.step.loss]
        if not self.averages and self.step.objective != self.step.loss:
            extra /= sum(len(starts) for _, starts in pieces)  # weights cost once, not each batch
        right = self.step.right
        return Score(totals[self.step.loss], totals[self.step.loss] + extra,
                     None if right is None else round(totals[right]), feed.count,
                     answers_in(self.network, feed.arrays[target_of(self.network)]))

    def _runner(self, batch: int) -> Runner:
        if batch not in self._runners:
            s = self.settings
            self._runners[batch] = make_runner(self.step.program, batch, dtype=s.dtype,
                                               threads=s.threads, backend=s.runs_on)
        return self._runners[batch]

    def outputs(self, feed: Feed, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """What the network gives for each example."""
        name = answers_of(self.network)
        program = stabilise(self.network.program.with_outputs((name,)))
        given = {key: values[key] for key in self.state}
        compiled = self.settings.runs_on == "native" and feed.count >= _MANY
        batch = _batch_for(feed.count) if compiled else _BATCH // 4
        parts = []
        for start in range(0, feed.count, batch):
            rows = {key: array[start : start + batch] for key, array in feed.arrays.items()
                    if key in program.inputs}
            parts.append(self._output(program, {**given, **rows}, compiled)[name])
        return np.concatenate(parts)

    def _output(self, program: Program, given: Mapping[str, np.ndarray],
                compiled: bool) -> Mapping[str, np.ndarray]:
        """One batch, by the reference or in machine code, which is made once for each size."""
        if not compiled:
            return run(program, given, dtype=self.settings.dtype, check=False, keep="outputs")
        sizes, _ = bind(program, given)
        size = str(sizes)
        if size not in self._compiled:
            native = import_module(_NATIVE)  # lazily: it needs libraries that may be missing
            self._compiled[size] = native.Compiled(program, sizes, self.settings.dtype)
        found: Mapping[str, np.ndarray] = self._compiled[size](given)
        return found


def answers_in(network: Network, targets: np.ndarray) -> int:
    """How many answers are judged: one an example, or one for each position of a sequence."""
    target = network.program.tensors[target_of(network)]
    if target.kind == "integer":
        return targets.size
    axis = class_axis(network)
    return int(targets.size // targets.shape[-1 if axis is None else axis])


def _told(number: float) -> float | None:
    """A number as JSON has it, which has no infinity."""
    return number if math.isfinite(number) else None


def _batch_for(count: int) -> int:
    """How many examples to take at a time: all, or a divisor of all, so that no rest is left."""
    if count <= _BATCH:
        return count
    return next((b for b in range(_BATCH, _LEAST, -1) if count % b == 0), _BATCH)
