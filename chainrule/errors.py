"""Every error chainrule raises on purpose, each with a code, the place, and what to try.

An error is data first: `code` says which kind it is to a program, `message` what was found and
what was expected, `span` where in the source text, `hint` what to try. `report()` puts these
into one paragraph with the place underlined; front ends print that and nothing else.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

_SHOWN = 100  # characters of a source line shown around the underlined place


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch `text[start:end]` of a source text; `name` says which text (a file, a formula)."""

    text: str
    start: int
    end: int
    name: str = "formula"

    def line(self) -> int:
        """The 1-based line that the span starts on."""
        return self.text.count("\n", 0, self.start) + 1

    def column(self) -> int:
        """The 1-based column that the span starts at."""
        return self.start - (self.text.rfind("\n", 0, self.start) + 1) + 1

    def excerpt(self) -> str:
        """The characters that the span covers."""
        return self.text[self.start : self.end]

    def underlined(self) -> str:
        """The source line with the span underlined by carets, two lines of text."""
        begin = self.text.rfind("\n", 0, self.start) + 1
        end = self.text.find("\n", self.start)
        end = len(self.text) if end < 0 else end
        left = max(begin, min(self.start, end) - _SHOWN // 2)
        right = min(end, left + _SHOWN)
        shown = visible(self.text[left:right])
        before = _width(visible(self.text[left : self.start]))
        under = _width(visible(self.text[self.start : min(self.end, right)]))
        head = "…" if left > begin else ""
        tail = "…" if right < end else ""
        return f"  {head}{shown}{tail}\n  {' ' * (len(head) + before)}{'^' * max(1, under)}"


def visible(text: str) -> str:
    """The text with control, format and private characters written as `<U+XXXX>`."""
    return "".join(
        f"<U+{ord(c):04X}>" if unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs", "Cn"} else c
        for c in text
    )


def _width(text: str) -> int:
    """Terminal columns: combining marks take none, wide characters two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


class ChainruleError(Exception):
    """The base of all errors raised on purpose.

    Attributes: `code` (stable, for programs), `message`, `span` (or None), `hint` (or None), and
    `exit_code`, what a command ends with: 2 for wrong use, 3 for a refusal, 4 for undecided.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, span: Span | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint

    def __str__(self) -> str:
        return self.report()

    def report(self) -> str:
        """One paragraph: what is wrong, the place underlined, what to try."""
        lines = [self.message]
        if self.span is not None:
            if "\n" in self.span.text or self.span.name != "formula":
                lines[0] = f"{self.span.name}, line {self.span.line()}: {self.message}"
            lines.append(self.span.underlined())
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)

    def with_span(self, span: Span | None) -> ChainruleError:
        """The same error at a place, if it did not have one yet."""
        if self.span is None:
            self.span = span
        return self


class FormulaSyntaxError(ChainruleError):
    """The text is not a formula."""

    code = "syntax"


class UnknownNameError(ChainruleError):
    """A name that nothing declares."""

    code = "unknown-name"


class ArityError(ChainruleError):
    """A function with the wrong number of arguments, a tensor with the wrong number of axes."""

    code = "arity"


class ShapeError(ChainruleError):
    """Two sizes that must agree and do not."""

    code = "shape"


class RangeError(ChainruleError):
    """An index whose range is unknown, or a subscript that leaves its axis."""

    code = "range"


class DefinitionError(ChainruleError):
    """A tensor defined twice, not everywhere, after its use, or in terms of itself."""

    code = "definition"


class KindError(ChainruleError):
    """A boolean where a number is wanted, a real where an integer is."""

    code = "kind"


class MissingValueError(ChainruleError):
    """An input without a value."""

    code = "missing-value"


class DomainError(ChainruleError):
    """A point outside a function's domain: a division by zero, the logarithm of -1."""

    code = "domain"


class DerivativeError(ChainruleError):
    """A derivative that does not exist as asked for."""

    code = "derivative"


class InputError(ChainruleError):
    """A file or an argument that is not of the form asked for."""

    code = "input"


class LimitError(ChainruleError):
    """Over one of the limits of `chainrule.limits`; nothing was done."""

    code = "limit"
    exit_code = 3


class MissingExtraError(ChainruleError):
    """An optional library is needed and not installed."""

    code = "missing-extra"
    exit_code = 3


class UndecidedError(ChainruleError):
    """The question has an answer that chainrule could not find."""

    code = "undecided"
    exit_code = 4


def did_you_mean(name: str, known: list[str]) -> str | None:
    """A hint that names the closest known spelling, or None.

    >>> did_you_mean("sine", ["sin", "cos"])
    'did you mean sin?'
    """
    import difflib  # lazily: only an error needs it

    for word in known:
        if word.lower() == name.lower():
            return f"did you mean {word}?"
    close = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else None
