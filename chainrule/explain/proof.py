"""What a proof is made of: lines that follow from each other, and cases that leave nothing out.

    softmax(x + c)[i]
      = exp(x[i] + c)/sum(k) exp(x[k] + c)      definition of softmax
      = ...                                     exp(a + b) = exp(a)*exp(b)

A `Line` says what stands there, by which rule, and why in words. A `Case` is a part of the points,
told by the signs of some quantities, with what was worked there.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.explain.claims import Side
from chainrule.lang.expr import Expr

INFINITE = ("inf", "-inf")


@dataclass(frozen=True, slots=True)
class Line:
    """What the line before equals, by a rule and for a reason in words.

    `value` is an expression, one with limits or integrals in front of it, or "inf" or "-inf".
    Expressions in `why` are typeset. `relation` is "≥" where the line is no more than the one
    before.
    """

    value: Side | str
    rule: str
    why: str | tuple[str | Expr, ...]
    relation: str = "="

    @property
    def body(self) -> Expr | None:
        """The expression of a line that is nothing but one."""
        if isinstance(self.value, Side) and not self.value.operators:
            return self.value.body
        return None


@dataclass(frozen=True, slots=True)
class Case:
    """A part of the points: where the quantities have these signs, out of "-0+".

    `value` is what a limit or an integral is there: an expression, "inf" or "-inf", or None where
    it does not exist; `why` then says why not.
    """

    conditions: tuple[tuple[Expr, str], ...]
    lines: tuple[Line, ...] = ()
    value: Expr | str | None = None
    why: str = ""
