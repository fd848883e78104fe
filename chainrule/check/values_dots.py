r"""What three dots stand for: z_1 + z_2 + … + z_K, [x_1, …, x_k], 1 + 2 + 4 + … + 2^{n-1}.

The term before the dots and the one behind them differ in an index, which runs from the one to the
other; all terms that are shown have to be those of that rule. Terms that are numbers follow the
rule of the last one, or the only step or ratio that they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Matrix, Node, Number, Remark, Symbol, walk
from chainrule.check.values import Array, Unknown, Value, cells_of, shape_of
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import key, plain_letter, spread
from chainrule.check.values_subscripts import constant_index
from chainrule.check.values_tensors import cellwise, stacked

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

LETTERS: Final = ("#", "§", "¤")
_LETTER: Final = LETTERS[0]
_MOST: Final = 1_000
_STARTS: Final = range(-1, 4)  # what the first term of a rule may be counted as

Pairs = dict[Any, tuple[Node, Node]]


def is_dots(node: Node) -> bool:
    """Whether a part of a sum or a list is its dots."""
    if isinstance(node, Remark):
        node = node.body
    if isinstance(node, Apply) and node.head == "neg":
        node = node.args[0]
    return isinstance(node, Apply) and node.head == "dots"


def is_dotted(node: Node) -> bool:
    """Whether a list in brackets has dots and no commas: [a_1 … a_n]."""
    return isinstance(node, Apply) and node.head == "product" and not any(node.signs) and any(
        map(is_dots, node.args))


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


def _varying(a: Node, b: Node, pairs: Pairs) -> Symbol:
    """The letter for a place where two trees differ; `pairs` remembers what stands there."""
    at = (key(a), key(b))
    if at not in pairs:
        if len(pairs) == len(LETTERS):
            return Symbol(a.start, a.end, LETTERS[-1])
        pairs[at] = (a, b)
    return Symbol(a.start, a.end, LETTERS[list(pairs).index(at)])


def _digits(subs: tuple[Node, ...], others: tuple[Node, ...]) -> tuple[Node, ...]:
    """The 11 of X_{11} as 1 and 1, where X_{1d} stands beside it."""
    subs = spread(subs)
    text = subs[0].text if len(subs) == 1 and isinstance(subs[0], Number) else ""
    if len(text) == len(spread(others)) > 1 and text.isdigit():
        return tuple(Number(subs[0].start, subs[0].end, c) for c in text)
    return subs


def general(a: Any, b: Any, pairs: Pairs) -> Any:
    """The common pattern of two trees, with a letter where they differ; None where there is none.

    `pairs` collects what stands at the places where they differ.
    """
    if isinstance(a, Node) and isinstance(b, Node):
        a, b = bare(a), bare(b)
        if key(a) == key(b):
            return a
        if _leaf(a) and _leaf(b):
            return _varying(a, b, pairs)
        if isinstance(a, Symbol) and isinstance(b, Symbol):
            mine, other = _digits(a.subs, b.subs), _digits(b.subs, a.subs)
            a, b = replace(a, subs=mine), replace(b, subs=other)
        if type(a) is not type(b):
            return _varying(a, b, pairs) if _leaf(a) or _leaf(b) else None  # y_2, …, y_{K-1}
    both_parts = is_dataclass(a) and is_dataclass(b) and type(a) is type(b)
    if both_parts and not isinstance(a, type):
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
    return a if a == b else None


def pattern(first: Node, last: Node) -> tuple[Node, Node, Node] | None:
    """The general term between two, and the two indices it starts and ends with."""
    pairs: Pairs = {}
    term = general(first, last, pairs)
    if term is None or len(pairs) != 1:
        return None
    (a, b), = pairs.values()
    return term, a, b


def last_index(e: Evaluator, term: Node, letter: str, b: Node, frame: Frame) -> int:
    """The last index of a run; a letter that nothing defines is the end of the axis."""

    def size() -> int:
        try:
            e.value(term, frame.with_index(letter, None))
        except Need as need:
            if need.letter == letter:
                return need.size
        return e.common_size(frame)

    try:
        return e.index_of(b, size, frame)
    except Need as need:
        if plain_letter(b) != need.letter:
            raise
        return (need.size if need.size else size()) - int(e.base == 0)


def span(e: Evaluator, term: Node, a: Node, b: Node, frame: Frame) -> tuple[int, int]:
    """The first and the last index of a run."""
    low = e.index_of(a, lambda: e.common_size(frame), frame)
    high = last_index(e, term, _LETTER, b, frame)
    if high - low > _MOST:
        raise Unknown("dots stand for too many terms", "budget")
    return low, high


def alike(e: Evaluator, a: Value, b: Value) -> bool:
    """Whether two values are the same, cell by cell."""
    return shape_of(a) == shape_of(b) and all(
        e.numbers.close(x, y) for x, y in zip(cells_of(a), cells_of(b), strict=True))


# --- a run of terms: what is shown before the dots, and the term behind them


def _run(e: Evaluator, shown: list[Node], last: Node, frame: Frame) -> list[Value] | None:
    """All terms of a run; None where what is shown follows no rule."""
    numeric = all(map(_numeric, shown))
    found = pattern(shown[0], last)
    if found is not None and not (numeric and isinstance(found[2], Apply)):
        term, a, b = found
        low, high = span(e, term, a, b, frame)
        values = [e.value(term, frame.with_index(_LETTER, k)) for k in range(low, high + 1)]
        if all(alike(e, e.value(s, frame), v) for s, v in zip(shown, values, strict=False)):
            return values
    return _by_last(e, shown, last, frame) if numeric else None


def _numeric(node: Node) -> bool:
    return not any(isinstance(n, Symbol) for n in walk(node))


def _by_last(e: Evaluator, shown: list[Node], last: Node, frame: Frame) -> list[Value] | None:
    """1 + 2 + 4 + … + 2^{n-1}: numbers that follow the rule of the last term, or their step."""
    values = [e.value(s, frame) for s in shown]
    for leaf in {key(n): n for n in walk(last) if plain_letter(n)}.values():
        term = _put(last, key(leaf), Symbol(leaf.start, leaf.end, _LETTER))
        end = e.value(leaf, frame)
        if type(end) is not Fraction or end.denominator != 1 or end > _MOST:
            continue
        for low in _STARTS:
            begins = [_term(e, term, low + k, frame) for k in range(len(values))]
            if all(b is not None and alike(e, b, v) for b, v in zip(begins, values, strict=True)):
                return [e.value(term, _counting(frame, k)) for k in range(low, int(end) + 1)]
    end = e.value(last, frame)
    if len(values) < 2 or not all(type(v) is Fraction for v in (*values, end)):
        return None
    return _stepped(values, end)


def _stepped(values: list[Any], end: Any) -> list[Value] | None:
    """Numbers with one step, or one ratio, up to the last one."""
    step, ratio = values[1] - values[0], values[1] / values[0] if values[0] else None
    pairs = list(pairwise(values))
    if step and all(b - a == step for a, b in pairs):
        return _reached(values[0], end, lambda x: x + step)
    if ratio not in (None, 0, 1, -1) and all(b == a * ratio for a, b in pairs):
        return _reached(values[0], end, lambda x: x * ratio)
    return None


def _reached(first: Any, end: Any, rule: Callable[[Any], Any]) -> list[Value] | None:
    """Numbers by a rule from the first one to the last; None where it does not come by."""
    found = [first]
    while found[-1] != end and len(found) < _MOST and abs(found[-1]) <= max(abs(end), abs(first)):
        found.append(rule(found[-1]))
    return found if found[-1] == end else None


def _counting(frame: Frame, k: int) -> Frame:
    return frame.with_params({_LETTER: Fraction(k)}, {})


def _term(e: Evaluator, term: Node, k: int, frame: Frame) -> Value | None:
    try:
        return e.value(term, _counting(frame, k))
    except Unknown:
        return None


def _put(node: Node, old: Any, new: Node) -> Node:
    """A tree with another leaf in the place of one."""
    if isinstance(node, Symbol):
        return new if key(node) == old else node
    changed: dict[str, Any] = {}
    for f in fields(node):
        part = getattr(node, f.name)
        if isinstance(part, Node):
            changed[f.name] = _put(part, old, new)
        elif isinstance(part, tuple) and part and all(isinstance(p, Node) for p in part):
            changed[f.name] = tuple(_put(p, old, new) for p in part)
    return replace(node, **changed)


# --- sums, products and lists


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
    for n, start in enumerate(before):
        run = [p for p in before[n:] if p[1].strip("+") == start[1].strip("+")]
        if node.head == "sum" and (len(run) != len(before) - n or (
                start[1].strip("+") != last[1].strip("+"))):
            continue
        values = _run(e, [p[2] for p in before[n:]], last[2], frame)
        if values is None:
            continue
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
    return stacked(list(listed_with_dots(e, parts, frame)))


def listed_with_dots(e: Evaluator, parts: tuple[Node, ...], frame: Frame) -> Iterator[Value]:
    """The values of a list with dots in it."""
    values: list[Value] = []
    k = 0
    if len(parts) == 1:  # a list without commas: [a_1 … a_n]
        parts = parts[0].args if isinstance(parts[0], Apply) else parts
    while k < len(parts):
        if not is_dots(parts[k]):
            values.append(e.value(parts[k], frame))
            k += 1
            continue
        if k == 0 or k + 1 >= len(parts):
            raise Unknown("the dots leave open where they end")
        if len(parts) == k + 2 and all(key(p) == key(parts[0]) for p in (*parts[:k], parts[k + 1])):
            return iter(_repeated(e, values[0], parts[0], frame))
        found = pattern(parts[k - 1], parts[k + 1])
        if found is None:
            raise Unknown("the dots stand between terms that are not alike")
        term, a, b = found
        low, high = span(e, term, a, b, frame)
        if high < low and len(values) > 1:  # x_1, x_2, …, x_K where there are fewer than that
            values.pop()
        for j in range(low + 1, high + 1):
            values.append(e.value(term, frame.with_index(_LETTER, j)))
        k += 2
    return iter(values)


def _repeated(e: Evaluator, value: Value, node: Node, frame: Frame) -> list[Value]:
    """1, …, 1: as long as some axis."""
    sizes = e.axes(frame)
    if isinstance(value, Array) or not sizes:
        raise Unknown("the dots leave open where they end")
    return [value] * sizes[e.chooser.choose(("long", node.start), len(sizes))]


__all__ = ["LETTERS", "alike", "bare", "general", "is_dots", "is_dotted", "last_index",
           "list_with_dots", "pattern", "terms_with_dots"]
