"""Adjoints as a person would write them: constants in front, no factor of one.

Differentiation leaves `1/(N*O)*L_bar*(2*(y - t))` with `L_bar = 1`. Here the one is written in and
the constants of a product are brought together: `2*(y - t)/(N*O)`. Only adjoints are touched, and
nothing but numbers, sizes and signs moves in them, so that values stay what they are to rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction

from chainrule.lang.expr import (
    ONE,
    Apply,
    Expr,
    IndexValue,
    Number,
    Reduce,
    Ref,
    at_indices,
    children,
    exact,
    neg,
    rebuild,
    transform,
    walk,
)
from chainrule.lang.program import Equation, Program


def tidied(program: Program, kept: Collection[str], written: Collection[str]) -> Program:
    """The program with short adjoints; tensors in `kept` stay though they are one.

    Tensors that are not among those `written` were made by the stable form: where it reads them
    under `stop_gradient`, that has done its work and goes.
    """
    program = _given(program, {*kept, *written})
    ones = {e.target for e in program.equations
            if e.body == ONE and not e.subscripts and e.origin.rule == "seed"
            and sum(d.target == e.target for d in program.equations) == 1} - set(kept)
    equations = []

    def bare(node: Expr) -> Expr | None:
        if isinstance(node, Apply) and node.function == "stop_gradient":
            inner = node.args[0]
            if isinstance(inner, Ref) and inner.tensor not in written:
                return inner
        return None

    spread = _Spread(program, {*kept, *written})
    for e in program.equations:
        if e.target in ones:
            continue
        if program.tensors[e.target].adjoint_of is not None:
            body = transform(e.body, lambda n: ONE if isinstance(n, Ref) and n.tensor in ones
                             and not n.subscripts else None)
            e = replace(e, body=_tidy(transform(body, spread.read)))
            if spread.takes(e):
                continue
        equations.append(replace(e, body=transform(e.body, bare)))
    gone = ones | set(spread.bodies)
    tensors = {n: t for n, t in program.tensors.items() if n not in gone}
    outputs = tuple(n for n in program.outputs if n not in gone)
    return replace(program, tensors=tensors, equations=tuple(equations), outputs=outputs)


class _Spread:
    """Adjoints of parts that repeat a smaller array, such as `p_exp_bar[n,k] = p_sum_bar[n]`.

    They are the smaller array wherever they are read. Adjoints of tensors in `named` stay.
    """

    def __init__(self, program: Program, named: Collection[str]) -> None:
        self.tensors = program.tensors
        self.named = named
        self.writes = Counter(e.target for e in program.equations)
        self.padded = {n.tensor for e in program.equations for n in walk(e.body)
                       if isinstance(n, Ref) and n.outside is not None}
        self.bodies: dict[str, tuple[list[str], Expr]] = {}

    def takes(self, e: Equation) -> bool:
        """Whether an equation is of this kind and so need not be written."""
        tensor = self.tensors[e.target]
        sizes = {r.name: r.size for r in e.ranges}
        names = [s.plain or "" for s in e.subscripts]
        small = isinstance(e.body, Ref) and len(e.body.subscripts) < len(names) and all(
            s.plain is not None for s in e.body.subscripts)
        whole = len(set(names)) == len(sizes) == len(names) and [
            sizes.get(n) for n in names] == [*tensor.shape]
        if not (small and whole and self.writes[e.target] == 1 and e.condition is None
                and e.target not in self.padded and e.target not in self.named
                and tensor.adjoint_of not in self.named):
            return False
        self.bodies[e.target] = names, e.body
        return True

    def read(self, node: Expr) -> Expr | None:
        """What is read instead of such an adjoint."""
        if not isinstance(node, Ref) or node.tensor not in self.bodies:
            return None
        names, body = self.bodies[node.tensor]
        return at_indices(body, dict(zip(names, node.subscripts, strict=True)))


def _given(program: Program, kept: Collection[str]) -> Program:
    """The program whose given adjoints are called y_bar at once, not first y_seed."""
    tensors = dict(program.tensors)
    renamed: dict[str, str] = {}
    equations = []
    for e in program.equations:
        alone = sum(d.target == e.target for d in program.equations) == 1
        if (alone and e.origin.rule == "seed" and isinstance(e.body, Ref)
                and e.target not in kept and e.body.tensor not in kept
                and tensors[e.body.tensor].role == "seed"):
            renamed[e.body.tensor] = e.target
            tensors[e.target] = replace(tensors.pop(e.body.tensor), name=e.target)
        else:
            equations.append(e)
    inputs = tuple(renamed.get(n, n) for n in program.inputs)
    return replace(program, tensors=tensors, equations=tuple(equations), inputs=inputs)


def _tidy(e: Expr) -> Expr:
    """An expression with the constants of each product in front."""
    if isinstance(e, Reduce) and e.op == "sum":
        body = _tidy(e.body)
        sign = 1
        if isinstance(body, Apply) and body.function == "neg":
            sign, body = -1, body.args[0]
        total = replace(e, body=body)
        return total if sign > 0 else neg(total)
    if isinstance(e, Apply) and e.function in ("mul", "div", "neg"):
        return _product(e)
    parts = children(e)
    done = tuple(_tidy(part) for part in parts)
    if isinstance(e, Apply) and e.function in ("add", "sub"):
        return _sum(e.function, *done)
    return rebuild(e, done) if any(a is not b for a, b in zip(parts, done, strict=True)) else e


def _sum(function: str, a: Expr, b: Expr) -> Expr:
    """a + b or a - b, where a sign of b changes which."""
    if isinstance(b, Apply) and b.function == "neg":
        return Apply("sub" if function == "add" else "add", (a, b.args[0]))
    return Apply(function, (a, b))


def _product(e: Apply) -> Expr:
    number = Fraction(1)
    above: list[Expr] = []
    below: list[Expr] = []
    sizes: list[Expr] = []
    divided: list[Expr] = []
    stack: list[tuple[Expr, bool]] = [(e, True)]
    while stack:
        node, up = stack.pop()
        if isinstance(node, Apply) and node.function == "mul":
            stack += [(node.args[1], up), (node.args[0], up)]
        elif isinstance(node, Apply) and node.function == "neg":
            number = -number
            stack.append((node.args[0], up))
        elif isinstance(node, Apply) and node.function == "div":
            stack += [(node.args[1], not up), (node.args[0], up)]
        elif isinstance(node, Number) and not isinstance(node.value, float) and node.value:
            number = number * node.value if up else number / node.value
        elif isinstance(node, IndexValue) and not node.value.indices():
            (sizes if up else divided).append(node)
        else:
            node = _tidy(node)
            if isinstance(node, Apply) and node.function == "neg":
                number, node = -number, node.args[0]
            (above if up else below).append(node)
    return _written(number, [*sizes, *above], [*below, *divided])


def _written(number: Fraction, above: list[Expr], below: list[Expr]) -> Expr:
    """A sign, a number, factors and divisors as one expression."""
    size = abs(number)
    top, bottom = (size.numerator, size.denominator)
    if _decimal(top, bottom):
        top_number, bottom = exact(size), 1
    else:
        top_number = Number(top)
    factors = list(above)
    if top_number != ONE or not factors:
        factors.insert(0, top_number if number > 0 else exact(-Fraction(top_number.value)))
        number = Fraction(1)
    if bottom != 1:
        below = [*below, Number(bottom)]
    result = factors[0]
    for f in factors[1:]:
        result = Apply("mul", (result, f))
    for d in below:
        result = Apply("div", (result, d))
    return neg(result) if number < 0 else result


def _decimal(top: int, bottom: int) -> bool:
    """Whether a fraction is written as a decimal: 0.1 and 1.5, but a half is a division by 2."""
    if bottom == 1:
        return True
    while bottom % 10 == 0:
        bottom //= 10
    return bottom in (1, 5) or (bottom in (2, 4) and top != 1)


__all__ = ["tidied"]
