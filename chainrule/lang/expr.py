"""Expressions: the right-hand sides of equations, as immutable trees compared by structure.

    Number    2, 1/9, 0.1                an exact rational (or a float, where one was measured)
    Ref       x[n,c, 2*i+a]              a tensor read at subscripts; a scalar has none
    Apply     sin(x), a + b, i < j       a function of the table in `functions` on arguments
    Reduce    sum(k) a[k]*b[k]           a sum, maximum or minimum over indices
    ArgReduce argmax(a<2) x[a]           where the winner of a reduction stands, on one index
    Select    u if u >= 0 else 0.1*u     lazy: the branch not taken may be infinite
    IndexValue  i                        an index or a size used as a number
    Delta     δ(i, j)                    1 where two subscripts are equal, else 0; in derivations

The operators build trees (`x + 1`, `2*x`, `x**2`) through constructors that drop zeros and ones,
so that derivatives come out readable; comparing trees with == is structural.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from chainrule.errors import Span
from chainrule.lang.integers import Index, Integer, atom


class Expr:
    """The base of all expressions, with operators that build them."""

    __slots__ = ()

    def __add__(self, other: Expr | int | Fraction) -> Expr:
        return add(self, expr(other))

    def __radd__(self, other: int | Fraction) -> Expr:
        return add(expr(other), self)

    def __sub__(self, other: Expr | int | Fraction) -> Expr:
        return sub(self, expr(other))

    def __rsub__(self, other: int | Fraction) -> Expr:
        return sub(expr(other), self)

    def __mul__(self, other: Expr | int | Fraction) -> Expr:
        return mul(self, expr(other))

    def __rmul__(self, other: int | Fraction) -> Expr:
        return mul(expr(other), self)

    def __truediv__(self, other: Expr | int | Fraction) -> Expr:
        return div(self, expr(other))

    def __rtruediv__(self, other: int | Fraction) -> Expr:
        return div(expr(other), self)

    def __pow__(self, other: Expr | int | Fraction) -> Expr:
        return power(self, expr(other))

    def __neg__(self) -> Expr:
        return neg(self)


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """A number: exact as int or Fraction; a float says that the value is rounded."""

    value: int | Fraction | float


@dataclass(frozen=True, slots=True)
class Outside:
    """What a reference reads outside its axes: `fill`, within `pads` cells before and after.

    `pads` has a pair of amounts for each axis, or is None where any distance is allowed.
    """

    fill: Number
    pads: tuple[tuple[Integer, Integer], ...] | None = None


@dataclass(frozen=True, slots=True)
class Ref(Expr):
    """A tensor read at one subscript an axis."""

    tensor: str
    subscripts: tuple[Integer, ...] = ()
    outside: Outside | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """A function of the table on its arguments; arithmetic and comparisons are functions too."""

    function: str
    args: tuple[Expr, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Range:
    """An index variable and how many values it takes: 0, 1, ..., size - 1.

    `size` is None only between parsing and `ranges.infer`.
    """

    name: str
    size: Integer | None = None


@dataclass(frozen=True, slots=True)
class Reduce(Expr):
    """`op` ("sum", "max" or "min") of `body` over indices, where `condition` holds if there is one.

    An empty sum is 0; an empty maximum or minimum is an error. Ties go to the first winner, the
    last index fastest.
    """

    op: str
    indices: tuple[Range, ...]
    condition: Expr | None
    body: Expr
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ArgReduce(Expr):
    """The value of the index `which` at the winner of a maximum or minimum; an integer."""

    op: str
    indices: tuple[Range, ...]
    condition: Expr | None
    body: Expr
    which: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select(Expr):
    """`then` where the condition holds, else `otherwise`; only the branch taken is looked at."""

    condition: Expr
    then: Expr
    otherwise: Expr
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IndexValue(Expr):
    """An integer polynomial of indices and sizes, used as a number."""

    value: Integer
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Delta(Expr):
    """Kronecker's delta: 1 where the two subscripts are equal, else 0. It arises in derivations."""

    left: Integer
    right: Integer


@dataclass(frozen=True, slots=True)
class Read:
    """An atom of a subscript: the integer that a tensor holds, as in the gather `p[n, y[n]]`."""

    ref: Ref

    @property
    def key(self) -> tuple[int, str]:
        return (3, str(self))

    def indices(self) -> list[str]:
        return list(dict.fromkeys(i for s in self.ref.subscripts for i in s.indices()))

    def sizes(self) -> list[str]:
        return list(dict.fromkeys(i for s in self.ref.subscripts for i in s.sizes()))

    def __str__(self) -> str:
        inside = ",".join(map(str, self.ref.subscripts))
        return f"{self.ref.tensor}[{inside}]" if inside else self.ref.tensor


ZERO = Number(0)
ONE = Number(1)


def expr(value: Expr | int | Fraction | float) -> Expr:
    """An expression from a Python number, or itself."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, Fraction) and value.denominator == 1:
        return Number(value.numerator)
    return Number(value)


def exact(value: Fraction) -> Number:
    """The number, held as an int where it is one."""
    return Number(value.numerator if value.denominator == 1 else value)


def _number(e: Expr) -> int | Fraction | None:
    """The exact value of a number node, else None."""
    if type(e) is Number and not isinstance(e.value, float):
        return e.value
    return None


def add(a: Expr, b: Expr) -> Expr:
    """a + b, without zeros; a + (-b) is written a - b."""
    x, y = _number(a), _number(b)
    if x == 0:
        return b
    if y == 0:
        return a
    if x is not None and y is not None:
        return expr(Fraction(x + y))
    if type(b) is Apply and b.function == "neg":
        return Apply("sub", (a, b.args[0]))
    return Apply("add", (a, b))


def sub(a: Expr, b: Expr) -> Expr:
    """a - b, without zeros."""
    x, y = _number(a), _number(b)
    if y == 0:
        return a
    if x is not None and y is not None:
        return expr(Fraction(x - y))
    if x == 0:
        return neg(b)
    return Apply("sub", (a, b))


def neg(a: Expr) -> Expr:
    """-a; two signs cancel."""
    x = _number(a)
    if x is not None:
        return expr(-x)
    if type(a) is Apply and a.function == "neg":
        return a.args[0]
    return Apply("neg", (a,))


def mul(a: Expr, b: Expr) -> Expr:
    """a * b, without ones; zero times anything is zero; signs go to the front."""
    x, y = _number(a), _number(b)
    if x == 0 or y == 0:
        return ZERO
    if x == 1:
        return b
    if y == 1:
        return a
    if x is not None and y is not None:
        return expr(Fraction(x * y))
    if x == -1:
        return neg(b)
    if y == -1:
        return neg(a)
    if type(b) is Apply and b.function == "neg":
        return neg(mul(a, b.args[0]))
    if type(a) is Apply and a.function == "neg":
        return neg(mul(a.args[0], b))
    if type(b) is Apply and b.function == "div" and _number(b.args[0]) == 1:
        return div(a, b.args[1])
    return Apply("mul", (a, b))


def div(a: Expr, b: Expr) -> Expr:
    """a / b; dividing by one changes nothing; signs go to the front."""
    x, y = _number(a), _number(b)
    if y == 1 or (x == 0 and y != 0):
        return a
    if x is not None and y:
        return expr(Fraction(x) / Fraction(y))
    if type(a) is Apply and a.function == "neg":
        return neg(div(a.args[0], b))
    return Apply("div", (a, b))


def power(a: Expr, b: Expr) -> Expr:
    """a ** b; the power 1 changes nothing, the power 0 of anything is 1."""
    y = _number(b)
    if y == 1:
        return a
    if y == 0:
        return ONE
    return Apply("pow", (a, b))


def call(function: str, *args: Expr) -> Expr:
    """A function of the table on arguments, as it stands."""
    return Apply(function, args)


def select(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    """`then if condition else otherwise`; one branch where both are the same."""
    if then == otherwise:
        return then
    return Select(condition, then, otherwise)


def both(a: Expr | None, b: Expr | None) -> Expr | None:
    """The conjunction of two conditions, None standing for "always"."""
    if a is None or b is None:
        return b if a is None else a
    return a if a == b else Apply("and", (a, b))


def children(e: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression, conditions first, in the order written."""
    if isinstance(e, Apply):
        return e.args
    if isinstance(e, Select):
        return (e.condition, e.then, e.otherwise)
    if isinstance(e, Reduce | ArgReduce):
        return (e.body,) if e.condition is None else (e.condition, e.body)
    return ()


def reduces(e: Expr) -> bool:
    """Whether a reduction stands anywhere in an expression; quick, since most have none."""
    stack = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, Apply):
            stack.extend(node.args)
        elif isinstance(node, Reduce | ArgReduce):
            return True
        elif isinstance(node, Select):
            stack += (node.condition, node.then, node.otherwise)
    return False


def walk(e: Expr) -> Iterator[Expr]:
    """The expression and all its parts, itself first, left to right; gathers included."""
    stack = [e]
    while stack:
        node = stack.pop()
        yield node
        kind = type(node)
        if kind is Ref:
            for s in node.subscripts:  # type: ignore[attr-defined]
                if s.plain is None:
                    stack.extend(a.ref for a in s.atoms() if isinstance(a, Read))
        elif kind is IndexValue:
            for a in node.value.atoms():  # type: ignore[attr-defined]
                if isinstance(a, Read):
                    stack.append(a.ref)
        elif isinstance(node, Delta):
            stack.extend(a.ref for side in (node.left, node.right) for a in side.atoms()
                         if isinstance(a, Read))
        else:
            stack.extend(reversed(children(node)))


def weight(e: Expr) -> int:
    """How many nodes an expression has."""
    return sum(1 for _ in walk(e))


def as_value(p: Integer) -> Expr:
    """A subscript or size where a value is wanted: a number if it is one."""
    number = p.constant
    return IndexValue(p) if number is None else Number(number)


def rebuild(e: Expr, parts: tuple[Expr, ...]) -> Expr:
    """The same node over other parts (as `children` gives them), simplified by nothing."""
    if isinstance(e, Apply):
        return Apply(e.function, parts, e.span)
    if isinstance(e, Select):
        return Select(parts[0], parts[1], parts[2], e.span)
    if isinstance(e, Reduce):
        condition = parts[0] if e.condition is not None else None
        return Reduce(e.op, e.indices, condition, parts[-1], e.span)
    if isinstance(e, ArgReduce):
        condition = parts[0] if e.condition is not None else None
        return ArgReduce(e.op, e.indices, condition, parts[-1], e.which, e.span)
    return e


def transform(e: Expr, leaf: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with each node for which `leaf` gives something replaced by that.

    Where it gives None the parts are transformed; a node none of whose parts changed is kept.
    """
    new = leaf(e)
    if new is not None:
        return new
    parts = children(e)
    done = tuple(transform(part, leaf) for part in parts)
    if all(a is b for a, b in zip(parts, done, strict=True)):
        return e
    return rebuild(e, done)


def at_indices(e: Expr, places: dict[str, Integer]) -> Expr:
    """The expression with index variables replaced by polynomials, everywhere they stand.

    Indices bound inside are left alone; the caller sees to it that none is captured.
    """

    def leaf(node: Expr) -> Expr | None:
        if isinstance(node, Ref):
            moved = tuple(move(s, places) for s in node.subscripts)
            if all(a is b for a, b in zip(moved, node.subscripts, strict=True)):
                return node
            return Ref(node.tensor, moved, node.outside, node.span)
        if isinstance(node, IndexValue):
            value = move(node.value, places)
            number = value.constant
            return Number(number) if number is not None else IndexValue(value, node.span)
        if isinstance(node, Delta):
            return Delta(move(node.left, places), move(node.right, places))
        return None

    return transform(e, leaf)


def move(s: Integer, places: dict[str, Integer]) -> Integer:
    """A subscript with index variables replaced, those inside a gather included."""
    if s.plain is not None:
        return places.get(s.plain, s)

    def replace(a: object) -> Integer | None:
        if isinstance(a, Index):
            return places.get(a.name)
        if isinstance(a, Read):
            inner = tuple(move(t, places) for t in a.ref.subscripts)
            if inner != a.ref.subscripts:
                return atom(Read(Ref(a.ref.tensor, inner, a.ref.outside, a.ref.span)))
        return None

    return s.substitute(replace)


def free_indices(e: Expr) -> list[str]:
    """The index variables that stand in an expression and are not bound inside it."""
    found: dict[str, None] = {}
    stack: list[tuple[Expr, frozenset[str]]] = [(e, frozenset())]
    while stack:
        node, bound = stack.pop()
        if isinstance(node, Ref):
            names = [i for s in node.subscripts for i in s.indices()]
        elif isinstance(node, IndexValue):
            names = node.value.indices()
        elif isinstance(node, Delta):
            names = [*node.left.indices(), *node.right.indices()]
        else:
            if isinstance(node, Reduce | ArgReduce):
                bound = bound | {r.name for r in node.indices}
            stack.extend((part, bound) for part in reversed(children(node)))
            continue
        for name in names:
            if name not in bound:
                found[name] = None
    return list(found)
