"""Formulas from Python operators: `y = cr.log(x1) + x1*x2`, with NumPy's broadcasting spelled out.

Nothing is computed when operators are used. Each one makes a `Variable` that remembers its operands
and knows its shape, so that a mistake is reported on the line that makes it; together they are a
graph. `program_of` walks the graph once, without recursion, and writes one equation a node, indices
and all: for `W @ x + b` that is

    t1[i] = sum(j) W[i,j]*x[j]
    y[i] = t1[i] + b[i]

A variable that is used twice is one node, so that what is shared in Python is shared in the
program. Two axes fit together if their sizes are equal or one of them is a literal 1, as in NumPy;
sizes may be names (`shape=("N", 3)`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from chainrule.errors import (
    ArityError,
    DefinitionError,
    InputError,
    KindError,
    LimitError,
    ShapeError,
    did_you_mean,
)
from chainrule.lang.expr import (
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    exact,
    move,
)
from chainrule.lang.functions import FUNCTIONS, NAMES
from chainrule.lang.integers import ONE, ZERO, Integer, atom, constant, index, product, size
from chainrule.lang.program import Equation, Program, Shape, Tensor
from chainrule.lang.tokens import WORDS
from chainrule.lang.verify import verify
from chainrule.limits import CONSTANT_EXPONENT, NESTING, TENSOR_AXES

Operand = Any  # a Variable, or an Expr that stands for a number
Names = Mapping[int, str]  # what a variable (by id) is called in the program
_LETTERS: Final = "ijklmnpqrsuvw"


class Variable:
    """A number or an array that a formula computes; operators on it make new ones.

    `shape` is a tuple of sizes; `name` what it is called in the program, or None for a fresh name.
    Comparisons give a `Condition` for `where`. A variable has no truth value and no number.
    """

    __slots__ = ("name", "operands", "shape")
    __array_ufunc__ = None  # NumPy's arrays leave `array * variable` to us

    def __init__(self, shape: Shape, operands: tuple[Variable, ...]) -> None:
        self.shape = shape
        self.operands = operands
        self.name: str | None = None

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """The equations that define this variable under the name `target`."""
        raise NotImplementedError

    def named(self, name: str) -> Variable:
        """The same variable, which the program will call `name`."""
        self.name = check_name(name)
        return self

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __repr__(self) -> str:
        shape = f" of shape ({', '.join(map(str, self.shape))})" if self.shape else ""
        return f"<{self.name or 'variable'}{shape}>"

    # arithmetic

    def __add__(self, other: object) -> Variable:
        return apply("add", self, other)

    def __radd__(self, other: object) -> Variable:
        return apply("add", other, self)

    def __sub__(self, other: object) -> Variable:
        return apply("sub", self, other)

    def __rsub__(self, other: object) -> Variable:
        return apply("sub", other, self)

    def __mul__(self, other: object) -> Variable:
        return apply("mul", self, other)

    def __rmul__(self, other: object) -> Variable:
        return apply("mul", other, self)

    def __truediv__(self, other: object) -> Variable:
        return apply("div", self, other)

    def __rtruediv__(self, other: object) -> Variable:
        return apply("div", other, self)

    def __pow__(self, other: object) -> Variable:
        return apply("pow", self, other)

    def __rpow__(self, other: object) -> Variable:
        return apply("pow", other, self)

    def __neg__(self) -> Variable:
        return apply("neg", self)

    def __pos__(self) -> Variable:
        return self

    def __abs__(self) -> Variable:
        return apply("abs", self)

    def __matmul__(self, other: object) -> Variable:
        return matmul(self, other)

    def __rmatmul__(self, other: object) -> Variable:
        return matmul(other, self)

    # comparisons

    def __lt__(self, other: object) -> Condition:
        return condition("lt", self, other)

    def __le__(self, other: object) -> Condition:
        return condition("le", self, other)

    def __gt__(self, other: object) -> Condition:
        return condition("gt", self, other)

    def __ge__(self, other: object) -> Condition:
        return condition("ge", self, other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return condition("eq", self, other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return condition("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise KindError("a variable has no truth value: its number is not known yet", None,
                        "choose between values with cr.where(condition, then, otherwise)")

    def __float__(self) -> float:
        raise KindError("a variable has no number yet", None,
                        "make a formula of it and give values: cr.formula(y)(x=2)")

    # arrays

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The sum over some axes, all of them by default."""
        return Reduction("sum", self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The mean over some axes, all of them by default."""
        return Reduction("mean", self, axis, keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The largest number along some axes; its derivative goes to the first winner."""
        return Reduction("max", self, axis, keepdims)

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Variable:
        """The smallest number along some axes; its derivative goes to the first winner."""
        return Reduction("min", self, axis, keepdims)

    @property
    def T(self) -> Variable:  # noqa: N802 (NumPy's name)
        """The axes in reverse order."""
        return transpose(self)

    def transpose(self, *axes: int) -> Variable:
        """The axes in another order."""
        return transpose(self, axes or None)

    def reshape(self, *shape: Any) -> Variable:
        """The same cells in row-major order under another shape; one size may be -1."""
        return reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list)
                       else shape)

    def __getitem__(self, key: Any) -> Variable:
        return getitem(self, key)

    def __iter__(self) -> Iterable[Variable]:  # type: ignore[misc]
        cells = self.shape[0].constant if self.shape else None
        if cells is None:
            raise ShapeError("only a variable whose first axis has a known size can be unpacked")
        return iter([self[k] for k in range(cells)])


class Input(Variable):
    """An input of the formula: data, a parameter, or integers."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.shape, ())
        self.name = tensor.name
        self.tensor = tensor

    def named(self, name: str) -> Variable:
        """Refused: an input has its name already."""
        raise DefinitionError(f"{self.name} is an input and keeps its name")

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """A copy: an input that is an output too."""
        loops = letters[: len(self.shape)]
        here = tuple(map(index, loops))
        return [Equation(target, here, ranges(loops, self.shape), Ref(self.tensor.name, here))]


class Constant(Variable):
    """A constant such as pi, which is written where it is used."""

    __slots__ = ("value",)

    def __init__(self, value: Expr) -> None:
        super().__init__((), ())
        self.value = value

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """The constant under a name."""
        return [Equation(target, (), (), self.value)]


class Elementwise(Variable):
    """A function of the table on each cell."""

    __slots__ = ("args", "function")

    def __init__(self, function: str, args: tuple[Operand, ...], shape: Shape) -> None:
        super().__init__(shape, tuple([a for a in args if isinstance(a, Variable)]))
        self.function = function
        self.args = args

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = f(a[i,j], b[0,j])`"""
        if not self.shape:
            parts = tuple([Ref(names[id(a)]) if isinstance(a, Variable) else a for a in self.args])
            return [Equation(target, (), (), Apply(self.function, parts))]
        loops = letters[: len(self.shape)]
        parts = tuple([reference(a, names, loops, self.shape) for a in self.args])
        return [Equation(target, tuple(map(index, loops)), ranges(loops, self.shape),
                         Apply(self.function, parts))]


class Condition:
    """A comparison of variables, or several joined by `&`, `|` and `~`; for `where`."""

    __slots__ = ("args", "depth", "function", "leaves", "shape")
    __array_ufunc__ = None

    def __init__(self, function: str, args: tuple[Any, ...], shape: Shape) -> None:
        self.function = function
        self.args = args
        self.shape = shape
        inner = [a for a in args if isinstance(a, Condition)]
        self.depth = 1 + max((a.depth for a in inner), default=0)
        if self.depth > NESTING:
            raise LimitError(f"more than {NESTING} conditions inside each other")
        own = [a for a in args if isinstance(a, Variable)]
        self.leaves: tuple[Variable, ...] = (*own, *(v for a in inner for v in a.leaves))

    def __and__(self, other: object) -> Condition:
        return condition("and", self, other)

    def __or__(self, other: object) -> Condition:
        return condition("or", self, other)

    def __invert__(self) -> Condition:
        return condition("not", self)

    def __bool__(self) -> bool:
        raise KindError("a condition on variables is neither true nor false yet", None,
                        "write cr.where(condition, then, otherwise); join conditions by & and |")

    def expression(self, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
        """The condition in one pass of a loop."""
        return Apply(self.function, tuple(
            a.expression(names, loops, shape) if isinstance(a, Condition)
            else reference(a, names, loops, shape) for a in self.args))


class Where(Variable):
    """`then` where the condition holds, else `otherwise`."""

    __slots__ = ("condition", "otherwise", "then")

    def __init__(self, condition: Condition, then: Operand, otherwise: Operand) -> None:
        branches = tuple(b for b in (then, otherwise) if isinstance(b, Variable))
        super().__init__(broadcast((condition, then, otherwise), "where"),
                         condition.leaves + branches)
        self.condition, self.then, self.otherwise = condition, then, otherwise

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i] = a[i] if c[i] > 0 else b[i]`"""
        loops = letters[: len(self.shape)]
        body = Select(self.condition.expression(names, loops, self.shape),
                      reference(self.then, names, loops, self.shape),
                      reference(self.otherwise, names, loops, self.shape))
        return [Equation(target, tuple(map(index, loops)), ranges(loops, self.shape), body)]


class Reduction(Variable):
    """A sum, mean, maximum or minimum over axes."""

    __slots__ = ("axes", "keepdims", "op", "source")

    def __init__(self, op: str, source: Variable, axis: int | tuple[int, ...] | None,
                 keepdims: bool) -> None:
        axes = tuple(range(source.ndim)) if axis is None else axis
        axes = axes if isinstance(axes, tuple) else (axes,)
        self.axes = tuple(normal_axis(a, source.ndim) for a in axes)
        if len(set(self.axes)) != len(self.axes):
            raise ShapeError(f"an axis stands twice in {axis}")
        if not source.shape and op in ("max", "min") and axis is not None:
            raise ShapeError("a scalar has no axes")
        shape = tuple(ONE if k in self.axes else n for k, n in enumerate(source.shape)
                      if keepdims or k not in self.axes)
        super().__init__(shape, (source,))
        self.op, self.source, self.keepdims = op, source, keepdims

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i] = sum(j) x[i,j]`"""
        loops = letters[: self.source.ndim]
        body: Expr = Ref(names[id(self.source)], tuple(map(index, loops)))
        over = tuple(Range(loops[k], self.source.shape[k]) for k in sorted(self.axes))
        if over:
            body = Reduce("sum" if self.op == "mean" else self.op, over, None, body)
        if self.op == "mean" and over:
            count = product(r.size or ONE for r in over)
            number = count.constant
            body = Apply("div", (body, IndexValue(count) if number is None else Number(number)))
        left = tuple(ZERO if k in self.axes else index(i) for k, i in enumerate(loops)
                     if self.keepdims or k not in self.axes)
        free = [k for k in range(self.source.ndim) if k not in self.axes]
        kept = tuple(Range(loops[k], self.source.shape[k]) for k in free)
        return [Equation(target, left, kept, body)]


class Matmul(Variable):
    """A product of matrices, or of stacks of them."""

    __slots__ = ("left", "right")

    def __init__(self, left: Variable, right: Variable) -> None:
        if not left.shape or not right.shape:
            raise ShapeError("@ wants vectors or matrices", None, "multiply numbers with *")
        rows, inner = left.shape[-2:-1], left.shape[-1]
        other, columns = right.shape[-2:][0], right.shape[-1:] if right.ndim > 1 else ()
        if inner != other:
            raise ShapeError(f"{_shape(left)} @ {_shape(right)}: the left one has {inner} columns "
                             f"and the right one {other} rows", None, "transpose one with .T?")
        stack = broadcast_shapes([left.shape[:-2], right.shape[:-2]], "@")
        super().__init__((*stack, *rows, *columns), (left, right))
        self.left, self.right = left, right

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,k] = sum(j) a[i,j]*b[j,k]`"""
        extra = self.ndim - (self.left.ndim > 1) - (self.right.ndim > 1)
        stack, rest = letters[:extra], iter(letters[extra:])
        row = [next(rest)] if self.left.ndim > 1 else []
        inner = next(rest)
        column = [next(rest)] if self.right.ndim > 1 else []
        a = Ref(names[id(self.left)], (*aligned(self.left.shape[:-2], stack, self.shape[:extra]),
                                       *map(index, [*row, inner])))
        b = Ref(names[id(self.right)], (*aligned(self.right.shape[:-2], stack, self.shape[:extra]),
                                        *map(index, [inner, *column])))
        body = Reduce("sum", (Range(inner, self.left.shape[-1]),), None, Apply("mul", (a, b)))
        loops = [*stack, *row, *column]
        return [Equation(target, tuple(map(index, loops)), ranges(loops, self.shape), body)]


class Moved(Variable):
    """Cells of variables put elsewhere: a slice, a transpose, a reshape, a concatenation.

    Each piece is (source, left-hand subscripts, right-hand subscripts, sizes of its loops); the
    loops' indices are `place(0)`, `place(1)`, ... until the program gives them letters.
    """

    __slots__ = ("pieces",)

    def __init__(self, shape: Shape, pieces: Sequence[Piece]) -> None:
        super().__init__(shape, tuple(piece[0] for piece in pieces))
        self.pieces = tuple(pieces)

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = x[j,i]`, and so on for each piece."""
        found = []
        for source, left, right, sizes in self.pieces:
            loops = letters[: len(sizes)]
            letter = {f"{k}": index(name) for k, name in enumerate(loops)}
            body = Ref(names[id(source)], tuple(move(s, letter) for s in right))
            found.append(Equation(target, tuple(move(s, letter) for s in left),
                                  ranges(loops, sizes), body))
        return found


Piece = tuple[Variable, tuple[Integer, ...], tuple[Integer, ...], Shape]


class Gathered(Variable):
    """Rows of a table by their numbers: `t[i,j] = x[y[i],j]`."""

    __slots__ = ("labels", "source")

    def __init__(self, source: Variable, labels: Input) -> None:
        super().__init__(labels.shape + source.shape[1:], (source, labels))
        self.source, self.labels = source, labels

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = x[y[i],j]`"""
        loops = letters[: self.ndim]
        here = tuple(map(index, loops))
        row = atom(Read(Ref(names[id(self.labels)], here[: self.labels.ndim])))
        body = Ref(names[id(self.source)], (row, *here[self.labels.ndim :]))
        return [Equation(target, here, ranges(loops, self.shape), body)]


# --- operands and shapes --------------------------------------------------------------------------


def operand(value: object) -> Operand:
    """What stands for a Python value in an equation; the float 0.1 means one tenth.

    Raises `KindError` for a condition or a boolean, `InputError` for an array or an infinity.
    """
    if isinstance(value, Variable):
        return value.value if isinstance(value, Constant) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{value} is no number that a formula can hold")
        return exact(Fraction(repr(float(value))))
    if isinstance(value, Fraction | Decimal):
        return exact(Fraction(value))
    if isinstance(value, Condition | bool):
        raise KindError("a condition stands where a number is wanted", None,
                        "write cr.where(condition, 1, 0)")
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return operand(value.item())
    what = type(value).__name__
    raise InputError(f"a {what} cannot stand in a formula", None,
                     "numbers can; make an array an input, x = cr.input('x', shape=…), and give "
                     "its value when the formula is run")


def reference(a: Operand, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
    """An operand read in one pass of the loop over a result's cells."""
    if isinstance(a, Variable):
        return Ref(names[id(a)], aligned(a.shape, loops, shape))
    return a  # type: ignore[no-any-return]


def aligned(own: Shape, loops: Sequence[str], shape: Shape) -> tuple[Integer, ...]:
    """The subscripts of an operand of shape `own` in a loop over `shape`: broadcasting, as 0."""
    skip = len(shape) - len(own)
    return tuple([
        index(loops[skip + k]) if n == shape[skip + k] else ZERO for k, n in enumerate(own)
    ])


def ranges(loops: Sequence[str], shape: Shape) -> tuple[Range, ...]:
    """A range for each index."""
    return tuple([Range(name, n) for name, n in zip(loops, shape, strict=True)])


def broadcast(operands: Iterable[Any], what: str) -> Shape:
    """The shape that operands have together."""
    shapes = [a.shape for a in operands if isinstance(a, Variable | Condition) and a.shape]
    return broadcast_shapes(shapes, what) if shapes else ()


def broadcast_shapes(shapes: Sequence[Shape], what: str) -> Shape:
    """The shape that some shapes broadcast to.

    Raises `ShapeError` where two sizes differ and none is a literal 1.
    """
    first = shapes[0]
    if all(s == first for s in shapes[1:]):
        return first
    result: list[Integer] = []
    for back in range(1, max(map(len, shapes)) + 1):
        axis = ONE
        for shape in shapes:
            n = shape[-back] if back <= len(shape) else ONE
            if n != ONE and axis not in (ONE, n):
                both = " and ".join(f"({', '.join(map(str, s))})" for s in shapes)
                raise ShapeError(f"{what}: the shapes {both} do not fit together: {axis} and {n} "
                                 "differ", None, "sizes must be equal, or one of them be 1")
            axis = n if axis == ONE else axis
        result.append(axis)
    return tuple(reversed(result))


def place(k: int) -> Integer:
    """The index of loop number k, before it has a letter."""
    return index(f"{k}")


def normal_axis(axis: int, ndim: int) -> int:
    """An axis counted from the front; raises `ShapeError` where there is none."""
    if not isinstance(axis, int) or not -ndim <= axis < ndim:
        raise ShapeError(f"there is no axis {axis}: the variable has {ndim} axes")
    return axis % ndim


def _shape(v: Variable) -> str:
    return f"({', '.join(map(str, v.shape))})"


def check_name(name: str) -> str:
    """A name that the language can read; raises `InputError` for another."""
    if not isinstance(name, str) or not name.isidentifier() or name in WORDS:
        raise InputError(f"{name!r:.60} is not a name", None,
                         "a name is letters, digits and _, and starts with a letter")
    return name


def shape_of(shape: Any) -> Shape:
    """A shape from integers and names of sizes: `(3, "N")`."""
    if isinstance(shape, int | str | Integer):
        shape = (shape,)
    found = []
    for n in shape:
        if isinstance(n, str):
            found.append(size(check_name(n)))
        elif isinstance(n, Integer):
            found.append(n)
        elif isinstance(n, int) and not isinstance(n, bool) and n >= 0:
            found.append(constant(n))
        else:
            raise ShapeError(f"{n!r:.60} is not a size", None, "a size is a number or a name")
    if len(found) > TENSOR_AXES:
        raise LimitError(f"{len(found)} axes; at most {TENSOR_AXES}")
    return tuple(found)


# --- what operators and functions make ------------------------------------------------------------


def apply(function: str, *args: object) -> Variable:
    """A function of the table on variables and numbers, cell by cell."""
    parts = tuple([operand(a) for a in args])
    if function == "pow" and isinstance(parts[1], Number) and (
        abs(parts[1].value) > CONSTANT_EXPONENT
    ):
        raise LimitError(f"a constant power beyond {CONSTANT_EXPONENT:,}")
    return Elementwise(function, parts, broadcast(parts, function))


def condition(function: str, *args: object) -> Condition:
    """A comparison of numbers, or a junction of conditions."""
    if function in ("and", "or", "not"):
        for a in args:
            if not isinstance(a, Condition):
                raise KindError("a number stands where a condition is wanted", None,
                                "put brackets around comparisons: (x > 0) & (x < 1)")
        return Condition(function, args, broadcast(args, function))
    parts = tuple([operand(a) for a in args])
    return Condition(function, parts, broadcast(parts, function))


def where(condition: Condition, then: object, otherwise: object) -> Variable:
    """`then` where the condition holds, else `otherwise`; only the branch taken is looked at."""
    if not isinstance(condition, Condition):
        raise KindError("where wants a condition, such as x > 0")
    return Where(condition, operand(then), operand(otherwise))


def matmul(a: object, b: object) -> Variable:
    """The matrix product `a @ b`."""
    left, right = operand(a), operand(b)
    if not isinstance(left, Variable) or not isinstance(right, Variable):
        raise ShapeError("@ wants vectors or matrices", None, "multiply numbers with *")
    return Matmul(left, right)


def function(name: str) -> Callable[..., Variable]:
    """A function of the table, for variables: `function("log")(x)`."""
    entry = FUNCTIONS[NAMES[name]]

    def call(*args: object) -> Variable:
        if len(args) != entry.arity:
            raise ArityError(f"{name} takes {entry.arity} arguments, found {len(args)}")
        return apply(entry.name, *args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{entry.why[0].upper()}{entry.why[1:]}."
    return call


def transpose(x: Variable, axes: Sequence[int] | None = None) -> Variable:
    """The axes in another order, reversed by default."""
    order = [normal_axis(a, x.ndim) for a in axes] if axes else list(range(x.ndim))[::-1]
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"{axes} does not name each of the {x.ndim} axes once")
    right = tuple(place(order.index(k)) for k in range(x.ndim))
    shape = tuple(x.shape[k] for k in order)
    return Moved(shape, [(x, tuple(map(place, range(x.ndim))), right, shape)])


def expand_dims(x: Variable, axis: int) -> Variable:
    """A new axis of size 1 in front of `axis`."""
    axis = normal_axis(axis, x.ndim + 1)
    return x[(slice(None),) * axis + (None,)]


def concatenate(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays one behind the other along an axis; the other axes must be equal."""
    _check_parts(parts)
    axis = normal_axis(axis, parts[0].ndim)
    pieces: list[Piece] = []
    start = ZERO
    for part in parts:
        rest = part.shape[:axis] + part.shape[axis + 1 :]
        if part.ndim != parts[0].ndim or rest != parts[0].shape[:axis] + parts[0].shape[axis + 1 :]:
            raise ShapeError(f"concatenate: {_shape(parts[0])} and {_shape(part)} differ in more "
                             f"than axis {axis}")
        here = tuple(map(place, range(part.ndim)))
        left = (*here[:axis], here[axis] + start, *here[axis + 1 :])
        pieces.append((part, left, here, part.shape))
        start = start + part.shape[axis]
    shape = parts[0].shape
    return Moved((*shape[:axis], start, *shape[axis + 1 :]), pieces)


def stack(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays of one shape beside each other along a new axis."""
    _check_parts(parts)
    axis = normal_axis(axis, parts[0].ndim + 1)
    shape = parts[0].shape
    pieces: list[Piece] = []
    for number, part in enumerate(parts):
        if part.shape != shape:
            raise ShapeError(f"stack: {_shape(parts[0])} and {_shape(part)} differ")
        here = tuple(map(place, range(part.ndim)))
        pieces.append((part, (*here[:axis], constant(number), *here[axis:]), here, shape))
    return Moved((*shape[:axis], constant(len(parts)), *shape[axis:]), pieces)


def _check_parts(parts: Sequence[Variable]) -> None:
    if not parts or not all(isinstance(p, Variable) for p in parts):
        raise InputError("a list of at least one variable is wanted")


def reshape(x: Variable, shape: Sequence[Any]) -> Variable:
    """The cells in row-major order under another shape; one size may be -1."""
    new = _filled(x, shape)
    groups = _groups(x.shape, new)
    if groups is None:  # no axes fit each other: through a flat list of all cells
        total = product(iter(x.shape))
        flat = Moved((total,), [(x, (_flat(x.shape, 0),), tuple(map(place, range(x.ndim))),
                                 x.shape)])
        here = tuple(map(place, range(len(new))))
        return Moved(new, [(flat, here, (_flat(new, 0),), new)])
    left: list[Integer] = []
    right: list[Integer] = []
    sizes: list[Integer] = []
    for old, fresh in groups:
        if len(fresh) == 1:  # several axes become one: a subscript on the left
            left.append(_flat(old, len(sizes)))
            right += [place(len(sizes) + k) for k in range(len(old))]
            sizes += old
        else:  # one axis becomes several: a subscript on the right
            right.append(_flat(fresh, len(sizes)))
            left += [place(len(sizes) + k) for k in range(len(fresh))]
            sizes += fresh
    return Moved(new, [(x, tuple(left), tuple(right), tuple(sizes))])


def _flat(shape: Sequence[Integer], first: int) -> Integer:
    """The row-major position of a cell whose subscripts are loops `first`, `first + 1`, ..."""
    total = ZERO
    for k, n in enumerate(shape):
        total = total * n + place(first + k)
    return total


def _filled(x: Variable, shape: Sequence[Any]) -> Shape:
    """The new shape with the size that was given as -1."""
    unknown = [k for k, n in enumerate(shape) if isinstance(n, int) and n == -1]
    if len(unknown) > 1:
        raise ShapeError("only one size may be -1")
    total = product(iter(x.shape))
    new = list(shape_of([1 if k in unknown else n for k, n in enumerate(shape)]))
    known = product(iter(new))
    if unknown:
        if known.constant != 0 and (total // known) * known == total:
            new[unknown[0]] = total // known
            return tuple(new)
    elif known == total:
        return tuple(new)
    wanted = ", ".join(map(str, shape))
    raise ShapeError(f"{_shape(x)} has {total} cells and cannot become ({wanted})")


def _groups(old: Shape, new: Shape) -> list[tuple[list[Integer], list[Integer]]] | None:
    """Runs of axes with equal products, one of the two runs a single axis; None if there are none.

    >>> [(len(a), len(b)) for a, b in _groups(shape_of((2, 3, 4)), shape_of((6, 2, 2)))]
    [(2, 1), (1, 2)]
    """
    found = []
    a = b = 0
    while a < len(old) or b < len(new):
        for left, right in ((1, k) for k in range(1, len(new) - b + 1)):
            if a < len(old) and old[a] == product(iter(new[b : b + right])):
                break
        else:
            for left, right in ((k, 1) for k in range(2, len(old) - a + 1)):
                if b < len(new) and new[b] == product(iter(old[a : a + left])):
                    break
            else:
                return None
        found.append((list(old[a : a + left]), list(new[b : b + right])))
        a, b = a + left, b + right
    return found


def getitem(x: Variable, key: Any) -> Variable:
    """Cells of a variable, as NumPy's basic indexing has it, or rows by an integer input."""
    if isinstance(key, Input) and key.tensor.kind == "integer":
        if not x.shape:
            raise ShapeError("a scalar has no rows")
        return Gathered(x, key)
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > x.ndim or sum(k is Ellipsis for k in keys) > 1:
        raise ShapeError(f"{used} subscripts for a variable of {x.ndim} axes")
    dots = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[dots : dots + 1] = [slice(None)] * (x.ndim - used)
    left: list[Integer] = []
    right: list[Integer] = []
    shape: list[Integer] = []
    sizes: list[Integer] = []
    for k in keys:
        if k is None:
            left.append(ZERO)
            shape.append(ONE)
            continue
        n = x.shape[len(right)]
        if isinstance(k, slice):
            start, step, cells = _slice(k, n, len(right))
            right.append(place(len(sizes)) * step + start)
            left.append(place(len(sizes)))
            sizes.append(cells)
            shape.append(cells)
        else:
            right.append(_subscript(k, n, len(right)))
    return Moved(tuple(shape), [(x, tuple(left), tuple(right), tuple(sizes))])


def _subscript(k: Any, n: Integer, axis: int) -> Integer:
    """One position on an axis; negative ones count from the end."""
    if not hasattr(k, "__index__") or isinstance(k, bool):
        raise KindError(f"a {type(k).__name__} is not a subscript", None,
                        "subscripts are whole numbers, slices, None, ... or an integer input")
    at = k.__index__()
    cells = n.constant
    if cells is not None and not -cells <= at < cells:
        raise ShapeError(f"subscript {at} is outside axis {axis}, which has {cells} cells")
    return constant(at) if at >= 0 else n + at


def _slice(s: slice, n: Integer, axis: int) -> tuple[Integer, int, Integer]:
    """A slice's first cell, its step, and how many cells it has."""
    step = 1 if s.step is None else s.step
    cells = n.constant
    if cells is not None:
        start, stop, step = s.indices(cells)
        count = constant(len(range(start, stop, step)))
        first = constant(start)
    else:
        first, last = (
            default if k is None else constant(k) if k >= 0 else n + k
            for k, default in ((s.start, ZERO if step > 0 else n - 1),
                               (s.stop, n if step > 0 else constant(-1)))
        )
        span = last - first if step > 0 else first - last
        count = (span + (abs(step) - 1)) // abs(step)
    if count.constant is not None and count.constant < 1:
        raise ShapeError(f"the slice of axis {axis} holds no cell")
    return first, step, count


# --- the program ----------------------------------------------------------------------------------


def program_of(outputs: Mapping[str, Variable]) -> Program:
    """The verified program that computes some variables, each under its name.

    Raises `DefinitionError` where two inputs share a name, and what the verifier raises.
    """
    nodes = _in_order(outputs.values())
    inputs = _inputs(nodes)
    sizes = {name for node in nodes for n in node.shape for name in n.sizes()}
    clash = sizes & (inputs.keys() | outputs.keys())
    if clash:
        raise DefinitionError(f"{min(clash)} is a size, it cannot be a variable too")
    names = _names(nodes, inputs, outputs, sizes)
    letters = _letters({*names.values(), *outputs, *sizes})
    tensors = {name: node.tensor for name, node in inputs.items()}
    equations: list[Equation] = []
    for node in nodes:
        if not isinstance(node, Input):
            name = names[id(node)]
            tensors[name] = Tensor(name, node.shape)
            equations += node.equations(name, names, letters)
    for name, node in outputs.items():
        if names[id(node)] != name:  # an input, or a variable that is two outputs
            equations += transposed(node).equations(name, names, letters)
            tensors[name] = Tensor(name, node.shape)
    return verify(Program(tensors, tuple(inputs), tuple(equations), tuple(outputs)))


def transposed(node: Variable) -> Variable:
    """A copy of a variable."""
    here = tuple(map(place, range(node.ndim)))
    return Moved(node.shape, [(node, here, here, node.shape)])


def _in_order(outputs: Iterable[Variable]) -> list[Variable]:
    """All variables that the outputs need, operands first."""
    done: dict[int, Variable] = {}
    met: set[int] = set()
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            done[id(node)] = node
        elif id(node) not in met:
            met.add(id(node))
            stack.append((node, True))
            stack.extend([(o, False) for o in reversed(node.operands) if id(o) not in met])
    return list(done.values())


def _inputs(nodes: Sequence[Variable]) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    for node in nodes:
        if isinstance(node, Input) and inputs.setdefault(node.tensor.name, node) is not node:
            raise DefinitionError(f"two inputs are called {node.tensor.name}", None,
                                  "make an input once and use it wherever it is needed")
    return inputs


def _names(nodes: Sequence[Variable], inputs: Mapping[str, Input],
           outputs: Mapping[str, Variable], sizes: set[str]) -> dict[int, str]:
    """A name for each variable: its own, its output's, or t1, t2, ..."""
    taken = {*inputs, *outputs, *sizes}
    names = {id(node): name for name, node in reversed(outputs.items())
             if not isinstance(node, Input)}
    for name in inputs.keys() & outputs.keys():
        if outputs[name] is not inputs[name]:
            raise DefinitionError(f"{name} is an input and an output")
    number = 0
    for node in nodes:
        if isinstance(node, Input):
            names[id(node)] = node.tensor.name
        elif id(node) not in names:
            name = node.name
            if name is not None and name in taken:
                raise DefinitionError(f"two variables are called {name}", None,
                                      did_you_mean(name, []) or "name each of them differently")
            while name is None or name in taken:
                number += 1
                name = f"t{number}"
            taken.add(name)
            names[id(node)] = name
    return names


def _letters(taken: set[str]) -> list[str]:
    """Letters for indices that are no names of variables or sizes."""
    wanted = [*_LETTERS, *(f"{a}{n}" for n in range(1, 4) for a in _LETTERS)]
    return [name for name in wanted if name not in taken]
