"""What commands on networks share: finding one by name or file, and numbers for all its inputs."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from chainrule.cli import common
from chainrule.errors import InputError, UnknownNameError, did_you_mean
from chainrule.literals import assignments

if TYPE_CHECKING:
    from chainrule.lang.program import Program
    from chainrule.nn.network import Network

_FIXED: Final = ("cosine", "zeros", "ones", "constant")  # initialisers that draw nothing
_ARRAY: Final = re.compile(r"\s*([^\W\d]\w*)\s*=\s*(.+\.npy)\s*")


def find(
    words: Sequence[str], shape: str | None = None, loss: str | None = None,
    training: bool = False,
) -> Network | None:
    """The network that the words of a command line name: of the zoo, or a file; None for a formula.

    Raises `UnknownNameError` for what is nearly the name of one.
    """
    word = words[0] if len(words) == 1 else ""
    if not word or word == "-" or "=" in word:
        return None
    options: dict[str, Any] = {} if shape is None else {"shape": sizes("--input", shape)}
    if loss is not None:
        options["loss"] = _loss(loss)
    if training:
        options["training"] = True
    if word.endswith(".toml") and os.path.exists(word):
        text, name = common.read(word)
        if not is_network(text):
            return None
        from chainrule.nn.spec import assemble, read

        _no_layers()
        return assemble(read(text, name), **options)
    if os.path.exists(word) or word.endswith((".toml", ".txt")):
        return None  # of what is not there a formula's reader complains
    from chainrule.nn import zoo

    if word in zoo.names():
        _no_layers()
        return zoo.load(word, **options)
    near = did_you_mean(word, zoo.names())
    if near:
        raise UnknownNameError(f"there is no network {word!r:.60}", None, near)
    return None


def _no_layers() -> None:
    """Refuse `--layers` beside a network, which has the layers that it has."""
    if common.layers() is not None:
        raise InputError("--layers is for formulas with a number of layers that is a letter", None,
                         "leave it out: a network has the layers that it has")


def is_network(text: str) -> bool:
    """Whether a TOML file describes a network rather than a formula."""
    import tomllib  # lazily: formulas on the command line need none

    try:
        return "layers" in tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def sizes(option: str, word: str) -> tuple[int, ...]:
    """`3x224x224` as a shape; raises `InputError` for anything else."""
    parts = [part.strip() for part in word.lower().replace("×", "x").split("x")]
    if not all(part.isdigit() and len(part) <= 15 and int(part) for part in parts):
        raise InputError(f"{option} {word[:60]!r} is no shape", None, "write 3x224x224")
    return tuple(map(int, parts))


def _loss(name: str) -> Any:
    from chainrule import nn
    from chainrule.formulas.library import LIBRARY

    known = {e.layer: e for e in LIBRARY.values() if e.kind == "loss"}
    if name not in known:
        raise UnknownNameError(f"there is no loss {name!r:.60}", None,
                               did_you_mean(name, list(known)) or f"one of {', '.join(known)}")
    return getattr(nn, name)()


def values(network: Network, at: Sequence[str], seed: int, how: str | None
           ) -> tuple[dict[str, Any], list[str]]:
    """Numbers for all inputs of a network, and what is to be said about them.

    Parameters begin as the network has it, or as `how` says. Data that is not given in `at` is the
    deterministic 0.1·cos(0), 0.1·cos(1), ..., or 0, 1, 2, ... where it is integers.
    """
    given = _given(network, at)
    found = network.initial(seed, how)
    started = [n for n in found if n not in given and (how or n not in network.values)]
    notes = []
    if started:
        start = how or (network.start if isinstance(network.start, str) else "")
        drawn = "" if start in _FIXED else f", random numbers from seed {seed}"
        notes.append(f"Parameters begin by {start or 'the initialisers of their layers'}{drawn}.")
    made: dict[str, list[str]] = {}
    for name in network.program.inputs:
        if name in given or name in found:
            continue
        tensor = network.program.tensors[name]
        found[name] = _made_up(_shape(network, name), tensor.kind, tensor.below)
        made.setdefault(tensor.kind, []).append(name)
    for kind, names in made.items():
        filled = ("the deterministic 0.1·cos(i) for i = 0, 1, 2, …, filled in column by column"
                  if kind == "real" else "0, 1, 2, … and round again")
        notes.append(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not given: "
                     f"{'it is' if len(names) == 1 else 'each is'} {filled}.")
    return {**found, **given}, notes


def _given(network: Network, at: Sequence[str]) -> dict[str, Any]:
    """The values given; one example gets the batch's axis in front, `x=FILE.npy` is an array."""
    arrays = {match[1]: match[2] for word in at if (match := _ARRAY.fullmatch(word))}
    found = assignments([word for word in at if not _ARRAY.fullmatch(word)], "--at")
    found |= {name: _loaded(path) for name, path in arrays.items()}
    known = list(network.program.inputs)
    common.check_names("--at", found, known, "input", known)
    return {name: value if network.program.tensors[name].role != "data"
            else of_batch(network.program, name, value) for name, value in found.items()}


def of_batch(program: Program, name: str, value: Any) -> Any:
    """A value with the batch's axis in front, if that is all that it lacks."""
    if _depth(value) != len(program.tensors[name].shape) - 1:
        return value
    return value[None] if _is_array(value) else [value]


def _loaded(path: str) -> Any:
    import numpy

    try:
        return numpy.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path:.200} cannot be read as an array: {error}") from None


def _is_array(value: Any) -> bool:
    import numpy

    return isinstance(value, numpy.ndarray) and value.ndim > 0


def _depth(value: Any) -> int:
    if isinstance(value, list):
        return 1 + (_depth(value[0]) if value else 0)
    return int(getattr(value, "ndim", 0))


def _shape(network: Network, name: str) -> tuple[int, ...]:
    """An input's shape; a batch whose size is a name is one example."""
    found = []
    for axis, size in enumerate(network.program.tensors[name].shape):
        if size.constant is None and axis:
            raise InputError(f"axis {axis} of {name} has {size} cells: that is not known", None,
                             f"give it with --input, or {name} with --at {name}=…")
        found.append(1 if size.constant is None else size.constant)
    return tuple(found)


def _made_up(shape: tuple[int, ...], kind: str, below: Any) -> Any:
    """Numbers for an input that nobody gave: the same every time."""
    import numpy

    from chainrule.nn.initial import cosine

    if kind == "real":
        return cosine(shape)
    most = None if below is None else below.constant
    counted = numpy.arange(math.prod(shape)).reshape(shape)
    return counted if most is None else counted % most


__all__ = ["find", "is_network", "of_batch", "sizes", "values"]
