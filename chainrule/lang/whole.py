"""Whole tensors in a formula of the library: `p = softmax(z)`, `h = dense(x, W, b)`.

Such a call stands on the right of an equation whose left-hand side is a bare name. Arguments are
tensors by name, further calls, or expressions of whole tensors (`softmax(W @ x)`), which get an
equation of their own; settings follow by name: `conv2d(x, w, stride=2)`. The
equations that a call stands for are written out when the shapes of its arguments are known, by the
`Library` that the parser was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from chainrule.errors import FormulaSyntaxError, Span
from chainrule.lang.calls import CALLABLE
from chainrule.lang.cursor import Cursor
from chainrule.lang.expr import Expr
from chainrule.lang.numerals import literal
from chainrule.lang.program import Equation, Layer, Tensor


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A formula of the library on whole tensors; it is gone when inference is done.

    `args` are names, calls or other expressions, `named` settings and further tensors: a number, a
    word, a tuple.
    """

    name: str
    args: tuple[str | Expr, ...]
    named: tuple[tuple[str, Any], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a call stands for: new tensors (the inputs among them are parameters), equations."""

    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    equations: tuple[Equation, ...]
    updates: tuple[tuple[str, str], ...]
    layer: Layer


class Library(Protocol):
    """What the language needs to know of a library of formulas."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names, for suggestions."""
        ...

    def knows(self, name: str) -> bool:
        """Whether there is a formula of that name."""
        ...

    def expand(self, call: Call, target: str, args: tuple[str, ...],
               tensors: Mapping[str, Tensor], taken: set[str]) -> Expansion:
        """The equations of a call whose arguments are tensors with known shapes."""
        ...


def whole_call(g: Cursor, end: int, known: Library, ranked: set[str]) -> Call | None:
    """The call that the statement is from here up to token `end`; None if it is something else.

    A function of the table (`relu`) is one of whole tensors where an argument is known to have
    axes.
    """
    here = g.at
    if not _is_call(g, here, end, known):
        return None
    call = read_call(g, known)
    if _scalar(call.name) and not any(isinstance(a, Call) or a in ranked for a in call.args):
        g.at = here
        return None
    return call


def _is_call(g: Cursor, at: int, end: int, known: Library) -> bool:
    return (g.kinds[at] == "name" and g.kinds[at + 1] == "(" and g.closes[at + 1] == end - 1
            and known.knows(g.texts[at]) and g.texts[at] not in g.names.macros
            and g.texts[at] not in g.names.tensors and _plain(g, at + 1))


def _plain(g: Cursor, opened: int) -> bool:
    """Whether nothing but names, settings and calls stands between the brackets."""
    if not _scalar(g.texts[opened - 1]):
        return True
    inside = range(opened, g.closes[opened] + 1)
    return all(g.kinds[k] in ("name", ",", "(", ")", "=", "number", "-") for k in inside) and not (
        any(g.kinds[k] == "number" and _alone(g, k) for k in inside))  # relu(0.5) is a number


def _alone(g: Cursor, k: int) -> bool:
    """Whether a number, with its sign, is an argument."""
    before = k - 1 if g.kinds[k - 1] != "-" else k - 2
    return g.kinds[before] in ("(", ",") and g.kinds[k + 1] in (",", ")")


def _scalar(name: str) -> bool:
    """Whether a formula is a function of the table too, such as relu."""
    return name in CALLABLE


def read_call(g: Cursor, known: Library) -> Call:
    """`name(arguments)`, from its name on."""
    start = g.at
    name = g.texts[start]
    end = g.closes[start + 1]
    g.at = start + 2
    g.deeper()
    args: list[str | Expr] = []
    named: list[tuple[str, Any]] = []
    while g.at != end:
        if g.kinds[g.at] == "name" and g.kinds[g.at + 1] == "=":
            key = g.texts[g.at]
            g.at += 2
            named.append((key, _setting(g)))
        elif named:
            raise g.fail("an argument follows a setting", "put settings last")
        elif _is_argument(g, known):
            args.append(read_call(g, known))
        elif g.kinds[g.at] == "name" and g.kinds[g.at + 1] in (",", ")"):
            args.append(g.texts[g.at])
            g.at += 1
        elif g.kinds[g.at] == "number" and g.kinds[g.at + 1] in (",", ")"):
            raise g.fail(
                f"{name} works on whole tensors: expected a name, found {g.found_here()}",
                "settings are given by name, as in kernel_size=3")
        else:
            args.append(g.value())
        if g.at == end:
            break
        g.expect(",", "between arguments")
    g.at = end + 1
    g.depth -= 1
    return Call(name, tuple(args), tuple(named), g.span(start))


def _is_argument(g: Cursor, known: Library) -> bool:
    """Whether the next argument is nothing but a call of the library."""
    name = g.texts[g.at]
    return (g.kinds[g.at] == "name" and g.kinds[g.at + 1] == "(" and known.knows(name)
            and g.kinds[g.closes[g.at + 1] + 1] in (",", ")") and _plain(g, g.at + 1)
            and name not in g.names.macros)


def _setting(g: Cursor) -> Any:
    """A number with a sign, a word, True, False, or a tuple of those."""
    if g.kinds[g.at] == "(":
        end = g.closes[g.at]
        g.at += 1
        parts = []
        while g.at != end:
            parts.append(_setting(g))
            if g.at == end:
                break
            g.expect(",", "between numbers")
        g.at = end + 1
        return tuple(parts)
    sign = 1
    if g.kinds[g.at] == "-":
        sign = -1
        g.at += 1
    if g.kinds[g.at] == "number":
        value = literal(g.texts[g.at], g.span(g.at, g.at + 1)).value
        g.at += 1
        number = Fraction(value) * sign
        return int(number) if number.denominator == 1 else float(number)
    if g.kinds[g.at] == "name" and sign == 1:
        g.at += 1
        word = g.texts[g.at - 1]
        return {"true": True, "false": False}.get(word.lower(), word)
    raise FormulaSyntaxError(f"expected a number or a word, found {g.found_here()}",
                             g.span(g.at, g.at + 1))
