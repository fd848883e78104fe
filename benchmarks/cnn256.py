"""A convolutional network on pictures of 256×256: forward, and backward to all parameters.

    python benchmarks/cnn256.py [--quick]

Three colours; 64 windows of 8×8 in steps of 2; max-pooling of 5×5; 128 windows of 4×4, padded by 1.
Batches of 8, float32.
"""

from __future__ import annotations

from common import measure, setting
from jobs import NETS
from processes import THREADS, Candidate, Processes, each_thread
from reporting import Report, limits


def candidates() -> list[Candidate]:
    """PyTorch and JAX in both layouts, with both forms of pooling."""
    o = {"net": "cnn256"}
    last = {**o, "channels_last": True}
    return [
        *each_thread("chainrule", "ours", "seeded", o, kind="ours"),
        *each_thread("PyTorch eager", "peer_torch", "seeded", o),
        *each_thread("PyTorch eager, channels_last", "peer_torch", "seeded", last),
        *each_thread("PyTorch compiled", "peer_torch", "seeded", {**last, "compiled": True}),
        Candidate("JAX, channels last", "peer_jax", "seeded", o, THREADS[-1], "other"),
        Candidate("JAX, channels first, reduce_window", "peer_jax", "seeded",
                  {**o, "last": False, "windows": True}, THREADS[-1], "other"),
    ]


def main() -> None:
    """Measure it."""
    net = NETS["cnn256"]
    report = Report("cnn256", "A convolutional network on 256×256 pictures", (
        "Forward, and backward from a given adjoint of the output to all weights and biases; the "
        "answer compared is the output and every gradient. The limit counts sums over all cells; "
        "chainrule sums over the winners alone where what stands before a pooling is 0 elsewhere "
        "(a 25th of the cells, for the first kernels), and so may pass it."), setting())
    size = 4 * net.batch * 3 * 256 * 256
    with Processes() as processes:
        found = measure([*candidates(), *limits(2 * size)], processes, report.how)
    report.job("", found, "forward and backward", report.limit(found, net.operations(), size))
    report.against("256×256 CNN, against PyTorch", 1.4, found, "PyTorch")
    report.save()


if __name__ == "__main__":
    main()
