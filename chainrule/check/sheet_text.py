r"""Values put into a sheet's prose: `{{U}}` becomes the matrix U of one student.

Between the braces stands a quantity of the part that the prose stands under, or of another one,
`{{network: U}}`. Behind a bar follow options: a number of decimal places, `()` for brackets around
a negative number, or both: `{{V[1,0] | 2 ()}}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Part, Question, Sheet
from chainrule.check.sheet_names import spelled
from chainrule.check.sheet_values import Values
from chainrule.document.mathnodes import Fence, Identifier, Math, Num, Op, Row
from chainrule.document.mathtree import latex, separated
from chainrule.document.notation import Notation, rounded
from chainrule.errors import ChainruleError, InputError, Span, UnknownNameError, did_you_mean
from chainrule.evaluate.values import CellArray
from chainrule.explain.work import tensor_math
from chainrule.lang.expr import Expr
from chainrule.lang.program import Tensor

_HOLE: Final = re.compile(r"\{\{([^{}\n]{1,400})\}\}")
_PART: Final = re.compile(r"\s*([\w.\-]+)\s*:(?!=)\s*(.+)", re.DOTALL)
DIGITS: Final = 4
_GIVEN: Final = 12  # decimal places of a given number, which is never rounded if it can be helped


@dataclass(frozen=True, slots=True)
class Asked:
    """How a number is to be shown: decimal `places`, and whether always as a `decimal`, so that
    1/9 is 0.1111."""

    places: int = DIGITS
    decimal: bool = False


class Filler:
    """Puts one student's values into prose; the values of each part are worked out once."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.values = {name: Values(part) for name, part in sheet.parts.items()}
        self._names: dict[str, Mapping[str, Math]] = {}

    def names(self, part: str) -> Mapping[str, Math]:
        """How the sheet writes the names of a part."""
        if part not in self._names:
            self._names[part] = spelled(self.sheet.parts[part], self.sheet)
        return self._names[part]

    def fill(self, text: str, part: str, start: int | None = None,
             asked: Asked | None = None) -> str:
        """The text with every `{{…}}` replaced, in LaTeX; outside formulas between dollar signs.

        `start` is where the text begins in the sheet, `asked` how values are shown whose hole does
        not say it. Raises `InputError` for a hole that names
        nothing, with its place, and what working the value out raises.
        """
        found: list[str] = []
        at, inside = 0, False
        for m in _HOLE.finditer(text):
            before = text[at : m.start()]
            inside ^= before.replace("$$", "$").count("$") % 2 == 1
            shown = latex(self.hole(m, part, start, asked))
            found += [before, shown if inside else f"${shown}$"]
            at = m.end()
        return "".join([*found, text[at:]])

    def hole(self, m: re.Match[str], part: str, start: int | None,
             asked: Asked | None = None) -> Math:
        quantity, bar, options = m[1].partition("|")
        named = _PART.fullmatch(quantity)
        if named is not None:
            part, quantity = named[1], named[2]
        try:
            if part not in self.values:
                raise UnknownNameError(f"there is no part {part!r:.40}", None,
                                       did_you_mean(part, list(self.values)))
            value = self.values[part].value(quantity.strip())
            if asked is None and quantity.strip().split("[")[0] in self.sheet.parts[part].given:
                asked = Asked(_GIVEN)
            return self.shown(value, self.sheet.parts[part], options if bar else "", asked)
        except ChainruleError as error:
            if start is not None:
                error.span = Span(self.sheet.text, start + m.start(), start + m.end(),
                                  self.sheet.name)
            raise

    def shown(self, value: CellArray, part: Part, options: str = "",
              asked: Asked | None = None) -> Math:
        """A value typeset: to the decimals asked for, exactly where that is short."""
        asked = asked or Asked(self.digits())
        places, brackets = None, False
        for word in options.split():
            if word.isdigit() and int(word) <= 30:
                places = int(word)
            elif word == "()":
                brackets = True
            else:
                raise InputError(f"{word!r:.40} is no way to show a value",
                                 hint="write decimal places, as in {{y | 4}}, or () for brackets")
        m = value_math(value, part, places if places is not None else asked.places,
                       places is not None or asked.decimal)
        if brackets and isinstance(m, Num) and m.text.startswith("-"):
            return Fence(m)
        return m

    def digits(self) -> int:
        """How many decimals numbers are shown to."""
        asked = self.sheet.rounding.decimals
        return DIGITS if asked is None else asked

    def asked(self, question: Question) -> Asked:
        """How the answer to a question is shown: with as many digits as it asks for."""
        rule = question.rounding or self.sheet.rounding
        if rule.decimals is not None:
            return Asked(rule.decimals, True)
        if rule.significant is not None:
            value = self.values[question.part].value(question.quantity) if (
                question.quantity) else None
            sizes = [abs(float(c)) for c in (value.cells if value is not None else [])
                     if not isinstance(c, Expr) and c != 0]
            least = min((s for s in sizes if math.isfinite(s) and s > 0), default=1.0)
            return Asked(max(0, min(30, rule.significant - 1 - math.floor(math.log10(least)))),
                         True)
        if rule.absolute:
            return Asked(max(DIGITS, min(30, 1 - math.floor(math.log10(rule.absolute)))))
        return Asked(DIGITS)


def value_math(value: CellArray, part: Part, digits: int = DIGITS, decimal: bool = False) -> Math:
    """A value as mathematics; `decimal` writes 1/9 as 0.1111.

    >>> from chainrule.document.mathtree import text
    >>> text(value_math(CellArray((2,), [Fraction(1, 2), Fraction(-3)]), Part("a", None)))
    '[0.5, -3]'
    """
    tensors: Mapping[str, Tensor] = part.program.tensors if part.program is not None else {}
    notation = (_Decimal if decimal else Notation)(tensors, digits)
    if len(value.shape) == 1:
        listed = separated(map(notation.cell, value.cells), Op(","))
        return Fence(Row(tuple(listed)), "[", "]")
    if len(value.shape) > 2:
        return Row(tuple(separated([tensor_math(notation, v, frozenset()) for v in
                                    _slices(value)], Identifier(" "))))
    if not value.shape:
        return notation.cell(value.cells[0])
    return tensor_math(notation, value)


class _Decimal(Notation):
    """Numbers as decimals throughout."""

    def number(self, value: Any) -> Math:
        if isinstance(value, Fraction) and (value * 10**self.digits).denominator == 1:
            return super().number(value)
        return Num(rounded(value, self.digits))

    def cell(self, value: Any) -> Math:
        return self.expression(value) if isinstance(value, Expr) else self.number(value)


def _slices(value: CellArray) -> list[CellArray]:
    step = len(value.cells) // value.shape[0] if value.shape[0] else 0
    return [CellArray(value.shape[1:], value.cells[k * step : (k + 1) * step])
            for k in range(value.shape[0])]
