"""Sums of exponentials inside a program: found behind names, settled, and their greatest named."""

from __future__ import annotations

from typing import Final

from chainrule.algebra import exponentials as sums
from chainrule.algebra.parts import Parts, Scope, has_terms
from chainrule.algebra.rules import Rule, Step
from chainrule.algebra.shapes import factors, over
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    both,
    call,
    free_indices,
    mul,
    neg,
    reduces,
    transform,
    walk,
)
from chainrule.lang.program import Equation

_LEAST: Final = neg(call("pow", Number(10), Number(30)))  # less than any exponent, in float32 too


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
        tops: list[Expr | None] = list(dict.fromkeys(x.greatest() for x in found))
        if len(tops) > 1:  # several: each reduction gets an equation, the largest of them one more
            tops = [self._top(top, scope) if isinstance(top, Reduce) else top for top in tops]
        known = [top for top in tops if top is not None]
        if len(known) < len(tops):
            return None
        ref = self.part(sums.largest(known), "max", scope)
        return None if ref is None else call("stop_gradient", ref)

    def _top(self, top: Reduce, scope: Scope) -> Expr | None:
        """One maximum among several: where it has no terms, less than all others."""
        ref = self.part(top, "top", scope)
        terms = has_terms(top, scope)
        return ref if ref is None or terms is None else Select(terms, ref, _LEAST)

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
            if isinstance(body, Select) and ZERO in (body.then, body.otherwise):
                # a sum of what is 0 elsewhere is a sum under a condition
                holds, kept = ((body.condition, body.then) if body.otherwise == ZERO else
                               (call("not", body.condition), body.otherwise))
                return Reduce("sum", e.indices, both(e.condition, holds), kept, e.span)
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
        if e.function == "neg":
            inner = self.written_out(e.args[0], scope)
            return None if inner is None else over(e, (inner,))
        return self._product_written_out(e, scope) if e.function in ("mul", "div") else None

    def _product_written_out(self, e: Apply, scope: Scope) -> Expr | None:
        """A product with an exponential in it, whose exponents are added up.

        A quotient of two sums is none of these: it is bounded.
        """
        total: Expr | None = None  # the sum of the exponents of lone exponentials
        body: Expr | None = None  # the sum of exponentials that is a factor, if there is one
        found: list[tuple[Expr, Expr]] = []
        bounded = False

        def apart(node: Expr, above: bool, direct: bool) -> Expr:
            nonlocal total, body, bounded
            written = self.written_out(node, scope)
            if isinstance(written, Apply) and written.function == "exp":
                x = written.args[0]
                if total is None:
                    total = x if above else neg(x)
                else:
                    total = total + x if above else sums.less(total, x)
            elif written is not None and not above:
                bounded = True
                return node
            elif written is not None and body is None:
                body = written
            else:
                return node
            found.append((node, written))
            return ONE

        def in_place(node: Expr, above: bool, direct: bool) -> Expr:
            return found[0][1] if node is found[0][0] else node

        rest = factors(e, apart)
        if bounded or not found:
            return None
        if len(found) == 1:
            new = factors(e, in_place)
            if sums.is_exponential(new):
                return new
        if total is None or body is None:
            return mul(rest, body if total is None and body else Apply("exp", (total or ZERO,)))
        bound = {r.name for node in walk(body) if isinstance(node, Reduce) for r in node.indices}
        if bound & set(free_indices(total)):
            return None
        return mul(rest, sums.shifted(body, neg(total)))

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
                              else self._weight(part, scope) for part in e.args))

    def _weight(self, e: Expr, scope: Scope) -> Expr:
        """A weight in its stable form; one that is a sum is worked out once, beside the maximum."""
        new = self.visit(e, scope)
        if sums.is_tame(new) or not reduces(new):
            return new
        return self.part(new, "weight", scope) or new


def _adds(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function in ("add", "sub")
