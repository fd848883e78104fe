r"""Lists laid end to end, rows of one example, and what is said of distributions.

`W [h_{t-1}, x_t]` is a matrix times the vector of h and then x. `x^{(1)}` is the first row of an X
whose rows are examples. `E[x]` is the mean of the numbers of x, `D_{KL}(p \|q)` is Σ p ln(p/q).
"""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chainrule.check.tree import Apply, Matrix, Node, Remark, Symbol, joined
from chainrule.check.values import Array, Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_names import Form, form_of, full_name, key
from chainrule.check.values_subscripts import constant_index
from chainrule.check.values_tensors import cellwise

if TYPE_CHECKING:
    from chainrule.check.values_calls import Thunk
    from chainrule.check.values_frames import Frame
    from chainrule.check.values_tree import Evaluator
    from chainrule.check.worlds import Names

_BESIDE: Final = 4  # parameters that one letter may stand for
_DIVERGENCES: Final = frozenset({"KL", "DKL"})


def listed_names(node: Node) -> tuple[Node, ...]:
    """The parts of a list of differently named things, as [h, x]; none of anything else."""
    while isinstance(node, Remark):
        node = node.body
    if not isinstance(node, Matrix) or node.bracket not in ("[", "("):
        return ()
    one = len(node.rows) == 1
    if not one and any(len(row) != 1 for row in node.rows):
        return ()
    parts = node.rows[0] if one else tuple(row[0] for row in node.rows)
    names = {full_name(p.name) for p in parts if isinstance(p, Symbol)}
    return parts if len(names) == len(parts) > 1 else ()


def is_divergence(name: str) -> bool:
    """Whether a function is the divergence of two distributions: KL, D_{KL}."""
    return re.sub(r"[^A-Za-z]", "", name).upper() in _DIVERGENCES


def with_divergences(args: tuple[Node, ...], signs: tuple[str, ...]) -> tuple[
        tuple[Node, ...], tuple[str, ...]]:
    """Factors in which K and L(p, q) are KL(p, q)."""
    def join(before: Node, arg: Node) -> Node | None:
        if isinstance(arg, Apply) and arg.head == "call:L" and len(arg.args) == 2 and (
                _is_k(before)):
            return Apply(before.start, arg.end, "call:KL", arg.args)
        return None

    return joined(args, signs, join)


def counts_examples(node: Node, names: Names) -> bool:
    """Whether the 1 of x^{(1)} counts examples: x is a table, and no quantity is called so."""
    if not isinstance(node, Symbol) or node.label is None or node.subs or constant_index(
            node.label) is None:
        return False
    form = form_of(node)
    assert form is not None
    tensors = names.tensors(Form((*form.head[:2], ""), None, ()))
    return not names.tensors(form) and any(
        len(names.program.tensors[t].shape) == 2 for t, _ in tensors)


def _is_k(node: Node) -> bool:
    return isinstance(node, Symbol) and node.name == "K" and not node.subs and node.label is None


class Laid:
    """The part of the evaluator that knows vectors laid end to end, examples, distributions."""

    def behind_name(self: Evaluator, before: Node, total: Value, arg: Node, frame: Frame) -> (
            Value | None):
        """[h, x] behind a matrix W: h and x laid end to end where that fits; None otherwise.

        Behind a number of the sheet's that is called W the list may be of inputs that the paper
        has one W for, so that what fails is not wrong for certain.
        """
        parts = listed_names(arg)
        if not parts or not isinstance(before, Symbol | Apply):
            return None
        if not isinstance(total, Array):
            if isinstance(before, Symbol) and before.name[:1].isupper():
                self.invented.add(f"{before.name} with a list behind it")
                return self._side_by_side(before, total, parts, frame)
            return None
        values = [self.value(p, frame) for p in parts]
        if any(isinstance(v, bool) or len(plain_shape(shape_of(v))) > 1 for v in values):
            return None
        cells = tuple(c for v in values for c in cells_of(v))
        if len(plain_shape(total.shape)) == 2 and total.shape[-1] == len(cells):
            return Array((len(cells),), cells)
        return None

    def _side_by_side(self: Evaluator, before: Symbol, total: Value, parts: tuple[Node, ...],
                      frame: Frame) -> Value | None:
        """W_f [h, x] of numbers: u_f h + w_f x, where W_f is short for all that belong to f.

        What comes back is divided by the W_f that stands before it.
        """
        program = self.world.names.program
        mine = tuple(map(key, before.subs))
        others = list(dict.fromkeys(
            name for (_, subs), name in self.world.names.spelled.items() if mine and subs == mine
            and program.tensors[name].role == "parameter" and not program.tensors[name].shape))
        ways = list(itertools.permutations(others[:_BESIDE], len(parts)))
        at = self.chooser.choose(("beside", key(before)), len(ways) + 1)
        if not at or self.numbers.close(total, Fraction(0)):
            return None
        found: Any = Fraction(0)
        for name, part in zip(ways[at - 1], parts, strict=True):
            value = self.value(part, frame)
            if isinstance(value, Array | bool):
                return None
            found = self.numbers.add(found, self.numbers.mul(frame.cells.tensor(name), value))
        return self.numbers.div(found, total)

    def of_example(self: Evaluator, form: Form, label: Node, frame: Frame) -> list[Thunk]:
        """Row k of a table of examples, for x^{(k)}, where the claim has other names of k."""
        k = constant_index(label)
        if not self.examples or k is None or k < 1 or form.subs or form.args is not None:
            return []
        found: list[Thunk] = []
        for tensor, uses in self.world.names.tensors(Form((*form.head[:2], ""), None, ())):
            shape = frame.cells.shape(tensor)
            entry = self.world.names.program.tensors[tensor]
            if not uses and len(shape) == 2 and entry.role != "parameter" and k <= shape[0]:
                found.append(lambda t=tensor: self.tensor_cells(t, (label,), frame))
        return found

    def of_distribution(self: Evaluator, name: str, args: tuple[Node, ...],
                        frame: Frame) -> Thunk | None:
        """E[x], Var(x) and D_KL(p, q); where they fail they may be meant in another way."""
        plain = re.sub(r"[^A-Za-z]", "", name).upper()
        if is_divergence(name) and len(args) == 2:
            return lambda: self._divergence(self.value(args[0], frame), self.value(args[1], frame))
        if plain in ("E", "VAR") and len(args) == 1:
            return lambda: self._moment(plain, self.value(args[0], frame))
        return None

    def _divergence(self: Evaluator, p: Value, q: Value) -> Any:
        self.functions.add("KL")
        if not isinstance(p, Array) or not isinstance(q, Array) or p.shape != q.shape:
            raise Unknown("a divergence is one of two distributions", "shape")
        total: Any = Fraction(0)
        for a, b in zip(p.cells, q.cells, strict=True):
            if self.numbers.order(a, Fraction(0)) != 0:
                log = self.numbers.apply("ln", self.numbers.div(a, b))
                total = self.numbers.add(total, self.numbers.mul(a, log))
        return total

    def _moment(self: Evaluator, name: str, x: Value) -> Any:
        self.functions.add(name)
        if not isinstance(x, Array):
            raise Unknown("of what distribution the mean is is not said", "name")
        count = Fraction(len(x.cells))
        mean = self.numbers.div(self.total(x), count)
        if name == "E":
            return mean
        off = cellwise(self.numbers.sub, x, mean)
        return self.numbers.div(self.total(cellwise(self.numbers.mul, off, off)), count)


__all__ = ["Laid", "counts_examples", "is_divergence", "listed_names", "with_divergences"]
