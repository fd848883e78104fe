"""Candidates, and the processes in which they work.

Every tool lives in a process of its own (`worker.py`) for each number of threads; with one thread
it is held to one processor too, since not every library can be told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = tuple(n for n in map(int, os.environ.get("BENCH_THREADS", "1 2").split())
                if n <= CORES)
PATIENCE = 240  # seconds until an answer is given up


@dataclass(frozen=True)
class Candidate:
    """A tool's way to do a job: `module.maker(**options)` gives the work.

    `kind` is "ours", "peer", "other" (shown, but in no bar) or "limit" (the machine's own).
    """

    name: str
    module: str
    maker: str
    options: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    kind: str = "peer"


def each_thread(name: str, module: str, maker: str, options: dict[str, Any] | None = None,
                kind: str = "peer") -> list[Candidate]:
    """A candidate for each number of threads that is tried."""
    return [Candidate(name, module, maker, options or {}, n, kind) for n in THREADS]


class Process:
    """A worker: started with its threads fixed, asked one question at a time."""

    def __init__(self, threads: int, variables: dict[str, str] | None = None) -> None:
        known = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
        environment = {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in known},
                       "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", **(variables or {})}
        command = [sys.executable, str(HERE / "worker.py")]
        if threads == 1 and hasattr(os, "sched_setaffinity"):
            last = max(os.sched_getaffinity(0))
            code = (f"import os, runpy; os.sched_setaffinity(0, {{{last}}}); "
                    f"runpy.run_path({command[1]!r}, run_name='__main__')")
            command = [sys.executable, "-c", code]
        self.works = 0
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end)
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log, env=environment, text=True)

    def ask(self, question: str, **more: Any) -> dict[str, Any]:
        """The answer; {"failed": …} where there is none."""
        assert self.child.stdin is not None and self.child.stdout is not None
        timer = threading.Timer(PATIENCE, self.child.kill)
        timer.start()
        try:
            self.child.stdin.write(json.dumps({"ask": question, **more}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.log.seek(0)
            last = self.log.read().decode(errors="replace").strip().splitlines() or ["no word"]
            return {"failed": f"the process ended: {last[-1][:160]}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def load(self, c: Candidate) -> tuple[int, dict[str, Any]]:
        """Prepare the candidate's work: its number here, and what is said of it."""
        self.works += 1
        return self.works, self.ask("load", work=self.works, module=c.module, maker=c.maker,
                                    options={**c.options, "threads": c.threads})

    def end(self) -> None:
        """Stop the process."""
        self.child.kill()
        self.child.wait()
        self.log.close()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


class Processes:
    """A process for each tool and number of threads, kept from job to job."""

    def __init__(self) -> None:
        self.by: dict[tuple[str, str, int], Process] = {}

    def of(self, c: Candidate) -> Process:
        """The candidate's process; a new one where the last has ended."""
        key = c.module, c.maker, c.threads
        if key not in self.by or self.by[key].child.poll() is not None:
            self.by[key] = Process(c.threads)
        return self.by[key]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.by.values():
            process.end()
