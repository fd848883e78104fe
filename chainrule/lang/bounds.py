"""The least and greatest value of a subscript, and which of two sizes is larger, in symbols.

Sizes are taken to be at least 0 where they multiply, and at least 1 where they count an axis or an
index that exists. What cannot be decided in symbols is None here, and is checked when run.
"""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.lang.integers import ONE, ZERO, Floor, Index, Integer, Size


def extent(s: Integer, ranges: Mapping[str, Integer]) -> tuple[Integer, Integer] | None:
    """The least and greatest value of a subscript over its indices' ranges, or None.

    None where an index stands in a product with another, in a floor that is not monotone, or
    where an integer is read from a tensor.

    >>> from chainrule.lang.integers import constant, index, size
    >>> lo, hi = extent(2 * index("i") + index("a"), {"i": size("I"), "a": constant(3)})
    >>> str(lo), str(hi)
    ('0', '2*I')
    """
    if s.plain is not None:
        return ZERO, ranges[s.plain] - 1
    low = high = ZERO
    for monomial, c in s.terms:
        indices = [a for a in monomial if isinstance(a, Index)]
        others = [a for a in monomial if not isinstance(a, Index)]
        if all(isinstance(a, Size) for a in others) and len(indices) <= 1:
            factor = Integer(((tuple(others), c),))
            if not indices:
                low, high = low + factor, high + factor
            elif c > 0:
                high = high + factor * (ranges[indices[0].name] - 1)
            else:
                low = low + factor * (ranges[indices[0].name] - 1)
        elif len(monomial) == 1 and isinstance(monomial[0], Floor):
            inner = extent(monomial[0].numerator, ranges)
            if inner is None or monomial[0].denominator.indices():
                return None
            least, most = (end // monomial[0].denominator for end in inner)
            if c < 0:
                least, most = most, least
            low, high = low + c * least, high + c * most
        else:
            return None
    return remainder_extent(s, ranges, low, high)


def remainder_extent(
    s: Integer, ranges: Mapping[str, Integer], low: Integer, high: Integer
) -> tuple[Integer, Integer]:
    """Sharper ends where the subscript is a remainder `e - k*(e//k)`, which is 0 to k - 1."""
    floors = [a for m, c in s.terms for a in m if len(m) == 1 and c < 0 and isinstance(a, Floor)]
    for floor in floors:
        if s == floor.numerator % floor.denominator:
            return ZERO, floor.denominator - 1
    return low, high


def at_most(a: Integer, b: Integer) -> bool | None:
    """Whether a <= b for all sizes of at least 1; None where it depends or cannot be told."""
    difference = b - a
    number = difference.constant
    if number is not None:
        return number >= 0
    if not all(isinstance(x, Size) for m, _ in difference.terms for x in m):
        return None
    # least value: every size 1 where coefficients are positive
    if all(c > 0 for m, c in difference.terms if m):
        least = sum(c for _, c in difference.terms)
        return True if least >= 0 else None
    if all(c < 0 for m, c in difference.terms if m):
        greatest = sum(c for _, c in difference.terms)
        return False if greatest < 0 else None
    return None


def larger(a: Integer, b: Integer) -> Integer | None:
    """The larger of two sizes, or None where that cannot be told."""
    if at_most(a, b):
        return b
    return a if at_most(b, a) else None


def solve_range(
    s: Integer, name: str, axis: Integer, before: Integer, after: Integer,
    ranges: Mapping[str, Integer],
) -> Integer | None:
    """How many values index `name` may take so that subscript `s` stays on an axis.

    The axis has `axis` cells, and `before` and `after` more may be read on its sides. All other
    indices have their ranges. This is where the size of a convolution's output comes from:

    >>> from chainrule.lang.integers import index, size
    >>> s, i, d, a, p = size("s"), index("i"), size("d"), index("a"), size("p")
    >>> str(solve_range(s*i + d*a, "i", size("I"), p, 2*p, {"a": size("k")}))
    '(I - 1 + 2*p - d*k + d)//s + 1'
    """
    if len(s.terms) == 1 and s.terms[0][1] == 1 and len(s.terms[0][0]) == 1:
        only = s.terms[0][0][0]
        if isinstance(only, Floor) and only.numerator.plain == name:
            return only.denominator * (axis + after)
    target = Index(name)
    if any(isinstance(a, Floor) and name in a.numerator.indices() for a in s.atoms()):
        return None
    factor, rest = s.coefficient(target), s.without(target)
    if factor.indices() or len(factor.terms) != 1 or name in rest.indices():
        return None
    ends = extent(rest, ranges)
    if ends is None:
        return None
    if factor.terms[0][1] > 0:
        return (axis - 1 + after - ends[1]) // factor + ONE
    return (ends[0] + before) // (-factor) + ONE
