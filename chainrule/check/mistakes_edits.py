"""Small changes of a formula, each of them the undoing of a known mistake.

`edits` makes them from the tree alone, for any formula: a sign turned, a factor or a term left
out, a fraction upside down, an index or an exponent changed, a function for a related one. An edit
of the side that a student wrote, which makes the claim right, says what should be different
(`need`); an edit of the side before it, which gives what the student wrote, says what was done
(`done`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, ordinal, said
from chainrule.check.mistakes_trees import (
    apply,
    bare,
    factors,
    negated,
    number,
    outer,
    plain_value,
    plus,
    times,
    without,
)
from chainrule.check.tree import (
    OPPOSITE,
    Apply,
    Choice,
    Integral,
    Item,
    Matrix,
    Node,
    Number,
    Reduce,
    Symbol,
    parts,
    walk,
)
from chainrule.check.values import Array
from chainrule.check.values_names import key

_MOST: Final = 160
_FAMILIES: Final = (
    ("sin", "cos", "tan", "sinh", "cosh"), ("ln", "log", "log10", "log2", "exp"),
    ("sigmoid", "σ", "sigma", "tanh"), ("sqrt", "square"),
    ("relu", "ReLU", "leaky_relu", "LReLU", "LeakyReLU", "heaviside", "H"),
)  # fmt: skip
_LOGS: Final = frozenset({"ln", "log", "log10", "log2", "lg", "Log"})
_ANGLES: Final = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})


@dataclass(frozen=True, slots=True)
class Edit:
    """One node exchanged for another: as a repair (`need`), or as what was done (`done`).

    `undone` is the kind of the mistake where the edit is what was done.
    """

    kind: str
    before: Node
    after: Node
    cost: float
    need: str
    done: str = ""
    undone: str = ""
    hint: str = ""


def edits(whole: Node, bench: Bench, backwards: bool = False) -> list[Edit]:
    """All edits of a formula, the likeliest first; `backwards` for what may have been done."""
    found: list[Edit] = []
    for node in walk(whole):
        found += _own(node, whole, bench, backwards)
        if len(found) > 4 * _MOST:
            break
    found.sort(key=lambda e: e.cost)
    return found[:_MOST]


def _own(node: Node, whole: Node, bench: Bench, backwards: bool) -> Iterator[Edit]:
    if node is whole or isinstance(node, Choice | Matrix):
        inner = [node] if node is whole else list(parts(node))
        for part in inner:
            yield from _minus(part, whole)
    if isinstance(node, Apply):
        if node.head == "sum":
            yield from _sum(node)
        elif node.head in ("product", "juxtaposed"):
            yield from _product(node, bench)
        elif node.head == "frac":
            yield from _fraction(node)
        elif node.head == "neg" and node is not whole:
            yield Edit("sign", node, node.args[0], 1.0,
                       f"the minus before {said(node.args[0])} does not belong",
                       f"the minus before {said(node.args[0])} was dropped")
        elif node.head == "power":
            yield from _power(node)
        elif node.head == "transpose":
            yield Edit("transpose", node, node.args[0], 1.0,
                       f"{said(node.args[0])} is not to be transposed here")
        elif node.head in ("floor", "ceil"):
            yield from _whole(node)
        elif node.head.startswith("call:"):
            yield from _call(node, bench, backwards)
    elif isinstance(node, Reduce):
        yield from _reduce(node)
    elif isinstance(node, Integral):
        yield from _integral(node, bench)
    elif isinstance(node, Choice):
        yield from _choice(node)
    if isinstance(node, Apply) and (node.head == "power" or node.head.startswith("call:")):
        yield from _inside(node, bench)
    if isinstance(node, Reduce) or (isinstance(node, Apply) and node.head in (
            "sum", "product", "juxtaposed")):
        yield from _squares(node)


# --- sums

def _minus(node: Node, whole: Node) -> Iterator[Edit]:
    """The whole with the other sign."""
    if isinstance(node, Choice | Matrix) or (isinstance(node, Apply) and node.head in (
            "compare", "words", "and", "or", "in", "forall")):
        return
    has = isinstance(node, Apply) and node.head == "neg"
    plain = said(node.args[0] if has and isinstance(node, Apply) else node)
    if has:
        yield Edit("sign", node, negated(node), 1.0, f"there must be no minus before {plain}",
                   "the minus in front was dropped", hint="Check the sign in front.")
    else:
        what = "a minus is missing in front" if node is whole else f"{plain} needs a minus"
        yield Edit("sign", node, negated(node), 1.1, what, "a minus was put in front",
                   hint="Check the sign in front." if node is whole else "")


def _sum(node: Apply) -> Iterator[Edit]:
    n = len(node.args)
    for k, (sign, term) in enumerate(zip(node.signs, node.args, strict=False)):
        if n > 12:
            break
        other = "-" if sign != "-" else "+"
        word = "minus" if other == "-" else "plus"
        which = ordinal(k, n)
        new = replace(node, signs=(*node.signs[:k], other, *node.signs[k + 1 :]))
        yield Edit("sign", node, new, 1.0 + 0.02 * (k == 0),
                   f"the {which} term, {said(term)}, needs a {word}",
                   f"the {which} term, {said(term)}, was taken with a {word}",
                   hint=f"Check the sign of the {which} term.")
        if n > 1:
            yield Edit("extra-term", node, without(node, k), 1.6,
                       f"the {which} term, {said(term)}, does not belong here",
                       f"the {which} term, {said(term)}, was left out", "missing-term")
        if n > 2:
            only = negated(term) if sign == "-" else term
            yield Edit("extra-term", node, only, 2.0, f"only the term {said(term)} belongs here",
                       f"only the term {said(term)} was taken", "missing-term")
        yield from _bracket(node, k)


def _bracket(node: Apply, k: int) -> Iterator[Edit]:
    """a + b·c for (a + b)·c, and the like."""
    term = node.args[k]
    found = factors(term)
    if len(found) < 2 or len(node.args) != 2:
        return
    other = node.args[1 - k]
    sign = node.signs[1] if len(node.signs) > 1 else "+"
    for f in (found[0], found[-1]):
        rest = [g for g in found if g is not f]
        body = rest[0]
        for g in rest[1:]:
            body = times(body, g)
        pair = plus(other, body, sign) if k else plus(body, other, sign)
        yield Edit("brackets", node, times(f, pair), 1.7,
                   f"the factor {said(f)} belongs to the whole bracket, to {said(pair)}")


# --- products and powers

def _product(node: Apply, bench: Bench) -> Iterator[Edit]:
    n = len(node.args)
    for factor in node.args[:10]:
        one = number(factor, "1")
        if isinstance(factor, Apply) and factor.head == "neg":
            yield Edit("missing-term", factor, plus(one, factor.args[0], "-"), 1.8,
                       f"{said(plus(one, factor.args[0], '-'))} belongs here, not {said(factor)}")
        elif isinstance(factor, Symbol) or (isinstance(factor, Apply)
                                            and factor.head.startswith("call:")):
            yield Edit("missing-term", factor, plus(one, factor, "-"), 2.0,
                       f"{said(plus(one, factor, '-'))} belongs here, not {said(factor)}")
    for k, factor in enumerate(node.args[:10]):
        if n > 1:
            yield Edit("factor", node, without(node, k), 1.5,
                       f"the factor {said(factor)} does not belong here",
                       f"the factor {said(factor)} was left out")
        if k and k < len(node.signs) and node.signs[k] in ("/", "*", "dot", ""):
            other = "/" if node.signs[k] != "/" else "*"
            verb = "divided" if other == "/" else "multiplied"
            new = replace(node, signs=(*node.signs[:k], other, *node.signs[k + 1 :]))
            if node.signs[k] == "/" and k == n - 1:
                for whole, word in (("floor", "down"), ("ceil", "up")):
                    yield Edit("size-floor", node, apply(node, whole, node), 1.3,
                               f"{said(node)} has to be rounded {word}",
                               f"{said(node)} was rounded {word}")
            yield Edit("upside-down", node, new, 2.0,
                       f"it is to be {verb} {'by' if verb == 'divided' else 'with'} "
                       f"{said(factor)}", f"it was {verb} "
                       f"{'by' if verb == 'divided' else 'with'} {said(factor)}")
        if k and _is_array(factor, bench) and _is_array(node.args[k - 1], bench):
            args = list(node.args)
            args[k - 1], args[k] = args[k], args[k - 1]
            yield Edit("order", node, replace(node, args=tuple(args)), 1.3,
                       f"{said(args[k - 1])} has to stand before {said(args[k])}")
        if _is_matrix(factor, bench) and not (isinstance(factor, Apply)
                                              and factor.head == "transpose"):
            yield Edit("transpose", factor, apply(factor, "transpose", factor), 1.0,
                       f"{said(factor)} has to be transposed")
    for k in range(1, n):  # a·b where a + b belongs
        if n == 2 and node.signs[k : k + 1] != ("/",):
            yield Edit("arithmetic", node, plus(node.args[0], node.args[1]), 2.6,
                       f"{said(node.args[0])} and {said(node.args[1])} are to be added",
                       f"{said(node.args[0])} and {said(node.args[1])} were added, not multiplied")


def _is_array(node: Node, bench: Bench) -> bool:
    value = bench.value(node) if bench.spots else None
    return isinstance(value, Array) and len(value.cells) > 1


def _is_matrix(node: Node, bench: Bench) -> bool:
    value = bench.value(node) if bench.spots else None
    return isinstance(value, Array) and sum(n > 1 for n in value.shape) > 1


def _fraction(node: Apply) -> Iterator[Edit]:
    top, below = node.args
    yield Edit("upside-down", node, apply(node, "frac", below, top), 1.5,
               f"{said(node)} stands upside down", f"{said(node)} was turned upside down")
    yield Edit("factor", node, top, 1.8, f"the division by {said(below)} does not belong here",
               f"the division by {said(below)} was left out")
    yield Edit("upside-down", node, times(top, below), 2.2,
               f"it is to be multiplied with {said(below)}, not divided by it",
               f"it was multiplied with {said(below)}, not divided by it")
    plain = bare(below)
    if isinstance(plain, Number) and plain.text.isdigit() and 2 <= int(plain.text) <= 99:
        for n in (int(plain.text) - 1, int(plain.text) + 1):
            yield Edit("wrong-number", plain, number(plain, str(n)), 1.5,
                       f"it is to be divided by {n}, not by {plain.text}",
                       f"it was divided by {n}, not by {plain.text}",
                       hint="By how many is it to be divided?")
    if not isinstance(bare(below), Number):
        more = apply(node, "frac", top, plus(number(below, "1"), below))
        yield Edit("missing-term", node, more, 2.0, f"1 + {said(below)} belongs below, not "
                   f"{said(below)}")
    if not isinstance(bare(top), Number):
        for sign, word in (("+", "+ 1"), ("-", "− 1")):
            more = apply(node, "frac", plus(top, number(top, "1"), sign), below)
            yield Edit("missing-term", node, more, 2.0, f"{said(top)} {word} belongs above, not "
                       f"{said(top)}")
    yield Edit("size-floor", node, apply(node, "floor", node), 1.2,
               f"{said(node)} has to be rounded down", f"{said(node)} was rounded down")
    yield Edit("size-floor", node, apply(node, "ceil", node), 1.4,
               f"{said(node)} has to be rounded up", f"{said(node)} was rounded up")


def _power(node: Apply) -> Iterator[Edit]:
    base, exponent = node.args
    yield Edit("exponent", node, base, 1.6, f"{said(base)} has to stand without an exponent",
               f"the exponent of {said(base)} was left out")
    sign, inner = 1, exponent
    if isinstance(inner, Apply) and inner.head == "neg":
        sign, inner = -1, inner.args[0]
    if isinstance(inner, Number) and inner.text.isdigit() and len(inner.text) < 4:
        n = sign * int(inner.text)
        for new, cost in ((n - 1, 1.5), (n + 1, 1.6), (-n, 1.8)):
            if new == 0:
                continue
            put = number(exponent, str(abs(new)))
            after = apply(node, "power", base, negated(put) if new < 0 else put)
            yield Edit("exponent", node, after, cost,
                       f"the exponent of {said(base)} has to be {new}".replace("-", "−"),
                       f"{said(base)} was taken to the power {new}".replace("-", "−"))
        if n == 2:
            yield Edit("exponent", node, times(number(node, "2"), base), 1.9,
                       f"2 {said(base)} belongs here, not the square",
                       f"{said(base)} was doubled, not squared")
    else:
        broken = plain_value(exponent)
        for step in (-1, 1) if broken is not None and broken.denominator > 1 else ():
            other = broken + step if broken is not None else Fraction(step)
            size = half(exponent, abs(other))
            after = apply(node, "power", base, negated(size) if other < 0 else size)
            yield Edit("exponent", node, after, 1.4,
                       f"the exponent of {said(base)} has to be {other}".replace("-", "−"),
                       f"{said(base)} was taken to the power {other}".replace("-", "−"))
        yield Edit("sign", node, apply(node, "power", base, negated(exponent)), 1.5,
                   f"the exponent of {said(base)} has the wrong sign",
                   hint=f"Check the sign of the exponent of {said(base)}.")


def _squares(node: Apply | Reduce) -> Iterator[Edit]:
    """A term or a factor whose square belongs there."""
    inside = (node.body,) if isinstance(node, Reduce) else node.args[:8]
    for part in inside:
        named = isinstance(part, Symbol | Number) or (isinstance(part, Apply) and (
            part.head == "sum" or part.head.startswith("call:")))
        if named and not (isinstance(part, Number) and part.text in ("0", "1")):
            yield Edit("exponent", part, apply(part, "power", part, number(part, "2")), 1.55,
                       f"{said(part)} has to be squared")


def _inside(node: Apply, bench: Bench) -> Iterator[Edit]:
    """A factor of the claim's that is missing in an exponent or in an argument."""
    met: dict[object, Symbol] = {}
    for side in (bench.left, bench.right):
        for n in outer(side):
            if isinstance(n, Symbol) and not n.subs and len(met) < 5:
                met.setdefault(key(n), n)
    arg = node.args[-1]
    own = {key(f) for f in factors(arg)}
    if isinstance(arg, Number):
        return
    if node.head.startswith("call:"):
        for scale in (apply(arg, "frac", number(arg, "1"), number(arg, "2")), number(arg, "2")):
            after = replace(node, args=(*node.args[:-1], times(scale, arg)))
            yield Edit("factor", node, after, 2.1,
                       f"{said(arg)} lacks the factor {said(scale)} in {said(node)}")
    for k, symbol in met.items():
        if k not in own:
            after = replace(node, args=(*node.args[:-1], times(symbol, arg)))
            yield Edit("factor", node, after, 2.0,
                       f"{said(arg)} lacks the factor {said(symbol)} in {said(node)}")


def _whole(node: Apply) -> Iterator[Edit]:
    inner = node.args[0]
    other = "ceil" if node.head == "floor" else "floor"
    yield Edit("size-floor", node, replace(node, head=other), 1.5,
               f"{said(inner)} has to be rounded {'up' if other == 'ceil' else 'down'}",
               f"{said(inner)} was rounded {'up' if other == 'ceil' else 'down'}")
    yield Edit("size-floor", node, inner, 1.6, f"{said(inner)} is not to be rounded",
               f"{said(inner)} was not rounded")


# --- functions

def _call(node: Apply, bench: Bench, backwards: bool) -> Iterator[Edit]:
    name = node.head[5:]
    if name in _LOGS and len(node.args) == 1:
        for other in ("ln", "log10", "log2"):
            if other != name:
                new = replace(node, head=f"call:{other}")
                yield Edit("log-base", node, new, 1.2,
                           f"{said(node)} has to be the logarithm to the base {_BASES[other]}",
                           f"{said(node)} was taken to the base {_BASES[other]}")
    if name in _ANGLES and len(node.args) == 1 and backwards:
        turned = times(node.args[0], apply(node, "frac", Symbol(node.start, node.end, "pi"),
                                           number(node, "180")))
        yield Edit("degrees", node, replace(node, args=(turned,)), 0.9,
                   f"{said(node)} is meant in radians",
                   f"{said(node)} was worked out in degrees")
    if len(node.args) == 1:
        yield Edit("sign", node, replace(node, args=(negated(node.args[0]),)), 1.6,
                   f"the argument of {said(node)} has the wrong sign")
    family = next((f for f in _FAMILIES if name in f), ())
    others = [*family, *_defined(bench)] if len(node.args) == 1 else []
    for other in dict.fromkeys(others):
        if other != name and not {name, other} <= _LOGS:
            new = replace(node, head=f"call:{other}")
            yield Edit("wrong-function", node, new, 2.0,
                       f"{said(new)} belongs here, not {said(node)}",
                       f"{said(new)} was worked out, not {said(node)}")
    if len(node.args) == 1:
        yield Edit("wrong-function", node, node.args[0], 2.2,
                   f"{said(node.args[0])} belongs here, not {said(node)}",
                   f"{name} was left out")


_BASES: Final = {"ln": "e", "log10": "10", "log2": "2"}


def _defined(bench: Bench) -> list[str]:
    """Functions of one argument that the sheet or the paper defines."""
    return [head[1] for head, found in bench.room.scope.definitions.items()
            if head[0] == "call" and any(d.form.args and len(d.form.args) == 1
                                         for d in found)][:6]


# --- sums over an index, integrals, cases

def _reduce(node: Reduce) -> Iterator[Edit]:
    one = number(node, "1")
    for k, item in enumerate(node.items):
        if item.index is None:
            continue
        for name, bound in (("lower", item.lower), ("upper", item.upper)):
            if bound is None:
                continue
            for sign, cost in (("+", 1.6), ("-", 1.6)):
                new = _shifted(bound, sign, one)
                moved = replace(item, lower=new) if name == "lower" else replace(item, upper=new)
                items = (*node.items[:k], moved, *node.items[k + 1 :])
                word = "start" if name == "lower" else "stop"
                yield Edit("lost-bound", node, replace(node, items=items), cost,
                           f"the sum over {said(item.index)} has to {word} one "
                           f"{'later' if sign == '+' else 'earlier'}")
    if node.op == "sum":
        yield Edit("wrong-axis", node, node.body, 1.9,
                   f"there is nothing to be summed here: only {said(node.body)} belongs",
                   "the sum was left out", "missing-term")


def _shifted(bound: Node, sign: str, one: Node) -> Node:
    if isinstance(bound, Number) and bound.text.isdigit():
        return number(bound, str(max(int(bound.text) + (1 if sign == "+" else -1), 0)))
    return plus(bound, one, sign)


def _integral(node: Integral, bench: Bench) -> Iterator[Edit]:
    letters: dict[object, Node] = {}
    for n in walk(bench.left):
        if isinstance(n, Symbol) and n.name != node.variable.name:
            letters.setdefault(key(n), n)
    zero: Node = number(node, "0")
    for name in ("upper", "lower"):
        old = getattr(node, name)
        for new in (*list(letters.values())[:4], zero):
            if old is None or key(old) != key(new):
                after = replace(node, lower=new) if name == "lower" else replace(node, upper=new)
                yield Edit("lost-bound", node, after, 1.3 + 0.1 * (not _infinite(old)),
                           f"the {name} limit of the integral has to be {said(new)}",
                           hint=f"Check the {name} limit of the integral.")


def _infinite(bound: Node | None) -> bool:
    return bound is not None and any(isinstance(n, Symbol) and "inf" in n.name
                                     for n in walk(bound))


def _choice(node: Choice) -> Iterator[Edit]:
    rows = node.rows
    for a in range(len(rows)):
        for b in range(a + 1, min(len(rows), 5)):
            new = list(rows)
            new[a], new[b] = (rows[b][0], rows[a][1]), (rows[a][0], rows[b][1])
            yield Edit("case-labels", node, replace(node, rows=tuple(new)), 1.2,
                       f"the {ordinal(a, 9)} and the {ordinal(b, 9)} case are exchanged")
        condition = rows[a][1]
        if isinstance(condition, Apply) and condition.head == "compare" and len(
                condition.signs) == 1 and condition.signs[0] in OPPOSITE:
            sign = condition.signs[0]
            strict = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}.get(sign)
            for other, kind, cost in ((OPPOSITE[sign], "case-labels", 1.3),
                                      (strict, "kink", 1.1)):
                if other:
                    new_condition = replace(condition, signs=(other,))
                    yield Edit(kind, condition, new_condition, cost,
                               f"the {ordinal(a, 9)} case has to be {said(new_condition)}")


def half(at: Node, value: Fraction) -> Node:
    """A plain number or fraction as a tree."""
    if value.denominator == 1:
        return number(at, str(value.numerator))
    return apply(at, "frac", number(at, str(value.numerator)), number(at, str(value.denominator)))


__all__ = ["Edit", "Item", "edits", "half"]
