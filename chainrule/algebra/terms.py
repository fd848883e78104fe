"""Sums of products: the form in which derivatives are worked.

    3*a[i]*sum(k) b[k]*δ(i,k)/c   is one Term: the number 3, the factors a[i], b[k], c with their
                                   exponents 1, 1, -1, the delta, and k as an index summed over

An expression becomes a list of terms (`terms_of`) and terms become an expression again (`written`).
What is done in between are the moves of a derivation: a delta picks its index out of a sum, equal
factors cancel, like terms are collected. A bracket stays closed, as one factor, unless something in
it asks to be let out (a delta); opening every bracket would make derivations that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chainrule.algebra.alike import factor_key, term_key
from chainrule.algebra.guards import in_order, opposite, undecided
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import (
    ONE,
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
    at_indices,
    both,
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
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Index, Integer, index, product
from chainrule.lang.program import fresh


@dataclass(frozen=True, slots=True)
class Term:
    """A number times factors with whole exponents, times deltas, summed over some indices.

    `guards` are conditions on indices outside which the term is 0, and its factors are not looked
    at: they may leave their tensors there.
    """

    number: Fraction
    factors: tuple[tuple[Expr, int], ...] = ()
    deltas: tuple[Delta, ...] = ()
    sums: tuple[Range, ...] = ()
    guards: tuple[Expr, ...] = ()

    def times(self, other: Term) -> Term:
        """The product; the other's summed indices must be told apart beforehand."""
        table = dict(self.factors)
        for base, exponent in other.factors:
            table[base] = table.get(base, 0) + exponent
        return Term(self.number * other.number, tuple(table.items()),
                    self.deltas + other.deltas, self.sums + other.sums,
                    tuple(dict.fromkeys(self.guards + other.guards)))

    def names(self) -> set[str]:
        """All its indices, free and summed."""
        found = {r.name for r in self.sums}
        for base, _ in self.factors:
            found.update(free_indices(base))
        for d in (*self.deltas, *self.guards):
            found.update(free_indices(d))
        return found

    def at(self, places: Mapping[str, Integer]) -> Term:
        """The term with indices replaced; summed ones lose their sum only where the caller says."""
        moved = dict(places)
        table: dict[Expr, int] = {}
        for base, exponent in self.factors:
            new = replaced(base, moved)
            table[new] = table.get(new, 0) + exponent
        deltas = tuple(at_indices(d, moved) for d in self.deltas)
        return Term(self.number, tuple(table.items()),
                    tuple(d for d in deltas if isinstance(d, Delta)), self.sums,
                    tuple(replaced(g, moved) for g in self.guards))


_LETTERS: Final = "kjmlnrsuvwabcdh"


def letter(taken: Iterable[str]) -> str:
    """A letter for an index that is not taken."""
    used = set(taken)
    return next((c for c in _LETTERS if c not in used), fresh("k", used))


def replaced(e: Expr, places: Mapping[str, Integer]) -> Expr:
    """An expression with its free indices replaced; what it sums over keeps apart from them."""
    if isinstance(e, Reduce | ArgReduce):
        inner = {n: p for n, p in places.items() if n not in {r.name for r in e.indices}}
        clash = {i for p in inner.values() for i in p.indices()}
        ranges = []
        used = clash | set(free_indices(e.body)) | {r.name for r in e.indices}
        used |= {n for r in e.indices if r.size is not None for n in r.size.sizes()}
        for r in e.indices:
            name = letter(used) if r.name in clash else r.name
            used.add(name)
            if name != r.name:
                inner[r.name] = index(name)
            ranges.append(Range(name, r.size))
        condition = None if e.condition is None else replaced(e.condition, inner)
        body = replaced(e.body, inner)
        if isinstance(e, Reduce):
            return Reduce(e.op, tuple(ranges), condition, body)
        which = str(inner.get(e.which, e.which)) if e.which in {
            r.name for r in e.indices} else e.which
        return ArgReduce(e.op, tuple(ranges), condition, body, which)
    parts = children(e)
    if parts:
        return rebuild(e, tuple(replaced(part, places) for part in parts))
    return at_indices(e, dict(places))


UNIT: Final = Term(Fraction(1))
_TOTAL: Final = frozenset(FUNCTIONS) - frozenset({
    "div", "pow", "ln", "log2", "log10", "log1p", "xlogy", "sqrt", "asin", "acos", "acosh",
    "atanh"})  # functions that have a value everywhere


def terms_of(e: Expr, taken: Iterable[str] = ()) -> list[Term]:
    """The terms of an expression; indices summed over get names that are not `taken`."""
    return _terms(e, {*taken, *free_indices(e)})


def _terms(e: Expr, taken: set[str]) -> list[Term]:
    if isinstance(e, Number) and not isinstance(e.value, float):
        return [Term(Fraction(e.value))] if e.value else []
    if isinstance(e, Delta):
        return [Term(Fraction(1), deltas=(e,))]
    if isinstance(e, Reduce) and e.op == "sum":
        return _summed(e, taken)
    if isinstance(e, Apply):
        return _applied(e, taken)
    if isinstance(e, Select) and _hides_delta(e):
        return _selected(e, taken)
    if isinstance(e, IndexValue) and len(e.value.terms) == 1 and e.value.constant is None:
        monomial, times = e.value.terms[0]  # 2N is 2 times N
        return [Term(Fraction(times), ((IndexValue(Integer(((monomial, 1),))), 1),))]
    return [Term(Fraction(1), ((e, 1),))]


def _selected(e: Select, taken: set[str]) -> list[Term]:
    """A choice between branches: the deltas that both have in common stand outside of it."""
    then, otherwise = _terms(e.then, taken), _terms(e.otherwise, taken)
    every = [*then, *otherwise]
    deltas = every[0].deltas
    if all(t.deltas == deltas and not t.sums and not t.guards for t in every):
        bare = [[replace(t, deltas=()) for t in side] for side in (then, otherwise)]
        first, second = (written(collected([cancelled(t) for t in side])) for side in bare)
        choice = Select(e.condition, first, second)
        return [Term(Fraction(1), ((choice, 1),), deltas)]
    return [*(_under(e.condition, t) for t in then),
            *(_under(opposite(e.condition), t) for t in otherwise)]


def _under(condition: Expr, t: Term) -> Term:
    """A term that counts where a condition holds: times [condition], or not looked at elsewhere.

    A guard is needed where the term may have no value outside of it: what reads at other places,
    divides or takes logarithms.
    """
    if any(isinstance(node, IndexValue) for node in walk(condition)) or not _total(t):
        return replace(t, guards=(*t.guards, condition))
    return t.times(Term(Fraction(1), ((Select(condition, ONE, Number(0)), 1),)))


def _total(t: Term) -> bool:
    """Whether a term plainly has a value everywhere."""
    return all(exponent > 0 and not any(
        isinstance(node, Reduce | ArgReduce) or (
            isinstance(node, Ref) and any(s.plain is None for s in node.subscripts)) or (
            isinstance(node, Apply) and node.function not in _TOTAL)
        for node in walk(base)) for base, exponent in t.factors)


def _applied(e: Apply, taken: set[str]) -> list[Term]:
    if e.function in ("add", "sub"):
        first, second = _terms(e.args[0], taken), _terms(e.args[1], taken)
        return [*first, *(second if e.function == "add" else map(_minus, second))]
    if e.function == "neg":
        return list(map(_minus, _terms(e.args[0], taken)))
    if e.function == "mul":
        return _product(_terms(e.args[0], taken), _terms(e.args[1], taken), e, taken)
    if e.function == "div":
        below = _terms(e.args[1], taken)
        if len(below) == 1 and not (below[0].sums or below[0].deltas or below[0].guards):
            one = below[0]
            inverse = Term(1 / one.number, tuple((b, -k) for b, k in one.factors))
        else:
            inverse = Term(Fraction(1), ((e.args[1], -1),))
        above = _terms(e.args[0], taken)
        if len(above) > 1 and not _hides_delta(e.args[0]):  # a bracket stays closed
            above = [Term(Fraction(1), ((e.args[0], 1),))]
        return [t.times(inverse) for t in above]
    if e.function in ("pow", "square"):
        exponent = Number(2) if e.function == "square" else e.args[1]
        if isinstance(exponent, Number) and isinstance(exponent.value, int):
            inner = _terms(e.args[0], taken)
            if len(inner) == 1 and not (inner[0].sums or inner[0].deltas or inner[0].guards):
                one = inner[0]
                return [Term(one.number ** exponent.value,
                             tuple((b, k * exponent.value) for b, k in one.factors))]
            return [Term(Fraction(1), ((e.args[0], exponent.value),))]
    return [Term(Fraction(1), ((e, 1),))]


def _minus(t: Term) -> Term:
    return replace(t, number=-t.number)


def _product(a: list[Term], b: list[Term], e: Apply, taken: set[str]) -> list[Term]:
    """A product; brackets that hide no delta stay closed."""
    parts = []
    for side, found in zip(e.args, (a, b), strict=True):
        closed = len(found) > 1 and not _hides_delta(side)
        parts.append([Term(Fraction(1), ((side, 1),))] if closed else found)
    result = []
    for left in parts[0]:
        for right in parts[1]:
            result.append(left.times(_apart(right, {r.name for r in left.sums} | left.names())))
    return result


def _hides_delta(e: Expr) -> bool:
    return any(isinstance(node, Delta) for node in walk(e))


def _summed(e: Reduce, taken: set[str]) -> list[Term]:
    renamed: dict[str, Integer] = {}
    ranges = []
    for r in e.indices:
        name = r.name if r.name not in taken else letter(taken)
        taken.add(name)
        renamed[r.name] = index(name)
        ranges.append(Range(name, r.size))
    body = replaced(e.body, renamed)
    guard = None if e.condition is None else replaced(e.condition, renamed)
    inner = _terms(body, taken)
    if len(inner) > 1 and not _hides_delta(body):  # a sum of a bracket keeps the bracket
        inner = [Term(Fraction(1), ((body, 1),))]
    found = []
    for t in inner:
        if guard is not None:
            t = replace(t, guards=(*t.guards, guard))
        found.append(replace(t, sums=(*ranges, *t.sums)))
    return found


def _apart(t: Term, taken: set[str]) -> Term:
    """A term whose summed indices are called like nothing in `taken`."""
    clash = [r for r in t.sums if r.name in taken]
    if not clash:
        return t
    used = taken | t.names()
    places: dict[str, Integer] = {}
    sums = []
    for r in t.sums:
        name = letter(used) if r.name in taken else r.name
        used.add(name)
        places[r.name] = index(name)
        sums.append(Range(name, r.size))
    return replace(t.at(places), sums=tuple(sums))


# --- moves ----------------------------------------------------------------------------------------


def contracted(t: Term, sizes: Mapping[str, Integer]) -> Term | None:
    """The term with one delta gone that picks an index out of a sum; None where there is none.

    `sizes` are the ranges of the free indices, and of labels under @ and their name: the sum has to
    reach as far as the index that it is to be picked at.
    """
    reach = {**sizes, **{r.name: r.size for r in t.sums if r.size is not None}}
    for k, d in enumerate(t.deltas):
        if d.left == d.right:
            return replace(t, deltas=t.deltas[:k] + t.deltas[k + 1 :])
        for one, other in ((d.left, d.right), (d.right, d.left)):
            summed = next((r for r in t.sums if r.name == one.plain), None)
            if summed is None or not _covers(summed, other, reach):
                continue
            return _without(t, k, summed, other)
    return None


def solved(t: Term, sizes: Mapping[str, Integer] | None = None) -> Term | None:
    """The term with one delta on compound subscripts gone; None where there is none.

    δ(i + k - 1, m) in a sum over i says that i is m - k + 1, where that is an index at all: the
    term gets the guard 0 <= m - k + 1 < I, but for what always holds. `sizes` are the ranges of the
    free indices.
    """
    ranges = {**(sizes or {}), **{r.name: r.size for r in t.sums if r.size is not None}}
    for k, d in enumerate(t.deltas):
        difference = d.left - d.right
        for summed in t.sums:
            one = Index(summed.name)
            factor = difference.coefficient(one).constant
            rest = difference.without(one)
            if factor not in (1, -1) or summed.name in rest.indices() or summed.size is None:
                continue
            place = in_order(-rest if factor == 1 else rest)
            guard = Apply("and", (Apply("le", (Number(0), IndexValue(place))),
                                  Apply("lt", (IndexValue(place), as_value(summed.size)))))
            found = _without(t, k, summed, place)
            needed = undecided([guard], ranges)
            if needed is None:  # no cell is ever there
                return Term(Fraction(0))
            return replace(found, guards=(*found.guards, *needed))
    return None


def _without(t: Term, k: int, summed: Range, place: Integer) -> Term:
    """The term without a delta and the sum that it picks from."""
    rest = replace(t, deltas=t.deltas[:k] + t.deltas[k + 1 :],
                   sums=tuple(r for r in t.sums if r is not summed))
    return rest.at({summed.name: place})


def _covers(summed: Range, other: Integer, reach: Mapping[str, Integer]) -> bool:
    """Whether every value of an index, or of a label, is one of the summed index too."""
    name = other.plain
    atoms = list(other.atoms())
    if name is None and len(atoms) == 1 and isinstance(atoms[0], Read) and other.coefficient(
            atoms[0]) == 1 and len(other.terms) == 1:
        name = f"@{atoms[0].ref.tensor}"  # labels are checked when they are given
    size = None if name is None else reach.get(name)
    return size is not None and summed.size is not None and (
        size == summed.size or at_most(size, summed.size) is True)


def cancelled(t: Term) -> Term:
    """The term with equal factors merged, however they are written, and those to the power 0 gone.

    Roots squared are taken out; what stands over its own root is one root less.
    """
    found: dict[str, tuple[Expr, Fraction, Fraction, int]] = {}
    number = t.number
    for base, exponent in t.factors:
        if isinstance(base, Apply) and base.function == "sqrt" and exponent % 2 == 0:
            base, exponent = base.args[0], exponent // 2
        if isinstance(base, Number) and isinstance(base.value, int | Fraction) and base.value:
            number *= Fraction(base.value) ** exponent
            continue
        scale, text, power_of = factor_key(base)
        before = found.get(text)
        if before is None or not (scale and before[1]):
            own = text if before is None else f"{text}#{len(found)}"
            found[own] = (base, scale, power_of, exponent)
            continue
        times = power_of / before[2] * exponent  # exp(-u) is exp(u) to the power -1
        if times.denominator != 1 or abs(scale / before[1]) != 1:
            found[f"{text}#{len(found)}"] = (base, scale, power_of, exponent)
            continue
        number *= (scale / before[1]) ** exponent
        found[text] = (*before[:3], before[3] + int(times))
    factors = [(base, k) for base, _, _, k in found.values() if k]
    return replace(t, number=number, factors=tuple(_unrooted(factors)))


def _unrooted(factors: list[tuple[Expr, int]]) -> list[tuple[Expr, int]]:
    """sqrt(u)/u as 1/sqrt(u), and u/sqrt(u) as sqrt(u)."""
    roots = [b for b, _ in factors if isinstance(b, Apply) and b.function == "sqrt"]
    table = dict(factors)
    for root in roots:
        inside = root.args[0]
        if table.get(inside, 0) * table[root] < 0:
            table[root] += 2 * table.pop(inside)
            if table[root] % 2 == 0:
                table[inside] = table.pop(root) // 2
    return list(table.items())


def collected(terms: Sequence[Term]) -> list[Term]:
    """Like terms added up, those that cancel gone; the first of each kind keeps its place.

    A bracket that stands alone is opened where something in it meets its like.
    """
    together = _merged(terms)
    opened = [inner for t in together for inner in _alone(t)]
    if len(opened) == len(together) or len(together) == 1:
        return together
    merged = _merged(opened)
    return merged if len(merged) < len(opened) else together


def _alone(t: Term) -> list[Term]:
    """The terms of a bracket that is the only factor; else the term itself."""
    if len(t.factors) == 1 and t.factors[0][1] == 1 and not (t.sums or t.guards or t.deltas):
        base = t.factors[0][0]
        if isinstance(base, Apply) and base.function in ("add", "sub"):
            return [replace(inner, number=inner.number * t.number)
                    for inner in terms_of(base, t.names())]
    return [t]


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Terms of one key added up."""
    found: dict[str, tuple[Term, Fraction]] = {}
    for t in terms:
        scale, key = term_key(t.factors, t.deltas, t.sums, t.guards)
        if not scale:
            continue
        if key in found:
            before, own = found[key]
            found[key] = (replace(before, number=before.number + t.number * scale / own), own)
        else:
            found[key] = (t, scale)
    return [t for t, _ in found.values() if t.number]


def level(e: Expr) -> Expr:
    """An expression whose products and sums are bracketed from the left: as it is printed."""
    parts = children(e)
    e = rebuild(e, tuple(map(level, parts))) if parts else e
    while isinstance(e, Apply) and e.function in ("add", "mul"):
        first, second = e.args
        if not (isinstance(second, Apply) and second.function == e.function):
            break
        e = Apply(e.function, (level(Apply(e.function, (first, second.args[0]))), second.args[1]))
    return e


def canonical(e: Expr) -> Expr:
    """An expression whose own summed indices have names by their depth."""
    return _renamed(e, 0)


def _renamed(e: Expr, depth: int) -> Expr:
    if isinstance(e, Reduce):
        places = {r.name: index(f"%{depth + k}") for k, r in enumerate(e.indices)}
        ranges = tuple(Range(f"%{depth + k}", r.size) for k, r in enumerate(e.indices))
        inner = depth + len(e.indices)
        condition = None if e.condition is None else _renamed(
            at_indices(e.condition, places), inner)
        return Reduce(e.op, ranges, condition, _renamed(at_indices(e.body, places), inner))
    parts = children(e)
    return rebuild(e, tuple(_renamed(part, depth) for part in parts)) if parts else e


# --- back to expressions --------------------------------------------------------------------------


def written(terms: Sequence[Term], pulled: bool = True) -> Expr:
    """The terms as an expression, positive ones first where one is.

    With `pulled` what does not depend on a summed index stands in front of the sum.
    """
    ordered = [*(t for t in terms if t.number > 0), *(t for t in terms if t.number < 0)]
    total: Expr | None = None
    for t in ordered:
        positive = term_written(replace(t, number=abs(t.number)), pulled)
        if total is None:
            total = positive if t.number > 0 else neg(positive)
        else:
            total = add(total, positive) if t.number > 0 else sub(total, positive)
    return total if total is not None else Number(0)


def term_written(t: Term, pulled: bool = True) -> Expr:
    """One term: its number, what is constant, then a sum for each group of linked indices."""
    summed = {r.name for r in t.sums}
    if not pulled:
        body = _times(t.number, t.factors, t.deltas)
        return Reduce("sum", t.sums, _all(t.guards), body) if t.sums else _guarded(
            body, t.guards)
    outside = [(b, k) for b, k in t.factors if not summed & set(free_indices(b))]
    deltas = tuple(d for d in t.deltas if not summed & set(free_indices(d)))
    inside = [(b, k) for b, k in t.factors if summed & set(free_indices(b))]
    rest = tuple(d for d in t.deltas if summed & set(free_indices(d)))
    number, free = t.number, [r for r in t.sums]
    guards = [g for g in t.guards if summed & set(free_indices(g))]
    always = [g for g in t.guards if not summed & set(free_indices(g))]
    parts: list[Expr] = []
    while free:
        group, factors, own, mine = _linked(free[0].name, free, inside, rest, guards)
        ranges = tuple(r for r in free if r.name in group)
        free = [r for r in free if r.name not in group]
        if factors or own or mine:
            parts.append(Reduce("sum", ranges, _all(mine), _times(Fraction(1), factors, own)))
        else:
            size = product(iter([r.size for r in ranges if r.size is not None]))
            cells = size.constant
            if cells is not None:
                number *= cells
            else:
                outside = [(IndexValue(size), 1), *outside]
    result = _times(number, outside, deltas)
    for part in parts:
        result = part if result == ONE else mul(result, part)
    return _guarded(result, always)


def _all(guards: Sequence[Expr]) -> Expr | None:
    """All conditions together."""
    result: Expr | None = None
    for guard in guards:
        result = both(result, guard)
    return result


def _guarded(e: Expr, guards: Sequence[Expr]) -> Expr:
    condition = _all(guards)
    return e if condition is None else Select(condition, e, Number(0))


def _linked(
    name: str, free: Sequence[Range], inside: Sequence[tuple[Expr, int]],
    deltas: Sequence[Delta], guards: Sequence[Expr],
) -> tuple[set[str], list[tuple[Expr, int]], list[Delta], list[Expr]]:
    """The summed indices that factors tie to this one, and those factors."""
    summed = {r.name for r in free}
    group = {name}
    while True:
        wider = set(group)
        for e in (*(b for b, _ in inside), *deltas, *guards):
            own = summed & set(free_indices(e))
            if own & group:
                wider |= own
        if wider == group:
            break
        group = wider
    return (group, [(b, k) for b, k in inside if group & set(free_indices(b))],
            [d for d in deltas if group & set(free_indices(d))],
            [g for g in guards if group & set(free_indices(g))])


def _times(
    number: Fraction, factors: Sequence[tuple[Expr, int]], deltas: Sequence[Delta]
) -> Expr:
    """A product: the number, the factors, the deltas; negative exponents below a line."""
    above: Expr = exact(Fraction(number.numerator))
    below: Expr = exact(Fraction(number.denominator))
    for base, exponent in factors:
        if exponent > 0:
            above = mul(above, power(base, Number(exponent)))
        else:
            below = mul(below, power(base, Number(-exponent)))
    for d in deltas:
        above = mul(above, d)
    return div(above, below)
