"""References as array operations: slices, windows, reshapes, padded copies, index arrays.

`x[n, 2*i + 1]` is the slice `x[:, 1::2]`, `x[n, 0]` the column `x[:, 0]`, `x[j, i]` a transpose.
Two indices on one axis are a window: where windows tile the axis it is cut by a reshape, elsewhere
they come from the library's sliding windows. What is no such thing (a gather `x[n, y[n]]`, a
diagonal, a floor) is read at arrays of integers. Reading outside pads first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chainrule.emit.plan import (
    ALL,
    At,
    Basic,
    Choice,
    Counter,
    Elementwise,
    Fancy,
    Flip,
    Grid,
    InRange,
    Literal,
    Name,
    Node,
    Padded,
    Reshape,
    SizeValue,
    Slice,
    Windows,
    aligned,
)
from chainrule.emit.scope import Scope, base_dims
from chainrule.lang.bounds import extent
from chainrule.lang.expr import Read, Ref, walk
from chainrule.lang.integers import ONE, ZERO, Floor, Index, Integer, Size, index
from chainrule.lang.program import Equation

_MOST_WINDOW: Final = 2  # indices on one axis that a sliding window serves


@dataclass(frozen=True, slots=True)
class Affine:
    """A subscript `start + sum of coefficient * index`, coefficients without indices."""

    start: Integer
    slopes: tuple[tuple[str, Integer], ...]

    @staticmethod
    def of(s: Integer) -> Affine | None:
        """The subscript in that form, if it has it."""
        start = ZERO
        slopes: dict[str, Integer] = {}
        for monomial, c in s.terms:
            names = [a for a in monomial if isinstance(a, Index)]
            rest = tuple(a for a in monomial if not isinstance(a, Index))
            if len(names) > 1 or not all(
                    isinstance(a, Size) or (isinstance(a, Floor) and not a.numerator.indices()
                                            and not a.denominator.indices()) for a in rest):
                return None
            term = Integer(((rest, c),))
            if names:
                slopes[names[0].name] = slopes.get(names[0].name, ZERO) + term
            else:
                start = start + term
        return Affine(start, tuple(slopes.items()))

    def shifted(self, by: Integer) -> Affine:
        """The same subscript on an axis with so many more cells in front."""
        return Affine(self.start + by, self.slopes)


class Reads(Scope):
    """What references read."""

    # --- integers

    def integer(self, p: Integer) -> Node:
        """A subscript's integers, an array over the indices that stand in it."""
        total: Node | None = None
        rest = ZERO
        for monomial, c in p.terms:
            if not any(self._moves(a) for a in monomial):
                rest = rest + Integer(((monomial, c),))
                continue
            fixed = Integer(((tuple(a for a in monomial if not self._moves(a)), abs(c)),))
            term: Node | None = None if fixed == ONE else SizeValue((), "integer", True, fixed)
            for a in monomial:
                if self._moves(a):
                    factor = self._atom(a)
                    term = factor if term is None else self.apply("mul", term, factor)
            assert term is not None
            if total is None:
                total = self.apply("neg", term) if c < 0 else term
            else:
                total = self.apply("sub" if c < 0 else "add", total, term)
        if total is None:
            return SizeValue((), "integer", True, rest)
        if rest == ZERO:
            return total
        number = rest.constant
        if number is not None and number < 0:
            return self.apply("sub", total, SizeValue((), "integer", True, -rest))
        return self.apply("add", total, SizeValue((), "integer", True, rest))

    def _moves(self, a: object) -> bool:
        """Whether an atom of a subscript depends on indices or on what a tensor holds."""
        if isinstance(a, Index | Read):
            return True
        return isinstance(a, Floor) and any(
            self._moves(b) for b in (*a.numerator.atoms(), *a.denominator.atoms()))

    def _atom(self, a: object) -> Node:
        if isinstance(a, Index):
            grid = self.memo.get(("grid", a.name))
            if grid is not None:
                return grid
            return Counter((a.name,), "integer", False, self.size(self.letters[a.name], a.name))
        if isinstance(a, Read):
            found = self.ref(a.ref, True)
            return found if found.kind == "integer" else self.converted(found, "integer")
        assert isinstance(a, Floor)
        return self.apply("//", self.integer(a.numerator), self.integer(a.denominator))

    def apply(self, function: str, *args: Node, kind: str = "") -> Node:
        """A function on arrays, brought together along the indices of the equation."""
        own = self.common(args)
        order = self.joint or own
        dims: tuple[str | None, ...] = tuple(n if n in own else None for n in order)
        while dims and dims[0] is None:
            dims = dims[1:]
        if not kind:
            kind = "integer" if all(a.kind == "integer" for a in args) else "real"
        return Elementwise(dims, kind, all(a.static for a in args), function,
                           tuple(aligned(a, order) for a in args))

    def converted(self, node: Node, kind: str) -> Node:
        """The same numbers in another kind."""
        raise NotImplementedError

    # --- references

    def ref(self, e: Ref, guarded: bool) -> Node:
        """What a reference reads, an axis for each index in its subscripts.

        `guarded` says that it stands under a condition, so that it may leave its axes where the
        condition fails: then anything may be read there.
        """
        tensor = self.tensor(e.tensor)
        self.used[e.tensor] = None
        kind = "integer" if tensor.kind == "integer" else "real"
        array: Node = Name(base_dims(len(tensor.shape)), kind, False, self.variable(e.tensor))
        if not e.subscripts:
            return array
        affine = [Affine.of(s) for s in e.subscripts]
        loose = guarded and any(self._may_leave(e, k) for k in range(len(affine)))
        sizes = list(tensor.shape)
        if e.outside is not None or loose:
            if None in affine or any(extent(s, self.letters) is None for s in e.subscripts):
                return self._outside(e, array)
            array, affine, sizes = self._padded(e, array, affine)  # type: ignore[arg-type]
        elif not guarded:
            self._check(e)
        return self._view(e, array, affine, sizes)

    def _may_leave(self, e: Ref, axis: int) -> bool:
        """Whether a subscript cannot be shown to stay on its axis."""
        s, size = e.subscripts[axis], self.tensor(e.tensor).shape[axis]
        if s.plain is not None and self.letters[s.plain] == size:
            return False
        reads = [a for a in s.atoms() if isinstance(a, Read)]
        if reads:
            return len(reads) > 1 or s != Integer((((reads[0],), 1),)) or (
                self.tensor(reads[0].ref.tensor).below != size)
        ends = extent(s, self.letters)
        return ends is None or not (
            self.holds(ZERO, ends[0]) and self.holds(ends[1], size - 1))

    def reach(self, s: Integer) -> tuple[Integer, Integer] | None:
        """The least and greatest value of a subscript, positions of winners and labels included."""
        ranges = dict(self.letters)

        def bounded(a: object) -> Integer | None:
            below = self.tensor(a.ref.tensor).below if isinstance(a, Read) else None
            if below is None:
                return None
            ranges[f"{a}~"] = below
            return index(f"{a}~")

        return extent(s.substitute(bounded), ranges)

    def _check(self, e: Ref) -> None:
        """Have the file assert what is not certain: that subscripts stay on their axes."""
        for axis, s in enumerate(e.subscripts):
            size = self.tensor(e.tensor).shape[axis]
            ends = extent(s, self.letters)
            if ends is not None and self._may_leave(e, axis):
                if not self.holds(ZERO, ends[0]):
                    self.demand(ZERO, "<=", ends[0])
                if not self.holds(ends[1], size - 1):
                    self.demand(ends[1], "<", size)

    def _padded(
        self, e: Ref, array: Node, affine: list[Affine]
    ) -> tuple[Node, list[Affine | None], list[Integer]]:
        """A padded copy that holds all that is read, and the subscripts on it."""
        shape = self.tensor(e.tensor).shape
        amounts = []
        for axis, s in enumerate(e.subscripts):
            ends = extent(s, self.letters)
            assert ends is not None
            declared = None if e.outside is None else e.outside.pads
            if declared is not None:
                amounts.append(declared[axis])
            else:
                amounts.append((self.margin(-ends[0], "before"),
                                self.margin(ends[1] - shape[axis] + 1, "after")))
        fill = 0 if e.outside is None else e.outside.fill.value
        moved: list[Affine | None] = [a.shifted(before) for a, (before, _)
                                      in zip(affine, amounts, strict=True)]
        sizes = [n + before + after
                 for n, (before, after) in zip(shape, amounts, strict=True)]
        if all(pair == (ZERO, ZERO) for pair in amounts):
            return array, moved, sizes
        padded = Padded(array.dims, array.kind, False, array, tuple(amounts), fill)
        key = ("padded", e.tensor, tuple(amounts), fill)
        return self.hoisted(key, f"{e.tensor}_padded", padded), moved, sizes

    def _outside(self, e: Ref, array: Node) -> Node:
        """Cells at computed subscripts, clipped to the array, and the fill where they leave it."""
        tensor = self.tensor(e.tensor)
        order = self.order(i for s in e.subscripts for i in s.indices())
        places: list[Node] = []
        inside: Node | None = None
        for s, size in zip(e.subscripts, tensor.shape, strict=True):
            place = self.integer(s)
            low, last = SizeValue((), "integer", True), SizeValue((), "integer", True, size - 1)
            places.append(Elementwise(place.dims, "integer", place.static, "clip",
                                      (place, low, last)))
            if e.outside is not None:
                above = self.compare("ge", place, low)
                below = self.compare("le", place, last)
                both = self.compare("and", above, below)
                inside = both if inside is None else self.compare("and", inside, both)
        items = tuple(aligned(p, order) for p in places)
        found: Node = Fancy(order, array.kind, False, array, items)
        if e.outside is None or inside is None:
            return found
        fill = Literal((), "real", True, e.outside.fill.value)
        axes = self.order((*found.axes, *inside.axes))
        return Choice(axes, found.kind, False, aligned(inside, axes), aligned(found, axes), fill)

    def compare(self, function: str, a: Node, b: Node) -> Node:
        """A comparison, or the conjunction of two."""
        return self.apply(function, a, b, kind="boolean")

    # --- the order of axes

    def natural(self, e: Equation) -> list[str]:
        """The indices of an equation as they follow each other in the arrays that it reads.

        Computed in that order, little has to be transposed; the result is turned at the end.
        """
        refs = [n for n in walk(e.body) if isinstance(n, Ref)]
        rows = [self._row(ref) for ref in refs]
        left = [i for s in e.subscripts for i in s.indices()]
        rank: list[str] = []
        for row in [*sorted(rows, key=len, reverse=True), left, [r.name for r in e.ranges],
                    list(self.letters)]:
            for k, name in enumerate(row):
                if name not in rank:
                    later = [rank.index(n) for n in row[k + 1:] if n in rank]
                    rank.insert(min(later, default=len(rank)), name)
        return rank

    def _row(self, ref: Ref) -> list[str]:
        """The axes that a reference gives, in their order."""
        row: list[str] = []
        inner: list[str] = []
        for s in ref.subscripts:
            a = Affine.of(s)
            chain = self._tiles(a) if a is not None and a.slopes else None
            if a is None or chain or len(a.slopes) < 2 or not self._slides(a):
                row += chain or s.indices()
            else:
                main, window = self._window(a)
                row.append(main[0])
                inner.append(window[0])
        return list(dict.fromkeys([*row, *inner]))

    # --- views

    def _view(
        self, e: Ref, array: Node, affine: list[Affine | None], sizes: list[Integer]
    ) -> Node:
        """A view of the array where slices, windows and reshapes will do, else index arrays."""
        met: dict[str, int] = {}
        for s in e.subscripts:
            for name in s.indices():
                met[name] = met.get(name, 0) + 1
        by_arrays = {
            axis for axis, (s, a) in enumerate(zip(e.subscripts, affine, strict=True))
            if a is None or any(met[name] > 1 for name in s.indices())
            or (len(a.slopes) > 1 and not self._tiles(a) and not self._slides(a))
        }
        if by_arrays:
            return self._fancy(e, array, affine, sizes, by_arrays)
        return self._cut(e, array, affine, sizes)  # type: ignore[arg-type]

    def _tiles(self, a: Affine) -> list[str] | None:
        """The indices of `(c*H + i)*W + j`, slowest first, if they count cells one by one."""
        slopes = dict(a.slopes)
        chain: list[str] = []
        wanted = ONE
        while slopes:
            name = next((n for n, c in slopes.items() if c == wanted), None)
            if name is None:
                return None
            del slopes[name]
            chain.insert(0, name)
            wanted = wanted * self.letters[name]
        return chain

    def _slides(self, a: Affine) -> bool:
        return (self.windows != "grid" and len(a.slopes) == _MOST_WINDOW
                and all(self.positive(c) or self.positive(-c) for _, c in a.slopes)
                and any(self.positive(c) for _, c in a.slopes))

    def positive(self, c: Integer) -> bool:
        """Whether a coefficient is certainly above zero."""
        return self.holds(ONE, c)

    def _cut(self, e: Ref, array: Node, affine: list[Affine], sizes: list[Integer]) -> Node:
        """Slices, windows and reshapes."""
        sliding = [k for k, a in enumerate(affine) if len(a.slopes) > 1 and not self._tiles(a)]
        items: list[Slice | At | str] = []
        dims: list[str | None] = []
        shape: list[Integer] = []
        flips: list[int] = []
        inner: list[tuple[str, Integer]] = []  # a window's own index and its step
        lengths: list[Integer] = []
        for axis, a in enumerate(affine):
            if not a.slopes:
                items.append(At(a.start))
                continue
            if axis in sliding:
                main, window = self._window(a)
                length, step = self.letters[window[0]], window[1]
                lowest = a.start if self.positive(step) else a.start + step * (length - 1)
                span = (length - 1) * (step if self.positive(step) else -step) + 1
                lengths.append(span)
                inner.append(window)
                items.append(self._slice(lowest, main[1], main[0], sizes[axis] - span + 1))
                dims.append(main[0])
                shape.append(self.letters[main[0]])
                continue
            chain = self._tiles(a)
            if chain is not None and len(chain) > 1:
                cells = ONE
                for name in chain:
                    cells = cells * self.letters[name]
                items.append(self._range(a.start, cells, sizes[axis]))
                dims += chain
                shape += [self.size(self.letters[name], name) for name in chain]
                continue
            name, step = a.slopes[0]
            if self.positive(step):
                items.append(self._slice(a.start, step, name, sizes[axis]))
            else:
                low = a.start + step * (self.letters[name] - 1)
                items.append(self._slice(low, -step, name, sizes[axis]))
                flips.append(len(dims))
            dims.append(name)
            shape.append(self.size(self.letters[name], name))
        view = array
        if sliding:
            view = self._windows(e, array, sliding, lengths)
            for window, span in zip(inner, lengths, strict=True):
                name, step = window
                if self.positive(step):
                    items.append(self._slice(ZERO, step, name, span))
                else:
                    items.append(self._slice(ZERO, -step, name, span))
                    flips.append(len(dims))
                dims.append(name)
                shape.append(self.letters[name])
        return self._assembled(view, items, tuple(dims), tuple(shape), tuple(flips))

    def _assembled(
        self, view: Node, items: list[Slice | At | str], dims: tuple[str | None, ...],
        shape: tuple[Integer, ...], flips: tuple[int, ...],
    ) -> Node:
        """A view cut by items, then reshaped, then with axes reversed."""
        whole = all(item == ALL for item in items)
        counted = sum(not isinstance(item, At) for item in items)
        reshaped = counted != len(dims)
        if reshaped:
            between = base_dims(counted)
            cut = view if whole else Basic(between, view.kind, False, view, tuple(items))
            node: Node = Reshape(dims, view.kind, False, cut, shape)
        elif whole and isinstance(view, Name):
            node = Name(dims, view.kind, False, view.text)
        elif whole:
            node = Basic(dims, view.kind, False, view, ())
        else:
            node = Basic(dims, view.kind, False, view, tuple(items))
        return Flip(dims, view.kind, False, node, flips) if flips else node

    def _window(self, a: Affine) -> tuple[tuple[str, Integer], tuple[str, Integer]]:
        """The index that moves a window, and the one that moves inside it."""
        (one, c), (other, d) = a.slopes
        swap = not self.positive(c)
        if self.positive(c) and self.positive(d):
            more = (self.letters[other] - self.letters[one]).constant
            if c == d and more is not None:
                swap = more > 0
            elif (d - c).constant is not None:
                swap = ((d - c).constant or 0) > 0
        return ((other, d), (one, c)) if swap else ((one, c), (other, d))

    def _windows(
        self, e: Ref, array: Node, sliding: list[int], lengths: list[Integer]
    ) -> Node:
        dims = (*array.dims, *base_dims(len(array.dims) + len(sliding))[len(array.dims):])
        node = Windows(dims, array.kind, False, array, tuple(sliding), tuple(lengths))
        text = array.text if isinstance(array, Name) else ""
        return self.hoisted(("windows", text, tuple(sliding), tuple(lengths)),
                            f"{e.tensor}_windows", node)

    def _slice(self, start: Integer, step: Integer, name: str, size: Integer) -> Slice | str:
        """The cells that an index takes of an axis of `size`."""
        count = self.size(self.letters[name], name)
        if step == ONE:
            return self._range(start, count, size)
        reach = start + step * count
        # nothing but the cells wanted is left of the axis, so that its end need not be named
        ends = self.holds(size, reach) and self.holds(reach - step + 1, size)
        return Slice(start, None if ends else reach, step)

    def _range(self, start: Integer, count: Integer, size: Integer) -> Slice | str:
        """`count` cells side by side."""
        if self.same(start + count, size):
            return ALL if start == ZERO else Slice(start, None, ONE)
        return Slice(start, start + count, ONE)

    # --- index arrays

    def _fancy(
        self, e: Ref, array: Node, affine: list[Affine | None], sizes: list[Integer],
        by_arrays: set[int],
    ) -> Node:
        """Some axes by arrays of integers, the others by slices."""
        dims: list[str | None] = []
        items: list[Slice | At | str] = []
        left: list[int] = []
        for axis, a in enumerate(affine):
            if axis in by_arrays or a is None:
                dims.append(f"#{axis}")
                items.append(ALL)
                left.append(axis)
            elif not a.slopes:
                items.append(At(a.start))
            else:
                by_arrays_too = len(a.slopes) > 1 or not self.positive(a.slopes[0][1])
                if by_arrays_too:
                    by_arrays = by_arrays | {axis}
                    dims.append(f"#{axis}")
                    items.append(ALL)
                else:
                    name, step = a.slopes[0]
                    items.append(self._slice(a.start, step, name, sizes[axis]))
                    dims.append(name)
                left.append(axis)
        if any(item != ALL for item in items):
            array = Basic(tuple(dims), array.kind, False, array, tuple(items))
        subscripts = {k: self._moved(e.subscripts[k], affine[k]) for k in by_arrays}
        joint = self.order(i for s in subscripts.values() for i in s.indices())
        self.grid(joint, list(subscripts.values()))
        arrays = {k: aligned(self.integer(s), joint) for k, s in subscripts.items()}
        self.release(joint)
        self._guard(e, by_arrays)
        where = [k for k, axis in enumerate(left) if axis in by_arrays]
        together = where == list(range(where[0], where[-1] + 1))
        out = [d for k, d in enumerate(dims) if k not in where]
        at = where[0] if together else 0
        found: list[Node | str] = [arrays[axis] if axis in by_arrays else ALL for axis in left]
        while found[-1] == ALL:
            found.pop()
        return Fancy((*out[:at], *joint, *out[at:]), array.kind, False, array, tuple(found))

    @staticmethod
    def _moved(s: Integer, a: Affine | None) -> Integer:
        """A subscript, as it is on a padded array."""
        if a is None:
            return s
        total = a.start
        for name, c in a.slopes:
            total = total + c * index(name)
        return total

    def grid(self, joint: tuple[str, ...], subscripts: list[Integer]) -> None:
        """Name open index arrays for the indices of several subscripts, if there are several."""
        free = {i for s in subscripts for i in _outside_reads(s)}
        wanted = self.order(free)
        if len(joint) < 2 or not wanted:
            return
        key = ("grids", joint, wanted, tuple(self.letters[n] for n in joint))
        names = self.memo.get(key)
        if names is None:
            given = tuple(self.names.fresh(name) for name in joint)
            sizes = tuple(self.size(self.letters[n], n) for n in joint)
            self.statements.append(Grid(given, sizes))
            names = self.memo[key] = Name((), "integer", False, " ".join(given))
        assert isinstance(names, Name)
        for name, text in zip(joint, names.text.split(), strict=True):
            first = joint.index(name)
            dims = tuple(n if n == name else None for n in joint[first:])
            self.memo["grid", name] = Name(dims, "integer", False, text)
        self.joint = joint

    def release(self, joint: tuple[str, ...]) -> None:
        """Forget the open index arrays of some indices."""
        self.joint = ()
        for name in joint:
            self.memo.pop(("grid", name), None)

    def _guard(self, e: Ref, axes: set[int]) -> None:
        """Have the file assert that integers which the user gives stay on their axes."""
        for axis in axes:
            s, size = e.subscripts[axis], self.tensor(e.tensor).shape[axis]
            reads = [a.ref.tensor for a in s.atoms() if isinstance(a, Read)]
            given = [n for n in reads if n in self.program.inputs]
            if given and self._may_leave(e, axis):
                self.statements.append(InRange(self.integer(s), size))


def _outside_reads(s: Integer) -> set[str]:
    """The indices of a subscript that stand outside of what it reads from tensors."""
    found: set[str] = set()
    for a in s.atoms():
        if isinstance(a, Index):
            found.add(a.name)
        elif isinstance(a, Floor):
            found |= _outside_reads(a.numerator)
    return found
