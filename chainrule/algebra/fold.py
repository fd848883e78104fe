"""Definitions folded back: exp(z[k])/sum(j) exp(z[j]) is p[k] again, σ(z[u]) is y[u].

A definition that is one product of factors is looked for among the factors of a term, its indices
standing for any indices. So a derivative comes out in the quantities that the forward pass knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from chainrule.algebra.terms import Term, cancelled, replaced, terms_of, written
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import (
    Apply,
    Delta,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
    free_indices,
    transform,
    walk,
)
from chainrule.lang.integers import Index, Integer, index
from chainrule.lang.program import Equation


@dataclass(frozen=True, slots=True)
class Definition:
    """`name[indices] = number * factors`, where each index is a variable of its own."""

    name: str
    indices: tuple[str, ...]
    sizes: tuple[Integer, ...]
    term: Term

    def reaches(self, found: Mapping[str, Integer], sizes: Mapping[str, Integer]) -> bool:
        """Whether the name has the cell that its indices are to stand for."""
        for name, own in zip(self.indices, self.sizes, strict=True):
            value = found.get(name)
            if value is None or value.plain is None:
                return False
            size = sizes.get(value.plain)
            if size is None or not (size == own or at_most(size, own)):
                return False
        return True


def definition(e: Equation) -> Definition | None:
    """An equation as a definition to fold; None if it is no single product of functions."""
    if e.accumulate or not e.plain:
        return None
    terms = terms_of(e.body)
    if len(terms) != 1 or terms[0].sums or terms[0].deltas or terms[0].guards or (
            terms[0].number != 1):
        return None
    term = cancelled(terms[0])
    names_only = all(isinstance(base, Ref) for base, _ in term.factors)
    if names_only and (len(term.factors) < 2 or all(k > 0 for _, k in term.factors)):
        return None  # a product of names reads as well as its own name; a quotient less so
    own = {r.name: r.size for r in e.ranges if r.size is not None}
    names = tuple(s.plain or "" for s in e.subscripts)
    if any(n not in own for n in names):
        return None
    return Definition(e.target, names, tuple(own[n] for n in names), term)


def _within(
    e: Expr, definitions: Sequence[Definition], sizes: Mapping[str, Integer]
) -> Expr:
    """An expression with definitions put back inside its brackets."""

    def leaf(node: Expr) -> Expr | None:
        for d in definitions:
            if len(d.term.factors) == 1 and d.term.factors[0][1] == 1:
                found = unified(d.term.factors[0][0], node, {}, frozenset(d.indices))
                if found is not None and d.reaches(found, {**sizes, **_bound(e)}):
                    return Ref(d.name, tuple(found[i] for i in d.indices))
        return None

    return transform(e, leaf)


def _bound(e: Expr) -> dict[str, Integer]:
    """The ranges of the indices that an expression sums over."""
    return {r.name: r.size for node in walk(e) if isinstance(node, Reduce)
            for r in node.indices if r.size is not None}


def folded(
    t: Term, definitions: Sequence[Definition], sizes: Mapping[str, Integer]
) -> Term:
    """A term with definitions put back as long as one is found, the longest first.

    `sizes` are the ranges of its free indices.
    """
    sizes = {**sizes, **{r.name: r.size for r in t.sums if r.size is not None}}
    inside: dict[Expr, int] = {}
    for base, exponent in t.factors:
        short = _within(base, definitions, sizes)
        inside[short] = inside.get(short, 0) + exponent
    t = replace(t, factors=tuple(inside.items()))
    ordered = sorted(definitions, key=lambda d: -len(d.term.factors))
    changed = True
    while changed:
        changed = False
        for d in ordered:
            new = _fold_once(t, d, sizes)
            if new is not None:
                t, changed = new, True
                break
    return t


def _fold_once(t: Term, d: Definition, sizes: Mapping[str, Integer]) -> Term | None:
    first, exponent = d.term.factors[0]
    for base, own in t.factors:
        if own * exponent <= 0:
            continue
        found = unified(first, base, {}, frozenset(d.indices))
        if found is None:
            continue
        table = dict(t.factors)
        if _taken(table, d, found) and d.reaches(found, sizes):
            places = tuple(found[i] for i in d.indices)
            name = Ref(d.name, places)
            table[name] = table.get(name, 0) + 1
            return cancelled(replace(t, factors=tuple(table.items())))
    return None


def _taken(table: dict[Expr, int], d: Definition, found: dict[str, Integer]) -> bool:
    """Whether all the definition's factors are there; they are taken out then."""
    for pattern, exponent in d.term.factors:
        for base in list(table):
            trial = unified(pattern, base, dict(found), frozenset(d.indices))
            if trial is not None and table[base] * exponent > 0 and (
                    abs(table[base]) >= abs(exponent)):
                found.update(trial)
                table[base] -= exponent
                break
        else:
            return False
    return all(i in found for i in d.indices)


def unified(
    pattern: Expr, e: Expr, found: dict[str, Integer], variables: frozenset[str]
) -> dict[str, Integer] | None:
    """What the pattern's variables stand for if it is to equal the expression; None if it cannot.

    >>> i, k = index("i"), index("k")
    >>> unified(Ref("z", (i,)), Ref("z", (k,)), {}, frozenset("i"))
    {'i': Integer(k)}
    """
    if type(pattern) is not type(e):
        return None
    if isinstance(pattern, Ref) and isinstance(e, Ref):
        if pattern.tensor != e.tensor or pattern.outside != e.outside:
            return None
        return _all_integers(pattern.subscripts, e.subscripts, found, variables)
    if isinstance(pattern, IndexValue) and isinstance(e, IndexValue):
        return _all_integers((pattern.value,), (e.value,), found, variables)
    if isinstance(pattern, Delta) and isinstance(e, Delta):
        return _all_integers((pattern.left, pattern.right), (e.left, e.right), found, variables)
    if isinstance(pattern, Number):
        return found if pattern == e else None
    if isinstance(pattern, Apply) and isinstance(e, Apply):
        if pattern.function != e.function:
            return None
        return _all(pattern.args, e.args, found, variables)
    if isinstance(pattern, Select) and isinstance(e, Select):
        return _all((pattern.condition, pattern.then, pattern.otherwise),
                    (e.condition, e.then, e.otherwise), found, variables)
    if isinstance(pattern, Reduce) and isinstance(e, Reduce):
        return _reduced(pattern, e, found, variables)
    return found if pattern == e else None


def _all(
    patterns: Sequence[Expr], parts: Sequence[Expr], found: dict[str, Integer],
    variables: frozenset[str],
) -> dict[str, Integer] | None:
    result: dict[str, Integer] | None = found
    for pattern, part in zip(patterns, parts, strict=True):
        if result is None:
            return None
        result = unified(pattern, part, result, variables)
    return result


def _reduced(
    pattern: Reduce, e: Reduce, found: dict[str, Integer], variables: frozenset[str]
) -> dict[str, Integer] | None:
    same = pattern.op == e.op and len(pattern.indices) == len(e.indices) and (
        (pattern.condition is None) == (e.condition is None))
    if not same or [r.size for r in pattern.indices] != [r.size for r in e.indices]:
        return None
    places = {b.name: index(a.name) for a, b in zip(pattern.indices, e.indices, strict=True)}
    result: dict[str, Integer] | None = found
    inner = variables - {r.name for r in pattern.indices}
    if pattern.condition is not None and e.condition is not None:
        result = unified(pattern.condition, replaced(e.condition, places), found, inner)
    return None if result is None else unified(
        pattern.body, replaced(e.body, places), result, inner)


def _all_integers(
    patterns: Sequence[Integer], values: Sequence[Integer], found: dict[str, Integer],
    variables: frozenset[str],
) -> dict[str, Integer] | None:
    if len(patterns) != len(values):
        return None
    result = dict(found)
    for pattern, value in zip(patterns, values, strict=True):
        name = pattern.plain
        if name is not None and name in variables:
            if result.setdefault(name, value) != value:
                return None
            continue
        free = [n for n in pattern.indices() if n in variables and n not in result]
        known_part = pattern.substitute(lambda a: result.get(getattr(a, "name", "")))
        if len(free) == 1:  # U + u is to be U + v: so u is v
            one = Index(free[0])
            if known_part.coefficient(one) == 1:
                result[free[0]] = value - known_part.without(one)
                continue
        if known_part != value:
            return None
    return result


@dataclass(frozen=True, slots=True)
class Given:
    """An assumption `left = right`, where `left` is a sum; its free indices stand for any."""

    left: Reduce
    right: Expr
    text: str


def assumed(t: Term, givens: Sequence[Given]) -> tuple[Term, Given] | None:
    """The term with one sum replaced by what an assumption says it is; None if none applies."""
    summed = {r.name for r in t.sums}
    for given in givens:
        pattern = terms_of(given.left)
        if len(pattern) != 1:
            continue
        wanted = pattern[0]
        variables = frozenset(free_indices(given.left)) | {r.name for r in wanted.sums}
        for r in t.sums:
            own = [(b, k) for b, k in t.factors if r.name in free_indices(b)]
            if len(own) != len(wanted.factors) or len(wanted.sums) != 1 or any(
                    r.name in free_indices(d) for d in (*t.deltas, *t.guards)):
                continue
            found: dict[str, Integer] | None = {wanted.sums[0].name: index(r.name)}
            for (base, k), (pattern_base, j) in zip(own, wanted.factors, strict=True):
                if found is None or k != j:
                    found = None
                    break
                found = unified(pattern_base, base, found, variables)
            if found is None or any(set(v.indices()) & (summed - {r.name})
                                    for n, v in found.items() if n != wanted.sums[0].name):
                continue
            rest = replace(t, factors=tuple(f for f in t.factors if f not in own),
                           sums=tuple(s for s in t.sums if s is not r))
            right = terms_of(replaced(given.right, found))
            if len(right) == 1:
                return rest.times(right[0]), given
    return None


def common(terms: Sequence[Term]) -> tuple[Term, list[Term]]:
    """What all terms have as a factor, and what is left of each."""
    if len(terms) < 2 or any(t.guards for t in terms):
        return Term(Fraction(1)), list(terms)
    summed = {r.name for t in terms for r in t.sums}
    tables = [dict(t.factors) for t in terms]
    shared: dict[Expr, int] = {}
    for base, exponent in tables[0].items():
        others = [t.get(base, 0) for t in tables]
        least = min(others) if exponent > 0 else max(others)
        if least * exponent > 0 and not summed & set(free_indices(base)):
            shared[base] = least
    deltas = () if summed else tuple(
        d for d in terms[0].deltas if all(d in t.deltas for t in terms))
    numbers = {abs(t.number) for t in terms}
    number = numbers.pop() if len(numbers) == 1 else Fraction(1)
    if not shared and not deltas and number == 1:
        return Term(Fraction(1)), list(terms)
    rest = [cancelled(replace(
        t, number=t.number / number, factors=tuple((b, k - shared.get(b, 0)) for b, k in t.factors),
        deltas=tuple(d for d in t.deltas if d not in deltas))) for t in terms]
    return Term(number, tuple(shared.items()), deltas), rest


def gathered(terms: Sequence[Term]) -> list[Term]:
    """Terms with deltas that are summed over the same indices and share factors, as one sum."""
    groups: dict[object, list[Term]] = {}
    for t in terms:
        groups.setdefault((t.sums, t.guards) if t.sums and not t.guards else t, []).append(t)
    found: list[Term] = []
    for group in groups.values():
        shared, rest = common([replace(t, sums=(), guards=()) for t in group])
        if len(group) == 1 or not shared.factors or not any(t.deltas for t in group):
            found += group
        else:
            bracket = (written(rest), 1)
            found.append(replace(shared, factors=(bracket, *shared.factors), sums=group[0].sums))
    return found
