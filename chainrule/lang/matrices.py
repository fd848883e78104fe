"""Whole tensors written out with indices: `y = W @ x + b` is `y[i] = sum(k) W[i,k]*x[k] + b[i]`.

An equation whose left-hand side is a bare name may use tensors by their names alone. Here each part
of its right-hand side is given a shape first: a number, a column (a tensor with one axis), a row (a
column transposed), a matrix, or more axes. Shapes that do not fit are refused, with the operator
and what would fit. Then one cell of the whole is written down. A product of matrices `A @ X @ B` is
a chain: neighbours share an index, and all shared indices are summed in one sum. What comes out is
an ordinary equation; the rest of chainrule sees nothing new.

The parser writes the matrix operations as functions that are not in the table: "@", "@T", "@pow",
"@norm", "@tr" and so on. None of them is left when inference goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from chainrule.errors import (
    ArityError,
    FormulaSyntaxError,
    LimitError,
    ShapeError,
    UnknownNameError,
)
from chainrule.lang.chains import Cells
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    children,
    rebuild,
    walk,
)
from chainrule.lang.integers import Integer, Size, constant, index
from chainrule.lang.misfits import axes_text, misfit, named, product_misfit, row_left, span_of
from chainrule.lang.parts import Part
from chainrule.lang.program import Equation, Tensor
from chainrule.lang.verify import arity_error
from chainrule.lang.whole import Call


class Surroundings(Protocol):
    """What the expansion asks of inference."""

    def look(self, ref: Ref) -> Tensor | None:
        """The tensor that a bare name stands for here; None for an input nobody declared."""
        ...

    def same(self, a: Integer, b: Integer) -> bool:
        """Whether two sizes agree, an unknown one being settled by the other."""
        ...

    def hoisted(self, call: Call) -> str:
        """The name of the tensor that a call of the library gives, in an equation of its own."""
        ...


def expanded(equation: Equation, around: Surroundings, taken: Collection[str]) -> Equation:
    """The equation in index notation; new indices are called like nothing in `taken`.

    Raises `ShapeError` where shapes do not fit, `ArityError` for axes that an operation cannot
    have, `FormulaSyntaxError` for what can be read in two ways, `UnknownNameError` for names that
    would need axes, `LimitError` for products with too many indices.
    """
    own = {r.name for r in equation.ranges}
    for node in walk(equation.body):
        if isinstance(node, Reduce | ArgReduce):
            own |= {r.name for r in node.indices}
    shapes = _Shapes(around, taken, own)
    if equation.subscripts or equation.accumulate:
        body = _inside(equation.body, shapes, Cells(taken, own))
        return _with_body(equation, body)
    part = shapes.part(equation.body)
    if part.row:
        raise row_left(part)
    cells = Cells(taken, own)
    names = cells.outer(len(part.shape))
    try:
        body = cells.cell(part, names, frozenset(names))
    except LimitError as error:
        raise error.with_span(equation.origin.span) from None
    ranges = tuple(Range(n, s) for n, s in zip(names, part.shape, strict=True))
    return Equation(equation.target, tuple(map(index, names)), (*ranges, *equation.ranges), body,
                    False, equation.condition, False, equation.origin)


def _with_body(equation: Equation, body: Expr) -> Equation:
    return Equation(equation.target, equation.subscripts, equation.ranges, body,
                    equation.accumulate, equation.condition, equation.dropping, equation.origin)


def _inside(e: Expr, shapes: _Shapes, cells: Cells) -> Expr:
    """Index notation in which functions of whole tensors stand, such as norm(W)."""
    if isinstance(e, Apply) and e.function.startswith("@"):
        part = shapes.part(e)
        if part.shape:
            raise ShapeError(
                f"{named(part)} is {axes_text(part)}, and a number is wanted here", e.span,
                "give it an equation of its own, with a bare name on the left")
        return cells.cell(part, (), frozenset())
    if isinstance(e, Call):
        raise FormulaSyntaxError(
            f"{e.name} is a formula of the library: it works on whole tensors", e.span,
            f"give it an equation of its own: p = {e.name}(z)")
    parts = children(e)
    return rebuild(e, tuple(_inside(p, shapes, cells) for p in parts)) if parts else e


@dataclass(slots=True)
class _Shapes:
    """Gives every part of an expression its shape."""

    around: Surroundings
    taken: Collection[str]
    own: set[str]  # the indices that the equation has already

    def part(self, e: Expr) -> Part:
        """The expression with the shapes of its parts; operations on shapes are checked."""
        if isinstance(e, Ref):
            return self.reference(e)
        if isinstance(e, Call):
            name = self.around.hoisted(e)
            return self.reference(Ref(name, (), None, e.span))
        if isinstance(e, Apply):
            if e.function.startswith("@") and e.function != "@pow":
                return self.matrix(e)
            if e.function in ("pow", "@pow"):
                return self.power(e)
            return self.each(e)
        if isinstance(e, Select):
            return self.each(e)
        if isinstance(e, Reduce | ArgReduce):
            self.own |= _letters(e)
            written = _inside(e, self, Cells(self.taken, self.own))
            self.own |= _letters(written)  # what stands around it keeps away from them too
            return Part(written, "leaf")
        return Part(e, "leaf")

    def reference(self, ref: Ref) -> Part:
        tensor = self.around.look(ref)
        if ref.subscripts:
            if tensor is not None and len(tensor.shape) != len(ref.subscripts):
                raise arity_error(tensor, ref)
            return Part(ref, "leaf")
        if tensor is None and ref.tensor == "I":
            raise UnknownNameError("nothing declares I", ref.span,
                                   "the identity matrix is I(N); for a number write `input I`")
        if tensor is None or not tensor.shape:
            return Part(ref, "leaf", unknown=tensor is None)
        return Part(ref, "tensor", tensor.shape)

    # one cell at a time

    def each(self, e: Expr, parts: tuple[Part, ...] | None = None) -> Part:
        """A function of numbers, for each cell; numbers go with anything."""
        if parts is None:
            parts = tuple(self.part(child) for child in children(e))
        ranked = [p for p in parts if p.shape]
        if not ranked:
            return Part(e, "each", (), parts=parts)
        if isinstance(e, Apply) and e.function == "abs" and _bars(e):
            raise FormulaSyntaxError(
                f"`{e.span.excerpt() if e.span else '|…|'}` can be read in two ways", e.span,
                f"write abs({named(ranked[0])}) for each cell, "
                f"norm({named(ranked[0])}) for the length")
        first = ranked[0]
        for other in ranked[1:]:
            if not self.agree(first, other):
                raise misfit(e, first, other)
        return Part(e, "each", first.shape, first.row, parts)

    def agree(self, a: Part, b: Part) -> bool:
        return (len(a.shape) == len(b.shape) and a.row == b.row
                and all(self.around.same(m, n) for m, n in zip(a.shape, b.shape, strict=True)))

    def power(self, e: Apply) -> Part:
        base, exponent = e.args
        part = self.part(base)
        if e.function == "@pow" or not part.shape:
            return self.each(Apply("pow", e.args, e.span), (part, self.part(exponent)))
        name = named(part)
        if exponent == Ref("T") and self.around.look(Ref("T")) is None:
            return self.transposed(Apply("@T", (base,), e.span), part)
        if exponent == Ref("T") or _size_t(exponent):
            raise FormulaSyntaxError("T has a meaning in this program: it is no transpose here",
                                     e.span, f"for the transpose write {name}.T")
        if isinstance(exponent, Number) and exponent.value == -1:
            raise FormulaSyntaxError(
                "the inverse of a matrix is not in the language", e.span,
                f"for 1 divided by each cell write 1/{name}")
        once = "" if part.row or len(part.shape) > 2 else (
            f"{name}.T @ {name} (a number)" if len(part.shape) == 1 else
            f"{name} @ {name} (the matrix product)")
        top = (exponent.value if isinstance(exponent, Number)
               else named(Part(exponent, "leaf"), brackets=True))
        cells = f"{name} * {name}" if top == 2 else f"{name}.^{top}"
        raise FormulaSyntaxError(
            "the power of a vector or a matrix can be read in two ways", e.span,
            f"write {once + ', or ' if once and top == 2 else ''}{cells} (each cell)")

    # products, transposes, sums

    def matrix(self, e: Apply) -> Part:
        kind = e.function
        if kind in ("@eye", "@ones"):
            shape = tuple(self.size(arg, e) for arg in e.args)
            return Part(e, kind, shape * 2 if kind == "@eye" else shape)
        parts = tuple(self.part(arg) for arg in e.args)
        if kind == "@":
            return self.product(e, parts)
        first = parts[0]
        if kind == "@T":
            return self.transposed(e, first)
        if not first.shape:
            raise self.number(first, e)
        if kind in ("@norm", "@norm_2", "@norm_F", "@sum", "@mean"):
            if kind == "@norm_2" and len(first.shape) > 1:
                raise FormulaSyntaxError(
                    f"the spectral norm is not in the language: {named(first)} is "
                    f"{axes_text(first)}", e.span, "‖A‖_F, or norm(A), is the Frobenius norm")
            return Part(e, "@norm" if kind.startswith("@norm") else kind, (), False, parts)
        if kind == "@tr":
            self.ranks(first, e, (2,), "the trace is that of a matrix")
            if not self.around.same(*first.shape):
                raise ShapeError(f"the trace is that of a square matrix: {named(first)} is "
                                 f"{axes_text(first)}", e.span)
            return Part(e, "@tr", (), False, parts)
        if kind == "@diag":
            self.ranks(first, e, (1, 2), "diag is of a vector or a matrix")
            if len(first.shape) == 1:
                return Part(e, "@diag", first.shape * 2, False, parts)
            if not self.around.same(*first.shape):
                raise ShapeError(f"diag is of a square matrix: {named(first)} is "
                                 f"{axes_text(first)}", e.span)
            return Part(e, "@diagonal", first.shape[:1], False, parts)
        return self.vectors(e, parts)

    def vectors(self, e: Apply, parts: tuple[Part, ...]) -> Part:
        """dot and outer: of two vectors, written either way round."""
        for p in parts:
            if not p.shape:
                raise self.number(p, e)
            self.ranks(p, e, (1,), f"{e.function[1:]} is of two vectors",
                       "the sum over all cells is sum(A * B)" if e.function == "@dot" else None)
        left, right = (self.turned(p) if p.row else p for p in parts)
        if e.function == "@outer":
            return Part(e, "@", left.shape + right.shape, False, (left, self.turned(right)))
        if not self.around.same(left.shape[0], right.shape[0]):
            raise misfit(e, left, right)
        return Part(e, "@", (), False, (self.turned(left), right))

    def product(self, e: Apply, parts: tuple[Part, ...]) -> Part:
        left, right = parts
        for p in parts:
            if not p.shape and p.kind != "@":
                raise self.number(p, e)
            self.ranks(p, e, (0, 1, 2), "`@` joins matrices and vectors")
        a, b = left.right_axis, right.left_axis
        if (a is None) != (b is None) or (
                a is not None and b is not None and not self.around.same(a, b)):
            raise product_misfit(e, left, right)
        rows, columns = left.left_axis, right.right_axis
        if rows is None:
            return Part(e, "@", () if columns is None else (columns,), columns is not None, parts)
        return Part(e, "@", (rows,) if columns is None else (rows, columns), False, parts)

    def transposed(self, e: Apply, part: Part) -> Part:
        if not part.shape and part.kind != "@":
            raise ShapeError(
                f"{named(part)} is a number here: it has no transpose", e.span,
                "a derivative gets a name, such as dy; "
                f"to give {named(part)} axes declare `input {named(part)}[…]`")
        self.ranks(part, e, (0, 1, 2), "only vectors and matrices are transposed")
        return self.turned(part, e)

    def turned(self, part: Part, e: Expr | None = None) -> Part:
        if part.kind == "@T" and e is None:
            return part.parts[0]
        return Part(e or Apply("@T", (part.expr,)), "@T", part.shape[::-1],
                    len(part.shape) == 1 and not part.row, (part,))

    def ranks(
        self, part: Part, e: Apply, allowed: tuple[int, ...], what: str, hint: str | None = None
    ) -> None:
        count = len(part.shape)
        if count not in allowed:
            raise ArityError(
                f"{what}: {named(part)} has {count} ax{'i' if count == 1 else 'e'}s", e.span,
                hint or ("with more axes write indices, as in y[n,u] = sum(v) W[u,v]*x[n,v]"
                         if count > 2 else None))

    def number(self, part: Part, e: Apply) -> Exception:
        """The complaint about a number where a tensor with axes is wanted."""
        name = named(part)
        if part.unknown:
            return UnknownNameError(
                f"nothing says what axes {name} has", span_of(part.expr),
                f"declare it, as in `input {name}[N, M]` or `input {name}[N]`" + (
                    f"; over an index write {e.function[1:]}(i) x[i]"
                    if e.function in ("@sum", "@mean") else ""))
        what = "`@` joins matrices and vectors" if e.function == "@" else (
            f"{e.function[1:].partition('_')[0]} is of a vector or a matrix")
        hints = {"@": "with a number write `*`", "@norm": f"for a number write abs({name})"}
        return ShapeError(f"{what}: {name} is a number", span_of(part.expr) or e.span,
                          hints.get(e.function))

    def size(self, arg: Expr, e: Apply) -> Integer:
        if isinstance(arg, Number) and isinstance(arg.value, int) and arg.value > 0:
            return constant(arg.value)
        if isinstance(arg, IndexValue) and not any(
                isinstance(a, Read) for a in arg.value.atoms()) and not arg.value.indices():
            return arg.value
        name = named(Part(arg, "leaf"))
        raise ShapeError(
            f"{name} is not a size here", span_of(arg) or e.span,
            f"declare it: `size {name}`" if isinstance(arg, Ref) else "write ones(N), I(3)")


def _letters(e: Expr) -> set[str]:
    """The indices that stand anywhere in an expression."""
    found: set[str] = set()
    for node in walk(e):
        if isinstance(node, Ref):
            found.update(i for s in node.subscripts for i in s.indices())
        elif isinstance(node, Reduce | ArgReduce):
            found.update(r.name for r in node.indices)
        elif isinstance(node, IndexValue):
            found.update(node.value.indices())
    return found


def _bars(e: Apply) -> bool:
    return e.span is not None and e.span.excerpt().startswith("|")


def _size_t(e: Expr) -> bool:
    """Whether an exponent is the size T, so that `A^T` cannot be a transpose."""
    return isinstance(e, IndexValue) and [*e.value.atoms()] == [Size("T")]
