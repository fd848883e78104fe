"""What can go wrong in an adjoint equation: one small change at a time.

A backward pass is a list of equations. A wrong one, more often than not, is a right one in which a
single thing is different: a factor left out, a sign turned, a sum not taken, h where z belongs, W
where its transpose does. `mutants` makes these changes on any equation of any program. Nothing here
knows a layer: that softmax's Jacobian was taken for a diagonal matrix, or that batch
normalisation's mean was taken for a constant, are changes of this kind in the equations of these
formulas.

Changes by a mere factor (a term dropped, counted twice, divided by the batch size once more) are
not here: the gradients are linear in each term, so the factor is computed, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from chainrule.lang.expr import (
    ONE,
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    as_value,
    at_indices,
    both,
    children,
    rebuild,
    transform,
    walk,
)
from chainrule.lang.integers import Integer, constant, index
from chainrule.lang.program import Equation, Program, fresh

COSTS: Final = {
    "kink": 0.5, "factor": 1.5, "inner sign": 1.6, "mask": 1.6, "operand": 2.0, "swap": 2.0,
    "transpose": 2.0, "flip": 2.0, "one": 2.0, "diagonal": 1.8, "every": 1.8, "spread": 1.8,
    "twice": 2.4, "inverse": 2.5, "function": 2.5, "power": 2.5, "branch": 2.6,
}
_SIDES: Final = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt"}
_SWAPS: Final = 12  # tensors tried in the place of one


@dataclass(frozen=True, slots=True)
class Change:
    """An equation that was changed in one place: what `before` was is `after` now.

    `kind` is one of `COSTS`; `where` says which indices or axes, or which tensor, are meant.
    """

    kind: str
    equation: Equation
    before: Expr | None = None
    after: Expr | None = None
    where: tuple[str, ...] = ()

    @property
    def cost(self) -> float:
        """How far-fetched the change is."""
        return COSTS[self.kind]


class Context:
    """What the changes of an equation are made from: the program, and the size of every axis."""

    def __init__(self, program: Program, shapes: Mapping[str, tuple[int, ...]],
                 number: Callable[[Integer], int]) -> None:
        self.program = program
        self.shapes = shapes
        self.number = number
        self.definitions = program.definitions()
        self.order = {e.target: k for k, e in enumerate(program.equations)}

    def near(self, name: str) -> list[str]:
        """The tensors that could stand by mistake where `name` does: of its shape, the near first.

        In the place of an adjoint only an adjoint, which is complete by then.
        """
        tensors = self.program.tensors
        adjoint = tensors[name].adjoint_of is not None
        alike = [n for n, t in tensors.items()
                 if n != name and t.kind == "real" and self.shapes.get(n) == self.shapes[name]
                 and (t.adjoint_of is not None) == adjoint]
        if adjoint:
            end = self.order.get(name, len(self.order))
            return [n for n in alike if self.order.get(n, -1) < end][-_SWAPS:]
        close = {r for e in self.definitions.get(name, ()) for r in _tensors(e.body)}
        close |= {e.target for e in self.program.equations if name in _tensors(e.body)}
        stem = name.rstrip("0123456789_")
        own = {n for n in alike if n.rstrip("0123456789_") == stem}  # other layers, other steps
        return sorted(alike, key=lambda n: (n not in close) + (n not in own))[:_SWAPS]


def mutants(context: Context, place: int) -> Iterator[Change]:
    """Every change of the equation at a place in the program, the likely ones first."""
    equation = context.program.equations[place]
    yield from _kinks(equation)
    for body, kind, before, after in _variants(equation.body):
        yield Change(kind, replace(equation, body=body), before, after)
    yield from _diagonals(context, equation)
    yield from _pools(context, equation)
    yield from _swapped(context, equation)
    yield from _turned(context, equation)
    yield from _flipped(context, equation)
    yield from _unsummed(context, equation)


# --- one node of the right-hand side --------------------------------------------------------------

_Variant = tuple[Expr, str, Expr, Expr]  # the whole, the kind, the part before and after


def _variants(e: Expr) -> Iterator[_Variant]:
    """The expression with one of its nodes changed."""
    for kind, new in _own(e):
        yield new, kind, e, new
    parts = children(e)
    first = 1 if isinstance(e, Select) or (isinstance(e, Reduce) and len(parts) == 2) else 0
    if isinstance(e, ArgReduce):
        return
    for k in range(first, len(parts)):
        for new, kind, before, after in _variants(parts[k]):
            yield rebuild(e, (*parts[:k], new, *parts[k + 1 :])), kind, before, after


def _own(e: Expr) -> Iterator[tuple[str, Expr]]:
    """What may stand for a node itself."""
    if isinstance(e, Select):
        mask = isinstance(e.otherwise, Number) or isinstance(e.then, Number)
        yield ("mask" if mask else "branch"), e.then
        yield "branch", e.otherwise
    if not isinstance(e, Apply):
        return
    args = e.args
    if e.function == "mul":
        yield "factor", args[0]
        yield "factor", args[1]
        if not isinstance(args[0], Number) and not isinstance(args[1], Number):
            yield "inverse", Apply("div", args)
            yield "twice", Apply("mul", (e, args[1]))
            yield "twice", Apply("mul", (e, args[0]))
    elif e.function == "div":
        yield "factor", args[0]
        if args[0] != ONE:
            yield "inverse", Apply("mul", args)
    elif e.function in ("add", "sub"):
        yield "inner sign", Apply("sub" if e.function == "add" else "add", args)
        yield "operand", args[0]
        yield "operand", args[1]
        if e.function == "sub":
            yield "operand", Apply("neg", (args[1],))
    elif e.function == "neg":
        yield "inner sign", args[0]
    elif e.function == "pow":
        yield "power", args[0]
        if isinstance(args[1], Number) and isinstance(args[1].value, int):
            for step in (-1, 1):
                yield "power", Apply("pow", (args[0], Number(args[1].value + step)))
    elif len(args) == 1:
        yield ("power" if e.function in ("square", "sqrt") else "function"), args[0]


def _kinks(equation: Equation) -> Iterator[Change]:
    """The other side taken where a comparison is decided by equality."""
    for node in walk(equation.body):
        if not isinstance(node, Select) or not isinstance(node.condition, Apply):
            continue
        test = node.condition
        if test.function in _SIDES:
            other = Select(Apply(_SIDES[test.function], test.args), node.then, node.otherwise)
            body = _put(equation.body, node, other)
            yield Change("kink", replace(equation, body=body), node, other)


# --- whole references -----------------------------------------------------------------------------


def _put(e: Expr, old: Expr, new: Expr) -> Expr:
    """The expression with one of its parts replaced, wherever it stands."""
    return transform(e, lambda node: new if node == old else None)


def renamed(e: Expr, old: str, new: str) -> Expr:
    """The expression reading another tensor in the place of one."""
    return transform(e, lambda n: Ref(new, n.subscripts, n.outside)
                     if isinstance(n, Ref) and n.tensor == old else None)


def _tensors(e: Expr) -> list[str]:
    return list(dict.fromkeys(n.tensor for n in walk(e) if isinstance(n, Ref)))


def _swapped(context: Context, equation: Equation) -> Iterator[Change]:
    """Another tensor of the same shape: the activation for the pre-activation, say."""
    for name in _tensors(equation.body):
        if context.program.tensors[name].kind != "real":
            continue
        for other in context.near(name):
            body = renamed(equation.body, name, other)
            yield Change("swap", replace(equation, body=body), where=(name, other))


def _turned(context: Context, equation: Equation) -> Iterator[Change]:
    """Two axes of one size exchanged: a transpose forgotten, or taken."""
    def turns(name: str, subscripts: tuple[Integer, ...]) -> Iterator[tuple[Integer, ...]]:
        shape = context.shapes[name]
        for a in range(len(shape)):
            for b in range(a + 1, len(shape)):
                if shape[a] == shape[b] > 1 and subscripts[a] != subscripts[b]:
                    new = list(subscripts)
                    new[a], new[b] = new[b], new[a]
                    yield tuple(new)

    for ref in _references(equation.body):
        for subscripts in turns(ref.tensor, ref.subscripts):
            new = Ref(ref.tensor, subscripts, ref.outside)
            body = _put(equation.body, ref, new)
            yield Change("transpose", replace(equation, body=body), ref, new)
    for subscripts in turns(equation.target, equation.subscripts):
        yield Change("transpose", replace(equation, subscripts=subscripts),
                     Ref(equation.target, equation.subscripts), Ref(equation.target, subscripts))


def _references(e: Expr) -> list[Ref]:
    """The distinct references to reals."""
    return list(dict.fromkeys(n for n in walk(e) if isinstance(n, Ref) and n.subscripts))


def _flipped(context: Context, equation: Equation) -> Iterator[Change]:
    """A window walked from its other end: a kernel flipped, or not flipped."""
    refs = [Ref(equation.target, equation.subscripts), *_references(equation.body)]
    windowed = {i for r in refs for s in r.subscripts if s.plain is None for i in s.indices()}
    for ref in refs:
        axes = [k for k, s in enumerate(ref.subscripts)
                if s.plain in windowed and context.shapes[ref.tensor][k] > 1]
        if not axes:
            continue
        turned = tuple(constant(context.shapes[ref.tensor][k] - 1) - s if k in axes else s
                       for k, s in enumerate(ref.subscripts))
        new = Ref(ref.tensor, turned, ref.outside)
        names = tuple(ref.subscripts[k].plain or "" for k in axes)
        if ref is refs[0]:
            yield Change("flip", replace(equation, subscripts=turned), ref, new, names)
        else:
            body = _put(equation.body, ref, new)
            yield Change("flip", replace(equation, body=body), ref, new, names)


# --- sums -----------------------------------------------------------------------------------------


def summed(equation: Equation) -> list[Range]:
    """The indices that an equation adds up over: those that its left-hand side does not have."""
    own = {i for s in equation.subscripts for i in s.indices()}
    found = [r for r in equation.ranges if r.name not in own]
    if isinstance(equation.body, Reduce) and equation.body.op == "sum":
        found += equation.body.indices
    return found


def _unsummed(context: Context, equation: Equation) -> Iterator[Change]:
    """One term of a sum in the place of all: the first, or the last."""
    for r in summed(equation):
        assert r.size is not None
        last = r.size - 1
        for end in (constant(0), last):
            only = Apply("eq", (IndexValue(index(r.name)), as_value(end)))
            if isinstance(equation.body, Reduce) and r in equation.body.indices:
                body = replace(equation.body, condition=both(equation.body.condition, only))
                changed = replace(equation, body=body)
            else:
                changed = replace(equation, condition=both(equation.condition, only))
            if context.number(r.size) > 1:
                yield Change("one", changed, where=(r.name, str(end)))


def _diagonals(context: Context, equation: Equation) -> Iterator[Change]:
    """A sum that an adjoint comes with, left out: each cell gets its own term alone.

    `s̄[n] = sum(i) B[n,i]` and then `z̄[n,k] += s̄[n]*f[n,k]` is a whole row of a Jacobian; with
    B[n,k] in the place of s̄[n] only its diagonal is left.
    """
    own = [r for r in equation.ranges if any(s.plain == r.name for s in equation.subscripts)]
    for ref in _references(equation.body):
        made = context.definitions.get(ref.tensor, [])
        if len(made) != 1 or context.program.tensors[ref.tensor].adjoint_of is None:
            continue
        inner = made[0]
        names = [s.plain for s in inner.subscripts]
        total = summed(inner)
        body = inner.body.body if isinstance(inner.body, Reduce) else inner.body
        if None in names or len(total) != 1 or isinstance(body, Reduce):
            continue
        (r,) = total
        assert r.size is not None
        for loop in own:
            if loop.size is None or context.number(loop.size) != context.number(r.size):
                continue
            if any(loop.name in s.indices() for s in ref.subscripts):
                continue
            places = {n: s for n, s in zip(names, ref.subscripts, strict=True) if n is not None}
            term = at_indices(body, {**places, r.name: index(loop.name)})
            whole = _put(equation.body, ref, term)
            yield Change("diagonal", replace(equation, body=whole), ref, term, (loop.name,))


# --- maxima ---------------------------------------------------------------------------------------


def _pools(context: Context, equation: Equation) -> Iterator[Change]:
    """The gradient of a maximum sent elsewhere: to every cell of its window, or to all winners."""
    reads = list(dict.fromkeys(a for s in equation.subscripts for a in s.atoms()
                               if isinstance(a, Read)))
    winners = [a for a in reads
               if any(e.origin.rule == "winner" for e in context.definitions.get(a.ref.tensor, ()))]
    primal = equation.origin.of
    through = equation.origin.through
    if not winners or primal is None or through is None:
        return
    taken = {r.name for r in equation.ranges}
    loops: dict[str, Range] = {}
    for a in winners:
        below = context.program.tensors[a.ref.tensor].below
        assert below is not None
        name = fresh("w", taken)
        taken.add(name)
        loops[a.ref.tensor] = Range(name, below)

    def everywhere(s: Integer) -> Integer:
        return s.substitute(lambda a: index(loops[a.ref.tensor].name)
                            if isinstance(a, Read) and a.ref.tensor in loops else None)

    spread = tuple(map(everywhere, equation.subscripts))
    new = replace(equation, subscripts=spread, accumulate=True,
                  ranges=(*equation.ranges, *loops.values()))
    yield Change("every", new)
    first = tuple(s.substitute(lambda a: constant(0) if isinstance(a, Read)
                               and a.ref.tensor in loops else None) for s in equation.subscripts)
    yield Change("one", replace(equation, subscripts=first), where=("window", "0"))
    cell = Ref(through.tensor, spread)
    best = Ref(through.tensor, equation.subscripts)
    wins = Select(Apply("eq", (cell, best)), ONE, Number(0))
    inner = {r.name: Range(f"{r.name}_", r.size) for r in loops.values()}
    again = at_indices(wins, {n: index(r.name) for n, r in inner.items()})
    count = Reduce("sum", tuple(inner.values()), None, again)
    shared = Apply("div", (Apply("mul", (equation.body, wins)), count))
    yield Change("kink", replace(new, body=shared), where=("shared",))
    yield Change("spread", replace(new, body=Apply("mul", (equation.body, wins))))
