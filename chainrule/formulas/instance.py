"""A formula of the library put in its place: its sizes known, its axes counted, its options chosen.

The formula's program is read once, with all its sizes as names. To use it, those names are solved
for from the shapes of what it is given (`G*C` channels are 64, so C is 64/G) and from the settings;
then they are substituted. What is left out (a bias) is replaced by what it stands for (0), an index
of one cell by 0, and so a 1×1 convolution without groups comes out as one would write it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from chainrule.errors import InputError, ShapeError, UnknownNameError, did_you_mean
from chainrule.formulas.entry import NEEDED, Entry, Setting, Value
from chainrule.formulas.template import declared, name_on_axis, program_of, written_axes
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    add,
    children,
    div,
    exact,
    mul,
    rebuild,
    sub,
)
from chainrule.lang.integers import (
    ONE,
    ZERO,
    Index,
    Integer,
    Size,
    atom,
    constant,
    known,
    product,
    size,
)
from chainrule.lang.parse import parse_expression
from chainrule.lang.program import Equation, Program, Shape, Tensor

_MAKE: Final = {"add": add, "sub": sub, "mul": mul, "div": div}
_LARGEST: Final = 2**62  # a size beyond this is a slip of the pen


@dataclass(frozen=True, slots=True)
class Instance:
    """A formula in place, under its own names.

    `sizes` says what each size of the formula is here, `formula` is the program with all of them as
    names, `tensors` and `equations` have them substituted.
    """

    entry: Entry
    formula: Program
    sizes: dict[str, Integer]
    inputs: tuple[str, ...]
    tensors: dict[str, Tensor]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...]
    updates: tuple[tuple[str, str], ...]


def instantiate(
    entry: Entry, given: Mapping[str, Shape], settings: Mapping[str, Value] | None = None,
    training: bool = False,
) -> Instance:
    """A formula for inputs of these shapes, by the formula's names.

    Raises `ShapeError` where shapes and settings do not fit, `InputError` for a setting that is
    missing or wrong, `UnknownNameError` for one that the formula does not have.
    """
    chosen = dict(settings or {})
    for name in chosen:
        if entry.setting(name) is None:
            names = [s.name for s in entry.settings]
            raise UnknownNameError(
                f"{entry.name} has no setting {name}", None,
                did_you_mean(name, names) or f"it has {', '.join(names) or 'none'}")
    key = tuple(sorted(chosen.items(), key=lambda item: item[0]))
    try:
        hash(key)
    except TypeError:
        key = tuple((name, _frozen(value)) for name, value in key)
    return _instance(entry, tuple(given.items()), key, training)


def _frozen(value: object) -> Value:
    if isinstance(value, list | tuple):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    raise InputError(f"a setting is a number, a word or a tuple of them, not {value!r:.60}")


@lru_cache(maxsize=1024)
def _instance(
    entry: Entry, given: tuple[tuple[str, Shape], ...], settings: tuple[tuple[str, Value], ...],
    training: bool,
) -> Instance:
    shapes = dict(given)
    chosen = dict(settings)
    leading, axes = _axes(entry, shapes, chosen, training)
    formula = program_of(entry, leading, axes, training)
    values, left_out, pairs, later = _settings(entry, formula, shapes, chosen, axes)
    for name, shape in shapes.items():
        pairs += [_Pair(wanted, here, f"axis {k} of {name}", name)
                  for k, (wanted, here) in enumerate(
                      _matched(entry, formula.tensors[name], shape))]
    sizes = _solve(entry, pairs, later, formula)
    _check_most(entry, sizes, axes)
    for name in left_out:
        values[name] = Number(entry.absent[name])
    return _placed(entry, formula, sizes, values)


def _check_most(entry: Entry, sizes: Mapping[str, Integer], axes: int) -> None:
    """Refuse a size beyond what its setting allows: padding of more than half a window."""
    for setting in entry.settings:
        for axis in range(axes if setting.most else 0):
            bound = polynomial(_on_axis(setting.most, axis, axes, setting.per_axis), tuple(sizes))
            most = _resolve(bound, sizes)
            for part in setting.parts:
                here = sizes[_on_axis(part, axis, axes, setting.per_axis)]
                if at_most(here, most) is False:
                    raise InputError(f"{entry.name}: {setting.name} is at most {setting.most} = "
                                     f"{most}, not {here}", None,
                                     "a window that lies in the padding alone sees nothing")


def _matched(entry: Entry, tensor: Tensor, shape: Shape) -> Iterable[tuple[Integer, Integer]]:
    if len(tensor.shape) != len(shape):
        wanted = ", ".join(map(str, tensor.shape))
        found = ", ".join(map(str, shape))
        raise ShapeError(f"{entry.name}: {tensor.name} has the shape ({wanted}), "
                         f"found ({found})")
    return zip(tensor.shape, shape, strict=True)


def _axes(
    entry: Entry, shapes: Mapping[str, Shape], chosen: Mapping[str, Value], training: bool
) -> tuple[int, int]:
    """How many leading axes there are, and how many in the window."""
    text = entry.training if training and entry.training else entry.text
    main, items = declared(text)
    shape = shapes.get(main)
    if shape is None:
        raise InputError(f"{entry.name}: the input {main} is missing")
    fixed = sum(item != "..." and not item.startswith("{") for item in items)
    spread = "..." in items
    axes = entry.axes
    if isinstance(axes, tuple):
        count = next((a for a in axes if len(shape) == fixed + a + spread), axes[0])
    elif axes == "rest":
        count = len(shape) - fixed
    elif axes in ("axis", "start_dim"):
        count = _after(entry, str(axes), chosen, len(shape), fixed)
    elif isinstance(axes, str):
        value = chosen.get(axes)
        count = len(value) if isinstance(value, tuple) else 1
    else:
        count = axes
    leading = len(shape) - fixed - count
    if leading < 0 or count < 0 or (leading > 0 and not spread):
        least = fixed + max(count, 0)
        axes_text = written_axes(items, max(count, 0))
        raise ShapeError(
            f"{entry.name} wants {'at least ' * spread}{least} axes, {main}{axes_text}: "
            f"found {len(shape)}, ({', '.join(map(str, shape))})", None,
            "a batch of one is an axis of its own" if leading < 0 else None)
    return leading, count


def _after(entry: Entry, name: str, chosen: Mapping[str, Value], ndim: int, fixed: int) -> int:
    """How many axes follow the one that a setting names."""
    setting = entry.setting(name)
    axis = chosen.get(name, setting.default if setting is not None else -1)
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        raise ShapeError(f"{entry.name}: there is no axis {axis}: the input has {ndim} axes")
    return ndim - axis % ndim - fixed


@dataclass(frozen=True, slots=True)
class _Pair:
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


def _settings(
    entry: Entry, formula: Program, shapes: Mapping[str, Shape], chosen: Mapping[str, Value],
    axes: int,
) -> tuple[dict[str, Expr], list[str], list[_Pair], list[_Pair]]:
    """Constants' values, tensors left out, sizes that are given, and sizes that follow later."""
    values: dict[str, Expr] = {}
    left_out = [name for name in entry.absent if name in formula.inputs and name not in shapes
                and formula.tensors[name].role != "parameter"]
    pairs: list[_Pair] = []
    later: list[_Pair] = []
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
                pair = _Pair(wanted, here, setting.name, setting.name)
                (later if follows else pairs).append(pair)
    return values, left_out, pairs, later


def _present(setting: Setting, names: tuple[str, ...], axes: int) -> bool:
    """Whether the formula has the sizes that a setting stands for (it may be training's only)."""
    if not setting.stands_for:
        return False
    text = _on_axis(setting.parts[0], 0, axes, setting.per_axis)
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
            ends = [polynomial(_on_axis(t, axis, count, setting.per_axis), names) for t in texts]
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
            text = _on_axis(part, axis, count, setting.per_axis)
            yield polynomial(text, names), end, follows


def _on_axis(text: str, axis: int, axes: int, per_axis: bool) -> str:
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


def _solve(
    entry: Entry, pairs: Sequence[_Pair], later: Sequence[_Pair], formula: Program
) -> dict[str, Integer]:
    """Each size of the formula, from equalities that hold one unknown after another."""
    sizes: dict[str, Integer] = {}
    for waiting in (list(pairs), list(later)):
        while waiting:
            rest = [pair for pair in waiting if not _solved(entry, pair, sizes)]
            if len(rest) == len(waiting):
                break
            waiting = rest
        if waiting:
            break
    for name in formula.size_names():
        if name not in sizes:
            raise _missing(entry, name, pairs)
    return sizes


def _resolve(p: Integer, sizes: Mapping[str, Integer]) -> Integer:
    return p.substitute(lambda a: sizes.get(a.name) if isinstance(a, Size) else None)


def _solved(entry: Entry, pair: _Pair, sizes: dict[str, Integer]) -> bool:
    """Whether an equality could be used: checked, or solved for the one size not known yet."""
    unknown = [name for name in pair.wanted.sizes() if name not in sizes]
    here = pair.here
    if pair.where == pair.name and here.sizes():  # a setting in the formula's own sizes
        if any(name not in sizes for name in here.sizes()) and not unknown:
            return False
        if all(name in sizes for name in here.sizes()):
            here = _resolve(here, sizes)
    if not unknown:
        wanted = _resolve(pair.wanted, sizes)
        if wanted != here:
            raise _mismatch(entry, pair, wanted, here, sizes)
        return True
    if len(unknown) > 1:
        return False
    one = Size(unknown[0])
    factor = _resolve(pair.wanted.coefficient(one), sizes)
    rest = _resolve(pair.wanted.without(one), sizes)
    if one in list(factor.atoms()) or one in list(rest.atoms()):
        return False
    found = (here - rest) // factor
    if found * factor + rest != here:
        raise ShapeError(
            f"{entry.name}: {pair.where} is {pair.wanted}, and {here} is no multiple of {factor}",
            None, f"{_names(entry, pair.wanted, sizes)}")
    sizes[unknown[0]] = found
    return True


def _names(entry: Entry, p: Integer, sizes: Mapping[str, Integer]) -> str:
    """Which settings some sizes are: `groups (G) is 3`."""
    found = [f"{s.name} ({s.stands_for}) is {sizes[s.stands_for]}" for s in entry.settings
             if s.stands_for in p.sizes() and s.stands_for in sizes]
    return "; ".join(found)


def _mismatch(
    entry: Entry, pair: _Pair, wanted: Integer, here: Integer, sizes: Mapping[str, Integer]
) -> ShapeError:
    said = f" ({pair.wanted})" if str(pair.wanted) != str(wanted) else ""
    return ShapeError(f"{entry.name}: {pair.where} should be {wanted}{said}, and is {here}", None,
                      "the settings and the inputs must agree")


def _missing(entry: Entry, name: str, pairs: Sequence[_Pair]) -> InputError:
    for setting in entry.settings:
        base = [part.strip() for part in setting.parts]
        if any(name.split("_")[0] in part for part in base):
            return InputError(f"{entry.name} needs {setting.name}", None,
                              f"write {entry.layer}({setting.name}=…)")
    return InputError(f"{entry.name}: nothing says how large {name} is")


def _placed(
    entry: Entry, formula: Program, sizes: dict[str, Integer], values: dict[str, Expr]
) -> Instance:
    place = _Placing(sizes, values)
    tensors = {}
    for name, tensor in formula.tensors.items():
        if name in values:
            continue
        shape = tuple(place.size(axis) for axis in tensor.shape)
        for axis, cells in enumerate(shape):
            if cells.constant is not None and cells.constant < 1:
                raise _empty(entry, tensor, axis, cells, sizes)
        below = None if tensor.below is None else place.size(tensor.below)
        tensors[name] = replace(tensor, shape=shape, below=below, span=None)
    for a, b in formula.assumptions:
        if place.size(a) != place.size(b):
            raise ShapeError(f"{entry.name}: {a} = {place.size(a)} should be {b} = "
                             f"{place.size(b)}")
    return Instance(
        entry, formula, sizes,
        tuple(name for name in formula.inputs if name not in values),
        tensors, tuple(placed for placed in map(place.equation, formula.equations)
                       if all(r.size != ZERO for r in placed.ranges)),
        formula.outputs, formula.updates,
    )


def _is_product(e: Expr) -> bool:
    return isinstance(e, Apply) and e.function == "mul"


def _empty(
    entry: Entry, tensor: Tensor, axis: int, cells: Integer, sizes: Mapping[str, Integer]
) -> ShapeError:
    formula = str(tensor.shape[axis])
    where = ", ".join(f"{n} = {sizes[n]}" for n in tensor.shape[axis].sizes() if n in sizes)
    return ShapeError(
        f"{entry.name}: axis {axis} of {tensor.name} would have {formula} = {cells} cells"
        f"{' where ' + where if where else ''}", None,
        "the window is larger than the padded input: pad more, or take a smaller kernel, stride or "
        "dilation")


class _Placing:
    """Substitutes sizes and values in equations, and tidies what becomes trivial."""

    def __init__(self, sizes: Mapping[str, Integer], values: Mapping[str, Expr]) -> None:
        self.sizes = sizes
        self.values = values

    def size(self, p: Integer) -> Integer:
        """A polynomial with its sizes known."""
        return _resolve(p, self.sizes)

    def equation(self, e: Equation) -> Equation:
        """An equation with its sizes known; indices of one cell are 0."""
        sized = [Range(r.name, self.size(r.size or ONE)) for r in e.ranges]
        zero = {r.name for r in sized if r.size == ONE}
        return replace(
            e,
            subscripts=tuple(self.subscript(s, zero) for s in e.subscripts),
            ranges=tuple(r for r in sized if r.name not in zero),
            body=self.expression(e.body, zero),
            condition=None if e.condition is None else self.expression(e.condition, zero),
            origin=replace(e.origin, span=None),
        )

    def subscript(self, s: Integer, zero: set[str]) -> Integer:
        """A subscript with its sizes known and some indices 0."""
        if s.plain is not None:
            return ZERO if s.plain in zero else s

        def put(a: object) -> Integer | None:
            if isinstance(a, Size):
                return self.sizes.get(a.name)
            if isinstance(a, Index) and a.name in zero:
                return ZERO
            if isinstance(a, Read):  # a label chooses the cell
                place = self.reference(a.ref, zero)
                assert isinstance(place, Ref)
                return atom(Read(place))
            return None

        found = s.substitute(put)
        return known(found, {}) if zero else found

    def expression(self, e: Expr, zero: set[str]) -> Expr:
        """An expression with its sizes known, without what adds 0 or multiplies by 1."""
        if isinstance(e, Ref):
            return self.reference(e, zero)
        if isinstance(e, IndexValue):
            value = self.subscript(e.value, zero)
            number = value.constant
            return Number(number) if number is not None else IndexValue(value)
        if isinstance(e, Reduce):
            return self.reduction(e, zero)
        if isinstance(e, ArgReduce):
            ranges = tuple(Range(r.name, self.size(r.size or ONE)) for r in e.indices)
            condition = None if e.condition is None else self.expression(e.condition, zero)
            return ArgReduce(e.op, ranges, condition, self.expression(e.body, zero), e.which)
        parts = tuple(self.expression(part, zero) for part in children(e))
        if isinstance(e, Apply):
            make = _MAKE.get(e.function)
            return make(*parts) if make is not None else Apply(e.function, parts)
        return rebuild(e, parts)

    def reduction(self, e: Reduce, zero: set[str]) -> Expr:
        """A reduction; over one cell, without a condition, it is its body."""
        sized = tuple(Range(r.name, self.size(r.size or ONE)) for r in e.indices)
        one = {r.name for r in sized if r.size == ONE}
        zero = (zero - {r.name for r in sized}) | one
        if e.op == "sum" and len(one) == len(sized) and _is_product(e.body):
            one.discard(sized[0].name)  # a sum of one product is one still: it counts as a MAC
            zero = zero - {sized[0].name}
        rest = tuple(r for r in sized if r.name not in one)
        condition = None if e.condition is None else self.expression(e.condition, zero)
        body = self.expression(e.body, zero)
        if e.op == "sum" and condition is None and isinstance(body, Number):
            cells = product(iter([r.size or ONE for r in sized]))
            number = cells.constant
            return mul(body, IndexValue(cells) if number is None else Number(number))
        if rest:
            return Reduce(e.op, rest, condition, body)
        if condition is None:
            return body
        return Select(condition, body, Number(0)) if e.op == "sum" else Reduce(
            e.op, sized[:1], condition, body)

    def reference(self, e: Ref, zero: set[str]) -> Expr:
        """A tensor read; what is left out is the number that it stands for."""
        value = self.values.get(e.tensor)
        if value is not None:
            return value
        outside = e.outside
        if outside is not None and outside.pads is not None:
            pads = tuple((self.size(a), self.size(b)) for a, b in outside.pads)
            outside = Outside(outside.fill, pads) if any(p != (ZERO, ZERO) for p in pads) else None
        return Ref(e.tensor, tuple(self.subscript(s, zero) for s in e.subscripts), outside)
