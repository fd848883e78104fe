"""The jobs of derivations.py: what is differentiated, at which point, and the true derivative.

Each job is a NumPy function of some arrays. Its derivative is taken by central differences, so that
the truth comes from none of the tools compared. Every tool's closed form is evaluated at the same
point and held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Values = dict[str, Any]
CLOSE = 1e-5  # central differences are good to about 1e-9, second ones to 1e-6


@dataclass(frozen=True)
class Job:
    """A function `of` some arrays, and the arrays it is differentiated by."""

    name: str
    of: Callable[..., Any]
    wrt: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    order: int = 1

    def values(self) -> Values:
        """The point: no ties, nothing at a kink; t lies on the simplex."""
        rng = np.random.default_rng(7)
        drawn = {name: rng.uniform(-1, 1, shape) for name, shape in self.shapes.items()}
        if "t" in drawn:
            drawn["t"] = np.abs(drawn["t"]) / np.abs(drawn["t"]).sum()
        return drawn

    def truth(self) -> dict[str, Any]:
        """The derivative by each of `wrt`: the axes of the output, then those of the input."""
        point = self.values()

        def slope(f: Callable[[Any], Any], x: Any, step: float) -> Any:
            cells = []
            for cell in np.ndindex(x.shape):
                up, down = x.copy(), x.copy()
                up[cell] += step
                down[cell] -= step
                cells.append((np.asarray(f(up)) - np.asarray(f(down))) / (2 * step))
            return np.moveaxis(np.array(cells), 0, -1).reshape((*cells[0].shape, *x.shape))

        found = {}
        for name in self.wrt:
            f = lambda x, name=name: self.of(**{**point, name: x})  # noqa: E731
            step = 1e-5
            if self.order == 2:
                f, step = (lambda x, f=f: slope(f, x, 1e-4)), 1e-4
            found[name] = slope(f, point[name], step)
        return found

    def right(self, name: str, value: Any) -> bool:
        """Whether a value of the derivative by `name` is the true one."""
        true = self.truth()[name]
        value = np.asarray(value, dtype=float)
        if value.size == true.size:  # columns and vectors are the same numbers
            value = value.reshape(true.shape)
        return bool(value.shape == true.shape and np.allclose(value, true, atol=CLOSE, rtol=CLOSE))


def softmax(z: Any) -> Any:
    """Along the last axis."""
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def conv(x: Any, w: Any, g: Any, stride: int = 1) -> Any:
    """Σ g[i] y[i] with y[i] = Σ_a w[a] x[stride i + a]."""
    return sum(g[i] * (w * x[stride * i : stride * i + len(w)]).sum() for i in range(len(g)))


def layer_norm(x: Any, g: Any) -> Any:
    """Σ g (x - mean)/sqrt(variance + 1e-5)."""
    return (g * (x - x.mean()) / np.sqrt(x.var() + 1e-5)).sum()


def mlp(x: Any, t: Any, **weights: Any) -> Any:
    """Sigmoid layers, then softmax and cross-entropy."""
    *inner, last = weights.values()
    for w in inner:
        x = 1 / (1 + np.exp(-w @ x))
    return -(t * np.log(softmax(last @ x))).sum()


def _jobs() -> Iterator[Job]:
    yield Job("softmax, Jacobian", softmax, ("z",), {"z": (3,)})
    yield Job("softmax with cross-entropy, ∂/∂z",
              lambda z, t: -(t * np.log(softmax(z))).sum(), ("z",), {"z": (3,), "t": (3,)})
    yield Job("log-sum-exp, Hessian", lambda z: np.log(np.exp(z).sum()), ("z",), {"z": (3,)}, 2)
    yield Job("tr(AXB), ∂/∂X", lambda A, X, B: np.trace(A @ X @ B), ("X",),
              {"A": (4, 2), "X": (2, 3), "B": (3, 4)})
    yield Job("aᵀXb, ∂/∂X", lambda a, X, b: a @ X @ b, ("X",),
              {"a": (2,), "X": (2, 3), "b": (3,)})
    yield Job("xᵀAx, ∂/∂x", lambda x, A: x @ A @ x, ("x",), {"x": (3,), "A": (3, 3)})
    yield Job("‖Ax - b‖², ∂/∂x", lambda A, x, b: ((A @ x - b) ** 2).sum(), ("x",),
              {"A": (3, 2), "x": (2,), "b": (3,)})
    yield Job("‖XW - Y‖², ∂/∂W", lambda X, W, Y: ((X @ W - Y) ** 2).sum(), ("W",),
              {"X": (4, 3), "W": (3, 2), "Y": (4, 2)})
    yield Job("‖XW - Y‖² + ‖W‖², ∂/∂W", lambda X, W, Y: ((X @ W - Y) ** 2).sum() + (W**2).sum(),
              ("W",), {"X": (4, 3), "W": (3, 2), "Y": (4, 2)})
    yield Job("tr(XᵀX), ∂/∂X", lambda X: (X**2).sum(), ("X",), {"X": (2, 3)})
    yield Job("xᵀ diag(w) x, ∂/∂x", lambda x, w: (x * w * x).sum(), ("x",),
              {"x": (3,), "w": (3,)})
    yield Job("convolution, ∂/∂kernel", conv, ("w",), {"x": (6,), "w": (3,), "g": (4,)})
    yield Job("convolution, ∂/∂input", conv, ("x",), {"x": (6,), "w": (3,), "g": (4,)})
    yield Job("convolution of stride 2, ∂/∂input", lambda x, w, g: conv(x, w, g, 2), ("x",),
              {"x": (7,), "w": (3,), "g": (3,)})
    yield Job("layer norm, ∂/∂x", layer_norm, ("x",), {"x": (4,), "g": (4,)})
    yield Job("attention, ∂/∂Q",
              lambda q, keys, v, G: (G * (softmax(q @ keys.T) @ v)).sum(), ("q",),
              {"q": (2, 2), "keys": (3, 2), "v": (3, 2), "G": (2, 2)})
    yield Job("max-pool of windows of 2, ∂/∂x",
              lambda x, g: (g * x.reshape(-1, 2).max(1)).sum(), ("x",), {"x": (6,), "g": (3,)})
    yield Job("PReLU, ∂/∂α", lambda u, g, alpha: (g * np.where(u >= 0, u, alpha * u)).sum(),
              ("alpha",), {"u": (5,), "g": (5,), "alpha": ()})
    yield Job("two-layer MLP, ∂/∂W1 and ∂/∂W2", mlp, ("W1", "W2"),
              {"x": (3,), "t": (2,), "W1": (2, 3), "W2": (2, 2)})
    sizes = (2, 3, 2, 2)
    weights = {f"W{k}": (n, m) for k, (m, n) in enumerate(pairwise(sizes), 1)}
    yield Job("MLP of L layers, L a letter", mlp, tuple(weights),
              {"x": (2,), "t": (2,), **weights})


JOBS = {job.name: job for job in _jobs()}
CLAIMS = (
    "softmax(x + c) = softmax(x)",
    "Σ softmax(x) = 1",
    "tanh(x) = 2 σ(2x) - 1",
    "max(0, x) = x H(x)",
    "a counterexample to softmax(cx) = softmax(x)",
    "softmax(cx) for c → ∞, with ties",
    "σ(kx) → H(x) for k → ∞",
    "the integral of H from -∞ to x",
)
