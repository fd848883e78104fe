"""Mathematics as Unicode text: in one line, or over several where it holds a matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chainrule.document.mathnodes import (
    BIG,
    COMBINING,
    OPERATORS,
    PREFIX,
    SPACED,
    SUBSCRIPTS,
    SUPERSCRIPTS,
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
    display_width,
    fenced_base,
    is_loose,
    is_sign,
    on_letter,
    symbol_of,
)
from chainrule.errors import visible


def text(m: Math, tight: bool = False) -> str:
    """The tree in one line of Unicode; `tight` leaves out the spaces around operators.

    >>> from chainrule.document.mathtree import row
    >>> text(Fraction(row(Identifier("a"), "+", Num("1")), row(Num("2"), "·", Identifier("b"))))
    '(a + 1)/(2 · b)'
    >>> text(Matrix(((Num("8"), Num("6")), (Num("-0.5"), Num("-0.5")))))
    '[8 6; -0.5 -0.5]'
    """
    return _TEXT[type(m)](m, tight)


def _text_row(m: Row, tight: bool) -> str:
    pieces: list[str] = []
    items = m.items
    for i, item in enumerate(items):
        piece = text(item, tight)
        if isinstance(item, Op):
            unary = is_sign(items, i)
            if item.text in {",", ";", ":"}:
                piece = piece if tight else piece + " "
            elif item.text in SPACED and (item.text.isalpha() or not (unary or tight)):
                piece = f" {piece} "
        elif i and not isinstance(items[i - 1], Op):
            alone = isinstance(item, Fence) and isinstance(items[i - 1], Identifier | Subscript)
            coefficient = isinstance(items[i - 1], Num) and not isinstance(item, Num | Fraction)
            words = isinstance(item, Words) or isinstance(items[i - 1], Words)
            second = isinstance(items[i - 1], Power) and items[i - 1].base == Op("∂")  # type: ignore[attr-defined]
            close = tight and not isinstance(items[i - 1], Under)  # max_j xⱼ, small as it is
            total = i == 1 and items[0] == Identifier("d")  # dL, of a derivative
            if not (alone or coefficient or words or close or second or total):
                pieces.append(" ")
        elif i and isinstance(items[i - 1], Op) and items[i - 1].text in BIG:  # type: ignore[attr-defined]
            pieces.append(" ")
        if isinstance(item, Fraction) and _touches(items, i):
            piece = f"({piece})"
        pieces.append(piece)
    return "".join(pieces).replace("  ", " ").strip(" ")


def _touches(items: tuple[Math, ...], at: int) -> bool:
    """Whether a fraction in one line would run into a neighbour without an operator between."""
    for near in (at - 1, at + 1):
        if 0 <= near < len(items):
            other = items[near]
            if isinstance(other, Op):
                if other.text in {"/", "÷"} | PREFIX:
                    return True
            elif not isinstance(other, Words | Under):
                return True
    return False


def _text_fraction(m: Fraction, tight: bool) -> str:
    top, bottom = text(m.top, tight), text(m.bottom, tight)
    top = f"({top})" if is_loose(m.top, product=False) else top
    return f"{top}/({bottom})" if is_loose(m.bottom, product=True) else f"{top}/{bottom}"


def _lowered(sub: Math, unicode: bool = True) -> str:
    inner = text(sub, tight=True)
    if unicode and inner and not _is_word(sub) and all(c in SUBSCRIPTS for c in inner):
        return "".join(SUBSCRIPTS[c] for c in inner)
    short = len(inner) == 1 or (inner.isalnum() and inner.isascii())
    return f"_{inner}" if short else f"_{{{inner}}}"


def _is_word(m: Math) -> bool:
    """Whether this is one name of several letters: p_in in small letters reads as p at i, n."""
    return isinstance(m, Identifier) and len(m.name) > 1 and m.name.isalpha()


def _raised(sup: Math) -> str:
    inner = text(sup, tight=True)
    short = len(inner) <= (5 if isinstance(sup, Fence) else 4)  # (l+1) numbers a layer
    if inner and short and not _is_word(sup) and all(c in SUPERSCRIPTS for c in inner):
        return "".join(SUPERSCRIPTS[c] for c in inner)
    return f"^{inner}" if display_width(inner) == 1 or inner.isalnum() else f"^({inner})"


def _text_accent(m: Accent, tight: bool) -> str:
    pushed = on_letter(m)
    if pushed is not m:
        return text(pushed, tight)
    inner = text(m.base, tight)
    if not inner or not inner.replace("_", "").isalnum():
        return f"{m.kind}({inner})"
    if m.kind == "bar" and len(inner) > 1:
        return "".join(c + "\u0305" for c in inner)
    return inner[0] + COMBINING[m.kind] + inner[1:]


def _text_matrix(m: Matrix, tight: bool) -> str:
    rows = (" ".join(_marked(m, i, j, True) for j in range(len(r))) for i, r in enumerate(m.rows))
    inner = "; ".join(rows)
    return f"({inner})" if m.delimiter == "(" else f"[{inner}]"


def _marked(m: Matrix, i: int, j: int, tight: bool) -> str:
    cell = text(m.rows[i][j], tight)
    return f"‹{cell}›" if (i, j) in m.marks else cell


def _case(value: str, condition: Math, tight: bool) -> str:
    said = text(condition, tight)
    return f"{value} {said.strip()}" if isinstance(condition, Words) else f"{value} if {said}"


def number_text(m: Num, tight: bool) -> str:
    return {"inf": "∞", "-inf": "-∞", "nan": "NaN"}.get(m.text, visible(m.text).replace("−", "-"))


def _text_fence(m: Fence, tight: bool) -> str:
    return f"{m.open}{text(m.body, tight)}{m.close}"


def _text_function(m: Function, tight: bool) -> str:
    name = m.name if isinstance(m.name, Math) else Identifier(m.name)
    return f"{text(name)}({text(m.argument, tight)})"


def _text_under(m: Under, tight: bool) -> str:
    above = _raised(m.above) if m.above is not None else ""
    return text(m.operator, tight) + _lowered(m.below, unicode=False) + above


_TEXT: dict[type[Math], Callable[[Any, bool], str]] = {
    Identifier: lambda m, tight: visible(symbol_of(m.name)),
    Num: number_text,
    Op: lambda m, tight: OPERATORS.get(m.text, (visible(m.text), ""))[0],
    Row: _text_row,
    Fraction: _text_fraction,
    Power: lambda m, tight: text(fenced_base(m.base), tight) + _raised(m.exponent),
    Subscript: lambda m, tight: text(m.base, tight) + _lowered(m.sub),
    Both: lambda m, tight: text(m.base, tight) + _lowered(m.sub) + _raised(m.sup),
    Root: lambda m, tight: (
        f"√({text(m.body, tight)})"
        if isinstance(m.body, Row | Fraction | Power | Both) or len(text(m.body)) > 2
        else f"√{text(m.body, tight)}"
    ),
    Accent: _text_accent,
    Under: _text_under,
    Matrix: _text_matrix,
    Cases: lambda m, tight: f"{{{'; '.join(_case(text(v, tight), c, tight) for v, c in m.rows)}}}",
    Fence: _text_fence,
    Words: lambda m, tight: visible(m.text),
    Function: _text_function,
    Mark: lambda m, tight: f"‹{text(m.body, tight)}›",
}


# --- text over several lines --------------------------------------------------------------------

_SIDES = {  # one line, top, middle, bottom
    "[": ("[⎡⎢⎣", "]⎤⎥⎦"), "(": ("(⎛⎜⎝", ")⎞⎟⎠"), "]": ("]⎤⎥⎦", "]⎤⎥⎦"), ")": (")⎞⎟⎠", ")⎞⎟⎠"),
    "{": ("{⎧⎪⎩", "}⎫⎪⎭"), "}": ("}⎫⎪⎭", "}⎫⎪⎭"), "|": ("||||", "||||"),
}  # fmt: skip


def tall(m: Math) -> bool:
    """Whether the tree holds something that reads better over several lines."""
    if isinstance(m, Matrix):
        return len(m.rows) > 1 or any(tall(cell) for r in m.rows for cell in r)
    if isinstance(m, Cases):
        return len(m.rows) > 1
    if isinstance(m, Row):
        return any(map(tall, m.items))
    if isinstance(m, Fence | Mark):
        return tall(m.body)
    return isinstance(m, Power | Subscript | Both) and tall(m.base)


def text_block(m: Math) -> list[str]:
    """The tree in as many lines as its matrices need; the middle line is level with the rest.

    >>> from chainrule.document.mathtree import row
    >>> cells = ((Num("8"), Num("6")), (Num("-0.5"), Num("0.25")))
    >>> print("\\n".join(text_block(row(Identifier("A"), "=", Matrix(cells)))))
    A = ⎡ 8    6   ⎤
        ⎣-0.5  0.25⎦
    """
    if not tall(m):
        return [text(m)]
    if isinstance(m, Matrix):
        return _block_matrix(m)
    if isinstance(m, Cases):
        return _sided([_case(text(v), c, False) for v, c in m.rows], "{", "")
    if isinstance(m, Fence):
        return _sided(text_block(m.body), m.open, m.close)
    if isinstance(m, Mark):
        return beside([["‹"], text_block(m.body), ["›"]])
    if isinstance(m, Row):
        return _block_row(m)
    base, whole = m.base, text(m)  # type: ignore[attr-defined]
    return beside([text_block(base), [whole.removeprefix(text(base))]], baseline=False)


def _block_row(m: Row) -> list[str]:
    """Runs of flat items become one piece, spaced as in one line, between the tall ones."""
    pieces: list[list[str]] = []
    run: list[Math] = []
    items = [*m.items, None]
    for item in items:
        if item is not None and not tall(item):
            run.append(item)
            continue
        if run:
            head = [Identifier("\ufffc")] if pieces else []
            tail = [] if item is None else [Identifier("\ufffc")]
            flat = text(Row((*head, *run, *tail)))
            pieces.append([flat.replace("<U+FFFC>", "").replace("\ufffc", "")])
            run = []
        elif pieces and item is not None:
            pieces.append([" "])
        if item is not None:
            pieces.append(text_block(item))
    return beside(pieces)


def beside(blocks: list[list[str]], baseline: bool = True) -> list[str]:
    """Blocks of lines side by side, their middle lines level (or their first lines)."""
    middles = [(len(b) - 1) // 2 if baseline else 0 for b in blocks]
    above = max(middles, default=0)
    below = max((len(b) - m for b, m in zip(blocks, middles, strict=True)), default=0)
    lines = [""] * (above + below)
    for block, middle in zip(blocks, middles, strict=True):
        width = max(map(display_width, block), default=0)
        for i in range(above + below):
            k = i - (above - middle)
            piece = block[k] if 0 <= k < len(block) else ""
            lines[i] += piece + " " * (width - display_width(piece))
    return [line.rstrip() for line in lines]


def _sided(lines: list[str], left: str, right: str) -> list[str]:
    width = max(map(display_width, lines), default=0)
    lefts, rights = _SIDES.get(left, (left * 4,) * 2)[0], _SIDES.get(right, (right * 4,) * 2)[1]
    found = []
    for i, line in enumerate(lines):
        part = 0 if len(lines) == 1 else 1 if i == 0 else 3 if i == len(lines) - 1 else 2
        padded = line + " " * (width - display_width(line))
        found.append(f"{lefts[part : part + 1]}{padded}{rights[part : part + 1]}")
    return found


def _block_matrix(m: Matrix) -> list[str]:
    nested = any(tall(cell) for r in m.rows for cell in r)
    columns = range(max(map(len, m.rows), default=0))
    if nested:
        lines: list[str] = []
        for r in m.rows:
            lines += beside([b for cell in r for b in (text_block(cell), ["  "])][:-1])
        return _sided(lines, m.delimiter, ")" if m.delimiter == "(" else "]")
    cells = [
        [_marked(m, i, j, True) if j < len(r) else "" for j in columns]
        for i, r in enumerate(m.rows)
    ]
    aligned = list(zip(*(align_points([r[j] for r in cells]) for j in columns), strict=True))
    lines = ["  ".join(r) for r in aligned]
    return _sided(lines, m.delimiter, ")" if m.delimiter == "(" else "]")


def align_points(cells: Iterable[str]) -> list[str]:
    """The cells padded to one width: numbers by their decimal points, the rest to the right.

    >>> align_points(["8", "-0.25"])
    [' 8   ', '-0.25']
    """
    cells = list(cells)
    bare = [c.strip("‹›") for c in cells]
    if all(_is_number(b) for b in bare if b):
        heads = [c.partition(".")[0].removesuffix("›") for c in cells]
        tails = [c[len(h) :] for c, h in zip(cells, heads, strict=True)]
        left, right = max(map(len, heads), default=0), max(map(len, tails), default=0)
        return [h.rjust(left) + t.ljust(right) for h, t in zip(heads, tails, strict=True)]
    width = max(map(display_width, cells), default=0)
    return [" " * (width - display_width(c)) + c for c in cells]


def _is_number(word: str) -> bool:
    return word.removeprefix("-").replace(".", "", 1).isdecimal()
