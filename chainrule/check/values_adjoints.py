"""Tangents and adjoints of a paper's own rows: v̇ and v̄ of the v that its table defines."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from chainrule.check.tree import Apply, Node, Symbol
from chainrule.check.values import Array, Dual, Unknown, Value, array, cells_of, shape_of
from chainrule.check.values_calls import Thunk
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import Definition, Form, key
from chainrule.check.values_tensors import cellwise

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator


class Adjoints:
    """The part of the evaluator that knows what tables of derivatives say."""

    def moving(self: Evaluator, plain: str, accent: str, form: Form, frame: Frame) -> list[Thunk]:
        """What v̇ and v̄ are: the tangent and the adjoint of v, for the seeds that are set."""
        seeds = self.scope.seeds.get(accent)
        if not seeds or len(form.head) < 3:
            return []
        base = Form((form.head[0], plain, form.head[2]), None, form.subs)
        if not self.meanings(base, frame):
            return []
        sub = form.subs
        symbol = Symbol(self.place, self.place, plain, False, sub, None)
        if accent == "dot":
            return [lambda: self.tangent_of(symbol, seeds, frame)]
        found: list[Thunk] = [lambda: self.adjoint_of(symbol, seeds, frame)]
        if not self._in_parts(form):
            return found
        pieces: list[Definition | str] = [*self._consumers(symbol, frame)]
        pieces = pieces or [*self._readers(symbol, frame)]
        if 2 <= len(pieces) <= 4:
            for count in range(1, len(pieces)):
                for some in itertools.combinations(pieces, count):
                    found.append(lambda some=some: self._partial_adjoint(
                        symbol, some, seeds, frame))
        return found

    def _in_parts(self: Evaluator, form: Form) -> bool:
        """Whether a paper adds an adjoint up: in several rows, or v̄ = v̄ + … in one."""
        rows = self.scope.adjoints.get((form.head, tuple(map(key, form.subs))), [])
        return len(rows) > 1 or any(first < self.spot < last for first, last in rows)

    def tangent_of(self: Evaluator, symbol: Symbol, seeds: Any, frame: Frame) -> Value:
        """The tangent of a name, for the tangents of the inputs that are set."""
        level = self.numbers.new_level()
        inner = frame
        for node, speed in seeds.values():
            target = self.target(node, inner)
            value = target.value
            if isinstance(value, Array):
                raise Unknown("the tangent of an array is not set cell by cell", "shape")
            if speed:
                inner = target.moved(Dual(value, Fraction(speed), level, self.numbers))
        value = self.value(symbol, inner)
        return array(shape_of(value), tuple(self.numbers.tangent(c, level)
                                            for c in cells_of(value)))

    def adjoint_of(self: Evaluator, symbol: Symbol, seeds: Any, frame: Frame) -> Value:
        """The adjoint of a name: the derivative of what the seeds are set for."""
        total: Value = Fraction(0)
        for node, weight in seeds.values():
            if key(node) == key(symbol):
                return Fraction(weight)
            found = self._jacobian(node, self.target(symbol, frame), frame)
            total = cellwise(self.numbers.add, total, cellwise(
                self.numbers.mul, found, Fraction(weight)))
        return total

    def _consumers(self: Evaluator, symbol: Symbol, frame: Frame) -> list[Definition]:
        """The rows that read a name."""
        from_walk = []
        seen = set()
        mine = key(symbol)
        for found in self.scope.definitions.values():
            for d in sorted(found, key=lambda d: abs(d.after - self.place)):
                if d.node is None or d.after < 0 or key(d.node) in seen:
                    continue
                if any(key(n) == mine for n in _symbols(d.body)):
                    seen.add(key(d.node))
                    from_walk.append(d)
        return from_walk

    def _readers(self: Evaluator, symbol: Symbol, frame: Frame) -> list[str]:
        """The numbers of the sheet's program that are computed from a name at once."""
        target = self.target(symbol, frame)
        if not target.tensor or target.place:
            return []
        return [name for name, reads in frame.cells.graph.reads.items()
                if target.tensor in reads and not frame.cells.shape(name)]

    def _through(self: Evaluator, name: str, symbol: Symbol, frame: Frame) -> Any:
        """∂(a number of the program)/∂(a name that it reads), all else that it reads held."""
        level = self.numbers.new_level()
        mine = self.target(symbol, frame).tensor
        held = {other: frame.cells.tensor(other) for other in frame.cells.graph.reads[name]}
        held[mine] = Dual(held[mine], Fraction(1), level, self.numbers)
        return self.numbers.tangent(frame.cells.under(held).cell(name, ()), level)

    def _partial_adjoint(self: Evaluator, symbol: Symbol, some: tuple[Definition | str, ...],
                         seeds: Any, frame: Frame) -> Value:
        """What some of the rows that read a name add to its adjoint."""
        total: Any = Fraction(0)
        for d in some:
            if isinstance(d, str):
                top = Symbol(self.place, self.place, d)
                above = self.adjoint_of(top, seeds, frame)
                total = self.numbers.add(total, self.numbers.mul(
                    above, self._through(d, symbol, frame)))
                continue
            assert isinstance(d.node, Symbol)
            above = self.adjoint_of(d.node, seeds, frame)
            total = self.numbers.add(total, self.numbers.mul(above, self.direct(d, symbol, frame)))
        return total

    def direct(self: Evaluator, d: Definition, symbol: Symbol, frame: Frame) -> Any:
        """∂(a row)/∂(a name in it), all other names of the row held."""
        level = self.numbers.new_level()
        held: dict[str, Value] = {}
        swaps: dict[Any, Symbol] = {}
        for k, n in enumerate(_symbols(d.body)):
            if key(n) in swaps or not self.known(n, frame):
                continue
            value = self.value(n, frame)
            if key(n) == key(symbol):
                value = Dual(value, Fraction(1), level, self.numbers)
            swaps[key(n)] = Symbol(n.start, n.end, f"#{k}")
            held[f"#{k}"] = value
        body = _swapped(d.body, swaps)
        value = self.value(body, self._with(frame, held))
        if isinstance(value, Array):
            raise Unknown("a row of arrays", "shape")
        return self.numbers.tangent(value, level)


def _symbols(node: Node) -> list[Symbol]:
    """Names in a formula, without what stands below them."""
    found: list[Symbol] = []
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Symbol):
            found.append(here)
        elif isinstance(here, Apply):
            stack.extend(here.args)
    return found


def _swapped(node: Node, swaps: dict[Any, Symbol]) -> Node:
    if isinstance(node, Symbol):
        return swaps.get(key(node), node)
    if isinstance(node, Apply):
        return Apply(node.start, node.end, node.head,
                     tuple(_swapped(a, swaps) for a in node.args), node.signs)
    return node


__all__ = ["Adjoints"]
