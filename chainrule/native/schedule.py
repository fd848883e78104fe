"""The schedule: from equations to kernels, and how each kernel's loops are arranged.

For every equation: which index runs along the vector, which tile of points is computed together,
in which order the loops stand. All three are read off the addresses. An index that moves a
reference to the next cell loads a vector in one instruction, one that does not move it costs a
broadcast, and any other costs a load a lane. In a sum, references that do not move with a tile's
index are loaded once for the whole tile: a tile of f by g points needs f + g loads for f·g
multiplications.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.expr import ZERO, ArgReduce, Reduce, walk
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program
from chainrule.lang.expr import Range
from chainrule.native.kernels import Form, Kernel, Storage, form, references, storage

_TILE: Final = 16  # most values of one index in a tile


@dataclass(frozen=True, slots=True)
class Target:
    """What the schedule knows of the machine: numbers in a vector, and vector registers."""

    width: int
    registers: int


@dataclass(slots=True)
class Plan:
    """A program as kernels in order, and where each tensor lies."""

    program: Program
    kernels: list[Kernel]
    stored: dict[str, Storage]
    below: dict[str, int]


def plan(program: Program, target: Target) -> Plan:
    """The kernels of a program in the forms of `prepare`."""
    stored = {name: storage(_shape(program, name), kind=_kind(program, name))
              for name in program.tensors}
    below = {name: t.below.constant for name, t in program.tensors.items()
             if t.kind == "integer" and t.below is not None and t.below.constant is not None}
    kernels = []
    begun: set[str] = set()
    for e in program.equations:
        if e.accumulate and e.target not in begun:
            kernels.append(_arranged(zeros(program, e.target), stored, target))
        begun.add(e.target)
        kernels.append(_arranged(e, stored, target))
    for number, kernel in enumerate(kernels):
        kernel.name = f"k{number}"
    return Plan(program, kernels, stored, below)


def _shape(program: Program, name: str) -> tuple[int, ...]:
    return tuple(axis.constant or 0 for axis in program.tensors[name].shape)


def _kind(program: Program, name: str) -> str:
    tensor = program.tensors[name]
    if tensor.kind != "integer":
        return "real"
    if name in program.inputs or tensor.below is None or (tensor.below.constant or 0) >= 2**31:
        return "i64"
    return "i32"


def zeros(program: Program, name: str) -> Equation:
    """The equation that clears a tensor."""
    shape = program.tensors[name].shape
    letters = [f"z{k}" for k in range(len(shape))]
    return Equation(name, tuple(map(index, letters)),
                    tuple(Range(n, size) for n, size in zip(letters, shape, strict=True)), ZERO)


def _arranged(e: Equation, stored: dict[str, Storage], target: Target) -> Kernel:
    """The kernel of one equation."""
    work = _Arrangement(e, stored, target)
    return Kernel([e], work.loops(), vector=work.vector, tile=work.tile)


class _Arrangement:
    """The choice of vector, tile and order for one equation."""

    def __init__(self, e: Equation, stored: dict[str, Storage], target: Target) -> None:
        self.e, self.stored, self.target = e, stored, target
        self.extents = {r.name: _extent(r) for r in e.ranges}
        self.refs = references(e)
        self.forms = [form(r.subscripts, stored[r.tensor]) for r in self.refs]
        self.to = form(e.subscripts, stored[e.target])
        self.reductions = [n for n in walk(e.body) if isinstance(n, Reduce | ArgReduce)]
        self.vector = self._vector()
        self.tile = self._tile()

    def loops(self) -> list[tuple[str, int]]:
        """The indices, those that move far in the target first, the vector last."""
        def reach(name: str) -> tuple[bool, int]:
            return name == self.vector, -abs(self.to.slope(name)) if self.to else 0

        return sorted(self.extents.items(), key=lambda loop: reach(loop[0]))

    def _cost(self, name: str) -> float:
        """Loads and stores for a vector's worth of points along an index."""
        width = self.target.width
        cost = 0.0
        for ref, f in zip([*self.refs, None], [*self.forms, self.to], strict=True):
            subscripts = self.e.subscripts if ref is None else ref.subscripts
            if f is None:
                moves = any(name in s.indices() for s in subscripts)
                cost += 3 * width if moves else 0.5
            else:
                cost += {0: 0.5, 1: 1.0}.get(f.slope(name), 2.0 * width)
        return cost

    def _vector(self) -> str | None:
        width = self.target.width
        if width == 1:
            return None
        best: tuple[float, str] | None = None
        for name, extent in self.extents.items():
            if extent < 2 or not self._injective(name):
                continue
            cost = (self._cost(name) + 1) * math.ceil(extent / width) * width / extent
            if best is None or cost < best[0]:
                best = cost, name
        if best is None:
            return None
        alone = (0.5 * len(self.refs) + 2) * width
        if any(r.op == "sum" for r in self.reductions):
            alone = min(alone, self._along() + 2)
        return best[1] if best[0] <= alone else None

    def _along(self) -> float:
        """The cost where a sum runs along the vector instead."""
        width = self.target.width
        best = math.inf
        for reduction in self.reductions:
            for r in reduction.indices:
                extent = _extent(r)
                if extent:
                    cost = self._cost(r.name) * math.ceil(extent / width) * width / extent
                    best = min(best, cost)
        return best

    def _injective(self, name: str) -> bool:
        """Whether different values of an index write different cells."""
        return any(s.plain == name for s in self.e.subscripts) or (
            not self.e.accumulate and self.to is not None and self.to.slope(name) != 0)

    def _tile(self) -> dict[str, int]:
        """How many values of which indices are computed together."""
        sums = [r for r in self.reductions if r.op == "sum"]
        terms = sum(math.prod(map(_extent, r.indices)) for r in sums)
        if not sums or terms < 4 or self.e.accumulate:
            return {}
        inside = [f for f in self.forms if f is not None and any(
            f.slope(r.name) for s in sums for r in s.indices)]
        most = self.target.registers - 4
        names = [n for n, extent in self.extents.items() if n != self.vector and extent > 1]
        if self.vector is not None:
            vectors = max(1, self.extents[self.vector] // self.target.width)
            pairs = [((self.vector, v), (n, f)) for v in range(1, min(4, vectors) + 1)
                     for n in names or [""] for f in self._counts(n)]
        else:
            pairs = [((a, f), (b, g)) for a in names for b in names if a < b
                     for f in (1, 2, 4) for g in (1, 2, 4)]
        best, chosen = 0.0, dict[str, int]()
        for (a, f), (b, g) in pairs:
            points = f * g
            if points > most:
                continue
            loads = sum(_loads(x, a, f) * _loads(x, b, g) for x in inside)
            score = points / (max(points, loads) + 0.5 * loads + 4)
            if score > best * 1.02:
                best, chosen = score, {n: k for n, k in ((a, f), (b, g)) if k > 1}
        return chosen

    def _counts(self, name: str) -> list[int]:
        """Tile sizes for an index: those that divide its extent, or leave little over."""
        extent = self.extents.get(name, 1)
        return [k for k in range(1, min(_TILE, extent) + 1)
                if extent % k == 0 or (extent % k >= k // 2 and extent > 2 * k)]


def _loads(f: Form, name: str, count: int) -> int:
    return count if f.slope(name) else 1


def _extent(r: Range) -> int:
    assert r.size is not None and r.size.constant is not None
    return r.size.constant
