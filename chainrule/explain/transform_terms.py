"""What a transformation of a network is made of: affine maps, terms, and what is linear in what.

    h = (1 + g)/2                          an affine map from the new tensor to the old one
    sum(j) V[k,j]*h[j] + c[k]              terms: the first is linear in h, the second in nothing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Final

from chainrule.explain.swaps import Swap, over, plus, times
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    div,
    expr,
    free_indices,
    mul,
    neg,
    rebuild,
    sub,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh


@dataclass(frozen=True, slots=True)
class Affine:
    """old = scale·new + shift, with numbers (expressions without tensors)."""

    scale: Expr = ONE
    shift: Expr = ZERO

    @property
    def same(self) -> bool:
        return self.scale == ONE and self.shift == ZERO

    def of(self, new: Expr) -> Expr:
        """The old quantity, from the new one.

        >>> from chainrule.lang.printing import expression_text
        >>> expression_text(Affine(Number(Fraction(1, 2)), Number(Fraction(1, 2))).of(Ref("g")))
        '(1 + g)/2'
        """
        scale, shift = _exact(self.scale), _exact(self.shift)
        if scale is None or not shift or scale.denominator == 1:
            return plus(times(self.scale, new), self.shift)
        below = lcm(scale.denominator, shift.denominator)
        top, rest = expr(scale * below), expr(shift * below)
        both = plus(rest, mul(top, new)) if shift > 0 else plus(mul(top, new), rest)
        return div(both, Number(below))


def _exact(e: Expr) -> Fraction | None:
    if isinstance(e, Number) and not isinstance(e.value, float):
        return Fraction(e.value)
    return None


SAME: Final = Affine()


def parted(program: Program, swaps: Sequence[Swap], weights: set[str]) -> Program:
    """The program whose activations of weights have equations of their own."""
    tensors = dict(program.tensors)
    equations: list[Equation] = []

    def apart(e: Expr, ranges: Mapping[str, Integer | None], target: str) -> Expr:
        if isinstance(e, ArgReduce | Select) or (isinstance(e, Reduce) and e.condition is not None):
            return e
        if isinstance(e, Reduce):
            inside = {**ranges, **{r.name: r.size for r in e.indices}}
            return rebuild(e, (apart(e.body, inside, target),))
        parts = tuple(apart(c, ranges, target) for c in children(e))
        e = rebuild(e, parts) if parts and parts != children(e) else e
        z = next((a for s in swaps if (a := s.old.inside(e)) is not None), None)
        if z is None or not any(isinstance(n, Ref) and n.tensor in weights for n in walk(z)):
            return e
        names = free_indices(e)
        loops = tuple(Range(n, ranges[n]) for n in ranges if n in names)
        name = fresh(f"{target}_h", tensors)
        tensors[name] = Tensor(name, tuple(r.size for r in loops if r.size is not None))
        places = tuple(index(r.name) for r in loops)
        equations.append(Equation(name, places, loops, e, origin=Origin("part", target)))
        return Ref(name, places)

    for equation in program.equations:
        whole = any(s.old.inside(equation.body) is not None for s in swaps)
        body = equation.body
        if equation.condition is None:
            ranges = {r.name: r.size for r in equation.ranges}
            if whole and not equation.accumulate:
                assert isinstance(body, Apply)
                parts = tuple(apart(a, ranges, equation.target) for a in body.args)
                body = rebuild(body, parts) if parts != body.args else body
            else:
                body = apart(body, ranges, equation.target)
        equations.append(equation if body is equation.body else replace(equation, body=body))
    return replace(program, tensors=tensors, equations=tuple(equations))


def terms(e: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    """The terms that a sum or difference adds up, with their signs."""
    if isinstance(e, Apply) and e.function in ("add", "sub"):
        right = sign if e.function == "add" else -sign
        return terms(e.args[0], sign) + terms(e.args[1], right)
    if isinstance(e, Apply) and e.function == "neg":
        return terms(e.args[0], -sign)
    return [(sign, e)]


def summed(parts: Sequence[tuple[int, Expr]]) -> Expr:
    total: Expr = ZERO
    for sign, t in parts:
        total = plus(total, t) if sign > 0 else sub(total, t)
    return total


def without(t: Expr, ref: Ref) -> Expr:
    """A term that is linear in a reference, where that is 1."""
    if t is ref:
        return ONE
    if isinstance(t, Apply) and t.function == "mul":
        return mul(*(without(a, ref) for a in t.args))
    parts = children(t)
    return rebuild(t, tuple(without(a, ref) for a in parts)) if parts else t


def is_linear_in(t: Expr, ref: Ref) -> bool:
    """Whether a term is linear in a reference that stands in it once."""
    if t is ref:
        return True
    if isinstance(t, Reduce) and t.op == "sum":
        guarded = t.condition is not None and ref in list(walk(t.condition))
        return not guarded and is_linear_in(t.body, ref)
    if isinstance(t, Apply) and t.function == "mul":
        holding = [a for a in t.args if any(n is ref for n in walk(a))]
        return len(holding) == 1 and is_linear_in(holding[0], ref)
    if isinstance(t, Apply) and t.function in ("div", "neg"):
        below = any(n is ref for a in t.args[1:] for n in walk(a))
        return not below and is_linear_in(t.args[0], ref)
    return False


def is_average(e: Expr) -> bool:
    """Whether an expression is a reference, summed, and times or over numbers."""
    if isinstance(e, Ref):
        return True
    if isinstance(e, Reduce):
        return e.op == "sum" and e.condition is None and is_average(e.body)
    if isinstance(e, Apply) and e.function in ("mul", "div"):
        linear = [a for a in e.args if not isinstance(a, Number | IndexValue)]
        return len(linear) == 1 and is_average(linear[0]) and (
            e.function == "mul" or linear[0] is e.args[0])
    return False


def filled(outside: Outside, relation: Affine) -> Outside | None:
    """What stands outside of the new tensor, where something stands outside of the old one."""
    fill = over(plus(outside.fill, neg(relation.shift)), relation.scale)
    if not isinstance(fill, Number) or not isinstance(fill.value, int | Fraction):
        return None
    return replace(outside, fill=fill)
