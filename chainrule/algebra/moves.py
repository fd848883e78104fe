"""The moves that a proof is written in: each turns an expression into an equal one, for a reason.

    exp(x[i] + c)/sum(k) exp(x[k] + c)
      -> exp(x[i])*exp(c)/sum(k) exp(x[k])*exp(c)       exp(a + b) = exp(a)*exp(b)
      -> exp(x[i])*exp(c)/(exp(c)*sum(k) exp(x[k]))     exp(c) does not depend on k
      -> exp(x[i])/sum(k) exp(x[k])                     cancel exp(c)

A move is made everywhere it can be made at once, and the next one starts again from the first in
the list, so that what is short stays short: what cancels is cancelled before brackets are opened.
Normal forms decide whether a claim holds (`normal.py`); moves show why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from chainrule.algebra.normal import Normal
from chainrule.algebra.polynomial import Mono
from chainrule.algebra.products import (
    Why,
    factors,
    mentions,
    product,
    shape,
    total,
)
from chainrule.algebra.rearranging import Rearranging, identities, listed
from chainrule.algebra.scopes import unshadowed
from chainrule.algebra.statements import MEANINGS, between, meaning, statement
from chainrule.algebra.terms import replaced
from chainrule.lang.expr import (
    ONE,
    ZERO,
    Apply,
    Delta,
    Expr,
    IndexValue,
    Number,
    Range,
    Reduce,
    Ref,
    Select,
    as_value,
    both,
    div,
    exact,
    free_indices,
    mul,
    transform,
    walk,
    weight,
)
from chainrule.lang.integers import Integer
from chainrule.lang.program import Equation

_MOST: Final = 40  # moves of one chain
_SHORT: Final = 4  # symbols of a definition that is put in together with others
_LONG: Final = 400  # symbols of an expression that is still worked on
_SAID: Final = {"evaluate": "worked out"}
_CHOICES: Final = frozenset({"max", "min", "abs", "relu", "sign", "heaviside", "xlogy"})


@dataclass(frozen=True, slots=True)
class Step:
    """An expression that equals the one before, by a rule, and why."""

    rule: str
    after: Expr
    why: Why


class Moves(Rearranging):
    """The moves on expressions over a program's names, under what `normal` knows.

    `equations` are the definitions that may be unfolded, `reasons` what to say for those that are
    not plain definitions.
    """

    def __init__(
        self, normal: Normal, equations: Sequence[Equation] = (),
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(normal)
        self.equations = tuple(equations)
        self.wanted: tuple[str, ...] = ()  # functions that the other side has
        self.because: Why = ()  # the case that is looked at, as a reason
        self.sums: frozenset[Integer] = frozenset()  # how far the sums of both sides go
        self.reasons = dict(reasons or {})
        self.plain: tuple[tuple[str, Callable[[Expr], Expr | None]], ...] = (
            ("evaluate", self.evaluated),
            ("choose", self.chosen),
            ("put in", self.zeros),
            ("cancel", self.cancelled),
            ("collect", self.collected),
            ("fractions", self.fractions),
            ("pick", self.picked),
            ("sum known", self.known),
            ("exponentials", self.exponentials),
            ("logarithms", self.logarithms),
            ("pull out", self.pulled),
            ("split a sum", self.split),
            ("definition", self.definition),
            ("identity", self.identified),
            ("meaning", self.meant),
            ("write out", self.spelled),
            ("last term", self.parted),
            ("multiply above and below", self.widened),
            ("exponential out", self.lifted),
            ("multiply out", self.expanded),
            ("common denominator", self.common),
        )

    def chain(self, e: Expr) -> list[Step]:
        """The moves from an expression until none is left, or the budget is spent."""
        found: list[Step] = []
        seen = {shape(e)}
        while len(found) < _MOST:
            step = self.next(e, seen)
            if step is None:
                break
            found.append(step)
            e = step.after
            seen.add(shape(e))
        return found

    def next(self, e: Expr, seen: Iterable[str] = ()) -> Step | None:
        """The first move that changes an expression into one that was not seen."""
        before = set(seen) | {shape(e)}
        for rule, move in self.plain:
            self.why = []
            after = move(e)
            if after is None or shape(after) in before:
                continue
            if weight(after) > _LONG:
                continue
            after = self.neat(after)
            if shape(after) in before:
                continue
            return Step(rule, after, tuple(self.why) or (_SAID.get(rule, ""),))
        return None

    def chosen(self, e: Expr) -> Expr:
        """A choice whose condition is known: max(0, x) where x > 0."""
        made: list[tuple[Expr, Expr]] = []

        def rule(node: Expr) -> Expr | None:
            choice = node
            if isinstance(node, Apply) and node.function in _CHOICES:
                choice = meaning(node)
            if not isinstance(choice, Select):
                return None
            branch = self.branch(choice)
            if branch is not None:
                branch = self.neat(branch)
                made.append((node, branch))
            return branch

        new = self.everywhere(e, rule)
        if self.because:
            self.say(*self.because)
        parts: list[str | Expr] = []
        for node, branch in dict.fromkeys(made[:3]):
            parts += [", " if parts else "", node, " = ", branch]
        self.say(*parts, " here")
        return new

    def branch(self, choice: Select) -> Expr | None:
        """The branch that a choice takes, if that is known."""
        held = self.holds(choice.condition)
        if held is None:
            return None
        value = choice.then if held else choice.otherwise
        if isinstance(value, Select):
            inner = self.branch(value)
            return value if inner is None else inner
        return value

    def holds(self, condition: Expr) -> bool | None:
        """Whether a condition holds; None if that is not known."""
        every = True
        for case in self.normal.alternatives(condition):
            verdicts = []
            for p, signs in case:
                possible = set(self.normal.known.signs(p))
                verdicts.append(True if possible <= set(signs) else
                                False if not possible & set(signs) else None)
            if all(v is True for v in verdicts):
                return True
            every = every and any(v is False for v in verdicts)
        return False if every else None

    def zeros(self, e: Expr) -> Expr | None:
        """What is known to be 0, or equal to something, is put in."""
        known = getattr(self.normal.known, "bounds", ())
        for bound in known:
            if bound.signs != "0" or bound.free:
                continue
            names = sorted((m for m in bound.quantity if len(m.factors) == 1
                            and m.factors[0][1] == 1 and not m.sums and not m.guards),
                           key=lambda m: shape(m.factors[0][0]))
            for m in names:
                ref = m.factors[0][0]
                if not isinstance(ref, Ref):
                    continue
                rest = tuple(o for o in bound.quantity if o is not m)
                if any(b == ref or ref in set(walk(b)) for o in rest for b, _ in o.factors):
                    continue
                value = _value(rest, -1 / m.number)
                new = transform(e, lambda node, r=ref, v=value: v if node == r else None)  # type: ignore[misc]
                if new != e:
                    self.say(ref, " is ", value, " here")
                    return new
                break  # one of them is replaced by the others, never the other way round too
        return None

    def picked(self, e: Expr) -> Expr:
        """A sum that a condition k = y picks one term out of."""
        places: list[str | Expr] = []

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and node.op == "sum"):
                return None
            number, parts = factors(node.body)
            for at, (base, k) in enumerate(parts):
                pair = _equality(base)
                if pair is None or k != 1:
                    continue
                for r in node.indices:
                    place = self.normal.solved(_difference(pair[0]), r.name)
                    if place is None or r.size is None or not self.normal.covers(
                            r.size, place, node.indices) or r.name in place.indices():
                        continue
                    rest = product(number, [*parts[:at], *(
                        [(pair[1], 1)] if pair[1] != ONE else []), *parts[at + 1 :]])
                    own = tuple(s for s in node.indices if s is not r)
                    condition = node.condition
                    body = replaced(rest, {r.name: place})
                    if condition is not None:
                        condition = replaced(condition, {r.name: place})
                    places.append(f"{r.name} = {place}")
                    if own:
                        return Reduce("sum", own, condition, body)
                    return body if condition is None else Select(condition, body, ZERO)
            return None

        new = self.everywhere(e, rule)
        if places:
            self.say("only the term with " + " and ".join(map(str, dict.fromkeys(places)))
                     + " is left")
        return new

    def known(self, e: Expr) -> Expr:
        """A sum that an assumption gives, and the sum of what does not depend on the index."""

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and node.op == "sum") or node.condition is not None:
                return None
            for r in node.indices:
                own = tuple(s for s in node.indices if s is not r)
                if r.name not in free_indices(node.body) and r.size is not None and all(
                        s.size is None or r.name not in s.size.indices() for s in own):
                    self.say("there are as many terms as the sum has: ", as_value(r.size))
                    many = as_value(r.size)
                    body = many if node.body == ONE else mul(many, node.body)
                    return Reduce("sum", own, None, body) if own else body
            if len(node.indices) == 1 and not isinstance(node.body, Number):
                r = node.indices[0]
                m = Mono(Fraction(1), ((node.body, Fraction(1)),), (), node.indices)
                found = self.normal.known.summed(m, r.name)
                if found is not None:
                    value = _value(found, Fraction(1))
                    self.say(node, " = ", value, ", as assumed")
                    return value
            return None

        return self.everywhere(e, rule)

    def logarithms(self, e: Expr) -> Expr:
        """ln(a*b) = ln(a) + ln(b) where both are positive, ln(exp(a)) = a."""
        used: dict[str, None] = {}

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Apply) and node.function == "ln"):
                return None
            number, parts = factors(node.args[0])
            if len(parts) == 1 and number == 1 and parts[0][1] == 1:
                base = parts[0][0]
                if isinstance(base, Apply) and base.function == "exp":
                    used["ln(exp(a)) = a"] = None
                    return base.args[0]
                if isinstance(base, Apply) and base.function == "sqrt":
                    used["ln(sqrt(a)) = ln(a)/2"] = None
                    return div(Apply("ln", base.args), Number(2))
                return None
            doubtful = [b for b, k in parts if self.positive(b) is False]
            if number <= 0 or len(doubtful) > (1 if number > 0 and len(parts) > 0 else 0) or any(
                    k % 2 == 0 for b, k in parts if b in doubtful):
                return None
            if any(k < 0 for _, k in parts):
                used["ln(a/b) = ln(a) - ln(b)"] = None
            if any(abs(k) > 1 for _, k in parts):
                used["ln(a^k) = k*ln(a)"] = None
            if len(parts) + (number != 1) > 1 and not used:
                used["ln(a*b) = ln(a) + ln(b)"] = None
            pieces: list[tuple[int, Expr]] = []
            if number != 1:
                pieces.append((1, Apply("ln", (exact(number),))))
            for base, k in parts:
                log: Expr = base.args[0] if isinstance(base, Apply) and base.function == "exp" \
                    else Apply("ln", (base,))
                pieces.append((1 if k > 0 else -1, mul(Number(abs(k)), log)))
            return total(pieces)

        new = self.everywhere(e, rule)
        self.say(*identities(used))
        return new

    def positive(self, e: Expr) -> bool:
        """Whether an expression is surely positive."""
        return self.normal.known.signs(self.normal.poly(e)) == "+"

    def definition(self, e: Expr) -> Expr | None:
        """The last definition that is still to be unfolded; short ones together."""
        named: list[Expr] = []
        for equation in reversed(self.equations):
            if not mentions(e, equation.target):
                continue
            letters = [s.plain for s in equation.subscripts]
            if None in letters:
                continue

            def leaf(node: Expr, eq: Equation = equation,
                     names: Sequence[str | None] = tuple(letters)) -> Expr | None:
                if not (isinstance(node, Ref) and node.tensor == eq.target):
                    return None
                places = {n: s for n, s in zip(names, node.subscripts, strict=True)
                          if n is not None}
                return padded(node, replaced(eq.body, places), eq)

            reason = self.reasons.get(equation.target)
            new = transform(e, leaf)
            if new == e:
                continue
            new = unshadowed(new, free_indices(new))
            if reason is None and weight(equation.body) <= _SHORT:
                named.append(_name(equation))
                e = new
                continue
            if named:
                break
            self.say(*([reason] if reason else ["definition of ", _name(equation)]))
            return new
        if named:
            self.say("definition of ", *listed(named))
            return e
        return None

    def parted(self, e: Expr) -> Expr:
        """A sum to K beside one to K - 1: its last term stands alone."""

        def rule(node: Expr) -> Expr | None:
            if not (isinstance(node, Reduce) and node.op == "sum" and len(node.indices) == 1):
                return None
            r = node.indices[0]
            if r.size is None or r.size - 1 not in self.sums:
                return None
            place = {r.name: r.size - 1}
            last = replaced(node.body, place)
            if node.condition is not None:
                last = Select(replaced(node.condition, place), last, ZERO)
            rest = Reduce("sum", (Range(r.name, r.size - 1),), node.condition, node.body)
            return Apply("add", (rest, last))

        new = self.everywhere(e, rule)
        self.say("the last term of the sum stands alone")
        return new

    def identified(self, e: Expr) -> Expr:
        """A function written by one that the other side has."""
        used: list[str | Expr] = []

        def rule(node: Expr) -> Expr | None:
            if not isinstance(node, Apply) or len(node.args) != 1 or node.function in self.wanted:
                return None
            for other in self.wanted:
                new = between(node.function, other, node.args[0])
                if new is not None:
                    x = Ref("x")
                    aim = between(node.function, other, x)
                    if not used and aim is not None:
                        used.extend([Apply(node.function, (x,)), " = ", aim])
                    return new
            return None

        new = self.everywhere(e, rule)
        self.say(*used)
        return new

    def meant(self, e: Expr) -> Expr | None:
        """The innermost function that is short for something simpler, written out."""
        for node in walk(e):
            if isinstance(node, Apply) and node.function in MEANINGS and (
                    node.function not in _CHOICES):
                name = node.function
                new = self.everywhere(e, lambda n, f=name: meaning(n) if (  # type: ignore[misc]
                    isinstance(n, Apply) and n.function == f) else None)
                self.say(*statement(name))
                return new
        return None


def padded(ref: Ref, body: Expr, equation: Equation) -> Expr:
    """A definition put in where it is read with padding: the fill stands outside of its axes."""
    if ref.outside is None:
        return body
    sizes = {r.name: r.size for r in equation.ranges}
    inside: Expr | None = None
    for s, own in zip(ref.subscripts, equation.subscripts, strict=True):
        size = sizes.get(own.plain or "")
        assert size is not None
        place = as_value(s)
        inside = both(inside, Apply("and", (Apply("le", (ZERO, place)),
                                            Apply("lt", (place, as_value(size))))))
    return body if inside is None else Select(inside, body, ref.outside.fill)


def _equality(e: Expr) -> tuple[Expr, Expr] | None:
    """The condition of [i = k], and its value where it holds; None for other expressions."""
    if isinstance(e, Delta):
        return Apply("eq", (IndexValue(e.left), IndexValue(e.right))), ONE
    if isinstance(e, Select) and e.otherwise == ZERO and isinstance(
            e.condition, Apply) and e.condition.function == "eq":
        return e.condition, e.then
    return None


def _difference(condition: Expr) -> Expr:
    assert isinstance(condition, Apply)
    return Apply("sub", condition.args)


def _value(p: Sequence[Mono], factor: Fraction) -> Expr:
    from chainrule.algebra.polynomial import expression, scaled

    return expression(scaled(tuple(p), factor))


def _name(equation: Equation) -> Expr:
    return Ref(equation.target, ())


__all__ = ["Moves", "Step"]
