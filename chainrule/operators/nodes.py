"""The graph that operators build: what each node computes, and the equations that say so.

A node knows its shape and its operands. Asked for its `equations`, it is told what it and its
operands are called and which letters its indices may have. Nodes are told apart by identity: what
is used twice is one node. An operand is a node, or an expression that stands for a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chainrule.errors import LimitError, ShapeError
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
    move,
)
from chainrule.lang.integers import ONE, ZERO, Integer, atom, index, product
from chainrule.lang.program import Equation, Shape, Tensor
from chainrule.limits import NESTING
from chainrule.operators.shapes import (
    aligned,
    broadcast_shapes,
    normal_axis,
    ranges,
    shape_text,
)

Names = Mapping[int, str]  # what a node (by id) is called in the program


class Node:
    """One operation; `name` is what the program will call it, None for a fresh name."""

    __slots__ = ("name", "operands", "shape")

    def __init__(self, shape: Shape, operands: tuple[Node, ...]) -> None:
        self.shape = shape
        self.operands = operands
        self.name: str | None = None

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """The equations that define this node under the name `target`."""
        raise NotImplementedError

    def expression(self, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
        """The node in one pass of a loop over `shape`, where it has no name of its own."""
        raise NotImplementedError


Operand = Node | Expr


class Input(Node):
    """An input of the formula: data, a parameter, or integers."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.shape, ())
        self.name = tensor.name
        self.tensor = tensor


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
    """A function of the table on each cell: `t[i,j] = f(a[i,j], b[0,j])`."""

    __slots__ = ("args", "function")

    def __init__(self, function: str, args: tuple[Operand, ...]) -> None:
        nodes = tuple([a for a in args if isinstance(a, Node)])
        super().__init__(common_shape(nodes, function), nodes)
        self.function = function
        self.args = args

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """One equation."""
        if not self.shape:  # by far the most nodes of a long scalar formula
            parts = tuple([Ref(names[id(a)]) if isinstance(a, Node) else a for a in self.args])
            return [Equation(target, (), (), Apply(self.function, parts))]
        loops = letters[: len(self.shape)]
        return [_total(target, loops, self.shape, self.expression(names, loops, self.shape))]

    def expression(self, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
        """The function on its arguments."""
        parts = tuple([reference(a, names, loops, shape) for a in self.args])
        return Apply(self.function, parts)


class Test:
    """A comparison of numbers, or several joined by and, or, not; `leaves` are its nodes."""

    __slots__ = ("args", "depth", "function", "leaves", "shape")
    __test__ = False  # not one of pytest's

    def __init__(self, function: str, args: tuple[Operand | Test, ...]) -> None:
        self.function = function
        self.args = args
        inner = [a for a in args if isinstance(a, Test)]
        self.depth: int = 1 + max((a.depth for a in inner), default=0)
        if self.depth > NESTING:
            raise LimitError(f"more than {NESTING} conditions inside each other")
        own = [a for a in args if isinstance(a, Node)]
        self.leaves: tuple[Node, ...] = (*own, *(node for a in inner for node in a.leaves))
        self.shape = common_shape(self.leaves, function)

    def expression(self, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
        """The condition in one pass of a loop."""
        return Apply(self.function, tuple(
            a.expression(names, loops, shape) if isinstance(a, Test)
            else reference(a, names, loops, shape) for a in self.args))


class Where(Node):
    """`t[i] = a[i] if c[i] > 0 else b[i]`; what only a branch uses is written into the branch."""

    __slots__ = ("branches", "test")

    def __init__(self, test: Test, then: Operand, otherwise: Operand) -> None:
        nodes = tuple(b for b in (then, otherwise) if isinstance(b, Node))
        super().__init__(common_shape(test.leaves + nodes, "where"), test.leaves + nodes)
        self.test = test
        self.branches = (then, otherwise)

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """One equation."""
        loops = letters[: len(self.shape)]
        return [_total(target, loops, self.shape, self.expression(names, loops, self.shape))]

    def expression(self, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
        """The selection."""
        then, otherwise = (reference(b, names, loops, shape) for b in self.branches)
        return Select(self.test.expression(names, loops, shape), then, otherwise)


class Reduction(Node):
    """A sum, mean, maximum or minimum over axes: `t[i] = sum(j) x[i,j]`."""

    __slots__ = ("axes", "keepdims", "op", "source")

    def __init__(self, op: str, source: Node, axis: int | tuple[int, ...] | None,
                 keepdims: bool) -> None:
        axes = tuple(range(source.ndim)) if axis is None else axis
        axes = axes if isinstance(axes, tuple) else (axes,)
        self.axes = frozenset(normal_axis(a, source.ndim) for a in axes)
        if len(self.axes) != len(axes):
            raise ShapeError(f"an axis stands twice in {axis}")
        shape = tuple(ONE if k in self.axes else n for k, n in enumerate(source.shape)
                      if keepdims or k not in self.axes)
        super().__init__(shape, (source,))
        self.op, self.source, self.keepdims = op, source, keepdims

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """One equation, whose kept axes of size 1 are written at subscript 0."""
        loops = letters[: self.source.ndim]
        sizes = self.source.shape
        body: Expr = Ref(names[id(self.source)], tuple(map(index, loops)))
        over = tuple(Range(loops[k], sizes[k]) for k in sorted(self.axes))
        if over:
            body = Reduce("sum" if self.op == "mean" else self.op, over, None, body)
        if self.op == "mean" and over:
            count = product(iter([sizes[k] for k in self.axes]))
            number = count.constant
            body = Apply("div", (body, IndexValue(count) if number is None else Number(number)))
        left = tuple(ZERO if k in self.axes else index(name) for k, name in enumerate(loops)
                     if self.keepdims or k not in self.axes)
        free = tuple(Range(loops[k], n) for k, n in enumerate(sizes) if k not in self.axes)
        return [Equation(target, left, free, body)]


class Matmul(Node):
    """A product of matrices, or of stacks of them: `t[i,k] = sum(j) a[i,j]*b[j,k]`."""

    __slots__ = ("left", "right")

    def __init__(self, left: Node, right: Node) -> None:
        if not left.shape or not right.shape:
            raise ShapeError("@ wants vectors or matrices", None, "multiply numbers with *")
        inner, other = left.shape[-1], right.shape[-2:][0]
        if inner != other:
            raise ShapeError(
                f"{shape_text(left.shape)} @ {shape_text(right.shape)}: the left one has {inner} "
                f"columns and the right one {other} rows", None, "transpose one of them with .T?")
        stack = broadcast_shapes([left.shape[:-2], right.shape[:-2]], "@")
        columns = right.shape[-1:] if right.ndim > 1 else ()
        super().__init__((*stack, *left.shape[-2:-1], *columns), (left, right))
        self.left, self.right = left, right

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """One equation."""
        extra = self.ndim - (self.left.ndim > 1) - (self.right.ndim > 1)
        stack, rest = letters[:extra], iter(letters[extra:])
        row = [next(rest)] if self.left.ndim > 1 else []
        inner = next(rest)
        column = [next(rest)] if self.right.ndim > 1 else []
        loops = [*stack, *row, *column]

        def factor(node: Node, own: list[str]) -> Ref:
            front = aligned(node.shape[:-2], stack, self.shape[:extra])
            return Ref(names[id(node)], (*front, *map(index, own)))

        terms = (factor(self.left, [*row, inner]), factor(self.right, [inner, *column]))
        over = (Range(inner, self.left.shape[-1]),)
        return [_total(target, loops, self.shape, Reduce("sum", over, None, Apply("mul", terms)))]


# a source, subscripts on the left and on the right, and the sizes of the loops: `shapes.place(k)`
# is the index of loop k until the program gives it a letter
Piece = tuple[Node, tuple[Integer, ...], tuple[Integer, ...], Shape]


class Moved(Node):
    """Cells put elsewhere, an equation a piece: slices, transposes, reshapes, concatenations."""

    __slots__ = ("pieces",)

    def __init__(self, shape: Shape, pieces: Sequence[Piece]) -> None:
        super().__init__(shape, tuple(piece[0] for piece in pieces))
        self.pieces = tuple(pieces)

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """`t[i,j] = x[j,i]`, for instance."""
        found = []
        for source, left, right, sizes in self.pieces:
            loops = letters[: len(sizes)]
            letter = {f"{k}": index(name) for k, name in enumerate(loops)}
            body = Ref(names[id(source)], tuple(move(s, letter) for s in right))
            found.append(Equation(target, tuple(move(s, letter) for s in left),
                                  ranges(loops, sizes), body))
        return found


class Gathered(Node):
    """Rows of a table by their numbers: `t[i,j] = x[y[i],j]`."""

    __slots__ = ("labels", "source")

    def __init__(self, source: Node, labels: Input) -> None:
        super().__init__(labels.shape + source.shape[1:], (source, labels))
        self.source, self.labels = source, labels

    def equations(self, target: str, names: Names, letters: Sequence[str]) -> list[Equation]:
        """One equation."""
        loops = letters[: self.ndim]
        here = tuple(map(index, loops))
        row = atom(Read(Ref(names[id(self.labels)], here[: self.labels.ndim])))
        body = Ref(names[id(self.source)], (row, *here[self.labels.ndim :]))
        return [_total(target, loops, self.shape, body)]


def reference(a: Operand, names: Names, loops: Sequence[str], shape: Shape) -> Expr:
    """An operand read in one pass of the loop over a result's cells."""
    if not isinstance(a, Node):
        return a
    name = names.get(id(a))
    if name is None:
        return a.expression(names, loops, shape)
    return Ref(name, aligned(a.shape, loops, shape))


def common_shape(nodes: Iterable[Node], what: str) -> Shape:
    """The shape that some nodes have together; scalars fit everything."""
    shapes = [node.shape for node in nodes if node.shape]
    return broadcast_shapes(shapes, what) if shapes else ()


def _total(target: str, loops: Sequence[str], shape: Shape, body: Expr) -> Equation:
    """An equation that writes each cell of its target, an index an axis."""
    return Equation(target, tuple(map(index, loops)), ranges(loops, shape), body)
