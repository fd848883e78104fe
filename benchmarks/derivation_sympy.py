"""What SymPy makes of the jobs of derivation_jobs.py. Run by derivations.py; prints JSON.

Two ways are tried: matrix symbols of symbolic shape, and sums over `IndexedBase` with letters for
bounds. An answer is what `diff` gives and `doit` works out; it counts as right if its numbers are.
SymPy's cache is emptied before each run, as a new question finds it empty of the answer.
"""

from __future__ import annotations

import json
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Any

import numpy as np
import sympy as sp
from derivation_jobs import JOBS, Job
from sympy import Heaviside, IndexedBase, MatrixSymbol, Piecewise, Sum, Trace, exp, log, sqrt
from sympy.core.cache import clear_cache

RUNS, SLOW, LIMIT = 7, 1.0, 60
LETTERS = "A B D E H I K M N O U V a b c e h i j k l m n o r s u v"
S = {name: sp.Symbol(name, integer=True) for name in LETTERS.split()}
for size in "DEHIKMNUV":
    S[size] = sp.Symbol(size, integer=True, positive=True)


@dataclass
class Try:
    """One way to put a job: what to differentiate by what, and how its answer is evaluated."""

    way: str
    ask: Callable[[], list[Any]]
    sizes: dict[str, int]
    letters: tuple[tuple[str, ...], ...] = ((),)
    names: dict[str, str] = field(default_factory=dict)


def matrices() -> dict[str, Try]:
    """Jobs for matrix symbols of symbolic shape."""
    n, m, k = S["N"], S["M"], S["K"]
    A, X, B = MatrixSymbol("A", k, n), MatrixSymbol("X", n, m), MatrixSymbol("B", m, k)
    a, b, x, w = (MatrixSymbol("a", n, 1), MatrixSymbol("b", m, 1), MatrixSymbol("x", n, 1),
                  MatrixSymbol("w", n, 1))
    Q, M, c = MatrixSymbol("A", n, n), MatrixSymbol("A", m, n), MatrixSymbol("b", m, 1)
    W, Y, z = MatrixSymbol("W", m, k), MatrixSymbol("Y", n, k), MatrixSymbol("z", k, 1)
    r, R = M * x - c, X * W - Y
    e = z.applyfunc(exp)
    total = (sp.OneMatrix(k, 1).T * e)[0, 0]
    way = "matrix symbols"
    three = {"N": 2, "M": 3, "K": 4}
    return {
        "softmax, Jacobian": Try(way, lambda: [(e / total).diff(z)], {"K": 3}),
        "log-sum-exp, Hessian": Try(way, lambda: [log(total).diff(z).diff(z)], {"K": 3}),
        "tr(AXB), ∂/∂X": Try(way, lambda: [Trace(A * X * B).diff(X)], three),
        "aᵀXb, ∂/∂X": Try(way, lambda: [Trace(a.T * X * b).diff(X)], three),
        "xᵀAx, ∂/∂x": Try(way, lambda: [(x.T * Q * x).diff(x)], {"N": 3}),
        "‖Ax - b‖², ∂/∂x": Try(way, lambda: [(r.T * r).diff(x)], {"M": 3, "N": 2}),
        "‖XW - Y‖², ∂/∂W": Try(way, lambda: [Trace(R.T * R).diff(W)], {"N": 4, "M": 3, "K": 2}),
        "‖XW - Y‖² + ‖W‖², ∂/∂W": Try(
            way, lambda: [(Trace(R.T * R) + Trace(W.T * W)).diff(W)], {"N": 4, "M": 3, "K": 2}),
        "tr(XᵀX), ∂/∂X": Try(way, lambda: [Trace(X.T * X).diff(X)], three),
        "xᵀ diag(w) x, ∂/∂x": Try(way, lambda: [(x.T * sp.DiagMatrix(w) * x).diff(x)], {"N": 3}),
    }


def indices() -> dict[str, Try]:
    """Jobs for sums over indices with letters for bounds."""
    s = S
    i, j, k, a = s["i"], s["j"], s["k"], s["a"]
    K, N, D = s["K"], s["I"], s["D"]
    x, w, g, z, t, u = (IndexedBase(name) for name in ("x", "w", "g", "z", "t", "u"))
    W, Y, X = (IndexedBase(name) for name in ("W", "Y", "X"))

    def over(body: Any, *letters: tuple[Any, Any]) -> Any:
        return Sum(body, *((letter, 0, size - 1) for letter, size in letters))

    total = over(exp(z[k]), (k, K))
    cross = -over(t[i] * log(exp(z[i]) / total), (i, K))

    def convolution(stride: int) -> Any:
        outputs = N - K + 1 if stride == 1 else N
        return over(g[i] * over(w[a] * x[stride * i + a], (a, K)), (i, outputs))

    mean = over(x[k], (k, D)) / D
    variance = over((x[s["l"]] - mean) ** 2, (s["l"], D)) / D
    norm = over(g[i] * (x[i] - mean) / sqrt(variance + sp.Float(1e-5)), (i, D))
    pool = over(g[i] * sp.Max(x[2 * i], x[2 * i + 1]), (i, N))
    slope = sp.Symbol("alpha")
    prelu = over(g[i] * Piecewise((u[i], u[i] >= 0), (slope * u[i], True)), (i, N))
    regular = over((over(X[i, k] * W[k, j], (k, s["M"])) - Y[i, j]) ** 2, (i, s["N"]), (j, K)) \
        + over(W[i, j] ** 2, (i, s["M"]), (j, K))
    way, r, c = "sums over indices", s["r"], s["c"]
    return {
        "softmax, Jacobian": Try(way, lambda: [(exp(z[i]) / total).diff(z[j])], {"K": 3},
                                 (("i", "j"),)),
        "softmax with cross-entropy, ∂/∂z": Try(way, lambda: [cross.diff(z[j])], {"K": 3},
                                                (("j",),)),
        "log-sum-exp, Hessian": Try(way, lambda: [log(total).diff(z[i]).diff(z[j])], {"K": 3},
                                    (("i", "j"),)),
        "‖XW - Y‖² + ‖W‖², ∂/∂W": Try(way, lambda: [regular.diff(W[r, c])],
                                      {"N": 4, "M": 3, "K": 2}, (("r", "c"),)),
        "xᵀ diag(w) x, ∂/∂x": Try(way, lambda: [over(w[i] * x[i] ** 2, (i, s["N"])).diff(x[j])],
                                  {"N": 3}, (("j",),)),
        "convolution, ∂/∂kernel": Try(way, lambda: [convolution(1).diff(w[j])],
                                      {"I": 6, "K": 3}, (("j",),)),
        "convolution, ∂/∂input": Try(way, lambda: [convolution(1).diff(x[j])],
                                     {"I": 6, "K": 3}, (("j",),)),
        "convolution of stride 2, ∂/∂input": Try(way, lambda: [convolution(2).diff(x[j])],
                                                 {"I": 3, "K": 3}, (("j",),)),
        "layer norm, ∂/∂x": Try(way, lambda: [norm.diff(x[j])], {"D": 4}, (("j",),)),
        "attention, ∂/∂Q": Try(way, lambda: [attention().diff(IndexedBase("q")[r, c])],
                               {"N": 2, "M": 3, "E": 2, "H": 2}, (("r", "c"),)),
        "max-pool of windows of 2, ∂/∂x": Try(way, lambda: [pool.diff(x[j])], {"I": 3}, (("j",),)),
        "PReLU, ∂/∂α": Try(way, lambda: [prelu.diff(slope)], {"I": 5}),
        "two-layer MLP, ∂/∂W1 and ∂/∂W2": Try(
            way, lambda: [mlp().diff(IndexedBase(name)[r, c]) for name in ("W1", "W2")],
            {"V": 3, "U": 2, "K": 2}, (("r", "c"), ("r", "c"))),
    }


def attention() -> Any:
    """Σ G · softmax(q kᵀ) v."""
    q, k, v, G = (IndexedBase(name) for name in ("q", "keys", "v", "G"))
    n, m, e, h, o = (S[name] for name in ("n", "m", "e", "h", "o"))
    score = lambda m: Sum(q[n, e] * k[m, e], (e, 0, S["E"] - 1))  # noqa: E731
    weight = exp(score(m)) / Sum(exp(score(o)), (o, 0, S["M"] - 1))
    return Sum(G[n, h] * Sum(weight * v[m, h], (m, 0, S["M"] - 1)),
               (n, 0, S["N"] - 1), (h, 0, S["H"] - 1))


def mlp() -> Any:
    """Sigmoid, softmax, cross-entropy."""
    x, t, W1, W2 = (IndexedBase(name) for name in ("x", "t", "W1", "W2"))
    u, v, k, m = (S[name] for name in ("u", "v", "k", "m"))
    y = 1 / (1 + exp(-Sum(W1[u, v] * x[v], (v, 0, S["V"] - 1))))
    z = lambda k: Sum(W2[k, u] * y, (u, 0, S["U"] - 1))  # noqa: E731
    return -Sum(t[k] * log(exp(z(k)) / Sum(exp(z(m)), (m, 0, S["K"] - 1))), (k, 0, S["K"] - 1))


def numbers(tried: Try, job: Job, answers: list[Any]) -> list[Any]:
    """The answers' values at the job's point."""
    values = job.values()
    sizes = {S[name]: size for name, size in tried.sizes.items()}
    if tried.way == "matrix symbols":
        found = []
        for answer in answers:
            e = sp.sympify(answer).subs(sizes)
            for at in list(e.atoms(MatrixSymbol)):
                e = e.subs(at, sp.ImmutableMatrix(values[at.name].reshape(at.shape)))
            cells = e.doit().as_explicit().tolist() if e.is_Matrix else e
            found.append(np.array(cells, dtype=float))
        return found
    found = []
    for answer, name, letters in zip(answers, job.wrt, tried.letters, strict=True):
        shape = job.truth()[name].shape
        cells = np.zeros(shape)
        sized = answer.subs(sizes)
        for cell in product(*map(range, shape)):
            e = sized.subs({S[at]: k for at, k in zip(letters, cell, strict=True)}).doit()
            known = {at: sp.Float(values[str(at.base)][tuple(int(k) for k in at.indices)])
                     for at in e.atoms(sp.Indexed)}
            known |= {at: sp.Float(float(values[at.name])) for at in e.free_symbols
                      if at.name == "alpha"}
            cells[cell] = float(e.xreplace(known).doit())
        found.append(cells)
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the median of its milliseconds."""
    times: list[float] = []
    result = None
    while len(times) < RUNS + 1 and not (len(times) > 3 and times[0] > SLOW):
        clear_cache()
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return result, 1000 * median(times[1:])


def verdict(tried: Try, job: Job, answers: list[Any]) -> str:
    """Whether the answers are the true derivatives."""
    if any(one.has(sp.Derivative) for one in answers):
        return "not worked out"
    if any(one == 0 for one in answers):
        return "wrong: 0"
    found = numbers(tried, job, answers)
    right = [job.right(name, value) for name, value in zip(job.wrt, found, strict=True)]
    return "right" if all(right) else "wrong"


def attempt(tried: Try, job: Job) -> dict[str, Any]:
    """The verdict on one way to put a job."""
    said: dict[str, Any] = {"way": tried.way}
    try:
        answers, said["diff"] = timed(tried.ask)
        said["ms"] = said["diff"]
        try:
            answers, said["ms"] = timed(lambda: [one.doit() for one in tried.ask()])
        except (TypeError, ValueError) as error:
            said["note"] = f"doit raises {type(error).__name__}"
        said["printed"] = "; ".join(map(str, answers))
        said["verdict"] = verdict(tried, job, answers)
        if said["verdict"] != "right" and verdict(tried, job, tried.ask()) == "right":
            said["note"] = "diff is right, doit is not"
    except Exception as error:
        said["verdict"] = type(error).__name__
        said["printed"] = said.get("printed") or str(error)[:200]
    return said


def claims() -> dict[str, Callable[[], bool]]:
    """The claims, as a user of SymPy can put them: True where it settles the claim."""
    i, k, K = S["i"], S["k"], S["K"]
    z, x, c = IndexedBase("z"), sp.Symbol("x", real=True), sp.Symbol("c", real=True)
    soft = lambda f: exp(f(i)) / Sum(exp(f(k)), (k, 0, K - 1))  # noqa: E731
    sigmoid = lambda x: 1 / (1 + exp(-x))  # noqa: E731
    t = sp.Symbol("t", real=True)
    plain = soft(lambda n: z[n])
    return {
        "softmax(x + c) = softmax(x)":
            lambda: sp.simplify(soft(lambda n: z[n] + c) - plain) == 0,
        "Σ softmax(x) = 1": lambda: sp.simplify(Sum(plain, (i, 0, K - 1)) - 1) == 0,
        "tanh(x) = 2 σ(2x) - 1":
            lambda: sp.simplify(sp.tanh(x) - 2 * sigmoid(2 * x) + 1) == 0,
        "max(0, x) = x H(x)": lambda: sp.simplify(sp.Max(0, x) - x * Heaviside(x)) == 0,
        "a counterexample to softmax(cx) = softmax(x)":
            lambda: sp.simplify(soft(lambda n: c * z[n]) - plain) == 0,
        "softmax(cx) for c → ∞, with ties":
            lambda: sp.limit(soft(lambda n: c * z[n]), c, sp.oo) is not None,
        "σ(kx) → H(x) for k → ∞":
            lambda: sp.limit(sigmoid(c * x), c, sp.oo) == Heaviside(x),
        "the integral of H from -∞ to x":
            lambda: sp.integrate(Heaviside(t), (t, -sp.oo, x)) == x * Heaviside(x),
    }


def settle(work: Callable[[], bool]) -> dict[str, Any]:
    """The verdict on a claim."""
    try:
        answer, ms = timed(work)
    except Exception as error:
        return {"verdict": type(error).__name__, "printed": str(error)[:200]}
    return {"verdict": "proved" if answer else "not settled", "ms": ms}


def _alarm(*_: Any) -> None:
    raise TimeoutError(f"more than {LIMIT} s")


def main() -> None:
    """Work all jobs and print what became of them."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _alarm)
    jobs: dict[str, list[dict[str, Any]]] = {}
    for ways in (matrices(), indices()):
        for name, tried in ways.items():
            signal.alarm(LIMIT)
            jobs.setdefault(name, []).append(attempt(tried, JOBS[name]))
    settled = {}
    for name, work in claims().items():
        signal.alarm(LIMIT)
        settled[name] = settle(work)
    signal.alarm(0)
    print(json.dumps({"version": sp.__version__, "jobs": jobs, "claims": settled}))


if __name__ == "__main__":
    main()
