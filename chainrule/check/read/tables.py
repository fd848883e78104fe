r"""Tables as claims and values.

A table is a matrix (`8  6` over `-0.5  -0.5`), a trace whose rows are chains (`v_1 | = \ln x_1 |
= 0.69 | …`, in groups of columns), or a table of values below names. Cells that only lead the eye
(⇓, ⇑) are no part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from chainrule.check.claims import Side, Spot
from chainrule.check.paper import Grid, Place, TableCell, Words
from chainrule.check.read.chains import Piece, Sign, formula_pieces
from chainrule.check.read.tokens import Habits, Unreadable
from chainrule.check.tree import Derivative, Matrix, Node, Symbol, walk

_BLANK: Final = re.compile(r"[\s*|.:]*\Z")
_NAME: Final = re.compile(r"\S{1,12}|(?=[^\n]{0,40}[-−+*/^(])(?!.*[^\W\d_]{5}).{1,40}")
_ARROWS: Final = re.compile(r"\s*(?:\\(?:Down|Up|down|up)arrow|[⇓⇑↓↑])\s*\Z")


@dataclass(slots=True)
class Cell:
    """A cell as read: the pieces of its formulas, or its words."""

    place: Place
    pieces: list[Piece]
    words: str = ""
    failed: str = ""
    named: Side | None = None  # words that are one name: ŷ, conv1

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not self.pieces and not self.words and not self.failed

    @property
    def leads(self) -> bool:
        """Whether it begins with a relation."""
        return bool(self.pieces) and self.pieces[0].leads

    def value(self) -> Node | None:
        """What it comes to: the last side of its last chain."""
        if not self.pieces or not self.pieces[-1].sides:
            return None
        return self.pieces[-1].sides[-1].node


@dataclass(slots=True)
class Chain:
    """A chain read off a row."""

    sides: list[Side]
    signs: list[Sign]
    row: int
    column: int


def read_cell(cell: TableCell, text: str, habits: Habits) -> Cell:
    """A cell with its formulas read."""
    found = Cell(cell.place, [])
    words: list[str] = []
    for block in cell.blocks:
        if isinstance(block, Words):
            if not _BLANK.match(block.text) and not _ARROWS.match(block.text):
                words.append(block.text.strip())
            continue
        if _ARROWS.match(block.source):
            continue
        start = block.place.start
        plain = not (start and text[start - 1] in "$([") and "\\" not in block.source
        try:
            label, pieces = formula_pieces(block.source, start, habits, plain)
            if label.strip() and not pieces:
                words.append(label.strip())
            found.pieces += pieces
        except Unreadable as slip:
            found.failed = slip.why
    found.words = " ".join(words)
    if _NAME.fullmatch(found.words) and not found.pieces:
        try:
            _, pieces = formula_pieces(found.words, cell.place.start, habits, True)
        except Unreadable:
            pieces = []
        if len(pieces) == 1 and len(pieces[0].sides) == 1 and not pieces[0].signs:
            found.named = pieces[0].sides[0]
    return found


def cells_of(grid: Grid, text: str, habits: Habits) -> list[list[Cell]]:
    """All cells of a table, read."""
    return [[read_cell(cell, text, habits) for cell in row] for row in grid.rows]


def matrix_of(grid: Grid, rows: list[list[Cell]], text: str) -> Side | None:
    """The table as a matrix, where every cell is one thing and no cell begins with a sign."""
    width = len(rows[0])
    cells: list[tuple[Node, ...]] = []
    for row in rows:
        if len(row) != width:
            return None
        values: list[Node] = []
        for cell in row:
            node = cell.value()
            if cell.words or cell.leads or node is None or len(cell.pieces) > 1:
                return None
            values.append(node)
        cells.append(tuple(values))
    if grid.header and len(cells) > 1 and not all(_numeric(c) for c in cells[0]):
        return None
    place = grid.place
    return Side(place, text[place.start : place.end],
                Matrix(place.start, place.end, tuple(cells), "["))


def _numeric(node: Node) -> bool:
    return not any(isinstance(part, (Symbol, Derivative)) for part in walk(node))


def has_relations(rows: list[list[Cell]]) -> bool:
    """Whether its cells hold relations: rows are chains then."""
    leading = sum(1 for row in rows for cell in row if cell.leads)
    if leading:
        return leading * 4 >= len(rows)
    # Forward | | Reverse |: groups of columns, with v_1 | e^x = 1.6 in them
    header = rows[0]
    grouped = any(c.words and not c.pieces for c in header) and any(
        c.blank for c in header) and all(c.blank or not c.pieces for c in header)
    inner = sum(any(len(c.pieces) == 1 and c.pieces[0].signs for c in row) for row in rows[1:])
    return grouped and len(rows) > 1 and inner * 2 >= len(rows) - 1


def row_chains(rows: list[list[Cell]]) -> list[Chain]:
    """The chains of a table whose cells go on from each other."""
    starts = _groups(rows)
    found: list[Chain] = []
    for number, row in enumerate(rows):
        for k, start in enumerate(starts):
            stop = starts[k + 1] if k + 1 < len(starts) else len(row)
            cells = [c for c in row[start:stop] if not c.blank]
            found += _chains(cells, number, start)
    return found


def _groups(rows: list[list[Cell]]) -> list[int]:
    """The columns at which chains begin: by the header, else by where no relations lead."""
    header = rows[0]
    named = [k for k, cell in enumerate(header) if cell.words and not cell.pieces]
    if len(named) >= 1 and all(c.blank or c.words for c in header) and len(header) > 2 and (
            any(c.blank for c in header)):  # fmt: skip
        named = [k for k in named if k == 0 or not _mostly_leads(rows, k)] or [0]
        if named[0] == 0:
            return named
        first = [row[0] for row in rows[1:] if row and not row[0].blank]
        symbols = sum(isinstance(cell.value(), Symbol) for cell in first)
        if named[0] == 1 and symbols * 2 > len(first):  # v_1 | x_1 x_2 = 6
            return [0, *named[1:]]
        return [0, *named]
    starts = []
    for k in range(max(map(len, rows))):
        column = [row[k] for row in rows if k < len(row) and not row[k].blank]
        leads = sum(c.leads for c in column)
        if k == 0 or (column and leads * 2 < len(column)):
            starts.append(k)
    return starts


def _mostly_leads(rows: list[list[Cell]], k: int) -> bool:
    """Whether the cells of a column go on from the column before: = 1.6."""
    column = [row[k] for row in rows[1:] if k < len(row) and not row[k].blank]
    return sum(c.leads for c in column) * 2 > len(column)


def _chains(cells: list[Cell], row: int, column: int) -> list[Chain]:
    """The chains of a row's cells, in which a missing sign is an equals sign."""
    chain: Chain | None = None
    found: list[Chain] = []
    early: Sign | None = None  # a sign before the first side: = v | x is v = x
    for cell in cells:
        for piece in cell.pieces:
            sides, signs = list(piece.sides), list(piece.signs)
            if not sides:
                continue
            if chain is None:
                if piece.leads and len(signs) == 1:
                    early, sides, signs = signs[0], sides[1:], []
                chain = Chain(sides, signs, row, column)
                found.append(chain)
            elif piece.leads:
                chain.signs += signs
                chain.sides += sides[1:]
            else:
                if len(chain.sides) > len(chain.signs):
                    at = sides[0].place.start
                    chain.signs.append(early or Sign(Place(at, at), "="))
                    early = None
                chain.sides += sides
                chain.signs += signs
    return found


def named_values(rows: list[list[Cell]]) -> list[tuple[Cell, str, str, Spot]]:
    """The cells of a table below names, each with its row's label and its column's name."""
    header = [_said(c) for c in rows[0]]
    found: list[tuple[Cell, str, str, Spot]] = []
    above = ""
    for line, row in enumerate(rows[1:], 1):
        labels = [_said(c) for k, c in enumerate(row) if k < len(header) and not header[k]]
        first = labels[0] if labels else ""
        above = first or above
        label = " ".join(x for x in [first or above, *labels[1:]] if x)
        if not labels and row and not row[0].blank and row[0].words:
            label = row[0].words
        for k, cell in enumerate(row):
            if k < len(header) and header[k] and cell.value() is not None:
                spot = Spot(_side(row[0]) if k else None, _side(rows[0][k]), header[0], line,
                            len(rows) - 1, bool(cell.pieces[-1].signs))
                found.append((cell, label, header[k], spot))
    return found


def _side(cell: Cell) -> Side:
    """A cell as a side: its first formula, or its words."""
    if cell.words or not cell.pieces or not cell.pieces[0].sides:
        return cell.named or Side(cell.place, cell.words, None, "words")
    return cell.pieces[0].sides[0]


def _said(cell: Cell) -> str:
    if cell.words:
        return cell.words
    if cell.pieces and cell.pieces[0].sides:
        return cell.pieces[0].sides[0].text
    return ""

