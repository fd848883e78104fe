"""Why a claim is wrong: all detectors on one claim, the likeliest mistakes first.

`explain` is what `chainrule.check.judge.judge` takes as its argument of that name. It never raises
and never guesses: where nothing fits, no mistake is named. What is sure comes before what may fit
by accident, then what is less far-fetched.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from chainrule.check.judge import Case
from chainrule.check.judge_trials import Trials
from chainrule.check.mistakes import named
from chainrule.check.mistakes_bench import Bench, Found, Spent, literal, said, shadow
from chainrule.check.mistakes_brackets import brackets, lost
from chainrule.check.mistakes_cases import cases, heading
from chainrule.check.mistakes_chains import chains
from chainrule.check.mistakes_counts import counts
from chainrule.check.mistakes_digits import digits
from chainrule.check.mistakes_edits import Edit, edits
from chainrule.check.mistakes_formulas import as_products, formula_of
from chainrule.check.mistakes_functions import functions
from chainrule.check.mistakes_inner import inner, points
from chainrule.check.mistakes_layers import layers
from chainrule.check.mistakes_links import is_slope, links
from chainrule.check.mistakes_means import means
from chainrule.check.mistakes_missing import missing
from chainrule.check.mistakes_names import is_bias, renamings, summed_kind, symbol_of
from chainrule.check.mistakes_numbers import numbers, scaled
from chainrule.check.mistakes_plain import plain_counts
from chainrule.check.mistakes_program import flips, programs, winners
from chainrule.check.mistakes_rounding import rounded
from chainrule.check.mistakes_rules import wrong_derivatives
from chainrule.check.mistakes_seen import dropped, seen
from chainrule.check.mistakes_slopes import slopes, some_slopes
from chainrule.check.mistakes_softmax import by_index, diagonals
from chainrule.check.mistakes_sums import sums
from chainrule.check.mistakes_tables import exchanged, is_table, tables
from chainrule.check.mistakes_trees import bare, outer, swapped, times
from chainrule.check.mistakes_turned import turned
from chainrule.check.mistakes_ways import ways
from chainrule.check.rounding import printed
from chainrule.check.tree import Apply, Derivative, Integral, Node, Number, Reduce, Symbol, walk
from chainrule.check.values import Array, Unknown, cells_of
from chainrule.check.values_frames import Need
from chainrule.check.values_names import form_of, key, plain_letter, spelling
from chainrule.check.verdicts import Mistake

_NAMED: Final = 2
_ENOUGH: Final = 1.3  # with something sure and no more far-fetched than this the search stops
_FAIR: Final = 2.2  # and no program is changed
_CERTAIN: Final = ("log-base", "degrees")  # what hardly happens by accident
_RENAMED: Final = ("index", "wrong-point", "wrong-quantity")
_LARGE: Final = 700  # nodes of a claim that is too long to be looked into
_WEAK: Final = 1.9  # what may fit by accident has to be nearer than this
Detector = Callable[[Bench], Iterator[Found]]


def explain(case: Case) -> tuple[Mistake, ...]:
    """The mistakes that a wrong claim may come from, likeliest first, two at most.

    Each says what happened and where; the hint is for the student and gives nothing away.
    """
    claim = case.claim
    if claim.kind == "condition":
        return (named("case-labels", heading(claim.left.node)),)
    if getattr(case, "follows", False):
        return rounded_before(case)
    left = claim.left.node if claim.left.node is not None else case.head
    right = claim.right.node
    if left is None or right is None or claim.relation not in ("=", "≡", "is", "≈"):
        return ()
    bench = _bench(case, left, right)
    if bench is None:
        return ()
    found: list[Found] = []
    for detector in _detectors(bench):
        if detector is programs and any(
                f.sure and f.cost <= _FAIR and f.kind != "arithmetic" for f in found):
            continue
        bench.refill()
        try:
            for one in detector(bench):
                found.append(one)
                if one.sure and one.cost <= 0.5:
                    break
        except (Spent, Unknown, Need):
            pass
        if any(f.sure and f.cost <= _ENOUGH for f in found):
            break
    if bench.symbolic and not bench.room.drawn:
        found = [f if f.sure else replace(f, cost=f.cost + 0.8) for f in found]
    return tuple(named(f.kind, f.why, f.hint) for f in _chosen(found, bench))


def rounded_before(case: Case) -> tuple[Mistake, ...]:
    """The roundings that a number comes from which follows from the student's own numbers."""
    claim = case.claim
    left = claim.left.node if claim.left.node is not None else case.head
    if left is None or claim.right.node is None or printed(claim.right.node) is None:
        return ()
    bench = _bench(case, left, claim.right.node)
    found = [] if bench is None else [f for f in numbers(bench) if f.kind == "early-rounding"]
    return tuple(named(f.kind, f.why, f.hint) for f in found[:1])


def _bench(case: Case, left: Node, right: Node) -> Bench | None:
    """The bench of a claim, with what is asked for on its left."""
    if sum(1 for side in (left, right) for _ in itertools.islice(walk(side), _LARGE)) >= _LARGE:
        return None  # what is as long as this has to be looked through by a person
    left, right = as_products(left, case.room), as_products(right, case.room)
    if case.outcome.left is not None and not case.room.drawn:
        moved = _by_accident(case, left, right)
        if moved is not None:
            return moved
    bench = Bench(case, left, right)
    try:
        bench.prepare()
        if bench.spots and case.question is not None and bench.same(
                bench.value(left), bench.value(right)):
            sides = case.room.memory.sides(case.question.of)
            if sides and sides[0] is not None:  # the paper has its own word for what is asked
                bench = Bench(case, sides[0], right)
                bench.prepare()
    except (Spent, Unknown, Need):
        return None
    return bench if bench.spots else None


def _by_accident(case: Case, left: Node, right: Node) -> Bench | None:
    """The bench of a claim that holds for the given numbers alone: with other numbers."""
    same = Bench(case, left, right)
    if not same.same(case.outcome.left, case.outcome.right):
        return None
    room = shadow(case.room)
    if room is None:
        return None
    trials = Trials(room, case.trials.place, case.trials.rule)
    bench = Bench(replace(case, room=room, trials=trials), left, right)
    try:
        bench.prepare()
    except (Spent, Unknown, Need):
        return None
    return bench if bench.spots else None


def _detectors(bench: Bench) -> tuple[Detector, ...]:
    """What is tried on a claim, in this order; little where it takes long to work out."""
    if any(isinstance(n, Integral) for n in walk(bench.right)):
        return (_bounds,)
    numeric = literal(bench.left) and literal(bench.right) and not any(
        isinstance(n, Apply) and n.head == "floor" for n in walk(bench.left))
    first = (brackets, links) if numeric else (links,)
    # a formula on the right has the terms that were taken; a number may be a slip of the pen
    early = (ways,) if printed(bench.right) is None and not is_table(bench.right) else ()
    sloped: tuple[Detector, ...] = (slopes, _nothing) if literal(bench.right) else (
        _nothing, slopes)
    return (_defined, plain_counts, means, digits, turned, exchanged, seen, lost, functions, inner,
            points, sums, *early, *first, *sloped[:1], dropped, chains, numbers, rounded, scaled,
            diagonals, *sloped[1:], layers, flips, winners, tables, cases, counts, by_index,
            brackets, ways, some_slopes, _repairs, _collapsed, wrong_derivatives, missing, _done,
            programs, _itself, _slip)


def _nothing(_: Bench) -> Iterator[Found]:
    """The place of a detector that comes earlier or later."""
    return iter(())


def _bounds(bench: Bench) -> Iterator[Found]:
    """Another limit of an integral."""
    for edit in edits(bench.right, bench):
        new = swapped(bench.right, edit.before, edit.after)
        if edit.kind == "lost-bound" and bench.holds(bench.left, new):
            yield Found(edit.kind, edit.need, edit.cost, True, edit.hint)
            return


def _diagonal(bench: Bench) -> Iterator[Found]:
    """∂E/∂pᵢ · ∂pᵢ/∂aᵢ in the place of the sum over all pⱼ that depend on aᵢ."""
    left = bare(bench.left)
    if not isinstance(left, Derivative) or left.top is None or len(left.bottom) != 1:
        return
    below = form_of(left.bottom[0])
    if below is None or len(below.subs) != 1 or not below.head[1]:
        return
    names = bench.room.names
    tensor = next(iter(names.tensors(below)), ("", True))
    graph = bench.room.made.graph
    if tensor[1]:
        return
    for name in sorted(graph.dependents(frozenset([tensor[0]])) - {tensor[0]}):
        if len(names.program.tensors[name].shape) != 1:
            continue
        cell = symbol_of(name, left, below.subs)
        new = times(replace(left, bottom=(cell,)), replace(left, top=cell))
        if bench.fits(new, bench.right) and bench.holds(new, bench.right):
            index = said(below.subs[0])
            yield Found("softmax-diagonal", f"only {said(cell)} was followed: every component of "
                        f"{name} depends on {said(left.bottom[0])}, not the one with the index "
                        f"{index} alone", 0.7, True)
            return


def _collapsed(bench: Bench) -> Iterator[Found]:
    """One term of a sum on the left, that of a free index, in the place of all."""
    yield from _diagonal(bench)
    free = {plain_letter(n): n for n in walk(bench.right) if isinstance(n, Symbol)
            and plain_letter(n) in bench.spots[0].place.bound}
    for node in walk(bench.left):
        if not isinstance(node, Reduce) or node.op != "sum" or len(node.items) != 1:
            continue
        index = node.items[0].index
        if index is None:
            continue
        for letter in free.values():
            body = node.body
            for n in list(walk(body)):
                if isinstance(n, Symbol) and key(n) == key(index):
                    body = swapped(body, n, replace(n, name=letter.name))
            new = swapped(bench.left, node, body)
            if bench.fits(new, bench.right) and bench.holds(new, bench.right):
                slopes = any(isinstance(n, Derivative) for n in walk(node.body))
                whose = summed_kind(bench)
                yield Found(whose if whose != "missing-term" else
                            "softmax-diagonal" if slopes else "missing-term",
                            f"only the term with {said(index)} = {said(letter)} was taken of the "
                            f"sum over {said(index)}; the others are not 0", 0.8, True)
                return


def _chosen(found: list[Found], bench: Bench) -> list[Found]:
    """The likeliest, without those that fit by accident or say the same again."""
    firm = [f for f in found if f.sure or f.cost <= _WEAK]
    firm.sort(key=lambda f: f.cost + (0.0 if f.sure else 0.9))
    chosen: list[Found] = []
    for f in firm:
        if all(f.kind != c.kind for c in chosen) and (
                not chosen or (f.cost + 0.9 * (not f.sure) <= chosen[0].cost + 0.9 * (
                    not chosen[0].sure) + 0.35 and f.kind != "entry")):
            chosen.append(f)
    return chosen[:_NAMED]


# --- changed formulas

def _repairs(bench: Bench) -> Iterator[Found]:
    """Small changes of the right-hand side that make the claim right."""
    if printed(bench.right) is not None or (is_table(bench.right) and all(
            isinstance(n, Number) or not isinstance(n, Symbol) for n in walk(bench.right))):
        return
    made = sorted([*edits(bench.right, bench), *renamings(bench.right, bench)],
                  key=lambda e: e.cost)
    unsure = 0
    for edit in made:
        new = swapped(bench.right, edit.before, edit.after)
        if edit.kind in _RENAMED and _circular(bench, new):
            continue
        if not bench.fits(bench.left, new) or not bench.holds(bench.left, new):
            continue
        sure = bench.sure(bench.left, new)
        yield Found(_kind(edit, bench), edit.need, edit.cost, sure, edit.hint)
        unsure += not sure
        if sure or unsure >= 4:
            return


def _circular(bench: Bench, new: Node) -> bool:
    """Whether a changed formula has what is asked for in it: that explains nothing."""
    left = bare(bench.left)
    if not isinstance(left, Symbol | Derivative):
        return False
    asked = key(left)
    return any(key(n) == asked for n in walk(new)) and not any(
        key(n) == asked for n in walk(bench.right))


def _kind(edit: Edit, bench: Bench) -> str:
    """What an edit means in a derivative: a wrong exponent, the variable left in as a factor."""
    left = bare(bench.left)
    if edit.kind == "exponent" and any(isinstance(n, Derivative) for n in walk(left)):
        return "power-rule"
    if edit.kind == "factor" and isinstance(left, Derivative) and left.bottom and isinstance(
            edit.before, Apply):
        lost = _lost(edit)
        if len(lost) == 1 and bench.same(bench.value(lost[0]), bench.value(left.bottom[0])):
            return "not-differentiated"
    return edit.kind


def _derived(bench: Bench) -> bool:
    """Whether a claim, or what its chain starts from, is a derivative or a v̇ or a v̄."""
    return any(isinstance(n, Derivative) or (isinstance(n, Symbol) and spelling(n.name)[1] in (
        "bar", "dot")) for side in (bench.left, bench.case.head) if side is not None
        for n in walk(side))


def _lost(edit: Edit) -> list[Node]:
    """The terms or factors that an edit leaves out."""
    if not isinstance(edit.before, Apply):
        return []
    kept = {id(edit.after)}
    if isinstance(edit.after, Apply):
        kept |= {id(a) for a in edit.after.args}
    return [a for a in edit.before.args if id(a) not in kept]


def _done(bench: Bench) -> Iterator[Found]:
    """Small changes of the left-hand side, or of what its name is, that give the right one."""
    right = bench.value(bench.right)
    if right is None or (printed(bench.right) is None and not literal(bench.right)):
        return
    accident = _small(right) or (literal(bench.left) and _short(bench))
    for source in _sources(bench):
        unsure = 0
        for edit in sorted([*edits(source, bench, True), *renamings(source, bench)],
                           key=lambda e: e.cost):
            if not edit.done:
                continue
            new = swapped(source, edit.before, edit.after)
            if not bench.fits(new, bench.right):
                continue
            kind = edit.undone or edit.kind
            if kind == "missing-term" and any(is_bias(n) for n in _lost(edit)):
                kind = "biases"
            lost = _lost(edit)
            if kind == "factor" and lost and all(map(is_slope, lost)) and _derived(bench):
                kind = "inner-derivative"
            yield Found(kind, edit.done, edit.cost + 0.2 + (0.8 if accident and kind not in _CERTAIN
                                                                else 0.0), False,
                        edit.hint)
            unsure += 1
            if unsure >= 3:
                break


def _short(bench: Bench) -> bool:
    """Whether a whole number is so short that much gives it."""
    shown = printed(bench.right)
    return shown is not None and not shown.decimals and shown.digits <= 2


def _small(value: object) -> bool:
    """Whether numbers are so small and round that much gives them."""
    return all(not isinstance(c, Array | bool) and c == int(c) and abs(c) <= 20
               for c in cells_of(value))


def _sources(bench: Bench) -> list[Node]:
    """Formulas of the left-hand side's value: itself, what its name is defined to be."""
    left = bare(bench.left)
    if not isinstance(left, Symbol | Number) and not literal(left):
        return [bench.left]
    if literal(left) and not isinstance(left, Number):
        return [bench.left]
    found: list[Node] = []
    form = form_of(left)
    own = formula_of(bench.room, left)
    if own is not None:
        found.append(own)
    if form is not None:
        for d in bench.room.scope.definitions.get(form.head, ())[:2]:
            if len(d.form.subs) == len(form.subs) and all(
                    key(a) == key(b) for a, b in zip(d.form.subs, form.subs, strict=True)):
                found.append(d.body)
    return [*found, *bench.written(left)][:3]


def _defined(bench: Bench) -> Iterator[Found]:
    """A definition in which the new name stands on the right as well."""
    if bench.case.claim.kind == "definition" or bench.case.claim.relation == "≡":
        yield from _itself(bench)


def _itself(bench: Bench) -> Iterator[Found]:
    """A name that stands on both sides of its own definition."""
    head = bench.case.head if bench.case.head is not None else bench.left
    if form_of(bare(head)) is None or bench.case.claim.link:
        return
    mine = key(bare(head))
    defines = bench.case.claim.kind == "definition" or bench.case.claim.relation == "≡"
    for node in outer(bench.right):
        if key(node) == mine and node is not bench.right:
            yield Found("self-reference", f"{said(head)} stands on both sides: it cannot be "
                        "computed from itself; the new quantity needs a name of its own"
                        if defines else f"{said(head)} stands on both sides: it cannot be computed "
                        "from itself", 0.5 if defines else 1.6, True)
            return


def _slip(bench: Bench) -> Iterator[Found]:
    """A formula and its number, which nothing explains: it is worked out wrongly.

    Where the formula is not of numbers alone, the paper has to have said of what it is one.
    """
    left = bare(bench.left)
    if printed(bench.right) is None or isinstance(left, Number) or not (
            literal(left) or bench.case.claim.link):
        return
    form = form_of(left) if isinstance(left, Symbol) else None
    given = form is not None and any(
        name in bench.room.part.given for name, _ in bench.room.names.tensors(form))
    if given:
        yield Found("wrong-number", f"{said(left)} is given, and is not {said(bench.right)}", 1.8)
    else:
        yield Found("arithmetic", f"{said(bench.left)} is not {said(bench.right)}", 1.8, False)


__all__ = ["explain", "rounded_before"]
