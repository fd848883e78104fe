"""The verifier: what must hold of every program, checked after every pass.

Each index is bound once and has a range; each reference names a tensor that is complete by then and
gives one subscript an axis; subscripts stay on their axes (where that can be decided: the rest is
checked when run); a tensor is written by one total equation, by disjoint pieces, or by `+=` alone;
conditions are booleans and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod

from chainrule.errors import (
    ChainruleError,
    DefinitionError,
    KindError,
    LimitError,
    RangeError,
    ShapeError,
    Span,
)
from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Read,
    Reduce,
    Ref,
    Select,
    move,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer, constant
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.limits import EQUATIONS_DERIVED, TENSOR_AXES

Ranges = Mapping[str, Integer]
_COUNTED = 10_000  # cells of pieces that are counted before anything is run


def verify(program: Program) -> Program:
    """The program itself, if it is sound; else the error that names the place."""
    if len(program.equations) > EQUATIONS_DERIVED:
        raise LimitError(f"{len(program.equations)} equations; at most {EQUATIONS_DERIVED}")
    last: dict[str, int] = {e.target: n for n, e in enumerate(program.equations)}
    complete = set(program.inputs)
    pieces: dict[str, list[Equation]] = {}
    for number, equation in enumerate(program.equations):
        _equation(program, equation, complete)
        name = equation.target
        if last[name] == number and name not in pieces:
            if not equation.accumulate and equation.ranges:
                _single(program, name, [equation])
            complete.add(name)
            continue
        pieces.setdefault(name, []).append(equation)
        if last[name] == number:
            _single(program, name, pieces.pop(name))
            complete.add(name)
    for name in program.outputs:
        if name not in complete:
            raise DefinitionError(f"the output {name} is not defined")
    for old, new in program.updates:
        if old not in program.inputs or new not in complete:
            raise DefinitionError(f"update {old} = {new}: {old} must be an input, {new} defined")
        if program.tensors[old].shape != program.tensors[new].shape:
            raise ShapeError(f"update {old} = {new}: the two differ in shape")
    return program


def arity_error(tensor: Tensor, ref: Ref) -> ChainruleError:
    """A tensor read with the wrong number of subscripts."""
    axes, given = len(tensor.shape), len(ref.subscripts)
    letters = ",".join("ijklmnpq"[:axes])
    hint = f"write {ref.tensor}[{letters}]" if axes else f"{ref.tensor} is a scalar: drop the []"
    if axes > 8:
        hint = "give one subscript an axis"
    return ShapeError(f"{ref.tensor} has {_count(axes, 'axis', 'axes')} and is read with "
                      f"{_count(given, 'subscript', 'subscripts')}", ref.span, hint)


def _count(n: int, one: str, many: str) -> str:
    return f"{n or 'no'} {one if n == 1 else many}"


class _Here:
    """Where the verifier stands: the program, the equation, what is complete."""

    __slots__ = ("complete", "program", "span")

    def __init__(self, program: Program, complete: set[str], span: Span | None) -> None:
        self.program = program
        self.complete = complete
        self.span = span


def _equation(program: Program, equation: Equation, complete: set[str]) -> None:
    here = _Here(program, complete, equation.origin.span)
    target = program.tensors.get(equation.target)
    if target is None:
        raise DefinitionError(f"{equation.target} has no shape", here.span)
    if equation.target in complete:
        raise DefinitionError(f"{equation.target} is defined twice", here.span)
    if len(target.shape) != len(equation.subscripts):
        raise ShapeError(f"{equation.target} has {len(target.shape)} axes and is written with "
                         f"{len(equation.subscripts)} subscripts", here.span)
    ranges: dict[str, Integer] = {}
    if equation.ranges or equation.condition is not None:
        _bind(equation.ranges, ranges, here)
        guarded = equation.condition is not None
        for axis, s in enumerate(equation.subscripts):
            _subscript(s, ranges, here, guarded)
            if not (equation.dropping or guarded):
                _inside(s, target, axis, ranges, here.span, None, None)
        if equation.condition is not None:
            _want_boolean(equation.condition, ranges, here)
    if _check(equation.body, ranges, here, equation.condition is not None) == "boolean":
        raise KindError(f"{equation.target} would be a condition, not a number", here.span,
                        "write `1 if … else 0`")


def _bind(indices: tuple[object, ...], ranges: dict[str, Integer], here: _Here) -> None:
    for r in indices:
        name, size = r.name, r.size  # type: ignore[attr-defined]
        if name in ranges:
            raise DefinitionError(f"the index {name} is already in use here", here.span,
                                  "choose another letter for the inner one")
        if size is None:
            raise RangeError(f"the index {name} has no range", here.span)
        ranges[name] = size
    if len(ranges) > TENSOR_AXES:
        raise LimitError(f"{len(ranges)} indices in one equation; at most {TENSOR_AXES}",
                         here.span)


def _check(e: Expr, ranges: dict[str, Integer], here: _Here, guarded: bool) -> str:
    """The kind of an expression ("real", "integer", "boolean"), everything below it checked."""
    if isinstance(e, Ref):
        return _reference(e, ranges, here, guarded)
    if isinstance(e, Number):
        return "integer" if isinstance(e.value, int) else "real"
    if isinstance(e, Apply):
        entry = FUNCTIONS[e.function]
        if len(e.args) != entry.arity:
            raise ShapeError(f"{e.function} takes {entry.arity} arguments", e.span or here.span)
        logical = e.function in ("and", "or", "not")
        for a in e.args:
            if (_check(a, ranges, here, guarded) == "boolean") != logical:
                raise KindError(
                    f"{e.function} is given a {'number' if logical else 'condition'}",
                    e.span or here.span,
                    "compare it with something" if logical else "write `1 if … else 0`")
        return "boolean" if entry.boolean else "real"
    if isinstance(e, IndexValue):
        _subscript(e.value, ranges, here, guarded)
        return "integer"
    if isinstance(e, Select):
        _want_boolean(e.condition, ranges, here, guarded)
        kinds = {_check(e.then, ranges, here, True), _check(e.otherwise, ranges, here, True)}
        if "boolean" in kinds:
            raise KindError("a condition stands where a number is wanted", e.span or here.span)
        return "integer" if kinds == {"integer"} else "real"
    if isinstance(e, Reduce | ArgReduce):
        inner = dict(ranges)
        _bind(e.indices, inner, here)
        if e.condition is not None:
            _want_boolean(e.condition, inner, here, guarded)
        if _check(e.body, inner, here, guarded or e.condition is not None) == "boolean":
            raise KindError(f"a {e.op} of conditions", e.span or here.span,
                            "write `1 if … else 0`")
        if isinstance(e, ArgReduce):
            return "integer"
        for r in e.indices:
            if e.op != "sum" and r.size is not None and r.size.constant == 0:
                raise RangeError(f"a {e.op} over nothing has no value", e.span or here.span)
        return "real"
    raise TypeError(f"not an expression: {e!r}")


def _want_boolean(e: Expr, ranges: dict[str, Integer], here: _Here, guarded: bool = True) -> None:
    if _check(e, ranges, here, guarded) != "boolean":
        raise KindError("a number stands where a condition is wanted", here.span,
                        "compare it with something, as in `x > 0`")


def _reference(ref: Ref, ranges: dict[str, Integer], here: _Here, guarded: bool) -> str:
    if ref.tensor not in here.complete:
        raise DefinitionError(f"{ref.tensor} is read before it is defined", ref.span or here.span)
    tensor = here.program.tensors[ref.tensor]
    if len(tensor.shape) != len(ref.subscripts):
        raise arity_error(tensor, ref)
    for axis, s in enumerate(ref.subscripts):
        name = s.plain
        if name is not None and ranges.get(name) == tensor.shape[axis]:
            continue
        _subscript(s, ranges, here, guarded)
        if guarded:
            continue
        if ref.outside is None:
            _inside(s, tensor, axis, ranges, ref.span or here.span, None, None)
        elif ref.outside.pads is not None:
            before, after = ref.outside.pads[axis]
            _inside(s, tensor, axis, ranges, ref.span or here.span, before, after)
    return tensor.kind


def _subscript(s: Integer, ranges: dict[str, Integer], here: _Here, guarded: bool) -> None:
    if s.plain is not None:
        if s.plain not in ranges:
            raise RangeError(f"the index {s.plain} is not bound", here.span)
        return
    for name in s.indices():
        if name not in ranges:
            raise RangeError(f"the index {name} is not bound", here.span)
    for a in s.atoms():
        if isinstance(a, Read) and _reference(a.ref, ranges, here, guarded) != "integer":
            raise KindError(f"{a.ref.tensor} is a subscript here, and its values are reals",
                            a.ref.span or here.span, f"declare it: `label {a.ref.tensor}[…] < K`")


def _inside(
    s: Integer, tensor: Tensor, axis: int, ranges: Ranges, span: Span | None,
    before: Integer | None, after: Integer | None,
) -> None:
    """Refuse a subscript that certainly leaves its axis; what depends on sizes is for the run."""
    ends = extent(s, ranges)
    if ends is None:
        return
    least = Integer(()) if before is None else -before
    most = tensor.shape[axis] - 1 if after is None else tensor.shape[axis] - 1 + after
    for end, fine in ((ends[0], at_most(least, ends[0])), (ends[1], at_most(ends[1], most))):
        if fine is False and all(at_most(r, Integer(())) is not True for r in ranges.values()):
            what = f"{s} is outside" if s.constant is not None else f"{s} reaches {end} on"
            cells = tensor.shape[axis]
            raise RangeError(
                f"{what} axis {axis} of {tensor.name}, which has {cells} cells (0 to {cells - 1})",
                span,
                "bound the index (`with i < N - 1`), or say what is there: "
                f"{tensor.name}[… ; pad 1 with 0]")


def _single(program: Program, name: str, equations: list[Equation]) -> None:
    """One total `=`, disjoint `=` pieces, or `+=` alone; what depends on sizes is for the run."""
    tensor = program.tensors[name]
    adding = {e.accumulate for e in equations}
    span = equations[-1].origin.span
    if len(adding) == 2:
        raise DefinitionError(f"{tensor.name} is both set (=) and added to (+=)", span)
    if True in adding:
        return
    if len(equations) == 1:
        only = equations[0]
        if not only.plain or only.condition is not None:
            return  # a rearrangement: counted when run
        ranges = {r.name: r.size for r in only.ranges}
        for axis, s in enumerate(only.subscripts):
            if not _same(program, ranges[s.plain or ""], tensor.shape[axis]):
                raise ShapeError(f"{tensor.name} is not defined everywhere on axis {axis}", span)
        if len(only.ranges) > len(only.subscripts):
            raise DefinitionError(f"{tensor.name} is written more than once a cell", span,
                                  "sum over the other index, or use +=")
        return
    if any(not e.subscripts for e in equations):
        raise DefinitionError(f"{tensor.name} is defined twice", span,
                              "give the second one another name")
    _covered(tensor, equations)
    whole = [e for e in equations if e.plain and e.condition is None and all(
        next(r.size for r in e.ranges if r.name == s.plain) == tensor.shape[k]
        for k, s in enumerate(e.subscripts))]
    if whole:
        raise DefinitionError(f"{tensor.name} is defined twice", span,
                              "give the second one another name, or write += in both")


def _covered(tensor: Tensor, equations: list[Equation]) -> None:
    """Refuse small pieces that do not hit each cell once; others are counted when run."""
    shape = [s.constant for s in tensor.shape]
    counts = [[r.size.constant if r.size is not None else None for r in e.ranges]
              for e in equations]
    simple = all(e.condition is None and all(isinstance(a, Index) for s in e.subscripts
                                             for a in s.atoms()) for e in equations)
    unknown = None in shape or any(None in c for c in counts)
    if unknown or not simple or sum(prod(n or 0 for n in c) for c in counts) > _COUNTED:
        return
    written: set[tuple[int, ...]] = set()
    for e, count in zip(equations, counts, strict=True):
        names = [r.name for r in e.ranges]
        for values in product(*(range(n or 0) for n in count)):
            at = {n: constant(v) for n, v in zip(names, values, strict=True)}
            moved = (move(s, at) for s in e.subscripts)
            place = tuple(s.constant or 0 for s in moved)
            if place in written:
                raise DefinitionError(f"{tensor.name}{list(place)} is written twice",
                                      e.origin.span, "pieces must not overlap; use += to add")
            written.add(place)
    if len(written) < prod(n or 0 for n in shape):
        missing = next(p for p in product(*(range(n or 0) for n in shape)) if p not in written)
        raise DefinitionError(f"{tensor.name}{list(missing)} is never written",
                              equations[-1].origin.span,
                              f"the pieces must cover all {prod(n or 0 for n in shape)} cells")


def _same(program: Program, a: Integer | None, b: Integer) -> bool:
    """Whether two sizes are equal, by normal form or by an assumption of the program."""
    return a == b or (a, b) in program.assumptions or (b, a) in program.assumptions
