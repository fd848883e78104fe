"""Formulas whose cells and indices count from 1, as they do on paper.

Programs count from 0. `FromOne` writes a program's formulas by indices that count from 1, and
`CellsFromOne` works its cells one by one under the names that they have on paper.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import Any, Final

from chainrule.document.mathnodes import (
    Function,
    Identifier,
    Math,
    Num,
    Op,
    Under,
)
from chainrule.document.mathtree import row, separated
from chainrule.document.notation import Notation, Value, rounded
from chainrule.explain.worked import Worked
from chainrule.lang.expr import (
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Read,
    Reduce,
    Ref,
)
from chainrule.lang.integers import Atom, Index, Integer, atom

SHOWN_TERMS: Final = 16  # things that a maximum is written out over
_ATOM: Final = 6  # how tightly a name binds, in chainrule.document.notation


def from_one(p: Integer) -> Integer:
    """A subscript that counts from 0, by indices that count from 1: 2i + a is 2i + a − 2.

    >>> from chainrule.lang.integers import constant, index
    >>> str(from_one(constant(0))), str(from_one(index("i"))), str(from_one(index("i") + 1))
    ('1', 'i', 'i + 1')
    """
    return _number(p) + 1


def _number(p: Integer) -> Integer:
    """The number that an index polynomial is, by indices that count from 1."""
    def counted(a: Atom) -> Integer | None:
        return atom(a) - 1 if isinstance(a, Index | Read) else None

    return p.substitute(counted)


class FromOne(Notation):
    """Formulas whose indices count from 1, as they do on paper."""

    def ref(self, ref: Ref) -> Math:
        return self.tensor(ref.tensor, tuple(self.integer(from_one(s)) for s in ref.subscripts))

    def cell(self, value: Any) -> Math:
        if isinstance(value, Expr):
            return FromOne(self.tensors, self.digits, self.style, self.loss,
                           self.names).expression(value)
        return self.number(value)

    def _write(self, e: Expr, value: Value | None) -> tuple[Math, int]:
        if isinstance(e, IndexValue):
            e = IndexValue(_number(e.value), e.span)
        elif isinstance(e, Delta):
            e = Delta(from_one(e.left), from_one(e.right))
        return super()._write(e, value)

    def _over(self, e: Reduce | ArgReduce, value: Value | None, nested: bool = False) -> Math:
        one = e.indices[0] if len(e.indices) == 1 and e.condition is None else None
        if isinstance(e, Reduce) and e.op == "sum" and one is not None and one.size is not None:
            first = row(Identifier(one.name), "=", Num("1"))
            return Under(Op("Σ"), first, self.integer(one.size))
        inside: list[Math | str] = []
        for r in e.indices:
            inside += [","] if inside else []
            inside.append(Identifier(r.name))
            if r.size is not None and r.size.constant is not None:
                inside += ["≤", self.integer(r.size)]
        if e.condition is not None:
            inside += [",", self.expression(e.condition, value)]
        sign = "Σ" if e.op == "sum" else e.op if isinstance(e, Reduce) else f"arg{e.op}"
        return Under(Op(sign), row(*inside))


class Decimal(FromOne):
    """Values as decimals throughout."""

    def number(self, value: Any) -> Math:
        if finite(value, self.digits):
            return super().number(value)
        return Num(rounded(value, self.digits))


def finite(value: Any, places: int) -> bool:
    return isinstance(value, Fraction) and (value * 10**places).denominator == 1


class CellsFromOne(Worked):
    """Cells worked one by one, named from 1."""

    def cell(self, value: Any) -> Math:
        return self.base.cell(value)

    def _read(self, e: Ref) -> tuple[Math, int]:
        place = self.evaluator.resolve(e, self.place)
        if place is None or self.numbers:
            return super()._read(e)
        return self.tensor(e.tensor, tuple(Num(str(n + 1)) for n in place)), _ATOM

    def _reduction(self, e: Reduce) -> tuple[Math, int]:
        if e.op == "sum":
            return super()._reduction(e)
        outer = self.place
        compared = []
        for inner in islice(self.evaluator.inside(e, outer), SHOWN_TERMS):
            self.place = inner
            compared.append(self._write(e.body, None)[0])
        self.place = outer
        return Function(e.op, row(*separated(compared, ","))), _ATOM
