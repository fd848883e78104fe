"""Model answers as texts, with the statements in them and the worlds that these speak of."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from chainrule.check.sheet import Sheet
from chainrule.check.sheet_key import answer_paper
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import find_sheet, read_sheet
from mutations.latex import Node, Reader, Unreadable, sides_of, split, tokens
from mutations.truth import IllFormed, World, holds
from mutations.worlds import PARTS

HERE = Path(__file__).parent / "sheets"
SECOND = ("attention", "graphs", "logistic", "recurrent", "rescaled", "signal")
MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.S)
INTRODUCES = re.compile(r"(?:\b(?:let|where|with|take|if|for|when|as)|,)\s*(?:the\s+)?$", re.I)


@dataclass
class Chain:
    """A chain of relations: sides and the signs between them."""

    sides: list[Node]
    signs: list[tuple[str, int, int]]
    part: str
    question: str
    display: bool
    start: int
    end: int


@dataclass
class Script:
    """A paper: its text, and which stretch answers which question of which part."""

    sheet: str
    student: str
    text: str
    spans: list[tuple[int, int, str, str]] = field(default_factory=list)

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1


@lru_cache(maxsize=64)
def sheet_named(name: str) -> Sheet:
    """A sheet of the tests, or one that is shipped."""
    own = HERE / f"{name}.md"
    return read_sheet(own.read_text(encoding="utf-8"), name) if own.exists() else find_sheet(name)


def own_sheets() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.md"))


@lru_cache(maxsize=4096)
def script(name: str, student: str, ids: tuple[str, ...]) -> Script:
    """The model answer to some questions of a sheet."""
    sheet = sheet_named(name)
    chosen = tuple(q for q in sheet.questions if q.id in ids)
    text = answer_paper(replace(sheet, questions=chosen), student)
    spans, at = [], 0
    for question in chosen:
        alone = answer_paper(replace(sheet, questions=(question,)), student).strip()
        skipped = 1 + bool(student) + len(question.path)
        piece = "\n\n".join(alone.split("\n\n")[skipped:])
        at = text.index(piece, at)
        spans.append((at, at + len(piece), question.part, question.id))
        at += len(piece)
    return Script(name, student, text, spans)


@lru_cache(maxsize=4096)
def worlds(name: str, student: str, part: str) -> tuple[World, ...]:
    """Four worlds of a part, drawn the same way each time; empty where none is known."""
    make = PARTS.get((name, part))
    if make is None:
        return ()
    given = personalised(sheet_named(name), student).parts[part].given
    rng = random.Random(f"{name}|{student}|{part}")
    return tuple(make(given, rng) for _ in range(4))


def chains(script: Script) -> list[Chain]:
    """The chains of a paper that can be read; what introduces a name is left out."""
    found = []
    for start, end, part, question in script.spans:
        there = worlds(script.sheet, script.student, part)
        functions = there[0].functions_known() if there else frozenset()
        for places, display in _formulas(script.text, start, end):
            for pieces in _rows(script.text, places):
                try:
                    chain = _chain(script.text, pieces, functions)
                except (Unreadable, IndexError):
                    continue
                if chain is not None:
                    found.append(
                        Chain(*chain, part, question, display, pieces[0][0], pieces[-1][1])
                    )
    return found


def _formulas(text: str, start: int, end: int):
    """Stretches that belong together: one formula, or the formulas of a table's row."""
    at = start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        if text.startswith("|", at):
            row = []
            for m in MATH.finditer(text, at, stop):
                place = m.span(1 if m.group(1) else 2)
                if not text[slice(*place)].lstrip().startswith("=") and row:
                    yield row, False
                    row = []
                row.append(place)
            if row:
                yield row, False
        else:
            for m in MATH.finditer(text, at, stop):
                before = text[max(0, m.start() - 24) : m.start()]
                if not INTRODUCES.search(before.split("$")[-1]) or m.group(1):
                    yield [m.span(1 if m.group(1) else 2)], m.group(1) is not None
        at = stop + 1


def _rows(text: str, places):
    """Chains within a formula: rows of an aligned block join where they begin with a relation."""
    if len(places) > 1:
        yield places
        return
    start, end = places[0]
    m = re.match(r"\s*\\begin\{aligned\}(.*)\\end\{aligned\}\s*$", text[start:end], re.S)
    stretches = split(text, start + m.start(1), start + m.end(1), "\\\\") if m else [places[0]]
    chain = []
    for stretch in stretches:
        words = tokens(text, *stretch)
        if not words:
            continue
        if chain and words[0].text not in ("=", "<", ">", "\\leq", "\\geq"):
            yield chain
            chain = []
        chain.append(stretch)
    if chain:
        yield chain


def _chain(text: str, pieces, functions):
    sides, signs = [], []
    for k, piece in enumerate(pieces):
        here, relations = sides_of(text, *piece)
        if k:
            if text[slice(*here[0])].strip(" &"):
                raise Unreadable("a row that begins anew")
            here = here[1:]
        sides += here
        signs += relations
    if not signs:
        return None
    nodes = []
    for begin, stop in sides:
        reader = Reader(text, begin, stop, functions)
        if not reader.found:
            raise Unreadable("an empty side")
        nodes.append(reader.side())
    return nodes, signs


def links(chain: Chain, there: tuple[World, ...]) -> list[bool | None]:
    """For each relation: holds in all worlds, fails in one by its values, or None: not known.

    Sides whose shapes do not fit in any world are not known to be wrong: some convention may save
    them.
    """
    return [_link(chain, k, there) for k in range(len(chain.signs))]


def _link(chain: Chain, k: int, there: tuple[World, ...]) -> bool | None:
    answer: bool | None = True if there else None
    for world in there:
        try:
            if not holds(chain.signs[k][0], chain.sides[k], chain.sides[k + 1], world):
                return False
        except IllFormed:
            answer = None
        except (
            Unreadable,
            KeyError,
            IndexError,
            ZeroDivisionError,
            OverflowError,
            ValueError,
            AttributeError,
            TypeError,
        ):
            return None
    return answer
