"""Which of several choices a paper takes, where it says so plainly.

Under the label of the question stands one of the choices and no other, or its number alone. Where
two of them stand there, or none, or a word that may turn the meaning ("not", "or"), a person reads
the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chainrule.check.judge_homes import keys_of
from chainrule.check.paper import Heading, Label, Paper
from chainrule.check.sheet import Question

_LONGEST: Final = 1_000  # characters of an answer that is looked at
_TURNS: Final = re.compile(
    r"(?i)\b(?:not|neither|nor|never|none|except|unlike|instead|rather|but|or|maybe|perhaps|both|"
    r"all|wrong|false|nicht|kein\w*|oder|aber|falsch|ni|sino|pero)\b|n['’]t\b|\?|~~")
_NUMBER: Final = re.compile(r"[\s*_$(]*(?:(?:answer|choice|option|antwort)\W{0,3})?"
                            r"(\d{1,2}|[a-z])[\s*_$).:]*", re.IGNORECASE)
_LEVELS: Final = {"question": 0, "answer": 0, "part": 1, "item": 2, "number": 3}


def chosen(question: Question, paper: Paper) -> int | None:
    """The number of the choice that a paper takes, from 1; None where that is not clear.

    >>> from chainrule.check.read import read_paper
    >>> question = Question("2", "", "x", "choice", path=(("question", "2"),),
    ...                     options={"choices": ["ReLU", "tanh", "leaky ReLU"], "right": 2})
    >>> for text in ("tanh, since it is odd", "Leaky ReLU", "2", "not ReLU", "tanh or ReLU"):
    ...     print(chosen(question, read_paper(f"Question 2\\n\\n{text}\\n", "p.md")))
    2
    3
    2
    None
    None
    """
    choices = question.options.get("choices")
    found = _below(question, paper)
    if not isinstance(choices, list) or found is None or len(found) > _LONGEST:
        return None
    number = _NUMBER.fullmatch(found)
    names = [_bare(str(c)) for c in choices]
    if number is not None and number[1].lower() not in names:
        at = int(number[1]) if number[1].isdigit() else ord(number[1].lower()) - ord("a") + 1
        return at if 0 < at <= len(names) else None
    text = _bare(found)
    taken = set()
    for k in sorted(range(len(names)), key=lambda k: -len(names[k])):
        if not names[k]:
            return None
        pattern = re.compile(rf"(?<!\w){re.escape(names[k])}(?!\w)")
        if pattern.search(text):
            taken.add(k + 1)
            text = pattern.sub(" ", text)
    return taken.pop() if len(taken) == 1 and not _TURNS.search(text) else None


def _bare(text: str) -> str:
    """Text as it is compared: small letters, no marks of Markdown or LaTeX."""
    return " ".join(re.sub(r"[*_`$\\{}]", " ", text).lower().split())


def _below(question: Question, paper: Paper) -> str | None:
    """What stands under a question's labels, if that is one place."""
    wanted = keys_of(question)
    path: list[tuple[int, str]] = []
    marks: list[tuple[int, int, tuple[str, ...] | None]] = []
    for block in paper.blocks:
        if isinstance(block, Label):
            level = _LEVELS.get(block.kind, 3)
            path = [p for p in path if p[0] < level] + [(level, block.key)]
            marks.append((block.place.start, block.place.end, tuple(k for _, k in path)))
        elif isinstance(block, Heading):
            marks.append((block.place.start, block.place.end, None))
    places = _places(wanted, marks, len(paper.text))
    return paper.text[slice(*places[0])] if len(places) == 1 and wanted else None


def _places(wanted: tuple[str, ...], marks: Sequence[tuple[int, int, tuple[str, ...] | None]],
            end: int) -> list[tuple[int, int]]:
    ends = [m[0] for m in marks[1:]] + [end]
    return [(m[1], e) for m, e in zip(marks, ends, strict=True) if m[2] == wanted]


__all__ = ["chosen"]
