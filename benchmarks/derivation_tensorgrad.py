"""What tensorgrad makes of the jobs of derivation_jobs.py. Run by derivations.py; prints JSON.

tensorgrad 0.3.0 evaluates its expressions with PyTorch's named tensors, which newer PyTorch no
longer has, so that the values come from a small evaluator here.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import sympy as sp
import tensorgrad as tg
import tensorgrad.functions as F
from derivation_jobs import JOBS, Job
from tensorgrad.extras.to_index import to_index
from tensorgrad.tensor import Rename, peel_rename

RUNS = 7
SIZE = {name: sp.Symbol(name) for name in tuple("ADEHIKMNOUV")}
Ask = Callable[[], list[Any]]


def variable(name: str, edges: str) -> Any:
    """A variable with an edge called by a small letter for each size."""
    return tg.Variable(name, **{size.lower(): SIZE[size] for size in edges})


def jobs() -> dict[str, Ask]:
    """The jobs that can be written."""
    z, t = variable("z", "K"), variable("t", "K")
    A, X, B = variable("A", "KN"), variable("X", "NM"), variable("B", "MK")
    a, b, x, w = variable("a", "N"), variable("b", "M"), variable("x", "N"), variable("w", "N")
    Q = tg.Variable("A", i=SIZE["N"], j=SIZE["N"])
    M = variable("A", "MN")
    W, Y = variable("W", "MK"), variable("Y", "NK")
    r, R = M @ x - b, X @ W - Y
    image, kernel, seed = variable("x", "I"), variable("w", "A"), variable("g", "O")
    slide = F.Convolution(i=SIZE["I"], a=SIZE["A"], o=SIZE["O"])
    windows = F.Reshape(i=SIZE["I"], o=SIZE["O"], a=SIZE["A"])
    h, gain = variable("x", "D"), variable("g", "D")
    u, seeds, slope = variable("u", "I"), variable("g", "I"), tg.Variable("alpha")

    def norm() -> Any:
        centred = h - F.mean(h, dim="d", keepdims=True)
        variance = F.mean(F.pow(centred, 2), dim="d", keepdims=True)
        return F.sum(gain * centred / F.sqrt(variance + 1e-5))

    def attention(wrt: str) -> Any:
        q, k, v, G = (variable("q", "NE"), variable("keys", "ME"), variable("v", "MH"),
                      variable("G", "NH"))
        return (F.softmax(q @ k, dim="m") @ v @ G).grad({"q": q}[wrt])

    def mlp() -> list[Any]:
        x, W1, W2 = variable("x", "V"), variable("W1", "UV"), variable("W2", "KU")
        loss = F.cross_entropy(W2 @ F.sigmoid(W1 @ x), t, dim="k")
        return [loss.grad(W1), loss.grad(W2)]

    return {
        "softmax, Jacobian": lambda: [F.softmax(z, dim="k").grad(z)],
        "softmax with cross-entropy, ∂/∂z": lambda: [F.cross_entropy(z, t, dim="k").grad(z)],
        "log-sum-exp, Hessian": lambda: [F.log(F.sum(F.exp(z))).grad(z).grad(z)],
        "tr(AXB), ∂/∂X": lambda: [(A @ X @ B).grad(X)],
        "aᵀXb, ∂/∂X": lambda: [(a @ X @ b).grad(X)],
        "xᵀAx, ∂/∂x": lambda: [(x.rename(n="i") @ Q @ x.rename(n="j")).grad(x)],
        "‖Ax - b‖², ∂/∂x": lambda: [(r @ r).grad(x)],
        "‖XW - Y‖², ∂/∂W": lambda: [(R @ R).grad(W)],
        "‖XW - Y‖² + ‖W‖², ∂/∂W": lambda: [(R @ R + W @ W).grad(W)],
        "tr(XᵀX), ∂/∂X": lambda: [(X @ X).grad(X)],
        "xᵀ diag(w) x, ∂/∂x": lambda: [F.sum(x * w * x).grad(x)],
        "convolution, ∂/∂kernel": lambda: [(image @ slide @ kernel @ seed).grad(kernel)],
        "convolution, ∂/∂input": lambda: [(image @ slide @ kernel @ seed).grad(image)],
        "layer norm, ∂/∂x": lambda: [norm().grad(h)],
        "attention, ∂/∂Q": lambda: [attention("q")],
        "max-pool of windows of 2, ∂/∂x":
            lambda: [(F.max(image @ windows, dim="a") @ seed).grad(image)],
        "PReLU, ∂/∂α":
            lambda: [F.sum(seeds * (F.relu(u) - slope * F.relu(-u))).grad(slope)],
        "two-layer MLP, ∂/∂W1 and ∂/∂W2": mlp,
    }


class Values:
    """The numbers of an expression whose functions work cell by cell."""

    def __init__(self, job: Job) -> None:
        self.values = job.values()
        self.sizes: dict[str, int] = {}

    def of(self, e: Any) -> tuple[Any, list[str]]:
        """An array, and the edges that its axes are."""
        if isinstance(e, Rename):
            peeled = peel_rename(e)
            if not isinstance(peeled, Rename):
                return self.of(peeled)
            array, edges = self.of(e.tensor)
            return array, [e.mapping.get(edge, edge) for edge in edges]
        if isinstance(e, tg.Variable):
            return np.asarray(self.values[e.name]), list(e.edges)
        if isinstance(e, tg.Delta):
            size = self.sizes[str(e.size)]
            array = np.zeros([size] * len(e.edges))
            for k in range(size):
                array[(k,) * len(e.edges)] = 1
            return (array, list(e.edges)) if e.edges else (np.array(float(size)), [])
        if isinstance(e, F.Convolution):
            shape = [self.sizes[str(size)] for size in e.shape.values()]
            array = np.zeros(shape)
            for i, a, o in np.ndindex(*shape):
                array[i, a, o] = i == a + o
            return array, list(e.shape)
        if isinstance(e, F.Reshape):
            shape = [self.sizes[str(size)] for size in e.shape.values()]
            return np.eye(self.sizes["I"]).reshape(shape), list(e.shape)
        if isinstance(e, tg.Sum):
            edges = list(e.edges)
            terms = [self.ordered(term, edges) for term in e.terms]
            return sum(float(w) * v for w, v in zip(e.weights, terms, strict=True)), edges
        if isinstance(e, tg.Product):
            return self.product(e)
        if isinstance(e, tg.Function) and len(e.inputs) == 1 and not e.signature.edges:
            array, edges = self.of(e.inputs[0])
            return self.function(e.signature.name, array), edges
        if isinstance(e, tg.Function) and e.signature.name == "max-grad":
            array, edges = self.of(e.inputs[0])
            axes = tuple(edges.index(edge) for edge in e.signature.edges)
            winners = array == array.max(axes, keepdims=True)
            return winners / winners.sum(axes, keepdims=True), edges
        raise NotImplementedError(f"no values for {type(e).__name__} {e}")

    def ordered(self, e: Any, edges: list[str]) -> Any:
        array, found = self.of(e)
        return np.transpose(array, [found.index(edge) for edge in edges])

    def product(self, e: Any) -> tuple[Any, list[str]]:
        letters: dict[str, int] = {}
        given: list[Any] = []
        for factor in e.factors:
            array, edges = self.of(factor)
            given += [array, [letters.setdefault(edge, len(letters)) for edge in edges]]
        edges = list(e.edges)
        return np.einsum(*given, [letters[edge] for edge in edges]), edges

    def function(self, name: str, x: Any) -> Any:
        if power := re.fullmatch(r"pow\(k=(.*)\)", name):
            above, *below = map(int, re.findall(r"-?\d+", power[1]))
            return np.power(x, above / (below or [1])[0])
        table = {"exp": np.exp, "log": np.log, "relu": lambda x: np.maximum(x, 0),
                 "gt0": lambda x: np.heaviside(x, 0.5), "sign": np.sign}
        if name not in table:
            raise NotImplementedError(f"no values for the function {name}")
        return table[name](x)


def numbers(job: Job, answers: list[Any]) -> list[Any]:
    """The answers' values at the job's point, the axes of a gradient as the variable has them."""
    found = []
    for name, answer in zip(job.wrt, answers, strict=True):
        values = Values(job)
        values.sizes = SIZES[job.name]
        edges = sorted(answer.edges, key=lambda edge: ORDER.get(name, "").find(edge[0]))
        found.append(values.ordered(answer, edges))
    return found


ORDER = {"X": "nm", "W": "mk", "q": "ne", "W1": "uv", "W2": "ku"}
SIZES = {
    name: {"K": 3} for name in ("softmax, Jacobian", "softmax with cross-entropy, ∂/∂z",
                                "log-sum-exp, Hessian")
} | {
    "tr(AXB), ∂/∂X": {"N": 2, "M": 3, "K": 4}, "aᵀXb, ∂/∂X": {"N": 2, "M": 3},
    "xᵀAx, ∂/∂x": {"N": 3}, "‖Ax - b‖², ∂/∂x": {"M": 3, "N": 2},
    "‖XW - Y‖², ∂/∂W": {"N": 4, "M": 3, "K": 2},
    "‖XW - Y‖² + ‖W‖², ∂/∂W": {"N": 4, "M": 3, "K": 2}, "tr(XᵀX), ∂/∂X": {"N": 2, "M": 3},
    "xᵀ diag(w) x, ∂/∂x": {"N": 3}, "convolution, ∂/∂kernel": {"I": 6, "A": 3, "O": 4},
    "convolution, ∂/∂input": {"I": 6, "A": 3, "O": 4}, "layer norm, ∂/∂x": {"D": 4},
    "attention, ∂/∂Q": {"N": 2, "M": 3, "E": 2, "H": 2},
    "max-pool of windows of 2, ∂/∂x": {"I": 6, "A": 2, "O": 3}, "PReLU, ∂/∂α": {"I": 5},
    "two-layer MLP, ∂/∂W1 and ∂/∂W2": {"V": 3, "U": 2, "K": 2},
}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the median of its milliseconds, after one run to warm up."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return result, 1000 * median(times[1:])


def attempt(ask: Ask, job: Job) -> dict[str, Any]:
    """The verdict on a job."""
    said: dict[str, Any] = {"way": "tensor diagrams"}
    try:
        answers, said["ms"] = timed(lambda: [one.full_simplify() for one in ask()])
        said["printed"] = "; ".join(map(shown, answers))
        right = [job.right(name, value) for name, value
                 in zip(job.wrt, numbers(job, answers), strict=True)]
        said["verdict"] = "right" if all(right) else "wrong"
    except Exception as error:
        said["verdict"] = type(error).__name__
        said["note"] = str(error)[:200]
    return said


def shown(e: Any) -> str:
    """In index notation, where tensorgrad has it."""
    try:
        return to_index(e)
    except NotImplementedError:
        return repr(e)


def claims() -> dict[str, Callable[[], bool]]:
    """The claims that can be written: True where simplifying settles them."""
    z, c, x = variable("z", "K"), tg.Variable("c"), tg.Variable("x")
    soft = lambda z: F.softmax(z, dim="k")  # noqa: E731
    ones = tg.Ones(k=SIZE["K"])
    return {
        "softmax(x + c) = softmax(x)":
            lambda: soft(z + c * ones).full_simplify() == soft(z).full_simplify(),
        "Σ softmax(x) = 1": lambda: F.sum(soft(z)).full_simplify() == tg.Product([]),
        "tanh(x) = 2 σ(2x) - 1":
            lambda: F.tanh(x).full_simplify() == (2 * F.sigmoid(2 * x) - 1).full_simplify(),
        "max(0, x) = x H(x)":
            lambda: F.relu(x).full_simplify() == (x * F.gt0(x)).full_simplify(),
    }


def main() -> None:
    """Work all jobs and print what became of them."""
    warnings.simplefilter("ignore")
    found = {name: [attempt(ask, JOBS[name])] for name, ask in jobs().items()}
    settled = {}
    for name, work in claims().items():
        answer, ms = timed(work)
        settled[name] = {"verdict": "proved" if answer else "not settled", "ms": ms}
    version = importlib.metadata.version("tensorgrad")
    print(json.dumps({"version": version, "jobs": found, "claims": settled}))


if __name__ == "__main__":
    main()
