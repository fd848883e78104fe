"""How building, differentiating and evaluating grow with the length of a chain of equations.

    python benchmarks/chain.py

A chain v1 = sin(v0) + 0.5, v2 = exp(-v1), ... of 10^3, 10^4 and 10^5 equations: seconds, equations
a second, and peak memory an equation (measured apart, since measuring slows). Beside it, in the
same run, autograd's gradient of the same chain: time only, as a ratio.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

from chainrule.diff.forward import jvp
from chainrule.diff.reverse import gradient
from chainrule.evaluate.reference import run
from chainrule.lang.ranges import program

LENGTHS = (1_000, 10_000, 100_000)
RUNS = 3
AT = {"x": 0.3}


def text_of(length: int) -> str:
    lines = ["v0 = x"]
    for k in range(1, length):
        lines.append(f"v{k} = sin(v{k - 1}) + 0.5" if k % 2 else f"v{k} = exp(-v{k - 1})")
    return "\n".join(lines)


def seconds(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(RUNS):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def kilobytes(work: Callable[[], Any]) -> float:
    gc.collect()
    tracemalloc.start()
    kept = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return peak / 1000


def autograd_seconds(length: int) -> float | None:
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return None

    def chain(x: Any) -> Any:
        for k in range(1, length):
            x = anp.sin(x) + 0.5 if k % 2 else anp.exp(-x)
        return x

    return seconds(lambda: autograd.grad(chain)(0.3))


def main() -> None:
    head = f"{'equations':>9}  {'step':<22}{'seconds':>9}{'equations/s':>13}{'kB/equation':>13}"
    print(head)
    for length in LENGTHS:
        text = text_of(length)
        p = program(text)
        d = gradient(p)
        steps: list[tuple[str, Callable[[], Any], bool]] = [
            ("read, infer, verify", lambda text=text: program(text), True),
            ("differentiate, reverse", lambda p=p: gradient(p), True),
            ("differentiate, forward", lambda p=p: jvp(p), True),
            ("evaluate", lambda p=p: run(p, AT, keep="outputs"), False),
            ("evaluate gradient", lambda d=d: run(d.program, AT, keep="outputs"), False),
        ]
        for name, work, memory in steps:
            took = seconds(work)
            size = f"{kilobytes(work) / length:13.2f}" if memory else ""
            print(f"{length:>9,}  {name:<22}{took:9.3f}{length / took:13,.0f}{size}")
            ours = took
        peer = autograd_seconds(length)
        if peer is not None:
            print(f"{length:>9,}  {'autograd, the same':<22}{peer:9.3f}{length / peer:13,.0f}"
                  f"   {peer / ours:.1f} times our gradient's evaluation")


if __name__ == "__main__":
    main()
