"""How far a cell sees: receptive fields, read off the subscripts.

Cell i of a tensor depends on cells `jump*i + first` to `jump*i + last` of an axis of the input. For
`y[i] = sum(k) w[k]*x[s*i + d*k - p]` that is `s` for the jump, `-p` for the first cell and
`d*(K - 1) - p` for the last; reading y in turn composes the two. So strides multiply, windows add
up, and padding moves the start in front of the input. Where branches meet, the field is their hull.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from chainrule.lang.expr import ArgReduce, Range, Reduce, Ref, walk
from chainrule.lang.integers import Floor, Index, Integer, known
from chainrule.lang.program import Equation, Program

Axis = tuple[str, int]  # an input's name and the number of its axis
Rational = int | Fraction  # a fraction only where something is upsampled
# a target's axis, and the index as a line in its position: slope, lowest and highest offset
_Target = tuple[int, tuple[Rational, Rational, Rational] | None]


@dataclass(frozen=True, slots=True)
class Field:
    """What a cell sees of one axis of the input, along one of its own axes.

    Cell i sees `jump*i + first` to `jump*i + last`; `along` is the tensor's axis that i runs over.
    With `along` None it sees the same cells wherever it is (all of them, as a rule). `over` is what
    all cells see together where their places are no line, as in a flattened image.
    """

    along: int | None
    jump: Rational
    first: Rational
    last: Rational
    over: tuple[Rational, Rational] | None = None

    @property
    def size(self) -> int:
        """How many cells it sees, those in the padding included."""
        return floor(self.last - self.first) + 1

    @property
    def centre(self) -> Fraction:
        """The middle of what cell 0 sees."""
        return Fraction(self.first + self.last) / 2


def fields(
    program: Program, sizes: Mapping[str, int] | None = None
) -> dict[str, dict[Axis, Field]]:
    """For each tensor, what a cell of it sees of each axis of each data input.

    Sizes that are not numbers have to be given. What is not affine (a cell whose place is read from
    another tensor) sees the whole axis.

    >>> from chainrule.lang.ranges import program
    >>> p = program("input x[20]; y[i] = max(k<3) x[2*i + k]; z[i] = sum(k<3) y[2*i + k]")
    >>> f = fields(p)["z"]["x", 0]
    >>> f.size, int(f.jump), int(f.first)
    (7, 4, 0)
    """
    given = sizes or {}
    found: dict[str, dict[Axis, Field]] = {}
    for name in program.inputs:
        tensor = program.tensors[name]
        if tensor.role == "data":
            found[name] = {(name, k): Field(k, 1, 0, 0)
                           for k in range(len(tensor.shape))}
    for e in program.equations:
        here = _equation(e, program, given, found)
        before = found.get(e.target)
        if before is None:
            found[e.target] = here
        else:
            for axis, field in here.items():
                before[axis] = _hull(before.get(axis), field)
    return found


def _equation(
    e: Equation, program: Program, sizes: Mapping[str, int], found: Mapping[str, dict[Axis, Field]]
) -> dict[Axis, Field]:
    lengths = _lengths(e, sizes)
    targets: dict[str, _Target] = {}
    for axis, s in enumerate(e.subscripts):
        inverse = _inverse(s, lengths, sizes)
        if inverse is not None:
            targets[inverse[0]] = (axis, inverse[1:])
        else:
            targets.update({name: (axis, None) for name in s.indices()})
    result: dict[Axis, Field] = {}
    for node in walk(e.body):
        if not isinstance(node, Ref):
            continue
        for source, field in found.get(node.tensor, {}).items():
            seen = _seen(node, field, targets, lengths, sizes, program)
            result[source] = _hull(result.get(source), seen)
    return result


def _lengths(e: Equation, sizes: Mapping[str, int]) -> dict[str, int]:
    """The range of each index of an equation; 0 where it is not known."""
    ranges: list[Range] = [*e.ranges]
    for node in walk(e.body):
        if isinstance(node, Reduce | ArgReduce):
            ranges += node.indices
    found: dict[str, int] = {}
    for r in ranges:
        number = known(r.size, sizes).constant if r.size is not None else None
        found[r.name] = max(found.get(r.name, 0), number or 0)
    return found


def _inverse(
    s: Integer, lengths: Mapping[str, int], sizes: Mapping[str, int]
) -> tuple[str, Rational, Rational, Rational] | None:
    """The index of a target's axis as `i = slope*t + low .. high` in its position t.

    `y[2*i + r] = x[i]` writes cell t from i = t/2 - r/2. None where several indices are strides of
    one axis (a flatten), so that no single one is a line.
    """
    affine = _affine(known(s, sizes), lengths)
    if affine is None:
        return None
    factors, base = affine
    if not factors:
        return None
    main = max(factors, key=lambda n: abs(factors[n]) * max(lengths[n] - 1, 0) + abs(factors[n]))
    stride = factors[main]
    rest = sum(abs(c) * (lengths[n] - 1) for n, c in factors.items() if n != main)
    if len(factors) > 2 or (rest >= abs(stride) and len(factors) > 1):
        return None
    low, high = _ends({n: c for n, c in factors.items() if n != main}, base, lengths)
    one: Rational = stride if abs(stride) == 1 else Fraction(1, stride)
    ends = sorted((-low * one, -high * one))
    return main, one, ends[0], ends[1]


def _affine(s: Integer, lengths: Mapping[str, int]) -> tuple[dict[str, int], int] | None:
    """The factor of each index and the constant; a floor of a quotient is widened by the caller."""
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


def _ends(
    factors: Mapping[str, int], base: int, lengths: Mapping[str, int]
) -> tuple[int, int]:
    low = high = base
    for name, c in factors.items():
        reach = c * (lengths[name] - 1)
        low, high = (low, high + reach) if reach > 0 else (low + reach, high)
    return low, high


def _seen(
    ref: Ref, field: Field, targets: Mapping[str, _Target],
    lengths: Mapping[str, int], sizes: Mapping[str, int], program: Program,
) -> Field:
    """A field through one more read."""
    if field.along is None:
        return field
    if field.over is not None:
        name = ref.subscripts[field.along].plain
        if name in targets and targets[name or ""][1] is not None:
            return replace(field, along=targets[name or ""][0])
        return Field(None, 0, *field.over)
    s = known(ref.subscripts[field.along], sizes)
    cells = known(program.tensors[ref.tensor].shape[field.along], sizes).constant
    whole = Field(None, 0, field.first,
                  field.last + field.jump * ((cells or 1) - 1))
    floors = [a for a in s.atoms() if isinstance(a, Floor)]
    if floors:
        return whole
    affine = _affine(s, lengths)
    if affine is None:
        return whole
    factors, base = affine
    moving = [n for n in factors if n in targets]
    if len(moving) > 1:
        return whole
    window = {n: c for n, c in factors.items() if n not in targets}
    low, high = _ends(window, base, lengths)
    if not moving:
        return Field(None, 0, field.first + field.jump * low,
                     field.last + field.jump * high)
    axis, line = targets[moving[0]]
    if line is None:
        ends = _ends({n: factors[n] for n in factors}, base, lengths)
        return Field(axis, field.jump, field.first + field.jump * low,
                     field.last + field.jump * high,
                     (field.first + field.jump * ends[0], field.last + field.jump * ends[1]))
    slope, first, last = line
    factor = factors[moving[0]]
    near, far = sorted((factor * first, factor * last))
    return Field(axis, field.jump * factor * slope,
                 field.first + field.jump * (low + near),
                 field.last + field.jump * (high + far))


def _hull(a: Field | None, b: Field) -> Field:
    """What two fields cover together."""
    if a is None or a == b:
        return b
    if a.along == b.along and a.jump == b.jump and a.over == b.over:
        return Field(a.along, a.jump, min(a.first, b.first), max(a.last, b.last), a.over)
    return Field(None, 0, min(a.first, b.first), max(a.last, b.last))


def windowed(found: Iterable[Mapping[Axis, Field]]) -> list[Axis]:
    """The input's axes along which some tensor sees a window: neither one cell nor all."""
    axes: dict[Axis, None] = {}
    for table in found:
        for axis, field in table.items():
            if field.along is not None and field.size > 1:
                axes[axis] = None
    return list(axes)
