"""A program with tensors worked section by section: formula, cells with numbers put in, matrix.

The forward pass takes the equations in order. The backward pass takes the adjoints in the order in
which they are computed: for each the chain rule over its uses, what that comes to, each cell with
its numbers, and the whole as a matrix. Where a maximum chose a cell, the cell is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from chainrule.document.blocks import Block, Chain, Link, MathBlock, heading, inlines, p
from chainrule.document.mathtree import Fence, Math, Num, Row, Words, row, separated
from chainrule.document.notation import is_exact, symbol
from chainrule.evaluate.cells import Cells
from chainrule.explain.work import (
    Forward,
    Reverse,
    Work,
    equals,
    equation_math,
    tensor_math,
)
from chainrule.explain.worked import Pass, Place, Worked, hits, summed, winners
from chainrule.lang.expr import Apply, ArgReduce, Expr, Number, Read, Ref, Select
from chainrule.lang.functions import OPPOSITES
from chainrule.lang.program import Equation

SHOWN_CELLS = 16  # cells of one tensor that are worked out one by one
_MANY = 64  # a tensor with more cells than this shows the first few only
_FEW = 4


def sections(work: Work, primal: Cells, forwards: Sequence[Forward],
             reverses: Sequence[Reverse]) -> list[Block]:
    """The given values, the forward pass, the tangents, the backward pass."""
    lay = _Sections(work)
    blocks = lay.given(primal)
    blocks += lay.forward_pass(primal)
    for f in forwards:
        blocks += lay.tangents(f)
    for r in reverses:
        blocks += lay.backward_pass(r)
    return blocks


class _Sections:
    def __init__(self, work: Work) -> None:
        self.work = work

    def given(self, primal: Cells) -> list[Block]:
        """The tensors that were given, as matrices; scalars stand in the opening line."""
        notation = self.work.notation(self.work.program)
        blocks: list[Block] = []
        for name in self.work.program.inputs:
            renamed: list[Math | str] = []
            if name in notation.names:
                renamed = [notation.tensor(name), "="]
            if primal[name].shape or renamed:
                blocks.append(MathBlock(row(*renamed, symbol(name),
                                            *equals(notation, primal[name]))))
        return [heading(1, "Given"), *blocks] if blocks else []

    def forward_pass(self, primal: Cells) -> list[Block]:
        program = self.work.program
        worked = self.work.worked(program, primal)
        blocks: list[Block] = [heading(1, "Forward pass")]
        for name, equations in _grouped(program.equations):
            blocks += self.definition(worked, primal, name, equations)
        return blocks

    def tangents(self, f: Forward) -> list[Block]:
        program = f.derivative.program
        worked = self.work.worked(program, f.cells)
        blocks: list[Block] = [heading(1, "Forward derivative pass")]
        for seed in f.derivative.seeds.values():
            blocks.append(MathBlock(row(worked.tensor(seed), *equals(worked, f.cells[seed]))))
        tangents = [e for e in program.equations if program.tensors[e.target].tangent_of]
        for name, equations in _grouped(tangents):
            blocks += self.definition(worked, f.cells, name, equations)
        return blocks

    def backward_pass(self, r: Reverse) -> list[Block]:
        program = r.derivative.program
        worked = self.work.worked(program, r.cells, r.of)
        blocks: list[Block] = [heading(1, "Backward pass")]
        adjoints = [e for e in program.equations if program.tensors[e.target].adjoint_of]
        for name, equations in _grouped(adjoints):
            blocks += self.adjoint(worked, r, name, equations)
        return blocks

    # one tensor

    def definition(self, worked: Worked, cells: Cells, name: str,
                   equations: list[Equation]) -> list[Block]:
        base = worked.base
        title: list[str | Math] = [base.tensor(name)]
        if name in self.work.labels:
            title += [" (", symbol(self.work.labels[name]), ")"]
        blocks: list[Block] = [heading(2, title)]
        blocks += [MathBlock(equation_math(base, e)) for e in equations]
        chosen: dict[str, set[Place]] = {}
        for equation in equations:
            for tensor, places in winners(worked.evaluator, equation).items():
                chosen.setdefault(tensor, set()).update(places)
        for tensor, places in chosen.items():
            if 0 < len(cells[tensor].shape) <= 2:
                marked = tensor_math(worked, cells[tensor], frozenset(places))
                blocks.append(p("the winners, marked:"))
                blocks.append(MathBlock(row(base.tensor(tensor), "=", marked)))
        blocks += self.cells(worked, cells, name, equations)
        return blocks

    def adjoint(self, worked: Worked, r: Reverse, name: str,
                equations: list[Equation]) -> list[Block]:
        base = worked.base
        cells = r.cells
        primal = worked.tensors[name].adjoint_of or ""
        if all(e.origin.rule == "seed" for e in equations):
            given = "given" if primal in self.work.seed else "the derivative by itself"
            if any(isinstance(c, Ref) for c in cells[name].cells[:1]):
                given = "not given: L may be any function of it"
            return [Chain(base.tensor(name), (Link(Row(equals(worked, cells[name])[1:]),
                                                   inlines(given)),))]
        blocks: list[Block] = [heading(2, "With respect to ", base.tensor(primal))]
        blocks += [self.rule(worked, r, e) for e in equations]
        blocks += self.positions(worked, equations)
        blocks += self.cells(worked, cells, name, equations, routed=True)
        return blocks

    def rule(self, worked: Worked, r: Reverse, equation: Equation) -> Block:
        """One contribution: the chain rule with its sum, then what it comes to."""
        base = worked.base
        origin = equation.origin
        left = base.tensor(equation.target, tuple(base.integer(s) for s in equation.subscripts))
        body = base.expression(equation.body)
        relation = "+=" if equation.accumulate else "="
        if origin.of is None or origin.through is None:
            return Chain(left, (Link(body, relation=relation),))
        of = r.adjoints[origin.of]
        partial = base.partial(base.tensor(origin.of), base.tensor(origin.through.tensor))
        return Chain(left, (
            Link(body, inlines("chain rule: ", row(base.tensor(of), "·", partial)), relation),))

    def positions(self, worked: Worked, equations: list[Equation]) -> list[Block]:
        """What â stands for, where a maximum's position is read."""
        read = {a.ref.tensor for e in equations for s in e.subscripts for a in s.atoms()
                if isinstance(a, Read)}
        here = [n for n in worked.tensors if n in read and n in worked.names]
        if not here:
            return []
        listed = separated(map(worked.tensor, here), ", ")
        return [p("where ", *listed, " is the position of the winner: nothing else in its window "
                  "receives a derivative")]

    def since(self, worked: Worked, passes: list[Pass]) -> list[Math | str]:
        """Which case a definition by cases took, and why."""
        if len(passes) != 1 or not isinstance(passes[0][0].body, Select):
            return []
        equation, at = passes[0]
        assert isinstance(equation.body, Select)
        test = equation.body.condition
        if not isinstance(test, Apply) or test.function not in OPPOSITES:
            return []
        if not worked.evaluator.holds(test, at):
            test = Apply(OPPOSITES[test.function], test.args)
        return [Words("   since "), worked.at(test, at, numbers=True)]

    def cells(self, worked: Worked, cells: Cells, name: str, equations: list[Equation],
              routed: bool = False) -> list[Block]:
        """The cells worked one by one, and the tensor as a whole."""
        base = worked.base
        found = hits(worked.evaluator, equations)
        shape = cells[name].shape
        if not shape:
            return [self.scalar(worked, cells, name, found.get((), []))]
        blocks: list[Block] = []
        interesting = [place for place, passes in found.items()
                       if any(_worth_showing(e) for e, _ in passes)]
        limit = SHOWN_CELLS if len(cells[name].cells) <= _MANY else _FEW
        for place in islice(interesting, limit):
            left = base.tensor(name, tuple(Num(str(n)) for n in place))
            value = cells[name][place]
            links = self.links(worked, value, found[place])
            blocks.append(MathBlock(row(left, *links, *self.since(worked, found[place]))))
        if len(interesting) > limit:
            blocks.append(p(f"and so on, {len(interesting) - limit} more."))
        marks = frozenset(found) if routed and len(found) < len(cells[name].cells) else frozenset()
        whole = tensor_math(worked, cells[name], marks)
        blocks.append(MathBlock(row(base.tensor(name), "=", whole)))
        return blocks

    def scalar(self, worked: Worked, cells: Cells, name: str, passes: list[Pass]) -> Block:
        base = worked.base
        value = cells[name].cells[0]
        return MathBlock(row(base.tensor(name), *self.links(worked, value, passes)))

    def links(self, worked: Worked, value: object, passes: list[Pass]) -> list[Math | str]:
        """= symbols = numbers = value, leaving out what says the same again."""
        level = 3 if len(passes) > 1 else 0
        steps: list[Math] = []
        for numbers in (False, True):
            terms = [worked.part(e.body, at, numbers, level) for e, at in passes]
            step = summed(terms)
            if step not in steps:
                steps.append(step)
        items: list[Math | str] = []
        shown = worked.cell(value)
        for step in steps:
            bare = step.body if isinstance(step, Fence) else step
            if bare != shown:
                items += ["=", bare if step is steps[-1] and len(steps) == 1 else step]
        exact = isinstance(value, Expr) or is_exact(value, worked.digits)
        return [*items, "=" if exact else "≈", shown]


def _grouped(equations: Sequence[Equation]) -> list[tuple[str, list[Equation]]]:
    """Equations by target, in the order in which the targets are complete; positions left out."""
    found: dict[str, list[Equation]] = {}
    for equation in equations:
        if equation.origin.rule == "winner" or isinstance(equation.body, ArgReduce):
            continue
        earlier = found.pop(equation.target, [])
        found[equation.target] = [*earlier, equation]
    return list(found.items())


def _worth_showing(equation: Equation) -> bool:
    """Whether a cell of it is more than a copy or a constant."""
    return not isinstance(equation.body, Number)
