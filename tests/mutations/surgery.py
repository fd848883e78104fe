"""Cutting and sewing: edits of a paper's text, what they make of its chains, numbers as written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mutations.latex import Node, Unreadable
from mutations.papers import Chain, Script, chains, links, worlds
from mutations.truth import Evaluator, IllFormed, World

Edit = tuple[int, int, str]
FAILS = (
    Unreadable,
    IllFormed,
    KeyError,
    IndexError,
    ZeroDivisionError,
    OverflowError,
    ValueError,
    AttributeError,
    TypeError,
)


@dataclass(frozen=True)
class Cut:
    """A candidate: what to change where, within one chain; `side` is where the change happens."""

    edits: tuple[Edit, ...]
    side: int


def applied(script: Script, edits: Sequence[Edit]) -> Script:
    """The paper with edits made; the stretches of the questions move along."""
    text = script.text
    spans = list(script.spans)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
        shift = len(new) - (end - start)
        spans = [
            (a if a <= start else a + shift, b if b < end else b + shift, p, q)
            for a, b, p, q in spans
        ]
    return Script(script.sheet, script.student, text, spans)


def moved(edits: Sequence[Edit], at: int) -> int:
    """Where a place outside the edits stands after them."""
    return at + sum(len(new) - (end - start) for start, end, new in edits if end <= at)


def worlds_of(script: Script, chain: Chain) -> tuple[World, ...]:
    return worlds(script.sheet, script.student, chain.part)


def holding(script: Script, chain: Chain) -> bool:
    """Whether each link of a chain holds; the name of a size (`o = …`) is let pass."""
    found = links(chain, worlds_of(script, chain))
    size = chain.part in ("cnn", "layer", "overlap") and found[0] is None
    return all(found) or (size and len(found) > 1 and all(found[1:]))


def is_literal(node: Node) -> bool:
    """Whether there is no name in it."""
    return all(
        n.kind not in ("symbol", "derivative", "call", "reduce", "cases") for n in node.walk()
    )


def is_number(node: Node) -> bool:
    """A number, or one with a sign."""
    return node.kind == "number" or (node.kind == "neg" and node.args[0].kind == "number")


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def written(value: float, places: int, commas: bool = False) -> str:
    """A number with so many decimals; whole or short ones in full."""
    if places == 0 and abs(value - round(value)) > 1e-9:
        places = 4
    text = f"{value:,.{places}f}" if commas else f"{value:.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text


def exactly(value: float) -> str:
    """A number in full where that takes few decimals, otherwise with four."""
    for places in range(5):
        if abs(value - round(value, places)) < 1e-9:
            return f"{round(value, places):.{places}f}" if round(value, places) else "0"
    return f"{value:.4f}"


def matrix(values: Any, like: str = "bmatrix") -> str:
    rows = " \\\\ ".join(" & ".join(exactly(float(x)) for x in row) for row in values)
    return f"\\begin{{{like}}} {rows} \\end{{{like}}}"


def literal(value: Any, old: Node, text: str) -> str:
    """A value written as the old literal was."""
    there = text[old.start : old.end]
    if old.kind == "list":
        return "[" + ", ".join(exactly(float(x)) for x in np.ravel(value)) + "]"
    if old.kind == "matrix":
        places = max(decimals(n.name) for n in old.walk() if n.kind == "number")
        if places >= 3:
            rows = " \\\\ ".join(" & ".join(f"{float(x):.{places}f}" for x in row) for row in value)
            return f"\\begin{{bmatrix}} {rows} \\end{{bmatrix}}"
        return matrix(value)
    number = there.lstrip("-").strip()
    places = decimals(number)
    if places < 3:
        return exactly(float(value))
    return written(float(value), places, "," in number)


def once(value: Any) -> Any:
    """A plain number for an array of one cell."""
    return float(value) if np.ndim(value) == 0 else value


def sure(node: Node, there: Sequence[World]) -> Any:
    """The value of a node if all worlds agree on it; otherwise None."""
    try:
        found = [Evaluator(w).value(node) for w in there]
    except FAILS:
        return None
    first = found[0]
    if any(np.shape(f) != np.shape(first) or not np.allclose(f, first, rtol=1e-9) for f in found):
        return None
    return once(first)


def target(chain: Chain, world: World) -> tuple[str, tuple[int, int] | None] | None:
    """The step of the world that the first side of a chain names."""
    node = chain.sides[0]
    here = Evaluator(world)
    try:
        if node.kind == "derivative" and node.name != "operator":
            above, top = here.resolved(node.args[0])
            below, cell = here.resolved(node.args[1])
            name = f"d:{above}/{below}"
            return (name, cell) if top is None and name in here.values else None
        name, cell = here.resolved(node)
    except FAILS:
        return None
    return (name, cell) if name in here.values else None


def put(world: World, where: tuple[str, tuple[int, int] | None], value: Any) -> World:
    """The world in which that step has another value."""
    name, cell = where
    if cell is None:
        return world.overridden(name, value)
    whole = np.array(world.values()[name], dtype=float)
    whole[cell] = value
    return world.overridden(name, whole)


def carried(script: Script, chain: Chain, wrong: Any) -> list[Edit] | None:
    """Edits that recompute what comes later from a wrong value; None where it cannot be done."""
    there = worlds_of(script, chain)
    where = target(chain, there[0])
    if where is None:
        return None
    other = tuple(put(w, where, wrong) for w in there)
    edits: list[Edit] = []
    for later in chains(script):
        if later.start == chain.start or later.part != chain.part:
            continue
        now = links(later, other)
        if all(now) or not holding(script, later):
            continue
        if later.start < chain.start:
            return None  # what is written above would have come later
        edit = _redone(script, later, other)
        if edit is None:
            return None
        edits += edit
    return edits or None


def _redone(script: Script, chain: Chain, other: Sequence[World]) -> list[Edit] | None:
    """A later chain with its numbers recomputed: the last literal anew, others left out."""
    last = len(chain.sides) - 1
    if not is_literal(chain.sides[last]) or chain.sides[last].kind == "sum":
        return None
    first = last
    while first > 0 and is_literal(chain.sides[first - 1]):
        first -= 1
    if first == 0:
        return None
    value = sure(chain.sides[0], other)
    if value is None:
        return None
    new = literal(value, chain.sides[last], script.text)
    place = (chain.sides[first].start, chain.sides[last].end)
    return [(*place, new)]


def drawn(items: Sequence[Any], rng: random.Random) -> Any:
    return items[rng.randrange(len(items))]


__all__ = [
    "FAILS",
    "Cut",
    "Edit",
    "applied",
    "carried",
    "decimals",
    "drawn",
    "exactly",
    "holding",
    "is_literal",
    "is_number",
    "links",
    "literal",
    "moved",
    "sure",
    "target",
    "worlds_of",
    "written",
]
