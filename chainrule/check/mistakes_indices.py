"""Indices and bounds: a sum that ends one off, a letter that nothing runs over, another's number.

What an index says can be seen in the formula: which letters run, from where to where, and which
number stands at names that go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, letters_of_place, said
from chainrule.check.mistakes_names import renamings
from chainrule.check.mistakes_trees import apply, bare, factors, number, swapped, terms
from chainrule.check.tree import Apply, Derivative, Node, Number, Reduce, Symbol, walk
from chainrule.check.values_names import key, plain_letter, spelling

_REDUCES: Final = 4
_NEAR: Final = 6


# --- bounds

def bounds(bench: Bench) -> Iterator[Found]:
    """A sum that begins or ends one off, or leaves one out too many or too few."""
    sums = [n for n in walk(bench.right) if isinstance(n, Reduce) and len(n.items) == 1]
    for node in sums[:_REDUCES]:
        for new, text in _other_bounds(node, bench):
            whole = swapped(bench.right, node, new)
            if bench.fits(bench.left, whole) and bench.holds(bench.left, whole):
                firm = bench.sure(bench.left, whole)
                yield Found("lost-bound", text, 0.65 if firm else 1.6, firm)
                return


def _other_bounds(node: Reduce, bench: Bench) -> Iterator[tuple[Reduce, str]]:
    item = node.items[0]
    if item.index is None:
        return
    letter, one = said(item.index), number(node, "1")
    for name, word in (("upper", "ends"), ("lower", "begins")):
        bound = getattr(item, name)
        if bound is None:
            continue
        for step in (1, -1):
            moved = _moved(bound, step, one)
            if moved is not None:
                changed = replace(item, lower=moved) if name == "lower" else replace(
                    item, upper=moved)
                yield replace(node, items=(changed,)), (
                    f"the sum over {letter} {word} at {said(bound)}: it has to be {said(moved)}")
    if item.condition is not None:
        yield replace(node, items=(replace(item, condition=None),)), (
            f"the sum over {letter} leaves out {said(item.condition)}, and must not")
    elif item.lower is None or item.upper is not None:
        asked = {plain_letter(n) for n in walk(bench.left) if isinstance(n, Symbol)}
        for other in letters_of_place(bench)[:2]:
            if plain_letter(other) in asked - {plain_letter(item.index)}:
                yield _apart(node, other)
        numbers = {n.text: n for n in walk(bench.left) if isinstance(n, Number)
                   and n.text.isdigit() and 0 < len(n.text) < 3}
        for constant in list(numbers.values())[:3]:
            yield _apart(node, constant)


def _apart(node: Reduce, other: Node) -> tuple[Reduce, str]:
    """A sum without one of its terms."""
    item = node.items[0]
    assert item.index is not None
    apart = apply(item.index, "compare", item.index, other, signs=("!=",))
    letter = said(item.index)
    return replace(node, items=(replace(item, condition=apart),)), (
        f"the sum over {letter} has to leave out {letter} = {said(other)}")


def _moved(bound: Node, step: int, one: Node) -> Node | None:
    if isinstance(bound, Number) and bound.text.isdigit():
        n = int(bound.text) + step
        return number(bound, str(n)) if n >= 0 else None
    if isinstance(bound, Symbol | Apply):
        return apply(bound, "sum", bound, one, signs=("+", "+" if step > 0 else "-"))
    return None


# --- indices

def unused(bench: Bench) -> Iterator[Found]:
    """A sum over j in which no j stands, but another letter that nothing runs over."""
    free = {plain_letter(n): n for n in letters_of_place(bench)}
    for node in [n for n in walk(bench.right) if isinstance(n, Reduce) and len(n.items) == 1]:
        index = node.items[0].index
        inside = {plain_letter(n) for n in walk(node.body) if isinstance(n, Symbol)}
        if index is None or plain_letter(index) in inside:
            continue
        for letter in inside & set(free):
            body = node.body
            for n in list(walk(body)):
                if isinstance(n, Symbol) and key(n) == key(free[letter]):
                    body = swapped(body, n, replace(n, name=index.name))
            new = swapped(bench.right, node, replace(node, body=body))
            if bench.fits(bench.left, new) and bench.holds(bench.left, new):
                yield Found("index", f"the sum runs over {said(index)}, and {said(node.body)} has "
                            f"no {said(index)}", 0.6, True)
                return


def other_cell(bench: Bench, node: Apply, k: int) -> Node | None:
    """The term of another index that is absent where this one stands twice."""
    term = node.args[k]
    if not isinstance(term, Symbol):
        return None
    there = {key(a) for a in node.args}
    for edit in renamings(term, bench):
        other = swapped(term, edit.before, edit.after)
        if edit.kind != "index" or key(other) in there:
            continue
        new = swapped(bench.right, term, other)
        if bench.fits(bench.left, new) and bench.holds(bench.left, new) and bench.sure(
                bench.left, new):
            return other
    return None


# --- adjoints and tangents

def adjoints(bench: Bench) -> Iterator[Found]:
    """The derivative of another quantity: v̄₁ for v̄₀, v̇₂ for v̇₃, ∂v₂/∂x behind v̄₁."""
    there = {key(bare(bench.left)), key(bench.case.head)} | {key(t) for _, t in terms(bench.right)}
    for node, subs in _places(bench):
        for sub in subs:
            other = replace(node, subs=(sub,))
            new = swapped(bench.right, node, other)
            if key(other) not in there and bench.fits(bench.left, new) and bench.holds(
                    bench.left, new) and bench.sure(bench.left, new):
                yield Found("index", f"{said(other)} belongs here, not {said(node)}", 0.65, True,
                            f"Check the index of {said(node)}.")
                return


def _places(bench: Bench) -> Iterator[tuple[Symbol, list[Node]]]:
    """The adjoints and tangents of a formula, and the numbers that they may have.

    What stands before ∂v₂/∂x is v̄₂: where both have the same number neither is wrong. A tangent
    that is all of the right-hand side is rather one of several terms.
    """
    parts = terms(bench.right)
    for _, term in parts:
        found = factors(term)
        marked = [f for f in found if isinstance(f, Symbol) and len(f.subs) == 1
                  and spelling(f.name)[1] in ("bar", "dot")]
        tops = [t for f in found if isinstance(f, Derivative) and f.top is not None
                for t in [bare(f.top)] if isinstance(t, Symbol) and len(t.subs) == 1]
        if len(marked) != 1:
            continue
        for top in tops[:1]:
            if key(top.subs[0]) != key(marked[0].subs[0]):
                yield marked[0], [top.subs[0]]
                yield top, [marked[0].subs[0]]
        alone = len(parts) == len(found) == 1
        if not tops and not (alone and spelling(marked[0].name)[1] == "dot"):
            yield marked[0], _numbers_near(marked[0], bench)


def _numbers_near(node: Symbol, bench: Bench) -> list[Node]:
    """Other numbers of names like this one: those of the claim, one more and one less."""
    own = node.subs[0] if len(node.subs) == 1 else None
    found: dict[object, Node] = {}
    if isinstance(own, Number) and own.text.isdigit():
        for n in (int(own.text) - 1, int(own.text) + 1):
            found[key(number(own, str(n)))] = number(own, str(max(n, 0)))
    stem = spelling(node.name)[0]
    for side in (bench.right, bench.left):
        for s in walk(side):
            if isinstance(s, Symbol) and len(s.subs) == 1 and spelling(s.name)[0] == stem:
                found.setdefault(key(s.subs[0]), s.subs[0])
    return [s for k, s in found.items() if own is None or k != key(own)][:_NEAR]


__all__ = ["adjoints", "bounds", "other_cell", "unused"]
