"""Limits, integrals, and a formula at a point: numerically, to many digits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Bar, Integral, Limit, Node
from chainrule.check.values import Array, Unknown, Value, cells_of
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import plain_letter

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_ROUGH: Final = Fraction(1, 10**9)
_PANELS: Final = 60


class Limits:
    """The part of the evaluator that knows limits, integrals and evaluation bars."""

    def limit(self: Evaluator, node: Limit, frame: Frame) -> Value:
        """The limit of a body, from the sides that are asked for, extrapolated."""
        letter = plain_letter(node.variable)
        if not letter:
            raise Unknown("what goes to the limit is no letter")
        point = self.value(node.point, frame)
        if isinstance(point, Array | bool):
            raise Unknown("a limit at no number")
        self.approximate = True
        try:
            far = not self.numbers.high.context.isfinite(self.numbers.rounded(point))
        except TypeError:
            far = False
        if far:
            sign = 1 if point > 0 else -1
            return self._settled(node.body, letter, frame,
                                 [Fraction(sign * 2**k) for k in range(5, 12)])
        sides = {"+": (1,), "-": (-1,)}.get(node.side, (1, -1))
        found = [self._settled(node.body, letter, frame, [
            self.numbers.add(point, Fraction(s, 2**k)) for k in range(12, 19)]) for s in sides]
        if len(found) == 2 and not all(
                self.numbers.close(a, b, _ROUGH) or self._both_tiny(a, b)
                for a, b in zip(cells_of(found[0]), cells_of(found[1]), strict=True)):
            raise Unknown("the two sides of the limit differ", "domain")
        return found[0]

    def _both_tiny(self: Evaluator, a: Any, b: Any) -> bool:
        return bool(abs(self.numbers.rounded(a)) < 1e-12 and abs(self.numbers.rounded(b)) < 1e-12)

    def _settled(self: Evaluator, body: Node, letter: str, frame: Frame, at: list[Any]) -> Value:
        """Where values at points that halve their distance are heading to (Neville's scheme)."""
        rows: list[Value] = []
        for x in at:
            inner = frame.with_params({letter: x}, {})
            inner.bound.pop(letter, None)
            rows.append(self.value(body, inner))
        if isinstance(rows[0], Array):
            cells = [self._cell_limit([cells_of(r)[k] for r in rows])
                     for k in range(len(rows[0].cells))]
            return Array(rows[0].shape, tuple(cells))
        return self._cell_limit(rows)

    def _cell_limit(self: Evaluator, values: list[Any]) -> Any:
        n = self.numbers
        if all(type(v) is Fraction and v == values[0] for v in values):
            return values[0]
        row = [n.rounded(v) for v in values]
        if abs(row[-1] - row[-2]) <= 1e-13 * max(1, abs(row[-1])):
            return row[-1]
        if abs(row[-1]) > 1.5 * abs(row[-2]) > 2.2 * abs(row[-3]):
            return n.high.inf if row[-1] > 0 else -n.high.inf
        power = 1
        while len(row) > 2:
            power *= 2
            row = [(power * b - a) / (power - 1) for a, b in itertools.pairwise(row)]
        if abs(row[-1] - row[-2]) > 1e-8 * max(1, abs(row[-1])):
            raise Unknown("the limit does not settle", "domain")
        return row[-1]

    def integral(self: Evaluator, node: Integral, frame: Frame) -> Value:
        """A definite integral; infinite where a longer range keeps adding to it."""
        letter = plain_letter(node.variable)
        if not letter or node.lower is None or node.upper is None:
            raise Unknown("an integral without limits")
        low, high = (self.numbers.rounded(self.value(b, frame))
                     for b in (node.lower, node.upper))
        context = self.numbers.high.context
        self.approximate = True

        def body(x: Any) -> Any:
            inner = frame.with_params({letter: x}, {})
            inner.bound.pop(letter, None)
            value = self.value(node.body, inner)
            if isinstance(value, Array | bool):
                raise Unknown("an integral of an array")
            return self.numbers.rounded(value)

        def reach(size: int) -> Any:
            a = low if context.isfinite(low) else context.mpf(-size)
            b = high if context.isfinite(high) else context.mpf(size)
            return self._panels(body, a, b)

        if context.isfinite(low) and context.isfinite(high):
            return reach(0)
        near, wide = reach(20), reach(40)
        if abs(wide - near) > 1e-6 * max(1, abs(near)):
            return context.inf if wide > near else -context.inf
        return wide

    def _panels(self: Evaluator, body: Callable[[Any], Any], a: Any, b: Any) -> Any:
        """Gauss's rule of three points on panels that meet at 0, where kinks and jumps are."""
        context = self.numbers.high.context
        if a > b:
            return -self._panels(body, b, a)
        cuts = [a, context.mpf(0), b] if a < 0 < b else [a, b]
        total = context.mpf(0)
        root = context.sqrt(context.mpf(3) / 5)
        for left, right in itertools.pairwise(cuts):
            width = (right - left) / _PANELS
            for k in range(_PANELS):
                middle = left + (k + context.mpf(1) / 2) * width
                points = ((middle - root * width / 2, 5), (middle, 8),
                          (middle + root * width / 2, 5))
                total += width * sum(w * body(x) for x, w in points) / 18
        return total

    def at_point(self: Evaluator, node: Bar, frame: Frame) -> Value:
        """A formula where something has another value: (…) at x = 0."""
        point = node.point
        pairs = []
        if isinstance(point, Apply) and point.head in ("compare", "such") and len(point.args) == 2:
            pairs.append((point.args[0], point.args[1]))
        if not pairs:
            return self.value(node.body, frame)
        target, at = pairs[0]
        return self.value(node.body, self.moved_to(target, self.value(at, frame), frame))


__all__ = ["Limits"]
