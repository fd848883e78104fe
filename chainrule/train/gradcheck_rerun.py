"""A differentiated program with all its numbers, run again from where an equation is changed.

`Worked` holds the forward equations, the adjoint equations and every tensor's value. `Worked.rerun`
puts other equations in the place of some adjoint equations and computes what follows from them,
and nothing else. Gradients are linear in each adjoint equation, so the effect of leaving one out
(`without`) tells the effect of every factor in front of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from chainrule.diff.reverse import Derivative, gradient
from chainrule.evaluate.reference import run
from chainrule.evaluate.values import Sizes, bind
from chainrule.lang.expr import ZERO, Expr, Ref, walk
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.train.gradcheck_mutants import Context, renamed

Arrays = dict[str, np.ndarray]
YOURS: Final = "_yours"


class Worked:
    """A program, its adjoints, and the values of all tensors.

    `adjoints` maps tensors to the names of their adjoints, in the order in which the reverse sweep
    completes them; `first` is the place of the first adjoint equation.
    """

    def __init__(self, program: Program, sizes: Sizes, tables: Arrays) -> None:
        self.program = program
        self.sizes = sizes
        self.tables = tables
        self.first = next((k for k, e in enumerate(program.equations) if self._backward(e)),
                          len(program.equations))
        last = {e.target: k for k, e in enumerate(program.equations)}
        order = sorted((n for n in last if program.tensors[n].adjoint_of), key=last.__getitem__)
        self.adjoints = {program.tensors[n].adjoint_of or "": n for n in order}
        self.reads = [_reads(e) for e in program.equations]
        self._without: dict[tuple[int, ...], Arrays] = {}
        self._reach: dict[str, frozenset[str]] = {}

    def _backward(self, equation: Equation) -> bool:
        return self.program.tensors[equation.target].adjoint_of is not None

    def context(self) -> Context:
        """What changes of its equations are made from."""
        shapes = {name: array.shape for name, array in self.tables.items()}
        return Context(self.program, shapes, self.sizes.of)

    def backward(self) -> range:
        """The places of the adjoint equations."""
        return range(self.first, len(self.program.equations))

    def reach(self, adjoint: str) -> frozenset[str]:
        """The adjoints that follow from one, itself included."""
        if adjoint not in self._reach:
            self._reach[adjoint] = frozenset(self._affected({adjoint}))
        return self._reach[adjoint]

    def _affected(self, start: Iterable[str]) -> set[str]:
        affected = set(start)
        for k in self.backward():
            if not affected.isdisjoint(self.reads[k]):
                affected.add(self.program.equations[k].target)
        return affected

    def rerun(self, changes: Mapping[int, Equation]) -> Arrays:
        """The adjoints that follow where equations are changed, by name.

        Raises what evaluation raises: a change may make no sense.
        """
        affected = self._affected(self.program.equations[k].target for k in changes)
        equations = [changes.get(k, self.program.equations[k]) for k in self.backward()
                     if self.program.equations[k].target in affected]
        return self.computed(equations, affected)

    def computed(self, equations: Sequence[Equation], targets: Iterable[str]) -> Arrays:
        """The values of some equations' targets, all other tensors being as they are."""
        targets = set(targets)
        needed = dict.fromkeys(n for e in equations for n in _reads(e) if n not in targets)
        inputs = tuple(needed)
        tensors = {n: self.program.tensors[n] for n in (*inputs, *targets)}
        part = Program(tensors, inputs, tuple(equations), tuple(targets))
        values: dict[str, Any] = {n: self.tables[n] for n in inputs}
        for name in part.size_names() if self.sizes else ():
            values[name] = self.sizes[name]
        found = run(part, values, check=False)
        return {n: found[n] for n in targets}

    def without(self, places: tuple[int, ...]) -> Arrays:
        """The adjoints that follow where some equations contribute nothing."""
        if places not in self._without:
            nothing = {k: emptied(self.program.equations[k]) for k in places}
            self._without[places] = self.rerun(nothing)
        return self._without[places]

    def changed(self, changes: Mapping[int, Equation]) -> Worked:
        """The same with some adjoint equations changed for good."""
        equations = list(self.program.equations)
        for k, equation in changes.items():
            equations[k] = equation
        tables = {**self.tables, **self.rerun(changes)}
        return Worked(replace(self.program, equations=tuple(equations)), self.sizes, tables)

    def cut(self, given: Mapping[str, np.ndarray]) -> Worked:
        """The same, but what follows from some adjoints follows from the given arrays instead.

        `given` is by the adjoint's name. The array is a new input, called as `yours` calls it.
        """
        tensors = dict(self.program.tensors)
        equations = list(self.program.equations)
        tables = dict(self.tables)
        affected: set[str] = set()
        for name, array in given.items():
            tensors[yours(name)] = Tensor(yours(name), tensors[name].shape, role="seed",
                                          adjoint_of=tensors[name].adjoint_of)
            tables[yours(name)] = np.asarray(array, np.float64)
            for k in self.backward():
                if name in self.reads[k]:
                    e = equations[k]
                    equations[k] = replace(
                        e, body=renamed(e.body, name, yours(name)),
                        condition=None if e.condition is None
                        else renamed(e.condition, name, yours(name)))
                    affected.add(e.target)
        program = replace(self.program, tensors=tensors, equations=tuple(equations),
                          inputs=(*self.program.inputs, *map(yours, given)))
        found = Worked(program, self.sizes, tables)
        affected = found._affected(affected)
        again = [equations[k] for k in found.backward() if equations[k].target in affected]
        tables |= found.computed(again, affected)
        return Worked(program, self.sizes, tables)


def yours(adjoint: str) -> str:
    """What a user's own array for an adjoint is called in the program that is cut there."""
    return adjoint + YOURS


def worked(program: Program, values: Mapping[str, Any], of: str | None,
           wrt: Sequence[str]) -> Worked:
    """A program differentiated and run at a point, numbers that are not finite included.

    Raises what differentiation raises, and `bind`.
    """
    derivative: Derivative = gradient(program, of, wrt)
    sizes, _ = bind(program, values)
    tables = run(derivative.program, values, check=False)
    return Worked(derivative.program, sizes, tables)


def emptied(equation: Equation) -> Equation:
    """An adjoint equation that contributes nothing."""
    return replace(equation, body=ZERO, ranges=equation.ranges)


def _reads(equation: Equation) -> frozenset[str]:
    """The tensors that an equation reads, those inside subscripts included."""
    parts: list[Expr] = [equation.body, Ref("", equation.subscripts)]
    if equation.condition is not None:
        parts.append(equation.condition)
    return frozenset(n.tensor for part in parts for n in walk(part)
                     if isinstance(n, Ref) and n.tensor)

