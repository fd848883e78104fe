r"""An index that stands twice in a product with no Σ before it: some courses sum over it silently.

`\frac{\partial f}{\partial X_{jl}} = A_{ij} B_{li}` is wrong for each i, and right when i is summed
over, as Einstein wrote it. Where that saves a claim it is left to a person, for a Σ may as well
have been forgotten; where the paper writes a Σ elsewhere, it was, unless the paper says that it
leaves them out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Final

from chainrule.check.tree import Apply, Derivative, Item, Node, Reduce, Remark, Symbol, walk
from chainrule.check.values_names import form_of, full_name, plain_letter

_SIGMA: Final = re.compile(r"\\sum|[Σ∑]|\bsum ?[_(]")
_SAID: Final = re.compile(r"\beinstein|summation convention|(?:repeated|double|twice) ind(?:ex|ic)",
                          re.IGNORECASE)


def silent(text: str) -> bool:
    """Whether a paper may leave its Σ out: it says so, or it has none."""
    return bool(_SAID.search(text)) or not _SIGMA.search(text)


def announced(text: str) -> bool:
    """Whether a paper says that repeated indices are summed over."""
    return bool(_SAID.search(text))


def _letters(node: Node) -> Counter[str]:
    """How often each letter stands below a name of a term, or below one of its brackets."""
    found: Counter[str] = Counter()
    for n in walk(node):
        form = form_of(n) if isinstance(n, Symbol) else None
        subs = form.subs if form is not None else ()
        if isinstance(n, Apply) and n.head == "cell":
            subs = n.args[1:]
        for sub in subs:
            for m in walk(sub):
                letter = plain_letter(m)
                if len(letter) == 1 and isinstance(m, Symbol):
                    found[full_name(m.name)] += 1
    return found


def letters_of(node: Node) -> frozenset[str]:
    """The letters that stand below a formula's names."""
    return frozenset(_letters(node))


def _of_tables(node: Node) -> set[str]:
    """Letters below names of two indices or more: of vectors, as in s_i x_i, a Σ is missed."""
    found: set[str] = set()
    for n in walk(node):
        form = form_of(n) if isinstance(n, Symbol) else None
        if form is not None and len(form.subs) > 1:
            found |= {plain_letter(s) for s in form.subs}
    return found


def _terms(node: Node) -> list[Node]:
    """The terms of a side, through signs and remarks."""
    if isinstance(node, Remark):
        return _terms(node.body)
    if isinstance(node, Apply) and node.head in ("sum", "neg"):
        return [t for a in node.args for t in _terms(a)]
    return [node]


def _above(node: Node) -> Node:
    """A term without what its derivatives are taken by: ∂_{X_jl} has no index of the sum."""
    if isinstance(node, Derivative) and node.top is not None:
        return _above(node.top)
    if isinstance(node, Apply) and node.head in ("product", "juxtaposed"):
        kept = tuple(_above(a) for a in node.args
                     if not (isinstance(a, Derivative) and a.top is None))
        return Apply(node.start, node.end, "product", kept, ("",) * len(kept))
    return node


def _summed(node: Node, free: set[str], said: bool) -> Node:
    """A side with a Σ before each term for the letters that stand twice in it."""
    if isinstance(node, Remark):
        return _summed(node.body, free, said)
    if isinstance(node, Apply) and node.head in ("sum", "neg"):
        return replace(node, args=tuple(_summed(a, free, said) for a in node.args))
    if any(isinstance(n, Reduce) for n in walk(node)):
        return node
    tables = _of_tables(node)
    counted = _letters(node if said else _above(node))
    letters = sorted(x for x, k in counted.items()
                     if (k > 1 or said) and x not in free and (said or x in tables))
    if not letters:
        return node
    items = tuple(Item(Symbol(node.start, node.start, x)) for x in letters)
    return Reduce(node.start, node.end, "sum", items, node)


def with_sums(left: Node, right: Node, said: bool = False) -> tuple[Node, Node] | None:
    """Both sides with repeated indices summed over; None where no index is repeated.

    Where the paper says that it does so, what every term has stays, and all else is summed over.
    """
    free: set[str] = set()
    terms = [t for side in (left, right) for t in _terms(side)]
    for term in terms:
        free |= {x for x, k in _letters(_above(term)).items() if k == 1}
    if said:
        free = set.intersection(*(set(_letters(t)) for t in terms if _letters(t))) if any(
            map(_letters, terms)) else set()
        free &= {x for t in terms for x, k in _letters(t).items() if k == 1} | free.intersection(
            _letters(left))
    made = _summed(left, free, said), _summed(right, free, said)
    return None if made[0] is left and made[1] is right else made


__all__ = ["announced", "letters_of", "silent", "with_sums"]
