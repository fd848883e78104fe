"""Equations brought into the few forms that kernels have.

Each pass takes a program of known sizes and gives another that computes the same:

- `split` (of `diff`): no reduction inside another one;
- what nothing reads goes;
- a loop of `+=` over an index that the left-hand side lacks is a sum;
- contributions that each write every cell once are one equation: their sum; a first one that
  does so needs no zeros before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chainrule.diff.split import split
from chainrule.lang.expr import (
    ZERO,
    ArgReduce,
    Expr,
    Range,
    Reduce,
    Ref,
    add,
    at_indices,
    children,
    rebuild,
    select,
    transform,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program, fresh
from chainrule.native.kernels import affine, references
from chainrule.native.rewrite import rewritten


def prepared(program: Program) -> Program:
    """The program, of numbers for sizes, in the forms that kernels are made from."""
    program = needed(split(program))
    program = replace(program, equations=tuple(
        summed(indexed(e, program)) for e in program.equations))
    return merged(needed(rewritten(program)))


def needed(program: Program) -> Program:
    """Without the equations that no output and no new state hangs on."""
    wanted = {*program.outputs, *(new for _, new in program.updates)}
    kept = []
    for equation in reversed(program.equations):
        if equation.target in wanted:
            kept.append(equation)
            wanted.update(r.tensor for r in references(equation))
    return replace(program, equations=tuple(reversed(kept)))


def indexed(e: Equation, program: Program) -> Equation:
    """`y[o,0] = x[o,0]` as `y[o,z] = x[o,z]` with one value of z, where the axes have one cell."""
    shape = program.tensors[e.target].shape
    subscripts, ranges = list(e.subscripts), list(e.ranges)
    taken = {r.name: 0 for r in ranges} | dict.fromkeys(bound_indices(e.body), 0)
    made: list[str] = []
    for axis, (s, size) in enumerate(zip(e.subscripts, shape, strict=True)):
        if s == 0 and size == 1:
            name = fresh("z", taken)
            taken[name] = 0
            subscripts[axis] = index(name)
            ranges.append(Range(name, size))
            made.append(name)

    def read(node: Expr) -> Expr | None:
        if not isinstance(node, Ref) or node.outside is not None:
            return None
        names = iter(made)
        sizes = program.tensors[node.tensor].shape
        return replace(node, subscripts=tuple(
            index(name) if s == 0 and size == 1 and (name := next(names, None)) else s
            for s, size in zip(node.subscripts, sizes, strict=True)))

    return replace(e, subscripts=tuple(subscripts), ranges=tuple(ranges),
                   body=transform(e.body, read) if made else e.body)


def summed(e: Equation) -> Equation:
    """`y[i] += body` over i and k as `y[i] += sum(k) body`."""
    inside = {name for s in e.subscripts for name in s.indices()}
    extra = tuple(r for r in e.ranges if r.name not in inside)
    if not e.accumulate or not extra:
        return e
    body = Reduce("sum", extra, e.condition, e.body)
    return replace(e, body=body, condition=None,
                   ranges=tuple(r for r in e.ranges if r.name in inside))


def merged(program: Program) -> Program:
    """Contributions to one tensor that each hit every cell once, as one equation at the last."""
    pieces: dict[str, list[Equation]] = {}
    for e in program.equations:
        pieces.setdefault(e.target, []).append(e)
    found = []
    for e in program.equations:
        parts = pieces[e.target]
        shape = program.tensors[e.target].shape
        if e.accumulate and all(total(p, shape) for p in parts):
            if e is parts[-1]:
                found.append(one_of(parts))
        elif e.accumulate and e is parts[0] and covers(e, shape):
            found.append(replace(e, accumulate=False))
        else:
            found.append(e)
    return replace(program, equations=tuple(found))


def total(e: Equation, shape: tuple[Integer, ...]) -> bool:
    """Whether an equation writes every cell of its target exactly once."""
    if not e.plain or e.dropping:
        return False
    sizes = {r.name: r.size for r in e.ranges}
    return all(r.size == 1 or any(s.plain == r.name for s in e.subscripts)
               for r in e.ranges) and len(e.ranges) == len(shape) and all(
        sizes.get(s.plain or "") == size for s, size in zip(e.subscripts, shape, strict=True))


def covers(e: Equation, shape: Sequence[Integer]) -> bool:
    """Whether an equation writes every cell of a tensor exactly once.

    Each axis is met by an index of its extent, or by several as the digits of a number are:
    `2*i + a` for a in 0, 1.
    """
    if e.condition is not None or e.dropping:
        return False
    extents = {r.name: r.size.constant or 0 for r in e.ranges if r.size is not None}
    used: Counter[str] = Counter()
    for s, size in zip(e.subscripts, shape, strict=True):
        found = affine(s)
        if found is None or found[0]:
            return False
        step = 1
        for name, slope in sorted(found[1].items(), key=lambda item: item[1]):
            used[name] += 1
            if extents.get(name) == 1:
                continue
            if slope != step:
                return False
            step *= extents.get(name, 0)
        if step != size.constant:
            return False
    return all(used[n] == 1 or (extent == 1 and not used[n]) for n, extent in extents.items())


def one_of(parts: Iterable[Equation]) -> Equation:
    """The sum of contributions as a plain equation, in the indices of the last."""
    parts = list(parts)
    last = parts[-1]
    body: Expr = ZERO
    for e in parts:
        here = renamed(e, last)
        term = here.body
        if here.condition is not None:
            term = select(here.condition, term, ZERO)
        body = add(body, term)
    return replace(last, body=body, accumulate=False, condition=None)


def renamed(e: Equation, like: Equation) -> Equation:
    """A plain equation with the indices of another one of the same shape."""
    names = [s.plain or "" for s in e.subscripts]
    wanted = [s.plain or "" for s in like.subscripts]
    if names == wanted:
        return e
    bound = bound_indices(e.body) | (bound_indices(e.condition) if e.condition else set())
    if bound & set(wanted):  # an inner index has the name that an outer one is to get
        e = replace(e, body=freed(e.body, set(wanted) | bound),
                    condition=None if e.condition is None
                    else freed(e.condition, set(wanted) | bound))
    places = {old: index(new) for old, new in zip(names, wanted, strict=True)}
    return replace(e, subscripts=tuple(map(index, wanted)),
                   ranges=tuple(Range(w, r) for w, r in zip(wanted, (
                       next(x.size for x in e.ranges if x.name == n) for n in names),
                       strict=True)),
                   body=at_indices(e.body, places),
                   condition=None if e.condition is None else at_indices(e.condition, places))


def bound_indices(e: Expr) -> set[str]:
    """The names of all indices that reductions in an expression bind."""
    found: set[str] = set()
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Reduce | ArgReduce):
            found.update(r.name for r in node.indices)
        stack.extend(children(node))
    return found


def freed(e: Expr, taken: set[str]) -> Expr:
    """The expression with every bound index called something that is not in `taken`."""
    if isinstance(e, Reduce | ArgReduce):
        places, ranges = {}, []
        for r in e.indices:
            new = fresh(r.name, dict.fromkeys(taken))
            taken.add(new)
            places[r.name] = index(new)
            ranges.append(Range(new, r.size))
        body = freed(at_indices(e.body, places), taken)
        condition = None if e.condition is None else freed(at_indices(e.condition, places), taken)
        if isinstance(e, ArgReduce):
            return ArgReduce(e.op, tuple(ranges), condition, body, str(places[e.which]), e.span)
        return Reduce(e.op, tuple(ranges), condition, body, e.span)
    parts = children(e)
    return rebuild(e, tuple(freed(p, taken) for p in parts)) if parts else e
