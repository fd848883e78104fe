"""Axes of one cell by an index of one value, where that reads better.

A dense layer of one unit says `y[n,0] = sum(v) W[0,v]*x[n,v]`, an image of one channel
`sum(k,l) w[o,0,k,l]*x[n,0,i+k,j+l]`. Cell 0 is all there is on those axes, so an index with the one
value 0 may stand for it: then the first is `x @ W.T` as for any number of units, and the second
sums over channels as for any number of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.lang.expr import Apply, Expr, Range, Reduce, Ref, reduces, transform, walk
from chainrule.lang.integers import ONE, ZERO, index
from chainrule.lang.program import Equation, Tensor

Tensors = Mapping[str, Tensor]


def opened(e: Equation, tensors: Tensors) -> Equation:
    """The equation with indices for its axes of one cell, where they match left and right."""
    if e.dropping:
        return e
    shape = tensors[e.target].shape
    places = [k for k, s in enumerate(e.subscripts) if s == ZERO and shape[k] == ONE]
    if not places:
        return replace(e, body=_summed(e.body, tensors))
    names = {k: f"{k}~" for k in places}  # names that no formula can have

    def moved(ref: Ref) -> Ref | None:
        zeros = _zeros(ref, tensors)
        if len(ref.subscripts) == len(shape) and set(places) <= set(zeros):
            return _with(ref, names)
        if len(places) == len(zeros) == 1:
            return _with(ref, {zeros[0]: names[places[0]]})
        return None

    refs = [n for n in walk(e.body) if isinstance(n, Ref)]
    found = [r for r in refs if moved(r) is not None]
    if not found or (len(places) > 1 and reduces(e.body)):
        return e
    body = transform(e.body, lambda n: moved(n) if isinstance(n, Ref) else None)
    left = tuple(index(names[k]) if k in names else s for k, s in enumerate(e.subscripts))
    return replace(e, body=body, subscripts=left,
                   ranges=(*e.ranges, *(Range(name, ONE) for name in names.values())))


def _zeros(ref: Ref, tensors: Tensors) -> list[int]:
    """The axes of one cell that a reference reads at 0."""
    shape = tensors[ref.tensor].shape
    if ref.outside is not None and ref.outside.pads is None:
        return []
    return [k for k, s in enumerate(ref.subscripts) if s == ZERO and shape[k] == ONE]


def _with(ref: Ref, names: Mapping[int, str]) -> Ref:
    moved = tuple(index(names[k]) if k in names else s for k, s in enumerate(ref.subscripts))
    return Ref(ref.tensor, moved, ref.outside, ref.span)


def _summed(e: Expr, tensors: Tensors) -> Expr:
    """A body whose sums of products also run over an axis of one cell that two factors share."""

    def leaf(node: Expr) -> Expr | None:
        if not isinstance(node, Reduce) or node.op != "sum" or reduces(node.body):
            return None
        refs = _factors(node.body)
        single = [r for r in refs if len(_zeros(r, tensors)) == 1 and len(r.subscripts) > 1]
        if len(refs) != 2 or len(single) != 2:
            return None
        body = transform(node.body, lambda n: _with(n, {_zeros(n, tensors)[0]: "0~"})
                         if isinstance(n, Ref) else None)
        return replace(node, indices=(Range("0~", ONE), *node.indices), body=body)

    return transform(e, leaf)


def _factors(e: Expr) -> list[Ref]:
    """The references of a plain product; nothing for anything else."""
    if isinstance(e, Ref):
        return [e]
    if isinstance(e, Apply) and e.function == "mul":
        parts = [_factors(a) for a in e.args]
        return [r for part in parts for r in part] if all(parts) else []
    return []


__all__ = ["opened"]
