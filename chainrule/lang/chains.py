"""One cell of an expression of whole tensors, in index notation.

The cells of a product `A @ X @ B` are worked out for the whole chain at once. Its factors stand in
a row, and between two neighbours that share an axis there is a joint. A joint is an index; the
index of the outermost left and right are the cell's own, and the others are summed, in one sum. A
diagonal matrix makes the joints on its two sides one, so that `x.T @ diag(w) @ x` has one index. A
trace closes the chain to a ring.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final

from chainrule.errors import LimitError
from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    free_indices,
    rebuild,
)
from chainrule.lang.integers import Integer, index, product
from chainrule.lang.misfits import span_of
from chainrule.lang.parts import Part
from chainrule.limits import TENSOR_AXES

_OUTER: Final = "ijklmnpqrstuvwabcd"  # letters for the axes of a result
_SUMMED: Final = "klmnpqrstuvwabcdfgh"  # letters for what is summed


@dataclass(slots=True)
class _Chain:
    """A product's factors in order, and the numbers that multiply and divide the whole."""

    factors: list[Part] = field(default_factory=list)
    scales: list[Part] = field(default_factory=list)
    divisors: list[Part] = field(default_factory=list)
    negative: bool = False


class Cells:
    """Writes cells; `taken` and `own` are names that no new index may have.

    `taken` are the program's names, shared by all its equations, `own` those of one equation.
    """

    def __init__(self, taken: Collection[str], own: Collection[str]) -> None:
        self.taken = taken
        self.own = own

    def outer(self, axes: int, used: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Letters for the axes of a result, or for the cells that a sum over all of them meets."""
        if axes > TENSOR_AXES:
            raise LimitError(f"more than {TENSOR_AXES} axes")
        found: list[str] = []
        for _ in range(axes):
            found.append(self.letter(_OUTER, used | {*found}))
        return tuple(found)

    def letter(self, pool: str, used: frozenset[str]) -> str:
        more = (f"i_{number}" for number in count(2))
        return next(name for name in chain(pool, more)
                    if name not in self.taken and name not in self.own and name not in used)

    # cells

    def cell(self, part: Part, at: tuple[str, ...], used: frozenset[str]) -> Expr:
        """The cell of a part at these indices; `used` are the indices of all that is around it."""
        kind = part.kind
        if kind == "leaf":
            return part.expr
        if kind == "tensor":
            ref = part.expr
            assert isinstance(ref, Ref)
            return Ref(ref.tensor, tuple(map(index, at)), None, ref.span)
        if kind == "each":
            return self.each(part, at, used)
        if kind == "@T" and part.parts[0].kind != "@":
            return self.cell(part.parts[0], at[::-1], used)
        if kind in ("@", "@T", "@diag", "@eye"):
            return self.product(part, at, used)
        if kind == "@ones":
            return ONE
        if kind == "@diagonal":
            return self.ring(part.parts[0], at[0], used, summed=False)
        if kind == "@tr":
            return self.ring(part.parts[0], self.letter(_OUTER, used), used, summed=True)
        if kind == "@norm":
            return Apply("sqrt", (self.squares(part.parts[0], used),), span_of(part.expr))
        inner = part.parts[0]  # @sum and @mean
        total = self.total(inner, used)
        if kind == "@sum":
            return total
        return Apply("div", (total, _count(product(iter(inner.shape)))), span_of(part.expr))

    def each(self, part: Part, at: tuple[str, ...], used: frozenset[str]) -> Expr:
        """A function of cells; the square of a norm is a sum without a root."""
        e = part.expr
        if isinstance(e, Apply) and part.parts and part.parts[0].kind == "@norm":
            power = 2 if e.function == "square" else None
            if e.function == "pow" and isinstance(e.args[1], Number):
                power = e.args[1].value if isinstance(e.args[1].value, int) else None
            if power and power > 0 and power % 2 == 0:
                total = self.squares(part.parts[0].parts[0], used)
                return total if power == 2 else Apply("pow", (total, Number(power // 2)), e.span)
        parts = tuple(self.cell(p, at if p.shape else (), used) for p in part.parts)
        return rebuild(e, parts) if children(e) else e

    def total(self, part: Part, used: frozenset[str]) -> Expr:
        """The sum over all cells."""
        names = self.outer(len(part.shape), used)
        body = self.cell(part, names, used | {*names})
        sums = [Range(n, s) for n, s in zip(names, part.shape, strict=True)]
        return _summed(sums, body)

    def squares(self, part: Part, used: frozenset[str]) -> Expr:
        """The sum of the squares of all cells."""
        names = self.outer(len(part.shape), used)
        body = self.cell(part, names, used | {*names})
        sums = [Range(n, s) for n, s in zip(names, part.shape, strict=True)]
        return _summed(sums, Apply("pow", (body, Number(2))), merge=False)

    # chains

    def product(self, part: Part, at: tuple[str, ...], used: frozenset[str]) -> Expr:
        """The cell of a product: its left index, its right index, each if there is one."""
        chain = _Chain()
        _flatten(part, False, chain)
        names = list(at)
        left = names.pop(0) if part.left_axis is not None else None
        right = names.pop() if names else None
        return self.chained(chain, left, right, used, [])

    def ring(self, part: Part, name: str, used: frozenset[str], summed: bool) -> Expr:
        """The cell (i, i) of a matrix, or the sum over all of them: the trace."""
        chain = _Chain()
        _flatten(part, False, chain)
        first = [Range(name, part.shape[0])] if summed else []
        return self.chained(chain, name, name, used | {name}, first)

    def chained(
        self, chain: _Chain, left: str | None, right: str | None, used: frozenset[str],
        sums: list[Range],
    ) -> Expr:
        """The sum over the joints of the product of the factors' cells."""
        ends, sums, guard = self.joints(chain, left, right, used, sums)
        inside = used | {r.name for r in sums}
        cells = []
        for factor, (a, b) in zip(chain.factors, ends, strict=True):
            if factor.kind == "@eye":
                continue
            if factor.kind == "@diag":
                cells.append(self.cell(factor.parts[0], (a or b or "",), inside))
                continue
            at = tuple(n for n in (a, b) if n is not None)
            cells.append(self.cell(factor, at, inside))
        body = _product(cells)
        if guard is not None:
            same = Apply("eq", tuple(IndexValue(index(n)) for n in guard))
            body = Select(same, body, Number(0))
        total = _summed(sums, body)
        for scale in reversed(chain.scales):
            total = _times(self.cell(scale, (), used), total)
        for divisor in chain.divisors:
            total = Apply("div", (total, self.cell(divisor, (), used)))
        return Apply("neg", (total,)) if chain.negative else total

    def joints(
        self, chain: _Chain, left: str | None, right: str | None, used: frozenset[str],
        sums: list[Range],
    ) -> tuple[list[tuple[str | None, str | None]], list[Range], tuple[str, str] | None]:
        """The indices on both sides of each factor, what is summed, and two indices to compare.

        Only a chain of nothing but diagonal matrices has something to compare.
        """
        factors = chain.factors
        last = len(factors)
        name: dict[int, str | None] = {0: left, last: right}
        sums = list(sums)
        first = 0  # the joint that a run of diagonal matrices began with
        guard = None
        ends: list[tuple[str | None, str | None]] = []
        root = list(range(last + 1))
        for k, factor in enumerate(factors):
            if factor.kind in ("@diag", "@eye"):
                root[k + 1] = root[k]
        if root[last] != last:  # diagonal up to the right end: the joint is the right index
            if root[last] == 0:
                if left != right and left is not None and right is not None:
                    guard = (left, right)
                name[last] = left
            else:
                first = root[last]
                root = [last if r == first else r for r in root]
        taken = used
        for k in range(1, last):
            if root[k] in name or factors[k - 1].right_axis is None:
                continue
            new = self.letter(_SUMMED, taken)
            taken = taken | {new}
            name[root[k]] = new
            size = factors[k - 1].right_axis
            assert size is not None
            sums.append(Range(new, size))
        for k, factor in enumerate(factors):
            a = name.get(root[k]) if factor.left_axis is not None else None
            b = name.get(root[k + 1]) if factor.right_axis is not None else None
            ends.append((a, b))
        return ends, sums, guard


def _flatten(part: Part, turned: bool, chain: _Chain) -> None:
    """A product as a chain: transposes go to the factors, numbers to the front."""
    if part.kind == "@":
        for p in part.parts[::-1] if turned else part.parts:
            _flatten(p, turned, chain)
        return
    if part.kind == "@T":
        _flatten(part.parts[0], not turned, chain)
        return
    e = part.expr
    if part.kind == "each" and part.shape and isinstance(e, Apply):
        if e.function == "neg":
            chain.negative = not chain.negative
            _flatten(part.parts[0], turned, chain)
            return
        if e.function == "mul" and not all(p.shape for p in part.parts):
            for p in part.parts:
                if p.shape:
                    _flatten(p, turned, chain)
                else:
                    chain.scales.append(p)
            return
        if e.function == "div" and not part.parts[1].shape:
            _flatten(part.parts[0], turned, chain)
            chain.divisors.append(part.parts[1])
            return
    if turned and part.shape and part.kind not in ("@diag", "@eye"):
        part = Part(Apply("@T", (e,)), "@T", part.shape[::-1],
                    len(part.shape) == 1 and not part.row, (part,))
    chain.factors.append(part)


def _product(cells: list[Expr]) -> Expr:
    """The product of cells, without ones; a factor that stands twice in a row is squared."""
    total: Expr = ONE
    last: Expr | None = None
    before: Expr = ONE
    for e in cells:
        if e == ONE:
            continue
        if last is not None and e == last:
            total, last = _times(before, Apply("pow", (e, Number(2)))), None
            continue
        before, last = total, e
        total = _times(total, e)
    return total


def _times(a: Expr, b: Expr) -> Expr:
    if a == ONE:
        return b
    return a if b == ONE else Apply("mul", (a, b))


def _count(size: Integer) -> Expr:
    """A size as a number."""
    number = size.constant
    return Number(number) if number is not None else IndexValue(size)


def _summed(sums: list[Range], body: Expr, merge: bool = True) -> Expr:
    """The sum of a body; an index that does not stand in it only counts."""
    if merge and isinstance(body, Reduce) and body.op == "sum" and body.condition is None:
        sums, body = [*sums, *body.indices], body.body
    standing = set(free_indices(body))
    kept = tuple(r for r in sums if r.name in standing)
    if len(kept) > TENSOR_AXES:
        raise LimitError(f"a product with more than {TENSOR_AXES} indices to sum over", None,
                         "give parts of it names of their own")
    total = Reduce("sum", kept, None, body) if kept else body
    for r in sums:
        if r.name not in standing and r.size is not None:
            total = _times(_count(r.size), total)
    return total
