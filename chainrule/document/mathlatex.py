r"""Mathematics as LaTeX, and prose as well: pure ASCII, whatever came in.

What is written compiles with pdflatex and amsmath, and KaTeX in strict mode accepts it: Greek and
operators are commands, and no character reaches LaTeX that it would take for its own syntax.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from chainrule.document.mathnodes import (
    BIG,
    COMBINING,
    LOWERED,
    OPERATORS,
    RAISED,
    SUMS,
    SYMBOLS,
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
    is_word,
    needs_tall_fence,
    on_letter,
    symbol_of,
)
from chainrule.errors import visible


def latex(m: Math) -> str:
    r"""The tree in LaTeX's math mode, for amsmath and for KaTeX in strict mode; pure ASCII.

    >>> from chainrule.document.mathtree import Identifier, Num, Power, row
    >>> latex(Power(row(Identifier("x"), "+", Identifier("alpha")), Num("2")))
    '(x + \\alpha)^{2}'
    """
    return _LATEX[type(m)](m)


def latex_symbols(word: str) -> str:
    """The characters of a word in math mode, each mapped to its command."""
    found = []
    for c in visible(word):
        command = c if c.isascii() and c not in SYMBOLS else SYMBOLS.get(c)
        if command is None:
            command = rf"\text{{{latex_words(c)}}}"
        found.append(command + (" " if command[0] == "\\" and command[-1].isalpha() else ""))
    return "".join(found).rstrip(" ")


_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "&": r"\&",
    "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": "{`}", "–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'",
    "\u00a0": "~", "\u2009": " ", "\u202f": " ",
}  # fmt: skip
_ESCAPES['"'] = "''"


def latex_words(prose: str) -> str:
    """Prose for LaTeX's text mode: every special character escaped, every other one mapped.

    Greek and mathematical characters become small formulas; an accented Latin letter stays, as
    both inputenc and KaTeX know it; what nobody can print is named by its code point.
    """
    found: list[str] = []
    prose = visible(unicodedata.normalize("NFC", prose))
    marks = {mark: command for command, mark in COMBINING.items()} | {"\u0305": "bar"}
    i = 0
    while i < len(prose):
        c = prose[i]
        following = prose[i + 1] if i + 1 < len(prose) else ""
        if following in marks and following:
            found.append(rf"$\{marks[following]}{{{latex_symbols(c)}}}$")
            i += 2
            continue
        found.append(_latex_character(c))
        i += 1
    return "".join(found)


def _latex_character(c: str) -> str:
    if c in _ESCAPES:
        return _ESCAPES[c]
    if c.isascii():
        return c
    base = unicodedata.normalize("NFD", c)
    if len(base) == 2 and base[0].isascii() and base[0] not in "ij" and base[1] in _LATIN:
        return f"{_LATIN[base[1]]}{{{base[0]}}}"
    if c in "ßæøåÆØÅ":
        return {"ß": r"\ss{}", "æ": r"\ae{}", "ø": r"\o{}", "å": r"\aa{}", "Æ": r"\AE{}",
                "Ø": r"\O{}", "Å": r"\AA{}"}[c]  # fmt: skip
    if c in SYMBOLS:
        return f"${SYMBOLS[c]}$"
    if c in LOWERED:
        return f"$_{{{SYMBOLS.get(LOWERED[c], LOWERED[c])}}}$"
    if c in RAISED:
        return f"$^{{{RAISED[c]}}}$"
    if len(base) == 2 and base[1] in set(COMBINING.values()):
        kind = next(k for k, mark in COMBINING.items() if mark == base[1])
        return rf"$\{kind}{{{latex_symbols(base[0])}}}$"
    return _DRAWING.get(c, f"[U+{ord(c):04X}]")


# Combining marks with an accent command in text mode (each known to KaTeX as well).
_LATIN = {"\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0308": r'\"',
          "\u0304": r"\=", "\u0307": r"\.", "\u030c": r"\v", "\u030a": r"\r"}  # fmt: skip
_DRAWING = dict.fromkeys("─━═", "-") | dict.fromkeys("│┃║", r"$\vert$") | {
    "•": r"$\bullet$", "●": r"$\bullet$", "○": r"$\circ$", "▸": r"$\triangleright$",
    "⎡": "[", "⎢": "[", "⎣": "[", "⎤": "]", "⎥": "]", "⎦": "]", "√": r"$\surd$",
    "└": "+", "├": "+", "ı": r"\i{}", "§": r"\S{}", "£": r"\pounds{}", "©": r"\copyright{}",
}  # fmt: skip


def _latex_identifier(m: Identifier) -> str:
    name = symbol_of(m.name)
    stem = name.rstrip("'′")
    primes = "'" * (len(name) - len(stem))
    if len(stem) == 1 and not m.upright:
        return latex_symbols(stem) + primes
    if stem.isascii():
        return rf"\mathrm{{{stem.replace(' ', '~') if stem.isalnum() else _words(stem)}}}" + primes
    return latex_symbols(stem) + primes


def _words(prose: str) -> str:
    """Text-mode escapes that are allowed in math mode as well."""
    return "".join(
        c
        if c.isalnum() or c in "-+.,;:'()[]/=*!?@ "
        else SYMBOLS.get(c, c) + "{}"
        if c not in "_%#&$"
        else f"\\{c}"
        for c in prose
    )


def _latex_num(m: Num) -> str:
    known = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}
    if m.text in known:
        return known[m.text]
    digits, e, power = m.text.partition("e")
    if e and power.lstrip("+-").isdecimal():
        return rf"{latex_symbols(digits)} \times 10^{{{int(power)}}}"
    return latex_symbols(m.text)


def _latex_op(m: Op) -> str:
    if m.text in OPERATORS:
        return OPERATORS[m.text][1]
    return (
        rf"\operatorname{{{m.text}}}"
        if m.text.isascii() and m.text.isalpha()
        else latex_symbols(m.text)
    )


def _latex_row(m: Row) -> str:
    pieces: list[str] = []
    before: Math | None = None
    for item in m.items:
        piece = latex(item)
        if before is not None and is_word(before) and is_word(item):
            pieces.append(r"\,")
        if isinstance(before, Op) and before.text in SUMS and piece.startswith("-"):
            piece = f"{{{piece}}}"  # a + -2: the sign must not be taken for an operator
        pieces.append(piece)
        before = item
    return " ".join(p for p in pieces if p)


def _latex_scripts(base: Math, scripts: str) -> str:
    inner = latex(base)
    simple = isinstance(base, Identifier | Num | Op | Fence | Accent | Function | Matrix)
    simple = simple and not inner.endswith("'")
    return f"{inner}{scripts}" if simple else f"{{{inner}}}{scripts}"


def _latex_both(m: Both) -> str:
    return _latex_scripts(fenced_base(m.base), f"_{{{latex(m.sub)}}}^{{{latex(m.sup)}}}")


def _latex_power(m: Power) -> str:
    if isinstance(m.base, Subscript):
        return _latex_both(Both(m.base.base, m.base.sub, m.exponent))
    return _latex_scripts(fenced_base(m.base), f"^{{{latex(m.exponent)}}}")


def _latex_accent(m: Accent) -> str:
    pushed = on_letter(m)
    if pushed is not m:
        return latex(pushed)
    inner = latex(m.base)
    command = {"bar": "overline", "hat": "widehat", "tilde": "widetilde"}.get(m.kind, m.kind)
    return rf"\{command if is_long(m.base) else m.kind}{{{inner}}}"


def _latex_under(m: Under) -> str:
    operator = m.operator
    if isinstance(operator, Op) and operator.text.startswith("arg"):
        inner = rf"\operatorname*{{arg\,{operator.text[3:]}}}"
    elif isinstance(operator, Op) and operator.text in BIG:
        inner = latex(operator)
    else:
        inner = rf"\mathop{{{latex(operator)}}}"
    above = f"^{{{latex(m.above)}}}" if m.above is not None else ""
    return f"{inner}_{{{latex(m.below)}}}{above}"


def _latex_matrix(m: Matrix) -> str:
    lines = r" \\ ".join(
        " & ".join(
            rf"\boxed{{{latex(cell)}}}" if (i, j) in m.marks else latex(cell)
            for j, cell in enumerate(r)
        )
        for i, r in enumerate(m.rows)
    )
    columns = max(map(len, m.rows), default=0)
    if columns > 10:  # amsmath's matrices stop at ten columns
        left, right = ("(", ")") if m.delimiter == "(" else ("[", "]")
        body = rf"\begin{{array}}{{{'c' * columns}}} {lines} \end{{array}}"
        return rf"\left{left} {body} \right{right}"
    kind = "pmatrix" if m.delimiter == "(" else "bmatrix"
    return rf"\begin{{{kind}}} {lines} \end{{{kind}}}"


def _latex_cases(m: Cases) -> str:
    rows = (
        f"{latex(v)} & " + ("" if isinstance(c, Words) else r"\text{if } ") + latex(c)
        for v, c in m.rows
    )
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


_DELIMITERS = {"{": r"\lbrace", "}": r"\rbrace", "|": r"\vert", "": "."}


def _latex_fence(m: Fence) -> str:
    left, right = (_DELIMITERS.get(c, SYMBOLS.get(c, c)) for c in (m.open, m.close))
    inner = latex(m.body)
    if needs_tall_fence(m.body) or "." in (left, right):
        return rf"\left{left} {inner} \right{right}"
    if m.open == m.close == "|":
        left, right = r"\lvert", r"\rvert"
    elif m.open == m.close == "‖":
        left, right = r"\lVert", r"\rVert"
    return f"{left} {inner} {right}" if left[0] == "\\" else f"{left}{inner}{right}"


_NAMED = frozenset(
    ("arccos", "arcsin", "arctan", "cos", "cosh", "det", "exp", "ln", "log", "max", "min", "sin")
) | {"sinh", "tan", "tanh"}


def _latex_function(m: Function) -> str:
    if isinstance(m.name, Math):
        name = latex(m.name)
    elif m.name in _NAMED:
        name = f"\\{m.name}"
    elif len(symbol_of(m.name)) == 1:
        name = latex(Identifier(m.name))
    else:
        name = rf"\operatorname{{{_words(m.name)}}}" if m.name.isascii() else latex_symbols(m.name)
    return name + latex(Fence(m.argument))


_LATEX: dict[type[Math], Callable[[Any], str]] = {
    Identifier: _latex_identifier,
    Num: _latex_num,
    Op: _latex_op,
    Row: _latex_row,
    Fraction: lambda m: rf"\frac{{{latex(m.top)}}}{{{latex(m.bottom)}}}",
    Power: _latex_power,
    Subscript: lambda m: _latex_scripts(m.base, f"_{{{latex(m.sub)}}}"),
    Both: _latex_both,
    Root: lambda m: rf"\sqrt{{{latex(m.body)}}}",
    Accent: _latex_accent,
    Under: _latex_under,
    Matrix: _latex_matrix,
    Cases: _latex_cases,
    Fence: _latex_fence,
    Words: lambda m: rf"\text{{{latex_words(m.text)}}}",
    Function: _latex_function,
    Mark: lambda m: rf"\boxed{{{latex(m.body)}}}",
}
