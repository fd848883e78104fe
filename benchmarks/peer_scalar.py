"""A scalar formula with its gradient, a call at a time, by every tool that can.

    y = (a*b + 2)/(a^2 + b^2) - (a - b)^3*b       only what micrograd has
    y = sin(a)*exp(-b) + ln(a + b*b)/tanh(b)   the functions too

Each has ten operations. A call is given two numbers of Python, and gives the value and both
partial derivatives as numbers of Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jobs import Work

POINT = (1.3, 0.7)
TEXTS = {
    "rational": "y = (a*b + 2)/(a^2 + b^2) - (a - b)^3*b",
    "functions": "y = sin(a)*exp(-b) + ln(a + b*b)/tanh(b)",
}
Numbers = tuple[float, float, float]


def rational(a: Any, b: Any) -> Any:
    """The first formula, for whatever has + - * / **."""
    return (a * b + 2) / (a**2 + b**2) - (a - b) ** 3 * b


def functions(m: Any, a: Any, b: Any) -> Any:
    """The second formula, with the functions of a module."""
    return m.sin(a) * m.exp(-b) + m.log(a + b * b) / m.tanh(b)


def _formula(which: str, module: Any) -> Callable[[Any, Any], Any]:
    if which == "rational":
        return rational
    return lambda a, b: functions(module, a, b)


def _calls(call: Callable[[float, float], Numbers]) -> Work:
    """A thousand calls a run, at points that differ."""
    a, b = POINT
    points = [(a + k * 1e-4, b - k * 1e-4) for k in range(1000)]

    def run() -> None:
        for p, q in points:
            call(p, q)

    def answer() -> dict[str, Any]:
        return {"y": np.array([call(p, q) for p, q in points[::100]])}

    return Work(run, answer, len(points))


def ours(which: str, threads: int) -> Work:
    """chainrule's `compile`."""
    import chainrule as cr

    both = cr.compile(TEXTS[which]).value_and_gradient

    def call(a: float, b: float) -> Numbers:
        y, slopes = both(a, b)
        return y, slopes["a"], slopes["b"]

    return _calls(call)


def python(which: str, threads: int) -> Work:
    """Derivatives worked out by hand and written in Python."""
    def first(a: float, b: float) -> Numbers:
        top, under, d = a * b + 2, a * a + b * b, a - b
        cube = 3 * d * d * b
        ratio = top / under
        return (ratio - d * d * d * b, (b - 2 * a * ratio) / under - cube,
                (a - 2 * b * ratio) / under + cube - d * d * d)

    def second(a: float, b: float) -> Numbers:
        s, e, u, t = math.sin(a), math.exp(-b), a + b * b, math.tanh(b)
        ratio, back = math.log(u) / t, 1 / (u * t)
        return (s * e + ratio, math.cos(a) * e + back,
                2 * b * back - s * e - ratio * (1 - t * t) / t)

    return _calls(first if which == "rational" else second)


def torch_eager(which: str, threads: int) -> Work:
    """PyTorch, scalars as tensors of float64."""
    import torch

    torch.set_num_threads(threads)
    f = _formula(which, torch)

    def call(a: float, b: float) -> Numbers:
        p = torch.tensor(a, dtype=torch.float64, requires_grad=True)
        q = torch.tensor(b, dtype=torch.float64, requires_grad=True)
        y = f(p, q)
        da, db = torch.autograd.grad(y, (p, q))
        return y.item(), da.item(), db.item()

    return _calls(call)


def jax_jit(which: str, threads: int) -> Work:
    """JAX: value and gradient in one jit, in float64."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    both = jax.jit(jax.value_and_grad(_formula(which, jnp), (0, 1)))

    def call(a: float, b: float) -> Numbers:
        y, (da, db) = both(a, b)
        return float(y), float(da), float(db)

    return _calls(call)


def autograd(which: str, threads: int) -> Work:
    """HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    f = _formula(which, anp)
    both = value_and_grad(lambda p: f(*p))

    def call(a: float, b: float) -> Numbers:
        y, (da, db) = both((a, b))
        return float(y), float(da), float(db)

    return _calls(call)


def mygrad(which: str, threads: int) -> Work:
    """MyGrad."""
    import mygrad as mg

    f = _formula(which, mg)
    mg.turn_memory_guarding_off()

    def call(a: float, b: float) -> Numbers:
        p, q = mg.tensor(a), mg.tensor(b)
        y = f(p, q)
        y.backward()
        return y.item(), float(p.grad), float(q.grad)

    return _calls(call)


def micrograd(which: str, threads: int) -> Work:
    """micrograd; it has + - * / and powers."""
    from micrograd.engine import Value

    if which != "rational":
        raise NotImplementedError("micrograd has no sin, exp, ln, tanh")

    def call(a: float, b: float) -> Numbers:
        p, q = Value(a), Value(b)
        y = rational(p, q)
        y.backward()
        return y.data, p.grad, q.grad

    return _calls(call)
