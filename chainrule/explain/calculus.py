"""Limits and integrals in front of an expression worked away, line by line, case by case.

    lim(h -> 0) (max(0, x + h) - max(0, x))/h
      x < 0:  = lim(h -> 0) (0 - 0)/h       definition of max, near the point 0 > x + h and 0 > x
              = 0                           cancel
      x = 0:  does not exist: from the left 0, from the right 1

Where a case takes several chains (from the left and from the right, or the parts of an integral),
each begins with a line whose rule is one of `STARTS`; its value does not follow from the line
before it. The last, "together", begins with the whole again. `calculus_check` holds the lines
against numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chainrule.algebra.integrals import Integral, Piece, integrals
from chainrule.algebra.limit_place import Step
from chainrule.algebra.limit_steps import way
from chainrule.algebra.limits import Limit, World, limits
from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import condition
from chainrule.algebra.products import mentions
from chainrule.algebra.tidying import Why, lettered, listed, said, signed, tidied
from chainrule.errors import InputError, UndecidedError
from chainrule.explain.claims import Operator, Side
from chainrule.explain.proof import INFINITE, Case, Line
from chainrule.lang.expr import Expr, Number, Ref, Select, both, neg, sub
from chainrule.lang.printing import expression_text

STARTS: Final = ("from the left", "from the right", "a part of the integral", "together")

Value = Expr | str | None


@dataclass(frozen=True, slots=True)
class _State:
    """What is known in one case after some of the operators have been worked."""

    world: World
    value: Value
    lines: tuple[Line, ...] = ()
    why: str = ""


def worked(side: Side, normal: Normal) -> list[Case]:
    """The cases of a side, each with the lines to its value; the innermost operator comes first.

    `side.body` holds inputs, indices and functions of the table; `normal` knows what is assumed.
    Raises `UndecidedError` for what cannot be found.
    """
    states = [_State(World(normal), side.body)]
    operators = list(side.operators)
    while operators:
        own = operators.pop()
        states = _joined(states, own, tuple(operators), normal)
        states = [new for state in states for new in _eliminated(state, own, tuple(operators))]
    return _merged([_case(state) for state in states])


def _case(state: _State) -> Case:
    value = lettered(state.value) if isinstance(state.value, Expr) else state.value
    conditions = tuple((lettered(q), s) for q, s in state.world.conditions)
    return Case(conditions, state.lines, value, state.why)


def _joined(
    states: Sequence[_State], own: Operator, outer: tuple[Operator, ...], normal: Normal
) -> list[_State]:
    """Cases that the next variable tells apart become one choice again."""
    if not any(mentions(q, own.variable) for s in states for q, _ in s.world.conditions):
        return list(states)
    values = [s.value for s in states]
    if not all(isinstance(v, Expr) for v in values):
        raise UndecidedError(f"the inner value is not finite for all {own.variable}")
    total = values[-1]
    for state in reversed(states[:-1]):
        where: Expr | None = None
        for quantity, signs in state.world.conditions:
            where = both(where, condition(lettered(quantity), signs))
        assert where is not None and isinstance(total, Expr) and isinstance(state.value, Expr)
        total = Select(where, lettered(state.value), total)
    assert isinstance(total, Expr)
    line = Line(Side(lettered(total), (*outer, own)), "the cases together",
                "the cases in one formula")
    return [_State(World(normal), total, (line,))]


def _eliminated(state: _State, own: Operator, outer: tuple[Operator, ...]) -> list[_State]:
    """The cases of one operator in front of what is known."""
    if any(isinstance(p, Expr) and mentions(p, own.variable) for p in own.points):
        raise InputError(f"{own.variable} goes to a place that is told by {own.variable} itself",
                         None, "use another name for one of them")
    if state.value is None:
        return [state]
    if isinstance(state.value, str):
        if own.kind == "lim":
            line = Line(state.value, "constant", said("{} is not in it", Ref(own.variable, ())))
            return [replace(state, lines=(*state.lines, line))]
        raise UndecidedError("an integral of what is infinite")
    if own.kind == "lim":
        found = limits(state.value, own.variable, own.points[0], own.side, state.world)
        return [_after_limit(state, one, own, outer) for one in found]
    low, high = own.points
    return [_after_integral(state, one, own, outer)
            for one in integrals(state.value, own.variable, low, high, state.world)]


# --- limits ---------------------------------------------------------------------------------------


def _after_limit(
    state: _State, limit: Limit, own: Operator, outer: tuple[Operator, ...]
) -> _State:
    assert isinstance(state.value, Expr)
    steps = way(limit, state.value, own.variable, own.points[0])
    lines = list(state.lines)
    side = own.side
    for step in steps:
        side = step.side or side
        if step.rule == "together":
            side = own.side
        lines.append(_line(step, replace(own, side=side), outer))
    if limit.value is None:
        return _State(limit.world, None, tuple(lines), _reason(limit))
    last = steps[-1].value if steps else limit.value
    return _State(limit.world, last, tuple(lines))


def _line(step: Step, own: Operator, outer: tuple[Operator, ...]) -> Line:
    value: Side | str
    if isinstance(step.value, str):
        value = step.value
    else:
        value = Side(lettered(step.value), (*outer, own) if step.pending else outer)
    return Line(value, step.rule, step.why)


def _reason(limit: Limit) -> str:
    """Why a limit does not exist."""
    if len(limit.sides) < 2 or any(a.value is None for _, a in limit.sides):
        return limit.why
    left, right = (_shown(limit.world, a.value) for _, a in limit.sides)
    return f"{limit.why}: {left} from the left, {right} from the right"


def _shown(world: World, value: Value) -> str:
    if isinstance(value, Expr):
        return expression_text(lettered(tidied(world, value)))
    return {"inf": "∞", "-inf": "-∞"}.get(value or "", "none")


# --- integrals ------------------------------------------------------------------------------------


def _after_integral(
    state: _State, found: Integral, own: Operator, outer: tuple[Operator, ...]
) -> _State:
    lines = list(state.lines)
    assert isinstance(state.value, Expr)
    value = found.value
    if isinstance(value, Expr):
        value = tidied(found.world, value)
    if not found.pieces:
        words = "the bounds are the same"
        lines.append(Line(Side(Number(0), outer), words, words))
        return _State(found.world, value, tuple(lines))
    if found.turned:
        lines.append(Line(_sided(neg(state.value), own, outer, *own.points[::-1]),
                          "exchange the bounds", "exchange the bounds, which changes the sign"))
    pieces = [p for p in found.pieces if p.body != Number(0)]
    if not pieces:
        lines.append(Line(Side(Number(0), outer), "the integral of 0",
                          ("the integrand is ", *_choices(found, own))))
    elif len(pieces) == 1:
        lines += _whole(found, pieces[0], state.value, own, outer)
    else:
        for piece in pieces:
            lines.append(Line(_part(found, piece, own, outer), STARTS[2],
                              _stretch(piece, own.variable)))
            lines += _antiderived(found, piece, own, outer)
        if value is not None:
            lines += [Line(Side(lettered(state.value), (*outer, own)), "together", ""),
                      Line(value if isinstance(value, str) else Side(lettered(value), outer),
                           "add the parts", "add the parts")]
    return _State(found.world, value, tuple(lines), found.why if value is None else "")


def _whole(
    found: Integral, piece: Piece, body: Expr, own: Operator, outer: tuple[Operator, ...]
) -> list[Line]:
    """The lines of an integral with one stretch on which the integrand is not 0."""
    lines: list[Line] = []
    start = _part(found, piece, own, outer)
    if len(found.pieces) > 1:
        places = ", ".join(f"{own.variable} = {expression_text(lettered(p))}"
                           for p in found.breaks)
        lines.append(Line(start, f"split at {places}",
                          (f"split at {places}: ", *_choices(found, own))))
    elif piece.body != body:
        if piece.body == found.world.put(body):
            zeros = listed([said("{} = {}", r, v) for r, v in found.world.zeros])
            lines.append(Line(start, "put in", ("the case ", *zeros)))
        else:
            lines.append(Line(start, "the choice", (
                "that is what the integrand is ", *_stretch(piece, own.variable))))
    return [*lines, *_antiderived(found, piece, own, outer)]


def _choices(found: Integral, own: Operator) -> Why:
    """What the integrand is on each stretch."""
    return listed([(*said("{} ", p.body), *_stretch(p, own.variable)) for p in found.pieces])


def _stretch(piece: Piece, u: str) -> Why:
    """A stretch in words."""
    variable = Ref(u, ())
    if piece.low == "-inf" and piece.high == "inf":
        return said("for all {}", variable)
    if piece.low == "-inf":
        return said("for {} < {}", variable, piece.high)
    if piece.high == "inf":
        return said("for {} > {}", variable, piece.low)
    return said("between {} and {}", piece.low, piece.high)


def _sided(
    body: Expr, own: Operator, outer: tuple[Operator, ...], low: Expr | str, high: Expr | str
) -> Side:
    return Side(lettered(body), (*outer, replace(own, points=(low, high))))


def _part(found: Integral, piece: Piece, own: Operator, outer: tuple[Operator, ...]) -> Side:
    body = neg(piece.body) if found.turned else piece.body
    return _sided(body, own, outer, piece.low, piece.high)


def _antiderived(
    found: Integral, piece: Piece, own: Operator, outer: tuple[Operator, ...]
) -> list[Line]:
    """The antiderivative at both ends, and the difference."""
    value, inner = piece.value, piece.antiderivative
    high, low = piece.at_high, piece.at_low
    if found.turned:
        inner, high, low = neg(inner), _opposite(high), _opposite(low)
        value = None if value is None else _opposite(value)
    if value is None:
        return []
    why = (*said("antiderivative {}: ", inner), *_tells(piece.high, high, own.variable),
           " and ", *_tells(piece.low, low, own.variable))
    if isinstance(value, str):
        return [Line(value, "antiderivative", why)]
    assert isinstance(high, Expr) and isinstance(low, Expr)
    raw = signed(sub(high, low))
    short = tidied(found.world, raw)
    lines = [Line(Side(lettered(raw), outer), "antiderivative", why)]
    if short != raw:
        lines.append(Line(Side(lettered(short), outer), "simplify", ""))
    return lines


def _opposite(value: Expr | str) -> Expr | str:
    if isinstance(value, Expr):
        return signed(neg(value))
    return "inf" if value == "-inf" else "-inf"


def _tells(point: Expr | str, value: Expr | str, u: str) -> tuple[str | Expr, ...]:
    """What an antiderivative is, or tends to, at an end."""
    ends = isinstance(point, Expr) and isinstance(value, Expr)
    words = "{} at {} = {}" if ends else "{} as {} → {}"
    why = said(words, value, Ref(u, ()), point)
    return (why,) if isinstance(why, str) else why


# --- cases ----------------------------------------------------------------------------------------


def _merged(cases: list[Case]) -> list[Case]:
    """Cases that differ in the sign of one quantity alone, with the same lines, put together."""
    found: list[Case] = []
    for case in cases:
        for k, other in enumerate(found):
            signs = _one_sign(other, case)
            if signs is not None:
                found[k] = signs
                break
        else:
            found.append(case)
    return found


def _one_sign(a: Case, b: Case) -> Case | None:
    if (a.lines, a.value, a.why) != (b.lines, b.value, b.why):
        return None
    if [q for q, _ in a.conditions] != [q for q, _ in b.conditions]:
        return None
    differing = [k for k, (x, y) in enumerate(zip(a.conditions, b.conditions, strict=True))
                 if x != y]
    if len(differing) != 1:
        return None
    k = differing[0]
    quantity = a.conditions[k][0]
    signs = "".join(s for s in "-0+" if s in a.conditions[k][1] + b.conditions[k][1])
    rest = () if signs == "-0+" else ((quantity, signs),)
    return replace(a, conditions=(*a.conditions[:k], *rest, *a.conditions[k + 1 :]))


__all__ = ["INFINITE", "STARTS", "worked"]
