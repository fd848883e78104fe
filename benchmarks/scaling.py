"""How the time of a step grows with the batch, with width, with depth and with channels.

    python benchmarks/scaling.py [--quick]

The exponent is the slope of a line through the logarithms: 1 is proportional, 2 quadratic, as the
arithmetic of a wide layer is in its width.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from common import measure, setting
from jobs import Net, mlp
from processes import THREADS, Candidate, Processes
from reporting import Report, told


def pictures(channels: int) -> Net:
    """Two convolutions with as many channels each."""
    return Net("pictures", (channels, 14, 14), (
        ("conv", channels, channels, 3, 1, 1), ("relu",), ("conv", channels, channels, 3, 1, 1),
        ("relu",), ("pool", 2), ("flatten",), ("linear", channels * 49, 10, True)), 32, 4, 128)


STUDIES: dict[str, tuple[Sequence[int], Callable[[int], Net]]] = {
    "batch, 256-64-10": ((25, 50, 100, 200, 400, 800), lambda n: mlp(64, batch=n)),
    "width H, 256-H-10": ((16, 32, 64, 128, 256, 512, 1024), lambda n: mlp(n)),
    "depth, layers of 128": ((1, 2, 4, 8, 16), lambda n: mlp(128, n)),
    "channels, two convolutions on 14×14": ((8, 16, 32, 64, 128), pictures),
}


def main() -> None:
    """Measure ours and PyTorch eager at every size."""
    report = Report("scaling", "How time grows", (
        "A step of training on all processors used; PyTorch eager beside it, in a plain loop."
    ), setting())
    with Processes() as processes:
        for title, (sizes, make) in STUDIES.items():
            rows, points = [], []
            for size in sizes:
                net = make(size)
                o = {"net": json.loads(json.dumps(asdict(net)))}
                found = measure([
                    Candidate("chainrule", "ours", "training", o, THREADS[-1], "ours"),
                    Candidate("PyTorch", "peer_torch", "training", o, THREADS[-1]),
                ], processes, report.how)
                mine, theirs = found.best("ours"), found.best("peer")
                row = [f"{size:,}", f"{net.operations() / 1e6:,.3g}"]
                for one in (mine, theirs):
                    row.append(told(one.median) if one else "not timed")
                rate = net.operations() / mine.median / 1e9 if mine else 0.0
                rows.append([*row, f"{rate:.1f}"])
                if mine and theirs:
                    points.append((size, net.operations(), mine.median, theirs.median))
            if len(points) > 2:
                logs = np.log(np.array(points))
                slopes = [np.polyfit(logs[:, 0], logs[:, k], 1)[0] for k in (1, 2, 3)]
                rows.append(["exponent", *(f"{s:.2f}" for s in slopes), ""])
            report.table(title, [title.split(",")[0], "million operations", "chainrule", "PyTorch",
                                 "our GFLOP/s"], rows)
    report.save()


if __name__ == "__main__":
    main()
