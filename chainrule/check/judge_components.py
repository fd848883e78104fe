r"""A component on one side and the whole vector on the other: ∂L/∂z_i = p - y, meant for each i.

Where every component of the one side is the cell of the other side in its place, the equation says
what is right, with an index that was left out. A sum that was forgotten is never taken for that:
the whole has to be a list with a cell for each value of the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.check.judge_places import HOLDS, Outcome, Place
from chainrule.check.judge_repeated import letters_of
from chainrule.check.tree import Node
from chainrule.check.values import Array, Unknown, plain_shape
from chainrule.check.values_frames import Chooser, Need

if TYPE_CHECKING:
    from chainrule.check.judge_trials import Trials

_WORLDS = 3


def by_components(trials: Trials, outcome: Outcome, relation: str, left: Node,
                  right: Node) -> Outcome | None:
    """The outcome if one side is the other side's component, each in its place; else None."""
    letters = [x for x, k in outcome.bound.items() if k is not None]
    if relation != "=" or len(letters) != 1:
        return None
    letter = letters[0]
    sides = [(left, right), (right, left)]
    pair = next(((a, b) for a, b in sides if letter in letters_of(a)
                 and letter not in letters_of(b)), None)
    if pair is None:
        return None
    for k in range(_WORLDS if trials.room.drawn else 1):
        if not _in_place(trials, letter, *pair, k):
            return None
    return Outcome(HOLDS, outcome.left, outcome.right, bound=outcome.bound, world=outcome.world,
                   why=f"for each {letter}: the index was left out on one side")


def _in_place(trials: Trials, letter: str, indexed: Node, whole: Node, number: int) -> bool:
    """Whether this is so in one world under some reading of the whole."""
    world = trials.room.world(number)
    for _, value in trials.all_readings(world, whole, Place({}, [], None)):
        if not isinstance(value, Array) or len(plain_shape(value.shape)) != 1:
            continue
        try:
            parts = [trials.run(world, indexed, Place({letter: k}, [], None), Chooser(), False)
                     for k in range(1, len(value.cells) + 1)]
        except (Unknown, Need):
            return False
        if all(not isinstance(p, Array | bool) and trials.numbers.close(p, cell)
               for p, cell in zip(parts, value.cells, strict=True)):
            return True
    return False


__all__ = ["by_components"]
