"""Derivatives as papers mean them: ∂A/∂B for any two things, B cut out of whatever defines it.

B takes part as an independent quantity; all that depends on it is computed again with numbers that
move (`chainrule.check.values.Dual`). B may be a tensor, a cell, a name of the paper's own, a
letter, or an expression: then it is the subexpression that has the same value. v̇ and v̄ are
tangents and adjoints of the v that the paper's rows define.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Derivative, Node, Symbol
from chainrule.check.values import Array, Dual, Unknown, Value, array, cells_of, shape_of
from chainrule.check.values_cells import Cells, Graph
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import Definition, Form, form_of, key, plain_letter, spelling
from chainrule.check.values_subscripts import is_word
from chainrule.check.values_tensors import cellwise, diagonal, permuted
from chainrule.diff.reverse import jacobian
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_FEW: Final = 16  # cells up to which a derivative is taken by moving them one by one
_CELLS: Final = 300  # cells of what a derivative is taken by


@dataclass(slots=True)
class Target:
    """What a derivative is taken by: its value now, and the surroundings where it has another.

    `tensor` and `places` say which cells of which tensor of the program it is, if any.
    """

    value: Value
    moved: Callable[[Value], Frame]
    tensor: str = ""
    place: tuple[int, ...] = ()


class Slopes:
    """The part of the evaluator that differentiates."""

    def maps(self: Evaluator, node: Node, k: int) -> bool:
        """Whether a factor, or the one before it, is the derivative of a tensor by a tensor."""
        for factor in node.args[max(0, k - 1) : k + 1] if isinstance(node, Apply) else ():
            if not isinstance(factor, Derivative) or factor.top is None:
                continue
            form = form_of(factor.top)
            tensors = self.world.names.tensors(form)[:1] if form is not None else []
            if form is None or any(self.world.names.program.tensors[t].shape for t, _ in tensors):
                return True
        return False

    def operates(self: Evaluator, node: Derivative, rest: tuple[Node, ...],
                 signs: tuple[str, ...]) -> bool:
        r"""Whether an operator takes all that stands behind it, as in \nabla_s y \log s."""
        if node.top is None:
            return True
        if not node.bottom or not rest or signs[:1] != ("",) or (
                node.top.start < node.bottom[-1].end):
            return False
        return bool(self.chooser.choose(("operator", node.start, node.end), 2))

    def differentiated(self: Evaluator, node: Derivative, frame: Frame) -> Value:
        """The value of ∂top/∂bottom."""
        if node.top is None:
            raise Unknown("a derivative of nothing", "form")
        if self.rows:
            raise Unknown("what a derivative at one example is is not said", "form")
        top: Node = node.top
        if not node.bottom:
            weights = self._weights()
            below = self._variable_of(node) if len(weights) < 2 else None
            if below is None:
                self.invented.add("∇")  # by which of them is a guess
                kind = self.chooser.choose(("nabla", key(top)), 3)
                if kind == 1:
                    return self._by_all(node, top, weights, frame)
                below = self._variable_of(node) if kind else Symbol(
                    node.start, node.start, weights[0])
            node = Derivative(node.start, node.end, top, (below,), node.total)
        by_slice = self.slope_by_slice(node, frame)
        if by_slice is not None:
            return by_slice
        if len(node.bottom) > 1:
            top = Derivative(node.start, node.end, top, node.bottom[1:], node.total)
        target = self.target(node.bottom[0], frame)
        own = self._own_slope(top, target, frame)
        if own is not None:
            return own
        before = self.numbers.ties
        side = self.numbers.side
        found = self.local_slope(top, target, frame) if node.start in self.local else None
        found = self._jacobian(top, target, frame) if found is None else found
        if not target.tensor and _is_zero(found) and form_of(node.bottom[0]) is not None:
            # a name of the paper's own for something that the program computes, too
            target = self._by_value(node.bottom[0], frame)
            found = self._jacobian(top, target, frame)
        if self.numbers.ties != before and self.chooser.choose(
                ("side", node.start, node.end), 2):
            self.numbers.side = -side
            try:
                found = self._jacobian(top, target, frame)
            finally:
                self.numbers.side = side
        found = self._laid_out(node, found, shape_of(target.value))
        if isinstance(top, Derivative) and top.start == node.start and isinstance(
                found, Array) and len(found.shape) == 2 and found.shape[0] == found.shape[1] and (
                self.chooser.choose(("laplace", node.start, node.end), 2)):
            return self.summed(diagonal(found), False)  # ∇²f is the sum of the diagonal, too
        return found

    def _variable_of(self: Evaluator, node: Derivative) -> Node:
        """What ∇f is taken by: the one parameter of the part, or the one input x, w or θ."""
        program, weights = self.world.names.program, self._weights()
        found = weights if len(weights) == 1 else [
            name for name in ("x", "w", "theta", "z") if name in program.inputs][:1]
        if not found:
            raise Unknown("a derivative by nothing", "form")
        return Symbol(node.start, node.start, found[0])

    def _weights(self: Evaluator) -> list[str]:
        program = self.world.names.program
        return [n for n in program.inputs if program.tensors[n].role == "parameter"]

    def _by_all(self: Evaluator, node: Derivative, top: Node, weights: list[str],
                frame: Frame) -> Value:
        """∇J by all parameters in a row."""
        cells: list[Any] = []
        for name in weights:
            below = Symbol(node.start, node.start, name)
            cells += cells_of(self.slope(Derivative(node.start, node.end, top, (below,)), frame))
        return Array((len(cells),), tuple(cells))

    def _jacobian(self: Evaluator, top: Node, target: Target, frame: Frame) -> Value:
        """All partial derivatives: the top's axes first, then the bottom's."""
        kept = self._kept_jacobian(top, target, frame)
        if kept is not None:
            return kept
        return self.moved_jacobian(top, target, frame)

    def _kept_jacobian(self: Evaluator, top: Node, target: Target, frame: Frame) -> Value | None:
        """The derivative of a tensor by a tensor of the program: worked out once for a world."""
        steady = frame.cells.parent is None or bool(frame.cells.kept)
        if not target.tensor or not steady or frame.over or frame.match or frame.via or (
                frame.params):
            return None
        form = form_of(top)
        if form is None or form.args is not None or self.definitions(form):
            return None
        letter = self.world.names.further.get(form.head[1], "") if not form.subs else ""
        tensors = self.world.names.tensors(form)
        rows: list[int] = []
        if letter:
            name = letter
        elif tensors and not any(map(is_word, form.subs)) and not spelling(form.head[1])[1]:
            chosen = self.chooser.choose(("name", form.head, ()), len(tensors))
            name = tensors[chosen][0]
            if form.subs and not tensors[chosen][1]:
                rows = self.places(form.subs, frame.cells.shape(name), frame)
        else:
            return None
        at = ("jacobian", name, target.tensor, self.numbers.side, id(frame.cells))
        if at not in self.world.cache:
            before = self.numbers.ties
            shape = frame.cells.shape(target.tensor)
            whole = frame.cells.tensor(target.tensor)
            bare = Target(whole, lambda moved: Frame(frame.cells.under({target.tensor: moved})),
                          target.tensor)
            few = 2 if not letter and frame.cells.graph.smooth and not frame.cells.shape(
                name) else _FEW
            found = None if letter or len(cells_of(whole)) <= few else self._reversed(
                name, target.tensor, frame)
            if found is None:
                found = self.moved_jacobian(Symbol(top.start, top.end, letter or name) if (
                    letter or rows) else top, bare, frame)
            self.world.cache[at] = found, self.numbers.ties != before, frame.cells, shape
        found, tied, _, shape = self.world.cache[at]
        self.numbers.ties += tied
        if target.place:
            found = columns_of(found, shape, target.place)
        if rows:
            assert isinstance(found, Array)
            found = self._at(found, [k + self.base for k in rows])
        return found

    def _reversed(self: Evaluator, of: str, by: str, frame: Frame) -> Value | None:
        """A derivative by many cells, by the project's own reverse mode."""
        graph = frame.cells.graph
        kept = graph.derivatives
        if (of, by) not in kept:
            try:
                made = jacobian(graph.program, of, [by])
                kept[of, by] = Graph(made.program), made.names[by]
            except ChainruleError:
                kept[of, by] = None
        entry = kept[of, by]
        if entry is None or frame.cells.parent is not None:
            return None
        cells = Cells(entry[0], frame.cells.sizes, frame.cells.inputs, self.numbers)
        try:
            return cells.tensor(entry[1])
        except Unknown:
            return None

    def moved_jacobian(self: Evaluator, top: Node, target: Target, frame: Frame) -> Value:
        """All partial derivatives, one cell of the bottom moved at a time."""
        cells = cells_of(target.value)
        if len(cells) > _CELLS:
            raise Unknown("a derivative by too many cells", "budget")
        columns = []
        for k in range(len(cells)):
            level = self.numbers.new_level()
            moved = [Dual(c, Fraction(1), level, self.numbers) if j == k else c
                     for j, c in enumerate(cells)]
            inner = target.moved(array(shape_of(target.value), tuple(moved)))
            value = self.top_value(top, inner, frame)
            if isinstance(value, bool):
                raise Unknown("the derivative of a condition")
            columns.append((shape_of(value), [self.numbers.tangent(c, level)
                                              for c in cells_of(value)]))
        shape = columns[0][0]
        if any(s != shape for s, _ in columns):
            raise Unknown("the derivative's shape is not clear", "shape")
        rows = len(columns[0][1])
        flat = tuple(columns[k][1][r] for r in range(rows) for k in range(len(cells)))
        return array(shape + shape_of(target.value), flat)

    def top_value(self: Evaluator, top: Node, inner: Frame, outer: Frame) -> Value:
        """The value of what is differentiated; a quantity of which only adjoints are known."""
        letter = plain_letter(top)
        form = form_of(top)
        if form is not None and form.args is not None and not form.subs:
            letter = form.head[1]
        letter = self.world.names.further.get(letter, "")
        adjoints = self.world.part.adjoints.get(letter)
        if adjoints:
            total: Any = Fraction(0)
            for name, weights in adjoints.items():
                weight = self.adjoint_values(letter, name, weights)
                value = inner.cells.tensor(name)
                for w, c in zip(cells_of(weight), cells_of(value), strict=True):
                    total = self.numbers.add(total, self.numbers.mul(w, c))
            return total
        return self.value(top, inner)

    def adjoint_values(self: Evaluator, letter: str, name: str, weights: Any) -> Value:
        """The given adjoint of a tensor, as an array of its shape."""
        from_cache = self.world.cache.get(("adjoint", letter, name))
        if from_cache is None:
            shape = self.world.cells.shape(name)
            from_cache = self.world._given(name, weights, shape)
            self.world.cache["adjoint", letter, name] = from_cache
        return from_cache

    def _laid_out(self: Evaluator, node: Derivative, found: Value,
                  bottom: tuple[int, ...]) -> Value:
        """The axes in one of the orders that papers use; the diagonal, for functions of cells."""
        top = shape_of(found)[: len(shape_of(found)) - len(bottom)]
        if not top or not bottom or not isinstance(found, Array):
            return found
        kinds = ["top", "bottom"]
        size = len(cells_of(found))
        count = 1
        for n in top:
            count *= n
        if top == bottom and all(
                type(c) is Fraction and c == 0 for k, c in enumerate(found.cells)
                if k // count != k % count) and size > 1:
            kinds.append("cells")
        kind = kinds[self.chooser.choose(("layout", node.start, node.end), len(kinds))]
        if kind == "bottom":
            axes = len(found.shape)
            return permuted(found, [*range(len(top), axes), *range(len(top))])
        if kind == "cells":
            return Array(top, tuple(found.cells[k * count + k] for k in range(count)))
        return found

    # --- a student's own adjoints

    def _own_slope(self: Evaluator, top: Node, target: Target, frame: Frame) -> Value | None:
        """A derivative that follows from one that the student has put in another's place."""
        if not self.student or not self.slopes or not target.tensor:
            return None
        form = form_of(top)
        name = form.head[1] if form is not None else ""
        if name and self.world.names.tensors(form) and form is not None:  # type: ignore[arg-type]
            name = self.world.names.tensors(form)[0][0]
        given = self.slopes.get((name, target.tensor))
        if given is not None:
            return self._at(given, [p + self.base for p in target.place]) if (
                target.place) else given
        below = self.world.cells.graph.dependents(frozenset([target.tensor]))
        for (of, by), weights in reversed(self.slopes.items()):
            if of != name or by not in below:
                continue
            cells = cells_of(target.value)
            found = []
            for k in range(len(cells)):
                level = self.numbers.new_level()
                moved = [Dual(c, Fraction(1), level, self.numbers) if j == k else c
                         for j, c in enumerate(cells)]
                inner = target.moved(array(shape_of(target.value), tuple(moved)))
                middle = inner.cells.tensor(by)
                total: Any = Fraction(0)
                for w, c in zip(cells_of(weights), cells_of(middle), strict=True):
                    total = self.numbers.add(total, self.numbers.mul(
                        w, self.numbers.tangent(c, level)))
                still = middle.map(self.numbers.still) if isinstance(middle, Array) else (
                    self.numbers.still(middle))
                held = Frame(inner.cells.under({by: still}), inner.params, inner.bound, inner.over)
                rest = self.top_value(top, held, frame)
                if not isinstance(rest, Array):
                    total = self.numbers.add(total, self.numbers.tangent(rest, level))
                found.append(total)
            return array(shape_of(target.value), tuple(found))
        return None

    # --- what a derivative is taken by

    def target(self: Evaluator, node: Node, frame: Frame) -> Target:
        """What stands below a derivative, as something that can be moved."""
        form = form_of(node)
        if form is None:
            return self._by_value(node, frame)
        if len(form.head) > 2 and form.head[2]:
            form = self.labelled(form, frame)
        form = self.as_meant(form)
        name = form.head[1]
        label = form.head[2] if len(form.head) > 2 else ""
        if form.args is None and not label and name in frame.params:
            return self._parameter(name, form, frame)
        for d in self.definitions(form):
            found = self._defined(d, form, frame)
            if found is not None:
                return found
        if form.args is None:
            tensors = self.world.names.tensors(form)
            if tensors:
                options = self.chooser.choose(("name", form.head, ()), len(tensors))
                tensor, uses = tensors[options]
                return self._cells_of(tensor, () if uses else form.subs, frame)
            if not label and not form.subs and name not in frame.bound:
                self.invented.add(name)
                return Target(self.world.invent(name),
                              lambda moved: self._with(frame, {name: moved}))
        return self._by_value(node, frame)

    def _with(self: Evaluator, frame: Frame, params: dict[str, Value]) -> Frame:
        inner = frame.with_params(params, {})
        inner.memo = {}
        return inner

    def _parameter(self: Evaluator, name: str, form: Form, frame: Frame) -> Target:
        whole = frame.params[name]
        if not form.subs:
            return Target(whole, lambda moved: self._with(frame, {name: moved}))
        if not isinstance(whole, Array):
            raise Unknown("a number has no subscripts", "shape")
        places = self.places(form.subs, whole.shape, frame)
        return Target(self.indexed(whole, form.subs, frame), lambda moved: self._with(
            frame, {name: self._placed(whole, places, moved)}))

    def _placed(self: Evaluator, whole: Array, places: list[int], moved: Value) -> Array:
        """An array with one cell, or one row, replaced."""
        size = len(cells_of(moved))
        at = 0
        for k, n in zip(places, whole.shape, strict=False):
            at = at * n + k
        cells = list(whole.cells)
        cells[at * size : (at + 1) * size] = cells_of(moved)
        return Array(whole.shape, tuple(cells))

    def _cells_of(self: Evaluator, tensor: str, subs: tuple[Node, ...], frame: Frame) -> Target:
        whole = frame.cells.tensor(tensor)
        places = self.places(subs, shape_of(whole), frame)

        def moved(value: Value) -> Frame:
            new = self._placed(whole, places, value) if places else value
            return Frame(frame.cells.under({tensor: new}), frame.params, frame.bound, frame.over,
                         frame.match, frame.via, frame.active)

        here = whole
        if places:
            here = self._at(whole, [p + self.base for p in places])
        return Target(here, moved, tensor, tuple(places))

    def _defined(self: Evaluator, d: Definition, form: Form, frame: Frame) -> Target | None:
        """A name that the paper or the sheet defined: what it is another name for, or itself."""
        fits = self.fitted(d, form, frame)
        if fits is None:
            return None
        inner = form_of(d.body)
        if inner is not None and (inner.args is None or d.form.args is not None):
            params: dict[str, Value] = {}
            waiting: list[tuple[str, Node]] = []
            for pattern, arg in zip(d.form.args or (), form.args or (), strict=True):
                self._argument(d, pattern, arg, frame, params, waiting)
            waiting += [(plain_letter(p), s) for p, s in
                        zip(d.form.subs, form.subs, strict=False) if self._variable(p)]
            if len(d.form.subs) == len(form.subs):
                bound = {}
                for letter, sub in waiting:
                    bound[letter] = self.index_of(sub, lambda x=letter: self.range_of(
                        d, x, params, {}, frame), frame)
                return self.target(d.body, frame.with_params(params, dict(bound)))
        if d.form.args is not None:
            return None
        if d.form.subs and any(map(self._variable, d.form.subs)):
            whole = self.whole(d, {}, {}, [], frame)
            assert isinstance(whole, Array)
            places = self.places(form.subs, whole.shape, frame)
            here = self._at(whole, [p + self.base for p in places]) if places else whole
            return Target(here, lambda moved: self._over(
                d, self._placed(whole, places, moved) if places else moved, frame))
        return Target(fits(), lambda moved: self._over(d, moved, frame))

    def _over(self: Evaluator, d: Definition, value: Value, frame: Frame) -> Frame:
        """The surroundings where a name of the paper's own has another value."""
        inner = Frame(frame.cells, frame.params, frame.bound, {**frame.over, id(d): value},
                      frame.match, frame.via, frame.active)
        names = {d.form.head[1]}
        through: dict[str, Callable[[], Value]] = {}
        grown = True
        while grown:
            grown = False
            for found in self.scope.definitions.values():
                for other in found:
                    if other.names & names and other.form.head[1] not in names:
                        names.add(other.form.head[1])
                        grown = True
            for tensor, others in self.scope.via.items():
                for other in others:
                    if tensor.startswith("#"):
                        if other.names & names and int(tensor[1:]) not in inner.via:
                            inner.via = {**inner.via, int(tensor[1:]): other}
                            names.add(other.form.head[1])
                            grown = True
                    elif tensor not in through and other.names & names:
                        through[tensor] = lambda o=other: self._via(o, inner)
                        names.add(tensor)
                        grown = True
                        break
        if through:
            inner.cells = frame.cells.under({}, through)
        return inner

    def _via(self: Evaluator, d: Definition, frame: Frame) -> Value:
        letters = [s for s in d.form.subs if self._variable(s)]
        return self.whole(d, {}, {}, [], frame) if letters else self.inside(d, {}, {}, [], frame)

    def _by_value(self: Evaluator, node: Node, frame: Frame) -> Target:
        """An expression: whatever has its value moves."""
        here = self.value(node, frame)
        if isinstance(here, bool):
            raise Unknown("a derivative by a condition")

        def moved(value: Value) -> Frame:
            cells = frame.cells.under({})
            if not isinstance(here, Array):
                cells.match = lambda x: value if self.numbers.close(x, here) else None
            inner = Frame(cells, frame.params, frame.bound, frame.over,
                          (here, value, frame), frame.via, frame.active)
            if isinstance(here, Array):  # the tensors that have this value
                same = {}
                for name in self.world.names.program.tensors:
                    if frame.cells.shape(name) == here.shape:
                        cells_ = frame.cells.tensor(name)
                        if all(self.numbers.close(a, b) for a, b in
                               zip(cells_.cells, here.cells, strict=True)):
                            same[name] = value
                if same:
                    inner.cells = frame.cells.under(same)
            return inner

        return Target(here, moved)

    def moved_to(self: Evaluator, node: Node, value: Value, frame: Frame) -> Frame:
        """The surroundings where something has a given value."""
        target = self.target(node, frame)
        if shape_of(target.value) != shape_of(value):
            value = cellwise(lambda _, b: b, target.value, value)
        return target.moved(value)


def _is_zero(found: Value) -> bool:
    return all(type(c) is Fraction and c == 0 for c in cells_of(found))


def columns_of(found: Value, shape: tuple[int, ...], place: tuple[int, ...]) -> Value:
    """The part of a Jacobian that belongs to one cell, or one row, of what it is taken by."""
    assert isinstance(found, Array)
    top = found.shape[: len(found.shape) - len(shape)]
    rest = shape[len(place) :]
    size = 1
    for n in rest:
        size *= n
    width = 1
    for n in shape:
        width *= n
    at = 0
    for k, n in zip(place, shape, strict=False):
        at = at * n + k
    cells = [c for row in range(len(found.cells) // width)
             for c in found.cells[row * width + at * size : row * width + (at + 1) * size]]
    return array(top + rest, tuple(cells))


__all__ = ["Slopes", "Target", "columns_of"]
