"""Backward passes written by hand in NumPy, each with mistakes that can be switched on.

They are what a student hands in: matrix products and loops, no equation of chainrule. `NETWORKS`
has the formula of each network, values for its inputs, and the pass: `backward(mistake, **values)`
gives the gradients by name, the right ones where the mistake is "".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """A network with a hand-made backward pass."""

    text: str
    values: Callable[[], Arrays]
    backward: Callable[..., Arrays]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def drawn(seed: int, **shapes: tuple[int, ...]) -> Arrays:
    """Normal numbers of these shapes."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


# --- a multilayer perceptron with softmax, cross-entropy and weight decay

MLP = """input x[5,4]; label y[5] < 3; parameter W1[6,4], b1[6], W2[3,6], b2[3]
z1[n,u] = sum(v) W1[u,v]*x[n,v] + b1[u]
h[n,u] = sigmoid(z1[n,u])
z2[n,k] = sum(u) W2[k,u]*h[n,u] + b2[k]
p[n,i] = exp(z2[n,i])/sum(k) exp(z2[n,k])
L = -mean(n) ln(p[n,y[n]]) + 0.1*(sum(u,v) W1[u,v]^2)/2"""


def mlp_values() -> Arrays:
    return {**drawn(0, x=(5, 4), W1=(6, 4), b1=(6,), W2=(3, 6), b2=(3,)),
            "y": np.array([2, 0, 1, 1, 2])}


def mlp(mistake: str, x: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Arrays:
    z1 = x @ W1.T + b1
    h = sigmoid(z1)
    e = np.exp(h @ W2.T + b2)
    p = e / e.sum(1, keepdims=True)
    t = np.eye(3)[y]
    if mistake == "labels shifted":
        t = np.roll(t, 1, axis=1)
    dz2 = (p - t) / 5
    if mistake == "no mean":
        dz2 = p - t
    if mistake == "p + t":
        dz2 = (p + t) / 5
    if mistake == "softmax diagonal":
        dz2 = (-t / p / 5) * p * (1 - p)
    if mistake == "squared error":
        dz2 = (p - t) * p * (1 - p) / 5
    dW2, db2 = dz2.T @ h, dz2.sum(0)
    if mistake == "b2 of one example":
        db2 = dz2[0]
    if mistake == "b2 of three examples":
        db2 = dz2[:3].sum(0)
    if mistake == "W2 with z1":
        dW2 = dz2.T @ z1
    if mistake == "W2 clipped":
        dW2 = np.clip(dW2, -0.1, 0.1)
    dh = dz2 @ W2
    slope = {"no sigmoid": np.ones_like(h), "sigmoid of z": z1 * (1 - z1), "h squared": h * h,
             "sigmoid twice": (h * (1 - h)) ** 2, "sine": np.sin(h),
             "hard sigmoid": np.where(np.abs(z1) < 2.5, 0.2, 0.0)}.get(mistake, h * (1 - h))
    dz1 = dh * slope
    if mistake == "absolute":
        dz1 = np.abs(dz1)
    dW1, db1 = dz1.T @ x, dz1.sum(0)
    decay = {"no decay": 0.0, "decay doubled": 0.2, "decay of another strength": 0.037}
    if mistake == "decay of signs":
        dW1 = dW1 + 0.1 * np.sign(W1)
    else:
        dW1 = dW1 + decay.get(mistake, 0.1) * W1
    if mistake == "noise":
        db1 = db1 + 0.01 * np.cos(np.arange(6.0))
    if mistake == "two mistakes":
        db1, dW2 = dz1[0], dz2.T @ z1
    if mistake == "nested mistakes":
        dz1 = 5 * dh
        dW2, db2, dW1, db1 = 5 * dW2, 5 * db2, dz1.T @ x + 0.1 * W1, dz1.sum(0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


# --- convolution, ReLU, max-pooling, a dense layer

CONVOLUTION = """input x[2,3,6,6], t[2,4]; parameter w[4,3,3,3], b[4], W[4,16]
z[n,o,i,j] = sum(c,a,d) w[o,c,a,d]*x[n,c,i+a,j+d] + b[o]
h[n,o,i,j] = relu(z[n,o,i,j])
u[n,o,i,j] = max(a<2,d<2) h[n,o,2*i+a,2*j+d]
f[n,(o*2+i)*2+j] = u[n,o,i,j]
q[n,k] = sum(v) W[k,v]*f[n,v]
L = mean(n) (sum(k) (q[n,k]-t[n,k])^2)/2"""


def convolution_values() -> Arrays:
    return drawn(1, x=(2, 3, 6, 6), t=(2, 4), w=(4, 3, 3, 3), b=(4,), W=(4, 16))


def pooled(mistake: str, h: Any, du: Any) -> Any:
    """The gradient of the pool's input."""
    dh = np.zeros_like(h)
    for place in np.ndindex(*du.shape):
        n, o, i, j = place
        window = np.s_[n, o, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        if mistake == "pool to all":
            dh[window] += du[place]
        elif mistake == "pool averaged":
            dh[window] += du[place] / 4
        elif mistake == "pool to the first":
            dh[n, o, 2 * i, 2 * j] += du[place]
        else:
            best = h[window].argmin() if mistake == "pool to the least" else h[window].argmax()
            a, d = np.unravel_index(best, (2, 2))
            dh[n, o, 2 * i + a, 2 * j + d] += du[place]
    return dh


def convolution(mistake: str, x: Any, t: Any, w: Any, b: Any, W: Any) -> Arrays:
    z = np.zeros((2, 4, 4, 4))
    for i, j in np.ndindex(4, 4):
        z[:, :, i, j] = np.einsum("ocad,ncad->no", w, x[:, :, i : i + 3, j : j + 3]) + b
    h = np.maximum(z, 0)
    f = h.reshape(2, 4, 2, 2, 2, 2).max(axis=(3, 5)).reshape(2, -1)
    dq = (f @ W.T - t) / 2
    dW, df = dq.T @ f, dq @ W
    du = df.reshape(2, 4, 2, 2)
    if mistake == "flattened in another order":
        du = df.reshape(2, 2, 2, 4).transpose(0, 3, 1, 2)
    dz = pooled(mistake, h, du) * (1 if mistake == "no relu" else z > 0)
    if mistake == "leaky":
        dz = pooled(mistake, h, du) * np.where(z > 0, 1, 0.01 * z)
    dw, dx = np.zeros_like(w), np.zeros_like(x)
    kernel = w[:, :, ::-1, ::-1] if mistake == "kernel flipped" else w
    for i, j in np.ndindex(4, 4):
        k = 3 - i if mistake == "windows from the end" else i
        dw += np.einsum("no,ncad->ocad", dz[:, :, i, j], x[:, :, k : k + 3, j : j + 3])
        dx[:, :, i : i + 3, j : j + 3] += np.einsum("no,ocad->ncad", dz[:, :, i, j], kernel)
    if mistake == "gradient of the kernel flipped":
        dw = dw[:, :, ::-1, ::-1]
    if mistake == "one channel":
        dx[:, 1:] = 0
    db = dz.sum(axis=(0, 2, 3))
    if mistake == "bias averaged":
        db = dz.mean(axis=(0, 2, 3))
    if mistake == "bias of one example":
        db = dz[0].sum(axis=(1, 2))
    if mistake == "bias of the border":
        db = db - dz[:, :, 1:3, 1:3].sum(axis=(0, 2, 3))
    return {"W": dW, "w": dw, "b": db, "x": dx}


# --- layer normalisation

NORMALISATION = """input x[5,4], t[5,6]; parameter g[6], s[6], W[6,4]
z[n,u] = sum(v) W[u,v]*x[n,v]
m[n] = mean(u) z[n,u]
c[n] = mean(u) (z[n,u]-m[n])^2
r[n,u] = (z[n,u]-m[n])/sqrt(c[n]+0.001)
y[n,u] = g[u]*r[n,u]+s[u]
L = (sum(n,u) (y[n,u]-t[n,u])^2)/2"""


def normalisation_values() -> Arrays:
    return drawn(2, x=(5, 4), t=(5, 6), g=(6,), s=(6,), W=(6, 4))


def normalisation(mistake: str, x: Any, t: Any, g: Any, s: Any, W: Any) -> Arrays:
    z = x @ W.T
    d = z - z.mean(1, keepdims=True)
    sd = np.sqrt((d**2).mean(1, keepdims=True) + 0.001)
    r = d / sd
    dy = g * r + s - t
    dr = dy if mistake == "no gain" else dy * g
    dc = -0.5 * (dr * d).sum(1, keepdims=True) * sd ** (-1 if mistake == "no power" else -3)
    dm = -dr.sum(1, keepdims=True) / sd
    parts = {"deviation": dr / sd, "variance": dc * 2 * d / 6, "mean": dm / 6}
    if mistake == "variance of the wrong sign":
        parts["variance"] *= -1
    if mistake in ("constant variance", "constant statistics"):
        parts["variance"] *= 0
    if mistake in ("constant mean", "constant statistics"):
        parts["mean"] *= 0
    if mistake == "mean not divided":
        parts["mean"] *= 6
    if mistake == "no two":
        parts["variance"] /= 2
    if mistake == "variance times deviation":
        parts["variance"] = parts["variance"] * sd
    dz = sum(parts.values())
    if mistake == "over the batch":
        dz = (dr - dr.mean(0) - r * (dr * r).mean(0)) / sd
    if mistake == "square root left out":
        dz = dz * sd / (1 + sd)
    return {"g": (dy * r).sum(0), "s": dy.sum(0), "W": dz.T @ x}


# --- attention with a residual connection

ATTENTION = """input X[5,4], t[5,4]; parameter Q[4,4], K[4,4], V[4,4]
q[n,a] = sum(d) X[n,d]*Q[d,a]
k[n,a] = sum(d) X[n,d]*K[d,a]
v[n,a] = sum(d) X[n,d]*V[d,a]
s[i,j] = (sum(a) q[i,a]*k[j,a])/2
A[i,j] = exp(s[i,j])/sum(m) exp(s[i,m])
y[i,a] = sum(j) A[i,j]*v[j,a] + X[i,a]
L = (sum(i,a) (y[i,a]-t[i,a])^2)/2"""


def attention_values() -> Arrays:
    return drawn(3, X=(5, 4), t=(5, 4), Q=(4, 4), K=(4, 4), V=(4, 4))


def attention(mistake: str, X: Any, t: Any, Q: Any, K: Any, V: Any) -> Arrays:
    q, k, v = X @ Q, X @ K, X @ V
    e = np.exp(q @ k.T / 2)
    A = e / e.sum(1, keepdims=True)
    dy = A @ v + X - t
    dA, dv = dy @ v.T, (A if mistake == "A not transposed" else A.T) @ dy
    ds = A * (dA - (dA * A).sum(1, keepdims=True))
    if mistake == "softmax over columns":
        ds = A * (dA - (dA * A).sum(0, keepdims=True))
    if mistake == "softmax diagonal":
        ds = dA * A * (1 - A)
    if mistake == "softmax without its sum":
        ds = A * dA
    if mistake == "causal in the backward pass only":
        ds = np.tril(ds)
    scale = 1 if mistake == "no scale" else 2
    dq, dk = ds @ k / scale, ds.T @ q / scale
    if mistake == "s not transposed":
        dk = ds @ q / scale
    if mistake == "k for q":
        dk = ds.T @ k / scale
    dQ, dK, dV = X.T @ dq, X.T @ dk, X.T @ dv
    if mistake == "Q transposed":
        dQ = dQ.T
    dX = dq @ Q.T + dk @ K.T + dv @ V.T + dy
    if mistake == "no residual":
        dX = dX - dy
    if mistake == "values only":
        dX = dv @ V.T
    if mistake == "weights not transposed":
        dX = dq @ Q + dk @ K + dv @ V + dy
    if mistake == "positions mixed up":
        dX = dX[[1, 0, 2, 3, 4]]
    return {"V": dV, "Q": dQ, "K": dK, "X": dX}


# --- three residual layers

RESIDUAL = """input x[4,5], t[4,5]; parameter W1[5,5], W2[5,5], W3[5,5]
a1[n,u] = sum(v) W1[u,v]*x[n,v]; r1[n,u] = tanh(a1[n,u]); h1[n,u] = x[n,u]+r1[n,u]
a2[n,u] = sum(v) W2[u,v]*h1[n,v]; r2[n,u] = tanh(a2[n,u]); h2[n,u] = h1[n,u]+r2[n,u]
a3[n,u] = sum(v) W3[u,v]*h2[n,v]; r3[n,u] = tanh(a3[n,u]); h3[n,u] = h2[n,u]+r3[n,u]
L = mean(n,u) (h3[n,u]-t[n,u])^2"""


def residual_values() -> Arrays:
    found = drawn(4, x=(4, 5), t=(4, 5), W1=(5, 5), W2=(5, 5), W3=(5, 5))
    return {n: 0.6 * a if n[0] == "W" else a for n, a in found.items()}


def residual(mistake: str, x: Any, t: Any, **W: Any) -> Arrays:
    h, r, a = [x], [None], [None]
    for k in (1, 2, 3):
        a.append(h[-1] @ W[f"W{k}"].T)
        r.append(np.tanh(a[-1]))
        h.append(h[-1] + r[-1])
    dh = (1 if mistake == "no two" else 2) * (h[3] - t) / 20
    found: Arrays = {}
    for k in (3, 2, 1):
        y = r[k]
        slope = {"a for r": 1 - a[k] ** 2, "not squared": 1 - y, "plus": 1 + y**2,
                 "no slope": np.ones_like(y), "slope twice": (1 - y**2) ** 2,
                 "slope cubed": (1 - y**2) ** 3,
                 }.get(mistake, 1 - y**2)
        if mistake == "cosine in layer 2" and k == 2:
            slope = np.cos(a[k])
        da = dh * slope
        found[f"W{k}"] = da.T @ h[k if mistake == "output for input" else k - 1]
        back = da @ W[f"W{k}"]
        if mistake == "scaled by depth":
            back = back / k
        if mistake == "no skip" or (mistake == "no skip in layer 2" and k == 2):
            dh = back
        elif mistake != "skip only":
            weight = {"skip twice": 2, "skip weakened in layer 3": 0.3 if k == 3 else 1}
            dh = weight.get(mistake, 1) * dh + back
    return {**found, "x": dh}


# --- an LSTM, three steps

def lstm_text() -> str:
    gates = ", ".join(f"W{g}[4,3], U{g}[4,4], b{g}[4]" for g in "ifog")
    lines = [f"input x[3,2,3], t[2,4]; parameter {gates}; constant h0[2,4], c0[2,4]"]
    for k in (1, 2, 3):
        for g in "ifog":
            lines.append(f"z{g}{k}[n,u] = sum(v) W{g}[u,v]*x[{k - 1},n,v] "
                         f"+ sum(w) U{g}[u,w]*h{k - 1}[n,w] + b{g}[u]")
            lines.append(f"{g}{k}[n,u] = {'tanh' if g == 'g' else 'sigmoid'}(z{g}{k}[n,u])")
        lines.append(f"c{k}[n,u] = f{k}[n,u]*c{k - 1}[n,u] + i{k}[n,u]*g{k}[n,u]")
        lines.append(f"q{k}[n,u] = tanh(c{k}[n,u])")
        lines.append(f"h{k}[n,u] = o{k}[n,u]*q{k}[n,u]")
    return "\n".join([*lines, "L = (sum(n,u) (h3[n,u]-t[n,u])^2)/2"])


def lstm_values() -> Arrays:
    own = {f"{n}{g}": shape for g in "ifog"
           for n, shape in (("W", (4, 3)), ("U", (4, 4)), ("b", (4,)))}
    return drawn(5, x=(3, 2, 3), t=(2, 4), h0=(2, 4), c0=(2, 4), **own)


def lstm(mistake: str, **v: Any) -> Arrays:
    h, c, steps = [v["h0"]], [v["c0"]], []
    for k in range(3):
        a = {g: v["x"][k] @ v[f"W{g}"].T + h[-1] @ v[f"U{g}"].T + v[f"b{g}"] for g in "ifog"}
        a = {g: np.tanh(z) if g == "g" else sigmoid(z) for g, z in a.items()}
        c.append(a["f"] * c[-1] + a["i"] * a["g"])
        h.append(a["o"] * np.tanh(c[-1]))
        steps.append(a)
    found = {n: np.zeros_like(array) for n, array in v.items() if n[0] in "WUb"}
    dh, dc = h[3] - v["t"], np.zeros((2, 4))
    for k in (2, 1, 0):
        a, q = steps[k], np.tanh(c[k + 1])
        here = dh * a["o"] * (1 - q * q)
        dc = here if mistake == "cell forgotten" else dc + here
        d = {"i": dc * a["g"], "g": dc * a["i"], "o": dh * q,
             "f": dc * c[k + 1 if mistake == "new cell" else k]}
        slope = {g: 1 - a[g] ** 2 if g == "g" else a[g] * (1 - a[g]) for g in "ifog"}
        if mistake == "g as a gate":
            slope["g"] = a["g"] * (1 - a["g"])
        if mistake == "no slope of i":
            slope["i"] = np.ones_like(slope["i"])
        dz = {g: d[g] * slope[g] for g in "ifog"}
        for g in "ifog":
            found[f"W{g}"] += dz[g].T @ v["x"][k]
            found[f"U{g}"] += dz[g].T @ h[k]
            found[f"b{g}"] += dz[g].sum(0)
        gates = "ifg" if mistake == "no way back through o" else "ifog"
        dh = sum(dz[g] @ v[f"U{g}"] for g in gates)
        if mistake == "cut at every step":
            dh = np.zeros_like(dh)
        dc = dc * a["f"]
    return found


NETWORKS = {
    "mlp": Network(MLP, mlp_values, mlp),
    "convolution": Network(CONVOLUTION, convolution_values, convolution),
    "normalisation": Network(NORMALISATION, normalisation_values, normalisation),
    "attention": Network(ATTENTION, attention_values, attention),
    "residual": Network(RESIDUAL, residual_values, residual),
    "lstm": Network(lstm_text(), lstm_values, lstm),
}
