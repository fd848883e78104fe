"""Labels of questions and answers: Question 01, (b), iii), T1., Answer 4., ①, and their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_NAMES: Final = (r"(?:Question|Exercise|Problem|Task|Assignment|Aufgabe|Exercice|Frage|Pregunta|"
                 r"Ejercicio|Esercizio|Opgave|Oppgave|Tehtävä|Zadanie|Übung|Ques|Prob|Exc|Ex|Q)")
_WORD: Final = re.compile(
    rf"(?P<word>{_NAMES}|Answer|Solution|Antwort|Lösung|Ans|Sol|Part|Step|Teil)(?:s|es)?"
    rf"\s{{0,3}}\.?\s{{0,3}}(?:(?:to|for|of|zu|von)\s+)?(?:{_NAMES}\.?\s{{0,3}})?"
    r"(?:(?:no|nr)\.?\s{0,3}|№\s{0,3}|#)?"
    r"0*(?P<number>\d{1,3})(?:\.(?P<sub>\d{1,2})(?![\d.]))?(?P<part>\s{0,2}[.-]?\(?[a-z]\)|\.?[a-h](?=[.:)\s*]|\Z))?"
    r"(?=[\s.:)\],;*(–—-]|\Z)[.:)]{0,2}", re.IGNORECASE)
_LETTERED: Final = re.compile(  # Part B, part (b), Teil b), Answer to (c)
    r"(?:Part|Teil|Sub-?part|Subquestion|Sub-?task|Teilaufgabe|(?P<answer>Answer|Solution|Ans|Antwort|"
    r"Lösung))\s{0,3}(?:(?:to|for|of|zu|von)\s+)?(?:part\s+)?"
    r"(?:\((?P<a>[A-Za-z])\)|(?P<b>[A-Ha-h])(?:[.:)]|(?=\s{0,2}(?:\Z|[\n*:–—-])))|"
    r"(?P<c>(?-i:[A-H]))(?=\s))[.:]?", re.IGNORECASE)
_DOTTED: Final = re.compile(  # 2b. and 1.c.ii) and 2-b:
    r"0?(?P<n>\d{1,2})[.-]?\(?(?P<p>[a-h])\)?(?:\.?\(?(?P<i>[ivx]{2,5}|i)\)?)?"
    r"(?:[.:)]{1,2}(?=\s|\Z|\*)|(?<=\))(?=\s|\Z|\*))")
_NUMBERED: Final = re.compile(
    r"0?(?P<n>\d{1,2})\.(?P<m>\d{1,2})(?:\.(?P<l>\d{1,2}))?[.:)]{1,2}(?=\s|\Z|\*)")
_CODE: Final = re.compile(r"(?P<code>[A-Z]{1,2}\d{1,2}(?=[.:)](?:\s|\Z|\*))|"
                          r"[TQE]\d{1,2}(?=\s*\Z))[.:)]?")
_ROMAN: Final = re.compile(r"(?:\((?P<a>[ivx]{1,5}|[IVX]{1,5})\.?\)|(?P<b>[ivx]{1,5})\)|"
                           r"(?P<c>[ivx]{2,5}|[iv]|[IVX]{1,4})\.)(?=\s|\Z|\*|:)")
_PART: Final = re.compile(
    r"(?:\((?P<a>[A-Za-z])\.?\)|(?P<b>[A-Ha-z])\.?\)|(?P<c>[a-h])\.)(?=\s|\Z|\*|:)")
_NUMBER: Final = re.compile(r"(?:0?(?P<n>\d{1,2})(?:[.)]|\.\))|\(0?(?P<m>\d)\))(?=\s|\Z|\*)")
_BEFORE_PART: Final = re.compile(r"0?(?P<n>\d{1,2})\s{0,2}(?=(?:\(|(?<=\s))[a-h]\)(?:\s|\Z))")
_CIRCLES: Final = {c: str(k) for k, c in enumerate("①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳", 1)}
_LETTERS: Final = {c: chr(97 + k) for k, c in enumerate("ⓐⓑⓒⓓⓔⓕⓖⓗ")} | {
    c: chr(97 + k) for k, c in enumerate("ⒶⒷⒸⒹⒺⒻⒼⒽ")} | {"©": "c"}
_TITLE: Final = re.compile(
    r"\s{0,3}0?(?P<n>\d{1,2})(?:\.(?P<m>\d{1,2}))?[.):]?(?=\s+[A-Za-z]|\s*\Z)"
    r"(?!\s+(?:points?|pts|marks)\b)")
_ANSWERS: Final = frozenset({"answer", "solution", "ans", "sol", "antwort", "lösung"})
_BETWEEN: Final = re.compile(r"[\s*_:—–-]{0,6}")
_FURTHER: Final = re.compile(r"[\s*_:,—–-]{0,6}")


def titles(text: str, at: int, end: int) -> Iterator[tuple[int, int, str, str]]:
    """The labels of a heading, which may be a bare number: 2 Backpropagation, 2.1 Forward.

    >>> [(kind, key) for _, _, kind, key in titles("2.1 Forward", 0, 11)]
    [('question', '2'), ('number', '1')]
    """
    found = _TITLE.match(text, at, end)
    if found is None:
        yield from labels(text, at, end)
        return
    yield found.start("n"), found.end("n"), "question", found["n"].lstrip("0") or "0"
    if found["m"]:
        yield found.start("m"), found.end("m"), "number", found["m"].lstrip("0") or "0"


def labels(text: str, at: int, end: int) -> Iterator[tuple[int, int, str, str]]:
    """The labels in a row that begin at a place: start, end, kind and key of each.

    >>> line = "Question 02 (b) (ii) Consider"
    >>> [(kind, key) for _, _, kind, key in labels(line, 0, len(line))]
    [('question', '2'), ('part', 'b'), ('item', 'ii')]
    """
    for count in range(4):
        found = (_FURTHER if count else _BETWEEN).match(text, at, end)
        at = min(found.end() if found else at, end)
        row = _one(text, at, end)
        if row is None:
            return
        for label in row:
            yield label
            at = label[1]


def _one(text: str, at: int, end: int) -> list[tuple[int, int, str, str]] | None:
    if at >= end:
        return None
    c = text[at]
    if c in _CIRCLES:
        return [(at, at + 1, "number", _CIRCLES[c])]
    if c in _LETTERS:
        return [(at, at + 1, "part", _LETTERS[c])]
    found = _WORD.match(text, at, end)
    if found is not None:
        word = found["word"].lower()
        kind = "answer" if word in _ANSWERS else "question"
        if word in ("part", "step", "teil"):
            kind = "number"
        first = (at, found.end(), kind, found["number"])
        if found["sub"]:  # Exercise 2.1
            middle = found.start("sub")
            first = (at, middle, kind, found["number"])
            further = (middle, found.end("sub"), "number", found["sub"].lstrip("0") or "0")
            row = [first, further] if kind != "number" else [first]
            return row if not found["part"] else [*row, (
                found.end("sub"), found.end(), "part", found["part"].strip(" ().-").lower())]
        if not found["part"]:
            return [first]
        middle = found.start("part")
        return [(at, middle, kind, found["number"]),
                (middle, found.end(), "part", found["part"].strip(" ().-").lower())]
    found = _LETTERED.match(text, at, end)
    if found is not None:
        key = (found["a"] or found["b"] or found["c"]).lower()
        return [(at, found.end(), "item" if key in "ivx" else "part", key)]
    found = _DOTTED.match(text, at, end)
    if found is not None:
        return _parted(found)
    found = _NUMBERED.match(text, at, end)
    if found is not None:
        middle = found.end("n")
        return [(at, middle, "question", found["n"].lstrip("0") or "0"),
                (middle, found.end(), "number", found["m"].lstrip("0") or "0")]
    found = _CODE.match(text, at, end)
    if found is not None:
        code = found["code"]
        key = code[1:] if code[1:].isdigit() else code.lower()
        return [(at, found.end(), "question", key.lstrip("0") or "0")]
    found = _ROMAN.match(text, at, end)
    if found is not None:
        return [(at, found.end(), "item", (found["a"] or found["b"] or found["c"]).lower())]
    found = _PART.match(text, at, end)
    if found is not None:
        return [(at, found.end(), "part", (found["a"] or found["b"] or found["c"]).lower())]
    found = _BEFORE_PART.match(text, at, end)
    if found is not None:
        return [(at, found.end(), "question", found["n"].lstrip("0") or "0")]
    found = _NUMBER.match(text, at, end)
    if found is not None:
        return [(at, found.end(), "number", (found["n"] or found["m"]).lstrip("0") or "0")]
    return None


def _parted(found: re.Match[str]) -> list[tuple[int, int, str, str]]:
    """The labels in 2b. and 1.c.ii)."""
    first, last = found.start("p"), found.end("p")
    row = [(found.start(), first, "question", found["n"].lstrip("0") or "0")]
    if not found["i"]:
        return [*row, (first, found.end(), "part", found["p"])]
    return [*row, (first, last, "part", found["p"]), (last, found.end(), "item", found["i"])]


def path_of(key: str) -> list[tuple[str, str]]:
    """A question's name in a filled form as labels: "1.c.ii", "Q2b", "3(a)".

    >>> path_of("Q1.c.ii"), path_of("2b")
    ([('question', '1'), ('part', 'c'), ('item', 'ii')], [('question', '2'), ('part', 'b')])
    """
    found: list[tuple[str, str]] = []
    for piece in re.findall(r"\d+|[A-Za-z]+", key)[:8]:
        low = piece.lower()
        if re.fullmatch(r"[a-h][ivx]+", low):  # 1cii
            found += [("part", low[0]), ("item", low[1:])]
            continue
        if low in ("q", "question", "t", "task", "ex", "exercise", "problem", "answer", "a") \
                and not found:
            continue
        if piece.isdigit():
            kind = "number" if any(k == "question" for k, _ in found) else "question"
            found.append((kind, piece.lstrip("0") or "0"))
        elif re.fullmatch(r"[ivx]+", low) and any(k == "part" for k, _ in found):
            found.append(("item", low))
        elif len(low) == 1:
            found.append(("part", low))
        elif re.fullmatch(r"[ivx]+", low):
            found.append(("item", low))
        else:
            found.append(("question", low))
    return found
