"""What somebody wrote, typeset again: a paper's formula as mathematics for a report.

A report quotes the step that it speaks of. The source of a scanned formula is hard on the eyes, so
the tree that was read from it is written anew, with brackets where the tree needs them: the reader
of the report sees at once if a formula was read otherwise than it was meant. A side that could not
be read is quoted as it stands.

    >>> from chainrule.check.tree import Apply, Number, Symbol
    >>> from chainrule.document.mathtree import text
    >>> x, two = Symbol(0, 1, "x"), Number(2, 3, "2")
    >>> text(typeset(Apply(0, 3, "product", (x, Apply(0, 3, "neg", (two,))), ("", "*"))))
    'x × (-2)'
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, is_dataclass
from typing import Final

from chainrule.check.claims import Claim, Side
from chainrule.check.tree import (
    Apply,
    Bar,
    Choice,
    Derivative,
    Integral,
    Item,
    Limit,
    Matrix,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
)
from chainrule.document import mathtree as m
from chainrule.document.blocks import Code, Inlines, Prose, inlines
from chainrule.document.mathnodes import COMBINING
from chainrule.errors import visible

QUOTED: Final = 160  # characters of a formula that is quoted as it stands
_NESTED: Final = re.compile(r"\[\[[^\[\]]{1,400}\](?:, ?\[[^\[\]]{1,400}\]){0,20}\]")
_ROW: Final = re.compile(r"\[([^\[\]]*)\]")
_DEPTH: Final = 60  # brackets inside each other that are typeset
_CELLS: Final = 400  # cells of a matrix that is typeset
_PARTS: Final = 120  # parts of a sum or a product that are typeset
_LOOSE, _SUM, _PRODUCT, _POWER, _ATOM = range(5)  # how tightly a node holds together
_RELATIONS: Final = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "->": "→", "~~": "≈"}
_BRACKETS: Final = {"abs": ("|", "|"), "norm": ("‖", "‖"), "floor": ("⌊", "⌋"),
                    "ceil": ("⌈", "⌉"), "set": ("{", "}"), "truth": ("[", "]")}  # fmt: skip
_SIGNS: Final = {"*": "×", "dot": "·", "/": "/", "odot": "⊙", "": "", " ": ""}
_BETWEEN: Final = {"in": "∈", "notin": "∉", "setminus": "\\", "subset": "⊂"}


class _Large(Exception):
    """A tree that is too deep or too wide to be typeset in a report."""


def typeset(node: Node) -> m.Math:
    """The tree of a formula as typeset mathematics.

    Raises `ValueError` for a tree that is too large to be quoted in a line.
    """
    try:
        return _typeset(node, 0)
    except _Large:
        raise ValueError("the formula is too large to be typeset") from None


def side(part: Side) -> Inlines:
    """One side of a claim: typeset where it was read, else quoted as it stands."""
    if part.node is None:
        shown = quoted(part.text)
        return inlines(shown if part.why == "words" else Code(shown) if shown else "(nothing)")
    try:
        return inlines(typeset(part.node))
    except ValueError:
        return (Code(quoted(part.text)),)


def claim_math(claim: Claim) -> Inlines:
    """A claim: both sides and the relation between them, as running text.

    A condition that has been made a claim, the same on both sides, is shown once.
    """
    if claim.relation == "is" and claim.left.text == claim.right.text:
        return side(claim.left)
    if claim.left.node is not None and claim.right.node is not None:
        try:
            left, right = typeset(claim.left.node), typeset(claim.right.node)
            relation = m.Words(" is ") if claim.relation == "is" else m.Op(claim.relation)
            return inlines(m.Row((left, relation, right)))
        except ValueError:
            pass
    sign = "" if claim.relation == "is" else f"{claim.relation} "
    if claim.left.node is None and not claim.left.text.strip():
        return inlines(sign, side(claim.right))
    return inlines(side(claim.left), f" {sign or 'is '}", side(claim.right))


def tall(content: Inlines) -> bool:
    """Whether running text has mathematics of several lines in it: a matrix, cases."""
    return any(isinstance(part, m.Math) and _tall(part) for part in content)


def _tall(math: m.Math) -> bool:
    if isinstance(math, m.Matrix | m.Cases) and len(math.rows) > 1:
        return True
    parts = list(_parts_of(math))
    while parts:
        part = parts.pop()
        if isinstance(part, tuple):
            parts += part
        elif isinstance(part, m.Math) and _tall(part):
            return True
    return False


def _parts_of(math: m.Math) -> tuple[object, ...]:
    """The fields of a piece of mathematics."""
    if not is_dataclass(math):
        return ()
    return tuple(getattr(math, f.name) for f in fields(math))


def in_one(content: Inlines) -> m.Math:
    """Running text with mathematics in it as one formula, to stand on lines of its own."""
    return m.Row(tuple(part if isinstance(part, m.Math) else m.Words(part.text)
                       for part in content))


def with_values(words: str) -> Inlines:
    """Words with the matrices in them typeset: those written as [[8, 6], [0, −1]].

    >>> [type(part).__name__ for part in with_values("it is [[8, 6], [0, −1]], not 3")]
    ['Text', 'Matrix', 'Text']
    """
    found: list[Prose] = []
    at = 0
    for nested in _NESTED.finditer(words):
        rows = [[c.strip().replace("−", "-") for c in row.split(",")]
                for row in _ROW.findall(nested[0][1:-1])]
        if len({len(row) for row in rows}) != 1:
            continue
        found += [words[at : nested.start()],
                  m.Matrix(tuple(tuple(m.Num(c) for c in row) for row in rows))]
        at = nested.end()
    return inlines(*found, words[at:])


def quoted(source: str) -> str:
    """A piece of a paper in one line, cut where it is long.

    >>> quoted("a +\\n   b")
    'a + b'
    """
    line = visible(" ".join(source[: 4 * QUOTED].split()))
    return line if len(line) <= QUOTED and len(source) <= 4 * QUOTED else line[:QUOTED] + " …"


# --- one node at a time ---------------------------------------------------------------------------


def _typeset(node: Node, depth: int) -> m.Math:
    if depth > _DEPTH:
        raise _Large
    down = depth + 1
    match node:
        case Number():
            return m.Num(node.text)
        case Symbol():
            return _symbol(node, down)
        case Apply():
            return _apply(node, down)
        case Reduce():
            return _reduce(node, down)
        case Choice():
            return _choice(node, down)
        case Matrix():
            return _matrix(node, down)
        case Derivative():
            return _derivative(node, down)
        case Bar():
            return m.Subscript(m.Fence(_typeset(node.body, down), "", "|"),
                               _typeset(node.point, down))
        case Limit():
            return _limit(node, down)
        case Integral():
            return _integral(node, down)
        case Remark():
            if isinstance(node.body, Apply) and node.body.head == "words":
                return m.Words(quoted(node.said) or "otherwise")
            return _typeset(node.body, down)
        case _:
            raise _Large


def _symbol(node: Symbol, depth: int) -> m.Math:
    name, accent = _without_accent(node.name.replace("\\", ""))
    base: m.Math = m.Identifier("∞" if name == "infty" else name.replace("'", "′") or "?")
    if accent:
        base = m.Accent(base, accent)
    # a label stands in brackets, so that nobody takes it for a power
    sup = None if node.label is None else m.Fence(_typeset(node.label, depth))
    sub = _subscripts(node.subs, depth) if node.subs else None
    if sub is not None and sup is not None:
        return m.Both(base, sub, sup)
    if sub is not None:
        return m.Subscript(base, sub)
    return base if sup is None else m.Power(base, sup)


def _subscripts(subs: tuple[Node, ...], depth: int) -> m.Math:
    """Subscripts as they stand: the k0 of w_{k0} is two of them, and no product."""
    flat: list[Node] = []
    for sub in subs:
        close = isinstance(sub, Apply) and sub.head == "product" and not any(
            sign.strip() for sign in sub.signs)
        flat += sub.args if isinstance(sub, Apply) and close else (sub,)
    if len(flat) > len(subs) and len(subs) == 1:
        return m.Row(tuple(_typeset(n, depth) for n in flat))
    return _commas(subs, depth)


def _without_accent(name: str) -> tuple[str, str]:
    """`z̄` and `loss_bar` as the name and the kind of what is over it.

    >>> _without_accent("z\u0304"), _without_accent("loss_hat"), _without_accent("x")
    (('z', 'bar'), ('loss', 'hat'), ('x', ''))
    """
    for kind, mark in COMBINING.items():
        letters = unicodedata.normalize("NFD", name)
        if len(letters) > 1 and mark in letters:
            return unicodedata.normalize("NFC", letters.replace(mark, "", 1)), kind
        if name.endswith(f"_{kind}"):
            return name.removesuffix(f"_{kind}"), kind
    return name, ""


def _apply(node: Apply, depth: int) -> m.Math:
    head, args = node.head, node.args
    if len(args) > _PARTS:
        raise _Large
    if head in ("sum", "product", "compare", "such", "and", "or", "juxtaposed"):
        return _infix(node, depth)
    if head == "group" and len(args) == 1:
        inner = _typeset(args[0], depth)
        return inner if isinstance(args[0], Symbol | Matrix) else m.Fence(inner)
    if head in _BRACKETS:
        return m.Fence(_commas(args, depth), *_BRACKETS[head])
    if head.startswith("call:"):
        return m.Function(_function_name(head[5:]), _commas(args, depth))
    if head == "words":
        return m.Words("…")
    if head == "dots" or not args:
        return m.Op("…")
    if head in _BETWEEN and len(args) == 2:
        return m.Row((_held(args[0], _ATOM, depth), m.Op(_BETWEEN[head]),
                      _held(args[1], _ATOM, depth)))
    if head == "forall":
        return m.Row((m.Op("∀"), _commas(args, depth)))
    first = args[0]
    if head == "neg":
        return m.Row((m.Op("-"), _held(first, _PRODUCT, depth)))
    if head == "not":
        return m.Row((m.Op("not"), _held(first, _ATOM, depth)))
    if head == "frac" and len(args) == 2:
        return m.Fraction(_typeset(first, depth), _typeset(args[1], depth))
    if head == "power" and len(args) == 2:
        return m.Power(_held(first, _ATOM, depth), _typeset(args[1], depth))
    if head == "transpose":
        return m.Power(_held(first, _ATOM, depth), m.Op("⊤"))
    if head in ("sqrt", "root"):
        return m.Root(_typeset(first, depth))
    if head == "percent":
        return m.Row((_held(first, _ATOM, depth), m.Op("%")))
    if head == "cell":
        return m.Subscript(_held(first, _ATOM, depth), _commas(args[1:], depth))
    if head == "delta":
        return m.Subscript(m.Identifier("δ"), _commas(args, depth))
    return m.Function(_function_name(head), _commas(args, depth))


def _function_name(name: str) -> str | m.Math:
    bare = name.replace("\\", "")
    return m.Identifier(bare) if len(bare) == 1 or bare in m.GREEK else bare


def _infix(node: Apply, depth: int) -> m.Math:
    """Parts with signs between them; a sign may also stand before the first."""
    head, args, signs = node.head, node.args, node.signs
    lead = signs[0] if signs and len(signs) == len(args) else ""
    between = signs[1:] if len(signs) == len(args) else signs
    own = {"sum": _SUM, "product": _PRODUCT}.get(head, _LOOSE)
    items: list[m.Math] = [m.Op("-")] if head == "sum" and lead == "-" else []
    for k, arg in enumerate(args):
        if k:
            sign = between[k - 1] if k - 1 < len(between) else ""
            if head == "juxtaposed":
                sign = ""
            elif head in ("and", "or"):
                sign = head
            elif head == "product":
                sign = _SIGNS.get(sign, sign)
                if not sign and (_is_numeral(arg) or (k > 1 and _is_numeral(args[k - 1]))):
                    sign = "·"
            else:
                sign = _RELATIONS.get(sign, sign)
            if sign:
                items.append(m.Op(sign))
        # what follows a minus, or stands in a product, must hold together more tightly
        needs = own + 1 if k or own != _SUM else own
        items.append(_held(arg, _PRODUCT if own == _PRODUCT and not k else needs, depth))
    return m.Row(tuple(items))


def _is_numeral(node: Node) -> bool:
    if isinstance(node, Apply) and node.head in ("power", "product") and node.args:
        return _is_numeral(node.args[0])
    return isinstance(node, Number)


def _held(node: Node, needs: int, depth: int) -> m.Math:
    """A node in brackets if it holds together less tightly than its place needs."""
    inner = _typeset(node, depth)
    return inner if _tightness(node) >= needs else m.Fence(inner)


def _tightness(node: Node) -> int:
    if isinstance(node, Remark):
        return _tightness(node.body)
    if isinstance(node, Reduce | Limit | Integral):
        return _SUM
    if isinstance(node, Choice):
        return _LOOSE
    if isinstance(node, Derivative):
        return _PRODUCT if node.top is not None else _ATOM
    if not isinstance(node, Apply):
        return _ATOM
    if node.head == "neg":
        return _SUM
    known = {"sum": _SUM, "product": _PRODUCT, "frac": _POWER, "power": _POWER, "and": _LOOSE,
             "transpose": _POWER, "compare": _LOOSE, "or": _LOOSE, "not": _LOOSE, "such": _LOOSE}
    return known.get(node.head, _ATOM)


def _commas(nodes: tuple[Node, ...], depth: int) -> m.Math:
    if len(nodes) > _PARTS:
        raise _Large
    found = [_typeset(n, depth) for n in nodes]
    if len(found) == 1:
        return found[0]
    return m.Row(tuple(m.separated(found, m.Op(","))))


def _reduce(node: Reduce, depth: int) -> m.Math:
    below: list[m.Math] = []
    above: m.Math | None = None
    for item in node.items:
        said = _item(item, depth)
        if said is not None:
            below += [m.Op(","), said] if below else [said]
        if item.upper is not None and above is None and len(node.items) == 1:
            above = _typeset(item.upper, depth)
    operator = m.Op({"prod": "Π", "product": "Π", "sum": "Σ"}.get(node.op, node.op))
    body = _held(node.body, _PRODUCT, depth)
    if not below:
        return m.Row((operator, body))
    return m.Row((m.Under(operator, m.Row(tuple(below)), above), body))


def _item(item: Item, depth: int) -> m.Math | None:
    """What stands below the sign of a sum: an index, where it starts, a condition."""
    if item.index is None:
        return None if item.condition is None else _typeset(item.condition, depth)
    index = _typeset(item.index, depth)
    if item.lower is None:
        return index if item.condition is None else _typeset(item.condition, depth)
    return m.Row((index, m.Op("="), _typeset(item.lower, depth)))


def _choice(node: Choice, depth: int) -> m.Math:
    rows: list[tuple[m.Math, m.Math]] = []
    for value, condition in node.rows[:_PARTS]:
        said: m.Math = m.Words("otherwise")
        if condition is not None:
            said = _typeset(condition, depth)
        rows.append((_typeset(value, depth), said))
    return m.Cases(tuple(rows))


def _matrix(node: Matrix, depth: int) -> m.Math:
    if sum(map(len, node.rows)) > _CELLS:
        raise _Large
    rows = tuple(tuple(_typeset(cell, depth) for cell in r) for r in node.rows)
    width = max(map(len, rows), default=0)
    if not width:
        return m.Fence(m.Op(""), "[", "]")
    even = tuple((*r, *[m.Op("")] * (width - len(r))) for r in rows)
    return m.Matrix(even, delimiter=node.bracket if node.bracket in ("[", "(", "|") else "[")


def _derivative(node: Derivative, depth: int) -> m.Math:
    d = m.Identifier("d") if node.total else m.Op("∂")
    order = m.Power(d, m.Num(str(len(node.bottom)))) if len(node.bottom) > 1 else d
    below: list[m.Math] = []
    for bottom in node.bottom:
        below += [d, _held(bottom, _ATOM, depth)]
    if node.top is None:
        return m.Fraction(order, m.Row(tuple(below)))
    top = m.Row((order, _held(node.top, _ATOM, depth)))
    return m.Fraction(top, m.Row(tuple(below)))


def _limit(node: Limit, depth: int) -> m.Math:
    point = _typeset(node.point, depth)
    if node.side:
        point = m.Power(point, m.Op(node.side))
    below = m.Row((_typeset(node.variable, depth), m.Op("→"), point))
    return m.Row((m.Under(m.Op("lim"), below), _held(node.body, _PRODUCT, depth)))


def _integral(node: Integral, depth: int) -> m.Math:
    sign: m.Math = m.Op("∫")
    lower, upper = (None if b is None else _typeset(b, depth) for b in (node.lower, node.upper))
    if lower is not None and upper is not None:
        sign = m.Both(sign, lower, upper)
    elif lower is not None:
        sign = m.Subscript(sign, lower)
    return m.Row((sign, _held(node.body, _PRODUCT, depth), m.Identifier("d", upright=True),
                  _typeset(node.variable, depth)))
