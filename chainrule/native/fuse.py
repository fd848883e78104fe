"""Equations joined into one kernel, and cheap ones computed where they are read.

Two equations can share a loop nest if at each point the second reads, of what the first writes,
just the cell that this point has written: that value is then still in a register. So the bias, the
activation and the optimiser's step ride along with the sum before them, and a tensor that nobody
else reads is never written at all (`Group.unseen`). The second equation's indices are renamed to
the places that the first one writes,

    x̄[n,2i+a] = ȳ[n,i] if a*[n,i] = a else 0        z̄[n,h] = x̄[n,h] if z[n,h] > 0 else 0
    ⟶ z̄[n,2i+a] = x̄[n,2i+a] if z[n,2i+a] > 0 else 0     in the first one's loops,

which is right because these places are all the cells, each once (`covers`). Equations that only
read the same cells, such as a maximum and the place where it stands, may share a nest too.

The opposite of writing once is computing again: `inlined` puts a rectifier into the pooling that is
its only reader, since reading its operand costs the same as reading its result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    at_indices,
    children,
    free_indices,
    move,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program
from chainrule.native.elementary import DEEP
from chainrule.native.kernels import references
from chainrule.native.layout import volume
from chainrule.native.prepare import bound_indices, covers, freed
from chainrule.native.share import Share

_CHEAP: Final = {"add", "sub", "mul", "neg", "relu", "max", "min", "abs", "gt", "ge", "lt", "le"}
_OPERATIONS: Final = 3  # of a body that is computed again where it is read
_TERMS: Final = 32  # of a sum that is worth a loop without what takes long
_LOOK_BACK: Final = 16  # groups that an equation is tried with


@dataclass(slots=True)
class Group:
    """Equations in one loop nest, in the indices of the first; `numbers` are their places in the
    program, `unseen` the targets that nothing outside the group reads."""

    equations: list[Equation]
    numbers: list[int]
    share: Share
    unseen: frozenset[str] = frozenset()


# --- computing again


def inlined(program: Program) -> Program:
    """With cheap pointwise equations put into maxima and pointwise equations that read them."""
    kept = {*program.outputs, *(n for pair in program.updates for n in pair)}
    writes = Counter(e.target for e in program.equations)
    equations = list(program.equations)
    for e in program.equations:
        if e.target in kept or writes[e.target] != 1 or not _light(e, program):
            continue
        readers = [k for k, x in enumerate(equations)
                   if any(r.tensor == e.target for r in references(x))]
        if not readers or not all(_takes(equations[k], e.target) for k in readers):
            continue
        made = {k: _put(equations[k], e) for k in readers}
        if any(r.tensor == e.target for x in made.values() for r in references(x)):
            continue  # a subscript reads it
        equations = [made.get(k, x) for k, x in enumerate(equations) if x.target != e.target]
    return replace(program, equations=tuple(equations))


def _light(e: Equation, program: Program) -> bool:
    """Whether an equation is a few operations on one tensor, cell by cell."""
    if e.accumulate or not e.plain or not covers(e, program.tensors[e.target].shape):
        return False
    nodes = list(walk(e.body))
    refs = [n for n in nodes if isinstance(n, Ref)]
    applied = [n for n in nodes if isinstance(n, Apply | Select)]
    return (len(set(refs)) == 1 and 0 < len(applied) <= _OPERATIONS
            and all(isinstance(n, Ref | Apply | Select | Number) for n in nodes)
            and all(n.function in _CHEAP for n in applied if isinstance(n, Apply))
            and refs[0].outside is None and refs[0].subscripts == e.subscripts)


def _takes(e: Equation, name: str) -> bool:
    """Whether an equation reads a tensor only where it may as well compute it: in a maximum."""
    def within(node: Expr, inside: bool) -> bool:
        if isinstance(node, Ref) and node.tensor == name:
            return inside and node.outside is None
        inside = inside or (isinstance(node, Reduce | ArgReduce) and node.op != "sum")
        if isinstance(node, Reduce) and node.op == "sum":
            return not any(isinstance(n, Ref) and n.tensor == name for n in walk(node))
        return all(within(part, inside) for part in children(node))

    return all(within(part, False) for part in (e.body, e.condition) if part is not None)


def _put(e: Equation, cheap: Equation) -> Equation:
    """An equation with the body of another in the place of what it reads of it."""
    def leaf(node: Expr) -> Expr | None:
        if not isinstance(node, Ref) or node.tensor != cheap.target:
            return None
        places = {s.plain or "": at for s, at in zip(cheap.subscripts, node.subscripts,
                                                     strict=True)}
        return at_indices(cheap.body, places)

    return replace(e, body=transform(e.body, leaf),
                   condition=None if e.condition is None else transform(e.condition, leaf))


# --- sharing a nest


def grouped(phase: Sequence[int], program: Program, shares: Sequence[Share],
            needs: Sequence[Collection[int]], alone: Collection[int],
            olds: Mapping[str, str]) -> list[Group]:
    """The equations of a phase, in order, those that can share a nest together.

    `alone` are the numbers of those that share with nobody, `needs` what each must come after,
    `olds` the tensors whose memory new states take.
    """
    groups: list[Group] = []
    for k in phase:
        e, share = program.equations[k], shares[k]
        for group in () if k in alone else reversed(groups[-_LOOK_BACK:]):
            joined = None
            if not set(group.numbers) & set(alone):
                joined = _joined(group, e, share, program, olds)
            if joined is not None:
                group.equations.append(joined)
                group.numbers.append(k)
                break
            if set(needs[k]) & set(group.numbers):
                groups.append(Group([e], [k], share))
                break
        else:
            groups.append(Group([e], [k], share))
    return groups


def _joined(group: Group, e: Equation, share: Share, program: Program,
            olds: Mapping[str, str]) -> Equation | None:
    """The equation in the indices of a group that it can join."""
    mine = group.share
    shape = program.tensors[e.target].shape
    if share.how != mine.how or share.extent != mine.extent or share.partial or mine.partial:
        return None
    if not _simple(e, program) or not _simple(group.equations[0], program):
        return None
    if volume(group.equations[0]) >= _TERMS * volume(e) and any(
            isinstance(n, Apply) and n.function in DEEP for n in walk(e.body)):
        return None  # a sum that waits for it takes longer than a loop of its own
    here = {x.target: x.subscripts for x in group.equations}
    if e.target in here or _alike(group, e, olds):
        return None
    places = _places(group, e, here, program)
    if places is None:
        return None
    if share.index and places[share.index].plain != mine.index:
        return None
    first = group.equations[0]
    taken = {r.name for r in first.ranges} | {n for p in places.values() for n in p.indices()}
    body = e.body
    if bound_indices(body) & taken:
        body = freed(body, taken | bound_indices(body) | places.keys())
    body = at_indices(body, places)
    found = replace(e, body=body, subscripts=tuple(move(s, places) for s in e.subscripts),
                    ranges=first.ranges)
    for r in references(found):
        if r.tensor in here and (r.subscripts != here[r.tensor] or r.outside is not None):
            return None
    if any(r.tensor == e.target for x in group.equations for r in references(x)):
        return None
    return found if covers(found, shape) else None


def _simple(e: Equation, program: Program) -> bool:
    return not e.accumulate and covers(e, program.tensors[e.target].shape)


def _alike(group: Group, e: Equation, olds: Mapping[str, str]) -> bool:
    """Whether the same memory would be known by two names in one kernel."""
    names = {n for x in (*group.equations, e) for n in (
        x.target, *(r.tensor for r in references(x)))}
    return any(olds[n] in names for n in names if n in olds)


def _places(group: Group, e: Equation, here: Mapping[str, tuple[Integer, ...]],
            program: Program) -> dict[str, Integer] | None:
    """What an equation's indices are in a group's loops."""
    names = {r.name for r in e.ranges}
    for r in references(e):
        plain = [s.plain for s in r.subscripts]
        if r.tensor in here and None not in plain and set(plain) == names and (
                len(set(plain)) == len(plain)):
            return {n or "": s for n, s in zip(plain, here[r.tensor], strict=True)}
    first = group.equations[0]
    target = [s.plain for s in e.subscripts]
    if None in target or set(target) != names or not _siblings(first, e, program):
        return None
    return {n or "": s for n, s in zip(target, first.subscripts, strict=True)}


def _siblings(first: Equation, e: Equation, program: Program) -> bool:
    """Whether two equations write the same shape and read some tensor at the same cells."""
    if program.tensors[first.target].shape != program.tensors[e.target].shape:
        return False
    if not first.plain:
        return False
    places = {s.plain or "": index(t.plain or "")
              for s, t in zip(e.subscripts, first.subscripts, strict=True)}
    theirs = {_key(n) for n in walk(first.body) if _shared(n, first)}
    mine = {_key(at_indices(n, places)) for n in walk(e.body) if _shared(n, e)}
    return bool(theirs & mine)


def _shared(n: Expr, e: Equation) -> bool:
    """Whether a part is worth sharing: a winner, or a read at every point of the loops."""
    if isinstance(n, Reduce | ArgReduce):
        return n.op != "sum"
    return isinstance(n, Ref) and set(free_indices(n)) >= {r.name for r in e.ranges if r.size != 1}


def _key(n: Expr) -> object:
    if isinstance(n, Reduce | ArgReduce):
        return n.op, n.indices, n.condition, n.body
    return n


def unseen(groups: Sequence[Group], program: Program, kept: Collection[str]) -> None:
    """Set which targets of each group nobody else reads."""
    readers: dict[str, set[int]] = {}
    for number, group in enumerate(groups):
        for e in group.equations:
            for r in references(e):
                readers.setdefault(r.tensor, set()).add(number)
    for number, group in enumerate(groups):
        group.unseen = frozenset(
            e.target for e in group.equations
            if e.target not in kept and readers.get(e.target, set()) <= {number}
            and e.target in readers and program.tensors[e.target].kind != "integer"
            and sum(x.target == e.target for x in program.equations) == 1)

