"""The three-part tables of a program of scalars."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.document.blocks import Block, Cell, Prose, cell, table
from chainrule.document.mathtree import Accent, Math, Num, Row, row, separated
from chainrule.document.notation import Notation, symbol
from chainrule.evaluate.cells import Cells
from chainrule.evaluate.symbolic import plain
from chainrule.evaluate.values import CellArray
from chainrule.explain.work import Forward, Reverse, Work, equals
from chainrule.explain.worked import Worked, summed
from chainrule.lang.expr import Number, Ref
from chainrule.lang.program import Equation, Program

Line = list[Cell]  # a trace's part of a row


def tables(work: Work, primal: Cells, forwards: Sequence[Forward],
           reverses: Sequence[Reverse]) -> list[Block]:
    """One table for each forward trace, one for each reverse trace, values beside each."""
    lay = _Tables(work, primal)
    blocks: list[Block] = []
    for f in forwards:
        blocks.append(lay.forward(f))
    for r in reverses:
        blocks.append(lay.reverse(r))
    if not blocks:
        blocks.append(lay.alone())
    return blocks


class _Tables:
    def __init__(self, work: Work, primal: Cells) -> None:
        self.work = work
        self.primal = primal
        self.evaluation = self.evaluation_rows()
        self.shown = False

    # the left-hand side of every table

    def evaluation_rows(self) -> list[tuple[str, Line]]:
        """A row for each input and each equation: name, formula, numbers, value."""
        program = self.work.program
        worked = self.work.worked(program, self.primal)
        elementary = self.work.options.granularity == "elementary"
        rows: list[tuple[str, Line]] = []
        for name in program.inputs:
            source = row("=", symbol(name)) if elementary else Row(())
            rows.append((name, [cell(worked.tensor(name)), cell(source), cell(""),
                                self.value(worked, self.primal, name)]))
        for equation in program.equations:
            rows.append((equation.target, self.row(worked, self.primal, equation)))
        if elementary:
            for name in program.outputs:
                label = self.work.labels.get(name, name)
                if name in self.work.numbers:
                    rows.append((f"={name}", [cell(symbol(label)),
                                              cell(row("=", worked.tensor(name))), cell(""),
                                              self.value(worked, self.primal, name)]))
        return rows

    def row(self, worked: Worked, cells: Cells, equation: Equation) -> Line:
        name: Prose = [worked.tensor(equation.target)]
        label = self.work.labels.get(equation.target)
        if label is not None and equation.target not in self.work.program.outputs:
            name = [worked.tensor(equation.target), " (", symbol(label), ")"]
        formula = worked.base.expression(equation.body)
        numbers = worked.at(equation.body, {}, numbers=True)
        value = self.value(worked, cells, equation.target)
        shown = _unless_same(numbers, value)
        if isinstance(equation.body, Number):
            shown = cell("")
        span = equation.origin.span
        source = span.excerpt() if span is not None else None
        return [cell(name), cell(row("=", formula)), shown, Cell(value.content, source)]

    def value(self, notation: Notation, cells: Cells, name: str) -> Cell:
        return cell(Row(equals(notation, cells[name])))

    # what stands beside it

    def alone(self) -> Block:
        return table(["", "formula", "numbers", "value"], [r for _, r in self.evaluation],
                     groups=[("Forward evaluation trace ⇓", 4)])

    def forward(self, f: Forward) -> Block:
        program = f.derivative.program
        worked = self.work.worked(program, f.cells)
        elementary = self.work.options.granularity == "elementary"
        by_primal = {program.tensors[e.target].tangent_of: e for e in program.equations
                     if program.tensors[e.target].tangent_of is not None}
        rows = []
        for name, _ in self.evaluation:
            right: Line = [cell("")] * 4
            bare = name.removeprefix("=")
            if name.startswith("="):
                dot = f.derivative.names.get(bare)
                if dot is not None:
                    label = symbol(self.work.labels.get(bare, bare))
                    right = [cell(Accent(label, "dot")), cell(row("=", worked.tensor(dot))),
                             cell(""), self.value(worked, f.cells, dot)]
            elif name in f.derivative.seeds:
                dot = f.derivative.seeds[name]
                given = row("=", Accent(symbol(name), "dot")) if elementary else Row(())
                right = [cell(worked.tensor(dot)), cell(given), cell(""),
                         self.value(worked, f.cells, dot)]
            elif name in by_primal:
                right = self.row(worked, f.cells, by_primal[name])
            rows.append(right)
        if f.of is not None:
            seeded = row(Accent(symbol(f.of), "dot"), "=", Num("1"))
            caption: Prose = ["Forward mode, seeded with ", seeded,
                              ": the derivatives with respect to ", symbol(f.of)]
        else:
            caption = "Forward mode along the given direction"
        return self.beside(rows, _HEADS, caption, "Forward derivative trace ⇓")

    def beside(self, rows: list[Line], heads: list[Prose], caption: Prose, title: str) -> Block:
        """A derivative trace; the first one stands beside the evaluation trace."""
        groups: list[tuple[Prose, int]] = [(title, len(heads))]
        if not self.shown:
            self.shown = True
            left = [r for _, r in self.evaluation]
            count = max(len(left), len(rows))
            left += [[cell("")] * 4] * (count - len(left))
            rows = rows + [[cell("")] * len(heads)] * (count - len(rows))
            rows = [a + b for a, b in zip(left, rows, strict=True)]
            heads = [*_HEADS, *heads]
            groups.insert(0, ("Forward evaluation trace ⇓", 4))
        told = [r for r in rows if any(c.content for c in r)]
        return table(heads, told, caption, groups)

    def reverse(self, r: Reverse) -> Block:
        program = r.derivative.program
        worked = self.work.worked(program, r.cells, r.of)
        if self.work.options.fanout == "sum":
            right = self.summed_rows(program, worked, r)
            rows = [right.get(name, [cell("")] * 5) for name, _ in self.evaluation]
        else:
            rows = self.accumulated_rows(program, worked, r)
        outputs = separated((symbol(self.work.labels.get(n, n)) for n in r.of), ", ")
        caption: Prose = ["Reverse mode from ", *outputs,
                          ": all derivatives in one sweep, read upwards"]
        heads: list[Prose] = ["", "chain rule", "written out", "numbers", "value"]
        return self.beside(rows, heads, caption, "Reverse adjoint trace ⇑")

    def adjoint_name(self, worked: Worked, primal: str, adjoint: str) -> Prose:
        """x̄₁ = v̄₋₁ for an input, else v̄."""
        elementary = self.work.options.granularity == "elementary"
        if elementary and primal in self.work.program.inputs:
            return [row(Accent(symbol(primal), "bar"), "=", worked.tensor(adjoint))]
        return [worked.tensor(adjoint)]

    def uses(self, worked: Worked, r: Reverse, equation: Equation) -> tuple[Math, Math, Math]:
        """One contribution to an adjoint: by the chain rule, written out, with numbers."""
        origin = equation.origin
        if origin.rule == "seed" or origin.of is None or origin.through is None:
            numbers = worked.at(equation.body, {}, numbers=True)
            if isinstance(equation.body, Ref):
                seeded = symbol(self.work.labels.get(origin.of or "", origin.of or ""))
                if worked.style == "bar":
                    return Accent(seeded, "bar"), Row(()), Row(())
                return numbers, Row(()), Row(())
            return numbers, Row(()), Row(())
        upstream = r.adjoints[origin.of]
        partial = worked.partial(worked.tensor(origin.of), worked.tensor(origin.through.tensor))
        rule = row(worked.tensor(upstream), "·", partial)
        written = worked.base.expression(equation.body)
        return rule, written, worked.at(equation.body, {}, numbers=True)

    def summed_rows(self, program: Program, worked: Worked, r: Reverse) -> dict[str, Line]:
        """For each quantity its adjoint's row: the uses summed in one."""
        grouped: dict[str, list[Equation]] = {}
        for equation in program.equations:
            if program.tensors[equation.target].adjoint_of is not None:
                grouped.setdefault(equation.target, []).append(equation)
        rows: dict[str, Line] = {}
        for adjoint, equations in grouped.items():
            primal = program.tensors[adjoint].adjoint_of or ""
            three = [self.uses(worked, r, e) for e in reversed(equations)]
            rule, written, numbers = (_sum([t[k] for t in three]) for k in range(3))
            value = self.value(worked, r.cells, adjoint)
            used = f"the sum of {len(equations)} uses" if len(equations) > 1 else None
            rows[primal] = [
                cell(self.adjoint_name(worked, primal, adjoint)), cell(row("=", rule)),
                cell(_equal(written)), _unless_same(numbers, value),
                Cell(value.content, used)]
        if self.work.options.granularity == "elementary":
            for name in r.of:
                seed = r.derivative.seeds.get(name)
                if seed is not None:
                    label = symbol(self.work.labels.get(name, name))
                    rows[f"={name}"] = [cell(Accent(label, "bar")), cell(""), cell(""), cell(""),
                                        self.value(worked, r.cells, seed)]
        return rows

    def accumulated_rows(self, program: Program, worked: Worked, r: Reverse) -> list[Line]:
        """A row for each use, last first, then the gradient; for reading upwards."""
        rows: list[Line] = []
        running: dict[str, object] = {}
        evaluator = worked.evaluator
        for name in r.of:
            seed = r.derivative.seeds.get(name)
            if seed is not None and worked.style == "bar":
                label = symbol(self.work.labels.get(name, name))
                rows.append([cell(Accent(label, "bar")), cell(""), cell(""), cell(""),
                             self.value(worked, r.cells, seed)])
        for equation in program.equations:
            adjoint = equation.target
            if program.tensors[adjoint].adjoint_of is None:
                continue
            rule, written, numbers = self.uses(worked, r, equation)
            value = evaluator.value(equation.body, {})
            if adjoint in running:
                before = worked.cell(plain(running[adjoint]))
                rule = summed([worked.tensor(adjoint), rule])
                written = summed([worked.tensor(adjoint), written])
                numbers = summed([before, numbers])
                value = evaluator.plus(running[adjoint], value)
            running[adjoint] = value
            shown = Row(equals(worked, CellArray((), [plain(value)])))
            rows.append([cell(worked.tensor(adjoint)), cell(row("=", rule)),
                         cell(_equal(written)), _unless_same(numbers, cell(shown)), cell(shown)])
        for name in reversed(self.work.inputs()):
            adjoint = r.derivative.names[name]
            if worked.style == "bar":
                rows.append([cell(Accent(symbol(name), "bar")),
                             cell(row("=", worked.tensor(adjoint))), cell(""), cell(""),
                             self.value(worked, r.cells, adjoint)])
        rows.reverse()
        return rows


_HEADS: list[Prose] = ["", "formula", "numbers", "value"]


def _sum(parts: Sequence[Math]) -> Math:
    real = [m for m in parts if m != Row(())]
    return summed(real) if real else Row(())


def _equal(m: Math) -> Prose:
    return "" if m == Row(()) else [row("=", m)]


def _unless_same(numbers: Math, value: Cell) -> Cell:
    """The numbers put in, unless they are the value already."""
    shown = cell(_equal(numbers))
    return cell("") if shown.content == value.content else shown
