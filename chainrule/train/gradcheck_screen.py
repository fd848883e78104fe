"""Which hypotheses are worth a run: one number tells most of them off.

A change of the equation of one adjoint T̄ adds some δ to it, and what follows from T̄ is linear:
each gradient that follows changes by J δ. If that is to be the difference Δ that was found, then
w·Δ = (Jᵀw)·δ for every w. The right-hand side needs no J: Jᵀw is the derivative of w·gradient by
T̄, and the adjoint program is a program, so the reverse sweep gives it for all T̄ at once. For two
random w the two sides are compared; a hypothesis then costs the one equation that it changes, and
only those that pass are run as a whole.

The same numbers give the factor of a term that is counted too often or too seldom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from chainrule.diff.reverse import vjp
from chainrule.errors import ChainruleError
from chainrule.evaluate.reference import run
from chainrule.lang.program import Equation
from chainrule.train.gradcheck_compare import Tolerance
from chainrule.train.gradcheck_rerun import Arrays, Worked

_DRAWS: Final = 2  # random directions for each gradient that is wrong
_ROOM: Final = 8.0  # how much more than the tolerance may be lost on the way
_MOST: Final = 24  # gradients that directions are drawn for


class Screen:
    """The differences to be explained, seen through every adjoint."""

    def __init__(self, worked: Worked, given: Mapping[str, np.ndarray], bad: Sequence[str],
                 same: Tolerance) -> None:
        self.worked = worked
        self.bad = list(bad)[:_MOST]
        self.found: dict[str, list[float]] = {}  # w·Δ
        self.room: dict[str, float] = {}
        self.through: dict[str, list[Arrays]] = {}  # (Jᵀw) by adjoint
        self.parts: dict[int, np.ndarray] = {}
        rng = np.random.default_rng(0)
        try:
            self._draw(given, same, rng)
            self.works = True
        except (ChainruleError, ValueError):
            self.works = False  # then every hypothesis is run

    def _draw(self, given: Mapping[str, np.ndarray], same: Tolerance,
              rng: np.random.Generator) -> None:
        worked = self.worked
        adjoints = list(worked.adjoints.values())
        program = replace(worked.program, outputs=tuple(self.bad), layers=())
        back = vjp(program, self.bad, adjoints)
        tables = worked.tables
        values = {n: tables[n] for n in program.inputs}
        sizes = {n: worked.sizes[n] for n in back.program.size_names()}
        for a in self.bad:
            scale = max(float(np.abs(tables[a]).max(initial=0.0)),
                        float(np.abs(given[a]).max(initial=0.0)))
            self.room[a] = _ROOM * same.relative * (scale + same.floor) * tables[a].size
            self.found[a], self.through[a] = [], []
            for _ in range(_DRAWS):
                w = rng.choice([-1.0, 1.0], tables[a].shape)
                seeds = {back.seeds[b]: w if b == a else np.zeros(tables[b].shape)
                         for b in self.bad if b in back.seeds}
                cells = run(back.program, {**values, **seeds, **sizes}, check=False)
                self.found[a].append(float((w * (given[a] - tables[a])).sum()))
                self.through[a].append({t: cells[back.names[t]] for t in adjoints})

    def part(self, place: int) -> np.ndarray:
        """What an equation adds to its adjoint."""
        if place not in self.parts:
            self.parts[place] = self.value(self.worked.program.equations[place])
        return self.parts[place]

    def value(self, equation: Equation) -> np.ndarray:
        """What an equation gives by itself."""
        return self.worked.computed([equation], [equation.target])[equation.target]

    def passes(self, changes: Mapping[int, Equation]) -> bool:
        """Whether changed equations may explain one of the gradients that are wrong.

        Always, where one of them follows from another: then what follows is not linear.
        """
        targets = {e.target for e in changes.values()}
        if not self.works or any(len(targets & self.worked.reach(t)) > 1 for t in targets):
            return True
        return self.fit_together([(e.target, self.value(e) - self.part(k))
                                  for k, e in changes.items()])

    def fits(self, target: str, added: np.ndarray) -> bool:
        """Whether so much more in one adjoint may explain one of them."""
        return self.fit_together([(target, added)])

    def fit_together(self, added: Sequence[tuple[str, np.ndarray]]) -> bool:
        """Whether so much more in adjoints that do not follow from each other may explain one."""
        return any(all(abs(d - sum(float((c[t] * x).sum()) for t, x in added)) <= self.room[a]
                       for d, c in zip(self.found[a], self.through[a], strict=True))
                   for a in self.bad)

    def factors(self, target: str, part: np.ndarray, old: np.ndarray | None = None) -> list[float]:
        """By what a part of one adjoint is to be multiplied to explain one of them.

        `old` is what stands there now, if it is not that part itself.
        """
        found: list[float] = []
        for a in self.bad:
            effects = [float((c[target] * part).sum()) for c in self.through[a]]
            base = [float((c[target] * (part if old is None else old)).sum())
                    for c in self.through[a]]
            wanted = [d + b for d, b in zip(self.found[a], base, strict=True)]
            square = sum(e * e for e in effects)
            if not square > 0 or not np.isfinite(square):
                continue
            factor = sum(e * x for e, x in zip(effects, wanted, strict=True)) / square
            if all(abs(factor * e - x) <= self.room[a]
                   for e, x in zip(effects, wanted, strict=True)):
                found.append(factor)
        return found
