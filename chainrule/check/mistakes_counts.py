"""Sizes and counts: the + 1, the rounding, another layer's size, channels, biases, operations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.judge_words import number_text
from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_names import is_channels_name
from chainrule.check.mistakes_trees import bare, factors, number, plus, swapped
from chainrule.check.tree import Apply, Node, Number, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_names import form_of, full_name, key, label_text
from chainrule.lang.expr import walk as expression_walk

_OPERATIONS: Final = re.compile(r"flop|multipl|operation|\bmacs?\b|addition", re.IGNORECASE)
_PARAMETERS: Final = re.compile(r"parameter|weight", re.IGNORECASE)
_SIZES: Final = re.compile(r"size|shape|output|dimension|width|height", re.IGNORECASE)
_MOST: Final = 14


def counts(bench: Bench) -> Iterator[Found]:
    """What may be wrong with a size or a count of whole numbers."""
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if true is None or mine is None or not _whole(true) or isinstance(mine, bool):
        return
    if not isinstance(true, Array) and not isinstance(mine, Array):
        yield from _floor(bench, true, mine)
    known = _known(bench)
    about = _about(bench)
    if not isinstance(true, Array) and not isinstance(mine, Array):
        yield from _ratio(bench, true, mine, known, about)
    yield from _plus_one(bench, true, mine, about)
    yield from _other_size(bench, known)
    if not isinstance(true, Array) and not isinstance(mine, Array):
        yield from _other_biases(bench, known)
        yield from _one_number(bench, true, mine, known)


def _floor(bench: Bench, true: Any, mine: Any) -> Iterator[Found]:
    for node in walk(bench.right):
        if isinstance(node, Apply) and node.head == "ceil" and bench.holds(
                bench.left, swapped(bench.right, node, replace(node, head="floor"))):
            yield Found("size-floor", f"{said(node.args[0])} has to be rounded down", 0.6, True)
    exact = bench.numbers.exactly(mine)
    if exact is not None and exact.denominator != 1 and true in (
            exact.__floor__(), exact.__ceil__()):
        way = "down" if true < exact else "up"
        yield Found("size-floor", f"{number_text(exact)} is no whole number: it has to be rounded "
                    f"{way}", 0.6, True)


def _whole(value: Any) -> bool:
    return all(type(c) is Fraction and c.denominator == 1 and abs(c) >= 2
               for c in cells_of(value))


def _about(bench: Bench) -> str:
    """The words about a claim: the question's, and what stands before it."""
    claim, question = bench.case.claim, bench.case.question
    words = [claim.context.before, claim.context.heading, claim.left.text]
    if question is not None:
        words += [question.title, question.of, *question.phrases]
    return " ".join(words)


def _known(bench: Bench) -> dict[int, list[str]]:
    """Whole numbers that the part knows: its scalars, and the entries of its sizes."""
    found: dict[int, list[str]] = {}
    world = bench.room.world(0)
    for name, tensor in world.names.program.tensors.items():
        if tensor.kind != "real" or len(tensor.shape) > 1:
            continue
        try:
            cells = cells_of(world.cells.tensor(name))
        except Exception:  # whatever has no value in this world is no size
            continue
        for c in cells:
            if type(c) is Fraction and c.denominator == 1 and 2 <= c <= 10**5:
                found.setdefault(int(c), []).append(name)
    return found


def _ratio(bench: Bench, true: Any, mine: Any, known: dict[int, list[str]],
           about: str) -> Iterator[Found]:
    if type(mine) is not Fraction or not mine:
        return
    name = said(bench.right)
    ratio, gap = true / mine, true - mine
    counted = "multiplications" if "multipl" in about.lower() else "operations"
    if _OPERATIONS.search(about) and ratio in (2, Fraction(1, 2)):
        times = "twice" if ratio < 1 else "half"
        yield Found("mac-flop", f"this is {times} the number of {counted}: a multiplication and "
                    "its addition were counted as " + ("two" if ratio < 1 else "one"), 0.6, True)
    parameters = bool(_PARAMETERS.search(about))
    kind, lost = _lost(bench)
    if lost and kind != "input-channels":
        yield Found("factor", f"the factor {lost} is missing", 1.0, True)
        return
    for whole, turned in ((ratio, False), (1 / ratio, True)):
        if whole.denominator != 1 or whole < 2:
            continue
        names = known.get(int(whole), [])
        channels = [n for n in names if is_channels_name(n)]
        if channels and not turned:
            layer = "input channels" if parameters or _OPERATIONS.search(about) else channels[0]
            yield Found("input-channels", f"the number of {layer}, {whole}, is missing as a "
                        "factor: each kernel reaches through all of them", 0.7, True)
        elif names and not turned:
            yield Found("factor", f"the factor {whole} is missing", 1.9, bench.telling)
        elif names:
            yield Found("factor", f"the factor {whole} does not belong", 2.0, bench.telling)
    for biases, text in ((gap, "are left out"), (-gap, "are counted")):
        if isinstance(bare(bench.left), Apply) and literal(bench.left):
            break  # a formula of numbers has the biases in it, or has not
        names = known.get(int(biases), []) if biases.denominator == 1 and biases > 1 else []
        if parameters and any(is_channels_name(n) for n in names):
            wrong = "" if text == "are left out" else ", and are not to be"
            yield Found("biases", f"the {biases} biases {text}{wrong}", 0.8, True)
    del name


def _lost(bench: Bench) -> tuple[str, str]:
    """The one factor of the sheet's formula that the student's product does not have.

    Of the numbers of channels in a formula the first is the input's, the last that of the kernels.
    """
    formula = formula_of(bench.room, bare(bench.left))
    if formula is None or not isinstance(bare(bench.right), Apply):
        return "", ""
    wanted: list[tuple[Any, Node]] = []
    for factor in factors(formula):
        base, times = factor, 1
        if isinstance(factor, Apply) and factor.head == "power":
            base, n = factor.args[0], factor.args[1]
            times = int(n.text) if isinstance(n, Number) and n.text in ("2", "3") else 1
        wanted += [(bench.value(base), base)] * times
    channels = [key(n) for _, n in wanted if isinstance(n, Symbol) and is_channels_name(
        full_name(n.name) + "".join(f"_{label_text(s)}" for s in n.subs))]
    mine = [bench.value(f) for f in factors(bench.right)]
    order = sorted(wanted, key=lambda w: key(w[1]) == (channels[0] if channels else None))
    left_over = list(order)
    for value in mine:
        at = next((k for k, (v, _) in enumerate(left_over) if v == value), None)
        if at is None:
            return "", ""
        del left_over[at]
    if len(left_over) != 1:
        return "", ""
    value, node = left_over[0]
    kind = "input-channels" if channels and key(node) == channels[0] else "factor"
    return kind, number_text(value)


def _plus_one(bench: Bench, true: Any, mine: Any, about: str) -> Iterator[Found]:
    """A size without its + 1, or with one too many, in every factor where it stands."""
    seen: set[object] = set()
    tried = 0
    for node in walk(bench.right):
        if not isinstance(node, Apply | Number) or key(node) in seen or tried >= _MOST:
            continue
        seen.add(key(node))
        one = number(node, "1")
        if isinstance(node, Number) or node.head in ("frac", "sum", "floor") or (
                node.head == "product" and "/" in node.signs):
            tried += 1
            value = bench.value(node)
            if value is None or isinstance(value, Array | bool) or value != int(value):
                continue
            if isinstance(node, Number) and not (_SIZES.search(about) and any(
                    node is f for f in factors(bench.right))):
                continue
            for sign, text in (("+", "is missing behind"), ("-", "is too many behind")):
                new = everywhere(bench.right, node, plus(node, one, sign))
                if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                    plain = isinstance(node, Number)
                    firm = not plain and (literal(bench.right) or bench.sure(bench.left, new))
                    yield Found("size-plus-one", f"+ 1 {text} {said(node)}: a window has one "
                                "place more than it makes steps", 1.0 if plain else 0.8, firm)
                    return
    a, b = cells_of(true), cells_of(mine)
    if (_SIZES.search(about) or _windows(bench)) and len(a) == len(b):
        gaps = {x - y for x, y in zip(a, b, strict=True)}
        if gaps <= {Fraction(0), Fraction(1)} or gaps <= {Fraction(0), Fraction(-1)}:
            much = "small" if Fraction(1) in gaps else "large"
            yield Found("size-plus-one", f"the size is too {much} by one: a window has one place "
                        "more than it makes steps", 1.1, len(a) > 1)


def _windows(bench: Bench) -> bool:
    """Whether what is asked for is defined with a number of steps that is rounded."""
    form = form_of(bare(bench.left))
    tensors = bench.room.names.tensors(form) if form is not None else []
    made = bench.room.made.graph.equations.get(tensors[0][0], []) if tensors else []
    return any(getattr(n, "function", "") in ("floor", "ceil") for e in made
               for n in expression_walk(e.body))


def everywhere(tree: Node, old: Node, new: Node) -> Node:
    """The tree with every node that reads like one exchanged."""
    for node in list(walk(tree)):
        if key(node) == key(old):
            tree = swapped(tree, node, new)
    return tree


def _other_size(bench: Bench, known: dict[int, list[str]]) -> Iterator[Found]:
    """A size of another layer in the place of one, wherever it stands."""
    if isinstance(bare(bench.right), Number):
        return
    seen: set[str] = set()
    for node in walk(bench.right):
        if not isinstance(node, Number) or node.text in seen or not node.text.isdigit():
            continue
        seen.add(node.text)
        mine = int(node.text)
        if len(seen) > 8 or mine < 4:
            continue
        for size in known:
            ratio = Fraction(size, mine)
            if abs(size - mine) <= 1 or size < 12 or mine < 12 or not Fraction(1, 4) <= ratio <= 4:
                continue
            new = everywhere(bench.right, node, number(node, str(size)))
            if bench.fits(bench.left, new):
                yield Found("wrong-size", f"{size} belongs here, not {mine}", 1.2, True)
                return


def _other_biases(bench: Bench, known: dict[int, list[str]]) -> Iterator[Found]:
    """The number of biases is that of another layer."""
    total = bare(bench.right)
    if not isinstance(total, Apply) or total.head != "sum":
        return
    for term in total.args:
        mine = bare(term)
        if not isinstance(mine, Number) or not mine.text.isdigit() or int(mine.text) not in known:
            continue
        for size in known:
            new = swapped(bench.right, mine, number(mine, str(size)))
            if str(size) != mine.text and bench.fits(bench.left, new):
                yield Found("biases", f"there are {size} biases, not {mine.text}", 0.9, True)
                return


def _one_number(bench: Bench, true: Any, mine: Any,
                known: dict[int, list[str]]) -> Iterator[Found]:
    """The one number that makes the formula right, if there is another one in its place."""
    if isinstance(bare(bench.right), Number):
        return
    leaves = [n for n in walk(bench.right) if isinstance(n, Number)][:10]
    if len(leaves) < 2:
        return
    for leaf in leaves:
        if not re.fullmatch(r"\d{1,9}", leaf.text) or int(leaf.text) < 12:
            continue
        up = bench.value(swapped(bench.right, leaf, number(leaf, str(int(leaf.text) + 1))))
        if up is None or isinstance(up, Array | bool) or up == mine:
            continue
        needed = int(leaf.text) + (true - mine) / (up - mine)
        if type(needed) is not Fraction or needed.denominator != 1 or not 0 < needed < 10**9:
            continue
        new = swapped(bench.right, leaf, replace(leaf, text=str(needed)))
        if not bench.fits(bench.left, new):
            continue
        for a in known:
            for b in known:
                if Fraction(a * a, b * b) * int(leaf.text) == needed and a != b:
                    k = Fraction(int(leaf.text), b * b)
                    if k.denominator == 1:
                        yield Found("wrong-size", f"{leaf.text} is {number_text(k)} · {b}²; with "
                                    f"{a} for {b} it is {needed}", 1.0, True)
                        return
        if int(leaf.text) > 12:
            yield Found("wrong-number", f"{needed} belongs here, not {leaf.text}", 2.4, False)
            return


__all__ = ["counts", "everywhere"]
