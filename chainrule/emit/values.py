"""Right-hand sides as array operations.

A function is applied cell by cell, its arguments brought together by broadcasting. A condition
becomes a mask and `a if c else b` a `where`. A maximum is taken over the axes of its indices; the
position of its first winner is one `argmax` over all of them side by side. Sums are in
`chainrule.emit.sums`.
"""

from __future__ import annotations

from typing import Final

from chainrule.emit.plan import (
    Choice,
    Convert,
    Counter,
    Elementwise,
    Fold,
    Literal,
    Name,
    Node,
    Reshape,
    SizeValue,
    Spread,
    aligned,
    nodes,
    permuted,
)
from chainrule.emit.reads import Reads
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
    Select,
    at_indices,
)
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import Integer, index
from chainrule.lang.integers import product as product_of

_KEEPS_INTEGERS: Final = frozenset({"add", "sub", "mul", "neg"})  # as well as comparisons


class Values(Reads):
    """What expressions are, as arrays over the indices of the equation."""

    def value(self, e: Expr, guarded: bool = False) -> Node:
        """An expression's array; `guarded` as for `ref`."""
        chain: list[Apply] = []  # a + b + c + ... leans left: walk down it without recursion
        while isinstance(e, Apply) and e.args and not self._whole(e):
            chain.append(e)
            e = e.args[0]
        last = self._leaf(e, guarded)
        for node in reversed(chain):
            rest = [self.value(part, guarded) for part in node.args[1:]]
            last = self.called(node, [last, *rest])
        return last

    def _whole(self, e: Apply) -> bool:
        """Whether a node is looked at as one thing: a mean, a product with a mask."""
        return e.function in ("div", "mul") and (
            self._mean(e) is not None or (e.function == "mul" and any(map(_mask, e.args))))

    def _leaf(self, e: Expr, guarded: bool) -> Node:
        if isinstance(e, Number):
            return Literal((), "integer" if isinstance(e.value, int) else "real", True, e.value)
        if isinstance(e, Ref):
            return self.ref(e, guarded)
        if isinstance(e, IndexValue):
            return self.integer(e.value)
        if isinstance(e, Apply) and not e.args:
            return Elementwise((), "real", True, e.function, ())
        if isinstance(e, Apply):
            mean = self._mean(e)
            if mean is not None:
                return self.mean(mean, guarded)
            return self.called(e, [self.factor(part, guarded) for part in e.args])
        if isinstance(e, Select):
            return self.chosen(e, guarded)
        if isinstance(e, Reduce) and e.op == "sum":
            return self.total(e.indices, e.condition, e.body, guarded)
        assert isinstance(e, Reduce | ArgReduce)
        return self.winner(e, guarded)

    def factor(self, e: Expr, guarded: bool) -> Node:
        """A factor of a product: `1 if c else 0` is the mask itself."""
        if _mask(e):
            assert isinstance(e, Select)
            return self.condition(e.condition, guarded)
        return self.value(e, guarded)

    def condition(self, e: Expr, guarded: bool) -> Node:
        """A condition's array; one of several indices alone is computed once and has a name."""
        node = self.value(e, guarded)
        if len(node.axes) < 2 or any(isinstance(n, Name) for n in nodes(node)):
            return node
        places = {name: index(f"{k}~") for k, name in enumerate(node.dims) if name is not None}
        sizes = tuple(self.letters[name] for name in node.axes)
        found = self.hoisted(("mask", at_indices(e, places), node.dims.count(None), sizes), "mask",
                             node)
        return Name(node.dims, "boolean", False, found.text)

    def called(self, e: Apply, args: list[Node]) -> Node:
        """A function of the table on arrays."""
        boolean = FUNCTIONS[e.function].boolean
        static = all(a.static for a in args)
        kinds = {a.kind for a in args if not a.static} - {"boolean"}
        if not static and (
                (not boolean and e.function not in _KEEPS_INTEGERS) or len(kinds) > 1
                or any(a.static and a.kind == "real" for a in args)):
            args = [self.converted(a, "real") for a in args]
        order = self.common(args)
        integral = e.function in _KEEPS_INTEGERS and all(a.kind == "integer" for a in args)
        kind = "boolean" if boolean else "integer" if integral else "real"
        return Elementwise(order, kind, static, e.function,
                           tuple(aligned(a, order) for a in args))

    def converted(self, node: Node, kind: str) -> Node:
        """Numbers in another kind, where they are not of it already."""
        if node.kind in (kind, "boolean") or (node.static and kind == "real"):
            return node
        return Convert(node.dims, kind, node.static, node)

    def chosen(self, e: Select, guarded: bool) -> Node:
        """`a if c else b`."""
        condition = self.condition(e.condition, guarded)
        under = guarded or not condition.static
        branches = [self.value(e.then, under), self.value(e.otherwise, under)]
        if any(b.kind == "real" or b.kind == "boolean" for b in branches):
            branches = [self.converted(b, "real") for b in branches]
        order = self.common((condition, *branches))
        static = condition.static and all(b.static for b in branches)
        kind = "integer" if all(b.kind == "integer" for b in branches) and order else "real"
        return Choice(order, kind, static, aligned(condition, order), aligned(branches[0], order),
                      aligned(branches[1], order))

    def masked(self, condition: Node, value: Node, other: Node) -> Node:
        """`value` where a condition holds, else `other`."""
        order = self.common((condition, value, other))
        if value.kind == "boolean":
            value = Convert(value.dims, "real", False, value)
        return Choice(order, value.kind, False, aligned(condition, order), aligned(value, order),
                      aligned(other, order))

    # --- reductions

    def bind(self, ranges: tuple[Range, ...]) -> dict[str, Integer]:
        """Bind the indices of a reduction; their sizes by name."""
        return {r.name: self.bound(r.name, r.size) for r in ranges}

    def total(self, ranges: tuple[Range, ...], guard: Expr | None, body: Expr,
              guarded: bool) -> Node:
        """A sum; see `chainrule.emit.sums`."""
        raise NotImplementedError

    def _mean(self, e: Expr) -> Reduce | None:
        """The sum in `sum(i) x[i] / N` where N terms are summed; None for everything else."""
        if not isinstance(e, Apply) or e.function != "div":
            return None
        over, by = e.args
        if not isinstance(over, Reduce) or over.op != "sum" or over.condition is not None:
            return None
        cells = product_of(r.size for r in over.indices if r.size is not None)
        if isinstance(by, IndexValue):
            same = by.value == cells
        else:
            same = isinstance(by, Number) and cells.constant == by.value
        return over if same else None

    def mean(self, e: Reduce, guarded: bool) -> Node:
        """A sum divided by the number of its terms."""
        found = self.total(e.indices, e.condition, e.body, guarded)
        count = product_of(r.size for r in e.indices if r.size is not None)
        if isinstance(found, Fold) and found.op == "sum" and {
                found.of.dims[k] for k in found.gone} == {r.name for r in e.indices}:
            return Fold(found.dims, "real", False, "mean", found.of, found.gone)
        size = SizeValue((), "integer", True, count)
        return Elementwise(found.dims, "real", False, "div", (found, size))

    def winner(self, e: Reduce | ArgReduce, guarded: bool) -> Node:
        """A maximum or minimum, or the position of its first winner."""
        sizes = self.bind(e.indices)
        mask = None if e.condition is None else self.condition(e.condition, guarded)
        body = self.value(e.body, guarded or mask is not None)
        body = self.converted(body, "real")
        if self.windowed.get((e.body, e.condition), 0) > 1 and not isinstance(body, Name):
            body = self._shared(e, body)
        if mask is not None:
            worst = Literal((), "real", True, float("-inf" if e.op == "max" else "inf"))
            body = self.masked(mask, body, worst)
        if isinstance(e, ArgReduce):
            return self._position(e, sizes, body)
        gone = tuple(k for k, d in enumerate(body.dims) if d in sizes)
        if not gone:
            return body
        dims = tuple(d for d in body.dims if d not in sizes)
        return Fold(dims, "real", False, e.op, body, gone)

    def _shared(self, e: Reduce | ArgReduce, body: Node) -> Node:
        """Windows that a maximum and its winner's position both look at, in a variable."""
        key = ("shared", e.body, tuple(self.letters.items()))
        found = self.hoisted(key, "windows", body)
        return Name(body.dims, body.kind, False, found.text)

    def _position(self, e: ArgReduce, sizes: dict[str, Integer], body: Node) -> Node:
        """Where the first winner stands on one index, the last index counted fastest."""
        names = tuple(sizes)
        outer = tuple(n for n in self.order(body.axes) if n not in sizes)
        every = (*outer, *names)
        present = tuple(n for n in every if n in body.axes)
        body = permuted(body, present)
        if present != every:
            body = aligned(body, every)
            body = Spread(every, body.kind, False, body,
                          tuple(self.letters[n] for n in every))
        if len(names) == 1:
            return Fold(outer, "integer", False, f"arg{e.op}", body, (len(outer),))
        cells = product_of(iter(sizes.values()))
        shape = (*(self.size(self.letters[n], n) for n in outer), cells)
        flat = Reshape((*outer, "#"), body.kind, False, body, shape)
        first = Fold(outer, "integer", False, f"arg{e.op}", flat, (len(outer),))
        key = ("winner", e.op, e.indices, e.condition, e.body, outer)
        found: Node = self.hoisted(key, "winner", first)
        after = product_of(sizes[n] for n in names[names.index(e.which) + 1:])
        if after != 1:
            found = Elementwise(outer, "integer", False, "//",
                                (found, SizeValue((), "integer", True, after)))
        if names[0] != e.which:
            found = Elementwise(outer, "integer", False, "%",
                                (found, SizeValue((), "integer", True, sizes[e.which])))
        return found


def _mask(e: Expr) -> bool:
    return isinstance(e, Select) and e.then == ONE and e.otherwise == ZERO


__all__ = ["Counter", "Name", "Values"]
