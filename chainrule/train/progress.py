"""Progress on standard error, where somebody is looking: loss, accuracy, throughput, time left.

Without a terminal, or without the package rich, nothing is shown. The result of a run is never
hidden in here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

_SMOOTH: Final = 0.9  # how much of the shown loss is what it was before


def can_show() -> bool:
    """Whether standard error is a terminal, and rich there to draw on it."""
    return sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None


class Progress:
    """A line that moves; an `Observer` of a run."""

    def __init__(self, title: str = "training") -> None:
        self.title = title
        self.loss: float | None = None
        self.accuracy: float | None = None
        self.validation = ""
        self.examples = 0
        self.seconds = 0.0
        self._bar: Any = None
        self._task: Any = None

    def begin(self, about: Mapping[str, Any]) -> None:
        from rich.console import Console  # lazily: an extra, and slow to load
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeRemainingColumn(compact=True), TextColumn("{task.fields[told]}"),
            console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self.title, total=about["steps"], completed=about["step"],
                                        told="")

    def steps(self, first: int, losses: Sequence[float], rates: Sequence[float],
              right: Sequence[float] | None, examples: int, seconds: float) -> None:
        mean = sum(map(float, losses)) / len(losses)
        self.loss = mean if self.loss is None else _SMOOTH * self.loss + (1 - _SMOOTH) * mean
        if right is not None and examples:
            share = sum(map(float, right)) / examples
            before = share if self.accuracy is None else self.accuracy
            self.accuracy = _SMOOTH * before + (1 - _SMOOTH) * share
        self.examples += examples
        self.seconds += seconds
        if self._bar is not None:
            self._bar.update(self._task, completed=first + len(losses), told=self.told())

    def told(self) -> str:
        """What is said beside the bar."""
        words = [] if self.loss is None else [f"loss {self.loss:.4f}"]
        if self.accuracy is not None:
            words.append(f"{100 * self.accuracy:.1f}% right")
        if self.validation:
            words.append(self.validation)
        if self.seconds > 0:
            words.append(f"{self.examples / self.seconds:,.0f} examples/s")
        return "  ".join(words)

    def evaluation(self, record: Mapping[str, Any]) -> None:
        if "validation_loss" in record:
            self.validation = f"validation {record['validation_loss']:.4f}"

    def end(self, results: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
