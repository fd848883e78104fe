"""Families: formulas for L layers, L a symbol, written once for a layer l.

A course writes a deep network with the number of the layer in brackets, z⁽ˡ⁾ = W⁽ˡ⁾ y⁽ˡ⁻¹⁾. So
does a family: a name with a layer in round brackets, and behind the statement the layers that it
is for.

    input x[n(0)], t[n(L)]
    parameter W(l)[n(l), n(l-1)] for l = 1..L
    y(0)[v] = x[v]
    z(l)[u] = sum(v) W(l)[u,v]*y(l-1)[v]  for l = 1..L
    y(l)[u] = sigmoid(z(l)[u])            for l = 1..L-1
    y(L) = softmax(z(L))
    E = -sum(k) t[k]*ln(y(L)[k])

Here such a text is read; `chainrule.lang.unrolling` writes it out for a number of layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from chainrule.errors import (
    ArityError,
    DefinitionError,
    FormulaSyntaxError,
    LimitError,
    Span,
)
from chainrule.limits import PROGRAM_CHARACTERS

LEVEL: Final = r"[^\W\d]\w*(?:\s*[+-]\s*\d{1,6})?|\d{1,6}"
DOTS: Final = r"\.\.\.?|…|,\s*(?:\.\.\.|…)\s*,"
_FOR: Final = re.compile(
    rf"\bfor\s+([^\W\d]\w*)\s*=\s*({LEVEL})\s*(?:{DOTS})\s*({LEVEL})\s*$")
_IS_FAMILY: Final = re.compile(rf"\bfor\s+[^\W\d]\w*\s*=\s*(?:{LEVEL})\s*(?:{DOTS})")
_TOKEN: Final = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?|\.\.\.?|\s+|==|<=|>=|!=|\+=|\*\*|//|\S")
NAME: Final = re.compile(r"[^\W\d]\w*")
DECLARES: Final = frozenset(
    {"input", "parameter", "param", "constant", "const", "label", "integer", "zeros"})
OPENS, CLOSES = "([{", ")]}"
_JOINS: Final = frozenset("+-*/^,=<>([{\\") | {"==", "<=", ">=", "!=", "+=", "**", "//"}


@dataclass(frozen=True, slots=True)
class Level:
    """The number of a layer: `offset` from 0, from the layer l at hand, or from the last one."""

    anchor: str  # "": a number; "l": this layer; "L": the last layer
    offset: int

    def at(self, here: int | None, last: int) -> int:
        """Which layer that is, where this one is `here` and the last one `last`."""
        base = {"": 0, "l": here or 0, "L": last}[self.anchor]
        return base + self.offset


@dataclass(frozen=True, slots=True)
class Piece:
    """A token of a statement and where it begins in the text."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a family: its tokens without spaces, and the layers that it is for."""

    pieces: tuple[Piece, ...]
    variable: str | None
    first: Level
    last: Level

    def layers(self, last: int) -> Sequence[int | None]:
        """The layers that it is written out for; None, once, where it is for none."""
        if self.variable is None:
            return (None,)
        return range(self.first.at(None, last), self.last.at(None, last) + 1)


@dataclass(frozen=True, slots=True)
class Family:
    """A text read as a family; `end` is the symbol for the number of layers, None if a number."""

    text: str
    name: str
    statements: tuple[Statement, ...]
    end: str | None
    tensors: frozenset[str]
    sizes: frozenset[str]
    variables: Mapping[str, tuple[Level, Level]]

    def span(self, piece: Piece) -> Span:
        """Where a token stands."""
        return Span(self.text, piece.start, piece.start + len(piece.text), self.name)


def is_family(text: str) -> bool:
    """Whether a text has statements for a run of layers.

    >>> is_family("z(l)[u] = x[u] for l = 1..L"), is_family("y = x^2")
    (True, False)
    """
    return _IS_FAMILY.search(re.sub(r"#[^\n]*", "", text)) is not None


def read_family(text: str, name: str = "formula") -> Family:
    """A family from its text.

    Raises `FormulaSyntaxError` for a layer that cannot be read, `DefinitionError` where names
    clash; the equations themselves are read when it is unrolled.
    """
    if len(text) > PROGRAM_CHARACTERS:
        raise LimitError(f"the text has {len(text):,} characters; at most "
                         f"{PROGRAM_CHARACTERS:,} are read")
    return _Reader(text, name).read()


# --- reading --------------------------------------------------------------------------------------


class _Reader:
    """Cuts a text into statements and finds out which names are families."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.variables: dict[str, tuple[Level, Level]] = {}
        self.ends: dict[str, int] = {}

    def read(self) -> Family:
        found = [one for pieces in _statements(self.text)
                 for one in _apart(self.statement(pieces))]
        if len(self.ends) > 1:
            second = list(self.ends)[1]
            raise self.fail(f"two numbers of layers, {' and '.join(self.ends)}",
                            self.ends[second], len(second), "a family has one: write it one way")
        end = next(iter(self.ends), None)
        tensors: set[str] = set()
        for s in found:
            tensors.update(self.defined(s, end))
        sizes = {name for s in found if s.pieces[0].text in DECLARES
                 for name in self.size_names(s, tensors)}
        family = Family(self.text, self.name, tuple(found), end, frozenset(tensors),
                        frozenset(sizes), self.variables)
        self.check(family)
        return family

    def fail(self, message: str, start: int, length: int, hint: str | None = None,
             ) -> FormulaSyntaxError:
        return FormulaSyntaxError(message, Span(self.text, start, start + length, self.name), hint)

    def statement(self, pieces: list[Piece]) -> Statement:
        """A statement without its `for` clause."""
        start, stop = pieces[0].start, pieces[-1].start + len(pieces[-1].text)
        match = _FOR.search(_bare(self.text[start:stop]))
        if match is None:
            for k, piece in enumerate(pieces):
                if piece.text == "for" and k:
                    raise self.fail("these layers cannot be read", piece.start,
                                    stop - piece.start, "write `for l = 1..L`")
            return Statement(tuple(pieces), None, Level("", 0), Level("", 0))
        first, last = (self.bound(match[k], match[1], start + match.start(k)) for k in (2, 3))
        if first.anchor == "L" and last.anchor != "L":
            raise self.fail("the layers run from the first to the last", start + match.start(2),
                            match.end(3) - match.start(2), "write `for l = 1..L`")
        widest = self.variables.get(match[1], (first, last))
        self.variables[match[1]] = (_lower(widest[0], first), _upper(widest[1], last))
        kept = tuple(p for p in pieces if p.start < start + match.start())
        if not kept:
            raise self.fail("nothing stands before `for`", start, stop - start)
        return Statement(kept, match[1], first, last)

    def bound(self, text: str, variable: str, start: int) -> Level:
        """A bound of a `for`: 1, L, L-1."""
        level, name = bound(text)
        if name == variable:
            raise self.fail(f"{variable} cannot bound itself", start, len(text))
        if name:
            self.ends.setdefault(name, start)
        return level

    def defined(self, s: Statement, end: str | None) -> Iterator[str]:
        """The families that a statement declares or defines."""
        pieces = s.pieces
        for k in heads(pieces):
            if k + 1 >= len(pieces) or pieces[k + 1].text != "(":
                continue
            close = closing(pieces, k + 1)
            inside = "".join(p.text for p in pieces[k + 2 : close])
            word = NAME.match(inside)
            if s.variable is None and word is not None and word[0] != end:
                if word[0] not in self.variables:
                    continue  # a function of the user's: f(x) = …
                raise self.fail(f"for which layers {word[0]} is this?", pieces[k].start,
                                len(pieces[k].text) + len(inside) + 2,
                                f"write `for {word[0]} = 1..{end or 'L'}` behind it")
            if pieces[k].text[-1].isdigit():
                raise self.fail(f"{pieces[k].text} ends with a digit, and layers are numbered",
                                pieces[k].start, len(pieces[k].text),
                                "give the family a name without one")
            yield pieces[k].text

    def size_names(self, s: Statement, tensors: set[str]) -> Iterator[str]:
        """n in `W(l)[n(l), n(l-1)]`."""
        depth = 0
        for k, piece in enumerate(s.pieces):
            depth += (piece.text == "[") - (piece.text == "]")
            if depth and NAME.fullmatch(piece.text) and piece.text not in tensors and (
                    k + 1 < len(s.pieces) and s.pieces[k + 1].text == "("):
                yield piece.text

    def check(self, f: Family) -> None:
        """Names that would mean two things."""
        special = {f.end, *f.variables}
        for s in f.statements:
            for k in heads(s.pieces):
                piece = s.pieces[k]
                plain = k + 1 >= len(s.pieces) or s.pieces[k + 1].text != "("
                if plain and piece.text in special:
                    what = "number of layers" if piece.text == f.end else "number of a layer"
                    raise DefinitionError(f"{piece.text} is the {what} and a tensor too",
                                          f.span(piece), "give one of them another name")
                if plain and piece.text in f.tensors | f.sizes:
                    raise ArityError(f"{piece.text} is a family: its layer is missing",
                                     f.span(piece), f"write {piece.text}(0), for instance")


def bound(text: str) -> tuple[Level, str]:
    """A bound of a run of layers, and the letter in it: L-1 is one from the last, and L.

    >>> bound("L - 1"), bound("2")
    ((Level(anchor='L', offset=-1), 'L'), (Level(anchor='', offset=2), ''))
    """
    match = re.fullmatch(r"([^\W\d]\w*)?\s*([+-]?\s*\d+)?", text.strip())
    assert match is not None
    offset = int(re.sub(r"\s", "", match[2] or "0"))
    return Level("L" if match[1] else "", offset), match[1] or ""


def _apart(s: Statement) -> list[Statement]:
    """In `input x, g(l) for l = 1..L` the layers are those of g: x is declared once."""
    if s.variable is None or s.pieces[0].text not in DECLARES:
        return [s]
    places = list(heads(s.pieces))
    groups: dict[tuple[bool, str], list[Piece]] = {}
    role = s.pieces[0]
    for k, (a, b) in enumerate(pairwise([*places, len(s.pieces)])):
        before = s.pieces[a - 1]
        role = before if before.text in DECLARES else role
        stop = b if k + 1 == len(places) else max(
            c for c in range(a, b) if s.pieces[c].text == ",") + 1
        many = a + 1 < len(s.pieces) and s.pieces[a + 1].text == "("
        groups.setdefault((many, role.text), [role]).extend(s.pieces[a:stop])
    found = []
    for (many, _), pieces in groups.items():
        kept = tuple(pieces[:-1] if pieces[-1].text == "," else pieces)
        found.append(replace(s, pieces=kept) if many else replace(s, pieces=kept, variable=None))
    return found or [s]


def _statements(text: str) -> Iterator[list[Piece]]:
    """The tokens of each statement; comments and spaces left out."""
    bare = _bare(text)
    pieces: list[Piece] = []
    depth = 0
    for match in _TOKEN.finditer(bare):
        token = match[0]
        ends = token == ";" or (token.isspace() and "\n" in token)
        if ends and depth == 0 and not (token != ";" and pieces and pieces[-1].text in _JOINS):
            if pieces:
                yield pieces
            pieces = []
            continue
        if token.isspace() or token == "\\":
            continue
        depth += (token in OPENS) - (token in CLOSES)
        depth = max(depth, 0)
        pieces.append(Piece(token, match.start()))
    if pieces:
        yield pieces


def _bare(text: str) -> str:
    """The text with its comments blanked."""
    return re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), text)


def heads(pieces: tuple[Piece, ...]) -> Iterator[int]:
    """The places of the names that a statement declares or defines."""
    if pieces[0].text not in DECLARES or len(pieces) < 2 or not NAME.match(pieces[1].text):
        if NAME.match(pieces[0].text) and pieces[0].text not in ("output", "size", "update"):
            yield 0
        return
    depth, fresh = 0, True
    for k, piece in enumerate(pieces[1:], 1):
        depth += (piece.text in OPENS) - (piece.text in CLOSES)
        if depth == 0 and piece.text == ",":
            fresh = True
        elif depth == 0 and fresh and NAME.match(piece.text):
            role = piece.text in DECLARES and k + 1 < len(pieces) and NAME.match(
                pieces[k + 1].text)
            if not role:  # in `input x, parameter w` the second name is w
                yield k
                fresh = False


def closing(pieces: tuple[Piece, ...], at: int) -> int:
    """The place of the bracket that closes the one here; the end where none does."""
    depth = 0
    for k in range(at, len(pieces)):
        depth += (pieces[k].text in OPENS) - (pieces[k].text in CLOSES)
        if depth == 0:
            return k
    return len(pieces)


def _lower(a: Level, b: Level) -> Level:
    return min(a, b, key=lambda x: (x.anchor == "L", x.offset))


def _upper(a: Level, b: Level) -> Level:
    return max(a, b, key=lambda x: (x.anchor == "L", x.offset))
