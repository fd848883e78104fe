"""Pictures of a run: learning curves, the confusion matrix, the weights, the mistakes.

They are drawn by matplotlib (the extra `plot`), without a display. The learning curve shows every
mini-batch as a thin line, which is noisy, and the evaluations as points. The weights of a layer
that reads pixels are pictures themselves: what a hidden unit looks for. The mistakes are the wrong
answers that the network was surest of.

The colours are told apart by people who see red and green alike, and in grey: those of categories
are M. Okabe and K. Ito's (2008), with a marker for each; those of an ordered setting, such as the
rate, go from dark to light.
"""

from __future__ import annotations

import io
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

_WEIGHTS: Final = 40  # pictures of weights on one figure
_MISTAKES: Final = 15
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS: Final = "os^Dv*P"
_STEEP: Final = 8.0  # a loss that falls by more is drawn on a logarithmic scale
_COLOURS_KEPT: Final = 128  # of a PNG: a picture of curves has few, and is small with a palette
_POINTS: Final = 600  # of a curve: more cannot be seen
_CURVE: Final = 5  # evaluations that make a curve
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
        each = round(len(values) / max(len(y), 1))
        axis.plot((x + 1) / per, y, color="#9ecae1", linewidth=0.7,
                  label="mini-batches" + (f", {each} at a time" if each > 1 else ""))
        ends = [0.0, *history.column("epoch")]
        middles = [(a + b) / 2 for a, b in itertools.pairwise(ends)]  # of what a mean is over
        for k, (key, name, places) in enumerate(((mean, "their mean", middles),
                                                 (validation, "validation", ends[1:]))):
            points = [(x, r[key]) for x, r in zip(places, history.records, strict=True)
                      if key in r]
            if points:
                axis.plot(*zip(*points, strict=True), color=_COLOURS[k], marker=_MARKERS[k],
                          markersize=4 if len(points) <= 30 else 0, linewidth=1.5, label=name)
        axis.set_ylabel(label)
        _plain(axis)
    means = history.column("loss")
    if means and 0 < _STEEP * means[-1] < history.losses[0] and min(history.losses) > 0:
        axes[0].set_yscale("log")
        _number_ticks(axes[0].yaxis)
    if both:
        _percent(axes[1].yaxis)
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
    axis.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1)  # the root, so that few are seen too
    for row in range(count):
        for column in range(count):
            if counts[row, column]:
                axis.text(column, row, str(counts[row, column]), ha="center", va="center",
                          fontsize=7, color="white" if shares[row, column] > 0.3 else "black")
    turn = 45 if max(map(len, names)) > 2 else 0
    axis.set_xticks(range(count), names, rotation=turn, ha="right" if turn else "center")
    axis.set_yticks(range(count), names)
    axis.set_xlabel("what it was taken for")
    axis.set_ylabel("what it is")
    wrong, total = int(counts.sum() - np.trace(counts)), int(counts.sum())
    axis.set_title(f"{wrong:,} of {total:,} wrong ({wrong / max(total, 1):.2%})", fontsize=10)
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
    shown = images[:_WEIGHTS]
    figure = _grid(shown, [""] * len(shown), "RdBu_r", min(10, len(images)), 0.8, centred=True)
    told = f", {len(shown)} of {len(images)}" if len(images) > len(shown) else ""
    figure.suptitle(f"weights of {first}{told}: red above zero, blue below, each on its own scale",
                    fontsize=9)
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
    worst = wrong[np.argsort(-margin, kind="stable")][:_MISTAKES]
    names = (*examples.classes, *map(str, range(len(examples.classes), outputs.shape[1])))
    told = [f"{names[labels[k]]},\ntaken for {names[guesses[k]]}" for k in worst]
    figure = _grid(images[worst], told, "gray_r", min(5, len(worst)), 1.35)
    all_of = f"the surest {len(worst)} of {wrong.size:,} mistakes"
    if len(worst) == wrong.size:
        all_of = "the only mistake" if wrong.size == 1 else f"all {wrong.size} mistakes"
    figure.suptitle(all_of, fontsize=10)
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
        look = {"color": _COLOURS[k % len(_COLOURS)], "marker": _MARKERS[k % len(_MARKERS)]}
        for style, which in (("-", "train"), (":", part)):
            line = [(x, loss) for x, t in points if (loss := t.loss(which)) is not None]
            if line and (style == "-" or part != "train"):
                axis.plot(*zip(*sorted(line), strict=True), style, **look, markersize=6,
                          linewidth=1.6, fillstyle="full" if style == "-" else "none",
                          label=", ".join(filter(None, (_named(key), which))))
        for x, t in points:  # a trial that came to no end is marked where it was
            if t.run is None:
                axis.plot([x], [0.97], "x", color=look["color"], markersize=8,
                          transform=axis.get_xaxis_transform())
                axis.annotate("not finite", (x, 0.94), ha="center", va="top", fontsize=7,
                              xycoords=axis.get_xaxis_transform(), color=look["color"])
    if numbers and min(grid[main]) > 0 and max(grid[main]) / min(grid[main]) > 30:
        axis.set_xscale("log")
    if not numbers:
        axis.set_xticks(range(len(grid[main])), [str(v) for v in grid[main]])
    elif len(grid[main]) <= 10:  # the values that were tried, and no others
        axis.set_xticks(sorted(grid[main]), [f"{v:g}" for v in sorted(grid[main])])
        axis.set_xticks([], minor=True)
    axis.set_xlabel(f"{main}, on a logarithmic scale" if axis.get_xscale() == "log" else main)
    axis.set_ylabel("loss after training")
    _plain(axis)
    axis.legend(frameon=False, fontsize=9)
    return figure


def sweep_curves(found: Sweep) -> Any:
    """The loss of all trials over the steps, a panel for each value of what is varied besides.

    It is that of the validation part where it was measured often enough to make a curve, else that
    of the mini-batches.
    """
    main = max(found.grid, key=lambda name: (len(found.grid[name]), name == "rate"))
    others = [name for name in found.grid if name != main]
    keys = _lines(found, others)
    across = min(len(keys), 3)
    figure = _figure(0.9 + 3.6 * across, 3.6 * math.ceil(len(keys) / 3))
    panels = figure.subplots(math.ceil(len(keys) / 3), across, sharey=True, squeeze=False)
    runs = [t.run for t in found.trials if t.run is not None]
    measured = all(len(r.history.column("validation_loss")) >= _CURVE for r in runs)
    every, handles = [], {}
    for panel, key in zip(panels.flat, keys, strict=False):
        for t in found.trials:
            if t.run is None or any(t.chosen[n] != v for n, v in key.items()):
                continue
            x, y = _validation(t.run) if measured else _thinned(t.run.history.losses)
            every.append(y)
            told = _named({"": t.chosen[main]}).strip()
            handles[told], = panel.plot(
                x, y, **_in_order(list(found.grid[main]).index(t.chosen[main]),
                                  len(found.grid[main])), markevery=max(1, len(x) // 7))
        panel.set_title(_named(key), fontsize=9)
        panel.set_xlabel("step")
        _plain(panel)
    for panel in panels.flat[len(keys):]:
        panel.set_visible(False)
    if every:  # a rate that is much too large leaves the picture, and lets the others be seen
        usual = float(np.median([y[0] for y in every]))
        tops = [float(np.max(y)) for y in every]
        panels.flat[0].set_ylim(top=min(max(tops) * 1.03, 1.25 * usual))
        figure.legend(handles.values(), handles.keys(), title=main, frameon=False, fontsize=8,
                      title_fontsize=8, loc="outside right center")
    panels.flat[0].set_ylabel("validation loss" if measured else "loss of the mini-batch")
    return figure


def _validation(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which the validation loss was measured, and the losses."""
    points = [(r["step"], r["validation_loss"]) for r in run.history.records
              if "validation_loss" in r]
    steps, losses = zip(*points, strict=True)
    return np.array(steps), np.array(losses)


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


def _plain(axis: Any) -> None:
    """A light grid and no frame: what is drawn is what is seen."""
    axis.grid(alpha=0.3, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter  # lazily: an extra

    axis.set_major_formatter(PercentFormatter(1.0))


def _number_ticks(axis: Any) -> None:
    """A logarithmic axis with 0.1, 0.2, 0.5, 1, … instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # lazily: an extra

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _in_order(place: int, count: int) -> dict[str, Any]:
    """The look of a line that is one of an ordered row: from dark to light."""
    from matplotlib import colormaps  # lazily: an extra

    share = place / max(count - 1, 1)
    return {"color": colormaps["viridis"](0.9 * share), "linewidth": 1.4,
            "marker": _MARKERS[place % len(_MARKERS)], "markersize": 4}


def _grid(images: np.ndarray, titles: Sequence[str], colours: str, across: int, side: float,
          centred: bool = False) -> Any:
    """Small pictures side by side, `side` inches each."""
    down = math.ceil(len(images) / across)
    lines = max((title.count("\n") + 1 for title in titles if title), default=0)
    figure = _figure(max(side * across, 5.5 if centred else 2.5),
                     (side + 0.13 * lines) * down + 0.35)
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
    each = max(1, -(-len(y) // _POINTS))
    whole = len(y) // each * each
    return np.arange(whole).reshape(-1, each).mean(axis=1), y[:whole].reshape(-1, each).mean(axis=1)


def _save_small(figure: Any, path: Path) -> None:
    """A PNG with a palette: a third of the size, and no difference that can be seen."""
    from PIL import Image  # lazily: matplotlib, an extra, brings it along

    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=130)
    whole.seek(0)
    with Image.open(whole) as picture:
        picture.convert("RGB").quantize(_COLOURS_KEPT).save(path, "PNG", optimize=True)


def _saved(figure: Any, folder: Path, name: str, kind: str) -> Path:
    import matplotlib  # lazily: an extra

    path = folder / f"{name}.{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": "chainrule", "svg.fonttype": "none"}):
            if kind == "png":
                _save_small(figure, path)
            else:
                figure.savefig(path, format=kind, metadata={"Date": None})
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    return path
