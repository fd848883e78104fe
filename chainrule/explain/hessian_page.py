"""A derivation of second derivatives as a document: the gradient g, its Jacobian, the two parts."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.document.blocks import (
    Block,
    Chain,
    Document,
    Link,
    MathBlock,
    Paragraph,
    heading,
    inlines,
    p,
)
from chainrule.document.mathtree import Math, row, separated
from chainrule.explain.derivation_notation import PartialNotation, fraction
from chainrule.explain.derivation_page import CHECKED, Writer, kinks, reuse, step
from chainrule.explain.hessian import Block as Second
from chainrule.explain.hessian import Hessian, Part, Split
from chainrule.explain.work import equation_math
from chainrule.lang.integers import index
from chainrule.lang.program import Tensor

_WITH_CHECK = CHECKED.replace("the derivative that", "the derivative of the derivative that")


def page(found: Hessian, steps: str = "all", title: str = "", layout: str = "column") -> Document:
    """The document; `steps` and `layout` are those of a gradient's page."""
    first = found.gradient
    writer = Writer(first, steps, layout)
    blocks: list[Block] = []
    if steps != "result":
        blocks += [MathBlock(equation_math(writer.notation, e)) for e in first.program.equations]
    if first.givens:
        blocks.append(p("Given ", *separated(
            [writer.given(k) for k in range(len(first.givens))], ", "), "."))
    if steps != "result":
        blocks += writer.quantities()
    told = False  # what the two parts are is said once
    for one in found.blocks:
        blocks += _block(found, one, steps, layout, told)
        told = told or one.split is not None
    derivations = [b.derivation for b in found.blocks if b.derivation is not None]
    blocks += [*reuse(derivations, writer.notation), *kinks(first.program, writer.notation),
               *step([first, *derivations]),
               p(_WITH_CHECK)]
    return Document(title or f"The second derivatives of {first.of}", tuple(blocks))


def _block(
    found: Hessian, one: Second, steps: str, layout: str, told: bool
) -> list[Block]:
    """One block: the gradient's name, its Jacobian, and the second derivatives."""
    first = found.gradient
    plain = Writer(first, steps, layout)
    a, b = one.by
    top = plain.notation.tensor(one.of)
    head = heading(1, fraction(top, [plain.notation.tensor(a), plain.notation.tensor(b)]))
    if one.derivation is None:
        return [head, p("The gradient by ", plain.notation.tensor(a), " does not depend on ",
                        plain.notation.tensor(b), ": the second derivatives are 0.")]
    writer = Writer(one.derivation, steps, layout, level=2)
    derived = one.derivation.found[b]
    rows, columns = one.derivation.outer, derived.indices
    cell = fraction(top, [writer.cell(a, rows), writer.cell(b, columns)])
    blocks: list[Block] = [head]
    beside = writer.mentioned() - {b}
    if steps != "result" or beside:
        gradient = first.found[a]
        blocks += [
            Paragraph(inlines("Write ", writer.notation.tensor(one.name), " for the gradient; the "
                              "second derivatives are its Jacobian.")),
            Chain(writer.cell(one.name, gradient.indices),
                  (Link(plain.derivative(plain.loss, a, gradient.indices)),
                   Link(plain.math(gradient.result)))),
        ]
        blocks += writer.quantities([b]) if steps != "result" else writer.chosen(beside)
    links = [Link(writer.math(derived.result))]
    if steps != "result":
        links.insert(0, Link(writer.derivative(writer.loss, b, columns)))
    blocks += [Chain(cell, tuple(links)), *writer.cases(derived, cell)]
    if derived.matrix is not None and (rows or columns):
        whole = fraction(top, [writer.notation.tensor(a), writer.notation.tensor(b)])
        words = writer.size(derived, a if rows and columns else "")
        blocks.append(Chain(whole, (Link(derived.matrix.math, inlines(words)),)))
    if one.split is not None:
        blocks += _split(found, one, one.split, cell, told)
    return blocks


def _split(found: Hessian, one: Second, split: Split, cell: Math, told: bool) -> list[Block]:
    """The Gauss-Newton part and the residual part."""
    tensors = dict(split.second.tensors())
    for name, (of, by) in split.derivatives.items():
        shape = (*tensors[of].shape, *tensors[by].shape) if of in tensors else ()
        tensors.setdefault(name, Tensor(name, shape))
    notation = PartialNotation(tensors, split.derivatives)
    y = notation.tensor(split.through)

    def chain(part: Part, why: Sequence[str | Math]) -> Chain:
        links = [Link(notation.expression(part.before), inlines(why))]
        links += [Link(notation.expression(line.after), inlines(line.why)) for line in part.lines]
        return Chain(inner[part], tuple(links))

    names = {split.gauss_newton: "G", split.residual: "R"}
    letters = [*(one.derivation.outer if one.derivation else ()),
               *(one.derivation.found[one.by[1]].indices if one.derivation else ())]
    places = tuple(notation.integer(index(n)) for n in letters)
    inner = {part: notation.tensor(name, places) for part, name in names.items()}
    total = Chain(cell, (Link(_plus(inner[split.gauss_newton], inner[split.residual])),))
    words = [] if told else [
        p(notation.tensor(found.gradient.of), " depends on the parameters through ", y,
          ", which is no linear function of them. The first part holds first derivatives of ", y,
          " only; the second is small where the factor ",
          fraction(notation.tensor(found.gradient.of), [y]), " is, and 0 where ", y,
          " is linear.")]
    return [
        heading(2, "The Gauss-Newton part and the residual part"),
        *words,
        total,
        chain(split.gauss_newton, ["the Gauss-Newton part"]),
        chain(split.residual, ["the residual part"]),
    ]


def _plus(a: Math, b: Math) -> Math:
    return row(a, "+", b)
