"""Antiderivatives from a table, each differentiated again before it is used.

The table holds powers, exponentials, sines, logarithms, the logistic function and the like, of a
linear argument; products that are f(g)*g' are recognised, and polynomials times an exponential or a
wave are worked by parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.factored import (
    factors_of,
    is_exp,
    linear,
    minus,
    number_of,
    over_number,
    powered,
    product_of,
    put_at,
    raised,
)
from chainrule.algebra.growth_series import EMPTY
from chainrule.algebra.limits import World
from chainrule.algebra.normal import Normal
from chainrule.algebra.partial import partial
from chainrule.algebra.polynomial import (
    UNIT,
    Mono,
    Poly,
    expression,
    indices_of,
    negative,
    plus,
    scaled,
)
from chainrule.algebra.products import mentions
from chainrule.algebra.tidying import divided, tidied
from chainrule.errors import ChainruleError, UndecidedError
from chainrule.lang.expr import (
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    add,
    div,
    exact,
    mul,
    neg,
    power,
    sub,
)

_BY_PARTS: Final = 8  # times that a power is lowered by one


def antiderivative(world: World, e: Expr, variable: str, inside: Expr | None = None) -> Expr:
    """An antiderivative, differentiated again to be sure; `inside` is a point of its stretch.

    Raises `UndecidedError` for what the table does not give.
    """
    table = _Table(world, variable, inside)
    found = table.of(e)
    if found is None:
        found = table.expanded(e)
    if found is None or not table.verified(found, e):
        raise UndecidedError("no antiderivative is known for the integrand")
    return tidied(world, found)


class _Table:
    """Antiderivatives by a variable."""

    def __init__(self, world: World, variable: str, inside: Expr | None) -> None:
        self.world = world
        self.normal = world.normal
        self.variable = variable
        self.u = Ref(variable, ())
        self.inside = inside
        self.bound: set[str] = set()
        self.depth = 0

    def verified(self, found: Expr, e: Expr) -> bool:
        """Whether the derivative of an antiderivative is what it came from."""
        try:
            return self.normal.vanishes(plus(
                self.normal.poly(partial(found, self.variable, ())),
                negative(self.normal.poly(e))))
        except ChainruleError:
            return False

    def of(self, e: Expr) -> Expr | None:
        """An antiderivative by linearity and the table, the expression as it is written."""
        if not mentions(e, self.variable):
            return mul(e, self.u)
        if isinstance(e, Ref):
            return div(power(e, Number(2)), Number(2))
        if isinstance(e, Reduce):
            inner = self._inner(e).of(e.body) if e.op == "sum" else None
            return None if inner is None else Reduce("sum", e.indices, e.condition, inner)
        if not isinstance(e, Apply):
            return None
        if e.function in ("add", "sub", "neg"):
            parts = [p for a in e.args if (p := self.of(a) or self.expanded(a)) is not None]
            if len(parts) < len(e.args):
                return None
            return neg(parts[0]) if e.function == "neg" else (
                add if e.function == "add" else sub)(parts[0], parts[1])
        if e.function == "mul":
            for k, a in enumerate(e.args):
                if not mentions(a, self.variable):
                    inner = self.of(e.args[1 - k])
                    return None if inner is None else mul(a, inner)
        if e.function == "div":
            if not mentions(e.args[1], self.variable):
                inner = self.of(e.args[0])
                return None if inner is None else div(inner, e.args[1])
            if isinstance(e.args[0], Number) and e.args[0].value != 1:
                inner = self.of(div(Number(1), e.args[1]))
                return None if inner is None else mul(e.args[0], inner)
        found = self._tabular(e) if e.function == "mul" else self._function(e)
        return found if found is not None and self.verified(found, e) else None

    def _inner(self, e: Reduce) -> _Table:
        sizes = {r.name: r.size for r in e.indices if r.size is not None}
        normal = Normal(self.normal.known, {**self.normal.sizes, **sizes})
        table = _Table(replace(self.world, normal=normal), self.variable, self.inside)
        table.bound = self.bound | set(sizes)
        return table

    def _function(self, e: Apply) -> Expr | None:
        """A function of a linear argument."""
        if e.function in ("div", "pow", "sqrt", "square"):
            return self._power(e)
        if len(e.args) != 1:
            return None
        line = linear(self.normal, e.args[0], self.variable)
        if line is None:
            return self._bell(e.args[0]) if e.function == "exp" else None
        argument = e.args[0]
        table: dict[str, Expr] = {
            "exp": e,
            "sin": neg(Apply("cos", (argument,))),
            "cos": Apply("sin", (argument,)),
            "sinh": Apply("cosh", (argument,)),
            "cosh": Apply("sinh", (argument,)),
            "sigmoid": Apply("softplus", (argument,)),
            "tanh": Apply("ln", (Apply("cosh", (argument,)),)),
            "ln": sub(mul(argument, e), argument),
            "erf": add(mul(argument, e), div(Apply("exp", (neg(power(argument, Number(2))),)),
                                             Apply("sqrt", (Apply("pi", ()),)))),
            "atan": sub(mul(argument, e), div(Apply("ln", (add(
                Number(1), power(argument, Number(2))),)), Number(2))),
        }
        found = table.get(e.function)
        return None if found is None else self._over(found, line[0])

    def _over(self, e: Expr, slope: Poly) -> Expr | None:
        """A function of a*u + b over a; raises `ForkError` where a may be 0."""
        if self.bound & indices_of(slope):
            if "0" in self.world.growth("", EMPTY).possible(slope):
                return None
        elif self.world.sign(slope) == "0":
            return None
        if all(m.number < 0 for m in slope):
            return neg(over_number(e, expression(negative(slope))))
        return over_number(e, expression(slope))

    def _power(self, e: Apply) -> Expr | None:
        """A power of something linear, and 1/(a + b*u^2)."""
        base, k = powered(e)
        if k is None:
            return self._symbolic_power(e)
        line = linear(self.normal, base, self.variable)
        if line is None:
            return self._arctangent(base) if k == -1 else None
        if k == -1:
            return self._over(self._logarithm(base), line[0])
        return self._over(over_number(raised(base, k + 1), exact(k + 1)), line[0])

    def _symbolic_power(self, e: Apply) -> Expr | None:
        """u^n for a symbolic n."""
        if e.function != "pow" or e.args[0] != self.u or mentions(e.args[1], self.variable):
            return None
        more = add(e.args[1], Number(1))
        if self.world.sign(self.normal.poly(more)) == "0":
            return Apply("ln", (self.u,))
        return div(power(self.u, more), more)

    def _logarithm(self, base: Expr) -> Expr:
        """ln|b|, where the sign of b on the stretch is known."""
        positive = True
        if self.inside is not None:
            from_inside = self.normal.poly(put_at(base, self.u, self.inside))
            positive = self.world.sign(from_inside) != "-"
        return Apply("ln", (base if positive else neg(base),))

    def _arctangent(self, base: Expr) -> Expr | None:
        p = self._quadratic(base)
        if p is None or p[1]:
            return None
        a, _, b = p
        if self.world.sign(a) != "+" or self.world.sign(b) != "+":
            return None
        root = Apply("sqrt", (expression(self.normal.times(b, self.normal.inverse(a))),))
        below = Apply("sqrt", (expression(self.normal.times(a, b)),))
        if self.normal.vanishes(plus(a, negative(UNIT))) and self.normal.vanishes(
                plus(b, negative(UNIT))):
            return Apply("atan", (self.u,))
        return div(Apply("atan", (mul(root, self.u),)), below)

    def _quadratic(self, e: Expr) -> tuple[Poly, Poly, Poly] | None:
        """The coefficients of 1, u and u^2."""
        table: dict[int, list[Mono]] = {0: [], 1: [], 2: []}
        for m in self.normal.poly(e):
            k = m.exponent(self.u)
            rest = tuple(f for f in m.factors if f[0] != self.u)
            if k not in (0, 1, 2) or any(mentions(b, self.variable) for b, _ in rest) or m.guards:
                return None
            table[int(k)].append(replace(m, factors=rest))
        return tuple(table[0]), tuple(table[1]), tuple(table[2])

    def _bell(self, argument: Expr) -> Expr | None:
        """exp of a quadratic that opens downwards: the error function, the square completed."""
        p = self._quadratic(argument)
        if p is None or not p[2] or self.world.sign(p[2]) != "-":
            return None
        c, b, a = p
        normal = self.normal
        a = negative(a)
        middle = normal.times(b, normal.inverse(scaled(a, 2)))
        top = plus(c, normal.times(normal.times(b, b), normal.inverse(scaled(a, 4))))
        root = normal.root(a, Fraction(1, 2))
        shifted = sub(self.u, expression(middle))
        front = normal.times(normal.poly(Apply("sqrt", (Apply("pi", ()),))),
                             normal.inverse(scaled(root, 2)))
        found = mul(expression(front), Apply("erf", (mul(expression(root), shifted),)))
        return mul(Apply("exp", (expression(top),)), found) if top else found

    def expanded(self, e: Expr) -> Expr | None:
        """An antiderivative term by term, multiplied out."""
        if self.depth > _BY_PARTS:
            return None
        self.depth += 1
        try:
            return self._expanded(e)
        finally:
            self.depth -= 1

    def _expanded(self, e: Expr) -> Expr | None:
        whole = self._substitution(e)
        if whole is not None:
            return whole
        try:
            p = self.normal.poly(e)
        except ChainruleError:
            return None
        total: Expr = Number(0)
        for m in p:
            if m.sums or m.guards:
                return None
            own = tuple(f for f in m.factors if mentions(f[0], self.variable))
            rest = expression((replace(m, factors=tuple(f for f in m.factors if f not in own)),))
            if not own:
                found: Expr | None = self.u
            else:
                product = self._product(own)
                found = (self.of(product) if len(p) > 1 or product != e else None) or (
                    self._substitution(product)) or self._by_parts(own)
            if found is None:
                return None
            total = add(total, over_number(found, exact(1 / number)) if (
                number := number_of(rest)) is not None else mul(rest, found))
        return total

    def _product(self, factors: Sequence[tuple[Expr, Fraction]]) -> Expr:
        """A product, its exponentials put into one."""
        rest = tuple(f for f in factors if not is_exp(f[0]))
        inside = plus(*(scaled(self.normal.poly(b.args[0]), k) for b, k in factors
                        if isinstance(b, Apply) and b.function == "exp"))
        result = expression((Mono(Fraction(1), rest),))
        return mul(result, Apply("exp", (expression(inside),))) if inside else result

    def _substitution(self, e: Expr) -> Expr | None:
        """f(g)*g' by g = v: a power of something that stands in it, or its logarithm."""
        try:
            above, number, under = divided(self.normal, self.normal.poly(e))
            below = Mono(Fraction(1, number), tuple((b, -k) for b, k in under))
            p = self.normal.times((below,), above)
        except ChainruleError:
            return None
        bases: dict[Expr, None] = {}
        for m in p:
            for b, _ in m.factors:
                if mentions(b, self.variable) and b != self.u:
                    bases[b] = None
        exponents = {k for m in p for b, k in m.factors if b in bases}
        for base in list(bases)[:6]:
            for k in sorted({*exponents, Fraction(0), *(k - 1 for k in exponents)}):
                candidate = Apply("ln", (base,)) if k == -1 else self._product(
                    ((base, k + 1),)) if k else base
                ratio = self._ratio(base, k + 1 if k or k == -1 else Fraction(1), p)
                if ratio is not None:
                    return over_number(candidate, ratio)
        return None

    def _ratio(self, base: Expr, k: Fraction, own: Poly) -> Expr | None:
        """The constant c with (b^k)' = c*own, ln(b) standing for b^0; or None."""
        outer = Mono(k or Fraction(1), ((base, k - 1),) if k != 1 else ())
        derivative = self.normal.times(
            (outer,), self.normal.poly(partial(base, self.variable, ())))
        if not derivative or not own:
            return None
        for d in derivative:
            quotient = self.normal.times((d,), self.normal.inverse((own[0],)))
            if len(quotient) != 1 or any(
                    mentions(b, self.variable) for b, _ in quotient[0].factors):
                continue
            if self.normal.vanishes(plus(derivative, negative(self.normal.times(quotient, own)))):
                return expression(quotient)
        return None

    def _by_parts(self, factors: Sequence[tuple[Expr, Fraction]]) -> Expr | None:
        """u^n times exp, sin, cos, ln or erf of something linear, by parts."""
        wave = self._wave(factors)
        if wave is not None:
            return wave
        n = next((k for b, k in factors if b == self.u), Fraction(0))
        rest = [(b, k) for b, k in factors if b != self.u]
        if n.denominator != 1 or not rest:
            return None
        other = self._product(rest)
        raised = power(self.u, exact(n + 1))
        if len(rest) == 1 and isinstance(rest[0][0], Apply) and rest[0][0].function in (
                "ln", "erf", "atan") and rest[0][1] == 1 and n != -1:
            first = div(mul(raised, other), exact(n + 1))
            left = self.normal.poly(mul(div(raised, exact(n + 1)),
                                        partial(other, self.variable, ())))
            inner = self._term_by_term(left)
            return None if inner is None else minus(first, inner)
        if not 0 < n <= _BY_PARTS:
            return None
        inside = self.of(other) or self._substitution(other)
        if inside is None:
            return None
        left = self.normal.poly(mul(mul(exact(n), power(self.u, exact(n - 1))), inside))
        inner = self._term_by_term(left)
        return None if inner is None else minus(mul(power(self.u, exact(n)), inside), inner)

    def _tabular(self, e: Expr) -> Expr | None:
        """A polynomial times exp, sin or cos of something linear: by parts until nothing is left.
        """
        factors = factors_of(e)
        waves = [f for f in factors if isinstance(f, Apply) and f.function in (
            "exp", "sin", "cos", "sinh", "cosh") and mentions(f, self.variable)]
        if len(waves) != 1:
            return None
        rest: Expr = Number(1)
        for f in factors:
            rest = mul(rest, f) if f is not waves[0] else rest
        p = self.normal.poly(rest)
        total: Expr = Number(0)
        inner: Expr = waves[0]
        for k in range(_BY_PARTS):
            if not p:
                return total
            if any(mentions(b, self.variable) and (b != self.u or n.denominator != 1 or n < 0)
                   for m in p for b, n in m.factors) or any(m.guards or m.sums for m in p):
                return None
            found = self.of(inner)
            if found is None:
                return None
            inner = found
            term = product_of(expression(p), inner)
            total = add(total, term) if k % 2 == 0 else minus(total, term)
            p = self.normal.poly(partial(expression(p), self.variable, ()))
        return None

    def _wave(self, factors: Sequence[tuple[Expr, Fraction]]) -> Expr | None:
        """cos^n by lowering n, and exp times sin or cos."""
        waves = [b for b, _ in factors if isinstance(b, Apply) and b.function in ("sin", "cos")]
        if len(waves) != 1:
            return None
        wave = waves[0]
        line = linear(self.normal, wave.args[0], self.variable)
        if line is None:
            return None
        if len(factors) == 1 and wave.function == "cos" and factors[0][1] in range(2, 9):
            n = factors[0][1]
            first = over_number(mul(Apply("sin", wave.args), power(wave, exact(n - 1))), exact(n))
            left = self._term_by_term(self.normal.power(self.normal.poly(wave), int(n) - 2))
            first_over = self._over(first, line[0])
            return None if left is None or first_over is None else add(
                first_over, over_number(left, exact(n / (n - 1))))
        growing = [(b, k) for b, k in factors if is_exp(b)]
        if len(growing) + 1 != len(factors) or not growing or dict(factors)[wave] != 1:
            return None
        rate = self._product(growing)
        assert isinstance(rate, Apply)
        rise = linear(self.normal, rate.args[0], self.variable)
        if rise is None:
            return None
        a, b = expression(rise[0]), expression(line[0])
        other = Apply("cos" if wave.function == "sin" else "sin", wave.args)
        both = sub(mul(a, wave), mul(b, other)) if wave.function == "sin" else add(
            mul(a, wave), mul(b, other))
        return over_number(mul(rate, both), expression(plus(
            self.normal.power(rise[0], 2), self.normal.power(line[0], 2))))

    def _term_by_term(self, p: Poly) -> Expr | None:
        e = expression(p)
        return self.of(e) or self.expanded(e)
