"""Tokens, and what a paper does throughout: its macros, its functions, how it writes numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainrule.limits import MACRO_TOKENS


class Unreadable(Exception):
    """A formula, or a part of one, that nothing can be made of; `at` is its place."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text` is its normalised spelling; `gap` says that a space stands before it."""

    kind: str
    text: str
    start: int
    end: int
    gap: bool = False
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Macro:
    """A paper's own command: how many arguments it takes, and what it writes."""

    arguments: int
    body: str
    default: str | None = field(default=None, repr=False)  # of an optional first argument


@dataclass(slots=True)
class Budget:
    """What the macros of a paper have written so far, in characters."""

    spent: int = 0

    def spend(self, amount: int, at: int) -> None:
        """Count what a macro writes; raises `Unreadable` over the limit."""
        if self.spent + amount > MACRO_TOKENS:
            raise Unreadable("its macros write out more than can be read", at)
        self.spent += amount


@dataclass(frozen=True, slots=True)
class Habits:
    """What a paper does throughout: its functions, its macros, whether commas are decimal."""

    functions: frozenset[str] = frozenset()
    macros: Mapping[str, Macro] = field(default_factory=dict)
    decimal_commas: bool = False
    braced_commas: bool = False  # 1{,}5 stands somewhere, so 11{,}461 is 11.461
    no_thousands: bool = False  # 2,0794 stands somewhere, so 11,461 is 11.461
    spaced_points: bool = False  # 0 . 6 stands somewhere, so 1 . 4 8 6 is 1.486
    negatives: frozenset[str] = frozenset()  # letters that are counted from -1: v-1, v0
    products: frozenset[str] = frozenset()  # QK of plain text, where Q and K are names
    budget: Budget = field(default_factory=Budget)
    names: frozenset[str] = frozenset()  # net of net_{h1}, in LaTeX: one name, no product
