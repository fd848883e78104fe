"""Names of layers: z5 of an unrolled program is z(l) where l stands for 5, or z(L-1), or z(5).

A derivation for any number of layers is worked on a slice of an unrolled program, around one layer
in its middle. Its tensors and sizes are then called by how far they are from that layer. The way
back, from z(l+1) to z4, serves the check on networks that are small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    IndexValue,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    children,
    rebuild,
)
from chainrule.lang.families import Level
from chainrule.lang.integers import Atom, Integer, Size, atom, size
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.unrolling import Unrolled

Rename = Callable[[str], str]
HELD = "°"  # before the name of a tensor that is held: it is read, and not differentiated
_MEMBER = re.compile(r"(.*)\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Window:
    """How the layers of an unrolled network are called around layer `here`, called `letter`.

    Layers within `reach` of it are called by their distance; the first and the last ones by
    number and by distance from the last one. Where `here` is None only those have a name.
    """

    here: int | None
    letter: str
    reach: int
    last: int
    end: str

    def label(self, layer: int) -> str:
        """The name of a layer: l, l+1, 0, L-1."""
        if self.here is not None and abs(layer - self.here) <= 2 * self.reach + 1:
            return shifted(self.letter, layer - self.here)
        if layer > self.last // 2:
            return shifted(self.end, layer - self.last)
        return str(layer)


def shifted(letter: str, by: int) -> str:
    """l, l+1, l-2.

    >>> shifted("l", 0), shifted("L", -1)
    ('l', 'L-1')
    """
    return f"{letter}{by:+d}" if by else letter


def said(level: Level, letter: str, end: str) -> str:
    """A level as text."""
    return str(level.offset) if not level.anchor else shifted(
        letter if level.anchor == "l" else end, level.offset)


def homes(found: Unrolled, tensors: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Which family and layer each tensor is of; what a formula of the library needs besides too."""
    table = {}
    for name in tensors:
        if name in found.members or name in found.numbers:
            table[name] = (found.members | found.numbers)[name]
            continue
        match = re.fullmatch(r"(.*?\d+)_(.+)", name)  # y3_mean, a part of y3 = layer_norm(…)
        if match and match[1] in found.members:
            base, layer = found.members[match[1]]
            table[name] = (f"{base}_{match[2]}", layer)
    return table


def named(table: dict[str, tuple[str, int]], window: Window) -> Rename:
    """z5 as z(l), and ∂z5, the derivative that is given by it, as ∂z(l)."""
    def rename(name: str) -> str:
        if name.startswith(("∂", HELD)):
            return name[0] + rename(name[1:])
        if name not in table:
            return name
        base, layer = table[name]
        return f"{base}({window.label(layer)})"
    return rename


def numbered(here: int | None, letter: str, last: int, end: str, table: dict[tuple[str, int], str],
             ) -> Rename:
    """z(l+1) as z4, where l is 3; `table` has the names of a program's members."""
    def rename(name: str) -> str:
        match = _MEMBER.fullmatch(name)
        if match is None:
            return name
        said = re.fullmatch(r"([^\W\d]\w*)?([+-]?\d+)?", match[2])
        assert said is not None
        base = {None: 0, end: last, letter: here or 0}[said[1]]
        layer = base + int(said[2] or 0)
        return table.get((match[1], layer), f"{match[1]}{layer}")
    return rename


# --- renaming -------------------------------------------------------------------------------------


def in_integer(p: Integer, tensors: Rename, sizes: Rename) -> Integer:
    """A size or a subscript under other names."""
    if p.plain is not None or p.constant is not None:
        return p

    def put(a: Atom) -> Integer | None:
        if isinstance(a, Size):
            return size(sizes(a.name))
        if isinstance(a, Read):
            ref = in_expression(a.ref, tensors, sizes)
            assert isinstance(ref, Ref)
            return atom(Read(ref))
        return None

    return p.substitute(put)


def in_expression(e: Expr, tensors: Rename, sizes: Rename) -> Expr:
    """An expression under other names."""
    if isinstance(e, Ref):
        outside = e.outside
        if outside is not None and outside.pads is not None:
            pads = tuple((in_integer(a, tensors, sizes), in_integer(b, tensors, sizes))
                         for a, b in outside.pads)
            outside = Outside(outside.fill, pads)
        return Ref(tensors(e.tensor), tuple(in_integer(s, tensors, sizes) for s in e.subscripts),
                   outside)
    if isinstance(e, IndexValue):
        return IndexValue(in_integer(e.value, tensors, sizes))
    parts = children(e)
    new = rebuild(e, tuple(in_expression(p, tensors, sizes) for p in parts)) if parts else e
    if isinstance(new, Reduce | ArgReduce):
        return replace(new, indices=in_ranges(new.indices, tensors, sizes))
    return new


def in_ranges(ranges: tuple[Range, ...], tensors: Rename, sizes: Rename) -> tuple[Range, ...]:
    """Ranges under other names."""
    return tuple(Range(r.name, None if r.size is None else in_integer(r.size, tensors, sizes))
                 for r in ranges)


def in_equation(e: Equation, tensors: Rename, sizes: Rename) -> Equation:
    """An equation under other names."""
    condition = None if e.condition is None else in_expression(e.condition, tensors, sizes)
    return replace(e, target=tensors(e.target), body=in_expression(e.body, tensors, sizes),
                   subscripts=tuple(in_integer(s, tensors, sizes) for s in e.subscripts),
                   ranges=in_ranges(e.ranges, tensors, sizes), condition=condition)


def in_program(p: Program, tensors: Rename, sizes: Rename) -> Program:
    """A program under other names."""
    table = {}
    for t in p.tensors.values():
        shape = tuple(in_integer(n, tensors, sizes) for n in t.shape)
        below = None if t.below is None else in_integer(t.below, tensors, sizes)
        of = None if t.adjoint_of is None else tensors(t.adjoint_of)
        name = tensors(t.name)
        table[name] = Tensor(name, shape, t.kind, t.role, of, below=below)
    return Program(table, tuple(map(tensors, p.inputs)),
                   tuple(in_equation(e, tensors, sizes) for e in p.equations),
                   tuple(map(tensors, p.outputs)))
