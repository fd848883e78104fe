"""A mistake in words: which term of which adjoint is wrong, how, and the equation as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from chainrule.diff.reverse import Derivative
from chainrule.document.blocks import Block, Inline, MathBlock, Prose, p
from chainrule.document.mathtree import Math, Num
from chainrule.document.notation import Notation, as_whole, symbol
from chainrule.explain.work import equation_math
from chainrule.lang.expr import Apply, Expr, Reduce, Ref, walk
from chainrule.lang.functions import FUNCTIONS
from chainrule.lang.integers import index
from chainrule.lang.program import Equation, Program
from chainrule.train.gradcheck_diagnose import Mistake
from chainrule.train.gradcheck_forms import shown, tidied
from chainrule.train.gradcheck_mutants import Change, summed
from chainrule.train.gradcheck_rerun import Worked

_LISTED = 6  # equations named where one mistake was made in many
_ONE = Fraction(1)


class Words:
    """How the mistakes in one differentiated program are said; `loss` is what is differentiated."""

    def __init__(self, worked: Worked, loss: str) -> None:
        self.worked = worked
        self.program: Program = worked.program
        names = {e.target: _winner(e) for e in worked.program.equations
                 if e.origin.rule == "winner"}
        self.notation = Notation(worked.program.tensors, 6, "partial", symbol(loss),
                                 {n: m for n, m in names.items() if m is not None})

    def adjoint(self, tensor: str) -> Math:
        """∂L/∂W₁, of a tensor by name."""
        name = self.worked.adjoints.get(tensor)
        if name is None:
            return self.notation.partial(self.notation.loss, as_whole(symbol(tensor)))
        return self.notation.partial(self.notation.loss, self.tensor(tensor))

    def tensor(self, name: str) -> Math:
        """A tensor as a whole."""
        return as_whole(self.notation.tensor(name))

    def expression(self, e: Expr) -> Math:
        return self.notation.expression(tidied(e, self.program))

    def equation(self, equation: Equation) -> Math:
        return equation_math(self.notation, shown(equation, self.program))

    # --- a mistake

    def blocks(self, mistake: Mistake) -> list[Block]:
        """What is wrong, the equation as it should be, and the one that gives their numbers."""
        first = self.program.equations[mistake.places[0]]
        found: list[Block] = [p(*self.sentence(mistake))]
        if len(mistake.places) > 1 and not mistake.factors:
            alike = [self.program.equations[k] for k in mistake.places]
            targets = list(dict.fromkeys(e.target for e in alike))
            if len(targets) > 1:
                found.append(p("It is the same in ", *self._targets(targets), "."))
        found += [p("The equation is"), MathBlock(self.equation(first))]
        if mistake.factor != 0:
            found += [p("and your numbers are those of"),
                      MathBlock(self.equation(mistake.changed[0]))]
        return found

    def _targets(self, names: Sequence[str]) -> list[str | Inline]:
        shown_names = [self.notation.tensor(n) for n in names[:_LISTED]]
        found: list[str | Inline] = list(listed(shown_names))
        if len(names) > _LISTED:
            found.append(f" and {len(names) - _LISTED} more")
        return found

    def sentence(self, mistake: Mistake) -> list[Prose]:
        """What is wrong, in one or two sentences."""
        equation = self.program.equations[mistake.places[0]]
        if mistake.change is not None:
            said = self.changed(equation, mistake.change)
            if mistake.factor is not None and mistake.factor != 1:
                said += [" Beside that it is ", *self.times(mistake.factor, equation), "."]
            return said
        if mistake.factors and mistake.factor is None:
            return self.several(mistake)
        return self.scaled(mistake, equation)

    def scaled(self, mistake: Mistake, equation: Equation) -> list[Prose]:
        """Terms that are missing, or have another factor."""
        target = self.notation.tensor(equation.target)
        own = [k for k in self.worked.backward()
               if self.program.equations[k].target == equation.target]
        ends = list(dict.fromkeys(self.program.equations[k].origin.of for k in mistake.places))
        alone = len(own) == 1 or set(mistake.places) >= set(own)
        plural = len(mistake.places) > 1 and not alone
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
        said: list[Prose] = ["In ", self.notation.tensor(equation.target)]
        for n, (k, factor) in enumerate(zip(mistake.places, mistake.factors, strict=True)):
            e = self.program.equations[k]
            what = ["missing"] if factor == 0 else ["of the wrong sign"] if factor == -1 else (
                list(self.times(factor, e)))
            said += ["; " if n else " ", "the term ", *self.through([e.origin.of]), " is ", *what]
        return [*said, "."]

    def through(self, ends: Sequence[str | None]) -> list[Prose]:
        """'through m and s', or 'that comes straight from L'."""
        return ["through ", *self.ends(ends)]

    def ends(self, ends: Sequence[str | None]) -> list[Prose]:
        return listed([self.tensor(n) for n in ends if n is not None])

    def times(self, factor: Fraction | float, equation: Equation) -> list[Prose]:
        """'5 times too large: 5 is how far n runs; is it to be divided by that?'"""
        if not isinstance(factor, Fraction):
            return [f"multiplied by {factor:.4g}"]
        sign = "" if factor > 0 else ", and has the wrong sign"
        size = abs(factor)
        if size == 1:
            return ["of the wrong sign"]
        if size == 2 or size == Fraction(1, 2):
            said = "twice as large as it should be" if size == 2 else "half of what it should be"
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
                return ["cells of ", self.notation.tensor(name)]
        return None

    # --- a change

    def changed(self, equation: Equation, change: Change) -> list[Prose]:
        """One change of an equation in words."""
        target = self.notation.tensor(equation.target)
        before = self.expression(change.before) if change.before is not None else None
        after = self.expression(change.after) if change.after is not None else None
        if change.kind == "factor":
            return self.dropped(equation, change)
        if change.kind == "swap":
            right, wrong = (self.notation.tensor(n) for n in change.where)
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
            return ["In ", target, ", each cell gets its own term alone: the sum over ",
                    *listed(over), " is missing. Only the diagonal of the Jacobian ",
                    *(["through ", self.tensor(of), " "] if of else []), "is taken."]
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
        target = self.notation.tensor(equation.target)
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
        target = self.notation.tensor(equation.target)
        name, end = change.where
        if name == "window":
            return ["In ", target, ", the gradient of a maximum is sent to the first cell of its "
                    "window; it belongs to the winner."]
        which = "first" if end == "0" else "last"
        return ["In ", target, ", only the ", which, " value of ", symbol(name),
                " is counted: the sum over ", symbol(name), " is missing."]

    def kink(self, equation: Equation, change: Change) -> list[Prose]:
        """Another choice where a derivative jumps."""
        target = self.notation.tensor(equation.target)
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
    found: list[Prose] = []
    for n, part in enumerate(parts):
        if n:
            found.append(" and " if n == len(parts) - 1 else ", ")
        found.append(part)
    return found


def _winner(equation: Equation) -> Math | None:
    return None


__all__ = ["Derivative", "Num", "Words", "listed"]
