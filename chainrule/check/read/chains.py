r"""One formula cut into chains: `a = b = c, d = e \text{ if } x > 0` is two chains and a condition.

Relations, commas, line ends and words that stand in no bracket are found first, and each side is
read on its own: a side that cannot be read loses nothing but itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chainrule.check.claims import Condition, Side
from chainrule.check.paper import Place
from chainrule.check.read import words as w
from chainrule.check.read.formulas import Reader
from chainrule.check.read.prepare import prepared
from chainrule.check.read.settings import parted
from chainrule.check.read.tokens import Habits, Lexer, Token, Unreadable
from chainrule.check.tree import Apply, Node
from chainrule.limits import PAPER_FORMULA

_LABEL: Final = re.compile(
    r"\s*(?:\\text\{)?\s*(?:\(?(?:[ivx]{1,5}|[a-h])\.?\)|[IVX]{1,4}\.|[A-Z]{0,2}\d{1,2}\.(?!\d)|"
    r"(?:Question|Exercise|Problem|Task)\s*\d+[.:]?)\s*\}?\s*(?=\\q?quad|\\[,;: ]|~|\s)")
_SPLITTERS: Final = ("sep", "break", "quad", "text", "implies", "aside", "amp", "colon")
_LEADS: Final = frozenset({"where", "with", "since", "because", "as"})
_KINDS: Final = {"let": "let", "assume": "let", "given": "given", "suppose": "let",
                 "where": "where", "with": "where", "since": "since", "because": "since",
                 "as": "since", "at": "given"}  # fmt: skip


_NOWHERE: Final = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Sign:
    """A relation sign and its place; `aside` are equals signs that only double it."""

    place: Place
    relation: str


@dataclass(slots=True)
class Piece:
    """A chain, or a part of one, as it stands in one formula.

    There is one side more than there are signs. A piece that begins with a relation has a first
    side without text (`leads`), one that ends with a relation a last one (`ends`). `opened` says
    which word stood before it: let, where, since, given. `fresh` says that it begins anew (∴, ⇒).
    """

    sides: list[Side] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    opened: str = ""
    words: str = ""
    fresh: bool = False
    aside: bool = False  # stands in brackets beside something else
    sets: bool = False  # says only what an index runs over
    arrow: Place | None = None  # a lone arrow
    place: Place = _NOWHERE
    typed: bool = False  # says from where to where a function goes
    branches: bool = False  # arrows lead from one condition to the next

    @property
    def leads(self) -> bool:
        """Whether it begins with its relation."""
        return bool(self.signs) and not self.sides[0].text

    @property
    def ends(self) -> bool:
        """Whether nothing stands behind its last relation."""
        return bool(self.signs) and not self.sides[-1].text


def formula_pieces(source: str, offset: int = 0, habits: Habits | None = None,
                   plain: bool = False) -> tuple[str, list[Piece]]:
    r"""The label that a formula begins with, and its chains.

    >>> [len(p.signs) for p in formula_pieces(r"a = b = c, \quad d = e")[1]]
    [2, 1]

    Raises `Unreadable` where the formula is too long or its macros write too much.
    """
    if len(source) > PAPER_FORMULA:
        raise Unreadable(f"it has more than {PAPER_FORMULA:,} characters", offset)
    label = ""
    found = _LABEL.match(source)
    if found is not None and found.end() < len(source):
        label = found.group()
        source, offset = source[found.end() :], offset + found.end()
    habits = habits or Habits()
    tokens = prepared(parted(Lexer(source, offset, habits, plain).tokens(), source, offset))
    return label, Cutter(tokens, habits, source, offset, plain).pieces()


class Cutter:
    """Cuts the tokens of a formula into pieces."""

    def __init__(self, tokens: list[Token], habits: Habits, source: str, offset: int,
                 plain: bool) -> None:
        self.source = source
        self.offset = offset
        self.habits = habits
        self.plain = plain
        self.tokens = self._dissolved(tokens)
        self.reader = Reader(self.tokens, habits, source, offset, plain)
        self.match = self.reader.match
        self.found: list[Piece] = []
        self.piece = Piece()
        self.first = 0  # where the current side begins
        self.left_out: list[tuple[int, int]] = []  # asides within the current side

    def _dissolved(self, tokens: list[Token]) -> list[Token]:
        """Braces that only group a whole relation, taken away."""
        for _ in range(4):
            reader = Reader(tokens, self.habits, self.source, self.offset)
            drop: set[int] = set()
            k = 0
            while k < len(tokens):
                token = tokens[k]
                end = min(reader.match[k], len(tokens)) if reader.match[k] >= 0 else k
                if token.kind == "{" and reader.has(k + 1, end, ("rel",)) and (
                        k == 0 or not (tokens[k - 1].kind in ("cmd", "}") or
                                       tokens[k - 1].text in ("^", "_"))):
                    drop |= {k, end}
                    k += 1
                else:
                    k = max(k + 1, end + 1 if token.kind in ("{", "open", "begin") else 0)
            if not drop:
                break
            tokens = [t for k, t in enumerate(tokens) if k not in drop]
        return tokens

    def pieces(self) -> list[Piece]:
        """All pieces in order."""
        k = 0
        while k < len(self.tokens):
            k = self._step(k)
        self._finish_piece(len(self.tokens))
        return self.found

    def _step(self, k: int) -> int:
        """Look at the token at `k`; give where to go on."""
        token = self.tokens[k]
        if token.kind in ("{", "open", "begin"):
            return self._bracket(k)
        if token.kind == "rel" or token.kind == "arrow":
            return self._relation(k)
        if token.kind in ("implies", "aside"):
            return self._arrow(k)
        if token.kind == "text":
            return self._text(k)
        if token.kind in ("sep", "quad", "break", "amp", "colon"):
            return self._separator(k)
        return k + 1

    # signs

    def _relation(self, k: int) -> int:
        token = self.tokens[k]
        if token.kind == "arrow" and self._is_note(k + 1):
            end = self._note_end(k + 1)
            self._side(k)
            self.first = end
            self._close()
            return end
        self._side(k)
        start, end, relation = token.start, token.end, w.RELATIONS.get(token.text, token.text)
        k += 1
        while k < len(self.tokens) and self.tokens[k].kind == "rel":  # = =
            end = self.tokens[k].end
            k += 1
        self.piece.signs.append(Sign(Place(start, end), relation))
        self.first = k
        return k

    def _is_note(self, k: int) -> bool:
        """Whether nothing but words stands behind an arrow, up to the line's end."""
        while k < len(self.tokens) and self.tokens[k].kind not in ("break", "rel"):
            if self.tokens[k].kind not in ("text", "quad", "sep", "word", "op"):
                return False
            k += 1
        return not (k < len(self.tokens) and self.tokens[k].kind == "rel")

    def _note_end(self, k: int) -> int:
        while k < len(self.tokens) and self.tokens[k].kind != "break":
            k += 1
        return k

    def _arrow(self, k: int) -> int:
        token = self.tokens[k]
        if token.kind == "aside":
            if self.piece.signs or k > self.first:
                self._finish_piece(k)
            if token.text in ("leftarrow", "gets", "<-", "longleftarrow"):
                end = self._note_end(k + 1)
                if not self.reader.has(k + 1, end, ("rel",)):
                    self.first = end
                    return end
            elif token.text in ("swarrow", "searrow", "nwarrow", "nearrow"):
                for piece in self.found[-1:]:
                    piece.branches = True
            self.first = k + 1
            return k + 1
        if self.piece.signs or k > self.first:
            self._finish_piece(k)
        self.piece.fresh = True
        if token.text not in ("therefore", "because"):
            self.piece.arrow = Place(token.start, token.end)
        if token.text == "because":
            self.piece.opened = "since"
        self.first = k + 1
        return k + 1

    def _text(self, k: int) -> int:
        token = self.tokens[k]
        spoken = re.sub(r"[^a-z ]", "", token.text.lower()).strip()
        head = spoken.split()[0] if spoken else ""
        last = spoken.split()[-1] if spoken else ""
        behind = self._boundary(k + 1)
        relates = self.reader.has(k + 1, behind, ("rel",)) or any(
            t.text == "in" for t in self.tokens[k + 1 : behind])
        if head in ("otherwise", "else"):
            self._side(k)
            place = Place(token.start, token.end)
            self.piece.conditions.append(Condition(place, None, token.text, "tail", True))
            self._close()
            self.first = k + 1
            return k + 1
        if (head in w.CONDITIONS or last in w.CONDITIONS):
            return self._condition(k)
        if head in _LEADS | {"let", "assume", "given", "suppose", "at"} or last in _LEADS:
            word = head if head in _KINDS else last
            if word in ("where", "with", "at") and relates and not self._defines(k + 1, behind):
                return self._condition(k)
            self._finish_piece(k)
            self.piece.opened = _KINDS[word]
            self.piece.words = token.text
            self.first = k + 1
            return k + 1
        begins = k == self.first and not self.left_out
        if not begins and head not in w.OPENERS and k + 1 < len(self.tokens) and (
                self.tokens[k + 1].kind in ("rel", "arrow")):  # fmt: skip
            self.left_out.append((k, k + 1))
            return k + 1
        if head in w.OPENERS or (relates and not begins):
            self._finish_piece(k)
            self.piece.words = token.text
            self.first = k + 1
            return k + 1
        if begins and k + 1 < len(self.tokens) and self.tokens[k + 1].kind not in ("rel", "arrow"):
            self.piece.words = (self.piece.words + " " + token.text).strip()
            if not self.piece.signs or self._only_words(k + 1, behind):
                if not self.piece.signs:
                    self.first = k + 1
                return k + 1
            self.first = k + 1
            return k + 1
        if not begins:
            self.left_out.append((k, k + 1))
            self.piece.words = (self.piece.words + " " + token.text).strip()
        return k + 1

    def _only_words(self, start: int, end: int) -> bool:
        return all(t.kind in ("text", "quad", "sep") for t in self.tokens[start:end])

    def _defines(self, start: int, end: int) -> bool:
        """Whether the relation behind a "where" is an equation for a name that is no index."""
        relation = next((k for k in range(start, end) if self.tokens[k].kind == "rel"), None)
        if relation is None or self.tokens[relation].text not in ("=", "≡"):
            return False
        dots = any(t.kind == "dots" for t in self.tokens[relation:end])
        return not (relation - start == 1 and self.tokens[start].text in "ijklmn" and dots)

    def _condition(self, k: int) -> int:
        """A condition from the word at `k` to the end of its piece."""
        self._side(k)
        end = k + 1
        while end < len(self.tokens) and self.tokens[end].kind not in ("break", "aside", "implies"):
            token = self.tokens[end]
            if token.kind == "text" and end > k + 1 and token.text.lower().split()[:1] != ["and"] \
                    and self.tokens[end - 1].kind != "text":  # fmt: skip
                break
            if token.kind in ("sep", "quad") and self._new_chain(end):
                break
            opens = token.kind in ("{", "open", "begin")
            end = max(end + 1, min(self.match[end] + 1, len(self.tokens))) if opens else end + 1
        self._add_condition(k, end, "tail")
        self._close()
        self.first = end
        return end

    def _new_chain(self, k: int) -> bool:
        """Whether an equation that is no condition begins behind a separator."""
        behind = self._boundary(k + 1)
        relation = next((i for i in range(k + 1, behind) if self.tokens[i].kind == "rel"), None)
        if relation is None or self.tokens[relation].text not in ("=", "≡"):
            return False
        return not any(t.kind == "dots" for t in self.tokens[relation:behind])

    def _add_condition(self, start: int, end: int, origin: str) -> None:
        first, last = self.tokens[start].start, self.tokens[end - 1].end
        text = self.source[first - self.offset : last - self.offset]
        node: Node | None
        try:
            node = self.reader.within(start, end, lambda: self.reader.condition(start, end))
        except Unreadable:
            node = None
        self.piece.conditions.append(Condition(Place(first, last), node, text.strip(), origin))

    def _separator(self, k: int) -> int:
        token = self.tokens[k]
        if token.kind == "amp":
            ahead = k + 1
            while ahead < len(self.tokens) and self.tokens[ahead].kind in ("amp", "quad"):
                ahead += 1
            if (self.piece.signs and k > self.first and ahead < len(self.tokens)
                    and self.tokens[ahead].kind not in ("rel", "arrow", "text", "break", "op",
                                                        "times")
                    and self.reader.has(ahead, self._row_end(ahead), ("rel",))):  # fmt: skip
                self._finish_piece(k)
                self.first = k + 1
            return k + 1
        if token.kind == "colon":
            named = self.reader.has(self.first, k, ("sym", "word"))
            if named and not self.piece.signs:
                behind = self._row_end(k + 1)
                if self.reader.has(k + 1, behind, ("arrow",)) and not self.reader.has(
                        k + 1, behind, ("rel",)):  # fmt: skip
                    self.piece.typed = True
                else:
                    self.piece.words = self.reader.said(self.first, k)
                    self.first = k + 1
            if self.tokens[k - 1 : k] and self.piece.signs == [] and not self.reader.has(
                    self.first, k, ("sym", "num")):  # fmt: skip
                self.first = k + 1
            return k + 1
        if token.kind == "break":
            return self._line_end(k)
        behind = self._boundary(k + 1)
        if behind == k + 1:  # another separator follows
            return k + 1
        relates = self.reader.has(k + 1, behind, ("rel", "arrow"))
        while relates and behind + 1 < len(self.tokens) and self.tokens[behind].text == ",":
            after = self._boundary(behind + 1)  # i = 1, …, n is one piece
            if after == behind + 1 or self.reader.has(behind + 1, after, ("rel", "arrow")):
                break
            behind = after
        forall = any(t.text == "forall" for t in self.tokens[k + 1 : behind])
        member = any(t.text == "in" and t.kind == "cmd" for t in self.tokens[k + 1 : behind])
        if not self.piece.signs and not forall:
            if relates and k > self.first and token.kind == "quad" and self._has_words(k):
                self._finish_piece(k)
                self.first = k + 1
            return k + 1
        if self.tokens[k + 1].kind in ("rel", "arrow"):
            return k + 1
        if relates or forall or member:
            if self._is_condition(k + 1, behind):
                self._side(k)
                self._add_condition(k + 1, behind, "set" if forall or member else "tail")
                self.first = behind
                self._close()
                return behind
            self._finish_piece(k)
            self.first = k + 1
        elif token.kind == "quad" and self._is_tag(k + 1, behind):
            self._side(k)
            self.first = behind
            self._close()
            return behind
        return k + 1

    def _has_words(self, k: int) -> bool:
        return self.tokens[k - 1].kind == "text"

    def _is_tag(self, start: int, end: int) -> bool:
        """The number of an equation, in brackets."""
        texts = [t.text for t in self.tokens[start:end]]
        return len(texts) == 3 and texts[0] == "(" and self.tokens[start + 1].kind in ("num", "sym")

    def _top(self, start: int, end: int) -> list[Token]:
        """The tokens that stand in no bracket."""
        found = []
        while start < end:
            token = self.tokens[start]
            found.append(token)
            opens = token.kind in ("{", "open", "begin")
            start = max(start + 1, self.match[start] + 1) if opens else start + 1
        return found

    def _is_condition(self, start: int, end: int) -> bool:
        top = self._top(start, end)
        relations = [t for t in top if t.kind in ("rel", "arrow")]
        if any(t.text in ("forall", "in") and t.kind == "cmd" for t in top):
            return True
        if any(t.text in ("<", ">", "≤", "≥", "≠") for t in relations):
            # an inequality behind an inequality is a statement of its own
            return any(s.relation in ("=", "≡", "→") for s in self.piece.signs)
        first = self.tokens[start]
        listed = any(t.kind == "dots" for t in top)
        return listed and first.kind == "sym" and self.tokens[start + 1].kind == "rel"

    def _line_end(self, k: int) -> int:
        ahead = k + 1
        while ahead < len(self.tokens) and self.tokens[ahead].kind in ("amp", "quad", "break"):
            ahead += 1
        if ahead >= len(self.tokens):
            return ahead
        token = self.tokens[ahead]
        before = self.tokens[k - 1] if k else token
        goes_on = (token.kind in ("rel", "arrow", "times") or (
            token.kind == "op" and token.text in "+-" and not self.reader.has(
                ahead, self._row_end(ahead), ("rel",)))
            or before.kind in ("rel", "arrow", "times") or (
                before.kind == "op" and before.text in "+-"))  # fmt: skip
        if token.kind in ("rel", "arrow") or goes_on:
            return ahead
        if self.piece.signs or k > self.first:
            if self.piece.signs and token.text == "forall":
                self._side(k)
                end = self._boundary(ahead)
                self._add_condition(ahead, end, "set")
                self.first = end
                self._close()
                return end
            self._finish_piece(k)
        self.first = ahead
        return ahead

    def _row_end(self, k: int) -> int:
        while k < len(self.tokens) and self.tokens[k].kind != "break":
            opens = self.tokens[k].kind in ("{", "open", "begin")
            k = max(k + 1, min(self.match[k] + 1, len(self.tokens))) if opens else k + 1
        return k

    def _boundary(self, k: int) -> int:
        """Where the piece that begins here ends: at a separator or words."""
        while k < len(self.tokens) and self.tokens[k].kind not in _SPLITTERS:
            opens = self.tokens[k].kind in ("{", "open", "begin")
            k = max(k + 1, min(self.match[k] + 1, len(self.tokens))) if opens else k + 1
        return k

    # brackets

    def _bracket(self, k: int) -> int:
        """Past a bracket; one that holds relations beside a formula is a remark of its own."""
        end = min(self.match[k] + 1, len(self.tokens))
        token = self.tokens[k]
        if token.kind != "open" or token.text not in ("(", "["):
            return end
        inner = k + 1, max(k + 1, end - 1)
        lone = inner[1] - inner[0] > 0 and self.tokens[inner[0]].kind == "begin" and min(
            self.match[inner[0]] + 1, len(self.tokens)) >= inner[1]
        if lone and self.tokens[inner[0]].text != "array":
            return end
        if lone:
            inner = inner[0] + 1, min(self.match[inner[0]], inner[1])
        if lone and self.reader.has(*inner, ("amp",)):
            return end
        named = k > self.first and self._has_name(k - 1)
        relates = self.reader.has(*inner, ("rel",))
        spoken = self.tokens[inner[0]].kind in ("text", "implies") if inner[0] < inner[1] else False
        noted = spoken and k > self.first
        spelled = relates and self.reader.has(*inner, ("text",))
        if (named and self._called_with(k) and not spelled) or not (relates or noted):
            return end
        plain = not (self.reader.has(*inner, ("text", "sep", "break", "implies")))
        if token.text == "[" and plain and (k > self.first or (end < len(self.tokens) and (
                self.tokens[end].kind in ("sym", "num", "times")))):  # fmt: skip
            return end  # a bracket that is 1 where its condition holds
        if noted and not relates:
            self.left_out.append((k, end))
            self.piece.words += " " + self.reader.said(k, end)
            return end
        inside = Cutter(self.tokens[inner[0] : inner[1]], self.habits, self.source, self.offset,
                        self.plain)
        found = inside.pieces()
        for piece in found:
            piece.aside = True
        if all(p.sides and p.sides[0].text and not p.ends for p in found if p.signs):
            self.asides(found, k, end)
        return end

    def asides(self, found: list[Piece], start: int, end: int) -> None:
        """Pieces in brackets: they stand before the piece that they are about."""
        alone = start == self.first and self._boundary(end) == end and not self.piece.signs
        for piece in found:
            piece.aside = not alone
        self.left_out.append((start, end))
        self.found += found

    def _has_name(self, k: int) -> bool:
        """Whether a name, with scripts or without, ends at a token."""
        token = self.tokens[k]
        while token.text == "'" and k:
            k -= 1
            token = self.tokens[k]
        if token.kind == "}":
            opened = next((i for i in range(k - 1, max(-1, k - 40), -1) if self.match[i] == k), -1)
            return opened > 1 and self.tokens[opened - 1].text in ("_", "^")
        if token.kind == "num":
            return k > 1 and self.tokens[k - 1].text in ("_", "^")
        return token.kind in ("sym", "word") or token.text == "partial"

    def _called_with(self, k: int) -> bool:
        """Whether a bracket belongs to the name before it: P(y = j)."""
        before = self.tokens[k - 1]
        return not self.tokens[k].gap or before.text in ("P", "p", "Pr", "partial", "E")

    # sides

    def _side(self, end: int) -> None:
        """The side from `first` to here, read."""
        start = self.first
        while start < end and self.tokens[start].kind in ("sep", "quad", "amp", "break", "colon"):
            start += 1
        while end > start and self.tokens[end - 1].kind in ("sep", "quad", "amp", "break", "colon"):
            end -= 1
        left_out, self.left_out = self.left_out, []
        self.first = end
        if len(self.piece.sides) > len(self.piece.signs):
            return  # the last side is read already
        kept = [k for k in range(start, end) if not any(a <= k < b for a, b in left_out)]
        if not kept:
            place = self._gap(start)
            self.piece.sides.append(Side(place, "", None, "nothing stands here"))
            return
        first, last = self.tokens[kept[0]], self.tokens[kept[-1]]
        place = Place(first.start, last.end)
        text = self.source[place.start - self.offset : place.end - self.offset]
        self.piece.sides.append(self._read(kept, place, text or first.text))

    def _gap(self, start: int) -> Place:
        at = (self.tokens[start - 1].end if 0 < start <= len(self.tokens)
              else self.tokens[start].start if start < len(self.tokens) else self.offset)
        return Place(at, at)

    def _read(self, kept: list[int], place: Place, text: str) -> Side:
        reader = self.reader
        start, end = kept[0], kept[-1] + 1
        if len(kept) != end - start:  # something was left out in the middle or at an end
            tokens = [self.tokens[k] for k in kept]
            reader = Reader(tokens, self.habits, self.source, self.offset, self.plain)
            start, end = 0, len(tokens)
        spoken = all(self.tokens[k].kind == "text" for k in kept)
        if spoken:
            token = self.tokens[kept[0]]
            return Side(place, token.text, None, "words")
        reader.depth = 0
        reader.noted.clear()
        while end - 1 > start and reader.tokens[end - 1].text in ("/",):
            end -= 1
        try:
            node = reader.whole(start, end)
        except Unreadable as slip:
            return Side(place, text, None, slip.why)
        for noted in reader.noted:
            where = Place(noted.start, noted.end)
            said = self.source[noted.start - self.offset : noted.end - self.offset]
            if said not in [c.text for c in self.piece.conditions]:
                self.piece.conditions.append(Condition(where, noted, said, "tail"))
        return Side(place, text, node)

    def _finish_piece(self, k: int) -> None:
        """End the current piece before the token at `k`."""
        self._side(k)
        self._close()

    def _close(self) -> None:
        piece = self.piece
        if piece.signs and len(piece.sides) == len(piece.signs):
            at = piece.signs[-1].place.end
            piece.sides.append(Side(Place(at, at), "", None, "nothing stands here"))
        real = [s for s in piece.sides if s.text]
        if not piece.signs and not real and not piece.fresh and not piece.arrow \
                and not piece.conditions and not piece.opened:  # fmt: skip
            self.piece = Piece(words=piece.words)
            return
        if (not piece.signs and not real and not piece.conditions
                and (piece.fresh or piece.opened) and self.first < len(self.tokens)):
            return  # what opens a piece waits for it
        if not piece.signs and not real and piece.conditions and self.found and not piece.opened:
            self.found[-1].conditions += piece.conditions
            self.piece = Piece()
            return
        if not piece.signs:
            piece.sides = real
            piece.sets = any(isinstance(s.node, Apply) and s.node.head in ("in", "forall")
                             for s in real)
        first = piece.sides[0].place.start if piece.sides else self.offset
        last = piece.sides[-1].place.end if piece.sides else self.offset
        piece.place = Place(first, last)
        self.found.append(piece)
        self.piece = Piece()
