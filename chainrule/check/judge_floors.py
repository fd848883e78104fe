r"""Formulas of sizes that hold for the given sizes alone: a floor hides what is forgotten.

`\lfloor (i + p - k)/s \rfloor + 1` is 15 for i = 32, k = 5, p = 1 and s = 2, and so is what is
right, with 2p. A formula of whole numbers has to hold for other whole numbers too: those that it
names are moved, and the rest stays as it is given. Where a division comes out even for the given
numbers it goes on doing so, for then the floor may be left out.
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.judge_places import FAILS
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_trials import Trials
from chainrule.check.sheet import Rounding
from chainrule.check.tree import Apply, Choice, Matrix, Node, Number, Symbol, walk
from chainrule.check.values import Unknown
from chainrule.check.values_names import form_of
from chainrule.check.worlds_kinks import exact_in
from chainrule.lang.expr import Apply as Function
from chainrule.lang.expr import walk as walk_expression

_DRAWS: Final = 60
_ROOMS: Final = 6
_PLAIN: Final = frozenset({"0", "1", "2"})  # numbers that stand in such formulas themselves


def by_floor(room: Room, left: Node, right: Node, rule: Rounding, place: int) -> bool:
    """Whether a formula of whole numbers fails for others than the given ones."""
    program = room.part.program
    if program is None or room.drawn or room.own or not room.steady(left, right) or not any(
            isinstance(n, Function) and n.function in ("floor", "ceil")
            for e in program.equations for n in walk_expression(e.body)):
        return False
    if not isinstance(left, Symbol) or any(
            isinstance(n, Choice | Matrix) or (isinstance(n, Number) and n.text not in _PLAIN)
            for n in walk(right)):
        return False
    names = {tensor for n in walk(right) if isinstance(n, Symbol) and (
        form := form_of(n)) is not None for tensor, _ in room.names.tensors(form)[:1]}
    whole = [n for n in sorted(names & set(program.inputs)) if _whole(room.part.given.get(n))]
    if not whole or not any(isinstance(n, Apply) for n in walk(right)):
        return False
    return any(Trials(other, place, rule).test(left, "=", right).verdict == FAILS
               for other in _moved(room, whole))


def _whole(value: object) -> bool:
    return isinstance(value, int | float | Fraction) and value == int(value) and value >= 0


def _moved(room: Room, names: list[str]) -> list[Room]:
    """The part with other whole numbers, in which the same divisions come out even."""
    draw = random.Random(room.part.name)
    even = exact_in(room.world(0))
    found: list[Room] = []
    for _ in range(_DRAWS):
        given = dict(room.part.given)
        for name in names:
            given[name] = max(given[name] + draw.randint(-2, 6), min(given[name], 1))
        other = Room(replace(room.part, given=given), room.made, room.memory, own=True)
        for d in room.made.notation:
            other.scope.add(d)
        try:
            world = other.world(0)
            if exact_in(world) == even and all(
                    world.cells.cell(t, ()) > 0 for t, tensor in
                    world.names.program.tensors.items() if not tensor.shape and (
                        t not in world.names.program.inputs)):
                found.append(other)
        except (Unknown, ArithmeticError):
            continue
        if len(found) >= _ROOMS:
            break
    return found


__all__ = ["by_floor"]
