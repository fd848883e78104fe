"""From an entry's text to a program: `...` and braces written out for a number of axes.

    >>> written_out("y[..., {2*i + r}] = x[..., {i}] with {r < 2}", 1, 2)
    'y[n, 2*i + r_1, 2*j + r_2] = x[n, i, j] with r_1 < 2, r_2 < 2'
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from chainrule.errors import LimitError
from chainrule.formulas.entry import Entry
from chainrule.lang.program import Program
from chainrule.lang.ranges import program
from chainrule.limits import TENSOR_AXES

# what a name in braces is called on each axis, in one, two and three dimensions
_NAMES: Final = {
    "i": ("i", "ij", "rij"), "k": ("k", "kl", "tkl"),
    "I": ("I", "HW", "DHW"), "K": ("K", "KL", "JKL"),
}  # fmt: skip
_TOKENS: Final = ("n", "t", "m", "h", "z", "f", "a")
_IMAGES: Final = ("n", "c", "m", "t", "z", "f", "a")  # where a window follows
_ALONE: Final = ("n", "c", "h", "w", "d", "m", "r")  # where the text names no other axis
_BRACES: Final = re.compile(r"\{(\*?)([^{}]*)\}")
_FLAT: Final = re.compile(r"flat\(\{(\w+)\}; \{(\w+)\}\)")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_DECLARED: Final = re.compile(r"^\s*(input|parameter|constant|label|integer|zeros)\b")
_FIRST: Final = re.compile(
    r"^\s*(?:input|label|integer)\s+([^\W\d]\w*)(?:\[([^\]]*)\])?", re.MULTILINE
)
_INPUTS: Final = re.compile(r"^\s*(?:input|label|integer)\s+(.*)$", re.MULTILINE)
_LEARNT: Final = re.compile(r"^\s*(?:parameter|constant)\s+(.*)$", re.MULTILINE)
_PAD: Final = re.compile(r"pad [^\]]* with ")
_EMPTY: Final = re.compile(r"(?:sum|mean|max|min)\(\) ")


def written_out(text: str, leading: int, axes: int) -> str:
    """The text for `leading` axes in front and `axes` in the window."""
    windowed = "{" in text
    text = _FLAT.sub(lambda m: _flat(m[1], m[2], axes), text)
    text = _BRACES.sub(lambda m: _repeated(m[2], axes, "*" if m[1] else ", "), text)
    alone = not windowed and not re.search(r"\.\.\.\s*,|,\s*\.\.\.", text)
    text = _leading(text, leading, _ALONE if alone else _IMAGES if windowed and axes else _TOKENS)
    text = re.sub(r",\s*(?=,)", "", text)  # where nothing stood in the braces
    text = re.sub(r"(?<=[\[(])\s*,\s*|\s*,\s*(?=[\]);]|with |$)", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<=pad)\s*,\s*", " ", text)
    text = re.sub(r"\[\s*\]", "", text)
    text = re.sub(r" with\s*$", "", text, flags=re.MULTILINE)
    return _EMPTY.sub("", text)


def _repeated(part: str, axes: int, between: str) -> str:
    """What stands in braces, for each axis; `{*…}` is a product."""
    parts = [_on_axis(part, axis, axes) for axis in range(axes)]
    return between.join(parts) if parts or between != "*" else "1"


def _on_axis(part: str, axis: int, axes: int) -> str:
    """One of the braces' contents with its names as they are on an axis."""
    return _NAME.sub(
        lambda m: m[0] if part[m.end() : m.end() + 1] == "(" else name_on_axis(m[0], axis, axes),
        part)


def name_on_axis(name: str, axis: int, axes: int) -> str:
    """What a name in braces is called on an axis: i, j; s_1, s_2."""
    if axes <= 3 and name in _NAMES:
        return _NAMES[name][axes - 1][axis]
    if axes == 1:
        return name
    return f"{name}_{axis + 1}"


def _flat(name: str, size: str, axes: int) -> str:
    """The row-major position of the cell {name} among {size} cells: (c*H + i)*W + j."""
    text = name_on_axis(name, 0, axes) if axes else "0"
    for axis in range(1, axes):
        here = name_on_axis(name, axis, axes), name_on_axis(size, axis, axes)
        text = f"({text}*{here[1]} + {here[0]})"
    return text


def _leading(text: str, leading: int, letters: tuple[str, ...]) -> str:
    used = {m.lower() for m in _NAME.findall(text)}
    wanted = [n for n in letters if letters is _ALONE or n not in used]
    wanted += [f"{wanted[0]}_{k}" for k in range(2, TENSOR_AXES)]
    names = wanted[:leading]
    lines = []
    for line in text.splitlines():
        upper = _DECLARED.match(line) is not None
        line = line.replace("... < ...", ", ".join(f"{n} < {n.upper()}" for n in names))
        line = _PAD.sub(lambda m: m[0].replace("...", ", ".join("0" * leading)), line)
        lines.append(line.replace(
            "...", ", ".join(n.upper() if upper else n for n in names)))
    return "\n".join(lines)


@lru_cache(maxsize=512)
def _generic(text: str, name: str, leading: int, axes: int) -> Program:
    """The program of a text with all its sizes as names."""
    if leading + axes > TENSOR_AXES - 2:
        raise LimitError(f"{name}: {leading + axes} axes are more than a formula may have")
    return program(written_out(text, leading, axes), name)


def program_of(entry: Entry, leading: int = 1, axes: int | None = None,
               training: bool = False) -> Program:
    """A formula of the library as a program, all its sizes as names."""
    if axes is None:
        own = entry.axes[0] if isinstance(entry.axes, tuple) else entry.axes
        axes = own if isinstance(own, int) else 1
    text = entry.training if training and entry.training else entry.text
    return _generic(text, entry.name, leading, axes)


def declared(text: str) -> tuple[str, tuple[str, ...]]:
    """The first input of a text, and its axes as written there.

    >>> declared("input x[..., C, {I}], m[C]")
    ('x', ('...', 'C', '{I}'))
    """
    found = _FIRST.search(text)
    if found is None:
        return "", ()
    return found[1], tuple(item.strip() for item in (found[2] or "").split(",") if item.strip())


def declared_inputs(text: str) -> tuple[str, ...]:
    """The data inputs of a text, in the order in which they are declared.

    >>> declared_inputs("input x[N, K], m[K]")
    ('x', 'm')
    """
    return _declared(_INPUTS, text)


def declared_parameters(text: str) -> tuple[str, ...]:
    """The parameters and constants of a text, in the order in which they are declared.

    >>> declared_parameters("parameter W[U, V], b[U]")
    ('W', 'b')
    """
    return _declared(_LEARNT, text)


def _declared(words: re.Pattern[str], text: str) -> tuple[str, ...]:
    found: list[str] = []
    for match in words.finditer(text):
        found += _NAME.findall(re.sub(r"\[[^\]]*\]|<[^,]*", "", match[1]))
    return tuple(found)


def written_axes(items: tuple[str, ...], axes: int) -> str:
    """The axes of an input as a reader wants to see them.

    >>> written_axes(("...", "G*C", "{I}"), 2)
    '[…, G*C, H, W]'
    """
    parts = ["…" if item == "..." else item for item in items]
    text = ", ".join(parts)
    text = _BRACES.sub(lambda m: _repeated(m[2], axes, ", "), text)
    return f"[{text}]".replace(", ]", "]")
