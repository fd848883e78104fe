"""The cells of a sheet's program, each computed when it is asked for, under overrides.

`Cells` holds one program at one set of inputs. `Cells.under` gives the same program with some
tensors replaced: they take part as independent quantities, whatever defined them, and all that
depends on them is computed again, while all else is shared. That is what a partial derivative by an
intermediate quantity means, and what a student's own wrong value does to the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from chainrule.check.values import Dual, Numbers, Unknown, Value, array, cells_of
from chainrule.errors import ChainruleError
from chainrule.evaluate.naive import CellEvaluator, target_place
from chainrule.evaluate.values import CellArray, Sizes
from chainrule.lang.expr import Apply, Expr, Read, Reduce, Ref, Select, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Integer
from chainrule.lang.program import Equation, Program

_DEPTH: Final = 150  # cells that wait for each other
_VISITS: Final = 400_000  # operations of one set of cells


def _gathers(p: Integer) -> set[str]:
    return {a.ref.tensor for a in p.atoms() if isinstance(a, Read)}


def reads_of(equation: Equation) -> set[str]:
    """The tensors that an equation reads."""
    found: set[str] = set()
    for s in equation.subscripts:
        found |= _gathers(s)
    for part in (equation.body, equation.condition):
        for node in walk(part) if part is not None else ():
            if isinstance(node, Ref):
                found.add(node.tensor)
                for s in node.subscripts:
                    found |= _gathers(s)
    return found


class Graph:
    """Which tensors of a program depend on which; made once for a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.equations = program.definitions()
        self.reads: dict[str, set[str]] = {}
        for name, equations in self.equations.items():
            self.reads[name] = set().union(*map(reads_of, equations))
        self.derivatives: dict[tuple[str, str], tuple[Graph, str] | None] = {}
        self._above: dict[frozenset[str], frozenset[str]] = {}

    @cached_property
    def smooth(self) -> bool:
        """Whether nothing in the program has a kink or a jump."""
        return not any(
            isinstance(node, Select) or (isinstance(node, Reduce) and node.op in ("max", "min"))
            or (isinstance(node, Apply) and (FUNCTIONS[node.function].kinks
                                             or FUNCTIONS[node.function].jumps
                                             or node.function in ("max", "min")))
            for equation in self.program.equations for node in walk(equation.body))

    def dependents(self, names: frozenset[str]) -> frozenset[str]:
        """All tensors that are computed from one of these, themselves included."""
        if names not in self._above:
            found = set(names)
            for equation in self.program.equations:
                if equation.target not in found and self.reads[equation.target] & found:
                    found.add(equation.target)
            self._above[names] = frozenset(found)
        return self._above[names]


class Cells(CellEvaluator):
    """The tensors of a program at given inputs, computed on demand.

    `inputs` maps inputs to values, or to functions that give them when first asked. `via` replaces
    the program's equations of a tensor by another definition (a student's, of the same quantity).
    """

    def __init__(self, graph: Graph, sizes: Sizes, inputs: Mapping[str, Any], numbers: Numbers,
                 parent: Cells | None = None, over: Mapping[str, Value] | None = None,
                 via: Mapping[str, Callable[[], Value]] | None = None) -> None:
        self.graph = graph
        self.program = graph.program
        self.sizes = sizes
        self.check = True
        self.exact = numbers.exact
        self.where = ""
        self.inputs = inputs
        self.numbers = numbers
        self.parent = parent
        self.over = dict(over or {})
        self.via = dict(via or {})
        self.moved = graph.dependents(frozenset([*self.over, *self.via])) if parent else None
        self.tables: Any = {} if parent is None else parent.tables
        self.own: dict[str, list[Any]] = {}
        self.match: Callable[[Any], Any] | None = None
        self.kept: frozenset[str] = parent.kept if parent is not None else frozenset()
        self.depth: int = parent.depth if parent is not None else 0
        self.visits = 0
        if parent is None:
            for name, tensor in graph.program.tensors.items():
                self.tables[name] = CellArray(tuple(map(sizes.of, tensor.shape)), [])

    def under(self, over: Mapping[str, Value],
              via: Mapping[str, Callable[[], Value]] | None = None) -> Cells:
        """The same program with some tensors replaced by values."""
        return Cells(self.graph, self.sizes, self.inputs, self.numbers, self, over, via)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(self.tables[name].shape)

    def tensor(self, name: str) -> Value:
        """A whole tensor."""
        shape = self.shape(name)
        places = itertools.product(*map(range, shape))
        return array(shape, tuple(self.cell(name, place) for place in places))

    def cell(self, name: str, place: tuple[int, ...]) -> Any:
        """One cell, counted from 0."""
        above = self.parent if self.match is None else None
        if above is not None and self.moved is not None and name not in self.moved:
            return above.cell(name, place)
        own = self.own.get(name)
        at = self.tables[name].position(place)
        if own is None:
            size = 1
            for n in self.shape(name):
                size *= n
            own = [None] * size
            self._fill(name, own)
            self.own[name] = own  # only now: a failure half-way leaves nothing behind
        if own[at] is None:
            own[at] = self._computed(name, place)
        if name in self.kept and name not in self.over and self.parent is not None:
            return self._kept_value(own[at], self.parent.cell(name, place))
        return own[at]

    def _kept_value(self, moved: Any, kept: Any) -> Any:
        """A student's own value, with the tangent that its formula has."""
        if type(moved) is not Dual:
            return kept
        return Dual(kept, moved.tangent, moved.level, self.numbers)

    def _fill(self, name: str, own: list[Any]) -> None:
        """What is known of a tensor at once: overrides, inputs, scattered writes."""
        if name in self.over:
            own[:] = cells_of(self.over[name])
        elif name in self.via:
            own[:] = cells_of(self.via[name]())
        elif name not in self.graph.equations:
            if name not in self.inputs:
                raise Unknown(f"{name} has no value", "name")
            value = self.inputs[name]
            own[:] = cells_of(value() if callable(value) else value)
        elif not self._direct(name):
            self._scattered(name, own)

    def _direct(self, name: str) -> bool:
        equations = self.graph.equations[name]
        one = equations[0]
        return len(equations) == 1 and one.plain and not one.accumulate and one.condition is None

    def _enter(self) -> None:
        if self.depth >= _DEPTH:
            raise Unknown("the program is too deep to be checked cell by cell", "budget")
        self.depth += 1

    def _computed(self, name: str, place: tuple[int, ...]) -> Any:
        equation = self.graph.equations[name][0]
        at = {s.plain: k for s, k in zip(equation.subscripts, place, strict=True)}
        self._enter()
        try:
            return self.value(equation.body, at)  # type: ignore[arg-type]
        except ChainruleError as error:
            raise Unknown(error.message, "domain") from None
        finally:
            self.depth -= 1

    def _scattered(self, name: str, own: list[Any]) -> None:
        """Every pass of the loops of a tensor that is written piece by piece, or added up."""
        self._enter()
        try:
            for equation in self.graph.equations[name]:
                for at in self.loop(equation.ranges, {}):
                    if not self.holds(equation.condition, at):
                        continue
                    place = target_place(self, equation, at)
                    if place is None:
                        continue
                    k = self.tables[name].position(place)
                    value = self.value(equation.body, at)
                    if equation.accumulate:
                        value = self.numbers.add(Fraction(0) if own[k] is None else own[k], value)
                    own[k] = value
            for k, value in enumerate(own):
                own[k] = Fraction(0) if value is None else value
        except ChainruleError as error:
            raise Unknown(error.message, "domain") from None
        finally:
            self.depth -= 1

    # --- what the evaluator of expressions asks

    def value(self, e: Expr, at: Mapping[str, int]) -> Any:
        """The value of an expression; where a subexpression is moved, the moved one."""
        self.visits += 1
        self.numbers.work += 1
        if self.visits > _VISITS:
            raise Unknown("this takes too long to work out", "budget")
        if self.match is not None and isinstance(e, Apply | Reduce | Select):
            assert self.parent is not None
            found = self.match(self.parent.value(e, at))
            if found is not None:
                return found
            if isinstance(e, Apply) and e.function not in ("and", "or"):
                return self.apply(e, [self.value(part, at) for part in e.args])
        return super().value(e, at)

    def read(self, ref: Ref, at: Mapping[str, int]) -> Any:
        """The cell that a reference reads, or what it reads outside."""
        place = self.resolve(ref, at)
        if place is None:
            assert ref.outside is not None
            return self.number(ref.outside.fill.value)
        return self.cell(ref.tensor, place)

    def number(self, value: int | float | Fraction) -> Any:
        """A constant."""
        if isinstance(value, float):
            return self.numbers.high.number(value)
        return Fraction(value)

    def label(self, ref: Ref, at: Mapping[str, int]) -> int:
        """The integer that a gather reads."""
        return int(self.numbers.still(self.read(ref, at)))

    def plus(self, a: Any, b: Any) -> Any:
        """The sum of two cells."""
        return self.numbers.add(a, b)

    def apply(self, node: Apply, args: list[Any]) -> Any:
        """A function of the table."""
        self.visits += 1
        if any(type(x) is bool for x in args):
            return FUNCTIONS[node.function].value(self.exact, *args)
        return self.numbers.apply(node.function, *args)

    def _beats(self, op: str, a: Any, b: Any) -> bool:
        order = self.numbers.order(a, b)
        return order > 0 if op == "max" else order < 0


__all__ = ["Cells", "Dual", "Graph"]
