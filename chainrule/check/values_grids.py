r"""Matrices with dots: \cdots in a row, \vdots in a column, \ddots on the diagonal.

The corners say what every cell is. The corner above on the right and the one below on the left
differ in the row and in the column; what comes of that is the rule of all cells, unless the
diagonal has a rule of its own, as in a diagonal matrix or in the Jacobian of a softmax. Every cell
that is shown has to be what the rule says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chainrule.check.tree import Apply, Matrix, Node, Number, Remark
from chainrule.check.values import Array, Unknown, Value
from chainrule.check.values_dots import LETTERS, Pairs, alike, general, is_dots, last_index
from chainrule.check.values_frames import Frame
from chainrule.check.values_subscripts import constant_index

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_CELLS: Final = 2_500
Span = tuple[int, int]


def _is_blank(node: Node) -> bool:
    return isinstance(node, Remark) and not node.said.strip() and isinstance(
        node.body, Apply) and node.body.head == "words"


def has_dots(node: Matrix) -> bool:
    """Whether a cell of a matrix is dots, or left blank beside dots."""
    return any(is_dots(c) for row in node.rows for c in row)


def grid_with_dots(e: Evaluator, node: Matrix, frame: Frame) -> Value:
    """The value of a matrix with dots in it."""
    if all(len(row) == 1 for row in node.rows):
        return e.listed(tuple(row[0] for row in node.rows), frame)
    width = max(map(len, node.rows))
    blank: Node = Remark(node.start, node.start, Apply(node.start, node.start, "words", ()), "")
    grid = [[*row, *[blank] * (width - len(row))] for row in node.rows]
    full = [k for k, row in enumerate(grid) if not all(is_dots(c) or _is_blank(c) for c in row)]
    if len(full) == len(grid):  # dots in the rows alone
        return e.stacked_rows([e.listed(tuple(row), frame) for row in grid])
    wide = [j for j in range(width) if not all(is_dots(grid[k][j]) or _is_blank(grid[k][j])
                                               for k in full)]
    if len(full) < 2 or not wide:
        raise Unknown("the dots leave open what they stand for")
    nothing: Node = Number(node.start, node.start, "0")
    shown = {(k, j): nothing if _is_blank(grid[k][j]) else grid[k][j] for k in full for j in wide
             if not is_dots(grid[k][j])}
    return _Grid(e, frame, shown, full, wide, (len(grid), width)).value()


class _Grid:
    """A matrix with dots: the cells that are shown, and the rows and columns that are full."""

    def __init__(self, e: Evaluator, frame: Frame, shown: dict[tuple[int, int], Node],
                 full: list[int], wide: list[int], size: tuple[int, int]) -> None:
        self.e, self.frame, self.shown = e, frame, shown
        self.full, self.wide, self.size = full, wide, size
        self.spans: dict[str, Span] = {}
        self.letters = ("", "")  # of the rows, of the columns

    def value(self) -> Value:
        """The whole matrix, all shown cells being what they have to be."""
        rows, columns = self.full, self.wide
        corners = [self.shown.get((r, c)) for r in (rows[0], rows[-1])
                   for c in (columns[0], columns[-1])]
        first, right, below, last = corners
        rest = self._rule(right, below) if len(columns) > 1 else None
        diagonal = self._rule(first, last)
        if rest is not None and self._turned(rest):
            whole = self._filled(rest[0], None)
            if whole is not None:
                return whole
        if rest is None or diagonal is None or len(diagonal[1]) != 1:
            raise Unknown("the dots stand between cells that are not alike")
        (a, b), = diagonal[1].values()
        low = self._first(a)
        span = low, last_index(self.e, diagonal[0], LETTERS[0], b, self.frame)
        if not rest[1]:  # 0 everywhere else
            self.letters, self.spans = ("", ""), {"row": span, "column": span}
        elif not self._turned(rest):
            raise Unknown("the dots stand between cells that are not alike")
        whole = self._filled(rest[0], diagonal[0])
        if whole is None:
            raise Unknown("a cell that is shown is not what the dots stand for")
        return whole

    def _rule(self, a: Node | None, b: Node | None) -> tuple[Node, Pairs] | None:
        """The common pattern of two corners and what differs in them."""
        pairs: Pairs = {}
        term = general(a, b, pairs) if a is not None and b is not None else None
        return None if term is None else (term, pairs)

    def _first(self, node: Node) -> int:
        found = constant_index(node)
        if found is None:
            raise Unknown("the dots leave open where they begin")
        return found

    def _turned(self, rule: tuple[Node, Pairs]) -> bool:
        """Which letter of the rule counts rows and which one columns, and how far."""
        term, pairs = rule
        letters = {"row": "", "column": ""}
        for letter, (above, below) in zip(LETTERS, pairs.values(), strict=False):
            k, n = constant_index(above), constant_index(below)
            down = k is not None and (n is None or n > k)
            up = n is not None and (k is None or k > n)
            name = "row" if down else "column" if up else ""
            if not name or letters[name]:
                return False
            letters[name] = letter
            low, end = (above, below) if down else (below, above)
            self.spans[name] = (self._first(low), last_index(
                self.e, term, letter, end, self.frame))
        self.letters = letters["row"], letters["column"]
        if len(pairs) == 1:  # rows that are all alike: known by their shown cells alone
            return False
        return len(pairs) == 2

    def _filled(self, rest: Node, diagonal: Node | None) -> Array | None:
        """All cells by the rules; None where a shown cell is another one."""
        e = self.e
        (top, bottom), (left, right) = self.spans["row"], self.spans["column"]
        high, wide = bottom - top + 1, right - left + 1
        if high < 1 or wide < 1 or high * wide > _CELLS:
            raise Unknown("dots stand for too many cells", "budget")
        found: list[Value] = []
        for r in range(top, bottom + 1):
            for c in range(left, right + 1):
                rule, letters = rest, self.letters
                if diagonal is not None and r - top == c - left:
                    rule, letters = diagonal, (LETTERS[0], "")
                bound: dict[str, int | None] = {
                    x: k for x, k in zip(letters, (r, c), strict=True) if x}
                found.append(e.value(rule, self.frame.with_params({}, bound)))
        if any(isinstance(v, Array | bool) for v in found):
            raise Unknown("the cells of a matrix with dots are no numbers", "shape")
        for (k, j), node in self.shown.items():
            row = _place(k, self.full, self.size[0], high)
            column = _place(j, self.wide, self.size[1], wide)
            if row is None or column is None:
                continue
            if not alike(e, e.value(node, self.frame), found[row * wide + column]):
                return None
        return Array((high, wide), tuple(found))


def _place(k: int, full: list[int], size: int, count: int) -> int | None:
    """Where a shown row stands among all rows; None where there is no telling."""
    gap = next((g for g in range(size) if g not in full), size)
    at = k if k < gap else count - (size - k)
    return at if 0 <= at < count else None


__all__ = ["grid_with_dots", "has_dots"]
