r"""Where LaTeX numbers a piece of work itself: \item of an enumerate, \question and \part of exam.

Nothing of "(b)" stands in such a paper; it is counted. An enumerate counts 1., (a), i. by its
depth, unless its option or a `label=` says how, as in `\begin{enumerate}[label=(\alph*)]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BEGIN: Final = re.compile(
    r"[ \t]*\\begin\s?\{(?P<what>enumerate|itemize|description|questions|parts|subparts|"
    r"problem|exercise|question|homeworkProblem|task|tasks|aufgabe)\*?\}"
    r"\s?(?:\[(?P<how>(?:[^\[\]\n{}]|\{[^{}\n]{0,40}\}){0,120})\])?(?:\{[^{}\n]{0,80}\})?[ \t]*",
    re.IGNORECASE)
_END: Final = re.compile(
    r"[ \t]*\\end\s?\{(?:enumerate|itemize|description|questions|parts|subparts|problem|exercise|"
    r"question|homeworkProblem|task|tasks|aufgabe)\*?\}[ \t]*", re.IGNORECASE)
_ITEM: Final = re.compile(
    r"[ \t]*\\(?P<what>item|question|part|subpart|titledquestion)(?![A-Za-z])\s?"
    r"(?P<own>\[(?P<said>[^\[\]\n]{0,60})\])?(?:\{[^{}\n]{0,80}\})?[ \t]*")
_COUNTER: Final = re.compile(
    r"[ \t]*\\setcounter\s?\{(?:enumi{1,3}|question|problem|section)\}\s?\{(\d{1,2})\}[ \t]*")
_NUMBERED: Final = frozenset({"problem", "exercise", "question", "homeworkproblem", "task",
                              "aufgabe"})
_ROMAN: Final = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


@dataclass(slots=True)
class _List:
    """A list that is open: how it counts (nothing where it does not), and how far it is."""

    kind: str
    count: int = 0


class Lists:
    """The lists that are open while a paper is gone through."""

    def __init__(self) -> None:
        self.open: list[_List] = []
        self.tasks = 0  # \begin{problem} so far
        self.questions = False  # whether questions are numbered by \question

    def step(self, text: str, at: int, end: int) -> tuple[int, tuple[str, str] | None] | None:
        r"""Past a command of lists: where the line goes on, and the label that it gives.

        >>> lists = Lists()
        >>> [lists.step(s, 0, len(s)) for s in (r"\begin{enumerate}[(a)]", r"\item", r"\item b")]
        [(22, None), (5, ('part', 'a')), (6, ('part', 'b'))]
        """
        found = _BEGIN.match(text, at, end)
        if found is not None:
            return found.end(), self._begin(found)
        found = _END.match(text, at, end)
        if found is not None:
            if self.open:
                self.open.pop()
            return found.end(), None
        found = _COUNTER.match(text, at, end)
        if found is not None:
            if self.open:
                self.open[-1].count = int(found[1])
            else:
                self.tasks = int(found[1])
            return found.end(), None
        found = _ITEM.match(text, at, end)
        if found is None:
            return None
        if found["own"] and not found["said"].strip().isdigit():
            if self.open:
                self.open[-1].kind = _style(found["said"])
            return None
        return found.end(), self._item(found["what"])

    def _begin(self, found: re.Match[str]) -> tuple[str, str] | None:
        what, how = found["what"].lower(), found["how"] or ""
        if what in _NUMBERED:
            self.open.append(_List(""))
            self.tasks += 1
            return "question", str(self.tasks)
        kinds = {x.kind for x in self.open[-12:]}
        kind = {"questions": "question", "parts": "part", "subparts": "item"}.get(what, "")
        if what in ("enumerate", "tasks"):
            kind = _style(how) or (
                "item" if "part" in kinds else "part" if kinds & {"number", "question"}
                else "number")
        self.open.append(_List(kind))
        return None

    def _item(self, what: str) -> tuple[str, str] | None:
        kinds = {"question": "question", "titledquestion": "question", "part": "part",
                 "subpart": "item"}
        if not self.open:
            return None
        here = self.open[-1]
        kind = kinds.get(what, here.kind)
        here.count += 1
        if not kind or here.count > 40:
            return None
        if kind == "part" and here.count <= 26:
            return kind, chr(96 + here.count)
        if kind == "item" and here.count <= len(_ROMAN):
            return kind, _ROMAN[here.count - 1]
        return kind, str(here.count)


def _style(how: str) -> str:
    """What an enumerate's option says: (a), label=(\\alph*), i), \\arabic*."""
    said = how.split("label=", 1)[-1]
    if "alph" in said.lower():
        return "part"
    if "roman" in said.lower():
        return "item"
    if "arabic" in said:
        return "question" if re.search(r"[A-Za-z]{4,}\s", said.split("arabic")[0]) else "number"
    if "=" in said:
        return ""
    found = re.search(r"(?<![A-Za-z])(?:([a-hA-H])|([ivxIVX]{1,4})|(\d))(?![A-Za-z])", said)
    return "" if found is None else "part" if found[1] else "item" if found[2] else "number"


__all__ = ["Lists"]
