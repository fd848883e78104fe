"""The size of a convolution's output, axis by axis, with its floor worked.

A kernel of k cells, dilated by d, covers d(k - 1) + 1 of them. On n cells with p zeros before and q
after it can start at n + p + q - d(k - 1) places, of which a stride of s takes every s-th. The
modes are names for paddings: `full` lets the kernel reach over the edge until only one cell
touches, `valid` not at all, and `same` so that (without a stride) the size is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainrule.document.blocks import Block, Chain, Link, inlines, p
from chainrule.document.mathtree import (
    Fence,
    Fraction,
    Identifier,
    Math,
    Num,
    Subscript,
    row,
)
from chainrule.errors import InputError, LimitError, ShapeError, did_you_mean
from chainrule.limits import TRACED_CELLS

MODES = ("full", "valid", "same")

Padding = int | str | Sequence[int | tuple[int, int]]
Steps = int | str | Sequence[int]


@dataclass(frozen=True, slots=True)
class Size:
    """One axis: cells, kernel cells, zeros before and after, stride, dilation.

    >>> Size(7, 3, 1, 1, stride=2).output
    4
    """

    cells: int
    kernel: int
    before: int
    after: int
    stride: int = 1
    dilation: int = 1

    @property
    def reach(self) -> int:
        """The cells that the kernel covers, gaps included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> int:
        """The cells of the padded input."""
        return self.cells + self.before + self.after

    @property
    def output(self) -> int:
        """The positions of the kernel."""
        return (self.padded - self.reach) // self.stride + 1


def sizes_worked(sizes: Sequence[Size], shape: Sequence[int]) -> list[Block]:
    """The formula of each axis with its numbers; `shape` is what the program came to."""
    letters = [Identifier(c) for c in "npqkds"]
    n, p_, q, k, d, s = letters
    said = p("With ", n, " cells, ", p_, " zeros before them and ", q, " after, a kernel of ", k,
             " cells, dilation ", d, " and stride ", s, ":")
    noun = ("rows", "columns") if len(sizes) > 1 else ("",)
    return [said, *(_worked(*parts) for parts in zip(sizes, shape, noun, strict=True))]


def _worked(size: Size, output: int, noun: str) -> Block:
    """One axis: the letters, the numbers, the floor, the size."""
    left: Math = Identifier("o")
    if noun:
        left = Subscript(left, Identifier(noun, upright=True))
    letters = [Identifier(c) for c in "npqdks"]
    numbers = [Num(str(n)) for n in (size.cells, size.before, size.after, size.dilation,
                                     size.kernel, size.stride)]
    top = size.padded - size.reach
    lost = top % size.stride
    why = ""
    if lost:
        last = "cell of the padded input stays" if lost == 1 else (
            f"{lost} cells of the padded input stay")
        why = f"rounded down: the last {last} unused"
    return Chain(left, (
        Link(_formula(*letters)),
        Link(_formula(*numbers)),
        Link(row(Fence(Fraction(Num(str(top)), Num(str(size.stride))), "⌊", "⌋"), "+", Num("1")),
             inlines(why)),
        Link(Num(str(output)))))


def _formula(n: Math, p: Math, q: Math, d: Math, k: Math, s: Math) -> Math:
    """⌊(n + p + q - d(k - 1) - 1)/s⌋ + 1"""
    gaps = row(d, "·", Fence(row(k, "-", Num("1"))))
    top = row(n, "+", p, "+", q, "-", gaps, "-", Num("1"))
    return row(Fence(Fraction(top, s), "⌊", "⌋"), "+", Num("1"))


# --- what is given -------------------------------------------------------------------------------


def sizes_given(cells: tuple[int, ...], kernel: tuple[int, ...], mode: str, stride: Steps,
           dilation: Steps, padding: Padding | None) -> list[Size]:
    """The numbers of each axis, checked."""
    if mode not in MODES:
        raise InputError(f"there is no mode {mode!r:.40}", None,
                         did_you_mean(str(mode), list(MODES)) or f"modes are {', '.join(MODES)}")
    count = len(cells)
    strides = _steps("stride", stride, count)
    dilations = _steps("dilation", dilation, count)
    found = []
    pads = _padding(padding, count) if padding is not None else [(0, 0)] * count
    for k, (before, after) in enumerate(pads):
        size = Size(cells[k], kernel[k], before, after, strides[k], dilations[k])
        if padding is None and mode == "full":
            size = replace(size, before=size.reach - 1, after=size.reach - 1)
        elif padding is None and mode == "same":
            size = replace(size, before=size.reach // 2, after=(size.reach - 1) // 2)
        found.append(size)
    for k, size in enumerate(found):
        if size.padded < size.reach:
            where = "" if count == 1 else " in the columns" if k else " in the rows"
            dilated = f" ({size.kernel}, dilated by {size.dilation})" if size.dilation > 1 else ""
            padded = " with its padding" if size.before or size.after else ""
            raise ShapeError(f"the kernel covers {size.reach} cells{dilated}{where}, and the input"
                             f"{padded} has {size.padded}", None,
                             "pad the input (--mode full or --padding), or take a smaller kernel")
    return found


def check_length(sizes: Sequence[Size]) -> None:
    """Refuse what nobody would read, before it is worked."""
    positions = math.prod(size.output for size in sizes)
    products = positions * math.prod(size.kernel for size in sizes)
    if products > TRACED_CELLS:
        raise LimitError(f"{positions:,} positions have {products:,} products; at most "
                         f"{TRACED_CELLS:,} are worked by hand", None,
                         "take a smaller input or kernel; run evaluates a formula of any size")


def _steps(what: str, given: Steps, count: int) -> list[int]:
    """A stride or a dilation for each axis."""
    parts: list[Any] = ([part.strip() for part in given.split(",")] if isinstance(given, str)
                        else list(given) if isinstance(given, Sequence) else [given])
    found = [_whole(what, part) for part in parts]
    if len(found) == 1:
        found *= count
    if len(found) != count:
        raise ShapeError(f"{len(found)} numbers for the {what} of {_noun(count)}", None,
                         "give one for all, or one for each")
    for value in found:
        if value < 1:
            raise InputError(f"the {what} is {value}; it must be 1 or more", None,
                             "1 moves the kernel cell by cell" if what == "stride"
                             else "1 is a kernel without gaps")
    return found


def _padding(given: Padding, count: int) -> list[tuple[int, int]]:
    """How many zeros stand before and after, for each axis."""
    parts: list[Any] = ([part.strip() for part in given.split(",")] if isinstance(given, str)
                        else list(given) if isinstance(given, Sequence) else [given])
    found: list[tuple[int, int]] = []
    for part in parts:
        ends = (part.split(":") if isinstance(part, str) else list(part)
                if isinstance(part, Sequence) else [part])
        if len(ends) > 2:
            raise InputError(f"padding {part!r:.40} has {len(ends)} numbers", None,
                             "write 1, or 1:2 for one zero before and two after")
        numbers = [_whole("padding", end) for end in ends]
        found.append((numbers[0], numbers[-1]))
    if len(found) == 1:
        found *= count
    if len(found) != count:
        raise ShapeError(f"padding for {len(found)} axes, where there is {_noun(count)}"
                         if count == 1 else f"padding for {len(found)} axes of {count}", None,
                         "give one entry for all axes, or one for each: 1,2 or 1:2,0:1")
    for before, after in found:
        if min(before, after) < 0:
            raise InputError(f"a padding of {min(before, after)} is negative", None,
                             "give 0 or more zeros")
    return found


def _whole(what: str, given: Any) -> int:
    """A whole number from what was given."""
    if isinstance(given, bool) or not isinstance(given, int | str) or (
            isinstance(given, str) and not (given.strip().lstrip("+-").isdecimal()
                                            and len(given) <= 12)):
        raise InputError(f"the {what} {given!r:.40} is not a whole number", None,
                         "for example 2, or 2,1 for rows and columns")
    return int(given)


def _noun(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"


def padding_text(sizes: Sequence[Size]) -> str:
    """The padding of each axis as it could be typed: `1`, `1:2`, `1:2, 0`."""
    return ", ".join(str(s.before) if s.before == s.after else f"{s.before}:{s.after}"
                     for s in sizes)
