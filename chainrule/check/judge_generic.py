r"""Rules in letters of their own: \frac{d}{dx} x^2 = 2x, \nabla_x (x^T A x) = (A + A^T) x.

A paper recalls a rule and writes it in the letters of the textbook, some of which are quantities of
the sheet. What does not hold of these is tried with letters that stand for anything: as numbers,
and as vectors and square matrices. It is right where the words around it say that it is a rule, or
where it does not fit the sheet's quantities by its shape; elsewhere a person has to look.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from chainrule.check.claims import Claim
from chainrule.check.judge_rooms import Room
from chainrule.check.judge_trials import SHAPE, Outcome, Trials
from chainrule.check.sheet import Part
from chainrule.check.tree import Apply, Derivative, Matrix, Node, Number, Reduce, Symbol, walk
from chainrule.check.values import cells_of
from chainrule.check.values_functions import function_named
from chainrule.check.values_names import Definition, definition, form_of, key, plain_letter
from chainrule.check.values_slices import loosely_named
from chainrule.check.verdicts import Judged
from chainrule.errors import ChainruleError
from chainrule.formulas.calls import read

if TYPE_CHECKING:
    from chainrule.check.judge import Judge

_RULE: Final = re.compile(
    r"\b(?:recall|remember|rules?|in general|generally|identit(?:y|ies)|known|know that|useful|"
    r"facts?|propert(?:y|ies)|lemma|we use|using|formulae?|formulas|hint|for (?:a|any|every|all) "
    r"(?:scalar|vector|matrix|matrices|function|number|real)|erinnerung|regeln?|allgemein|bekannt"
    r"(?:lich)?|es gilt|on rappelle|en general|recordemos|regla)\b", re.IGNORECASE)
_NEAR: Final = 120  # characters before a claim in which it is called a rule
_LETTERS: Final = 8
_WRONG_WAY: Final = frozenset({"e", "pi", "d", "T", "infty"})
_GREEK: Final = frozenset({"alpha", "beta", "gamma", "theta", "lambda", "mu", "phi", "omega"})


class Generic:
    """The part of the judge that knows rules."""

    def in_general(self: Judge, claim: Claim, outcome: Outcome, left: Node, right: Node) -> bool:
        """Whether a claim that fails is a rule in letters of its own; it is judged then.

        What is matched with a quantity of another shape by its letter alone, S with s, is open.
        """
        if claim.relation not in ("=", "≡") or claim.kind != "claim":
            return False
        room = self.definer.rooms.get(claim.chain)
        if room is not None and outcome.verdict == SHAPE and loosely_named(left, room.names):
            self._plain(claim, "undecided", "this may be another quantity than the sheet's")
            return True
        said = bool(_RULE.search(f"{claim.context.before[-_NEAR:]} {claim.context.heading}"))
        defined, rest = _defined(claim)
        if room is None or not (said or defined or (
                _explicit(left, defined) and self._has_others(room, left, right))):
            return False
        called = {n.head[5:] for side in (left, right) for n in walk(side)
                  if isinstance(n, Apply) and n.head.startswith("call:")}
        own = {h[1] for h, found in room.scope.definitions.items() if h[0] == "call" and any(
            d.after < 0 for d in found)}
        if called & own and not said:
            return False
        holds = (said and _telescopes(left, right)) or self._true_of_any(
            left, right, defined, rest)
        if not holds:
            return False
        verdict = "right" if said or outcome.verdict == SHAPE or defined else "undecided"
        self._put(Judged(len(self.judged), claim, claim.kind, verdict, why=(
            "a rule, in letters of its own" if verdict == "right" else
            "this is true of other quantities of these names, and not of the sheet's")))
        return True

    def _has_others(self: Judge, room: Room, left: Node, right: Node) -> bool:
        """Whether a letter is no quantity of the sheet's."""
        forms = [form_of(n) for side in (left, right) for n in walk(side) if isinstance(n, Symbol)
                 and plain_letter(n) not in _WRONG_WAY]
        return any(f is not None and not room.names.tensors(f)
                   and room.names.size(f.head[1]) is None for f in forms)

    def _true_of_any(self: Judge, left: Node, right: Node, defined: list[Definition],
                     rest: list[Node]) -> bool:
        """Whether two formulas are the same for all numbers, or all vectors and matrices."""
        heads = {d.form.head[1] for d in defined}
        names = {plain_letter(n) for side in (left, right, *(d.body for d in defined))
                 for n in walk(side) if isinstance(n, Symbol)} - _WRONG_WAY - heads
        if not 0 < len(names) <= _LETTERS or not all(map(_is_letter, names)):
            return False
        powers = {plain_letter(m) for side in (left, right) for n in walk(side)
                  if isinstance(n, Apply) and n.head == "power" for m in walk(n.args[1])}
        turned = any((isinstance(n, Apply) and n.head == "transpose") or plain_letter(n) == "T"
                     for side in (left, right) for n in walk(side))
        whole = turned or any(n[0].isupper() for n in names)  # what commutes for numbers need not
        for kinds in ("arrays",) if whole else ("numbers", "arrays"):
            shaped = [n if kinds == "numbers" or n in powers else
                      f"{n}[size, size]" if n[0].isupper() else f"{n}[size]" for n in sorted(names)]
            try:
                program = read(f"input {', '.join(shaped)}\n")
                part = Part(f"any {kinds}", program, sizes={"size": 3})
                room = Room(part, self.memory.part(part), self.memory)
                for d in defined:
                    room.scope.add(d)
                found = Trials(room).test(left, "=", right, rest)
            except ChainruleError:
                continue
            if found.holds and not found.invented and not all(
                    self.memory.numbers.close(c, 0) for c in map(
                        self.memory.numbers.still, cells_of(found.left))):
                return True
        return False


def _is_letter(name: str) -> bool:
    return (len(name) == 1 and name.isascii() and name.isalpha()) or name in _GREEK


def _defined(claim: Claim) -> tuple[list[Definition], list[Node]]:
    """What `if f(x) = …` before a claim says that f is; and the other conditions."""
    found, rest = [], []
    for condition in claim.context.scope:
        node = condition.node
        if isinstance(node, Apply) and node.head == "compare" and node.signs == ("==",):
            made = definition(node.args[0], node.args[1])
            if made is not None and not isinstance(node.args[1], Number) and not made.form.subs:
                found.append(made)
                continue
        if node is not None:
            rest.append(node)
    return found, rest


def _explicit(left: Node, defined: list[Definition]) -> bool:
    """Whether a side says in a formula what is differentiated, or transposed, or added up."""
    if form_of(left) is not None and not (isinstance(left, Apply) and (
            left.args and form_of(left.args[0]) is None)):
        return bool(defined)
    if any(isinstance(n, Reduce | Matrix) or (isinstance(n, Symbol) and (n.subs or n.label))
           for n in walk(left)):
        return False
    slopes = [n for n in walk(left) if isinstance(n, Derivative)]
    if slopes and all(n.top is not None and form_of(n.top) is not None and function_named(
            form_of(n.top).head[1], 1) is None for n in slopes):  # type: ignore[union-attr]
        return bool(defined)
    return True


def _telescopes(left: Node, right: Node) -> bool:
    """Whether this is the chain rule itself: dz/dx = dz/dy · dy/dx."""
    if not isinstance(left, Derivative) or not isinstance(right, Apply) or (
            right.head != "product" or len(left.bottom) != 1):
        return False
    slopes = [n for n in right.args if isinstance(n, Derivative) and len(n.bottom) == 1]
    if len(slopes) != len(right.args) or "/" in right.signs:
        return False
    ends = [(key(s.top), key(s.bottom[0])) for s in slopes]
    if ends[0][0] != key(left.top):
        ends.reverse()
    return ends[0][0] == key(left.top) and ends[-1][1] == key(left.bottom[0]) and all(
        a[1] == b[0] for a, b in pairwise(ends))


__all__ = ["Generic"]
