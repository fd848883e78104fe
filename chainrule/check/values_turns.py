r"""Which way a vector lies, where a paper writes transposes: `x^\top y` against `x y^\top`.

Where nothing is transposed a row, a column and a list are alike. A transposed vector in a product
says more: either vectors are columns, and `x^\top y` is a number and `x y^\top` a matrix, or they
are rows, and it is the other way round. `Turns` keeps what each product takes them for; a reading
in which they are both is no reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Node, Number, Remark, Symbol
from chainrule.check.values import Array, Unknown, Value, plain_shape
from chainrule.check.values_names import full_name, plain_letter
from chainrule.check.values_tensors import cellwise, contraction, outer, squeezed

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

STRAIGHT, ACROSS = "straight", "across"
_OTHER: Final = {STRAIGHT: ACROSS, ACROSS: STRAIGHT, "": ""}
ODD: Final = "vectors are rows in one product and columns in another one"
_COLUMNS, _ROWS = "columns", "rows"
_TURNED: Final = {_COLUMNS: _ROWS, _ROWS: _COLUMNS}


def at_odds(*made: dict[Any, int]) -> bool:
    """Whether vectors are rows in one product and columns in another one."""
    seen = {w[1:] for choices in made for w in choices if isinstance(w, tuple) and w[0] == "turn"}
    letters = {w[1:] for choices in made for w in choices if isinstance(w, tuple)
               and w[0] == "lies"}
    if any(firmly and ((letter, _TURNED[way], True) in letters
                       or (letter, _TURNED[way], False) in letters)
           for letter, way, firmly in letters):
        return True
    return ((_COLUMNS, True) in seen and bool(seen & {(_ROWS, True), (_ROWS, False)})) or (
        (_ROWS, True) in seen and (_COLUMNS, False) in seen)


def ways(*made: dict[Any, int]) -> dict[str, str]:
    """Which way the vectors lie that a reading is sure of, by their letters."""
    return {w[1]: w[2] for choices in made for w in choices
            if isinstance(w, tuple) and w[0] == "lies" and w[3]}


def letter_of(node: Node) -> str:
    """The letter of a vector, transposed or not; empty for anything that is put together."""
    if isinstance(node, Remark):
        return letter_of(node.body)
    if isinstance(node, Apply) and (node.head == "transpose" or (
            node.head == "power" and plain_letter(node.args[1]) == "T")):
        return letter_of(node.args[0])
    return full_name(node.name) if isinstance(node, Symbol) else ""


class Turns:
    """The part of the evaluator that knows which way vectors lie."""

    def turn(self: Evaluator, node: Node) -> str:
        """Whether a vector stands as it is, or transposed; empty where that cannot be told."""
        if isinstance(node, Remark):
            return self.turn(node.body)
        if isinstance(node, Symbol):
            return STRAIGHT
        if not isinstance(node, Apply):
            return ""
        if node.head == "transpose" or (node.head == "power" and plain_letter(
                node.args[1]) == "T"):
            return _OTHER[self.turn(node.args[0])]
        if node.head in ("product", "juxtaposed"):
            return self.turns.get((node.start, node.end), "")
        if node.head.startswith("call:") or node.head == "differential":
            return STRAIGHT
        if node.head in ("sum", "neg"):
            found = {self.turn(a) for a in node.args if not isinstance(a, Number)}
            return found.pop() if len(found) == 1 else ""
        if node.head == "frac":
            return self.turn(node.args[0])
        return ""

    def lies(self: Evaluator, what: str, firmly: bool, *vectors: Node) -> None:
        """Note what a product takes vectors for; `Unknown` where another one says otherwise."""
        self.chooser.made["turn", what, firmly] = 0
        for letter in filter(None, map(letter_of, vectors)):
            self.chooser.made["lies", letter, what, firmly] = 0
        self._consistent()

    def _consistent(self: Evaluator) -> None:
        if at_odds(self.chooser.made):
            raise Unknown(ODD, "turn")

    def turned_product(self: Evaluator, kind: str, a: Array, b: Array, ta: str, tb: str,
                       factors: tuple[Node, Node]) -> list[Callable[[], Value]] | None:
        """What a product of vectors may mean of which one is transposed; else None."""
        if kind == "" and ta == tb == STRAIGHT:
            return self._untransposed(a, b, factors)
        if kind not in ("", "dot") or {ta, tb} != {STRAIGHT, ACROSS}:
            return None
        first, second = squeezed(a), squeezed(b)
        if not isinstance(first, Array) or not isinstance(second, Array) or not (
                len(first.shape) == len(second.shape) == 1):
            return None
        inner = (_COLUMNS if ta == ACROSS else _ROWS)
        spread = (_ROWS if ta == ACROSS else _COLUMNS)

        def dot() -> Value:
            self.lies(inner, True, *factors)
            return contraction(self.numbers, first, second, 1)

        def table() -> Value:
            self.lies(spread, True, *factors)
            return outer(self.numbers, first, second)

        if first.shape != second.shape:
            return [table]
        return [dot, table] if inner == _COLUMNS else [table, dot]

    def _untransposed(self: Evaluator, a: Array, b: Array, factors: tuple[Node, Node]) -> list[
            Callable[[], Value]] | None:
        """What a product of two vectors may be where neither is transposed: papers write all."""
        first, second = squeezed(a), squeezed(b)
        if not isinstance(first, Array) or not isinstance(second, Array) or not (
                len(first.shape) == len(second.shape) == 1):
            return None

        def lie(ways: tuple[str, str]) -> None:
            for node, way in zip(factors, ways, strict=True):
                if letter := letter_of(node):
                    self.chooser.made["lies", letter, way, False] = 0
            self._consistent()

        def dot() -> Value:
            lie((_ROWS, _COLUMNS))
            return contraction(self.numbers, first, second, 1)

        def table() -> Value:
            lie((_COLUMNS, _ROWS))
            return outer(self.numbers, first, second)

        if first.shape != second.shape:
            return [table]
        return [lambda: cellwise(self.numbers.mul, first, second), dot, table]

    def product_turn(self: Evaluator, a: Value, b: Value, ta: str, tb: str,
                     factors: tuple[Node, Node]) -> str:
        """Which way a product lies, which is a vector; notes what it takes vectors for."""
        if not isinstance(a, Array):
            return tb
        if not isinstance(b, Array):
            return ta
        sizes = len(plain_shape(a.shape)), len(plain_shape(b.shape))
        if sizes == (2, 1) and tb:
            self.lies(_COLUMNS if tb == STRAIGHT else _ROWS, tb == ACROSS,
                      factors[1])
            return tb
        if sizes == (1, 2) and ta:
            self.lies(_ROWS if ta == STRAIGHT else _COLUMNS, ta == ACROSS,
                      factors[0])
            return ta
        return ta if ta == tb else ""


__all__ = ["ODD", "Turns", "at_odds", "letter_of", "ways"]
