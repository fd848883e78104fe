"""Quotients of exponentials and of their sums: one exponent for all, and sums that are near 1.

exp(a)*S/(exp(b)*D) is exp(a + s - b - d) * (S*exp(-s))/(D*exp(-d)), for all s and d. With the
greatest exponents for s and d neither sum overflows or vanishes, and what is left of the size of
all factors is in one exponent, which is finite wherever the quotient is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chainrule.algebra import exponentials as sums
from chainrule.algebra import rules
from chainrule.algebra.forms import Forms
from chainrule.algebra.logarithms import Logarithms
from chainrule.algebra.parts import Scope
from chainrule.algebra.rules import Rule
from chainrule.algebra.shapes import (
    Inverse,
    exponent_of_one_plus,
    exponent_of_tanh,
    factors,
    over,
)
from chainrule.lang.expr import ONE, ZERO, Apply, Expr, Number, add, call, div, mul, neg

_TWO: Final = Number(2)


class Quotients(Logarithms):
    """The rules whose left side is a quotient."""

    def product(self, e: Apply, scope: Scope) -> Expr:
        """A product of factors and divisors: exponentials above meet their sums below."""
        leaves: list[Leaf] = []

        def collect(node: Expr, above: bool, direct: bool) -> Expr:
            leaves.append(Leaf(node, above, direct))
            return node

        factors(e, collect)
        if all(leaf.above for leaf in leaves):
            return factors(e, lambda node, above, direct: self.visit(node, scope))
        for leaf in leaves:
            leaf.written = self.written_out(leaf.node, scope)
        used = self.patterns(leaves, scope)
        used += self.quotient(e, leaves, scope)
        return self._put(e, leaves, used, scope)

    def _put(self, e: Apply, leaves: list[Leaf], used: list[Rule], scope: Scope) -> Expr:
        """The product with what became of its factors."""
        core, after = _core(e, leaves)
        place = iter(leaves)

        def put(node: Expr, above: bool, direct: bool) -> Expr:
            new = next(place).new
            return self.visit(node, scope) if new is None else new

        result = factors(core, put)
        for leaf in leaves:
            if leaf.last is not None:
                result = mul(result, leaf.last)
        for node in reversed(after):
            result = over(node, (result, *(self.visit(part, scope) for part in node.args[1:])))
        for rule in used:
            self.did(rule, e, result)
        return result

    def patterns(self, leaves: list[Leaf], scope: Scope) -> list[Rule]:
        """The rules for one divisor, alone or with a factor above it: which were used."""
        used: list[Rule] = []
        tops = [leaf for leaf in leaves if leaf.above and leaf.written is not None]
        for leaf in leaves:
            total = leaf.written
            if leaf.above or total is None or sums.is_shifted(total):
                continue
            power = exponent_of_one_plus(total)
            if power is not None and leaf.direct and not tops:
                leaf.new = Inverse(call("sigmoid", neg(self.visit(power, scope))))
                used.append(rules.SIGMOID)
            for top in tops:
                if top.new is not None or top.written is None:
                    continue
                x = exponent_of_tanh(top.written, total)
                if power is not None and top.written == call("exp", power):
                    top.new, leaf.new = call("sigmoid", self.visit(power, scope)), ONE
                    used.append(rules.SIGMOID_ABOVE)
                    break
                if x is not None:
                    top.new, leaf.new = call("tanh", self.visit(x, scope)), ONE
                    used.append(rules.TANH)
                    break
        return used

    def quotient(self, e: Apply, leaves: list[Leaf], scope: Scope) -> list[Rule]:
        """Exponentials above meet exponentials and sums of them below: one exponent for all.

        exp(a)*S/(exp(b)*D) is exp(a + s - b - d) * (S*exp(-s))/(D*exp(-d)), for all s and d.
        """
        free = [leaf for leaf in leaves if leaf.new is None and leaf.written is not None]
        above = [leaf for leaf in free if leaf.is_power and leaf.above]
        below = [leaf for leaf in free if leaf.is_power and not leaf.above]
        totals = [leaf for leaf in free if not leaf.is_power and leaf.above]
        divisors = [leaf for leaf in free if not leaf.is_power and not leaf.above
                    and not sums.is_shifted(leaf.total) and not sums.may_cancel(leaf.total)]
        if not (above or (totals and divisors)):
            return []
        divisors = [leaf for leaf in divisors if leaf.settle(self, scope)]
        totals = [leaf for leaf in totals if divisors and leaf.settle(self, scope)]
        if not (above or totals) or not (divisors or below):
            return []
        for leaf in (*above, *below):
            leaf.new = ONE  # its exponent goes into the one for all
        for leaf in (*divisors, *totals):
            leaf.new = sums.shifted(leaf.done, leaf.m)
        beside = _beside(e, leaves)
        if len(totals) == len(divisors) == 1 and not (above or below or beside):
            top = totals[0]
            if not any(x.weights for x in sums.exponents(top.done) or ()):
                top.new = sums.shifted(top.done, divisors[0].m)  # the same maximum does for both
                return [rules.SHIFT]
        exponent: Expr = ZERO
        for leaf in above:
            exponent = add(exponent, self.visit(leaf.exponent, scope))
        for leaf in totals:
            exponent = add(exponent, leaf.m)
        for leaf in below:
            exponent = sums.less(exponent, self.visit(leaf.exponent, scope))
        for leaf in divisors:
            exponent = exponent - leaf.m
        power = call("exp", div(exponent, _TWO) if beside else exponent)
        first = (above or totals)[0]
        first.new = power if first.new is None else mul(power, first.new)
        if beside:
            first.last = power
        return [*[rules.SHIFT] * len(divisors), *[rules.QUOTIENT] * len(below)]


@dataclass(slots=True, eq=False)
class Leaf:
    """A factor or divisor of a product, and what becomes of it."""

    node: Expr
    above: bool
    direct: bool  # a divisor by itself
    written: Expr | None = None  # as a sum of exponentials, with definitions written out
    new: Expr | None = None
    last: Expr | None = None  # what is multiplied in the end
    done: Expr = ONE  # the sum with its parts in their stable forms
    m: Expr = ONE  # its greatest exponent

    @property
    def total(self) -> Expr:
        """The sum of exponentials that it is."""
        assert self.written is not None
        return self.written

    @property
    def is_power(self) -> bool:
        """Whether it is a lone exponential."""
        return isinstance(self.written, Apply) and self.written.function == "exp"

    @property
    def exponent(self) -> Expr:
        """x, where it is exp(x)."""
        assert isinstance(self.written, Apply) and self.written.function == "exp"
        return self.written.args[0]

    def settle(self, forms: Forms, scope: Scope) -> bool:
        """Find the sum's greatest exponent; whether there is one."""
        self.done = forms.settled(self.total, scope)
        m = forms.maximum(self.done, scope)
        self.m = ONE if m is None else m
        return m is not None


def _core(e: Apply, leaves: list[Leaf]) -> tuple[Expr, list[Apply]]:
    """The product without the factors that come after all that changes, and these."""
    after: list[Apply] = []
    core: Expr = e
    end = len(leaves)
    while isinstance(core, Apply) and core.function in ("mul", "div", "neg"):
        counted = 0

        def count(node: Expr, above: bool, direct: bool) -> Expr:
            nonlocal counted
            counted += 1
            return node

        if core.function != "neg":
            factors(core.args[1], count)
        if any(leaf.new is not None for leaf in leaves[end - counted : end]):
            break
        end -= counted
        after.append(core)
        core = core.args[0]
    return core, after


def _beside(e: Apply, leaves: list[Leaf]) -> bool:
    """Whether factors of unknown size come before the last of what changes.

    Beside a large one, an exponential must not vanish, nor overflow beside a small one: it is then
    taken in two halves, so that the product is as large as it is in between.
    """
    core, _ = _core(e, leaves)
    seen = 0

    def count(node: Expr, above: bool, direct: bool) -> Expr:
        nonlocal seen
        seen += 1
        return node

    factors(core, count)
    return any(leaf.new is None and not sums.is_tame(leaf.node) for leaf in leaves[:seen])
