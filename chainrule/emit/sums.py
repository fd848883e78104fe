"""Sums as matrix products where the axes allow it, else as einsum or as plain sums.

A sum is taken apart into factors. What does not depend on the summed indices goes in front of it.
Factors over the same indices are multiplied first; two that remain are `x @ W.T` if each is a
matrix or a vector, or a stack of matrices; what no `@` says is an `einsum`. Where one factor has
all the indices, nothing is contracted, and it is `(a * b).sum(axis=…)`.
"""

from __future__ import annotations

from typing import Final

from chainrule.emit.plan import (
    Convert,
    Einsum,
    Elementwise,
    Fold,
    Literal,
    Matmul,
    Node,
    SizeValue,
    aligned,
    permuted,
)
from chainrule.emit.values import Values
from chainrule.lang.expr import Apply, Expr, Number, Range, free_indices
from chainrule.lang.integers import Integer

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Sums(Values):
    """Sums of products."""

    def total(self, ranges: tuple[Range, ...], guard: Expr | None, body: Expr,
              guarded: bool) -> Node:
        """The sum of `body` over `ranges`, where `guard` holds."""
        sizes = self.bind(ranges)
        mask = None if guard is None else self.condition(guard, guarded)
        inner = guarded or (mask is not None and not mask.static)
        sign, above, below = _taken_apart(body)
        outer = [f for f in above if not _moves(f, sizes)]
        divisors = [f for f in below if not _moves(f, sizes)]
        factors = [self.factor(f, inner) for f in above if f not in outer]
        factors = [self.converted(f, "real") for f in factors]
        inverse = [self.value(f, inner) for f in below if f not in divisors]
        factors = self._divided(factors, inverse)
        product = self._contraction(factors, mask, sizes)
        return self._in_front(product, sign, [self.factor(f, inner) for f in outer],
                              [self.value(f, inner) for f in divisors])

    def times(self, a: Node, b: Node) -> Node:
        """A product, cell by cell."""
        order = self.common((a, b))
        if a.kind == "boolean" and b.kind == "boolean":
            a = Convert(a.dims, "real", False, a)
        return Elementwise(order, "real", a.static and b.static, "mul",
                           (aligned(a, order), aligned(b, order)))

    def _quotient(self, a: Node, b: Node) -> Node:
        order = self.common((a, b))
        return Elementwise(order, "real", a.static and b.static, "div",
                           (aligned(a, order), aligned(b, order)))

    def _divided(self, factors: list[Node], inverse: list[Node]) -> list[Node]:
        """The factors with each divisor put under the one that shares most indices with it."""
        one = Literal((), "integer", True, 1)
        for divisor in inverse:
            divisor = self.converted(divisor, "real")
            shared = [len(set(divisor.axes) & set(f.axes)) for f in factors]
            covered = [k for k, f in enumerate(factors) if set(divisor.axes) <= set(f.axes)]
            if covered or (factors and max(shared)):
                k = covered[0] if covered else shared.index(max(shared))
                factors = [*factors[:k], self._quotient(factors[k], divisor), *factors[k + 1:]]
            else:
                factors = [*factors, self._quotient(one, divisor)]
        return factors

    def _in_front(self, product: Node, sign: int, outer: list[Node],
                  divisors: list[Node]) -> Node:
        """The factors that are not summed, around a sum."""
        ahead: Node | None = None
        for f in outer:
            ahead = f if ahead is None else self.times(ahead, f)
        if ahead is not None and ahead.kind == "boolean":
            product, ahead = self.times(product, ahead), None
        elif ahead is not None:
            product = self.times(ahead, product)
        for f in divisors:
            product = self._quotient(product, self.converted(f, "real"))
        if sign < 0:
            product = Elementwise(product.dims, "real", product.static, "neg", (product,))
        return product

    def _contraction(self, factors: list[Node], mask: Node | None,
                     sizes: dict[str, Integer]) -> Node:
        if mask is not None:
            factors = self._under(factors, mask)
        present = {a for f in factors for a in f.axes}
        copies = [size for name, size in sizes.items() if name not in present]
        summed = [name for name in sizes if name in present]
        found = self._product(factors, summed)
        count = Integer((((), 1),))
        for size in copies:  # nothing depends on these: so many equal terms
            count = count * size
        if count == 1:
            return found
        number = SizeValue((), "integer", True, count)
        if isinstance(found, Literal) and found.value == 1:
            return number
        return self.times(number, found)

    def _under(self, factors: list[Node], mask: Node) -> list[Node]:
        """Factors whose product is zero where the mask is off."""
        zero = Literal((), "integer", True, 0)
        one = Literal((), "real", True, 1.0)
        covering = [k for k, f in enumerate(factors)
                    if set(mask.axes) <= set(f.axes) and f.kind != "boolean"]
        if covering and not mask.static:
            k = covering[0]
            return [*factors[:k], self.masked(mask, factors[k], zero), *factors[k + 1:]]
        if not factors or mask.static:
            every = [self._multiplied(factors)] if factors else [one]
            return [self.masked(mask, every[0], zero)]
        return [self.masked(mask, self._multiplied(factors), zero)]

    def _multiplied(self, factors: list[Node]) -> Node:
        result = factors[0]
        for f in factors[1:]:
            result = self.times(result, f)
        return result

    def _product(self, factors: list[Node], summed: list[str]) -> Node:
        """The sum of the product of some arrays over indices that each stand in one of them."""
        if not factors:
            return Literal((), "integer", True, 1)
        if not summed:
            return self._multiplied(factors)
        factors = self._merged(factors)
        if len(factors) > 1:
            factors = [self._alone(f, factors, summed) for f in factors]
            summed = [s for s in summed if any(s in f.axes for f in factors)]
        if len(factors) == 1:
            return self._summed(factors[0], summed)
        if not summed:
            return self._multiplied(factors)
        if len(factors) == 2:
            found = self._pair(factors[0], factors[1], summed)
            if found is not None:
                return found
        every = {a for f in factors for a in f.axes}
        if any(set(f.axes) == every for f in factors):
            return self._summed(self._multiplied(factors), summed)
        return self._einsum(factors, summed)

    def _merged(self, factors: list[Node]) -> list[Node]:
        """The factors, those multiplied together that need no larger array, until two are left."""
        factors = list(factors)
        while len(factors) > 2 or (len(factors) == 2 and (
                set(factors[0].axes) == set(factors[1].axes) and len(factors[0].axes) > 1)):
            place = next(((i, j) for i in range(len(factors)) for j in range(i + 1, len(factors))
                          if set(factors[i].axes) == set(factors[j].axes)), None)
            place = place or next(
                ((i, j) for i in range(len(factors)) for j in range(len(factors))
                 if i != j and set(factors[j].axes) < set(factors[i].axes)), None)
            if place is None:
                return factors
            i, j = min(place), max(place)
            both = self.times(factors[i], factors[j])
            factors[i] = both
            del factors[j]
        return factors

    def _alone(self, f: Node, factors: list[Node], summed: list[str]) -> Node:
        """A factor summed over the indices that no other factor has."""
        others = {a for g in factors if g is not f for a in g.axes}
        own = [s for s in summed if s in f.axes and s not in others]
        return self._summed(f, own) if own else f

    def _summed(self, f: Node, summed: list[str]) -> Node:
        if f.kind == "boolean":
            f = Convert(f.dims, "real", False, f)
        gone = tuple(k for k, d in enumerate(f.dims) if d in summed)
        dims = tuple(d for d in f.dims if d not in summed)
        return Fold(dims, "real", False, "sum", f, gone) if gone else f

    # --- two factors

    def _pair(self, a: Node, b: Node, summed: list[str]) -> Node | None:
        """`a @ b`, one of them transposed where that is needed; None where `@` does not say it."""
        if "boolean" in (a.kind, b.kind) or None in a.dims + b.dims or len(summed) != 1:
            return None
        k = summed[0]
        shared = [n for n in a.axes if n in b.axes and n != k]
        if shared:
            return self._stacked(a, b, k, shared)
        out = tuple(n for n in self.wanted((*a.axes, *b.axes)) if n != k)
        if len(a.dims) == 1 and len(b.dims) == 1:
            return Matmul((), "real", False, a, b)
        if len(a.dims) > 1 and len(b.dims) > 1:
            left, right = (a, b) if out[0] in a.axes else (b, a)
            rest = tuple(n for n in left.axes if n != k)
            last = tuple(n for n in right.axes if n != k)
            if (*rest, *last) != out or len(last) != 1:
                return None
            if len(rest) > 1 and left.dims[-1] != k:
                return None
            return Matmul(out, "real", False, permuted(left, (*rest, k)),
                          permuted(right, (k, *last)))
        matrix, vector = (a, b) if len(a.dims) > 1 else (b, a)
        rest = tuple(n for n in matrix.axes if n != k)
        if matrix.dims[-1] == k:
            return Matmul(rest, "real", False, matrix, vector)
        if matrix.dims[-2] == k:
            return Matmul(rest, "real", False, vector, matrix)
        return None

    def _stacked(self, a: Node, b: Node, k: str, shared: list[str]) -> Node | None:
        """Products of stacks of matrices: `Q @ K.swapaxes(-1, -2)`."""
        out = tuple(n for n in self.wanted((*a.axes, *b.axes)) if n != k)
        count = len(shared)
        if not len(a.dims) == len(b.dims) == count + 2 or out[:count] != tuple(shared):
            return None
        if a.dims[:count] != tuple(shared) or b.dims[:count] != tuple(shared):
            return None
        left, right = (a, b) if out[count] in a.axes else (b, a)
        m, n = out[count], out[count + 1]
        return Matmul(out, "real", False, permuted(left, (*shared, m, k)),
                      permuted(right, (*shared, k, n)))

    def _einsum(self, factors: list[Node], summed: list[str]) -> Node:
        factors = [Convert(f.dims, "real", False, f) if f.kind == "boolean" else f
                   for f in factors]
        factors = [permuted(f, self.order(f.axes)) if None in f.dims else f for f in factors]
        names = list(dict.fromkeys(a for f in factors for a in f.axes))
        letters: dict[str, str] = {}
        for name in names:
            own = name if len(name) == 1 and name.isascii() and name.isalpha() else name[0]
            free = [own, *_LETTERS] if own in _LETTERS else list(_LETTERS)
            letters[name] = next(c for c in free if c not in letters.values() and (
                c == name or c not in names))
        out = self.wanted(n for n in names if n not in summed)
        words = ["".join(letters[d] for d in f.axes) for f in factors]
        text = f"{','.join(words)}->{''.join(letters[n] for n in out)}"
        return Einsum(out, "real", False, text, tuple(factors))


def _moves(e: Expr, sizes: dict[str, Integer]) -> bool:
    return any(name in sizes for name in free_indices(e))


def _taken_apart(body: Expr) -> tuple[int, list[Expr], list[Expr]]:
    """A product's sign, its factors and its divisors."""
    sign = 1
    above: list[Expr] = []
    below: list[Expr] = []
    stack: list[tuple[Expr, bool]] = [(body, True)]
    while stack:
        node, up = stack.pop()
        if isinstance(node, Apply) and node.function == "mul" and up:
            stack += [(node.args[1], up), (node.args[0], up)]
        elif isinstance(node, Apply) and node.function == "neg":
            sign = -sign
            stack.append((node.args[0], up))
        elif isinstance(node, Apply) and node.function == "div" and up:
            stack += [(node.args[1], False), (node.args[0], up)]
        elif not (isinstance(node, Number) and node.value == 1):
            (above if up else below).append(node)
    return sign, above, below


__all__ = ["Sums"]
