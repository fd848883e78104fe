"""A derivation as a document: a chain of equations a quantity, every link with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.document.blocks import (
    Block,
    Chain,
    Document,
    Link,
    MathBlock,
    Prose,
    heading,
    inlines,
    p,
)
from chainrule.document.mathtree import Identifier, Math, Op, Row, Under, row, separated
from chainrule.document.notation import Notation
from chainrule.explain.derive import Derivation, Derived, Line, Use
from chainrule.explain.work import equation_math
from chainrule.lang.expr import Expr
from chainrule.lang.integers import Integer, index

STEPS = ("all", "main", "result")
LAYOUTS = ("column", "row")


def page(
    found: Derivation, steps: str = "all", title: str = "", layout: str = "column"
) -> Document:
    """The document; `steps` is "all", "main" (chain rule and results) or "result".

    In matrices, the derivative by a vector is a column ("column", the gradient) or a row ("row",
    the Jacobian); that by a matrix has the matrix's shape.
    """
    writer = _Writer(found, steps, layout)
    blocks: list[Block] = []
    if steps != "result":
        blocks += [MathBlock(equation_math(writer.notation, e)) for e in found.program.equations]
    if found.givens:
        blocks.append(p("Given ", *separated(
            [writer.given(k) for k in range(len(found.givens))], ", "), "."))
    for name, one in found.found.items():
        if steps == "result" and name not in found.wrt:
            continue
        blocks += writer.quantity(one)
    still = [n for n in found.wrt if n not in found.found]
    if still:
        blocks.append(p(f"{found.of} does not depend on {', '.join(still)}."))
    blocks.append(p("Each line was evaluated at random points, and held against the derivative "
                    "that the program runs."))
    return Document(title or f"The derivative of {found.of}", tuple(blocks))


class _Partial(Notation):
    """Notation in which the derivative of the output is a fraction: its own cell stands above."""

    def __init__(self, found: Derivation, loss: Math) -> None:
        super().__init__(found.tensors(), style="partial", loss=loss)
        self.skip = len(found.outer)

    def tensor(self, name: str, subscripts: tuple[Math, ...] = ()) -> Math:
        """A tensor's symbol; a derivative leaves out the output's indices, which stand above."""
        own = self.tensors.get(name)
        if own is not None and own.adjoint_of is not None and subscripts:
            subscripts = subscripts[self.skip :]
        return super().tensor(name, subscripts)


class _Writer:
    """Typesets one derivation."""

    def __init__(self, found: Derivation, steps: str, layout: str) -> None:
        self.found = found
        self.steps = steps
        self.layout = layout
        plain = Notation(found.program.tensors)
        self.loss = plain.tensor(found.of, tuple(plain.integer(index(i)) for i in found.outer))
        self.notation = _Partial(found, self.loss)

    def math(self, e: Expr) -> Math:
        return self.notation.expression(e)

    def given(self, k: int) -> Math:
        given = self.found.givens[k]
        return row(self.math(given.left), Op("="), self.math(given.right))

    def cell(self, name: str, indices: Sequence[str]) -> Math:
        return self.notation.tensor(name, tuple(self.notation.integer(index(i)) for i in indices))

    def place(self, name: str, cell: Sequence[Integer]) -> Math:
        return self.notation.tensor(name, tuple(self.notation.integer(s) for s in cell))

    def derivative(self, top: Math, name: str, indices: Sequence[str]) -> Math:
        return self.notation.partial(top, self.cell(name, indices))

    def quantity(self, one: Derived) -> list[Block]:
        """The chains of one quantity: its uses, then the sum over them."""
        lhs = self.derivative(self.loss, one.tensor, one.indices)
        blocks: list[Block] = [heading(1, self.derivative(self.loss, one.tensor, ()))]
        direct = len(one.uses) == 1 and one.uses[0].target == self.found.of
        if self.steps == "result":
            return [Chain(lhs, (Link(self.math(one.result)),)), *self.matrices(one)]
        if direct:
            lines = [*one.uses[0].lines, *one.lines]
            return [*blocks, Chain(lhs, self.links(lines)), *self.matrices(one)]
        if self.steps == "all":
            for use in one.uses:
                if use.target != self.found.of:
                    top = self.place(use.target, use.cell)
                    blocks.append(Chain(self.derivative(top, one.tensor, one.indices),
                                        self.links(use.lines)))
        rule = Link(self.chain_rule(one), inlines(self.reach(one)))
        return [*blocks, Chain(lhs, (rule, *self.links(one.lines))), *self.matrices(one)]

    def matrices(self, one: Derived) -> list[Block]:
        """The result in matrix notation, where it has such a form."""
        if one.matrix is None or not one.indices:
            return []
        math = one.matrix.row if self.layout == "row" else one.matrix.math
        shape = self.found.program.tensors[one.tensor].shape
        rows = "1" if len(shape) == 1 else str(shape[0])
        columns = str(shape[-1])
        if len(shape) == 1 and self.layout == "column":
            rows, columns = columns, rows
        why = f"in matrices, {rows} × {columns}"
        return [Chain(self.derivative(self.loss, one.tensor, ()), (Link(math, inlines(why)),))]

    def reach(self, one: Derived) -> Prose:
        targets = [u.target for u in one.uses]
        through = " and ".join(targets) if len(targets) < 3 else ", ".join(targets)
        return f"chain rule: {one.tensor} reaches {self.found.of} through {through}"

    def chain_rule(self, one: Derived) -> Math:
        parts: list[Math] = []
        for use in one.uses:
            parts.append(self.through(use, one))
        return parts[0] if len(parts) == 1 else row(*separated(parts, Op("+")))

    def through(self, use: Use, one: Derived) -> Math:
        """Σ_k ∂L/∂p_k · ∂p_k/∂z_i"""
        local = self.derivative(self.place(use.target, use.cell), one.tensor, one.indices)
        if use.target == self.found.of:
            return local
        above = self.notation.partial(self.loss, self.place(use.target, use.cell))
        product = row(above, Op("·"), local)
        if not use.indices:
            return product
        letters = row(*separated([Identifier(n) for n in use.indices], Op(",")))
        return Row((Under(Op("Σ"), letters), product))

    def links(self, lines: Sequence[Line]) -> tuple[Link, ...]:
        """A link a line; with "main" the first and the last alone."""
        chosen = list(lines)
        if self.steps == "main" and len(chosen) > 2:
            chosen = [chosen[0], chosen[-1]]
        return tuple(Link(self.math(line.after), inlines(line.why)) for line in chosen)
