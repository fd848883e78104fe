"""Small perceptrons: 256-H-10, logistic, without biases; batches of 100, momentum, float32.

    python benchmarks/mlp.py [--quick]

A run is ten epochs of 1,000 examples. What a step costs here is mostly what stands around the
arithmetic: Python, dispatch, memory for results, threads that meet.
"""

from __future__ import annotations

from common import measure, setting
from jobs import NETS
from processes import Candidate, Processes, each_thread
from reporting import Report, limits

REQUIRED = {7: 2.5, 37: 2.2, 200: 1.5}
EAGER = 15.0  # at H = 7


def candidates(net: str) -> list[Candidate]:
    """All that can do the job."""
    o = {"net": net}
    fused, compiled = {**o, "optimiser": "fused"}, {"compiled": True}
    return [
        *each_thread("chainrule", "ours", "training", o, kind="ours"),
        *each_thread("PyTorch eager, foreach", "peer_torch", "training", o),
        *each_thread("PyTorch eager, fused", "peer_torch", "training", fused),
        *each_thread("PyTorch compiled, fused", "peer_torch", "training", {**fused, **compiled}),
        Candidate("PyTorch compiled, its optimiser too", "peer_torch", "training",
                  {**o, **compiled, "compiled_rule": True}),
        *each_thread("JAX, lax.scan", "peer_jax", "training", o),
        *each_thread("JAX, a step a call", "peer_jax", "training", {**o, "scan": False}),
        *each_thread("NumPy by hand", "peer_small", "numpy_mlp", o),
        *each_thread("MyGrad", "peer_small", "mygrad_mlp", o),
        *each_thread("autograd", "peer_small", "autograd_mlp", o),
        *each_thread("tinygrad, TinyJit", "peer_tinygrad", "mlp", o),
    ]


def main() -> None:
    """Measure the three widths."""
    report = Report("mlp", "Small perceptrons, 256-H-10", (
        "Logistic hidden units, no biases, cross-entropy, batches of 100, momentum, float32; whole "
        "epochs in order. The answer compared is the loss of 100 steps and the weights after them."
    ), setting())
    with Processes() as processes:
        for hidden, required in REQUIRED.items():
            net = NETS[f"mlp-{hidden}"]
            every = [*candidates(net.name), *limits(24 * net.parameters())]
            found = measure(every, processes, report.how)
            report.job(f"H = {hidden}", found,
                       limit=report.limit(found, net.operations(), 16 * net.parameters()))
            report.against(f"H = {hidden}, against the fastest peer", required, found)
            if hidden == 7:
                report.against("H = 7, against PyTorch eager", EAGER, found, "PyTorch eager")
    report.note("micrograd has no exp, and a number is an object of Python there: "
                "it cannot do this job.")
    report.save()


if __name__ == "__main__":
    main()
