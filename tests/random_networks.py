"""Random programs as text, from a seed: formulas that touch every corner, and stacks of layers.

`formula_text(seed)` draws a scalar (now and then a vector) from vectors, matrices, scalars and
labels: every function of the table inside its domain, selections, nested sums, maxima, gathers of
gathers, windows with stride and dilation, guards, scatters, powers. `network_text(seed)` stacks
layers of the library and of index text under a loss. Sizes are numbers or names; `values` draws a
point, as fractions of small denominators so that it is the same in every arithmetic.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from chainrule.lang.integers import known
from chainrule.lang.program import Program

ONE_PLACE = [
    "sin({})", "cos({})", "tan(0.4*sin({}))", "exp(sin({}))", "exp(-{}^2)", "ln(1 + {}^2)",
    "log2(2 + cos({}))", "log10(3 + sin({}))", "log1p({}^2)", "expm1(cos({}))", "sqrt(1 + {}^2)",
    "square({})", "abs({})", "sign({})*{}", "heaviside({})*{}", "floor({})*{}", "ceil({})*{}",
    "relu({})", "sigmoid({})", "softplus({})", "tanh({})", "erf({})", "asin(0.5*sin({}))",
    "acos(0.5*cos({}))", "atan({})", "sinh(sin({}))", "cosh(sin({}))", "asinh({})",
    "acosh(2 + {}^2)", "atanh(0.5*tanh({}))", "{}^2", "{}^3", "(2 + sin({}))^-2", "1/(2 + {}^2)",
    "(1 + {}^2)^1.5", "(1 + {}^2)^r", "2^sin({})", "r^cos({})", "{}*sigmoid({})", "{}*{}", "-{}",
    "({} if {} > 0.1 else 0.5*{})", "(ln({}) if {} > 0.2 else {}^2)", "pi*{}", "{}/r",
    "xlogy(2, 1 + {}^2)", "max({}, 0.2)", "min({}, s)", "0.3*{}", "(1 - {})",
]
TWO_PLACES = [
    "{a}*{b}", "{a} + {b}", "{a} - {b}", "{a}/(2 + {b}^2)", "atan2({a}, 2 + {b}^2)",
    "max({a}, {b})", "min({a}, {b})", "xlogy({a}, 1 + {b}^2)", "(1 + {a}^2)^sin({b})",
    "({a} if {a} > {b} else {b}*{a})", "({a} + {b})^2", "({a} - {b})*({a} + {b})",
    "sqrt(1 + {a}^2)*sqrt(1 + {a}^2)*{b}", "exp({a}/4)*exp({b}/4)", "1/(1 + exp(-{a}))*{b}",
    "{a}*({a}*({b} + {a}*{b}))", "{a}/(1 + exp({b}))",
]


class _Draws:
    """Choices from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, options: Any) -> Any:
        return self.random.choice(list(options))

    def unary(self, e: str) -> str:
        return "(" + str(self.one(ONE_PLACE)).replace("{}", e) + ")"

    def binary(self, a: str, b: str) -> str:
        return "(" + str(self.one(TWO_PLACES)).replace("{a}", a).replace("{b}", b) + ")"


def formula_text(seed: int) -> str:
    """A formula of x[n], A[n, m], B[m, n], scalars r > 0 and s, labels c[m] < n and d[n] < m."""
    d = _Draws(seed)
    named = seed % 3 == 0
    n, m = ("N", "M") if named else (str(d.one([1, 2, 3, 4, 5])), str(d.one([1, 2, 3])))
    lines = [f"input x[{n}], A[{n},{m}], B[{m},{n}], r, s", f"label c[{m}] < {n}, d[{n}] < {m}"]
    vectors, matrices = {"x": n}, {"A": (n, m)}
    for k in range(d.one([0, 1, 1, 2, 2, 3])):
        t, v, w = f"t{k}", d.one(vectors), d.one(matrices)
        made = _vector(d, t, v, vectors[v], w, matrices[w], (n, m), named)
        if made is None:
            columns = matrices[w][1]
            lines.append(f"{t}[i,j] = {d.binary(v + '[i]', w + '[0,j]')} + mean(k) {v}[k]")
            matrices[t] = (vectors[v], columns)
        else:
            lines += made[0]
            vectors[t] = made[1]
    v, w = list(vectors)[-1], list(matrices)[-1]
    if d.one(range(12)) == 0:
        lines.append(f"L[i] = {d.unary(v + '[i]')} + s*{v}[0]")
    else:
        lines.append(f"L = {_total(d, v, w, (n, m))}")
    return "\n".join([*lines, "output L"])


def _total(d: _Draws, v: str, w: str, whole: tuple[str, str]) -> str:
    first = d.one([
        "sum(i) {u}", "mean(i) {u}", "(sum(i) {v}[i])*(sum(i) {u})", "max(i) {u}",
        "ln(1 + sum(i) {v}[i]^2)", "ln(sum(i) exp({v}[i]/3))", "sqrt(1 + sum(i) {v}[i]^2)",
        "sum(i,j) {v}[i]*{v}[j]*{uj}", "(sum(i) {v}[i])^3/3", "sum(i) {v}[i]*(sum(j, j != i) {uj})",
        "(sum(i) {v}[i]*{u})/(1 + sum(i) {v}[i]^2)", "max(i) {v}[i] - min(i) {v}[i]",
    ]).replace("{uj}", d.unary(v + "[j]")).replace("{u}", d.unary(v + "[i]")).replace("{v}", v)
    second = d.one([
        "", " + mean(i, j) {u}", " + s*{w}[0,0]", " + sum(i,j,k) {w}[i,j]*{w}[k,j]",
        " - sum(i,j) {w}[i,j]*{u}", " + sum(i) (sum(j) {w}[i,j])^2", " + r*(sum(i) max(j) {u})",
        " + sum(i,j,k,l) A[i,j]*B[j,k]*A[k,l]*B[l,i]", " + sum(j) A[c[j],j]*x[c[j]]",
        " + sum(i) A[i,d[i]]*B[d[i],c[d[i]]]", " + sum(j) (sum(i) {w}[i,j])*{w}[0,j]",
    ]).replace("{u}", d.unary(w + "[i,j]")).replace("{w}", w)
    return str(first + second)


def _vector(
    d: _Draws, t: str, v: str, size: str, w: str, shape: tuple[str, str], whole: tuple[str, str],
    named: bool,
) -> tuple[list[str], str] | None:
    """The equations of a new vector and its size; None for a matrix instead."""
    n, m = whole
    rows, columns = shape
    u, uw = d.unary(v + "[i]"), d.unary(w + "[i,j]")
    kinds = ["map", "pair", "rows", "softmax", "spread", "cumulative", "banded", "between",
             "nested", "softmin", "outer", "inverse", "stopped", "index", "padded", "wide",
             "gated", "apart"]
    cells = None if named else int(size)
    if (cells is not None and cells > 1) or (named and v == "x"):
        kinds += ["neighbours", "head", "guarded", "pool", "reverse", "window"]
    if shape == whole:
        kinds += ["gather", "onehot"]
    if cells is not None:
        kinds += ["upsample", "scatter", "stride", "pieces"]
        kinds += [] if named else ["fold"]
    if v == "x":
        kinds += ["labelled", "twice"]
    kind = d.one(kinds)
    simple = {
        "map": (u + " + s", size), "pair": (d.binary(v + "[i]", u), size),
        "rows": (f"sum(j) {d.binary(w + '[i,j]', uw)}", rows),
        "softmax": (f"exp(sin({v}[i]))/sum(j) exp(sin({v}[j]))", size),
        "softmin": (f"exp(-{v}[i]/3)/(1 + sum(j) exp(-{v}[j]/3))", size),
        "spread": (f"max(j) {w}[i,j] - min(j) {uw}", rows),
        "cumulative": (f"sum(j, j <= i) {v}[j]*{u} with i < {size}", size),
        "banded": (f"sum(j, j != i) {v}[j]*{v}[i]*(1 if j < i else -2) with i < {size}", size),
        "between": (f"2*(max(j) {w}[i,j]^2) - sum(j) {uw}", rows),
        "nested": (f"sum(j) {w}[i,j]*tanh(sum(k) {w}[k,j]*{w}[i,j])", rows),
        "inverse": (f"{v}[i]/sqrt(1 + mean(j) {v}[j]^2)", size),
        "stopped": (f"{v}[i]*s + {u}*stop_gradient(2)", size),
        "index": (f"{v}[i]*i + {u}*(1 if i == 0 else 0.5)", size),
        "padded": (f"sum(a<3) {v}[i + a - 1; pad 1 with 0]*(a + 1) with i < {size}", size),
        "wide": (f"(sum(j,k) {w}[i,j]*{w}[k,j]*{uw}) + sum(k,j) {w}[k,j]*{w}[i,j]", rows),
        "gated": (f"{v}[i]*s if {v}[i] > {v}[0] else {v}[0]^2*{u}", size),
        "apart": (f"ln({v}[0]) + {v}[i] if {v}[0] > 0 else {v}[i]/(1 + {v}[0]^2)", size),
        "neighbours": (f"{v}[i+1]*{u} with i < {size} - 1", f"{size} - 1"),
        "head": (f"{u} with i < {size} - 1", f"{size} - 1"),
        "guarded": (f"{v}[i+1]^2 if i < {size} - 1 and {v}[i] > 0 else {u} with i < {size}", size),
        "pool": (f"max(a<2) {d.unary(v + '[i+a]')} with i < {size} - 1", f"{size} - 1"),
        "reverse": (f"{v}[{size} - 1 - i]*{u} with i < {size}", size),
        "window": (f"sum(a<2) {d.unary(v + '[i+a]')}*{v}[i] with i < {size} - 1", f"{size} - 1"),
        "gather": (f"{w}[c[i],i]*{v}[0] + {w}[0,i]", m),
        "onehot": (f"sum(k) (1 if k == c[i] else 0)*{w}[k,i]*{w}[k,0]", m),
        "labelled": (f"x[c[i]]*{d.unary('x[c[i]]')}", m),
        "twice": (f"x[c[d[i]]]*{u} + A[i,d[c[d[i]]]]", n),
    }
    if kind in simple:
        body, found = simple[kind]
        return [f"{t}[i] = {body}"], _minus(found)
    if kind == "outer" or cells is None:
        return None
    if kind == "upsample":
        return [f"{t}[2*i+a] = {u} with a < 2"], str(2 * cells)
    if kind == "scatter":
        return [f"{t}[i+a] += {v}[i]*{u} with a < 3"], str(cells + 2)
    if kind == "stride":
        return [f"{t}[i] = sum(a<3) {v}[2*i + 2*a - 1; pad 1:4 with 0.5]*(a + 1)"], str(
            (cells - 1 + 4 - 4 + 1) // 2 + 1)
    if kind == "pieces":
        return [f"{t}[i] = {u}", f"{t}[i+{cells}] = {d.unary('x[0]')} + i with i < 2"], str(
            cells + 2)
    if not rows.isdigit() or not columns.isdigit():
        return None
    return [f"{t}[{columns}*i + j] = {w}[i,j]*(i - j)*{uw}"], str(int(rows) * int(columns))


def _minus(size: str) -> str:
    """3 - 1 as 2."""
    parts = size.split(" - ")
    if all(p.isdigit() for p in parts):
        return str(int(parts[0]) - sum(map(int, parts[1:])))
    return size


# --- networks -------------------------------------------------------------------------------------

CELLWISE = ("relu", "sigmoid", "tanh", "gelu", "silu", "softsign", "hardswish", "mish", "elu",
            "leaky_relu", "softplus", "gelu_tanh", "log_sigmoid", "identity")


def network_text(seed: int) -> str:
    """A stack of 1 to 6 layers under a loss: vectors, images or sequences, in a batch or alone."""
    d = _Draws(10_000 + seed)
    kind = ("vector", "vector", "image", "sequence", "index", "index")[seed % 6]
    return {"vector": _dense_stack, "image": _image_stack, "sequence": _sequence_stack,
            "index": _index_stack}[kind](d)


def _dense_stack(d: _Draws) -> str:
    batch = d.one(["N", "2", ""])
    width = d.one([2, 3, 4])
    lead = f"{batch}, " if batch else ""
    lines = [f"input x[{lead}{width}]"]
    h, shared = "x", None
    for k in range(d.one([1, 2, 3, 4, 5, 6])):
        t = f"h{k}"
        layer = d.one(["dense", "dense", "cell", "cell", "norm", "rms", "residual", "softmax",
                       "shared", "branches", "cell", "prelu", "gate"])
        if layer == "dense":
            width = d.one([2, 3])
            lines.append(f"{t} = dense({h}, out_features={width})")
            shared = None
        elif layer == "shared" and shared and shared[1] == width:
            lines.append(f"{t} = dense({h}, {shared[0]}_W, {shared[0]}_b)")
        elif layer == "shared":
            lines.append(f"{t} = dense({h}, out_features={width})")
            shared = (t, width)
        elif layer == "norm":
            lines.append(f"{t} = layer_norm({h}, normalized_shape={width})")
        elif layer == "rms":
            lines.append(f"{t} = rms_norm({h}, normalized_shape={width})")
        elif layer == "residual":
            lines += [f"{t}_a = dense({h}, out_features={width})",
                      f"{t}_b = {d.one(CELLWISE)}({t}_a)", f"{t} = add({h}, {t}_b)"]
        elif layer == "branches":
            lines += [f"{t}_a = {d.one(CELLWISE)}({h})", f"{t}_b = {d.one(CELLWISE)}({h})",
                      f"{t} = multiply({t}_a, {t}_b)"]
        elif layer == "softmax":
            lines.append(f"{t} = softmax({h})")
        elif layer == "prelu":
            lines.append(f"{t} = prelu({h})")
        elif layer == "gate":
            lines += [f"{t}_a = dense({h}, out_features={width})", f"{t}_g = sigmoid({t}_a)",
                      f"{t} = multiply({h}, {t}_g)"]
        else:
            lines.append(f"{t} = {d.one(CELLWISE)}({h})")
        h = t
    axes = f"{lead}{width}"
    loss = d.one(["half_squared_error", "mse", "l1", "huber", "soft_cross_entropy_with_logits",
                  "labels", "cross", "decay", "hinge"])
    if loss == "labels":
        lines[0] += f"; label y[{batch}] < {width}" if batch else f"; label y < {width}"
        lines.append(f"L = cross_entropy_with_logits({h}, y)")
    elif loss == "cross":
        index = "n, i" if batch else "i"
        lines[0] += f"; input t[{axes}]"
        lines += [f"p = softmax({h})", f"L = -sum({index}) t[{index}]*ln(p[{index}])"]
    elif loss == "decay":
        lines[0] += f"; input t[{axes}]"
        lines += [f"E = half_squared_error({h}, t)", "R = weight_decay(x, strength=0.1)",
                  "L = E + R"]
    else:
        lines[0] += f"; input t[{axes}]"
        lines.append(f"L = {loss}({h}, t)")
    return "\n".join([*lines, "output L"])


def _image_stack(d: _Draws) -> str:
    side = d.one([4, 5, 6])
    batch = d.one(["", "2, "])
    flat = d.one([True, False])  # one axis in the window, or two
    channels = d.one([1, 2])
    size = [side] if flat else [side, d.one([4, 5])]
    dims = "1d" if flat else "2d"
    lines = [f"input x[{batch}{channels}, {', '.join(map(str, size))}]"]
    h = "x"
    for k in range(d.one([1, 2, 3])):
        t = f"h{k}"
        layer = d.one(["conv", "conv", "max", "avg", "cell", "true", "pad", "up", "instance",
                       "conv_transpose"])
        small = min(size)
        if layer in ("conv", "true") and small >= 3:
            out, stride, dilation = d.one([1, 2]), d.one([1, 2]), d.one([1, 1, 2])
            padding = dilation if dilation > 1 else d.one([0, 1])
            name = "conv" if layer == "conv" else "true_conv"
            lines.append(f"{t} = {name}{dims}({h}, out_channels={out}, kernel_size=2, "
                         f"stride={stride}, padding={padding}, dilation={dilation})")
            size = [(n + 2 * padding - dilation - 1) // stride + 1 for n in size]
        elif layer in ("max", "avg") and small >= 2:
            lines.append(f"{t} = {layer}_pool{dims}({h}, kernel_size=2, stride={d.one([1, 2])})")
            stride = int(lines[-1].rsplit("=", 1)[1].rstrip(")"))
            size = [(n - 2) // stride + 1 for n in size]
        elif layer == "pad":
            lines.append(f"{t} = zero_pad{dims}({h}, padding=1)")
            size = [n + 2 for n in size]
        elif layer == "up" and small < 4:
            lines.append(f"{t} = upsample{dims}({h}, scale_factor=2)")
            size = [2 * n for n in size]
        elif layer == "instance":
            lines.append(f"{t} = instance_norm({h}, axis={1 if batch else 0})")
        elif layer == "conv_transpose" and small < 4:
            lines.append(f"{t} = conv_transpose{dims}({h}, out_channels=1, kernel_size=2, "
                         "stride=2)")
            size = [2 * n for n in size]
        else:
            lines.append(f"{t} = {d.one(CELLWISE)}({h})")
        h = t
    lines.append(f"f = flatten({h}, start_dim={1 if batch else 0})")
    lines.append("z = dense(f, out_features=2)")
    if d.one([True, False]):
        lines[0] += f"; label y[{batch.strip(', ')}] < 2" if batch else "; label y < 2"
        lines.append("L = cross_entropy_with_logits(z, y)")
    else:
        lines[0] += f"; input t[{batch}2]"
        lines.append("L = half_squared_error(z, t)")
    return "\n".join([*lines, "output L"])


def _sequence_stack(d: _Draws) -> str:
    steps, width = d.one([2, 3]), 2
    lines = [f"input x[{steps}, {width}], t[{steps}, {width}]"]
    h = "x"
    for k in range(d.one([1, 2, 3])):
        t = f"h{k}"
        layer = d.one(["attention", "causal", "norm", "dense", "cell", "residual", "cell_rnn",
                       "lookup", "heads"])
        if layer == "attention":
            for part in "qkv":
                lines.append(f"{t}_{part} = dense({h}, out_features={width}, bias=false)")
            lines += [f"{t}_s[i,j] = sum(e) {t}_q[i,e]*{t}_k[j,e]/sqrt({width})",
                      f"{t}_p = softmax({t}_s)", f"{t}[i,e] = sum(j) {t}_p[i,j]*{t}_v[j,e]"]
        elif layer == "causal":
            lines.append(f"{t} = causal_attention({h}, {h}, {h})")
        elif layer == "heads":
            lines.append(f"{t} = causal_self_attention({h}, num_heads=1)")
        elif layer == "norm":
            lines.append(f"{t} = layer_norm({h}, normalized_shape={width})")
        elif layer == "dense":
            lines.append(f"{t} = dense({h}, out_features={width})")
        elif layer == "residual":
            lines += [f"{t}_a = dense({h}, out_features={width})", f"{t} = add({h}, {t}_a)"]
        elif layer == "cell_rnn":
            lines.append(f"{t} = rnn_cell({h}, {h}, hidden_size={width})")
        elif layer == "lookup":
            lines += [f"{t}_e = positions({h})", f"{t} = tanh({t}_e)"]
        else:
            lines.append(f"{t} = {d.one(CELLWISE)}({h})")
        h = t
    lines.append(f"L = {d.one(['half_squared_error', 'mse'])}({h}, t)")
    return "\n".join([*lines, "output L"])


def _index_stack(d: _Draws) -> str:
    """Layers written in indices, all sizes names."""
    batch = d.one([True, False])
    n, lead = ("n,", "N,") if batch else ("", "")
    lines = [f"input x[{lead}V], parameter W0[U,V], b0[U]"]
    h, width = "x", "V"
    layers = d.one([1, 2, 3])
    for k in range(layers):
        out = "UPQRST"[k] if k else "U"
        lines[0] += f"; parameter W{k}[{out},{width}], b{k}[{out}]" if k else ""
        lines.append(f"z{k}[{n}u] = (sum(v) W{k}[u,v]*{h}[{n}v]) + b{k}[u]")
        act = d.one(["sigmoid({})", "tanh({})", "relu({})", "{}*sigmoid({})", "exp(-{}^2/2)",
                     "({} if {} >= 0 else a*{})", "ln(1 + exp({}))", "{}/(1 + abs({}))"])
        lines.append(f"y{k}[{n}u] = {act.replace('{}', f'z{k}[{n}u]')}")
        h, width = f"y{k}", out
        if d.one(range(4)) == 0:
            lines += [f"m{k}{f'[{n[:-1]}]' if batch else ''} = mean(u) {h}[{n}u]",
                      f"c{k}[{n}u] = ({h}[{n}u] - m{k}{'[n]' if batch else ''})/sqrt(1 + "
                      f"mean(w) ({h}[{n}w] - m{k}{'[n]' if batch else ''})^2)"]
            h = f"c{k}"
        if d.one(range(4)) == 0:
            lines.append(f"r{k}[{n}u] = {h}[{n}u] + z{k}[{n}u]")
            h = f"r{k}"
    which = d.one(["squares", "softmax", "labels", "two", "decay"])
    every = "n,u" if batch else "u"
    if which == "labels":
        lines[0] += f"; label g[N] < {width}" if batch else f"; label g < {width}"
        lines.append(f"p[{n}u] = exp({h}[{n}u])/sum(k) exp({h}[{n}k])")
        lines.append("L = -mean(n) ln(p[n,g[n]])" if batch else "L = -ln(p[g])")
    else:
        lines[0] += f"; input t[{lead}{width}]"
        squares = f"1/2*sum({every}) ({h}[{every}] - t[{every}])^2"
        if which == "softmax":
            lines.append(f"p[{n}u] = exp({h}[{n}u])/sum(k) exp({h}[{n}k])")
            lines.append(f"L = -sum({every}) t[{every}]*ln(p[{every}])")
        elif which == "two":
            lines.append(f"E = {squares}")
            lines.append(f"F = sum({every}) {h}[{every}]^4/4")
            lines.append("L = E*(1 + F)")
        elif which == "decay":
            lines.append(f"L = {squares} + a/2*sum(u,v) W0[u,v]^2")
        else:
            lines.append(f"L = {squares}")
    return "\n".join([*lines, "output L"])


# --- a point --------------------------------------------------------------------------------------


def sizes_of(p: Program, seed: int) -> dict[str, int]:
    """A number for each named size, from 2 to 4."""
    rng = random.Random(seed)
    return {name: rng.choice([2, 3, 4]) for name in p.size_names()}


def values(p: Program, seed: int) -> dict[str, Any]:
    """Numbers for the inputs: fractions between -1.5 and 1.5, all different; r is positive."""
    rng = random.Random(1_000 + seed)
    sizes = sizes_of(p, seed)
    used: set[Fraction] = set()

    def number(positive: bool) -> Fraction:
        while True:
            found = Fraction(rng.randint(300 if positive else -1500, 1500), 1000)
            if found and found not in used:
                used.add(found)
                return found

    def cells(shape: list[int], most: int | None, positive: bool) -> Any:
        if shape:
            return [cells(shape[1:], most, positive) for _ in range(shape[0])]
        return rng.randrange(most) if most is not None else number(positive)

    found = {}
    for name in p.inputs:
        tensor = p.tensors[name]
        most = None
        if tensor.kind == "integer":
            most = (known(tensor.below, sizes).constant if tensor.below is not None else 3) or 1
        shape = [known(n, sizes).constant or 0 for n in tensor.shape]
        found[name] = cells(shape, most, name == "r")
    return found
