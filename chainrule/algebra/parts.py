"""Tensors' definitions put in the place of their names, and new equations for parts.

Both ask what stands around an expression: which indices are set there, over which ranges, and under
which condition it is looked at at all. That is its `Scope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chainrule.lang.bounds import at_most, extent
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    ArgReduce,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    at_indices,
    both,
    call,
    children,
    free_indices,
    rebuild,
    walk,
)
from chainrule.lang.functions import FUNCTIONS, TURNED
from chainrule.lang.integers import ZERO as NOTHING
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Origin, Tensor, fresh

_OPENED = 60  # definitions that are looked through within one equation


@dataclass(frozen=True, slots=True)
class Scope:
    """What is set around an expression: the sizes of the indices, and the condition it is under."""

    sizes: Mapping[str, Integer]
    guard: Expr | None = None

    def within(self, ranges: tuple[Range, ...], condition: Expr | None = None) -> Scope:
        """The scope inside a reduction."""
        sizes = {r.name: r.size for r in ranges if r.size is not None}
        return Scope({**self.sizes, **sizes}, both(self.guard, condition))

    def under(self, condition: Expr) -> Scope:
        """The scope inside a branch."""
        return Scope(self.sizes, both(self.guard, condition))


@dataclass(slots=True)
class Parts:
    """The tensors of a program in the making, those with one definition, and equations to add."""

    tensors: dict[str, Tensor]
    letters: set[str]  # names of tensors, sizes and indices: a new index is called otherwise
    definitions: dict[str, Equation] = field(default_factory=dict)
    made: dict[tuple[Expr, tuple[Range, ...], Expr | None], str] = field(default_factory=dict)
    pending: list[Equation] = field(default_factory=list)
    opened: int = 0

    # --- definitions

    def definition(self, ref: Ref, scope: Scope) -> Expr | None:
        """What a tensor is defined as at these subscripts, if one equation says so everywhere."""
        equation = self.definitions.get(ref.tensor)
        if equation is None or ref.outside is not None or self.opened >= _OPENED:
            return None
        self.opened += 1
        body = self._apart(equation.body, {*scope.sizes})
        places = {s.plain or "": at for s, at in zip(equation.subscripts, ref.subscripts,
                                                     strict=True)}
        if all(at.plain == name for name, at in places.items()):
            return body
        return at_indices(body, places)

    def _apart(self, e: Expr, taken: set[str]) -> Expr:
        """An expression whose reductions use other letters than those taken."""
        parts = tuple(self._apart(part, taken) for part in children(e))
        if parts:
            e = rebuild(e, parts)
        if not isinstance(e, Reduce | ArgReduce):
            return e
        clash = [r.name for r in e.indices if r.name in taken]
        if not clash:
            return e
        within = {name for node in walk(e.body) if isinstance(node, Reduce | ArgReduce)
                  for name in (r.name for r in node.indices)}
        table: dict[str, str] = {}
        for name in clash:
            table[name] = fresh(name, self.letters | taken | within | set(table.values()))
        places = {old: index(new) for old, new in table.items()}
        e = replace(e, body=at_indices(e.body, places),
                    indices=tuple(replace(r, name=table.get(r.name, r.name)) for r in e.indices),
                    condition=None if e.condition is None else at_indices(e.condition, places))
        return replace(e, which=table.get(e.which, e.which)) if isinstance(e, ArgReduce) else e

    # --- parts

    def part(self, e: Expr, word: str, scope: Scope, equation: Equation) -> Ref | None:
        """A reference to an equation of its own for `e`, over the indices that stand in it.

        Its equation never fails where `e` was not looked at: what might fail keeps the condition
        that it stood under, and a maximum of no terms is left at zero. None where that cannot be
        said (a write that is dropped keeps no condition).
        """
        guard = None
        names = set(free_indices(e))
        if not self._total(e, scope):
            if equation.dropping:
                return None
            guard = scope.guard
        guard = both(guard, self._nonempty(e, scope))
        if guard is not None:
            names.update(free_indices(guard))
        loops = tuple(Range(n, size) for n, size in scope.sizes.items() if n in names)
        here = tuple(index(r.name) for r in loops)
        key = (e, loops, guard)
        if key not in self.made:
            name = fresh(f"{equation.target}_{word}", self.letters)
            self.letters.add(name)
            self.tensors[name] = Tensor(name, tuple(r.size for r in loops if r.size is not None))
            origin = Origin("part", equation.target, layer=equation.origin.layer,
                            span=equation.origin.span)
            self.pending.append(Equation(name, here, loops, e, guard is not None, guard,
                                         origin=origin))
            self.made[key] = name
        return Ref(self.made[key], here)

    def _total(self, e: Expr, scope: Scope) -> bool:
        """Whether an expression has a value at all indices of its scope, whatever the condition."""
        if isinstance(e, Ref):
            tensor = self.tensors[e.tensor]
            if e.outside is not None:
                return e.outside.pads is None
            return all(self._inside(s, size, scope)
                       for s, size in zip(e.subscripts, tensor.shape, strict=True))
        if isinstance(e, IndexValue):
            return True
        if isinstance(e, Reduce | ArgReduce):
            scope = scope.within(e.indices)
        if isinstance(e, Apply) and FUNCTIONS[e.function].domain is not None:
            constant = e.args[-1]
            fine = isinstance(constant, Number) and (
                (e.function == "div" and constant != ZERO)
                or (e.function == "pow" and constant.value >= 0 and constant.value % 1 == 0))
            if not fine:
                return False
        return all(self._total(part, scope) for part in children(e))

    def _inside(self, s: Integer, size: Integer, scope: Scope) -> bool:
        if s.plain is not None and scope.sizes.get(s.plain) == size:
            return True
        ends = extent(s, scope.sizes)
        return (ends is not None and bool(at_most(NOTHING, ends[0]))
                and bool(at_most(ends[1], size - 1)))

    def _nonempty(self, e: Expr, scope: Scope) -> Expr | None:
        """The condition under which every maximum in an expression has a term; None for always."""
        found: Expr | None = None
        if isinstance(e, Reduce):
            if e.op != "sum":
                found = has_terms(e, scope)
            return found  # what stands inside was there before
        for part in children(e):
            found = both(found, self._nonempty(part, scope))
        return found


def has_terms(e: Reduce, scope: Scope) -> Expr | None:
    """The condition under which a reduction has terms; None for always."""
    unsure = [r.size for r in e.indices
              if r.size is not None and (r.size.constant is None or r.size.constant < 1)]
    if e.condition is None or _holds_first(e.condition, e.indices, scope):
        found: Expr | None = None
        for size in unsure:
            found = both(found, call("gt", IndexValue(size), ZERO))
        return found
    return call("gt", Reduce("sum", e.indices, e.condition, ONE), ZERO)


def _holds_first(condition: Expr, ranges: tuple[Range, ...], scope: Scope) -> bool:
    """Whether a condition surely holds where all indices of a reduction are 0."""
    if not isinstance(condition, Apply):
        return False
    if condition.function == "and":
        return all(_holds_first(part, ranges, scope) for part in condition.args)
    name = condition.function
    sides = [a.value if isinstance(a, IndexValue) else
             Integer((((), a.value),)) if isinstance(a, Number) and type(a.value) is int
             and a.value else NOTHING if a == ZERO else None
             for a in condition.args]
    if name not in ("lt", "le", "gt", "ge") or len(sides) != 2:
        return False
    low, high = sides if name not in TURNED else sides[::-1]
    if low is None or high is None:
        return False
    zero = {r.name: NOTHING for r in ranges}
    difference = high - low - (1 if name in ("lt", "gt") else 0)
    at_first = at_indices(IndexValue(difference), zero)
    if isinstance(at_first, Number):
        return at_first.value >= 0
    assert isinstance(at_first, IndexValue)
    ends = extent(at_first.value, scope.sizes)
    least = None if ends is None else ends[0].constant
    return least is not None and least >= 0


def reads(equation: Equation) -> set[str]:
    """All tensors that an equation reads, in subscripts and conditions too."""
    found: set[str] = set()
    for s in equation.subscripts:
        if s.plain is None:
            found.update(n.tensor for n in walk(IndexValue(s)) if isinstance(n, Ref))
    for part in (equation.body, equation.condition):
        for node in walk(part) if part is not None else ():
            if isinstance(node, Ref):
                found.add(node.tensor)
    return found
