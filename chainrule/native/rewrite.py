"""Rewrites that make scattered writes into reads: each computes the same by another loop.

An adjoint adds to computed places: `x̄[n,c,i+k,j+l] += ȳ[n,o,i,j]*w[o,c,k,l]`. Asked from the other
side, cell p of x̄ is met where i = p - k, so that

    x̄[n,c,p,q] = Σ_{o,k,l} ȳ[n,o,p-k,q-l]*w[o,c,k,l]        ȳ being 0 outside its axes,

which is a convolution again, whose sums stay in registers (`gathered`). A maximum's adjoint adds
at the winner's place, `x̄[2i + a*[i]] += ȳ[i]`; since a* is one of a few values, this is

    x̄[2i + a] += (ȳ[i] if a*[i] = a else 0)                 for each a,

which is the same work for each cell (`spread_out`). A label's adjoint, `z̄[n,y[n]] += v[n]`, is a
choice of the same kind where all cells of z̄ are written anyway (`at_labels`). All are the identity
Σ_a δ(a, b) f(a) = f(b).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from chainrule.lang.expr import (
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    at_indices,
    both,
    free_indices,
    select,
    walk,
)
from chainrule.lang.integers import Integer, atom, constant, index
from chainrule.lang.program import Equation, Program, fresh
from chainrule.native.kernels import affine
from chainrule.native.winners import at_winners_only, lands, leaves, past_scatters, product_of

_WINDOW: Final = 16  # places of a winner that are all tried


def rewritten(program: Program) -> Program:
    """The program with these rewrites where they apply."""
    program = at_winners_only(past_scatters(program))
    equations = [at_labels(spread_out(e, program), program) for e in program.equations]
    return replace(program, equations=tuple(gathered(e, program) for e in equations))


def spread_out(e: Equation, program: Program) -> Equation:
    """A write at a winner's place as a choice among its window's places."""
    reads = [a for s in e.subscripts for a in s.atoms() if isinstance(a, Read)]
    if not e.accumulate or not reads or isinstance(e.body, Reduce):
        return e
    below = []
    for a in reads:
        tensor = program.tensors[a.ref.tensor]
        limit = None if tensor.below is None else tensor.below.constant
        if limit is None or tensor.role != "computed":
            return e
        below.append(limit)
    if math.prod(below) > _WINDOW or lands(e):
        return e
    taken = {r.name: 0 for r in e.ranges} | dict.fromkeys(free_indices(e.body), 0)
    ranges, places = list(e.ranges), dict[Read, Integer]()
    condition: Expr | None = None
    for a, limit in zip(reads, below, strict=True):
        if a in places:
            continue
        name = fresh("a", taken)
        taken[name] = 0
        ranges.append(Range(name, constant(limit)))
        places[a] = index(name)
        same = Apply("eq", (IndexValue(atom(a)), IndexValue(index(name))))
        condition = both(condition, same)
    assert condition is not None
    subscripts = tuple(s.substitute(
        lambda a: places.get(a) if isinstance(a, Read) else None) for s in e.subscripts)
    if not e.dropping and leaves(subscripts, ranges, program.tensors[e.target].shape):
        return e  # a place of the window that no winner has
    return replace(e, subscripts=subscripts, ranges=tuple(ranges),
                   body=select(condition, e.body, ZERO))


def at_labels(e: Equation, program: Program) -> Equation:
    """A write at a place that the data name as a choice at each place of its axis.

    Something else has to be written to all of them. Labels without a bound have to be read at too:
    where one is outside the axis, that says so.
    """
    places = [k for k, s in enumerate(e.subscripts) if s.plain is None]
    if not e.accumulate or e.dropping or len(places) != 1 or any(
            isinstance(n, Reduce) for n in walk(e.body)):
        return e
    place = e.subscripts[places[0]]
    shape = program.tensors[e.target].shape
    label = next(iter(place.atoms()), None)
    if not isinstance(label, Read) or place != atom(label) or e.condition is not None:
        return e
    others = [x for x in program.equations if x.target == e.target and x is not e]
    if not any(x.plain and x.accumulate and x.condition is None and all(
            any(r.name == s.plain and r.size == size for r in x.ranges)
            for s, size in zip(x.subscripts, shape, strict=True)) for x in others):
        return e
    below = program.tensors[label.ref.tensor].below
    if below != shape[places[0]] and not any(
            _looks(x, place, shape[places[0]], program) for x in program.equations):
        return e
    name = fresh("r", {r.name: 0 for r in e.ranges} | dict.fromkeys(free_indices(e.body), 0))
    here = Apply("eq", (IndexValue(place), IndexValue(index(name))))
    subscripts = tuple(index(name) if k == places[0] else s for k, s in enumerate(e.subscripts))
    return replace(e, subscripts=subscripts, ranges=(*e.ranges, Range(name, shape[places[0]])),
                   body=select(here, e.body, ZERO))


def _looks(e: Equation, place: Integer, size: Integer, program: Program) -> bool:
    """Whether an equation reads at a place of an axis of some size, whatever its numbers are."""
    return e.condition is None and not any(
        isinstance(n, Select) for n in walk(e.body)) and any(
        isinstance(n, Ref) and n.outside is None and any(
            s == place and axis == size for s, axis in zip(
                n.subscripts, program.tensors[n.tensor].shape, strict=True))
        for n in walk(e.body))


def gathered(e: Equation, program: Program) -> Equation:
    """A scatter of products over windows as a sum of reads, if it is one."""
    if not (e.accumulate and e.condition is None and isinstance(e.body, Reduce)
            and e.body.op == "sum" and e.body.condition is None):
        return e
    refs = product_of(e.body.body)
    if refs is None or all(s.plain for s in e.subscripts):
        return e
    extents = {r.name: r.size.constant or 0 for r in (*e.ranges, *e.body.indices)
               if r.size is not None}
    taken = dict.fromkeys(extents, 0)
    places: dict[str, Integer] = {}
    subscripts, ranges, inner = [], [], list[Range]()
    for s, size in zip(e.subscripts, program.tensors[e.target].shape, strict=True):
        if s.plain is not None:
            subscripts.append(s)
            ranges.append(Range(s.plain, constant(extents[s.plain])))
            continue
        found = affine(s)
        if found is None or len(found[1]) != 2 or set(found[1].values()) != {1}:
            return e
        solved, other = sorted(found[1], key=lambda n: -extents[n])
        p = fresh("p", taken)
        taken[p] = 0
        places[solved] = index(p) - index(other) - found[0]
        subscripts.append(index(p))
        ranges.append(Range(p, size))
        inner.append(Range(other, constant(extents[other])))
    plain = [s.plain for s in e.subscripts if s.plain]
    if len({*plain, *places, *(r.name for r in inner)}) != len(plain) + 2 * len(places):
        return e
    if any(r.name in plain and r.size != n for r, n in zip(
            ranges, program.tensors[e.target].shape, strict=True)):
        return e
    met = {name: False for name in places}
    for r in refs:
        for s, size in zip(r.subscripts, program.tensors[r.tensor].shape, strict=True):
            here = set(s.indices()) & places.keys()
            if here and (s.plain is None or size != extents[s.plain] or r.outside is not None):
                return e
            for name in here:
                met[name] = True
    if not all(met.values()):
        return e
    body = _moved(e.body.body, places)
    total = Reduce("sum", (*e.body.indices, *inner), None, body)
    return replace(e, subscripts=tuple(subscripts), ranges=tuple(ranges), body=total,
                   dropping=False)


def _moved(e: Expr, places: dict[str, Integer]) -> Expr:
    """A product with indices replaced; what is read outside is 0."""
    if isinstance(e, Ref):
        moved = at_indices(e, places)
        assert isinstance(moved, Ref)
        return moved if moved == e else replace(moved, outside=Outside(ZERO))
    assert isinstance(e, Apply)
    return Apply(e.function, tuple(_moved(part, places) for part in e.args))
