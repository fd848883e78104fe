"""The computation graph as a picture: values on the edges going forward, adjoints going back."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.document.blocks import Block, Figure, inlines
from chainrule.document.mathtree import Math, Row, row
from chainrule.document.notation import Notation, symbol
from chainrule.evaluate.cells import Cells
from chainrule.evaluate.symbolic import plain
from chainrule.evaluate.values import CellArray
from chainrule.explain.work import Reverse, Work, equals, value_math
from chainrule.lang.expr import Ref, walk
from chainrule.render.graph import Edge, Graph, Node, ascii, svg


def graph_figure(work: Work, primal: Cells, reverses: Sequence[Reverse]) -> list[Block]:
    """The program's graph, with the adjoints of the first reverse trace if there is one."""
    graph = computation_graph(work, primal, reverses[0] if reverses else None)
    names = ", ".join(work.written.outputs)
    alt = f"Computation graph of {names}: {len(graph.nodes)} nodes, {len(graph.edges)} edges"
    return [Figure(svg(graph, f"Computation graph of {names}", alt), alt,
                   inlines("Computation graph: values above the edges, adjoints below"),
                   ascii(graph))]


def computation_graph(work: Work, primal: Cells, r: Reverse | None) -> Graph:
    """A node for each input and each equation, an edge for each use."""
    program = work.program
    notation = work.notation(program)
    adjoints = {}
    if r is not None:
        adjoints = {t.adjoint_of: n for n, t in r.derivative.program.tensors.items()
                    if t.adjoint_of is not None and t.role != "seed"}
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
    """What the use of `source` in `target` adds to the adjoint of `source`, if that is one number."""
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
    return value_math(worked, plain(total))



def _value(notation: Notation, cells: CellArray) -> Math | str:
    if cells.shape:
        return "×".join(map(str, cells.shape))
    items = equals(notation, cells)[1:2]
    return Row(items) if items else ""
