"""Squares completed: x^2 - 2*x*y + 2*y^2 is (x - y)^2 + y^2, and therefore not negative.

A polynomial of second degree is a symmetric matrix between its parts; that matrix is taken apart as
L D Lᵀ in fractions (Cholesky's decomposition without roots). If no pivot is negative the polynomial
is a sum of squares with these weights.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from chainrule.algebra.polynomial import Mono, Poly, content, expression, key, scaled
from chainrule.lang.expr import ONE, Expr, Number, add, exact, mul, power

_PARTS = 8


def sum_of_squares(p: Poly) -> Expr | None:
    """A polynomial as positive multiples of squares, times what its terms share; None if not."""
    if not p:
        return None
    shared, rest = content(p)
    rest = scaled(rest, shared.number)
    shared = replace(shared, number=Fraction(1))
    squares = _squares(rest)
    if squares is None:
        return None
    outside = expression((shared,))
    return squares if outside == ONE else mul(outside, squares)


def _squares(p: Poly) -> Expr | None:
    parts: list[Expr] = []
    for m in p:
        if m.sums or m.guards or any(k.denominator != 1 or k < 0 for _, k in m.factors):
            return None
        if sum(k for _, k in m.factors) > 2:
            return None
        parts += [b for b, _ in m.factors]
    names: list[Expr] = [*sorted(dict.fromkeys(parts), key=key), Number(1)]
    if len(names) > _PARTS:
        return None
    place = {e: k for k, e in enumerate(names)}
    size = len(names)
    matrix = [[Fraction(0)] * size for _ in names]
    for m in p:
        own = [place[b] for b, k in m.factors for _ in range(int(k))]
        own += [size - 1] * (2 - len(own))
        a, b = own
        matrix[a][b] += m.number / 2
        matrix[b][a] += m.number / 2
    total: Expr | None = None
    for k in range(size):
        pivot = matrix[k][k]
        if pivot < 0 or (pivot == 0 and any(matrix[k][j] for j in range(size))):
            return None
        if pivot == 0:
            continue
        row = [matrix[k][j] / pivot for j in range(size)]
        linear = tuple(Mono(c, ((e, Fraction(1)),) if e != ONE else ())
                       for c, e in zip(row, names, strict=True) if c)
        square: Expr = exact(pivot)
        if k < size - 1:  # the last of the names is 1
            square = mul(square, power(expression(linear), Number(2)))
        total = square if total is None else add(total, square)
        for i in range(size):
            for j in range(size):
                if i != k and j != k:
                    matrix[i][j] -= pivot * row[i] * row[j]
        for j in range(size):
            matrix[k][j] = matrix[j][k] = Fraction(0)
    return total


__all__ = ["sum_of_squares"]
