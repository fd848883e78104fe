"""In which order a tensor's cells lie: the axis that runs along the vector comes last.

An index-named tensor may be stored in any order of its axes. A matrix product is content with any;
a convolution is not: `Σ w[o,c,k,l]*x[n,c,i+k,j+l]` computes neighbours along o, in w and in y, from
one pixel that all lanes share. So the heaviest equations choose first: each takes an index that
stands alone on an axis wherever it occurs, and asks for that axis to lie innermost ("channels
last"). What hangs together with a tensor so fixed, cell by cell, follows. Where an equation wants a
small tensor that another has fixed otherwise, it gets a copy of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from chainrule.lang.expr import Range, Reduce, Ref, transform, walk
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.native.blas import factors
from chainrule.native.kernels import affine, extent_of, references, slopes
from chainrule.native.winners import lands

LINE: Final = 16  # cells of a line of a cache
_USED: Final = 0.7  # of a vector's lanes, where a matrix is turned for it
_FOLDED: Final = 2.5  # adding up a vector's lanes takes as long as so many products of vectors


def laid_out(program: Program, width: int, fixed: Collection[str] = (),
             rows: Collection[tuple[str, int]] = (),
             same: Mapping[str, str] | None = None, cache: int = 1 << 18,
             given: Mapping[str, int] | None = None) -> tuple[Program, dict[str, int]]:
    """The program (with copies where two orders are wanted) and each tensor's innermost axis.

    Tensors in `fixed` keep the order of their axes; `rows` are axes of examples, which stay
    outermost; `same` says which tensors have the memory of which others, and so their order.
    `cache` is how many numbers a core's own cache holds, `given` the innermost axes of tensors that
    have no choice.
    """
    return _Layout(program, width, fixed, rows, same or {}, cache, given or {}).run()


def unshared(columns: Mapping[str, int], program: Program, rows: Collection[tuple[str, int]],
             threads: int, same: Mapping[str, str], parts: Collection[str]) -> dict[str, int]:
    """Innermost axes of the tensors that threads share by `columns`: each has lines of its own.

    If the axis that is shared lay innermost, every row would have a line of the cache that two
    threads write to. Where the examples lie innermost instead, they do so in all matrices.
    """
    shapes = {name: [size.constant or 0 for size in t.shape]
              for name, t in program.tensors.items()}
    found = {}
    for name, axis in columns.items():
        shape = shapes[name]
        begins = {shape[axis] * t // threads % LINE for t in range(threads)}
        if len(shape) > 1 and axis == len(shape) - 1 and any(begins):
            found[name] = max((k for k in range(axis)), key=lambda k: shape[k])
    if any((name, axis) in rows for name, axis in found.items()):
        found |= {name: axis for name, axis in rows if program.tensors[name].role == "computed"
                  and len(shapes[name]) == (3 if name in parts else 2)}
    return found | {old: found[new] for new, old in same.items() if new in found}


class _Layout:
    def __init__(self, program: Program, width: int, fixed: Collection[str],
                 rows: Collection[tuple[str, int]], same: Mapping[str, str], cache: int,
                 given: Mapping[str, int]) -> None:
        self.rows, self.same, self.cache = rows, same, cache
        self.width = width
        self.tensors = dict(program.tensors)
        self.program = program
        self.fixed = set(fixed)
        self.last = dict(given)
        for name in fixed:
            if self.tensors[name].shape:
                self.last[name] = len(self.tensors[name].shape) - 1
        self.equations = list(program.equations)
        self.copies: dict[tuple[str, int], str] = {}

    def run(self) -> tuple[Program, dict[str, int]]:
        heavy = sorted((k for k, e in enumerate(self.equations) if windowed(e) or lands(e)),
                       key=lambda k: -volume(self.equations[k]))
        for k in heavy:
            self.choose(k)
        for turned in (False, True):  # first those content with the order of the axes
            for k in (k for k, e in enumerate(self.equations) if self.weighs(e)):
                self.choose(k, turned)
        for new, old in self.same.items():
            if old in self.last:
                self.last[new] = self.last[old]
        apart = {e.target for e in self.equations if jumps(e)}
        self.follow(apart)
        for e in (e for e in self.equations if jumps(e)):
            self.beside(e)
        self.follow()
        made = list(self.equations)
        for (name, axis), copy in self.copies.items():
            made.insert(self.after(name, made), self.copying(name, copy))
            self.last[copy] = axis
        return replace(self.program, tensors=self.tensors, equations=tuple(made)), self.last

    def beside(self, e: Equation) -> None:
        """Let a sum over cells that lie anywhere be stored as what it reads there lies."""
        axes = {s.plain: k for k, s in enumerate(e.subscripts)}
        found: list[tuple[int, int]] = []
        for ref in references(e):
            if None in map(affine, ref.subscripts):
                last = ref.subscripts[self.last.get(ref.tensor, len(ref.subscripts) - 1)]
                found += [(extent_of(r), axes[r.name]) for r in e.ranges
                          if r.name in axes and slopes(last).get(r.name) == 1]
        if found:
            self.last.setdefault(e.target, max(found)[1])

    def weighs(self, e: Equation) -> bool:
        """Whether an equation is a product with a parameter, of a size for its own loops."""
        refs = references(e)
        return factors(e.body) is not None and not windowed(e) and any(
            self.tensors[r.tensor].role == "parameter" for r in refs) and self.cache >= sum(
            math.prod(axis.constant or 0 for axis in self.tensors[r.tensor].shape) for r in refs)

    def choose(self, k: int, turned: bool | None = None) -> None:
        """Let an equation choose the index along its vector.

        One that is no convolution gets no copies; `turned` says whether it may have an order other
        than that of the axes.
        """
        e = self.equations[k]
        refs = [Ref(e.target, e.subscripts), *references(e)]
        best: tuple[float, str, list[tuple[Ref, int]], list[tuple[Ref, int]]] | None = None
        for r in e.ranges:
            axes = [(ref, axis) for ref in refs
                    for axis, s in enumerate(ref.subscripts) if r.name in s.indices()]
            plain = all(ref.subscripts[axis].plain == r.name for ref, axis in axes)
            if any((ref.tensor, axis) in self.rows for ref, axis in axes):
                continue
            if not plain or not any(ref is refs[0] for ref, _ in axes):
                continue
            if len({id(ref) for ref, _ in axes}) != len(axes):
                continue
            clash = [(ref, axis) for ref, axis in axes
                     if self.last.get(ref.tensor, axis) != axis]
            if any(ref is refs[0] or not self.copyable(ref, e) for ref, _ in clash):
                continue
            extent = extent_of(r)
            use = extent / (math.ceil(extent / self.width) * self.width)
            if turned is not None and (clash or use < _USED or (not turned and any(
                    axis != len(ref.subscripts) - 1 for ref, axis in axes))):
                continue
            if turned and use < self.along(e):
                continue
            score = use - 0.1 * len(clash)
            if best is None or score > best[0]:
                best = score, r.name, axes, clash
        if best is None or best[0] < 0.2:
            return
        _, _, axes, clash = best
        for ref, axis in axes:
            if (ref, axis) not in clash:
                self.last.setdefault(ref.tensor, axis)
        for ref, axis in clash:
            self.equations[k] = self.copied(self.equations[k], ref, axis)

    def along(self, e: Equation) -> float:
        """The part of the multipliers' time that is used where the sum runs along the vector."""
        best = 0.0
        for n in (n for n in walk(e.body) if isinstance(n, Reduce)):
            for r in n.indices:
                last = [ref.subscripts and ref.subscripts[-1].plain == r.name
                        for ref in references(e)]
                vectors = math.ceil(extent_of(r) / self.width)
                if all(last) and vectors:
                    use = extent_of(r) / (vectors * self.width)
                    best = max(best, use * vectors / (vectors + _FOLDED))
        return best

    def copyable(self, ref: Ref, e: Equation) -> bool:
        """Whether a tensor is small next to the work that an equation does with it."""
        cells = math.prod(axis.constant or 0 for axis in self.tensors[ref.tensor].shape)
        return cells * 16 <= volume(e) and ref.outside is None

    def copied(self, e: Equation, ref: Ref, axis: int) -> Equation:
        """The equation reading a copy of a tensor in the order that it wants."""
        key = (ref.tensor, axis)
        if key not in self.copies:
            name = fresh(f"{ref.tensor}_turned", self.tensors)
            self.tensors[name] = Tensor(name, self.tensors[ref.tensor].shape)
            self.copies[key] = name
        copy = self.copies[key]

        def turn(n: object) -> Ref | None:
            return replace(n, tensor=copy) if isinstance(n, Ref) and n == ref else None

        return replace(e, body=transform(e.body, turn))

    def copying(self, name: str, copy: str) -> Equation:
        shape = self.tensors[name].shape
        letters = [f"z{k}" for k in range(len(shape))]
        here = tuple(map(index, letters))
        return Equation(copy, here, tuple(
            Range(n, size) for n, size in zip(letters, shape, strict=True)), Ref(name, here))

    def after(self, name: str, equations: list[Equation]) -> int:
        """Where a copy may stand: behind the last write of its original.

        What is written to an input is its next state, which nobody reads in this step.
        """
        if name in self.program.inputs:
            return 0
        return max((k + 1 for k, e in enumerate(equations) if e.target == name), default=0)

    def follow(self, apart: Collection[str] = ()) -> None:
        """Tensors that hang together with a fixed one, cell by cell, take its order."""
        moved = True
        while moved:
            moved = False
            for e in (x for x in self.equations if factors(x.body) is None or windowed(x)):
                refs = [Ref(e.target, e.subscripts), *references(e)]
                wanted: Counter[str] = Counter()
                for ref in refs:
                    axis = self.last.get(ref.tensor)
                    if axis is None or ref.tensor in self.fixed:
                        continue
                    name = ref.subscripts[axis].plain
                    if name is not None:
                        wanted[name] += 1
                for ref in refs:
                    if ref.tensor in self.last or ref.tensor in apart or len(ref.subscripts) < 2:
                        continue
                    names = [s.plain for s in ref.subscripts]
                    found = next((n for n, _ in wanted.most_common() if n in names), None)
                    if found is not None:
                        self.last[ref.tensor] = names.index(found)
                        moved = True


def windowed(e: Equation) -> bool:
    """Whether an equation sums products over windows: a compound subscript inside a sum."""
    sums = [n for n in walk(e.body) if isinstance(n, Reduce) and n.op == "sum"]
    for ref in references(e):
        for s in ref.subscripts:
            found = affine(s)
            if found is not None and len(found[1]) > 1 and sums:
                return True
    return False


def jumps(e: Equation) -> bool:
    """Whether an equation sums what lies at computed places."""
    return e.plain and isinstance(e.body, Reduce) and any(
        None in map(affine, r.subscripts) for r in references(e))


def volume(e: Equation) -> int:
    """How many points and terms an equation visits."""
    total = math.prod(extent_of(r) for r in e.ranges)
    inner = sum(math.prod(extent_of(r) for r in n.indices)
                for n in walk(e.body) if isinstance(n, Reduce))
    return total * max(1, inner)


def margins(program: Program, fixed: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    """How far each computed tensor is read outside by sums over windows, where that reads 0."""
    found: dict[str, list[tuple[int, int]]] = {}
    written = Counter(e.target for e in program.equations)
    outputs = {*program.outputs, *fixed}
    for e in program.equations:
        if not windowed(e):
            continue
        extents = {r.name: extent_of(r) for r in e.ranges}
        for n in walk(e.body):
            if isinstance(n, Reduce):
                extents |= {r.name: extent_of(r) for r in n.indices}
        for ref in references(e):
            if ref.outside is None or ref.outside.fill.value != 0 or ref.tensor in outputs:
                continue
            if not written[ref.tensor]:
                continue
            reach = _reach(ref, program.tensors[ref.tensor], extents)
            if reach is None:
                continue
            old = found.get(ref.tensor, [(0, 0)] * len(reach))
            found[ref.tensor] = [(max(a, c), max(b, d))
                                 for (a, b), (c, d) in zip(old, reach, strict=True)]
    return found


def _reach(ref: Ref, tensor: Tensor,
           extents: Mapping[str, int]) -> list[tuple[int, int]] | None:
    reach = []
    for s, size in zip(ref.subscripts, tensor.shape, strict=True):
        found = affine(s)
        if found is None:
            return None
        low = high = found[0]
        for name, slope in found[1].items():
            step = slope * (extents[name] - 1)
            low, high = low + min(0, step), high + max(0, step)
        cells = size.constant or 0
        around = max(0, -low), max(0, high - cells + 1)
        if sum(around) > max(8, cells):
            return None
        reach.append(around)
    return reach
