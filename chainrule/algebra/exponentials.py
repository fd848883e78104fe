"""Sums of exponentials: which exponents they have, their greatest, and all of them shifted.

A *sum of exponentials* is `exp(f)`, a sum of such over indices, `a + b`, `a - b` and `-a` of such
(where a number counts as a multiple of exp(0)), or one of them times or over a weight. Every
function here looks at structure alone; definitions have been written out before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.lang.expr import (
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Select,
    both,
    call,
    mul,
    rebuild,
)

_HEADROOM: Final = Number(80)  # exp(80) is a float32 and a float64


@dataclass(frozen=True, slots=True)
class Exponent:
    """An exponent of a sum of exponentials: under which indices and condition it stands there.

    `hidden` is the condition under which its weight is not 0, where it has one that may be.
    """

    value: Expr
    indices: tuple[Range, ...]
    condition: Expr | None
    hidden: Expr | None = None

    def greatest(self) -> Iterator[tuple[Expr, Expr]]:
        """What its greatest value is the largest of, each less a number.

        A weight of 0 hides a term: then it must not be the maximum, for the others might vanish
        beside it. But it must not overflow either (0 times infinity is no number), so that it may
        exceed the maximum only by so much.
        """
        if not self.indices:
            yield self.value, ZERO
            return
        seen = both(self.condition, self.hidden)
        yield Reduce("max", self.indices, seen, self.value), ZERO
        if self.hidden is not None:
            yield Reduce("max", self.indices, self.condition, self.value), _HEADROOM


def is_exponential(e: Expr) -> bool:
    """Whether an expression is a sum of exponentials, a lone number left out."""
    if isinstance(e, Apply):
        if e.function in ("add", "sub"):
            terms = _summands(e)
            return any(map(is_exponential, terms)) and all(
                isinstance(t, Number) or is_exponential(t) for t in terms)
        if e.function == "mul":
            return is_exponential(e.args[0]) or is_exponential(e.args[1])
        if e.function in ("div", "neg"):
            return is_exponential(e.args[0])
        return e.function == "exp"
    if isinstance(e, Select):
        branches = (e.then, e.otherwise)
        return any(map(is_exponential, branches)) and all(
            b == ZERO or is_exponential(b) for b in branches)
    return isinstance(e, Reduce) and e.op == "sum" and is_exponential(e.body)


def _summands(e: Expr) -> list[Expr]:
    """The terms of a sum that leans left, without recursion: it may be long."""
    found = []
    while isinstance(e, Apply) and e.function in ("add", "sub"):
        found.append(e.args[1])
        e = e.args[0]
    return [e, *reversed(found)]


def _weighted(e: Apply) -> tuple[int, Expr]:
    """Of a product or quotient, which argument is the exponential, and the weight."""
    first = 0 if e.function == "div" or is_exponential(e.args[0]) else 1
    return first, e.args[1 - first]


def exponents(e: Expr) -> list[Exponent] | None:
    """The exponents of a sum of exponentials; None where no greatest one can be written down.

    That is where a lone term has a weight that may be 0, or stands under a condition: a maximum
    over indices can leave it out, a maximum of two numbers cannot.
    """
    found: list[Exponent] = []
    stack: list[tuple[Expr, tuple[Range, ...], Expr | None, Expr | None]] = [(e, (), None, None)]
    while stack:
        node, indices, condition, weights = stack.pop()
        if isinstance(node, Number):
            if node != ZERO:
                found.append(Exponent(ZERO, indices, condition, weights))
        elif isinstance(node, Reduce):
            stack.append((node.body, indices + node.indices, both(condition, node.condition),
                          weights))
        elif isinstance(node, Select):
            if not indices:
                return None
            for branch, holds in ((node.otherwise, Apply("not", (node.condition,))),
                                  (node.then, node.condition)):
                stack.append((branch, indices, both(condition, holds), weights))
        elif isinstance(node, Apply) and node.function in ("add", "sub"):
            stack.extend((t, indices, condition, weights) for t in reversed(_summands(node)))
        elif isinstance(node, Apply) and node.function == "neg":
            stack.append((node.args[0], indices, condition, weights))
        elif isinstance(node, Apply) and node.function in ("mul", "div"):
            first, weight = _weighted(node)
            if node.function == "mul" and not isinstance(weight, Number | IndexValue):
                if not indices:
                    return None
                weights = both(weights, Apply("ne", (weight, ZERO)))
            stack.append((node.args[first], indices, condition, weights))
        elif isinstance(node, Apply):
            found.append(Exponent(node.args[0], indices, condition, weights))
    return found


def largest(tops: Sequence[Expr]) -> Expr:
    """The maximum of some numbers, by a maximum of two at a time."""
    tops = list(dict.fromkeys(tops))
    while len(tops) > 1:  # in pairs, so that it stays shallow
        tops = [call("max", *tops[k : k + 2]) if k + 1 < len(tops) else tops[k]
                for k in range(0, len(tops), 2)]
    return tops[0]


def shifted(e: Expr, m: Expr) -> Expr:
    """A sum of exponentials times exp(-m): each exponent less m."""
    if isinstance(e, Number):
        return e if e == ZERO else mul(e, call("exp", -m))
    if isinstance(e, Reduce):
        return rebuild(e, (*([e.condition] if e.condition is not None else []),
                           shifted(e.body, m)))
    if isinstance(e, Select):
        return Select(e.condition, shifted(e.then, m), shifted(e.otherwise, m), e.span)
    assert isinstance(e, Apply)
    if e.function in ("add", "sub"):
        chain: list[Apply] = []
        first: Expr = e
        while isinstance(first, Apply) and first.function in ("add", "sub"):
            chain.append(first)
            first = first.args[0]
        total = shifted(first, m)
        for node in reversed(chain):
            total = Apply(node.function, (total, shifted(node.args[1], m)), node.span)
        return total
    if e.function == "neg":
        return Apply("neg", (shifted(e.args[0], m),), e.span)
    if e.function in ("mul", "div"):
        first_at, weight = _weighted(e)
        moved = shifted(e.args[first_at], m)
        return Apply(e.function, (moved, weight) if first_at == 0 else (weight, moved), e.span)
    return Apply("exp", (e.args[0] - m,), e.span)


def is_shifted(e: Expr) -> bool:
    """Whether all exponents are differences from what counts as constant: nothing is left to do."""
    found = exponents(e)
    return found is not None and all(
        isinstance(x.value, Apply) and x.value.function in ("sub", "neg")
        and isinstance(x.value.args[-1], Apply)
        and x.value.args[-1].function == "stop_gradient" for x in found)


def is_positive(e: Expr) -> bool:
    """Whether a sum of exponentials is positive wherever it has terms, by its looks."""
    if isinstance(e, Number):
        return e.value > 0
    if isinstance(e, Reduce):
        return is_positive(e.body)
    if isinstance(e, Apply):
        if e.function == "add":
            return all(map(is_positive, _summands(e))) and _only_adds(e)
        if e.function in ("mul", "div"):
            first, weight = _weighted(e)
            sure = (isinstance(weight, Number) and weight.value > 0) or (
                e.function == "div" and isinstance(weight, IndexValue)
                and not weight.value.indices())
            return sure and is_positive(e.args[first])
        return e.function == "exp"
    return False


def _only_adds(e: Expr) -> bool:
    while isinstance(e, Apply) and e.function in ("add", "sub"):
        if e.function == "sub":
            return False
        e = e.args[0]
    return True
