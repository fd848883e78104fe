r"""Vectors that are columns on the sheet and rows in a formula: `x^\top x` for a table.

A formula that writes transposes says which way its vectors lie: `x^\top A x` is a number if x is a
column. Alone either way may be meant. But where the sheet and the paper have said it before, a
formula that holds for the other way alone is wrong, and where only one of them has, a person has
to say what was meant.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.check.claims import Claim
from chainrule.check.judge_places import FAILS, HOLDS, SHAPE, UNKNOWN, Outcome
from chainrule.check.judge_rooms import Memory, Room
from chainrule.check.judge_trials import Trials
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet import Sheet
from chainrule.check.tree import Derivative, Node
from chainrule.check.values_names import form_of

_FORMULAS = 12  # formulas of a sheet's part that are looked at


def on_sheet(sheet: Sheet, room: Room, memory: Memory) -> dict[str, str]:
    """Which way vectors lie in the formulas of a sheet about one part, by their letters."""
    at = (sheet.id, room.part.name)
    known = memory.ways.get(at)
    if known is None:
        known = memory.ways[at] = {}
        mine = [q for q in sheet.questions if q.part == room.part.name]
        text = "\n\n".join(t for q in mine for t in (q.text, f"$${q.target}$$" * bool(q.target)))
        fresh = Room(room.part, room.made, memory)
        for d in room.made.notation:
            fresh.scope.add(d)
        for claim in read_claims(read_paper(text, "sheet.md")).claims[:_FORMULAS]:
            left, right = claim.left.node, claim.right.node
            if left is not None and right is not None and claim.relation == "=":
                for letter, way in Trials(fresh).test(left, "=", right).lies.items():
                    known.setdefault(letter, way)
    return known


def one_way(sheet: Sheet, room: Room, memory: Memory, outcome: Outcome) -> Outcome:
    """What a test came to, once it is asked whether its vectors lie as they do elsewhere."""
    if outcome.verdict != HOLDS or not outcome.lies:
        return outcome
    said = on_sheet(sheet, room, memory)
    for letter, way in outcome.lies.items():
        elsewhere = [w[letter] for w in (said, room.lying) if letter in w]
        if way in elsewhere or not elsewhere:
            continue
        here = "row" if way == "rows" else "column"
        other = "column" if way == "rows" else "row"
        why = f"this holds if {letter} is a {here}, and it is a {other} elsewhere"
        return replace(outcome, verdict=SHAPE if len(elsewhere) == 2 else UNKNOWN, why=why)
    for letter, way in outcome.lies.items():
        room.lying.setdefault(letter, way)
    return outcome


def held(trials: Trials, claim: Claim, left: Node, right: Node, outcome: Outcome) -> Outcome:
    """What a test came to, where ∂f/∂y may be meant with all else held that f is made of.

    Of what a part comes out with, and of what is asked for, a derivative is the whole one.
    """
    if trials.asked or claim.relation != "=" or outcome.verdict not in (FAILS, SHAPE) or not (
            isinstance(left, Derivative)) or left.top is None or left.total or outcome.invented:
        return outcome
    top = form_of(left.top)
    found = trials.room.names.tensors(top)[:1] if top is not None else []
    if not found or found[0][0] in trials.room.names.program.outputs:
        return outcome
    if not trials.along(frozenset({left.start}), left, "=", right).holds:
        return outcome
    return replace(outcome, verdict=UNKNOWN, why="this holds if all else is held, though it "
                   "depends on the same")


__all__ = ["held", "on_sheet", "one_way"]
