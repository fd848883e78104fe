"""Chains while they are being read, and what they come to: claims and values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from chainrule.check.claims import Claim, Condition, Context, Side, Spot, Unread, Value
from chainrule.check.paper import Place
from chainrule.check.read.chains import Sign
from chainrule.check.tree import Apply, Choice, Matrix, Node, Number, Remark, walk

_THAN: Final = re.compile(r"\b(?:greater|less|more|smaller|larger|fewer|bigger)\s+than\s+"
                         r"(?:the\s+)?|\b(?:see|conclude|follows|find|observe|obtain)\s+that,?\s+",
                         re.IGNORECASE)
_WHICH: Final = re.compile(r",?\s+(?:which|that)\s*\Z", re.IGNORECASE)
_SPELLINGS: Final = {
    "==": ("=", "\\equiv", "≡", ":="), "!=": ("\\neq", "\\ne", "≠", "!="),
    "<=": ("\\leq", "\\le", "≤", "<="), ">=": ("\\geq", "\\ge", "≥", ">="),
    "<": ("<", "\\lt"), ">": (">", "\\gt"), "->": ("\\to", "\\rightarrow", "→"),
    "~~": ("\\approx", "≈"),
}  # fmt: skip
_NAMES: Final = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">", "->": "→",
                 "~~": "≈", "~": "∝"}  # fmt: skip


@dataclass(slots=True)
class Draft:
    """A chain that may still go on."""

    sides: list[Side] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    kind: str = "claim"
    path: tuple[tuple[str, str], ...] = ()
    heading: str = ""
    before: str = ""
    after: str = ""
    scope: list[Condition] = field(default_factory=list)
    aside: bool = False
    order: int = 0
    shown: bool = False  # worth listing even without a relation
    grid: bool = False
    spot: Spot | None = None

    @property
    def waits(self) -> bool:
        """Whether its last relation still lacks a right side."""
        return len(self.sides) == len(self.signs)

    def context(self) -> Context:
        """Where it stands."""
        return Context(self.path, self.heading, self.before, self.after, tuple(self.scope))


class Harvest:
    """Turns finished chains into claims and values."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.claims: list[Claim] = []
        self.values: list[Value] = []
        self.unread: list[Unread] = []
        self.chain = 0

    def take(self, draft: Draft) -> None:
        """A finished chain: its claims, what stands inside its sides, what was not read."""
        if draft.waits:
            at = draft.signs[-1].place.end if draft.signs else 0
            draft.sides.append(Side(Place(at, at), "", None, "nothing stands here"))
        _drop_dots(draft)
        context = draft.context()
        for side in draft.sides:
            if side.node is None and side.text and side.why != "words":
                self.unread.append(Unread(side.place, side.text, side.why))
        if not draft.signs:
            side = draft.sides[0]
            if side.node is not None and self._system(side.node, context):
                return
            if draft.shown and side.node is not None:
                self.values.append(Value(side.place, side, context, draft.spot))
        else:
            self._links(draft, context)
        for side in draft.sides:
            if side.node is not None:
                self.inside(side.node, context)

    def _system(self, node: Node, context: Context) -> bool:
        """Equations one below the other, in a brace or lined up: each is a claim of its own."""
        if isinstance(node, Choice):
            rows = [value for value, condition in node.rows
                    if condition is None or _is_empty(condition)]
            if len(rows) < max(2, len(node.rows)) or not all(map(_is_relation, rows)):
                return False
            for row in rows:
                assert isinstance(row, Apply)
                self._relations(row, context, "claim")
            return True
        if isinstance(node, Matrix) and len(node.rows) > 1 and all(
                len(row) == 1 and _is_relation(row[0]) for row in node.rows):
            self.inside(node, context)
            return True
        return False

    def _links(self, draft: Draft, context: Context) -> None:
        named: list[Claim] = []
        typed = len(draft.signs) > 1 and all(s.relation == "→" for s in draft.signs)
        if typed:
            place = Place(draft.sides[0].place.start, draft.sides[-1].place.end)
            self.unread.append(Unread(place, self.text[place.start : place.end],
                                      "arrows from one step to the next"))
            return
        for link, sign in enumerate(draft.signs):
            kind = draft.kind
            if sign.relation == "=:":  # 3 + 4 =: z defines what stands on its right
                named.append(Claim(sign.place, "≡", draft.sides[link + 1], draft.sides[link],
                                   "definition", context, self.chain, 0))
                continue
            if sign.relation == "≡" and link == 0 and kind == "claim":
                kind = "definition"
            self.claims.append(Claim(sign.place, sign.relation, draft.sides[link],
                                     draft.sides[link + 1], kind, context, self.chain, link,
                                     link > 0))
        self.chain += 1
        for claim in named:
            self.claims.append(replace(claim, chain=self.chain))
            self.chain += 1

    def inside(self, node: Node, context: Context) -> None:
        """The relations within a side: in names, in conditions of cases, under braces."""
        in_cells = {id(c) for m in walk(node) if isinstance(m, Matrix) for row in m.rows
                    for c in row}
        for part in walk(node):
            if isinstance(part, Remark) and isinstance(part.claims, Apply):
                place = Context(context.path, context.heading, "underbrace", part.said,
                                context.scope)
                self._relations(part.claims, place, "claim")
            elif isinstance(part, Choice):
                for _, condition in part.rows:
                    if condition is not None:
                        self.condition(condition, context)
            elif isinstance(part, Apply) and part.head == "such":
                kind = "claim" if id(part) in in_cells else "name"
                self._relations(part, context, kind)

    def condition(self, node: Node, context: Context) -> None:
        """The relations of a condition, as claims of that kind."""
        for part in walk(node):
            if isinstance(part, Apply) and part.head in ("compare", "such"):
                self._relations(part, context, "condition")

    def _relations(self, node: Apply, context: Context, kind: str) -> None:
        for link, sign in enumerate(node.signs):
            left, right = node.args[link], node.args[link + 1]
            place = self.sign_between(left.end, right.start, sign)
            if place is None:
                continue
            self.claims.append(Claim(place, _NAMES.get(sign, "="), self.side(left),
                                     self.side(right), kind, context, self.chain, link))
        self.chain += 1

    def sign_between(self, start: int, end: int, sign: str) -> Place | None:
        """Where a relation stands between its sides; None where a macro wrote it."""
        for spelling in _SPELLINGS.get(sign, ()):
            at = self.text.find(spelling, max(0, start - 1), max(end, start) + 12)
            if at >= 0:
                return Place(at, at + len(spelling))
        return None

    def side(self, node: Node) -> Side:
        """A node as a side of its own."""
        place = Place(node.start, node.end)
        return Side(place, self.text[node.start : node.end], node)


def _drop_dots(draft: Draft) -> None:
    """a = … = b says that a is b."""
    for k in range(len(draft.sides) - 2, 0, -1):
        node = draft.sides[k].node
        same = len(draft.signs) > k and draft.signs[k].relation == draft.signs[k - 1].relation
        if same and isinstance(node, Apply) and node.head == "dots":
            del draft.sides[k], draft.signs[k - 1]


def _is_relation(node: Node) -> bool:
    return isinstance(node, Apply) and node.head in ("such", "compare")


def _is_empty(node: Node) -> bool:
    return isinstance(node, Remark) and not node.said.strip() and node.claims is None


def words_side(text: str, start: int, end: int) -> Side:
    """A side in words: the last sentence between two places."""
    start = max(start, end - 500)
    raw = text[start:end]
    cut = max((m.end() for m in re.finditer(r"[.:;?!]\s+|\n\s*|\*\s+", raw)
               if m.end() < len(raw.rstrip())), default=0)
    start += cut
    said = text[start:end]
    start += len(said) - len(said.lstrip(" *\t("))
    than = [m.end() for m in _THAN.finditer(text, start, end)]
    start = than[-1] if than else start
    said = _WHICH.sub("", text[start:end]).rstrip(" *\t=:,")
    return Side(Place(start, start + len(said)), said, None, "words")


def numeric(side: Side) -> bool:
    """Whether a side is numbers alone."""
    if side.node is None:
        return False
    heads = ("neg", "frac", "percent", "product", "sum", "power", "transpose")
    return all(isinstance(n, (Number, Matrix)) or (isinstance(n, Apply) and n.head in heads)
               for n in walk(side.node))
