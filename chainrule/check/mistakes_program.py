"""The right computation with one mistake in it: what would each known mistake give?

A quantity of the sheet, or a derivative of one, is computed by a program. Each of its equations is
changed in one place (`chainrule.train.gradcheck_mutants` makes the changes: a factor left out, a
sum not taken, the wrong winner of a maximum, a kernel not flipped), and the changed program is run.
The change whose result is what the student has names the mistake.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal
from chainrule.check.mistakes_names import (
    is_bias_name,
    is_channels_name,
    is_decay_name,
    is_penalty,
    neighbours,
)
from chainrule.check.mistakes_work import Aim, Work, quantity, shown_name, words, work_of
from chainrule.check.values import Array, Unknown, cells_of, shape_of
from chainrule.errors import ChainruleError
from chainrule.lang.expr import (
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
from chainrule.lang.program import Equation
from chainrule.train.gradcheck_mutants import Change, Context, mutants, renamed, summed

_RUNS: Final = 120
_FLIPS: Final = 30
_SHORT: Final = 6  # terms of a sum that are tried one by one
_VISITS: Final = 30_000
_WINNERS: Final = 64


def programs(bench: Bench) -> Iterator[Found]:
    """The mistakes in the sheet's own computation that give the right-hand side's value."""
    work = work_of(bench)
    if work is None:
        return
    aim, spots = work.aim, work.spots
    for change, equation, k in _changes(work):
        if work.runs > _RUNS or work.visits > _VISITS:
            return
        if work.fits(k, equation):
            found = _described(change, aim.program.equations[k], bench, aim)
            if found is not None:
                doubt = 0.0 if len(spots) > 1 else work.doubt()
                yield replace(found, sure=not doubt, cost=found.cost + doubt)
                if not doubt:
                    return


def flips(bench: Bench) -> Iterator[Found]:
    """A kernel slid along the other way round, seen in several entries at once."""
    work = work_of(bench)
    if work is None or not isinstance(work.wanted[0], Array) or not literal(bench.right):
        return
    true = work.truth(0)
    if true is None:
        return
    turned = [bench.numbers.mul(Fraction(-1), c) for c in cells_of(true)]
    if bench.near(Array(shape_of(true), tuple(turned)), work.wanted[0]):
        return  # the sign is likelier
    for found in turnings(work):
        yield replace(found, cost=0.75 + work.doubt() / 2, sure=True)
        return


def turnings(work: Work) -> Iterator[Found]:
    """A kernel turned round in one of the program's equations, where that gives the value."""
    for change, equation, k in _changes(work, ("flip",)):
        if work.runs > _FLIPS:
            return
        if isinstance(change, Change) and work.fits(k, equation):
            found = _described(change, work.aim.program.equations[k], work.bench, work.aim)
            if found is not None:
                yield found


def winners(bench: Bench) -> Iterator[Found]:
    """The gradient of a maximum, sent to another cell of its window than the largest."""
    work = work_of(bench)
    if work is None or not work.aim.bottom or work.bench.room.drawn:
        return
    groups: dict[str, list[str]] = {}
    for e in work.aim.program.equations:
        if e.origin.rule == "winner" and e.origin.of is not None:
            groups.setdefault(e.origin.of, []).append(e.target)
    for pool, names in groups.items():
        below = [work.aim.program.tensors[n].below for n in names]
        sizes = [range(work.spots[0].world.sizes.of(b)) for b in below if b is not None]
        places = itertools.product(range(len(cells_of(work.base[0].tensor(names[0])))),
                                   itertools.product(*sizes))
        for k, cell in itertools.islice(places, _WINNERS):
            if work.visits > _VISITS:
                return
            if all(_moved(work, j, names, k, cell) for j in range(len(work.base))):
                doubt = work.doubt() / 2 if len(work.spots) < 2 else 0.0
                yield Found("pool-cell", f"the gradient of {shown_name(pool)} went to another cell "
                            "of a window than the largest", 0.75 + doubt, not doubt)
                return


def _moved(work: Work, j: int, names: list[str], k: int, cell: tuple[int, ...]) -> bool:
    """Whether another winner of one window gives what the student has, at one spot."""
    base, over = work.base[j], {}
    for name, at in zip(names, cell, strict=True):
        value = base.tensor(name)
        old = list(cells_of(value))
        old[k] = at
        over[name] = Array(shape_of(value), tuple(old)) if shape_of(value) else old[0]
    try:
        return work.like(work.seen(base.under(over), j), j)
    except (Unknown, ChainruleError, ArithmeticError, LookupError, ValueError):
        return False


def _changes(work: Work, kinds: tuple[str, ...] = ()
             ) -> Iterator[tuple[Change | Fraction, Equation, int]]:
    """All changes, factors first; or those of some kinds."""
    program = work.aim.program
    sizes = work.bench.spots[0].world.sizes
    shapes = {n: work.base[0].shape(n) for n in program.tensors}
    context = Context(program, shapes, sizes.of)
    factors = [Fraction(-1), Fraction(0), Fraction(2), Fraction(1, 2)]
    factors += [f for n in sorted(set(sizes.values())) if n > 2
                for f in (Fraction(n), Fraction(1, n))][:6]
    made: list[tuple[float, Change | Fraction, Equation, int]] = []
    for k in work.places:
        equation = program.equations[k]
        if equation.origin.rule in ("winner", "seed"):
            continue
        for mutant in (*mutants(context, k), *_more(context, k)):
            if mutant.kind != "kink" and mutant.kind in (kinds or (mutant.kind,)):
                made.append((mutant.cost, mutant, mutant.equation, k))
        for factor in factors if not kinds else ():
            if factor == 0 and not equation.accumulate:
                continue
            cost = {-1: 1.5, 0: 1.0}.get(int(factor) if factor.denominator == 1 else 9, 2.2)
            made.append((cost, factor, replace(equation, body=mul(Number(factor),
                                                                 equation.body)), k))
    made.sort(key=lambda m: m[0])
    for _, change, equation, k in made:
        yield change, equation, k


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

def _described(change: Change | Fraction, old: Equation, bench: Bench, aim: Aim) -> Found | None:
    """What a change means, in the catalogue's words."""
    origin = old.origin
    backward = origin.rule == "adjoint"
    where = (f"in ∂{shown_name(origin.of)}/∂{shown_name(origin.through.tensor)}"
             if backward and origin.of and origin.through else f"in {quantity(old.target, aim)}")
    if isinstance(change, Fraction):
        return _factor(change, old, where, backward, aim)
    cost = 0.5 + change.cost / 2
    before = words(change.before, aim) if change.before is not None else ""
    after = words(change.after, aim) if change.after is not None else ""
    kind = change.kind
    if kind in ("factor", "operand") and isinstance(change.before, Apply):
        lost = next((a for a in change.before.args if a != change.after), change.before)
        lose = _lost_factor if kind == "factor" else _lost_term
        if kind == "operand" and not backward and _is_count(bench) and (
                isinstance(lost, Ref) and change.after is not None and lost in walk(change.after)):
            return Found("biases", f"the {words(lost, aim)} biases are left out {where}", cost)
        found = lose(lost, where, backward, cost, aim)
        if backward and kind == "factor" and _is_decay(old.origin.of, aim):
            return replace(found, kind="weight-decay")
        return found
    if kind == "swap":
        a, b = change.where
        near = a in bench.room.names.program.tensors and b in {
            n for n, close in neighbours(a, bench) if close}
        return Found("wrong-point" if near else "wrong-quantity",
                     f"{quantity(b, aim)} was taken for {quantity(a, aim)} {where}", cost)
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
        return Found("weight-decay", f"the term {words(old.body, aim)} is missing {where}", 0.8)
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
    inner = [{n.tensor for e in made.get(name, ()) for n in walk(e.body) if isinstance(n, Ref)}
             for name in names]
    if any(map(is_decay_name, names)) or (
            len(names) == 1 and any(map(is_decay_name, inner[0]))):
        return True
    tensors = aim.program.tensors
    through = [tensors[n].adjoint_of for n in names if tensors[n].adjoint_of not in (
        None, aim.top)]
    plain = {n for n in names if not tensors[n].adjoint_of}
    if not through:
        squared = plain == {aim.bottom} or any(
            getattr(n, "function", "") in ("square", "pow") for n in walk(term))
        weights = bool(plain) and all(tensors[n].role == "parameter" for n in plain)
        return (weights and squared) or (
            len(plain) == 1 and all(is_penalty(n, aim.program) for n in plain))
    return all(is_penalty(n or "", aim.program) or any(
        is_decay_name(r.tensor) for a, t in tensors.items() if t.adjoint_of == n
        for e in made.get(a, ()) for r in walk(e.body) if isinstance(r, Ref)) for n in through)


def _lost_factor(lost: Expr, where: str, backward: bool, cost: float, aim: Aim) -> Found:
    names = {n.tensor for n in walk(lost) if isinstance(n, Ref)}
    text = f"the factor {words(lost, aim)} is missing {where}"
    if any(is_channels_name(n) for n in names) and not backward:
        return Found("input-channels", text, cost)
    if any(map(is_decay_name, names)):
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
    if any(getattr(n, "function", "") == "sqrt" for n in found):
        return False  # the scale of an attention
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
    return (name is not None and is_penalty(name, aim.program)) or any(
        isinstance(n, Ref) and is_decay_name(n.tensor)
        for e in aim.program.definitions().get(name or "", ()) for n in walk(e.body))


def _is_count(bench: Bench) -> bool:
    """Whether a whole number larger than one is asked for."""
    value = bench.value(bench.left)
    return not isinstance(value, Array | bool) and type(value) is Fraction and (
        value.denominator == 1 and value > 1)


def _lost_term(lost: Expr, where: str, backward: bool, cost: float, aim: Aim) -> Found:
    names = {n.tensor for n in walk(lost) if isinstance(n, Ref)}
    text = f"the term {words(lost, aim)} was left out {where}"
    if lost == Number(1) and not backward:
        return Found("size-plus-one", f"the + 1 is missing {where}", cost)
    alone = isinstance(lost, Ref) and aim.program.tensors[lost.tensor].role == "parameter"
    if names and (alone or all(is_bias_name(n) for n in names)):
        return Found("biases", text, cost)
    if decays(lost, aim):
        return Found("weight-decay", text, cost - 0.2)
    return Found("unsummed-fan-out" if backward else "missing-term", text, cost)


__all__ = ["decays", "flips", "programs", "turnings", "winners"]
