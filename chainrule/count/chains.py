"""Several layers in a row: all choices of their unknowns that take one size to another.

Forwards, the sizes that each layer can give are gathered from the sizes that the layers before it
can give; backwards, those are struck out from which the wanted size cannot be reached any more.
What is left is a graph whose nodes are (layer, size) and whose edges are the solutions of one layer
between two sizes, counted by `configurations` without being made. The number of chains is a sum of
products along that graph.

Chains come best first: the keys of the layers' solutions are added up, entry by entry, and sums
compare as keys do. For each node, from the last layer to the first, the best few ways to the end
are merged from those of its successors.

    >>> from chainrule.count.known import layer
    >>> layers = [layer(k=8, s=2, d=1), layer("pooling", k=5, s=5, d=1), layer(k=4, p=1, d=1)]
    >>> found = Chains(layers, 256, 24)
    >>> found.count
    9
    >>> [str(c) for c in found.best(1)[0]]
    ['k=8 s=2 p=0 d=1', 'k=5 s=5 p=0 d=1', 'k=4 s=1 p=1 d=1']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush, merge
from itertools import islice
from operator import add, itemgetter
from typing import Final

from chainrule.count.configurations import Configuration, Solutions
from chainrule.count.known import Layer, sizes
from chainrule.count.space import Shrinks
from chainrule.errors import InputError, LimitError

LAYERS: Final = 50  # of a chain
EDGES: Final = 60_000  # pairs of sizes that are looked at
_Key = tuple[int, ...]
_Way = tuple[_Key, tuple[Configuration, ...]]


@dataclass(frozen=True)
class Chains:
    """All configurations of `layers` in a row that take an axis of `i` cells to one of `o`.

    Raises `InputError` without layers and `LimitError` where too many sizes come into question.
    """

    layers: Sequence[Layer]
    i: int
    o: int

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("a chain needs a layer")
        if len(self.layers) > LAYERS:
            raise LimitError(f"a chain may have {LAYERS} layers, found {len(self.layers)}")
        sizes(self.i, "input"), sizes(self.o, "output")

    @cached_property
    def forward(self) -> list[dict[int, dict[int, Solutions]]]:
        """For each layer, from each size that can reach it, the sizes that it gives."""
        graph: list[dict[int, dict[int, Solutions]]] = []
        current, looked = {self.i}, 0
        for place, known in enumerate(self.layers):
            last = place == len(self.layers) - 1
            step: dict[int, dict[int, Solutions]] = {}
            shared: dict[int, Shrinks] = {}
            for x in sorted(current):
                outputs = (self.o,) if last else _outputs(known, x)
                looked += len(outputs)
                if looked > EDGES:
                    raise LimitError(
                        f"there are more than {EDGES:,} pairs of sizes to go through",
                        hint="say more of the layers, such as their strides, or d = 1")
                step[x] = dict(_edges(known, x, outputs, shared))
            graph.append(step)
            current = {y for edges in step.values() for y in edges}
        return graph

    @cached_property
    def graph(self) -> list[dict[int, dict[int, Solutions]]]:
        """The same, without the sizes from which the end cannot be reached."""
        kept: list[dict[int, dict[int, Solutions]]] = []
        alive = {self.o}
        for step in reversed(self.forward):
            pruned = {x: {y: found for y, found in edges.items() if y in alive}
                      for x, edges in step.items()}
            kept.append({x: edges for x, edges in pruned.items() if edges})
            alive = set(kept[-1])
        return kept[::-1]

    @cached_property
    def count(self) -> int:
        """How many chains there are."""
        ways = {self.o: 1}
        for step in reversed(self.graph):
            ways = {x: sum(found.count * ways[y] for y, found in edges.items())
                    for x, edges in step.items()}
        return ways.get(self.i, 0)

    def between(self) -> list[list[int]]:
        """The sizes that are possible between the layers, from the input on."""
        return [sorted(step) for step in self.graph]

    def best(self, most: int) -> list[tuple[Configuration, ...]]:
        """The first `most` chains, those first whose keys add up to the least."""
        ways: dict[int, list[_Way]] = {self.o: [((), ())]}
        for step in reversed(self.graph):
            ways = {x: list(islice(merge(
                *(_joined(found, ways[y]) for y, found in edges.items()), key=itemgetter(0)), most))
                for x, edges in step.items()}
        return [configurations for _, configurations in ways.get(self.i, [])]


def _edges(known: Layer, x: int, outputs: Sequence[int], shared: dict[int, Shrinks]
           ) -> Iterator[tuple[int, Solutions]]:
    """The outputs that there is a solution for; what depends on the large side only is shared."""
    for y in outputs:
        large = y if known.kind == "transposed" else x
        found = Solutions(known, (x,), (y,), shared.get(large))
        shared.setdefault(large, found.shrinks)
        if found.count:
            yield y, found


def _outputs(known: Layer, x: int) -> range:
    """Sizes outside of which a layer gives nothing."""
    space = Solutions(known, (x,), (x,)).space
    lean = -1 if space.half else -space.padding.high
    if known.kind != "transposed":
        return range(1, (x - 1 - lean) // space.s.low + 2)
    if known.s is None or known.k is None or known.d is None:
        raise LimitError("the output of a transposed convolution has no bound here",
                         hint="give or bound its kernel, stride and dilation, as in s = 1..4")
    long = known.d.high * (known.k.high - 1)
    return range(1, (x - 1) * known.s.high + long + known.q.high + 2)


def _joined(found: Solutions, ends: list[_Way]) -> Iterator[_Way]:
    """The solutions of one layer, each before each way to the end, smallest sum of keys first."""
    solutions = iter(found)
    rows: list[Configuration] = []
    heap: list[tuple[_Key, int, int]] = []

    def push(row: int, column: int) -> None:
        if row == len(rows):
            following = next(solutions, None)
            if following is None:
                return
            rows.append(following)
        if column < len(ends):
            key, end = rows[row].key, ends[column][0]
            heappush(heap, (tuple(map(add, key, end)) if end else key, row, column))

    push(0, 0)
    while heap:
        key, row, column = heappop(heap)
        yield key, (rows[row], *ends[column][1])
        push(row, column + 1)
        if column == 0:
            push(row + 1, 0)

