"""What a worked trace is made of: differentiated programs, their cells, how names are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule.diff.forward import jvp
from chainrule.diff.reverse import Derivative, real_inputs, real_outputs, vjp
from chainrule.diff.split import split
from chainrule.document.mathtree import (
    Accent,
    Identifier,
    Math,
    Matrix,
    Num,
    Op,
    Subscript,
    row,
    separated,
)
from chainrule.document.notation import Notation, is_exact, rounded, symbol
from chainrule.errors import (
    DerivativeError,
    InputError,
    LimitError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.evaluate.cells import CellEvaluator, Cells, evaluate_cells
from chainrule.evaluate.values import CellArray
from chainrule.explain.elementary import by_level, elementary
from chainrule.explain.worked import Place, Worked
from chainrule.lang.expr import ArgReduce, Expr
from chainrule.lang.program import Equation, Program
from chainrule.limits import TRACED_CELLS, TRACED_EQUATIONS

_TANGENT_TABLES = 6  # forward traces made when no inputs are named


@dataclass(frozen=True, slots=True)
class Options:
    """How a trace is made; see `trace`."""

    mode: str = "both"
    digits: int = 4
    granularity: str = "elementary"
    order: str = "written"
    fanout: str = "sum"
    graph: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """A program with its tangents for one seed, and all its cells; `of` is the input seeded."""

    derivative: Derivative
    cells: Cells
    of: str | None


@dataclass(frozen=True, slots=True)
class Reverse:
    """A program with its adjoints for one seed, and all its cells; `of` are the outputs seeded.

    `adjoints` maps each tensor to the one that holds its adjoint.
    """

    derivative: Derivative
    cells: Cells
    of: tuple[str, ...]
    adjoints: dict[str, str]


class Work:
    """One trace in the making: the program in rows, and its derivatives where asked for."""

    def __init__(self, program: Program, values: dict[str, Any], options: Options, of: str | None,
                 wrt: Sequence[str] | None, seed: Mapping[str, Any] | None,
                 tangent: Mapping[str, Any] | None) -> None:
        self.options = options
        self.values = values
        self.written = program
        self.labels: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        rename = {n: n for n in program.tensors}
        if options.granularity == "elementary":
            rows = elementary(program, options.order)
            self.program = rows.program
            self.labels, self.numbers = rows.labels, rows.numbers
            rename |= {label: row for row, label in rows.labels.items()}
        else:
            self.program = split(program)
            if options.order == "level":
                leveled = by_level(list(self.program.equations))
                self.program = replace(self.program, equations=tuple(leveled))
        self.rename = rename
        self.check_values()
        self.check_length()
        self.of = self.named([of]) if of is not None else real_outputs(self.program)
        self.wrt = self.named(wrt) if wrt is not None else None
        self.seed = {rename.get(n, n): v for n, v in (seed or {}).items()}
        self.tangent = dict(tangent) if tangent else None
        self.symbolic = [n for n in self.program.inputs if n not in values]
        self.digits = max(30, options.digits + 20)

    def check_values(self) -> None:
        """Refuse values for what the program, as it was written, does not have."""
        known = [*self.written.inputs, *self.written.size_names()]
        for name in self.values:
            if name not in known:
                raise UnknownNameError(
                    f"the program has no input called {name}", None,
                    did_you_mean(name, known) or f"its inputs are {', '.join(known) or 'none'}")

    def check_length(self) -> None:
        """Refuse what nobody would read: a trace is for programs that a person could work."""
        if len(self.program.equations) > TRACED_EQUATIONS:
            raise LimitError(
                f"a trace of {len(self.program.equations):,} equations; at most "
                f"{TRACED_EQUATIONS:,} are worked by hand", None,
                "run and grad give the values of a program of any length")

    def named(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in self.rename:
                known = list(self.written.tensors)
                raise DerivativeError(f"there is no {name} to differentiate", None,
                                      did_you_mean(name, known) or f"known: {', '.join(known)}")
        return [self.rename[n] for n in names]

    # the two differentiated programs and their values

    def evaluated(self, program: Program, given: Mapping[str, Any],
                  symbolic: Sequence[str]) -> Cells:
        """All cells of a program, if it is small enough to be worked by hand."""
        return evaluate_cells(program, given, digits=self.digits, symbolic=symbolic,
                              most=TRACED_CELLS)

    def inputs(self) -> list[str]:
        """The real inputs that derivatives are taken by."""
        if self.wrt is not None:
            return self.wrt
        return real_inputs(self.program)

    def reverses(self) -> list[Reverse]:
        """A reverse trace for each scalar output; one for all the outputs that have seeds."""
        if self.options.mode == "forward":
            return []
        for name in self.seed:
            if name not in self.program.tensors:
                raise InputError(f"a seed for {name}, which is not in the program", None,
                                 did_you_mean(name, list(self.rename)))
        if self.seed:
            return [self.reverse(tuple(self.seed))]
        if not self.inputs():
            return []  # a constant: there is nothing to differentiate by
        return [self.reverse((name,)) for name in self.of]

    def reverse(self, of: tuple[str, ...]) -> Reverse:
        d = vjp(self.program, of, self.inputs())
        given = dict(self.values)
        symbolic = list(self.symbolic)
        for name, seed in d.seeds.items():
            if name in self.seed:
                given[seed] = self.seed[name]
            elif self.program.tensors[name].shape:
                symbolic.append(seed)
            else:
                given[seed] = 1
        cells = self.evaluated(d.program, given, symbolic)
        adjoints = {t.adjoint_of: n for n, t in d.program.tensors.items()
                    if t.adjoint_of is not None and t.role != "seed"}
        return Reverse(d, cells, of, adjoints)

    def forwards(self) -> list[Forward]:
        """A forward trace for each input, or one along a given direction."""
        if self.options.mode == "reverse":
            return []
        inputs = self.inputs()
        scalars = [n for n in inputs if not self.program.tensors[n].shape]
        if self.tangent is not None:
            return [self.forward(self.tangent, None)]
        if self.options.mode == "both" and (len(scalars) != len(inputs)
                                            or len(inputs) > _TANGENT_TABLES):
            return []  # one for each of many cells: asked for only by name
        if len(scalars) != len(inputs):
            raise DerivativeError(
                "a forward trace needs a direction: a tangent for each cell", None,
                "give it, as in --tangent x='[1, 0]'")
        return [self.forward({n: 1}, n) for n in scalars]

    def forward(self, tangent: Mapping[str, Any], of: str | None) -> Forward:
        inputs = [n for n in self.program.inputs if self.program.tensors[n].kind == "real"]
        for name in tangent:
            if name not in inputs:
                raise InputError(f"a tangent for {name}, which is not a real input", None,
                                 did_you_mean(name, inputs))
        if any(self.program.tensors[n].shape for n in inputs):
            inputs = [n for n in inputs if n in tangent]
        d = jvp(self.program, self.of, inputs)
        given = dict(self.values) | {d.seeds[n]: tangent.get(n, 0) for n in inputs}
        cells = self.evaluated(d.program, given, self.symbolic)
        return Forward(d, cells, of)

    # the document

    def notation(self, program: Program, of: tuple[str, ...] = ()) -> Notation:
        """How names are written: v₁, v₂ and bars, or the user's names and ∂L/∂."""
        names: dict[str, Math] = winner_names(program)
        if self.options.granularity == "elementary":
            inputs = self.program.inputs
            for k, name in enumerate(inputs):
                names[name] = Subscript(Identifier("v"), Num(str(k + 1 - len(inputs))))
            for name, number in self.numbers.items():
                names[name] = Subscript(Identifier("v"), Num(str(number)))
            return Notation(program.tensors, self.options.digits, "bar", names=names)
        return Notation(program.tensors, self.options.digits, "partial", self.loss(of), names)

    def worked(self, program: Program, cells: Cells, of: tuple[str, ...] = ()) -> Worked:
        return Worked(self.notation(program, of), CellEvaluator(program, cells, self.digits))

    def loss(self, of: tuple[str, ...]) -> Math:
        """What is differentiated: a scalar output itself, or some L whose ∂L/∂output is given."""
        if len(of) == 1 and of[0] not in self.seed and not self.program.tensors[of[0]].shape:
            return symbol(self.labels.get(of[0], of[0]))
        return Identifier("L")

    # values by the user's names

    def by_user_names(self, primal: Cells) -> dict[str, CellArray]:
        back = self.labels
        return {back.get(n, n): cells for n, cells in primal.items()}

    def gradient(self, reverses: Sequence[Reverse]) -> dict[str, CellArray]:
        if not reverses:
            return {}
        first = reverses[0]
        return {self.labels.get(n, n): first.cells[first.derivative.names[n]]
                for n in self.inputs()}

    def tangents(self, forwards: Sequence[Forward]) -> dict[str, dict[str, CellArray]]:
        return {f.of or "": {self.labels.get(n, n): f.cells[f.derivative.names[n]]
                             for n in self.of} for f in forwards}


# pieces of mathematics that both layouts use


def winner_names(program: Program) -> dict[str, Math]:
    """The position of a maximum on its index a is written â (with the target, if several)."""
    found = [e for e in program.equations if isinstance(e.body, ArgReduce)]
    several = len({e.origin.of for e in found}) > 1
    names: dict[str, Math] = {}
    for e in found:
        assert isinstance(e.body, ArgReduce)
        hat = Accent(symbol(e.body.which), "hat")
        names[e.target] = Subscript(hat, symbol(e.origin.of or "")) if several else hat
    return names


def equation_math(notation: Notation, equation: Equation) -> Math:
    """`target = body`, or `+=`."""
    left = notation.tensor(equation.target, tuple(notation.integer(s)
                                                  for s in equation.subscripts))
    relation = "+=" if equation.accumulate else "="
    items: list[Math | str] = [left, relation, notation.expression(equation.body)]
    if equation.condition is not None:
        items += [",", notation.expression(equation.condition)]
    return row(*items)


def equals(notation: Notation, cells: CellArray) -> tuple[Math, ...]:
    """= a value, exact where it is, ≈ its rounding where it is not; a matrix for a tensor."""
    if cells.shape:
        return (Op("="), tensor_math(notation, cells))
    value = cells.cells[0]
    if isinstance(value, Expr):
        return (Op("="), notation.cell(value))
    if not is_exact(value, notation.digits):
        return (Op("≈"), notation.number(value))
    shown = notation.number(value)
    if isinstance(shown, Num):
        return (Op("="), shown)
    return (Op("="), shown, Op("≈"), Num(rounded(value, notation.digits)))


def tensor_math(notation: Notation, cells: CellArray,
                marks: frozenset[Place] = frozenset()) -> Math:
    """A tensor as a matrix; more than two axes as a row of matrices, one for each leading cell."""
    shape = cells.shape
    if len(shape) <= 2:
        lines = cells.nested() if len(shape) == 2 else [cells.nested()]
        where = frozenset((m[0], m[1]) if len(m) == 2 else (0, m[0]) for m in marks)
        return Matrix(tuple(tuple(notation.cell(c) for c in line) for line in lines), where)
    step = len(cells.cells) // shape[0] if shape[0] else 0
    slices: list[Math] = []
    for k in range(shape[0]):
        part = CellArray(shape[1:], cells.cells[k * step : (k + 1) * step])
        inner = frozenset(m[1:] for m in marks if m[0] == k)
        slices.append(tensor_math(notation, part, inner))
    return row(*separated(slices, ","))
