"""A convolution worked by hand: its formula, its size, every window, and the way back.

There is one formula. On each axis

    y[i] = sum(a) w[a] * x[s*i - d*a + c]      true convolution, the kernel flipped
    y[i] = sum(a) w[a] * x[s*i + d*a - p]      correlation, what networks call convolution

with stride s, dilation d, p zeros before the input, and c = d*(k - 1) - p. `formula` writes it as
a text of the language; from that text follow the size of the output, its values, both gradients,
and the windows that are drawn. Values are exact, so that the working can be checked by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import InputError, ShapeError
from chainrule.evaluate.values import CellArray
from chainrule.explain.convolve_page import Explained, Names, Numbers, by
from chainrule.explain.convolve_sizes import (
    MODES,
    Padding,
    Size,
    Steps,
    check_length,
    padding_text,
    sizes_given,
)
from chainrule.explain.convolve_values import check_symbols, read, symbols
from chainrule.explain.windows import Sliding
from chainrule.lang.expr import Expr
from chainrule.lang.integers import Integer, index
from chainrule.lang.printing import expression_text
from chainrule.lang.ranges import program
from chainrule.render import Page

MOST = 16  # positions drawn unless more are asked for


@dataclass(frozen=True)
class Convolution:
    """A convolution worked: the document, and the numbers by themselves.

    `result` is the output; `gradient` has the adjoints of "input" and "kernel" if they were asked
    for. `windows` holds the picture of each: of "output", "input" and "kernel". `text` is the
    formula in the language.
    """

    document: Page
    result: CellArray
    gradient: dict[str, CellArray]
    windows: dict[str, Sliding] = field(repr=False)
    text: str

    def __str__(self) -> str:
        return str(self.document)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return self.document._repr_html_()

    def _repr_latex_(self) -> str:
        return self.document._repr_latex_()


def convolve(
    x: Any,
    w: Any,
    mode: str = "full",
    flip: bool = True,
    stride: Steps = 1,
    dilation: Steps = 1,
    *,
    padding: Padding | None = None,
    backward: bool = False,
    seed: Any = None,
    most: int = MOST,
    digits: int = 4,
) -> Convolution:
    """The convolution of `x` with the kernel `w`, in one or two axes, with its working.

    `x` and `w` are texts (`"[1, 1/2, a]"`), nested lists or arrays. `mode` is "full", "valid" or
    "same"; `padding` says instead how many zeros stand before and after: 1, "1:2", or an entry an
    axis. `flip=False` gives the correlation. `stride` and `dilation` are one number, or one an
    axis. With `backward` the gradients of both follow, for the output's adjoint `seed` (all ones
    unless given). `most` positions are drawn; `digits` are decimal places.

    Raises `InputError` (a stride of 0, an unknown mode, values that are no numbers), `ShapeError`
    (axes that do not agree, a kernel that does not fit), `LimitError`.

    >>> [int(cell) for cell in convolve([1, 2, 3, 4], [1, 0, 2], "same").result.cells]
    [2, 5, 8, 6]
    >>> c = convolve([1, 2, 3, 4], [1, 0, 2], "valid", backward=True)
    >>> [int(cell) for cell in c.gradient["kernel"].cells]
    [7, 5, 3]
    """
    given, kernel = read("the input", x), read("the kernel", w)
    if len(given.shape) != len(kernel.shape):
        raise ShapeError(f"the input has {_axes(given)} and the kernel {_axes(kernel)}", None,
                         "give both as lists, or both as matrices")
    if most < 0:
        raise InputError(f"{most} positions cannot be drawn: give 0 or more")
    if not 0 <= digits <= 30:
        raise InputError(f"{digits} digits: give a number of decimal places from 0 to 30")
    sizes = tuple(sizes_given(given.shape, kernel.shape, mode, stride, dilation, padding))
    check_length(sizes)
    positions = math.prod(size.output for size in sizes) if backward else 1
    check_symbols(given, kernel, max(positions, len(kernel.cells)))
    names = Names.beside(symbols(given, kernel))
    text = formula(given, kernel, sizes, flip, names)
    work = Numbers(program(text), given, kernel, names, seed, digits, backward)
    named = f"padding {padding_text(sizes).replace(' ', '')}" if padding is not None else mode
    same = padding is None and mode == "same"
    blocks = Explained(work, sizes, flip, same, most, _equation(sizes, flip, names)).blocks()
    title = _title(given, kernel, flip, named, sizes)
    meta = {"formula": text, "result": _plain(work.cells[names.y])}
    gradient: dict[str, CellArray] = {}
    if backward:
        gradient = {role: work.adjoint(name) for role, name in
                    (("input", names.x), ("kernel", names.w))}
        meta |= {f"{role} gradient": _plain(cells) for role, cells in gradient.items()}
    return Convolution(Page(title, tuple(blocks), meta), work.cells[names.y], gradient,
                       work.windows(), text)


def formula(x: CellArray, w: CellArray, sizes: Sequence[Size], flip: bool = True,
            names: Names | None = None) -> str:
    """The convolution as a program of the language: the one place where its formula stands.

    >>> x, w = read("x", "[1, 2, 3, 4]"), read("w", "[1, 0, 2]")
    >>> formula(x, w, [Size(4, 3, 2, 2)])
    'input x[4], w[3]; y[i] = sum(a) w[a]*x[i - a; pad 2 with 0]'
    """
    n = names or Names()
    equation = _equation(sizes, flip, n)
    given = symbols(x, w)
    if not given:
        return f"input {_shaped(n.x, x)}, {_shaped(n.w, w)}; {equation}"
    cells = [f"{name}[{','.join(map(str, place))}] = {_text(array[place])}"
             for name, array in ((n.x, x), (n.w, w)) for place in array.places()]
    return "; ".join([f"input {', '.join(given)}", *cells, equation])


def _equation(sizes: Sequence[Size], flip: bool, n: Names) -> str:
    """The formula itself."""
    used = len(sizes)
    subscripts = [str(_subscript(size, index(i), index(a), flip))
                  for size, i, a in zip(sizes, n.outer, n.inner, strict=False)]
    padded = any(size.before or size.after for size in sizes)
    read_at = ", ".join(subscripts) + (f"; pad {padding_text(sizes)} with 0" if padded else "")
    inner = ",".join(n.inner[:used])
    body = f"sum({inner}) {n.w}[{inner}]*{n.x}[{read_at}]"
    return f"{n.y}[{','.join(n.outer[:used])}] = {body}"


def _subscript(size: Size, i: Integer, a: Integer, flip: bool) -> Integer:
    """Where the window of cell `i` lies under cell `a` of the kernel, on one axis."""
    if flip:
        return size.stride * i - size.dilation * a + (size.reach - 1 - size.before)
    return size.stride * i + size.dilation * a - size.before


# --- words ----------------------------------------------------------------------------------------


def _title(x: CellArray, w: CellArray, flip: bool, named: str, sizes: Sequence[Size]) -> str:
    kind = "Convolution" if flip else "Correlation"
    what = (f"{kind} of a {by(x.shape)} input with a {by(w.shape)} kernel, {named}"
            if len(x.shape) > 1 else
            f"{kind} of {x.shape[0]} cells with a kernel of {w.shape[0]}, {named}")
    for word in ("stride", "dilation"):
        numbers = [getattr(size, word) for size in sizes]
        if max(numbers) > 1:
            what += f", {word} {','.join(map(str, dict.fromkeys(numbers)))}"
    return what


def _axes(cells: CellArray) -> str:
    count = len(cells.shape)
    return "1 axis" if count == 1 else f"{count} axes"


def _shaped(name: str, cells: CellArray) -> str:
    return f"{name}[{', '.join(map(str, cells.shape))}]"


def _text(value: Any) -> str:
    return expression_text(value) if isinstance(value, Expr) else str(value)


def _plain(cells: CellArray) -> str:
    """A tensor as it could be typed."""
    def written(part: Any) -> str:
        if isinstance(part, list):
            return f"[{', '.join(map(written, part))}]"
        return _text(part)

    return written(cells.nested())


__all__ = ["MODES", "MOST", "Convolution", "convolve", "formula"]
