r"""Matrices that are symmetric where the paper says so: `∇ x^T A x = 2 A x` for a symmetric A.

A sheet's matrix is any matrix. Where a paper says that it takes one to be symmetric, what it says
then has to hold for those only; it is right there, and is no answer for all matrices.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.judge_rooms import Room
from chainrule.check.paper import Paper
from chainrule.check.values import Array, Unknown
from chainrule.check.values_names import Form, full_name
from chainrule.check.worlds import World

SPECIAL: Final = "where the matrix is symmetric, as is said here"
_BEFORE: Final = 250  # characters before a claim in which it may be said
_BEHIND: Final = 60
_WORLDS: Final = 8
_NAME: Final = r"\$?\s*\\?(?:math(?:bf|rm|bb)|boldsymbol)?\{?\s*([A-Za-z]\w{0,3})\s*\}?\s*\$?"
_SAID: Final = re.compile(
    rf"{_NAME}\s+(?:is|be|being|was|to\s+be|is\s+a|be\s+a|is\s+taken\s+to\s+be)\s+symmetric|"
    r"\$\s*([A-Za-z])\s*\$\s+symmetric|"
    rf"symmetric\s+(?:matrix\s+|and\s+)?(?:the\s+)?{_NAME}|"
    rf"{_NAME}\s+(?:ist|sei)\s+symmetrisch|symmetrische[snr]?\s+(?:Matrix\s+)?{_NAME}")
_EQUAL: Final = re.compile(
    r"\b(?:if|when|since|because|as|with|where|for|assum\w{1,4}|suppos\w{1,4}|let)\b[^.\n$]{0,40}"
    r"\$\s*([A-Za-z])\s*(?:=|\\equiv)\s*(?:\1\s*\^\s*(?:T|\{T\}|\\top|\{\\top\})|"
    r"\1\s*\^\s*\{?\\intercal\}?)\s*\$", re.IGNORECASE)
_NOT: Final = re.compile(r"\b(?:not|n't|no|never|un|non|nicht|general)\b[^.]{0,20}$", re.IGNORECASE)


def said_symmetric(paper: Paper, start: int, end: int, room: Room) -> list[str]:
    """The square matrices of a part that a paper calls symmetric near a place."""
    before = paper.text[max(start - _BEFORE, 0) : start]
    before = before[before.rfind("\n#") + 1 :]
    behind = re.split(r"\.\s|\n\s*\n", paper.text[end : end + _BEHIND])[0]
    text = before + paper.text[start:end][:_BEFORE] + behind
    found = []
    for match in [*_SAID.finditer(text), *_EQUAL.finditer(text)]:
        word = match[0].lower().find("symm")
        if _NOT.search(text[: match.start() + max(word, 0)]):
            continue
        name = full_name(next(g for g in match.groups() if g))
        for tensor, _ in room.names.tensors(Form(("name", name, ""), None, ()))[:1]:
            shape = room.names.program.tensors[tensor].shape
            if len(shape) == 2 and shape[0] == shape[1] and tensor in (
                    room.names.program.inputs) and tensor not in room.part.given:
                found.append(tensor)
    return list(dict.fromkeys(found))


def symmetric_room(room: Room, matrices: list[str]) -> Room:
    """The same part with some matrices made symmetric."""
    part = replace(room.part, name=f"{room.part.name}/symmetric {' '.join(sorted(matrices))}")
    other = Room(part, room.memory.part(part), room.memory, room.scope)
    for k in range(_WORLDS):
        world = World(part, other.names, other.made.graph, room.memory.numbers, k,
                      room.memory.expression)
        for name in matrices:
            value = world.inputs.get(name)
            if not isinstance(value, Array):
                raise Unknown(f"{name} has no value", "name")
            n = value.shape[0]
            world.inputs[name] = Array(value.shape, tuple(
                (value[i, j] + value[j, i]) / Fraction(2) for i in range(n) for j in range(n)))
        other.worlds.append(world)
    return other


__all__ = ["SPECIAL", "said_symmetric", "symmetric_room"]
