"""Index notation as matrices: (y[k] - t[k])*x[v] is (y - t) xᵀ, sum(k) e[k]*W[k,u] is Wᵀ e.

An expression with one free index is a vector, with two a matrix, rows first. The summed indices of
a term are eliminated one after another: what is tied to one by a matrix and a vector is their
product; factors on the same indices are multiplied cell by cell (∘). Three axes, compound
subscripts and bounded sums have no matrix form: then there is none, and the index form stays.

Every form can be read back: `entry` gives the index expression of a cell, which is how a form is
checked against what it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from chainrule.algebra.terms import Term, replaced, terms_of
from chainrule.document.mathtree import (
    Fence,
    Identifier,
    Math,
    Num,
    Op,
    Power,
    Row,
    Subscript,
    row,
)
from chainrule.document.mathtree import Fraction as Quotient
from chainrule.document.notation import Notation
from chainrule.lang.expr import (
    ONE,
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    free_indices,
    mul,
    walk,
)
from chainrule.lang.integers import Integer, index

_T = Identifier("T", upright=True)
_ONES = Identifier("𝟏")
_DIAG = Identifier("diag", upright=True)
_PRODUCT, _FACTOR, _ATOM = 1, 2, 3  # how tightly a form binds
_CELLWISE = frozenset({"add", "sub", "mul", "div", "neg", "pow", "square"})


class NoMatrixForm(Exception):
    """Why an expression has none."""


@dataclass(frozen=True, slots=True)
class Form:
    """A scalar, vector or matrix: its typeset form, its cell as an index expression, its indices.

    `cell` has the indices `on` free: none, the row, or the row and the column. `lying` is the
    form transposed, where that is no mere ᵀ; `inverse` says that it divides; `trace` is the
    product whose diagonal a vector is.
    """

    math: Math
    cell: Expr
    on: tuple[str, ...]
    binds: int = _ATOM
    lying: Math | None = None
    inverse: bool = False
    trace: Math | None = None

    @property
    def row(self) -> Math:
        """A vector as a row."""
        if len(self.on) != 1:
            return self.math
        return self.lying or Power(self.at(_ATOM), _T)

    def at(self, level: int) -> Math:
        """The typeset form, in brackets where it binds less tightly."""
        closed = self.binds >= level or isinstance(self.math, Fence)
        return self.math if closed else Fence(self.math)


def transposed(a: Form) -> Form:
    """Aᵀ; a vector's is a row, which only stands in products."""
    if len(a.on) != 2:
        return a
    if isinstance(a.math, Power) and a.math.exponent == _T:
        return Form(a.math.base, a.cell, a.on[::-1], _ATOM)
    if a.lying is not None:
        return Form(a.lying, a.cell, a.on[::-1], a.binds, a.math)
    return Form(Power(a.at(_ATOM), _T), a.cell, a.on[::-1], _ATOM)


def matrix_form(e: Expr, on: Sequence[str], notation: Notation) -> Form:
    """An expression with the free indices `on` as a matrix, a vector or a number.

    Raises `NoMatrixForm` with the reason where it has none.
    """
    if len(on) > 2:
        raise NoMatrixForm(f"{len(on)} axes")
    return _Maker(tuple(on), notation).sum(e)


class _Maker:
    def __init__(self, on: tuple[str, ...], notation: Notation) -> None:
        self.on = on
        self.notation = notation

    def sum(self, e: Expr) -> Form:
        """A sum of terms, each a form on the same indices."""
        terms = terms_of(e)
        if not terms:
            return Form(Num("0"), e, self.on)
        parts = [(t.number, self.term(t)) for t in terms]
        parts.sort(key=lambda part: part[0] < 0)
        if len(parts) == 1 and parts[0][0] >= 0:
            return parts[0][1]
        items: list[Math] = []
        lying: list[Math] = []
        for number, form in parts:
            if items or number < 0:
                items.append(Op("-" if number < 0 else "+"))
                lying.append(items[-1])
            items.append(form.at(_PRODUCT))
            lying.append(form.row)
        plain = all(form.lying is None for _, form in parts)
        return Form(Row(tuple(items)), e, self.on, 0, None if plain else Row(tuple(lying)))

    def term(self, t: Term) -> Form:
        """A product summed over some indices."""
        if t.guards:
            raise NoMatrixForm("a bounded sum")
        if t.deltas:
            return self.diagonal(t)
        pieces = [self.factor(base, exponent) for base, exponent in t.factors]
        summed = [r for r in t.sums]
        while summed:
            name = min(summed, key=lambda r: sum(r.name in p.on for p in pieces)).name
            pieces = self.eliminated(name, pieces, next(r for r in summed if r.name == name))
            summed = [r for r in summed if r.name != name]
        return self.joined(abs(t.number), pieces)

    def diagonal(self, t: Term) -> Form:
        """δ(i,j) times a vector is a diagonal matrix; times a number it is that times I.

        δ(y,i) for a label y is e_y, the unit vector that has its 1 there.
        """
        if len(t.deltas) == len(self.on) == 1:
            return self.unit(t)
        names = {t.deltas[0].left.plain, t.deltas[0].right.plain}
        if len(t.deltas) > 1 or len(self.on) != 2 or names != set(self.on):
            raise NoMatrixForm("a delta")
        first, second = self.on
        rest = replace(t.at({second: index(first)}), deltas=())
        if first not in rest.names():
            form = _Maker((), self.notation).term(replace(rest, number=Fraction(1)))
            unit = Form(Identifier("I"), t.deltas[0], self.on)
            return self.scaled(abs(t.number), [] if form.cell == ONE else [form], unit)
        inner = _Maker((first,), self.notation).term(rest)
        return Form(row(_DIAG, Fence(inner.math)), mul(inner.cell, t.deltas[0]), self.on)

    def unit(self, t: Term) -> Form:
        """A number times the unit vector e_y."""
        d, name = t.deltas[0], self.on[0]
        place = d.left if d.right.plain == name else d.right
        if name not in (d.left.plain, d.right.plain) or place.indices() or (
                "e" in self.notation.tensors):
            raise NoMatrixForm("a delta")
        rest = replace(t.at({name: place}), number=Fraction(1), deltas=())
        form = _Maker((), self.notation).term(rest)
        unit = Form(Subscript(Identifier("e"), self.notation.integer(place)), d, self.on)
        return self.scaled(abs(t.number), [] if form.cell == ONE else [form], unit)

    def factor(self, base: Expr, exponent: int) -> Form:
        """One factor as a form on its own indices."""
        form = self.cellwise(base)
        if exponent == 1:
            return form
        math, binds = form.math, form.binds
        if abs(exponent) == 2 and form.on and isinstance(math, Identifier | Subscript):
            math, binds = row(math, Op("∘"), math), _PRODUCT
        elif abs(exponent) > 1:
            times = Num(str(abs(exponent)))
            math = Power(form.at(_ATOM), row(Op("∘"), times) if form.on else times)
            binds = _ATOM
        return Form(math, Apply("pow", (base, Number(exponent))), form.on, binds,
                    inverse=exponent < 0)

    def cellwise(self, e: Expr) -> Form:
        """A tensor, or a bracket in which everything is done cell by cell."""
        on = free_indices(e)
        if len(on) > 2:
            raise NoMatrixForm("three axes")
        if isinstance(e, Ref):
            names = [s.plain for s in e.subscripts]
            if None in names or len(set(names)) < len(names):
                raise NoMatrixForm("a compound subscript")
            return Form(self.notation.tensor(e.tensor), e, tuple(n or "" for n in names))
        if isinstance(e, IndexValue | Number):
            return Form(self.notation.expression(e), e, ())
        if isinstance(e, Apply) and e.function in _CELLWISE:
            return self.bracket(e)
        if isinstance(e, Apply):
            return self.function(e)
        if isinstance(e, Reduce) and e.op != "sum" and not on:
            return Form(self.notation.expression(e), e, (), _PRODUCT)
        if isinstance(e, Reduce) and e.op == "sum":
            try:
                return replace(_Maker(tuple(on), self.notation).sum(e), cell=e)
            except NoMatrixForm:
                if on:
                    raise
                return Form(self.notation.expression(e), e, (), _PRODUCT)
        if isinstance(e, Select):
            return self.choice(e, on)
        raise NoMatrixForm("no product of matrices")

    def choice(self, e: Select, on: Sequence[str]) -> Form:
        """A choice in each cell, as f'(z) of a ReLU: typeset with whole arrays in its branches."""
        found = {self.cellwise(n).on for n in walk(e) if isinstance(n, Ref)} - {()}
        if len(found) != 1 or any(isinstance(n, Reduce | ArgReduce | IndexValue | Delta)
                                  for n in walk(e)):
            raise NoMatrixForm("a choice between arrays of other axes")
        typeset = self.notation.expression(e, lambda ref: self.notation.tensor(ref.tensor))
        iverson = isinstance(typeset, Fence)
        return Form(typeset if iverson else Fence(typeset), e, found.pop())

    def function(self, e: Apply) -> Form:
        """σ(z): a function on each cell."""
        inner = [self.cellwise(a) for a in e.args]
        on = max((form.on for form in inner), key=len, default=())
        if any(form.on not in ((), on) for form in inner) or len(inner) != 1:
            raise NoMatrixForm("a function of several arrays")
        typeset = self.notation.expression(Apply(e.function, (Ref("·"),)),
                                           lambda ref: inner[0].math)
        return Form(typeset, e, on)

    def bracket(self, e: Apply) -> Form:
        """Sums and products cell by cell: 1 - y, y - t, y ∘ (1 - y)."""
        parts = [self.cellwise(a) for a in e.args]
        on = max((form.on for form in parts), key=len)
        if e.function in ("add", "sub") and on:
            parts = [self.broadcast(form, on) for form in parts]
        if any(form.on not in ((), on) for form in parts):
            raise NoMatrixForm("arrays of other axes in one bracket")
        if e.function in ("add", "sub"):
            sign = "+" if e.function == "add" else "-"
            left, right = parts[0].math, parts[1].at(_PRODUCT)
            return Form(row(left, Op(sign), right), e, on, 0)
        if e.function == "neg":
            return Form(row(Op("-"), parts[0].at(_PRODUCT)), e, on, 0)
        if e.function == "mul":
            sign = "∘" if parts[0].on and parts[1].on else "·"
            return Form(row(parts[0].at(_FACTOR), Op(sign), parts[1].at(_FACTOR)), e, on, _PRODUCT)
        if e.function == "div" and not parts[1].on:
            return Form(Quotient(parts[0].math, parts[1].math), e, on, _FACTOR)
        if e.function in ("pow", "square") and not (len(parts) == 2 and parts[1].on):
            exponent = parts[1].math if len(parts) == 2 else Num("2")
            if on and exponent == Num("2") and isinstance(parts[0].math, Identifier | Subscript):
                return Form(row(parts[0].math, Op("∘"), parts[0].math), e, on, _PRODUCT)
            if on:
                exponent = row(Op("∘"), exponent)
            return Form(Power(parts[0].at(_ATOM), exponent), e, on)
        raise NoMatrixForm("a quotient of arrays")

    def broadcast(self, form: Form, on: tuple[str, ...]) -> Form:
        """A vector in a bracket with a matrix: a 𝟏ᵀ, the same in every column, or 𝟏 aᵀ.

        A number in a bracket with a vector is s · 𝟏; literal ones stay: 1 - y.
        """
        if not form.on and not isinstance(form.math, Num):
            ones = _ONES if len(on) == 1 else beside(_ONES, Power(_ONES, _T))
            number = form.math if isinstance(form.math, Fence) else form.at(_FACTOR)
            return Form(row(number, Op("·"), ones), form.cell, on, _PRODUCT)
        if len(on) == 1:
            return form
        if len(form.on) == 2 and form.on != on:
            form = transposed(form)
        if len(form.on) != 1 or form.on[0] not in on:
            return form
        if form.on[0] == on[0]:
            return Form(beside(form.at(_FACTOR), Power(_ONES, _T)), form.cell, on, _PRODUCT)
        return Form(beside(_ONES, form.row), form.cell, on, _PRODUCT)

    # products

    def eliminated(self, name: str, pieces: Sequence[Form], r: Range) -> list[Form]:
        """The pieces after the sum over an index: a product of what it ties together."""
        vectors = [p for p in pieces if p.on == (name,)]
        matrices = [p for p in pieces if len(p.on) == 2 and name in p.on]
        rest = [p for p in pieces if name not in p.on]
        if not vectors and not matrices:
            raise NoMatrixForm("a sum of nothing that depends on its index")
        if len(matrices) > 2:
            raise NoMatrixForm("three matrices share an index")
        if not matrices:
            return [*rest, self.inner(name, vectors, r)]
        vector = self.hadamard(vectors) if vectors else None
        first = self.towards(matrices[0], name)
        if len(matrices) == 1:
            free = first.on[0]
            right = vector if vector is not None else Form(
                _ONES, Number(1), (name,))
            cell: Expr = Reduce("sum", (r,), None, mul(first.cell, right.cell))
            lying = beside(right.row, transposed(first).at(_FACTOR))
            return [*rest, Form(beside(first.at(_FACTOR), right.at(_FACTOR)), cell, (free,),
                                _PRODUCT, lying)]
        second = self.away(matrices[1], name)
        if first.on[0] == second.on[1]:
            return [*rest, self.squares(first, second, vector, r)]
        cell = mul(first.cell, second.cell)
        middle = [first.at(_FACTOR)]
        if vector is not None:
            cell = mul(cell, vector.cell)
            middle.append(row(_DIAG, Fence(vector.math)))
        lying = beside(transposed(second).at(_FACTOR), *middle[1:], transposed(first).at(_FACTOR))
        middle.append(second.at(_FACTOR))
        return [*rest, Form(beside(*middle), Reduce("sum", (r,), None, cell),
                            (first.on[0], second.on[1]), _PRODUCT, lying)]

    def towards(self, a: Form, name: str) -> Form:
        """The matrix with the index as its column."""
        return a if a.on[1] == name else transposed(a)

    def away(self, a: Form, name: str) -> Form:
        """The matrix with the index as its row."""
        return a if a.on[0] == name else transposed(a)

    def squares(self, a: Form, b: Form, between: Form | None, r: Range) -> Form:
        """The diagonal of a product of two matrices, which a sum makes a trace."""
        cell = mul(a.cell, b.cell)
        middle: list[Math] = []
        if between is not None:
            cell = mul(cell, between.cell)
            middle = [row(_DIAG, Fence(between.math))]
        first, second = a, b
        if _turned(a) and _turned(b):  # the diagonal of Aᵀ Bᵀ is that of B A
            first, second = transposed(b), transposed(a)
        math = beside(first.at(_FACTOR), *middle, second.at(_FACTOR))
        return Form(row(_DIAG, Fence(math)), Reduce("sum", (r,), None, cell), (a.on[0],),
                    trace=math)

    def inner(self, name: str, vectors: Sequence[Form], r: Range) -> Form:
        """aᵀ b, or 1ᵀ a."""
        transpose = _T
        if len(vectors) == 1 and vectors[0].trace is not None:
            own = vectors[0]
            return Form(row(Identifier("tr", upright=True), Fence(own.trace or own.math)),
                        Reduce("sum", (r,), None, own.cell), ())
        if len(vectors) == 1:
            left = Form(_ONES, Number(1), (name,))
            right = vectors[0]
        else:
            left, right = vectors[0], self.hadamard(vectors[1:])
        cell = Reduce("sum", (r,), None, mul(left.cell, right.cell))
        return Form(beside(Power(left.at(_ATOM), transpose), right.at(_FACTOR)), cell, (),
                    _PRODUCT)

    def hadamard(self, forms: Sequence[Form]) -> Form:
        """The product cell by cell of forms on the same indices."""
        ordered = [*(f for f in forms if not f.inverse), *(f for f in forms if f.inverse)]
        first = ordered[0]
        if first.inverse:
            first = Form(row(Num("1"), Op("⊘"), first.at(_FACTOR)), first.cell, first.on, _PRODUCT)
        items: list[Math] = [first.at(_PRODUCT)]
        cell = first.cell
        for other in ordered[1:]:
            if other.on != first.on:
                other = transposed(other)
            items += [Op("⊘" if other.inverse else "∘"), other.at(_FACTOR)]
            cell = mul(cell, other.cell)
        return first if len(items) == 1 else Form(Row(tuple(items)), cell, first.on, _PRODUCT)

    def joined(self, number: Fraction, pieces: Sequence[Form]) -> Form:
        """What is left, on the free indices: scalars in front, then one vector or matrix."""
        scalars = [p for p in pieces if not p.on]
        vectors: dict[str, list[Form]] = {}
        for p in pieces:
            if len(p.on) == 1:
                vectors.setdefault(p.on[0], []).append(p)
        matrices = [p if p.on == self.on else transposed(p) for p in pieces if len(p.on) == 2]
        if any(p.on != self.on for p in matrices) or not set(vectors) <= set(self.on):
            raise NoMatrixForm("indices that do not fit")
        main = self.main({n: self.hadamard(v) for n, v in vectors.items()}, matrices)
        return self.scaled(number, scalars, main)

    def main(self, vectors: dict[str, Form], matrices: Sequence[Form]) -> Form | None:
        if not self.on:
            return None
        if len(self.on) == 1:
            return vectors.get(self.on[0], Form(_ONES, ONE, self.on))
        rows, columns = (vectors.get(n) for n in self.on)
        if matrices:
            middle = self.hadamard(matrices)
            parts, cell = [middle.at(_FACTOR)], middle.cell
            if rows is not None:
                parts.insert(0, row(_DIAG, Fence(rows.math)))
                cell = mul(rows.cell, cell)
            if columns is not None:
                parts.append(row(_DIAG, Fence(columns.math)))
                cell = mul(cell, columns.cell)
            return middle if len(parts) == 1 else Form(beside(*parts), cell, self.on, _PRODUCT)
        rows = rows or Form(_ONES, ONE, self.on[:1])
        columns = columns or Form(_ONES, ONE, self.on[1:])
        transpose = Power(columns.at(_ATOM), _T)
        return Form(beside(rows.at(_FACTOR), transpose), mul(rows.cell, columns.cell), self.on,
                    _PRODUCT)

    def scaled(self, number: Fraction, scalars: Sequence[Form], main: Form | None) -> Form:
        cell: Expr = Number(number.numerator if number.denominator == 1 else number)
        for s in scalars:
            cell = mul(cell, s.cell)
        above = [s.at(_FACTOR) for s in scalars if not s.inverse]
        below = [s.at(_FACTOR) for s in scalars if s.inverse]
        if number.numerator != 1:
            above.insert(0, Num(str(number.numerator)))
        if number.denominator != 1:
            below.insert(0, Num(str(number.denominator)))
        if main is not None and not above and len(scalars) == len(below) == 1 and (
                not isinstance(below[0], Num | Identifier)):
            bottom = next(s.math for s in scalars)
            over = Quotient(main.math, bottom)
            lying = Quotient(main.row, bottom)
            return Form(over, mul(cell, main.cell), main.on, _FACTOR, lying)
        factor: Math | None = _dotted(above) if above else None
        if below:
            factor = Quotient(factor or Num("1"), _dotted(below))
        if main is None and len(scalars) == 1 and number == 1 and above:
            return scalars[0]
        if main is None:
            return Form(factor or Num("1"), cell, (), _PRODUCT)
        if factor is None:
            return main
        return Form(row(factor, Op("·"), main.at(_PRODUCT)), mul(cell, main.cell), main.on,
                    _PRODUCT, row(factor, Op("·"), main.row))


def _turned(a: Form) -> bool:
    return isinstance(a.math, Power) and a.math.exponent == _T


def _dotted(parts: Sequence[Math]) -> Math:
    """A product of numbers."""
    items: list[Math] = []
    for part in parts:
        items += [Op("·")] if items else []
        items.append(part)
    return items[0] if len(items) == 1 else Row(tuple(items))


def beside(*parts: Math) -> Math:
    """Matrices one beside the other: a product without a sign."""
    items: list[Math] = []
    for part in parts:
        items += [Op(" ")] if items else []
        items.append(part)
    return Row(tuple(items))


def reads_back(form: Form, places: Sequence[str]) -> Expr:
    """The cell of a form at the indices that are its own, for a check."""
    table: dict[str, Integer] = {a: index(b) for a, b in zip(form.on, places, strict=True)}
    return replaced(form.cell, table)
