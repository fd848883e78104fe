"""What a training run leaves: the parameters, how it went, and how good the network is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from chainrule.document.blocks import Block, Column, Document, Prose, inlines, note, p, table
from chainrule.nn.network import Network
from chainrule.render import Page
from chainrule.train.data_examples import Examples
from chainrule.train.feed import Feed, feed
from chainrule.train.scoring import Score, Scorer
from chainrule.train.settings import Settings

_ROWS: Final = 12  # evaluations shown in a table; the log has all


@dataclass
class History:
    """How a run went.

    `losses` has the mini-batch's objective of every step and `right` its share of right answers
    (empty where there are no classes); `records` has an entry for each evaluation, with the means
    since the one before.
    """

    losses: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """One number of all evaluations, such as "validation_loss"."""
        return [record[name] for record in self.records if name in record]


@dataclass
class Run:
    """A run that is over.

    `values` are the parameters (and running statistics) by tensor name: the last ones, or with
    early stopping the best. `scores` are by part: train, validation, test. `best` tells the step
    and the validation loss of the best evaluation.
    """

    network: Network
    settings: Settings
    history: History
    values: dict[str, np.ndarray]
    step: int
    steps: int
    epoch_steps: int
    scores: dict[str, Score]
    scorer: Scorer
    classes: tuple[str, ...] = ()
    best: Mapping[str, Any] | None = None
    stopped_early: bool = False
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    data_name: str = "data"

    def evaluate(self, examples: Examples | Mapping[str, Any]) -> Score:
        """How good the network is on other examples; raises what `feed` raises."""
        return self.scorer.score(self.feed(examples), self.values)

    def predict(self, examples: Examples | Mapping[str, Any]) -> np.ndarray:
        """The network's output for each example, the examples along the first axis."""
        return self.scorer.outputs(self.feed(examples), self.values)

    def feed(self, examples: Examples | Mapping[str, Any]) -> Feed:
        """Examples as the network reads them."""
        return feed(self.network, examples, self.settings.dtype, "given")

    @property
    def epochs(self) -> float:
        """How many epochs the run has been through."""
        return self.step / self.epoch_steps

    def document(self) -> Page:
        """The result as a page: the settings, how it went, the scores."""
        found = _document(self)
        return Page(found.title, found.blocks, found.meta)

    def __repr__(self) -> str:
        told = ", ".join(f"{part} loss {score.loss:.4f}" for part, score in self.scores.items())
        return f"<Run of {self.network.name}: {self.step} steps, {told}>"


def _document(run: Run) -> Document:
    blocks: list[Block] = [p(f"{run.data_name}; {run.settings.told()}; {_length(run)}.")]
    shown = _shown(run.history.records)
    if len(shown) > 1:
        loss = "objective" if run.settings.decay else "batch loss"
        blocks.append(_course(shown, len(run.history.records), loss))
    blocks.append(score_table(run.scores))
    if run.best is not None and (run.stopped_early or run.settings.patience is not None):
        blocks.append(p(_told_of_best(run)))
    blocks += [note(text) for text in run.notes]
    return Document(f"Training {run.network.name}", tuple(blocks))


def _length(run: Run) -> str:
    steps = f"{run.step:,} step{'s' * (run.step != 1)}"
    epochs = run.epochs
    whole = f"{epochs:.0f}" if abs(epochs - round(epochs)) < 1e-9 else f"{epochs:.2f}"
    return f"{steps} ({whole} epoch{'s' * (whole != '1')})"


def _told_of_best(run: Run) -> str:
    assert run.best is not None
    words = (f"The validation loss was least, {loss_text(run.best['loss'])}, after step "
             f"{run.best['step']:,}")
    if run.stopped_early:
        words += f", and not less for {run.settings.patience} evaluations more: stopped there"
    if run.settings.patience is not None:
        words += ". These weights are the ones kept"
    return words + "."


def _shown(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Not more than a screen of evaluations: evenly spaced, the first and the last among them."""
    if len(records) <= _ROWS:
        return list(records)
    places = sorted({round(k * (len(records) - 1) / (_ROWS - 1)) for k in range(_ROWS)})
    return [records[k] for k in places]


def _course(records: Sequence[dict[str, Any]], count: int, loss: str) -> Block:
    """How it went, evaluation by evaluation."""
    wanted: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
        ("epoch", "epoch", "{:.4g}".format), ("step", "step", "{:,}".format),
        ("rate", "rate", "{:.3g}".format), ("loss", loss, loss_text),
        ("accuracy", "right", "{:.1%}".format), ("validation_loss", "validation loss", loss_text),
        ("validation_accuracy", "right", "{:.1%}".format))
    there = [w for w in wanted if any(w[0] in record for record in records)]
    if len({record.get("rate") for record in records}) == 1:
        there = [w for w in there if w[0] != "rate"]
    heads = [Column(inlines(title), "right") for _, title, _ in there]
    rows = [[form(record[key]) if key in record else "" for key, _, form in there]
            for record in records]
    caption = "" if len(records) == count else f"{len(records)} of {count} evaluations"
    return table(heads, rows, caption)


def loss_text(value: float) -> str:
    """A loss with six decimals; a very large one by its leading digits.

    >>> loss_text(2.3019067652), loss_text(3.4e22)
    ('2.301907', '3.4e+22')
    """
    return f"{value:.6f}" if abs(value) < 1e6 else f"{value:.6g}"


def score_table(scores: Mapping[str, Score]) -> Block:
    """The scores of all parts."""
    decayed = any(s.objective != s.loss for s in scores.values())
    classes = any(s.right is not None for s in scores.values())
    heads: list[Prose | Column] = ["part", Column(inlines("examples"), "right"),
                                   Column(inlines("loss"), "right")]
    if decayed:
        heads.append(Column(inlines("with weight decay"), "right"))
    if classes:
        heads += [Column(inlines("wrong"), "right"), Column(inlines("error rate"), "right")]
    rows = []
    for part, s in scores.items():
        row = [part, f"{s.count:,}", loss_text(s.loss)]
        if decayed:
            row.append(loss_text(s.objective))
        if s.right is not None:
            row += [f"{s.answers - s.right:,}", f"{s.error_rate:.2%}"]
        rows.append(row)
    return table(heads, rows)
