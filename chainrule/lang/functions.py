"""The table of scalar functions: the only hand-written derivatives in the project.

Each entry gives the name, the value, one partial derivative for each argument, the domain, what
happens at kinks, how it is typeset, and the sentence that explains its rule. Everything else
(evaluation in every arithmetic, both directions of differentiation, tests, documentation, error
messages at the edge of a domain) is read off the entry, so a new function is one new entry.

`value(m, *args)` computes in the arithmetic `m` (NumPy, exact rationals, mpmath: see
`chainrule.evaluate.arithmetic`). `partials[k](*args, out)` is the derivative with respect to the
k-th argument as an expression, where `out` is the function's own value, so that a rule may reuse
it: the logistic function's is `y*(1 - y)`. `domain(*args)` is the condition under which the
function is defined, as an expression. The notation follows ChainRules.jl's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from chainrule.lang.expr import ONE, ZERO, Apply, Expr, Number, call, select

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kink:
    """A place where the derivative jumps: where `where(*args)` is zero.

    `chose` is the value that our derivative takes there, out of the interval `low` to `high`
    (Clarke's); `argument` says which partial derivative is meant.
    """

    where: Callable[..., Expr]
    chose: Fraction
    low: Fraction
    high: Fraction
    argument: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """One scalar function; see the module's description for the fields."""

    name: str
    arity: int
    value: Callable[..., Any]
    partials: tuple[Callable[..., Expr], ...]
    notation: tuple[str, ...]  # how `document.notation` writes it: a form and its symbols
    why: str
    domain: Callable[..., Expr] | None = None
    needs: str = ""  # the domain in words
    kinks: tuple[Kink, ...] = ()
    aliases: tuple[str, ...] = ()
    sample: tuple[Interval, ...] = ()  # where tests draw each argument
    edges: tuple[tuple[float, ...], ...] = ()  # points that tests always try
    cost: str = "function"  # what it counts as: add, multiply, divide, compare, free, ...
    boolean: bool = False
    jumps: bool = False  # not continuous: its derivative says nothing about differences


def _compare(name: str, operator: str, value: Callable[..., Any], why: str) -> Function:
    return Function(name, 2, value, (), ("infix", operator), why, cost="compare", boolean=True,
                    sample=((-2, 2), (-2, 2)), edges=((1.0, 1.0),))


def _zero(*_: Expr) -> Expr:
    return ZERO


def _sqrt(e: Expr) -> Expr:
    return call("sqrt", e)


def _power_by_exponent(x: Expr, p: Expr, y: Expr) -> Expr:
    """y * ln x, which tends to 0 where the base is 0 (and the exponent positive)."""
    return select(call("eq", x, ZERO), ZERO, y * call("ln", x))


def _power_domain(x: Expr, p: Expr) -> Expr:
    whole = call("eq", p, call("floor", p))
    positive = call("gt", x, ZERO)
    nonzero = call("and", call("ne", x, ZERO), whole)
    at_zero = call("and", call("eq", x, ZERO), call("ge", p, ZERO))
    return call("or", positive, call("or", nonzero, at_zero))


def _same(a: Expr, b: Expr, *_: Expr) -> Expr:
    return a - b


def _argument(x: Expr, *_: Expr) -> Expr:
    return x


_F = Fraction
_ENTRIES: tuple[Function, ...] = (
    # arithmetic
    Function("add", 2, lambda m, a, b: a + b, (lambda a, b, y: ONE, lambda a, b, y: ONE),
             ("infix", "+"), "the derivative of a sum is the sum of the derivatives",
             sample=((-3, 3), (-3, 3)), cost="add"),
    Function("sub", 2, lambda m, a, b: a - b, (lambda a, b, y: ONE, lambda a, b, y: Number(-1)),
             ("infix", "-"), "the derivative of a difference is the difference of the derivatives",
             sample=((-3, 3), (-3, 3)), cost="add"),
    Function("mul", 2, lambda m, a, b: a * b, (lambda a, b, y: b, lambda a, b, y: a),
             ("infix", "·"), "product rule: (ab)' = a'b + ab'", sample=((-3, 3), (-3, 3)),
             edges=((0.0, 2.0),), cost="multiply"),
    Function("div", 2, lambda m, a, b: m.divide(a, b),
             (lambda a, b, y: ONE / b, lambda a, b, y: -(a / b**2)),
             ("fraction",), "quotient rule: (a/b)' = a'/b - a b'/b^2",
             lambda a, b: call("ne", b, ZERO), "a divisor other than 0",
             sample=((-3, 3), (0.5, 3)), cost="divide"),
    Function("neg", 1, lambda m, a: -a, (lambda a, y: Number(-1),), ("prefix", "-"),
             "a constant factor, -1, stays in front", sample=((-3, 3),), cost="free"),
    Function("pow", 2, lambda m, x, p: m.power(x, p),
             (lambda x, p, y: p * x ** (p - ONE), _power_by_exponent),
             ("power",), "power rule: (x^p)' = p x^(p-1), and x^p ln x in the exponent",
             _power_domain, "a positive base, or a whole exponent (not negative at base 0)",
             sample=((0.3, 3), (-2, 3)), edges=((1.0, 2.0),), cost="power"),
    # comparisons and logic, in conditions only
    _compare("lt", "<", lambda m, a, b: a < b, "is a less than b?"),
    _compare("le", "≤", lambda m, a, b: a <= b, "is a at most b?"),
    _compare("gt", ">", lambda m, a, b: a > b, "is a greater than b?"),
    _compare("ge", "≥", lambda m, a, b: a >= b, "is a at least b?"),
    _compare("eq", "=", lambda m, a, b: a == b, "are a and b equal?"),
    _compare("ne", "≠", lambda m, a, b: a != b, "do a and b differ?"),
    Function("and", 2, lambda m, a, b: m.both(a, b), (), ("infix", "and"), "both hold",
             boolean=True, cost="free"),
    Function("or", 2, lambda m, a, b: m.either(a, b), (), ("infix", "or"), "one of them holds",
             boolean=True, cost="free"),
    Function("not", 1, lambda m, a: m.negation(a), (), ("prefix", "not"), "it does not hold",
             boolean=True, cost="free"),
    # powers and logarithms
    Function("exp", 1, lambda m, x: m.exp(x), (lambda x, y: y,), ("call", "exp"),
             "the exponential is its own derivative", sample=((-2, 2),)),
    Function("ln", 1, lambda m, x: m.ln(x), (lambda x, y: ONE / x,), ("call", "ln"),
             "the derivative of ln x is 1/x", lambda x: call("gt", x, ZERO),
             "a positive number", aliases=("log",), sample=((0.2, 4),), edges=((1.0,),)),
    Function("log2", 1, lambda m, x: m.log2(x),
             (lambda x, y: ONE / (x * call("ln", Number(2))),), ("call", "log", "2"),
             "log2 x is ln x / ln 2", lambda x: call("gt", x, ZERO), "a positive number",
             sample=((0.2, 4),), edges=((8.0,),)),
    Function("log10", 1, lambda m, x: m.log10(x),
             (lambda x, y: ONE / (x * call("ln", Number(10))),), ("call", "log", "10"),
             "log10 x is ln x / ln 10", lambda x: call("gt", x, ZERO), "a positive number",
             sample=((0.2, 4),), edges=((100.0,),)),
    Function("log1p", 1, lambda m, x: m.log1p(x), (lambda x, y: ONE / (1 + x),),
             ("call", "log1p"), "log1p x is ln(1 + x), exact near 0",
             lambda x: call("gt", x, Number(-1)), "a number above -1", sample=((-0.7, 3),),
             edges=((0.0,), (1e-18,))),
    Function("expm1", 1, lambda m, x: m.expm1(x), (lambda x, y: call("exp", x),),
             ("call", "expm1"), "expm1 x is exp(x) - 1, exact near 0",
             sample=((-2, 2),), edges=((0.0,), (1e-18,))),
    Function("xlogy", 2, lambda m, x, y: m.xlogy(x, y),
             (lambda x, y, z: call("ln", y), lambda x, y, z: x / y),
             ("xlogy",), "xlogy(x, y) is x ln y, and 0 where x and y are both 0",
             lambda x, y: call("or", call("gt", y, ZERO),
                               call("and", call("eq", x, ZERO), call("eq", y, ZERO))),
             "a positive second argument, or both 0", sample=((-2, 2), (0.2, 3)),
             edges=((0.0, 1.0),)),
    Function("sqrt", 1, lambda m, x: m.sqrt(x), (lambda x, y: ONE / (2 * y),),
             ("root",), "the derivative of sqrt x is 1/(2 sqrt x)",
             lambda x: call("ge", x, ZERO), "a number that is not negative",
             sample=((0.2, 4),), edges=((4.0,),)),
    Function("square", 1, lambda m, x: x * x, (lambda x, y: 2 * x,), ("square",),
             "the derivative of x^2 is 2x", sample=((-3, 3),), edges=((0.0,),), cost="multiply"),
    # signs, steps and roundings
    Function("abs", 1, lambda m, x: m.absolute(x), (lambda x, y: call("sign", x),),
             ("fence", "|", "|"), "the derivative of |x| is the sign of x",
             kinks=(Kink(_argument, _F(0), _F(-1), _F(1)),), sample=((-3, 3),),
             edges=((0.0,),), cost="compare"),
    Function("sign", 1, lambda m, x: m.sign(x), (_zero,), ("call", "sign"),
             "a step function is flat wherever it has a derivative", sample=((-3, 3),),
             edges=((0.0,),), jumps=True, cost="compare"),
    Function("heaviside", 1, lambda m, x: m.heaviside(x), (_zero,), ("call", "H"),
             "a step function is flat wherever it has a derivative; H(0) = 1/2",
             aliases=("H", "step"), sample=((-3, 3),), edges=((0.0,),), jumps=True, cost="compare"),
    Function("floor", 1, lambda m, x: m.floor(x), (_zero,),
             ("fence", "⌊", "⌋"), "a step function is flat between its jumps",
             sample=((-3, 3),), edges=((2.0,), (-0.5,)), jumps=True, cost="compare"),
    Function("ceil", 1, lambda m, x: -m.floor(-x), (_zero,),
             ("fence", "⌈", "⌉"), "a step function is flat between its jumps",
             sample=((-3, 3),), edges=((2.0,), (-0.5,)), jumps=True, cost="compare"),
    Function("max", 2, lambda m, a, b: m.where(a >= b, a, m.where(a >= a, b, a)),  # NaN wins
             (lambda a, b, y: call("heaviside", a - b), lambda a, b, y: call("heaviside", b - a)),
             ("call", "max"), "the larger argument passes its derivative; a tie splits it in two",
             kinks=(Kink(_same, _F(1, 2), _F(0), _F(1)), Kink(_same, _F(1, 2), _F(0), _F(1), 1)),
             sample=((-3, 3), (-3, 3)), edges=((1.0, 1.0),), cost="compare"),
    Function("min", 2, lambda m, a, b: m.where(a <= b, a, m.where(a <= a, b, a)),
             (lambda a, b, y: call("heaviside", b - a), lambda a, b, y: call("heaviside", a - b)),
             ("call", "min"), "the smaller argument passes its derivative; a tie splits it in two",
             kinks=(Kink(_same, _F(1, 2), _F(0), _F(1)), Kink(_same, _F(1, 2), _F(0), _F(1), 1)),
             sample=((-3, 3), (-3, 3)), edges=((1.0, 1.0),), cost="compare"),
    Function("relu", 1, lambda m, x: m.where(x > 0, x, m.where(x <= 0, m.number(0), x)),
             (lambda x, y: select(call("gt", x, ZERO), ONE, ZERO),),
             ("call", "ReLU"), "ReLU passes positive numbers and stops the others",
             kinks=(Kink(_argument, _F(0), _F(0), _F(1)),), aliases=("ReLU", "Relu"),
             sample=((-3, 3),), edges=((0.0,),), cost="compare"),
    # activations
    Function("sigmoid", 1, lambda m, x: m.sigmoid(x), (lambda x, y: y * (1 - y),),
             ("call", "σ"), "the logistic function's derivative reuses its value: s(1 - s)",
             aliases=("σ", "sigma", "logistic", "expit"), sample=((-4, 4),),
             edges=((0.0,), (40.0,), (-40.0,))),
    Function("softplus", 1, lambda m, x: m.softplus(x), (lambda x, y: call("sigmoid", x),),
             ("call", "softplus"),
             "softplus x is ln(1 + exp x); its derivative is the logistic function",
             sample=((-4, 4),), edges=((0.0,), (40.0,), (-40.0,))),
    Function("tanh", 1, lambda m, x: m.tanh(x), (lambda x, y: 1 - y**2,), ("call", "tanh"),
             "the derivative of tanh reuses its value: 1 - tanh^2", sample=((-2, 2),),
             edges=((0.0,),)),
    Function("erf", 1, lambda m, x: m.erf(x),
             (lambda x, y: 2 / _sqrt(Apply("pi", ())) * call("exp", -(x**2)),),
             ("call", "erf"), "erf integrates the bell curve 2/sqrt(pi) exp(-x^2)",
             sample=((-2, 2),), edges=((0.0,),)),
    # trigonometry
    Function("sin", 1, lambda m, x: m.sin(x), (lambda x, y: call("cos", x),), ("call", "sin"),
             "the derivative of sin is cos", sample=((-3, 3),)),
    Function("cos", 1, lambda m, x: m.cos(x), (lambda x, y: -call("sin", x),), ("call", "cos"),
             "the derivative of cos is -sin", sample=((-3, 3),)),
    Function("tan", 1, lambda m, x: m.tan(x), (lambda x, y: 1 + y**2,), ("call", "tan"),
             "the derivative of tan reuses its value: 1 + tan^2", sample=((-1.2, 1.2),)),
    Function("asin", 1, lambda m, x: m.asin(x), (lambda x, y: ONE / _sqrt(1 - x**2),),
             ("call", "arcsin"), "the derivative of arcsin x is 1/sqrt(1 - x^2)",
             lambda x: call("le", call("abs", x), ONE), "a number from -1 to 1",
             aliases=("arcsin",), sample=((-0.9, 0.9),)),
    Function("acos", 1, lambda m, x: m.acos(x), (lambda x, y: -(ONE / _sqrt(1 - x**2)),),
             ("call", "arccos"), "the derivative of arccos x is -1/sqrt(1 - x^2)",
             lambda x: call("le", call("abs", x), ONE), "a number from -1 to 1",
             aliases=("arccos",), sample=((-0.9, 0.9),)),
    Function("atan", 1, lambda m, x: m.atan(x), (lambda x, y: ONE / (1 + x**2),),
             ("call", "arctan"), "the derivative of arctan x is 1/(1 + x^2)", aliases=("arctan",),
             sample=((-3, 3),)),
    Function("atan2", 2, lambda m, a, b: m.atan2(a, b),
             (lambda a, b, y: b / (a**2 + b**2), lambda a, b, y: -(a / (a**2 + b**2))),
             ("call", "atan2"),
             "the angle of the point (b, a); it turns by (b a' - a b')/(a^2 + b^2)",
             sample=((0.2, 3), (-3, 3)), edges=((1.0, 0.0), (-1.0, -1.0))),
    # hyperbolic
    Function("sinh", 1, lambda m, x: m.sinh(x), (lambda x, y: call("cosh", x),), ("call", "sinh"),
             "the derivative of sinh is cosh", sample=((-2, 2),)),
    Function("cosh", 1, lambda m, x: m.cosh(x), (lambda x, y: call("sinh", x),), ("call", "cosh"),
             "the derivative of cosh is sinh", sample=((-2, 2),)),
    Function("asinh", 1, lambda m, x: m.asinh(x), (lambda x, y: ONE / _sqrt(x**2 + 1),),
             ("call", "arsinh"), "the derivative of arsinh x is 1/sqrt(x^2 + 1)",
             aliases=("arsinh",), sample=((-3, 3),)),
    Function("acosh", 1, lambda m, x: m.acosh(x), (lambda x, y: ONE / _sqrt(x**2 - 1),),
             ("call", "arcosh"), "the derivative of arcosh x is 1/sqrt(x^2 - 1)",
             lambda x: call("ge", x, ONE), "a number of at least 1", aliases=("arcosh",),
             sample=((1.2, 4),)),
    Function("atanh", 1, lambda m, x: m.atanh(x), (lambda x, y: ONE / (1 - x**2),),
             ("call", "artanh"), "the derivative of artanh x is 1/(1 - x^2)",
             lambda x: call("lt", call("abs", x), ONE), "a number strictly between -1 and 1",
             aliases=("artanh",), sample=((-0.9, 0.9),)),
    # constants and control
    Function("pi", 0, lambda m: m.pi(), (), ("symbol", "π"), "a constant", aliases=("π",),
             cost="free"),
    Function("stop_gradient", 1, lambda m, x: x, (_zero,),
             ("call", "stop_gradient"), "declared to be constant for the derivative",
             sample=((-3, 3),), jumps=True, cost="free"),
)

FUNCTIONS: dict[str, Function] = {entry.name: entry for entry in _ENTRIES}
# comparisons: what holds where one does not, and the same read from the right
OPPOSITES: Final = {"lt": "ge", "ge": "lt", "le": "gt", "gt": "le", "eq": "ne", "ne": "eq"}
TURNED: Final = {"gt": "lt", "ge": "le"}

NAMES: dict[str, str] = {
    spelling: entry.name for entry in _ENTRIES for spelling in (entry.name, *entry.aliases)
}


def partial(node: Apply, argument: int) -> Expr:
    """The partial derivative of a function node with respect to one of its arguments.

    It is written in terms of the node's arguments and of the node itself (its own value).

    >>> from chainrule.lang.expr import Ref
    >>> partial(call("sin", Ref("x")), 0) == call("cos", Ref("x"))
    True
    """
    return FUNCTIONS[node.function].partials[argument](*node.args, node)
