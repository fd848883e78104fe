"""Papers with exactly one mistake, drawn from a seed, each verified to be one.

A mistake is a slip in symbols or in figures. What follows from it is recomputed in about half of
those cases where that is possible (`carried`); in the others the rest of the paper stays as it was.
A slip that happens to leave the statement true is thrown away, and so is one whose paper cannot be
read back.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mutations.figures import FIGURES
from mutations.oddities import ODDITIES
from mutations.papers import Chain, Script, chains, links, own_sheets, script, sheet_named
from mutations.slips import SYMBOLS
from mutations.slips_more import joined
from mutations.surgery import (
    FAILS,
    Cut,
    Edit,
    applied,
    carried,
    holding,
    is_literal,
    is_number,
    literal,
    moved,
    sure,
    worlds_of,
)

KINDS = joined({**SYMBOLS, **FIGURES, **ODDITIES})
SHIPPED = ("machine-vision", "pattern-recognition", "deep-learning", "computer-vision")
INDEX_NUMBERS = (
    "180631",
    "190042",
    "204857",
    "170295",
    "218364",
    "193748",
    "150926",
    "187402",
    "165839",
    "209174",
)


@dataclass(frozen=True)
class Mutant:
    """A paper with one mistake.

    `sign` are the characters of the first relation that does not hold, `line` is where it stands;
    `also` is the first relation of the chain where that begins with a name that may mean what the
    sheet calls otherwise (`o = …`). `about` says what was changed. `carried` tells
    how many numbers were recomputed from it.
    """

    sheet: str
    student: str
    kind: str
    text: str
    right: str
    sign: tuple[int, int]
    line: int
    about: str
    carried: int
    edits: tuple[Edit, ...]
    also: tuple[int, int] | None = None


def students(name: str, count: int = 10) -> tuple[str, ...]:
    """What some students of a sheet are called by; nobody where the numbers are nobody's."""
    sheet = sheet_named(name)
    if not sheet.student or not sheet.personal:
        return ("",)
    if name in SHIPPED:
        return INDEX_NUMBERS[:count]
    return tuple(str(k) for k in range(1, count + 1))


def groups(name: str) -> list[tuple[str, ...]]:
    """Questions that are answered in one paper: those under one heading."""
    found: dict[tuple[str, str] | str, list[str]] = defaultdict(list)
    for question in sheet_named(name).questions:
        alone = name == "computer-vision" or not question.path
        found[question.id if alone else question.path[0]].append(question.id)
    return [tuple(ids) for ids in found.values()]


@lru_cache(maxsize=4096)
def sound(name: str, student: str, ids: tuple[str, ...]) -> tuple[Chain, ...]:
    """The chains of a model answer that are known to hold."""
    paper = script(name, student, ids)
    return tuple(c for c in chains(paper) if worlds_of(paper, c) and holding(paper, c))


def candidates(paper: Script, chain: Chain, kind: str) -> list[Cut]:
    """All ways to make that mistake in a chain."""
    found: list[Cut] = []
    for side in range(1 + own_name(paper, chain), len(chain.sides)):
        try:
            with np.errstate(all="ignore"):
                found += KINDS[kind](paper, chain, side)
        except FAILS:
            continue
    return found


def own_name(paper: Script, chain: Chain) -> bool:
    """Whether the chain begins with a name that the student gives, which its first link defines."""
    first = chain.sides[0]
    if (
        first.kind != "symbol"
        or first.name != "v"
        or paper.sheet not in ("deep-learning", "traces")
    ):
        return False
    return paper.sheet == "deep-learning" or paper.text[first.start : first.end] in (
        "v_0",
        "v_{-1}",
    )


def broken(
    paper: Script, chain: Chain, edits: tuple[Edit, ...]
) -> tuple[Script, Chain, int] | None:
    """The paper with edits, its chain, and which link of that fails first; None if none does."""
    new = applied(paper, edits)
    start = moved([e for e in edits if e[1] <= chain.start], chain.start)
    again = next((c for c in chains(new) if c.start == start), None)
    if again is None or len(again.signs) > len(chain.signs):
        return None
    found = links(again, worlds_of(new, again))
    if found[0] is None and links(chain, worlds_of(paper, chain))[0] is None:
        found[0] = True
    if False not in found or None in found:
        return None
    return new, again, found.index(False)


def onward(paper: Script, chain: Chain, cut: Cut) -> tuple[Edit, ...] | None:
    """Edits that carry a slip on to the end of its chain, where that is a number."""
    last = chain.sides[-1]
    if cut.side == len(chain.sides) - 1 or not is_number(last):
        return None
    made = broken(paper, chain, cut.edits)
    if made is None:
        return None
    value = sure(made[1].sides[cut.side], worlds_of(paper, chain))
    if value is None:
        return None
    first = len(chain.sides) - 1
    while first > cut.side + 1 and is_literal(chain.sides[first - 1]):
        first -= 1
    if first != cut.side + 1:
        return None
    return (*cut.edits, (chain.sides[first].start, last.end, literal(value, last, paper.text)))


def mutant(paper: Script, chain: Chain, kind: str, cut: Cut, carry: bool) -> Mutant | None:
    """A mistake as a paper, or None where it is none."""
    edits = cut.edits
    if carry:
        edits = onward(paper, chain, cut) or edits
    made = broken(paper, chain, edits)
    if made is None:
        return None
    count = len(edits) - len(cut.edits)
    if carry:
        last = made[1].sides[-1]
        value = sure(last, worlds_of(paper, chain)) if is_literal(last) else None
        later = carried(paper, chain, value) if value is not None else None
        if later:
            edits = (*edits, *later)
            count += len(later)
            made = broken(paper, chain, edits)
            if made is None:
                return None
    new, again, link = made
    start, end = again.signs[link][1:]
    size = links(again, worlds_of(new, again))[0] is None
    was = paper.text[min(e[0] for e in cut.edits) - 20 : max(e[1] for e in cut.edits) + 20]
    return Mutant(
        paper.sheet,
        paper.student,
        kind,
        new.text,
        paper.text,
        (start, end),
        new.line(start),
        f"{was!r} -> {[e[2] for e in cut.edits]}",
        count,
        tuple(edits),
        again.signs[0][1:] if size else None,
    )


def mistakes(
    count: int, seed: int = 0, pupils: int = 10, without: Sequence[str] = ()
) -> Iterator[Mutant]:
    """So many mistakes, their kinds in turn, none twice, from all sheets but those left out."""
    rng = random.Random(seed)
    names = [n for n in [*SHIPPED, *own_sheets()] if n not in without]
    papers = [(n, s, ids) for n in names for s in students(n, pupils) for ids in groups(n)]
    rng.shuffle(papers)
    places: dict[str, dict[tuple[str, str, int], list]] = {k: defaultdict(list) for k in KINDS}
    for name, student, ids in papers:
        paper = script(name, student, ids)
        for number, chain in enumerate(sound(name, student, ids)):
            for kind in KINDS:
                if candidates(paper, chain, kind):
                    places[kind][(name, ids[0], number)].append((student, ids))
    seen: set[str] = set()
    made = 0
    tired = dict.fromkeys((k for k in KINDS if places[k]), 0)
    while made < count and tired:
        for kind in list(tired):
            found = _one(places[kind], kind, rng, seen)
            if found is None:
                tired[kind] += 1
                if tired[kind] > 3:
                    del tired[kind]
                continue
            seen.add(found.text)
            made += 1
            yield found
            if made == count:
                return


def _one(places: dict, kind: str, rng: random.Random, seen: set[str]) -> Mutant | None:
    """One mistake of a kind that was not made yet."""
    keys = list(places)
    for _ in range(25):
        key = keys[rng.randrange(len(keys))]
        student, ids = places[key][rng.randrange(len(places[key]))]
        paper = script(key[0], student, ids)
        chain = sound(key[0], student, ids)[key[2]]
        cuts = candidates(paper, chain, kind)
        cut = cuts[rng.randrange(len(cuts))]
        try:
            with np.errstate(all="ignore"):
                found = mutant(paper, chain, kind, cut, rng.random() < 0.6)
        except FAILS:
            continue
        if found is not None and found.text not in seen:
            return found
    return None
