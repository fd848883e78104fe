"""A derivation as a document: a chain of equations a quantity, every link with its reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from chainrule.algebra.matrix import Form, beside
from chainrule.document.blocks import (
    Block,
    Chain,
    Document,
    Link,
    MathBlock,
    Prose,
    heading,
    inlines,
    note,
    p,
)
from chainrule.document.mathtree import (
    Cases,
    Fence,
    Identifier,
    Math,
    Num,
    Op,
    Row,
    Subscript,
    Under,
    Words,
    row,
    separated,
)
from chainrule.document.notation import Notation
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivations import Case, Derivation, Derived, Line, Use
from chainrule.explain.induction import Part
from chainrule.explain.induction_recursion import jacobian
from chainrule.explain.induction_rows import turned
from chainrule.explain.work import equation_math
from chainrule.lang.expr import ZERO, Apply, Delta, Expr, Reduce, Ref, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Program

CHECKED = ("Each line was evaluated at random points, and held against the derivative that the "
           "program runs.")
_TELLING = ("delta", "solve", "fold", "given")  # the moves that are named where lines are left out


def page(
    found: Derivation, steps: str = "all", title: str = "", layout: str = "column"
) -> Document:
    """The document; `steps` is "all", "main" (chain rule and results) or "result".

    In matrices, the derivative by a vector is a column ("column", the gradient) or a row ("row",
    the Jacobian); that by a matrix has the matrix's shape.
    """
    writer = Writer(found, steps, layout)
    blocks: list[Block] = []
    if steps != "result":
        blocks += [MathBlock(equation_math(writer.notation, e)) for e in found.program.equations]
    if found.givens:
        blocks.append(p("Given ", *separated(
            [writer.given(k) for k in range(len(found.givens))], ", "), "."))
    blocks += writer.quantities()
    blocks += closing(found, writer.notation)
    return Document(title or f"The derivative of {found.of}", tuple(blocks))


class Writer:
    """Typesets one derivation."""

    def __init__(self, found: Derivation, steps: str, layout: str, level: int = 1) -> None:
        self.found = found
        self.steps = steps
        self.layout = layout
        self.level = level
        self.notation = PartialNotation(found.tensors(), found.derivatives())
        self.loss = self.cell(found.of, found.outer)

    def quantities(self, bare: Sequence[str] = ()) -> list[Block]:
        """The chains of all quantities that are to be shown; of `bare` ones no more than that."""
        blocks: list[Block] = []
        shown = self.mentioned()
        for name, one in self.found.found.items():
            if self.steps != "result" or name in shown:
                blocks += self.quantity(one if name not in bare else replace(
                    one, cases=(), matrix=None))
        still = [n for n in self.found.wrt if n not in self.found.found]
        if still:
            blocks.append(p(f"{self.found.of} does not depend on {', '.join(still)}."))
        return blocks

    def mentioned(self) -> set[str]:
        """What was asked for, and each derivative that stands in the results."""
        names = {self.found.name(n): n for n in self.found.found}
        shown = {n for n in self.found.wrt if n in self.found.found}
        rest = list(shown)
        while rest:
            for node in walk(self.found.found[rest.pop()].result):
                tensor = names.get(node.tensor) if isinstance(node, Ref) else None
                if tensor is not None and tensor not in shown:
                    shown.add(tensor)
                    rest.append(tensor)
        return shown

    def chosen(self, names: Collection[str]) -> list[Block]:
        """The chains of some quantities."""
        return [block for n, one in self.found.found.items() if n in names
                for block in self.quantity(one)]

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
        blocks: list[Block] = [heading(self.level, self.derivative(self.loss, one.tensor, ()))]
        direct = len(one.uses) == 1 and one.uses[0].target == self.found.of
        if self.steps == "result":
            return [Chain(lhs, (Link(self.math(one.result)),)), *self.cases(one, lhs),
                    *self.matrices(one)]
        if direct:
            lines = [*one.uses[0].lines, *one.lines]
            return [*blocks, Chain(lhs, self.links(lines)), *self.cases(one, lhs),
                    *self.matrices(one)]
        if self.steps == "all":
            for use in one.uses:
                if use.target != self.found.of:
                    top = self.place(use.target, use.cell)
                    blocks.append(Chain(self.derivative(top, one.tensor, one.indices),
                                        self.links(use.lines)))
        rule = Link(self.chain_rule(one), inlines(self.reach(one)))
        return [*blocks, Chain(lhs, (rule, *self.links(one.lines))), *self.cases(one, lhs),
                *self.matrices(one)]

    def cases(self, one: Derived, lhs: Math) -> list[Block]:
        """What the result is where the subscripts of a δ are equal, and where they differ."""
        asked = one.tensor in self.found.wrt
        if not asked and (self.steps != "all" or any(case.result == ZERO for case in one.cases)):
            return []
        if not one.cases:
            return []
        rows = tuple((self.math(case.result), self.condition(case)) for case in one.cases)
        return [Chain(lhs, (Link(Cases(rows), inlines("in cases")),))]

    def condition(self, case: Case) -> Math:
        """i = y, or i ≠ j, the index that was asked for first."""
        tests = []
        for pairs, sign in ((case.equal, "="), (case.different, "≠")):
            for left, right in pairs:
                if left.plain is None:
                    left, right = right, left
                tests.append(row(self.notation.integer(left), Op(sign),
                                 self.notation.integer(right)))
        return row(*separated(tests, Words(" and ")))

    def matrices(self, one: Derived) -> list[Block]:
        """The result in matrix notation, where it has such a form."""
        if one.matrix is None or not (self.found.outer or one.indices):
            return []
        math = self.lying(one, one.matrix) if self.layout == "row" else one.matrix.math
        lhs = self.derivative(self.notation.tensor(self.found.of), one.tensor, ())
        return [Chain(lhs, (Link(math, inlines([*self.size(one), *self.units(one)])),))]

    def lying(self, one: Derived, form: Form) -> Math:
        """A form where derivatives by vectors are rows: ∂E/∂y diag(y ∘ (1 - y)), (∂E/∂z)ᵀ xᵀ."""
        derivatives = {n: by for n, (_, by) in self.found.derivatives().items()}
        if self.found.outer:
            return form.row
        read = {derivatives[n.tensor]: n.tensor for n in walk(one.result)
                if isinstance(n, Ref) and n.tensor in derivatives}
        factors = [jacobian(Part(self.found, one), use) for use in one.uses]
        if read and [use.target for use in one.uses] == list(read) and all(factors):
            parts = [beside(self.notation.tensor(name), factor.at(1))
                     for name, factor in zip(read.values(), factors, strict=True) if factor]
            return row(*separated(parts, Op("+")))
        tensors = self.found.tensors()
        rows = [self.notation.tensor(n) for n in derivatives
                if n in tensors and len(tensors[n].shape) == 1]
        return turned(form.row, rows)

    def units(self, one: Derived) -> list[str | Math]:
        """What e_y is, where it stands in the matrix form."""
        places = {place: None for node in walk(one.result) if isinstance(node, Delta)
                  for place in (node.left, node.right) if not place.indices()}
        words: list[str | Math] = []
        for place in places:
            at = self.notation.integer(place)
            words += ["; ", Subscript(Identifier("e"), at), " is 1 at ", at, ", else 0"]
        return words

    def size(self, one: Derived, of: str = "") -> list[str | Math]:
        """In words: how many rows and columns the matrix has, and that rows are cells of `of`."""
        tensors = self.found.program.tensors
        outer, shape = tensors[self.found.of].shape, tensors[one.tensor].shape
        if len(outer) == 1 and len(shape) == 1:
            return ["in matrices, ", self.written(outer[0]), " × ", self.written(shape[0]),
                    ": a row for each cell of ", self.notation.tensor(of or self.found.of)]
        shape = outer or shape
        rows = Num("1") if len(shape) == 1 else self.written(shape[0])
        columns = self.written(shape[-1])
        if len(shape) == 1 and (self.layout == "column" or outer):
            rows, columns = columns, rows
        return ["in matrices, ", rows, " × ", columns]

    def written(self, size: Integer) -> Math:
        """A size as a factor: I, 12, (I - K + 1)."""
        m = self.notation.integer(size)
        return Fence(m) if " " in str(size) else m

    def reach(self, one: Derived) -> Prose:
        targets = [u.target for u in one.uses if u.target != self.found.of]
        through = " and ".join(targets) if len(targets) < 3 else ", ".join(targets)
        direct = ", and directly" if len(targets) < len(one.uses) else ""
        return f"chain rule: {one.tensor} reaches {self.found.of} through {through}{direct}"

    def chain_rule(self, one: Derived) -> Math:
        parts: list[Math] = []
        for use in one.uses:
            parts.append(self.through(use, one))
        return parts[0] if len(parts) == 1 else row(*separated(parts, Op("+")))

    def through(self, use: Use, one: Derived) -> Math:
        """Σ_k ∂L/∂p_k · ∂p_k/∂z_i"""
        local = self.derivative(self.place(use.target, use.cell), one.tensor, one.indices)
        if use.target == self.found.of:  # by its own formula, what is on the way held
            held = [self.notation.tensor(u.target) for u in one.uses if u is not use]
            return Subscript(Fence(local), row(*separated(held, Op(","))))
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
            left_out = [line.why for line in chosen[1:] if line.rule in _TELLING]
            why = "; ".join(dict.fromkeys(left_out)) or chosen[-1].why
            chosen = [chosen[0], replace(chosen[-1], why=why)]
        links = [Link(self.math(line.after), inlines(line.why)) for line in chosen]
        same = [k for k, link in enumerate(links) if link.math == links[-1].math]
        return tuple(links[: same[0] + 1] if same else links)


def closing(found: Derivation, notation: Notation) -> list[Block]:
    """What is said at the end: what is known already, choices at corners, how it was checked."""
    return [*reuse([found], notation), *kinks(found.program, notation), *step([found]), p(CHECKED)]


def step(derivations: Sequence[Derivation]) -> list[Block]:
    """What H stands for, where it came in with the derivative of a function with a corner."""
    results = [one.result for found in derivations for one in found.found.values()]
    own = [e.body for found in derivations[:1] for e in found.program.equations]
    if not _stepped(results) or _stepped(own):
        return []
    return [p(Identifier("H"), " is the step: 1 above 0, 0 below 0, and 1/2 at 0.")]


def _stepped(several: Sequence[Expr]) -> bool:
    return any(isinstance(node, Apply) and node.function == "heaviside"
               for e in several for node in walk(e))


def reuse(derivations: Sequence[Derivation], notation: Notation) -> list[Block]:
    """Which values of the forward pass stand in the results, so that nothing is computed twice."""
    names: dict[str, None] = {}
    for found in derivations:
        own = {e.target for e in found.program.equations} - {*found.derivatives(), found.of}
        results = [found.found[n].result for n in found.wrt if n in found.found]
        names.update((n.tensor, None) for e in results for n in walk(e)
                     if isinstance(n, Ref) and n.tensor in own)
    if not names:
        return []
    listed = separated([notation.tensor(n) for n in names], ", ")
    verb = "is" if len(names) == 1 else "are"
    return [p(*listed, f" {verb} known from the forward pass.")]


def kinks(program: Program, notation: Notation) -> list[Block]:
    """A remark for each function with a corner, and each border of cases: what is taken there."""
    blocks: list[Block] = []
    for e in program.equations:
        for node in walk(e.body):
            for one in _kink(node, notation):
                blocks += [one] if one not in blocks else []
    return blocks


def _positive(e: Expr) -> Expr:
    """What is 0 where this is, without a sign in front."""
    return e.args[0] if isinstance(e, Apply) and e.function == "neg" else e


def _kink(node: Expr, notation: Notation) -> list[Block]:
    if isinstance(node, Apply):
        return [note("Where ", notation.expression(_positive(kink.where(*node.args))), " = 0, ",
                     notation.expression(node), " has a corner; its derivative is taken as "
                     f"{kink.chose} there, out of [{kink.low}, {kink.high}].", kind="kink")
                for kink in FUNCTIONS[node.function].kinks]
    if isinstance(node, Select):
        return [note("Where ", notation.expression(test.args[0]), " = ",
                     notation.expression(test.args[1]), ", the cases change; the derivative is that"
                     " of the case that holds there.", kind="kink")
                for test in walk(node.condition) if isinstance(test, Apply)
                and test.function in ("lt", "le", "gt", "ge")
                and any(isinstance(part, Ref) for part in walk(test))]
    if isinstance(node, Reduce) and node.op != "sum":
        return [note("Where several cells are the largest or the smallest, the first of them passes"
                     " the derivative.", kind="kink")]
    return []
