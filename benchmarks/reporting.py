"""What a benchmark says: tables, bars with their verdicts, the machine; printed and kept as JSON.

    report = Report("lenet", "LeNet", "…", setting())
    report.job("LeNet", measured)
    report.against("LeNet, against PyTorch with channels_last", 2.2, measured, "PyTorch")
    report.save()

`report.py` builds the page from what is kept.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from common import Measured, Setting
from processes import CORES, HERE, THREADS, Candidate

RESULTS = HERE / "results"
PACKAGES = ("numpy", "scipy", "llvmlite", "torch", "jax", "numexpr", "mygrad", "autograd",
            "tinygrad", "micrograd")


def machine() -> dict[str, str]:
    """The processor, the system, and versions of all that is compared."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(x.split(":")[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        pass
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"processor": cpu, "processors used": str(CORES), "Python": platform.python_version(),
            **versions}


def told(seconds: float) -> str:
    """A time with a unit that suits it.

    >>> told(1.234e-5), told(0.0123), told(2.5)
    ('12.3 µs', '12.3 ms', '2.50 s')
    """
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or unit == "µs":
            value = seconds * factor
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    raise AssertionError


def limits(size: int) -> list[Candidate]:
    """BLAS, and copies in a working set of `size` bytes, with all threads: the machine's limits."""
    most = THREADS[-1]
    return [
        Candidate("BLAS, NumPy's", "rates", "blas", {}, most, "limit"),
        Candidate("BLAS, PyTorch's", "rates", "blas", {"tool": "torch"}, most, "limit"),
        *(Candidate("copy", "rates", "copy", {"size": size}, n, "limit") for n in THREADS),
    ]


@dataclass
class Report:
    """A benchmark's result: tables, bars and notes, printed as they come and saved as JSON."""

    name: str
    title: str
    about: str
    how: Setting
    parts: list[dict[str, Any]] = field(default_factory=list)
    bars: list[dict[str, Any]] = field(default_factory=list)
    wrong: bool = False

    def __post_init__(self) -> None:
        print(f"\n## {self.title}\n\n{self.about}\n", flush=True)
        print("; ".join(f"{k} {v}" for k, v in machine().items()), flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table of texts."""
        part = {"title": title, "columns": list(columns), "rows": [list(r) for r in rows]}
        self.parts.append(part)
        print(f"\n{markdown(part)}", flush=True)

    def note(self, text: str) -> None:
        """A sentence below what was said last."""
        self.parts.append({"note": text})
        print(f"\n{text}", flush=True)

    def job(self, title: str, found: Measured, unit: str = "step",
            limit: float | None = None) -> None:
        """All candidates of a job, the fastest first; `limit` is the machine's own time for it."""
        ours = found.best("ours")
        columns = ["", "threads", f"time a {unit}", "spread", "times ours", "answer within"]
        columns += ["of the limit"] if limit else []
        rows = []
        shown = [o for o in found.outcomes if o.candidate.kind != "limit"]
        for o in sorted(shown, key=lambda o: o.median if o.samples else float("inf")):
            c = o.candidate
            name = f"**{c.name}**" if c.kind == "ours" else c.name
            if not o.samples:
                self.wrong |= not o.missing
                word = o.why_not if o.missing else f"not timed: {o.why_not}"
                cells = [name, str(c.threads), word, "", "", ""]
                rows.append(cells + ([""] if limit else []))
                continue
            spread = (max(o.samples) - min(o.samples)) / o.median
            times = f"{o.median / ours.median:.2f}" if ours else ""
            apart = "" if o.difference is None else f"{o.difference:.1g}"
            cells = [name, str(c.threads), told(o.median), f"{spread:.0%}", times, apart]
            rows.append(cells + ([f"{limit / o.median:.0%}"] if limit else []))
        self.table(title, columns, rows)

    def limit(self, found: Measured, operations: float, size: float) -> float | None:
        """The machine's own time: operations at the BLAS rate and bytes at the copy rate."""
        blas, copy = found.best("limit", "BLAS"), found.best("limit", "copy")
        if blas is None or copy is None:
            return None
        took = operations * blas.median + size * copy.median
        self.note(f"The machine's limit: {operations / 1e6:,.4g} million operations at "
                  f"{1e-9 / blas.median:.0f} GFLOP/s ({blas.candidate.name}) and "
                  f"{size / 1e6:,.3g} MB at {1e-9 / copy.median:.1f} GB/s: {told(took)}.")
        return took

    def bar(self, what: str, required: float, measured: float | None, most: bool = False,
            form: str = "{:.2f}×") -> None:
        """A number that is asked for: at least `required`, or with `most` at most."""
        met = measured is not None and (measured <= required if most else measured >= required)
        asked = f"at {'most' if most else 'least'} {form.format(required)}"
        number = "not measured" if measured is None else form.format(measured)
        self.bars.append({"what": what, "required": asked, "measured": number, "met": met})
        verdict = "met" if met else "MISSED"
        print(f"\nbar: {what}: {asked}; measured: {number}; {verdict}", flush=True)

    def against(self, what: str, required: float, found: Measured, name: str = "") -> None:
        """A bar on the fastest peer's time (among those whose name begins so) over ours."""
        ours, peer = found.best("ours"), found.best("peer", name)
        if ours and peer:
            c = peer.candidate
            threads = f"{c.threads} thread{'s' * (c.threads > 1)}"
            self.bar(f"{what} ({c.name}, {threads})", required, peer.median / ours.median)
        else:
            self.bar(what, required, None)

    def save(self) -> None:
        """Write the result for `report.py`; a quick run's elsewhere: no page is built of it.

        Ends with an error where a candidate had another answer, or none.
        """
        folder = RESULTS / "quick" if self.how.quick else RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        body = {**asdict(self), "how": asdict(self.how), "machine": machine(),
                "date": datetime.now(UTC).strftime("%-d %B %Y")}
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if self.wrong:
            sys.exit(f"{self.name}: a candidate gave another answer or none: see the table")


def markdown(part: dict[str, Any]) -> str:
    """A table, or a note, in Markdown."""
    if "note" in part:
        return str(part["note"])
    columns = part["columns"]
    rule = ["---"] + ["--:"] * (len(columns) - 1)
    lines = [f"**{part['title']}**", ""] if part["title"] else []
    rows = [[c.replace("|", "\\|") for c in r] for r in part["rows"]]
    return "\n".join(lines + [f"| {' | '.join(r)} |" for r in (columns, rule, *rows)])
