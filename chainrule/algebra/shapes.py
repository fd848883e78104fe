"""The shapes of small expressions: what is matched by hand, and how products are taken apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    Number,
    Ref,
    add,
    children,
    div,
    mul,
    neg,
    rebuild,
    sub,
    walk,
)

MINUS_ONE: Final = Number(-1)


class Inverse(Expr):
    """What the reciprocal of a divisor became: to be multiplied by."""

    __slots__ = ("value",)

    def __init__(self, value: Expr) -> None:
        self.value = value


Leaf = Callable[[Expr, bool, bool], Expr]


def factors(e: Expr, leaf: Leaf, above: bool = True, direct: bool = False) -> Expr:
    """A product with each factor replaced; `leaf` is told whether it stands above the line.

    It is told too whether it is a divisor by itself. The parts are visited from left to right.
    """
    chain: list[Apply] = []
    while isinstance(e, Apply) and e.function in ("mul", "div", "neg"):
        chain.append(e)
        e = e.args[0]
    total = leaf(e, above, direct and not chain)
    for node in reversed(chain):
        if node.function == "neg":
            total = over(node, (total,))
            continue
        divides = node.function == "div"
        right = factors(node.args[1], leaf, above is not divides, divides)
        if isinstance(right, Inverse):
            total = mul(total, right.value)
        elif right is ONE:
            continue  # the whole factor or divisor went into another
        elif total is ONE and not divides:
            total = right
        else:
            total = over(node, (total, right))
    return total


def over(e: Expr, parts: tuple[Expr, ...]) -> Expr:
    """The expression over these parts; itself where they are its own."""
    if all(a is b for a, b in zip(children(e), parts, strict=True)):
        return e
    make = TIDY.get(e.function) if isinstance(e, Apply) else None
    if make is not None and any(isinstance(x, Apply) and x.function == "neg" for x in parts):
        return make(*parts)  # two signs cancel
    return rebuild(e, parts)


def _less(a: Expr, b: Expr) -> Expr:
    """a - b, where b may be a negative."""
    return add(a, b.args[0]) if isinstance(b, Apply) and b.function == "neg" else sub(a, b)


TIDY: Final[dict[str, Callable[..., Expr]]] = {
    "add": add, "sub": _less, "mul": mul, "div": div, "neg": neg,
}


def exponent_of_one_plus(e: Expr) -> Expr | None:
    """x, where the expression is 1 + exp(x) or exp(x) + 1."""
    if isinstance(e, Apply) and e.function == "add":
        for one, other in (e.args, e.args[::-1]):
            if one == ONE and isinstance(other, Apply) and other.function == "exp":
                return other.args[0]
    return None


def exponent_of_tanh(above: Expr, below: Expr) -> Expr | None:
    """x, where above/below is (exp(x) - exp(-x))/(exp(x) + exp(-x))."""
    if not (isinstance(above, Apply) and above.function == "sub"
            and isinstance(below, Apply) and below.function == "add"
            and all(isinstance(a, Apply) and a.function == "exp"
                    for a in (*above.args, *below.args))):
        return None
    x, y = (a.args[0] for a in above.args if isinstance(a, Apply))
    if y == -x and set(below.args) == set(above.args):
        return x
    return None


def power_less_one(e: Apply) -> tuple[Expr, int] | None:
    """x and a sign, where the expression is exp(x) - 1 or its negative."""
    a, b = e.args
    if e.function == "add":
        for power, one in ((a, b), (b, a)):
            if one == MINUS_ONE and isinstance(power, Apply) and power.function == "exp":
                return power.args[0], 1
        return None
    if b == ONE and isinstance(a, Apply) and a.function == "exp":
        return a.args[0], 1
    if a == ONE and isinstance(b, Apply) and b.function == "exp":
        return b.args[0], -1
    return None


def beside_one(e: Expr) -> Expr | None:
    """x, where the expression is 1 + x or 1 - x and x depends on a tensor."""
    if not isinstance(e, Apply) or e.function not in ("add", "sub"):
        return None
    a, b = e.args
    if a == ONE:
        rest = b if e.function == "add" else neg(b)
    elif b == ONE and e.function == "add":
        rest = a
    else:
        return None
    return rest if tensors(rest) else None


def tensors(e: Expr | None) -> set[str]:
    return {n.tensor for n in walk(e) if isinstance(n, Ref)} if e is not None else set()
