"""Values of the formulas that ONNX has no operator for, against NumPy.

The rest are in `test_onnx`: together every formula's values have an oracle that shares nothing with
it. Each oracle here takes the formula's inputs by name, at shapes and settings of its own.
"""

import math

import numpy as np
import pytest
from formula_cases import draw

from chainrule.evaluate.reference import run
from chainrule.formulas import LIBRARY, instantiate
from chainrule.lang.integers import constant
from chainrule.lang.program import Program


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def padded(x, amounts):
    return np.pad(x, [(0, 0)] * (x.ndim - len(amounts)) + amounts)


def adaptive(reduce, count):
    """Windows from floor(i·I/O) to ceil((i+1)·I/O), axis by axis."""

    def make(x):
        for axis in range(x.ndim - count, x.ndim):
            n = x.shape[axis]
            parts = [reduce(np.take(x, range(i * n // 3, -(-(i + 1) * n // 3)), axis), axis)
                     for i in range(3)]  # fmt: skip
            x = np.stack(parts, axis)
        return x

    return make


def true_convolution(count):
    """The kernel flipped, slid over the padded input, every second position kept."""

    def make(x, w, b):
        x = padded(x, [(1, 1)] * count)
        flipped = w[(slice(None), slice(None), *[slice(None, None, -1)] * count)]
        view = np.lib.stride_tricks.sliding_window_view(
            x, w.shape[2:], axis=tuple(range(2, 2 + count)))
        view = view[(slice(None), slice(None), *[slice(None, None, 2)] * count)]
        n, o = x.shape[0], w.shape[0]
        cells = view.shape[2 : 2 + count]
        y = np.zeros((n, o, *cells))
        for place in np.ndindex(*cells):
            window = view[(slice(None), slice(None), *place)].reshape(n, -1)
            y[(slice(None), slice(None), *place)] = window @ flipped.reshape(o, -1).T + b
        return y

    return make


def heads(x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, M):
    """Multi-head attention, a head and an example at a time."""
    y = np.zeros_like(x) + bo
    for n in range(x.shape[0]):
        for h in range(Wq.shape[0]):
            q, k, v = (x[n] @ W[h].T + b[h] for W, b in ((Wq, bq), (Wk, bk), (Wv, bv)))
            y[n] += softmax(q @ k.T / math.sqrt(q.shape[1]) + M) @ v @ Wo[:, h].T
    return y


def cut(x):
    """Patches of 2 by 2, pixel by pixel, the channels of a pixel side by side."""
    n, _, h, w = x.shape
    rows = [x[:, :, i : i + 2, j : j + 2].transpose(0, 2, 3, 1).reshape(n, -1)
            for i in range(0, h, 2) for j in range(0, w, 2)]  # fmt: skip
    return np.stack(rows, axis=1)


IMAGE = {"x": (2, 3, 5, 4)}
PAIR = {"y": (4, 3), "t": (4, 3)}
CLASSES = {"p": (4, 3), "t": (4, 3)}
PROJECTED = {"x": (2, 3, 4), "Wq": (2, 2, 4), "bq": (2, 2), "Wk": (2, 2, 4), "bk": (2, 2),
             "Wv": (2, 2, 4), "bv": (2, 2), "Wo": (4, 2, 2), "bo": (4,)}  # fmt: skip
LATER = np.triu(np.full((3, 3), -1e9), 1)

ORACLES = {
    "log_sigmoid": ({"x": (5,)}, {}, lambda x: np.log(sigmoid(x))),
    "relu6": ({"x": (5,)}, {}, lambda x: np.clip(x, 0, 6)),
    "dense_axes": (IMAGE | {"w": (6, 3, 5, 4), "b": (6,)}, {"out_features": 6},
                   lambda x, w, b: x.reshape(2, -1) @ w.reshape(6, -1).T + b),
    "bilinear": ({"x": (5, 3), "t": (5, 4), "W": (2, 3, 4), "b": (2,)}, {"out_features": 2},
                 lambda x, t, W, b: np.stack([np.diag(x @ m @ t.T) for m in W], 1) + b),
    "positions": ({"x": (2, 3, 4), "P": (3, 4)}, {}, lambda x, P: x + P[None]),
    "class_token": ({"x": (2, 3, 4), "v": (4,)}, {}, lambda x, v: np.concatenate(
        [np.broadcast_to(v, (2, 1, 4)), x], 1)),
    "select": (IMAGE, {"axis": 2, "index": 3}, lambda x: x[:, :, 3]),
    "patches": ({"x": (2, 3, 4, 6)}, {"patch_size": 2}, cut),
    "weight_decay": ({"w": (3, 4)}, {"strength": 0.3}, lambda w: 0.15 * np.square(w).sum()),
    "adaptive_avg_pool1d": ({"x": (2, 7)}, {"output_size": 3}, adaptive(np.mean, 1)),
    "adaptive_avg_pool2d": (IMAGE, {"output_size": 3}, adaptive(np.mean, 2)),
    "adaptive_avg_pool3d": (IMAGE, {"output_size": 3}, adaptive(np.mean, 3)),
    "adaptive_max_pool1d": ({"x": (2, 7)}, {"output_size": 3}, adaptive(np.max, 1)),
    "adaptive_max_pool2d": (IMAGE, {"output_size": 3}, adaptive(np.max, 2)),
    "adaptive_max_pool3d": (IMAGE, {"output_size": 3}, adaptive(np.max, 3)),
    "zero_pad1d": ({"x": (2, 7)}, {"padding": ((1, 2),)}, lambda x: padded(x, [(1, 2)])),
    "zero_pad2d": (IMAGE, {"padding": ((1, 2), (0, 3))}, lambda x: padded(x, [(1, 2), (0, 3)])),
    "zero_pad3d": (IMAGE, {"padding": ((1, 2), 1, 0)},
                   lambda x: padded(x, [(1, 2), (1, 1), (0, 0)])),
    "crop1d": ({"x": (2, 7)}, {"cropping": ((1, 2),)}, lambda x: x[:, 1:-2]),
    "crop2d": (IMAGE, {"cropping": ((1, 2), (0, 1))}, lambda x: x[:, :, 1:-2, :-1]),
    "crop3d": (IMAGE, {"cropping": (1, (2, 1), 0)}, lambda x: x[:, 1:-1, 2:-1]),
    "true_conv1d": ({"x": (2, 3, 8), "w": (4, 3, 3), "b": (4,)},
                    {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
                    true_convolution(1)),
    "true_conv2d": (IMAGE | {"w": (4, 3, 3, 2), "b": (4,)},
                    {"out_channels": 4, "kernel_size": (3, 2), "stride": 2, "padding": 1},
                    true_convolution(2)),
    "true_conv3d": ({"x": (1, 2, 3, 4, 3), "w": (2, 2, 2, 3, 3), "b": (2,)},
                    {"out_channels": 2, "kernel_size": (2, 3, 3), "stride": 2, "padding": 1},
                    true_convolution(3)),
    "multi_head_attention": (PROJECTED | {"M": (3, 3)}, {"num_heads": 2}, heads),
    "causal_self_attention": (PROJECTED, {"num_heads": 2}, lambda **at: heads(**at, M=LATER)),
    "half_squared_error": (PAIR, {}, lambda y, t: np.linalg.norm(y - t) ** 2 / 2),
    "mse": (PAIR, {}, lambda y, t: np.mean((y - t) ** 2)),
    "l1": (PAIR, {}, lambda y, t: np.mean(np.abs(y - t))),
    "huber": (PAIR, {"delta": 0.7}, lambda y, t: np.mean(np.where(
        np.abs(y - t) < 0.7, (y - t) ** 2 / 2, 0.7 * np.abs(y - t) - 0.245))),
    "hinge": (PAIR, {}, lambda y, t: np.mean(np.clip(1 - y * t, 0, None))),
    "binary_cross_entropy": (PAIR, {}, lambda y, t: -np.mean(np.log(y**t * (1 - y) ** (1 - t)))),
    "binary_cross_entropy_with_logits": (PAIR, {}, lambda y, t: np.mean(
        np.logaddexp(0, y) - t * y)),
    "cross_entropy": (CLASSES, {}, lambda p, t: -np.mean(np.log(np.prod(p**t, 1)))),
    "soft_cross_entropy_with_logits": ({"z": (4, 3), "t": (4, 3)}, {}, lambda z, t: -np.mean(
        np.sum(t * np.log(softmax(z)), 1))),
    "kl": ({"q": (4, 3), "t": (4, 3)}, {}, lambda q, t: np.mean(np.sum(t * np.log(t / q), 1))),
}  # fmt: skip


@pytest.mark.parametrize("name", ORACLES)
def test_values_are_those_of_numpy(name):
    shapes, settings, oracle = ORACLES[name]
    rng = np.random.default_rng(11)
    at = {k: draw(rng, LIBRARY[name].draws.get(k, ""), s) for k, s in shapes.items()}
    sizes = {k: tuple(map(constant, s)) for k, s in shapes.items()}
    found = instantiate(LIBRARY[name], sizes, settings)
    p = Program(found.tensors, found.inputs, found.equations, found.outputs)
    expected = oracle(**at)
    y = run(p, at)[p.outputs[0]]
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y, expected, 1e-12, 1e-13)
