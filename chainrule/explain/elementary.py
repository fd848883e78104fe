"""One elementary function an equation: the program as an evaluation trace numbers it.

Each sum, product and function becomes an equation v1, v2, ... of its own; what stands twice is
computed once. A weighted sum (a product of references under a sum) stays one row, as a textbook
works it, and so does a definition by cases, whose branches must stay unlooked at. Rows come in the
order written, or level by level: everything that needs only inputs first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    at_indices,
    free_indices,
    rebuild,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh
from chainrule.lang.verify import verify

Ranges = dict[str, Integer]


@dataclass(frozen=True, slots=True)
class Elementary:
    """The program in rows; `numbers` gives each row's number, `labels` the name a user gave it."""

    program: Program
    numbers: dict[str, int]
    labels: dict[str, str]


def elementary(program: Program, order: str = "written") -> Elementary:
    """The program with one elementary function an equation, `order` "written" or "level".

    >>> from chainrule.lang.ranges import program
    >>> rows = elementary(program("y = ln(x1) + x1*x2 - sin(x2)"), "level")
    >>> [e.body.function for e in rows.program.equations]
    ['ln', 'mul', 'sin', 'add', 'sub']
    """
    work = _Rows(program)
    for equation in program.equations:
        work.equation(equation)
    rows = work.rows if order == "written" else by_level(work.rows)
    return work.numbered(rows)


class _Rows:
    """The rows so far, under provisional names."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rows: list[Equation] = []
        self.shapes: dict[str, tuple[Integer, ...]] = {}
        self.known: dict[tuple[object, ...], str] = {}
        self.names: dict[str, str] = {}  # a user's tensor -> the row that holds it
        self.labels: dict[str, str] = {}
        self.kept: set[str] = set()

    def equation(self, equation: Equation) -> None:
        body = self.renamed(equation.body)
        if equation.accumulate or equation.condition is not None or not equation.plain:
            self.kept.add(equation.target)
        single = sum(e.target == equation.target for e in self.program.equations) == 1
        if equation.target in self.kept or not single:
            self.kept.add(equation.target)
            self.rows.append(replace(equation, body=body))
            return
        ranges = {r.name: r.size for r in equation.ranges if r.size is not None}
        top = self.parts(body, ranges)
        order = tuple(s.plain or "" for s in equation.subscripts)
        loops = tuple(Range(n, ranges[n]) for n in order)
        name = self.row(top, loops, equation.target, body)
        self.names[equation.target] = name
        self.labels[name] = equation.target

    def renamed(self, e: Expr) -> Expr:
        """The expression over rows instead of the user's names."""

        def leaf(node: Expr) -> Expr | None:
            if isinstance(node, Ref) and node.tensor in self.names:
                return Ref(self.names[node.tensor], node.subscripts, node.outside, node.span)
            return None

        return transform(e, leaf)

    def parts(self, e: Expr, ranges: Ranges) -> Expr:
        """The node itself, over references: each of its parts is a row by now."""
        if isinstance(e, Ref | Number | IndexValue | Select | ArgReduce):
            return e
        if isinstance(e, Reduce):
            if e.condition is not None or _product_of_references(e.body):
                return e
            inner = {**ranges, **{r.name: r.size for r in e.indices if r.size is not None}}
            return replace(e, body=self.named(e.body, inner))
        if not any(isinstance(n, Ref | IndexValue) for n in walk(e)):
            return e  # a constant such as 2*pi
        done = tuple(self.named(part, ranges) for part in e.args)  # type: ignore[attr-defined]
        return rebuild(e, done)

    def named(self, e: Expr, ranges: Ranges) -> Expr:
        """A reference to the row that computes the expression."""
        top = self.parts(e, ranges)
        if isinstance(top, Ref | Number | IndexValue):
            return top
        if isinstance(top, Apply) and not any(isinstance(n, Ref | IndexValue) for n in walk(top)):
            return top
        order = [n for n in free_indices(top) if n in ranges]
        loops = tuple(Range(n, ranges[n]) for n in order)
        canonical = at_indices(top, {n: index(f"·{k}") for k, n in enumerate(order)})
        key = (canonical, tuple(r.size for r in loops))
        name = self.known.get(key)
        if name is None:
            name = self.row(top, loops, "", e)
            self.known[key] = name
        return Ref(name, tuple(index(n) for n in order))

    def row(self, top: Expr, loops: tuple[Range, ...], of: str, source: Expr) -> str:
        name = f"·{len(self.rows)}"
        subscripts = tuple(index(r.name) for r in loops)
        self.shapes[name] = tuple(r.size for r in loops if r.size is not None)
        span = getattr(source, "span", None)
        origin = Origin("part", of, span=span)
        self.rows.append(Equation(name, subscripts, loops, top, origin=origin))
        return name

    def numbered(self, rows: list[Equation]) -> Elementary:
        """The rows under their final names v1, v2, ..."""
        tensors = {n: self.program.tensors[n] for n in self.program.inputs}
        tensors |= {n: self.program.tensors[n] for n in self.kept}
        final: dict[str, str] = {}
        numbers: dict[str, int] = {}
        for number, row in enumerate(dict.fromkeys(r.target for r in rows), start=1):
            name = row if row in self.kept else fresh(f"v{number}", tensors)
            final[row] = name
            numbers[name] = number
            if row not in self.kept:
                tensors[name] = Tensor(name, self.shapes[row])

        def leaf(node: Expr) -> Expr | None:
            if isinstance(node, Ref) and node.tensor in final:
                return Ref(final[node.tensor], node.subscripts, node.outside, node.span)
            return None

        equations = tuple(replace(r, target=final[r.target], body=transform(r.body, leaf))
                          for r in rows)
        labels = {final[row]: label for row, label in self.labels.items()}
        outputs = tuple(final.get(self.names.get(n, n), n) for n in self.program.outputs)
        program = replace(self.program, tensors=tensors, equations=equations, outputs=outputs,
                          updates=())
        return Elementary(verify(program), numbers, labels)


def _product_of_references(e: Expr) -> bool:
    if isinstance(e, Apply) and e.function == "mul":
        return all(map(_product_of_references, e.args))
    return isinstance(e, Ref | Number | IndexValue)


def by_level(rows: list[Equation]) -> list[Equation]:
    """Equations sorted by the length of their longest path from an input; the sort is stable."""
    level: dict[str, int] = {}
    keyed: list[tuple[int, Equation]] = []
    for equation in rows:
        below = [level.get(n.tensor, 0) for n in walk(equation.body) if isinstance(n, Ref)]
        here = max([1 + max(below, default=0), level.get(equation.target, 0)])
        level[equation.target] = here
        keyed.append((here, equation))
    return [e for _, e in sorted(keyed, key=lambda pair: pair[0])]
