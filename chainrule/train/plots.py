"""Pictures of a run: learning curves, the confusion matrix, the weights, the mistakes.

They are drawn by matplotlib (the extra `plot`), without a display. The learning curve shows every
mini-batch as a thin line, which is noisy, and the evaluations as points. The weights of a layer
that reads pixels are pictures themselves: what a hidden unit looks for. The mistakes are the wrong
answers that the network was surest of.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chainrule.errors import InputError
from chainrule.train.data_examples import Data, Examples
from chainrule.train.run import Run
from chainrule.train.step import class_axis

if TYPE_CHECKING:
    from chainrule.train.study import Sweep

_SHOWN: Final = 25  # weights or mistakes on one picture
_POINTS: Final = 2000  # of a curve: more cannot be seen
_CLASSES: Final = 60  # of a confusion matrix


def save_plots(run: Run, data: Any, folder: str | os.PathLike[str],
               kind: str = "png") -> list[Path]:
    """Draw all pictures that the run has something to show in, into a folder; their files.

    `data` is what it was trained on; confusion and mistakes are those of its test part (else its
    validation part). `kind` is "png" or "svg". Raises `InputError` where matplotlib is missing or
    the folder cannot be written to.
    """
    check_installed()
    pictures: dict[str, Any] = {"learning-curve": learning_curve(run)}
    weights = weight_images(run, data)
    if weights is not None:
        pictures["weights"] = weights
    part = _judged(data)
    if part is not None and class_axis(run.network) is not None and part.labels is not None:
        guesses = run.predict(part)
        if guesses.ndim == 2:
            pictures["confusion"] = confusion_matrix(guesses.argmax(axis=1), part)
            mistakes = worst_mistakes(guesses, part)
            if mistakes is not None:
                pictures["mistakes"] = mistakes
    return [_saved(figure, Path(folder), name, kind) for name, figure in pictures.items()]


def save_sweep(found: Sweep, folder: str | os.PathLike[str], kind: str = "png") -> list[Path]:
    """Draw a study: the final loss over the settings, and the learning curves of all trials."""
    check_installed()
    pictures = {"sweep": sweep_plot(found), "learning-curves": sweep_curves(found)}
    return [_saved(figure, Path(folder), name, kind) for name, figure in pictures.items()]


def check_installed() -> None:
    """Refuse to promise pictures where matplotlib is not installed."""
    _figure(1, 1)


# --- one run --------------------------------------------------------------------------------------


def learning_curve(run: Run) -> Any:
    """The loss, and below it the share of right answers, over the epochs; a figure."""
    history, per = run.history, run.epoch_steps
    both = bool(history.right)
    figure = _figure(7, 6 if both else 3.6)
    axes = figure.subplots(2 if both else 1, 1, sharex=True, squeeze=False)[:, 0]
    rows = [(axes[0], history.losses, "loss", "loss", "validation_loss")]
    if both:
        rows.append((axes[1], history.right, "right answers", "accuracy", "validation_accuracy"))
    for axis, values, label, mean, validation in rows:
        x, y = _thinned(values)
        axis.plot((x + 1) / per, y, color="tab:blue", linewidth=0.6, alpha=0.45,
                  label="mini-batches")
        ends = [0.0, *history.column("epoch")]
        middles = [(a + b) / 2 for a, b in itertools.pairwise(ends)]  # of what a mean is over
        for key, colour, name, places in ((mean, "tab:blue", "their mean", middles),
                                          (validation, "tab:orange", "validation", ends[1:])):
            points = [(x, r[key]) for x, r in zip(places, history.records, strict=True)
                      if key in r]
            if points:
                axis.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3,
                          linewidth=1.4, label=name)
        axis.set_ylabel(label)
        axis.grid(alpha=0.25)
    axes[0].legend(frameon=False)
    axes[-1].set_xlabel("epoch")
    axes[0].set_title(run.network.name)
    return figure


def confusion_matrix(guesses: np.ndarray, examples: Examples) -> Any:
    """How often each class was taken for each; a figure with a row for each true class."""
    assert examples.labels is not None
    count = max(len(examples.classes), int(guesses.max(initial=0)) + 1)
    names = (*examples.classes, *map(str, range(len(examples.classes), count)))
    if count > _CLASSES:
        raise InputError(f"a confusion matrix of {count} classes cannot be read; at most "
                         f"{_CLASSES} are drawn")
    counts = np.bincount(examples.labels * count + guesses, minlength=count * count)
    counts = counts.reshape(count, count)
    figure = _figure(1.6 + 0.45 * count, 1.2 + 0.45 * count)
    axis = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(count):
        for column in range(count):
            if counts[row, column]:
                axis.text(column, row, str(counts[row, column]), ha="center", va="center",
                          fontsize=7, color="white" if shares[row, column] > 0.5 else "black")
    turn = 45 if max(map(len, names)) > 2 else 0
    axis.set_xticks(range(count), names, rotation=turn, ha="right" if turn else "center")
    axis.set_yticks(range(count), names)
    axis.set_xlabel("taken for")
    axis.set_ylabel("is")
    wrong = int(counts.sum() - np.trace(counts))
    axis.set_title(f"{wrong:,} of {counts.sum():,} wrong", fontsize=10)
    return figure


def weight_images(run: Run, data: Any) -> Any | None:
    """The weights of the first layer as pictures, where it reads pixels; None where it does not."""
    first = next((q.tensor.name for q in run.network.parameters() if len(q.tensor.shape) > 1), None)
    if first is None:
        return None
    w = run.values[first]
    images = _pictures(w, data)
    if images is None:
        return None
    figure = _grid(images[:_SHOWN], [""] * min(len(images), _SHOWN), "RdBu", centred=True)
    told = f"{min(len(images), _SHOWN)} of {len(images)} " if len(images) > _SHOWN else ""
    figure.suptitle(f"{told}weights of {first}", fontsize=10)
    return figure


def worst_mistakes(outputs: np.ndarray, examples: Examples) -> Any | None:
    """The wrong answers that the network was surest of; None where there are none to be seen."""
    images = _pictures(examples.inputs.reshape(len(examples), -1), examples)
    labels = examples.labels
    if images is None or labels is None:
        return None
    guesses = outputs.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    if not wrong.size:
        return None
    margin = outputs[wrong, guesses[wrong]] - outputs[wrong, labels[wrong]]
    worst = wrong[np.argsort(-margin, kind="stable")][:_SHOWN]
    names = (*examples.classes, *map(str, range(len(examples.classes), outputs.shape[1])))
    told = [f"{names[labels[k]]}, taken for {names[guesses[k]]}" for k in worst]
    figure = _grid(images[worst], told, "gray_r")
    figure.suptitle(f"{len(worst)} of {wrong.size:,} mistakes", fontsize=10)
    return figure


# --- a study --------------------------------------------------------------------------------------


def sweep_plot(found: Sweep) -> Any:
    """The final loss over the setting with the most values, a line for each of the others."""
    grid = found.grid
    main = max(grid, key=lambda name: (len(grid[name]), name == "rate"))
    others = [name for name in grid if name != main]
    figure = _figure(7, 4.2)
    axis = figure.subplots()
    numbers = all(isinstance(v, int | float) for v in grid[main])
    part = found.part()
    for k, key in enumerate(_lines(found, others)):
        trials = [t for t in found.trials if all(t.chosen[n] == v for n, v in key.items())]
        points = [(t.chosen[main] if numbers else list(grid[main]).index(t.chosen[main]), t)
                  for t in trials]
        for style, which in (("-", "train"), ("--", part)):
            line = [(x, loss) for x, t in points if (loss := t.loss(which)) is not None]
            if line and (style == "-" or part != "train"):
                axis.plot(*zip(*sorted(line), strict=True), style, marker="o", markersize=3.5,
                          color=f"C{k % 10}", label=f"{_named(key)} {which}".strip())
    if numbers and min(grid[main]) > 0 and max(grid[main]) / min(grid[main]) > 30:
        axis.set_xscale("log")
    if not numbers:
        axis.set_xticks(range(len(grid[main])), [str(v) for v in grid[main]])
    axis.set_xlabel(main)
    axis.set_ylabel("final loss")
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, fontsize=8)
    return figure


def sweep_curves(found: Sweep) -> Any:
    """The mini-batch loss of all trials over the steps, a panel for each value but of one."""
    main = max(found.grid, key=lambda name: (len(found.grid[name]), name == "rate"))
    others = [name for name in found.grid if name != main]
    keys = _lines(found, others)
    figure = _figure(4.4 * min(len(keys), 3), 3.6 * math.ceil(len(keys) / 3))
    panels = figure.subplots(math.ceil(len(keys) / 3), min(len(keys), 3), sharey=True,
                             squeeze=False)
    for panel, key in zip(panels.flat, keys, strict=False):
        for t in found.trials:
            if t.run is None or any(t.chosen[n] != v for n, v in key.items()):
                continue
            x, y = _thinned(t.run.history.losses)
            panel.plot(x + 1, y, linewidth=1, label=f"{t.chosen[main]:g}" if isinstance(
                t.chosen[main], float) else str(t.chosen[main]))
        panel.set_title(_named(key), fontsize=9)
        panel.set_xlabel("step")
        panel.grid(alpha=0.25)
        panel.legend(title=main, frameon=False, fontsize=7, title_fontsize=7)
    for panel in panels.flat[len(keys):]:
        panel.set_visible(False)
    every = [t.run.history.losses for t in found.trials if t.run is not None]
    if every:  # a rate that is much too large leaves the picture, and lets the others be seen
        top = max(1.25 * max(y[0] for y in every), *(float(np.percentile(y, 90)) for y in every))
        panels.flat[0].set_ylim(top=top)
    panels.flat[0].set_ylabel("loss of the mini-batch")
    return figure


def _lines(found: Sweep, names: Sequence[str]) -> list[dict[str, Any]]:
    """The combinations of some settings, in the order of the trials."""
    met: list[dict[str, Any]] = []
    for t in found.trials:
        key = {name: t.chosen[name] for name in names}
        if key not in met:
            met.append(key)
    return met


def _named(key: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                     for name, value in key.items())


# --- drawing --------------------------------------------------------------------------------------


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure  # lazily: an extra, and slow to load
    except ImportError:
        raise InputError("pictures need matplotlib, which is not installed", None,
                         "pip install 'chainrule[plot]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def _grid(images: np.ndarray, titles: Sequence[str], colours: str, centred: bool = False) -> Any:
    """Small pictures side by side."""
    across = min(5, len(images))
    down = math.ceil(len(images) / across)
    figure = _figure(1.5 * across, 1.65 * down + 0.3)
    panels = figure.subplots(down, across, squeeze=False)
    for panel, image, title in zip(panels.flat, images, titles, strict=False):
        most = float(np.abs(image).max()) or 1.0
        limits = {"vmin": -most, "vmax": most} if centred else {}
        panel.imshow(image, cmap=colours if image.ndim == 2 else None, **limits)
        panel.set_title(title, fontsize=7)
    for panel in panels.flat:
        panel.axis("off")
    return figure


def _pictures(rows: np.ndarray, data: Any) -> np.ndarray | None:
    """Rows of pixels as pictures: by the data's shape, or square where that comes out even.

    Kernels are small pictures already.
    """
    shape = data.shape if isinstance(data, Data | Examples) else ()
    if rows.ndim == 4:
        return rows[:, 0] if rows.shape[1] != 3 or rows.shape[2] < 5 else None
    if rows.ndim != 2:
        return None
    cells = rows.shape[1]
    if len(shape) == 3 and math.prod(shape) == cells:
        pictures = rows.reshape(-1, *shape)
        return pictures[:, 0] if shape[0] != 3 else pictures.transpose(0, 2, 3, 1)
    side = math.isqrt(cells)
    return rows.reshape(-1, side, side) if side * side == cells and side >= 4 else None


def _judged(data: Any) -> Examples | None:
    """The part that mistakes are shown of."""
    if isinstance(data, Examples):
        return data
    if isinstance(data, Data):
        return data.test or data.validation or data.train
    return None


def _thinned(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """A curve's points, at most so many as can be seen: means of neighbours."""
    y = np.asarray(values, float)
    each = max(1, len(y) // _POINTS)
    whole = len(y) // each * each
    return np.arange(whole).reshape(-1, each).mean(axis=1), y[:whole].reshape(-1, each).mean(axis=1)


def _saved(figure: Any, folder: Path, name: str, kind: str) -> Path:
    import matplotlib  # lazily: an extra

    path = folder / f"{name}.{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": "chainrule", "svg.fonttype": "none"}):
            figure.savefig(path, format=kind, dpi=150,
                           metadata={"Date": None} if kind == "svg" else None)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    return path
