"""From characters to tokens, one statement at a time.

A statement ends at a newline or a `;` outside brackets; inside brackets, after an operator and
after a backslash a newline is only a space. One compiled regular expression finds the tokens, so
that a long program costs about a microsecond a token and is never held as tokens in full.

Characters that look like others are the reader's problem unless somebody refuses them: control and
bidi characters are refused everywhere, fullwidth letters and their kin wherever they are not in a
comment. Names are brought to the composed form (NFC); a span still points into the text as given.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from chainrule.errors import ChainruleError, FormulaSyntaxError, LimitError, Span, visible
from chainrule.limits import (
    EQUATIONS_READ,
    FORMULA_CHARACTERS,
    FORMULA_TOKENS,
    NESTING,
    PROGRAM_CHARACTERS,
)

WORDS = frozenset({"if", "else", "and", "or", "not", "with"})

_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
_TO_SUPERSCRIPT = str.maketrans(_SUPERSCRIPTS + "⁻", "0123456789-")
_TO_SUBSCRIPT = str.maketrans(_SUBSCRIPTS, "0123456789")
_MARKS = "\u0302\u0303\u0304\u0307\u0308"  # hat, tilde, macron, dot, two dots: x̂ x̃ x̄ ẋ ẍ
_SPELLINGS = {
    "**": "^", "−": "-", "·": "*", "⋅": "*", "×": "*", "∗": "*", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=",
    "∘": "*", "⊙": "*", ".*": "*", "./": "/", ".T": "'", "ᵀ": "'", "⊤": "'", "^⊤": "'",
    "^ᵀ": "'", "∥": "‖",
}  # fmt: skip
_ADVICE = {
    "√": "write sqrt(x)", "∛": "write x^(1/3)", "∜": "write x^(1/4)",
    "∞": "infinity is no number to compute with; as a fill write `[…; pad with -inf]`",
}  # fmt: skip
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_JOINS = WORDS | {"+", "-", "*", "/", "//", "%", "^", "=", "+=", ",", "@", ".^"}
_JOINS |= {"<", "<=", ">", ">=", "==", "!="}

# `.*` and its kin, and what transposes: `A.T`, or a prime right behind a name or a bracket
_DOTTED = r"\.[*/^]|\.T(?!\w)|(?<=[\w)\]'])'(?![\w(\[])"
_NUMBER = r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
_PLAIN = re.compile(
    r"[ \t]*(?:([A-Za-z_]\w*)|(\*\*|\+=|//|[<>=!]=|[-+*/^%<>=()\[\]{},:|@]|"
    + _DOTTED + ")|" + _NUMBER
    + r"|(\r?\n|\r|;)|(#[^\r\n]*|\\[ \t]*(?:\r?\n|\r|\Z))|([^ \t]))",
    re.ASCII,
)
_SPACES = "\ufeff\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_WIDE = re.compile(
    rf"[ \t{_SPACES}]*(?:"
    rf"([^\W\dᵀ{_SUPERSCRIPTS}{_SUBSCRIPTS}](?:[^\Wᵀ{_SUPERSCRIPTS}]|[\u0300-\u036f])*|∑)|"
    r"(\*\*|\+=|//|[<>=!]=|\^[ᵀ⊤]|[-+*/^%<>=()\[\]{},:|@−·⋅×∗÷∕≤≥≠∘⊙ᵀ⊤‖∥]|"
    + _DOTTED + ")|" + _NUMBER.replace(r"\d", "[0-9]")
    + r"|(\r?\n|\r|;)|(#[^\r\n]*|\\[ \t]*(?:\r?\n|\r|\Z))|"
    rf"(⁻?[{_SUPERSCRIPTS}]+|[^ \t{_SPACES}]))"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def no_primes(span: Span) -> FormulaSyntaxError:
    """The error for a quote, or for a prime that transposes nothing."""
    return FormulaSyntaxError(
        f"{span.excerpt()} cannot stand in a formula", span,
        "there are no quotes: a word stands without" if span.excerpt() == '"' else
        "there are no primes but that of a transpose, A' @ x: give a derivative a name, such as dy",
    )  # fmt: skip


@dataclass(slots=True)
class Tokens:
    """The tokens of one statement, as parallel lists that end with a token of kind "end".

    `kinds` holds "name", "number", "superscript", "end", or the operator or reserved word itself;
    `places` the start and end in the text; `closes` maps an opening bracket's place in the lists to
    that of its closing one.
    """

    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    closes: dict[int, int] = field(default_factory=dict)


class Tokenizer:
    """Cuts a text into statements of tokens; raises `FormulaSyntaxError` or `LimitError`.

    >>> Tokenizer("y = 2*x; z = y²", "formula").statement().texts
    ['y', '=', '2', '*', 'x', '']
    """

    def __init__(self, text: str, name: str) -> None:
        if len(text) > PROGRAM_CHARACTERS:
            raise LimitError(
                f"the text has {len(text):,} characters; at most {PROGRAM_CHARACTERS:,} are read"
            )
        self.text = text
        self.name = name
        self.count = 0
        self.plain = text.isascii()
        self._refuse_controls()
        self._matches = (_PLAIN if self.plain else _WIDE).finditer(text)

    def span(self, start: int, end: int) -> Span:
        """The stretch of the text."""
        return Span(self.text, start, end, self.name)

    def statement(self) -> Tokens | None:
        """The tokens of the next statement that is not empty, or None at the end of the text."""
        tokens = Tokens()
        kinds, texts, places = tokens.kinds, tokens.texts, tokens.places
        opened: list[int] = []
        plain = self.plain
        for match in self._matches:
            group = match.lastindex
            place = match.span(group)  # type: ignore[arg-type]
            found = match[group]  # type: ignore[index]
            if group == 1:
                if not plain and not found.isascii():
                    found = self._name(found, place[0])
                kinds.append(found if found in WORDS else "name")
            elif group == 2:
                found = _SPELLINGS.get(found, found)
                if found in "()[]{}":
                    self._bracket(found, place, tokens, opened)
                kinds.append(found)
            elif group == 3:
                kinds.append("number")
            elif group == 4:
                if opened:
                    if found != ";":
                        continue
                    kinds.append(";")
                elif not kinds or (found != ";" and kinds[-1] in _JOINS):
                    continue
                else:
                    return self._ended(tokens)
            elif group == 5:
                continue
            elif found[-1] in _SUPERSCRIPTS:
                found = found.translate(_TO_SUPERSCRIPT)
                kinds.append("superscript")
            elif found == "₂" and kinds and kinds[-1] == "‖":
                found = "_2"
                kinds.append("name")
            else:
                raise self._stray(found, place[0])
            texts.append(found)
            places.append(place)
            if len(texts) > FORMULA_TOKENS or place[1] - places[0][0] > FORMULA_CHARACTERS:
                raise self._too_long(places[0][0], place, group == 3)
        if opened:
            start, end = places[opened[-1]]
            raise FormulaSyntaxError(
                f"`{texts[opened[-1]]}` is never closed", self.span(start, end),
                f"put a `{_CLOSES[texts[opened[-1]]]}` where the bracket ends",
            )  # fmt: skip
        return self._ended(tokens) if kinds else None

    def _ended(self, tokens: Tokens) -> Tokens:
        end = tokens.places[-1][1]
        tokens.kinds.append("end")
        tokens.texts.append("")
        tokens.places.append((end, end))
        self.count += 1
        if self.count > EQUATIONS_READ:
            raise LimitError(
                f"more than {EQUATIONS_READ:,} statements", self.span(*tokens.places[0])
            )
        return tokens

    def _bracket(
        self, found: str, place: tuple[int, int], tokens: Tokens, opened: list[int]
    ) -> None:
        here = len(tokens.texts)
        if found in _CLOSES:
            opened.append(here)
            if len(opened) > NESTING:
                raise LimitError(
                    f"more than {NESTING} brackets inside each other", self.span(*place),
                    "give parts of the formula names of their own",
                )  # fmt: skip
            return
        if not opened:
            raise FormulaSyntaxError(f"`{found}` closes nothing", self.span(*place))
        start = opened.pop()
        wanted = _CLOSES[tokens.texts[start]]
        if found != wanted:
            raise FormulaSyntaxError(
                f"`{found}` cannot close the `{tokens.texts[start]}` before it",
                self.span(*place), f"write `{wanted}`",
            )  # fmt: skip
        tokens.closes[start] = here

    def _too_long(self, start: int, place: tuple[int, int], number: bool) -> LimitError:
        if number and place[1] - place[0] > FORMULA_CHARACTERS // 2:
            return LimitError(
                f"a number of {place[1] - place[0]:,} characters", self.span(place[0], place[0] + 8)
            )
        return LimitError(
            f"a statement has more than {FORMULA_TOKENS:,} tokens or {FORMULA_CHARACTERS:,} "
            "characters", self.span(start, start + 1),
            "give parts of the formula names of their own",
        )  # fmt: skip

    def _name(self, found: str, start: int) -> str:
        """A name in its composed form, `x₁` as `x_1`; refuses letters that imitate others."""
        if found == "∑":
            return "sum"
        name = unicodedata.normalize("NFC", found.replace("\u0305", "\u0304"))
        if any(c in _SUBSCRIPTS for c in name):
            name = re.sub(f"_?([{_SUBSCRIPTS}]+)", lambda m: "_" + m[1], name)
            name = name.translate(_TO_SUBSCRIPT)
        if unicodedata.normalize("NFKC", name) != name:
            for offset, c in enumerate(found):
                if unicodedata.normalize("NFKC", unicodedata.normalize("NFC", c)) != (
                    unicodedata.normalize("NFC", c)
                ) and c not in _SUBSCRIPTS:
                    raise self._stray(c, start + offset)
        for offset, c in enumerate(name):
            if unicodedata.combining(c) and c not in _MARKS:
                raise FormulaSyntaxError(
                    f"the mark U+{ord(c):04X} ({unicodedata.name(c, '?').lower()}) "
                    "cannot stand in a name",
                    self.span(start, start + len(found)),
                    "marks that can: hat, tilde, macron (bar), dot and two dots above",
                )
            if c.isnumeric() and not c.isascii():
                raise self._stray(c, start + min(offset, len(found) - 1))
        return name

    def _refuse_controls(self) -> None:
        """Control, format (bidi), private and unassigned characters, wherever they stand."""
        bad = _CONTROL.search(self.text)
        place = bad.start() if bad else -1
        if not self.plain:
            hidden = {
                c for c in set(self.text)
                if c not in "\n\r\t\f\v" and not c.isascii()
                and unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
            }  # fmt: skip
            places = [self.text.find(c, 1 if c == "\ufeff" else 0) for c in hidden]
            places = [p for p in places if p >= 0] + ([place] if place >= 0 else [])
            place = min(places, default=-1)
        if place >= 0:
            c = self.text[place]
            raise FormulaSyntaxError(
                f"the invisible character U+{ord(c):04X} "
                f"({unicodedata.name(c, 'a control character').lower()}) cannot stand in a formula",
                self.span(place, place + 1), "delete it",
            )  # fmt: skip

    def _stray(self, c: str, start: int) -> ChainruleError:
        """The error for a character that begins no token."""
        span = self.span(start, start + 1)
        if c == "'" or c == '"' or c == "’" or c == "′":
            return no_primes(span)
        if c == ".":
            return FormulaSyntaxError(
                "`.` cannot stand in a formula except in a number", span, "for a product write `*`"
            )
        if c == "!":
            return FormulaSyntaxError(
                "`!` cannot stand in a formula", span, "for “not equal” write `!=`"
            )
        if c == "&":
            return FormulaSyntaxError("`&` cannot stand in a formula", span, "write `and`")
        if c.isascii():
            return FormulaSyntaxError(f"`{visible(c)}` cannot stand in a formula", span)
        like = unicodedata.normalize("NFKC", c).replace("⁄", "/")
        what = f"`{visible(c)}` (U+{ord(c):04X}, {unicodedata.name(c, '?').lower()})"
        hint = _ADVICE.get(c)
        if like != c and like.isprintable() and like.strip():
            hint = f"write the plain `{like}`"
            if len(like) == 1 and unicodedata.decomposition(c).startswith("<sub>"):
                hint = f"write a subscript in brackets: x[{like}]"
        return FormulaSyntaxError(f"{what} cannot stand in a formula", span, hint)
