"""The slips of `slips`, `figures` and `oddities` where the second set of sheets gives occasion.

Many kinds of mistakes hang on what a formula is about: which factor is the number of channels,
which number is a bias, where a pool has its largest cell. These say so for the sheets of
`worlds_more`; each adds to the kind of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutations.figures import grids, result
from mutations.latex import Node
from mutations.papers import Chain, Script
from mutations.slips import derivative_side, each, text_of, without_factor, without_term
from mutations.surgery import Cut, is_literal, literal, sure, target, worlds_of
from mutations.truth import World

Slip = Callable[[Script, Chain, int], Iterator[Cut]]


def whole(script: Script, node: Node, value: Any, side: int) -> Cut:
    """A literal with another value."""
    return Cut(((node.start, node.end, literal(value, node, script.text)),), side)


def outcome(chain: Chain, side: int) -> Node | None:
    """The result of a formula, not of numbers put into it: these say what it has to be."""
    return None if is_literal(chain.sides[side - 1]) else result(chain, side)


def place(script: Script, chain: Chain) -> tuple[World, str, tuple[int, int] | None]:
    """The first world, and what of it the chain's first side names."""
    world = worlds_of(script, chain)[0]
    found = target(chain, world)
    return (world, *found) if found else (world, "", None)


# --- symbols


def mean(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The 1/3 of a mean over three examples, the 4 beneath a mean of four numbers."""
    bottom = {"logistic": "{3}", "rescaled": "{4}"}.get(script.sheet)
    top = chain.sides[side]
    if top.kind == "frac" and text_of(script, top.args[1]) == bottom:
        yield Cut(((top.start, top.end, text_of(script, top.args[0])[1:-1].strip()),), side)
    if script.sheet != "logistic":
        return
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args[:-1]):
            if arg.kind == "frac" and text_of(script, arg) == "\\frac{1}{3}":
                yield Cut(((arg.start, node.args[k + 1].start, ""),), side)


def fewer(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A mean that divides by one fewer."""
    bottom = {"logistic": "{3}", "rescaled": "{4}"}.get(script.sheet)
    for node in each(chain, side, "frac"):
        below = node.args[1]
        if text_of(script, below) == bottom:
            yield Cut(((below.start, below.end, f"{{{int(bottom[1]) - 1}}}"),), side)


def transpose(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet != "attention":
        return
    turned = set()
    for node in each(chain, side, "transpose"):
        turned.update(id(n) for n in node.args[0].walk())
        if not any(n.name == "G" for n in node.walk()):
            yield Cut(((node.args[0].end, node.end, ""),), side)
    inside = {id(n) for d in each(chain, side, "derivative") for n in d.walk()}
    for node in each(chain, side, "symbol"):
        bold = "mathbf" in text_of(script, node) and node.name in "QKVPS"
        if bold and id(node) not in turned | inside:
            yield Cut(((node.end, node.end, "^\\top"),), side)


def wrong_point(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A slope taken at the output for the input, or the other way round."""
    if not derivative_side(chain):
        return
    if script.sheet == "recurrent":
        for group in each(chain, side, "group"):
            for node in group.walk():
                if node.kind == "symbol" and node.label and node.name in "ha":
                    other = {"h": "a", "a": "h"}[node.name]
                    yield Cut(((node.start, node.start + 1, other),), side)
    if script.sheet == "graphs":
        for node in each(chain, side, "power"):
            if text_of(script, node) == "e^a":
                yield Cut(((node.end - 1, node.end, "b"),), side)
    if script.sheet == "attention":
        for node in each(chain, side, "product"):
            for before, arg in zip(node.args, node.args[1:], strict=False):
                if text_of(script, arg) == f"(1 - {text_of(script, before)})":
                    yield Cut(
                        (
                            (before.start, before.start + 1, "s"),
                            (arg.start + 5, arg.start + 6, "s"),
                        ),
                        side,
                    )


def softmax_diagonal(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The derivative of a softmax as if each output hung on its own input alone."""
    node = chain.sides[side]
    if script.sheet == "graphs" and derivative_side(chain):
        for total in each(chain, side, "reduce"):
            body = total.args[0]
            if any(n.kind == "derivative" for n in body.walk()):
                new = text_of(script, body).replace("_i", "_j")
                yield Cut(((total.start, total.end, new),), side)
    if script.sheet != "attention":
        return
    world, name, cell = place(script, chain)
    if name != "d:L/S":
        return
    values = world.values()
    alone = values["P"] * (1 - values["P"]) * values["d:L/P"]
    if cell is None:
        for found in grids(chain, side):
            yield whole(script, found, alone, side)
        return
    if outcome(chain, side) is not None:
        yield whole(script, node, float(alone[cell]), side)
    elif node.kind == "sum":
        yield Cut(((node.start, node.end, text_of(script, node.args[0])),), side)
    for total in each(chain, side, "reduce"):
        new = re.sub(r"(\d)k\}", rf"\g<1>{cell[1] + 1}}}", text_of(script, total.args[0]))
        yield Cut(((total.start, total.end, new),), side)


def label(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Another time step than there should be."""
    if script.sheet != "recurrent":
        return
    for node in each(chain, side, "symbol"):
        if node.label in ("1", "2", "3"):
            for new in (int(node.label) - 1, int(node.label) + 1):
                if (node.name == "h" or new > 0) and new < 4:
                    yield Cut(((node.start, node.end, f"{node.name}^{{({new})}}"),), side)


# --- counts


def larger(script: Script, chain: Chain) -> str:
    """The letter that a chain of the larger network counts; empty elsewhere."""
    if (script.sheet, chain.part) != ("signal", "larger"):
        return ""
    return text_of(script, chain.sides[0]).strip()


def plus_one(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if larger(script, chain) in ("s", "r"):
        for node in each(chain, side, "sum"):
            if node.signs[-1] == "+" and text_of(script, node.args[-1]) == "1":
                yield Cut((without_term(node, len(node.args) - 1),), side)


def channels(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if larger(script, chain) in ("A_1", "A_2", "B_1", "B_2"):
        for node in each(chain, side, "product"):
            edit = without_factor(node, 0)
            if edit and node.args[1].kind == "power":
                yield Cut((edit,), side)


def biases(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if larger(script, chain).startswith("A_"):
        for node in each(chain, side, "group"):
            inner = node.args[0]
            if inner.kind == "sum" and text_of(script, inner.args[-1]) == "1":
                new = text_of(script, inner.args[0])
                yield Cut(((node.start, node.end, new),), side)


def operations(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    letter, node = larger(script, chain), result(chain, side)
    if letter == "R" and node is not None:
        yield Cut(((node.start, node.end, str(int(node.name) // 2)),), side)
    if letter == "R":
        for product in each(chain, side, "product"):
            edit = without_factor(product, 0)
            if edit and text_of(script, product.args[0]) == "2":
                yield Cut((edit,), side)
    if letter.startswith("B_") and node is not None:
        yield Cut(((node.start, node.end, str(int(node.name) * 2)),), side)


def padding_once(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if larger(script, chain) == "s":
        for node in each(chain, side, "sum"):
            last = node.args[-1]
            if last.kind == "product" and text_of(script, last.args[0]) == "2":
                edit = without_factor(last, 0)
                if edit:
                    yield Cut((edit,), side)


def stride_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if larger(script, chain) == "s":
        for node in each(chain, side, "frac"):
            top = text_of(script, node.args[0])[1:-1].strip()
            yield Cut(((node.start, node.end, f"({top})"),), side)


# --- figures


def not_flipped(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The filter turned round where it should not be."""
    if script.sheet != "signal" or chain.part != "net":
        return
    world, name, cell = place(script, chain)
    if name not in ("c", "d:E/x"):
        return
    other = world.overridden("w", world.values()["w"][::-1])
    if name == "d:E/x":
        other = other.overridden("d:E/c", world.values()["d:E/c"])
    new = other.values()[name]
    node = outcome(chain, side) if cell else None
    if node is not None:
        yield whole(script, node, float(new[cell]), side)
    for found in each(chain, side, "list"):
        if cell is None:
            yield whole(script, found, new, side)


def pool_cell(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The derivative given to the smaller number of a pair."""
    if script.sheet != "signal" or chain.part != "net":
        return
    world, name, cell = place(script, chain)
    if name != "d:E/c" or cell is not None:
        return
    for node in each(chain, side, "list"):
        for a, b in ((0, 1), (2, 3)):
            new = np.array(world.values()[name])
            new[[a, b]] = new[[b, a]]
            yield whole(script, node, new, side)


def pooled(how: Callable[[np.ndarray], float]) -> Slip:
    """The pooling as if it took something else of each pair."""

    def slip(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
        if script.sheet != "signal" or chain.part != "net":
            return
        world, name, cell = place(script, chain)
        node = result(chain, side)
        if name == "m" and cell and node is not None:
            pair = world.values()["c"].reshape(2, 2)[cell[0]]
            yield whole(script, node, how(pair), side)

    return slip


def unsummed(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """One contribution of several."""
    node, source = outcome(chain, side), chain.sides[1]
    sheets = ("recurrent", "signal", "rescaled")
    if not derivative_side(chain) or node is None or script.sheet not in sheets:
        return
    for arg in source.args if source.kind == "sum" else []:
        value = sure(arg, worlds_of(script, chain))
        if value is not None and any(n.kind == "derivative" for n in arg.walk()):
            yield whole(script, node, value, side)


def through(script: Script, chain: Chain, side: int, how: Callable[[Any, str], float]):
    """The derivative by what goes into a hyperbolic tangent, found in another way."""
    node = outcome(chain, side)
    if script.sheet != "recurrent" or node is None:
        return
    world, name, _ = place(script, chain)
    if name.startswith("d:E/a"):
        yield whole(script, node, how(world.values(), name[-1]), side)


def slope_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    yield from through(script, chain, side, lambda w, t: w[f"d:E/h{t}"])


def value_for_slope(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    yield from through(script, chain, side, lambda w, t: w[f"d:E/h{t}"] * w[f"h{t}"])


ADDED: dict[str, Slip] = {
    "mean not taken": mean,
    "wrong count in a mean": fewer,
    "transposed": transpose,
    "derivative at the wrong point": wrong_point,
    "softmax diagonal only": softmax_diagonal,
    "wrong index": label,
    "plus one missing": plus_one,
    "channels left out": channels,
    "biases left out": biases,
    "operations for multiplications": operations,
    "padding counted once": padding_once,
    "stride forgotten": stride_forgotten,
    "kernel not turned": not_flipped,
    "wrong cell of a pool": pool_cell,
    "largest in absolute value": pooled(lambda b: float(b[np.abs(b).argmax()])),
    "average for maximum": pooled(lambda b: float(b.mean())),
    "smallest for largest": pooled(lambda b: float(b.min())),
    "contributions not summed": unsummed,
    "slope forgotten": slope_forgotten,
    "value for slope": value_for_slope,
}


def joined(kinds: dict[str, Slip]) -> dict[str, Slip]:
    """Kinds of mistakes, each with what is added to it here."""

    def both(first: Slip, second: Slip) -> Slip:
        def slip(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
            yield from first(script, chain, side)
            yield from second(script, chain, side)

        return slip

    return {k: both(s, ADDED[k]) if k in ADDED else s for k, s in kinds.items()}
