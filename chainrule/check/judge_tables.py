r"""Tables of a student's own: what a row and a column name together is what stands where they meet.

`| i | z_i | ŷ_i |` has one row for each example, `| v | value | v̄ |` one for each step of a
program, `| layer | size | params |` one for each layer. A cell is taken for a claim where its row
and its column name a quantity of the sheet; it is called wrong only where nothing else can be meant
by the two. Everything else in a table stays what it was: numbers that a person has to look at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.claims import Claim, Context, Side, Spot
from chainrule.check.claims import Value as Shown
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_trials import FAILS, Trials
from chainrule.check.rounding import printed
from chainrule.check.sheet import Question
from chainrule.check.tree import Apply, Derivative, Matrix, Node, Number, Symbol, walk
from chainrule.check.values_names import form_of, full_name, plain_letter, spelling, spread
from chainrule.check.values_subscripts import constant_index
from chainrule.check.verdicts import Judged

if TYPE_CHECKING:
    from chainrule.check.judge import Judge

_VALUE: Final = re.compile(r"(?:the )?(?:numerical |exact |computed )?(?:values?|wert|forward|"
                           r"results?|numbers?|output|activation|ergebnis|at the point|evaluated)"
                           r"(?: (?:value|pass|result))?s?", re.IGNORECASE)
_ADJOINT: Final = re.compile(r"(?:the )?(?:adjoints?|gradients?|backward|reverse|grads?|"
                             r"derivatives?|sensitivity|deltas?)(?: (?:value|pass|result))?s?",
                             re.IGNORECASE)
_SIZE: Final = re.compile(r"(?:output |activation |feature |map )?(?:sizes?|shapes?|dimensions?|"
                          r"dims?|volume|resolution)(?: of .{0,20})?", re.IGNORECASE)
_COUNT: Final = re.compile(r"(?:#|no\.? of |number of |num |n_)?\s?(?:params?|parameters?)",
                           re.IGNORECASE)
_NUMBERED: Final = re.compile(
    r"(?:example|sample|row|no\.?|nr\.?|unit|neuron|class|point|data ?point)\s?#?(\d{1,3})",
    re.IGNORECASE)
_LONG: Final = 40  # characters of what may be a formula at the head of a column
_TIMES: Final = frozenset({"epoch", "step", "iteration", "iter", "t", "time", "k", "n", "it"})
_EXAMPLES: Final = frozenset({"i", "j", "m", "n", "k", "#", "no", "nr", "example", "sample",
                              "unit", "row", "index", "class", ""})


@dataclass(slots=True)
class Meant:
    """What a cell may be: the quantity, and whether nothing else can be meant."""

    node: Node
    clear: bool
    question: Question | None = None  # which asks for it


class Tables:
    """The part of the judge that reads cells as claims."""

    def _tabled(self: Judge, value: Shown) -> bool:
        """Judge a cell as what its row and its column name; False where that is not clear."""
        node, spot = value.side.node, value.spot
        if spot is None or node is None or isinstance(node, Symbol):
            return False
        known = Known(self, value.context)
        line = self.paper.line(value.place.start)
        firm: tuple[Room, Meant] | None = None
        for meant in known.candidates(spot):
            room = self.house.room([meant.node], value.context)
            if room is None:
                continue
            trials = Trials(room, value.place.start, self._rule(None, _claim(value, meant.node)))
            outcome = trials.test(meant.node, "=", node)
            if outcome.holds and not outcome.invented:
                self._cell(value, room, meant)
                return True
            if firm is None and meant.clear and outcome.verdict == FAILS and not (
                    outcome.invented or outcome.functions):
                firm = room, meant
        if firm is not None and _given(firm[0], firm[1].node):
            self.moved_rows.add(line)  # what stands in this row holds for other numbers
        elif firm is not None and line not in self.moved_rows:
            self._cell(value, *firm)
            return True
        if spot.row is None and constant_index(node) in (spot.line, spot.line - 1) and not (
                known.is_name(spot.column.node)):
            self._put(Judged(len(self.judged), _claim(value, None), "given", "", why="its row"))
            return True
        if spot.row is not None and _SIZE.fullmatch(
                spot.column.text.strip()) and _is_size(node):
            self._put(Judged(len(self.judged), _claim(value, None), "given", "", why="a size"))
            return True
        return False

    def _cell(self: Judge, value: Shown, room: Room, meant: Meant) -> None:
        """A cell as a claim of its own."""
        left = meant.node
        chain = max(self.definer.rooms, default=0) + 1
        claim = replace(_claim(value, left), chain=chain)
        if _given(room, left):
            self._put(Judged(len(self.judged), replace(claim, chain=-1), "given", ""))
            return
        self.definer.rooms[chain] = room
        self.cells.add(chain)
        number = len(self.judged)
        self._chain([claim])
        if meant.question is not None and number not in self.asked:
            self.asked[number] = [(meant.question, self.judged[number].verdict)]


def _claim(value: Shown, left: Node | None) -> Claim:
    """A cell as a claim about a quantity; about nothing in particular without one."""
    if left is None or value.spot is None:
        side = Side(value.place, "", None, "words")
        return Claim(value.place, "is", side, value.side, "claim", value.context, -1, 0)
    row = value.spot.row.text.strip() if value.spot.row is not None and (
        value.spot.row.node is None or printed(value.spot.row.node) is None or constant_index(
            value.spot.row.node) is not None) else ""
    row = row or (str(value.spot.line) if value.spot.lines > 1 else "")
    said = value.spot.column.text.strip() + (f" [{row}]" if row else "")
    return Claim(value.place, "=", Side(value.place, said, left), value.side, "claim",
                 value.context, -1, 0)


def _counted(side: Side) -> Node | None:
    """What stands in a margin; example 2 is the number 2."""
    found = _NUMBERED.fullmatch(side.text.strip())
    if found is None:
        return side.node
    return Number(side.place.start, side.place.end, found[1])


def _given(room: Room, node: Node) -> bool:
    """Whether a quantity is one that the sheet gives."""
    form = form_of(node)
    return form is not None and any(n in room.part.given for n, _ in room.names.tensors(form)[:1])


def _is_size(node: Node) -> bool:
    """Whether a cell is 32 × 32 × 64."""
    if isinstance(node, Matrix):
        return True
    return isinstance(node, Apply) and node.head in ("product", "juxtaposed") and all(
        isinstance(a, Number) for a in node.args)


class Known:
    """What the names in the margins of a table may mean, in the parts of the sheet."""

    def __init__(self, judge: Judge, context: Context) -> None:
        self.judge = judge
        self.context = context

    def room(self, *nodes: Node) -> Room | None:
        """The part that names belong to."""
        last = self.judge.house.last
        found = self.judge.house.room(list(nodes), self.context)
        self.judge.house.last = last
        return found

    def is_name(self, node: Node | None) -> bool:
        """Whether a formula is of quantities of the sheet, or of the paper's own, alone."""
        if node is None or isinstance(node, Number | Matrix):
            return False
        room = self.room(node)
        if room is None:
            return False
        if isinstance(node, Derivative):
            return self.judge.definer.signature(room, node) is not None
        form = form_of(node)
        if form is not None:
            return bool(room.names.tensors(form))
        names = [n for n in walk(node) if isinstance(n, Symbol) and len(plain_letter(n)) != 0]
        return isinstance(node, Apply) and node.head in ("sum", "product", "neg", "power") and (
            bool(names)) and all(self.is_name(n) for n in walk(node) if isinstance(n, Symbol)
                                 and not self._is_index(n, node))

    def _is_index(self, symbol: Symbol, inside: Node) -> bool:
        return any(any(symbol is m for m in walk(s)) for n in walk(inside)
                   if isinstance(n, Symbol) and n is not symbol for s in n.subs)

    def candidates(self, spot: Spot) -> Iterator[Meant]:
        """What the cell where a row and a column meet may be, the likeliest first."""
        row = _counted(spot.row) if spot.row is not None else None
        column = _counted(spot.column)
        head = spot.column.text.strip()
        side = spot.row.text.strip() if spot.row is not None else ""
        if self.heads(spot):
            row, side = None, ""
            spot = replace(spot, row=None)
        if isinstance(row, Symbol) and isinstance(column, Symbol):
            yield from self._joined(row, column)
        said = _VALUE.fullmatch(head) or _ADJOINT.fullmatch(head)
        if not said:
            yield from self._numbered(column, row, spot, spot.corner)
        if isinstance(column, Number):  # | i | 1 | 2 | over | z_i | … |
            yield from self._numbered(row, column, replace(spot, lines=0), spot.corner)
        if row is not None:
            yield from self._of_row(row, None if said else column, head)
        if self.is_name(column) and column is not None and (
                _VALUE.fullmatch(side) or _ADJOINT.fullmatch(side)):
            yield from self._of_row(column, None, side)
        yield from self._in_words(side, head)

    def heads(self, spot: Spot) -> bool:
        """Whether the first column has values of its own, and does not number the rows."""
        if spot.row is None or spot.row.node is None:
            return False
        named = self.judge.memory.sides(spot.corner) if len(spot.corner) < _LONG else ()
        return printed(spot.row.node) is not None and bool(named and self.is_name(named[0]))

    def _joined(self, row: Symbol, column: Symbol) -> Iterator[Meant]:
        """z_f, of a row f and a column z, or the other way about."""
        if column.subs or row.subs:
            return
        for one, below in ((column, row), (row, column)):
            node = replace(one, subs=(below,))
            form = form_of(node)
            room = self.room(node)
            if room is not None and form is not None and any(
                    uses for _, uses in room.names.tensors(form)):
                yield Meant(node, True)

    def _numbered(self, named: Node | None, number: Node | None, spot: Spot,
                  corner: str) -> Iterator[Meant]:
        """z_2, of a column z_i, or z, and a row 2."""
        if named is None:
            return
        letters = free_letters(named)
        counts = corner.strip().lower()
        whole = constant_index(number) if number is not None else None
        at = Number(spot.line, spot.line, str(spot.line if whole is None else whole))
        if letters:
            cell = put(named, letters[0], at)
            if len(letters) == 1 and self.is_name(cell):
                yield Meant(cell, whole is not None or spot.row is None)
            return
        room = self.room(named)
        if room is None or not self.is_name(named):
            return
        if isinstance(named, Apply) and form_of(named) is None:
            yield from self._each(room, named, at, spot)
            return
        axes = self._axes(room, named)
        if not axes:
            if spot.lines == 1 and self._rank(room, named) == 0:
                yield Meant(named, counts not in _TIMES)
            return
        for cell, axis in zip(appended(named, at), axes, strict=False):
            if spot.lines in (0, axis):
                yield Meant(cell, counts in _EXAMPLES)

    def _each(self, room: Room, named: Apply, at: Node, spot: Spot) -> Iterator[Meant]:
        """(ŷ - y)_2, of a column ŷ - y: each vector's cell."""
        axes = {self._axes(room, n)[-1:] for n in walk(named) if isinstance(n, Symbol)} - {()}
        if axes == {(spot.lines,)}:
            yield Meant(_each_name(named, lambda n: (
                [*appended(n, at)][-1] if self._axes(room, n) else n)), False)

    def _rank(self, room: Room, node: Node) -> int:
        """How many free axes a name has."""
        signature = self.judge.definer.signature(room, node)
        if signature is None:
            return -1
        tensor, top, subs = signature
        shapes = room.names.program.tensors
        axes = len(shapes[tensor].shape) - len(subs)
        if top and top in shapes:
            axes += len(shapes[top].shape)
        return axes

    def _axes(self, room: Room, node: Node) -> tuple[int, ...]:
        """The length of the one free axis of a name: of a row of it, and of a column of it."""
        signature = self.judge.definer.signature(room, node)
        if signature is None or self._rank(room, node) != 1:
            return ()
        tensor, _top, subs = signature
        shape = room.world(0).cells.shape(tensor)
        if len(shape) <= len(subs):
            return ()
        return (shape[len(subs)], shape[0]) if subs else (shape[0],)

    def _of_row(self, row: Node, column: Node | None, head: str) -> Iterator[Meant]:
        """The value of what a row names, or the derivative by it."""
        room = self.room(row)
        if room is None or not (isinstance(row, Symbol | Derivative | Apply)):
            return
        if isinstance(row, Derivative) and len(row.bottom) == 1 and isinstance(
                column, Symbol):  # ∂J/∂w over w_1
            below = row.bottom[0]
            if isinstance(below, Symbol) and full_name(below.name) == full_name(column.name):
                yield Meant(replace(row, bottom=(column,)), self.is_name(column))
            return
        if not self.is_name(row):
            return
        single = self._rank(room, row) == 0
        if column is None:
            if _VALUE.fullmatch(head):
                yield Meant(row, single)
            elif _ADJOINT.fullmatch(head) and isinstance(row, Symbol):
                yield from self._slope(room, row)
            return
        if isinstance(column, Derivative) and len(column.bottom) == 1 and isinstance(
                row, Symbol):  # ∂y/∂v over v_1, ∂y/∂v_i
            below = column.bottom[0]
            if isinstance(below, Symbol) and full_name(below.name) == full_name(row.name):
                yield Meant(replace(column, bottom=(row,)), True)
            return
        if isinstance(column, Symbol) and isinstance(row, Symbol):
            plain, accent = spelling(column.name)
            mine = full_name(row.name)
            if plain not in (mine, "v", "x") and plain != mine[:1]:
                return
            if accent == "bar":
                yield from self._slope(room, row)
            elif not accent and not any(constant_index(s) is not None for s in column.subs):
                yield Meant(row, single)  # v, or v_i, over v_1

    def _slope(self, room: Room, row: Symbol) -> Iterator[Meant]:
        """The derivative of what comes out by what a row names."""
        program = room.names.program
        tops = [n for n in program.outputs if not program.tensors[n].shape]
        if len(tops) == 1:
            top = Symbol(row.start, row.start, tops[0])
            yield Meant(Derivative(row.start, row.end, top, (row,)), True)

    def _in_words(self, side: str, head: str) -> Iterator[Meant]:
        """What a question asks for in the words of a row and a column: params of conv1."""
        head = "parameters" if _COUNT.fullmatch(head) else head
        for text in (f"{head} of {side}", f"{head} in {side}", f"{side} {head}"):
            low = " ".join(text.lower().split())
            for question in self.judge.sheet.questions:
                if not question.of or not any(p.lower() == low for p in question.phrases):
                    continue
                room = self.judge.house.rooms.get(question.part)
                if room is not None and question.quantity in room.names.program.tensors:
                    yield Meant(Symbol(0, 0, question.quantity), True, question)
                    continue
                sides = self.judge.memory.sides(question.of)
                if sides and sides[0] is not None:
                    yield Meant(sides[0], True, question)


def free_letters(node: Node) -> list[str]:
    """The letters that stand as indices below the names of a node, each once."""
    found: dict[str, None] = {}
    for n in walk(node):
        if isinstance(n, Symbol):
            for sub in spread(n.subs):
                letter = plain_letter(sub)
                if len(letter) == 1:
                    found[letter] = None
    return list(found)


def put(node: Node, letter: str, number: Node) -> Node:
    """A formula with an index letter below its names replaced by a number."""
    def changed(symbol: Symbol) -> Node:
        subs = tuple(number if plain_letter(s) == letter else s for s in spread(symbol.subs))
        return replace(symbol, subs=subs)

    made: Node = _each_name(node, changed)
    return made


def _each_name(node: Any, change: Callable[[Symbol], Node]) -> Any:
    """A formula with each of its names changed."""
    if isinstance(node, Symbol):
        return change(node)
    if isinstance(node, tuple):
        return tuple(_each_name(n, change) for n in node)
    if not isinstance(node, Node):
        return node
    return replace(node, **{f.name: _each_name(getattr(node, f.name), change)
                            for f in fields(node)})


def appended(node: Node, number: Node) -> Iterator[Node]:
    """A cell of what a name is; both orders where it has a subscript already."""
    if isinstance(node, Symbol):
        subs = spread(node.subs)
        yield replace(node, subs=(*subs, number))
        if subs:
            yield replace(node, subs=(number, *subs))
    elif isinstance(node, Derivative) and len(node.bottom) == 1:
        for below in appended(node.bottom[0], number):
            yield replace(node, bottom=(below,))


__all__ = ["Known", "Meant", "Tables", "appended", "free_letters", "put"]
