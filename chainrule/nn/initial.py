"""How parameters begin.

The number of inputs and outputs that a weight joins (fan-in, fan-out) is read off its formula: an
output cell sums over the indices of the weight that are summed; the others choose the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError, LimitError, ShapeError, UnknownNameError, did_you_mean
from chainrule.lang.expr import Apply, Expr, Reduce, Ref, children, walk
from chainrule.limits import TENSOR_BYTES
from chainrule.nn.parameters import Parameter

Draw = Callable[[np.random.Generator, tuple[int, ...], float, float], Any]

_DRAWS: Final[dict[str, Draw]] = {
    "zeros": lambda rng, shape, i, o: np.zeros(shape),
    "ones": lambda rng, shape, i, o: np.ones(shape),
    "normal": lambda rng, shape, i, o: rng.standard_normal(shape),
    "uniform": lambda rng, shape, i, o: rng.uniform(-1, 1, shape),
    "xavier_uniform": lambda rng, shape, i, o: rng.uniform(-1, 1, shape) * math.sqrt(6 / (i + o)),
    "xavier_normal": lambda rng, shape, i, o: rng.standard_normal(shape) * math.sqrt(2 / (i + o)),
    "he_uniform": lambda rng, shape, i, o: rng.uniform(-1, 1, shape) * math.sqrt(6 / i),
    "he_normal": lambda rng, shape, i, o: rng.standard_normal(shape) * math.sqrt(2 / i),
    "lecun_normal": lambda rng, shape, i, o: rng.standard_normal(shape) * math.sqrt(1 / i),
    "uniform_fan_out": lambda rng, shape, i, o: rng.uniform(-1, 1, shape) / math.sqrt(o),
}
_SAME: Final = {
    "glorot": "xavier_uniform", "glorot_uniform": "xavier_uniform", "xavier": "xavier_uniform",
    "glorot_normal": "xavier_normal", "he": "he_normal", "kaiming": "he_normal",
    "kaiming_normal": "he_normal", "kaiming_uniform": "he_uniform",
}  # fmt: skip
NAMES: Final = (*_DRAWS, "constant", "cosine")


def fans(p: Parameter) -> tuple[int, int]:
    """How many weights of a parameter one output cell reads, and how many one input cell meets.

    For `w[o,c,k,l]` of a convolution that is C·K·L and O·K·L; for `W[u,v]` V and U.
    """
    sizes = [axis.constant or 1 for axis in p.tensor.shape]
    if p.instance is None:
        return sizes[-1] if sizes else 1, sizes[0] if sizes else 1
    for e in p.instance.equations:
        for ref, summed, others in _reads(e.body, p.local, frozenset(), []):
            names = [s.plain for s in ref.subscripts]
            indices = [set(s.indices()) for s in ref.subscripts]
            fan_in = math.prod(n for n, own in zip(sizes, indices, strict=True) if own & summed)
            met = {s.plain for other in others for s in other.subscripts if s.plain}
            fan_out = math.prod(
                n for n, name in zip(sizes, names, strict=True) if name not in met)
            return fan_in, fan_out
    return 1, 1


def _reads(
    e: Expr, name: str, summed: frozenset[str], others: list[Ref]
) -> list[tuple[Ref, frozenset[str], list[Ref]]]:
    """Where a tensor is read: the reference, the indices summed there, and what it multiplies."""
    if isinstance(e, Ref):
        return [(e, summed, others)] if e.tensor == name else []
    if isinstance(e, Reduce):
        summed = summed | {r.name for r in e.indices}
    found = []
    for part in children(e):
        near = others
        if isinstance(e, Apply) and e.function == "mul":
            near = others + [n for arg in e.args if arg is not part for n in walk(arg)
                             if isinstance(n, Ref)]
        found += _reads(part, name, summed, near)
    return found


def initialise(
    parameters: Sequence[Parameter], seed: int, how: str | Mapping[str, str] | None
) -> dict[str, Any]:
    """Values by tensor name; every tensor draws from a stream of its own, by its name."""
    values: dict[str, Any] = {}
    place = 0
    if isinstance(how, Mapping):
        known = [name for p in parameters for name in (p.tensor.name, p.path)]
        for name in how:
            if name not in known:
                raise UnknownNameError(f"the network has no parameter {name!r:.60}", None,
                                       did_you_mean(name, known))
    for p in parameters:
        shape = _shape(p)
        word = p.initial
        if isinstance(how, str) and p.tensor.role == "parameter" and (
                how in ("cosine", "zeros", "ones") or p.initial not in ("zeros", "ones")):
            word = how
        elif isinstance(how, Mapping):
            word = how.get(p.tensor.name, how.get(p.path, word))
        if word.split()[0] == "cosine":
            values[p.tensor.name] = cosine(shape, place)
            place += math.prod(shape)
        else:
            values[p.tensor.name] = _drawn(p, word, shape, seed)
    return values


def _shape(p: Parameter) -> tuple[int, ...]:
    shape = []
    for axis in p.tensor.shape:
        if axis.constant is None:
            raise ShapeError(f"{p.path} has {axis} cells on an axis: that size is not known", None,
                             "build the network with numbers for its sizes")
        shape.append(axis.constant)
    if math.prod(shape) * 8 > TENSOR_BYTES:
        raise LimitError(f"{p.path} has {' × '.join(map(str, shape))} cells: more than "
                         f"{TENSOR_BYTES // 2**30} GiB", None, "sizes alone need no values")
    return tuple(shape)


def _drawn(p: Parameter, word: str, shape: tuple[int, ...], seed: int) -> Any:
    name, _, amount = word.partition(" ")
    name = _SAME.get(name, name)
    try:
        number = float(amount) if amount else 1.0
    except ValueError:
        raise InputError(f"the initialiser {word!r:.60} has no number after its name") from None
    if name == "constant":
        return np.full(shape, number)
    draw = _DRAWS.get(name)
    if draw is None:
        raise UnknownNameError(f"there is no initialiser {name!r:.60}", None,
                               did_you_mean(name, [*NAMES, *_SAME]) or f"one of {', '.join(NAMES)}")
    stream = [seed, *p.tensor.name.encode()]
    return draw(np.random.default_rng(stream), shape, *map(float, fans(p))) * number


def cosine(shape: tuple[int, ...], first: int = 0, scale: float = 0.1) -> Any:
    """`scale*cos(i)` for i = first, first + 1, ..., filling the array column by column.

    The deterministic start of a well-known course's exercises: everyone gets the same numbers.

    >>> cosine((2, 2)).round(3).tolist()
    [[0.1, -0.042], [0.054, -0.099]]
    """
    count = math.prod(shape)
    return (scale * np.cos(np.arange(first, first + count))).reshape(shape, order="F")
