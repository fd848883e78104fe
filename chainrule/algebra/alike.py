"""When two expressions are alike: a text that is the same for both.

    tanh(a*b - c)   and   tanh(-c + b*a)
    sum(i) x[i]*sum(j) y[j]*2   and   2*(sum(k, l) y[k]*x[l])
    exp(x)*exp(-y)   and   exp(x - y)

`key` writes an expression as a sum of products whose parts stand in an order of their own, with
summed indices named by what they do. Equal texts mean equal values; different ones say nothing.
Brackets stay closed, so that it is quick. A derivation uses it to see like terms and factors that
cancel, however they were written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from chainrule.algebra.guards import conjuncts
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
    free_indices,
)
from chainrule.lang.functions import TURNED
from chainrule.lang.integers import Floor, Index, Integer

_LEAVES: Final = 120  # ways to name indices that look alike which are tried
_WHOLE: Final = frozenset({"?", "="})
_EITHER_WAY: Final = frozenset({"max", "min", "and", "or", "eq", "ne"})

Names = Mapping[str, str]
Product = tuple[tuple[str, Fraction], ...]  # the texts of factors with their exponents, in order


def key(e: Expr) -> str:
    """A text that only expressions of equal value have in common; free indices keep their names.

    >>> from chainrule.lang.parse import parse_expression as read
    >>> key(read("(a - b)^2*tanh(a*b)")) == key(read("tanh(b*a)*(b - a)*(b - a)"))
    True
    >>> key(read("sum(i<3, j<4) x[i]*y[j]")) == key(read("sum(p<4, q<3) y[p]*x[q]"))
    True
    """
    return _remembered(e)


@lru_cache(maxsize=20_000)
def _remembered(e: Expr) -> str:
    return _key(e, {})


@lru_cache(maxsize=20_000)
def factor_key(e: Expr) -> tuple[Fraction, str, Fraction]:
    """An expression as number * base ** exponent, the base as a text; the number may be 0.

    >>> from chainrule.lang.parse import parse_expression as read
    >>> factor_key(read("b - a")) == (-1, *factor_key(read("a - b"))[1:])
    True
    """
    number, factors = _product(e, {})
    ordered = _ordered(factors)
    if len(ordered) == 1:
        return (number, *ordered[0])
    return number, _written(ordered), Fraction(1)


def term_key(
    factors: Sequence[tuple[Expr, int]], deltas: Sequence[Delta], sums: Sequence[Range],
    guards: Sequence[Expr],
) -> tuple[Fraction, str]:
    """A number and a text for a product under a sum; terms are alike whose texts are equal."""
    own = {r.name for r in sums}
    number = Fraction(1)
    outside: dict[str, Fraction] = {}
    inside: list[tuple[Expr, str]] = []
    for base, k in factors:
        if own & set(free_indices(base)):
            inside.append((base, str(k)))
            continue
        scale, parts = _product(base, {})
        if not scale:
            return Fraction(0), ""
        number *= scale ** k
        for text, j in parts.items():
            outside[text] = outside.get(text, Fraction(0)) + k * j
    for d in deltas:
        if own & set(free_indices(d)):
            inside.append((d, "1"))
        else:
            outside[_atom(d, {})] = Fraction(1)
    always = []
    for g in (c for guard in guards for c in conjuncts(guard)):
        if own & set(free_indices(g)):
            inside.append((g, "?"))
        else:
            always.append(_key(g, {}))
    scale, summed = labelled(inside, sums, {}) if sums else (Fraction(1), "")
    number *= scale
    return number, f"{'&'.join(sorted(always))}?{_written(_ordered(outside))}sum{summed}"


def _key(e: Expr, names: Names) -> str:
    return _total(_sum(e, names))


def _total(terms: Mapping[Product, Fraction]) -> str:
    if not terms:
        return "0"
    return "+".join(sorted(f"{c}{_written(p)}" for p, c in terms.items()))


def _written(p: Product) -> str:
    return "".join(f"*{base}" if k == 1 else f"*{base}^{k}" for base, k in p)


def _sum(e: Expr, names: Names) -> dict[Product, Fraction]:
    """The terms of a sum, like ones added up."""
    found: dict[Product, Fraction] = {}
    pending = [(e, Fraction(1))]
    while pending:
        part, sign = pending.pop()
        if isinstance(part, Apply) and part.function in ("add", "sub", "neg"):
            pending.append((part.args[0], -sign if part.function == "neg" else sign))
            if part.function != "neg":
                pending.append((part.args[1], -sign if part.function == "sub" else sign))
            continue
        number, factors = _product(part, names)
        p = _ordered(factors)
        found[p] = found.get(p, Fraction(0)) + sign * number
    return {p: c for p, c in found.items() if c}


def _ordered(factors: Mapping[str, Fraction]) -> Product:
    return tuple(sorted((base, k) for base, k in factors.items() if k))


def _product(e: Expr, names: Names) -> tuple[Fraction, dict[str, Fraction]]:
    """A product as a number and its factors with their exponents."""
    if isinstance(e, Number) and not isinstance(e.value, float):
        return Fraction(e.value), {}
    if isinstance(e, Apply):
        if e.function in ("mul", "div"):
            sign = 1 if e.function == "mul" else -1
            return _times(_product(e.args[0], names), _product(e.args[1], names), sign)
        whole = _whole_power(e)
        if whole is not None:
            number, factors = _product(e.args[0], names)
            if number or whole > 0:
                return number ** whole, {base: k * whole for base, k in factors.items()}
        if e.function in ("add", "sub", "neg"):
            return _bracket(_sum(e, names))
        if e.function == "exp":
            return _exponential(_sum(e.args[0], names))
    if isinstance(e, Reduce) and e.op == "sum":
        return _summed(e, names)
    return Fraction(1), {_atom(e, names): Fraction(1)}


def _times(
    a: tuple[Fraction, dict[str, Fraction]], b: tuple[Fraction, dict[str, Fraction]], sign: int
) -> tuple[Fraction, dict[str, Fraction]]:
    """a * b, or a / b; a division by nothing stays as it is."""
    if sign < 0 and not b[0]:
        return a[0], {**a[1], "0": a[1].get("0", Fraction(0)) - 1}
    factors = dict(a[1])
    for base, k in b[1].items():
        factors[base] = factors.get(base, Fraction(0)) + sign * k
    return a[0] * b[0] ** sign, factors


def _whole_power(e: Apply) -> int | None:
    if e.function == "square":
        return 2
    if e.function == "pow" and isinstance(e.args[1], Number) and isinstance(e.args[1].value, int):
        return e.args[1].value
    return None


def _bracket(terms: Mapping[Product, Fraction]) -> tuple[Fraction, dict[str, Fraction]]:
    """A bracket as one factor, so scaled that a - b and 2*b - 2*a are the same one."""
    if not terms:
        return Fraction(0), {}
    first = min(terms)
    number = terms[first]
    if len(terms) == 1:
        return number, dict(first)
    scaled = {p: c / number for p, c in terms.items()}
    return number, {f"({_total(scaled)})": Fraction(1)}


def _exponential(terms: Mapping[Product, Fraction]) -> tuple[Fraction, dict[str, Fraction]]:
    """exp(2*a - b) is exp(a)^2*exp(b)^-1."""
    return Fraction(1), {f"exp<{_written(p)}>": c for p, c in terms.items()}


def _atom(e: Expr, names: Names) -> str:
    """What is no sum and no product."""
    if isinstance(e, Number):
        return repr(e.value)
    if isinstance(e, Ref):
        inside = ",".join(_integer(s, names) for s in e.subscripts)
        return f"{e.tensor}[{inside}]" + ("" if e.outside is None else f"!{e.outside}")
    if isinstance(e, IndexValue):
        return f"<{_integer(e.value, names)}>"
    if isinstance(e, Delta):
        return f"δ<{min(_integer(d, names) for d in (e.left - e.right, e.right - e.left))}>"
    if isinstance(e, Apply):
        function = TURNED.get(e.function, e.function)
        args = [_key(a, names) for a in e.args]
        if function != e.function:
            args.reverse()
        elif function in _EITHER_WAY:
            args.sort()
        return f"{function}({';'.join(args)})"
    if isinstance(e, Select):
        return f"if({';'.join(_key(p, names) for p in (e.condition, e.then, e.otherwise))})"
    if isinstance(e, Reduce):
        factors = [(e.body, "=")]
        if e.condition is not None:
            factors += [(c, "?") for c in conjuncts(e.condition)]
        return f"{e.op}{labelled(factors, e.indices, names)[1]}"
    if isinstance(e, ArgReduce):  # ties are broken by the order of the indices
        own = {**names, **{r.name: f"{_depth(names)}.{k}" for k, r in enumerate(e.indices)}}
        sizes = ",".join(str(r.size) for r in e.indices)
        condition = "" if e.condition is None else _key(e.condition, own)
        return f"arg{e.op}({sizes};{own.get(e.which)};{condition};{_key(e.body, own)})"
    return repr(e)


def _summed(e: Reduce, names: Names) -> tuple[Fraction, dict[str, Fraction]]:
    """A sum: its number in front, sums right inside it taken into one, indices by what they do."""
    ranges, guards, body = list(e.indices), [], e.body
    if e.condition is not None:
        guards = conjuncts(e.condition)
    own = {r.name for r in ranges}
    while isinstance(body, Reduce) and body.op == "sum" and not own & {
            r.name for r in body.indices}:
        ranges += body.indices
        own |= {r.name for r in body.indices}
        guards += [] if body.condition is None else conjuncts(body.condition)
        body = body.body
    number, parts = _factors(body)
    outside: dict[str, Fraction] = {}
    inside: list[tuple[Expr, str]] = [(g, "?") for g in guards]
    for base, k in parts:
        if own & set(free_indices(base)):
            inside.append((base, str(k)))
            continue
        scale, factors = _product(base, names)
        number *= scale ** k
        for text, j in factors.items():
            outside[text] = outside.get(text, Fraction(0)) + k * j
    scale, summed = labelled(inside, ranges, names)
    number *= scale
    text = f"sum{summed}"
    outside[text] = outside.get(text, Fraction(0)) + 1
    return number, outside


def _factors(e: Expr) -> tuple[Fraction, list[tuple[Expr, int]]]:
    """The factors of a body as they stand, and its number."""
    number, found = Fraction(1), []
    pending: list[tuple[Expr, int]] = [(e, 1)]
    while pending:
        part, k = pending.pop()
        whole = _whole_power(part) if isinstance(part, Apply) else None
        if isinstance(part, Number) and not isinstance(part.value, float) and part.value:
            number *= Fraction(part.value) ** k
        elif isinstance(part, Apply) and part.function == "neg":
            number *= (-1) ** k
            pending.append((part.args[0], k))
        elif isinstance(part, Apply) and part.function in ("mul", "div"):
            pending.append((part.args[0], k))
            pending.append((part.args[1], k if part.function == "mul" else -k))
        elif whole is not None and isinstance(part, Apply):
            pending.append((part.args[0], k * whole))
        else:
            found.append((part, k))
    return number, found


# --- summed indices -------------------------------------------------------------------------------


def _depth(names: Names) -> int:
    """How many sums stand around."""
    return sum(1 for n in names.values() if n.endswith(".0"))


def labelled(
    parts: Sequence[tuple[Expr, str]], ranges: Sequence[Range], names: Names
) -> tuple[Fraction, str]:
    """Factors under a sum as a number and a text, with its indices named by what they do.

    Each comes with a mark: its exponent, or what stands for a part that has no number to give.

    An index is known by the factors that it stands in, in which the others are known by what they
    look like so far. Of those that look alike each is tried in the first place, unless exchanging
    it with another that was tried changes nothing.
    """
    own = [r.name for r in ranges]
    level = f"{_depth(names)}"
    places = [(e, mark, set(free_indices(e)) & set(own)) for e, mark in parts]
    sizes = {r.name: str(r.size) for r in ranges}
    budget = [_LEAVES]

    def text(labels: Mapping[str, str]) -> tuple[Fraction, str]:
        table = {**names, **labels}
        found = [(mark, *_marked(e, mark, table)) for e, mark, _ in places]
        number = Fraction(1)
        for mark, scale, _ in found:
            if scale != 1:
                number *= scale ** int(mark)
        inner = sorted(f"{mark}{body}" for mark, _, body in found)
        bounds = sorted(f"{labels[n]}<{sizes[n]}" for n in own)
        return number, f"[{','.join(bounds)}|{';'.join(inner)}]"

    def best(colours: dict[str, int]) -> tuple[Fraction, str]:
        colours = _refined(colours, places, names)
        classes: dict[int, list[str]] = {}
        for name in own:
            classes.setdefault(colours[name], []).append(name)
        open_class = next((c for _, c in sorted(classes.items()) if len(c) > 1), None)
        if open_class is None:
            budget[0] -= 1
            return text({n: f"{level}.{c}" for n, c in colours.items()})
        found: list[tuple[Fraction, str]] = []
        tried: list[str] = []
        for name in open_class:
            if (found and budget[0] <= 0) or any(
                    _twins(name, other, colours, text, level) for other in tried):
                continue
            tried.append(name)
            apart = {n: 2 * c + (1 if c == colours[name] and n != name else 0)
                     for n, c in colours.items()}
            found.append(best(apart))
        return min(found, key=lambda f: (f[1], f[0]))

    order = {size: k for k, size in enumerate(sorted(set(sizes.values())))}
    return best({n: order[sizes[n]] for n in own})


def _marked(e: Expr, mark: str, names: Names) -> tuple[Fraction, str]:
    """The number in a factor, and its text without; a condition, and what is 0, stay whole."""
    if mark in _WHOLE:
        return Fraction(1), _key(e, names)
    number, factors = _product(e, names)
    return (number, _written(_ordered(factors))) if number else (Fraction(1), _key(e, names))


def _twins(
    a: str, b: str, colours: Mapping[str, int], text: object, level: str
) -> bool:
    """Whether exchanging two indices changes nothing."""
    labels = {n: f"{level}.{c}:{n}" for n, c in colours.items()}
    swapped = {**labels, a: labels[b], b: labels[a]}
    assert callable(text)
    return bool(text(labels) == text(swapped))


def _refined(
    colours: dict[str, int], places: Sequence[tuple[Expr, str, set[str]]], names: Names
) -> dict[str, int]:
    """Colours told apart by the factors in which an index stands, until nothing changes."""
    for _ in colours:
        if len(set(colours.values())) == len(colours):
            break
        seen: dict[str, list[str]] = {n: [] for n in colours}
        for e, mark, inside in places:
            for name in inside:
                others = {n: f"~{colours[n]}" for n in inside}
                table = {**names, **others, name: f"@{colours[name]}"}
                seen[name].append(mark + _marked(e, mark, table)[1])
        looks = {n: (colours[n], sorted(seen[n])) for n in colours}
        ranks = sorted({(c, tuple(s)) for c, s in looks.values()})
        new = {n: ranks.index((c, tuple(s))) for n, (c, s) in looks.items()}
        if len(set(new.values())) == len(set(colours.values())):
            return new
        colours = new
    ranked = sorted(set(colours.values()))
    return {n: ranked.index(c) for n, c in colours.items()}


def _integer(p: Integer, names: Names) -> str:
    """A subscript's terms in an order of their own."""
    if p.plain is not None:
        return names.get(p.plain, p.plain)
    parts = []
    for monomial, c in p.terms:
        atoms = []
        for a in monomial:
            if isinstance(a, Index):
                atoms.append(names.get(a.name, a.name))
            elif isinstance(a, Read):
                atoms.append("@" + _atom(a.ref, names))
            elif isinstance(a, Floor):
                atoms.append(f"({_integer(a.numerator, names)}//{_integer(a.denominator, names)})")
            else:
                atoms.append(f"'{a}")
        parts.append("*".join([str(c), *sorted(atoms)]))
    return "+".join(sorted(parts)) or "0"
