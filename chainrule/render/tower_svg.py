"""A network drawn from top to bottom as an SVG, as `chainrule.render.tower` has planned it.

What a block does shows in its shape and its colour: a box has parameters, what narrows downwards
sums or chooses, what is round works cell by cell. The colours are tints of the ground with rims, so
that they do on light ground, on dark, and on paper.

    >>> from chainrule.render.tower import Wire
    >>> x, y = Block("x", "x", kind="input"), Block("y", "dense1", "dense", "650", "weights")
    >>> svg(Tower((x, y), (Wire("x", "y", "64"),)), "a network").startswith("<svg")
    True
"""

from __future__ import annotations

from html import escape
from typing import Final

from chainrule.document.mathtree import display_width
from chainrule.errors import LimitError, visible
from chainrule.render.svg import Box, picture
from chainrule.render.tower import (
    KINDS,
    LETTER,
    SMALL,
    Block,
    Plan,
    Repeat,
    Route,
    Tower,
    planned,
)

BLOCKS_DRAWN: Final = 400  # beyond that a picture shows nothing
_COLOURS: Final = {  # stroke and tint on light ground, stroke on dark
    "weights": ("#2f6bc4", "#7db0f7"), "reduces": ("#ad6a00", "#e8ae4f"),
    "pointwise": ("#2f8558", "#74c99b"), "moves": ("#6b7480", "#a2abb7"),
    "join": ("#8250b8", "#c39bf0"),
}  # fmt: skip
_STYLE: Final = (
    ".cr-tower .cr-name{font-weight:600}"
    ".cr-tower .cr-soft{fill-opacity:.78}"
    + "".join(f".cr-tower .cr-{kind}{{stroke:{light};fill:{light}}}"
              for kind, (light, _) in _COLOURS.items())
    + "@media (prefers-color-scheme:dark){"
    + "".join(f".cr-tower .cr-{kind}{{stroke:{dark};fill:{dark}}}"
              for kind, (_, dark) in _COLOURS.items())
    + "}@media print{.cr-tower .cr-tint{fill-opacity:.06}}"
)


def svg(tower: Tower, title: str, description: str = "") -> str:
    """The network from top to bottom, as an `<svg>` element.

    Raises `LimitError` for more than `BLOCKS_DRAWN` blocks, `DefinitionError` for a wire that goes
    up or comes from nowhere.
    """
    if len(tower.blocks) > BLOCKS_DRAWN:
        raise LimitError(
            f"a picture of {len(tower.blocks):,} blocks; the limit is {BLOCKS_DRAWN}",
            hint="draw a part of the network")
    plan = planned(tower)
    pieces = [(f"<style>{_STYLE}</style>", Box(plan.middle, plan.top, 1, 1))]
    pieces += [piece for route in plan.routes for piece in _wire(route)]
    pieces += [_block(block, plan.boxes[block.id]) for block in tower.blocks]
    pieces += [_bracket(repeat, plan) for repeat in tower.repeats]
    pieces += _legend(tower, plan)
    drawn = picture(pieces, title, description or title)
    return drawn.replace('class="cr-picture"', 'class="cr-picture cr-tower"', 1)


def _wire(route: Route) -> list[tuple[str, Box]]:
    points = list(route.points)
    (x0, y0), (x1, y1) = points[-2:]
    length = abs(x1 - x0) + abs(y1 - y0)
    dx, dy = ((x1 - x0) / length, (y1 - y0) / length) if length else (0.0, 1.0)
    points[-1] = (x1 - 7 * dx, y1 - 7 * dy)
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        path += (f"L{start[0]:.1f} {start[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} "
                 f"{end[0]:.1f} {end[1]:.1f}")
    path += f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"
    head = (f"M{x1:.1f} {y1:.1f}l{-8.5 * dx - 4 * dy:.1f} {-8.5 * dy + 4 * dx:.1f} "
            f"{8 * dy:.1f} {-8 * dx:.1f}z")
    xs, ys = [p[0] for p in route.points], [p[1] for p in route.points]
    line = (f'<path class="cr-edge" fill="none" stroke="currentColor" d="{path}"/>'
            f'<path class="cr-head" fill="currentColor" d="{head}"/>')
    pieces = [(line, Box.spanning(min(xs), min(ys), max(xs), max(ys)))]
    if route.size:
        pieces.append(_size(route))
    return pieces


def _towards(corner: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Where the bend at a corner begins: 16 pixels off, or half-way."""
    dx, dy = end[0] - corner[0], end[1] - corner[1]
    length = max((dx * dx + dy * dy) ** 0.5, 0.01)
    reach = min(18.0, length / 2)
    return corner[0] + dx / length * reach, corner[1] + dy / length * reach


def _size(route: Route) -> tuple[str, Box]:
    x, y = route.at
    long = display_width(route.size) * SMALL + 4
    text = escape(visible(route.size))
    look = 'class="cr-small cr-soft" font-size="12.5" fill="currentColor"'
    if route.along:
        return (f'<text {look} text-anchor="middle" x="{x:.1f}" y="{y:.1f}" '
                f'transform="rotate(-90 {x:.1f} {y:.1f})">{text}</text>',
                Box(x - 4, y, 14, long))
    return (f'<text {look} x="{x:.1f}" y="{y + 2:.1f}">{text}</text>',
            Box(x + long / 2, y - 2, long, 16))


def _block(block: Block, box: Box) -> tuple[str, Box]:
    """A block's outline, tinted by its kind, with its words."""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    if block.kind in ("input", "output"):
        group = f"cr-{block.kind}"
        dash = ' stroke-dasharray="3 2"' if block.kind == "input" else ' stroke-width="2.4"'
        shape = (f'<rect fill="var(--cr-ground,#fff)" stroke="currentColor"{dash} x="{left:.1f}" '
                 f'y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
                 f'rx="{box.height / 2:.1f}"/>')
        return f'<g class="{group}">{shape}{_line(block, box)}</g>', box
    light = _COLOURS[block.kind][0]
    outline = _outline(block.kind, box)
    shape = (f'<path fill="var(--cr-ground,#fff)" class="cr-under" d="{outline}"/>'
             f'<path class="cr-tint cr-{block.kind}" fill="{light}" fill-opacity=".13" '
             f'stroke="{light}" stroke-width="{1.9 if block.kind == "weights" else 1.3}" '
             f'd="{outline}"/>')
    inside = _two_lines(block, box) if box.height > 40 else _line(block, box)
    return f"<g>{shape}{inside}</g>", box


def _outline(kind: str, box: Box) -> str:
    """A box; narrower below where a block reduces; round where it works cell by cell."""
    w, h = box.width, box.height
    left, top = box.x - w / 2, box.y - h / 2
    if kind == "reduces":
        return f"M{left:.1f} {top:.1f}h{w:.1f}l-12 {h:.1f}h{24 - w:.1f}z"
    r = 5.0 if kind in ("weights", "moves") else h / 2
    return (f"M{left + r:.1f} {top:.1f}h{w - 2 * r:.1f}a{r} {r} 0 0 1 {r} {r}v{h - 2 * r:.1f}"
            f"a{r} {r} 0 0 1 {-r} {r}h{2 * r - w:.1f}a{r} {r} 0 0 1 {-r} {-r}"
            f"v{2 * r - h:.1f}a{r} {r} 0 0 1 {r} {-r}z")


def _two_lines(block: Block, box: Box) -> str:
    """Name and count above, what it is below."""
    inset = 12.0 if block.kind == "weights" else 18.0
    left, right = box.x - box.width / 2 + inset, box.x + box.width / 2 - inset
    y = box.y - 3 if block.about else box.y + 5
    found = (f'<text class="cr-name" font-weight="600" fill="currentColor" x="{left:.1f}" '
             f'y="{y:.1f}">{escape(visible(block.name))}</text>')
    if block.about:
        found += (f'<text class="cr-small cr-soft" font-size="12.5" fill="currentColor" '
                  f'x="{left:.1f}" y="{box.y + 15:.1f}">{escape(visible(block.about))}</text>')
    if block.count:
        found += (f'<text class="cr-small" font-size="12.5" fill="currentColor" '
                  f'text-anchor="end" x="{right:.1f}" y="{y:.1f}">'
                  f'{escape(visible(block.count))}</text>')
    return found


def _line(block: Block, box: Box) -> str:
    about = ""
    if block.about:
        about = (f'<tspan class="cr-small cr-soft" font-size="12.5" font-weight="400" dx="7">'
                 f'{escape(visible(block.about))}</tspan>')
    return (f'<text class="cr-name" font-weight="600" fill="currentColor" text-anchor="middle" '
            f'x="{box.x:.1f}" y="{box.y + 5:.1f}">{escape(visible(block.name))}{about}</text>')


def _bracket(repeat: Repeat, plan: Plan) -> tuple[str, Box]:
    """A bracket to the left of what is repeated, with how often."""
    first, last = plan.boxes[repeat.first], plan.boxes[repeat.last]
    top, bottom = first.y - first.height / 2 - 8, last.y + last.height / 2 + 8
    x = plan.left - 14
    said = f"×{repeat.times}"
    room = display_width(said) * LETTER + 6
    path = f"M{x:.1f} {top:.1f}h-6a6 6 0 0 0 -6 6V{bottom - 6:.1f}a6 6 0 0 0 6 6h6"
    text = (f'<path class="cr-edge" fill="none" stroke="currentColor" d="{path}"/>'
            f'<text class="cr-name" font-weight="600" fill="currentColor" text-anchor="end" '
            f'x="{x - 18:.1f}" y="{(top + bottom) / 2 + 5:.1f}">{said}</text>')
    return text, Box.spanning(x - 18 - room, top, x, bottom)


def _legend(tower: Tower, plan: Plan) -> list[tuple[str, Box]]:
    """What the colours mean, below the network: those that there are."""
    kinds = [kind for kind in KINDS if any(block.kind == kind for block in tower.blocks)]
    if len(kinds) < 2:
        return []
    y, pieces = plan.bottom + 34, []
    for kind in kinds:
        box = Box(plan.left + 12, y, 24, 13)
        light = _COLOURS[kind][0]
        long = len(KINDS[kind]) * SMALL + 8
        pieces.append((
            f'<path class="cr-tint cr-{kind}" fill="{light}" fill-opacity=".13" stroke="{light}" '
            f'stroke-width="1.3" d="{_outline("moves" if kind == "reduces" else kind, box)}"/>'
            f'<text class="cr-small cr-soft" font-size="12.5" fill="currentColor" '
            f'x="{box.x + 20:.1f}" y="{y + 4.5:.1f}">{KINDS[kind]}</text>',
            Box.spanning(box.x - 12, y - 8, box.x + 20 + long, y + 8)))
        y += 20
    return pieces
