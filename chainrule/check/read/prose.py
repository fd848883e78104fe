"""Words between formulas: where we are in a paper, what is in force, sentences with numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from chainrule.check.claims import Condition, Side, Unread
from chainrule.check.paper import (
    Block,
    Break,
    Formula,
    Heading,
    Label,
    Paper,
    Place,
    Words,
)
from chainrule.check.read import openings as o
from chainrule.check.read.chains import Sign, formula_pieces
from chainrule.check.read.drafts import Draft, Harvest, words_side
from chainrule.check.read.markdown import blocks_of
from chainrule.check.read.tokens import Unreadable
from chainrule.check.tree import Apply
from chainrule.lang.latex_tokens import words

_LONE_SIGN: Final = re.compile(r"\s*(=|≡|:=|→|⇒|-->|->|=>)\s*\Z")
_SIGN_AT_END: Final = re.compile(r"(=|≡|:=)\s*\Z")
_SIGN_AT_START: Final = re.compile(r"\s*(=|≡|:=)\s*")
_SUMS_UP: Final = re.compile(
    r"\s*[*_]*(?:so|thus|hence|in summary|in conclusion|overall|finally|summary|combining|"
    r"altogether|to sum up|summing up|insgesamt|zusammen|en resumen|portanto|logo|donc)\b", re.I)
_SUMS_ALL: Final = re.compile(r"\s*(?:综上|总之|综合)")
_NEW_SENTENCE: Final = re.compile(
    r"[.;]\s+(?:So|Thus|Hence|Therefore|In summary|Altogether|Together|Overall)\b")
_OTHERWISE: Final = re.compile(r"\s*(?:and\s+|or\s+)?(?:otherwise|else)\b[\s.:,]*", re.IGNORECASE)
_FENCE: Final = re.compile(r"\s*```[^\n]{0,80}\Z")
_ARITHMETIC: Final = re.compile(r"[ \t]*[-−+(\d][-−+*/×·^().,\d \t]*\Z")
_DRAWN: Final = re.compile(r"\s*(?:```|<(?:pre|script|style)\b)[^\n]*\n|"
                          r"[^\n]{0,200}\\begin\{(?:tikz|forest|lstlisting|verbatim|minted|pgf|"
                          r"comment|algo|theb)")
_FURTHER: Final = re.compile(r"[\s,;.]{0,9}\(?([b-h])\)[\s:]{0,9}\Z")
_ENOUGH: Final = re.compile(r"(?:\b[^\W\d_]{2,40}[\s,]{1,20}){4}")


NOBODY: Final = words("there it this that here we which they these those what so i")


_NAMES: Final = frozenset("bcdefghjklmnopqrstuvwxyzBCDEFGHJKLMNOPQRSTUVWXYZ")


class Prose:
    """What is known while a paper is gone through; reads what stands in words."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.text = paper.text
        self.habits = o.habits_of(paper)
        self.harvest = Harvest(paper.text)
        self.path: list[tuple[str, str]] = []
        self.bare = False  # questions are called 1a), 1b)
        self.heading = ""
        self.before = ""  # the words since the last formula
        self.begun = 0  # where they begin
        self.section: list[Condition] = []  # in force up to the next case, label or heading
        self.outer: list[Condition] = []  # that further conditions stand below
        self.local: list[Condition] = []  # in force up to the paragraph's end
        self.used = False  # whether a chain stood under the local conditions
        self.open: Draft | None = None  # what the next leading relation continues
        self.last: Draft | None = None  # what a condition behind it belongs to
        self.drafts: list[Draft] = []
        self.awaits: list[Draft] = []  # chains that the next words stand behind
        self.arrow: Place | None = None
        self.joined = False  # the last chain stands in this paragraph
        self.role = ""  # how the sentence's formulas are introduced
        self.anchor = 0  # where the current formula begins

    def block(self, block: Block) -> None:
        """One block."""
        raise NotImplementedError

    # where we are

    def _heading(self, block: Heading) -> None:
        self.heading = block.text
        self._fresh_scope()
        inside = block.place.start + block.level
        found = [b for b in blocks_of(self.text, inside, block.place.end)
                 if not isinstance(b, (Label, Break))]
        if any(isinstance(b, Formula) for b in found):
            for part in found:
                self.block(part)
        self._break()

    def _label(self, kind: str, key: str, text: str = "") -> None:
        if kind == "question":
            self.bare = text[:1].isdigit()
        elif kind == "number" and self.bare and self.path[1:] and key == str(
                int(self.path[0][1]) + 1):  # fmt: skip
            kind = "question"  # 2) behind 1c)
        if kind == "item" and len(key) == 1 and any(
                k == "part" and x == chr(ord(key) - 1) for k, x in self.path):
            kind = "part"  # (i) behind (h)
        if kind in ("question", "answer"):
            self.path = [(kind, key)]
        else:
            kinds = [k for k, _ in self.path]
            if kind in kinds:
                self.path = self.path[: kinds.index(kind)]
            self.path.append((kind, key))
        self._fresh_scope()

    def _fresh_scope(self) -> None:
        self.outer, self.section, self.local, self.used = [], [], [], False
        self.open = self.last = None
        self.before, self.arrow, self.joined, self.role = "", None, False, ""
        self.awaits = []

    def _break(self) -> None:
        if self.local:
            if not self.used:
                self.section = self.local
            self.local, self.used = [], False
        if self.before:
            self.before += "\n"
        self.joined = False
        self.role = ""

    # words

    def _words(self, block: Words) -> None:
        text = block.text
        place = block.place
        if _DRAWN.match(text):
            self.harvest.unread.append(Unread(place, text.strip()[:200], "a drawing or a listing"))
            return
        if _FENCE.match(text):
            self._break()
            self.before, self.begun, self.open, self.last = "", place.end, None, None
            return
        further = _FURTHER.match(text)
        if further is not None and ("part", chr(ord(further[1]) - 1)) in self.path[-1:]:
            self._label("part", further[1])  # (a) x = 1 (b) y = 2
            return
        lone = _LONE_SIGN.match(text)
        if lone is not None:
            self._lone_sign(lone[1], place.start + lone.start(1))
            return
        for draft in self.awaits:
            draft.after = (draft.after + text.strip())[:200]
        self.awaits = []
        start = place.start
        first = _SIGN_AT_START.match(text)
        if first is not None and self.last is not None and self.joined and not self.before:
            start = self._goes_on_in_words(first, place)
            text = self.text[start : place.end]
        elif self.joined and self.last is not None and not self.last.signs and not self.before:
            said = o.IS_FIRST.match(text)
            if said is not None:
                start = self._is_something(said, place)
                text = self.text[start : place.end]
        if _SUMS_ALL.match(text):
            self.section, self.local, self.used = [], [], False
        if _SUMS_UP.match(text) and not self.joined:
            self.section = [c for c in self.section if c.origin == "heading"]
        if _NEW_SENTENCE.search(text):
            self.local, self.used = [], False
        if o.asks(text):
            self.role = "restated"
        if _OTHERWISE.match(text) and (self.local or self.section):
            self._otherwise(text, start)
        if not self.before:
            self.begun = start
        self._numbers(text, start)
        self.before = (self.before + text)[-400:]
        if o.last_sentence(text) != text and "\n" not in text and not o.asks(
                o.last_sentence(text)):  # fmt: skip
            self.role = ""
        if _ENOUGH.search(text):
            self.harvest.unread.append(Unread(place, block.text.strip(), "words"))
        elif "=" in _SIGN_AT_END.sub("", text) and first is None:
            self.harvest.unread.append(Unread(place, block.text.strip(), "words around a sign"))

    def _lone_sign(self, sign: str, at: int) -> None:
        place = Place(at, at + len(sign))
        if sign in ("=", "≡", ":="):
            self._relate(Sign(place, "=" if sign == "=" else "≡"))
        else:
            self.arrow = place

    def _relate(self, sign: Sign) -> None:
        """A relation that stands alone: it goes on with what is open."""
        if self.open is not None and not self.open.waits:
            self.open.signs.append(sign)
            return
        left = words_side(self.text, self.begun, sign.place.start) if self.before.strip() else Side(
            Place(sign.place.start, sign.place.start), "", None, "nothing stands here")
        draft = self._new([left], [sign])
        self._start(draft)

    def _goes_on_in_words(self, first: re.Match[str], place: Place) -> int:
        """$o$ = output width: the right side is words."""
        assert self.last is not None
        start = place.start + first.end()
        end = min((self.text.find(c, start, place.end) for c in ",.;\n"
                   if self.text.find(c, start, place.end) >= 0), default=place.end)
        if not self.text[start:end].strip():
            if not self.last.waits:
                self.last.signs.append(Sign(Place(place.start + first.start(1),
                                                  place.start + first.end(1)), "="))
                self.open = self.last
            return start
        side = self._said_or_read(start, end)
        if not self.last.waits:
            self.last.signs.append(Sign(Place(place.start + first.start(1),
                                              place.start + first.end(1)), "="))
        self.last.sides.append(side)
        if side.node is None and len(self.last.signs) == 1:
            self.last.kind = "definition"
        return end

    def _worked_above(self, end: int) -> Side | None:
        """The lines of numbers and signs above a leading relation, as its left side."""
        start = end
        for line in reversed(self.text[self.begun : end].split("\n")):
            if line.strip() and not (_ARITHMETIC.match(line) and re.search(r"\d", line)):
                break
            if not line.strip() and start < end:
                break
            start -= len(line) + 1
        start = max(start + 1, self.begun)
        said = self.text[start:end]
        if "\n" not in said.strip("\n") + "\n" or not re.search(r"\d\D*[-−+*/×·]\D*\d", said):
            return None
        shift = len(said) - len(said.lstrip())
        try:
            pieces = formula_pieces(" ".join(said.strip().split("\n")), start + shift, self.habits,
                                    True)[1]
        except Unreadable:
            return None
        good = len(pieces) == 1 and not pieces[0].signs and len(pieces[0].sides) == 1
        return pieces[0].sides[0] if good else None

    def _said_or_read(self, start: int, end: int) -> Side:
        said = self.text[start:end]
        if re.fullmatch(r"\s*[-−]?\d[\d.,]*(?:\s*[x×*]\s*\d[\d.,]*)*%?\s*", said):
            try:
                piece = formula_pieces(said, start, self.habits, True)[1]
                if piece and len(piece[0].sides) == 1:
                    return piece[0].sides[0]
            except Unreadable:
                pass
        strip = len(said) - len(said.lstrip())
        said = said.strip()
        return Side(Place(start + strip, start + strip + len(said)), said, None, "words")

    def _is_something(self, said: re.Match[str], place: Place) -> int:
        """$y_1$ is 0.03: a formula, then words with a number."""
        assert self.last is not None
        number = re.compile(r"[-−]?\d+(?:[.,]\d+)*%?(?![\w×*/^-])").match(
            self.text, place.start + said.end(), place.end)
        if number is None:
            return place.start
        sign = place.start + said.start() + len(said.group()) - len(said.group().lstrip())
        end = sign + len(said.group().strip())
        self.last.signs.append(Sign(Place(sign, end), "is"))
        self.last.sides.append(self._said_or_read(number.start(), number.end()))
        return number.end()

    def _numbers(self, text: str, start: int) -> None:
        """Sentences that say that something is a number."""
        last = start
        for found in o.IS_NUMBER.finditer(text):
            begin = max(self.begun if self.before.strip() else start, last,
                        start + found.start() - 200)
            left = words_side(self.text, begin, start + found.start())
            last = start + found.end()
            nobody = not NOBODY.isdisjoint(left.text.lower().split()[-1:])
            if nobody or "=" in left.text or (len(left.text) < 2 and left.text not in _NAMES):
                continue
            left = self._read_name(left)
            sign = Sign(Place(start + found.start("is"), start + found.end("is")), "is")
            right = self._said_or_read(start + found.start("number"), start + found.end("number"))
            draft = self._new([left, right], [sign])
            draft.kind = "claim"
            self.drafts.append(draft)

    def _read_name(self, side: Side) -> Side:
        """A side in words that is a name after all: the y_j of "y_j is 1"."""
        if " " in side.text or len(side.text) > 12 or not re.search(r"_|\A\w\w?\Z", side.text):
            return side
        try:
            pieces = formula_pieces(side.text, side.place.start, self.habits, True)[1]
        except Unreadable:
            return side
        good = len(pieces) == 1 and not pieces[0].signs and pieces[0].sides
        return pieces[0].sides[0] if good else side

    def _otherwise(self, text: str, start: int) -> None:
        """The complement of the condition before: as its alternative, or in its place."""
        conditions = self.local or self.section
        inner = conditions[-1]
        if inner.node is None:
            return
        place = Place(start, start + len(text.split("\n")[0]))
        negated = Apply(inner.node.start, inner.node.end, "not", (inner.node,))
        if self.joined or (self.local and not self.used):
            both = Apply(inner.node.start, inner.node.end, "or", (inner.node, negated))
            conditions[-1] = replace(inner, node=both, text=f"{inner.text} or otherwise")
        else:
            said = f"otherwise (not {inner.text})"
            conditions[-1] = Condition(place, negated, said, "text", True)

    def _new(self, sides: list[Side], signs: list[Sign]) -> Draft:
        return Draft(sides, signs, "claim", tuple(self.path), self.heading,
                     self.before.strip()[-200:], "", [*self.outer, *self.section, *self.local])

    def _start(self, draft: Draft) -> None:
        self.drafts.append(draft)
        if not draft.aside:
            self.open = draft
        self.last = draft
        self.joined = True
        self.used = True
        self.awaits.append(draft)
        self.arrow = None
