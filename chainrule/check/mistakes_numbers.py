"""A number that is not the right one: rounded on the way, or the value of another quantity."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_digits import rounded_text
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_functions import blur, numeric
from chainrule.check.mistakes_links import means
from chainrule.check.mistakes_names import is_bias, is_penalty, symbol_of
from chainrule.check.mistakes_trees import (
    bare,
    factors,
    negated,
    number,
    outer,
    swapped,
    terms,
)
from chainrule.check.rounding import Printed, printed
from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import Array
from chainrule.check.values_names import form_of, key

_NODES: Final = 10


def scaled(bench: Bench) -> Iterator[Found]:
    """A number that is the right one times or over the number of examples."""
    shown = printed(bench.right)
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if true is None or mine is None or isinstance(true, Array | bool) or isinstance(
            mine, Array | bool) or not numeric(bench.right) or not bench.spots:
        return
    x, y = bench.numbers.exactly(true), bench.numbers.exactly(mine)
    slack = bench.slack or (shown.half * Fraction(101, 100) if shown is not None else
                            blur(bench, bench.right))
    if x is None or y is None or not slack or len(str(abs(x.numerator))) < 3:
        return
    sizes = {**{str(m): int(m) for m in means(bench) if m > 2 and m.denominator == 1},
             **bench.spots[0].world.sizes}
    for name, m in sizes.items():
        if m > 1 and abs(y - x * m) <= slack * m:
            yield Found("batch-mean", f"this is {m} times the right value: the factor 1/{name} of "
                        f"the mean is missing ({name} = {m})", 0.8, True)
        elif m > 1 and abs(y - x / m) <= slack:
            yield Found("batch-mean", f"this is the right value over {m}: it was divided by "
                        f"{name} = {m} once too often", 0.9, True)


def numbers(bench: Bench) -> Iterator[Found]:
    """Where a printed number may come from."""
    shown = printed(bench.right)
    true = bench.value(bench.left)
    if shown is None or true is None or isinstance(true, Array | bool):
        return
    if bench.numbers.exactly(true) is None:
        return
    yield from _early(bench, shown)
    yield from _one_term(bench, shown)
    yield from _copied(bench, shown)


# --- rounded on the way

def printed_before(bench: Bench) -> tuple[dict[Any, Node], dict[Any, Node]]:
    """The numbers that the paper printed before this claim, and the formulas of its names."""
    heads: dict[int, Node] = {}
    found: dict[Any, Node] = {}
    formulas: dict[Any, Node] = {}
    for judged in bench.case.judged:
        claim = judged.claim
        left, right = claim.left.node, claim.right.node
        if left is not None and not claim.link:
            heads[claim.chain] = left
        if right is None:
            continue
        if printed(right) is None:
            if left is not None:
                formulas[key(left)] = right
            continue
        if left is not None:
            found[key(left)] = right
        if claim.chain in heads:
            found[key(heads[claim.chain])] = right
    return found, formulas


def _sources(bench: Bench, tree: Node, before: dict[Any, Node], formulas: dict[Any, Node],
             depth: int = 0) -> tuple[Node, list[tuple[Node, Node]]]:
    """A formula with the paper's own rounded numbers in it, and which roundings these are.

    A number that the paper got from its own rounded numbers leads back to those.
    """
    used: list[tuple[Node, Node]] = []
    for node in list(outer(tree)):
        own = before.get(key(node))
        if own is None or node is tree or isinstance(node, Number):
            continue
        value = bench.value(node)
        shown = printed(own)
        if shown is None or value is None or isinstance(value, Array | bool) or (
                bench.numbers.close(value, shown.value)):
            continue
        tree = swapped(tree, node, own)
        formula = formulas.get(key(node)) if isinstance(node, Symbol) else None
        inner: list[tuple[Node, Node]] = []
        if formula is not None and depth < 4:
            again, inner = _sources(bench, formula, before, formulas, depth + 1)
            if not inner or not _gives(bench, again, shown):
                inner = []
        used += inner or [(formula if formula is not None else node, own)]
    return tree, used


def _early(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The number that comes out when something on the way is rounded first."""
    if not shown.decimals:
        return
    before, formulas = printed_before(bench)
    named = isinstance(bare(bench.left), Symbol)
    whole = formulas.get(key(bench.left), bench.left) if named else bench.left
    tree, used = _sources(bench, whole, before, formulas)
    if used and _gives(bench, tree, shown):
        steps = " and ".join(f"{said(n)} to {said(o)}" for n, o in used[:3])
        yield Found("early-rounding", f"it comes from rounding {steps} first", 0.3, True)
        return
    for found in (*_all_rounded(bench, shown), *_pieces_rounded(bench, shown)):
        yield found
        return
    for node in _inside(bench):
        value = bench.value(node)
        exact = bench.numbers.exactly(value) if not isinstance(value, Array | bool) and (
            value is not None) else None
        if exact is None:
            continue
        for decimals in (3, 2, 1):
            near = Fraction(round(exact * 10**decimals), 10**decimals)
            if near == exact or not near:
                continue
            put = number(node, rounded_text(abs(near), decimals).replace("−", "-"))
            tree = swapped(bench.left, node, put if near > 0 else negated(put))
            if _gives(bench, tree, shown):
                yield Found("early-rounding", f"it comes from rounding {said(node)} to "
                            f"{number_text(near)} first", 0.8, shown.digits >= 3)
                return


def _rounded(bench: Bench, node: Node, decimals: int) -> tuple[Fraction, Fraction, Node | None]:
    """A node's number, that number rounded, and what is then written for it; None for no number."""
    value = bench.value(node)
    exact = None if value is None or isinstance(value, Array | bool) else (
        bench.numbers.exactly(value))
    if exact is None:
        return Fraction(0), Fraction(0), None
    near = Fraction(round(exact * 10**decimals), 10**decimals)
    put = number(node, rounded_text(abs(near), decimals))
    return exact, near, put if near >= 0 else negated(put)


def _all_rounded(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The number that comes out when every quantity of the formula is rounded first."""
    leaves = [n for n in _inside(bench) if isinstance(n, Symbol)]
    for decimals in (3, 2, 1) if len(leaves) > 1 and shown.digits >= 3 else ():
        tree = bench.left
        steps = {}
        for leaf in leaves:
            exact, near, put = _rounded(bench, leaf, decimals)
            if put is None:
                return
            if near != exact:
                tree = swapped(tree, leaf, put)
                steps[said(leaf)] = number_text(near)
        if steps and _gives(bench, tree, shown):
            text = ", ".join(f"{name} to {near}" for name, near in steps.items())
            yield Found("early-rounding", f"it comes from rounding {text} first", 0.8, True)
            return


def _pieces_rounded(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The number that comes out of a formula of numbers when these, or its parts, are rounded."""
    if not numeric(bench.left) or shown.digits < 3:
        return
    leaves: list[Node] = [n for n in walk(bench.left)
                          if isinstance(n, Number) and "." in n.text]
    calls: list[Node] = [n for n in walk(bench.left)
                         if isinstance(n, Apply) and n.head.startswith("call:")]
    sums: list[list[Node]] = [[t for t in n.args if not isinstance(t, Number)] for n in walk(
        bench.left) if isinstance(n, Apply) and n.head == "sum"]
    for parts in (leaves, calls, *sums[:2]):
        for decimals in (3, 2, 1) if 1 <= len(parts) <= _NODES else ():
            tree, changed = bench.left, False
            for part in parts:
                exact, near, put = _rounded(bench, part, decimals)
                if put is None:
                    break
                changed = changed or near != exact
                tree = swapped(tree, part, put)
            if changed and _gives(bench, tree, shown):
                yield Found("early-rounding", f"it comes from rounding to {decimals} "
                            f"decimal{'s' * (decimals > 1)} on the way", 0.8, True)
                return


def _gives(bench: Bench, tree: Node, shown: Printed) -> bool:
    value = bench.value(tree)
    exact = None if value is None or isinstance(value, Array | bool) else (
        bench.numbers.exactly(value))
    return exact is not None and abs(exact - shown.value) <= shown.half * Fraction(101, 100)


def _inside(bench: Bench) -> list[Node]:
    """The parts of the left-hand side that have a value of their own."""
    whole = {id(m) for n in walk(bench.left) if isinstance(n, Derivative) for m in walk(n)}
    found: list[Node] = [n for n in walk(bench.left) if n is not bench.left
                         and isinstance(n, Apply | Symbol) and id(n) not in whole]
    return found[:_NODES]


# --- another quantity's value

def _one_term(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The value of one term of the sum that is asked for: the other one was not added."""
    own = formula_of(bench.room, bare(bench.left))
    parts = terms(own) if own is not None else []
    if len(parts) != 2 or shown.digits < 3:
        return
    for (_, lost), (sign, kept) in (parts, parts[::-1]):
        value = bench.value(kept)
        exact = None if value is None or isinstance(value, Array | bool) else (
            bench.numbers.exactly(value))
        if exact is None or abs(sign * exact - shown.value) > shown.half * Fraction(101, 100):
            continue
        form = form_of(bare(lost))
        names = bench.room.names.tensors(form) if form is not None else []
        kind = ("weight-decay" if names and is_penalty(names[0][0], bench.room.names.program) else
                "biases" if is_bias(lost) and len(factors(lost)) == 1 else "missing-term")
        yield Found(kind, f"this is {said(kept)} alone: the term {said(lost)} is missing", 0.8,
                    True)
        return


def _copied(bench: Bench, shown: Printed) -> Iterator[Found]:
    """The value of another quantity of the sheet, or of one that the paper worked out."""
    form = form_of(bare(bench.left))
    family = form.head[1] if form is not None else ""
    head = form_of(bare(bench.case.head)) if bench.case.head is not None else None
    world = bench.room.world(0)
    mine = {key(bench.left), key(bench.case.head)}
    options: list[tuple[float, Node, Any]] = []
    for name, tensor in world.names.program.tensors.items():
        if tensor.shape or tensor.kind != "real":
            continue
        symbol = symbol_of(name, bench.right)
        if key(symbol) in mine:
            continue
        value = bench.value(symbol)
        given = name in world.part.given
        own = form_of(symbol)
        same = bool(family) and own is not None and own.head[1].lower() == family.lower()
        options.append((0.0 if same else 0.6 if given else 0.9, symbol, value))
    for judged in bench.case.judged[-40:]:
        left, right = judged.claim.left.node, judged.claim.right.node
        if judged.verdict == "right" and left is not None and right is not None and (
                key(left) not in mine) and printed(right) is not None and not literal(left):
            own = form_of(bare(left))
            same = own is not None and own.head[1].lower() == family.lower() and bool(family)
            options.append((0.2 if same else 0.8, left, bench.value(right)))
    del head
    options.sort(key=lambda o: o[0])
    for cost, node, value in options:
        exact = None if value is None or isinstance(value, Array | bool) else (
            bench.numbers.exactly(value))
        if exact is None or abs(exact - shown.value) > (shown.half if shown.decimals else 0):
            continue
        trivial = shown.digits < 2 and abs(shown.value) <= 2
        if cost > 0.2 and (trivial or shown.digits < 2):
            continue
        yield Found("copied", f"{said(bench.right)} is the value of {said(node)}", 1.0 + cost,
                    cost <= 0.2 or shown.digits >= 3)
        return


__all__ = ["numbers", "printed_before", "scaled"]
