r"""Ones: the vector of `\mathbf{1}^\top X`, the indicator `\mathbb{1}_{i = j}`; marks of norms.

A one is a number in most places, also where a vector of ones is added to something. Before a matrix
and transposed it sums the rows, behind a matrix it sums the columns; with a condition it is 1 where
the condition holds and 0 elsewhere.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Node, Number, Symbol, unremarked
from chainrule.check.values import Array, Value, array, cells_of, plain_shape
from chainrule.check.values_names import plain_letter
from chainrule.check.values_tensors import squeezed

if TYPE_CHECKING:
    from chainrule.check.values_frames import Frame
    from chainrule.check.values_tree import Evaluator

_INDICATORS: Final = frozenset({"1", "I", "𝟙", "chi", "ind"})
_LENGTHS: Final = frozenset("nmNMdDKBC")  # letters that are rather a length than an index
_CONDITIONS: Final = frozenset({"such", "compare", "truth", "in"})


def _is_one(node: Node, letters: frozenset[str] = frozenset({"1", "𝟙"})) -> bool:
    node = unremarked(node)
    if isinstance(node, Number):
        return node.text == "1"
    return isinstance(node, Symbol) and not node.subs and node.name in letters


def row_of_ones(node: Node) -> bool:
    """Whether a factor is a transposed vector of ones."""
    node = unremarked(node)
    return isinstance(node, Apply) and (node.head == "transpose" or (
        node.head == "power" and plain_letter(node.args[1]) == "T")) and (
        _is_one(node.args[0]) or _sized_one(node.args[0]))


def _sized_one(node: Node) -> bool:
    """Whether a vector of ones has its length below it: 1_n, 1_3, no indicator."""
    node = unremarked(node)
    return isinstance(node, Symbol) and node.name in ("1", "𝟙") and len(node.subs) == 1 and (
        plain_letter(node.subs[0]) in _LENGTHS or isinstance(node.subs[0], Number))


def column_of_ones(node: Node) -> bool:
    """Whether a factor is a vector of ones, and not the number."""
    node = unremarked(node)
    return isinstance(node, Symbol) and (_is_one(node) or _sized_one(node))


def indicator(node: Node) -> Node | None:
    r"""The condition that \mathbb{1}_{i=j} or I(i = j) is 1 for; None for anything else."""
    node = unremarked(node)
    if isinstance(node, Symbol) and node.name in _INDICATORS and len(node.subs) == 1:
        inside: Node = node.subs[0]
    elif isinstance(node, Apply) and node.head[:5] == "call:" and node.head[5:] in _INDICATORS and (
            len(node.args) == 1):
        inside = node.args[0]
    elif isinstance(node, Apply) and node.head == "cell" and len(node.args) == 2 and _is_one(
            node.args[0]):
        inside = node.args[1]
    else:
        return None
    return _condition(inside)


def _condition(node: Node) -> Node | None:
    node = unremarked(node)
    if not isinstance(node, Apply) or node.head not in _CONDITIONS:
        return None
    return node.args[0] if node.head == "truth" else node


def with_indicators(args: tuple[Node, ...], signs: tuple[str, ...]) -> tuple[
        tuple[Node, ...], tuple[str, ...]]:
    r"""Factors in which \mathbf{1}\{i=j\} and I[i=j] are one."""
    found: list[Node] = []
    kept: list[str] = []
    for arg, sign in zip(args, signs, strict=True):
        condition = _condition(arg)
        if condition is not None and found and sign == "" and _is_one(found[-1], _INDICATORS):
            found[-1] = Apply(found[-1].start, arg.end, "truth", (condition,))
            continue
        found.append(arg)
        kept.append(sign)
    return tuple(found), tuple(kept)


class Ones:
    """The part of the evaluator that knows what a one is."""

    def summed(self: Evaluator, value: Value, last: bool) -> Value:
        """A matrix summed over its last axis, or over its first; a vector over all of it."""
        value = squeezed(value)
        if not isinstance(value, Array):
            return value
        rest = value.shape[:-1] if last else value.shape[1:]
        width = value.shape[-1] if last else len(value.cells) // value.shape[0]
        count = len(value.cells) // width
        totals: list[Any] = [Fraction(0)] * (count if last else width)
        for k, cell in enumerate(value.cells):
            at = k // width if last else k % width
            totals[at] = self.numbers.add(totals[at], cell)
        return array(rest, tuple(totals))

    def with_one(self: Evaluator, arg: Node, total: Value, turn: str) -> Value | None:
        """A product with a vector of ones behind it: the rows' sums; None where it is a number."""
        if not column_of_ones(arg) or not isinstance(total, Array):
            return None
        if len(plain_shape(total.shape)) > 1 or turn == "across":
            return self.summed(total, True)
        return None

    def marked_norm(self: Evaluator, node: Apply, frame: Frame) -> Value | None:
        r"""‖x‖_2, ‖X‖_F, ‖x‖_1 and ‖x‖_∞; None for anything else."""
        inner = unremarked(node.args[0])
        if not isinstance(inner, Apply) or inner.head != "norm" or len(node.args) != 2:
            return None
        mark = unremarked(node.args[1])
        text = mark.text if isinstance(mark, Number) else plain_letter(mark)
        value = self.value(inner.args[0], frame)
        if text in ("2", "F"):
            return self.norm(value)
        sizes = [self.numbers.apply("abs", c) for c in cells_of(value)]
        if text == "1":
            return self.total(Array((len(sizes),), tuple(sizes)))
        if text in ("infty", "∞"):
            best = sizes[0]
            for size in sizes[1:]:
                best = self._better("max", best, size)
            return best
        return None


__all__ = ["Ones", "indicator", "row_of_ones", "with_indicators"]
