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
from dataclasses import replace
from itertools import pairwise

from chainrule.algebra.fold import (
    Definition,
    Given,
    assumed,
    common,
    definition,
    folded,
    gathered,
)
from chainrule.algebra.matrix import Form, NoMatrixForm, matrix_form, reads_back
from chainrule.algebra.opening import shorter, tidied
from chainrule.algebra.partial import partial, reads
from chainrule.algebra.scopes import unshadowed
from chainrule.algebra.terms import (
    Term,
    cancelled,
    collected,
    contracted,
    replaced,
    solved,
    term_written,
    terms_of,
    written,
)
from chainrule.diff.activity import active
from chainrule.errors import DerivativeError, did_you_mean
from chainrule.explain.cases import cases_of, where
from chainrule.explain.derivation_letters import Letters, printed, relettered
from chainrule.explain.derivation_notation import PartialNotation
from chainrule.explain.derivations import (
    Case,
    Derivation,
    Derived,
    Line,
    Use,
    alike,
    closed_forms,
)
from chainrule.explain.derive_check import Points
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Delta,
    Expr,
    Range,
    Reduce,
    Ref,
    Select,
    move,
    mul,
    walk,
    weight,
)
from chainrule.lang.integers import Integer, index
from chainrule.lang.program import Equation, Program

_SHORT = 2  # terms of a derivative that is put in where it is used, rather than named
_LONG = 6  # and where that is shorter in the end
_CLOSED = 10  # the most symbols of one in values of the forward pass, such as (y - t)/m
_SMALL = 6  # and of one that mentions another derivative: ∂E/∂y · y · (1 - y) keeps its name ∂E/∂z

__all__ = ["Derivation", "Derived", "Line", "Use", "closed_forms", "derive", "simplify"]


def derive(
    program: Program, of: str | None = None, wrt: Sequence[str] = (),
    givens: Sequence[Given] = (), check: bool = True,
    earlier: Mapping[str, tuple[str, str]] | None = None, gradients: Sequence[str] = (),
    named: bool = True,
) -> Derivation:
    """The derivative of an output, or of any of its cells, by each of `wrt`, step by step.

    `earlier` names the tensors of the program that are derivatives already: of what, by what.
    `gradients` are derivatives under names of their own. If `named`, a derivative that is long
    stands by its name where it is used.
    Raises `DerivativeError` for a name that is unknown, `UnsoundStepError` for a bug of ours.
    """
    target = of or program.outputs[-1]
    known = list(program.tensors)
    for name in (target, *wrt):
        if name not in program.tensors:
            raise DerivativeError(f"the program has no {name}", None, did_you_mean(name, known))
    wanted = tuple(wrt) or tuple(
        n for n in program.inputs if program.tensors[n].kind == "real")
    return _Deriver(
        program, target, wanted, tuple(givens), check, earlier or {}, gradients, named).run()


def simplify(
    program: Program, e: Expr, sizes: Mapping[str, Integer], givens: Sequence[Given] = (),
) -> list[Line]:
    """The moves of a derivation on an expression in a program's names, a line each."""
    deriver = _Deriver(program, program.outputs[-1], (), tuple(givens), False, {})
    return deriver.simplified(terms_of(e, [*sizes, *deriver.letters.names]), e, sizes)


class _Deriver:
    """One derivation; `result.found` grows as it walks back."""

    def __init__(
        self, program: Program, of: str, wrt: tuple[str, ...], givens: tuple[Given, ...],
        check: bool, earlier: Mapping[str, tuple[str, str]], gradients: Sequence[str] = (),
        named: bool = True,
    ) -> None:
        self.program = program
        self.of = of
        self.result = Derivation(program, of, wrt, givens, earlier=earlier)
        self.definitions = [d for e in program.equations if (d := definition(e)) is not None
                            and (
                                _normalised(d) or e.target not in {*earlier, *gradients})]
        self.check = check
        self.named = named
        self.letters = Letters(program, of)
        self.outer = self.letters.outer
        self.labels = {f"@{n}": t.below for n, t in program.tensors.items()
                       if t.below is not None}
        self.points: Points | None = None

    def run(self) -> Derivation:
        """Each tensor between the output and what was asked for, from the output back."""
        self.result.outer = self.outer
        moving = active(self.program, [self.of], self.result.wrt)
        order = [n for n in dict.fromkeys(e.target for e in self.program.equations)
                 if n in moving and n != self.of][::-1]
        order += [n for n in self.result.wrt if n in moving and n not in order and n != self.of]
        if self.check:
            self.points = Points(self.program, self.of,
                                 {n: self.result.name(n) for n in order}, self.result.givens)
            self.result.points = self.points
        for name in order:
            self.result.found[name] = self.quantity(name)
        return self.result

    def quantity(self, name: str) -> Derived:
        """∂L/∂name at one of its cells."""
        indices = self.letters.indices_of(name)
        at = tuple(map(index, indices))
        uses = [self.use(e, name, at, set(indices)) for e in self.program.equations
                if (e.target == self.of or e.target in self.result.found)
                and reads(e.body, name)]
        raw, lines = self.put_in(uses, name, indices)
        if any(self.could_stand(use.target) for use in uses):
            long, other = self.put_in(uses, name, indices, _LONG)
            if weight(other[-1].after) <= weight(lines[-1].after):
                raw, lines = long, other
        result = lines[-1].after if lines else raw
        self.verify(name, indices, [raw, *(line.after for line in lines)])
        found = Derived(name, indices, tuple(uses), tuple(lines), result)
        return replace(found, matrix=self.matrix(found), cases=self.cases(found))

    def put_in(
        self, uses: Sequence[Use], name: str, indices: tuple[str, ...], short: int = _SHORT
    ) -> tuple[Expr, list[Line]]:
        """The chain rule with what is known put in, and the lines that simplify it."""
        raw: Expr = ZERO
        seen: dict[str, list[Equation]] = {}
        for e in self.program.equations:
            seen.setdefault(e.target, []).append(e)
        for use in uses:
            e = next(e for e in seen[use.target] if reads(e.body, name))
            seen[use.target] = [other for other in seen[use.target] if other is not e]
            ranges = () if use.indices == self.outer and use.target == self.of else self.ranges(
                e, use.indices)
            product = _beside(self.upstream(use.target, use.cell, short), use.result)
            part = Reduce("sum", ranges, None, product) if ranges else product
            raw = part if raw == ZERO else raw + part
        raw = self.clear(raw, {*indices, *self.outer})
        lines: list[Line] = []
        trivial = len(uses) == 1 and uses[0].target == self.of
        if not trivial:
            lines.append(Line("put in", raw, "what was found above, put in"))
        total = terms_of(raw, [*indices, *self.outer, *self.letters.names])
        lines += self.simplified(total, raw, self.sizes_of(name, tuple(map(index, indices))))
        if trivial and lines and weight(lines[-1].after) >= weight(raw):
            lines = []  # as good as it was
        return raw, lines

    def could_stand(self, target: str) -> bool:
        """Whether a derivative that has a name could be put in as it is, if that were shorter."""
        if target == self.of:
            return False
        result = self.result.found[target].result
        long = len(terms_of(result)) > _SHORT or weight(result) > _SMALL
        return long and len(terms_of(result)) <= _LONG and not any(
            isinstance(node, Reduce) for node in walk(result))

    def matrix(self, found: Derived) -> Form | None:
        """The result in matrix notation, checked; None where it has no such form."""
        on = (*self.outer, *found.indices)
        notation = PartialNotation(self.result.tensors(), self.result.derivatives())
        try:
            form = matrix_form(found.result, on, notation)
        except NoMatrixForm:
            return None
        if self.points is not None:
            sizes = self.sizes_of(found.tensor, tuple(map(index, found.indices)))
            self.points.agree([reads_back(form, on), found.result], sizes)
        return form

    def cases(self, found: Derived) -> tuple[Case, ...]:
        """What a result is where the subscripts of its deltas are equal, and where they differ."""
        cases = tuple(replace(case, result=self.clear(
            case.result, {*found.indices, *self.outer})) for case in cases_of(found.result))
        if self.points is not None:
            for case in cases:
                at = tuple(map(index, found.indices))
                self.points.agree([where(case, case.result), where(case, found.result)],
                                  self.sizes_of(found.tensor, at))
        return cases

    def use(self, e: Equation, name: str, at: tuple[Integer, ...], taken: set[str]) -> Use:
        """The local derivative of one equation by one cell."""
        places: dict[str, Integer] = {}
        own = e.target == self.of and e.plain and len(e.ranges) == len(self.outer)
        used = set(taken) | set(self.outer)
        used |= {r.name for node in walk(e.body) if isinstance(node, Reduce) for r in node.indices}
        indices = []
        for r in e.ranges:
            letter = r.name if r.name not in used else self.letters.beside(
                r.name, used | set(places))
            if own:  # the cell that is differentiated: its indices are those of the output
                axis = [s.plain for s in e.subscripts].index(r.name)
                letter = self.outer[axis]
            used.add(letter)
            places[r.name] = index(letter)
            indices.append(letter)
        body = self.letters.apart(replaced(e.body, places), {*indices, *taken})
        raw = self.clear(partial(body, name, at), {*indices, *taken})
        if e.condition is not None:
            raw = mul(raw, Select(replaced(e.condition, places), ONE, ZERO))
        cell = tuple(move(s, places) for s in e.subscripts)
        sizes = {**self.sizes(e, tuple(indices)), **self.sizes_of(name, at)}
        lines = [Line("differentiate", raw, f"differentiate the formula of {e.target}")]
        lines += self.simplified(
            terms_of(raw, [*indices, *taken, *self.outer, *self.letters.names]), raw, sizes,
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
        last = before
        own = {size: n for size, n in self.letters.first.items() if n not in sizes}
        letters: dict[str, str] = {}  # what a line calls an index that has another name in `now`

        def line(rule: str, now: Sequence[Term], why: str) -> None:
            nonlocal last
            letters.clear()
            after = self.clear(relettered(written(now), own, letters), sizes)
            if last is None or not alike(after, last, rule):
                lines.append(Line(rule, after, why))
            last = after

        now = [cancelled(t) for t in terms]
        line("expand", now, "multiplied out, equal factors cancelled")
        picked, gone = self.contract(now, sizes)
        if gone:
            told = printed([letters.get(n, n) for n in gone], lines[-1].after if lines else before)
            now = [cancelled(t) for t in picked]
            line("delta", now, f"δ picks one term out of the sum over {listed(told)}")
        if not local:
            now, gone = _solved(now, sizes)
            gone = list(dict.fromkeys(letters.get(n, n) for n in gone))
            bounds = "its range bounds" if len(gone) == 1 else "their ranges bound"
            line("solve", now, f"δ solved for {listed(gone)}: {bounds} the sum")
        before_folding = _tensors(now)
        now = collected([tidied(folded(t, self.definitions, sizes)) for t in now])
        names = [n for n in _tensors(now) if n not in before_folding]
        line("fold", now, f"the definition of {listed(names)} read backwards" if names
             else "like terms collected")
        if not local:
            now, used = self.assume(now)
            for given in used:
                line("given", now, f"given that {given.text}")
            now = collected([folded(cancelled(t), self.definitions, sizes) for t in now])
        opened = shorter(now)
        if opened is not None:
            now = opened
            line("open", now, "brackets opened, like terms collected")
        if not local:
            now = gathered(now)
            line("gather", now, "the sums as one")
        shared, rest = common(now)
        if shared.factors or shared.deltas or shared.number != 1:
            again = collected([new for t in rest for new in terms_of(
                term_written(t), {*t.names(), *self.letters.names})])
            rest = again if len(again) <= len(rest) else rest
            after = mul(term_written(shared), written(rest))
            after = self.clear(relettered(after, own, letters), sizes)
            if after != last:
                lines.append(Line("factor", after, "the common factor in front"))
                last = after
        shown = lines[-1].after if lines else before
        if last is not None and (shown is None or not alike(last, shown)):
            signed = isinstance(shown, Reduce) and not isinstance(last, Reduce)
            lines.append(Line("order", last, "the sign in front of the sum" if signed
                              else "the factors in order"))
        return _straight(lines)

    def clear(self, e: Expr, around: Iterable[str]) -> Expr:
        """An expression whose summed indices are called like nothing around them."""
        return unshadowed(e, around, self.letters.names)

    def contract(
        self, terms: Sequence[Term], sizes: Mapping[str, Integer]
    ) -> tuple[list[Term], list[str]]:
        """All deltas that can go, gone; and the indices whose sums went with them."""
        sizes = {**sizes, **self.labels}
        found, names = [], []
        for t in terms:
            while (new := contracted(t, sizes)) is not None:
                gone = {r.name for r in t.sums} - {r.name for r in new.sums}
                names += [n for n in gone if n not in names]
                t = new
            found.append(t)
        return (found if names else list(terms)), names

    def assume(self, terms: Sequence[Term]) -> tuple[list[Term], list[Given]]:
        found, used = [], []
        for t in terms:
            while (new := assumed(t, self.result.givens)) is not None:
                t, given = new
                if given not in used:
                    used.append(given)
            found.append(t)
        return found, used

    def upstream(self, target: str, cell: Sequence[Integer], short: int = _SHORT) -> Expr:
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
        derivatives = set(map(self.result.name, self.result.found))
        named = any(isinstance(n, Ref) and n.tensor in derivatives for n in walk(known.result))
        most = _SMALL if named else _CLOSED
        plain = short > _SHORT or not self.named or weight(known.result) <= most
        if len(terms) <= short and plain and not bound:
            return replaced(known.result, places)
        return Ref(self.result.name(target), (*map(index, self.outer), *cell))

    # names and sizes

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


def _beside(upstream: Expr, local: Expr) -> Expr:
    """The product of two derivatives as it is read: a first factor with a sign in brackets."""
    signed = isinstance(upstream, Apply) and upstream.function == "neg"
    if signed and local not in (ZERO, ONE):
        return Apply("mul", (upstream, local))
    return mul(upstream, local)


def _solved(
    terms: Sequence[Term], sizes: Mapping[str, Integer]
) -> tuple[list[Term], list[str]]:
    """The terms with their deltas on compound subscripts solved, and for which indices."""
    found, names = [], []
    for t in terms:
        while (clear := solved(t, sizes)) is not None:
            names += [r.name for r in t.sums if r not in clear.sums and r.name not in names]
            t = clear
        found.append(cancelled(t))
    return found, names


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: i, or i and j, or i, j and k."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _straight(lines: list[Line]) -> list[Line]:
    """The lines without those between a form and the same form met again, as in a → b → a."""
    for k, line in enumerate(lines):
        if line.after == lines[-1].after:
            return lines[: k + 1]
    return lines


def _normalised(d: Definition) -> bool:
    """Whether a derivative is a formula of its own, such as exp(z)/sum exp(z), and so a name."""
    return any(isinstance(base, Reduce) for base, _ in d.term.factors)


def _tensors(terms: Sequence[Term]) -> list[str]:
    """The tensors that stand in some terms."""
    return list(dict.fromkeys(n.tensor for t in terms for base, _ in t.factors
                              for n in walk(base) if isinstance(n, Ref)))
