"""Measuring side by side: candidates in turn, answers compared first, medians of what was timed.

    setting = common.setting()                            # --quick
    with Processes() as processes:
        found = measure(candidates, processes, setting)   # A B C … A B C …, medians

All candidates are asked in turn, a sample each, so that a slow moment of the machine hits all of
them. What is compared are medians. A candidate whose answer is not that of the first is not timed;
one whose library is missing is left out. Both are said in the table.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from processes import CORES, Candidate, Process, Processes

PAUSE = 0.01  # seconds for a library's idle threads to stop spinning


@dataclass(frozen=True)
class Setting:
    """How long is measured: samples of each candidate, and seconds of each sample at least."""

    quick: bool = False
    rounds: int = 9
    seconds: float = 0.06


def setting() -> Setting:
    """What the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few and short samples: a try-out")
    return Setting(True, 3, 0.01) if parser.parse_args().quick else Setting()


@dataclass
class Outcome:
    """What became of a candidate: seconds a unit of each sample, or why there are none."""

    candidate: Candidate
    samples: list[float] = field(default_factory=list)
    why_not: str = ""
    missing: bool = False
    difference: float | None = None

    @property
    def median(self) -> float:
        """Seconds a unit."""
        return statistics.median(self.samples)


@dataclass
class Measured:
    """The outcomes of one job."""

    outcomes: list[Outcome]

    def timed(self, kind: str, name: str = "") -> list[Outcome]:
        """Those that were timed, the fastest first; `name` is how a candidate's name begins."""
        found = [o for o in self.outcomes if o.samples and o.candidate.kind == kind
                 and o.candidate.name.startswith(name)]
        return sorted(found, key=lambda o: o.median)

    def best(self, kind: str, name: str = "") -> Outcome | None:
        """The fastest of a kind, if any was timed."""
        return next(iter(self.timed(kind, name)), None)


def compare(path: Path, first: Path) -> float:
    """How far two answers are apart: the largest difference over each array's largest number.

    That number counts as a hundredth of the answer's largest at least: a gradient that is zero by
    its nature, as that of the keys' bias in an attention, is all rounding.
    """
    with np.load(path) as a, np.load(first) as b:
        if set(a) != set(b) or any(a[name].shape != b[name].shape for name in b):
            return float("inf")
        least = max(float(np.abs(b[name]).max(initial=0)) for name in b) / 100
        worst = 0.0
        for name in b:
            scale = max(float(np.abs(b[name]).max(initial=0)), least) or 1.0
            apart = float(np.abs(a[name] - b[name]).max(initial=0)) / scale
            worst = worst if apart <= worst else apart  # a NaN is the worst
    return worst


@dataclass
class _Ready:
    """A candidate that is prepared: where, its work's number, units a run and runs a sample."""

    outcome: Outcome
    process: Process
    path: Path
    work: int = 0
    units: int = 0
    runs: int = 1

    def prepare(self) -> None:
        """Load the work and let it answer."""
        self.work, loaded = self.process.load(self.outcome.candidate)
        reply = loaded
        if "units" in loaded:
            reply = self.process.ask("check", work=self.work, path=str(self.path))
        if "missing" in reply or "failed" in reply:
            self.outcome.missing = "missing" in reply
            self.outcome.why_not = str(reply.get("missing") or reply.get("failed"))
        else:
            self.units = int(loaded["units"])

    def held_against(self, first: Path, tolerance: float) -> None:
        """Compare the answer with the first candidate's."""
        outcome = self.outcome
        if outcome.why_not or outcome.candidate.kind == "limit":
            return
        if not first.exists():
            outcome.why_not = "not compared: ours gave no answer"
            return
        outcome.difference = compare(self.path, first)
        if not outcome.difference <= tolerance:
            outcome.why_not = f"another answer: {outcome.difference:.2g} apart"

    def time(self, count: int) -> float:
        """Seconds of so many runs."""
        reply = self.process.ask("time", work=self.work, count=count)
        if "seconds" not in reply:
            self.outcome.why_not = reply["failed"]
        return float(reply.get("seconds", 1.0))


def measure(candidates: Sequence[Candidate], processes: Processes, how: Setting,
            tolerance: float = 1e-3) -> Measured:
    """Prepare all, compare their answers with the first one's, and time them in turn."""
    with tempfile.TemporaryDirectory() as folder:
        every = [_Ready(Outcome(c), processes.of(c), Path(folder, f"{k}.npz"))
                 for k, c in enumerate(candidates)]
        groups: dict[int, list[_Ready]] = {}
        for one in every:
            groups.setdefault(id(one.process), []).append(one)
        with ThreadPoolExecutor(CORES) as pool:  # one question at a time to each process
            list(pool.map(lambda group: [one.prepare() for one in group], groups.values()))
        for one in every:
            one.held_against(every[0].path, tolerance)
    for one in every:
        if not one.outcome.why_not:
            one.runs = max(1, min(100_000, round(how.seconds / max(one.time(1), 1e-7))))
    for _ in range(how.rounds):
        for one in every:
            if not one.outcome.why_not:
                time.sleep(PAUSE)
                one.outcome.samples.append(one.time(one.runs) / one.runs / one.units)
    for one in every:
        if one.outcome.why_not:  # what failed on the way counts for nothing
            one.outcome.samples.clear()
    for process in {id(one.process): one.process for one in every}.values():
        process.ask("drop")
    return Measured([one.outcome for one in every])
