"""Polynomials over expressions: what a normal form is made of.

    3*a[i]*exp(x)^2/(1 + b), summed over k, where a[i] > 0

is one `Mono`: a number, factors with rational exponents, conditions, summed indices. A `Poly` is a
sum of them, like ones added up, in an order that depends on nothing but what they are. Summed
indices have names by how deep they are nested (%1.0 innermost), so that two ways to write the same
sum come out as the same `Mono`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import count, groupby, permutations, product
from typing import Final

from chainrule.algebra.terms import replaced
from chainrule.errors import LimitError
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    add,
    as_value,
    both,
    children,
    div,
    exact,
    free_indices,
    mul,
    power,
    sub,
    walk,
)
from chainrule.lang.integers import Index, Integer, index
from chainrule.lang.integers import constant as constant_integer

MOST: Final = 4_000  # terms of one normal form
_ORDERS: Final = 720  # ways to name indices that look alike which are tried
_FRESH: Final = count()


class TooLargeError(LimitError):
    """A normal form that outgrew its budget: nothing is decided."""

    code = "normal-form-limit"


@dataclass(frozen=True, slots=True)
class Mono:
    """A number times factors with rational exponents, where conditions hold, summed over indices.

    `guards` are pairs of a quantity and the signs that it may have, out of "-0+".
    """

    number: Fraction
    factors: tuple[tuple[Expr, Fraction], ...] = ()
    guards: tuple[tuple[Expr, str], ...] = ()
    sums: tuple[Range, ...] = ()

    @property
    def rest(self) -> tuple[object, ...]:
        """All but the number: what two like terms have in common."""
        return (self.factors, self.guards, self.sums)

    def exponent(self, base: Expr) -> Fraction:
        """The exponent of a factor; 0 where it is not there."""
        return next((k for b, k in self.factors if b == base), Fraction(0))

    def bound(self) -> set[str]:
        """The names of the summed indices."""
        return {r.name for r in self.sums}

    def opened(self) -> Mono:
        """The same with fresh names for the summed indices."""
        if not self.sums:
            return self
        names = {r.name: f"#{next(_FRESH)}" for r in self.sums}
        return self.moved({old: index(new) for old, new in names.items()}, names)

    def moved(self, places: Mapping[str, Integer], names: Mapping[str, str]) -> Mono:
        """With indices replaced; summed ones are renamed as `names` says."""
        return Mono(self.number, tuple((replaced(b, places), k) for b, k in self.factors),
                    tuple((replaced(q, places), s) for q, s in self.guards),
                    tuple(Range(names.get(r.name, r.name), _moved(r.size, places))
                          for r in self.sums))


def _moved(size: Integer | None, places: Mapping[str, Integer]) -> Integer | None:
    """How far a range goes, which may depend on another summed index: j < i."""
    if size is None or not any(name in places for name in size.indices()):
        return size
    moved = replaced(IndexValue(size), places)
    return moved.value if isinstance(moved, IndexValue) else _number(moved)


def _number(e: Expr) -> Integer:
    """A number as a size."""
    assert isinstance(e, Number) and isinstance(e.value, int)
    return constant_integer(e.value)


Poly = tuple[Mono, ...]

NOTHING: Final[Poly] = ()
UNIT: Final[Poly] = (Mono(Fraction(1)),)


def constant(value: Fraction | int) -> Poly:
    """A number as a polynomial."""
    return (Mono(Fraction(value)),) if value else NOTHING


def bare(e: Expr) -> Poly:
    """An expression that is taken as it is, as a polynomial."""
    return (Mono(Fraction(1), ((e, Fraction(1)),)),)


# --- order ----------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def key(e: Expr) -> str:
    """A text that is the same for equal expressions only, to sort by."""
    if isinstance(e, Number):
        return f"0{e.value}"
    if isinstance(e, Ref):
        inside = ",".join(map(integer_key, e.subscripts))
        return f"{e.tensor}[{inside}]" + ("" if e.outside is None else f"!{e.outside}")
    if isinstance(e, IndexValue):
        return f"<{integer_key(e.value)}>"
    if isinstance(e, Delta):
        return f"δ({integer_key(e.left)},{integer_key(e.right)})"
    own = ""
    if isinstance(e, Apply):
        own = e.function
    elif isinstance(e, Reduce | ArgReduce):
        ranges = ",".join(f"{r.name}<{integer_key(r.size)}" if r.size is not None else r.name
                          for r in e.indices)
        own = f"{e.op} {ranges}"
        own += f" {e.which}" if isinstance(e, ArgReduce) else ""
    return f"{type(e).__name__} {own}({'; '.join(map(key, children(e)))})"


def integer_key(p: Integer) -> str:
    """The same for a subscript, whose terms come in any order."""
    if p.plain is not None:
        return p.plain
    parts = []
    for monomial, c in p.terms:
        names = sorted(f"@{key(a.ref)}" if isinstance(a, Read) else str(a) for a in monomial)
        parts.append("*".join([str(c), *names]))
    return "+".join(sorted(parts))


def mono_key(m: Mono) -> str:
    """A text that is the same for equal terms only, to sort by."""
    return "|".join(("·".join(f"{key(b)}^{k}" for b, k in m.factors),
                     "&".join(f"{key(q)}{s}" for q, s in m.guards),
                     ",".join(f"{r.name}<{r.size}" for r in m.sums)))


def collected(monos: Iterable[Mono]) -> Poly:
    """Like terms added up, zeros dropped, in canonical order with canonical names."""
    found: dict[object, Mono] = {}
    for m in monos:
        m = labelled(m)
        before = found.get(m.rest)
        found[m.rest] = m if before is None else replace(m, number=before.number + m.number)
        if len(found) > MOST:
            raise TooLargeError(f"the normal form has more than {MOST:,} terms")
    return tuple(sorted((m for m in found.values() if m.number), key=mono_key))


def height(e: Expr) -> int:
    """How deep sums are nested in an expression that is in normal form."""
    most = 0
    for node in walk(e):
        if isinstance(node, Reduce | ArgReduce):
            for r in node.indices:
                if r.name.startswith("%"):
                    most = max(most, int(r.name[1:].partition(".")[0]))
    return most


def labelled(m: Mono) -> Mono:
    """Factors in order, summed indices named by what they do rather than by what they are called.

    Names are found by refining colours: an index is known by the factors that it stands in, where
    the others are known by their colours. Those that still look alike are tried in every order.
    """
    if not m.sums:
        return _sorted(m)
    names = [r.name for r in m.sums]
    bound = set(names)
    fixed = [r for r in m.sums if r.size is not None and not bound & set(r.size.indices())]
    colours = {**dict.fromkeys(names, ""), **{
        r.name: integer_key(r.size) for r in fixed if r.size is not None}}
    parts = [(b, str(k)) for b, k in m.factors] + [(q, s) for q, s in m.guards]
    parts += [(Apply("lt", (IndexValue(index(r.name)), IndexValue(r.size))), "<")
              for r in m.sums if r.size is not None and r not in fixed]
    own = [(e, mark, [n for n in free_indices(e) if n in colours]) for e, mark in parts]
    for _ in names if len(names) > 1 else ():
        ranks = {c: k for k, c in enumerate(sorted(set(colours.values())))}
        if len(ranks) == len(names):
            break
        short = {n: f"${ranks[colours[n]]}" for n in names}
        colours = {
            n: colours[n] + "/" + ",".join(sorted(
                mark + key(replaced(e, {o: index("@" if o == n else short[o]) for o in inside}))
                for e, mark, inside in own if n in inside))
            for n in names}
    names.sort(key=lambda n: colours[n])
    level = 1 + max((height(e) for e, _ in parts), default=0)
    classes = [list(g) for _, g in groupby(names, key=lambda n: colours[n])]
    orders = product(*(permutations(c) for c in classes))
    best: tuple[str, Mono] | None = None
    for tried, order in enumerate(orders):
        if tried >= _ORDERS:
            break
        flat = [n for group in order for n in group]
        new = {n: f"%{level}.{k}" for k, n in enumerate(flat)}
        moved = _sorted(m.moved({o: index(n) for o, n in new.items()}, new))
        text = mono_key(moved)
        if best is None or text < best[0]:
            best = (text, moved)
    assert best is not None
    return best[1]


def _sorted(m: Mono) -> Mono:
    return Mono(m.number, tuple(sorted(m.factors, key=lambda f: (key(f[0]), f[1]))),
                tuple(sorted(m.guards, key=lambda g: (key(g[0]), g[1]))),
                tuple(sorted(m.sums, key=lambda r: r.name)))


# --- back to expressions --------------------------------------------------------------------------


def expression(p: Poly) -> Expr:
    """The polynomial as an expression, in its own order."""
    total: Expr = Number(0)
    for m in p:
        part = mono_expression(replace(m, number=abs(m.number)))
        total = add(total, part) if m.number > 0 else sub(total, part)
    return total


def mono_expression(m: Mono) -> Expr:
    """One term as an expression."""
    above: Expr = exact(Fraction(m.number.numerator))
    below: Expr = exact(Fraction(m.number.denominator))
    for base, exponent in m.factors:
        if exponent > 0:
            above = mul(above, _power(base, exponent))
        else:
            below = mul(below, _power(base, -exponent))
    body = div(above, below)
    bound = m.bound()
    inside = [g for g in m.guards if bound & set(free_indices(g[0]))]
    outside = [g for g in m.guards if g not in inside]
    if m.sums:
        body = Reduce("sum", _in_order(m.sums), _all(inside), body)
    if outside:
        condition = _all(outside)
        assert condition is not None
        body = Select(condition, body, Number(0))
    return body


def _in_order(sums: Sequence[Range]) -> tuple[Range, ...]:
    """Ranges of which each depends on those before it only."""
    found: list[Range] = []
    left = list(sums)
    while left:
        names = {r.name for r in left}
        free = [r for r in left if r.size is None or not names & set(r.size.indices())]
        found += free or left
        left = [r for r in left if r not in found]
    return tuple(found)


def _power(base: Expr, exponent: Fraction) -> Expr:
    if isinstance(base, Apply) and base.function == "exp":
        inner = base.args[0]
        return Apply("exp", (mul(exact(exponent), inner),))
    if exponent == Fraction(1, 2):
        return Apply("sqrt", (base,))
    return power(base, exact(exponent))


_RELATIONS: Final = {"+": "gt", "0+": "ge", "-": "lt", "-0": "le", "0": "eq", "-+": "ne"}


def condition(quantity: Expr, signs: str) -> Expr:
    """The condition that a quantity has one of these signs: `x - y > 0` is written `x > y`."""
    left: Expr = quantity
    right: Expr = Number(0)
    if isinstance(quantity, Apply) and quantity.function == "sub":
        left, right = quantity.args
    elif isinstance(quantity, IndexValue) and len(quantity.value.terms) == 2:
        positive = Integer(tuple((m, c) for m, c in quantity.value.terms if c > 0))
        negative = Integer(tuple((m, -c) for m, c in quantity.value.terms if c < 0))
        left, right = as_value(positive), as_value(negative)
    return Apply(_RELATIONS[signs], (left, right))


def _all(guards: Sequence[tuple[Expr, str]]) -> Expr | None:
    result: Expr | None = None
    for quantity, signs in guards:
        result = both(result, condition(quantity, signs))
    return result


# --- arithmetic -----------------------------------------------------------------------------------


def plus(*polys: Poly) -> Poly:
    """The sum of polynomials."""
    return collected(m for p in polys for m in p)


def scaled(p: Poly, factor: Fraction | int) -> Poly:
    """A number times a polynomial."""
    return tuple(replace(m, number=m.number * factor) for m in p) if factor else NOTHING


def negative(p: Poly) -> Poly:
    """-p."""
    return scaled(p, -1)


def joined(a: Mono, b: Mono) -> Mono | None:
    """The product of two terms; None where their conditions exclude each other."""
    b = b.opened() if a.sums or b.sums else b
    table: dict[Expr, Fraction] = dict(a.factors)
    for base, exponent in b.factors:
        table[base] = table.get(base, Fraction(0)) + exponent
    guards: dict[Expr, str] = dict(a.guards)
    for quantity, signs in b.guards:
        kept = "".join(s for s in guards.get(quantity, "-0+") if s in signs)
        if not kept:
            return None
        guards[quantity] = kept
    return Mono(a.number * b.number, tuple((e, k) for e, k in table.items() if k),
                tuple(guards.items()), a.sums + b.sums)


def content(p: Poly) -> tuple[Mono, Poly]:
    """What all terms have as a factor, with a leading coefficient of 1 in what is left.

    Exponents may be negative: 1 + exp(-x) is exp(-x) times exp(x) + 1.
    """
    shared: dict[Expr, Fraction] = {}
    bases = dict.fromkeys(b for m in p for b, _ in m.factors
                          if not m.bound() & set(free_indices(b)))
    for base in bases:
        least = min(m.exponent(base) for m in p)
        if least:
            shared[base] = least
    rest = collected(replace(m, factors=tuple(
        (b, k - least) for b, k, least in _less(m, shared) if k != least)) for m in p)
    lead = rest[0].number
    return (Mono(lead, tuple(sorted(shared.items(), key=lambda f: key(f[0])))),
            scaled(rest, 1 / lead))


def _less(
    m: Mono, shared: Mapping[Expr, Fraction]
) -> list[tuple[Expr, Fraction, Fraction]]:
    """The factors of a term, those that it lacks included, beside the least exponents."""
    bound = m.bound()
    own = [(b, k, shared.get(b, Fraction(0)) if not bound & set(free_indices(b)) else Fraction(0))
           for b, k in m.factors]
    present = {b for b, _ in m.factors}
    return own + [(b, Fraction(0), k) for b, k in shared.items() if b not in present]


def atomic(base: Expr) -> bool:
    """Whether a factor is no polynomial itself: a name, a function, a maximum."""
    if isinstance(base, Reduce):
        return base.op != "sum"
    if isinstance(base, Apply) and base.function == "pow" and not isinstance(
            base.args[1], Number):
        return True  # x^n is as simple as it gets
    return not (isinstance(base, Apply) and base.function in (
        "add", "sub", "mul", "div", "neg", "pow", "sqrt")) and not isinstance(base, Select)


def indices_of(p: Poly) -> set[str]:
    """The free indices of a polynomial."""
    found: set[str] = set()
    for m in p:
        own: set[str] = set()
        for e in (*(b for b, _ in m.factors), *(q for q, _ in m.guards)):
            own |= set(free_indices(e))
        found |= own - m.bound()
    return found


__all__ = ["Index", "Mono", "Poly", "TooLargeError", "atomic", "collected", "condition", "constant",
           "content", "expression", "indices_of", "joined", "key", "labelled", "mono_expression",
           "negative", "plus", "scaled"]
