r"""All that a paper says: its blocks gone through in order, chains put together, conditions kept.

A chain goes on where a formula begins with a relation, over line ends, words such as "Recall:" and
tables. A condition before a formula ("if", "Case") holds for what follows it, up to the next one,
the next label or heading; behind a formula it is that formula's. Words such as "let", "where",
"show that" tell definitions, what is given and what is only restated from what is claimed.
"""

from __future__ import annotations

import re
from typing import Final

from chainrule.check.claims import Claim, Condition, Reading, Side, Unread, Value
from chainrule.check.paper import (
    Block,
    Break,
    Formula,
    Grid,
    Label,
    Paper,
    Place,
    Words,
)
from chainrule.check.read import openings as o
from chainrule.check.read import tables
from chainrule.check.read.arrays import aligned_of, grid_of
from chainrule.check.read.chains import Piece, Sign, formula_pieces
from chainrule.check.read.drafts import Draft, numeric, words_side
from chainrule.check.read.markdown import blocks_of
from chainrule.check.read.prose import NOBODY, Prose
from chainrule.check.read.tokens import Unreadable
from chainrule.check.tree import Apply, Derivative, Node, Symbol
from chainrule.limits import PAPER_CLAIMS

_SIGN_AT_END: Final = re.compile(r"(=|≡|:=)\s*\Z")
_COLON: Final = re.compile(r"[$\s)\\\]]{0,6}:(?![=:])[ \t]*([^\n]{0,200}[=→≈≤≥<>])?")
_WHEN: Final = re.compile(r"[$\s]{0,4}时?[ \t]*(?:[：:，,][ \t]*)?\n")
_INDEX_LABEL: Final = re.compile(r"\(?\.?\(?([A-Za-z]+|\d+)")


class Reader(Prose):
    """Goes through a paper's blocks."""

    def reading(self) -> Reading:
        """All claims, values and what was not read, in the paper's order."""
        for block in self.paper.blocks:
            self.block(block)
            if len(self.drafts) > PAPER_CLAIMS:
                place = Place(block.place.end, len(self.text))
                self.harvest.unread.append(Unread(place, "", "the paper has too many formulas"))
                break
        for draft in self.drafts:
            self.harvest.take(draft)
        found = self.harvest
        claims = _once(sorted(found.claims, key=lambda c: (c.place.start, c.chain, c.link)))
        return Reading(tuple(claims), tuple(sorted(found.values, key=lambda v: v.place.start)),
                       tuple(sorted(found.unread, key=lambda u: u.place.start)))

    def block(self, block: Block) -> None:
        """One block."""
        if isinstance(block, Words):
            self._words(block)
        elif isinstance(block, Formula):
            self._formula(block)
        elif isinstance(block, Break):
            self._break()
        elif isinstance(block, Label):
            self._label(block.kind, block.key, block.text)
            self.begun = block.place.end
        elif isinstance(block, Grid):
            self._grid(block)
        else:
            self._heading(block)

    # formulas

    def _formula(self, block: Formula) -> None:
        start, source = block.place.start, block.source
        lined = aligned_of(source)
        grid = grid_of(source, start) if lined is None else None
        if grid is not None:
            self._grid(grid)
            return
        bare = not (start and self.text[start - 1] in "$([")
        plain = bare and not re.search(r"\\[A-Za-z]|\^\{|_\{", source)
        if lined is not None:
            start, source = start + lined[0], lined[1]
        try:
            label, pieces = formula_pieces(source, start, self.habits, plain)
        except Unreadable as slip:
            self.harvest.unread.append(Unread(block.place, block.source[:200], slip.why))
            self._past(block.place)
            return
        if label.strip():
            self._label_in_formula(label)
        for k, piece in enumerate(pieces):
            behind = pieces[k + 1] if k + 1 < len(pieces) else None
            self._piece(piece, block, k == 0, behind)
        if pieces or label:
            self._past(block.place)

    def _label_in_formula(self, label: str) -> None:
        from_label = re.sub(r"\\text\{|\}", "", label).strip()
        found = blocks_of(from_label, 0, len(from_label))
        for part in found:
            if isinstance(part, Label) and (part.kind, part.key) not in self.path:
                self._label(part.kind, part.key)

    def _past(self, place: Place) -> None:
        self.before = ""
        self.begun = place.end

    def _piece(self, piece: Piece, block: Formula, first: bool, behind: Piece | None) -> None:
        if piece.ends:
            piece.sides = piece.sides[:-1]
        if piece.fresh:
            self.section = [c for c in self.section if not _is_branch(c)]
        self.anchor = block.place.start
        opening = o.opening(self.before) if first else ""
        tail = first and self.joined and self.last is not None and bool(
            self.last.signs) and o.is_tail(self.before)
        ahead = _COLON.match(self.text, block.place.end) if behind is None else None
        bare = not (block.place.start and self.text[block.place.start - 1] in "$([")
        tail = tail and ahead is None and not (bare and "\n" in self.before)
        if (ahead is not None and not opening and len(piece.signs) == 1 and not piece.leads
                and ahead[1] and not block.display and isinstance(piece.sides[0].node, Symbol)
                and not self.joined):  # fmt: skip
            opening = "if"
        behind_display = (first and not self.joined and self.last is not None and bool(
            self.last.signs) and self.before.strip(" ,") in ("for", "where", "when", "whenever"))
        tail = tail or (behind_display and bool(piece.signs) and (
            piece.signs[0].relation not in ("=", "≡")))
        if piece.arrow is not None:
            self.arrow = piece.arrow
        if not piece.sides:
            self.section = self.section + piece.conditions
            self._inner_conditions(piece.conditions)
            return
        if piece.branches and behind is not None and self._branches(piece, behind):
            return
        if piece.branches and self.section and self.section[-1].text.endswith(piece.sides[-1].text):
            return
        if piece.sets or (not piece.signs and _is_member(piece)):
            self._sets(piece, opening, tail)
            return
        if (not opening and self.role == "if" and self.joined is False
                and self.before.strip() in ("and", "or", ", and") and self.local):
            opening = "if"
        if opening == "if" and piece.signs and self.before.rstrip()[-1:] in tuple("当若果如") and (
                _WHEN.match(self.text, block.place.end) is None):  # fmt: skip
            self._emit_conditions([piece])  # 当 $n = i$ 时不为 0: of this sentence alone
            return
        if piece.signs and opening in ("if", "case", "except") and not piece.aside:
            self._condition(piece, opening, tail)
            return
        if piece.signs and tail and opening == "where" and not self._defines(piece):
            self._condition(piece, "if", True)
            return
        if piece.signs:
            self._chain(piece, opening, first, block)
        else:
            self._lone(piece, block, first)

    def _defines(self, piece: Piece) -> bool:
        return piece.signs[0].relation in ("=", "≡")

    def _branches(self, piece: Piece, behind: Piece) -> bool:
        """Two conditions side by side with arrows to them."""
        nodes = [self._as_condition(p) for p in (piece, behind)]
        if nodes[0] is None or nodes[1] is None:
            return False
        behind.branches = True
        start, end = piece.sides[0].place.start, behind.sides[-1].place.end
        both = Apply(start, end, "or", (nodes[0], nodes[1]))
        text = f"{self._source(piece)} or {self._source(behind)}"
        self.section = [Condition(Place(start, end), both, text, "text")]
        self._emit_conditions([piece, behind])
        return True

    def _source(self, piece: Piece) -> str:
        return self.text[piece.sides[0].place.start : piece.sides[-1].place.end]

    def _as_condition(self, piece: Piece) -> Node | None:
        """A chain as one condition."""
        nodes = [s.node for s in piece.sides]
        known = [n for n in nodes if n is not None]
        if len(known) < len(nodes) or not piece.signs:
            return known[0] if len(nodes) == 1 and known else None
        signs = {"=": "==", "≡": "==", "≠": "!=", "≤": "<=", "≥": ">=", "→": "->", "≈": "~~",
                 "<": "<", ">": ">", "∝": "~", "=:": "=="}  # fmt: skip
        return Apply(known[0].start, known[-1].end, "compare", tuple(known),
                     tuple(signs[s.relation] for s in piece.signs))

    def _emit_conditions(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            draft = self._new(list(piece.sides), list(piece.signs))
            draft.kind = "condition"
            self.drafts.append(draft)

    def _condition(self, piece: Piece, opening: str, tail: bool) -> None:
        again = self.role == "if" and self.before.strip() in ("and", "or", ", and")
        self.role = "if"
        node = self._as_condition(piece)
        place = Place(piece.sides[0].place.start, piece.sides[-1].place.end)
        origin = "heading" if opening == "case" else "tail" if tail else "text"
        if opening == "except" and node is not None:
            node = Apply(node.start, node.end, "not", (node,))
        condition = Condition(place, node, self._source(piece), origin)
        self._emit_conditions([piece])
        if tail and self.last is not None and opening != "case":
            self.last.scope.append(condition)
        elif opening == "case":
            self.outer, self.section, self.local = [], [condition], []
            self.open = None
        elif again:
            self.local.append(condition)
        else:
            if re.search(r"\band[\s:]*\n\s*\S*\s*\Z", self.before):
                self.outer, self.section = [*self.outer, *self.section], []
            if (self.local and self.used) or not self.local:
                self.section = [c for c in self.section if c.origin == "heading"]
                self.local, self.used = [], False
            self.local.append(condition)
            self.open = None
        for extra in piece.conditions:
            self.local.append(extra)

    def _sets(self, piece: Piece, opening: str, tail: bool) -> None:
        """What an index runs over, or where something lies."""
        node = piece.sides[0].node
        condition = Condition(piece.sides[0].place, node, piece.sides[0].text, "set")
        names = opening in ("let", "given", "where") and not tail
        if self.last is not None and self.last.signs and not names:
            self.last.scope.append(condition)
        elif opening in ("if", "case"):
            self.local.append(condition)
        if node is not None:
            draft = self._new([], [])
            self.harvest.condition(node, draft.context())

    # chains

    def _chain(self, piece: Piece, opening: str, first: bool, block: Formula) -> None:
        words = _SIGN_AT_END.search(self.before) if first else None
        above = self._worked_above(piece.signs[0].place.start) if (
            piece.leads and first and "\n" in self.text[self.begun : self.anchor]) else None
        if above is not None:
            draft = self._new([above, *piece.sides[1:]], list(piece.signs))
            self._start(draft)
            return
        beside = first and self.joined and not self.before.strip() and self.last is not None and (
            not self.last.signs and len(self.last.sides) == 1 and not block.display)
        if piece.leads and beside and words is None and self.last is not None:  # $K$ = 3
            self.open = self.last
        if piece.leads and self.open is not None and words is None:
            self._continue(self.open, piece.sides[1:], piece.signs)
            self._conditions_behind(piece)
            return
        if (first and self.open is not None and self.open.waits and not piece.fresh
                and not piece.leads and words is None):  # fmt: skip
            self.open.sides += piece.sides
            self.open.signs += piece.signs
            self.last = self.open
            self._conditions_behind(piece)
            return
        sides, signs = list(piece.sides), list(piece.signs)
        if words is not None:
            at = self._sign_place()
            sides = [words_side(self.text, self.begun, at), *sides]
            signs = [Sign(Place(at, at + 1), "="), *signs]
            if self.last is not None and self.joined and not self.last.signs and self.last.sides:
                sides[0] = self.last.sides[-1]
                self.drafts.remove(self.last)
        elif piece.leads:
            sides[0] = (words_side(self.text, self.begun, signs[0].place.start)
                        if self.before.strip() else sides[0])
        elif first and o.IS.search(self.before) and not opening and not block.display and not (
                _is_named(sides[0].node)):
            self._is_chain(sides, signs)
        if not sides:
            return
        draft = self._new(sides, signs)
        beside = opening in ("recall", "since", "where") or piece.opened in (
            "since", "where", "given") or self.before.strip() == ";"
        running = self.open is not None and bool(self.open.signs)
        draft.aside = piece.aside or opening == "recall" or (beside and running)
        draft.kind = self._kind(piece, opening, draft)
        if piece.typed:
            self._typed(draft)
            return
        self._start(draft)
        self._conditions_behind(piece)

    def _typed(self, draft: Draft) -> None:
        place = Place(draft.sides[0].place.start, draft.sides[-1].place.end)
        self.harvest.unread.append(Unread(place, self.text[place.start : place.end],
                                          "says from where to where a function goes"))

    def _sign_place(self) -> int:
        """Where the sign stands with which the words before a formula end."""
        sign = "≡" if self.before.rstrip().endswith("≡") else "="
        at = self.text.rfind(sign, self.begun, self.anchor)
        return max(at, self.begun)

    def _is_chain(self, sides: list[Side], signs: list[Sign]) -> None:
        """Amount … is 3 × 3 × 5 = 45: the words are the first side."""
        found = o.IS.search(self.before)
        if found is None or found.group().strip().lower() == "as":
            return
        end = self.begun + len(self.text[self.begun : sides[0].place.start])
        word = found.group().split()[0]
        at = self.text.rfind(word, self.begun, end)
        if at <= self.begun or not self.text[self.begun : at].strip():
            return
        left = words_side(self.text, self.begun, at)
        if not left.text or left.text.lower().split()[-1] in NOBODY:
            return
        sides.insert(0, left)
        stop = at + len(found.group().strip(" :\n"))
        signs.insert(0, Sign(Place(at, stop), "is"))

    def _continue(self, draft: Draft, sides: list[Side], signs: list[Sign]) -> None:
        if draft.waits:
            sign = draft.signs[-1]  # y = (new line) = 3: the second sign doubles the first
            draft.signs[-1] = sign
            draft.signs += signs[1:]
            if signs:
                draft.signs[-len(signs)] = Sign(signs[0].place, signs[0].relation)
            draft.sides += sides
        else:
            draft.signs += signs
            draft.sides += sides
        self.last = draft
        self.joined = True
        self.used = True
        if draft not in self.awaits:
            self.awaits.append(draft)

    def _conditions_behind(self, piece: Piece) -> None:
        if self.last is not None:
            self.last.scope += piece.conditions
        self._inner_conditions(piece.conditions)

    def _inner_conditions(self, conditions: list[Condition]) -> None:
        for condition in conditions:
            if condition.node is not None:
                self.harvest.condition(condition.node, self._new([], []).context())
            else:
                if not condition.otherwise:
                    self.harvest.unread.append(Unread(condition.place, condition.text,
                                                      "a condition that could not be read"))

    def _kind(self, piece: Piece, opening: str, draft: Draft) -> str:
        opened = piece.opened or opening
        asked = self.role == "restated"
        listed = o.lists_on(self.before) or not self.before
        if not opened and listed and self.role in ("let", "given", "where", "restated"):
            opened = self.role
        self.role = opened or (self.role if asked else "")
        sides = draft.sides
        if opened == "restated" or (not opened and asked):
            return "given"
        if self.before.rstrip().endswith("(") and piece.signs and (
                piece.signs[0].relation in ("<", ">", "≤", "≥", "≠")):  # fmt: skip
            return "condition"
        if opened in ("let", "definition", "where"):
            if opened == "where" and piece.signs[0].relation not in ("=", "≡"):
                return "condition"
            return "given" if opened == "let" and numeric(sides[-1]) else "definition"
        if opened == "given":
            return "given"
        if sides and sides[0].why == "words" and re.search(r"\bdefinition\b", sides[0].text, re.I):
            return "definition"
        return "claim"

    def _lone(self, piece: Piece, block: Formula, first: bool) -> None:
        """A formula without a relation."""
        words = _SIGN_AT_END.search(self.before) if first else None
        waiting = self.open is not None and self.open.waits
        if waiting and self.open is not None and words is None:
            self.open.sides += piece.sides[:1]
            self.last, self.joined = self.open, True
            self._conditions_behind(piece)
            return
        sides: list[Side] = list(piece.sides[:1])
        signs: list[Sign] = []
        if words is not None:
            at = self._sign_place()
            left = words_side(self.text, self.begun, at)
            if self.last is not None and self.joined and not self.last.signs and self.last.sides:
                left = self.last.sides[-1]
                if self.last in self.drafts:
                    self.drafts.remove(self.last)
            sides, signs = [left, *sides], [Sign(Place(at, at + 1), "=")]
        elif first and o.IS.search(self.before) and not block.display:
            self._is_chain(sides, signs)
        if block.display and not signs and not piece.fresh and self.open is not None and (
                self.open.grid and not self.arrow):  # fmt: skip
            self.open = None
        if self.arrow is not None and self.open is not None and not signs and not self.open.waits \
                and self.open.grid:  # fmt: skip
            self.open.signs.append(Sign(self.arrow, "→"))
            self.open.sides += sides
            self.arrow = None
            return
        draft = self._new(sides, signs)
        draft.shown = block.display or (_is_list(sides[-1].node) and (
            self.before.rstrip(" *").endswith(":")))
        keep = self.open
        opening = o.opening(self.before) if first else ""
        if signs:
            draft.kind = self._kind(piece, opening, draft) if opening else "claim"
        self._start(draft)
        if not signs and not block.display:
            self.open = keep  # a name in a sentence breaks no chain
        self._conditions_behind(piece)

    # tables

    def _grid(self, grid: Grid) -> None:
        rows = tables.cells_of(grid, self.text, self.habits)
        for row in rows:
            for cell in row:
                if cell.failed:
                    self.harvest.unread.append(Unread(
                        cell.place, self.text[cell.place.start : cell.place.end][:200],
                        cell.failed))
        side = tables.matrix_of(grid, rows, self.text)
        if side is not None:
            self._cells(rows)
            self._matrix(side)
        elif tables.has_relations(rows):
            self._trace(rows)
        else:
            self._named(rows)
        self._past(grid.place)

    def _cells(self, rows: list[list[tables.Cell]]) -> None:
        """Equations within the cells of a matrix."""
        for row in rows:
            for cell in row:
                for piece in cell.pieces:
                    if piece.signs:
                        self.drafts.append(self._new(list(piece.sides), list(piece.signs)))

    def _matrix(self, side: Side) -> None:
        if self.open is not None and self.open.waits:
            self.open.sides.append(side)
            self.last, self.joined = self.open, False
            self.open.grid = True
            self.awaits.append(self.open)
            return
        if self.open is not None and self.arrow is not None and self.open.grid:
            self.open.signs.append(Sign(self.arrow, "="))
            self.open.sides.append(side)
            self.arrow = None
            self.awaits.append(self.open)
            return
        said = self.before
        if said.strip() == ":" and self.open is not None and self.open is self.last:
            at = self.text.rfind(":", self.begun, side.place.start)  # S = Q K^T: and a matrix
            self.open.signs.append(Sign(Place(at, at + 1), "="))
            self.open.sides.append(side)
            self.open.grid = True
            self.awaits.append(self.open)
            return
        draft = self._new([side], [])
        if not said.strip() and self.last is not None and not self.last.signs and self.last.sides:
            draft.before = self.last.sides[-1].text
            self.last.shown = False
        words = _SIGN_AT_END.search(said)
        if words is not None:
            at = self._sign_place()
            draft.sides.insert(0, words_side(self.text, self.begun, at))
            draft.signs.append(Sign(Place(at, at + 1), "="))
        draft.shown = draft.grid = True
        self._start(draft)

    def _trace(self, rows: list[list[tables.Cell]]) -> None:
        header = [c.words for c in rows[0]]
        starts = [k for k, words in enumerate(header) if words]
        for chain in tables.row_chains(rows):
            draft = self._new(chain.sides, chain.signs)
            title = max((k for k in starts if k <= chain.column), default=None)
            if title is not None:
                draft.before = f"{draft.before} | {header[title]}".strip(" |")
            self.drafts.append(draft)
        self.open = self.last = None

    def _named(self, rows: list[list[tables.Cell]]) -> None:
        found = tables.named_values(rows)
        for cell, label, name, spot in found:
            piece = cell.pieces[-1]
            draft = self._new(list(piece.sides), list(piece.signs))
            draft.before = name
            draft.after = label
            extra = [("row", x.lower()) for x in _INDEX_LABEL.findall(label)][:3]
            draft.path = (*draft.path, *extra, ("column", name))
            draft.shown, draft.spot = True, spot
            self.drafts.append(draft)
            if piece.signs and len(piece.sides) > len(piece.signs):  # what it comes to is the cell
                end = self._new([piece.sides[-1]], [])
                end.before, end.after, end.path = draft.before, draft.after, draft.path
                end.shown, end.spot = True, spot
                self.drafts.append(end)
        if not found:
            for row in rows:
                for cell in row:
                    for piece in cell.pieces:
                        if piece.sides:
                            draft = self._new(list(piece.sides), list(piece.signs))
                            draft.shown = True
                            self.drafts.append(draft)
        self.open = self.last = None


def _is_member(piece: Piece) -> bool:
    node = piece.sides[0].node
    return isinstance(node, Apply) and node.head in ("in", "forall")


def _is_branch(condition: Condition) -> bool:
    return isinstance(condition.node, Apply) and condition.node.head == "or"


def _is_named(node: Node | None) -> bool:
    """Whether a chain starts with a name of its own, whatever the words before it name."""
    return isinstance(node, Symbol | Derivative) or (
        isinstance(node, Apply) and node.head.startswith(("call:", "cell")))


def _is_list(node: Node | None) -> bool:
    return type(node).__name__ == "Matrix"


def _once(claims: list[Claim]) -> list[Claim]:
    """Each sign once: a sign that two readings claim stays with the first."""
    seen: set[tuple[int, int]] = set()
    found = []
    for claim in claims:
        key = (claim.place.start, claim.place.end)
        if key in seen and claim.place.end > claim.place.start:
            continue
        seen.add(key)
        found.append(claim)
    return found


def claims_of(paper: Paper) -> Reading:
    """The reading of a paper."""
    return Reader(paper).reading()


__all__ = ["Claim", "Value", "claims_of"]
