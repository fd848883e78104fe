"""The threads that help with a run, and stand by for the next one.

To start a thread and to wait for its end takes longer than several steps of a small network: the
processor that it comes to run on has gone to sleep in between. So the threads stay. After its part
of a run each watches a bell for a millisecond or two, in machine code, and only then goes to sleep;
a run that follows at once, such as the next epoch, finds it awake. Nobody waits for a thread's end
either: when all have met behind the last step, the run is done.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

Attend = Callable[[int, int], int]


class Crew:
    """So many helping threads, which end when the crew is forgotten.

    `attend(thread, heard)` does what the bell is rung for, more often than was heard; after a while
    without it returns how often that was. A process that was forked off has none of its parent's
    threads: `here` tells whether this is the process they work in.
    """

    def __init__(self, count: int, attend: Attend) -> None:
        self.process = os.getpid()
        self._desk = desk = _Desk()
        for thread in range(1, count + 1):
            threading.Thread(target=desk.serve, args=(thread, attend), daemon=True).start()
        weakref.finalize(self, desk.close).atexit = False

    @property
    def here(self) -> bool:
        """Whether the threads are of this process."""
        return self.process == os.getpid()

    def call(self, times: int) -> None:
        """Wake who sleeps: the bell is about to have been rung so many times."""
        self._desk.call(times)


class _Desk:
    """Where threads ask whether they may sleep."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.times = 0  # how often the bell has been, or is about to be, rung
        self.closed = False

    def call(self, times: int) -> None:
        with self.news:
            self.times = times
            self.news.notify_all()

    def close(self) -> None:
        with self.news:
            self.closed = True
            self.news.notify_all()

    def serve(self, thread: int, attend: Attend) -> None:
        """A thread's life."""
        heard = 0
        while not self.closed:
            heard = attend(thread, heard)
            with self.news:
                while heard == self.times and not self.closed:
                    self.news.wait()
