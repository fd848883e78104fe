"""How far a cell sees: receptive fields, read off the subscripts.

Cell i of a tensor depends on cells `jump*i + first` to `jump*i + last` of an axis of the input. For
`y[i] = sum(k) w[k]*x[s*i + d*k - p]` that is `s` for the jump, `-p` for the first cell and
`d*(K - 1) - p` for the last; reading y in turn composes the two. So strides multiply, windows add
up, and padding moves the start in front of the input. Where branches meet, the field is their hull.

After upsampling neighbours may see the same cells: the field then depends on where a cell stands
within a period, and there is one span for each place in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Final

from chainrule.lang.expr import ArgReduce, Range, Reduce, Ref, walk
from chainrule.lang.integers import Floor, Index, Integer, known
from chainrule.lang.program import Equation, Program

Axis = tuple[str, int]  # an input's name and the number of its axis
Span = tuple[int, int]

ENDLESS: Final = 10**15  # stands for the cells of an axis whose size is not a number
PERIOD: Final = 256  # beyond this many different spans a cell is said to see the whole axis


@dataclass(frozen=True, slots=True)
class Field:
    """What a cell sees of one axis of the input, along one of its own axes.

    Cell `period*m + k` sees the cells of `spans[k]`, moved by `step*m`; `along` is the tensor's
    axis that it is counted along. With `along` None it sees the same cells wherever it is (all of
    them, as a rule). `over` is what all cells see together where their places are no line, as in
    a flattened image. An empty span (its last cell before its first) sees nothing.
    """

    along: int | None
    step: int
    spans: tuple[Span, ...]
    over: Span | None = None

    @property
    def period(self) -> int:
        """After how many cells the spans repeat, moved on."""
        return len(self.spans)

    @property
    def jump(self) -> int | Fraction:
        """How far the field moves from a cell to the next, on average."""
        whole, rest = divmod(self.step, self.period)
        return Fraction(self.step, self.period) if rest else whole

    @property
    def size(self) -> int:
        """How many cells the luckiest cell sees, those in the padding included."""
        return max(0, max(last - first + 1 for first, last in self.spans))

    @property
    def first(self) -> int:
        """The first cell that cell 0 sees."""
        return self.spans[0][0]

    @property
    def last(self) -> int:
        """The last cell that cell 0 sees."""
        return self.spans[0][1]

    @property
    def centre(self) -> Fraction:
        """The middle of what cell 0 sees."""
        return Fraction(self.first + self.last, 2)

    def span(self, cell: int) -> Span:
        """What a cell sees."""
        if self.along is None:
            return self.spans[0]
        m, k = divmod(cell, len(self.spans))
        first, last = self.spans[k]
        return first + self.step * m, last + self.step * m


def fields(
    program: Program, sizes: Mapping[str, int] | None = None
) -> dict[str, dict[Axis, Field]]:
    """For each tensor, what a cell of it sees of each axis of each data input.

    Sizes that are not numbers have to be given. What is not affine (a cell whose place is read from
    another tensor) sees the whole axis.

    >>> from chainrule.lang.ranges import program
    >>> p = program("input x[20]; y[i] = max(k<3) x[2*i + k]; z[i] = sum(k<3) y[2*i + k]")
    >>> f = fields(p)["z"]["x", 0]
    >>> f.size, int(f.jump), f.first
    (7, 4, 0)
    """
    given = sizes or {}
    found: dict[str, dict[Axis, Field]] = {}
    for name in program.inputs:
        tensor = program.tensors[name]
        if tensor.role == "data":
            found[name] = {(name, k): Field(k, 1, ((0, 0),)) for k in range(len(tensor.shape))}
    for e in program.equations:
        here = _equation(e, program, given, found)
        before = found.get(e.target)
        if before is None:
            found[e.target] = here
        else:
            for axis, field in here.items():
                before[axis] = _hull(before.get(axis), field)
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """An index of a target's axis: position t is written from i = (t - offset)/stride.

    `y[2*i + d*r] = x[i]` writes t from all i with t - 2*i among the `offsets` 0, d, 2d, ...
    """

    stride: int
    offsets: Sequence[int]

    def indices(self, t: int) -> Span:
        """The least and greatest i that write position t (empty: the last before the first)."""
        found = [(t - o) // self.stride for o in self.offsets if (t - o) % self.stride == 0]
        return (min(found), max(found)) if found else (1, 0)


_Target = tuple[int, _Line | None]  # a target's axis, and how an index runs along it


def _equation(
    e: Equation, program: Program, sizes: Mapping[str, int], found: Mapping[str, dict[Axis, Field]]
) -> dict[Axis, Field]:
    lengths = _lengths(e, sizes)
    targets: dict[str, _Target] = {}
    for axis, s in enumerate(e.subscripts):
        inverse = _inverse(s, lengths, sizes)
        targets.update({name: (axis, None) for name in s.indices()})
        if inverse is not None:
            targets[inverse[0]] = (axis, inverse[1])
    result: dict[Axis, Field] = {}
    for node in walk(e.body):
        if isinstance(node, Ref):
            for source, field in found.get(node.tensor, {}).items():
                seen = _seen(node, field, targets, lengths, sizes, program)
                result[source] = _hull(result.get(source), seen)
    return result


def _lengths(e: Equation, sizes: Mapping[str, int]) -> dict[str, int]:
    """The range of each index of an equation, endless where it is not known."""
    ranges: list[Range] = [*e.ranges]
    for node in walk(e.body):
        if isinstance(node, Reduce | ArgReduce):
            ranges += node.indices
    found: dict[str, int] = {}
    for r in ranges:
        number = known(r.size, sizes).constant if r.size is not None else None
        found[r.name] = max(found.get(r.name, 0), 2 * ENDLESS if number is None else number)
    return found


def _inverse(
    s: Integer, lengths: Mapping[str, int], sizes: Mapping[str, int]
) -> tuple[str, _Line] | None:
    """The index that runs along a target's axis.

    None where several indices are strides of one axis (a flatten), so that none is a line.
    """
    if s.plain is not None:
        return s.plain, _Line(1, (0,))
    affine = _affine(known(s, sizes))
    if affine is None or not affine[0]:
        return None
    factors, base = affine
    main = max(factors, key=lambda n: abs(factors[n]) * max(lengths[n], 1))
    others = {n: c for n, c in factors.items() if n != main}
    if len(others) > 1 or any(lengths[n] > PERIOD for n in others):
        return None
    offsets = [base + c * k for n, c in others.items() for k in range(lengths[n])] or [base]
    return main, _Line(factors[main], offsets)


def _affine(s: Integer) -> tuple[dict[str, int], int] | None:
    """The factor of each index and the constant; None for anything else."""
    factors: dict[str, int] = {}
    base = 0
    for monomial, c in s.terms:
        if not monomial:
            base += c
        elif len(monomial) == 1 and isinstance(monomial[0], Index):
            factors[monomial[0].name] = factors.get(monomial[0].name, 0) + c
        else:
            return None
    return factors, base


def _ends(factors: Mapping[str, int], base: int, lengths: Mapping[str, int]) -> Span:
    low = high = base
    for name, c in factors.items():
        reach = c * (lengths[name] - 1)
        low, high = (low, high + reach) if reach > 0 else (low + reach, high)
    return low, high


def _seen(
    ref: Ref, field: Field, targets: Mapping[str, _Target], lengths: Mapping[str, int],
    sizes: Mapping[str, int], program: Program,
) -> Field:
    """A field through one more read."""
    if field.along is None:
        return field
    s = ref.subscripts[field.along]
    if field.over is not None:
        axis, line = targets.get(s.plain or "", (0, None))
        return Field(None, 0, (field.over,)) if line is None else Field(
            axis, field.step, field.spans, field.over)
    length = known(program.tensors[ref.tensor].shape[field.along], sizes).constant
    cells = 2 * ENDLESS if length is None else length
    affine = _affine(known(s, sizes)) if s.plain is None else ({s.plain: 1}, 0)
    if affine is None or any(isinstance(a, Floor) for a in s.atoms()):
        return _fixed(field, 0, cells - 1)
    factors, base = affine
    moving = [n for n in factors if n in targets]
    if not moving:
        return _fixed(field, *_ends(factors, base, lengths))
    # what moves along another axis of the target too is a window here: a token sees its patch
    main = max(moving, key=lambda n: abs(factors[n]))
    axis, line = targets[main]
    factor = factors[main]
    low, high = _ends({n: c for n, c in factors.items() if n != main}, base, lengths)
    if line is None:
        over = _fixed(field, *_ends(factors, base, lengths)).spans[0]
        return Field(axis, factor * field.step, tuple(
            _window(field, low + k, high + k) for k in range(field.period)), over)
    return _along(field, axis, line, factor, low, high, cells)


def _along(
    field: Field, axis: int, line: _Line, factor: int, low: int, high: int, cells: int
) -> Field:
    """The field of cells along a target's axis whose window is `factor*i + low` to `high`."""
    if factor == 0:
        return _fixed(field, low, high)
    period = abs(line.stride) * (field.period // gcd(field.period, factor))
    if period > PERIOD:
        return _fixed(field, 0, cells - 1)
    moved = period // line.stride * factor  # how far the window moves in a period
    step = moved // field.period * field.step
    spans = []
    for t in range(period):
        first, last = line.indices(t)
        ends = (factor * first, factor * last) if factor > 0 else (factor * last, factor * first)
        spans.append(_window(field, ends[0] + low, ends[1] + high) if first <= last else (1, 0))
    return _shortest(Field(axis, step, tuple(spans)))


def _window(field: Field, low: int, high: int) -> Span:
    """What the cells from `low` to `high` see together."""
    if field.period == 1:
        a, b = sorted((field.step * low, field.step * high))
        return field.spans[0][0] + a, field.spans[0][1] + b
    seen = [field.span(c) for c in {*range(low, min(high, low + field.period) + 1),
                                    *range(max(low, high - field.period), high + 1)}]
    seen = [s for s in seen if s[0] <= s[1]]
    return (min(s[0] for s in seen), max(s[1] for s in seen)) if seen else (1, 0)


def _fixed(field: Field, low: int, high: int) -> Field:
    """The field of a cell that sees the same window wherever it is."""
    return Field(None, 0, (_window(field, low, high),))


def _shortest(field: Field) -> Field:
    """The same field with the shortest period."""
    whole = field.period
    for period in range(1, whole):
        if whole % period or field.step * period % whole:
            continue
        moved = field.step * period // whole
        short = Field(field.along, moved, field.spans[:period])
        if all(short.span(k) == s for k, s in enumerate(field.spans)):
            return short
    return field


def _hull(a: Field | None, b: Field) -> Field:
    """What two fields cover together."""
    if a is None or a == b:
        return b
    if a.along == b.along and a.along is not None and a.over == b.over and a.jump == b.jump:
        period = lcm(a.period, b.period)
        spans = tuple(_union(a.span(k), b.span(k)) for k in range(period))
        return _shortest(Field(a.along, a.step * (period // a.period), spans, a.over))
    whole = [s for f in (a, b) for s in (f.spans if f.over is None else (f.over,))]
    return Field(None, 0, (_all(whole),))


def _union(a: Span, b: Span) -> Span:
    return _all([a, b])


def _all(spans: Sequence[Span]) -> Span:
    """The hull of some spans, empty ones left out."""
    full = [s for s in spans if s[0] <= s[1]]
    return (min(s[0] for s in full), max(s[1] for s in full)) if full else (1, 0)


def windowed(found: Iterable[Mapping[Axis, Field]]) -> list[Axis]:
    """The input's axes along which some tensor sees a window: neither one cell nor all."""
    axes: dict[Axis, None] = {}
    for table in found:
        for axis, field in table.items():
            if field.along is not None and (field.size > 1 or field.jump != 1):
                axes[axis] = None
    return list(axes)
