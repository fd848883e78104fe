"""Labels of questions and answers: Question 01, (b), iii), T1., Answer 4., ①, and their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_WORD: Final = re.compile(
    r"(?P<word>Question|Exercise|Problem|Task|Assignment|Ex|Q|Aufgabe|Exercice|Answer|Solution|Ans|"
    r"Part|Step)s?\s{0,3}\.?\s{0,3}(?:(?:to|for|of)\s+)?(?:Question\s+)?(?:no\.?\s*|№\s*|#)?"
    r"0*(?P<number>\d{1,3})(?P<part>\s{0,2}\(?[a-z]\))?(?=[\s.:)\],*(]|\Z)[.:)]?", re.IGNORECASE)
_CODE: Final = re.compile(r"(?P<code>[A-Z]{1,2}\d{1,2}(?=[.:)](?:\s|\Z|\*))|"
                          r"[TQE]\d{1,2}(?=\s*\Z))[.:)]?")
_ROMAN: Final = re.compile(r"(?:\((?P<a>[ivx]{1,5}|[IVX]{1,5})\.?\)|(?P<b>[ivx]{1,5})\)|"
                           r"(?P<c>[ivx]{2,5}|[IVX]{1,4})\.)(?=\s|\Z|\*|:)")
_PART: Final = re.compile(r"(?:\((?P<a>[A-Za-z])\.?\)|(?P<b>[a-z])\)|(?P<c>[a-h])\.)(?=\s|\Z|\*|:)")
_NUMBER: Final = re.compile(r"0?(?P<n>\d{1,2})[.)](?=\s|\Z|\*)")
_BEFORE_PART: Final = re.compile(r"0?(?P<n>\d{1,2})\s{0,2}(?=\([a-h]\)(?:\s|\Z))")
_CIRCLES: Final = {c: str(k) for k, c in enumerate("①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳", 1)}
_LETTERS: Final = {c: chr(97 + k) for k, c in enumerate("ⓐⓑⓒⓓⓔⓕⓖⓗ")} | {
    c: chr(97 + k) for k, c in enumerate("ⒶⒷⒸⒹⒺⒻⒼⒽ")} | {"©": "c"}
_ANSWERS: Final = frozenset({"answer", "solution", "ans"})
_BETWEEN: Final = re.compile(r"[\s*_:—–-]{0,6}")


def labels(text: str, at: int, end: int) -> Iterator[tuple[int, int, str, str]]:
    """The labels in a row that begin at a place: start, end, kind and key of each.

    >>> line = "Question 02 (b) (ii) Consider"
    >>> [(kind, key) for _, _, kind, key in labels(line, 0, len(line))]
    [('question', '2'), ('part', 'b'), ('item', 'ii')]
    """
    for _ in range(4):
        at = min(_skip(text, at, end), end)
        found = _one(text, at, end)
        if found is None:
            return
        for label in found:
            yield label
            at = label[1]


def _skip(text: str, at: int, end: int) -> int:
    found = _BETWEEN.match(text, at, end)
    return found.end() if found else at


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
        if word in ("part", "step"):
            kind = "number"
        first = (at, found.end(), kind, found["number"])
        if not found["part"]:
            return [first]
        middle = found.start("part")
        return [(at, middle, kind, found["number"]),
                (middle, found.end(), "part", found["part"].strip(" ()"))]
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
        return [(at, found.end(), "number", found["n"].lstrip("0") or "0")]
    return None


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
