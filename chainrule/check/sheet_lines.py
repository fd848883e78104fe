"""The equations of a program that lead to one of its tensors, as lines worked by hand.

A line is an equation in symbols, with numbers put in, and as a value; a tensor has a rule for all
its cells first, then a line for each cell, then the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet_counting import CellsFromOne, Decimal, FromOne, finite, from_one
from chainrule.check.sheet_text import Asked
from chainrule.document.mathnodes import (
    Fence,
    Identifier,
    Math,
    Num,
    Op,
    Row,
)
from chainrule.document.mathtree import latex, separated
from chainrule.document.notation import Notation, is_exact
from chainrule.evaluate.cells import CellEvaluator, Cells
from chainrule.evaluate.values import CellArray
from chainrule.explain.work import tensor_math, winner_names
from chainrule.explain.worked import Pass, hits, summed
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    Number,
    Read,
    Ref,
    Select,
    transform,
    walk,
)
from chainrule.lang.functions import OPPOSITES
from chainrule.lang.program import Equation, Program

SHOWN_CELLS: Final = 16  # cells of one tensor that are worked out one by one
_MANY: Final = 64  # a tensor with more cells than this shows the first few only
_FEW: Final = 4
_MORE: Final = 2  # digits that numbers on the way have more than the answer
_LETTERS: Final = "srcquagk"  # names for sums on the way


@dataclass(frozen=True, slots=True)
class Line:
    """`left = first = … = value`; `rule` is a formula for all cells, which has no value.

    `exact` says whether the value is shown without rounding, `why` gives a reason. `letter` is
    1 for a formula that speaks of a derivative by a letter of the working's own, 2 for that
    derivative itself.
    """

    left: Math
    steps: tuple[Math, ...]
    value: Math | None
    exact: bool = True
    why: str | tuple[str | Math, ...] = ""
    relation: str = "="
    letter: int = 0

    @property
    def rule(self) -> bool:
        return self.value is None


class Lines:
    """The equations of one program that lead to one of its tensors."""

    def __init__(self, program: Program, cells: Cells, names: Mapping[str, Math], asked: Asked,
                 target: str, loss: Math | None = None,
                 given: frozenset[str] = frozenset(), unit: str | None = None,
                 style: str = "partial") -> None:
        self.program = program
        self.cells = cells
        self.target = target
        self.asked = asked
        self.given = given
        own = {n: m for n, m in names.items() if n in program.tensors}
        own |= _pieces(program, names) | winner_names(program)
        own |= {n: Num("1") for n, t in program.tensors.items()  # ∂L/∂L, or ẋ of the direction
                if not t.shape and n not in given and (
                    t.role == "seed"
                    or (style == "partial" and unit is not None and t.adjoint_of == unit))}
        self.units = frozenset(n for n, m in own.items() if m == Num("1"))
        base = FromOne(program.tensors, asked.places + _MORE, style, loss, own)
        self.base = base
        self.worked = CellsFromOne(base, CellEvaluator(program, cells, 40))
        self.known: set[str] = set()
        made = {e.target for e in program.equations if e.origin.rule == "part"}
        self.letters = {n for n, t in program.tensors.items() if t.adjoint_of in made}

    def stops(self, quantities: set[str]) -> None:
        """Quantities that need not be worked: their names alone."""
        self.known |= {q for q in quantities if q in self.program.tensors}

    def known_slopes(self, top: str, quantities: set[str]) -> None:
        """Derivatives of the same top that need not be worked."""
        for name, tensor in self.program.tensors.items():
            if tensor.adjoint_of is not None and (
                    f"d{top}/d{tensor.adjoint_of}" in quantities):
                self.known.add(name)

    def needed(self) -> list[tuple[str, list[Equation]]]:
        """The tensors on the way, in the order in which they are complete, each with its lines."""
        by_target: dict[str, list[Equation]] = {}
        for equation in self.program.equations:
            earlier = by_target.pop(equation.target, [])
            by_target[equation.target] = [*earlier, equation]
        wanted, todo = {self.target}, [self.target]
        while todo:
            for equation in by_target.get(todo.pop(), []):
                for name in reads(equation):
                    if name not in wanted and name not in self.known:
                        wanted.add(name)
                        todo.append(name)
        return [(name, [replace(e, body=_plainer(e.body, self.units)) for e in equations])
                for name, equations in by_target.items() if name in wanted]

    def lines(self, only: tuple[int, ...] | None) -> Iterator[Line]:
        for name, equations in self.needed():
            if all(isinstance(e.body, ArgReduce) or e.origin.rule == "winner" for e in equations):
                continue  # the position of a maximum: its cell shows it
            final = name == self.target
            if all(e.origin.rule == "seed" for e in equations):
                yield from self.seed(name, equations)
                continue
            yield from self.tensor(name, equations, only if final else None, final)

    def seed(self, name: str, equations: list[Equation]) -> Iterator[Line]:
        """∂L/∂y where it is given; ∂L/∂L = 1 goes without saying."""
        read = {n for e in equations for n in reads(e)}
        if read & self.given:
            yield Line(self.base.tensor(name), (), self.shown(self.cells[name], False), True,
                       "given")
        elif self.base.style == "bar":
            yield Line(self.base.tensor(name), (), self.shown(self.cells[name], False))

    def tensor(self, name: str, equations: list[Equation], only: tuple[int, ...] | None,
               final: bool) -> Iterator[Line]:
        shape = self.cells[name].shape
        found = hits(self.worked.evaluator, equations)
        if not shape:
            yield self.line(name, (), found.get((), []), final)
            return
        for equation in equations:
            subscripts = tuple(self.base.integer(from_one(s)) for s in equation.subscripts)
            yield Line(self.base.tensor(name, subscripts), (self.base.expression(equation.body),),
                       None, why=_chain_rule(equation, self.base),
                       relation="+=" if equation.accumulate and len(equations) > 1 else "=")
        places = [p for p, passes in found.items() if only is None or p == only]
        places = [p for p in places
                  if any(not isinstance(e.body, Number) for e, _ in found[p])]
        limit = SHOWN_CELLS if len(self.cells[name].cells) <= _MANY else _FEW
        for place in places[:limit]:
            yield self.line(name, place, found[place], final)
        if only is None:
            whole = self.shown(self.cells[name], final)
            yield Line(self.base.tensor(name), (), whole, letter=2 * (name in self.letters))

    def line(self, name: str, place: tuple[int, ...], passes: list[Pass], final: bool) -> Line:
        """One cell: in symbols, with numbers, as a value, without what says the same again."""
        value = self.cells[name][place] if place else self.cells[name].cells[0]
        shown = self.number(value, final)
        steps: list[Math] = []
        for numbers in (False, True):
            level = 3 if len(passes) > 1 else 0
            step = summed([self.worked.part(e.body, at, numbers, level) for e, at in passes])
            bare = step.body if isinstance(step, Fence) and step.open == "(" else step
            if bare not in (shown, *steps):
                steps.append(bare)
        left = self.base.tensor(name, tuple(Num(str(n + 1)) for n in place))
        exact = isinstance(value, Expr) or (finite(value, self.asked.places)
                                            if final and self.asked.decimal else
                                            is_exact(value, self.digits(final)))
        return Line(left, tuple(steps), shown, exact, self.since(passes), letter=(
            2 if name in self.letters else int(any(self.letters & reads(e) for e, _ in passes))))

    def since(self, passes: list[Pass]) -> str | tuple[str | Math, ...]:
        """Which case of a definition by cases was taken."""
        if len(passes) != 1 or not isinstance(passes[0][0].body, Select):
            return ""
        equation, at = passes[0]
        assert isinstance(equation.body, Select)
        test = equation.body.condition
        if not isinstance(test, Apply) or test.function not in OPPOSITES:
            return ""
        if not self.worked.evaluator.holds(test, at):
            test = Apply(OPPOSITES[test.function], test.args)
        return ("since ", self.worked.at(test, at, numbers=True))

    def digits(self, final: bool) -> int:
        return self.asked.places + (0 if final else _MORE)

    def number(self, value: Any, final: bool) -> Math:
        return self.notation(final).cell(value)

    def notation(self, final: bool) -> FromOne:
        """How values are written: those of the answer as they are asked for."""
        base = self.base
        if not final:
            return base
        kind = Decimal if self.asked.decimal else FromOne
        return kind(base.tensors, self.asked.places, base.style, base.loss, base.names)

    def shown(self, cells: CellArray, final: bool) -> Math:
        notation = self.notation(final)
        if not cells.shape:
            return notation.cell(cells.cells[0])
        if len(cells.shape) == 1:
            listed = separated(map(notation.cell, cells.cells), Op(","))
            return Fence(Row(tuple(listed)), "[", "]")
        return tensor_math(notation, cells)


def _pieces(program: Program, names: Mapping[str, Math]) -> dict[str, Math]:
    """Letters for what long equations were split into: nobody writes A_sum."""
    made = [e.target for e in program.equations if e.origin.rule == "part"]
    taken = {latex(m).strip("{} ").lower() for m in names.values()} | {
        n.lower() for n in program.tensors}
    free = [letter for letter in _LETTERS if letter not in taken]
    return {name: Identifier(letter)
            for name, letter in zip(dict.fromkeys(made), free, strict=False)}


def _plainer(body: Expr, units: frozenset[str]) -> Expr:
    """A formula whose products have one number each, in front: 2 · (y − t), not 0.5 · 1 · 4 · …"""
    def product(node: Expr) -> Expr | None:
        if isinstance(node, Ref) and node.tensor in units:
            return Number(Fraction(1))
        if not (isinstance(node, Apply) and node.function == "mul"):
            return None
        number, others = Fraction(1), []
        for factor in (transform(f, product) for f in _factors(node)):
            if isinstance(factor, Number) and isinstance(factor.value, int | Fraction):
                number *= factor.value
            else:
                others.append(factor)
        first = [Number(number)] if number != 1 or not others else []
        whole: Expr | None = None
        for factor in (*first, *others):
            whole = factor if whole is None else Apply("mul", (whole, factor))
        return whole

    return transform(body, product)


def _factors(node: Expr) -> list[Expr]:
    if isinstance(node, Apply) and node.function == "mul":
        return [f for a in node.args for f in _factors(a)]
    return [node]


def reads(equation: Equation) -> set[str]:
    """The tensors that an equation reads, in subscripts too."""
    parts: list[Expr] = [equation.body]
    parts += [equation.condition] if equation.condition is not None else []
    found = set()
    for node in (n for p in parts for n in walk(p)):
        if isinstance(node, Ref):
            found.add(node.tensor)
            found |= {a.ref.tensor for s in node.subscripts for a in s.atoms()
                      if isinstance(a, Read)}
    return found | {a.ref.tensor for s in equation.subscripts for a in s.atoms()
                    if isinstance(a, Read)}


def _chain_rule(equation: Equation, base: Notation) -> str | tuple[str | Math, ...]:
    """Why a rule for an adjoint holds; what â stands for, where a maximum passes it on."""
    if equation.origin.through is None:
        return ""
    read = dict.fromkeys(a.ref.tensor for s in equation.subscripts for a in s.atoms()
                         if isinstance(a, Read))
    if not read:
        return "chain rule"
    listed = separated([base.tensor(n) for n in read], ", ")
    return ("chain rule: ", *listed, " is the place of the winner")
