"""The strokes and letters of a drawing: boxes, labels with subscripts, the frame around them.

Everything is drawn in `currentColor` with classes on top, so that a picture follows the page that
it stands on, light or dark, and still reads in a viewer that knows no style sheets. Mathematics is
ordinary text: italic letters, subscripts lowered by their baseline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import escape
from typing import Final

from chainrule.document.mathtree import (
    Accent,
    Both,
    Fence,
    Fraction,
    Function,
    Identifier,
    Math,
    Op,
    Power,
    Row,
    Subscript,
    display_width,
    text,
)
from chainrule.errors import visible

HEIGHT: Final = 44.0  # of a node
_LETTER: Final = 8.2  # the width of a letter of a label, in pixels
_SMALL: Final = 6.9
_STYLE: Final = (
    ".cr-picture{font:15px system-ui,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif}"
    ".cr-picture .cr-edge{stroke-width:1.2;stroke-opacity:.55}"
    ".cr-picture .cr-head{fill-opacity:.75}"
    ".cr-picture .cr-node{stroke-width:1.3;fill:var(--cr-panel,transparent)}"
    ".cr-picture .cr-input .cr-node{stroke-width:1;stroke-dasharray:3 2}"
    ".cr-picture .cr-output .cr-node{stroke-width:2.4}"
    ".cr-picture .cr-small{font-size:12.5px}"
    ".cr-picture .cr-halo{stroke:var(--cr-ground,#fff);stroke-width:4px;paint-order:stroke;"
    "stroke-linejoin:round}"
    ".cr-picture .cr-value{fill:currentColor}"
    ".cr-picture .cr-back{fill:var(--cr-adjoint,#c2452d)}"
    "@media (prefers-color-scheme:dark){.cr-picture .cr-halo{stroke:var(--cr-ground,#14181d)}"
    ".cr-picture .cr-back{fill:var(--cr-adjoint,#f3937b)}}"
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its middle and its extent, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @staticmethod
    def spanning(left: float, top: float, right: float, bottom: float) -> Box:
        """The box with these sides."""
        return Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)

    def at(self, y: float) -> Box:
        """The same box at another height."""
        return replace(self, y=y)

    def grown(self, by: float) -> Box:
        """The box with a margin."""
        return Box(self.x, self.y, self.width + 2 * by, self.height + 2 * by)

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        down = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(0.0, min(across, self.width, other.width)) * max(
            0.0, min(down, self.height, other.height)
        )


def words(label: Math | str) -> str:
    """A label in one line of text, with what cannot be shown made visible."""
    return text(label) if isinstance(label, Math) else visible(label)


def _minus(word: str) -> str:
    """Text for a picture: a hyphen that is a minus sign looks like one."""
    return re.sub(r"(?<!\w)-(?=[\d. (∞a-zα-ω])", "−", word)


def shown(label: Math | str, value: Math | str) -> float:
    """The width of a node with that label and that value below it."""
    letters, small = display_width(words(label)), display_width(words(value))
    return max(48.0, letters * _LETTER + 20, small * _SMALL + 20)


def label_svg(
    box: Box, label: Math | str, value: Math | str, kind: str, round: bool = False
) -> tuple[str, Box]:
    """A node's outline with its label and, smaller below, its value."""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    corner = box.height / 2 if round or kind == "input" else 7.0
    outline = (
        f'<rect class="cr-node" fill="none" stroke="currentColor" x="{left:.1f}" y="{top:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{corner:.1f}"/>'
    )
    said = words(value)
    lines = _anchored(label, box.x, box.y + (-3.0 if said else 5.0), "")
    if said:
        lines += _anchored(value, box.x, box.y + 15.0, ' class="cr-small" font-size="12.5"')
    kind = kind if kind in {"input", "op", "output"} else "op"
    return f'<g class="cr-{kind}">{outline}{lines}</g>', box


def halo(label: Math | str, x: float, y: float, kind: str) -> str:
    """A label on an edge, with a rim in the colour of the ground that interrupts the line."""
    color = "#c2452d" if kind == "cr-back" else "currentColor"
    rim = 'stroke="#fff" stroke-width="4" paint-order="stroke"'
    look = f' class="cr-small cr-halo {kind}" font-size="12.5" fill="{color}" {rim}'
    return _anchored(label, x, y, look)


def _anchored(label: Math | str, x: float, y: float, attributes: str) -> str:
    inner = _spans(label) if isinstance(label, Math) else escape(_minus(visible(label)))
    base = "" if "fill=" in attributes else ' fill="currentColor"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle"{base}{attributes}>{inner}</text>'


Run = tuple[str, bool, int]  # text, slanted, pixels below the line


def _spans(m: Math) -> str:
    """Mathematics as spans of text; each moves the pen by its own height less that before it."""
    found, level = [], 0
    for word, slanted, down in _runs(m):
        attributes = ' font-style="italic"' if slanted else ""
        attributes += ' font-size="72%"' if down else ""
        attributes += f' dy="{down - level}"' if down != level else ""
        level = down
        word = escape(_minus(word))
        found.append(f"<tspan{attributes}>{word}</tspan>" if attributes else word)
    return "".join(found)


def _runs(m: Math) -> list[Run]:
    """Mathematics as runs of text: letters slanted, subscripts and powers off the line."""
    match m:
        case Identifier():
            word = text(m)
            return [(word, len(word) == 1 and not m.upright, 0)]
        case Accent(Identifier() as base, _):
            return [(text(m), len(text(base)) == 1, 0)]
        case Accent(Subscript(base, sub), kind):
            return _runs(Subscript(Accent(base, kind), sub))
        case Subscript(base, sub):
            return [*_runs(base), _off(sub, 4)]
        case Power(Identifier() | Subscript() | Fence() as base, exponent):
            return [*_runs(base), _off(exponent, -6)]
        case Both(base, sub, sup):
            return [*_runs(base), _off(sub, 4), _off(sup, -6)]
        case Fence(body, left, right):
            return [(left, False, 0), *_runs(body), (right, False, 0)]
        case Function(name, argument):
            called = name if isinstance(name, Math) else Identifier(name)
            return [*_runs(called), ("(", False, 0), *_runs(argument), (")", False, 0)]
        case Op("-" | "−"):
            return [("−", False, 0)]
        case Row(items) if not any(isinstance(item, Fraction) for item in items):
            return _row_runs(items, text(m))
    return [(text(m), False, 0)]


def _row_runs(items: tuple[Math, ...], spaced: str) -> list[Run]:
    """The runs of a row's items with the spaces that its text has between them."""
    found: list[Run] = []
    for item in items:
        at = max(spaced.find(text(item)), 0)
        found += [(spaced[:at], False, 0), *_runs(item)]
        spaced = spaced[at + len(text(item)) :]
    return [run for run in [*found, (spaced, False, 0)] if run[0]]


def _off(m: Math, down: int) -> Run:
    return text(m, tight=True).replace("-", "−"), False, down


def picture(pieces: list[tuple[str, Box]], title: str, description: str) -> str:
    """The pieces in one `<svg>` element, just large enough, with a title and a description."""
    boxes = [box for _, box in pieces] or [Box(0, 0, 10, 10)]
    left = min(b.x - b.width / 2 for b in boxes) - 10
    top = min(b.y - b.height / 2 for b in boxes) - 10
    width = max(b.x + b.width / 2 for b in boxes) + 10 - left
    height = max(b.y + b.height / 2 for b in boxes) + 10 - top
    name = escape(visible(title))
    said = escape("\n".join(map(visible, description.split("\n"))))
    inside = "".join(piece for piece, _ in pieces)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cr-picture" role="img" '
        f'aria-label="{name}" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="15">'
        f"<title>{name}</title><desc>{said}</desc><style>{_STYLE}</style>{inside}</svg>"
    )
