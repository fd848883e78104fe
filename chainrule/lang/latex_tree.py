r"""The tree between LaTeX and a program: expressions as typeset, statements as written.

A `Symbol` keeps its subscripts and its label (the 1 of `z^{(1)}`) unread: whether `w_{12}` is a
name or a cell depends on the rest of the text. Sums and products have any number of parts, so that
a long formula is not a deep tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula; `start` and `end` are its place in the LaTeX."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Symbol(Node):
    """A letter, or a word, with its scripts; `subs` are the parts between commas."""

    name: str
    bold: bool = False
    subs: tuple[Node, ...] = ()
    label: Node | None = None


@dataclass(frozen=True, slots=True)
class Apply(Node):
    r"""An operation on parts.

    `head` is sum, product, juxtaposed (in subscripts), neg, power, compare, and, or, not, frac,
    transpose, abs, norm, floor, ceil, truth, delta, call:<name>, set. `signs` are + and - of a
    sum, `*`, `/`, `dot` or a blank (juxtaposed) of a product, the relations of a comparison.
    """

    head: str
    args: tuple[Node, ...]
    signs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """What a sum runs over: an index with its limits, or a condition."""

    index: Symbol | None
    lower: Node | None = None
    upper: Node | None = None
    condition: Node | None = None


@dataclass(frozen=True, slots=True)
class Reduce(Node):
    """A sum, maximum, minimum or the position of one; `which` numbers it among all."""

    op: str
    items: tuple[Item, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """A definition by cases; a condition of None stands for otherwise."""

    rows: tuple[tuple[Node, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Statement(Node):
    """One statement.

    `kind` is define (`target`, `params` of a function, `body`), run (`target` from `lower` to
    `upper`), space (`target` in the space of `axes`), raw (`text`, in chainrule's own notation) or
    claim (`body`, an equation whose left-hand side is no name).
    """

    kind: str
    target: Symbol | None = None
    params: tuple[Symbol, ...] = ()
    body: Node | None = None
    lower: Node | None = None
    upper: Node | None = None
    axes: tuple[Node, ...] = ()
    text: str = ""
    adds: bool = False
    extra: tuple[Symbol, ...] = field(default=())


def parts(node: Node) -> Iterator[Node]:
    """The nodes directly below one."""
    if isinstance(node, Symbol):
        yield from node.subs
        if node.label is not None:
            yield node.label
    elif isinstance(node, Apply):
        yield from node.args
    elif isinstance(node, Reduce):
        for item in node.items:
            for part in (item.index, item.lower, item.upper, item.condition):
                if part is not None:
                    yield part
        yield node.body
    elif isinstance(node, Choice):
        for value, condition in node.rows:
            yield value
            if condition is not None:
                yield condition


def walk(node: Node, below: Callable[[Node], Iterator[Node]] = parts) -> Iterator[Node]:
    """A node and all below it, from left to right; `below` says what is directly below one."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(list(below(here))))
