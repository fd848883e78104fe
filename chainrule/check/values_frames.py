"""What surrounds a formula while it is evaluated: letters, arguments, overrides, choices, budget.

Notation is ambiguous. Where a formula can be taken in several ways the evaluator asks a `Chooser`;
`readings` replays an evaluation for one combination of choices after the other, the likeliest
first. A letter that nothing defines and that stands as a subscript raises `Need`: whoever evaluates
gives it all its values in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from chainrule.check.values import Unknown, Value
from chainrule.check.values_cells import Cells
from chainrule.check.values_names import Definition

OPERATIONS: Final = 60_000  # nodes visited for one side of a claim in one world
DEPTH: Final = 60  # nodes, definitions and derivatives inside each other


class Need(Exception):
    """A letter is an index of an axis of some size, and has no value yet."""

    def __init__(self, letter: str, size: int) -> None:
        super().__init__(letter)
        self.letter = letter
        self.size = size




class Chooser:
    """Answers choice points from a plan, with the first option where the plan ends.

    The same key gets the same answer: a name means one thing in a claim.
    """

    def __init__(self, fixed: dict[Any, int] | None = None) -> None:
        self.fixed = dict(fixed or {})
        self.plan: list[tuple[Any, int, int]] = []
        self.made: dict[Any, int] = {}
        self.at = 0
        self.log: list[tuple[Any, int, int]] | None = None  # all that was asked, while it is kept

    def begin(self) -> None:
        """Start one evaluation."""
        self.made = {}
        self.at = 0

    def choose(self, what: Any, options: int) -> int:
        """Which option to take at a choice point."""
        if options <= 1:
            return 0
        answer = self._answer(what, options)
        if self.log is not None:
            self.log.append((what, answer, options))
        return answer

    def _answer(self, what: Any, options: int) -> int:
        if what in self.made:
            return min(self.made[what], options - 1)
        if what in self.fixed:
            answer: int = min(self.fixed[what], options - 1)
        elif self.at < len(self.plan):
            answer = min(self.plan[self.at][1], options - 1)
            self.at += 1
        else:
            self.plan.append((what, 0, options))
            self.at += 1
            answer = 0
        self.made[what] = answer
        return answer

    def next(self) -> bool:
        """Go on to the next combination; False when there is none."""
        del self.plan[self.at :]
        while self.plan:
            what, answer, options = self.plan.pop()
            if answer + 1 < options:
                self.plan.append((what, answer + 1, options))
                return True
        return False


def readings(chooser: Chooser, run: Callable[[], Value], most: int) -> Iterator[
        tuple[dict[Any, int], Value | Unknown]]:
    """The value under each combination of choices, or why there is none."""
    for _ in range(most):
        chooser.begin()
        try:
            value: Value | Unknown = run()
        except Unknown as unknown:
            value = unknown
        yield dict(chooser.made), value
        if not chooser.next():
            return


@dataclass(slots=True)
class Frame:
    """The surroundings of a node.

    `params` are arguments of functions and quantities with another value than usual; `bound` are
    indices, counted from 1 (None while the size of their axis is sought); `over` moves names that
    the paper defined; `match` replaces every expression that has a certain value.
    """

    cells: Cells
    params: dict[str, Value] = field(default_factory=dict)
    bound: dict[str, int | None] = field(default_factory=dict)
    over: dict[int, Value] = field(default_factory=dict)
    match: tuple[Any, Any, Frame] | None = None
    via: dict[int, Definition] = field(default_factory=dict)
    active: tuple[int, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict)
    partial: bool = False

    def with_params(self, params: dict[str, Value], bound: dict[str, int | None]) -> Frame:
        """The inside of a definition, or of a sum."""
        return Frame(self.cells, {**self.params, **params}, {**self.bound, **bound}, self.over,
                     self.match, self.via, self.active, self.memo, self.partial)

    def with_index(self, letter: str, value: int | None) -> Frame:
        """The same place with one more index."""
        return Frame(self.cells, self.params, {**self.bound, letter: value}, self.over,
                     self.match, self.via, self.active, self.memo, self.partial)


__all__ = ["DEPTH", "OPERATIONS", "Chooser", "Frame", "Need", "readings"]
