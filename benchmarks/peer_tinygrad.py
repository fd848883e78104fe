"""The small perceptron done by tinygrad; it needs clang, to compile for a processor."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
from jobs import Array, Work, net_of

if shutil.which("clang") is None:
    raise ImportError("tinygrad needs clang, which is not installed")

from tinygrad import Tensor, TinyJit


def mlp(net: str, threads: int) -> Work:
    """A training step in TinyJit."""
    job = net_of(net)
    x, y = job.data()
    weights = [Tensor(w).realize() for w in job.weights()]
    moving = [Tensor.zeros(*w.shape).contiguous().realize() for w in weights]
    for w in weights:
        w.requires_grad = True
    starts = [int(s) for s in job.starts()]
    rows = {s: (Tensor(x[s:s + job.batch]).realize(),
                Tensor(y[s:s + job.batch].astype(np.int32)).realize()) for s in set(starts)}

    @TinyJit
    def step(a: Tensor, b: Tensor) -> Tensor:
        w1, w2 = weights
        loss = ((a @ w1.T).sigmoid() @ w2.T).sparse_categorical_crossentropy(b)
        for w, v, g in zip(weights, moving, loss.gradient(*weights), strict=True):
            v.assign(job.momentum * v - g)
            w.assign(w + job.rate * v)
        return loss.realize(*weights, *moving)

    def run() -> list[Any]:
        return [step(*rows[s]).item() for s in starts]

    def answer() -> dict[str, Array]:
        loss = np.array(run())
        return {"loss": loss, **{f"w{k}": w.numpy() for k, w in enumerate(weights)}}

    return Work(run, answer, job.steps)
