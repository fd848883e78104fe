r"""A tolerant reader of formulas: sums, products, powers, groups, cases and matrices, as a tree.

It reads by recursive descent, within a budget of nesting. Brackets are paired before anything is
read, so that what stands between two brackets is read on its own and a slip in it stays there.
What cannot be read raises `Unreadable`, with its place; nothing is guessed about what names mean.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chainrule.check.read import words as w
from chainrule.check.read.blanks import blank_cells
from chainrule.check.read.derivatives import Derivatives
from chainrule.check.read.dots import dotted, factors_go_on
from chainrule.check.tree import (
    Apply,
    Choice,
    Matrix,
    Node,
    Number,
    Remark,
    Symbol,
)
from chainrule.limits import PAPER_CELLS

_ACCENTS: Final = frozenset(w.MARKS) | {"overline"}
_SETS: Final = {"setminus": "setminus", "cup": "union", "cap": "intersection"}
_CELL_ENDS: Final = ("amp",)
_TERMS: Final = ("sum", "product", "neg", "frac", "power", "juxtaposed")


class Reader(Derivatives):
    """Reads what stands on one side of a relation, or a whole relation inside a bracket."""

    # relations

    def statement(self) -> Node:
        """A list, or lists with relations between them."""
        start = self.place()
        if self.peek().text == "forall":
            self.at += 1
            inner = self.statement()
            return Apply(start, inner.end, "forall", (inner,))
        args, signs = [self.listed()], list[str]()
        inside = ""
        while self.peek().kind in ("rel", "arrow") or self.peek().text in ("in", "notin"):
            token = self.take()
            if token.text in ("in", "notin"):
                inside = token.text
                signs.append(token.text)
            else:
                signs.append(w.IN_TREES[token.text])
            while self.peek().kind == "rel":
                self.at += 1
            args.append(self.listed())
        while self.peek().kind in ("sep", "break", "amp", "quad"):
            self.at += 1
        if not signs:
            return args[0]
        if inside and len(signs) == 1:
            node: Node = Apply(start, args[-1].end, "in", tuple(args))
            return node if inside == "in" else Apply(start, args[-1].end, "not", (node,))
        return Apply(start, args[-1].end, "such", tuple(args), tuple(signs))

    def listed(self) -> Node:
        """Expressions with commas between them: one expression, or a list."""
        start = self.place()
        self._skip_layout()
        found = [self._set_difference()]
        while self.peek().kind == "sep" or self._dots_follow(found):
            ahead = 1 if self.peek().kind == "sep" else 0
            while self.peek(ahead).kind in ("quad", "break", "amp"):
                ahead += 1
            kind = self.peek(ahead).kind
            if kind in ("end", "rel", "sep", "text"):
                break
            if kind == "dots" and len(found) == 1 and self.peek(ahead + 1).kind == "end":
                self.at += ahead + 1  # y_1 = a x_1, …
                break
            self.at += ahead
            found.append(self._set_difference())
            if len(found) > PAPER_CELLS:
                raise self.fail("the list is too long")
        if len(found) == 1:
            return found[0]
        return Matrix(start, self.last(), (tuple(found),), ",")

    def _dots_follow(self, found: list[Node]) -> bool:
        """A forgotten comma before or behind the dots of a list: 1, 2 … n."""
        last = found[-1]
        return (self.peek().kind == "dots" and len(found) > 1) or (
            isinstance(last, Apply) and last.head == "dots" and len(found) > 1
            and self.starts_operand())  # fmt: skip

    def _set_difference(self) -> Node:
        node = self.expression()
        while self.peek().text in _SETS and self.peek().kind == "cmd":
            head = _SETS[self.take().text]
            right = self.expression()
            node = Apply(node.start, right.end, head, (node, right))
        return node

    def _skip_layout(self) -> None:
        while self.peek().kind in ("break", "amp", "quad"):
            self.at += 1

    # sums and products

    def expression(self) -> Node:
        """A sum; dots in it are a part of their own."""
        start = self.place()
        args: list[Node] = []
        signs: list[str] = []
        sign = self._signs() or "+"
        while True:
            args.append(self.product())
            signs.append(sign)
            if self.peek().kind == "text" and self.peek(1).kind == "op":
                self.at += 1
            sign = self._signs()
            if sign:
                continue
            if len(args) == 1 and factors_go_on(self, args[0]):
                args[0] = dotted(self, args[0])
                sign = self._signs()
                if sign:
                    continue
                break
            if (_is_dots(args[-1]) or self.peek().kind == "dots") and self.starts_operand():
                if len(args) == 1 and _is_dots(args[-1]):
                    break
                sign = "+"
                continue
            break
        if len(args) == 1:
            only = args[0]
            if signs[0] in ("±", "∓"):
                return Apply(start, only.end, "sum", (only,), (signs[0],))
            return only if signs[0] == "+" else Apply(start, only.end, "neg", (only,))
        return Apply(start, args[-1].end, "sum", tuple(args), tuple(signs))

    def _signs(self) -> str:
        """The sign of the next term; several signs are multiplied; empty where none stands."""
        ahead = 0
        while self.peek(ahead).kind in ("break", "amp", "quad"):
            ahead += 1
        if not (self.peek(ahead).kind == "op" and self.peek(ahead).text in "+-±∓"):
            return ""
        self.at += ahead
        if self.peek().text in ("±", "∓"):
            both = self.take().text
            self._skip_layout()
            return both
        sign = "+"
        while self.peek().kind == "op" and self.peek().text in "+-":
            if self.take().text == "-":
                sign = "-" if sign == "+" else "+"
        self._skip_layout()
        return sign

    def product(self) -> Node:
        """Factors with signs between them, or none."""
        start = self.place()
        args = [self.factor()]
        signs = [""]
        while True:
            self._skip_remark()
            token = self.peek()
            if token.kind == "times":
                self.at += 1
                self._skip_layout()
                while self.peek().kind == "times":  # × ×, a slip
                    self.at += 1
                args.append(self.factor())
                signs.append(token.text)
            elif self.starts_operand() and not _is_dots(args[-1]) and token.kind != "dots":
                args.append(self.factor())
                signs.append("")
            else:
                break
        if len(args) == 1:
            return args[0]
        return Apply(start, args[-1].end, "product", tuple(args), tuple(signs))

    def run(self) -> Node:
        """Factors in a row, as far as a function without brackets takes them."""
        start = self.place()
        args = [self.factor()]
        bracket = isinstance(args[0], Matrix)
        while self.starts_operand() and not bracket and self.peek().kind not in ("dots", "open"):
            token = self.peek()
            if token.text in w.TIGHT or (token.kind == "cmd" and token.text in w.BIG):
                break
            args.append(self.factor())
        if len(args) == 1:
            return args[0]
        return Apply(start, args[-1].end, "product", tuple(args), ("",) * len(args))

    def _skip_remark(self) -> None:
        """Words behind a number, such as a unit."""
        while self.peek().kind == "text" and self.depth:
            self.at += 1

    def factor(self) -> Node:
        """A factor with its sign and its powers."""
        token = self.peek()
        if token.kind == "op" and token.text in "+-":
            self.at += 1
            self.depth += 1
            if self.depth > 60:
                raise self.fail("it is nested too deeply")
            inner = self.factor()
            self.depth -= 1
            if token.text == "+":
                return inner
            return Apply(token.start, inner.end, "neg", (inner,))
        inline = self.inline()
        if inline is not None:
            return self.behind(inline)
        return self.behind(self.atom())

    # one thing

    def atom(self) -> Node:
        """A number, a name, a bracket, a fraction: one thing."""
        token = self.peek()
        if token.kind == "num":
            return self.number()
        if token.kind in ("sym", "word"):
            return self.name()
        if token.kind == "dots":
            self.at += 1
            return Apply(token.start, token.end, "dots", ())
        if token.kind == "open":
            return self.group()
        if token.kind == "{":
            start, end = self.argument()
            if start >= end:
                raise self.fail("the braces are empty")
            return self.whole(start, end)
        if token.kind == "bar":
            return self.modulus()
        if token.kind == "begin":
            return self.environment()
        if token.kind == "text":
            return self._spoken()
        if token.kind == "cmd":
            return self._command()
        if token.kind == "end":
            raise self.fail("something is missing here")
        raise self.fail(f"{token.text!r} cannot stand here")

    def _spoken(self) -> Node:
        """Words inside a formula, about what follows them."""
        token = self.take()
        if self.starts_operand():
            body = self.expression()
            return Remark(token.start, body.end, body, token.text)
        return self.words(token.text, token.start, token.end)

    def _command(self) -> Node:
        token = self.peek()
        name = token.text
        if name == "frac":
            return self.fraction()
        if name == "sqrt":
            return self._root()
        if name in w.BIG:
            self.at += 1
            return self.reduction(w.BIG[name], token)
        if name == "int":
            return self.integral()
        if name == "lim":
            return self.limit()
        if name == "nabla":
            return self.nabla()
        if name in _ACCENTS:
            return self._accent()
        if name in ("underbrace", "overbrace", "underbracket", "overbracket"):
            return self._brace()
        if name in ("lfloor", "lceil"):
            return self._floor()
        if name == "arg":
            return self.name()
        if name == "binom":
            self.at += 1
            pair = self.argument(), self.argument()
            args = tuple(self.whole(*p) for p in pair)
            return Apply(token.start, self.last(), "call:binom", args)
        if name.isalpha() and len(name) > 1 and name not in ("pm", "mp", "forall", "exists"):
            return self.name()  # an unknown command is a name
        raise self.fail(f"nothing is known of \\{name}" if name.isalpha()
                        else f"{name!r} cannot stand here")

    def _root(self) -> Node:
        token = self.take()
        order = None
        if self.peek().text == "[":
            closed = min(self.match[self.at], self.end)
            order = self.whole(self.at + 1, closed)
            self.at = closed + 1
        bracket = self.peek().kind == "open"
        inner = self.group() if bracket else self.whole(*self.argument())
        if order is not None:
            one = Apply(order.start, order.end, "frac",
                        (Number(order.start, order.start, "1"), order))
            return Apply(token.start, inner.end, "power", (inner, one))
        return Apply(token.start, max(inner.end, self.last()), "call:sqrt", (inner,))

    def _accent(self) -> Node:
        token = self.take()
        mark = "bar" if token.text == "overline" else token.text
        start, end = self.argument()
        inner = self.whole(start, end)
        if isinstance(inner, Symbol):
            symbol = replace(inner, name=w.accented(inner.name, mark), start=token.start,
                             end=self.last())
            return self.named(symbol)
        if isinstance(inner, Apply) and inner.head == "power" and isinstance(inner.args[0], Symbol):
            base = replace(inner.args[0], name=w.accented(inner.args[0].name, mark))
            return replace(inner, args=(base, inner.args[1]))
        return Apply(token.start, self.last(), f"call:{mark}", (inner,))

    def _brace(self) -> Node:
        r"""\underbrace{body}_{what it is}."""
        token = self.take()
        body = self.whole(*self.argument())
        said, claims = "", None
        if self.peek().kind == "op" and self.peek().text in "_^":
            self.at += 1
            start, end = self._script_range()
            said = self.said(start, end)
            if end - start >= 2 and self.tokens[start].kind == "open":
                start, end = start + 1, min(self.match[start], end)
            if start + 1 < end and self.tokens[start].kind == "rel":
                right = self.whole(start + 1, end)
                sign = w.IN_TREES[self.tokens[start].text]
                claims = Apply(body.start, right.end, "compare", (body, right), (sign,))
        return Remark(token.start, self.last(), body, said, claims)

    def _floor(self) -> Node:
        token = self.take()
        close = "rfloor" if token.text == "lfloor" else "rceil"
        k = self.at
        while k < self.end and self.tokens[k].text != close:
            k += 1
        inner = self.whole(self.at, k)
        self.at = min(k + 1, self.end)
        return Apply(token.start, self.last(), "floor" if close == "rfloor" else "ceil", (inner,))

    def modulus(self) -> Node:
        """|x| or ‖x‖."""
        token = self.take()
        k, limit = self.at, min(self.end, self.at + 400)
        while k < limit and (self.tokens[k].kind, self.tokens[k].text) != ("bar", token.text):
            opens = self.tokens[k].kind in ("{", "open", "begin")
            k = max(k + 1, self.match[k] + 1) if opens else k + 1
        if k >= limit:
            raise self.fail("a bar is not closed")
        inner = self.whole(self.at, k)
        self.at = k + 1
        head = "norm" if token.text == "||" else "abs"
        return Apply(token.start, self.last(), head, (inner,))

    # brackets

    def group(self) -> Node:
        """What stands in brackets: a thing, a list, a matrix, a set, a modulus."""
        opened = self.at
        token = self.tokens[opened]
        closed = min(self.match[opened], self.end)
        closer = self.tokens[closed].text if closed < self.end else ""
        self.at = min(closed + 1, self.end)
        end = self.last()
        if token.text in ("lfloor", "lceil"):
            inner = self.whole(opened + 1, closed)
            return Apply(token.start, end, token.text[1:], (inner,))
        if token.text in ("|", "||"):
            inner = self.whole(opened + 1, closed)
            return Apply(token.start, end, "norm" if token.text == "||" else "abs", (inner,))
        if opened + 1 >= closed:
            raise self.fail("the brackets are empty")
        if (token.text == "." and closer == "|") or closer == "||":
            body = self.whole(opened + 1, closed)
            if self.peek().text == "_":
                return self.at_point(body, self.scripts(False))
            return body
        if token.text == "⟨":
            pair = [p for p in self.commas(opened + 1, closed, ("sep", "bar")) if p[0] < p[1]]
            if len(pair) == 2:  # an inner product, of vectors or of matrices
                both = tuple(self.whole(*p) for p in pair)
                body = Apply(both[0].start, both[1].end, "product", both, ("", "odot"))
                return Apply(token.start, end, "call:sum", (body,))
        inner = self._inside(opened + 1, closed)
        if token.text == "{":
            return self._braces(inner, token.start, end, closer, opened)
        if token.text == "[" and isinstance(inner, Apply) and inner.head == "such":
            condition = replace(inner, head="compare")
            return Apply(token.start, end, "truth", (condition,))
        if isinstance(inner, Matrix) and inner.bracket in (",", ""):
            bracket = "[" if token.text == "." else token.text
            if inner.bracket == ",":
                inner = _nested(inner)
            return replace(inner, bracket=bracket, start=token.start, end=end)
        if self.peek().text == "^" and _may_be_product(inner):
            return Apply(token.start, end, "sum", (inner,), ("+",))
        return replace(inner, start=token.start, end=end)

    def _inside(self, start: int, end: int) -> Node:
        rows = any(t.text == ";" for t in self.tokens[start:end])
        if self.tokens[start - 1].text == "[":
            cells = blank_cells(self, start, end)
            if cells is not None:
                place = self.tokens[start].start, self.tokens[end - 1].end
                found = tuple(tuple(self.whole(a, b) for a, b in row) for row in cells)
                return Matrix(*place, found, "")
        if rows and self.has(start, end, ("sep",)) and self.tokens[start - 1].text == "[":
            return self._semicolons(start, end)
        return self.whole(start, end)

    def _semicolons(self, start: int, end: int) -> Node:
        """[1, 2; 3, 4]: rows with semicolons between them."""
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        pieces = self.commas(start, end)
        for first, last in pieces:
            if first < last:
                row.append(self.whole(first, last))
            if (last < end and self.tokens[last].text == ";") or last == end:
                rows.append(tuple(row))
                row = []
        rows = [r for r in rows if r]
        place = self.tokens[start].start, self.tokens[end - 1].end
        if len({len(r) for r in rows}) > 1:
            raise self.fail("the rows have different lengths")
        return Matrix(*place, tuple(rows), "")

    def _braces(self, inner: Node, start: int, end: int, closer: str, opened: int) -> Node:
        before = self.tokens[opened - 1].text if opened else ""
        if isinstance(inner, Matrix) and inner.bracket == "" and closer in (".", ""):
            return _as_cases(inner, start, end)
        if isinstance(inner, Matrix) and inner.bracket == ",":
            return Apply(start, end, "set", inner.rows[0])
        if before in ("in", "notin", "setminus", "cup", "cap"):
            return Apply(start, end, "set", (inner,))
        return replace(inner, start=start, end=end)

    # environments

    def environment(self) -> Node:
        """Cases or a matrix."""
        opened = self.at
        token = self.tokens[opened]
        closed = min(self.match[opened], self.end)
        self.at = min(closed + 1, self.end)
        end = self.last()
        rows = self._rows(opened + 1, closed)
        if token.text in w.CASES:
            found = tuple(r for r in (self._case(row) for row in rows) if r is not None)
            if not found:
                raise self.fail("the cases are empty")
            return Choice(token.start, end, found)
        cells = tuple(tuple(self._cell(*cell) for cell in row) for row in rows)
        if not cells:
            raise self.fail("the matrix is empty")
        if len({len(r) for r in cells}) > 1:
            raise self.fail("the rows of the matrix have different lengths")
        return Matrix(token.start, end, cells, w.MATRICES.get(token.text, ""))

    def _rows(self, start: int, end: int) -> list[list[tuple[int, int]]]:
        rows = []
        total = 0
        for first, last in self.commas(start, end, ("break",)):
            if first == last:
                continue
            row = self.commas(first, last, _CELL_ENDS)
            total += len(row)
            if total > PAPER_CELLS:
                raise self.fail("the matrix has too many cells")
            rows.append(row)
        return rows

    def _cell(self, start: int, end: int) -> Node:
        while end > start and self.tokens[end - 1].kind == "sep":
            end -= 1
        if start >= end:
            place = self.tokens[min(start, len(self.tokens) - 1)].start
            return Remark(place, place, Apply(place, place, "words", ()), "")
        return self.whole(start, end)

    def _case(self, row: list[tuple[int, int]]) -> tuple[Node, Node | None] | None:
        start, end = row[0]
        if len(row) == 1:  # the condition may stand behind a comma or a word
            k = start
            while k < end and self.tokens[k].kind not in ("text", "quad"):
                opens = self.tokens[k].kind in ("{", "open", "begin")
                k = max(k + 1, self.match[k] + 1) if opens else k + 1
            k = min(k, end)
            if k == end:
                pieces = self.commas(start, end)
                k = pieces[0][1] if len(pieces) > 1 else end
            row = [(start, k), (k, end)]
        value = self._trim(*row[0])
        if value[0] >= value[1]:
            return None
        body = self.whole(*value)
        first, last = self._trim(row[1][0], row[-1][1])
        if first >= last:
            place = self.tokens[value[1] - 1].end
            return body, Remark(place, place, Apply(place, place, "words", ()), "")
        return body, self.condition(first, last)

    def _trim(self, start: int, end: int) -> tuple[int, int]:
        skip = ("sep", "quad", "amp", "colon")
        while start < end and self.tokens[start].kind in skip:
            start += 1
        while end > start and self.tokens[end - 1].kind in skip:
            end -= 1
        return start, end

    def condition(self, start: int, end: int) -> Node | None:
        """What is said to hold between two tokens; None for otherwise."""
        start, end = self._trim(start, end)
        said = self.said(start, end)
        while start < end and self.tokens[start].kind == "text":
            spoken = self.tokens[start].text.lower().strip(" ,.:;")
            if spoken.startswith(("otherwise", "else")) and not spoken.startswith("else if"):
                return None
            leads = w.CONDITIONS | {"where", "and", "all"}
            if spoken.split()[-1:] and spoken.split()[-1] in leads \
                    and len(spoken.split()) <= 3:  # fmt: skip
                start += 1
                continue
            return self.words(_spoken_source(said), self.tokens[start].start,
                              self.tokens[end - 1].end)
        start, end = self._trim(start, end)
        if end > start and self.tokens[end - 1].kind == "text":
            return self.words(_spoken_source(said), self.tokens[start].start,
                              self.tokens[end - 1].end)
        if start >= end:
            place = self.tokens[min(start, len(self.tokens) - 1)].start
            return self.words(_spoken_source(said), place, place)
        return _compared(self.whole(start, end))


def _spoken_source(said: str) -> str:
    """Words without the commands that hold them."""
    for piece in ("\\text{", "\\mathrm{", "\\textrm{", "\\mbox{", "}", "$", "\\quad"):
        said = said.replace(piece, "")
    return " ".join(said.split())


def _compared(node: Node) -> Node:
    """A condition: its relation compares, and names nothing."""
    if isinstance(node, Apply) and node.head == "such":
        return replace(node, head="compare")
    if isinstance(node, Apply) and node.head == "forall":
        return replace(node, args=tuple(map(_compared, node.args)))
    return node


def _is_dots(node: Node) -> bool:
    return isinstance(node, Apply) and node.head == "dots"


def _may_be_product(node: Node) -> bool:
    """Whether p(1 - p) may be a product: a bracket around it is kept, as a sum of one term."""
    return isinstance(node, Apply) and node.head.startswith("call:") and len(node.args) == 1 and (
        isinstance(node.args[0], Apply) and node.args[0].head in _TERMS)


def _nested(node: Matrix) -> Matrix:
    """A list of lists as one matrix."""
    row = node.rows[0]
    inner = [c.rows[0] for c in row if isinstance(c, Matrix) and len(c.rows) == 1
             and c.bracket in ("[", "(")]
    if len(inner) == len(row) and len({len(r) for r in inner}) == 1:
        return replace(node, rows=tuple(inner))
    return node


def _as_cases(node: Matrix, start: int, end: int) -> Node:
    rows = []
    for row in node.rows:
        condition: Node | None = _compared(row[1]) if len(row) > 1 else Remark(
            row[0].end, row[0].end, Apply(row[0].end, row[0].end, "words", ()), "")
        if isinstance(condition, Remark) and condition.said.lower().startswith(("other", "else")):
            condition = None
        rows.append((row[0], condition))
    return Choice(start, end, tuple(rows))
