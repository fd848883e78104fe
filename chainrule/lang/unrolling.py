"""A family written out for a number of layers: an ordinary program.

With L = 2 the statement `h(l)[i] = sin(h(l-1)[i]) for l = 1..L` becomes

    h1[i] = sin(h0[i])
    h2[i] = sin(h1[i])

A size n(2) is called n2. A sum over layers, `sum(l) …` or `sum(l=1..L-1) …`, becomes a sum of so
many terms. What is read has to be there: where l = 1, h(l-2) is not. Statements are put in an order
in which each stands behind what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from chainrule.errors import (
    DefinitionError,
    FormulaSyntaxError,
    InputError,
    LimitError,
    Span,
    UnknownNameError,
)
from chainrule.lang.families import (
    CLOSES,
    DECLARES,
    DOTS,
    LEVEL,
    NAME,
    OPENS,
    Family,
    Level,
    Piece,
    Statement,
    bound,
    closing,
    heads,
    read_family,
)
from chainrule.limits import EQUATIONS_READ, PROGRAM_CHARACTERS

_BINDER: Final = re.compile(
    rf"\s*([^\W\d]\w*)\s*(?:=\s*({LEVEL})\s*(?:{DOTS})\s*({LEVEL})\s*)?$")
_SUMS: Final = frozenset({"sum", "∑", "Σ"})


@dataclass(frozen=True, slots=True)
class Instance:
    """A statement at one layer: what it defines and what it reads, by family, layer and level.

    A read is a family, a layer, how it was written, and where in the text. `equation` says that it
    is one, and no declaration; `names` are all names that stand in it.
    """

    statement: int
    layer: int | None
    defines: tuple[str, ...]
    reads: tuple[tuple[str, int, Level, int], ...]
    equation: bool = True
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Unrolled:
    """A family written out: program text, and what each of its names stands for."""

    text: str
    last: int
    members: dict[str, tuple[str, int]] = field(default_factory=dict)
    sizes: dict[str, tuple[str, int]] = field(default_factory=dict)
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    sums: list[tuple[str, Level, Level]] = field(default_factory=list)


def unroll(family: Family, last: int = 0, symbolic: bool = False, short: int | None = None,
           ) -> Unrolled:
    """The statements of a family written out for `last` layers.

    With `symbolic` the number of layers, and that of a layer, are constants where they stand as
    numbers: L, and l2 for the second layer. With `short` a sum over layers has the term of that
    layer alone, under a sum over l < k, where k counts the `sums` from 1: it shows how the sum was
    written.

    Raises `LimitError` for more than can be read, `UnknownNameError` for a layer that is read and
    not there.

    >>> f = read_family("h(0) = x; h(l) = tanh(w(l)*h(l-1)) for l = 1..L; E = h(L)^2;"
    ...                 "parameter w(l) for l = 1..L")
    >>> print(unroll(f, 2).text)
    h0 = x
    h1 = tanh(w1*h0)
    h2 = tanh(w2*h1)
    E = h2^2
    parameter w1
    parameter w2
    """
    return _Unroller(family, last, symbolic, short).run()


def unrolled(text: str, **layers: int) -> str:
    """The program text of a family with so many layers: `unrolled(text, L=3)`.

    Raises `InputError` where the number is not given by its name, and what reading raises.

    >>> unrolled("input x; h(0) = x; h(l) = sin(h(l-1)) for l = 1..L", L=2).splitlines()
    ['input x', 'h0 = x', 'h1 = sin(h0)', 'h2 = sin(h1)']
    """
    family = read_family(text)
    wanted = {family.end} - {None}
    if set(layers) != wanted:
        said = f"give {family.end}" if family.end else "the number of layers is in the text"
        raise InputError(f"unrolling needs {family.end or 'no number'}, found "
                         f"{', '.join(layers) or 'nothing'}", None, said)
    return unroll(family, next(iter(layers.values()), 0)).text


class _Unroller:
    """Writes the statements of a family out for one number of layers."""

    def __init__(self, family: Family, last: int, symbolic: bool, short: int | None) -> None:
        self.family = family
        self.short = short
        self.last = last
        self.symbolic = symbolic
        self.bare_end = False
        self.result = Unrolled("", last)
        self.read: list[tuple[str, int, Level, int]] = []
        self.places: dict[str, tuple[Piece, int | None, str | None]] = {}

    def run(self) -> Unrolled:
        family = self.family
        if self.last < 0 or (family.end is not None and self.last < 1):
            raise InputError(f"{self.last} layers", None, f"{family.end} is at least 1")
        if self.last > EQUATIONS_READ:
            raise LimitError(f"{self.last} layers; at most {EQUATIONS_READ:,} are read")
        count = sum(len(s.layers(self.last)) for s in family.statements)
        if count > EQUATIONS_READ:
            raise LimitError(f"{count:,} statements when unrolled at {family.end} = {self.last}; "
                             f"at most {EQUATIONS_READ:,} are read")
        lines = []
        size = 0
        for k, s in enumerate(family.statements):
            for layer in s.layers(self.last):
                lines.append(self.written(k, s, layer))
                size += len(lines[-1]) + 1
                if size > PROGRAM_CHARACTERS:
                    raise LimitError(f"more than {PROGRAM_CHARACTERS:,} characters when unrolled "
                                     f"at {family.end} = {self.last}")
        self.check()
        lines = [lines[k] for k in _in_order(self.result.instances)]
        lines[:0] = [f"constant {name}" for name in self.result.numbers]
        if self.bare_end and self.symbolic:
            lines.insert(0, f"constant {family.end}")
        self.result.text = "\n".join(lines)
        return self.result

    def written(self, number: int, s: Statement, layer: int | None) -> str:
        """A statement at one layer."""
        self.read = []
        env = {} if s.variable is None else {s.variable: layer or 0}
        text = self.tokens(s.pieces, env, s.variable)
        places = [k for k in heads(s.pieces)
                 if s.pieces[k].text in self.family.tensors and k + 1 < len(s.pieces)]
        defines = []
        for k in places:
            level, _ = self.level(s.pieces, k, env, s.variable)
            defines.append(f"{s.pieces[k].text}{level}")
            self.result.members[defines[-1]] = (s.pieces[k].text, level)
        known = set(defines)
        reads = tuple(r for r in self.read if f"{r[0]}{r[1]}" not in known)
        plain = dict.fromkeys(p.text for p in s.pieces if NAME.match(p.text))
        equation = s.pieces[0].text not in DECLARES
        self.result.instances.append(Instance(
            number, layer, tuple(defines) or (s.pieces[0].text,) * equation, reads, equation,
            tuple(plain)))
        return text

    def level(self, pieces: tuple[Piece, ...], at: int, env: Mapping[str, int],
              variable: str | None) -> tuple[int, Level]:
        """The layer in the brackets behind a family's name."""
        close = closing(pieces, at + 1)
        inside = pieces[at + 2 : close]
        said = "".join(p.text for p in inside)
        match = re.fullmatch(r"([^\W\d]\w*)?([+-]?\d{1,6})?", said)
        name = pieces[at].text
        whole = Span(self.family.text, pieces[at].start,
                     pieces[min(close, len(pieces) - 1)].start + 1, self.family.name)
        if match is None or not said or (match[1] and match[1] not in (*env, self.family.end)):
            raise FormulaSyntaxError(
                f"{said or 'nothing'} is no layer of {name}", whole,
                f"a layer is written {name}(0), {name}(l), {name}(l-1) or {name}(L), and l is said "
                "by `for l = 1..L`")
        offset = int(match[2] or 0)
        if match[1] is None:
            kind = Level("", offset)
            value = offset
        elif match[1] in env:
            kind = Level("l", offset)
            value = env[match[1]] + offset
        else:
            kind = Level("L", offset)
            value = self.last + offset
        if value < 0:
            here = f", where {variable} = {env[variable]}" if variable and variable in env else ""
            raise DefinitionError(f"there is no {name}({value}){here}", whole,
                                  "say for which layers the statement is, and write the first "
                                  "ones out")
        return value, kind

    def tokens(self, pieces: tuple[Piece, ...], env: Mapping[str, int],
               variable: str | None) -> str:
        """Tokens with layers put in, spaced as they were."""
        out: list[str] = []
        k = 0
        before = pieces[0].start if pieces else 0
        while k < len(pieces):
            piece = pieces[k]
            if piece.start > before:
                out.append(" ")
            follows = pieces[k + 1].text if k + 1 < len(pieces) else ""
            if follows == "(" and piece.text in self.family.tensors | self.family.sizes:
                out.append(self.member(pieces, k, env, variable))
                k = closing(pieces, k + 1) + 1
            elif follows == "(" and piece.text in _SUMS and (over := self.binder(pieces, k)):
                text, k = self.summed(pieces, k, over, env)
                out.append(text)
            elif piece.text in env and follows != "[":
                out.append(self.counted(piece.text, env[piece.text]))
                k += 1
            elif piece.text == self.family.end:
                self.bare_end = True
                out.append(piece.text if self.symbolic else str(self.last))
                k += 1
            else:
                out.append(piece.text)
                k += 1
            before = pieces[k - 1].start + len(pieces[k - 1].text) if k <= len(pieces) else 0
        return "".join(out)

    def counted(self, letter: str, layer: int) -> str:
        """The number of a layer where a formula reads it as a number."""
        if not self.symbolic:
            return str(layer)
        name = f"{letter}{layer}"
        self.result.numbers[name] = (letter, layer)
        return name

    def member(self, pieces: tuple[Piece, ...], at: int, env: Mapping[str, int],
               variable: str | None) -> str:
        """z(l-1) as z2."""
        value, kind = self.level(pieces, at, env, variable)
        base = pieces[at].text
        name = f"{base}{value}"
        if base in self.family.sizes:
            self.result.sizes[name] = (base, value)
        else:
            self.read.append((base, value, kind, pieces[at].start))
            self.places.setdefault(name, (pieces[at], env.get(variable or ""), variable))
        return name

    def binder(self, pieces: tuple[Piece, ...], at: int) -> tuple[str, Level, Level] | None:
        """What a sum over layers runs over; None for a sum over an index."""
        inside = " ".join(p.text for p in pieces[at + 2 : closing(pieces, at + 1)])
        match = _BINDER.match(inside.replace(". .", ".."))
        if match is None or not (match[2] or match[1] in self.family.variables):
            return None
        if match[2]:
            (first, start), (last, stop) = bound(match[2]), bound(match[3])
            if {start, stop} - {self.family.end, ""}:
                end = self.family.end or "4"
                wrong = match[3] if stop not in (self.family.end, "") else match[2]
                raise FormulaSyntaxError(
                    f"a sum over layers runs from a number to {end}, and not to {wrong}",
                    self.family.span(pieces[at]), f"write sum({match[1]}=1..{end})")
        else:
            first, last = self.family.variables[match[1]]
        return match[1], first, last

    def summed(self, pieces: tuple[Piece, ...], at: int, over: tuple[str, Level, Level],
               env: Mapping[str, int]) -> tuple[str, int]:
        """A sum over layers as a sum of terms, and where its body ends."""
        start = closing(pieces, at + 1) + 1
        stop = _product_end(pieces, start)
        body = pieces[start:stop]
        if not body:
            raise FormulaSyntaxError("a sum of nothing", self.family.span(pieces[at]))
        name, first, last = over
        if self.short is not None:
            self.result.sums.append((name, first, last))
            term = self.tokens(body, {**env, name: self.short}, name)
            return f"sum({name}<{len(self.result.sums)}) {term}", stop
        layers = range(first.at(None, self.last), last.at(None, self.last) + 1)
        terms = [self.tokens(body, {**env, name: layer}, name) for layer in layers]
        return f"({' + '.join(terms) or '0'})", stop

    def check(self) -> None:
        """Everything that is read is there, and no name means two things."""
        for name, (piece, layer, variable) in self.places.items():
            if name not in self.result.members:
                base = piece.text
                missing = name[len(base) :]
                here = f", where {variable} = {layer}," if layer is not None else ""
                raise UnknownNameError(
                    f"{base}({missing}) is read{here} and defined nowhere",
                    self.family.span(piece),
                    f"define it, as {base}({missing}) = …, or declare it, as "
                    "`parameter W(l)[n(l), n(l-1)] for l = 1..L`")
        plain = {p.text: p for s in self.family.statements for p in s.pieces}
        made = self.result.members | self.result.sizes | self.result.numbers
        for name, (base, level) in made.items():
            if name in plain:
                raise DefinitionError(f"{name} is the name of {base}({level}) when unrolled",
                                      self.family.span(plain[name]), "give it another name")


def _in_order(instances: list[Instance]) -> list[int]:
    """The instances in an order in which each stands behind what it reads, else as written.

    z(2) reads y(1), though the statement of y stands below that of z: the layers interleave.
    """
    definers: dict[str, list[int]] = {}
    for k, one in enumerate(instances):
        if one.equation:
            for name in one.defines:
                definers.setdefault(name, []).append(k)
    order: list[int] = []
    seen: set[int] = set()
    for root in range(len(instances)):
        stack = [(root, False)]
        while stack:
            k, done = stack.pop()
            if done:
                order.append(k)
                continue
            if k in seen:
                continue
            seen.add(k)
            stack.append((k, True))
            one = instances[k]
            names = [*(f"{r[0]}{r[1]}" for r in one.reads), *one.names]
            needed = [j for n in names for j in definers.get(n, ()) if j not in seen]
            stack += [(j, False) for j in reversed(needed)]
    return order


def _product_end(pieces: tuple[Piece, ...], start: int) -> int:
    """Where the body of a reduction ends: before a + or - that is no sign."""
    depth = 0
    operand = False  # whether something has come that a + could add to
    for k in range(start, len(pieces)):
        token = pieces[k].text
        if depth == 0:
            closes = token in CLOSES or token in (",", "if", "else", "with", "and", "or")
            if closes or token in ("==", "<=", ">=", "!=", "<", ">"):
                return k
            if token in "+-" and operand:
                return k
            operand = token not in ("*", "/", "^", "**", "//", "%", "·", "×", "+", "-")
        depth += (token in OPENS) - (token in CLOSES)
    return len(pieces)
