"""Where an expression is defined: what must not be 0, what must be positive.

    ln(x)/(1 - y)      is defined where x > 0 and 1 - y is not 0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Select,
    children,
    free_indices,
    sub,
)

_DOMAINS: Final = {"ln": "+", "log2": "+", "log10": "+", "sqrt": "0+", "log1p": "+"}


@dataclass(frozen=True, slots=True)
class Demand:
    """A quantity has to have one of these signs, for all values of `ranges`."""

    quantity: Expr
    signs: str
    ranges: tuple[Range, ...] = ()


def demands(e: Expr, ranges: Sequence[Range] = ()) -> list[Demand]:
    """What has to hold for an expression to be defined; what is plainly so is left out.

    >>> from chainrule.lang.parse import parse_expression
    >>> [(str(d.quantity.tensor), d.signs) for d in demands(parse_expression("ln(x)/y + 1/2"))]
    [('y', '-+'), ('x', '+')]
    """
    return list(dict.fromkeys(_demands(e, tuple(ranges))))


def _demands(e: Expr, ranges: tuple[Range, ...]) -> Iterator[Demand]:
    if isinstance(e, Apply):
        found = _own(e)
        if found is not None and not _plain(*found):
            names = set(free_indices(found[0]))
            yield Demand(*found, tuple(r for r in ranges if r.name in names))
    if isinstance(e, Reduce | ArgReduce):
        ranges = (*(r for r in ranges if r.name not in {i.name for i in e.indices}), *e.indices)
    for part in _always(e):
        yield from _demands(part, ranges)


def always(e: Expr) -> Iterator[Expr]:
    """An expression and those parts of it that are evaluated at every point.

    The branches of a choice are evaluated where they are taken only, and so is what is summed under
    a condition.
    """
    yield e
    for part in _always(e):
        yield from always(part)


def _always(e: Expr) -> Sequence[Expr]:
    if isinstance(e, Select):
        return (e.condition,)
    if isinstance(e, Reduce | ArgReduce) and e.condition is not None:
        return (e.condition,)
    return children(e)


def _own(e: Apply) -> tuple[Expr, str] | None:
    """What one function asks of its argument."""
    if e.function == "div":
        return e.args[1], "-+"
    if e.function in _DOMAINS:
        inner = e.args[0] if e.function != "log1p" else e.args[0] + 1
        return inner, _DOMAINS[e.function]
    if e.function == "pow" and isinstance(e.args[1], Number):
        value = e.args[1].value
        if isinstance(value, int):
            return (e.args[0], "-+") if value < 0 else None
        return e.args[0], "+" if Fraction(value) < 0 else "0+"
    if e.function == "pow" and isinstance(e.args[1], IndexValue):
        least = [c for _, c in e.args[1].value.terms]  # a whole number of times
        return None if all(c > 0 for c in least) else (e.args[0], "-+")
    if e.function == "pow":
        return e.args[0], "+"
    if e.function in ("acosh",):
        return sub(e.args[0], Number(1)), "0+"
    if e.function in ("asin", "acos", "atanh"):
        square = Apply("mul", (e.args[0], e.args[0]))
        return sub(Number(1), square), "+" if e.function == "atanh" else "0+"
    return None


def _plain(quantity: Expr, signs: str) -> bool:
    """Whether a number is seen to have the sign that is asked for."""
    if not isinstance(quantity, Number):
        return False
    value = quantity.value
    return ("+" if value > 0 else "-" if value < 0 else "0") in signs
