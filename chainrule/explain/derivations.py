"""What a derivation is made of: lines, the uses of a quantity, and the results, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chainrule.algebra.fold import Given
from chainrule.algebra.matrix import Form
from chainrule.algebra.terms import canonical, level
from chainrule.explain.derive_check import Points
from chainrule.lang.expr import Expr, children, walk
from chainrule.lang.integers import Integer
from chainrule.lang.program import Program, Tensor, fresh


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chain: the expression, the rule that gave it, and why it may."""

    rule: str
    after: Expr
    why: str


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a quantity: the equation of `target`, at these indices, and its derivative."""

    target: str
    indices: tuple[str, ...]
    cell: tuple[Integer, ...]
    lines: tuple[Line, ...]
    result: Expr


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a result: for `equal` and `different` pairs of subscripts, what it is."""

    equal: tuple[tuple[Integer, Integer], ...]
    different: tuple[tuple[Integer, Integer], ...]
    result: Expr


@dataclass(frozen=True, slots=True)
class Derived:
    """The derivative of the output by one cell of a tensor: uses, lines, result, its cases."""

    tensor: str
    indices: tuple[str, ...]
    uses: tuple[Use, ...]
    lines: tuple[Line, ...]
    result: Expr
    matrix: Form | None = None
    cases: tuple[Case, ...] = ()


@dataclass(slots=True)
class Derivation:
    """All derivatives on the way from an output to what was asked for, in the order worked.

    `outer` are the indices of the output's cell that is differentiated. `earlier` says which
    tensors of the program are derivatives themselves, of which tensor and by which.
    """

    program: Program
    of: str
    wrt: tuple[str, ...]
    givens: tuple[Given, ...]
    outer: tuple[str, ...] = ()
    earlier: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    found: dict[str, Derived] = field(default_factory=dict)
    points: Points | None = None

    def name(self, tensor: str) -> str:
        """What ∂L/∂tensor is called in expressions."""
        return fresh(f"d{self.of}_d{tensor}", self.program.tensors)

    def tensors(self) -> dict[str, Tensor]:
        """The program's tensors and the derivatives, for typesetting."""
        table = dict(self.program.tensors)
        for name in self.found:
            shape = self.program.tensors[self.of].shape + self.program.tensors[name].shape
            table[self.name(name)] = Tensor(self.name(name), shape, adjoint_of=name)
        return table

    def derivatives(self) -> dict[str, tuple[str, str]]:
        """The names of all derivatives: of which tensor, by which."""
        return {**self.earlier, **{self.name(n): (self.of, n) for n in self.found}}


def closed_forms(found: Derivation) -> Mapping[str, Expr]:
    """The results by tensor."""
    return {name: found.found[name].result for name in found.wrt if name in found.found}


def alike(a: Expr, b: Expr, rule: str = "") -> bool:
    """Whether a line says no more than the one before: the same, or its factors in other order."""
    if canonical(level(a)) == canonical(level(b)):
        return True
    return rule == "expand" and _leaves(a) == _leaves(b)


def _leaves(e: Expr) -> Counter[object]:
    """What an expression is made of, in any order."""
    return Counter(type(n) if children(n) else n for n in walk(canonical(e)))
