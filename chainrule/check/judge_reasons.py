"""Why a claim is wrong, in a sentence; and which failures are firm although names are unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.check.claims import Claim
from chainrule.check.judge_trials import SHAPE, Outcome
from chainrule.check.judge_words import shown
from chainrule.check.rounding import COARSE, CUT
from chainrule.check.sheet import Rounding
from chainrule.check.tree import Apply, Derivative, Node, Reduce, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_differentials import (
    differentials,
    linear,
    named_with_d,
    whole,
)
from chainrule.check.values_laid import counts_examples
from chainrule.check.values_names import (
    GREEK,
    form_of,
    full_name,
    key,
    names_in,
    plain_letter,
)
from chainrule.check.worlds import Names

_STEPS: Final = frozenset({"eta", "alpha", "epsilon", "lr", "Delta"})


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


def firm_change(left: Node, right: Node, names: Names, taught: bool) -> bool:
    """Whether an equation of dX fails for certain, though it may be meant in several ways.

    All of them have failed. `taught` says that dW is ∂L/∂W here: the sheet asks for it, or the
    paper has used it so. A step of an optimiser and finite changes are other things.
    """
    if (names_in(left) | names_in(right)) & _STEPS:
        return False
    if not any(differentials(right)):
        return taught and named_with_d(left) is not None
    if not (linear(left) and linear(right)):
        return False
    sums = any(isinstance(n, Reduce) for side in (left, right) for n in walk(side))
    if not sums and any(key(n) != key(whole(n, names)) for side in (left, right)
                        for n in differentials(side)):
        return False  # dL = a_k dw_k is right where w_k alone moves
    tops = [n for n in names.program.outputs if not names.program.tensors[n].shape]
    forms = [form_of(n) for side in (left, right) for n in differentials(side)
             if isinstance(n, Symbol)]
    output = any(names.tensors(f)[:1] == [(tops[0], False)] for f in forms
                if f is not None) if len(tops) == 1 else True
    return taught or output


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


__all__ = ["firm_change", "general_rule", "is_word", "names_a_change", "of_one_example",
           "reason", "trivial"]
