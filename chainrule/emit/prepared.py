"""From a program to the equations of the two passes.

What is written is the stable form (`chainrule.algebra.stable`), differentiated: the shifts of
softmax and log-sum-exp are in it as they are in what we run. Adjoints are tidied so that they read
as a person would write them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from chainrule.algebra.stable import stabilise
from chainrule.diff.reverse import gradient, real_inputs, real_outputs, vjp
from chainrule.diff.split import split
from chainrule.emit.shared import shared
from chainrule.emit.tidy import tidied
from chainrule.emit.unguarded import unguarded
from chainrule.errors import DerivativeError
from chainrule.lang.expr import Read, Ref, walk
from chainrule.lang.program import Equation, Program


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program with its adjoints.

    `written` is as it was given; `of` are the outputs that are differentiated, `seeds` the inputs
    that hold given adjoints of these, `gradients` the tensors that hold the derivatives by what.
    `lost` are the tensors of it that no result needs: they are not computed.
    """

    written: Program
    program: Program
    of: tuple[str, ...]
    seeds: Mapping[str, str]
    gradients: Mapping[str, str]
    lost: tuple[str, ...] = ()

    @property
    def inputs(self) -> list[str]:
        """The inputs of the forward pass."""
        return [n for n in self.program.inputs if n not in self.seeds.values()]

    @property
    def outputs(self) -> list[str]:
        """What the forward pass returns: outputs, and new values of state."""
        wanted = [*self.written.outputs, *(new for _, new in self.written.updates)]
        return list(dict.fromkeys(wanted))

    def is_adjoint(self, e: Equation) -> bool:
        """Whether an equation belongs to the backward pass."""
        tensor = self.program.tensors[e.target]
        return tensor.adjoint_of is not None and e.target not in self.written.tensors

    @property
    def forward(self) -> list[Equation]:
        """The equations of the forward pass."""
        return [e for e in self.program.equations if not self.is_adjoint(e)]

    @property
    def backward(self) -> list[Equation]:
        """The equations of the backward pass."""
        return [e for e in self.program.equations if self.is_adjoint(e)]


def prepared(program: Program, of: str | None, wrt: Sequence[str] | None,
             forward_only: bool) -> Prepared:
    """The program, in its stable form, with adjoints unless only the forward pass is wanted.

    Without `of` its one scalar output is differentiated, or all outputs for given adjoints of them;
    without `wrt` by the parameters, or by all real inputs where there are none.
    """
    if forward_only:
        stable = shared(split(unguarded(stabilise(program))), program.tensors, False)
        tidy = tidied(stable, (), program.tensors)
        done = needed(tidy, [])
        return Prepared(program, done, (), {}, {}, _lost(tidy, done, program))
    outputs = real_outputs(program)
    if of is None and not outputs:
        raise DerivativeError("there is no real output to differentiate", None,
                              "ask for the forward pass alone (--forward-only)")
    scalars = [n for n in outputs if not program.tensors[n].shape]
    chosen = [of] if of is not None else scalars if len(scalars) == 1 else outputs
    by = real_inputs(program) if wrt is None else list(wrt)
    if wrt is None:
        by = [n for n in by if program.tensors[n].role == "parameter"] or by
    inner = [n for n in by if n in program.tensors and n not in program.inputs]
    more = [n for n in chosen if n in program.tensors and n not in program.outputs]
    stable = unguarded(stabilise(program, inner, more))
    stable = shared(split(stable), program.tensors, True)
    alone = len(chosen) == 1 and chosen[0] in stable.tensors and (
        not stable.tensors[chosen[0]].shape)
    d = gradient(stable, chosen[0], by) if alone else vjp(stable, chosen, by)
    bars = list(d.names.values())
    tidy = tidied(d.program, bars, program.tensors)
    done = needed(tidy, bars)
    seeds = {done.tensors[n].adjoint_of or n: n for n in done.inputs
             if n not in program.inputs and done.tensors[n].role == "seed"}
    return Prepared(program, done, tuple(chosen), seeds, d.names, _lost(tidy, done, program))


def needed(program: Program, kept: Collection[str]) -> Program:
    """The program without equations that neither an output nor a tensor in `kept` needs."""
    live = {*program.outputs, *kept, *(new for _, new in program.updates)}
    equations = []
    for e in reversed(program.equations):
        if e.target not in live:
            continue
        equations.append(e)
        parts = [e.body, *([] if e.condition is None else [e.condition])]
        live |= {n.tensor for part in parts for n in walk(part) if isinstance(n, Ref)}
        live |= {a.ref.tensor for s in e.subscripts for a in s.atoms() if isinstance(a, Read)}
    return replace(program, equations=tuple(reversed(equations)))


def _lost(before: Program, after: Program, written: Program) -> tuple[str, ...]:
    """The tensors of the program that was given which are no longer computed."""
    left = {e.target for e in after.equations}
    return tuple(dict.fromkeys(e.target for e in before.equations
                               if e.target in written.tensors and e.target not in left))


__all__ = ["Prepared", "prepared"]
