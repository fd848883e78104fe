"""Which letters a derivation's indices get.

A cell has the letters of its own formula, or those that the program uses first for its axes. A
second index of an axis takes a neighbour, j beside i, which stands for no other axis. A sum whose
own letter is taken is renamed, and named back when the letter is free again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from chainrule.algebra.terms import letter, replaced
from chainrule.lang.expr import (
    ZERO,
    ArgReduce,
    Delta,
    Expr,
    Range,
    Reduce,
    Ref,
    children,
    free_indices,
    rebuild,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Program

_BESIDE: Final = {"i": "jkl", "j": "kli", "k": "lji", "l": "mkn", "m": "nlr", "n": "mlr",
                  "u": "srw", "v": "rsw", "w": "srv", "a": "bcd", "b": "cad", "c": "dab"}


class Letters:
    """The letters of one derivation; `outer` are those of the output's cell, `of`."""

    def __init__(self, program: Program, of: str) -> None:
        self.program = program
        self.names = frozenset({*program.tensors, *program.size_names()})  # m samples: no index m
        self.outer: tuple[str, ...] = ()
        self.first: dict[Integer, str] = {}
        for r in (r for e in program.equations for r in e.ranges):
            if r.size is not None and r.size.constant is None:
                self.first.setdefault(r.size, r.name)
        self.outer = self.indices_of(of)

    def indices_of(self, name: str) -> tuple[str, ...]:
        """Letters for a tensor's cell: those of its own equation, or of its first plain read."""
        own = [e for e in self.program.equations if e.target == name]
        if len(own) == 1 and own[0].plain:
            return self.clear(self.familiar(name, [s.plain or "" for s in own[0].subscripts]))
        for e in self.program.equations:
            for node in walk(e.body):
                if isinstance(node, Ref) and node.tensor == name:
                    letters = [s.plain for s in node.subscripts]
                    if None not in letters and len(set(letters)) == len(letters):
                        return self.clear(self.familiar(name, [n or "" for n in letters]))
        used: set[str] = set(self.outer)
        found = []
        for axis in range(len(self.program.tensors[name].shape)):
            leading = self.leading(name, axis)
            letter = self.beside(leading, used) if leading else self.letter(used)
            used.add(letter)
            found.append(letter)
        return tuple(found)

    def familiar(self, name: str, letters: Sequence[str]) -> list[str]:
        """The letters, each the first that the program uses for its axis where that is free."""
        chosen: list[str] = []
        for own, size in zip(letters, self.program.tensors[name].shape, strict=True):
            known = self.first.get(size, own)
            chosen.append(own if known in {*chosen, *letters, *self.outer} else known)
        return chosen

    def leading(self, name: str, axis: int) -> str | None:
        """The first index in a subscript of several: i in x[i+a]."""
        reads = (node.subscripts[axis] for e in self.program.equations for node in walk(e.body)
                 if isinstance(node, Ref) and node.tensor == name)
        return next((n for s in reads for n in s.indices()), None)

    def clear(self, letters: Iterable[str]) -> tuple[str, ...]:
        """The letters, those of the output's cell replaced by others."""
        chosen = list(letters)
        used = {*chosen, *self.outer}
        for k, name in enumerate(chosen):
            if name in self.outer:
                chosen[k] = self.beside(name, used)
                used.add(chosen[k])
        return tuple(chosen)

    def beside(self, name: str, used: Iterable[str]) -> str:
        """A letter beside another, for a second index of the same axis: j for i, l for k."""
        taken = {*used, *self.names, *map(str.lower, self.program.tensors)}
        other = _index_names(self.program, name)
        near = (c for c in _BESIDE.get(name, "") if c not in taken and c not in other)
        return next(near, self.letter({*used, *other}))

    def letter(self, used: Iterable[str]) -> str:
        """An index that is not used, nor a name of the program."""
        return letter({*used, *self.names})

    def apart(self, e: Expr, used: set[str]) -> Expr:
        """An expression whose summed indices are called like none of these."""
        if isinstance(e, Reduce):
            own = used | set(free_indices(e.body)) | {r.name for r in e.indices}
            places: dict[str, Integer] = {}
            for r in e.indices:
                if r.name in used:
                    letter = self.beside(r.name, own | {str(p) for p in places.values()})
                    places[r.name] = index(letter)
            ranges = tuple(Range(str(places.get(r.name, r.name)), r.size) for r in e.indices)
            inner = used | {r.name for r in ranges}
            condition = None if e.condition is None else self.apart(
                replaced(e.condition, places), inner)
            return Reduce(e.op, ranges, condition,
                          self.apart(replaced(e.body, places), inner), e.span)
        parts = children(e)
        return rebuild(e, tuple(self.apart(part, used) for part in parts)) if parts else e


def _index_names(program: Program, beside: str) -> set[str]:
    """The letters that a program loops over, along other axes than this one."""
    ranges = {r for e in program.equations for r in e.ranges}
    ranges |= {r for e in program.equations for node in walk(e.body) if isinstance(node, Reduce)
               for r in node.indices}
    own = {r.size for r in ranges if r.name == beside}
    return {r.name for r in ranges if r.size not in own}


def relettered(e: Expr, first: Mapping[Integer, str], letters: dict[str, str]) -> Expr:
    """The sums over the letters that the program uses for their axes, where those are free.

    `letters` receives what was renamed.
    """
    parts = children(e)
    if isinstance(e, Reduce):
        used = _index_letters(e)
        places: dict[str, Integer] = {}
        for r in e.indices:
            name = first.get(r.size, r.name) if r.size is not None else r.name
            if name not in used:
                used.add(name)
                letters[r.name] = name
                places[r.name] = index(name)
        ranges = tuple(Range(str(places.get(r.name, r.name)), r.size) for r in e.indices)
        condition = None if e.condition is None else replaced(e.condition, places)
        body = relettered(replaced(e.body, places), first, letters)
        return Reduce(e.op, ranges, condition, body, e.span)
    return rebuild(e, tuple(relettered(part, first, letters) for part in parts)) if parts else e


def _index_letters(e: Expr) -> set[str]:
    """All indices that stand in an expression, free or not."""
    return set(free_indices(e)) | {r.name for node in walk(e)
                                   if isinstance(node, Reduce | ArgReduce) for r in node.indices}


def printed(names: Sequence[str], line: Expr | None) -> list[str]:
    """The summed indices as the line before calls them, which may name two sums alike."""
    sums = [node for node in walk(line or ZERO) if isinstance(node, Reduce)]
    if {r.name for node in sums for r in node.indices} >= set(names):
        return list(names)
    picked = {n for node in sums for d in walk(node.body) if isinstance(d, Delta)
              for n in (*d.left.indices(), *d.right.indices())}
    found = dict.fromkeys(r.name for node in sums for r in node.indices if r.name in picked)
    return list(found) or list(names)
