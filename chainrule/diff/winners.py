"""The positions that maxima and minima take, as integer tensors: a pool's derivative is a read.

A maximum passes its derivative through its winner alone. The winner's position on each index is an
equation like any other (`argmax`), and the body read at that position is an ordinary expression:
what remains has no maximum in it and is differentiated by the one rule.
"""

from __future__ import annotations

from chainrule.lang.expr import ArgReduce, Expr, Read, Reduce, Ref, at_indices
from chainrule.lang.integers import Integer, atom, index
from chainrule.lang.program import Equation, Origin, Tensor, fresh


def at_winner(
    equation: Equation, body: Reduce, tensors: dict[str, Tensor], emit: list[Equation]
) -> Expr:
    """What a maximum or minimum of an equation takes at its winner.

    `emit` gains the equations of the winner's positions, `tensors` these integer tensors.
    """
    loops = equation.ranges
    here = tuple(index(r.name) for r in loops)
    shape = tuple(r.size for r in loops if r.size is not None)
    places: dict[str, Integer] = {}
    for r in body.indices:
        name = fresh(f"{equation.target}_{r.name}", tensors)
        tensors[name] = Tensor(name, shape, "integer", below=r.size)
        position = ArgReduce(body.op, body.indices, body.condition, body.body, r.name, body.span)
        # under a condition not every cell is written: then the others start from zero
        guard = equation.condition
        emit.append(Equation(name, here, loops, position, guard is not None, guard,
                             origin=Origin("winner", equation.target, span=body.span)))
        places[r.name] = atom(Read(Ref(name, here)))
    return at_indices(body.body, places)
