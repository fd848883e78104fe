"""Braces in LaTeX: where each is closed."""

from __future__ import annotations

from collections.abc import Mapping


def brace_pairs(source: str) -> dict[int, int]:
    """Where each brace that opens an argument is closed."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    at = 0
    while at < len(source):
        c = source[at]
        if c == "\\":
            at += 2
            continue
        if c == "{":
            stack.append(at)
        elif c == "}" and stack:
            pairs[stack.pop()] = at
        at += 1
    return pairs


def definition_end(source: str, at: int, closing: Mapping[int, int]) -> int:
    """The end of a \\newcommand or \\def that stands at a place."""
    for _ in range(3):
        brace = source.find("{", at, at + 200)
        if brace < 0 or brace not in closing:
            return at
        at = closing[brace] + 1
        rest = source[at : at + 40].lstrip()
        if not rest.startswith(("{", "[")):
            return at
    return at
