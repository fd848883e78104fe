"""Ctrl-C and requests to end: noticed between steps, so that a run can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from chainrule.train.run import Run


class Interrupted(KeyboardInterrupt):
    """Training was interrupted; `run` is what there is of it, the message says how to go on."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """A list that gets an entry at Ctrl-C or a request to end; the second is not waited for."""
    met: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield met
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if met:
            raise KeyboardInterrupt
        met.append(number)

    before = {number: signal.signal(number, handle)
              for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield met
    finally:
        for number, former in before.items():
            signal.signal(number, former)
