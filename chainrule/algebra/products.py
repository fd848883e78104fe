"""Expressions as products and sums of parts, and a text that tells two apart by more than order.

    factors(a*b/(2*c))      is 1/2 and a, b, c with the exponents 1, 1, -1
    addends(a - b/2)        is a with the sign 1, b/2 with the sign -1
    shape(a + b) == shape(b + a), shape(sum(i) x[i]) == shape(sum(k) x[k]), shape(a/a) != shape(1)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import permutations
from typing import Final

from chainrule.algebra.polynomial import integer_key
from chainrule.algebra.terms import replaced
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
    add,
    div,
    exact,
    mul,
    neg,
    power,
    sub,
    walk,
)
from chainrule.lang.functions import TURNED
from chainrule.lang.integers import index

Why = tuple[str | Expr, ...]
_ORDERS: Final = 24


def mentions(e: Expr, name: str) -> bool:
    """Whether a tensor stands in an expression, the conditions in it included."""
    return any(isinstance(node, Ref) and node.tensor == name for node in walk(e))


def factors(e: Expr) -> tuple[Fraction, list[tuple[Expr, int]]]:
    """An expression as a number times factors with whole exponents, in the order written."""
    found: list[tuple[Expr, int]] = []
    number = _factors(e, 1, found)
    return number, found


def _factors(e: Expr, k: int, found: list[tuple[Expr, int]]) -> Fraction:
    if isinstance(e, Number) and not isinstance(e.value, float) and (e.value or k > 0):
        return Fraction(e.value) ** k
    if isinstance(e, Apply):
        if e.function in ("mul", "div"):
            left = _factors(e.args[0], k, found)
            return left * _factors(e.args[1], k if e.function == "mul" else -k, found)
        if e.function == "neg":
            return (1 if k % 2 == 0 else -1) * _factors(e.args[0], k, found)
        if e.function == "square":
            return _factors(e.args[0], 2 * k, found)
        if e.function == "pow":
            exponent = e.args[1]
            if isinstance(exponent, Number) and isinstance(exponent.value, int) and (
                    0 < abs(exponent.value) <= 12):
                return _factors(e.args[0], exponent.value * k, found)
    found.append((e, k))
    return Fraction(1)


def product(number: Fraction, parts: Sequence[tuple[Expr, int]]) -> Expr:
    """A number times factors as one fraction; a negative number is a sign in front."""
    above: Expr = exact(Fraction(abs(number.numerator)))
    below: Expr = exact(Fraction(number.denominator))
    together: dict[tuple[Expr, bool], int] = {}
    for base, k in parts:
        together[base, k > 0] = together.get((base, k > 0), 0) + k
    for (base, _), k in together.items():
        if k > 0:
            above = mul(above, power(base, Number(k)))
        elif k < 0:
            below = mul(below, power(base, Number(-k)))
    body = above if below == ONE else div(above, below)
    return neg(body) if number < 0 else body


def addends(e: Expr) -> list[tuple[int, Expr]]:
    """The terms of a sum with their signs, in the order written; one for anything else."""
    if isinstance(e, Apply):
        if e.function in ("add", "sub"):
            flip = 1 if e.function == "add" else -1
            return [*addends(e.args[0]), *((flip * s, p) for s, p in addends(e.args[1]))]
        if e.function == "neg":
            return [(-s, p) for s, p in addends(e.args[0])]
    return [(1, e)]


def total(parts: Sequence[tuple[int, Expr]]) -> Expr:
    """Terms with signs as a sum, a positive one first where there is one."""
    ordered = list(parts)
    first = next((k for k, (s, _) in enumerate(ordered) if s > 0), 0)
    ordered = [*ordered[first:], *ordered[:first]] if first else ordered
    result: Expr | None = None
    for sign, part in ordered:
        if result is None:
            result = part if sign > 0 else neg(part)
        else:
            result = add(result, part) if sign > 0 else sub(result, part)
    return Number(0) if result is None else result


@lru_cache(maxsize=20_000)
def shape(e: Expr, depth: int = 0) -> str:
    """A text that is the same for expressions that differ in order, brackets and summed names."""
    if isinstance(e, Number):
        return str(e.value)
    if isinstance(e, Ref):
        return f"{e.tensor}[{','.join(map(integer_key, e.subscripts))}]"
    if isinstance(e, IndexValue):
        return f"<{integer_key(e.value)}>"
    if isinstance(e, Delta):
        return "eq(" + ",".join(sorted((integer_key(e.left), integer_key(e.right)))) + ")"
    if isinstance(e, Reduce | ArgReduce):
        return _reduction(e, depth)
    if isinstance(e, Select) and e.otherwise == ZERO:  # [condition] times something
        return _product(*factors(e), depth)
    if isinstance(e, Select):
        return f"({shape(e.then, depth)} if {shape(e.condition, depth)} else " \
               f"{shape(e.otherwise, depth)})"
    assert isinstance(e, Apply)
    if e.function == "exp" and factors(e.args[0])[0] not in (0, 1):
        return _product(Fraction(1), [(e, 1)], depth)
    if e.function in ("add", "sub", "neg"):
        parts = sorted(f"{'+' if s > 0 else '-'}{shape(p, depth)}" for s, p in addends(e))
        if len(parts) == 1:
            number, own = factors(e)
            return _product(number, own, depth)
        return f"({''.join(parts)})"
    if e.function in ("mul", "div", "pow", "square"):
        return _product(*factors(e), depth)
    args = [shape(a, depth) for a in e.args]
    function = TURNED.get(e.function, e.function)
    if function != e.function:
        args.reverse()
    if function in ("eq", "ne", "and", "or", "max", "min"):
        args.sort()
    return f"{function}({','.join(args)})"


def _product(number: Fraction, parts: Sequence[tuple[Expr, int]], depth: int) -> str:
    above: dict[str, Fraction] = {}
    below: dict[str, Fraction] = {}
    work = list(parts)
    while work:
        base, k = work.pop(0)
        side, times = (above if k > 0 else below), Fraction(abs(k))
        if isinstance(base, Select) and base.otherwise == ZERO and k == 1:
            inner, own = factors(base.then)
            number *= inner
            work = own + work
            text = f"[{shape(base.condition, depth)}]"
            side[text] = Fraction(1)
            continue
        if isinstance(base, Apply) and base.function == "pow":
            text = "(" + ",".join(shape(a, depth) for a in base.args) + ")pow"
        elif isinstance(base, Apply) and base.function == "exp":  # exp(2*x) is exp(x)^2
            inner, own = factors(base.args[0])
            text = f"exp({_product(Fraction(1), own, depth)})"
            side, times = (above if k * inner > 0 else below), abs(k * inner)
        else:
            text = shape(base, depth)
        side[text] = side.get(text, Fraction(0)) + times
    if number == 1 and not below and len(above) == 1 and next(iter(above.values())) == 1:
        return next(iter(above))
    up = "*".join(f"{t}^{k}" for t, k in sorted(above.items()))
    down = "*".join(f"{t}^{k}" for t, k in sorted(below.items()))
    if not up and not down:
        return str(number)
    return f"{{{number}*{up}/{down}}}"


def _reduction(e: Reduce | ArgReduce, depth: int) -> str:
    names = [r.name for r in e.indices]
    best = ""
    for tried, order in enumerate(permutations(range(len(names)))):
        if tried >= _ORDERS:
            break
        places = {n: index(f"%{depth}.{order[k]}") for k, n in enumerate(names)}
        inner = depth + 1
        inside = e.body
        if e.op == "sum" and e.condition is not None:
            inside = Select(e.condition, inside, ZERO)
        body = shape(replaced(inside, places), inner)
        condition = "" if e.condition is None or e.op == "sum" else shape(
            replaced(e.condition, places), inner)
        sizes = sorted(f"{order[k]}<{'' if r.size is None else integer_key(r.size)}"
                       for k, r in enumerate(e.indices))
        which = str(places.get(e.which, e.which)) if isinstance(e, ArgReduce) else ""
        text = f"{e.op}{which}[{','.join(sizes)}|{condition}]({body})"
        best = text if not best or text < best else best
    return best
