"""How a network's numbers fare: norms of activations and gradients layer by layer, and what is ill.

A gradient that is right may still be of no use. It shrinks a little in every layer and is nothing
when it reaches the first one, or grows until it overflows; units of ReLU that are off for every
example learn nothing any more; logistic units far from zero hardly do. All of that can be read off
one forward and one backward pass:

    >>> from chainrule.formulas.calls import read
    >>> text = "input x[N]; parameter w; h[n] = relu(w*x[n]); L = sum(n) h[n]^2"
    >>> found = health(read(text), {"w": -1.0, "x": [1.0, 2.0, 3.0]})
    >>> [layer.dead for layer in found.layers]
    [1]

Norms are root mean squares, so that layers of different sizes compare. Whether a function is
saturated is read off its derivative in the function table, not off its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import real_inputs
from chainrule.evaluate.arrays import NumpyArithmetic
from chainrule.lang.expr import Apply, Expr, Number, Ref, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh
from chainrule.train.gradcheck_nonfinite import NonFinite, first_nonfinite
from chainrule.train.gradcheck_program import the_scalar
from chainrule.train.gradcheck_rerun import Worked, worked

FLAT: Final = 0.01  # of its steepest slope: less is saturated
VANISHING: Final = 1e-3  # of the largest weight gradient: less is told
_FAR: Final = 40.0  # where a function that saturates is flat


@dataclass(frozen=True, slots=True)
class Norms:
    """Root mean square, largest absolute value, and the share of zeros of an array."""

    rms: float
    largest: float
    zeros: float

    @staticmethod
    def of(array: np.ndarray) -> Norms:
        """Those of an array, without overflow on the way."""
        if not array.size:
            return Norms(0.0, 0.0, 0.0)
        absolute = np.abs(array)
        largest = float(absolute.max())
        if largest == 0 or not math.isfinite(largest):
            return Norms(largest, largest, float(np.mean(array == 0)))
        rms = largest * math.sqrt(float(np.mean((absolute / largest) ** 2)))
        return Norms(rms, largest, float(np.mean(array == 0)))


@dataclass(frozen=True, slots=True)
class LayerHealth:
    """One tensor on the way: what it holds, and what comes back to it.

    `function` is the activation that makes it, if one does; `flat` the share of its cells whose
    derivative is below 1 % of the steepest, `dead` the units (of `units`) whose derivative is
    exactly zero for every example. `weighted` says that a matrix of weights is applied in it.
    """

    tensor: str
    shape: tuple[int, ...]
    value: Norms
    gradient: Norms | None
    function: str = ""
    flat: float = 0.0
    dead: int = 0
    units: int = 0
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class ParameterHealth:
    """One parameter: its norm, and its gradient's."""

    tensor: str
    shape: tuple[int, ...]
    value: Norms
    gradient: Norms


@dataclass(frozen=True, slots=True)
class Health:
    """The layers and parameters in the order of the forward pass, and the first NaN or infinity.

    `nonfinite` is that of the formula as it is written; `stable` says that its stable form, which
    is what chainrule runs, has none, and that the norms are of that form.
    """

    loss: str
    value: float
    layers: tuple[LayerHealth, ...]
    parameters: tuple[ParameterHealth, ...]
    nonfinite: NonFinite | None
    worked: Worked
    stable: bool = False

    @property
    def well(self) -> bool:
        """Whether every number is finite."""
        return self.nonfinite is None or self.stable


def health(program: Program, values: Mapping[str, Any], of: str | None = None) -> Health:
    """One forward and backward pass, looked over.

    Raises `DerivativeError` where there is no scalar to differentiate, and what `bind` raises.
    """
    loss = the_scalar(program, of)
    parameters = [n for n in program.inputs if program.tensors[n].role == "parameter"]
    wrt = parameters or real_inputs(program)
    found = worked(program, values, loss, wrt)
    nonfinite = first_nonfinite(found.program, found.sizes, found.tables)
    is_stable = False
    if nonfinite is not None:
        other = stabilise(program, (), [loss])
        if other is not program:
            again = worked(other, values, loss, wrt)
            is_stable = first_nonfinite(again.program, again.sizes, again.tables) is None
            found = again if is_stable else found
    tables = found.tables
    layers = tuple(_layer(found, name) for name in _layers(found, loss))
    own = tuple(ParameterHealth(n, tables[n].shape, Norms.of(tables[n]),
                                Norms.of(tables[found.adjoints[n]])) for n in wrt)
    return Health(loss, float(tables[loss]), layers, own, nonfinite, found, is_stable)


def _layers(found: Worked, loss: str) -> list[str]:
    """The tensors that are looked at: layers' outputs, or what was written."""
    program = found.program
    if program.layers:
        names = [layer.output for layer in program.layers]
    else:
        names = [e.target for e in program.equations[: found.first] if e.origin.rule == "written"]
    return [n for n in dict.fromkeys(names)
            if n in found.tables and n != loss and program.tensors[n].kind == "real"
            and found.tables[n].ndim]


def _layer(found: Worked, name: str) -> LayerHealth:
    array = found.tables[name]
    adjoint = found.adjoints.get(name)
    gradient = None if adjoint is None else Norms.of(found.tables[adjoint])
    made = found.program.definitions().get(name, [])
    weights = {n for n in found.program.inputs if found.program.tensors[n].role == "parameter"
               and found.tables[n].ndim > 1}
    weighted = any(isinstance(node, Ref) and node.tensor in weights
                   for e in made for node in walk(e.body))
    layer = LayerHealth(name, array.shape, Norms.of(array), gradient, weighted=weighted)
    body = made[0].body if len(made) == 1 else None
    if not isinstance(body, Apply) or len(body.args) != 1 or not saturates(body.function):
        return layer
    slopes = np.abs(_slopes(found, made[0], body))
    steepest = steepest_slope(body.function)
    flat = float(np.mean(slopes < FLAT * steepest)) if slopes.size else 0.0
    dead, units = _dead(found, name, slopes)
    return replace(layer, function=body.function, flat=flat, dead=dead, units=units)


def _slopes(found: Worked, equation: Equation, body: Apply) -> np.ndarray:
    """The derivative of an activation in every cell."""
    out = Ref(equation.target, equation.subscripts)
    slope: Expr = FUNCTIONS[body.function].partials[0](*body.args, out)
    name = fresh(f"{equation.target}_slope", found.program.tensors)
    tensors = {**found.program.tensors, name: Tensor(name, found.program.tensors[
        equation.target].shape)}
    program = Program(tensors, found.program.inputs, found.program.equations, (name,))
    again = Worked(program, found.sizes, found.tables)
    own = Equation(name, equation.subscripts, equation.ranges, slope, origin=Origin("slope"))
    return again.computed([own], [name])[name]


def _dead(found: Worked, name: str, slopes: np.ndarray) -> tuple[int, int]:
    """How many units have no slope for any example, and how many units there are.

    A unit is a place on all axes but the batch's, which is the first axis of the data; of an image
    it is a channel.
    """
    shape = found.program.tensors[name].shape
    data = [found.program.tensors[n] for n in found.program.inputs
            if found.program.tensors[n].role == "data" and found.program.tensors[n].shape]
    batched = bool(shape) and any(t.shape[0] == shape[0] for t in data)
    if not batched or slopes.ndim < 1:
        return 0, 0
    if slopes.ndim == 1:
        return int(not slopes.any()), 1
    axes = (0, *range(2, slopes.ndim))
    on = slopes.any(axis=axes)
    return int((~on).sum()), int(on.size)


def saturates(function: str) -> bool:
    """Whether a function of one argument flattens out: its slope stays small far to one side.

    >>> [f for f in ("relu", "sigmoid", "tanh", "exp", "sin", "square") if saturates(f)]
    ['relu', 'sigmoid', 'tanh']
    """
    entry = FUNCTIONS.get(function)
    if entry is None or entry.arity != 1 or entry.boolean or entry.jumps or not entry.partials:
        return False
    steepest = steepest_slope(function)
    far = [abs(slope(function, x)) for x in (-_FAR, -_FAR - 1, _FAR, _FAR + 1)]
    if not all(map(math.isfinite, far)) or not 0 < steepest < math.inf:
        return False
    flat = max(far[:2]) < FLAT * steepest or max(far[2:]) < FLAT * steepest
    return flat and max(far) <= 2 * steepest and entry.domain is None


def steepest_slope(function: str) -> float:
    """The largest slope of a function near 0.

    >>> steepest_slope("sigmoid"), steepest_slope("tanh")
    (0.25, 1.0)
    """
    return max(abs(slope(function, x / 4)) for x in range(-16, 17))


def slope(function: str, x: float) -> float:
    """The derivative of a function of one argument, by the table."""
    argument = Number(x)
    e = FUNCTIONS[function].partials[0](argument, Apply(function, (argument,)))
    with np.errstate(all="ignore"):
        return float(_number(e))


def _number(e: Expr) -> Any:
    if isinstance(e, Number):
        return np.float64(e.value)
    if isinstance(e, Select):
        return _number(e.then) if _number(e.condition) else _number(e.otherwise)
    assert isinstance(e, Apply)
    return FUNCTIONS[e.function].value(NumpyArithmetic(), *map(_number, e.args))
