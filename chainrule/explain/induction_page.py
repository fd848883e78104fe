"""An induction as a document: the network, the base case, the step, what follows for all layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainrule.document.blocks import (
    Block,
    Document,
    MathBlock,
    Paragraph,
    Prose,
    heading,
    inlines,
    p,
)
from chainrule.document.mathtree import Math, Words, row, separated
from chainrule.document.notation import symbol
from chainrule.explain.derivation_page import Writer, kinks
from chainrule.explain.induction import Induction, Network, Part, Result
from chainrule.explain.induction_math import Layered, layers, listed
from chainrule.explain.induction_names import in_equation, in_program, named
from chainrule.explain.induction_rows import in_rows
from chainrule.explain.induction_theorem import Theorem
from chainrule.explain.work import equation_math
from chainrule.lang.expr import Range, Reduce


def page(found: Induction, steps: str = "all", layout: str = "column", title: str = "",
         ) -> Document:
    """The document; `steps` and `layout` are those of a derivation's page."""
    if layout == "row":
        found = in_rows(found)
    theorem = Theorem(found, layout)
    writer = _Writer(found, theorem, steps, layout)
    blocks: list[Block] = []
    if steps != "result":
        blocks += [*writer.network(), *writer.cases()]
        blocks.append(heading(1, "So, for every ", symbol(found.end), *theorem.smallest()))
    blocks += theorem.formulas()
    if steps != "result":
        blocks += [*theorem.product(), *theorem.argument()]
        blocks += writer.corners()
    blocks.append(theorem.verified())
    name = f"The derivative of {found.of}, for any number {found.end} of layers"
    return Document(title or name, tuple(blocks))


def _plain(total: Reduce) -> Reduce:
    """A sum without how far it runs: its size is called by another name here."""
    return replace(total, indices=tuple(Range(r.name) for r in total.indices))


class _Copy(Writer):
    """Typesets one use of a tensor that every layer reads: U(t) is the U of layer t."""

    def __init__(self, part: Part, use: str, steps: str, layout: str) -> None:
        self.name = part.derived.tensor
        self.copy = f"{self.name[:-1]},{use})" if "(" in self.name else f"{self.name}({use})"
        super().__init__(part.found, steps, layout, level=2)

    def cell(self, name: str, indices: Sequence[str]) -> Math:
        return super().cell(self.copy if name == self.name else name, indices)


class _Writer:
    """Typesets the network and the derivations of one induction."""

    def __init__(self, found: Induction, theorem: Theorem, steps: str, layout: str) -> None:
        self.found = found
        self.theorem = theorem
        self.steps = steps
        self.layout = layout
        assert found.window is not None
        self.window = found.window
        self.shown = Network(found.family, self.window.last, symbolic=True, short=self.window.here)

    # the network

    def network(self) -> list[Block]:
        """Its formulas as they were written, each with the layers that it is for."""
        found = self.found
        blocks: list[Block] = []
        for number, s in enumerate(found.family.statements):
            bound = (x.text for x in s.pieces if x.text in found.family.variables)
            letter = s.variable or next(bound, found.letter)
            window = replace(self.window, letter=letter)
            notation = Layered(self.shown, window)
            for e in self.shown.program.equations:
                one = self.shown.owner(e.target)
                if one.statement != number or (s.variable and one.layer != window.here):
                    continue
                moved = in_equation(e, named(self.shown.homes, window),
                                    named(self.shown.found.sizes, window))
                math = equation_math(notation, moved)
                if s.variable:
                    math = row(math, Words("   for "), layers(s.first, s.last, letter, found.end))
                blocks.append(MathBlock(math))
        return [*blocks, *self.assumptions()]

    def assumptions(self) -> list[Block]:
        """What was assumed."""
        if not self.found.givens:
            return []
        notation = Layered(self.shown, replace(self.window, here=None))
        said_so = [row(notation.expression(_plain(g.left)), "=", notation.expression(g.right))
                   for g in self.found.givens]
        return [p("Given ", *separated(said_so, ", "), ".")]

    # the cases

    def cases(self) -> list[Block]:
        """The derivations: of layers that need no other one, of the end, of the step."""
        alone = self.theorem.alone()
        blocks: list[Block] = []
        if alone:
            blocks.append(heading(1, "Each layer by itself"))
            blocks += self.quantities(alone)
        if self.found.base:
            blocks.append(heading(1, "The base case: the end of the network"))
            for one in self.found.base:
                blocks += self.quantity(one, one.parts[0])
        rest = [one for one in self.found.step if one not in alone]
        if rest:
            blocks.append(heading(1, "The step: one layer for all"))
            known = self.theorem.hypotheses()
            if known:
                be = "is" if len(known) == 1 else "are"
                blocks.append(p("Assume that ", *listed(known), f" {be} known."))
            blocks += self.quantities(rest)
        return blocks

    def quantities(self, results: Sequence[Result]) -> list[Block]:
        """The derivations of results of the step."""
        blocks: list[Block] = []
        for one in results:
            for part in one.parts:
                blocks += self.quantity(one, part)
            if any(part.over for part in one.parts):
                blocks += [p("Every layer adds its part."), *self.theorem.chains(one)]
            elif one.first != one.last and one.first and one.last:
                blocks.append(p("This holds for ", self.theorem.layers(one), "."))
        return blocks

    def quantity(self, one: Result, part: Part) -> list[Block]:
        """The chains of one quantity, its heading a level down."""
        writer = Writer(part.found, self.steps, self.layout, level=2)
        blocks = writer.quantity(part.derived)
        if not any(other.over for other in one.parts):
            return [*blocks, *self.enough(one)]
        readers = [use.target for use in part.derived.uses]
        if part.over is not None:
            own = _Copy(part, part.letter, self.steps, self.layout)
            who: tuple[Prose, ...] = (f"layer {part.letter}",)
        else:
            lowest = min(other.over[0].offset for other in one.parts if other.over)
            own = _Copy(part, "0" if lowest > 0 else "e", self.steps, self.layout)
            who = tuple(listed([writer.cell(target, ()) for target in readers]))
        verb = " reads." if len(who) == 1 else " read."
        words = inlines("Write ", own.cell(own.name, ()), " for the ", writer.cell(own.name, ()),
                        " that ", *who, verb)
        return [*(blocks[:1] if part is one.parts[0] else []), Paragraph(words),
                *own.quantity(part.derived)[1:]]

    def enough(self, one: Result) -> list[Block]:
        """That a layer before the last one needs a network with so many layers."""
        if not (least := self.theorem.least(one)) or self.steps == "result":
            return []
        return [p("This holds for ", *least, ".")]

    def corners(self) -> list[Block]:
        """Remarks on functions with a corner."""
        program, statements = self.shown.program, self.found.family.statements
        owners = [self.shown.owner(e.target) for e in program.equations]
        here = [e for e, one in zip(program.equations, owners, strict=True)
                if not statements[one.statement].variable or one.layer == self.window.here]
        moved = in_program(replace(program, equations=tuple(here)),
                           named(self.shown.homes, self.window),
                           named(self.shown.found.sizes, self.window))
        return kinks(moved, Layered(self.shown, self.window))
