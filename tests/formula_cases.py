"""Cases of the library's formulas, made from what each entry declares.

A `Case` is a formula in place: so many leading axes and axes in the window, some settings, sizes of
a few cells. Nothing here knows a formula by name: which settings to try is `sample` and `more` in
the entry (and each of its options the other way), where its inputs lie is `draws`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chainrule.formulas import LIBRARY, Entry, instantiate, program_of
from chainrule.formulas.entry import NEEDED
from chainrule.formulas.instance import Instance
from chainrule.formulas.template import name_on_axis
from chainrule.lang.integers import Size, constant
from chainrule.lang.program import Program, Tensor
from chainrule.lang.verify import verify

WINDOWS = {1: (6,), 2: (5, 4), 3: (3, 4, 3)}  # cells along a window's axes
LEADING = (2, 1)  # cells along leading axes
CELLS = 4  # along any other axis


@dataclass(frozen=True)
class Case:
    """A formula with so many axes and these settings, as layers have it or as training has it."""

    name: str
    leading: int
    axes: int
    settings: tuple[tuple[str, object], ...] = ()
    training: bool = False

    def __str__(self) -> str:
        said = ",".join(f"{k}={v}" for k, v in self.settings)
        return f"{self.name}-{self.leading}+{self.axes}{'-train' * self.training}-{said}"

    @property
    def entry(self) -> Entry:
        return LIBRARY[self.name]

    @property
    def text(self) -> str:
        entry = self.entry
        return entry.training if self.training and entry.training else entry.text


# --- which cases ----------------------------------------------------------------------------------


def _spreads(entry: Entry, training: bool) -> bool:
    return "..." in ((entry.training if training else None) or entry.text)


def _axes(entry: Entry) -> tuple[int, ...]:
    """The numbers of axes in the window that are worth a try."""
    if isinstance(entry.axes, int):
        return (entry.axes,)
    if isinstance(entry.axes, tuple):
        return entry.axes[:1]  # the others are told apart by the shape alone
    return (0, 1, 2, 3) if entry.axes in ("axis", "rest") else (1, 2, 3)


def _with_axes(entry: Entry, settings: Mapping[str, object], leading: int, axes: int) -> Case:
    """The case whose setting for the axes says what the numbers of axes say."""
    chosen = dict(settings)
    if entry.axes in ("axis", "start_dim"):
        chosen[str(entry.axes)] = leading
    elif entry.axes == "normalized_shape":
        chosen["normalized_shape"] = WINDOWS[axes]
    return Case(entry.name, leading, axes, tuple(sorted(chosen.items())))


def plain_cases(entry: Entry, training: bool = False) -> Iterator[Case]:
    """The formula with its sample's settings, for 0, 1 and 2 leading axes and all its windows."""
    every = _axes(entry)
    if isinstance(entry.axes, tuple) and not training:  # without a batch its axes would be others
        yield from (_with_axes(entry, entry.sample, leading, every[0]) for leading in (1, 2))
        return
    for leading in (0, 1, 2) if _spreads(entry, training) else (0,):
        for axes in every if leading == 1 or not _spreads(entry, training) else every[:2]:
            case = _with_axes(entry, entry.sample, leading, axes)
            yield Case(case.name, case.leading, case.axes, case.settings, training)


def further_settings(entry: Entry) -> Iterator[dict[str, object]]:
    """The entry's further settings; each option the other way; each word of a setting."""
    yield from (dict(entry.sample) | dict(more) for more in entry.more)
    for setting in entry.settings:
        if isinstance(setting.default, bool):
            yield dict(entry.sample) | {setting.name: not setting.default}
        for word in setting.words:
            yield dict(entry.sample) | {setting.name: word}


def further_cases(entry: Entry) -> Iterator[Case]:
    """The formula with other settings than its sample's, on one leading axis."""
    leading = 1 if _spreads(entry, False) else 0
    for settings in further_settings(entry):
        yield _with_axes(entry, settings, leading, _axes(entry)[0 if entry.axes != "axis" else 1])


def all_cases() -> list[Case]:
    """Every formula, its training variant, its settings."""
    found: dict[Case, None] = {}
    for entry in LIBRARY.values():
        found.update(dict.fromkeys(plain_cases(entry)))
        found.update(dict.fromkeys(further_cases(entry)))
        if entry.training:
            found.update(dict.fromkeys(plain_cases(entry, training=True)))
    return list(found)


# --- a case's program and values ------------------------------------------------------------------


@lru_cache(maxsize=2048)
def generic(case: Case) -> Program:
    """The formula with all its sizes as names."""
    return program_of(case.entry, case.leading, case.axes, case.training)


def _chosen(case: Case) -> dict[str, int]:
    """The sizes that settings give as numbers."""
    found: dict[str, int] = {}
    given = dict(case.settings)
    for setting in case.entry.settings:
        value = given.get(setting.name, setting.default)
        parts = setting.parts
        if value is None or value == NEEDED or isinstance(value, bool | float):
            continue
        values = value if isinstance(value, tuple) and setting.per_axis else (value,)
        for axis in range(case.axes if setting.per_axis else 1):
            one = values[axis % len(values)]
            ends = one if isinstance(one, tuple) else (one,) * len(parts)
            for part, end in zip(parts, ends, strict=True):
                if isinstance(end, int) and part.isidentifier():
                    found[name_on_axis(part, axis, case.axes) if setting.per_axis else part] = end
    return found


def small_sizes(case: Case) -> dict[str, int]:
    """A number for each size of the inputs: what settings say, else a few cells."""
    found = _chosen(case)
    windows: dict[str, int] = {}
    for part in re.findall(r"\{([^{}]*)\}", case.text):
        for name in re.findall(r"[A-Z]\w*", part):
            for axis in range(case.axes):
                windows[name_on_axis(name, axis, case.axes)] = WINDOWS[case.axes][axis]
    fronts = iter(LEADING)
    p = generic(case)
    for tensor in p.tensors.values():
        if tensor.role != "data":
            continue
        for place, axis in enumerate(tensor.shape):
            for name in axis.sizes():
                front = place < case.leading or case.training
                found.setdefault(name, windows.get(name) or (
                    next(fronts, 2) if front and place < 2 else CELLS))
    return found


@lru_cache(maxsize=2048)
def instance(case: Case) -> Instance:
    """The formula in its place, for small inputs."""
    numbers = small_sizes(case)
    shapes = {}
    for name, tensor in generic(case).tensors.items():
        if tensor.role == "data" and not _left_out(case, name):
            shapes[name] = tuple(axis.substitute(
                lambda a: constant(numbers[a.name]) if isinstance(a, Size) else None)
                for axis in tensor.shape)
    return instantiate(case.entry, shapes, dict(case.settings), case.training)


def _left_out(case: Case, name: str) -> bool:
    """Every second formula goes without the inputs that may be left out."""
    return name in case.entry.absent and case.leading == 2


@lru_cache(maxsize=2048)
def program(case: Case) -> Program:
    """The case's program, all its sizes numbers; new states are outputs too."""
    found = instance(case)
    states = tuple(new for _, new in found.updates)
    outputs = tuple(dict.fromkeys((*found.outputs, *states)))
    return verify(Program(found.tensors, found.inputs, found.equations, outputs, found.updates))


def shape(tensor: Tensor) -> tuple[int, ...]:
    """A tensor's shape in numbers."""
    cells = [axis.constant for axis in tensor.shape]
    assert None not in cells, tensor
    return tuple(n for n in cells if n is not None)


def values(case: Case, seed: int = 0) -> dict[str, np.ndarray]:
    """A random point in the domain of the formula."""
    rng = np.random.default_rng([seed, zlib.crc32(str(case).encode())])
    found = {}
    for name in program(case).inputs:
        tensor = program(case).tensors[name]
        if tensor.kind == "integer":
            assert tensor.below is not None and tensor.below.constant is not None
            found[name] = rng.integers(0, tensor.below.constant, shape(tensor))
        else:
            found[name] = draw(rng, case.entry.draws.get(name, ""), shape(tensor))
    return found


def draw(rng: np.random.Generator, where: str, cells: tuple[int, ...]) -> np.ndarray:
    """Random numbers: positive, probabilities, bits, signs; without a word in (-2, 2)."""
    if where == "positive":
        return rng.uniform(0.5, 1.5, cells)
    if where == "probabilities":
        return rng.uniform(0.1, 0.9, cells)
    if where == "bits":
        return rng.integers(0, 2, cells).astype(float)
    if where == "signs":
        return rng.choice([-1.0, 1.0], cells)
    assert not where, f"nothing is drawn from {where}"
    count = int(np.prod(cells))  # far from each other, so that no maximum is near a tie
    return ((rng.permutation(count) + rng.uniform(0.3, 0.7, count)) / count * 4 - 2).reshape(cells)
