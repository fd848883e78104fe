"""What somebody knows of a layer whose kernel, stride, padding and dilation are wanted.

Each of the numbers k, s, p, d (and q, the output padding of a transposed convolution) is known,
bounded, or open. They come as integers, as `range`s, or as text in the spelling of the command
line: `3`, `1..4`, the padding `1:2` with one cell before and two after the axis, and the stride `k`
that moves a window by its own length. `layer` checks them and makes a `Layer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Final, Literal

from chainrule.errors import InputError, LimitError

Kind = Literal["convolution", "pooling", "transposed"]
Given = int | str | range | None  # 3, "1..4", range(1, 5); None: not given

SIZE: Final = 100_000  # of an axis, and of every bound
NAMES: Final = {"k": "kernel", "s": "stride", "p": "padding", "d": "dilation",
                 "q": "output padding"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The integers from `low` to `high`, both included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"

    @property
    def single(self) -> bool:
        """Whether there is one integer only."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Layer:
    """What is known of a layer; None for what is not. `tied` says that s = k."""

    kind: Kind = "convolution"
    k: Bounds | None = None
    s: Bounds | None = None
    p: Bounds | None = None
    d: Bounds | None = None
    q: Bounds = Bounds(0, 0)
    sides: tuple[int, int] | None = None  # a padding a:b
    asymmetric: bool = False
    tied: bool = False


def layer(kind: Kind = "convolution", *, k: Given = None, s: Given = None, p: Given = None,
          d: Given = None, q: Given = None, asymmetric: bool = False) -> Layer:
    """What is known of a layer from numbers, `range`s, and text such as "3" and "1..4".

    A padding may be "1:2", one cell before and two after the axis; `asymmetric` looks for such
    paddings too, with one cell more at the end. A stride may be "k", as long as the kernel: windows
    side by side. Raises `InputError` for a bound that is none.

    >>> layer(k="2..3", s="k").tied
    True
    """
    if kind not in ("convolution", "pooling", "transposed"):
        raise InputError(f"there is no kind {str(kind)[:40]!r} of layer",
                         hint="kinds are convolution, pooling and transposed")
    if q is not None and kind != "transposed":
        raise InputError("only a transposed convolution has an output padding",
                         hint='leave it out, or ask for the kind "transposed"')
    tied = isinstance(s, str) and s.strip() == "k"
    ends = _two_sides(p) if isinstance(p, str) and ":" in p else None
    return Layer(kind, _bounds("k", k), None if tied else _bounds("s", s),
                 None if ends else _bounds("p", p), _bounds("d", d),
                 _bounds("q", q) or Bounds(0, 0), ends, asymmetric, tied)


def _bounds(name: str, given: Given) -> Bounds | None:
    if given is None:
        return None
    least = 0 if name in "pq" else 1
    low, high = _ends(name, given)
    if low > high:
        raise InputError(f"the {NAMES[name]} {given!s:.40} has its ends the wrong way round",
                         hint=f"write {high}..{low}")
    if low < least:
        raise InputError(
            f"the {NAMES[name]} has to be at least {least}, found {low}",
            hint="a stride of 0 would never move the window" if name == "s" else
            "d = 1 is a kernel without dilation" if name == "d" else None)
    if high > SIZE:
        raise LimitError(f"the {NAMES[name]} may be at most {SIZE:,}, found {high:,}"[:200])
    return Bounds(low, high)


def _ends(name: str, given: int | str | range) -> tuple[int, int]:
    """The two ends of what was given, in the order in which they were."""
    if isinstance(given, range) and given.step == 1 and len(given):
        return given.start, given.stop - 1
    if isinstance(given, str):
        low, dots, high = given.partition("..")
        return _integer(name, low, given), _integer(name, high if dots else low, given)
    try:
        if not isinstance(given, bool | range):
            return index(given), index(given)
    except TypeError:
        pass
    raise InputError(f"the {NAMES[name]} is {given!r:.60}, not an integer",
                     hint='give a number, a range(1, 5), or "1..4" for the numbers from 1 to 4')


def _integer(name: str, text: str, whole: str) -> int:
    word = text.strip()
    digits = word[1:] if word[:1] == "-" else word
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(f"the {NAMES[name]} is {whole!r:.60}, not an integer",
                         hint="write 3, or 1..4 for the numbers from 1 to 4")
    if len(digits) > 12:
        raise LimitError(f"the {NAMES[name]} may be at most {SIZE:,}")
    return int(word)


def _two_sides(text: str) -> tuple[int, int]:
    before, _, after = text.partition(":")
    low, high = _bounds("p", before), _bounds("p", after)
    if low is None or high is None or not (low.single and high.single):
        raise InputError(f"the padding {text!r:.40} is not a number of cells before and after",
                         hint="write 1:2 for one cell before and two after")
    return low.low, high.low


def sizes(value: int | Sequence[int], what: str) -> tuple[int, ...]:
    """The sizes of the axes, checked: integers from 1 to `SIZE`."""
    given = list(value) if isinstance(value, Sequence) else [value]
    if not given or isinstance(value, str):
        raise InputError(f"the {what} size is {value!r:.40}, not an integer")
    numbers = []
    for size in given:
        try:
            number = index(size)
        except TypeError:
            raise InputError(f"the {what} size is {size!r:.40}, not an integer") from None
        if number < 1:
            raise InputError(f"the {what} size has to be at least 1, found {number}",
                             hint="a layer needs a cell to read and a cell to write")
        if number > SIZE:
            raise LimitError(f"the {what} size may be at most {SIZE:,}, found {number:,}"[:200])
        numbers.append(number)
    return tuple(numbers)
