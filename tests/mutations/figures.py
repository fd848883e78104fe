"""Slips in numbers: results miscalculated, miscopied or misrounded, cells in the wrong place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutations.latex import Node, Reader
from mutations.papers import Chain, Script
from mutations.slips import derivative_side, each, text_of
from mutations.surgery import (
    Cut,
    decimals,
    exactly,
    is_literal,
    is_number,
    literal,
    sure,
    target,
    worlds_of,
    written,
)
from mutations.truth import Evaluator

Slip = Callable[[Script, Chain, int], Iterator[Cut]]


def result(chain: Chain, side: int) -> Node | None:
    """A side that is the result: a number at the end of the chain."""
    node = chain.sides[side]
    return node if side == len(chain.sides) - 1 and is_number(node) else None


def numbers(chain: Chain, side: int) -> Iterator[Node]:
    """Numbers that are no indices, exponents or bounds."""
    hidden = set()
    for node in chain.sides[side].walk():
        if node.kind == "power":
            hidden.update(id(n) for n in node.args[1].walk())
        if node.kind in ("reduce",):
            hidden.update(id(n) for c in node.rows[0] if c is not None for n in c.walk())
        for sub in node.subs:
            hidden.update(id(n) for n in sub.walk())
    for node in each(chain, side, "number"):
        if id(node) not in hidden:
            yield node


def heavy(old: str, new: str) -> bool:
    """Whether a slip in a digit matters: not in the last of many decimals on the way."""
    return decimals(old) < 5 or abs(float(new) - float(old)) > 5e-4


def swapped_digits(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in numbers(chain, side):
        old = text_of(script, node)
        digits = [k for k, c in enumerate(old) if c.isdigit()]
        for a, b in itertools.pairwise(digits):
            new = old[:a] + old[b] + old[a] + old[b + 1 :]
            plain = old[a] != old[b] and b == a + 1 and not (a == 0 and old[b] == "0")
            if plain and heavy(old, new):
                yield Cut(((node.start, node.end, new),), side)


def arithmetic(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    node = result(chain, side)
    if node is None:
        return
    number = node if node.kind == "number" else node.args[0]
    old = number.name
    places = decimals(old)
    value = float(old.replace(",", ""))
    size = 10.0 ** max(-places, math.floor(math.log10(value)) - 1) if value else 1.0
    for step in (1, 2, -1, 3):
        if value + step * size > 0:
            new = (
                exactly(value + step * size) if places < 3 else written(value + step * size, places)
            )
            yield Cut(
                ((number.start, number.end, f"{float(new):,.0f}" if "," in old else new),), side
            )


def decimal_point(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in numbers(chain, side):
        old = text_of(script, node)
        if "." in old and float(old):
            for factor in (0.1, 10):
                yield Cut(
                    (
                        (
                            node.start,
                            node.end,
                            f"{float(old) * factor:.{decimals(old) + (factor < 1)}f}",
                        ),
                    ),
                    side,
                )


def truncated(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    node = result(chain, side)
    if node is None:
        return
    number = node if node.kind == "number" else node.args[0]
    places = decimals(number.name)
    value = sure(chain.sides[0], worlds_of(script, chain))
    if places < 3 or value is None:
        return
    cut = math.floor(abs(value) * 10**places) / 10**places
    new = f"{cut:.{places}f}"
    if new != number.name:
        yield Cut(((number.start, number.end, new),), side)


def too_coarse(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Fewer decimals than asked for."""
    node = result(chain, side)
    if node is None:
        return
    number = node if node.kind == "number" else node.args[0]
    if decimals(number.name) >= 3:
        for places in (1, 2):
            new = f"{float(number.name):.{places}f}"
            if float(new) != float(number.name):
                yield Cut(((number.start, number.end, new),), side)


def used(here: Evaluator, node: Node) -> Iterator[str]:
    """The values that a formula is computed from; of a derivative that is known, the derivative."""
    if node.kind == "symbol":
        yield here.resolved(node)[0]
    elif node.kind == "derivative":
        key = "d:" + "/".join(here.resolved(n)[0] for n in node.args)
        if key in here.values:
            yield key
    else:
        for part in node.parts():
            yield from used(here, part)


def early(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Computed from values that were rounded on the way."""
    node = result(chain, side)
    if node is None or side < 2:
        return
    number = node if node.kind == "number" else node.args[0]
    places = decimals(number.name)
    there = worlds_of(script, chain)
    if places < 3 or not there:
        return
    here = Evaluator(there[0])
    for kept in (1, 2):
        try:
            rough: dict[str, Any] = {}
            for key in used(here, chain.sides[side - 1]):
                if key not in there[0].inputs:
                    rough[key] = np.round(here.values[key], kept)
            world = there[0]
            for key, value in rough.items():
                world = world.overridden(key, value if np.ndim(value) else float(value))
            found = float(Evaluator(world).value(chain.sides[side - 1]))
        except Exception:
            return
        yield Cut(((node.start, node.end, written(found, places)),), side)


def recomputed(
    script: Script,
    chain: Chain,
    side: int,
    change: Callable[[Node], str | None],
) -> Iterator[Cut]:
    """The result as it would be if the calls before it were something else."""
    node = result(chain, side)
    if node is None or side < 2:
        return
    source = chain.sides[side - 1]
    there = worlds_of(script, chain)
    text, changed = script.text[source.start : source.end], False
    for call in sorted(source.walk(), key=lambda n: -n.start):
        new = change(call) if call.kind == "call" else None
        if new is not None:
            start, end = call.start - source.start, call.end - source.start
            text, changed = text[:start] + new + text[end:], True
    if not changed or not there:
        return
    value = sure(Reader(text, 0, len(text), there[0].functions_known()).side(), there)
    if value is not None:
        yield Cut(((node.start, node.end, literal(value, node, script.text)),), side)


def degrees(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    def change(call: Node) -> str | None:
        if call.name in ("sin", "cos"):
            return f"\\{call.name}({text_of(script, call.args[0])} \\times 0.017453292519943)"
        return None

    yield from recomputed(script, chain, side, change)


def natural(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    def change(call: Node) -> str | None:
        inner = text_of(script, call.args[0])
        if call.name == "log_base":
            return f"\\ln({inner})"
        return f"\\log_{{10}}({inner})" if call.name in ("ln", "log") else None

    yield from recomputed(script, chain, side, change)


def negative_result(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    node = result(chain, side)
    if node is not None:
        new = ("",) if node.kind == "neg" else ("-",)
        end = node.args[0].start if node.kind == "neg" else node.start
        yield Cut(((node.start, end, new[0]),), side)


def operations(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Multiplications and additions counted for multiplications, or the other way round."""
    node = result(chain, side)
    name = text_of(script, chain.sides[0])
    before = script.text[max(0, chain.start - 60) : chain.start]
    if script.sheet == "counting" and name.strip().startswith(("F_", "M_")):
        if node is not None:
            value = float(node.name.replace(",", ""))
            new = value / 2 if name.strip().startswith("F_") else value * 2
            yield Cut(((node.start, node.end, f"{new:.0f}"),), side)
        for product in each(chain, side, "product"):
            if text_of(script, product.args[0]) == "2":
                yield Cut(((product.start, product.args[1].start, ""),), side)
    elif "multiplies" in before and node is not None:
        yield Cut(((node.start, node.end, f"{2 * float(node.name.replace(',', '')):,.0f}"),), side)


# --- matrices and lists


def grids(chain: Chain, side: int) -> Iterator[Node]:
    for node in each(chain, side, "matrix"):
        if all(c is not None for row in node.rows for c in row):
            yield node


def two_cells(script: Script, a: Node, b: Node, side: int) -> Cut:
    return Cut(((a.start, a.end, text_of(script, b)), (b.start, b.end, text_of(script, a))), side)


def swapped_cells(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    where = target(chain, worlds_of(script, chain)[0])
    if script.sheet == "signal" and where == ("d:E/c", None):
        return  # before a pool that would be another kind, the wrong cell of it
    for node in grids(chain, side):
        cells = [c for row in node.rows for c in row]
        for a, b in itertools.pairwise(cells):
            yield two_cells(script, a, b, side)
    for node in each(chain, side, "list"):
        for a, b in zip(node.args, node.args[1:], strict=False):
            yield two_cells(script, a, b, side)


def turned(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Rows for columns."""
    for node in grids(chain, side):
        size = len(node.rows)
        if any(len(row) != size for row in node.rows):
            continue
        edits = []
        for i in range(size):
            for j in range(size):
                cell = node.rows[i][j]
                if i != j:
                    edits.append((cell.start, cell.end, text_of(script, node.rows[j][i])))
        yield Cut(tuple(edits), side)


def pool_cell(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The derivative given to another cell of the block than the largest."""
    where = target(chain, worlds_of(script, chain)[0])
    if where is None or where[0] != "d:L/X":
        return
    for node in grids(chain, side):
        for i, row in enumerate(node.rows):
            for j, cell in enumerate(row):
                if text_of(script, cell) != "0":
                    for a, b in ((i ^ 1, j), (i, j ^ 1), (i ^ 1, j ^ 1)):
                        yield two_cells(script, cell, node.rows[a][b], side)


def cell_sign(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in [*grids(chain, side), *each(chain, side, "list")]:
        for cell in [c for row in node.rows for c in row] or node.args:
            old = text_of(script, cell)
            if is_number(cell) and float(old.replace(" ", "")):
                yield Cut(
                    (
                        (
                            cell.start,
                            cell.end,
                            old[1:].strip() if old.startswith("-") else f"-{old}",
                        ),
                    ),
                    side,
                )


def not_flipped(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A correlation for a convolution, or a convolution for a correlation."""
    world = worlds_of(script, chain)[0].values()
    name = text_of(script, chain.sides[0])
    if chain.part in ("convolution", "line"):
        x, w = np.ravel(world["x"]), np.ravel(world["w"])
        full = np.convolve(x, w[::-1])
        new = full if "Full" in name else full[1:-1] if "Same" in name else full[2:-2]
        for node in each(chain, side, "list"):
            yield Cut(((node.start, node.end, literal(new, node, script.text)),), side)
    elif script.sheet == "averages":
        where = target(chain, worlds_of(script, chain)[0])
        for node in grids(chain, side):
            if where == ("Z", None):
                flipped = (
                    worlds_of(script, chain)[0]
                    .overridden("K", world["K"][::-1, ::-1])
                    .values()["Z"]
                )
            elif where == ("d:y/X", None):
                flipped = worlds_of(script, chain)[0].overridden("K", world["K"][::-1, ::-1])
                flipped = flipped.overridden("d:y/Z", world["d:y/Z"]).values()["d:y/X"]
            else:
                continue
            yield Cut(((node.start, node.end, literal(flipped, node, script.text)),), side)


def unsummed(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """One contribution of several, or all of them side by side."""
    if not derivative_side(chain):
        return
    node = chain.sides[side]
    if node.kind == "sum" and is_literal(node) and "alpha" in text_of(script, chain.sides[0]):
        last = chain.sides[-1]
        for arg in node.args:
            yield Cut(((node.start, last.end, text_of(script, arg)),), side)
    if result(chain, side) is not None and script.sheet in ("normalised", "averages", "perceptron"):
        source = chain.sides[1]
        terms = source.args if source.kind == "sum" else []
        for arg in terms:
            value = sure(arg, worlds_of(script, chain))
            if value is not None and any(n.kind == "derivative" for n in arg.walk()):
                yield Cut(((node.start, node.end, literal(value, node, script.text)),), side)


def slope_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The activation's own derivative left out of a matrix, or taken at its output."""
    where = target(chain, worlds_of(script, chain)[0])
    world = worlds_of(script, chain)[0].values()
    for node in grids(chain, side):
        if where == ("d:L/U", None):
            yield Cut(((node.start, node.end, literal(world["d:L/V"], node, script.text)),), side)
        elif where == ("d:y/Z", None):
            yield Cut(((node.start, node.end, literal(world["d:y/A"], node, script.text)),), side)


def value_for_slope(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Multiplied by the activation's value where its slope belongs."""
    where = target(chain, worlds_of(script, chain)[0])
    world = worlds_of(script, chain)[0].values()
    for node in grids(chain, side):
        if where == ("d:L/U", None):
            new = np.where(world["U"] >= 0, 1, 0.1 * world["U"]) * world["d:L/V"]
            yield Cut(((node.start, node.end, literal(new, node, script.text)),), side)
            yield Cut(
                ((node.start, node.end, literal(world["V"] * world["d:L/V"], node, script.text)),),
                side,
            )
        elif where == ("d:y/Z", None):
            yield Cut(
                ((node.start, node.end, literal(world["A"] * world["d:y/A"], node, script.text)),),
                side,
            )


def floors(chain: Chain, side: int) -> list[Node]:
    return [n for n in chain.sides[side].walk() if n.kind == "call" and n.name == "floor"]


def rounded_up(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A size rounded up where it is rounded down."""
    node = result(chain, side)
    for floor in floors(chain, side - 1) if node is not None else []:
        inner = sure(floor.args[0], worlds_of(script, chain))
        if inner is None or inner != math.floor(inner):
            yield Cut(((node.start, node.end, str(int(node.name) + 1)),), side)


def one_less(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A size whose formula ends with a one, without it."""
    node, source = result(chain, side), chain.sides[side - 1]
    ends = source.kind == "sum" and text_of(script, source.args[-1]) == "1"
    if node is not None and floors(chain, side - 1) and ends:
        yield Cut(((node.start, node.end, str(int(node.name) - 1)),), side)


FIGURES: dict[str, Slip] = {
    "digits swapped": swapped_digits,
    "miscalculated": arithmetic,
    "decimal point moved": decimal_point,
    "truncated": truncated,
    "too few decimals": too_coarse,
    "rounded early": early,
    "degrees": degrees,
    "natural logarithm": natural,
    "sign of a result": negative_result,
    "operations for multiplications": operations,
    "cells swapped": swapped_cells,
    "rows for columns": turned,
    "wrong cell of a pool": pool_cell,
    "sign of a cell": cell_sign,
    "kernel not turned": not_flipped,
    "contributions not summed": unsummed,
    "slope forgotten": slope_forgotten,
    "value for slope": value_for_slope,
    "rounded up": rounded_up,
    "one too few": one_less,
}
