r"""Rows, columns and examples: X_{i,:}, W_{:,k}, x^{(i)}_j, h_\theta(x^{(i)}), p(y = k \mid x).

A colon among subscripts stands for a whole axis. A letter in round brackets above a table of
examples counts them: it is the subscript of the axis that no parameter has. A parameter below a
quantity, or behind a semicolon, only says what the quantity depends on.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chainrule.check.tree import (
    Apply,
    Derivative,
    Node,
    Number,
    Reduce,
    Remark,
    Symbol,
    walk,
)
from chainrule.check.values import Array, Unknown, Value, array, cells_of, shape_of
from chainrule.check.values_frames import Frame, Need
from chainrule.check.values_names import Form, form_of, full_name, plain_letter, spread

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator
    from chainrule.check.worlds import Names

ALL: Final = ":"
_INDICES: Final = frozenset("abcdefghijklmnopqrstuv")  # v_b is a cell, h_w is none
_COUNTERS: Final = frozenset("ijkmnpqrst")
_AXIS: Final = "①②③④⑤⑥"  # letters of the axes that colons stand for


def is_all(node: Node) -> bool:
    """Whether a subscript is a colon: all of an axis."""
    return isinstance(node, Symbol) and node.name == ALL


def example_axis(names: Names, tensor: str) -> int | None:
    """The axis of a tensor that counts examples: the one that no parameter has."""
    program = names.program
    entry = program.tensors[tensor]
    if entry.role == "parameter" or not entry.shape:
        return None
    taken = {str(axis) for t in program.tensors.values() if t.role == "parameter"
             for axis in t.shape}
    free = [k for k, axis in enumerate(entry.shape) if str(axis) not in taken]
    if not taken:
        return 0
    return free[0] if free and (len(free) == 1 or free[0] == 0) else None


def by_example(names: Names, form: Form) -> Form | None:
    """x_j^{(i)} as x_{i,j} where x is a table of examples; None where it is nothing like that."""
    if form.args is not None or len(form.head) != 3:
        return None
    kind, name, label = form.head
    counts = label in _COUNTERS or (label.isdigit() and label != "0" and bool(form.subs))
    if not counts or names.tensors(form):
        return None
    bare = Form((kind, name, ""), None, ())
    for tensor, uses in names.tensors(bare):
        axis = example_axis(names, tensor)
        rank = len(names.program.tensors[tensor].shape)
        if uses or axis is None or len(form.subs) > rank - 1:
            continue
        at: Node = Number(0, 0, label) if label.isdigit() else Symbol(0, 0, label)
        subs = list(form.subs)
        if axis > len(subs):  # the column of an example
            subs += [Symbol(0, 0, ALL)] * (axis - len(subs))
        subs.insert(axis, at)
        subs += [Symbol(0, 0, ALL)] * (rank - len(subs))
        return Form(bare.head, None, tuple(subs))
    return None


def without_parameter(names: Names, name: str) -> str:
    r"""The h of h_\theta, where \theta is a parameter and h a quantity; empty for anything else."""
    base, _, below = name.rpartition("_")
    if not base or below in ("hat", "bar", "dot", "tilde") or below in _INDICES:
        return ""
    tensors = names.tensors(Form(("name", below, ""), None, ()))
    if not any(names.program.tensors[t].role == "parameter" for t, _ in tensors):
        return ""
    own = names.tensors(Form(("name", base, ""), None, ()))
    return base if own and own != tensors else ""


def has_one_example(node: Node, names: Names) -> bool:
    """Whether the small letter of a table of examples stands alone: the x of an X, one of many."""
    for n in walk(node):
        form = form_of(n) if isinstance(n, Symbol) and n.label is None and not n.subs else None
        if form is None or form.head[1] in names.exact or not form.head[1].islower():
            continue
        for tensor, _ in names.tensors(form)[:1]:
            if example_axis(names, tensor) == 0 and len(names.program.tensors[tensor].shape) == 2:
                return True
    return False


def has_rows(node: Node, names: Names) -> bool:
    """Whether a matrix stands in a formula with one subscript."""
    for n in walk(node):
        form = form_of(n) if isinstance(n, Symbol) and len(n.subs) == 1 else None
        if form is not None and len(form.subs) == 1 and any(
                len(names.program.tensors[t].shape) == 2 and not uses
                for t, uses in names.tensors(form)[:1]):
            return True
    return False


def loosely_named(node: Node, names: Names) -> bool:
    """Whether a name is one of the sheet's only if capitals do not matter: S, where it has s."""
    form = form_of(node) if isinstance(node, Symbol) else None
    return form is not None and form.head[1] not in names.exact and bool(names.tensors(form)) and (
        not any(head[1] == form.head[1] for head, _ in names.spelled))


def loosened(left: Node, right: Node, names: Names) -> tuple[Node, Node] | None:
    r"""\hat x = (x - \mu_j)/\sigma_j with \mu for \mu_j, where the left side has no j.

    None where the indices of the right side are those of the left, or where no matrix stands there
    as a whole.
    """
    used = {plain_letter(s) for n in walk(left) if isinstance(n, Symbol) for s in spread(n.subs)}
    letters: set[str] = set()
    whole = False
    for n in walk(right):
        if isinstance(n, Reduce | Derivative):
            return None
        if isinstance(n, Symbol) and n.label is None:
            subs = spread(n.subs)
            found = {plain_letter(s) for s in subs} & _COUNTERS - set(names.sizes)
            if found and len(subs) > 1:
                return None
            letters |= found
            form = form_of(n)
            whole = whole or (not subs and form is not None and any(
                len(names.program.tensors[t].shape) == 2 for t, _ in names.tensors(form)[:1]))
    if len(letters) != 1 or letters & used or not whole:
        return None
    letter = next(iter(letters))
    return left, _bare(right, letter)


def _bare(node: Node, letter: str) -> Node:
    """A tree in which names have a letter below them no longer."""
    if isinstance(node, Symbol):
        return replace(node, subs=()) if len(node.subs) == 1 and plain_letter(
            node.subs[0]) == letter else node
    if isinstance(node, Apply):
        return replace(node, args=tuple(_bare(a, letter) for a in node.args))
    if isinstance(node, Remark):
        return replace(node, body=_bare(node.body, letter))
    return node


class Slices:
    """The part of the evaluator that knows whole axes, and which of them counts examples."""

    def as_meant(self: Evaluator, form: Form) -> Form:
        """A form with its label as a subscript, where it counts examples."""
        if len(form.head) == 3 and form.head[2] and not self.scope.definitions.get(form.head):
            return by_example(self.world.names, form) or form
        if len(form.head) == 3 and len(form.subs) == 1 and form.args is None:
            below = plain_letter(form.subs[0])
            if below and without_parameter(self.world.names, f"{form.head[1]}_{below}") and (
                    not self.scope.definitions.get(form.head)):
                return Form(form.head, None, ())
        return form

    def sliced(self: Evaluator, node: Symbol, form: Form, frame: Frame) -> Value:
        """A name with colons among its subscripts: an array over their axes."""
        if len(form.subs) > len(_AXIS):
            raise Unknown("more subscripts than axes", "shape")
        letters = [_AXIS[k] for k, s in enumerate(form.subs) if is_all(s)]
        if len(letters) == len(form.subs):
            return self.value(replace(node, subs=()), frame)
        subs = tuple(Symbol(s.start, s.end, _AXIS[k]) if is_all(s) else s
                     for k, s in enumerate(form.subs))
        cell = replace(node, subs=subs)
        sizes: dict[str, int] = {}
        for letter in letters:
            at = frame.with_params({}, {**dict.fromkeys(letters, self.base), letter: None})
            try:
                self.value(cell, at)
            except Need as need:
                if need.letter != letter:
                    raise
                sizes[letter] = need.size
                continue
            raise Unknown("over what a colon runs is not clear", "range")
        cells = []
        for places in itertools.product(*(range(n) for n in sizes.values())):
            bound: dict[str, int | None] = {
                x: k + self.base for x, k in zip(sizes, places, strict=True)}
            cells.append(self.value(cell, frame.with_params({}, bound)))
        if any(isinstance(c, Array | bool) for c in cells):
            raise Unknown("more axes than a name with a colon has", "shape")
        return Array(tuple(sizes.values()), tuple(cells))

    def slope_by_slice(self: Evaluator, node: Derivative, frame: Frame) -> Value | None:
        """∂L/∂W_{:,k}: the part of ∂L/∂W that belongs to it; None where no colon stands below."""
        below = node.bottom[0] if len(node.bottom) == 1 else None
        form = form_of(below) if isinstance(below, Symbol) else None
        if form is None or form.args is not None or not any(map(is_all, form.subs)):
            return None
        assert isinstance(below, Symbol) and node.top is not None
        whole = replace(below, subs=())
        target = self.target(whole, frame)
        found = self._jacobian(node.top, target, frame)
        shape = shape_of(target.value)
        if len(form.subs) > len(shape):
            raise Unknown("more subscripts than axes", "shape")
        rows = shape_of(found)[: len(shape_of(found)) - len(shape)]
        axes: list[range] = [*map(range, rows)]
        kept = [*rows]
        for k, n in enumerate(shape):
            if k >= len(form.subs) or is_all(form.subs[k]):
                axes.append(range(n))
                kept.append(n)
                continue
            at = self._checked([self.index_of(form.subs[k], n, frame)], (n,))[0]
            axes.append(range(at, at + 1))
        if not isinstance(found, Array):
            return found
        return array(tuple(kept), tuple(found[p] for p in itertools.product(*axes)))

    # --- what is called like a function

    def of_quantity(self: Evaluator, name: str, args: tuple[Node, ...], frame: Frame) -> (
            Value | None):
        """h_θ(x^{(i)}), h(x; θ), p(y = k | x): the quantity, or the cell of it that is meant."""
        base = without_parameter(self.world.names, name) or name
        tensors = self.world.names.tensors(Form(("name", base, ""), None, ()))
        if not args or not tensors or base in frame.params or tensors[0][1]:
            return None
        first = args[0]
        tensor, symbol = tensors[0][0], Symbol(first.start, first.start, base)
        shape = frame.cells.shape(tensor)
        if isinstance(first, Apply) and first.head in ("such", "compare") and (
                first.signs == ("==",) and len(first.args) == 2 and len(shape) == 1):
            return self.indexed(self.value(symbol, frame), (first.args[1],), frame)
        row = self._row_of(first)
        if row is not None and example_axis(self.world.names, tensor) == 0:
            return self.indexed(self.value(symbol, frame), (row,), frame)
        rest = args[1:] if base == name else args
        if rest and all(self._is_quantity(a, frame) for a in args):
            return self.value(symbol, frame)
        return None

    def _row_of(self: Evaluator, node: Node) -> Node | None:
        """The i of x^{(i)}, x_i and X_{i,:}, where they are an example of a table."""
        form = form_of(node) if isinstance(node, Symbol) else None
        if form is None:
            return None
        subs = [s for s in self.as_meant(form).subs if not is_all(s)]
        plain = Form((*form.head[:2], ""), None, ())
        for tensor, uses in self.world.names.tensors(plain):
            axis = example_axis(self.world.names, tensor)
            if not uses and axis is not None and len(subs) == 1 and (
                    len(self.world.names.program.tensors[tensor].shape) == 2):
                return subs[0]
        return None

    def component(self: Evaluator, name: str, args: tuple[Node, ...], frame: Frame) -> Value | None:
        """S_i(z): component i of S(z), where that is a list; None where it is nothing like that."""
        base, _, below = name.rpartition("_")
        if not base or len(below) != 1 or len(args) != 1 or not self._has_components(
                base, args[0], frame):
            return None
        if base in ("S", "s"):
            whole = self.softmax(self.value(args[0], frame))
        else:
            whole = self.value(Apply(args[0].start, args[0].end, f"call:{base}", args), frame)
        at: Node = Number(0, 0, below) if below.isdigit() else Symbol(0, 0, below)
        return self.indexed(whole, (at,), frame) if isinstance(whole, Array) else None

    def _has_components(self: Evaluator, name: str, arg: Node, frame: Frame) -> bool:
        if full_name(name) not in ("softmax", "S", "sigma", "s"):
            return False
        value = self.value(arg, frame)
        return isinstance(value, Array) and len(value.shape) == 1

    def row_of_all(self: Evaluator, form: Form, frame: Frame) -> Value | None:
        """A table of examples at one of them, where x is short for any x^{(i)}; None elsewhere."""
        if form.subs or form.args is not None or (len(form.head) > 2 and form.head[2]) or (
                self.scope.definitions.get(form.head)):
            return None
        for tensor, uses in self.world.names.tensors(form)[:1]:
            if uses or example_axis(self.world.names, tensor) != 0:
                return None
            count = frame.cells.shape(tensor)[0]
            at = self.world.seed % count + self.base
            return self.tensor_cells(tensor, (Number(0, 0, str(at)), *(
                Symbol(0, 0, ALL) for _ in frame.cells.shape(tensor)[1:])), frame)
        return None

    def is_softmax(self: Evaluator, value: Value, frame: Frame) -> bool:
        """Whether the program takes the softmax of a vector, which σ(z) may then be."""
        if not isinstance(value, Array) or len(value.shape) != 1:
            return False
        still = value.map(self.numbers.still)
        wanted = self.softmax(still)
        program = self.world.names.program
        for tensor, entry in program.tensors.items():
            if tensor in program.inputs or entry.kind != "real" or (
                    self.world.cells.shape(tensor) != value.shape):
                continue
            mine = self.world.cells.tensor(tensor)
            if all(self.numbers.close(a, b) for a, b in
                   zip(cells_of(mine), wanted.cells, strict=True)):
                return True
        return False


__all__ = ["ALL", "Slices", "by_example", "example_axis", "has_one_example", "has_rows", "is_all",
           "loosely_named", "loosened", "without_parameter"]
