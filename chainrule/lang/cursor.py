"""Where the parser stands: the tokens of one statement, the names in scope, and the complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from chainrule.errors import (
    ChainruleError,
    FormulaSyntaxError,
    KindError,
    LimitError,
    Span,
    visible,
)
from chainrule.lang.expr import Apply, Expr
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.macros import Macro
from chainrule.lang.tokens import Tokens
from chainrule.limits import NESTING

# binding powers; `grammar` says what they mean
CHOICE: Final = 10
OR: Final = 20
AND: Final = 30
NOT: Final = 40
COMPARE: Final = 50
SUM: Final = 60
PRODUCT: Final = 70
POWER: Final = 90

BOOLEAN: Final = frozenset(f.name for f in FUNCTIONS.values() if f.boolean)


@dataclass(slots=True)
class Names:
    """What the names of a program mean so far.

    `tensors` maps a declared or defined name to its kind ("real", "integer" or "" for unknown).
    """

    tensors: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, None] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    formulas: Callable[[str], bool] = lambda name: False  # whether the library knows a formula
    formula_names: tuple[str, ...] = ()
    ranked: set[str] = field(default_factory=set)  # tensors that have axes, or may have
    whole_macros: set[str] = field(default_factory=set)  # functions that read whole tensors


class Cursor:
    """Stands at token `at` of one statement, and knows what its names mean.

    `bound` holds the index variables in scope. In a subscript a name that is none of them is loose:
    what becomes of it is up to `loose`, one of "error", "size" (a declaration) and "index" (the
    left-hand side, or `+=`); those that became indices are collected in `found`.
    """

    def __init__(self, tokens: Tokens, text: str, name: str, names: Names) -> None:
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.places = tokens.places
        self.closes = tokens.closes
        self.text = text
        self.name = name
        self.names = names
        self.at = 0
        self.bound: dict[str, None] = {}
        self.found: dict[str, None] = {}
        self.values: set[str] = set()  # bare names that were taken for tensors
        self.reduced: set[str] = set()  # indices that some reduction has summed over
        self.doubt: ChainruleError | None = None  # raised when the statement is finished
        self.loose = "error"
        self.inside = False  # a subscript
        self.parameters: tuple[str, ...] = ()  # of the user's function being defined
        self.defining = ""  # its name
        self.expanded = 0  # nodes that calls of the user's functions made
        self.depth = 0
        self.bars = 0  # open absolute values
        self.whole = False  # whether whole tensors stand in this statement
        self.inner_call: Callable[[], Expr] | None = None  # reads a formula inside an expression

    def restart(self, bound: Iterable[str]) -> None:
        """Forget what was learnt of names in this statement, except these indices."""
        self.bound = dict.fromkeys(bound)
        self.found = {}
        self.values.clear()
        self.reduced.clear()
        self.loose = "error"
        self.expanded = 0
        self.doubt = None

    # places and errors

    def span(self, start: int, end: int | None = None) -> Span:
        """The text from token `start` up to token `end` (default: up to the next token)."""
        last = max(start, (self.at if end is None else end) - 1)
        return Span(self.text, self.places[start][0], self.places[last][1], self.name)

    def found_here(self) -> str:
        """The next token, for an error message."""
        text = self.texts[self.at]
        if not text:
            return "the end of the statement"
        return f"`{visible(text[:40])}{'…' if len(text) > 40 else ''}`"

    def fail(self, message: str, hint: str | None = None, at: int | None = None) -> ChainruleError:
        """A syntax error at a token (default: the next one)."""
        here = self.at if at is None else at
        return FormulaSyntaxError(message, self.span(here, here + 1), hint)

    def expect(self, kind: str, after: str) -> None:
        """Step over a token of this kind."""
        if self.kinds[self.at] != kind:
            raise self.fail(f"expected `{kind}` {after}, found {self.found_here()}", self._equals())
        self.at += 1

    def finish(self, end: int) -> None:
        """Complain unless everything before token `end` has been read."""
        if self.at != end:
            found = self.found_here()
            raise self.fail(f"expected an operator or the end, found {found}", self._equals())

    def settle(self) -> None:
        """Raise the error that waited for the end of the statement, if there is one."""
        if self.doubt is not None:
            raise self.doubt

    def deeper(self) -> None:
        """Count one more level of brackets, signs, powers or selections."""
        self.depth += 1
        if self.depth > NESTING:
            raise LimitError(
                f"more than {NESTING} brackets, signs and powers inside each other",
                self.span(self.at, self.at + 1),
                "give parts of the formula names of their own",
            )

    def _equals(self) -> str | None:
        """The hint for a second `=` in a statement."""
        if self.kinds[self.at] == "=":
            return "`=` defines, once a statement; to compare write `==`"
        return None

    # expressions

    def expression(self, power: int) -> Expr:
        """An expression whose operators bind at least as strongly as `power`; see `grammar`."""
        raise NotImplementedError

    def value(self) -> Expr:
        """An expression that is a number."""
        start = self.at
        return self.number(self.expression(0), start)

    def number(self, e: Expr, start: int) -> Expr:
        """The expression itself, if it is no condition."""
        if type(e) is Apply and e.function in BOOLEAN:
            raise KindError(
                "a condition stands where a number is wanted", self.span(start),
                "write `1 if … else 0`",
            )  # fmt: skip
        return e

    def condition(self, power: int = OR) -> Expr:
        """An expression that is a condition."""
        start = self.at
        return self.truth(self.expression(power), start)

    def truth(self, e: Expr, start: int) -> Expr:
        """The expression itself, if it is a condition."""
        if type(e) is Apply and e.function in BOOLEAN:
            return e
        span = self.span(start)
        raise KindError(
            "a number stands where a condition is wanted", span,
            f"compare it with something: `{visible(span.excerpt()[:40])} != 0`",
        )  # fmt: skip
