"""Split long equations, so that one rule differentiates them all.

After `split` a reduction stands only as a term of its equation (`sum(v) W[u,v]*x[v] + b[u]`), with
no other inside it: the sum in `p[i] = exp(z[i]) / sum(j) exp(z[j])` becomes an equation of its own,
computed once and read by name. A sum of sums is one sum. A part that stood under a condition keeps
it as a guard, so that a branch that was never taken is still never looked at.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.diff.calculus import terms
from chainrule.lang.expr import (
    ZERO,
    Apply,
    ArgReduce,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    both,
    children,
    free_indices,
    rebuild,
    reduces,
    select,
    transform,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh

Ranges = dict[str, Integer]


def split(program: Program) -> Program:
    """The program with each reduction that is not a term in an equation of its own."""
    if not any(_nested(e.body) for e in program.equations):
        return program
    work = _Split(program)
    for equation in program.equations:
        work.equation(equation)
    return replace(program, tensors=work.tensors, equations=tuple(work.equations))


def _nested(body: Expr) -> bool:
    """Whether a reduction stands anywhere but as a term of the body."""
    if not reduces(body):
        return False
    stack = [t.body if isinstance(t, Reduce) else t for _, t in terms(body)]
    while stack:
        node = stack.pop()
        if isinstance(node, Reduce):
            return True
        if not isinstance(node, ArgReduce):
            stack.extend(_valued(node))
    return False


def _valued(node: Expr) -> tuple[Expr, ...]:
    """The parts of a node that carry its value: conditions are constants for a derivative."""
    if isinstance(node, Select):
        return (node.then, node.otherwise)
    return children(node)


class _Split:
    def __init__(self, program: Program) -> None:
        self.tensors = dict(program.tensors)
        self.equations: list[Equation] = []

    def equation(self, equation: Equation) -> None:
        ranges: Ranges = {r.name: r.size for r in equation.ranges if r.size is not None}
        body = self.terms(equation.body, ranges, equation)
        self.equations.append(equation if body is equation.body else replace(equation, body=body))

    def terms(self, e: Expr, ranges: Ranges, equation: Equation) -> Expr:
        """The same sum of terms, each a reduction or free of them."""
        found = terms(e)
        if len(found) == 1 and found[0][1] is e:
            if isinstance(e, Reduce):
                return self.root(e, ranges, equation)
            return self.hoist(e, ranges, equation.condition, equation)
        done = {id(t): self.terms(t, ranges, equation) for _, t in found}
        if all(done[id(t)] is t for _, t in found):
            return e
        return transform(e, lambda node: done.get(id(node)))

    def root(self, body: Reduce, ranges: Ranges, equation: Equation) -> Reduce:
        """The same reduction with none inside; sums of sums merged."""
        while body.op == "sum" and isinstance(body.body, Reduce) and body.body.op == "sum":
            inner = body.body
            body = Reduce("sum", body.indices + inner.indices,
                          both(body.condition, inner.condition), inner.body, body.span)
        inside = {**ranges, **{r.name: r.size for r in body.indices if r.size is not None}}
        guard = both(equation.condition, body.condition)
        new = self.hoist(body.body, inside, guard, equation)
        return body if new is body.body else replace(body, body=new)

    def hoist(self, e: Expr, ranges: Ranges, guard: Expr | None, equation: Equation) -> Expr:
        """The expression with its reductions replaced by references to equations of their own."""
        if isinstance(e, ArgReduce | Ref):
            return e
        if isinstance(e, Reduce):
            return self.part(self.root(e, ranges, replace(equation, condition=guard)), ranges,
                             guard, equation)
        if isinstance(e, Select):
            then = self.hoist(e.then, ranges, both(guard, e.condition), equation)
            negation = Apply("not", (e.condition,))
            otherwise = self.hoist(e.otherwise, ranges, both(guard, negation), equation)
            if then is e.then and otherwise is e.otherwise:
                return e
            return Select(e.condition, then, otherwise, e.span)
        parts = children(e)
        done = tuple(self.hoist(part, ranges, guard, equation) for part in parts)
        if all(a is b for a, b in zip(parts, done, strict=True)):
            return e
        return rebuild(e, done)

    def part(self, e: Reduce, ranges: Ranges, guard: Expr | None, equation: Equation) -> Ref:
        if guard is not None:
            e = replace(e, body=select(guard, e.body, ZERO))
        bound = {r.name for r in e.indices}
        names = [n for n in dict.fromkeys(free_indices(e)) if n not in bound]
        loops = tuple(Range(n, ranges[n]) for n in ranges if n in names)
        subscripts = tuple(index(r.name) for r in loops)
        name = fresh(f"{equation.target}_{e.op}", self.tensors)
        self.tensors[name] = Tensor(name, tuple(r.size for r in loops if r.size is not None))
        origin = Origin("part", equation.target, span=e.span or equation.origin.span)
        self.equations.append(Equation(name, subscripts, loops, e, origin=origin))
        return Ref(name, subscripts, span=e.span)
