"""The jobs of the speed benchmarks as plain data, so that every tool is given the same.

A network is a list of layers; its weights, its examples and the adjoint of its output are drawn
here with NumPy, from a seed. Each tool builds the job in its own words (`ours.py`, `peer_*.py`) and
gives a `Work`: what is timed, and its answer, which is compared before anything is timed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass
class Work:
    """A job that a tool has prepared.

    `run` does it once, `units` steps of it; `answer` does it from the beginning and gives arrays by
    name. `prepare` undoes what a run leaves behind, untimed; `told` are facts for the report.
    """

    run: Callable[[], Any]
    answer: Callable[[], dict[str, Array]]
    units: int = 1
    told: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Net:
    """A network by its layers.

    ("linear", in, out, bias), ("conv", in, out, window, stride, padding), ("pool", window),
    ("relu",), ("sigmoid",), ("flatten",). It is trained with cross-entropy and momentum, or, with
    `seeded`, run forward and backward once from a given adjoint of its output.
    """

    name: str
    shape: tuple[int, ...]
    layers: tuple[tuple[Any, ...], ...]
    batch: int
    steps: int = 1
    examples: int = 0
    seeded: bool = False
    rate: float = 0.01
    momentum: float = 0.9

    def weights(self) -> list[Array]:
        """Weights and biases in the order of the layers, uniform in ±1/√fan-in."""
        rng = np.random.default_rng(1)
        found = []
        for kind, *of in self.layers:
            if kind == "linear":
                shape: tuple[int, ...] = (of[1], of[0])
                bias = of[2]
            elif kind == "conv":
                shape, bias = (of[1], of[0], of[2], of[2]), True
            else:
                continue
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            found.append(rng.uniform(-bound, bound, shape).astype(np.float32))
            if bias:
                found.append(rng.uniform(-bound, bound, shape[0]).astype(np.float32))
        return found

    def data(self) -> tuple[Array, Array]:
        """Examples and labels."""
        rng = np.random.default_rng(2)
        count = self.examples or self.batch
        x = rng.standard_normal((count, *self.shape)).astype(np.float32)
        return x, rng.integers(0, 10, count)

    def starts(self) -> Array:
        """Where each step's examples begin."""
        return np.arange(self.steps) % max(1, self.examples // self.batch) * self.batch

    def seed(self) -> Array:
        """The adjoint of the output."""
        shape = (self.batch, *self.shapes()[-1])
        return np.random.default_rng(3).standard_normal(shape).astype(np.float32)

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of an example before and after each layer."""
        found = [self.shape]
        for kind, *of in self.layers:
            now = found[-1]
            if kind == "linear":
                now = (of[1],)
            elif kind == "conv":
                now = (of[1], *((n + 2 * of[4] - of[2]) // of[3] + 1 for n in now[1:]))
            elif kind == "pool":
                now = (now[0], *(n // of[0] for n in now[1:]))
            elif kind == "flatten":
                now = (math.prod(now),)
            found.append(now)
        return found

    def operations(self) -> int:
        """Floating point operations of the products of a step: forward, and both gradients.

        The first layer's input needs no gradient.
        """
        total, first = 0, True
        for (kind, *of), after in zip(self.layers, self.shapes()[1:], strict=True):
            if kind in ("linear", "conv"):
                inner = of[0] if kind == "linear" else of[0] * of[2] ** 2
                total += 2 * self.batch * math.prod(after) * inner * (2 if first else 3)
                first = False
        return total

    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(w.size for w in self.weights())


def mlp(hidden: int, layers: int = 1, batch: int = 100) -> Net:
    """The perceptron of the course: sigmoid layers without biases."""
    sizes = [256] + [hidden] * layers
    inner = [part for i, o in pairwise(sizes)
             for part in (("linear", i, o, False), ("sigmoid",))]
    return Net(f"mlp-{hidden}", (256,), (*inner, ("linear", hidden, 10, False)), batch, 100,
               10 * batch)


NETS = {net.name: net for net in (
    mlp(7), mlp(37), mlp(200),
    Net("wide", (784,), (("linear", 784, 1024, True), ("relu",), ("linear", 1024, 1024, True),
                         ("relu",), ("linear", 1024, 10, True)), 128, 8, 1024),
    Net("lenet", (1, 28, 28), (
        ("conv", 1, 32, 3, 1, 0), ("relu",), ("pool", 2), ("conv", 32, 64, 3, 1, 0), ("relu",),
        ("pool", 2), ("flatten",), ("linear", 1600, 128, True), ("relu",),
        ("linear", 128, 10, True)), 64, 10, 640),
    Net("cnn256", (3, 256, 256), (
        ("conv", 3, 64, 8, 2, 0), ("pool", 5), ("conv", 64, 128, 4, 1, 1)), 8, seeded=True),
)}


def net_of(given: str | dict[str, Any]) -> Net:
    """A network by its name, or by its fields as JSON has them."""
    if isinstance(given, str):
        return NETS[given]
    lists = {"shape": tuple(given["shape"]), "layers": tuple(map(tuple, given["layers"]))}
    return Net(**{**given, **lists})


# --- the attention block: LayerNorm, attention, a sum, LayerNorm, GELU, a sum

TOKENS, WIDTH, HEADS = 128, 256, 4


def attention() -> dict[str, Array]:
    """The block's weights by name, its input x and the adjoint `seed` of its output."""
    rng = np.random.default_rng(4)
    d, e = WIDTH, WIDTH // HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "norm1_gamma": (d,), "norm1_beta": (d,),
        "Wq": (HEADS, e, d), "bq": (HEADS, e), "Wk": (HEADS, e, d), "bk": (HEADS, e),
        "Wv": (HEADS, e, d), "bv": (HEADS, e), "Wo": (d, HEADS, e), "bo": (d,),
        "norm2_gamma": (d,), "norm2_beta": (d,),
        "up_W": (4 * d, d), "up_b": (4 * d,), "down_W": (d, 4 * d), "down_b": (d,),
    }
    found = {}
    for name, shape in shapes.items():
        fan = math.prod(shape[1:]) if len(shape) > 1 and name[0] != "b" else d
        found[name] = rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(math.sqrt(fan))
    for name in ("x", "seed"):
        found[name] = rng.standard_normal((TOKENS, d)).astype(np.float32)
    return found


def attention_operations() -> int:
    """Operations of the block's products, forward and both gradients."""
    dense = TOKENS * 12 * WIDTH * WIDTH
    scores = 2 * TOKENS * TOKENS * WIDTH
    return 2 * 3 * (dense + scores)


# --- elementwise

CELLS = 1 << 24


def cells(count: int) -> Array:
    """What the elementwise formula is computed of."""
    return np.random.default_rng(5).standard_normal(count).astype(np.float32)
