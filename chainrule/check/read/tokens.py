r"""The tokens of a formula in somebody's paper, each with its place.

The reader is tolerant: whatever stands there becomes tokens, in LaTeX, in Unicode or typed plainly.
Spaces, sizes of brackets and tags are left out; a word in `\text{…}` is a name (`\text{ReLU}`) or a
remark. A paper's own macros are written out, within a budget; what they write stands where the
macro was called.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Final

from chainrule.check.read import words as w
from chainrule.check.read.braces import brace_pairs, definition_end
from chainrule.check.read.habits import Budget, Habits, Macro, Token, Unreadable
from chainrule.check.read.numerals import Around, numeral
from chainrule.check.read.packages import written_out

_COMMAND: Final = re.compile(r"\\([A-Za-z]+\*?|.|\Z)", re.ASCII | re.DOTALL)
_SIZES: Final = re.compile(r"[xX]\s{0,2}(?=\d)")
_LETTERS: Final = re.compile(r"[A-Za-z]+", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*'*\Z", re.ASCII)
_FENCES: Final = frozenset({"(", ")", "[", "]", "{", "}", "⟨", "⟩", "|", "||", ".", "lfloor",
                            "rfloor", "lceil", "rceil"})
_ACCENTED: Final = re.compile(r"_?(bar|hat|tilde|dot)(?![A-Za-z0-9])", re.ASCII)
_DOT: Final = re.compile(r"\.\s?(?:dot|\\mathrm\{dot\}|matmul)\s?(?=\()")
_OPTION: Final = re.compile(r"\s{0,9}\[([^\[\]\n]{0,80})\]")
_MODULE: Final = re.compile(r"(?:np|numpy|jnp|math|torch|F|tf|nn|sp|sympy)\.(?=[A-Za-z])", re.ASCII)
_VOWEL: Final = re.compile(r"[aeiouAEIOU]")
_PAREN: Final = {"(": ")", "[": "]"}
_NUMBER_LIST: Final = re.compile(r"[\d,\s.-]*[\])]", re.ASCII)
_INTERVAL: Final = re.compile(r"\s*[\])}|.]")


class Lexer:
    r"""The tokens of one formula.

    >>> [t.text for t in Lexer(r"\frac{1}{n}\, x_i % a mean").tokens()]
    ['frac', '{', '1', '}', '{', 'n', '}', 'x', '_', 'i']
    """

    def __init__(self, source: str, offset: int = 0, habits: Habits | None = None,
                 plain: bool = False, depth: int = 0,
                 pinned: tuple[int, int] | None = None) -> None:
        self.source = source
        self.offset = offset
        self.habits = habits or Habits()
        self.plain = plain
        self.depth = depth  # of macros in macros
        self.pinned = pinned  # the place of the macro call that wrote this
        self.at = 0
        self.found: list[Token] = []
        self.gap = False
        self.closing = brace_pairs(source)

    def tokens(self) -> list[Token]:
        """All tokens in order."""
        while self.at < len(self.source):
            c = self.source[self.at]
            if c.isspace():
                self._space()
            elif c == "\\":
                self._command()
            elif c == "%" and not self.plain and not self._is_percent():
                end = self.source.find("\n", self.at)
                self.at = len(self.source) if end < 0 else end
            elif (c.isdigit() and c.isascii()) or (c == "." and self._point()):
                self._number()
            elif c.isascii() and c.isalpha():
                self._letters()
            elif c.isascii():
                self._sign(c)
            else:
                self._foreign(c)
        return self.found

    # what every token needs

    def _add(self, kind: str, text: str, start: int, end: int, bold: bool = False) -> None:
        place = self.pinned or (self.offset + start, self.offset + end)
        self.found.append(Token(kind, text, *place, self.gap, bold))
        self.gap = False
        self.at = end

    def _space(self) -> None:
        start = self.at
        while self.at < len(self.source) and self.source[self.at].isspace():
            self.at += 1
        self.gap = True
        if self.plain and "\n" in self.source[start : self.at]:
            self._add("break", "\n", start, self.at)

    def _is_percent(self) -> bool:
        return bool(self.found) and self.found[-1].kind == "num" and not self.source[
            self.at + 1 : self.at + 2].isalpha()

    def _point(self) -> bool:
        return self.source[self.at + 1 : self.at + 2].isdigit() and (
            not self.found or self.found[-1].kind not in ("num", "sym"))

    # commands

    def _command(self) -> None:
        found = _COMMAND.match(self.source, self.at)
        assert found is not None
        name, start, end = found.group(1), self.at, found.end()
        if name not in w.TEXT:
            name = name.rstrip("*") if name not in w.DROPPED else name
        macro = self.habits.macros.get(name)
        if macro is not None and self.depth < 10:
            self._expand(macro, start, end)
            return
        written = written_out(name, self.source, end, self.closing) if self.depth < 10 else None
        if written is not None:
            self._write(written[0], start, written[1])
            return
        name = w.SPELLED.get(name, name)
        if name in ("newcommand", "renewcommand", "def", "providecommand", "DeclareMathOperator"):
            self.at = definition_end(self.source, end, self.closing)
        elif name in ("begin", "end"):
            self._environment(name, start, end)
        elif name in w.TEXT:
            self._text(name, start, end)
        elif name in ("left", "right"):
            self._fence(name, start, end)
        elif name in w.DROPPED:
            self.at = self._past_arguments(end, w.DROPPED[name])
            self.gap = True
        elif name in ("{", "}"):
            self._add("open" if name == "{" else "close", name, start, end)
        elif name == "\\":
            if self.source[end : end + 1] == "[":  # \\[2mm]
                closed = self.source.find("]", end, end + 12)
                end = closed + 1 if closed > 0 else end
            self._add("break", "\\", start, end)
        elif name in ("intertext", "shortintertext"):
            self._add("break", "\\", start, end)
            self._text(name, start, end)
            self._add("break", "\\", self.at, self.at)
        elif name in ("quad", "qquad"):
            self._add("quad", name, start, end)
        elif name in ("(", ")", "[", "]", ""):
            self.at = end  # a delimiter of mathematics inside mathematics
        elif name in w.SKIPPED or name.isspace():
            self.at = end
            self.gap = self.gap or name.isspace() or name in (",", ";", ":", "!")
        else:
            self._named(name, start, end)

    def _named(self, name: str, start: int, end: int) -> None:
        """A command that stands for a sign, a letter, a function or a construction."""
        if name in w.RELATIONS:
            self._add("rel", w.RELATIONS[name], start, end)
        elif name == "not":
            rest = self.source[end:].lstrip()
            if rest.startswith("="):
                end = self.source.index("=", end) + 1
                self._add("rel", "≠", start, end)
            else:
                self.at = end
        elif name in w.ARROWS:
            label = self._braced(end) if name == "xrightarrow" else None
            self._add("arrow", "→", start, label[1] if label else end)
        elif name in w.IMPLIES:
            self._add("implies", name, start, end)
        elif name in w.ASIDE:
            self._add("aside", name, start, end)
        elif name in w.TIMES:
            self._add("times", w.TIMES[name], start, end)
        elif name in w.FONTS or name == "sqrt":
            self._add("cmd", name, start, end)
        elif name in w.LETTERS:
            self._add("sym", name, start, end)
        elif name in w.FUNCTIONS:
            self._add("word", name, start, end)
        elif name == "dots":
            self._add("dots", "…", start, end)
        elif name in ("|", "||"):
            self._add("bar", name, start, end)
        elif name in ("(", "[", "⟨"):
            self._add("open", name, start, end)
        elif name in (")", "]", "⟩"):
            self._add("close", name, start, end)
        elif name in "+-^_'!±∓":
            self._add("op", name, start, end)
        elif name == "%":
            self._add("percent", "%", start, end)
        elif name in ("$", "#", "&"):
            self.at = end
        elif name in (":",):
            self._add("colon", ":", start, end)
        else:
            self._add("cmd", name, start, end)

    def _fence(self, name: str, start: int, end: int) -> None:
        while end < len(self.source) and self.source[end].isspace():
            end += 1
        found = _COMMAND.match(self.source, end)
        text = self.source[end : end + 1]
        if found is not None:
            text = w.SPELLED.get(found.group(1), found.group(1))
            end = found.end()
        else:
            end += len(text)
        text = {"<": "⟨", ">": "⟩", "/": "."}.get(text, text)
        if name == "right" and text in ("(", "["):
            text = {"(": ")", "[": "]"}[text]
        if text not in _FENCES:
            self.at = start + len(name) + 1  # only the size is dropped
            return
        kind = "open" if name == "left" else "close"
        self._add(kind, text, start, end)

    def _environment(self, name: str, start: int, end: int) -> None:
        braced = self._braced(end)
        if braced is None:
            self.at = end
            return
        environment, end = self.source[braced[0] : braced[1] - 1].strip(), braced[1]
        if environment in w.TRANSPARENT:
            if environment.startswith("alignat") or environment == "alignedat":
                end = self._past_arguments(end, 1) if name == "begin" else end
            self._add("edge", environment, start, end)
            return
        if name == "begin" and environment in ("array", "tabular"):
            spec = self._braced(end)
            end = spec[1] if spec else end
        known = environment in w.MATRICES or environment in w.CASES
        self._add(name if known else "edge", environment, start, end)

    def _text(self, name: str, start: int, end: int) -> None:
        braced = self._braced(end)
        if braced is None:
            if name in ("mathrm", "operatorname") and self.source[end : end + 1].isspace():
                self.at = end
                return
            self.at = end
            return
        first, end = braced
        inside = self.source[first : end - 1]
        if "$" in inside:
            self._mixed(first, end - 1)
            self.at = end
            return
        if name in ("mathrm", "operatorname", "operatorname*", "mathop"):
            bare = re.sub(r"\\[,;:! ]|\s|\\", "", inside)
            if _NAME.match(bare) or not re.search(r"[A-Za-z]{2}", bare):
                inside = bare
            if re.search(r"[_^(]", inside) and not re.search(
                    r"[A-Za-z]{3}\s|\s[A-Za-z]{2}", inside):  # \mathrm{z(u_o, v_c)}
                inner = Lexer(inside, self.offset + first, self.habits, self.plain,
                              self.depth + 1, self.pinned)
                self.found += inner.tokens()
                self.at = end
                return
        self._words(inside, start, end)

    def _words(self, inside: str, start: int, end: int) -> None:
        bare = inside.strip(" ,.;:\n\t~")
        if not bare or not bare.strip("()[]"):
            self.at = end
            return
        if bare in w.UNITS and self.found and self.found[-1].kind == "num":
            self._add("text", bare, start, end)
        elif _NAME.match(bare) and bare.lower() not in w.OPENERS:
            known = len(bare) > 1
            self._add("word" if known else "sym", bare, start, end)
        elif bare.replace(" ", "").replace("-", "") in w.FUNCTIONS:
            self._add("word", bare.replace(" ", "").replace("-", ""), start, end)
        elif re.fullmatch(r"[-\d.,+=<> ]+|[A-Za-z]{3,20}\([A-Za-z]\)", bare):
            inner = Lexer(bare, 0, self.habits, self.plain, self.depth + 1,
                          self.pinned or (self.offset + start, self.offset + end))
            self.found += inner.tokens()
            self.at = end
        else:
            self._add("text", bare, start, end)

    def _mixed(self, start: int, end: int) -> None:
        """Words with formulas between dollar signs in them."""
        at = start
        for k, part in enumerate(self.source[start:end].split("$")):
            if k % 2 == 0:
                if part.strip():
                    self._words(part, at, at + len(part))
            elif self.depth < 10:
                place = self.offset + at
                inner = Lexer(part, place, self.habits, False, self.depth + 1, self.pinned)
                self.found += inner.tokens()
            at += len(part) + 1

    def _braced(self, at: int) -> tuple[int, int] | None:
        """The inside's start and the end of a braced argument, if one stands there."""
        while at < len(self.source) and self.source[at].isspace():
            at += 1
        if self.source[at : at + 1] != "{" or at not in self.closing:
            return None
        return at + 1, self.closing[at] + 1

    def _past_arguments(self, at: int, count: int) -> int:
        for _ in range(count):
            braced = self._braced(at)
            if braced is None:
                return at
            at = braced[1]
        return at

    def _expand(self, macro: Macro, start: int, end: int) -> None:
        arguments = []
        if macro.default is not None:
            option = _OPTION.match(self.source, end)
            arguments.append(option[1] if option else macro.default)
            end = option.end() if option else end
        for _ in range(macro.arguments - len(arguments)):
            braced = self._braced(end)
            if braced is not None:
                arguments.append(self.source[braced[0] : braced[1] - 1])
                end = braced[1]
            else:
                rest = self.source[end : end + 1]
                arguments.append(rest)
                end += len(rest)
        length = len(macro.body) + sum(map(len, arguments)) * max(1, macro.body.count("#"))
        self.habits.budget.spend(length + 1, self.offset + start)
        body = re.sub(r"#([1-9])", lambda m: arguments[int(m[1]) - 1]
                      if int(m[1]) <= len(arguments) else "", macro.body)
        self._write(body, start, end)

    def _write(self, body: str, start: int, end: int) -> None:
        """Tokens of what a macro writes, all at the place of its call."""
        place = self.pinned or (self.offset + start, self.offset + end)
        inner = Lexer(body, 0, self.habits, self.plain, self.depth + 1, place)
        found = inner.tokens()
        self.habits.budget.spend(len(found), self.offset + start)
        self.found += found
        self.at = end

    # what is typed

    def _number(self) -> None:
        start = self.at
        around = Around(self._in_a_list(start), self._below(), self.plain)
        found = numeral(self.source, start, self.habits, around)
        if found is None:
            self.at += 1
            return
        self._add("num", found[0], start, found[1])

    def _below(self) -> bool:
        """Whether this stands in a subscript: w_{0,125} has two, and C_{2i-1,2j} too."""
        depth = 0
        for k in range(len(self.found) - 1, max(len(self.found) - 40, 0), -1):
            text = self.found[k].text
            depth += (text == "}") - (text == "{")
            if depth < 0:
                return self.found[k - 1].text == "_"
        return False

    def _in_a_list(self, start: int) -> bool:
        """Whether a number stands in brackets with nothing but numbers: (1,200)."""
        for token in reversed(self.found[-80:]):
            if token.kind in ("num", "sep") or token.text == "-":
                continue
            inside = token.kind == "open" or token.text in "{"
            return inside and _NUMBER_LIST.match(self.source, start, start + 200) is not None
        return False

    def _letters(self) -> None:
        found = _LETTERS.match(self.source, self.at)
        assert found is not None
        start, run = self.at, found.group()
        sizes = _SIZES.match(self.source, start)
        if sizes and run in "xX" and self.found and self.found[-1].kind == "num" and (
                self.plain or "x" + self.source[sizes.end()] in self.source):  # fmt: skip
            self._add("times", "*", start, start + 1)
        elif self.plain:
            module = _MODULE.match(self.source, start)
            if module is not None:
                self.at = module.end()
                return
            self._typed(start, found.end(), run)
        elif len(run) > 1 and (run in w.FUNCTIONS or run in self.habits.names or (
                len(run) > 3 and _VOWEL.search(run))):
            self._add("word", run, start, found.end())
        elif run.lower() in ("if", "for", "where", "and", "or", "otherwise"):
            self._add("text", run, start, found.end())
        else:
            for k in range(start, found.end()):
                self._add("sym", self.source[k], k, k + 1)

    def _typed(self, start: int, end: int, run: str) -> None:
        """A name typed plainly: x1 is x with a subscript, unless the whole is known."""
        source = self.source
        stop = end
        while stop < len(source) and source[stop].isascii() and source[stop].isdigit():
            stop += 1
        if run.lower() in w.OPENERS and len(run) > 1:
            self._add("text", run, start, end)
            return
        if run == "grad" and source[end : end + 1] in (" ", "_"):
            self._add("cmd", "nabla", start, end)
            return
        if source[start:stop] in w.DIGITED:  # log2, atan2
            self._add("word", source[start:stop], start, stop)
            return
        if run in self.habits.products:
            for k in range(start, end - 1):
                self._add("sym", source[k], k, k + 1)
            start, run = end - 1, run[-1]
        below = stop > end and bool(self.found) and self.found[-1].text == "_"
        if below and len(run) > 1:  # n_conv1
            self._add("word", source[start:stop], start, stop)
            return
        if below:  # x_i1
            self._add("{", "{", start, start)
            self._add("sym", run, start, end)
            self._add("num", source[end:stop], end, stop)
            self._add("}", "}", stop, stop)
            return
        kind = "sym" if len(run) == 1 or run in w.LETTERS else "word"
        self._add(kind, run, start, end)
        negative = run in self.habits.negatives and source.startswith("-1", end) and not (
            source[end + 2 : end + 3].isdigit())
        if negative:
            self._add("op", "_", end, end)
            self._add("op", "-", end, end + 1)
            self._add("num", "1", end + 1, end + 2)
        elif stop > end and run not in w.FUNCTIONS:
            accent = _ACCENTED.match(source, stop)
            if accent is not None and len(run) == 1:  # v1bar
                self.found[-1] = replace(self.found[-1], text=w.accented(run, accent[1]))
            self._add("op", "_", end, end)
            self._add("num", source[end:stop], end, stop)
            self.at = accent.end() if accent is not None else stop

    def _sign(self, c: str) -> None:
        start, two = self.at, self.source[self.at : self.at + 2]
        pairs = {":=": ("rel", "≡"), "<=": ("rel", "≤"), ">=": ("rel", "≥"), "!=": ("rel", "≠"),
                 "->": ("arrow", "→"), "=>": ("implies", "=>"), "||": ("bar", "||"),
                 "~=": ("rel", "≈"), "**": ("op", "^"), ".*": ("times", "odot"),
                 "<-": ("aside", "<-"), "==": ("rel", "="), "=:": ("rel", "=:")}  # fmt: skip
        dotted = self.source.startswith("...", start) or self.source.startswith(". . .", start)
        if dotted:
            length = 3 if self.source.startswith("...", start) else 5
            self._add("dots", "…", start, start + length)
        elif two == "<-" and self.source[start + 2 : start + 3].isdigit():
            self._add("rel", "<", start, start + 1)
        elif two == "**" and self.found and self.found[-1].kind == "close" and not self.plain:
            self._add("times", "*", start, start + 2)
        elif two in pairs:
            self._add(*pairs[two], start, start + 2)
        elif two == "//" or (c == "/" and re.match(r"/\s+/", self.source[start : start + 8])):
            self._double_slash(start)
        elif c in "=<>":
            self._add("rel", c, start, start + 1)
        elif c in "+-^_!'":
            self._add("op", c, start, start + 1)
        elif c in "*/@":
            self._add("times", w.TIMES[c], start, start + 1)
        elif c in "([":
            self._add("open", c, start, start + 1)
        elif c in ")]":
            self._add("close", c, start, start + 1)
        elif c in "{}":
            kind = ("open" if c == "{" else "close") if self.plain and not self._scripted(c) else c
            self._add(kind, c, start, start + 1)
        elif c in ",;":
            self._add("sep", c, start, start + 1)
        elif c == ":":
            self._add("colon", c, start, start + 1)
        elif c == "&":
            self._add("amp", c, start, start + 1)
        elif c == "|":
            self._add("bar", c, start, start + 1)
        elif c == "%":
            self._add("percent", c, start, start + 1)
        elif c in "~$`\"":
            self.at += 1
            self.gap = True
        elif c == "." and re.match(r"\.T\b", self.source[start : start + 3]) and (
                self.plain or self.found):
            self._add("op", "^", start, start + 1)
        elif c == "." and self.found and (dot := _DOT.match(self.source, start)):  # X.dot(W)
            self._add("times", "dot", start, dot.end())
        elif c == "?":
            self._add("sym", "?", start, start + 1)
        else:
            self.at += 1  # a full stop and the like

    def _scripted(self, c: str) -> bool:
        """Whether a plain brace belongs to a script: x_{12}."""
        if c == "{":
            here = bool(self.found) and self.found[-1].kind == "op" and self.found[-1].text in "^_"
            return here or (self.found[-1:] != [] and self.found[-1].kind in ("}", "cmd"))
        depth = 0
        for token in reversed(self.found[-200:]):
            if token.text == "}":
                depth += 1
            elif token.text == "{":
                if depth == 0:
                    return token.kind == "{"
                depth -= 1
        return False

    def _double_slash(self, start: int) -> None:
        """`//` at the end says that the working is done."""
        found = re.match(r"/\s*/", self.source[start:])
        end = start + (found.end() if found else 2)
        rest = self.source[end : end + 40].strip()
        if not rest or rest[0] in "\\$.,\n":
            self.at = end
        else:
            self._add("times", "/", start, end)

    def _foreign(self, c: str) -> None:
        """A sign of Unicode."""
        start = self.at
        if c in w.COMBINING and self.found and self.found[-1].kind == "sym":
            last = self.found.pop()
            letter = w.CHARACTERS.get(last.text, last.text)
            name = unicodedata.normalize("NFC", letter + c)
            self.found.append(replace(last, text=name, end=self.offset + start + 1))
            self.at += 1
        elif c in w.RAISED or c in w.LOWERED:
            self._script(start, c in w.RAISED)
        elif c in w.VULGAR:
            above, below = w.VULGAR[c].split("/")
            for kind, text in (("open", "("), ("num", above), ("times", "/"), ("num", below),
                               ("close", ")")):
                self._add(kind, text, start, start + 1)
        elif c in w.UNICODE:
            name = w.UNICODE[c]
            if name == "^T":
                self._add("op", "^", start, start + 1)
                self._add("sym", "T", start, start + 1)
            elif name in ("-", "*", "/", "=", "+"):
                self._sign_as(name, start)
            else:
                self._named(name, start, start + 1)
        elif c in w.GREEK_NAMES:
            self._accents(w.GREEK_NAMES[c], start)
        elif c in "①②③④⑤⑥⑦⑧⑨⑩✓✔□■©®":
            self.at += 1
        elif c.isalpha() or unicodedata.category(c) == "Sm":
            plain = unicodedata.normalize("NFKC", c)
            if len(plain) == 1 and plain.isascii() and plain.isalpha():
                self._add("sym", plain, start, start + 1, bold="BOLD" in unicodedata.name(c, ""))
            elif c.isalpha():
                self._accents(c, start)
            else:
                self._add("cmd", c, start, start + 1)
        else:
            self.at += 1
            self.gap = True

    def _sign_as(self, name: str, start: int) -> None:
        kind = {"=": "rel", "-": "op", "+": "op"}.get(name, "times")
        self._add(kind, name, start, start + 1)

    def _accents(self, name: str, start: int) -> None:
        end = start + 1
        base = unicodedata.normalize("NFD", name) if len(name) == 1 else name
        if len(base) > 1 and base[0].isalpha() and base[1] in w.COMBINING:
            base = unicodedata.normalize("NFC", base)
        while end < len(self.source) and self.source[end] in w.COMBINING:
            letter = w.CHARACTERS.get(base, base)
            base = unicodedata.normalize("NFC", letter + self.source[end])
            end += 1
        self._add("sym", base, start, end)

    def _script(self, start: int, raised: bool) -> None:
        signs, plain = (w.RAISED, w.RAISED_AS) if raised else (w.LOWERED, w.LOWERED_AS)
        end = start
        while end < len(self.source) and (self.source[end] in signs or (
                self.source[end] in "·⋅." and self.source[end + 1 : end + 2] in tuple(w.RAISED[:10])
                and raised and self.source[end - 1] in w.RAISED[:10])):  # e⁻⁰·⁸⁵
            end += 1
        self._add("op", "^" if raised else "_", start, start)
        self._add("{", "{", start, start)
        inner = "".join(plain[signs.index(c)] if c in signs else "."
                        for c in self.source[start:end])
        for token in Lexer(inner, self.offset + start, plain=False).tokens():
            self.found.append(replace(token))
        over = len(self.found) > 3 and any(t.text in ("Sigma", "sum", "prod")
                                           for t in self.found[-len(inner) - 4 :])
        if over and not raised and self.source[end : end + 1] in tuple("≠∈<>≤≥="):
            self.at = end
            self._foreign(self.source[end]) if not self.source[end].isascii() else self._sign(
                self.source[end])
            if self.source[self.at : self.at + 1].isalnum():
                self._add("sym", self.source[self.at], self.at, self.at + 1)
            end = self.at
        self._add("}", "}", end, end)


__all__ = ["Budget", "Habits", "Lexer", "Macro", "Token", "Unreadable"]
