"""Programs as text, in the language that `chainrule.lang.parse` reads.

What is printed reads back as the same structure: brackets stand where the grammar needs them, and
only there; numbers are exact (`0.1`, `1/3`); an index's range stands beside it (`sum(k<3) …`,
`with i < N`) unless the shapes of what it subscripts say it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Outside,
    Range,
    Reduce,
    Ref,
    Select,
    walk,
)
from chainrule.lang.integers import ZERO, Floor, Integer
from chainrule.limits import LITERAL_DIGITS

if TYPE_CHECKING:
    from chainrule.lang.program import Equation, Program, Tensor

# How strongly the outermost operator of a text binds; compare the table in `grammar`.
_SELECT, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(10)
_INFIX: Final = {
    "add": (" + ", _SUM), "sub": (" - ", _SUM), "mul": ("*", _PRODUCT), "div": ("/", _PRODUCT),
    "or": (" or ", _OR), "and": (" and ", _AND),
    **{name: (f" {sign} ", _COMPARE) for name, sign in
       zip(("lt", "le", "gt", "ge", "eq", "ne"), ("<", "<=", ">", ">=", "==", "!="), strict=True)},
}  # fmt: skip
_DECIMALS: Final = 12
Shapes = Mapping[str, tuple[Integer, ...]]


def expression_text(e: Expr, bounds: bool = True) -> str:
    """An expression as text; with `bounds` the indices of reductions show their ranges.

    >>> from chainrule.lang.parse import parse_expression
    >>> expression_text(parse_expression("-(x)^2 + (2*(y))"))
    '-x^2 + 2*y'
    """
    return _Printer(None, bounds).text(e)


def equation_text(equation: Equation, bounds: bool = True) -> str:
    """An equation as text.

    >>> from chainrule.lang.parse import parse
    >>> equation_text(parse("s += a[i] * b[i] with i<3").equations[0])
    's += a[i]*b[i] with i < 3'
    """
    return _Printer(None, bounds).equation(equation)


def program_text(program: Program) -> str:
    """A program as text: declarations, equations, outputs, updates, a line each."""
    shapes = {t.name: t.shape for t in program.tensors.values()}
    printer = _Printer(shapes, True)
    lines = []
    declared: dict[str, None] = {}
    for name in program.inputs:
        tensor = program.tensors[name]
        lines.append(_declaration(tensor))
        axes = (*tensor.shape, *([] if tensor.below is None else [tensor.below]))
        declared.update(dict.fromkeys(s for axis in axes for s in axis.sizes()))
    others = [name for name in _sizes(program) if name not in declared]
    if others:
        lines.insert(0, f"size {', '.join(others)}")
    lines += [printer.equation(equation) for equation in program.equations]
    if program.outputs:
        lines.append(f"output {', '.join(program.outputs)}")
    lines += [f"update {old} = {new}" for old, new in program.updates]
    return "\n".join(lines)


def _declaration(tensor: Tensor) -> str:
    word = {"parameter": "parameter", "constant": "constant"}.get(tensor.role, "input")
    if tensor.kind == "integer":
        word = "integer" if tensor.below is None else "label"
    text = f"{word} {tensor.name}"
    if tensor.shape:
        text += f"[{', '.join(map(str, tensor.shape))}]"
    return text if tensor.below is None else f"{text} < {tensor.below}"


def _sizes(program: Program) -> list[str]:
    """The names of all sizes: of shapes, ranges, subscripts and values."""
    found = dict.fromkeys(program.size_names())
    polynomials: list[Integer] = []
    for equation in program.equations:
        polynomials += equation.subscripts
        polynomials += [r.size for r in equation.ranges if r.size is not None]
        for part in (equation.body, equation.condition):
            for node in walk(part) if part is not None else ():
                if isinstance(node, Ref):
                    polynomials += node.subscripts
                    if node.outside is not None:
                        polynomials += [p for pair in node.outside.pads or () for p in pair]
                elif isinstance(node, IndexValue):
                    polynomials.append(node.value)
                elif isinstance(node, Reduce | ArgReduce):
                    polynomials += [r.size for r in node.indices if r.size is not None]
    found.update(dict.fromkeys(name for p in polynomials for name in p.sizes()))
    return list(found)


def number_text(value: int | Fraction | float) -> str:
    """A number exactly: an integer, a short decimal, or else a quotient.

    >>> number_text(Fraction(1, 10)), number_text(Fraction(-1, 9))
    ('0.1', '-1/9')
    """
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        text = str(value)
        bare = text.rstrip("0")
        long = len(text) > LITERAL_DIGITS and bare != text
        return f"{bare}e{len(text) - len(bare)}" if long else text
    scaled = value * 10**_DECIMALS
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(scaled.numerator)).rjust(_DECIMALS + 1, "0")
    text = f"{digits[:-_DECIMALS]}.{digits[-_DECIMALS:].rstrip('0')}"
    return f"-{text}" if value < 0 else text


class _Printer:
    """Writes expressions; `shapes` (or None) are those of the tensors that readers will know."""

    def __init__(self, shapes: Shapes | None, bounds: bool) -> None:
        self.shapes = shapes
        self.bounds = bounds

    def text(self, e: Expr) -> str:
        """The expression without brackets around it."""
        return self._parts(e)[0]

    def _at(self, e: Expr, power: int, last: bool = True) -> str:
        """The expression in brackets unless it binds at least as strongly as `power`.

        A reduction's body takes every factor that follows, so that where something of a product
        follows (`last` is false) an expression that ends with one gets brackets too.
        """
        text, binding, open_end = self._parts(e)
        return text if binding >= power and (last or not open_end) else f"({text})"

    def _parts(self, e: Expr) -> tuple[str, int, bool]:
        """The text, how strongly it binds, and whether it ends with a reduction's body."""
        if isinstance(e, Apply):
            return self._apply(e)
        if isinstance(e, Number):
            return (*self._number(e), False)
        if isinstance(e, Ref):
            return self._reference(e), _ATOM, False
        if isinstance(e, IndexValue):
            return str(e.value), _polynomial_power(e.value), False
        if isinstance(e, Select):
            then, condition = self._at(e.then, _SUM), self._at(e.condition, _OR)
            return f"{then} if {condition} else {self._at(e.otherwise, _SELECT)}", _SELECT, False
        if isinstance(e, Reduce | ArgReduce):
            return self._reduction(e), _PRODUCT, True
        raise TypeError(f"no text for {type(e).__name__}")

    def _number(self, e: Number) -> tuple[str, int]:
        text = number_text(e.value)
        if "/" in text:
            return text, _SUM  # brackets in every product and power
        return text, _SIGN if text.startswith("-") else _ATOM

    def _apply(self, e: Apply) -> tuple[str, int, bool]:
        infix = _INFIX.get(e.function)
        if infix is not None:
            return self._infix(e, *infix)
        if e.function == "neg":
            return self._negative(e.args[0])
        if e.function == "pow":
            base, exponent = e.args
            raised = self._at(exponent, _SIGN)
            if isinstance(exponent, Number | IndexValue) and raised.startswith("-"):
                raised = f"({raised})"
            _, _, open_end = self._parts(exponent)
            return f"{self._at(base, _ATOM)}^{raised}", _POWER, open_end and raised[0] != "("
        if e.function == "not":
            return f"not {self._at(e.args[0], _NOT)}", _NOT, False
        if not e.args:
            return e.function, _ATOM, False
        return f"{e.function}({', '.join(map(self.text, e.args))})", _ATOM, False

    def _infix(self, e: Apply, sign: str, power: int) -> tuple[str, int, bool]:
        left, right = e.args
        product = power == _PRODUCT
        first = self._at(left, power + (power == _COMPARE), last=not product)
        if product and first.startswith("-") and not isinstance(left, Number):
            first = first if _is_signed_product(left) else f"({first})"
        if e.function == "div" and _is_quotient(left, right):
            first = f"({first})"  # a quotient of two literals would read as one number
        second = self._at(right, power + 1)
        if second.startswith("-"):
            second = f"({second})"
        _, _, open_end = self._parts(right)
        return f"{first}{sign}{second}", power, open_end and second[0] != "("

    def _negative(self, inner: Expr) -> tuple[str, int, bool]:
        """`-a*b`: a sign takes the whole product behind it, except from a number."""
        text = self._at(inner, _PRODUCT)
        if text[0].isdigit() or text[0] == ".":
            text = f"({text})"
        elif _swallows(inner):
            text = f"({text})"
        _, _, open_end = self._parts(inner)
        return f"-{text}", _SUM, open_end and text[0] != "("

    # references and reductions

    def _reference(self, e: Ref) -> str:
        if not e.subscripts:
            return e.tensor
        inside = ",".join(map(str, e.subscripts))
        if any(" " in str(s) for s in e.subscripts):
            inside = ", ".join(map(str, e.subscripts))
        if e.outside is not None:
            inside += _outside_text(e.outside, e.subscripts)
        return f"{e.tensor}[{inside}]"

    def _reduction(self, e: Reduce | ArgReduce) -> str:
        known = self._known((e.body,))
        items = self._binders(e.indices, e.condition, known, "<", ())
        name = e.op
        if isinstance(e, ArgReduce):
            name = f"arg{e.op}"
            if len(e.indices) > 1:
                items += f"; {e.which}"
        body = self._at(e.body, _PRODUCT)
        return f"{name}({items}) {body}"

    def _binders(
        self, ranges: Iterable[Range], condition: Expr | None, known: dict[str, Integer | None],
        sign: str, silent: Iterable[str],
    ) -> str:  # fmt: skip
        """The items of a reduction's brackets or of a `with`, ranges first.

        The names in `silent` stand on the left-hand side, so that they need no item of their own.
        """
        items = []
        for r in ranges:
            if r.size is None or not self.bounds or known.get(r.name) == r.size:
                if r.name not in silent:
                    items.append(r.name)
            else:
                items.append(f"{r.name}{sign}{r.size}")
        for part in _conjuncts(condition):
            text = self._at(part, _OR)
            if isinstance(part, Apply) and part.function in ("lt", "le"):
                left = part.args[0]
                if isinstance(left, Ref) or (isinstance(left, IndexValue) and left.value.plain):
                    text = self._condition(part, text, ranges)
                elif isinstance(left, Number) and left.value == 0:
                    text = f"({text})"  # 0 <= i < 3 would give i its range
            items.append(text)
        return ", ".join(items)

    def _condition(self, part: Apply, text: str, ranges: Iterable[Range]) -> str:
        """`i < 3` as a condition: in brackets where it would be read as the range of i."""
        left, right = part.args
        if isinstance(left, Ref):
            return text if left.subscripts else f"({text})"
        names = {r.name for r in ranges}
        bound = (isinstance(right, Number) and isinstance(right.value, int)) or (
            isinstance(right, IndexValue) and not right.value.indices()
        )
        own = isinstance(left, IndexValue) and left.value.plain in names
        return f"({text})" if own and bound else text

    def _known(self, bodies: Iterable[Expr | None]) -> dict[str, Integer | None]:
        """The ranges that an index's plain places in tensors of known shape give it."""
        found: dict[str, Integer | None] = {}
        if self.shapes is None:
            return found
        for body in bodies:
            for node in walk(body) if body is not None else ():
                if not isinstance(node, Ref) or node.tensor not in self.shapes:
                    continue
                for s, axis in zip(node.subscripts, self.shapes[node.tensor], strict=False):
                    if s.plain is not None:
                        before = found.get(s.plain, axis)
                        found[s.plain] = axis if before == axis else None
        return found

    def equation(self, e: Equation) -> str:
        """`target[subscripts] = body with …`."""
        left = e.target
        if e.subscripts:
            separator = ", " if any(" " in str(s) for s in e.subscripts) else ","
            drop = "; drop" if e.dropping else ""
            left += f"[{separator.join(map(str, e.subscripts))}{drop}]"
        known = self._known((e.body,))
        silent = {name for s in e.subscripts for name in s.indices()}
        if e.accumulate:
            silent |= _subscripting(e.body)
        text = f"{left} {'+=' if e.accumulate else '='} {self.text(e.body)}"
        items = self._binders(e.ranges, e.condition, known, " < ", silent)
        return f"{text} with {items}" if items else text


def _outside_text(outside: Outside, places: tuple[Integer, ...]) -> str:
    fill = number_text(outside.fill.value)
    if outside.pads is None:
        return f"; pad with {fill}"
    amounts = [str(a) if a == b else f"{a}:{b}" for a, b in outside.pads]
    compound = [k for k, s in enumerate(places) if s.plain is None]
    rest = [pad for k, pad in enumerate(outside.pads) if k not in compound]
    if compound and all(pad == (ZERO, ZERO) for pad in rest):
        amounts = [amounts[k] for k in compound]
        if len(set(amounts)) == 1:
            amounts = amounts[:1]
    return f"; pad {', '.join(amounts)} with {fill}"


def _polynomial_power(p: Integer) -> int:
    """How strongly the text of a polynomial binds."""
    if len(p.terms) != 1:
        return _SUM if p.terms else _ATOM
    monomial, c = p.terms[0]
    if c < 0:
        return _SIGN if not monomial else _SUM
    if len(monomial) == 1 and c == 1:
        return _PRODUCT if isinstance(monomial[0], Floor) else _ATOM
    return _PRODUCT if monomial else _ATOM


def _is_signed_product(e: Expr) -> bool:
    """Whether `-2*x` begins with a number that keeps its sign, as the left factor of a product."""
    while isinstance(e, Apply) and e.function in ("mul", "div"):
        e = e.args[0]
    return isinstance(e, Number)


def _is_quotient(left: Expr, right: Expr) -> bool:
    """Whether both are whole literals."""
    return all(isinstance(e, Number) and isinstance(e.value, int) for e in (left, right))


def _swallows(e: Expr) -> bool:
    """Whether a sign in front would join what an index begins (`-i*x` is no `(-i)*x`)."""
    return isinstance(e, IndexValue)


def _conjuncts(condition: Expr | None) -> list[Expr]:
    """The parts of `(a and b) and c`, in order."""
    parts: list[Expr] = []
    while isinstance(condition, Apply) and condition.function == "and":
        parts.append(condition.args[1])
        condition = condition.args[0]
    if condition is not None:
        parts.append(condition)
    return parts[::-1]


def _subscripting(e: Expr) -> set[str]:
    """The indices that stand in some subscript, so that a reader knows them for indices."""
    return {i for node in walk(e) if isinstance(node, Ref) for s in node.subscripts
            for i in s.indices()}  # fmt: skip
