"""An attention block: forward, and backward to all parameters.

    python benchmarks/attention.py [--quick]

128 tokens of width 256, 4 heads: x + attention(LayerNorm(x)), then the same with a perceptron of
width 1024 and GELU (the one with erf), float32, no mask.
"""

from __future__ import annotations

from common import measure, setting
from jobs import attention_operations
from processes import Candidate, Processes, each_thread
from reporting import Report, limits

SIZE = 4 * 2 * (12 * 256 * 256 + 13 * 256)  # each parameter read, each gradient written


def candidates() -> list[Candidate]:
    """PyTorch with its fused attention and with the softmax written out."""
    torch = "peer_torch", "attention_block"
    return [
        *each_thread("chainrule", "ours", "attention_block", kind="ours"),
        *each_thread("PyTorch eager, fused attention", *torch),
        *each_thread("PyTorch eager, softmax written out", *torch, {"fused": False}),
        *each_thread("PyTorch compiled", *torch, {"compiled": True}, kind="other"),
        *each_thread("JAX", "peer_jax", "attention_block", kind="other"),
    ]


def main() -> None:
    """Measure it."""
    report = Report("attention", "An attention block", (
        "LayerNorm, four heads of softmax attention and a GELU perceptron on 128 tokens of width "
        "256, forward and backward; the answer compared is the output and every gradient."
    ), setting())
    with Processes() as processes:
        found = measure([*candidates(), *limits(SIZE)], processes, report.how)
    limit = report.limit(found, attention_operations(), SIZE)
    report.job("", found, "forward and backward", limit)
    report.against("attention block, against PyTorch eager", 1.5, found, "PyTorch eager")
    report.save()


if __name__ == "__main__":
    main()
