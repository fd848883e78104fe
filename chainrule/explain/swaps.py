"""One activation written by another: f(z) = a·g(b·z + c) + d.

    sigmoid(z) = (1 + tanh(z/2))/2        a = 1/2, b = 1/2, c = 0, d = 1/2
    tanh(z)    = 2*sigmoid(2*z) - 1       a = 2, b = 2, c = 0, d = -1

With an identity of that form, a network of f is a network of g with other weights: b and c go into
what stands before f, a and d into what reads it. The identity is proved before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from chainrule.algebra.statements import BETWEEN
from chainrule.errors import (
    FormulaSyntaxError,
    InputError,
    UndecidedError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.explain.prove import Proof, prove
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Expr,
    Number,
    Reduce,
    Ref,
    Select,
    add,
    children,
    div,
    mul,
    neg,
    sub,
    walk,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.parse import parse_expression
from chainrule.lang.printing import expression_text, number_text

_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "div", "neg", "pow"})
_BINARY: Final[Mapping[str, Callable[[Expr, Expr], Expr]]] = {
    "add": add, "sub": sub, "mul": mul, "div": div}
_LETTER: Final = "z"
_EITHER: Final = frozenset({"max", "min"})  # whose arguments may change places

# affine pairs beyond the identities that proofs use
_PAIRS: Final[Mapping[tuple[str, str], str]] = {
    ("sin", "cos"): "cos(x - pi/2)",
    ("floor", "ceil"): "-ceil(-x)",
    ("log1p", "ln"): "ln(1 + x)",
    ("expm1", "exp"): "exp(x) - 1",
    ("asin", "acos"): "pi/2 - acos(x)",
    ("min", "max"): "-max(-x, -y)",
}


class FalseIdentityError(InputError):
    """An identity that does not hold; `proof` has the counterexample."""

    code = "false-identity"

    def __init__(self, message: str, proof: Proof) -> None:
        super().__init__(message, None, "see `chainrule prove`")
        self.proof = proof


@dataclass(frozen=True, slots=True)
class Activation:
    """A function of one number: `args` are the arguments of a function, None where z stands."""

    function: str
    args: tuple[Expr | None, ...]

    def at(self, argument: Expr) -> Expr:
        """The function of an argument."""
        return Apply(self.function, tuple(argument if a is None else a for a in self.args))

    def inside(self, e: Expr) -> Expr | None:
        """What the function is of in an expression; None for anything else."""
        if not isinstance(e, Apply) or e.function != self.function:
            return None
        orders = [e.args]
        if self.function in _EITHER and None in self.args and len(e.args) == 2:
            orders.append((e.args[1], e.args[0]))
        for args in orders:
            pairs = list(zip(args, self.args, strict=True))
            if all(own is None or own == given for given, own in pairs):
                return next(given for given, own in pairs if own is None)
        return None

    def __str__(self) -> str:
        return self.function if len(self.args) == 1 else expression_text(self.at(Ref(_LETTER)))


@dataclass(frozen=True, slots=True, eq=False)
class Swap:
    """old(z) = a·new(b·z + c) + d, with the proof of it."""

    old: Activation
    new: Activation
    a: Expr
    b: Expr
    c: Expr
    d: Expr
    text: str
    proof: Proof


def read_swap(text: str) -> Swap:
    """The identity that a text names (`sigmoid=tanh`) or writes out, proved.

    Raises `InputError` for identities of another form, `FalseIdentityError` for false ones,
    `UndecidedError` for those that no proof was found for, and what parsing raises.

    >>> found = read_swap("sigmoid = tanh")
    >>> found.text
    'sigmoid(z) = (1 + tanh(z/2))/2'
    >>> found = read_swap("softplus(z) = 3*softplus(z/3)")
    Traceback (most recent call last):
        ...
    chainrule.explain.swaps.FalseIdentityError: softplus(z) = 3*softplus(z/3) does not hold: ...
    """
    left, sign, right = text.replace("==", "=").partition("=")
    left, right = left.strip(), right.strip()
    if not sign or not left or not right or "=" in right:
        raise FormulaSyntaxError(f"{text:.80}: this names no swap", None,
                                 "write sigmoid=tanh, or 'sigmoid(z) = (1 + tanh(z/2))/2'")
    if left.isidentifier() and right.isidentifier():
        return _named(left, right)
    old, argument = _function_of(parse_expression(left), left)
    return _of(old, parse_expression(right), argument, f"{left} = {right}")


def _named(old: str, new: str) -> Swap:
    """The identity between two functions of the table, or the inverse of the one the other way."""
    names = [_canonical(old), _canonical(new)]
    known = {**_PAIRS, **BETWEEN}
    f, g = names
    if (f, g) in known:
        body = parse_expression(known[f, g])
        return _of(_standard(f), _renamed(body), _LETTER, "")
    if (g, f) in known:
        return _inverse(_of(_standard(g), _renamed(parse_expression(known[g, f])), _LETTER, ""))
    pairs = sorted({f"{a}={b}" for a, b in known if _is_affine(a, b, known[a, b])}
                   | {f"{b}={a}" for a, b in known if _is_affine(a, b, known[a, b])})
    raise InputError(f"no identity {f}(z) = a*{g}(b*z + c) + d is known by name", None,
                     f"known are {', '.join(pairs)}; or write yours out, as in "
                     "'tanh(z) = 2*sigmoid(2*z) - 1'")


def _canonical(name: str) -> str:
    for function in FUNCTIONS.values():
        if name == function.name or name in function.aliases:
            return function.name
    raise UnknownNameError(f"there is no function {name:.60}", None,
                           did_you_mean(name, list(FUNCTIONS)))


def _standard(function: str) -> Activation:
    """A function of z; of two arguments the other one is 0."""
    arity = FUNCTIONS[function].arity
    return Activation(function, (None, *([ZERO] * (arity - 1))))


def _renamed(body: Expr) -> Expr:
    from_table = {"x": Ref(_LETTER), "y": ZERO}
    return _put(body, from_table)


def _put(e: Expr, table: Mapping[str, Expr]) -> Expr:
    if isinstance(e, Ref):
        return table.get(e.tensor, e)
    if isinstance(e, Apply):
        args = tuple(_put(a, table) for a in e.args)
        if e.function == "neg" and args[0] == ZERO:
            return ZERO
        return Apply(e.function, args)
    return e


def _is_affine(f: str, g: str, text: str) -> bool:
    try:
        parts(_renamed(parse_expression(text)), _LETTER)
    except InputError:
        return False
    return f != g


def _function_of(e: Expr, text: str) -> tuple[Activation, str]:
    """A function of one bare name, and that name."""
    names = [a.tensor for a in e.args if isinstance(a, Ref) and not a.subscripts] if isinstance(
        e, Apply) else []
    if (not isinstance(e, Apply) or e.function in _ARITHMETIC or len(names) != 1
            or any(isinstance(n, Ref) and n.tensor != names[0] for n in walk(e))
            or sum(isinstance(n, Ref) for n in walk(e)) != 1):
        raise InputError(f"{text:.80} is no function of one name", None,
                         "write the function that is replaced on the left, as in sigmoid(z)")
    args = tuple(None if isinstance(a, Ref) else a for a in e.args)
    return Activation(e.function, args), names[0]


def _of(old: Activation, right: Expr, name: str, text: str) -> Swap:
    """The swap that an equation says, once it is proved."""
    text = text or f"{expression_text(old.at(Ref(name)))} = {expression_text(right)}"
    new, a, b, c, d = parts(right, name, text)
    if ZERO in (a, b):
        raise InputError(f"{text}: the right side does not depend on {name}")
    return Swap(old, new, a, b, c, d, text, proved(text))


def _inverse(swap: Swap) -> Swap:
    """g by f, from f by g: g(u) = (f((u - c)/b) - d)/a."""
    a, b = over(ONE, swap.a), over(ONE, swap.b)
    c, d = neg(over(swap.c, swap.b)), neg(over(swap.d, swap.a))
    z = Ref(_LETTER)
    right = plus(times(a, swap.old.at(plus(times(b, z), c))), d)
    text = f"{expression_text(swap.new.at(z))} = {expression_text(right)}"
    return Swap(swap.new, swap.old, a, b, c, d, text, proved(text))


def proved(text: str) -> Proof:
    """The proof of an identity; what is false or not decided is refused."""
    found = prove(text.replace(" = ", " == ", 1) if " = " in text else text.replace("=", "==", 1))
    if found.verdict == "refuted":
        at = found.counterexample
        where = ""
        if at is not None:
            values = ", ".join(f"{n} = {_told(v)}" for n, v in at.point.values.items())
            where = f": at {values} it is {_told(at.left)} and {_told(at.right)}"
        raise FalseIdentityError(f"{text} does not hold{where}", found)
    if found.verdict != "proved":
        raise UndecidedError(f"{text}: {found.reason}", None,
                             "only an identity that is proved is used")
    return found


def _told(value: object) -> str:
    try:
        return f"{float(value):.6g}"  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)


def parts(e: Expr, name: str, text: str = "") -> tuple[Activation, Expr, Expr, Expr, Expr]:
    """g, a, b, c, d of an expression a·g(b·z + c) + d.

    Raises `InputError` for anything else.

    >>> g, *numbers = parts(parse_expression("(1 + tanh(z/2))/2"), "z")
    >>> str(g), [expression_text(n) for n in numbers]
    ('tanh', ['0.5', '0.5', '0', '0.5'])
    """
    text = text or expression_text(e)
    form = f"a*g(b*{name} + c) + d with numbers a, b, c, d"
    found = [n for n in _outermost(e, name) if isinstance(n, Apply)]
    bare = any(isinstance(n, Ref) for n in _outermost(e, name))
    if bare and found:
        raise InputError(f"{text:.80} is not of the form {form}: {name} stands outside of "
                         f"{found[0].function} too", None, _WHY)
    if not found or any(n != found[0] for n in found):
        what = " and ".join(dict.fromkeys(expression_text(n) for n in found)) or "no function"
        raise InputError(f"{text:.80} is not of the form {form}: it has {what}", None, _WHY)
    g = found[0]
    holding = [k for k, a in enumerate(g.args) if name in _names(a)]
    outer = affine(_instead(e, g, Ref("")), "")
    inner = affine(g.args[holding[0]], name) if len(holding) == 1 else None
    others = {n for k, a in enumerate(g.args) if k not in holding for n in _names(a)}
    if outer is None or inner is None or others or _names(outer[0]) | _names(outer[1]):
        raise InputError(f"{text:.80} is not of the form {form}", None, _WHY)
    args = tuple(None if k == holding[0] else a for k, a in enumerate(g.args))
    return Activation(g.function, args), outer[0], inner[0], inner[1], outer[1]


_WHY: Final = ("other identities have no place in the weights: `chainrule prove` proves them, but "
               "they make no network of the same form")


def _names(e: Expr) -> set[str]:
    return {n.tensor for n in walk(e) if isinstance(n, Ref)}


def _outermost(e: Expr, name: str) -> Iterator[Expr]:
    """The functions that hold a name, and the name itself where it stands in none."""
    if isinstance(e, Ref):
        if e.tensor == name:
            yield e
    elif (isinstance(e, Apply) and e.function not in _ARITHMETIC) or isinstance(e, Select | Reduce):
        if name in _names(e):
            yield e
    else:
        for part in children(e):
            yield from _outermost(part, name)


def _instead(e: Expr, old: Expr, new: Expr) -> Expr:
    if e == old:
        return new
    if isinstance(e, Apply):
        return Apply(e.function, tuple(_instead(a, old, new) for a in e.args))
    return e


def affine(e: Expr, name: str) -> tuple[Expr, Expr] | None:
    """The slope and the value at 0 of an expression that is affine in a name; None for others."""
    if name not in _names(e):
        return ZERO, folded(e)
    if isinstance(e, Ref):
        return ONE, ZERO
    if not isinstance(e, Apply):
        return None
    found = [affine(a, name) for a in e.args]
    if any(f is None for f in found):
        return None
    (p, q), *rest = [f for f in found if f is not None]
    if e.function == "neg":
        return neg(p), neg(q)
    if e.function in ("add", "sub"):
        join = add if e.function == "add" else sub
        return join(p, rest[0][0]), join(q, rest[0][1])
    if e.function == "mul":
        (r, s) = rest[0]
        if r == ZERO:
            return times(s, p), times(s, q)
        return (times(q, r), times(q, s)) if p == ZERO else None
    if e.function == "div" and rest[0][0] == ZERO:
        return div(p, rest[0][1]), div(q, rest[0][1])
    return None


def folded(e: Expr) -> Expr:
    """An expression whose arithmetic on numbers is worked out."""
    if isinstance(e, Apply) and e.function == "neg":
        return neg(folded(e.args[0]))
    if isinstance(e, Apply) and e.function in _BINARY:
        return _BINARY[e.function](folded(e.args[0]), folded(e.args[1]))
    return e


def times(c: Expr, e: Expr) -> Expr:
    """A number times an expression, a fraction written as a division.

    >>> from fractions import Fraction
    >>> expression_text(times(Number(Fraction(1, 4)), Ref("x")))
    'x/4'
    """
    if e == ZERO:
        return ZERO
    if isinstance(e, Apply) and e.function == "div" and isinstance(e.args[1], Number) and (
            isinstance(c, Number)):
        return times(div(c, e.args[1]), e.args[0])
    if isinstance(c, Number) and not isinstance(c.value, float) and not isinstance(e, Number):
        top, below = c.value.numerator, c.value.denominator
        return div(mul(Number(top), e), Number(below))
    return mul(c, e)


def over(a: Expr, b: Expr) -> Expr:
    """a / b; of a fraction 1/c it is a*c.

    >>> from chainrule.lang.parse import parse_expression
    >>> expression_text(over(Number(1), parse_expression("1/ln(2)")))
    'ln(2)'
    """
    if isinstance(b, Apply) and b.function == "div" and b.args[0] == ONE:
        return mul(b.args[1], a)
    return div(a, b)


def plus(a: Expr, b: Expr) -> Expr:
    """a + b; a number that is negative is taken away."""
    if isinstance(b, Number) and b.value < 0 and a != ZERO:
        return sub(a, neg(b))
    if isinstance(b, Apply) and b.function == "mul" and isinstance(b.args[0], Number) and (
            b.args[0].value < 0) and a != ZERO:
        return sub(a, mul(neg(b.args[0]), b.args[1]))
    if isinstance(b, Apply) and b.function == "div" and isinstance(b.args[0], Apply) and (
            b.args[0].function == "neg") and a != ZERO:
        return sub(a, div(b.args[0].args[0], b.args[1]))
    return add(a, b)


def said(e: Expr) -> str:
    """A number as text."""
    return number_text(e.value) if isinstance(e, Number) else expression_text(e)


__all__ = ["Activation", "FalseIdentityError", "Swap", "affine", "over", "parts", "plus",
           "read_swap", "said", "times"]
