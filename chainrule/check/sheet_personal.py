"""One student's own numbers: by a rule, so that they can be derived again anywhere.

Two kinds of rule. `{digits = "student"}` is the matrix of an index number (`chainrule.personal`).
`{draw = "integers", low = 1, high = 9}` draws; every draw is a hash of the sheet, the student, the
part, the input and a counter (SHA-256), so it depends on no machine and on no version of Python.

Numbers that would spoil the exercise are drawn again: where a maximum has two winners, where the
point lies on a kink or on the boundary of a case, where an intermediate value is undefined, and
where a condition of the part's `reject` holds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.sheet import Part, Sheet
from chainrule.check.sheet_values import Values, nested
from chainrule.errors import ChainruleError, DomainError, InputError, LimitError
from chainrule.lang.integers import known
from chainrule.limits import DRAWN_CELLS
from chainrule.personal import index_number_matrix

TRIES: Final = 200  # draws until the rule is called too narrow
_STUDENT: Final = 200  # characters of what a student is called by


def personalised(sheet: Sheet, student: str = "") -> Sheet:
    """The sheet with one student's numbers: every given value exact, as nested lists of fractions.

    Without a student the sheet's example stands in, where it has one. Raises `InputError` for a
    student who has to be named and is not, or whose name no number follows from; `UndecidedError`
    never: what cannot be drawn within `TRIES` draws is an `InputError` too.

    >>> from chainrule.check.sheet_reading import find_sheet
    >>> one = personalised(find_sheet("machine-vision"), "180631")
    >>> [str(x) for x in one.parts["network"].given["X"][0]]
    ['1', '8', '1/2', '6']
    """
    student = (student or sheet.example).strip()
    if len(student) > _STUDENT:
        raise LimitError(f"a student is called by {len(student):,} characters; at most {_STUDENT}")
    if sheet.personal and not student:
        what = sheet.student or "student"
        raise InputError(f"the numbers of {sheet.id} hang on the {what}, and none is given",
                         hint="give --student, or an example in the sheet's front matter")
    parts = {name: _Drawer(sheet, part, student).part() for name, part in sheet.parts.items()}
    return replace(sheet, parts=parts)


def varied(sheet: Sheet) -> Sheet:
    """The sheet for another round of practice: what it lets be drawn anew is personal."""
    parts = {name: replace(part, given={n: v for n, v in part.given.items()
                                        if n not in part.practise})
             for name, part in sheet.parts.items()}
    personal = {name: {**sheet.personal.get(name, {}), **part.practise}
                for name, part in sheet.parts.items() if name in sheet.personal or part.practise}
    return replace(sheet, parts=parts, personal=personal)


def faults(part: Part) -> list[str]:
    """What would spoil an exercise at the part's values: ties, kinks, conditions, undefined values.

    >>> from chainrule.formulas.calls import read
    >>> faults(Part("a", read("y = max(i) x[i]"), {"x": [2, 2]}))
    ['in y, 2 candidates are equal to 2; the first of them passes the derivative']
    """
    if part.program is None:
        return []
    values = Values(part)
    try:
        found = values.kinks()
        found += [f"{condition} holds" for condition in part.reject if values.holds(condition)]
    except DomainError as error:
        return [error.message]
    return found


class _Drawer:
    """One part's values for one student."""

    def __init__(self, sheet: Sheet, part: Part, student: str) -> None:
        self.sheet = sheet
        self.bare = part
        self.student = student
        self.rules = sheet.personal.get(part.name, {})

    def part(self) -> Part:
        drawn = any("draw" in rule for rule in self.rules.values())
        why: list[str] = []
        for attempt in range(TRIES if drawn else 1):
            part = self.exact({n: self.value(n, rule, attempt) for n, rule in self.rules.items()})
            why = faults(part) if drawn else []
            if not why:
                return part
        raise InputError(f"no numbers for {self.student!r:.60} were found in {TRIES} draws: "
                         f"{why[0]}", hint=f"widen the rules of the part {self.bare.name}")

    def exact(self, own: Mapping[str, Any]) -> Part:
        """The part with plain numbers in place of rules and expressions."""
        program = self.bare.program
        plain = {n: v for n, v in self.bare.given.items() if not isinstance(v, str)}
        plain = {n: nested(v) for n, v in {**plain, **own}.items()}
        rest = {n: v for n, v in self.bare.given.items() if isinstance(v, str)}
        part = replace(self.bare, given=plain)
        for name, text in rest.items():
            try:
                value = Values(part).value(text)
            except ChainruleError as error:
                error.message = f"{name}: {error.message}"
                raise
            part = replace(part, given={**part.given, name: value.nested()})
        adjoints = {top: {n: Values(part).value(v).nested() if isinstance(v, str) else nested(v)
                          for n, v in table.items()} for top, table in part.adjoints.items()}
        if program is not None:
            order = [n for n in (*program.inputs, *part.given) if n in part.given]
            part = replace(part, given={n: part.given[n] for n in order})
        return replace(part, adjoints=adjoints)

    def value(self, name: str, rule: Mapping[str, Any], attempt: int) -> Any:
        if "digits" in rule:
            return index_number_matrix(self.student)
        shape = self.shape(name, rule)
        count = math.prod(shape)
        if count > DRAWN_CELLS:
            raise LimitError(f"{name} would take {count:,} drawn numbers; at most {DRAWN_CELLS:,}")
        numbers = self.numbers(name, rule, attempt, count)
        for size in reversed(shape[1:]):
            numbers = [numbers[k : k + size] for k in range(0, len(numbers), size)]
        return numbers if shape else numbers[0]

    def shape(self, name: str, rule: Mapping[str, Any]) -> Sequence[int]:
        """The shape that the rule says, or that the program declares."""
        if "shape" in rule:
            given = rule["shape"]
            if isinstance(given, list) and all(type(s) is int and s > 0 for s in given):
                return given
            raise InputError(f"the shape of {name} is a list of sizes, such as [2, 3]")
        program = self.bare.program
        if program is None or name not in program.tensors:
            return ()
        sizes = {n: s for n, s in self.bare.sizes.items() if isinstance(s, int)}
        found = []
        for axis in program.tensors[name].shape:
            number = known(axis, sizes).constant
            if number is None:
                raise InputError(f"how many numbers to draw for {name} is not known",
                                 hint=f"say [sizes] {axis} = 3, or shape = [3] in the rule")
            found.append(number)
        return found

    def numbers(self, name: str, rule: Mapping[str, Any], attempt: int, count: int) -> list[Any]:
        """So many numbers in a row."""
        choices = _choices(rule)
        if rule.get("nonzero"):
            choices = [c for c in choices if c != 0]
        if rule.get("distinct") and len(choices) < count:
            raise InputError(f"{name} takes {count} different numbers, and there are "
                             f"{len(choices)} to draw from", hint="widen low and high")
        if not choices:
            raise InputError(f"there is nothing to draw {name} from")
        stream = _stream(f"{self.sheet.id}|{self.student}|{self.bare.name}|{name}|{attempt}")
        left = list(choices)
        found = []
        for _ in range(count):
            at = next(stream) % len(left)
            found.append(left.pop(at) if rule.get("distinct") else left[at])
        return found


def _choices(rule: Mapping[str, Any]) -> list[Fraction]:
    """All numbers that a rule may draw."""
    if rule["draw"] == "choice":
        return [Fraction(c) for c in rule["of"]]
    places = rule.get("decimals", 1) if rule["draw"] == "decimals" else 0
    low, high = (math.ceil(rule["low"] * 10**places), math.floor(rule["high"] * 10**places))
    if high - low >= 10**5:
        raise LimitError("a rule draws from more than 100,000 numbers")
    return [Fraction(k, 10**places) for k in range(low, high + 1)]


def _stream(words: str) -> Iterator[int]:
    """Numbers of 64 bits that follow from words alone."""
    k = 0
    while True:
        digest = hashlib.sha256(f"{words}|{k}".encode()).digest()
        yield int.from_bytes(digest[:8], "big")
        k += 1
