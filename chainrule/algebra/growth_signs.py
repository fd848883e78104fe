"""The signs of coefficients: what is known, what follows, and what has to be asked for.

Which of two scales is larger may depend on a sign that nobody knows, x in exp(x*T) for one. Then
`ForkError` asks for it; whoever asked the question works it once for each sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from typing import Final

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import Mono, Poly, bare, content, expression, scaled
from chainrule.algebra.signs import multiplied, narrowed
from chainrule.evaluate.arithmetic import FloatArithmetic
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Reduce, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import constant as integer

_SURE: Final = 1e-9  # constants nearer to 0 than that have no sign by their value alone


_FLIP: Final = str.maketrans("-+", "+-")


class ForkError(Exception):
    """The answer depends on the sign of a quantity that may have several."""

    def __init__(self, quantity: Poly) -> None:
        super().__init__("the answer depends on a sign")
        self.quantity = quantity


class Signs:
    """Signs of polynomials in one case; `assumed` are those with the sign that each has there."""

    def __init__(self, normal: Normal, assumed: Sequence[tuple[Poly, str]] = ()) -> None:
        self.normal = normal
        self.assumed = list(assumed)

    def sign(self, p: Poly) -> str:
        """The sign of a polynomial; raises `ForkError` where it may have several."""
        p = self.settled(p)
        found = self.possible(p)
        if len(found) == 1:
            return found
        raise ForkError(self._doubtful(p))

    def settled(self, p: Poly) -> Poly:
        """A polynomial without conditions that can be decided from outside of sums."""
        for quantity in self.normal.quantities(p):
            inner = self.normal.poly(quantity)
            signs = self.possible(inner)
            if len(signs) > 1:
                raise ForkError(self._doubtful(inner))
            p = self.normal.within(p, {quantity: signs})
            p = tuple(Mono(m.number, m.factors, tuple(g for g in m.guards if g[0] != quantity),
                           m.sums) for m in p)
        return self.normal.merged(p)

    def possible(self, p: Poly) -> str:
        """The signs that a polynomial may have."""
        if not p:
            return "0"
        found = self.normal.known.signs(p)
        for q, s in self.assumed:
            factor = _multiple(p, q)
            if factor is not None:
                found = narrowed(found, s if factor > 0 else s.translate(_FLIP))
        if len(found) == 1:
            return found
        if len(found) > 1 and len(p) > 1:
            found = narrowed(found, self._of_size(p)) or found
        value = _value(p)
        if value is not None and abs(value) > _SURE:
            return "+" if value > 0 else "-"
        if len(p) == 1:
            found = narrowed(found, self._of_term(p[0]))
        else:
            shared, rest = content(p)
            if (shared.factors or shared.number != 1) and rest != p:
                found = narrowed(found, multiplied(self._of_term(shared), self.possible(rest)))
            found = narrowed(found, _added([self._of_term(m) for m in p]))
        if len(found) > 1 and "0" in found and len(p) > 1 and self.normal.vanishes(p):
            return "0"
        return found or "0"

    def _of_size(self, p: Poly) -> str:
        """The signs of K - 1 and its like, for sizes are at least 1."""
        whole = self.normal.as_integer(expression(p))
        if whole is None or whole.indices():
            return "-0+"
        low, high = at_most(integer(0), whole) is True, at_most(whole, integer(0)) is True
        sure = at_most(integer(1), whole) is True
        return "+" if sure else "0+" if low else "-0" if high else "-0+"

    def _of_term(self, m: Mono) -> str:
        """The signs of one term, by its factors; a count of what attains a maximum is positive."""
        own = self.normal.known.signs((m,))
        if m.sums:
            if all(s == "0" and _attained(q, m) for q, s in m.guards) and all(
                    self.normal.known.signs(bare(b)) == "+"
                    for b, _ in m.factors):
                return "+" if m.number > 0 else "-"
            return own
        result = "+" if m.number > 0 else "-"
        for base, k in m.factors:
            signs = self.normal.known.signs(bare(base))
            if len(signs) > 1:
                for q, s in self.assumed:
                    factor = _multiple(bare(base), q)
                    if factor is not None:
                        signs = narrowed(signs, s if factor > 0 else s.translate(_FLIP))
            if len(signs) > 1 and isinstance(base, Apply) and base.function in (
                    "add", "sub", "ln") and base != expression((m,)):
                inner = self.normal.poly(base if base.function != "ln" else Apply(
                    "sub", (base.args[0], Number(1))))
                if inner != (m,):
                    signs = narrowed(signs, self.possible(inner)) or signs
            if k.denominator == 1 and k % 2 == 0:
                signs = "+" if "0" not in signs else "0+" if signs != "0" else "0"
            if k.denominator % 2 == 0:
                signs = narrowed(signs, "0+") or signs
            if k < 0:
                signs = signs.replace("0", "") or signs
            result = multiplied(result, signs)
        if m.guards:
            result = "".join(s for s in "-0+" if s in result or s == "0")
        return narrowed(own, result) or own

    def _doubtful(self, p: Poly) -> Poly:
        """The part of a polynomial whose sign is to be told: a factor, or the bracket."""
        shared, rest = content(p)
        for base, _ in shared.factors:
            atom = bare(base)
            if len(self.possible(atom)) > 1:
                if isinstance(base, Apply) and base.function == "ln":
                    return self.normal.poly(Apply("sub", (base.args[0], Number(1))))
                return atom
        if len(rest) > 1:
            return rest
        return p


def number_of(p: Poly) -> Fraction | None:
    """The value of a polynomial that is a number."""
    if not p:
        return Fraction(0)
    if len(p) == 1 and not (p[0].factors or p[0].guards or p[0].sums):
        return p[0].number
    return None


def _multiple(p: Poly, q: Poly) -> Fraction | None:
    """The number that q is to be multiplied by to be p."""
    if not q or len(p) != len(q):
        return None
    factor = p[0].number / q[0].number
    return factor if scaled(q, factor) == p else None


def _attained(quantity: Expr, m: Mono) -> bool:
    """Whether a condition e = 0 in a sum says that a maximum over the same range is attained."""
    if len(m.guards) != 1:
        return False
    maxima = [n for n in walk(quantity) if isinstance(n, Reduce) and n.op != "sum"]
    return any(n.condition is None and len(n.indices) == len(m.sums) and sorted(
        str(r.size) for r in n.indices) == sorted(str(r.size) for r in m.sums) for n in maxima)


def _value(p: Poly) -> float | None:
    """The value of a constant polynomial, in floating point."""
    try:
        return float_value(expression(p))
    except (ArithmeticError, ValueError, TypeError):
        return None


def float_value(e: Expr) -> float | None:
    """The value of an expression without names, or None."""
    if isinstance(e, Number):
        return float(e.value)
    if isinstance(e, IndexValue):
        number = e.value.constant
        return None if number is None else float(number)
    if not isinstance(e, Apply) or FUNCTIONS[e.function].boolean:
        return None
    parts = [float_value(a) for a in e.args]
    if any(v is None for v in parts):
        return None
    found = float(FUNCTIONS[e.function].value(FloatArithmetic(), *parts))
    return found if isfinite(found) else None


def _added(parts: Sequence[str]) -> str:
    signs = {s for p in parts for s in p}
    if {"-", "+"} <= signs:
        return "-0+"
    strict = any("0" not in p for p in parts)
    return "".join(s for s in "-0+" if (s in signs) and not (s == "0" and strict))


