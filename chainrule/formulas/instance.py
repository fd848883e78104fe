"""A formula of the library put in its place: its sizes known, its axes counted, its options chosen.

The formula's program is read once, with all its sizes as names. To use it, those names are solved
for from the shapes of what it is given (`G*C` channels are 64, so C is 64/G) and from the settings;
then they are substituted. What is left out (a bias) is replaced by what it stands for (0), an index
of one cell by 0, and so a 1×1 convolution without groups comes out as one would write it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from chainrule.errors import InputError, ShapeError, UnknownNameError, did_you_mean
from chainrule.formulas.entry import Entry, Value
from chainrule.formulas.placing import Placing, resolve
from chainrule.formulas.settings import Pair, on_axis, polynomial, settle
from chainrule.formulas.template import declared, program_of, written_axes
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import Expr, Number
from chainrule.lang.integers import ZERO, Integer, Size
from chainrule.lang.program import Equation, Program, Shape, Tensor


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
    values, left_out, pairs, later = settle(entry, formula, shapes, chosen, axes)
    for name, shape in shapes.items():
        pairs += [Pair(wanted, here, f"axis {k} of {name}", name)
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
            bound = polynomial(on_axis(setting.most, axis, axes, setting.per_axis), tuple(sizes))
            most = resolve(bound, sizes)
            for part in setting.parts:
                here = sizes[on_axis(part, axis, axes, setting.per_axis)]
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


def _solve(
    entry: Entry, pairs: Sequence[Pair], later: Sequence[Pair], formula: Program
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


def _solved(entry: Entry, pair: Pair, sizes: dict[str, Integer]) -> bool:
    """Whether an equality could be used: checked, or solved for the one size not known yet."""
    unknown = [name for name in pair.wanted.sizes() if name not in sizes]
    here = pair.here
    if pair.where == pair.name and here.sizes():  # a setting in the formula's own sizes
        if any(name not in sizes for name in here.sizes()) and not unknown:
            return False
        if all(name in sizes for name in here.sizes()):
            here = resolve(here, sizes)
    if not unknown:
        wanted = resolve(pair.wanted, sizes)
        if wanted != here:
            raise _mismatch(entry, pair, wanted, here, sizes)
        return True
    if len(unknown) > 1:
        return False
    one = Size(unknown[0])
    factor = resolve(pair.wanted.coefficient(one), sizes)
    rest = resolve(pair.wanted.without(one), sizes)
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
    entry: Entry, pair: Pair, wanted: Integer, here: Integer, sizes: Mapping[str, Integer]
) -> ShapeError:
    said = f" ({pair.wanted})" if str(pair.wanted) != str(wanted) else ""
    return ShapeError(f"{entry.name}: {pair.where} should be {wanted}{said}, and is {here}", None,
                      "the settings and the inputs must agree")


def _missing(entry: Entry, name: str, pairs: Sequence[Pair]) -> InputError:
    for setting in entry.settings:
        base = [part.strip() for part in setting.parts]
        if any(name.split("_")[0] in part for part in base):
            return InputError(f"{entry.name} needs {setting.name}", None,
                              f"write {entry.layer}({setting.name}=…)")
    return InputError(f"{entry.name}: nothing says how large {name} is")


def _placed(
    entry: Entry, formula: Program, sizes: dict[str, Integer], values: dict[str, Expr]
) -> Instance:
    place = Placing(sizes, values)
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
