r"""Derivatives in all their spellings: ∂L/∂z, \frac{d}{dx} f, \frac{d^2 y}{dx^2}, ∇_W L, dL/dz."""

from __future__ import annotations

from chainrule.check.read.reductions import Reductions
from chainrule.check.read.tokens import Token
from chainrule.check.tree import Apply, Derivative, Node, Number

_ROUND = ("partial", "delta", "Delta")


class Derivatives(Reductions):
    """Reads derivatives; an operator takes what stands behind it."""

    def marker(self, at: int, end: int) -> str:
        """The d or ∂ that a part of a fraction begins with, or nothing."""
        if at >= end:
            return ""
        token = self.tokens[at]
        if token.text == "partial":
            return "partial"
        after = self.tokens[at + 1] if at + 1 < end else None
        if token.kind == "sym" and token.text in ("d", "delta", "Delta"):
            name = "partial" if token.text in _ROUND else "d"
            if after is None:
                return name
            if after.kind in ("sym", "word", "{", "cmd", "open"):
                return name
            if after.kind == "op" and after.text == "^":
                return name
        return ""

    def fraction(self) -> Node:
        r"""\frac{…}{…}; the command is the next token."""
        token = self.take()
        if self.peek().kind == "num" and len(self.peek().text) > 1:  # \frac12
            return self._digits(token)
        top = self.argument()
        bottom = self.argument()
        end = self.last()
        above, below = self.marker(*top), self.marker(*bottom)
        lone = bottom[1] - bottom[0] == 1
        if above and above == below and not lone:
            return self._quotient(token.start, end, top, bottom, above)
        if top[0] >= top[1] or bottom[0] >= bottom[1]:
            raise self.fail("a part of the fraction is missing")
        return Apply(token.start, end, "frac", (self.whole(*top), self.whole(*bottom)))

    def _digits(self, token: Token) -> Node:
        digits = self.take()
        middle = min(digits.start + 1, digits.end)
        first = Number(digits.start, middle, digits.text[0])
        second = Number(middle, digits.end, digits.text[1:])
        return Apply(token.start, digits.end, "frac", (first, second))

    def _quotient(self, start: int, end: int, top: tuple[int, int], bottom: tuple[int, int],
                  kind: str) -> Node:
        first, order = self._order(top[0] + 1, top[1])
        body = self.whole(first, top[1]) if first < top[1] else None
        below = self._bottoms(*bottom, order)
        self._agree(order, len(below))
        node = Derivative(start, end, body, below, total=kind == "d")
        return node if body is not None else self.operator(node)

    def _order(self, at: int, end: int) -> tuple[int, int]:
        """Where the numerator goes on behind the order of a derivative, and the order."""
        if at + 1 < end and self.tokens[at].text == "^":
            k = at + 1
            if self.tokens[k].kind == "{":
                close = self.match[k]
                text = "".join(t.text for t in self.tokens[k + 1 : close])
                return close + 1, int(text) if text in ("2", "3", "4") else 0
            text = self.tokens[k].text
            return k + 1, int(text) if text in ("2", "3", "4") else 0
        return at, 1

    def _agree(self, order: int, times: int) -> None:
        """A derivative of some order is by as many variables: else one of both is a slip."""
        if order not in (0, times):
            raise self.fail(f"a derivative of order {order} by {times} "
                            f"variable{'s' if times > 1 else ''}")

    def _bottoms(self, start: int, end: int, order: int) -> tuple[Node, ...]:
        """What is differentiated by: the parts behind each d of the denominator."""
        starts, k = [start], start + 1
        while k < end:
            token = self.tokens[k]
            if token.kind in ("{", "open", "begin"):
                k = max(k + 1, min(self.match[k] + 1, end))
                continue
            if self.marker(k, end) and k + 1 < end:
                starts.append(k)
            k += 1
        found: list[Node] = []
        for first, last in zip(starts, [*starts[1:], end], strict=True):
            if first + 1 >= last:
                raise self.fail("the derivative does not say by what")
            node = self.whole(first + 1, last)
            times = 1
            if (order > 1 and isinstance(node, Apply) and node.head == "power"
                    and isinstance(node.args[1], Number) and node.args[1].text in "234"):
                times, node = int(node.args[1].text), node.args[0]
            found += [node] * times
        return tuple(found)

    def operator(self, node: Derivative) -> Node:
        """An operator with the operand behind it: a bracket, a function, factors in a row."""
        if not self.starts_operand():
            return node
        token = self.peek()
        body = self.factor() if token.kind in ("open", "{") else self.run()
        return Derivative(node.start, body.end, body, node.bottom, node.total)

    def nabla(self) -> Node:
        r"""\nabla_W L, and the Hessian \nabla^2 f; the sign is the next token."""
        token = self.take()
        found = self.scripts(False)
        power = found.power
        squared = isinstance(power, Number) and power.text == "2"
        if power is not None and not squared:
            raise self.fail("a power of ∇")
        if not self.starts_operand():
            raise self.fail("the gradient of nothing")
        body = self.factor()
        once = Derivative(token.start, body.end, body, found.subs)
        return Derivative(token.start, body.end, once, found.subs) if squared else once

    def inline(self) -> Node | None:
        """A derivative with a slash: ∂L/∂z, dL/dz, ∂/∂z L; None where none stands here."""
        start, token = self.at, self.peek()
        kind = self.marker(self.at, self.end)
        operates = token.text in ("d", "partial") and self.peek(1).text == "/" and self.marker(
            self.at + 2, self.end) != ""
        if operates:
            kind = "partial" if token.text == "partial" else "d"
        if not kind or token.text in ("delta", "Delta"):
            return None
        self.at += 1
        if kind == "partial" and self.peek().text == "_":  # ∂_x f
            below = self.scripts(False).subs
            return self.operator(Derivative(token.start, self.last(), None, below))
        first, order = self._order(self.at, self.end)
        self.at = first
        top: Node | None = None
        if self.peek().text != "/":
            if kind == "d" and not self.starts_operand():
                self.at = start
                return None
            top = self.behind(self.atom())
        if self.peek().text != "/" or self.marker(self.at + 1, self.end) == "":
            if kind == "d":
                self.at = start
                return None
            if top is None:
                raise self.fail("the derivative of nothing")
            return Apply(token.start, top.end, "call:partial", (top,))  # a lone ∂x
        self.at += 1
        bottoms: list[Node] = []
        while self.marker(self.at, self.end) == kind and len(bottoms) < (order or 4):
            self.at += 1
            node = self.behind(self.atom()) if top is not None else self._variable()
            times = 1
            if order > 1 and isinstance(node, Apply) and node.head == "power":
                times, node = order, node.args[0]
            bottoms += [node] * times
        self._agree(order, len(bottoms))
        found = Derivative(token.start, self.last(), top, tuple(bottoms), total=kind == "d")
        return found if top is not None else self.operator(found)

    def _variable(self) -> Node:
        """What the operator d/dz differentiates by: z alone, with its scripts."""
        stop, end = self.at + 1, self.end
        if self.peek().kind not in ("sym", "word"):
            return self.behind(self.atom())
        while stop + 1 < end and self.tokens[stop].text in ("_", "^", "'"):
            opens = self.tokens[stop + 1].kind in ("{", "open")
            scripted = self.tokens[stop].text != "'"
            stop = (self.match[stop + 1] + 1 if opens else stop + 2) if scripted else stop + 1
        self.end = min(stop, end)
        try:
            return self.behind(self.atom())
        finally:
            self.end = end

    def atom(self) -> Node:
        """A factor without what stands behind it."""
        raise NotImplementedError
