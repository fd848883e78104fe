r"""Sums, products, maxima, limits and integrals, with what they run over."""

from __future__ import annotations

from chainrule.check.read import words as w
from chainrule.check.read.names import Names
from chainrule.check.read.tokens import Token
from chainrule.check.tree import (
    Apply,
    Integral,
    Item,
    Limit,
    Node,
    Number,
    Reduce,
    Symbol,
)


class Reductions(Names):
    """Reads what binds a variable."""

    def reduction(self, op: str, token: Token) -> Node:
        r"""\sum_{i=1}^n body; the sign itself is passed already."""
        lower: tuple[int, int] | None = None
        upper: Node | None = None
        while self.peek().kind == "op" and self.peek().text in "_^":
            sign = self.take()
            start, end = self._script_range()
            if sign.text == "_":
                lower = start, end
            elif start < end:
                upper = self.whole(start, end)
        items: list[Item] = []
        if lower is not None:
            pieces = self._pieces(*lower)
            for start, end in pieces:
                items += self._item(start, end, upper)
        elif upper is not None:
            items.append(Item(None, None, upper))
        if op in ("sum", "prod"):
            body = self.product()
        elif self.starts_operand():
            body = self.run()
            body = self._listed(body)
        else:
            raise self.fail("nothing stands behind the sign")
        return Reduce(token.start, body.end, op, tuple(items), body)

    def _listed(self, body: Node) -> Node:
        """The one argument of max_k (z_k)."""
        return body

    def _pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """What a sum runs over, one by one; j = 1, …, n is one."""
        pieces = [p for p in self.commas(start, end, ("sep", "break")) if p[0] < p[1]]
        joined: list[tuple[int, int]] = []
        for first, last in pieces:
            listed = joined and (self.tokens[first].kind in ("dots", "num")
                                 or any(t.kind == "dots" for t in
                                        self.tokens[joined[-1][0]:joined[-1][1]]))
            if (listed and self.has(*joined[-1], ("rel",))) or (
                    listed and self.tokens[first].kind != "sym"):
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return joined

    def _item(self, start: int, end: int, upper: Node | None) -> list[Item]:
        token = self.tokens[start]
        relation = next((k for k in range(start, end) if self.tokens[k].kind == "rel"), None)
        if relation is None:
            node = self.whole(start, end)
            if isinstance(node, Apply) and node.head == "in":
                index = node.args[0]
                return [Item(index if isinstance(index, Symbol) else None, None, None, node)]
            if isinstance(node, Apply) and node.head == "product" and all(
                    isinstance(a, Symbol) for a in node.args) and len(node.args) <= 4:  # fmt: skip
                return [Item(a, None, upper) for a in node.args if isinstance(a, Symbol)]
            if isinstance(node, Symbol):
                return [Item(node, None, upper)]
            return [Item(None, None, upper, node)]
        sign = self.tokens[relation]
        if relation == start:
            raise self.fail("the index is missing")
        if sign.text in ("=", "≡") and not any(
                self.tokens[k].kind == "rel" for k in range(relation + 1, end)):  # fmt: skip
            index = self.whole(start, relation)
            pieces = self.commas(relation + 1, end)
            low = self.whole(*pieces[0]) if pieces[0][0] < pieces[0][1] else None
            if len(pieces) > 1 and upper is None and pieces[-1][0] < pieces[-1][1]:
                upper = self.whole(*pieces[-1])
            if isinstance(index, Symbol):
                return [Item(index, low, upper)]
            if isinstance(index, Apply) and low is not None:
                return [Item(s, low, upper) for s in index.args if isinstance(s, Symbol)]
            raise self.fail("the index is no name")
        condition = self.whole(start, end)
        return [Item(None, None, upper, condition)] if token else []

    def limit(self) -> Node:
        r"""\lim_{x \to a} body; \lim is the next token."""
        token = self.take()
        if self.peek().text != "_":
            if not self.starts_operand():
                raise self.fail("the limit of nothing")
            return self.product()  # \lim c → ∞ says that c goes there
        self.at += 1
        start, end = self._script_range()
        arrow = next((k for k in range(start, end) if self.tokens[k].kind == "arrow"), None)
        if arrow is None or arrow == start or arrow + 1 >= end:
            raise self.fail("the limit says not where its variable goes")
        variable = self.whole(start, arrow)
        if not isinstance(variable, Symbol):
            raise self.fail("the variable of the limit is no name")
        stop, side = self._sided(arrow + 1, end)
        point = self.whole(arrow + 1, stop)
        body = self.product()
        return Limit(token.start, body.end, variable, point, body, side)

    def _sided(self, start: int, end: int) -> tuple[int, str]:
        """Where a limit's point ends, and the side from which it is reached."""
        for length in (4, 2, 1):
            k = end - length
            if k <= start:
                continue
            texts = [t.text for t in self.tokens[k:end]]
            raised = [t for t in texts if t not in "^{}"]
            if len(raised) == 1 and raised[0] in "+-" and (length == 1 or texts[0] == "^"):
                return k, raised[0]
        return end, ""

    def integral(self) -> Node:
        r"""\int_a^b body dx; the sign is the next token."""
        token = self.take()
        lower = upper = None
        while self.peek().kind == "op" and self.peek().text in "_^":
            sign = self.take()
            start, end = self._script_range()
            bound = self.whole(start, end) if start < end else None
            if sign.text == "_":
                lower = bound
            else:
                upper = bound
        k = self.at
        while k + 1 < self.end:
            here = self.tokens[k]
            if here.kind in ("{", "open", "begin"):
                k = max(k + 1, self.match[k] + 1)
                continue
            joined = here.kind == "word" and here.text[0] == "d" and here.text not in w.FUNCTIONS
            if (here.text == "d" and self.tokens[k + 1].kind == "sym") or joined:
                break
            k += 1
        else:
            raise self.fail("the integral does not say over what")
        body: Node = (self.whole(self.at, k) if k > self.at
                      else Number(token.start, token.end, "1"))
        self.at = k + 1
        variable = self.name()
        if not isinstance(variable, Symbol):
            raise self.fail("the integral's variable is no name")
        return Integral(token.start, variable.end, variable, lower, upper, body)


