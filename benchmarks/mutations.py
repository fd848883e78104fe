"""How often mistakes are found and named, and how often right answers are left alone.

    python benchmarks/mutations.py                    # 2,000 mistakes and 2,000 rewritings
    python benchmarks/mutations.py --count 200 -j 2 --failures failures.txt
    python benchmarks/mutations.py --only mistakes --sheets attention,signal
    python benchmarks/mutations.py --write docs/mutations.md

The mistakes and rewritings are made by `tests/mutations`, which knows nothing of the checker, from
model answers of the shipped sheets and of the sheets in `tests/mutations/sheets`. A mistake counts
as located if the first claim that is called wrong is the first relation that does not hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

HEAD = """# Mistakes and rewritings

`python benchmarks/mutations.py --write docs/mutations.md` makes this page. From model answers it
draws {mistakes} papers with exactly one mistake, and {rewritings} that say the same as a model
answer in another form (seed {seed}), and checks them all. The generators, in `tests/mutations`,
know nothing of the checker. Each mistake is verified to be one by a small evaluator of their own,
and so is each rewriting that changes more than the notation. Where a mistake has consequences, they
are carried on in about half of the papers.

A mistake is located if the first claim that is called wrong is the first relation of the paper that
does not hold; it is named if the likeliest mistake that the report suggests is the one made. A kind
without a name has no detector of its own.

The sheets are of two sets. The names were improved looking at mistakes drawn from the first set
with other seeds. The second set
({second})
was written afterwards, by somebody who had not seen the detectors: at first 78% of its mistakes
were named rightly. Then the detectors of the weakest kinds were made more general, without looking
at that set's mistakes, though with its generators at hand. Beneath the table of mistakes are the
numbers of each set.
"""


def outcome(item: tuple[str, Any]) -> Any:
    """What becomes of one paper; a crash is a result too."""
    from mutations import outcomes

    which, drawn = item
    try:
        return outcomes.found(drawn) if which == "mistake" else outcomes.kept(drawn)
    except Exception as error:  # a paper that crashes the checker is neither found nor kept
        said = f"crash: {type(error).__name__}: {error}"
        if which == "mistake":
            return outcomes.Found(drawn.kind, *[False] * 5, said, drawn.sheet)
        return outcomes.Kept(drawn.kind, "wrong", said)


def results(items: list[tuple[str, Any]], processes: int) -> Iterator[Any]:
    """The outcomes, in order."""
    if processes <= 1:
        yield from map(outcome, items)
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(outcome, items, chunksize=4)


def failure(which: str, drawn: Any, result: Any) -> str | None:
    """A paper with which something is amiss, as text to look at."""
    if which == "mistake":
        from mutations.outcomes import NAMES

        if result.located and (result.named or not NAMES[drawn.kind]):
            return None
        what = "misnamed" if result.located else "MISTAKE"
        line = drawn.text.split("\n")[drawn.line - 1]
        return (
            f"## {what} {drawn.kind} | {drawn.sheet} {drawn.student} | marked {result.marked}, "
            f"line {result.line}\n   {drawn.about}\n   {line[:400]}\n   -> {result.said}"
        )
    if result.verdict == "right":
        return None
    from mutations.outcomes import region

    start, end = region(drawn.right, drawn.text)
    return (
        f"## REWRITING {drawn.kind} | {drawn.sheet} {drawn.student} | {result.verdict}\n"
        f"   {drawn.text[start:end][:600]}\n   -> {result.said}"
    )


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="mistakes, and as many rewritings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--students", type=int, default=10, help="students of a personal sheet")
    parser.add_argument("-j", type=int, default=2, help="processes")
    parser.add_argument("--only", choices=["mistakes", "rewritings"])
    parser.add_argument("--kind", help="this kind alone")
    parser.add_argument("--skip", default="", help="sheets to leave out, with commas")
    parser.add_argument("--sheets", default="", help="these sheets alone, with commas")
    parser.add_argument("--failures", type=Path, help="where to write what went amiss")
    parser.add_argument("--write", type=Path, help="where to write the tables")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    from mutations.mistakes import SHIPPED, mistakes
    from mutations.outcomes import Tally
    from mutations.papers import SECOND, own_sheets
    from mutations.rewritings import rewritings

    known = [*SHIPPED, *own_sheets()]
    skip, alone = ([n for n in names.split(",") if n] for names in (chosen.skip, chosen.sheets))
    strange = [n for n in [*skip, *alone] if n not in known]
    if strange:
        parser.error(f"no sheet {', '.join(strange)}; there are {', '.join(known)}")
    skipped = tuple(n for n in known if n in skip or (alone and n not in alone))
    drawn_from = (chosen.count, chosen.seed, chosen.students, skipped)
    items: list[tuple[str, Any]] = []
    if chosen.only != "rewritings":
        items += [("mistake", m) for m in mistakes(*drawn_from)]
    if chosen.only != "mistakes":
        items += [("rewriting", r) for r in rewritings(*drawn_from)]
    items = [i for i in items if chosen.kind in (None, i[1].kind)]
    tally, amiss, begun = Tally(), [], time.monotonic()
    for number, ((which, drawn), result) in enumerate(
        zip(items, results(items, chosen.j), strict=True)
    ):
        (tally.found if which == "mistake" else tally.kept).append(result)
        trouble = failure(which, drawn, result)
        if trouble is not None:
            amiss.append(trouble)
        if sys.stderr.isatty() and number % 10 == 0:
            print(f"\r{number + 1} of {len(items)}", end="", file=sys.stderr)
    head = HEAD.format(
        mistakes=len(tally.found),
        rewritings=len(tally.kept),
        seed=chosen.seed,
        second=", ".join(SECOND),
    )
    tables = [
        t
        for t, there in (
            (tally.mistakes_table(), tally.found),
            (tally.sets_table(), tally.found),
            (tally.rewritings_table(), tally.kept),
        )
        if there
    ]
    text = "\n".join([head, *(f"{t}\n" for t in tables)])
    print(text)
    print(f"{len(items)} papers in {time.monotonic() - begun:.0f} s")
    if chosen.failures:
        chosen.failures.write_text("\n\n".join(amiss) + "\n", encoding="utf-8")
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
