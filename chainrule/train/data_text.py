"""Text: what a network that goes on with a text is trained on.

A text is a row of tokens; here each character is one, and the alphabet is the characters that the
text has. An example is a window of so many characters, and its answer is the same window one
character on: at each place the network is asked what comes next.

    >>> found = Text.of("abcab", window=3)
    >>> found.alphabet, found.train.tokens.tolist(), found.train.next.tolist()
    (('a', 'b', 'c'), [[0, 1, 2], [1, 2, 0]], [[1, 2, 0], [2, 0, 1]])

A split cuts the text at two places, so that the end, which is asked about, is not the text that was
learnt. In a long text, windows begin where the one before ends.

Source: the arrangement is that of A. Karpathy's char-rnn (2015) and nanoGPT (2022).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from chainrule.errors import InputError, UnknownNameError, visible
from chainrule.limits import DATA_CLASSES
from chainrule.train.data_examples import PARTS, check_cells
from chainrule.train.data_files import broken, file_size, named
from chainrule.train.data_split import Split, sizes

PREFIX: Final = "text:"  # of a word that names a text
WINDOW: Final = 64  # characters of an example where nobody says
TEXT_BYTES: Final = 100_000_000  # of one file
_LONG: Final = 50_000  # characters: from here on windows do not overlap


@dataclass(frozen=True, eq=False)
class Windows:
    """Examples of a text: `tokens` (n, T), and what comes after each of them, `next` (n, T)."""

    tokens: np.ndarray
    next: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, eq=False)
class Text:
    """A text in numbers: its alphabet, and windows to learn from, to choose and to report by."""

    text: str
    alphabet: tuple[str, ...]
    window: int
    train: Windows
    validation: Windows | None = None
    test: Windows | None = None
    name: str = "text"

    @classmethod
    def of(cls, text: str, window: int = WINDOW, split: Split | None = None,
           name: str = "text") -> Text:
        """A text cut into windows; `split` says how much of it is for which part.

        Raises `InputError` where a part is shorter than a window and the character after it.
        """
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise InputError(f"a window is 1 or more characters, not {window!r:.40}")
        alphabet = tuple(sorted(set(text)))
        if len(alphabet) > DATA_CLASSES:
            raise InputError(f"{name} has {len(alphabet):,} different characters, more than "
                             f"{DATA_CLASSES:,}")
        lengths = (len(text),) if split is None else sizes(split, len(text))
        step = 1 if len(text) <= _LONG else window
        found: dict[str, Windows] = {}
        start = 0
        for part, length in zip(PARTS, lengths, strict=False):
            if length:
                piece = encoded(text[start : start + length], alphabet)
                found[part] = _windows(piece, window, step, f"the {part} part of {name}")
            start += length
        return cls(text, alphabet, window, found["train"], found.get("validation"),
                   found.get("test"), name)

    def parts(self) -> dict[str, Windows]:
        """The parts there are, by name."""
        found = zip(PARTS, (self.train, self.validation, self.test), strict=True)
        return {name: part for name, part in found if part is not None}

    def encode(self, text: str) -> np.ndarray:
        """A text as tokens; raises `UnknownNameError` for a character that is not in the alphabet.

        >>> Text.of("abcab", 3).encode("cab").tolist()
        [2, 0, 1]
        """
        return encoded(text, self.alphabet)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(part):,} {name}" for name, part in self.parts().items())
        return (f"<Text {self.name}: {len(self.alphabet)} characters, windows of {self.window}: "
                f"{counts}>")


def is_text(what: object) -> bool:
    """Whether a word names a text, as `text:poem.txt` does."""
    return isinstance(what, str) and what.startswith(PREFIX)


def load_text(what: str | os.PathLike[str], window: int = WINDOW,
              split: Split | None = None) -> Text:
    """The text of a file in UTF-8, named with or without `text:`; raises what `Text.of` raises."""
    path = Path(os.fspath(what).removeprefix(PREFIX))
    file_size(path, TEXT_BYTES)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken(path, f"is no text in UTF-8: byte {error.start:,} is "
                           f"0x{error.object[error.start]:02x}") from None
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror}") from None
    return Text.of(text.replace("\r\n", "\n"), window, split, named(path.name, 60))


def encoded(text: str, alphabet: Sequence[str]) -> np.ndarray:
    """The numbers of a text's characters in an alphabet."""
    numbers = {character: k for k, character in enumerate(alphabet)}
    for place, character in enumerate(text):
        if character not in numbers:
            raise UnknownNameError(
                f"character {place + 1} of {visible(text[:40])!r} is {visible(character)!r}, which "
                "the text that was learnt does not have", None,
                f"it has {visible(''.join(alphabet)[:80])}")
    return np.array([numbers[character] for character in text], np.int64)


def _windows(tokens: np.ndarray, window: int, step: int, what: str) -> Windows:
    if len(tokens) <= window:
        raise InputError(f"{what} has {len(tokens):,} characters: too short for a window of "
                         f"{window} and the character after it", None,
                         f"take a smaller window, such as {max(1, len(tokens) // 4)}")
    check_cells((len(tokens) // step) * window, 8, what)
    views = np.lib.stride_tricks.sliding_window_view(tokens, window + 1)[::step]
    return Windows(views[:, :-1], views[:, 1:])
