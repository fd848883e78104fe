"""Where a function is defined, read off the table, and the error for a point where it is not.

Both evaluators use this: the condition in the function table is evaluated in the arithmetic of the
arguments, so that whole arrays are checked at once and fractions exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from chainrule.errors import ChainruleError, DomainError
from chainrule.lang.expr import Apply, Expr, Number, Ref
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.printing import expression_text
from chainrule.lang.program import Equation


@lru_cache(maxsize=256)
def _domain(function: str) -> Expr | None:
    """The condition under which a function is defined, on the placeholders `0`, `1`, ..."""
    entry = FUNCTIONS[function]
    if entry.domain is None:
        return None
    return entry.domain(*(Ref(str(k)) for k in range(entry.arity)))


def in_domain(m: Any, function: str, args: Sequence[Any]) -> Any:
    """Whether (or where) `function` is defined at `args`, numbers of the arithmetic `m`.

    >>> from chainrule.evaluate.arithmetic import FloatArithmetic
    >>> in_domain(FloatArithmetic(), "ln", [-1.0])
    False
    """
    condition = _domain(function)
    return True if condition is None else _evaluate(m, condition, args)


def _evaluate(m: Any, e: Expr, args: Sequence[Any]) -> Any:
    if isinstance(e, Ref):
        return args[int(e.tensor)]
    if isinstance(e, Number):
        return m.number(e.value)
    assert isinstance(e, Apply)
    return FUNCTIONS[e.function].value(m, *(_evaluate(m, part, args) for part in e.args))


def shown(number: Any) -> str:
    """A number as a message shows it: exact if that is short.

    >>> shown(Fraction(1, 9)), shown(Fraction(-1)), shown(0.1234567)
    ('1/9', '-1', '0.123457')
    """
    if isinstance(number, Fraction) and len(str(number)) <= 12:
        return str(number)
    try:
        return f"{float(number):g}"
    except OverflowError:
        return "a huge number" if number > 0 else "a huge negative number"


def outside_domain(node: Apply, args: Sequence[Any], divisor: str, where: str) -> DomainError:
    """The error for a function evaluated at numbers outside its domain, in the cell `where`."""
    numbers = [shown(x) for x in args]
    if node.function == "div":
        return DomainError(f"division by zero: {divisor} is 0 in {where}", node.span)
    if node.function == "pow":
        found = f"({numbers[0]})^({numbers[1]})"
        name = "a power"
    else:
        found = f"{node.function}({', '.join(numbers)})"
        name = node.function
    needs = FUNCTIONS[node.function].needs
    return DomainError(f"{name} is defined for {needs}; found {found} in {where}", node.span)


def text_of(e: Expr) -> str:
    """An expression as the user wrote it, if it came from text, else as we write it."""
    span = getattr(e, "span", None)
    if span is not None and span.end > span.start:
        return str(span.excerpt())
    return expression_text(e)


def placed(error: ChainruleError, equation: Equation) -> ChainruleError:
    """An error of an equation's evaluation, with its place, in terms of what the user wrote.

    Outside a domain in an equation that differentiates, it is the derivative that does not exist.
    """
    origin = equation.origin
    if isinstance(error, DomainError) and origin.rule in ("adjoint", "tangent"):
        by = f" with respect to {origin.through.tensor}" if origin.through is not None else ""
        error.message = f"the derivative of {origin.of}{by} is not defined here: {error.message}"
        error.hint = error.hint or "ask for other derivatives alone (--wrt), or move the point"
    return error.with_span(origin.span)
