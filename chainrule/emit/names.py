"""Names that are safe in a Python file, whatever they were in the formula.

A formula may call a tensor `lambda`, `print`, `σ` or `z̄`; a network made in Python may call one
anything at all. In the emitted file each gets an identifier of plain letters that is no keyword, no
builtin and nobody else's: `lambda_`, `print_`, `sigma`, `z_bar`.

    >>> names = Names()
    >>> [names.tensor(name) for name in ("x", "lambda", "σ", "z̄", "__import__")]
    ['x', 'lambda_', 'sigma', 'z_bar', 'import_']
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from chainrule.errors import visible

_MARKS: Final = {"\u0302": "_hat", "\u0303": "_tilde", "\u0304": "_bar", "\u0307": "_dot",
                 "\u0308": "_ddot"}
_LONGEST: Final = 40
_OURS: Final = frozenset({
    "np", "torch", "jax", "jnp", "math", "forward", "backward", "cache", "example", "rng", "main",
    "sliding_window_view", "grids", "erf", "sigmoid", "softplus", "xlogy", "heaviside", "self",
    "generator", "dtype", "device", "F", "like",
})
_ALIKE: Final = frozenset("lIO")  # look like 1 and 0, and linters refuse them
TAKEN: Final = (_ALIKE | _OURS | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
                | frozenset(dir(builtins)))


def identifier(name: str) -> str:
    """A name in plain letters, digits and underscores that begins with a letter.

    >>> identifier("layer1.0.conv"), identifier("2x"), identifier("β₁"), identifier("名")
    ('layer1_0_conv', 'v_2x', 'beta_1', 'u540D')
    """
    text = "".join(_plain(c) for c in unicodedata.normalize("NFD", name[:200]))
    text = re.sub(r"__+", "_", text).strip("_")[:_LONGEST].rstrip("_")
    return text if text[:1].isalpha() else f"v_{text}" if text else "v"


def _plain(c: str) -> str:
    if c.isascii():
        return c if c.isalnum() else "_"
    if c in _MARKS:
        return _MARKS[c]
    words = unicodedata.name(c, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        word = words[-1] if words[-1] != "SYMBOL" else words[-2]
        return word.capitalize() if "CAPITAL" in words else word.lower()
    if c.isnumeric() and unicodedata.decimal(unicodedata.normalize("NFKD", c), None) is not None:
        return "_" + unicodedata.normalize("NFKD", c)
    if unicodedata.combining(c):
        return ""
    return f"u{ord(c):04X}"


def plain_comment(text: str) -> str:
    """A text that stays in its comment or docstring: no line ends, no quotes that could end it."""
    text = visible(" ".join(text.split()))
    return text.replace("\\", "/").replace('"', "'")


class Names:
    """The identifiers of one file: what stands for each tensor, size and index, and for parts."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*TAKEN, *taken}
        self._given: dict[tuple[str, object], str] = {}

    def copy(self, taken: Iterable[str] = ()) -> Names:
        """The same names, for a function of its own, which may not use those `taken`."""
        other = Names()
        other._taken = {*self._taken, *taken}
        other._given = dict(self._given)
        return other

    def tensor(self, name: str) -> str:
        """The identifier of a tensor."""
        return self._of("tensor", name, name)

    def size(self, name: str) -> str:
        """The identifier of a size."""
        return self._of("size", name, name)

    def part(self, key: object, wish: str) -> str:
        """The identifier of something else, the same for the same key."""
        return self._of("part", key, wish)

    def fresh(self, wish: str) -> str:
        """An identifier that nothing has yet."""
        base = found = identifier(wish)
        if found in self._taken:
            found = f"{base}_"
        number = 2
        while found in self._taken:
            found = f"{base}_{number}"
            number += 1
        self._taken.add(found)
        return found

    def _of(self, kind: str, key: object, wish: str) -> str:
        if (kind, key) not in self._given:
            self._given[kind, key] = self.fresh(wish)
        return self._given[kind, key]


__all__ = ["TAKEN", "Names", "identifier", "plain_comment"]
