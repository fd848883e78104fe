"""Claims: every relation in a paper, between what stands on its two sides, with what holds there.

`a = b = c` is a chain of three sides and two claims. A chain that goes on in the next formula with
a leading equals sign is one chain. Each claim knows its context: the question that it stands under,
the words before and behind it, the conditions that are in force (`if x > 0`, Case i = j, an earlier
Let), so that whoever judges it needs to look nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chainrule.check.paper import Place
from chainrule.check.tree import Node


@dataclass(frozen=True, slots=True)
class Condition:
    """What is said to hold: a relation as a tree, or words that could not be read (`node` None).

    `origin` is heading (Case j ≠ i:), text (if, where, for), tail (behind the formula, after a
    semicolon) or set (∀ i ∈ …). `otherwise` marks the complement of the conditions before it.
    """

    place: Place
    node: Node | None
    text: str
    origin: str = "text"
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """Where a claim stands.

    `path` are the labels above it, outermost first, each (kind, key): (("question", "1"), ("part",
    "c"), ("item", "ii")). `before` and `after` are the words next to its chain; `scope` the
    conditions in force.
    """

    path: tuple[tuple[str, str], ...] = ()
    heading: str = ""
    before: str = ""
    after: str = ""
    scope: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a relation; `node` is None where it could not be read (`why` says why)."""

    place: Place
    text: str
    node: Node | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One relation between two sides.

    `relation` is =, ≡, ≠, <, ≤, >, ≥, →, ≈, ∝ or is (words that say what something is). `place` is
    the sign itself. `kind` is definition, given, condition, name or claim, as far as the paper
    alone says so; a judge who knows the sheet may know better. `chain` numbers the chain, `link`
    the claim in it, from 0. `aligned` says that the left side was taken from the chain before.
    """

    place: Place
    relation: str
    left: Side
    right: Side
    kind: str
    context: Context
    chain: int
    link: int
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in a table something stands.

    `row` is the first cell of its row and `column` the head of its column, as sides (`node` None
    for words); `corner` is what stands above the rows' first cells, `line` counts the rows below
    the head from 1, and `lines` is how many there are. `ends` marks what a chain comes to, which
    is judged as a chain already.
    """

    row: Side | None
    column: Side
    corner: str
    line: int
    lines: int
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """Something shown without a relation: a matrix below "values of U", a list, a lone result."""

    place: Place
    side: Side
    context: Context
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A piece of mathematics, or words that a person has to read, which nothing was made of."""

    place: Place
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a paper says: claims in order, values shown, and what could not be read."""

    claims: tuple[Claim, ...]
    values: tuple[Value, ...] = ()
    unread: tuple[Unread, ...] = field(default=())
