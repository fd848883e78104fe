"""The same slip with a slope again and again: in several layers, steps or terms of a sum.

Who takes a function's value for its slope does so wherever the function stands, and who leaves the
slope out leaves it out of each layer that a gradient goes through. The sheet's backward pass is run
with such a slip in all places at once, in those next to the loss, in those next to the variable,
and in each two of them. Another one has the right gradients, and takes them a step too early: in
the derivative by a weight, ∂E/∂s of what comes out of the function stands for ∂E/∂a of what goes
in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found
from chainrule.check.mistakes_slopes import Slip, slipped
from chainrule.check.mistakes_work import Work, shown_name, work_of
from chainrule.lang.expr import Expr, Ref, transform, walk
from chainrule.lang.program import Equation

_RUNS: Final = 40
_VISITS: Final = 30_000
_TIGHT: Final = 3  # slopes of which each two are tried
_POWERS: Final = "power-rule"


@dataclass(frozen=True, slots=True)
class _Place:
    """An equation of the backward pass that goes through a function, and the slips in it."""

    k: int
    through: str
    slips: tuple[tuple[Slip, Equation], ...]


_Slipped = tuple[_Place, Slip, Equation]


def layers(bench: Bench) -> Iterator[Found]:
    """One slip with a slope in several equations of the backward pass at once."""
    work = work_of(bench)
    if work is None or not work.aim.bottom:
        return
    places = [p for k in sorted(work.places) for p in _place(work, k)]
    yield from _early(work, places)
    if len(places) < 2:
        return
    for cost in dict.fromkeys(slip.cost for p in places for slip, _ in p.slips):
        alike = [(p, slip, e) for p in places for slip, e in p.slips if slip.cost == cost]
        alike = list({p.k: (p, slip, e) for p, slip, e in alike[::-1]}.values())[::-1]
        for some in _several(alike):
            if work.runs > _RUNS or work.visits > _VISITS:
                return
            if work.together({p.k: e for p, _, e in some}):
                names = " and ".join(shown_name(p.through) for p, _, _ in some[:4])
                slip = some[0][1]
                doubt = 0.0 if len(work.spots) > 1 else work.doubt()
                yield Found(slip.kind, f"{slip.text}; and so it is at {names}"
                            if len(some) > 4 else f"the same slip at {names}: {slip.text}",
                            slip.cost + 0.1 + doubt / 2, not doubt)
                return


def _place(work: Work, k: int) -> Iterator[_Place]:
    """The equation, if a function of one number stands in it that is no power."""
    slips = tuple((s, e) for s, e in slipped(work, k) if s.kind != _POWERS)
    of = work.aim.program.equations[k].origin.of
    if slips and of is not None:
        yield _Place(k, of, slips)


def _several(alike: list[_Slipped]) -> Iterator[tuple[_Slipped, ...]]:
    """All of them; the first ones, next to the loss; the last ones; each two of a few."""
    n = len(alike)
    met: set[tuple[int, ...]] = set()
    every = [tuple(range(n)), *(tuple(range(m)) for m in range(n - 1, 1, -1)),
             *(tuple(range(m, n)) for m in range(1, n - 1))]
    if n <= _TIGHT:
        every += itertools.combinations(range(n), 2)
    for some in every:
        if len(some) > 1 and some not in met:
            met.add(some)
            yield tuple(alike[k] for k in some)


def _early(work: Work, places: list[_Place]) -> Iterator[Found]:
    """The gradient at the outputs of functions in the place of that at their inputs."""
    program = work.aim.program
    bars = {t.adjoint_of: n for n, t in program.tensors.items() if t.adjoint_of}
    outer: dict[str, Ref] = {}
    for place in places:
        equation = program.equations[place.k]
        made = program.definitions().get(place.through, [])
        above = bars.get(place.through)
        if len(made) == 1 and above is not None and made[0].subscripts == equation.subscripts:
            outer[equation.target] = Ref(above, equation.subscripts)
    changes = {}
    for k, equation in enumerate(program.equations):
        if equation.target == work.aim.target and equation.target not in outer:
            body = _moved(equation.body, outer)
            if body != equation.body:
                changes[k] = replace(equation, body=body)
    if not changes or not work.together(changes):
        return
    told = {n.tensor for k in changes for n in walk(program.equations[k].body)
            if isinstance(n, Ref) and n.tensor in outer}
    inner = sorted(program.tensors[n].adjoint_of or n for n in told)
    top, names = shown_name(work.aim.top), " and ".join(shown_name(n) for n in inner[:4])
    doubt = 0.0 if len(work.spots) > 1 else work.doubt()
    yield Found("inner-derivative", f"the gradient of {top} by what comes out of the function was "
                f"taken where that by {names}, what goes in, belongs: its slope is missing",
                0.75 + doubt / 2, not doubt)


def _moved(body: Expr, outer: dict[str, Ref]) -> Expr:
    """An expression with ∂E/∂s at each place of ∂E/∂a."""
    return transform(body, lambda n: Ref(outer[n.tensor].tensor, n.subscripts)
                     if isinstance(n, Ref) and n.tensor in outer else None)


__all__ = ["layers"]
