"""One expression from tokens: a Pratt parser.

Every operator has a binding power, and `expression(power)` reads operands and operators as long as
the operators bind at least that strongly; this one loop replaces a grammar rule for each level.

    a if c else b   10      lowest, to the right
    or, and, not    20, 30, 40
    comparisons     50      chained: 0 <= i < N is 0 <= i and i < N
    + -             60
    * / // %        70      also a sign at the start of a term, and the body of a reduction:
                            -a*b is -(a*b), sum(k) a[k]*b[k] + c is (sum …) + c
    ^ **            90      to the right; -x^2 is -(x^2)

On whole tensors `@` binds like `*`, `.^` like `^`, and a transposition (`A.T`, `A'`) like a
superscript; these are applications of functions called "@", "@pow", "@T", "@norm" and so on, which
`chainrule.lang.matrices` writes out with indices.

What stands in the tree is what was written, with three exceptions: arithmetic of indices and sizes
is one integer polynomial (`2*i + 1`), a sign in front of a number belongs to it (`-2`), and a
quotient of two whole numbers in lowest terms is one number (`1/3`).
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Final

from chainrule.errors import ChainruleError, FormulaSyntaxError, RangeError, Span, visible
from chainrule.lang.calls import WHOLE, Calls
from chainrule.lang.cursor import AND, CHOICE, COMPARE, NOT, OR, POWER, PRODUCT, SUM
from chainrule.lang.expr import Apply, Expr, IndexValue, Number, Ref, Select, walk
from chainrule.lang.numerals import check_power, combined, literal

_POWERS: Final = {
    "if": CHOICE, "or": OR, "and": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
    "//": PRODUCT, "%": PRODUCT, "^": POWER, "superscript": POWER + 5,
    "@": PRODUCT, ".^": POWER, "'": POWER + 5,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARE),
}  # fmt: skip
_FUNCTION: Final = {
    "or": "or", "and": "and", "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow",
    "//": "floordiv", "%": "mod", "@": "@",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
}  # fmt: skip
_STARTS: Final = frozenset({"name", "number", "(", "{", "["})


class Grammar(Calls):
    """Reads the expressions of one statement."""

    def expression(self, power: int) -> Expr:
        """An operand and all the operators after it that bind at least as strongly as `power`."""
        kinds = self.kinds
        start = self.at
        left = self._operand(power)
        while True:
            kind = kinds[self.at]
            binding = _POWERS.get(kind)
            if binding is None:
                if kind in _STARTS:
                    raise self._two_operands(start)
                return left
            if binding < power:
                return left
            operator = self.at
            if binding in (SUM, PRODUCT):
                self.at += 1
                right = self.expression(binding + 1)
                left = self._arithmetic(left, right, start, operator)
            elif binding == COMPARE:
                left = self._comparison(left, start)
            elif binding >= POWER:
                left = self._power(left, start)
            elif binding == CHOICE:
                left = self._select(left, start)
            else:
                self.at += 1
                middle = self.at
                right = self.truth(self.expression(binding + 1), middle)
                self.truth(left, start)
                left = Apply(_FUNCTION[kind], (left, right), self.span(start))

    def _arithmetic(self, left: Expr, right: Expr, start: int, operator: int) -> Expr:
        function = _FUNCTION[self.kinds[operator]]
        self.number(left, start)
        self.number(right, operator + 1)
        span = self.span(start)
        if function == "@":
            self.whole = True
            return Apply("@", (left, right), span)
        if function in ("floordiv", "mod"):
            return self._floor(function, left, right, span)
        if type(left) is IndexValue or type(right) is IndexValue:
            whole = combined(function, left, right, span)
            if whole is not None:
                return whole
        if (
            function == "div" and type(left) is Number and type(right) is Number
            and self.kinds[operator - 1] == "number" and self.at == operator + 2
            and isinstance(left.value, int) and isinstance(right.value, int)
            and right.value > 1 and left.value and gcd(left.value, right.value) == 1
        ):  # fmt: skip
            return Number(Fraction(left.value, right.value))
        return Apply(function, (left, right), span)

    def _floor(self, function: str, left: Expr, right: Expr, span: Span) -> Expr:
        """`i // 2` and `i % 2`, of integers alone; outside subscripts tensors are declared so."""
        kinds = self.names.tensors
        known = self.inside or all(
            kinds.get(node.tensor) == "integer"
            for side in (left, right) for node in walk(side) if isinstance(node, Ref)
        )  # fmt: skip
        whole = combined(function, left, right, span) if known else None
        if whole is None:
            raise RangeError(
                "`//` and `%` are for indices, sizes and integer tensors", span,
                "for real numbers write floor(a/b)",
            )  # fmt: skip
        return whole

    def _comparison(self, left: Expr, start: int) -> Expr:
        """`a < b`, or the chain `a < b < c`, which is `a < b and b < c`."""
        total: Expr | None = None
        begin = start
        while _POWERS.get(self.kinds[self.at]) == COMPARE:
            function = _FUNCTION[self.kinds[self.at]]
            self.at += 1
            middle = self.at
            right = self.number(self.expression(COMPARE + 1), middle)
            link = Apply(function, (self.number(left, begin), right), self.span(begin))
            total = link if total is None else Apply("and", (total, link), self.span(start))
            left, begin = right, middle
        assert total is not None
        return total

    def _power(self, left: Expr, start: int) -> Expr:
        self.number(left, start)
        place = self.at
        self.at += 1
        if self.kinds[place] == "'":
            self.whole = True
            return Apply("@T", (left,), self.span(start))
        if self.kinds[place] == "superscript":
            exponent: Expr = literal(self.texts[place], self.span(place))
        else:
            self.deeper()
            exponent = self.number(self.expression(POWER), place + 1)
            self.depth -= 1
        check_power(left, exponent, self.span(start))
        if self.kinds[place] == ".^":
            self.whole = True
            return Apply("@pow", (left, exponent), self.span(start))
        if self.texts[start] == "e" and place == start + 1 and isinstance(left, Apply):
            return Apply("exp", (exponent,), self.span(start))  # e^x, for Euler's number
        return Apply("pow", (left, exponent), self.span(start))

    def _select(self, then: Expr, start: int) -> Expr:
        self.number(then, start)
        self.deeper()
        self.at += 1
        condition = self.condition()
        if self.kinds[self.at] == "if":
            raise self.fail("a selection inside a condition needs brackets", "(a if c else b)")
        if self.kinds[self.at] != "else":
            raise self.fail(
                f"expected `else`, found {self.found_here()}",
                "a selection is written `a if condition else b`",
            )
        self.at += 1
        middle = self.at
        otherwise = self.number(self.expression(CHOICE), middle)
        self.depth -= 1
        return Select(condition, then, otherwise, self.span(start))

    # operands

    def _operand(self, power: int) -> Expr:
        kind = self.kinds[self.at]
        if kind == "name":
            return self.named()
        if kind == "number":
            return self._literal(1, power)
        if kind == "(" or kind == "{":
            return self._bracketed()
        if kind == "-" or kind == "+":
            return self._sign(power)
        if kind == "|":
            return self._bar()
        if kind == "‖":
            return self._norm()
        if kind == "not" and power <= NOT:
            start = self.at
            self.deeper()
            self.at += 1
            inner = self.truth(self.expression(NOT), start + 1)
            self.depth -= 1
            return Apply("not", (inner,), self.span(start))
        hint = None
        if kind == "end" and self.at and self.kinds[self.at - 1] == "=":
            hint = "write what it is equal to, as in `y = 2*x`"
        raise self.fail(f"expected a number, a name or a bracket, found {self.found_here()}", hint)

    def _bracketed(self) -> Expr:
        start = self.at
        end = self.closes[start]
        self.deeper()
        bars, self.bars = self.bars, 0
        self.at += 1
        if self.at == end:
            raise self.fail("there is nothing between these brackets", at=start)
        inner = self.expression(0)
        self.bars = bars
        self.depth -= 1
        if self.kinds[self.at] == "," and self.at < end:
            raise self.fail(
                "a comma stands between plain brackets",
                "a decimal point is `.`; a function's arguments follow its name",
            )
        self.expect(self.texts[end], "at the end of the bracket")
        return inner

    def _bar(self) -> Expr:
        start = self.at
        self.deeper()
        self.bars += 1
        self.at += 1
        inner = self.value()
        if self.kinds[self.at] != "|":
            raise self.fail(f"expected the closing `|`, found {self.found_here()}")
        self.at += 1
        self.bars -= 1
        self.depth -= 1
        return Apply("abs", (inner,), self.span(start))

    def _norm(self) -> Expr:
        """`‖x‖`, `‖x‖_2`, `‖A‖_F`."""
        start = self.at
        self.deeper()
        self.at += 1
        inner = self.value()
        if self.kinds[self.at] != "‖":
            raise self.fail(f"expected the closing `‖`, found {self.found_here()}")
        self.at += 1
        self.depth -= 1
        self.whole = True
        function = "@norm"
        word = self.texts[self.at]
        if self.kinds[self.at] == "name" and word.startswith("_"):
            if word not in ("_2", "_F"):
                raise self.fail(f"the norm ‖…‖{word} is not in the language",
                                "‖x‖_1 is sum(abs(x))" if word == "_1" else None)
            function = "@norm" + word
            self.at += 1
        return Apply(function, (inner,), self.span(start))

    def _sign(self, power: int) -> Expr:
        """A sign: at the start of a term it takes the whole product, else the factor."""
        start = self.at
        kinds = self.kinds
        negative = kinds[start] == "-"
        self.at += 1
        powers = ("^", "superscript")
        if negative and kinds[self.at] == "number" and kinds[self.at + 1] not in powers:
            return self._literal(-1, power)
        self.deeper()
        first = self.at
        inner = self.number(self.expression(PRODUCT if power <= PRODUCT else POWER), first)
        self.depth -= 1
        if not negative:
            return inner
        if type(inner) is IndexValue:
            return IndexValue(-inner.value, self.span(start))
        return Apply("neg", (inner,), self.span(start))

    def _literal(self, sign: int, power: int) -> Expr:
        """A number, and the product that it makes with a name or a bracket right behind it."""
        start = self.at
        self.at += 1
        value = literal(self.texts[start], self.span(start))
        if sign < 0:
            value = Number(-value.value)
        follows = self.kinds[self.at]
        if follows not in _STARTS and not (follows == "|" and not self.bars):
            return value
        if follows == "number" or follows == "[":
            raise self.fail(
                f"expected an operator, found {self.found_here()}", "for a product write `*`"
            )
        word, digits = self.texts[self.at], self.texts[start]
        if digits == "0" and follows == "name" and word[0] in "xXbBoO" and word[1:].isalnum():
            raise self.fail(
                "only decimal numbers can be written", f"for a product write `0*{word}`", start
            )
        before = self.kinds[start - 1] if start else ""
        if power > PRODUCT and (before != "*" or sign < 0):
            raise self._ambiguous(start, before)
        first = self.at
        factor = self.number(self.expression(POWER), first)
        whole = combined("mul", value, factor, self.span(start))
        return whole or Apply("mul", (value, factor), self.span(start))

    def _ambiguous(self, start: int, before: str) -> ChainruleError:
        """`1/2x` and `2^3x`: two readings."""
        first = start
        while first and self.kinds[first - 1] in ("name", "number", before, "-"):
            first -= 1
        left = self.text[self.places[first][0] : self.places[start - 1][1]].strip()
        number = self.texts[start]
        last = self.closes.get(self.at, self.at)
        if self.kinds[self.at] == "name" and self.kinds[self.at + 1] in ("(", "["):
            last = self.closes[self.at + 1]
        rest = self.text[self.places[self.at][0] : self.places[last][1]]
        whole = visible(f"{left}{number}{rest}")
        hint = visible(f"write ({left}{number})*{rest} or {left}({number}*{rest})")
        return FormulaSyntaxError(
            f"`{whole}` can be read in two ways", self.span(first, last + 1), hint
        )

    def _two_operands(self, start: int) -> ChainruleError:
        """Two operands without an operator between them."""
        if self.kinds[self.at] == "[":
            return self.fail(
                "subscripts must follow a tensor's name", "give the expression a name first"
            )
        last = self.closes.get(self.at, self.at)
        if self.kinds[self.at] == "name" and self.kinds[self.at + 1] in ("(", "["):
            last = self.closes[self.at + 1]
        left = self.text[self.places[start][0] : self.places[self.at - 1][1]]
        right = self.text[self.places[self.at][0] : self.places[last][1]]
        if "^" in self.kinds[start : self.at] and self.kinds[self.at - 2] == "^":
            base = self.text[self.places[start][0] : self.places[self.at - 2][0]]
            top = self.texts[self.at - 1]
            hint = f"write {left}*{right} or {base}^({top}*{right})"
        else:
            near = self.text[self.places[self.at - 1][0] : self.places[self.at - 1][1]]
            if near in ")}]|":
                near = left
            hint = f"for a product write {near}*{right}"
        before = self.texts[self.at - 1]
        if before == "'" or {before, self.texts[self.at]} <= self.names.ranked:
            hint = f"for the product of whole tensors write {left} @ {right}"
        elif before in WHOLE and before not in self.names.tensors:
            hint = f"write {before}({right})"
        return self.fail(
            f"expected an operator, found {self.found_here()}",
            visible(hint) if len(hint) < 90 and "\n" not in hint else "for a product write `*`",
        )
