"""Brackets that got lost: 2(a + b) worked out as 2a + b, or written so.

Where a student worked a formula out without its brackets, they are taken away from it until it
gives what the student has. Where the student wrote the formula without them, one pair is put
around neighbouring terms of it, from one factor to another, until the claim holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, literal, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_trees import apply, bare, negated, swapped
from chainrule.check.rounding import printed
from chainrule.check.tree import Apply, Node, Number, Reduce, walk
from chainrule.check.values import Array

_MOST: Final = 12
_PUT: Final = 48  # pairs of brackets that are put into one formula
_LONG: Final = 10  # terms of a sum that brackets are put into
_HINT: Final = "Which parts of each bracket does the factor before or behind it multiply?"


def brackets(bench: Bench) -> Iterator[Found]:
    """A bracket on the left, or in what its name stands for, worked out as if it were not there."""
    left = bare(bench.left)
    own = formula_of(bench.room, left)
    sources = [bench.left] if own is None else [bench.left, own]
    for source in sources:
        for k, (node, without, text) in enumerate(_without(source)):
            if k >= _MOST:
                return
            new = swapped(source, node, without)
            if not bench.fits(new, bench.right) or _trifling(bench):
                continue
            shown = printed(bench.right) is not None or literal(bench.right)
            if not shown and not bench.holds(new, bench.right):
                continue
            firm = _firm(bench) if shown else bench.sure(new, bench.right)
            yield Found("brackets", text, 0.9 if firm else 1.7, firm, _HINT)
            return


def _firm(bench: Bench) -> bool:
    """Whether a number has digits enough not to come out by accident."""
    shown = printed(bench.right)
    several = sum(isinstance(n, Number) for n in walk(bench.right)) > 1
    return bench.telling or several or (shown is not None and shown.digits >= 2)


def _trifling(bench: Bench) -> bool:
    """Whether what stands on the right is 0 or 1, that much else gives as well."""
    value = bench.value(bench.right)
    return value is not None and not isinstance(value, Array | bool) and value in (0, 1, -1)


def _without(tree: Node) -> Iterator[tuple[Node, Node, str]]:
    """Each bracket that is a factor, what is left of it without, and what was done."""
    yield from _put(tree)
    for node in walk(tree):
        if not isinstance(node, Apply) or node.head not in ("product", "juxtaposed", "frac"):
            continue
        yield from _both(node)
        for k, arg in enumerate(node.args):
            inner = bare(arg)
            if not isinstance(inner, Apply) or inner.head != "sum" or len(inner.args) < 2 or (
                    len(inner.signs) != len(inner.args)):
                continue
            first = inner.args[0] if inner.signs[0] != "-" else negated(inner.args[0])
            for at, term in ((0, first), (len(inner.args) - 1, inner.args[-1])):
                if node.head == "frac" and k == 1 and at != 0:
                    continue
                args = (*node.args[:k], term, *node.args[k + 1 :])
                made = list(inner.args)
                made[at] = replace(node, args=args)
                signs = ("+", *inner.signs[1:]) if at == 0 else inner.signs
                text = (f"only {said(inner.args[at])} was "
                        + ("divided" if node.head == "frac" and k == 0 else "taken into the "
                           "product" if node.head != "frac" else "put below")
                        + f", not the whole bracket {said(inner)}")
                yield node, replace(inner, args=tuple(made), signs=signs), text


def _both(node: Apply) -> Iterator[tuple[Node, Node, str]]:
    """Two brackets, both of them lost: a + b · c + d for (a + b)(c + d)."""
    if node.head == "frac" or len(node.args) != 2 or "/" in node.signs:
        return
    first, second = (bare(a) for a in node.args)
    if not (isinstance(first, Apply) and isinstance(second, Apply)
            and first.head == second.head == "sum"
            and len(first.args) > 1 < len(second.args) and second.signs[0] != "-"):
        return
    middle = replace(node, args=(first.args[-1], second.args[0]))
    made = replace(first, args=(*first.args[:-1], middle, *second.args[1:]),
                   signs=(*first.signs, *second.signs[1:]))
    yield node, made, f"the brackets of {said(first)} and {said(second)} were lost"


def _put(tree: Node) -> Iterator[tuple[Node, Node, str]]:
    """Each product in a sum of two, and a bracket that was put where none is."""
    for node in walk(tree):
        if not isinstance(node, Apply) or node.head != "sum" or len(node.args) != 2 or (
                len(node.signs) != 2 or node.signs[0] == "-"):
            continue
        first, second = (bare(a) for a in node.args)
        if isinstance(first, Apply) and first.head == "product" and "/" not in first.signs:
            inner = replace(node, args=(first.args[-1], node.args[1]))
            yield node, replace(first, args=(*first.args[:-1], inner)), (
                f"{said(node.args[1])} is a term of its own: it is not to be multiplied with "
                f"{said(first.args[0])}")
        if isinstance(second, Apply) and second.head == "product" and "/" not in second.signs:
            inner = replace(node, args=(node.args[0], second.args[0]))
            yield node, replace(second, args=(inner, *second.args[1:])), (
                f"{said(node.args[0])} is a term of its own: it is not to be multiplied with "
                f"{said(second.args[-1])}")


# --- one pair put back

@dataclass(frozen=True, slots=True)
class _Piece:
    """A factor of a term with its sign; or the head of a sum over what follows; or an exponent."""

    sign: str
    node: Node
    role: str = ""


def lost(bench: Bench) -> Iterator[Found]:
    """One pair of brackets that makes what the student wrote right."""
    shown = printed(bench.right) is not None
    tree = bench.left if shown and literal(bench.left) else bench.right
    if shown and tree is bench.right:
        return
    for node, made, content, cost in put_back(tree):
        new = swapped(tree, node, made)
        left, right = (new, bench.right) if shown else (bench.left, new)
        if not bench.fits(left, right) or not bench.holds(left, right):
            continue
        firm = not shown and (bench.sure(left, right) or cost < _CERTAIN)
        yield Found("brackets", f"the brackets around {said(content)} are missing", cost +
                    0.8 * shown, firm, _HINT)
        return


_CERTAIN: Final = 0.7  # x 1 - y cannot be meant


def put_back(tree: Node) -> list[tuple[Node, Node, Node, float]]:
    """Each sum with a pair of brackets put into it, the likeliest first.

    The sum, what becomes of it, what stands in the brackets, and how far-fetched that is.
    """
    found: list[tuple[Node, Node, Node, float]] = []
    for node in walk(tree):
        if isinstance(node, Apply) and node.head == "sum" and (
                2 <= len(node.args) <= _LONG and len(node.signs) == len(node.args)):
            found += _pairs(node)
        if len(found) > 4 * _PUT:
            break
    found.sort(key=lambda f: f[3])
    return found[:_PUT]


def _pairs(node: Apply) -> Iterator[tuple[Node, Node, Node, float]]:
    parts = [_pieces(a) for a in node.args]
    for i, first in enumerate(parts):
        for j in range(i + 1, len(parts)):
            for a, b in itertools.product(range(len(first)), range(len(parts[j]))):
                if (a or b < len(parts[j]) - 1) and first[a].role != "exponent" and (
                        parts[j][b].role != "head"):
                    yield from _pair(node, parts, (i, a), (j, b))


def _pair(node: Apply, parts: list[tuple[_Piece, ...]], begin: tuple[int, int],
          end: tuple[int, int]) -> Iterator[tuple[Node, Node, Node, float]]:
    """Brackets from one factor to another: behind the sign of the first term, or before it."""
    (i, a), (j, b) = begin, end
    first, last = parts[i], parts[j]
    inner = (_built(first[a:], first=True), *node.args[i + 1 : j],
             _built(last[: b + 1], first=True))
    for sign in ("+", "-") if (i, a) == (0, 0) and node.signs[0] == "-" else ("+",):
        content = replace(node, args=inner, signs=(sign, *node.signs[i + 1 : j + 1]))
        whole = _built((*first[:a], _Piece(first[a].sign, content), *last[b + 1 :]))
        args = (*node.args[:i], whole, *node.args[j + 1 :])
        signs = (*node.signs[: i + 1], *node.signs[j + 1 :])
        signs = ("+", *signs[1:]) if sign == "-" else signs
        made = whole if len(args) == 1 and signs[0] != "-" else replace(
            node, args=args, signs=signs)
        yield node, made, content, _cost(first, last, a, b, j - i)


def _cost(first: tuple[_Piece, ...], last: tuple[_Piece, ...], a: int, b: int, n: int) -> float:
    """How far-fetched a pair of brackets is: x 1 - y is almost a proof, whole factors are next."""
    begin = first[a].node
    if a and isinstance(begin, Number) and begin.text == "1" and first[a].sign == "":
        return 0.6 + 0.01 * b
    plain = (a in (0, len(first) - 1)) + (b in (0, len(last) - 1))
    return 0.95 - 0.1 * plain + 0.01 * n + 0.01 * b


def _pieces(term: Node) -> tuple[_Piece, ...]:
    """The factors of a term in the order in which they are written."""
    found: list[_Piece] = []
    signs: tuple[str, ...] = ("",)
    args: tuple[Node, ...] = (term,)
    if isinstance(term, Apply) and term.head in ("product", "juxtaposed") and (
            len(term.signs) == len(term.args)):
        signs, args = term.signs, term.args
    for k, (sign, arg) in enumerate(zip(signs, args, strict=True)):
        if isinstance(arg, Apply) and arg.head == "power" and not isinstance(
                bare(arg.args[0]), Number):
            found += [_Piece(sign, arg.args[0]), _Piece("", arg.args[1], "exponent")]
        elif isinstance(arg, Reduce) and k == len(args) - 1:
            found.append(_Piece(sign, arg, "head"))
            found += _pieces(arg.body)
        else:
            found.append(_Piece(sign, arg))
    return tuple(found)


def _built(pieces: tuple[_Piece, ...], first: bool = False) -> Node:
    """The term that pieces make; the sign of the first one is the whole's where it is inside."""
    args: list[Node] = []
    signs: list[str] = []
    for k, piece in enumerate(pieces):
        if piece.role == "exponent":
            args[-1] = apply(args[-1], "power", args[-1], piece.node)
            continue
        node = piece.node
        if piece.role == "head" and isinstance(node, Reduce) and k + 1 < len(pieces):
            node = replace(node, body=_built(pieces[k + 1 :], first=True))
        signs.append("" if first and not args else piece.sign)
        args.append(node)
        if piece.role == "head":
            break
    if len(args) == 1:
        return args[0]
    return apply(args[0], "product", *args, signs=tuple(signs))


__all__ = ["brackets", "lost", "put_back"]
