"""The small jobs done by NumPy by hand, MyGrad, autograd and numexpr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jobs import Array, Net, Work, cells, net_of

Losses = list[Any]


def _training(job: Net, weights: list[Array], step: Callable[[Array, Array], Any]) -> Work:
    """A loop of `step(x, y)`, which gives the loss and changes `weights` in place."""
    x, y = job.data()
    rows = [(x[s:s + job.batch], y[s:s + job.batch]) for s in job.starts()]

    def run() -> Losses:
        return [step(a, b) for a, b in rows]

    def answer() -> dict[str, Array]:
        losses = np.array([float(v) for v in run()])
        return {"loss": losses, **{f"w{k}": w for k, w in enumerate(weights)}}

    return Work(run, answer, job.steps)


class _Momentum:
    """v ← μv - ηg, w ← w + v, in place."""

    def __init__(self, job: Net, weights: list[Array]) -> None:
        self.job, self.weights = job, weights
        self.moving = [np.zeros_like(w) for w in weights]

    def step(self, gradients: list[Array]) -> None:
        """One step; the gradients are overwritten."""
        rate, mu = np.float32(self.job.rate), np.float32(self.job.momentum)
        for w, v, g in zip(self.weights, self.moving, gradients, strict=True):
            v *= mu
            g *= rate
            v -= g
            w += v


def numpy_mlp(net: str, threads: int) -> Work:
    """One hidden layer, its backward pass worked out by hand, with no new arrays in the loop."""
    job = net_of(net)
    w1, w2 = weights = job.weights()
    n, hidden = job.batch, len(w1)
    h, dh, slope = (np.empty((n, hidden), np.float32) for _ in range(3))
    z, g1, g2 = np.empty((n, 10), np.float32), np.empty_like(w1), np.empty_like(w2)
    rule, rows, one = _Momentum(job, weights), np.arange(n), np.float32(1)
    column, scale = np.empty((n, 1), np.float32), np.float32(1 / n)

    def step(x: Array, y: Array) -> Any:
        np.matmul(x, w1.T, out=h)
        np.negative(h, out=h)
        np.exp(h, out=h)
        np.add(h, one, out=h)
        np.reciprocal(h, out=h)
        np.matmul(h, w2.T, out=z)
        np.max(z, 1, keepdims=True, out=column)
        np.subtract(z, column, out=z)
        right = z[rows, y].mean()
        np.exp(z, out=z)
        np.sum(z, 1, keepdims=True, out=column)
        np.divide(z, column, out=z)
        loss = np.log(column).mean() - right
        z[rows, y] -= one
        np.multiply(z, scale, out=z)
        np.matmul(z.T, h, out=g2)
        np.matmul(z, w2, out=dh)
        np.subtract(one, h, out=slope)
        np.multiply(slope, h, out=slope)
        np.multiply(dh, slope, out=dh)
        np.matmul(dh.T, x, out=g1)
        rule.step([g1, g2])
        return loss

    return _training(job, weights, step)


def numpy_wide(net: str, threads: int) -> Work:
    """Layers with biases and max(0, x), the same way."""
    job = net_of(net)
    weights = job.weights()
    ws, bs = weights[::2], weights[1::2]
    outs = [np.empty((job.batch, len(w)), np.float32) for w in ws]
    backs = [np.empty_like(a) for a in outs]
    grads = [np.empty_like(w) for w in weights]
    rule, rows, zero = _Momentum(job, weights), np.arange(job.batch), np.float32(0)

    def step(x: Array, y: Array) -> Any:
        below = [x, *outs[:-1]]
        for k, (w, b, out) in enumerate(zip(ws, bs, outs, strict=True)):
            np.matmul(below[k], w.T, out=out)
            np.add(out, b, out=out)
            if k < len(ws) - 1:
                np.maximum(out, zero, out=out)
        z = outs[-1]
        z -= z.max(1, keepdims=True)
        right = z[rows, y].mean()
        np.exp(z, out=backs[-1])
        total = backs[-1].sum(1, keepdims=True)
        backs[-1] /= total
        backs[-1][rows, y] -= 1
        backs[-1] *= np.float32(1 / job.batch)
        for k in reversed(range(len(ws))):
            np.matmul(backs[k].T, below[k], out=grads[2 * k])
            np.sum(backs[k], 0, out=grads[2 * k + 1])
            if k:
                np.matmul(backs[k], ws[k], out=backs[k - 1])
                np.multiply(backs[k - 1], outs[k - 1] > 0, out=backs[k - 1])
        rule.step(grads)
        return np.log(total).mean() - right

    return _training(job, weights, step)


def mygrad_mlp(net: str, threads: int) -> Work:
    """MyGrad's tensors, layers and cross-entropy."""
    import mygrad as mg
    from mygrad.nnet import softmax_crossentropy
    from mygrad.nnet.activations import sigmoid

    job = net_of(net)
    w1, w2 = (mg.tensor(w) for w in job.weights())
    weights = [w1.data, w2.data]
    rule = _Momentum(job, weights)
    mg.turn_memory_guarding_off()  # quicker

    def step(x: Array, y: Array) -> Any:
        loss = softmax_crossentropy(mg.matmul(sigmoid(mg.matmul(x, w1.T)), w2.T), y)
        loss.backward()
        rule.step([np.array(w1.grad), np.array(w2.grad)])
        w1.null_grad()
        w2.null_grad()
        return loss.data

    return _training(job, weights, step)


def autograd_mlp(net: str, threads: int) -> Work:
    """HIPS autograd on NumPy's functions."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    job = net_of(net)
    weights = job.weights()
    rule, rows = _Momentum(job, weights), np.arange(job.batch)

    def objective(params: Any, x: Array, y: Array) -> Any:
        h = 1 / (1 + anp.exp(-anp.dot(x, params[0].T)))
        z = anp.dot(h, params[1].T)
        z = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[rows, y])

    both = value_and_grad(objective)

    def step(x: Array, y: Array) -> Any:
        loss, gradients = both(weights, x, y)
        rule.step(list(gradients))
        return loss

    return _training(job, weights, step)


def numpy_elementwise(count: int, threads: int) -> Work:
    """The formula of `elementwise.py`, a pass over memory for each operation, none of it new."""
    x = cells(count)
    y, t = np.empty_like(x), np.empty_like(x)
    a, b, c, d = (np.float32(v) for v in (0.5, 0.1, 0.3, 0.2))

    def run() -> None:
        np.multiply(x, a, out=y)
        np.add(y, b, out=y)
        np.tanh(y, out=y)
        np.multiply(x, x, out=t)
        np.negative(t, out=t)
        np.exp(t, out=t)
        np.multiply(y, t, out=y)
        np.multiply(x, c, out=t)
        np.add(y, t, out=y)
        np.subtract(y, d, out=y)

    def answer() -> dict[str, Array]:
        run()
        return {"y": y}

    return Work(run, answer)


def numexpr_elementwise(text: str, count: int, threads: int) -> Work:
    """numexpr's virtual machine, block by block, into an array that is there."""
    import numexpr

    numexpr.set_num_threads(threads)
    x = cells(count)
    y = np.empty_like(x)
    for number in ("0.5", "0.1", "0.3", "0.2"):  # else it computes in float64
        text = text.replace(number, f"c{number[2]}")
    names = {f"c{k}": np.float32(k / 10) for k in (5, 1, 3, 2)}

    def run() -> None:
        numexpr.evaluate(text, {"x": x, **names}, out=y, casting="same_kind")

    def answer() -> dict[str, Array]:
        run()
        return {"y": y}

    return Work(run, answer)
