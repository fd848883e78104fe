"""A wide perceptron: 784-1024-1024-10, max(0, x), biases, batches of 128, momentum, float32.

    python benchmarks/wide.py [--quick]

Here the arithmetic of the matrix products counts, and the traffic of 1.9 million parameters: each
weight and its velocity has to be read and written once a step at least.
"""

from __future__ import annotations

from common import measure, setting
from jobs import NETS
from processes import Candidate, Processes, each_thread
from reporting import Report, limits

ROOFLINE = 0.8


def candidates() -> list[Candidate]:
    """All that can do the job in reasonable time."""
    o = {"net": "wide"}
    fused, compiled = {**o, "optimiser": "fused"}, {"compiled": True}
    return [
        *each_thread("chainrule", "ours", "training", o, kind="ours"),
        *each_thread("PyTorch eager, foreach", "peer_torch", "training", o),
        *each_thread("PyTorch eager, fused", "peer_torch", "training", fused),
        *each_thread("PyTorch compiled, fused", "peer_torch", "training", {**fused, **compiled}),
        *each_thread("JAX, lax.scan", "peer_jax", "training", o),
        *each_thread("JAX, a step a call", "peer_jax", "training", {**o, "scan": False}),
        *each_thread("NumPy by hand", "peer_small", "numpy_wide", o),
    ]


def main() -> None:
    """Measure it, and the roofline in the same run."""
    net = NETS["wide"]
    report = Report("wide", "A wide perceptron, 784-1024-1024-10", (
        "Batches of 128, momentum, float32. The limit counts all products of a step at the rate of "
        "a large square product, and 16 bytes a parameter (weight and velocity read once and "
        "written once) at the rate of copying in a working set of that size. Gradients that go "
        "through memory, and weights that are read again on the way back, are not granted."
    ), setting())
    with Processes() as processes:
        found = measure([*candidates(), *limits(16 * net.parameters())], processes, report.how)
    limit = report.limit(found, net.operations(), 16 * net.parameters())
    report.job("", found, limit=limit)
    report.against("784-1024-1024-10, against the fastest peer", 1.05, found)
    ours = found.best("ours")
    report.bar("784-1024-1024-10, part of the roofline reached", ROOFLINE,
               limit / ours.median if limit and ours else None, form="{:.0%}")
    report.save()


if __name__ == "__main__":
    main()
