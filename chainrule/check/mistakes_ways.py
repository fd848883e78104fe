"""A derivative is a sum over all ways and all places: what comes out where some are left out?

A quantity that goes several ways into a loss gets a contribution from each, and a parameter that
is used in many places (cells, examples, time steps) one from each of these. Here the contributions
are computed one by one from the program's own backward pass, and their partial sums are compared
with what the student has.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from chainrule.check.mistakes_bench import Bench, Found, Spot, literal, said
from chainrule.check.mistakes_program import decays
from chainrule.check.mistakes_trees import negated, plus, terms
from chainrule.check.mistakes_work import Aim, Work, shown_name, work_of
from chainrule.check.rounding import printed
from chainrule.check.values import Array, Unknown, Value, cells_of, plain_shape, shape_of
from chainrule.check.values_cells import Cells, Graph
from chainrule.errors import ChainruleError
from chainrule.lang.expr import (
    Apply,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    as_value,
    both,
    mul,
)
from chainrule.lang.integers import constant, index
from chainrule.lang.program import Equation
from chainrule.train.gradcheck_mutants import summed

_WAYS: Final = 6  # contributions of a quantity whose sums are all tried
_PLACES: Final = 36  # places that a parameter is used in
_TARGETS: Final = 12  # quantities between the claim's and the loss that are looked at
_RUNS: Final = 120
_VISITS: Final = 30_000


@dataclass(frozen=True, slots=True)
class _Term:
    """One contribution to a derivative: an equation of its own, and what it goes through."""

    equation: Equation
    through: str
    place: tuple[tuple[str, int], ...] = ()


def ways(bench: Bench) -> Iterator[Found]:
    """The ways and places that were left out, in a derivative by a quantity of the program."""
    work = work_of(bench)
    if work is None or not work.aim.bottom:
        return
    shown = printed(bench.right)
    if shown is not None and shown.decimals and shown.digits < 2:
        return  # so few digits come out by accident
    sums = _Sums(work, bench, work.aim, work.spots)
    for found in sums.own():
        yield found
        return
    for found in sums.between():
        yield found
        return


class _Sums:
    """The contributions of a derivative, and what their partial sums are."""

    def __init__(self, work: Work, bench: Bench, aim: Aim, spots: list[Spot]) -> None:
        self.work = work
        self.bench = bench
        self.aim = aim
        self.spots = spots
        self.runs = 0
        self.shared = aim.program.tensors[aim.bottom].role == "parameter"
        # some terms of the chain rule are written out: then it is known that there are several
        self.written = not literal(bench.right) and len(terms(bench.right)) > 1
        self.some = "unsummed-parameter" if self.shared and not self.written else "unsummed-fan-out"

    # --- the claim's own quantity

    def own(self) -> Iterator[Found]:
        """Some of the contributions of what the claim differentiates by."""
        every = [t for e in self.aim.program.equations if e.target == self.aim.target
                 for t in _split(e)]
        values = [(t, self.values([t])) for t in every[:_WAYS]]
        known = [(t, v) for t, v in values if v is not None]
        if 1 < len(every) == len(known):
            yield from self._decay(known)
        if len(every) > _WAYS or len(known) != len(every) or any(
                _auxiliary(t, self.aim) for t in every):
            known = []
        if self._complete(every):
            return
        if len(known) > 1:
            yield from self._subsets(known)
            yield from self._listed([v for _, v in known], "ways" if not self.shared else "uses")
        whole = self.values(every) if len(every) <= _WAYS else None
        for term in every:
            pieces = [(p, self.values([p])) for p in self._pieces(term)]
            good = [(p, v) for p, v in pieces if v is not None]
            if len(good) < 2 or len(good) != len(pieces):
                continue
            yield from self._places(good, whole if len(every) == 1 else None)

    def _complete(self, every: list[_Term]) -> bool:
        """Whether as many terms are written as there are contributions: none is left out."""
        many = sum(max(1, len(self._pieces(t))) for t in every)
        return self.written and len(terms(self.bench.right)) >= many

    def _subsets(self, known: list[tuple[_Term, list[Value]]]) -> Iterator[Found]:
        for n in range(len(known) - 1, 0, -1):
            for some in itertools.combinations(range(len(known)), n):
                total = _total([known[k][1] for k in some])
                if total is None or not self._like(total):
                    continue
                lost = [known[k][0] for k in range(len(known)) if k not in some]
                found = self._lost(lost, self.aim.bottom)
                if found is not None:
                    yield found
                    return

    def _decay(self, known: list[tuple[_Term, list[Value]]]) -> Iterator[Found]:
        """All is right but the term of the weight decay."""
        parts = terms(self.bench.right)
        kept = [v for t, v in known if not decays(t.equation.body, self.aim)]
        rest = _total(kept) if 2 <= len(parts) <= _WAYS and kept else None
        if rest is None or len(kept) == len(known):
            return
        for k, (_, term) in enumerate(parts):
            others = [p if s > 0 else negated(p) for j, (s, p) in enumerate(parts) if j != k]
            left_over = others[0]
            for p in others[1:]:
                left_over = plus(left_over, p)
            if all(self.bench.near(rest[j], self.bench.value(left_over, s))
                   for j, s in enumerate(self.spots)):
                yield self._found("weight-decay", f"{said(term)} is not the derivative of the "
                                  "weight decay", 0.85)
                return

    def _lost(self, lost: list[_Term], of: str) -> Found | None:
        """What it is called that some contributions are missing."""
        if all(decays(t.equation.body, self.aim) for t in lost):
            return self._found("weight-decay", "the term of the weight decay, "
                               f"{shown_name(lost[0].through)}, was left out", 0.8)
        names = sorted({shown_name(t.through) for t in lost if t.through})
        if not names:
            return None
        name, through = shown_name(of), " and ".join(names[:3])
        if self.aim.program.tensors[of].role == "parameter" and not self.written:
            return self._found("unsummed-parameter", f"{name} is used in several places: the "
                               f"contribution from {through} is not added", 0.85)
        if self._shares(lost, of):
            return self._found("softmax-diagonal", f"{name} stands in {through} as well: each of "
                               "them depends on every input, not on its own alone", 0.8)
        more = "ways" if len(lost) > 1 else "way"
        same = len({t.through for t in lost}) < len(lost) or all(
            t.through in {k.through for k in self._kept(lost, of)} for t in lost)
        text = (f"{name} stands in {through} more than once: not all of its terms are there"
                if same else f"the {more} from {name} through {through} "
                f"{'were' if len(lost) > 1 else 'was'} left out")
        return self._found("unsummed-fan-out", text, 0.85)

    def _shares(self, lost: list[_Term], of: str) -> bool:
        """Whether only one was followed of numbers that are shares of a whole: they add up to 1."""
        kept = {t.through for t in self._kept(lost, of)}
        names = kept | {t.through for t in lost}
        tensors = self.aim.program.tensors
        if of == self.aim.bottom or len(kept) != 1 or len(names) < 3 or any(
                n not in tensors or tensors[n].shape for n in names):
            return False
        return all(self.bench.same(_added([base.tensor(n) for n in names]), Fraction(1))
                   for base in self.work.base)

    def _kept(self, lost: list[_Term], of: str) -> list[_Term]:
        target = self.aim.target if of == self.aim.bottom else next(
            (n for n, t in self.aim.program.tensors.items() if t.adjoint_of == of), "")
        every = [t for e in self.aim.program.equations if e.target == target for t in _split(e)]
        return [t for t in every if t not in lost]

    def _pieces(self, term: _Term) -> list[_Term]:
        """The contribution of each place: of each cell, of each example."""
        ranges = [r for r in summed(term.equation) or self._spread(term) if r.size is not None]
        sizes = [range(self.spots[0].world.sizes.of(r.size)) for r in ranges if r.size is not None]
        count = 1
        for s in sizes:
            count *= len(s)
        if not ranges or not 2 <= count <= _PLACES:
            return []
        found = []
        for place in itertools.product(*sizes):
            at = tuple(zip((r.name for r in ranges), place, strict=True))
            found.append(replace(term, equation=_only(term.equation, ranges, place), place=at))
        return found

    def _spread(self, term: _Term) -> list[Range]:
        """The loops of a kernel's places, where each adds to several cells of an input."""
        made = self.aim.program.definitions().get(term.through, [])
        if all(s.plain is not None for s in term.equation.subscripts) or len(made) != 1:
            return []
        places = {i for s in made[0].subscripts for i in s.indices()}
        return [r for r in term.equation.ranges if r.name in places]

    def _places(self, good: list[tuple[_Term, list[Value]]],
                whole: list[Value] | None) -> Iterator[Found]:
        name = f"∂{shown_name(self.aim.top)}/∂{shown_name(self.aim.bottom)}"
        kind = "unsummed-parameter" if self.shared else "unsummed-fan-out"
        yield from self._listed([v for _, v in good], "places")
        steps = (self._rest(good, whole, name), self._alone(good, kind, name))
        for step in steps if self.written else steps[::-1]:
            for found in step:
                yield found
                return
        if whole is None:
            return
        values = [v for _, v in good]
        for k in range(2, len(values) - 1):
            for part in (values[:k], values[-k:]):
                total = _total(part)
                if total is not None and self._like(total):
                    yield self._found(self.some, f"only {k} of the {len(values)} contributions to "
                                      f"{name} are added", 1.1)
                    return

    def _alone(self, good: list[tuple[_Term, list[Value]]], kind: str,
               name: str) -> Iterator[Found]:
        for term, value in good:
            if not _nothing(value) and self._like(value):
                yield self._found(kind, f"this is the contribution of {_where(term)} alone; "
                                  f"{name} is the sum over all of them", 0.9)
                return

    def _rest(self, good: list[tuple[_Term, list[Value]]], whole: list[Value] | None,
              name: str) -> Iterator[Found]:
        values = [v for _, v in good]
        for k, (term, value) in enumerate(good) if whole is not None else ():
            rest = _total([v for j, v in enumerate(values) if j != k])
            if rest is not None and not _nothing(value) and self._like(rest):
                yield self._found(self.some, f"the contribution of {_where(term)} is missing in "
                                  f"{name}", 1.0)
                return

    def _listed(self, values: list[list[Value]], what: str) -> Iterator[Found]:
        """The contributions one by one, in the place of their sum."""
        name = f"∂{shown_name(self.aim.top)}/∂{shown_name(self.aim.bottom)}"
        kind = "unsummed-fan-out" if what == "ways" else "unsummed-parameter"
        for j, mine in enumerate(self.work.wanted):
            parts = [cells_of(v[j]) for v in values]
            if not isinstance(mine, Array) or len(mine.cells) != sum(map(len, parts)) or (
                    plain_shape(shape_of(mine)) == plain_shape(shape_of(values[0][j]))):
                return
            list_ = Array(mine.shape, tuple(c for p in parts for c in p))
            if not self.bench.near(list_, mine):
                return
        yield self._found(kind, f"these are the contributions of the {len(values)} {what} one by "
                          f"one; {name} is their sum", 0.7)

    # --- quantities between

    def between(self) -> Iterator[Found]:
        """A way left out further on, at a quantity between the claim's and the loss."""
        program = self.aim.program
        seen = 0
        for target in dict.fromkeys(program.equations[k].target for k in self.work.places):
            of = program.tensors[target].adjoint_of
            if target == self.aim.target or of is None:
                continue
            parts = [t for e in program.equations if e.target == target for t in _split(e)]
            if not 2 <= len(parts) <= _WAYS or any(_auxiliary(t, self.aim) for t in parts):
                continue
            seen += 1
            if seen > _TARGETS:
                return
            for n in (len(parts) - 1, 1) if len(parts) > 2 else (1,):
                for some in itertools.combinations(parts, n):
                    values = self.values(list(some), target)
                    if values is None or not self._like(values):
                        continue
                    found = self._lost([t for t in parts if t not in some], of)
                    if found is not None:
                        yield replace(found, cost=found.cost + 0.1)
                        return

    # --- values

    def values(self, kept: list[_Term], target: str = "") -> list[Value] | None:
        """What the claim's derivative is with these contributions of a quantity alone."""
        aim = self.aim
        target = target or aim.target
        self.runs += 1
        if self.runs > _RUNS or self.work.visits > _VISITS:
            return None
        rest = [(k, e) for k, e in enumerate(aim.program.equations) if e.target != target]
        last = max(k for k, e in enumerate(aim.program.equations) if e.target == target)
        equations = ([e for k, e in rest if k < last] + [t.equation for t in kept]
                     + [e for k, e in rest if k > last])
        program = replace(aim.program, equations=tuple(equations))
        found = []
        try:
            graph = Graph(program)
            moved = graph.dependents(frozenset([target]))
            for j, base in enumerate(self.work.base):
                cells = Cells(graph, base.sizes, base.inputs, self.bench.numbers, base)
                cells.moved = moved
                value = self.work.cell_of(cells.tensor(aim.target), j)
                self.work.visits += cells.visits
                found.append(value)
        except (Unknown, ChainruleError, ArithmeticError, LookupError, RecursionError, ValueError,
                TypeError, AssertionError):
            return None
        return found

    def _like(self, values: list[Value]) -> bool:
        return all(self.work.like(v, j) for j, v in enumerate(values))

    def _found(self, kind: str, text: str, cost: float) -> Found:
        doubt = 0.0 if len(self.spots) > 1 else self.work.doubt()
        return Found(kind, text, cost + doubt / 2, not doubt)


def _split(equation: Equation) -> list[_Term]:
    """The summands of an equation, each as an equation of its own."""
    origin = equation.origin
    through = origin.of or ""
    return [_Term(replace(equation, body=part, accumulate=True), through)
            for part in _summands(equation.body)]


def _summands(body: Expr) -> list[Expr]:
    if isinstance(body, Apply) and body.function == "add":
        return [p for a in body.args for p in _summands(a)]
    if isinstance(body, Apply) and body.function == "sub":
        return [*_summands(body.args[0]), *(mul(Number(-1), p) for p in _summands(body.args[1]))]
    return [body]


def _auxiliary(term: _Term, aim: Aim) -> bool:
    """Whether a way goes through a piece of a formula that no paper has a name for."""
    made = aim.program.definitions().get(term.through, [])
    return any(e.origin.rule == "part" for e in made)


def _only(equation: Equation, ranges: list[Range], place: tuple[int, ...]) -> Equation:
    """An equation with one value of each index that it sums over."""
    body, condition = equation.body, equation.condition
    inner = body.indices if isinstance(body, Reduce) and body.op == "sum" else ()
    for r, at in zip(ranges, place, strict=True):
        one = Apply("eq", (IndexValue(index(r.name)), as_value(constant(at))))
        if isinstance(body, Reduce) and r in inner:
            body = replace(body, condition=both(body.condition, one))
        else:
            condition = both(condition, one)
    return replace(equation, body=body, condition=condition)


def _total(parts: list[list[Value]]) -> list[Value] | None:
    """The sum of some contributions at every spot."""
    found: list[Value] = []
    for values in zip(*parts, strict=True):
        cells = [cells_of(v) for v in values]
        if any(v is None or isinstance(v, bool) for v in values) or len(set(map(len, cells))) > 1:
            return None
        added = tuple(_added(list(c)) for c in zip(*cells, strict=True))
        shape = shape_of(values[0])
        found.append(Array(shape, added) if shape else added[0])
    return found


def _added(cells: list[Any]) -> Any:
    total: Any = Fraction(0)
    for c in cells:
        total = total + c
    return total


def _nothing(values: list[Value]) -> bool:
    return all(c == 0 for v in values for c in cells_of(v))


def _where(term: _Term) -> str:
    """A place in words: i = 2."""
    return ", ".join(f"{name} = {k + 1}" for name, k in term.place)


__all__ = ["ways"]
