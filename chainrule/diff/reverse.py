"""Reverse mode: one rule, from program to program.

For each equation `out[f] = Σ body`, last to first, and each distinct reference `r[g]` in its body:

    r̄[g] += ōut[f] * ∂body/∂r[g]        looping over all indices

That is all. Walking from the last equation to the first is what makes it right without any sorting:
an equation reads only what stands above it, so when the walk reaches it every use of its target has
already added to the target's adjoint. Fan-out is therefore the sum of those `+=`, made once. A
tensor's adjoint has the tensor's shape; a read outside (a pad) becomes a write that is dropped.

The result is a program like any other: it can be printed, run, and differentiated again.
See Griewank and Walther, Evaluating Derivatives (2nd edition, 2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chainrule.diff.activity import active, check_names, reads
from chainrule.diff.calculus import adjoints, support, terms
from chainrule.diff.split import split
from chainrule.diff.winners import at_winner
from chainrule.errors import DerivativeError
from chainrule.lang.collector import uncollected
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    IndexValue,
    Outside,
    Range,
    Reduce,
    Ref,
    both,
    mul,
    select,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Origin, Program, Tensor, fresh
from chainrule.lang.verify import verify


@dataclass(frozen=True, slots=True)
class Derivative:
    """A program that also computes derivatives, and what they are called in it.

    `names` maps each tensor differentiated by (reverse) or each output (forward) to the tensor that
    holds its derivative; `seeds` maps outputs (reverse) or inputs (forward) to the inputs that hold
    their given adjoints or tangents.
    """

    program: Program
    names: dict[str, str]
    seeds: dict[str, str]


def vjp(program: Program, of: Sequence[str] | None = None,
        wrt: Sequence[str] | None = None) -> Derivative:
    """The vector-Jacobian product: adjoints of `wrt` for given adjoints of `of`.

    `of` defaults to the outputs, `wrt` to the real inputs. The given adjoint of y is a new input
    `y_seed` of y's shape.
    """
    return _Reverse(program, of, wrt).run()


def gradient(program: Program, of: str | None = None,
             wrt: Sequence[str] | None = None) -> Derivative:
    """The gradient of one scalar with respect to each of `wrt`, of the shape of each.

    Raises `DerivativeError` if `of` is not a scalar (a Jacobian has another shape: `jacobian`).

    >>> from chainrule.lang.ranges import program
    >>> d = gradient(program("y = a*sin(b)"))
    >>> d.names["b"]
    'b_bar'
    """
    name = _one(program, of)
    check_names(program, [name], wrt or ())
    if program.tensors[name].shape:
        raise DerivativeError(
            f"{name} is not a scalar, and only a scalar has a gradient", None,
            f"give the adjoint of {name} (--seed {name}=…), or ask for the Jacobian")
    return _Reverse(program, [name], wrt, unit=True).run()


def jacobian(program: Program, of: str | None = None,
             wrt: Sequence[str] | None = None) -> Derivative:
    """All partial derivatives of one tensor: its axes first, then those of each of `wrt`.

    Every adjoint gets the output's axes in front, and the seed is the unit in each cell.
    """
    return _Reverse(program, [_one(program, of)], wrt, unit=True).run()


def hessian(program: Program, of: str | None = None, wrt: str | None = None) -> Derivative:
    """The second derivatives of a scalar with respect to one tensor, whose axes stand twice."""
    name = wrt if wrt is not None else real_inputs(program)[0]
    first = gradient(program, of, [name])
    return jacobian(first.program, first.names[name], [name])


def _one(program: Program, of: str | None) -> str:
    if of is not None:
        return of
    outputs = real_outputs(program)
    if len(outputs) != 1:
        raise DerivativeError(
            f"there are {len(outputs)} outputs: say which one to differentiate", None,
            f"one of {', '.join(outputs)}" if outputs else "the outputs are integers")
    return outputs[0]


def real_outputs(program: Program) -> list[str]:
    """The outputs that can be differentiated; positions cannot."""
    return [n for n in program.outputs if program.tensors[n].kind == "real"]


def real_inputs(program: Program) -> list[str]:
    """The inputs that derivatives are taken by if none are named."""
    return [n for n in program.inputs
            if program.tensors[n].kind == "real" and program.tensors[n].role != "constant"]


class _Reverse:
    """One reverse walk. With `unit` the seed is 1 in each cell of the single output."""

    def __init__(self, program: Program, of: Iterable[str] | None, wrt: Iterable[str] | None,
                 unit: bool = False) -> None:
        self.of = real_outputs(program) if of is None else list(of)
        self.wrt = list(real_inputs(program) if wrt is None else wrt)
        check_names(program, self.of, self.wrt)
        self.program = split(program)
        self.tensors = dict(self.program.tensors)
        self.defined_with = {e.target: e.subscripts for e in self.program.equations
                             if e.target in self.of}
        self.active = active(self.program, self.of, self.wrt)
        self.unit = unit
        self.names: dict[str, str] = {}  # adjoints met so far
        self.contributions: dict[str, list[Equation]] = {}
        self.order: list[Equation] = []
        self.inputs = list(program.inputs)
        self.seeds: dict[str, str] = {}
        self.winners: dict[str, list[Equation]] = {}
        self.front: tuple[Range, ...] = ()
        if unit and self.tensors[self.of[0]].shape:
            taken = _index_names(self.program)
            for axis in self.tensors[self.of[0]].shape:
                name = fresh("k", taken)
                taken.add(name)
                self.front += (Range(name, axis),)

    def run(self) -> Derivative:
        with uncollected():
            return self.walked()

    def walked(self) -> Derivative:
        if set(self.of) & set(self.wrt):
            self.active |= set(self.of) & set(self.wrt)
        for name in self.of:
            if name in self.active:
                self.seed(name)
        for equation in reversed(self.program.equations):
            if equation.target in self.names:
                self.equation(equation)
        for name in self.wrt:
            if name not in self.names:
                self.zero(name)
        result = replace(
            self.program,
            tensors=self.tensors,
            inputs=tuple(self.inputs),
            equations=self.primal() + tuple(self.cleaned()),
            outputs=(*self.program.outputs, *(self.names[n] for n in self.wrt)),
        )
        return Derivative(verify(result), {n: self.names[n] for n in self.wrt}, self.seeds)

    def primal(self) -> tuple[Equation, ...]:
        """The program's own equations, each maximum followed by the positions it takes."""
        if not self.winners:
            return self.program.equations
        done: list[Equation] = []
        for equation in self.program.equations:
            done.append(equation)
            done.extend(self.winners.get(equation.target, ()))
            self.winners.pop(equation.target, None)
        return tuple(done)

    def adjoint(self, of: str) -> str:
        """The name of a tensor's adjoint, made when first needed."""
        if of not in self.names:
            name = fresh(f"{of}_bar", self.tensors)
            shape = tuple(r.size for r in self.front if r.size is not None)
            shape += self.tensors[of].shape
            self.tensors[name] = Tensor(name, shape, adjoint_of=of)
            self.names[of] = name
        return self.names[of]

    def prefixed(self, equation: Equation) -> Equation:
        if not self.front:
            return equation
        before = tuple(index(r.name) for r in self.front)
        return replace(equation, subscripts=before + equation.subscripts,
                       ranges=self.front + equation.ranges)

    def seed(self, name: str) -> None:
        loops = self.loops(name)
        here = tuple(index(r.name) for r in loops)
        body: Expr
        if self.unit:
            body = ONE
            same: Expr | None = None
            for r, s in zip(self.front, here, strict=True):
                equal = Apply("eq", (IndexValue(index(r.name)), IndexValue(s)))
                same = both(same, equal)
            if same is not None:
                body = select(same, ONE, ZERO)
        else:
            given = fresh(f"{name}_seed", self.tensors)
            self.tensors[given] = Tensor(given, self.tensors[name].shape, role="seed",
                                         adjoint_of=name)
            self.inputs.append(given)
            self.seeds[name] = given
            body = Ref(given, here)
        self.add(name, here, loops, body, None, False, Origin("seed", name))

    def loops(self, name: str) -> tuple[Range, ...]:
        """An index for each axis of a tensor: those it was defined with, where they are plain."""
        shape = self.tensors[name].shape
        taken = {r.name for r in self.front}
        letters = [s.plain or "" for s in self.defined_with.get(name, ())]
        if len(letters) != len(shape) or "" in letters or len(set(letters)) != len(letters):
            letters = list("ijklmnpqrstuvwxy"[: len(shape)])
        loops = []
        for letter, axis in zip(letters, shape, strict=True):
            loops.append(Range(fresh(letter, taken), axis))
            taken.add(loops[-1].name)
        return tuple(loops)

    def add(self, of: str, subscripts: tuple[Integer, ...], loops: tuple[Range, ...], body: Expr,
            condition: Expr | None, dropping: bool, origin: Origin) -> None:
        name = self.adjoint(of)
        equation = self.prefixed(Equation(name, subscripts, loops, body, True, condition,
                                          dropping, origin))
        self.contributions.setdefault(name, []).append(equation)
        self.order.append(equation)

    def zero(self, name: str) -> None:
        """The adjoint of something the output does not depend on."""
        loops = self.loops(name)
        here = tuple(index(r.name) for r in loops)
        self.adjoint(name)
        self.add(name, here, loops, ZERO, None, False, Origin("adjoint", name))

    def equation(self, equation: Equation) -> None:
        """The rule, on one equation, term by term."""
        before = tuple(index(r.name) for r in self.front)
        # what was dropped on the way there contributes nothing on the way back
        outside = Outside(ZERO) if equation.dropping else None
        upstream = Ref(self.names[equation.target], before + equation.subscripts, outside)
        own: Expr | None = None
        if not equation.accumulate and isinstance(equation.body, Apply):
            own = Ref(equation.target, equation.subscripts)
        found = terms(equation.body)
        for coefficient, term in found:
            loops, condition = equation.ranges, equation.condition
            if isinstance(term, Reduce) and term.op == "sum":
                loops, condition = loops + term.indices, both(condition, term.condition)
                term = term.body
            elif isinstance(term, Reduce):
                if self.active.isdisjoint(reads(term)):
                    continue
                emit = self.winners.setdefault(equation.target, [])
                term = at_winner(equation, term, self.tensors, emit)
            given = mul(coefficient, upstream)
            name = own if term is equation.body else None
            for ref, d in adjoints(term, given, self.active, name).items():
                if d != ZERO:
                    guard = condition
                    if any(s.plain is None for s in ref.subscripts):
                        guard = both(condition, support(d))
                    self.add(ref.tensor, ref.subscripts, loops, d, guard,
                             ref.outside is not None,
                             Origin("adjoint", equation.target, ref,
                                    span=equation.origin.span))

    def cleaned(self) -> Iterable[Equation]:
        """The contributions in order; one that stands alone is a plain equation."""
        for equation in self.order:
            if len(self.contributions[equation.target]) == 1:
                yield alone(equation, self.tensors[equation.target])
            else:
                yield equation


def alone(equation: Equation, target: Tensor) -> Equation:
    """A single contribution as `=`: what its loop adds up becomes a sum on the right.

    One that leaves cells out (only a part of the tensor was read) stays a `+=`, which starts from
    zero.
    """
    names = [s.plain for s in equation.subscripts]
    if equation.dropping or None in names or len(set(names)) != len(names):
        return equation
    if names and [r.size for n in names for r in equation.ranges if r.name == n] != [*target.shape]:
        return equation
    kept = tuple(r for r in equation.ranges if r.name in names)
    summed = tuple(r for r in equation.ranges if r.name not in names)
    if not summed:
        if equation.condition is None:
            return Equation(equation.target, equation.subscripts, equation.ranges, equation.body,
                            origin=equation.origin)
        body = select(equation.condition, equation.body, ZERO)
        return replace(equation, accumulate=False, condition=None, body=body)
    total = Reduce("sum", summed, equation.condition, equation.body)
    return replace(equation, accumulate=False, condition=None, body=total, ranges=kept)


def _index_names(program: Program) -> set[str]:
    names: set[str] = set()
    for equation in program.equations:
        names.update(r.name for r in equation.ranges)
        if equation.ranges or not isinstance(equation.body, Ref):
            for node in walk(equation.body):
                if hasattr(node, "indices"):
                    names.update(r.name for r in node.indices)
    return names
