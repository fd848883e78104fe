"""The named rules of the stable forms: each an exact identity, in the language itself.

A rule says `before = after` for all real values of the names in it, wherever `before` is defined;
both sides are program text, so that a test can run them against each other. `chainrule.algebra.
stable` finds the left sides in a program and puts the right sides in their place.

    >>> print(RULES["softplus"].statement)
    ln(1 + exp(x)) = softplus(x)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from chainrule.lang.expr import Expr
from chainrule.lang.program import Equation


@dataclass(frozen=True, slots=True)
class Rule:
    """An identity: the two sides as formulas, and why they are equal and the second is better."""

    name: str
    before: str
    after: str
    why: str

    @property
    def statement(self) -> str:
        """The identity as one line."""
        return f"{self.before} = {self.after}"


class Step(NamedTuple):
    """One use of a rule: in which equation (as it was written), and what became of what."""

    rule: Rule
    equation: Equation
    before: Expr
    after: Expr


SHIFT: Final = Rule(
    "shift", "exp(g)/sum(j) exp(f[j])", "exp(g - m)/sum(j) exp(f[j] - m)",
    "dividing above and below by exp(m) changes nothing, for every m; with the maximum for m no "
    "term exceeds 1 in the sum, and one of them is 1",
)
QUOTIENT: Final = Rule(
    "quotient", "exp(a)/exp(b)", "exp(a - b)",
    "powers of one base are divided by subtracting the exponents, which may both be large",
)
LOG_SUM_EXP: Final = Rule(
    "log-sum-exp", "ln(sum(j) exp(f[j]))", "m + ln(sum(j) exp(f[j] - m))",
    "exp(m) is a common factor of the sum, for every m; with the maximum for m the sum that is "
    "left is between 1 and the number of its terms",
)
LOG_SOFTMAX: Final = Rule(
    "log-softmax", "ln(exp(g)/sum(j) exp(f[j]))", "g - m - ln(sum(j) exp(f[j] - m))",
    "the logarithm of a quotient is a difference, and ln(exp(g)) is g: no probability is rounded "
    "to 0 before its logarithm is taken",
)
LOG_EXP: Final = Rule(
    "log-exp", "ln(exp(x))", "x", "the logarithm undoes the exponential",
)
LOG_SIGMOID: Final = Rule(
    "log-sigmoid", "ln(sigmoid(x))", "-softplus(-x)",
    "sigmoid(x) is 1/(1 + exp(-x)), and the logarithm of 1/a is -ln(a)",
)
LOG_COMPLEMENT: Final = Rule(
    "log-complement", "ln(1 - sigmoid(x))", "-softplus(x)",
    "1 - sigmoid(x) is 1/(1 + exp(x)), without the cancellation",
)
SOFTPLUS: Final = Rule(
    "softplus", "ln(1 + exp(x))", "softplus(x)",
    "that is what softplus is; it is computed without overflow",
)
SIGMOID: Final = Rule(
    "sigmoid", "1/(1 + exp(x))", "sigmoid(-x)",
    "that is what the logistic function is; it is computed without overflow",
)
SIGMOID_ABOVE: Final = Rule(
    "sigmoid-above", "exp(x)/(1 + exp(x))", "sigmoid(x)",
    "dividing above and below by exp(x) gives 1/(1 + exp(-x))",
)
TANH: Final = Rule(
    "tanh", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)",
    "that is what tanh is; it is computed without overflow or cancellation",
)
EXPM1: Final = Rule(
    "expm1", "exp(x) - 1", "expm1(x)",
    "expm1 keeps the digits that the difference loses near 0",
)
LOG1P: Final = Rule(
    "log1p", "ln(1 + x)", "log1p(x)",
    "log1p keeps the digits that 1 + x loses near 0",
)
LOG_COSH: Final = Rule(
    "log-cosh", "ln(cosh(x))", "x + softplus(-2*x) - ln(2)",
    "cosh(x) is exp(x)*(1 + exp(-2x))/2, and the logarithm of a product is a sum",
)
LOG_BASE: Final = Rule(
    "log-base", "log2(exp(x))", "x/ln(2)",
    "a logarithm to another base is the natural one over that of the base",
)
XLOGY: Final = Rule(
    "xlogy", "xlogy(t, exp(x))", "t*x",
    "xlogy(t, p) is t*ln(p), and the logarithm of p is known; where that is -infinity, or p is 0 "
    "under a condition, it stays xlogy(t, 0)",
)

RULES: Final = {rule.name: rule for rule in (
    SHIFT, QUOTIENT, LOG_SUM_EXP, LOG_SOFTMAX, LOG_EXP, LOG_SIGMOID, LOG_COMPLEMENT,
    SOFTPLUS, SIGMOID, SIGMOID_ABOVE, TANH, EXPM1, LOG1P, LOG_COSH, LOG_BASE, XLOGY,
)}
