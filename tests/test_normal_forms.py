"""Normal forms: the same for every way to write an expression, and equal to it in numbers."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import count

import pytest

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import expression, negative, plus
from chainrule.algebra.signs import Facts
from chainrule.algebra.statements import BETWEEN, MEANINGS, between, meaning
from chainrule.algebra.terms import replaced
from chainrule.evaluate.reference import run
from chainrule.explain.prove import prove
from chainrule.formulas.calls import read
from chainrule.lang.expr import (
    Apply,
    Expr,
    Number,
    Range,
    Reduce,
    Ref,
    add,
    children,
    div,
    exact,
    free_indices,
    mul,
    rebuild,
    sub,
)
from chainrule.lang.integers import index, size
from chainrule.lang.printing import expression_text

SCRAMBLES = int(os.environ.get("CHAINRULE_SCRAMBLES", "400"))
SIZES = {"N": size("N"), "M": size("M")}
SCALARS = ("s", "t", "u")
VECTORS = {"x": ("N",), "y": ("N",), "v": ("M",)}
UNFOLDED = ("sigmoid", "tanh", "softplus", "relu", "abs", "cosh", "sign", "max", "min", "square")


class Expressions:
    """Random polynomials over scalars and cells of tensors, and random ways to write them."""

    def __init__(self, seed: int, rational: bool = False, functions: bool = False) -> None:
        self.rng = random.Random(seed)
        self.rational = rational
        self.functions = functions
        self.letters = (f"k{n}" for n in count())

    def leaf(self, scope: Mapping[str, str]) -> Expr:
        kind = self.rng.randrange(5)
        if kind == 0:
            return exact(Fraction(self.rng.randint(-3, 3), self.rng.choice((1, 1, 2))))
        if kind == 1 or not scope:
            return Ref(self.rng.choice(SCALARS))
        letter = self.rng.choice(sorted(scope))
        other = self.rng.choice(sorted(scope))
        if kind == 2 and (scope[letter], scope[other]) == ("N", "M"):
            return Ref("W", (index(letter), index(other)))
        names = [n for n, axes in VECTORS.items() if axes == (scope[letter],)]
        return Ref(self.rng.choice(names), (index(letter),))

    def made(self, depth: int, scope: Mapping[str, str]) -> Expr:
        if depth == 0:
            return self.leaf(scope)
        kind = self.rng.randrange(10)
        if kind < 3:
            return add(self.made(depth - 1, scope), self.made(depth - 1, scope))
        if kind < 5:
            return sub(self.made(depth - 1, scope), self.made(depth - 1, scope))
        if kind < 7:
            return mul(self.made(depth - 1, scope), self.made(depth - 1, scope))
        if kind < 9:
            letter, axis = next(self.letters), self.rng.choice(("N", "M"))
            inner = self.made(depth - 1, {**scope, letter: axis})
            return Reduce("sum", (Range(letter, SIZES[axis]),), None, inner)
        if self.functions:
            name = self.rng.choice(UNFOLDED)
            args = 2 if name in ("max", "min") else 1
            return Apply(name, tuple(self.leaf(scope) for _ in range(args)))
        inner = self.made(depth - 1, scope)
        if self.rational:
            below = add(Number(1), mul(inner, inner))
            return div(self.leaf(scope), below)
        return Apply("pow", (inner, Number(2)))

    # another way to write the same

    def scrambled(self, e: Expr) -> Expr:
        parts = tuple(self.scrambled(p) for p in children(e))
        e = rebuild(e, parts) if parts else e
        for _ in range(2):
            e = self.changed(e)
        return e

    def changed(self, e: Expr) -> Expr:
        rng = self.rng
        if isinstance(e, Reduce):
            return self.summed(e)
        if not isinstance(e, Apply):
            if rng.random() < 0.1:
                extra = Ref(rng.choice(SCALARS))
                return Apply("sub", (Apply("add", (e, extra)), extra))
            return e
        if e.function in MEANINGS:
            return meaning(e) if rng.random() < 0.5 else e
        a, b = (*e.args, Number(0))[:2]
        kind = rng.randrange(4)
        if e.function == "add":
            if kind == 0:
                return Apply("add", (b, a))
            if kind == 1:
                return Apply("sub", (a, Apply("neg", (b,))))
            if kind == 2 and isinstance(a, Apply) and a.function == "add":
                return Apply("add", (a.args[0], Apply("add", (a.args[1], b))))
        elif e.function == "sub" and kind < 2:
            return Apply("add", (a, Apply("mul", (Number(-1), b))))
        elif e.function == "mul":
            if kind == 0:
                return Apply("mul", (b, a))
            if kind == 1 and isinstance(a, Apply) and a.function in ("add", "sub"):
                return Apply(a.function, tuple(Apply("mul", (p, b)) for p in a.args))
            if kind == 2 and isinstance(b, Reduce) and b.condition is None:
                new = self.renamed(b)
                return Reduce("sum", new.indices, None, Apply("mul", (a, new.body)))
        elif e.function == "pow" and kind < 2:
            return Apply("mul", (a, a))
        elif e.function == "div" and kind < 2:
            return Apply("mul", (a, Apply("div", (Number(1), b))))
        return e

    def renamed(self, e: Reduce) -> Reduce:
        names = {r.name: next(self.letters) for r in e.indices}
        places = {old: index(new) for old, new in names.items()}
        return Reduce(e.op, tuple(Range(names[r.name], r.size) for r in e.indices), None,
                      replaced(e.body, places))

    def summed(self, e: Reduce) -> Expr:
        rng, kind = self.rng, self.rng.randrange(4)
        e = self.renamed(e)
        if kind == 0 and isinstance(e.body, Apply) and e.body.function in ("add", "sub"):
            return Apply(e.body.function, tuple(
                self.renamed(Reduce("sum", e.indices, None, p)) for p in e.body.args))
        if kind == 1 and isinstance(e.body, Reduce):
            joint = [*e.indices, *e.body.indices]
            rng.shuffle(joint)
            return Reduce("sum", tuple(joint), None, e.body.body)
        if kind == 2 and isinstance(e.body, Reduce):
            return Reduce("sum", e.body.indices, None,
                          Reduce("sum", e.indices, None, e.body.body))
        return e


def normal() -> Normal:
    return Normal(Facts(), {"i": SIZES["N"]}, axes=list(SIZES.values()))


def pairs(wanted: int, **kind: bool) -> list[tuple[Expr, Expr]]:
    found = []
    for seed in range(wanted):
        own = Expressions(seed, **kind)
        e = own.made(own.rng.randint(1, 4), {"i": "N"})
        found.append((e, own.scrambled(e)))
    return found


def test_polynomials_have_one_normal_form() -> None:
    for k, (e, other) in enumerate(pairs(SCRAMBLES)):
        n = normal()
        assert n.poly(e) == n.poly(other), (k, e, other)


@pytest.mark.parametrize("kind", ["rational", "functions"])
def test_the_difference_of_two_ways_to_write_the_same_vanishes(kind: str) -> None:
    unseen = []
    for k, (e, other) in enumerate(pairs(SCRAMBLES // 2, **{kind: True})):
        n = normal()
        if not n.vanishes(plus(n.poly(e), negative(n.poly(other)))):
            unseen.append(k)
    assert not unseen, unseen


@pytest.mark.parametrize("kind", ["", "rational", "functions"])
def test_a_normal_form_is_its_own(kind: str) -> None:
    for k, (e, _) in enumerate(pairs(SCRAMBLES // 4, **({kind: True} if kind else {}))):
        n = normal()
        once = n.poly(e)
        again = normal().poly(expression(once))
        if kind:  # a product of brackets below a line is multiplied out where it is written as one
            assert n.vanishes(plus(once, negative(again))), (k, e)
        else:
            assert once == again, (k, e)


# --- in numbers -----------------------------------------------------------------------------------

PLACES = (-3.0, -1.5, -1.0, -0.75, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


def value(e: Expr, places: Mapping[str, float]) -> float:
    program = read(f"input x, y; out = {expression_text(e)} + 0*x + 0*y")
    try:
        return float(run(program, dict(places), check=False)["out"])
    except ZeroDivisionError:
        return math.nan


@pytest.mark.parametrize("function", sorted(MEANINGS))
def test_what_a_function_means_is_what_it_is(function: str) -> None:
    two = function in ("max", "min", "xlogy")
    e = Apply(function, (Ref("x"), Ref("y"))[: 1 + two])
    seen = 0
    for x in PLACES:
        for y in PLACES if two else (1.0,):
            one, other = (value(f, {"x": x, "y": y}) for f in (e, meaning(e)))
            assert math.isfinite(one) <= math.isfinite(other), (x, y, one, other)
            if math.isfinite(one):
                seen += 1
                assert one == pytest.approx(other, rel=1e-12, abs=1e-15), (x, y)
    assert seen >= 4


@pytest.mark.parametrize("pair", sorted(BETWEEN))
def test_identities_between_functions(pair: tuple[str, str]) -> None:
    function, other = pair
    stated = between(function, other, Ref("x"))
    assert stated is not None
    for x in PLACES:
        one, two = (value(f, {"x": x, "y": 0.0})
                    for f in (Apply(function, (Ref("x"),)), stated))
        if math.isfinite(one) and math.isfinite(two):
            assert one == pytest.approx(two, rel=1e-12, abs=1e-15), x
    assert prove(f"{function}(x) == {BETWEEN[pair]}").verdict == "proved"


def test_free_indices_stay() -> None:
    for e, other in pairs(40):
        n = normal()
        assert set(free_indices(expression(n.poly(other)))) <= set(free_indices(e)) | {"i"}
