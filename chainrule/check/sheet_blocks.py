"""A sheet's file cut into pieces: the front matter, blocks between fences, and the prose.

The front matter is TOML between two lines `+++`. A block begins with a line of three backticks, a
word that says what it is and a name, and ends with a line of three backticks:

    ```program network
    y = w*x
    ```

Five kinds of block mean something here: `program`, `given`, `notation`, `question` and `answer`.
All others, a listing in some programming language say, are prose. Each piece keeps the place where
its text begins, so that an error inside can be shown in the sheet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from chainrule.errors import ChainruleError, InputError, LimitError, Span, did_you_mean
from chainrule.limits import SHEET_BLOCKS, SHEET_CHARACTERS
from chainrule.nn.positions import Source
from chainrule.spec import toml_tables

KINDS: Final = ("program", "given", "notation", "question", "answer")
_MARK: Final = "+++"
_FENCE: Final = "```"
_NAME: Final = re.compile(r"[\w.\-]+")
_HEADING: Final = re.compile(r"#{1,6}[ \t]")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences: its kind, its name, its text and where that begins.

    `head` is where the line with the fence begins.
    """

    kind: str
    name: str
    text: str
    start: int
    head: int


@dataclass(frozen=True, slots=True)
class Prose:
    """Running text; `start` is where it begins in the sheet."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A sheet cut up: the front matter as a block, then blocks and prose in order."""

    text: str
    name: str
    front: Block
    pieces: tuple[Block | Prose, ...]

    def span(self, start: int, end: int | None = None) -> Span:
        """A place in the file; without an end, to the end of its line."""
        if end is None:
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
        return Span(self.text, start, max(end, start + 1), self.name)


def cut(text: str, name: str = "sheet") -> Cut:
    """The pieces of a sheet's text.

    Raises `InputError` for a file without front matter or a fence that is never closed, and
    `LimitError` over `SHEET_CHARACTERS` or `SHEET_BLOCKS`.

    >>> whole = cut('+++\\nid = "a"\\n+++\\nWords.\\n```program net\\ny = 2*x\\n```\\n')
    >>> whole.front.text, [type(p).__name__ for p in whole.pieces]
    ('id = "a"\\n', ['Prose', 'Block'])
    """
    if len(text) > SHEET_CHARACTERS:
        raise LimitError(f"{name} has {len(text):,} characters; a sheet has at most "
                         f"{SHEET_CHARACTERS:,}")
    if "\0" in text:
        raise InputError(f"{name} is not text: it has a character of code 0")
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    cutter = _Cutter(text, name)
    front = cutter.front()
    return Cut(text, name, front, tuple(cutter.pieces()))


class _Cutter:
    """One walk over the lines."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0

    def line(self) -> str:
        """The next line, without its end."""
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        found = self.text[self.at : end]
        self.at = end + 1
        return found

    def place(self, start: int, end: int) -> Span:
        return Span(self.text, start, max(end, start + 1), self.name)

    def front(self) -> Block:
        """What stands between the first two lines `+++`."""
        while self.at < len(self.text):
            start = self.at
            line = self.line()
            if line.strip() == _MARK:
                inside = self.at
                while self.at <= len(self.text):
                    end = self.at
                    if self.line().strip() == _MARK:
                        return Block("front", "", self.text[inside:end], inside, start)
                raise InputError("the front matter is not closed", self.place(start, start + 3),
                                 "a second line +++ ends it")
            if line.strip():
                break
        raise InputError(f"{self.name} has no front matter",
                         self.place(0, min(len(self.text), 3)) if self.text else None,
                         'a sheet begins with a line +++, then id = "…" and title = "…", then '
                         "another line +++")

    def pieces(self) -> list[Block | Prose]:
        found: list[Block | Prose] = []
        start = self.at
        other = False  # inside a fenced block that is prose
        blocks = 0
        while self.at < len(self.text):
            here = self.at
            line = self.line()
            if line.startswith("#") and not other and _HEADING.match(line):
                _keep(found, self.text[start:here], start)
                start = here
            if not line.startswith(_FENCE):
                continue
            words = line.strip("`").split()
            if other:
                other = bool(words)
                continue
            if not words or not self.known(words, here, line):
                other = True
                continue
            blocks += 1
            if blocks > SHEET_BLOCKS:
                raise LimitError(f"{self.name} has more than {SHEET_BLOCKS:,} blocks")
            _keep(found, self.text[start:here], start)
            found.append(self.block(words, here, line))
            start = self.at
        _keep(found, self.text[start:], start)
        return found

    def known(self, words: list[str], here: int, line: str) -> bool:
        """Whether a fence opens a block of ours; a word that is nearly ours is refused."""
        if words[0] in KINDS:
            return True
        near = did_you_mean(words[0], list(KINDS)) if len(words) == 2 else None
        if near is not None:
            raise InputError(f"there is no block {words[0]!r:.40}",
                             self.place(here, here + len(line)), near)
        return False

    def block(self, words: list[str], here: int, line: str) -> Block:
        place = self.place(here, here + len(line))
        if len(words) > 2:
            raise InputError("a block has a kind and one name", place,
                             f"for instance ```{words[0]} {words[1]}")
        name = words[1] if len(words) == 2 else ""
        if not _NAME.fullmatch(name) and (name or words[0] in ("question", "answer")):
            raise InputError(f"a {words[0]} needs a name", place,
                             f"for instance ```{words[0]} 1.a")
        start = self.at
        while self.at < len(self.text):
            end = self.at
            inner = self.line()
            if inner.rstrip() == _FENCE:
                return Block(words[0], name or "main", self.text[start:end], start, here)
            opened = inner[len(_FENCE):].split()
            if inner.startswith(_FENCE) and opened and opened[0] in KINDS:
                break  # the next block begins inside this one
        raise InputError("this block is not closed", place, "a line of three backticks ends it")


def _keep(found: list[Block | Prose], text: str, start: int) -> None:
    """Keep prose unless it is blank."""
    if text.strip():
        found.append(Prose(text, start))


def tables(whole: Cut, block: Block) -> tuple[dict[str, Any], Places]:
    """The TOML of a block, and where its keys stand in the sheet.

    Raises what `chainrule.spec.toml_tables` raises, with places in the sheet.
    """
    try:
        data = toml_tables(block.text, whole.name)
    except ChainruleError as error:
        raise moved(error, whole, block) from None
    return data, Places(whole, block, Source(block.text, whole.name))


def moved(error: ChainruleError, whole: Cut, block: Block) -> ChainruleError:
    """The error with its place in the sheet rather than in the block."""
    span = error.span
    if span is None:
        error.span = whole.span(block.head)
    elif span.text is not whole.text:
        at = span.start if span.text == block.text else 0
        if span.text != block.text:
            inside = block.text.find(span.text)
            if inside < 0:
                error.span = whole.span(block.head)
                return error
            at = inside + span.start
        length = span.end - span.start
        error.span = whole.span(block.start + at, block.start + at + max(length, 1))
    return error


@dataclass(frozen=True, slots=True)
class Places:
    """Where the keys of one block stand in the sheet."""

    whole: Cut
    block: Block
    source: Source

    def span(self, *path: str | int) -> Span:
        """The place of a key, of what holds it where that is not known, or of the block."""
        found = self.source.span(path)
        if found is None:
            return self.whole.span(self.block.head)
        return self.whole.span(self.block.start + found.start, self.block.start + found.end)

    def fail(self, message: str, *path: str | int, hint: str | None = None) -> InputError:
        """An error at a key."""
        return InputError(message, self.span(*path), hint)
