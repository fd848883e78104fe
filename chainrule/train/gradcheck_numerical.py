"""A function and its gradient, with no formula behind them, held against differences.

Each derivative by differences comes with its own error, from what the stencil leaves out and from
what the function rounds off. A gradient that is off by more than the tolerance *and* by more than
that error is wrong; one that is off by no more than an error that is itself larger than the
tolerance is undecided. At a kink any value between the slopes on both sides is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError
from chainrule.train.gradcheck_stencil import EPSILON, Difference, difference

_ALL: Final = 200  # cells of an array that are all tried
_SAMPLE: Final = 100  # of a larger one
_PRIME: Final = 1_299_721  # steps that go through an array as if at random
_TOLERANCE: Final = 1e-5
_ROUNDING: Final = 1e-10  # a relative error that says nothing


@dataclass(frozen=True, slots=True)
class Tried:
    """One cell of a gradient: what it is, what differences say, and whether that fits.

    `verdict` is "agrees", "differs", "kink", "undecided" or "not finite"; `error` is relative to
    the largest derivative of the same array.
    """

    name: str
    cell: tuple[int, ...]
    gradient: float
    difference: Difference
    error: float
    verdict: str


@dataclass(frozen=True, slots=True)
class NumericalCheck:
    """All cells tried, and how many there are in each array."""

    tried: tuple[Tried, ...]
    sizes: Mapping[str, int]
    tolerance: float
    points: int
    step: float

    @property
    def agrees(self) -> bool:
        """Whether every cell tried agrees, those at kinks included."""
        return all(t.verdict in ("agrees", "kink") for t in self.tried)

    @property
    def worst(self) -> Tried | None:
        """The cell that is furthest off, among those that disagree if there are any."""
        order = ("agrees", "kink", "undecided", "differs", "not finite")
        return max(self.tried, default=None, key=lambda t: (
            order.index(t.verdict), t.error if t.error > _ROUNDING else 0.0, abs(t.gradient)))


def check_function(
    function: Callable[..., Any], gradient: Any, values: Any, points: int = 8,
    step: float = 1e-2, tolerance: float | None = None, sample: int | None = None,
) -> NumericalCheck:
    """Hold a gradient against the differences of a function.

    `values` is an array, or arrays by name that both functions are called with by name. Of an array
    with more than 200 cells 100 are tried, or `sample`.

    >>> def f(x):
    ...     return float((x**3).sum())
    >>> check_function(f, lambda x: 3 * x**2, [1.0, 2.0]).agrees
    True
    >>> check_function(f, lambda x: 3 * x, [1.0, 2.0]).worst.cell
    (1,)
    """
    named = isinstance(values, Mapping)
    arrays = {str(k): _array(k, v) for k, v in values.items()} if named else {
        "x": _array("x", values)}

    def value(changed: Mapping[str, np.ndarray]) -> float:
        found = function(**changed) if named else function(changed["x"])
        number = np.asarray(found, np.float64)
        if number.size != 1:
            raise InputError(f"the function gives {number.size} numbers, and only a scalar has a "
                             "gradient")
        return float(number.reshape(()))

    found = gradient
    if callable(gradient):
        copies = {k: a.copy() for k, a in arrays.items()}
        found = gradient(**copies) if named else gradient(copies["x"])
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping):
        found = found[1]
    given = found if named else {"x": found}
    if not isinstance(given, Mapping) or not given:
        raise InputError("the gradients come by name, as the values do", None,
                         "return a dictionary such as {'W': dW}")
    if not named and isinstance(found, Mapping):
        raise InputError("the gradient comes by name, and the value does not")
    tolerance = _TOLERANCE if tolerance is None else tolerance
    tried: list[Tried] = []
    for name, own in given.items():
        if name not in arrays:
            raise InputError(f"there is a gradient of {name!r:.60}, and no value of that name",
                             None, f"values are given for {', '.join(arrays)}")
        if arrays[name].dtype.kind != "f":  # whole numbers that are meant as reals
            arrays[name] = arrays[name].astype(np.float64)
        tried += _tried(value, arrays, name, _array(name, own), points, step, tolerance, sample)
    sizes = {name: arrays[name].size for name in given}
    return NumericalCheck(tuple(tried), sizes, tolerance, points, step)


def _array(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray("")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name!s:.60} holds no real numbers")
    return array.copy()


def _tried(value: Callable[[Mapping[str, np.ndarray]], float], arrays: Mapping[str, np.ndarray],
           name: str, gradient: np.ndarray, points: int, step: float, tolerance: float,
           sample: int | None) -> list[Tried]:
    """The cells of one array."""
    start = arrays[name]
    if gradient.shape != start.shape:
        raise InputError(f"the gradient of {name} has the shape {gradient.shape}, and {name} has "
                         f"{start.shape}")
    numbers = gradient.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    largest = float(np.abs(finite).max(initial=0.0))
    measured = []
    for cell in cells(start.shape, sample):
        moved = start.copy()

        def along(t: float, moved: np.ndarray = moved, cell: tuple[int, ...] = cell) -> float:
            moved[cell] = start[cell] + t
            return value({**arrays, name: moved})

        wanted = tolerance * max(largest, EPSILON)
        found = difference(along, points, step, wanted)
        if not _near(found, float(numbers[cell]), wanted):
            found = _finer(along, points, step, wanted, float(numbers[cell]), found)
        measured.append((cell, found))
    known = [abs(d.value) for _, d in measured if np.isfinite(d.value)]
    scale = max([largest, *known], default=0.0)
    return [_judged(name, cell, float(numbers[cell]), d, scale, tolerance)
            for cell, d in measured]


def _near(found: Difference, gradient: float, room: float) -> bool:
    return found.kink or abs(gradient - found.value) <= room + found.error


def _finer(along: Callable[[float], float], points: int, step: float, wanted: float,
           gradient: float, first: Difference) -> Difference:
    """Differences that bear out a gradient, with finer steps than those that did not.

    Where a stencil reaches over a corner (a rectifier's, a pool's), its own account of its error
    may look fine by chance. Nearer the point there is none, and a gradient that is wrong stays so.
    """
    for power in (2, 4):
        found = difference(along, points, step / 10**power, wanted)
        if found.error <= wanted and _near(found, gradient, wanted):
            return found
    return first


def cells(shape: tuple[int, ...], sample: int | None = None) -> list[tuple[int, ...]]:
    """The cells that are tried: all, or so many, spread by steps of a prime."""
    size = int(np.prod(shape))
    count = min(size, sample if sample is not None else size if size <= _ALL else _SAMPLE)
    places = range(size) if count == size else sorted({k * _PRIME % size for k in range(count)})
    return [tuple(int(k) for k in np.unravel_index(n, shape)) for n in places]


def _judged(name: str, cell: tuple[int, ...], gradient: float, found: Difference, scale: float,
            tolerance: float) -> Tried:
    distance = abs(gradient - found.value)
    if not np.isfinite(gradient) or not np.isfinite(found.value):
        return Tried(name, cell, gradient, found, float("inf"), "not finite")
    error = distance / scale if distance else 0.0
    room = tolerance * scale
    if found.kink:
        verdict = "kink" if found.allows(gradient, room) else "differs"
    elif distance > room + found.error * (1 if found.error < room else 10):
        verdict = "differs"  # by more than differences that are rough themselves can be off
    else:
        verdict = "undecided" if found.error > room and scale else "agrees"
    return Tried(name, cell, gradient, found, error, verdict)
