"""What the lowering of one function shares: its names, its sizes, its statements so far.

Sizes are integers of the emitted file. Where one is compound, as the `(H - K)//2 + 1` cells of a
convolution's output, it gets a name of its own. Whether a subscript stays on its axis follows from
the program; what the sizes' normal form does not show is tried on a sample of small sizes, and
where that finds an exception the emitted file asserts it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

from chainrule.emit.names import Names
from chainrule.emit.plan import (
    Assign,
    Define,
    Demand,
    Dims,
    Name,
    Node,
    Statement,
)
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import ArgReduce, Reduce, Ref, walk
from chainrule.lang.integers import ONE, Floor, Index, Integer, Size
from chainrule.lang.integers import size as named
from chainrule.lang.program import Program, Tensor

_SAMPLES: Final = 120  # draws of small sizes that an inequality is tried on
_DRAWN: Final = 4000  # draws that are looked at for these


class Sample:
    """Small sizes for which a program makes sense; inequalities are tried on them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.points = list(self._points())

    def _points(self) -> Iterable[dict[str, int]]:
        names = self.program.size_names()
        if not names:
            return
        tensors, ranges = self.program.tensors.values(), _range_sizes(self.program)
        wanted = list(dict.fromkeys([axis for t in tensors for axis in t.shape] + ranges))
        plain = {p.sizes()[0] for p in wanted if len(p.terms) == 1 and p.sizes()}
        plain |= _factors(self.program)
        rng = random.Random(0)
        found = 0
        for draw in range(_DRAWN):
            most = (4, 8, 16)[draw % 3]
            point = {name: rng.randint(name in plain, most) for name in names}
            if all((value(p, point) or 0) >= 1 for p in wanted) and all(
                    value(a, point) == value(b, point) for a, b in self.program.assumptions):
                yield point
                found += 1
                if found == _SAMPLES:
                    return

    def never_fails(self, low: Integer, high: Integer) -> bool:
        """Whether low <= high at all points; false where there are none."""
        pairs = [(value(low, p), value(high, p)) for p in self.points]
        return bool(pairs) and all(a is not None and b is not None and a <= b for a, b in pairs)


def value(p: Integer, point: dict[str, int]) -> int | None:
    """A size's number; None where it divides by zero."""
    try:
        return int(p.evaluate(lambda a: point[getattr(a, "name", "")]))
    except (ZeroDivisionError, KeyError, AttributeError):
        return None


def _factors(program: Program) -> set[str]:
    """The sizes that multiply an index in a subscript, such as strides: they are at least 1."""
    found: set[str] = set()
    for equation in program.equations:
        subscripts = list(equation.subscripts)
        for node in walk(equation.body):
            if isinstance(node, Ref):
                subscripts += node.subscripts
        for s in subscripts:
            for monomial, _ in s.terms:
                if any(isinstance(a, Index) for a in monomial):
                    found |= {a.name for a in monomial if isinstance(a, Size)}
    return found


def _range_sizes(program: Program) -> list[Integer]:
    found: list[Integer] = []
    for equation in program.equations:
        found += [r.size for r in equation.ranges if r.size is not None]
        for node in walk(equation.body):
            if isinstance(node, Reduce | ArgReduce):
                found += [r.size for r in node.indices if r.size is not None]
    return found


class Scope:
    """The names, sizes and statements of one function that is being made."""

    def __init__(self, program: Program, names: Names, sample: Sample, windows: str) -> None:
        self.program = program
        self.names = names
        self.sample = sample
        self.windows = windows  # "strided", "unfold" or "grid": how the library reads windows
        self.shapes = {t.name: t.shape for t in program.tensors.values()}
        self.statements: list[Statement] = []
        self.memo: dict[object, Node] = {}
        self.compound: dict[Integer, str] = {}  # sizes that have a name of their own
        self.shared: dict[Integer, str] = {}  # those of the file's other functions too
        self.windowed: dict[object, int] = {}  # how often a maximum is taken of the same windows
        self.margins: dict[str, str] = {}  # sizes `max(0, ...)`, which no polynomial is
        self.definitions: list[Statement] = []  # those names, and what has to hold of sizes
        self.used: dict[str, None] = {}  # tensors that the function reads
        self.written: set[str] = set()  # tensors that it computes itself
        self.sizes_used: dict[str, None] = {}
        self.rank: list[str] = []  # the order of the indices of the equation at hand
        self.left: list[str] = []  # the order that its left-hand side wants
        self.letters: dict[str, Integer] = {}  # its indices' sizes
        self.loop: list[str] = []  # its indices as they were written
        self.summed: set[str] = set()  # tensors all of whose equations write all cells
        self.joint: tuple[str, ...] = ()  # the axes of the open index arrays in use, if any

    # --- variables

    def tensor(self, name: str) -> Tensor:
        """A tensor of the program."""
        return self.program.tensors[name]

    def variable(self, name: str) -> str:
        """The variable that holds a tensor."""
        return self.names.tensor(name)

    def hoisted(self, key: object, wish: str, value: Node) -> Name:
        """A variable for a part, assigned before the line at hand and kept for later ones."""
        found = self.memo.get(key)
        if isinstance(found, Name):
            return found
        name = Name(value.dims, value.kind, False, self.names.fresh(wish))
        self.statements.append(Assign(name.text, value))
        self.memo[key] = name
        return name

    def order(self, axes: Iterable[str | None]) -> tuple[str, ...]:
        """Some indices in the order of the equation's loop."""
        own = {a for a in axes if a is not None}
        return tuple(name for name in self.rank if name in own)

    def common(self, args: Iterable[Node]) -> tuple[str, ...]:
        """The indices of some arrays together: in the order of one that has them all, if any does.

        So the small arrays are brought to the large one: `x @ W.T + b`.
        """
        arrays = [a for a in args if a.axes]
        every = {name for a in arrays for name in a.axes}
        rows = [a.axes for a in arrays if set(a.axes) == every and None not in a.dims]
        first, plain = self.wanted(every), self.order(every)
        if not rows or first in rows:
            return first if rows else plain
        return plain if plain in rows else rows[0]

    def wanted(self, axes: Iterable[str | None]) -> tuple[str, ...]:
        """Some indices in the order of the equation's left-hand side, the others behind them."""
        own = {a for a in axes if a is not None}
        first = tuple(name for name in self.left if name in own)
        return (*first, *(name for name in self.rank if name in own and name not in first))

    def bound(self, name: str, size: Integer | None) -> Integer:
        """Note an index of the equation at hand, behind those that it has; its size."""
        assert size is not None
        if name not in self.rank:
            self.rank.append(name)
        self.letters[name] = size
        return size

    # --- sizes

    def size(self, p: Integer, wish: str = "") -> Integer:
        """The size itself; a compound one is given a name, its index's letter in capitals."""
        atoms = [a for m, _ in p.terms for a in m]
        simple = len(p.terms) == 1 and not any(isinstance(a, Floor) for a in atoms)
        if p.sizes() and not simple and wish and p not in self.compound:
            name = self.shared.get(p) or self.names.fresh(wish.upper())
            self.compound[p] = self.shared[p] = name
            self.definitions.append(Define(name, p))
        return p

    def margin(self, p: Integer, wish: str) -> Integer:
        """`max(0, p)`: p itself where it is never negative, 0 where it is never positive."""
        if self.holds(Integer(()), p):
            return p
        if self.holds(p, Integer(())):
            return Integer(())
        key = ("margin", p)
        known = self.memo.get(key)
        if isinstance(known, Name):
            return named(known.text)
        name = f"{wish}*"  # a star cannot stand in a name of the program
        while name in self.margins:
            name += "*"
        self.margins[name] = self.names.fresh(wish)
        self.memo[key] = Name((), "integer", True, name)
        self.definitions.append(Define(self.margins[name], p, floor=True))
        return named(name)

    def holds(self, low: Integer, high: Integer) -> bool:
        """Whether low <= high for all sizes that the program can have, as far as can be told."""
        known = at_most(low, high)
        return self.sample.never_fails(low, high) if known is None else known

    def same(self, a: Integer, b: Integer) -> bool:
        """Whether two sizes are equal."""
        if a == b:
            return True
        pair = {(a, b), (b, a)}
        return bool(pair & set(self.program.assumptions)) or (
            (a - b).constant is None and self.holds(a, b) and self.holds(b, a))

    def demand(self, left: Integer, relation: str, right: Integer) -> None:
        """Have the file assert something of sizes, once."""
        key = ("demand", left, relation, right)
        if key not in self.memo:
            self.memo[key] = Node()
            self.definitions.append(Demand(left, relation, right))


def base_dims(count: int) -> Dims:
    """Dims of a whole tensor, whose axes stand for no index yet."""
    return tuple(f"#{k}" for k in range(count))


def is_size(p: Integer) -> bool:
    """Whether an integer is made of sizes and constants alone."""
    return not p.indices() and all(isinstance(a, Size | Floor) for a in p.atoms())


__all__ = ["ONE", "Sample", "Scope", "base_dims", "is_size", "value"]
