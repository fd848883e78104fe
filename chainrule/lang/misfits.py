"""What is said when shapes of whole tensors do not fit: both shapes, and what would fit."""

from __future__ import annotations

from typing import Final

from chainrule.errors import ShapeError, Span, visible
from chainrule.lang.expr import Apply, Expr, Number, Ref
from chainrule.lang.integers import Integer, Size
from chainrule.lang.parts import Part
from chainrule.lang.printing import number_text

_SIGNS: Final = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "@": "@", "pow": ".^",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_SPELLED: Final = {"*": "*·×⋅∗∘⊙.", "/": "/÷.∕", "-": "-−", ".^": ".", "<=": "<≤", ">=": ">≥",
                   "!=": "!≠", "==": "="}
_DOUBLE: Final = frozenset({".*", "./", ".^", "<=", ">=", "==", "!="})
_SHOWN: Final = 30  # characters of an expression that a message quotes


def named(part: Part, brackets: bool = False) -> str:
    """The part as it was written, for a message; in brackets where an operator is to follow."""
    if isinstance(part.expr, Ref) and not part.expr.subscripts:
        return part.expr.tensor
    if isinstance(part.expr, Number):
        return number_text(part.expr.value)
    span = span_of(part.expr)
    text = "" if span is None else " ".join(visible(span.excerpt()).split())
    if not text or len(text) > _SHOWN:
        return "this"
    if part.kind == "@T" and not isinstance(part.parts[0].expr, Ref):
        text = text if text.startswith("(") else f"({text}"  # a span begins after the bracket
    plain = text.replace("_", "").isalnum() or part.kind == "@T" or text.endswith(")")
    return f"({text})" if brackets and not plain else text


def axes_text(part: Part) -> str:
    """The shape in words: `2 × 3`; a column is `3 × 1`, a row `1 × 3`.

    >>> from chainrule.lang.integers import size
    >>> axes_text(Part(Ref("x"), "tensor", (size("N"),), row=True))
    '1 × N'
    """
    if not part.shape:
        return "a number"
    rows = [_size(s) for s in part.shape]
    if len(rows) == 1:
        rows = ["1", *rows] if part.row else [*rows, "1"]
    return " × ".join(rows)


def _size(s: Integer) -> str:
    """A size; one that nothing has named yet is a question mark."""
    if any(isinstance(a, Size) and a.name.startswith("?") for a in s.atoms()):
        return "?"
    text = str(s)
    return f"({text})" if " " in text else text


def span_of(e: Expr) -> Span | None:
    """Where an expression stands in the text; a number does not know."""
    span = getattr(e, "span", None)
    return span if isinstance(span, Span) else None


def operator_span(e: Expr) -> Span | None:
    """The operator between the two arguments of an expression, or the whole of it."""
    span = span_of(e)
    if not isinstance(e, Apply) or span is None or len(e.args) != 2:
        return span
    sign = _SIGNS.get(e.function)
    left, right = map(span_of, e.args)
    if sign is None or left is None or right is None or left.end > right.start:
        return span
    wanted = _SPELLED.get(sign, sign)
    for at in range(left.end, right.start):
        if span.text[at] in wanted:
            length = 2 if span.text[at : at + 2] in _DOUBLE else 1
            return Span(span.text, at, at + length, span.name)
    return span


def misfit(e: Expr, a: Part, b: Part) -> ShapeError:
    """Two shapes that a function of cells cannot join."""
    function = e.function if isinstance(e, Apply) else "a selection"
    sign = _SIGNS.get(function, "")
    what = f"`{sign}`" if sign else function.removeprefix("@")
    return ShapeError(
        f"{what} needs equal shapes: {named(a)} is {axes_text(a)}, {named(b)} is {axes_text(b)}",
        operator_span(e), _mended(sign, a, b))


def _mended(sign: str, a: Part, b: Part) -> str | None:
    """What to write so that the shapes fit, if that is plain to see."""
    left, right = named(a, True), named(b, True)
    one_each = len(a.shape) == len(b.shape) == 1
    if sign == "*" and a.right_axis is not None and a.right_axis == b.left_axis:
        return f"for the matrix product write {left} @ {right}"
    if one_each and a.row != b.row and a.shape[0] == b.shape[0]:
        return f"{left} {sign} {_flipped(b)} fits" if sign else f"{_flipped(b)} fits"
    if len(a.shape) == len(b.shape) == 2 and (
            a.shape[0] == b.shape[1] and a.shape[1] == b.shape[0]):
        return f"{left} {sign} {_flipped(b)} fits" if sign else f"{_flipped(b)} fits"
    if len(a.shape) == 2 and len(b.shape) == 1 and sign:
        column = right if not b.row else _flipped(b)
        if a.shape[1] == b.shape[0]:
            rows = _size(a.shape[0])
            return f"to use it in every row write ones({rows}) @ {column}.T"
        if a.shape[0] == b.shape[0]:
            columns = _size(a.shape[1])
            return f"to use it in every column write {column} @ ones({columns}).T"
    return "nothing broadcasts by itself: shapes must be equal, or one of the two a number"


def product_misfit(e: Apply, a: Part, b: Part) -> ShapeError:
    """Two factors whose inner axes differ."""
    fits = []
    left, right = named(a, True), named(b, True)
    for first, one in ((a, left), (_turned(a), _flipped(a))):
        for second, other in ((b, right), (_turned(b), _flipped(b))):
            x, y = first.right_axis, second.left_axis
            if (x is None) == (y is None) and (x is None or y is None or x == y):
                fits.append(f"{one} @ {other}")
    if not a.shape or not b.shape:
        hint = f"{left} * {right} scales"
    elif len(a.shape) == len(b.shape) == 1 and not a.row and not b.row:
        hint = f"{left} @ {right}.T is a matrix"
        if a.shape == b.shape:
            hint = f"{left}.T @ {right} is a number, {hint}"
    else:
        hint = f"{' or '.join(fits[:2])} fits" if fits else (
            "the columns on the left and the rows on the right must be as many")
    return ShapeError(
        f"`@` cannot join {named(a)} ({axes_text(a)}) and {named(b)} ({axes_text(b)})",
        operator_span(e), hint)


def row_left(part: Part) -> ShapeError:
    """A result that is a row, which has no axis of its own in the language."""
    name = named(part)
    turned = named(part.parts[0]) if part.kind == "@T" else (
        "(…).T" if name == "this" else f"({name}).T")
    return ShapeError(
        f"{name} is a row, {axes_text(part)}: a tensor with one axis is a column",
        span_of(part.expr), f"write {turned}")


def _turned(part: Part) -> Part:
    return Part(part.expr, "@T", part.shape[::-1], len(part.shape) == 1 and not part.row, (part,))


def _flipped(part: Part) -> str:
    """The transpose of a part, as one would write it."""
    if part.kind == "@T":
        return named(part.parts[0], True)
    return f"{named(part, True)}.T"
