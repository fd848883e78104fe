"""The jobs done by JAX: jit, and whole epochs in `lax.scan`, with no Python between steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jobs import Array, Net, Work, attention, cells, net_of


def _pool(x: Any, k: int, last: bool, windows: bool) -> Any:
    """Max-pooling by `reduce_window`, or by a reshape, whose gradient XLA has quicker."""
    where = (1, 2) if last else (2, 3)
    window = [k if axis in where else 1 for axis in range(4)]
    if windows:
        return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    h, w = (x.shape[axis] // k for axis in where)
    for axis, size in zip(where, (h, w), strict=True):
        x = lax.slice_in_dim(x, 0, size * k, axis=axis)
    if last:
        return x.reshape(x.shape[0], h, k, w, k, x.shape[3]).max((2, 4))
    return x.reshape(*x.shape[:2], h, k, w, k).max((3, 5))


def forward(net: Net, last: bool, windows: bool, params: list[Any], x: Any) -> Any:
    """The network's output; `last` has the channels last."""
    places = ("NHWC", "OIHW", "NHWC") if last else ("NCHW", "OIHW", "NCHW")
    rest = iter(params)
    for kind, *of in net.layers:
        if kind == "linear":
            x = x @ next(rest).T
            x = x + next(rest) if of[2] else x
        elif kind == "conv":
            pad = [(of[4], of[4])] * 2
            x = lax.conv_general_dilated(x, next(rest), (of[3],) * 2, pad,
                                         dimension_numbers=places)
            b = next(rest)
            x = x + (b if last else b[:, None, None])
        elif kind == "pool":
            x = _pool(x, of[0], last, windows)
        elif kind == "flatten":
            x = (x.transpose(0, 3, 1, 2) if last else x).reshape(len(x), -1)
        else:
            x = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[kind](x)
    return x


def training(net: str, threads: int, scan: bool = True, last: bool = True,
             windows: bool = False) -> Work:
    """Steps of momentum."""
    job = net_of(net)
    images = len(job.shape) == 3
    x, y = job.data()
    xs, ys = jnp.asarray(x.transpose(0, 2, 3, 1) if images and last else x), jnp.asarray(y)
    model = partial(forward, job, last, windows)

    def objective(params: list[Any], a: Any, b: Any) -> Any:
        z = model(params, a)
        return (jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, b[:, None], 1)[:, 0]).mean()

    def step(state: Any, start: Any) -> Any:
        params, moving = state
        a = lax.dynamic_slice_in_dim(xs, start, job.batch)
        b = lax.dynamic_slice_in_dim(ys, start, job.batch)
        loss, grads = jax.value_and_grad(objective)(params, a, b)
        moving = [job.momentum * v - g for v, g in zip(moving, grads, strict=True)]
        params = [w + job.rate * v for w, v in zip(params, moving, strict=True)]
        return (params, moving), loss

    many: Callable[..., Any] = jax.jit(lambda state, starts: lax.scan(step, state, starts),
                                       donate_argnums=0)
    one: Callable[..., Any] = jax.jit(step, donate_argnums=0)
    starts = jnp.asarray(job.starts())
    singly = list(starts)
    state: list[Any] = [None]

    def begin() -> None:
        params = [jnp.asarray(w) for w in job.weights()]
        state[0] = params, [jnp.zeros_like(w) for w in params]

    def run() -> Any:
        if scan:
            state[0], losses = many(state[0], starts)
        else:
            losses = []
            for s in singly:
                state[0], loss = one(state[0], s)
                losses.append(loss)
        return jax.block_until_ready((state[0], losses))[1]

    def answer() -> dict[str, Array]:
        begin()
        loss = np.asarray(run())
        return {"loss": loss, **{f"w{k}": np.asarray(w) for k, w in enumerate(state[0][0])}}

    return Work(run, answer, job.steps)


def _backward(function: Callable[..., Any], params: dict[str, Any], x: Any, seed: Any,
              outward: Callable[[Array], Array] = np.asarray) -> Work:
    """The output and its adjoint's way back to the parameters, in one jit."""
    def both(params: dict[str, Any], x: Any, seed: Any) -> Any:
        y, back = jax.vjp(lambda p: function(p, x), params)
        return y, back(seed)[0]

    call = jax.jit(both)

    def run() -> Any:
        return jax.block_until_ready(call(params, x, seed))

    def answer() -> dict[str, Array]:
        y, grads = run()
        return {"y": outward(np.asarray(y)), **{name: np.asarray(g) for name, g in grads.items()}}

    return Work(run, answer)


def seeded(net: str, threads: int, last: bool = True, windows: bool = False) -> Work:
    """A network forward and backward."""
    job = net_of(net)
    inward = (lambda a: a.transpose(0, 2, 3, 1)) if last else np.asarray
    outward = (lambda a: a.transpose(0, 3, 1, 2)) if last else np.asarray
    params = {f"w{k}": jnp.asarray(w) for k, w in enumerate(job.weights())}
    return _backward(lambda p, x: forward(job, last, windows, list(p.values()), x), params,
                     jnp.asarray(inward(job.data()[0])), jnp.asarray(inward(job.seed())), outward)


def attention_block(threads: int) -> Work:
    """The attention block, forward, and backward to all parameters."""
    params = {name: jnp.asarray(value) for name, value in attention().items()}
    x, seed = params.pop("x"), params.pop("seed")

    def norm(x: Any, gamma: Any, beta: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        return gamma * centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + beta

    def block(p: dict[str, Any], x: Any) -> Any:
        a = norm(x, p["norm1_gamma"], p["norm1_beta"])
        q, k, v = (jnp.einsum("td,hed->hte", a, p[f"W{n}"]) + p[f"b{n}"][:, None] for n in "qkv")
        scores = jax.nn.softmax(jnp.einsum("hte,hse->hts", q, k) * q.shape[-1]**-0.5, -1)
        y = jnp.einsum("hts,hse->the", scores, v)
        b = x + jnp.einsum("the,dhe->td", y, p["Wo"]) + p["bo"]
        c = norm(b, p["norm2_gamma"], p["norm2_beta"])
        up = jax.nn.gelu(c @ p["up_W"].T + p["up_b"], approximate=False)
        return b + up @ p["down_W"].T + p["down_b"]

    return _backward(block, params, x, seed)


def elementwise(count: int, threads: int) -> Work:
    """The formula of `elementwise.py` in one jit, into the memory of the last result."""
    x = jnp.asarray(cells(count))
    call = jax.jit(lambda x, _: jnp.tanh(0.5 * x + 0.1) * jnp.exp(-x * x) + 0.3 * x - 0.2,
                   donate_argnums=1, keep_unused=True)
    y = [jnp.zeros_like(x)]

    def run() -> Any:
        y[0] = call(x, y[0]).block_until_ready()
        return y[0]

    return Work(run, lambda: {"y": np.asarray(run()).copy()})
