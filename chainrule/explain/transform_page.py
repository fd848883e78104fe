"""A transformed network as a document: both networks, the weights, why the outputs are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from chainrule.document.blocks import (
    Block,
    CodeBlock,
    Document,
    Heading,
    MathBlock,
    Prose,
    code,
    heading,
    p,
    strong,
    table,
)
from chainrule.document.mathtree import (
    Fence,
    Identifier,
    Math,
    Op,
    Row,
    Subscript,
    row,
    separated,
)
from chainrule.document.notation import Notation, number, symbol
from chainrule.explain.proof_page import cells, steps
from chainrule.explain.swaps import Swap
from chainrule.explain.transform import Rewritten
from chainrule.explain.transform_proof import Lemma, Transformed, both_outputs, new_weights
from chainrule.explain.work import equation_math
from chainrule.lang.expr import Ref, walk
from chainrule.lang.program import Equation

_SHOWN: Final = 64  # cells of a weight that are written out
_OUTPUTS: Final = 6  # cells of an output that are
_CHECKED: Final = ("Each line was evaluated at random points, and each claim was decided by "
                   "comparing normal forms.")


def page(found: Transformed, values: Mapping[str, Any] | None = None) -> Document:
    """The document; with `values` of the old inputs, the new weights and both outputs in numbers.

    Raises what running the network on the values raises.
    """
    return _Page(found).document(values)


def primed(m: Math) -> Math:
    """A symbol with a prime.

    >>> from chainrule.document.mathtext import text
    >>> text(primed(symbol("W2")))
    'W′₂'
    """
    if isinstance(m, Identifier):
        return Identifier(f"{m.name}′", m.upright)
    if isinstance(m, Subscript):
        return Subscript(primed(m.base), m.sub)
    return m


class _Page:
    def __init__(self, found: Transformed) -> None:
        self.found = found
        done: Rewritten = found.rewritten
        self.done = done
        self.names = {new: primed(symbol(stem)) for new, stem in done.stems.items()
                      if stem != new}
        tensors = {**done.old.tensors, **done.new.tensors}
        self.notation = Notation(tensors, names=self.names)

    def document(self, values: Mapping[str, Any] | None) -> Document:
        swaps = self.done.swaps
        title = " and ".join(dict.fromkeys(f"{s.old} written by {s.new}" for s in swaps))
        blocks: list[Block] = [MathBlock(self.identity(s)) for s in swaps]
        blocks += self.networks()
        blocks += self.weights()
        if values is not None:
            blocks += self.numbers(values)
        blocks += self.proof()
        blocks += [heading(2, "The new network as a program"),
                   CodeBlock(str(self.found.program), "chainrule")]
        return Document(title[:1].upper() + title[1:], tuple(blocks))

    def identity(self, swap: Swap) -> Math:
        claim = swap.proof.claim
        own = Notation(claim.program.tensors)
        assert claim.right is not None
        return row(own.expression(claim.left.body), "=", own.expression(claim.right.body))

    def equation(self, e: Equation) -> Block:
        return MathBlock(equation_math(self.notation, e))

    def networks(self) -> list[Block]:
        changed = {c.new for c in self.done.changes}
        blocks: list[Block] = [heading(2, "The network")]
        blocks += [self.equation(e) for e in self.done.old.equations]
        if self.done.guessed and self.done.parameters:
            blocks.append(p("Its weights are taken to be ", *separated(
                [symbol(n) for n in self.done.parameters], ", "), "."))
        blocks.append(heading(2, "The new network"))
        blocks += [self.equation(e) for e in self.done.new.equations if e.target in changed]
        same = [e.target for e in self.done.new.equations if e.target not in changed]
        if same:
            blocks.append(p(*separated([symbol(n) for n in dict.fromkeys(same)], ", "),
                            " stays as it is." if len(same) == 1 else " stay as they are."))
        return blocks

    def weights(self) -> list[Block]:
        made = {e.target for e in self.done.weights}
        kept = [n for n in self.done.new.inputs if n not in made and n in self.done.parameters]
        blocks: list[Block] = [heading(2, "Its weights")]
        blocks += [self.equation(e) for e in self.done.weights]
        if kept:
            blocks.append(p(*separated([symbol(n) for n in kept], ", "),
                            " stays as it is." if len(kept) == 1 else " stay as they are."))
        elif not made:
            blocks.append(p("There are none that change."))
        padded = [r for e in self.done.new.equations for r in walk(e.body)
                  if isinstance(r, Ref) and r.outside is not None and r.tensor in self.names]
        for name, ref in {r.tensor: r for r in padded}.items():
            assert ref.outside is not None
            blocks.append(p("Where ", self.names[name], " is read outside of itself stands ",
                            number(ref.outside.fill.value), "."))
        return blocks

    # the proof

    def proof(self) -> list[Block]:
        blocks: list[Block] = [heading(2, "Why the outputs are equal")]
        if self.found.verdict != "proved":
            left = [lm.proof for lm in self.found.lemmas if lm.proof.verdict != "proved"]
            blocks.append(p(strong("Undecided."), " No proof was found of ", *separated(
                [code(q.claim.last) for q in left], ", "), "."))
        elif len(self.found.lemmas) > 1:
            blocks.append(p("Equation by equation: what was shown of the tensors before is put "
                            "into the next one."))
        for lemma in self.found.lemmas:
            blocks += self.lemma(lemma)
        for swap in self.done.swaps:
            blocks.append(heading(3, "Why ", self.identity(swap)))
            blocks += _deeper(steps(swap.proof))
        words: list[Prose] = [_CHECKED]
        if self.found.difference is not None:
            words.append(" Both networks were run at random points too: their outputs differ by "
                         "rounding alone.")
        blocks.append(p(*words))
        return blocks

    def lemma(self, lemma: Lemma) -> list[Block]:
        """What is shown of one tensor, and the lines."""
        change = lemma.change
        old, new = Ref(change.old, lemma.cells), Ref(change.new, lemma.cells)
        blocks: list[Block] = [heading(3, self.notation.ref(old), " = ",
                                       self.notation.expression(change.relation.of(new)))]
        given = self.given(lemma)
        if given:
            blocks.append(p("With ", *separated(given, " and "), " put in:"))
        if lemma.proof.verdict != "proved":
            return [*blocks, p(lemma.proof.reason, ".")]
        return blocks + _deeper(steps(lemma.proof, self.names))

    def given(self, lemma: Lemma) -> list[Math]:
        """What is put into the equation of a lemma: the lemmas before it, and the identity."""
        read = {n.tensor: n for e in lemma.change.before for n in walk(e.body)
                if isinstance(n, Ref)}
        found: list[Math] = [row(self.notation.ref(read[c.old]), "=", self.notation.expression(
                    c.relation.of(Ref(c.new, read[c.old].subscripts))))
                 for c in self.done.changes if c.old in read]
        if lemma.put_in:
            found += [self.identity(s) for s in lemma.change.activations]
        return found

    # numbers

    def numbers(self, values: Mapping[str, Any]) -> list[Block]:
        """The new weights, and what both networks give."""
        found = new_weights(self.done, values)
        blocks: list[Block] = [heading(2, "In numbers")]
        large = []
        for name, value in found.items():
            if getattr(value, "size", 1) > _SHOWN:
                large.append(name)
                continue
            blocks.append(MathBlock(row(self.notation.tensor(name), "=", cells(value.tolist()))))
        if large:
            blocks.append(p(*separated([self.notation.tensor(n) for n in large], ", "),
                            " have more than 64 numbers each: the formulas above give them."))
        rows = []
        for old, a, new, b in both_outputs(self.done, values):
            rows += [[symbol(old), _listed(a)], [self.notation.tensor(new), _listed(b)]]
        blocks.append(table(["output", "value"], rows))
        return blocks


def _deeper(blocks: Sequence[Block]) -> list[Block]:
    """Blocks whose headings stand below those of a lemma."""
    return [Heading(4, b.inlines) if isinstance(b, Heading) else b for b in blocks]


def _listed(value: Any) -> Math:
    flat = value.ravel().tolist() if hasattr(value, "ravel") else [value]
    if len(flat) == 1:
        return number(flat[0], 6)
    shown: list[Math] = [number(v, 6) for v in flat[:_OUTPUTS]]
    if len(flat) > _OUTPUTS:
        shown.append(Op("…"))
    return Fence(Row(tuple(separated(shown, Op(",")))))


__all__ = ["page", "primed"]
