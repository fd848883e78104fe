"""Where the blocks of a network go when it is drawn from top to bottom.

A network is long and narrow, so it is drawn downwards: a trunk, branches beside it, skips in lanes.
Three steps, each a function below. A block's row is its longest path from an input (an input stands
just above its first use). The longest path of all is the trunk, in one straight column; what is
left falls into chains, each a column of its own. Chains and the wires that skip rows are packed
into lanes to the right, the shortest nearest to the trunk, so that nested skips lie inside each
other; no wire goes through a block. `chainrule.render.tower_svg` draws what is planned here.

    >>> x, y = Block("x", "x", kind="input"), Block("y", "dense1", "dense", "650", "weights")
    >>> plan = planned(Tower((x, y), (Wire("x", "y", "64"),)))
    >>> plan.boxes["x"].x == plan.boxes["y"].x, plan.boxes["x"].y < plan.boxes["y"].y
    (True, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from chainrule.document.mathtree import display_width
from chainrule.errors import DefinitionError, visible
from chainrule.render.svg import Box

KINDS: Final = {
    "weights": "has parameters", "reduces": "sums or chooses", "pointwise": "cell by cell",
    "moves": "only moves cells", "join": "joins",
}  # fmt: skip
LETTER, SMALL = 9.4, 6.9  # widths of letters, bold and small, in pixels
_GAP: Final = 38.0  # between rows, where the sizes stand
_HEIGHTS: Final = {"weights": 46.0, "reduces": 46.0, "pointwise": 28.0, "moves": 28.0, "join": 26.0,
                   "input": 30.0, "output": 30.0}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A layer: its name, what it is, how many parameters it has, and its kind.

    Kinds are those of `KINDS`, "input" and "output".
    """

    id: str
    name: str
    about: str = ""
    count: str = ""
    kind: str = "pointwise"


@dataclass(frozen=True, slots=True)
class Wire:
    """What `source` gives to `target`, and its size."""

    source: str
    target: str
    size: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Blocks that stand for several of their kind, one after the other: from first to last."""

    first: str
    last: str
    times: int


@dataclass(frozen=True, slots=True)
class Tower:
    """Blocks in the order in which they are computed, and the wires between them."""

    blocks: tuple[Block, ...]
    wires: tuple[Wire, ...]
    repeats: tuple[Repeat, ...] = ()


# --- rows, columns, lanes -------------------------------------------------------------------------


@dataclass(slots=True)
class _Lane:
    """What runs beside the trunk at x from row `top` to row `bottom`: a chain of blocks, or a wire.

    `wires` are the places of the wires that run in it, `entering` that of the one that comes from
    outside to the chain's first block.
    """

    top: int
    bottom: int
    chain: list[str] = field(default_factory=list)
    wires: list[int] = field(default_factory=list)
    entering: int | None = None
    x: float = 0.0

    @property
    def side(self) -> int:
        """1 to the right of the trunk, -1 to the left, where inputs stand."""
        return -1 if self.chain and self.entering is None else 1


@dataclass(frozen=True, slots=True)
class Route:
    """A wire as drawn: its corners, its size, where that stands and whether along the wire."""

    points: tuple[tuple[float, float], ...]
    size: str
    at: tuple[float, float]
    along: bool = False


@dataclass(slots=True)
class Plan:
    boxes: dict[str, Box]
    routes: list[Route]
    left: float
    middle: float
    top: float
    bottom: float


def rows_of(tower: Tower) -> dict[str, int]:
    """The row of each block."""
    order = {block.id: k for k, block in enumerate(tower.blocks)}
    before: dict[str, list[str]] = {name: [] for name in order}
    after: dict[str, list[str]] = {name: [] for name in order}
    for wire in tower.wires:
        if wire.source not in order or order.get(wire.target, -1) <= order[wire.source]:
            raise DefinitionError(f"a wire from {visible(wire.source)} to {visible(wire.target)}, "
                                  "which does not come after it")
        before[wire.target].append(wire.source)
        after[wire.source].append(wire.target)
    rows: dict[str, int] = {}
    for name in order:
        rows[name] = max((rows[b] + 1 for b in before[name]), default=0)
    for name in order:
        if not before[name] and after[name]:  # an input, just above its first use
            rows[name] = min(rows[a] for a in after[name]) - 1
    return rows


def _columns(tower: Tower, rows: dict[str, int]) -> list[list[str]]:
    """The blocks cut into paths, the longest first: the trunk, then the chains beside it."""
    waiting = dict.fromkeys(block.id for block in tower.blocks)
    found: list[list[str]] = []
    while waiting:
        length: dict[str, tuple[int, str | None]] = {}
        near: dict[str, list[str]] = {}
        for wire in tower.wires:
            if wire.source in waiting and wire.target in waiting:
                near.setdefault(wire.target, []).append(wire.source)
        for name in waiting:  # in the order in which they are computed
            best = max(near.get(name, ()), key=lambda b: (length[b][0], rows[b]), default=None)
            length[name] = (1, None) if best is None else (length[best][0] + 1, best)
        end: str | None = max(waiting, key=lambda name: (length[name][0], -rows[name]))
        path: list[str] = []
        while end is not None:
            path.append(end)
            end = length[end][1]
        for name in path:
            del waiting[name]
        found.append(path[::-1])
    return found


def planned(tower: Tower) -> Plan:
    rows = rows_of(tower)
    columns = _columns(tower, rows)
    column = {name: k for k, path in enumerate(columns) for name in path}
    boxes = _sized(tower, rows)
    lanes = _laned(tower, rows, columns)
    widths = [_column_width(path, boxes, tower.wires) for path in columns]
    _pack(lanes, widths, column, rows)
    for lane in lanes:
        for name in lane.chain:
            boxes[name] = replace(boxes[name], x=lane.x)
    kinds = {block.id: block.kind for block in tower.blocks}
    for path in columns:
        wide = max(boxes[name].width for name in path)
        for name in path:
            if kinds[name] in ("weights", "reduces"):
                boxes[name] = replace(boxes[name], width=wide)
    routes = _routed(tower, lanes, boxes)
    ends = [b.y + b.height / 2 for b in boxes.values()]
    starts = [b.y - b.height / 2 for b in boxes.values()]
    left = min((b.x - b.width / 2 for b in boxes.values()), default=0.0)
    return Plan(boxes, routes, left, 0.0, min(starts, default=0.0),
                 max(ends, default=0.0))


def _sized(tower: Tower, rows: dict[str, int]) -> dict[str, Box]:
    """Boxes of the right size at the right height, all in the trunk's column for now."""
    tall: dict[int, float] = {}
    for block in tower.blocks:
        row = rows[block.id]
        tall[row] = max(tall.get(row, 0.0), _HEIGHTS[block.kind])
    middle, y = {}, 0.0
    for row in sorted(tall):
        middle[row] = y + tall[row] / 2
        y += tall[row] + _GAP
    return {b.id: Box(0.0, middle[rows[b.id]], _width(b), _HEIGHTS[b.kind]) for b in tower.blocks}


def _width(block: Block) -> float:
    name, about = display_width(block.name) * LETTER, display_width(block.about) * SMALL
    count = display_width(block.count) * SMALL
    if block.kind in ("weights", "reduces"):
        return max(150.0, name + (count + 20 if count else 0) + 30, about + 30)
    return max(56.0, name + (about + 10 if about else 0) + 30)


def _column_width(path: list[str], boxes: dict[str, Box], wires: Sequence[Wire]) -> float:
    """How wide a column is: its boxes, and the sizes that stand to the right of its middle."""
    own = set(path)
    said = [display_width(w.size) for w in wires if w.source in own]
    return max(max(boxes[name].width for name in path), 2 * (max(said, default=0) * SMALL + 14))


def _laned(tower: Tower, rows: dict[str, int], columns: list[list[str]]) -> list[_Lane]:
    """The chains and the skipping wires, with the rows that each spans.

    One wire into a chain's first block and one out of its last run in the chain's own lane; every
    other wire that does not go straight down a column gets a lane for itself.
    """
    into: dict[str, list[int]] = {}
    out: dict[str, list[int]] = {}
    for k, wire in enumerate(tower.wires):
        into.setdefault(wire.target, []).append(k)
        out.setdefault(wire.source, []).append(k)
    next_to = {pair for path in columns for pair in pairwise(path)}
    done = {k for k, w in enumerate(tower.wires) if (w.source, w.target) in next_to}
    lanes = []
    for path in columns[1:]:
        lane = _Lane(rows[path[0]], rows[path[-1]], path)
        entering = [k for k in into.get(path[0], ()) if k not in done]
        if entering:
            first = max(entering, key=lambda k: rows[tower.wires[k].source])
            lane.top = rows[tower.wires[first].source]
            lane.wires.append(first)
            lane.entering = first
        leaving = [k for k in out.get(path[-1], ()) if k not in done]
        if leaving:
            last = min(leaving, key=lambda k: rows[tower.wires[k].target])
            lane.bottom = rows[tower.wires[last].target]
            lane.wires.append(last)
        done.update(lane.wires)
        lanes.append(lane)
    lanes += [_Lane(rows[w.source], rows[w.target], wires=[k])
              for k, w in enumerate(tower.wires) if k not in done]
    return lanes


def _pack(lanes: list[_Lane], widths: list[float], column: dict[str, int],
          rows: dict[str, int]) -> None:
    """Gives each lane its place, as near to the trunk as it may.

    For each stretch between two rows it is kept how far out it is taken. A chain needs the width of
    its blocks only where they are; elsewhere it is a line.
    """
    trunk = widths[0] / 2 if widths else 0.0
    taken: dict[tuple[int, int], float] = {}  # by side and stretch
    for lane in _ordered(lanes, rows):
        wide = {at for name in lane.chain for at in (rows[name] - 1, rows[name])}
        half = widths[column[lane.chain[0]]] / 2 if lane.chain else 0.0
        span = sorted({*range(lane.top, lane.bottom), *wide})
        out = max(taken.get((lane.side, at), trunk) + (half + 16 if at in wide else 20)
                  for at in span)
        lane.x = lane.side * out
        for at in span:
            taken[lane.side, at] = out + (half if at in wide else 4 if lane.chain else 16)


def _ordered(lanes: list[_Lane], rows: dict[str, int]) -> list[_Lane]:
    """The shorter lanes first; but one that would go through a chain's block, before that chain."""
    found: list[_Lane] = []
    for lane in sorted(lanes, key=lambda lane: (lane.bottom - lane.top, lane.top)):
        own = {rows[name] for name in lane.chain}
        at = len(found)
        for k, other in enumerate(found):
            if other.side != lane.side:
                continue
            blocks = {rows[name] for name in other.chain}
            if blocks & {lane.top, lane.bottom} and not own & {other.top, other.bottom}:
                at = k
                break
        found.insert(at, lane)
    return found


# --- wires ----------------------------------------------------------------------------------------


def _routed(tower: Tower, lanes: list[_Lane], boxes: dict[str, Box]) -> list[Route]:
    """Every wire's way: straight down a column, or out to its lane, down, and in again."""
    lane_of = {k: lane for lane in lanes for k in lane.wires}
    ports = _ports(tower, lane_of)
    met = {tower.wires[k].target for k in lane_of}
    left = {tower.wires[k].source for k in lane_of}
    routes = []
    for k, wire in enumerate(tower.wires):
        a, b = boxes[wire.source], boxes[wire.target]
        if k not in lane_of:
            routes.append(_down(a, b, wire.size))
            continue
        # where a wire comes in and another goes out at the same side, the one in is above
        into = b.y + ports[k] - (4 if wire.target in left else 0)
        out = a.y + (4 if wire.source in met else 0)
        lane = lane_of[k]
        route = _aside(a, b, lane.x, out, into, wire.size, not lane.chain)
        routes.append(_around(route, a, b, list(boxes.values())))
    return routes


def _around(route: Route, a: Box, b: Box, boxes: list[Box]) -> Route:
    """The same, but through the gaps between rows where a block stands in its way."""
    points = list(route.points)
    if _blocked(points[-2], points[-1], a, b, boxes):
        x = points[-2][0]
        over = min(o.y - o.height / 2 for o in boxes if o.y == b.y) - 12
        at = b.x + (14 if x > b.x else -14)
        points[-2:] = [(x, over), (at, over), (at, b.y - b.height / 2)]
    if _blocked(points[0], points[1], a, b, boxes):
        x = points[1][0]
        under = max(o.y + o.height / 2 for o in boxes if o.y == a.y) + 7
        points[:2] = [(a.x, a.y + a.height / 2), (a.x, under), (x, under)]
    return replace(route, points=tuple(points))


def _blocked(start: tuple[float, float], end: tuple[float, float], a: Box, b: Box,
             boxes: list[Box]) -> bool:
    """Whether another block stands on a level stretch."""
    if start[1] != end[1]:
        return False
    low, high = sorted((start[0], end[0]))
    return any(abs(box.y - start[1]) < box.height / 2 and box.x - box.width / 2 < high
               and box.x + box.width / 2 > low for box in boxes if box not in (a, b))


def _ports(tower: Tower, lane_of: dict[int, _Lane]) -> dict[int, float]:
    """How far from the middle each wire comes in, the inner ones above: then they do not cross."""
    arriving: dict[str, list[int]] = {}
    for k in sorted(lane_of, key=lambda k: lane_of[k].x):
        arriving.setdefault(tower.wires[k].target, []).append(k)
    found = {}
    for ways in arriving.values():
        for i, k in enumerate(ways):
            found[k] = (i - (len(ways) - 1) / 2) * min(9.0, 22.0 / len(ways))
    return found


def _down(a: Box, b: Box, size: str) -> Route:
    start, end = a.y + a.height / 2, b.y - b.height / 2
    return Route(((a.x, start), (b.x, end)), size, (a.x + 8, start + _GAP / 2 + 2))


def _aside(a: Box, b: Box, x: float, out: float, into: float, size: str, own: bool) -> Route:
    """Out of a block's side, down at x, into the side of another, or into its top."""
    side = _edge(a, x) + (-9 if x > a.x else 9)  # begins under the block, whose side may slant
    points = [(a.x, a.y + a.height / 2)] if x == a.x else [(side, out), (x, out)]
    if x == b.x:
        points.append((x, b.y - b.height / 2))
        at = (x + 8, b.y - b.height / 2 - _GAP / 2 + 2)
    else:
        points += [(x, into), (_edge(b, x), into)]
        at = (x + 8, points[0][1] + _GAP / 2 + 2)
    if own:
        at = (x + 13, (out + into) / 2)
        needed = display_width(size) * SMALL + 16
        if abs(into - out) < needed:
            size = ""
    return Route(tuple(points), size, at, along=own)


def _edge(box: Box, x: float) -> float:
    return box.x + (box.width / 2 if x > box.x else -box.width / 2)
