"""Moves that hold for any expressions: brackets, fractions, sums, exponentials.

Each takes an expression and returns it changed everywhere it can be, and says why in `say`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import isqrt
from typing import Final

from chainrule.algebra.normal import Normal
from chainrule.algebra.products import (
    addends,
    factors,
    product,
    shape,
    total,
)
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
    Select,
    add,
    children,
    div,
    exact,
    free_indices,
    mul,
    neg,
    power,
    rebuild,
    sub,
    walk,
)
from chainrule.lang.integers import constant as integer_constant
from chainrule.lang.parse import parse_expression

_WRITTEN: Final = 6  # terms of a sum that is written out
_EXACT: Final[Mapping[tuple[str, Fraction], Fraction]] = {
    ("exp", Fraction(0)): Fraction(1), ("ln", Fraction(1)): Fraction(0),
    ("sqrt", Fraction(0)): Fraction(0), ("sqrt", Fraction(1)): Fraction(1),
    ("sin", Fraction(0)): Fraction(0), ("cos", Fraction(0)): Fraction(1),
    ("tanh", Fraction(0)): Fraction(0), ("erf", Fraction(0)): Fraction(0),
}


class Rearranging:
    """The moves that need no assumption; `sizes` are the ranges of indices, known on the way."""

    def __init__(self, normal: Normal) -> None:
        self.normal = normal
        self.why: list[str | Expr] = []

    def evaluated(self, e: Expr) -> Expr:
        """exp(0) = 1, 0*a = 0, sums and products of numbers."""

        def rule(node: Expr) -> Expr | None:
            if not isinstance(node, Apply):
                if isinstance(node, Reduce) and node.op == "sum" and node.body == ZERO:
                    return ZERO
                if isinstance(node, Delta) and node.left == node.right:
                    return ONE
                return None
            args = [_number(a) for a in node.args]
            if node.function in _COMPARED and None not in args:
                return None
            if len(args) == 1 and args[0] is not None:
                value = _EXACT.get((node.function, args[0]))
                if value is not None:
                    self.say(Apply(node.function, node.args), f" = {value}")
                    return exact(value)
                if node.function == "neg":
                    return exact(-args[0])
                if node.function == "sqrt" and args[0] > 0:
                    root = _root(args[0])
                    return None if root is None else exact(root)
                if node.function == "abs":
                    return exact(abs(args[0]))
            if node.function == "pow" and args[1] == 0:
                return ONE
            if node.function in ("add", "sub", "mul", "div", "pow", "neg"):
                return _arithmetic(node)
            return None

        return self._fixed(e, rule)

    def cancelled(self, e: Expr) -> Expr:
        """a*b/a = b, and (a*b + a*c)/a = b + c."""
        gone: list[Expr] = []

        def rule(node: Expr) -> Expr | None:
            if kind_of(node) != "product":
                return None
            number, parts = factors(node)
            table: dict[str, list[tuple[Expr, int]]] = {}
            for base, k in parts:
                table.setdefault(shape(base), []).append((base, k))
            kept: list[tuple[Expr, int]] = []
            changed = False
            for found in table.values():
                k = sum(n for _, n in found)
                signs = {n > 0 for _, n in found}
                if len(signs) > 1:
                    changed = True
                    gone.append(found[0][0])
                if k:
                    kept.append((found[0][0], k))
            shared = _shared(kept)
            if shared is not None:
                changed = True
                gone.append(shared[0])
                kept = shared[1]
            return product(number, kept) if changed else None

        new = self.everywhere(e, rule)
        if gone:
            self.say("cancel ", *listed(gone))
        return new

    def collected(self, e: Expr) -> Expr:
        """Like terms added up."""

        def rule(node: Expr) -> Expr | None:
            if kind_of(node) != "sum":
                return None
            parts = addends(node)
            table: dict[str, tuple[Fraction, Expr]] = {}
            for sign, part in parts:
                number, rest = factors(part)
                bare = product(Fraction(1), rest)
                key = shape(bare)
                before = table.get(key, (Fraction(0), bare))
                table[key] = (before[0] + sign * number, before[1])
            if len(table) == len(parts):
                return None
            return total([(1 if n > 0 else -1, mul(exact(abs(n)), b) if b != ONE else exact(abs(n)))
                          for n, b in table.values() if n])

        new = self.everywhere(e, rule)
        self.say("like terms added up")
        return new

    def fractions(self, e: Expr) -> Expr:
        """A fraction in a fraction becomes one; signs and numbers go to the front."""

        def rule(node: Expr) -> Expr | None:
            if kind_of(node) != "product" or not any(
                    isinstance(a, Apply) and a.function in ("div", "mul", "pow")
                    for a in children(node)):
                return None
            done = product(*factors(node))
            return done if done != node and _depth(done) < _depth(node) else None

        new = self.everywhere(e, rule)
        self.say("one fraction for a fraction of fractions")
        return new

    def exponentials(self, e: Expr) -> Expr:
        """exp(a + b) = exp(a)*exp(b), exp(k*ln a) = a^k."""
        used: dict[str, None] = {}

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Apply) and node.function == "exp"):
                return None
            inner = node.args[0]
            if isinstance(inner, Apply) and inner.function == "ln":
                used["exp(ln(a)) = a"] = None
                return inner.args[0]
            number, parts = factors(inner)
            logs = [b for b, k in parts if k == 1 and isinstance(b, Apply) and b.function == "ln"]
            if len(logs) == 1 and len(parts) == 1:
                inside = logs[0]
                assert isinstance(inside, Apply)
                used["exp(k*ln(a)) = a^k"] = None
                return _raised(inside.args[0], number)
            opened = _opened(inner)
            if len(opened) < 2:
                return None
            used["exp(a + b) = exp(a)*exp(b)"] = None
            return product(Fraction(1), [(Apply("exp", (part,)), sign) for sign, part in opened])

        new = self.everywhere(e, rule)
        self.say(*identities(used))
        return new

    def pulled(self, e: Expr) -> Expr:
        """What does not depend on the index stands in front of the sum."""
        out: list[Expr] = []
        only: list[Expr] = []
        letters: list[str] = []

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and node.op == "sum"):
                return None
            number, parts = factors(node.body)
            names = {r.name for r in node.indices}
            free = [(b, k) for b, k in parts if not names & set(free_indices(b))]
            if not free and number == 1:
                return None
            if len(free) == len(parts) and node.condition is None:
                return None
            bound = [p for p in parts if p not in free]
            out.extend(b for b, _ in free)
            if number != 1 and not free:
                only.append(product(number, []))
            letters.extend(r.name for r in node.indices)
            inner = Reduce("sum", node.indices, node.condition, product(Fraction(1), bound))
            return product(number, [*free, (inner, 1)])

        new = self.everywhere(e, rule)
        if only and not out:
            self.say("the factor ", only[0], " in front of the sum")
        if out:
            many = len({shape(o) for o in out}) > 1
            self.say(*listed(out), " do" if many else " does", " not depend on ",
                     " and ".join(dict.fromkeys(letters)))
        return new

    def split(self, e: Expr) -> Expr:
        """The sum of a sum: term by term."""

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and node.op == "sum"):
                return None
            parts = _opened(node.body)
            if len(parts) < 2:
                return None
            return total([(sign, Reduce("sum", node.indices, node.condition, part))
                          for sign, part in parts])

        new = self.everywhere(e, rule)
        self.say("a sum of sums, term by term")
        return new

    def spelled(self, e: Expr) -> Expr:
        """A short sum over a known range, written out."""

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and len(node.indices) == 1):
                return None
            r = node.indices[0]
            count = None if r.size is None else r.size.constant
            if count is None or not 0 < count <= _WRITTEN:
                return None
            parts = []
            for k in range(count):
                place = {r.name: integer_constant(k)}
                part = replaced(node.body, place)
                if node.condition is not None:
                    if node.op != "sum":
                        return None
                    part = Select(replaced(node.condition, place), part, ZERO)
                parts.append(part)
            result = parts[0]
            for part in parts[1:]:
                result = add(result, part) if node.op == "sum" else Apply(node.op, (result, part))
            return result

        new = self.everywhere(e, rule)
        self.say("the sum is written out")
        return new

    def common(self, e: Expr) -> Expr:
        """Terms over a common denominator."""

        def rule(node: Expr) -> Expr | None:
            if kind_of(node) != "sum":
                return None
            parts = addends(node)
            split = [(s, *factors(p)) for s, p in parts]
            below: dict[str, tuple[Expr, int]] = {}
            for _, number, own in split:
                if number.denominator != 1:
                    return None
                for base, k in own:
                    if k < 0:
                        key = shape(base)
                        below[key] = (base, max(-k, below.get(key, (base, 0))[1]))
            if not below:
                return None
            tops = []
            for sign, number, own in split:
                missing = {key: [base, k] for key, (base, k) in below.items()}
                top = []
                for base, k in own:
                    if k < 0:
                        missing[shape(base)][1] += k  # type: ignore[operator]
                    else:
                        top.append((base, k))
                top += [(b, k) for b, k in missing.values() if k]  # type: ignore[misc]
                tops.append((sign, product(number, top)))
            return div(total(tops), product(Fraction(1), list(below.values())))

        new = self.everywhere(e, rule)
        self.say("over a common denominator")
        return new

    def widened(self, e: Expr) -> Expr:
        """A fraction of exponentials, some falling: above and below times the one that rises."""
        used: list[Expr] = []

        def rule(node: Expr) -> Expr | None:
            if kind_of(node) != "product":
                return None
            number, parts = factors(node)
            for at, (base, k) in enumerate(parts):
                inner = addends(base)
                if k != -1 or len(inner) < 2:
                    continue
                falling = [f for _, p in inner for f in _falling(p)]
                if not falling:
                    continue
                up = Apply("exp", (_opposite(falling[0].args[0]),))
                used.append(up)
                above = [p for i, p in enumerate(parts) if i != at]
                top = product(number, above)
                return div(_times_exp(top, up), _times_exp(base, up))
            return None

        new = self.everywhere(e, rule)
        if used:
            self.say("above and below times ", used[0])
        return new

    def lifted(self, e: Expr) -> Expr:
        """ln of a sum with a falling exponential: ln(1 + exp(-x)) = ln(exp(x) + 1) - x."""
        used: list[Expr] = []

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Apply) and node.function == "ln"):
                return None
            inner = addends(node.args[0])
            falling = [f for _, p in inner for f in _falling(p)]
            if len(inner) < 2 or not falling:
                return None
            x = _opposite(falling[0].args[0])
            used.append(x)
            return sub(Apply("ln", (_times_exp(node.args[0], Apply("exp", (x,))),)), x)

        new = self.everywhere(e, rule)
        if used:
            self.say(*identities(["ln(a) = ln(a*exp(b)) - b"]))
        return new

    def expanded(self, e: Expr) -> Expr:
        """Brackets multiplied out."""

        def rule(node: Expr) -> Expr | None:
            if isinstance(node, Apply) and node.function == "square":
                node = power(node.args[0], Number(2))
            if kind_of(node) != "product" and not (
                    isinstance(node, Apply) and node.function == "pow"):
                return None
            number, parts = factors(node)
            for at, (base, k) in enumerate(parts):
                inner = addends(base)
                if len(inner) < 2 or not 0 < k <= 4:
                    continue
                above = [p for i, p in enumerate(parts) if p[1] > 0 and i != at]
                below = [p for p in parts if p[1] < 0]
                if k > 1:
                    above.append((base, k - 1))
                opened = total([(s, product(number, [*factors(p)[1], *above]) if (
                    factors(p)[0] == 1) else product(number * factors(p)[0],
                                                     [*factors(p)[1], *above]))
                                for s, p in inner])
                return product(Fraction(1), [(opened, 1), *below]) if below else opened
            return None

        new = self._fixed(e, rule, 6)
        self.say("multiplied out")
        return new

    # walking

    def everywhere(self, e: Expr, rule: Callable[[Expr], Expr | None], kind: str = "") -> Expr:
        """A rule at every node, inner ones first; of a sum or a product only at the whole."""
        outer = self.normal.sizes
        if isinstance(e, Reduce | ArgReduce):
            self.normal.sizes = {**outer, **{
                r.name: r.size for r in e.indices if r.size is not None}}
        try:
            parts = children(e)
            own = kind_of(e)
            if parts:
                done = tuple(self.everywhere(part, rule, own) for part in parts)
                e = rebuild(e, done) if done != parts else e
        finally:
            self.normal.sizes = outer
        if own and own == kind:
            return e
        new = rule(e)
        return e if new is None else new

    def neat(self, e: Expr) -> Expr:
        """1*a is a, a + 0 is a: what nobody writes down, and nothing beyond that."""

        def rule(node: Expr) -> Expr | None:
            if isinstance(node, Apply) and node.function in ("add", "sub", "mul", "div", "pow"):
                done = _arithmetic(node)
                return done if done is not None and (
                    ONE in node.args or ZERO in node.args) else None
            if isinstance(node, Reduce) and node.op == "sum" and node.body == ZERO:
                return ZERO
            if isinstance(node, Apply) and node.function == "neg" and isinstance(
                    node.args[0], Apply) and node.args[0].function == "neg":
                return node.args[0].args[0]
            return None

        return self._fixed(e, rule)

    def say(self, *parts: str | Expr) -> None:
        """The reason for the move that is being made; the first that is said stands."""
        if not self.why:
            self.why = [p for p in parts if p != ""]

    def _fixed(self, e: Expr, rule: Callable[[Expr], Expr | None], most: int = 20) -> Expr:
        for _ in range(most):
            new = self.everywhere(e, rule)
            if new == e:
                break
            e = new
        return e



def kind_of(e: Expr) -> str:
    if isinstance(e, Apply):
        if e.function in ("add", "sub", "neg"):
            return "sum"
        if e.function in ("mul", "div"):
            return "product"
    return ""


def _number(e: Expr) -> Fraction | None:
    if isinstance(e, Number) and not isinstance(e.value, float):
        return Fraction(e.value)
    if isinstance(e, IndexValue) and e.value.constant is not None:
        return Fraction(e.value.constant)
    return None


def _root(value: Fraction) -> Fraction | None:
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    exactly = top * top == value.numerator and bottom * bottom == value.denominator
    return Fraction(top, bottom) if exactly else None


def _arithmetic(node: Apply) -> Expr | None:
    """What the constructors make of an operation on numbers, 0 and 1."""
    make = {"add": add, "sub": sub, "mul": mul, "div": div, "pow": power}
    if node.function == "neg":
        done: Expr = neg(node.args[0])
    else:
        if node.function == "div" and _number(node.args[1]) == 0:
            return None
        if node.function == "mul" and any(_number(a) == 0 for a in node.args):
            return ZERO
        if node.function == "pow" and _number(node.args[0]) == 0:
            return ZERO if (_number(node.args[1]) or 0) > 0 else None
        if node.function == "div" and _number(node.args[0]) == 0:
            return ZERO
        done = make[node.function](*node.args)
    return None if done == node else done


def _opened(e: Expr) -> list[tuple[int, Expr]]:
    """The addends of a sum, also of one that stands over a denominator or after a number."""
    parts = addends(e)
    if len(parts) > 1:
        return parts
    if isinstance(e, Apply) and e.function in ("mul", "div", "neg"):
        number, own = factors(e)
        sums = [(b, k) for b, k in own if k == 1 and len(addends(b)) > 1]
        rest = [p for p in own if p not in sums]
        if len(sums) == 1 and all(k < 0 or not isinstance(b, Apply) or b.function not in (
                "add", "sub") for b, k in rest):
            return [(sign, product(number * factors(p)[0], [*factors(p)[1], *rest]))
                    for sign, p in addends(sums[0][0])]
    return parts


def _raised(base: Expr, k: Fraction) -> Expr:
    if k == Fraction(1, 2):
        return Apply("sqrt", (base,))
    return power(base, exact(k))


def _shared(
    parts: list[tuple[Expr, int]]
) -> tuple[Expr, list[tuple[Expr, int]]] | None:
    """A factor below the line that every term of a bracket above it has, or the other way."""
    for at, (bracket, k) in enumerate(parts):
        inner = addends(bracket)
        if len(inner) < 2 or abs(k) != 1:
            continue
        split = [(s, *factors(p)) for s, p in inner]
        for i, (base, n) in enumerate(parts):
            if i == at or (n > 0) == (k > 0):
                continue
            want = shape(base)
            if not all(any(shape(b) == want and m > 0 for b, m in own) for _, _, own in split):
                continue
            done = []
            for sign, number, own in split:
                rest, taken = [], False
                for b, m in own:
                    if not taken and shape(b) == want and m > 0:
                        taken = True
                        m -= 1
                    if m:
                        rest.append((b, m))
                done.append((sign, product(number, rest)))
            others = [p for j, p in enumerate(parts) if j not in (at, i)]
            left = [(base, n - 1 if n > 0 else n + 1)] if abs(n) > 1 else []
            return base, [*others, (total(done), k), *left]
    return None


def listed(found: Sequence[Expr]) -> list[str | Expr]:
    """a, b and c, each once."""
    unique = list({shape(e): e for e in found}.values())[:4]
    parts: list[str | Expr] = []
    for k, e in enumerate(unique):
        if k:
            parts.append(" and " if k == len(unique) - 1 else ", ")
        parts.append(e)
    return parts


def _falling(e: Expr) -> list[Apply]:
    """The factors exp(-u) of a term."""
    return [b for b, k in factors(e)[1] if k == 1 and isinstance(b, Apply) and b.function == "exp"
            and factors(b.args[0])[0] < 0]


def _opposite(e: Expr) -> Expr:
    number, parts = factors(e)
    return product(-number, parts)


def _times_exp(e: Expr, up: Expr) -> Expr:
    """Every term of an expression times exp(u); exp(-u)*exp(u) is 1."""
    assert isinstance(up, Apply)
    u = shape(up.args[0])
    found = []
    for sign, part in addends(e):
        number, own = factors(part)
        at = next((i for i, (b, k) in enumerate(own) if k == 1 and b in _falling(part)
                   and isinstance(b, Apply) and shape(_opposite(b.args[0])) == u), None)
        rest = [f for i, f in enumerate(own) if i != at]
        if at is None:
            rest.append((up, 1))
        found.append((sign, product(number, rest)))
    return total(found)


def identities(used: Iterable[str]) -> list[str | Expr]:
    """Identities as they are read: a; b."""
    parts: list[str | Expr] = []
    for text in used:
        left, _, right = text.partition(" = ")
        parts += ["; " if parts else "", parse_expression(left), " = ", parse_expression(right)]
    return parts


def _depth(e: Expr) -> int:
    return sum(isinstance(n, Apply) and n.function == "div" for n in walk(e))


_COMPARED: Final = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})


__all__ = ["Rearranging", "identities", "listed"]
