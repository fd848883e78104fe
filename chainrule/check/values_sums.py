"""Sums, products and extremes over indices, whatever way their range is given."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Item, Node, Reduce, Symbol, walk
from chainrule.check.values import Array, Unknown, Value, cells_of
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import form_of, full_name, plain_letter, spread
from chainrule.check.values_subscripts import constant_index
from chainrule.check.values_tensors import cellwise

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_TERMS: Final = 2_000


class Sums:
    """The part of the evaluator that knows Σ, Π, max and min over indices."""

    def reduce(self: Evaluator, node: Reduce, frame: Frame) -> Value:
        """The value of a reduction."""
        if not node.items or all(i.index is None and i.condition is None for i in node.items):
            value = self.value(node.body, frame)
            if node.op in ("max", "min"):
                return self.extreme(node.op, (node.body,), frame)
            over = self.over_letters(node.body, frame)
            return self.total(over if over is not None else value)
        item = node.items[0]
        inner = (node.body if len(node.items) == 1 else
                 Reduce(node.start, node.end, node.op, node.items[1:], node.body))
        letter, condition = self._letter(item)
        values = []
        for k in self.indices(item, letter, node, frame):
            at = frame.with_index(letter, k)
            at.params = {n: v for n, v in at.params.items() if n != letter}
            if condition is not None and not self._holds(condition, at):
                continue
            try:
                values.append((k, self.value(inner, at)))
            except Unknown as unknown:
                if values and unknown.kind in ("base", "range") and item.upper is not None and (
                        constant_index(item.upper) == k) and " no cell " in unknown.why:
                    raise Unknown(unknown.why, "beyond") from None
                raise
        return self._joined(node.op, values)

    def _letter(self: Evaluator, item: Item) -> tuple[str, Node | None]:
        """The index of an item, and the condition on it."""
        if item.index is not None:
            return plain_letter(item.index), item.condition
        condition = item.condition
        while isinstance(condition, Apply) and condition.args:
            letter = plain_letter(condition.args[0])
            if letter:
                return letter, item.condition
            condition = condition.args[0]
        raise Unknown("the index of a sum is not clear")

    def _holds(self: Evaluator, condition: Node, frame: Frame) -> bool:
        held = self.condition(condition, frame)
        return all(cells_of(held))

    def indices(self: Evaluator, item: Item, letter: str, node: Reduce, frame: Frame) -> range:
        """The values that an index takes."""
        if not letter:
            raise Unknown("the index of a sum is not clear")
        low = 1 if self.base == 1 else 0
        if item.lower is not None:
            low = self._integer(self.compared_value(item.lower, frame))
        high = None
        if item.upper is not None:
            high = self._bound(item.upper, frame)
        if high is None:
            high = self.probed(letter, node, frame) - (1 - self.base)
            if item.lower is None:
                low = self.base
        if high - low + 1 > _TERMS:
            raise Unknown("a sum has too many terms", "budget")
        return range(low, high + 1)

    def _bound(self: Evaluator, upper: Node, frame: Frame) -> int | None:
        """The last value of an index; None where a letter leaves it to the axis."""
        fixed = constant_index(upper)
        if fixed is not None:
            return fixed
        letter = plain_letter(upper)
        if letter and letter not in frame.bound and letter not in frame.params:
            form = form_of(upper)
            assert form is not None
            size = self.world.names.size(letter)
            if size is not None:
                return int(self.world.sizes[size])
            if not self.definitions(form):
                return None
        try:
            value = self.value(upper, frame)
        except Unknown:
            return None
        still = self.numbers.still(value) if not isinstance(value, Array) else None
        if type(still) is Fraction and still.denominator == 1:
            return int(still)
        return None

    def probed(self: Evaluator, letter: str, node: Reduce, frame: Frame) -> int:
        """The size of the axis that an index runs over in the body of its sum."""
        inner = (node.body if len(node.items) == 1 else
                 Reduce(node.start, node.end, node.op, node.items[1:], node.body))
        at = frame.with_index(letter, None)
        at.params = {n: v for n, v in at.params.items() if n != letter}
        axis = self._beside_delta(letter, node.body, at)
        if axis:
            return axis
        try:
            self.value(inner, at)
        except Need as need:
            if need.letter == letter:
                return need.size
            raise
        except Unknown as unknown:
            if unknown.kind not in ("probe", "domain"):
                raise
            return self.common_size(frame)
        if any(isinstance(n, Symbol) for n in walk(node.body)):
            return self._unused(letter, node)
        return self.common_size(frame)

    def _unused(self: Evaluator, letter: str, node: Reduce) -> int:
        """How often a term is added that its index does not stand in: as often as any axis is long.

        Where no name in it has cells that are left open, the index can only be the wrong one.
        """
        named = [n for n in walk(node.body) if isinstance(n, Symbol)]
        below = {id(s) for n in named for b in n.subs for s in walk(b)}
        outer = [n for n in named if id(n) not in below and plain_letter(n) != "e"]
        sizes = sorted(set(self.world.sizes.values()))
        if not sizes or not all(n.subs for n in outer) or any(
                plain_letter(n) == letter for n in named):
            raise Unknown(f"over what {letter} runs is not said", "range")
        return int(sizes[self.chooser.choose(("runs", node.start, node.end), len(sizes))])

    def _beside_delta(self: Evaluator, letter: str, body: Node, frame: Frame) -> int:
        """The axis of an index of δ_{sl}: that of another name with it; 0 where there is none."""
        named = [n for n in walk(body) if isinstance(n, Symbol) and n.subs]
        if not any(full_name(n.name) == "delta" for n in named):
            return 0
        for n in named:
            letters = [plain_letter(s) for s in spread(n.subs)]
            if full_name(n.name) == "delta" or letter not in letters:
                continue
            free = {x: self.base for x in letters if x and x != letter
                    and frame.bound.get(x) is None}
            try:
                self.value(n, frame.with_params({}, dict(free)))
            except Need as need:
                if need.letter == letter:
                    return need.size
            except Unknown:
                pass
        return 0

    def _joined(self: Evaluator, op: str, values: list[tuple[int, Value]]) -> Value:
        if op in ("sum", "prod", "product"):
            total: Any = Fraction(0 if op == "sum" else 1)
            join = self.numbers.add if op == "sum" else self.numbers.mul
            for _, v in values:
                if isinstance(v, bool):
                    v = Fraction(int(v))
                total = v if isinstance(v, Array) and not isinstance(total, Array) and (
                    total == (0 if op == "sum" else 1)) else cellwise(join, total, v)
            return total
        if not values:
            raise Unknown("an extreme of nothing", "domain")
        best_at, best = values[0]
        sign = 1 if op.endswith("max") else -1
        for k, v in values[1:]:
            if isinstance(v, Array) or isinstance(best, Array):
                raise Unknown("an extreme of arrays", "shape")
            if self.numbers.order(v, best) * sign > 0:
                best_at, best = k, v
        return Fraction(best_at) if op.startswith("arg") else best

    def compared_value(self: Evaluator, node: Node, frame: Frame) -> Value:
        """A value in a condition or a limit: a letter that is an index, a label, a size first."""
        letter = plain_letter(node)
        if letter and letter not in frame.params:
            if letter in frame.bound:
                return self.value(node, frame)
            found = self._whole_number(node, letter, frame)
            if found is not None:
                return Fraction(found)
        return self.value(node, frame)


__all__ = ["Sums", "replace"]
