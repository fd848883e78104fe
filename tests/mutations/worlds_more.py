"""What the second set of sheets speaks of, computed with NumPy, independently of chainrule.

`MORE` maps a sheet and a part to a maker of worlds, as `PARTS` does in `worlds`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mutations.truth import World, column

Given = Mapping[str, Any]


def plain(value: Any) -> Any:
    """A given value as a number, a column or a matrix."""
    if not isinstance(value, list):
        return float(value)
    if isinstance(value[0], list):
        return np.array([[float(x) for x in row] for row in value])
    return column([float(x) for x in value])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def logistic(given: Given, rng: random.Random) -> World:
    """Three examples, two weights, a penalty, one step of gradient descent."""

    def cost(w: Any) -> float:
        return -float((w["t"] * np.log(w["p_hat"]) + (1 - w["t"]) * np.log(1 - w["p_hat"])).mean())

    steps = [
        ("s", lambda w: w["x"] @ w["w"] + w["b"]),
        ("p_hat", lambda w: sigmoid(w["s"])),
        ("C", cost),
        ("J", lambda w: w["C"] + w["lambda"] / 2 * float((w["w"] ** 2).sum())),
        ("d:C/s", lambda w: (w["p_hat"] - w["t"]) / 3),
        ("d:J/w", lambda w: w["x"].T @ w["d:C/s"] + w["lambda"] * w["w"]),
        ("d:J/b", lambda w: float(w["d:C/s"].sum())),
        ("w_tilde", lambda w: w["w"] - w["eta"] * w["d:J/w"]),
    ]
    return World(
        {n: plain(v) for n, v in given.items()},
        steps,
        {},
        {"sigma": lambda w, x: sigmoid(x)},
        {"i": 3, "j": 2},
        {"i": rng.randint(1, 3)},
    )


def recurrent(given: Given, rng: random.Random) -> World:
    """Three time steps with shared weights."""
    steps: list[tuple[str, Callable[[Any], Any]]] = []
    for t in (1, 2, 3):
        steps += [
            (
                f"a{t}",
                lambda w, t=t: w["u"] * w[f"x{t}"] + w["w"] * w[f"h{t - 1}"] + w["c"],
            ),
            (f"h{t}", lambda w, t=t: float(np.tanh(w[f"a{t}"]))),
        ]
    steps += [
        ("y", lambda w: w["v"] * w["h3"]),
        ("E", lambda w: (w["y"] - w["r"]) ** 2),
        ("d:E/y", lambda w: 2 * (w["y"] - w["r"])),
        ("d:E/v", lambda w: w["d:E/y"] * w["h3"]),
        ("d:E/h3", lambda w: w["d:E/y"] * w["v"]),
    ]
    for t in (3, 2, 1):
        steps.append((f"d:E/a{t}", lambda w, t=t: w[f"d:E/h{t}"] * (1 - w[f"h{t}"] ** 2)))
        if t > 1:
            steps.append((f"d:E/h{t - 1}", lambda w, t=t: w[f"d:E/a{t}"] * w["w"]))
    steps += [
        ("d:E/w", lambda w: sum(w[f"d:E/a{t}"] * w[f"h{t - 1}"] for t in (1, 2, 3))),
        ("d:E/u", lambda w: sum(w[f"d:E/a{t}"] * w[f"x{t}"] for t in (1, 2, 3))),
        ("d:E/c", lambda w: sum(w[f"d:E/a{t}"] for t in (1, 2, 3))),
    ]
    names = {f"{q}^{t}": f"{q}{t}" for q in "xha" for t in "0123"}
    return World({n: plain(v) for n, v in given.items()}, steps, names)


def attention(given: Given, rng: random.Random) -> World:
    """One head: two queries, three tokens."""

    def to_scores(w: Any) -> Any:
        inner = (w["d:L/P"] * w["P"]).sum(1, keepdims=True)
        return w["P"] * (w["d:L/P"] - inner)

    root = float(np.sqrt(2))
    steps = [
        ("S", lambda w: w["Q"] @ w["K"].T / root),
        ("P", lambda w: np.exp(w["S"]) / np.exp(w["S"]).sum(1, keepdims=True)),
        ("O", lambda w: w["P"] @ w["V"]),
        ("L", lambda w: float((w["G"] * w["O"]).sum())),
        ("d:L/O", lambda w: w["G"]),
        ("d:L/V", lambda w: w["P"].T @ w["d:L/O"]),
        ("d:L/P", lambda w: w["d:L/O"] @ w["V"].T),
        ("d:L/S", to_scores),
        ("d:L/Q", lambda w: w["d:L/S"] @ w["K"] / root),
        ("d:L/K", lambda w: w["d:L/S"].T @ w["Q"] / root),
    ]
    letters = {n.lower(): n for n in "QKVGSPO"}
    return World({n: plain(v) for n, v in given.items()}, steps, letters)


def rescaled(given: Given, rng: random.Random) -> World:
    """Layer normalisation of four numbers, with a scale and a shift of each."""
    steps = [
        ("m", lambda w: float(w["z"].mean())),
        ("q", lambda w: float(((w["z"] - w["m"]) ** 2).mean())),
        ("r", lambda w: float(np.sqrt(w["q"] + w["epsilon"]))),
        ("z_hat", lambda w: (w["z"] - w["m"]) / w["r"]),
        ("y", lambda w: w["alpha"] * w["z_hat"] + w["beta"]),
        ("E", lambda w: float(((w["y"] - w["t"]) ** 2).mean())),
        ("d:E/y", lambda w: (w["y"] - w["t"]) / 2),
        ("d:E/alpha", lambda w: w["d:E/y"] * w["z_hat"]),
        ("d:E/beta", lambda w: w["d:E/y"]),
        ("d:E/z_hat", lambda w: w["d:E/y"] * w["alpha"]),
        ("d:E/r", lambda w: -float((w["d:E/z_hat"] * (w["z"] - w["m"])).sum()) / w["r"] ** 2),
        ("d:E/q", lambda w: w["d:E/r"] / (2 * w["r"])),
        ("d:E/m", lambda w: -float(w["d:E/z_hat"].sum()) / w["r"]),
        (
            "d:E/z",
            lambda w: w["d:E/z_hat"] / w["r"] + w["d:E/m"] / 4 + w["d:E/q"] / 2 * (w["z"] - w["m"]),
        ),
    ]
    named = {"epsilon" if n == "eps" else n: plain(v) for n, v in given.items()}
    return World(named, steps, ranges={"i": 4}, bound={"i": rng.randint(1, 4)})


def signal(given: Given, rng: random.Random) -> World:
    """A convolution with stride 2 over nine numbers, a max-pool of pairs, a dense layer."""

    def convolved(w: Any) -> Any:
        return column([(w["w"] * w["x"][2 * i : 2 * i + 3]).sum() + w["b"] for i in range(4)])

    def to_places(w: Any) -> Any:
        found = np.zeros((4, 1))
        for j in range(2):
            found[2 * j + int(w["c"][2 * j : 2 * j + 2].argmax())] = w["d:E/m"][j, 0]
        return found

    def to_filter(w: Any) -> Any:
        return column(
            [sum(w["d:E/c"][i, 0] * w["x"][2 * i + k, 0] for i in range(4)) for k in range(3)]
        )

    def to_signal(w: Any) -> Any:
        found = np.zeros((9, 1))
        for i in range(4):
            found[2 * i : 2 * i + 3] += w["d:E/c"][i, 0] * w["w"]
        return found

    steps = [
        ("c", convolved),
        ("m", lambda w: w["c"].reshape(2, 2).max(1).reshape(2, 1)),
        ("y", lambda w: float((w["v"] * w["m"]).sum() + w["d"])),
        ("E", lambda w: (w["y"] - w["t"]) ** 2),
        ("d:E/y", lambda w: 2 * (w["y"] - w["t"])),
        ("d:E/v", lambda w: w["d:E/y"] * w["m"]),
        ("d:E/m", lambda w: w["d:E/y"] * w["v"]),
        ("d:E/c", to_places),
        ("d:E/w", to_filter),
        ("d:E/b", lambda w: float(w["d:E/c"].sum())),
        ("d:E/x", to_signal),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps)


def larger(given: Given, rng: random.Random) -> World:
    """Sizes and counts of two convolutions, a pool and a dense layer."""
    steps = [
        ("s", lambda w: float(np.floor((w["n"] - w["h"] + 2 * w["p"]) / w["z"]) + 1)),
        ("q", lambda w: float(np.floor(w["s"] / 2))),
        ("A_1", lambda w: (3 * w["h"] ** 2 + 1) * w["a"]),
        ("B_1", lambda w: 3 * w["h"] ** 2 * w["a"] * w["s"] ** 2),
        ("r", lambda w: w["q"] - w["k"] + 1),
        ("A_2", lambda w: (w["a"] * w["k"] ** 2 + 1) * w["g"]),
        ("B_2", lambda w: w["a"] * w["k"] ** 2 * w["g"] * w["r"] ** 2),
        ("U", lambda w: w["r"] ** 2 * w["g"]),
        ("A_3", lambda w: (w["U"] + 1) * w["u"]),
        ("B_3", lambda w: w["U"] * w["u"]),
        ("T", lambda w: w["A_1"] + w["A_2"] + w["A_3"]),
        ("R", lambda w: 2 * (w["B_1"] + w["B_2"] + w["B_3"])),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps)


def graph(given: Given, rng: random.Random) -> World:
    """Values, tangents by x and adjoints of (e^{xy} + ln x)/y."""
    steps = [
        ("a", lambda w: w["x"] * w["y"]),
        ("b", lambda w: float(np.exp(w["a"]))),
        ("c", lambda w: float(np.log(w["x"]))),
        ("g", lambda w: w["b"] + w["c"]),
        ("f", lambda w: w["g"] / w["y"]),
        ("x_dot", lambda w: 1.0),
        ("y_dot", lambda w: 0.0),
        ("a_dot", lambda w: w["x_dot"] * w["y"] + w["x"] * w["y_dot"]),
        ("b_dot", lambda w: w["b"] * w["a_dot"]),
        ("c_dot", lambda w: w["x_dot"] / w["x"]),
        ("g_dot", lambda w: w["b_dot"] + w["c_dot"]),
        ("f_dot", lambda w: (w["g_dot"] * w["y"] - w["g"] * w["y_dot"]) / w["y"] ** 2),
        ("f_bar", lambda w: 1.0),
        ("g_bar", lambda w: w["f_bar"] / w["y"]),
        ("b_bar", lambda w: w["g_bar"]),
        ("c_bar", lambda w: w["g_bar"]),
        ("a_bar", lambda w: w["b_bar"] * w["b"]),
        ("x_bar", lambda w: w["a_bar"] * w["y"] + w["c_bar"] / w["x"]),
        ("y_bar", lambda w: w["a_bar"] * w["x"] - w["f_bar"] * w["g"] / w["y"] ** 2),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps)


def soft(given: Given, rng: random.Random) -> World:
    size = rng.randint(3, 5)
    target = np.array([rng.uniform(0.1, 1) for _ in range(size)])
    steps = [
        ("p", lambda w: np.exp(w["z"]) / np.exp(w["z"]).sum()),
        ("H", lambda w: -float((w["t"] * np.log(w["p"])).sum())),
    ]
    return World(
        {
            "z": column([rng.gauss(0, 1) for _ in range(size)]),
            "t": column(target / target.sum()),
            "n": size,
        },
        steps,
        ranges={"i": size, "k": size},
        bound={"i": rng.randint(1, size), "j": rng.randint(1, size)},
    )


def ratio(given: Given, rng: random.Random) -> World:
    x = rng.choice([-1, 1]) * rng.uniform(0.2, 1.5)
    return World({"x": x}, [("h", lambda w: float(np.tanh(w["x"])))])


def steeper(given: Given, rng: random.Random) -> World:
    return World(
        {"x": rng.choice([-1, 1]) * rng.uniform(0.2, 1.5), "k": rng.uniform(0.3, 2)},
        [("s", lambda w: float(sigmoid(w["k"] * w["x"])))],
    )


MORE: dict[tuple[str, str], Callable[[Given, random.Random], World]] = {
    ("logistic", "fit"): logistic,
    ("recurrent", "unit"): recurrent,
    ("attention", "head"): attention,
    ("rescaled", "norm"): rescaled,
    ("signal", "net"): signal,
    ("signal", "larger"): larger,
    ("graphs", "graph"): graph,
    ("graphs", "soft"): soft,
    ("graphs", "ratio"): ratio,
    ("graphs", "logistic"): steeper,
}
