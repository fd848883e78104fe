"""The numbers of a convolution as they are given: text, lists, arrays, numbers or symbols.

Numbers are exact: `0.1` is one tenth. A cell of a text may also be a symbol or an expression of
symbols, as in `[a, 2*b, 1]`; such a cell stays an expression, and so does what is made of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from chainrule.errors import (
    ChainruleError,
    InputError,
    KindError,
    LimitError,
    ShapeError,
    Span,
    UnknownNameError,
)
from chainrule.evaluate.values import CellArray
from chainrule.lang.expr import Apply, Expr, Number, Ref, walk
from chainrule.lang.parse import parse_expression
from chainrule.limits import TRACED_CELLS
from chainrule.literals import VALUE_CHARACTERS, number

_AXES = 2
_LONGEST = 128  # terms of a sum of symbols
_NO_NUMBERS = re.compile(r"\s*[+-]?\s*(nan|inf|infinity|∞)\s*", re.IGNORECASE)
_HINT = "a list is written as [1, 2, 3], a matrix as [[1, 2], [3, 4]]"


def read(name: str, value: Any) -> CellArray:
    """A vector or a matrix of fractions and expressions, from a text, nested lists or an array.

    Raises `InputError` (not a list, ragged, empty, NaN or an infinity), `KindError` (no number),
    `ShapeError` (not one or two axes), `LimitError`, and what the language's parser raises.

    >>> read("x", "[1, 0.5, -1/3]").cells
    [Fraction(1, 1), Fraction(1, 2), Fraction(-1, 3)]
    >>> read("w", [[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(value, str):
        value = _nested(name, value)
    elif hasattr(value, "tolist"):  # an array; a float32 means what it prints
        narrow = value.dtype.kind == "f" and value.dtype.itemsize < 8
        value = value.astype(str).tolist() if narrow else value.tolist()
    if not isinstance(value, list | tuple):
        raise ShapeError(f"{name} is a single value; it must be a list", None, _HINT)
    shape: list[int] = []
    level: list[Any] = [value]
    while isinstance(level[0], list | tuple):
        if len(shape) == _AXES:
            raise ShapeError(f"{name} has more than {_AXES} axes", None,
                             "convolutions are worked on vectors and matrices")
        size = len(level[0])
        for k, part in enumerate(level):
            if not isinstance(part, list | tuple) or len(part) != size:
                found = len(part) if isinstance(part, list | tuple) else "a single value"
                raise InputError(f"the rows of {name} differ in length: row 0 has {size}, "
                                 f"row {k} has {found}", None, _HINT)
        if not size:
            raise InputError(f"{name} is empty", None, "give it one cell at least")
        shape.append(size)
        if math.prod(shape) > TRACED_CELLS:
            raise LimitError(f"{name} has {math.prod(shape):,} cells; at most {TRACED_CELLS:,} are "
                             "worked by hand", None, "run evaluates a formula of any size")
        level = [x for part in level for x in part]
    return CellArray(tuple(shape), [_cell(name, x) for x in level])


def symbols(*arrays: CellArray) -> list[str]:
    """The names that stand in the cells, each once."""
    found = {node.tensor: None for array in arrays for c in array.cells if isinstance(c, Expr)
             for node in walk(c) if isinstance(node, Ref)}
    return list(found)


def check_symbols(x: CellArray, w: CellArray, products: int) -> None:
    """Refuse sums of symbols that nobody would read; `products` is how many are added up."""
    if not symbols(x, w):
        return
    terms = products * _terms(x) * _terms(w)
    if terms > _LONGEST or len(x.cells) + len(w.cells) > TRACED_CELLS // 20:
        raise LimitError(f"with symbols, a sum here may have {terms:,} terms in "
                         f"{len(x.cells) + len(w.cells):,} cells; at most {_LONGEST} terms and "
                         f"{TRACED_CELLS // 20:,} cells are worked", None,
                         "give numbers instead of symbols, or a smaller input")


def _terms(array: CellArray) -> int:
    """The most names and numbers that one cell has."""
    return max(sum(isinstance(node, Number | Ref) for node in walk(c)) if isinstance(c, Expr) else 1
               for c in array.cells)


def _cell(name: str, value: Any) -> Fraction | Expr:
    """One cell: a fraction, or an expression in symbols."""
    if hasattr(value, "dtype") and value.dtype.kind in "iuf":  # a number of an array
        value = str(value)
    if isinstance(value, str):
        return _written(name, value)
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction | Decimal):
        if isinstance(value, list | tuple):
            raise InputError(f"the rows of {name} differ in length: a list stands beside a number",
                             None, _HINT)
        raise KindError(f"{value!r:.60} in {name} is not a number")
    if not math.isfinite(value):
        raise InputError(f"{value} in {name} is not a finite number")
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _written(name: str, word: str) -> Fraction | Expr:
    """A cell as it is written."""
    if _NO_NUMBERS.fullmatch(word):
        raise InputError(f"{word.strip()} in {name} is not a finite number")
    try:
        return number(word)
    except UnknownNameError:
        pass
    except ChainruleError as error:
        error.message = f"{name}: {error.message}"
        raise
    body = parse_expression(word, name)
    for node in walk(body):
        if not isinstance(node, Apply | Number | Ref) or (isinstance(node, Ref)
                                                          and node.subscripts):
            raise InputError(f"{name}: a cell is a number, a symbol, or an expression of them",
                             Span(word, 0, len(word)), "for example a, 2*a or 1/3")
    return body


def _nested(name: str, text: str) -> Any:
    """The lists of a text, their cells still written.

    Lists are cut at brackets and at commas outside round ones, with a stack of its own.
    """
    if len(text) > VALUE_CHARACTERS:
        raise LimitError(f"{name} is written in {len(text):,} characters; at most "
                         f"{VALUE_CHARACTERS:,} are read")
    open_lists: list[list[Any]] = [[]]
    wanted = True  # whether a cell or a list is to come
    for token, start, end in _pieces(text):
        def fail(said: str, start: int = start, end: int = end) -> InputError:
            return InputError(f"{name}: {said}", Span(text, start, max(end, start + 1)), _HINT)

        if len(open_lists) == 1 and open_lists[0] and token.strip():
            raise fail("something follows the list")
        if token == "[":
            if not wanted:
                raise fail("a comma is missing before this list")
            if len(open_lists) > _AXES:
                raise ShapeError(f"{name} has more than {_AXES} axes", Span(text, start, end),
                                 "convolutions are worked on vectors and matrices")
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token == "]":
            if len(open_lists) == 1 or (wanted and open_lists[-1]):
                raise fail("a bracket too many" if len(open_lists) == 1 else "a cell is missing")
            open_lists.pop()
            wanted = False
        elif token == ",":
            if wanted:
                raise fail("a cell is missing here")
            wanted = True
        elif len(open_lists) == 1:
            raise fail("a list is wanted, in square brackets")
        elif not wanted:
            raise fail("a comma is missing before this")
        else:
            open_lists[-1].append(token)
            wanted = False
    if len(open_lists) > 1:
        raise InputError(f"{name}: a bracket is not closed",
                         Span(text, max(len(text) - 1, 0), len(text)), _HINT)
    if not open_lists[0]:
        raise InputError(f"{name} is empty", None, _HINT)
    return open_lists[0][0]


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Brackets, commas and what stands between them, with their places."""
    rounds = start = 0
    for at, character in enumerate(text + "\n"):
        if character in "()":
            rounds = max(0, rounds + (1 if character == "(" else -1))
        if (character in "[]," and not rounds) or at == len(text):
            if text[start:at].strip():
                yield text[start:at], start, at
            if at < len(text):
                yield character, at, at + 1
            start = at + 1


__all__ = ["check_symbols", "read", "symbols"]
