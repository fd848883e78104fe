r"""Both signs at once: `x = -1 \pm 2` is two equations.

Where both sides have the sign the upper ones belong together, and so do the lower ones (or, as for
a difference that is turned round, the other way about). Where one side has it, the other side is
the pair of both values. A single number is one of them at most: that is left to a person, as is
`0.701 ± 0.001`, which is a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.judge_places import FAILS, SHAPE, UNKNOWN, Outcome
from chainrule.check.tree import Apply, Choice, Item, Matrix, Node, Number, Symbol, walk
from chainrule.check.values import Array

if TYPE_CHECKING:
    from chainrule.check.judge_trials import Trials

_BOTH: Final = {"±": ("+", "-"), "∓": ("-", "+")}


def both_signs(node: Node) -> bool:
    """Whether a formula has a ± in it."""
    return any(isinstance(n, Apply) and not _BOTH.keys().isdisjoint(n.signs) for n in walk(node))


def with_sign(node: Any, lower: int) -> Any:
    """A formula with the upper sign of each ±, or with the lower one."""
    if isinstance(node, tuple):
        return tuple(with_sign(n, lower) for n in node)
    if not isinstance(node, Node | Item) or isinstance(node, Symbol | Number | Choice):
        return node
    made = replace(node, **{f.name: with_sign(getattr(node, f.name), lower) for f in fields(node)
                            if f.name not in ("start", "end", "signs", "head")})
    if isinstance(made, Apply):
        signs = tuple(_BOTH[s][lower] if s in _BOTH else s for s in made.signs)
        if made.head == "sum" and len(made.args) == 1:
            return made.args[0] if signs == ("+",) else Apply(made.start, made.end, "neg",
                                                              made.args)
        return replace(made, signs=signs)
    return made


class BothSigns:
    """The part of the trials that knows what ± means."""

    def _with_both(self: Trials, left: Node, relation: str, right: Node,
                   conditions: Sequence[Node], student: bool) -> Outcome:
        """Whether a relation with ± holds."""
        def test(a: Node, b: Node) -> Outcome:
            return self._tested(a, relation, b, conditions, student)

        ls, rs = (tuple(with_sign(s, k) for k in (0, 1)) for s in (left, right))
        if both_signs(left) and both_signs(right):
            straight = [test(a, b) for a, b in zip(ls, rs, strict=True)]
            crossed = [test(a, b) for a, b in zip(ls, reversed(rs), strict=True)]
            for both in (straight, crossed):
                if all(o.holds for o in both):
                    return both[0]
            return next((o for o in straight if o.verdict in (FAILS, SHAPE)), straight[0])
        pair, other = (ls, right) if both_signs(left) else (rs, left)
        for values, last in ((pair, False), (pair[::-1], True)):
            listed = Matrix(values[0].start, values[0].end, (values,), "(")
            found = test(listed, other) if pair is ls else test(other, listed)
            if found.holds or (last and found.verdict == FAILS):
                return found
        each = [test(p, other) if pair is ls else test(other, p) for p in pair]
        if all(o.holds for o in each):
            return each[0]
        if any(o.holds for o in each):
            return Outcome(UNKNOWN, why="this holds for one of the two signs")
        if all(o.verdict == FAILS for o in each) and not self._within(each, pair is ls):
            return each[0]
        return Outcome(UNKNOWN, why="± gives two values, or a range")

    def _within(self: Trials, each: list[Outcome], first: bool) -> bool:
        """Whether a number lies between the values with the upper and the lower sign."""
        ends = [o.left if first else o.right for o in each]
        mine = each[0].right if first else each[0].left
        if any(isinstance(v, Array | bool) for v in (*ends, mine)):
            return True
        orders = sorted(self.numbers.order(end, mine) for end in ends)
        return orders[0] <= 0 <= orders[1]


__all__ = ["BothSigns", "both_signs", "with_sign"]
