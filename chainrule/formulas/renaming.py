"""Equations with other names: a formula of the library in the program that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.lang.expr import (
    ArgReduce,
    Expr,
    IndexValue,
    Range,
    Read,
    Reduce,
    Ref,
    at_indices,
    children,
    rebuild,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, atom, index
from chainrule.lang.program import Equation, fresh


def renamed_equation(e: Equation, table: Mapping[str, str], layer: str) -> Equation:
    """An equation with its tensors under other names, as a part of a layer."""
    return replace(
        e, target=table[e.target], body=renamed(e.body, table),
        subscripts=tuple(subscript(s, table) for s in e.subscripts),
        condition=None if e.condition is None else renamed(e.condition, table),
        origin=replace(e.origin, layer=layer))


def renamed(e: Expr, table: Mapping[str, str]) -> Expr:
    """An expression with its tensors under other names."""

    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Ref):
            return Ref(table.get(node.tensor, node.tensor),
                       tuple(subscript(s, table) for s in node.subscripts), node.outside,
                       node.span)
        if isinstance(node, IndexValue):
            return IndexValue(subscript(node.value, table), node.span)
        return None

    return transform(e, leaf)


def subscript(s: Integer, table: Mapping[str, str]) -> Integer:
    """A subscript with the tensors that it reads under other names."""
    if s.plain is not None:
        return s

    def put(a: object) -> Integer | None:
        if isinstance(a, Read):
            ref = renamed(a.ref, table)
            assert isinstance(ref, Ref)
            return atom(Read(ref))
        return None

    return s.substitute(put)


def apart(e: Equation, taken: set[str]) -> Equation:
    """An equation whose indices are not called like tensors or sizes of its program."""
    names = {r.name for r in e.ranges}
    for node in walk(e.body):
        if isinstance(node, Reduce | ArgReduce):
            names.update(r.name for r in node.indices)
    clash = names & taken
    if not clash:
        return e
    table: dict[str, str] = {}
    for name in sorted(clash):
        table[name] = fresh(name, taken | names | set(table.values()))
    places = {old: index(new) for old, new in table.items()}

    def ranges(given: tuple[Range, ...]) -> tuple[Range, ...]:
        return tuple(Range(table.get(r.name, r.name), r.size) for r in given)

    def bound(node: Expr) -> Expr:
        parts = tuple(bound(part) for part in children(node))
        node = rebuild(node, parts) if parts else node
        if isinstance(node, Reduce):
            return replace(node, indices=ranges(node.indices))
        if isinstance(node, ArgReduce):
            return replace(node, indices=ranges(node.indices),
                           which=table.get(node.which, node.which))
        return node

    condition = e.condition
    return replace(
        e, ranges=ranges(e.ranges), body=bound(at_indices(e.body, places)),
        subscripts=tuple(s.substitute(lambda a: places.get(getattr(a, "name", "")))
                         for s in e.subscripts),
        condition=None if condition is None else bound(at_indices(condition, places)))
