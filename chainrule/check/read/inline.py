r"""Words with formulas among them: where a formula without dollar signs begins and ends.

In a scan `\therefore` and `\forall i` stand bare, and in an e-mail so do `dL/dz = p - t` and
`y = 8*1 + 6*2`. A formula is a run of numbers, signs, single letters and known functions around a
relation, a bare command or a list of numbers; the first English word ends it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from chainrule.check.paper import Formula, Place, Words
from chainrule.check.read import words as w
from chainrule.lang.latex_tokens import words

_TOKEN: Final = re.compile(r"""
    (?P<link>(?:https?://|www\.)\S+)
  | (?P<digits>\(\s?(?:to\s)?\d\s?(?:d\.?\s?p\b|s\.?\s?f\b|dec|digit|sig)[^()\n]{0,20}\))
  | (?P<tag></?[A-Za-z][^<>]{0,200}>|<!--|-->)
  | (?P<mark>(?<![^\s(])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![^\s.,:;)])|`+|~~)
  | (?P<cmd>\\(?:[A-Za-z]+\*?|[{}|,;:!\\%*_]))
  | (?P<num>\d+(?:[.,]\d+)*%?)
  | (?P<cjk>[\u3040-\u30ff\u3400-\u9fff]+)
  | (?P<word>(?:(?![ᵀ\u3040-\u30ff\u3400-\u9fff])[^\W\d_])+\d*(?:'(?!\w))*)
  | (?P<op>:=|==|[-+−/*^_=<>≤≥≠≈≡×·⋅÷√∂∇∑∏∫∞!~′|&∝±∈→⇒∴∵⊙∘‖∥⁰¹²³⁴-⁹⁻⁺⁽⁾ᵀ₀-₉₋₊₍₎⟹⇔↦½⅓⅔¼¾⅕⅛⅙←↓⇓↑⇑.̂-̈@])
  | (?P<open>[(\[{⟨])
  | (?P<close>[)\]}⟩])
  | (?P<sep>[,;])
  | (?P<space>[ \t]+)
  | (?P<line>\n)
  | (?P<other>.)
""", re.VERBOSE | re.DOTALL)
_SHORT: Final = words("a i so of to we if or at in as by it be is an on no up do go he me my us am "
                          "ok pm eg ie vs id cm mm kg px")
_GREEK_WORDS: Final = frozenset(w.GREEK_NAMES.values()) - {"pi", "nu", "xi", "mu", "eta", "psi",
                                                           "chi", "rho"} | {"pi", "eta"}
_RELATION: Final = words("= == := ≡ ≠ ≈ ≤ ≥ < >")
_NUMBER_LIST: Final = re.compile(
    r"\[\s{0,9}-?[\d.]{1,40}(?:(?:\s{0,9}[,;]\s{0,9}|\s{1,9})[\[\]]?-?[\d.]{1,40}){1,60}[\]\s]{1,4}")
_INTEREST: Final = re.compile(r"[=<>\\≤≥≠≈≡∴∵⇒⟹→∈∀\[]|:=")
_LONGEST: Final = 200  # characters in the brackets of a function
_APPLIED: Final = re.compile(r"\s?(?:[A-Za-zα-ωΣ](?![a-z])|\(|(?:log|ln|exp|sum)\b)")
_OF_NAME: Final = re.compile(r"(?:_\w{1,9})?\s{1,2}[A-Za-zα-ωΑ-Ω](?![^\W\d])")
_RANGE: Final = re.compile(r"\s?\.\.\s?-?\d")
_ACCENTED: Final = re.compile(r"d?[A-Za-z](?:hat|bar|tilde)")
_PROSE: Final = frozenset({"that", "what", "chat", "dthat", "dwhat"})
_STRANGE: Final = frozenset({"Sm", "Ps", "Pe", "Mn", "Lm"})
_AFTER: Final = frozenset({"for", "if", "when", "at", "case", "where"})
_COMMANDS_OF_WORDS: Final = frozenset({"%", "#", "&", "textbf", "textit", "emph", "item",
                                       "begin", "end", "section", "subsection", "noindent",
                                       "newpage", "documentclass", "usepackage", "title",
                                       "author", "maketitle", "date", "newcommand", "def",
                                       "label", "caption", "centering", "hline", "bigskip"})


def inline(text: str, start: int, end: int) -> Iterator[Words | Formula]:
    r"""Words and formulas between two places of a text that has no dollar signs there.

    >>> text = "so dL/dz = p - t holds"
    >>> [(type(b).__name__, text[b.place.start : b.place.end]) for b in inline(text, 0, len(text))]
    [('Words', 'so '), ('Formula', 'dL/dz = p - t'), ('Words', ' holds')]
    """
    at = start
    if _INTEREST.search(text, start, end) is None:
        if text[start:end].strip():
            yield Words(Place(start, end), text[start:end])
        return
    for first, last in _formulas(text, start, end):
        if first > at and text[at:first].strip():
            yield Words(Place(at, first), text[at:first])
        yield Formula(Place(first, last), text[first:last])
        at = last
    if text[at:end].strip():
        yield Words(Place(at, end), text[at:end])


class _Run:
    """A run of tokens that may be a formula."""

    def __init__(self) -> None:
        self.tokens: list[tuple[str, str, int, int]] = []
        self.depth = 0

    def add(self, kind: str, text: str, start: int, end: int) -> None:
        self.tokens.append((kind, text, start, end))
        self.depth += kind == "open" or text == "\\{"
        self.depth -= kind == "close" or text == "\\}"


def _formulas(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    run = _Run()
    before = ""  # the word before the run
    word_at = (0, 0)
    torn = False  # behind a sign of mathematics that nothing is known of
    for match in _TOKEN.finditer(text, start, end):
        kind, token = match.lastgroup or "other", match.group()
        mathlike = _mathlike(kind, token, text, match, run, end)
        if kind == "close" and run.depth <= 0 and run.tokens:
            mathlike = False
        if mathlike and kind in ("word", "cmd") and _complete(run, before):
            yield from _emit(run, before, word_at, text)
            run, before = _Run(), ""
        if mathlike:
            run.add(kind, token, match.start(), match.end())
            continue
        strange = kind == "other" and token != "∎" and (
            unicodedata.category(token) in _STRANGE)
        if not torn and not (strange and _cuts(token, run)):
            yield from _emit(run, before, word_at, text)
        run = _Run()
        torn = strange
        if kind == "word":
            before, word_at = token, (match.start(), match.end())
        elif kind != "space":
            before = ""
    if not torn:
        yield from _emit(run, before, word_at, text)


def _cuts(sign: str, run: _Run) -> bool:
    """Whether an unknown sign stands in the middle of a formula: y = a ⊕ b."""
    last = next((t for t in reversed(run.tokens) if t[0] != "space"), None)
    if last is None:
        return False
    return unicodedata.category(sign) == "Sm" or last[0] == "op" or run.tokens[-1] is last


def _complete(run: _Run, before: str) -> bool:
    """Whether a run is a whole condition, as in: for x > 0 exp(-x) is …"""
    if before.lower() not in _AFTER or run.depth or len(run.tokens) < 4:
        return False
    last = run.tokens[-2:]
    return (last[0][0] == "num" and last[1][0] == "space" and run.tokens[0][0] in ("word", "space")
            and any(t[1] in _RELATION for t in run.tokens[:4]))


def _mathlike(kind: str, token: str, text: str, match: re.Match[str], run: _Run,
              end: int) -> bool:
    if kind in ("num", "open", "close", "space"):
        return True
    if token == "%":
        return [t[0] for t in run.tokens[-2:]] == ["num", "space"]
    if kind == "line":
        return run.depth > 0 and any(t[1] == "[" for t in run.tokens[-60:])
    if token == "'" and run.tokens and not run.depth:  # [1 2; 3 4]' of MATLAB
        return run.tokens[-1][1] == "]" and not text[match.end() : match.end() + 1].isalnum()
    if kind == "op":
        behind = text[match.end() : match.end() + 1]
        ahead = text[match.start() - 1 : match.start()]
        if token == "." and ahead.isdigit() and run.depth > 0 and behind in tuple(" ,;])\n"):
            return True  # [1., 2.] of NumPy
        if token == "." and behind.isdigit() and _follows_sign(run):
            return True  # = .701
        return token != "." or (behind.isalnum() and ahead.isalnum()
                                and match.start() > 0)
    if kind == "cmd":
        return token[1:] not in _COMMANDS_OF_WORDS
    if kind == "sep":
        return run.depth > 0
    if token == ":" and run.depth > 0 and run.tokens[-1][1] in ("[", ","):
        return text[match.end() : match.end() + 1] in (",", "]")  # Y[:, 0]
    if kind == "other":
        return False
    if kind != "word":
        return False
    after = text[match.end() : match.end() + 1] or " "
    bare = token.rstrip("'0123456789ᵀ" + w.LOWERED + w.RAISED)
    if not bare:
        return True
    if bare in w.TIGHT and _APPLIED.match(text, match.end(), end):
        return True
    if bare == "grad" and _OF_NAME.match(text, match.end(), end):
        return True
    if bare.isupper() and len(bare) == 3 and after in ")*^/+-=ᵀ" and _follows_sign(run):
        return True
    if bare in ("d", "x") and _APPLIED.match(text, match.end(), end) and not run.tokens:
        return bare == "d"
    if _in_braces(run) or (run.tokens and run.tokens[-1][1] == "_"):
        return True
    if run.tokens and run.tokens[-1][1] == "." and after in "([":
        return True
    if len(bare) == 1:
        ahead = text[match.end() : match.end() + 4].lstrip(" ")[:1]
        ends = ahead in ("", "\n") or (ahead in ".,;" and text[match.end()] in ".,;")
        if ends and token == bare and any(t[1] in _RELATION for t in run.tokens):
            return True  # = 2 (A x - b)^T A
        return bare not in ("a", "A", "I") or bare != token or _touches(run, after) or (
            ahead in tuple("=+*/^"))
    if after == "_" or (after in "([" and (bare in w.FUNCTIONS or _follows_sign(run))):
        return True
    if bare in w.FUNCTIONS and after in "([{_^":
        return True
    if bare in _GREEK_WORDS or any(c in w.GREEK_NAMES for c in bare):
        return True
    if len(bare) == 2 and bare.lower() not in _SHORT:
        return bare[0] == "d" or bare[1].isupper() or _follows_sign(run) or after in "=/*^+"
    if token[-1:].isdigit() and len(bare) <= 3:
        return True
    if _ACCENTED.fullmatch(bare) and bare.lower() not in _PROSE:
        return True
    under = bool(run.tokens) and run.tokens[-1][1] == "/"
    if bare[0] == "d" and len(bare) <= 6 and (after == "/" or under):
        return True
    return bare in ("softmax", "sigmoid", "relu", "ReLU", "log", "ln", "exp", "sin", "cos", "tan",
                    "tanh", "sqrt", "max", "min", "sum") and after in "([{ _" and (
                        _follows_sign(run) or _applied(text, match.end(), run))


def _in_braces(run: _Run) -> bool:
    depth = 0
    for kind, text, _, _ in reversed(run.tokens[-40:]):
        if text == "}":
            depth += 1
        elif text == "{" and kind == "open":
            if depth == 0:
                return True
            depth -= 1
    return False


def _touches(run: _Run, after: str) -> bool:
    return (after in "=+*/^_([)-" and after != "") or _follows_sign(run)


def _applied(text: str, at: int, run: _Run) -> bool:
    """Whether a function's bracket comes, in what is a formula already: mu = 1/N sum (x_i)."""
    if text[at : at + 2] != " (" or not any(t[1] in _RELATION for t in run.tokens):
        return False
    depth = 0
    for k in range(at + 1, min(len(text), at + _LONGEST)):
        depth += (text[k] == "(") - (text[k] == ")")
        if not depth:
            return re.search(r"[^()a-z ]", text[at + 1 : k]) is not None
    return False


def _follows_sign(run: _Run) -> bool:
    for kind, text, _, _ in reversed(run.tokens):
        if kind == "space":
            continue
        if text == "|" and [t[1] for t in run.tokens[-2:]] == ["|", "|"]:
            return True  # a norm
        return kind in ("op", "open", "num") and text not in ("!", "|", "&")
    return False


def _emit(run: _Run, before: str, word_at: tuple[int, int], text: str) -> Iterator[tuple[int, int]]:
    """The formula in a run, if there is one, cut to what belongs to it."""
    tokens = run.tokens
    odd = sum(t[1] == "|" for t in tokens) % 2 == 1  # an edge of a table, not |x|
    edge = "|" if odd else "~"
    while tokens and (tokens[-1][0] in ("space", "sep")
                      or tokens[-1][1] in ("~", "-", "−", "*", edge)):
        tokens.pop()
    first = 0
    while first < len(tokens) and (tokens[first][0] in ("space", "sep", "close")
                                   or tokens[first][1] in ("~", edge, "!", "/", "*", "+", "\\\\")):
        first += 1
    tokens = tokens[first:]
    tokens = _without_prose_brackets(tokens)
    if not tokens:
        return
    relation = next((k for k, t in enumerate(tokens) if t[0] == "op" and t[1] in _RELATION), None)
    commands = any(t[0] == "cmd" for t in tokens) or any(
        t[1] in ("∴", "⇒", "∵", "⟹") for t in tokens)
    start, end = tokens[0][2], tokens[-1][3]
    if _RANGE.match(text, end):
        return  # 0.7005..0.7007 is no number
    if relation is not None:
        rest = [t for t in tokens[relation + 1 :] if t[0] in ("num", "word", "cmd", "open")]
        left = [t for t in tokens[:relation] if t[0] in ("num", "word", "cmd", "close")]
        lone = len(tokens) == 1
        arrowlike = tokens[relation][1] in "<>" and not (rest and left)
        if lone or arrowlike or not (rest or left or commands):
            return
        if not left and before and word_at[1] <= start and not text[word_at[1] : start].strip():
            if before.lower() not in w.OPENERS and len(before) > 1:
                start = word_at[0] if rest else start
        elif before and left and text[word_at[1] : word_at[1] + 1] in ("_", "(", "["):
            start = word_at[0]
        yield start, end
    elif commands:
        yield start, end
    elif end - start < 20_000:
        for found in _NUMBER_LIST.finditer(text, start, end):
            yield found.start(), found.end()


def _without_prose_brackets(tokens: list[tuple[str, str, int, int]]) -> list[
        tuple[str, str, int, int]]:
    """A run without a bracket that was opened in it and is closed behind a word."""
    depth, opened = 0, []
    for k, (kind, _, _, _) in enumerate(tokens):
        if kind == "open":
            opened.append(k)
            depth += 1
        elif kind == "close" and opened:
            opened.pop()
    if opened and opened[0] == 0:
        return _trimmed(tokens[1:])
    if opened and opened[-1] == len(tokens) - 1:
        return _trimmed(tokens[:-1])
    return tokens


def _trimmed(tokens: list[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    while tokens and tokens[0][0] == "space":
        tokens = tokens[1:]
    while tokens and tokens[-1][0] == "space":
        tokens = tokens[:-1]
    return tokens
