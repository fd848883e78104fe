"""Homes: which question each claim of a paper belongs to, so that none stands beside them.

What a claim says decides first: the quantity that it starts with is what some question asks for.
But a claim that stands under the labels of one question belongs there whatever it names, unless the
other question has no place of its own in the paper. Working that names nothing that is asked for
leads to the next answer; behind the last answer it belongs to that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from chainrule.check.claims import Claim, Context
from chainrule.check.paper import Grid, Paper
from chainrule.check.sheet import Question, Sheet
from chainrule.check.tree import Apply, Node, Remark, Symbol, walk
from chainrule.check.values_names import key, spelling
from chainrule.check.verdicts import Judged

Sides = Callable[[str], Sequence[Node | None]]
Asked = Mapping[int, list[tuple[Question, str]]]
_NEXT: Final = 60  # characters beside a claim that may say what it is
_MARKS: Final = {"bar": "reverse", "dot": "forward"}


def at_home(sheet: Sheet, paper: Paper, judged: Sequence[Judged], asked: Asked,
            parts: Mapping[int, str], sides: Sides) -> list[Judged]:
    """The claims, each with the question that it belongs to; empty where there is none.

    `parts` says of which part of the sheet each chain is, `sides` reads a formula of the sheet.
    """
    homes = _Homes(sheet, paper, judged, asked, parts, sides)
    found = [replace(j, question=home) for j, home in zip(judged, homes.all(), strict=True)]
    text = {q.id for q in sheet.questions if q.ask == "text"}
    return [replace(j, why="the sheet has no value for it") if j.question in text
            and j.verdict == "undecided" and j.claim.left.why == "words" else j for j in found]


def keys_of(question: Question) -> tuple[str, ...]:
    """The labels above a question's answer."""
    return tuple(k for _, k in question.path)


def under(judged: Judged, question: Question) -> bool:
    """Whether a claim stands under a question's labels."""
    return under_path(judged.claim.context, question)


def under_path(context: Context, question: Question) -> bool:
    """Whether a place has a question's labels above it."""
    asked = keys_of(question)
    mine = tuple(k for _, k in context.path)
    return bool(asked) and mine[: len(asked)] == asked


class _Homes:
    def __init__(self, sheet: Sheet, paper: Paper, judged: Sequence[Judged], asked: Asked,
                 parts: Mapping[int, str], sides: Sides) -> None:
        self.sheet = sheet
        self.judged = judged
        self.parts = parts
        self.asked = {number: list(dict.fromkeys(q.id for q, _ in found))
                      for number, found in asked.items()}
        self.by_id = {q.id: q for q in sheet.questions}
        self.used = {q.part for q in sheet.questions}
        self.grids = sorted((b.place.start, b.place.end) for b in paper.blocks
                            if isinstance(b, Grid))
        self.starts = [start for start, _ in self.grids]
        self.modes = self._modes()
        self.keys = {q.id: keys_of(q) for q in sheet.questions}
        self.labels: dict[tuple[str, ...], list[Question]] = {}
        self.placed = {name for j in judged for name in self.asked.get(j.number, ())
                       if under(j, self.by_id[name])}
        self.targets = _targets(sheet, sides)
        self.of_chain: dict[int, str] = {}
        for j in judged:
            for name in self.asked.get(j.number, ())[:1]:
                self.of_chain.setdefault(j.claim.chain, name)
        for j in judged:
            head = j.claim.left.node if j.claim.link == 0 else None
            name = "" if head is None else self.targets.get(loosely(head), "")
            if name:
                self.of_chain[j.claim.chain] = name

    def all(self) -> list[str]:
        """The homes of all claims, in their order."""
        homes = [self._home(j) for j in self.judged]
        region: tuple[str, ...] = ()
        coming = ""
        for k in range(len(homes) - 1, -1, -1):  # working leads to the next answer
            mine, found = self._region(self.judged[k]), homes[k]
            if mine != region[: len(mine)] or not mine:  # what stands above (i) may lead to it
                coming = "" if mine != region else coming
            region = mine
            if found is None:
                if coming and self._may(self.judged[k], coming):
                    homes[k] = coming
            elif found:
                coming = found
        region, gone = (), ""
        for k, found in enumerate(homes):
            mine = self._region(self.judged[k])
            if mine != region:
                region, gone = mine, ""
            if found is None:
                homes[k] = gone if gone and self._may(self.judged[k], gone) else self._by_part(
                    self.judged[k])
            elif found:
                gone = found
        return [home or "" for home in homes]

    def _home(self, j: Judged) -> str | None:
        """Where a claim belongs for sure; "" where to none, None where it is not clear."""
        if self.parts.get(j.claim.chain, "") not in self.used and j.claim.chain in self.parts:
            return ""
        table = self._table(j.claim)
        if table is not None:
            return table
        named = self.asked.get(j.number, [])
        labelled = self._labelled(j)
        if len(labelled) == 1 and labelled[0].ask != "table":
            away = [n for n in named if n not in self.placed and n != labelled[0].id
                    and keys_of(self.by_id[n])[:1] == keys_of(labelled[0])[:1]]
            return away[0] if away else labelled[0].id
        ids = {q.id for q in labelled}
        chained = self.of_chain.get(j.claim.chain) if j.claim.chain >= 0 else None
        for name in [*named, *filter(None, [chained])]:
            if not ids or name in ids:
                return name
        if named:
            return named[0]
        return self._said(j)

    def _said(self, j: Judged) -> str | None:
        """The question that the words beside a claim name: its left side, or a few next to it."""
        claim = j.claim
        words = claim.left.text if claim.left.why == "words" else (
            f"{claim.context.before[-_NEXT:]} | {claim.context.after[:_NEXT]}")
        low = " ".join(words.lower().split())
        found = [(len(p), q.id) for q in self.sheet.questions for p in q.phrases
                 if p.lower() in low and (claim.left.why == "words" or len(p.split()) > 2)]
        return max(found)[1] if found else None

    def _labelled(self, j: Judged) -> list[Question]:
        """The questions whose labels a claim stands under: those with the most labels."""
        mine = tuple(k for _, k in j.claim.context.path)
        if mine not in self.labels:
            found = [q for q in self.sheet.questions if self.keys[q.id]
                     and mine[: len(self.keys[q.id])] == self.keys[q.id]]
            most = max((len(q.path) for q in found), default=0)
            self.labels[mine] = [q for q in found if len(q.path) == most]
        return self.labels[mine]

    def _region(self, j: Judged) -> tuple[str, ...]:
        labelled = self._labelled(j)
        if labelled:
            return keys_of(labelled[0])
        mine = tuple(k for _, k in j.claim.context.path)
        known = self.keys.values()
        most = max((n for n in range(1, len(mine) + 1) if any(
            k[:n] == mine[:n] for k in known)), default=1)
        return mine[:most]

    def _may(self, j: Judged, name: str) -> bool:
        """Whether working of one part may lead to an answer of another."""
        question = self.by_id[name]
        labelled = self._labelled(j)
        if labelled:
            return question in labelled
        mine = self.parts.get(j.claim.chain, "")
        return mine == question.part or not mine

    def _by_part(self, j: Judged) -> str:
        """The only question of a part, or the first of those that a claim's labels may mean."""
        labelled = [q for q in self._labelled(j) if q.ask not in ("text", "choice")]
        if labelled:
            return labelled[0].id
        top = tuple(k for _, k in j.claim.context.path[:1])
        mine = [q for q in self.sheet.questions if q.part == self.parts.get(j.claim.chain)
                and q.ask not in ("text", "choice")]
        near = [q for q in mine if top and keys_of(q)[:1] == top]
        return near[0].id if near else mine[0].id if len(mine) == 1 else ""

    # --- tables of derivatives

    def _grid(self, claim: Claim) -> int | None:
        at = bisect_right(self.starts, claim.place.start) - 1
        return at if at >= 0 and claim.place.start < self.grids[at][1] else None

    def _modes(self) -> dict[int, str]:
        """Which tables of a paper are forward traces with tangents, which have adjoints."""
        counts: dict[int, dict[str, int]] = {}
        for j in self.judged:
            at = self._grid(j.claim)
            if at is None:
                continue
            count = counts.setdefault(at, {"forward": 0, "reverse": 0})
            for side in (j.claim.left.node, j.claim.right.node):
                for accent in _accents(side):
                    count[_MARKS[accent]] += 1
        return {at: max(c, key=lambda m: c[m]) for at, c in counts.items() if any(c.values())}

    def _table(self, claim: Claim) -> str | None:
        """The question for a table that a claim in a trace belongs to; "" for another's table."""
        at = self._grid(claim)
        mode = self.modes.get(at) if at is not None else None
        tables = [q for q in self.sheet.questions if q.ask == "table"]
        part = self.parts.get(claim.chain)
        if mode is None or not tables:
            return None
        for question in tables:
            if question.options.get("mode", "reverse") == mode and (part in (question.part, None)):
                return question.id
        return None


def loosely(node: Node) -> str:
    """A formula whatever its case, its accents and the index behind it are."""
    while isinstance(node, Remark):
        node = node.body
    if isinstance(node, Apply) and node.head == "cell":
        node = node.args[0]
    text = repr(key(node)).lower()
    return text.replace("_tilde", "_bar").replace("_hat", "_bar")


def _targets(sheet: Sheet, sides: Sides) -> dict[str, str]:
    """What is to be shown equal, side by side, for the questions where that is no tensor alone."""
    found: dict[str, list[str]] = {}
    for question in sheet.questions:
        if question.target:
            for node in sides(question.target):
                if isinstance(node, Apply) and node.head.startswith(("call:", "cell")):
                    found.setdefault(loosely(node), []).append(question.id)
    return {text: names[0] for text, names in found.items() if len(set(names)) == 1}


def _accents(node: Node | None) -> list[str]:
    if node is None:
        return []
    found = (spelling(n.name)[1] for n in walk(node) if isinstance(n, Symbol))
    return [a for a in found if a in _MARKS]


__all__ = ["at_home", "keys_of", "loosely", "under", "under_path"]
