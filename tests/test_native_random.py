"""Programs drawn at random: however they are fused and shared, they agree with the reference."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.native.runtime import Compiled

LETTERS = {"N": "i", "M": "j", "K": "k"}


class Writer:
    """A text of a few equations, each in what stands before it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.axes = {"x": "NM", "w": "KM", "u": "M", "a": "N"}

    def text(self) -> str:
        lines = ["input x[N,M], w[K,M], u[M], a[N]"]
        for k in range(self.rng.randint(2, 5)):
            axes = self.rng.choice(["NM", "NM", "N", "M", "NK", "KM", "K"])
            names = {axis: LETTERS[axis] for axis in axes}
            lines.append(f"t{k}[{','.join(names.values())}] = {self.expression(names)}")
            self.axes[f"t{k}"] = axes
        return "; ".join(lines)

    def expression(self, names: dict[str, str], depth: int = 0) -> str:
        form = self.rng.choice([
            "{}*{}", "{}*{}", "{} + {}", "{}*{} - {}", "tanh({})", "exp(-({})^2)",
            "({} if {} > {} else {})", "relu({} - {})"])
        return form.format(*(self.atom(names, depth) for _ in range(form.count("{}"))))

    def atom(self, names: dict[str, str], depth: int) -> str:
        if depth < 2 and self.rng.random() < 0.3:
            axis = self.rng.choice(list(LETTERS))
            name = LETTERS[axis] + str(depth)
            inside = self.expression({**names, axis: name}, depth + 1)
            return f"({self.rng.choice(['sum', 'sum', 'max', 'min'])}({name}) {inside})"
        known = [t for t, axes in self.axes.items() if set(axes) <= names.keys()]
        if not known or self.rng.random() < 0.1:
            return self.rng.choice(["2", "0.5", "3"])
        tensor = self.rng.choice(known)
        return f"{tensor}[{','.join(names[axis] for axis in self.axes[tensor])}]"


def drawn(seed: int) -> tuple[Program, dict[str, int], random.Random]:
    """A program that can be read, some of them with gradients, and sizes."""
    rng = random.Random(seed)
    while True:
        try:
            p = program(Writer(rng).text())
            if rng.random() < 0.6:
                p = replace(vjp(p).program, updates=())
        except ChainruleError:  # an index whose end nothing tells, or nothing to derive by
            continue
        sizes = {"N": rng.choice([1, 3, 8, 17, 40]), "M": rng.choice([2, 5, 16, 33]),
                 "K": rng.choice([1, 4, 7, 20])}
        return p, {name: sizes[name] for name in p.size_names()}, rng


@pytest.mark.parametrize("seed", range(60))
def test_a_random_program_agrees_with_the_reference(seed: int) -> None:
    p, sizes, rng = drawn(seed)
    draw = np.random.default_rng(seed)
    values = {name: draw.uniform(-1, 1, tuple(
        size.evaluate(lambda atom: sizes[atom.name]) for size in p.tensors[name].shape))
        for name in p.inputs}
    threads, dtype = rng.choice([1, 1, 2, 3]), rng.choice(["float64", "float64", "float32"])
    wanted = run(p, values, keep="outputs", dtype=dtype)
    found = Compiled(p, sizes, dtype, threads=threads)(values)
    tolerance = 1e-9 if dtype == "float64" else 3e-3
    for name, b in wanted.items():
        scale = max(1.0, float(np.abs(b).max(initial=0)))
        np.testing.assert_allclose(found[name], b, tolerance, tolerance * scale, err_msg=name)
