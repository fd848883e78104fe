"""Labels that went astray: a missed (b) between two rows of (i), (ii), put back by the sheet.

A scan loses labels, or reads (b) as a circled five. Then a second (i) stands behind (a) (ii), which
no student writes. Where the sheet has a part that the paper does not show, and that part has such
items, what follows belongs there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from chainrule.check.claims import Context, Reading
from chainrule.check.paper import Label, Paper
from chainrule.check.sheet import Sheet


def relabelled(sheet: Sheet, paper: Paper, reading: Reading) -> Reading:
    """The reading with the paths that a lost label made wrong put right."""
    moves = _moves(sheet, paper)
    if not moves:
        return reading
    starts = [start for start, _, _ in moves]

    def placed(context: Context, at: int) -> Context:
        keys = tuple(k for _, k in context.path)
        k = bisect_right(starts, at) - 1
        if k < 0 or len(keys) < 3 or keys[:2] != moves[k][1]:
            return context
        path = context.path
        return replace(context, path=(path[0], (path[1][0], moves[k][2]), *path[2:]))

    return replace(
        reading,
        claims=tuple(replace(c, context=placed(c.context, c.place.start)) for c in reading.claims),
        values=tuple(replace(v, context=placed(v.context, v.place.start))
                     for v in reading.values))


def _moves(sheet: Sheet, paper: Paper) -> list[tuple[int, tuple[str, ...], str]]:
    """From where on which part, by its labels as written, is another one."""
    groups = _groups(sheet)
    labels = [b for b in paper.blocks if isinstance(b, Label)]
    seen: set[tuple[str, str]] = set()
    question = ""
    for label in labels:
        question = label.key if label.kind in ("question", "answer") else question
        if label.kind == "part":
            seen.add((question, label.key))
    moves: list[tuple[int, tuple[str, ...], str]] = []
    written = part = question = ""
    last = -1
    for label in labels:
        if label.kind in ("question", "answer"):
            question, written, part, last = label.key, "", "", -1
        elif label.kind == "part":
            written, part, last = label.key, label.key, -1
        items = groups.get(question, {})
        if label.kind != "item" or part not in items or label.key not in items[part]:
            continue
        at = items[part].index(label.key)
        if at < last:
            following = next((p for p in _after(items, part) if (question, p) not in seen
                              and label.key in items[p]), None)
            if following is not None:
                part, at = following, items[following].index(label.key)
                moves.append((label.place.start, (question, written), part))
        last = at
    return moves


def _groups(sheet: Sheet) -> dict[str, dict[str, list[str]]]:
    """For each question of a sheet its parts, and their items, in order."""
    found: dict[str, dict[str, list[str]]] = {}
    for question in sheet.questions:
        keys = [k for _, k in question.path]
        if len(keys) == 3:
            items = found.setdefault(keys[0], {}).setdefault(keys[1], [])
            if keys[2] not in items:
                items.append(keys[2])
    return found


def _after(items: dict[str, list[str]], part: str) -> Iterator[str]:
    names = list(items)
    yield from names[names.index(part) + 1 :]


__all__ = ["relabelled"]
