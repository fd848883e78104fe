"""How much arithmetic a program does, counted from its formulas' indices.

Every operation is done once for each combination of the indices that it depends on: in

    y[n,o,i] = sum(c, k) w[o,c,k]*x[n,c,i+k] + b[o]

the product depends on n, o, i, c and k, so there are N·O·I·C·K multiplications; a sum of R terms
takes R - 1 additions, and the bias one more. What depends on fewer indices is counted once for
those (the square root in a batch normalisation once a channel), and arithmetic on indices and sizes
alone is not counted: it is done before the numbers come.

- A **MAC** is a product that is a term of a sum; R terms are R MACs, R multiplications and R - 1
  additions. Literature often reports MACs as FLOPs.
- **FLOPs** are all operations: multiplications, additions, divisions, comparisons, functions.
- Multiplications by padding count, as most tools count them; with `padding=False` they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Final

from chainrule.count.lattice import Constraint, conditions, inside, points
from chainrule.lang.bounds import at_most
from chainrule.lang.expr import Apply, ArgReduce, Expr, IndexValue, Number, Reduce, Ref, Select
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import ZERO, Index, Integer, integer, known
from chainrule.lang.program import Equation, Program

_ENUMERATED: Final = 1_000_000  # positions that a scatter's axis may have to be counted
Count = int | Integer  # a polynomial where a size is not known


@dataclass(frozen=True, slots=True)
class Operations:
    """Numbers of operations; `functions` are exponentials, roots, logarithms and their like."""

    multiplies: Count = 0
    additions: Count = 0
    divisions: Count = 0
    comparisons: Count = 0
    functions: Count = 0
    macs: Count = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*(plain(getattr(self, f.name) + getattr(other, f.name))
                            for f in fields(self)))

    @property
    def flops(self) -> Count:
        """All operations, one each."""
        return plain(self.multiplies + self.additions + self.divisions + self.comparisons
                     + self.functions)


NONE: Final = Operations()


def plain(n: Count) -> Count:
    """An int where a polynomial is nothing but a number."""
    if isinstance(n, int):
        return n
    number = n.constant
    return n if number is None else number


def less(a: Count, b: Count) -> bool | None:
    """Whether a is at most b for all sizes of at least 1; None where that depends on them."""
    if isinstance(a, int) and isinstance(b, int):
        return a <= b
    return at_most(integer(a), integer(b))


def total(counts: Iterable[Operations]) -> Operations:
    """The sum of some counts."""
    result = NONE
    for one in counts:
        result = result + one
    return result


def of_program(
    program: Program, sizes: Mapping[str, int] | None = None, padding: bool = True
) -> list[Operations]:
    """The operations of each equation, for these values of the sizes (others stay names)."""
    met: set[str] = set()
    found = []
    for e in program.equations:
        found.append(of_equation(e, program, sizes or {}, padding, e.target not in met))
        met.add(e.target)
    return found


def of_equation(
    e: Equation, program: Program, sizes: Mapping[str, int], padding: bool = True,
    first: bool = True,
) -> Operations:
    """The operations of one equation; `first` says that it is its target's first."""
    return _Counter(program, sizes, padding).equation(e, first)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The indices in scope with their ranges, and what guards the place."""

    ranges: Mapping[str, Count]
    guards: tuple[Constraint, ...] = ()


class _Counter:
    """Counts one equation; `counts` grows as the walk goes on."""

    def __init__(self, program: Program, sizes: Mapping[str, int], padding: bool) -> None:
        self.program = program
        self.sizes = sizes
        self.padding = padding
        self.counts: dict[str, Count] = {f.name: 0 for f in fields(Operations)}

    def size(self, p: Integer | None) -> Count:
        assert p is not None
        return plain(known(p, self.sizes))

    def add(self, what: str, times: Count) -> None:
        self.counts[what] = plain(self.counts[what] + times)

    def passes(
        self, names: Iterable[str], scope: _Scope, within: Iterable[str] | None = None
    ) -> Count:
        """How often a part that depends on these indices is evaluated.

        With `within`, for how many of their values some value of the other indices is allowed.
        """
        def box(some: Iterable[str]) -> dict[str, Count]:
            chosen = frozenset(some)
            return {n: cells for n, cells in scope.ranges.items() if n in chosen}

        return points(box(names), scope.guards, None if within is None else box(within))

    def equation(self, e: Equation, first: bool) -> Operations:
        ranges = {r.name: self.size(r.size) for r in e.ranges}
        scope = _Scope(ranges, self.guards(e.condition))
        if e.condition is not None:
            self.visit(e.condition, scope)
        outer = scope
        if e.accumulate and not self.padding:
            guards = [*scope.guards, *self.reads_inside(e.body)]
            shape = self.program.tensors[e.target].shape
            if e.dropping:
                guards += inside(e.subscripts, shape, self.sizes)
            outer = _Scope(ranges, tuple(guards))
        names, _ = self.visit(e.body, outer)
        if e.accumulate:
            times = self.passes(ranges, outer)
            summed = [n for n in ranges if n not in {i for s in e.subscripts for i in s.indices()}]
            cells = self.passes([n for n in ranges if n not in summed], scope) if first else 0
            if first and not e.plain and not summed:
                cells = self.written(e, times)
            self.add("additions", times - cells)
            if times != cells and _is_product(e.body) and ranges.keys() <= names:
                self.add("macs", times)
        return Operations(**self.counts)

    def written(self, e: Equation, times: Count) -> Count:
        """How many cells a scatter writes: its first writes, which are no additions.

        Counted axis by axis where each index stands on one axis; else at most the target's cells.
        """
        ranges = {r.name: self.size(r.size) for r in e.ranges}
        seen: list[str] = []
        result: Count = 1
        for s in e.subscripts:
            names = s.indices()
            seen += names
            boxes = [ranges[n] for n in names]
            if s.plain is not None:
                result = plain(result * ranges[s.plain])
            elif s.constant is None:
                numbers = [n for n in boxes if isinstance(n, int)]
                if len(numbers) < len(boxes) or prod(numbers) > _ENUMERATED or any(
                        not isinstance(a, Index) for a in known(s, self.sizes).atoms()):
                    seen.append("")  # a gather, or too large: not counted one by one
                    break
                result = plain(result * len(_values(known(s, self.sizes), names, numbers)))
        if "" in seen or len(set(seen)) < len(seen):
            result = _cells(self.size(n) for n in self.program.tensors[e.target].shape)
        return result if less(result, times) else times

    def guards(self, condition: Expr | None) -> tuple[Constraint, ...]:
        return () if condition is None else tuple(conditions(condition, self.sizes) or ())

    def reads_inside(self, e: Expr) -> list[Constraint]:
        """That every padded read in an expression stays on its tensor."""
        found: list[Constraint] = []
        stack = [e]
        while stack:
            node = stack.pop()
            if isinstance(node, Ref):
                if node.outside is not None:
                    shape = self.program.tensors[node.tensor].shape
                    pads = node.outside.pads
                    axes = None if pads is None else [
                        k for k, (a, b) in enumerate(pads) if (a, b) != (ZERO, ZERO)]
                    found += inside(node.subscripts, shape, self.sizes, axes)
            elif isinstance(node, Apply):
                stack += node.args
        return found

    def visit(self, e: Expr, scope: _Scope) -> tuple[frozenset[str], bool]:
        """Count an expression; which indices it depends on, and whether it reads any tensor."""
        if isinstance(e, Ref):
            return frozenset(i for s in e.subscripts for i in s.indices()), True
        if isinstance(e, IndexValue):
            return frozenset(e.value.indices()), False
        if isinstance(e, Reduce | ArgReduce):
            return self.reduction(e, scope)
        if isinstance(e, Select):
            return self.selection(e, scope)
        if not isinstance(e, Apply):
            return frozenset(), False
        parts = [self.visit(arg, scope) for arg in e.args]
        depends = frozenset().union(*(names for names, _ in parts)) if parts else frozenset()
        reads = any(r for _, r in parts)
        if reads:
            if not self.padding and FUNCTIONS[e.function].cost == "multiply":
                scope = _Scope(scope.ranges, (*scope.guards, *self.reads_inside(e)))
            self.apply(e, self.passes(depends, scope))
        return depends, reads

    def apply(self, e: Apply, times: Count) -> None:
        cost = FUNCTIONS[e.function].cost
        if cost == "add":
            self.add("additions", times)
        elif cost == "multiply":
            self.add("multiplies", times)
        elif cost == "divide":
            self.add("divisions", times)
        elif cost == "compare":
            self.add("comparisons", times)
        elif cost == "power":
            self.power(e.args[1], times)
        elif cost == "function":
            self.add("functions", times)

    def power(self, exponent: Expr, times: Count) -> None:
        """x^n by squaring; other exponents are a function."""
        n = exponent.value if isinstance(exponent, Number) else None
        if isinstance(n, int) and n:
            self.add("multiplies", times * (abs(n).bit_length() + abs(n).bit_count() - 2))
            if n < 0:
                self.add("divisions", times)
        else:
            self.add("functions", times)

    def reduction(self, e: Reduce | ArgReduce, scope: _Scope) -> tuple[frozenset[str], bool]:
        own = {r.name: self.size(r.size) for r in e.indices}
        guards = [*scope.guards, *self.guards(e.condition)]
        if not self.padding:
            guards += self.reads_inside(e.body)
        inner = _Scope({**scope.ranges, **own}, tuple(guards))
        names, reads = self.visit(e.body, inner)
        if e.condition is not None:
            named, read = self.visit(e.condition, _Scope(inner.ranges, scope.guards))
            names, reads = names | named, reads or read
        outside = names - own.keys()
        if reads:
            every = outside | own.keys()
            times = self.passes(every, inner)
            less = times - self.passes(outside, inner, every)
            self.add("additions" if e.op == "sum" else "comparisons", less)
            if e.op == "sum" and _is_product(e.body) and own.keys() <= names:
                self.add("macs", times)
        return outside, reads

    def selection(self, e: Select, scope: _Scope) -> tuple[frozenset[str], bool]:
        """The condition, and the branch taken where indices decide it, else the dearer one."""
        names, reads = self.visit(e.condition, scope)
        guards = None if reads else conditions(e.condition, self.sizes)
        before = dict(self.counts)
        then = _Scope(scope.ranges, (*scope.guards, *(guards or ())))
        a, read = self.visit(e.then, then)
        first, self.counts = self.counts, before
        b, also = self.visit(e.otherwise, scope)
        second = self.counts
        if less(Operations(**second).flops, Operations(**first).flops):
            self.counts = first
        else:
            self.counts = second
        return names | a | b, reads or read or also


def _is_product(e: Expr) -> bool:
    """Whether an expression is a product of numbers that are read."""
    return isinstance(e, Apply) and (
        FUNCTIONS[e.function].cost == "multiply"
        or (e.function in ("neg", "div") and _is_product(e.args[0])))


def _values(s: Integer, names: list[str], sizes: list[int]) -> set[int]:
    """The values that a subscript takes."""
    found = {s.evaluate(lambda a: 0)}
    for name, cells in zip(names, sizes, strict=True):
        factor = s.coefficient(Index(name)).constant or 0
        found = {v + factor * k for v in found for k in range(cells)}
    return found


def _cells(sizes: Iterable[Count]) -> Count:
    result: Count = 1
    for n in sizes:
        result = plain(result * n)
    return result
