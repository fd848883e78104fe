"""Why a claim is wrong, in a sentence; and which failures are firm although names are unknown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chainrule.check.claims import Claim
from chainrule.check.judge_trials import SHAPE, Outcome
from chainrule.check.judge_words import shown
from chainrule.check.rounding import COARSE, CUT
from chainrule.check.sheet import Rounding
from chainrule.check.tree import Apply, Derivative, Node, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_laid import counts_examples
from chainrule.check.values_names import GREEK, full_name, plain_letter
from chainrule.check.worlds import Names

_HESSIAN: Final = re.compile(r"(?:\\nabla|∇)\s*(?:_\s*(?:\w|\\\w{1,9}|\{[^{}]{0,20}\}))?\s*"
                             r"(?:\^\s*\{?\s*2|²)")


def trivial(outcome: Outcome) -> bool:
    """Whether a claim holds only because a mistake made everything zero."""
    cells = cells_of(outcome.right) if outcome.right is not None else ()
    return bool(cells) and all(c == 0 for c in cells if not isinstance(c, bool)) and any(
        c != 0 for c in cells_of(outcome.left)) if not isinstance(outcome.right, bool) else False


def general_rule(left: Node, right: Node, outcome: Outcome) -> bool:
    """Whether a relation is a rule about any functions, which a counterexample refutes."""
    if not outcome.functions:
        return False
    letters = {full_name(n.name) for side in (left, right) for n in walk(side)
               if isinstance(n, Symbol)}
    derivative = any(isinstance(n, Derivative) for side in (left, right) for n in walk(side))
    primed = any(isinstance(n, Apply) and n.head.startswith("call:") and n.head.endswith("'")
                 for side in (left, right) for n in walk(side))
    return derivative and primed and len(letters) <= 2


def square_lost(claim: Claim) -> bool:
    """Whether a Hessian, the square of a gradient's sign, was read as a gradient."""
    for side in (claim.left, claim.right):
        if side.node is None or not _HESSIAN.search(side.text):
            continue
        slopes = [n for n in walk(side.node) if isinstance(n, Derivative)]
        if not any(len(n.bottom) > 1 or isinstance(n.top, Derivative) for n in slopes):
            return True
    return False


def is_word(node: Node | None) -> bool:
    """Whether the left side of an equation is a word, as in `parameters = 4·4·128`."""
    return isinstance(node, Symbol) and not node.subs and node.name.isalpha() and (
        len(node.name) > 4 and node.name.isascii() and node.name not in GREEK)


def names_a_change(node: Node | None) -> bool:
    """Whether a side is Δθ, a name of the paper's own for how much θ changes."""
    return isinstance(node, Apply) and node.head == "product" and len(node.args) == 2 and all(
        isinstance(a, Symbol) for a in node.args) and plain_letter(node.args[0]) == "Delta"


def of_one_example(claims: Sequence[Claim], names: Names) -> bool:
    """Whether a chain is about one example of several, which is no answer for them all."""
    return any(counts_examples(n, names) for c in claims for side in (c.left, c.right)
               if side.node is not None for n in walk(side.node))


def reason(outcome: Outcome, number: bool, rule: Rounding) -> str:
    """Why a claim is wrong, for a student."""
    left, right = shown(outcome.left, rule), shown(outcome.right)
    if outcome.why.startswith("true for"):
        return f"this is {outcome.why}: it does not hold in general"
    if outcome.rounding == COARSE:
        asked = f"; asked for {rule.decimals} decimals: {left}" if rule.decimals is not None else (
            f"; it is {left}")
        return f"{right} is rounded too coarsely{asked}"
    if outcome.rounding == CUT:
        return f"{right} is cut off, not rounded: it is {left}"
    if outcome.verdict == SHAPE and outcome.why:
        return outcome.why
    if outcome.verdict == SHAPE:
        a, b = _size(outcome.left), _size(outcome.right)
        return f"the left side is {a}, the right side is {b}"
    where = ""
    if outcome.bound:
        where = " where " + ", ".join(f"{k} = {v}" for k, v in outcome.bound.items())
    if (outcome.world is not None and outcome.world.part.free) or where:
        return f"the sides differ{where}: for example {left} on the left, {right} on the right"
    return f"the left side is {left}, the right side is {right}"


def _size(value: object) -> str:
    if isinstance(value, Array):
        if len(value.shape) == 1:
            return f"a list of {value.shape[0]} numbers"
        kind = "matrix" if len(value.shape) == 2 else "array"
        return f"a {' × '.join(map(str, value.shape))} {kind}"
    return "one number"


__all__ = ["general_rule", "is_word", "names_a_change", "of_one_example", "reason",
           "square_lost", "trivial"]
