"""A small reader of the LaTeX that model answers use: trees whose nodes know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\\begin\{[a-z]+\}|\\end\{[a-z]+\}|\\[a-zA-Z]+|\\.|\d{1,3}(?:,\d{3})+(?![\d])|\d+\.\d+|\d+|\s+|.",
    re.S,
)
RELATIONS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "\\leq": "<=",
    "\\geq": ">=",
    "\\neq": "!=",
    "\\ne": "!=",
}
SPACES = {"\\,", "\\;", "\\quad", "\\qquad", "\\!", "\\ ", "\\displaystyle"}
GREEK = {
    "\\alpha",
    "\\beta",
    "\\gamma",
    "\\lambda",
    "\\mu",
    "\\sigma",
    "\\omega",
    "\\theta",
    "\\eta",
    "\\epsilon",
    "\\delta",
    "\\Theta",
    "\\phi",
    "\\varepsilon",
    "\\infty",
    "\\pi",
}
FUNCTIONS = {"\\exp", "\\log", "\\ln", "\\cos", "\\sin", "\\tanh", "\\tan", "\\max", "\\min"}
ACCENTS = {"\\bar": "bar", "\\dot": "dot", "\\tilde": "tilde", "\\hat": "hat"}
BOLD = {"\\mathbf", "\\boldsymbol", "\\mathrm", "\\bm"}
OPEN = {"(": ")", "[": "]", "\\{": "\\}", "|": "|", "\\|": "\\|", "\\lfloor": "\\rfloor"}
MATRICES = {"bmatrix", "pmatrix", "matrix", "array"}


class Unreadable(Exception):
    """The formula is outside the subset that is read here."""


@dataclass(frozen=True)
class Token:
    """A token and where it stands."""

    text: str
    start: int
    end: int


@dataclass
class Node:
    """A piece of a formula: its kind, its parts, and the characters `start` to `end`.

    Kinds: number, symbol, sum, product, frac, power, neg, call, reduce, derivative, matrix, list,
    cases, group, transpose, compare. `signs` are the operators before the parts of a sum or a
    product, with their places in `spots`.
    """

    kind: str
    start: int
    end: int
    args: list[Node] = field(default_factory=list)
    name: str = ""
    label: str = ""
    subs: list[Node] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    spots: list[tuple[int, int]] = field(default_factory=list)
    rows: list[list[Node | None]] = field(default_factory=list)

    def parts(self) -> Iterator[Node]:
        yield from self.args
        yield from self.subs
        for row in self.rows:
            yield from (cell for cell in row if cell is not None)

    def walk(self) -> Iterator[Node]:
        yield self
        for part in self.parts():
            yield from part.walk()


def tokens(text: str, start: int, end: int) -> list[Token]:
    """The tokens of a stretch, without white space."""
    found: list[Token] = []
    left = None
    for m in TOKEN.finditer(text, start, end):
        word = m.group()
        if word == "\\left":
            left = m.start()
        elif not (word.isspace() or word in SPACES or word in ("\\right", "&")):
            found.append(Token(word, m.start() if left is None else left, m.end()))
            left = None
    return found


class Reader:
    """Reads one side of a relation."""

    def __init__(self, text: str, start: int, end: int, functions: frozenset[str]) -> None:
        self.text = text
        self.found = tokens(text, start, end)
        self.at = 0
        self.functions = functions
        self.last = start

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.found[at].text if at < len(self.found) else ""

    def take(self, expected: str | None = None) -> Token:
        if self.at >= len(self.found) or (expected is not None and self.peek() != expected):
            raise Unreadable(f"expected {expected}, found {self.peek()!r}")
        token = self.found[self.at]
        self.at += 1
        self.last = token.end
        return token

    def side(self) -> Node:
        """All tokens as one expression."""
        node = self.expression()
        if self.at != len(self.found):
            raise Unreadable(f"left over: {self.peek()!r}")
        return node

    def expression(self) -> Node:
        start = self.found[self.at].start if self.at < len(self.found) else self.last
        args, signs, spots = [], [], []
        if self.peek() in "+-" and self.peek():
            token = self.take()
            signs.append(token.text)
            spots.append((token.start, token.end))
        else:
            signs.append("+")
            spots.append((start, start))
        args.append(self.term())
        while self.peek() in ("+", "-"):
            token = self.take()
            signs.append(token.text)
            spots.append((token.start, token.end))
            args.append(self.term())
        if len(args) == 1 and spots[0][0] == spots[0][1]:
            return args[0]
        if len(args) == 1:
            return Node("neg", start, self.last, args, signs=signs, spots=spots)
        return Node("sum", start, self.last, args, signs=signs, spots=spots)

    def term(self) -> Node:
        start = self.found[self.at].start if self.at < len(self.found) else self.last
        args, signs, spots = [self.factor()], [""], [(start, start)]
        while True:
            word = self.peek()
            if word in ("\\times", "\\cdot", "*", "/", "\\odot"):
                token = self.take()
                signs.append({"\\times": "*", "\\cdot": "*"}.get(word, word))
                spots.append((token.start, token.end))
            elif self.begins(word):
                signs.append("")
                spots.append((self.last, self.found[self.at].start))
            else:
                break
            args.append(self.factor())
        if len(args) == 1:
            return args[0]
        return Node("product", start, self.last, args, signs=signs, spots=spots)

    def begins(self, word: str) -> bool:
        """Whether a factor may begin with that token."""
        if not word or word in RELATIONS:
            return False
        if word in (
            "(",
            "[",
            "\\{",
            "\\|",
            "\\lfloor",
            "\\frac",
            "\\tfrac",
            "\\dfrac",
            "\\sum",
            "\\text",
            "\\operatorname",
            "\\sqrt",
        ):
            return True
        if word.startswith("\\begin"):
            return True
        known = word in GREEK or word in FUNCTIONS or word in ACCENTS or word in BOLD
        return known or word == "\\ell" or word[0].isalnum()

    def factor(self) -> Node:
        if self.peek() == "-":  # (-2) × -3 is seen rarely, yet read
            raise Unreadable("a sign behind an operator")
        node = self.primary()
        while True:
            word = self.peek()
            if word == "^":
                node = self.power(node)
            elif word == "'" and node.kind == "symbol":
                self.take()
                node = Node("symbol", node.start, self.last, name=node.name + "'", subs=node.subs)
                if node.name in self.functions and self.peek() == "(":
                    inner = self.bracket(self.take())
                    node = Node("call", node.start, self.last, inner.args, name=node.name)
            elif word == "_" and node.kind in ("symbol", "call", "group"):
                self.take()
                subs = self.subscript()
                node.subs = [*node.subs, *subs]
                node.end = self.last
            else:
                return node

    def power(self, node: Node) -> Node:
        self.take("^")
        if self.peek() in ("\\top", "T"):
            self.take()
            return Node("transpose", node.start, self.last, [node])
        if self.peek() == "'":
            raise Unreadable("prime")
        if self.peek() == "{" and self.peek(1) in ("\\top", "T") and self.peek(2) == "}":
            for _ in range(3):
                self.take()
            return Node("transpose", node.start, self.last, [node])
        if (
            self.peek() == "{"
            and self.peek(1) == "("
            and self.peek(3) == ")"
            and self.peek(4) == "}"
        ):
            for _ in range(2):
                self.take()
            label = self.take().text
            self.take(")")
            self.take("}")
            node.label = label
            node.end = self.last
            return node
        sup = self.argument()
        return Node("power", node.start, self.last, [node, sup])

    def argument(self) -> Node:
        """What an index or a command takes: a group in braces, or one token."""
        if self.peek() == "{":
            start = self.take("{").start
            node = self.expression()
            self.take("}")
            return Node("brace", start, self.last, [node])
        token = self.take()
        if token.text[0].isdigit() and len(token.text) == 1:
            return Node("number", token.start, token.end, name=token.text)
        if token.text.isalpha() or token.text in GREEK:
            return Node("symbol", token.start, token.end, name=token.text)
        raise Unreadable(f"an argument {token.text!r}")

    def subscript(self) -> list[Node]:
        """`x_i`, `x_{ij}`, `x_{i+1}`, `x_{-1}`, `x_{k0}`."""
        if self.peek() != "{":
            return [self.argument()]
        self.take("{")
        node = self.expression()
        self.take("}")
        if node.kind == "product" and not any(node.signs):
            return node.args
        return [node]

    def primary(self) -> Node:
        if self.at >= len(self.found):
            raise Unreadable("nothing there")
        token = self.take()
        word = token.text
        if word[0].isdigit():
            return Node("number", token.start, token.end, name=word)
        if word in ("\\frac", "\\dfrac", "\\tfrac"):
            return self.fraction(token)
        if word in OPEN:
            return self.bracket(token)
        if word == "\\sum":
            return self.reduce(token)
        if word in FUNCTIONS:
            return self.function(token, word[1:])
        if word in ("\\text", "\\operatorname"):
            self.take("{")
            start = self.found[self.at].start
            while self.peek() != "}":
                self.take()
            name = self.text[start : self.last].strip()
            self.take("}")
            if self.peek() in ("(", "\\{"):
                return self.function(token, name)
            return Node("symbol", token.start, self.last, name=name)
        if word == "\\sqrt":
            arg = self.argument()
            return Node("call", token.start, self.last, [arg], name="sqrt")
        if word in BOLD:
            arg = self.argument()
            while arg.kind == "brace":
                arg = arg.args[0]
            if arg.kind == "number":
                return Node("symbol", token.start, self.last, name="bold" + arg.name)
            return Node("symbol", token.start, self.last, name=arg.name)
        if word in ACCENTS:
            arg = self.argument()
            inner = next((n for n in arg.walk() if n.kind == "symbol"), None)
            if inner is None:
                raise Unreadable("an accent on nothing")
            return Node("symbol", token.start, self.last, name=f"{inner.name}_{ACCENTS[word]}")
        if word.startswith("\\begin"):
            return self.environment(token)
        if word == "P" and self.peek() == "(" and self.peek(1) == "y" and self.peek(2) == "=":
            for _ in range(3):
                self.take()
            sub = self.expression()
            self.take(")")
            return Node("symbol", token.start, self.last, name="P", subs=[sub])
        if word.isalpha() or word in GREEK:
            if word in self.functions and self.peek() == "(":
                return self.function(token, word.lstrip("\\"))
            return Node("symbol", token.start, token.end, name=word.lstrip("\\"))
        raise Unreadable(f"not read: {word!r}")

    def fraction(self, token: Token) -> Node:
        top_at = self.at
        self.take("{")
        if self.peek() in ("\\partial", "d") and self.peek(1) not in ("=",):
            saved = self.at
            try:
                return self.derivative(token)
            except Unreadable:
                self.at = saved
        self.at = top_at
        top = self.argument()
        bottom = self.argument()
        return Node("frac", token.start, self.last, [top, bottom])

    def derivative(self, token: Token) -> Node:
        d = self.take().text
        top = None if self.peek() == "}" else self.expression()
        self.take("}")
        self.take("{")
        self.take(d)
        bottom = self.factor()
        self.take("}")
        if top is not None:
            return Node("derivative", token.start, self.last, [top, bottom])
        end = self.last
        body = self.term()
        return Node(
            "derivative",
            token.start,
            self.last,
            [body, bottom],
            name="operator",
            spots=[(token.start, end)],
        )

    def bracket(self, token: Token) -> Node:
        close = OPEN[token.text]
        items = [self.expression()]
        while self.peek() == ",":
            self.take()
            items.append(self.expression())
        self.take(close)
        if token.text in ("|", "\\|"):
            return Node(
                "call", token.start, self.last, items, name="norm" if "\\" in token.text else "abs"
            )
        if token.text == "\\lfloor":
            return Node("call", token.start, self.last, items, name="floor")
        if len(items) == 1:
            return Node("group", token.start, self.last, items, name=token.text)
        return Node("list", token.start, self.last, items, name=token.text)

    def reduce(self, token: Token) -> Node:
        lower = upper = None
        index, relation = None, ""
        while self.peek() in ("_", "^"):
            if self.take().text == "^":
                upper = self.argument()
            elif self.peek() == "{":
                self.take("{")
                index = self.factor()
                if self.peek() in RELATIONS:
                    relation = RELATIONS[self.take().text]
                    lower = self.expression()
                self.take("}")
            else:
                index = self.argument()
        if index is None:
            raise Unreadable("a sum without an index")
        head = self.last
        body = self.term()
        rows = [[index, lower, upper]]
        return Node(
            "reduce",
            token.start,
            self.last,
            [body],
            name="sum",
            label=relation,
            rows=rows,
            spots=[(token.start, head)],
        )

    def function(self, token: Token, name: str) -> Node:
        base = None
        power = None
        while self.peek() in ("_", "^"):
            if self.take().text == "_":
                base = self.argument()
            else:
                power = self.argument()
        if self.peek() in OPEN:
            opened = self.take()
            arg = self.bracket(opened)
            args = arg.args if arg.kind in ("group", "list") else [arg]
        else:
            args = [self.factor()]
        node = Node(
            "call",
            token.start,
            self.last,
            args,
            name=name,
            subs=[base] if base else [],
            spots=[(token.start, token.end)],
        )
        if base is not None:
            node.name, node.subs = name + "_base", [base]
        if power is not None:
            return Node("power", token.start, self.last, [node, power])
        return node

    def environment(self, token: Token) -> Node:
        kind = token.text[7:-1]
        if kind == "array":
            self.take("{")
            while self.take().text != "}":
                pass
        if kind not in (*MATRICES, "cases"):
            raise Unreadable(kind)
        end = next(
            (
                k
                for k in range(self.at, len(self.found))
                if self.found[k].text == f"\\end{{{kind}}}"
            ),
            None,
        )
        if end is None:
            raise Unreadable("no end")
        inside = (self.last, self.found[end].start)
        rows = []
        for row in split(self.text, *inside, "\\\\"):
            cells = split(self.text, *row, "&")
            if len(cells) == 1 and not self.text[slice(*cells[0])].strip():
                continue
            rows.append([self.cell(cell, kind, k) for k, cell in enumerate(cells)])
        while self.take().text != f"\\end{{{kind}}}":
            pass
        return Node(
            "cases" if kind == "cases" else "matrix", token.start, self.last, rows=rows, name=kind
        )

    def cell(self, place: tuple[int, int], kind: str, column: int) -> Node | None:
        if kind == "cases" and column == 1:
            text = self.text[slice(*place)]
            if "otherwise" in text:
                return None
            shift = re.match(r"\s*\\text\{\s*(?:if|for)\s*\}", text)
            start = place[0] + (shift.end() if shift else 0)
            return relation(self.text, start, place[1], self.functions)
        return Reader(self.text, *place, self.functions).side()


def relation(text: str, start: int, end: int, functions: frozenset[str]) -> Node:
    """A relation of two sides, as a node compare."""
    sides, signs = sides_of(text, start, end)
    if len(sides) != 2:
        raise Unreadable("no relation")
    args = [Reader(text, *s, functions).side() for s in sides]
    return Node("compare", start, end, args, name=signs[0][0], spots=[signs[0][1:]])


def split(text: str, start: int, end: int, mark: str) -> list[tuple[int, int]]:
    """The stretches between marks that stand at the outermost level."""
    found, depth, begin = [], 0, start
    for m in TOKEN.finditer(text, start, end):
        word = m.group()
        if word == "{" or word.startswith("\\begin"):
            depth += 1
        elif word == "}" or word.startswith("\\end"):
            depth -= 1
        elif word == mark and depth == 0:
            found.append((begin, m.start()))
            begin = m.end()
    return [*found, (begin, end)]


def sides_of(
    text: str, start: int, end: int
) -> tuple[list[tuple[int, int]], list[tuple[str, int, int]]]:
    """The sides between outermost relations, and the relations with their places."""
    sides, signs, depth, begin = [], [], 0, start
    for m in TOKEN.finditer(text, start, end):
        word = m.group()
        if word in ("{", "(", "[", "\\{") or word.startswith("\\begin"):
            depth += 1
        elif word in ("}", ")", "]", "\\}") or word.startswith("\\end"):
            depth -= 1
        elif word in RELATIONS and depth == 0:
            sides.append((begin, m.start()))
            signs.append((RELATIONS[word], m.start(), m.end()))
            begin = m.end()
    return [*sides, (begin, end)], signs
