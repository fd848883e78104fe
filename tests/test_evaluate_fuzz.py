"""Random equations, well formed or not: the two evaluators give the same cells or both refuse.

The equations are built from the data structures, past the parser and the verifier, so that reads
and writes outside, overlapping writes, empty reductions and points outside domains all occur.
"""

import random
from fractions import Fraction

import numpy as np
import pytest

from chainrule.errors import ChainruleError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
)
from chainrule.lang.integers import Integer, atom, constant, index
from chainrule.lang.program import Equation, Program, Tensor

SHAPES: dict[str, tuple[int, ...]] = {"a": (4,), "b": (3, 5), "c": (2, 3, 4), "s": (), "t": (4,)}


class Maker:
    """Random subscripts, conditions, expressions and programs from one seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)

    def subscript(self, names: list[str], size: int) -> Integer:
        r, k = self.r, self.r.random()
        if not names or k < 0.1:
            return constant(r.randrange(size))
        i, j = index(r.choice(names)), index(r.choice(names))
        if k < 0.55:
            return i
        if k < 0.8:
            return r.choice([1, 2, -1]) * i + j + r.randrange(-2, 3)
        if k < 0.9:
            return (i + r.randrange(3)) // 2
        if k < 0.95:
            return (2 * i) % size
        return atom(Read(Ref("t", (i,)))) + r.randrange(-1, 1)

    def reference(self, names: list[str]) -> Ref:
        r = self.r
        tensor = r.choice("aabbccs")
        shape = SHAPES[tensor]
        outside = None
        if shape and r.random() < 0.6:
            fill = r.choice([0, Fraction(1, 2), 1, float("-inf")])
            pad = (constant(r.randrange(4)),) * 2
            outside = Outside(Number(fill), None if r.random() < 0.7 else (pad,) * len(shape))
        return Ref(tensor, tuple(self.subscript(names, n) for n in shape), outside)

    def condition(self, names: list[str], depth: int) -> Expr:
        r, k = self.r, self.r.random()
        if depth and k < 0.2:
            parts = self.condition(names, depth - 1), self.condition(names, depth - 1)
            return Apply(r.choice(["and", "or"]), parts)
        if depth and k < 0.3:
            return Apply("not", (self.condition(names, depth - 1),))
        if names and k < 0.7:
            left = IndexValue(index(r.choice(names)))
            right = r.choice([Number(1), Number(2), IndexValue(index(r.choice(names)))])
            return Apply(r.choice(["lt", "le", "eq", "ne", "gt"]), (left, right))
        return Apply(r.choice(["lt", "ge", "gt"]), (self.body(names, depth - 1), Number(0)))

    def body(self, names: list[str], depth: int) -> Expr:
        r, k = self.r, self.r.random()
        if depth <= 0 or k < 0.25:
            number = Number(r.choice([0, 1, 2, Fraction(1, 3)]))
            position = IndexValue(index(r.choice(names))) if names else Number(3)
            return r.choice([self.reference(names), self.reference(names), number, position])
        if k < 0.55:
            parts = self.body(names, depth - 1), self.body(names, depth - 1)
            return Apply(r.choice(["add", "sub", "mul", "mul", "div", "max"]), parts)
        if k < 0.68:
            name = r.choice(["neg", "sin", "ln", "sqrt", "square", "relu", "tanh"])
            return Apply(name, (self.body(names, depth - 1),))
        if k < 0.8:
            parts = self.body(names, depth - 1), self.body(names, depth - 1)
            return Select(self.condition(names, 1), *parts)
        return self.reduction(names, depth)

    def reduction(self, names: list[str], depth: int) -> Expr:
        r = self.r
        new = [f"k{len(names)}", f"k{len(names) + 1}"][: r.choice([1, 1, 2])]
        counts = [0, 1, 2, 3, 4] if r.random() < 0.3 else [2, 3]
        ranges = tuple(Range(name, constant(r.choice(counts))) for name in new)
        guard = self.condition([*names, *new], 1) if r.random() < 0.5 else None
        body, k = self.body([*names, *new], depth - 1), r.random()
        if k < 0.6:
            return Reduce("sum", ranges, guard, body)
        op = r.choice(["max", "min"])
        if k < 0.85:
            return Reduce(op, ranges, guard, body)
        return ArgReduce(op, ranges, guard, body, r.choice(new))

    def program(self) -> Program:
        r = self.r
        names = ["i", "j"][: r.randrange(3)]
        ranges = tuple(Range(name, constant(r.choice([1, 2, 3]))) for name in names)
        scatter = r.random() < 0.5
        if scatter:
            shape = tuple(r.choice([3, 4]) for _ in range(r.randrange(3)))
            subscripts = tuple(self.subscript(names, n) for n in shape)
        else:
            shape = tuple(int(str(x.size)) for x in ranges)
            subscripts = tuple(map(index, names))
        guard = self.condition(names, 1) if scatter and r.random() < 0.3 else None
        equation = Equation("y", subscripts, ranges, self.body(names, 3), scatter, guard,
                            scatter and r.random() < 0.7)
        tensors = {n: Tensor(n, tuple(map(constant, s)), "integer" if n == "t" else "real", "data")
                   for n, s in SHAPES.items()}
        tensors["y"] = Tensor("y", tuple(map(constant, shape)))
        return Program(tensors, tuple(SHAPES), (equation,), ("y",))


def cells_of(p: Program, values: dict[str, np.ndarray]) -> np.ndarray | ChainruleError:
    try:
        table = evaluate_cells(p, values)["y"]
    except ChainruleError as error:
        return error
    return np.array([float(x) for x in table.cells]).reshape(table.shape)


def arrays_of(p: Program, values: dict[str, np.ndarray]) -> np.ndarray | ChainruleError:
    try:
        return run(p, values)["y"]
    except ChainruleError as error:
        return error


@pytest.mark.parametrize("block", range(12))
def test_random_equations_have_the_same_cells_or_both_refuse(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        p = Maker(seed).program()
        rng = np.random.default_rng(seed)
        values = {n: rng.integers(-2, 3, size=s) * 0.5 for n, s in SHAPES.items() if n != "t"}
        values["t"] = rng.integers(0, 4, size=4)
        fast, slow = arrays_of(p, values), cells_of(p, values)
        if isinstance(fast, ChainruleError) or isinstance(slow, ChainruleError):
            # several cells may be wrong, and which is found first is not promised
            assert type(fast) is not np.ndarray and type(slow) is not np.ndarray, (seed, fast, slow)
        else:
            np.testing.assert_allclose(fast, slow, 1e-9, 1e-9, err_msg=f"seed {seed}")
