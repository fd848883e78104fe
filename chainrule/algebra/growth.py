"""How expressions grow near a point: the few largest terms, and a bound on what was left out.

    exp(x/h) + 3 + h      as h -> 0+      exp(x*T) + 3 + T^-1      with T = 1/h

Near its limit a variable is told by T, which goes to infinity; an expression is walked and its
series put together from those of its parts. A sum over indices is taken term by term, and where
its terms are exponentials, the largest is found as a maximum over the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import factorial

from chainrule.algebra.growth_series import (
    ONE,
    TINY,
    CoarseError,
    NowhereError,
    Scale,
    Series,
    SeriesArithmetic,
    power_of_t,
    scale_of,
    scale_product,
)
from chainrule.algebra.growth_signs import ForkError, number_of
from chainrule.algebra.normal import Normal
from chainrule.algebra.partial import partial
from chainrule.algebra.polynomial import (
    UNIT,
    Poly,
    condition,
    constant,
    expression,
    indices_of,
    negative,
    plus,
    scaled,
)
from chainrule.algebra.products import mentions
from chainrule.algebra.statements import MEANINGS, meaning
from chainrule.errors import UndecidedError
from chainrule.lang.expr import Apply, Expr, Number, Reduce, Ref, Select, both, transform, walk


class Growth(SeriesArithmetic):
    """Series of expressions in one variable, whose own series is `start`."""

    def __init__(
        self, normal: Normal, variable: str, start: Series, most: int = 6,
        assumed: Sequence[tuple[Poly, str]] = (),
    ) -> None:
        super().__init__(normal, most, assumed)
        self.variable = variable
        self.start = start
        self.bound: list[str] = []

    def of(self, e: Expr) -> Series:
        """The series of an expression."""
        if not mentions(e, self.variable):
            self._check(e)
            p = self.settled(self.normal.poly(e)) if not self.bound else self.normal.poly(e)
            return Series(((ONE, p),)) if p else Series(())
        if isinstance(e, Ref):
            return self.start
        if isinstance(e, Select):
            return self.of(e.then if self.holds(e.condition) else e.otherwise)
        if isinstance(e, Reduce):
            return self._summed(e) if e.op == "sum" else self._greatest(e)
        if not isinstance(e, Apply):
            raise UndecidedError("the place of a maximum jumps, and is not followed to a limit")
        return self._applied(e)

    def _check(self, e: Expr) -> None:
        """Refuses constants that are not defined: 1/0, ln(0)."""
        for node in walk(e):
            if not isinstance(node, Apply) or self.bound:
                continue
            if node.function == "div" and self.possible(self.normal.poly(node.args[1])) == "0":
                raise NowhereError("a division by 0")
            if node.function == "ln" and "+" not in self.possible(
                    self.normal.poly(node.args[0])):
                raise NowhereError("a logarithm of what is not positive")

    def _applied(self, e: Apply) -> Series:
        f = e.function
        if f in ("add", "sub"):
            first, second = self.of(e.args[0]), self.of(e.args[1])
            return self.add(first, second if f == "add" else self.scale(second, ONE, constant(-1)))
        if f == "neg":
            return self.scale(self.of(e.args[0]), ONE, constant(-1))
        if f == "mul":
            return self.mul(self.of(e.args[0]), self.of(e.args[1]))
        if f == "div":
            return self.mul(self.of(e.args[0]), self.power(self.of(e.args[1]), constant(-1)))
        if f == "pow":
            return self._raised(e)
        if f == "sqrt":
            return self.power(self.of(e.args[0]), constant(Fraction(1, 2)))
        if f == "square":
            return self.power(self.of(e.args[0]), constant(2))
        if f == "exp":
            return self.exp(self.of(e.args[0]))
        if f == "ln":
            return self.ln(self.of(e.args[0]))
        if f in MEANINGS:
            return self.of(meaning(e))
        if len(e.args) == 1:
            return self._smooth(f, e.args[0])
        raise UndecidedError(f"the limit of {f} is not known")

    def _raised(self, e: Apply) -> Series:
        """A power whose exponent may grow too: exp(p*ln(x))."""
        base, exponent = e.args
        if not mentions(exponent, self.variable):
            return self.power(self.of(base), self.normal.poly(exponent))
        return self.exp(self.mul(self.of(exponent), self.ln(self.of(base))))

    def _smooth(self, f: str, argument: Expr) -> Series:
        """A function of the table by Taylor's series, or by what it does at infinity."""
        s = self.of(argument)
        if f in ("sin", "cos") and any(self.compare(x, ONE) > 0 for x, _ in s.terms):
            return Series((), ONE)  # bounded, and no more is known
        growing, at, small = self.parted(s)
        if growing:
            return self._far(f, self.sign(growing[0][1]), s, argument)
        if f == "floor":
            return self._floor(at, small)
        if f in ("asin", "atan2"):
            edge = self.sign(plus(UNIT, negative(self.normal.power(at, 2))))
            if edge != "+":
                raise UndecidedError(f"{f} has no tangent at the end of its domain")
        place = Ref("#t", ())
        derivative: Expr = Apply(f, (place,))
        value = expression(at)
        table = []
        count = self.most if small.terms or small.error is not None else 0
        for n in range(count + 1):
            there = transform(derivative, lambda node: value if node == place else None)
            table.append(scaled(self.normal.poly(there), Fraction(1, factorial(n))))
            if n < count:
                derivative = partial(derivative, "#t", ())
        return self.composed(small, table)

    def _far(self, f: str, sign: str, s: Series, argument: Expr) -> Series:
        """A function whose argument grows beyond all bounds."""
        side = constant(1 if sign == "+" else -1)
        if f == "erf":
            square = self.exp(self.scale(self.mul(s, s), ONE, constant(-1)))
            top = square.terms[0][0] if square.terms else square.error
            return Series(((ONE, side),), top)
        if f == "atan":
            near = self._smooth("atan", Apply("div", (Number(1), argument)))
            half = scaled(self.normal.poly(Apply("pi", ())), Fraction(1, 2))
            return self.add(Series(((ONE, self.normal.times(side, half)),)),
                            self.scale(near, ONE, constant(-1)))
        raise UndecidedError(f"what {f} does at infinity is not known")

    def _floor(self, at: Poly, small: Series) -> Series:
        number = number_of(at)
        if number is None:
            raise UndecidedError("where floor jumps depends on what is not known")
        whole = Fraction(number.numerator // number.denominator)
        if number == whole and self.lead(small)[2] == "-":
            whole -= 1
        return Series(((ONE, constant(whole)),)) if whole else Series(())

    def holds(self, e: Expr) -> bool:
        """Whether a condition holds near the point."""
        assert isinstance(e, Apply)
        if e.function == "and":
            return self.holds(e.args[0]) and self.holds(e.args[1])
        if e.function == "or":
            return self.holds(e.args[0]) or self.holds(e.args[1])
        if e.function == "not":
            return not self.holds(e.args[0])
        sign = self.near(Apply("sub", e.args))
        return sign in {"lt": "-", "le": "-0", "gt": "+", "ge": "0+", "eq": "0",
                        "ne": "-+"}[e.function]

    def near(self, e: Expr) -> str:
        """The sign of an expression near the point, the point itself left out."""
        if not mentions(e, self.variable):
            return self.sign(self.normal.poly(e))
        try:
            return self.lead(self.of(e))[2]
        except CoarseError:
            if self.normal.vanishes(self.normal.poly(e)):
                return "0"
            raise

    def _summed(self, e: Reduce) -> Series:
        """A sum over indices: term by term, the largest exponential taken out."""
        names = [r.name for r in e.indices]
        terms: list[tuple[Scale, Poly]] = []
        errors: list[Scale | None] = []
        for guards, s in self._told_apart(e, e.body):
            for scale, p in s.terms:
                outside, parts, error = self._dominant(e, scale, guards, p)
                errors.append(error)
                terms += [(outside, q) for q in parts]
            if s.error is not None:
                errors.append(self._dominant(e, s.error, guards, UNIT)[0])
        assert not set(self.bound) & set(names)
        return self.series(terms, self.larger(*errors))

    def _told_apart(
        self, e: Reduce, body: Expr, guards: tuple[tuple[Expr, str], ...] = (),
    ) -> list[tuple[tuple[tuple[Expr, str], ...], Series]]:
        """The series of a sum's terms, one for each sign of what they hang on."""
        names = {r.name for r in e.indices}
        inner = self._inside(e, guards)
        try:
            return [(guards, inner.of(body))]
        except ForkError as fork:
            if not names & indices_of(fork.quantity):
                raise
            if len(guards) >= 2:
                raise UndecidedError("the terms of the sum differ in too many signs") from None
            quantity = expression(fork.quantity)
            found = []
            for sign in inner.possible(fork.quantity):
                found += self._told_apart(e, body, (*guards, (quantity, sign)))
            return found

    def _inside(self, e: Reduce, guards: Sequence[tuple[Expr, str]]) -> Growth:
        """The growth of a sum's terms, where conditions hold for its indices."""
        sizes = {r.name: r.size for r in e.indices if r.size is not None}
        normal = Normal(self.normal.known, {**self.normal.sizes, **sizes})
        assumed = [*self.assumed, *((normal.poly(q), s) for q, s in guards)]
        if guards:
            normal = Normal(normal.known.assuming(assumed), normal.sizes)
        inner = Growth(normal, self.variable, self.start, self.most, assumed)
        inner.bound = [*self.bound, *(r.name for r in e.indices)]
        return inner

    def _dominant(
        self, e: Reduce, scale: Scale, guards: tuple[tuple[Expr, str], ...], p: Poly,
    ) -> tuple[Scale, list[Poly], Scale | None]:
        """A term of a sum: its scale at its largest, its coefficient summed where it is attained.
        """
        names = {r.name for r in e.indices}
        own = [(x, c) for x, c in scale if names & indices_of(c)]
        if not own:
            return scale, [self._total(e, guards, p)], None
        if guards and self._inside(e, guards).compare(scale, ONE) < 0:
            return power_of_t(-TINY), [], power_of_t(-TINY)
        if len(own) > 1 or guards or e.condition is not None:
            raise UndecidedError("the terms of the sum grow in more than one way")
        element, c = own[0]
        greatest = self._extreme(e, c)
        outside = scale_of({**dict(scale), element: greatest})
        attained = expression(plus(c, negative(greatest)))
        top = self._total(e, ((attained, "0"),), p)
        return outside, [top], scale_product(outside, power_of_t(-TINY))

    def _extreme(self, e: Reduce, c: Poly) -> Poly:
        """The largest value of a coefficient over a sum's indices: a maximum, or -min of -c."""
        names = {r.name for r in e.indices}
        inside = tuple(m for m in c if names & indices_of((m,)))
        outside = tuple(m for m in c if m not in inside)
        op = "max"
        if all(m.number < 0 for m in inside):
            inside, op = negative(inside), "min"
        found = self.normal.poly(Reduce(op, e.indices, e.condition, expression(inside)))
        return plus(outside, found if op == "max" else negative(found))

    def _total(self, e: Reduce, guards: Sequence[tuple[Expr, str]], p: Poly) -> Poly:
        where = e.condition
        for quantity, signs in guards:
            where = both(where, condition(quantity, signs))
        return self.normal.poly(Reduce("sum", e.indices, where, expression(p)))

    def _greatest(self, e: Reduce) -> Series:
        """A maximum whose terms all have the same scale, and nothing beside."""
        names = {r.name for r in e.indices}
        found = self._told_apart(e, e.body)
        if len(found) == 1:
            s = found[0][1]
            if s.error is None and len(s.terms) == 1 and not any(
                    names & indices_of(c) for _, c in s.terms[0][0]):
                scale, p = s.terms[0]
                return Series(((scale, self.normal.poly(
                    Reduce(e.op, e.indices, e.condition, expression(p)))),))
            inside = [(x, c) for x, c in s.terms if names & indices_of(c)]
            if s.error is None and len(inside) == 1 and not any(
                    names & indices_of(c) for x, _ in s.terms for _, c in x):
                scale, p = inside[0]
                rest = tuple(t for t in s.terms if t is not inside[0])
                top = self.normal.poly(Reduce(e.op, e.indices, e.condition, expression(p)))
                return self.add(Series(rest), Series(((scale, top),)))
            if s.terms and self.compare(s.terms[0][0], ONE) == 0 and not any(
                    names & indices_of(c) for x, _ in s.terms for _, c in x):
                at = self.normal.poly(Reduce(e.op, e.indices, e.condition,
                                             expression(s.terms[0][1])))
                error = s.terms[1][0] if len(s.terms) > 1 else s.error
                return Series(((ONE, at),), error)
        raise UndecidedError(f"which term is the {e.op}imum changes near the point")
