"""Variables: Python objects whose operators write formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from chainrule.errors import (
    ArityError,
    ChainruleError,
    DefinitionError,
    InputError,
    KindError,
    LimitError,
    ShapeError,
)
from chainrule.lang.expr import Apply, Number, exact
from chainrule.lang.functions import FUNCTIONS, NAMES
from chainrule.lang.integers import Integer, product
from chainrule.lang.program import Shape, Tensor
from chainrule.limits import CONSTANT_EXPONENT
from chainrule.operators import views
from chainrule.operators.nodes import (
    Constant,
    Elementwise,
    Input,
    Matmul,
    Node,
    Operand,
    Reduction,
    Test,
    Where,
)
from chainrule.operators.shapes import check_name, normal_axis, shape_of, shape_text

Axis = int | tuple[int, ...] | None


# what people know from elsewhere, and what it is here
_ELSEWHERE = {
    "view": "write x.reshape(...)", "permute": "write x.transpose(0, 2, 1)",
    "size": "write x.shape[0]", "dim": "write x.ndim", "unsqueeze": "write x[:, None]",
    "squeeze": "write x[:, 0]", "relu": "write cr.relu(x)", "tanh": "write cr.tanh(x)",
    "sigmoid": "write cr.sigmoid(x)", "exp": "write cr.exp(x)", "log": "write cr.log(x)",
    "softmax": "write nn.functional.softmax(x, axis=-1)", "numpy": "it has no number yet",
    "item": "it has no number yet", "detach": "write cr.stop_gradient(x)",
    "backward": "gradients are returned: cr.formula(loss).gradient(...)",
}


class Variable:
    """A number or an array that a formula computes; operators on it make new ones.

    Comparisons give a `Condition` for `where`. A variable has no number and no truth value.
    """

    __slots__ = ("node",)
    __array_ufunc__ = None  # NumPy's arrays leave `array * variable` to us

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def shape(self) -> Shape:
        """Its sizes, a tuple."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.node.shape)

    @property
    def name(self) -> str | None:
        """What the program will call it; None for a fresh name."""
        return self.node.name

    def named(self, name: str) -> Variable:
        """The same variable, which programs will call `name`."""
        if isinstance(self.node, Input):
            raise DefinitionError(f"{self.name} is an input and keeps its name")
        self.node.name = check_name(name)
        return self

    def __repr__(self) -> str:
        shape = f" of shape {shape_text(self.shape)}" if self.shape else ""
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
        return compare("lt", self, other)

    def __le__(self, other: object) -> Condition:
        return compare("le", self, other)

    def __gt__(self, other: object) -> Condition:
        return compare("gt", self, other)

    def __ge__(self, other: object) -> Condition:
        return compare("ge", self, other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return compare("eq", self, other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return compare("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise KindError("a variable has no truth value: its number is not known yet", None,
                        "choose between values with cr.where(condition, then, otherwise)")

    def __float__(self) -> float:
        raise KindError("a variable has no number yet", None,
                        "make a formula of it and give values: cr.formula(y)(x=2)")

    # arrays

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The sum over some axes, all of them by default."""
        return Variable(Reduction("sum", self.node, axis, keepdims))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The mean over some axes, all of them by default."""
        return Variable(Reduction("mean", self.node, axis, keepdims))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The largest number along some axes; its derivative goes to the first winner."""
        return Variable(Reduction("max", self.node, axis, keepdims))

    def min(self, axis: Axis = None, keepdims: bool = False) -> Variable:
        """The smallest number along some axes; its derivative goes to the first winner."""
        return Variable(Reduction("min", self.node, axis, keepdims))

    @property
    def T(self) -> Variable:
        """The axes in reverse order."""
        return Variable(views.transpose(self.node))

    def transpose(self, *axes: int) -> Variable:
        """The axes in another order."""
        return Variable(views.transpose(self.node, axes))

    def reshape(self, *shape: Any) -> Variable:
        """The same cells in row-major order under another shape; one size may be -1."""
        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            shape = tuple(shape[0])
        return Variable(views.reshape(self.node, shape))

    def flatten(self, start: int = 0) -> Variable:
        """The axes from `start` on as one, the last axis fastest."""
        first = normal_axis(start, self.ndim)
        return self.reshape(*self.shape[:first], product(iter(self.shape[first:])))

    def __getattr__(self, name: str) -> Any:
        hint = _ELSEWHERE.get(name)
        raise AttributeError(f"a variable has no {name}" + (f": {hint}" if hint else ""))

    def __getitem__(self, key: Any) -> Variable:
        if isinstance(key, Variable):
            labels = key.node
            if not isinstance(labels, Input) or labels.tensor.kind != "integer":
                raise KindError("the numbers of rows come from an integer input", None,
                                "cr.input('y', shape=…, kind='integer')")
            return Variable(views.take(self.node, labels))
        return Variable(views.getitem(self.node, key))

    def __iter__(self) -> Iterator[Variable]:
        cells = self.shape[0].constant if self.shape else None
        if cells is None:
            raise ShapeError("only a variable whose first axis has a known size can be unpacked")
        return iter([self[k] for k in range(cells)])


class Condition:
    """A comparison of variables, or several joined by `&`, `|` and `~`; for `where`."""

    __slots__ = ("test",)
    __array_ufunc__ = None

    def __init__(self, test: Test) -> None:
        self.test = test

    def __and__(self, other: object) -> Condition:
        return join("and", self, other)

    def __or__(self, other: object) -> Condition:
        return join("or", self, other)

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Condition:
        return join("not", self)

    def __bool__(self) -> bool:
        raise KindError("a condition on variables is neither true nor false yet", None,
                        "write cr.where(condition, then, otherwise); join conditions by & and |")


def variable(value: Any) -> Variable:
    """The variable itself; raises `InputError` for anything else."""
    if isinstance(value, Variable):
        return value
    raise InputError(f"a variable is wanted, found a {type(value).__name__}", None,
                     "inputs are made by cr.input('x', shape=…)")


def operand(value: object) -> Operand:
    """What stands for a Python value in an equation; the float 0.1 means one tenth.

    Raises `KindError` for a condition or a boolean, `InputError` for an array or an infinity.
    """
    if isinstance(value, Variable):
        node = value.node
        return node.value if isinstance(node, Constant) else node
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{value} is no number that a formula can hold")
        return exact(Fraction(repr(float(value))))
    if isinstance(value, Fraction) or (isinstance(value, Decimal) and value.is_finite()):
        return exact(Fraction(value))
    if isinstance(value, Condition | bool):
        raise KindError("a condition stands where a number is wanted", None,
                        "write cr.where(condition, 1, 0)")
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return operand(value.item())  # one of NumPy's scalars
    raise InputError(f"a {type(value).__name__} cannot stand in a formula", None,
                     "numbers can; make an array an input, x = cr.input('x', shape=…), and give "
                     "its value when the formula is run")


def apply(function: str, *args: object) -> Variable:
    """A function of the table on variables and numbers, cell by cell."""
    parts = tuple([operand(a) for a in args])
    if function == "pow":
        exponent = parts[1]
        if isinstance(exponent, Number) and not (
            -CONSTANT_EXPONENT <= exponent.value <= CONSTANT_EXPONENT
        ):
            raise LimitError(f"a constant power beyond {CONSTANT_EXPONENT:,}")
    return Variable(Elementwise(function, parts))


def compare(function: str, *args: object) -> Condition:
    """A comparison of numbers."""
    return Condition(Test(function, tuple([operand(a) for a in args])))


def join(function: str, *args: object) -> Condition:
    """Conditions joined by "and" or "or", or turned by "not"."""
    tests = []
    for a in args:
        if not isinstance(a, Condition):
            raise KindError("a number stands where a condition is wanted", None,
                            "put brackets around comparisons: (x > 0) & (x < 1)")
        tests.append(a.test)
    return Condition(Test(function, tuple(tests)))


def where(condition: Condition, then: object, otherwise: object) -> Variable:
    """`then` where the condition holds, else `otherwise`.

    What only one branch uses is looked at only where that branch is taken, so
    `where(x > 0, log(x), 0)` is defined everywhere.
    """
    if not isinstance(condition, Condition):
        raise KindError("where wants a condition, such as x > 0")
    return Variable(Where(condition.test, operand(then), operand(otherwise)))


def matmul(a: object, b: object) -> Variable:
    """The matrix product `a @ b`."""
    left, right = operand(a), operand(b)
    if not isinstance(left, Node) or not isinstance(right, Node):
        raise ShapeError("@ wants vectors or matrices", None, "multiply numbers with *")
    return Variable(Matmul(left, right))


def concatenate(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays one behind the other along an axis; the other axes must be equal."""
    return Variable(views.concatenate(_nodes(parts), axis))


def stack(parts: Sequence[Variable], axis: int = 0) -> Variable:
    """Arrays of one shape beside each other along a new axis."""
    return Variable(views.stack(_nodes(parts), axis))


def expand_dims(x: Variable, axis: int) -> Variable:
    """A new axis of size 1 in front of `axis`; -1 puts it last."""
    at = axis if axis >= 0 else x.ndim + 1 + axis
    if not 0 <= at <= x.ndim:
        raise ShapeError(f"there is no place {axis} among {x.ndim} axes")
    return x[(slice(None),) * at + (None,)]


def _nodes(parts: Sequence[Variable]) -> list[Node]:
    nodes = [variable(part).node for part in parts]
    if not nodes:
        raise InputError("at least one variable is wanted")
    return nodes


def input(
    name: str, shape: Any = (), kind: str = "real", below: int | str | Integer | None = None,
    role: str = "data",
) -> Variable:
    """An input of a formula: a number, or an array of sizes that are numbers or names.

    `kind="integer"` makes labels, `below` bounds them: 0, ..., below - 1.

    >>> input("x", shape=("N", 3))
    <x of shape (N, 3)>
    """
    if kind not in ("real", "integer"):
        raise KindError(f"an input is real or integer, not {kind!r:.40}")
    bound = None if below is None else shape_of(below)[0]
    return Variable(Input(Tensor(check_name(name), shape_of(shape), kind, role, below=bound)))


def parameter(name: str, shape: Any = ()) -> Variable:
    """An input that is a parameter of a model rather than data."""
    return input(name, shape, role="parameter")


def inputs(names: str) -> tuple[Variable, ...]:
    """Scalar inputs by their names, apart by blanks or commas: `x1, x2 = inputs("x1 x2")`."""
    return tuple(input(name) for name in names.replace(",", " ").split())


def function(name: str) -> Callable[..., Variable]:
    """A function of the table for variables and numbers, cell by cell: `function("log")(x)`."""
    entry = FUNCTIONS[NAMES[name]]

    def call(*args: object) -> Variable:
        if len(args) != entry.arity:
            raise ArityError(f"{name} takes {entry.arity} argument{'s' * (entry.arity != 1)}, "
                             f"found {len(args)}")
        try:
            return apply(entry.name, *args)
        except ChainruleError as error:
            error.message = f"{name}: {error.message}"
            raise

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{entry.why[0].upper()}{entry.why[1:]}."
    return call


def pi() -> Variable:
    """The constant pi."""
    return Variable(Constant(Apply("pi", ())))
