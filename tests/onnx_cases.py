"""ONNX's own cases, worked by the library's formulas.

ONNX ships a small model with inputs and expected outputs for each of its operators ("node cases").
For the operators that the library has, a translator here names the formula and says what the
operator's attributes are in the formula's settings; the values come from the formula alone. What a
formula does not do is `LeftOut`, with the reason, and `table()` counts both. A translator may put
data in another order (transpose, reshape, stack gates in another sequence) but computes nothing.

    python tests/onnx_cases.py > docs/onnx.md
"""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.evaluate.reference import run
from chainrule.formulas import LIBRARY, instantiate
from chainrule.frontend import Formula
from chainrule.lang.integers import constant
from chainrule.lang.program import Program
from chainrule.nn import Network, Unroll

Arrays = list[Any]


class LeftOut(Exception):
    """A case that no formula of the library computes; the reason is its message."""


@dataclass
class Node:
    """One operator with its attributes and inputs; None stands for an input left out."""

    op: str
    attributes: dict[str, Any]
    inputs: Arrays
    named: tuple[bool, ...]  # which of its outputs the model asks for
    expected: Arrays  # a mask that ONNX drew is an input of the formula

    def asks(self, place: int) -> bool:
        """Whether the model asks for this output."""
        return self.named[place : place + 1] == (True,)

    def __getitem__(self, name: str) -> Any:
        return self.attributes.get(name)

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)

    def input(self, place: int) -> Any:
        return self.inputs[place] if place < len(self.inputs) else None

    def only(self, **wanted: Any) -> None:
        """Leave out what has another value of an attribute than these."""
        for name, value in wanted.items():
            if self.get(name, value) != value:
                raise LeftOut(f"`{name}` = {self[name]}: the formula has {value}")


def need(holds: bool, reason: str) -> None:
    if not holds:
        raise LeftOut(reason)


def formula(name: str, given: Mapping[str, Any], training: bool = False,
            **settings: Any) -> dict[str, np.ndarray]:
    """All tensors of a formula of the library for these inputs, whose shapes settle its sizes."""
    entry = LIBRARY[name]
    arrays = {k: np.asarray(v) for k, v in given.items() if v is not None}
    with_shapes = {k: tuple(map(constant, a.shape)) for k, a in arrays.items()}
    found = instantiate(entry, with_shapes, settings, training)
    every = tuple(dict.fromkeys([*found.outputs, *(e.target for e in found.equations)]))
    p = Program(found.tensors, found.inputs, found.equations, every, found.updates)
    values = {k: a.astype(np.int64 if p.tensors[k].kind == "integer" else float)
              for k, a in arrays.items() if k in p.inputs}  # fmt: skip
    every_value = {k: np.asarray(v) for k, v in Formula(p).run(values).items()}
    return {**every_value, "outputs": [*found.outputs]}


def first(name: str, given: Mapping[str, Any], **settings: Any) -> np.ndarray:
    found = formula(name, given, **settings)
    return found[found["outputs"][0]]


# --- windows --------------------------------------------------------------------------------------


def axes_of(x: np.ndarray) -> int:
    count = x.ndim - 2
    need(1 <= count <= 3, f"{count} axes in the window: the formula has 1 to 3")
    return count


def ends(node: Node, cells: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Padding before and behind on each axis."""
    count = len(kernel)
    stride, dilation = node.get("strides", [1] * count), node.get("dilations", [1] * count)
    auto = node.get("auto_pad", b"NOTSET").decode()
    if auto == "NOTSET":
        pads = node.get("pads", [0] * 2 * count)
        return list(zip(pads[:count], pads[count:], strict=True))
    if auto == "VALID":
        return [(0, 0)] * count
    found = []
    for n, k, s, d in zip(cells, kernel, stride, dilation, strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if auto == "SAME_UPPER" else (large, small))
    return found


def conv(node: Node) -> Arrays:
    x, w, b = node.input(0), node.input(1), node.input(2)
    count = axes_of(x)
    kernel = w.shape[2:]
    return [first(
        f"conv{count}d", {"x": x, "w": w, "b": b}, out_channels=w.shape[0], kernel_size=kernel,
        stride=tuple(node.get("strides", [1] * count)),
        dilation=tuple(node.get("dilations", [1] * count)), groups=node.get("group", 1),
        padding=tuple(ends(node, x.shape[2:], kernel)), bias=b is not None)]


def conv_transpose(node: Node) -> Arrays:
    x, w, b = node.input(0), node.input(1), node.input(2)
    count, kernel, groups = axes_of(x), w.shape[2:], node.get("group", 1)
    stride = node.get("strides", [1] * count)
    dilation = node.get("dilations", [1] * count)
    extra = node.get("output_padding", [0] * count)
    auto = node.get("auto_pad", b"NOTSET").decode()
    wanted = node["output_shape"]
    if wanted is None and auto.startswith("SAME"):
        wanted = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    if wanted is None:
        pads = ends(node, x.shape[2:], kernel)
    else:
        pads = []
        for n, s, d, k, e, out in zip(x.shape[2:], stride, dilation, kernel, extra, wanted[-count:],
                                      strict=True):
            total = s * (n - 1) + e + d * (k - 1) + 1 - out
            small, large = total // 2, total - total // 2
            pads.append((small, large) if auto == "SAME_UPPER" else (large, small))
    behind = [p - q + e for (p, q), e in zip(pads, extra, strict=True)]
    need(min(min(pads)) >= 0 and min(behind) >= 0, "more is cut off behind than in front")
    return [first(
        f"conv_transpose{count}d", {"x": x, "w": w, "b": b}, out_channels=groups * w.shape[1],
        kernel_size=kernel, stride=tuple(stride), dilation=tuple(dilation), groups=groups,
        padding=tuple(p for p, _ in pads), output_padding=tuple(behind), bias=b is not None)]


def over_the_edge(node: Node, x: np.ndarray, kernel: Sequence[int],
                  pads: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Padding such that windows that hang over the edge (`ceil_mode`) are whole ones."""
    count = len(kernel)
    if not node.get("ceil_mode", 0) or node.get("auto_pad", b"NOTSET") != b"NOTSET":
        return pads
    found = []
    for n, k, s, d, (p, q) in zip(x.shape[2:], kernel, node.get("strides", [1] * count),
                                  node.get("dilations", [1] * count), pads, strict=True):
        span = d * (k - 1) + 1
        out = math.ceil((n + p + q - span) / s) + 1
        out -= (out - 1) * s >= n + p  # a window begins on the input or on the padding in front
        found.append((p, max((out - 1) * s + span - n - p, 0)))
    return found


def pooled(node: Node, name: str, **settings: Any) -> np.ndarray:
    x = node.input(0)
    count, kernel = axes_of(x), node["kernel_shape"]
    pads = over_the_edge(node, x, kernel, ends(node, x.shape[2:], kernel))
    return first(f"{name}{count}d", {"x": x}, kernel_size=tuple(kernel), padding=tuple(pads),
                 stride=tuple(node.get("strides", [1] * count)), **settings)


def max_pool(node: Node) -> Arrays:
    need(not node.asks(1), "asks for the winners' positions, too")
    return [pooled(node, "max_pool", dilation=tuple(
        node.get("dilations", [1] * axes_of(node.input(0)))))]


def average_pool(node: Node) -> Arrays:
    need(set(node.get("dilations", [1])) == {1}, "dilated averages: the formula has no dilation")
    inside = not node.get("count_include_pad", 0)
    if not inside and node.get("ceil_mode", 0):
        x, kernel = node.input(0), node["kernel_shape"]
        pads = ends(node, x.shape[2:], kernel)
        need(over_the_edge(node, x, kernel, pads) == pads,
             "padding counts, what hangs over the edge does not")
    return [pooled(node, "avg_pool_inside" if inside else "avg_pool")]


def global_pool(name: str) -> Callable[[Node], Arrays]:
    def make(node: Node) -> Arrays:
        y = first(name, {"x": node.input(0)}, axis=1)
        return [y.reshape(y.shape + (1,) * (node.input(0).ndim - 2))]

    return make


def pad(node: Node) -> Arrays:
    mode = node.get("mode", b"constant").decode()
    name = {"constant": "constant_pad", "reflect": "reflection_pad", "edge": "replication_pad",
            "wrap": "circular_pad"}[mode]  # fmt: skip
    x, amounts, value, which = (node.input(k) for k in range(4))
    which = range(x.ndim) if which is None else [int(a) % x.ndim for a in which]
    half = len(amounts) // 2
    need(min(amounts) >= 0, "a negative amount cuts cells off")
    settings = {"value": float(value) if value is not None else 0.0} if mode == "constant" else {}
    for axis, before, behind in zip(which, amounts[:half], amounts[half:], strict=True):
        if before or behind:
            x = first(name, {"x": x}, padding=(int(before), int(behind)), axis=axis, **settings)
    return [x]


# --- resizing -------------------------------------------------------------------------------------

NEAREST = {
    "round_prefer_floor": lambda x: math.ceil(x - 0.5), "round_prefer_ceil": lambda x: math.floor(
        x + 0.5), "floor": math.floor, "ceil": math.ceil,
}  # fmt: skip
PLACES = {
    "half_pixel": lambda i, f, n: (i + 0.5) / f - 0.5, "asymmetric": lambda i, f, n: i / f,
    "align_corners": lambda i, f, n: i * (n - 1) / (n * f - 1) if n * f > 1 else 0,
    "pytorch_half_pixel": lambda i, f, n: (i + 0.5) / f - 0.5 if n * f > 1 else 0,
    "half_pixel_symmetric": lambda i, f, n: (i + 0.5) / f - 0.5,
}  # fmt: skip


def resize(node: Node) -> Arrays:
    x = node.input(0)
    scales, sizes = (node.input(2), node.input(3)) if node.op == "Resize" else (node.input(1), None)
    which = [a % x.ndim for a in node.get("axes", range(x.ndim))]
    node.only(exclude_outside=0, antialias=0)
    need(node.get("keep_aspect_ratio_policy", b"stretch") == b"stretch",
         "a policy for the aspect ratio")
    factors = [1.0] * x.ndim
    for k, axis in enumerate(which):
        factors[axis] = (float(scales[k]) if scales is not None and len(scales) else
                         sizes[k] / x.shape[axis])  # fmt: skip
    need(all(f == int(f) >= 1 for f in factors), "the factor is no whole number")
    whole = [int(f) for f in factors]
    moved = [axis for axis in range(x.ndim) if whole[axis] > 1]
    count = x.ndim - min(moved, default=x.ndim - 1)
    need(count <= 3, "more than three axes are resized")
    mode = node.get("mode", b"nearest").decode()
    default = "half_pixel" if node.op == "Resize" else "asymmetric"
    places = node.get("coordinate_transformation_mode", default.encode()).decode()
    if mode == "nearest":
        rounding = node.get("nearest_mode", b"round_prefer_floor").decode()
        rounding = rounding if node.op == "Resize" else "floor"
        need(places in PLACES, f"the coordinates are {places}")
        for axis in moved:
            n, f = x.shape[axis], whole[axis]
            cells = [min(max(NEAREST[rounding](PLACES[places](i, f, n)), 0), n - 1)
                     for i in range(n * f)]
            need(cells == [i // f for i in range(n * f)],
                 f"{rounding} with {places} does not repeat each cell equally often")
        return [first(f"upsample{count}d", {"x": x}, scale_factor=tuple(whole[-count:]))]
    need(mode == "linear", f"the mode is {mode}")
    need(places in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"),
         f"linear with {places} coordinates")
    return [first(f"upsample_linear{count}d", {"x": x}, scale_factor=tuple(whole[-count:]))]


# --- cell by cell ---------------------------------------------------------------------------------


def activation(name: str, **settings: tuple[str, float]) -> Callable[[Node], Arrays]:
    """`settings` are the formula's, each with ONNX's attribute and its default."""

    def make(node: Node) -> Arrays:
        chosen = {key: float(node.get(*attribute)) for key, attribute in settings.items()}
        return [first(name, {LIBRARY_INPUT.get(name, "x"): node.input(0)}, **chosen)]

    return make


LIBRARY_INPUT = {"softmax": "z", "log_softmax": "z", "log_sum_exp": "z"}


def prelu(node: Node) -> Arrays:
    x, slope = node.input(0), node.input(1)
    if slope.size == 1:
        return [first("prelu", {"x": x, "alpha": slope.reshape(())})]
    shape = (1,) * (x.ndim - slope.ndim) + slope.shape
    own = [axis for axis, n in enumerate(shape) if n > 1]
    need(len(own) == 1, "a slope for each cell")
    return [first("prelu_channels", {"x": x, "alpha": slope.reshape(-1)}, axis=own[0])]


def gelu(node: Node) -> Arrays:
    tanh = node.get("approximate", b"none") == b"tanh"
    return [first("gelu_tanh" if tanh else "gelu", {"x": node.input(0)})]


def hard_sigmoid(node: Node) -> Arrays:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    need(abs(alpha - 1 / 6) < 1e-7 and beta == 0.5,
         "the slope is 1/6 and the offset 1/2 in the formula")
    return [first("hardsigmoid", {"x": node.input(0)})]


def swish(node: Node) -> Arrays:
    node.only(alpha=1.0)
    return [first("silu", {"x": node.input(0)})]


def clip(node: Node) -> Arrays:
    x, low, high = (node.input(k) for k in range(3))
    need(low is not None and high is not None, "a bound is missing")
    need(low <= high, "the lower bound is above the upper one")
    return [first("hardtanh", {"x": x}, min_val=float(low), max_val=float(high))]


def joined(name: str) -> Callable[[Node], Arrays]:
    def make(node: Node) -> Arrays:
        need(len(node.inputs) > 1, "there is nothing to add")
        y, *more = node.inputs
        need(all(f.shape == y.shape for f in more), "the inputs have different shapes")
        for f in more:
            y = first(name, {"x": y, "f": f})
        return [y.astype(f.dtype) if f.dtype.kind in "iu" else y]

    return make


# --- along an axis --------------------------------------------------------------------------------


def along(name: str) -> Callable[[Node], Arrays]:
    return lambda node: [first(name, {"z": node.input(0)}, axis=node.get("axis", -1))]


def reduce_log_sum_exp(node: Node) -> Arrays:
    z, axes = node.input(0), node.input(1)
    if axes is None or not len(axes):
        if node.get("noop_with_empty_axes", 0):
            raise LeftOut("nothing is reduced")
        axes = range(z.ndim)
    axes = sorted(int(a) % z.ndim for a in axes)
    need(z.size > 0, "nothing is in the sum")
    rest = [a for a in range(z.ndim) if a not in axes]
    flat = z.transpose([*rest, *axes]).reshape([z.shape[a] for a in rest] + [-1])
    y = first("log_sum_exp", {"z": flat})
    kept = [1 if a in axes else n for a, n in enumerate(z.shape)]
    return [y.reshape(kept) if node.get("keepdims", 1) else y]


def concat(node: Node) -> Arrays:
    need(len(node.inputs) == 2, "not two inputs")
    a, b = node.inputs
    need(a.dtype.kind in "fiu", "not numbers")
    return [first("concat", {"a": a, "b": b}, axis=node["axis"])]


def flatten(node: Node) -> Arrays:
    x, axis = node.input(0), node.get("axis", 1)
    need(axis < x.ndim, "no axis is flattened into the second")
    y = first("flatten", {"x": x}, start_dim=axis)
    return [y.reshape(-1, y.shape[-1])]


def gather(node: Node) -> Arrays:
    table, labels = node.inputs
    axis = node.get("axis", 0) % table.ndim
    table = np.moveaxis(table, axis, 0)
    rest = table.shape[1:]
    x = first("embedding", {"E": table.reshape(len(table), -1), "y": labels % len(table)},
              num_embeddings=len(table), embedding_dim=math.prod(rest))
    x = x.reshape(labels.shape + rest)
    return [np.moveaxis(x, range(labels.ndim), range(axis, axis + labels.ndim))]


# --- dense ----------------------------------------------------------------------------------------


def gemm(node: Node) -> Arrays:
    a, b, c = node.input(0), node.input(1), node.input(2)
    need(node.get("alpha", 1.0) == 1, "the product is scaled")
    need(c is None or node.get("beta", 1.0) == 1, "the bias is scaled")
    x = a.T if node["transA"] else a
    w = b if node["transB"] else b.T
    if c is not None:
        need(c.ndim < 2 or c.shape[0] == 1, "a bias for each row")
        c = np.broadcast_to(c.reshape(-1), (w.shape[0],))
    return [first("dense", {"x": x, "W": w, "b": c}, out_features=w.shape[0], bias=c is not None)]


def matmul(node: Node) -> Arrays:
    a, b = node.inputs
    need(b.ndim == 2 or b.ndim == 1, "a batch of matrices on the right")
    w = b.T if b.ndim == 2 else b.reshape(1, -1)
    y = first("dense", {"x": a, "W": w}, out_features=w.shape[0], bias=False)
    return [y if b.ndim == 2 else y[..., 0]]


# --- normalisation --------------------------------------------------------------------------------


def batch_norm(node: Node) -> Arrays:
    x, gain, bias, mean, var = node.inputs
    axes = x.ndim - 2
    need(axes <= 3, "more than three axes behind the channels")
    name = f"batch_norm{axes}d" if axes else "batch_norm"
    given = {"x": x, "gamma": gain, "beta": bias, "mu": mean, "v": var}
    eps = node.get("epsilon", 1e-5)
    if not node.get("training_mode", 0):
        return [first(name, given, eps=eps)]
    part = 1 - node.get("momentum", 0.9)
    found = formula(name, given, training=True, eps=eps, momentum=part)
    cells = x.size // x.shape[1]  # ONNX keeps the variance of the cells, not of what they sample
    kept = (1 - part) * var
    return [found["y"], found["mu_new"], kept + (found["v_new"] - kept) * (cells - 1) / cells]


def layer_norm(node: Node) -> Arrays:
    x, gain, bias = node.input(0), node.input(1), node.input(2)
    shape = x.shape[node.get("axis", -1) % x.ndim:]
    found = formula("layer_norm", {"x": x, "gamma": gain, "beta": bias}, normalized_shape=shape,
                    eps=node.get("epsilon", 1e-5), bias=bias is not None)
    kept = x.shape[: x.ndim - len(shape)] + (1,) * len(shape)
    spread = 1 / np.sqrt(found["v"] + node.get("epsilon", 1e-5))
    return [found["y"], found["m"].reshape(kept), spread.reshape(kept)]


def rms_norm(node: Node) -> Arrays:
    x, gain = node.inputs
    return [first("rms_norm", {"x": x, "gamma": gain}, eps=node.get("epsilon", 1e-5),
                  normalized_shape=x.shape[node.get("axis", -1) % x.ndim:])]


def instance_norm(node: Node) -> Arrays:
    x, gain, bias = node.inputs
    return [first("instance_norm", {"x": x, "gamma": gain, "beta": bias}, affine=True,
                  eps=node.get("epsilon", 1e-5))]


def group_norm(node: Node) -> Arrays:
    x, gain, bias = node.inputs
    return [first("group_norm", {"x": x, "gamma": gain, "beta": bias},
                  num_groups=node["num_groups"], eps=node.get("epsilon", 1e-5))]


def local_response(node: Node) -> Arrays:
    need(node["size"] % 2 == 1, "an even number of channels: which one is more is a convention")
    return [first("local_response_norm", {"x": node.input(0)}, size=node["size"],
                  alpha=node.get("alpha", 1e-4), beta=node.get("beta", 0.75),
                  k=node.get("bias", 1.0))]


def mean_variance(node: Node) -> Arrays:
    x = node.input(0)
    need(x.ndim == 4 and list(node.get("axes", [0, 2, 3])) == [0, 2, 3], "other axes")
    channels = x.shape[1]
    found = formula("batch_norm2d", {"x": x, "mu": np.zeros(channels), "v": np.ones(channels)},
                    training=True, affine=False, eps=1e-9)
    return [found["y"]]


def dropout(node: Node) -> Arrays:
    x, ratio, training = node.input(0), node.input(1), node.input(2)
    if training is None or not training or (ratio is not None and ratio == 0):
        y = first("dropout", {"x": x})
        return [y, np.ones(x.shape, bool)]
    need(node.asks(1), "the cells that are dropped are drawn and not given")
    mask = node.expected[1]
    found = formula("dropout", {"x": x, "mask": mask}, training=True,
                    p=0.5 if ratio is None else float(ratio))
    return [found["y"], mask]


# --- losses ---------------------------------------------------------------------------------------


def on_labels(name: str) -> Callable[[Node], Arrays]:
    def make(node: Node) -> Arrays:
        z, labels, weights = node.input(0), node.input(1), node.input(2)
        need(weights is None, "weights for the classes")
        need(node["ignore_index"] is None or node["ignore_index"] not in labels,
             "labels that are ignored")
        found = formula(name, {"z": z, "y": labels}, axis=1)
        how = node.get("reduction", b"mean").decode()
        value = {"mean": found["L"], "sum": found["l"].sum(), "none": found["l"]}[how]
        more = [first("log_softmax", {"z": z}, axis=1)] if node.asks(1) else []
        return [value, *more]

    return make


# --- attention ------------------------------------------------------------------------------------


def attention(node: Node) -> Arrays:
    q, k, v, mask = (node.input(n) for n in range(4))
    need(node.input(6) is None, "lengths of padded keys")
    need(q.dtype in (np.float32, np.float64), "half precision")
    need(node.get("softcap", 0.0) == 0, "scores with a soft cap")
    need(not node.asks(3), "asks for the scores, too")
    for name in ("left_window_size", "right_window_size", "window_size", "local_window_size"):
        need(node.get(name, -1) == -1, "a local window")
    flat = q.ndim == 3
    if flat:
        heads = node["q_num_heads"], node["kv_num_heads"], node["kv_num_heads"]
        q, k, v = (a.reshape(*a.shape[:2], h, -1).transpose(0, 2, 1, 3)
                   for a, h in zip((q, k, v), heads, strict=True))
    if node.input(4) is not None:  # keys and values of the past come first
        k, v = (first("concat", {"a": node.input(n), "b": a}, axis=2)
                for n, a in ((4, k), (5, v)))
    present = [k, v]
    k, v = (np.repeat(a, q.shape[1] // a.shape[1], axis=1) for a in (k, v))  # a group shares keys
    scale = node["scale"]
    need(scale is None or math.isclose(scale, q.shape[-1] ** -0.5, rel_tol=1e-6),
         "another scale than 1/sqrt(E)")
    if mask is not None:
        need(mask.ndim == 2 or set(mask.shape[:-2]) == {1}, "a mask for each example or head")
        mask = mask.reshape(mask.shape[-2:])
        if mask.dtype == bool:
            mask = np.where(mask, 0.0, -np.inf)
        need(mask.shape == (q.shape[2], k.shape[2]), "a mask that is shorter than the keys")
        need(np.isfinite(mask).any(axis=1).all(), "a query that may see no key")
    if node.get("is_causal", 0):
        need(mask is None, "causal, and a mask")
        need(q.shape[2] == k.shape[2], "causal, with more or fewer keys than queries")
        y = first("causal_attention", {"Q": q, "K": k, "V": v})
    else:
        y = first("attention", {"Q": q, "K": k, "V": v, "M": mask})
    return [y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1) if flat else y, *present]


# --- recurrent ------------------------------------------------------------------------------------


def gates(a: np.ndarray | None, order: Sequence[int]) -> np.ndarray | None:
    """The gates' rows in another order."""
    if a is None:
        return None
    parts = np.split(a, len(order))
    return np.concatenate([parts[k] for k in order])


# ONNX stacks i, o, f, c and z, r, h; the library i, f, g, o and r, z, n
RECURRENT = {
    "RNN": ("rnn_cell", (0,), [b"Tanh"]),
    "LSTM": ("lstm_cell", (0, 2, 3, 1), [b"Sigmoid", b"Tanh", b"Tanh"]),
    "GRU": ("gru_cell", (1, 0, 2), [b"Sigmoid", b"Tanh"]),
}


def recurrent(node: Node) -> Arrays:
    name, order, usual = RECURRENT[node.op]
    x, lengths, peep = node.input(0), node.input(4), node.input(7)
    layout = node.get("layout", 0)
    directions = node.input(1).shape[0]
    need(node.get("activations", usual * directions) == usual * directions, "other activations")
    need(lengths is None or bool((lengths == x.shape[layout]).all()),
         "sequences of different lengths")
    need(peep is None, "peepholes")
    need(node["clip"] is None, "gates that are clipped")
    if node.op == "GRU" and not node["linear_before_reset"]:
        name = "gru_cell_reset_first"
    x = x if layout else x.transpose(1, 0, 2)  # N, T, V
    start = [None if s is None else s.transpose(1, 0, 2) if layout else s
             for s in (node.input(5), node.input(6))]  # fmt: skip
    whole, last, memories = [], [], []
    for k in range(directions):
        back = slice(None, None, -1 if k or node["direction"] == b"reverse" else 1)
        own = weights(node, k, order)
        begin = [None if s is None else s[k] for s in start]
        states, memory = stepped(name, x[:, back], own, begin)
        if all(s is None for s in begin):
            np.testing.assert_allclose(unrolled(name, x[:, back], own), states, 1e-12, 1e-12)
        whole.append(states[:, back])
        last.append(states[:, -1])
        memories.append(memory)
    y = np.stack(whole, axis=2) if layout else np.stack(whole).transpose(2, 0, 1, 3)
    return [y, *(np.stack(s, axis=1 if layout else 0) for s in (last, memories))]


def weights(node: Node, k: int, order: Sequence[int]) -> dict[str, Any]:
    """The weights of one direction, the gates in the library's order."""
    w, r, b = (node.input(n) for n in (1, 2, 3))
    own = {"W": gates(w[k], order), "R": gates(r[k], order)}
    if b is not None:
        half = len(order) * node["hidden_size"]
        own |= {"b": gates(b[k, :half], order), "c": gates(b[k, half:], order)}
    return own


def unrolled(name: str, x: np.ndarray, own: Mapping[str, Any]) -> np.ndarray:
    """All hidden states by `nn.Unroll`, which begins with zeros."""
    cell = getattr(nn, LIBRARY[name].layer)(hidden_size=own["R"].shape[1], bias="b" in own)
    network = Network(Unroll(cell), x=x.shape[1:], batch=x.shape[0])
    at = {p.tensor.name: own[p.local] for p in network.parameters()}
    return run(network.program, {"x": x.astype(float)} | at)[network.program.outputs[0]]


def stepped(name: str, x: np.ndarray, own: Mapping[str, Any],
            start: Sequence[Any]) -> tuple[np.ndarray, Any]:
    """All hidden states step by step, from a given state; and the last memory."""
    zero = np.zeros((x.shape[0], own["R"].shape[1]))
    h, c = (zero if s is None else s for s in start)
    states = []
    for t in range(x.shape[1]):
        memory = {"m": c} if name == "lstm_cell" else {}
        found = formula(name, {"x": x[:, t], "h": h, **memory, **own},
                        hidden_size=zero.shape[1], bias="b" in own)
        h = found[found["outputs"][0]]
        c = found["m_new"] if memory else c
        states.append(h)
    return np.stack(states, axis=1), c


OPERATORS: dict[str, tuple[str, Callable[[Node], Arrays]]] = {
    "Gemm": ("dense", gemm), "MatMul": ("dense", matmul), "Gather": ("embedding", gather),
    "Conv": ("conv{}d", conv), "ConvTranspose": ("conv_transpose{}d", conv_transpose),
    "MaxPool": ("max_pool{}d", max_pool),
    "AveragePool": ("avg_pool{}d, avg_pool_inside{}d", average_pool),
    "GlobalAveragePool": ("global_avg_pool", global_pool("global_avg_pool")),
    "GlobalMaxPool": ("global_max_pool", global_pool("global_max_pool")),
    "Pad": ("constant_pad, reflection_pad, replication_pad, circular_pad", pad),
    "Resize": ("upsample{}d, upsample_linear{}d", resize),
    "Upsample": ("upsample{}d, upsample_linear{}d", resize),
    "BatchNormalization": ("batch_norm, batch_norm{}d", batch_norm),
    "LayerNormalization": ("layer_norm", layer_norm),
    "RMSNormalization": ("rms_norm", rms_norm),
    "InstanceNormalization": ("instance_norm", instance_norm),
    "GroupNormalization": ("group_norm", group_norm),
    "MeanVarianceNormalization": ("batch_norm2d", mean_variance),
    "LRN": ("local_response_norm", local_response),
    "Dropout": ("dropout", dropout),
    "Relu": ("relu", activation("relu")),
    "LeakyRelu": ("leaky_relu", activation("leaky_relu", negative_slope=("alpha", 0.01))),
    "PRelu": ("prelu, prelu_channels", prelu),
    "Elu": ("elu", activation("elu", alpha=("alpha", 1.0))),
    "Selu": ("selu", activation("selu", alpha=("alpha", 1.6732632423543772),
                                scale=("gamma", 1.0507009873554805))),
    "Gelu": ("gelu, gelu_tanh", gelu), "Swish": ("silu", swish),
    "Mish": ("mish", activation("mish")),
    "Softplus": ("softplus", activation("softplus")),
    "Softsign": ("softsign", activation("softsign")),
    "Sigmoid": ("sigmoid", activation("sigmoid")), "Tanh": ("tanh", activation("tanh")),
    "HardSigmoid": ("hardsigmoid", hard_sigmoid),
    "HardSwish": ("hardswish", activation("hardswish")), "Clip": ("hardtanh", clip),
    "Softmax": ("softmax", along("softmax")), "LogSoftmax": ("log_softmax", along("log_softmax")),
    "ReduceLogSumExp": ("log_sum_exp", reduce_log_sum_exp),
    "Flatten": ("flatten", flatten), "Concat": ("concat", concat),
    "Add": ("add", joined("add")), "Sum": ("add", joined("add")),
    "Mul": ("multiply", joined("multiply")),
    "Attention": ("attention, causal_attention", attention),
    "RNN": ("rnn_cell", recurrent), "LSTM": ("lstm_cell", recurrent),
    "GRU": ("gru_cell, gru_cell_reset_first", recurrent),
    "SoftmaxCrossEntropyLoss": ("cross_entropy_with_logits",
                                on_labels("cross_entropy_with_logits")),
    "NegativeLogLikelihoodLoss": ("nll", on_labels("nll")),
}  # fmt: skip


# --- the cases ------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def cases() -> dict[str, list[Any]]:
    """ONNX's node cases by operator; those that write an operator out in others are not here."""
    from onnx.backend.test.loader import load_model_tests

    found: dict[str, list[Any]] = defaultdict(list)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in load_model_tests(kind="node"):
            if len(case.model.graph.node) == 1:
                found[case.model.graph.node[0].op_type].append(case)
    return dict(found)


def nodes(model: Any, given: Sequence[Any], expected: Sequence[Any]) -> Node:
    """The one node of a model, with these inputs."""
    from onnx import helper

    graph = model.graph
    operator = graph.node[0]
    fed = dict(zip([i.name for i in graph.input], given, strict=True))
    return Node(operator.op_type,
                {a.name: helper.get_attribute_value(a) for a in operator.attribute},
                [fed.get(name) for name in operator.input],
                tuple(bool(name) for name in operator.output), list(expected))


def worked(node: Node) -> Arrays:
    """The outputs by the library's formulas; raises `LeftOut`."""
    found = OPERATORS[node.op][1](node)
    return [found[k] for k, named in enumerate(node.named) if named]


def judged(op: str) -> Iterator[tuple[Any, Node, Arrays | LeftOut]]:
    """Each case of an operator, and its outputs or why there are none."""
    for case in cases().get(op, []):
        for given, expected in case.data_sets:
            node = nodes(case.model, given, expected)
            try:
                yield case, node, worked(node)
            except LeftOut as reason:
                yield case, node, reason


# --- the table ------------------------------------------------------------------------------------

PAGE = """# Against ONNX

ONNX's test cases for single operators ("node cases") hold a model of one node, its inputs and the
outputs that are expected. Below are all operators for which the library has a formula, and what
becomes of each of their cases in ONNX {version}: *passed* means that the formula's values, in
double precision, are ONNX's to single precision, and those of its reference evaluator. What a
formula does not do is left out, and the last column says why.

This page is made by `python tests/onnx_cases.py > docs/onnx.md` from the cases themselves; a test
holds that it is up to date, and that each case that is not left out passes.

{passed} of {all} cases pass, {left} are left out.

| ONNX operator | formulas | passed | left out | why left out |
|---|---|--:|--:|---|
{rows}

A formula in one, two and three dimensions is named by its form in two. There are {all} cases of
single nodes for these {operators} operators; ONNX has {others} cases of
single nodes for {other_operators} other operators, which are functions or ways to handle data
rather than layers.
"""


def table() -> str:
    """The page: operators, formulas, how many cases pass and why others are left out."""
    import onnx

    rows, passed, left = [], 0, 0
    for op, (names, _) in OPERATORS.items():
        good, reasons = 0, Counter[str]()
        for _, _, outcome in judged(op):
            if isinstance(outcome, LeftOut):
                reasons[str(outcome)] += 1
            else:
                good += 1
        why = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common())
        shown = ", ".join(f"`{name.replace('{}', '2')}`" for name in names.split(", "))
        rows.append(f"| {op} | {shown} | {good} | {reasons.total()} | {why} |")
        passed, left = passed + good, left + reasons.total()
    others = {op: len(found) for op, found in cases().items() if op not in OPERATORS}
    return PAGE.format(
        version=onnx.__version__, passed=passed, left=left, all=passed + left, rows="\n".join(rows),
        operators=len(OPERATORS), others=sum(others.values()), other_operators=len(others))


if __name__ == "__main__":
    print(table(), end="")
