"""A place in a list of tokens, and what every part of the reader of formulas needs of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from chainrule.check.read.prepare import paired
from chainrule.check.read.tokens import Habits, Token, Unreadable
from chainrule.check.tree import Apply, Node, Remark
from chainrule.lang.latex_tokens import words
from chainrule.limits import PAPER_NESTING

_END: Final = Token("end", "", 0, 0)
_NO_OPERAND: Final = words(
    "in notin setminus cup cap subset subseteq wedge vee pm mp forall exists succ prec "
    "perp parallel sim")
T = TypeVar("T")


class Cursor:
    """The tokens from `at` to `end`; `match` says where what opens is closed."""

    def __init__(self, tokens: Sequence[Token], habits: Habits, source: str, offset: int,
                 plain: bool = False) -> None:
        self.tokens = tokens
        self.habits = habits
        self.source = source
        self.offset = offset
        self.plain = plain
        self.match, self.strays = paired(tokens)
        self.at = 0
        self.end = len(tokens)
        self.depth = 0
        self.bars: list[str] = []  # the moduli that are open here
        self.noted: list[Node] = []  # conditions that stand in subscripts

    def peek(self, ahead: int = 0) -> Token:
        """A token further on; one of kind "end" behind the last."""
        k = self.at + ahead
        return self.tokens[k] if k < self.end else _END

    def take(self) -> Token:
        """The next token, which is passed."""
        token = self.peek()
        self.at += 1
        return token

    def place(self) -> int:
        """Where the next token stands."""
        if self.at < self.end:
            return self.tokens[self.at].start
        return self.tokens[self.end - 1].end if self.end else self.offset

    def last(self) -> int:
        """Where the token before ends."""
        return self.tokens[self.at - 1].end if self.at else self.offset

    def fail(self, why: str) -> Unreadable:
        """An error at the next token."""
        return Unreadable(why, self.place())

    def within(self, start: int, end: int, read: Callable[[], T]) -> T:
        """What is read between two tokens; the cursor stands where it stood afterwards."""
        saved = self.at, self.end, self.bars
        self.depth += 1
        if self.depth > PAPER_NESTING:
            self.depth -= 1
            raise self.fail("it is nested too deeply")
        self.at, self.end, self.bars = start, min(end, len(self.tokens)), []
        try:
            return read()
        finally:
            self.at, self.end, self.bars = saved
            self.depth -= 1

    def whole(self, start: int, end: int) -> Node:
        """The statement between two tokens; all of it has to be read."""
        def read() -> Node:
            node = self.statement()
            if self.at < self.end:
                raise self.fail(f"{self.peek().text!r} cannot stand here")
            return node
        return self.within(start, end, read)

    def argument(self) -> tuple[int, int]:
        """The tokens of a command's argument, which are passed: a group's inside, or one token."""
        if self.at >= self.end:
            raise self.fail("an argument is missing")
        if self.peek().kind == "{":
            start, end = self.at + 1, self.match[self.at]
            self.at = min(end + 1, self.end)
            return start, min(end, self.end)
        self.at += 1
        return self.at - 1, self.at

    def starts_operand(self) -> bool:
        """Whether a factor may begin here."""
        token = self.peek()
        if token.kind == "bar":
            return not self.bars and not (self.peek(1).kind == "op" and self.peek(1).text in "_^")
        if token.kind == "cmd":
            return token.text not in _NO_OPERAND
        return token.kind in ("num", "sym", "word", "open", "{", "begin", "dots")

    def commas(self, start: int, end: int, kinds: tuple[str, ...] = ("sep",)) -> list[
            tuple[int, int]]:
        """The pieces between commas that stand in no bracket."""
        pieces, first, k = [], start, start
        while k < end:
            token = self.tokens[k]
            if token.kind in ("{", "open", "begin"):
                k = max(k + 1, min(self.match[k] + 1, end))
                continue
            if token.kind in kinds:
                pieces.append((first, k))
                first = k + 1
            k += 1
        pieces.append((first, end))
        return pieces

    def has(self, start: int, end: int, kinds: tuple[str, ...]) -> bool:
        """Whether a token of these kinds stands there outside of brackets."""
        k = start
        while k < end:
            token = self.tokens[k]
            if token.kind in kinds:
                return True
            opens = token.kind in ("{", "open", "begin")
            k = max(k + 1, min(self.match[k] + 1, end)) if opens else k + 1
        return False

    def said(self, start: int, end: int) -> str:
        """The source between two tokens."""
        if start >= end:
            return ""
        first, last = self.tokens[start].start, self.tokens[min(end, len(self.tokens)) - 1].end
        return self.source[first - self.offset : last - self.offset].strip()

    def words(self, said: str, start: int, end: int) -> Node:
        """Words where a formula was expected."""
        return Remark(start, end, Apply(start, end, "words", ()), said)

    # the parts of the reader that call each other

    def statement(self) -> Node:
        """A relation, or what stands on one side of one."""
        raise NotImplementedError

    def expression(self) -> Node:
        """A sum."""
        raise NotImplementedError

    def product(self) -> Node:
        """A product."""
        raise NotImplementedError

    def factor(self) -> Node:
        """One factor, with its powers."""
        raise NotImplementedError

    def run(self) -> Node:
        """Factors next to each other, without a sign between them."""
        raise NotImplementedError
