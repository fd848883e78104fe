r"""LaTeX as tokens: what stands on the page, without what only moves it about.

Spaces, sizes of brackets, `\displaystyle`, labels, tags and comments carry no meaning and are left
out. What ends an equation (`\\`, `$`, `\[`, the edge of an `align`, a `\quad`) becomes one kind of
token, `break`. A word in `\text{…}`, `\mathrm{…}` or `\operatorname{…}` is one token. Each token
remembers where it stood, so that an error can underline it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from chainrule.errors import FormulaSyntaxError, LimitError, Span, visible
from chainrule.limits import FORMULA_CHARACTERS, FORMULA_TOKENS


def words(spaced: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(spaced.split())


GREEK: Final = words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
SPELLINGS: Final = {  # other names of the same
    "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varsigma": "sigma",
    "varrho": "rho", "varpi": "pi", "le": "leq", "ge": "geq", "ne": "neq", "leqslant": "leq",
    "geqslant": "geq", "lt": "<", "gt": ">", "colon": ":", "land": "wedge", "lor": "vee",
    "intercal": "top", "mathsf": "mathrm", "textrm": "text", "textit": "text", "mbox": "text",
    "textbf": "mathbf", "boldsymbol": "mathbf", "bm": "mathbf", "pmb": "mathbf", "vec": "mathbf",
    "mathit": "mathrm", "mathtt": "mathrm", "operatorname*": "operatorname", "widehat": "hat",
    "widetilde": "tilde", "overline": "bar", "mathscr": "mathcal", "mathfrak": "mathcal",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")",
    "vert": "|", "Vert": "|", "ast": "*", "dotsc": "dots", "ldots": "dots", "cdots": "dots",
    "dotsb": "dots", "tfrac": "frac", "dfrac": "frac", "cfrac": "frac", "argmax": "argmax",
    "coloneqq": "=", "triangleq": "=", "prime": "'", "circ": "odot", "mathds": "mathbb",
    "Leftarrow": "gets", "leftarrow": "gets", "lnot": "neg",
}  # fmt: skip
_SKIPPED: Final = words(
    ", ; : ! > displaystyle textstyle scriptstyle limits nolimits nonumber notag big Big bigg Bigg "
    "bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm middle left right thinspace enspace noindent "
    "medspace thickspace negthinspace hfill allowbreak relax bf rm it therefore because mathstrut "
    "strut centering small large Rightarrow Longrightarrow implies hline"
)
_DROPPED: Final = frozenset({"label", "tag", "tag*", "hspace", "vspace", "phantom", "vphantom",
                             "hphantom", "color", "eqref", "ref"})
_EDGES: Final = words(
    "equation align aligned gather gathered split multline displaymath math eqnarray flalign "
    "alignat alignedat array"
)
_CASES: Final = frozenset({"cases", "dcases", "rcases"})
_QUADS: Final = frozenset({"quad", "qquad", "newline", "[", "]", "(", ")"})
_WORDS: Final = frozenset({"text", "mathrm", "operatorname"})
_UNICODE: Final = {
    "−": "-", "–": "-", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "⊙": r"\odot", "∘": r"\odot",
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "∈": r"\in", "∑": r"\sum", "√": r"\sqrt",
    "‖": r"\|", "…": r"\dots", "⋯": r"\dots", "′": "'", "’": "'", "∂": r"\partial",
    "∏": r"\prod", "∫": r"\int", "∀": r"\forall", "∧": r"\wedge", "∨": r"\vee", "ᵀ": r"^\top",
    "⊤": r"\top", "∞": r"\infty", "ℝ": r"\mathbb R", "ℓ": r"\ell", "⌊": r"\lfloor",
    "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil",
}  # fmt: skip
_GREEK_LETTERS: Final = {
    unicodedata.lookup(f"GREEK {case} LETTER {spoken.upper()}"): name
    for name in GREEK
    for case, spoken in [("CAPITAL" if name[0].isupper() else "SMALL",
                          "lamda" if name.lower() == "lambda" else name.lower())]
} | {"ϵ": "epsilon", "ϑ": "theta", "ϕ": "phi", "µ": "mu"}
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
_COMMAND: Final = re.compile(r"\\([A-Za-z]+\*?|\S|\s|\Z)", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?|\.\d+", re.ASCII)
_BRACED: Final = re.compile(r"\s*\{([^{}]*)\}")
RAW: Final = re.compile(
    r"\s*((?:input|parameter|param|constant|const|label|integer|size|output|update|zeros)[ \t]+"
    r"[^\W\d]\w*(?:\[[^\]\n]*\])?(?:[ \t]*[<,=]\s*[^;\n\\$]*)?)[ \t]*(?=;|\n|\Z)")


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `kind` is command, letter, number, word, raw, break, newline, end or a character."""

    kind: str
    text: str
    start: int
    end: int


class Lexer:
    r"""The tokens of a text in LaTeX.

    >>> [t.text for t in Lexer(r"\frac{1}{n}\, x_i % a mean", "formula").tokens()]
    ['frac', '{', '1', '}', '{', 'n', '}', 'x', '_', 'i', '']
    """

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0
        self.found: list[Token] = []
        self.depth = 0  # braces
        if len(text) > FORMULA_CHARACTERS:
            raise LimitError(
                f"the formula has {len(text):,} characters; at most {FORMULA_CHARACTERS:,} are "
                "read from LaTeX", hint="give it in parts, or in chainrule's own notation")

    def fail(self, message: str, start: int, end: int, hint: str | None = None) -> Exception:
        """An error with its place in the LaTeX."""
        return FormulaSyntaxError(message, Span(self.text, start, max(end, start + 1), self.name),
                                  hint)

    def tokens(self) -> list[Token]:
        """All tokens; the last one is of kind "end"."""
        text = self.text
        fresh = True  # at the beginning of a statement, where a declaration may stand
        while self.at < len(text):
            raw = RAW.match(text, self.at) if fresh and not self.depth else None
            if raw is not None:
                self._add("raw", raw[1].strip(), raw.start(1), raw.end(1))
                self.at = raw.end()
                fresh = False
                continue
            before = len(self.found)
            self._next()
            if len(self.found) > before:
                fresh = self.found[-1].kind in ("break", "newline", ";")
        self._add("end", "", len(text), len(text))
        return self.found

    def _add(self, kind: str, text: str, start: int, end: int) -> None:
        self.found.append(Token(kind, text, start, end))
        if len(self.found) > FORMULA_TOKENS:
            raise LimitError(f"more than {FORMULA_TOKENS:,} tokens",
                             Span(self.text, start, end, self.name),
                             "give parts of the formula names of their own")

    def _next(self) -> None:
        start = self.at
        c = self.text[start]
        if c == "\\":
            self._command(self.text, start, _COMMAND.match(self.text, start))
            return
        number = _NUMBER.match(self.text, start)
        if number is not None:
            self.at = number.end()
            self._add("number", number[0], start, self.at)
            return
        self.at += 1
        if c == "%" or c == "#":
            end = self.text.find("\n", start)
            self.at = len(self.text) if end < 0 else end
        elif c == "\n":
            self._add("newline", c, start, self.at)
        elif c.isspace() or c == "~":
            pass
        elif c == "$":
            self._add("break", c, start, self.at)
        elif c in _UNICODE:
            spelled = _UNICODE[c]
            if spelled[0] == "^":
                self._add("^", "^", start, self.at)
                spelled = spelled[1:]
            if spelled == r"\mathbb R":
                self._add("command", "mathbb", start, self.at)
                self._add("letter", "R", start, self.at)
            elif spelled[0] == "\\":
                self._add("command", spelled[1:], start, self.at)
            else:
                self._add(spelled, spelled, start, self.at)
        elif c in _GREEK_LETTERS:
            self._add("command", _GREEK_LETTERS[c], start, self.at)
        elif c in _RAISED or c in _LOWERED:
            self._add("^" if c in _RAISED else "_", c, start, start)
            self._add("number", str((_RAISED if c in _RAISED else _LOWERED).index(c)), start,
                      self.at)
        elif c.isalpha() and unicodedata.normalize("NFKC", c) == c:
            while self.at < len(self.text) and unicodedata.combining(self.text[self.at]):
                self.at += 1
            letter = unicodedata.normalize("NFC", self.text[start : self.at])
            self._add("letter", letter, start, self.at)
        elif c in "{}":
            self.depth += 1 if c == "{" else -1
            self._add(c, c, start, self.at)
        elif c in "()[]_^+-*/=<>,;:.|&'!":
            self._add(c, c, start, self.at)
        else:
            raise self.fail(f"`{visible(c)}` cannot stand in a formula", start, self.at)

    def _command(self, text: str, start: int, match: re.Match[str] | None) -> None:
        assert match is not None
        name = match[1]
        self.at = match.end()
        if name.endswith("*") and name not in ("operatorname*", "tag*"):
            name, self.at = name[:-1], self.at - 1
        if name == "" or name.isspace():
            return
        if name == "\\":
            spaced = re.compile(r"\*?\s*\[[\d.]+\s*\w+\]").match(text, self.at)
            self.at = spaced.end() if spaced else self.at
            self._add("break", "\\\\", start, self.at)
        elif name in ("left", "right"):
            self._delimiter(name, start)
        elif name in _DROPPED:
            dropped = _BRACED.match(text, self.at)
            self.at = dropped.end() if dropped else self.at
        elif name in _SKIPPED:
            pass
        elif name in _QUADS:
            self._add("break", "\\" + name, start, self.at)
        elif name in ("begin", "end"):
            self._environment(name, start)
        elif SPELLINGS.get(name, name) in _WORDS:
            self._word(SPELLINGS.get(name, name), start)
        else:
            known = SPELLINGS.get(name, name)
            if known in ("{", "}"):
                self._add("command", known, start, self.at)
            elif name == "vert" or (len(known) == 1 and not known.isalpha() and known != "|"):
                self._add(known, known, start, self.at)
            else:
                self._add("command", known, start, self.at)

    def _delimiter(self, side: str, start: int) -> None:
        r"""`\left(` is `(`; bars learn which side they are on; `\left.` is nothing."""
        rest = re.compile(r"\s*(\\\||\\[lr]?[vV]ert\b|\||\.)").match(self.text, self.at)
        if rest is None:
            return
        self.at = rest.end()
        if rest[1] == ".":
            return
        double = rest[1] == "\\|" or "V" in rest[1]
        bar = ("l" if side == "left" else "r") + ("Vert" if double else "vert")
        self._add("command", bar, start, self.at)

    def _environment(self, which: str, start: int) -> None:
        found = _BRACED.match(self.text, self.at)
        if found is None:
            raise self.fail(f"\\{which} needs the name of an environment", start, self.at)
        name = found[1].strip().rstrip("*")
        self.at = found.end()
        if name in _CASES:
            self._add("command", f"{which}cases", start, self.at)
        elif name in _EDGES:
            columns = _BRACED.match(self.text, self.at)
            if which == "begin" and name in ("array", "alignat", "alignedat") and columns:
                self.at = columns.end()
            self._add("break", f"\\{which}{{{name}}}", start, self.at)
        else:
            hint = ("give a matrix a name, and its numbers with --at" if "matrix" in name else
                    "environments that can: equation, align, aligned, gather, split, cases")
            raise self.fail(f"the environment {visible(name[:40])} cannot stand in a formula",
                            start, self.at, hint)

    def _word(self, name: str, start: int) -> None:
        found = _BRACED.match(self.text, self.at)
        if found is None:
            single = re.compile(r"\s*([A-Za-z])").match(self.text, self.at)
            if single is None:
                raise self.fail(f"\\{name} needs a word in braces", start, self.at,
                                f"write \\{name}{{…}}, without commands inside")
            found = single
        self.at = found.end()
        word = " ".join(re.sub(r"\\[,;:! ]|~|\$", " ", found[1]).replace("\\_", "_").split())
        self._add("word" if name != "text" else "prose", word, start, self.at)
