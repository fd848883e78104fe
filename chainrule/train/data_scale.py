"""Bringing inputs to a common scale: standardisation, and scaling to 0 .. 1.

Gradient descent goes down a long narrow valley where one feature is measured in thousands and
another in thousandths. *Standardising* takes the mean away and divides by the standard deviation;
*scaling* takes the minimum away and divides by the range. Either is measured on the training part
alone, and then applied to all parts alike: a mean that has seen the test examples has learnt from
them.

How much shares one measurement: `feature` (each input cell has its own), `channel` (each channel of
an image), `one` (one for everything). A feature that never changes in the training part becomes 0,
and is not divided by its deviation, which is 0.

Source: Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp" (1998), section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chainrule.errors import DomainError, InputError, ShapeError, did_you_mean
from chainrule.train.data_examples import Array, Data, Examples, shown

WAYS = ("feature", "channel", "one")
Kind = Literal["standardise", "scale"]
_CHUNK = 2**22  # cells that are widened to float64 at a time


@dataclass(frozen=True, eq=False)
class Scaling:
    """What was measured: inputs become (inputs - shift)/divisor.

    `shift` and `divisor` broadcast against one input: its shape for `feature`, (C, 1, 1) for
    `channel`, all ones for `one`. New inputs to a trained network need the same treatment.

    >>> s = measure(Examples(np.array([[1.0, 5.0], [3.0, 5.0]]), labels=np.array([0, 1])))
    >>> s.apply(np.array([[1.0, 5.0], [4.0, 6.0]])).tolist()
    [[-1.0, 0.0], [2.0, 1.0]]
    """

    shift: Array
    divisor: Array
    kind: Kind
    per: str

    def apply(self, inputs: Array) -> Array:
        """The inputs (n, ...) on the common scale, a new array of the same width."""
        if inputs.shape[1:] != np.broadcast_shapes(inputs.shape[1:], self.shift.shape):
            raise ShapeError(f"inputs of {shown(inputs.shape[1:])} cannot be scaled by what was "
                             f"measured on {shown(self.shift.shape)}")
        result: Array = inputs - self.shift.astype(inputs.dtype)
        result /= self.divisor.astype(inputs.dtype)
        return result

    def undo(self, inputs: Array) -> Array:
        """The inputs as they were, to rounding."""
        result: Array = inputs * self.divisor.astype(inputs.dtype)
        result += self.shift.astype(inputs.dtype)
        return result

    def note(self) -> str:
        """What was done, in words."""
        what = "standardised" if self.kind == "standardise" else "scaled to 0..1"
        how = "all together" if self.per == "one" else f"per {self.per}"
        return f"inputs {what} {how}, measured on the training part"


def measure(examples: Examples, per: str = "feature", kind: Kind = "standardise") -> Scaling:
    """Mean and standard deviation (or minimum and range) of some examples, in float64.

    The deviation is that of the population, sqrt(mean((x - mean)²)). Raises `InputError` for a
    way that is not known, `ShapeError` for channels of inputs that have none, `DomainError` where
    the numbers are so large that these leave the range of floats.
    """
    if per not in WAYS:
        raise InputError(f"there is no way {per!r:.40} to {kind}", None,
                         did_you_mean(str(per), list(WAYS)) or f"one of {', '.join(WAYS)}")
    if per == "channel" and examples.image_shape is None:
        raise ShapeError(f"{examples.origin}: inputs of {shown(examples.shape)} have no channels",
                         None, "give per feature, or one; or a shape such as 1x28x28")
    low, high = _extremes(examples.inputs, per)
    if kind == "scale":
        shift, divisor = low, high - low
    else:
        shift, divisor = _moments(examples.inputs, per)
    constant = low == high  # not where the deviation is 0: that is only so up to rounding
    shift, divisor = np.where(constant, low, shift), np.where(constant, 1.0, divisor)
    narrow = examples.inputs.dtype
    with np.errstate(over="ignore", under="ignore"):
        fits = np.isfinite(shift.astype(narrow)) & np.isfinite(divisor.astype(narrow)) & (
            divisor.astype(narrow) > 0)
    if not fits.all():
        raise DomainError(f"{examples.origin}: the inputs reach from {float(low.min()):g} to "
                          f"{float(high.max()):g}: too wide or too narrow a range to {kind}", None,
                          "give the inputs in other units")
    return Scaling(shift, divisor, kind, per)


def prepared(data: Data, per: str, kind: Kind = "standardise") -> Data:
    """The data with all parts on the scale of the training part; its `scaling` says which."""
    if data.scaling is not None:
        raise InputError(f"{data.name}: the inputs are on a common scale already", None,
                         "standardise or scale, once")
    scaling = measure(data.train, per, kind)
    parts = {}
    for name, part in data.parts().items():
        parts[name] = Examples(scaling.apply(part.inputs), part.labels, part.targets, part.classes,
                               part.origin)
    return replace(data.with_parts(parts, scaling.note()), scaling=scaling)


def _axes(inputs: Array, per: str) -> tuple[int, ...]:
    """The axes that one measurement runs over."""
    if per == "feature":
        return (0,)
    return (0, 2, 3) if per == "channel" else tuple(range(inputs.ndim))


def _extremes(inputs: Array, per: str) -> tuple[Array, Array]:
    axes = _axes(inputs, per)
    low = inputs.min(axis=axes, keepdims=True)[0].astype(np.float64)
    return low, inputs.max(axis=axes, keepdims=True)[0].astype(np.float64)


def _moments(inputs: Array, per: str) -> tuple[Array, Array]:
    """Mean and deviation in two passes, a few examples at a time so that little is widened."""
    axes = _axes(inputs, per)
    step = max(1, _CHUNK // max(1, inputs[0].size))
    pieces = [inputs[k : k + step] for k in range(0, len(inputs), step)]
    with np.errstate(over="ignore", invalid="ignore"):
        count = np.prod([inputs.shape[a] for a in axes])
        mean = sum(p.sum(axis=axes, keepdims=True, dtype=np.float64) for p in pieces) / count
        squares = sum(((p - mean) ** 2).sum(axis=axes, keepdims=True) for p in pieces)
        return mean[0], np.sqrt(squares / count)[0]
