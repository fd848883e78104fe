r"""LaTeX as it stands in a sheet, made into typeset trees that every renderer can show.

This reads how a formula looks, not what it means: fractions, scripts, brackets, matrices, cases,
accents and symbols. What it does not know stays as a word, so nothing is lost.

    >>> from chainrule.document.mathtree import text
    >>> text(typeset(r"\frac{\partial L}{\partial w_{12}} = \sum_{i=1}^{4} v_i \hat x_i^2"))
    '∂L/∂w₁₂ = Σ_{i=1}⁴ vᵢ x̂ᵢ²'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Final

from chainrule.document.mathnodes import (
    BIG,
    GREEK,
    OPERATORS,
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
    symbol_of,
)
from chainrule.errors import LimitError
from chainrule.limits import FORMULA_CHARACTERS, LATEX_NESTING

_TOKEN: Final = re.compile(
    r"\\([A-Za-z]+)\*?|\\(.)|([0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+(?:[.][0-9]+)?)|(\s+)|(.)",
    re.DOTALL)
_FONTS: Final = frozenset({
    "mathbf", "boldsymbol", "mathrm", "mathit", "bm", "mathcal", "mathsf", "vec", "displaystyle",
    "textstyle", "limits", "nolimits", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl",
    "Bigr", "underline", "mathbb"})
_WORDS: Final = frozenset({"text", "textrm", "textbf", "mbox", "texttt", "textit"})
_ACCENTS: Final = {"bar": "bar", "overline": "bar", "hat": "hat", "widehat": "hat",
                   "tilde": "tilde", "widetilde": "tilde", "dot": "dot"}
_SPACES: Final = {"quad": "   ", "qquad": "      "}
_NAMED: Final = frozenset({"exp", "log", "ln", "sin", "cos", "tan", "tanh", "sinh", "cosh", "det",
                           "arg", "max", "min", "lim", "sup", "inf", "dim", "Pr"})
_MORE: Final = {"le": "≤", "ge": "≥", "ne": "≠", "to": "→", "rightarrow": "→", "implies": "⇒",
                "iff": "⇔", "dots": "…", "ldots": "…", "cdots": "⋯", "therefore": "∴",
                "because": "∵", "epsilon": "ϵ", "setminus": "\\", "lbrack": "[", "rbrack": "]",
                "quad": " ", "mid": "|", "colon": ":", "square": "□", "Box": "□", "prime": "′",
                "star": "∗", "infty": "∞", "Longrightarrow": "⇒"}
_WORD: Final = 3  # letters of a subscript that may be a word
_LONGEST: Final = 40  # letters and digits of such a word
_INDICES: Final = re.compile(r"[i-t]+")
_CLOSING: Final = {"(": ")", "[": "]"}
_MATRICES: Final = {"bmatrix": "[", "pmatrix": "(", "matrix": "", "array": "", "vmatrix": "|",
                    "smallmatrix": "["}
_ALIGNED: Final = frozenset({"aligned", "align", "split", "gather", "gathered", "align*"})
_END: Final = ("", "")
_ENDS: Final = frozenset({("char", "}"), ("char", "&"), ("command", "\\"), ("command", "right"),
                          ("command", "end")})

Token = tuple[str, str]  # its kind (command, char, number) and its text


def typeset(source: str) -> Math:
    """The tree of a formula; rows of an aligned one stand behind each other.

    Raises `LimitError` for a formula over the limits of length and nesting.
    """
    rows = lines(source)
    if len(rows) == 1:
        return Row(tuple(m for cell in rows[0] for m in cell.items))
    items: list[Math] = []
    for each in rows:
        items += [Words("   ")] if items else []
        items += [m for cell in each for m in cell.items]
    return Row(tuple(items))


def lines(source: str) -> list[list[Row]]:
    """The rows of a formula, each cut at its alignment marks; one row for most formulas."""
    if len(source) > 4 * FORMULA_CHARACTERS:
        raise LimitError(f"a formula of {len(source):,} characters; at most "
                         f"{4 * FORMULA_CHARACTERS:,} are typeset")
    return _Typesetter(source).whole()


class _Typesetter:
    def __init__(self, source: str) -> None:
        self.tokens: list[Token] = []
        for m in _TOKEN.finditer(source):
            if m[4]:
                continue
            kind = "command" if m[1] or m[2] else "number" if m[3] else "char"
            text = m[0][1:].rstrip("*") if m[1] else m[2] or m[3] or m[5]
            self.tokens.append((kind, text))
        # the words of \text{…} keep their spaces: they are read off the source
        self.words = [_unbraced(m[1]) for m in re.finditer(
            r"\\(?:text|textrm|textbf|mbox|texttt|textit)\s*\{([^{}]*)\}", source)]
        self.closed = _closed(self.tokens)
        self.last = {token: k for k, token in enumerate(self.tokens)}
        self.at = 0
        self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def whole(self) -> list[list[Row]]:
        """The formula, whose rows may stand in an environment of their own."""
        found = self.rows(lambda t: t == _END)
        return [r for r in found if any(cell.items for cell in r)] or [[Row(())]]

    def rows(self, ends: object) -> list[list[Row]]:
        """Cells between `&`, rows between `\\\\`, until the end."""
        found: list[list[Row]] = [[]]
        assert callable(ends)
        while True:
            cell = self.row(lambda t: ends(t) or t in (("char", "&"), ("command", "\\")))
            if len(cell.items) == 1 and isinstance(cell.items[0], _Rows):
                inner = cell.items[0].rows
                found[-1:] = [[*found[-1], *inner[0]], *inner[1:]]
            else:
                found[-1].append(cell)
            token = self.peek()
            if token == ("char", "&"):
                self.take()
            elif token == ("command", "\\"):
                self.take()
                found.append([])
            else:
                return found

    def row(self, ends: object) -> Row:
        """Things side by side until `ends` says so."""
        assert callable(ends)
        self.depth += 1
        if self.depth > LATEX_NESTING:
            raise LimitError(f"a formula nested more than {LATEX_NESTING} deep")
        items: list[Math] = []
        while self.peek() != _END and not ends(self.peek()):
            before = self.at
            item = self.scripted()
            applied = _applied(items[-1], item) if items else None
            if applied is not None:
                items[-1] = applied
            elif item is not None:
                items.append(item)
            assert self.at > before
        self.depth -= 1
        return Row(tuple(items))

    def scripted(self) -> Math | None:
        """One thing with its scripts and primes."""
        base = self.item()
        sub: Math | None = None
        sup: Math | None = None
        while True:
            token = self.peek()
            if token == ("char", "_") and sub is None:
                self.take()
                sub = self.word() or self.argument()
            elif token == ("char", "^") and sup is None:
                self.take()
                sup = self.argument()
            elif token == ("char", "'"):
                self.take()
                base = _primed(base)
            elif token == ("command", "limits"):
                self.take()
            else:
                break
        if sub is None and sup is None:
            return base
        return _with_scripts(base or Row(()), sub, sup)

    def word(self) -> Math | None:
        """A subscript that is a word, `{conv1}`: not a product of its letters."""
        if self.peek() != ("char", "{"):
            return None
        inside = list(takewhile(lambda t: t[0] != "command" and t[1].isalnum(),
                                islice(self.tokens, self.at + 1, self.at + 1 + _LONGEST)))
        end = self.at + 1 + len(inside)
        letters = "".join(text for kind, text in inside if kind == "char")
        if len(letters) < _WORD or _INDICES.fullmatch(letters) or (
                self.tokens[end : end + 1] != [("char", "}")]):
            return None
        self.at = end + 1
        return Identifier("".join(text for _, text in inside), upright=True)

    def argument(self) -> Math:
        """What a command or a script takes: a group, or the next thing."""
        if self.peek() == ("char", "{"):
            self.take()
            inner = self.row(lambda t: t == ("char", "}"))
            self.take()
            return inner.items[0] if len(inner.items) == 1 else inner
        if self.peek()[0] == "number" and len(self.peek()[1]) > 1:  # x_12 is x_1 2
            text = self.peek()[1]
            self.tokens[self.at] = ("number", text[1:].lstrip(".") or "0")
            return Num(text[0])
        return self.item() or Row(())

    def item(self) -> Math | None:
        kind, text = self.take()
        if kind == "number":
            return Num(text)
        if kind == "command":
            return self.command(text)
        if text == "{":
            inner = self.row(lambda t: t == ("char", "}"))
            self.take()
            return inner.items[0] if len(inner.items) == 1 else inner
        if self.at - 1 in self.closed:
            body = self.row(lambda t: t == ("char", _CLOSING[text]))
            self.take()
            return Fence(body, text, _CLOSING[text])
        if text == "~":
            return Words(" ")
        if text.isalpha():
            return Identifier(text)
        return Op({"*": "∗"}.get(text, text)) if text != "}" else None

    def command(self, name: str) -> Math | None:
        """A command with what it takes; they may stand inside each other."""
        self.depth += 1
        if self.depth > LATEX_NESTING:
            raise LimitError(f"a formula nested more than {LATEX_NESTING} deep")
        found = self.commanded(name)
        self.depth -= 1
        return found

    def commanded(self, name: str) -> Math | None:
        if name in _FONTS:
            return self.font(name)
        if name in _WORDS:
            return self.said()
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            top = self.argument()
            return Fraction(top, self.argument())
        if name == "sqrt":
            return Root(self.argument())
        if name == "boxed":
            return Mark(self.argument())
        if name in _ACCENTS:
            return Accent(self.argument(), _ACCENTS[name])
        if name == "operatorname":
            return Identifier(_spelled(self.argument()), upright=True)
        if name == "left":
            return self.fence()
        if name == "begin":
            return self.environment()
        if name == "underbrace":
            return self.argument()
        return self.symbol(name)

    def font(self, name: str) -> Math | None:
        """A change of font: only the bold one and the blackboard numbers are kept."""
        if name in ("displaystyle", "textstyle", "limits", "nolimits") or name.lower().startswith(
                "big"):
            return None
        inner = self.argument()
        if name == "mathbf" and inner == Num("1"):
            return Identifier("𝟏")
        if name == "mathbb" and isinstance(inner, Identifier):
            return Identifier({"R": "ℝ", "N": "ℕ", "Z": "ℤ"}.get(inner.name, inner.name))
        if isinstance(inner, Row) and all(
                isinstance(x, Identifier) and len(x.name) == 1 for x in inner.items):
            return Identifier(_spelled(inner), upright=True)
        return inner

    def said(self) -> Math:
        """Words, with the spaces that they have in the source."""
        words = self.words.pop(0) if self.words else ""
        depth = 0
        while self.peek() != _END:
            _, text = self.take()
            depth += (text == "{") - (text == "}")
            if depth == 0:
                break
        bare = words.strip()
        if bare and bare == words and bare.isalpha():
            return Identifier(words, upright=True)
        return Words(words)

    def symbol(self, name: str) -> Math | None:
        if name in _SPACES:
            return Words(_SPACES[name])
        if name in ("top", "intercal"):
            return Identifier("T")
        if name in (",", ";", ":", " ", "!", "right", "end", "hline", "cr"):
            return None
        if name in ("{", "}"):
            return self.braces() if name == "{" else Op("}")
        if name in _NAMED:
            return Op(name) if name in BIG else Identifier(name, upright=True)
        if name in ("sum", "prod", "int"):
            return Op({"sum": "Σ", "prod": "Π", "int": "∫"}[name])
        if name in GREEK:
            return Identifier(name)
        if name in _MORE:
            return Op(_MORE[name])
        if name in ("%", "$", "#", "&", "_"):
            return Op(name)
        if name in ("|", "Vert"):
            return self.norm(name)
        shown = _BY_COMMAND.get(name)
        return Op(shown) if shown is not None else Words(name)

    def braces(self) -> Math:
        body = self.row(lambda t: t == ("command", "}"))
        self.take()
        return Fence(body, "{", "}")

    def norm(self, name: str) -> Math:
        """What stands between two double bars; a lone one is a sign."""
        if self.last[("command", name)] < self.at:
            return Op("‖")
        body = self.row(lambda t: t == ("command", name))
        self.take()
        return Fence(body, "‖", "‖")

    def fence(self) -> Math:
        r"""`\left( … \right)`, with any brackets; a full stop is none."""
        start = self.delimiter()
        body = self.row(lambda t: t == ("command", "right"))
        self.take()
        end = self.delimiter()
        return Fence(body, start, end)

    def delimiter(self) -> str:
        kind, text = self.take()
        if kind == "command":
            return {"{": "{", "}": "}", "lbrace": "{", "rbrace": "}", "|": "‖", "lfloor": "⌊",
                    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩",
                    "Vert": "‖", "vert": "|"}.get(text, "")
        return "" if text == "." else text

    def environment(self) -> Math:
        name = _spelled(self.argument()).replace("∗", "")
        if name == "array" and self.peek() == ("char", "{"):
            self.argument()
        rows = self.rows(lambda t: t == ("command", "end"))
        self.take()
        self.argument()
        rows = [r for r in rows if any(cell.items for cell in r)]
        if name == "cases":
            return Cases(tuple((_clean(r[0]), _condition(_clean(r[1])) if len(r) > 1 else Words(""))
                               for r in rows))
        if name in _MATRICES:
            return Matrix(tuple(tuple(_single(cell) for cell in r) for r in rows),
                          delimiter=_MATRICES[name] or "[")
        return _Rows(rows)


def _closed(tokens: Sequence[Token]) -> set[int]:
    """Where the brackets open that close again before their group, their cell or fence ends."""
    found: set[int] = set()
    open_at: list[tuple[str, int]] = []
    skip = False  # the sign behind \\left or \\right
    for k, (kind, text) in enumerate(tokens):
        if skip:
            skip = False
        elif kind == "command" and text in ("left", "begin"):
            open_at.append((text, k))
            skip = text == "left"
        elif (kind, text) == ("char", "{"):
            open_at.append((text, k))
        elif kind == "char" and text in _CLOSING:
            open_at.append((_CLOSING[text], k))
        elif kind == "char" and text in ")]":
            if open_at and open_at[-1][0] == text:
                found.add(open_at.pop()[1])
        elif (kind, text) in _ENDS:
            while open_at and open_at[-1][0] in ")]":
                open_at.pop()
            if text not in ("&", "\\") and open_at:
                open_at.pop()
            skip = text == "right"
    return found


class _Rows(Math):
    """The rows of an aligned environment, until they are put in their place."""

    __slots__ = ("rows",)

    def __init__(self, rows: list[list[Row]]) -> None:
        self.rows = rows or [[Row(())]]


def _applied(before: Math, item: Math | None) -> Math | None:
    """A function whose name is a word, with the brackets behind it: exp(x), softmax(z)_i."""
    if not isinstance(before, Identifier):
        return None
    word = len(before.name) > 1 and before.name not in GREEK
    name: str | Math = before.name if word else before
    if word and isinstance(item, Fence) and item.open == "(":
        return Function(name, item.body)
    if isinstance(item, Subscript | Power) and isinstance(item.base, Fence) and (
            item.base.open == "(" and (word or isinstance(item, Subscript))):
        inner = Function(name, item.base.body)
        return (Subscript(inner, item.sub) if isinstance(item, Subscript)
                else Power(inner, item.exponent))
    return None


def _clean(cell: Row) -> Row:
    """A cell without the comma that ends it."""
    items = cell.items
    return Row(items[:-1]) if items and items[-1] in (Op(","), Op(";"), Op(".")) else cell


def _single(cell: Row) -> Math:
    return cell.items[0] if len(cell.items) == 1 else cell


def _condition(cell: Row) -> Math:
    """The condition of a case, without the word if: the renderers write it."""
    items = cell.items
    if items and isinstance(items[0], Words | Identifier):
        said = items[0].text if isinstance(items[0], Words) else items[0].name
        if said.strip() in ("if", "for"):
            items = items[1:]
        elif "otherwise" in said or "else" in said:
            return Words("otherwise")
    return items[0] if len(items) == 1 else Row(items)


def _primed(base: Math | None) -> Math:
    if isinstance(base, Identifier):
        return Identifier(f"{symbol_of(base.name)}′", base.upright)
    if isinstance(base, Subscript):
        return Subscript(_primed(base.base), base.sub)
    return Row((base, Op("′"))) if base is not None else Op("′")


def _with_scripts(base: Math, sub: Math | None, sup: Math | None) -> Math:
    big = isinstance(base, Op) and (base.text in BIG or base.text == "∫")
    named = isinstance(base, Identifier) and base.name in ("lim", "sup")
    if big or named:
        if sub is not None:
            return Under(base, sub, sup)
        return Power(base, sup) if sup is not None else base
    if sub is not None and sup is not None:
        return Both(base, sub, sup)
    if sub is not None:
        return Subscript(base, sub)
    assert sup is not None
    return Power(base, sup)


def _spelled(m: Math) -> str:
    """The letters of a name that was written in braces."""
    if isinstance(m, Identifier):
        return m.name
    if isinstance(m, Op | Num | Words):
        return m.text
    if isinstance(m, Row):
        return "".join(_spelled(x) for x in m.items)
    return ""


def _unbraced(text: str) -> str:
    return text.replace("~", " ")


def _by_command() -> dict[str, str]:
    """What each command without arguments shows; of several spellings the first."""
    found: dict[str, str] = {}
    for shown, latex in [*SYMBOLS.items(), *((s, pair[1]) for s, pair in OPERATORS.items())]:
        if re.fullmatch(r"\\[A-Za-z]+", latex):
            found.setdefault(latex[1:], shown)
    return found


_BY_COMMAND: Final = _by_command()
