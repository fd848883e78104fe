"""LeNet: training, compile time, and memory while it trains.

    python benchmarks/lenet.py [--quick]

Convolutions of 3×3 with 32 and 64 channels, max(0, x), max-pooling of 2×2 after each; 128 hidden
units; 28×28 pictures, batches of 64, momentum, float32.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from common import Setting, measure, setting
from jobs import NETS
from processes import THREADS, Candidate, Process, Processes, each_thread
from reporting import Report, limits, told

MOST = THREADS[-1]
JOB: dict[str, Any] = {"net": "lenet"}
LAST = {**JOB, "channels_last": True}
STEPS = 300  # in which memory may grow


def candidates() -> list[Candidate]:
    """PyTorch in both layouts; JAX in both, with both forms of pooling.

    JAX goes step by step: within `lax.scan` XLA's convolutions are many times slower.
    """
    fused = {**LAST, "optimiser": "fused"}
    return [
        *each_thread("chainrule", "ours", "training", JOB, kind="ours"),
        *each_thread("PyTorch eager", "peer_torch", "training", JOB),
        *each_thread("PyTorch eager, channels_last", "peer_torch", "training", LAST),
        *each_thread("PyTorch eager, channels_last, fused", "peer_torch", "training", fused),
        Candidate("PyTorch compiled, channels_last, fused", "peer_torch", "training",
                  {**fused, "compiled": True}, MOST),
        Candidate("JAX, channels last", "peer_jax", "training", {**JOB, "scan": False}, MOST,
                  "other"),
        Candidate("JAX, channels first, reduce_window", "peer_jax", "training",
                  {**JOB, "scan": False, "last": False, "windows": True}, MOST, "other"),
    ]


def fresh(c: Candidate, folder: str) -> tuple[float, dict[str, Any]]:
    """Seconds until the first run is done, in a new process; the caches are in `folder`."""
    process = Process(c.threads, {"CHAINRULE_CACHE": f"{folder}/chainrule",
                                  "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch"})
    try:
        number, _ = process.load(c)
        reply = process.ask("once", work=number)
    finally:
        process.end()
    return float(reply.get("seconds", "nan")), reply.get("told", {})


def compile_times(report: Report, how: Setting) -> None:
    """A training step turned into code: with an empty cache, and with what that run has left."""
    ours = Candidate("chainrule", "ours", "compiling", JOB, MOST)
    torch = Candidate("PyTorch compiled", "peer_torch", "first_steps", JOB, MOST)
    cold: list[float] = []
    warm: list[float] = []
    before: list[float] = []
    for _ in range(how.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for times in (cold, warm):
                seconds, words = fresh(ours, folder)
                times.append(seconds)
                before.append(words.get("differentiate", float("nan")))
    with tempfile.TemporaryDirectory() as folder:
        theirs = [fresh(torch, folder)[0] for _ in range(2)]
    mine = [statistics.median(cold), statistics.median(warm)]
    rows = [[name, told(a), told(b), f"{b / a:.0f}"] for name, a, b in zip(
        ("cold", "from the cache"), mine, theirs, strict=True)]
    report.table("Compile time of a step", ["", "chainrule", "torch.compile", "times ours"], rows)
    report.note(
        f"chainrule: from the equations of a step to code that can be called, the median of "
        f"{how.rounds} new processes each; building these equations from the network (its "
        f"derivative, the optimiser) takes {told(statistics.median(before))} before that. "
        "torch.compile: until the first ten steps are done, one process each.")
    report.bar("compile time of the LeNet step, cold", 0.8, mine[0], most=True, form="{:.2f} s")
    report.bar("compile time of the LeNet step, from the cache", 0.1, mine[1], most=True,
               form="{:.3f} s")


def memory(report: Report) -> None:
    """Growth of resident memory over many steps, after import and warm-up, in new processes."""
    rows, growth = [], {}
    for c in (Candidate("chainrule", "ours", "training", JOB, MOST),
              Candidate("PyTorch eager", "peer_torch", "training", JOB, MOST),
              Candidate("PyTorch eager, channels_last", "peer_torch", "training", LAST, MOST)):
        process = Process(c.threads)
        try:
            number, loaded = process.load(c)
            process.ask("time", work=number, count=2)  # the warm-up: 30 steps
            reply = process.ask("memory", work=number, count=STEPS // NETS["lenet"].steps)
        finally:
            process.end()
        if "after" in reply:
            growth[c.name] = reply["after"] - reply["before"]
            rows.append([c.name, f"{loaded['resident']:.0f} MB", f"{reply['before']:.0f} MB",
                         f"{reply['after']:.0f} MB", f"{growth[c.name]:+.1f} MB"])
    columns = ["", "after import", "after 30 steps", f"after {STEPS} more", "growth"]
    report.table("Resident memory", columns, rows)
    peers = [v for name, v in growth.items() if name != "chainrule"]
    if peers and "chainrule" in growth:
        report.bar("growth of resident memory while LeNet trains, against the least of PyTorch's",
                   max(0.0, min(peers)), growth["chainrule"], most=True, form="{:.1f} MB")


def main() -> None:
    """Measure all three."""
    net = NETS["lenet"]
    report = Report("lenet", "LeNet", (
        "28×28 pictures, batches of 64, momentum, float32. The answer compared is the loss of ten "
        "steps and the weights after them. The limit counts sums over all cells; behind the second "
        "pooling chainrule goes over the winners alone, a fourth of the cells."), setting())
    with Processes() as processes:
        every = [*candidates(), *limits(16 * net.parameters())]
        found = measure(every, processes, report.how)
    report.job("Training", found,
               limit=report.limit(found, net.operations(), 16 * net.parameters()))
    report.against("LeNet, against PyTorch with channels_last", 2.2, found,
                   "PyTorch eager, channels_last")
    compile_times(report, report.how)
    memory(report)
    report.save()


if __name__ == "__main__":
    main()
