"""A run's log: one JSON object a line, written as it happens.

    {"event": "begin", "schema": 1, "network": "digits-mlp", "settings": {…}, "step": 0, …}
    {"event": "step", "step": 1, "loss": 2.30, "rate": 0.1}              where every step is asked
    {"event": "evaluation", "step": 30, "epoch": 1.0, "loss": 2.21, "validation_loss": 2.19, …}
    {"event": "end", "step": 300, "train": {"loss": 0.31, "error_rate": 0.08}, …}

Steps are counted from 1. A run that is gone on with takes out what it had written beyond its
checkpoint, so that each step stands there once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Final, Protocol

from chainrule.errors import InputError

SCHEMA: Final = 1
LINE_BYTES: Final = 1_000_000  # a longer line is none of ours


class Observer(Protocol):
    """Somebody who is told how a run is going."""

    def begin(self, about: Mapping[str, Any]) -> None:
        """The run begins, or goes on, at `about["step"]` of `about["steps"]`."""

    def steps(self, first: int, losses: Sequence[float], rates: Sequence[float],
              right: Sequence[float] | None, examples: int, seconds: float) -> None:
        """Steps from `first` on are done, on so many examples together."""

    def evaluation(self, record: Mapping[str, Any]) -> None:
        """There has been an evaluation."""

    def end(self, results: Mapping[str, Any]) -> None:
        """The run is over."""

    def close(self) -> None:
        """Nothing more comes, whatever happened."""


class Log:
    """Writes a run's events to a file.

    `every_step` adds a line a step. Where the run begins at a step above 0 the file is kept up to
    there. Raises `InputError` where the file cannot be written when the run begins; later `trouble`
    says what went wrong, and the run goes on without a log.
    """

    def __init__(self, path: str | os.PathLike[str], every_step: bool = False) -> None:
        self.path = path
        self.every_step = every_step
        self.trouble = ""
        self._file: IO[str] | None = None

    def begin(self, about: Mapping[str, Any]) -> None:
        step = int(about["step"])
        try:
            kept = _lines_up_to(self.path, step) if step else []
            part = f"{os.fspath(self.path)}.part"
            with open(part, "w", encoding="utf-8") as file:
                file.writelines(kept)
            os.replace(part, self.path)
            # kept open for as long as the run lasts
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"the log {self.path} cannot be written: {error.strerror}") from None
        self._line({"event": "begin" if not kept else "resume", "schema": SCHEMA, **about})

    def steps(self, first: int, losses: Sequence[float], rates: Sequence[float],
              right: Sequence[float] | None, examples: int, seconds: float) -> None:
        if self.every_step:
            for k, (loss, rate) in enumerate(zip(losses, rates, strict=True)):
                self._line({"event": "step", "step": first + k + 1, "loss": float(loss),
                            "rate": float(rate)})

    def evaluation(self, record: Mapping[str, Any]) -> None:
        self._line({"event": "evaluation", **record})

    def end(self, results: Mapping[str, Any]) -> None:
        self._line({"event": "end", **results})

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what could not be written is tried once more
                self._file.close()
            self._file = None

    def _line(self, data: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            self.trouble = f"The log {self.path} ends early: {error.strerror}."
            self.close()


def _lines_up_to(path: str | os.PathLike[str], step: int) -> list[str]:
    """The lines of a log up to a step; what was cut short or is no line of a log is left out."""
    found: list[str] = []
    if not os.path.exists(path):
        return found
    with open(path, encoding="utf-8", errors="replace") as file:
        while line := file.readline(LINE_BYTES):
            try:
                data = json.loads(line)
            except ValueError:
                continue
            if isinstance(data, dict) and line.endswith("\n") and data.get("event") != "end" and (
                    isinstance(data.get("step"), int) and data["step"] <= step):
                found.append(line)
    return found
