"""Numbers and arrays that papers are checked with: exact, or to many digits, and their tangents.

A number is a `Fraction` where it is rational and an mpmath number of 34 digits where it is not.
A `Dual` is a number that moves: a value and the speed at which it changes when some quantity is
moved, so that a derivative is computed to full precision with no step size. Comparing two duals of
equal value compares their speeds: a function with a kink is taken on the side that the quantity
moves to, which gives the left and the right derivative for the two directions.

An `Array` is a shape and its cells, the last axis fastest. Anything that has no value raises
`Unknown`, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from chainrule.errors import ChainruleError
from chainrule.evaluate.arithmetic import Arithmetic, Exact, HighPrecision, Inexact
from chainrule.lang.expr import Apply, Expr, IndexValue, Ref, Select
from chainrule.lang.expr import Number as Constant
from chainrule.lang.functions import FUNCTIONS

DIGITS: Final = 34
_BITS: Final = 1200  # a fraction longer than this goes on as a rounded number
_REMEMBERED: Final = 20_000  # values of functions at fractions that are kept
_CLOSE: Final = Fraction(1, 10**20)
_NOTHING: Final = Fraction(1, 10**28)  # what is left of terms that cancel


class Unknown(Exception):
    """Something has no value here; `kind` is name, shape, range, domain, form or budget."""

    def __init__(self, why: str, kind: str = "form") -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind


class Dual:
    """A value and its tangent; `level` tells derivatives inside each other apart."""

    __slots__ = ("level", "numbers", "tangent", "value")

    def __init__(self, value: Any, tangent: Any, level: int, numbers: Numbers) -> None:
        self.value = value
        self.tangent = tangent
        self.level = level
        self.numbers = numbers

    def __add__(self, other: Any) -> Any:
        return self.numbers.apply("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.numbers.apply("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.numbers.apply("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.numbers.apply("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.numbers.apply("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.numbers.apply("mul", other, self)

    def __neg__(self) -> Any:
        return self.numbers.apply("neg", self)

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __lt__(self, other: Any) -> bool:
        return self.numbers.order(self, other) < 0

    def __le__(self, other: Any) -> bool:
        return self.numbers.order(self, other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self.numbers.order(self, other) > 0

    def __ge__(self, other: Any) -> bool:
        return self.numbers.order(self, other) >= 0

    def __eq__(self, other: object) -> bool:
        return self.numbers.order(self, other) == 0

    __hash__ = None  # type: ignore[assignment]


class _Moving(Arithmetic):
    """The arithmetic that kinked functions of the table are computed in for duals."""

    def number(self, value: Any) -> Any:
        return Fraction(value)

    def absolute(self, x: Any) -> Any:
        return abs(x)

    def sign(self, x: Any) -> Any:
        return Fraction((x > 0) - (x < 0))

    def heaviside(self, x: Any) -> Any:
        return Fraction(1 + (x > 0) - (x < 0), 2)


_SPEED: Final = "y"  # the name of a function's own value in its partial derivatives


class Numbers:
    """Arithmetic on fractions, mpmath numbers and duals; one for a whole check.

    `ties` counts comparisons that only a direction decided: there is a kink at that point.
    """

    def __init__(self, digits: int = DIGITS) -> None:
        self.digits = digits
        self.exact = Exact()
        self.moving = _Moving()
        self.ties = 0
        self.side = 1
        self.levels = 0
        self.work = 0  # nodes and cells that were worked out, to hold against a budget
        self._known: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self._partials: dict[tuple[str, int], Expr] = {}

    @cached_property
    def high(self) -> HighPrecision:
        """Many digits; made when first needed, for loading mpmath takes a while."""
        return HighPrecision(self.digits)

    def rounded(self, x: Any) -> Any:
        """An mpmath number from a fraction or an mpmath number."""
        if isinstance(x, Array | bool):
            raise Unknown("an array stands where a number is wanted", "shape")
        return self.high.number(x) if type(x) is Fraction else x

    # --- the four operations, quickly

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self._bearable(a + b) if type(a) is Fraction is type(b) else self.apply("add", a, b)

    def mul(self, a: Any, b: Any) -> Any:
        """a · b; an exact zero makes any product zero."""
        return self._bearable(a * b) if type(a) is Fraction is type(b) else self.apply("mul", a, b)

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return self.apply("sub", a, b)

    def div(self, a: Any, b: Any) -> Any:
        """a / b."""
        return self.apply("div", a, b)

    def apply(self, name: str, *args: Any) -> Any:
        """A function of chainrule's table at numbers; `Unknown` outside its domain."""
        level = max((x.level for x in args if type(x) is Dual), default=0)
        if level:
            return self._moved(name, args, level)
        if all(type(x) is Fraction for x in args):
            known = self._known.get((name, args))
            if known is not None:
                return known
            try:
                return self._bearable(FUNCTIONS[name].value(self.exact, *args))
            except Inexact:
                pass
        if name == "mul" and any(type(x) is Fraction and x == 0 for x in args):
            return Fraction(0)
        try:
            result = FUNCTIONS[name].value(self.high, *(self.rounded(x) for x in args))
        except (ChainruleError, OverflowError, ValueError, ZeroDivisionError):
            raise Unknown(f"{name} has no value there", "domain") from None
        if type(result) is bool:
            return result
        if args and type(args[0]) is type(args[-1]) is Fraction and len(self._known) < _REMEMBERED:
            self._known[name, args] = result
        if result != result or (name == "div" and not self.high.context.isfinite(result)
                                and args[1] == 0):
            raise Unknown(f"{name} has no value there", "domain")
        return result

    def _bearable(self, value: Any) -> Any:
        if type(value) is Fraction and value.denominator.bit_length() > _BITS:
            return self.high.number(value)
        if type(value) is Fraction and value.numerator.bit_length() > 4 * _BITS:
            return self.high.number(value)
        return value

    def _moved(self, name: str, args: tuple[Any, ...], level: int) -> Any:
        """A function of duals: the chain rule, with the table's own partial derivatives."""
        entry = FUNCTIONS[name]
        if entry.kinks or entry.boolean or entry.jumps or name in ("max", "min", "floor", "ceil"):
            if name in ("floor", "ceil"):
                args = tuple(x.value if type(x) is Dual else x for x in args)
                return self.apply(name, *args)
            return entry.value(self.moving, *args)
        still = [x.value if type(x) is Dual and x.level == level else x for x in args]
        value = self.apply(name, *still)
        total: Any = Fraction(0)
        for k, x in enumerate(args):
            if type(x) is not Dual or x.level != level:
                continue
            slope = self.expression(self._partial(name, k), [*still, value])
            total = self.add(total, self.mul(slope, x.tangent))
        if type(total) is Fraction and total == 0:
            return value
        return Dual(value, total, level, self)

    def _partial(self, name: str, k: int) -> Expr:
        if (name, k) not in self._partials:
            entry = FUNCTIONS[name]
            names = [*(Ref(f"a{j}") for j in range(entry.arity)), Ref(_SPEED)]
            self._partials[name, k] = entry.partials[k](*names)
        return self._partials[name, k]

    def expression(self, e: Expr, values: list[Any]) -> Any:
        """A scalar expression in a0, a1, … and y, the last of the values."""
        if isinstance(e, Constant):
            return self.high.number(e.value) if isinstance(e.value, float) else Fraction(e.value)
        if isinstance(e, Ref):
            return values[-1] if e.tensor == _SPEED else values[int(e.tensor[1:])]
        if isinstance(e, Select):
            holds = self.expression(e.condition, values)
            return self.expression(e.then if holds else e.otherwise, values)
        if isinstance(e, IndexValue):
            return Fraction(e.value.constant or 0)
        assert isinstance(e, Apply)
        return self.apply(e.function, *(self.expression(a, values) for a in e.args))

    # --- comparing

    def order(self, a: Any, b: Any) -> int:
        """-1, 0 or 1: which is larger, speeds deciding between equal values."""
        if type(a) is int:
            a = Fraction(a)
        if type(b) is int:
            b = Fraction(b)
        if isinstance(a, Array | bool) or isinstance(b, Array | bool):
            raise Unknown("an array stands where a number is compared", "shape")
        level = max((x.level for x in (a, b) if type(x) is Dual), default=0)
        if not level:
            if type(a) is Fraction is type(b):
                return (a > b) - (a < b)
            a, b = self.rounded(a), self.rounded(b)
            if self.close(a, b):
                return 0
            return int(a > b) - int(a < b)
        av, at = (a.value, a.tangent) if type(a) is Dual and a.level == level else (a, Fraction(0))
        bv, bt = (b.value, b.tangent) if type(b) is Dual and b.level == level else (b, Fraction(0))
        first = self.order(av, bv)
        if first:
            return first
        second = self.order(at, bt)
        self.ties += second != 0
        return second * self.side

    def close(self, a: Any, b: Any, within: Fraction = _CLOSE) -> bool:
        """Whether two numbers are the same but for what rounding leaves; NaN is like nothing."""
        if type(a) is Fraction is type(b):
            return bool(a == b)
        if type(a) is Dual or type(b) is Dual:
            return self.close(self.still(a), self.still(b), within)
        x, y = self.rounded(a), self.rounded(b)
        if x == y:
            return True
        gap = abs(x - y)
        if gap != gap or not self.high.context.isfinite(gap):
            return False
        if (x == 0 or y == 0) and gap <= self.rounded(_NOTHING):
            return True
        return bool(gap <= self.rounded(within) * max(abs(x), abs(y), self.rounded(_CLOSE)))

    def still(self, x: Any) -> Any:
        """The value of a number that may move."""
        while type(x) is Dual:
            x = x.value
        return x

    def exactly(self, x: Any) -> Fraction | None:
        """The fraction that a number is, rounded as it is; None for an infinity or NaN."""
        x = self.still(x)
        if type(x) is Fraction:
            return x
        if not self.high.context.isfinite(x):
            return None
        mantissa, exponent = x.man_exp
        size = abs(Fraction(int(mantissa))) * Fraction(2) ** int(exponent)
        return -size if x < 0 else Fraction(size)

    def tangent(self, x: Any, level: int) -> Any:
        """The speed of a number at a level; 0 where it does not move."""
        return x.tangent if type(x) is Dual and x.level == level else Fraction(0)

    def new_level(self) -> int:
        """A level above all that are in use."""
        self.levels += 1
        return self.levels


@dataclass(frozen=True, slots=True)
class Array:
    """A tensor: its shape and its cells, the last axis fastest.

    >>> Array((2, 2), (1, 2, 3, 4))[1, 0]
    3
    """

    shape: tuple[int, ...]
    cells: tuple[Any, ...]

    def __getitem__(self, place: tuple[int, ...]) -> Any:
        at = 0
        for k, size in zip(place, self.shape, strict=True):
            at = at * size + k
        return self.cells[at]

    def map(self, f: Callable[[Any], Any]) -> Array:
        """The array of f of each cell."""
        return Array(self.shape, tuple(map(f, self.cells)))


Value = Any  # a number, a bool or an Array


def cells_of(value: Value) -> tuple[Any, ...]:
    """The cells of an array, or the number itself."""
    return value.cells if isinstance(value, Array) else (value,)


def shape_of(value: Value) -> tuple[int, ...]:
    """The shape of an array; () of a number."""
    return value.shape if isinstance(value, Array) else ()


def plain_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of one cell: a row, a column and a vector are alike."""
    return tuple(n for n in shape if n != 1)


def array(shape: tuple[int, ...], cells: tuple[Any, ...]) -> Value:
    """An array, or the number where there is no axis."""
    return Array(shape, cells) if shape else cells[0]


__all__ = ["DIGITS", "Array", "Dual", "Numbers", "Unknown", "Value", "array", "cells_of",
           "plain_shape", "shape_of"]
