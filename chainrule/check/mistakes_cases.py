"""Conditions: the wrong case named, a limit or its sign lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chainrule.check.mistakes_bench import Bench, Found, said
from chainrule.check.mistakes_trees import bare
from chainrule.check.tree import Limit, Node, Symbol, opposite, walk
from chainrule.check.values_names import names_in


def cases(bench: Bench) -> Iterator[Found]:
    """The claim holds in another case, or at a limit that is no longer written."""
    for k, condition in enumerate(bench.conditions):
        other = opposite(condition)
        if other is None:
            continue
        rest = (*bench.conditions[:k], other, *bench.conditions[k + 1 :])
        for conditions in (rest, (other,)):
            outcome = bench.case.trials.test(bench.left, "=", bench.right, conditions)
            if outcome.holds:
                yield Found("case-labels", f"this holds where {said(other)}, not where "
                            f"{said(condition)}", 0.6, True)
                return
    yield from _limit(bench)


def _limit(bench: Bench) -> Iterator[Found]:
    """A limit that stood on one side, and has to stand on the other as well."""
    before = [bench.left, *(c.right.node for c in bench.case.chain if c.right.node is not None)]
    if bench.case.head is not None:
        before.append(bench.case.head)
    for node in before:
        limit = next((n for n in walk(node) if isinstance(n, Limit)), None)
        if limit is None or any(isinstance(n, Limit) for n in walk(bench.right)):
            continue
        if limit.variable.name not in {n.name for n in walk(bench.right)
                                       if isinstance(n, Symbol)} and (
                limit.variable.name not in names_in(bench.right)):
            continue
        new = replace(limit, body=bench.right)
        if bench.holds(bench.left, new):
            yield Found("lost-bound", f"the limit {said(limit.variable)} → {said(limit.point)} has "
                        "to stand here too, as long as "
                        f"{said(limit.variable)} does", 0.6, True,
                        "Is the limit taken yet, or does it still have to be written?")
            return


def heading(bench_claim: Node | None) -> str:
    """What is wrong with a heading under which everything holds in the other case."""
    other = opposite(bare(bench_claim)) if bench_claim is not None else None
    if other is None:
        return "what stands below holds in the other case"
    return f"what stands below holds in the case {said(other)}"


__all__ = ["cases", "heading"]
