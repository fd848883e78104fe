r"""Local derivatives: ∂f/∂y in a sum over the ways from y, with all else that f is made of kept.

By itself ∂f/∂y is taken with everything that depends on y. In the chain rule of a graph, as in
`\bar y = \bar g\, ∂g/∂y + \bar f\, ∂f/∂y` where g depends on y and f on both, each way is one term,
and ∂f/∂y is what f's own formula says: g is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chainrule.check.tree import Apply, Derivative, Node, Symbol, unremarked
from chainrule.check.values import Array, Value
from chainrule.check.values_frames import Frame
from chainrule.check.values_names import Key, form_of, key, spelling
from chainrule.check.values_slopes import Target, columns_of

if TYPE_CHECKING:
    from chainrule.check.values_tree import Evaluator

_TRIED: Final = 4


def ways_summed(left: Node, right: Node) -> list[frozenset[int]]:
    """Where the last steps of sums over several ways stand, ∂g/∂y and ∂f/∂y, by what they may be.

    By y, where the left side is a derivative by y or y's adjoint; else by anything that terms of
    the sum have derivatives by. Terms that are worked out already have none.
    """
    sums = [s for s in map(unremarked, (left, right)) if isinstance(s, Apply)
            and s.head == "sum" and len(s.args) > 1]
    found: dict[Key, set[int]] = {}
    for term in (unremarked(t) for s in sums for t in s.args):
        factors = term.args if isinstance(term, Apply) and term.head == "product" else ()
        for f in map(unremarked, factors):
            if isinstance(f, Derivative) and len(f.bottom) == 1:
                found.setdefault(key(f.bottom[0]), set()).add(f.start)
    head = unremarked(left)
    if isinstance(head, Derivative) and len(head.bottom) == 1:
        below: Key | None = key(head.bottom[0])
    elif isinstance(head, Symbol) and spelling(head.name)[1] == "bar":
        below = key(Symbol(0, 0, spelling(head.name)[0], head.bold, head.subs, head.label))
    else:
        below = None
    return [frozenset(places) for by, places in found.items() if below in (None, by)][:_TRIED]


class Local:
    """The part of the evaluator that knows derivatives along one edge of the graph."""

    local: frozenset[int] = frozenset()  # where derivatives stand that are local

    def local_slope(self: Evaluator, top: Node, target: Target, frame: Frame) -> Value | None:
        """The derivative of a tensor by one that its own formula reads; None for anything else."""
        form = form_of(top)
        tensors = self.world.names.tensors(form) if form is not None else []
        cells = frame.cells
        if form is None or not tensors or not target.tensor:
            return None
        name, uses = tensors[0]
        reads = cells.graph.reads.get(name, set())
        if target.tensor not in reads:
            return None
        held = {t: cells.tensor(t) for t in reads - {target.tensor} if t in cells.graph.equations}
        whole = cells.tensor(target.tensor)
        bare = Target(whole, lambda moved: Frame(cells.under({**held, target.tensor: moved})),
                      target.tensor)
        found = self.moved_jacobian(Symbol(top.start, top.end, name), bare, frame)
        if target.place:
            found = columns_of(found, cells.shape(target.tensor), target.place)
        if form.subs and not uses:
            rows = self.places(form.subs, cells.shape(name), frame)
            assert isinstance(found, Array)
            found = self._at(found, [k + self.base for k in rows])
        return found


__all__ = ["Local", "ways_summed"]
