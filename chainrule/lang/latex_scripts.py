r"""Subscripts and superscripts: indices, powers, labels such as `z^{(1)}`, transposes, primes."""

from __future__ import annotations

from dataclasses import replace

from chainrule.lang.latex_cursor import Cursor, text_of
from chainrule.lang.latex_tokens import Token
from chainrule.lang.latex_tree import Apply, Node, Symbol
from chainrule.lang.latex_words import (
    NO_MEANING,
)


class Scripts(Cursor):
    """Reads what is put on a base."""

    def _scripted(self, base: Node) -> Node:
        """The base with the next subscript, superscript or prime put on it."""
        t = self.token
        self.at += 1
        if t.kind == "'" or t.text == "'":
            if not isinstance(base, Symbol):
                raise self.fail("a prime stands on a name", NO_MEANING["partial"], t.start)
            if self.is_("("):
                raise self.lexer.fail(f"the derivative of {base.name} has no meaning in a formula "
                                      "here", base.start, t.end, NO_MEANING["partial"])
            return replace(base, name=f"{base.name}_prime", end=t.end)
        if t.kind == "_":
            return self._subscripted(base, t)
        return self._raised_to(base, t)

    def _subscripted(self, base: Node, t: Token) -> Node:
        if isinstance(base, Apply) and base.head == "norm":
            order = self._argument()
            if text_of(order) not in ("2", "F"):
                raise self.fail("of norms there is the Euclidean one", start=t.start)
            return base
        if isinstance(base, Apply) and base.head.startswith("call:"):
            subs = self._subs()
            return Apply(base.start, self.tokens[self.at - 1].end, "cell", (base, *subs))
        if isinstance(base, Apply) and base.head == "power" and isinstance(base.args[0], Symbol):
            inner = self._subscripted(base.args[0], t)
            return replace(base, args=(inner, base.args[1]))
        if not isinstance(base, Symbol) or base.subs:
            raise self.fail("a subscript stands on a name", "give the expression a name first",
                            t.start)
        return replace(base, subs=self._subs(), end=self.tokens[self.at - 1].end)

    def _subs(self) -> tuple[Node, ...]:
        opened = self.token
        if opened.kind == "number" and len(opened.text) > 1:
            raise self.fail(f"_{opened.text} puts only the {opened.text[0]} below",
                            f"write _{{{opened.text}}}")
        self.script += 1
        self.deeper()
        if not self.take("{"):
            found = [self._argument()]
        else:
            found = [self.sum()]
            while self.take(","):
                found.append(self.sum())
            self.expect("}", "}", opened.start)
        self.depth -= 1
        self.script -= 1
        return tuple(found)

    def _raised_to(self, base: Node, t: Token) -> Node:
        kind = self._label_kind(base)
        end = self.tokens
        if kind == "transpose":
            braced = self.take("{")
            self.at += 1
            if braced:
                self.expect("}", "}", t.end)
            return Apply(base.start, end[self.at - 1].end, "transpose", (base,))
        if kind == "prime":
            braced = self.take("{")
            assert isinstance(base, Symbol)
            name = base.name
            while self.take("'", "*"):
                name += "_prime" if self.tokens[self.at - 1].text == "'" else "_star"
            if braced:
                self.expect("}", "}", t.end)
            return replace(base, name=name, end=end[self.at - 1].end)
        if kind == "label":
            assert isinstance(base, Symbol)
            braced = self.take("{")
            opened = self.token
            if opened.kind in ("word", "prose"):
                self.at += 1
                label: Node = Symbol(opened.start, opened.end, opened.text.replace(" ", "_"))
            else:
                self.at += 1
                label = self.sum()
                closing = ")" if opened.kind == "(" else "]"
                self.expect(closing, closing, opened.start)
            if braced:
                self.expect("}", "}", opened.start)
            return replace(base, label=label, end=end[self.at - 1].end)
        self.deeper()
        script, self.script = self.script, 0
        exponent = self._argument()
        self.script = script
        self.depth -= 1
        return Apply(base.start, end[self.at - 1].end, "power", (base, exponent))

    def _label_kind(self, base: Node) -> str:
        """What the superscript ahead is: a power, a label, a transpose, primes."""
        braced = self.token.kind == "{"
        first, then = (self.ahead(1), self.ahead(2)) if braced else (self.token, self.ahead(1))
        alone = not braced or then.kind == "}"
        if first.text == "top" or (first.text == "T" and alone and (
                first.kind != "letter" or self.transposes)):
            return "transpose" if alone else "power"
        if not isinstance(base, Symbol) or (base.name == "e" and not base.subs):
            return "power"
        if first.text in ("'", "*") and first.kind != "number":
            return "prime"
        if first.kind in ("word", "prose") and alone:
            return "label"
        if first.kind in ("(", "[") and base.label is None:
            closing = self._closing(self.at + braced)
            if closing and (not braced or self.tokens[closing + 1].kind == "}"):
                return "label" if closing - self.at - braced <= 6 else "power"
        return "power"

    def _closing(self, at: int) -> int:
        """The token that closes the bracket at a token, or 0."""
        depth = 0
        for k in range(at, min(len(self.tokens), at + 8)):
            depth += self.tokens[k].kind in "([{"
            depth -= self.tokens[k].kind in ")]}"
            if depth == 0:
                return k
        return 0
