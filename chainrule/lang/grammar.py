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

What stands in the tree is what was written, with three exceptions: arithmetic of indices and sizes
is one integer polynomial (`2*i + 1`), a sign in front of a number belongs to it (`-2`), and a
quotient of two whole numbers in lowest terms is one number (`1/3`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from typing import Final

from chainrule.errors import (
    ArityError,
    ChainruleError,
    FormulaSyntaxError,
    KindError,
    LimitError,
    RangeError,
    Span,
    UnknownNameError,
    did_you_mean,
    visible,
)
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    both,
)
from chainrule.lang.functions import FUNCTIONS, NAMES
from chainrule.lang.integers import Integer, index, size
from chainrule.lang.macros import Macro, expand
from chainrule.lang.numerals import check_power, combined, literal
from chainrule.lang.subscripts import subscripts
from chainrule.lang.tokens import Tokens
from chainrule.limits import NESTING

CHOICE: Final = 10
OR: Final = 20
AND: Final = 30
NOT: Final = 40
COMPARE: Final = 50
SUM: Final = 60
PRODUCT: Final = 70
POWER: Final = 90

_POWERS: Final = {
    "if": CHOICE, "or": OR, "and": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
    "//": PRODUCT, "%": PRODUCT, "^": POWER, "superscript": POWER + 5,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), COMPARE),
}  # fmt: skip
_FUNCTION: Final = {
    "or": "or", "and": "and", "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow",
    "//": "floordiv", "%": "mod",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
}  # fmt: skip
_STARTS: Final = frozenset({"name", "number", "(", "{", "["})
_BOOLEAN: Final = frozenset(f.name for f in FUNCTIONS.values() if f.boolean)
_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "div", "neg"}) | _BOOLEAN
CALLABLE: Final = {k: v for k, v in NAMES.items() if v not in _ARITHMETIC} | {
    "log_2": "log2", "log_10": "log10",
}  # fmt: skip
REDUCTIONS: Final = frozenset({"sum", "max", "min", "mean", "argmax", "argmin"})
_LOOSE: Final = frozenset({"H", "step", "sigma", "σ"})  # functions whose names are also variables
_CONSTANTS: Final = frozenset({"e", "pi", "π"})


@dataclass(slots=True)
class Names:
    """What the names of a program mean so far.

    `tensors` maps a declared or defined name to its kind ("real", "integer" or "" for unknown).
    """

    tensors: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, None] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)


class Grammar:
    """Reads expressions from the tokens of one statement; `at` is the place of the next token.

    `bound` holds the index variables in scope. In a subscript a name that is none of them is loose:
    what becomes of it is up to `loose`, one of "error", "size" (a declaration) and "index" (the
    left-hand side, or `+=`); those that became indices are collected in `found`.
    """

    def __init__(self, tokens: Tokens, text: str, name: str, names: Names) -> None:
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.places = tokens.places
        self.closes = tokens.closes
        self.text = text
        self.name = name
        self.names = names
        self.at = 0
        self.bound: dict[str, None] = {}
        self.found: dict[str, None] = {}
        self.values: set[str] = set()  # bare names that were taken for tensors
        self.reduced: set[str] = set()  # indices that some reduction has summed over
        self.loose = "error"
        self.inside = False  # a subscript
        self.parameters: tuple[str, ...] = ()  # of the user's function being defined
        self.expanded = 0  # nodes that calls of the user's functions made
        self._depth = 0
        self._bars = 0

    # places and errors

    def span(self, start: int, end: int | None = None) -> Span:
        """The text from token `start` up to token `end` (default: up to the next token)."""
        last = max(start, (self.at if end is None else end) - 1)
        return Span(self.text, self.places[start][0], self.places[last][1], self.name)

    def found_here(self) -> str:
        """The next token, for an error message."""
        text = self.texts[self.at]
        if not text:
            return "the end of the statement"
        return f"`{visible(text[:40])}{'…' if len(text) > 40 else ''}`"

    def fail(self, message: str, hint: str | None = None, at: int | None = None) -> ChainruleError:
        """A syntax error at a token (default: the next one)."""
        here = self.at if at is None else at
        return FormulaSyntaxError(message, self.span(here, here + 1), hint)

    def expect(self, kind: str, after: str) -> None:
        """Step over a token of this kind."""
        if self.kinds[self.at] != kind:
            hint = None
            if self.kinds[self.at] == "=":
                hint = "`=` defines, once a statement; to compare write `==`"
            raise self.fail(f"expected `{kind}` {after}, found {self.found_here()}", hint)
        self.at += 1

    def finish(self, end: int) -> None:
        """Complain unless everything before token `end` has been read."""
        if self.at != end:
            hint = None
            if self.kinds[self.at] == "=":
                hint = "`=` defines, once a statement; to compare write `==`"
            raise self.fail(f"expected an operator or the end, found {self.found_here()}", hint)

    def deeper(self) -> None:
        """Count one more level of brackets, signs, powers or selections."""
        self._depth += 1
        if self._depth > NESTING:
            raise LimitError(
                f"more than {NESTING} brackets, signs and powers inside each other",
                self.span(self.at, self.at + 1),
                "give parts of the formula names of their own",
            )

    # expressions

    def value(self) -> Expr:
        """An expression that is a number."""
        start = self.at
        return self.number(self.expression(0), start)

    def number(self, e: Expr, start: int) -> Expr:
        """The expression itself, if it is no condition."""
        if type(e) is Apply and e.function in _BOOLEAN:
            raise KindError(
                "a condition stands where a number is wanted", self.span(start),
                "write `1 if … else 0`",
            )  # fmt: skip
        return e

    def condition(self, power: int = OR) -> Expr:
        """An expression that is a condition."""
        start = self.at
        return self.truth(self.expression(power), start)

    def truth(self, e: Expr, start: int) -> Expr:
        """The expression itself, if it is a condition."""
        if type(e) is Apply and e.function in _BOOLEAN:
            return e
        span = self.span(start)
        raise KindError(
            "a number stands where a condition is wanted", span,
            f"compare it with something: `{visible(span.excerpt()[:40])} != 0`",
        )  # fmt: skip

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
        if type(left) is IndexValue or type(right) is IndexValue or function in ("floordiv", "mod"):
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
        if self.kinds[place] == "superscript":
            exponent: Expr = literal(self.texts[place], self.span(place))
        else:
            self.deeper()
            exponent = self.number(self.expression(POWER), place + 1)
            self._depth -= 1
        check_power(left, exponent, self.span(start))
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
        self._depth -= 1
        return Select(condition, then, otherwise, self.span(start))

    # operands

    def _operand(self, power: int) -> Expr:
        kind = self.kinds[self.at]
        if kind == "name":
            return self._name()
        if kind == "number":
            return self._literal(1, power)
        if kind == "(" or kind == "{":
            return self._bracketed()
        if kind == "-" or kind == "+":
            return self._sign(power)
        if kind == "|":
            return self._bar()
        if kind == "not" and power <= NOT:
            start = self.at
            self.deeper()
            self.at += 1
            inner = self.truth(self.expression(NOT), start + 1)
            self._depth -= 1
            return Apply("not", (inner,), self.span(start))
        hint = None
        if kind == "end" and self.at and self.kinds[self.at - 1] == "=":
            hint = "write what it is equal to, as in `y = 2*x`"
        raise self.fail(f"expected a number, a name or a bracket, found {self.found_here()}", hint)

    def _bracketed(self) -> Expr:
        start = self.at
        end = self.closes[start]
        self.deeper()
        bars, self._bars = self._bars, 0
        self.at += 1
        if self.at == end:
            raise self.fail("there is nothing between these brackets", at=start)
        inner = self.expression(0)
        self._bars = bars
        self._depth -= 1
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
        self._bars += 1
        self.at += 1
        inner = self.value()
        if self.kinds[self.at] != "|":
            raise self.fail(f"expected the closing `|`, found {self.found_here()}")
        self.at += 1
        self._bars -= 1
        self._depth -= 1
        return Apply("abs", (inner,), self.span(start))

    def _sign(self, power: int) -> Expr:
        """A sign: at the start of a term it takes the whole product, else the factor."""
        start = self.at
        kinds = self.kinds
        negative = kinds[start] == "-"
        self.at += 1
        if negative and kinds[self.at] == "number":
            if kinds[self.at + 1] not in ("^", "superscript"):
                return self._literal(-1, power)
        self.deeper()
        first = self.at
        inner = self.number(self.expression(PRODUCT if power <= PRODUCT else POWER), first)
        self._depth -= 1
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
        if follows not in _STARTS and not (follows == "|" and not self._bars):
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
        return self.fail(
            f"expected an operator, found {self.found_here()}",
            visible(hint) if len(hint) < 90 and "\n" not in hint else "for a product write `*`",
        )

    # names

    def _name(self) -> Expr:
        start = self.at
        name = self.texts[start]
        follows = self.kinds[start + 1]
        names = self.names
        self.at += 1
        if name in self.bound:
            if follows == "[":
                raise self.fail(f"{name} is an index here, it has no subscripts", at=start)
            return IndexValue(index(name), self.span(start))
        if name in self.parameters:
            return Ref("(" + name, (), None, self.span(start))
        if follows == "[" and (name in names.tensors or name not in REDUCTIONS):
            return self._reference(name, start)
        if follows in ("(", "{", "["):
            return self._call(name, start)
        if name in names.tensors:
            return Ref(name, (), None, self.span(start))
        if name in names.sizes or self.loose == "size":
            names.sizes[name] = None
            return IndexValue(size(name), self.span(start))
        if self.inside:
            return self._loose(name, start)
        if name in _CONSTANTS:
            args = () if name != "e" else (Number(1),)
            return Apply("pi" if args == () else "exp", args, self.span(start))
        if name in CALLABLE or name in REDUCTIONS or name in names.macros or name == "inf":
            self._not_a_value(name, start)
        self.values.add(name)
        return Ref(name, (), None, self.span(start))

    def _reference(self, name: str, start: int) -> Expr:
        if name in self.names.sizes and name not in self.names.tensors:
            raise self.fail(f"{name} is a size, it has no subscripts", at=start)
        places, outside = subscripts(self)
        return Ref(name, places, outside, self.span(start))

    def _loose(self, name: str, start: int) -> Expr:
        if self.loose == "error":
            raise RangeError(
                f"{name} is not an index here", self.span(start, start + 1),
                f"sum over it (`sum({name}) …`), put it on the left, or declare `size {name}`",
            )  # fmt: skip
        if name in self.reduced:
            raise self._both(name, start)
        self.found[name] = None
        return IndexValue(index(name), self.span(start))

    def _both(self, name: str, at: int) -> ChainruleError:
        return self.fail(
            f"{name} is an index of a reduction here, and stands outside it too",
            "take another letter for one of the two", at,
        )  # fmt: skip

    def _not_a_value(self, name: str, start: int) -> None:
        """Complain about a function's name without arguments, unless it is also a letter."""
        if name == "inf":
            raise self.fail("inf is a number only as a fill: `[…; pad with -inf]`", at=start)
        follows = self.kinds[self.at]
        if name in _LOOSE and follows not in ("name", "number"):
            return
        what = name
        if follows in ("name", "number"):
            argument = self.texts[self.at]
            if self.kinds[self.at + 1] in ("(", "["):
                closed = self.closes[self.at + 1]
                argument = self.text[self.places[self.at][0] : self.places[closed][1]]
            what = f"{name}({visible(argument[:40])})"
        elif follows in ("^", "superscript") and self.kinds[self.at + 1] in ("(", "number"):
            what = f"({name}(…))^2"
        elif name in REDUCTIONS:
            what = f"{name}(i) x[i]"
        else:
            what = f"{name}(…)"
        raise self.fail(f"{name} is a function and has no argument here", f"write {what}", start)

    def _call(self, name: str, start: int) -> Expr:
        names = self.names
        if name in names.tensors or name in names.sizes:
            argument = self.text[self.places[start + 1][0] : self.places[self.closes[start + 1]][1]]
            what = "size" if name in names.sizes else "tensor"
            raise self.fail(
                f"{name} is a {what} here, not a function",
                f"for a product write {name}*{visible(argument[:40])}", start,
            )  # fmt: skip
        if name in names.macros:
            return self._expanded(name, start)
        if name in REDUCTIONS and (name not in CALLABLE or self._reduces(start + 1)):
            return self._reduction(name, start)
        function = CALLABLE.get(name)
        if function is None:
            known = [*CALLABLE, *REDUCTIONS, *names.macros]
            raise UnknownNameError(
                f"{visible(name[:80])} is not a function", self.span(start, start + 1),
                did_you_mean(name, known) or f"for a product write {visible(name[:40])}*(…)",
            )  # fmt: skip
        args = self._arguments()
        arity = FUNCTIONS[function].arity
        if function in REDUCTIONS and len(args) > 2:
            first, *others = args
            for other in others:
                first = Apply(function, (first, other), self.span(start))
            return first
        if len(args) != arity:
            wants = "at least 2" if function in REDUCTIONS else str(arity)
            hint = f"over an index write `{name}(i) x[i]`" if function in REDUCTIONS else ""
            if function == "ln":
                hint = "the logarithm of x to the base b is ln(x)/ln(b)"
            raise ArityError(
                f"{name} takes {wants} argument{'' if wants == '1' else 's'}, not {len(args)}",
                self.span(start), hint or None,
            )  # fmt: skip
        if function == "pow":
            check_power(args[0], args[1], self.span(start))
        return Apply(function, tuple(args), self.span(start))

    def _arguments(self) -> list[Expr]:
        """The values between the brackets that begin here, and step over them."""
        start = self.at
        end = self.closes[start]
        self.deeper()
        bars, self._bars = self._bars, 0
        self.at += 1
        args: list[Expr] = []
        while self.at != end:
            args.append(self.value())
            if self.at == end:
                break
            self.expect(",", "between arguments")
        self.at = end + 1
        self._bars = bars
        self._depth -= 1
        return args

    def _expanded(self, name: str, start: int) -> Expr:
        args = self._arguments()
        macro = self.names.macros[name]
        if len(args) != len(macro.parameters):
            raise ArityError(
                f"{name} takes {len(macro.parameters)} arguments, not {len(args)}",
                self.span(start),
            )
        body, nodes = expand(macro, tuple(args), set(self.bound), self.span(start), self.expanded)
        self.expanded = nodes
        return body

    # reductions

    def _reduces(self, bracket: int) -> bool:
        """Whether `max(…)` at this bracket is a reduction: something to reduce follows it."""
        end = self.closes[bracket]
        follows = self.kinds[end + 1]
        if follows in ("name", "number", "(", "{") or (follows == "|" and not self._bars):
            return True
        inside = self.kinds[bracket + 1 : end]
        return "," not in inside and follows in ("-", "+") and "name" in inside[:1]

    def _reduction(self, op: str, start: int) -> Expr:
        end = self.closes[self.at]
        self.deeper()
        bars, self._bars = self._bars, 0
        self.at += 1
        own: dict[str, Integer | None] = {}
        condition = self.binders(end, own, f"{op} needs an index, as in `{op}(i) x[i]`")
        which = self._which(op, own, end)
        self.at = end + 1
        self._bars = bars
        inside, self.inside = self.inside, False
        first = self.at
        body = self.number(self.expression(PRODUCT), first)
        self.inside = inside
        self._depth -= 1
        for name in own:
            del self.bound[name]
        self.reduced.update(own)
        ranges = tuple(Range(name, bound) for name, bound in own.items())
        if which is not None:
            return ArgReduce(op[3:], ranges, condition, body, which, self.span(start))
        return Reduce(op, ranges, condition, body, self.span(start))

    def _which(self, op: str, own: dict[str, Integer | None], end: int) -> str | None:
        """The index whose position is wanted: `argmax(a, b; a)`, or the only one."""
        if self.kinds[self.at] == ";" and self.at < end:
            if not op.startswith("arg"):
                raise self.fail(f"{op} gives no position: there is no `;` here")
            self.at += 1
            name = self.texts[self.at]
            if name not in own or self.at + 1 != end:
                raise self.fail(f"expected one of the indices {', '.join(own)} after `;`")
            self.at += 1
            return name
        self.finish(end)
        if not op.startswith("arg"):
            return None
        if len(own) != 1:
            raise self.fail(
                f"the position of which index? {op} has {len(own)}",
                f"write `{op}({', '.join(own)}; {next(iter(own))}) …`", end,
            )  # fmt: skip
        return next(iter(own))

    def binders(
        self, end: int, own: dict[str, Integer | None], needed: str = "", more: bool = True
    ) -> Expr | None:
        """The items `i`, `j < 3`, `k <= K`, `i != j` up to token `end` or a `;`.

        Indices are put into `own` with their bounds (and into scope); what is no bound is a
        condition, and their conjunction is given back. With `more` false only indices that are in
        `own` already can be given bounds.
        """
        items = self._items(end)
        heads = [self._introduce(first, last, own, more) for first, last in items]
        if not own and needed:
            raise self.fail(needed)
        self.bound.update(dict.fromkeys(own))
        condition: Expr | None = None
        for (first, last), head in zip(items, heads, strict=True):
            self.at = first
            if last == first + 1 and head:
                self.at = last
                continue
            if head > first:  # 0 <= i < 3
                self.at = head
            item = self.condition()
            self.finish(last)
            if not (head and self._bounded(item, own, head)):
                condition = both(condition, item)
        return condition

    def _items(self, end: int) -> list[tuple[int, int]]:
        """First and last token (exclusive) of each item between commas."""
        items: list[tuple[int, int]] = []
        first = at = self.at
        while True:
            kind = self.kinds[at]
            if at >= end or kind == "," or kind == ";":
                if at > first:
                    items.append((first, at))
                elif items or at < end:
                    raise self.fail("expected an index or a condition", at=at)
                if at >= end or kind == ";":
                    return items
                first = at + 1
            at = self.closes.get(at, at) + 1

    def _introduce(
        self, first: int, last: int, own: dict[str, Integer | None], more: bool
    ) -> int:
        """The place of the index that an item introduces or bounds, or 0."""
        kinds, texts = self.kinds, self.texts
        if kinds[first : first + 3] == ["number", "<=", "name"] and texts[first] == "0":
            if kinds[first + 3] in ("<", "<="):
                first += 2
        if kinds[first] != "name":
            return 0
        name = texts[first]
        alone = last == first + 1
        if not alone and kinds[first + 1] not in ("<", "<="):
            return 0
        if name in own:
            if alone and more:
                raise self.fail(f"the index {name} stands here twice", at=first)
            return first
        if name in self.bound:
            if alone:
                raise self.fail(
                    f"{name} is an index already, outside", "take another letter", first
                )
            return 0
        if name in self.names.sizes:
            if alone:
                raise self.fail(f"{name} is a size, it cannot be an index", at=first)
            return 0
        if not alone and name in self.names.tensors:
            return 0
        if name in self.parameters:
            raise self.fail(f"{name} is the function's argument, not an index", at=first)
        if name in self.found:
            raise self._both(name, first)
        own[name] = None
        return first

    def _bounded(self, item: Expr, own: dict[str, Integer | None], head: int) -> bool:
        """Take `i < 3` and `i <= N` for the bound of an index; False if it is a condition."""
        if type(item) is not Apply or item.function not in ("lt", "le"):
            return False
        name = self.texts[head]
        left, right = item.args
        if type(left) is not IndexValue or left.value.plain != name or own[name] is not None:
            return False
        if type(right) is Number and isinstance(right.value, int):
            bound = Integer((((), right.value),)) if right.value else Integer(())
        elif type(right) is IndexValue and not right.value.indices():
            bound = right.value
        else:
            if type(right) is Ref and not right.subscripts and right.tensor in self.values:
                raise RangeError(
                    f"{right.tensor} is not a size here", right.span,
                    f"declare `size {right.tensor}`",
                )  # fmt: skip
            return False
        bound = bound + 1 if item.function == "le" else bound
        if bound.constant is not None and bound.constant < 0:
            raise RangeError(f"the index {name} has a negative range", item.span)
        own[name] = bound
        return True
