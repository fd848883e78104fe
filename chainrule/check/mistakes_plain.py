"""Counts in plain numbers: 3 · 3 · 16 · 32 + 32, where no name says which number is which.

What a number counts can be seen from where it stands. A number that is added, and is a factor of
what it is added to, counts biases, one for each kernel. Two equal factors are the sides of a
kernel, or of a picture. What is left over counts channels: those that come out have the biases, or
stand last; the others go in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_names import is_channels_name
from chainrule.check.mistakes_trees import bare, terms
from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import cells_of
from chainrule.check.values_names import form_of, full_name, label_text

_COUNTS: Final = re.compile(r"parameter|multipl|operation|flop|\bmacs?\b|how many|count|learn|"
                            r"weights|trained|trainable", re.IGNORECASE)
_OPERATIONS: Final = re.compile(r"multipl|operation|flop|\bmacs?\b", re.IGNORECASE)
_LAYERS: Final = re.compile(r"channel|kernel|filter|convol", re.IGNORECASE)
_WORK: Final = re.compile(r"parameter|weights|learn|train|\blayer|network|picture|image",
                          re.IGNORECASE)
_MOST: Final = 24  # terms of a count
_DEEP: Final = 4
_LARGE: Final = 50  # what is less comes out as twice something by accident


@dataclass(frozen=True, slots=True)
class _Term:
    """A product of whole numbers; `plain` are those that stand there as numbers."""

    sign: int
    factors: tuple[int, ...]
    plain: tuple[int, ...]

    @property
    def value(self) -> int:
        found = self.sign
        for f in self.factors:
            found *= f
        return found


def plain_counts(bench: Bench) -> Iterator[Found]:
    """What a count of plain numbers lacks: its biases, the input channels, the 2 of operations."""
    true, mine = bench.value(bench.left), bench.value(bench.right)
    if type(true) is not Fraction or type(mine) is not Fraction or true == mine:
        return
    text = _words(bench)
    if not (true.denominator == mine.denominator == 1 and true > 3 and mine > 0) or (
            not _all_whole(bench)) or any(isinstance(n, Derivative) for n in walk(bench.left)):
        return
    if _OPERATIONS.search(text) and mine in (2 * true, true / 2) and min(true, mine) >= _LARGE:
        counted = "as two, and count as one" if mine > true else "as one, and count as two"
        yield Found("mac-flop", f"this is {'twice' if mine > true else 'half'} the right number: "
                    f"a multiplication and its addition were counted {counted}", 0.65, True)
        return
    for source in _sources(bench):
        opened = _opened(source, bench)
        if opened is None or sum(t.value for t in opened) != true:
            continue
        of_layer = any(words.search(text) for words in (_OPERATIONS, _LAYERS, _WORK))
        if not _COUNTS.search(text) and not (_layered(opened) and (of_layer or _biased(opened))):
            continue
        yield from _biases(opened, int(true - mine))
        told = any(isinstance(n, Symbol) and is_channels_name(
            full_name(n.name) + "".join(f"_{label_text(s)}" for s in n.subs)) for n in walk(source))
        yield from _channels(opened, int(true - mine), text, of_layer and not told)


def _words(bench: Bench) -> str:
    """What the sheet and the paper say around a claim: titles, questions, what stands before."""
    claim, room = bench.case.claim, bench.room
    words = [claim.context.before, claim.context.heading, claim.left.text]
    for q in bench.case.sheet.questions:
        if q.part == room.part.name:
            words += [q.title, q.text, *q.phrases]
    return " ".join(words)


def _all_whole(bench: Bench) -> bool:
    """Whether the part is one of counts: all that is given is a whole number, and none below 0."""
    world, part = bench.room.world(0), bench.room.part
    if part.program is None or bench.room.drawn:
        return False
    given = [c for name in part.given if name in part.program.tensors
             for c in cells_of(world.cells.tensor(name))]
    return all(type(c) is Fraction and c.denominator == 1 and c >= 0 for c in given)


def _sources(bench: Bench) -> list[Node]:
    """The left-hand side if it is a formula, and what the sheet says that its name is."""
    left = bare(bench.left)
    found = [] if isinstance(left, Number | Symbol) else [left]
    for name in (left, bench.case.head):
        own = formula_of(bench.room, bare(name)) if name is not None and form_of(
            bare(name)) is not None else None
        if own is not None and len(found) < 3:
            found.append(own)
    return found


# --- taken apart

def _opened(node: Node, bench: Bench, depth: int = 0) -> list[_Term] | None:
    """A count as a sum of products; None where it is none."""
    found: list[_Term] = []
    for sign, term in terms(node):
        made = _product(bare(term), bench, depth)
        if made is None or len(found) + len(made) > _MOST:
            return None
        found += [_Term(sign * t.sign, t.factors, t.plain) for t in made]
    return found


def _product(node: Node, bench: Bench, depth: int) -> list[_Term] | None:
    if isinstance(node, Number):
        n = int(node.text) if node.text.isdigit() else 0
        return [_Term(1, (n,) if n != 1 else (), (n,))] if n else None
    if isinstance(node, Symbol):
        own = formula_of(bench.room, node) if depth < _DEEP and form_of(node) is not None else None
        if own is not None and all(isinstance(n, Number | Symbol) or (
                isinstance(n, Apply) and n.head in ("sum", "product", "power", "juxtaposed"))
                for n in walk(own)) and not _size(own):
            made = _opened(own, bench, depth + 1)
            if made is not None:
                return made
    if isinstance(node, Apply) and node.head == "power":
        base = _product(bare(node.args[0]), bench, depth)
        times = node.args[1]
        if base is None or len(base) != 1 or not isinstance(times, Number) or (
                times.text not in ("2", "3")):
            return None
        return [_Term(
            1, base[0].factors * int(times.text), base[0].plain * int(times.text))]
    if isinstance(node, Apply) and node.head in ("product", "juxtaposed") and "/" not in node.signs:
        found = [_Term(1, (), ())]
        for arg in node.args:
            more = _opened(arg, bench, depth + 1)
            if more is None or len(found) * len(more) > _MOST:
                return None
            found = [_Term(a.sign * b.sign, (*a.factors, *b.factors), (*a.plain, *b.plain))
                     for a in found for b in more]
        return found
    value = bench.value(node)
    if type(value) is Fraction and value.denominator == 1 and value > 0:
        return [_Term(1, (int(value),), ())]
    return None


def _size(own: Node) -> bool:
    """Whether a formula is that of a size: n − k + 1."""
    found = terms(own)
    return any(s < 0 for s, _ in found) or (
        len(found) > 2 and all(isinstance(bare(t), Symbol | Number) for _, t in found))


# --- what is missing

def _biased(opened: list[_Term]) -> list[int]:
    """Which terms count biases: one number that is a factor of another term."""
    return [k for k, t in enumerate(opened) if t.sign > 0 and len(t.factors) == 1 and any(
        len(o.factors) > 1 and t.factors[0] in o.factors for o in opened)]


def _biases(opened: list[_Term], gap: int) -> Iterator[Found]:
    biases = _biased(opened)
    every = sum(opened[k].value for k in biases)
    if len(opened) == len(biases):
        return
    for count in dict.fromkeys([every, *(opened[k].value for k in biases)]):
        if count and gap == count:
            yield Found("biases", f"the {count} biases are left out", 0.6, True)
            return


def _layered(opened: list[_Term]) -> bool:
    """Whether numbers may be the count of a layer though no word says so: a square, and more."""
    return all(t.sign > 0 for t in opened) and any(
        len(t.factors) > 3 and 1 < len(set(t.factors)) < len(t.factors) for t in opened)


def _channels(opened: list[_Term], gap: int, text: str, named: bool) -> Iterator[Found]:
    biases = {opened[k].factors[0] for k in _biased(opened)}
    for term in opened:
        if len(term.factors) < 3:
            continue
        single = _singles(term, biases)
        square = len(set(term.factors)) < len(term.factors)  # the sides of a kernel
        if not square and not _LAYERS.search(text):
            continue
        for f in single:
            if (f in term.plain or named) and term.value - term.value // f == gap:
                yield Found("input-channels", f"the number of input channels, {f}, is missing as "
                            "a factor: each kernel reaches through all of them", 0.62, True)
                return


def _singles(term: _Term, biases: set[int]) -> list[int]:
    """The factors of a product that may count the channels that go in."""
    count = Counter(term.factors)
    out = next((f for f in reversed(term.factors) if f in biases), None)
    if out is not None:
        count[out] -= 1
    left = [f for f in dict.fromkeys(term.factors) for _ in range(count[f] % 2)]
    if out is None and len(left) > 1:
        left = left[:-1]  # what comes out stands last
    return left


__all__ = ["plain_counts"]
