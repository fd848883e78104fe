"""Derivations and proofs: who can do what, and how long it takes. Medians of 7 warm runs.

    python benchmarks/derivations.py
    python benchmarks/derivations.py --tensorgrad /some/venv/bin/python

The jobs stand in derivation_jobs.py. chainrule reads the text, derives, and evaluates each line at
random points: all of that is in its time. SymPy and tensorgrad build the expression, differentiate
and simplify (SymPy: `doit`; tensorgrad: `full_simplify`). All answers are held against central
differences of a NumPy function. A peer that is not installed is left out; tensorgrad, which needs
PyTorch, may live in a Python of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from derivation_jobs import CLAIMS, JOBS, Job

from chainrule.evaluate.reference import run
from chainrule.explain.derivation_page import page
from chainrule.explain.derivations import Derivation
from chainrule.explain.derive import derive
from chainrule.explain.givens import given
from chainrule.explain.hessian import hessian
from chainrule.explain.induction_check import proved
from chainrule.explain.prove import prove
from chainrule.formulas.calls import read
from chainrule.lang.families import read_family
from chainrule.lang.printing import expression_text
from chainrule.render import render

HERE = Path(__file__).parent
RUNS = 7
SMALL = "input x[I], w[K], g[{g}]; y[i] = sum(a) w[a]*x[{at}]; L = sum(i) g[i]*y[i]"
MLP = """
input x[V], t[K]
parameter W1[U,V], W2[K,U]
z1[u] = sum(v) W1[u,v]*x[v]
y1[u] = sigmoid(z1[u])
z2[k] = sum(u) W2[k,u]*y1[u]
y2 = softmax(z2)
E = -sum(k) t[k]*ln(y2[k])
"""
DEEP = """
input x[n(0)], t[n(L)]
parameter W(l)[n(l), n(l-1)] for l = 1..L
y(0)[v] = x[v]
z(l)[u] = sum(v) W(l)[u,v]*y(l-1)[v]  for l = 1..L
y(l)[u] = sigmoid(z(l)[u])            for l = 1..L-1
y(L) = softmax(z(L))
E = -sum(k) t[k]*ln(y(L)[k])
"""


class Asked(NamedTuple):
    """A job as chainrule is asked it."""

    text: str
    givens: tuple[str, ...] = ()


ASKED = {
    "softmax, Jacobian": Asked("input z[K]; p = softmax(z)"),
    "softmax with cross-entropy, ∂/∂z": Asked(
        "input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i])", ("sum(i) t[i] = 1",)),
    "log-sum-exp, Hessian": Asked("input z[K]; L = ln(sum(k) exp(z[k]))"),
    "tr(AXB), ∂/∂X": Asked("input A[K,N], X[N,M], B[M,K]; L = tr(A@X@B)"),
    "aᵀXb, ∂/∂X": Asked("input a[N], X[N,M], b[M]; L = a.T@X@b"),
    "xᵀAx, ∂/∂x": Asked("input x[N], A[N,N]; L = x.T@A@x"),
    "‖Ax - b‖², ∂/∂x": Asked("input A[M,N], x[N], b[M]; r = A@x - b; L = r.T@r"),
    "‖XW - Y‖², ∂/∂W": Asked("input X[N,M], W[M,K], Y[N,K]; R = X@W - Y; L = sum(R*R)"),
    "‖XW - Y‖² + ‖W‖², ∂/∂W": Asked(
        "input X[N,M], W[M,K], Y[N,K]; R = X@W - Y; L = sum(R*R) + sum(W*W)"),
    "tr(XᵀX), ∂/∂X": Asked("input X[N,M]; L = tr(X.T@X)"),
    "xᵀ diag(w) x, ∂/∂x": Asked("input x[N], w[N]; L = x.T@diag(w)@x"),
    "convolution, ∂/∂kernel": Asked(SMALL.format(g="I-K+1", at="i+a")),
    "convolution, ∂/∂input": Asked(SMALL.format(g="I-K+1", at="i+a")),
    "convolution of stride 2, ∂/∂input": Asked(
        SMALL.format(g="O", at="2*i+a").replace("x[I]", "x[2*O+K-2]")),
    "layer norm, ∂/∂x": Asked(
        "input x[D], g[D]; m = sum(i) x[i]/D; c[i] = x[i] - m; v = sum(i) c[i]^2/D; "
        "y[i] = c[i]/sqrt(v + 0.00001); L = sum(i) g[i]*y[i]"),
    "attention, ∂/∂Q": Asked(
        "input q[N,E], keys[M,E], v[M,H], G[N,H]; s[n,m] = sum(e) q[n,e]*keys[m,e]; "
        "p[n,m] = exp(s[n,m])/sum(j) exp(s[n,j]); y[n,h] = sum(m) p[n,m]*v[m,h]; "
        "L = sum(n,h) G[n,h]*y[n,h]"),
    "max-pool of windows of 2, ∂/∂x": Asked(
        "input x[2*I], g[I]; y[i] = max(a<2) x[2*i+a]; L = sum(i) g[i]*y[i]"),
    "PReLU, ∂/∂α": Asked(
        "input u[I], g[I], alpha; v[i] = u[i] if u[i] >= 0 else alpha*u[i]; "
        "L = sum(i) g[i]*v[i]"),
    "two-layer MLP, ∂/∂W1 and ∂/∂W2": Asked(MLP, ("sum(k) t[k] = 1",)),
    "MLP of L layers, L a letter": Asked(DEEP, ("sum(k) t[k] = 1",)),
}
PROVED = {
    "softmax(x + c) = softmax(x)": "input x[K], c; softmax(x + c) == softmax(x)",
    "Σ softmax(x) = 1": "input x[K]; p = softmax(x); sum(i) p[i] == 1",
    "tanh(x) = 2 σ(2x) - 1": "tanh(x) == 2*sigmoid(2*x) - 1",
    "max(0, x) = x H(x)": "max(0, x) == x*heaviside(x)",
    "a counterexample to softmax(cx) = softmax(x)": "input x[K], c; softmax(c*x) == softmax(x)",
    "softmax(cx) for c → ∞, with ties":
        "input x[K]; lim(c -> inf) softmax(c*x) == "
        "(1/(sum(k, x[k] == max(j) x[j]) 1) if x[i] == max(j) x[j] else 0)",
    "σ(kx) → H(x) for k → ∞": "lim(k -> inf) sigmoid(k*x) == heaviside(x)",
    "the integral of H from -∞ to x": "integral(t, -inf, x) heaviside(t) == x*heaviside(x)",
}
MORE = {
    "ln Σ exp(x) = max x + ln Σ exp(x - max x)":
        "input x[K]; ln(sum(i) exp(x[i])) == max(j) x[j] + ln(sum(i) exp(x[i]-max(j) x[j]))",
    "softmax of two classes is a sigmoid":
        "input x[2]; p = softmax(x); p[1] == sigmoid(x[1]-x[0])",
    "tr(AB) = tr(BA)": "input A[N,M], B[M,N]; tr(A@B) == tr(B@A)",
    "σ(x)(1 - σ(x)) = exp(-x)/(1 + exp(-x))²":
        "sigmoid(x)*(1-sigmoid(x)) == exp(-x)/(1+exp(-x))^2",
}


class Timed(NamedTuple):
    """A result, the seconds of the first run, and the median of those after it."""

    result: Any
    first: float
    warm: float


def timed(work: Callable[[], Any]) -> Timed:
    """The first run apart; slow ones are not run seven times."""
    times: list[float] = []
    while len(times) < RUNS + 1 and not (len(times) > 3 and times[0] > 2):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return Timed(result, times[0], median(times[1:]))


def ask(job: Job, asked: Asked) -> Any:
    """A job, from its text to the checked derivation."""
    if job.name == "MLP of L layers, L a letter":
        return proved(read_family(asked.text), None, ["W"], asked.givens)
    program = read(asked.text)
    givens = [given(text, program) for text in asked.givens]
    if job.order == 2:
        return hessian(program, None, list(job.wrt), givens)
    return derive(program, None, list(job.wrt), givens)


def values(found: Derivation, job: Job) -> dict[str, Any]:
    """The closed forms run as a program of their own, at the job's point."""
    lines = [str(found.program).rsplit("\noutput", 1)[0]]
    table = found.tensors()
    for tensor, one in found.found.items():
        name = found.name(tensor)
        letters = (*found.outer, *one.indices)
        ranges = ", ".join(f"{i} < {size}" for i, size in zip(letters, table[name].shape,
                                                             strict=True))
        cell = f"[{','.join(letters)}]" if letters else ""
        lines.append(f"{name}{cell} = {expression_text(one.result)}"
                     + (f" with {ranges}" if ranges else ""))
    names = [found.name(tensor) for tensor in job.wrt]
    got = run(read("\n".join([*lines, f"output {', '.join(names)}"])), job.values())
    return {tensor: got[name] for tensor, name in zip(job.wrt, names, strict=True)}


def right(job: Job, found: Any) -> bool:
    """Whether the closed forms have the true numbers."""
    if job.order == 2:
        found = found.blocks[0].derivation
        return job.right(job.wrt[0], values(found, job)[job.wrt[0]])
    if not isinstance(found, Derivation):
        return all(depth in found.checked for depth in (1, 2, 3))
    return all(job.right(name, value) for name, value in values(found, job).items())


def peer(python: str, script: str, needs: str) -> dict[str, Any] | None:
    """What a peer made of the jobs, in a Python of its own; None where it is not installed."""
    here = subprocess.run([python, "-c", f"import {needs}, numpy"], capture_output=True,
                          check=False)
    if here.returncode:
        return None
    done = subprocess.run([python, str(HERE / script)], capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def best(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The right answer if there is one, and the quickest of those."""
    return min(answers, key=lambda one: (one["verdict"] != "right", one.get("ms", 1e9)))


def cell(answer: dict[str, Any] | None) -> str:
    """An answer in a few words."""
    if answer is None:
        return "-"
    if answer["verdict"] in ("right", "proved"):
        return f"{answer['ms']:8.1f}"
    return str(answer["verdict"])


def compare(sympy: dict[str, Any] | None, tensorgrad: dict[str, Any] | None) -> None:
    """Table (a): each job, each tool."""
    print(f"{'milliseconds, where the answer is right':<46}{'chainrule':>10}"
          f"{'SymPy':>22}{'ratio':>8}{'tensorgrad':>22}")

    def row(name: str, ours: str, warm: float, kind: str) -> None:
        said = [None if tool is None else tool[kind].get(name) for tool in (sympy, tensorgrad)]
        if kind == "jobs":
            said = [None if one is None else best(one) for one in said]
        ratio = ""
        if said[0] is not None and said[0]["verdict"] in ("right", "proved"):
            ratio = f"{said[0]['ms'] / (1000 * warm):8.1f}"
        print(f"{name:<46}{ours:>10}{cell(said[0]):>22}{ratio:>8}{cell(said[1]):>22}",
              flush=True)

    for name, asked in ASKED.items():
        job = JOBS[name]
        took = timed(lambda job=job, asked=asked: ask(job, asked))
        ours = f"{1000 * took.warm:.1f}" if right(job, took.result) else "wrong"
        row(name, ours, took.warm, "jobs")
    for name in CLAIMS:
        took = timed(lambda name=name: prove(PROVED[name]))
        wanted = "refuted" if name.startswith("a counterexample") else "proved"
        verdict = took.result.verdict
        row(name, f"{1000 * took.warm:.1f}" if verdict == wanted else verdict, took.warm, "claims")
    for tool in (sympy, tensorgrad):
        for name, answers in (tool or {"jobs": {}})["jobs"].items():
            for one in answers:
                if one["verdict"] not in ("right",) or "note" in one:
                    said = one.get("note") or one.get("printed", "")
                    print(f"  {name}, {one['way']}: {one['verdict']}; {said[:90]}")


def own() -> None:
    """Table (b): chainrule's own times, the first run of the process apart."""
    print(f"\n{'chainrule, seconds':<58}{'first':>9}{'warm':>9}")

    def row(name: str, work: Callable[[], Any]) -> float:
        took = timed(work)
        print(f"{name:<58}{took.first:9.3f}{took.warm:9.3f}", flush=True)
        return took.warm

    def written(text: str, wrt: list[str], givens: tuple[str, ...], steps: str) -> str:
        program = read(text)
        found = derive(program, None, wrt, [given(one, program) for one in givens])
        return render(page(found, steps), "terminal")

    cross = ("sum(k) t[k] = 1",)
    row("two-layer MLP, all steps, written out", lambda: written(MLP, ["W1", "W2"], cross, "all"))
    row("attention (Q, K, V), all steps, written out",
        lambda: written(ATTENTION, ["q", "k", "v"], (), "all"))
    row("MLP of L layers, L a letter", lambda: proved(read_family(DEEP), None, ["W"], cross))
    names = ", ".join(f"W{k}[V,V]" for k in range(1, 51))
    deep = "\n".join([
        f"input y0[V], t[V], {names}",
        *(f"y{k}[i] = sigmoid(sum(j) W{k}[i,j]*y{k - 1}[j])" for k in range(1, 51)),
        "L = 1/2*sum(i) (y50[i] - t[i])^2"])
    row("50 layers, --steps main, written out", lambda: written(deep, ["W1"], (), "main"))
    times = {name: row(f"prove {name}", lambda text=text: prove(text))
             for name, text in (PROVED | MORE).items()}
    slowest = max(times, key=lambda name: times[name])
    print(f"\nthe slowest verdict: {slowest}, {times[slowest]:.3f} s")


ATTENTION = """
input q[N,E], k[M,E], v[M,H], G[N,H]
s[n,m] = (sum(e) q[n,e]*k[m,e])/sqrt(E)
p[n,m] = exp(s[n,m])/sum(j) exp(s[n,j])
y[n,h] = sum(m) p[n,m]*v[m,h]
L = sum(n,h) G[n,h]*y[n,h]
"""


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--sympy", default=sys.executable, help="a Python that has SymPy")
    options.add_argument("--tensorgrad", default=sys.executable,
                         help="a Python that has tensorgrad")
    chosen = options.parse_args()
    own()
    print()
    peers = {"SymPy": peer(chosen.sympy, "derivation_sympy.py", "sympy"),
             "tensorgrad": peer(chosen.tensorgrad, "derivation_tensorgrad.py", "tensorgrad")}
    for name, said in peers.items():
        print(f"{name} {said['version']}" if said else f"{name} is not installed, and left out")
    print()
    compare(peers["SymPy"], peers["tensorgrad"])


if __name__ == "__main__":
    main()
