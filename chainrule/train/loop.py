"""The training loop: mini-batches, evaluations, checkpoints, and an end.

    >>> from chainrule.train.loop import train
    >>> import numpy as np
    >>> x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> run = train(nn.Network(net, 2, loss="CrossEntropyLoss"),
    ...             {"x": x, "y": np.array([0, 1, 1, 0])}, optimiser="adam", rate=0.05, batch=4,
    ...             epochs=100, dtype="float64", backend="reference")
    >>> run.scores["train"].right
    4

Steps are run many at a time, as many as a fraction of a second holds: often enough to answer Ctrl-C
and to move the progress. Whatever is cut into pieces here, the steps are the same, in the same
order, with the same numbers; that is what lets a run be gone on with bit for bit.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError
from chainrule.nn.module import Module
from chainrule.nn.network import Network
from chainrule.train.augment import Augment
from chainrule.train.checkpoint import Checkpoint, CheckpointError, Folder, check_installed
from chainrule.train.faults import NonFiniteError, first_fault
from chainrule.train.feed import order_of, seed_of
from chainrule.train.interrupts import Interrupted, interruptions
from chainrule.train.job import Job, settings_of
from chainrule.train.log import Observer
from chainrule.train.run import History, Run
from chainrule.train.runner import Roles, Runner, make_runner
from chainrule.train.schedules import Schedule
from chainrule.train.scoring import answers_in
from chainrule.train.settings import Settings
from chainrule.train.step import target_of

CALL_SECONDS: Final = 0.25  # how long a call of the runner should take
SAVE_SECONDS: Final = 30.0  # how often a checkpoint is written where nobody says
_MASK_BYTES: Final = 2**26  # dropout masks drawn, and pictures augmented, at a time
_LOSSES, _RIGHT = "history.losses", "history.right"


def train(network: Network, data: Any, *, loss: Module | str | None = None,
          settings: Settings | None = None, checkpoint: str | os.PathLike[str] | None = None,
          resume: bool = False, checkpoint_every: int | None = None,
          observers: Sequence[Observer] = (), **options: Any) -> Run:
    """Train a network on data; the run with its parameters, history and scores.

    `data` is a `Data`, or arrays by the names of the network's inputs, or parts ("train",
    "validation", "test") of such arrays. `options` are those of `Settings`, and the optimiser's own
    (momentum, beta_1, …). `checkpoint` is a folder; with `resume` the run there is gone on with.
    `checkpoint_every` counts steps; without it one is written every 30 seconds and at the end.

    Raises `NonFiniteError` where the loss becomes infinite or undefined, `CheckpointError`,
    `Interrupted` on Ctrl-C, and what settings and data raise before anything is done.
    """
    chosen = settings if settings is not None else settings_of(options)
    if settings is not None and options:
        raise InputError("give settings, or options by name: not both")
    if resume and checkpoint is None:
        raise InputError("there is nothing to go on with: say in which folder the checkpoints are")
    if checkpoint_every is not None and checkpoint_every < 1:
        raise InputError(f"a checkpoint is written every 1 or more steps, not {checkpoint_every}")
    job = Job.of(network, data, chosen, loss)
    if checkpoint is None:
        return Loop(job, None, None, observers).run()
    check_installed()
    with Folder(checkpoint) as folder:
        return Loop(job, folder, checkpoint_every, observers, resume).run()


class Loop:
    """One run, from its first step or from a checkpoint on."""

    def __init__(self, job: Job, folder: Folder | None, every: int | None,
                 observers: Sequence[Observer] = (), resume: bool = False) -> None:
        self.job = job
        self.settings = job.settings
        self.folder = folder
        self.every = every
        self.observers = observers
        self.schedule = Schedule.read(job.settings.schedule)
        self.train = job.parts["train"]
        # answers judged in an example: one, or one for each position of a sequence
        self.answers = answers_in(job.network, self.train.arrays[target_of(job.network)]
                                  ) / self.train.count
        self.done = 0
        self.history = History()
        self.best: dict[str, Any] | None = None
        self.best_values: dict[str, np.ndarray] = {}
        self.seconds = 0.0
        self.notes: list[str] = []
        self.unsaved = ""  # why the last checkpoint could not be written
        self.saved_at = time.monotonic()
        self.saved_step = -1
        self.per_call = 1  # steps a call; what was measured says how many
        self.runners: dict[int, Runner] = {}
        self.state: dict[str, np.ndarray] = {}
        self.background: np.ndarray | None = None  # of pictures that are moved
        for name in Roles.of(job.step.program).state:  # the optimiser's own begins at zero
            shape = [axis.constant or 1 for axis in job.step.program.tensors[name].shape]
            start = job.start.get(name, np.zeros(shape))
            self.state[name] = np.asarray(start, self.settings.dtype)
        if folder is not None:
            self._open(folder, resume)

    # --- the whole

    def run(self) -> Run:
        """Do the steps that are left, and score the result."""
        job = self.job
        about = {"network": job.network.name, "data": job.data_name, "step": self.done,
                 "steps": job.steps, "epoch_steps": job.epoch_steps,
                 "settings": self.settings.data()}
        try:
            for observer in self.observers:
                observer.begin(about)
            if self.folder is not None and self.saved_step < 0:
                self._save()  # so that a folder that cannot be written to is known at once
                if self.unsaved:
                    raise CheckpointError(self.unsaved)
            with interruptions() as interrupted:
                while self.done < job.steps and not self._stopped():
                    self._advance()
                    if interrupted:
                        raise self._interrupted()
            if self.folder is not None and self.saved_step != self.done:
                self._save()
            result = self.result(scored=True)
            for observer in self.observers:
                observer.end({"step": self.done, "seconds": round(self.seconds, 3),
                              **{part: s.data() for part, s in result.scores.items()}})
        finally:
            for observer in self.observers:
                observer.close()
        if self.unsaved:
            error = CheckpointError(f"the run is done, but {self.unsaved}", None,
                                    "the error's `run` has the weights")
            error.run = result  # type: ignore[attr-defined]
            raise error
        return result

    def result(self, scored: bool) -> Run:
        """What there is of the run."""
        values = {n: self.state[n] for n in self.job.scorer.state}
        if self.settings.patience is not None and self.best is not None:
            values = self.best_values
        values = {n: np.array(v) for n, v in values.items()}
        scores = {part: self.job.scorer.score(f, values)
                  for part, f in self.job.parts.items()} if scored else {}
        trouble = [t for t in (getattr(o, "trouble", "") for o in self.observers) if t]
        return Run(self.job.network, self.settings, self.history, values, self.done,
                   self.job.steps, self.job.epoch_steps, scores, self.job.scorer,
                   self.job.classes, self.best, self._stopped() and self.done < self.job.steps,
                   self.seconds, (*self.notes, *trouble), self.job.data_name)

    def _stopped(self) -> bool:
        """Whether the validation loss has not improved for as long as patience lasts."""
        patience = self.settings.patience
        if patience is None or self.best is None:
            return False
        later = [r for r in self.history.records
                 if r["step"] > self.best["step"] and "validation_loss" in r]
        return len(later) >= patience

    # --- steps

    def _advance(self) -> None:
        """One call of the runner, and what is due after it."""
        size, starts, order = self._batches()
        data, order, starts = self._data(size, starts, order)
        first, count = self.done, len(starts)
        rates = self.schedule.rates(self.settings.learning_rate, first, count,
                                    steps=self.job.steps, epoch=self.job.epoch_steps)
        runner = self._runner(size)
        before = {n: a.copy() for n, a in self.state.items()}
        began = time.perf_counter()
        out = runner.run(data, starts, order, {self.job.step.rate: rates})
        took = time.perf_counter() - began
        self.state = runner.state
        self._check(out, before, size, starts, order, data, rates)
        self.done += count
        self.seconds += took
        best = max(1, int(CALL_SECONDS * count / max(took, 1e-9)))
        self.per_call = min(best, self.per_call * 8)
        self._note_steps(out, first, rates, size, took)
        if self.done == self.job.steps or self.done % self._evaluation_steps() == 0:
            self._evaluate(float(rates[-1]))
        if self._save_is_due():
            self._save()

    def _batches(self) -> tuple[int, np.ndarray, np.ndarray | None]:
        """The next steps: the size of their batches, where each begins, and the epoch's order."""
        batch, n = self.settings.batch, self.train.count
        epoch, within = divmod(self.done, self.job.epoch_steps)
        full = n // batch  # steps of an epoch with a whole batch
        order = order_of(n, self.settings.seed, epoch) if self.settings.shuffle else None
        if within >= full:
            return n - full * batch, np.array([full * batch], np.int64), order
        stop = min(full, within + self.per_call, within + self.job.steps - self.done)
        for period in (self._evaluation_steps(), self.every):
            if period is not None:
                stop = min(stop, within + period - self.done % period)
        return batch, np.arange(within, stop, dtype=np.int64) * batch, order

    def _evaluation_steps(self) -> int:
        return self.settings.evaluate_every or self.job.epoch_steps

    def _data(self, size: int, starts: np.ndarray, order: np.ndarray | None
              ) -> tuple[Mapping[str, np.ndarray], np.ndarray | None, np.ndarray]:
        """The arrays for these steps; pictures changed, and examples beside their masks."""
        augment = self.settings.augment
        if not self.job.masks and augment is None:
            return self.train.arrays, order, starts
        cells = sum(int(np.prod(m.shape)) for m in self.job.masks)
        if augment is not None:
            cells += self.train.arrays[self.job.picture][0].size
        starts = starts[: max(1, _MASK_BYTES // (8 * max(cells * size, 1)))]
        rows = (starts[:, None] + np.arange(size)).reshape(-1)
        rows = rows if order is None else order[rows]
        data = {name: array[rows] for name, array in self.train.arrays.items()}
        if augment is not None:
            data[self.job.picture] = self._augmented(data[self.job.picture], size)
        for mask in self.job.masks:
            drawn = [mask.drawn(self.settings.seed, self.done + k, size)
                     for k in range(len(starts))]
            data[mask.name] = np.concatenate(drawn).astype(self.settings.dtype)
        return data, None, np.arange(len(starts), dtype=np.int64) * size

    def _augmented(self, pictures: np.ndarray, size: int) -> np.ndarray:
        """The pictures of the steps from this one on, changed."""
        augment = Augment.read(self.settings.augment or "")
        if self.background is None:
            whole = self.train.arrays[self.job.picture]
            self.background = whole.min(axis=(0, 2, 3))
        seed = seed_of(self.settings.seed, "augment")
        return np.concatenate([
            augment.pictures(pictures[start : start + size], self.background, seed,
                             self.done + start // size)
            for start in range(0, len(pictures), size)])

    def _runner(self, size: int) -> Runner:
        """The runner for batches of a size, with the state as it is now."""
        if size not in self.runners:
            s = self.settings
            self.runners[size] = make_runner(self.job.step.program, size, dtype=s.dtype,
                                             threads=s.threads, backend=s.runs_on)
        runner = self.runners[size]
        if runner.state is not self.state:
            for name, array in self.state.items():
                runner.state[name][...] = array
        return runner

    def _check(self, out: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray], size: int,
               starts: np.ndarray, order: np.ndarray | None, data: Mapping[str, np.ndarray],
               rates: np.ndarray) -> None:
        """Refuse numbers that are not finite, with the equation that they come from."""
        good = np.logical_and.reduce([np.isfinite(array) for array in out.values()])
        if good.all() and all(np.isfinite(a).all() for a in self.state.values()):
            return
        bad = len(starts) - 1 if good.all() else int(np.argmin(good))
        runner = self._runner(size)

        def at(k: int) -> dict[str, np.ndarray]:
            """The state before step k of these, by doing the steps again."""
            for name, array in before.items():
                runner.state[name][...] = array
            if k:
                runner.run(data, starts[:k], order, {self.job.step.rate: rates[:k]})
            return {name: array.copy() for name, array in runner.state.items()}

        state = at(bad)
        while bad and not all(np.isfinite(a).all() for a in state.values()):
            bad -= 1  # the step before has ruined it, though its own loss was finite
            state = at(bad)
        rows: Any = slice(int(starts[bad]), int(starts[bad]) + size)
        rows = rows if order is None else order[rows]
        values = {name: data[name][rows] for name in Roles.of(self.job.step.program).data}
        values |= {**state, self.job.step.rate: rates[bad]}
        self.state = state
        raise self._non_finite(self.done + bad, first_fault(
            self.job.step.program, values, self.settings.dtype), state)

    def _non_finite(self, step: int, fault: str, state: Mapping[str, np.ndarray]
                    ) -> NonFiniteError:
        epoch = step / self.job.epoch_steps
        what = fault or "the loss is not finite, though the reference finds it so"
        hint = "a smaller rate, clipping (clip=1), or inputs on a smaller scale may help"
        if self.folder is not None and self.saved_step >= 0:
            hint += f"; the last checkpoint is of step {self.saved_step:,}, in {self.folder.path}"
        error = NonFiniteError(f"step {step + 1:,} (epoch {epoch:.2f}) gives no finite number: "
                               f"{what}", hint, step,
                               {n: state[n] for n in self.job.scorer.state})
        error.run = self.result(scored=False)
        return error

    # --- what is due after steps

    def _note_steps(self, out: Mapping[str, np.ndarray], first: int, rates: np.ndarray, size: int,
                    took: float) -> None:
        losses = [float(v) for v in out[self.job.step.objective]]
        self.history.losses += losses
        name = self.job.step.right
        right = None if name is None else [float(v) for v in out[name]]
        if right is not None:
            self.history.right += [r / (size * self.answers) for r in right]
        for observer in self.observers:
            observer.steps(first, losses, [float(r) for r in rates], right, size * len(losses),
                           took)

    def _evaluate(self, rate: float) -> None:
        """Put down how it goes, and look at the validation part."""
        since = self.history.records[-1]["step"] if self.history.records else 0
        sizes = np.array([self._size(k) for k in range(since, self.done)], float)
        record: dict[str, Any] = {
            "step": self.done, "epoch": round(self.done / self.job.epoch_steps, 6), "rate": rate,
            "loss": float(np.average(self.history.losses[since:], weights=sizes))}
        if self.history.right:
            record["accuracy"] = float(np.average(self.history.right[since:], weights=sizes))
        validation = self.job.parts.get("validation")
        if validation is not None:
            score = self.job.scorer.score(validation, self.state)
            if not math.isfinite(score.loss):
                raise self._non_finite(self.done - 1, f"the validation loss is {score.loss} after "
                                       "it", self.state)
            record["validation_loss"] = score.loss
            if score.accuracy is not None:
                record["validation_accuracy"] = score.accuracy
            if self.best is None or score.loss < self.best["loss"]:
                self.best = {"step": self.done, "loss": score.loss}
                self.best_values = {n: np.array(self.state[n]) for n in self.job.scorer.state}
        record["seconds"] = round(self.seconds, 6)
        self.history.records.append(record)
        for observer in self.observers:
            observer.evaluation(record)

    def _size(self, step: int) -> int:
        """How many examples a step takes."""
        full = self.train.count // self.settings.batch
        return (self.settings.batch if step % self.job.epoch_steps < full
                else self.train.count % self.settings.batch)

    # --- checkpoints

    def _save_is_due(self) -> bool:
        if self.folder is None or self.saved_step == self.done:
            return False
        if self.every is not None:
            return self.done % self.every == 0
        return time.monotonic() - self.saved_at >= SAVE_SECONDS

    def _save(self) -> None:
        """Write a checkpoint; where that fails the run goes on, and it is tried again later."""
        assert self.folder is not None
        arrays = {**self.state, _LOSSES: np.array(self.history.losses),
                  _RIGHT: np.array(self.history.right)}
        meta = {"step": self.done, "steps": self.job.steps, "network": self.job.network.name,
                "settings": self.settings.data(), "program": self.job.digest,
                "data": self.job.data_digest, "records": self.history.records,
                "best": self.best, "seconds": self.seconds}
        try:
            self.folder.save(arrays, meta, self.best_values or None)
        except CheckpointError as error:
            self.unsaved = error.message
            self.saved_at = time.monotonic()
            return
        self.unsaved = ""
        self.saved_at, self.saved_step = time.monotonic(), self.done

    def _open(self, folder: Folder, resume: bool) -> None:
        """Go on from the last checkpoint, or see to it that there is none."""
        if not resume:
            if folder.steps():
                raise CheckpointError(
                    f"{folder.path} has checkpoints of a run already, the last of step "
                    f"{folder.steps()[-1]:,}", None,
                    "go on with it (--resume), or take another folder")
            return
        found = folder.latest()
        if found is None:
            self.notes.append(f"There was no checkpoint in {folder.path}: begun anew.")
            return
        self._go_on(found, folder)

    def _go_on(self, found: Checkpoint, folder: Folder) -> None:
        meta = found.meta
        hint = "give what it was begun with, or take another folder"
        changed = self.settings.difference(meta["settings"])
        if changed:
            raise CheckpointError(f"the run in {folder.path} has other settings: {changed}", None,
                                  hint)
        if meta.get("program") != self.job.digest:
            raise CheckpointError(f"the run in {folder.path} has another network", None, hint)
        if meta.get("data") != self.job.data_digest:
            raise CheckpointError(f"the run in {folder.path} has other data", None, hint)
        if missing := self.state.keys() - found.arrays.keys():
            raise CheckpointError(f"{found.path} lacks {sorted(missing)[0]}")
        self.state = {n: np.array(found.arrays[n]) for n in self.state}
        self.done = self.saved_step = found.step
        self.history = History(found.arrays[_LOSSES].tolist(), found.arrays[_RIGHT].tolist(),
                               list(meta["records"]))
        self.best, self.seconds = meta["best"], float(meta["seconds"])
        if self.best is not None:
            self.best_values = dict(folder.best(int(self.best["step"])).arrays)
        self.notes += [f"{text[0].upper()}{text[1:]}." for text in found.notes]
        self.notes.append(f"Gone on from step {self.done:,}.")
        for name in ("threads", "backend"):
            if meta["settings"].get(name) != getattr(self.settings, name):
                self.notes.append(f"Begun with {name} {meta['settings'].get(name)}: the last bits "
                                  "may differ from those of a run without a break.")

    def _interrupted(self) -> Interrupted:
        message = f"interrupted after step {self.done:,} of {self.job.steps:,}"
        if self.folder is not None:
            self._save()
            message += (f"; {self.unsaved}" if self.unsaved else
                        f"; saved in {self.folder.path}: go on with the same command and --resume")
        else:
            message += "; nothing is saved without a folder for checkpoints (--checkpoint)"
        return Interrupted(message, self.result(scored=False))
