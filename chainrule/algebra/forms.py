"""Sums of exponentials inside a program: found behind names, settled, and their greatest named."""

from __future__ import annotations

from chainrule.algebra import exponentials as sums
from chainrule.algebra.parts import Parts, Scope
from chainrule.algebra.rules import Rule, Step
from chainrule.algebra.shapes import over
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    call,
    reduces,
    transform,
)
from chainrule.lang.program import Equation


class Forms:
    """What the rules share: the parts of the program, the equation at hand, the steps taken."""

    def __init__(self, parts: Parts, current: Equation) -> None:
        self.parts = parts
        self.current = current
        self.steps: list[Step] = []

    def visit(self, e: Expr, scope: Scope) -> Expr:
        """An expression in its stable form; the same object where nothing changes."""
        raise NotImplementedError

    def did(self, rule: Rule, before: Expr, after: Expr) -> Expr:
        """Note the use of a rule."""
        self.steps.append(Step(rule, self.current, before, after))
        return after

    def maximum(self, e: Expr, scope: Scope) -> Expr | None:
        """The greatest exponent of a sum of exponentials, as a constant with its own equation."""
        found = sums.exponents(e)
        if not found:
            return None
        pairs = list(dict.fromkeys(pair for x in found for pair in x.greatest()))
        if len(pairs) > 1:  # several: each reduction gets an equation, the largest of them one more
            tops = [(self.part(top, "top", scope) if isinstance(top, Reduce) else top, less)
                    for top, less in pairs]
            if any(top is None for top, _ in tops):
                return None
            ref = self.part(sums.largest([top - less for top, less in tops if top is not None]),
                            "max", scope)
        else:
            ref = self.part(pairs[0][0], "max", scope)
        return None if ref is None else call("stop_gradient", ref)

    def part(self, e: Expr, word: str, scope: Scope) -> Ref | None:
        """An expression as an equation of its own, before the one at hand."""
        return self.parts.part(e, word, scope, self.current)

    def written_out(self, e: Expr, scope: Scope) -> Expr | None:
        """A sum of exponentials with definitions in the place of names; None if it is none."""
        if isinstance(e, Ref):
            body = self.parts.definition(e, scope)
            return None if body is None else self.written_out(body, scope)
        if isinstance(e, Reduce):
            body = self.written_out(e.body, scope.within(e.indices, e.condition))
            if e.op != "sum" or body is None:
                return None
            return over(e, (body,) if e.condition is None else (e.condition, body))
        if isinstance(e, Select):
            branches = [b if b == ZERO else self.written_out(b, scope)
                        for b in (e.then, e.otherwise)]
            new = over(e, (e.condition, *(b or ONE for b in branches)))
            return new if None not in branches and sums.is_exponential(new) else None
        if not isinstance(e, Apply) or e.function == "exp":
            return e if isinstance(e, Apply) else None
        if e.function in ("add", "sub"):
            return self._terms_written_out(e, scope)
        if e.function not in ("mul", "div", "neg"):
            return None
        for k, part in enumerate(e.args[:1] if e.function == "div" else e.args):
            new_part = self.written_out(part, scope)
            if new_part is not None:
                if e.function == "div" and self.written_out(e.args[1], scope) is not None:
                    return None  # a quotient of such sums is bounded, not one of them
                return over(e, (*e.args[:k], new_part, *e.args[k + 1 :]))
        return None

    def _terms_written_out(self, e: Apply, scope: Scope) -> Expr | None:
        chain: list[Apply] = []
        first: Expr = e
        while isinstance(first, Apply) and first.function in ("add", "sub"):
            chain.append(first)
            first = first.args[0]
        total = first if isinstance(first, Number) else self.written_out(first, scope)
        for node in reversed(chain):
            term: Expr | None = node.args[1]
            if not isinstance(term, Number):
                term = self.written_out(node.args[1], scope)
            if total is None or term is None:
                return None
            total = over(node, (total, term))
        return total if total is not None and sums.is_exponential(total) else None

    def settled(self, e: Expr, scope: Scope) -> Expr:
        """A sum of exponentials whose exponents and weights are in their stable forms."""
        if isinstance(e, Reduce):
            inner = scope.within(e.indices, e.condition)
            body = self.settled(e.body, inner)
            if isinstance(body, Apply) and body.function == "exp" and reduces(body.args[0]):
                # it will stand in the maximum and in the sum: worked out once
                part = self.part(body.args[0], "exponent", inner)
                body = body if part is None else Apply("exp", (part,), body.span)
            return over(e, (body,) if e.condition is None else (e.condition, body))
        if isinstance(e, Select):
            return over(e, (e.condition, self.settled(e.then, scope.under(e.condition)),
                             self.settled(e.otherwise, scope.under(call("not", e.condition)))))
        if not isinstance(e, Apply):
            return e
        if e.function == "exp" or not sums.is_exponential(e):
            return over(e, tuple(self.visit(part, scope) for part in e.args))
        if e.function in ("add", "sub"):
            return transform(e, lambda node: None if _adds(node) else self.settled(node, scope))
        return over(e, tuple(self.settled(part, scope) if sums.is_exponential(part)
                              else self.visit(part, scope) for part in e.args))


def _adds(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function in ("add", "sub")
