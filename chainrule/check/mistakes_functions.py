"""Another function than the one that is given: tanh for σ, exp for ln, a logarithm to base 10.

Whoever takes another function takes it everywhere: in each term of a cross-entropy, in each cell of
a layer. So all calls of a function are exchanged at once, in the formula that stands there, in the
one that is worked out, and in the sheet's own program. Numbers in a formula are rounded ones, and
what is worked out from them is compared as far as they are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_trees import apply, bare, number, plus, swapped
from chainrule.check.mistakes_work import Work, shown_name, work_of
from chainrule.check.rounding import Printed, printed, rounded_literals
from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_names import form_of
from chainrule.lang import expr as expressions
from chainrule.lang.expr import Expr, transform
from chainrule.lang.expr import walk as expression_walk

_LOGS: Final = ("ln", "log", "log10", "log2", "log_10", "log_2", "lg", "Log")
_BASES: Final = {"ln": "e", "log10": "10", "log2": "2"}
_SAME: Final = {"σ": "sigmoid", "sigma": "sigmoid", "log": "ln", "Log": "ln", "lg": "log10",
                "log_2": "log2", "log_10": "log10", "ReLU": "relu", "logistic": "sigmoid"}
_OTHERS: Final = ("sigmoid", "tanh", "exp", "ln", "relu", "sin", "cos")
_KIN: Final = (("sigmoid", "tanh", "relu", "exp"), ("exp", "ln"), ("sin", "cos"))
_WORDS: Final = {"sigmoid": "σ", "relu": "ReLU"}
_LEAVES: Final = 12
_SOURCES: Final = 3
_EQUATIONS: Final = 12


def functions(bench: Bench) -> Iterator[Found]:
    """A function for another one, wherever it stands."""
    shown = printed(bench.right)
    if shown is None:
        yield from _written(bench)
    else:
        yield from _worked(bench, shown)
    yield from _computed(bench)


# --- in formulas

def _written(bench: Bench) -> Iterator[Found]:
    """The function that belongs in the formula on the right."""
    names = _names(bench.right)
    for name in names:
        logs = name in _LOGS
        for other in _BASES if logs else _wanted(bench):
            if _plain(other) == _plain(name):
                continue
            new = _exchanged(bench.right, names if logs else [name], other, logs)
            if not _agrees(bench, new):
                continue
            kind = "log-base" if logs and other in _BASES else "wrong-function"
            firm = kind == "log-base" or bench.room.drawn or bench.telling or bench.sure(
                bench.left, new)
            text = (f"the logarithm has to be the one to the base {_BASES[other]}" if kind ==
                    "log-base" else f"{_shown(other)} belongs here, not {_shown(name)}")
            yield Found(kind, text, 0.6 if logs else 0.9, firm)
            return


def _agrees(bench: Bench, new: Node) -> bool:
    """Whether a changed right-hand side is what the left one is, as far as its numbers tell."""
    if bench.fits(bench.left, new) and bench.holds(bench.left, new):
        return True
    true, made = bench.value(bench.left), bench.value(new)
    if bench.room.drawn or not rounded_literals(new) or any(
            v is None or isinstance(v, Array | bool) for v in (true, made)):
        return False
    x, y = bench.numbers.exactly(true), bench.numbers.exactly(made)
    return x is not None and y is not None and bool(
        abs(x - y) <= blur(bench, new) + blur(bench, bench.left))


def _worked(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The function that was worked out in the place of the one on the left."""
    if shown.digits < 3 or not shown.decimals:
        return
    head = bench.case.head  # 1 − h² with h = 0 is the slope left out
    derived = any(isinstance(n, Derivative) for side in (head, bench.left) if side is not None
                  for n in walk(side))
    for source in _sources(bench):
        around = None
        for name in _names(source):
            logs = name in _LOGS
            for other in ("ln", "log10", "log2", "exp") if logs else _kin(name, bench):
                if _plain(other) == _plain(name) or (other == "relu" and derived):
                    continue
                base = logs and other in _BASES
                new = _exchanged(source, _names(source) if base else [name], other, base)
                value = bench.value(new)
                exact = None if value is None or isinstance(value, Array | bool) else (
                    bench.numbers.exactly(value))
                if exact is None:
                    continue
                if around is None:
                    around = blur(bench, source)
                if abs(exact - shown.value) <= shown.half * Fraction(101, 100) + around:
                    yield _found(name, other)
                    return


def _found(name: str, other: str) -> Found:
    if _plain(name) in _BASES and _plain(other) in _BASES:
        return Found("log-base", "the logarithm was taken to the base "
                     f"{_BASES[_plain(other)]}, not {_BASES[_plain(name)]}", 0.6, True)
    return Found("wrong-function", f"{_shown(other)} was worked out, not {_shown(name)}", 0.8, True)


def _sources(bench: Bench) -> list[Node]:
    """The formula on the left, or those of its name."""
    left = bare(bench.left)
    if isinstance(left, Derivative | Number):
        return []
    if not isinstance(left, Symbol):
        return [bench.left]
    found: list[Node] = []
    own = formula_of(bench.room, left) if form_of(left) is not None else None
    if own is not None:
        found.append(own)
    return [*found, *bench.written(left)][:_SOURCES]


def numeric(node: Node) -> bool:
    """Whether a formula is made of numbers and known functions of them."""
    return all(isinstance(n, Number) or (isinstance(n, Apply) and (
        not n.head.startswith("call:") or n.head[5:] in _LOGS or _plain(n.head[5:]) in _OTHERS
        or n.head == "call:sqrt")) for n in walk(node))


def blur(bench: Bench, node: Node) -> Fraction:
    """How far off the value of a formula may be, by the rounding of the numbers in it."""
    leaves = rounded_literals(node)[:_LEAVES]
    value = bench.value(node) if leaves else None
    mine = None if value is None or isinstance(value, Array | bool) else (
        bench.numbers.exactly(value))
    if mine is None:
        return Fraction(0)
    total = Fraction(0)
    for leaf, half in leaves:
        more = plus(leaf, apply(leaf, "frac", number(leaf, str(half.numerator)),
                                number(leaf, str(half.denominator))))
        moved = bench.value(swapped(node, leaf, more))
        exact = None if moved is None or isinstance(moved, Array | bool) else (
            bench.numbers.exactly(moved))
        total += abs(exact - mine) if exact is not None else Fraction(0)
    return total


def _names(node: Node) -> list[str]:
    """The functions of one argument in a formula."""
    return list(dict.fromkeys(
        n.head[5:] for n in walk(node) if isinstance(n, Apply) and n.head.startswith("call:")
        and len(n.args) == 1 and _plain(n.head[5:]) in (*_OTHERS, *_BASES)))


def _exchanged(node: Node, names: list[str], other: str, logs: bool) -> Node:
    """The formula with another function wherever one stands; wherever a logarithm stands."""
    heads = {f"call:{n}" for n in names if not logs or n in _LOGS}
    while True:
        old = next((n for n in walk(node) if isinstance(n, Apply) and n.head in heads
                    and len(n.args) == 1 and n.head != f"call:{other}"), None)
        if old is None:
            return node
        node = swapped(node, old, replace(old, head=f"call:{other}"))


def _wanted(bench: Bench) -> list[str]:
    """The functions that the sheet speaks of, and the side before."""
    program = bench.room.part.program
    found = _names(bench.left)
    for e in program.equations if program is not None else ():
        found += [n.function for n in expression_walk(e.body)
                  if isinstance(n, expressions.Apply) and n.function in _OTHERS]
    return list(dict.fromkeys(map(_plain, found)))


def _kin(name: str, bench: Bench) -> list[str]:
    """The functions that are taken for one: those like it, and others that the sheet has."""
    found = [other for family in _KIN if _plain(name) in family for other in family]
    return list(dict.fromkeys([*found, *_wanted(bench)]))


def _plain(name: str) -> str:
    return _SAME.get(name, name)


def _shown(name: str) -> str:
    return _WORDS.get(_plain(name), _plain(name))


# --- in the sheet's program

def _computed(bench: Bench) -> Iterator[Found]:
    """A function of the sheet's program for which another one was taken."""
    if printed(bench.right) is None and any(isinstance(n, Symbol) for n in walk(bench.right)):
        return
    work = work_of(bench)
    if work is None:
        return
    forward = [k for k in work.places if work.aim.program.equations[k].origin.rule == "written"]
    for k in forward[:_EQUATIONS]:
        equation = work.aim.program.equations[k]
        for name in dict.fromkeys(_functions(equation.body)):
            for other in ("log10", "log2", "exp") if name == "ln" else _kin(name, bench):
                if other == name or (other == "relu" and work.aim.bottom):
                    continue  # 1 − h² with h = 0 or h = a is another slip with a slope
                new = replace(equation, body=_put(equation.body, name, other))
                if work.fits(k, new):
                    doubt = _doubt(bench, work)
                    found = _found(name, other)
                    yield replace(found, why=f"{found.why}, in {shown_name(equation.target)}",
                                  cost=found.cost + doubt, sure=doubt < 0.5)
                    return


def _doubt(bench: Bench, work: Work) -> float:
    """How easily the number comes out by accident."""
    mine = cells_of(work.wanted[0])
    shown = printed(bench.right)
    if len(mine) == 1 and shown is not None and shown.digits >= 4:
        return 0.0
    return work.doubt()


def _functions(body: Expr) -> list[str]:
    return [n.function for n in expression_walk(body)
            if isinstance(n, expressions.Apply) and n.function in (*_OTHERS, "log10", "log2")]


def _put(body: Expr, name: str, other: str) -> Expr:
    """An equation with another function wherever one stands, innermost first."""
    while True:
        new = transform(body, lambda n: expressions.Apply(other, n.args) if isinstance(
            n, expressions.Apply) and n.function == name else None)
        if new == body or name == other:
            return new
        body = new


__all__ = ["blur", "functions", "numeric"]
