"""Derivatives as they come out when one rule is remembered wrongly.

`wrong_derivatives` differentiates a formula by the rules of the textbook, and at each rule once by
a wrong one: u'v' for the product, the quotient rule with a plus, the inner derivative forgotten, f
for f'. What the student wrote is compared with each. Parts that no rule here opens are left to the
evaluator, which differentiates anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from chainrule.check.mistakes_bench import Bench, Found, said
from chainrule.check.mistakes_formulas import formula_of
from chainrule.check.mistakes_trees import (
    apply,
    bare,
    negated,
    number,
    over,
    plus,
    swapped,
    times,
)
from chainrule.check.tree import Apply, Derivative, Node, Number, Symbol, walk
from chainrule.check.values import Array, cells_of
from chainrule.check.values_names import form_of, full_name, key

_DEPTH: Final = 6
_MOST: Final = 60
_COS: Final = {"sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh", "tanh": "tanh"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A derivative by a wrong rule: the mistake's name, what was done, and what came out."""

    kind: str
    text: str
    node: Node
    cost: float


@dataclass(slots=True)
class _Derived:
    right: Node
    wrong: list[Wrong] = field(default_factory=list)


def wrong_derivatives(bench: Bench) -> Iterator[Found]:
    """The wrong rules that turn the left-hand side's derivative into what stands on the right."""
    for top, bottom, rebuild in _derivatives(bench):
        for name, word in (("ln", "logarithm"), ("exp", "exponential"), ("sqrt", "square root")):
            wrapped = rebuild(Derivative(top.start, top.end, Apply(
                top.start, top.end, f"call:{name}", (top,)), (bottom,)))
            if bench.fits(wrapped, bench.right) and bench.holds(wrapped, bench.right):
                yield Found("wrong-function", f"this is the derivative of {name}({said(top)}): the "
                            f"{word} is missing on the left", 1.2, bench.sure(wrapped, bench.right))
        derived = _derive(top, bottom, bench, 0)
        for wrong in sorted(derived.wrong, key=lambda w: w.cost)[:_MOST]:
            left = rebuild(wrong.node)
            if bench.fits(left, bench.right) and bench.holds(left, bench.right):
                yield Found(wrong.kind, wrong.text, wrong.cost, bench.sure(left, bench.right))


def _derivatives(bench: Bench) -> Iterator[tuple[Node, Node, Callable[[Node], Node]]]:
    """Each derivative on the left: what is differentiated, by what, and how to put another in."""
    for node in walk(bench.left):
        if not isinstance(node, Derivative) or node.top is None or len(node.bottom) != 1:
            continue
        if isinstance(bench.value(node.bottom[0]), Array):
            continue  # these are rules for numbers
        for top in _formulas(node.top, bench):
            def rebuilt(new: Node, old: Node = node) -> Node:
                return swapped(bench.left, old, new)

            yield top, node.bottom[0], rebuilt


def _formulas(top: Node, bench: Bench) -> Iterator[Node]:
    """What is differentiated as a formula: itself, or what its name was defined to be."""
    top = bare(top)
    if isinstance(top, Apply) and top.head == "such":
        top = top.args[-1]
        while isinstance(top, Apply) and top.head in ("compare", "such"):
            top = top.args[-1]
    form = form_of(top)
    if not isinstance(top, Symbol) or form is None:
        yield top
        return
    own = formula_of(bench.room, top)
    if own is not None:
        yield own
    found = list(bench.room.scope.definitions.get(form.head, ()))
    for d in found[:2]:
        if d.form.args is None and len(d.form.subs) == len(form.subs) and all(
                key(a) == key(b) for a, b in zip(d.form.subs, form.subs, strict=True)):
            yield d.body
    for claim in bench.case.judged:
        left, right = claim.claim.left.node, claim.claim.right.node
        if claim.verdict == "right" and left is not None and right is not None and (
                key(left) == key(top)) and any(isinstance(n, Symbol) for n in walk(right)):
            yield right
            return


# --- the rules

def _constant(node: Node, by: Node, bench: Bench) -> bool:
    """Whether a part does not depend on the variable."""
    if isinstance(node, Number):
        return True
    value = bench.value(Derivative(node.start, node.end, node, (by,)))
    return value is not None and all(
        not isinstance(c, bool) and c == 0 for c in cells_of(value))


def _derive(node: Node, by: Node, bench: Bench, depth: int) -> _Derived:
    """The derivative of a formula, and the wrong ones."""
    node = bare(node)
    if isinstance(node, Apply) and key(node) != key(by) and depth < _DEPTH:
        if node.head == "sum" and all(isinstance(a, Node) for a in node.args):
            return _sum(node, by, bench, depth)
        if node.head == "neg":
            inner = _derive(node.args[0], by, bench, depth + 1)
            return _within(inner, lambda d: negated(d))
        if node.head in ("product", "juxtaposed") and len(node.args) == 2:
            sign = node.signs[1] if len(node.signs) > 1 else ""
            if sign == "/":
                return _quotient(node.args[0], node.args[1], by, bench, depth)
            return _product(node, node.args[0], node.args[1], by, bench, depth)
        if node.head in ("product", "juxtaposed") and len(node.args) > 2 and "/" not in node.signs:
            rest = Apply(node.start, node.end, node.head, node.args[1:], node.signs[1:])
            return _product(node, node.args[0], rest, by, bench, depth)
        if node.head == "frac":
            return _quotient(node.args[0], node.args[1], by, bench, depth)
        if node.head == "power":
            return _power(node, by, bench, depth)
        if node.head.startswith("call:") and len(node.args) == 1:
            return _call(node, by, bench, depth)
    return _Derived(Derivative(node.start, node.end, node, (by,)))


def _within(inner: _Derived, build: Callable[[Node], Node]) -> _Derived:
    """What is done with the derivative of a part, right or wrong."""
    return _Derived(build(inner.right), [Wrong(w.kind, w.text, build(w.node), w.cost + 0.05)
                                         for w in inner.wrong])


def _sum(node: Apply, by: Node, bench: Bench, depth: int) -> _Derived:
    derived = [_derive(a, by, bench, depth + 1) for a in node.args]

    def total(parts: list[Node]) -> Node:
        return Apply(node.start, node.end, "sum", tuple(parts), node.signs)

    right = [d.right for d in derived]
    wrong = [Wrong(w.kind, w.text, total([*right[:k], w.node, *right[k + 1 :]]), w.cost + 0.05)
             for k, d in enumerate(derived) for w in d.wrong]
    for k, a in enumerate(node.args):
        if _constant(a, by, bench):
            wrong.append(Wrong("not-differentiated",
                               f"{said(a)} does not depend on {said(by)}: its derivative is 0",
                               total([*right[:k], a, *right[k + 1 :]]), 1.7))
    return _Derived(total(right), wrong)


def _product(node: Node, u: Node, v: Node, by: Node, bench: Bench, depth: int) -> _Derived:
    if _constant(u, by, bench):
        return _within(_derive(v, by, bench, depth + 1), lambda d: times(u, d))
    if _constant(v, by, bench):
        return _within(_derive(u, by, bench, depth + 1), lambda d: times(d, v))
    du, dv = _derive(u, by, bench, depth + 1), _derive(v, by, bench, depth + 1)
    first, second = times(du.right, v), times(u, dv.right)
    both = f"both {said(u)} and {said(v)} depend on {said(by)}"
    wrong = [
        Wrong("product-rule", f"{both}: the derivative of a product is u'v + uv', not u'v'",
              times(du.right, dv.right), 1.1),
        Wrong("product-rule", f"{both}: the term with the derivative of {said(v)} is missing",
              first, 1.1),
        Wrong("product-rule", f"{both}: the term with the derivative of {said(u)} is missing",
              second, 1.1),
        Wrong("product-rule", f"{both}: the two terms are to be added", plus(first, second, "-"),
              1.3),
    ]
    wrong += _within(du, lambda d: plus(times(d, v), second)).wrong
    wrong += _within(dv, lambda d: plus(first, times(u, d))).wrong
    return _Derived(plus(first, second), wrong)


def _quotient(u: Node, v: Node, by: Node, bench: Bench, depth: int) -> _Derived:
    if _constant(v, by, bench):
        return _within(_derive(u, by, bench, depth + 1), lambda d: over(d, v))
    du, dv = _derive(u, by, bench, depth + 1), _derive(v, by, bench, depth + 1)
    square = apply(v, "power", v, number(v, "2"))
    first, second = times(du.right, v), times(u, dv.right)
    rule = f"for {said(over(u, v))} the rule is (u'v − uv')/v²"
    right = over(plus(first, second, "-"), square)
    wrong = [
        Wrong("quotient-rule", f"{rule}, with a minus", over(plus(first, second), square), 1.1),
        Wrong("quotient-rule", f"{rule}, not (uv' − u'v)/v²",
              over(plus(second, first, "-"), square), 1.1),
        Wrong("quotient-rule", f"{rule}: the denominator has to be squared",
              over(plus(first, second, "-"), v), 1.2),
        Wrong("quotient-rule", f"{rule}, not u'/v'", over(du.right, dv.right), 1.2),
        Wrong("quotient-rule", f"{rule}: {said(v)} depends on {said(by)} as well",
              over(du.right, v), 1.2),
        Wrong("quotient-rule", f"{rule}: the first term is missing its factor {said(v)}",
              over(plus(du.right, second, "-"), square), 1.4),
        Wrong("inner-derivative", f"the derivative of the denominator {said(v)} is missing",
              negated(over(u, square)), 1.3),
    ]
    wrong += _within(du, lambda d: over(plus(times(d, v), second, "-"), square)).wrong
    wrong += _within(dv, lambda d: over(plus(first, times(u, d), "-"), square)).wrong
    return _Derived(right, wrong)


def _power(node: Apply, by: Node, bench: Bench, depth: int) -> _Derived:
    base, n = node.args
    if _constant(n, by, bench):
        du = _derive(base, by, bench, depth + 1)
        less, more = plus(n, number(n, "1"), "-"), plus(n, number(n, "1"))

        def power(exponent: Node) -> Node:
            return apply(node, "power", base, exponent)

        right = times(times(n, power(less)), du.right)
        rule = f"the derivative of {said(node)}"
        wrong = [
            Wrong("power-rule", f"{rule}: the exponent goes down by one",
                  times(times(n, power(n)), du.right), 1.1),
            Wrong("power-rule", f"{rule}: the exponent {said(n)} comes down as a factor",
                  times(power(less), du.right), 1.1),
            Wrong("power-rule", f"{rule}: the exponent goes down by one, not up",
                  times(times(n, power(more)), du.right), 1.2),
            Wrong("sign", f"{rule} has the wrong sign", negated(right), 1.2),
        ]
        if key(base) != key(by):
            wrong.append(Wrong("inner-derivative",
                               f"{rule}: the inner derivative, that of {said(base)}, is missing",
                               times(n, power(less)), 1.0))
        wrong += _within(du, lambda d: times(times(n, power(less)), d)).wrong
        return _Derived(right, wrong)
    if isinstance(base, Symbol) and full_name(base.name) == "e" and not base.subs:
        dn = _derive(n, by, bench, depth + 1)
        wrong = [Wrong("power-rule", f"{said(node)} is an exponential function, no power: its "
                       "derivative is itself times the inner derivative",
                       times(n, apply(node, "power", base, plus(n, number(n, "1"), "-"))), 1.3)]
        if key(n) != key(by):
            wrong.append(Wrong("inner-derivative", f"the inner derivative, that of {said(n)}, is "
                               f"missing behind {said(node)}", node, 1.0))
        wrong += _within(dn, lambda d: times(node, d)).wrong
        return _Derived(times(node, dn.right), wrong)
    return _Derived(Derivative(node.start, node.end, node, (by,)))


def _call(node: Apply, by: Node, bench: Bench, depth: int) -> _Derived:
    u = node.args[0]
    name = node.head[5:]
    if name.endswith("'") or name in ("softmax", "Softmax", "S", "max", "min"):
        return _Derived(Derivative(node.start, node.end, node, (by,)))
    du = _derive(u, by, bench, depth + 1)
    slope = Apply(node.start, node.end, f"{node.head}'", (u,))
    right = times(slope, du.right)
    what = f"the derivative of {said(node)}"
    wrong = [
        Wrong("not-differentiated", f"{said(node)} itself stands where its derivative belongs",
              times(node, du.right), 1.3),
        Wrong("sign", f"{what} has the wrong sign", times(negated(slope), du.right), 1.05),
        Wrong("wrong-point", f"{what} is taken at the output {said(node)}; it belongs at the input "
              f"{said(u)}", times(Apply(node.start, node.end, f"{node.head}'", (node,)), du.right),
              1.4),
        Wrong("derivative-table", f"{what} is not its reciprocal",
              times(over(number(node, "1"), node), du.right), 1.5),
    ]
    if name in _COS:
        other = Apply(node.start, node.end, f"call:{_COS[name]}", (u,))
        for turned in (other, negated(other)):
            wrong.append(Wrong("derivative-table", f"{what} is another one",
                               times(turned, du.right), 1.5))
    if key(u) != key(by):
        wrong.append(Wrong("inner-derivative",
                           f"the inner derivative, that of {said(u)} by {said(by)}, is missing",
                           slope, 1.0))
        wrong.append(Wrong("inner-derivative",
                           f"{name}' was taken at the derivative of {said(u)}, not at {said(u)}",
                           Apply(node.start, node.end, f"{node.head}'", (du.right,)), 1.5))
    wrong += _within(du, lambda d: times(slope, d)).wrong
    return _Derived(right, wrong)


__all__ = ["Wrong", "wrong_derivatives"]
