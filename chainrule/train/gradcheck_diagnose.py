"""What is wrong with a gradient: the smallest change of ours that gives theirs.

Somebody's gradients are known, and so is a program that computes the right ones, equation by
equation. A hypothesis is that program with one thing changed: a term missing or counted with
another factor, or one of the changes of `gradcheck_mutants`. Each hypothesis is run, and its
gradients are compared with theirs, *all* of them: one that makes ∂L/∂W₁ right and breaks ∂L/∂b₁ is
no explanation. The simplest that explains most is taken for true; then, with that mistake in place,
what still differs is looked into in the same way.

Where a hypothesis leaves something unexplained, or there is none, `suspects` still says where to
look: the adjoints that everything wrong goes through and nothing right does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Final

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.lang.expr import Expr, Number, mul, walk
from chainrule.lang.program import Equation
from chainrule.train.gradcheck_compare import Tolerance
from chainrule.train.gradcheck_forms import fingerprint, tidied
from chainrule.train.gradcheck_mutants import Change, Context, mutants
from chainrule.train.gradcheck_rerun import Arrays, Worked
from chainrule.train.gradcheck_screen import Screen

ROUNDS: Final = 4  # mistakes that are looked for one after the other, each hidden by the last
_TERMS: Final = 8  # of one adjoint that may be missing in any combination
_EVIDENCE: Final = 4  # cells that a factor without a meaning has to explain


@dataclass(frozen=True, slots=True)
class Mistake:
    """An explanation: the equations at `places`, changed, give the gradients of `explains`.

    `factor` is what the equations' terms are multiplied by (0: they are missing), `factors` those
    of the terms one by one where they differ; `change` is any other change, `changed` the equations
    after it. `repeated` says that it was made in several equations of one form. `others` are
    explanations that fit as well.
    """

    places: tuple[int, ...]
    changed: tuple[Equation, ...]
    cost: float
    explains: tuple[str, ...] = ()
    factor: Fraction | float | None = None
    factors: tuple[Fraction | float, ...] = ()
    change: Change | None = None
    repeated: bool = False
    others: tuple[Mistake, ...] = ()

    @property
    def kink(self) -> bool:
        """Whether it is no mistake but another choice at a kink."""
        return self.change is not None and self.change.kind == "kink" and self.factor is None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Mistakes in the order found, and the tensors whose gradients they leave unexplained.

    `bases` are the programs in which each was found: ours, with the mistakes before it in place.
    `suspects` are the tensors through whose adjoints all of these go, nearest the loss first; `ran`
    is how many hypotheses were run, `complete` whether that was all of them.
    """

    mistakes: tuple[Mistake, ...]
    unexplained: tuple[str, ...]
    suspects: tuple[str, ...]
    base: Worked
    ran: int
    complete: bool
    bases: tuple[Worked, ...] = ()


def diagnose(worked: Worked, given: Mapping[str, np.ndarray], same: Tolerance,
             seconds: float = 20.0) -> Diagnosis:
    """Look for what explains the gradients that somebody gives, by tensor."""
    deadline = time.monotonic() + seconds
    mistakes: list[Mistake] = []
    bases: list[Worked] = []
    ran, complete = 0, True
    for _ in range(ROUNDS):
        search = _Search(worked, given, same, deadline)
        if not search.wrong:
            break
        found = search.best()
        ran += search.ran
        complete = complete and not search.late
        if not found:
            break
        mistakes += found
        bases += [worked] * len(found)
        changes = {k: e for m in found for k, e in zip(m.places, m.changed, strict=True)}
        worked = worked.changed(changes)
    last = _Search(worked, given, same, deadline)
    return Diagnosis(tuple(mistakes), tuple(last.wrong), tuple(last.suspects()), worked, ran,
                     complete, tuple(bases))


class _Search:
    """One round: all hypotheses against what is wrong now."""

    def __init__(self, worked: Worked, given: Mapping[str, np.ndarray], same: Tolerance,
                 deadline: float) -> None:
        self.worked = worked
        self.given = {worked.adjoints[n]: a for n, a in given.items() if n in worked.adjoints}
        self.same = same
        self.deadline = deadline
        self.ran = 0
        self.late = False
        order = list(worked.adjoints.values())
        bad = [a for a in self.given if not same.same(worked.tables[a], self.given[a])]
        self.bad = sorted(bad, key=order.index)
        tensors = worked.program.tensors
        self.wrong = [tensors[a].adjoint_of or a for a in self.bad]
        self.good = [a for a in self.given if a not in bad]
        self.nice = _meaningful(worked)
        self.screen = Screen(worked, self.given, self.bad, same)
        self.found: list[tuple[Mistake, int]] = []

    # --- where

    def suspects(self) -> list[str]:
        """The tensors whose adjoints lead to everything wrong and to nothing right."""
        if not self.bad:
            return []
        found = []
        for of, adjoint in self.worked.adjoints.items():
            reach = self.worked.reach(adjoint)
            if reach.issuperset(self.bad) and not self._disturbs(reach):
                found.append(of)
        seeds = {e.origin.of for e in self.worked.program.equations if e.origin.rule == "seed"}
        return [n for n in found if n not in seeds] or found

    def _disturbs(self, reach: frozenset[str]) -> bool:
        """Whether a gradient that is right, and is not zero, follows from these."""
        return any(a in reach and np.abs(self.given[a]).max(initial=0.0) > self.same.floor
                   for a in self.good)

    # --- the search

    def best(self) -> list[Mistake]:
        """The explanation that leaves least unexplained, the simplest of these.

        With it come those of what it does not touch.
        """
        places = [k for k in self.worked.backward()
                  if not self._reach(k).isdisjoint(self.bad)]
        clean = [k for k in places if not self._disturbs(self._reach(k))]
        rest = [k for k in places if k not in clean]
        for these in (clean, rest):
            self.factors(these)
            if not self._done(1.5):
                self.changes(these)
            if self._done(9):
                break
        if not self._done(9):
            self.repeated(places)
        return self._chosen()

    def _done(self, cost: float) -> bool:
        """Whether everything is explained at no more than a cost, or the time is up."""
        if time.monotonic() > self.deadline:
            self.late = True
        return self.late or any(n == len(self.bad) and m.cost <= cost for m, n in self.found)

    def _chosen(self) -> list[Mistake]:
        chosen: list[Mistake] = []
        touched: set[str] = set()
        order = sorted(self.found, key=lambda pair: (-pair[1], pair[0].cost,
                                                     [-k for k in pair[0].places]))
        for mistake, _ in order:
            own = {a for k in mistake.places for a in self._reach(k) if a in self.given}
            if touched.isdisjoint(own):
                touched |= own
                chosen.append(replace(mistake, others=self._others(mistake)))
        return sorted(chosen, key=lambda m: m.places)

    def _others(self, first: Mistake) -> tuple[Mistake, ...]:
        """Explanations of the same that are as simple, and do not come to the same thing."""
        equations = self.worked.program.equations
        found: list[Mistake] = []
        for m, _ in sorted(self.found, key=lambda pair: pair[0].cost):
            if m.explains != first.explains or m.cost > first.cost + 0.25 or m.places == (
                    first.places):
                continue
            alike = any(m.factor == n.factor and (
                self._reach(m.places[0]) & {equations[n.places[0]].target}
                or self._reach(n.places[0]) & {equations[m.places[0]].target})
                for n in (first, *found))
            if not alike:
                found.append(m)
        return tuple(found[:2])

    def _reach(self, place: int) -> frozenset[str]:
        return self.worked.reach(self.worked.program.equations[place].target)

    def _explained(self, results: Arrays) -> list[str]:
        """What the results explain, if they disturb nothing."""
        found = []
        for a, array in results.items():
            if a not in self.given:
                continue
            if self.same.same(array, self.given[a]):
                if a in self.bad:
                    found.append(a)
            elif a in self.good:
                return []
        return found

    def _keep(self, mistake: Mistake, results: Arrays) -> bool:
        explained = self._explained(results)
        if explained:
            tensors = self.worked.program.tensors
            names = tuple(tensors[a].adjoint_of or a for a in self.bad if a in explained)
            self.found.append((replace(mistake, explains=names), len(explained)))
        return bool(explained)

    # --- factors

    def factors(self, places: Sequence[int]) -> None:
        """Terms multiplied by something: each alone, those of one adjoint all or one by one."""
        by_target: dict[str, list[int]] = {}
        for k in places:
            by_target.setdefault(self.worked.program.equations[k].target, []).append(k)
        for target, own in by_target.items():
            if time.monotonic() > self.deadline:
                return
            for k in own:
                self.scaled((k,), 0.0)
            if len(own) > 1:
                self.scaled(tuple(own), 0.2)
                if len(own) <= _TERMS:
                    self.combined(target, tuple(own))

    def scaled(self, places: tuple[int, ...], more: float) -> None:
        """Some terms of one adjoint multiplied by one factor."""
        target = self.worked.program.equations[places[0]].target
        try:
            if self.screen.works:
                self.ran += 1
                part = sum((self.screen.part(k) for k in places), np.zeros(()))
                if not self.screen.factors(target, part):
                    return
            without = self._without(places)
        except ChainruleError:
            return
        factor, evidence = self._fit(without, self.worked.tables)
        if factor is None:
            return
        exact = self._meaning(factor)
        if exact == 1 or (exact is None and evidence < _EVIDENCE):
            return
        used = factor if exact is None else exact
        results = {a: without[a] + float(used) * (self.worked.tables[a] - without[a])
                   for a in without if a in self.given}
        equations = tuple(_times(self.worked.program.equations[k], used) for k in places)
        self._keep(Mistake(places, equations, more + self._price(places, exact), factor=used),
                   results)

    def _price(self, places: tuple[int, ...], factor: Fraction | None) -> float:
        """How far-fetched a factor is: least so for a term left out of a sum."""
        equations = [self.worked.program.equations[k] for k in places]
        cost = 4.0 if factor is None else 1.0
        if all(e.origin.rule == "seed" for e in equations):
            cost += 0.4
        if factor == 0 and not equations[0].accumulate:
            cost += 0.1
        if factor not in (None, 0, -1) and any(_holds(e, factor or 0) for e in equations):
            cost -= 0.1  # it stands there
        return cost

    def _without(self, places: tuple[int, ...]) -> Arrays:
        self.ran += not self.screen.works
        return self.worked.without(places)

    def _fit(self, without: Arrays, full: Mapping[str, np.ndarray]
             ) -> tuple[float | None, int]:
        """The factor of what `full` has more than `without`, from the first that is wrong."""
        for a in self.bad:
            if a not in without:
                continue
            part = full[a] - without[a]
            if not np.abs(part).max(initial=0.0) > self.same.floor * self.same.relative:
                continue
            rest = self.given[a] - without[a]
            square = float((part * part).sum())
            factor = float((part * rest).sum()) / square if square else math.nan
            if not math.isfinite(factor):
                return None, 0
            return factor, int(np.count_nonzero(part))
        return None, 0

    def _meaning(self, factor: float) -> Fraction | None:
        """The number with a meaning that a factor is, if it is one."""
        room = 20 * self.same.relative
        near = [n for n in self.nice if abs(float(n) - factor) <= room * max(abs(float(n)), 1e-3)]
        return min(near, key=lambda n: abs(float(n) - factor), default=None)

    def combined(self, target: str, places: tuple[int, ...]) -> None:
        """Several terms of one adjoint missing, or with other signs."""
        parts = []
        for k in places:
            try:
                parts.append(self._without((k,)))
            except ChainruleError:
                return
        a = next((a for a in self.bad if all(a in p for p in parts)), None)
        if a is None:
            return
        tables = self.worked.tables
        columns = [(tables[a] - p[a]).ravel() for p in parts]
        wanted = (self.given[a] - tables[a]).ravel()
        if wanted.size < 2 * len(places):
            return
        matrix = np.stack(columns, axis=1)
        if np.linalg.matrix_rank(matrix) < len(places):
            return
        solution = np.linalg.lstsq(matrix, wanted, rcond=None)[0] + 1
        exact = [self._meaning(float(x)) for x in solution]
        if None in exact or all(x == 1 for x in exact) or len(set(exact)) == 1:
            return
        known = [x for x in exact if x is not None]
        if sum(x != 1 for x in known) < 2:
            return  # a single one: found already
        results = {b: tables[b] + sum((float(x) - 1) * (tables[b] - p[b])
                                      for x, p in zip(known, parts, strict=True))
                   for b in parts[0] if b in self.given}
        changed = [(k, x) for k, x in zip(places, known, strict=True) if x != 1]
        equations = tuple(_times(self.worked.program.equations[k], x) for k, x in changed)
        cost = 0.8 + 0.4 * len(changed)
        same = {x for _, x in changed}
        self._keep(Mistake(tuple(k for k, _ in changed), equations, cost,
                           factor=changed[0][1] if len(same) == 1 else None,
                           factors=tuple(x for _, x in changed)), results)

    # --- changes

    def changes(self, places: Sequence[int]) -> None:
        """Each equation with one of its parts changed."""
        context = self.worked.context()
        todo = [(change, k) for k in places for change in self._distinct(mutants(context, k), k)]
        todo.sort(key=lambda pair: pair[0].cost)
        for change, k in todo:
            if self._done(change.cost - 0.25):
                return
            self.changed(change, k)

    def _distinct(self, found: Iterator[Change], place: int) -> Iterator[Change]:
        """The changes that change something, each once."""
        old = self.worked.program.equations[place]
        met = {_key(old, self.worked)}
        for change in found:
            key = _key(change.equation, self.worked)
            if key not in met:
                met.add(key)
                yield change

    def changed(self, change: Change, place: int) -> None:
        """One change in one equation, perhaps with a factor that has a meaning."""
        equation = change.equation
        self.ran += 1
        plain = scaled = True
        try:
            if self.screen.works:
                value = self.screen.value(equation)
                plain = self.screen.fits(equation.target, value - self.screen.part(place))
                scaled = not plain and any(
                    self._meaning(f) not in (None, 0, 1) for f in self.screen.factors(
                        equation.target, value, self.screen.part(place)))
            if plain:
                results = self.worked.rerun({place: equation})
                if self._keep(Mistake((place,), (equation,), change.cost, change=change), results):
                    return
            if scaled:
                self._changed_and_scaled(change, place)
        except (ChainruleError, ValueError, IndexError, KeyError):
            return  # a change that makes no sense

    def _changed_and_scaled(self, change: Change, place: int) -> None:
        results = self.worked.rerun({place: change.equation})
        without = self.worked.without((place,))
        factor, evidence = self._fit(without, results)
        exact = None if factor is None or evidence < _EVIDENCE else self._meaning(factor)
        if exact is None or exact in (0, 1):
            return
        scaled = {a: without[a] + float(exact) * (results[a] - without[a])
                  for a in results if a in self.given}
        self._keep(Mistake((place,), (_times(change.equation, exact),), change.cost + 1,
                           factor=exact, change=change), scaled)

    # --- the same mistake in several equations

    def repeated(self, places: Sequence[int]) -> None:
        """A change made in every equation of one form: in all layers, at every step in time."""
        equations = self.worked.program.equations
        groups: dict[str, list[int]] = {}
        tensors: dict[tuple[str, ...], list[int]] = {}
        for k in places:
            groups.setdefault(fingerprint(equations[k]), []).append(k)
        for adjoint in self.worked.adjoints.values():
            own = [k for k in places if equations[k].target == adjoint]
            if len(own) > 1:
                form = tuple(fingerprint(equations[k]) for k in own)
                tensors.setdefault(form, []).extend(own)
        several = [g for g in groups.values() if len(g) > 1]
        for group in (*several, *(t for f, t in tensors.items() if len(t) > len(f))):
            factors = (0, -1, 2, Fraction(1, 2)) if group in several else (0,)
            for factor in factors:
                if self._done(9):
                    return
                self.together({k: _times(equations[k], Fraction(factor)) for k in group},
                              Mistake((), (), 2.0, factor=Fraction(factor)))
        context = self.worked.context()
        for group in several:
            self._changed_alike(context, group)

    def _changed_alike(self, context: Context, group: Sequence[int]) -> None:
        """The same change in some equations of one form."""
        alike: dict[str, dict[int, Change]] = {}
        for k in group:
            for change in self._distinct(mutants(context, k), k):
                alike.setdefault(change.kind + fingerprint(change.equation), {})[k] = change
        for changes in alike.values():
            if self._done(9):
                return
            if len(changes) == len(group):
                change = changes[group[0]]
                self.together({k: c.equation for k, c in changes.items()},
                              Mistake((), (), change.cost + 1, change=change))

    def together(self, equations: dict[int, Equation], mistake: Mistake) -> None:
        """Several equations changed at once."""
        self.ran += 1
        try:
            if not self.screen.passes(equations):
                return
            results = self.worked.rerun(equations)
        except (ChainruleError, ValueError, IndexError, KeyError):
            return
        self._keep(replace(mistake, places=tuple(equations), changed=tuple(equations.values()),
                           repeated=True), results)


def _key(equation: Equation, worked: Worked) -> tuple[object, ...]:
    return (tidied(equation.body, worked.program), equation.subscripts, equation.ranges,
            equation.condition)


def _times(equation: Equation, factor: Fraction | float) -> Equation:
    """An equation with its term multiplied by a number."""
    if isinstance(factor, Fraction) and factor.denominator == 1:
        number: Expr = Number(factor.numerator)
    else:
        number = Number(factor)
    return replace(equation, body=mul(number, equation.body))


def _holds(equation: Equation, factor: Fraction | float) -> bool:
    """Whether a factor, or what undoes it, stands in an equation as a number."""
    size = abs(float(factor))
    numbers = [abs(float(n.value)) for n in walk(equation.body) if isinstance(n, Number)]
    return bool(size) and any(math.isclose(n, size) or math.isclose(n * size, 1) for n in numbers)


def _meaningful(worked: Worked) -> set[Fraction]:
    """The factors that mean something: 0, ±1, 2, and the sizes of things."""
    sizes = {n for array in worked.tables.values() for n in array.shape}
    sizes |= {array.size for array in worked.tables.values()}
    sizes |= {a * b for array in worked.tables.values()
              for a, b in combinations(array.shape, 2)}
    found = {Fraction(n) for n in (0, 1, -1, 2)}
    for n in sizes | {2}:
        if n:
            found |= {Fraction(n), Fraction(1, n)}
    return found
