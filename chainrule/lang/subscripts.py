"""What stands in a tensor's brackets: integer polynomials, and what is read outside an axis.

    x[n, c, 2*i + a - p; pad p with 0]

After the `;` come the amounts of padding and the fill. There may be one amount for all axes whose
subscript is more than an index, one for each of these, or one for each axis; `lo:hi` says different
amounts before and after; without amounts any distance is allowed.
"""

from __future__ import annotations

from fractions import Fraction

from chainrule.errors import ArityError, KindError, LimitError
from chainrule.lang.cursor import SUM, Cursor
from chainrule.lang.expr import Expr, Number, Outside, Ref, exact, walk
from chainrule.lang.integers import ZERO, Integer, index
from chainrule.lang.numerals import literal, whole
from chainrule.limits import TENSOR_AXES


def subscripts(g: Cursor) -> tuple[tuple[Integer, ...], Outside | None]:
    """The subscripts between the square brackets that begin here, and step over them."""
    end = g.closes[g.at]
    g.deeper()
    inside, g.inside = g.inside, True
    bars, g.bars = g.bars, 0
    g.at += 1
    if g.at == end:
        raise g.fail("there is no subscript between these brackets", "a scalar has none", end)
    found: list[Integer] = []
    outside = None
    while True:
        found.append(subscript(g))
        kind = g.kinds[g.at]
        if g.at == end:
            break
        if kind == ";":
            outside = _outside(g, tuple(found), end)
            break
        g.expect(",", "between subscripts")
    if len(found) > TENSOR_AXES:
        raise LimitError(f"more than {TENSOR_AXES} axes", g.span(end, end + 1))
    g.at = end + 1
    g.inside = inside
    g.bars = bars
    g.depth -= 1
    return tuple(found), outside


def subscript(g: Cursor) -> Integer:
    """One integer polynomial."""
    start = g.at
    if g.texts[start] in g.bound and g.kinds[start + 1] in (",", "]"):
        g.at += 1
        return index(g.texts[start])
    e = g.expression(SUM)
    value = whole(e)
    if value is None:
        raise KindError(
            "a subscript has to be a whole number made of indices, sizes and integers",
            g.span(start), _advice(e),
        )  # fmt: skip
    for node in walk(e):
        if type(node) is Ref and g.names.tensors.get(node.tensor) == "real":
            raise KindError(
                f"{node.tensor} holds real numbers, a subscript has to be an integer",
                node.span, f"declare it as `label {node.tensor}` or `integer {node.tensor}`",
            )  # fmt: skip
    return value


def _advice(e: Expr) -> str:
    if any(getattr(node, "function", "") == "div" for node in walk(e)):
        return "for the floor of a quotient write `//`"
    return "use + - * // % only"


def _outside(g: Cursor, places: tuple[Integer, ...], end: int) -> Outside:
    """`; pad AMOUNTS with FILL`."""
    g.at += 1
    if g.texts[g.at] != "pad":
        raise g.fail(f"expected `pad … with …` after `;`, found {g.found_here()}")
    start = g.at
    g.at += 1
    amounts: list[tuple[Integer, Integer]] = []
    while g.kinds[g.at] != "with":
        before = subscript(g)
        after = before
        if g.kinds[g.at] == ":":
            g.at += 1
            after = subscript(g)
        amounts.append((before, after))
        if g.kinds[g.at] == "with":
            break
        g.expect(",", "between amounts, or `with` and the fill")
    g.at += 1
    fill = _fill(g)
    if g.at != end:
        raise g.fail(f"expected `]` after the fill, found {g.found_here()}")
    if not amounts:
        return Outside(fill)
    compound = [k for k, s in enumerate(places) if s.plain is None]
    if len(amounts) == 1 and compound:
        amounts = amounts * len(compound)
    axes = range(len(places)) if len(amounts) == len(places) else compound
    if len(amounts) != len(axes):
        raise ArityError(
            f"{len(amounts)} amounts of padding for {len(places)} axes, "
            f"{len(compound)} of them with more than an index",
            g.span(start, end), "write one amount for each axis",
        )  # fmt: skip
    pads = [(ZERO, ZERO)] * len(places)
    for axis, amount in zip(axes, amounts, strict=True):
        pads[axis] = amount
    return Outside(fill, tuple(pads))


def _fill(g: Cursor) -> Number:
    """A number with a sign, or an infinity."""
    sign = 1
    if g.kinds[g.at] in ("-", "+"):
        sign = -1 if g.kinds[g.at] == "-" else 1
        g.at += 1
    here = g.at
    g.at += 1
    if g.kinds[here] == "number":
        value = literal(g.texts[here], g.span(here)).value
        if g.kinds[g.at] == "/" and g.kinds[g.at + 1] == "number":
            g.at += 2
            below = literal(g.texts[g.at - 1], g.span(g.at - 1)).value
            if not below:
                raise g.fail("a division by zero", at=g.at - 1)
            value = Fraction(value) / Fraction(below)
        return exact(Fraction(sign * value))
    if g.texts[here] == "inf":
        return Number(sign * float("inf"))
    g.at = here
    raise g.fail(f"expected a number, inf or -inf to fill with, found {g.found_here()}")
