"""A small example for an emitted file: sizes and kinds of random numbers for which it runs.

The reference evaluates the program at a few candidates, and the first one inside the domain of all
its functions is taken: normal numbers, else positive ones for constants, for data, for everything,
else numbers between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np

from chainrule.emit.scope import value
from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.lang.expr import ArgReduce, Reduce, walk
from chainrule.lang.integers import Integer
from chainrule.lang.program import Program, Tensor

_PREFERRED: Final = (3, 4, 2, 5, 6)
_WORK: Final = 3_000_000  # cells times terms that candidates are tried on
_LITTLE: Final = 10_000  # work that may be done for more seeds
_SEEDS: Final = 8  # as the libraries draw other numbers than we do here
_MOST, _LATER = 24, 3  # candidates for the first choice of sizes, and for each later one
_POINTS: Final = 20  # choices of sizes, with few that are 0 or 1, and as many of all sizes small


@dataclass(frozen=True, slots=True)
class Draw:
    """How an input is drawn: "normal" (times `scale`), "positive", "unit" or "label"."""

    kind: str
    scale: float = 1.0
    below: Integer | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """The value of each size, and how each input is drawn."""

    sizes: Mapping[str, int]
    draws: Mapping[str, Draw]


def example(program: Program, points: list[dict[str, int]]) -> Example:
    """An example for a program; `points` are sizes for which its shapes make sense."""
    first: Example | None = None
    for attempt, sizes in enumerate(_sizes(program, points)):
        cheap = _work(program, sizes) <= _WORK
        for draws in islice(_candidates(program, sizes), _LATER if attempt else _MOST):
            first = first or Example(sizes, draws)
            if not cheap:
                return first
            if _runs(program, sizes, draws):
                return Example(sizes, draws)
    return first or Example({}, {})


def _sizes(program: Program, points: list[dict[str, int]]) -> Iterator[dict[str, int]]:
    """Small sizes, different ones where that is possible."""
    names = program.size_names()
    wanted = {name: _PREFERRED[k % len(_PREFERRED)] for k, name in enumerate(names)}
    axes = [axis for t in program.tensors.values() for axis in t.shape]
    fine = all((value(p, wanted) or 0) >= 1 for p in [*axes, *_ranges(program)]) and all(
        value(a, wanted) == value(b, wanted) for a, b in program.assumptions)
    if fine or not points:
        yield wanted

    def far(point: dict[str, int]) -> tuple[int, int]:
        cells = sum(math.prod(max(value(n, point) or 1, 1) for n in t.shape)
                    for t in program.tensors.values())
        return (sum(point[n] <= 1 for n in names), cells)

    yield from sorted(points, key=far)[:_POINTS]
    yield from sorted(points, key=lambda point: sum(point.values()))[:_POINTS]


def _ranges(program: Program) -> list[Integer]:
    found = [r.size for e in program.equations for r in e.ranges]
    for e in program.equations:
        for node in walk(e.body):
            if isinstance(node, Reduce | ArgReduce):
                found += [r.size for r in node.indices]
    return [n for n in found if n is not None]


def _work(program: Program, sizes: Mapping[str, int]) -> float:
    total = 0.0
    for e in program.equations:
        cells = [value(r.size, dict(sizes)) or 1 for r in e.ranges if r.size is not None]
        for node in walk(e.body):
            if isinstance(node, Reduce | ArgReduce):
                cells += [value(r.size, dict(sizes)) or 1
                          for r in node.indices if r.size is not None]
        total += math.prod(cells)
    return total


def _candidates(program: Program, sizes: Mapping[str, int]) -> Iterator[dict[str, Draw]]:
    tensors = [program.tensors[n] for n in program.inputs]
    reals = [t for t in tensors if t.kind == "real"]
    constants = {t.name for t in reals if t.role == "constant"}
    data = {t.name for t in reals if t.role not in ("parameter", "constant")}
    every = {t.name for t in reals}
    choices: list[tuple[set[str], str]] = [(set(), ""), (constants, "positive"),
                                           (data | constants, "positive")]
    choices += [({t.name}, "positive") for t in reals[:8]]
    choices += [(every, "positive"), (data | constants, "unit"), (every, "unit")]
    choices += [({t.name}, "unit") for t in reals[:8]]
    met = []
    for names, kind in choices:
        draws = {t.name: _draw(t, sizes, kind if t.name in names else "") for t in tensors}
        if draws not in met:
            met.append(draws)
            yield draws


def _draw(tensor: Tensor, sizes: Mapping[str, int], kind: str) -> Draw:
    if tensor.kind == "integer":
        two = Integer((((), 2),))
        return Draw("label", below=two if tensor.below is None else tensor.below)
    if kind:
        return Draw(kind)
    scale = 1.0
    if tensor.role == "parameter" and len(tensor.shape) > 1:
        cells = [value(n, dict(sizes)) or 1 for n in tensor.shape[1:]]
        scale = float(f"{1 / math.sqrt(max(math.prod(cells), 1)):.1g}")
    return Draw("normal", scale)


def _runs(program: Program, sizes: Mapping[str, int], draws: Mapping[str, Draw]) -> bool:
    return all(_run_once(program, sizes, draws, seed)
               for seed in range(_SEEDS if _work(program, sizes) < _LITTLE else 2))


def _run_once(program: Program, sizes: Mapping[str, int], draws: Mapping[str, Draw],
              seed: int) -> bool:
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for name in program.inputs:
        shape = tuple(value(n, dict(sizes)) or 0 for n in program.tensors[name].shape)
        values[name] = _numbers(rng, draws[name], shape, sizes)
    told = {s for n in program.inputs for axis in program.tensors[n].shape
            for s in axis.sizes()}
    values.update({name: n for name, n in sizes.items() if name not in told})
    try:
        found = run(program, values, keep="outputs")
    except ChainruleError:
        return False
    return all(np.isfinite(array).all() for array in found.values())


def _numbers(rng: np.random.Generator, draw: Draw, shape: tuple[int, ...],
             sizes: Mapping[str, int]) -> Any:
    if draw.kind == "label":
        assert draw.below is not None
        return rng.integers(max(value(draw.below, dict(sizes)) or 1, 1), size=shape)
    if draw.kind == "positive":
        return rng.uniform(0.5, 1.5, size=shape)
    if draw.kind == "unit":
        return rng.uniform(0.1, 0.9, size=shape)
    return draw.scale * rng.normal(size=shape)


__all__ = ["Draw", "Example", "example"]
