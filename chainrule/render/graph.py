"""Computation graphs and small networks, drawn as SVG, and as text where there are no pictures.

A graph is drawn in layers from left to right. Four steps, each a function below: a node's layer is
its longest path from an input; an edge that skips layers gets a waypoint in each layer that it
crosses, so that it keeps out of the nodes there; the order within a layer is swept back and forth,
each node moving to the middle of its neighbours, and the order with the fewest crossings is kept;
at last heights are chosen so that edges run straight where the distances between nodes allow it.

    >>> g = Graph((Node("x", "x", "2"), Node("y", "x²", "4", "output")), (Edge("x", "y", "2"),))
    >>> print(ascii(g))
    x = 2
      → y   forward 2
    y: x² = 4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from chainrule.document.mathtree import Math, display_width
from chainrule.errors import DefinitionError, LimitError, visible
from chainrule.render.svg import HEIGHT, Box, halo, label_svg, picture, shown, words

DRAWN_NODES: Final = 300  # beyond that a picture shows nothing
_LAYER_GAP, _NODE_GAP, _WAY_GAP = 96.0, 26.0, 22.0
_SMALL_LETTER = 6.9  # the width of a letter on an edge
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Node:
    """A node: what it computes, its value, and its kind: "input", "op" or "output"."""

    id: str
    label: Math | str
    value: Math | str = ""
    kind: str = "op"


@dataclass(frozen=True, slots=True)
class Edge:
    """A use of `source` in `target`; `above` is the value it carries, `below` the adjoint back."""

    source: str
    target: str
    above: Math | str = ""
    below: Math | str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, and edges between them; an edge may be there twice (x·x)."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def ascii(graph: Graph) -> str:
    """The graph as an indented list: each node, and below it where its value goes."""
    known = {node.id for node in graph.nodes}
    lines = []
    for node in graph.nodes:
        label, value = words(node.label), words(node.value)
        name = visible(node.id)
        head = name if name == label else f"{name}: {label}"
        lines.append(head + (f" = {value}" if value else ""))
        for edge in graph.edges:
            if edge.source == node.id and edge.target in known:
                said = [f"forward {words(edge.above)}"] if edge.above else []
                said += [f"backward {words(edge.below)}"] if edge.below else []
                target = visible(edge.target)
                lines.append(f"  → {target}" + (f"   {', '.join(said)}" if said else ""))
    return "\n".join(lines)


def svg(graph: Graph, title: str, description: str = "") -> str:
    """The graph drawn in layers from left to right, as an `<svg>` element.

    Raises `LimitError` for more than `DRAWN_NODES` nodes, `DefinitionError` for a cycle or an edge
    to a node that is not there.
    """
    if len(graph.nodes) > DRAWN_NODES:
        raise LimitError(
            f"a picture of {len(graph.nodes)} nodes; the limit is {DRAWN_NODES}",
            hint="draw a part of the graph, or its layers",
        )
    layers, ways = _waypoints(graph, _depths(graph))
    _untangle(layers, ways)
    boxes = _place(graph, layers, ways)
    return picture(_drawn(graph, boxes, ways), title, description or ascii(graph))


# --- layout -------------------------------------------------------------------------------------

Layers = list[list[str]]
Ways = list[list[str]]  # for each edge the places that it passes, source and target included


def _depths(graph: Graph) -> dict[str, int]:
    """Each node's layer: the longest path that leads to it."""
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    waiting = dict.fromkeys(after, 0)
    for edge in graph.edges:
        for end in (edge.source, edge.target):
            if end not in after:
                raise DefinitionError(f"an edge to {visible(end)}, which is not in the graph")
        after[edge.source].append(edge.target)
        waiting[edge.target] += 1
    depth = dict.fromkeys(after, 0)
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:  # grows while it is walked
        for target in after[name]:
            depth[target] = max(depth[target], depth[name] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    if len(ready) < len(after):
        raise DefinitionError("the graph has a cycle")
    return depth


def _waypoints(graph: Graph, depth: dict[str, int]) -> tuple[Layers, Ways]:
    """The layers with a waypoint wherever an edge passes one, and each edge's way."""
    layers: Layers = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node in graph.nodes:
        layers[depth[node.id]].append(node.id)
    ways: Ways = []
    count = 0
    for edge in graph.edges:
        way = [edge.source]
        for layer in range(depth[edge.source] + 1, depth[edge.target]):
            name = f"\0{count}"  # no node is called that
            count += 1
            layers[layer].append(name)
            way.append(name)
        ways.append([*way, edge.target])
    return layers, ways


def _neighbours(ways: Ways) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for way in ways:
        for a, b in pairwise(way):
            after.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
    return before, after


def _untangle(layers: Layers, ways: Ways) -> None:
    """Orders each layer by the middles of its neighbours; keeps the order with least crossings."""
    before, after = _neighbours(ways)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        for k in order:
            near = layers[k - 1] if forward else layers[k + 1]
            place = {name: i for i, name in enumerate(near)}
            seen = before if forward else after
            own = {name: float(i) for i, name in enumerate(layers[k])}
            for name in layers[k]:
                spots = [place[other] for other in seen.get(name, ()) if other in place]
                if spots:
                    own[name] = sum(spots) / len(spots)
            layers[k].sort(key=own.__getitem__)
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(layers: Layers, after: dict[str, list[str]]) -> int:
    """How many pairs of edges between neighbouring layers cross."""
    count = 0
    for left, right in pairwise(layers):
        place = {name: i for i, name in enumerate(right)}
        ends = [sorted(place[b] for b in after.get(a, ()) if b in place) for a in left]
        passed: list[int] = []
        for row in ends:
            count += sum(1 for b in row for other in passed if other > b)
            passed += row
    return count


def _place(graph: Graph, layers: Layers, ways: Ways) -> dict[str, Box]:
    """A box for every node and waypoint: columns from the widths, heights from the neighbours."""
    nodes = {node.id: node for node in graph.nodes}
    labels = max(
        (display_width(words(s)) for e in graph.edges for s in (e.above, e.below)), default=0
    )
    gap = max(_LAYER_GAP, 7.4 * labels + 58)
    boxes: dict[str, Box] = {}
    x = 0.0
    for layer in layers:
        widths = {
            name: shown(nodes[name].label, nodes[name].value) for name in layer if name in nodes
        }
        wide = max(widths.values(), default=0.0)
        y = 0.0  # only the order counts here; `_settle` finds the heights
        for name in layer:
            tall = HEIGHT if name in nodes else 0.0
            boxes[name] = Box(x + wide / 2, y + tall / 2, widths.get(name, 0.0), tall)
            y += tall + _NODE_GAP
        x += wide + gap
    _settle(layers, ways, boxes, _NODE_GAP + (14 if labels else 0))
    return boxes


def _settle(layers: Layers, ways: Ways, boxes: dict[str, Box], gap: float) -> None:
    """Moves each layer towards its neighbours' heights, back and forth, keeping distances."""
    before, after = _neighbours(ways)
    for sweep in range(2 * _SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers if forward else layers[::-1]:
            wanted = []
            for name in layer:
                near = (
                    before.get(name, []) + after.get(name, [])
                    if sweep > 3
                    else (before.get(name, []) if forward else after.get(name, []))
                )
                spots = [boxes[other].y for other in near]
                wanted.append(sum(spots) / len(spots) if spots else boxes[name].y)
            for name, y in zip(layer, _apart(layer, wanted, boxes, gap), strict=True):
                boxes[name] = boxes[name].at(y)


def _apart(layer: list[str], wanted: list[float], boxes: dict[str, Box], gap: float) -> list[float]:
    """The heights nearest to those wanted (least squares) that keep order and distance.

    With the distances taken off this is isotonic regression: neighbours that would pass each other
    are pooled at their mean.
    """
    offsets, total = [], 0.0
    for i, name in enumerate(layer):
        if i:
            above, own = boxes[layer[i - 1]], boxes[name]
            free = gap if above.height and own.height else _WAY_GAP
            total += (above.height + own.height) / 2 + free
        offsets.append(total)
    pools: list[tuple[float, int]] = []  # sum, count
    for spot, offset in zip(wanted, offsets, strict=True):
        pools.append((spot - offset, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            (s, n), (t, m) = pools[-2], pools[-1]
            pools[-2:] = [(s + t, n + m)]
    means = [s / n for s, n in pools for _ in range(n)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


# --- drawing ------------------------------------------------------------------------------------


def _drawn(graph: Graph, boxes: dict[str, Box], ways: Ways) -> list[tuple[str, Box]]:
    """The pieces of the picture, each with the room that it takes: edges, nodes, labels on top."""
    lines, labels = [], []
    taken = [boxes[node.id].grown(2) for node in graph.nodes]
    starts, ends = _ports(ways, boxes, outgoing=True), _ports(ways, boxes, outgoing=False)
    seen: dict[tuple[str, str], int] = {}
    for k, (edge, way) in enumerate(zip(graph.edges, ways, strict=True)):
        twin = seen.get((edge.source, edge.target), 0)
        seen[edge.source, edge.target] = twin + 1
        a, b = boxes[edge.source], boxes[edge.target]
        points = [(a.x + a.width / 2, a.y + starts[k])]
        points += [(boxes[name].x, boxes[name].y) for name in way[1:-1]]
        points.append((b.x - b.width / 2, b.y + ends[k]))
        bulge = 26.0 * twin if len(way) == 2 else 0.0
        segments = _segments(points, bulge)
        lines.append(_edge_svg(segments))
        labels.append((segments, edge))
    pieces = [*lines, *(label_svg(boxes[n.id], n.label, n.value, n.kind) for n in graph.nodes)]
    for segments, edge in labels:
        pieces += _edge_labels(segments, edge, taken)
    return pieces


def _ports(ways: Ways, boxes: dict[str, Box], outgoing: bool) -> list[float]:
    """How far from the middle of its node each edge starts (or ends), so that they fan out."""
    at: dict[str, list[int]] = {}
    for k, way in enumerate(ways):
        at.setdefault(way[0] if outgoing else way[-1], []).append(k)
    offsets = [0.0] * len(ways)
    for edges in at.values():
        edges.sort(key=lambda k: boxes[ways[k][1] if outgoing else ways[k][-2]].y)
        step = min(11.0, (HEIGHT - 12) / max(len(edges) - 1, 1))
        for i, k in enumerate(edges):
            offsets[k] = (i - (len(edges) - 1) / 2) * step
    return offsets


Point = tuple[float, float]
Segment = tuple[Point, Point, Point, Point]  # a cubic curve


def _segments(points: list[Point], bulge: float) -> list[Segment]:
    """Smooth curves through the points, level at the ends and at each waypoint on the way."""
    points = [*points[:-1], (points[-1][0] - 7, points[-1][1])]  # room for the arrowhead
    slopes = [0.0] * len(points)
    for i in range(1, len(points) - 1):
        (x0, y0), (_, y1), (x2, y2) = points[i - 1 : i + 2]
        if (y1 - y0) * (y2 - y1) > 0:  # on a slope, not at a crest
            slopes[i] = (y2 - y0) / (x2 - x0)
    found = []
    for i, (p, q) in enumerate(pairwise(points)):
        reach = (q[0] - p[0]) * 0.42
        first = (p[0] + reach, p[1] + slopes[i] * reach + bulge)
        second = (q[0] - reach, q[1] - slopes[i + 1] * reach + bulge)
        found.append((p, first, second, q))
    return found


def _edge_svg(segments: list[Segment]) -> tuple[str, Box]:
    (x, y) = segments[0][0]
    path = f"M{x:.1f} {y:.1f}" + "".join(
        f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {c[0]:.1f} {c[1]:.1f}"
        for _, a, b, c in segments
    )
    ex, ey = segments[-1][-1]
    head = f"M{ex + 7:.1f} {ey:.1f}l-8.5 -4 0 8z"
    line = f'<path class="cr-edge" fill="none" stroke="currentColor" d="{path}"/>'
    ys = [p[1] for s in segments for p in s]
    room = Box.spanning(x, min(ys), ex, max(ys))
    return f'{line}<path class="cr-head" fill="currentColor" d="{head}"/>', room


def _at(segment: Segment, t: float) -> Point:
    """The point of a cubic curve at t."""
    a, b, c, d = segment
    u = 1 - t
    weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    x, y = (sum(w * p[i] for w, p in zip(weights, (a, b, c, d), strict=True)) for i in (0, 1))
    return x, y


def _edge_labels(segments: list[Segment], edge: Edge, taken: list[Box]) -> list[tuple[str, Box]]:
    """The value above the edge and the adjoint below, where they run into least."""
    above, below = words(edge.above), words(edge.below)
    if not above and not below:
        return []
    width = max(display_width(above), display_width(below)) * _SMALL_LETTER + 4
    best: tuple[float, Box] | None = None
    for k, segment in enumerate(segments):
        for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74):
            x, y = _at(segment, t)
            box = Box(x, y, width, 34 if above and below else 17)
            cost = sum(box.overlap(other) for other in taken) + abs(t - 0.5) + 0.1 * k
            if best is None or cost < best[0]:
                best = (cost, box)
    assert best is not None
    box = best[1]
    taken.append(box)
    pieces = []
    if above:
        pieces.append((halo(edge.above, box.x, box.y - 5, "cr-value"), box))
    if below:
        pieces.append((halo(edge.below, box.x, box.y + 14, "cr-back"), box))
    return pieces


# --- neurons ------------------------------------------------------------------------------------


def neurons(
    layers: Sequence[Sequence[Math | str]],
    weights: Sequence[Sequence[Sequence[Math | str]]] | None = None,
    title: str = "network",
    description: str = "",
) -> str:
    """A small network as circles in columns, every neuron joined to the next layer.

    `weights[k][j][i]` labels the line from neuron i of layer k to neuron j of layer k + 1; an empty
    label draws a line without one. Raises `LimitError` for more than `DRAWN_NODES` neurons.
    """
    if sum(map(len, layers)) > DRAWN_NODES:
        raise LimitError(
            f"a picture of {sum(map(len, layers))} neurons; the limit is {DRAWN_NODES}"
        )
    wide = max((display_width(words(n)) for layer in layers for n in layer), default=1)
    radius = max(18.0, 4.2 * wide + 8)
    drop = 2 * radius + 26
    across = 2 * radius + (150.0 if weights else 110.0)
    tallest = max(map(len, layers), default=0)
    centres = [
        [(k * across, (i + (tallest - len(layer)) / 2) * drop) for i in range(len(layer))]
        for k, layer in enumerate(layers)
    ]
    pieces: list[tuple[str, Box]] = []
    labels: list[tuple[str, Box]] = []
    for k, (left, right) in enumerate(pairwise(centres)):
        for j, b in enumerate(right):
            for i, a in enumerate(left):
                pieces.append(_joined(a, b, radius))
                if weights and (said := weights[k][j][i]):
                    labels.append(_weight(a, b, radius, said, [box for _, box in labels]))
    for column, (layer, places) in enumerate(zip(layers, centres, strict=True)):
        kind = "input" if column == 0 else "output" if column == len(layers) - 1 else "op"
        for label, (x, y) in zip(layer, places, strict=True):
            box = Box(x, y, 2 * radius, 2 * radius)
            pieces.append(label_svg(box, label, "", kind, round=True))
    return picture([*pieces, *labels], title, description)


def _joined(a: Point, b: Point, radius: float) -> tuple[str, Box]:
    (x0, y0), (x1, y1) = a, b
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    ux, uy = (x1 - x0) / length * radius, (y1 - y0) / length * radius
    line = (
        f'<path class="cr-edge" fill="none" stroke="currentColor" '
        f'd="M{x0 + ux:.1f} {y0 + uy:.1f}L{x1 - ux:.1f} {y1 - uy:.1f}"/>'
    )
    return line, Box.spanning(x0, min(y0, y1), x1, max(y0, y1))


def _weight(
    a: Point, b: Point, radius: float, said: Math | str, taken: list[Box]
) -> tuple[str, Box]:
    """A weight on its line, where it runs into the fewest other weights."""
    width = display_width(words(said)) * _SMALL_LETTER + 4
    across = b[0] - a[0] - 2 * radius
    best: tuple[float, Box] | None = None
    for t in (0.25, 0.35, 0.18, 0.65, 0.75, 0.82, 0.45, 0.55):
        x = a[0] + radius + across * t
        y = a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])
        box = Box(x, y, width, 16)
        cost = sum(box.overlap(other) for other in taken)
        if best is None or cost < best[0]:
            best = (cost, box)
    assert best is not None
    box = best[1]
    return halo(said, box.x, box.y + 4, "cr-value"), box


__all__ = ["DRAWN_NODES", "Edge", "Graph", "Node", "ascii", "neurons", "svg"]
