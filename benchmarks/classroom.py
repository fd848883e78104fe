"""How long a class takes: papers with personal numbers, a third of them with a slip put in.

    python benchmarks/classroom.py                  # 1,000 papers, 2 processes
    python benchmarks/classroom.py --count 100 -j 1

The papers are model answers to the sheet `machine-vision`, each with the numbers of its own index
number. The class is checked once from beginning to end. Then it is checked again, all processes
are killed when half of the papers are done, and the run is resumed: both gradebooks have to be the
same, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chainrule.check.sheet_key import answer_paper
from chainrule.check.sheet_reading import find_sheet

SHEET = "machine-vision"
SLIPS = 3  # every third paper has one
_NUMBER = re.compile(r"(?<=[=&\s(])-?\d+(?:\.\d+)?(?=[\s\\&)$])")
_FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


def slipped(paper: str, draw: random.Random) -> str:
    """The paper with another number, or another sign, in the last part of one formula."""
    formulas = [m for m in _FORMULA.finditer(paper) if "=" in m[1]]
    draw.shuffle(formulas)
    for formula in formulas:
        last = paper.rindex("=", formula.start(1), formula.end(1))
        numbers = list(_NUMBER.finditer(paper, last, formula.end()))
        if numbers:
            found = draw.choice(numbers)
            old = found[0]
            new = (old[1:] if old.startswith("-") else f"-{old}") if draw.random() < 0.5 else (
                f"{float(old) + draw.choice((1, 10, 0.5)):g}")
            return paper[: found.start()] + new + paper[found.end() :]
    return paper


def submissions(folder: Path, count: int, seed: int = 0) -> None:
    """Fill a folder with papers, `180000_paper.md` and so on."""
    draw = random.Random(seed)
    sheet = find_sheet(SHEET)
    for k, student in enumerate(draw.sample(range(100_000, 1_000_000), count)):
        paper = answer_paper(sheet, str(student))
        (folder / f"{student}_paper.md").write_text(
            slipped(paper, draw) if k % SLIPS == 0 else paper, encoding="utf-8")


def start(folder: Path, gradebook: Path, jobs: int, *more: str) -> subprocess.Popen[bytes]:
    """`chainrule check` on a folder, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "chainrule", "check", SHEET, str(folder), "-j", str(jobs),
         "--gradebook", str(gradebook), "--format", "json", *more],
        stdout=subprocess.DEVNULL, start_new_session=True)


def checked(folder: Path, gradebook: Path, jobs: int, *more: str) -> float:
    """The seconds that a run takes; raises `SystemExit` where it fails."""
    begun = time.perf_counter()
    code = start(folder, gradebook, jobs, *more).wait()
    if code not in (0, 1, 4):
        raise SystemExit(f"chainrule check ended with {code}")
    return time.perf_counter() - begun


def killed(folder: Path, gradebook: Path, jobs: int, count: int, longest: float) -> int:
    """Start a run, and kill it with kill -9 when half of its journal is written; how much was."""
    journal = Path(f"{gradebook}.journal")
    process = start(folder, gradebook, jobs)
    done, end = 0, time.perf_counter() + longest
    while process.poll() is None and done < count // 2 and time.perf_counter() < end:
        time.sleep(0.02)
        done = journal.read_bytes().count(b"\n") if journal.exists() else 0
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return done


def main() -> None:
    """Make the papers, check them twice, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, whole, parts = (Path(name, n) for n in ("class", "whole.csv", "parts.csv"))
        folder.mkdir()
        submissions(folder, given.count, given.seed)
        seconds = checked(folder, whole, given.jobs)
        print(f"{given.count:,} papers, {given.jobs} processes: {seconds:.1f} s, "
              f"{given.count / seconds:.1f} papers a second")
        done = killed(folder, parts, given.jobs, given.count, 10 * seconds)
        again = checked(folder, parts, given.jobs, "--resume")
        same = whole.read_bytes() == parts.read_bytes()
        print(f"killed after {done:,} papers, resumed: {again:.1f} s, gradebook "
              f"{'the same' if same else 'NOT the same'}")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
