"""Subscripts: which cell `w_{12}`, `z_y`, `v_i` or `x_{i+1}` is, counted as papers count."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from chainrule.check.tree import Apply, Node, Number, Symbol, walk
from chainrule.check.values import Array, Unknown, Value, cells_of
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import (
    form_of,
    plain_letter,
)
from chainrule.check.values_tensors import cellwise, transposed

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_GREEK_LETTERS: Final = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "mu", "nu", "tau", "lambda", "kappa"])
Size = int | Callable[[], int]


def constant_index(node: Node) -> int | None:
    """The integer that a subscript is, as it stands there."""
    if isinstance(node, Number) and re.fullmatch(r"\d{1,9}", node.text):
        return int(node.text)
    if isinstance(node, Apply) and node.head == "neg":
        inner = constant_index(node.args[0])
        return None if inner is None else -inner
    return None


class Subscripts:
    """The part of the evaluator that knows subscripts."""

    def tensor_cells(self: Evaluator, name: str, subs: tuple[Node, ...], frame: Frame) -> Value:
        """A tensor of the program, a row or a cell of it; labels count from 1."""
        shape = frame.cells.shape(name)
        if not subs and name in self.scope.flat and self.chooser.choose(("flat", name), 2) == 0:
            return flattened(frame.cells.tensor(name))
        tensor = self.world.names.program.tensors[name]
        if self.by_rows and len(subs) == 1 and len(shape) == 2 and self.chooser.choose(
                ("axis", name), 2):  # w_j of W = [w_1 … w_n]
            return self.tensor_cells(name, (Symbol(0, 0, ":"), *subs), frame) if (
                plain_letter(subs[0]) != ":") else transposed(frame.cells.tensor(name))
        if subs and plain_letter(subs[0]) == ":":
            at = self.index_of(subs[1], shape[1], frame)
            column = Array((shape[1], shape[0]), transposed(frame.cells.tensor(name)).cells)
            return self._at(column, [at])
        places = self.places(subs, shape, frame)
        if len(places) == len(shape):
            value = frame.cells.cell(name, tuple(places))
        else:
            rest = shape[len(places) :]
            value = Array(rest, tuple(frame.cells.cell(name, (*places, *p))
                                      for p in itertools.product(*map(range, rest))))
        if tensor.kind == "integer" and tensor.below is not None:
            return cellwise(self.numbers.add, value, Fraction(1))
        return value

    def places(self: Evaluator, subs: tuple[Node, ...], shape: tuple[int, ...],
               frame: Frame) -> list[int]:
        """Subscripts as places counted from 0; colons at their end are rows."""
        if len(subs) > len(shape) and subs and plain_letter(subs[-1]) == ":":
            raise Unknown("more subscripts than axes", "shape")
        rows = 0
        while subs and plain_letter(subs[-1]) == ":":
            subs, rows = subs[:-1], rows + 1
        if not subs:
            return []
        if rows:
            return self._checked([self.index_of(s, n, frame) for s, n in
                                  zip(subs, shape, strict=False)], shape)
        if len(subs) == 1:
            digits = constant_index(subs[0])
            if digits is not None and digits >= 0 and 1 < len(shape) == len(str(digits)):
                return self._checked([int(c) for c in str(digits)], shape)
            if len(shape) > 1 and self._counts_cells(subs[0], shape, frame):
                total = 1
                for n in shape:
                    total *= n
                flat = self._checked([self.index_of(subs[0], total, frame)], (total,))[0]
                found = []
                for n in reversed(shape):
                    found.append(flat % n)
                    flat //= n
                return found[::-1]
        if not shape and len(subs) == 1 and constant_index(subs[0]) == 0:
            return []  # α_0, the value that α has
        if len(subs) > len(shape):
            raise Unknown("more subscripts than axes", "shape")
        return self._checked([self.index_of(s, n, frame) for s, n in
                              zip(subs, shape, strict=False)], shape)

    def _counts_cells(self: Evaluator, sub: Node, shape: tuple[int, ...], frame: Frame) -> bool:
        """Whether one subscript of a matrix counts its cells rather than its rows."""
        if self.by_rows:
            return False
        return self.chooser.choose(("cells", shape), 2) == 0

    def _checked(self: Evaluator, indices: list[int], shape: tuple[int, ...]) -> list[int]:
        for k, n in zip(indices, shape, strict=False):
            if not 0 <= k - self.base < n:
                raise Unknown(f"there is no cell {k} on an axis of {n}",
                              "base" if k == 0 else "range")
        return [k - self.base for k in indices]

    def _at(self: Evaluator, value: Array, indices: list[int]) -> Value:
        places = self._checked(indices, value.shape)
        rest = value.shape[len(places) :]
        if not rest:
            return value[tuple(places)]
        inside = itertools.product(*map(range, rest))
        return Array(rest, tuple(value[(*places, *p)] for p in inside))

    def indexed(self: Evaluator, value: Value, subs: tuple[Node, ...], frame: Frame) -> Value:
        """A value at subscripts."""
        if not subs:
            return value
        if not isinstance(value, Array):
            if len(subs) == 1 and constant_index(subs[0]) == 0:
                return value
            raise Unknown("a number has no subscripts", "shape")
        return self._at(value, [p + self.base for p in self.places(subs, value.shape, frame)])

    def index_of(self: Evaluator, node: Node, size: Size, frame: Frame) -> int:
        """The index that a subscript is, counted as the paper counts; `Need` for a free letter."""
        fixed = constant_index(node)
        if fixed is not None:
            return fixed
        letter = plain_letter(node)
        if letter:
            return self._letter_index(node, letter, size, frame)
        for n in walk(node):
            inner = plain_letter(n)
            if (inner and frame.bound.get(inner, 0) is None) or (
                    inner and inner not in frame.bound and inner not in frame.params
                    and not self._whole_number(n, inner, frame)):
                raise Need(inner, size() if callable(size) else size)
        value = self.value(node, frame)
        return self._integer(value)

    def _letter_index(self: Evaluator, node: Node, letter: str, size: Size, frame: Frame) -> int:
        if letter in frame.bound:
            index = frame.bound[letter]
            if index is None:
                raise Need(letter, size() if callable(size) else size)
            return index
        if letter in frame.params:
            return self._integer(frame.params[letter])
        found = self._whole_number(node, letter, frame)
        if found is not None:
            return found
        if len(letter.rstrip("'")) > 1 and letter not in _GREEK_LETTERS:
            raise Unknown(f"{letter} is no index", "name")
        raise Need(letter, size() if callable(size) else size)

    def _whole_number(self: Evaluator, node: Node, letter: str, frame: Frame) -> int | None:
        """A label, a one-hot vector's class, a size: what a letter below a name is, if known."""
        form = form_of(node)
        if form is None:
            return None
        for name, _ in self.world.names.tensors(form):
            tensor = self.world.names.program.tensors[name]
            free = self.world.part.free.get(name)
            if tensor.kind == "integer" and not tensor.shape:
                shift = int(tensor.below is not None)
                return int(self.numbers.still(frame.cells.cell(name, ()))) + shift
            if free is not None and free.onehot and len(tensor.shape) == 1:
                return self._integer(frame.cells.tensor(name))
        size = self.world.names.size(letter)
        return None if size is None else int(self.world.sizes[size])

    def _integer(self: Evaluator, value: Value) -> int:
        if isinstance(value, Array):
            cells = [self.numbers.still(c) for c in value.cells]
            if len(value.shape) == 1 and sum(c == 1 for c in cells) == 1 and all(
                    c in (0, 1) for c in cells):
                return [int(c) for c in cells].index(1) + self.base
            raise Unknown("a subscript is no whole number", "form")
        still = self.numbers.still(value)
        if type(still) is Fraction and still.denominator == 1:
            return int(still)
        raise Unknown("a subscript is no whole number", "form")


def is_word(node: Node) -> bool:
    """Whether a subscript is a word, such as the max of z_max, and no index."""
    letter = plain_letter(node)
    return len(letter.rstrip("'")) > 1 and letter not in _GREEK_LETTERS


def flattened(value: Value) -> Value:
    return Array((len(cells_of(value)),), cells_of(value))


__all__ = ["Size", "Subscripts", "constant_index", "flattened", "is_word"]
