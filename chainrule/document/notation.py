"""How mathematics is written: from expressions to typeset trees. The only place that decides.

A name is read as a textbook reads it: `x1` is x with subscript 1, `alpha0` is α₀, `W2[u,v]` is W⁽²⁾
with subscripts u, v. The adjoint of v is v̄, or ∂L/∂v where a derivation prefers fractions, its
tangent v̇. Numbers are exact where they are short (1/9, 0.05) and rounded otherwise, to a number of
decimal places; a rounded number says so with ≈.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction as Rational
from typing import Any

from chainrule.document.mathtree import (
    GREEK,
    Accent,
    Both,
    Cases,
    Fence,
    Fraction,
    Function,
    Identifier,
    Math,
    Num,
    Op,
    Power,
    Root,
    Row,
    Subscript,
    Under,
    Words,
    row,
    separated,
)
from chainrule.lang.expr import (
    Apply,
    ArgReduce,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Read,
    Reduce,
    Ref,
    Select,
    free_indices,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Atom, Floor, Integer, Monomial
from chainrule.lang.program import Tensor

# how tightly an expression binds: what stands inside something tighter gets brackets
_CASES, _LOGIC, _RELATION, _SUM, _PRODUCT, _POWER, _ATOM = range(7)
_INFIX = {"+": _SUM, "-": _SUM, "·": _PRODUCT, "and": _LOGIC, "or": _LOGIC}

_PLACES = 12  # decimal places of a number in a formula: 0.044715 is no 0.0447

Value = Callable[[Ref], Math | None]


def number(value: Any, digits: int = 4) -> Math:
    """A number in its shortest honest form: exact if short, else rounded to `digits` places.

    >>> from chainrule.document.mathtree import text
    >>> [text(number(v)) for v in (Rational(1, 9), Rational(1, 20), 11.65207145, 36)]
    ['1/9', '0.05', '11.6521', '36']
    """
    if isinstance(value, int):
        value = Rational(value)
    if isinstance(value, Rational):
        plain = _decimal(value, digits)
        if plain is not None:
            return Num(plain)
        if value.denominator <= 1000 and abs(value.numerator) <= 10000:
            sign = "-" if value < 0 else ""
            top = Fraction(Num(str(abs(value.numerator))), Num(str(value.denominator)))
            return Row((Op("-"), top)) if sign else top
    return Num(rounded(value, digits))


def is_exact(value: Any, digits: int = 4) -> bool:
    """Whether `number` writes the value without rounding it."""
    if isinstance(value, int):
        return True
    return isinstance(value, Rational) and (
        _decimal(value, digits) is not None
        or (value.denominator <= 1000 and abs(value.numerator) <= 10000)
    )


def rounded(value: Any, digits: int) -> str:
    """The value rounded to `digits` decimal places, half to even on the exact value.

    Very large and very small numbers keep `digits` places of a mantissa: 1.2346e-07.

    >>> rounded(Rational(1, 3), 4), rounded(1e-7, 4), rounded(-0.15346568, 4)
    ('0.3333', '1.0000e-07', '-0.1535')
    """
    if not isinstance(value, Rational | int):
        said = str(value).lstrip("+")  # a number of high precision may be beyond any float
        if said in ("inf", "-inf", "nan"):
            return said
        mantissa, _, exponent = said.partition("e")
        if abs(int(exponent or 0)) > 1000:  # too long for a fraction of integers
            shift = _scientific(Rational(mantissa), digits)
            head, _, tail = shift.partition("e")
            return f"{head}e{int(tail) + int(exponent):+03d}"
        value = value if isinstance(value, float) else Rational(said)
    value = Rational(value)
    smallest = Rational(1, 2 * 10 ** max(digits, 3))
    if value != 0 and not smallest <= abs(value) < 10**12:
        return _scientific(value, digits)
    scaled = round(value * 10**digits)
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def _scientific(value: Rational, digits: int) -> str:
    exponent = len(str(abs(value.numerator))) - len(str(value.denominator))
    if abs(value) < Rational(10) ** exponent:
        exponent -= 1
    mantissa = round(abs(value) / Rational(10) ** exponent * 10**digits)
    if mantissa >= 10 ** (digits + 1):
        mantissa, exponent = mantissa // 10, exponent + 1
    whole, part = divmod(mantissa, 10**digits)
    point = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if value < 0 else ''}{whole}{point}e{exponent:+03d}"


def _decimal(value: Rational, digits: int) -> str | None:
    """The finite decimal of a rational if it has at most `digits` places, else None."""
    scaled = value * 10**digits
    if scaled.denominator != 1 or abs(value) >= 10**12:
        return None
    text = rounded(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


class Notation:
    """How the names of one program are written.

    `style` is "bar" for v̄ or "partial" for ∂L/∂v, where `loss` is what is differentiated; `names`
    gives tensors names of their own (v₋₁ for x1 in an evaluation trace).
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], digits: int = 4, style: str = "bar",
        loss: Math | None = None, names: Mapping[str, Math] | None = None,
    ) -> None:
        self.tensors = tensors
        self.digits = digits
        self.style = style
        self.loss = loss or Identifier("L")
        self.names = dict(names or {})

    # names

    def tensor(self, name: str, subscripts: tuple[Math, ...] = ()) -> Math:
        """A tensor's symbol, with subscripts if given."""
        if name in self.names:
            return _subscripted(self.names[name], subscripts)
        tensor = self.tensors.get(name)
        if tensor is not None and tensor.adjoint_of is not None:
            of = tensor.adjoint_of
            if self.style == "partial":
                return self.partial(self.loss, self.tensor(of, subscripts))
            return self.accented(of, subscripts, "bar")
        if tensor is not None and tensor.tangent_of is not None:
            return self.accented(tensor.tangent_of, subscripts, "dot")
        return _subscripted(symbol(name), subscripts)

    def accented(self, name: str, subscripts: tuple[Math, ...], kind: str) -> Math:
        base = self.tensor(name)
        if isinstance(base, Fraction | Accent):  # a derivative of a derivative
            return _subscripted(Accent(Fence(base) if isinstance(base, Fraction) else base, kind),
                                subscripts)
        return _subscripted(Accent(base, kind), subscripts)

    def partial(self, top: Math, bottom: Math) -> Math:
        """∂top/∂bottom"""
        return Fraction(Row((Op("∂"), top)), Row((Op("∂"), bottom)))

    def number(self, value: Any) -> Math:
        """A number, to this notation's digits."""
        return number(value, self.digits)

    def cell(self, value: Any) -> Math:
        """A value: a number, or an expression in what has no value, by its own names."""
        if isinstance(value, Expr):
            return Notation(self.tensors, self.digits, self.style, self.loss).expression(value)
        return self.number(value)

    # expressions

    def ref(self, ref: Ref) -> Math:
        """A tensor at its subscripts."""
        return self.tensor(ref.tensor, tuple(self.integer(s) for s in ref.subscripts))

    def expression(self, e: Expr, value: Value | None = None) -> Math:
        """An expression; where `value` gives something for a reference, that stands for it."""
        return self._write(e, value)[0]

    def _at(self, e: Expr, value: Value | None, level: int) -> Math:
        if isinstance(e, ArgReduce):
            body = self._at(e.body, value, _PRODUCT)
            return Row((self._over(e, value, nested=True), body))
        m, binds = self._write(e, value)
        return m if binds >= level else Fence(m)

    def _write(self, e: Expr, value: Value | None) -> tuple[Math, int]:
        if isinstance(e, Ref):
            given = value(e) if value is not None else None
            if given is not None:
                return given, _binding(given)
            return self.ref(e), _ATOM
        if isinstance(e, Number):
            m = number(e.value, max(self.digits, _PLACES))  # what is written in a formula is exact
            return m, _binding(m)
        if isinstance(e, Apply):
            return self._apply(e, value)
        if isinstance(e, IndexValue):
            inner = self.integer(e.value)
            return inner, _binding(inner)
        if isinstance(e, Delta):
            subscripts = self.integer(e.left), self.integer(e.right)
            return _subscripted(Identifier("δ"), subscripts), _ATOM
        if isinstance(e, Select):
            if e.then == Number(1) and e.otherwise == Number(0):  # Iverson's bracket
                return Fence(self.expression(e.condition, value), "[", "]"), _ATOM
            return self._cases(e, value), _CASES
        if isinstance(e, Reduce):
            body = self._at(e.body, value, _PRODUCT)
            return Row((self._over(e, value), body)), _PRODUCT
        if isinstance(e, ArgReduce):
            body = self._at(e.body, value, _PRODUCT)
            return Row((self._over(e, value), body)), _PRODUCT
        raise TypeError(f"not an expression: {e!r}")

    def _apply(self, e: Apply, value: Value | None) -> tuple[Math, int]:
        form, *symbols = FUNCTIONS[e.function].notation
        between = _between(e)
        if between is not None:
            low, first, middle, second, high = between
            parts = [self._at(part, value, _SUM) for part in (low, middle, high)]
            return row(parts[0], first, parts[1], second, parts[2]), _RELATION
        if form == "infix":
            level = _INFIX.get(symbols[0], _RELATION)
            literal = isinstance(e.args[0], Number) and symbols[0] == "·"
            left = (self.expression(e.args[0], value) if literal
                    else self._at(e.args[0], value, level if level != _RELATION else _SUM))
            if symbols[0] == "·" and _ending(e.args[0]) & _letters(e.args[1]):
                left = Fence(left)  # (Σ_j a_j) · b_j
            associative = symbols[0] in ("+", "·")
            right = self._at(e.args[1], value, level if associative else level + 1)
            if leads_with_minus(right):
                right = Fence(right)
            if literal and leads_with_minus(left):
                level = _SUM
            return row(*_flat(left, symbols[0]), symbols[0], *_flat(right, symbols[0])), level
        if form == "prefix":
            inner = self._at(e.args[0], value, _PRODUCT)
            if leads_with_minus(inner):
                inner = Fence(inner)
            return row(symbols[0], *_flat(inner, "·")), _SUM
        if form == "fraction":
            return Fraction(*(self.expression(a, value) for a in e.args)), _POWER
        if form in ("power", "square"):
            base = self._at(e.args[0], value, _ATOM)
            exponent = Num("2") if form == "square" else self.expression(e.args[1], value)
            if leads_with_minus(base) or isinstance(base, Fraction):
                base = Fence(base)
            return Power(base, exponent), _POWER
        if form == "root":
            return Root(self.expression(e.args[0], value)), _ATOM
        if form == "fence":
            return Fence(self.expression(e.args[0], value), symbols[0], symbols[1]), _ATOM
        if form == "symbol":
            return Identifier(symbols[0]), _ATOM
        if form == "xlogy":
            logarithm = Function("ln", self.expression(e.args[1], value))
            return row(self._at(e.args[0], value, _PRODUCT), "·", logarithm), _PRODUCT
        inside = separated((self.expression(a, value) for a in e.args), ",")
        head: str | Math = symbols[0]
        if len(symbols) > 1:
            head = Subscript(Identifier(symbols[0], upright=True), Num(symbols[1]))
        argument = row(*inside) if len(inside) != 1 else inside[0]
        return Function(head, argument), _ATOM

    def _cases(self, e: Select, value: Value | None) -> Math:
        rows: list[tuple[Math, Math]] = []
        node: Expr = e
        while isinstance(node, Select):
            rows.append((self.expression(node.then, value),
                         self.expression(node.condition, value)))
            node = node.otherwise
        return Cases((*rows, (self.expression(node, value), Words("otherwise"))))

    def _over(self, e: Reduce | ArgReduce, value: Value | None, nested: bool = False) -> Math:
        """Σ, max or argmax with what it runs over, and how far where no axis tells it.

        Of several indices, the one that an argmax means stands on top, where nothing on the left
        says it: [k = argmaxᵏ …].
        """
        inside: list[Math | str] = []
        for r in e.indices:
            inside += [","] if inside else []
            inside.append(Identifier(r.name))
            number = r.size is not None and r.size.constant is not None
            if r.size is not None and (number if _chooses(e) else not self._told(r, e)):
                inside += ["<", self.integer(r.size)]
        if e.condition is not None:
            for part in _both(e.condition):
                inside += [",", self.expression(part, value)]
        if isinstance(e, Reduce):
            return Under(Op("Σ" if e.op == "sum" else e.op), row(*inside))
        which = Identifier(e.which) if nested and len(e.indices) > 1 else None
        return Under(Op(f"arg{e.op}"), row(*inside), which)

    def _told(self, r: Range, e: Reduce | ArgReduce) -> bool:
        """Whether an index runs over the whole axis of a tensor, so that all know how far."""
        for node in walk(e):
            tensor = self.tensors.get(node.tensor) if isinstance(node, Ref) else None
            if isinstance(node, Ref) and (tensor is None or any(
                    s.plain == r.name and size == r.size
                    for s, size in zip(node.subscripts, tensor.shape, strict=False))):
                return True
        return False

    # subscripts and sizes

    def integer(self, p: Integer) -> Math:
        """A subscript or a size: 2i + a."""
        if p.plain is not None:
            return symbol(p.plain)
        items: list[Math | str] = []
        for monomial, c in _ordered(p):
            if items or c < 0:
                items.append("-" if c < 0 else "+")
            factors: list[Math] = [self._atom(a) for a in monomial]
            if abs(c) != 1 or not factors:
                factors.insert(0, Num(str(abs(c))))
            items += [factors[0]] if len(factors) == 1 else [Row(tuple(factors))]
        if not items:
            return Num("0")
        if len(items) == 1:
            only = items[0]
            assert isinstance(only, Math)
            return only
        return row(*items)

    def _atom(self, a: Atom) -> Math:
        if isinstance(a, Floor):
            return Fence(Fraction(self.integer(a.numerator), self.integer(a.denominator)),
                         "⌊", "⌋")
        if isinstance(a, Read):
            return self.ref(a.ref)
        return _member(str(a), raised=False) if str(a).endswith(")") else symbol(str(a))


def symbol(name: str) -> Math:
    """A name as a textbook would print it: x1 is x₁, alpha is α, loss_n is loss with subscript n.

    >>> from chainrule.document.mathtree import text
    >>> [text(symbol(n)) for n in ("x1", "alpha0", "x_max", "W2", "loss", "z(l-1)")]
    ['x₁', 'α₀', 'x_max', 'W₂', 'loss', 'z⁽ˡ⁻¹⁾']
    """
    if name.endswith(")"):
        return _member(name)
    match = re.fullmatch(r"([^\W\d_]+?[\u0300-\u036f]?)_?(\d+|(?<=_)\w+)", name)
    if match is None:
        return _base(name)
    base, sub = match.groups()
    return Subscript(_base(base), Num(sub) if sub.isdigit() else _base(sub))


def as_whole(base: Math) -> Math:
    """The symbol of a tensor spoken of as a whole: W₂ is W⁽²⁾, as in its cells.

    >>> from chainrule.document.mathtree import text
    >>> text(as_whole(symbol("W2"))), text(as_whole(symbol("x_max")))
    ('W⁽²⁾', 'x_max')
    """
    if isinstance(base, Subscript) and isinstance(base.sub, Num):
        return Power(base.base, Fence(base.sub))
    return base


def _member(name: str, raised: bool = True) -> Math:
    """A member of a family: z(l+1) is z⁽ˡ⁺¹⁾, and a size n(l) is n with subscript l."""
    head, _, layer = name[:-1].partition("(")
    parts = [p for p in re.split(r"([+-])", layer) if p]
    items = [Op(p) if p in "+-" else Num(p) if p.isdigit() else _base(p) for p in parts]
    level = items[0] if len(items) == 1 else Row(tuple(items))
    return Power(symbol(head), Fence(level)) if raised else Subscript(symbol(head), level)


def _base(name: str) -> Math:
    letter = GREEK.get("lambda" if name == "lam" else name)
    return Identifier(letter or name, upright=len(name) > 1 and letter is None)


def _subscripted(base: Math, subscripts: tuple[Math, ...]) -> Math:
    """Subscripts behind a symbol; one that has a number already carries it as ⁽¹⁾ on top."""
    if not subscripts:
        return base
    tight = all(isinstance(s, Identifier) and len(s.name) == 1 for s in subscripts)
    inside: list[Math | str] = []
    for s in subscripts:
        if inside and not tight:
            inside.append(",")
        inside.append(s)
    sub = Row(tuple(Op(x) if isinstance(x, str) else x for x in inside))
    only = sub.items[0] if len(sub.items) == 1 else sub
    accent = base.kind if isinstance(base, Accent) else None
    core = base.base if isinstance(base, Accent) else base
    if isinstance(core, Subscript):
        top = Fence(core.sub) if isinstance(core.sub, Num) else core.sub
        letter = core.base if accent is None else Accent(core.base, accent)
        return Both(letter, only, top)
    if isinstance(core, Power) and isinstance(core.exponent, Fence):
        letter = core.base if accent is None else Accent(core.base, accent)
        if isinstance(letter, Subscript):
            return Both(letter.base, row(letter.sub, ",", only), core.exponent)
        return Both(letter, only, core.exponent)
    if isinstance(core, Fraction | Row):
        return Subscript(Fence(core), only)
    return Subscript(base, only)


def _chooses(e: Reduce | ArgReduce) -> bool:
    return isinstance(e, ArgReduce) or e.op != "sum"


def _ending(e: Expr) -> set[str]:
    """What the sum at the end of a product runs over, if there is one."""
    while isinstance(e, Apply) and e.function in ("mul", "neg"):
        e = e.args[-1]
    return {r.name for r in e.indices} if isinstance(e, Reduce) else set()


def _letters(e: Expr) -> set[str]:
    """The indices of an expression, free or summed over."""
    return set(free_indices(e)) | {r.name for node in walk(e) if isinstance(node, Reduce)
                                   for r in node.indices}


def _ordered(p: Integer) -> list[tuple[Monomial, int]]:
    """The terms of a subscript as they are written: k - a + 1, not -a + 1 + k."""
    terms = list(p.terms)
    if all(c > 0 for _, c in terms):
        return terms
    leads = any(c > 0 and monomial for monomial, c in terms)
    return sorted(terms, key=lambda term: (leads and not term[0], term[1] < 0))


def _both(e: Expr) -> list[Expr]:
    """The conditions that an `and` joins, a double inequality being one."""
    found: list[Expr] = []
    for part in _joined(e):
        pair = Apply("and", (found[-1], part)) if found else None
        if pair is not None and _between(pair) is not None:
            found[-1] = pair
        else:
            found.append(part)
    return found


def _joined(e: Expr) -> list[Expr]:
    if isinstance(e, Apply) and e.function == "and":
        return [part for a in e.args for part in _joined(a)]
    return [e]


def _between(e: Apply) -> tuple[Expr, str, Expr, str, Expr] | None:
    """The parts of `a <= b and b < c`, which is written a ≤ b < c."""
    signs = {"le": "≤", "lt": "<"}
    if e.function != "and":
        return None
    first, second = e.args
    if isinstance(first, Apply) and isinstance(second, Apply) and (
            first.function in signs and second.function in signs
            and first.args[1] == second.args[0]):
        low, middle = first.args
        return low, signs[first.function], middle, signs[second.function], second.args[1]
    return None


def leads_with_minus(m: Math) -> bool:
    """Whether a typeset tree begins with a minus sign."""
    if isinstance(m, Num):
        return m.text.startswith(("-", "−"))
    if not isinstance(m, Row) or not m.items:
        return False
    return m.items[0] == Op("-") or leads_with_minus(m.items[0])


def _binding(m: Math) -> int:
    """How tightly a typeset value binds."""
    if leads_with_minus(m):
        return _SUM
    if isinstance(m, Fraction):
        return _POWER
    if isinstance(m, Row):
        texts = {x.text for x in m.items if isinstance(x, Op)}
        return _SUM if texts & {"+", "-"} else _PRODUCT
    return _ATOM


def _flat(m: Math, operator: str) -> tuple[Math, ...]:
    """The items of a row that an operator of the same kind may lie beside, else the tree itself."""
    if isinstance(m, Row):
        texts = {x.text for x in m.items if isinstance(x, Op)}
        if operator in ("+", "-") or (operator == "·" and not texts & {"+", "-"}):
            return m.items
    return (m,)
