"""Sliding windows as a person draws them: the kernel under the cells that it touches.

On one axis all positions fit into one table: what stands still is its heading, and each row has
what slides, moved on, and the products with their sum. Where that would be too wide, each position
is a line of its own. On two axes each position is a picture: the window, what lies on it, the
products, the sum. Zeros that are no cells (padding, or zeros between spread cells) stand in
brackets, `(0)`; a dot is a gap of a dilated kernel, where nothing is multiplied.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from chainrule.document.blocks import (
    Block,
    Chain,
    Column,
    Link,
    MathBlock,
    Table,
    cell,
    inlines,
    p,
    table,
)
from chainrule.document.mathtree import (
    Fence,
    Math,
    Matrix,
    Num,
    Op,
    Row,
    Words,
    display_width,
    row,
    text,
)
from chainrule.document.notation import Notation, is_exact, leads_with_minus
from chainrule.evaluate.values import CellArray
from chainrule.explain.windows import Place, Sliding, Touch
from chainrule.explain.worked import summed
from chainrule.lang.expr import Expr

Cells = dict[str, CellArray]

_WIDTH = 98  # columns that a table of windows may take in a terminal
_PICTURED = 8  # rows and columns of an input that is drawn again at each position
_TERMS = 24  # products of one sum that are written out
OUTSIDE = Fence(Num("0"))  # a zero that is no cell


class Drawing:
    """The windows of one equation over evaluated cells, written in a notation."""

    def __init__(self, notation: Notation, sliding: Sliding, cells: Cells) -> None:
        self.notation = notation
        self.sliding = sliding
        self.cells = cells
        self.still = cells[sliding.still]
        self.moving = cells[sliding.moving]
        self.target = cells[sliding.target]

    def blocks(self, most: int) -> list[Block]:
        """The first `most` positions, and how many are left."""
        places = list(itertools.islice(self.sliding.places(), most))
        left = len(self.target.cells) - len(places)
        draw = self.strip if len(self.sliding.axes) == 1 else self.patches
        blocks = draw(places) if places else []
        if left > 0:
            noun = "position is" if left == 1 else "positions are"
            blocks.append(p(f"{left:,} {'more ' if places else ''}{noun} not shown."))
        return blocks

    # one axis

    def strip(self, places: Sequence[Place]) -> list[Block]:
        """One table with all positions if it is narrow enough, and the sums beside or below it."""
        sums = [self.products(self.sliding.window(place)) for place in places]
        touched = [c for place in places for c in self.reach(place)]
        low = min([0, *touched]) if self.whole(places) else min(touched)
        high = max([self.sliding.axes[0].last(), *touched]) if self.whole(places) else max(touched)
        if high - low + 1 <= _WIDTH // 3:
            for beside in (True, False):
                drawn = self.staircase(places, range(low, high + 1), sums if beside else [])
                if _width(drawn) <= _WIDTH:
                    return [drawn] if beside else [drawn, *map(self.line, places)]
        return [self.line(place, window=True) for place in places]

    def whole(self, places: Sequence[Place]) -> bool:
        """Whether every position is drawn, so that the whole of what stands still is shown."""
        return len(places) == len(self.target.cells)

    def reach(self, place: Place) -> tuple[int, int]:
        """The first and the last coordinate of a window on one axis."""
        axis = self.sliding.axes[0]
        ends = [axis.coordinate(place[0], a) for a in (0, axis.moving - 1)]
        return min(ends), max(ends)

    def staircase(self, places: Sequence[Place], coordinates: range,
                  sums: Sequence[Math]) -> Table:
        """The cells that stand still as heading, a row a position."""
        head: list[Column] = [Column(inlines(self.notation.tensor(self.sliding.still)))]
        head += [Column(inlines(self.over((c,))), "center") for c in coordinates]
        axis = self.sliding.axes[0]
        more = "…" if coordinates[-1] < axis.last() else ""  # what is left of a long input
        head += [Column(inlines(more))] if more else []
        head.append(Column(inlines("products and sum" if sums else "sum")))
        rows = []
        for k, place in enumerate(places):
            under = {t.coordinate[0]: t for t in self.sliding.window(place)}
            low, high = self.reach(place)
            line = [cell(self.label(place))]
            for c in coordinates:
                if c in under:
                    own = self.notation.cell(self.moving[under[c].moving])
                    line.append(cell(own, emphasis=under[c].still is not None))
                else:
                    line.append(cell(Op("·")) if low < c < high else cell())
            shown = row(sums[k], *self.equals(place)) if sums else row(*self.equals(place))
            rows.append([*line, *[cell()] * bool(more), cell(shown)])
        return table(head, rows)

    def line(self, place: Place, window: bool = False) -> Block:
        """One position as a line: what slides, what it lies on, the products, the sum."""
        touches = self.sliding.window(place)
        items: list[Math | str] = [self.label(place), "="]
        if window and len(touches) <= _TERMS:
            items += [Matrix((tuple(self.notation.cell(self.moving[t.moving]) for t in touches),)),
                      "⊙", Matrix((tuple(self.over(t.coordinate) for t in touches),)), "→"]
        return MathBlock(row(*items, self.products(touches), *self.equals(place)))

    # two axes

    def patches(self, places: Sequence[Place]) -> list[Block]:
        """A picture for each position."""
        rows, columns = (self.coordinates(axis) for axis in (0, 1))
        small = len(rows) <= _PICTURED and len(columns) <= _PICTURED
        blocks: list[Block] = []
        for place in places:
            touches = self.sliding.window(place)
            if small:
                blocks.append(MathBlock(self.marked(rows, columns, touches)))
            blocks.append(self.patch(place, touches))
        return blocks

    def coordinates(self, axis: int) -> range:
        """All coordinates of an axis that are cells or touched."""
        a = self.sliding.axes[axis]
        return range(min(0, a.first_seen()), max(a.last(), a.last_seen()) + 1)

    def marked(self, rows: range, columns: range, touches: Sequence[Touch]) -> Math:
        """What stands still as a whole, with the cells of one window marked."""
        inside = {t.coordinate for t in touches}
        cells = tuple(tuple(self.over((r, c)) for c in columns) for r in rows)
        marks = frozenset((i, j) for i, r in enumerate(rows) for j, c in enumerate(columns)
                          if (r, c) in inside)
        return Matrix(cells, marks)

    def patch(self, place: Place, touches: Sequence[Touch]) -> Block:
        """What slides times what it lies on, the products, the sum."""
        width = self.sliding.axes[1].moving
        lines = [touches[k : k + width] for k in range(0, len(touches), width)]
        sliding = Matrix(tuple(tuple(self.notation.cell(self.moving[t.moving]) for t in line)
                               for line in lines))
        under = Matrix(tuple(tuple(self.over(t.coordinate) for t in line) for line in lines))
        links = [Link(row("Σ", sliding, "⊙", under), inlines(self.where(touches)))]
        products = self.products(touches)
        relation, value = self.equals(place)
        if len(touches) > 1:
            links.append(Link(products))
        assert isinstance(relation, Op)
        return Chain(self.label(place), (*links, Link(value, (), relation.text)))

    def where(self, touches: Sequence[Touch]) -> str:
        """Which rows and columns of what stands still a window covers."""
        said = []
        for k, noun in enumerate(("row", "column")):
            seen = sorted({t.coordinate[k] for t in touches})
            if len(seen) == 1:
                said.append(f"{noun} {seen[0]}")
            elif seen[-1] - seen[0] == len(seen) - 1:
                said.append(f"{noun}s {seen[0]} to {seen[-1]}")
            else:
                said.append(f"{noun}s {seen[0]}, {seen[1]}" + (
                    "" if len(seen) == 2 else f", …, {seen[-1]}" if len(seen) > 3
                    else f", {seen[2]}"))
        return "; ".join(said)

    # both

    def label(self, place: Place) -> Math:
        """The target's cell by name."""
        return self.notation.tensor(self.sliding.target, tuple(Num(str(n)) for n in place))

    def over(self, at: Place) -> Math:
        """The cell of what stands still at a coordinate, or the zero that is no cell."""
        place = self.sliding.cell(at)
        return OUTSIDE if place is None else self.notation.cell(self.still[place])

    def products(self, touches: Sequence[Touch]) -> Math:
        """The products of a window, added up; of very many the first and how many there are."""
        terms = [self.product(t) for t in touches[:_TERMS]]
        total = summed(terms)
        left = len(touches) - len(terms)
        if not left:
            return total
        return row(total, "+", Words(f"… ({left:,} more product{'s' if left > 1 else ''})"))

    def product(self, touch: Touch) -> Math:
        """One product, factors in brackets where they need them."""
        left = self.notation.cell(self.moving[touch.moving])
        right = self.over(touch.coordinate)
        left = Fence(left) if _is_sum(left) else left
        if right != OUTSIDE and (_is_sum(right) or leads_with_minus(right)):
            right = Fence(right)
        return row(left, "·", right)

    def equals(self, place: Place) -> tuple[Math, Math]:
        """= or ≈, and the value of the target's cell."""
        value = self.target[place]
        exact = isinstance(value, Expr) or is_exact(value, self.notation.digits)
        return Op("=" if exact else "≈"), self.notation.cell(value)


def _is_sum(m: Math) -> bool:
    """Whether a factor is a sum, which needs brackets in a product."""
    if not isinstance(m, Row):
        return False
    return any(isinstance(x, Op) and x.text in "+-" for x in m.items[1:])


def _width(drawn: Table) -> int:
    """The columns of a terminal that a table takes."""
    total = 0
    for k, column in enumerate(drawn.columns):
        cells = [column.header, *(r[k].content for r in drawn.rows)]
        total += 2 + max(sum(display_width(text(x)) if isinstance(x, Math) else len(x.text)
                             for x in content) for content in cells)
    return total - 2
