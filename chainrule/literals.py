"""Numbers as people type them: `2`, `-0.1`, `1/3`, `pi/2`, `sqrt(2)`, `[[1, 2], [3, 4]]`.

A plain literal is exact: 0.1 is one tenth. Anything else that is not a list is an expression of
the language without names, read by the language's own parser and evaluated: exactly where that can
be, to 40 digits where it cannot. Assignments as on a command line, `x1=2, x2=[1, 2]`, are read here
too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from chainrule.errors import ChainruleError, InputError, LimitError, Span, UnknownNameError
from chainrule.evaluate.cells import evaluate_cells
from chainrule.lang.expr import Ref, walk
from chainrule.lang.numerals import literal
from chainrule.lang.parse import parse_expression
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.verify import verify
from chainrule.limits import FORMULA_CHARACTERS, TENSOR_AXES

VALUE_CHARACTERS: Final = 1_000_000
_DIGITS: Final = 40
_BEYOND: Final = 2**1024 - 2**970  # from here on a number rounds to no finite float
_LITERAL: Final = re.compile(r"([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_OTHER_BASE: Final = re.compile(r"[+-]?0(?:[xX][0-9a-fA-F]{1,16}|[oO][0-7]{1,16}|[bB][01]{1,64})")
_NAME: Final = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)")
_NEXT: Final = re.compile(r"[\s,;]+(?=[^\W\d]\w*\s*=(?!=))|[\s,;]+$")


def number(text: str, span: Span | None = None) -> Fraction:
    """The number that a text stands for, exactly or to 40 digits.

    Raises `InputError` where it is not a number, and what the language's parser and evaluator
    raise (`FormulaSyntaxError`, `DomainError`, `LimitError`).

    >>> number("-1/3"), number("0.1"), float(number("pi/2"))
    (Fraction(-1, 3), Fraction(1, 10), 1.5707963267948966)
    """
    plain = _LITERAL.fullmatch(text.strip())
    if plain is None:
        if other := _OTHER_BASE.fullmatch(text.strip()):
            raise InputError(f"{other[0]} is not decimal", Span(text, 0, len(text), "formula"),
                             f"write {int(other[0], 0)}: numbers are decimal")
        return _evaluated(text)
    exact = literal(plain[2], span or Span(text, 0, len(text), "formula")).value
    return -Fraction(exact) if plain[1] == "-" else Fraction(exact)


def _evaluated(text: str) -> Fraction:
    """The value of an expression without names."""
    if len(text) > FORMULA_CHARACTERS:
        raise LimitError(f"a number is written in {len(text):,} characters; at most "
                         f"{FORMULA_CHARACTERS:,} are read")
    if not text.strip():
        raise InputError("a number is missing", Span(text, 0, len(text), "formula"))
    body = parse_expression(text, "formula")
    for node in walk(body):
        if isinstance(node, Ref):
            raise UnknownNameError(f"{node.tensor} is not a number", node.span,
                                   "a value is a number, such as 2, 0.5, 1/3, pi/2 or sqrt(2)")
    whole = Program({"value": Tensor("value")}, (), (Equation("value", (), (), body),), ("value",))
    cell = evaluate_cells(verify(whole), {}, digits=_DIGITS)["value"].cells[0]
    if isinstance(cell, Fraction):
        return cell
    written = str(cell)
    if "inf" in written or "nan" in written:
        raise InputError("this is not a finite number", Span(text, 0, len(text), "formula"))
    return Fraction(written)


def value(text: str, name: str = "formula") -> Any:
    """A number, or nested lists of numbers.

    Raises what `number` raises, `InputError` for brackets that do not match, `LimitError`.

    >>> value("[[1, 1/2], [-3, 0.25]]")
    [[Fraction(1, 1), Fraction(1, 2)], [Fraction(-3, 1), Fraction(1, 4)]]
    """
    if len(text) > VALUE_CHARACTERS:
        raise LimitError(f"a value is written in {len(text):,} characters; at most "
                         f"{VALUE_CHARACTERS:,} are read")
    return _List(text).read() if text.lstrip().startswith("[") else number(text)


class _List:
    """Reads nested lists with a stack of their own, so that no text can exhaust Python's."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, message: str, start: int, end: int) -> InputError:
        return InputError(message, Span(self.text, start, end),
                          "a list is written as [1, 2, 3], a matrix as [[1, 2], [3, 4]]")

    def read(self) -> Any:
        """The list; `open` holds the lists that are not closed yet, `start` where a cell starts."""
        text, done = self.text, None
        open_lists: list[list[Any]] = []
        rounds = start = 0
        closed = False  # whether the last thing was a list, after which a comma or ] must come
        for at, character in enumerate(text):
            if done is not None:
                if not character.isspace():
                    raise self.fail("something follows the list", at, at + 1)
            elif rounds and character not in "()":
                continue
            elif character in "()":
                rounds += 1 if character == "(" else -1
            elif character == "[":
                if closed or text[start:at].strip():
                    raise self.fail("a comma is missing before this list", at, at + 1)
                if len(open_lists) == TENSOR_AXES:
                    raise LimitError(f"a list has more than {TENSOR_AXES} axes")
                inner: list[Any] = []
                if open_lists:
                    open_lists[-1].append(inner)
                open_lists.append(inner)
                start = at + 1
            elif character in ",]":
                cell = text[start:at]
                if cell.strip():
                    if closed:
                        raise self.fail("a comma is missing after the list", start, at)
                    open_lists[-1].append(number(cell))
                elif not closed and (character == "," or open_lists[-1]):
                    raise self.fail("a number is missing here", at, at + 1)
                closed = character == "]"
                start = at + 1
                if closed:
                    done = open_lists.pop()
                    if open_lists:
                        done = None
        if done is None:
            raise self.fail("a bracket is not closed", len(text) - 1, len(text))
        return done


def assignments(words: Sequence[str], option: str, floats: bool = False) -> dict[str, Any]:
    """The values that words such as `x1=2`, or `x1=2, x2=[1, 2]`, give to names.

    Raises `InputError` for a word of another form or a name given twice; with `floats`, also for
    a number beyond the range of floats.

    >>> assignments(["x1=2, x2=-1/2"], "--at")
    {'x1': Fraction(2, 1), 'x2': Fraction(-1, 2)}
    """
    found: dict[str, Any] = {}
    for word in words:
        for piece in _pieces(word):
            match = _NAME.match(piece)
            if match is None:
                raise InputError(f"{option} wants NAME=VALUE, found {piece!r:.60}",
                                 hint=f"for example {option} x1=2 x2=1/3")
            name = match[1]
            if name in found:
                raise InputError(f"{option} gives {name} twice")
            try:
                text = piece[match.end() :].strip()
                found[name] = value(text)
                if floats and not _fits(found[name]):
                    raise InputError("a value is too large for a float",
                                     Span(text, 0, len(text), "formula"),
                                     "the largest is about 1.8e308; a trace works exactly")
            except ChainruleError as error:
                error.message = f"{option} {name}: {error.message}"
                raise
    return found


def _fits(given: Any) -> bool:
    """Whether a number, or each one in nested lists, is within the range of floats."""
    if isinstance(given, list):
        return all(map(_fits, given))
    return bool(abs(given) < _BEYOND)


def _pieces(word: str) -> list[str]:
    """A word cut before each `NAME=` that stands outside brackets."""
    cuts, depth, last = [0], 0, 0
    for match in _NEXT.finditer(word):
        between = word[last : match.start()]
        depth += sum(map(between.count, "[(")) - sum(map(between.count, ")]"))
        last = match.start()
        if depth <= 0:
            cuts += [match.start(), match.end()]
    ends = [*cuts[1:], len(word)]
    return [word[cuts[k] : ends[k]] for k in range(0, len(cuts), 2) if word[cuts[k] : ends[k]]]
