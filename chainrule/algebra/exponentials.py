"""Sums of exponentials: which exponents they have, their greatest, and all of them shifted.

A *sum of exponentials* is `exp(f)`, a sum of such over indices, `a + b`, `a - b` and `-a` of such
(where a number counts as a multiple of exp(0)), or one of them times or over a weight. Every
function here looks at structure alone; definitions have been written out before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Select,
    add,
    both,
    call,
    mul,
    neg,
    rebuild,
    select,
)

_HEADROOM: Final = Number(80)  # exp(80) is a float32 and a float64
END: Final = call("pow", Number(4), Number(512))  # where float64 ends: infinite in every float
_TAME: Final = 1_000_000  # numbers up to this size, and down to its inverse, make no difference

Weight = tuple[Expr, bool]  # and whether it multiplies; else it divides


@dataclass(frozen=True, slots=True)
class Exponent:
    """An exponent of a sum of exponentials: under which indices and condition it stands there.

    `weights` are the factors beside it whose size is unknown.
    """

    value: Expr
    indices: tuple[Range, ...]
    condition: Expr | None
    weights: tuple[Weight, ...] = ()

    def greatest(self) -> Expr:
        """The logarithm of the term's greatest size: f + ln|w|, since w*exp(f) is ±exp(f + ln|w|).

        The logarithm of the weight matters: beside w = 10^-300 an exponential may be huge and yet
        not the greatest term. Where a weight is 0 there is no term, and nothing to be large; but
        its exponential must not overflow, for 0 times infinity is no number.
        """
        size = self.value
        present: Expr | None = None
        for weight, multiplies in self.weights:
            log = call("ln", call("abs", weight))
            size = size + log if multiplies else size - log
            if multiplies and not isinstance(weight, Number):
                present = both(present, call("ne", weight, ZERO))
        if present is not None:
            size = select(present, size, _hidden(self.value))
        return Reduce("max", self.indices, self.condition, size) if self.indices else size


def _hidden(f: Expr) -> Expr:
    """What to count an exponent as whose weight is 0, so that exp(f - m) is finite.

    As little as possible: where exp(f) is finite by itself, m need not be more than 0.
    """
    less = f - _HEADROOM
    return select(call("lt", call("exp", f), END), call("min", less, ZERO), less)


def is_tame(weight: Expr) -> bool:
    """Whether a factor is surely of moderate size: a number, an axis' size, a number of terms."""
    if isinstance(weight, Number):
        return 1 / _TAME <= abs(float(weight.value)) <= _TAME
    return is_count(weight)


def is_count(weight: Expr) -> bool:
    """Whether an expression is a size, or the number of terms of a sum."""
    if isinstance(weight, IndexValue):
        return not weight.value.indices()
    return isinstance(weight, Reduce) and weight.op == "sum" and weight.body == ONE


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

    That is where a lone term stands under a condition: a maximum over indices can leave it out, a
    maximum of two numbers cannot.
    """
    found: list[Exponent] = []
    stack: list[tuple[Expr, tuple[Range, ...], Expr | None, tuple[Weight, ...]]]
    stack = [(e, (), None, ())]
    while stack:
        node, indices, condition, weights = stack.pop()
        if isinstance(node, Number):
            if node != ZERO:
                own: tuple[Weight, ...] = () if is_tame(node) else ((node, True),)
                found.append(Exponent(ZERO, indices, condition, weights + own))
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
            if weight == ZERO:
                continue
            multiplies = node.function == "mul"
            if not is_tame(weight) or (multiplies and not isinstance(weight, Number)):
                weights = (*weights, (weight, multiplies))
            stack.append((node.args[first], indices, condition, weights))
        elif isinstance(node, Apply):
            found.append(Exponent(node.args[0], indices, condition, weights))
    return found


def may_cancel(e: Expr) -> bool:
    """Whether three terms or more are added up with signs, by their looks.

    The two greatest may then cancel to nothing, and a third decide, however small.
    """
    found = exponents(e)
    return found is not None and len(found) > 2 and _signed(e)


def _signed(e: Expr) -> bool:
    if isinstance(e, Number):
        return e.value < 0
    if isinstance(e, Reduce):
        return _signed(e.body)
    if isinstance(e, Select):
        return _signed(e.then) or _signed(e.otherwise)
    if not isinstance(e, Apply) or e.function == "exp":
        return False
    if e.function in ("add", "sub"):
        return not _only_adds(e) or any(map(_signed, _summands(e)))
    if e.function == "neg":
        return True
    first, weight = _weighted(e)
    return (isinstance(weight, Number) and weight.value < 0) or _signed(e.args[first])


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
        return e if e == ZERO else mul(e, call("exp", neg(m)))
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
    return Apply("exp", (less(e.args[0], m),), e.span)


def less(a: Expr, b: Expr) -> Expr:
    """a - b, where b may be a negative."""
    return add(a, b.args[0]) if isinstance(b, Apply) and b.function == "neg" else a - b


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
            return is_positive(e.args[first]) and (
                _is_positive_number(weight) or (e.function == "div" and is_count(weight)))
        return e.function == "exp"
    return False


def merged(e: Expr) -> list[Reduce] | None:
    """The reductions that a sum of exponentials consists of; None where it has a lone term too.

    Sums of sums become one, so that it has terms exactly where they do.
    """
    if isinstance(e, Reduce):
        inner = merged(e.body)
        if inner is None:
            return [Reduce("sum", e.indices, e.condition, ONE)]
        return [Reduce("sum", e.indices + r.indices, both(e.condition, r.condition), ONE)
                for r in inner]
    if isinstance(e, Apply) and e.function == "add":
        found: list[Reduce] = []
        for term in _summands(e):
            more = merged(term)
            if more is None:
                return None
            found += more
        return found
    if isinstance(e, Apply) and e.function in ("mul", "div"):
        return merged(e.args[_weighted(e)[0]])
    return None


def _is_positive_number(e: Expr) -> bool:
    if isinstance(e, Apply) and e.function in ("mul", "div"):
        return all(map(_is_positive_number, e.args))
    return isinstance(e, Number) and e.value > 0


def _only_adds(e: Expr) -> bool:
    while isinstance(e, Apply) and e.function in ("add", "sub"):
        if e.function == "sub":
            return False
        e = e.args[0]
    return True
