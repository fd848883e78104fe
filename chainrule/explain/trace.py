"""The worked trace: a formula's evaluation and its derivatives, row by row, as done by hand.

The three-part notation of the textbooks: inputs are v₋₁, v₀, each elementary function gets a row
v₁, v₂, ..., its tangent v̇ beside it, and on the way back its adjoint v̄, summed over the uses of v.
Every row is shown in symbols, with numbers put in, and as a value. The rows are the equations of
the differentiated programs themselves, and the values are those programs' values: nothing here
knows a derivative. A program with tensors is worked section by section, cell by cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.document.blocks import Block, MathBlock, heading, note, p
from chainrule.document.mathtree import row, separated
from chainrule.document.notation import Notation, symbol
from chainrule.errors import ChainruleError, InputError, did_you_mean
from chainrule.evaluate.naive import passes
from chainrule.evaluate.values import CellArray, bind
from chainrule.explain.kinks import kink_notes
from chainrule.explain.pictures import graph_figure
from chainrule.explain.sections import sections
from chainrule.explain.tables import tables
from chainrule.explain.work import Options, Reverse, Work, equals, equation_math
from chainrule.lang.program import Program
from chainrule.limits import TRACED_CELLS, TRACED_EQUATIONS
from chainrule.render import Page

MODES = ("both", "forward", "reverse")
GRANULARITIES = ("elementary", "layer")
ORDERS = ("written", "level")
FANOUTS = ("sum", "accumulate")
_READ = 2_000  # steps that a network's trace may have and still be read
_BOTH_WAYS = 3  # the steps of a forward and a backward pass, in steps of the forward pass


@dataclass(frozen=True)
class Trace:
    """A worked trace: the document, and all values by name.

    `values` holds every tensor of the primal program, `gradient` the adjoints of what was
    differentiated by (for the first output, where there are several and no seeds), `tangent` the
    tangents of the outputs (a dictionary for each input seeded). A trace by layers has NumPy arrays
    instead of cells.
    """

    document: Page
    values: dict[str, Any]
    gradient: dict[str, Any]
    tangent: dict[str, dict[str, CellArray]]
    program: Program = field(repr=False)

    def __str__(self) -> str:
        return str(self.document)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return self.document._repr_html_()

    def _repr_latex_(self) -> str:
        return self.document._repr_latex_()


def trace(
    program: Program,
    values: Mapping[str, Any] | None = None,
    *,
    mode: str = "both",
    of: str | None = None,
    wrt: Sequence[str] | None = None,
    seed: Mapping[str, Any] | None = None,
    tangent: Mapping[str, Any] | None = None,
    digits: int = 4,
    granularity: str | None = None,
    order: str = "written",
    fanout: str = "sum",
    title: str | None = None,
    graph: bool = False,
) -> Trace:
    """The program worked by hand at a point: forward values, tangents, adjoints.

    `values` gives inputs numbers or nested lists; what has no value stays a symbol. `of` names the
    output to differentiate (all of them if None), `wrt` the inputs. `seed` gives adjoints of
    outputs (1 for a scalar; a symbol for a tensor), `tangent` one direction instead of a forward
    trace for each input. `digits` are decimal places.

    Raises `InputError` for an unknown option, and what evaluation and differentiation raise.

    >>> from chainrule.lang.ranges import program
    >>> t = trace(program("y = ln(x1) + x1*x2 - sin(x2)"), {"x1": 2, "x2": 5})
    >>> t.gradient["x1"].nested()
    Fraction(11, 2)
    """
    for what, given, known in (("mode", mode, MODES), ("order", order, ORDERS),
                               ("fanout", fanout, FANOUTS),
                               ("granularity", granularity or "layer", GRANULARITIES)):
        if given not in known:
            raise InputError(f"{what} {given!r} is not one of {', '.join(known)}", None,
                             did_you_mean(str(given), list(known)))
    if not 0 <= digits <= 30:
        raise InputError(f"{digits} digits: give a number of decimal places from 0 to 30")
    if granularity is None:
        granularity = "layer" if any(t.shape for t in program.tensors.values()) else "elementary"
    options = Options(mode, digits, granularity, order, fanout, graph)
    work = Work(program, dict(values or {}), options, of, wrt, seed, tangent)
    primal = work.evaluated(work.program, work.values, work.symbolic)
    reverses, forwards = work.reverses(), work.forwards()
    lay = sections if any(t.shape for t in work.program.tensors.values()) else tables
    blocks = opening(work, primal) + lay(work, primal, forwards, reverses)
    worked = work.worked(work.program, primal)
    blocks += kink_notes(worked.evaluator, work.notation(work.program), work.program.equations)
    if graph:
        blocks += graph_figure(work, primal, reverses)
    blocks += results(work, reverses)
    heading_text = title or f"Worked trace of {', '.join(program.outputs)}"
    return Trace(Page(heading_text, tuple(blocks)), work.by_user_names(primal),
                 work.gradient(reverses), work.tangents(forwards), program)


def by_layers(program: Program, values: Mapping[str, Any], granularity: str | None) -> str | None:
    """Why a program made of layers is traced layer by layer; None where it is not.

    It is where that was asked for ("" is the reason then), and where nothing was asked for and the
    cells are too many to be worked, or to be read.
    """
    if not program.layers or granularity not in (None, "layer"):
        return None
    if granularity == "layer":
        return ""
    if len(program.equations) > TRACED_EQUATIONS:
        return f"Its {len(program.equations):,} equations are too many to work cell by cell."
    missing = [n for n in program.inputs if n not in values]
    try:
        sizes, _ = bind(program, values, symbolic=missing)
        steps = _BOTH_WAYS * passes(program, sizes)
    except ChainruleError:
        return None  # working it by cells will say what is wrong
    if steps > TRACED_CELLS:
        return (f"Working this cell by cell would take about {steps:,} steps, more than "
                f"{TRACED_CELLS:,}: so it is traced layer by layer.")
    if steps > _READ and not missing:
        return (f"Working this cell by cell takes about {steps:,} steps: so it is traced layer by "
                "layer. The granularity elementary works every cell.")
    return None


def opening(work: Work, primal: Mapping[str, CellArray]) -> list[Block]:
    """The program as it was written, and the point."""
    plain = Notation(work.written.tensors, work.options.digits)
    blocks: list[Block] = [MathBlock(equation_math(plain, e)) for e in work.written.equations]
    point = []
    for name in work.written.inputs:
        value = work.values.get(name)
        if value is None or isinstance(value, (list, tuple)) or hasattr(value, "shape"):
            continue
        point.append(row(plain.tensor(name), "=", plain.number(primal[name].cells[0])))
    if point:
        blocks.append(p("at ", *separated(point, ", ")))
    missing = work.symbolic
    if missing and work.values:
        listed = separated(map(plain.tensor, missing), ", ")
        blocks.append(note(*listed, " has" if len(missing) == 1 else " have",
                           " no value and stay", "s" if len(missing) == 1 else "",
                           " a symbol." if len(missing) == 1 else " symbols."))
    return blocks


def results(work: Work, reverses: Sequence[Reverse]) -> list[Block]:
    """The gradient in one place."""
    if not reverses:
        return []
    blocks: list[Block] = [heading(1, "Result")]
    for r in reverses:
        plain = Notation(r.derivative.program.tensors, work.options.digits, "partial",
                         work.loss(r.of), {n: symbol(label) for n, label in work.labels.items()})
        for name in work.inputs():
            cells = r.cells[r.derivative.names[name]]
            left = plain.tensor(r.derivative.names[name])
            blocks.append(MathBlock(row(left, *equals(plain, cells))))
    return blocks
