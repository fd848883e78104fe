"""The machine's own limits, measured as candidates beside the others: BLAS and copying."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jobs import Work

SIDE = 1536


def blas(threads: int, tool: str = "numpy") -> Work:
    """A square product in float32; `units` is its floating point operations."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE)).astype(np.float32) for _ in range(2))
    if tool == "torch":
        import torch

        torch.set_num_threads(threads)
        x, y = torch.from_numpy(a), torch.from_numpy(b)
        z = torch.empty(SIDE, SIDE)
        return Work(lambda: torch.mm(x, y, out=z), dict, 2 * SIDE**3)
    c = np.empty_like(a)
    return Work(lambda: np.matmul(a, b, out=c), dict, 2 * SIDE**3)


def copy(threads: int, size: int) -> Work:
    """Copies of half of `size` bytes into the other half, a part for each thread.

    Small ones are repeated; `units` is bytes read and bytes written.
    """
    source = np.ones(max(size // 8, 1024), np.float32)
    target = np.zeros_like(source)
    bounds = [k * len(source) // threads for k in range(threads + 1)]
    pool = ThreadPoolExecutor(threads)

    times = max(1, 8_000_000 // source.nbytes)

    def part(k: int) -> None:
        for _ in range(times):
            np.copyto(target[bounds[k]:bounds[k + 1]], source[bounds[k]:bounds[k + 1]])

    def run() -> None:
        if threads == 1:
            part(0)
        else:
            list(pool.map(part, range(threads)))

    return Work(run, dict, 2 * source.nbytes * times)
