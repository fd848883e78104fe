"""What the sheets speak of, computed with NumPy, independently of chainrule.

`PARTS` maps a sheet and a part to a maker of worlds: (given values, random numbers) -> World.
Vectors are matrices of one column. `d:L/V` is a step that says what ∂L/∂V is; of a quantity that is
hidden only derivatives are known, and `=L` is something with these derivatives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mutations.truth import World, column
from mutations.worlds_more import MORE

Given = Mapping[str, Any]


def plain(value: Any) -> Any:
    """A given value as a number, a column or a matrix."""
    if not isinstance(value, list):
        return float(value)
    if isinstance(value[0], list):
        return np.array([[float(x) for x in row] for row in value])
    return column([float(x) for x in value])


def normal(rng: random.Random, rows: int, columns: int = 1, scale: float = 1.0) -> Any:
    return np.array([[rng.gauss(0, scale) for _ in range(columns)] for _ in range(rows)])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def one_hot(size: int, at: int) -> Any:
    return column([1.0 if k == at else 0.0 for k in range(size)])


def ints(**found: int) -> dict[str, int]:
    return found


# --- the shipped sheets


def loss(given: Given, rng: random.Random) -> World:
    """Any loss will do, so that only its derivative is known."""
    steps = [("=L", lambda w: (w["y"] - w["t"]) ** 2 / 2)]
    return World({"y": rng.gauss(0, 1), "t": rng.gauss(0, 1)}, steps, hidden=frozenset({"L"}))


def network(given: Given, rng: random.Random) -> World:
    def pooled(w: Any) -> Any:
        return w["X"].reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4).max(2)

    def to_input(w: Any) -> Any:
        found = np.zeros((4, 4))
        for i in range(2):
            for j in range(2):
                block = w["X"][2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                a, b = np.unravel_index(block.argmax(), (2, 2))
                found[2 * i + a, 2 * j + b] = w["d:L/U"][i, j]
        return found

    steps = [
        ("U", pooled),
        ("V", lambda w: np.where(w["U"] >= 0, w["U"], 0.1 * w["U"])),
        ("y", lambda w: float((w["V"] * w["W"]).sum())),
        ("=L", lambda w: 2 * w["y"]),
        ("d:L/y", lambda w: 2.0),
        ("d:L/V", lambda w: w["d:L/y"] * w["W"]),
        ("d:L/U", lambda w: np.where(w["U"] >= 0, 1.0, 0.1) * w["d:L/V"]),
        ("d:L/X", to_input),
    ]
    return World(
        {"X": plain(given["X"]), "W": plain(given["W"])},
        steps,
        {"v": "V", "u": "U", "w": "W", "x": "X"},
        bound={"i": rng.randint(1, 4)},
        hidden=frozenset({"L"}),
    )


def prelu(given: Given, rng: random.Random) -> World:
    adjoint = np.array([[2.0, -2.5], [1.5, 3.0]])
    steps = [
        ("V", lambda w: np.where(w["U"] >= 0, w["U"], w["alpha"] * w["U"])),
        ("=L", lambda w: float((w["V"] * adjoint).sum())),
        ("d:L/V", lambda w: adjoint),
        ("d:L/alpha", lambda w: 1.0),
    ]
    return World(
        {"U": plain(given["U"]), "alpha": rng.uniform(0.1, 0.9)},
        steps,
        {"v": "V", "u": "U", "alpha_0": "alpha"},
        bound={"i": rng.randint(1, 4)},
        hidden=frozenset({"L"}),
    )


def softmax(given: Given, rng: random.Random) -> World:
    size = rng.randint(3, 5)
    label, other, i = rng.randint(1, size), rng.randint(1, size - 1), rng.randint(1, size)
    other += other >= label
    steps = [
        ("c", lambda w: float(w["z"].max())),
        ("z_tilde", lambda w: w["z"] - w["z"].max()),
        ("p", lambda w: np.exp(w["z"]) / np.exp(w["z"]).sum()),
        ("g", lambda w: one_hot(size, label - 1)),
        ("L", lambda w: -float(np.log(w["p"][label - 1, 0]))),
    ]
    return World(
        {"z": normal(rng, size), "K": size},
        steps,
        {},
        {"L": lambda w, *_: w["L"]},
        {"j": size, "k": size},
        {"y": label, "y'": other, "i": i, "j": rng.randint(1, size)},
    )


def residual(given: Given, rng: random.Random) -> World:
    steps = [
        ("x_1", lambda w: max(0.0, w["x_0"] * w["w_0"] + w["b_0"])),
        ("y_1", lambda w: w["x_1"] * w["w_1"] + w["b_1"]),
        ("z", lambda w: max(0.0, w["y_1"] + w["x_0"])),
        ("d:z/x_1", lambda w: w["w_1"]),
    ]
    return World({f"{n[0]}_{n[1]}": plain(v) for n, v in given.items()}, steps)


def blocks(given: Given, rng: random.Random) -> World:
    return World({"bias": 0.0})


def overlap(given: Given, rng: random.Random) -> World:
    return World({"o": 7.0})


def classes(given: Given, rng: random.Random) -> World:
    size = rng.randint(3, 5)
    steps = [
        ("S", lambda w: float(np.exp(w["h"]).sum())),
        ("P", lambda w: np.exp(w["h"]) / np.exp(w["h"]).sum()),
        ("L", lambda w: -float((w["y"] * np.log(w["P"])).sum())),
    ]
    return World(
        {"h": normal(rng, size), "y": one_hot(size, rng.randrange(size))},
        steps,
        ranges={"j": size, "k": size, "i": size},
        bound={"i": rng.randint(1, size)},
    )


def relu(given: Given, rng: random.Random) -> World:
    return World(
        {"x": rng.choice([-1, 1]) * rng.uniform(0.3, 3), "k": rng.uniform(0.2, 3)},
        [("g'", lambda w: 1.0 if w["x"] > 0 else 0.0)],
        {},
        {
            "g": lambda w, x: max(0.0, x),
            "H": lambda w, x: float(x > 0),
            "g'": lambda w, x: float(x > 0),
            "sigma": lambda w, x: float(sigmoid(w["k"] * x)),
        },
    )


def many(given: Given, rng: random.Random) -> World:
    size = rng.randint(3, 5)

    def scaled(w: Any, x: Any) -> Any:
        return np.exp(w["c"] * x) / np.exp(w["c"] * x).sum()

    return World(
        {"x": normal(rng, size), "c": rng.uniform(0.2, 2), "n": size},
        [],
        {},
        {"S": lambda w, x: np.exp(x) / np.exp(x).sum(), "sigma": lambda w, x: sigmoid(x)},
        {"j": size, "k": size},
        {"i": rng.randint(1, size)},
    )


def two(given: Given, rng: random.Random) -> World:
    return World(
        {"x": normal(rng, 2)},
        [("z", lambda w: float(w["x"][0, 0] - w["x"][1, 0]))],
        {},
        {"S": lambda w, x: np.exp(x) / np.exp(x).sum(), "sigma": lambda w, x: sigmoid(x)},
    )


def single(given: Given, rng: random.Random) -> World:
    return World({"x": rng.gauss(0, 1)}, [], {}, {"sigma": lambda w, x: float(sigmoid(x))})


def trace(
    forward: list[tuple[str, Callable[[Any], float], dict[str, Callable[[Any], float]]]], wrt: str
):
    """A world of v_-1, v_0, v_1, …: each row is (name, value, its derivatives by earlier ones)."""

    def make(given: Given, rng: random.Random) -> World:
        steps: list[tuple[str, Callable[[Any], Any]]] = [
            ("v_-1", lambda w: w["x_1"]),
            ("v_0", lambda w: w["x_2"]),
        ]
        steps += [(name, value) for name, value, _ in forward]
        last = forward[-1][0]
        steps.append(("y", lambda w: w[last]))
        steps += [
            ("x_dot_1", lambda w: float(wrt == "x1")),
            ("x_dot_2", lambda w: float(wrt == "x2")),
            ("v_dot_-1", lambda w: w["x_dot_1"]),
            ("v_dot_0", lambda w: w["x_dot_2"]),
        ]
        for name, _, slopes in forward:
            steps.append(
                (
                    f"v_dot_{name[2:]}",
                    lambda w, s=slopes: sum(
                        slope(w) * w[f"v_dot_{of[2:]}"] for of, slope in s.items()
                    ),
                )
            )
        steps.append(("y_dot", lambda w: w[f"v_dot_{last[2:]}"]))
        steps += [("y_bar", lambda w: 1.0), (f"v_bar_{last[2:]}", lambda w: w["y_bar"])]
        for of in [*reversed([name for name, _, _ in forward[:-1]]), "v_0", "v_-1"]:
            uses = [(name, slopes[of]) for name, _, slopes in forward if of in slopes]
            steps.append(
                (
                    f"v_bar_{of[2:]}",
                    lambda w, u=uses: sum(w[f"v_bar_{name[2:]}"] * slope(w) for name, slope in u),
                )
            )
        steps += [("x_bar_1", lambda w: w["v_bar_-1"]), ("x_bar_2", lambda w: w["v_bar_0"])]
        for name, _, slopes in forward:
            steps += [(f"d:{name}/{of}", slope) for of, slope in slopes.items()]
        return World({"x_1": plain(given["x1"]), "x_2": plain(given["x2"])}, steps)

    return make


def example(given: Given, rng: random.Random) -> World:
    return trace(
        [
            (
                "v_1",
                lambda w: 1 / (w["v_-1"] + w["v_0"]),
                {
                    "v_-1": lambda w: -((w["v_-1"] + w["v_0"]) ** -2),
                    "v_0": lambda w: -((w["v_-1"] + w["v_0"]) ** -2),
                },
            ),
            ("v_2", lambda w: w["v_0"] ** 2, {"v_0": lambda w: 2 * w["v_0"]}),
            ("v_3", lambda w: w["v_1"] + w["v_2"], {"v_1": lambda w: 1.0, "v_2": lambda w: 1.0}),
            ("v_4", lambda w: np.cos(w["v_-1"]), {"v_-1": lambda w: -np.sin(w["v_-1"])}),
            ("v_5", lambda w: w["v_3"] + w["v_4"], {"v_3": lambda w: 1.0, "v_4": lambda w: 1.0}),
        ],
        "x1",
    )(given, rng)


def convolution(given: Given, rng: random.Random) -> World:
    x = [float(v) for v in given["x"]]
    w = [float(v) for v in given["w"]]
    full = np.convolve(x, w)
    return World(
        {
            "x": column(x),
            "w": column(w),
            "Full": column(full),
            "Same": column(full[1:-1]),
            "Valid": column(full[2:-2]),
        }
    )


def digits(given: Given, rng: random.Random) -> World:
    def distribution() -> Any:
        found = np.array([rng.uniform(0.1, 1) for _ in range(10)])
        return column(found / found.sum())

    size = rng.randint(2, 4)
    steps = [
        ("z1", lambda w: w["W1"] @ w["x"]),
        ("y1", lambda w: sigmoid(w["z1"])),
        ("z2", lambda w: w["W2"] @ w["y1"]),
        ("y2", lambda w: np.exp(w["z2"]) / np.exp(w["z2"]).sum()),
        ("E", lambda w: -float((w["t"] * np.log(w["y2"])).sum())),
    ]
    names = {
        f"{n}^{k}": f"{q}{k}"
        for n, q in (("z", "z"), ("y", "y"), ("W", "W"), ("w", "W"))
        for k in "12"
    }
    return World(
        {
            "x": normal(rng, size),
            "t": distribution(),
            "W1": normal(rng, 7, size),
            "W2": normal(rng, 10, 7),
            "z": rng.gauss(0, 1),
        },
        steps,
        names,
        {"sigma": lambda w, x: sigmoid(x)},
        {"k": 10, "i": 10, "u": 7},
        {"i": rng.randint(1, 10), "u": rng.randint(1, 7), "v": rng.randint(1, size)},
    )


def decay(given: Given, rng: random.Random) -> World:
    size = rng.randint(2, 5)
    return World(
        {"w": normal(rng, size), "lambda": rng.uniform(0.1, 2)},
        [("R", lambda w: w["lambda"] / 2 * float((w["w"] ** 2).sum()))],
        bound={"i": rng.randint(1, size)},
    )


# --- the sheets of the tests


def perceptron(given: Given, rng: random.Random) -> World:
    steps = [
        ("z", lambda w: w["W"] @ w["x"] + w["b"]),
        ("a", lambda w: sigmoid(w["z"])),
        ("y", lambda w: float((w["u"] * w["a"]).sum() + w["c"])),
        ("L", lambda w: (w["y"] - w["t"]) ** 2 / 2),
    ]
    return World(
        {n: plain(v) for n, v in given.items()}, steps, {"w": "W"}, ranges={"i": 2, "j": 2}
    )


def batch(given: Given, rng: random.Random) -> World:
    size = rng.randint(3, 5)
    steps = [
        ("y", lambda w: w["w"] * w["x"] + w["b"]),
        ("M", lambda w: float(((w["y"] - w["t"]) ** 2).mean())),
        ("J", lambda w: w["M"] + w["lambda"] / 2 * w["w"] ** 2),
    ]
    inputs = {
        "x": normal(rng, size),
        "t": normal(rng, size),
        "m": size,
        "lambda": rng.uniform(0.1, 2),
        "w": rng.gauss(0, 1),
        "b": rng.gauss(0, 1),
    }
    return World(inputs, steps, ranges={"i": size}, bound={"i": rng.randint(1, size)})


def averages(given: Given, rng: random.Random) -> World:
    def correlated(w: Any) -> Any:
        return np.array(
            [[(w["K"] * w["X"][i : i + 2, j : j + 2]).sum() for j in range(2)] for i in range(2)]
        )

    def to_input(w: Any) -> Any:
        found = np.zeros((3, 3))
        for i in range(2):
            for j in range(2):
                found[i : i + 2, j : j + 2] += w["d:y/Z"][i, j] * w["K"]
        return found

    def to_kernel(w: Any) -> Any:
        return sum(
            w["d:y/Z"][i, j] * w["X"][i : i + 2, j : j + 2] for i in range(2) for j in range(2)
        )

    steps = [
        ("Z", correlated),
        ("A", lambda w: np.maximum(w["Z"], 0)),
        ("y", lambda w: float(w["A"].mean())),
        ("d:y/A", lambda w: np.full((2, 2), 0.25)),
        ("d:y/Z", lambda w: (w["Z"] > 0) * w["d:y/A"]),
        ("d:y/K", to_kernel),
        ("d:y/X", to_input),
    ]
    return World(
        {n: plain(v) for n, v in given.items()}, steps, {"a": "A", "z": "Z", "k": "K", "x": "X"}
    )


def norm(given: Given, rng: random.Random) -> World:
    steps = [
        ("mu", lambda w: float(w["x"].mean())),
        ("v", lambda w: float(((w["x"] - w["mu"]) ** 2).mean())),
        ("s", lambda w: float(np.sqrt(w["v"]))),
        ("n", lambda w: (w["x"] - w["mu"]) / w["s"]),
        ("y", lambda w: w["gamma"] * w["n"] + w["beta"]),
        ("L", lambda w: float((w["d"] * w["y"]).sum())),
    ]
    return World(
        {n: plain(v) for n, v in given.items()},
        steps,
        ranges={"i": 4},
        bound={"i": rng.randint(1, 4)},
    )


def cell(given: Given, rng: random.Random) -> World:
    steps = [
        ("f", lambda w: float(sigmoid(w["w_f"] * w["x"] + w["h_0"]))),
        ("i", lambda w: float(sigmoid(w["w_i"] * w["x"] + w["h_0"]))),
        ("g", lambda w: float(np.tanh(w["w_g"] * w["x"] + w["b"]))),
        ("o", lambda w: float(sigmoid(w["w_o"] * w["x"] + w["b"]))),
        ("c", lambda w: w["f"] * w["c_0"] + w["i"] * w["g"]),
        ("h", lambda w: w["o"] * float(np.tanh(w["c"]))),
    ]
    named = {n if len(n) == 1 else f"{n[0]}_{n[1]}": plain(v) for n, v in given.items()}
    return World(named, steps, {}, {"sigma": lambda w, x: float(sigmoid(x))})


def least(given: Given, rng: random.Random) -> World:
    steps = [
        ("r", lambda w: w["A"] @ w["x"] - w["b"]),
        ("L", lambda w: float((w["r"] ** 2).sum() / 2)),
    ]
    return World(
        {"A": normal(rng, 3, 3), "b": normal(rng, 3), "x": normal(rng, 3)},
        steps,
        {"a": "A"},
        ranges={"i": 3, "j": 3},
        bound={"i": rng.randint(1, 3), "j": rng.randint(1, 3)},
    )


def form(given: Given, rng: random.Random) -> World:
    steps = [
        ("q", lambda w: float((w["x"].T @ w["A"] @ w["x"])[0, 0])),
        ("p", lambda w: float(np.exp(-w["q"]))),
    ]
    return World(
        {"A": normal(rng, 3, 3, 0.5), "x": normal(rng, 3, 1, 0.4)},
        steps,
        {"a": "A"},
        ranges={"i": 3, "j": 3, "k": 3},
        bound={"k": rng.randint(1, 3)},
    )


def one(given: Given, rng: random.Random) -> World:
    return trace(
        [
            ("v_1", lambda w: np.log(w["v_-1"]), {"v_-1": lambda w: 1 / w["v_-1"]}),
            (
                "v_2",
                lambda w: w["v_-1"] * w["v_0"],
                {"v_-1": lambda w: w["v_0"], "v_0": lambda w: w["v_-1"]},
            ),
            ("v_3", lambda w: np.sin(w["v_0"]), {"v_0": lambda w: np.cos(w["v_0"])}),
            ("v_4", lambda w: w["v_1"] + w["v_2"], {"v_1": lambda w: 1.0, "v_2": lambda w: 1.0}),
            ("v_5", lambda w: w["v_4"] - w["v_3"], {"v_4": lambda w: 1.0, "v_3": lambda w: -1.0}),
        ],
        "x1",
    )(given, rng)


def second(given: Given, rng: random.Random) -> World:
    return trace(
        [
            (
                "v_1",
                lambda w: w["v_-1"] * w["v_0"],
                {"v_-1": lambda w: w["v_0"], "v_0": lambda w: w["v_-1"]},
            ),
            ("v_2", lambda w: np.exp(-w["v_1"]), {"v_1": lambda w: -np.exp(-w["v_1"])}),
            ("v_3", lambda w: np.sqrt(w["v_0"]), {"v_0": lambda w: 0.5 / np.sqrt(w["v_0"])}),
            (
                "v_4",
                lambda w: w["v_-1"] / w["v_3"],
                {"v_-1": lambda w: 1 / w["v_3"], "v_3": lambda w: -w["v_-1"] / w["v_3"] ** 2},
            ),
            ("v_5", lambda w: w["v_2"] + w["v_4"], {"v_2": lambda w: 1.0, "v_4": lambda w: 1.0}),
        ],
        "x2",
    )(given, rng)


def counting(given: Given, rng: random.Random) -> World:
    steps = [
        ("o", lambda w: float(np.floor((w["i"] + 2 * w["p"] - w["k"]) / w["s"]) + 1)),
        ("r", lambda w: float(np.floor((w["o"] - w["q"]) / w["q"]) + 1)),
        ("P_1", lambda w: w["k"] ** 2 * w["c"] * w["f"] + w["f"]),
        ("M_1", lambda w: w["k"] ** 2 * w["c"] * w["f"] * w["o"] ** 2),
        ("F_1", lambda w: 2 * w["M_1"]),
        ("N", lambda w: w["r"] ** 2 * w["f"]),
        ("P_2", lambda w: w["N"] * w["u"] + w["u"]),
        ("M_2", lambda w: w["N"] * w["u"]),
        ("F_2", lambda w: 2 * w["M_2"]),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps)


def tone(given: Given, rng: random.Random) -> World:
    steps = [
        ("g", lambda w: 10 * float(np.log10(w["r"]))),
        ("c", lambda w: 20 * float(np.cos(w["a"]))),
        ("y", lambda w: w["g"] + w["c"] * w["b"]),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps)


def coin(given: Given, rng: random.Random) -> World:
    steps = [
        ("H", lambda w: -w["p"] * np.log(w["p"]) - (1 - w["p"]) * np.log(1 - w["p"])),
        ("q", lambda w: w["p"] / (1 - w["p"])),
        ("l", lambda w: float(np.log(w["q"]))),
    ]
    return World({"p": rng.uniform(0.06, 0.44)}, steps)


def layer(given: Given, rng: random.Random) -> World:
    steps = [
        ("Z", lambda w: w["X"] @ w["W"] + w["b"].T),
        ("=L", lambda w: float((w["G"] * w["Z"]).sum())),
        ("d:L/Z", lambda w: w["G"]),
        ("d:L/W", lambda w: w["X"].T @ w["d:L/Z"]),
        ("d:L/X", lambda w: w["d:L/Z"] @ w["W"].T),
        ("d:L/b", lambda w: w["d:L/Z"].sum(0).reshape(-1, 1)),
    ]
    letters = {"x": "X", "w": "W", "z": "Z", "g": "G"}
    bound = {n: rng.randint(1, 2) for n in "ijk"}
    return World(
        {n: plain(v) for n, v in given.items()},
        steps,
        letters,
        ranges=dict.fromkeys("ijk", 2),
        bound=bound,
        hidden=frozenset({"L"}),
    )


def three(given: Given, rng: random.Random) -> World:
    steps = [
        ("p", lambda w: np.exp(w["z"]) / np.exp(w["z"]).sum()),
        ("E", lambda w: float(((w["p"] - w["t"]) ** 2).sum() / 2)),
        ("C", lambda w: -float((w["t"] * np.log(w["p"])).sum())),
    ]
    return World({n: plain(v) for n, v in given.items()}, steps, ranges={"i": 3, "k": 3})


PARTS: dict[tuple[str, str], Callable[[Given, random.Random], World]] = {
    ("machine-vision", "loss"): loss,
    ("machine-vision", "network"): network,
    ("machine-vision", "prelu"): prelu,
    ("machine-vision", "softmax"): softmax,
    ("pattern-recognition", "residual"): residual,
    ("pattern-recognition", "blocks"): blocks,
    ("pattern-recognition", "classes"): classes,
    ("deep-learning", "relu"): relu,
    ("deep-learning", "softmax"): many,
    ("deep-learning", "two"): two,
    ("deep-learning", "network"): single,
    ("deep-learning", "ad"): example,
    ("deep-learning", "example"): example,
    ("deep-learning", "convolution"): convolution,
    ("deep-learning", "cnn"): blocks,
    ("deep-learning", "layer"): blocks,
    ("deep-learning", "overlap"): overlap,
    ("computer-vision", "network"): digits,
    ("computer-vision", "decay"): decay,
    ("perceptron", "net"): perceptron,
    ("perceptron", "batch"): batch,
    ("averages", "net"): averages,
    ("averages", "line"): convolution,
    ("normalised", "norm"): norm,
    ("memory", "cell"): cell,
    ("matrices", "least"): least,
    ("matrices", "form"): form,
    ("traces", "one"): one,
    ("traces", "two"): second,
    ("counting", "net"): counting,
    ("measures", "tone"): tone,
    ("measures", "coin"): coin,
    ("layers", "net"): layer,
    ("classes", "net"): three,
    **MORE,
}
