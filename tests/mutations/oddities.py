"""Slips that fit no common name: rules made up, digits lost, another layer's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mutations.figures import grids, heavy, numbers, result
from mutations.latex import Node
from mutations.papers import Chain, Script
from mutations.slips import derivative_side, each, text_of, without_factor
from mutations.surgery import Cut, Edit, decimals, literal, target, worlds_of

Slip = Callable[[Script, Chain, int], Iterator[Cut]]


def bare(node: Node) -> Node:
    """What stands in brackets or braces."""
    while node.kind in ("brace", "group") and not node.subs:
        node = node.args[0]
    return node


def spread(script: Script, inner: Node, how: str) -> str:
    """A sum whose terms each get what the sum should have got."""
    parts = [how.format(text_of(script, a)) for a in inner.args]
    return "".join(
        f" {s} {p}" if k else ("-" if s == "-" else "") + p
        for k, (s, p) in enumerate(zip(inner.signs, parts, strict=True))
    )


def as_if_linear(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """(a + b)² as a² + b², 1/(a + b) as 1/a + 1/b, e^{a+b} as e^a + e^b, ln(a + b) so too."""
    for node in each(chain, side, "power", "frac", "call"):
        if node.kind == "power" and node.args[0].name == "e":
            inner, how = bare(node.args[1]), "e^{{{}}}"
        elif node.kind == "power":
            inner, how = (
                bare(node.args[0]),
                "{}^{{" + text_of(script, node.args[1]).strip("{}") + "}}",
            )
        elif node.kind == "frac":
            top = text_of(script, node.args[0])
            inner, how = (
                bare(node.args[1]),
                "\\frac" + top.replace("{", "{{").replace("}", "}}") + "{{{}}}",
            )
        elif node.name in ("exp", "ln", "log", "sin", "cos", "tanh", "sigma"):
            inner, how = bare(node.args[0]), "\\" + node.name + "({})"
        else:
            continue
        if inner.kind == "sum":
            yield Cut(((node.start, node.end, f"({spread(script, inner, how)})"),), side)


def minus_not_spread(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """-(a - b) as -a - b."""
    for node in each(chain, side, "sum", "neg"):
        for sign, arg in zip(node.signs, node.args, strict=True):
            factors = arg.args if arg.kind == "product" else [arg]
            for factor in factors:
                inner = bare(factor)
                if sign == "-" and factor.kind == "group" and inner.kind == "sum":
                    for k in range(1, len(inner.args)):
                        flip = {"+": "-", "-": "+"}[inner.signs[k]]
                        yield Cut(((*inner.spots[k], flip),), side)


def root_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "call"):
        if node.name == "sqrt":
            inner = text_of(script, node.args[0])[1:-1]
            inner = f"({inner})" if bare(node.args[0]).kind == "sum" else inner
            yield Cut(((node.start, node.end, inner),), side)


def complement_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """p for 1 - p, or 1 - p for p."""
    for node in each(chain, side, "group"):
        inner = bare(node)
        if (
            inner.kind == "sum"
            and inner.signs == ["+", "-"]
            and text_of(script, inner.args[0]) == "1"
        ):
            other = inner.args[1]
            text = text_of(script, other)
            whole = text if other.kind in ("symbol", "power", "number") else f"({text})"
            yield Cut(((node.start, node.end, whole),), side)


def square_for_double(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """2x for x², x² for 2x."""
    for node in each(chain, side, "power"):
        if text_of(script, node.args[1]).strip("{}") == "2":
            base = text_of(script, node.args[0])
            yield Cut(((node.start, node.end, f"2 \\cdot {base}"),), side)
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args[:-1]):
            following = node.args[k + 1]
            if text_of(script, arg) == "2" and following.kind in ("symbol", "number", "group"):
                yield Cut(((arg.start, following.end, f"{text_of(script, following)}^2"),), side)


def wrong_count(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A mean that divides by one fewer."""
    for node in each(chain, side, "frac"):
        bottom = text_of(script, node.args[1])
        mean = script.sheet in ("normalised", "averages") and bottom == "{4}"
        if mean or bottom in ("{m}", "{n}"):
            new = "{3}" if bottom == "{4}" else f"{{{bottom[1]} - 1}}"
            yield Cut(((node.args[1].start, node.args[1].end, new),), side)


def digit_lost(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in numbers(chain, side):
        old = text_of(script, node)
        digits = [k for k, c in enumerate(old) if c.isdigit()]
        if len(digits) >= 3 and "," not in old:
            for k in digits[1:-1]:
                new = old[:k] + old[k + 1 :]
                if (not old[:k].endswith(".") or old[k + 1 :]) and heavy(old, new):
                    yield Cut(((node.start, node.end, new),), side)


def digit_too_many(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in numbers(chain, side):
        old = text_of(script, node)
        if "," not in old and len(old) >= 2:
            for k, c in enumerate(old):
                if not c.isdigit():
                    continue
                new = old[:k] + c + old[k:]
                near = abs(float(new) - float(old)) <= 1.5 * 10.0 ** -decimals(old)
                if not near and heavy(old, new):
                    yield Cut(((node.start, node.end, new),), side)


def pooled(
    script: Script, chain: Chain, side: int, how: Callable[[np.ndarray], float]
) -> Iterator[Cut]:
    """The pooling's result as it would be if it took something else of each block."""
    there = worlds_of(script, chain)[0]
    if script.sheet != "machine-vision" or target(chain, there) != ("U", None):
        return
    blocks = there.values()["X"].reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4)
    new = np.array([[how(b) for b in row] for row in blocks])
    for node in grids(chain, side):
        yield Cut(((node.start, node.end, literal(new, node, script.text)),), side)


def largest_in_size(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    yield from pooled(script, chain, side, lambda b: float(b[np.abs(b).argmax()]))


def average_for_maximum(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    yield from pooled(script, chain, side, lambda b: float(b.mean()))


def smallest(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    yield from pooled(script, chain, side, lambda b: float(b.min()))


def padding_once(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet != "counting":
        return
    for node in each(chain, side, "sum"):
        for arg in node.args:
            if arg.kind == "product" and len(arg.args) == 2 and text_of(script, arg.args[0]) == "2":
                edit = without_factor(arg, 0)
                if edit and node.args[0] is not arg:
                    yield Cut((edit,), side)


def stride_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet not in ("counting", "deep-learning") or chain.part not in (
        "net",
        "cnn",
        "layer",
    ):
        return
    for node in each(chain, side, "frac"):
        top = text_of(script, node.args[0]).strip("{}").strip()
        yield Cut(((node.start, node.end, f"({top})"),), side)


def chain_as_sum(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Derivatives along a path added instead of multiplied."""
    if not derivative_side(chain):
        return
    for node in each(chain, side, "product"):
        for k in range(1, len(node.args)):
            if node.args[k - 1].kind == node.args[k].kind == "derivative":
                at = node.args[k].start
                yield Cut(((at, at, "+ "),), side)


def line_above(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The result of the line above once more."""
    node = result(chain, side)
    if node is None:
        return
    lines = script.text[: chain.start].split("\n")[:-1]
    above = [x for x in lines if "= " in x][-1:]
    for text in above:
        last = text.rstrip("$| .").rpartition("= ")[2].strip()
        if last.lstrip("-").replace(".", "", 1).isdigit() and last != text_of(script, node):
            yield Cut(((node.start, node.end, last),), side)


def other_activation(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """1 - a² for a (1 - a), g (1 - g) for 1 - g²."""
    if not derivative_side(chain):
        return
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args):
            text = text_of(script, arg)
            if arg.kind != "group" or not text.startswith("(1 - "):
                continue
            if text.endswith("^2)"):
                base = text[5:-3]
                yield Cut(((arg.start, arg.end, f"{base} (1 - {base})"),), side)
            elif k and text_of(script, node.args[k - 1]) == text[5:-1]:
                edit: Edit = (node.args[k - 1].start, arg.end, f"(1 - {text[5:-1]}^2)")
                yield Cut((edit,), side)


ODDITIES: dict[str, Slip] = {
    "as if it were linear": as_if_linear,
    "minus not spread": minus_not_spread,
    "root forgotten": root_forgotten,
    "complement forgotten": complement_forgotten,
    "square for double": square_for_double,
    "wrong count in a mean": wrong_count,
    "digit lost": digit_lost,
    "digit too many": digit_too_many,
    "largest in absolute value": largest_in_size,
    "average for maximum": average_for_maximum,
    "smallest for largest": smallest,
    "padding counted once": padding_once,
    "stride forgotten": stride_forgotten,
    "chain rule as a sum": chain_as_sum,
    "the line above once more": line_above,
    "slope of another activation": other_activation,
}
