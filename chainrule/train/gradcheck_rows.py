"""One gradient after the other against ours: how far it is off, where most, and what to make of it.

Beside ours and theirs stands the derivative by differences at the cell that is furthest off, which
knows nothing of derivatives: it says who is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from chainrule.train.gradcheck_compare import Fitted, Tolerance
from chainrule.train.gradcheck_stencil import Difference, difference

AGREES: Final = ("agrees", "value", "kink", "layout", "scaled")  # verdicts that find no fault
ROUNDING: Final = 1e-13  # a relative error that says nothing
_KINKS: Final = 64  # cells of one gradient that are tried for kinks


@dataclass(frozen=True, slots=True)
class Row:
    """The comparison of one gradient, `key` being what its owner calls it.

    `verdict` is "agrees", "differs", "follows" (right, given wrong adjoints before it), "shape",
    "transposed", "unsummed", "averaged", "not finite", "another value" (of the forward pass); or
    one of those in `AGREES`: "kink" (another choice at a kink), "layout" and "scaled" (an adjoint
    on the way kept in another arrangement, or without a factor that comes in later), "value" (a
    value of the forward pass). `cell` is the one that is furthest off; `ours` and `yours` are its
    values there, `check` is the derivative by differences.
    """

    tensor: str
    key: str
    verdict: str
    shape: tuple[int, ...]
    error: float = float("inf")
    cell: tuple[int, ...] | None = None
    ours: float = float("nan")
    yours: float = float("nan")
    check: Difference | None = None
    fitted: Fitted | None = None
    given: tuple[int, ...] = ()  # the shape that came
    factor: float = 1.0

    @property
    def fine(self) -> bool:
        """Whether there is nothing wrong with it."""
        return self.verdict in AGREES


def compared(tensor: str, key: str, fit: Fitted, given: tuple[int, ...], ours: np.ndarray,
             same: Tolerance, inner: bool) -> Row:
    """One gradient beside ours; `inner` says that it is of no input, so its layout is free."""
    row = Row(tensor, key, "shape", ours.shape, fitted=fit, given=given)
    if fit.array is None:
        return row
    yours = np.asarray(fit.array, np.float64)
    error = same.error(yours, ours)
    cell = _worst(yours, ours)
    row = replace(row, error=error, cell=cell)
    if cell is not None:
        row = replace(row, ours=float(ours[cell]), yours=float(yours[cell]))
    if not np.isfinite(yours).all():
        return replace(row, verdict="not finite")
    right = error <= same.relative
    if fit.kind and right:
        turned = fit.kind in ("transposed", "flat") and inner
        return replace(row, verdict="layout" if turned else
                       "shape" if fit.kind == "flat" else fit.kind)
    return replace(row, verdict="agrees" if right else "differs")


def _worst(a: np.ndarray, b: np.ndarray) -> tuple[int, ...] | None:
    """The cell where two arrays differ most; where they differ by roundings only, the largest."""
    if not a.size:
        return None
    with np.errstate(all="ignore"):
        distance = np.abs(a - b)
    distance = np.where(np.isfinite(distance), distance, np.inf)
    if distance.max() <= ROUNDING * np.abs(b).max():
        distance = np.abs(b)
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(distance)), a.shape))


def multiple(yours: np.ndarray, ours: np.ndarray, same: Tolerance) -> float | None:
    """The factor by which one array is another, if it is that and nothing else."""
    square = float((ours * ours).sum())
    if not square or not np.isfinite(square):
        return None
    factor = float((yours * ours).sum()) / square
    if not np.isfinite(factor) or not factor:
        return None
    return factor if same.same(yours, factor * ours) else None


class Moved:
    """The loss as a function of one cell of one input: what differences are taken of."""

    def __init__(self, loss: Callable[[Mapping[str, Any]], float], values: Mapping[str, Any],
                 points: int, step: float) -> None:
        self.loss = loss
        self.values = values
        self.points = points
        self.step = step

    def at(self, name: str, cell: tuple[int, ...], wanted: float) -> Difference:
        """The derivative by differences at a cell."""
        array = np.array(self.values[name], np.float64)
        start = float(array[cell])

        def along(t: float) -> float:
            array[cell] = start + t
            return self.loss({**self.values, name: array})

        return difference(along, self.points, self.step, wanted)

    def kinks(self, name: str, yours: np.ndarray, ours: np.ndarray, same: Tolerance) -> bool:
        """Whether a gradient differs from ours at kinks only, and is allowed there."""
        with np.errstate(all="ignore"):
            room = same.relative * (max(np.abs(yours).max(), np.abs(ours).max()) + same.floor)
            wrong = np.argwhere(~(np.abs(yours - ours) <= room))
        if not 0 < len(wrong) <= _KINKS:
            return False
        for place in wrong:
            cell = tuple(map(int, place))
            found = self.at(name, cell, float(room))
            if not found.kink or not found.allows(float(yours[cell]), float(room)):
                return False
        return True
