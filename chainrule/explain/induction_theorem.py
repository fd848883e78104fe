"""What an induction shows, typeset: every formula with the layers that it is for, and why."""

from __future__ import annotations

from chainrule.algebra.matrix import beside
from chainrule.document.blocks import Block, Chain, Link, Prose, inlines, p
from chainrule.document.mathtree import (
    Fence,
    Fraction,
    Identifier,
    Math,
    Num,
    Op,
    Power,
    Row,
    row,
)
from chainrule.document.notation import Notation, symbol
from chainrule.explain.induction import Induction, Part, Result
from chainrule.explain.induction_math import (
    joined,
    layer_sum,
    layers,
    level_math,
    listed,
    part_notation,
)
from chainrule.explain.induction_names import said
from chainrule.explain.induction_recursion import Factor, ahead, below, product
from chainrule.lang.families import Level
from chainrule.lang.integers import index

_T = Identifier("T", upright=True)


class Theorem:
    """Typesets the results of one induction."""

    def __init__(self, found: Induction, layout: str) -> None:
        self.found = found
        self.layout = layout
        self.end = found.end
        self.letter = found.letter
        self.loss = Notation({}).tensor(found.of)
        self.ahead = ahead(found)
        inner = [name[name.rindex("(") :] for name in self.ahead]
        self.up = bool(inner) and all("-" in where for where in inner)

    # which results, and where they hold

    def alone(self) -> list[Result]:
        """Results for all layers that the base case reads: they need no layer but their own."""
        table = {one.family: one for one in self.found.step if one.generic}
        wanted = [name for one in self.found.base for part in one.parts for name in below(part)]
        chosen: list[Result] = []
        while wanted:
            one = table.get(wanted.pop().partition("(")[0])
            if one is not None and one not in chosen:
                chosen.append(one)
                wanted += [name for part in one.parts for name in below(part)]
        if any(name in self.ahead for one in chosen for part in one.parts for name in below(part)):
            return []
        return [one for one in self.found.step if one in chosen]

    def ordered(self) -> list[Result]:
        """The results in the order in which they are computed."""
        alone = self.alone()
        return [*alone, *self.found.base, *(one for one in self.found.step if one not in alone)]

    def layers(self, one: Result) -> Math:
        """l = L - 1, …, 1, in the order in which the layers are worked."""
        assert one.first is not None and one.last is not None
        ends = (one.first, one.last) if self.up else (one.last, one.first)
        return layers(*ends, self.letter, self.end)

    def smallest(self) -> list[Prose]:
        """≥ 2, where the formulas are for no smaller number of layers."""
        least = min(self.found.checked, default=1)
        return [] if least < 2 else [row(Op("≥"), Num(str(least)))]

    def least(self, one: Result) -> list[Math]:
        """L ≥ 2, for the layer before the last one where the first layer has a formula of its own.

        Only then is there a network, of those that were checked, that has no such layer.
        """
        if one.first is None or one.first != one.last or one.first.anchor != "L":
            return []
        firsts = [r.first.offset for r in self.found.results
                  if r.family == one.family and r.first and not r.first.anchor]
        least = min(firsts, default=0) - one.first.offset
        if not firsts or least <= min(self.found.checked, default=1):
            return []
        return [row(symbol(self.end), Op("≥"), Num(str(least)))]

    def hypotheses(self) -> list[Math]:
        """The derivatives at other layers that the step takes as given."""
        return [self.partial(name) for name in self.ahead]

    # formulas

    def partial(self, name: str) -> Math:
        """∂E/∂z⁽ˡ⁾, from the name of a tensor."""
        return Fraction(Row((Op("∂"), self.loss)), Row((Op("∂"), symbol(name))))

    def label(self, one: Result) -> str:
        """z(l), W(L), U."""
        if one.first is None or one.last is None:
            return one.family
        if one.first == one.last:
            return f"{one.family}({said(one.first, self.letter, self.end)})"
        return f"{one.family}({self.letter})"

    def formulas(self) -> list[Block]:
        """All of them; then the step in one formula, and what the loss does not depend on."""
        blocks: list[Block] = []
        for one in self.ordered():
            blocks += self.chains(one)
        if self.found.together is not None:
            blocks.append(p("In one formula, from layer to layer:"))
            blocks += self.chains(self.found.together)
        known = {one.family for one in self.found.results} | {
            self.label(one) for one in self.found.results}
        network = self.found.network
        homes = {} if network is None else network.homes
        still = [n for n in self.found.wrt if n not in known and not (
            n in homes and homes[n][0] in known)]
        if still:
            blocks.append(p(f"{self.found.of} does not depend on {', '.join(still)}."))
        return blocks

    def chains(self, one: Result) -> list[Block]:
        """A result in indices, and in matrices where it has such a form."""
        first = one.parts[0]
        notation = part_notation(first.found)
        name = self.label(one)
        cell = notation.tensor(name, tuple(notation.integer(index(i))
                                           for i in first.derived.indices))
        whose: list[str | Math] = ["for ", *self.least(one)] if self.least(one) else []
        if one.first != one.last and one.first and one.last:
            whose = ["for ", self.layers(one)]
        lhs = notation.partial(self.loss, cell)
        items: list[Math] = []
        for part in one.parts:
            math = part_notation(part.found).expression(part.derived.result)
            items.append(self.summed(part, math))
        blocks: list[Block] = [Chain(lhs, (Link(joined(items), inlines(*whose)),))]
        forms = [part.derived.matrix for part in one.parts]
        if first.derived.indices and all(forms):
            shown = [self.summed(part, form.row if self.layout == "row" else form.math)
                     for part, form in zip(one.parts, forms, strict=True) if form is not None]
            blocks.append(Chain(self.partial(name), (Link(joined(shown), inlines("in matrices")),)))
        return blocks

    def summed(self, part: Part, math: Math) -> Math:
        """A part under its sum over layers."""
        if part.over is None:
            return math
        loose = isinstance(math, Row) and any(x in (Op("+"), Op("-")) for x in math.items)
        return Row((layer_sum(part.letter, *part.over, self.end), Fence(math) if loose else math))

    # the product of all layers

    def product(self) -> list[Block]:
        """The recursion as a product of Jacobians; with I + A, as a sum over paths."""
        factor = product(self.found)
        goal = self.found.together or next(
            (one for one in self.found.step if one.parts[0].derived.tensor == getattr(
                factor, "by", None)), None)
        if factor is None or goal is None or self.up or goal.last is None:
            return []
        family = goal.family
        top, by = symbol(factor.top), symbol(factor.by)
        jacobian = Chain(ratio(top, by), (Link(beside(*(
            Fence(f.math) if f.binds == 0 and len(factor.forms) > 1 else f.math
            for f in factor.forms))),))
        highest = Level(goal.last.anchor, goal.last.offset + 1)
        ends = [symbol(f"{family}({said(Level(x.anchor, x.offset), self.letter, self.end)})")
                for x in (highest, goal.last)]
        parts = [self.lying(self.partial_of(ends[0])), ratio(ends[0], ends[1])]
        chain = beside(*parts, Identifier("⋯"), ratio(top, by))
        rows = "" if self.layout == "row" else ", the derivatives being rows"
        return [p(f"As a product, one Jacobian for each layer{rows}:"),
                Chain(self.lying(self.partial(factor.by)), (Link(chain, inlines(
                    "for ", self.layers(goal))),)),
                jacobian, *self.paths(factor)]

    def paths(self, factor: Factor) -> list[Block]:
        """(I + A₂)(I + A₁) = I + A₁ + A₂ + A₂ A₁: through each layer, or around it."""
        if factor.beside is None:
            return []
        unit, one, two = Identifier("I"), symbol("A1"), symbol("A2")
        left = beside(Fence(row(unit, "+", two)), Fence(row(unit, "+", one)))
        right = row(unit, "+", one, "+", two, "+", beside(two, one))
        power = Power(Num("2"), row(level_math(Level("L", 0), "", self.end), "-",
                                    symbol(self.letter)))
        return [p("With ", symbol("A"), " for ", factor.beside.math, ", two layers give"),
                Chain(left, (Link(right),)),
                p("a sum over the paths: each goes through a layer, or around it. From the last "
                  "layer down to layer ", symbol(self.letter), " there are ", power, " of them; "
                  "one of them is ", unit, ": it hands the derivative down as it is.")]

    def partial_of(self, math: Math) -> Math:
        return Fraction(Row((Op("∂"), self.loss)), Row((Op("∂"), math)))

    def lying(self, math: Math) -> Math:
        """A derivative as a row."""
        return math if self.layout == "row" else Power(math, _T)

    # words

    def argument(self) -> list[Block]:
        """Why this is all: the induction in words."""
        known = self.hypotheses()
        through = [one for one in self.found.step if one.first != one.last
                   and one.family not in self.found.wrt and one not in self.alone()]
        if not known or not through:
            return []
        ends = [one for one in self.found.base if one.first] or [
            one for one in self.found.step if one.first and one.first == one.last]
        started = [self.partial(self.label(one)) for one in ends]
        if not started:
            return []
        found = [self.partial(self.label(one)) for one in through]
        asked = [self.partial(self.label(one)) for one in self.found.step
                 if one.family in self.found.wrt and one.generic]
        verb = "follows" if len(asked) == 1 else "follow"
        then: list[Prose] = [f". From them {verb} ", *listed(asked), "."] if asked else ["."]
        return [p("By induction: the base case gives ", *listed(started), ". Where ",
                  *listed(known), f" {'is' if len(known) == 1 else 'are'} known, the step gives ",
                  *listed(found), "; so they are known for ", self.layers(through[-1]),
                  ", one after the other", *then)]

    def verified(self) -> Block:
        """How it was checked."""
        depths = [str(k) for k in self.found.checked]
        if not depths:
            return p("Each line was evaluated at random points.")
        numbers = depths[0] if len(depths) == 1 else (
            f"{', '.join(depths[:-1])} and {depths[-1]}")
        return p("Each line was evaluated at random points; and with ", symbol(self.end),
                 f" = {numbers} every formula was held against the derivative that the network "
                 "runs, at every layer.")


def ratio(top: Math, by: Math) -> Math:
    """∂z⁽ˡ⁺¹⁾/∂z⁽ˡ⁾"""
    return Fraction(Row((Op("∂"), top)), Row((Op("∂"), by)))


__all__ = ["Theorem", "ratio"]
