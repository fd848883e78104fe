"""The nodes of typeset mathematics, and what every spelling of them needs to know.

A tree says what is on the page, not what it means: a fraction, a subscript, a matrix. Below the
nodes stand the tables of symbols and operators and a few questions that the walks in `mathtext`,
`mathlatex` and `mathml` all ask: is this minus a sign, does this base need brackets?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class Math:
    """A node of typeset mathematics; the classes below are all there are."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Identifier(Math):
    """One symbol: `x`, `α` (or `alpha`), `loss`. Several letters, or `upright`, stand upright."""

    name: str
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Num(Math):
    """A number as it is to be printed: `2`, `-0.5`, `1.2e-5`, `inf`."""

    text: str


@dataclass(frozen=True, slots=True)
class Op(Math):
    """An operator or relation: `+ - · × / = ≈ ≠ < ≤ ∈ → , ∂ Σ max` and so on."""

    text: str


@dataclass(frozen=True, slots=True)
class Row(Math):
    """Things side by side, with the spacing that the operators among them ask for."""

    items: tuple[Math, ...]


@dataclass(frozen=True, slots=True)
class Fraction(Math):
    """A quotient, `top` over `bottom`."""

    top: Math
    bottom: Math


@dataclass(frozen=True, slots=True)
class Power(Math):
    """A superscript; a base that is a sum, a quotient or a negative number gets brackets."""

    base: Math
    exponent: Math


@dataclass(frozen=True, slots=True)
class Subscript(Math):
    """A subscript."""

    base: Math
    sub: Math


@dataclass(frozen=True, slots=True)
class Both(Math):
    """A subscript and a superscript."""

    base: Math
    sub: Math
    sup: Math


@dataclass(frozen=True, slots=True)
class Root(Math):
    """A square root."""

    body: Math


@dataclass(frozen=True, slots=True)
class Accent(Math):
    """A mark over the base letter, `kind` one of bar, dot, hat, tilde; subscripts stay outside."""

    base: Math
    kind: str


@dataclass(frozen=True, slots=True)
class Under(Math):
    """A big operator with what it runs over: Σ over k, the maximum over a < 2."""

    operator: Math
    below: Math
    above: Math | None = None


@dataclass(frozen=True, slots=True)
class Matrix(Math):
    """Rows of cells in brackets; the cells at `marks` (row, column) are emphasised."""

    rows: tuple[tuple[Math, ...], ...]
    marks: frozenset[tuple[int, int]] = frozenset()
    delimiter: str = "["


@dataclass(frozen=True, slots=True)
class Cases(Math):
    """A definition by cases: rows of (value, condition); `Words` conditions stand as they are."""

    rows: tuple[tuple[Math, Math], ...]


@dataclass(frozen=True, slots=True)
class Fence(Math):
    """The body between brackets, which grow with it: ( [ { | ‖ ⌊ ⌈ ⟨, or "" for none."""

    body: Math
    open: str = "("
    close: str = ")"


@dataclass(frozen=True, slots=True)
class Words(Math):
    """Words of prose inside mathematics, spaces included."""

    text: str


@dataclass(frozen=True, slots=True)
class Function(Math):
    """A function applied: `ln(2)`. Several arguments are a `Row` with commas."""

    name: str | Math
    argument: Math


@dataclass(frozen=True, slots=True)
class Mark(Math):
    """The body, emphasised: a winner, a factor that cancels."""

    body: Math


def separated(items: Iterable[Any], by: Any) -> list[Any]:
    """The items with `by` between neighbours: commas in a list of arguments, or in prose.

    >>> separated(["a", "b", "c"], ", ")
    ['a', ', ', 'b', ', ', 'c']
    """
    found: list[Any] = []
    for item in items:
        found += [by, item] if found else [item]
    return found


def row(*items: Math | str) -> Row:
    """A `Row`; a string is an operator.

    >>> row(Num("2"), "+").items
    (Num(text='2'), Op(text='+'))
    """
    return Row(tuple(Op(item) if isinstance(item, str) else item for item in items))


# --- tables ------------------------------------------------------------------------------------

_GREEK = (
    "alpha α,beta β,gamma γ,delta δ,epsilon ε,zeta ζ,eta η,theta θ,iota ι,kappa κ,lambda λ,mu μ,"
    "nu ν,xi ξ,pi π,rho ρ,sigma σ,tau τ,upsilon υ,phi φ,chi χ,psi ψ,omega ω,Gamma Γ,Delta Δ,"
    "Theta Θ,Lambda Λ,Xi Ξ,Pi Π,Sigma Σ,Upsilon Υ,Phi Φ,Psi Ψ,Omega Ω"
)
GREEK: dict[str, str] = dict(pair.split(" ") for pair in _GREEK.split(","))

# LaTeX, in math mode, of each character that is not its own spelling.
SYMBOLS: dict[str, str] = {letter: f"\\{name}" for name, letter in GREEK.items()} | {
    "ε": r"\varepsilon", "ϵ": r"\epsilon", "ϑ": r"\vartheta", "φ": r"\varphi", "ϕ": r"\phi",
    "µ": r"\mu", "𝟏": r"\mathbf{1}", "ℓ": r"\ell", "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}",
    "ℤ": r"\mathbb{Z}",
    "−": "-", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "÷": r"\div", "±": r"\pm",
    "∘": r"\circ", "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "⊕": r"\oplus", "∗": r"\ast",
    "≈": r"\approx", "≠": r"\neq", "≤": r"\leq", "≥": r"\geq", "≡": r"\equiv", "≪": r"\ll",
    "≫": r"\gg", "∝": r"\propto", "∼": r"\sim", "∈": r"\in", "∉": r"\notin", "⊂": r"\subset",
    "⊆": r"\subseteq", "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset", "→": r"\to",
    "←": r"\leftarrow", "↦": r"\mapsto", "⇒": r"\Rightarrow", "⇐": r"\Leftarrow",
    "⇔": r"\Leftrightarrow", "↑": r"\uparrow", "↓": r"\downarrow", "⇑": r"\Uparrow",
    "⇓": r"\Downarrow", "↔": r"\leftrightarrow", "∀": r"\forall", "∃": r"\exists",
    "∧": r"\land", "∨": r"\lor", "¬": r"\lnot", "∂": r"\partial", "∇": r"\nabla",
    "∞": r"\infty", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "√": r"\surd",
    "…": r"\ldots", "⋯": r"\cdots", "⋮": r"\vdots", "⋱": r"\ddots", "⊤": r"\top",
    "ᵀ": r"^{\top}", "′": "'", "°": r"^{\circ}", "⌊": r"\lfloor", "⌋": r"\rfloor",
    "⌈": r"\lceil", "⌉": r"\rceil", "⟨": r"\langle", "⟩": r"\rangle", "‖": r"\Vert",
    "|": r"\vert", "{": r"\lbrace", "}": r"\rbrace", "%": r"\%", "#": r"\#", "&": r"\&",
    "$": r"\$", "_": r"\_", "\\": r"\backslash", "^": r"\wedge", "~": r"\sim",
    "‹": r"\langle", "›": r"\rangle", "✓": r"\surd", "✗": r"\times", "½": r"\tfrac{1}{2}",
    "□": r"\square", "∴": r"\therefore", "∵": r"\because",
}  # fmt: skip

SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()aehijklmnoprstuvxβγρφχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )
)
SUPERSCRIPTS = dict(zip("0123456789+-()nijklmtxLT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱʲᵏˡᵐᵗˣᴸᵀ", strict=True))
LOWERED: dict[str, str] = {small: plain for plain, small in SUBSCRIPTS.items()}
RAISED: dict[str, str] = {small: plain for plain, small in SUPERSCRIPTS.items()}
COMBINING: dict[str, str] = {"bar": "\u0304", "dot": "\u0307", "hat": "\u0302", "tilde": "\u0303"}

OPERATORS: dict[str, tuple[str, str]] = {  # what is written: its text, its LaTeX
    "-": ("-", "-"), "−": ("-", "-"), "Σ": ("Σ", r"\sum"), "∑": ("Σ", r"\sum"),
    "Π": ("Π", r"\prod"), "∏": ("Π", r"\prod"), "sum": ("Σ", r"\sum"), "max": ("max", r"\max"),
    "min": ("min", r"\min"), "argmax": ("argmax", r"\operatorname{arg\,max}"),
    "argmin": ("argmin", r"\operatorname{arg\,min}"), "and": ("and", r"\text{ and }"),
    "or": ("or", r"\text{ or }"), "not": ("not ", r"\text{not }"), "%": ("mod", r"\bmod"),
    "mod": ("mod", r"\bmod"), "+=": ("+=", r"\mathrel{{+}{=}}"), "-=": ("-=", r"\mathrel{{-}{=}}"),
    ":=": (":=", r"\mathrel{{:}{=}}"), "==": ("=", "="), "<=": ("≤", r"\leq"),
    ">=": ("≥", r"\geq"), "!=": ("≠", r"\neq"), "->": ("→", r"\to"), "*": ("·", r"\cdot"),
    "|": ("|", r"\mid"), "": ("", ""),
}  # fmt: skip
PREFIX = {"∂", "∇", "¬", "not", "Δ", "√"}
SUMS = {"+", "-", "−", "±"}
SPACED = (
    SUMS
    | set("·⋅×÷∘⊙⊗⊕∗*=≈≠≤≥<>≡≪≫∝∼∈∉⊂⊆∪∩→←↦⇒⇐⇔↔∧∨|%")
    | {"and", "or", "mod", "+=", "-=", ":=", "==", "<=", ">=", "!=", "->"}
)
BIG = {"Σ", "∑", "Π", "∏", "sum", "max", "min", "argmax", "argmin"}


# --- what several walks need to know ------------------------------------------------------------


def display_width(line: str) -> int:
    """The terminal columns that a line takes: combining marks take none, wide letters two."""
    if line.isascii():
        return len(line)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in line
    )


def is_sign(items: tuple[Math, ...], at: int) -> bool:
    """Whether the operator at this place is a sign or a prefix, not something between two."""
    item = items[at]
    assert isinstance(item, Op)
    if item.text in PREFIX:
        return True
    if item.text not in SUMS:
        return False
    before = items[at - 1] if at else None
    return before is None or isinstance(before, Op | Under)


def is_loose(m: Math, product: bool) -> bool:
    """Whether `m` in one line needs brackets as a part of a quotient (`product`: or a product)."""
    if isinstance(m, Mark):
        return is_loose(m.body, product)
    if isinstance(m, Fraction | Under | Cases):
        return True
    if isinstance(m, Num):
        return product and "/" in m.text
    if not isinstance(m, Row):
        return False
    items = m.items
    if not items:
        return False
    if len(items) == 1:
        return is_loose(items[0], product)
    operators = [(i, x.text) for i, x in enumerate(items) if isinstance(x, Op)]
    if any(isinstance(x, Under) for x in items):
        return True
    binary = [name for i, name in operators if name in SPACED and not is_sign(items, i)]
    if any(name in SUMS or name not in "·⋅×*" for name in binary):
        return True
    differential = items[0] == Op("∂") or items[0] == Identifier("d") or items[0] == Op("∇")
    several = all(name == "∂" for _, name in operators)  # ∂w∂v, below ∂²
    return product and not (differential and (len(operators) <= 1 or several))


def needs_fence(base: Math) -> bool:
    """Whether a base of a power must stand in brackets."""
    if isinstance(base, Row):
        return len(base.items) != 1 or needs_fence(base.items[0])
    if isinstance(base, Num):
        return not base.text.replace(".", "").isalnum()
    return isinstance(base, Fraction | Power | Both | Under | Cases)


def fenced_base(base: Math) -> Math:
    return Fence(base) if needs_fence(base) else base


def on_letter(m: Accent) -> Math:
    """The accent moved inside subscripts and powers, onto the letter that it belongs to."""
    base = m.base
    if isinstance(base, Subscript):
        return Subscript(Accent(base.base, m.kind), base.sub)
    if isinstance(base, Power):
        return Power(Accent(base.base, m.kind), base.exponent)
    if isinstance(base, Both):
        return Both(Accent(base.base, m.kind), base.sub, base.sup)
    return m


def needs_tall_fence(m: Math) -> bool:
    """Whether brackets around `m` must grow."""
    if isinstance(m, Fraction | Matrix | Cases | Under | Root):
        return True
    if isinstance(m, Row):
        return any(map(needs_tall_fence, m.items))
    if isinstance(m, Power | Both | Subscript | Accent):
        return needs_tall_fence(m.base)
    if isinstance(m, Fence | Mark):
        return needs_tall_fence(m.body)
    return isinstance(m, Function) and needs_tall_fence(m.argument)


def symbol_of(name: str) -> str:
    """The symbol that a name stands for: alpha is α."""
    return GREEK.get(name, name)


def is_word(m: Math) -> bool:
    """Whether `m` is set as a word, so that two of them side by side need a space."""
    if isinstance(m, Subscript | Power | Both | Accent):
        return is_word(m.base)
    return isinstance(m, Function) or is_long(m)


def is_long(m: Math) -> bool:
    """Whether `m` is wider than one letter, so that an accent must stretch."""
    return isinstance(m, Row) or (isinstance(m, Identifier) and len(symbol_of(m.name)) > 1)
