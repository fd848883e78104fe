"""The sheet's own program at work on a claim: what is asked for, and what a changed one gives.

A claim is about a tensor of the sheet's program, or about the derivative of one by another. `Work`
runs that program, forward and backward, in all worlds in which the claim is looked at, with one of
its equations changed, and compares the result with what the student has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Spot, literal, said
from chainrule.check.mistakes_names import symbol_of, unsquared
from chainrule.check.mistakes_trees import bare
from chainrule.check.tree import Derivative, Node, Symbol
from chainrule.check.tree import Number as Literal
from chainrule.check.values import Array, Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_cells import Cells, Graph
from chainrule.check.values_names import form_of, key, plain_letter, spelling
from chainrule.check.values_subscripts import constant_index
from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.lang.expr import ONE, Expr, Ref, transform, walk
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program
from chainrule.train.gradcheck_forms import tidied

_CELLS: Final = 400
_BELOW: Final = str.maketrans("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")


@dataclass(slots=True)
class Aim:
    """What is computed: a tensor of a program, and which of its cells the claim is about."""

    program: Program
    target: str
    inputs: list[dict[str, Any]]
    place: tuple[Node, ...]
    top: str = ""
    bottom: str = ""


def work_of(bench: Bench) -> Work | None:
    """The program that a claim is about, at work; made once for a claim."""
    if not bench.memo:
        bench.memo.append(_worked(bench))
    work: Work | None = bench.memo[0]
    if work is not None:
        work.runs = work.visits = 0
    return work


def _worked(bench: Bench) -> Work | None:
    spots = [*bench.spots, *(bench.shadows() if bench.symbolic else [])]
    aim = aim_of(bench, spots)
    if aim is None:
        return None
    wanted = [bench.value(bench.right, s) for s in spots]
    if any(w is None or isinstance(w, bool) for w in wanted) or sum(
            len(cells_of(w)) for w in wanted) > _CELLS:
        return None
    return Work(bench, aim, wanted, spots)


def aim_of(bench: Bench, spots: list[Spot]) -> Aim | None:
    """The program and the tensor that the left-hand side is, or what its chain starts from."""
    aim = _aimed(bench, spots, bare(bench.left))
    head = bench.case.head
    if aim is None and head is not None and key(head) != key(bench.left) and not (
            literal(bench.left)) and bench.same(bench.value(head), bench.value(bench.left)):
        aim = _aimed(bench, spots, bare(head))
    return aim


def _adjoint(left: Node, program: Program) -> Node:
    """v̄ as the derivative of the program's output by v."""
    if not isinstance(left, Symbol) or len(program.outputs) != 1:
        return left
    name, mark = spelling(left.name)
    if mark != "bar":
        return left
    top = symbol_of(program.outputs[0], left)
    return Derivative(left.start, left.end, top, (replace(left, name=name),))


def _aimed(bench: Bench, spots: list[Spot], left: Node) -> Aim | None:
    """The program and the tensor that a formula is."""
    program = bench.room.part.program
    if program is None:
        return None
    left = _adjoint(unsquared(left, bench), program)
    worlds = [s.world for s in spots]
    names = bench.room.names
    if not isinstance(left, Derivative):
        form = form_of(left)
        tensors = names.tensors(form) if form is not None and form.args is None else []
        if not tensors or form is None:
            return None
        name, uses = tensors[0]
        return Aim(program, name, [dict(w.inputs) for w in worlds], () if uses else form.subs)
    if left.top is None or len(left.bottom) != 1:  # ∇f does not say by what
        return None
    top, bottom = (form_of(unsquared(bare(n), bench)) for n in (left.top, left.bottom[0]))
    if top is None or bottom is None or top.subs:
        return None
    below = names.tensors(bottom)
    letter = names.further.get(top.head[1], "")
    adjoints = bench.room.part.adjoints.get(letter)
    above = names.tensors(top)
    if not below or not (adjoints or above):
        return None
    wrt, uses = below[0]
    tops = list(adjoints) if adjoints else [above[0][0]]
    if not adjoints and program.tensors[tops[0]].shape:
        return None
    try:
        d = vjp(program, tops, [wrt])
    except ChainruleError:
        return None
    inputs = []
    for world in worlds:
        own = dict(world.inputs)
        for name in tops:
            own[d.seeds[name]] = Fraction(1) if not adjoints else world._given(
                name, world.part.adjoints[letter][name], world.cells.shape(name))
        inputs.append(own)
    if wrt not in d.names:
        return None
    return Aim(d.program, d.names[wrt], inputs, () if uses else bottom.subs,
                letter if adjoints else tops[0], wrt)


class Work:
    """Changed programs, run one after the other."""

    def __init__(self, bench: Bench, aim: Aim, wanted: list[Value], spots: list[Spot]) -> None:
        self.spots = spots
        self.bench = bench
        self.aim = aim
        self.wanted = wanted
        self.runs = 0
        self.visits = 0
        self._tried: Equation | None = None
        self._graph: Graph | None = None
        self.base = [Cells(Graph(aim.program), s.world.sizes, own, bench.numbers)
                     for s, own in zip(spots, aim.inputs, strict=True)]
        needed = {aim.target}
        for e in reversed(aim.program.equations):
            if e.target in needed:
                needed |= self.base[0].graph.reads[e.target]
        self.places = [k for k, e in enumerate(aim.program.equations) if e.target in needed]
        self.places.reverse()

    def fits(self, k: int, equation: Equation) -> bool:
        """Whether the program with a changed equation gives what the student has, everywhere."""
        self.runs += 1
        return all(self._fits(k, equation, j) for j in range(len(self.base)))

    def together(self, changes: dict[int, Equation]) -> bool:
        """Whether several changed equations give what the student has, everywhere."""
        self.runs += 1
        equations = list(self.aim.program.equations)
        for k, equation in changes.items():
            equations[k] = equation
        graph = Graph(replace(self.aim.program, equations=tuple(equations)))
        moved = graph.dependents(frozenset(e.target for e in changes.values()))
        for j, base in enumerate(self.base):
            try:
                cells = Cells(graph, base.sizes, base.inputs, self.bench.numbers, base)
                cells.moved = moved
                value = self.seen(cells, j)
            except (Unknown, ChainruleError, ArithmeticError, LookupError, RecursionError,
                    ValueError, TypeError, AssertionError):
                return False  # changes that make no sense
            if value is None or not self.like(value, j):
                return False
        return True

    def _fits(self, k: int, equation: Equation, j: int) -> bool:
        value = self.result(k, equation, j)
        return value is not None and self.like(value, j)

    def result(self, k: int, equation: Equation, j: int) -> Value:
        """What the program with a changed equation gives at one spot; None if it makes none."""
        if equation is not self._tried:
            equations = list(self.aim.program.equations)
            equations[k] = equation
            self._tried = equation
            self._graph = Graph(replace(self.aim.program, equations=tuple(equations)))
        assert self._graph is not None
        base = self.base[j]
        try:
            cells = Cells(self._graph, base.sizes, base.inputs, self.bench.numbers, base)
            cells.moved = self._graph.dependents(frozenset([equation.target]))
            return self.seen(cells, j)
        except (Unknown, ChainruleError, ArithmeticError, LookupError, RecursionError, ValueError,
                TypeError, AssertionError):
            return None  # a change that makes no sense

    def seen(self, cells: Cells, j: int) -> Value:
        """What the claim is about, in some cells of the program."""
        try:
            return self.cell_of(cells.tensor(self.aim.target), j)
        finally:
            self.visits += cells.visits

    def truth(self, j: int) -> Value:
        """What the program gives as it stands."""
        try:
            return self.cell_of(self.base[j].tensor(self.aim.target), j)
        except (Unknown, ChainruleError, LookupError):
            return None

    def cell_of(self, value: Value, j: int) -> Value:
        if not self.aim.place or not isinstance(value, Array):
            return value
        bound = self.spots[j].place.bound
        at = []
        for sub in self.aim.place:
            index = constant_index(sub)
            if index is None:
                index = bound.get(plain_letter(sub))
            if index is None:
                raise LookupError(said(sub))
            at.append(index - 1)
        rank = len(value.shape)
        digits = str(at[0] + 1)
        if len(at) == 1 < rank == len(digits):  # k₁₂ without a comma
            at = [int(d) - 1 for d in digits]
        elif len(at) == 1 < rank:  # v₃ of a matrix whose cells are counted
            return value.cells[at[0]]
        if len(at) != rank or not all(0 <= k < n for k, n in zip(at, value.shape, strict=True)):
            raise LookupError("subscripts")
        return value[tuple(at)]

    def like(self, value: Value, j: int) -> bool:
        mine = self.wanted[j]
        if plain_shape(shape_of(value)) != plain_shape(shape_of(mine)):
            return False
        return self.bench.near(value, mine)

    def doubt(self) -> float:
        """How easily the value comes out by accident."""
        cells = cells_of(self.wanted[0])
        different = {c for c in cells if c != 0}
        if len(different) >= 3 or (len(cells) >= 4 and len(different) >= 2):
            return 0.0
        digits = max((len(number_text(c).strip("−0.").replace(".", "")) for c in different),
                     default=0)
        most = 0.35 if len(different) > 1 else 0.8
        return min(most, {2: 0.4, 1: 0.8, 0: 0.8}.get(digits, 0.0))


# --- words

def shown_name(tensor: str) -> str:
    """A tensor as a paper writes it: x₁ for x1."""
    return said(symbol_of(tensor, Literal(0, 0, "0")))


def quantity(name: str, aim: Aim) -> str:
    """A tensor's name; ∂L/∂v for an adjoint."""
    tensor = aim.program.tensors.get(name)
    if tensor is not None and tensor.adjoint_of is not None:
        return f"∂{shown_name(aim.top)}/∂{shown_name(tensor.adjoint_of)}"
    return shown_name(name)


def words(e: Expr, aim: Aim) -> str:
    """An expression of the program in the words of a paper."""
    whole = transform(e, lambda n: ONE if isinstance(n, Ref) and
                      aim.program.tensors[n.tensor].adjoint_of == aim.top else None)
    text = expression_text(tidied(whole, aim.program))
    names = {n.tensor for n in walk(whole) if isinstance(n, Ref)}
    found = re.sub(r"[^\W\d]\w*", lambda m: quantity(m[0], aim) if m[0] in names else m[0], text)
    found = re.sub(r"\[([a-z](?:,[a-z])*)\]", _subscript, found)
    return found.replace("-", "−").replace("*", " · ")


def _subscript(match: re.Match[str]) -> str:
    letters = match[1].replace(",", "")
    return letters.translate(_BELOW) if all(ord(c) in _BELOW for c in letters) else match[0]


__all__ = ["Aim", "Work", "aim_of", "quantity", "shown_name", "words", "work_of"]
