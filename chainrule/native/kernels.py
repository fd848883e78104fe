"""What is compiled: kernels, each a loop nest around a few equations, and how tensors are stored.

A tensor named by indices may be stored in any order of its axes. `Storage` says in which: a stride
for each axis, counted in cells. A reference with affine subscripts is then an address that is
affine in the indices, `constant + Σ slope·index`, a `Form`. All that the code generator does with
a reference, and all that the schedule asks of it (does it move when this index moves? to the next
cell?), it reads off the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chainrule.lang.expr import Range, Read, Ref, walk
from chainrule.lang.integers import Index, Integer
from chainrule.lang.program import Equation, Program

FAR: Final = 1 << 40  # cells


@dataclass(frozen=True, slots=True)
class Storage:
    """How a tensor lies in memory: cells of `kind` ("real", "i64", "i32"), a stride an axis.

    `margins` are cells of zeros around it, which a padded read may touch: before and after on each
    axis. `first` is where its cell 0, 0, ... is, `cells` how many it takes with its margins.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: str = "real"
    margins: tuple[tuple[int, int], ...] = ()
    first: int = 0
    cells: int = 1


def storage(shape: Sequence[int], order: Sequence[int] | None = None, kind: str = "real",
            margins: Sequence[tuple[int, int]] | None = None) -> Storage:
    """Storage with the axes in some order, the last one's cells next to each other.

    >>> storage((2, 3, 4), order=(0, 2, 1)).strides
    (12, 1, 3)
    """
    order = range(len(shape)) if order is None else order
    around = tuple(margins) if margins is not None else ((0, 0),) * len(shape)
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(list(order)):
        strides[axis] = step
        step *= shape[axis] + sum(around[axis])
    first = sum(before * stride for (before, _), stride in zip(around, strides, strict=True))
    return Storage(tuple(shape), tuple(strides), kind, around, first, step)


@dataclass(frozen=True, slots=True)
class Form:
    """An address in cells that is affine in the indices: `constant + Σ slope·index`.

    `computed` are parts that are not, such as values of other tensors, each times its number of
    cells; `moving` are the indices in them.
    """

    constant: int
    slopes: Mapping[str, int]
    computed: tuple[tuple[Integer, int], ...] = ()
    moving: frozenset[str] = frozenset()

    def slope(self, name: str) -> int:
        """How many cells further the address is where the index is one more; `FAR` if anywhere."""
        return FAR if name in self.moving else self.slopes.get(name, 0)


def affine(s: Integer) -> tuple[int, dict[str, int]] | None:
    """A subscript as a constant and a slope for each index, if it is that."""
    if s.plain is not None:
        return 0, {s.plain: 1}
    start, slopes = 0, {}
    for monomial, c in s.terms:
        if not monomial:
            start = c
        elif len(monomial) == 1 and isinstance(monomial[0], Index):
            slopes[monomial[0].name] = c
        else:
            return None
    return start, slopes


def form(subscripts: Sequence[Integer], stored: Storage, computed: bool = False) -> Form | None:
    """The address of a tensor at some subscripts.

    None where one of them is not affine, unless parts may be `computed`.
    """
    constant, slopes = stored.first, dict[str, int]()
    others: list[tuple[Integer, int]] = []
    for s, stride in zip(subscripts, stored.strides, strict=True):
        found = affine(s)
        if found is None:
            if not computed:
                return None
            plain, other = parts(s)
            others.append((other, stride))
            found = affine(plain)
            assert found is not None
        constant += found[0] * stride
        for name, slope in found[1].items():
            slopes[name] = slopes.get(name, 0) + slope * stride
    return Form(constant, {n: s for n, s in slopes.items() if s}, tuple(others),
                frozenset(n for other, _ in others for n in other.indices()))


def parts(s: Integer) -> tuple[Integer, Integer]:
    """A subscript as a sum: what is affine in the indices, and the rest."""
    whole = [(m, c) for m, c in s.terms if len(m) < 2 and all(isinstance(a, Index) for a in m)]
    return Integer(tuple(whole)), Integer(tuple(t for t in s.terms if t not in whole))


def slopes(s: Integer) -> dict[str, int]:
    """How far a subscript moves with each index that does not stand in a computed part of it."""
    plain, other = parts(s)
    found = affine(plain)
    return {n: c for n, c in (found[1] if found else {}).items() if n not in other.indices()}


def span(s: Integer, extents: Mapping[str, int],
         below: Mapping[str, int]) -> tuple[int, int] | None:
    """The least and the greatest value of a subscript; None where a tensor's values are unknown.

    `below` bounds the values of integer tensors that can be trusted.
    """
    found = affine(s)
    if found is not None:
        low = high = found[0]
        for name, slope in found[1].items():
            reach = slope * (extents[name] - 1)
            low, high = low + min(0, reach), high + max(0, reach)
        return low, high
    low = high = 0
    for monomial, c in s.terms:
        least, most = 1, 1
        for a in monomial:
            ends = _atom_span(a, extents, below)
            if ends is None:
                return None
            corners = [x * y for x in (least, most) for y in ends]
            least, most = min(corners), max(corners)
        low += min(c * least, c * most)
        high += max(c * least, c * most)
    return low, high


def _atom_span(a: object, extents: Mapping[str, int],
               below: Mapping[str, int]) -> tuple[int, int] | None:
    if isinstance(a, Index):
        return 0, extents[a.name] - 1
    if isinstance(a, Read):
        return (0, below[a.ref.tensor] - 1) if a.ref.tensor in below else None
    top = span(a.numerator, extents, below)  # type: ignore[attr-defined]
    bottom = span(a.denominator, extents, below)  # type: ignore[attr-defined]
    if top is None or bottom is None or bottom[0] != bottom[1] or bottom[0] < 1:
        return None
    return top[0] // bottom[0], top[1] // bottom[0]


def extent_of(r: Range) -> int:
    """How many values an index takes, in a program of known sizes."""
    assert r.size is not None and r.size.constant is not None
    return r.size.constant


def shape_of(program: Program, name: str) -> tuple[int, ...]:
    """A tensor's shape, in a program of known sizes."""
    return tuple(axis.constant or 0 for axis in program.tensors[name].shape)


def references(equation: Equation) -> list[Ref]:
    """The references that an equation reads, each once, those in subscripts included."""
    found: dict[Ref, None] = {}
    for part in (equation.condition, equation.body):
        for node in walk(part) if part is not None else ():
            if isinstance(node, Ref):
                found[node] = None
    for s in equation.subscripts:
        for a in s.atoms():
            if isinstance(a, Read):
                found[a.ref] = None
    return list(found)


@dataclass(slots=True)
class Kernel:
    """Equations that share one loop nest; `loops` are its indices, outermost first, with extents.

    `vector` is the index whose consecutive values are computed at once, `tile` how many values of
    other indices (or vectors of this one) are computed together so that what they share is read
    once. A vector has so many `lanes` (0: as many as the machine has). With `folds` sums run along
    vectors of their own, and those for neighbours of `vector` are folded into its lanes. `shard` is
    the loop of which each thread takes a part, if there is one. Targets in `unseen` stay in
    registers. `outer` are loops of a sum whose operands do not fit the cache: for each of their
    values the rest of the sum is added to the target.
    """

    equations: list[Equation]
    loops: list[tuple[str, int]]
    shard: str | None = None
    vector: str | None = None
    lanes: int = 0
    folds: bool = False
    tile: dict[str, int] = field(default_factory=dict)
    name: str = ""
    unseen: frozenset[str] = frozenset()
    outer: list[tuple[str, int]] = field(default_factory=list)
    ahead: int = 0

    @property
    def extents(self) -> dict[str, int]:
        """The extents of its loops by index."""
        return dict([*self.outer, *self.loops])

    def references(self) -> list[Ref]:
        """All cells that it touches, those that it writes first."""
        written = [Ref(e.target, e.subscripts) for e in self.equations]
        return written + [r for e in self.equations for r in references(e)]

    def tensors(self) -> list[str]:
        """The tensors that it touches, those that it writes first."""
        found = dict.fromkeys(r.tensor for r in self.references())
        return [n for n in found if n not in self.unseen]
