"""What is missing: the factor or the term that makes a wrong side right, found by division.

Of the right value and the student's the ratio and the difference are formed, in every world. If
they are the same known thing everywhere (a number, a size, a quantity of the claim, the derivative
of something inside a function), that is what is missing. Sums are looked at term by term: a claim
is linear in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.mistakes_bench import Bench, Found, literal, ordinal, said
from chainrule.check.mistakes_edits import half
from chainrule.check.mistakes_names import is_bias, is_decay_name, is_penalty, symbol_of
from chainrule.check.mistakes_pool import Thing, things
from chainrule.check.mistakes_trees import (
    apply,
    bare,
    factors,
    negated,
    number,
    over,
    plus,
    swapped,
    terms,
    times,
)
from chainrule.check.tree import Apply, Derivative, Node, Reduce, Symbol, walk
from chainrule.check.values import Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_names import form_of, full_name, key

_TERMS: Final = 8
_LOGS: Final = frozenset(f"call:{name}" for name in ("log", "ln", "log10", "log2", "lg", "Log"))


def missing(bench: Bench) -> Iterator[Found]:
    """Missing or superfluous factors and terms of the right-hand side."""
    right = bench.right
    if literal(right) and (literal(bench.left) or len(terms(bench.left)) < 2):
        return  # what is multiplied on or added would be all of the answer
    lefts, rights = bench.aligned()
    if any(v is None for v in (*lefts, *rights)) or not lefts:
        return
    pool = list(things(bench))
    quotient = _quotients(bench, lefts, rights)
    if quotient is not None:
        for node, kind, text, cost in _named_factor(bench, quotient, pool, right, "it"):
            yield from _checked(bench, node, kind, text, cost)
    parts = terms(right)[:_TERMS]
    if len(parts) > 1:
        for k, (sign, term) in enumerate(parts):
            values = bench.values(term)
            if any(v is None for v in values):
                continue
            wanted = []
            for a, b, t in zip(lefts, rights, values, strict=True):
                rest = _gap(bench, b, _signed(bench, sign, t))
                wanted.append(None if rest is None else _gap(
                    bench, _signed(bench, sign, a), _signed(bench, sign, rest)))
            quotient = _quotients(bench, wanted, values)
            if quotient is None:
                continue
            what = f"the {ordinal(k, len(parts))} term, {said(term)},"
            for node, kind, text, cost in _named_factor(bench, quotient, pool, term, what):
                yield from _checked(bench, swapped(right, term, node), kind, text, cost + 0.1)
    yield from _terms(bench, lefts, rights, pool)


def _checked(bench: Bench, node: Node, kind: str, text: str, cost: float) -> Iterator[Found]:
    if bench.holds(bench.left, node):
        yield Found(kind, text, cost, bench.sure(bench.left, node))


# --- factors

def _named_factor(bench: Bench, quotient: list[list[Any]], pool: list[Thing], of: Node,
                  what: str) -> Iterator[tuple[Node, str, str, float]]:
    """The factor that a quotient is everywhere, as a changed formula, a kind and a sentence."""
    plain = {c for cells in quotient for c in cells if c is not None}
    if not plain:
        return
    one = next(iter(plain))
    sized = False
    for thing in pool:
        if thing.kind == "number":
            continue
        for turned in (False, True):
            if _everywhere(bench, quotient, thing, turned):
                sized = True
                node = over(of, thing.node) if turned else times(of, thing.node)
                inner = None if turned else _inner(bench, thing)
                if any(key(bare(f)) == key(bare(thing.node)) for f in (
                        below(of) if turned else factors(of))):
                    yield node, "exponent", (f"the exponent of {said(thing.node)} is too small"
                                             ), 1.2
                elif inner is not None:
                    yield node, "inner-derivative", (
                        f"the inner derivative {said(inner)} = {said(thing.node)} is missing"), 1.0
                elif not turned and what != "it" and _bracketed(bench, thing):
                    yield node, "brackets", (f"the factor {said(thing.node)} in front of the "
                                             f"bracket multiplies {what[:-1]} as well"), 1.1
                else:
                    yield node, _kind_of_factor(thing, turned, of, what), _factor_text(
                        thing, turned, what, bench), _factor_cost(thing, turned)
    same = all(bench.numbers.close(c, one) for c in plain)
    exact = bench.numbers.exactly(one)
    turned_base = _log_base(bench, plain, of) if same and what == "it" else None
    if turned_base is not None:
        yield turned_base[0], "log-base", "the factor " + turned_base[1], 0.8
        return
    if not same or exact is None or (sized and abs(exact) not in (1, 2, Fraction(1, 2))):
        return
    exact = exact.limit_denominator(1000)
    if not bench.numbers.close(exact, one):
        return
    if exact == -1:
        text = ("the sign is wrong" if what == "it" else f"{what} has the wrong sign")
        yield negated(of), "sign", text, 1.0
    elif exact == 0:
        yield number(of, "0"), "extra-term", f"{what} does not belong here", 1.6
    elif max(abs(exact.numerator), exact.denominator) <= 12 and (
            bench.room.drawn or 1 in (abs(exact.numerator), exact.denominator)):
        node = half(of, abs(exact))
        new = times(node, of)
        sign = "" if exact > 0 else ", and the sign is wrong"
        kind = "weight-decay" if what != "it" and _decays(of) else "factor"
        yield (new if exact > 0 else negated(new)), kind, (
            f"{what if what != 'it' else 'the right-hand side'} lacks the factor "
            f"{said(node)}{sign}"), 1.4 if exact > 0 else 2.2


def below(node: Node) -> list[Node]:
    """What a formula is divided by."""
    node = bare(node)
    if isinstance(node, Apply) and node.head == "neg":
        return below(node.args[0])
    if isinstance(node, Apply) and node.head == "frac":
        return factors(node.args[1])
    if isinstance(node, Apply) and node.head == "product":
        return [f for s, a in zip(node.signs, node.args, strict=False)
                for f in (factors(a) if s == "/" else below(a))]
    return []


def _inner(bench: Bench, thing: Thing) -> Node | None:
    """The derivative of something in between by the variable, if the missing factor is one."""
    left = bare(bench.left)
    if not isinstance(left, Derivative) or left.top is None or len(left.bottom) != 1:
        return None
    form = form_of(left.bottom[0])
    names = bench.room.names
    graph = bench.room.made.graph
    below = {n for n, _ in names.tensors(form)[:1]} if form is not None else set()
    for name in graph.dependents(frozenset(below)) - below if below else ():
        if names.program.tensors[name].shape or name == said(left.top):
            continue
        slope = replace(left, top=symbol_of(name, left))
        values = bench.values(slope)
        if key(slope) != key(left) and all(bench.same(v, thing.value(bench, k))
                                           for k, v in enumerate(values)):
            return slope
    return None


def _bracketed(bench: Bench, thing: Thing) -> bool:
    """Whether a factor stands before a bracket on the left-hand side."""
    for n in walk(bench.left):
        if isinstance(n, Apply) and n.head in ("product", "juxtaposed"):
            parts = factors(n)
            factor = thing.node.body if isinstance(thing.node, Reduce) else thing.node
            if any(key(p) == key(factor) for p in parts) and any(
                    len(terms(p)) > 1 for p in parts):
                return True
    return False


def _kind_of_factor(thing: Thing, turned: bool, of: Node, what: str) -> str:
    if not turned and (thing.kind == "slope" or _half_of_slope(thing.node, of)):
        return "inner-derivative"
    if thing.kind == "size":
        return "batch-mean"
    return "weight-decay" if _decays(thing.node) or (what != "it" and _decays(of)) else "factor"


def _half_of_slope(lost: Node, of: Node) -> bool:
    """Whether a factor and one that is there are the slope h (1 − h) of a sigmoid."""
    other = key(plus(number(lost, "1"), lost, "-"))
    return any(key(bare(f)) == other for f in factors(of))


def _decays(node: Node) -> bool:
    """Whether a formula has the factor λ of the weight decay."""
    return any(isinstance(n, Symbol) and is_decay_name(full_name(n.name)) for n in walk(node))


def _log_base(bench: Bench, plain: set[Any], of: Node) -> tuple[Node, str] | None:
    """The factor between logarithms to two bases, if that is what a quotient is everywhere."""
    if not any(isinstance(n, Apply) and n.head in _LOGS for side in (bench.left, bench.right)
               for n in walk(side)) and not bench.logarithmic:
        return None
    for base in ("10", "2"):
        log = apply(of, "call:ln", number(of, base))
        value = bench.value(log)
        if value is None:
            return None
        if all(bench.numbers.close(c, value) for c in plain):
            return times(of, log), f"ln {base} is missing: the logarithm was taken to another base"
        if all(bench.numbers.close(bench.numbers.mul(c, value), Fraction(1)) for c in plain):
            return over(of, log), (f"1/ln {base} is missing: the logarithm to the base {base} is "
                                   f"the natural one over ln {base}")
    return None


def _factor_cost(thing: Thing, turned: bool) -> float:
    return {"slope": 1.0, "size": 1.2, "name": 1.5, "piece": 1.7,
            "number": 1.8}[thing.kind] + 0.2 * turned


def _factor_text(thing: Thing, turned: bool, what: str, bench: Bench) -> str:
    subject = "the right-hand side" if what == "it" else what
    node = said(thing.node)
    if thing.kind == "slope" and not turned:
        return f"the inner derivative {node} is missing"
    if turned and thing.kind != "size":
        return f"{subject} is not to be multiplied with {node}, or lacks a division by it"
    return f"{subject} lacks " + (f"the factor 1/{node}" if turned else f"the factor {node}")


def _everywhere(bench: Bench, quotient: list[list[Any]], thing: Thing, turned: bool) -> bool:
    """Whether a thing, or one over it, is the quotient wherever the claim is looked at."""
    informative = False
    for at, cells in enumerate(quotient):
        value = thing.value(bench, at)
        if value is None:
            return False
        mine = cells_of(value)
        if len(mine) not in (1, len(cells)):
            return False
        for k, c in enumerate(cells):
            if c is None:
                continue
            own = mine[k if len(mine) > 1 else 0]
            if isinstance(own, bool):
                return False
            wanted = bench.numbers.mul(c, own) if turned else own
            if not bench.numbers.close(wanted, Fraction(1) if turned else c):
                return False
            informative = informative or not (bench.numbers.close(own, Fraction(1))
                                              or bench.numbers.close(own, Fraction(0)))
    return informative


def _quotients(bench: Bench, wanted: list[Value], values: list[Value]) -> list[list[Any]] | None:
    """wanted/values cell by cell at every spot; None for 0/0, nothing where it cannot be."""
    found = []
    for a, b in zip(wanted, values, strict=True):
        if a is None or b is None or plain_shape(shape_of(a)) != plain_shape(shape_of(b)):
            return None
        cells: list[Any] = []
        for x, y in zip(cells_of(a), cells_of(b), strict=True):
            if isinstance(x, bool) or isinstance(y, bool):
                return None
            if bench.numbers.close(y, Fraction(0)):
                if not bench.numbers.close(x, Fraction(0)):
                    return None
                cells.append(None)
                continue
            try:
                cells.append(bench.numbers.div(x, y))
            except Unknown:
                return None
        found.append(cells)
    return found


# --- terms

def _terms(bench: Bench, lefts: list[Value], rights: list[Value],
           pool: list[Thing]) -> Iterator[Found]:
    """A term of the pool, or a product of two, that is missing."""
    gaps = [_gap(bench, a, b) for a, b in zip(lefts, rights, strict=True)]
    if any(g is None for g in gaps):
        return
    pool = [t for t in pool if key(t.node) != key(bare(bench.left))]
    names = [t for t in pool if t.kind == "name"][:12]
    pairs = [(t,) for t in pool] + [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    for things_ in pairs:
        turn = _fills(bench, gaps, things_)
        if not turn:
            continue
        node = things_[0].node if len(things_) == 1 else times(things_[0].node, things_[1].node)
        names_in = {full_name(n.name) for n in walk(node) if isinstance(n, Symbol)}
        kind = ("weight-decay" if any(map(is_decay_name, names_in)) or _penalty(node, bench) else
                "biases" if is_bias(node) and len(things_) == 1 else "missing-term")
        new = plus(bench.right, node, "+" if turn > 0 else "-")
        word = "" if turn > 0 else "−"
        yield from _checked(bench, new, kind, f"the term {word}{said(node)} is missing",
                            1.7 + 0.3 * (len(things_) - 1))


def _penalty(node: Node, bench: Bench) -> bool:
    """Whether a formula is the name of the weight decay."""
    form = form_of(bare(node))
    found = bench.room.names.tensors(form) if form is not None else []
    return bool(found) and is_penalty(found[0][0], bench.room.names.program)


def _fills(bench: Bench, gaps: list[Value], things_: tuple[Thing, ...]) -> int:
    """Whether a product of things is what is missing everywhere: 1, -1 with a minus, or 0."""
    sign = 0
    for k, gap in enumerate(gaps):
        value = things_[0].value(bench, k)
        for other in things_[1:]:
            value = _cellwise(bench, "mul", value, other.value(bench, k))
        if value is None:
            return 0
        if not sign:
            sign = 1 if bench.same(gap, value) else -1
        if not bench.same(gap, _signed(bench, sign, value)):
            return 0
    return sign


def _signed(bench: Bench, sign: int, value: Value) -> Value:
    if value is None or sign > 0:
        return value
    return _cellwise(bench, "mul", Fraction(-1), value)


def _gap(bench: Bench, a: Value, b: Value) -> Value:
    """a - b, exactly 0 where only what rounding leaves is left."""
    made = _cellwise(bench, "sub", a, b)
    if made is None:
        return None
    cells = []
    sides = [c * (len(cells_of(made)) // len(c)) for c in (cells_of(a), cells_of(b))]
    for x, y, gap in zip(*sides, cells_of(made), strict=True):
        cells.append(Fraction(0) if bench.numbers.close(x, y) else gap)
    return type(made)(shape_of(made), tuple(cells)) if shape_of(made) else cells[0]


def _cellwise(bench: Bench, name: str, a: Value, b: Value) -> Value:
    """An operation cell by cell; None where the shapes differ."""
    if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
        return None
    left, right = cells_of(a), cells_of(b)
    if len(left) != len(right) and 1 not in (len(left), len(right)):
        return None
    most = max(len(left), len(right))
    left, right = (c * (most // len(c)) for c in (left, right))
    try:
        cells = tuple(bench.numbers.apply(name, x, y) for x, y in zip(left, right, strict=True))
    except Unknown:
        return None
    longer = a if len(cells_of(a)) == most else b
    if not shape_of(longer):
        return cells[0]
    return type(longer)(shape_of(longer), cells)


__all__ = ["missing"]
