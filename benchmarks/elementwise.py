"""One formula on 16 million numbers: eight arithmetic operations, an exp and a tanh, float32.

    python benchmarks/elementwise.py [--quick]

A pass over memory for each operation is what costs here. The least possible is what a copy costs:
read every number once, write every result once.
"""

from __future__ import annotations

from common import measure, setting
from jobs import CELLS
from processes import Candidate, Processes, each_thread
from reporting import Report, told

FORMULA = "tanh(0.5*x + 0.1)*exp(-x*x) + 0.3*x - 0.2"


def candidates() -> list[Candidate]:
    """All that have the formula as one piece, and NumPy."""
    o = {"count": CELLS}
    text = {**o, "text": FORMULA}
    return [
        *each_thread("chainrule", "ours", "elementwise", text, kind="ours"),
        *each_thread("numexpr", "peer_small", "numexpr_elementwise", text),
        *each_thread("JAX, jit", "peer_jax", "elementwise", o),
        *each_thread("PyTorch compiled", "peer_torch", "elementwise", o, kind="other"),
        *each_thread("PyTorch eager", "peer_torch", "elementwise", {**o, "compiled": False},
                     kind="other"),
        *each_thread("NumPy, in place", "peer_small", "numpy_elementwise", o, kind="other"),
        *each_thread("copy", "rates", "copy", {"size": 8 * CELLS}, kind="limit"),
    ]


def main() -> None:
    """Measure it, and the copy in the same run."""
    report = Report("elementwise", "A formula on 16 million numbers", (
        f"`{FORMULA}` on {CELLS:,} float32 numbers. The limit is the time of a copy of as many, by "
        "the quickest number of threads."), setting())
    with Processes() as processes:
        found = measure(candidates(), processes, report.how)
    copy, ours = found.best("limit"), found.best("ours")
    limit = 8 * CELLS * copy.median if copy else None
    if copy and limit:
        report.note(f"The copy: {told(limit)}, {1e-9 / copy.median:.1f} GB/s read and written, "
                    f"{copy.candidate.threads} thread(s).")
    report.job("", found, "pass", limit)
    report.bar("16 million elements, times the time of a copy", 1.5,
               ours.median / limit if ours and limit else None, most=True)
    report.against("16 million elements, against the faster of numexpr and JAX", 1.0, found)
    report.save()


if __name__ == "__main__":
    main()
