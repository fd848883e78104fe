r"""Differentials: the `dX` of `df = tr(BA dX)`, and the `dW` that is short for ∂L/∂W.

A differential is the change of a quantity in some direction: where a formula has `dx` and `dW`, x
and W move along directions drawn at random, all that depends on them is computed again, and every
`dq` is how fast q changes. What moves are those of the named quantities that depend on no other
one: in `df = 2 r^T dr = 2 r^T A dx` r moves in the first equation, and x, through r, in the second.

Courses also write `dW` for ∂L/∂W, and `dZ` for the derivatives of the examples' own losses, of
which `L` is the mean. All of a claim's d are taken in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import (
    Apply,
    Derivative,
    Node,
    Number,
    Reduce,
    Symbol,
    joined,
    unremarked,
    walk,
)
from chainrule.check.values import Dual, Unknown, Value, array, cells_of, shape_of
from chainrule.check.values_names import form_of, key, plain_letter

if TYPE_CHECKING:
    from chainrule.check.values_frames import Frame
    from chainrule.check.values_tree import Evaluator
    from chainrule.check.worlds import Names

_MOST: Final = 6  # quantities that move in one claim
_FACTOR, _SHORT, _MOVES, _MEAN = "factor", "short", "moves", "mean"
_LINEAR: Final = frozenset({"call:tr", "call:trace", "call:Tr", "call:sum", "call:vec"})
READING: Final = ("name", "d")  # all d of a claim, on both sides, mean the same


def is_d(node: Node) -> bool:
    """Whether a factor is the d of dW."""
    return isinstance(node, Symbol) and node.name == "d" and not node.subs and node.label is None


def differentials(node: Node) -> Iterator[Node]:
    """What stands behind a d somewhere in a formula, without its transposes."""
    for n in walk(node):
        if isinstance(n, Apply) and n.head == "call:d" and len(n.args) == 1:
            yield _upright(n.args[0])[0]
        if isinstance(n, Apply) and n.head in ("product", "juxtaposed"):
            for before, behind in zip(n.args, n.args[1:], strict=False):
                if is_d(before):
                    yield _upright(behind)[0]


def linear(node: Node) -> bool:
    """Whether a formula is a sum of terms with one differential each, as equations of them are."""
    node = unremarked(node)
    if not isinstance(node, Apply | Reduce):
        return False
    if isinstance(node, Reduce):
        return node.op == "sum" and linear(node.body)
    if node.head == "call:d":
        return True
    if node.head in ("sum", "neg"):
        return all(map(linear, node.args))
    if node.head in ("transpose", "cell", "power", "frac", *_LINEAR):
        return linear(node.args[0]) and not any(
            any(differentials(a)) for a in node.args[1:])
    if node.head in ("product", "juxtaposed"):
        ways = sum(map(is_d, node.args))
        rest = [a for a in node.args if any(differentials(a))]
        return ways + len(rest) == 1 and all(map(linear, rest))
    return False


def named_with_d(node: Node | None) -> Node | None:
    """The W of a side that is dW and nothing else."""
    node = unremarked(node) if node is not None else None
    if isinstance(node, Apply) and node.head == "product" and len(node.args) == 2 and is_d(
            node.args[0]):
        return _upright(node.args[1])[0]
    return None


def moving(*sides: Node) -> tuple[Node, ...]:
    """The quantities that differentials are taken of; none where a side has no differential."""
    found: dict[Any, Node] = {}
    for side in sides:
        named = list(differentials(side))
        if not named:
            return ()
        for node in named:
            if isinstance(node, Symbol):
                found.setdefault(key(node), node)
    return tuple(found.values()) if len(found) <= _MOST else ()


def whole(node: Node, names: Names) -> Node:
    """The quantity that a cell belongs to: x of x_i; a name with a number stays itself."""
    form = form_of(node)
    if not isinstance(node, Symbol) or form is None or not form.subs or any(
            uses for _, uses in names.tensors(form)):
        return node
    return replace(node, subs=())


def _upright(node: Node) -> tuple[Node, int]:
    """A factor without its transposes, and how many it had."""
    turned = 0
    node = unremarked(node)
    while isinstance(node, Apply) and (node.head == "transpose" or (
            node.head == "power" and plain_letter(node.args[1]) == "T")):
        node, turned = unremarked(node.args[0]), turned + 1
    return node, turned


class Differentials:
    """The part of the evaluator that knows what a d before a quantity means."""

    def with_differentials(self: Evaluator, args: tuple[Node, ...], signs: tuple[str, ...],
                           frame: Frame) -> tuple[tuple[Node, ...], tuple[str, ...]]:
        """Factors in which d and what stands behind it are one, where d is no name of its own."""
        if len(args) < 2 or not any(map(is_d, args)):
            return args, signs
        return joined(args, signs, lambda d, arg: (
            self._differential(d, arg, self.known(d, frame)) if is_d(d) else None))

    def _differential(self: Evaluator, d: Node, arg: Node, known: bool) -> Node | None:
        """What d and the factor behind it are together; None where d is only a letter.

        `known` says that the sheet has a d of its own, the size of a head for example.
        """
        inner, turned = _upright(arg)
        form = form_of(inner) if isinstance(inner, Symbol) else None
        program = self.world.names.program
        tensors = self.world.names.tensors(form) if form is not None else []
        tops = [n for n in program.outputs if not program.tensors[n].shape]
        short = bool(tensors) and len(tops) == 1 and not known
        moves = [_MOVES] * bool(self.moves)
        ends = short and any(self._is(n, tops[0]) for n in self.moves)
        kinds = [_FACTOR] * known + (moves if ends else []) + [_SHORT] * short + (
            [] if ends else moves) + [_MEAN, _MEAN] * short
        if not kinds or (known and not self.moves):
            return None
        self.invented.add("d")
        at = self.chooser.choose(READING, len(kinds))
        kind = kinds[at]
        if kind == _FACTOR:
            return None
        if kind == _MOVES:
            node: Node = Apply(d.start, arg.end, "differential", (inner,))
        else:
            node = Derivative(d.start, arg.end, Symbol(d.start, d.start, tops[0]), (inner,))
            if kind == _MEAN:
                axis = at - len(kinds)
                node = self._of_examples(node, tensors[0][0], axis)
        for _ in range(turned):
            node = Apply(d.start, arg.end, "transpose", (node,))
        return node

    def change_of_call(self: Evaluator, node: Apply, frame: Frame) -> Value | None:
        """The differential d(Ax - b), which looks like a call; None where d is a function."""
        if not self.moves or len(node.args) != 1 or self.known(node, frame):
            return None
        return self.differential(node, frame)

    def _is(self: Evaluator, node: Node, tensor: str) -> bool:
        form = form_of(node)
        return form is not None and self.world.names.tensors(form)[:1] == [(tensor, False)]

    def _of_examples(self: Evaluator, node: Node, tensor: str, axis: int) -> Node:
        """m ∂L/∂Z, for all but parameters: the examples' own derivatives, where L is a mean."""
        shape = self.world.cells.shape(tensor)
        if self.world.names.program.tensors[tensor].role == "parameter" or not shape:
            return node
        count = Number(node.start, node.start, str(shape[0 if axis == -2 else -1]))
        return Apply(node.start, node.end, "product", (count, node), ("", ""))

    def differential(self: Evaluator, node: Apply, frame: Frame) -> Value:
        """How fast a quantity changes where the claim's free quantities move."""
        self.invented.add("d")
        inner, level = self._along(frame)
        value = self.value(node.args[0], inner)
        if isinstance(value, bool):
            raise Unknown("the differential of a condition")
        return array(shape_of(value), tuple(self.numbers.tangent(c, level)
                                            for c in cells_of(value)))

    def _along(self: Evaluator, frame: Frame) -> tuple[Frame, int]:
        """The surroundings in which what is free moves, and at which level it does."""
        at = (id(frame.cells), id(frame.params), tuple(frame.bound.items()))
        kept = self.moved.get(at)
        if kept is not None and kept[0] is frame.cells and kept[1] is frame.params:
            return kept[2], kept[3]
        if not self.free:
            self.free = self._free(frame)
        level = self.numbers.new_level()
        inner = frame
        for node in self.free:
            inner = self._moved_by(node, inner, level)
        self.moved[at] = frame.cells, frame.params, inner, level
        return inner, level

    def _free(self: Evaluator, frame: Frame) -> tuple[Node, ...]:
        """Those of the quantities that depend on no other one of them."""
        named = {key(n): n for n in (whole(m, self.world.names) for m in self.moves)}
        moves = tuple(named.values())
        hangs: set[int] = set()
        for k, node in enumerate(moves):
            level = self.numbers.new_level()
            inner = self._moved_by(node, frame, level)
            for j, other in enumerate(moves):
                if j == k or j in hangs:
                    continue
                cells = cells_of(self.value(other, inner))
                if any(self.numbers.tangent(c, level) != 0 for c in cells):
                    hangs.add(j)
        return tuple(n for k, n in enumerate(moves) if k not in hangs)

    def _moved_by(self: Evaluator, node: Node, frame: Frame, level: int) -> Frame:
        """The surroundings where one quantity moves along a direction of its own."""
        target = self.target(node, frame)
        form = form_of(node)
        if not target.tensor and form is not None and self.definitions(form):
            if frame.match is not None:
                raise Unknown("two names of the paper's own move", "form")
            target = self._by_value(node, frame)  # what it is short for moves as well
        draw = random.Random(f"{key(node)}/{self.world.seed}")
        moved = []
        for cell in cells_of(target.value):
            if isinstance(cell, bool):
                raise Unknown("the differential of a condition")
            way = Fraction(draw.randint(3, 29), 10) * draw.choice((-1, 1))
            moved.append(Dual(cell, way, level, self.numbers))
        return target.moved(array(shape_of(target.value), tuple(moved)))


__all__ = ["READING", "Differentials", "differentials", "is_d", "linear", "moving", "named_with_d",
           "whole"]
