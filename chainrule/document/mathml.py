"""Mathematics as MathML for browsers: presentation elements of the Core subset, escaped."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from chainrule.document.mathnodes import (
    OPERATORS,
    PREFIX,
    SPACED,
    Accent,
    Both,
    Cases,
    Fence,
    Fraction,
    Function,
    Identifier,
    Mark,
    Math,
    Matrix,
    Num,
    Op,
    Power,
    Root,
    Row,
    Subscript,
    Under,
    Words,
    fenced_base,
    is_long,
    is_sign,
    is_word,
    needs_tall_fence,
    on_letter,
    symbol_of,
)
from chainrule.document.mathtext import number_text
from chainrule.errors import visible


def mathml(m: Math, display: bool = False, large: bool = False) -> str:
    """The tree as a `<math>` element of presentation MathML (the Core subset), escaped.

    `display` sets it on a line of its own, `large` in its full size within a line.

    >>> from chainrule.document.mathtree import Identifier, Num, Power
    >>> mathml(Power(Identifier("x"), Num("2")))
    '<math><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    shown = ' display="block"' if display else ' displaystyle="true"' if large else ""
    return f"<math{shown}>{_mathml(m)}</math>"


def _mathml(m: Math) -> str:
    return _MATHML[type(m)](m)


def _safe(word: str) -> str:
    return escape(visible(word))


def _mathml_identifier(m: Identifier) -> str:
    name = symbol_of(m.name)
    normal = ' mathvariant="normal"' if m.upright and len(name) == 1 else ""
    return f"<mi{normal}>{_safe(name)}</mi>"


def _mathml_num(m: Num) -> str:
    word = number_text(m, False)
    digits, e, power = word.partition("e")
    if e and power.lstrip("+-").isdecimal():
        exponent = _mathml_num(Num(str(int(power))))
        return (
            f"<mrow>{_mathml_num(Num(digits))}<mo>×</mo><msup><mn>10</mn>{exponent}</msup></mrow>"
        )
    if word.startswith("-"):
        return f'<mrow><mo form="prefix">−</mo>{_mathml_num(Num(word[1:]))}</mrow>'
    return f"<mi>{_safe(word)}</mi>" if word in {"∞", "NaN"} else f"<mn>{_safe(word)}</mn>"


def _mathml_op(m: Op, unary: bool = False) -> str:
    word = OPERATORS.get(m.text, (m.text, ""))[0].replace("-", "−")
    word = {"Σ": "∑", "Π": "∏"}.get(word, word)
    if word in {"and", "or", "not "}:
        return f"<mtext>\u00a0{word.strip()}\u00a0</mtext>"
    form = ' form="prefix"' if unary else ""
    if m.text in PREFIX:
        form = ' form="prefix" lspace="0" rspace="0"'
    elif word.isalpha() and word.isascii():
        space = "0.25em" if m.text in SPACED else "0.1em"
        form = f' movablelimits="true" lspace="{space}" rspace="{space}"'
    elif word == "/":
        form = ' lspace="0" rspace="0"'
    return f"<mo{form}>{_safe(word)}</mo>"


def _mathml_row(m: Row) -> str:
    pieces: list[str] = []
    for i, item in enumerate(m.items):
        if isinstance(item, Op):
            pieces.append(_mathml_op(item, is_sign(m.items, i)))
            continue
        if i and is_word(m.items[i - 1]) and is_word(item):
            pieces.append('<mspace width="0.17em"></mspace>')
        pieces.append(_mathml(item))
    return f"<mrow>{''.join(pieces)}</mrow>"


_OVER = {"bar": "¯", "dot": "˙", "hat": "ˆ", "tilde": "˜"}


def _mathml_accent(m: Accent) -> str:
    pushed = on_letter(m)
    if pushed is not m:
        return _mathml(pushed)
    stretch = "true" if is_long(m.base) and m.kind != "dot" else "false"
    mark = f'<mo stretchy="{stretch}">{_OVER[m.kind]}</mo>'
    # No accent attribute: with it some browsers set the mark so low that it touches the letter.
    return f"<mover>{_mathml(m.base)}{mark}</mover>"


def _mathml_under(m: Under) -> str:
    inner = _mathml(m.operator) + _mathml(m.below)
    if m.above is None:
        return f"<munder>{inner}</munder>"
    return f"<munderover>{inner}{_mathml(m.above)}</munderover>"


def _brackets(inner: str, left: str, right: str, grow: bool = True) -> str:
    """Brackets around it; those that need not grow say so, as a stretched one stands apart."""
    stretch = "" if grow else ' stretchy="false"'
    opening = f'<mo form="prefix" fence="true"{stretch}>{_safe(left)}</mo>' if left else ""
    closing = f'<mo form="postfix" fence="true"{stretch}>{_safe(right)}</mo>' if right else ""
    return f"<mrow>{opening}{inner}{closing}</mrow>"


def _mathml_matrix(m: Matrix) -> str:
    def cell(i: int, j: int) -> str:
        mark = ' class="mark"' if (i, j) in m.marks else ""
        return f"<mtd{mark}>{_mathml(m.rows[i][j])}</mtd>"

    rows = "".join(
        f"<mtr>{''.join(cell(i, j) for j in range(len(r)))}</mtr>" for i, r in enumerate(m.rows)
    )
    left, right = ("(", ")") if m.delimiter == "(" else ("[", "]")
    return _brackets(f"<mtable>{rows}</mtable>", left, right)


def _mathml_cases(m: Cases) -> str:
    rows = "".join(
        f"<mtr><mtd>{_mathml(v)}</mtd><mtd>"
        + ("" if isinstance(c, Words) else "<mtext>if\u00a0</mtext>")
        + f"{_mathml(c)}</mtd></mtr>"
        for v, c in m.rows
    )
    return _brackets(f'<mtable class="cases">{rows}</mtable>', "{", "")


def _mathml_function(m: Function) -> str:
    name = m.name if isinstance(m.name, Math) else Identifier(m.name)
    return f"<mrow>{_mathml(name)}<mo>\u2061</mo>{_mathml(Fence(m.argument))}</mrow>"


_MATHML: dict[type[Math], Callable[[Any], str]] = {
    Identifier: _mathml_identifier,
    Num: _mathml_num,
    Op: _mathml_op,
    Row: _mathml_row,
    Fraction: lambda m: f"<mfrac>{_mathml(m.top)}{_mathml(m.bottom)}</mfrac>",
    Power: lambda m: f"<msup>{_mathml(fenced_base(m.base))}{_mathml(m.exponent)}</msup>",
    Subscript: lambda m: f"<msub>{_mathml(m.base)}{_mathml(m.sub)}</msub>",
    Both: lambda m: f"<msubsup>{_mathml(m.base)}{_mathml(m.sub)}{_mathml(m.sup)}</msubsup>",
    Root: lambda m: f"<msqrt>{_mathml(m.body)}</msqrt>",
    Accent: _mathml_accent,
    Under: _mathml_under,
    Matrix: _mathml_matrix,
    Cases: _mathml_cases,
    Fence: lambda m: _brackets(_mathml(m.body), m.open, m.close, needs_tall_fence(m.body)),
    Words: lambda m: f"<mtext>{_safe(m.text).replace(' ', chr(160))}</mtext>",
    Function: _mathml_function,
    Mark: lambda m: f'<mrow class="mark">{_mathml(m.body)}</mrow>',
}
