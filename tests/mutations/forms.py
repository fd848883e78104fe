"""Other forms of one formula: the same said with other terms, factors, names and steps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from mutations.latex import Node
from mutations.papers import Chain, Script
from mutations.slips import each, text_of
from mutations.surgery import Edit, decimals, drawn, exactly, is_literal, is_number, sure, worlds_of

Form = Callable[[Script, Chain, random.Random], "list[Edit] | None"]


def nodes(chain: Chain, *kinds: str) -> list[Node]:
    return [n for side in range(len(chain.sides)) for n in each(chain, side, *kinds)]


def one_of(items: list, rng: random.Random):
    return drawn(items, rng) if items else None


def scalar(script: Script, node: Node) -> bool:
    return "\\mathbf" not in text_of(script, node) and node.kind not in ("matrix", "cases", "list")


def terms(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """Terms in another order."""
    node = one_of(nodes(chain, "sum"), rng)
    if node is None:
        return None
    parts = [(s, text_of(script, a)) for s, a in zip(node.signs, node.args, strict=True)]
    was = list(parts)
    rng.shuffle(parts)
    if parts == was:
        parts.reverse()
    text = "".join(
        f" {s} {t}" if k else ("-" if s == "-" else "") + t for k, (s, t) in enumerate(parts)
    )
    return [(node.start, node.end, text)]


def factors(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """Factors in another order."""
    node = one_of(
        [
            n
            for n in nodes(chain, "product")
            if "/" not in n.signs and all(scalar(script, a) for a in n.args)
        ],
        rng,
    )
    if node is None:
        return None
    order = list(range(len(node.args)))
    rng.shuffle(order)
    if order == sorted(order):
        order.reverse()
    glue = (
        " \\cdot "
        if "*" in node.signs
        or any(node.args[k].kind in ("number", "power", "reduce", "neg") for k in order)
        else " "
    )
    if any(open_ended(script, node.args[k]) for k in order[:-1]):
        return None
    parts = [text_of(script, node.args[k]) for k in order]
    parts = [
        f"({p})" if node.args[k].kind == "reduce" else p for p, k in zip(parts, order, strict=True)
    ]
    return [(node.start, node.end, glue.join(parts))]


def open_ended(script: Script, node: Node) -> bool:
    """A function without brackets, which would take in what stands behind it."""
    if node.kind != "call" or not node.spots:
        return False
    return not re.match(r"\s*(?:\\left|[(\[|{]|\\\{)", script.text[node.spots[0][1] : node.end])


def simple(text: str) -> bool:
    return bool(re.fullmatch(r"\{?(?:\d+(?:\.\d+)?|\\?[A-Za-z]+(?:_\w|_\{[^{}]*\})?)\}?", text))


def slash(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A quotient on one line."""
    inside = {id(n) for p in nodes(chain, "product") for n in p.args[:-1]}
    node = one_of([n for n in nodes(chain, "frac")], rng)
    if node is None:
        return None
    a, b = (text_of(script, x)[1:-1].strip() for x in node.args)
    text = f"{a if simple(a) else f'({a})'} / {b if simple(b) else f'({b})'}"
    products = {id(n) for p in nodes(chain, "product") for n in p.args}
    whole = id(node) in inside or id(node) in products
    return [(node.start, node.end, f"({text})" if whole else text)]


def exponentials(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """exp for a power of e, a power of e for exp."""
    found = []
    for node in nodes(chain, "call"):
        if node.name == "exp" and script.text[node.spots[0][1]] in "([":
            found.append((node.start, node.end, f"e^{{{text_of(script, node.args[0])}}}"))
    for node in nodes(chain, "power"):
        if node.args[0].name == "e":
            inner = text_of(script, node.args[1])
            inner = inner[1:-1] if inner.startswith("{") else inner
            found.append((node.start, node.end, f"\\exp({inner})"))
    return outermost(found) or None


def outermost(edits: list[Edit]) -> list[Edit]:
    return [
        e for e in edits if not any(o is not e and o[0] <= e[0] and e[1] <= o[1] for o in edits)
    ]


def partials(how: str) -> Form:
    def form(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
        found = []
        for node in nodes(chain, "derivative"):
            if node.name == "operator":
                return None
            top, bottom = (text_of(script, x) for x in node.args)
            if how == "slash":
                new = f"\\partial {top} / \\partial {bottom}"
            elif how == "d":
                new = f"\\frac{{d {top}}}{{d {bottom}}}"
            elif how == "dfrac":
                new = f"\\dfrac{{\\partial {top}}}{{\\partial {bottom}}}"
            else:
                new = f"\\nabla_{{{bottom}}} {top}"
            products = {
                id(a) for p in nodes(chain, "product", "power", "transpose") for a in p.args
            }
            if how in ("slash", "nabla") and id(node) in products:
                new = f"({new})"
            if how == "nabla" and node is not chain.sides[0]:
                continue
            found.append((node.start, node.end, new))
        return outermost(found) or None

    return form


def not_bold(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    found = [
        (m.start() + chain.start, m.end() + chain.start, m.group(1))
        for m in re.finditer(r"\\mathbf\{([A-Za-z])\}", script.text[chain.start : chain.end])
    ]
    return found or None


def transposes(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    new = drawn(["^T", "^{T}", "^{\\top}", "^{\\mathsf{T}}", "^{\\mathrm{T}}", "^\\intercal"], rng)
    found = [(n.args[0].end, n.end, new) for n in nodes(chain, "transpose")]
    return found or None


def fewer_steps(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A step between left out; in a table its cell stays empty."""
    if len(chain.sides) < 3:
        return None
    k = rng.randrange(1, len(chain.sides) - 1)
    if len({s for s, *_ in chain.signs}) > 1:
        return None
    if "|" in script.text[chain.start : chain.end]:  # an empty cell
        end = script.text.index("$", chain.sides[k].end) + 1
        return [(script.text.rindex("$", 0, chain.signs[k - 1][1]), end, "")]
    return [(chain.signs[k - 1][2], chain.signs[k][2], "")]


def numbers_in(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """One more step: the formula with the numbers put in."""
    there = worlds_of(script, chain)
    last = len(chain.sides) - 1
    source = chain.sides[last - 1]
    if (
        last < 2
        or not is_number(chain.sides[last])
        or is_literal(source)
        or source.kind == "reduce"
    ):
        return None
    if any(n.kind in ("reduce", "cases") for n in source.walk()):
        return None
    text, edits = text_of(script, source), []
    for node in source.walk():
        if node.kind in ("symbol", "derivative"):
            if any(
                o is not node and o.kind == "derivative" and o.start <= node.start < o.end
                for o in source.walk()
            ):
                continue
            if node.kind == "symbol" and script.text[node.start - 2 : node.start] == "e^":
                return None
            if node.name == "e":
                continue
            value = sure(node, there)
            if value is None or np.ndim(value):
                return None
            new = exactly(value)
            if abs(float(new) - value) > 1e-9:
                new = f"{value:.6f}"
            edits.append(
                (
                    node.start - source.start,
                    node.end - source.start,
                    f"({new})" if value < 0 else new,
                )
            )
    for product in (p for p in source.walk() if p.kind == "product"):
        for k in range(1, len(product.args)):
            if product.signs[k] == "":
                at = product.args[k].start - source.start
                edits.append((at, at, "\\times "))
    for start, end, new in sorted(edits, key=lambda e: (e[0], e[1]), reverse=True):
        text = text[:start] + new + text[end:]
    at = chain.signs[last - 1][1]
    return [(at, at, f"= {text} ")]


def times(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """Another sign of multiplication, everywhere in the chain."""
    new = drawn(["\\cdot", "\\times", "*"], rng)
    found = []
    for node in nodes(chain, "product"):
        for k in range(1, len(node.args)):
            if node.signs[k] == "*":
                found.append((*node.spots[k], new))
    return found or None


def dots_in(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A sign of multiplication where there was none."""
    found = []
    for node in nodes(chain, "product"):
        if all(scalar(script, a) for a in node.args):
            for k in range(1, len(node.args)):
                if node.signs[k] == "":
                    found.append((node.args[k].start, node.args[k].start, "\\cdot "))
    return found or None


def logarithms(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    found = [
        (*n.spots[0], "\\ln" if n.name == "log" else "\\log")
        for n in nodes(chain, "call")
        if n.name in ("log", "ln") and n.spots
    ]
    return found or None


def more_digits(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A result with more decimals than asked for."""
    last = chain.sides[-1]
    if not is_number(last):
        return None
    number = last if last.kind == "number" else last.args[0]
    value = sure(chain.sides[0], worlds_of(script, chain))
    if decimals(number.name) < 3 or value is None or np.ndim(value):
        return None
    return [(number.start, number.end, f"{abs(value):.{drawn([6, 7, 9], rng)}f}")]


def fractions(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A fraction for a decimal number, or a decimal number for a fraction, exactly."""
    found: list[Edit] = []
    for node in nodes(chain, "frac"):
        a, b = (text_of(script, x)[1:-1] for x in node.args)
        if a.isdigit() and b.isdigit() and int(b) in (2, 4, 5, 8, 10):
            found.append((node.start, node.end, exactly(int(a) / int(b))))
    for node in nodes(chain, "number"):
        if 0 < decimals(node.name) < 3 and script.text[node.start - 1] != "_":
            value = Fraction(node.name)
            found.append(
                (node.start, node.end, f"\\frac{{{value.numerator}}}{{{value.denominator}}}")
            )
    return [drawn(found, rng)] if found else None


def bracket_shapes(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    shapes = [
        ("\\left(", "\\right)"),
        ("[", "]"),
        ("\\big(", "\\big)"),
        ("\\left[", "\\right]"),
        ("\\{", "\\}"),
    ]
    groups = [
        n
        for n in nodes(chain, "group")
        if text_of(script, n).startswith("(")
        and "," not in text_of(script, n)
        and not n.subs
        and text_of(script, n).endswith(")")
    ]
    node = one_of(groups, rng)
    if node is None:
        return None
    a, b = drawn(shapes, rng)
    return [(node.start, node.start + 1, a), (node.end - 1, node.end, b)]


def renamed(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """Another letter for the index of a sum."""
    node = one_of(nodes(chain, "reduce"), rng)
    if node is None or node.label == "!=":
        return None
    old = node.rows[0][0].name
    used = {n.name for side in chain.sides for n in side.walk() if n.kind == "symbol"}
    new = one_of(
        [c for c in "rlsnq" if c not in used and c not in script_letters(script, chain)], rng
    )
    if new is None:
        return None
    return [
        (n.start, n.end, new)
        for n in node.walk()
        if n.kind == "symbol" and n.name == old and script.text[n.start : n.end] == old
    ]


def script_letters(script: Script, chain: Chain) -> set[str]:
    there = worlds_of(script, chain)
    return set(there[0].values()) | set(there[0].names) if there else set()


def written_out(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A sum written out, with dots where it is long."""
    node = one_of(
        [
            n
            for n in nodes(chain, "reduce")
            if n.label == "="
            and n.rows[0][2] is not None
            and not any(m.kind == "reduce" for m in n.args[0].walk())
        ],
        rng,
    )
    if node is None:
        return None
    index = node.rows[0][0].name
    upper = text_of(script, node.rows[0][2]).strip("{}")
    body = node.args[0]
    places = [
        n
        for n in body.walk()
        if n.kind == "symbol" and n.name == index and text_of(script, n) == index
    ]

    def at(value: str) -> str:
        text = text_of(script, body)
        for n in sorted(places, key=lambda n: -n.start):
            alone = script.text[n.start - 1] == "_" and len(value) > 1
            text = (
                text[: n.start - body.start]
                + (f"{{{value}}}" if alone else value)
                + text[n.end - body.start :]
            )
        return text

    if upper.isdigit() and int(upper) <= 4:
        text = " + ".join(at(str(k)) for k in range(1, int(upper) + 1))
    else:
        text = f"{at('1')} + {at('2')} + \\dots + {at(upper)}"
    return [(node.start, node.end, f"({text})")]


def turned_round(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """The right side first."""
    if (
        len(chain.sides) != 2
        or chain.signs[0][0] != "="
        or chain.sides[1].kind in ("matrix", "cases", "list")
    ):
        return None
    if "|" in script.text[chain.start : chain.end] or "&" in script.text[chain.start : chain.end]:
        return None
    a, b = chain.sides
    return [(a.start, a.end, text_of(script, b)), (b.start, b.end, text_of(script, a))]


def multiplied_out(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A factor taken into a bracket."""
    found = []
    for node in nodes(chain, "product"):
        for k in range(len(node.args) - 1):
            a, b = node.args[k], node.args[k + 1]
            if (
                b.kind == "group"
                and b.args[0].kind == "sum"
                and not b.subs
                and node.signs[k + 1] != "/"
                and (k == 0 or node.signs[k] != "/")
                and a.kind in ("symbol", "number", "derivative")
            ):
                inner = b.args[0]
                text = "".join(
                    f" {s} {_product(text_of(script, a), text_of(script, t), t)}"
                    if j
                    else ("-" if s == "-" else "")
                    + _product(text_of(script, a), text_of(script, t), t)
                    for j, (s, t) in enumerate(zip(inner.signs, inner.args, strict=True))
                )
                alone = len(node.args) == 2 and any(n is node for n in chain.sides)
                found.append((a.start, b.end, text if alone else f"({text})"))
    return [drawn(found, rng)] if found else None


def _product(a: str, b: str, node: Node) -> str:
    return a if b == "1" else f"{a} \\cdot {b}"


def squares(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A square as a product."""
    node = one_of(
        [n for n in nodes(chain, "power") if text_of(script, n.args[1]).strip("{}") == "2"], rng
    )
    if node is None:
        return None
    base = text_of(script, node.args[0])
    return [(node.start, node.end, f"{base} \\cdot {base}")]


def minus_outside(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """a - b as -(b - a)."""
    node = one_of(
        [
            n
            for n in nodes(chain, "sum")
            if len(n.args) == 2 and n.signs == ["+", "-"] and any(n is s for s in chain.sides)
        ],
        rng,
    )
    if node is None:
        return None
    a, b = (text_of(script, x) for x in node.args)
    return [(node.start, node.end, f"-({b} - {a})")]


def nothing_added(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A zero added, a one multiplied."""
    side = chain.sides[rng.randrange(1, len(chain.sides))]
    if not scalar(script, side) or side.kind in ("group",):
        return None
    if side.kind in ("product", "symbol", "number"):
        return [(side.start, side.start, "1 \\cdot ")]
    return [(side.end, side.end, " + 0")]


def whole_numbers(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """2.0 for 2, 1296540 for 1,296,540."""
    found: list[Edit] = []
    for node in nodes(chain, "number"):
        if "," in node.name:
            found.append(
                (
                    node.start,
                    node.end,
                    drawn(
                        [
                            node.name.replace(",", ""),
                            node.name.replace(",", "\\,"),
                            node.name.replace(",", "{,}"),
                        ],
                        rng,
                    ),
                )
            )
    last = chain.sides[-1]
    if not found and last.kind in ("number", "neg", "matrix"):
        below = {id(n) for s in last.walk() for sub in s.subs for n in sub.walk()}
        found = [
            (n.end, n.end, ".0")
            for n in last.walk()
            if n.kind == "number" and n.name.isdigit() and id(n) not in below
        ]
    return found or None


def boxed(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    side = chain.sides[-1]
    return [(side.start, side.start, "\\boxed{"), (side.end, side.end, "}")]


def spaced_out(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """Space, a leading therefore, a full stop behind."""
    if (
        "|" in script.text[chain.start - 3 : chain.end]
        or "&" in script.text[chain.start : chain.end]
    ):
        return None
    how = rng.randrange(4)
    if how == 0:
        return [(chain.start, chain.start, "\\therefore ")]
    if how == 1:
        return [(chain.end, chain.end, " \\, .")]
    if how == 2:
        return [(end, end, " \\; ") for _, _, end in chain.signs]
    return [(chain.start, chain.start, "\\displaystyle ")]


def braces(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """matrix, pmatrix or array for bmatrix."""
    found: list[Edit] = []
    how = rng.randrange(3)
    for node in nodes(chain, "matrix"):
        text = text_of(script, node)
        width = len(node.rows[0])
        a, b = [
            ("\\begin{pmatrix}", "\\end{pmatrix}"),
            (f"\\left[ \\begin{{array}}{{{'c' * width}}}", "\\end{array} \\right]"),
            ("\\left( \\begin{matrix}", "\\end{matrix} \\right)"),
        ][how]
        if text.startswith("\\begin{bmatrix}"):
            found += [(node.start, node.start + 15, a), (node.end - 13, node.end, b)]
    return found or None


def abbreviated(script: Script, chain: Chain, rng: random.Random) -> list[Edit] | None:
    """A sum called Q, or by another letter where the sheet has a Q, and said so before."""
    if not chain.display:
        return None
    sums = [n for n in nodes(chain, "reduce") if not free_letters(n, chain)]
    node = one_of(sums, rng)
    if node is None:
        return None
    text = text_of(script, node)
    same = [n for n in nodes(chain, "reduce") if text_of(script, n) == text]
    at = script.text.rfind("\n", 0, chain.start) + 1
    new = next(c for c in "QTD" if c not in script_letters(script, chain))
    return [(at, at, f"Let ${new} = {text}$.\n\n"), *((n.start, n.end, new) for n in same)]


def free_letters(node: Node, chain: Chain) -> bool:
    own = node.rows[0][0].name
    outer = {n.rows[0][0].name for n in nodes(chain, "reduce") if n is not node}
    bound = {"i", "u", "v", "k"} | outer
    return any(n.kind == "symbol" and n.name in bound - {own} for n in node.walk()) or any(
        n.kind == "derivative" for n in node.walk()
    )


FORMS: dict[str, Form] = {
    "terms in another order": terms,
    "factors in another order": factors,
    "a slash": slash,
    "exp and powers of e": exponentials,
    "∂ with a slash": partials("slash"),
    "d for ∂": partials("d"),
    "dfrac": partials("dfrac"),
    "nabla": partials("nabla"),
    "not bold": not_bold,
    "signs of transposition": transposes,
    "a step left out": fewer_steps,
    "numbers put in": numbers_in,
    "signs of multiplication": times,
    "multiplication shown": dots_in,
    "ln and log": logarithms,
    "more digits": more_digits,
    "fractions and decimals": fractions,
    "shapes of brackets": bracket_shapes,
    "index renamed": renamed,
    "sum written out": written_out,
    "sides turned round": turned_round,
    "multiplied out": multiplied_out,
    "square as a product": squares,
    "minus outside": minus_outside,
    "zero added, one multiplied": nothing_added,
    "2.0 for 2": whole_numbers,
    "boxed": boxed,
    "space": spaced_out,
    "kinds of matrices": braces,
    "sum called Q": abbreviated,
}
