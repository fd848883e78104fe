"""Building a large program without the cyclic garbage collector.

A program is a forest of small immutable objects that never refer back, so the collector can find
nothing in it; but it looks through all of it again and again while it grows, which takes 40% of the
time at 100,000 equations.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector paused inside, if it was running; reference counts free memory as always."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
