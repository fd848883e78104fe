"""Results in which the derivative by a vector is a row.

With rows the chain rule reads as it is applied, from left to right: ∂E/∂y = ∂E/∂z W, and
∂E/∂z = ∂E/∂y diag(σ'(z)). In a formula that was found for columns every such derivative is turned.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Any

from chainrule.algebra.matrix import Form, beside
from chainrule.document.mathtree import Fence, Identifier, Math, Op, Power, Row
from chainrule.explain.induction import Induction, Part, Result
from chainrule.explain.induction_math import part_notation
from chainrule.explain.induction_recursion import below, jacobian, product

_T = Identifier("T", upright=True)


def in_rows(found: Induction) -> Induction:
    """The induction with every matrix form as it is where derivatives are rows."""
    together = found.together
    factor = product(found)
    if together is not None and factor is not None:
        name = below(together.parts[0])[0]
        math = beside(derivative(together.parts[0], name), *map(_factor, factor.forms))
        together = _with(together, [math])
    elif together is not None:
        together = _turned(together)
    return replace(found, base=[_turned(one) for one in found.base],
                   step=[_turned(one) for one in found.step], together=together)


def _turned(one: Result) -> Result:
    return _with(one, [_row(part) for part in one.parts])


def _with(one: Result, maths: list[Math | None]) -> Result:
    """A result whose matrix forms are typeset so."""
    parts = []
    for part, math in zip(one.parts, maths, strict=True):
        form = part.derived.matrix
        if form is not None and math is not None:
            form = replace(form, math=math, lying=math)
            part = replace(part, derived=replace(part.derived, matrix=form))
        parts.append(part)
    return replace(one, parts=tuple(parts))


def _row(part: Part) -> Math | None:
    """A form for rows: the chain rule with Jacobians, or what was found, turned."""
    form = part.derived.matrix
    if form is None:
        return None
    names = below(part)
    uses = {use.target: use for use in part.derived.uses}
    if names and set(names) == set(uses) and len(uses) == len(part.derived.uses):
        forms = [jacobian(part, uses[name]) for name in names]
        if all(forms):
            items: list[Math] = []
            for name, factor in zip(names, forms, strict=True):
                assert factor is not None
                items += [Op("+")] if items else []
                items.append(beside(derivative(part, name), _factor(factor)))
            return items[0] if len(items) == 1 else Row(tuple(items))
    return turned(form.row, vectors(part))


def _factor(form: Form) -> Math:
    return Fence(form.math) if form.binds == 0 else form.math


def derivative(part: Part, name: str) -> Math:
    """∂E/∂z⁽ˡ⁾, as the part's formula has it."""
    return part_notation(part.found).tensor(f"∂{name}")


def vectors(part: Part) -> list[Math]:
    """The derivatives by vectors that may stand in a part's formula."""
    tensors, notation = part.found.tensors(), part_notation(part.found)
    return [notation.tensor(name) for name in part.found.derivatives()
            if name in tensors and len(tensors[name].shape) == 1]


def turned(math: Math, rows: Collection[Math]) -> Math:
    """Mathematics in which some columns are rows: each with ᵀ, one that had it without."""
    if math in rows:
        return Power(math, _T)
    if isinstance(math, Power) and math.exponent == _T and math.base in rows:
        return math.base
    changes: dict[str, Any] = {}
    assert is_dataclass(math)
    for field in fields(math):
        value = getattr(math, field.name)
        if isinstance(value, Math):
            changes[field.name] = turned(value, rows)
        elif isinstance(value, tuple) and all(isinstance(v, Math) for v in value):
            changes[field.name] = tuple(turned(v, rows) for v in value)
    return replace(math, **changes)
