"""A study of settings: the same training again and again, each time with one thing changed.

    >>> found = sweep("digits-mlp", "digits", {"rate": [0.05, 0.5]}, epochs=1, backend="reference")
    >>> [trial.chosen for trial in found.trials]
    [{'rate': 0.05}, {'rate': 0.5}]
    >>> found.best().chosen
    {'rate': 0.5}

Every trial begins with the same weights and sees the examples in the same order, so that what is
different in the end comes from what was changed. A trial whose loss stops being finite is part of
the answer, and does not stop the study.
"""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from chainrule.document.blocks import (
    Block,
    Column,
    Document,
    Prose,
    cell,
    inlines,
    note,
    p,
    table,
)
from chainrule.errors import InputError, LimitError
from chainrule.nn.network import Network
from chainrule.nn.spec import NetworkSpec
from chainrule.render import Page
from chainrule.train.api import loaded, network_for
from chainrule.train.augment import Augment
from chainrule.train.faults import NonFiniteError
from chainrule.train.job import SETTINGS, settings_of
from chainrule.train.loop import train
from chainrule.train.run import Run, loss_text

TRIALS: Final = 1000  # of one sweep, at most
_WORDS: Final = ("optimiser", "schedule", "last", "dtype", "initial", "backend")


@dataclass(frozen=True)
class Trial:
    """One training: what was chosen, and its run; or the fault that ended it."""

    chosen: Mapping[str, Any]
    run: Run | None
    fault: str = ""

    def loss(self, part: str) -> float | None:
        """The final loss on a part."""
        if self.run is None or part not in self.run.scores:
            return None
        return self.run.scores[part].loss


@dataclass(frozen=True)
class Sweep:
    """The trials of a study, in the order of the grid: the last setting changes fastest."""

    network: str
    data: str
    grid: Mapping[str, Sequence[Any]]
    trials: Sequence[Trial]
    notes: tuple[str, ...] = ()

    def part(self) -> str:
        """The part that settings are chosen by: validation where there is one."""
        parts = {part for t in self.trials if t.run is not None for part in t.run.scores}
        return "validation" if "validation" in parts else "train"

    def best(self) -> Trial | None:
        """The trial with the least validation loss; None where none came to an end."""
        part = self.part()
        ended = [(loss, k) for k, t in enumerate(self.trials)
                 if (loss := t.loss(part)) is not None and loss == loss]
        return self.trials[min(ended)[1]] if ended else None

    def document(self) -> Page:
        """The study as a page: a row for each trial, the best one marked."""
        found = _document(self)
        return Page(found.title, found.blocks, found.meta)


def sweep(
    network: Network | NetworkSpec | str | os.PathLike[str], data: Any,
    grid: Mapping[str, Sequence[Any]], *, shape: Sequence[int] | None = None,
    network_options: Mapping[str, Any] | None = None, loss: Any = None,
    told: Callable[[int, int, Mapping[str, Any]], None] | None = None, **options: Any,
) -> Sweep:
    """Train once for each combination of the settings in `grid`.

    A name in the grid is a setting of training, one of the optimiser's own, or an option of the
    network (`hidden`). `told` is called before each trial. All settings are checked before the
    first trial is begun. Raises `LimitError` for more than 1,000 trials.
    """
    names = list(grid)
    for name in names:
        if not grid[name]:
            raise InputError(f"there is nothing to try for {name}")
        if name in options:
            raise InputError(f"{name} is swept over, and given beside that")
    count = 1
    for values in grid.values():
        count *= len(values)
    if not names or count > TRIALS:
        raise LimitError(f"a sweep has 1 to {TRIALS:,} trials, not {count if names else 0:,}")
    own = dict(network_options or {})
    inner = _own_names(network, names)
    chosen = [dict(zip(names, values, strict=True))
              for values in itertools.product(*(grid[name] for name in names))]
    settings = [settings_of({**options, **{k: v for k, v in c.items() if k not in inner}})
                for c in chosen]
    data = loaded(data, settings[0].dtype)
    notes: list[str] = []
    built = [network_for(network, data, shape, {**own, **{k: v for k, v in c.items() if k in inner}}
                         if not isinstance(network, Network) else {}, notes) for c in chosen]
    trials = []
    for k, (choice, setting, one) in enumerate(zip(chosen, settings, built, strict=True)):
        if told is not None:
            told(k, count, choice)
        try:
            trials.append(Trial(choice, train(one, data, loss=loss, settings=setting)))
        except NonFiniteError as error:
            trials.append(Trial(choice, None, error.message))
    first = next((t.run for t in trials if t.run is not None), None)
    name = built[0].name
    return Sweep(name, first.data_name if first else "data", dict(grid), trials,
                 tuple(dict.fromkeys(notes)))


def _own_names(network: Any, names: Sequence[str]) -> set[str]:
    """The names of a grid that are the network's own options: those that are no settings."""
    if isinstance(network, Network):
        return set()
    return {name for name in names if name not in SETTINGS}


def read_grid(words: Sequence[str]) -> dict[str, list[Any]]:
    """A grid as it is written: `rate=0.01,0.1 momentum=0,0.9`.

    >>> read_grid(["rate=0.01,0.1", "optimiser=sgd,adam"])
    {'rate': [0.01, 0.1], 'optimiser': ['sgd', 'adam']}
    """
    grid: dict[str, list[Any]] = {}
    for word in words:
        name, equals, rest = (part.strip() for part in word.partition("="))
        values = [v.strip() for v in rest.split(",")]
        if not equals or not name.isidentifier() or not all(values):
            raise InputError(f"a sweep is NAME=VALUE,VALUE,…, not {word!r:.60}", None,
                             "such as rate=0.01,0.1")
        if name in grid:
            raise InputError(f"{name} is swept over twice")
        grid[name] = [value if name in _WORDS else read_number(name, value) for value in values]
    return grid


def read_number(name: str, text: str) -> int | float:
    """A whole number, or a decimal one; raises `InputError` for anything else."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    raise InputError(f"{name} is a number, not {text!r:.40}")


# --- the page -------------------------------------------------------------------------------------


def _document(found: Sweep) -> Document:
    names = list(found.grid)
    runs = [t.run for t in found.trials if t.run is not None]
    blocks: list[Block] = []
    if runs:
        blocks.append(p(_said(found, runs[0])))
    parts = list(dict.fromkeys(part for r in runs for part in r.scores))
    classes = any(s.right is not None for r in runs for s in r.scores.values())
    heads: list[Prose | Column] = [Column(inlines(name), "right") for name in names]
    for part in parts:
        heads.append(Column(inlines(f"{part} loss"), "right"))
        if classes:
            heads.append(Column(inlines("error rate"), "right"))
    best = found.best()
    rows = []
    for trial in found.trials:
        row: list[Prose] = [_told(trial.chosen[name]) for name in names]
        scores = {} if trial.run is None else trial.run.scores
        for part in parts:
            score = scores.get(part)
            row.append("not finite" if score is None else loss_text(score.loss))
            if classes:
                rate = None if score is None else score.error_rate
                row.append("" if rate is None else f"{rate:.2%}")
        marked = trial is best and "seed" not in names  # no seed is better than another
        rows.append([cell(text, emphasis=marked) for text in row])
    blocks.append(table(heads, rows, row_header=False))
    if "seed" in names:
        blocks += _over_seeds(found, parts, classes)
    if best is not None and "seed" not in names:
        chosen = ", ".join(f"{name} {_told(value)}" for name, value in best.chosen.items())
        least = loss_text(best.loss(found.part()) or 0.0)
        blocks.append(p(f"The least {found.part()} loss, {least}, is that of {chosen}."))
    for trial in found.trials:
        if trial.fault:
            chosen = ", ".join(f"{name} {_told(value)}" for name, value in trial.chosen.items())
            blocks.append(note(f"{chosen}: {trial.fault}", kind="warning"))
    blocks += [note(text) for text in found.notes]
    return Document(f"Training {found.network} with {' and '.join(names)} varied", tuple(blocks))


def _over_seeds(found: Sweep, parts: Sequence[str], classes: bool) -> list[Block]:
    """Mean and spread over the seeds, a row for each part and choice of the other settings."""
    others = [name for name in found.grid if name != "seed"]
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for trial in found.trials:
        if trial.run is not None:
            key = tuple(trial.chosen[name] for name in others)
            groups.setdefault(key, []).append(trial.run)
    heads: list[Prose | Column] = [Column(inlines(name), "right") for name in others]
    heads += ["part", Column(inlines("seeds"), "right"), Column(inlines("loss"), "right")]
    if classes:
        heads.append(Column(inlines("error rate, %"), "right"))
    rows = []
    for key, runs in groups.items():
        for part in parts:
            scores = [r.scores[part] for r in runs]
            row = [*map(_told, key), part, str(len(runs)),
                   _spread([s.loss for s in scores], "{:.6f}")]
            if classes:
                row.append(_spread([100 * (s.error_rate or 0.0) for s in scores], "{:.2f}"))
            rows.append(row)
    said = "Over the seeds, the mean ± the standard deviation from seed to seed:"
    blocks: list[Block] = [p(said),
                           table(heads, rows, row_header=False)] if rows else []
    if len(groups) > 1:
        means = {key: statistics.fmean(r.scores[found.part()].loss for r in runs)
                 for key, runs in groups.items()}
        best = min(means, key=lambda key: means[key])
        chosen = ", ".join(f"{name} {_told(v)}" for name, v in zip(others, best, strict=True))
        blocks.append(p(f"The least mean {found.part()} loss, {loss_text(means[best])}, is that of "
                        f"{chosen}."))
    return blocks


def _spread(values: Sequence[float], form: str) -> str:
    """Mean and standard deviation.

    >>> _spread([1.0, 2.0, 3.0], "{:.1f}")
    '2.0 ± 1.0'
    """
    mean = form.format(statistics.fmean(values))
    return mean if len(values) < 2 else f"{mean} ± {form.format(statistics.stdev(values))}"


def _said(found: Sweep, run: Run) -> str:
    """What all trials have in common, in a line; what is varied is left out."""
    words = [found.data]
    settings = run.settings
    if "optimiser" not in found.grid and "momentum" not in found.grid:
        words.append(settings.optimiser)
    if "rate" not in found.grid:
        words.append(f"rate {settings.learning_rate:g}")
    if settings.schedule != "constant" and "schedule" not in found.grid:
        words.append(f"schedule {settings.schedule}")
    if settings.augment is not None and "augment" not in found.grid:
        words.append(f"pictures {Augment.read(settings.augment).told()}")
    if "batch" not in found.grid:
        words.append(f"batches of {settings.batch}")
    words.append("shuffled" if settings.shuffle else "in order")
    words += [settings.dtype, settings.runs_on]
    if not {"batch", "epochs", "iterations"} & found.grid.keys():
        words.append(f"{run.steps:,} steps each")
    told = ", ".join(words)
    return f"{told}, from the same weights." if "seed" not in found.grid else f"{told}."


def _told(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
