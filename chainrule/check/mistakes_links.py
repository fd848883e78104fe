"""One side put beside the other: which factor, term or bracket did not come along?

Where a formula is worked out, P = k²cf + f = 5² · 4 · 8, what the second side lacks is often one
part of the first. The part that is left out tells what the mistake is called: input channels,
biases, the + 1 of a size, the 2 of a multiplication with its addition, the 1/m of a mean, a slope
for which the value was taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_names import is_channels_name
from chainrule.check.mistakes_trees import bare, factors, number, swapped, terms, without
from chainrule.check.tree import Apply, Derivative, Node, Number, Reduce, Symbol, walk
from chainrule.check.values import Array, Value, cells_of
from chainrule.check.values_names import form_of, key
from chainrule.lang import expr as expressions
from chainrule.lang.expr import Ref
from chainrule.lang.expr import walk as expression_walk

_CHANNELS: Final = re.compile(r"^c(h|in|i|0|1|prev)?$|channel|depth", re.IGNORECASE)
_OUTPUT: Final = re.compile(r"out|filter|kernel|next", re.IGNORECASE)
_PARTS: Final = 60  # parts of a formula that are looked at
_WORDS: Final = re.compile(r"parameter|weight|flop|multipl|operation|\bmacs?\b|size of|how many",
                           re.IGNORECASE)
_COUNTS: Final = frozenset({"add", "sub", "mul", "pow", "square"})
_WHOLES: Final = ("floor", "call:floor")


def links(bench: Bench) -> Iterator[Found]:
    """What of the formula on the left, or of the sheet's own, the right-hand side does without."""
    sources = _sources(bench)
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if true is None or mine is None or isinstance(true, bool) or isinstance(mine, bool):
        return
    if _number(true) and _number(mine):
        if _whole(true) and true >= 2:
            yield from _sizes(bench, sources, true, mine)
        if _counting(bench, true, mine):
            yield from _small(sources, true, mine)
            yield from _doubled(bench, true, mine)
            for source in sources:
                yield from _operations(source, true, mine)
                yield from _biases(bench, source)
                yield from _channels(bench, source)
        for source in sources:
            yield from _mean(bench, source)
        yield from _added(bench, true, mine)
    yield from _slopes(bench)


def _sources(bench: Bench) -> list[Node]:
    """The formulas of the left-hand side: itself, and what the sheet says that it is."""
    left = bare(bench.left)
    head = bare(bench.case.head) if bench.case.head is not None else None
    found: list[Node] = [] if isinstance(left, Symbol | Number) else [bench.left]
    for name in (left, head):
        own = formula_of(bench.room, name) if isinstance(name, Symbol) else None
        if own is not None and all(key(own) != key(f) for f in found) and bench.same(
                bench.value(own), bench.value(bench.left)):
            found.append(own)
    return found


def _number(value: Value) -> bool:
    return not isinstance(value, Array | bool) and value is not None


def _whole(value: Any) -> bool:
    return type(value) is Fraction and value.denominator == 1


def _counting(bench: Bench, true: Any, mine: Any) -> bool:
    """Whether a count is asked for: all is whole, and the words or the formulas are those of one.

    The formulas of counts have rounded numbers of steps, or products of three and more.
    """
    if not (_whole(true) and _whole(mine) and true >= 2 and _speaks(bench)):
        return False
    world = bench.room.world(0)
    given = [v for name in world.part.given
             for v in cells_of(bench.value(Symbol(0, 0, name)) or Fraction(0))]
    return bool(given) and all(_whole(v) and v >= 0 for v in given) and not any(
        isinstance(n, Derivative) for n in walk(bench.left))


def _speaks(bench: Bench) -> bool:
    """Whether the question's words, or the sheet's names or formulas, are about counts."""
    claim, question = bench.case.claim, bench.case.question
    words = [claim.context.before, claim.context.heading]
    words += [question.title, *question.phrases] if question is not None else []
    program = bench.room.part.program
    if program is None or _WORDS.search(" ".join(words)):
        return program is not None
    if any(is_channels_name(n) for n in program.tensors):
        return True
    for e in program.equations:
        functions = {getattr(n, "function", "add") for n in expression_walk(e.body)}
        read = {n.tensor for n in expression_walk(e.body) if isinstance(n, Ref)}
        if functions & {"floor", "ceil"} or (len(read) > 2 and functions <= _COUNTS):
            return True
    return False


# --- counts

def _sizes(bench: Bench, sources: list[Node], true: Any, mine: Any) -> Iterator[Found]:
    """A size that was rounded up, or has no + 1."""
    for source in sources:
        for node in walk(source):
            if isinstance(node, Apply) and node.head in _WHOLES:
                up = swapped(source, node, replace(node, head=node.head.replace("floor", "ceil")))
                if mine > true and bench.fits(up, bench.right):
                    yield Found("size-floor", f"{said(node.args[0])} has to be rounded down", 0.6,
                                True)
                    return
        if true - mine == 1 and any(_steps(t) for _, t in terms(source)) and _one(source):
            yield Found("size-plus-one", _PLACES, 0.7, True)
            return
        if mine - true == 1 and _one(source) and any(
                isinstance(n, Apply) and n.head in _WHOLES for n in walk(source)):
            yield Found("size-plus-one", _TOO_LARGE, 0.7, True)
            return
        if mine - true == 1 and literal(source) and _windows(source):
            yield Found("size-plus-one", f"+ 1 is missing behind {said(source)}: a window has one "
                        "place more than it makes steps", 0.7, True)
            return


_PLACES: Final = "the size is too small by one: a window has one place more than it makes steps"


_TOO_LARGE: Final = "the size is too large by one: the last step does not fit any more"


def _windows(source: Node) -> bool:
    """Whether numbers are those of the steps of a window: a difference, divided."""
    node = bare(source)
    if isinstance(node, Apply) and node.head in _WHOLES:
        node = bare(node.args[0])
    if not isinstance(node, Apply) or node.head not in ("frac", "product") or not _steps(node):
        return False
    return any(sign < 0 for sign, _ in terms(node.args[0]))


def _one(source: Node) -> bool:
    """Whether + 1 is a term of a sum."""
    return any(s > 0 and isinstance(t, Number) and t.text == "1" for s, t in terms(source))


def _small(sources: list[Node], true: Any, mine: Any) -> Iterator[Found]:
    """n − k for n − k + 1."""
    if true - mine == 1 and any(_one(s) and any(sign < 0 for sign, _ in terms(s))
                                for s in sources):
        yield Found("size-plus-one", _PLACES, 0.8, True)


def _steps(term: Node) -> bool:
    """Whether a term is a number of steps: something divided, or rounded down."""
    term = bare(term)
    return isinstance(term, Apply) and (term.head in (*_WHOLES, "frac") or "/" in term.signs)


def _operations(source: Node, true: Any, mine: Any) -> Iterator[Found]:
    """The 2 of a multiplication with its addition, left out or taken twice."""
    if mine < 100 or mine not in (true * 2, true / 2) or not any(
            isinstance(f, Number) and f.text == "2" for f in factors(source)):
        return
    way = "left out" if mine < true else "taken twice"
    yield Found("mac-flop", f"the factor 2 was {way}: a multiplication and its addition are two "
                "operations", 0.6, True)


def _doubled(bench: Bench, true: Any, mine: Any) -> Iterator[Found]:
    """A count for which the sheet has another one, twice or half as large."""
    program = bench.room.part.program
    if program is None or mine not in (true * 2, true / 2):
        return
    names = set()
    for side in (bench.left, bench.case.head):
        form = form_of(bare(side)) if side is not None else None
        names |= {n for n, _ in bench.room.names.tensors(form)} if form is not None else set()
    for e in program.equations:
        read = [n.tensor for n in expression_walk(e.body) if isinstance(n, Ref)]
        twice = isinstance(e.body, expressions.Apply) and e.body.function in ("mul", "add") and (
            len(e.body.args) == 2 and (len(read) == 2 if e.body.function == "add" else any(
                isinstance(a, expressions.Number) and a.value == 2 for a in e.body.args)))
        if twice and len(set(read)) == 1 and (
                (mine == true * 2 and read[0] in names) or (
                    mine == true / 2 and e.target in names)):
            way = ("was counted as two" if mine > true else "was counted as one")
            yield Found("mac-flop", f"a multiplication and its addition {way}", 0.6, True)
            return


def _biases(bench: Bench, source: Node) -> Iterator[Found]:
    """X·f for X·f + f, or for (X + 1)·f."""
    for node in list(walk(source))[:_PARTS]:
        if not isinstance(node, Apply) or node.head != "sum" or len(node.args) < 2:
            continue
        for k, arg in enumerate(node.args):
            term = bare(arg)
            others = [f for j, a in enumerate(node.args) if j != k for f in _factors(a)]
            one = isinstance(term, Number) and term.text == "1" and node is not bare(source)
            units = key(term) in {key(f) for f in others} and not literal(source)
            if node.signs[k : k + 1] == ("-",) or len(others) < 2 or not (one or units) or any(
                    isinstance(n, Apply) and (n.head in (*_WHOLES, "frac") or "/" in n.signs)
                    for n in node.args):
                continue
            if bench.fits(swapped(source, node, without(node, k)), bench.right):
                text = "the 1 of the bias" if one else f"the {said(term)} biases"
                yield Found("biases", f"{text} {'is' if one else 'are'} left out", 0.6, True)
                return


def _factors(node: Node) -> list[Node]:
    """The factors of a product, a square counted twice."""
    found: list[Node] = []
    for f in factors(node):
        power = isinstance(f, Apply) and f.head == "power"
        found += [f, f] if power else [f]
    return found


def _channels(bench: Bench, source: Node) -> Iterator[Found]:
    """A factor of the formula that is not on the right: the input channels before all others."""
    symbols = any(isinstance(n, Symbol) for n in walk(bench.right))
    lost: list[Symbol] = []
    products = 0
    for node in list(walk(source))[:_PARTS]:
        if not isinstance(node, Apply) or node.head not in ("product", "juxtaposed"):
            continue
        products = max(products, len(_factors(node)))
        for f in factors(node):
            value = bench.value(f) if isinstance(f, Symbol) else None
            if isinstance(f, Symbol) and _whole(value) and value != 1 and all(
                    f is not n for n in lost):
                new = swapped(source, f, number(f, "1"))
                if bench.fits(new, bench.right) and (
                        not symbols or bench.sure(new, bench.right)):
                    lost.append(f)
    there = [bench.value(f) for _, t in terms(bench.right) for f in factors(t)]
    absent = [f for f in lost if bench.value(f) not in there] or lost
    for f in absent:
        if products >= 3 and _is_input(f, source):
            yield Found("input-channels", f"the number of input channels, {said(f)}, is missing "
                        "as a factor: each kernel reaches through all of them", 0.6, True)
            return
    if len({key(f) for f in absent}) == 1 and isinstance(bare(source), Apply):
        yield Found("factor", f"the factor {said(absent[0])} is missing", 0.95, True)


def _is_input(symbol: Symbol, source: Node) -> bool:
    """Whether a name is that of the channels that go in: the first of several such names.

    What is made by the kernels of one layer goes into the next: f₁ in k₂² f₁ f₂.
    """
    named: dict[object, str] = {}
    for n in walk(source):
        name = _plain(n) if isinstance(n, Symbol) else ""
        width = re.match(r"kernel_?(size|side)?$", name)
        if not width and (is_channels_name(name) or re.match(r"[cfnd](\d|in|out)$", name)
                          or _CHANNELS.search(name) or _OUTPUT.search(name)):
            named.setdefault(key(n), name)
    own = _plain(symbol)
    if key(symbol) not in named:
        return False
    first = next(iter(named)) == key(symbol)
    return (first and len(named) > 1) or (bool(_CHANNELS.search(own) or is_channels_name(own))
                                          and not _OUTPUT.search(own)
                                          and not (own[-1:].isdigit() and not first))


def _plain(symbol: Symbol) -> str:
    """A name with its subscript, in plain letters: cin for c with the subscript in."""
    return re.sub(r"[\s_{}(),]", "", unicodedata.normalize("NFKC", said(symbol))).lower()


# --- means and slopes

def _mean(bench: Bench, source: Node) -> Iterator[Found]:
    """A sum that is to be divided by the number of its terms."""
    for node in list(walk(source))[:_PARTS]:
        if not isinstance(node, Apply):
            continue
        if node.head == "frac":
            below, rest = node.args[1], node.args[0]
        elif node.head == "product" and "/" in node.signs[1:]:
            at = node.signs.index("/", 1)
            below, rest = node.args[at], without(node, at)
        else:
            continue
        m = bench.value(below)
        if not _whole(m) or m < 2:
            continue
        added = [len(terms(f)) for side in (source, bench.right) for n in walk(side)
                 for f in (factors(n) if isinstance(n, Apply) else [])]
        summed = any(isinstance(n, Reduce) and n.op == "sum" for n in walk(source))
        if not (summed if isinstance(bare(below), Symbol) else (m > 2 and (
                summed or m in added or m in means(bench)))):
            continue
        if bench.fits(swapped(source, node, rest), bench.right):
            yield Found("batch-mean", f"the division by {said(below)} is missing: it is the mean "
                        "of the terms, not their sum", 0.7, True)
            return


def means(bench: Bench) -> set[Fraction]:
    """The numbers that the sheet divides sums by."""
    program = bench.room.part.program
    return {Fraction(n.args[1].value) for e in (program.equations if program is not None else ())
            for n in expression_walk(e.body)
            if isinstance(n, expressions.Apply) and n.function == "div"
            and isinstance(n.args[0], expressions.Reduce)
            and isinstance(n.args[1], expressions.Number)}


def _added(bench: Bench, true: Any, mine: Any) -> Iterator[Found]:
    """Three terms and more, the sum of which is the right value times their number."""
    m = len(terms(bench.right))
    many = bench.numbers.mul(true, Fraction(m))
    if m > 2 and literal(bench.right) and bench.near(many, mine) and bench.slack:
        yield Found("batch-mean", f"this is {m} times the right value: the {m} terms are added, "
                    "and their mean is asked for", 0.8, bench.telling)


def _slopes(bench: Bench) -> Iterator[Found]:
    """The value of a function where its slope belongs: σ(z) for σ'(z), h for ∂h/∂z."""
    for node in list(walk(bench.left))[:_PARTS]:
        value: Node
        if isinstance(node, Apply) and len(node.args) == 1 and re.fullmatch(
                r"call:.*[^']'", node.head):
            value = replace(node, head=node.head[:-1])
        elif isinstance(node, Derivative) and node.top is not None and len(node.bottom) == 1 and (
                isinstance(bare(node.top), Symbol)):
            value = node.top
        elif _of_tanh(node) is not None:
            value = _of_tanh(node) or node
        else:
            continue
        made = bench.value(value)
        trivial = made is None or all(c in (0, 1) for c in cells_of(made))
        if trivial or bench.same(made, bench.value(node)):
            continue
        new = swapped(bench.left, node, value)
        if not bench.fits(new, bench.right) or not bench.holds(new, bench.right):
            continue
        firm = bench.telling or bench.room.drawn or not literal(bench.right)
        yield Found("wrong-point", f"{said(value)} is the value of the function: its slope "
                    f"{said(node)} belongs here", 0.9, firm)
        return


def is_slope(node: Node) -> bool:
    """Whether a formula is the slope of a function as it stands: 1 − h², σ'(z), ∂h/∂z."""
    node = bare(node)
    return isinstance(node, Derivative) or _of_tanh(node) is not None or (
        isinstance(node, Apply) and re.fullmatch(r"call:.*[^']'", node.head) is not None)


def _of_tanh(node: Node) -> Node | None:
    """The value h of 1 − h², the slope of tanh in its value."""
    found = terms(node) if isinstance(node, Apply) and node.head == "sum" else []
    if len(found) == 2 and found[0][0] > 0 > found[1][0]:
        one, square = found[0][1], bare(found[1][1])
        if isinstance(one, Number) and one.text == "1" and isinstance(square, Apply) and (
                square.head == "power") and isinstance(square.args[1], Number) and (
                square.args[1].text == "2"):
            return square.args[0]
    return None


__all__ = ["is_slope", "links", "means"]
