"""How long sizes take: a network's summary from a cold shell, deep chains, the inverse.

Peers, where they are installed, are timed in the same run: torchinfo on torchvision's network of
the same name, from a cold shell too. Medians; ratios below 1 say that chainrule is quicker.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from chainrule import nn
from chainrule.count.configurations import solve
from chainrule.count.sizes import sizes

PEER = """
import torch, torchinfo, torchvision
model = torchvision.models.{name}()
torchinfo.summary(model, (1, 3, 224, 224), verbose=0)
"""


def median(work: Callable[[], object], times: int = 5) -> float:
    """Seconds, the median of some runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def cold(*words: str) -> Callable[[], object]:
    """A fresh interpreter."""
    return lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True)


def peer(name: str) -> float | None:
    """torchinfo's time for a network, or None where it is not installed."""
    try:
        cold("-c", "import torch, torchinfo, torchvision")()
    except subprocess.CalledProcessError:
        return None
    return median(cold("-c", PEER.format(name=name)), 3)


def chain(layers: int) -> Callable[[], object]:
    """The sizes of a chain of convolutions and ReLUs, built and counted."""
    def work() -> object:
        parts = [layer for _ in range(layers // 2)
                 for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
        return sizes(nn.Network(nn.Sequential(*parts), (8, 16, 16)).program, {"N": 1})

    return work


def main() -> None:
    """Print the table."""
    print(f"{'what':<58}{'seconds':>9}{'ratio':>8}")
    for name in ("vgg16", "resnet50"):
        ours = median(cold("-m", "chainrule", "size", name))
        theirs = peer(name)
        said = "" if theirs is None else f"{ours / theirs:8.2f}"
        print(f"{f'chainrule size {name}, cold':<58}{ours:9.3f}{said}")
        if theirs is not None:
            print(f"{f'  torchinfo on torchvision {name}, cold':<58}{theirs:9.3f}{1:8.2f}")
    for layers in (1_000, 10_000):
        print(f"{f'a chain of {layers:,} layers, built and sized':<58}"
              f"{median(chain(layers), 3):9.3f}")
    for i, o in ((64, 32), (1024, 512), (1024, 1)):
        took = median(lambda i=i, o=o: solve(i, o, k="1..64", d="1..64").best(50))
        count = solve(i, o, k="1..64", d="1..64").count
        print(f"{f'inverse {i} → {o}, k and d to 64: {count:,} solutions':<58}{took:9.3f}")


if __name__ == "__main__":
    main()
