"""Pictures of a trace: the computation graph, and a small network drawn as neurons.

On the graph's edges values go forward and adjoints come back. A network is recognised by its
weighted sums (`sum(v) W[u,v]*x[v]`, whatever stands around them), not by the name of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.diff.calculus import terms
from chainrule.document.blocks import Block, Figure, inlines
from chainrule.document.mathtree import Math, Num, Row, row
from chainrule.document.mathtree import text as math_text
from chainrule.document.notation import Notation, symbol
from chainrule.evaluate.cells import Cells
from chainrule.evaluate.symbolic import plain
from chainrule.evaluate.values import CellArray
from chainrule.explain.work import Reverse, Work, equals, tensor_math
from chainrule.explain.worked import Worked
from chainrule.lang.expr import Apply, Reduce, Ref, walk
from chainrule.lang.program import Equation
from chainrule.render.graph import DRAWN_NODES, Edge, Graph, Node, ascii, neurons, svg

_SHORT = 3  # cells of a vector that stand on an edge
_NEURONS = 10  # neurons of a column that are still drawn


def graph_figure(work: Work, primal: Cells, reverses: Sequence[Reverse]) -> list[Block]:
    """The program's graph, with the adjoints of the first reverse trace if there is one."""
    graph = computation_graph(work, primal, reverses[0] if reverses else None)
    names = ", ".join(work.written.outputs)
    alt = f"Computation graph of {names}: {len(graph.nodes)} nodes, {len(graph.edges)} edges"
    figures: list[Block] = []
    if len(graph.nodes) <= DRAWN_NODES:
        figures.append(Figure(
            svg(graph, f"Computation graph of {names}", alt), alt,
            inlines("Computation graph: values above the edges, adjoints below"), ascii(graph)))
    return figures + neuron_figure(work, primal)


def computation_graph(work: Work, primal: Cells, r: Reverse | None) -> Graph:
    """A node for each input and each equation, an edge for each use."""
    program = work.program
    notation = work.notation(program)
    adjoints = {} if r is None else r.adjoints
    nodes: list[Node] = []
    edges: list[Edge] = []
    for name in program.inputs:
        label = notation.tensor(name)
        if work.options.granularity == "elementary":
            label = row(label, "=", symbol(name))
        nodes.append(Node(name, label, _value(notation, primal[name]), "input"))
    for equation in program.equations:
        kind = "output" if equation.target in program.outputs else "op"
        label = row(notation.tensor(equation.target), "=", notation.expression(equation.body))
        nodes.append(Node(equation.target, label, _value(notation, primal[equation.target]), kind))
        used = dict.fromkeys(n.tensor for n in walk(equation.body) if isinstance(n, Ref))
        for source in used:
            back: Math | str = ""
            if r is not None and equation.target in adjoints:
                back = _contribution(work, r, equation.target, source)
            edges.append(Edge(source, equation.target, _value(notation, primal[source]), back))
    return Graph(tuple(nodes), tuple(edges))


def _contribution(work: Work, r: Reverse, target: str, source: str) -> Math | str:
    """What a use of `source` in `target` adds to the adjoint of `source`, if that is one number."""
    worked = work.worked(r.derivative.program, r.cells, r.of)
    found = [e for e in r.derivative.program.equations
             if e.origin.of == target and e.origin.through is not None
             and e.origin.through.tensor == source and not e.ranges
             and r.derivative.program.tensors[e.target].adjoint_of == source]
    if not found or any(r.cells[e.target].shape for e in found):
        return ""
    total = worked.evaluator.value(found[0].body, {})
    for equation in found[1:]:
        total = worked.evaluator.plus(total, worked.evaluator.value(equation.body, {}))
    return worked.cell(plain(total))



def _value(notation: Notation, cells: CellArray) -> Math | str:
    """A scalar or a short vector as it is, a larger tensor by its shape."""
    if len(cells.shape) > 1 or len(cells.cells) > _SHORT:
        return "×".join(map(str, cells.shape)) + (" cells" if len(cells.shape) == 1 else "")
    if cells.shape:
        return math_text(tensor_math(notation, cells))
    return Row(equals(notation, cells)[1:2])


@dataclass(frozen=True, slots=True)
class _Dense:
    """A weighted sum: which tensor is weighted, by which, into which."""

    source: str
    weights: Ref
    target: str
    equation: Equation


def neuron_figure(work: Work, primal: Cells) -> list[Block]:
    """The program's weighted sums as columns of neurons, if they follow each other and are few."""
    found = _chain(_dense(work), primal)
    columns = [d.source for d in found] + [d.target for d in found[-1:]]
    if not columns or max(len(primal[n].cells) for n in columns) > _NEURONS:
        return []
    if any(len(primal[n].shape) > 2 for n in columns):
        return []
    worked = work.worked(work.program, primal)
    layers = [[row(worked.tensor(name, tuple(Num(str(n)) for n in place)), "=",
                   worked.cell(primal[name][place] if place else primal[name].cells[0]))
               for place in primal[name].places()] for name in columns]
    weights = [_weights(worked, d, primal) for d in found]
    alt = "Network of " + ", ".join(f"{len(layer)} neurons" for layer in layers)
    text = "\n".join("  ".join(map(math_text, layer)) for layer in layers)
    return [Figure(neurons(layers, weights, "Network", alt), alt,
                   inlines("The network: activations in the neurons, weights on the lines"), text)]


def _dense(work: Work) -> list[_Dense]:
    inputs = set(work.program.inputs)
    found = []
    for equation in work.program.equations:
        for _, term in terms(equation.body):
            if not (isinstance(term, Reduce) and term.op == "sum" and term.condition is None):
                continue
            body = term.body
            if not (isinstance(body, Apply) and body.function == "mul"):
                continue
            summed = {r.name for r in term.indices}
            pairs = [body.args, body.args[::-1]]
            for weights, source in pairs:
                if (isinstance(weights, Ref) and isinstance(source, Ref)
                        and weights.tensor in inputs and equation.plain
                        and [s.plain for s in source.subscripts] == [r.name for r in term.indices]
                        and summed | {r.name for r in equation.ranges}
                        == {s.plain for s in weights.subscripts}):
                    found.append(_Dense(source.tensor, weights, equation.target, equation))
                    break
    return found


def _chain(found: list[_Dense], primal: Cells) -> list[_Dense]:
    """The leading layers that follow each other with as many neurons."""
    kept = found[:1]
    for layer in found[1:]:
        if len(primal[layer.source].cells) != len(primal[kept[-1].target].cells):
            break
        kept.append(layer)
    return kept


def _weights(worked: Worked, layer: _Dense, primal: Cells) -> list[list[Math]]:
    """The weight on each line, by target cell and source cell."""
    table = primal[layer.weights.tensor]
    term = next(t for _, t in terms(layer.equation.body)
                if isinstance(t, Reduce) and any(n == layer.weights for n in walk(t)))
    lines = []
    for outer in worked.evaluator.loop(layer.equation.ranges, {}):
        line = []
        for inner in worked.evaluator.loop(term.indices, outer):
            place = worked.evaluator.resolve(layer.weights, inner)
            line.append(worked.cell(table[place or ()]))
        lines.append(line)
    return lines
