"""What whoever uses a formula chooses: settings read as sizes, constants and tensors left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from chainrule.errors import InputError, ShapeError, did_you_mean
from chainrule.formulas.entry import NEEDED, Entry, Setting, Value
from chainrule.formulas.template import name_on_axis
from chainrule.lang.expr import Expr, IndexValue, Number, exact
from chainrule.lang.integers import Integer, constant, size
from chainrule.lang.parse import parse_expression
from chainrule.lang.program import Program, Shape

_LARGEST: Final = 2**62  # a size beyond this is a slip of the pen


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sizes that are to be equal: one in the formula's names, and what it is here."""

    wanted: Integer
    here: Integer
    where: str
    name: str


@lru_cache(maxsize=4096)
def polynomial(text: str, names: tuple[str, ...]) -> Integer:
    """A size from text: `d*(K - 1)//2`."""
    found = parse_expression(text, "setting", sizes=names)
    if isinstance(found, IndexValue):
        return found.value
    assert isinstance(found, Number) and isinstance(found.value, int), text
    return constant(found.value)


def settle(
    entry: Entry, formula: Program, shapes: Mapping[str, Shape], chosen: Mapping[str, Value],
    axes: int,
) -> tuple[dict[str, Expr], list[str], list[Pair], list[Pair]]:
    """Constants' values, tensors left out, sizes that are given, and sizes that follow later."""
    values: dict[str, Expr] = {}
    left_out = [name for name in entry.absent if name in formula.inputs and name not in shapes
                and formula.tensors[name].role != "parameter"]
    pairs: list[Pair] = []
    later: list[Pair] = []
    names = tuple(formula.size_names())
    for setting in entry.settings:
        value = chosen.get(setting.name, setting.default)
        targets = [name.strip() for name in setting.stands_for.split(",")]
        if targets[0] in formula.inputs:
            if formula.tensors[targets[0]].role == "constant":
                if targets[0] not in shapes:
                    values[targets[0]] = _number(entry, setting, value)
            elif not isinstance(value, bool):
                raise InputError(f"{entry.name}: {setting.name} is True or False, not {value!r}")
            elif not value:
                left_out += [name for name in targets if name in formula.inputs]
        elif value is not None and value != NEEDED and _present(setting, names, axes):
            for wanted, here, follows in _sizes(entry, setting, value, axes, names):
                pair = Pair(wanted, here, setting.name, setting.name)
                (later if follows else pairs).append(pair)
    return values, left_out, pairs, later


def _present(setting: Setting, names: tuple[str, ...], axes: int) -> bool:
    """Whether the formula has the sizes that a setting stands for (it may be training's only)."""
    if not setting.stands_for:
        return False
    text = on_axis(setting.parts[0], 0, axes, setting.per_axis)
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return any(word in names for word in words)


def _number(entry: Entry, setting: Setting, value: Value) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction | Decimal):
        raise InputError(f"{entry.name}: {setting.name} is a number, not {value!r:.60}")
    try:
        number = exact(Fraction(repr(value) if isinstance(value, float) else value))
    except (ValueError, OverflowError):
        raise InputError(f"{entry.name}: {setting.name} is a finite number, not {value}") from None
    if setting.within and not _lies(number.value, setting.within):
        raise InputError(f"{entry.name}: {setting.name} lies in {setting.within}, not at {value}")
    return number


def _lies(value: int | Fraction | float, interval: str) -> bool:
    """Whether a number lies in an interval such as [0, 1).

    >>> _lies(0, "[0, 1)"), _lies(1, "[0, 1)"), _lies(5, "(0, inf)")
    (True, False, True)
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    return above and (value <= high if interval[-1] == "]" else value < high)


def _sizes(
    entry: Entry, setting: Setting, value: Value, axes: int, names: tuple[str, ...]
) -> Iterable[tuple[Integer, Integer, bool]]:
    """What a setting's sizes are, and whether they follow from others (a word, a default)."""
    parts = setting.parts
    each: tuple[object, ...]
    if not setting.per_axis:
        each, count = (value,), 1  # one for all
    else:
        count = axes
        each = value if isinstance(value, tuple) else (value,) * axes
        if len(each) != axes:
            raise ShapeError(f"{entry.name}: {setting.name} has {len(each)} numbers for {axes} "
                             "axes", None, "give one number, or one for each axis")
    for axis, one in enumerate(each):
        if isinstance(one, str) and one == setting.default and "=" in one:
            left, right = (polynomial(side.strip(), names) for side in one.split("="))
            yield left, right, True
            return
        if isinstance(one, str) and (one in setting.words or one == setting.default):
            texts = [t.strip() for t in setting.words.get(one, one).split(":")]
            ends = [polynomial(on_axis(t, axis, count, setting.per_axis), names) for t in texts]
            follows = True
        else:
            both = one if isinstance(one, tuple) else (one,)
            ends = [_whole(entry, setting, end) for end in both]
            follows = False
        if len(ends) == 1:
            ends *= len(parts)
        if len(ends) != len(parts):
            raise InputError(f"{entry.name}: {setting.name} of an axis is a number"
                             f"{' or a pair' * (len(parts) == 2)}, not {one!r:.60}")
        for part, end in zip(parts, ends, strict=True):
            text = on_axis(part, axis, count, setting.per_axis)
            yield polynomial(text, names), end, follows


def on_axis(text: str, axis: int, axes: int, per_axis: bool) -> str:
    if not per_axis:
        return text
    out, word = "", ""
    for letter in text + " ":
        if letter.isalnum() or letter == "_":
            word += letter
            continue
        out += name_on_axis(word, axis, axes) if word[:1].isalpha() else word
        out += letter
        word = ""
    return out.strip()


def _whole(entry: Entry, setting: Setting, value: object) -> Integer:
    if isinstance(value, Integer):
        return value
    if isinstance(value, str):
        if setting.words or not value.isidentifier():
            raise InputError(
                f"{entry.name}: {setting.name} is a number"
                f"{' or one of ' * bool(setting.words)}{', '.join(setting.words)}, not {value!r}",
                None, did_you_mean(value, list(setting.words)))
        return size(value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{entry.name}: {setting.name} is a whole number, not {value!r:.60}")
    number: int = value.__index__()
    if number < setting.least:
        raise InputError(f"{entry.name}: {setting.name} is at least {setting.least}, not {number}")
    if number > _LARGEST:
        raise InputError(f"{entry.name}: {setting.name} is at most 2^62, not {number}")
    return constant(number)
