"""Sums that need no guard, by names of their own.

In causal attention, `a[i,j] = exp(s[i,j])/sum(r <= i) exp(s[i,r]) if j <= i else 0`, the sum stands
under a condition, and an array for each i and j would be made of it though it depends on i alone.
It has a value whether the condition holds or not: it stays on its axes and inside the domain of its
functions. So it may be computed beforehand, once for each i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    free_indices,
    rebuild,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import ZERO, Integer, index
from chainrule.lang.program import Equation, Program, Tensor, fresh
from chainrule.lang.verify import verify

Sizes = Mapping[str, Integer]


def unguarded(program: Program) -> Program:
    """The program with such sums as equations; the same object where there are none."""
    work = _Work(program)
    for equation in program.equations:
        work.equation(equation)
    if len(work.equations) == len(program.equations):
        return program
    return verify(replace(program, tensors=work.tensors, equations=tuple(work.equations)))


class _Work:
    def __init__(self, program: Program) -> None:
        self.tensors = dict(program.tensors)
        self.equations: list[Equation] = []

    def equation(self, e: Equation) -> None:
        """An equation, after those of the sums that leave it."""
        sizes = {r.name: r.size for r in e.ranges if r.size is not None}
        body = self.visit(e.body, sizes, e, False)
        self.equations.append(e if body is e.body else replace(e, body=body))

    def visit(self, node: Expr, sizes: Sizes, e: Equation, guarded: bool) -> Expr:
        if isinstance(node, Reduce | ArgReduce | Ref):
            if guarded and isinstance(node, Reduce) and self.total(node, sizes):
                return self.named(node, sizes, e)
            return node
        if not guarded and not any(isinstance(n, Select) for n in walk(node)):
            return node
        under = guarded or isinstance(node, Select)
        parts = children(node)
        done = tuple(self.visit(part, sizes, e, under) for part in parts)
        if all(a is b for a, b in zip(parts, done, strict=True)):
            return node
        return rebuild(node, done)

    def named(self, node: Reduce, sizes: Sizes, e: Equation) -> Expr:
        """A reference to an equation of its own."""
        free = free_indices(node)
        loops = tuple(Range(n, size) for n, size in sizes.items() if n in free)
        name = fresh(f"{e.target}_sum", self.tensors)
        self.tensors[name] = Tensor(name, tuple(r.size for r in loops if r.size is not None))
        subscripts = tuple(index(r.name) for r in loops)
        origin = replace(e.origin, rule="part", of=e.target)
        self.equations.append(Equation(name, subscripts, loops, node, origin=origin))
        return Ref(name, subscripts)

    def total(self, node: Reduce, sizes: Sizes) -> bool:
        """Whether a sum has a value everywhere."""
        if node.op != "sum":
            return False
        inner = {**sizes, **{r.name: r.size for r in node.indices if r.size is not None}}
        for part in walk(node):
            if part is node:
                continue
            if isinstance(part, Reduce | ArgReduce | Select):
                return False
            if isinstance(part, Apply) and FUNCTIONS[part.function].domain is not None:
                return False
            if isinstance(part, Ref) and not self._inside(part, inner):
                return False
        return True

    def _inside(self, ref: Ref, sizes: Sizes) -> bool:
        if ref.outside is not None:
            return False
        for s, axis in zip(ref.subscripts, self.tensors[ref.tensor].shape, strict=True):
            ends = extent(s, sizes)
            if ends is None or not (at_most(ZERO, ends[0]) and at_most(ends[1], axis - 1)):
                return False
        return True


__all__ = ["unguarded"]
