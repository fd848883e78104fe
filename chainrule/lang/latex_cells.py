r"""Names and cells in chainrule's notation, and the shapes that an equation of whole tensors needs.

A cell's subscripts are counted from 0 here, whatever the text counts from. What inputs are read by
shifted subscripts only, as x in Σ x_{i+1}, get a declaration: no other line says how long they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chainrule.errors import RangeError
from chainrule.lang.integers import Index, Integer, index, size
from chainrule.lang.latex_names import Key, Names, Scope, Space, Variable
from chainrule.lang.latex_tree import Apply, Node, Number, Symbol, walk

# how tightly what was written binds
SELECT, OR, AND, NOT, RELATION, SUM, PRODUCT, POWER, ATOM = range(9)
Written = tuple[str, int]
Shape = tuple[bool, bool]  # whether there are several rows, and several columns
NUMBER, COLUMN, MATRIX = (False, False), (True, False), (True, True)
_SCALARS: Final = frozenset({"norm", "tr", "dot", "det"})


class Cells:
    """Writes the names of one text."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.variables: dict[Key, Variable] = {}
        self.shapes: dict[str, Shape] = {}
        self.reads: dict[str, list[list[tuple[Integer | None, str]]]] = {}  # by axis
        self.before: list[str] = []  # equations that the one at hand needs above it
        indexed = names.bound.values()
        self.claim = False  # whether the last statement is one
        self.conditions: dict[int, list[Node]] = {}  # by the equation that they follow
        self.indices = {i for found in indexed for i in found}

    def top(self, node: Node, scope: Scope) -> str:
        """An expression that stands for itself; see `chainrule.lang.latex_write`."""
        raise NotImplementedError

    def symbol(self, s: Symbol, scope: Scope) -> Written:
        """A name, a cell, an index as a number, or Kronecker's δ."""
        names = self.names
        places = names.places(s, scope)
        if s.name == "delta" and len(places) == 2 and names.stem(s) not in names.known():
            left, right = (self.counted(p, scope) for p in places)
            return f"(1 if {left} == {right} else 0)", ATOM
        if names.is_cell(s, scope):
            if s.bold and len(places) == 1 and isinstance(places[0], Symbol):
                names.remark(f"{self.cell(s, scope)} is read as a number, a cell of "
                             f"{names.stem(s, scope)}")
            return self.cell(s, scope), ATOM
        if s.subs:
            self._unbound(s, scope)
        name = names.plain(s, scope)
        if name in scope:
            value = names.whole(s, scope, self.variables)
            text = str(value)
            return text, ATOM if text.isalnum() else SUM
        return (str(names.values[name]) if name in names.values else name), ATOM

    def _unbound(self, s: Symbol, scope: Scope) -> None:
        """A subscript that is an index elsewhere needs a sum, or to stand on the left."""
        for sub in s.subs:
            for n in walk(sub):
                if isinstance(n, Symbol) and not n.subs and self._loose(n.name, scope):
                    raise self.names.fail(
                        f"nothing says over what {n.name} runs here", n,
                        f"write \\sum_{n.name}, or put {n.name} below the name on the left",
                        RangeError)

    def _loose(self, name: str, scope: Scope) -> bool:
        known = self.names.known()
        return name in self.indices and name not in scope and name not in known

    def cell(self, s: Symbol, scope: Scope) -> str:
        self._unbound(s, scope)
        places = self.names.places(s, scope)
        inside = [self.counted(p, scope) for p in places]
        reads = self.reads.setdefault(self.names.stem(s, scope), [[] for _ in places])
        for axis, place, text in zip(reads, places, inside, strict=False):
            follows = isinstance(place, Symbol) and place.name in scope and (
                self.variables[scope[place.name]].follows)
            axis.append((self._furthest(place, scope), "" if follows else text))
        return f"{self.names.stem(s, scope)}[{','.join(inside)}]"

    def counted(self, node: Node, scope: Scope) -> str:
        """A subscript, counted from 0."""
        value = self.names.whole(node, scope, self.variables)
        if value is None:
            self._integer(node)
            return self.top(node, scope)  # a label, or a position
        if isinstance(node, Symbol) and self.points(node):
            return str(value)
        value = value - self.names.base
        if value.constant is not None:
            if value.constant < 0:
                raise self.names.fail("subscripts count from 1 in this text", node,
                                      "or from 0 throughout", RangeError)
            if self.names.base:
                self.names.remark("subscripts count from 1 in the text, and from 0 here: "
                                  "x_1 is x[0]")
        return str(value)

    def _integer(self, node: Node) -> None:
        """Declare a bare letter below a name, that nothing else says anything of, as an integer."""
        if not isinstance(node, Symbol) or node.subs or node.label is not None:
            return
        name = self.names.plain(node)
        if name in self.names.known() or name in self.names.runs or name in self.names.sizes:
            return
        self.names.spaces[name] = Space((), below=None)
        self.before.append(f"integer {name}")
        self.names.remark(f"{name} is read as the number of a cell, counted from 0")

    def points(self, node: Node) -> bool:
        """Whether a node is a label, whose values count from 0 already."""
        return isinstance(node, Symbol) and (
            self.names.stem(node) in self.names.labels()
            or (self.names.plain(node) in self.names.runs
                and self.names.plain(node) not in self.indices))

    def _furthest(self, node: Node, scope: Scope) -> Integer | None:
        """How many cells a subscript needs; None where that is not known."""
        value = self.names.whole(node, scope, self.variables)
        if value is None:
            return None
        value = self.highest(value - self.names.base, scope)
        return None if value is None else value + 1

    def highest(self, value: Integer, scope: Scope) -> Integer | None:
        """The largest that a polynomial in indices gets."""
        for name in value.indices():
            if name not in scope:
                return None
            bound = self.variables[scope[name]].size
            coefficient = value.coefficient(Index(name)).constant
            if bound is None or coefficient is None:
                return None
            value = value - index(name) * coefficient
            if coefficient > 0:
                value = value + (bound - 1) * coefficient
        return value

    def shapes_needed(self) -> list[str]:
        """Declarations of inputs that are read with a shift only, as x in Σ_{i=2}^n x_i."""
        found = []
        for name, axes in self.reads.items():
            if name in self.names.known() or not axes:
                continue
            if not any(not text.isalnum() for axis in axes for _, text in axis):
                continue
            sizes = [largest([n for n, _ in axis]) if any(not t.isdigit() for _, t in axis)
                     else size(f"{name}_{k}") for k, axis in enumerate(axes)]
            self.names.sizes |= {n for axis in sizes if axis is not None for n in axis.sizes()}
            if all(n is not None for n in sizes):
                found.append(f"input {name}[{', '.join(map(str, sizes))}]")
        return found

    # whole tensors

    def shape(self, node: Node, scope: Scope) -> Shape:
        """Whether a part is a number, a column, a row or a matrix."""
        if isinstance(node, Symbol):
            return self._symbol_shape(node, scope)
        if not isinstance(node, Apply):
            return NUMBER
        if node.head == "transpose":
            rows, columns = self.shape(node.args[0], scope)
            return columns, rows
        if node.head == "product":
            found = self.shape(node.args[0], scope)
            for k in range(1, len(node.args)):
                found = self.operator(node, k, node.signs[k], found,
                                       self.shape(node.args[k], scope))[1]
            return found
        if node.head in ("group", "sum", "frac", "power", "abs"):
            of = node.args[:1] if node.head == "power" else node.args
            return _widest([self.shape(a, scope) for a in of])
        if node.head.startswith("call:") and node.head[5:] not in _SCALARS:
            return _widest([self.shape(a, scope) for a in node.args])
        return NUMBER

    def operator(self, e: Apply, k: int, sign: str, left: Shape, right: Shape
                  ) -> tuple[str, Shape]:
        """How two factors are joined, and the shape of what they give."""
        if not sign and isinstance(e.args[k], Number) and isinstance(e.args[k - 1], Number):
            raise self.names.fail("two numbers side by side", e, "write 2 \\cdot 3, or 23")
        either = (left[0] or right[0], left[1] or right[1])
        if sign in ("/", "odot") or NUMBER in (left, right):
            return ("/" if sign == "/" else "*"), either
        if sign == "dot" and left == right == COLUMN:
            return "dot", NUMBER
        if sign == "*":
            raise self.names.fail("\\times between tensors has several meanings", e,
                                  "write W x for the product of matrices, x \\odot y cell by cell")
        return " @ ", (left[0], right[1])

    def _symbol_shape(self, s: Symbol, scope: Scope) -> Shape:
        if self.names.is_cell(s, scope):
            return NUMBER
        name = self.names.plain(s, scope)
        if name in scope:
            return NUMBER
        if name in self.shapes:
            return self.shapes[name]
        if name in self.names.spaces:
            return _of_rank(len(self.names.spaces[name].axes))
        if name in self.names.ranks:
            return _of_rank(self.names.ranks[name])
        if s.bold:
            return MATRIX if s.name[0].isupper() else COLUMN
        return NUMBER


def largest(sizes: Sequence[Integer | None]) -> Integer | None:
    """The largest of sizes, if they differ by numbers."""
    found = sizes[0]
    for n in sizes[1:]:
        if found is None or n is None:
            return None
        more = (n - found).constant
        if more is None:
            return None
        found = n if more > 0 else found
    return found


def _of_rank(axes: int) -> Shape:
    return NUMBER if axes == 0 else COLUMN if axes == 1 else MATRIX


def _widest(shapes: Sequence[Shape]) -> Shape:
    return any(s[0] for s in shapes), any(s[1] for s in shapes)


def bare(node: Node) -> Node:
    while isinstance(node, Apply) and node.head == "group":
        node = node.args[0]
    return node


def letter_of(node: Node) -> str:
    return node.name if isinstance(node, Symbol) and not node.subs else ""
