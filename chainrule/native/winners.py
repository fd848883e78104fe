"""What stands behind a maximum's adjoint, moved to the winners.

The adjoint of pooling writes at the winners' places, `r̄[2i + k*[i]] += p̄[i]`, and that of the
rectifier before it goes over all cells, `z̄[h] = r̄[h]·[z[h] > 0]`. Only winners receive anything,
so the factor is wanted at their places only:

    z̄[2i + k*[i]] += p̄[i]·[z[2i + k*[i]] > 0].

And there it is known: r = relu(z), so z > 0 just where r > 0, and r at the winner's place is the
maximum p[i] itself. What is left, `z̄[2i + k*[i]] += p̄[i]·[p[i] > 0]`, reads nothing of the size
of z, which then need not be kept from the forward pass.

A sum over all cells, such as the gradient of the kernels before the pooling, meets nothing but
zeros where no winner is, so that it is a sum over the winners:

    Σ_h z̄[h]·x[h+a] = Σ_i p̄[i]·x[2i + k*[i] + a].

That is as many times less work as a window has cells; but what is read lies anywhere, so that it
is done only where enough of it lies side by side. What the adjoint hands on to the layer before is
made by the winners alone in the same way:

    x̄[h+a] += z̄[h]·w[a]    becomes    x̄[2i + k*[i] + a] += p̄[i]·w[a].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    at_indices,
    free_indices,
    move,
    mul,
    reduces,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, atom, index
from chainrule.lang.program import Equation, Program, fresh
from chainrule.native.kernels import references, slopes, span

_FEWER: Final = 2  # times fewer terms, of full vectors, where they lie anywhere
_LANES: Final = 16


def past_scatters(program: Program) -> Program:
    """The program with masks after scattered writes moved into these."""
    pieces: dict[str, list[Equation]] = {}
    for e in program.equations:
        pieces.setdefault(e.target, []).append(e)
    readers = Counter(r.tensor for e in program.equations for r in references(e))
    kept = {*program.outputs, *(n for pair in program.updates for n in pair)}
    gone: set[str] = set()
    begun: dict[str, list[Equation]] = {}
    equations: list[Equation] = []
    for e in program.equations:
        found = masked(e)
        if found is not None and not e.accumulate and e.plain and len(pieces[e.target]) == 1:
            before, mask = found
            parts = pieces.get(before.tensor, [])
            if (readers[before.tensor] == 1 and before.tensor not in kept and len(parts) == 1
                    and before.subscripts == e.subscripts and _scatters(parts[0])
                    and program.tensors[before.tensor].shape == program.tensors[e.target].shape):
                scatter = parts[0]
                places = {s.plain or "": at
                          for s, at in zip(e.subscripts, scatter.subscripts, strict=True)}
                factor = at_winners(at_indices(mask, places), begun)
                gone.add(before.tensor)
                equations.append(replace(scatter, target=e.target, origin=e.origin,
                                         body=mul(scatter.body, factor)))
                continue
        begun[e.target] = pieces[e.target]
        equations.append(e)
    return replace(program, equations=tuple(e for e in equations if e.target not in gone))


def at_winners_only(program: Program) -> Program:
    """The program with sums over cells, few of which are not 0, as sums over these.

    So with what is added to computed places by all cells, such as the adjoint of the convolution
    before a pooling.
    """
    pieces: dict[str, list[Equation]] = {}
    for e in program.equations:
        pieces.setdefault(e.target, []).append(e)

    def inside(e: Equation) -> Equation:
        found = onwards(e, pieces, program)
        if found is not None:
            return found
        return replace(e, body=transform(e.body, lambda n: (
            over_winners(n, e, pieces, program) if isinstance(n, Reduce) else None)))

    return replace(program, equations=tuple(map(inside, program.equations)))


@dataclass(frozen=True, slots=True)
class Winners:
    """Where a product's factor is not 0: its value there, the place of each of its indices.

    `new` are the indices of the winners; there are `fewer` times fewer than cells.
    """

    value: Expr
    there: dict[str, Integer]
    new: tuple[Range, ...]
    fewer: float

    def of(self, body: Expr, factor: Ref) -> Expr:
        """A product at the winners of one of its factors."""
        return transform(body, lambda n: self.value if n is factor else (
            at_indices(n, self.there) if isinstance(n, Ref) else None))


def winners(ref: Ref, factors: Sequence[Ref], extents: Mapping[str, int],
            pieces: Mapping[str, list[Equation]], program: Program) -> Winners | None:
    """The winners of one factor of a product over all its cells, if it has but scattered ones."""
    parts = pieces.get(ref.tensor, [])
    names = [s.plain or "" for s in ref.subscripts]
    shape = program.tensors[ref.tensor].shape
    if len(parts) != 1 or not _scatters(parts[0]) or len({*names}) != len(names) or any(
            extents.get(n) != size.constant for n, size in zip(names, shape, strict=True)) or any(
            f.outside is not None or (f is not ref and f.tensor == ref.tensor)
            for f in factors) or sum(f is ref for f in factors) > 1:
        return None
    scatter = parts[0]
    taken = dict.fromkeys((*extents, *free_indices(scatter.body), *(
        i for f in factors for i in free_indices(f))), 0)
    places: dict[str, Integer] = {}  # of the scatter's indices
    solved: dict[str, Integer] = {}  # of the product's
    sizes = {r.name: r.size for r in scatter.ranges}
    for s, name, axis in zip(scatter.subscripts, names, shape, strict=True):
        if s.plain is None:
            solved[name] = s
        elif s.plain in places or sizes[s.plain] != axis:
            return None
        else:
            places[s.plain] = index(name)
    new = []
    for r in (r for r in scatter.ranges if r.name not in places):
        name = fresh(r.name, taken)
        taken[name] = 0
        places[r.name] = index(name)
        new.append(Range(name, r.size))
    many = math.prod(r.size.constant or 0 for r in new if r.size is not None)
    if not many:
        return None
    return Winners(at_indices(scatter.body, places),
                   {n: move(s, places) for n, s in solved.items()}, tuple(new),
                   math.prod(extents[n] for n in solved) / many)


def over_winners(e: Reduce, around: Equation, pieces: Mapping[str, list[Equation]],
                 program: Program) -> Expr | None:
    """A sum of products with a scattered tensor as the sum over what was scattered."""
    factors = product_of(e.body)
    if e.op != "sum" or e.condition is not None or factors is None:
        return None
    extents = {r.name: r.size.constant or 0 for r in (*around.ranges, *e.indices)
               if r.size is not None}
    for ref in factors:
        found = winners(ref, factors, extents, pieces, program)
        if found is None or not found.there.keys() <= {r.name for r in e.indices} or (
                found.fewer * run(factors, ref, around, program) < _FEWER):
            continue
        return replace(e, body=found.of(e.body, ref), indices=(
            *(r for r in e.indices if r.name not in found.there), *found.new))
    return None


def onwards(e: Equation, pieces: Mapping[str, list[Equation]],
            program: Program) -> Equation | None:
    """What all cells of a scattered tensor add to computed places, from the winners alone.

    `x̄[i+k] += Σ_o ȳ[o,i]·w[o,k]` is then `x̄[i*+k] += p̄[o,i]·w[o,k]`, with no sum any more.
    """
    body = e.body
    if not (e.accumulate and e.condition is None and isinstance(body, Reduce)
            and body.op == "sum" and body.condition is None and not e.dropping):
        return None
    factors = product_of(body.body)
    if factors is None or all(s.plain for s in e.subscripts) or leaves(
            e.subscripts, e.ranges, program.tensors[e.target].shape):
        return None
    extents = {r.name: r.size.constant or 0 for r in (*e.ranges, *body.indices)
               if r.size is not None}
    for ref in factors:
        found = winners(ref, factors, extents, pieces, program)
        if found is None or found.fewer * run(factors, ref, e, program) < _FEWER:
            continue
        ranges = [r for r in (*e.ranges, *body.indices) if r.name not in found.there]
        return replace(e, body=found.of(body.body, ref), ranges=(*ranges, *found.new),
                       subscripts=tuple(move(s, found.there) for s in e.subscripts))
    return None


def run(factors: Sequence[Ref], winner: Ref, around: Equation, program: Program) -> float:
    """The part of a vector that neighbours behind a winner's place can fill.

    They are the values of an index of the target that moves another factor to the next cell: by its
    last axis, or by any where the order of its axes is free.
    """
    others = [f for f in factors if f is not winner]
    best = 0 if others else _LANES
    for r in around.ranges:
        if not any(s.plain == r.name for s in around.subscripts):
            continue
        for f in others:
            free = program.tensors[f.tensor].role != "data"
            for axis, s in enumerate(f.subscripts):
                if slopes(s).get(r.name) == 1 and (
                        axis == len(f.subscripts) - 1 or (s.plain and free)):
                    best = max(best, r.size.constant or 0 if r.size is not None else 0)
    return min(best, _LANES) / _LANES


def leaves(subscripts: Sequence[Integer], ranges: Sequence[Range],
            shape: Sequence[Integer]) -> bool:
    """Whether a subscript may be outside its axis."""
    extents = {r.name: r.size.constant or 0 for r in ranges if r.size is not None}
    for s, size in zip(subscripts, shape, strict=True):
        ends = span(s, extents, {})
        if ends is None or ends[0] < 0 or ends[1] >= (size.constant or 0):
            return True
    return False


def lands(e: Equation) -> bool:
    """Whether each winner adds to several cells around a computed place."""
    return _scatters(e) and len(e.ranges) > len(e.subscripts)


def product_of(e: Expr) -> list[Ref] | None:
    """The references of a product of references, or None."""
    if isinstance(e, Ref):
        return [e]
    if isinstance(e, Apply) and e.function in ("mul", "neg"):
        found = [product_of(a) for a in e.args]
        return None if None in found else [r for some in found for r in some or ()]
    return None


def masked(e: Equation) -> tuple[Ref, Expr] | None:
    """A tensor times 0 or 1, and which: `r̄[h]·(1 if z[h] > 0 else 0)`."""
    if not isinstance(e.body, Apply) or e.body.function != "mul" or e.condition is not None:
        return None
    for before, mask in (e.body.args, e.body.args[::-1]):
        if isinstance(before, Ref) and before.outside is None and isinstance(mask, Select) and (
                isinstance(mask.then, Number) and isinstance(mask.otherwise, Number)) and not any(
                isinstance(n, Reduce | ArgReduce)
                or (isinstance(n, Ref) and n.tensor == before.tensor) for n in walk(mask)):
            return before, mask
    return None


def _scatters(e: Equation) -> bool:
    """Whether an equation adds to places that other tensors hold."""
    return (e.accumulate and e.condition is None and not e.dropping
            and not reduces(e.body)
            and any(isinstance(a, Read) for s in e.subscripts for a in s.atoms()))


def at_winners(e: Expr, pieces: Mapping[str, list[Equation]]) -> Expr:
    """A mask with `z[winner] > 0` as `maximum > 0`, where the maximum is one of relu(z)."""
    def known(n: Expr) -> Expr | None:
        if isinstance(n, Apply) and n.function == "gt" and isinstance(n.args[0], Ref) and (
                isinstance(n.args[1], Number) and n.args[1].value == 0):
            best = maximum_at(n.args[0], pieces)
            if best is not None:
                return Apply("gt", (best, n.args[1]))
        return None

    if isinstance(e, Select):
        return replace(e, condition=transform(e.condition, known))
    return e


def maximum_at(r: Ref, pieces: Mapping[str, list[Equation]]) -> Ref | None:
    """The maximum of relu(z), or of z, whose winner's place a reference to z names."""
    reads = [a for s in r.subscripts for a in s.atoms() if isinstance(a, Read)]
    where = [one for a in reads if (one := _only(a.ref.tensor, pieces)) is not None
             and isinstance(one.body, ArgReduce) and one.plain and not one.accumulate]
    if not reads or len(where) != len(reads):
        return None
    first = where[0]
    places: dict[str, Integer] = {s.plain or "": at for s, at in zip(
        first.subscripts, reads[0].ref.subscripts, strict=True)}
    for one, a in zip(where, reads, strict=True):
        assert isinstance(one.body, ArgReduce) and isinstance(first.body, ArgReduce)
        if one.subscripts != first.subscripts or a.ref.subscripts != reads[0].ref.subscripts or (
                _choice(one.body) != _choice(first.body)):
            return None
        places[one.body.which] = atom(a)
    assert isinstance(first.body, ArgReduce)
    inside = first.body.body
    if first.body.op != "max" or not isinstance(inside, Ref) or any(
            x.name not in places for x in first.body.indices):
        return None
    source = inside.tensor
    if source != r.tensor:  # the maximum is one of a rectified tensor
        made = _only(source, pieces)
        if made is None or not (isinstance(made.body, Apply) and made.body.function == "relu"):
            return None
        under = made.body.args[0]
        if not (isinstance(under, Ref) and under.tensor == r.tensor and made.plain
                and under.subscripts == made.subscripts and not made.accumulate):
            return None
    if inside.outside is not None or tuple(
            move(s, places) for s in inside.subscripts) != r.subscripts:
        return None
    for name, parts in pieces.items():
        e = parts[0]
        if len(parts) == 1 and isinstance(e.body, Reduce) and not e.accumulate and (
                _choice(e.body) == _choice(first.body) and e.subscripts == first.subscripts
                and e.ranges == first.ranges):
            return Ref(name, reads[0].ref.subscripts)
    return None


def _only(name: str, pieces: Mapping[str, list[Equation]]) -> Equation | None:
    parts = pieces.get(name, [])
    return parts[0] if len(parts) == 1 else None


def _choice(e: Reduce | ArgReduce) -> tuple[object, ...]:
    return e.op, e.indices, e.condition, e.body
