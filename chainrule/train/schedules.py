"""Learning-rate schedules: the rate η as a function of time, in epochs.

    constant                  η
    step:every=30,factor=0.1  η·factor^⌊t/every⌋          stairs
    exponential:factor=0.95   η·factor^t
    1/t:decay=1               η/(1 + decay·t)             Robbins and Monro's conditions hold
    cosine:to=0               to + (η - to)(1 + cos(π t/T))/2      T: the whole run
    warmup-cosine:warmup=1    η·(t + 1 step)/warmup at first, then the cosine over what is left

Time is counted in epochs, so that a schedule means the same whatever the batch. Step k of a run
whose epochs have n steps is at t = k/n.

Sources: Robbins and Monro 1951 (1/t); Loshchilov and Hutter 2017, SGDR, equation 5 (cosine); Goyal
et al. 2017, section 2.2 (warm-up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from chainrule.errors import InputError, UnknownNameError, did_you_mean

_Rule = Callable[[float, float, float, float, Mapping[str, float]], float]


def _cosine(t: float, total: float, rate: float, to: float) -> float:
    share = min(t / total, 1.0) if total > 0 else 1.0
    return to + (rate - to) * (1 + math.cos(math.pi * share)) / 2


def _warm(t: float, total: float, step: float, rate: float, at: Mapping[str, float]) -> float:
    warmup = at["warmup"]
    if t < warmup:
        return rate * min((t + step) / warmup, 1.0)
    return _cosine(t - warmup, total - warmup, rate, at["to"])


# name -> its settings with their usual values, and the rate at time t of a run of a length, a step
# being so long
_RULES: Final[dict[str, tuple[dict[str, float], _Rule]]] = {
    "constant": ({}, lambda t, total, step, rate, at: rate),
    "step": ({"every": 10.0, "factor": 0.1},
             lambda t, total, step, rate, at:
             rate * at["factor"] ** math.floor(t / at["every"] + 1e-9)),
    "exponential": ({"factor": 0.95}, lambda t, total, step, rate, at: rate * at["factor"] ** t),
    "1/t": ({"decay": 1.0}, lambda t, total, step, rate, at: rate / (1 + at["decay"] * t)),
    "cosine": ({"to": 0.0}, lambda t, total, step, rate, at: _cosine(t, total, rate, at["to"])),
    "warmup-cosine": ({"warmup": 1.0, "to": 0.0}, _warm),
}
SCHEDULES: Final = tuple(_RULES)
_POSITIVE: Final = frozenset({"every", "factor", "warmup"})


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule by name, with its settings.

    >>> Schedule("cosine").rates(0.1, 0, 5, steps=4, epoch=2).round(4).tolist()
    [0.1, 0.0854, 0.05, 0.0146, 0.0]
    """

    name: str = "constant"
    settings: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Schedule:
        """A schedule as it is written: `step:every=30,factor=0.1`.

        Raises `UnknownNameError` for a name that there is not, `InputError` for a bad number.

        >>> Schedule.read("step:every=30").settings
        {'every': 30.0, 'factor': 0.1}
        """
        name, _, rest = text.strip().partition(":")
        if name not in _RULES:
            raise UnknownNameError(f"there is no schedule {name!r:.40}", None,
                                   did_you_mean(name, [*_RULES]) or f"one of {', '.join(_RULES)}")
        found = dict(_RULES[name][0])
        for word in filter(None, (w.strip() for w in rest.split(","))):
            key, _, value = (part.strip() for part in word.partition("="))
            if key not in found:
                raise UnknownNameError(f"the schedule {name} has no setting {key!r:.40}", None,
                                       did_you_mean(key, [*found])
                                       or f"it has {', '.join(found) or 'none'}")
            found[key] = _number(name, key, value)
        return cls(name, found)

    def rates(self, rate: float, first: int, count: int, *, steps: int,
              epoch: int) -> np.ndarray:
        """The rates of `count` steps from step `first` on, in a run of `steps` steps.

        `epoch` is how many steps an epoch has.
        """
        settings = {**_RULES[self.name][0], **self.settings}
        rule = _RULES[self.name][1]
        return np.array([rule(k / epoch, steps / epoch, 1 / epoch, rate, settings)
                         for k in range(first, first + count)])

    def __str__(self) -> str:
        usual = _RULES[self.name][0]
        told = ",".join(f"{key}={repr(value).removesuffix('.0')}"
                        for key, value in self.settings.items() if value != usual[key])
        return f"{self.name}:{told}" if told else self.name


def _number(name: str, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or (key in _POSITIVE and value == 0):
        least = "above 0" if key in _POSITIVE else "of at least 0"
        raise InputError(f"the schedule {name}: {key} is a number {least}, not {text!r:.40}")
    return value
