"""What all readers of LaTeX share: a place among the tokens, errors there, and what is in sight."""

from __future__ import annotations

from chainrule.errors import LimitError, Span, visible
from chainrule.lang.latex_tokens import Lexer, Token
from chainrule.lang.latex_tree import Apply, Node, Number, Symbol
from chainrule.limits import LATEX_NESTING


class Cursor:
    """Reads expressions; `functions` are the names that the text defines as functions."""

    def __init__(self, lexer: Lexer, tokens: list[Token]) -> None:
        self.lexer = lexer
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |…|, where a further bar closes
        self.script = 0  # inside a subscript
        self.claims = False  # whether derivatives may be named, ∂L/∂z
        self.remarks: list[str] = []
        self.functions: set[str] = set()
        self.declared: set[str] = set()
        letters = [t.text for t in tokens if t.kind in ("letter", "command")]
        self.letters = set(letters)
        self.transposes = not any(
            t.text == "T" and t.kind == "letter" and not self._raised(k)
            for k, t in enumerate(tokens))

    def _raised(self, at: int) -> bool:
        """Whether the token is an exponent of its own, as the T of a transpose."""
        before = self.tokens[at - 1].kind if at else ""
        return before == "^" or (before == "{" and at > 1 and self.tokens[at - 2].kind == "^")

    # tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def ahead(self, by: int = 1) -> Token:
        return self.tokens[min(self.at + by, len(self.tokens) - 1)]

    def is_(self, *kinds: str) -> bool:
        """Whether a character, or a command of that name, comes next."""
        t = self.token
        return t.kind in kinds or (t.kind == "command" and t.text in kinds)

    def take(self, *kinds: str) -> bool:
        """Step over one of these, if it comes next."""
        found = self.is_(*kinds)
        self.at += found
        return found

    def found(self) -> str:
        t = self.token
        if t.kind == "end":
            return "the end of the formula"
        return f"`{visible(self.lexer.text[t.start : t.end][:40])}`"

    def fail(self, message: str, hint: str | None = None, start: int | None = None) -> Exception:
        t = self.token
        if start is not None:
            return self.lexer.fail(message, start, self.tokens[self.at - 1].end, hint)
        return self.lexer.fail(message, t.start, t.end, hint)

    def expect(self, kind: str, shown: str, opened: int) -> None:
        if not self.take(kind):
            what = self.lexer.text[opened : opened + 1]
            if self.token.kind == "end":
                raise self.lexer.fail(f"`{what}` is never closed", opened, opened + 1,
                                      f"put a `{shown}` where it ends")
            raise self.fail(f"expected `{shown}`, found {self.found()}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > LATEX_NESTING:
            t = self.token
            raise LimitError(f"more than {LATEX_NESTING} brackets and scripts inside each other",
                             Span(self.lexer.text, t.start, t.end, self.lexer.name),
                             "give parts of the formula names of their own")


    # what the readers of parts ask of the reader of the whole (chainrule.lang.latex_read)

    def condition(self) -> Node:
        """Comparisons joined by `and` and `or`."""
        raise NotImplementedError

    def sum(self) -> Node:
        """Terms with + and -."""
        raise NotImplementedError

    def product(self) -> Node:
        """Factors side by side, or with an operator between them."""
        raise NotImplementedError

    def factor(self) -> Node:
        """A base with its scripts."""
        raise NotImplementedError

    def base(self) -> Node:
        """A number, a name, a bracket, a command with its arguments."""
        raise NotImplementedError

    def starts(self) -> bool:
        """Whether a factor comes next."""
        raise NotImplementedError

    def group(self) -> Node:
        """What stands in brackets."""
        raise NotImplementedError

    def _argument(self) -> Node:
        """What a command takes: a group in braces, or one token."""
        t = self.token
        self.deeper()
        if t.kind == "{":
            found = self.group()
        elif t.kind == "number" and len(t.text) > 1 and t.text.isdigit():
            self.tokens[self.at] = Token("number", t.text[1:], t.start + 1, t.end)
            found = Number(t.start, t.start + 1, t.text[0])  # \frac12
        elif t.kind == "letter":
            self.at += 1
            found = Symbol(t.start, t.end, t.text)
        elif t.kind in ("command", "number", "word", "prose"):
            found = self.base()
        else:
            raise self.fail(f"expected a part in braces, found {self.found()}")
        self.depth -= 1
        return found

    def _skip_argument(self) -> None:
        depth = 0
        while self.token.kind != "end":
            depth += (self.token.kind == "{") - (self.token.kind == "}")
            self.at += 1
            if depth <= 0:
                return

    def _sign(self) -> str:
        sign = "+"
        while self.is_("+", "-"):
            if self.token.kind == "-":
                sign = "-" if sign == "+" else "+"
            self.at += 1
        return sign

    def _said(self, *words: str) -> bool:
        return self.token.kind in ("prose", "word") and self.token.text.lower() in words


def is_condition(node: Node) -> bool:
    return isinstance(node, Apply) and node.head in ("compare", "and", "or", "not")


def text_of(node: Node) -> str:
    """A number or a name as it is written; empty for anything more."""
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Symbol) and not node.subs:
        return node.name
    if isinstance(node, Apply) and node.head == "sum" and node.signs == ("-",):
        return "-" + text_of(node.args[0])
    return ""
