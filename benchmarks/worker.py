"""A process that prepares jobs with one tool, checks them and times them, as it is asked to.

Every tool has a process of its own for each number of threads: the pools of threads of two
libraries do not meet, and memory can be measured. `common.py` asks, one line of JSON a question,
and asks in turn, so that only one of them works at a time.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np


def resident() -> float:
    """Megabytes of this process in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Worker:
    """Answers questions about pieces of work, which have numbers."""

    def __init__(self) -> None:
        self.works: dict[int, Any] = {}

    def load(self, work: int, module: str, maker: str, options: dict[str, Any]) -> dict[str, Any]:
        """Import a tool's module, then prepare the job: seconds of each, megabytes in between."""
        start = time.perf_counter()
        try:
            found = importlib.import_module(module)
            middle, memory = time.perf_counter(), resident()
            self.works[work] = getattr(found, maker)(**options)
        except ImportError as error:
            return {"missing": f"not installed: {str(error).splitlines()[0]}"}
        except NotImplementedError as error:
            return {"missing": str(error)}
        return {"import": middle - start, "make": time.perf_counter() - middle,
                "resident": memory, "units": self.works[work].units}

    def check(self, work: int, path: str) -> dict[str, Any]:
        """Write the answer to a file; seconds, which for a compiler is mostly compiling."""
        start = time.perf_counter()
        found = self.works[work].answer()
        took = time.perf_counter() - start
        np.savez(path, **found)
        return {"seconds": took}

    def time(self, work: int, count: int) -> dict[str, Any]:
        """Seconds of so many runs, after one that is not counted."""
        run = self.works[work].run
        run()
        gc.collect()
        gc.disable()
        start = time.perf_counter()
        for _ in range(count):
            run()
        took = time.perf_counter() - start
        gc.enable()
        return {"seconds": took}

    def once(self, work: int) -> dict[str, Any]:
        """Seconds of one run, without another before it; what the work tells of itself."""
        start = time.perf_counter()
        self.works[work].run()
        return {"seconds": time.perf_counter() - start, "told": self.works[work].told}

    def drop(self) -> dict[str, Any]:
        """Forget all work."""
        self.works.clear()
        gc.collect()
        return {}

    def memory(self, work: int, count: int) -> dict[str, Any]:
        """Megabytes before and after so many runs."""
        before = resident()
        for _ in range(count):
            self.works[work].run()
        return {"before": before, "after": resident()}


def main() -> None:
    """Answer until there are no more questions."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    worker = Worker()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            reply = getattr(worker, question.pop("ask"))(**question)
        except Exception as error:  # whatever a tool does wrong is an answer too
            words = (str(error).splitlines() or [""])[0][:160]
            reply = {"failed": f"{type(error).__name__}: {words}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
