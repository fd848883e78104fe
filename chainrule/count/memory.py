"""How many numbers have to be kept: at the worst moment of inference, and for training.

Going through the equations in order, a tensor lives from where it is defined to where it is read
last. Inference needs the most that lives at one time; training keeps what the backward pass reads,
which is read off the adjoints' equations. Parameters are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.count.operations import Count, less, plain
from chainrule.lang.expr import Ref, walk
from chainrule.lang.integers import Integer, known, product
from chainrule.lang.program import Equation, Program

PEAKS: Final = 8  # that many moments are kept in mind where sizes are names


@dataclass(frozen=True, slots=True)
class Memory:
    """Numbers that are kept: `inference` at the worst moment, which is at the tensor `at`.

    It is None where that moment depends on sizes that are not numbers.
    """

    inference: Count | None
    at: str
    training: Count
    kept: tuple[str, ...]


def cells(shape: Sequence[Integer], sizes: Mapping[str, int]) -> Count:
    """How many numbers a tensor has."""
    return plain(known(product(iter(shape)), sizes))


def reads(e: Equation) -> set[str]:
    """The tensors that an equation reads."""
    parts = [e.body, *([] if e.condition is None else [e.condition])]
    found = {n.tensor for part in parts for n in walk(part) if isinstance(n, Ref)}
    for s in e.subscripts:
        if s.plain is None:
            for atom in s.atoms():
                ref = getattr(atom, "ref", None)
                if ref is not None:
                    found.add(ref.tensor)
    return found


def memory(
    program: Program, backward: Iterable[Equation], sizes: Mapping[str, int]
) -> Memory:
    """What a program's activations need, and what the equations of `backward` read of them."""
    parameters = {n for n in program.inputs if program.tensors[n].role != "data"}
    last: dict[str, int] = {}
    table = [reads(e) - parameters for e in program.equations]
    for number, names in enumerate(table):
        for name in (*names, program.equations[number].target):
            last[name] = number
    for name in program.outputs:
        last[name] = len(table)
    size = {name: cells(program.tensors[name].shape, sizes) for name in last}
    live = {name for name in program.inputs if name in last}
    peaks: list[tuple[Count, str]] = []  # those that no other exceeds whatever the sizes
    now: Count = _sum(size[name] for name in live)
    decided = True
    ends: dict[int, list[str]] = {}
    for name, number in last.items():
        ends.setdefault(number, []).append(name)
    for number, e in enumerate(program.equations):
        if e.target not in live:
            live.add(e.target)
            now = plain(now + size[e.target])
        if not any(less(now, peak) for peak, _ in peaks):
            peaks = [p for p in peaks if not less(p[0], now)] + [(now, e.target)]
            if len(peaks) > PEAKS:
                peaks = peaks[-PEAKS:]
                decided = False
        for name in ends.get(number, ()):
            if name in live:
                live.discard(name)
                now = plain(now - size[name])
    own = {e.target for e in program.equations} | {*program.inputs} - parameters
    kept = [n for n in dict.fromkeys(r for e in backward for r in sorted(reads(e)))
            if n in own and n not in parameters]
    most, at = peaks[0] if decided and len(peaks) == 1 else (None, "")
    return Memory(most, at, _sum(cells(program.tensors[n].shape, sizes) for n in kept),
                  tuple(kept))


def _sum(numbers: Iterable[Count]) -> Count:
    result: Count = 0
    for n in numbers:
        result = plain(result + n)
    return result
