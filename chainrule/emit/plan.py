"""The array plan: what stands between the equations and a library's own words.

An equation such as `z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]` becomes a tree of array operations, here
`add(matmul(x, transpose(W)), b)`. Every node knows its `dims`: for each axis of the array the index
variable that it stands for, or None where the axis has one cell only for broadcasting. Three
printers write the same tree for NumPy, PyTorch and JAX.

A function's body is a list of statements: a comment with the equation, and the lines that compute
it. Nothing here knows a library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from chainrule.lang.integers import Integer

Dims = tuple[str | None, ...]
NEW = "new"  # an item of a subscript: an axis of one cell
ALL = "all"  # an item of a subscript: the whole axis


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step` of an axis; `stop` is None where the axis ends there."""

    start: Integer
    stop: Integer | None
    step: Integer


@dataclass(frozen=True, slots=True)
class At:
    """One cell of an axis, which goes away."""

    place: Integer


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """The base: `dims` as above; `kind` is "real", "integer" or "boolean".

    `static` says that the value is a plain Python number, made of literals and sizes.
    """

    dims: Dims = ()
    kind: str = "real"
    static: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """The index variables among the dims."""
        return tuple(d for d in self.dims if d is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A number."""

    value: int | Fraction | float = 0


@dataclass(frozen=True, slots=True, eq=False)
class SizeValue(Node):
    """A size, or an integer made of sizes, as a number."""

    value: Integer = field(default_factory=lambda: Integer(()))


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    """A variable of the emitted file."""

    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Counter(Node):
    """0, 1, ..., size - 1."""

    size: Integer = field(default_factory=lambda: Integer(()))


@dataclass(frozen=True, slots=True, eq=False)
class Basic(Node):
    """Slices, single cells and new axes of an array; nothing is copied."""

    of: Node = field(default_factory=Node)
    items: tuple[Slice | At | str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Flip(Node):
    """An array with some axes reversed."""

    of: Node = field(default_factory=Node)
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fancy(Node):
    """An array read at arrays of integers; ALL where an axis is whole."""

    of: Node = field(default_factory=Node)
    items: tuple[Node | str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise(Node):
    """A function of the language's table, or "//", "%" and "clip" for integers, cell by cell."""

    function: str = ""
    args: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Node):
    """`then` where the condition holds, else `otherwise`."""

    condition: Node = field(default_factory=Node)
    then: Node = field(default_factory=Node)
    otherwise: Node = field(default_factory=Node)


@dataclass(frozen=True, slots=True, eq=False)
class Fold(Node):
    """"sum", "mean", "max", "min", "argmax", "argmin" or "any" over some axes of an array."""

    op: str = "sum"
    of: Node = field(default_factory=Node)
    gone: tuple[int, ...] = ()
    keep: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Matmul(Node):
    """`left @ right`."""

    left: Node = field(default_factory=Node)
    right: Node = field(default_factory=Node)


@dataclass(frozen=True, slots=True, eq=False)
class Einsum(Node):
    """A sum of products over axes that are named by letters, as in "nv,uv->nu"."""

    letters: str = ""
    operands: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Permute(Node):
    """The axes in another order: axis k of the result is axis `order[k]` of the array."""

    of: Node = field(default_factory=Node)
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Node):
    """The same cells, the last axis fastest, in another shape."""

    of: Node = field(default_factory=Node)
    shape: tuple[Integer, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Node):
    """An array broadcast to a shape."""

    of: Node = field(default_factory=Node)
    shape: tuple[Integer, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Node):
    """Each cell so many times in a row along an axis."""

    of: Node = field(default_factory=Node)
    count: Integer = field(default_factory=lambda: Integer(()))
    axis: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Padded(Node):
    """An array with cells of `fill` before and after each axis."""

    of: Node = field(default_factory=Node)
    amounts: tuple[tuple[Integer, Integer], ...] = ()
    fill: int | Fraction | float = 0


@dataclass(frozen=True, slots=True, eq=False)
class Windows(Node):
    """All windows of `lengths` cells along the axes `places`; the windows' own axes come last."""

    of: Node = field(default_factory=Node)
    places: tuple[int, ...] = ()
    lengths: tuple[Integer, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Convert(Node):
    """The same numbers as reals, or as integers."""

    of: Node = field(default_factory=Node)


@dataclass(frozen=True, slots=True, eq=False)
class Zeros(Node):
    """An array of zeros; `like` is a variable of the same shape, where there is one."""

    shape: tuple[Integer, ...] = ()
    like: str = ""


# --- statements -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that is not computed: the equation in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Assign:
    """`name = value`."""

    name: str
    value: Node


@dataclass(frozen=True, slots=True)
class Put:
    """`name[items] = value`, or `+=`, on slices or (with `items` of nodes) on arrays of integers.

    `once` says that no cell is hit twice, so that plain indexing adds correctly.
    """

    name: str
    items: tuple[Slice | At | Node | str, ...]
    value: Node
    add: bool
    once: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """Open arrays of integers, one an index, that broadcast against each other."""

    names: tuple[str, ...]
    sizes: tuple[Integer, ...]


@dataclass(frozen=True, slots=True)
class Define:
    """`name = size`: an integer made of other sizes; `floor` where it may not be below 0."""

    name: str
    value: Integer
    floor: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """An assertion: `left` relation `right` on sizes, such as "<=" and "=="."""

    left: Integer
    relation: str
    right: Integer


@dataclass(frozen=True, slots=True)
class InRange:
    """An assertion that integers are 0, ..., below - 1."""

    of: Node
    below: Integer


@dataclass(frozen=True, slots=True)
class For:
    """A loop over 0, ..., size - 1."""

    name: str
    size: Integer
    body: tuple[Statement, ...]


Statement = Comment | Assign | Put | Grid | Define | Demand | InRange | For


def parts(node: Node) -> tuple[Node, ...]:
    """The arrays that a node is computed from."""
    if isinstance(node, Elementwise):
        return node.args
    if isinstance(node, Choice):
        return (node.condition, node.then, node.otherwise)
    if isinstance(node, Matmul):
        return (node.left, node.right)
    if isinstance(node, Einsum):
        return node.operands
    if isinstance(node, Fancy):
        return (node.of, *(item for item in node.items if isinstance(item, Node)))
    if isinstance(node, Basic | Flip | Fold | Permute | Reshape | Spread | Repeat | Padded
                  | Windows | Convert):
        return (node.of,)
    return ()


def nodes(node: Node) -> Iterator[Node]:
    """A node and all that it is computed from."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(parts(one))


# --- axes -----------------------------------------------------------------------------------------


def permuted(node: Node, dims: Dims) -> Node:
    """The array with its axes in the order `dims`, which holds the same index variables."""
    if node.dims == dims:
        return node
    order = tuple(node.dims.index(d) for d in dims)
    if isinstance(node, Einsum):
        words, _, out = node.letters.partition("->")
        letters = f"{words}->{''.join(out[k] for k in order)}"
        return Einsum(dims, node.kind, False, letters, node.operands)
    if isinstance(node, Permute):
        return permuted(node.of, dims) if set(node.of.dims) == set(dims) else Permute(
            dims, node.kind, False, node, order)
    return Permute(dims, node.kind, False, node, order)


def aligned(node: Node, order: tuple[str, ...]) -> Node:
    """The array so that it broadcasts along `order`, of which it has some axes.

    Axes that it lacks become axes of one cell, but for those in front, which are broadcast anyway.
    """
    own = node.axes
    if not own:
        return node
    first = next(k for k, name in enumerate(order) if name in own)
    dims: Dims = tuple(name if name in own else None for name in order[first:])
    if dims == node.dims:
        return node
    if len(own) != len(node.dims):
        items = tuple(At(Integer(())) if d is None else ALL for d in node.dims)
        node = Basic(own, node.kind, node.static, node, items)
    if isinstance(node, Fold) and not node.keep and None in dims:
        kept = tuple(None if k in node.gone else d for k, d in enumerate(node.of.dims))
        tail = order[len(order) - len(kept):]
        if len(tail) == len(kept) and all(d in (None, t) for d, t in zip(kept, tail, strict=True)):
            return Fold(kept, node.kind, False, node.op, node.of, node.gone, True)
    node = permuted(node, tuple(name for name in order if name in own))
    if dims == node.dims:
        return node
    items = tuple(NEW if d is None else ALL for d in dims)
    return Basic(dims, node.kind, node.static, node, items)


__all__ = [
    "ALL", "NEW", "Assign", "At", "Basic", "Choice", "Comment", "Convert", "Counter", "Define",
    "Demand", "Dims", "Einsum", "Elementwise", "Fancy", "Flip", "Fold", "For", "Grid", "InRange",
    "Literal", "Matmul", "Name", "Node", "Padded", "Permute", "Put", "Repeat", "Reshape",
    "SizeValue", "Slice", "Spread", "Statement", "Windows", "Zeros", "aligned", "nodes", "parts",
    "permuted",
]  # fmt: skip
