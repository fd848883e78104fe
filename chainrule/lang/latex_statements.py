r"""A text in LaTeX as statements: equations, what indices run over, spaces, declarations.

Equations are separated by `\\`, a comma, a semicolon, `\quad`, the edges of an environment, or a
new line where an equation is complete and the next line has one of its own. Words such as
"where" and "for all" between them say nothing that the formulas do not.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.errors import visible
from chainrule.lang.latex_cursor import is_condition
from chainrule.lang.latex_read import Reader
from chainrule.lang.latex_reductions import at_most
from chainrule.lang.latex_tokens import Lexer, Token
from chainrule.lang.latex_tree import Apply, Node, Number, Statement, Symbol
from chainrule.lang.latex_words import WHOLE

_RELATES = frozenset({"=", "in", "+="})
_JOINS = frozenset({"=", "+=", "+", "-", "*", "/", "cdot", "times", "odot", "leq", "geq", "<", ">",
                    "in"})
_DEPTH = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}


def statements(text: str, name: str = "formula", claim: bool = False,
               remarks: list[str] | None = None) -> list[Statement]:
    """The statements of a text in LaTeX; with `claim`, the last one compares two expressions.

    What is said of the reading is added to `remarks`.

    Raises `FormulaSyntaxError`, `UnknownNameError` and `LimitError`, with the place in the LaTeX.

    >>> [s.kind for s in statements(r"y_i = x_i^2, \\quad i = 1, \\dots, n")]
    ['define', 'run']
    """
    lexer = Lexer(text, name)
    tokens = _separated(lexer.tokens())
    reader = _Statements(lexer, tokens)
    reader.claims = claim
    found = reader.all()
    if remarks is not None:
        remarks += reader.remarks
    return found


def _separated(tokens: list[Token]) -> list[Token]:
    """The tokens with `+=` joined, and with those breaks and `&` only that mean something."""
    tokens = _joined(tokens)
    found: list[Token] = []
    depth = cases = 0
    complete = False  # whether the statement so far has a relation
    for k, t in enumerate(tokens):
        depth += _DEPTH.get(t.kind, 0)
        cases += (t.text == "begincases") - (t.text == "endcases") if t.kind == "command" else 0
        if t.kind == "&" and not cases:
            continue
        if t.kind == "newline":
            if depth <= 0 and not cases and complete and _begins(tokens, k + 1, found):
                found.append(replace(t, kind="break"))
                complete = False
            continue
        if t.kind == "break":
            quad = t.text.startswith("\\") and t.text != "\\\\"
            following = next((n for n in tokens[k + 1 :] if n.kind not in ("&", "newline")), t)
            joins = t.text == "\\\\" and following.text in _JOINS - {"in"}
            if (quad and (depth > 0 or cases)) or (joins and not cases and depth <= 0):
                continue
            complete = False
        elif t.text in _RELATES or t.kind == "raw":
            complete = True
        found.append(t)
    return found


def _joined(tokens: list[Token]) -> list[Token]:
    r"""`+` and `=` side by side as `+=`, also in `\mathrel{{+}{=}}`; `:=` as `=`."""
    found: list[Token] = []
    at = 0
    printed = ["mathrel", "{", "{", "+", "}", "{", "=", "}", "}"]
    while at < len(tokens):
        t = tokens[at]
        if t.text == "mathrel" and [k.text for k in tokens[at : at + 9]] == printed:
            found.append(Token("+=", "+=", t.start, tokens[at + 8].end))
            at += 9
        elif t.kind in ("+", ":") and at + 1 < len(tokens) and tokens[at + 1].kind == "=":
            kind = "+=" if t.kind == "+" else "="
            found.append(Token(kind, kind, t.start, tokens[at + 1].end))
            at += 2
        else:
            found.append(t)
            at += 1
    return found


def _begins(tokens: list[Token], at: int, before: list[Token]) -> bool:
    """Whether a line has an equation of its own, after one that is complete."""
    if before and before[-1].text in _JOINS:
        return False
    line: list[Token] = []
    for t in tokens[at:]:
        if t.kind in ("newline", "break", "end"):
            if line or t.kind != "newline":
                break
            continue
        if t.kind != "&":
            line.append(t)
    if line and line[0].kind == "raw":
        return True
    return bool(line) and line[0].text not in _JOINS and any(t.text in _RELATES for t in line)


class _Statements(Reader):
    """Reads all statements."""

    def all(self) -> list[Statement]:
        self._drop_arguments()
        self._find_functions()
        found: list[Statement] = []
        while not self._skipped():
            begin = self.at
            found.append(self.statement())
            if self.claims and self._last():
                self.at = begin
                found[-1] = self._claim()
            if not self.is_(",", ";", ".", "break", "end", "forall") and not self._words():
                hint = ("write p_i = …, a single equals sign; to compare two expressions there is "
                        "`chainrule prove`" if self.is_("=") else None)
                what = ("a second equals sign" if self.is_("=") else
                        f"expected an operator, found {self.found()}")
                raise self.fail(what, hint)
        return found

    def _last(self) -> bool:
        """Whether nothing but full stops and the like follows."""
        return all(t.kind in (",", ";", ".", "break", "end") for t in self.tokens[self.at :])

    def _claim(self) -> Statement:
        """The statement at hand as a comparison."""
        whole = self.condition()
        if not (isinstance(whole, Apply) and whole.head == "compare" and len(whole.args) == 2):
            raise self.lexer.fail("a claim compares two expressions", whole.start, whole.end,
                                  "write both sides, as in a = b")
        return Statement(whole.start, whole.end, "claim", body=whole)

    def _words(self) -> bool:
        return self.token.kind in ("prose", "raw")

    def _find_functions(self) -> None:
        """Names that stand as `f(x) =` at the start of a statement, and those declared."""
        tokens = self.tokens
        for k, t in enumerate(tokens):
            if t.kind == "raw":
                self.declared |= {w.partition("[")[0].strip() for w in declared_names(t.text)}
            before = tokens[k - 1].kind if k else "break"
            if (t.kind in ("letter", "word", "prose", "command") and self.tokens[k + 1].kind == "("
                    and before in ("break", ",", ";", "prose", "raw")):
                end = k + 2
                while tokens[end].kind in ("letter", "word", "command", ",", ";", "_", "number",
                                           "{", "}"):
                    end += 1
                if end > k + 2 and tokens[end].kind == ")" and tokens[end + 1].kind == "=":
                    self.functions.add(t.text)

    def _drop_arguments(self) -> None:
        r"""`S(\mathbf{x})_i = …` defines a tensor S: what it depends on is seen on the right."""
        dropped: set[str] = set()
        for first in (True, False):
            k = 1
            while k < len(self.tokens) - 1:
                named, opened = self.tokens[k - 1], self.tokens[k]
                starts = k == 1 or self.tokens[k - 2].kind in ("break", ",", ";", "prose", "raw")
                end = k + 1
                while self.tokens[end].kind in ("letter", "command", ",", ";", "{", "}"):
                    end += 1
                if (opened.kind == "(" and named.kind in ("letter", "word", "command")
                        and self.tokens[end].kind == ")" and self.tokens[end + 1].kind == "_"
                        and named.text not in WHOLE
                        and (starts if first else named.text in dropped)):
                    dropped.add(named.text)
                    del self.tokens[k : end + 1]
                k += 1
            if not dropped:
                return

    def _skipped(self) -> bool:
        """Step over what separates statements; whether the text is at its end."""
        while True:
            if self.take(",", ";", ".", "break", "forall"):
                continue
            if (self.token.kind == "prose" and self.ahead().text not in ("(", "_", "^", "=")):
                self.at += 1
                continue
            if (self.is_("(") and self.ahead().kind == "number" and self.ahead(2).kind == ")"
                    and self.ahead(3).kind in ("break", "end", ",", ";", ".")):
                self.at += 3  # an equation's number
                continue
            return self.token.kind == "end"

    def statement(self) -> Statement:
        start = self.token.start
        if self.token.kind == "raw":
            self.at += 1
            return Statement(start, self.tokens[self.at - 1].end, "raw",
                             text=self.tokens[self.at - 1].text)
        left = self.condition()
        extra: list[Symbol] = []
        while self.is_(",") and isinstance(left, Symbol) and self._a_list():
            self.at += 1
            another = self.sum()
            if not isinstance(another, Symbol):
                raise self.fail("expected a name", start=another.start)
            extra.append(another)
        if self.take("in") and isinstance(left, Symbol):
            return self._membership(left, extra, start)
        if self.is_("+=") and isinstance(left, Symbol):
            self.at += 1
            body = self.sum()
            return Statement(start, body.end, "define", left, body=body, adds=True)
        if isinstance(left, Apply) and left.head == "compare" and left.signs[0] == "==":
            return self._equation(left, start)
        if is_condition(left):
            return self._bounded(left, start)
        if isinstance(left, Symbol) and self.tokens[max(self.at - 2, 0)].text == "forall":
            return Statement(start, left.end, "run", left)
        hint = "give it a name, as in y = …"
        raise self.lexer.fail("expected an equation", left.start, left.end, hint)

    def _a_list(self) -> bool:
        """Whether names and commas follow, and then the sign of membership."""
        for t in self.tokens[self.at :]:
            if t.text == "in":
                return True
            if t.text in _RELATES or t.kind in ("break", "end", ";", "+", "-", "("):
                return False
        return False

    def _equation(self, whole: Apply, start: int) -> Statement:
        left, body = whole.args[0], whole.args[1]
        if len(whole.args) > 2:
            raise self.lexer.fail(
                "more than one relation in an equation", body.start, whole.end,
                "keep one equals sign; to compare two expressions there is `chainrule prove`")
        if isinstance(left, Symbol) and self.is_(",") and self._dots():
            upper = self._after_dots()
            return Statement(start, upper.end, "run", left, lower=body, upper=upper)
        if isinstance(left, Symbol):
            return Statement(start, body.end, "define", left, body=body)
        if (isinstance(left, Apply) and left.head.startswith("call:")
                and all(map(_is_parameter, left.args))):
            target = Symbol(left.start, left.end, left.head[5:])
            params = tuple(a for a in left.args if isinstance(a, Symbol))
            return Statement(start, body.end, "define", target, params, body)
        return Statement(start, body.end, "claim", body=whole)

    def _bounded(self, condition: Node, start: int) -> Statement:
        r"""`1 \leq i \leq n` says how far i runs; other conditions belong to what is above."""
        if isinstance(condition, Apply) and condition.head == "compare" and (
                condition.signs[0] == "<=" and condition.signs[1:] in (("<=",), ("<",))):
            lower, symbol, upper = condition.args
            if isinstance(lower, Number) and isinstance(symbol, Symbol) and not symbol.subs:
                return Statement(start, condition.end, "run", symbol, lower=lower,
                                 upper=at_most(upper, condition.signs[1]))
        return Statement(start, condition.end, "condition", body=condition)

    def _dots(self) -> bool:
        """Whether `, 2, \\dots, n` follows."""
        k = self.at
        while self.tokens[k].kind in (",", "number"):
            k += 1
        return self.tokens[k].text == "dots"

    def _after_dots(self) -> Node:
        while not self.take("dots"):
            self.at += 1
        self.take(",")
        return self.sum()

    def _membership(self, left: Symbol, extra: list[Symbol], start: int) -> Statement:
        r"""`x \in \mathbb{R}^{K}`, `y \in \{1, \dots, K\}`."""
        if not self.is_("mathbb"):
            lower, upper = self.between(left)
            return Statement(start, self.tokens[self.at - 1].end, "run", left, lower=lower,
                             upper=upper, extra=tuple(extra))
        self.at += 1
        space = self.token.text if self.token.kind == "letter" else self.ahead().text
        if space != "R":
            raise self.fail(f"the set {visible(space[:20])} has no meaning here",
                            "numbers lie in \\mathbb{R}, labels in \\{1, \\dots, K\\}")
        self._skip_argument()
        axes: list[Node] = []
        while self.is_("_", "^"):
            if self.token.kind == "_":
                self.at += 1
                self._skip_argument()  # the positive ones: \mathbb{R}_+
                continue
            self.at += 1
            if self.is_("+"):
                self.at += 1
                continue
            axes = self._axes(self._argument())
        return Statement(start, self.tokens[self.at - 1].end, "space", left, axes=tuple(axes),
                         extra=tuple(extra))

    def _axes(self, node: Node) -> list[Node]:
        r"""`U \times V` as two sizes."""
        if isinstance(node, Apply) and node.head == "product" and "*" in node.signs:
            found: list[Node] = []
            for factor, sign in zip(node.args, node.signs, strict=True):
                if sign in ("*", "") and (sign == "*" or not found):
                    found.append(factor)
                else:
                    found[-1] = Apply(found[-1].start, factor.end, "product",
                                      (found[-1], factor), ("", ""))
            return found
        if isinstance(node, Number) and node.text == "1":
            return []
        return [node]


def _is_parameter(node: Node) -> bool:
    """Whether a node can be a parameter: x, or `x_1`."""
    return isinstance(node, Symbol) and all(isinstance(s, Number) for s in node.subs)


def declared_names(text: str) -> list[str]:
    """The names of a declaration in chainrule's own notation, with what stands in brackets."""
    rest = text.partition(" ")[2]
    found, depth, begin = [], 0, 0
    for k, c in enumerate(rest + ","):
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            found.append(rest[begin:k].strip())
            begin = k + 1
    return found
