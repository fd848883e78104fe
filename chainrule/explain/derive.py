"""Derivations: a gradient in closed form, a line at a time, each with its rule and its reason.

The walk is that of reverse mode: from the output back along the equations. For each quantity the
chain rule adds up over its uses; the local derivative of a use is worked out first where it is not
plain to see, by the table's rules, and comes with deltas; then brackets open where they hide a
delta, equal factors cancel, deltas pick their indices out of sums, assumptions are used, and
definitions are folded back to their names. What stands in the last line is the result.

Every line is evaluated at random points, of sizes drawn at random, before it is shown: both as a
number and against the derivative that the program would run. A line that fails is a bug and raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from chainrule.algebra.fold import (
    Given,
    assumed,
    common,
    definition,
    folded,
)
from chainrule.algebra.matrix import Form, NoMatrixForm, matrix_form, reads_back
from chainrule.algebra.partial import partial, reads
from chainrule.algebra.terms import (
    Term,
    cancelled,
    canonical,
    collected,
    contracted,
    letter,
    level,
    replaced,
    solved,
    term_written,
    terms_of,
    written,
)
from chainrule.diff.activity import active
from chainrule.document.notation import Notation, symbol
from chainrule.errors import DerivativeError, did_you_mean
from chainrule.explain.derive_check import Points
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Delta,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    children,
    free_indices,
    move,
    mul,
    rebuild,
    walk,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program, Tensor, fresh

_SHORT = 2  # terms of a derivative that is put in where it is used, rather than named


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chain: the expression, the rule that gave it, and why it may."""

    rule: str
    after: Expr
    why: str


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a quantity: the equation of `target`, at these indices, and its derivative."""

    target: str
    indices: tuple[str, ...]
    cell: tuple[Integer, ...]
    lines: tuple[Line, ...]
    result: Expr


@dataclass(frozen=True, slots=True)
class Derived:
    """The derivative of the output by one cell of a tensor: uses, lines, result."""

    tensor: str
    indices: tuple[str, ...]
    uses: tuple[Use, ...]
    lines: tuple[Line, ...]
    result: Expr
    matrix: Form | None = None


@dataclass(slots=True)
class Derivation:
    """All derivatives on the way from an output to what was asked for, in the order worked."""

    program: Program
    of: str
    wrt: tuple[str, ...]
    givens: tuple[Given, ...]
    outer: tuple[str, ...] = ()  # the indices of the output's cell that is differentiated
    found: dict[str, Derived] = field(default_factory=dict)

    def name(self, tensor: str) -> str:
        """What ∂L/∂tensor is called in expressions."""
        return fresh(f"d{self.of}_d{tensor}", self.program.tensors)

    def tensors(self) -> dict[str, Tensor]:
        """The program's tensors and the derivatives, for typesetting."""
        table = dict(self.program.tensors)
        for name in self.found:
            shape = self.program.tensors[self.of].shape + self.program.tensors[name].shape
            table[self.name(name)] = Tensor(self.name(name), shape, adjoint_of=name)
        return table


def derive(
    program: Program, of: str | None = None, wrt: Sequence[str] = (),
    givens: Sequence[Given] = (), check: bool = True,
) -> Derivation:
    """The derivative of an output, or of any of its cells, by each of `wrt`, step by step.

    Raises `DerivativeError` for a name that is unknown, `UnsoundStepError` for a bug of ours.
    """
    target = of or program.outputs[-1]
    known = list(program.tensors)
    for name in (target, *wrt):
        if name not in program.tensors:
            raise DerivativeError(f"the program has no {name}", None, did_you_mean(name, known))
    wanted = tuple(wrt) or tuple(
        n for n in program.inputs if program.tensors[n].kind == "real")
    return _Deriver(program, target, wanted, tuple(givens), check).run()


class _Deriver:
    """One derivation; `result.found` grows as it walks back."""

    def __init__(
        self, program: Program, of: str, wrt: tuple[str, ...], givens: tuple[Given, ...],
        check: bool,
    ) -> None:
        self.program = program
        self.of = of
        self.outer: tuple[str, ...] = ()
        self.result = Derivation(program, of, wrt, givens)
        self.definitions = [d for d in map(definition, program.equations) if d is not None]
        self.check = check
        self.labels = {f"@{n}": t.below for n, t in program.tensors.items()
                       if t.below is not None}
        self.points: Points | None = None

    def run(self) -> Derivation:
        """Each tensor between the output and what was asked for, from the output back."""
        self.outer = self.indices_of(self.of)
        self.result.outer = self.outer
        moving = active(self.program, [self.of], self.result.wrt)
        order = [n for n in dict.fromkeys(e.target for e in self.program.equations)
                 if n in moving and n != self.of][::-1]
        order += [n for n in self.result.wrt if n in moving and n not in order and n != self.of]
        if self.check:
            self.points = Points(self.program, self.of, order, self.result.givens)
        for name in order:
            self.result.found[name] = self.quantity(name)
        return self.result

    def quantity(self, name: str) -> Derived:
        """∂L/∂name at one of its cells."""
        indices = self.indices_of(name)
        at = tuple(map(index, indices))
        uses = []
        total: list[Term] = []
        raw: Expr = ZERO
        for e in self.program.equations:
            if e.target != self.of and e.target not in self.result.found:
                continue
            if not reads(e.body, name):
                continue
            use = self.use(e, name, at, set(indices))
            uses.append(use)
            upstream = self.upstream(e.target, use.cell)
            ranges = () if use.indices == self.outer and e.target == self.of else self.ranges(
                e, use.indices)
            product = mul(upstream, use.result)
            part = Reduce("sum", ranges, None, product) if ranges else product
            raw = part if raw == ZERO else raw + part
        lines: list[Line] = []
        trivial = len(uses) == 1 and uses[0].target == self.of
        if not trivial:
            lines.append(Line("put in", raw, "what was found above, put in"))
        total = terms_of(raw, [*indices, *self.outer, *self.program.tensors])
        lines += self.simplified(total, raw, self.sizes_of(name, at))
        if trivial and lines and canonical(lines[-1].after) == canonical(raw):
            lines = []
        result = lines[-1].after if lines else raw
        self.verify(name, indices, [raw, *(line.after for line in lines)])
        found = Derived(name, indices, tuple(uses), tuple(lines), result)
        return replace(found, matrix=self.matrix(found))

    def matrix(self, found: Derived) -> Form | None:
        """The result in matrix notation, checked; None where it has no such form."""
        if self.outer:
            return None
        notation = Notation(self.result.tensors(), style="partial", loss=symbol(self.of))
        try:
            form = matrix_form(found.result, found.indices, notation)
        except NoMatrixForm:
            return None
        if self.points is not None:
            sizes = self.sizes_of(found.tensor, tuple(map(index, found.indices)))
            self.points.agree([reads_back(form, found.indices), found.result], sizes)
        return form

    def use(self, e: Equation, name: str, at: tuple[Integer, ...], taken: set[str]) -> Use:
        """The local derivative of one equation by one cell."""
        places: dict[str, Integer] = {}
        own = e.target == self.of and e.plain and len(e.ranges) == len(self.outer)
        used = set(taken) | set(self.outer)
        used |= {r.name for node in walk(e.body) if isinstance(node, Reduce) for r in node.indices}
        indices = []
        for r in e.ranges:
            letter = r.name if r.name not in used else self.letter(used | set(places))
            if own:  # the cell that is differentiated: its indices are those of the output
                axis = [s.plain for s in e.subscripts].index(r.name)
                letter = self.outer[axis]
            used.add(letter)
            places[r.name] = index(letter)
            indices.append(letter)
        body = self.apart(replaced(e.body, places), {*indices, *taken})
        raw = partial(body, name, at)
        if e.condition is not None:
            raw = mul(raw, Select(replaced(e.condition, places), ONE, ZERO))
        cell = tuple(move(s, places) for s in e.subscripts)
        sizes = {**self.sizes(e, tuple(indices)), **self.sizes_of(name, at)}
        lines = [Line("differentiate", raw, f"differentiate the formula of {e.target}")]
        lines += self.simplified(
            terms_of(raw, [*indices, *taken, *self.outer, *self.program.tensors]), raw, sizes,
            local=True)
        kept = lines[:1] + [line for a, line in pairwise(lines) if line.after != a.after]
        if self.points is not None:
            self.points.agree([line.after for line in kept], sizes)
        return Use(e.target, tuple(indices), cell, tuple(kept), kept[-1].after)

    def simplified(
        self, terms: Sequence[Term], before: Expr | None, sizes: Mapping[str, Integer],
        local: bool = False,
    ) -> list[Line]:
        """The moves until nothing moves, a line for each kind that changed something."""
        lines: list[Line] = []

        def line(rule: str, now: Sequence[Term], why: str) -> None:
            after = written(now)
            last = lines[-1].after if lines else before
            if last is None or canonical(level(after)) != canonical(level(last)):
                lines.append(Line(rule, after, why))

        now = [cancelled(t) for t in terms]
        line("expand", now, "multiplied out, equal factors cancelled")
        picked, told = self.contract(now, sizes)
        if told:
            now = [cancelled(t) for t in picked]
            line("delta", now, told)
        guarded = []
        for t in now:
            while (clear := solved(t)) is not None:
                t = clear
            guarded.append(cancelled(t))
        if not local:
            line("solve", guarded, "δ solved for an index, which has to be one: a bound on the sum")
            now = guarded
        before_folding = _tensors(now)
        now = collected([folded(t, self.definitions, sizes) for t in now])
        names = [n for n in _tensors(now) if n not in before_folding]
        line("fold", now, f"the definition of {' and '.join(names)} read backwards" if names
             else "like terms collected")
        if not local:
            now, used = self.assume(now)
            for given in used:
                line("given", now, f"given that {given.text}")
            now = collected([folded(cancelled(t), self.definitions, sizes) for t in now])
        shared, rest = common(now)
        if shared.factors:
            after = mul(term_written(shared), written(rest))
            if after != (lines[-1].after if lines else before):
                lines.append(Line("factor", after, "the common factor in front"))
        return lines

    def contract(
        self, terms: Sequence[Term], sizes: Mapping[str, Integer]
    ) -> tuple[list[Term], str]:
        """All deltas that can go, gone; and what was done in words."""
        sizes = {**sizes, **self.labels}
        found, names = [], []
        for t in terms:
            while (new := contracted(t, sizes)) is not None:
                gone = {r.name for r in t.sums} - {r.name for r in new.sums}
                names += [n for n in gone if n not in names]
                t = new
            found.append(t)
        if not names:
            return list(terms), ""
        return found, f"δ picks one term out of the sum over {', '.join(names)}"

    def assume(self, terms: Sequence[Term]) -> tuple[list[Term], list[Given]]:
        found, used = [], []
        for t in terms:
            while (new := assumed(t, self.result.givens)) is not None:
                t, given = new
                if given not in used:
                    used.append(given)
            found.append(t)
        return found, used

    def upstream(self, target: str, cell: Sequence[Integer]) -> Expr:
        """∂L/∂target at this cell: its closed form where it is short, else its name."""
        if target == self.of:
            unit: Expr = ONE
            for name, s in zip(self.outer, cell, strict=True):
                unit = unit if s.plain == name else mul(unit, Delta(index(name), s))
            return unit
        known = self.result.found[target]
        places = dict(zip(known.indices, cell, strict=True))
        terms = terms_of(known.result)
        bound = {r.name for node in walk(known.result) if isinstance(node, Reduce)
                 for r in node.indices}
        if len(terms) <= _SHORT and not bound:
            return replaced(known.result, places)
        return Ref(self.result.name(target), (*map(index, self.outer), *cell))

    def apart(self, e: Expr, used: set[str]) -> Expr:
        """An expression whose summed indices are called like none of these."""
        if isinstance(e, Reduce):
            own = used | set(free_indices(e.body)) | {r.name for r in e.indices}
            places: dict[str, Integer] = {}
            for r in e.indices:
                if r.name in used:
                    letter = self.letter(own | {str(p) for p in places.values()})
                    places[r.name] = index(letter)
            ranges = tuple(Range(str(places.get(r.name, r.name)), r.size) for r in e.indices)
            inner = used | {r.name for r in ranges}
            condition = None if e.condition is None else self.apart(
                replaced(e.condition, places), inner)
            return Reduce(e.op, ranges, condition,
                          self.apart(replaced(e.body, places), inner), e.span)
        parts = children(e)
        return rebuild(e, tuple(self.apart(part, used) for part in parts)) if parts else e

    # names and sizes

    def indices_of(self, name: str) -> tuple[str, ...]:
        """Letters for a tensor's cell: those of its own equation, or of its first plain read."""
        own = [e for e in self.program.equations if e.target == name]
        if len(own) == 1 and own[0].plain:
            return self.clear(s.plain or "" for s in own[0].subscripts)
        for e in self.program.equations:
            for node in walk(e.body):
                if isinstance(node, Ref) and node.tensor == name:
                    letters = [s.plain for s in node.subscripts]
                    if None not in letters and len(set(letters)) == len(letters):
                        return self.clear(n or "" for n in letters)
        used: set[str] = set(self.outer)
        found = []
        for _ in self.program.tensors[name].shape:
            letter = self.letter(used)
            used.add(letter)
            found.append(letter)
        return tuple(found)

    def clear(self, letters: Iterable[str]) -> tuple[str, ...]:
        """The letters, those of the output's cell replaced by others."""
        chosen = list(letters)
        used = {*chosen, *self.outer}
        for k, name in enumerate(chosen):
            if name in self.outer:
                chosen[k] = self.letter(used)
                used.add(chosen[k])
        return tuple(chosen)

    def letter(self, used: Iterable[str]) -> str:
        """An index that is not used, nor a name of the program."""
        return letter({*used, *self.program.tensors})

    def ranges(self, e: Equation, indices: Sequence[str]) -> tuple[Range, ...]:
        return tuple(Range(n, r.size) for n, r in zip(indices, e.ranges, strict=True))

    def sizes(self, e: Equation, indices: Sequence[str]) -> dict[str, Integer]:
        return {r.name: r.size for r in self.ranges(e, indices) if r.size is not None}

    def sizes_of(self, name: str, at: Sequence[Integer]) -> dict[str, Integer]:
        shape = self.program.tensors[name].shape
        own = {s.plain or "": n for s, n in zip(at, shape, strict=True)}
        return {**dict(zip(self.outer, self.program.tensors[self.of].shape, strict=True)), **own}

    def verify(self, name: str, indices: Sequence[str], forms: Sequence[Expr]) -> None:
        """Every form against the others, and against the derivative that is run."""
        if self.points is None:
            return
        sizes = self.sizes_of(name, tuple(map(index, indices)))
        own = Ref(self.result.name(name), tuple(map(index, (*self.outer, *indices))))
        self.points.agree([*forms, own], sizes)


def _tensors(terms: Sequence[Term]) -> list[str]:
    """The tensors that stand in some terms."""
    return list(dict.fromkeys(n.tensor for t in terms for base, _ in t.factors
                              for n in walk(base) if isinstance(n, Ref)))


def closed_forms(found: Derivation) -> Mapping[str, Expr]:
    """The results by tensor."""
    return {name: found.found[name].result for name in found.wrt if name in found.found}
