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
    Delta,
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


def equation_text(equation: Equation, bounds: bool = True, shapes: Shapes | None = None) -> str:
    """An equation as text; where `shapes` are known, without the ranges that follow from them.

    >>> from chainrule.lang.parse import parse
    >>> equation_text(parse("s += a[i] * b[i] with i<3").equations[0])
    's += a[i]*b[i] with i < 3'
    """
    return _Printer(shapes, bounds).equation(equation)


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
    others = [name for name in program.size_names() if name not in declared]
    if others:
        lines.insert(0, f"size {', '.join(others)}")
    untold = {e.target for e in program.equations
              if e.accumulate and not _tells_shape(e, shapes[e.target])}
    for equation in program.equations:
        if equation.target in untold:
            untold.remove(equation.target)
            shape = ", ".join(map(str, shapes[equation.target]))
            lines.append(f"zeros {equation.target}[{shape}]")
        lines.append(printer.equation(equation))
    if program.outputs:
        lines.append(f"output {', '.join(program.outputs)}")
    lines += [f"update {old} = {new}" for old, new in program.updates]
    return "\n".join(lines)


def _tells_shape(equation: Equation, shape: tuple[Integer, ...]) -> bool:
    """Whether the shape of what is added to can be read off the equation: each axis is a range."""
    sizes = {r.name: r.size for r in equation.ranges}
    return (equation.plain and not equation.dropping
            and [sizes[s.plain or ""] for s in equation.subscripts] == [*shape])


def _declaration(tensor: Tensor) -> str:
    word = {"parameter": "parameter", "constant": "constant"}.get(tensor.role, "input")
    if tensor.kind == "integer":
        word = "integer" if tensor.below is None else "label"
    text = f"{word} {tensor.name}"
    if tensor.shape:
        text += f"[{', '.join(map(str, tensor.shape))}]"
    return text if tensor.below is None else f"{text} < {tensor.below}"


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
        if isinstance(e, Delta):
            return f"(1 if {e.left} == {e.right} else 0)", _ATOM, False
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
            text = self._at(e.args[0], _PRODUCT)
            # a sign joins the number behind it: -2*x is (-2)*x
            return f"-({text})" if text[0].isdigit() else f"-{text}", _SUM, False
        if e.function == "pow":
            base, exponent = e.args
            raised = self._at(exponent, _SIGN)
            raised = f"({raised})" if raised.startswith("-") else raised
            return f"{self._at(base, _ATOM)}^{raised}", _POWER, False
        if e.function == "not":
            return f"not {self._at(e.args[0], _NOT)}", _NOT, False
        if not e.args:
            return e.function, _ATOM, False
        return f"{e.function}({', '.join(map(self.text, e.args))})", _ATOM, False

    def _infix(self, e: Apply, sign: str, power: int) -> tuple[str, int, bool]:
        left, right = e.args
        product = power == _PRODUCT
        first = self._at(left, power + (power == _COMPARE), last=not product)
        if e.function == "div" and _are_whole(left, right):
            first = f"({first})"  # a quotient of two literals would read as one number
        if product and isinstance(right, Reduce | ArgReduce):
            return f"{first}{sign}{self.text(right)}", power, True
        second = self._at(right, power + 1)
        if second.startswith("-") and power != _COMPARE:
            second = f"({second})"
        return f"{first}{sign}{second}", power, False

    # references and reductions

    def _reference(self, e: Ref) -> str:
        if not e.subscripts:
            return e.tensor
        inside = _listed(e.subscripts)
        if e.outside is not None:
            inside += _outside_text(e.outside, e.subscripts)
        return f"{e.tensor}[{inside}]"

    def _reduction(self, e: Reduce | ArgReduce) -> str:
        known = self._known(e.body)
        items = self._binders(e.indices, e.condition, known, "<", ())
        name = e.op
        if isinstance(e, ArgReduce):
            name = f"arg{e.op}"
            if len(e.indices) > 1:
                items += f"; {e.which}"
        signed = isinstance(e.body, Apply) and e.body.function == "neg"
        body = self.text(e.body) if signed else self._at(e.body, _PRODUCT)
        if body.startswith("-") and name in ("max", "min"):
            body = f"({body})"  # max(a, b) - c is a difference
        return f"{name}({items}) {body}"

    def _binders(
        self, ranges: Iterable[Range], condition: Expr | None, known: dict[str, Integer | None],
        sign: str, silent: Iterable[str],
    ) -> str:  # fmt: skip
        """The items of a reduction's brackets or of a `with`, ranges first.

        The names in `silent` need no item of their own: the reader knows them for indices.
        """
        items = []
        bare = set()  # indices that a condition `i < 3` would give a range
        for r in ranges:
            if r.size is None or not self.bounds or known.get(r.name) == r.size:
                bare.add(r.name)
                if r.name not in silent:
                    items.append(r.name)
            else:
                items.append(f"{r.name}{sign}{r.size}")
        for part in _conjuncts(condition):
            text = self._at(part, _OR)
            first = _head(text)
            scalars = {node.tensor for node in walk(part)
                       if isinstance(node, Ref) and not node.subscripts}  # fmt: skip
            if first in scalars or first == "pi" or (first in bare and _is_bound(part)):
                text = f"({text})"
            items.append(text)
        return ", ".join(items)

    def _known(self, body: Expr) -> dict[str, Integer | None]:
        """The ranges that an index's plain places in tensors of known shape give it."""
        found: dict[str, Integer | None] = {}
        shapes = self.shapes or {}
        for node in walk(body):
            if not isinstance(node, Ref) or node.tensor not in shapes:
                continue
            pads = None if node.outside is None else node.outside.pads
            for k, (s, axis) in enumerate(
                zip(node.subscripts, shapes[node.tensor], strict=False)
            ):
                if s.plain is None:
                    continue
                if node.outside is not None and (pads is None or pads[k] != (ZERO, ZERO)):
                    found[s.plain] = None
                elif found.get(s.plain, axis) == axis:
                    found[s.plain] = axis
                else:
                    found[s.plain] = None
        return found

    def equation(self, e: Equation) -> str:
        """`target[subscripts] = body with …`."""
        left = e.target
        if e.subscripts:
            drop = "; drop" if e.dropping else ""
            left += f"[{_listed(e.subscripts)}{drop}]"
        known = self._known(e.body)
        silent = {name for s in e.subscripts for name in s.indices()}
        summed = [r for r in e.ranges if r.name not in silent]
        # the reader finds them in this order, unless a `with` names some of them first
        heads = [_head(self._at(part, _OR)) for part in _conjuncts(e.condition)]
        names = {r.name for r in summed}
        order = [i for i in dict.fromkeys([*heads, *_subscripting(e.body)]) if i in names]
        if order == [r.name for r in summed] and all(
            r.size is None or not self.bounds or known.get(r.name) == r.size for r in summed
        ):
            silent.update(order)
        text = f"{left} {'+=' if e.accumulate else '='} {self.text(e.body)}"
        items = self._binders(e.ranges, e.condition, known, " < ", silent)
        return f"{text} with {items}" if items else text


def _listed(subscripts: tuple[Integer, ...]) -> str:
    """Subscripts with commas, and spaces after these where a subscript has spaces."""
    texts = [str(s) for s in subscripts]
    return (", " if any(" " in text for text in texts) else ",").join(texts)


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


def _are_whole(*numbers: Expr) -> bool:
    """Whether all are whole literals."""
    return all(isinstance(e, Number) and isinstance(e.value, int) for e in numbers)


def _head(text: str) -> str:
    """The name that a text like `j <= i` begins with, else nothing."""
    first, _, rest = text.partition(" ")
    return first if rest.startswith(("< ", "<= ")) and first.isidentifier() else ""


def _is_bound(part: Expr) -> bool:
    """Whether a condition could be read as the range of an index: `i < 3`, `i <= N`."""
    if not isinstance(part, Apply) or part.function not in ("lt", "le"):
        return False
    right = part.args[1]
    if isinstance(right, IndexValue):
        return not right.value.indices()
    return _are_whole(right)


def _conjuncts(condition: Expr | None) -> list[Expr]:
    """The parts of `(a and b) and c`, in order."""
    parts: list[Expr] = []
    while isinstance(condition, Apply) and condition.function == "and":
        parts.append(condition.args[1])
        condition = condition.args[0]
    if condition is not None:
        parts.append(condition)
    return parts[::-1]


def _subscripting(e: Expr) -> list[str]:
    """The indices that stand in subscripts, in order, so that a reader knows them for indices."""
    found: dict[str, None] = {}
    for node in walk(e):
        if isinstance(node, Ref):
            found.update(dict.fromkeys(i for s in node.subscripts for i in s.indices()))
    return list(found)
