"""Both sides of a claim in numbers: in 32 bits, in 64 bits, and exactly.

An identity that holds for all numbers may fail for those of a computer: exp(1000) overflows, and
exp(x - max(x)) does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chainrule.document.blocks import Block, Prose, code, p, table
from chainrule.document.mathtree import Fence, Math, Num, Op, Row, separated
from chainrule.document.notation import number
from chainrule.errors import InputError, MissingValueError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.evaluate.reference import run
from chainrule.explain.claims import relation
from chainrule.explain.points import Worlds
from chainrule.explain.prove import Proof
from chainrule.lang.expr import Ref

_SHOWN: Final = 6  # cells of one side that are shown
_DIGITS: Final = 40


def numbers(found: Proof, values: Mapping[str, Any]) -> list[Block]:
    """A table of the two sides at a point, as they are written, in three precisions.

    Raises what binding the values raises; `InputError` for a claim whose sides are no expressions.
    """
    claim = found.claim
    if claim.right is None or claim.left.operators or claim.right.operators:
        raise InputError("--at shows claims that compare two expressions", None,
                         "leave --at out")
    missing = [n for n in found.assumed.program.inputs if n not in values]
    if missing:
        raise MissingValueError(f"--at gives no value for {missing[0]}", None,
                                f"add --at {missing[0]}=...")
    worlds = Worlds(found.assumed, (claim.left.body, claim.right.body), claim.ranges)
    program, names = worlds.program, worlds.names[:2]
    columns: list[list[Math]] = []
    for dtype in ("float32", "float64"):
        given = run(program, values, dtype=dtype, check=False)
        columns.append([_cells(given[n].ravel().tolist()) for n in names])
    exactly = evaluate_cells(program, values, digits=_DIGITS, check=False)
    columns.append([_cells(exactly[n].cells) for n in names])
    parted = relation(claim.last)
    assert parted is not None
    at, sign = parted
    sides = (claim.last[:at].strip(), claim.last[at + len(sign) :].strip())
    rows: list[list[Prose]] = [
        [code(side), *(column[k] for column in columns)] for k, side in enumerate(sides)]
    given = run(program, values, check=False)
    shown = {b.tensor for b in (claim.left.body, claim.right.body) if isinstance(b, Ref)}
    computed = [e.target for e in program.equations
                if e.target in found.assumed.program.tensors and e.target not in shown]
    rows += [[code(n), "", _cells(given[n].ravel().tolist()), _cells(exactly[n].cells)]
             for n in dict.fromkeys(computed)]
    return [p("In numbers, each side worked as it is written:"),
            table(["", "float32", "float64", f"{_DIGITS} digits"], rows)]


def _cells(values: list[Any]) -> Math:
    if len(values) == 1:
        return _one(values[0])
    shown: list[Math] = [_one(v) for v in values[:_SHOWN]]
    if len(values) > _SHOWN:
        shown.append(Op("…"))
    return Fence(Row(tuple(separated(shown, Op(",")))))


def _one(value: Any) -> Math:
    if isinstance(value, float) and value != value:
        return Num("nan")
    return number(value)
