"""What three dots stand for: z_1 + z_2 + … + z_K, [x_1, …, x_k], and lists that begin otherwise."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Matrix, Node, Remark, Symbol
from chainrule.check.values import Unknown, Value
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import key, plain_letter
from chainrule.check.values_subscripts import constant_index
from chainrule.check.values_tensors import cellwise, stacked

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_LETTER: Final = "#"
_MOST: Final = 1_000


def is_dots(node: Node) -> bool:
    """Whether a part of a sum or a list is its dots."""
    if isinstance(node, Remark):
        node = node.body
    if isinstance(node, Apply) and node.head == "neg":
        node = node.args[0]
    return isinstance(node, Apply) and node.head == "dots"


def bare(node: Node) -> Node:
    """A node without remarks and brackets around it."""
    while True:
        if isinstance(node, Remark):
            node = node.body
        elif isinstance(node, Matrix) and len(node.rows) == 1 and len(node.rows[0]) == 1:
            node = node.rows[0][0]
        elif isinstance(node, Apply) and node.head == "sum" and len(node.args) == 1 and (
                node.signs[:1] != ("-",)):
            node = node.args[0]
        else:
            return node


def _leaf(node: Any) -> bool:
    return constant_index(node) is not None or bool(plain_letter(node))


def general(a: Any, b: Any, pairs: dict[Any, tuple[Node, Node]]) -> Any:
    """The common pattern of two trees, with a letter where they differ; None where there is none.

    `pairs` collects what stands at the places where they differ.
    """
    if isinstance(a, Node) and isinstance(b, Node):
        a, b = bare(a), bare(b)
        if key(a) == key(b):
            return a
        if _leaf(a) and _leaf(b):
            pairs[key(a), key(b)] = (a, b)
            return Symbol(a.start, a.end, _LETTER)
        if type(a) is not type(b):
            if not _leaf(a):
                return None
            pairs[key(a), key(b)] = (a, b)  # y_2, …, y_{K-1}
            return Symbol(a.start, a.end, _LETTER)
        changed = {}
        for f in fields(a):
            if f.name in ("start", "end"):
                continue
            mine, other = getattr(a, f.name), getattr(b, f.name)
            both = general(mine, other, pairs)
            if both is None and not (mine is None and other is None):
                return None
            changed[f.name] = both
        return replace(a, **changed)
    if isinstance(a, tuple) and isinstance(b, tuple):
        if len(a) != len(b):
            return None
        parts = [general(x, y, pairs) for x, y in zip(a, b, strict=True)]
        if any(p is None and x is not None for p, x in zip(parts, a, strict=True)):
            return None
        return tuple(parts)
    if is_dataclass(a) and type(a) is type(b):
        return a if a == b else None
    return a if a == b else None


def pattern(first: Node, last: Node) -> tuple[Node, Node, Node] | None:
    """The general term between two, and the two indices it starts and ends with."""
    pairs: dict[Any, tuple[Node, Node]] = {}
    term = general(first, last, pairs)
    if term is None or len(pairs) != 1:
        return None
    (a, b), = pairs.values()
    return term, a, b


def _span(e: Evaluator, term: Node, a: Node, b: Node, frame: Frame) -> tuple[int, int]:
    """The first and the last index; a letter that nothing defines is the end of the axis."""

    def size() -> int:
        try:
            e.value(term, frame.with_index(_LETTER, None))
        except Need as need:
            if need.letter == _LETTER:
                return need.size
        return e.common_size(frame)

    low = e.index_of(a, size, frame)
    try:
        high = e.index_of(b, size, frame)
    except Need as need:
        if plain_letter(b) != need.letter:
            raise
        high = need.size if need.size else size()
        if e.base == 0:
            high -= 1
    if high - low > _MOST:
        raise Unknown("dots stand for too many terms", "budget")
    return low, high


def _signed(node: Apply) -> list[tuple[str, Node]]:
    """The terms of a sum or the factors of a product with their signs."""
    signs = node.signs if len(node.signs) == len(node.args) else ("", *node.signs)
    return list(zip(signs, node.args, strict=False))


def terms_with_dots(e: Evaluator, node: Apply, frame: Frame) -> Value:
    """A sum or a product with dots in it."""
    parts = _signed(node)
    join = e.numbers.add if node.head == "sum" else e.numbers.mul
    shown = [(k, s, a) for k, (s, a) in enumerate(parts) if not is_dots(a)]
    dots = [k for k, (_, a) in enumerate(parts) if is_dots(a)]
    before = [p for p in shown if p[0] < dots[0]]
    after = [p for p in shown if p[0] > dots[-1]]
    if not before or not after:
        raise Unknown("the dots leave open where they end")
    # the run that the dots belong to starts at the first term of the same pattern as the last one
    last = after[0]
    for start in before:
        found = pattern(start[2], last[2])
        if found is None or start[1].strip("+") != last[1].strip("+"):
            continue
        term, a, b = found
        low, high = _span(e, term, a, b, frame)
        values = [e.value(term, frame.with_index(_LETTER, k)) for k in range(low, high + 1)]
        if start[1] == "-" and node.head == "sum":
            values = [e._map("neg", v) for v in values]
        rest = [p for p in shown if p[0] < start[0] or p[0] > last[0]]
        for _, sign, arg in rest:
            value = e.value(arg, frame)
            if sign == "/":
                raise Unknown("a quotient among dots")
            values.append(e._map("neg", value) if sign == "-" else value)
        total: Any = Fraction(0 if node.head == "sum" else 1)
        for v in values:
            total = cellwise(join, total, v)
        return total
    raise Unknown("the dots stand between terms that are not alike")


def list_with_dots(e: Evaluator, parts: tuple[Node, ...], frame: Frame) -> Value:
    """A list with dots in it: each run of dots goes on from its neighbours."""
    values: list[Value] = []
    k = 0
    while k < len(parts):
        if not is_dots(parts[k]):
            values.append(e.value(parts[k], frame))
            k += 1
            continue
        if k == 0 or k + 1 >= len(parts):
            raise Unknown("the dots leave open where they end")
        found = pattern(parts[k - 1], parts[k + 1])
        if found is None:
            raise Unknown("the dots stand between terms that are not alike")
        term, a, b = found
        low, high = _span(e, term, a, b, frame)
        if high < low and len(values) > 1:  # x_1, x_2, …, x_K where there are fewer than that
            values.pop()
        for j in range(low + 1, high + 1):
            values.append(e.value(term, frame.with_index(_LETTER, j)))
        k += 2
    return stacked(values)


__all__ = ["bare", "is_dots", "list_with_dots", "pattern", "terms_with_dots"]
