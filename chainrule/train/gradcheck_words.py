"""A mistake in words: which term of which adjoint is wrong, how, and what the equation is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import prod

from chainrule.document.blocks import Block, MathBlock, Prose, p
from chainrule.document.mathtree import Math
from chainrule.document.notation import Notation, as_whole, symbol
from chainrule.explain.work import equation_math, winner_names
from chainrule.lang.expr import Apply, Expr, Reduce, Ref, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program
from chainrule.train.gradcheck_diagnose import Mistake
from chainrule.train.gradcheck_forms import shown, tidied
from chainrule.train.gradcheck_mutants import Change, summed
from chainrule.train.gradcheck_rerun import YOURS, Worked

_LISTED = 6  # equations named where one mistake was made in many


class Words:
    """How the mistakes in one differentiated program are said; `loss` is what is differentiated."""

    def __init__(self, worked: Worked, loss: str) -> None:
        self.worked = worked
        self.loss = loss
        self.program: Program = worked.program
        self.notation = Notation(worked.program.tensors, 6, "partial", symbol(loss),
                                 winner_names(worked.program))

    def adjoint(self, tensor: str) -> Math:
        """∂L/∂W₁, of a tensor by name."""
        name = self.worked.adjoints.get(tensor)
        if name is None:
            return self.notation.partial(self.notation.loss, as_whole(symbol(tensor)))
        return self.whole(name)

    def whole(self, name: str) -> Math:
        """A tensor, or an adjoint, as a whole."""
        tensor = self.program.tensors[name]
        if name.endswith(YOURS) and tensor.adjoint_of is not None:
            name = name.removesuffix(YOURS)
        if tensor.adjoint_of is not None and self.notation.style == "partial":
            return self.notation.partial(self.notation.loss, self.whole(tensor.adjoint_of))
        return as_whole(self.notation.tensor(name))

    def named(self, name: str) -> list[Prose]:
        """What the equation of a tensor is about: h, or 'the sum in p' for a part of p."""
        made = self.program.definitions().get(name, [])
        if made and made[0].origin.rule == "part" and made[0].origin.of is not None:
            body = made[0].body
            part = {"sum": "the sum", "max": "the maximum", "min": "the minimum"}
            word = part.get(body.op, "a part") if isinstance(body, Reduce) else "a part"
            return [f"{word} in ", *self.named(made[0].origin.of)]
        return [self.whole(name)]

    def expression(self, e: Expr) -> Math:
        return self.notation.expression(tidied(e, self.program))

    def equation(self, equation: Equation) -> Math:
        return equation_math(self.notation, shown(equation, self.program))

    # --- a mistake

    def blocks(self, mistake: Mistake) -> list[Block]:
        """What is wrong, the equation as it should be, and the one that gives their numbers."""
        first = self.program.equations[mistake.places[0]]
        found: list[Block] = [p(*self.sentence(mistake))]
        if mistake.repeated:
            alike = [self.program.equations[k] for k in mistake.places]
            targets = list(dict.fromkeys(e.target for e in alike))
            if len(targets) > 1:
                found.append(p("It is the same in ", *self._targets(targets[1:]), "."))
        term = "The term is" if first.accumulate else "The equation is"
        found += [p(term), MathBlock(self.equation(first))]
        if mistake.factor != 0:
            found += [p("and your numbers are those of"),
                      MathBlock(self.equation(mistake.changed[0]))]
        return found

    def _targets(self, names: Sequence[str]) -> list[Prose]:
        found = listed([self.whole(n) for n in names[:_LISTED]])
        return [*found, f" and {len(names) - _LISTED} more"] if len(names) > _LISTED else found

    def sentence(self, mistake: Mistake) -> list[Prose]:
        """What is wrong, in one or two sentences."""
        equation = self.program.equations[mistake.places[0]]
        if mistake.change is not None:
            said = self.changed(equation, mistake.change)
            if mistake.change.kind == "every" and mistake.factor == self.evenly(mistake):
                return ["In ", self.whole(equation.target), ", the gradient of a maximum is spread "
                        "evenly over all cells of its window; it belongs to the winner alone."]
            if mistake.factor is not None and mistake.factor != 1:
                said += [" Beside that it is ", *self.times(mistake.factor, equation), "."]
            return said
        if mistake.factors and mistake.factor is None:
            return self.several(mistake)
        return self.scaled(mistake, equation)

    def evenly(self, mistake: Mistake) -> Fraction:
        """One over the number of cells of the window that a gradient was spread over."""
        old = {r.name for r in self.program.equations[mistake.places[0]].ranges}
        new = [r.size for r in mistake.changed[0].ranges if r.name not in old]
        return Fraction(1, prod(self.worked.sizes.of(n) for n in new if n is not None))

    def scaled(self, mistake: Mistake, equation: Equation) -> list[Prose]:
        """Terms that are missing, or have another factor."""
        target = self.whole(equation.target)
        own = [k for k in self.worked.backward()
               if self.program.equations[k].target == equation.target]
        here = [k for k in mistake.places if k in own]
        ends = list(dict.fromkeys(self.program.equations[k].origin.of for k in here))
        alone = set(here) == set(own)
        plural = len(here) > 1 and not alone
        subject: list[Prose] = [target] if alone else [
            "In ", target, f" the term{'s' * plural} ", *self.through(ends)]
        verb = "are" if plural else "is"
        factor = mistake.factor
        assert factor is not None
        if factor == 0:
            if alone and equation.origin.rule != "seed":
                return [target, " is zero: nothing comes back through ", *self.ends(ends), "."]
            return [*subject, f" {verb} missing."]
        if factor == -1:
            return [*subject, f" {'have' if plural else 'has'} the wrong sign."]
        return [*subject, f" {verb} ", *self.times(factor, equation), "."]

    def several(self, mistake: Mistake) -> list[Prose]:
        """Terms of one adjoint, each with its own factor."""
        equation = self.program.equations[mistake.places[0]]
        said: list[Prose] = ["In ", self.whole(equation.target)]
        for n, (k, factor) in enumerate(zip(mistake.places, mistake.factors, strict=True)):
            e = self.program.equations[k]
            what = ["missing"] if factor == 0 else ["of the wrong sign"] if factor == -1 else (
                list(self.times(factor, e)))
            said += ["; " if n else " ", "the term ", *self.through([e.origin.of]), " is ", *what]
        return [*said, "."]

    def through(self, ends: Sequence[str | None]) -> list[Prose]:
        """'through m and s', or 'that comes straight from L'."""
        if list(ends) == [self.loss]:
            return ["that comes straight from ", self.whole(self.loss)]
        return ["through ", *self.ends(ends)]

    def ends(self, ends: Sequence[str | None]) -> list[Prose]:
        return joined([self.named(n) for n in ends if n is not None])

    def times(self, factor: Fraction | float, equation: Equation) -> list[Prose]:
        """'5 times too large: 5 is how far n runs; is it to be divided by that?'"""
        if not isinstance(factor, Fraction):
            return [f"multiplied by {factor:.4g}"]
        sign = "" if factor > 0 else ", and has the wrong sign"
        size = abs(factor)
        if size == 1:
            return ["of the wrong sign"]
        if size == 2 or size == Fraction(1, 2):
            said = "twice what it should be" if size == 2 else "half of what it should be"
            return [said, sign]
        large = size.denominator == 1
        number = size.numerator if large else size.denominator
        said = f"{number} times too {'large' if large else 'small'}{sign}"
        meant = self.extent(number, equation)
        if meant is None:
            return [said]
        hint = "a mean taken as a sum" if large else "a sum taken as a mean"
        return [f"{said}, and {number} is the number of ", *meant, f": {hint}, perhaps"]

    def extent(self, number: int, equation: Equation) -> list[Prose] | None:
        """What has that many values: an index of the equation, of another, a whole tensor."""
        total = summed(equation)
        for count in range(2, len(total) + 1):
            for some in combinations(total, count):
                sizes = [self.worked.sizes.of(r.size) for r in some if r.size is not None]
                if prod(sizes) == number:
                    return ["terms that are summed over ", *listed([symbol(r.name) for r in some])]
        others = [e for e in self.program.equations if e is not equation]
        for e in (equation, *reversed(others)):
            loops = [*summed(e), *e.ranges]
            loops += [r for n in walk(e.body) if isinstance(n, Reduce) for r in n.indices]
            for r in loops:
                if r.size is not None and self.worked.sizes.of(r.size) == number:
                    return ["values that ", self.notation.integer(index(r.name)), " takes"]
        for name in (equation.target, *self.program.tensors):
            array = self.worked.tables.get(name)
            if array is not None and array.size == number and array.ndim:
                return ["cells of ", self.whole(name)]
        return None

    # --- a change

    def changed(self, equation: Equation, change: Change) -> list[Prose]:
        """One change of an equation in words."""
        target = self.whole(equation.target)
        before = self.expression(change.before) if change.before is not None else None
        after = self.expression(change.after) if change.after is not None else None
        if change.kind == "factor":
            return self.dropped(equation, change)
        if change.kind == "swap":
            right, wrong = (self.whole(n) for n in change.where)
            return ["In ", target, ", ", wrong, " stands where ", right, " belongs."]
        if change.kind == "one":
            return self.one(equation, change)
        if change.kind == "flip":
            return ["In ", target, ", the window is walked from its other end along ",
                    *listed([symbol(n) for n in change.where]),
                    ": the kernel is flipped where it should not be, or not where it should."]
        if change.kind in ("every", "spread"):
            cells = "every cell of its window" if change.kind == "every" else (
                "every cell that is as large as the maximum, whole")
            return ["In ", target, f", the gradient of a maximum is sent to {cells}; it belongs to "
                    "the winner alone."]
        if change.kind == "kink":
            return self.kink(equation, change)
        assert before is not None and after is not None
        if change.kind == "diagonal":
            of = equation.origin.of
            made = self.program.definitions()[change.before.tensor][0] if isinstance(
                change.before, Ref) else equation
            over = [symbol(r.name) for r in summed(made)]
            sums: list[Prose] = ["through ", *self.named(of), " "] if of else []
            return ["In ", target, ", each cell gets its own term alone: the sum over ",
                    *listed(over), " is missing. Only the diagonal of the Jacobian ", *sums,
                    "is taken."]
        if change.kind == "transpose" and equation.subscripts != change.equation.subscripts:
            return [target, " comes out transposed."]
        if change.kind == "transpose":
            return ["In ", target, ", ", after, " stands where ", before,
                    " belongs: a transpose too many, or too few."]
        if change.kind in ("mask", "branch"):
            return ["In ", target, ", the condition is left out: ", after, " is taken "
                    "everywhere in the place of ", before, "."]
        if change.kind == "twice":
            return ["In ", target, ", a factor is applied twice: ", after, " for ", before, "."]
        if change.kind == "inner sign":
            return ["In ", target, ", a sign is wrong: ", after, " for ", before, "."]
        return ["In ", target, ", ", after, " stands where ", before, " belongs."]

    def dropped(self, equation: Equation, change: Change) -> list[Prose]:
        """A factor that is missing; whose derivative it is, if it is all that the rule gives."""
        assert isinstance(change.before, Apply)
        left, right = change.before.args
        target = self.whole(equation.target)
        if change.before.function == "div":
            return ["In ", target, ", the division by ", self.expression(right), " is missing."]
        gone = right if change.after == left else left
        said: list[Prose] = ["In ", target, ", the factor ", self.expression(gone),
                             " is missing"]
        rule = self.rule(equation, gone)
        return [*said, *rule, "."]

    def rule(self, equation: Equation, factor: Expr) -> list[Prose]:
        """', the derivative of h = σ(z₁)', where a factor is the whole of it."""
        of = equation.origin.of
        made = self.program.definitions().get(of or "", [])
        if len(made) != 1 or not isinstance(made[0].body, Apply) or len(made[0].body.args) != 1:
            return []
        body = made[0].body
        out = Ref(made[0].target, made[0].subscripts)
        derivative = FUNCTIONS[body.function].partials[0](*body.args, out)
        if factor != derivative:
            return []
        return [", the derivative of ", equation_math(self.notation, made[0])]

    def one(self, equation: Equation, change: Change) -> list[Prose]:
        """A sum of which one term was taken."""
        target = self.whole(equation.target)
        name, end = change.where
        if name == "window":
            return ["In ", target, ", the gradient of a maximum is sent to the first cell of its "
                    "window; it belongs to the winner."]
        which = "first" if end == "0" else "last"
        return ["In ", target, ", only the ", which, " value of ", symbol(name),
                " is counted: the sum over ", symbol(name), " is missing."]

    def kink(self, equation: Equation, change: Change) -> list[Prose]:
        """Another choice where a derivative jumps."""
        target = self.whole(equation.target)
        if change.where == ("shared",):
            return ["In ", target, ", several cells of a window are as large as its maximum. "
                    "Yours shares the gradient among them, ours gives it to the first. Both are "
                    "subgradients."]
        assert change.before is not None and change.after is not None
        return ["In ", target, ", some cells lie exactly on the kink. Yours takes ",
                self.expression(change.after), ", ours ", self.expression(change.before),
                ". Both are allowed there."]


def listed(parts: Sequence[Math]) -> list[Prose]:
    """'a, b and c'"""
    return joined([[part] for part in parts])


def joined(parts: Sequence[Sequence[Prose]]) -> list[Prose]:
    """'a, b and the sum in c'"""
    found: list[Prose] = []
    for n, part in enumerate(parts):
        if n:
            found.append(" and " if n == len(parts) - 1 else ", ")
        found += part
    return found

