"""Rounded on the way: intermediate results cut to a few digits, and the result that they give.

A student who writes down h = 0.67 and goes on with it gets a result that is a little off. Here the
program of the sheet is run with its intermediate results rounded, all of them or one alone, and
the result is compared with the student's. Where a formula has a rounded number in it, that number
is exchanged for the unrounded one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_names import symbol_of
from chainrule.check.mistakes_trees import number, swapped
from chainrule.check.mistakes_work import Work, aim_of, shown_name
from chainrule.check.rounding import printed_cells
from chainrule.check.tree import Node, Number, walk
from chainrule.check.values import Array, Unknown, Value, cells_of, shape_of
from chainrule.errors import ChainruleError

_STEPS: Final = 14  # intermediate results that are rounded
_CELLS: Final = 60
_FAR: Final = Fraction(1, 8)  # a result that is further off does not come from rounding
_LEAVES: Final = 8


def rounded(bench: Bench) -> Iterator[Found]:
    """Roundings on the way that give the student's number, or stand in the student's formula."""
    yield from _leaves(bench)
    shown = printed_cells(bench.right)
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if shown is None or not any(p.decimals for p in shown) or not _close(bench, true, mine):
        return
    aim = aim_of(bench, bench.spots[:1])
    if aim is None:
        return
    work = Work(bench, aim, [mine], bench.spots[:1])
    steps = list(dict.fromkeys(aim.program.equations[k].target for k in reversed(work.places)))
    steps = [s for s in steps if s != aim.target and aim.program.tensors[s].kind == "real"]
    if not 1 <= len(steps) <= _STEPS:
        return
    if work.doubt() > 0.4:
        return  # so few digits come out by accident
    base = work.base[0]
    for decimals in (1, 2, 3):
        over: dict[str, Value] = {}
        try:
            for step in steps:
                over[step] = _rounded(bench, base.under(over).tensor(step), decimals)
            if work.like(work.cell_of(base.under(over).tensor(aim.target), 0), 0):
                one = f"{shown_name(steps[0])} was" if len(steps) == 1 else (
                    "the intermediate results were")
                yield Found("early-rounding", f"{one} rounded to {decimals} "
                            f"decimal{'s' * (decimals > 1)} first", 0.8, True)
                return
            for step in steps if decimals < 3 and not work.doubt() else ():
                alone = _rounded(bench, base.tensor(step), decimals)
                if work.like(work.cell_of(base.under({step: alone}).tensor(aim.target), 0), 0):
                    yield Found("early-rounding", f"{shown_name(step)} was rounded to {decimals} "
                                f"decimal{'s' * (decimals > 1)} first", 1.0, True)
                    return
        except (Unknown, ChainruleError, ArithmeticError, LookupError):
            return


def _close(bench: Bench, true: Value, mine: Value) -> bool:
    """Whether all numbers are near the right ones, as they are after rounding."""
    a, b = cells_of(true) if true is not None else (), cells_of(mine) if mine is not None else ()
    if not a or len(a) != len(b) or len(a) > _CELLS or isinstance(true, bool):
        return False
    for x, y in zip(a, b, strict=True):
        x, y = bench.numbers.exactly(x), bench.numbers.exactly(y)
        if x is None or y is None or abs(x - y) > _FAR * max(abs(x), Fraction(1, 10)):
            return False
    return True


def _rounded(bench: Bench, value: Value, decimals: int) -> Value:
    cells: list[Any] = []
    for c in cells_of(value):
        exact = bench.numbers.exactly(c)
        if exact is None:
            raise Unknown("not a number")
        cells.append(Fraction(round(exact * 10**decimals), 10**decimals))
    shape = shape_of(value)
    return Array(shape, tuple(cells)) if shape else cells[0]


def _leaves(bench: Bench) -> Iterator[Found]:
    """A rounded number in a formula of numbers: -0.34 + 4.5, where s is -0.3364."""
    left = bench.value(bench.left)
    if printed_cells(bench.right) is not None or not literal(bench.right) or left is None or (
            isinstance(left, Array | bool)):
        return
    true, mine = bench.numbers.exactly(left), _exact(bench, bench.right)
    if true is None or mine is None or not _close(bench, true, mine):
        return
    leaves = [n for n in walk(bench.right) if isinstance(n, Number) and "." in n.text][:_LEAVES]
    known = _quantities(bench) if leaves else []
    tree: Node = bench.right
    steps: list[str] = []
    for leaf in leaves:
        digits = len(leaf.text.partition(".")[2])
        shown = Fraction(leaf.text)
        for node, value in known:
            size = abs(value)
            if size == shown or round(size * 10**digits) != shown * 10**digits:
                continue
            put = number(leaf, _text(size))
            tree = swapped(tree, leaf, put)
            steps.append(f"{said(node)} to {leaf.text}")
            break
    gap = _exact(bench, tree)
    if steps and gap is not None and abs(gap - true) * 20 <= abs(mine - true):
        yield Found("early-rounding", f"it comes from rounding {' and '.join(steps[:3])} first",
                    0.4, True)


def _text(size: Fraction) -> str:
    """A number to twenty decimals."""
    scaled = str(round(size * 10**20)).rjust(21, "0")
    return f"{scaled[:-20]}.{scaled[-20:]}"


def _exact(bench: Bench, node: Node) -> Fraction | None:
    value = bench.value(node)
    return None if value is None or isinstance(value, Array | bool) else (
        bench.numbers.exactly(value))


def _quantities(bench: Bench) -> list[tuple[Node, Fraction]]:
    """The sheet's numbers, entries of small vectors and matrices among them."""
    found: list[tuple[Node, Fraction]] = []
    cells = bench.room.world(0).cells
    for name, tensor in bench.room.names.program.tensors.items():
        if tensor.kind != "real" or len(found) > _CELLS:
            continue
        try:
            values = cells_of(cells.tensor(name))
        except (Unknown, ChainruleError):
            continue
        shape = cells.shape(name)
        for k, c in enumerate(values[:_CELLS] if len(shape) < 2 else ()):
            exact = bench.numbers.exactly(c)
            sub = (number(bench.right, str(k + 1)),) if shape else ()
            if exact is not None:
                found.append((symbol_of(name, bench.right, sub), exact))
    return found


__all__ = ["rounded"]
