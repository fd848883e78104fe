"""A proof as a document: the claim, what is assumed, the verdict, and the lines that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction as Rational
from typing import Any, Final

from chainrule.algebra.domain import Demand
from chainrule.algebra.polynomial import condition
from chainrule.algebra.products import addends, mentions
from chainrule.algebra.signs import Facts
from chainrule.algebra.tidying import lettered
from chainrule.document.blocks import (
    Block,
    Chain,
    Document,
    Inlines,
    Link,
    MathBlock,
    Prose,
    code,
    heading,
    inlines,
    p,
    strong,
)
from chainrule.document.mathtree import (
    Both,
    Fence,
    Fraction,
    Math,
    Matrix,
    Num,
    Op,
    Power,
    Row,
    Under,
    Words,
    row,
    separated,
)
from chainrule.document.notation import as_whole, is_exact, number, symbol
from chainrule.explain.calculus import STARTS
from chainrule.explain.claim_numbers import numbers
from chainrule.explain.claims import Claim, Operator, Side
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivation_page import Writer
from chainrule.explain.points import Counterexample
from chainrule.explain.proof import Case, Line
from chainrule.explain.prove import Part, Proof
from chainrule.explain.work import equation_math
from chainrule.lang.expr import ZERO, Apply, Expr, Number, Reduce, Ref, walk
from chainrule.lang.integers import index

_SIGNS: Final = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}
_WORDS: Final = ("increasing", "decreasing", "non-increasing", "non-decreasing", "constant")
_TITLES: Final = {"proved": "Proved", "refuted": "Refuted", "undecided": "Undecided"}
_CHECKED: Final = "Each line was evaluated at random points at which the assumptions hold"


def page(found: Proof, values: Mapping[str, Any] | None = None) -> Document:
    """The document of a proof; with `values`, both sides in numbers at that point."""
    shown = [] if values is None else numbers(found, values)
    return Document(_TITLES[found.verdict], (*_Writer(found).blocks(), *shown),
                    {"verdict": found.verdict})


def steps(found: Proof, names: Mapping[str, Math] | None = None) -> list[Block]:
    """The lines of a proof and nothing else; `names` gives tensors symbols of their own."""
    writer = _Writer(found)
    writer.notation.names.update(names or {})
    return [block for k, part in enumerate(found.parts) for block in writer.part(part, k)]


class _Writer:
    """Typesets one proof."""

    def __init__(self, found: Proof) -> None:
        self.found = found
        self.claim: Claim = found.claim
        tensors = dict(found.assumed.program.tensors)
        tensors.update(found.claim.program.tensors)
        derivatives: dict[str, tuple[str, str]] = {}
        for lemma in found.claim.lemmas:
            for name, pair in lemma.derivatives().items():
                derivatives[name] = pair
                tensors.setdefault(name, lemma.tensors()[name])
        self.notation = PartialNotation(tensors, derivatives)

    def blocks(self) -> list[Block]:
        """Everything, in order."""
        made = {name for name, _ in self.found.assumed.why}
        lemmas = {n for lemma in self.claim.lemmas for n in lemma.derivatives()}
        blocks: list[Block] = [p("Claim: ", *self.statement(), ".")]
        blocks += [MathBlock(equation_math(self.notation, e))
                   for e in self.claim.program.equations
                   if e.target not in made and e.target not in lemmas]
        if self.found.assumed.texts:
            blocks.append(p("Assumed: ", *self.assumptions(), "."))
        if self.found.demands:
            where = "both sides are" if self.claim.right is not None and (
                self.claim.kind not in ("minimal", "maximal")) else "it is"
            blocks.append(p(f"It is claimed wherever {where} defined: ", *separated(
                [self.demand(d) for d in self.found.demands], ", "), "."))
        for lemma in self.claim.lemmas:
            writer = Writer(lemma, "all", "column", level=2)
            blocks += writer.quantities()
        blocks += self.verdict()
        return blocks

    # the claim

    def statement(self) -> list[Prose]:
        """The claim as it was typed: its last statement."""
        return [code(" ".join(self.claim.last.split()))]

    def assumptions(self) -> list[Prose]:
        """What is assumed, and what was made of it."""
        parts: list[Prose] = []
        for k, text in enumerate(self.found.assumed.texts):
            parts += [", " if k else "", code(text)]
        for _, why in self.found.assumed.why:
            if not why.startswith("given that"):
                parts.append(f" ({why})")
        return parts

    def demand(self, d: Demand) -> Math:
        return self.math(lettered(condition(d.quantity, d.signs)))

    def math(self, e: Expr) -> Math:
        return self.notation.expression(e)

    def side(self, value: Side | str) -> Math:
        """An expression with its limits and integrals, or an infinity."""
        if isinstance(value, str):
            return row("-", Op("∞")) if value.startswith("-") else Op("∞")
        if value.value is not None:
            return self.side(value.value)
        body = self.math(value.body)
        if value.operators and isinstance(value.body, Apply) and value.body.function in (
                "add", "sub", "neg"):
            body = Fence(body)
        for operator in reversed(value.operators):
            body = self.operated(operator, body)
        return body

    def operated(self, operator: Operator, body: Math) -> Math:
        """A limit, or an integral, of something."""
        variable = symbol(operator.variable)
        if operator.kind == "lim":
            place = self.point(operator.points[0])
            if operator.side:
                place = Power(place, Op(operator.side))
            return row(Under(Words("lim"), row(variable, "→", place)), body)
        low, high = map(self.point, operator.points)
        inside = () if body == Num("1") else (body,)
        return Row((Both(Op("∫"), low, high), *inside, Words(" d"), variable))

    def point(self, at: Expr | str) -> Math:
        return self.side(at) if isinstance(at, str) else self.math(at)

    # the verdict

    def verdict(self) -> list[Block]:
        found = self.found
        blocks: list[Block] = []
        if found.verdict == "undecided":
            return [p(strong("Undecided."), f" {_sentence(found.reason)}")]
        true = found.verdict == "proved"
        if self.claim.kind == "!=" and found.counterexample is not None:
            blocks.append(p(strong("True."), " They are not the same: one point shows it."))
        elif true:
            blocks.append(p(strong("True."), *self.opening()))
        else:
            blocks.append(p(strong("False."), *([f" {_sentence(found.reason)}"]
                                                if found.reason else [])))
        if found.counterexample is not None:
            blocks += self.counterexample(found.counterexample)
        for k, part in enumerate(found.parts):
            blocks += self.part(part, k)
        for proof in found.support:
            inner = _Writer(proof)
            left, right = proof.claim.left, proof.claim.right
            assert right is not None
            sign = _SIGNS[proof.claim.kind]
            blocks.append(heading(2, "Why ", row(inner.side(left), sign, inner.side(right))))
            for k, part in enumerate(proof.parts):
                blocks += inner.part(part, k)
        if found.parts:
            blocks.append(p(f"{_CHECKED}{self.decision()}."))
        if not true and self.claim.kind == "==" and found.counterexample is not None:
            blocks.append(p("The two sides were worked exactly there, or in 50 digits."))
        return blocks

    def decision(self) -> str:
        """What the verdict rests on, besides the points."""
        if not any(part.lines or part.inner for part in self.found.parts):
            return ""
        signs = self.claim.kind not in ("==", "!=", "constant")
        return ", and the claim was decided by " + (
            "the sign of a normal form" if signs else "comparing normal forms")

    def opening(self) -> list[Prose]:
        kind, name = self.claim.kind, self.claim.variable
        if kind in _WORDS:
            return [f" What counts is the sign of the derivative by {name}."]
        if kind in ("minimal", "maximal"):
            return [" What counts is the difference to the value there."]
        count = len(self.found.parts)
        return [f" There are {count} cases."] if count > 1 else []

    def part(self, part: Part, k: int) -> list[Block]:
        """One case: how limits were worked, then the chain."""
        blocks: list[Block] = []
        if part.conditions:
            blocks.append(heading(2, f"Case {k + 1}: ", *separated(
                [self.math(condition(q, s)) for q, s in part.conditions], " and ")))
        for case, side in ((part.left, self.claim.left), (part.right, self.claim.right)):
            if case is not None and case.lines and side is not None:
                blocks += self.worked(case, side)
        if part.note and not part.inner:
            blocks.append(p(part.note))
        if len(part.lines) > 1 or part.closing:
            blocks.append(self.chain(part.lines, part.closing, part.conditions))
        if len(part.lines) == 1 and not (part.closing or part.left or part.right):
            blocks.append(p("Both sides are ", self.side(part.lines[0].value), "."))
        if part.inner:
            blocks += [p(part.note)] if part.note else []
            for j, own in enumerate(part.inner):
                blocks += self.part(own, j)
        return blocks

    def worked(self, case: Case, side: Side) -> list[Block]:
        """The lines of a limit or an integral, a chain for each part that begins anew."""
        chains: list[list[Line]] = [[Line(side, "", "")]]
        for line in case.lines:
            if line.rule in STARTS:
                chains.append([])
            chains[-1].append(line)
        return [self.chain(lines, "") for lines in chains if len(lines) > 1]

    def chain(
        self, lines: Sequence[Line], closing: str, given: Sequence[tuple[Expr, str]] = ()
    ) -> Block:
        """Equal things, one below the other, each with its reason."""
        first, *rest = lines
        links = [Link(self.side(line.value), self.reason(line), line.relation) for line in rest]
        if closing:
            word = {"which is positive": (">", ZERO), "which is not negative": ("≥", ZERO),
                    "which is negative": ("<", ZERO), "which is not positive": ("≤", ZERO),
                    "which is 0": ("=", ZERO), "which is not 0": ("≠", ZERO)}[closing]
            if lines[-1].body != ZERO:
                links.append(Link(self.math(word[1]), inlines(
                    *self.why_sign(lines[-1], given)), word[0]))
        if self.claim.kind in _WORDS and first.body is not None and closing:
            links.insert(0, Link(self.side(first.value), inlines(
                "its derivative by ", symbol(self.claim.variable))))
            return Chain(self.slope(), tuple(links))
        return Chain(self.side(first.value), tuple(links))

    def slope(self) -> Math:
        """The derivative of what is said to be increasing or decreasing."""
        variable = symbol(self.claim.variable)
        return row(Fraction(Op("∂"), Row((Op("∂"), variable))),
                   Fence(self.side(self.claim.left)))

    def why_sign(self, line: Line, given: Sequence[tuple[Expr, str]] = ()) -> list[Prose]:
        """What the sign of the last line rests on."""
        body = line.body
        if body is None:
            return []
        facts = self.found.assumed.facts
        parts: list[Prose] = list(separated(line_sign(body, facts), ", "))
        names = {n.tensor for n in walk(body) if isinstance(n, Ref)}
        about: list[Prose] = [
            self.demand(d) for d in self.found.demands
            if isinstance(d.quantity, Ref) and d.quantity.tensor in names]
        about += [code(c.text) for c in self.found.assumed.conditions
                  if c.text and any(mentions(c.quantity, n) for n in names)]
        if about and (not parts or _less(body) or any(
                isinstance(n, Apply) and n.function in ("ln", "div") for n in walk(body))):
            parts += [", as " if parts else "as ", *separated(list(dict.fromkeys(about)), ", ")]
        cases = [self.math(condition(q, s)) for q, s in given if any(mentions(q, n) for n in names)]
        if cases and (not parts or _less(body)):
            parts += [", as " if parts else "as ", *separated(cases, " and ")]
        return parts

    def reason(self, line: Line) -> Inlines:
        if isinstance(line.why, str):
            return inlines(line.why)
        return inlines([self.spoken(part) if isinstance(part, Expr) else part
                        for part in line.why])

    def spoken(self, e: Expr) -> Math:
        """An expression in a reason; a tensor as a whole is called as its cells are."""
        if isinstance(e, Ref) and not e.subscripts:
            known = self.notation.tensors.get(e.tensor)
            derived = e.tensor in self.notation.derivatives
            if known is not None and known.shape and not derived:
                return as_whole(self.math(e))
        return self.math(e)

    def counterexample(self, at: Counterexample) -> list[Block]:
        """The point, and what the two sides are there."""
        values: list[Math] = [
            row(symbol(name), "=", cells(value)) for name, value in at.point.values.items()]
        blocks: list[Block] = []
        if values:
            blocks.append(MathBlock(row(*separated(values, Op(",")))))
        where = ""
        if at.cell:
            where = ", at " + " and ".join(f"{n} = {k}" for n, k in at.cell.items())
        if self.claim.kind in _WORDS:
            name = self.claim.variable
            return [*blocks, p("At ", symbol(name), " it is ", _told(at.left), ", at the greater ",
                               symbol(f"{name}2"), " it is ", _told(at.right), f"{where}.")]
        if self.claim.kind in ("minimal", "maximal"):  # the sides are f there and f here
            own, place = symbol(self.claim.variable), self.claim.right
            assert place is not None
            cell = self.notation.tensor(self.claim.variable, tuple(
                self.notation.integer(index(i)) for i in self.claim.letters))
            return [*blocks, p("With this ", own, " it is ", _told(at.right), ", and with ",
                               row(cell, "=", self.math(place.body)), " it is ", _told(at.left),
                               f"{where}.")]
        blocks.append(p("There the left side is ", _told(at.left), " and the right side ",
                        _told(at.right), f"{where}."))
        return blocks


def line_sign(body: Expr, facts: Facts) -> list[str]:
    """Why an expression has its sign, from what stands in it."""
    found = []
    for node in walk(body):
        if isinstance(node, Reduce) and node.op in ("max", "min"):
            found.append("nothing is more than the greatest" if node.op == "max" else
                         "nothing is less than the least")
        if not isinstance(node, Apply):
            continue
        if node.function == "exp":
            found.append("exp increases, exp(0) = 1" if _less(body) else
                         "exponentials are positive")
        if node.function == "square" or (node.function == "pow" and isinstance(
                node.args[1], Number) and node.args[1].value % 2 == 0):
            found.append("squares are not negative")
        if node.function == "abs":
            found.append("absolute values are not negative")
        if node.function == "ln":
            signs = facts.seen(node)
            found += ["logarithms of numbers up to 1 are not positive"] if "+" not in signs else []
            found += ["logarithms of numbers above 1 are positive"] if signs == "+" else []
        if node.function == "sub" and isinstance(node.args[0], Reduce) and (
                node.args[0].op == "sum") and not isinstance(node.args[1], Reduce):
            return ["what is taken away is one of the terms of the sum"]
    return list(dict.fromkeys(found))


def _less(e: Expr) -> bool:
    """Whether something is taken away in a sum: its sign is not plain from those of its parts."""
    parts = addends(e)
    return len(parts) > 1 and any(sign < 0 for sign, _ in parts)


def cells(value: Any) -> Math:
    """A number, a row of numbers, or a matrix."""
    if not isinstance(value, list):
        return number(value)
    if not value or not isinstance(value[0], list):
        return Fence(Row(tuple(separated([number(v) for v in value], Op(",")))))
    if value[0] and isinstance(value[0][0], list):
        return Fence(Row(tuple(separated([cells(v) for v in value], Op(",")))), "[", "]")
    return Matrix(tuple(tuple(number(v) for v in line) for line in value))


def _told(value: Any) -> Math:
    if isinstance(value, Rational) or is_exact(value):
        return number(value)
    return row("≈", number(value))


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


__all__ = ["page", "steps"]
