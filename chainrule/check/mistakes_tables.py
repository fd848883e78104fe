"""Matrices and lists: a transpose, entries in each other's place, terms that were not summed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Found, letters_of_place, ordinal, said
from chainrule.check.mistakes_digits import entry_digits
from chainrule.check.mistakes_names import spelled, summed_kind, variables
from chainrule.check.mistakes_trees import apply, bare, factors, swapped, terms, times
from chainrule.check.rounding import COARSE, CUT, RIGHT, compared, printed_cells
from chainrule.check.tree import (
    Apply,
    Derivative,
    Item,
    Matrix,
    Node,
    Number,
    Reduce,
    Symbol,
    walk,
)
from chainrule.check.values import Array, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_names import form_of, key, plain_letter

_LAYERS: Final = 2
_SHOWN: Final = 4
"""How many wrong entries are named."""


def tables(bench: Bench) -> Iterator[Found]:
    """What may be wrong with a matrix, or with the shape of a side."""
    left, right = bench.value(bench.left), bench.value(bench.right)
    if left is None or right is None:
        return
    yield from _one_cell(bench, left, right)
    yield from _unsummed(bench, left, right)
    yield from term_by_term(bench)
    yield from _turned(bench, left, right)
    if isinstance(left, Array) and isinstance(right, Array) and plain_shape(
            left.shape) == plain_shape(right.shape) and len(left.cells) > 1:
        yield from _entries(bench, left, right)


def exchanged(bench: Bench) -> Iterator[Found]:
    """Two entries of a table in each other's place, and all others right."""
    if not is_table(bench.right) or through_maximum(bench):
        return
    left, right = bench.value(bench.left), bench.value(bench.right)
    shown = printed_cells(bench.right)
    if not isinstance(left, Array) or not isinstance(right, Array) or shown is None or plain_shape(
            left.shape) != plain_shape(right.shape) or len(shown) != len(left.cells):
        return
    wrong = [k for k, (x, y) in enumerate(zip(left.cells, right.cells, strict=True))
             if isinstance(x, bool) or not bench.matches(x, y, k)]
    if len(wrong) != 2 or isinstance(left.cells[0], bool):
        return
    rule = bench.case.trials.rule
    j, k = wrong
    if any(compared(bench.numbers, left.cells[a], shown[b], rule) != RIGHT
           for a, b in ((j, k), (k, j))):
        return
    shape = plain_shape(left.shape)
    if shape == (2, 2) and (j, k) == (1, 2):
        yield Found("transpose", "rows and columns are exchanged: this is the transpose", 0.6, True)
    else:
        yield Found("swapped-cells", f"the entries in {place(j, left.shape)} and "
                    f"{place(k, left.shape)} are exchanged", 0.7, True)


def _unsummed(bench: Bench, left: Value, right: Value) -> Iterator[Found]:
    """One number is asked for, and the terms were given one by one."""
    name = said(bench.left)
    parameter = bool(variables(bench.left))
    kind = "unsummed-parameter" if parameter else "missing-term"
    if len(cells_of(left)) == 1 and len(cells_of(right)) > 1:
        total = apply(bench.right, "call:sum", bench.right)
        if bench.holds(bench.left, total):
            n = len(cells_of(right))
            yield Found(kind, f"{name} is one number: the {n} entries are its terms and have to be "
                        f"added", 0.6, True)
    for letter in letters_of_place(bench):
        if plain_letter(letter) in _letters(bench.left):
            continue
        summed = Reduce(bench.right.start, bench.right.end, "sum", (Item(letter),), bench.right)
        if _sums_to(bench, letter) or bench.holds(bench.left, summed):
            yield Found(kind, f"this is the contribution of one {said(letter)} alone; {name} is "
                        f"the sum over all {said(letter)}", 0.7, True)
        whole = without_letter(bench.right, plain_letter(letter))
        total = apply(bench.right, "call:sum", whole)
        if len(cells_of(left)) == 1 and bench.holds(bench.left, total):
            yield Found(kind, f"this is one term for each {said(letter)}; {name} is one number, "
                        "the sum of them all", 0.7, True)


def _one_cell(bench: Bench, left: Value, right: Value) -> Iterator[Found]:
    """The gradient of one cell below a maximum, that goes to another cell."""
    slope = bare(bench.left)
    if isinstance(left, Array | bool) or isinstance(right, Array | bool) or not isinstance(
            slope, Derivative) or len(slope.bottom) != 1:
        return
    cell = slope.bottom[0]
    if not isinstance(cell, Symbol) or not cell.subs or not through_maximum(bench):
        return
    whole = bench.value(replace(slope, bottom=(replace(cell, subs=()),)))
    if not isinstance(whole, Array) or (left == 0) == (right == 0):
        return
    if left == 0 and any(bench.near(c, right) for c in whole.cells if c != 0):
        yield Found("pool-cell", f"{said(cell)} is not the maximum of its window: nothing goes "
                    "there", 0.7, True)
    elif right == 0:
        yield Found("pool-cell", f"{said(cell)} is the maximum of its window: the gradient goes "
                    "there", 0.7, True)


def without_letter(node: Node, letter: str) -> Node:
    """The formula of whole tensors that a formula of their cells stands for: u for u_i."""
    for n in list(walk(node)):
        if isinstance(n, Symbol) and n.subs and all(plain_letter(s) == letter for s in n.subs):
            node = swapped(node, n, replace(n, subs=()))
    return node


def term_by_term(bench: Bench) -> Iterator[Found]:
    """A sum over an index on the left, and its terms written out on the right."""
    total = bare(bench.left)
    if not isinstance(total, Reduce) or total.op != "sum" or len(total.items) != 1 or (
            total.items[0].index is None or not bench.spots):
        return
    spot = bench.spots[0]
    name = plain_letter(total.items[0].index)
    right = [(sign, t, bench.value(t)) for sign, t in terms(bench.right)]
    mine: list[Any] = [None if v is None or isinstance(v, Array | bool) else sign * v
                       for sign, _, v in right]
    true: list[Any] = []
    for k in range(1, 65):
        value = bench.value_at(total.body, spot, {**spot.place.bound, name: k})
        if value is None or isinstance(value, Array | bool):
            break
        true.append(value)
    if None in mine or not 2 <= len(true) < 64:
        return
    close = bench.numbers.close
    nonzero = [a for a in true if not close(a, Fraction(0))]
    if len(mine) != len(true) and len(mine) == len(nonzero):
        true = nonzero
    if len(mine) == len(true):
        wrong = [k for k, (a, b) in enumerate(zip(true, mine, strict=True)) if not close(a, b)]
        if len(wrong) == 1 and close(true[wrong[0]], -mine[wrong[0]]):
            k = wrong[0]
            yield Found("sign", f"the {ordinal(k, len(mine))} term, {said(right[k][1])}, has the "
                        "wrong sign", 0.8, True, f"Check the sign of the {ordinal(k, 99)} term.")
        elif len(wrong) == 1:
            k = wrong[0]
            yield Found("factor", f"the {ordinal(k, len(mine))} term, {said(right[k][1])}, is "
                        "wrong; all others are right", 1.2, True)
        return
    left_over = list(nonzero)
    for b in mine:
        at = next((k for k, a in enumerate(left_over) if close(a, b)), None)
        if at is None:
            return
        del left_over[at]
    if left_over and len(left_over) < len(nonzero):
        missing = next(k for k, a in enumerate(true, 1) if close(a, left_over[0]))
        index = said(total.items[0].index)
        yield Found(summed_kind(bench), f"the term with {index} = {missing} is missing", 0.8, True)


def _letters(node: Node) -> set[str]:
    form = form_of(node)
    return {plain_letter(s) for s in form.subs} if form is not None else set()


def _sums_to(bench: Bench, letter: Symbol) -> bool:
    """Whether the right side's values, added over a letter, are the left side's."""
    name = plain_letter(letter)
    spot = bench.spots[0]
    bound = dict(spot.place.bound)
    total: Any = Fraction(0)
    size = bench.size_of(letter)
    if size is None or not 2 <= size <= 64:
        return False
    for k in range(1, size + 1):
        value = bench.value_at(bench.right, spot, {**bound, name: k})
        if value is None or isinstance(value, Array | bool):
            return False
        total = bench.numbers.add(total, value)
    left = bench.value(bench.left)
    return not isinstance(left, Array | bool) and left is not None and bool(
        bench.numbers.close(total, left))


def _turned(bench: Bench, left: Value, right: Value) -> Iterator[Found]:
    """Rows and columns exchanged; the other way round."""
    if not isinstance(left, Array) or not isinstance(right, Array):
        return
    a, b = plain_shape(left.shape), plain_shape(right.shape)
    if len(a) == len(b) == 2 and a == b[::-1]:
        new = apply(bench.right, "transpose", bench.right)
        if bench.holds(bench.left, new):
            yield Found("transpose", "rows and columns are exchanged: this is the transpose", 0.5,
                        True)
    if len(a) == len(b) == 1 and a == b:
        mine, theirs = cells_of(left), cells_of(right)
        if all(bench.numbers.close(x, y) for x, y in zip(mine, theirs[::-1], strict=True)):
            yield Found("index", "the entries stand in the opposite order", 0.9, True)


def _entries(bench: Bench, left: Array, right: Array) -> Iterator[Found]:
    """Which entries are wrong, and whether they are in each other's place, or have a wrong sign."""
    rounding = bench.case.outcome.rounding
    if rounding in (COARSE, CUT) and is_table(bench.right):
        text = ("some entries have fewer decimals than are asked for" if rounding == COARSE else
                "some entries were cut off, not rounded")
        yield Found("too-few-decimals" if rounding == COARSE else "truncation", text, 0.3, True)
    wrong = [k for k, (x, y) in enumerate(zip(left.cells, right.cells, strict=True))
             if not bench.matches(x, y, k)]
    if not wrong or isinstance(left.cells[0], bool) or isinstance(right.cells[0], bool):
        return
    n = len(left.cells)
    close = bench.numbers.close
    where = [place(k, left.shape) for k in wrong]
    if len(wrong) == 2:
        j, k = wrong
        if close(left.cells[j], right.cells[k]) and close(left.cells[k], right.cells[j]):
            number = left.cells[j] if not close(left.cells[j], Fraction(0)) else left.cells[k]
            zero = close(left.cells[j], Fraction(0)) or close(left.cells[k], Fraction(0))
            at, to = (j, k) if close(left.cells[k], Fraction(0)) else (k, j)
            if zero and through_maximum(bench):
                here = place(to, left.shape)
                yield Found("pool-cell", f"{number_text(number)} stands in {here}; the maximum "
                            f"of that window is the cell in {place(at, left.shape)}, and the "
                            "gradient goes there", 0.6, True)
                return
            kind = "pool-cell" if through_maximum(bench) else "swapped-cells"
            yield Found(kind, f"the entries in {where[0]} and {where[1]} are exchanged", 0.7,
                        True)
            return
    if through_maximum(bench) and _routed(bench, left, right):
        yield Found("pool-cell", "the gradient went to another cell than the maximum: see "
                    f"{_several(where)}", 0.9, True)
    cells = printed_cells(bench.right)
    if cells is not None and len(cells) == n and len(wrong) <= 2:
        for k in wrong:
            yield from entry_digits(bench, left.cells[k], cells[k], place(k, left.shape))
    if all(close(left.cells[k], -right.cells[k]) for k in wrong):
        every = "all entries have" if len(wrong) == n else (
            f"the entry in {where[0]} has" if len(wrong) == 1 else
            f"the entries in {_several(where)} have")
        yield Found("sign", f"{every} the wrong sign", 0.8, True)
    mine, theirs = (sorted(map(float_of, a.cells)) for a in (left, right))
    if len(wrong) > 1 and mine == theirs:
        yield Found("swapped-cells", "the right numbers stand in the wrong places: "
                    f"{_several(where)}", 1.0, True)
    if len(wrong) == 1:
        yield from _factor_of_entry(bench, wrong[0], place(wrong[0], left.shape))
    if is_table(bench.right) and (2 * len(wrong) <= n or len(wrong) == 1):
        texts = _several(where)
        plural = "is" if len(wrong) == 1 else "are"
        yield Found("entry", f"only the entr{'y' if plural == 'is' else 'ies'} in {texts} {plural} "
                    "wrong", 2.9, True)


def _factor_of_entry(bench: Bench, k: int, where: str) -> Iterator[Found]:
    """A factor that one entry of a matrix lacks."""
    matrix = bare(bench.right)
    if not isinstance(matrix, Matrix):
        return
    cells = [c for row in matrix.rows for c in row]
    scalars = [n for n, t in bench.room.names.program.tensors.items() if not t.shape]
    if not k < len(cells):
        return
    plain = {key(f): f for c in cells if c is not cells[k] for f in factors(c)
             if isinstance(f, Number) and len(factors(c)) > 1}
    for symbol in (*list(plain.values())[:4], *(spelled(bench, n, cells[k])
                                                for n in scalars[:6])):
        new = swapped(bench.right, cells[k], times(cells[k], symbol))
        if bench.fits(bench.left, new) and bench.holds(bench.left, new):
            yield Found("factor", f"the entry in {where} lacks the factor {said(symbol)}", 1.2,
                        isinstance(symbol, Number) or bench.sure(bench.left, new))
            return


def float_of(cell: Any) -> float:
    """A cell as a float, to sort by."""
    return float(f"{float(cell):.12g}")


def _routed(bench: Bench, left: Array, right: Array) -> bool:
    """Whether the same numbers are all there, at other places, and zeros else."""
    mine = sorted((c for c in left.cells if c != 0), key=float_of)
    theirs = sorted((c for c in right.cells if c != 0), key=float_of)
    shown = printed_cells(bench.right) or []
    half = max((p.half for p in shown if p.decimals), default=Fraction(0))
    pairs = [(bench.numbers.exactly(a), bench.numbers.exactly(b))
             for a, b in zip(mine, theirs, strict=False)]
    return len(mine) == len(theirs) and all(
        a is not None and b is not None and abs(a - b) <= half for a, b in pairs)


def through_maximum(bench: Bench) -> bool:
    """Whether a derivative on the left goes through a maximum over windows."""
    if not variables(bench.left):
        return False
    from_maximum = [e for e in bench.room.names.program.equations
                    if getattr(e.body, "op", "") in ("max", "min")]
    form = form_of(bare(variables(bench.left)[0]))
    if form is None:
        return False
    names = {n for n, _ in bench.room.names.tensors(form)}
    graph, cells = bench.room.made.graph, bench.room.world(0).cells
    for _ in range(_LAYERS):  # through what works cell by cell, such as a ReLU
        names |= {t for t, read in graph.reads.items() for n in read & names
                  if t in graph.program.tensors and cells.shape(t) == cells.shape(n)}
    return any(graph.reads[e.target] & names for e in from_maximum)


def place(k: int, shape: tuple[int, ...]) -> str:
    """Where an entry stands, counted from 1: row 2, column 3.

    >>> place(5, (2, 4)), place(1, (3,))
    ('row 2, column 2', 'place 2')
    """
    if len(shape) == 2 and 1 not in shape:
        return f"row {k // shape[1] + 1}, column {k % shape[1] + 1}"
    return f"place {k + 1}"


def _several(where: list[str]) -> str:
    shown = where[:_SHOWN]
    more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
    return "; ".join(shown) + more


def is_table(node: Node) -> bool:
    """Whether a formula is a matrix or a list as it stands."""
    return isinstance(bare(node), Matrix) or (
        isinstance(node, Apply) and node.head == "transpose" and is_table(node.args[0]))


__all__ = ["exchanged", "is_table", "place", "shape_of", "tables", "through_maximum"]
