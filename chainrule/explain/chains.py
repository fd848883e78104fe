"""Chains of equalities: the moves from both sides, up to where they meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.moves import Moves, Step
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import Mono, Poly, atomic, expression
from chainrule.algebra.products import Why, addends, factors, product, shape
from chainrule.algebra.tidying import lettered
from chainrule.explain.claims import Side
from chainrule.explain.proof import Line
from chainrule.lang.expr import (
    Apply,
    Expr,
    Reduce,
    Ref,
    Select,
    div,
    free_indices,
    walk,
    weight,
)

_BACK: Final = {"cancel": "the same factor above and below", "multiply out": "factored",
                "common denominator": "the fraction split", "collect": "like terms",
                "exponentials": "", "fractions": "a fraction of fractions",
                "split a sum": "the sums taken together"}


def chain(moves: Moves, start: Expr) -> list[Step]:
    """The moves from an expression on, their summed indices called by letters."""
    return [replace(s, after=lettered(s.after)) for s in moves.chain(start)]


def chains(moves: Moves, start: Expr) -> list[list[Step]]:
    """The moves from an expression on, made in several orders."""
    every = dict(moves.plain)
    found: list[list[Step]] = []
    for first, left_out in _WAYS:
        names = [*(n for n in first), *(n for n in every if n not in first)]
        moves.plain = tuple((n, every[n]) for n in names if n not in left_out)
        steps = chain(moves, start)
        if steps not in found:
            found.append(steps)
    moves.plain = tuple(every.items())
    return found


# orders in which moves are tried: those that come first, those that are left out
_WAYS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    ((), ()),
    ((), ("multiply out", "multiply above and below")),
    ((), ("multiply out", "common denominator")),
    ((), ("exponentials", "multiply above and below")),
    ((), ("common denominator", "split a sum", "exponentials")),
    (("meaning",), ("multiply out", "multiply above and below")),
    (("meaning", "common denominator"), ("multiply out",)),
    ((), ("meaning",)),
)


def met(
    left: Expr, ways: Sequence[Sequence[Step]], right: Expr, others: Sequence[Sequence[Step]]
) -> list[Line] | None:
    """The best chain from the left to the right side; None where the moves do not meet."""
    best: tuple[int, list[Line]] | None = None
    for one in ways:
        for other in others:
            lines = _met(left, one, right, other)
            if lines is None:
                continue
            cost = sum(_LINE + _length(line) for line in lines)
            if best is None or cost < best[0]:
                best = (cost, lines)
    return None if best is None else best[1]


_LINE: Final = 12  # what a line costs, in symbols


def _length(line: Line) -> int:
    body = line.body
    return 0 if body is None else weight(body)


def _met(
    left: Expr, one: Sequence[Step], right: Expr, other: Sequence[Step]
) -> list[Line] | None:
    first = [left, *(s.after for s in one)]
    second = [right, *(s.after for s in other)]
    places: dict[str, int] = {}
    for k, e in enumerate(second):
        places.setdefault(shape(e), k)
    best: tuple[int, int] | None = None
    for k, e in enumerate(first):
        j = places.get(shape(e))
        if j is not None and (best is None or k + j < sum(best)):
            best = (k, j)
    if best is None:
        return None
    lines = [Line(Side(left), "", "")]
    lines += [Line(Side(s.after), s.rule, s.why) for s in one[: best[0]]]
    for k in range(best[1] - 1, -1, -1):
        lines.append(Line(Side(second[k]), other[k].rule,
                          backwards(other[k], second[k], lines[-1].body)))
    if best[1] == 0 and len(lines) > 1:  # as it was claimed, rather than in our order
        lines[-1] = replace(lines[-1], value=Side(right))
    if len(lines) == 1 and left != right:
        lines.append(Line(Side(right), "order", _ORDER))
    return without_repeats(lines)


_ORDER: Final = "the same but for the order of terms and factors, and the names of summed indices"


def backwards(step: Step, now: Expr, shown: Expr | None) -> Why:
    """Why `shown`, which a step made of `now`, equals it: the step read the other way."""
    said = _BACK.get(step.rule, "")
    if step.rule == "cancel":
        divided = isinstance(step.why[1], Expr) and _divided_by(now, step.why[1])
        return (f"above and below {'divided by' if divided else 'times'} ", *step.why[1:])
    if step.rule == "multiply above and below":
        return ("above and below divided by ", *step.why[1:])
    if step.rule == "common denominator" and shown is not None:
        below = _below(now)
        if below is not None and not _nested(shown):
            return ("above and below divided by ", below)
    if step.rule == "pull out" and step.why[-1] == " in front of the sum":
        return (*step.why[:-1], " under the sum")
    return (said,) if said else step.why


def _divided_by(e: Expr, x: Expr) -> bool:
    """Whether a fraction in an expression is divided above and below by x: (a/x)/(b/x)."""
    return any(isinstance(n, Apply) and n.function == "div" and all(
        any(k < 0 and shape(b) == shape(x) for b, k in factors(part)[1]) for part in n.args)
        for n in walk(e))


def _nested(e: Expr) -> bool:
    """Whether there is a fraction below a line."""
    return any(isinstance(n, Apply) and n.function == "div" and any(
        k < 0 for _, k in factors(n.args[1])[1]) for n in walk(e))


def _below(e: Expr) -> Expr | None:
    """The denominator of the fractions in a sum that is below a line: x in 1/(1 + a/x)."""
    for node in walk(e):
        if not (isinstance(node, Apply) and node.function == "div"):
            continue
        for base, _ in factors(node.args[1])[1]:
            below = {shape(b): (b, -k) for _, part in addends(base)
                     for b, k in factors(part)[1] if k < 0}
            if len(below) == 1:
                return product(Fraction(1), list(below.values()))
    return None


def without_repeats(lines: Sequence[Line]) -> list[Line]:
    """Lines of which no two that follow each other look the same."""
    found: list[Line] = []
    for line in lines:
        if found and line.body is not None and found[-1].body is not None and (
                lettered(line.body) == lettered(found[-1].body)):
            continue
        found.append(line)
    return found


def normal_form(normal: Normal, e: Expr) -> Expr:
    """The normal form of an expression, as one fraction."""
    p = normal.merged(normal.poly(e))
    below: dict[Expr, Fraction] = {}
    for m in p:
        for base, k in m.factors:
            if k < 0 and not m.bound() & set(free_indices(base)):
                below[base] = max(below.get(base, Fraction(0)), -k)
    if not below or normal.quantities(p):
        return lettered(expression(p))
    denominator: Poly = (Mono(Fraction(1), tuple(below.items())),)
    top = p
    for base, k in below.items():
        factor = (Mono(Fraction(1), ((base, k),)),)
        top = normal.times(top, factor)
    bottom = denominator
    if any(not atomic(b) for b in below):
        bottom = normal.times(denominator, (Mono(Fraction(1)),))
    return lettered(div(expression(top), expression(bottom)))


def brought(e: Expr, form: Expr) -> Why:
    """What was done to an expression to bring it into its normal form."""
    parts = []
    both = [n for side in (e, form) for n in walk(side)]
    if any(isinstance(n, Apply) and n.function in ("add", "sub") and any(
            isinstance(m, Ref) for m in walk(n)) for n in both):
        over = any(isinstance(n, Apply) and n.function == "div" for n in both)
        parts.append("multiplied out, " + "over a common denominator, " * over
                     + "like terms added up")
    if _sizes(e) != _sizes(form):
        parts.append("the sum over another index")
    if any(isinstance(n, Select) for n in walk(e)) and not any(
            isinstance(n, Select) for n in walk(form)):
        parts.append("terms that are 0 left out")
    if any(isinstance(n, Apply) and n.function == "sqrt" for n in walk(e)) and not any(
            isinstance(n, Apply) and n.function == "sqrt" for n in walk(form)):
        parts.append("√(a²) = |a|")
    return (", ".join(parts) or "multiplied out",)


def _sizes(e: Expr) -> list[str]:
    return sorted({str(r.size) for n in walk(e) if isinstance(n, Reduce) for r in n.indices})
