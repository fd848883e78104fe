"""What functions mean in terms of simpler ones: the definitions that proofs unfold.

    sigmoid(x) = 1/(1 + exp(-x))        relu(x) = x if x > 0 else 0

Each is an identity that holds for all arguments where the function is defined; tests run both sides
against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from chainrule.lang.expr import Apply, Expr, Ref, transform
from chainrule.lang.parse import parse_expression

MEANINGS: Final[Mapping[str, str]] = {
    "square": "x*x",
    "sigmoid": "1/(1 + exp(-x))",
    "tanh": "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
    "sinh": "(exp(x) - exp(-x))/2",
    "cosh": "(exp(x) + exp(-x))/2",
    "tan": "sin(x)/cos(x)",
    "softplus": "ln(1 + exp(x))",
    "log1p": "ln(1 + x)",
    "expm1": "exp(x) - 1",
    "log2": "ln(x)/ln(2)",
    "log10": "ln(x)/ln(10)",
    "xlogy": "0 if x == 0 else x*ln(y)",
    "abs": "x if x >= 0 else -x",
    "sign": "1 if x > 0 else (-1 if x < 0 else 0)",
    "heaviside": "1 if x > 0 else (0 if x < 0 else 1/2)",
    "relu": "x if x > 0 else 0",
    "max": "x if x >= y else y",
    "min": "x if x <= y else y",
    "asinh": "ln(x + sqrt(x^2 + 1))",
    "acosh": "ln(x + sqrt(x^2 - 1))",
    "atanh": "ln((1 + x)/(1 - x))/2",
    "ceil": "-floor(-x)",
    "acos": "pi/2 - asin(x)",
    "stop_gradient": "x",
}


# identities between two functions, used where the one is on this side and the other on that
BETWEEN: Final[Mapping[tuple[str, str], str]] = {
    ("sigmoid", "tanh"): "(1 + tanh(x/2))/2",
    ("tanh", "sigmoid"): "2*sigmoid(2*x) - 1",
    ("relu", "heaviside"): "x*heaviside(x)",
    ("heaviside", "sign"): "(1 + sign(x))/2",
    ("sign", "heaviside"): "2*heaviside(x) - 1",
    ("abs", "sign"): "x*sign(x)",
    ("abs", "relu"): "relu(x) + relu(-x)",
    ("relu", "abs"): "(x + abs(x))/2",
    ("log2", "ln"): "ln(x)/ln(2)",
    ("log10", "ln"): "ln(x)/ln(10)",
    ("tan", "sin"): "sin(x)/cos(x)",
}


def between(function: str, other: str, argument: Expr) -> Expr | None:
    """A function by another one, where there is an identity between them.

    >>> from chainrule.lang.printing import expression_text
    >>> expression_text(between("tanh", "sigmoid", Ref("z")))
    '2*sigmoid(2*z) - 1'
    """
    text = BETWEEN.get((function, other))
    if text is None:
        return None
    return transform(parse_expression(text), lambda node: (
        argument if isinstance(node, Ref) else None))


@cache
def _statement(function: str) -> Expr:
    return parse_expression(MEANINGS[function])


def meaning(e: Apply) -> Expr:
    """A function written out in simpler ones.

    >>> from chainrule.lang.printing import expression_text
    >>> expression_text(meaning(Apply("sigmoid", (Ref("z"),))))
    '1/(1 + exp(-z))'
    """
    table = dict(zip(("x", "y"), e.args, strict=False))
    return transform(_statement(e.function), lambda node: (
        table.get(node.tensor) if isinstance(node, Ref) else None))


def statement(function: str) -> tuple[str | Expr, ...]:
    """What a function means, as an equation to read: the function, " = ", the other side."""
    args = (Ref("x"), Ref("y"))[: 2 if function in ("max", "min", "xlogy") else 1]
    return (Apply(function, args), " = ", _statement(function))
