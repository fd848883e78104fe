"""Where things stand in a TOML text.

Python's reader of TOML gives tables without places, and an error wants a line. This walks over a
text that has been read already, so it may take it for right, and notes where each key and each
element of a list begins.

    >>> where = positions('a = [1, {b = 2}]\\n[[layers]]\\nReLU = {}')
    >>> where["a", 1, "b"], where["layers", 0], where["layers", 0, "ReLU"]
    ((9, 10), (19, 25), (28, 32))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from chainrule.errors import Span

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SIMPLE: Final = re.compile(r"[^,\]}\n#]+")
_STRINGS: Final = (
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def positions(text: str) -> dict[Path, tuple[int, int]]:
    """The start and end of each key and list element of a valid TOML text, by its path."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


@dataclass(frozen=True, slots=True)
class Source:
    """The text that a specification was read from, and its name; where things stand in it."""

    text: str
    name: str
    found: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def span(self, path: Path) -> Span | None:
        """The place of a key or a list's element; of what holds it, where that is not known."""
        if not self.found:
            self.found.update(positions(self.text))
        while path:
            place = self.found.get(path)
            if place is not None:
                return Span(self.text, *place, self.name)
            path = path[:-1]
        return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, tuple[int, int]] = {}
        self.counts: dict[Path, int] = {}  # how many [[tables]] of a name there were

    def document(self) -> None:
        here: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                here = self.head()
            else:
                self.pair(here)
            self.blank()

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def head(self) -> Path:
        """`[a.b]` or `[[a.b]]`."""
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        self.blank()
        words = self.key()
        self.blank()
        self.at += 2 if double else 1
        path: Path = ()
        for k, (word, span) in enumerate(words):
            path = (*path, word)
            if double and k == len(words) - 1:
                number = self.counts.get(path, 0)
                self.counts[path] = number + 1
                self.found.setdefault(path, span)
                path = (*path, number)
            elif path in self.counts:
                path = (*path, self.counts[path] - 1)
            self.found.setdefault(path, span)
        return path

    def key(self) -> list[tuple[str, tuple[int, int]]]:
        """`a`, `a.b`, `"a b"`: each word and where it stands."""
        words: list[tuple[str, tuple[int, int]]] = []
        while True:
            start = self.at
            if self.text[self.at] in "\"'":
                self.string()
                words.append((self.text[start + 1 : self.at - 1], (start, self.at)))
            else:
                match = _BARE.match(self.text, self.at)
                if match is None:  # not TOML; the reader would have said so
                    self.at = len(self.text)
                    return words
                self.at = match.end()
                words.append((match[0], match.span()))
            end = self.at
            self.spaces()
            if not self.text.startswith(".", self.at):
                self.at = end
                return words
            self.at += 1
            self.spaces()

    def spaces(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def pair(self, here: Path) -> None:
        """`key = value`."""
        for word, span in self.key():
            here = (*here, word)
            self.found.setdefault(here, span)
        self.blank()
        self.at += 1  # the equals sign
        self.blank()
        self.value(here)

    def value(self, here: Path) -> None:
        mark = self.text[self.at : self.at + 1]
        if mark in ("[", "{"):
            self.at += 1
            self.blank()
            number = 0
            while self.at < len(self.text) and self.text[self.at] not in "]}":
                if mark == "{":
                    self.pair(here)
                else:
                    start = self.at
                    self.value((*here, number))
                    self.found[(*here, number)] = (start, self.at)
                    number += 1
                self.blank()
                if self.text[self.at : self.at + 1] == ",":
                    self.at += 1
                    self.blank()
            self.at += 1
        elif mark in ('"', "'"):
            self.string()
        else:
            match = _SIMPLE.match(self.text, self.at)
            self.at = match.end() if match is not None else len(self.text)

    def string(self) -> None:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match is not None:
                self.at = match.end()
                return
        self.at = len(self.text)
