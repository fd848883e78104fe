"""The parts of a sheet: a program, what is given of its inputs, how papers write its names.

A `given` block is TOML. Its keys are inputs of the part's program; a value is a number, nested
lists, a string in chainrule's language that may read what the program computes, or a rule by which
each student gets numbers of their own. Five keys are no inputs:

    [adjoint.L]      y = 2.0                    ∂L/∂y is 2, and L is not known further
    [free]           x = {low = 0.1, high = 2}  how values are drawn for what is left open
    [sizes]          K = [2, 5]                 a size, or the least and the greatest to be tried
    [names]          W = ['\\Theta']             other spellings of a name, in LaTeX
    reject           ["y == 0"]                 conditions under which numbers are drawn again
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Free, Part
from chainrule.check.sheet_blocks import Block, Cut, moved, tables
from chainrule.errors import (
    ChainruleError,
    InputError,
    LimitError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.formulas.calls import read as read_program
from chainrule.lang.program import Program
from chainrule.limits import TENSOR_AXES

RESERVED: Final = ("adjoint", "free", "sizes", "names", "reject", "practise")
RULES: Final = {
    "digits": ("digits",),
    "draw": ("draw", "low", "high", "decimals", "distinct", "nonzero", "shape", "of"),
}
DRAWS: Final = ("integers", "decimals", "choice")
_FREE: Final = ("low", "high", "simplex", "onehot")


@dataclass(slots=True)
class Half:
    """A part while its blocks are being met."""

    name: str
    program: Block | None = None
    given: Block | None = None
    notation: Block | None = None


def read_part(whole: Cut, half: Half) -> tuple[Part, dict[str, Mapping[str, Any]]]:
    """The part, and the rules of what is personal in it.

    Raises `FormulaSyntaxError` and what else reading a program raises, `UnknownNameError` for a
    value of what the program does not have, `InputError` for a value of no known form.
    """
    first = half.program or half.given or half.notation
    assert first is not None
    part = Part(half.name, None, start=first.head)
    if half.program is not None:
        part = replace(part, program=_program(whole, half.program), source=half.program.text)
    if half.notation is not None:
        lines = [line.strip() for line in half.notation.text.splitlines()]
        part = replace(part, notation=tuple(
            _words_whole(n, part) for n in lines if n and not n.startswith(("#", "%"))))
    if half.given is None:
        return replace(part, free=_open(part, {}, {}, {})), {}
    return _Given(whole, half.given, part).read()


def _words_whole(line: str, part: Part) -> str:
    """A definition in which a name of the program that is a word, CE, is no product C·E."""
    for name in part.program.tensors if part.program is not None else ():
        if len(name) > 1 and name.isalpha() and name.isascii():
            line = re.sub(rf"(?<![\\A-Za-z{{_^]){name}(?![A-Za-z}}])",
                          lambda m: rf"\text{{{m[0]}}}", line)
    return line


def _program(whole: Cut, block: Block) -> Program:
    try:
        return read_program(block.text, whole.name)
    except ChainruleError as error:
        raise moved(error, whole, block) from None


def _open(part: Part, given: Mapping[str, Any], personal: Mapping[str, Any],
          free: Mapping[str, Free]) -> dict[str, Free]:
    """What is left without a value, with how it is drawn."""
    if part.program is None:
        return dict(free)
    return {name: free.get(name, Free()) for name in part.program.inputs
            if name not in given and name not in personal}


class _Given:
    """One `given` block."""

    def __init__(self, whole: Cut, block: Block, part: Part) -> None:
        self.data, self.places = tables(whole, block)
        self.part = part
        self.program = part.program

    def read(self) -> tuple[Part, dict[str, Mapping[str, Any]]]:
        given: dict[str, Any] = {}
        personal: dict[str, Mapping[str, Any]] = {}
        for name, value in self.data.items():
            if name in RESERVED:
                continue
            self.known(name)
            if isinstance(value, dict):
                personal[name] = self.rule(name, value)
            else:
                given[name] = self.value(value, name)
        free = {name: self.freedom(name, f) for name, f in self.table("free").items()}
        for name in free:
            if name in given or name in personal:
                raise self.places.fail(f"{name} is given, so it is not free", "free", name)
        part = replace(
            self.part, given=given, free=_open(self.part, given, personal, free),
            sizes={n: self.size(n, s) for n, s in self.table("sizes").items()},
            names={n: self.spellings(n, s) for n, s in self.table("names").items()},
            adjoints=self.adjoints(), reject=self.conditions(),
            practise={n: self.anew(n, rule, given) for n, rule in self.table("practise").items()})
        return part, personal

    def table(self, key: str) -> dict[str, Any]:
        found = self.data.get(key, {})
        if not isinstance(found, dict):
            raise self.places.fail(f"{key} is a table", key,
                                   hint=f"write [{key}] on a line of its own")
        return found

    def known(self, name: str, *path: str) -> None:
        """Refuse values of what is no input of the part's program."""
        if self.program is None:
            return
        inputs = [*self.program.inputs, *self.program.size_names()]
        if name in inputs:
            return
        message = f"the program of {self.part.name} has no input called {name:.60}"
        if name in self.program.tensors:
            message = f"{name:.60} is computed by the program; it takes no value"
        raise UnknownNameError(message, self.places.span(*path, name),
                               did_you_mean(name, [*inputs, *RESERVED])
                               or f"its inputs are {', '.join(inputs[:20]) or 'none'}")

    def value(self, value: Any, *path: str, depth: int = 0) -> Any:
        """A number, nested lists of numbers, or an expression as text."""
        if isinstance(value, list):
            if depth == TENSOR_AXES:
                raise LimitError(f"{path[-1]} has more than {TENSOR_AXES} axes",
                                 self.places.span(*path))
            return [self.value(v, *path, depth=depth + 1) for v in value]
        if isinstance(value, bool) or not isinstance(value, int | float | Fraction | str):
            raise self.places.fail(f"{path[-1]} is no number", *path, hint=(
                "a value is a number, lists of numbers, or an expression in quotes"))
        return value

    def anew(self, name: str, rule: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """How a value that the sheet gives is drawn for practice."""
        self.known(name, "practise")
        if name not in given:
            raise self.places.fail(f"{name} has no value that another could stand for", "practise",
                                   name, hint="numbers of each student are new in each round "
                                              "without a rule for practice")
        if not isinstance(rule, dict):
            raise self.places.fail(f"how {name} is drawn is a table", "practise", name,
                                   hint='for instance {draw = "integers", low = 1, high = 9}')
        return self.rule(name, rule, "practise")

    def rule(self, name: str, rule: dict[str, Any], *path: str) -> dict[str, Any]:
        """A rule for each student's own numbers."""
        kind = next((k for k in RULES if k in rule), None)
        if kind is None:
            raise self.places.fail(f"{name} is a table, and that is no rule for numbers", *path,
                                   name, hint='for instance {digits = "student"} or '
                                        '{draw = "integers", low = 1, high = 9}')
        for key in rule:
            if key not in RULES[kind]:
                raise self.places.fail(f"the rule of {name} has no key {key!r:.40}", *path, name,
                                       key, hint=did_you_mean(key, list(RULES[kind])))
        if kind == "digits" and rule["digits"] != "student":
            raise self.places.fail('the digits are those of the "student"', *path, name, "digits")
        if kind == "draw":
            self.draw(name, rule, *path)
        return rule

    def draw(self, name: str, rule: dict[str, Any], *path: str) -> None:
        if rule["draw"] not in DRAWS:
            raise self.places.fail(f"{rule['draw']!r:.40} is no way to draw", *path, name, "draw",
                                   hint=f"it is one of {', '.join(DRAWS)}")
        if rule["draw"] == "choice":
            if not isinstance(rule.get("of"), list) or not rule["of"]:
                raise self.places.fail(f"{name} is drawn from nothing", *path, name,
                                       hint='for instance {draw = "choice", of = [1, 2, 5]}')
            return
        low, high = rule.get("low"), rule.get("high")
        numbers = (int, Fraction)
        if not isinstance(low, numbers) or not isinstance(high, numbers) or low > high:
            raise self.places.fail(f"{name} is drawn between no two numbers", *path, name,
                                   hint="give low and high, the greater one as high")
        decimals = rule.get("decimals", 1)
        if type(decimals) is not int or not 0 <= decimals <= 12:
            raise self.places.fail("decimals is a whole number from 0 to 12", *path, name,
                                   "decimals")

    def freedom(self, name: str, given: Any) -> Free:
        self.known(name, "free")
        if not isinstance(given, dict) or any(k not in _FREE for k in given):
            raise self.places.fail(f"how {name} is drawn is a table of {', '.join(_FREE)}",
                                   "free", name)
        low, high = given.get("low", -2), given.get("high", 2)
        if not isinstance(low, int | Fraction) or not isinstance(high, int | Fraction) or (
                low >= high):
            raise self.places.fail(f"{name} is drawn between no two numbers", "free", name)
        return Free(float(low), float(high), given.get("simplex") is True,
                    given.get("onehot") is True)

    def size(self, name: str, given: Any) -> int | tuple[int, int]:
        if self.program is not None and name not in self.program.size_names():
            raise UnknownNameError(f"the program has no size {name:.40}",
                                   self.places.span("sizes", name),
                                   did_you_mean(name, self.program.size_names()))
        if type(given) is int and 0 < given <= 10_000:
            return given
        if isinstance(given, list) and [type(g) for g in given] == [int, int]:
            least, most = given
            if 0 < least <= most <= 10_000:
                return least, most
        raise self.places.fail(f"{name} is no size", "sizes", name,
                               hint="a size is a whole number, or the least and the greatest")

    def spellings(self, name: str, given: Any) -> tuple[str, ...]:
        if self.program is not None and name not in {
                *self.program.tensors, *self.program.size_names(), *self.table("adjoint")}:
            self.known(name, "names")
        found = [given] if isinstance(given, str) else given
        if not isinstance(found, list) or not all(isinstance(s, str) for s in found):
            raise self.places.fail(f"the spellings of {name} are strings", "names", name)
        return tuple(found)

    def adjoints(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for top, table in self.table("adjoint").items():
            if not isinstance(table, dict):
                raise self.places.fail(f"the adjoints of {top} are a table", "adjoint", top,
                                       hint=f"write [adjoint.{top}], then y = 2.0")
            if self.program is not None and top in self.program.tensors:
                raise self.places.fail(f"{top} is computed by the program, and so are its "
                                       "derivatives", "adjoint", top)
            for name in table:
                if self.program is None or name not in self.program.tensors:
                    raise self.places.fail(f"the program has no {name}", "adjoint", top, name)
            found[top] = {n: self.value(v, "adjoint", top, n) for n, v in table.items()}
        return found

    def conditions(self) -> tuple[str, ...]:
        found = self.data.get("reject", [])
        if not isinstance(found, list) or not all(isinstance(c, str) for c in found):
            raise self.places.fail("reject is a list of conditions in quotes", "reject")
        return tuple(found)


__all__ = ["Half", "InputError", "read_part"]
