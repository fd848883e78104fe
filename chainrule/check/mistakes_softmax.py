"""Softmax's Jacobian is full: what comes out where only its diagonal is used?

Each component of softmax depends on all of its inputs, so that its derivative is a matrix. Taking
it for a diagonal one is recognised in the matrix itself, in a gradient that was pulled back through
it, and in a formula for ∂pᵢ/∂aⱼ that holds for i = j alone. Nothing here knows softmax: it is the
same for all functions of a vector whose components depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainrule.check.mistakes_bench import Bench, Found, Spot, said
from chainrule.check.mistakes_names import letters_of, symbol_of
from chainrule.check.mistakes_work import Work, shown_name, work_of
from chainrule.check.tree import Apply, Derivative, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_names import form_of, plain_letter


def diagonals(bench: Bench) -> Iterator[Found]:
    """A Jacobian with its diagonal alone, or a gradient that was pulled back through one."""
    from_ = _jacobian(bench)
    if from_ is not None:
        yield from_
        return
    yield from _pulled(bench)


def _jacobian(bench: Bench) -> Found | None:
    left, right = bench.value(bench.left), bench.value(bench.right)
    if not isinstance(left, Array) or not isinstance(right, Array) or left.shape != right.shape:
        return None
    if len(left.shape) != 2 or left.shape[0] != left.shape[1] or left.shape[0] < 2:
        return None
    n = left.shape[0]
    lost = False
    for k, (a, b) in enumerate(zip(left.cells, right.cells, strict=True)):
        if k // n == k % n:
            if not bench.matches(a, b, k):
                return None
        elif b != 0:
            return None
        else:
            lost = lost or a != 0
    return Found("softmax-diagonal", f"only the diagonal of {said(bench.left)} is there; the "
                 "other entries are not 0", 0.5, True) if lost else None


def _pulled(bench: Bench) -> Iterator[Found]:
    """(∂E/∂p)ᵢ · (∂pᵢ/∂aᵢ) for the whole vector, or for one of its components."""
    work = work_of(bench)
    if work is None or not work.aim.bottom:
        return
    aim = work.aim
    shape = work.base[0].shape(aim.bottom)
    if len(shape) != 1 or shape[0] < 2:
        return
    below = symbol_of(aim.bottom, bench.right)
    graph = work.base[0].graph
    for name in graph.program.tensors:
        bar = next((n for n, t in aim.program.tensors.items() if t.adjoint_of == name), "")
        if name == aim.bottom or not bar or work.base[0].shape(name) != shape or (
                name not in graph.dependents(frozenset([aim.bottom]))):
            continue
        if all(_diagonal(bench, work, j, name, bar, below) for j in range(len(work.spots))):
            doubt = 0.0 if len(work.spots) > 1 else work.doubt()
            yield Found("softmax-diagonal", f"only the diagonal of ∂{shown_name(name)}/"
                        f"∂{shown_name(aim.bottom)} was used: every component of "
                        f"{shown_name(name)} depends on all of {shown_name(aim.bottom)}",
                        0.6 + doubt / 2, not doubt)
            return


def _diagonal(bench: Bench, work: Work, j: int, name: str, bar: str, below: Symbol) -> bool:
    """Whether the diagonal of a full Jacobian gives what the student has, at one spot."""
    jacobian = _slope(bench, name, below, work.spots[j])
    if jacobian is None:
        return False
    upper = cells_of(work.base[j].tensor(bar))
    n = len(upper)
    if len(jacobian) != n * n or all(jacobian[k] == 0 for k in range(n * n) if k // n != k % n):
        return False
    made = Array((n,), tuple(bench.numbers.mul(upper[k], jacobian[k * n + k]) for k in range(n)))
    try:
        return work.like(work.cell_of(made, j), j)
    except LookupError:
        return False


def _slope(bench: Bench, top: str, below: Symbol, spot: Spot) -> tuple[Any, ...] | None:
    node = Derivative(below.start, below.end, symbol_of(top, below), (below,))
    value = bench.value(node, spot)
    return value.cells if isinstance(value, Array) and len(value.shape) == 2 else None


def by_index(bench: Bench) -> Iterator[Found]:
    """∂pᵢ/∂aⱼ as if i were j: right on the diagonal, and given for all."""
    left = bench.left
    if not isinstance(left, Derivative) or left.top is None or len(left.bottom) != 1:
        return
    letters = _two(bench)
    forms = form_of(left.top), form_of(left.bottom[0])
    if letters is None or any(f is None or len(f.subs) != 1 for f in forms):
        return
    if any(isinstance(n, Apply) and n.head == "compare" for n in walk(bench.right)):
        return  # the two cases are told apart
    i, j = letters
    same = Apply(left.start, left.end, "compare", (i, j), ("==",))
    other = Apply(left.start, left.end, "compare", (i, j), ("!=",))
    if bench.case.trials.test(left, "=", bench.right, (same,)).holds and not (
            bench.case.trials.test(left, "=", bench.right, (other,)).holds):
        yield Found("softmax-diagonal", f"this holds on the diagonal, where {said(i)} = {said(j)}, "
                    "and the others are not the same", 0.7, True)


def _two(bench: Bench) -> tuple[Symbol, Symbol] | None:
    """The two free letters of ∂pᵢ/∂aⱼ."""
    found = letters_of(bench)
    bound = bench.spots[0].place.bound if bench.spots else {}
    if len(found) != 2 or bench.conditions or any(plain_letter(s) not in bound for s in found):
        return None
    return found[0], found[1]


__all__ = ["by_index", "diagonals"]
