"""Small formulas with their gradients, a call at a time: what a call itself costs.

    python benchmarks/scalar.py [--quick]
"""

from __future__ import annotations

from common import measure, setting
from peer_scalar import TEXTS
from processes import Candidate, Processes
from reporting import Report

TOOLS = {"PyTorch eager": "torch_eager", "autograd": "autograd", "JAX, jit": "jax_jit",
         "MyGrad": "mygrad", "micrograd": "micrograd", "Python by hand": "python"}
REQUIRED = {"PyTorch eager": 20.0, "autograd": 20.0, "JAX, jit": 3.0}


def main() -> None:
    """Measure two formulas."""
    report = Report("scalar", "Scalar formulas with their gradients", (
        "Two numbers in; the value and two partial derivatives out, numbers of Python, in float64. "
        "Each formula has ten operations."), setting())
    with Processes() as processes:
        for which, text in TEXTS.items():
            o = {"which": which}
            every = [Candidate("chainrule", "peer_scalar", "ours", o, kind="ours")]
            every += [Candidate(name, "peer_scalar", maker, o,
                                kind="other" if name == "Python by hand" else "peer")
                      for name, maker in TOOLS.items()]
            found = measure(every, processes, report.how, 1e-9)
            report.job(f"`{text}`", found, "call")
            for name, required in REQUIRED.items():
                report.against(f"{which}, per call, against {name}", required, found, name)
    report.save()


if __name__ == "__main__":
    main()
