"""Cells that depend on inputs without a value: polynomials that stay collected.

A parameter that was given no value stays a symbol beside numbers: `2*(-4*a) + 10*a` is worked as
`2*a`. Such a cell is a polynomial with number coefficients, whose variables are references
(`a`, `W[0,1]`) and whatever is no polynomial of them (`sin(a)`, `1/(a + 1)`). Like terms are added
and products multiplied out as long as that stays short.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from chainrule.errors import LimitError, MissingValueError
from chainrule.evaluate.values import cell_name
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Ref,
    add,
    div,
    exact,
    mul,
    power,
    sub,
    walk,
)
from chainrule.limits import NESTING

_EXPANDED = 64  # a product with more terms is left as a product
_TERMS = 1000  # a cell with more terms is refused

Monomial = tuple[tuple[Expr, int], ...]


class Symbolic:
    """A polynomial with number coefficients over expressions; immutable.

    >>> a = Symbolic.of(Ref("a"))
    >>> (a * 3 - a * 2).expr() == Ref("a")
    True
    """

    __slots__ = ("depth", "terms")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, terms: dict[Monomial, Any], depth: int) -> None:
        if len(terms) > _TERMS or depth > NESTING:
            names = ", ".join(_names(terms))
            raise LimitError(
                f"a value becomes too long an expression in {names}",
                hint="give it a number, or look at a smaller program",
            )
        self.terms = terms
        self.depth = depth

    @staticmethod
    def of(value: Any) -> Symbolic:
        """A number or an expression as a polynomial."""
        if isinstance(value, Symbolic):
            return value
        if not isinstance(value, Expr):
            return Symbolic({(): Fraction(value) if isinstance(value, int) else value}, 1)
        if isinstance(value, Number):
            return Symbolic({(): Fraction(value.value)}, 1)
        parts = _parts(value)
        if parts is None:
            return Symbolic({((value, 1),): Fraction(1)}, 1)
        return parts

    @staticmethod
    def function(name: str, args: list[Any]) -> Symbolic:
        """A function of the table on cells, as a variable of its own."""
        parts = [Symbolic.of(x) for x in args]
        node = Apply(name, tuple(part.expr() for part in parts))
        return Symbolic({((node, 1),): Fraction(1)}, 1 + max(part.depth for part in parts))

    def expr(self) -> Expr:
        """The polynomial as an expression, its terms in the order in which they arose."""
        total: Expr | None = None
        for monomial, c in self.terms.items():
            body: Expr = ONE
            for base, n in monomial:
                body = mul(body, power(base, Number(n)))
            if total is None:
                total = _times(c, body)
            elif c < 0:
                total = sub(total, _times(-c, body))
            else:
                total = add(total, _times(c, body))
        return total if total is not None else ZERO

    def names(self) -> list[str]:
        """The cells without a value that it depends on."""
        return _names(self.terms)

    def __add__(self, other: Any) -> Any:
        return _sum(self, Symbolic.of(other))

    def __radd__(self, other: Any) -> Any:
        return _sum(Symbolic.of(other), self)

    def __neg__(self) -> Symbolic:
        return Symbolic({m: -c for m, c in self.terms.items()}, self.depth)

    def __sub__(self, other: Any) -> Any:
        return _sum(self, -Symbolic.of(other))

    def __rsub__(self, other: Any) -> Any:
        return _sum(Symbolic.of(other), -self)

    def __mul__(self, other: Any) -> Any:
        return _product(self, Symbolic.of(other))

    def __rmul__(self, other: Any) -> Any:
        return _product(Symbolic.of(other), self)

    def __pow__(self, n: int) -> Any:
        """A whole power, not negative."""
        if len(self.terms) == 1:
            ((monomial, c),) = self.terms.items()
            return Symbolic({tuple((b, k * n) for b, k in monomial): c**n}, self.depth + 1)
        if len(self.terms) ** n <= _EXPANDED:
            total: Any = self
            for _ in range(n - 1):
                total = total * self
            return total
        return Symbolic({((self.expr(), n),): Fraction(1)}, self.depth + 1)

    def divided(self, other: Any) -> Any:
        """The quotient; by a number every coefficient is divided."""
        if not isinstance(other, Symbolic):
            return _settled(
                {m: _combine("div", c, other) for m, c in self.terms.items()}, self.depth
            )
        return _quotient(self, other)


def quotient(a: Any, b: Any) -> Any:
    """a / b where at least one of them is symbolic and b is not the number 0."""
    return Symbolic.of(a).divided(b)


def whole_power(x: Any, p: Any) -> Any:
    """x to the p where at least one of them is symbolic."""
    if isinstance(p, Fraction) and p.denominator == 1 and 0 <= p <= NESTING:
        return Symbolic.of(x) ** int(p) if p else Fraction(1)
    return Symbolic.function("pow", [x, p])


def missing(cell: Symbolic, purpose: str) -> MissingValueError:
    """The error for a decision that needs the number behind a symbol."""
    names = ", ".join(cell.names())
    return MissingValueError(f"{purpose} needs a value for {names}")


def plain(cell: Any) -> Any:
    """A cell as it is handed out: expressions for polynomials."""
    return cell.expr() if isinstance(cell, Symbolic) else cell


def _parts(e: Expr) -> Symbolic | None:
    """An expression as a polynomial of its parts, None if it is no sum or product."""
    if not isinstance(e, Apply):
        return None
    if e.function in {"add", "sub", "mul"}:
        a, b = (Symbolic.of(part) for part in e.args)
        total = a + b if e.function == "add" else a - b if e.function == "sub" else a * b
        return Symbolic.of(total)
    if e.function == "neg":
        return -Symbolic.of(e.args[0])
    if e.function == "pow":
        exponent = e.args[1]
        if isinstance(exponent, Number) and isinstance(exponent.value, int) and exponent.value > 0:
            return Symbolic.of(Symbolic.of(e.args[0]) ** exponent.value)
    depth = 1 + max((Symbolic.of(part).depth for part in e.args), default=0)
    return Symbolic({((e, 1),): Fraction(1)}, depth)


def _names(terms: dict[Monomial, Any]) -> list[str]:
    found: dict[str, None] = {}
    for monomial in terms:
        for base, _ in monomial:
            for node in walk(base):
                if isinstance(node, Ref):
                    found[cell_name(node.tensor, [s.constant or 0 for s in node.subscripts])] = None
    return list(found)


def _combine(operation: str, a: Any, b: Any) -> Any:
    """a + b, a * b or a / b of coefficients, fractions or mpmath numbers."""
    if isinstance(a, Fraction) and not isinstance(b, Fraction):
        a = b.context.mpf(a.numerator) / a.denominator
    elif isinstance(b, Fraction) and not isinstance(a, Fraction):
        b = a.context.mpf(b.numerator) / b.denominator
    return a + b if operation == "add" else a * b if operation == "mul" else a / b


def _settled(terms: dict[Monomial, Any], depth: int) -> Any:
    """A polynomial without zero terms; a number if no symbol is left."""
    kept = {m: c for m, c in terms.items() if c != 0}
    if not kept:
        return Fraction(0)
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Symbolic(kept, depth)


def _sum(a: Symbolic, b: Symbolic) -> Any:
    total = dict(a.terms)
    for monomial, c in b.terms.items():
        total[monomial] = _combine("add", total[monomial], c) if monomial in total else c
    return _settled(total, max(a.depth, b.depth))


def _product(a: Symbolic, b: Symbolic) -> Any:
    if len(a.terms) * len(b.terms) > _EXPANDED and min(len(a.terms), len(b.terms)) > 1:
        whole = _merge(((a.expr(), 1),), ((b.expr(), 1),))
        return Symbolic({whole: Fraction(1)}, 1 + max(a.depth, b.depth))
    total: dict[Monomial, Any] = {}
    for m, c in a.terms.items():
        for n, d in b.terms.items():
            monomial = _merge(m, n)
            value = _combine("mul", c, d)
            seen = total.get(monomial)
            total[monomial] = value if seen is None else _combine("add", seen, value)
    return _settled(total, max(a.depth, b.depth))


def _merge(m: Monomial, n: Monomial) -> Monomial:
    """The product of two monomials, with one order for every way of writing it."""
    if not m or not n:
        return m or n
    powers = dict(m)
    for base, k in n:
        powers[base] = powers.get(base, 0) + k
    return tuple(sorted(powers.items(), key=repr))


def _quotient(a: Symbolic, b: Symbolic) -> Symbolic:
    node = div(a.expr(), b.expr())
    depth = 1 + max(a.depth, b.depth)
    if isinstance(node, Apply) and node.function == "neg":  # the sign goes into the coefficient
        return Symbolic({((node.args[0], 1),): Fraction(-1)}, depth)
    return Symbolic({((node, 1),): Fraction(1)}, depth)


def _times(c: Any, body: Expr) -> Expr:
    number = exact(c) if isinstance(c, Fraction) else Number(float(c))
    return mul(number, body)
