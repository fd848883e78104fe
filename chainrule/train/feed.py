"""From data to the arrays that a step reads: what fits a network's inputs, checked before training.

Examples have inputs, and labels or targets; a network has an input and what its loss compares with,
which is an integer label or a row of reals. Here the one is made into the other: images become rows
or rows images where the number of cells agrees, labels become rows with a single one where the loss
wants these. Where that is not possible the error says what was found and what the network wants.

Randomness is counter-based: the order of epoch e is a function of (seed, e), a dropout mask one of
(seed, step, cell). So nothing has to be remembered for a run to be gone on with as if it had never
stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from chainrule.errors import InputError, MissingValueError, RangeError, ShapeError, did_you_mean
from chainrule.evaluate.memory import placed
from chainrule.lang.program import Tensor
from chainrule.nn.module import Layer
from chainrule.nn.network import Network
from chainrule.train.data_examples import Examples, check_cells, shown
from chainrule.train.data_split import keys, permutation
from chainrule.train.data_text import Windows
from chainrule.train.runner import Roles
from chainrule.train.step import target_of

Arrays = dict[str, np.ndarray]
_MASKED: Final = "bits"  # what a formula says of an input that is a dropout's mask


@dataclass(frozen=True)
class Feed:
    """Arrays by the names of a network's inputs, examples first, and how many there are."""

    arrays: Arrays
    count: int

    def digest(self) -> str:
        """The SHA-256 of names, types, shapes and numbers."""
        total = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            total.update(f"{name} {array.dtype.str}{array.shape};".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()


def feed(network: Network, given: Examples | Windows | Mapping[str, Any], dtype: str,
         part: str = "train") -> Feed:
    """The arrays for a network's inputs, from examples or from arrays by the inputs' names.

    `network` is the one that is evaluated, without dropout's masks. Raises `ShapeError`,
    `RangeError` (a label that the network has no class for), `InputError` (NaN),
    `MissingValueError`.
    """
    tensors = network.program.tensors
    names = Roles.of(network.program).data
    if isinstance(given, Examples):
        given = _by_name(network, names, given, part)
    elif isinstance(given, Windows):
        given = {_one_input(network, names): given.tokens, target_of(network): given.next}
    for name in given:
        if name not in names:
            raise InputError(f"the {part} data have {name!r:.40}, and the network has no such "
                             "input", None, did_you_mean(str(name), list(names))
                             or f"its inputs are {', '.join(names)}")
    arrays = {}
    for name in names:
        if tensors[name].shape[0].constant is not None:
            raise InputError(f"the network's input {name} has {tensors[name].shape[0]} cells on "
                             "its first axis, which has to be the batch", None,
                             "build the network with a batch that is a name, as it is by itself")
        if name not in given:
            raise MissingValueError(f"the {part} data have nothing for the network's input {name}")
        arrays[name] = placed(_checked(tensors[name], np.asarray(given[name]), dtype, part))
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ShapeError(f"the {part} data have different numbers of examples: {told}")
    count = next(iter(counts.values()))
    if not count:
        raise InputError(f"the {part} data have no examples")
    return Feed(arrays, count)


def _by_name(network: Network, names: tuple[str, ...], examples: Examples,
             part: str) -> dict[str, Any]:
    """Examples by the names of the network's one input and of its target."""
    target = target_of(network)
    name = _one_input(network, names)
    tensor = network.program.tensors[name]
    x = _reshaped(tensor, examples.inputs, f"an input of the {part} data")
    answers = _answers(network.program.tensors[target], examples, part)
    return {name: x, target: answers}


def _one_input(network: Network, names: tuple[str, ...]) -> str:
    """The network's input besides the target, where it has one."""
    inputs = [name for name in names if name != target_of(network)]
    if len(inputs) != 1:
        raise InputError(f"the network has the inputs {', '.join(inputs)}: examples fill one", None,
                         "give arrays by name, such as {'x': …, 'y': …}")
    return inputs[0]


def _reshaped(tensor: Tensor, x: np.ndarray, what: str) -> np.ndarray:
    """Examples in the shape that the network reads, where the number of cells agrees."""
    wanted = [axis.constant for axis in tensor.shape[1:]]
    if None in wanted or x.shape[1:] == tuple(wanted):
        return x
    shape = [n for n in wanted if n is not None]
    if int(np.prod(shape)) != int(np.prod(x.shape[1:])):
        raise ShapeError(f"{what} is {shown(x.shape[1:])}, and the network's {tensor.name} is "
                         f"{shown(shape)}", None,
                         "build the network for data of this shape, or take another loss")
    return x.reshape(len(x), *shape)


def _answers(tensor: Tensor, examples: Examples, part: str) -> np.ndarray:
    """What the loss compares with: labels, or a row of reals for each example."""
    wanted = tensor.shape[-1].constant if len(tensor.shape) > 1 else None
    if tensor.kind == "integer":
        if examples.labels is None:
            raise InputError(f"the loss wants labels for {tensor.name}, and the {part} data have "
                             "real targets", None, "take a loss such as MSELoss")
        return examples.labels
    if examples.labels is not None and wanted is not None and wanted != len(examples.classes):
        raise ShapeError(f"the network tells {wanted} classes apart, and the {part} data have "
                         f"{len(examples.classes)}")
    return _reshaped(tensor, examples.one_hot(), f"a target of the {part} data")


def _checked(tensor: Tensor, array: np.ndarray, dtype: str, part: str) -> np.ndarray:
    """An array that the network's input can be: its shape, its kind, finite, labels in range."""
    what = f"{tensor.name} of the {part} data"
    shape = [axis.constant for axis in tensor.shape]
    fits = array.ndim == len(shape) and all(
        want is None or want == n for want, n in zip(shape[1:], array.shape[1:], strict=True))
    if not fits:
        named = " × ".join(map(str, tensor.shape))
        raise ShapeError(f"{what} is {shown(array.shape)}, and the network wants {named}")
    if tensor.kind == "integer":
        return _labels(tensor, array, what)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} holds no numbers, but {array.dtype}")
    check_cells(array.size, np.dtype(dtype).itemsize, what)
    found = np.ascontiguousarray(array, dtype)
    bad = ~np.isfinite(found)
    if bad.any():
        place = np.unravel_index(int(np.argmax(bad)), found.shape)
        raise InputError(f"{what} is {found[place]} at [{', '.join(map(str, place))}]; every "
                         "number must be finite")
    return found


def _labels(tensor: Tensor, array: np.ndarray, what: str) -> np.ndarray:
    if array.dtype.kind not in "iu":
        raise InputError(f"{what} holds whole numbers, not {array.dtype}", None,
                         "a text is given as text:FILE")
    most = None if tensor.below is None else tensor.below.constant
    wrong = (array < 0) if most is None else (array < 0) | (array >= most)
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), array.shape)
        allowed = "0 and up" if most is None else f"0 to {most - 1}"
        raise RangeError(f"{what} is {array[place]} at [{', '.join(map(str, place))}]; the network "
                         f"knows {allowed}", None, "a network's last layer has as many outputs as "
                         "there are classes")
    return np.ascontiguousarray(array, np.int64)


# --- randomness -----------------------------------------------------------------------------------


def seed_of(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "little")


def order_of(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's examples; it hangs on the seed and the epoch alone.

    >>> order_of(6, seed=0, epoch=0).tolist() != order_of(6, seed=0, epoch=1).tolist()
    True
    """
    return permutation(count, seed_of(seed, "order"), epoch)


@dataclass(frozen=True)
class Mask:
    """An input of a network in training that says which units stay: each with chance `keep`."""

    name: str
    shape: tuple[int, ...]
    keep: float

    def drawn(self, seed: int, step: int, examples: int) -> np.ndarray:
        """The mask of one step, of zeros and ones."""
        cells = examples * int(np.prod(self.shape))
        drawn = keys(cells, seed_of(seed, self.name), step) >> np.uint64(11)
        return (drawn < self.keep * 2.0**53).reshape(examples, *self.shape)


def masks_of(network: Network) -> list[Mask]:
    """The dropout masks that a network built for training reads."""
    found = []
    for part in network.module.modules():
        if not isinstance(part, Layer):
            continue
        chance = part.entry.setting("p")
        for use in part.uses:
            for local, node in use.nodes.items():
                name = node.name
                if part.entry.draws.get(local) != _MASKED or chance is None or (
                        name not in network.program.inputs):
                    continue
                shape = [axis.constant for axis in network.program.tensors[name].shape[1:]]
                if None in shape:
                    raise ShapeError(f"{name} has an axis whose size is not known", None,
                                     "build the network with numbers for its sizes")
                p = part.settings.get("p", chance.default)
                assert isinstance(p, int | float | Fraction)  # an option of a file is exact
                found.append(Mask(name, tuple(n for n in shape if n is not None), 1.0 - float(p)))
    return found
