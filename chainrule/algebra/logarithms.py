"""Logarithms of exponentials, of their sums and of their shares."""

from __future__ import annotations

from typing import Final

from chainrule.algebra import exponentials as sums
from chainrule.algebra import rules
from chainrule.algebra.forms import Forms
from chainrule.algebra.parts import Scope, has_terms
from chainrule.algebra.shapes import beside_one, exponent_of_one_plus, factors, over
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Ref,
    Select,
    add,
    call,
    div,
    mul,
    neg,
    reduces,
    select,
    sub,
)

LOGARITHMS: Final = {"ln": None, "log2": Number(2), "log10": Number(10)}  # and their bases


class Logarithms(Forms):
    """The rules whose left side is a logarithm."""

    def logarithm(self, e: Apply, scope: Scope) -> Expr:
        """A logarithm: of a sum of exponentials, of one of its shares, of 1 + x."""
        found = self.log_of(e.args[0], scope)
        if found is not None:
            base = LOGARITHMS[e.function]
            if base is None:
                return found
            return self.did(rules.LOG_BASE, e, div(found, call("ln", base)))
        rest = beside_one(e.args[0])
        if e.function == "ln" and rest is not None:
            return self.did(rules.LOG1P, e, Apply("log1p", (self.visit(rest, scope),), e.span))
        return over(e, (self.visit(e.args[0], scope),))

    def log_of(self, e: Expr, scope: Scope) -> Expr | None:
        """The natural logarithm of `e` in its stable form; None where no rule has one."""
        if isinstance(e, Ref):
            body = self.parts.definition(e, scope)
            return None if body is None else self.log_of(body, scope)
        if isinstance(e, Select):
            return self._log_of_selection(e, scope)
        simple = self._log_of_logistic(e, scope)
        if simple is not None:
            return simple
        if isinstance(e, Apply) and e.function == "cosh":
            x = self.visit(e.args[0], scope)
            after = x + call("softplus", -2 * x) - call("ln", Number(2))
            return self.did(rules.LOG_COSH, call("ln", e), after)
        if isinstance(e, Apply) and e.function in ("mul", "div"):
            share = self._log_of_quotient(e, scope)
            if share is not None:
                return share
        total = self.written_out(e, scope)
        if total is None or not sums.is_positive(total) or sums.is_shifted(total):
            return None
        if isinstance(total, Apply) and total.function == "exp":
            return self.did(rules.LOG_EXP, call("ln", e), self.visit(total.args[0], scope))
        found = self._log_of_sum(total, scope)
        if found is None:
            return None
        m, rest = found
        assert m is not None
        return self.did(rules.LOG_SUM_EXP, call("ln", e), add(m, rest))

    def xlogy(self, e: Apply, y: Expr, scope: Scope) -> Expr | None:
        """xlogy(t, y) where the logarithm of y has a stable form; None where it has none.

        Where a branch is 0, as outside a mask, it stays xlogy(t, 0): that is 0 for t = 0. So it is
        where the logarithm is -infinity.
        """
        if isinstance(y, Ref):
            body = self.parts.definition(y, scope)
            return None if body is None else self.xlogy(e, body, scope)
        if isinstance(y, Select):
            scopes = (scope.under(y.condition), scope.under(call("not", y.condition)))
            branches = (y.then, y.otherwise)
            found = [self.xlogy(e, b, s) for b, s in zip(branches, scopes, strict=True)]
            if found == [None, None]:
                return None
            then, otherwise = (
                new or call("xlogy", self.visit(e.args[0], s), self.visit(old, s))
                for new, old, s in zip(found, branches, scopes, strict=True))
            return select(self.visit(y.condition, scope), then, otherwise)
        terms = self._has_terms(y, scope)
        if terms is not None:  # a sum of no terms is 0
            inner = scope.under(terms)
            new = self._xlogy_of(e, y, inner)
            nothing = call("xlogy", self.visit(e.args[0], scope), ZERO)
            return None if new is None else select(terms, new, nothing)
        return self._xlogy_of(e, y, scope)

    def _has_terms(self, y: Expr, scope: Scope) -> Expr | None:
        """The condition under which a sum of exponentials is one at all; None for always."""
        total = self.written_out(y, scope)
        found: Expr | None = None
        for sum_ in (sums.merged(total) if total is not None else None) or ():
            here = has_terms(sum_, scope)
            if here is None:
                return None
            if reduces(here):  # an equation of its own, for its index is set in the sum as well
                count = self.part(sum_, "terms", scope)
                here = here if count is None else call("gt", count, ZERO)
            found = here if found is None else call("or", found, here)
        return found

    def _xlogy_of(self, e: Apply, y: Expr, scope: Scope) -> Expr | None:
        log = self.log_of(y, scope)
        if log is None:
            return None
        if reduces(log):  # it will be read twice: worked out once
            log = self.part(log, "log", scope) or log
        t = self.visit(e.args[0], scope)
        finite = call("gt", log, neg(sums.END))
        return self.did(rules.XLOGY, e, Select(finite, mul(t, log), call("xlogy", t, ZERO), e.span))

    def _log_of_selection(self, e: Select, scope: Scope) -> Expr | None:
        scopes = (scope.under(e.condition), scope.under(call("not", e.condition)))
        branches = (e.then, e.otherwise)
        found = [self.log_of(b, s) for b, s in zip(branches, scopes, strict=True)]
        if found == [None, None]:
            return None
        then, otherwise = (
            new if new is not None else call("ln", self.visit(old, s))
            for new, old, s in zip(found, branches, scopes, strict=True))
        return select(self.visit(e.condition, scope), then, otherwise)

    def _log_of_logistic(self, e: Expr, scope: Scope) -> Expr | None:
        """ln of sigmoid(x), 1 - sigmoid(x), 1 + exp(x), 1/(1 + exp(x)), exp(x)/(1 + exp(x))."""
        log = call("ln", e)
        if not isinstance(e, Apply):
            return None
        if e.function == "sigmoid":
            x = self.visit(e.args[0], scope)
            return self.did(rules.LOG_SIGMOID, log, neg(call("softplus", neg(x))))
        if e.function == "sub" and e.args[0] == ONE:
            inner = self._defined(e.args[1], scope, "sigmoid")
            if inner is not None:
                x = self.visit(inner.args[0], scope)
                return self.did(rules.LOG_COMPLEMENT, log, neg(call("softplus", x)))
        power = exponent_of_one_plus(e)
        if power is not None:
            return self.did(rules.SOFTPLUS, log, call("softplus", self.visit(power, scope)))
        if e.function == "div":
            power = exponent_of_one_plus(e.args[1])
            if power is not None and e.args[0] in (ONE, call("exp", power)):
                x = self.visit(power, scope)
                if e.args[0] != ONE:
                    x = neg(x)
                return self.did(rules.LOG_SIGMOID, log, neg(call("softplus", x)))
        return None

    def _defined(self, e: Expr, scope: Scope, function: str) -> Apply | None:
        """The function that an expression is, or that the tensor that it reads is defined by."""
        while isinstance(e, Ref):
            body = self.parts.definition(e, scope)
            if body is None:
                return None
            e = body
        return e if isinstance(e, Apply) and e.function == function else None

    def _log_of_quotient(self, e: Apply, scope: Scope) -> Expr | None:
        """ln(exp(a)*exp(b)/(D*exp(c))) is a + b - c - ln(D), for any number of factors."""
        powers: list[tuple[Expr, bool]] = []
        divisors: list[Expr] = []
        others = 0

        def sort(node: Expr, above: bool, direct: bool) -> Expr:
            nonlocal others
            written = self.written_out(node, scope)
            if isinstance(written, Apply) and written.function == "exp":
                powers.append((written.args[0], above))
            elif written is not None and not above and sums.is_positive(written):
                divisors.append(written)
            else:
                others += 1
            return node

        factors(e, sort)
        if others or not divisors or not any(above for _, above in powers):
            return None
        powers.sort(key=lambda pair: not pair[1])  # what is added comes first
        total = self.visit(powers[0][0], scope)
        for x, above in powers[1:]:
            new = self.visit(x, scope)
            total = add(total, new) if above else sums.less(total, new)
        for divisor in divisors:
            found = self._log_of_sum(divisor, scope)
            if found is None:
                return None
            m, rest = found
            total = sub(total if m is None else total - m, rest)
        return self.did(rules.LOG_SOFTMAX, call("ln", e), total)

    def _log_of_sum(self, e: Expr, scope: Scope) -> tuple[Expr | None, Expr] | None:
        """m and ln(sum exp(f - m)) for a sum of exponentials; m None where it is shifted."""
        done = self.settled(e, scope)
        if sums.is_shifted(done):
            return None, call("ln", done)
        m = self.maximum(done, scope)
        return None if m is None else (m, call("ln", sums.shifted(done, m)))
