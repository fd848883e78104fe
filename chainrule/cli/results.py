"""Plain numbers as results: text, JSON, or a document for the other formats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from chainrule.cli import common
from chainrule.document.blocks import Block, CodeBlock, Document, MathBlock, heading
from chainrule.document.mathtree import Math, Matrix, row
from chainrule.document.notation import Notation, is_exact

# a title, the numbers under it by what they are in text, and how that is typeset (None: not)
Group = tuple[str, Mapping[str, Any], Callable[[Notation, str], Math] | None]


_DIGITS = 6  # decimal places in documents; text and JSON have all digits


def plain(value: Any) -> Any:
    """Floats and nested lists of them; infinities as the words "inf" and "-inf", as JSON has none.

    >>> plain([1.0, float("-inf")])
    [1.0, '-inf']
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value if math.isfinite(value) else str(value)


def emit(title: str, groups: list[Group], data: Mapping[str, Any], tensors: Mapping[str, Any],
         format: str | None, output: str | None) -> None:
    """Numbers in the format asked for; `data` is what JSON says."""
    kind = common.chosen_format(format, output)
    if kind == "json":
        common.emit_data(data, output)
    elif kind == "terminal":
        lines = [line for _, named, _ in groups for what, value in named.items()
                 for line in _lines(what, plain(value))]
        common.write("\n".join(lines) + "\n", output)
    else:
        common.emit_document(_document(title, groups, tensors), kind, output)


def _lines(what: str, value: Any) -> list[str]:
    """`what = value`, a matrix with a line a row."""
    head = f"{what} = "
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return [head + _text(value)]
    rows = [_text(part) for part in value]
    return [f"{head}[{rows[0]}" + ("," if rows[1:] else "]"),
            *(f"{' ' * len(head)} {r}{',' if k < len(rows) - 2 else ']'}"
              for k, r in enumerate(rows[1:]))]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return value if isinstance(value, str) else repr(value)


def _document(title: str, groups: list[Group], tensors: Mapping[str, Any]) -> Document:
    notation = Notation(tensors, digits=_DIGITS)
    blocks: list[Block] = []
    for name, named, typeset in groups:
        if len(groups) > 1:
            blocks.append(heading(1, name))
        for what, value in named.items():
            math = _math(notation, plain(value))
            if math is None or typeset is None:
                blocks.append(CodeBlock("\n".join(_lines(what, plain(value)))))
            else:
                equals = "=" if all(map(_exact, _cells(plain(value)))) else "≈"
                blocks.append(MathBlock(row(typeset(notation, what), equals, math)))
    return Document(title, tuple(blocks))


def _math(notation: Notation, value: Any) -> Math | None:
    """A number, a row or a matrix; None for what has more axes, or infinities."""
    if isinstance(value, str):
        return None
    if not isinstance(value, list):
        return _number(notation, value)
    rows = value if value and isinstance(value[0], list) else [value]
    cells = [x for r in rows for x in r]
    if not cells or len(cells) > 400 or any(isinstance(x, list | str) for x in cells):
        return None
    return Matrix(tuple(tuple(_number(notation, x) for x in r) for r in rows))


def _number(notation: Notation, value: float) -> Math:
    """A float as the decimal that it prints as: 0.5 is exact, 1.5707963267948966 is rounded."""
    return notation.number(Fraction(repr(value)))


def _exact(value: float) -> bool:
    return is_exact(Fraction(repr(value)), _DIGITS)


def _cells(value: Any) -> list[float]:
    return [x for part in value for x in _cells(part)] if isinstance(value, list) else [value]
