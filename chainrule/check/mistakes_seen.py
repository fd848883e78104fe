"""What can be seen in a formula itself: a term twice, an exponent or a factor that got lost.

Such marks are hardly there by accident. Where the claim holds without them, they are the reason,
whatever else would make it hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_indices import adjoints, bounds, other_cell, unused
from chainrule.check.mistakes_names import is_bias, spelled
from chainrule.check.mistakes_trees import (
    apply,
    bare,
    number,
    over,
    swapped,
    terms,
    times,
    without,
)
from chainrule.check.rounding import printed
from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import Array
from chainrule.check.values_names import key

_SUMS: Final = 12
_PARTS: Final = 24
_POWERS: Final = 6
_MORE: Final = 4  # terms that may be the missing one of a row
_LOGS: Final = frozenset(f"call:{name}" for name in ("log", "ln", "log10", "log2", "lg", "Log"))


def seen(bench: Bench) -> Iterator[Found]:
    """Marks of a mistake in the right-hand side, or in the numbers that are worked out."""
    if printed(bench.right) is None:
        yield from _twice(bench, bench.right, True)
        yield from unused(bench)
        yield from bounds(bench)
        yield from _mean(bench)
        yield from _exponents(bench)
        yield from _in_logarithm(bench)
        yield from adjoints(bench)
        yield from _continued(bench)
    elif literal(bench.left):
        yield from _twice(bench, bench.left, False)
        yield from _turned(bench)


def _twice(bench: Bench, tree: Node, right: bool) -> Iterator[Found]:
    """A term that stands twice, once too often."""
    for node in [n for n in walk(tree) if isinstance(n, Apply) and n.head == "sum"][:_SUMS]:
        if len(node.signs) != len(node.args) or len(node.args) < 2:
            continue
        for k in range(1, len(node.args)):
            if not any(key(node.args[j]) == key(node.args[k]) and node.signs[j] == node.signs[k]
                       for j in range(k)):
                continue
            new = swapped(tree, node, without(node, k))
            sides = (bench.left, new) if right else (new, bench.right)
            if bench.fits(*sides) and bench.holds(*sides):
                firm = not right or literal(tree) or bench.sure(*sides)
                other = other_cell(bench, node, k) if right and firm else None
                if other is not None:
                    yield Found("index", f"one {said(node.args[k])} has to be {said(other)}", 0.6,
                                True, f"Check the indices of {said(node.args[k])}.")
                    return
                yield Found("extra-term", f"the term {said(node.args[k])} stands there twice",
                            0.6 if firm else 1.6, firm)
                return


def _turned(bench: Bench) -> Iterator[Found]:
    """A fraction of numbers upside down, or not rounded, that is worked out as it should be."""
    for node in [n for n in walk(bench.left) if isinstance(n, Apply)][:_SUMS]:
        if node.head == "frac" and bench.fits(swapped(bench.left, node, apply(
                node, "frac", *node.args[::-1])), bench.right):
            yield Found("upside-down", f"{said(node)} stands upside down", 0.8, True)
            return
        if node.head == "frac" or (node.head == "product" and "/" in node.signs[-1:]):
            size = bench.value(node)
            for head, way in (("floor", "down"), ("ceil", "up")):
                if type(size) is not Fraction or size < 1:
                    break  # a share is no size
                new = swapped(bench.left, node, apply(node, head, node))
                if bench.fits(new, bench.right):
                    yield Found("size-floor", f"{said(node)} was rounded {way}", 0.8, True)
                    return


# --- exponents

def _exponents(bench: Bench) -> Iterator[Found]:
    """An exponent that is another one, or is missing where the side before has it."""
    derived = any(isinstance(n, Derivative) for n in walk(bench.left))
    for node, new, text, cost, kind in _other_exponents(bench):
        whole = swapped(bench.right, node, new)
        if bench.fits(bench.left, whole) and bench.holds(bench.left, whole):
            firm = bench.sure(bench.left, whole) or literal(bench.right)
            yield Found(kind if derived else "exponent", text, cost if firm else 1.5, firm)
            return


def _other_exponents(bench: Bench) -> Iterator[tuple[Node, Node, str, float, str]]:
    own = formula_of(bench.room, bare(bench.left))
    powers = [n for side in (bench.left, own) if side is not None for n in walk(side)
              if isinstance(n, Apply) and n.head == "power"][:_POWERS]
    raised = [(bench.value(n.args[0]), n.args[1]) for n in powers
              if isinstance(n.args[1], Number)]
    for node in [n for n in walk(bench.right) if isinstance(n, Apply)][:_PARTS]:
        if node.head == "power":
            base, exponent = node.args
            mine = bench.value(base) if raised else None
            for value, other in raised:
                if key(other) != key(exponent) and mine is not None and bench.same(value, mine):
                    yield (node, apply(node, "power", base, other), f"the exponent of {said(base)} "
                           f"has to be {said(other)}", 0.8, "exponent")
            continue
        if node.head not in ("sum", "product", "frac") or (node.head == "sum" and not raised):
            continue
        for part in node.args:
            if isinstance(part, Number) and part.text in ("0", "1"):
                continue
            mine = bench.value(part) if raised else None
            if isinstance(part, Number) and sum(isinstance(n, Number) and n.text == part.text
                                                for n in node.args) > 1:
                continue
            for value, other in raised:
                if mine is not None and bench.same(value, mine):
                    yield (part, apply(part, "power", part, other),
                           f"the exponent {said(other)} of {said(part)} is missing", 0.8,
                           "exponent")
        below = node.args[1] if node.head == "frac" else None
        if isinstance(below, Apply) and below.head == "sum" and not _of_quotient(bench.left):
            yield (below, apply(below, "power", below, number(below, "2")),
                   f"{said(below)} has to be squared", 0.9, "exponent")


def _of_quotient(node: Node) -> bool:
    """Whether a derivative is that of a fraction as it stands there."""
    return any(isinstance(n, Derivative) and n.top is not None and isinstance(bare(n.top), Apply)
               and getattr(bare(n.top), "head", "") == "frac" for n in walk(node))


def _in_logarithm(bench: Bench) -> Iterator[Found]:
    """The logarithm of a fraction that stands upside down: its sign is another one then."""
    for node in [n for n in walk(bench.right) if isinstance(n, Apply) and len(n.args) == 1
                 and n.head in _LOGS][:_SUMS]:
        inner = bare(node.args[0])
        if isinstance(inner, Apply) and inner.head == "frac" and not all(
                isinstance(a, Number) for a in inner.args):
            new = swapped(bench.right, inner, apply(inner, "frac", *inner.args[::-1]))
            if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                yield Found("upside-down", f"{said(inner)} stands upside down", 0.95,
                            bench.sure(bench.left, new))
                return


# --- terms

def _continued(bench: Bench) -> Iterator[Found]:
    """A sum of terms that are alike but for their number, without one of them."""
    if any(isinstance(n, Derivative) for n in walk(bench.left)):
        return  # the ways of a derivative have names of their own
    for node in [n for n in walk(bench.right) if isinstance(n, Apply) and n.head == "sum"
                 and 2 <= len(n.args) == len(n.signs)][:_SUMS]:
        there = {key(a) for a in node.args}
        made: dict[object, tuple[Node, str]] = {}
        for sign, term in zip(node.signs, node.args, strict=True):
            for new in _next_numbers(term):
                made.setdefault(key(new), (new, sign))
        for term, sign in [m for k, m in made.items() if k not in there][:_MORE]:
            for k, twice in enumerate(node.args):
                put = swapped(bench.right, twice, term)
                if any(key(a) == key(twice) for a in node.args[:k]) and bench.fits(
                        bench.left, put) and bench.holds(bench.left, put):
                    yield Found("index", f"one {said(twice)} has to be {said(term)}", 0.6, True,
                                f"Check the indices of {said(twice)}.")
                    return
            more = replace(node, args=(*node.args, term), signs=(*node.signs, sign))
            whole = swapped(bench.right, node, more)
            if bench.fits(bench.left, whole) and bench.holds(bench.left, whole) and bench.sure(
                    bench.left, whole):
                yield Found("biases" if is_bias(term) else "missing-term",
                            f"the term {said(term)} is missing", 0.9, True)
                return


def _next_numbers(term: Node) -> Iterator[Node]:
    """A term with the number before or after its own in all of its names; a₂₁ for a₁₂."""
    numbers = [n for s in walk(term) if isinstance(s, Symbol) for n in s.subs
               if isinstance(n, Number) and n.text.isdigit()]
    if len({n.text for n in numbers}) != 1:
        return
    own = int(numbers[0].text)
    turned = int(numbers[0].text[::-1]) if 10 < own < 100 else 0
    for other in (own + 1, own - 1, turned):
        if other > 0:
            made = term
            for n in numbers:
                made = swapped(made, n, number(n, str(other)))
            yield made


# --- factors

def dropped(bench: Bench) -> Iterator[Found]:
    """The formula of the sheet or of the side before, word by word, but for one factor."""
    mine = key(bare(bench.right))
    own = formula_of(bench.room, bare(bench.left))
    for source in (bench.left, own):
        if source is None:
            continue
        for node in list(walk(source))[:_PARTS]:
            if not isinstance(node, Apply) or node.head != "product" or len(node.args) < 2:
                continue
            for k, factor in enumerate(node.args):
                made = bare(swapped(source, node, without(node, k)))
                if key(made) == mine and not any(isinstance(n, Derivative) for n in walk(factor)):
                    yield Found("factor", f"the factor {said(factor)} is missing", 0.9, True)
                    return
    yield from _matrix(bench)


def _matrix(bench: Bench) -> Iterator[Found]:
    """A matrix that the one on the right has to be multiplied with."""
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if not isinstance(bare(bench.right), Symbol) or not all(
            isinstance(v, Array) and sum(n > 1 for n in v.shape) == 2 for v in (true, mine)):
        return
    tensors = [n for n, t in bench.room.names.program.tensors.items()
               if len(t.shape) == 2 and t.role in ("input", "parameter")]
    for name in tensors[:_POWERS]:
        symbol = spelled(bench, name, bench.right)
        for factor in (symbol, apply(symbol, "transpose", symbol)):
            for new, where in ((times(factor, bench.right), "before"),
                               (times(bench.right, factor), "behind")):
                if bench.fits(bench.left, new) and bench.holds(bench.left, new) and bench.sure(
                        bench.left, new):
                    yield Found("factor", f"the factor {said(factor)} is missing {where} "
                                f"{said(bench.right)}", 0.9, True)
                    return


# --- means

def _mean(bench: Bench) -> Iterator[Found]:
    """Three terms and more that are added, where their mean is asked for."""
    total = bare(bench.right)
    m = len(terms(total))
    if m < 3 or not isinstance(total, Apply) or total.head != "sum":
        return
    true, mine = bench.value(bench.left), bench.value(total)
    if mine is None or true is None or bench.same(mine, Fraction(0)):
        return
    new = over(total, number(total, str(m)))
    if bench.fits(bench.left, new) and bench.holds(bench.left, new):
        yield Found("batch-mean", f"this is {m} times the right value: the {m} terms are added, "
                    "and their mean is asked for", 0.7, bench.sure(bench.left, new)
                    or bench.telling)


__all__ = ["dropped", "seen"]
