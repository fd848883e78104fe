"""A network drawn in plain text: a line a block, with branches as lines beside it.

What a block gives to the next one runs down at the left. What is needed only later moves into a
lane of its own until it is:

    >>> from chainrule.render.tower import Wire
    >>> blocks = tuple(Block(n, n, kind="input" if n == "x" else "weights") for n in ("x", "f"))
    >>> add = Block("add", "add", kind="join")
    >>> wires = (Wire("x", "f", "4"), Wire("x", "add", "4"), Wire("f", "add", "4"))
    >>> print(drawn(Tower((*blocks, add), wires)))
    ○    x    4
    ├─╮
    ● │  f    4
    ├─╯
    +    add
"""

from __future__ import annotations

from typing import Final

from chainrule.document.mathtree import display_width
from chainrule.errors import visible
from chainrule.render.tower import Block, Tower

_SIGNS: Final = {"input": "○", "output": "◎", "weights": "●", "reduces": "▼", "pointwise": "·",
                 "moves": "↷", "join": "+"}  # fmt: skip


def drawn(tower: Tower) -> str:
    """The network as lines of text: sign, lanes, name, what it is, parameters, size."""
    readers: dict[str, list[int]] = {}
    place = {block.id: k for k, block in enumerate(tower.blocks)}
    for wire in tower.wires:
        readers.setdefault(wire.source, []).append(place[wire.target])
    last = {name: max(at) for name, at in readers.items()}
    page = _Page(tower)
    for k, block in enumerate(tower.blocks):
        needed = [w.source for w in tower.wires if w.target == block.id]
        previous = tower.blocks[k - 1].id if k else None
        if previous is not None and last.get(previous, -1) >= k:
            later = [at for at in readers[previous] if at > k]
            if previous not in needed:
                page.move(previous)
            elif later:
                page.branch(previous)
        arriving = [n for n in needed if n in page.lanes and n != previous]
        for n in arriving:
            page.join(n, over=last[n] == k, begins=previous not in needed and n == arriving[0])
        if previous is not None and previous in page.lanes and last.get(previous, -1) == k:
            page.lanes[page.lanes.index(previous)] = None
        page.block(block)
    return page.text()


class _Page:
    """The lines so far; `lanes` holds the block whose value runs in each."""

    def __init__(self, tower: Tower) -> None:
        self.lanes: list[str | None] = []
        self.rows: list[tuple[str, Block | None]] = []
        self.size: dict[str, str] = {}
        for wire in tower.wires:
            self.size.setdefault(wire.source, wire.size)
        self.ends = {r.last for r in tower.repeats}
        self.inside: dict[str, str] = {}
        order = [block.id for block in tower.blocks]
        for r in tower.repeats:
            own = order[order.index(r.first) : order.index(r.last) + 1]
            for name in own:
                self.inside[name] = f"×{r.times}" if name == own[0] else "┊"

    def place(self, name: str) -> int:
        """A free lane for a value."""
        for k, taken in enumerate(self.lanes):
            if taken is None:
                self.lanes[k] = name
                return k
        self.lanes.append(name)
        return len(self.lanes) - 1

    def line(self, first: str, until: int = -1, end: str = "") -> str:
        """A line of the drawing; one that goes across as far as a lane crosses those before it."""
        found = first
        for k, taken in enumerate(self.lanes):
            between = "─" if k <= until else " "
            if k == until:
                found += between + end
            elif k < until:
                found += between + ("┼" if taken else "─")
            else:
                found += between + ("│" if taken else " ")
        return found

    def branch(self, name: str) -> None:
        """The last block's value goes on, and into a lane."""
        at = self.place(name)
        self.rows.append((self.line("├", at, "╮"), None))

    def move(self, name: str) -> None:
        """The last block's value only goes into a lane."""
        at = self.place(name)
        self.rows.append((self.line("╰", at, "╮"), None))

    def join(self, name: str, over: bool, begins: bool) -> None:
        """A lane's value comes to the block below; `begins`: nothing else does yet."""
        at = self.lanes.index(name)
        self.rows.append((self.line("╭" if begins else "├", at, "╯" if over else "┤"), None))
        if over:
            self.lanes[at] = None

    def block(self, block: Block) -> None:
        self.rows.append((self.line(_SIGNS[block.kind]), block))

    def text(self) -> str:
        """All lines, in columns."""
        wide = max((len(drawing.rstrip()) for drawing, _ in self.rows), default=0)
        blocks = [block for _, block in self.rows if block is not None]
        name, about, count = (max((display_width(visible(w)) for w in words), default=0)
                              for words in zip(*((b.name, b.about, b.count) for b in blocks),
                                               strict=True)) if blocks else (0, 0, 0)
        repeated = max((len(s) for s in self.inside.values()), default=0)
        size = max((display_width(s) for s in self.size.values()), default=0)
        lines = []
        mark, ended = "", False
        for drawing, block in self.rows:
            mark = "┊" if mark and not ended else ""
            if block is None:
                words = ""
            else:
                mark = self.inside.get(block.id, "")
                ended = block.id in self.ends
                said = self.size.get(block.id, "")
                words = "  ".join(part for part, room in (
                    (_left(block.name, name), name), (_left(block.about, about), about),
                    (block.count.rjust(count), count), (said.rjust(size), size)) if room)
            front = f"{mark.rjust(repeated)} " if repeated else ""
            lines.append(f"{front}{drawing.ljust(wide)}  {words}".rstrip())
        return "\n".join(lines)


def _left(word: str, room: int) -> str:
    word = visible(word)
    return word + " " * (room - display_width(word))
