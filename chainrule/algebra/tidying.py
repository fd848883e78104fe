"""Expressions as they are usually written: short, fractions in one, letters for summed indices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.limits import World
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import Mono, Poly, content, expression, plus
from chainrule.algebra.terms import letter, replaced
from chainrule.errors import ChainruleError
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    add,
    children,
    div,
    free_indices,
    mul,
    neg,
    rebuild,
    sub,
    walk,
)
from chainrule.lang.integers import index
from chainrule.lang.printing import expression_text

Why = str | tuple[str | Expr, ...]

_INFINITE: Final = {"inf": "∞", "-inf": "-∞"}


def tidied(world: World, e: Expr | str) -> Expr:
    """An expression, or its normal form where that is shorter."""
    assert isinstance(e, Expr)
    e = _settled(world, e)
    try:
        p = world.normal.poly(e)
        candidates = [e, lettered(expression(p))]
        above, below = cleared(world.normal, p)
        candidates.append(lettered(over(expression(above), below)))
    except (ChainruleError, ArithmeticError):
        return e
    return signed(min(candidates, key=_size))


def _settled(world: World, e: Expr) -> Expr:
    """An expression whose parts without names are in normal form, where that is not longer."""
    if isinstance(e, Reduce | ArgReduce | Number | Ref) or not isinstance(e, Apply):
        return e
    if e.args and not any(isinstance(n, Ref | IndexValue | Reduce) for n in walk(e)):
        try:
            short = expression(world.normal.poly(e))
        except ChainruleError:
            return e
        return short if _size(short) <= _size(e) else e
    return rebuild(e, tuple(_settled(world, part) for part in e.args))


def signed(e: Expr) -> Expr:
    """An expression in which what is negative is subtracted, not added."""
    parts = children(e)
    if isinstance(e, Reduce | ArgReduce) or not parts:
        return e
    new = tuple(map(signed, parts))
    if isinstance(e, Apply) and e.function in ("add", "sub"):
        first, second = new
        turned = _opposite(second)
        if turned is not None:
            return (sub if e.function == "add" else add)(first, turned)
    return rebuild(e, new)


def _opposite(e: Expr) -> Expr | None:
    """-e, for an expression that is written with a minus in front."""
    if isinstance(e, Number):
        return neg(e) if e.value < 0 else None
    if isinstance(e, Apply) and e.function == "neg":
        return e.args[0]
    if isinstance(e, Apply) and e.function in ("mul", "div"):
        turned = _opposite(e.args[0])
        return None if turned is None else (mul if e.function == "mul" else div)(
            turned, e.args[1])
    return None


def _size(e: Expr) -> int:
    return sum(1 for _ in _nodes(e))


def _nodes(e: Expr) -> Iterator[Expr]:
    yield e
    for part in children(e):
        yield from _nodes(part)


def lettered(e: Expr) -> Expr:
    """An expression whose summed indices have letters."""
    taken = {n for node in walk(e) for n in free_indices(node)} | set(free_indices(e))
    taken |= {node.tensor for node in walk(e) if isinstance(node, Ref)}
    return _lettered(e, {n for n in taken if not n.startswith(("%", "#"))})


def _lettered(e: Expr, taken: set[str]) -> Expr:
    if isinstance(e, Reduce | ArgReduce):
        places, ranges = {}, []
        for r in e.indices:
            name = r.name
            if name.startswith(("%", "#")):
                name = letter(taken)
                places[r.name] = index(name)
            taken = taken | {name}
            ranges.append(Range(name, r.size))
        condition = None if e.condition is None else _lettered(
            replaced(e.condition, places), taken)
        body = _lettered(replaced(e.body, places), taken)
        if isinstance(e, Reduce):
            return Reduce(e.op, tuple(ranges), condition, body)
        return ArgReduce(e.op, tuple(ranges), condition, body, str(places.get(e.which, e.which)))
    parts = children(e)
    return rebuild(e, tuple(_lettered(p, taken) for p in parts)) if parts else e


def over(above: Expr, below: Expr) -> Expr:
    """A quotient, fractions in it taken apart: a/(b/c) is a*c/b."""
    if isinstance(below, Apply) and below.function == "neg":
        return neg(over(above, below.args[0]))
    if isinstance(above, Number) and above.value < 0:
        return neg(over(neg(above), below))
    if isinstance(below, Apply) and below.function == "div":
        return over(mul(above, below.args[1]), below.args[0])
    if isinstance(above, Apply) and above.function == "neg":
        return neg(over(above.args[0], below))
    if isinstance(above, Apply) and above.function == "div":
        return div(above.args[0], mul(above.args[1], below))
    if isinstance(above, Apply) and above.function == "mul" and isinstance(
            above.args[0], Apply) and above.args[0].function == "div":
        first = above.args[0]
        return div(mul(first.args[0], above.args[1]), mul(first.args[1], below))
    return div(above, below)


def inverted(e: Expr) -> Expr:
    if isinstance(e, Apply) and e.function == "div":
        return div(e.args[1], e.args[0])
    if isinstance(e, Apply) and e.function == "exp":
        return Apply("exp", (neg(e.args[0]),))
    return div(Number(1), e)


def cleared(normal: Normal, p: Poly) -> tuple[Poly, Expr]:
    """A polynomial over what divides it, factors in common cancelled."""
    above, number, under = divided(normal, p)
    below: Expr = Number(number)
    for base, k in under:
        below = mul(below, expression((Mono(Fraction(1), ((base, k),)),)))
    return above, below


def divided(
    normal: Normal, p: Poly
) -> tuple[Poly, int, tuple[tuple[Expr, Fraction], ...]]:
    """A polynomial, and the number and the factors that divide it, brackets kept closed."""
    under: dict[Expr, Fraction] = {}
    for _ in range(8):
        factor = next((b for m in p for b, k in m.factors if k < 0 and k.denominator == 1
                       and not m.bound() & set(free_indices(b))), None)
        if factor is None:
            break
        least = min(m.exponent(factor) for m in p)
        bracket = normal.poly(factor)
        p = normal.merged(plus(*(normal.times(
            (replace(m, factors=tuple(f for f in m.factors if f[0] != factor)),),
            normal.power(bracket, int(m.exponent(factor) - least))) for m in p)))
        under[factor] = -least
    if not p:
        return p, 1, ()
    shared, rest = content(p)
    table = {**{b: -k for b, k in under.items()}}
    for base, k in shared.factors:
        table[base] = table.get(base, Fraction(0)) + k
    above = tuple((b, k) for b, k in table.items() if k > 0)
    return (normal.times((Mono(Fraction(shared.number.numerator), above),), rest),
            shared.number.denominator, tuple((b, -k) for b, k in table.items() if k < 0))


def text_of(e: Expr) -> str:
    text = expression_text(lettered(e))
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def said(template: str, *values: Expr | str | None) -> Why:
    """A reason in words: values take the places of the braces of a template, in their order."""
    parts: list[str | Expr] = []
    pieces = template.split("{}")
    for piece, value in zip(pieces, (*values, ""), strict=True):
        parts.append(piece)
        parts.append(lettered(value) if isinstance(value, Expr) else _INFINITE.get(
            value or "", value or ""))
    return tuple(p for p in parts if p != "")


def listed(whys: Sequence[Why], between: str = ", ") -> Why:
    """Reasons one after the other."""
    parts: list[str | Expr] = []
    for why in whys:
        if parts:
            parts.append(between)
        parts += [why] if isinstance(why, str) else why
    return tuple(parts)


_LONG: Final = 60  # characters of an expression quoted in a reason
