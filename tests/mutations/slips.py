"""Slips in symbols: what is done wrong to a formula, as edits of its text.

Each slip is a function of a script, a chain and one of its sides; it gives candidates, which need
not be wrong. Nothing here looks at how mistakes are found.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from mutations.latex import Node
from mutations.papers import Chain, Script
from mutations.surgery import Cut, Edit, is_literal, is_number

Slip = Callable[[Script, Chain, int], Iterator[Cut]]
SQUARE = {"W", "A", "X", "G"}  # letters of matrices


def text_of(script: Script, node: Node) -> str:
    return script.text[node.start : node.end]


def derivative_side(chain: Chain) -> bool:
    """Whether the chain says what a derivative is."""
    first = chain.sides[0]
    return first.kind == "derivative" or (
        first.kind == "symbol" and first.name.endswith(("_dot", "_bar"))
    )


def without_factor(node: Node, k: int) -> Edit | None:
    """A product without its factor k."""
    if k == 0:
        return None if node.signs[1] == "/" else (node.args[0].start, node.args[1].start, "")
    return (node.args[k - 1].end, node.args[k].end, "")


def without_term(node: Node, k: int) -> Edit:
    """A sum without its term k."""
    if k == 0:
        end = node.args[1].start if node.signs[1] == "+" else node.spots[1][0]
        return (node.spots[0][0], end, "")
    return (node.spots[k][0], node.args[k].end, "")


def each(chain: Chain, side: int, *kinds: str) -> Iterator[Node]:
    for node in chain.sides[side].walk():
        if node.kind in kinds:
            yield node


def sign(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    below = {id(n) for s in each(chain, side, "symbol") for sub in s.subs for n in sub.walk()}
    for node in (n for n in each(chain, side, "sum", "neg") if id(n) not in below):
        for k, (start, end) in enumerate(node.spots):
            if end > start:
                flip = "" if k == 0 else {"+": "-", "-": "+"}[node.signs[k]]
                yield Cut(((start, end, flip),), side)
            elif node.args[k].kind not in ("number",):
                yield Cut(((start, end, "-"),), side)
    top = chain.sides[side]
    if top.kind in ("product", "symbol", "frac", "reduce"):
        yield Cut(((top.start, top.start, "-"),), side)


def factor_dropped(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args):
            edit = without_factor(node, k)
            if (
                edit
                and arg.kind != "derivative"
                and not any(n.kind in ("derivative", "matrix") for n in arg.walk())
            ):
                yield Cut((edit,), side)


def from_outside(script: Script, chain: Chain, node: Node) -> bool:
    """Whether a derivative is the outer one: of what the chain takes the derivative of."""
    first = chain.sides[0]
    both = first.kind == node.kind == "derivative"
    return both and text_of(script, first.args[0]) == text_of(script, node.args[0])


def inner_derivative(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if not derivative_side(chain):
        return
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args):
            slope = arg.kind == "derivative" or (arg.kind == "symbol" and arg.name.endswith("_dot"))
            if k and slope and not from_outside(script, chain, arg):
                yield Cut(((node.args[k - 1].end, arg.end, ""),), side)
            complement = arg.kind == "group" and text_of(script, arg).startswith("(1 - ")
            if k and complement and not is_literal(arg):
                inner = text_of(script, arg)[5:-1].split("^")[0]
                before = node.args[k - 1]
                if text_of(script, before) == inner:  # a (1 - a)
                    if k > 1:
                        yield Cut(((node.args[k - 2].end, arg.end, ""),), side)
                else:
                    yield Cut(((before.end, arg.end, ""),), side)


def shared(script: Script, chain: Chain) -> bool:
    """Whether the chain's derivative is by a parameter that is used several times."""
    letters = {"logistic": "wb", "recurrent": "uwc", "signal": "wb"}.get(script.sheet, "")
    first = chain.sides[0]
    return first.kind == "derivative" and first.args[1].name in tuple(letters)


def path_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if not derivative_side(chain) or shared(script, chain):
        return
    for node in each(chain, side, "sum"):
        slopes = [
            any(n.kind == "derivative" or n.name.endswith(("_bar", "_dot")) for n in a.walk())
            for a in node.args
        ]
        if sum(slopes) >= 2 and chain.sides[side] is node:
            for k, slope in enumerate(slopes):
                if slope:
                    yield Cut((without_term(node, k),), side)


def term_dropped(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "sum"):
        for k in range(len(node.args)):
            if "\\lambda" not in text_of(script, node.args[k]):
                yield Cut((without_term(node, k),), side)


def weight_decay(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "sum"):
        for k, arg in enumerate(node.args):
            if "\\lambda" in text_of(script, arg):
                yield Cut((without_term(node, k),), side)


def batch_mean(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args):
            if arg.kind == "frac" and text_of(script, arg.args[1]) in ("{m}", "{n}", "{4}"):
                top = text_of(script, arg.args[0])[1:-1]
                if top == "1" and k + 1 < len(node.args):
                    yield Cut(((arg.start, node.args[k + 1].start, ""),), side)
                else:
                    yield Cut(((arg.start, arg.end, top),), side)


def transpose(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "transpose"):
        if any(n.kind == "symbol" and n.name in SQUARE for n in node.walk()):
            yield Cut(((node.args[0].end, node.end, ""),), side)
    turned = {id(n.args[0]) for n in each(chain, side, "transpose")}
    for node in each(chain, side, "symbol"):
        if (
            node.name in SQUARE
            and not node.subs
            and id(node) not in turned
            and "mathbf" in text_of(script, node)
        ) and not node.label:
            yield Cut(((node.end, node.end, "^\\top"),), side)


def wrong_axis(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "symbol"):
        if len(node.subs) == 2 and node.subs[0].end <= node.subs[1].start:
            a, b = (text_of(script, s) for s in node.subs)
            if a != b:
                yield Cut(
                    (
                        (node.subs[0].start, node.subs[0].end, b),
                        (node.subs[1].start, node.subs[1].end, a),
                    ),
                    side,
                )
        if len(node.subs) == 1 and node.subs[0].kind == "number" and len(node.subs[0].name) == 2:
            sub = node.subs[0]
            if sub.name != sub.name[::-1]:
                yield Cut(((sub.start, sub.end, sub.name[::-1]),), side)


def order(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Matrices multiplied in the other order."""
    for node in each(chain, side, "product"):
        for k in range(1, len(node.args)):
            a, b = node.args[k - 1], node.args[k]
            both = text_of(script, a), text_of(script, b)
            if all("\\mathbf" in t and "\\partial" not in t for t in both) and node.signs[k] == "":
                yield Cut(((a.start, a.end, both[1]), (b.start, b.end, both[0])), side)


POINTS = {"a": "z", "y^{(2)}": "z^{(2)}", "y^{(1)}": "z^{(1)}"}


def wrong_point(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The derivative of a function taken at its output for its input, or the other way round."""
    if not derivative_side(chain):
        return
    for node in each(chain, side, "product"):
        for arg in node.args:
            if arg.kind == "group" and text_of(script, arg).startswith("(1 - a_"):
                at = node.args.index(arg)
                if at and text_of(script, node.args[at - 1]).startswith("a_"):
                    a = node.args[at - 1].start
                    yield Cut(((a, a + 1, "z"), (arg.start + 5, arg.start + 6, "z")), side)
    for node in each(chain, side, "call"):
        inner = node.args[0]
        if node.name in ("sin", "cos", "tanh") and inner.kind == "symbol":
            output = {"tanh": "h", "sin": "c", "cos": "c"}[node.name]
            first = chain.sides[0]
            if first.name == "v_dot":
                output = text_of(script, first).replace("\\dot{v}", "v")
            elif script.sheet not in ("memory", "measures"):
                continue
            yield Cut(((inner.start, inner.end, output),), side)


def sum_forgotten(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The body of a sum without the sum, where the sum runs over the uses of something."""
    if not derivative_side(chain):
        return
    for node in each(chain, side, "reduce"):
        yield Cut(((node.spots[0][0], node.args[0].start, ""),), side)


def softmax_diagonal(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "sum"):
        for k, arg in enumerate(node.args):
            if arg.kind == "reduce" and arg.label == "!=":
                yield Cut((without_term(node, k),), side)
    if script.sheet in ("pattern-recognition", "computer-vision"):
        for node in each(chain, side, "reduce"):
            body = node.args[0]
            slope = any(n.kind == "derivative" for n in body.walk())
            index = node.rows[0][0].name
            first = chain.sides[0]
            if (
                slope
                and derivative_side(chain)
                and index == "k"
                and "z_i" in text_of(script, first)
            ):
                new = text_of(script, body).replace("_k", "_i").replace("k}", "i}")
                yield Cut(((node.start, node.end, new),), side)
    if script.sheet == "classes":
        for node in each(chain, side, "reduce"):
            body = text_of(script, node.args[0])
            if derivative_side(chain) and "\\partial" in body:
                yield Cut(((node.start, node.end, body.replace("_k", "_1")),), side)


def bound(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "reduce"):
        _, lower, upper = node.rows[0]
        if node.label == "!=":
            index = node.rows[0][0]
            yield Cut(((index.end, lower.end, ""),), side)
        elif lower is not None and text_of(script, lower) == "1":
            yield Cut(((lower.start, lower.end, "2"),), side)
            yield Cut(((lower.start, lower.end, "0"),), side)
        if upper is not None and text_of(script, upper).strip("{}").isdigit():
            old = int(text_of(script, upper).strip("{}"))
            yield Cut(((upper.start, upper.end, f"{{{old - 1}}}"),), side)
        elif upper is not None:
            old = text_of(script, upper).strip("{}")
            yield Cut(((upper.start, upper.end, f"{{{old}-1}}"),), side)


def index(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """Another index than there should be."""
    names = {
        "i": "j",
        "j": "i",
        "k": "i",
        "u": "v",
        "v": "u",
        "1": "2",
        "2": "1",
        "0": "1",
        "3": "2",
        "y": "i",
    }
    for node in each(chain, side, "symbol"):
        for sub in node.subs:
            old = text_of(script, sub)
            if old in names and len(node.subs) == 1:
                yield Cut(((sub.start, sub.end, names[old]),), side)


def exponent(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "power"):
        base, sup = node.args
        digit = text_of(script, sup).strip("{}")
        if digit.isdigit():
            yield Cut(((sup.start, sup.end, f"{int(digit) + 1}"),), side)
            if int(digit) > 1:
                yield Cut(
                    ((base.end, node.end, "" if digit == "2" else f"^{int(digit) - 1}"),), side
                )


def exponent_sign(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "power", "call"):
        inner = node.args[1] if node.kind == "power" else node.args[0]
        while inner.kind == "brace":
            inner = inner.args[0]
        exponential = node.name == "exp" or (node.kind == "power" and node.args[0].name == "e")
        if not exponential:
            continue
        if inner.kind == "neg":
            yield Cut(((inner.start, inner.args[0].start, ""),), side)
        elif inner.kind != "sum":
            yield Cut(((inner.start, inner.start, "-"),), side)


def upside_down(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "frac"):
        a, b = (text_of(script, x) for x in node.args)
        yield Cut(
            ((node.args[0].start, node.args[0].end, b), (node.args[1].start, node.args[1].end, a)),
            side,
        )


def doubled(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "sum"):
        for k, arg in enumerate(node.args):
            yield Cut(((arg.end, arg.end, f" {node.signs[k]} {text_of(script, arg)}"),), side)


def brackets(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "product"):
        for arg in node.args:
            if (
                arg.kind == "group"
                and arg.args[0].kind == "sum"
                and arg.name == "("
                and not arg.subs
            ):
                whole = text_of(script, arg)
                inner = text_of(script, arg.args[0])
                if (
                    not whole.startswith("\\left")
                    and script.text[arg.start - 5 : arg.start] != "\\left"
                ):
                    yield Cut(((arg.start, arg.end, inner),), side)


def operator(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A product for a sum, a sum for a product."""
    for node in each(chain, side, "sum"):
        for k in range(1, len(node.args)):
            if node.signs[k] == "+":
                yield Cut(((*node.spots[k], "\\times"),), side)
    for node in each(chain, side, "product"):
        for k in range(1, len(node.args)):
            if node.signs[k] == "*":
                yield Cut(((*node.spots[k], "+"),), side)


def function(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    other = {"sin": "cos", "cos": "sin", "tanh": "sigma", "exp": "log", "ln": "exp", "log": "exp"}
    for node in each(chain, side, "call"):
        if node.name in other and node.spots and node.name != "tanh":
            yield Cut(((*node.spots[0], "\\" + other[node.name]),), side)


def log_base(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """A natural logarithm for another, or base 10 for all natural ones that have a number in."""
    edits: list[Edit] = []
    for node in each(chain, side, "call"):
        if node.name == "log_base":
            end = node.subs[0].end
            yield Cut(((node.start, end, "\\ln"),), side)
        elif node.name == "ln" and is_literal_call(node):
            edits.append((*node.spots[0], "\\log_{10}"))
    if edits:
        yield Cut(tuple(edits), side)


def is_literal_call(node: Node) -> bool:
    return all(is_literal(a) for a in node.args)


def case_labels(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "cases"):
        bodies = [row[0] for row in node.rows]
        for a, b in itertools.pairwise(bodies):
            if a is not None and b is not None:
                yield Cut(
                    ((a.start, a.end, text_of(script, b)), (b.start, b.end, text_of(script, a))),
                    side,
                )


def inequality(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    signs = {"<": ">", ">": "<", "<=": "<", ">=": "<"}
    for row in (r for n in each(chain, side, "cases") for r in n.rows):
        condition = row[1] if len(row) > 1 else None
        if condition is not None and condition.name in signs:
            yield Cut(((*condition.spots[0], signs[condition.name]),), side)
    relation, start, end = chain.signs[side - 1]
    if relation in signs:
        yield Cut(((start, end, signs[relation]),), side)


def size_plus_one(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet != "counting" and chain.part not in ("blocks", "cnn", "layer", "overlap"):
        return
    for node in each(chain, side, "sum"):
        if (
            len(node.args) >= 2
            and node.signs[-1] == "+"
            and is_number(node.args[-1])
            and text_of(script, node.args[-1]) == "1"
        ) and (node.args[0].kind in ("frac", "number") or node.args[0].name == "floor"):
            yield Cut((without_term(node, len(node.args) - 1),), side)


def floor_lost(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    for node in each(chain, side, "call"):
        if node.name == "floor":
            yield Cut(
                (
                    (node.start, node.args[0].start, "\\lceil "),
                    (node.args[0].end, node.end, " \\rceil"),
                ),
                side,
            )


def channels(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet == "counting":
        at = 1
    elif script.sheet == "pattern-recognition" and chain.part == "blocks":
        at = 2
    else:
        return
    for node in each(chain, side, "product"):
        if (
            len(node.args) > at + 1
            and ("c" in text_of(script, node) or "\\times" in text_of(script, node))
            and (node.args[0].kind == "power" or at == 2)
        ):
            yield Cut((without_factor(node, at),), side)


def biases(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    if script.sheet != "counting" or "P_" not in text_of(script, chain.sides[0]):
        return
    for node in each(chain, side, "sum"):
        yield Cut((without_term(node, len(node.args) - 1),), side)


def given_two(script: Script, chain: Chain, side: int) -> bool:
    """Whether a 2 among the numbers is a value that was put in: no formula before has one."""
    before = [s for s in chain.sides[1:side] if not is_literal(s)]
    literal = is_literal(chain.sides[side]) and bool(before)
    return literal and not any(n.name == "2" for s in before for n in s.walk())


def power_rule(script: Script, chain: Chain, side: int) -> Iterator[Cut]:
    """The factor that a derivative of a square brings, left out."""
    if not derivative_side(chain) or given_two(script, chain, side):
        return
    for node in each(chain, side, "product"):
        for k, arg in enumerate(node.args[:-1]):
            if text_of(script, arg) == "2":
                yield Cut(((arg.start, node.args[k + 1].start, ""),), side)
    for node in each(chain, side, "frac"):
        if text_of(script, node.args[0]) == "{2}":
            yield Cut(((node.args[0].start, node.args[0].end, "{1}"),), side)


SYMBOLS: dict[str, Slip] = {
    "sign": sign,
    "factor dropped": factor_dropped,
    "inner derivative dropped": inner_derivative,
    "path forgotten": path_forgotten,
    "term dropped": term_dropped,
    "weight decay forgotten": weight_decay,
    "mean not taken": batch_mean,
    "transposed": transpose,
    "wrong axis": wrong_axis,
    "matrices in the wrong order": order,
    "derivative at the wrong point": wrong_point,
    "sum forgotten": sum_forgotten,
    "softmax diagonal only": softmax_diagonal,
    "bound of a sum": bound,
    "wrong index": index,
    "exponent": exponent,
    "sign of an exponent": exponent_sign,
    "upside down": upside_down,
    "term twice": doubled,
    "brackets lost": brackets,
    "wrong operator": operator,
    "wrong function": function,
    "base of a logarithm": log_base,
    "case labels swapped": case_labels,
    "inequality reversed": inequality,
    "plus one missing": size_plus_one,
    "rounded up for down": floor_lost,
    "channels left out": channels,
    "biases left out": biases,
    "power rule": power_rule,
}
