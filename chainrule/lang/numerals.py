"""Numbers in a formula's text: exact literals, powers within bounds, integer polynomials."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from chainrule.errors import LimitError, RangeError, Span
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Read, Ref
from chainrule.lang.integers import Floor, Integer, atom, constant
from chainrule.limits import CONSTANT_EXPONENT, LITERAL_DIGITS

_TERMS: Final = 200  # of one integer polynomial
_FLOORS: Final = 8  # inside each other; each % doubles what is written


def literal(text: str, span: Span) -> Number:
    """The exact number that a literal writes: `0.1` is 1/10.

    >>> literal("2.5e-1", Span("2.5e-1", 0, 6))
    Number(value=Fraction(1, 4))
    """
    if len(text) <= 16 and text.isdigit():
        return Number(int(text))
    mantissa, _, exponent = text.lower().partition("e")
    digits = sum(c.isdigit() for c in mantissa)
    if digits > LITERAL_DIGITS:
        raise LimitError(
            f"a number of {digits:,} digits; at most {LITERAL_DIGITS} are read", span
        )
    if len(exponent) > 6 or abs(int(exponent or "0")) > CONSTANT_EXPONENT:
        raise LimitError(f"an exponent beyond {CONSTANT_EXPONENT:,}", span)
    value = Fraction(mantissa)
    if exponent:
        value *= Fraction(10) ** int(exponent)
    return Number(value.numerator if value.denominator == 1 else value)


def check_power(base: Expr, exponent: Expr, span: Span) -> None:
    """Refuse constant powers that are too large to be worked out, as 9^9^9."""
    size = abs(_magnitude(exponent))
    while type(base) is Apply and base.function == "pow":
        size *= max(1.0, abs(_magnitude(base.args[1])))
        base = base.args[0]
    if size > CONSTANT_EXPONENT:
        raise LimitError(f"a constant power beyond {CONSTANT_EXPONENT:,}", span)


def _magnitude(e: Expr) -> float:
    """About how large a constant expression is; 0 for anything else."""
    if type(e) is Number:
        try:
            return float(e.value)
        except OverflowError:
            return float("inf")
    if type(e) is not Apply or e.function not in ("neg", "add", "sub", "mul", "div", "pow"):
        return 0.0
    parts = [_magnitude(a) for a in e.args]
    try:
        if e.function == "pow":
            return float(abs(parts[0]) ** parts[1])
        if e.function == "mul":
            return parts[0] * parts[1]
        if e.function == "div":
            return parts[0] / parts[1]
    except (OverflowError, ZeroDivisionError):
        return float("inf") if e.function == "pow" and parts[0] else 0.0
    return sum(map(abs, parts))


def whole(e: Expr) -> Integer | None:
    """The integer polynomial that an expression is, with tensors as integers to be read."""
    if type(e) is IndexValue:
        return e.value
    if type(e) is Number:
        return constant(e.value) if isinstance(e.value, int) else None
    if type(e) is Ref:
        return atom(Read(e))
    if type(e) is not Apply or e.function not in ("add", "sub", "mul", "neg"):
        return None
    parts = [whole(a) for a in e.args]
    if parts[0] is None or parts[-1] is None:
        return None
    if e.function == "neg":
        return -parts[0]
    return _polynomial(e.function, parts[0], parts[1] or constant(0), e.span)


def combined(function: str, left: Expr, right: Expr, span: Span) -> Expr | None:
    """The sum, difference, product or floor of two integers as one node, or None.

    For + - * one of the two has to be made of indices or sizes, the other a whole number at least;
    a floor may also read integer tensors.
    """
    if function not in ("floordiv", "mod"):
        if type(left) is not IndexValue and type(right) is not IndexValue:
            return None
        if function == "div" or not (_plain(left) and _plain(right)):
            return None
    a, b = whole(left), whole(right)
    if a is None or b is None:
        return None
    value = _polynomial(function, a, b, span)
    number = value.constant
    return Number(number) if number is not None else IndexValue(value, span)


def _plain(e: Expr) -> bool:
    return type(e) is IndexValue or (type(e) is Number and isinstance(e.value, int))


def _polynomial(function: str, a: Integer, b: Integer, span: Span | None) -> Integer:
    if function == "add":
        value = a + b
    elif function == "sub":
        value = a - b
    elif function == "mul":
        if len(a.terms) * len(b.terms) > _TERMS:
            raise LimitError(f"an integer polynomial of more than {_TERMS} terms", span)
        value = a * b
    else:
        if max(_floors(a), _floors(b)) >= _FLOORS:
            raise LimitError(f"more than {_FLOORS} floors inside each other", span)
        try:
            value = a // b if function == "floordiv" else a % b
        except ZeroDivisionError as error:
            raise RangeError(str(error), span) from None
    if len(value.terms) > _TERMS:
        raise LimitError(f"an integer polynomial of more than {_TERMS} terms", span)
    return value


def _floors(p: Integer) -> int:
    """How many floors stand inside each other in a polynomial."""
    return max(
        (1 + max(_floors(a.numerator), _floors(a.denominator))
         for monomial, _ in p.terms for a in monomial if isinstance(a, Floor)),
        default=0,
    )  # fmt: skip
