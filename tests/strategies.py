"""Generators of random expressions and equations, for tests of printing, evaluation, derivatives.

`expressions()` draws what the parser could have read: scalars s, t, β, x̄, vectors a and b, a matrix
W, integer labels y, sizes N and K, and bound indices, under reductions over fresh letters.
"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    exact,
)
from chainrule.lang.integers import Integer, atom, constant, index, size
from chainrule.lang.program import Equation, Origin

SCALARS = ("s", "t", "β", "x̄", "x_1", "lambda")
RANKS = {"a": 1, "b": 1, "W": 2}
SIZES = ("N", "K")
LETTERS = ("i", "j", "k", "m", "p")
UNARY = ("neg", "sin", "exp", "ln", "abs", "sigmoid", "square", "heaviside")
BINARY = ("add", "sub", "mul", "div", "max", "min", "atan2")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")

numbers = st.one_of(
    st.integers(-12, 12),
    st.fractions(-3, 3, max_denominator=12),
    st.sampled_from([10**30, Fraction(1, 10**12), Fraction(22, 7), Fraction(-1, 8)]),
).map(lambda v: exact(Fraction(v)))


def polynomials(bound: tuple[str, ...], gathers: bool = True) -> st.SearchStrategy[Integer]:
    """Integer polynomials of bound indices and sizes, with floors and gathers now and then."""
    plain = [index(i) for i in bound] * 4 + [size(n) for n in SIZES]
    if gathers and bound:
        plain.append(atom(Read(Ref("y", (index(bound[-1]),)))))
    leaves = st.one_of(st.sampled_from(plain), st.integers(-3, 9).map(constant))
    grown = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
            st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
            st.tuples(inner, st.integers(-3, 3)).map(lambda p: p[0] * p[1]),
            st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
            st.tuples(inner, st.integers(1, 4)).map(lambda p: p[0] // p[1]),
            st.tuples(inner, st.integers(1, 4)).map(lambda p: p[0] % p[1]),
            inner.map(lambda p: p // size("K")),
        ),
        max_leaves=3,
    )
    return st.one_of(st.sampled_from(plain), grown) if bound else grown


sizes = st.one_of(st.integers(0, 9).map(constant), st.sampled_from(SIZES).map(size),
                  st.sampled_from(SIZES).map(lambda n: 2 * size(n) + 1))  # fmt: skip


@st.composite
def references(draw: st.DrawFn, bound: tuple[str, ...]) -> Ref:
    """A tensor at random subscripts, with padding at times; a scalar if no index is bound."""
    if not bound or draw(st.integers(0, 2)) == 0:
        return Ref(draw(st.sampled_from(SCALARS)))
    name = draw(st.sampled_from(sorted(RANKS)))
    places = tuple(draw(polynomials(bound)) for _ in range(RANKS[name]))
    outside = None
    if draw(st.integers(0, 3)) == 0:
        amounts = st.integers(0, 2).map(constant)
        pads = tuple(draw(st.tuples(amounts, amounts)) for _ in places)
        fill = draw(st.sampled_from([Number(0), Number(float("-inf")), exact(Fraction(-5, 2))]))
        outside = Outside(fill, draw(st.sampled_from([None, pads])))
    return Ref(name, places, outside)


def _whole(e: Expr) -> bool:
    return isinstance(e, IndexValue) or (isinstance(e, Number) and isinstance(e.value, int))


def _apply(function: str, *args: Expr) -> Expr:
    """The application, unless the parser would make one integer polynomial of it."""
    arithmetic = function in ("add", "sub", "mul", "neg")
    if arithmetic and all(map(_whole, args)) and any(isinstance(a, IndexValue) for a in args):
        return Apply("sin", (args[0],))
    return Apply(function, args)


def _value(p: Integer) -> Expr:
    number = p.constant
    return IndexValue(p) if number is None else Number(number)


@st.composite
def conditions(draw: st.DrawFn, bound: tuple[str, ...], depth: int = 1) -> Expr:
    """Comparisons, joined by and, or, not."""
    shape = draw(st.integers(0, 4)) if depth else 0
    if shape == 1:
        return Apply("not", (draw(conditions(bound, depth - 1)),))
    if shape in (2, 3):
        both = tuple(draw(conditions(bound, depth - 1)) for _ in range(2))
        return Apply("and" if shape == 2 else "or", both)
    name = draw(st.sampled_from(COMPARISONS))
    simple = st.one_of(
        *([polynomials(bound, gathers=False).map(_value)] if bound else []),
        expressions(bound, depth),
    )
    return Apply(name, (draw(simple), draw(simple)))


@st.composite
def expressions(draw: st.DrawFn, bound: tuple[str, ...] = (), depth: int = 4) -> Expr:
    """Expressions in which the indices `bound` may stand free."""
    if depth <= 0 or draw(st.integers(0, 6)) == 0:
        leaves = [numbers, references(bound), references(bound)]
        if bound:
            leaves.append(polynomials(bound, gathers=False).map(_value))
        return draw(st.one_of(*leaves))
    inner = expressions(bound, depth - 1)
    shape = draw(st.integers(0, 9))
    if shape <= 4:
        return _apply(draw(st.sampled_from(BINARY)), draw(inner), draw(inner))
    if shape == 5:
        return _apply(draw(st.sampled_from(UNARY)), draw(inner))
    if shape == 6:
        exponents = [Number(2), Number(-2), exact(Fraction(1, 3)), exact(Fraction(1, 2)),
                     Ref("s"), Apply("neg", (Ref("s"),)), Apply("pow", (Ref("s"), Number(2))),
                     Apply("add", (Ref("s"), Number(1)))]  # fmt: skip
        return Apply("pow", (draw(inner), draw(st.sampled_from(exponents))))
    if shape == 7:
        return Select(draw(conditions(bound)), draw(inner), draw(inner))
    if shape == 8:
        return Apply("pi", ())
    return draw(reductions(bound, depth))


@st.composite
def reductions(draw: st.DrawFn, bound: tuple[str, ...], depth: int) -> Expr:
    """A sum, maximum, minimum or winner over one or two letters that are not in use."""
    free = [letter for letter in LETTERS if letter not in bound]
    if not free:
        return Number(1)
    own = tuple(free[: draw(st.integers(1, 2))])
    inside = bound + own
    ranges = tuple(Range(name, draw(sizes)) for name in own)
    condition = draw(st.one_of(st.none(), conditions(inside)))
    body = draw(expressions(inside, depth - 1))
    if draw(st.integers(0, 3)) == 0:
        op = draw(st.sampled_from(["max", "min"]))
        return ArgReduce(op, ranges, condition, body, draw(st.sampled_from(own)))
    return Reduce(draw(st.sampled_from(["sum", "max", "min", "mean"])), ranges, condition, body)


@st.composite
def equations(draw: st.DrawFn) -> Equation:
    """`out[…] = body` or `+=`, with the ranges of all indices."""
    accumulate = draw(st.booleans())
    left = ("i", "j")[: draw(st.integers(0, 2))]
    summed = draw(st.sampled_from([(), ("k",), ("m", "k")])) if accumulate else ()
    places = tuple(index(i) for i in left)
    if accumulate and left and draw(st.booleans()):
        places = (2 * index(left[0]) + 1, *places[1:])
    ranges = tuple(Range(name, draw(sizes)) for name in left + summed)
    condition = draw(st.one_of(st.none(), conditions(left + summed)))
    body = draw(expressions(left + summed, 3))
    return Equation("out", places, ranges, body, accumulate, condition,
                    bool(places) and draw(st.booleans()), Origin("written"))  # fmt: skip
