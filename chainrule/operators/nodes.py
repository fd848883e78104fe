"""The graph that operators build: what each node computes, and the equations that say so.

A node knows its shape and its operands. Asked for its `equations`, it is told what it and its
operands are called and which letters its indices may have. Nodes are compared by identity: what is
used twice is one node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import LimitError, ShapeError


class Input(Node):
    """An input of the formula: data, a parameter, or integers."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.shape, ())
        self.name = tensor.name
        self.tensor = tensor

    def named(self, name: str) -> Node:
        """Refused: an input has its name already."""
        raise DefinitionError(f"{self.name} is an input and keeps its name")

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """A copy: an input that is an output too."""
        loops = letters[: len(self.shape)]
        here = tuple(map(index, loops))
        return [Equation(target, here, ranges(loops, self.shape), Ref(self.tensor.name, here))]


class Constant(Node):
    """A constant such as pi, which is written where it is used."""

    __slots__ = ("value",)

    def __init__(self, value: Expr) -> None:
        super().__init__((), ())
        self.value = value

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """The constant under a name."""
        return [Equation(target, (), (), self.value)]


class Elementwise(Node):
    """A function of the table on each cell."""

    __slots__ = ("args", "function")

    def __init__(self, function: str, args: tuple[Operand, ...], shape: Shape) -> None:
        super().__init__(shape, tuple([a for a in args if isinstance(a, Node)]))
        self.function = function
        self.args = args

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = f(a[i,j], b[0,j])`"""
        if not self.shape:
            parts = tuple([Ref(names[id(a)]) if isinstance(a, Node) else a for a in self.args])
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
        own = [a for a in args if isinstance(a, Node)]
        self.leaves: tuple[Node, ...] = (*own, *(v for a in inner for v in a.leaves))

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


class Where(Node):
    """`then` where the condition holds, else `otherwise`."""

    __slots__ = ("condition", "otherwise", "then")

    def __init__(self, condition: Condition, then: Operand, otherwise: Operand) -> None:
        branches = tuple(b for b in (then, otherwise) if isinstance(b, Node))
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


class Reduction(Node):
    """A sum, mean, maximum or minimum over axes."""

    __slots__ = ("axes", "keepdims", "op", "source")

    def __init__(self, op: str, source: Node, axis: int | tuple[int, ...] | None,
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


class Matmul(Node):
    """A product of matrices, or of stacks of them."""

    __slots__ = ("left", "right")

    def __init__(self, left: Node, right: Node) -> None:
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


class Moved(Node):
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


Piece = tuple[Node, tuple[Integer, ...], tuple[Integer, ...], Shape]


class Gathered(Node):
    """Rows of a table by their numbers: `t[i,j] = x[y[i],j]`."""

    __slots__ = ("labels", "source")

    def __init__(self, source: Node, labels: Input) -> None:
        super().__init__(labels.shape + source.shape[1:], (source, labels))
        self.source, self.labels = source, labels

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = x[y[i],j]`"""
        loops = letters[: self.ndim]
        here = tuple(map(index, loops))
        row = atom(Read(Ref(names[id(self.labels)], here[: self.labels.ndim])))
        body = Ref(names[id(self.source)], (row, *here[self.labels.ndim :]))
        return [Equation(target, here, ranges(loops, self.shape), body)]


def reference(a: Operand, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
    """An operand read in one pass of the loop over a result's cells."""
    if isinstance(a, Node):
        return Ref(names[id(a)], aligned(a.shape, loops, shape))
    return a  # type: ignore[no-any-return]


def broadcast(operands: Iterable[Any], what: str) -> Shape:
    """The shape that operands have together."""
    shapes = [a.shape for a in operands if isinstance(a, Node | Condition) and a.shape]
    return broadcast_shapes(shapes, what) if shapes else ()
