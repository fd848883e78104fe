"""Stable forms: a program rewritten so that it neither overflows nor cancels.

A textbook writes `p[i] = exp(z[i])/sum(k) exp(z[k])`, and so does a program here. At z = 1000 that
is infinity over infinity. The program that is run is another one, made from the first by the named
rules of `chainrule.algebra.rules`:

    >>> from chainrule.lang.ranges import program
    >>> p = program("input z[3]; p[i] = exp(z[i])/sum(k) exp(z[k])")
    >>> print(stabilise(p))
    input z[3]
    p_max = max(k) z[k]
    p[i] = exp(z[i] - stop_gradient(p_max))/sum(k) exp(z[k] - stop_gradient(p_max))
    output p
    >>> [step.rule.name for step in applied(p)]
    ['shift']

**Differentiate first, then stabilise.** The derivative wanted is that of the textbook's formula. If
the maximum were differentiated too, its kinks would get into the derivative, and would have to
cancel again. But the identity `exp(g)/sum exp(f) = exp(g - m)/sum exp(f - m)` holds for *every* m.
Both sides are the same function of z while m stays put, so all their derivatives by z are equal,
the second and third as well; and where m then stands is nobody's concern. So m is read under
`stop_gradient`, and whether one differentiates before or after comes to the same.

Definitions are looked through: in a network whose softmax is a layer and whose loss is
`-sum(k) t[k]*ln(p[k])`, the logarithm becomes that of the softmax's own formula. What nothing reads
any more is dropped, unless it is an output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from chainrule.algebra import rules
from chainrule.algebra.logarithms import LOGARITHMS
from chainrule.algebra.parts import Parts, Scope, reads
from chainrule.algebra.quotients import Quotients
from chainrule.algebra.rules import Step
from chainrule.algebra.shapes import over, power_less_one
from chainrule.lang.collector import uncollected
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Reduce,
    Ref,
    Select,
    call,
    children,
    neg,
    walk,
)
from chainrule.lang.program import Equation, Program
from chainrule.lang.verify import verify

_TRIGGERS: Final = frozenset({"exp", "xlogy", *LOGARITHMS})
_READERS: Final = _TRIGGERS | {"div"}  # what may have its exponentials in other equations


def stabilise(
    program: Program, wrt: Collection[str] = (), keep: Collection[str] = ()
) -> Program:
    """The program in its stable form; the same object where no rule applies.

    Inputs and outputs keep their names, shapes and, wherever both forms are defined, their values
    and derivatives. `keep` names computed tensors that stay as if they were outputs; `wrt` names
    those that derivatives will be taken by, behind whose names nothing is looked for.
    """
    return _run(program, wrt, keep)[0]


def applied(program: Program) -> list[Step]:
    """Which rules `stabilise` applies: each with its equation, and what becomes of what."""
    return _run(program, (), ())[1]


def _run(
    program: Program, wrt: Collection[str], keep: Collection[str]
) -> tuple[Program, list[Step]]:
    if not any(_may_change(e.body) for e in program.equations):
        return program, []
    with uncollected():
        work = _Stabiliser(program, wrt)
        for equation in program.equations:
            work.equation(equation)
        if not work.steps:
            return program, []
        return verify(work.finished(keep)), work.steps


def _may_change(e: Expr, functions: Collection[str] = _TRIGGERS) -> bool:
    """Whether one of some functions stands in an expression; quick, since most have none."""
    stack = [e]
    while stack:
        node = stack.pop()
        if type(node) is Apply:
            if node.function in functions:
                return True
            stack.extend(node.args)
        elif type(node) is not Ref:
            stack.extend(children(node))
    return False


class _Stabiliser(Quotients):
    """One pass: equation after equation, each read from the top, where the longest rules match."""

    def __init__(self, program: Program, wrt: Collection[str]) -> None:
        self.program = program
        self.written = Counter(e.target for e in program.equations)
        self.closed = set(wrt)
        letters = {*program.tensors, *program.size_names()}
        parts = Parts(dict(program.tensors), letters | _index_names(program))
        super().__init__(parts, program.equations[0])
        self.equations: list[Equation] = []

    # --- programs

    def equation(self, equation: Equation) -> None:
        """An equation, after those of the parts that it needs."""
        self.current = equation
        self.parts.opened = 0
        new = equation
        if _may_change(equation.body, _READERS):
            scope = Scope({}, equation.condition).within(equation.ranges)
            body = self.visit(equation.body, scope)
            if body is not equation.body:
                new = replace(equation, body=body)
        self.equations += self.parts.pending
        self.parts.pending.clear()
        self.equations.append(new)
        name = equation.target
        if (self.written[name] == 1 and equation.plain and not equation.accumulate
                and equation.condition is None and name not in self.closed
                and len(equation.ranges) == len(equation.subscripts)
                and self.program.tensors[name].kind == "real"):
            self.parts.definitions[name] = new

    def finished(self, keep: Collection[str]) -> Program:
        """The program, without the equations that only what was rewritten had read."""
        outputs = {*self.program.outputs, *(new for _, new in self.program.updates),
                   *self.closed, *keep}
        before = _needed(self.program.equations, outputs)
        unread = set(self.written) - before  # what nothing needed as it was written may stay
        after = _needed(self.equations, outputs | unread)
        gone = {e.target for e in self.equations if e.target not in after}
        return replace(
            self.program,
            tensors={n: t for n, t in self.parts.tensors.items() if n not in gone},
            equations=tuple(e for e in self.equations if e.target not in gone),
        )

    # --- expressions

    def visit(self, e: Expr, scope: Scope) -> Expr:
        """An expression in its stable form; the same object where nothing changes."""
        if isinstance(e, Apply):
            if e.function in LOGARITHMS:
                return self.logarithm(e, scope)
            if e.function in ("mul", "div", "neg"):
                return self.product(e, scope)
            if e.function in ("add", "sub"):
                return self.sum(e, scope)
            if e.function == "xlogy":
                found = self.xlogy(e, e.args[1], scope)
                if found is not None:
                    return found
            return over(e, tuple(self.visit(part, scope) for part in e.args))
        if isinstance(e, Select):
            return over(e, (self.visit(e.condition, scope),
                             self.visit(e.then, scope.under(e.condition)),
                             self.visit(e.otherwise, scope.under(call("not", e.condition)))))
        if isinstance(e, Reduce | ArgReduce):
            inner = scope.within(e.indices)
            condition = () if e.condition is None else (self.visit(e.condition, inner),)
            return over(e, (*condition,
                             self.visit(e.body, scope.within(e.indices, e.condition))))
        return e

    def sum(self, e: Apply, scope: Scope) -> Expr:
        """A sum of terms, which may be long: down its left side without recursion."""
        chain: list[Apply] = []
        first: Expr = e
        while isinstance(first, Apply) and first.function in ("add", "sub"):
            power = power_less_one(first)
            if power is not None:
                break
            chain.append(first)
            first = first.args[0]
        else:
            power = None
        if power is None:
            total = self.visit(first, scope)
        else:
            x, sign = power
            one = self.visit(x, scope)
            total = self.did(rules.EXPM1, first,
                             Apply("expm1", (one,), getattr(first, "span", None)))
            total = neg(total) if sign < 0 else total
        for node in reversed(chain):
            total = over(node, (total, self.visit(node.args[1], scope)))
        return total


def _needed(equations: Collection[Equation], outputs: Collection[str]) -> set[str]:
    """The tensors that the outputs hang on."""
    needed = set(outputs)
    for equation in reversed(list(equations)):
        if equation.target in needed:
            needed |= reads(equation)
    return needed


def _index_names(program: Program) -> set[str]:
    names: set[str] = set()
    for equation in program.equations:
        names.update(r.name for r in equation.ranges)
        for node in walk(equation.body):
            if isinstance(node, Reduce | ArgReduce):
                names.update(r.name for r in node.indices)
    return names
