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
DEPTH = 64  # operations inside each other that one equation keeps


def split(program: Program) -> Program:
    """The program with each reduction that is not a term in an equation of its own."""
    if not any(_nested(e.body) for e in program.equations):
        return program
    work = _Split(program)
    for equation in program.equations:
        work.equation(equation)
    return replace(program, tensors=work.tensors, equations=tuple(work.equations))


def _nested(body: Expr) -> bool:
    """Whether a reduction stands anywhere but as a term of the body, or there is much of it."""
    whole = [body] if not reduces(body) else [t for _, t in terms(body)]
    stack = [t.body if isinstance(t, Reduce) else t for t in whole]
    nodes = 0
    while stack:
        node = stack.pop()
        nodes += 1
        if isinstance(node, Reduce) or nodes > DEPTH:  # so much that it may be deep
            return True
        if isinstance(node, Select) and reduces(node.condition):
            return True  # its indices would meet those that the derivative loops over
        if not isinstance(node, ArgReduce):
            stack.extend(_valued(node))
    return False


def _valued(node: Expr) -> tuple[Expr, ...]:
    """The parts of a node that carry its value: conditions are constants for a derivative."""
    if isinstance(node, Select):
        return (node.then, node.otherwise)
    return children(node)


def _guarded(body: Reduce, guard: Expr) -> Reduce:
    """A reduction of zeros where a guard does not hold: a maximum then has terms in any case."""
    condition = body.condition
    if condition is not None and body.op != "sum":
        condition = Apply("or", (condition, Apply("not", (guard,))))
    return replace(body, condition=condition, body=select(guard, body.body, ZERO))


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
            return self.hoist(e, ranges, equation.condition, equation)[0]
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
        new, _ = self.hoist(body.body, inside, guard, equation)
        return body if new is body.body else replace(body, body=new)

    def hoist(
        self, e: Expr, ranges: Ranges, guard: Expr | None, equation: Equation
    ) -> tuple[Expr, int]:
        """The expression with equations of their own for its reductions, and how deep it is."""
        if isinstance(e, ArgReduce | Ref):
            return e, 0
        if isinstance(e, Reduce):
            alone = self.root(e, ranges, replace(equation, condition=guard))
            if guard is not None:
                alone = _guarded(alone, guard)
            return self.part(alone, e.op, ranges, equation), 0
        if isinstance(e, Select):
            if reduces(e.condition):
                decided, _ = self.hoist(e.condition, ranges, guard, equation)
                e = Select(decided, e.then, e.otherwise, e.span)
            then, left = self.hoist(e.then, ranges, both(guard, e.condition), equation)
            negation = Apply("not", (e.condition,))
            otherwise, right = self.hoist(e.otherwise, ranges, both(guard, negation), equation)
            if then is not e.then or otherwise is not e.otherwise:
                e = Select(e.condition, then, otherwise, e.span)
            return e, 1 + max(left, right)
        parts = children(e)
        done, depths = [], [0]
        for part in parts:
            new, depth = self.hoist(part, ranges, guard, equation)
            done.append(new)
            depths.append(depth)
        if any(a is not b for a, b in zip(parts, done, strict=True)):
            e = rebuild(e, tuple(done))
        if max(depths) < DEPTH:
            return e, 1 + max(depths)
        body = e if guard is None else select(guard, e, ZERO)
        return self.part(body, "part", ranges, equation), 0

    def part(self, e: Expr, word: str, ranges: Ranges, equation: Equation) -> Ref:
        """A reference to an equation of its own for `e`, over the indices that stand in it."""
        names = free_indices(e)
        loops = tuple(Range(n, ranges[n]) for n in ranges if n in names)
        subscripts = tuple(index(r.name) for r in loops)
        name = fresh(f"{equation.target}_{word}", self.tensors)
        self.tensors[name] = Tensor(name, tuple(r.size for r in loops if r.size is not None))
        span = getattr(e, "span", None) or equation.origin.span
        origin = Origin("part", equation.target, span=span)
        self.equations.append(Equation(name, subscripts, loops, e, origin=origin))
        return Ref(name, subscripts, span=span)
