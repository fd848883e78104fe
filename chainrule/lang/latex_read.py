r"""Expressions in LaTeX, by recursive descent over the tokens.

From the weakest to the strongest: `or`, `and`, relations, sums, products, powers. Factors side by
side are multiplied. A function without brackets takes the factors behind it up to an operator, a
bracket or another function: `\log p_i` and `\sin 2x` are ln(p_i) and sin(2x), `\log a b` is ln(ab),
and `\sin x \cos y` a product. The body of a sum is a product, as in chainrule's own notation:
`\sum_k a_k b_k + c` is (Σ …) + c.
"""


from __future__ import annotations

from chainrule.lang.latex_factors import Factors
from chainrule.lang.latex_tokens import GREEK, Token
from chainrule.lang.latex_tree import Apply, Node, Number
from chainrule.lang.latex_words import (
    FENCES,
    FUNCTIONS,
    MARKS,
    RELATIONS,
    SPELLED,
    TIMES,
    WORDS_THAT_END,
)


class Reader(Factors):
    """Reads expressions; `functions` are the names that the text defines as functions."""

    # logic and relations

    def condition(self) -> Node:
        """Comparisons joined by `and` and `or`; `and` is the stronger one."""
        either: list[Node] = []
        both = [self._negated() if self._negates() else self.comparison()]
        while True:
            if self._said("and") or self.is_("wedge"):
                self.at += 1
            elif self._said("or") or self.is_("vee"):
                self.at += 1
                either.append(_joined("and", both))
                both = []
            else:
                return _joined("or", [*either, _joined("and", both)])
            both.append(self._negated() if self._negates() else self.comparison())

    def _negates(self) -> bool:
        return self._said("not") or self.is_("neg")

    def _negated(self) -> Node:
        start = self.token.start
        negations = 0
        while self._negates():
            self.at += 1
            negations += 1
        inner = self.comparison()
        return Apply(start, inner.end, "not", (inner,)) if negations % 2 else inner

    def comparison(self) -> Node:
        """`a < b`, or a chain `0 \\leq a < b`; one expression where no relation stands."""
        first = self.sum()
        args, signs = [first], []
        while self.token.text in RELATIONS and self.token.kind in (
                "=", "<", ">", "command"):
            signs.append(RELATIONS[self.token.text])
            self.at += 1
            args.append(self.sum())
        if not signs:
            return first
        return Apply(first.start, args[-1].end, "compare", tuple(args), tuple(signs))

    # sums and products

    def sum(self) -> Node:
        start = self.token.start
        signs = [self._sign()]
        terms = [self.product()]
        while self.is_("+", "-"):
            signs.append(self._sign())
            terms.append(self.product())
        if len(terms) == 1 and signs == ["+"]:
            return terms[0]
        return Apply(start, terms[-1].end, "sum", tuple(terms), tuple(signs))

    def product(self) -> Node:
        first = self.signed()
        factors, signs = [first], [""]
        while True:
            operator = TIMES.get(self.token.text) if self.token.kind in (
                "command", "*", "/") else None
            if operator is not None:
                self.at += 1
                factors.append(self.signed())
                signs.append(operator)
                if operator == "/" and self.starts():
                    self._unclear_quotient(factors, first.start)
            elif self.starts():
                factors.append(self.factor())
                signs.append("")
            else:
                break
        if len(factors) == 1:
            return first
        return Apply(first.start, factors[-1].end, "product", tuple(factors), tuple(signs))

    def _unclear_quotient(self, factors: list[Node], start: int) -> None:
        """`1/2x` has two readings; `1/2 (x - y)` and `1/2 \\sum` have one."""
        numbers = all(isinstance(f, Number) for f in factors[-2:])
        if numbers and self.token.kind not in ("letter", "number"):
            return
        last = self.token
        raise self.lexer.fail("a quotient followed by a further factor can be read in two ways",
                              start, last.end, "write \\frac{a}{b} c or \\frac{a}{b c}")

    def signed(self) -> Node:
        """A factor, which may have a sign of its own behind an operator."""
        start = self.token.start
        if not self.is_("+", "-"):
            return self.factor()
        sign = self._sign()
        self.deeper()
        inner = self.product()
        self.depth -= 1
        return inner if sign == "+" else Apply(start, inner.end, "sum", (inner,), ("-",))

    def starts(self) -> bool:
        """Whether a factor comes next."""
        t = self.token
        if t.kind in ("letter", "number", "word", "(", "[", "{"):
            return not (t.kind == "word" and t.text.lower() in WORDS_THAT_END)
        if t.kind == "prose":
            return t.text.split(" ")[0].strip(" ,;:.").lower() not in WORDS_THAT_END
        if t.kind == "|":
            return not self.bars
        return t.kind == "command" and (
            t.text in GREEK or t.text in FUNCTIONS or t.text in FENCES or t.text in MARKS
            or t.text in ("frac", "sqrt", "sum", "mathbf", "mathbb", "mathcal", "ell", "arg", "{",
                          "begincases", "underbrace", "overbrace", "boxed", "underline", "langle",
                          "argmax", "argmin", "partial", "prod", "int", "nabla", "imath", "jmath")
            or (t.text == "|" and not self.bars) or self._unknown(t))

    def _unknown(self, t: Token) -> bool:
        """Commands nobody knows count as the start of a factor, which then complains of them."""
        ends = {"}", "rfloor", "rceil", "rvert", "rVert", "rangle", "endcases", "|", "in", "forall",
                "wedge", "vee", "neg", "top", "dots", "'", "substack", "cap", "cup", "mid", "pm",
                "approx", "to", "gets", "quad", "exists"}  # fmt: skip
        return t.text not in ends and t.text not in RELATIONS and t.text not in TIMES

    # factors

    def factor(self) -> Node:
        """A base with what is raised behind it."""
        self.deeper()
        base = self.base()
        while self.is_("^", "'", "_", "!"):
            if self.is_("!"):
                raise self.fail("there are no factorials")
            base = self._scripted(base)
        self.depth -= 1
        return base

    def base(self) -> Node:
        t = self.token
        if t.kind == "number":
            self.at += 1
            return Number(t.start, t.end, t.text)
        if t.kind == "letter":
            return self._letters()
        if t.kind in ("word", "prose"):
            self.at += 1
            return self._named(t, SPELLED.get(t.text, t.text))
        if t.kind in ("(", "[", "{"):
            return self.group()
        if t.kind == "|" and self.ahead().kind == "|" and self.ahead().start == t.end:
            return self._double_bars()
        if t.kind == "|":
            return self._bars("abs", "|")
        if t.kind == "command":
            return self._command(t)
        hint = "an equation has a name on its left: y = …" if self.is_("=") else None
        raise self.fail(f"expected a number, a name or a bracket, found {self.found()}", hint)


def _joined(word: str, found: list[Node]) -> Node:
    return found[0] if len(found) == 1 else Apply(found[0].start, found[-1].end, word,
                                                  tuple(found))
