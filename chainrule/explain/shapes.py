"""Shapes worked: an output's size as the formula has it, then with its numbers.

    ⌊(H + 2·p - d·(K - 1) - 1)/s⌋ + 1  =  ⌊(224 + 2·3 - 1·(7 - 1) - 1)/2⌋ + 1  =  112

The formula is what inference found from the subscripts; here it is only put into the order in which
textbooks write it, and equal paddings in front and behind are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chainrule.document.mathtree import Fence, Fraction, Math, Num, Op, Row, row
from chainrule.document.notation import symbol
from chainrule.lang.integers import Atom, Floor, Integer, Monomial, Size, size
from chainrule.lang.program import Layer

Name = Callable[[str], Math]


@dataclass(frozen=True, slots=True)
class Worked:
    """One axis of an output: its formula, the same with numbers, and the result."""

    axes: tuple[int, ...]
    formula: Math
    numbers: Math
    result: Integer


def worked(layer: Layer, skip: int = 0) -> list[Worked]:
    """The axes of a layer's output whose size is no plain copy; equal ones together.

    Axes before `skip` (the batch) are left out.
    """
    sizes = dict(layer.sizes)
    found: list[Worked] = []
    met: dict[tuple[str, str], int] = {}
    for axis, p in enumerate(layer.shape):
        if axis < skip or _is_plain(p, sizes):
            continue
        joined = _paddings_joined(p, sizes)
        formula = integer(joined, symbol)
        numbers = integer(joined, lambda name: _value(sizes, name))
        result = p.substitute(lambda a: sizes.get(a.name) if isinstance(a, Size) else None)
        key = (_without_axes(str(joined)), repr(numbers))
        if key in met:
            before = found[met[key]]
            common = integer(joined, lambda name: symbol(_without_axes(name)))
            found[met[key]] = Worked((*before.axes, axis), common, numbers, result)
            continue
        met[key] = len(found)
        found.append(Worked((axis,), formula, numbers, result))
    return found


def _is_plain(p: Integer, sizes: Mapping[str, Integer]) -> bool:
    """Whether a size is a name, or a product with no more than one factor: nothing to work out."""
    if len(p.terms) != 1 or not all(isinstance(a, Size) for a in p.atoms()):
        return False
    return sum(sizes.get(a.name) != 1 for a in p.atoms() if isinstance(a, Size)) <= 1


def _without_axes(text: str) -> str:
    """A formula without what tells its axis from another: s_1 and s_2, H and W, K and L."""
    table = {"W": "H", "D": "H", "L": "K", "J": "K"}
    out = ""
    for k, c in enumerate(text):
        if c == "_" and text[k + 1 : k + 2].isdigit():
            continue
        if c.isdigit() and k and text[k - 1] == "_":
            continue
        alone = not text[k - 1 : k].isalnum() and not text[k + 1 : k + 2].isalnum()
        out += table.get(c, c) if alone else c
    return out


def _value(sizes: Mapping[str, Integer], name: str) -> Math:
    value = sizes.get(name)
    if value is None:
        return symbol(name)
    number = value.constant
    return Num(str(number)) if number is not None else Fence(integer(value, symbol))


def _paddings_joined(p: Integer, sizes: Mapping[str, Integer]) -> Integer:
    """p + q as 2·p where padding is the same in front and behind."""
    names = p.sizes()
    same: dict[str, Integer] = {}
    for name in names:
        if name.startswith("q"):
            before = "p" + name[1:]
            if before in names and sizes.get(name) == sizes.get(before):
                same[name] = size(before)
    return p.substitute(lambda a: same.get(a.name) if isinstance(a, Size) else None)


def integer(p: Integer, name: Name) -> Math:
    """A size as a textbook writes it; `name` writes each size."""
    table = dict(p.terms)
    brackets = {m: found for m, c in p.terms if (found := _bracket(m, c, table)) is not None}
    inside = {one for one, _ in brackets.values()}
    parts: list[tuple[int, Math]] = []
    constant = table.get((), 0)
    for monomial, c in sorted(p.terms, key=_rank):
        if monomial in brackets:
            one, other = brackets[monomial]
            less = Fence(row(_term((other,), 1, name), Op("-"), Num("1")))
            factor = _term(one, abs(c), name)
            parts.append((c, row(factor, Op("·"), less)))
        elif monomial and monomial not in inside:
            parts.append((c, _term(monomial, abs(c), name)))
    if constant or not parts:
        parts.append((constant, Num(str(abs(constant)))))
    return _joined(parts)


def _rank(term: tuple[Monomial, int]) -> tuple[int, int]:
    """Floors first, then what is added, the input before the padding; then what is taken off."""
    monomial, c = term
    floor = any(isinstance(a, Floor) for a in monomial)
    capital = bool(monomial) and str(monomial[0])[0].isupper() and len(monomial) == 1
    return (0 if floor else 1 if c > 0 else 2, 0 if capital else 1)


def _bracket(
    monomial: Monomial, c: int, table: Mapping[Monomial, int]
) -> tuple[Monomial, Atom] | None:
    """The parts of d·(K - 1): the terms -d·K and +d belong together."""
    if len(monomial) != 2:
        return None
    for k in (0, 1):
        one = (monomial[1 - k],)
        if table.get(one) == -c:
            return one, monomial[k]
    return None


def _term(monomial: Monomial, c: int, name: Name) -> Math:
    factors = [_atom(a, name) for a in monomial]
    if c != 1 or not factors:
        factors.insert(0, Num(str(c)))
    items: list[Math] = []
    for k, factor in enumerate(factors):
        items += [Op("·")] if k else []
        items.append(factor)
    return items[0] if len(items) == 1 else Row(tuple(items))


def _atom(a: Atom, name: Name) -> Math:
    if isinstance(a, Floor):
        top, bottom = integer(a.numerator, name), integer(a.denominator, name)
        return Fence(Fraction(top, bottom), "⌊", "⌋")
    assert isinstance(a, Size)
    return name(a.name)


def _joined(parts: list[tuple[int, Math]]) -> Math:
    """Terms with their signs; a bracketed one that must not come first has its own bracket left."""
    items: list[Math] = []
    for sign, part in parts:
        if items or sign < 0:
            items.append(Op("+" if sign > 0 else "-"))
        items.append(part)
    return items[0] if len(items) == 1 else Row(tuple(items))
