"""From what a user gives to what a program runs on: values checked, sizes solved.

A value is a number, a nested list or a NumPy array. Numbers mean what they print as: the float 0.1
is one tenth to the exact evaluator, not the binary number next to it. Where an axis is declared as
a plain size (`x[N, V]`), the value's shape says what N and V are, and every other place that uses
them must agree; a conflict is reported with both places. Sizes that no shape tells are given by
name, like a value. Everything is checked before anything is allocated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from chainrule.errors import (
    DefinitionError,
    InputError,
    KindError,
    LimitError,
    MissingValueError,
    RangeError,
    ShapeError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.lang.integers import Integer, Size, known
from chainrule.lang.program import Program, Tensor
from chainrule.limits import TENSOR_AXES, TENSOR_BYTES

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 5  # names listed in a message before "..."


class Sizes(dict[str, int]):
    """The sizes' values by name; asking for one that is not known is a `MissingValueError`."""

    def __missing__(self, name: str) -> int:
        raise MissingValueError(
            f"the size {name} is not known",
            hint=f"no input's shape tells it; give it by name, like a value: {name}=4",
        )

    def of(self, size: Integer) -> int:
        """The value of a size polynomial."""
        number = size.constant
        if number is not None:
            return number
        try:
            return int(size.evaluate(self._atom))
        except ZeroDivisionError:
            raise ShapeError(f"the size {size} divides by zero{self.legend(size)}") from None

    def _atom(self, a: Any) -> int:
        if isinstance(a, Size):
            return self[a.name]
        raise RangeError(f"{a} stands where a size is wanted")

    def legend(self, size: Integer) -> str:
        """' (N = 4, k = 3)' for the names in a size, or nothing."""
        names = [f"{name} = {self[name]}" for name in size.sizes() if name in self]
        return f" ({', '.join(names)})" if names else ""


@dataclass(frozen=True, slots=True)
class CellArray:
    """A tensor as a list of cells in row-major order (the last axis fastest).

    A cell is a `Fraction` where the value is exact, an mpmath number where it is rounded, and an
    `Expr` where it depends on an input that was left without a value.

    >>> a = CellArray((2, 2), [1, 2, 3, 4])
    >>> a[1, 0], a.nested()
    (3, [[1, 2], [3, 4]])
    """

    shape: tuple[int, ...]
    cells: list[Any]

    def position(self, place: tuple[int, ...]) -> int:
        """Where in `cells` the cell at these subscripts is; they are not checked."""
        at = 0
        for subscript, size in zip(place, self.shape, strict=True):
            at = at * size + subscript
        return at

    def __getitem__(self, place: int | tuple[int, ...]) -> Any:
        place = (place,) if isinstance(place, int) else place
        if len(place) != len(self.shape) or any(
            not 0 <= s < size for s, size in zip(place, self.shape, strict=True)
        ):
            raise IndexError(f"no cell {list(place)} in a tensor of shape {list(self.shape)}")
        return self.cells[self.position(place)]

    def places(self) -> Iterator[tuple[int, ...]]:
        """The subscripts of all cells, in the order of `cells`."""
        return itertools.product(*map(range, self.shape))

    def nested(self) -> Any:
        """The cells as nested lists; the cell itself for a scalar."""
        if not self.shape:
            return self.cells[0]
        level: list[Any] = list(self.cells)
        for axis in range(len(self.shape) - 1, 0, -1):
            size = self.shape[axis]
            rows = math.prod(self.shape[:axis])
            level = [level[r * size : (r + 1) * size] for r in range(rows)]
        return level


def bind(
    program: Program,
    values: Mapping[str, Any],
    *,
    exact: bool = False,
    symbolic: Collection[str] = (),
) -> tuple[Sizes, dict[str, Any]]:
    """Check the inputs' values and solve the sizes: `(sizes, arrays by name)`.

    Arrays are NumPy's (float64, or int64 for integers); with `exact`, `CellArray`s of fractions
    (an infinity stays a float). Inputs named in `symbolic` need no value; they have no array.

    Raises `MissingValueError`, `UnknownNameError`, `ShapeError`, `KindError` (1.5 for an integer),
    `RangeError` (a label out of range), `InputError` (NaN, ragged lists), `LimitError`.
    """
    _check_names(program, values, symbolic)
    given = {name: _Given.read(name, values[name]) for name in program.inputs if name in values}
    sizes = _solve(program, values, given)
    arrays: dict[str, Any] = {}
    for name, value in given.items():
        tensor = program.tensors[name]
        convert = value.exact if exact else value.array
        arrays[name] = convert(tensor, sizes)
    return sizes, arrays


def shapes(program: Program, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor, checked against `TENSOR_BYTES` before anything is allocated."""
    found: dict[str, tuple[int, ...]] = {}
    for name, tensor in program.tensors.items():
        if not tensor.shape:
            found[name] = ()
            continue
        shape = tuple(map(sizes.of, tensor.shape))
        for axis, (size, declared) in enumerate(zip(shape, tensor.shape, strict=True)):
            if size < 0:
                raise ShapeError(
                    f"axis {axis} of {name} would have {size} cells: "
                    f"{declared} is negative{sizes.legend(declared)}",
                    tensor.span,
                )
        check_bytes(name, shape)
        found[name] = shape
    return found


def check_bytes(what: str, shape: Sequence[int], most: int = TENSOR_BYTES) -> None:
    """Refuse an array of 8-byte numbers over `most`, in Python integers, which do not overflow."""
    needed = math.prod(map(int, shape)) * 8
    if needed > most:
        raise LimitError(
            f"{what} would take {needed:,} bytes; at most {most:,} are allowed",
            hint=f"its shape is {' x '.join(map(str, shape))}",
        )


def _check_names(program: Program, values: Mapping[str, Any], symbolic: Collection[str]) -> None:
    missing = [n for n in program.inputs if n not in values and n not in symbolic]
    inputs = set(program.inputs)
    unknown = [n for n in values if n not in inputs]
    names: list[str] = program.size_names() if unknown else []
    for name in unknown:
        if name in names:
            continue
        if name in program.tensors:
            raise DefinitionError(f"{name} is computed by the program; it takes no value")
        raise UnknownNameError(
            f"the program has no input called {name}",
            hint=did_you_mean(name, missing or [*program.inputs, *names])
            or f"its inputs are {_listed(program.inputs)}",
        )
    if missing:
        what = "input" if len(missing) == 1 else "inputs"
        raise MissingValueError(
            f"no value for the {what} {_listed(missing)}", program.tensors[missing[0]].span
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > _SHOWN else shown or "none"


# --- sizes -----------------------------------------------------------------------------------


def _solve(program: Program, values: Mapping[str, Any], given: Mapping[str, _Given]) -> Sizes:
    """The sizes from those given by name and from the shapes, checked against all declarations."""
    sizes = Sizes()
    reasons: dict[str, str] = {}
    for name, value in values.items():
        if name not in given:
            sizes[name] = _size_value(name, value)
            reasons[name] = "as given"
    for name, value in given.items():
        _check_rank(program.tensors[name], value)
    pending: list[tuple[Tensor, int, int]] = []
    for name, value in given.items():
        tensor = program.tensors[name]
        for axis, found in enumerate(value.shape):
            atom = _plain_size(tensor.shape[axis])
            if atom is not None and atom not in sizes:
                sizes[atom] = found
                reasons[atom] = f"from axis {axis} of {name}"
            else:
                pending.append((tensor, axis, found))
    _solve_linear(pending, sizes, reasons)
    for tensor, axis, found in pending:
        _check_axis(tensor, axis, found, sizes, reasons)
    for a, b in program.assumptions:
        if sizes.of(a) != sizes.of(b):
            names = list(dict.fromkeys(a.sizes() + b.sizes()))
            legend = ", ".join(f"{n} = {sizes[n]} {reasons.get(n, '')}".strip() for n in names)
            raise ShapeError(
                f"the program needs {a} = {b}, but they are {sizes.of(a)} and {sizes.of(b)}"
                + (f": {legend}" if legend else "")
            )
    return sizes


def _plain_size(axis: Integer) -> str | None:
    """The name, if a declared size is nothing but a name."""
    if len(axis.terms) == 1:
        monomial, coefficient = axis.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Size):
            return monomial[0].name
    return None


def _solve_linear(
    pending: list[tuple[Tensor, int, int]], sizes: Sizes, reasons: dict[str, str]
) -> None:
    """From compound sizes with one unknown, such as `2*N + 1`, its value, until nothing is new."""
    progress = True
    while progress:
        progress = False
        for tensor, axis, found in pending:
            p = known(tensor.shape[axis], sizes)
            names = p.sizes()
            if len(names) != 1:
                continue
            atom = Size(names[0])
            slope, rest = p.coefficient(atom).constant, p.without(atom).constant
            if not slope or rest is None or (found - rest) % slope:
                continue
            sizes[atom.name] = (found - rest) // slope
            reasons[atom.name] = f"from axis {axis} of {tensor.name}"
            progress = True


def _check_rank(tensor: Tensor, value: _Given) -> None:
    if len(value.shape) != len(tensor.shape):
        axes = "x".join(map(str, value.shape)) or "a single number"
        declared = ", ".join(map(str, tensor.shape))
        raise ShapeError(
            f"{tensor.name} has {_axes(len(tensor.shape))}"
            + (f" ({declared})" if declared else "")
            + f"; its value has {_axes(len(value.shape))} ({axes})",
            tensor.span,
        )


def _axes(n: int) -> str:
    return "1 axis" if n == 1 else f"{n} axes" if n else "no axes"


def _check_axis(
    tensor: Tensor, axis: int, found: int, sizes: Sizes, reasons: Mapping[str, str]
) -> None:
    declared = tensor.shape[axis]
    expected = sizes.of(declared)
    if expected == found:
        return
    where = f"axis {axis} of {tensor.name} has size {found}"
    plain = _plain_size(declared)
    if plain is not None:
        why = f"{plain} = {expected} {reasons[plain]}"
    elif declared.constant is not None:
        why = f"its declared size is {expected}"
    else:
        legend = ", ".join(f"{n} = {sizes[n]} {reasons[n]}" for n in declared.sizes())
        why = f"{declared} = {expected}, with {legend}"
    raise ShapeError(f"{where}, but {why}", tensor.span)


def _size_value(name: str, value: Any) -> int:
    number = _scalar(value)
    if number is None or isinstance(number, float) or number.denominator != 1 or number < 0:
        raise KindError(f"the size {name} must be a whole number, 0 or more; found {value!r:.60}")
    return int(number)


# --- one value -------------------------------------------------------------------------------


def _scalar(value: Any) -> Fraction | float | None:
    """A number as the fraction that it prints as; an infinity or NaN as a float; else None."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(repr(float(value))) if math.isfinite(value) else float(value)
    if isinstance(value, Decimal):
        return Fraction(value) if value.is_finite() else float(value)
    return None


def _flatten(name: str, value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists and their numbers in row-major order."""
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list | tuple):
        if len(shape) == TENSOR_AXES:
            raise LimitError(f"the value of {name} has more than {TENSOR_AXES} axes")
        size = len(level[0])
        for row, part in enumerate(level):
            if not isinstance(part, list | tuple) or len(part) != size:
                found = len(part) if isinstance(part, list | tuple) else "a single number"
                raise InputError(
                    f"the rows of {name} differ in length: {size} and {found} (row {row}, "
                    f"on axis {len(shape)})"
                )
        shape.append(size)
        level = [x for part in level for x in part]
    return tuple(shape), level


@dataclass(slots=True)
class _Given:
    """A value as it came: either numbers in a list (`flat`) or a NumPy array."""

    shape: tuple[int, ...]
    flat: list[Any] | None
    numpy: np.ndarray | None

    @staticmethod
    def read(name: str, value: Any) -> _Given:
        """Look at a value's shape and kind."""
        if isinstance(value, CellArray):
            return _Given(value.shape, value.cells, None)
        if isinstance(value, list | tuple) and not _holds_arrays(value):
            return _Given(*_flatten(name, value), None)
        if isinstance(value, str | bytes | complex):
            raise InputError(f"the value of {name} is not a number: {value!r:.60}")
        if value is None or isinstance(value, bool):
            raise KindError(f"the value of {name} is {value}, where a number is wanted")
        if _scalar(value) is not None:
            return _Given((), [value], None)
        import numpy  # lazily: plain numbers and lists do without

        try:
            array = numpy.asarray(value)
        except (TypeError, ValueError):
            raise InputError(f"the value of {name} is not an array of numbers") from None
        if array.dtype.kind == "O":
            return _Given(array.shape, list(array.ravel()), None)
        if array.dtype.kind not in "iuf":
            raise KindError(f"the value of {name} holds {array.dtype}, where numbers are wanted")
        return _Given(array.shape, None, array)

    def exact(self, tensor: Tensor, sizes: Sizes) -> CellArray:
        """The value as fractions, each checked."""
        if self.numpy is not None:
            # a float32 prints shorter than the double of the same value, and means what it prints
            narrow = self.numpy.dtype.itemsize < 8 and self.numpy.dtype.kind == "f"
            numbers = self.numpy.ravel()
            flat = [float(str(x)) for x in numbers] if narrow else numbers.tolist()
        else:
            flat = self.flat or []
        cells = []
        for position, value in enumerate(flat):
            number = _scalar(value)
            where = _cell(tensor.name, self.shape, position)
            if number is None:
                raise _not_a_number(where, value)
            _check_number(tensor, number, where, sizes)
            cells.append(number)
        return CellArray(self.shape, cells)

    def array(self, tensor: Tensor, sizes: Sizes) -> np.ndarray:
        """The value as float64 or int64, each cell checked."""
        import numpy

        check_bytes(tensor.name, self.shape)
        if self.numpy is None:
            for position, value in enumerate(self.flat or ()):
                kind = type(value)
                if kind is not float and kind is not int and _scalar(value) is None:
                    raise _not_a_number(_cell(tensor.name, self.shape, position), value)
            try:
                data = numpy.array(list(map(float, self.flat or ())), dtype=numpy.float64)
            except OverflowError:
                raise InputError(f"a value of {tensor.name} is too large for a float") from None
            data = data.reshape(self.shape)
            if tensor.kind == "integer":
                return self._integers(data, tensor, sizes, numpy)
        elif tensor.kind == "integer":
            return self._integers(self.numpy, tensor, sizes, numpy)
        else:
            data = numpy.array(self.numpy, dtype=numpy.float64)
        _refuse(numpy.isnan(data), tensor, data, sizes)
        return data

    def _integers(self, data: Any, tensor: Tensor, sizes: Sizes, numpy: Any) -> np.ndarray:
        if data.dtype.kind == "f":
            _refuse(~(numpy.isfinite(data) & (data == numpy.floor(data))), tensor, data, sizes)
            _refuse(numpy.abs(data) >= numpy.float64(2**63), tensor, data, sizes)
        whole: np.ndarray = data.astype(numpy.int64)
        if self.flat is not None:  # through floats, integers above 2**53 would lose digits
            ints = [int(x) for x in self.flat]
            whole = numpy.array(ints, dtype=numpy.int64).reshape(self.shape)
        if tensor.below is not None:
            _refuse((whole < 0) | (whole >= sizes.of(tensor.below)), tensor, whole, sizes)
        return whole


def _holds_arrays(value: Any) -> bool:
    """Whether nested lists have something other than numbers at their first leaf."""
    while isinstance(value, list | tuple):
        if not value:
            return False
        value = value[0]
    return _scalar(value) is None and not isinstance(value, str | bytes | bool | complex)


def _not_a_number(where: str, value: Any) -> KindError | InputError:
    if isinstance(value, bool):
        return KindError(f"{where} is {value}, where a number is wanted", hint="write 1 or 0")
    return InputError(f"{where} is not a number: {value!r:.60}")


def _cell(name: str, shape: tuple[int, ...], position: int) -> str:
    """`x[0,2]` for a position in row-major order, `x` for a scalar."""
    place: list[int] = []
    for size in reversed(shape):
        position, subscript = divmod(position, size)
        place.append(subscript)
    return cell_name(name, tuple(reversed(place)))


def cell_name(name: str, place: Sequence[int]) -> str:
    """`x[0,2]`, or `x` for a scalar."""
    return f"{name}[{','.join(map(str, place))}]" if place else name


def _check_number(tensor: Tensor, number: Fraction | float, where: str, sizes: Sizes) -> None:
    """One cell's value against what its tensor may hold."""
    if number != number:
        raise InputError(f"{where} is NaN, which is not a number", tensor.span)
    if tensor.kind != "integer":
        return
    if isinstance(number, float) or number.denominator != 1:
        raise KindError(f"{where} is {_shown(number)}, where an integer is wanted", tensor.span)
    if tensor.below is not None and not 0 <= number < sizes.of(tensor.below):
        top = sizes.of(tensor.below) - 1
        raise RangeError(
            f"{where} is {number}, but {tensor.name} holds 0, ..., {top}"
            + (f" (below {tensor.below})" if tensor.below.constant is None else ""),
            tensor.span,
        )


def _shown(number: Any) -> str:
    return f"{float(number):g}" if abs(number) < 1e300 else "too large"


def _refuse(bad: Any, tensor: Tensor, data: Any, sizes: Sizes) -> None:
    """Raise the error of the first cell that is `bad`, if there is one."""
    if not bad.any():
        return
    place = tuple(int(k[0]) for k in bad.nonzero()) if bad.ndim else ()
    value = data[place].item()
    number = _scalar(value)
    assert number is not None
    _check_number(tensor, number, cell_name(tensor.name, place), sizes)
    raise LimitError(f"{cell_name(tensor.name, place)} does not fit into 64 bits", tensor.span)
