"""Whether statements hold: both sides as floating-point numbers, in several drawn worlds.

Derivatives are central differences, or what the world says they are. Numbers with three or more
decimals count as rounded: they may be off by half a unit of their last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mutations.latex import Node, Unreadable

STEP = 1e-5


class IllFormed(Exception):
    """The sides have shapes that do not fit together."""


@dataclass
class World:
    """Named values, computed step by step; an override takes the place of a step.

    `steps` are (name, function of the values so far). `names` maps what formulas write (base, or
    base^label) to the name of a value; `ranges` gives the last value of an index, from 1; `bound`
    holds values of free indices. Names in `hidden` have derivatives but no value.
    """

    inputs: dict[str, Any]
    steps: Sequence[tuple[str, Callable[[dict[str, Any]], Any]]] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    ranges: Mapping[str, int] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    overrides: dict[str, Any] = field(default_factory=dict)
    _kept: dict[str, Any] | None = None

    def values(self, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if not extra and self._kept is not None:
            return self._kept
        put = {**self.overrides, **(extra or {})}
        found = {name: put.get(name, value) for name, value in self.inputs.items()}
        for name, step in self.steps:
            found[name] = put[name] if name in put else step(found)
        if not extra:
            self._kept = found
        return found

    def overridden(self, name: str, value: Any) -> World:
        return World(
            self.inputs,
            self.steps,
            self.names,
            self.functions,
            self.ranges,
            self.bound,
            self.hidden,
            {**self.overrides, name: value},
        )

    def functions_known(self) -> frozenset[str]:
        return frozenset({*self.functions, *("\\" + f for f in self.functions)})


def column(values: Any) -> np.ndarray:
    """A vector as a matrix of one column."""
    return np.asarray(values, dtype=float).reshape(-1, 1)


class Evaluator:
    """The value of a node in a world."""

    def __init__(
        self,
        world: World,
        extra: Mapping[str, Any] | None = None,
        bound: Mapping[str, int] | None = None,
        nudges: Mapping[int, float] | None = None,
    ) -> None:
        self.world = world
        self.extra = dict(extra or {})
        self.values = world.values(self.extra)
        self.bound = dict(world.bound if bound is None else bound)
        self.nudges = nudges or {}

    def again(self, extra: Mapping[str, Any]) -> Evaluator:
        return Evaluator(self.world, {**self.extra, **extra}, self.bound, self.nudges)

    def value(self, node: Node) -> Any:
        return getattr(self, "at_" + node.kind)(node)

    def at_number(self, node: Node) -> float:
        return float(node.name.replace(",", "")) + self.nudges.get(node.start, 0.0)

    def at_brace(self, node: Node) -> Any:
        return self.value(node.args[0])

    def at_group(self, node: Node) -> Any:
        inner = self.value(node.args[0])
        if node.subs:
            return self.cell(inner, self.indices(node.subs))
        return inner

    def at_sum(self, node: Node) -> Any:
        total: Any = 0.0
        for sign, arg in zip(node.signs, node.args, strict=True):
            total = self.joined(total, self.value(arg) if sign == "+" else -self.value(arg), np.add)
        return total

    def at_neg(self, node: Node) -> Any:
        inner = self.value(node.args[0])
        return -inner if node.signs[0] == "-" else inner

    def joined(self, a: Any, b: Any, how: Any) -> Any:
        if np.ndim(a) and np.ndim(b) and np.shape(a) != np.shape(b):
            raise IllFormed(f"{np.shape(a)} and {np.shape(b)}")
        return how(a, b)

    def at_product(self, node: Node) -> Any:
        total: Any = None
        for sign, arg in zip(node.signs, node.args, strict=True):
            value = self.value(arg)
            if total is None:
                total = value
            elif sign == "/":
                total = self.joined(total, value, np.divide)
            elif sign == "\\odot":
                total = self.joined(total, value, np.multiply)
            else:
                total = self.times(total, value, sign)
        return total

    def times(self, a: Any, b: Any, sign: str) -> Any:
        if not np.ndim(a) or not np.ndim(b):
            return a * b
        if sign == "*" and a.shape == b.shape and a.shape[1] == 1:
            return float((a * b).sum())
        if a.shape[1] != b.shape[0]:
            raise IllFormed(f"{a.shape} times {b.shape}")
        found = a @ b
        return float(found[0, 0]) if found.shape == (1, 1) else found

    def at_frac(self, node: Node) -> Any:
        top, bottom = self.value(node.args[0]), self.value(node.args[1])
        if np.ndim(bottom):
            raise IllFormed("a quotient by an array")
        if abs(bottom) < 1e-12:
            raise Unreadable("a division by zero")
        return top / bottom

    def at_power(self, node: Node) -> Any:
        base, sup = node.args
        power = self.value(sup)
        if base.kind == "symbol" and base.name == "e" and not base.subs and "e" not in self.values:
            return np.exp(power)
        if np.ndim(power):
            raise IllFormed("an array as a power")
        value = self.value(base)
        if np.ndim(value) or (value < 0 and power != round(power)) or (value == 0 and power < 0):
            raise IllFormed("a power")
        return value**power

    def at_transpose(self, node: Node) -> Any:
        inner = self.value(node.args[0])
        return inner.T if np.ndim(inner) else inner

    def at_list(self, node: Node) -> Any:
        return column([self.value(a) for a in node.args])

    def at_matrix(self, node: Node) -> Any:
        rows = [[self.value(c) for c in row if c is not None] for row in node.rows]
        if len({len(r) for r in rows}) != 1:
            raise IllFormed("rows of different lengths")
        return np.array(rows, dtype=float)

    def at_cases(self, node: Node) -> Any:
        chosen: Any = None
        left: Any = True
        for body, condition in node.rows:
            here = True if condition is None else self.value(condition)
            if body is None:
                raise Unreadable("a case without a value")
            use = np.logical_and(left, here)
            if np.any(use):
                value = self.value(body)
                chosen = np.where(use, value, 0.0 if chosen is None else chosen)
            left = np.logical_and(left, np.logical_not(here))
        if chosen is None or np.any(left):
            raise Unreadable("no case holds")
        return chosen if np.ndim(chosen) else float(chosen)

    def at_compare(self, node: Node) -> Any:
        a, b = (self.value(x) for x in node.args)
        return {
            "=": np.equal,
            "<": np.less,
            ">": np.greater,
            "<=": np.less_equal,
            ">=": np.greater_equal,
            "!=": np.not_equal,
        }[node.name](a, b)

    def at_reduce(self, node: Node) -> Any:
        index, lower, upper = node.rows[0]
        assert index is not None
        name = index.name
        if name not in self.world.ranges and upper is None:
            raise Unreadable(f"the range of {name}")
        last = int(self.value(upper)) if upper is not None else self.world.ranges[name]
        first = 1
        skip = None
        if node.label == "!=" and lower is not None:
            skip = int(self.value(lower))
            last = self.world.ranges[name]
        elif lower is not None:
            first = int(self.value(lower))
        total: Any = 0.0
        for k in range(first, last + 1):
            if k == skip:
                continue
            one = Evaluator(self.world, self.extra, {**self.bound, name: k}, self.nudges)
            total = self.joined(total, one.value(node.args[0]), np.add)
        return total

    def at_call(self, node: Node) -> Any:
        args = [self.value(a) for a in node.args]
        if node.name == "log_base":
            return np.log(args[0]) / np.log(self.value(node.subs[0]))
        if node.name in self.world.functions:
            found = self.world.functions[node.name](self.values, *args)
        elif node.name in ("log", "ln"):
            if np.any(np.asarray(args[0]) <= 0):
                raise IllFormed("a logarithm")
            found = np.log(args[0])
        elif node.name in ("exp", "cos", "sin", "tan", "tanh", "abs", "sqrt", "floor"):
            found = getattr(np, node.name)(args[0])
        elif node.name in ("max", "min"):
            found = float(getattr(np, node.name)(args if len(args) > 1 else args[0]))
        elif node.name in ("ReLU", "relu"):
            found = np.maximum(args[0], 0.0)
        elif node.name == "softmax":
            found = np.exp(args[0]) / np.exp(args[0]).sum()
        elif node.name == "diag":
            found = np.diag(np.ravel(args[0]))
        elif node.name == "norm":
            found = float(np.sqrt((args[0] ** 2).sum()))
        else:
            raise Unreadable(f"the function {node.name}")
        return self.cell(found, self.indices(node.subs)) if node.subs else found

    # --- names ------------------------------------------------------------------------------------

    def indices(self, subs: Sequence[Node]) -> list[int]:
        return [round(float(self.value(s))) for s in subs]

    def cell(self, value: Any, at: Sequence[int]) -> Any:
        return float(value[self.place(value, at)])

    @staticmethod
    def place(value: Any, at: Sequence[int]) -> tuple[int, int]:
        if not np.ndim(value):
            raise Unreadable("an index of a number")
        if len(at) == 1 and value.shape[1] > 1 and 10 < at[0] < 100:
            at = divmod(at[0], 10)  # a_{12}
        if any(k < 1 for k in at):
            raise Unreadable("an index below 1")
        if len(at) == 2 and at[0] <= value.shape[0] and at[1] <= value.shape[1]:
            return (at[0] - 1, at[1] - 1)
        if len(at) == 1 and at[0] <= value.size:
            return tuple(int(k) for k in np.unravel_index(at[0] - 1, value.shape))  # type: ignore[return-value]
        raise Unreadable("an index that is not there")

    def resolved(self, node: Node) -> tuple[str, tuple[int, int] | None]:
        """The name of the value, and the cell of it."""
        while node.kind in ("group", "brace") and not node.subs:
            node = node.args[0]
        if node.kind != "symbol":
            raise Unreadable("not a name")
        key = node.name + (f"^{node.label}" if node.label else "")
        if node.subs:
            own = key + "_" + "".join(self.plain(s) for s in node.subs)
            own = self.world.names.get(own, own)
            if own in self.values or own in self.world.hidden:
                return own, None
        name = self.world.names.get(key, key)
        if name not in self.values and name not in self.world.hidden:
            raise Unreadable(f"the name {key}")
        if not node.subs:
            return name, None
        return name, self.place(self.values[name], self.indices(node.subs))

    def plain(self, node: Node) -> str:
        if node.kind in ("symbol", "number"):
            return node.name
        if node.kind == "neg":
            return "-" + self.plain(node.args[0])
        if node.kind == "brace":
            return self.plain(node.args[0])
        return "?"

    def at_symbol(self, node: Node) -> Any:
        if not node.subs and node.name in self.bound:
            return float(self.bound[node.name])
        if node.name == "bold1":
            return 1.0
        if node.name == "pi" and "pi" not in self.values:
            return math.pi
        if node.name == "e" and "e" not in self.values:
            return math.e
        name, cell = self.resolved(node)
        if name in self.world.hidden:
            raise Unreadable(f"{name} has no value")
        value = self.values[name]
        return float(value[cell]) if cell else value

    def at_derivative(self, node: Node) -> Any:
        top, bottom = node.args
        below, cell = self.resolved(bottom)
        if node.name != "operator":
            try:
                above, top_cell = self.resolved(top)
            except Unreadable:
                pass
            else:
                known = f"d:{above}/{below}"
                if known in self.values and top_cell is None:
                    value = self.values[known]
                    return float(value[cell]) if cell else value
        centre = self.values[below]
        if cell is not None or not np.ndim(centre):
            return self.slope(top, below, centre, cell)
        cells = list(np.ndindex(*np.shape(centre)))
        slopes = [self.slope(top, below, centre, c) for c in cells]
        if not np.ndim(slopes[0]):
            found = np.array(slopes).reshape(np.shape(centre))
            return found.T if found.shape[1] == 1 else found  # by a vector: a row
        if np.shape(centre)[1] == 1 and np.shape(slopes[0])[1] == 1:
            return np.hstack(slopes)
        raise Unreadable("a derivative of more than two axes")

    def slope(self, top: Node, below: str, centre: Any, cell: tuple[int, int] | None) -> Any:
        sides = []
        for step in (STEP, -STEP):
            moved = np.array(centre, dtype=float)
            moved[cell if cell else ()] += step
            moved_value: Any = moved if np.ndim(centre) else float(moved)
            there = self.again({below: moved_value})
            if top.kind == "symbol" and not top.subs:
                name, _ = there.resolved(top)
                sides.append(
                    there.values["=" + name] if name in there.world.hidden else there.value(top)
                )
            else:
                sides.append(there.value(top))
        return (sides[0] - sides[1]) / (2 * STEP)


# --- statements


def slack(node: Node, world: World) -> Any:
    """How far rounding of the numbers written may carry the value."""
    total: Any = 0.0
    for number in node.walk():
        if number.kind == "number" and len(number.name.partition(".")[2]) >= 3:
            half = 0.5 * 10.0 ** -len(number.name.partition(".")[2])
            here = Evaluator(world).value(node)
            there = Evaluator(world, nudges={number.start: half}).value(node)
            total = total + np.abs(there - here)
    return total


def holds(relation: str, left: Node, right: Node, world: World) -> bool:
    """Whether a relation holds in a world; raises `Unreadable` and `IllFormed`."""
    with np.errstate(all="ignore"):
        a, b = Evaluator(world).value(left), Evaluator(world).value(right)
        if np.shape(a) != np.shape(b):
            if np.ndim(a) and np.ndim(b) and a.size == b.size and 1 in a.shape and 1 in b.shape:
                b = b.reshape(a.shape)  # a row for a column is a convention
            elif np.size(a) != np.size(b):
                raise IllFormed(f"{np.shape(a)} and {np.shape(b)}")
        if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
            raise IllFormed("not a number")
        if relation != "=":
            return bool(
                np.all(
                    {
                        "<": np.less,
                        ">": np.greater,
                        "<=": np.less_equal,
                        ">=": np.greater_equal,
                        "!=": np.not_equal,
                    }[relation](a, b)
                )
            )
        room = slack(left, world) + slack(right, world)
        return bool(np.all(np.abs(a - b) <= 1.005 * room + 2e-7 * (1 + np.abs(a) + np.abs(b))))
