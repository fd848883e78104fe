"""The right computation with one mistake in it: what would each known mistake give?

A quantity of the sheet, or a derivative of one, is computed by a program. Each of its equations is
changed in one place (`chainrule.train.gradcheck_mutants` makes the changes: a factor left out, a
sum not taken, the wrong winner of a maximum, a kernel not flipped), and the changed program is run.
The change whose result is what the student has names the mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Found, Spot, literal, said
from chainrule.check.mistakes_names import is_bias_name, is_channels_name, neighbours, symbol_of
from chainrule.check.mistakes_trees import bare
from chainrule.check.tree import Derivative, Node, Symbol
from chainrule.check.tree import Number as Literal
from chainrule.check.values import Array, Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_cells import Cells, Graph
from chainrule.check.values_names import form_of, key, plain_letter, spelling
from chainrule.check.values_subscripts import constant_index
from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    Select,
    as_value,
    both,
    mul,
    transform,
    walk,
)
from chainrule.lang.integers import constant, index
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation, Program
from chainrule.train.gradcheck_forms import tidied
from chainrule.train.gradcheck_mutants import Change, Context, mutants, renamed, summed

_RUNS: Final = 120
_CELLS: Final = 400
_BELOW: Final = str.maketrans("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SHORT: Final = 6  # terms of a sum that are tried one by one
_VISITS: Final = 30_000


@dataclass(slots=True)
class Aim:
    """What is computed: a tensor of a program, and which of its cells the claim is about."""

    program: Program
    target: str
    inputs: list[dict[str, Any]]
    place: tuple[Node, ...]
    top: str = ""
    bottom: str = ""


def programs(bench: Bench) -> Iterator[Found]:
    """The mistakes in the sheet's own computation that give the right-hand side's value."""
    spots = [*bench.spots, *(bench.shadows() if bench.symbolic else [])]
    aim = aim_of(bench, spots)
    if aim is None:
        return
    wanted = [bench.value(bench.right, s) for s in spots]
    if any(w is None or isinstance(w, bool) for w in wanted) or sum(
            len(cells_of(w)) for w in wanted) > _CELLS:
        return
    work = Work(bench, aim, wanted, spots)
    for change, equation, k in work.changes():
        if work.runs > _RUNS or work.visits > _VISITS:
            return
        if work.fits(k, equation):
            found = _described(change, aim.program.equations[k], bench, aim)
            if found is not None:
                doubt = 0.0 if len(spots) > 1 else work.doubt()
                yield replace(found, sure=not doubt, cost=found.cost + doubt)
                if not doubt:
                    return


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
    left = _adjoint(left, program)
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
    top, bottom = form_of(left.top), form_of(left.bottom[0])
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
        self.base = [Cells(Graph(aim.program), s.world.sizes, own, bench.numbers)
                     for s, own in zip(spots, aim.inputs, strict=True)]
        needed = {aim.target}
        for e in reversed(aim.program.equations):
            if e.target in needed:
                needed |= self.base[0].graph.reads[e.target]
        self.places = [k for k, e in enumerate(aim.program.equations) if e.target in needed]
        self.places.reverse()

    def changes(self) -> Iterator[tuple[Change | Fraction, Equation, int]]:
        """All changes, factors first."""
        program = self.aim.program
        sizes = self.bench.spots[0].world.sizes
        shapes = {n: self.base[0].shape(n) for n in program.tensors}
        context = Context(program, shapes, sizes.of)
        factors = [Fraction(-1), Fraction(0), Fraction(2), Fraction(1, 2)]
        factors += [f for n in sorted(set(sizes.values())) if n > 2
                    for f in (Fraction(n), Fraction(1, n))][:6]
        made: list[tuple[float, Change | Fraction, Equation, int]] = []
        for k in self.places:
            equation = program.equations[k]
            if equation.origin.rule in ("winner", "seed"):
                continue
            for mutant in (*mutants(context, k), *_more(context, k)):
                if mutant.kind != "kink":
                    made.append((mutant.cost, mutant, mutant.equation, k))
            for factor in factors:
                if factor == 0 and not equation.accumulate:
                    continue
                cost = {-1: 1.5, 0: 1.0}.get(int(factor) if factor.denominator == 1 else 9, 2.2)
                made.append((cost, factor, replace(equation, body=mul(Number(factor),
                                                                     equation.body)), k))
        made.sort(key=lambda m: m[0])
        for _, change, equation, k in made:
            yield change, equation, k

    def fits(self, k: int, equation: Equation) -> bool:
        """Whether the program with a changed equation gives what the student has, everywhere."""
        equations = list(self.aim.program.equations)
        equations[k] = equation
        program = replace(self.aim.program, equations=tuple(equations))
        self.runs += 1
        try:
            graph = Graph(program)
            moved = graph.dependents(frozenset([equation.target]))
            for j, base in enumerate(self.base):
                cells = Cells(graph, base.sizes, base.inputs, self.bench.numbers, base)
                cells.moved = moved
                value = cells.tensor(self.aim.target)
                self.visits += cells.visits
                if not self.like(self.cell_of(value, j), j):
                    return False
        except (Unknown, ChainruleError, ArithmeticError, LookupError, RecursionError, ValueError,
                TypeError, AssertionError):
            return False  # a change that makes no sense
        return True

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
        if len(at) != len(value.shape):
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


def _more(context: Context, k: int) -> Iterator[Change]:
    """A slope at the output of a function, a case that gives 0, any one term of a short sum."""
    equation = context.program.equations[k]
    made = context.definitions.get(equation.origin.of or "", [])
    if equation.origin.rule == "adjoint" and len(made) == 1:
        inner = made[0]
        reads = {n.tensor for n in walk(inner.body) if isinstance(n, Ref)}
        target = Ref(inner.target, inner.subscripts)
        if len(reads) == 1 and inner.plain:
            (read,) = reads
            if context.shapes[read] == context.shapes[inner.target]:
                again = renamed(inner.body, read, inner.target)
                body = transform(equation.body, lambda n: again if n == target else None)
                if body == equation.body:
                    body = renamed(equation.body, read, inner.target)
                yield Change("swap", replace(equation, body=body), where=(read, inner.target))
    for node in walk(equation.body):
        if isinstance(node, Select):
            for old in (node.then, node.otherwise):
                if isinstance(old, Number):
                    continue
                zero = (replace(node, then=Number(0)) if old is node.then
                        else replace(node, otherwise=Number(0)))
                body = transform(equation.body, lambda n, a=node, b=zero:  # type: ignore[misc]
                                 b if n == a else None)
                yield Change("branch", replace(equation, body=body), old, Number(0))
    for r in summed(equation):
        size = context.number(r.size) if r.size is not None else 0
        for at in range(1, size - 1) if size <= _SHORT else ():
            only = Apply("eq", (IndexValue(index(r.name)), as_value(constant(at))))
            body = equation.body
            if isinstance(body, Reduce) and r in body.indices:
                new = replace(equation, body=replace(body, condition=both(body.condition, only)))
            else:
                new = replace(equation, condition=both(equation.condition, only))
            yield Change("one", new, where=(r.name, str(at)))


# --- words

def shown_name(tensor: str) -> str:
    """A tensor as a paper writes it: x₁ for x1."""
    return said(symbol_of(tensor, Literal(0, 0, "0")))


def _quantity(name: str, aim: Aim) -> str:
    """A tensor's name; ∂L/∂v for an adjoint."""
    tensor = aim.program.tensors.get(name)
    if tensor is not None and tensor.adjoint_of is not None:
        return f"∂{shown_name(aim.top)}/∂{shown_name(tensor.adjoint_of)}"
    return shown_name(name)


def _text(e: Expr, aim: Aim) -> str:
    """An expression of the program in the words of a paper."""
    whole = transform(e, lambda n: ONE if isinstance(n, Ref) and
                      aim.program.tensors[n.tensor].adjoint_of == aim.top else None)
    text = expression_text(tidied(whole, aim.program))
    names = {n.tensor for n in walk(whole) if isinstance(n, Ref)}
    found = re.sub(r"[^\W\d]\w*", lambda m: _quantity(m[0], aim) if m[0] in names else m[0], text)
    found = re.sub(r"\[([a-z](?:,[a-z])*)\]", _subscript, found)
    return found.replace("-", "−").replace("*", " · ")


def _subscript(match: re.Match[str]) -> str:
    letters = match[1].replace(",", "")
    return letters.translate(_BELOW) if all(ord(c) in _BELOW for c in letters) else match[0]


def _described(change: Change | Fraction, old: Equation, bench: Bench, aim: Aim) -> Found | None:
    """What a change means, in the catalogue's words."""
    origin = old.origin
    backward = origin.rule == "adjoint"
    where = (f"in ∂{shown_name(origin.of)}/∂{shown_name(origin.through.tensor)}"
             if backward and origin.of and origin.through else f"in {_quantity(old.target, aim)}")
    if isinstance(change, Fraction):
        return _factor(change, old, where, backward, aim)
    cost = 0.5 + change.cost / 2
    before = _text(change.before, aim) if change.before is not None else ""
    after = _text(change.after, aim) if change.after is not None else ""
    kind = change.kind
    if kind in ("factor", "operand") and isinstance(change.before, Apply):
        lost = next((a for a in change.before.args if a != change.after), change.before)
        lose = _lost_factor if kind == "factor" else _lost_term
        if kind == "operand" and not backward and _is_count(bench) and (
                isinstance(lost, Ref) and change.after is not None and lost in walk(change.after)):
            return Found("biases", f"the {_text(lost, aim)} biases are left out {where}", cost)
        found = lose(lost, where, backward, cost, aim)
        if backward and kind == "factor" and _is_decay(old.origin.of, aim):
            return replace(found, kind="weight-decay")
        return found
    if kind == "swap":
        a, b = change.where
        near = a in bench.room.names.program.tensors and b in {
            n for n, close in neighbours(a, bench) if close}
        return Found("wrong-point" if near else "wrong-quantity",
                     f"{_quantity(b, aim)} was taken for {_quantity(a, aim)} {where}", cost)
    if kind in ("every", "spread") or (kind == "one" and change.where[:1] == ("window",)):
        to = {"every": "to every cell of each window", "one": "to the first cell of each window",
              "spread": "to all cells that are as large"}[kind]
        return Found("pool-cell", f"the gradient went {to}; it belongs to the cell that is the "
                     "maximum", cost)
    if kind == "one":
        return Found("unsummed-parameter" if backward else "missing-term",
                     f"only one term of the sum over {change.where[0]} was taken {where}",
                     cost - 0.3)
    taken = f"{after} was taken for {before} {where}"
    everywhere = taken if change.after == Number(0) else (
        f"{after} was taken everywhere {where}: one of the cases was overlooked")
    cases = "inner-derivative" if backward else "wrong-function"
    whole = "floor" in before or "ceil" in before
    simple = {
        "diagonal": ("softmax-diagonal", f"only the diagonal of the Jacobian was used {where}"),
        "transpose": ("transpose", taken),
        "flip": ("kernel-not-flipped", "the kernel was slid along the other way round: it was not "
                 "flipped, or flipped where it is not to be"),
        "inner sign": ("sign", taken),
        "power": ("exponent", taken),
        "inverse": ("upside-down", taken),
        "twice": ("factor", f"a factor was counted twice {where}: {after}"),
        "mask": (cases, everywhere),
        "branch": (cases, everywhere),
        "function": ("size-floor" if whole else "wrong-function", taken),
    }
    return Found(*simple[kind], cost) if kind in simple else None


def _factor(factor: Fraction, old: Equation, where: str, backward: bool,
            aim: Aim) -> Found | None:
    """A whole term multiplied by a number."""
    if factor == 0 and decays(old.body, aim):
        return Found("weight-decay", f"the term {_text(old.body, aim)} is missing {where}", 0.8)
    if factor == 0:
        target = aim.program.tensors[old.target].adjoint_of or old.target
        through = shown_name((old.origin.of if backward else old.target) or old.target)
        return Found("unsummed-fan-out" if backward else "missing-term",
                     f"the way from {shown_name(target)} through {through} was left out", 0.9)
    if factor == -1:
        return Found("sign", f"the sign is wrong {where}", 1.1)
    lost = 1 / factor
    if lost in (2, Fraction(1, 2)):
        return Found("factor", f"the factor {lost} is missing {where}", 1.6)
    return Found("batch-mean", f"the factor {lost} is missing {where}", 1.4)


def decays(term: Expr, aim: Aim) -> bool:
    """Whether a term is that of the weight decay: it has the factor λ, or is what has it."""
    names = {n.tensor for n in walk(term) if isinstance(n, Ref)}
    made = aim.program.definitions()
    inner = {n.tensor for name in names for e in made.get(name, ()) for n in walk(e.body)
             if isinstance(n, Ref)}
    return "lambda" in names or (len(names) == 1 and "lambda" in inner)


def _lost_factor(lost: Expr, where: str, backward: bool, cost: float, aim: Aim) -> Found:
    names = {n.tensor for n in walk(lost) if isinstance(n, Ref)}
    text = f"the factor {_text(lost, aim)} is missing {where}"
    if any(is_channels_name(n) for n in names) and not backward:
        return Found("input-channels", text, cost)
    if "lambda" in names:
        return Found("weight-decay", text, cost)
    if any(isinstance(n, Apply) and n.function == "ln" and isinstance(n.args[0], Number)
           for n in walk(lost)):
        return Found("log-base", text, cost)
    if _is_mean(lost, aim) or _is_share(lost, aim):
        return Found("batch-mean", text, cost - 0.2)
    if backward and not any(aim.program.tensors[n].adjoint_of for n in names):
        return Found("inner-derivative", text, cost)
    return Found("factor", text, cost + 0.2)


def _is_mean(lost: Expr, aim: Aim) -> bool:
    """Whether a factor is one over a size: it has sizes, and no quantity but an adjoint."""
    found = list(walk(lost))
    return any(isinstance(n, IndexValue) for n in found) and all(
        aim.program.tensors[n.tensor].adjoint_of for n in found if isinstance(n, Ref))


def _is_share(lost: Expr, aim: Aim) -> bool:
    """Whether a factor is one over a number that a sum of the program's is divided by."""
    below = {n.args[1] for e in aim.program.equations for n in walk(e.body)
             if isinstance(n, Apply) and n.function == "div" and isinstance(n.args[0], Reduce)}
    number = lost.args[1] if isinstance(lost, Apply) and lost.function == "div" else lost
    if isinstance(number, Number) and 0 < number.value < 1:
        number = Number(1 / Fraction(number.value))
    return isinstance(number, Number) and number in below and number.value > 2


def _is_decay(name: str | None, aim: Aim) -> bool:
    """Whether a quantity is the weight decay itself."""
    return name is not None and any(
        isinstance(n, Ref) and n.tensor == "lambda"
        for e in aim.program.definitions().get(name, ()) for n in walk(e.body))


def _is_count(bench: Bench) -> bool:
    """Whether a whole number larger than one is asked for."""
    value = bench.value(bench.left)
    return not isinstance(value, Array | bool) and type(value) is Fraction and (
        value.denominator == 1 and value > 1)


def _lost_term(lost: Expr, where: str, backward: bool, cost: float, aim: Aim) -> Found:
    names = {n.tensor for n in walk(lost) if isinstance(n, Ref)}
    text = f"the term {_text(lost, aim)} was left out {where}"
    if lost == Number(1) and not backward:
        return Found("size-plus-one", f"the + 1 is missing {where}", cost)
    if names and all(is_bias_name(n) for n in names):
        return Found("biases", text, cost)
    if decays(lost, aim):
        return Found("weight-decay", text, cost - 0.2)
    return Found("unsummed-fan-out" if backward else "missing-term", text, cost)


__all__ = ["Aim", "Work", "aim_of", "decays", "programs", "shown_name"]
